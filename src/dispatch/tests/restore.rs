//! After a restart the core goes on where it stopped: what was written down is enough.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::walk::{Act, Step, any_walk, walk, walker};
use super::*;

/// What a store makes of the outputs: nothing but them goes in.
#[derive(Default)]
struct Store {
    rides: BTreeMap<RideId, RestoredRide>,
    shifts: BTreeMap<DriverId, RestoredShift>,
}

impl Store {
    /// What was said, and what came of it.
    fn write(&mut self, input: &Input, out: &[Output]) {
        if !out.iter().any(|output| matches!(output, Output::Refused(_))) {
            self.requested(input);
        }
        self.write_outputs(out);
    }

    fn requested(&mut self, input: &Input) {
        match input {
            Input::RequestRide { ride, rider, pin, order } => {
                self.rides.insert(*ride, blank(*ride, *rider, *pin, order.clone()));
            }
            Input::Pair { ride, rider, pin, .. } => {
                self.rides.insert(*ride, blank(*ride, *rider, *pin, Order::default()));
            }
            _ => {}
        }
    }

    fn write_outputs(&mut self, out: &[Output]) {
        for output in out {
            match output {
                Output::Decided(decision) => self.decided(decision),
                Output::ShiftOpened { driver, at } => {
                    let shift = RestoredShift { driver: *driver, record: Record::default(), idle_since: *at };
                    self.shifts.insert(*driver, shift);
                }
                Output::ShiftClosed { driver, .. } => {
                    self.shifts.remove(driver);
                }
                _ => {}
            }
        }
    }

    fn decided(&mut self, decision: &Decision) {
        let Decision { ride: id, seq, at, fact } = decision;
        let ride = self.rides.get_mut(id).expect("a ride begins with its request");
        ride.facts = *seq;
        match fact {
            Fact::Requested { .. } => {
                ride.searching_since = ride.order.search_from.is_none_or(|from| from <= *at).then_some(*at);
            }
            Fact::SearchBegan => ride.searching_since = Some(*at),
            Fact::OfferMade { offer, driver, pickup_eta, deadline, .. } => {
                let (offer, driver, deadline, pickup_due) = (*offer, *driver, *deadline, *at + *pickup_eta);
                ride.offers.push(RestoredOffer { offer, driver, deadline, pickup_due });
                ride.offers_made = offer.ordinal;
            }
            Fact::OfferClosed { offer, driver, outcome } => {
                ride.offers.retain(|live| live.offer != *offer);
                if matches!(outcome, OfferOutcome::Declined | OfferOutcome::Expired | OfferOutcome::DriverLost) {
                    pass(ride, *driver);
                    ride.refusals += 1;
                }
            }
            Fact::Assigned { driver, offer, is_next } => {
                let taken = ride.offers.iter().find(|live| live.offer == *offer).expect("it was made");
                ride.pickup_due = Some(taken.pickup_due);
                ride.offers.clear();
                ride.driver = Some(RestoredDriver { driver: *driver, availability: Availability::ToPickup });
                (ride.is_next, ride.accepted_offer) = (*is_next, Some(*offer));
            }
            Fact::OnTheWay => ride.is_next = false,
            Fact::Nudged { .. } => ride.nudged_at = Some(*at),
            Fact::Released { driver, reason } => {
                (ride.driver, ride.is_next, ride.accepted_offer, ride.nudged_at) = (None, false, None, None);
                pass(ride, *driver);
                ride.released.push(*driver);
                if *reason == ReleaseReason::BetterDriver {
                    ride.is_taken_over = true;
                } else {
                    (ride.searching_since, ride.refusals) = (Some(*at), 0);
                }
            }
            Fact::Arrived => self.stands(*id, Availability::AtPickup),
            Fact::Started => self.stands(*id, Availability::OnTrip),
            Fact::StopReached { stop } => ride.stops_reached = *stop,
            Fact::Ended(_) => {
                let ended = self.rides.remove(id).and_then(|ride| ride.driver.filter(|_| !ride.is_next));
                if let Some(shift) = ended.and_then(|ended| self.shifts.get_mut(&ended.driver)) {
                    shift.idle_since = *at;
                }
            }
        }
    }

    fn stands(&mut self, id: RideId, availability: Availability) {
        if let Some(driver) = self.rides.get_mut(&id).and_then(|ride| ride.driver.as_mut()) {
            driver.availability = availability;
        }
    }

    fn read(&self) -> Restored {
        Restored { rides: self.rides.values().cloned().collect(), drivers: self.shifts.values().copied().collect() }
    }
}

fn blank(ride: RideId, rider: RiderId, pin: Pin, order: Order) -> RestoredRide {
    RestoredRide {
        ride,
        rider,
        pin,
        order,
        searching_since: None,
        driver: None,
        is_next: false,
        accepted_offer: None,
        pickup_due: None,
        nudged_at: None,
        offers: vec![],
        passed: vec![],
        released: vec![],
        is_taken_over: false,
        offers_made: 0,
        refusals: 0,
        stops_reached: 0,
        facts: 0,
    }
}

fn pass(ride: &mut RestoredRide, driver: DriverId) {
    if !ride.passed.contains(&driver) {
        ride.passed.push(driver);
    }
}

