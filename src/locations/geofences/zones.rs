//! All zones, by place: a tree of their boxes. Pure, and never changed: another set takes its place as a whole.
//!
//! Separate from one zone because a ping asks all of them at once, and mostly none is near.

use std::sync::Arc;

use rstar::primitives::{GeomWithData, Rectangle};
use rstar::{AABB, RTree};
use rustc_hash::FxHashMap;

use super::zone::Zone;
use crate::geo::LatLng;
use crate::ids::ZoneId;

/// Ten-millionths of a degree, exact in a float and far from overflow when the tree multiplies them.
type Corner = [f64; 2];

/// Half the side of the square in which it is looked how near the next zone is: about 1.1 km, minutes of driving.
const QUIET_E7: i32 = 100_000;

/// A square without any zone in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Quiet {
    low: [i32; 2],
    high: [i32; 2],
}

impl Quiet {
    /// Whether the place is in it.
    #[inline]
    pub fn holds(&self, place: LatLng) -> bool {
        let (lat, lng) = (place.lat_e7(), place.lng_e7());
        self.low[0] <= lat && lat <= self.high[0] && self.low[1] <= lng && lng <= self.high[1]
    }
}

/// The zones.
#[derive(Debug, Default)]
pub struct ZoneSet {
    zones: Vec<Arc<Zone>>,
    places: FxHashMap<ZoneId, u32>,
    boxes: RTree<GeomWithData<Rectangle<Corner>, u32>>,
}

fn corner(lat_e7: i32, lng_e7: i32) -> Corner {
    [f64::from(lat_e7), f64::from(lng_e7)]
}

impl ZoneSet {
    /// Of these zones.
    pub fn new(zones: Vec<Zone>) -> Self {
        let zones: Vec<Arc<Zone>> = zones.into_iter().map(Arc::new).collect();
        let boxed = |(number, zone): (u32, &Arc<Zone>)| {
            let bounds = zone.outline.polygon().bounds();
            let (low, high) = (bounds.south_west(), bounds.north_east());
            let rectangle =
                Rectangle::from_corners(corner(low.lat_e7(), low.lng_e7()), corner(high.lat_e7(), high.lng_e7()));
            GeomWithData::new(rectangle, number)
        };
        let boxes = RTree::bulk_load((0_u32..).zip(&zones).map(boxed).collect());
        let places = (0_u32..).zip(&zones).map(|(number, zone)| (zone.id, number)).collect();
        Self { zones, places, boxes }
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.zones.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.zones.is_empty()
    }

    /// Every zone, in the order in which they were drawn.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Zone>> {
        self.zones.iter()
    }

    /// A zone by its id.
    pub fn find(&self, id: ZoneId) -> Option<&Arc<Zone>> {
        self.places.get(&id).map(|number| &self.zones[*number as usize])
    }

    /// The zones that hold a place, in no particular order.
    pub fn holding(&self, place: LatLng) -> impl Iterator<Item = &Arc<Zone>> {
        let here = AABB::from_point(corner(place.lat_e7(), place.lng_e7()));
        let boxes = self.boxes.locate_in_envelope_intersecting(here);
        boxes.map(|found| &self.zones[found.data as usize]).filter(move |zone| zone.outline.contains(place))
    }

    /// The square around a place as far as the box of the next zone; `None` inside of one.
    pub fn quiet_around(&self, place: LatLng) -> Option<Quiet> {
        let (lat, lng) = (place.lat_e7(), place.lng_e7());
        let square = |reach: i32| {
            let low = [lat.saturating_sub(reach), lng.saturating_sub(reach)];
            Quiet { low, high: [lat.saturating_add(reach), lng.saturating_add(reach)] }
        };
        let Quiet { low, high } = square(QUIET_E7);
        let widest = AABB::from_corners(corner(low[0], low[1]), corner(high[0], high[1]));
        let here = corner(lat, lng);
        let mut nearest = f64::from(QUIET_E7) + 1.0;
        for found in self.boxes.locate_in_envelope_intersecting(widest) {
            let (low, high) = (found.geom().lower(), found.geom().upper());
            let gap = |axis: usize| (low[axis] - here[axis]).max(here[axis] - high[axis]);
            nearest = nearest.min(gap(0).max(gap(1)));
        }
        // Whole numbers, so one less is outside of the box.
        (nearest >= 1.0).then(|| square(nearest as i32 - 1))
    }
}
