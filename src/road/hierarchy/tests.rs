//! The hierarchy against Dijkstra, on graphs of every kind.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use proptest::prelude::{Strategy, any, prop_assert, prop_assert_eq, proptest};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::*;
use crate::road::map_file::{MapReader, MapWriter};
use crate::road::turns::CLOSED;

#[derive(Debug)]
struct Town {
    first_out: Vec<u32>,
    heads: Vec<u32>,
    places: Vec<(f32, f32)>,
}

impl Town {
    fn new(places: Vec<(f32, f32)>, mut edges: Vec<(u32, u32)>) -> Self {
        edges.sort_unstable();
        let mut first_out = vec![0; places.len() + 1];
        edges.iter().for_each(|(tail, _)| first_out[*tail as usize + 1] += 1);
        (1..first_out.len()).for_each(|vertex| first_out[vertex] += first_out[vertex - 1]);
        Self { first_out, heads: edges.into_iter().map(|(_, head)| head).collect(), places }
    }

    /// A grid with streets missing, and one-ways.
    fn grid(side: u32, seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let places = (0..side * side).map(|v| ((v / side) as f32 / 100.0, (v % side) as f32 / 100.0)).collect();
        let mut edges = Vec::new();
        for vertex in 0..side * side {
            let neighbours = [(vertex % side + 1 < side, vertex + 1), (vertex / side + 1 < side, vertex + side)];
            for (_, other) in neighbours.into_iter().filter(|(is_there, _)| *is_there) {
                match rng.random_range(0..10) {
                    0 => {}
                    1 => edges.push((vertex, other)),
                    2 => edges.push((other, vertex)),
                    _ => edges.extend([(vertex, other), (other, vertex)]),
                }
            }
        }
        Self::new(places, edges)
    }

    fn graph(&self) -> Graph<'_> {
        Graph { first_out: &self.first_out, heads: &self.heads, places: &self.places }
    }

    fn edges(&self, vertex: u32) -> impl Iterator<Item = (usize, u32)> + '_ {
        let range = self.first_out[vertex as usize] as usize..self.first_out[vertex as usize + 1] as usize;
        range.map(|edge| (edge, self.heads[edge]))
    }

    fn weights(&self, rng: &mut StdRng, closed_percent: u32) -> Vec<u32> {
        let weight = |_: &u32| {
            if rng.random_ratio(closed_percent, 100) { CLOSED } else { rng.random_range(1..10_000) }
        };
        self.heads.iter().map(weight).collect()
    }

    /// Distances from a vertex to all.
    fn dijkstra(&self, weights: &[u32], from: u32) -> Vec<u32> {
        let mut distances = vec![CLOSED; self.places.len()];
        let mut heap = BinaryHeap::from([Reverse((0, from))]);
        while let Some(Reverse((distance, vertex))) = heap.pop() {
            if distances[vertex as usize] <= distance {
                continue;
            }
            distances[vertex as usize] = distance;
            for (edge, head) in self.edges(vertex).filter(|(edge, _)| weights[*edge] < CLOSED) {
                heap.push(Reverse((distance + weights[edge], head)));
            }
        }
        distances
    }
}

/// All that a search answers, from one vertex to a few targets, against the distances that are true.
fn check(town: &Town, hierarchy: &Hierarchy, weights: &[u32], metric: &Metric, search: &mut Search, rng: &mut StdRng) {
    let count = town.places.len() as u32;
    let from = rng.random_range(0..count);
    let truth = town.dijkstra(weights, from);
    let mut label = Label::default();
    Labeller::default().label(hierarchy, metric, from, &mut label);
    for target_count in [1, 1, 1, 2, 3] {
        let targets: Vec<(u32, u32)> =
            (0..target_count).map(|_| (rng.random_range(0..count), rng.random_range(0..3_000))).collect();
        let least = targets.iter().map(|(target, offset)| truth[*target as usize].saturating_add(*offset)).min();
        let least = least.expect("a target").min(CLOSED);
        search.aim(hierarchy, metric, &targets);
        assert_eq!(search.distance_of(&label), least, "label of {from} to {targets:?}");
        assert_eq!(search.distance(hierarchy, metric, from), least, "{from} to {targets:?}");
        let mut way = Vec::new();
        let edges = |vertex| town.edges(vertex).map(|(edge, head)| (head, weights[edge]));
        assert_eq!(search.path((hierarchy, metric), from, edges, &mut way), least);
        let Some(last) = way.last() else {
            assert_eq!(least, CLOSED);
            continue;
        };
        let step = |pair: &[u32]| edges(pair[0]).filter(|(head, _)| *head == pair[1]).map(|(_, weight)| weight).min();
        let length: u32 = way.windows(2).map(|pair| step(pair).expect("an edge")).sum();
        let offset = targets.iter().filter(|(target, _)| target == last).map(|(_, offset)| *offset).min();
        assert_eq!((way[0], length + offset.expect("a target")), (from, least));
    }
}

