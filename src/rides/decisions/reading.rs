//! Reading the record: all of it for an operator, plain words for a driver.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::round::{PARTS, Reason, RideRound, Weighed};
use super::store::{self, Asked, Missed};
use super::why::{Why, why_not};
use super::words;
use crate::audit::{self, Act};
use crate::clock;
use crate::error::Error;
use crate::ids::{DriverId, OfferId, RideId, UserId};
use crate::notifications::Language;
use crate::rides::reading::parties;
use crate::rides::{Rides, no_ride};
use crate::time::{Span, Timestamp};
use crate::web::page::{Page, PageRequest, Position};

/// Why a ride went to whom.
#[derive(Debug, Serialize, ToSchema)]
pub struct DecisionView {
    /// Which ride.
    #[schema(value_type = Uuid)]
    pub ride_id: RideId,
    /// The rounds that said something new about it, oldest first; empty for a ride older than the record.
    pub rounds: Vec<RoundView>,
}

/// What one round weighed for the ride. Costs are seconds of pickup time.
#[derive(Debug, Serialize, ToSchema)]
pub struct RoundView {
    /// Counting from 1.
    pub round: u16,
    /// When.
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    pub at: Timestamp,
    /// `at_once`: enough drivers were near, the ride was matched by itself. `gathered`: together with all that waited.
    #[schema(example = "gathered")]
    pub trigger: String,
    /// `exact`: nothing cheaper exists. `nearest`: the nearest driver, ride after ride, because the policy says so.
    /// `out_of_steps`, `uncertified`: the nearest, because the exact answer took too long or did not hold against its proof.
    #[schema(example = "exact")]
    pub means: String,
    /// Whether the proof that nothing cheaper exists was checked.
    pub certified: bool,
    /// How long the ride had waited.
    pub waited_s: f64,
    /// What it would have cost to let it wait on: whoever is dearer is not asked.
    pub unassigned_s: f64,
    /// What the ride had to pay for: its cost less the price of its driver.
    pub price_s: f64,
    /// Who got the offer; null when nobody did.
    pub chosen: Option<Uuid>,
    /// Who would have been next.
    pub runner_up: Option<Uuid>,
    /// The offer that came of it.
    #[schema(value_type = Option<String>)]
    pub offer_id: Option<OfferId>,
    /// Who was looked at: who came into question first, the cheapest first.
    pub candidates: Vec<CandidateView>,
}

/// A driver as weighed for the ride.
#[derive(Debug, Serialize, ToSchema)]
pub struct CandidateView {
    /// Who.
    pub driver_id: Uuid,
    /// Time to the pickup, with the rest of the ride before where there was one.
    pub pickup_eta_s: f64,
    /// Distance to the pickup.
    pub pickup_distance_m: u32,
    /// The sum of the parts.
    pub cost_s: f64,
    /// What this driver was worth to all rides of the round together: 0 for one whom nobody else wanted.
    pub price_s: f64,
    /// What the cost is made of.
    pub parts: PartsView,
    /// Why the driver did not come into question: `busy`, `offered`, `passed`, `lost`, `avoided`, `too_costly`,
    /// `wrong_direction`, `pickup_too_far`, `fare_too_low`, `other_class`, `finishes_too_late`, `off_shift`, `has_next`,
    /// `queued`, `other`; null for one who did.
    pub excluded: Option<String>,
}

/// The parts of a cost, in seconds of pickup time. Negative ones speak for the driver.
#[derive(Debug, Serialize, ToSchema)]
pub struct PartsView {
    /// The way to the pickup, with the rest of the ride before.
    pub pickup_s: f64,
    /// The driver may not take it.
    pub acceptance_s: f64,
    /// The rider may call it off.
    pub cancellation_s: f64,
    /// How long the driver has been without a ride.
    pub idle_s: f64,
    /// The driver is missed elsewhere.
    pub place_s: f64,
    /// First in the stage's queue.
    pub queue_s: f64,
    /// A favourite of the rider.
    pub favourite_s: f64,
    /// Somebody else would be taken off.
    pub switching_s: f64,
}

/// A ride near a driver that went to somebody else, and why.
#[derive(Debug, Serialize, ToSchema)]
pub struct WhyNotView {
    /// Which ride.
    #[schema(value_type = Uuid)]
    pub ride_id: RideId,
    /// When that was decided.
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    pub at: Timestamp,
    /// How far away the pickup was, in whole minutes; null when that was not worked out.
    pub pickup_minutes: Option<i64>,
    /// What decided: `nearer`, `queue`, `waited_longer`, `answers`, `favourite`, `promised`, `place`, `better_elsewhere`,
    /// `busy`, `offered`, `passed`, `lost`, `too_costly`, `wrong_direction`, `pickup_too_far`, `fare_too_low`,
    /// `finishes_too_late`, `off_shift`, `has_next`, `queued`, `not_for_you`.
    #[schema(example = "nearer")]
    pub reason: String,
    /// The same in plain words, in the driver's language.
    #[schema(example = "Another driver was 2 min nearer.")]
    pub text: String,
}

