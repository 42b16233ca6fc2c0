//! The numbers of a tariff as they are written: in requests, in the database, in the proof of a fare.
//!
//! Separate from [`Tariff`], which computes and knows no JSON. Invariant: written and read back, a tariff is the same.

use std::borrow::Cow;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::Checks;
use crate::fares::{NightCharge, Tariff};
use crate::money::{BasisPoints, Francs};
use crate::time::Span;

/// No price of a ride, a kilometre or a minute is more, in francs.
const PRICE_MAX: i64 = 1_000_000;
/// No distance of a tariff is more, in metres.
const DISTANCE_M_MAX: u32 = 1_000_000;
/// No factor is more than tenfold.
const FACTOR_MAX: u32 = 100_000;
const WAITING_FREE_S_MAX: u32 = 86_400;

/// The numbers of a tariff.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TariffPrices {
    /// The price of any ride, however short.
    #[schema(example = 400)]
    pub base_rwf: i64,
    /// The distance that the base price covers.
    #[schema(example = 2000)]
    pub base_distance_m: u32,
    /// For each km after that, up to `far_from_m`.
    #[schema(example = 117)]
    pub per_km_rwf: i64,
    /// For each km after `far_from_m`.
    #[schema(example = 205)]
    pub per_km_far_rwf: i64,
    /// Where the far price begins.
    #[schema(example = 40000)]
    pub far_from_m: u32,
    /// For each minute of riding.
    #[serde(default)]
    pub per_minute_rwf: i64,
    /// Waiting that costs nothing, in seconds.
    #[schema(example = 600)]
    pub waiting_free_s: u32,
    /// For each minute of waiting after that.
    #[schema(example = 21)]
    pub waiting_per_minute_rwf: i64,
    /// What a ride that begins at night costs more; nothing when left out.
    #[serde(default)]
    pub night: Option<NightPrices>,
    /// The largest surge factor; 10,000, the default, is none.
    #[serde(default = "whole")]
    pub surge_max_basis_points: u32,
    /// The largest supplement for express; none when left out.
    #[serde(default)]
    pub supplement_max_basis_points: u32,
    /// The share of the fare that the regulator lets a platform keep.
    #[schema(example = 900)]
    pub service_fee_basis_points: u32,
}

/// A surcharge between two hours of the day in Kigali.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NightPrices {
    /// The first hour of the night, 0 to 23.
    pub from_hour: u8,
    /// The first hour of the day, 0 to 23.
    pub until_hour: u8,
    /// What is added to the fare.
    pub surcharge_basis_points: u32,
}

const fn whole() -> u32 {
    BasisPoints::WHOLE.0
}

impl TariffPrices {
    /// Notes every number that makes no tariff.
    pub fn check(&self, checks: &mut Checks) {
        for (field, price) in [
            ("base_rwf", self.base_rwf),
            ("per_km_rwf", self.per_km_rwf),
            ("per_km_far_rwf", self.per_km_far_rwf),
            ("per_minute_rwf", self.per_minute_rwf),
            ("waiting_per_minute_rwf", self.waiting_per_minute_rwf),
        ] {
            let reason = format_args!("is not 0 to {PRICE_MAX} francs");
            checks.require((0..=PRICE_MAX).contains(&price), field, price, reason);
        }
        let reason = format_args!("is more than {DISTANCE_M_MAX} m");
        checks.require(self.base_distance_m <= DISTANCE_M_MAX, "base_distance_m", self.base_distance_m, reason);
        let is_after = (self.base_distance_m..=DISTANCE_M_MAX).contains(&self.far_from_m);
        let reason = format_args!("is not base_distance_m to {DISTANCE_M_MAX} m");
        checks.require(is_after, "far_from_m", self.far_from_m, reason);
        let reason = format_args!("is more than {WAITING_FREE_S_MAX} s");
        checks.require(self.waiting_free_s <= WAITING_FREE_S_MAX, "waiting_free_s", self.waiting_free_s, reason);
        let reason = format_args!("is not {} to {FACTOR_MAX}", whole());
        let surge = self.surge_max_basis_points;
        checks.require((whole()..=FACTOR_MAX).contains(&surge), "surge_max_basis_points", surge, reason);
        for (field, share, most) in [
            ("supplement_max_basis_points", self.supplement_max_basis_points, FACTOR_MAX),
            ("service_fee_basis_points", self.service_fee_basis_points, whole()),
            ("night.surcharge_basis_points", self.night.map_or(0, |night| night.surcharge_basis_points), FACTOR_MAX),
        ] {
            checks.require(share <= most, field, share, format_args!("is more than {most}"));
        }
        if let Some(night) = self.night {
            for (field, hour) in [("night.from_hour", night.from_hour), ("night.until_hour", night.until_hour)] {
                checks.require(hour <= 23, field, hour, "is not an hour, 0 to 23");
            }
        }
    }

