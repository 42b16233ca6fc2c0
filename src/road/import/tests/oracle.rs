//! Any extract: the network has the riding times of the nodes as drawn, and no more junctions than it needs.
//!
//! Separate because here the extracts are random, and the oracle (Floyd and Warshall on single nodes) cuts, drops and joins
//! nothing.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::extract::{Extract, TagList};
use crate::geo::LatLng;
use crate::road::network::{Network, NodeId, Parts, Segment};

const NODES: usize = 12;
const KINDS: [TagList; 5] = [
    &[("highway", "residential")],
    &[("highway", "residential"), ("name", "KN 5 Rd")],
    &[("highway", "residential"), ("oneway", "yes")],
    &[("highway", "residential"), ("oneway", "-1"), ("name", "KN 5 Rd")],
    &[("highway", "residential"), ("surface", "dirt")],
];

type Times = Vec<Vec<f64>>;

/// A way of a kind over nodes.
type Drawn = (Vec<i64>, usize);

fn any_ways() -> impl Strategy<Value = Vec<Drawn>> {
    prop::collection::vec((prop::collection::vec(1..=NODES as i64, 2..6), 0..KINDS.len()), 1..10)
}

/// Nodes on a slanted lattice: no two distances are equal by chance.
fn extract(ways: &[Drawn]) -> Extract {
    let place = |index: usize| ((index % 4) as f64 * 1.1 + index as f64 * 0.01, (index / 4) as f64 * 0.9);
    let places: Vec<(f64, f64)> = (0..NODES).map(place).collect();
    ways.iter().fold(Extract::at(&places), |extract, (nodes, kind)| extract.way(nodes, KINDS[*kind]))
}

fn place(extract: &Extract, node: usize) -> LatLng {
    let (_, lat, lng, _) = extract.nodes[node];
    LatLng::new(lat, lng).expect("on the globe")
}

/// Riding times in milliseconds between all nodes, as drawn.
fn as_drawn(extract: &Extract, ways: &[Drawn]) -> Times {
    let mut times = vec![vec![f64::INFINITY; NODES]; NODES];
    for (nodes, kind) in ways {
        let kmh = if *kind == 4 { 23.0 * 0.7 } else { 23.0 };
        for pair in nodes.windows(2) {
            let [from, to] = [pair[0] as usize - 1, pair[1] as usize - 1];
            let ms = place(extract, from).distance_m(place(extract, to)) * 3_600.0 / kmh;
            let (along, against) = (*kind != 3, *kind != 2);
            for (from, to, is_legal) in [(from, to, along), (to, from, against)] {
                if is_legal && ms < times[from][to] {
                    times[from][to] = ms;
                }
            }
        }
    }
    all_pairs(times)
}

fn all_pairs(mut times: Times) -> Times {
    let count = times.len();
    (0..count).for_each(|node| times[node][node] = 0.0);
    for by in 0..count {
        for from in 0..count {
            for to in 0..count {
                times[from][to] = times[from][to].min(times[from][by] + times[by][to]);
            }
        }
    }
    times
}

fn on_network(parts: &Parts) -> Times {
    let (network, _) = Network::new(parts.clone()).expect("a network");
    let mut times = vec![vec![f64::INFINITY; parts.nodes.len()]; parts.nodes.len()];
    for node in 0..parts.nodes.len() as u32 {
        for arc in network.arcs_from(NodeId(node)) {
            let time = &mut times[node as usize][network.head(arc).0 as usize];
            *time = time.min(f64::from(network.durations_ms()[arc.0 as usize]));
        }
    }
    all_pairs(times)
}

/// Whether two segments that meet alone at a node should have been one.
fn are_alike(node: NodeId, a: &Segment, b: &Segment) -> bool {
    let directions = |segment: &Segment, is_away: bool| {
        let (forward, backward) = (segment.forward_ms.is_some(), segment.backward_ms.is_some());
        if (segment.from == node) == is_away { [forward, backward] } else { [backward, forward] }
    };
    a.name == b.name && directions(a, true) == directions(b, false)
}

proptest! {
    #[test]
    fn riding_times_are_those_of_the_ways_as_drawn(ways in any_ways()) {
        let extract = extract(&ways);
        let drawn = as_drawn(&extract, &ways);
        let Ok(imported) = extract.import_in(None) else {
            // Nothing can be ridden there and back.
            let is_circle = |a: usize, b: usize| a != b && drawn[a][b].is_finite() && drawn[b][a].is_finite();
            prop_assert!((0..NODES).all(|a| (0..NODES).all(|b| !is_circle(a, b))));
            return Ok(());
        };
        let parts = &imported.parts;
        let of_place: BTreeMap<LatLng, usize> = (0..NODES).map(|node| (place(&extract, node), node)).collect();
        let times = on_network(parts);
        for (from, row) in times.iter().enumerate() {
            for (to, ms) in row.iter().enumerate() {
                let want_ms = drawn[of_place[&parts.nodes[from]]][of_place[&parts.nodes[to]]];
                // Each segment is rounded to a millisecond.
                prop_assert!((ms - want_ms).abs() < 20.0, "{} to {}: {ms} ms, not {want_ms}", parts.nodes[from], parts.nodes[to]);
            }
        }
        // The largest part is there as a whole.
        let first = of_place[&parts.nodes[0]];
        let is_kept = |node: i64| drawn[first][node as usize - 1].is_finite() && drawn[node as usize - 1][first].is_finite();
        let pieces = ways.iter().flat_map(|(nodes, _)| nodes.windows(2));
        let kept_m: f64 = pieces
            .filter(|pair| is_kept(pair[0]) && is_kept(pair[1]))
            .map(|pair| place(&extract, pair[0] as usize - 1).distance_m(place(&extract, pair[1] as usize - 1)))
            .sum();
        prop_assert!((imported.summary.length_m - kept_m).abs() < 0.1, "{} m, not {kept_m}", imported.summary.length_m);
    }

    #[test]
    fn a_node_is_a_junction_an_end_or_where_the_street_changes(ways in any_ways()) {
        let Ok(imported) = extract(&ways).import_in(None) else { return Ok(()) };
        let segments = &imported.parts.segments;
        for node in (0..imported.parts.nodes.len() as u32).map(NodeId) {
            let ends: Vec<usize> = (0..segments.len())
                .flat_map(|index| [(index, segments[index].from), (index, segments[index].to)])
                .filter(|(_, end)| *end == node)
                .map(|(index, _)| index)
                .collect();
            if let [a, b] = ends[..] {
                prop_assert!(a == b || !are_alike(node, &segments[a], &segments[b]), "{:?}", imported.parts);
            }
        }
    }
}
