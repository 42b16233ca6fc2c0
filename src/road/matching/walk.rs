//! Ways from one place on the network to a handful of others nearby.
//!
//! Separate from the lattice because it knows turns and the lattice knows probabilities. A Dijkstra over the turn graph with
//! labels in a small hash table: the places are a few streets away, and the search ends when it has found them all, has gone
//! far enough, or has looked at as many streets as it may. Riding against a one-way street is not searched for; it is only
//! the first or the last stretch of a way.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rustc_hash::FxHashMap;

use super::RoadView;
use crate::road::network::{ArcId, NodeId};

/// A place on the network and the direction in which it is ridden through.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Spot {
    /// The arc.
    pub arc: ArcId,
    /// Decimetres in the direction of riding.
    pub along_dm: u32,
    /// Against a one-way street: from the head of the arc to its tail.
    pub is_against: bool,
}

impl Spot {
    fn tail(self, view: &RoadView<'_>) -> NodeId {
        if self.is_against { view.network.head(self.arc) } else { view.network.tail(self.arc) }
    }

    fn head(self, view: &RoadView<'_>) -> NodeId {
        if self.is_against { view.network.tail(self.arc) } else { view.network.head(self.arc) }
    }

    /// Decimetres to the end.
    pub(super) fn left_dm(self, view: &RoadView<'_>) -> u32 {
        view.network.length_dm(self.arc).saturating_sub(self.along_dm)
    }

    fn is_same_direction(self, other: Self) -> bool {
        self.arc == other.arc && self.is_against == other.is_against
    }

    /// Whether the other is the same stretch of street, ridden the other way.
    fn is_opposite(self, other: Self, view: &RoadView<'_>) -> bool {
        match self.arc == other.arc {
            true => self.is_against != other.is_against,
            false => view.network.twin(self.arc) == Some(other.arc),
        }
    }
}

/// How one gets to a spot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Way {
    /// Metres ridden, in decimetres.
    pub length_dm: u32,
    /// What is unlikely about it (turning back), as decimetres.
    pub penalty_dm: u32,
    pub end: End,
}

/// The last part of a way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// On along the same arc.
    Ahead,
    /// Turned back in the middle of the street.
    TurnedBack,
    /// By way of this vertex: the arc of the spot itself, or, for a spot against a one-way street, the one before.
    By(u32),
    /// At once from the end of the first arc.
    Next,
}

/// Turning back at a junction or in the middle of a street is as unlikely as a detour of this length.
const TURN_BACK_DM: u32 = 1_500;
const ROOT: u32 = u32::MAX;

#[derive(Clone, Copy)]
struct Label {
    /// To the beginning of the arc.
    length_dm: u32,
    penalty_dm: u32,
    parent: u32,
    is_settled: bool,
}

/// Room for a search, to be used again for the next.
#[derive(Default)]
pub(super) struct Walk {
    labels: FxHashMap<u32, Label>,
    heap: BinaryHeap<Reverse<(u32, u32)>>,
    /// Vertices that were wanted, by the place in the list of spots.
    arrived: Vec<Option<u32>>,
}

/// When a search gives up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub length_dm_max: u32,
    pub settled_max: u32,
}

impl Walk {
    /// Looks for ways from a spot to others; [`way`](Self::way) tells what was found.
    pub(super) fn search(&mut self, view: &RoadView<'_>, from: Spot, targets: &[Spot], bounds: Bounds) {
        self.labels.clear();
        self.heap.clear();
        self.arrived.clear();
        self.arrived.resize(targets.len(), None);
        let mut wanted = targets.len();
        self.leave(view, from);
        let mut settled = 0;
        while let Some(Reverse((cost_dm, vertex))) = self.heap.pop() {
            let Some(label) = self.labels.get_mut(&vertex) else { continue };
            if label.is_settled || label.length_dm + label.penalty_dm < cost_dm {
                continue;
            }
            label.is_settled = true;
            let label = *label;
            let arc = view.turns.arc_of(vertex);
            settled += 1;
            if cost_dm > bounds.length_dm_max || settled > bounds.settled_max {
                return;
            }
            for (target, arrived) in targets.iter().zip(&mut self.arrived) {
                let is_there = match target.is_against {
                    false => target.arc == arc,
                    true => target.arc != arc && target.tail(view) == view.network.head(arc),
                };
                if is_there && arrived.is_none() {
                    *arrived = Some(vertex);
                    wanted -= 1;
                }
            }
            if wanted == 0 {
                return;
            }
            self.turn(view, vertex, label.length_dm + view.network.length_dm(arc), label.penalty_dm);
        }
    }

