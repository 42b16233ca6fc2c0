//! The index against a linear scan: in random sequences, and after many threads have fought over it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::thread;

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, prop_assert_eq, prop_oneof, proptest};
use proptest::test_runner::TestCaseError;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use uuid::Uuid;

use super::lists::Entry;
use super::slot::Record;
use super::{Config, ConfigError, DriverIndex, DriverState, Fix, Full, Nearest, Neighbour, RideClasses, Slot, Update};
use crate::geo::{Area, AreaError, KIGALI, LatLng, RWANDA};
use crate::ids::DriverId;
use crate::time::{Span, Timestamp};

const BODA: RideClasses = RideClasses(1);

const STATES: [DriverState; 5] =
    [DriverState::Free, DriverState::Offered, DriverState::ToPickup, DriverState::AtPickup, DriverState::OnTrip];

fn place(lat: f64, lng: f64) -> LatLng {
    LatLng::new(lat, lng).expect("on the globe")
}

fn driver(number: u32) -> DriverId {
    DriverId(Uuid::from_u128(number.into()))
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms)
}

fn kigali(drivers_max: u32) -> DriverIndex {
    DriverIndex::new(Config { area: KIGALI, cell_m: 250.0, drivers_max }).expect("a sound config")
}

fn everyone<'a>() -> Nearest<'a> {
    Nearest { k: 1_000, max_age: Span::from_secs(15), radius_m_max: 50_000.0, classes: RideClasses::ANY, exclude: &[] }
}

fn found(index: &DriverIndex, from: LatLng, query: &Nearest<'_>, now: Timestamp) -> Vec<DriverId> {
    let mut out = Vec::new();
    index.nearest(from, query, now, &mut out);
    out.iter().map(|neighbour| neighbour.driver).collect()
}

/// What the index should know, held so simply that it is plainly right.
#[derive(Default)]
struct Oracle {
    drivers: BTreeMap<DriverId, (Fix, DriverState, RideClasses)>,
}

impl Oracle {
    fn nearest(&self, from: LatLng, query: &Nearest<'_>, now: Timestamp) -> Vec<Neighbour> {
        let mut all: Vec<Neighbour> = self
            .drivers
            .iter()
            .filter(|(_, (_, state, classes))| *state == DriverState::Free && classes.meets(query.classes))
            .filter(|(driver, (fix, _, _))| fix.at >= now - query.max_age && !query.exclude.contains(driver))
            .map(|(driver, (fix, _, _))| Neighbour {
                driver: *driver,
                position: fix.position,
                distance_m: from.distance_m(fix.position),
                age: now.since(fix.at),
                bearing_deg: fix.bearing_deg,
            })
            .filter(|neighbour| neighbour.distance_m <= query.radius_m_max)
            .collect();
        all.sort_by(|a, b| a.distance_m.total_cmp(&b.distance_m).then(a.driver.cmp(&b.driver)));
        all.truncate(query.k);
        all
    }

    /// As [`DriverIndex::free_in`]: position and bearing by slot.
    fn free_in(
        &self,
        area: Area,
        oldest: Timestamp,
        handles: &BTreeMap<DriverId, Slot>,
    ) -> Vec<(u32, LatLng, Option<u16>)> {
        let mut all: Vec<_> = self
            .drivers
            .iter()
            .filter(|(_, (_, state, classes))| *state == DriverState::Free && classes.meets(RideClasses::ANY))
            .filter(|(_, (fix, _, _))| fix.at >= oldest && area.contains(fix.position))
            .map(|(driver, (fix, _, _))| (handles[driver].index(), fix.position, fix.bearing_deg))
            .collect();
        all.sort_unstable();
        all
    }

    fn of(index: &DriverIndex) -> Self {
        let mut oracle = Self::default();
        index.for_each(|driver, fix, state| {
            assert!(oracle.drivers.insert(driver, (fix, state, BODA)).is_none(), "{driver} is shown twice");
        });
        oracle
    }
}

#[derive(Clone, Debug)]
enum Step {
    GoOnline(u32, LatLng, i64, u8),
    GoOffline(u32),
    Ping(u32, LatLng, i64),
    SetState(u32, usize),
    Expire(i64, i64),
    Search { from: LatLng, k: usize, age_ms: i64, radius_m: f64, classes: u8, exclude: Vec<u32>, now_ms: i64 },
    Browse { one: LatLng, other: LatLng, age_ms: i64, now_ms: i64 },
}

