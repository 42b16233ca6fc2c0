//! Which arc may follow which, and what the turn costs: the network as the router sees it.
//!
//! Separate from the network because turns make a graph of their own: its vertices are the arcs, its edges the legal
//! turns. A restriction that runs over several streets (no U-turn by way of the link road) needs memory of the way: the
//! streets it runs over have copies that remember it, and only the copies are forbidden to go on. Copies come after the
//! arcs, so that the first vertices of the graph are the arcs themselves.

mod sections;
#[cfg(test)]
mod tests;

use rustc_hash::FxHashMap;

use crate::road::network::{ArcId, Network};

/// What turns cost, in milliseconds. The profile says it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TurnCosts {
    /// Back the way one came, at a junction of several streets.
    pub u_turn_ms: u32,
    /// The same at a dead end, where nobody is in the way.
    pub dead_end_ms: u32,
    /// Across the oncoming lane: to the left where one drives on the right.
    pub across_ms: u32,
    /// With the lane: to the right where one drives on the right.
    pub with_ms: u32,
    /// Straight on.
    pub straight_ms: u32,
    /// Whether one drives on the right, as in Rwanda.
    pub drives_on_right: bool,
}

impl TurnCosts {
    /// Turns for nothing, but for the U-turns that every router forbids.
    pub const FREE: Self =
        Self { u_turn_ms: 20_000, dead_end_ms: 5_000, across_ms: 0, with_ms: 0, straight_ms: 0, drives_on_right: true };
}

/// A turn is straight up to this angle.
const STRAIGHT_DEG: f64 = 40.0;

/// The legal turns. A vertex is an arc, or a copy of one.
#[derive(Clone, PartialEq, Debug)]
pub struct TurnGraph {
    pub(super) arc_count: u32,
    /// Arcs of the copies.
    pub(super) copies: Vec<u32>,
    /// Of each vertex, its first turn; one more at the end.
    pub(super) first_turn: Vec<u32>,
    /// The vertex a turn leads to.
    pub(super) heads: Vec<u32>,
    pub(super) costs_ms: Vec<u16>,
}

impl TurnGraph {
    /// The turns of a network under restrictions: sequences of two or more arcs that nobody may drive in a row.
    pub fn new(network: &Network, restrictions: &[Vec<ArcId>], costs: &TurnCosts) -> Self {
        let arc_count = network.arc_count() as u32;
        let states = States::new(restrictions);
        let mut graph = Self {
            arc_count,
            copies: states.arcs.clone(),
            first_turn: vec![0],
            heads: Vec::new(),
            costs_ms: Vec::new(),
        };
        for vertex in 0..arc_count + graph.copies.len() as u32 {
            let from = graph.arc_of(vertex);
            let exits = network.arcs_from(network.head(from));
            let is_dead_end = exits.len() == 1;
            for to in exits {
                // A vertex without memory has still been on its own arc.
                let Some(head) = states.next(vertex, from, to, arc_count) else { continue };
                graph.heads.push(head);
                graph.costs_ms.push(cost_ms(network, from, to, is_dead_end, costs));
            }
            graph.first_turn.push(graph.heads.len() as u32);
        }
        graph
    }

    /// How many vertices there are: arcs first, then copies.
    pub fn vertex_count(&self) -> usize {
        self.first_turn.len() - 1
    }

    /// How many turns there are.
    pub fn turn_count(&self) -> usize {
        self.heads.len()
    }

    /// The arc that a vertex stands for.
    pub fn arc_of(&self, vertex: u32) -> ArcId {
        if vertex < self.arc_count { ArcId(vertex) } else { ArcId(self.copies[(vertex - self.arc_count) as usize]) }
    }

