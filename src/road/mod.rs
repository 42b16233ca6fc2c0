//! How far and how long by road.
//!
//! Separate so that nobody above knows whether a map is loaded: they ask [`TravelTime`]. [`StraightLine`] answers from
//! two numbers, and is what a city runs on until it has a map.

mod straight_line;

pub use straight_line::{StraightLine, StraightLineError};

use crate::geo::LatLng;
use crate::time::Span;

/// One way from a place to another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Leg {
    /// Length by road, in whole metres.
    pub distance_m: u32,
    /// Riding time.
    pub duration: Span,
}

/// The question that dispatch, quotes and arrival times ask. Implementations are pure: the same question has the same
/// answer until the map or its weights are swapped.
pub trait TravelTime: Send + Sync {
    /// The quickest way.
    fn route(&self, from: LatLng, to: LatLng) -> Leg;

    /// The quickest way from each of many places to one: every candidate driver to the pickup. `out` is cleared, then
    /// holds one leg for each of `froms`, in order. A road router answers this at once for all of them.
    fn to_pickup(&self, froms: &[LatLng], pickup: LatLng, out: &mut Vec<Leg>) {
        out.clear();
        out.extend(froms.iter().map(|from| self.route(*from, pickup)));
    }
}
