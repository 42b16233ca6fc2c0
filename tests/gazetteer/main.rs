//! The names of Kigali: places that riders look for are found as riders type them.
//!
//! Separate from the gazetteer's own tests because real names come from files, which pure code does not read. Says so and
//! passes where the shared places are not there.

use std::path::Path;

use boda::gazetteer::{Asked, Boundary, Gazetteer, Kind, Language, Level, Names, Place, Query};
use boda::geo::{LatLng, Polygon};

fn at(lat: f64, lng: f64) -> LatLng {
    LatLng::new(lat, lng).expect("on the globe")
}

/// What a search finds, best first.
fn names<'g>(gazetteer: &'g Gazetteer, text: &str) -> Vec<&'g str> {
    let hits = gazetteer.search(&Query { text, focus: None, limit: 20 });
    hits.iter().map(|hit| gazetteer.entry(hit.entry, None).name).collect()
}

/// The shared places of Kigali and its sectors, where they are.
fn kigali() -> Option<Gazetteer> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let Ok(mut table) = csv::Reader::from_path(data.join("kigali_pois.csv")) else {
        println!("skipped: there are no shared places of Kigali");
        return None;
    };
    let mut places = Vec::new();
    for row in table.records() {
        let row = row.expect("a row");
        let text = |column: usize| row.get(column).unwrap_or_default().to_string();
        let number = |column: usize| text(column).parse::<f64>().expect("a number");
        let mut names = Names::local(text(3));
        let translated = [(Language::En, text(4)), (Language::Fr, text(5))].into_iter();
        names.translated = translated.filter(|(_, name)| !name.is_empty()).collect();
        names.others = vec![text(6)];
        let kind = Kind::of_osm(&text(1), &text(2));
        places.push(Place { names, kind, point: at(number(11), number(12)), importance: kind.importance() });
    }
    let mut boundaries = Vec::new();
    for (level, key, file) in
        [(Level::Sector, "sector", "kigali_sectors"), (Level::District, "district", "kigali_districts")]
    {
        let text = std::fs::read_to_string(data.join(format!("boundaries/{file}.geojson"))).expect("boundaries");
        let all: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        for feature in all["features"].as_array().expect("features") {
            let shape = &feature["geometry"];
            let polygons = match shape["type"].as_str() {
                Some("MultiPolygon") => shape["coordinates"].as_array().expect("polygons").clone(),
                _ => vec![shape["coordinates"].clone()],
            };
            let corner = |pair: &serde_json::Value| at(pair[1].as_f64().expect("lat"), pair[0].as_f64().expect("lng"));
            let ring = |ring: &serde_json::Value| {
                Polygon::new(ring.as_array().expect("a ring").iter().map(corner).collect()).expect("an outline")
            };
            let rings =
                polygons.iter().flat_map(|polygon| polygon.as_array().expect("rings").iter().map(ring)).collect();
            let name = feature["properties"][key].as_str().expect("a name").to_string();
            boundaries.push(Boundary { level, name, rings });
        }
    }
    Some(Gazetteer::new(places, Vec::new(), boundaries))
}

#[test]
fn kigali_is_found_by_its_names() {
    let Some(kigali) = kigali() else { return };
    for (text, begins) in [
        ("nyabu", "Nyabugogo"),
        ("kimironko market", "Kimironko"),
        ("kacyru", "Kacyiru"),
        ("aéroport international", "Kigali International Airport"),
        ("airport international kigali", "Kigali International Airport"),
        ("king faysal", "King Faisal"),
        ("convention center", "Kigali Convention Cent"),
    ] {
        let found = names(&kigali, text);
        assert!(found.iter().take(3).any(|name| name.starts_with(begins)), "{text}: {found:?}");
    }
}

#[test]
fn kigalis_places_lie_in_its_sectors() {
    let Some(kigali) = kigali() else { return };
    let said = |lat, lng| kigali.address(at(lat, lng), &Asked { language: None, within_m: 150.0, street: &|_| None });
    let airport = said(-1.968276, 30.137584);
    assert_eq!((airport.sector.as_deref(), airport.district.as_deref()), (Some("Nyarugunga"), Some("Kicukiro")));
    assert!(airport.to_string().ends_with("Airport, Nyarugunga, Kicukiro District"), "{airport}");
    let within = (0..kigali.len()).filter(|entry| kigali.entry(*entry, None).sector.is_some()).count();
    assert!(within * 100 > kigali.len() * 95, "{within} of {}", kigali.len());
}
