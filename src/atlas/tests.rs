//! A small town becomes an atlas, goes through a file, and is the same town.

use super::*;
use crate::gazetteer::Query;
use crate::geo::LatLng;
use crate::road::TravelTime;
use crate::road::map_file::{MapFileError, MapReader};
use crate::road::network::NodeId;
use crate::road::town::Town;

fn town(seed: u64) -> Atlas {
    let centre = LatLng::new(-1.9441, 30.0619).expect("on the globe");
    let survey = Survey::of_town(Town::generate(seed, centre, 900.0), TurnCosts::FREE);
    Atlas::new(Survey { about: vec![("made".into(), "by a test".into())], ..survey }).expect("a town")
}

#[test]
fn an_atlas_read_back_gives_the_same_ways_and_finds_the_same_names() {
    let made = town(7);
    let bytes = made.write();
    let read = Atlas::read(&bytes).expect("as written");
    assert_eq!((read.source, &read.about), (Source::Generated, &made.about));
    assert_eq!((&read.network, &read.turns, &read.hierarchy), (&made.network, &made.turns, &made.hierarchy));
    assert_eq!(read.restrictions, made.restrictions);
    let routers = [&made, &read].map(|atlas| atlas.router(300.0).expect("of one map"));
    let nodes = made.network.node_count() as u32;
    for (from, to) in (0..nodes).step_by(7).zip((0..nodes).rev().step_by(5)) {
        let [from, to] = [from, to].map(|node| made.network.node(NodeId(node)));
        let [made, read] = routers.each_ref().map(|router| router.route(from.into(), to));
        assert_eq!(made, read);
    }
    let name = made.network.names()[0].as_str();
    let query = Query { text: name, focus: None, limit: 5 };
    let found = [&made, &read].map(|atlas| atlas.gazetteer.search(&query));
    assert!(!found[0].is_empty(), "{name} is a street of the town");
    assert_eq!(found[0], found[1]);
}

#[test]
fn every_place_of_a_town_is_in_a_sector_and_a_district() {
    let town = town(8);
    for number in 0..town.gazetteer.len() {
        let entry = town.gazetteer.entry(number, None);
        assert!(entry.sector.is_some() && entry.district.is_some(), "{entry:?}");
    }
}

#[test]
fn parts_of_two_towns_make_no_atlas() {
    let (one, other) = (town(7), town(8));
    let mixed = Atlas { hierarchy: other.hierarchy, ..one };
    let bytes = mixed.write();
    assert!(MapReader::new(&bytes).is_ok(), "the file itself is whole");
    assert!(matches!(Atlas::read(&bytes), Err(MapFileError::Section { .. })));
}
