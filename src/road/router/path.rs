//! A way, as streets.
//!
//! Separate from the router because it outlives the question: the ride keeps it, the page draws it.

use crate::geo::LatLng;
use crate::road::network::{ArcId, Network, Snap};

/// A way along the streets.
#[derive(Clone, PartialEq, Debug)]
pub struct RoutePath {
    /// The arcs, first and last ridden in part. When there is one only, it is ridden from `from` to `to`.
    pub arcs: Vec<ArcId>,
    /// Where it begins, on the first arc.
    pub from: Snap,
    /// Where it ends, on the last arc.
    pub to: Snap,
    /// Its length in decimetres.
    pub distance_dm: u32,
    /// Its riding time in milliseconds.
    pub duration_ms: u32,
}

impl RoutePath {
    pub(super) fn new(network: &Network, arcs: Vec<ArcId>, [from, to]: [Snap; 2], duration_ms: u32) -> Self {
        let before_last = arcs[..arcs.len() - 1].iter();
        let whole_dm = before_last.fold(0_u32, |sum, arc| sum.saturating_add(network.length_dm(*arc)));
        let distance_dm = whole_dm.saturating_add(to.along_dm).saturating_sub(from.along_dm);
        Self { arcs, from, to, distance_dm, duration_ms }
    }

    /// The points of the way, its ends included: two at least.
    pub fn points(&self, network: &Network) -> Vec<LatLng> {
        let mut points = vec![self.from.point];
        for (index, arc) in self.arcs.iter().enumerate() {
            let begin_dm = if index == 0 { self.from.along_dm } else { 0 };
            let end_dm = if index + 1 == self.arcs.len() { self.to.along_dm } else { u32::MAX };
            push_between(network, *arc, [begin_dm, end_dm], &mut points);
        }
        if points.len() == 1 || points.last() != Some(&self.to.point) {
            points.push(self.to.point);
        }
        points
    }

    /// The names of the streets in the order they are ridden; streets without a name are left out.
    pub fn street_names<'n>(&self, network: &'n Network) -> Vec<&'n str> {
        let mut names: Vec<&str> =
            self.arcs.iter().filter_map(|arc| network.name(network.directed(*arc).segment)).collect();
        names.dedup();
        names
    }
}

/// Adds the points of an arc that lie between two places on it, and its end where that is asked for.
fn push_between(network: &Network, arc: ArcId, [begin_dm, end_dm]: [u32; 2], points: &mut Vec<LatLng>) {
    let directed = network.directed(arc);
    let along = network.points(directed.segment);
    let mut along_dm = 0.0;
    let mut last: Option<LatLng> = None;
    let at = |index: usize| if directed.is_forward { along[index] } else { along[along.len() - 1 - index] };
    for point in (0..along.len()).map(at) {
        along_dm += last.map_or(0.0, |last| last.distance_m(point) * 10.0);
        last = Some(point);
        let is_between = along_dm > f64::from(begin_dm) && along_dm < f64::from(end_dm);
        if is_between && points.last() != Some(&point) {
            points.push(point);
        }
    }
}
