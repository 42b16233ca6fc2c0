//! One tariff, and the arithmetic of a fare.
//!
//! Separate from the [book](super::TariffBook), which only chooses. The fare is
//! `(base + near·m + far·m + riding·t + waiting·t) × night × express × surge`, summed as exact fractions of a franc and
//! rounded half up once, at the end. Distance and time are charged pro rata, not per started unit.
//!
//! Invariant: the parts of a [`Fare`] add up to its total. Each part is the step between two rounded running totals, so
//! it is within a franc of its exact value and no receipt is ever off by one.

use std::borrow::Cow;

use chrono::NaiveDate;

use crate::money::{BasisPoints, Francs, divide_half_up};
use crate::time::{Span, Timestamp};

const MS_PER_HOUR: i64 = 3_600_000;
const METRES_PER_KM: i128 = 1_000;
const MS_PER_MINUTE: i128 = 60_000;
/// Every price below is a whole number of these fractions of a franc: the least common multiple of metres in a
/// kilometre and milliseconds in a minute.
const FRACTIONS: i128 = MS_PER_MINUTE;

/// What a regulator fixed, from a day on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tariff {
    /// What receipts call it.
    pub name: Cow<'static, str>,
    /// The first calendar day in Kigali on which it holds.
    pub valid_from: NaiveDate,
    /// Where it was published.
    pub source: Cow<'static, str>,
    /// The price of any ride, however short.
    pub base: Francs,
    /// The distance that the base price covers.
    pub base_distance_m: u32,
    /// For each km after [`base_distance_m`](Self::base_distance_m), up to [`far_from_m`](Self::far_from_m).
    pub per_km: Francs,
    /// For each km after [`far_from_m`](Self::far_from_m).
    pub per_km_far: Francs,
    /// Where the far price begins. Never before the end of the base distance.
    pub far_from_m: u32,
    /// For each minute of riding.
    pub per_minute: Francs,
    /// Waiting that costs nothing.
    pub waiting_free: Span,
    /// For each minute of waiting after that.
    pub waiting_per_minute: Francs,
    /// What a ride that begins at night costs more.
    pub night: Option<NightCharge>,
    /// The largest surge factor allowed; [`BasisPoints::WHOLE`] where the regulator allows none.
    pub surge_max: BasisPoints,
    /// The largest supplement that express may cost who rides; none where the regulator knows no such thing.
    pub supplement_max: BasisPoints,
    /// The share of the fare that the regulator lets a platform keep.
    pub service_fee: BasisPoints,
}

/// A surcharge between two hours of the day in Kigali; the span may pass midnight.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NightCharge {
    /// The first hour of the night, 0 to 23.
    pub from_hour: u8,
    /// The first hour of the day, 0 to 23.
    pub until_hour: u8,
    /// What is added to the fare.
    pub surcharge: BasisPoints,
}

/// What a ride used, by the meter or by estimate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Metered {
    /// When the ride begins.
    pub begins_at: Timestamp,
    /// Length by road, in metres.
    pub distance_m: u32,
    /// Time under way.
    pub riding: Span,
    /// Time stood still for the rider.
    pub waiting: Span,
}

/// The price of a ride and what it is made of. The parts add up to the total.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fare {
    /// The base price.
    pub base: Francs,
    /// For distance beyond the base distance.
    pub distance: Francs,
    /// For riding time.
    pub time: Francs,
    /// For waiting.
    pub waiting: Francs,
    /// For the hour of the day.
    pub night: Francs,
    /// For being served first.
    pub express: Francs,
    /// For demand.
    pub surge: Francs,
    /// The surge factor used, after the tariff's cap. Never below one.
    pub surge_basis_points: BasisPoints,
    /// What the rider pays.
    pub total: Francs,
}

