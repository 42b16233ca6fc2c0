//! A meeting that is handed in: who met whom when, whether it was handed in before, and whether it can have been.

use dashmap::DashMap;
use ring::digest::{SHA256, digest};
use rustc_hash::FxBuildHasher;
use uuid::Uuid;

use super::driver_far;
use super::tokens::{self, Shower};
use crate::drivers;
use crate::error::Error;
use crate::geo::LatLng;
use crate::ids::{DriverId, RideId, RiderId, UserId};
use crate::rides::Rides;
use crate::rides::ride::Ride;
use crate::rides::store::pairing as store;
use crate::time::{Span, Timestamp};
use crate::web::{Caller, Role};

/// What was shown so long ago, or less, happens now: where people stand can be looked at.
const NOW_WITHIN: Span = Span::from_secs(120);
/// Two phones that hand in one meeting may disagree about its time by so much.
const SAME_MEETING_WITHIN: Span = Span::from_minutes(10);

/// Who met whom, and when where that is not simply now.
pub(super) struct Meeting {
    pub(super) rider: RiderId,
    pub(super) driver: DriverId,
    pub(super) shown_at: Option<Timestamp>,
    /// Whose code it was.
    pub(super) shown_by: Shower,
}

impl Rides {
    /// Who met whom by what the caller's phone saw.
    pub(super) fn meeting_of(&self, caller: Caller, scanned: &str, now: Timestamp) -> Result<Meeting, Error> {
        let refused =
            |reason: tokens::NotShown| Error::conflict("pairing_refused", format!("what was scanned {reason}"));
        let shown = self.inner.pairing.keys.read(scanned).map_err(refused)?;
        let (user, shown_by) = (shown.token.user, shown.token.shower);
        let (rider, driver) = match (shown_by, caller.role) {
            (Shower::Driver, Role::Customer) => (RiderId::from(caller.user), DriverId::from(user)),
            (Shower::Rider, Role::Driver) => (RiderId::from(user), DriverId::from(caller.user)),
            _ => {
                let text = "a rider scans what a driver shows, or the other way round";
                return Err(Error::conflict("pairing_refused", text));
            }
        };
        let config = self.inner.config.pairing;
        if shown.at > now + config.clock_ahead_max {
            return Err(Error::conflict("pairing_clock_ahead", "the clock of the phone that showed it is ahead"));
        }
        if shown.at + tokens::WINDOW < now - config.handed_in_within {
            return Err(Error::conflict("pairing_too_old", "this was scanned too long ago to be handed in"));
        }
        Ok(Meeting { rider, driver, shown_at: Some(shown.at), shown_by })
    }

    /// Two phones may hand in one meeting at the same moment, and two drivers may have scanned one rider. What was handed in
    /// before is looked up in the store, so of each person one meeting at a time is in hand, of whatever time it is.
    pub(super) fn take_in_hand(&self, meeting: &Meeting) -> Result<[InHand<'_>; 2], Error> {
        let all = &self.inner.pairing.in_hand;
        // When the second is taken, the first is let go again.
        Ok([InHand::take(all, meeting.rider.into())?, InHand::take(all, meeting.driver.into())?])
    }

