//! Names of arcs that outlive an import.
//!
//! Separate because arc numbers are those of one import: a map of next month numbers its streets anew, and what was
//! learned must find them again. A street is the same as long as its shape is.

use crate::road::network::{ArcId, Directed, Network};

/// A name of an arc: 64 bits of the shape in its direction (FNV-1a over the coordinates). Among a million arcs two
/// different ones share a name with a chance of one in 37 million.
pub fn arc_key(network: &Network, arc: ArcId) -> u64 {
    let Directed { segment, is_forward } = network.directed(arc);
    let points = network.points(segment);
    let mut hash = Fnv::new();
    let mut take = |point: &crate::geo::LatLng| {
        hash.take(point.lat_e7().to_le_bytes());
        hash.take(point.lng_e7().to_le_bytes());
    };
    if is_forward {
        points.iter().for_each(&mut take)
    } else {
        points.iter().rev().for_each(&mut take)
    }
    hash.0
}

/// Fowler, Noll and Vo, variant 1a, 64 bits: the offset and the prime are theirs.
struct Fnv(u64);

impl Fnv {
    const fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn take(&mut self, bytes: [u8; 4]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}