/// What a fare is multiplied by besides the hour of the day.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Factors {
    /// The surge factor; one outside `1.0..=surge_max` is brought inside.
    pub surge: BasisPoints,
    /// What is added for express, as a share of the fare. Not bounded here: the tariff's bound is for who rides, and
    /// [`Tariff::supplement`] applies it.
    pub supplement: BasisPoints,
}

impl Tariff {
    /// The price of a ride without a supplement. A surge factor outside `1.0..=surge_max` is brought inside.
    pub fn quote(&self, ride: &Metered, surge: BasisPoints) -> Fare {
        self.price(ride, Factors { surge, supplement: BasisPoints(0) })
    }

    /// What express may cost somebody who rides, of what the operator would like.
    pub fn supplement(&self, wished: BasisPoints) -> BasisPoints {
        wished.min(self.supplement_max)
    }

    /// The price of a ride.
    pub fn price(&self, ride: &Metered, factors: Factors) -> Fare {
        let surge = factors.surge.min(self.surge_max).max(BasisPoints::WHOLE);
        let night = self.night.filter(|night| night.covers(ride.begins_at)).map_or(0, |night| night.surcharge.0);

        let near_m = ride.distance_m.min(self.far_from_m).saturating_sub(self.base_distance_m);
        let far_m = ride.distance_m.saturating_sub(self.far_from_m.max(self.base_distance_m));
        let waiting_ms = ride.waiting.as_millis().saturating_sub(self.waiting_free.as_millis()).max(0);

        let mut running = Running { exact: i128::from(self.base.0) * FRACTIONS, factors: 1, rounded: self.base };
        let base = self.base;
        let distance = running.add(
            priced(self.per_km, near_m.into(), METRES_PER_KM) + priced(self.per_km_far, far_m.into(), METRES_PER_KM),
        );
        let time = running.add(priced(self.per_minute, ride.riding.as_millis(), MS_PER_MINUTE));
        let waiting = running.add(priced(self.waiting_per_minute, waiting_ms, MS_PER_MINUTE));
        let night = running.multiply(BasisPoints::WHOLE.0.saturating_add(night));
        let express = running.multiply(BasisPoints::WHOLE.0.saturating_add(factors.supplement.0));
        let surge_part = running.multiply(surge.0);
        Fare {
            base,
            distance,
            time,
            waiting,
            night,
            express,
            surge: surge_part,
            surge_basis_points: surge,
            total: running.rounded,
        }
    }
}

/// The exact price of so many metres or milliseconds, in [`FRACTIONS`] of a franc.
fn priced(price: Francs, units: i64, units_per_price: i128) -> i128 {
    (i128::from(price.0) * i128::from(units)).saturating_mul(FRACTIONS / units_per_price)
}

/// A sum on its way to the total: exact, and rounded to the franc after each step. It saturates, at sums that no money
/// can pay.
struct Running {
    /// The sum so far is `exact / (FRACTIONS × factors)` francs.
    exact: i128,
    factors: i128,
    rounded: Francs,
}

impl Running {
    fn add(&mut self, fractions: i128) -> Francs {
        self.exact = self.exact.saturating_add(fractions.saturating_mul(self.factors));
        self.step()
    }

    fn multiply(&mut self, basis_points: u32) -> Francs {
        self.exact = self.exact.saturating_mul(i128::from(basis_points));
        self.factors *= i128::from(BasisPoints::WHOLE.0);
        self.step()
    }

    /// By how many francs the rounded sum grew.
    fn step(&mut self) -> Francs {
        let before = self.rounded;
        self.rounded = Francs(divide_half_up(self.exact, FRACTIONS * self.factors));
        Francs(self.rounded.0.saturating_sub(before.0))
    }
}

