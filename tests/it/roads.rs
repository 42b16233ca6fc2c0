//! Real maps, where they are there: what is imported of them, and the known ways across Kigali.

use std::fs;
use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

use boda::geo::LatLng;
use boda::road::Origin;
use boda::road::import::{Imported, boundaries_from_geojson, import, places_from_csv};
use boda::road::network::Network;
use boda::road::profile::Profile;
use boda::road::router::{Router, contract};
use boda::road::snap::Snapper;
use boda::road::turns::TurnGraph;

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
    let file = shared(name)?;
    let imported = import(&mut || Ok(Cursor::new(&file)), &Profile::moto(), None, &mut |_| ());
    Some(imported.expect("an extract"))
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
fn ways_across_kigali_have_their_known_lengths() {
    let Some(kigali) = imported("kigali.osm.pbf") else { return };
    let (network, restrictions) = Network::new(kigali.parts).expect("a network");
    let turns = TurnGraph::new(&network, &restrictions, &Profile::moto().turn_costs());
    let hierarchy = contract(&network, &turns).expect("an order");
    let snapper = Arc::new(Snapper::new(&network));
    let router = Router::new(Arc::new(network), Arc::new(turns), Arc::new(hierarchy), snapper, 300.0).expect("one map");
    let place = |(lat, lng)| LatLng::new(lat, lng).expect("on the globe");
    let (centre, convention, nyabugogo) = ((-1.943838, 30.056937), (-1.9544, 30.0929), (-1.940645, 30.044477));
    for (from, to, km) in [
        (convention, nyabugogo, 7.6),
        (nyabugogo, convention, 7.6),
        (nyabugogo, (-1.979014, 30.223064), 24.7),
        (centre, (-1.949596, 30.125570), 10.5),
    ] {
        let path = router.path(Origin::from(place(from)), place(to)).expect("a way");
        let found_km = f64::from(path.distance_dm) / 10_000.0;
        assert!((found_km / km - 1.0).abs() < 0.05, "{from:?} to {to:?}: {found_km} km, not {km}");
        let kmh = found_km * 3_600_000.0 / f64::from(path.duration_ms);
        assert!((25.0..50.0).contains(&kmh), "{from:?} to {to:?}: {kmh} km/h along the arterials");
    }
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
