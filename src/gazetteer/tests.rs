//! Tests: search against a slow search, addresses, sections of the map file. Kigali itself is in `tests/gazetteer`.

use proptest::prelude::{Strategy, any, prop_assert, prop_assert_eq, proptest};

use super::fold::words;
use super::search::{cost, distance_score};
use super::terms::{Fit, edits_max};
use super::*;
use crate::geo::Polygon;
use crate::road::map_file::{MapReader, MapWriter};

fn at(lat: f64, lng: f64) -> LatLng {
    LatLng::new(lat, lng).expect("on the globe")
}

fn place(name: &str, kind: Kind, point: LatLng) -> Place {
    Place { names: Names::local(name), kind, point, importance: kind.importance() }
}

fn piece(name: &str, point: LatLng) -> Street {
    Street { names: Names::local(name), point, importance: Kind::Street.importance() }
}

/// A square boundary, side in degrees.
fn square(level: Level, name: &str, south_west: LatLng, side: f64) -> Boundary {
    let (lat, lng) = (south_west.lat(), south_west.lng());
    let corners = vec![at(lat, lng), at(lat, lng + side), at(lat + side, lng + side), at(lat + side, lng)];
    Boundary { level, name: name.to_string(), rings: vec![Polygon::new(corners).expect("a square")] }
}

fn town() -> Gazetteer {
    let translated = vec![
        (Language::En, "Kigali International Airport".to_string()),
        (Language::Fr, "Aéroport International de Kigali".to_string()),
    ];
    let names = Names { local: "Ikibuga cy'Indege".to_string(), translated, others: vec!["KGL".to_string()] };
    let airport = Place { names, kind: Kind::Airport, point: at(-1.9683, 30.1376), importance: 250 };
    let places = vec![
        airport,
        place("Nyabugogo", Kind::BusStation, at(-1.9406, 30.0445)),
        place("Nyabugogo Pharmacy", Kind::Health, at(-1.9410, 30.0450)),
        place("Kimironko Market", Kind::Market, at(-1.9496, 30.1256)),
        place("Market Bar", Kind::Food, at(-1.9700, 30.0500)),
        place("Kacyiru", Kind::Neighbourhood, at(-1.9367, 30.0814)),
        place("...", Kind::Shop, at(-1.95, 30.06)),
    ];
    let streets = vec![
        piece("KN 3 Rd", at(-1.9430, 30.0560)),
        piece("KN 3 Rd", at(-1.9440, 30.0570)),
        piece("KN 3 Rd", at(-1.9450, 30.0580)),
        piece("KN 30 St", at(-1.9500, 30.0600)),
        piece("KN 3 Rd", at(-2.6, 29.7)),
    ];
    let boundaries = vec![
        square(Level::Sector, "Nyarugenge", at(-1.96, 30.05), 0.02),
        square(Level::District, "Nyarugenge", at(-2.0, 30.0), 0.1),
        square(Level::District, "Gasabo", at(-2.0, 30.1), 0.1),
    ];
    Gazetteer::new(places, streets, boundaries)
}

fn names<'g>(gazetteer: &'g Gazetteer, text: &str) -> Vec<&'g str> {
    names_near(gazetteer, text, None, 20)
}

fn names_near<'g>(gazetteer: &'g Gazetteer, text: &str, focus: Option<LatLng>, limit: usize) -> Vec<&'g str> {
    let hits = gazetteer.search(&Query { text, focus, limit });
    hits.iter().map(|hit| gazetteer.entry(hit.entry, None).name).collect()
}

#[test]
fn what_is_typed_finds_what_is_meant() {
    let town = town();
    for (text, first) in [
        ("nyabu", "Nyabugogo"),
        ("NYABUGOGO", "Nyabugogo"),
        ("nyabogogo", "Nyabugogo"),
        ("ynabugogo", "Nyabugogo"),
        ("pharmacy nyabugogo", "Nyabugogo Pharmacy"),
        ("kacyru", "Kacyiru"),
        ("market kimi", "Kimironko Market"),
        ("kimironko market", "Kimironko Market"),
        ("kn3", "KN 3 Rd"),
        ("3 kn rd", "KN 3 Rd"),
        ("aeroport", "Ikibuga cy'Indege"),
        ("international airport", "Ikibuga cy'Indege"),
        ("indege", "Ikibuga cy'Indege"),
        ("kgl", "Ikibuga cy'Indege"),
    ] {
        assert_eq!(names(&town, text).first(), Some(&first), "{text}");
    }
    for nothing in ["", " - ", "kn 4", "kgm", "nyabugogo market", "xyz"] {
        assert_eq!(names(&town, nothing), Vec::<&str>::new(), "{nothing}");
    }
}

