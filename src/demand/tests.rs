//! Counts against a list of everything that happened, pictures against sums, hints against all pairs.

use std::collections::BTreeMap;

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::geo::LatLng;
use crate::ids::DriverId;
use crate::money::BasisPoints;
use crate::time::{Span, Timestamp};

const RULES: Rules =
    Rules { surge_requests_min: 2, surge_max: BasisPoints(20_000), shown_requests_min: 3, full_riders: 10 };

fn centre() -> LatLng {
    LatLng::new(-1.9441, 30.0619).expect("on the globe")
}

fn middle() -> Cell {
    Cell::of(centre())
}

/// Cells around the middle of Kigali, by number.
fn cell(number: usize) -> Cell {
    let disk = middle().disk(3);
    disk[number % disk.len()]
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(1_790_000_000_000) + Span::from_millis(ms)
}

fn totals(requested: u32, served: u32, free: u32) -> Totals {
    Totals { requested, served, unserved: 0, free }
}

#[derive(Clone, Debug)]
enum Event {
    Note(usize, Happening),
    Sample(Vec<(usize, u32)>),
}

fn events() -> impl Strategy<Value = Vec<(Event, i64)>> {
    let what = prop_oneof![Just(Happening::Requested), Just(Happening::Served), Just(Happening::Unserved)];
    let event = prop_oneof![
        3 => (0..9_usize, what).prop_map(|(cell, what)| Event::Note(cell, what)),
        1 => prop::collection::vec((0..9_usize, 1..50_u32), 0..4).prop_map(Event::Sample),
    ];
    // Seconds, minutes, hours; and a clock that is set back.
    let pause = prop_oneof![6 => 0..90_000_i64, 2 => 60_000..900_000_i64, 1 => 0..9_000_000_i64, 1 => -600_000..0_i64];
    prop::collection::vec((event, pause), 1..80)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_rings_hold_what_a_list_of_all_that_happened_holds(events in events(), minutes in 1..=MINUTES) {
        let mut counts = Counts::new(1_000);
        let mut list: Vec<(i64, Event)> = Vec::new();
        // As of the newest minute: one that a clock set back comes to again may have been cleared already.
        let (mut now, mut newest) = (0, 0);
        for (event, pause) in events {
            now += pause;
            newest = now.max(newest);
            match &event {
                Event::Note(number, what) => counts.note(cell(*number), *what, at(now)),
                Event::Sample(free) => {
                    let free: BTreeMap<Cell, u32> = free.iter().map(|(number, drivers)| (cell(*number), *drivers)).collect();
                    counts.sample(&free, at(now));
                }
            }
            list.push((now, event));
            let minute = |ms: i64| at(ms).as_millis() / 60_000;
            let is_in = |ms: i64| (0..minutes as i64).contains(&(minute(newest) - minute(ms)));
            let mut expected: BTreeMap<Cell, Totals> = BTreeMap::new();
            let mut samples = 0;
            for (_, event) in list.iter().filter(|(ms, _)| is_in(*ms)) {
                match event {
                    Event::Note(number, what) => {
                        let totals = expected.entry(cell(*number)).or_default();
                        match what {
                            Happening::Requested => totals.requested += 1,
                            Happening::Served => totals.served += 1,
                            Happening::Unserved => totals.unserved += 1,
                        }
                    }
                    Event::Sample(free) => {
                        samples += 1;
                        // Of a cell that is named twice the last counts: it is a map.
                        let free: BTreeMap<Cell, u32> = free.iter().map(|(number, drivers)| (cell(*number), *drivers)).collect();
                        for (cell, drivers) in free {
                            expected.entry(cell).or_default().free += drivers;
                        }
                    }
                }
            }
            prop_assert_eq!(counts.totals(at(newest), minutes), expected);
            prop_assert_eq!(counts.samples(at(newest), minutes), samples);
        }
    }

    #[test]
    fn smoothing_neither_makes_nor_loses_anything(cells in prop::collection::vec((0..37_usize, 0..20_u32, 0..20_u32, 0..200_u32), 0..20)) {
        let totals: BTreeMap<Cell, Totals> =
            cells.iter().map(|(number, requested, served, free)| (cell(*number), totals(*requested, *served, *free))).collect();
        let picture = Picture::new(&totals, 10, &RULES);
        let demand: u64 = picture.balances.values().map(|balance| balance.demand).sum();
        let supply: u64 = picture.balances.values().map(|balance| balance.supply).sum();
        prop_assert_eq!(demand, totals.values().map(|totals| u64::from(totals.requested) * 1_000).sum::<u64>());
        prop_assert_eq!(supply, totals.values().map(|totals| u64::from(totals.served) * 1_000 + u64::from(totals.free) * 100).sum::<u64>());
        for hot in &picture.hot {
            prop_assert!(totals[&hot.cell].requested >= RULES.shown_requests_min, "nobody sees a cell of a few");
            prop_assert!((10..=100).contains(&hot.intensity) && hot.intensity % 10 == 0 && hot.short > 0);
            prop_assert_eq!(picture.hot_at(hot.cell), Some(hot));
        }
        for cell in picture.balances.keys() {
            let surge = picture.surge(*cell, &RULES);
            prop_assert!((BasisPoints::WHOLE..=RULES.surge_max).contains(&surge));
        }
        // What may not be shown changes nothing that is.
        let without: BTreeMap<Cell, Totals> = totals.iter().map(|(cell, totals)| {
            let is_shown = totals.requested >= RULES.shown_requests_min;
            (*cell, if is_shown { *totals } else { Totals { requested: 0, ..*totals } })
        }).collect();
        prop_assert_eq!(Picture::new(&without, 10, &RULES).hot, picture.hot);
    }

    #[test]
    fn hints_are_the_nearest_pairs_of_all(
        drivers in prop::collection::vec((-60_000..60_000_i32, -60_000..60_000_i32), 0..40),
        budgets in prop::collection::vec((0..37_usize, 0..4_u32), 0..8), reach_m in 500.0..5_000.0_f64,
    ) {
        let idle: Vec<Idle> = (1..).zip(&drivers).map(|(number, (north, east))| {
            let place = LatLng::from_e7(centre().lat_e7() + north, centre().lng_e7() + east).expect("on the globe");
            Idle { driver: DriverId(Uuid::from_u128(number)), place }
        }).collect();
        let budgets: BTreeMap<Cell, u32> = budgets.iter().map(|(number, budget)| (cell(*number), *budget)).collect();
        let hints = spread(&idle, &budgets, reach_m);
        // Slow: again and again the nearest of all pairs that are still possible.
        let mut left = budgets.clone();
        let mut free = idle.clone();
        free.retain(|driver| !budgets.contains_key(&Cell::of(driver.place)));
        let mut expected = Vec::new();
        loop {
            let pairs = free.iter().flat_map(|driver| left.iter().filter(|(_, budget)| **budget > 0).map(move |(cell, _)| {
                (driver.place.distance_m(cell.centre()), driver.driver, *cell)
            }));
            let nearest = pairs.filter(|pair| pair.0 <= reach_m).map(|pair| (pair.0 as u32, pair.1, pair.2)).min();
            let Some((_, driver, cell)) = nearest else { break };
            free.retain(|one| one.driver != driver);
            *left.get_mut(&cell).expect("has a budget") -= 1;
            expected.push((driver, cell));
        }
        expected.sort_unstable();
        prop_assert_eq!(&hints, &expected);
        for (cell, budget) in &budgets {
            prop_assert!(hints.iter().filter(|(_, to)| to == cell).count() <= *budget as usize);
        }
    }
}

