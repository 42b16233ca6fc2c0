//! What a map takes in memory.
//!
//! Separate because only `boda map info` and the bench ask. Arrays are counted as they are; the index of streets is
//! estimated from how it is built.

use super::Router;
use crate::geo::LatLng;
use crate::road::network::{Network, SegmentId};

/// Of the index of streets, a leaf of four straight pieces, with its part of the nodes above.
const SNAP_LEAF_BYTES: usize = 48;
const SNAP_LEAF_PIECES: usize = 4;

impl Router {
    /// Bytes by part. The metric is counted twice: one is in use, the other being made.
    pub fn byte_counts(&self) -> [(&'static str, usize); 6] {
        let (network, turns) = (&*self.network, &*self.turns);
        let turn_bytes =
            (turns.copies.len() + turns.first_turn.len() + turns.heads.len()) * 4 + turns.costs_ms.len() * 2;
        let leaves = |segment| (network.points(SegmentId(segment)).len() - 1).div_ceil(SNAP_LEAF_PIECES);
        let leaf_count: usize = (0..network.segment_count() as u32).map(leaves).sum();
        [
            ("network", network_bytes(network)),
            ("turns", turn_bytes + self.copies.len() * 8 + self.incoming.byte_count()),
            ("hierarchy", self.hierarchy.byte_count()),
            ("two metrics", self.live.load().byte_count() * 2),
            ("one search", turns.vertex_count() * 8),
            ("index of streets", leaf_count * SNAP_LEAF_BYTES),
        ]
    }
}

fn network_bytes(network: &Network) -> usize {
    let numbers = [
        &network.first_out,
        &network.tails,
        &network.heads,
        &network.lengths_dm,
        &network.durations_ms,
        &network.arc_segments,
        &network.first_point,
        &network.segment_names,
    ];
    let places = network.nodes.len() + network.points.len() + network.segment_arcs.len();
    let names = network.names.iter().map(|name| size_of::<String>() + name.capacity());
    numbers.iter().map(|all| all.len() * 4).sum::<usize>()
        + places * size_of::<LatLng>()
        + network.kinds.len()
        + names.sum::<usize>()
}
