//! Ways are cut into pieces: at junctions, at barriers, and where nodes are missing.
//!
//! Separate from joining pieces into segments, which can only be decided when all pieces are there and those that lead
//! nowhere are gone.

use super::nodes::Nodes;
use super::ways::{StreetWay, Ways};
use crate::geo::LatLng;

/// Pieces between vertices.
#[derive(Default)]
pub struct Cut {
    pub vertices: Vec<Vertex>,
    pub pieces: Vec<Piece>,
}

/// The end of a piece.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Vertex {
    pub point: LatLng,
    /// The index of its node, or `None` on one side of a barrier that nobody passes.
    pub node: Option<u32>,
}

/// A piece of one way.
#[derive(Clone, Debug)]
pub struct Piece {
    pub from: u32,
    pub to: u32,
    /// An index into the street ways.
    pub way: u32,
    /// Ends included; no point twice in a row.
    pub points: Vec<LatLng>,
    pub length_m: f64,
    pub forward_ms: Option<f64>,
    pub backward_ms: Option<f64>,
}

pub fn cut(ways: &Ways, nodes: &Nodes) -> Cut {
    let mut cutter = Cutter {
        is_junction: junctions(ways, nodes.len()),
        vertex_of: vec![u32::MAX; nodes.len()],
        cut: Cut::default(),
        nodes,
    };
    for (index, way) in ways.streets.iter().enumerate() {
        cutter.cut_way(index as u32, way);
    }
    cutter.cut
}

/// Nodes where a way ends, or that are used more than once.
fn junctions(ways: &Ways, count: usize) -> Vec<bool> {
    let mut uses = vec![0_u8; count];
    for way in &ways.streets {
        for node in &way.nodes {
            uses[*node as usize] = uses[*node as usize].saturating_add(1);
        }
        for end in [way.nodes.first(), way.nodes.last()].into_iter().flatten() {
            uses[*end as usize] = 2;
        }
    }
    uses.into_iter().map(|uses| uses >= 2).collect()
}

struct Cutter<'c> {
    is_junction: Vec<bool>,
    /// Of each node, its vertex once it has one.
    vertex_of: Vec<u32>,
    cut: Cut,
    nodes: &'c Nodes,
}

impl Cutter<'_> {
    fn cut_way(&mut self, index: u32, way: &StreetWay) {
        let whole_m = way.street.duration_s.map(|_| self.length_m(&way.nodes));
        let mut chain: Vec<i64> = Vec::new();
        let mut is_first = true;
        for node in &way.nodes {
            if self.nodes.point(*node).is_none() {
                self.take(index, way, whole_m, &chain, &mut is_first);
                chain.clear();
                continue;
            }
            if chain.last() == Some(node) {
                continue;
            }
            chain.push(*node);
            if chain.len() > 1 && (self.is_junction[*node as usize] || self.nodes.stop(*node).is_blocked) {
                self.take(index, way, whole_m, &chain, &mut is_first);
                chain = vec![*node];
            }
        }
        self.take(index, way, whole_m, &chain, &mut is_first);
    }

    fn length_m(&self, nodes: &[i64]) -> f64 {
        let points: Vec<LatLng> = nodes.iter().filter_map(|node| self.nodes.point(*node)).collect();
        points.windows(2).map(|pair| pair[0].distance_m(pair[1])).sum()
    }

    /// Makes a piece of a chain of nodes.
    fn take(&mut self, index: u32, way: &StreetWay, whole_m: Option<f64>, chain: &[i64], is_first: &mut bool) {
        let ([first, .., last], street) = (chain, &way.street) else { return };
        let mut points: Vec<LatLng> = chain.iter().filter_map(|node| self.nodes.point(*node)).collect();
        points.dedup();
        if points.len() < 2 {
            // Two nodes in one place: still a connection.
            points.push(points[0]);
        }
        let length_m: f64 = points.windows(2).map(|pair| pair[0].distance_m(pair[1])).sum();
        let wait_s = if std::mem::take(is_first) { street.wait_s } else { 0.0 };
        let ms = |kmh: f64, stops_s: f64| {
            let riding_s = match (street.duration_s, whole_m) {
                (Some(duration_s), Some(whole_m)) if whole_m > 0.0 => duration_s * length_m / whole_m,
                _ => length_m * 3.6 / kmh,
            };
            (riding_s + stops_s + wait_s) * 1_000.0
        };
        // What stands on a node is paid by who arrives there; what stands on both ends, in each direction once.
        let forward_s: f64 = chain[1..].iter().map(|node| self.nodes.stop(*node).forward_s).sum();
        let backward_s: f64 = chain[..chain.len() - 1].iter().map(|node| self.nodes.stop(*node).backward_s).sum();
        let piece = Piece {
            from: self.vertex(*first),
            to: self.vertex(*last),
            way: index,
            points,
            length_m,
            forward_ms: street.forward_kmh.map(|kmh| ms(kmh, forward_s)),
            backward_ms: street.backward_kmh.map(|kmh| ms(kmh, backward_s)),
        };
        self.cut.pieces.push(piece);
    }

    /// The vertex of a node; a new one each time where nobody passes.
    fn vertex(&mut self, node: i64) -> u32 {
        let known = self.vertex_of[node as usize];
        let is_blocked = self.nodes.stop(node).is_blocked;
        if known != u32::MAX && !is_blocked {
            return known;
        }
        let vertex = self.cut.vertices.len() as u32;
        let point = self.nodes.point(node).expect("chains hold nodes with a place only");
        self.cut.vertices.push(Vertex { point, node: (!is_blocked).then_some(node as u32) });
        self.vertex_of[node as usize] = vertex;
        vertex
    }
}
