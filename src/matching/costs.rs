//! What it costs that a driver takes a ride: pickup time, and everything else in terms of pickup time.
//!
//! Separate because it is where the policy of a city is written down as numbers. Each part is whole milliseconds, each
//! weight has a unit and its reason in `config/default.toml`, and every part is kept with the decision, so that "why this
//! driver?" is answered by a sum. Negative parts speak for the driver.
//!
//! The parts are those of the literature: time to the pickup, less what the driver's place is worth to later riders (Xu et
//! al., KDD 2018; Azagirre et al., "A Better Match for Drivers and Riders", arXiv 2310.13810), and what is lost when a ride is
//! called off after it was assigned (Qin et al., arXiv 2202.05118). The pressure of waiting and the floor of fairness are ours.

use super::record::{Prior, Record};
use crate::time::Span;

/// How much each part counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weights {
    /// What an offer in vain costs: the time until it is known.
    pub refusal: Span,
    /// What is imagined of a driver's offers.
    pub acceptance_prior: Prior,
    /// What is imagined of a rider's rides.
    pub cancellation_prior: Prior,
    /// What a way in vain counts, of a thousand parts of its time.
    pub cancellation_permille: u32,
    /// What a driver's idle time is worth, of a thousand parts of it,
    pub idle_permille: u32,
    /// and how much at most.
    pub idle_max: Span,
    /// What the value of a place counts, of a thousand parts of it.
    pub place_permille: u32,
    /// What it is worth to be the next of the stage's queue at the pickup.
    pub queue: Span,
    /// What it is worth to be a favourite of the rider.
    pub favourite: Span,
    /// What a change of an offer that was not answered yet must gain.
    pub switching: Span,
    /// What a change of a driver who is on the way must gain.
    pub stand_by: Span,
    /// What the pickup time of an express ride counts, of a thousand parts of it.
    pub express_permille: u32,
    /// The dearest driver that a ride is offered to when it has just been requested,
    pub patience: Span,
    /// and how much dearer each moment of waiting lets a driver be, of a thousand parts of it: nobody waits for ever.
    pub waiting_permille: u32,
}

/// What is known of a driver and a ride.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pairing {
    /// Time to the pickup.
    pub pickup_eta: Span,
    /// Of the driver's offers.
    pub driver_record: Record,
    /// Of the rider's rides.
    pub rider_record: Record,
    /// Since the driver's last ride, or since the shift began.
    pub idle: Span,
    /// What it is worth that the driver stays there.
    pub place_value: Span,
    /// The driver is the next of the stage's queue at the pickup.
    pub is_next_in_queue: bool,
    /// The rider likes this driver.
    pub is_favourite: bool,
    /// The ride is express.
    pub is_express: bool,
    /// Somebody else would be taken off the ride.
    pub instead: Instead,
}

/// Of whom a pairing would take the ride away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instead {
    /// Of nobody.
    Nobody,
    /// Of a driver who has it on offer.
    Offered,
    /// Of a driver who is on the way.
    Assigned,
}

/// A cost by its parts, in milliseconds of pickup time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// The way to the pickup, with the rest of the ride before it.
    pub pickup: i64,
    /// The driver may not take it.
    pub acceptance: i64,
    /// The rider may call it off.
    pub cancellation: i64,
    /// How long the driver has been without a ride: speaks for the driver.
    pub idle: i64,
    /// The driver is missed elsewhere.
    pub place: i64,
    /// First in the stage's queue: speaks for the driver.
    pub queue: i64,
    /// A favourite of the rider: speaks for the driver.
    pub favourite: i64,
    /// Somebody else would be taken off.
    pub switching: i64,
}

impl Parts {
    /// The cost.
    pub const fn total(&self) -> i64 {
        self.pickup
            + self.acceptance
            + self.cancellation
            + self.idle
            + self.place
            + self.queue
            + self.favourite
            + self.switching
    }
}

