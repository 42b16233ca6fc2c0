//! What is kept of the search from one vertex: the distances to all that lies above it.
//!
//! Separate from the search because it outlives it. A driver who stays on a street keeps the label; the pickup's search
//! has labelled the way from the pickup to the root; where the two ways to the root meet, and above, the sums of both
//! have the distance as their least.

use super::metric::by_depth;
use super::{DEPTHS, Hierarchy, Metric, NONE, Search};
use crate::road::turns::CLOSED;

/// Distances from one vertex to those above it, by depth. Good for the metric that it was made with.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Label {
    rank: u32,
    distances: Vec<u32>,
}

/// The memory that labels are made in.
#[derive(Debug)]
pub struct Labeller(Box<[u32; DEPTHS]>);

impl Default for Labeller {
    fn default() -> Self {
        Self(by_depth())
    }
}

impl Labeller {
    /// Makes the label of a vertex.
    pub fn label(&mut self, hierarchy: &Hierarchy, metric: &Metric, vertex: u32, label: &mut Label) {
        label.rank = hierarchy.ranks[vertex as usize];
        let mut depth = usize::from(hierarchy.depths[label.rank as usize]);
        self.0[..depth].fill(CLOSED);
        self.0[depth] = 0;
        let distances = &mut self.0;
        let mut rank = label.rank;
        while rank != NONE {
            let distance = distances[depth];
            if distance < CLOSED {
                let range = hierarchy.up.range(rank);
                for (depth, weight) in hierarchy.up.depths[range.clone()].iter().zip(&metric.up[range]) {
                    let best = &mut distances[usize::from(*depth)];
                    *best = (*best).min(distance + *weight);
                }
            }
            rank = hierarchy.parents[rank as usize];
            depth = depth.wrapping_sub(1);
        }
        let length = usize::from(hierarchy.depths[label.rank as usize]) + 1;
        label.distances.clear();
        label.distances.extend_from_slice(&distances[..length]);
    }
}

impl Label {
    /// What it takes in memory.
    pub fn byte_count(&self) -> usize {
        size_of::<Self>() + self.distances.capacity() * 4
    }
}

impl Search {
    /// The distance from the vertex of a label to the nearest target; [`CLOSED`] where there is no way.
    pub fn distance_of(&self, label: &Label) -> u32 {
        let mut best = CLOSED;
        for target in self.targets() {
            // Both ways to the root are one down to a certain depth.
            let shared = target.above.iter().zip(&target.lowest);
            let count = partition(shared.len(), |depth| {
                target.lowest[depth] <= label.rank && label.rank <= target.above[depth]
            });
            let sums = label.distances[..count].iter().zip(&target.distances[..count]).map(|(up, down)| up + down);
            best = sums.fold(best, u32::min);
        }
        best
    }
}

/// How many of the first numbers up to `count` hold.
fn partition(count: usize, holds: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low.midpoint(high);
        if holds(middle) { low = middle + 1 } else { high = middle }
    }
    low
}
