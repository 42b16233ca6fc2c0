//! Contraction: which arcs the hierarchy has, whatever the weights.
//!
//! Separate because it happens once, at import. Vertices are taken away in order and those left behind around each are
//! joined pairwise; what is nearest in order among them becomes the parent in the elimination tree. Numbers are then
//! given out anew in post-order, which changes no arc, and arcs that nobody can ever pass in one direction are dropped.

use super::metric::{Customizer, Metric};
use super::{Arcs, DEPTHS, Graph, Hierarchy, HierarchyError, NONE};
use crate::road::turns::CLOSED;

pub(super) fn contract(graph: &Graph<'_>, order: &[u32]) -> Result<Hierarchy, HierarchyError> {
    let mut positions = vec![0; order.len()];
    for (position, vertex) in (0..).zip(order) {
        positions[*vertex as usize] = position;
    }
    let uppers = fill_in(graph, &positions);
    let arc_count: usize = uppers.iter().map(Vec::len).sum();
    if arc_count > (u32::MAX / 4) as usize {
        return Err(HierarchyError::TooManyArcs(arc_count));
    }
    let parents: Vec<u32> = uppers.iter().map(|upper| upper.first().copied().unwrap_or(NONE)).collect();
    let ranks_of = post_order(&parents);
    let mut hierarchy = Hierarchy {
        ranks: positions.iter().map(|position| ranks_of[*position as usize]).collect(),
        parents: vec![NONE; order.len()],
        lowest: Vec::new(),
        depths: Vec::new(),
        up: Arcs::default(),
        down: Arcs::default(),
        slots: Vec::new(),
    };
    let mut at_rank = vec![0; order.len()];
    for (position, rank) in ranks_of.iter().enumerate() {
        at_rank[*rank as usize] = position;
        hierarchy.parents[*rank as usize] =
            parents.get(position).filter(|parent| **parent != NONE).map_or(NONE, |p| ranks_of[*p as usize]);
    }
    hierarchy.measure_tree()?;
    for position in at_rank {
        hierarchy.up.first.push(hierarchy.up.depths.len() as u32);
        hierarchy
            .up
            .depths
            .extend(uppers[position].iter().map(|upper| hierarchy.depths[ranks_of[*upper as usize] as usize]));
    }
    hierarchy.up.first.push(hierarchy.up.depths.len() as u32);
    hierarchy.down = hierarchy.up.clone();
    hierarchy.assign(graph);
    hierarchy.drop_impassable(graph);
    Ok(hierarchy)
}

/// By position in the order, the neighbours that come later, in order, after all contractions.
fn fill_in(graph: &Graph<'_>, positions: &[u32]) -> Vec<Vec<u32>> {
    let mut uppers = vec![Vec::new(); positions.len()];
    for (tail, head) in graph.edges() {
        let (a, b) = (positions[tail as usize], positions[head as usize]);
        if a != b {
            uppers[a.min(b) as usize].push(a.max(b));
        }
    }
    for position in 0..uppers.len() {
        let mut upper = std::mem::take(&mut uppers[position]);
        upper.sort_unstable();
        upper.dedup();
        upper.shrink_to_fit();
        if let Some((parent, others)) = upper.split_first() {
            // The parent has all of them as neighbours, too, and hands them on in its turn.
            uppers[*parent as usize].extend(others);
        }
        uppers[position] = upper;
    }
    uppers
}

/// New numbers, by old: children before parents, every subtree a range.
fn post_order(parents: &[u32]) -> Vec<u32> {
    // Parents come later than children, so sizes add up in one go, and ranges are given out from the top.
    let mut sizes = vec![1_u32; parents.len()];
    for (vertex, parent) in parents.iter().enumerate() {
        if *parent != NONE {
            sizes[*parent as usize] += sizes[vertex];
        }
    }
    let mut free = vec![0; parents.len()];
    let mut free_of_roots = parents.len() as u32;
    let mut numbers = vec![0; parents.len()];
    for vertex in (0..parents.len()).rev() {
        let end = if parents[vertex] == NONE { &mut free_of_roots } else { &mut free[parents[vertex] as usize] };
        let number = *end - 1;
        *end -= sizes[vertex];
        numbers[vertex] = number;
        free[vertex] = number;
    }
    numbers
}

impl Hierarchy {
    /// Depths and ranges of subtrees, from the parents.
    pub(super) fn measure_tree(&mut self) -> Result<(), HierarchyError> {
        let count = self.parents.len();
        let mut depths = vec![0_usize; count];
        self.lowest = (0..count as u32).collect();
        for rank in (0..count).rev() {
            if let Some(depth) = depths.get(self.parents[rank] as usize) {
                depths[rank] = depth + 1;
            }
        }
        for rank in 0..count {
            if let Some(lowest) =
                self.parents.get(rank).filter(|parent| **parent != NONE).map(|parent| *parent as usize)
            {
                self.lowest[lowest] = self.lowest[lowest].min(self.lowest[rank]);
            }
        }
        let deepest = depths.iter().copied().max().unwrap_or(0);
        if deepest >= DEPTHS {
            return Err(HierarchyError::TooDeep(deepest));
        }
        self.depths = depths.into_iter().map(|depth| depth as u16).collect();
        Ok(())
    }

    /// Finds the arc of each edge.
    fn assign(&mut self, graph: &Graph<'_>) {
        let slot = |(tail, head): (u32, u32)| {
            let (tail, head) = (self.ranks[tail as usize], self.ranks[head as usize]);
            let find = |arcs: &Arcs, lower: u32, upper: u32| {
                let (range, depth) = (arcs.range(lower), self.depths[upper as usize]);
                let at = arcs.depths[range.clone()].partition_point(|other| *other > depth);
                (range.start + at) as u32
            };
            match tail.cmp(&head) {
                std::cmp::Ordering::Less => find(&self.up, tail, head),
                std::cmp::Ordering::Equal => NONE,
                std::cmp::Ordering::Greater => self.up.depths.len() as u32 + find(&self.down, head, tail),
            }
        };
        self.slots = graph.edges().map(slot).collect();
    }

    /// Leaves out the arcs that are impassable even when every edge is open.
    fn drop_impassable(&mut self, graph: &Graph<'_>) {
        let mut metric = Metric::default();
        Customizer::new(self).customize(self, &vec![0; self.slots.len()], &mut metric);
        self.up.retain(&metric.up);
        self.down.retain(&metric.down);
        self.assign(graph);
    }
}

impl Arcs {
    fn retain(&mut self, weights: &[u32]) {
        let (mut first, mut depths) = (vec![0], Vec::new());
        for rank in 0..self.first.len() as u32 - 1 {
            depths.extend(self.range(rank).filter(|arc| weights[*arc] < CLOSED).map(|arc| self.depths[arc]));
            first.push(depths.len() as u32);
        }
        depths.shrink_to_fit();
        *self = Self { first, depths };
    }
}
