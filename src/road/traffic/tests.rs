//! What is learned of a small town's streets, and forgotten again.

use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};
use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};

use super::*;
use crate::geo::LatLng;
use crate::road::network::{NodeId, Parts, Segment};

const DAY_S: i64 = 86_400;
const CONFIG: Config =
    Config { entries_max: 10_000, half_life: Span::from_secs(21 * DAY_S), live_half_life: Span::from_secs(300) };
/// Free flow of every street of the town.
const BUILT_MS: u32 = 20_000;

/// Monday 2026-11-23, 00:00 in Kigali.
fn monday() -> Timestamp {
    Timestamp::from_millis(1_795_384_800_000)
}

/// An hour of the first week.
fn hour(day: i64, hour: i64) -> Timestamp {
    monday() + Span::from_secs(day * DAY_S + hour * 3_600 + 600)
}

/// A street of six stretches, both ways: four residential ones, then two of a primary road. Arcs 0 to 11.
fn town() -> Network {
    let node =
        |index: u32| LatLng::new(-1.95, 30.06).expect("on the globe").destination(90.0, f64::from(index) * 150.0);
    let segment = |index: u32| Segment {
        from: NodeId(index),
        to: NodeId(index + 1),
        shape: Vec::new(),
        class: if index < 4 { RoadClass::Residential } else { RoadClass::Primary },
        name: None,
        is_roundabout: false,
        forward_ms: Some(BUILT_MS),
        backward_ms: Some(BUILT_MS),
    };
    let parts =
        Parts { nodes: (0..7).map(node).collect(), segments: (0..6).map(segment).collect(), ..Parts::default() };
    Network::new(parts).expect("a network").0
}

/// The arc along a segment.
fn along(network: &Network, segment: u32) -> ArcId {
    let directed =
        crate::road::network::Directed { segment: crate::road::network::SegmentId(segment), is_forward: true };
    network.arc(directed).expect("both ways")
}

fn ride(speeds: &mut Speeds, network: &Network, arc: ArcId, ratio: f64, at: Timestamp) {
    speeds.observe(network, arc, Span::from_millis((f64::from(BUILT_MS) * ratio) as i64), at);
}

/// The ratio to free flow of an arc at an instant.
fn ratio(speeds: &Speeds, network: &Network, arc: ArcId, at: Timestamp) -> f64 {
    let durations_ms = speeds.durations_ms(network, HourOfWeek::of(at), &Closures::NONE, at);
    f64::from(durations_ms[arc.0 as usize]) / f64::from(BUILT_MS)
}

fn near(found: f64, expected: f64) -> bool {
    (found / expected - 1.0).abs() < 0.12
}

#[test]
fn an_unknown_town_is_as_built() {
    let network = town();
    let speeds = Speeds::new(&CONFIG, network.arc_count());
    let closures: Closures = [ArcId(3), ArcId(5)].into_iter().collect();
    let durations_ms = speeds.durations_ms(&network, HourOfWeek::of(monday()), &closures, monday());
    for (arc, duration_ms) in durations_ms.iter().enumerate() {
        assert_eq!(*duration_ms, if matches!(arc, 3 | 5) { CLOSED } else { BUILT_MS }, "arc {arc}");
    }
}

/// Drivers ride the town for `weeks` weeks from an instant; `slow` says what a street takes when.
fn live(
    speeds: &mut Speeds,
    network: &Network,
    (from, weeks): (Timestamp, i64),
    seed: u64,
    slow: impl Fn(ArcId, HourOfWeek) -> f64,
) -> Timestamp {
    let mut rng = SmallRng::seed_from_u64(seed);
    for hour in 0..weeks * 168 {
        for arc in (0..network.arc_count() as u32).map(ArcId) {
            let at = from + Span::from_secs(hour * 3_600 + rng.random_range(0..3_600));
            // Every tenth stops at the kerb.
            let stop = if rng.random_range(0..10) == 0 { rng.random_range(2.0..20.0) } else { 1.0 };
            let scatter = rng.random_range(0.8..1.25);
            ride(speeds, network, arc, slow(arc, HourOfWeek::of(at)) * stop * scatter, at);
        }
    }
    from + Span::from_secs(weeks * 7 * DAY_S)
}