/// Places in and around an area: on a lattice (so that distances tie), anywhere within, a little outside, anywhere.
fn places(area: Area) -> impl Strategy<Value = LatLng> {
    let (low, high) = (area.south_west(), area.north_east());
    let (lat, lng) = (high.lat() - low.lat(), high.lng() - low.lng());
    let within = move |a: f64, b: f64| {
        place((low.lat() + a * lat).clamp(-90.0, 90.0), (low.lng() + b * lng).clamp(-180.0, 180.0))
    };
    prop_oneof![
        4 => (0_u8..=8, 0_u8..=8).prop_map(move |(a, b)| within(f64::from(a) / 8.0, f64::from(b) / 8.0)),
        4 => (0.0..1.0_f64, 0.0..1.0_f64).prop_map(move |(a, b)| within(a, b)),
        2 => (0.49..0.51_f64, 0.49..0.51_f64).prop_map(move |(a, b)| within(a, b)),
        1 => (-0.2..1.2_f64, -0.2..1.2_f64).prop_map(move |(a, b)| within(a, b)),
        1 => (-90.0..=90.0_f64, -180.0..=180.0_f64).prop_map(|(a, b)| place(a, b)),
    ]
}

/// The box with two places at opposite corners.
fn between(one: LatLng, other: LatLng) -> Result<Area, AreaError> {
    let corner = |choose: fn(i32, i32) -> i32| {
        LatLng::from_e7(choose(one.lat_e7(), other.lat_e7()), choose(one.lng_e7(), other.lng_e7()))
            .expect("on the globe")
    };
    Area::new(corner(i32::min), corner(i32::max))
}

fn steps(area: Area) -> impl Strategy<Value = Vec<Step>> {
    let who = || 0_u32..24;
    let search = (
        places(area),
        0_usize..12,
        0_i64..120_000,
        prop_oneof![0.0..30_000.0_f64, 0.0..3_000.0_f64, Just(f64::INFINITY)],
        1_u8..4,
        vec(who(), 0..6),
        0_i64..130_000,
    );
    let step = prop_oneof![
        3 => (who(), places(area), 0_i64..100_000, 0_u8..4).prop_map(|(who, to, ms, c)| Step::GoOnline(who, to, ms, c)),
        1 => who().prop_map(Step::GoOffline),
        6 => (who(), places(area), 0_i64..100_000).prop_map(|(who, to, ms)| Step::Ping(who, to, ms)),
        2 => (who(), prop_oneof![Just(0), 0..STATES.len()]).prop_map(|(who, state)| Step::SetState(who, state)),
        1 => (0_i64..130_000, 30_000_i64..120_000).prop_map(|(now, silence)| Step::Expire(now, silence)),
        2 => (places(area), places(area), 0_i64..120_000, 0_i64..130_000)
            .prop_map(|(one, other, age_ms, now_ms)| Step::Browse { one, other, age_ms, now_ms }),
        5 => search.prop_map(|(from, k, age_ms, radius_m, classes, exclude, now_ms)| {
            Step::Search { from, k, age_ms, radius_m, classes, exclude, now_ms }
        }),
    ];
    vec(step, 1..120)
}

