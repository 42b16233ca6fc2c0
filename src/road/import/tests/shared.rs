//! Real extracts, where they are there.

use std::fs;
use std::path::Path;

use super::extract::read;
use crate::road::import::{Imported, boundaries_from_geojson, places_from_csv};
use crate::road::network::Network;

/// A file of the shared data; `None`, said, where it is not there.
fn shared(name: &str) -> Option<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data").join(name);
    let bytes = fs::read(&path).ok();
    if bytes.is_none() {
        eprintln!("skipped: {} is not there", path.display());
    }
    bytes
}

fn imported(name: &str) -> Option<Imported> {
    Some(read(&shared(name)?, None).expect("an extract"))
}

#[test]
fn kigali_is_imported_with_its_streets() {
    let Some(kigali) = imported("kigali.osm.pbf") else { return };
    let summary = &kigali.summary;
    // The extract's README says 1,341 km and 1,919 names; some of both are no street for a motorcycle.
    assert!((1_300_000.0..1_341_000.0).contains(&summary.length_m), "{summary:?}");
    assert!((1_850..1_920).contains(&summary.street_names), "{summary:?}");
    assert_eq!(summary.nodes_missing, 0);
    let arcs = Network::new(kigali.parts).expect("a network").0.arc_count();
    assert_eq!(arcs as u32, summary.arcs);
}

#[test]
fn a_city_of_untouched_data_is_imported() {
    let Some(porto_alegre) = imported("reference/porto-alegre-centre.osm.pbf") else { return };
    let summary = &porto_alegre.summary;
    assert!(summary.largest_component_m / (summary.length_m + summary.dropped_m) > 0.95, "{summary:?}");
    assert!(summary.junctions > 10_000 && summary.arcs > 25_000, "{summary:?}");
}

#[test]
fn the_sectors_districts_and_places_of_kigali_are_read() {
    for (name, level, count) in [
        ("boundaries/kigali_sectors.geojson", 8, 35),
        ("boundaries/kigali_districts.geojson", 6, 3),
        ("boundaries/kigali_city_osm.geojson", 4, 1),
    ] {
        let Some(text) = shared(name) else { continue };
        let boundaries = boundaries_from_geojson(std::str::from_utf8(&text).expect("text")).expect("boundaries");
        assert_eq!(boundaries.iter().filter(|boundary| boundary.level == level).count(), count, "{name}");
    }
    let Some(table) = shared("kigali_pois.csv") else { return };
    // Of 5,408 rows the others have a house number and no name.
    assert_eq!(places_from_csv(&table[..]).expect("a table").len(), 2_672);
}