#[test]
fn a_slowed_street_is_learned_and_forgotten() {
    let network = town();
    let mut speeds = Speeds::new(&CONFIG, network.arc_count());
    let slowed = along(&network, 1);
    let is_rush = |hour: HourOfWeek| hour.number() < 120 && hour.number() % 24 == 17;
    let works = |arc, hour| if arc == slowed && is_rush(hour) { 3.0 } else { 1.0 };
    let after = live(&mut speeds, &network, (monday(), 6), 1, works);
    let ratio_at = |speeds: &Speeds, arc, days: i64, hour: i64| {
        ratio(speeds, &network, arc, after + Span::from_secs(days * DAY_S + hour * 3_600 + 1_800))
    };
    for day in [0, 3] {
        let (rush, noon) = (ratio_at(&speeds, slowed, day, 17), ratio_at(&speeds, slowed, day, 12));
        assert!(rush > 2.5 && rush < 3.4 && near(noon, 1.1), "day {day}: {rush} at five, {noon} at noon");
    }
    assert!(near(ratio_at(&speeds, slowed, 5, 17), 1.1), "not on Saturdays");
    assert!(near(ratio_at(&speeds, along(&network, 2), 0, 17), 1.1), "nor next door");

    // The works are over.
    let later = live(&mut speeds, &network, (after, 12), 2, |_, _| 1.0);
    let healed = ratio(&speeds, &network, slowed, later + Span::from_secs(17 * 3_600));
    assert!(near(healed, 1.15), "{healed} after twelve weeks");
}

#[test]
fn a_street_that_nobody_rides_any_more_is_as_its_class() {
    let network = town();
    let mut speeds = Speeds::new(&CONFIG, network.arc_count());
    let slowed = along(&network, 1);
    for week in 0..10 {
        ride(&mut speeds, &network, slowed, 4.0, hour(week * 7, 9));
    }
    let then = hour(70, 9);
    assert!(ratio(&speeds, &network, slowed, then) > 2.0);
    let later = then + Span::from_secs(365 * DAY_S);
    for week in 0..20 {
        for segment in [0, 2, 3] {
            ride(&mut speeds, &network, along(&network, segment), 1.3, later + Span::from_secs(week * 7 * DAY_S));
        }
    }
    let now = later + Span::from_secs(140 * DAY_S);
    let (found, class) = (ratio(&speeds, &network, slowed, now), ratio(&speeds, &network, ArcId(0), now));
    assert!(near(found, class) && near(class, 1.3), "{found}, the class {class}");
    let before = speeds.len();
    speeds.forget(now);
    assert!(speeds.len() < before && speeds.len() >= 6, "{} of {before}", speeds.len());
}

#[test]
fn what_is_not_known_of_a_street_is_taken_from_its_week_and_its_class() {
    let network = town();
    let mut speeds = Speeds::new(&CONFIG, network.arc_count());
    let (quiet, primary) = (along(&network, 3), along(&network, 5));
    // The class is twice as slow at eight as at noon; the quiet street is ridden at noon only, at 1.5.
    for day in 0..5 {
        for _ in 0..10 {
            for segment in [0, 1, 2] {
                ride(&mut speeds, &network, along(&network, segment), 2.0, hour(day, 8));
                ride(&mut speeds, &network, along(&network, segment), 1.0, hour(day, 12));
            }
            ride(&mut speeds, &network, quiet, 1.5, hour(day, 12));
        }
    }
    let now = |at: i64| hour(7, at);
    let (noon, rush) = (ratio(&speeds, &network, quiet, now(12)), ratio(&speeds, &network, quiet, now(8)));
    assert!(near(noon, 1.5) && rush > 1.15 * noon && rush < 2.2 * noon, "{noon} at noon, {rush} at eight");
    assert!(near(ratio(&speeds, &network, ArcId(0), now(8)), 2.0) || network.directed(ArcId(0)).segment.0 == 3);
    assert_eq!(ratio(&speeds, &network, primary, now(8)), 1.0, "another class");
    let unridden = network.twin(quiet).expect("both ways");
    assert!(near(ratio(&speeds, &network, unridden, now(8)), 1.9), "as the class in that hour");
}

#[test]
fn two_passages_are_no_evidence_of_a_week() {
    let network = town();
    let mut speeds = Speeds::new(&CONFIG, network.arc_count());
    let arc = along(&network, 0);
    ride(&mut speeds, &network, arc, 5.0, hour(0, 9));
    ride(&mut speeds, &network, arc, 5.0, hour(1, 9));
    assert_eq!(ratio(&speeds, &network, arc, hour(2, 9)), 1.0);
}

