//! The network, held to a crossing that is small enough to count, and its sections to wrong files.
//!
//! Separate for its length.

use proptest::prelude::*;

use super::sections::{read_restrictions, write_restrictions};
use super::*;
use crate::road::map_file::{MapReader, MapWriter};

fn place(lat_e7: i32, lng_e7: i32) -> LatLng {
    LatLng::from_e7(lat_e7, lng_e7).expect("on the globe")
}

fn street(from: u32, to: u32, forward_ms: Option<u32>, backward_ms: Option<u32>) -> Segment {
    Segment {
        from: NodeId(from),
        to: NodeId(to),
        shape: Vec::new(),
        class: RoadClass::Residential,
        name: None,
        is_roundabout: false,
        forward_ms,
        backward_ms,
    }
}

/// A crossing (1) with a street to the south (0), one to the north (2, one-way) and a bent one to the east (3).
fn crossing() -> Parts {
    let nodes = [(0, 0), (10_000, 0), (20_000, 0), (10_000, 20_000)].map(|(lat, lng)| place(lat, lng)).to_vec();
    let bent = Segment {
        shape: vec![place(15_000, 10_000)],
        name: Some(0),
        class: RoadClass::Primary,
        is_roundabout: true,
        ..street(1, 3, Some(7_000), Some(8_000))
    };
    let closed = street(0, 3, None, None);
    let segments = vec![street(0, 1, Some(1_000), Some(2_000)), closed, street(1, 2, Some(3_000), None), bent];
    let directed = |segment, is_forward| Directed { segment: SegmentId(segment), is_forward };
    let restrictions = vec![
        vec![directed(0, true), directed(3, true)],
        vec![directed(0, true), directed(2, true), directed(2, false)],
    ];
    Parts { nodes, segments, names: vec!["KN 5 Rd".to_owned()], restrictions }
}

#[test]
fn arcs_are_the_legal_directions_numbered_by_the_junction_they_leave() {
    let (network, restrictions) = Network::new(crossing()).expect("a network");
    assert_eq!((network.node_count(), network.segment_count(), network.arc_count()), (4, 3, 5));
    let ends: Vec<_> = (0..5).map(|arc| (network.tail(ArcId(arc)).0, network.head(ArcId(arc)).0)).collect();
    assert_eq!(ends, [(0, 1), (1, 0), (1, 2), (1, 3), (3, 1)]);
    assert_eq!(network.durations_ms(), [1_000, 2_000, 3_000, 7_000, 8_000]);
    assert_eq!(network.arcs_from(NodeId(1)).collect::<Vec<_>>(), [1, 2, 3].map(ArcId));
    assert_eq!(network.arcs_from(NodeId(2)).len(), 0);
    assert_eq!((network.twin(ArcId(0)), network.twin(ArcId(2))), (Some(ArcId(1)), None));
    // A ten-thousandth of a degree of latitude is 11.1 m on every meridian.
    assert_eq!(network.length_dm(ArcId(0)), 1_112);
    // The restriction that names the illegal direction is gone, the other is in arcs.
    assert_eq!(restrictions, [vec![ArcId(0), ArcId(3)]]);
}

#[test]
fn a_street_keeps_its_points_class_and_name() {
    let (network, _) = Network::new(crossing()).expect("a network");
    let bent = network.directed(ArcId(4));
    assert!(!bent.is_forward);
    assert_eq!(network.arc(bent), Some(ArcId(4)));
    assert_eq!(network.points(bent.segment), [place(10_000, 0), place(15_000, 10_000), place(10_000, 20_000)]);
    assert_eq!((network.class(bent.segment), network.is_roundabout(bent.segment)), (RoadClass::Primary, true));
    assert_eq!((network.name(bent.segment), network.name(SegmentId(0))), (Some("KN 5 Rd"), None));
    let (leaving, arriving) = network.bearings_deg(ArcId(3));
    assert!((leaving - 63.4).abs() < 0.1 && (arriving - 116.6).abs() < 0.1, "{leaving} {arriving}");
    let (back, end) = network.bearings_deg(ArcId(4));
    assert!((back - 296.6).abs() < 0.1 && (end - 243.4).abs() < 0.1, "{back} {end}");
}