fn seconds(ms: i64) -> f64 {
    ms as f64 / 1_000.0
}

fn parts_view(parts_ms: [i64; PARTS]) -> PartsView {
    let [pickup_s, acceptance_s, cancellation_s, idle_s, place_s, queue_s, favourite_s, switching_s] =
        parts_ms.map(seconds);
    PartsView { pickup_s, acceptance_s, cancellation_s, idle_s, place_s, queue_s, favourite_s, switching_s }
}

fn candidate_view(weighed: &Weighed) -> CandidateView {
    CandidateView {
        driver_id: weighed.driver.0,
        pickup_eta_s: seconds(weighed.pickup_eta.as_millis()),
        pickup_distance_m: weighed.pickup_distance_m,
        cost_s: seconds(weighed.cost_ms),
        price_s: seconds(weighed.price_ms),
        parts: parts_view(weighed.parts_ms),
        excluded: weighed.excluded.map(|reason| reason.as_str().to_owned()),
    }
}

fn round_view(ride: RideId, round: &RideRound) -> RoundView {
    RoundView {
        round: round.round,
        at: round.at,
        trigger: round.trigger.to_owned(),
        means: round.means.to_owned(),
        certified: round.certified,
        waited_s: seconds(round.waited.as_millis()),
        unassigned_s: seconds(round.unassigned_ms),
        price_s: seconds(round.price_ms),
        chosen: round.chosen.map(|driver| driver.0),
        runner_up: round.runner_up.map(|driver| driver.0),
        offer_id: round.offer.map(|ordinal| OfferId { ride, ordinal }),
        candidates: round.considered.iter().map(candidate_view).collect(),
    }
}

fn why_not_view(missed: &Missed, driver: DriverId, language: Language) -> WhyNotView {
    let Missed { ride, round, was_passed } = missed;
    // Who was chosen here and did not drive it did not take it, or somebody else was found for it before they answered or
    // came; where nobody was chosen somebody was later.
    let why = match round.chosen {
        Some(chosen) if chosen == driver && *was_passed => Why::Excluded(Reason::Passed),
        _ => why_not(round, driver).unwrap_or(Why::BetterElsewhere),
    };
    let eta = round.considered.iter().find(|weighed| weighed.driver == driver).map(|weighed| weighed.pickup_eta);
    WhyNotView {
        ride_id: *ride,
        at: round.at,
        // Whole minutes: a place is not worked out from that.
        pickup_minutes: eta.filter(|eta| *eta > Span::ZERO).map(|eta| (eta.as_secs() + 59) / 60),
        reason: words::code(why).to_owned(),
        text: words::text(why, language),
    }
}

impl Rides {
    /// Why a ride went to whom, for an operator.
    ///
    /// # Errors
    /// Not found.
    pub async fn decision(&self, id: RideId, admin: UserId, now: Timestamp) -> Result<DecisionView, Error> {
        let ride = self.current(id).await?;
        let rounds = store::rounds(&self.inner.pool, id).await?;
        // Each of them was looked at with their distance and their waiting time.
        let weighed = rounds.iter().flat_map(|round| round.considered.iter().map(|weighed| weighed.driver.into()));
        let people: Vec<UserId> = parties(&ride).into_iter().chain(weighed).collect();
        let act = Act::of_admin(admin, "rides.decision_read").on("ride", id);
        audit::record_read(&self.inner.pool, &act, &people, now).await?;
        Ok(DecisionView { ride_id: id, rounds: rounds.iter().map(|round| round_view(id, round)).collect() })
    }

    /// Why rides near a driver went to somebody else: of the last hour, or one ride.
    ///
    /// # Errors
    /// Not found for a ride for which this driver was not looked at, or which they drove.
    pub async fn why_not(
        &self,
        driver: DriverId,
        ride: Option<RideId>,
        page: &PageRequest,
    ) -> Result<Page<WhyNotView>, Error> {
        let config = &self.inner.config.decisions;
        let asked = match ride {
            Some(ride) => Asked::Ride(ride),
            None => Asked::Since(clock::now() - config.why_not_for, config.why_not_rounds_max),
        };
        let found = store::went_elsewhere(&self.inner.pool, driver, asked, page).await?;
        if ride.is_some() && found.is_empty() {
            return Err(no_ride());
        }
        let language = self.inner.people.language_of(driver.into()).await?;
        let page = Page::new(found, page, |missed| Position { at: missed.round.at, id: missed.ride.0 });
        Ok(page.map(|missed| why_not_view(&missed, driver, language)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rides::decisions::round::tests::{driver, round, weighed};

    #[test]
    fn who_had_it_on_offer_and_lost_it_to_somebody_else_did_not_pass_on_it() {
        for (was_passed, expected) in [(true, "passed"), (false, "better_elsewhere")] {
            let ride = RideId(Uuid::from_u128(5));
            let missed = Missed { ride, round: round(vec![weighed(1, 100)], Some(1)), was_passed };
            assert_eq!(why_not_view(&missed, driver(1), Language::En).reason, expected);
        }
    }
}
