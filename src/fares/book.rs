//! The tariffs of a service, one after the other, and which of them holds when.
//!
//! Separate from the arithmetic so that a new tariff is a new row of data. A tariff holds from the first instant of its
//! day in Kigali until the next one's; no tariff is ever edited, so an old ride is priced as it was.

use std::borrow::Cow;

use chrono::NaiveDate;

use super::Tariff;
use crate::money::{BasisPoints, Francs};
use crate::time::{Span, Timestamp};

/// Tariffs in order of the day on which they begin; at least one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TariffBook(Vec<Tariff>);

impl TariffBook {
    /// A book of these tariffs, given in any order.
    pub fn new(mut tariffs: Vec<Tariff>) -> Result<Self, TariffBookError> {
        tariffs.sort_by_key(|tariff| tariff.valid_from);
        if tariffs.is_empty() {
            return Err(TariffBookError::Empty);
        }
        for tariff in &tariffs {
            if tariff.far_from_m < tariff.base_distance_m {
                return Err(TariffBookError::FarBeforeBase(tariff.name.clone()));
            }
            let prices = [tariff.base, tariff.per_km, tariff.per_km_far, tariff.per_minute, tariff.waiting_per_minute];
            if prices.iter().any(|price| *price < Francs::ZERO) {
                return Err(TariffBookError::NegativePrice(tariff.name.clone()));
            }
        }
        for pair in tariffs.windows(2) {
            if pair[0].valid_from == pair[1].valid_from {
                return Err(TariffBookError::SameDay(pair[0].valid_from));
            }
        }
        Ok(Self(tariffs))
    }

    /// The tariff that holds at an instant; none before the first begins.
    pub fn at(&self, instant: Timestamp) -> Option<&Tariff> {
        let today = instant.kigali_day();
        let begun = self.0.partition_point(|tariff| tariff.valid_from <= today);
        begun.checked_sub(1).and_then(|newest| self.0.get(newest))
    }

    /// All tariffs, oldest first.
    pub fn tariffs(&self) -> &[Tariff] {
        &self.0
    }

    /// The moto-taxi tariffs that RURA, the regulator, published for Kigali. No later one than August 2022 is known.
    pub fn rwanda_moto() -> Self {
        let published = |date: (i32, u32, u32), base, per_km, per_km_far, service_fee, source| {
            let valid_from = NaiveDate::from_ymd_opt(date.0, date.1, date.2).expect("the dates below exist");
            Tariff {
                name: Cow::Owned(format!("RURA {valid_from}")),
                valid_from,
                source: Cow::Borrowed(source),
                base: Francs(base),
                base_distance_m: 2_000,
                per_km: Francs(per_km),
                per_km_far: Francs(per_km_far),
                far_from_m: 40_000,
                per_minute: Francs::ZERO,
                waiting_free: Span::from_minutes(10),
                waiting_per_minute: Francs(21),
                night: None,
                surge_max: BasisPoints::WHOLE,
                supplement_max: BasisPoints(0),
                service_fee: BasisPoints(service_fee),
            }
        };
        // No far price was stated in 2020: the near one goes on.
        let tariffs = vec![
            published(
                (2020, 8, 15),
                300,
                133,
                133,
                1_000,
                "RURA tariff of 15 August 2020, reported by RNA News and Igicumbi News",
            ),
            published(
                (2022, 1, 7),
                300,
                107,
                181,
                980,
                "RURA tariff of 7 January 2022, reported by Umuryango and AllAfrica",
            ),
            published(
                (2022, 8, 22),
                400,
                117,
                205,
                900,
                "RURA tariff of 22 August 2022, reported by Kigali Today and Umuseke",
            ),
        ];
        Self::new(tariffs).expect("the tariffs above are on different days")
    }
}

/// Tariffs that make no book.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TariffBookError {
    /// There is none.
    #[error("a tariff book needs at least one tariff")]
    Empty,
    /// Nobody could say which of the two holds.
    #[error("two tariffs begin on {0}")]
    SameDay(NaiveDate),
    /// Some metres would be charged twice.
    #[error("the far distance of tariff {0} begins before its base distance ends")]
    FarBeforeBase(Cow<'static, str>),
    /// A longer ride would cost less.
    #[error("tariff {0} has a negative price")]
    NegativePrice(Cow<'static, str>),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        serde_json::from_value(text.into()).expect("RFC 3339")
    }

    #[test]
    fn a_tariff_holds_from_midnight_in_kigali() {
        let book = TariffBook::rwanda_moto();
        for (instant, name) in [
            ("2020-08-14T21:59:59.999Z", None),
            ("2020-08-14T22:00:00Z", Some("RURA 2020-08-15")),
            ("2022-01-06T21:59:59Z", Some("RURA 2020-08-15")),
            ("2022-01-06T22:00:00Z", Some("RURA 2022-01-07")),
            ("2022-08-21T21:59:59.999Z", Some("RURA 2022-01-07")),
            ("2022-08-21T22:00:00Z", Some("RURA 2022-08-22")),
            ("2026-11-23T08:00:00Z", Some("RURA 2022-08-22")),
        ] {
            assert_eq!(book.at(at(instant)).map(|tariff| tariff.name.as_ref()), name, "{instant}");
        }
    }

    #[test]
    fn a_book_is_in_order_of_days_whatever_the_order_given() {
        let book = TariffBook::rwanda_moto();
        let mut backwards = book.tariffs().to_vec();
        backwards.reverse();
        assert_eq!(TariffBook::new(backwards), Ok(book));
    }

    #[test]
    fn tariffs_that_contradict_each_other_are_refused() {
        let tariff = TariffBook::rwanda_moto().tariffs()[0].clone();
        assert_eq!(TariffBook::new(vec![]), Err(TariffBookError::Empty));
        let twice = TariffBook::new(vec![tariff.clone(), tariff.clone()]);
        assert_eq!(twice, Err(TariffBookError::SameDay(tariff.valid_from)));
        let negative = Tariff { per_km: Francs(-1), ..tariff.clone() };
        assert!(matches!(TariffBook::new(vec![negative]), Err(TariffBookError::NegativePrice(_))));
        let overlap = Tariff { far_from_m: 1_999, ..tariff };
        assert!(matches!(TariffBook::new(vec![overlap]), Err(TariffBookError::FarBeforeBase(_))));
    }
}