/// What matters of the core's state, in words. Wrong PINs, prices, who is connected and when the next round comes are not
/// kept over a restart.
fn state(core: &Dispatch) -> Vec<String> {
    let mut lines = Vec::new();
    let live = core.rides.iter().filter(|(_, ride)| !matches!(ride.stage, Stage::Ended(_)));
    for (id, ride) in live {
        let offers: Vec<_> =
            ride.offers.iter().map(|live| (live.id, live.driver, live.deadline, live.pickup_due)).collect();
        let since = (ride.stage == Stage::Searching).then_some((ride.searching_since, ride.gives_up_at, ride.refusals));
        let nudged = ride.nudged_at.filter(|_| ride.stage == Stage::Assigned);
        lines.push(format!(
            "{id} {:?} {:?} {} {:?} {:?} {:?} {:?} {:?} {:?} {} {:?} {:?} {:?} {} {} {} {:?}",
            ride.stage,
            ride.rider,
            ride.offers_made,
            ride.driver,
            ride.accepted_offer,
            ride.is_next,
            offers,
            since,
            nudged,
            ride.stops_reached,
            ride.passed,
            ride.released,
            ride.order,
            ride.is_taken_over,
            ride.facts,
            ride.stands_by_at.is_some(),
            ride.driver.map(|_| ride.pickup_due),
        ));
    }
    for (id, driver) in &core.drivers {
        lines.push(format!("{id} {:?} {:?} {:?} {:?}", driver.ride, driver.next, driver.offer, driver.shown));
    }
    lines.sort_unstable();
    lines
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_was_written_down_is_enough_to_go_on(steps in any_walk(80), is_greedy in any::<bool>()) {
        let mut city = walker(if is_greedy { greedy() } else { config() });
        let mut store = Store::default();
        for n in 0..5 {
            let shift = RestoredShift { driver: driver(n), record: Record::default(), idle_since: city.now };
            store.shifts.insert(driver(n), shift);
        }
        for step in steps {
            // Time is told to the store apart from inputs.
            let quiet = Step { wait: Span::ZERO, ..step.clone() };
            let until = city.now + step.wait;
            while let Some(at) = city.core.next_deadline().filter(|at| *at <= until) {
                city.now = city.now.max(at);
                let mut out = Vec::new();
                city.core.tick(city.now, &mut out);
                let out = city.settle(out);
                store.write_outputs(&out);
            }
            city.now = until;
            let out = walk(&mut city, &quiet);
            match &quiet.act {
                Act::Say(input) => store.write(input, &out),
                Act::Live { .. } => store.write_outputs(&out),
            }
            let restored = Dispatch::restore(city.core.config.clone(), city.now, store.read(), &mut Vec::new());
            restored.audit().expect("the invariants hold after a restart");
            prop_assert_eq!(state(&restored), state(&city.core));
        }
        // And it lives on: everything ends.
        let mut out = Vec::new();
        city.core = Dispatch::restore(city.core.config.clone(), city.now, store.read(), &mut out);
        city.settle(out);
        city.wait(secs(7_200));
        prop_assert_eq!(city.core.rides_waiting(), 0);
        prop_assert!(city.core.drivers.values().all(|driver| driver.offer.is_none()));
    }
}

#[test]
fn a_restored_core_goes_on_where_it_stopped() {
    let mut city = City::with_drivers(3);
    let mut store = Store::default();
    let mut feed = |city: &mut City, input: Input| {
        let out = city.feed(input.clone());
        store.write(&input, &out);
    };
    for who in 0..3 {
        feed(&mut city, Input::GoOffline { driver: driver(who) });
        feed(&mut city, Input::GoOnline { driver: driver(who), record: Record::default() });
    }
    // So that the second ride's offer does not move when the third driver declines.
    city.know(2, 2, 9_000);
    for n in 1..=3 {
        let order = Order::default();
        feed(&mut city, Input::RequestRide { ride: ride(n), rider: rider(n), pin: pin("1234"), order });
    }
    feed(&mut city, Input::AcceptOffer { driver: driver(0), offer: offer(1, 1) });
    feed(&mut city, Input::Arrive { driver: driver(0), ride: ride(1) });
    feed(&mut city, Input::DeclineOffer { driver: driver(2), offer: offer(3, 1) });
    let mut out = Vec::new();
    city.now = city.now + secs(20);
    city.core = Dispatch::restore(config(), city.now, store.read(), &mut out);
    let shown = |who, availability| Output::Availability { driver: driver(who), availability };
    city.known.clear();
    let expected = [shown(0, Availability::AtPickup), shown(1, Availability::Offered), shown(2, Availability::Free)];
    assert_eq!(out, expected);
    // Straight to the core: what came due while the process was down has not been fired yet.
    city.core.handle(city.now, Input::DriverBack { driver: driver(2) }, &mut Vec::new());
    let facts = city.wait(Span::ZERO);
    assert!(facts.contains(&closed(2, 1, 1, OfferOutcome::Expired)));
    assert_eq!(city.offer_of(2), Some(offer(2, 2)), "a searching ride looks at once");
    assert_eq!(city.accept(0, 1, 1), Output::Done, "a repeated accept is still answered as the first time");
    assert_eq!(city.start(0, 1, "1234"), Output::Done);
}