/// Plays the steps to both, and compares every answer.
fn play(area: Area, cell_m: f64, steps: Vec<Step>) -> Result<(), TestCaseError> {
    // One place fewer than there are drivers, so that the index is full now and then.
    let index = DriverIndex::new(Config { area, cell_m, drivers_max: 23 }).expect("a sound config");
    let mut oracle = Oracle::default();
    let mut handles: BTreeMap<DriverId, Slot> = BTreeMap::new();
    for step in steps {
        match step {
            Step::GoOnline(who, to, ms, classes) => {
                let (who, fix, classes) = (driver(who), Fix::new(to, at(ms)), RideClasses(classes));
                let answer = index.go_online(who, to, at(ms), classes);
                if let Some(known) = oracle.drivers.get_mut(&who) {
                    known.2 = classes;
                    if fix.at >= known.0.at {
                        known.0 = fix;
                    }
                    prop_assert_eq!(answer, Ok(handles[&who]));
                } else if oracle.drivers.len() == 23 {
                    prop_assert_eq!(answer, Err(Full { drivers_max: 23 }));
                } else {
                    oracle.drivers.insert(who, (fix, DriverState::Free, classes));
                    handles.insert(who, answer.expect("there is room"));
                }
            }
            Step::GoOffline(who) => {
                prop_assert_eq!(index.go_offline(driver(who)), oracle.drivers.remove(&driver(who)).is_some());
            }
            Step::Ping(who, to, ms) => {
                // The handle may be one from before the driver went offline.
                let Some(handle) = handles.get(&driver(who)) else { continue };
                let fix = Fix { bearing_deg: Some(7), ..Fix::new(to, at(ms)) };
                let expected = match oracle.drivers.get_mut(&driver(who)) {
                    None => Update::Offline,
                    Some(known) if fix.at < known.0.at => Update::Stale,
                    Some(known) => {
                        known.0 = fix;
                        Update::Moved(known.1)
                    }
                };
                prop_assert_eq!(index.update(*handle, fix), expected);
            }
            Step::SetState(who, state) => {
                let known = oracle.drivers.get_mut(&driver(who));
                let before = known.map(|known| std::mem::replace(&mut known.1, STATES[state]));
                prop_assert_eq!(index.set_state(driver(who), STATES[state]), before);
            }
            Step::Expire(now, silence) => {
                let (now, silence) = (at(now), Span::from_millis(silence));
                let before: BTreeSet<DriverId> = oracle.drivers.keys().copied().collect();
                oracle.drivers.retain(|_, known| known.1 != DriverState::Free || known.0.at >= now - silence);
                let kept = oracle.drivers.keys().copied().collect();
                let gone: BTreeSet<DriverId> = index.expire(now, silence).into_iter().collect();
                prop_assert_eq!(gone, &before - &kept);
            }
            Step::Search { from, k, age_ms, radius_m, classes, exclude, now_ms } => {
                let exclude: Vec<DriverId> = exclude.into_iter().map(driver).collect();
                let query = Nearest {
                    k,
                    max_age: Span::from_millis(age_ms),
                    radius_m_max: radius_m,
                    classes: RideClasses(classes),
                    exclude: &exclude,
                };
                let mut out = vec![];
                index.nearest(from, &query, at(now_ms), &mut out);
                prop_assert_eq!(out, oracle.nearest(from, &query, at(now_ms)));
            }
            Step::Browse { one, other, age_ms, now_ms } => {
                let Ok(area) = between(one, other) else { continue };
                let mut shown = vec![];
                index.free_in(area, Span::from_millis(age_ms), at(now_ms), |slot, position, bearing_deg| {
                    shown.push((slot, position, bearing_deg));
                });
                shown.sort_unstable();
                prop_assert_eq!(shown, oracle.free_in(area, at(now_ms - age_ms), &handles));
            }
        }
        prop_assert_eq!(index.len(), oracle.drivers.len());
        let free = oracle.drivers.values().filter(|known| known.1 == DriverState::Free).count();
        prop_assert_eq!(index.free_len(), free);
    }
    let mut shown = BTreeMap::new();
    index.for_each(|driver, fix, state| {
        shown.insert(driver, (fix, state));
    });
    let known: BTreeMap<_, _> = oracle.drivers.iter().map(|(driver, known)| (*driver, (known.0, known.1))).collect();
    prop_assert_eq!(&shown, &known);
    for number in 0..24 {
        let known = known.get(&driver(number));
        prop_assert_eq!(index.position_of(driver(number)), known.map(|known| known.0));
        prop_assert_eq!(index.state_of(driver(number)), known.map(|known| known.1));
        prop_assert_eq!(index.slot_of(driver(number)), known.map(|_| handles[&driver(number)]));
    }
    Ok(())
}