impl Weights {
    /// The cost of a pairing.
    pub fn parts(&self, pairing: &Pairing) -> Parts {
        let refused = pairing.driver_record.broken_permille(self.acceptance_prior);
        let called_off = pairing.rider_record.broken_permille(self.cancellation_prior);
        let pickup_ms = pairing.pickup_eta.as_millis();
        let in_vain_ms = permille(pickup_ms, called_off);
        Parts {
            pickup: if pairing.is_express { permille(pickup_ms, self.express_permille) } else { pickup_ms },
            acceptance: permille(self.refusal.as_millis(), refused),
            cancellation: permille(in_vain_ms, self.cancellation_permille),
            idle: -permille(pairing.idle.as_millis(), self.idle_permille).min(self.idle_max.as_millis()),
            place: permille(pairing.place_value.as_millis(), self.place_permille),
            queue: if pairing.is_next_in_queue { -self.queue.as_millis() } else { 0 },
            favourite: if pairing.is_favourite { -self.favourite.as_millis() } else { 0 },
            switching: match pairing.instead {
                Instead::Nobody => 0,
                Instead::Offered => self.switching.as_millis(),
                Instead::Assigned => self.stand_by.as_millis(),
            },
        }
    }

    /// What it costs to let a ride wait on that has waited so long.
    pub fn unassigned(&self, waited: Span, is_express: bool) -> i64 {
        let cost = self.patience.as_millis() + permille(waited.as_millis(), self.waiting_permille);
        if is_express { permille(cost, self.express_permille) } else { cost }
    }
}

/// So many of a thousand parts of a time.
pub fn permille(ms: i64, permille: u32) -> i64 {
    ms.saturating_mul(i64::from(permille)) / 1_000
}

#[cfg(test)]
impl Weights {
    /// Small and round numbers.
    pub(crate) fn for_tests() -> Self {
        Self {
            refusal: Span::from_secs(10),
            acceptance_prior: Prior { kept: 8, broken: 2 },
            cancellation_prior: Prior { kept: 9, broken: 1 },
            cancellation_permille: 500,
            idle_permille: 20,
            idle_max: Span::from_secs(30),
            place_permille: 1_000,
            queue: Span::from_secs(3_600),
            favourite: Span::from_secs(60),
            switching: Span::from_secs(45),
            stand_by: Span::from_secs(180),
            express_permille: 1_500,
            patience: Span::from_secs(1_200),
            waiting_permille: 2_000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weights() -> Weights {
        Weights::for_tests()
    }

    fn pairing() -> Pairing {
        Pairing {
            pickup_eta: Span::from_secs(200),
            driver_record: Record::default(),
            rider_record: Record::default(),
            idle: Span::ZERO,
            place_value: Span::ZERO,
            is_next_in_queue: false,
            is_favourite: false,
            is_express: false,
            instead: Instead::Nobody,
        }
    }

    #[test]
    fn a_cost_is_the_sum_of_its_parts_each_by_its_weight() {
        let plain = weights().parts(&pairing());
        let expected = Parts { pickup: 200_000, acceptance: 2_000, cancellation: 10_000, ..Parts::default() };
        assert_eq!(plain, expected);
        assert_eq!(plain.total(), 212_000);
    }

    #[test]
    fn who_waits_longer_is_dearer_to_leave_out() {
        let check = |waited_s, is_express, expected| {
            assert_eq!(weights().unassigned(Span::from_secs(waited_s), is_express), expected);
        };
        check(0, false, 1_200_000);
        check(60, false, 1_320_000);
        check(60, true, 1_980_000);
    }

    #[test]
    fn each_part_answers_to_what_it_is_about_and_to_nothing_else() {
        let check = |change: fn(&mut Pairing), part: fn(&Parts) -> i64, expected: i64| {
            let mut changed = pairing();
            change(&mut changed);
            let (before, after) = (weights().parts(&pairing()), weights().parts(&changed));
            assert_eq!(part(&after), expected);
            assert_eq!(after.total() - before.total(), part(&after) - part(&before), "no other part moved");
        };
        check(|p| p.driver_record = Record { kept: 0, broken: 10 }, |p| p.acceptance, 6_000);
        check(|p| p.rider_record = Record { kept: 0, broken: 10 }, |p| p.cancellation, 55_000);
        check(|p| p.idle = Span::from_secs(600), |p| p.idle, -12_000);
        check(|p| p.idle = Span::from_secs(86_400), |p| p.idle, -30_000);
        check(|p| p.place_value = Span::from_secs(7), |p| p.place, 7_000);
        check(|p| p.is_next_in_queue = true, |p| p.queue, -3_600_000);
        check(|p| p.is_favourite = true, |p| p.favourite, -60_000);
        check(|p| p.is_express = true, |p| p.pickup, 300_000);
        check(|p| p.instead = Instead::Offered, |p| p.switching, 45_000);
        check(|p| p.instead = Instead::Assigned, |p| p.switching, 180_000);
    }
}