    /// The tariff of these numbers.
    pub fn tariff(&self, name: &str, valid_from: NaiveDate, source: &str) -> Tariff {
        Tariff {
            name: Cow::Owned(name.to_owned()),
            valid_from,
            source: Cow::Owned(source.to_owned()),
            base: Francs(self.base_rwf),
            base_distance_m: self.base_distance_m,
            per_km: Francs(self.per_km_rwf),
            per_km_far: Francs(self.per_km_far_rwf),
            far_from_m: self.far_from_m,
            per_minute: Francs(self.per_minute_rwf),
            waiting_free: Span::from_secs(i64::from(self.waiting_free_s)),
            waiting_per_minute: Francs(self.waiting_per_minute_rwf),
            night: self.night.map(|night| NightCharge {
                from_hour: night.from_hour,
                until_hour: night.until_hour,
                surcharge: BasisPoints(night.surcharge_basis_points),
            }),
            surge_max: BasisPoints(self.surge_max_basis_points),
            supplement_max: BasisPoints(self.supplement_max_basis_points),
            service_fee: BasisPoints(self.service_fee_basis_points),
        }
    }
}

impl From<&Tariff> for TariffPrices {
    fn from(tariff: &Tariff) -> Self {
        Self {
            base_rwf: tariff.base.amount(),
            base_distance_m: tariff.base_distance_m,
            per_km_rwf: tariff.per_km.amount(),
            per_km_far_rwf: tariff.per_km_far.amount(),
            far_from_m: tariff.far_from_m,
            per_minute_rwf: tariff.per_minute.amount(),
            waiting_free_s: u32::try_from(tariff.waiting_free.as_secs()).unwrap_or(u32::MAX),
            waiting_per_minute_rwf: tariff.waiting_per_minute.amount(),
            night: tariff.night.map(|night| NightPrices {
                from_hour: night.from_hour,
                until_hour: night.until_hour,
                surcharge_basis_points: night.surcharge.0,
            }),
            surge_max_basis_points: tariff.surge_max.0,
            supplement_max_basis_points: tariff.supplement_max.0,
            service_fee_basis_points: tariff.service_fee.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fares::TariffBook;

    #[test]
    fn a_tariff_is_the_same_after_it_was_written_and_read() {
        for tariff in TariffBook::rwanda_moto().tariffs() {
            let night = Some(NightCharge { from_hour: 22, until_hour: 5, surcharge: BasisPoints(2_000) });
            for tariff in [tariff.clone(), Tariff { night, ..tariff.clone() }] {
                let text = serde_json::to_string(&TariffPrices::from(&tariff)).expect("JSON");
                let read: TariffPrices = serde_json::from_str(&text).expect("JSON");
                assert_eq!(read.tariff(&tariff.name, tariff.valid_from, &tariff.source), tariff);
                let mut checks = Checks::new();
                read.check(&mut checks);
                assert!(checks.finish().is_ok());
            }
        }
    }

    #[test]
    fn every_wrong_number_is_named() {
        let book = TariffBook::rwanda_moto();
        let good = TariffPrices::from(&book.tariffs()[0]);
        let night = Some(NightPrices { from_hour: 24, until_hour: 5, surcharge_basis_points: 100_001 });
        let bad = TariffPrices {
            base_rwf: -1,
            per_km_rwf: 1_000_001,
            far_from_m: 1_999,
            waiting_free_s: 86_401,
            surge_max_basis_points: 9_999,
            service_fee_basis_points: 10_001,
            night,
            ..good
        };
        let mut checks = Checks::new();
        bad.check(&mut checks);
        let refused = checks.finish().expect_err("refused");
        let fields: Vec<_> = refused.faults().iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(
            fields,
            [
                "base_rwf",
                "per_km_rwf",
                "far_from_m",
                "waiting_free_s",
                "surge_max_basis_points",
                "service_fee_basis_points",
                "night.surcharge_basis_points",
                "night.from_hour"
            ]
        );
    }
}