proptest! {
    #[test]
    fn in_kigali_the_index_answers_as_a_linear_scan(cell_m in 200.0..4_000.0_f64, steps in steps(KIGALI)) {
        play(KIGALI, cell_m, steps)?;
    }

    #[test]
    fn in_rwanda_the_index_answers_as_a_linear_scan(steps in steps(RWANDA)) {
        play(RWANDA, 5_000.0, steps)?;
    }

    #[test]
    fn where_a_map_tears_the_index_answers_as_a_linear_scan(
        (area, steps) in prop_oneof![
            Just((place(-20.0, 176.0), place(-15.0, 180.0))),
            Just((place(-1.0, -180.0), place(1.0, -179.0))),
            Just((place(77.0, 10.0), place(84.0, 30.0))),
            Just((place(-90.0, -180.0), place(90.0, 180.0))),
        ].prop_flat_map(|(low, high)| {
            let area = Area::new(low, high).expect("a box");
            (Just(area), steps(area))
        }),
    ) {
        play(area, 100_000.0, steps)?;
    }
}

#[test]
fn a_driver_who_goes_offline_is_gone_at_once_and_the_handle_with_her() {
    let index = kigali(2);
    let here = place(-1.95, 30.06);
    let slot = index.go_online(driver(1), here, at(0), BODA).expect("there is room");
    assert_eq!(found(&index, here, &everyone(), at(0)), [driver(1)]);
    assert!(index.go_offline(driver(1)));
    assert!(found(&index, here, &everyone(), at(0)).is_empty());
    assert_eq!(index.update(slot, Fix::new(here, at(1))), Update::Offline);
    // The next driver gets the same slot; the old handle must not move her.
    index.go_online(driver(2), here, at(0), BODA).expect("there is room");
    assert_eq!(index.update(slot, Fix::new(place(-1.96, 30.06), at(1))), Update::Offline);
    assert_eq!(index.position_of(driver(2)), Some(Fix::new(here, at(0))));
    assert!(!index.go_offline(driver(1)) && index.set_state(driver(1), DriverState::Free).is_none());
}

#[test]
fn a_position_is_found_up_to_its_maximum_age_and_not_a_millisecond_longer() {
    let index = kigali(1);
    let here = place(-1.95, 30.06);
    index.go_online(driver(1), here, at(1_000), BODA).expect("there is room");
    assert_eq!(found(&index, here, &everyone(), at(16_000)).len(), 1);
    assert_eq!(found(&index, here, &everyone(), at(16_001)).len(), 0);
    assert_eq!(found(&index, here, &everyone(), at(0)).len(), 1, "a fix from the future is not old");
}

#[test]
fn a_phone_that_reconnects_in_the_middle_of_a_ride_does_not_become_free() {
    let index = kigali(1);
    let (here, there) = (place(-1.95, 30.06), place(-1.96, 30.06));
    let slot = index.go_online(driver(1), here, at(5), BODA).expect("there is room");
    index.set_state(driver(1), DriverState::OnTrip);
    assert_eq!(index.go_online(driver(1), there, at(4), RideClasses(2)), Ok(slot));
    assert_eq!(index.state_of(driver(1)), Some(DriverState::OnTrip));
    assert_eq!(index.position_of(driver(1)).map(|fix| fix.position), Some(here), "the older fix was ignored");
    assert_eq!((index.len(), index.free_len()), (1, 0));
}

#[test]
fn an_index_that_would_not_fit_is_refused() {
    let config = Config { area: RWANDA, cell_m: 250.0, drivers_max: 10 };
    assert!(DriverIndex::new(config).is_ok_and(|index| index.is_empty()));
    for (faulty, error) in [
        (Config { cell_m: f64::NAN, ..config }, "cell side NaN m is out of range 10..=100000"),
        (Config { cell_m: 20.0, ..config }, "the area has 118325508 cells of this side, more than 4000000"),
        (Config { drivers_max: 0, ..config }, "0 drivers are out of range 1..=4000000"),
    ] {
        assert_eq!(DriverIndex::new(faulty).err().as_ref().map(ConfigError::to_string).as_deref(), Some(error));
    }
}

#[test]
fn half_a_million_drivers_fit_in_a_hundred_megabytes() {
    for area in [KIGALI, RWANDA] {
        let index = DriverIndex::new(Config { area, cell_m: 250.0, drivers_max: 500_000 }).expect("a sound config");
        let (low, high) = (area.south_west(), area.north_east());
        let size_bytes = index.size_bytes();
        assert!(size_bytes < 100_000_000, "{size_bytes} bytes before anybody came");
        // As thinly spread as can be: all over the country, nearly everyone is alone in a cell.
        for number in 0..500_000_u32 {
            let part = |step: u32, parts: u32| (f64::from(step) + 0.5) / f64::from(parts);
            let lat = low.lat() + (high.lat() - low.lat()) * part(number / 700, 715);
            let lng = low.lng() + (high.lng() - low.lng()) * part(number % 700, 700);
            index.go_online(driver(number), place(lat, lng), at(0), BODA).expect("there is room");
        }
        assert_eq!((index.len(), index.free_len()), (500_000, 500_000));
        assert_eq!(found(&index, area.centre(), &Nearest { k: 10, ..everyone() }, at(0)).len(), 10);
        assert_eq!(index.size_bytes(), size_bytes, "nothing grew");
    }
}

