//! The turn graph, held to every way there is.
//!
//! Separate for its length.

use proptest::prelude::*;

use super::*;
use crate::geo::LatLng;
use crate::road::map_file::{MapReader, MapWriter};
use crate::road::network::{NodeId, Parts, RoadClass, Segment};

fn place(lat_e7: i32, lng_e7: i32) -> LatLng {
    LatLng::from_e7(lat_e7, lng_e7).expect("on the globe")
}

/// Streets between places, legal one way or both ways.
fn network(places: &[(i32, i32)], streets: &[(u32, u32, bool)]) -> Network {
    let segment = |(from, to, is_oneway): &(u32, u32, bool)| Segment {
        from: NodeId(*from),
        to: NodeId(*to),
        shape: Vec::new(),
        class: RoadClass::Residential,
        name: None,
        is_roundabout: false,
        forward_ms: Some(1_000),
        backward_ms: (!is_oneway).then_some(2_000),
    };
    let nodes = places.iter().map(|(lat, lng)| place(*lat, *lng)).collect();
    let parts = Parts { nodes, segments: streets.iter().map(segment).collect(), ..Parts::default() };
    Network::new(parts).expect("a network").0
}

/// A crossing (0) with arms to the north (1), east (2), south (3) and west (4); both ways.
fn crossing() -> Network {
    let places = [(0, 0), (10_000, 0), (0, 10_000), (-10_000, 0), (0, -10_000)];
    network(&places, &[(0, 1, false), (0, 2, false), (0, 3, false), (0, 4, false)])
}

fn arc(network: &Network, from: u32, to: u32) -> ArcId {
    network.arcs_from(NodeId(from)).find(|arc| network.head(*arc) == NodeId(to)).expect("an arc")
}

const COSTS: TurnCosts = TurnCosts {
    u_turn_ms: 20_000,
    dead_end_ms: 5_000,
    across_ms: 4_000,
    with_ms: 2_000,
    straight_ms: 1_000,
    drives_on_right: true,
};

#[test]
fn a_turn_costs_what_its_direction_says() {
    let network = crossing();
    let from_south = arc(&network, 3, 0);
    for (drives_on_right, west, east) in [(true, 4_000, 2_000), (false, 2_000, 4_000)] {
        let graph = TurnGraph::new(&network, &[], &TurnCosts { drives_on_right, ..COSTS });
        let cost = |to| graph.turns(from_south.0).find(|(head, _)| *head == arc(&network, 0, to).0).expect("a turn").1;
        assert_eq!([cost(1), cost(2), cost(3), cost(4)], [1_000, east, 20_000, west]);
        let to_north = arc(&network, 0, 1).0;
        assert_eq!(graph.turns(to_north).collect::<Vec<_>>(), [(arc(&network, 1, 0).0, 5_000)], "a dead end");
    }
}

#[test]
fn the_weight_of_a_turn_is_its_cost_and_the_ride_behind_it() {
    let network = crossing();
    let graph = TurnGraph::new(&network, &[], &COSTS);
    let mut durations = network.durations_ms().to_vec();
    durations[arc(&network, 0, 1).0 as usize] = CLOSED;
    let weights = graph.weights(&durations);
    let turns = (0..graph.vertex_count() as u32).flat_map(|vertex| graph.turns(vertex));
    for ((head, cost_ms), weight) in turns.zip(weights) {
        let duration = durations[graph.arc_of(head).0 as usize];
        assert_eq!(weight, if duration == CLOSED { CLOSED } else { duration + cost_ms });
    }
}

#[test]
fn a_forbidden_turn_is_not_there_and_no_other_is_missing() {
    let network = crossing();
    let (from, to) = (arc(&network, 3, 0), arc(&network, 0, 4));
    let graph = TurnGraph::new(&network, &[vec![from, to]], &COSTS);
    assert_eq!(graph.vertex_count(), network.arc_count());
    assert_eq!(graph.turn_count(), 4 * 4 + 4 - 1);
    assert!(graph.turns(from.0).all(|(head, _)| head != to.0));
    assert!(graph.turns(arc(&network, 2, 0).0).any(|(head, _)| head == to.0));
}

#[test]
fn a_turn_by_way_of_a_street_is_forbidden_to_those_only_who_came_that_way() {
    // Two crossings 1 and 2 with a link between; 0 and 3 are west, 4 and 5 east of them.
    let network = network(
        &[(0, -10_000), (0, 0), (10_000, 0), (10_000, -10_000), (0, 10_000), (10_000, 10_000)],
        &[(0, 1, false), (1, 2, false), (2, 3, false), (4, 1, false), (2, 5, false)],
    );
    let (into, link, out) = (arc(&network, 0, 1), arc(&network, 1, 2), arc(&network, 2, 3));
    let graph = TurnGraph::new(&network, &[vec![into, link, out]], &COSTS);
    let copies: Vec<u32> = graph.copies_of(link).collect();
    assert_eq!(copies.len(), 1);
    assert_eq!((graph.arc_of(copies[0]), graph.vertex_count()), (link, network.arc_count() + 1));
    assert!(is_ridden(&graph, &[into, link, arc(&network, 2, 5)]));
    assert!(is_ridden(&graph, &[arc(&network, 4, 1), link, out]));
    assert!(!is_ridden(&graph, &[into, link, out]));
}