    /// The copies of an arc, the arc itself not among them.
    pub fn copies_of(&self, arc: ArcId) -> impl Iterator<Item = u32> + '_ {
        let copies = self.copies.iter().enumerate();
        copies.filter(move |(_, copied)| **copied == arc.0).map(|(index, _)| self.arc_count + index as u32)
    }

    /// The turns out of a vertex: where each leads and what it costs in milliseconds, without the arc it leads to.
    pub fn turns(&self, vertex: u32) -> impl ExactSizeIterator<Item = (u32, u32)> + '_ {
        let range = self.first_turn[vertex as usize] as usize..self.first_turn[vertex as usize + 1] as usize;
        range.map(|turn| (self.heads[turn], u32::from(self.costs_ms[turn])))
    }

    /// The weight of every turn: what it costs, and the riding time of the arc it leads to, or [`CLOSED`] where that is
    /// closed.
    pub fn weights(&self, durations_ms: &[u32]) -> Vec<u32> {
        let mut weights = Vec::with_capacity(self.turn_count());
        self.fill_weights(durations_ms, &mut weights);
        weights
    }

    /// As [`weights`](Self::weights), in memory that was used before.
    pub(super) fn fill_weights(&self, durations_ms: &[u32], out: &mut Vec<u32>) {
        let duration_ms = |head: &u32| durations_ms[self.arc_of(*head).0 as usize];
        let turns = self.heads.iter().zip(&self.costs_ms);
        out.clear();
        out.extend(turns.map(|(head, cost_ms)| weight_ms(duration_ms(head), u32::from(*cost_ms))));
    }
}

/// The riding time of an arc that nobody may use now.
pub const CLOSED: u32 = u32::MAX / 2;

/// The weight of a turn that costs so much into an arc of a riding time.
#[inline]
pub(super) fn weight_ms(duration_ms: u32, cost_ms: u32) -> u32 {
    match duration_ms {
        CLOSED => CLOSED,
        duration_ms => duration_ms.saturating_add(cost_ms).min(CLOSED - 1),
    }
}

fn cost_ms(network: &Network, from: ArcId, to: ArcId, is_dead_end: bool, costs: &TurnCosts) -> u16 {
    let ms = if network.twin(from) == Some(to) {
        if is_dead_end { costs.dead_end_ms } else { costs.u_turn_ms }
    } else {
        let (arriving, leaving) = (network.bearings_deg(from).1, network.bearings_deg(to).0);
        // Positive to the right.
        let angle = (leaving - arriving + 540.0).rem_euclid(360.0) - 180.0;
        if angle.abs() <= STRAIGHT_DEG {
            costs.straight_ms
        } else if (angle > 0.0) == costs.drives_on_right {
            costs.with_ms
        } else {
            costs.across_ms
        }
    };
    u16::try_from(ms).unwrap_or(u16::MAX)
}

/// What has been driven of the restrictions, as an automaton (Aho and Corasick, 1975): a state is the longest end of the way
/// so far that begins a restriction. States of one arc need no copy: being on the arc says it.
struct States {
    /// Arc of each state that has a copy.
    arcs: Vec<u32>,
    /// The way that each of these states remembers.
    ways: Vec<Vec<u32>>,
    by_way: FxHashMap<Vec<u32>, u32>,
    /// Whole restrictions.
    forbidden: Vec<Vec<u32>>,
    /// The longest way worth remembering.
    length_max: usize,
}

impl States {
    fn new(restrictions: &[Vec<ArcId>]) -> Self {
        let mut forbidden: Vec<Vec<u32>> = restrictions
            .iter()
            .filter(|path| path.len() >= 2)
            .map(|path| path.iter().map(|arc| arc.0).collect())
            .collect();
        forbidden.sort_unstable();
        forbidden.dedup();
        let mut states =
            Self { arcs: Vec::new(), ways: Vec::new(), by_way: FxHashMap::default(), forbidden, length_max: 1 };
        for path in states.forbidden.clone() {
            for length in 2..path.len() {
                let way = path[..length].to_vec();
                states.length_max = states.length_max.max(length);
                if !states.by_way.contains_key(&way) {
                    states.by_way.insert(way.clone(), states.ways.len() as u32);
                    states.arcs.push(way[length - 1]);
                    states.ways.push(way);
                }
            }
        }
        states
    }

    /// The vertex that follows when `to` is driven after `vertex`, which stands for `from`; `None` where that is forbidden.
    fn next(&self, vertex: u32, from: ArcId, to: ArcId, arc_count: u32) -> Option<u32> {
        let mut way = match vertex.checked_sub(arc_count) {
            Some(state) => self.ways[state as usize].clone(),
            None => vec![from.0],
        };
        way.push(to.0);
        let is_forbidden = (0..way.len() - 1).any(|start| self.forbidden.binary_search(&way[start..].to_vec()).is_ok());
        if is_forbidden {
            return None;
        }
        let starts = way.len().saturating_sub(self.length_max)..way.len() - 1;
        let remembered = starts.into_iter().find_map(|start| self.by_way.get(&way[start..]));
        Some(remembered.map_or(to.0, |state| arc_count + state))
    }
}