#[test]
fn a_better_fit_comes_before_importance_and_importance_before_the_rest() {
    let town = town();
    assert_eq!(names(&town, "kn 3"), ["KN 3 Rd", "KN 3 Rd", "KN 30 St"]);
    assert_eq!(names(&town, "market"), ["Kimironko Market", "Market Bar"]);
    // In front of the bar, it is the bar.
    assert_eq!(names_near(&town, "market", Some(at(-1.97, 30.05)), 1), ["Market Bar"]);
    assert_eq!(names_near(&town, "kn", None, 0), Vec::<&str>::new());
}

#[test]
fn pieces_of_a_street_are_one_and_its_namesake_elsewhere_is_another() {
    let town = town();
    let hits = town.search(&Query { text: "kn 3 rd", focus: Some(at(-1.94, 30.06)), limit: 9 });
    let points: Vec<LatLng> = hits.iter().map(|hit| town.entry(hit.entry, None).point).collect();
    assert_eq!(points, [at(-1.9440, 30.0570), at(-2.6, 29.7)]);
}

#[test]
fn an_entry_says_its_name_in_the_language_asked_for_and_where_it_is() {
    let town = town();
    let hit = town.search(&Query { text: "kgl", focus: None, limit: 1 })[0];
    let name = |language| town.entry(hit.entry, language).name;
    assert_eq!(name(None), "Ikibuga cy'Indege");
    assert_eq!(name(Some(Language::Rw)), "Ikibuga cy'Indege");
    assert_eq!(name(Some(Language::En)), "Kigali International Airport");
    assert_eq!(name(Some(Language::Fr)), "Aéroport International de Kigali");
    let entry = town.entry(hit.entry, None);
    assert_eq!((entry.kind, entry.sector, entry.district), (Kind::Airport, None, Some("Gasabo")));
}

#[test]
fn what_openstreetmap_says_is_understood() {
    let tagged = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|(code, name)| ((*code).to_string(), (*name).to_string())).collect()
    };
    let names = Names::of_osm(&tagged(&[("", "Isoko"), ("en", "Market"), ("", "Old Market"), ("fr", "Marché")]));
    assert_eq!((names.local.as_str(), names.others.as_slice()), ("Isoko", ["Old Market".to_string()].as_slice()));
    assert_eq!(names.translated.len(), 2);
    let hospital = Place::of_osm(&tagged(&[("", "CHUK")]), "hospital", at(-1.95, 30.06));
    assert_eq!((hospital.kind, hospital.importance), (Kind::Health, Kind::Health.importance()));
    let ring = || vec![vec![at(0.0, 0.0), at(0.0, 1.0), at(1.0, 0.0)]];
    let district = Boundary::of_osm("Gasabo District", 6, ring()).expect("a district");
    assert_eq!((district.level, district.name.as_str()), (Level::District, "Gasabo"));
    assert!(Boundary::of_osm("Kigali", 4, ring()).is_none() && Boundary::of_osm("Remera", 8, Vec::new()).is_none());
}

#[test]
fn an_address_says_what_is_known_and_nothing_else() {
    let town = town();
    let said = |point, within_m, street: Option<&str>| {
        let street = |_| street.map(str::to_string);
        town.address(point, &Asked { language: None, within_m, street: &street }).to_string()
    };
    assert_eq!(said(at(-1.9440, 30.0570), 50.0, Some("KN 3 Rd")), "KN 3 Rd, Nyarugenge, Nyarugenge District");
    assert_eq!(said(at(-1.9407, 30.0445), 50.0, None), "Nyabugogo, Nyarugenge District");
    assert_eq!(said(at(-1.9407, 30.0445), 5.0, None), "Nyarugenge District");
    assert_eq!(said(at(-1.9407, 30.0445), 50.0, Some("Nyabugogo")), "Nyabugogo, Nyarugenge District");
    assert_eq!(said(at(0.0, 0.0), 1_000.0, None), "");
}