#[test]
fn distances_and_ways_are_those_of_dijkstra_under_three_metrics() {
    for (side, seed) in [(12, 1), (25, 2), (40, 3)] {
        let town = Town::grid(side, seed);
        let hierarchy = Hierarchy::new(town.graph()).expect("a hierarchy");
        let mut rng = StdRng::seed_from_u64(seed);
        let (mut customizer, mut metric) = (Customizer::new(&hierarchy), Metric::default());
        let mut search = Search::new(&hierarchy);
        for closed_percent in [0, 5, 40] {
            let weights = town.weights(&mut rng, closed_percent);
            customizer.customize(&hierarchy, &weights, &mut metric);
            (0..40).for_each(|_| check(&town, &hierarchy, &weights, &metric, &mut search, &mut rng));
        }
    }
}

#[test]
fn a_hierarchy_survives_the_map_file_and_damage_is_refused() {
    let town = Town::grid(15, 4);
    let hierarchy = Hierarchy::new(town.graph()).expect("a hierarchy");
    let written = |hierarchy: &Hierarchy| {
        let mut writer = MapWriter::default();
        hierarchy.write(&mut writer);
        writer.finish()
    };
    let read = |file: &[u8]| Hierarchy::read(&MapReader::new(file).expect("a map file"));
    assert_eq!(read(&written(&hierarchy)).as_ref(), Ok(&hierarchy));
    type Damage = (&'static str, fn(&mut Hierarchy));
    let damages: [Damage; 8] = [
        ("section cch.ranks names rank 225 wrongly", |h| h.ranks[7] = 225),
        ("section cch.ranks names rank 0 wrongly", |h| h.ranks.iter_mut().for_each(|rank| *rank = 0)),
        ("section cch.parents has 224 entries, not 225", |h| h.parents.truncate(224)),
        ("section cch.parents puts 3 below 3", |h| h.parents[3] = 3),
        ("section cch.first_up does not divide its arcs", |h| h.up.first[5] = 1_000_000),
        ("section cch.down has arcs of 0 out of order", |h| h.down.depths[0] = 60_000),
        ("section cch.slots names arc 99999999 of", |h| h.slots[1] = 99_999_999),
        ("section cch.parents has no range below", |h| {
            let is_later =
                |rank: &usize| h.lowest.get(h.parents[*rank] as usize).is_some_and(|it| *it < h.lowest[*rank]);
            let later_child = (0..200).find(is_later).expect("a fork");
            h.parents[later_child] = h.parents.len() as u32 - 1;
        }),
    ];
    for (message, damage) in damages {
        let mut damaged = hierarchy.clone();
        damage(&mut damaged);
        let error = read(&written(&damaged)).expect_err(message).to_string();
        assert!(error.starts_with(message), "{error}, not {message}");
    }
}

fn any_town() -> impl Strategy<Value = (Town, u64)> {
    let town = (1..40_u32).prop_flat_map(|count| {
        let places = proptest::collection::vec((0.0..1.0_f32, 0.0..1.0_f32), count as usize);
        let edges = proptest::collection::vec((0..count, 0..count), 0..3 * count as usize);
        (places, edges)
    });
    (town, any::<u64>()).prop_map(|((places, edges), seed)| (Town::new(places, edges), seed))
}

proptest! {
    #[test]
    fn any_graph_whatever_is_searched_as_dijkstra_does((town, seed) in any_town()) {
        let hierarchy = Hierarchy::new(town.graph()).expect("a hierarchy");
        prop_assert_eq!(hierarchy.edge_count(), town.heads.len());
        prop_assert!(hierarchy.ranks.iter().all(|rank| hierarchy.is_above(*rank, *rank)));
        let mut rng = StdRng::seed_from_u64(seed);
        let mut metric = Metric::default();
        let mut search = Search::new(&hierarchy);
        for closed_percent in [0, 30] {
            let weights = town.weights(&mut rng, closed_percent);
            Customizer::new(&hierarchy).customize(&hierarchy, &weights, &mut metric);
            (0..5).for_each(|_| check(&town, &hierarchy, &weights, &metric, &mut search, &mut rng));
        }
    }
}
