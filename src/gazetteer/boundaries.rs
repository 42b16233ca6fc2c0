//! In which sector and district a place is.
//!
//! Separate because outlines are found by their boxes, names by their letters. A tree of boxes leaves the two or three
//! outlines that can hold a place, and each of them is asked.

use rstar::primitives::{GeomWithData, Rectangle};
use rstar::{AABB, RTree};

use super::source::{Boundary, Level};
use crate::geo::LatLng;

/// Ten-millionths of a degree, exact in a float and far from overflow when the tree multiplies them.
type Corner = [f64; 2];

/// The boundaries and a tree of their boxes.
#[derive(Debug)]
pub struct Boundaries {
    all: Vec<Boundary>,
    boxes: RTree<GeomWithData<Rectangle<Corner>, u16>>,
}

fn corner(place: LatLng) -> Corner {
    [f64::from(place.lat_e7()), f64::from(place.lng_e7())]
}

impl Boundaries {
    /// Of any number below 65,535; more are left out.
    pub fn new(mut all: Vec<Boundary>) -> Self {
        all.truncate(usize::from(u16::MAX));
        let mut boxes = Vec::new();
        for (number, boundary) in (0_u16..).zip(&all) {
            for ring in &boundary.rings {
                let bounds = ring.bounds();
                let rectangle = Rectangle::from_corners(corner(bounds.south_west()), corner(bounds.north_east()));
                boxes.push(GeomWithData::new(rectangle, number));
            }
        }
        Self { all, boxes: RTree::bulk_load(boxes) }
    }

    /// The boundaries by their numbers.
    pub fn all(&self) -> &[Boundary] {
        &self.all
    }

    /// The boundary of a level that holds a place; the first of them where outlines overlap.
    pub fn holding(&self, place: LatLng, level: Level) -> Option<u16> {
        let boxes = self.boxes.locate_in_envelope_intersecting(AABB::from_point(corner(place)));
        let holds = |number: &u16| {
            let boundary = &self.all[usize::from(*number)];
            boundary.level == level && boundary.contains(place)
        };
        boxes.map(|found| found.data).filter(holds).min()
    }

    /// The name of a boundary by its number.
    pub fn name(&self, number: u16) -> Option<&str> {
        self.all.get(usize::from(number)).map(|boundary| boundary.name.as_str())
    }
}