#[test]
fn a_hole_in_a_boundary_is_outside_of_it() {
    let mut lake = square(Level::Sector, "Round the lake", at(0.0, 0.0), 3.0);
    lake.rings.extend(square(Level::Sector, "", at(1.0, 1.0), 1.0).rings);
    let island = square(Level::Sector, "Island", at(1.4, 1.4), 0.2);
    let map = Gazetteer::new(Vec::new(), Vec::new(), vec![lake, island]);
    let sector =
        |lat, lng| map.address(at(lat, lng), &Asked { language: None, within_m: 1.0, street: &|_| None }).sector;
    assert_eq!(sector(0.5, 0.5).as_deref(), Some("Round the lake"));
    assert_eq!(sector(1.2, 1.2), None);
    assert_eq!(sector(1.5, 1.5).as_deref(), Some("Island"));
}

/// Everything a search can tell.
fn everything(gazetteer: &Gazetteer) -> String {
    let entry = |number| format!("{:?}", [None, Some(Language::En)].map(|language| gazetteer.entry(number, language)));
    let entries: Vec<String> = (0..gazetteer.len()).map(entry).collect();
    let hits =
        ["n", "k", "kn 3", "market", "nyabo"].map(|text| gazetteer.search(&Query { text, focus: None, limit: 9 }));
    format!("{entries:?} {hits:?} {:?}", gazetteer.boundaries())
}

#[test]
fn a_map_file_holds_all_of_it_and_damage_is_refused() {
    let town = town();
    let mut writer = MapWriter::default();
    town.write(&mut writer);
    let file = writer.finish();
    let reader = MapReader::new(&file).expect("as written");
    assert_eq!(everything(&Gazetteer::read(&reader).expect("as written")), everything(&town));
    let sections: Vec<(String, Vec<u8>)> =
        reader.sections().map(|(name, _)| (name.to_string(), reader.bytes(name).expect("listed").to_vec())).collect();
    for (damaged, _) in &sections {
        for change in [-4_isize, -1, 1, 4] {
            let mut writer = MapWriter::default();
            for (name, bytes) in &sections {
                let mut bytes = bytes.clone();
                if name == damaged {
                    bytes.resize(bytes.len().saturating_add_signed(change), 0xff);
                }
                writer.put_bytes(Box::leak(name.clone().into_boxed_str()), bytes);
            }
            let file = writer.finish();
            let read = Gazetteer::read(&MapReader::new(&file).expect("checksums fit"));
            assert!(read.is_err(), "{damaged} {change}");
        }
    }
}

#[test]
fn no_flipped_bit_makes_it_panic() {
    let mut writer = MapWriter::default();
    town().write(&mut writer);
    let file = writer.finish();
    let reader = MapReader::new(&file).expect("as written");
    let sections: Vec<(&str, &[u8])> =
        reader.sections().map(|(name, _)| (name, reader.bytes(name).expect("listed"))).collect();
    let mut refused = 0;
    for (damaged, bytes) in &sections {
        for at in 0..bytes.len() * 8 {
            let mut writer = MapWriter::default();
            for (name, bytes) in &sections {
                let mut bytes = bytes.to_vec();
                if name == damaged {
                    bytes[at / 8] ^= 1 << (at % 8);
                }
                writer.put_bytes(Box::leak(name.to_string().into_boxed_str()), bytes);
            }
            let file = writer.finish();
            match Gazetteer::read(&MapReader::new(&file).expect("checksums fit")) {
                Ok(read) => drop(everything(&read)),
                Err(_) => refused += 1,
            }
        }
    }
    assert!(refused > 0);
}

/// Edits by the book, in bytes: the whole table (optimal string alignment).
fn edits(a: &[u8], b: &[u8]) -> usize {
    let mut table = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            table[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let replaced = table[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let mut least = replaced.min(table[i - 1][j] + 1).min(table[i][j - 1] + 1);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    least = least.min(table[i - 2][j - 2] + 1);
                }
                least
            };
        }
    }
    table[a.len()][b.len()]
}

/// What a word costs an entry, by looking at every beginning of its every word.
fn slow_cost(word: &str, entry: &Place) -> Option<u16> {
    let names = std::iter::once(&entry.names.local).chain(&entry.names.others);
    let all = names.flat_map(|name| words(name));
    let fits = all.filter_map(|term| {
        let beginnings = (0..=term.len()).map(|end| edits(word.as_bytes(), &term.as_bytes()[..end]));
        let least = beginnings.min().expect("the empty one at least");
        let is_whole = edits(word.as_bytes(), term.as_bytes()) == least;
        (least <= usize::from(edits_max(word))).then(|| cost(Fit { edits: least as u8, is_whole }))
    });
    fits.min()
}

