//! The proof of a fare: everything it was computed from, kept with the completed ride, and the computation.
//!
//! Separate and pure, so that a fare is computed once and the same way for ever: the charge itself comes from
//! [`compute`], and whoever doubts it years later gets the same steps from the stored JSON alone, without any setting or
//! tariff of today. A change of the rule is another [`RULE_VERSION`] beside this one; old proofs keep theirs.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::ride::Ride;
use crate::fares::{Factors, Metered};
use crate::money::{BasisPoints, Francs};
use crate::pricing::{PriceBook, TariffPrices};
use crate::time::{Span, Timestamp};

/// The rule by which fares are computed today.
pub const RULE_VERSION: u16 = 1;
/// A matched distance longer than so many quoted ones is believed to be something else than the ride.
const MATCHED_TIMES_MAX: u32 = 4;

/// The tariff a ride was sold by, whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TariffInput {
    /// What it is called.
    #[schema(example = "RURA 2022-08-22")]
    pub name: String,
    /// The first day in Kigali on which it held.
    #[schema(example = "2022-08-22")]
    pub valid_from: String,
    /// Where it was published.
    pub source: String,
    /// Its numbers.
    pub prices: TariffPrices,
}

/// What is known of the length of a ride, in metres.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DistanceInput {
    /// By the router, before the ride.
    pub quoted_m: u32,
    /// Along the streets that were taken; null where that was not seen.
    pub matched_m: Option<u32>,
    /// In straight lines from place to place: nobody rode less.
    pub straight_m: u32,
    /// By how much more than quoted a detour may be charged.
    pub detour_max_percent: u32,
}

/// Everything a fare is computed from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FareInputs {
    /// By which rule; today 1.
    pub rule_version: u16,
    /// By which tariff; null when it was not known at completion, and then the quote is the fare.
    pub tariff: Option<TariffInput>,
    /// What counts as the beginning: for the hour of the day.
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    pub begins_at: Timestamp,
    /// How long the ride was.
    pub distance: DistanceInput,
    /// Riding time as quoted: traffic is not the rider's to pay.
    pub riding_ms: i64,
    /// The driver's wait at the pickup.
    pub waiting_at_pickup_ms: i64,
    /// The driver's wait at each stop.
    pub waiting_at_stops_ms: Vec<i64>,
    /// Demand, as quoted; the tariff's cap bounds it.
    pub surge_basis_points: u32,
    /// For express, as quoted.
    pub supplement_basis_points: u32,
    /// What was promised: the least that is charged.
    pub quoted_rwf: i64,
    /// The platform's terms it was sold by.
    pub terms: String,
    /// What they add.
    pub service_fee_rwf: i64,
    /// A promotion reserved for it. It changes who pays, not the fare.
    pub promotion_id: Option<Uuid>,
}

/// A fare as it was charged, with what it was computed from. This is what is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FareProof {
    /// See there.
    pub inputs: FareInputs,
    /// The fare that was charged.
    pub fare_rwf: i64,
    /// With the service fee: what was to be paid.
    pub total_rwf: i64,
}

/// Why a distance is charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DistanceReason {
    /// As ridden.
    Matched,
    /// As quoted: what was ridden was not seen.
    NotSeen,
    /// As quoted: what was seen is shorter than a straight line, so only a part of the ride was seen.
    SeenInPart,
    /// As quoted: what was seen is so long that it is something else than this ride.
    Implausible,
    /// As quoted: less was ridden, and the quote is the least.
    QuoteIsLeast,
    /// As far as a detour may be charged: more was ridden.
    DetourCapped,
}

/// A step of the sum.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Step {
    /// `base`, `distance`, `time`, `waiting`, `night`, `express`, `surge`, `least`, `service_fee`.
    #[schema(example = "distance")]
    pub name: &'static str,
    /// What it adds.
    pub amount_rwf: i64,
    /// The sum so far.
    pub sum_rwf: i64,
    /// How it came about.
    #[schema(example = "6000 m beyond the first 2000 m, 117 RWF a km")]
    pub how: String,
}