    /// The first streets after the one that a way begins on.
    fn leave(&mut self, view: &RoadView<'_>, from: Spot) {
        if !from.is_against {
            let vertex = from.arc.0;
            return self.expand(view, vertex, ROOT, from.left_dm(view), 0);
        }
        for arc in view.network.arcs_from(from.head(view)) {
            let penalty_dm = if arc == from.arc { TURN_BACK_DM } else { 0 };
            let label = Label { length_dm: from.left_dm(view), penalty_dm, parent: ROOT, is_settled: false };
            self.improve(arc.0, label);
        }
    }

    fn turn(&mut self, view: &RoadView<'_>, vertex: u32, length_dm: u32, penalty_dm: u32) {
        self.expand(view, vertex, vertex, length_dm, penalty_dm);
    }

    fn expand(&mut self, view: &RoadView<'_>, vertex: u32, parent: u32, length_dm: u32, penalty_dm: u32) {
        let twin = view.network.twin(view.turns.arc_of(vertex));
        for (next, _) in view.turns.turns(vertex) {
            let back_dm = if twin == Some(view.turns.arc_of(next)) { TURN_BACK_DM } else { 0 };
            self.improve(next, Label { length_dm, penalty_dm: penalty_dm + back_dm, parent, is_settled: false });
        }
    }

    fn improve(&mut self, vertex: u32, label: Label) {
        let cost_dm = label.length_dm + label.penalty_dm;
        let known = self.labels.entry(vertex);
        let is_better = match &known {
            std::collections::hash_map::Entry::Vacant(_) => true,
            std::collections::hash_map::Entry::Occupied(held) => {
                let held = held.get();
                !held.is_settled && cost_dm < held.length_dm + held.penalty_dm
            }
        };
        if is_better {
            known.insert_entry(label);
            self.heap.push(Reverse((cost_dm, vertex)));
        }
    }

    /// The way to one of the spots that were searched for.
    pub(super) fn way(&self, view: &RoadView<'_>, from: Spot, targets: &[Spot], index: usize) -> Option<Way> {
        let to = targets[index];
        if from.is_same_direction(to) && to.along_dm >= from.along_dm {
            return Some(Way { length_dm: to.along_dm - from.along_dm, penalty_dm: 0, end: End::Ahead });
        }
        if from.is_opposite(to, view) {
            let length_dm = from.left_dm(view).abs_diff(to.along_dm);
            return Some(Way { length_dm, penalty_dm: TURN_BACK_DM, end: End::TurnedBack });
        }
        if to.is_against && to.tail(view) == from.head(view) {
            return Some(Way { length_dm: from.left_dm(view) + to.along_dm, penalty_dm: 0, end: End::Next });
        }
        let vertex = self.arrived[index]?;
        let label = self.labels.get(&vertex)?;
        let before_dm = if to.is_against { view.network.length_dm(view.turns.arc_of(vertex)) } else { 0 };
        let length_dm = label.length_dm + before_dm + to.along_dm;
        Some(Way { length_dm, penalty_dm: label.penalty_dm, end: End::By(vertex) })
    }

    /// Appends the arcs of a way after the first, up to that of the spot itself.
    pub(super) fn arcs(&self, view: &RoadView<'_>, to: Spot, way: Way, out: &mut Vec<ArcId>) {
        let begin = out.len();
        if to.is_against && way.end != End::Ahead {
            out.push(to.arc);
        } else if way.end == End::TurnedBack {
            out.push(to.arc);
        }
        if let End::By(mut vertex) = way.end {
            while vertex != ROOT {
                out.push(view.turns.arc_of(vertex));
                vertex = self.labels.get(&vertex).map_or(ROOT, |label| label.parent);
            }
        }
        out[begin..].reverse();
    }
}
