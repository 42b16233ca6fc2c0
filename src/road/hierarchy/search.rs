//! Searches: from many vertices to a few, one distance or way at a time.
//!
//! Separate from the hierarchy because a search has memory of its own, and every thread needs one. The targets are
//! labelled first: every vertex above them learns how far they are if one only goes down. The distance from a vertex is
//! then the least, over its arcs up, of the arc and the distance from where it ends; those of its ancestors are worked
//! out first, and remembered (Zeitz, "Lazy RPHAST", arXiv 2502.10519). Twenty drivers of one town share most ancestors.

use super::metric::by_depth;
use super::{DEPTHS, Hierarchy, Metric, NONE};
use crate::road::turns::CLOSED;

/// Not asked yet.
const UNKNOWN: u32 = u32::MAX;

/// A target, and the way from it to the root.
#[derive(Clone, Default, Debug)]
pub(super) struct Target {
    rank: u32,
    offset: u32,
    /// How many of the vertices above are above the next target, too.
    shared: usize,
    /// By depth: the vertex above, the lowest rank below that, and its distance to the targets.
    pub(super) above: Vec<u32>,
    pub(super) lowest: Vec<u32>,
    pub(super) distances: Vec<u32>,
}

/// The memory of a search; 4 bytes for each vertex. It belongs to one hierarchy, and between two calls of
/// [`aim`](Self::aim) to one metric.
#[derive(Debug)]
pub struct Search {
    /// By rank: the distance to the targets.
    known: Vec<u32>,
    /// Where `known` must be cleared.
    touched: Vec<u32>,
    /// Targets in order of rank; more may be allocated than are in use.
    targets: Vec<Target>,
    target_count: usize,
    /// The way from the last vertex asked about to the root, root first.
    chain: Vec<u32>,
    /// By depth: distances from the vertices of the chain.
    distances: Box<[u32; DEPTHS]>,
    pending: Vec<u32>,
}

impl Search {
    /// Memory for searches in a hierarchy.
    pub fn new(hierarchy: &Hierarchy) -> Self {
        Self {
            known: vec![UNKNOWN; hierarchy.vertex_count()],
            touched: Vec::new(),
            targets: Vec::new(),
            target_count: 0,
            chain: Vec::new(),
            distances: by_depth(),
            pending: Vec::new(),
        }
    }

    /// Sets the targets: vertices, each with what is added when one ends there.
    pub fn aim(&mut self, hierarchy: &Hierarchy, metric: &Metric, targets: &[(u32, u32)]) {
        for rank in self.touched.drain(..) {
            self.known[rank as usize] = UNKNOWN;
        }
        self.chain.clear();
        self.target_count = targets.len();
        if self.targets.len() < targets.len() {
            self.targets.resize_with(targets.len(), Target::default);
        }
        for (target, (vertex, offset)) in self.targets.iter_mut().zip(targets) {
            target.rank = hierarchy.ranks[*vertex as usize];
            target.offset = (*offset).min(CLOSED);
        }
        self.targets[..targets.len()].sort_unstable_by_key(|target| target.rank);
        self.label_targets(hierarchy, metric);
    }

    /// In order of rank, each target is followed up to where the next one joins: nothing below will be heard of again.
    fn label_targets(&mut self, hierarchy: &Hierarchy, metric: &Metric) {
        // So many, from the root down, hold what came from the targets before.
        let mut begun = 0;
        for index in 0..self.target_count {
            let next = self.targets[..self.target_count].get(index + 1).map(|next| next.rank);
            let target = &mut self.targets[index];
            let length = usize::from(hierarchy.depths[target.rank as usize]) + 1;
            for all in [&mut target.above, &mut target.lowest, &mut target.distances] {
                all.resize(length, 0);
            }
            if begun < length {
                self.distances[begun..length].fill(CLOSED);
            }
            self.distances[length - 1] = self.distances[length - 1].min(target.offset);
            let (mut rank, mut depth) = (target.rank, length);
            while rank != NONE && !next.is_some_and(|next| hierarchy.is_above(rank, next)) {
                depth -= 1;
                let distance = self.distances[depth];
                target.above[depth] = rank;
                target.lowest[depth] = hierarchy.lowest[rank as usize];
                target.distances[depth] = distance;
                if distance < CLOSED {
                    let range = hierarchy.down.range(rank);
                    for (depth, weight) in hierarchy.down.depths[range.clone()].iter().zip(&metric.down[range]) {
                        let best = &mut self.distances[usize::from(*depth)];
                        *best = (*best).min(distance + *weight);
                    }
                }
                rank = hierarchy.parents[rank as usize];
            }
            (target.shared, begun) = (depth, depth);
        }
        self.copy_shared();
    }

