//! Drivers near zones: when they come, stay and go, and what a connection remembers.

use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};
use tokio::sync::mpsc::Receiver;

use super::*;
use crate::ids::DriverId;

const HALF_M: f64 = 200.0;

/// Where a fix is, seen from a zone.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Spot {
    Inside,
    Margin,
    Beyond,
}

fn fix(spot: Spot) -> LatLng {
    let east_m = match spot {
        Spot::Inside => HALF_M - 15.0,
        Spot::Margin => HALF_M + 15.0,
        Spot::Beyond => HALF_M + 45.0,
    };
    centre().destination(90.0, east_m)
}

fn second(second: usize) -> Timestamp {
    Timestamp::from_millis(1_795_413_600_000 + second as i64 * 1_000)
}

fn one_zone() -> ZoneSet {
    ZoneSet::new(vec![zone(1, ZoneKind::Stage, square(centre(), HALF_M))])
}

/// What happens in a ride past these spots, one a second: what, and in which second.
fn ride(spots: &[Spot]) -> Vec<(EventKind, usize)> {
    let (zones, rules) = (one_zone(), fences().rules);
    let mut presence = Presence::default();
    let mut told = Vec::new();
    for (number, spot) in spots.iter().enumerate() {
        let mut tell = |step: Step| told.push((step.kind, (step.at.since(second(0)).as_millis() / 1_000) as usize));
        presence.follow(&zones, &rules, fix(*spot), second(number), &mut tell);
    }
    told
}

/// The same by looking back over the last fixes in every second.
fn slow_ride(spots: &[Spot]) -> Vec<(EventKind, usize)> {
    let rules = fences().rules;
    let mut told = Vec::new();
    let mut entered: Option<usize> = None;
    let mut has_dwelt = false;
    for now in 0..spots.len() {
        let all_last = |count: usize, spot: Spot| {
            now + 1 >= count && spots[now + 1 - count..=now].iter().all(|last| *last == spot)
        };
        let (enter, exit) = (usize::from(rules.enter_fixes), usize::from(rules.exit_fixes));
        if entered.is_none() && all_last(enter, Spot::Inside) {
            entered = Some(now + 1 - enter);
            has_dwelt = false;
            told.push((EventKind::Enter, now + 1 - enter));
        } else if entered.is_some() && all_last(exit, Spot::Beyond) {
            entered = None;
            told.push((EventKind::Exit, now + 1 - exit));
        }
        if let Some(since) = entered
            && !has_dwelt
            && spots[now] != Spot::Beyond
            && (now - since) as i64 >= rules.dwell.as_secs()
        {
            has_dwelt = true;
            told.push((EventKind::Dwell, now));
        }
    }
    told
}

#[test]
fn a_driver_comes_stays_and_goes() {
    let mut spots = vec![Spot::Beyond; 5];
    spots.extend([Spot::Inside; 90]);
    spots.extend([Spot::Margin; 10]);
    spots.extend([Spot::Beyond; 5]);
    let wanted = vec![(EventKind::Enter, 5), (EventKind::Dwell, 65), (EventKind::Exit, 105)];
    assert_eq!(ride(&spots), wanted);
}

#[test]
fn one_stray_fix_is_no_news() {
    let mut spots = vec![Spot::Inside; 10];
    spots[4] = Spot::Beyond;
    spots.extend([Spot::Beyond; 6]);
    spots[12] = Spot::Inside;
    assert_eq!(ride(&spots), [(EventKind::Enter, 0), (EventKind::Exit, 13)]);
    assert_eq!(ride(&[Spot::Inside, Spot::Inside, Spot::Margin, Spot::Inside, Spot::Inside, Spot::Beyond]), []);
}

#[test]
fn fixes_out_of_order_and_zones_that_are_gone_change_nothing() {
    let (zones, rules) = (one_zone(), fences().rules);
    let mut presence = Presence::default();
    let mut told = Vec::new();
    for second_of_fix in [10, 10, 9, 5] {
        presence.follow(&zones, &rules, fix(Spot::Inside), second(second_of_fix), &mut |step| told.push(step.kind));
    }
    assert_eq!(told, [], "one new fix only");
    for second_of_fix in 11..14 {
        presence.follow(&zones, &rules, fix(Spot::Inside), second(second_of_fix), &mut |step| told.push(step.kind));
    }
    assert_eq!(told, [EventKind::Enter]);
    presence.follow(&ZoneSet::default(), &rules, fix(Spot::Inside), second(20), &mut |step| told.push(step.kind));
    assert!(presence.is_empty() && told.len() == 1);
}

#[test]
fn zones_over_one_another_are_followed_up_to_a_number() {
    let many = (0..20).map(|number| zone(number, ZoneKind::Other, square(centre(), HALF_M)));
    let (zones, rules) = (ZoneSet::new(many.collect()), fences().rules);
    let (mut presence, mut told) = (Presence::default(), 0);
    for number in 0..10 {
        presence.follow(&zones, &rules, fix(Spot::Inside), second(number), &mut |_| told += 1);
    }
    assert_eq!(told, 8);
    presence.end(&mut |step| told += usize::from(step.kind == EventKind::Exit && step.at == second(9)));
    assert_eq!(told, 16);
}

