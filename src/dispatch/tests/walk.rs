//! Random walks: whatever is said in whatever order, with whatever candidates, the invariants hold.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// A step of a walk.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) act: Act,
    pub(super) wait: Span,
    /// Where everybody is from now on, as far as it changes: ride, driver, and how they stand to each other.
    pub(super) moves: Vec<(u128, u128, Candidate)>,
    /// Nobody answers what the core asks.
    pub(super) is_deaf: bool,
}

/// What happens.
#[derive(Clone, Debug)]
pub(super) enum Act {
    /// This is said, whether it makes sense or not.
    Say(Input),
    /// A driver does what comes next for them, more or less: of pure chance, few rides would ever get anywhere.
    Live { who: u128, dice: u8 },
}

fn any_candidate() -> impl Strategy<Value = (u128, u128, Candidate)> {
    let finishing = prop::option::of((0..600_i64).prop_map(secs));
    let place = prop::option::weighted(0.2, 0..3_u16);
    (0..6_u128, 0..5_u128, 0..1_500_i64, finishing, place, 0..60_i64).prop_map(
        |(n, who, eta_s, finishing, place, value)| {
            let free = Candidate::free(driver(who), secs(eta_s), 500);
            (n, who, Candidate { finishing, queue_place: place, place_value: secs(value), ..free })
        },
    )
}

fn any_order() -> impl Strategy<Value = Order> {
    let later = prop::option::weighted(0.2, (0..400_000_i64).prop_map(|ms| Timestamp::from_millis(1_000_000 + ms)));
    let parcel = prop::option::weighted(0.2, Just(pin("7777")));
    let some = || prop::collection::vec((0..5_u128).prop_map(driver), 0..2);
    (later, parcel, 0..3_u8, any::<bool>(), some(), some()).prop_map(
        |(search_from, handover, stops, is_express, avoid, favour)| Order {
            search_from,
            handover,
            stops,
            is_express,
            avoid,
            favour,
            rider_record: Record::default(),
        },
    )
}

fn any_input() -> impl Strategy<Value = Input> {
    let who = || (0..5_u128).prop_map(driver);
    let what = || (0..6_u128).prop_map(ride);
    let which = || (0..6_u128, 1..5_u16).prop_map(|(n, ordinal)| offer(n, ordinal));
    let digits = || prop_oneof![4 => Just("1234"), 1 => Just("0000"), 1 => Just("7777")].prop_map(pin);
    let trouble = prop_oneof![Just(Trouble::Stalled), Just(Trouble::GoingAway), Just(Trouble::Dark)];
    let by = prop_oneof![
        (0..5_u128).prop_map(|n| Canceller::Rider(rider(n))),
        (0..5_u128, any::<bool>()).prop_map(|(n, rematch)| Canceller::Driver { driver: driver(n), rematch }),
        Just(Canceller::System),
    ];
    let request = (0..6_u128, 0..5_u128, any_order()).prop_map(|(n, by, order)| Input::RequestRide {
        ride: ride(n),
        rider: rider(by),
        pin: pin("1234"),
        order,
    });
    let pair = (0..6_u128, 0..5_u128, who());
    prop_oneof![
        6 => request,
        1 => pair.prop_map(|(n, by, driver)| Input::Pair { ride: ride(n), rider: rider(by), driver, pin: pin("1234") }),
        8 => (who(), which()).prop_map(|(driver, offer)| Input::AcceptOffer { driver, offer }),
        2 => (who(), which()).prop_map(|(driver, offer)| Input::DeclineOffer { driver, offer }),
        4 => (who(), what()).prop_map(|(driver, ride)| Input::Arrive { driver, ride }),
        4 => (who(), what(), digits()).prop_map(|(driver, ride, pin)| Input::Start { driver, ride, pin }),
        1 => (who(), what(), 0..3_u8).prop_map(|(driver, ride, stop)| Input::ReachStop { driver, ride, stop }),
        2 => (who(), what(), prop::option::of(digits())).prop_map(|(driver, ride, pin)| Input::Complete { driver, ride, pin }),
        1 => (what(), by).prop_map(|(ride, by)| Input::Cancel { ride, by }),
        2 => (who(), what(), trouble).prop_map(|(driver, ride, trouble)| Input::PickupTrouble { driver, ride, trouble }),
        3 => who().prop_map(|driver| Input::GoOnline { driver, record: Record::default() }),
        1 => who().prop_map(|driver| Input::GoOffline { driver }),
        1 => who().prop_map(|driver| Input::DriverLost { driver }),
        2 => who().prop_map(|driver| Input::DriverBack { driver }),
    ]
}

pub(super) fn any_step() -> impl Strategy<Value = Step> {
    let act = prop_oneof![
        1 => any_input().prop_map(Act::Say),
        2 => (0..5_u128, 0..10_u8).prop_map(|(who, dice)| Act::Live { who, dice }),
    ];
    let moves = prop::collection::vec(any_candidate(), 0..4);
    let wait = prop_oneof![16 => Just(0), 20 => 0..3_000_i64, 3 => 0..60_000_i64, 1 => 0..400_000_i64];
    let wait = wait.prop_map(Span::from_millis);
    (act, wait, moves, prop::bool::weighted(0.05)).prop_map(|(act, wait, moves, is_deaf)| Step {
        act,
        wait,
        moves,
        is_deaf,
    })
}

