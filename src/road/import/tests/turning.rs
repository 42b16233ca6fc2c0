//! Turn restrictions, as drawn and as obeyed.

use super::extract::{Extract, TagList};
use crate::geo::LatLng;
use crate::road::import::Imported;
use crate::road::network::{ArcId, Network};
use crate::road::turns::{TurnCosts, TurnGraph};

const STREET: TagList = &[("highway", "residential")];

/// Two crossings, nodes 1 and 2, with a link (way 1) between; arms of the first to the west, north and south (nodes 3, 4, 5;
/// ways 2, 3, 4), of the second to the east, north and south (nodes 6, 7, 8; ways 5, 6, 7).
fn crossings() -> Extract {
    let places = [(0.0, 0.0), (0.0, 1.0), (0.0, -1.0), (1.0, 0.0), (-1.0, 0.0), (0.0, 2.0), (1.0, 1.0), (-1.0, 1.0)];
    [[1, 2], [3, 1], [1, 4], [1, 5], [2, 6], [2, 7], [8, 2]]
        .iter()
        .fold(Extract::at(&places), |extract, nodes| extract.way(nodes, STREET))
}

/// Whether one may ride from node to node.
fn may_ride(extract: &Extract, imported: &Imported, nodes: &[i64]) -> bool {
    let (network, restrictions) = Network::new(imported.parts.clone()).expect("a network");
    let graph = TurnGraph::new(&network, &restrictions, &TurnCosts::FREE);
    let place = |id: i64| {
        let (_, lat, lng, _) = extract.nodes[id as usize - 1];
        LatLng::new(lat, lng).expect("on the globe")
    };
    let arc = |pair: &[i64]| {
        let ends = [place(pair[0]), place(pair[1])];
        let arcs = (0..network.arc_count() as u32).map(ArcId);
        arcs.into_iter()
            .find(|arc| [network.tail(*arc), network.head(*arc)].map(|node| network.node(node)) == ends)
            .expect("an arc")
    };
    let mut vertex = arc(&nodes[..2]).0;
    nodes.windows(2).skip(1).all(|pair| {
        let next = graph.turns(vertex).find(|(head, _)| graph.arc_of(*head) == arc(pair));
        next.is_some_and(|(head, _)| {
            vertex = head;
            true
        })
    })
}

/// Of all ways over three nodes around crossing 1, those that are forbidden.
fn forbidden(extract: &Extract) -> Vec<[i64; 3]> {
    let imported = extract.import();
    let mut forbidden = Vec::new();
    for from in [2, 3, 4, 5] {
        for to in [2, 3, 4, 5] {
            if !may_ride(extract, &imported, &[from, 1, to]) {
                forbidden.push([from, 1, to]);
            }
        }
    }
    forbidden
}

#[test]
fn a_forbidden_turn_at_a_node_is_that_one_turn() {
    let no_left: TagList = &[("type", "restriction"), ("restriction", "no_left_turn")];
    let extract = crossings().relation(no_left, &[(2, "from"), (-1, "via"), (3, "to")]);
    assert_eq!(forbidden(&extract), [[3, 1, 4]]);
    assert_eq!(extract.import().summary.restrictions_used, 1);
}

#[test]
fn an_only_turn_forbids_all_others_from_there_and_the_way_back() {
    let only: TagList = &[("type", "restriction"), ("restriction", "only_straight_on")];
    let extract = crossings().relation(only, &[(2, "from"), (-1, "via"), (1, "to")]);
    assert_eq!(forbidden(&extract), [[3, 1, 3], [3, 1, 4], [3, 1, 5]]);
}

#[test]
fn a_u_turn_is_forbidden_on_its_own_street_only() {
    let no_u_turn: TagList = &[("type", "restriction"), ("restriction", "no_u_turn")];
    let extract = crossings().relation(no_u_turn, &[(2, "from"), (-1, "via"), (2, "to")]);
    assert_eq!(forbidden(&extract), [[3, 1, 3]]);
}

#[test]
fn several_ways_may_be_forbidden_to_enter_at_once() {
    let no_entry: TagList = &[("type", "restriction"), ("restriction", "no_entry")];
    let extract = crossings().relation(no_entry, &[(2, "from"), (4, "from"), (-1, "via"), (3, "to")]);
    assert_eq!(forbidden(&extract), [[3, 1, 4], [5, 1, 4]]);
}

