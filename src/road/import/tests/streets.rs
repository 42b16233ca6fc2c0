//! Ways become segments.

use super::extract::{Extract, TagList};
use crate::geo::LatLng;
use crate::road::import::{ImportError, Imported, Outline};
use crate::road::network::{Network, RoadClass};

const STREET: TagList = &[("highway", "residential")];
const ONEWAY: TagList = &[("highway", "residential"), ("oneway", "yes")];

/// A square of streets 1-2-3-4, 111 m a side, and what else is drawn.
fn square(more: &[(f64, f64)]) -> Extract {
    Extract::at(&[&[(0.0, 0.0), (0.0, 1.0), (1.0, 1.0), (1.0, 0.0)], more].concat()).way(&[1, 2, 3, 4, 1], STREET)
}

/// Junctions, segments and arcs.
fn size(imported: &Imported) -> (usize, usize, usize) {
    let (network, _) = Network::new(imported.parts.clone()).expect("a network");
    (network.node_count(), network.segment_count(), network.arc_count())
}

#[test]
fn a_way_is_cut_where_another_meets_it_and_nowhere_else() {
    // A street through the middle of the square's south side, bent on its way.
    let imported = square(&[(-1.0, 1.0), (-1.5, 1.5)]).way(&[2, 5, 6], STREET).import();
    // The square is a loop from the junction to itself.
    assert_eq!(size(&imported), (2, 2, 4));
    let arm = imported.parts.segments.iter().find(|segment| segment.from != segment.to).expect("the arm");
    assert_eq!(arm.shape, [LatLng::new(-0.001, 0.001).expect("on the globe")]);
    // 111.2 m and 78.6 m at 23 km/h.
    assert!((29_600..29_800).contains(&arm.forward_ms.expect("both ways")), "{:?}", arm.forward_ms);
}

#[test]
fn ways_that_meet_end_to_end_are_one_segment_where_they_are_alike() {
    let ends =
        |second: TagList| size(&square(&[(-1.0, 1.0), (-2.0, 1.0)]).way(&[2, 5], STREET).way(&[5, 6], second).import());
    assert_eq!(ends(STREET), (2, 2, 4));
    assert_eq!(ends(&[("highway", "residential"), ("surface", "dirt")]), (2, 2, 4), "only slower");
    assert_eq!(ends(&[("highway", "tertiary")]), (3, 3, 6));
    assert_eq!(ends(&[("highway", "residential"), ("name", "KN 5 Rd")]), (3, 3, 6));
}

#[test]
fn ways_drawn_against_each_other_are_joined_with_their_directions() {
    // A detour of one-way streets, half of it drawn backwards.
    let imported = square(&[(-1.0, 0.0), (-1.0, 1.0)])
        .way(&[1, 5, 6], ONEWAY)
        .way(&[2, 6], &[("highway", "residential"), ("oneway", "-1")])
        .import();
    assert_eq!(size(&imported), (2, 3, 5));
    let oneway =
        imported.parts.segments.iter().find(|segment| segment.forward_ms.is_none() || segment.backward_ms.is_none());
    let oneway = oneway.expect("the detour");
    let [from, to] = [oneway.from, oneway.to].map(|node| imported.parts.nodes[node.0 as usize].lng_e7());
    let runs_east = if oneway.forward_ms.is_some() { from < to } else { to < from };
    assert!(runs_east && oneway.shape.len() == 2, "{oneway:?}");
}

#[test]
fn a_barrier_stops_or_delays() {
    let through = |barrier: TagList| {
        square(&[(-1.0, 1.0), (-2.0, 1.0)]).tag(5, barrier).way(&[2, 5, 6], STREET).way(&[6, 1], STREET).import()
    };
    let open = through(&[]);
    assert_eq!(size(&open), (2, 3, 6));
    let gate = through(&[("barrier", "gate")]);
    let time =
        |imported: &Imported| imported.parts.segments.iter().filter_map(|segment| segment.forward_ms).sum::<u32>();
    assert_eq!((size(&gate), time(&gate) - time(&open)), ((2, 3, 6), 12_000));
    // Both sides of a wall are dead ends.
    for wall in [&[("barrier", "block")] as TagList, &[("barrier", "gate"), ("access", "private")]] {
        assert_eq!(size(&through(wall)), (4, 4, 8), "{wall:?}");
    }
    assert_eq!(size(&through(&[("barrier", "block"), ("motorcycle", "yes")])), (2, 3, 6));
}

