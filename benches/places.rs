//! How long a search for a place takes over fifty thousand names, and what they weigh; and what geofences cost a ping.
//!
//! Separate from the tests because only a release build says anything about time. Names are the shared places of Kigali where
//! they are, filled up with streets numbered as Kigali's are and with made-up names in the same syllables. Each query is
//! asked as an app asks it: the beginnings that are sent while somebody types, whole names, names with one or two typing
//! errors, words in another order, with and without a place to be near. Every single query is timed, because what counts is
//! the slowest of a hundred. Seeded: the same names and queries in every run.
//!
//! A ping meets a thousand zones of twelve corners and 150 m across all over the city: far from all of them, near one,
//! in one, and in three that lie over one another. The driver moves some metres from fix to fix.

use std::path::Path;
use std::time::Instant;

use boda::gazetteer::{Gazetteer, Kind, Names, Place, Query, Street};
use boda::geo::LatLng;
use boda::ids::{DriverId, ZoneId};
use boda::locations::geofences::{Fences, FencesConfig, Outline, Rules, Whereabouts, Zone, ZoneKind, ZoneSet};
use boda::road::map_file::{MapReader, MapWriter};
use boda::time::{Span, Timestamp};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng, SeedableRng};
use uuid::Uuid;

const NAMES: usize = 50_000;
const QUERIES: usize = 20_000;
/// Each is asked this often and the fastest kept: somebody else's turn on the processor is not our time.
const ROUNDS: usize = 3;

const SYLLABLES: [&str; 32] = [
    "nya", "bu", "go", "ki", "ga", "li", "mi", "ro", "ka", "cyi", "ru", "re", "me", "ra", "gi", "so", "zi", "mu", "ha",
    "ba", "nga", "ndo", "kwe", "shya", "ri", "ma", "te", "ne", "wa", "bwe", "ye", "no",
];
const WHATS: [&str; 20] = [
    "Market",
    "Hotel",
    "Bar",
    "Restaurant",
    "Pharmacy",
    "Primary School",
    "Church",
    "Bank",
    "Supermarket",
    "Guest House",
    "Health Center",
    "Bus Stop",
    "Stadium",
    "Hospital",
    "Garage",
    "Coffee",
    "Plaza",
    "Clinic",
    "Boutique",
    "Saloon",
];

fn somewhere(rng: &mut StdRng) -> LatLng {
    LatLng::new(rng.random_range(-2.08..-1.84), rng.random_range(29.94..30.26)).expect("on the globe")
}

fn shared_names() -> Vec<(String, Kind)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/kigali_pois.csv");
    let Ok(mut table) = csv::Reader::from_path(path) else {
        println!("without the shared places of Kigali: all names are made up");
        return Vec::new();
    };
    let rows = table.records().filter_map(Result::ok).filter(|row| !row[3].trim().is_empty());
    rows.map(|row| (row[3].to_string(), Kind::of_osm(&row[1], &row[2]))).collect()
}

