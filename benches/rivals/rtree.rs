//! An R*-tree of points in metres (crate `rstar`): a move is a removal and an insertion.
//!
//! Separate: see `mod.rs`. Where each driver is, so that the old point can be removed, is kept beside it.

use rstar::primitives::GeomWithData;
use rstar::{PointDistance, RTree};

use super::{Driver, Question, flat_m};

type Point = GeomWithData<[f64; 2], Driver>;

/// The tree, and each driver's point in it.
pub struct RtreeIndex {
    tree: RTree<Point>,
    held: Vec<Point>,
}

impl RtreeIndex {
    /// Loaded in bulk, which makes the best tree there is, with the free drivers only.
    pub fn new(drivers: &[Driver]) -> Self {
        let held: Vec<Point> = drivers.iter().map(|driver| Point::new(flat_m(driver.position), *driver)).collect();
        let free = held.iter().filter(|point| point.data.is_free).copied().collect();
        Self { tree: RTree::bulk_load(free), held }
    }

    /// A ping.
    pub fn update(&mut self, driver: Driver) {
        let held = &mut self.held[driver.number as usize];
        self.tree.remove(held);
        *held = Point::new(flat_m(driver.position), driver);
        self.tree.insert(*held);
    }

    /// The nearest, by number, with their distances in metres.
    pub fn nearest(&self, from: boda::geo::LatLng, question: &Question<'_>, out: &mut Vec<(u32, f64)>) {
        let from = flat_m(from);
        let limit = question.radius_m_max * question.radius_m_max;
        out.clear();
        for point in self.tree.nearest_neighbor_iter(from) {
            let square = point.distance_2(&from);
            if square > limit || out.len() == question.k {
                break;
            }
            if question.admits(&point.data) {
                out.push((point.data.number, square.sqrt()));
            }
        }
    }
}
