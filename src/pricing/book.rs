//! All prices that are in force some time, in memory: what was built in, and what was approved on top of it.
//!
//! Separate from the service, which reads them from the database, so that whoever prices a ride needs no database.
//! Invariant: a name once in the book is never another tariff's; what was withdrawn after its approval can still be found
//! by name, because a ride may have been sold by it.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::terms::{Terms, TermsNumbers};
use crate::fares::{Tariff, TariffBook, TariffBookError};
use crate::money::BasisPoints;
use crate::time::Timestamp;

/// What the terms of the configuration are called.
const BUILT_IN: &str = "built in";

/// Tariffs and terms by date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceBook {
    tariffs: TariffBook,
    /// Approved once, and withdrawn before they held.
    retired: Vec<Tariff>,
    /// What holds where nothing else does.
    floor: Terms,
    /// By kind of ride and day.
    terms: Vec<Terms>,
    retired_terms: Vec<Terms>,
}

impl PriceBook {
    /// The regulator's published tariffs, and a commission.
    pub fn built_in(commission: BasisPoints) -> Self {
        Self {
            tariffs: TariffBook::rwanda_moto(),
            retired: Vec::new(),
            floor: Terms {
                name: BUILT_IN.to_owned(),
                ride_type: None,
                valid_from: None,
                source: "payments.commission_basis_points".to_owned(),
                numbers: TermsNumbers::of_commission(commission),
            },
            terms: Vec::new(),
            retired_terms: Vec::new(),
        }
    }

    /// With what was approved, too. Each comes with whether it was withdrawn since.
    ///
    /// # Errors
    /// Tariffs that make no book with those that are built in.
    pub fn with(&self, tariffs: Vec<(Tariff, bool)>, terms: Vec<(Terms, bool)>) -> Result<Self, TariffBookError> {
        let (retired, held): (Vec<_>, Vec<_>) = tariffs.into_iter().partition(|(_, is_withdrawn)| *is_withdrawn);
        let all = self.tariffs.tariffs().iter().cloned().chain(held.into_iter().map(|(tariff, _)| tariff));
        let (retired_terms, terms): (Vec<_>, Vec<_>) = terms.into_iter().partition(|(_, is_withdrawn)| *is_withdrawn);
        let mut terms: Vec<Terms> = terms.into_iter().map(|(terms, _)| terms).collect();
        terms.sort_by_key(|terms| terms.valid_from);
        Ok(Self {
            tariffs: TariffBook::new(all.collect())?,
            retired: retired.into_iter().map(|(tariff, _)| tariff).collect(),
            floor: self.floor.clone(),
            terms,
            retired_terms: retired_terms.into_iter().map(|(terms, _)| terms).collect(),
        })
    }

    /// Every tariff that holds some time.
    pub const fn tariffs(&self) -> &TariffBook {
        &self.tariffs
    }

    /// The tariff of a name, for a ride that was sold by it.
    pub fn tariff_named(&self, name: &str) -> Option<&Tariff> {
        self.tariffs.tariffs().iter().chain(&self.retired).find(|tariff| tariff.name == name)
    }

    /// The terms that hold at an instant for a kind of ride.
    pub fn terms_at(&self, ride_type: &str, at: Timestamp) -> &Terms {
        let today = at.kigali_day();
        let holds = |terms: &&Terms| {
            terms.ride_type.as_deref() == Some(ride_type) && terms.valid_from.is_none_or(|day| day <= today)
        };
        self.terms.iter().rev().find(holds).unwrap_or(&self.floor)
    }

    /// The next terms of a kind of ride after an instant.
    pub fn terms_after(&self, ride_type: &str, at: Timestamp) -> Option<&Terms> {
        let today = at.kigali_day();
        let is_to_come = |terms: &&Terms| {
            terms.ride_type.as_deref() == Some(ride_type) && terms.valid_from.is_some_and(|day| day > today)
        };
        self.terms.iter().find(is_to_come)
    }

    /// The terms by which a ride was sold.
    pub fn terms_named(&self, name: &str) -> Option<&Terms> {
        std::iter::once(&self.floor).chain(&self.terms).chain(&self.retired_terms).find(|terms| terms.name == name)
    }
}

/// The book of now. Clones share it: whoever holds one sees a new book as soon as it is there.
#[derive(Clone, Debug)]
pub struct CurrentPrices(Arc<ArcSwap<PriceBook>>);

impl CurrentPrices {
    /// Beginning with this book.
    pub fn new(book: PriceBook) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(book)))
    }

    /// The book of now, to be used for one thing.
    pub fn load(&self) -> Arc<PriceBook> {
        self.0.load_full()
    }

    /// Another book from now on.
    pub(super) fn put(&self, book: PriceBook) {
        self.0.store(Arc::new(book));
    }
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;

    use super::*;
    use crate::money::Francs;

    fn day(day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2027, 3, day).expect("a day")
    }

    fn at(number: u32) -> Timestamp {
        Timestamp::start_of_kigali_day(day(number))
    }

    fn tariff(name: &'static str, from: u32) -> Tariff {
        let book = TariffBook::rwanda_moto();
        let last = book.tariffs().last().expect("there are some").clone();
        Tariff { name: name.into(), valid_from: day(from), base: Francs(450), ..last }
    }

    fn terms(name: &str, ride_type: &str, from: u32, commission: u32) -> Terms {
        Terms {
            name: name.to_owned(),
            ride_type: Some(ride_type.to_owned()),
            valid_from: Some(day(from)),
            source: "board".to_owned(),
            numbers: TermsNumbers::of_commission(BasisPoints(commission)),
        }
    }

    #[test]
    fn approved_versions_lie_on_top_of_what_is_built_in() {
        let built_in = PriceBook::built_in(BasisPoints(900));
        let tariffs = vec![(tariff("new", 10), false), (tariff("never", 12), true)];
        let book = built_in
            .with(
                tariffs,
                vec![
                    (terms("b", "boda", 20, 800), false),
                    (terms("a", "boda", 10, 850), false),
                    (terms("c", "delivery", 5, 1_500), true),
                ],
            )
            .expect("agree");
        let named = |at| book.tariffs().at(at).map(|tariff| tariff.name.to_string());
        assert_eq!(named(at(9)).as_deref(), Some("RURA 2022-08-22"));
        assert_eq!((named(at(10)).as_deref(), named(at(13)).as_deref()), (Some("new"), Some("new")));
        assert_eq!(book.tariff_named("never").map(|tariff| tariff.base), Some(Francs(450)));
        assert!(book.tariff_named("unknown").is_none());
        let commission = |ride_type, day| book.terms_at(ride_type, at(day)).numbers.commission_basis_points;
        assert_eq!([commission("boda", 9), commission("boda", 10), commission("boda", 25)], [900, 850, 800]);
        assert_eq!(commission("delivery", 25), 900);
        assert_eq!(book.terms_after("boda", at(12)).map(|terms| terms.name.as_str()), Some("b"));
        assert!(book.terms_named("c").is_some() && book.terms_named(BUILT_IN).is_some());
        assert!(built_in.with(vec![(tariff("x", 10), false), (tariff("y", 10), false)], vec![]).is_err());
    }
}
