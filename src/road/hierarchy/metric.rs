//! Customization: weights of the graph become weights of the hierarchy.
//!
//! Separate because it is what runs every half minute beside the searches. Vertices are taken in order; the arcs of one
//! are pulled together from the triangles below it, in two arrays by depth (as the left-looking factorization of sparse
//! matrices does it: George and Liu, 1981). So nothing but the arcs themselves needs to be stored.

use super::{Arcs, DEPTHS, Hierarchy, NONE};
use crate::road::turns::CLOSED;

/// Weights of the arcs of a hierarchy. Sums of two do not overflow.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Metric {
    pub(super) up: Vec<u32>,
    pub(super) down: Vec<u32>,
}

impl Metric {
    /// What it takes in memory.
    pub fn byte_count(&self) -> usize {
        (self.up.capacity() + self.down.capacity()) * 4
    }
}

/// Makes metrics. Keeps its memory for the next one.
#[derive(Debug)]
pub struct Customizer {
    /// By depth: the last of the vertices below whose next arc ends there; each says the one before it in `before`.
    waiting: Vec<u32>,
    before: Vec<u32>,
    /// By rank: the next arcs that end above what was done.
    next: Vec<[u32; 2]>,
    up: Box<[u32; DEPTHS]>,
    down: Box<[u32; DEPTHS]>,
}

/// An array by depth, untouched.
pub(super) fn by_depth() -> Box<[u32; DEPTHS]> {
    vec![0; DEPTHS].into_boxed_slice().try_into().expect("as many")
}

impl Customizer {
    /// For metrics of one hierarchy.
    pub fn new(hierarchy: &Hierarchy) -> Self {
        let depth_max = hierarchy.depths.iter().copied().max().unwrap_or(0);
        Self {
            waiting: vec![NONE; usize::from(depth_max) + 1],
            before: vec![NONE; hierarchy.depths.len()],
            next: vec![[0; 2]; hierarchy.depths.len()],
            up: by_depth(),
            down: by_depth(),
        }
    }

    /// Fills a metric from the weights of the edges of the graph; an edge of weight [`CLOSED`] is not there.
    pub fn customize(&mut self, hierarchy: &Hierarchy, weights: &[u32], metric: &mut Metric) {
        let up_count = hierarchy.up.depths.len();
        for (all, count) in [(&mut metric.up, up_count), (&mut metric.down, hierarchy.down.depths.len())] {
            all.clear();
            all.resize(count, CLOSED);
        }
        for (slot, weight) in hierarchy.slots.iter().zip(weights) {
            let slot = *slot as usize;
            if let Some(arc) = metric.up.get_mut(slot).or_else(|| metric.down.get_mut(slot.wrapping_sub(up_count))) {
                *arc = (*arc).min(*weight);
            }
        }
        for rank in 0..hierarchy.depths.len() as u32 {
            self.pull(hierarchy, rank, metric);
        }
    }

    /// Finishes the arcs of one vertex, all vertices below being finished.
    fn pull(&mut self, hierarchy: &Hierarchy, rank: u32, metric: &mut Metric) {
        let depth = hierarchy.depths[rank as usize];
        let (up_range, down_range) = (hierarchy.up.range(rank), hierarchy.down.range(rank));
        let (up_depths, down_depths) =
            (&hierarchy.up.depths[up_range.clone()], &hierarchy.down.depths[down_range.clone()]);
        let mut below = std::mem::replace(&mut self.waiting[usize::from(depth)], NONE);
        if below != NONE {
            spread(up_depths, &metric.up[up_range.clone()], &mut self.up);
            spread(down_depths, &metric.down[down_range.clone()], &mut self.down);
            while below != NONE {
                let following = self.before[below as usize];
                let (into, out_of) = self.step(hierarchy, below, depth, metric);
                let [up, down] = self.next[below as usize].map(|next| next as usize);
                let (up_end, down_end) = (hierarchy.up.range(below).end, hierarchy.down.range(below).end);
                // From here down to `below` and up again; and from above down to `below` and up to here.
                relax(&hierarchy.up.depths[up..up_end], &metric.up[up..up_end], out_of, &mut self.up);
                relax(&hierarchy.down.depths[down..down_end], &metric.down[down..down_end], into, &mut self.down);
                self.wait(hierarchy, below);
                below = following;
            }
            gather(up_depths, &mut metric.up[up_range.clone()], &self.up);
            gather(down_depths, &mut metric.down[down_range.clone()], &self.down);
        }
        self.next[rank as usize] = [up_range.start as u32, down_range.start as u32];
        self.wait(hierarchy, rank);
    }

    /// The weights of the arcs from `below` up to a depth and down from there, which are its next ones, and moves on.
    fn step(&mut self, hierarchy: &Hierarchy, below: u32, depth: u16, metric: &Metric) -> (u32, u32) {
        let next = &mut self.next[below as usize];
        let mut take = |which: usize, arcs: &Arcs, weights: &[u32]| {
            let arc = next[which] as usize;
            if arc < arcs.range(below).end && arcs.depths[arc] == depth {
                next[which] += 1;
                weights[arc]
            } else {
                CLOSED
            }
        };
        (take(0, &hierarchy.up, &metric.up), take(1, &hierarchy.down, &metric.down))
    }

    /// Puts a vertex where its next arc ends.
    fn wait(&mut self, hierarchy: &Hierarchy, rank: u32) {
        let [up, down] = self.next[rank as usize];
        let end = |arcs: &Arcs, next: u32| {
            let range = next as usize..arcs.range(rank).end;
            arcs.depths[range].first().copied()
        };
        let deeper = end(&hierarchy.up, up).max(end(&hierarchy.down, down));
        if let Some(depth) = deeper {
            self.before[rank as usize] = std::mem::replace(&mut self.waiting[usize::from(depth)], rank);
        }
    }
}

fn spread(depths: &[u16], weights: &[u32], by_depth: &mut [u32; DEPTHS]) {
    for (depth, weight) in depths.iter().zip(weights) {
        by_depth[usize::from(*depth)] = *weight;
    }
}

fn gather(depths: &[u16], weights: &mut [u32], by_depth: &[u32; DEPTHS]) {
    for (depth, weight) in depths.iter().zip(weights) {
        *weight = by_depth[usize::from(*depth)];
    }
}

#[inline]
fn relax(depths: &[u16], weights: &[u32], first: u32, by_depth: &mut [u32; DEPTHS]) {
    if first < CLOSED {
        for (depth, weight) in depths.iter().zip(weights) {
            let best = &mut by_depth[usize::from(*depth)];
            *best = (*best).min(first + *weight);
        }
    }
}