fn made_up(rng: &mut StdRng) -> String {
    let syllables = rng.random_range(2..5);
    let word: String = (0..syllables).filter_map(|_| SYLLABLES.choose(rng).copied()).collect();
    let mut letters = word.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

fn sources(rng: &mut StdRng) -> (Vec<Place>, Vec<Street>) {
    let mut streets = Vec::new();
    for area in ["KN", "KG", "KK"] {
        for number in 1..=1_200 {
            let kind = ["St", "Ave", "Rd"][number % 3];
            let name = format!("{area} {number} {kind}");
            streets.push(Street {
                names: Names::local(name),
                point: somewhere(rng),
                importance: Kind::Street.importance(),
            });
        }
    }
    let mut names = shared_names();
    while names.len() + streets.len() < NAMES {
        let (one, what) = (made_up(rng), WHATS.choose(rng).expect("some"));
        let name = match rng.random_range(0..4) {
            0 => one,
            1 => format!("{one} {}", made_up(rng)),
            _ => format!("{one} {what}"),
        };
        names.push((name, *Kind::ALL.choose(rng).expect("some")));
    }
    let place = |(name, kind): (String, Kind)| Place {
        names: Names::local(name),
        kind,
        point: somewhere(rng),
        importance: kind.importance(),
    };
    (names.into_iter().map(place).collect(), streets)
}

/// A name as somebody types it.
fn typed(rng: &mut StdRng, name: &str) -> String {
    let mut letters: Vec<char> = name.to_lowercase().chars().collect();
    match rng.random_range(0..5) {
        // While typing.
        0 | 1 => letters.truncate(rng.random_range(1..=letters.len())),
        2 => {}
        3 => {
            for _ in 0..rng.random_range(1..3) {
                let at = rng.random_range(0..letters.len());
                match rng.random_range(0..3) {
                    0 if letters.len() > 1 => drop(letters.remove(at)),
                    1 => letters.insert(at, 'e'),
                    _ => letters[at] = 'o',
                }
            }
        }
        _ => {
            let mut words: Vec<&str> = name.split_whitespace().collect();
            words.reverse();
            return words.join(" ");
        }
    }
    letters.into_iter().collect()
}

fn searches(rng: &mut StdRng) {
    let (places, streets) = sources(rng);
    let names: Vec<String> = places
        .iter()
        .map(|place| place.names.local.clone())
        .chain(streets.iter().map(|street| street.names.local.clone()))
        .collect();
    let begun = Instant::now();
    let gazetteer = Gazetteer::new(places, streets, Vec::new());
    let built = begun.elapsed();
    let mut writer = MapWriter::default();
    gazetteer.write(&mut writer);
    let file = writer.finish();
    let begun = Instant::now();
    let read = Gazetteer::read(&MapReader::new(&file).expect("as written")).expect("as written");
    println!(
        "{} names, {} words; {:.1} MB in memory ({} bytes a name), {:.1} MB in the map; made in {built:.1?}, read in {:.1?}",
        read.len(),
        read.words(),
        read.bytes() as f64 / 1e6,
        read.bytes() / read.len(),
        file.len() as f64 / 1e6,
        begun.elapsed(),
    );
    let queries: Vec<(String, Option<LatLng>)> = (0..QUERIES)
        .map(|_| {
            let name = names.choose(rng).expect("some");
            let text = typed(rng, name);
            (text, rng.random_bool(0.5).then(|| somewhere(rng)))
        })
        .collect();
    let mut times: Vec<(u128, &str)> = Vec::new();
    let mut found = 0;
    for (text, focus) in &queries {
        let mut fastest = u128::MAX;
        for _ in 0..ROUNDS {
            let begun = Instant::now();
            let hits = gazetteer.search(&Query { text, focus: *focus, limit: 10 });
            fastest = fastest.min(begun.elapsed().as_nanos());
            found += usize::from(!hits.is_empty());
        }
        times.push((fastest, text));
    }
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].0 as f64 / 1e3;
    println!(
        "search, {QUERIES} queries, {:.1} % with an answer: p50 {:.0} us, p90 {:.0} us, p99 {:.0} us, max {:.0} us ({:?})",
        found as f64 * 100.0 / (QUERIES * ROUNDS) as f64,
        at(0.5),
        at(0.9),
        at(0.99),
        at(1.0),
        times[times.len() - 1].1,
    );
}

const ZONES: u128 = 1_000;
const PINGS: usize = 1_000_000;
const HALF_M: f64 = 75.0;

fn zone(number: u128, middle: LatLng) -> Zone {
    let corners = (0..12).map(|corner| middle.destination(f64::from(corner) * 30.0, HALF_M)).collect();
    let outline = Outline::new(corners, 12).expect("a ring");
    Zone { id: ZoneId(Uuid::from_u128(number)), name: String::new(), kind: ZoneKind::Stage, outline }
}

/// Nanoseconds of a ping around a place.
fn ping_ns(fences: &Fences, around: LatLng) -> f64 {
    let driver = DriverId(Uuid::from_u128(1));
    let mut whereabouts = Whereabouts::default();
    let places: Vec<LatLng> = (0..360).map(|bearing| around.destination(f64::from(bearing), 15.0)).collect();
    let begun = Instant::now();
    for number in 0..PINGS {
        let at = Timestamp::from_millis(1_795_413_600_000 + number as i64 * 1_000);
        fences.follow(driver, &mut whereabouts, (places[number % places.len()], at), |_| ());
    }
    let took = begun.elapsed().as_nanos() as f64 / PINGS as f64;
    fences.end(driver);
    took
}

fn pings(rng: &mut StdRng) {
    let rules = Rules { enter_fixes: 3, exit_fixes: 3, exit_margin_m: 30.0, dwell: Span::from_secs(300) };
    let fences = Fences::new(FencesConfig { rules, events_waiting_max: 1_000, drivers_max: 10_000 });
    let one = LatLng::new(-1.95, 30.10).expect("on the globe");
    let three = LatLng::new(-1.96, 30.10).expect("on the globe");
    let mut zones: Vec<Zone> = (0..ZONES).map(|number| zone(number, somewhere(rng))).collect();
    let is_clear = |zone: &Zone| [one, three].iter().all(|place| zone.outline.border_m(*place) > 500.0);
    zones.retain(is_clear);
    zones.push(zone(ZONES, one));
    zones.extend((1..4).map(|number| zone(ZONES + number, three)));
    fences.swap(ZoneSet::new(zones));
    let far = LatLng::new(-2.11, 30.10).expect("on the globe");
    let (near, beside) = (one.destination(45.0, 300.0), one.destination(45.0, HALF_M + 50.0));
    let spots = [
        ("3 km from all zones", far),
        ("300 m from one", near),
        ("50 m from one", beside),
        ("in one", one),
        ("in three", three),
    ];
    for (what, place) in spots {
        let fastest = (0..ROUNDS).map(|_| ping_ns(&fences, place)).fold(f64::INFINITY, f64::min);
        println!("geofences, a ping {what}: {fastest:.1} ns");
    }
}

fn main() {
    let mut rng = StdRng::seed_from_u64(4);
    searches(&mut rng);
    pings(&mut rng);
}
