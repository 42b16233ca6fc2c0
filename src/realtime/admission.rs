//! Who may open a socket now: buckets for the whole node and for each address, and a count of sockets for each address.
//!
//! Pure arithmetic, handed the time. When a city's sockets break all at once (a restart, a mast that comes back), the apps
//! return all at once, too; the node's bucket spreads them over seconds, so that those who are back are served meanwhile.
//! The limits for one address are wide: a mobile network hides thousands of phones behind one.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustc_hash::FxHashMap;

use crate::realtime::limit::{Bucket, Rate};
use crate::time::{Span, Timestamp};

/// The bounds.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Handshakes a second on this node, and as many at once.
    pub handshakes_per_s: u32,
    /// Handshakes a second from one address, and as many at once.
    pub handshakes_per_address_per_s: u32,
    /// Sockets from one address.
    pub connections_per_address_max: u32,
}

/// Why a handshake is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Too many handshakes on this node at this moment.
    NodeBusy,
    /// Too many handshakes from this address at this moment.
    AddressBusy,
    /// Too many sockets from this address.
    AddressFull,
}

impl Refused {
    /// Every label, in the order of the variants.
    pub const LABELS: [&'static str; 3] = ["node_busy", "address_busy", "address_full"];
}

impl Bounds {
    fn node(self) -> Rate {
        Rate { per_s: self.handshakes_per_s, burst_max: self.handshakes_per_s }
    }

    fn address(self) -> Rate {
        Rate { per_s: self.handshakes_per_address_per_s, burst_max: self.handshakes_per_address_per_s }
    }
}

/// The books of one node.
pub struct Admission {
    bounds: Bounds,
    books: Mutex<Books>,
}

struct Books {
    node: Bucket,
    addresses: FxHashMap<IpAddr, Address>,
    swept: Timestamp,
}

struct Address {
    bucket: Bucket,
    sockets: Arc<AtomicU32>,
}

/// How often addresses that are at rest are forgotten.
const SWEEP_EVERY: Span = Span::from_secs(10);

/// A socket's place in the count of its address; given back when dropped.
pub struct Seat {
    sockets: Arc<AtomicU32>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.sockets.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Admission {
    /// Empty books.
    pub fn new(bounds: Bounds, now: Timestamp) -> Self {
        let node = Bucket::full(bounds.node(), now);
        let books = Books { node, addresses: FxHashMap::default(), swept: now };
        Self { bounds, books: Mutex::new(books) }
    }

    /// Lets a handshake from this address in.
    ///
    /// # Errors
    /// [`Refused`]; nobody else pays for it.
    pub fn admit(&self, address: IpAddr, now: Timestamp) -> Result<Seat, Refused> {
        let bounds = self.bounds;
        let mut books = self.lock();
        books.sweep(bounds, now);
        let address = books
            .addresses
            .entry(block(address))
            .or_insert_with(|| Address { bucket: Bucket::full(bounds.address(), now), sockets: Arc::default() });
        if address.sockets.load(Ordering::Relaxed) >= bounds.connections_per_address_max {
            return Err(Refused::AddressFull);
        }
        if !address.bucket.take(bounds.address(), now) {
            return Err(Refused::AddressBusy);
        }
        let sockets = Arc::clone(&address.sockets);
        if !books.node.take(bounds.node(), now) {
            return Err(Refused::NodeBusy);
        }
        sockets.fetch_add(1, Ordering::Relaxed);
        Ok(Seat { sockets })
    }

    fn lock(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Books {
    /// Forgets addresses without sockets whose bucket is full again: as if they had never come.
    fn sweep(&mut self, bounds: Bounds, now: Timestamp) {
        if now.since(self.swept) < SWEEP_EVERY && now >= self.swept {
            return;
        }
        self.swept = now;
        self.addresses.retain(|_, address| {
            address.sockets.load(Ordering::Relaxed) > 0 || !address.bucket.is_full(bounds.address(), now)
        });
    }
}

/// What counts as one address: with IPv6 a subscriber has a whole /64.
fn block(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds =
        Bounds { handshakes_per_s: 10, handshakes_per_address_per_s: 4, connections_per_address_max: 6 };

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn one_address_cannot_take_the_places_of_others() {
        let admission = Admission::new(BOUNDS, at(0));
        let mut seats = Vec::new();
        let flood: Vec<_> =
            (0..20).map(|_| admission.admit(address("10.0.0.1"), at(0)).map(|seat| seats.push(seat))).collect();
        assert_eq!(flood.iter().filter(|admitted| admitted.is_ok()).count(), 4);
        assert_eq!(flood[4], Err(Refused::AddressBusy));
        assert!(admission.admit(address("10.0.0.2"), at(0)).is_ok());
        // A second later two more fit, and then the address is full.
        let later: Vec<_> =
            (0..4).map(|_| admission.admit(address("10.0.0.1"), at(1_000)).map(|seat| seats.push(seat))).collect();
        assert_eq!(later, [Ok(()), Ok(()), Err(Refused::AddressFull), Err(Refused::AddressFull)]);
        seats.clear();
        assert!(admission.admit(address("10.0.0.1"), at(2_000)).is_ok(), "whoever leaves gives the place back");
    }

    #[test]
    fn the_node_takes_only_so_many_at_once() {
        let admission = Admission::new(BOUNDS, at(0));
        let admitted = (0..20_u8).filter(|n| admission.admit(IpAddr::from([10, 0, 0, *n]), at(0)).is_ok()).count();
        assert_eq!(admitted, 10);
        assert_eq!(admission.admit(address("10.0.1.1"), at(0)).err(), Some(Refused::NodeBusy));
        assert!(admission.admit(address("10.0.1.1"), at(100)).is_ok());
    }

    #[test]
    fn an_ipv6_subscriber_is_one_address_and_addresses_at_rest_are_forgotten() {
        let admission = Admission::new(BOUNDS, at(0));
        let seats: Vec<_> = (0..4).map(|n| admission.admit(address(&format!("2001:db8::{n}")), at(0))).collect();
        assert_eq!(admission.admit(address("2001:db8::ffff"), at(0)).err(), Some(Refused::AddressBusy));
        assert_eq!(admission.admit(address("::ffff:10.0.0.9"), at(0)).err(), None);
        drop(seats);
        assert!(admission.admit(address("10.0.0.3"), at(60_000)).is_ok());
        assert_eq!(admission.lock().addresses.len(), 1);
    }
}
