//! The rules, asked after every step.

use boda::dispatch::{Canceller, Decision, Fact, Input, OfferOutcome, Refusal, RideEnd};
use boda::ids::{DriverId, RideId};
use boda::rides::desk::Round;
use boda::rides::said::Said;
use boda::time::Span;

use crate::phones::{Asked, Owner};
use crate::rules::{Checked, Rule, hold};
use crate::world::World;

/// How old the news of an offer's end may be at most when its app takes it, in calm: more than the network's delay.
const TOLD_WITHIN_MS: i64 = 10_000;

/// How much later than its deadline something may be done.
const LATE: Span = Span::from_millis(100);

impl World {
    /// After a round was decided, whatever becomes of it.
    pub fn check_round(&mut self, round: &Round) -> Checked {
        self.audit()?;
        let now = self.now();
        hold(round.strays.is_empty(), Rule::Audit, || {
            format!("decided about rides without a record: {:?}", round.strays)
        })?;
        let next = self.server.as_ref().and_then(|process| process.desk.next_deadline());
        hold(next.is_none_or(|due| due >= now), Rule::Deadlines, || format!("at {now} the next deadline is {next:?}"))?;
        for (offer, closing) in round.touched.values() {
            if closing.is_some() {
                self.open.remove(&offer.id);
            } else {
                self.open.insert(offer.id, offer.deadline);
            }
        }
        let over = self.open.iter().find(|(_, deadline)| **deadline < now);
        hold(over.is_none(), Rule::OffersEnd, || format!("at {now} still open: {over:?}"))?;
        for said in &round.said {
            let fact = &said.decision.fact;
            let ride = said.decision.ride;
            match *fact {
                Fact::OfferMade { driver, .. } => {
                    let passed = self.passed.contains(&(ride, driver));
                    hold(!passed, Rule::NotAskedAgain, || format!("driver {driver} is asked again for ride {ride}"))?;
                }
                _ => self.passed.extend(passed_by(&said.decision)),
            }
            *self.facts.entry(name(fact)).or_default() += 1;
        }
        Ok(())
    }

    /// Whenever something happens anywhere: a program at rest has nothing due.
    pub fn check_awake(&self) -> Checked {
        let late = self.now() - LATE;
        let over = self.open.iter().find(|(_, deadline)| **deadline < late);
        let is_excused = !self.is_idle() || self.is_clock_set;
        hold(over.is_none() || is_excused, Rule::OffersEnd, || format!("nobody wakes for the end of {over:?}"))
    }

    /// Before something is said.
    pub fn check_said(&mut self, said: &Said) -> Checked {
        hold(self.store.has(&said.decision), Rule::SaidIsWritten, || {
            format!("said and not written: {:?}", said.decision)
        })?;
        let ride = said.decision.ride;
        match said.decision.fact {
            Fact::OfferMade { offer, .. } => {
                self.heard_open.insert(offer);
            }
            Fact::OfferClosed { offer, .. } => {
                self.heard_open.remove(&offer);
            }
            Fact::Assigned { offer, .. } => {
                self.heard_open.remove(&offer);
                let loser = self.heard_open.iter().find(|other| other.ride == ride);
                hold(loser.is_none(), Rule::LosersFirst, || format!("{offer} has won, {loser:?} does not know"))?;
            }
            _ => {}
        }
        Ok(())
    }

    /// A command is answered as done: what it did must be written, now and for ever.
    pub fn promise(&mut self, input: Input) -> Checked {
        self.check_promise(&input)?;
        if self.promises.len() < 4_000 {
            self.promises.push(input);
        }
        Ok(())
    }

    /// Everything that was ever acknowledged.
    pub fn check_promises(&self) -> Checked {
        self.promises.iter().try_for_each(|input| self.check_promise(input))
    }

    fn check_promise(&self, input: &Input) -> Checked {
        let had = |ride, like: fn(&Fact) -> bool| self.store.had(ride, like);
        let kept = match *input {
            Input::RequestRide { ride, .. } => self.store.rides.contains_key(&ride),
            Input::Pair { ride, driver, .. } => {
                had(ride, |fact| *fact == Fact::Started)
                    && self.store.had(ride, |fact| matches!(fact, Fact::Assigned { driver: by, .. } if *by == driver))
            }
            Input::AcceptOffer { offer, .. } => {
                self.store.had(offer.ride, |fact| matches!(fact, Fact::Assigned { offer: won, .. } if *won == offer))
            }
            // Whoever has passed on a ride has passed on whatever offer of it.
            Input::DeclineOffer { driver, offer } => self
                .store
                .offers
                .values()
                .any(|(made, closing)| made.id.ride == offer.ride && made.driver == driver && closing.is_some()),
            Input::Arrive { ride, .. } => had(ride, |fact| *fact == Fact::Arrived),
            Input::Start { ride, .. } => had(ride, |fact| *fact == Fact::Started),
            Input::ReachStop { ride, stop, .. } => self.store.had(ride, |fact| *fact == Fact::StopReached { stop }),
            Input::Complete { ride, .. } => had(ride, |fact| *fact == Fact::Ended(RideEnd::Completed)),
            Input::Cancel { ride, by } => match by {
                Canceller::Rider(_) => had(ride, |fact| *fact == Fact::Ended(RideEnd::CancelledByCustomer)),
                Canceller::System => had(ride, |fact| *fact == Fact::Ended(RideEnd::CancelledBySystem)),
                Canceller::Driver { .. } => {
                    had(ride, |fact| matches!(fact, Fact::Released { .. } | Fact::Ended(RideEnd::CancelledByDriver)))
                }
            },
            Input::Reschedule { ride, .. } => self.store.rides.contains_key(&ride),
            Input::GoOnline { driver, .. } => self.store.drivers.contains_key(&driver),
            Input::GoOffline { .. }
            | Input::PickupTrouble { .. }
            | Input::Candidates { .. }
            | Input::DriverLost { .. }
            | Input::DriverBack { .. } => true,
        };
        hold(kept, Rule::Acknowledged, || format!("acknowledged and not written: {input:?}"))
    }

