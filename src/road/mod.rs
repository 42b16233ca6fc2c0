//! How far and how long by road.
//!
//! Separate so that nobody above knows whether a map is loaded: they ask [`TravelTime`]. [`StraightLine`] answers from
//! two numbers, and is what a city runs on until it has a map.

pub mod closures;
pub mod correction;
pub mod evidence;
pub mod hierarchy;
pub mod import;
pub mod map_file;
pub mod matching;
pub mod network;
pub mod profile;
pub mod router;
pub mod snap;
mod straight_line;
pub mod traffic;
pub mod town;
pub mod turns;

pub use straight_line::{StraightLine, StraightLineError};

use crate::geo::LatLng;
use crate::index::{Fix, Neighbour};
use crate::time::Span;

/// One way from a place to another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Leg {
    /// Length by road, in whole metres.
    pub distance_m: u32,
    /// Riding time.
    pub duration: Span,
}

/// Where a way begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Origin {
    /// The place.
    pub place: LatLng,
    /// Which way the motorcycle points, where it moves; degrees clockwise from north.
    pub bearing_deg: Option<u16>,
}

impl From<LatLng> for Origin {
    fn from(place: LatLng) -> Self {
        Self { place, bearing_deg: None }
    }
}

impl From<&Neighbour> for Origin {
    fn from(neighbour: &Neighbour) -> Self {
        Self { place: neighbour.position, bearing_deg: neighbour.bearing_deg }
    }
}

impl From<Fix> for Origin {
    fn from(fix: Fix) -> Self {
        Self { place: fix.position, bearing_deg: fix.bearing_deg }
    }
}

/// Nobody can ride from the one place to the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NoRoute {
    /// The beginning is too far from any street.
    #[error("no street is within reach of the beginning")]
    FromOffRoad,
    /// The end is too far from any street.
    #[error("no street is within reach of the end")]
    ToOffRoad,
    /// The streets of the two are not connected, in this direction, at present.
    #[error("no street leads from the one to the other")]
    Unconnected,
}

/// The question that dispatch, quotes and arrival times ask. Implementations are pure: the same question has the same
/// answer until the map or its weights are swapped.
pub trait TravelTime: Send + Sync {
    /// The quickest way.
    ///
    /// # Errors
    /// [`NoRoute`].
    fn route(&self, from: Origin, to: LatLng) -> Result<Leg, NoRoute>;

    /// The riding time alone, where nobody asks for the distance.
    ///
    /// # Errors
    /// [`NoRoute`].
    fn duration(&self, from: Origin, to: LatLng) -> Result<Span, NoRoute> {
        self.route(from, to).map(|leg| leg.duration)
    }

    /// A bound for searches: nobody farther from a place than so many metres, as the crow flies, gets there within that time.
    fn farthest_m(&self, within: Span, to: LatLng) -> f64;

    /// Riding time from each of many places to one: every candidate driver to the pickup. `out` is cleared, then holds one
    /// time for each of `froms`, in order; `None` where nobody can ride. A road router answers this at once for all of them.
    fn to_pickup(&self, froms: &[Origin], pickup: LatLng, out: &mut Vec<Option<Span>>) {
        out.clear();
        out.extend(froms.iter().map(|from| self.route(*from, pickup).ok().map(|leg| leg.duration)));
    }

    /// As [`to_pickup`](Self::to_pickup), with the lengths: for the few who were found soonest. A road router finds out at
    /// once, for all of them, what leads to the pickup.
    fn legs_to_pickup(&self, froms: &[Origin], pickup: LatLng, out: &mut Vec<Option<Leg>>) {
        out.clear();
        out.extend(froms.iter().map(|from| self.route(*from, pickup).ok()));
    }
}