#[test]
fn a_signal_delays_those_it_faces() {
    let arm = |tags: TagList| {
        let imported = square(&[(-1.0, 1.0), (-2.0, 1.0)]).tag(5, tags).way(&[2, 5, 6], STREET).import();
        let arm = imported.parts.segments.iter().find(|segment| segment.from != segment.to).cloned().expect("the arm");
        (arm.forward_ms.expect("both ways"), arm.backward_ms.expect("both ways"))
    };
    let (free, _) = arm(&[]);
    assert_eq!(arm(&[("highway", "traffic_signals")]), (free + 9_000, free + 9_000));
    let facing = arm(&[("highway", "traffic_signals"), ("traffic_signals:direction", "forward")]);
    assert_eq!(facing.0.abs_diff(facing.1), 9_000);
}

#[test]
fn what_one_cannot_come_back_from_is_dropped_and_counted() {
    // A one-way street that leads away, and a village that nothing leads to.
    let imported =
        square(&[(-1.0, 1.0), (50.0, 50.0), (50.0, 51.0)]).way(&[2, 5], ONEWAY).way(&[6, 7], STREET).import();
    assert_eq!(imported.parts.segments.len(), 1);
    let summary = &imported.summary;
    assert_eq!((summary.components, summary.islands_dropped), (1, 1));
    assert!((222.0..223.0).contains(&summary.dropped_m), "{} m", summary.dropped_m);
    assert!((444.0..446.0).contains(&summary.largest_component_m), "{} m", summary.largest_component_m);
}

#[test]
fn an_island_that_is_large_enough_is_kept() {
    let far: Vec<(f64, f64)> = (0..40).map(|step| (50.0, 50.0 + f64::from(step))).collect();
    let imported = square(&far).way(&(5..45).collect::<Vec<i64>>(), STREET).import();
    assert_eq!((imported.summary.components, imported.summary.islands_dropped), (1, 1), "the square is the island");
    let imported =
        square(&[&far[..], &far.iter().map(|(north, east)| (north + 20.0, *east)).collect::<Vec<_>>()].concat())
            .way(&(5..45).collect::<Vec<i64>>(), STREET)
            .way(&(45..85).collect::<Vec<i64>>(), STREET)
            .import();
    assert_eq!((imported.summary.components, imported.parts.segments.len()), (2, 2));
}

#[test]
fn a_node_that_is_missing_cuts_the_way_and_is_counted() {
    // Node 99 is nowhere; the arm ends before it, and what is behind is an island.
    let imported = square(&[(-1.0, 1.0), (-3.0, 1.0)]).way(&[2, 5, 99, 6], STREET).import();
    assert_eq!((size(&imported), imported.summary.nodes_missing), ((2, 2, 4), 1));
    // Between two junctions there is no street left.
    let imported = square(&[]).way(&[1, 99, 3], STREET).import();
    assert_eq!((size(&imported), imported.summary.nodes_missing), ((1, 1, 2), 1));
}

#[test]
fn streets_outside_the_area_are_cut_off() {
    let area = r#"{"type":"Polygon","coordinates":[[[-1,-0.0015],[1,-0.0015],[1,1],[-1,1],[-1,-0.0015]]]}"#;
    let area = Outline::from_geojson(area).expect("an area");
    let extract = square(&[(-1.0, 1.0), (-2.0, 1.0), (-3.0, 1.0)]).way(&[2, 5, 6, 7], STREET);
    let imported = extract.import_in(Some(&area)).expect("streets");
    assert_eq!((size(&imported), imported.summary.nodes_missing), ((2, 2, 4), 0));
    let nowhere = Outline::from_geojson(r#"{"type":"Polygon","coordinates":[[[5,5],[6,5],[6,6]]]}"#).expect("an area");
    assert!(matches!(extract.import_in(Some(&nowhere)), Err(ImportError::NoStreets)));
}

#[test]
fn roundabouts_and_ferries_keep_what_they_are() {
    let imported = Extract::at(&[(0.0, 0.0), (0.0, 1.0), (1.0, 1.0), (1.0, 0.0), (0.0, 2.0), (0.0, 12.0)])
        .way(&[1, 2, 3, 4, 1], &[("highway", "primary"), ("junction", "roundabout")])
        .way(&[2, 5], STREET)
        .way(&[5, 6], &[("route", "ferry"), ("duration", "00:30")])
        .import();
    let roundabout = imported.parts.segments.iter().find(|segment| segment.is_roundabout).expect("a roundabout");
    assert!(roundabout.forward_ms.is_some() && roundabout.backward_ms.is_none());
    assert_eq!(roundabout.class, RoadClass::Primary);
    let ferry = imported.parts.segments.iter().find(|segment| segment.class == RoadClass::Ferry).expect("a ferry");
    // Half an hour, and ten minutes of waiting.
    assert_eq!(ferry.forward_ms, Some(2_400_000));
}