#[test]
fn drivers_who_all_stand_at_one_corner_are_told_apart_by_their_names() {
    let index = kigali(2_000);
    let (here, near) = (place(-1.95, 30.06), place(-1.95, 30.060_01));
    for number in (0..1_990).rev() {
        index.go_online(driver(number), here, at(0), BODA).expect("there is room");
    }
    for number in 1_990..2_000 {
        index.go_online(driver(number), near, at(0), BODA).expect("there is room");
    }
    for (from, k) in [(here, 3), (near, 3), (near, 13), (place(-1.97, 30.05), 12), (here, 1_995)] {
        let query = Nearest { k, ..everyone() };
        let mut out = vec![];
        index.nearest(from, &query, at(0), &mut out);
        assert_eq!(out, Oracle::of(&index).nearest(from, &query, at(0)), "from {from}, {k}");
    }
}

#[test]
fn a_slot_is_a_cache_line_and_a_fix_comes_out_as_it_went_in() {
    assert_eq!(size_of::<Record>(), 64);
    let record = Record::new();
    for (lat, lng, bearing_deg, speed_mps) in [
        (-1.95, 30.06, Some(359), Some(6.1)),
        (90.0, -180.0, None, None),
        (-90.0, 180.0, Some(0), Some(0.0)),
        (0.0, 0.0, None, Some(1.0)),
    ] {
        let fix = Fix { position: place(lat, lng), at: at(-7), bearing_deg, speed_mps };
        record.set_fix(&mut record.lock(), fix);
        assert_eq!(record.snapshot().fix, fix);
    }
}

#[test]
fn an_entry_keeps_what_fits_and_says_what_does_not() {
    for (slot, lat_e7, lng_e7, is_unknown) in [
        (0, 0, 0, false),
        (3_999_999, 2_097_150, 2_097_150, false),
        (1, 2_097_151, 5, true),
        (2, 5, 2_097_151, true),
        (3, -1, 5, true),
        (4, 5, i64::MAX, true),
    ] {
        let entry = Entry::new(slot, lat_e7, lng_e7);
        assert_eq!((entry.slot(), entry.is_unknown()), (slot, is_unknown));
        if !is_unknown {
            assert_eq!((i64::from(entry.lat_e7()), i64::from(entry.lng_e7())), (lat_e7, lng_e7));
        }
    }
}

#[test]
fn a_radius_that_is_no_number_finds_nobody() {
    let index = kigali(1);
    let here = place(-1.95, 30.06);
    index.go_online(driver(1), here, at(0), BODA).expect("there is room");
    for (radius_m_max, count) in [(0.0, 1), (-1.0, 0), (f64::NAN, 0), (f64::INFINITY, 1)] {
        let query = Nearest { radius_m_max, ..everyone() };
        assert_eq!(found(&index, here, &query, at(0)).len(), count, "{radius_m_max}");
    }
}

/// The drivers of the test below, by what happens to them while threads run.
const STEADY: std::ops::Range<u32> = 0..24;
const FICKLE: std::ops::Range<u32> = 24..48;
const GONE: std::ops::Range<u32> = 48..56;
const BUSY: std::ops::Range<u32> = 56..64;
const SILENT: std::ops::Range<u32> = 64..72;