fn slow_search(places: &[Place], query: &Query<'_>) -> Vec<(u32, Names)> {
    let asked = words(query.text);
    if asked.is_empty() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for entry in places {
        let Some(costs) = asked.iter().map(|word| slow_cost(word, entry)).collect::<Option<Vec<u16>>>() else {
            continue;
        };
        let shortest = std::iter::once(&entry.names.local).chain(&entry.names.others).map(|name| words(name).len());
        let more = shortest.filter(|count| *count > 0).min().unwrap_or(0).saturating_sub(asked.len()).min(5) as u32;
        let away = query.focus.map_or(0, |focus| distance_score(focus)(entry.point));
        let sum: u32 = costs.into_iter().map(u32::from).sum();
        found.push((sum + 20 * more + 255 - u32::from(entry.importance) + away, entry.names.clone()));
    }
    found.sort();
    found.truncate(query.limit);
    found
}

/// Words of few letters, so that they are near each other.
fn name() -> impl Strategy<Value = String> {
    proptest::collection::vec("[abn1é]{1,10}", 1..4).prop_map(|words| words.join(" "))
}

fn any_place() -> impl Strategy<Value = Place> {
    let point =
        (-300..-100_i32, 2_900..3_100_i32).prop_map(|(lat, lng)| at(f64::from(lat) / 100.0, f64::from(lng) / 100.0));
    let others = proptest::collection::vec(name(), 0..2);
    (name(), others, any::<u8>(), point).prop_map(|(local, others, importance, point)| Place {
        names: Names { local, translated: Vec::new(), others },
        kind: Kind::Other,
        point,
        importance,
    })
}

proptest! {
    #[test]
    fn a_search_finds_what_looking_at_everything_finds(
        mut places in proptest::collection::vec(any_place(), 0..40),
        text in name(),
        limit in 1..50_usize,
        has_focus in any::<bool>(),
    ) {
        let focus = has_focus.then(|| at(-1.95, 30.06));
        // Entries with equal names are told apart by what the slow search does not know.
        places.sort_by(|a, b| a.names.cmp(&b.names));
        places.dedup_by(|a, b| a.names == b.names);
        let query = Query { text: &text, focus, limit };
        let slow = slow_search(&places, &query);
        places.reverse();
        let gazetteer = Gazetteer::new(places, Vec::new(), Vec::new());
        let quick: Vec<(u32, String)> = gazetteer
            .search(&query)
            .iter()
            .map(|hit| (hit.score, gazetteer.entry(hit.entry, None).name.to_string()))
            .collect();
        let slow: Vec<(u32, String)> = slow.into_iter().map(|(score, names)| (score, names.local)).collect();
        prop_assert_eq!(quick, slow);
    }

    #[test]
    fn no_text_whatever_makes_a_search_panic(text in any::<String>()) {
        let hits = town().search(&Query { text: &text, focus: None, limit: 5 });
        prop_assert!(hits.len() <= 5);
    }

    #[test]
    fn the_nearest_place_is_the_nearest(
        places in proptest::collection::vec((-1_000..1_000_i32, -1_000..1_000_i32), 0..30),
        lat in -60..60_i32,
        within_m in 1.0..2_000.0_f64,
    ) {
        let here = at(f64::from(lat), 30.0);
        let shifted = |(north, east): &(i32, i32)| at(here.lat() + f64::from(*north) * 1e-5, 30.0 + f64::from(*east) * 1e-5);
        let points: Vec<LatLng> = places.iter().map(shifted).collect();
        let all = points.iter().map(|point| place(&point.to_string(), Kind::Shop, *point)).collect();
        let gazetteer = Gazetteer::new(all, Vec::new(), Vec::new());
        let slow = points.iter().map(|point| here.distance_m(*point)).filter(|metres| *metres <= within_m).reduce(f64::min);
        let quick = gazetteer.nearest_place(here, within_m);
        prop_assert_eq!(quick.map(|entry| here.distance_m(gazetteer.entry(entry, None).point)), slow);
    }
}