#[test]
fn a_jam_counts_at_once_and_is_gone_when_it_is_gone() {
    let network = town();
    let mut speeds = Speeds::new(&CONFIG, network.arc_count());
    let jammed = along(&network, 2);
    let noon = live(&mut speeds, &network, (monday(), 3), 3, |_, _| 1.0) + Span::from_secs(12 * 3_600);
    let minutes = |minutes: i64| noon + Span::from_minutes(minutes);
    let usual = ratio(&speeds, &network, jammed, noon);
    ride(&mut speeds, &network, jammed, 6.0, minutes(1));
    assert!(ratio(&speeds, &network, jammed, minutes(1)) < 1.15 * usual, "one who stands at the kerb is no jam");
    for minute in 2..6 {
        ride(&mut speeds, &network, jammed, 6.0, minutes(minute));
    }
    let (jam, other) = (ratio(&speeds, &network, jammed, minutes(6)), ratio(&speeds, &network, ArcId(0), minutes(6)));
    assert!(jam > 2.5 && near(other, usual), "{jam} in the jam, {other} elsewhere");
    assert_eq!(speeds.live_count(minutes(6)), 1);
    let (half_an_hour, next_day) =
        (ratio(&speeds, &network, jammed, minutes(36)), ratio(&speeds, &network, jammed, minutes(24 * 60)));
    assert!(half_an_hour < 1.3 * usual && next_day < 1.3 * usual, "{half_an_hour}, {next_day} the day after");
    assert_eq!(speeds.live_count(minutes(36)), 0);
}

#[test]
fn no_street_is_faster_than_the_fastest_is_built_for() {
    let place = |east_m| LatLng::new(-1.95, 30.06).expect("on the globe").destination(90.0, east_m);
    let segment = |from, to, forward_ms| Segment {
        from: NodeId(from),
        to: NodeId(to),
        shape: Vec::new(),
        class: RoadClass::Residential,
        name: None,
        is_roundabout: false,
        forward_ms: Some(forward_ms),
        backward_ms: None,
    };
    // 300 m in 15 s, and 300 m in 40 s.
    let parts = Parts {
        nodes: [0.0, 300.0, 600.0].map(place).to_vec(),
        segments: vec![segment(0, 1, 15_000), segment(1, 2, 40_000)],
        ..Parts::default()
    };
    let (network, _) = Network::new(parts).expect("a network");
    let (quick, slow) = (along(&network, 0), along(&network, 1));
    let mut speeds = Speeds::new(&CONFIG, network.arc_count());
    let of = |speeds: &Speeds, arc: ArcId| {
        speeds.durations_ms(&network, HourOfWeek::of(hour(0, 9)), &Closures::NONE, hour(0, 9))[arc.0 as usize]
    };
    for _ in 0..50 {
        speeds.observe(&network, slow, Span::from_millis(30_000), hour(0, 8));
    }
    let learned_ms = of(&speeds, slow);
    assert!((28_000..36_000).contains(&learned_ms), "{learned_ms} ms: faster than it is built for is possible");
    assert_eq!(of(&speeds, quick), 15_000, "as its class it would take three quarters of that");
    for _ in 0..1_000 {
        speeds.observe(&network, slow, Span::from_millis(1), hour(0, 8));
    }
    let bound_ms = of(&speeds, slow);
    assert!((14_990..15_010).contains(&bound_ms), "{bound_ms} ms");
}

#[test]
fn passages_that_come_late_are_not_of_now() {
    let network = town();
    let mut speeds = Speeds::new(&CONFIG, network.arc_count());
    let arc = along(&network, 0);
    for _ in 0..10 {
        ride(&mut speeds, &network, arc, 5.0, hour(0, 9));
    }
    assert_eq!(speeds.live_count(hour(0, 11)), 0);
    assert!(speeds.live_count(hour(0, 9)) == 1 && speeds.len() == 2);
}

