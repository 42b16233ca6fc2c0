//! Names of streets and places, and boundaries.

use super::extract::{Extract, TagList};
use crate::geo::LatLng;
use crate::road::import::{ImportedPlace, boundaries_from_geojson, places_from_csv};

const STREET: TagList = &[("highway", "residential")];

fn square(more: &[(f64, f64)]) -> Extract {
    Extract::at(&[&[(0.0, 0.0), (0.0, 1.0), (1.0, 1.0), (1.0, 0.0)], more].concat()).way(&[1, 2, 3, 4, 1], STREET)
}

fn names(names: &[(&str, &str)]) -> Vec<(String, String)> {
    names.iter().map(|(language, name)| ((*language).to_owned(), (*name).to_owned())).collect()
}

#[test]
fn a_street_has_one_name_on_the_map_and_others_to_search_by() {
    let imported = square(&[(-1.0, 0.0), (-1.0, 1.0)])
        .way(&[1, 5], &[("highway", "primary"), ("name", "KN 5 Rd"), ("name:rw", "Umuhanda KN 5"), ("ref", "RN3")])
        .way(&[5, 6], &[("highway", "tertiary"), ("name", "KN 5 Rd"), ("alt_name", "Airport Road; Bd de l'OUA")])
        .way(&[6, 2], &[("highway", "secondary"), ("ref", "RN4")])
        .way(&[5, 4], &[("highway", "steps"), ("name", "Unused")])
        .import();
    assert_eq!(imported.parts.names, ["KN 5 Rd", "RN4"]);
    let streets: Vec<_> = imported.streets.iter().map(|street| (street.names.clone(), street.segments.len())).collect();
    let all = [("", "KN 5 Rd"), ("rw", "Umuhanda KN 5"), ("", "RN3"), ("", "Airport Road"), ("", "Bd de l'OUA")];
    assert_eq!(streets, [(names(&all), 2), (names(&[("", "RN4")]), 1)]);
    for (number, street) in imported.streets.iter().enumerate() {
        for segment in &street.segments {
            assert_eq!(imported.parts.segments[segment.0 as usize].name, Some(number as u32));
        }
    }
}

#[test]
fn places_are_nodes_closed_ways_and_relations_with_a_name_and_a_kind() {
    let imported = square(&[(5.0, 5.0), (2.0, 2.0), (2.0, 4.0), (4.0, 4.0), (4.0, 2.0), (9.0, 9.0)])
        .tag(5, &[("amenity", "hospital"), ("name", "CHUK"), ("name:fr", "Centre hospitalier")])
        .tag(10, &[("amenity", "bench")])
        .way(&[6, 7, 8, 9, 6], &[("building", "yes"), ("name", "Kigali City Tower")])
        .way(&[6, 7, 8], &[])
        .way(&[6, 9, 8], &[])
        .relation(
            &[("type", "multipolygon"), ("aeroway", "aerodrome"), ("name", "Kigali International Airport")],
            &[(3, "outer"), (4, "outer")],
        )
        .import();
    let place = |all: &[(&str, &str)], kind: &str, lat: f64, lng: f64| ImportedPlace {
        names: names(all),
        kind: kind.to_owned(),
        point: LatLng::new(lat, lng).expect("on the globe"),
    };
    assert_eq!(
        imported.places,
        [
            place(&[("", "CHUK"), ("fr", "Centre hospitalier")], "hospital", 0.005, 0.005),
            place(&[("", "Kigali City Tower")], "building", 0.003, 0.003),
            place(&[("", "Kigali International Airport")], "aerodrome", 0.003, 0.003),
        ]
    );
}

#[test]
fn a_boundary_is_put_together_of_its_ways_or_left_out() {
    let sector: TagList =
        &[("type", "boundary"), ("boundary", "administrative"), ("admin_level", "8"), ("name", "Kacyiru")];
    let drawn = |members: &[(i64, &'static str)]| {
        // Three ways around, one of them the other way round.
        square(&[(-9.0, -9.0), (-9.0, 9.0), (9.0, 9.0), (9.0, -9.0)])
            .way(&[5, 6], &[])
            .way(&[8, 7, 6], &[])
            .way(&[8, 5], &[])
            .relation(sector, members)
            .import()
    };
    let imported = drawn(&[(2, "outer"), (3, "outer"), (4, "outer"), (-1, "admin_centre")]);
    assert_eq!(imported.boundaries.len(), 1);
    let boundary = &imported.boundaries[0];
    assert_eq!((boundary.name.as_str(), boundary.level, boundary.rings.len()), ("Kacyiru", 8, 1));
    let mut corners: Vec<_> = boundary.rings[0].iter().map(|corner| (corner.lat_e7(), corner.lng_e7())).collect();
    corners.sort_unstable();
    assert_eq!(corners, [(-90_000, -90_000), (-90_000, 90_000), (90_000, -90_000), (90_000, 90_000)]);
    let broken = drawn(&[(2, "outer"), (3, "outer")]);
    assert_eq!((broken.boundaries.len(), broken.summary.boundaries_incomplete), (0, 1));
}

#[test]
fn boundaries_of_geojson_are_named_by_what_they_are() {
    let feature = |properties: &str| {
        format!(
            r#"{{"type":"Feature","properties":{properties},"geometry":{{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,0]]]}}}}"#
        )
    };
    let text = format!(
        r#"{{"type":"FeatureCollection","features":[{},{},{},{}]}}"#,
        feature(r#"{"sector":"Bumbogo","district":"Gasabo"}"#),
        feature(r#"{"district":"Gasabo"}"#),
        feature(r#"{"name":"City of Kigali"}"#),
        feature(r#"{"name":"Kamatamu","admin_level":"9"}"#),
    );
    let boundaries = boundaries_from_geojson(&text).expect("boundaries");
    let said: Vec<_> = boundaries.iter().map(|boundary| (boundary.name.as_str(), boundary.level)).collect();
    assert_eq!(said, [("Bumbogo", 8), ("Gasabo", 6), ("City of Kigali", 4), ("Kamatamu", 9)]);
    assert!(boundaries.iter().all(|boundary| boundary.rings.len() == 1 && boundary.rings[0].len() == 3));
    let error = boundaries_from_geojson(&feature("{}")).expect_err("nameless").to_string();
    assert_eq!(error, "is not usable GeoJSON: feature 0 has no sector, district or name");
}

#[test]
fn places_of_a_table_are_read_by_its_header() {
    let table = "key,value,name,name_fr,alt_name,lat,lon\n\
                 amenity,bus_station,Nyabugogo,Gare de Nyabugogo,Taxi park;Gare,-1.940645,30.044477\n\
                 building,yes,House,,,-1.9,30.1\nbuilding,yes,,,,x,y\n";
    let places = places_from_csv(table.as_bytes()).expect("a table");
    assert_eq!(places.len(), 2);
    assert_eq!(
        places[0].names,
        names(&[("", "Nyabugogo"), ("fr", "Gare de Nyabugogo"), ("", "Taxi park"), ("", "Gare")])
    );
    assert_eq!((places[0].kind.as_str(), places[1].kind.as_str()), ("bus_station", "building"));
    for (table, message) in [
        ("name,lat\nA,1\n", "is not usable CSV: it has no column \"lon\""),
        ("name,lat,lon\nA,1,2\nB,x,2\n", "is not usable CSV: row 3: lat \"x\" is no number"),
        ("name,lat,lon\nA,91,2\n", "row 2: latitude 91 is out of range -90..=90"),
    ] {
        assert_eq!(places_from_csv(table.as_bytes()).expect_err(message).to_string(), message);
    }
}