/// A fare, computed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Computed {
    /// The distance that is charged, in metres.
    pub distance_m: u32,
    /// Why that one.
    pub distance_reason: DistanceReason,
    /// The sum, step by step; together the total.
    pub steps: Vec<Step>,
    /// The fare.
    pub fare: Francs,
    /// With the service fee.
    pub total: Francs,
}

/// Why a stored proof cannot be computed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// Written by a newer program.
    #[error("fares of rule version {0} are not known here")]
    UnknownRule(u16),
    /// Not a day.
    #[error("the tariff of the proof begins on no day: {0}")]
    Day(String),
}

impl DistanceInput {
    /// What was ridden, but no less than was quoted, and no more beyond it than the rider must pay for. What nobody can have
    /// ridden, or saw only in part, counts for nothing.
    pub fn charged(self) -> (u32, DistanceReason) {
        use DistanceReason::{DetourCapped, Implausible, Matched, NotSeen, QuoteIsLeast, SeenInPart};
        let quoted_m = self.quoted_m;
        let most_m = u64::from(quoted_m) * (100 + u64::from(self.detour_max_percent)) / 100;
        let most_m = u32::try_from(most_m).unwrap_or(u32::MAX);
        match self.matched_m {
            None => (quoted_m, NotSeen),
            Some(matched_m) if matched_m < self.straight_m => (quoted_m, SeenInPart),
            Some(matched_m) if matched_m > quoted_m.saturating_mul(MATCHED_TIMES_MAX) => (quoted_m, Implausible),
            Some(matched_m) if matched_m < quoted_m => (quoted_m, QuoteIsLeast),
            Some(matched_m) if matched_m > most_m => (most_m, DetourCapped),
            Some(matched_m) => (matched_m, Matched),
        }
    }
}

/// Computes a fare from its inputs and nothing else.
///
/// # Errors
/// [`ProofError`].
pub fn compute(inputs: &FareInputs) -> Result<Computed, ProofError> {
    if inputs.rule_version != RULE_VERSION {
        return Err(ProofError::UnknownRule(inputs.rule_version));
    }
    let (distance_m, distance_reason) = inputs.distance.charged();
    let mut sum = Sum::default();
    match &inputs.tariff {
        Some(tariff) => meter(inputs, tariff, distance_m, &mut sum)?,
        None => sum.add("base", inputs.quoted_rwf, "as quoted: the tariff is not known".to_owned()),
    }
    let short = inputs.quoted_rwf.saturating_sub(sum.total);
    if short > 0 {
        sum.add("least", short, format!("never less than the quote of {} RWF", inputs.quoted_rwf));
    }
    let fare = Francs(sum.total);
    if inputs.service_fee_rwf > 0 {
        sum.add("service_fee", inputs.service_fee_rwf, format!("by the terms “{}”", inputs.terms));
    }
    Ok(Computed { distance_m, distance_reason, steps: sum.steps, fare, total: Francs(sum.total) })
}