    /// Above where the next target joins, both are the same.
    fn copy_shared(&mut self) {
        for index in (1..self.target_count).rev() {
            let (before, after) = self.targets.split_at_mut(index);
            let (target, next) = (&mut before[index - 1], &after[0]);
            let shared = target.shared;
            target.above[..shared].copy_from_slice(&next.above[..shared]);
            target.lowest[..shared].copy_from_slice(&next.lowest[..shared]);
            target.distances[..shared].copy_from_slice(&next.distances[..shared]);
        }
    }

    /// The targets with their ways to the root.
    pub(super) fn targets(&self) -> &[Target] {
        &self.targets[..self.target_count]
    }

    /// The distance from a vertex to the nearest target, offset included; [`CLOSED`] where there is no way.
    pub fn distance(&mut self, hierarchy: &Hierarchy, metric: &Metric, vertex: u32) -> u32 {
        let from = hierarchy.ranks[vertex as usize];
        let known = self.known[from as usize];
        if known != UNKNOWN {
            return known;
        }
        // Up to where the last chain passes by, and down again from there.
        let mut rank = from;
        let mut depth = usize::from(hierarchy.depths[from as usize]) + 1;
        self.pending.clear();
        while rank != NONE && self.chain.get(depth - 1) != Some(&rank) {
            self.pending.push(rank);
            rank = hierarchy.parents[rank as usize];
            depth -= 1;
        }
        self.chain.truncate(depth);
        let mut distance = CLOSED;
        for rank in self.pending.iter().rev() {
            distance = self.known[*rank as usize];
            if distance == UNKNOWN {
                let range = hierarchy.up.range(*rank);
                let arcs = hierarchy.up.depths[range.clone()].iter().zip(&metric.up[range]);
                let down = straight_down(&self.targets[..self.target_count], self.chain.len(), *rank);
                distance =
                    arcs.fold(down, |best, (depth, weight)| best.min(self.distances[usize::from(*depth)] + *weight));
                self.known[*rank as usize] = distance;
                self.touched.push(*rank);
            }
            self.distances[self.chain.len()] = distance;
            self.chain.push(*rank);
        }
        distance
    }

    /// The vertices of a shortest way from a vertex to the nearest target, both included, into `way`; the distance, which
    /// is [`CLOSED`] where there is no way, and `way` is empty then.
    ///
    /// `edges` gives the edges out of a vertex with the weights that the metric was made of; these must be positive.
    pub fn path<E>(&mut self, on: (&Hierarchy, &Metric), from: u32, edges: impl Fn(u32) -> E, way: &mut Vec<u32>) -> u32
    where
        E: Iterator<Item = (u32, u32)>,
    {
        way.clear();
        let distance = self.distance(on.0, on.1, from);
        let (mut vertex, mut rest) = (from, distance);
        while rest < CLOSED {
            way.push(vertex);
            let rank = on.0.ranks[vertex as usize];
            if self.targets().iter().any(|target| target.rank == rank && target.offset == rest) {
                break;
            }
            // The first of the edges that lead on along a shortest way.
            let next = edges(vertex).find_map(|(head, weight)| {
                let after = rest.checked_sub(weight)?;
                (self.distance(on.0, on.1, head) == after).then_some((head, after))
            });
            (vertex, rest) = next.expect("the metric is of these weights");
        }
        distance
    }
}

/// The distance from a vertex of some depth to the targets if one only goes down.
#[inline]
fn straight_down(targets: &[Target], depth: usize, rank: u32) -> u32 {
    let above = targets.iter().find(|target| target.above.get(depth) == Some(&rank));
    above.map_or(CLOSED, |target| target.distances[depth])
}
