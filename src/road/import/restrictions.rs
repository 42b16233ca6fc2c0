//! Turn restrictions in terms of ways become forbidden ways through the network.
//!
//! Separate from reading them, because a way has become several segments, or none. `only_` restrictions are turned round:
//! whoever comes that way may not turn anywhere else, and not back either.

use rustc_hash::FxHashMap;

use super::Summary;
use super::joining::Joined;
use super::nodes::Nodes;
use super::relations::{Relations, Rule, TurnRestriction, Via};
use crate::road::network::{Directed, SegmentId};

/// Longer ways from the first via to the street turned into are mistakes.
const VIA_SEGMENTS_MAX: usize = 24;
/// A search gives up after so many steps.
const STEPS_MAX: usize = 10_000;

/// The forbidden ways, each once.
pub fn resolve(relations: &Relations, joined: &Joined, nodes: &Nodes, summary: &mut Summary) -> Vec<Vec<Directed>> {
    let streets = Streets::new(relations, joined);
    let mut forbidden = Vec::new();
    summary.restrictions_moot = relations.moot;
    for restriction in &relations.restrictions {
        match streets.paths(restriction, nodes) {
            Found::Paths(paths) => {
                summary.restrictions_used += 1;
                for path in paths {
                    match restriction.rule {
                        Rule::No => forbidden.push(path),
                        Rule::Only => streets.forbid_others(&path, &mut forbidden),
                    }
                }
            }
            Found::Moot => summary.restrictions_moot += 1,
            Found::Unclear => summary.restrictions_unclear += 1,
        }
    }
    forbidden.sort_unstable();
    forbidden.dedup();
    forbidden
}

enum Found {
    Paths(Vec<Vec<Directed>>),
    /// It forbids what cannot be done.
    Moot,
    Unclear,
}

struct Streets<'j> {
    joined: &'j Joined,
    /// Of each vertex, the directions that leave it, legal or not.
    leaving: Vec<Vec<Directed>>,
    /// Segments of the ways that restrictions name.
    of_way: FxHashMap<i64, Vec<SegmentId>>,
    vertex_of_node: FxHashMap<u32, u32>,
}

impl<'j> Streets<'j> {
    fn new(relations: &Relations, joined: &'j Joined) -> Self {
        let mut leaving = vec![Vec::new(); joined.vertices.len()];
        let mut of_way: FxHashMap<i64, Vec<SegmentId>> = FxHashMap::default();
        let mut vertex_of_node = FxHashMap::default();
        for (index, segment) in joined.segments.iter().enumerate() {
            let id = SegmentId(index as u32);
            leaving[segment.from as usize].push(Directed { segment: id, is_forward: true });
            leaving[segment.to as usize].push(Directed { segment: id, is_forward: false });
            if let Some(way) = segment.way.filter(|way| relations.restricted_ways.contains(way)) {
                of_way.entry(way).or_default().push(id);
            }
            for vertex in [segment.from, segment.to] {
                vertex_of_node.extend(joined.vertices[vertex as usize].node.map(|node| (node, vertex)));
            }
        }
        Self { joined, leaving, of_way, vertex_of_node }
    }

    /// The ways that a restriction is about.
    fn paths(&self, restriction: &TurnRestriction, nodes: &Nodes) -> Found {
        let (mut paths, mut is_unclear) = (Vec::new(), false);
        for from in &restriction.from {
            for to in &restriction.to {
                let found = match &restriction.via {
                    Via::Node(node) => match self.vertex(*node, nodes) {
                        Some(vertex) => self.by_node(*from, vertex, *to),
                        None => Found::Moot,
                    },
                    Via::Ways(vias) => self.by_ways(*from, vias, *to),
                };
                match found {
                    Found::Paths(more) => paths.extend(more),
                    Found::Moot => (),
                    Found::Unclear => is_unclear = true,
                }
            }
        }
        // To be let into one street of several is another thing than what is drawn here for each.
        if is_unclear || (restriction.rule == Rule::Only && paths.len() > 1) {
            Found::Unclear
        } else if paths.is_empty() {
            Found::Moot
        } else {
            Found::Paths(paths)
        }
    }

    fn vertex(&self, node: i64, nodes: &Nodes) -> Option<u32> {
        self.vertex_of_node.get(&nodes.index(node)?).copied()
    }