impl NightCharge {
    fn covers(self, at: Timestamp) -> bool {
        let midnight = Timestamp::start_of_kigali_day(at.kigali_day());
        let hour = at.since(midnight).as_millis() / MS_PER_HOUR;
        let (from, until) = (i64::from(self.from_hour), i64::from(self.until_hour));
        if from <= until { (from..until).contains(&hour) } else { hour >= from || hour < until }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    use super::*;
    use crate::fares::TariffBook;

    fn day(year: i32, month: u32, day: u32) -> Timestamp {
        Timestamp::start_of_kigali_day(NaiveDate::from_ymd_opt(year, month, day).expect("a date"))
    }

    fn moto(from: Timestamp) -> Tariff {
        TariffBook::rwanda_moto().at(from).expect("a tariff").clone()
    }

    fn ride(distance_m: u32, waiting_minutes: i64) -> Metered {
        Metered {
            begins_at: day(2026, 3, 14),
            distance_m,
            riding: Span::from_secs(i64::from(distance_m) / 6),
            waiting: Span::from_minutes(waiting_minutes),
        }
    }

    #[track_caller]
    fn check(tariff: &Tariff, rows: &[(u32, i64, i64)]) {
        for &(distance_m, waiting_minutes, total) in rows {
            let fare = tariff.quote(&ride(distance_m, waiting_minutes), BasisPoints::WHOLE);
            assert_eq!(fare.total, Francs(total), "{}: {distance_m} m, {waiting_minutes} min", tariff.name);
        }
    }

    #[test]
    fn the_tariff_of_august_2022_gives_the_published_fares() {
        let rows = [
            (0, 0, 400),
            (1_200, 0, 400),
            (2_000, 0, 400),
            (5_000, 0, 751),
            (8_000, 14, 1_186),
            (40_000, 0, 4_846),
            (45_000, 0, 5_871),
        ];
        check(&moto(day(2022, 8, 22)), &rows);
    }

    #[test]
    fn earlier_tariffs_give_the_fares_of_their_day() {
        // 10.87 km for 1 480 francs is a ride that a newspaper took with the first meters.
        check(&moto(day(2020, 8, 15)), &[(2_000, 0, 300), (10_870, 0, 1_480), (45_000, 0, 6_019), (1_000, 12, 342)]);
        check(&moto(day(2022, 1, 7)), &[(2_000, 0, 300), (5_000, 0, 621), (45_000, 0, 5_271), (1_000, 10, 300)]);
    }

    #[test]
    fn half_a_franc_rounds_up_and_only_the_total_is_rounded() {
        let tariff = Tariff { per_km: Francs(100), waiting_per_minute: Francs(1), ..moto(day(2022, 8, 22)) };
        check(&tariff, &[(2_004, 0, 400), (2_005, 0, 401), (2_004, 11, 401)]);
        // 0.4 and 0.1 francs make half a franc, which neither is alone.
        let waited = Metered { waiting: Span::from_millis(606_000), ..ride(2_004, 0) };
        assert_eq!(tariff.quote(&waited, BasisPoints::WHOLE).total, Francs(401));
    }

    #[test]
    fn a_regulated_tariff_knows_no_surge() {
        let tariff = moto(day(2022, 8, 22));
        let fare = tariff.quote(&ride(5_000, 0), BasisPoints(25_000));
        assert_eq!((fare.total, fare.surge, fare.surge_basis_points), (Francs(751), Francs::ZERO, BasisPoints::WHOLE));
        let discounted = tariff.quote(&ride(5_000, 0), BasisPoints(5_000));
        assert_eq!((discounted.total, discounted.surge_basis_points), (Francs(751), BasisPoints::WHOLE));
    }

    #[test]
    fn surge_stops_at_the_cap_of_the_tariff() {
        let tariff = Tariff { surge_max: BasisPoints(15_000), ..moto(day(2022, 8, 22)) };
        for (asked, used, total, surge) in [(12_000, 12_000, 901, 150), (99_000, 15_000, 1_127, 376)] {
            let fare = tariff.quote(&ride(5_000, 0), BasisPoints(asked));
            assert_eq!(fare.surge_basis_points, BasisPoints(used));
            assert_eq!((fare.total, fare.surge), (Francs(total), Francs(surge)));
        }
    }

    #[test]
    fn express_is_a_share_of_the_fare_and_a_regulated_tariff_knows_none_for_people() {
        let tariff = moto(day(2022, 8, 22));
        assert_eq!(tariff.supplement(BasisPoints(2_500)), BasisPoints(0));
        let deregulated = Tariff { supplement_max: BasisPoints(1_000), ..tariff.clone() };
        assert_eq!(deregulated.supplement(BasisPoints(2_500)), BasisPoints(1_000));
        for (supplement, express, total) in [(0, 0, 751), (1_000, 75, 826), (2_500, 188, 939)] {
            let factors = Factors { surge: BasisPoints::WHOLE, supplement: BasisPoints(supplement) };
            let fare = tariff.price(&ride(5_000, 0), factors);
            assert_eq!((fare.express, fare.total), (Francs(express), Francs(total)), "{supplement}");
        }
    }

    #[test]
    fn a_night_charge_holds_across_midnight_by_the_hour_the_ride_begins() {
        let night = NightCharge { from_hour: 22, until_hour: 5, surcharge: BasisPoints(2_000) };
        let tariff = Tariff { night: Some(night), per_minute: Francs(10), ..moto(day(2022, 8, 22)) };
        let midnight = day(2026, 3, 14);
        for (minute, charge) in [(0, 82), (299, 82), (300, 0), (1_319, 0), (1_320, 82)] {
            let at = midnight + Span::from_minutes(minute);
            let ridden = Metered { begins_at: at, riding: Span::from_minutes(1), ..ride(1_000, 0) };
            let fare = tariff.quote(&ridden, BasisPoints::WHOLE);
            assert_eq!((fare.time, fare.night), (Francs(10), Francs(charge)), "minute {minute}");
        }
    }

    proptest! {
        #[test]
        fn the_parts_of_a_fare_add_up_and_more_never_costs_less(
            distance_m in 0_u32..200_000, more_m in 0_u32..10_000, waiting_ms in 0_i64..10_000_000, riding_ms in 0_i64..10_000_000,
            surge in 0_u32..60_000, supplement in 0_u32..20_000, hour in 0_i64..24,
        ) {
            let night = NightCharge { from_hour: 21, until_hour: 6, surcharge: BasisPoints(1_234) };
            let tariff = Tariff { surge_max: BasisPoints(30_000), per_minute: Francs(7), night: Some(night), ..moto(day(2022, 8, 22)) };
            let used = Metered {
                begins_at: day(2026, 3, 14) + Span::from_secs(hour * 3_600),
                distance_m,
                riding: Span::from_millis(riding_ms),
                waiting: Span::from_millis(waiting_ms),
            };
            let factors = Factors { surge: BasisPoints(surge), supplement: BasisPoints(supplement) };
            let fare = tariff.price(&used, factors);
            let parts = [fare.base, fare.distance, fare.time, fare.waiting, fare.night, fare.express, fare.surge];
            prop_assert_eq!(Francs::checked_sum(parts), Some(fare.total));
            prop_assert!(parts.iter().all(|part| *part >= Francs::ZERO));
            let longer = tariff.price(&Metered { distance_m: distance_m + more_m, ..used }, factors);
            prop_assert!(longer.total >= fare.total);
        }

        #[test]
        fn no_ride_whatever_makes_the_arithmetic_panic(distance_m in any::<u32>(), ms in any::<i64>(), surge in any::<u32>(), at in any::<i64>()) {
            let tariff = Tariff { surge_max: BasisPoints(u32::MAX), per_minute: Francs(i64::from(u32::MAX)), ..moto(day(2022, 8, 22)) };
            let used = Metered {
                begins_at: Timestamp::from_millis(at),
                distance_m,
                riding: Span::from_millis(ms),
                waiting: Span::from_millis(ms),
            };
            prop_assert!(tariff.quote(&used, BasisPoints(surge)).total >= tariff.base);
        }
    }
}