#[test]
fn threads_that_fight_over_drivers_leave_an_exact_index_and_never_a_wrong_answer() {
    let index = kigali(80);
    let somewhere = |rng: &mut StdRng| place(rng.random_range(-1.98..-1.92), rng.random_range(30.03..30.09));
    let mut rng = StdRng::seed_from_u64(1);
    for number in 0..SILENT.end {
        let ms = if SILENT.contains(&number) { 0 } else { 100_000 };
        index.go_online(driver(number), somewhere(&mut rng), at(ms), BODA).expect("there is room");
    }
    GONE.for_each(|number| assert!(index.go_offline(driver(number))));
    BUSY.for_each(|number| assert!(index.set_state(driver(number), DriverState::OnTrip).is_some()));

    let writers = 3_u32;
    let clock_ms = AtomicI64::new(100_000);
    let running = AtomicBool::new(true);
    let newest = thread::scope(|scope| {
        let writing: Vec<_> = (0..writers)
            .map(|writer| {
                let (index, clock_ms) = (&index, &clock_ms);
                scope.spawn(move || {
                    let mut rng = StdRng::seed_from_u64(100 + u64::from(writer));
                    let mut newest: BTreeMap<DriverId, Fix> = BTreeMap::new();
                    for _ in 0..20_000 {
                        // Every instant is used once, and handed in somewhat late, so that threads overtake each other.
                        let ms = clock_ms.fetch_add(1, Ordering::Relaxed);
                        if rng.random_ratio(1, 64) {
                            thread::yield_now();
                        }
                        let number = rng.random_range(0..BUSY.end);
                        let (who, fix) = (driver(number), Fix::new(somewhere(&mut rng), at(ms)));
                        // Only one thread switches a fickle driver; all of them move every driver.
                        if FICKLE.contains(&number) && number % writers == writer && rng.random_ratio(1, 2) {
                            match rng.random_range(0..4) {
                                0 => drop(index.go_offline(who)),
                                1 => drop(index.set_state(who, STATES[rng.random_range(0..STATES.len())])),
                                _ => drop(index.go_online(who, fix.position, fix.at, BODA).expect("there is room")),
                            }
                        } else if let Some(slot) = index.slot_of(who) {
                            index.update(slot, fix);
                            newest.insert(who, fix);
                        }
                    }
                    newest
                })
            })
            .collect();
        for reader in 0..2 {
            let (index, clock_ms, running) = (&index, &clock_ms, &running);
            scope.spawn(move || {
                let mut rng = StdRng::seed_from_u64(200 + reader);
                let mut out = Vec::new();
                while running.load(Ordering::Relaxed) {
                    let query = Nearest { k: [5, 100][rng.random_range(0..2)], ..everyone() };
                    let (now, from) = (at(clock_ms.load(Ordering::Relaxed)), somewhere(&mut rng));
                    index.nearest(from, &query, now, &mut out);
                    let distinct: BTreeSet<DriverId> = out.iter().map(|neighbour| neighbour.driver).collect();
                    assert_eq!(distinct.len(), out.len(), "a driver came twice");
                    assert!(out.is_sorted_by(|a, b| a.distance_m <= b.distance_m));
                    for neighbour in &out {
                        assert!(neighbour.age <= query.max_age, "{neighbour:?} is too old");
                        assert_eq!(neighbour.distance_m, from.distance_m(neighbour.position));
                        let never = GONE.chain(BUSY).chain(SILENT).any(|number| driver(number) == neighbour.driver);
                        assert!(!never, "{neighbour:?} is offline, busy or silent");
                    }
                }
            });
        }
        let mut newest: BTreeMap<DriverId, Fix> = BTreeMap::new();
        for fix in writing.into_iter().flat_map(|writer| writer.join().expect("a writer panicked")) {
            let held = newest.entry(fix.0).or_insert(fix.1);
            if fix.1.at > held.at {
                *held = fix.1;
            }
        }
        running.store(false, Ordering::Relaxed);
        newest
    });

    for number in STEADY.chain(BUSY) {
        assert_eq!(index.position_of(driver(number)), newest.get(&driver(number)).copied(), "the newest fix won");
    }
    let oracle = Oracle::of(&index);
    assert_eq!(index.len(), oracle.drivers.len());
    assert_eq!(index.free_len(), oracle.drivers.values().filter(|known| known.1 == DriverState::Free).count());
    for _ in 0..200 {
        let from = somewhere(&mut rng);
        let query = Nearest { k: rng.random_range(1..80), radius_m_max: rng.random_range(0.0..8_000.0), ..everyone() };
        let now = at(clock_ms.load(Ordering::Relaxed));
        let mut out = vec![];
        index.nearest(from, &query, now, &mut out);
        assert_eq!(out, oracle.nearest(from, &query, now));
    }
}