    fn by_node(&self, from: i64, vertex: u32, to: i64) -> Found {
        let arriving: Vec<Directed> =
            self.leaving_on(vertex, from).map(reversed).filter(|arc| self.is_legal(*arc)).collect();
        let leaving: Vec<Directed> = self.leaving_on(vertex, to).filter(|arc| self.is_legal(*arc)).collect();
        if from == to {
            // Back the way one came.
            let u_turn = |arc: &Directed| leaving.contains(&reversed(*arc)).then(|| vec![*arc, reversed(*arc)]);
            let paths: Vec<_> = arriving.iter().filter_map(u_turn).collect();
            return if paths.is_empty() { Found::Moot } else { Found::Paths(paths) };
        }
        match (&arriving[..], &leaving[..]) {
            ([], _) | (_, []) => Found::Moot,
            ([arriving], [leaving]) => Found::Paths(vec![vec![*arriving, *leaving]]),
            // The way runs on beyond the junction: nobody says from which side one comes, or to which one goes.
            _ => Found::Unclear,
        }
    }

    fn by_ways(&self, from: i64, vias: &[i64], to: i64) -> Found {
        let ways: Vec<i64> = vias.iter().copied().chain([to]).collect();
        let is_there = |way: &i64| self.of_way.contains_key(way);
        if !is_there(&from) || !ways.iter().all(is_there) {
            return Found::Moot;
        }
        let (mut best, mut steps) = (None, 0);
        for segment in &self.of_way[&from] {
            for is_forward in [true, false] {
                let first = Directed { segment: *segment, is_forward };
                if self.is_legal(first) {
                    self.search(&mut vec![first], &ways, &mut best, &mut steps);
                }
            }
        }
        best.map_or(Found::Moot, |path: Vec<Directed>| Found::Paths(vec![path]))
    }

    /// Goes on along the ways in their order; `best` is the shortest that has arrived on the last.
    fn search(&self, path: &mut Vec<Directed>, ways: &[i64], best: &mut Option<Vec<Directed>>, steps: &mut usize) {
        *steps += 1;
        let is_longer = best.as_ref().is_some_and(|best| best.len() <= path.len());
        if *steps > STEPS_MAX || path.len() > VIA_SEGMENTS_MAX || is_longer {
            return;
        }
        let Some(last) = path.last().copied() else { return };
        let vertex = self.head(last);
        let stays = if path.len() > 1 { self.way(last) } else { None };
        // One enters the next way, or stays on the via that one is on.
        for (way, rest) in [Some((ways[0], &ways[1..])), stays.map(|way| (way, ways))].into_iter().flatten() {
            for arc in self.leaving_on(vertex, way).filter(|arc| self.is_legal(*arc) && arc.segment != last.segment) {
                path.push(arc);
                if rest.is_empty() {
                    if best.as_ref().is_none_or(|best| path.len() < best.len()) {
                        *best = Some(path.clone());
                    }
                } else {
                    self.search(path, rest, best, steps);
                }
                path.pop();
            }
        }
    }

    /// Forbids to leave a path anywhere but at its end, once it has been entered.
    fn forbid_others(&self, path: &[Directed], forbidden: &mut Vec<Vec<Directed>>) {
        // By way of streets, the first turn is free: only who takes it must go on.
        let first = if path.len() == 2 { 0 } else { 1 };
        for index in first..path.len() - 1 {
            for other in &self.leaving[self.head(path[index]) as usize] {
                if *other != path[index + 1] && self.is_legal(*other) {
                    forbidden.push(path[..=index].iter().copied().chain([*other]).collect());
                }
            }
        }
    }

    fn leaving_on(&self, vertex: u32, way: i64) -> impl Iterator<Item = Directed> + '_ {
        self.leaving[vertex as usize].iter().copied().filter(move |arc| self.way(*arc) == Some(way))
    }

    fn way(&self, arc: Directed) -> Option<i64> {
        self.joined.segments[arc.segment.0 as usize].way
    }

    fn head(&self, arc: Directed) -> u32 {
        let segment = &self.joined.segments[arc.segment.0 as usize];
        if arc.is_forward { segment.to } else { segment.from }
    }

    fn is_legal(&self, arc: Directed) -> bool {
        self.joined.segments[arc.segment.0 as usize].is_legal(arc.is_forward)
    }
}

const fn reversed(arc: Directed) -> Directed {
    Directed { segment: arc.segment, is_forward: !arc.is_forward }
}