/// Whether the turn graph lets one ride these arcs in a row.
fn is_ridden(graph: &TurnGraph, path: &[ArcId]) -> bool {
    let mut vertex = path[0].0;
    path[1..].iter().all(|arc| match graph.turns(vertex).find(|(head, _)| graph.arc_of(*head) == *arc) {
        Some((head, _)) => {
            vertex = head;
            true
        }
        None => false,
    })
}

/// All ways of `length` arcs from one arc, legal or not.
fn ways(network: &Network, path: &mut Vec<ArcId>, length: usize, visit: &mut dyn FnMut(&[ArcId])) {
    visit(path);
    if path.len() == length {
        return;
    }
    for next in network.arcs_from(network.head(path[path.len() - 1])) {
        path.push(next);
        ways(network, path, length, visit);
        path.pop();
    }
}

fn any_network() -> impl Strategy<Value = Network> {
    let streets = prop::collection::vec((0..5_u32, 0..5_u32, prop::bool::ANY), 2..8);
    streets.prop_map(|streets| network(&[(0, 0), (9_000, 0), (0, 9_000), (-9_000, 2_000), (3_000, -9_000)], &streets))
}

/// Ways through the network, by the choice made at each junction.
fn restrictions(network: &Network, choices: &[Vec<u32>]) -> Vec<Vec<ArcId>> {
    let path = |choices: &Vec<u32>| {
        let mut path = vec![ArcId(choices[0] % network.arc_count() as u32)];
        for choice in &choices[1..] {
            let exits: Vec<ArcId> = network.arcs_from(network.head(path[path.len() - 1])).collect();
            path.push(*exits.get(*choice as usize % exits.len().max(1))?);
        }
        Some(path)
    };
    choices.iter().filter_map(path).collect()
}

proptest! {
    /// The oracle looks for a forbidden way inside each way there is.
    #[test]
    fn the_graph_holds_exactly_the_ways_that_contain_no_forbidden_one(
        network in any_network(), choices in prop::collection::vec(prop::collection::vec(0..60_u32, 2..5), 0..6),
    ) {
        let restrictions = restrictions(&network, &choices);
        let graph = TurnGraph::new(&network, &restrictions, &COSTS);
        let mut wrong = None;
        for first in 0..network.arc_count() as u32 {
            ways(&network, &mut vec![ArcId(first)], 5, &mut |path| {
                let is_forbidden = restrictions.iter().any(|bad| path.windows(bad.len()).any(|part| part == bad));
                if is_ridden(&graph, path) == is_forbidden {
                    wrong = Some(path.to_vec());
                }
            });
        }
        prop_assert_eq!(wrong, None, "restrictions {:?}", restrictions);
    }

    #[test]
    fn a_graph_comes_back_from_its_file_as_it_was(
        network in any_network(), choices in prop::collection::vec(prop::collection::vec(0..60_u32, 2..5), 0..6),
    ) {
        let graph = TurnGraph::new(&network, &restrictions(&network, &choices), &COSTS);
        let mut file = MapWriter::default();
        graph.write(&mut file);
        let file = file.finish();
        prop_assert_eq!(TurnGraph::read(&MapReader::new(&file).expect("whole"), &network), Ok(graph));
    }
}

#[test]
fn a_file_with_turns_of_another_network_is_refused() {
    let check = |change: fn(&mut TurnGraph), message: &str| {
        let network = crossing();
        let mut graph = TurnGraph::new(&network, &[], &COSTS);
        change(&mut graph);
        let mut file = MapWriter::default();
        graph.write(&mut file);
        let file = file.finish();
        let read = TurnGraph::read(&MapReader::new(&file).expect("whole"), &network);
        assert_eq!(read.expect_err(message).to_string(), message);
    };
    check(|graph| graph.heads[0] = 8, "section turn.heads refers to 8, of 8");
    check(|graph| graph.copies.push(8), "section turn.copies refers to 8, of 8");
    check(|graph| graph.costs_ms.clear(), "section turn.costs has 0 entries, not 20");
    check(|graph| graph.first_turn[1] = 30, "section turn.first does not count upwards to its end");
    check(|graph| graph.heads.reverse(), "section turn.heads has a turn out of 0 to a street elsewhere");
}