/// What comes next for a driver.
fn next_of(core: &Dispatch, who: u128, dice: u8) -> Input {
    let driver = driver(who);
    let Some(on_shift) = core.drivers.get(&driver) else {
        return Input::GoOnline { driver, record: Record::default() };
    };
    if let Some(offer) = on_shift.offer.filter(|_| on_shift.ride.is_none() || dice < 5) {
        return if dice == 0 { Input::DeclineOffer { driver, offer } } else { Input::AcceptOffer { driver, offer } };
    }
    let Some(ride) = on_shift.ride else { return Input::DriverBack { driver } };
    let known = &core.rides[&ride];
    let stop = known.stops_reached + 1;
    match (known.stage, dice) {
        (Stage::Assigned, 0) => Input::PickupTrouble { driver, ride, trouble: Trouble::Stalled },
        (Stage::Assigned, 1..=2) => Input::PickupTrouble { driver, ride, trouble: Trouble::GoingAway },
        (Stage::Assigned, 3) => Input::Cancel { ride, by: Canceller::Driver { driver, rematch: true } },
        (Stage::Assigned, 4) => Input::DriverLost { driver },
        (Stage::Assigned, _) => Input::Arrive { driver, ride },
        (Stage::InProgress, 5..=6) => Input::ReachStop { driver, ride, stop },
        (Stage::InProgress, 7..) => Input::Complete { driver, ride, pin: known.order.handover },
        (Stage::InProgress, _) => Input::DriverBack { driver },
        _ => Input::Start { driver, ride, pin: known.pin },
    }
}

pub(super) fn any_walk(longest: usize) -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(any_step(), 1..longest)
}

/// A city in which everybody is on shift and little is ample, so that rounds gather.
pub(super) fn walker(config: Config) -> City {
    let mut city = City::new(Config { at_once_drivers: 3, ..config }, 5);
    city.is_foresighted = true;
    city
}

pub(super) fn walk(city: &mut City, step: &Step) -> Vec<Output> {
    for &(n, who, candidate) in &step.moves {
        city.known.insert((ride(n), driver(who)), candidate);
    }
    city.wait(step.wait);
    let input = match &step.act {
        Act::Say(input) => input.clone(),
        Act::Live { who, dice } => next_of(&city.core, *who, *dice),
    };
    if step.is_deaf {
        let mut out = Vec::new();
        city.core.handle(city.now, input, &mut out);
        city.core.audit().expect("the invariants hold");
        return out;
    }
    city.feed(input)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_sequence_of_inputs_breaks_an_invariant(steps in any_walk(120), is_greedy in any::<bool>()) {
        let mut city = walker(if is_greedy { greedy() } else { config() });
        let mut seqs: BTreeMap<RideId, u32> = BTreeMap::new();
        for step in steps {
            for output in walk(&mut city, &step) {
                if let Output::Decided(decision) = output {
                    let before = seqs.insert(decision.ride, decision.seq).unwrap_or(0);
                    prop_assert!(decision.seq > before || decision.seq == 1);
                }
            }
        }
        city.wait(secs(7_200));
        prop_assert_eq!(city.core.rides_waiting(), 0, "every search ends");
        prop_assert!(city.core.drivers.values().all(|driver| driver.offer.is_none()), "every offer ends");
    }

    #[test]
    fn the_same_inputs_give_the_same_outputs(steps in any_walk(80), is_greedy in any::<bool>()) {
        let run = || {
            let mut city = walker(if is_greedy { greedy() } else { config() });
            let outputs: Vec<String> =
                steps.iter().flat_map(|step| walk(&mut city, step)).map(|output| format!("{output:?}")).collect();
            (outputs, format!("{:?}", city.records))
        };
        prop_assert_eq!(run(), run());
    }
}

/// The name of a fact, and how it came about.
fn kind(fact: &Fact) -> String {
    match fact {
        Fact::OfferClosed { outcome, .. } => format!("{outcome:?}"),
        Fact::Released { reason, .. } => format!("{reason:?}"),
        Fact::Assigned { is_next, .. } => format!("Assigned, next: {is_next}"),
        Fact::Ended(end) => format!("{end:?}"),
        other => format!("{other:?}").split([' ', '{']).next().unwrap_or_default().to_owned(),
    }
}

#[test]
fn the_walks_go_everywhere() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    for _ in 0..400 {
        let steps = any_walk(120).new_tree(&mut runner).expect("a walk").current();
        let mut city = walker(config());
        for step in steps {
            let mut facts = city.wait(step.wait);
            facts.extend(facts_of(walk(&mut city, &Step { wait: Span::ZERO, ..step })));
            for fact in facts {
                *seen.entry(kind(&fact)).or_default() += 1;
            }
        }
    }
    let expected = [
        "Requested",
        "SearchBegan",
        "OfferMade",
        "Declined",
        "Expired",
        "DriverLost",
        "Cancelled",
        "Withdrawn",
        "Taken",
        "Assigned, next: false",
        "Assigned, next: true",
        "OnTheWay",
        "Nudged",
        "DriverCancelled",
        "Stalled",
        "WentAway",
        "WentDark",
        "BetterDriver",
        "Late",
        "Arrived",
        "StopReached",
        "Started",
        "Completed",
        "CancelledByCustomer",
        "CancelledByDriver",
        "CancelledBySystem",
        "NoDriverFound",
    ];
    let missing: Vec<_> = expected.iter().filter(|kind| !seen.contains_key(**kind)).collect();
    assert!(missing.is_empty(), "never seen: {missing:?} among {seen:?}");
    assert_eq!(seen.len(), expected.len(), "all kinds are named: {seen:?}");
}