#[test]
fn memory_is_bounded_and_an_hour_without_anything_makes_room() {
    let mut counts = Counts::new(2);
    for number in 0..3 {
        counts.note(cell(number), Happening::Requested, at(0));
    }
    assert_eq!((counts.len(), counts.take_dropped()), (2, 1));
    counts.note(cell(0), Happening::Requested, at(30 * 60_000));
    counts.note(cell(5), Happening::Requested, at(61 * 60_000));
    assert_eq!((counts.len(), counts.take_dropped()), (2, 0), "cell 1 was silent for an hour");
    counts.note(cell(5), Happening::Requested, at(0));
    assert_eq!(counts.take_dropped(), 1, "too old");
}

#[test]
fn prices_follow_the_ratio_of_demand_to_supply_in_steps_and_up_to_the_cap() {
    let all_around = |requested, served, free| {
        let totals: BTreeMap<_, _> =
            middle().disk(2).into_iter().map(|cell| (cell, totals(requested, served, free))).collect();
        Picture::new(&totals, 10, &RULES).surge(middle(), &RULES).0
    };
    for (requested, served, free, surge) in [
        (10, 10, 0, 10_000),
        // Everybody was served, and five drivers stand there: cheap would be no use.
        (10, 10, 50, 10_000),
        (13, 10, 0, 13_000),
        // 1.33, in steps of 0.05.
        (20, 15, 0, 13_000),
        (20, 10, 50, 13_000),
        (20, 2, 0, 20_000),
        // One request says nothing.
        (1, 0, 0, 10_000),
        (2, 0, 0, 20_000),
    ] {
        assert_eq!(all_around(requested, served, free), surge, "{requested} requested, {served} served, {free} free");
    }
    assert_eq!(Picture::default().surge(middle(), &RULES), BasisPoints::WHOLE);
}

#[test]
fn a_cell_is_as_hot_as_it_is_short_of_drivers() {
    let hot = |requested, served, free| {
        let totals = BTreeMap::from([(middle(), totals(requested, served, free))]);
        Picture::new(&totals, 10, &RULES).hot.first().map(|hot| (hot.intensity, hot.short))
    };
    // Smoothed, the cell itself keeps 40 %.
    assert_eq!(hot(30, 5, 0), Some((100, 10)));
    assert_eq!(hot(10, 5, 0), Some((20, 2)));
    assert_eq!(hot(3, 2, 0), Some((10, 1)), "as little as that is a little");
    assert_eq!(hot(3, 2, 10), None, "a free driver stands there");
    assert_eq!(hot(2, 0, 0), None, "too few to be shown");
}
