//! Riders who look at the map before they book: which tiles of the city they look at, and the newest picture of each.
//!
//! Separate from watching a driver, because here many look at the same: a picture is encoded once and shared by all who look,
//! and it is sent only when it changed. What a tile is and who is in it is the business of `locations`; here a tile is a
//! number.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use rustc_hash::FxHashMap;

use crate::ids::UserId;
use crate::realtime::protocol::Encoding;
use crate::realtime::protocol::server::{NearbyDriver, ServerMessage};

/// The free drivers of one tile at one moment.
#[derive(Debug)]
pub struct Picture {
    tile: u32,
    message: ServerMessage,
    json: OnceLock<Box<[u8]>>,
    binary: OnceLock<Box<[u8]>>,
}

impl Picture {
    /// Of these drivers.
    pub fn new(tile: u32, drivers: Vec<NearbyDriver>) -> Self {
        let message = ServerMessage::DriversNearby { tile, drivers };
        Self { tile, message, json: OnceLock::new(), binary: OnceLock::new() }
    }

    /// Of which tile.
    pub fn tile(&self) -> u32 {
        self.tile
    }

    /// How many drivers are in it.
    pub fn count(&self) -> usize {
        match &self.message {
            ServerMessage::DriversNearby { drivers, .. } => drivers.len(),
            _ => 0,
        }
    }

    /// The frame's payload, made by the first who asks.
    pub fn payload(&self, encoding: Encoding) -> &[u8] {
        let made = match encoding {
            Encoding::Json => &self.json,
            Encoding::Binary => &self.binary,
        };
        made.get_or_init(|| {
            let mut payload = Vec::new();
            self.message.encode_into(encoding, &mut payload);
            payload.into_boxed_slice()
        })
    }
}

/// Who looks at which tiles. Bounded by the riders' sockets and the tiles that one may look at.
#[derive(Default)]
pub struct Browsing {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    tiles: BTreeMap<u32, Tile>,
    of_user: FxHashMap<UserId, Vec<u32>>,
}

#[derive(Default)]
struct Tile {
    lookers: Vec<UserId>,
    newest: Option<Arc<Picture>>,
}

impl Browsing {
    /// From now on the user looks at these tiles and no others. The answer is what is known of them already.
    pub fn look(&self, user: UserId, tiles: Vec<u32>) -> Vec<Arc<Picture>> {
        let mut inner = self.lock();
        inner.leave(user);
        let mut known = Vec::new();
        for number in &tiles {
            let tile = inner.tiles.entry(*number).or_default();
            tile.lookers.push(user);
            known.extend(tile.newest.clone());
        }
        if !tiles.is_empty() {
            inner.of_user.insert(user, tiles);
        }
        known
    }

    /// The tiles that somebody looks at, ascending.
    pub fn tiles(&self) -> Vec<u32> {
        self.lock().tiles.keys().copied().collect()
    }

    /// A tile looks like this now. Those who have to be told: nobody, when it looked the same before.
    pub fn show(&self, picture: &Arc<Picture>) -> Vec<UserId> {
        let mut inner = self.lock();
        let Some(tile) = inner.tiles.get_mut(&picture.tile) else { return Vec::new() };
        if tile.newest.as_ref().is_some_and(|newest| newest.message == picture.message) {
            return Vec::new();
        }
        tile.newest = Some(Arc::clone(picture));
        tile.lookers.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn leave(&mut self, user: UserId) {
        for number in self.of_user.remove(&user).unwrap_or_default() {
            if let Some(tile) = self.tiles.get_mut(&number) {
                tile.lookers.retain(|looker| *looker != user);
                if tile.lookers.is_empty() {
                    self.tiles.remove(&number);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn user(number: u128) -> UserId {
        UserId(Uuid::from_u128(number))
    }

    fn picture(tile: u32, keys: &[u32]) -> Arc<Picture> {
        let driver = |key: &u32| NearbyDriver { key: *key, lat: -1.9, lng: 30.0, bearing_deg: None };
        Arc::new(Picture::new(tile, keys.iter().map(driver).collect()))
    }

    #[test]
    fn those_who_look_are_told_of_changes_only_and_newcomers_of_what_is_known() {
        let browsing = Browsing::default();
        assert!(browsing.look(user(1), vec![7, 8]).is_empty());
        assert_eq!(browsing.show(&picture(7, &[1])), [user(1)]);
        assert!(browsing.show(&picture(7, &[1])).is_empty(), "as before");
        assert!(browsing.show(&picture(9, &[1])).is_empty(), "nobody looks");
        assert_eq!(browsing.look(user(2), vec![7]).len(), 1);
        assert_eq!(browsing.show(&picture(7, &[1, 2])), [user(1), user(2)]);
        browsing.look(user(1), vec![8]);
        browsing.look(user(2), Vec::new());
        assert_eq!(browsing.tiles(), [8]);
        browsing.look(user(1), Vec::new());
        assert!(browsing.tiles().is_empty() && browsing.lock().of_user.is_empty());
    }

    #[test]
    fn a_picture_is_encoded_once_for_each_encoding() {
        let picture = picture(7, &[1]);
        let json = picture.payload(Encoding::Json).as_ptr();
        assert_eq!(picture.payload(Encoding::Json).as_ptr(), json);
        assert_ne!(picture.payload(Encoding::Binary), picture.payload(Encoding::Json));
    }
}