fn meter(inputs: &FareInputs, tariff: &TariffInput, distance_m: u32, sum: &mut Sum) -> Result<(), ProofError> {
    let day = NaiveDate::parse_from_str(&tariff.valid_from, "%Y-%m-%d");
    let day = day.map_err(|_| ProofError::Day(tariff.valid_from.clone()))?;
    let prices = &tariff.prices;
    // All waiting together, as the tariff is published: the free minutes are those of a ride, not of each stop.
    let waiting_ms =
        inputs.waiting_at_stops_ms.iter().fold(inputs.waiting_at_pickup_ms, |sum, ms| sum.saturating_add(*ms));
    let metered = Metered {
        begins_at: inputs.begins_at,
        distance_m,
        riding: Span::from_millis(inputs.riding_ms),
        waiting: Span::from_millis(waiting_ms),
    };
    let surge = BasisPoints(inputs.surge_basis_points);
    let factors = Factors { surge, supplement: BasisPoints(inputs.supplement_basis_points) };
    let fare = prices.tariff(&tariff.name, day, &tariff.source).price(&metered, factors);
    sum.add("base", fare.base.amount(), format!("covers {} m", prices.base_distance_m));
    let near_m = distance_m.min(prices.far_from_m).saturating_sub(prices.base_distance_m);
    let far_m = distance_m.saturating_sub(prices.far_from_m);
    let how = format!("{near_m} m beyond the first {} m, {} RWF a km", prices.base_distance_m, prices.per_km_rwf);
    let far = format!("; {far_m} m beyond {} m, {} RWF a km", prices.far_from_m, prices.per_km_far_rwf);
    sum.add("distance", fare.distance.amount(), if far_m > 0 { how + &far } else { how });
    let how = format!("{} s, {} RWF a minute", inputs.riding_ms / 1_000, prices.per_minute_rwf);
    sum.add("time", fare.time.amount(), how);
    let free_s = prices.waiting_free_s;
    let how =
        format!("{} s, {free_s} s of them free, {} RWF a minute", waiting_ms / 1_000, prices.waiting_per_minute_rwf);
    sum.add("waiting", fare.waiting.amount(), how);
    let night = prices.night.map_or_else(
        || "none in this tariff".to_owned(),
        |night| {
            format!("{} from {} to {} h", BasisPoints(night.surcharge_basis_points), night.from_hour, night.until_hour)
        },
    );
    sum.add("night", fare.night.amount(), night);
    sum.add("express", fare.express.amount(), BasisPoints(inputs.supplement_basis_points).to_string());
    let how = format!(
        "{surge} asked, {} by the cap of {}",
        fare.surge_basis_points,
        BasisPoints(prices.surge_max_basis_points)
    );
    sum.add("surge", fare.surge.amount(), how);
    Ok(())
}

#[derive(Default)]
struct Sum {
    total: i64,
    steps: Vec<Step>,
}

impl Sum {
    fn add(&mut self, name: &'static str, amount_rwf: i64, how: String) {
        self.total = self.total.saturating_add(amount_rwf);
        self.steps.push(Step { name, amount_rwf, sum_rwf: self.total, how });
    }
}