#[test]
fn restrictions_for_others_are_moot_and_those_for_motorcycles_are_not() {
    for (tags, is_used) in [
        (&[("type", "restriction"), ("restriction", "no_left_turn"), ("except", "bus;motorcycle")] as TagList, false),
        (&[("type", "restriction"), ("restriction", "no_left_turn"), ("except", "bus")], true),
        (&[("type", "restriction"), ("restriction:hgv", "no_left_turn")], false),
        (&[("type", "restriction:motorcycle"), ("restriction:motorcycle", "no_left_turn")], true),
        (&[("type", "restriction"), ("restriction:conditional", "no_left_turn @ (07:00-09:00)")], false),
        (&[("type", "restriction"), ("restriction", "give_way")], false),
    ] {
        let extract = crossings().relation(tags, &[(2, "from"), (-1, "via"), (3, "to")]);
        let summary = extract.import().summary;
        assert_eq!(
            (summary.restrictions_used, summary.restrictions_moot),
            if is_used { (1, 0) } else { (0, 1) },
            "{tags:?}"
        );
        assert_eq!(forbidden(&extract).len(), usize::from(is_used), "{tags:?}");
    }
}

#[test]
fn a_turn_by_way_of_a_link_is_forbidden_to_those_only_who_come_from_there() {
    let no_u_turn: TagList = &[("type", "restriction"), ("restriction", "no_u_turn")];
    let extract = crossings().relation(no_u_turn, &[(2, "from"), (1, "via"), (6, "to")]);
    let imported = extract.import();
    assert_eq!(imported.summary.restrictions_used, 1);
    assert!(!may_ride(&extract, &imported, &[3, 1, 2, 7]));
    for way in [[3, 1, 2, 6], [3, 1, 2, 8], [4, 1, 2, 7], [5, 1, 2, 7]] {
        assert!(may_ride(&extract, &imported, &way), "{way:?}");
    }
}

#[test]
fn who_takes_a_link_may_be_bound_to_go_on() {
    let only: TagList = &[("type", "restriction"), ("restriction", "only_right_turn")];
    let extract = crossings().relation(only, &[(2, "from"), (1, "via"), (7, "to")]);
    let imported = extract.import();
    for (way, is_allowed) in [
        ([3, 1, 2, 8], true),
        ([3, 1, 2, 7], false),
        ([3, 1, 2, 6], false),
        ([3, 1, 2, 1], false),
        ([4, 1, 2, 7], true),
        ([4, 1, 2, 6], true),
    ] {
        assert_eq!(may_ride(&extract, &imported, &way), is_allowed, "{way:?}");
    }
    // The link need not be taken.
    assert!(may_ride(&extract, &imported, &[3, 1, 4]));
}

#[test]
fn a_via_of_several_ways_and_pieces_is_followed() {
    // The link is two ways, and the first of them is cut by a side street.
    let places =
        [(0.0, 0.0), (0.0, 1.0), (0.0, 2.0), (0.0, 3.0), (0.0, -1.0), (1.0, 3.0), (-1.0, 1.0), (0.0, 4.0), (1.0, 0.0)];
    let ways: [&[i64]; 7] = [&[5, 1], &[1, 2, 3], &[3, 4], &[4, 6], &[2, 7], &[4, 8], &[1, 9]];
    let no_u_turn: TagList = &[("type", "restriction"), ("restriction", "no_u_turn")];
    let extract = ways.iter().fold(Extract::at(&places), |extract, nodes| extract.way(nodes, STREET));
    let extract = extract.relation(no_u_turn, &[(1, "from"), (2, "via"), (3, "via"), (4, "to")]);
    let imported = extract.import();
    assert_eq!((imported.summary.restrictions_used, imported.summary.forbidden_ways), (1, 1));
    // From the west over the link to the north. Node 3 joins two ways that are alike, but one is named: it stays a junction.
    assert!(!may_ride(&extract, &imported, &[5, 1, 2, 3, 4, 6]));
    assert!(may_ride(&extract, &imported, &[5, 1, 2, 3, 4, 8]));
    assert!(may_ride(&extract, &imported, &[7, 2, 3, 4, 6]));
    assert!(may_ride(&extract, &imported, &[9, 1, 2, 3, 4, 6]));
}

#[test]
fn what_is_not_clear_is_counted_and_forbids_nothing() {
    let no_left: TagList = &[("type", "restriction"), ("restriction", "no_left_turn")];
    // The street comes from both sides.
    let through = Extract::at(&[(0.0, 0.0), (0.0, 1.0), (0.0, -1.0), (1.0, 0.0)])
        .way(&[2, 1, 3], STREET)
        .way(&[1, 4], STREET)
        .relation(no_left, &[(1, "from"), (-1, "via"), (2, "to")]);
    let summary = through.import().summary;
    assert_eq!((summary.restrictions_unclear, summary.forbidden_ways), (1, 0));
    // The street turned into is not in the extract.
    let summary = crossings().relation(no_left, &[(2, "from"), (-1, "via"), (77, "to")]).import().summary;
    assert_eq!((summary.restrictions_moot, summary.forbidden_ways), (1, 0));
    // It has no via.
    let summary = crossings().relation(no_left, &[(2, "from"), (3, "to")]).import().summary;
    assert_eq!((summary.restrictions_moot, summary.forbidden_ways), (1, 0));
}