struct Drive {
    fences: Fences,
    events: Receiver<Event>,
    whereabouts: Whereabouts,
    second: usize,
}

impl Drive {
    fn new(config: FencesConfig) -> Self {
        let fences = Fences::new(config);
        let events = fences.take_events().expect("not taken yet");
        assert!(fences.take_events().is_none());
        Self { fences, events, whereabouts: Whereabouts::default(), second: 0 }
    }

    fn pass(&mut self, number: u128, place: LatLng, fixes: usize) {
        for _ in 0..fixes {
            self.second += 1;
            let driver = DriverId(Uuid::from_u128(number));
            self.fences.follow(driver, &mut self.whereabouts, (place, second(self.second)), |_| ());
        }
    }

    fn told(&mut self) -> Vec<EventKind> {
        std::iter::from_fn(|| self.events.try_recv().ok()).map(|event| event.step.kind).collect()
    }
}

#[test]
fn a_zone_drawn_around_a_driver_far_from_all_others_is_noticed() {
    let mut drive = Drive::new(fences());
    drive.pass(1, fix(Spot::Inside), 5);
    drive.fences.swap(one_zone());
    drive.pass(1, fix(Spot::Inside), 2);
    assert_eq!(drive.told(), []);
    drive.pass(1, fix(Spot::Inside), 1);
    assert_eq!(drive.told(), [EventKind::Enter]);
    drive.fences.swap(ZoneSet::default());
    drive.pass(1, fix(Spot::Inside), 1);
    assert_eq!((drive.told(), drive.fences.drivers()), (Vec::new(), 0));
}

#[test]
fn a_stay_outlives_the_connection_and_ends_with_the_shift() {
    let mut drive = Drive::new(fences());
    drive.fences.swap(one_zone());
    drive.pass(1, fix(Spot::Inside), 3);
    drive.whereabouts = Whereabouts::default();
    drive.pass(1, fix(Spot::Inside), 3);
    drive.pass(1, centre().destination(0.0, 9_000.0), 3);
    assert_eq!(drive.told(), [EventKind::Enter, EventKind::Exit]);
    assert_eq!(drive.fences.drivers(), 0);
    drive.pass(1, fix(Spot::Inside), 3);
    drive.fences.end(DriverId(Uuid::from_u128(1)));
    drive.fences.end(DriverId(Uuid::from_u128(1)));
    assert_eq!(drive.told(), [EventKind::Enter, EventKind::Exit]);
}

#[test]
fn what_is_too_much_is_dropped_and_nobody_waits() {
    let mut drive = Drive::new(FencesConfig { events_waiting_max: 2, drivers_max: 3, ..fences() });
    drive.fences.swap(one_zone());
    for number in 0..5 {
        drive.whereabouts = Whereabouts::default();
        drive.pass(number, fix(Spot::Inside), 3);
    }
    assert_eq!(drive.fences.drivers(), 3);
    assert_eq!(drive.told().len(), 2);
}

#[test]
fn only_a_no_go_zone_refuses() {
    let drive = Drive::new(fences());
    let elsewhere = centre().destination(90.0, 5_000.0);
    let no_go = zone(2, ZoneKind::NoGo, square(elsewhere, HALF_M));
    drive.fences.swap(ZoneSet::new(vec![zone(1, ZoneKind::HighRisk, square(centre(), HALF_M)), no_go]));
    assert_eq!(drive.fences.refusing(elsewhere).map(|zone| zone.name.clone()).as_deref(), Some("Zone 2"));
    assert!(drive.fences.refusing(centre()).is_none());
}

proptest! {
    #[test]
    fn a_ride_is_told_as_looking_back_tells_it(spots in proptest::collection::vec((0..3_u8, 1..40_usize), 0..30)) {
        let spot = |(spot, times): &(u8, usize)| {
            vec![[Spot::Inside, Spot::Margin, Spot::Beyond][usize::from(*spot)]; times % 9 * (times % 9)]
        };
        let spots: Vec<Spot> = spots.iter().flat_map(spot).collect();
        prop_assert_eq!(ride(&spots), slow_ride(&spots));
    }

    #[test]
    fn who_stands_at_a_border_comes_once_at_most_and_never_goes(
        noise in proptest::collection::vec((0.0..360.0_f64, 0.0..29.0_f64), 1..400),
        through in any::<bool>(),
    ) {
        let (zones, rules) = (one_zone(), fences().rules);
        let border = centre().destination(90.0, HALF_M);
        let mut presence = Presence::default();
        let mut told = Vec::new();
        for (number, (bearing, metres)) in noise.iter().enumerate() {
            let place = if through && number < 5 { centre() } else { border.destination(*bearing, *metres) };
            presence.follow(&zones, &rules, place, second(number), &mut |step| told.push(step.kind));
        }
        prop_assert!(told.iter().filter(|kind| **kind == EventKind::Enter).count() <= 1);
        prop_assert!(!told.contains(&EventKind::Exit), "{told:?}");
    }
}