impl Ride {
    /// What its fare is computed from at its completion.
    pub fn fare_inputs(&self, prices: &PriceBook, detour_max_percent: u32) -> FareInputs {
        let tariff = prices.tariff_named(&self.price.tariff).map(|tariff| TariffInput {
            name: tariff.name.to_string(),
            valid_from: tariff.valid_from.to_string(),
            source: tariff.source.to_string(),
            prices: TariffPrices::from(tariff),
        });
        let places: Vec<_> = self.places().collect();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "metres within a country")]
        let straight_m = places.windows(2).map(|leg| leg[0].distance_m(leg[1])).sum::<f64>() as u32;
        FareInputs {
            rule_version: RULE_VERSION,
            tariff,
            begins_at: self.price.begins_at,
            distance: DistanceInput {
                quoted_m: self.price.distance_m,
                matched_m: self.matched_distance_m,
                straight_m,
                detour_max_percent,
            },
            riding_ms: self.price.duration.as_millis(),
            waiting_at_pickup_ms: self.waiting.as_millis(),
            waiting_at_stops_ms: self.product.stops.iter().map(|stop| stop.waiting.as_millis()).collect(),
            surge_basis_points: self.price.surge.0,
            supplement_basis_points: self.product.express.unwrap_or(BasisPoints(0)).0,
            quoted_rwf: self.price.quoted.amount(),
            terms: self.price.terms.clone(),
            service_fee_rwf: self.price.service_fee.amount(),
            promotion_id: self.payment_plan.promotion,
        }
    }

    /// Its fare at completion, with the proof of it.
    pub(super) fn final_fare(&self, prices: &PriceBook, detour_max_percent: u32) -> FareProof {
        let inputs = self.fare_inputs(prices, detour_max_percent);
        // Inputs made just now are of a rule that is known and of a tariff with a day.
        let computed = compute(&inputs).map(|computed| (computed.fare, computed.total));
        let as_quoted = (self.price.quoted, Francs(self.price.quoted.amount().saturating_add(inputs.service_fee_rwf)));
        let (fare, total) = computed.unwrap_or(as_quoted);
        FareProof { inputs, fare_rwf: fare.amount(), total_rwf: total.amount() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Just, Strategy, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest};
    use serde_json::Value;

    use super::*;
    use crate::dispatch::{Decision, Fact, RideEnd};
    use crate::fares::{NightCharge, Tariff};
    use crate::rides::product::tests::stop;
    use crate::rides::ride::Pricing;
    use crate::rides::ride::tests::ride;

    /// What a ride is charged, and its proof as it is stored.
    fn complete(mut ride: Ride, prices: &PriceBook, percent: u32) -> (Ride, Value) {
        let fact = Fact::Ended(RideEnd::Completed);
        let decision = Decision { ride: ride.id, seq: 9, at: ride.requested_at, fact };
        let proof = ride.apply(&decision, Pricing { prices, detour_charged_max_percent: percent });
        (ride, serde_json::to_value(proof.expect("completed")).expect("JSON"))
    }

    /// From the stored text alone.
    fn again(stored: &Value) -> (FareProof, Computed) {
        let proof: FareProof = serde_json::from_str(&stored.to_string()).expect("a proof");
        let computed = compute(&proof.inputs).expect("known");
        (proof, computed)
    }

    #[test]
    fn the_regulators_examples_are_proven() {
        let prices = PriceBook::built_in(BasisPoints(900));
        for (tariff, distance_m, waiting_min, fare) in [
            ("RURA 2022-08-22", 1_200, 0, 400),
            ("RURA 2022-08-22", 2_000, 0, 400),
            ("RURA 2022-08-22", 5_000, 0, 751),
            ("RURA 2022-08-22", 8_000, 14, 1_186),
            ("RURA 2022-08-22", 40_000, 0, 4_846),
            ("RURA 2022-08-22", 45_000, 0, 5_871),
            ("RURA 2020-08-15", 10_870, 0, 1_480),
        ] {
            let mut ride = ride();
            ride.price.tariff = tariff.to_owned();
            (ride.price.distance_m, ride.price.quoted) = (distance_m, Francs(0));
            ride.waiting = Span::from_minutes(waiting_min);
            let (ride, stored) = complete(ride, &prices, 0);
            assert_eq!(ride.fare, Francs(fare), "{distance_m} m, {waiting_min} min");
            let (proof, computed) = again(&stored);
            assert_eq!((proof.fare_rwf, computed.fare, computed.total), (fare, Francs(fare), Francs(fare)));
            assert_eq!(computed.steps.iter().map(|step| step.amount_rwf).sum::<i64>(), fare);
        }
    }

    #[test]
    fn it_is_said_why_a_distance_is_charged() {
        use DistanceReason::*;
        for (matched_m, charged) in [
            (None, (8_000, NotSeen)),
            (Some(9_000), (9_000, Matched)),
            (Some(20_000), (9_600, DetourCapped)),
            (Some(7_000), (8_000, QuoteIsLeast)),
            (Some(900), (8_000, SeenInPart)),
            (Some(40_000), (8_000, Implausible)),
        ] {
            let input = DistanceInput { quoted_m: 8_000, matched_m, straight_m: 3_500, detour_max_percent: 20 };
            assert_eq!(input.charged(), charged, "{matched_m:?}");
        }
    }

    #[test]
    fn a_rule_that_is_not_known_is_not_guessed() {
        let (_, stored) = complete(ride(), &PriceBook::built_in(BasisPoints(900)), 0);
        let mut proof: FareProof = serde_json::from_value(stored).expect("a proof");
        proof.inputs.rule_version = 2;
        assert_eq!(compute(&proof.inputs), Err(ProofError::UnknownRule(2)));
    }

    fn tariff() -> impl Strategy<Value = Tariff> {
        let prices = (0_i64..2_000, 0_u32..5_000, 0_i64..500, 0_i64..500, 0_u32..60_000, 0_i64..50);
        let others = (0_i64..3_600, 0_i64..100, any::<Option<(u8, u8)>>(), 10_000_u32..30_000);
        (prices, others).prop_map(|((base, base_m, near, far, more_m, minute), (free, waiting, night, surge))| {
            let book = PriceBook::built_in(BasisPoints(900));
            let last = book.tariffs().tariffs().last().expect("there are some").clone();
            let hours = |(from, until): (u8, u8)| NightCharge {
                from_hour: from % 24,
                until_hour: until % 24,
                surcharge: BasisPoints(1_500),
            };
            Tariff {
                name: "drawn".into(),
                valid_from: last.valid_from + chrono::Days::new(400),
                base: Francs(base),
                base_distance_m: base_m,
                per_km: Francs(near),
                per_km_far: Francs(far),
                far_from_m: base_m + more_m,
                per_minute: Francs(minute),
                waiting_free: Span::from_secs(free),
                waiting_per_minute: Francs(waiting),
                night: night.map(hours),
                surge_max: BasisPoints(surge),
                ..last
            }
        })
    }

    fn driven() -> impl Strategy<Value = Ride> {
        let price = (0_i64..10_000, 50_u32..100_000, 0_i64..10_000_000, 5_000_u32..40_000, 0_i64..500);
        let seen = prop_oneof![Just(None), (0_u32..300_000).prop_map(Some)];
        let waits = (0_i64..5_000_000, prop::collection::vec(0_i64..2_000_000, 0..3));
        let others = (prop_oneof![Just(None), (0_u32..5_000).prop_map(Some)], 0_i64..86_400_000, any::<bool>());
        (price, seen, waits, others).prop_map(|(price, seen, (pickup, stops), (express, later, is_built_in))| {
            let mut ride = ride();
            let (quoted, distance_m, riding, surge, fee) = price;
            let at = ride.requested_at;
            ride.price.tariff = if is_built_in { "RURA 2022-08-22" } else { "drawn" }.to_owned();
            (ride.price.quoted, ride.price.distance_m) = (Francs(quoted), distance_m);
            (ride.price.duration, ride.price.surge) = (Span::from_millis(riding), BasisPoints(surge));
            (ride.price.service_fee, ride.price.begins_at) = (Francs(fee), at + Span::from_millis(later));
            ride.matched_distance_m = seen;
            ride.waiting = Span::from_millis(pickup);
            ride.product.express = express.map(BasisPoints);
            ride.product.stops = stops
                .into_iter()
                .map(|ms| crate::rides::product::Stop { waiting: Span::from_millis(ms), ..stop(-1.945, 30.07) })
                .collect();
            ride
        })
    }

    proptest! {
        #[test]
        fn every_fare_is_recomputed_from_its_stored_proof(ride in driven(), tariff in tariff(), later in tariff(), percent in 0_u32..100) {
            let built_in = PriceBook::built_in(BasisPoints(900));
            let prices = built_in.with(vec![(tariff.clone(), false)], vec![]).expect("agree");
            let (charged, stored) = complete(ride.clone(), &prices, percent);
            let (proof, computed) = again(&stored);
            prop_assert_eq!(computed.fare, charged.fare);
            prop_assert_eq!(computed.total.amount(), charged.fare.amount() + charged.price.service_fee.amount());
            prop_assert_eq!((proof.fare_rwf, proof.total_rwf), (computed.fare.amount(), computed.total.amount()));
            prop_assert!(computed.fare >= ride.price.quoted);
            // Approved after the ride was sold: neither its charge nor its proof change.
            let later = Tariff { name: "later".into(), valid_from: tariff.valid_from + chrono::Days::new(1), ..later };
            let prices = built_in.with(vec![(tariff, false), (later, false)], vec![]).expect("agree");
            prop_assert_eq!(complete(ride, &prices, percent), (charged, stored));
        }
    }
}