#[test]
fn parts_that_refer_to_what_is_not_there_are_refused() {
    let check = |change: fn(&mut Parts), message: &str| {
        let mut parts = crossing();
        change(&mut parts);
        assert_eq!(Network::new(parts).expect_err(message).to_string(), message);
    };
    check(|parts| parts.segments[2].to = NodeId(4), "node 4 of segment 2 does not exist");
    check(|parts| parts.segments[3].name = Some(1), "name 1 of segment 3 does not exist");
    check(|parts| parts.segments.retain(|segment| segment.forward_ms.is_none()), "no street can be used");
}

fn written(network: &Network, restrictions: &[Vec<ArcId>]) -> Vec<u8> {
    let mut file = MapWriter::default();
    network.write(&mut file);
    write_restrictions(restrictions, &mut file);
    file.finish()
}

#[test]
fn a_network_comes_back_from_its_file_as_it_was() {
    let (network, restrictions) = Network::new(crossing()).expect("a network");
    let file = written(&network, &restrictions);
    let reader = MapReader::new(&file).expect("whole");
    assert_eq!(Network::read(&reader), Ok(network.clone()));
    assert_eq!(read_restrictions(&reader, &network), Ok(restrictions));
}

#[test]
fn a_file_whose_sections_do_not_fit_together_is_refused() {
    let check = |change: fn(&mut Network), message: &str| {
        let (mut network, _) = Network::new(crossing()).expect("a network");
        change(&mut network);
        let file = written(&network, &[]);
        let read = Network::read(&MapReader::new(&file).expect("whole"));
        assert_eq!(read.expect_err(message).to_string(), message);
    };
    check(|network| network.heads[0] = 4, "section net.heads refers to 4, of 4");
    check(|network| network.first_out[1] = 9, "section net.first_out does not count upwards to its end");
    check(|network| network.durations_ms[2] = 0, "section net.durations has the riding time 0 ms");
    check(|network| network.kinds[1] = 12, "section net.kinds has the unknown class 12");
    check(|network| network.arc_segments[4] = 9, "section net.arc_segments refers to street 4, which is not there");
    check(|network| network.arc_segments[4] = 4, "section net.arc_segments has a direction of street 2 twice");
    check(
        |network| network.arc_segments.swap(2, 3),
        "section net.arc_segments has an arc that does not end where street 2 does",
    );
    check(|network| network.first_point[1] = 1, "section net.first_point has a street of less than two points");
    check(|network| network.segment_names[0] = 1, "section net.street_names refers to name 1, which is not there");
    check(|network| network.lengths_dm.clear(), "section net.lengths has 0 entries, not 5");
}

#[test]
fn a_file_that_forbids_what_is_no_way_is_refused() {
    let (network, _) = Network::new(crossing()).expect("a network");
    for (path, message) in [
        (vec![ArcId(0), ArcId(5)], "section net.restrictions refers to 5, of 5"),
        (vec![ArcId(0), ArcId(4)], "section net.restrictions forbids a way that does not hang together"),
    ] {
        let file = written(&network, &[path]);
        let read = read_restrictions(&MapReader::new(&file).expect("whole"), &network);
        assert_eq!(read.expect_err(message).to_string(), message);
    }
}

proptest! {
    #[test]
    fn any_network_comes_back_from_its_file(
        ends in prop::collection::vec((0..6_u32, 0..6_u32, prop::option::of(1..90_000_u32), prop::option::of(1..90_000_u32)), 1..12),
        at in prop::collection::vec((-9_000_i32..9_000, -9_000_i32..9_000), 6),
    ) {
        let nodes = at.into_iter().map(|(lat, lng)| place(lat, lng)).collect();
        let segments = ends.into_iter().map(|(from, to, forward, backward)| street(from, to, forward, backward)).collect();
        let parts = Parts { nodes, segments, ..Parts::default() };
        if let Ok((network, restrictions)) = Network::new(parts) {
            let file = written(&network, &restrictions);
            prop_assert_eq!(Network::read(&MapReader::new(&file).expect("whole")), Ok(network));
        }
    }
}
