//! What a team would otherwise take for the live index, on the same drivers and the same moves.
//!
//! Separate from the benches so that each rival can be read, and judged, on one page. Each does what it is good at and no
//! more: no locks, no handles, and distances on a flat map; ours is shared between threads and sorts by great circles.

pub mod h3_buckets;
pub mod rtree;

use boda::geo::LatLng;
use boda::index::RideClasses;

/// One driver as a rival holds it.
#[derive(Clone, Copy, PartialEq)]
pub struct Driver {
    /// A number below the number of drivers.
    pub number: u32,
    /// Where.
    pub position: LatLng,
    /// Milliseconds.
    pub at_ms: i64,
    /// Whether searches may find it.
    pub is_free: bool,
    /// Ride types.
    pub classes: RideClasses,
}

/// What a rival is asked for: the filters of `boda::index::Nearest`.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    /// How many at most.
    pub k: usize,
    /// The instant before which a position is too old, in milliseconds.
    pub oldest_ms: i64,
    /// In metres.
    pub radius_m_max: f64,
    /// One of these.
    pub classes: RideClasses,
    /// Not these, by number.
    pub exclude: &'a [u32],
}

impl Question<'_> {
    /// Whether a driver passes the filters other than distance.
    pub fn admits(&self, driver: &Driver) -> bool {
        driver.is_free
            && driver.at_ms >= self.oldest_ms
            && driver.classes.meets(self.classes)
            && !self.exclude.contains(&driver.number)
    }
}

/// Metres on a flat map of Kigali: `[north, east]` of the equator and the meridian. Good to some centimetres in a search's reach.
pub fn flat_m(place: LatLng) -> [f64; 2] {
    const METRES_A_DEGREE: f64 = boda::geo::EARTH_RADIUS_M * std::f64::consts::PI / 180.0;
    // The cosine of Kigali's latitude, 1.96 degrees south.
    const SHRINK: f64 = 0.999_415;
    [place.lat() * METRES_A_DEGREE, place.lng() * METRES_A_DEGREE * SHRINK]
}