    /// The ride of this meeting, if it was handed in before; refused when the code paired somebody else, or when one of
    /// the two was on another ride.
    pub(super) async fn handed_in_before(
        &self,
        meeting: &Meeting,
        shown_at: Timestamp,
        now: Timestamp,
    ) -> Result<Option<Ride>, Error> {
        let id = meeting_id(meeting, shown_at);
        let around =
            store::Around { rider: meeting.rider, driver: meeting.driver, at: shown_at, now_within: NOW_WITHIN };
        let others = store::rides_around(&self.inner.pool, &around).await?;
        let apart_ms = |other: &store::Other| {
            let paired_at = other.paired_at?;
            Some((paired_at.as_millis() - shown_at.as_millis()).abs())
        };
        let is_same = |other: &&store::Other| {
            let is_pair = other.rider == meeting.rider && other.driver == meeting.driver;
            let is_near = apart_ms(other).is_some_and(|ms| ms <= SAME_MEETING_WITHIN.as_millis());
            // The two may ride together again soon after; but not while they ride.
            let is_one = other.is_under_way_at || other.paired_at.is_some_and(|paired_at| paired_at > shown_at);
            other.id == id || (is_pair && is_near && is_one)
        };
        if let Some(same) = others.iter().find(is_same) {
            return self.current(same.id).await.map(|ride| Some((*ride).clone()));
        }
        // One phone shows one code at a time; the other's of the same half minute is another code.
        let is_of_shower = |other: &store::Other| match meeting.shown_by {
            Shower::Driver => other.driver == meeting.driver,
            Shower::Rider => other.rider == meeting.rider,
        };
        if others.iter().any(|other| apart_ms(other) == Some(0) && is_of_shower(other)) {
            return Err(Error::conflict("pairing_replayed", "this code paired another ride"));
        }
        // Of what happens now, dispatch knows better who is busy.
        let is_late = now.since(shown_at) > NOW_WITHIN;
        if is_late && others.iter().any(|other| other.is_under_way_at) {
            return Err(Error::conflict("pairing_overlaps", "one of you was on another ride at that time"));
        }
        Ok(None)
    }

    pub(super) async fn check_place_and_shift(
        &self,
        meeting: &Meeting,
        at: LatLng,
        shown_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), Error> {
        if now.since(shown_at) <= NOW_WITHIN {
            return match self.seen(meeting.driver, now) {
                Some(place) if place.distance_m(at) <= self.inner.config.pairing.distance_m_max => Ok(()),
                Some(_) => Err(driver_far()),
                // Shown by a phone that has no network: the other one's word has to do.
                None => Ok(()),
            };
        }
        if drivers::was_on_shift(&self.inner.pool, meeting.driver, shown_at, NOW_WITHIN).await? {
            Ok(())
        } else {
            Err(Error::conflict("driver_off_shift", "the driver was not on shift at that time"))
        }
    }
}

/// Lets go of a person when their meeting has been handed in, or not.
pub(super) struct InHand<'a> {
    all: &'a DashMap<UserId, (), FxBuildHasher>,
    user: UserId,
}

impl<'a> InHand<'a> {
    fn take(all: &'a DashMap<UserId, (), FxBuildHasher>, user: UserId) -> Result<Self, Error> {
        match all.entry(user) {
            dashmap::Entry::Occupied(_) => Err(Error::Unavailable { retry_after: Span::from_secs(1), cause: None }),
            dashmap::Entry::Vacant(free) => {
                free.insert(());
                Ok(Self { all, user })
            }
        }
    }
}

impl Drop for InHand<'_> {
    fn drop(&mut self) {
        self.all.remove(&self.user);
    }
}

pub(super) fn check_ended(ended_at: Option<Timestamp>, shown_at: Timestamp, now: Timestamp) -> Result<(), Error> {
    match ended_at {
        Some(ended_at) if ended_at < shown_at => Err(Error::invalid("ended_at", ended_at, "is before the meeting")),
        Some(ended_at) if ended_at > now + NOW_WITHIN => Err(Error::invalid("ended_at", ended_at, "is in the future")),
        _ => Ok(()),
    }
}

/// The ride that a meeting stands for, whoever hands it in.
pub(super) fn meeting_id(meeting: &Meeting, shown_at: Timestamp) -> RideId {
    let mut text = b"pairing".to_vec();
    text.extend_from_slice(meeting.rider.0.as_bytes());
    text.extend_from_slice(meeting.driver.0.as_bytes());
    text.extend_from_slice(&shown_at.as_millis().to_be_bytes());
    let hash = digest(&SHA256, &text);
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.as_ref()[..16]);
    RideId(Uuid::new_v8(bytes))
}