    /// While nothing goes wrong, an app takes an offer that has been over for a while only if nobody told it so.
    pub fn check_gone(&self, phone: usize, request: u64, result: Result<(), Refusal>) -> Checked {
        // Who asks again after a lost answer does not look whether the offer still stands.
        let is_first = |asked: &&Asked| asked.tries <= 1 && result == Err(Refusal::OfferGone);
        let Some(asked) = self.phones[phone].asked.get(&request).filter(is_first) else { return Ok(()) };
        let Input::AcceptOffer { offer, .. } = &asked.command.input else { return Ok(()) };
        let Some((_, Some(closing))) = self.store.offers.get(offer) else { return Ok(()) };
        let is_known = closing.outcome == "declined" || closing.outcome == "accepted" || closing.at < self.calm_since();
        let since_ms = self.at_ms(asked.sent_ms).since(closing.at).as_millis();
        hold(is_known || since_ms < TOLD_WITHIN_MS, Rule::AppsKnow, || {
            format!("{:?} took {offer}, which was {} {since_ms} ms before", self.phones[phone].owner, closing.outcome)
        })
    }

    /// At the end: nothing is left, and everybody knows.
    pub fn check_end(&self) -> Checked {
        let live: Vec<_> = self.store.live().map(|ride| (ride.id, ride.status)).collect();
        hold(live.is_empty(), Rule::Drains, || format!("rides that do not end: {live:?}"))?;
        let open: Vec<_> = self.store.open_offers().map(|offer| offer.id).collect();
        hold(open.is_empty(), Rule::Drains, || format!("offers that do not end: {open:?}"))?;
        let left =
            self.server.as_ref().map_or(0, |process| process.desk.rides_live() + process.desk.core().rides_live());
        hold(left == 0, Rule::Drains, || format!("{left} rides are left in memory"))?;
        self.check_promises()?;
        for phone in &self.phones {
            let whose = match phone.owner {
                Owner::Rider(rider) => rider.to_string(),
                Owner::Driver(driver) => driver.to_string(),
            };
            // Its driver declined it, by going off shift even: that is told to nobody, and the app lets it lapse.
            let is_declined = |offer| {
                let closing = self.store.offers.get(&offer).and_then(|(_, closing)| closing.as_ref());
                closing.is_some_and(|closing| closing.outcome == "declined")
            };
            let is_over = phone.offer.is_none_or(is_declined);
            hold(phone.rides.is_empty() && is_over, Rule::AppsKnow, || {
                format!("{whose} believes in {:?} and {:?}", phone.rides, phone.offer)
            })?;
        }
        Ok(())
    }
}

/// Who is not to be asked for a ride again after a decision.
pub fn passed_by(decision: &Decision) -> Option<(RideId, DriverId)> {
    use OfferOutcome::{Declined, DriverLost, Expired};
    match decision.fact {
        Fact::OfferClosed { driver, outcome: Declined | Expired | DriverLost, .. } | Fact::Released { driver, .. } => {
            Some((decision.ride, driver))
        }
        _ => None,
    }
}

/// A fact by its name, for the count of what a run saw.
fn name(fact: &Fact) -> &'static str {
    match fact {
        Fact::Requested { .. } => "requested",
        Fact::Rescheduled { .. } => "rescheduled",
        Fact::SearchBegan => "search began",
        Fact::OfferMade { .. } => "offer made",
        Fact::OfferClosed { outcome: OfferOutcome::Withdrawn, .. } => "offer withdrawn",
        Fact::OfferClosed { outcome: OfferOutcome::Taken, .. } => "offer taken",
        Fact::OfferClosed { .. } => "offer closed",
        Fact::Assigned { is_next: true, .. } => "assigned next",
        Fact::Assigned { .. } => "assigned",
        Fact::OnTheWay => "on the way",
        Fact::Nudged { .. } => "nudged",
        Fact::Released { .. } => "released",
        Fact::Arrived => "arrived",
        Fact::StopReached { .. } => "stop reached",
        Fact::Started => "started",
        Fact::Ended(RideEnd::Completed) => "completed",
        Fact::Ended(_) => "ended otherwise",
    }
}