#[test]
fn what_was_learned_survives_being_kept() {
    let network = town();
    let mut speeds = Speeds::new(&CONFIG, network.arc_count());
    let now = live(&mut speeds, &network, (monday(), 2), 4, |arc, _| 1.0 + f64::from(arc.0) / 10.0);
    let first = speeds.take_changed(5);
    assert_eq!(first.len(), 5);
    speeds.put_back(&first);
    let kept = speeds.take_changed(usize::MAX);
    assert_eq!((kept.len(), speeds.take_changed(1).len()), (speeds.len() + 2 * StreetHour::COUNT, 0));
    let mut restored = Speeds::new(&CONFIG, network.arc_count());
    restored.restore(kept);
    let later = now + Span::from_secs(3_600);
    let of = |speeds: &Speeds| speeds.durations_ms(&network, HourOfWeek::of(later), &Closures::NONE, later);
    assert_eq!((of(&restored), restored.len()), (of(&speeds), speeds.len()));
}

#[test]
fn a_full_memory_learns_of_classes_only() {
    let network = town();
    let mut speeds = Speeds::new(&Config { entries_max: 3, ..CONFIG }, network.arc_count());
    live(&mut speeds, &network, (monday(), 1), 5, |_, _| 1.8);
    assert_eq!(speeds.len(), 3);
    let found = ratio(&speeds, &network, ArcId(8), hour(8, 12));
    assert!(near(found, 1.9), "{found}");
}

#[test]
fn a_street_keeps_its_name_when_it_is_numbered_anew() {
    let network = town();
    let names_of = |network: &Network| -> Vec<u64> {
        (0..network.arc_count() as u32).map(|arc| arc_key(network, ArcId(arc))).collect()
    };
    let keys = names_of(&network);
    let distinct: BTreeSet<_> = keys.iter().collect();
    assert_eq!(distinct.len(), 12, "each direction has its own");
    // The same town with a street in front of the others.
    let node =
        |index: u32| LatLng::new(-1.95, 30.06).expect("on the globe").destination(90.0, f64::from(index) * 150.0);
    let far = LatLng::new(-1.90, 30.00).expect("on the globe");
    let segment = |from, to| Segment {
        from: NodeId(from),
        to: NodeId(to),
        shape: Vec::new(),
        class: RoadClass::Track,
        name: None,
        is_roundabout: false,
        forward_ms: Some(1),
        backward_ms: None,
    };
    let parts =
        Parts { nodes: vec![far, node(1), node(2)], segments: vec![segment(0, 1), segment(1, 2)], ..Parts::default() };
    let (other, _) = Network::new(parts).expect("a network");
    let names = names_of(&other);
    assert_eq!(names[along(&other, 1).0 as usize], keys[along(&network, 1).0 as usize]);
    assert!(!keys.contains(&names[along(&other, 0).0 as usize]));
}

proptest! {
    #[test]
    fn no_passages_whatever_make_other_than_bounded_times(
        passages in proptest::collection::vec((0..20_u32, any::<i64>(), any::<i64>()), 0..100), now_ms in any::<i64>(),
    ) {
        let network = town();
        let mut speeds = Speeds::new(&Config { entries_max: 20, ..CONFIG }, network.arc_count());
        for (arc, duration_ms, at_ms) in &passages {
            speeds.observe(&network, ArcId(*arc), Span::from_millis(*duration_ms), Timestamp::from_millis(*at_ms));
            prop_assert!(speeds.len() <= 20);
        }
        let now = Timestamp::from_millis(now_ms);
        let closures: Closures = [ArcId(2), ArcId(900)].into_iter().collect();
        let of = |speeds: &Speeds| speeds.durations_ms(&network, HourOfWeek::of(now), &closures, now);
        let durations_ms = of(&speeds);
        for (arc, duration_ms) in durations_ms.iter().enumerate() {
            prop_assert_eq!(*duration_ms == CLOSED, arc == 2);
            prop_assert!(arc == 2 || (BUILT_MS - 100..=BUILT_MS * 11).contains(duration_ms), "{}", duration_ms);
        }
        let mut again = Speeds::new(&Config { entries_max: 20, ..CONFIG }, network.arc_count());
        for (arc, duration_ms, at_ms) in &passages {
            again.observe(&network, ArcId(*arc), Span::from_millis(*duration_ms), Timestamp::from_millis(*at_ms));
        }
        prop_assert_eq!(of(&again), durations_ms);
        speeds.forget(now);
        prop_assert!(speeds.len() <= 20);
    }
}
