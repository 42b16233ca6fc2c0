//! What calling a ride off costs, by the rules of its day: a dated table and one pure function.
//!
//! Separate from the tariffs because no regulator fixed it: RURA publishes prices of rides that take place and none for
//! rides that do not. So the amounts are the platform's own, modest, shown before booking, and never more than the least
//! fare of a ride. A ride is judged by the rules that held when it was booked. Every excuse follows from facts (the clock,
//! the promised arrival, what the driver's positions showed) and not from what somebody says, with one exception: who says
//! that they do not feel safe pays nothing, whatever the facts.
//!
//! Invariants: a fee is never negative and never more than the quote; a driver gets no more than the rider owes; whoever
//! calls off before a driver was found owes nothing.

use std::borrow::Cow;

use chrono::NaiveDate;

use crate::money::{BasisPoints, Francs};
use crate::time::{Span, Timestamp};

/// The rules of a time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CancellationRules {
    /// What receipts call them.
    pub name: Cow<'static, str>,
    /// The first calendar day in Kigali on which they hold.
    pub valid_from: NaiveDate,
    /// Where they come from.
    pub source: Cow<'static, str>,
    /// After a driver was assigned, calling off costs nothing for so long.
    pub free_after_assigned: Span,
    /// What the rider owes after that, with the driver on the way or waiting.
    pub on_the_way: Francs,
    /// How long the driver waits at the pickup before the rider counts as not there.
    pub wait_at_pickup: Span,
    /// What the rider owes after that wait.
    pub no_show: Francs,
    /// A driver who is later than promised by more than this was not worth waiting for: the rider owes nothing.
    pub late_excused_after: Span,
    /// What the driver gets of a fee.
    pub to_driver: BasisPoints,
}

/// The rules of all times, in order of the day on which they begin.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CancellationBook(Vec<CancellationRules>);

/// Rules that make no book.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CancellationBookError {
    /// Nobody could say which of the two holds.
    #[error("two tables of cancellation rules begin on {0}")]
    SameDay(NaiveDate),
    /// The rider would be paid for calling off.
    #[error("the cancellation rules {0} have a negative fee")]
    NegativeFee(Cow<'static, str>),
    /// Standing the driver up would cost less than telling them.
    #[error("the cancellation rules {0} ask less of who does not come than of who calls off")]
    NoShowCheaper(Cow<'static, str>),
    /// A driver would get more than the rider owes.
    #[error("the cancellation rules {0} give the driver more than the fee")]
    MoreThanTheFee(Cow<'static, str>),
}

/// Who calls off.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// Who rides.
    Rider,
    /// Who drives.
    Driver,
    /// The platform.
    Platform,
}

/// How far the ride has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// No driver so far.
    Searching,
    /// A driver has it.
    Assigned {
        /// Since when.
        assigned_at: Timestamp,
        /// When the driver was to be at the pickup, where that was said.
        promised_at: Option<Timestamp>,
        /// Since when the driver is there.
        arrived_at: Option<Timestamp>,
    },
    /// The rider is on the motorcycle.
    UnderWay,
}

/// What somebody says, as far as it matters here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ground {
    /// Nothing of importance.
    Any,
    /// The driver: the rider is not there.
    RiderNotThere,
    /// They do not feel safe.
    Unsafe,
}

/// A ride that is called off.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CalledOff {
    /// By whom.
    pub by: Side,
    /// Why.
    pub ground: Ground,
    /// When.
    pub at: Timestamp,
    /// How far it had come.
    pub progress: Progress,
    /// Whether the driver stood still, rode away or could not be seen on the way to the pickup.
    pub driver_strayed: bool,
    /// What the ride was to cost.
    pub quoted: Francs,
}

/// What a cancellation costs whom.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Charge {
    /// What the rider owes.
    pub fee: Francs,
    /// What the driver gets of it.
    pub compensation: Francs,
    /// Why.
    pub cause: Cause,
}

/// Why a cancellation costs what it costs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cause {
    /// Free: no driver was on the way.
    NoDriver,
    /// Free: soon enough after the assignment.
    InTime,
    /// Free: the driver is later than promised.
    DriverLate,
    /// Free: the driver did not come nearer.
    DriverStrayed,
    /// Free: somebody did not feel safe.
    Unsafe,
    /// Free for the rider: the driver's decision.
    ByDriver,
    /// Free: the platform's decision.
    ByPlatform,
    /// The driver was on the way, or waiting.
    DriverOnTheWay,
    /// The driver waited, and the rider was not there.
    NoShow,
}

impl Cause {
    /// Every cause.
    pub const ALL: [Self; 9] = [
        Self::NoDriver,
        Self::InTime,
        Self::DriverLate,
        Self::DriverStrayed,
        Self::Unsafe,
        Self::ByDriver,
        Self::ByPlatform,
        Self::DriverOnTheWay,
        Self::NoShow,
    ];

    /// The word on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoDriver => "no_driver",
            Self::InTime => "in_time",
            Self::DriverLate => "driver_late",
            Self::DriverStrayed => "driver_strayed",
            Self::Unsafe => "unsafe",
            Self::ByDriver => "by_driver",
            Self::ByPlatform => "by_platform",
            Self::DriverOnTheWay => "driver_on_the_way",
            Self::NoShow => "no_show",
        }
    }

    /// From the word on the wire and in the database.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.as_str() == word)
    }
}

impl Charge {
    const fn free(cause: Cause) -> Self {
        Self { fee: Francs::ZERO, compensation: Francs::ZERO, cause }
    }
}

impl CancellationRules {
    /// What calling off costs.
    pub fn charge(&self, ride: &CalledOff) -> Charge {
        let (assigned_at, promised_at, arrived_at) = match (ride.by, ride.progress) {
            (Side::Platform, _) | (_, Progress::UnderWay) => return Charge::free(Cause::ByPlatform),
            (_, Progress::Searching) => return Charge::free(Cause::NoDriver),
            (_, Progress::Assigned { assigned_at, promised_at, arrived_at }) => (assigned_at, promised_at, arrived_at),
        };
        if ride.ground == Ground::Unsafe {
            return Charge::free(Cause::Unsafe);
        }
        let waited = arrived_at.is_some_and(|arrived_at| ride.at.since(arrived_at) >= self.wait_at_pickup);
        if ride.by == Side::Driver && !(waited && ride.ground == Ground::RiderNotThere) {
            return Charge::free(Cause::ByDriver);
        }
        // Late is who arrived late, or is not there yet.
        let seen_at = arrived_at.unwrap_or(ride.at);
        if promised_at.is_some_and(|promised_at| seen_at > promised_at + self.late_excused_after) {
            return Charge::free(Cause::DriverLate);
        }
        if waited {
            return self.owed(self.no_show, Cause::NoShow, ride.quoted);
        }
        if ride.driver_strayed && arrived_at.is_none() {
            return Charge::free(Cause::DriverStrayed);
        }
        if ride.at.since(assigned_at) <= self.free_after_assigned {
            return Charge::free(Cause::InTime);
        }
        self.owed(self.on_the_way, Cause::DriverOnTheWay, ride.quoted)
    }

    fn owed(&self, fee: Francs, cause: Cause, quoted: Francs) -> Charge {
        let fee = fee.min(quoted).max(Francs::ZERO);
        Charge { fee, compensation: self.to_driver.of(fee).min(fee), cause }
    }
}

impl CancellationBook {
    /// A book of these rules, given in any order.
    ///
    /// # Errors
    /// When they contradict themselves or each other.
    pub fn new(mut rules: Vec<CancellationRules>) -> Result<Self, CancellationBookError> {
        rules.sort_by_key(|rules| rules.valid_from);
        for rules in &rules {
            if rules.on_the_way < Francs::ZERO {
                return Err(CancellationBookError::NegativeFee(rules.name.clone()));
            }
            if rules.no_show < rules.on_the_way {
                return Err(CancellationBookError::NoShowCheaper(rules.name.clone()));
            }
            if rules.to_driver > BasisPoints::WHOLE {
                return Err(CancellationBookError::MoreThanTheFee(rules.name.clone()));
            }
        }
        match rules.windows(2).find(|pair| pair[0].valid_from == pair[1].valid_from) {
            Some(pair) => Err(CancellationBookError::SameDay(pair[0].valid_from)),
            None => Ok(Self(rules)),
        }
    }

    /// The rules that hold for a ride booked at an instant; none before the first begin, and then nothing costs anything.
    pub fn at(&self, instant: Timestamp) -> Option<&CancellationRules> {
        let today = instant.kigali_day();
        let begun = self.0.partition_point(|rules| rules.valid_from <= today);
        begun.checked_sub(1).and_then(|newest| self.0.get(newest))
    }

    /// All rules, oldest first.
    pub fn rules(&self) -> &[CancellationRules] {
        &self.0
    }

    /// Ours. Half the least fare for a driver who set out (some 700 m in two minutes, and the way back to where riders
    /// are), the least fare for one who came and waited. All of it is the driver's: the share that RURA lets a platform keep
    /// is one of fares.
    pub fn rwanda_moto() -> Self {
        let rules = vec![CancellationRules {
            name: Cow::Borrowed("boda 2026-11-01"),
            valid_from: NaiveDate::from_ymd_opt(2026, 11, 1).expect("the date exists"),
            source: Cow::Borrowed("the platform's own; RURA's tariff of 22 August 2022 names no fee for cancellations"),
            free_after_assigned: Span::from_minutes(2),
            on_the_way: Francs(200),
            wait_at_pickup: Span::from_minutes(5),
            no_show: Francs(400),
            late_excused_after: Span::from_minutes(3),
            to_driver: BasisPoints::WHOLE,
        }];
        Self::new(rules).expect("the rules above agree")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: Timestamp = Timestamp::from_millis(1_796_000_000_000);

    fn at(minutes: i64) -> Timestamp {
        T0 + Span::from_minutes(minutes)
    }

    fn rules() -> CancellationRules {
        CancellationBook::rwanda_moto().at(T0).expect("in force").clone()
    }

    /// Assigned at minute 0, promised for minute 6.
    fn assigned(arrived: Option<i64>) -> Progress {
        Progress::Assigned { assigned_at: at(0), promised_at: Some(at(6)), arrived_at: arrived.map(at) }
    }

    fn called_off(by: Side, minute: i64, progress: Progress) -> CalledOff {
        CalledOff { by, ground: Ground::Any, at: at(minute), progress, driver_strayed: false, quoted: Francs(751) }
    }

    #[test]
    fn each_case_of_the_table() {
        use Cause::*;
        let rider = |minute, arrived| called_off(Side::Rider, minute, assigned(arrived));
        let driver = |minute, arrived| called_off(Side::Driver, minute, assigned(arrived));
        let saying = |ground, ride| CalledOff { ground, ..ride };
        let strayed = |ride| CalledOff { driver_strayed: true, ..ride };
        let not_there = |ride| saying(Ground::RiderNotThere, ride);
        for (ride, fee, cause) in [
            (called_off(Side::Rider, 9, Progress::Searching), 0, NoDriver),
            (rider(0, None), 0, InTime),
            (rider(2, None), 0, InTime),
            (rider(3, None), 200, DriverOnTheWay),
            (rider(9, None), 200, DriverOnTheWay),
            (rider(10, None), 0, DriverLate),
            (strayed(rider(5, None)), 0, DriverStrayed),
            (saying(Ground::Unsafe, rider(9, Some(1))), 0, Unsafe),
            // At the pickup: early arrivals leave the free minutes as they are.
            (rider(2, Some(1)), 0, InTime),
            (rider(5, Some(1)), 200, DriverOnTheWay),
            (strayed(rider(5, Some(1))), 200, DriverOnTheWay),
            (rider(6, Some(1)), 400, NoShow),
            (rider(14, Some(9)), 400, NoShow),
            (rider(15, Some(10)), 0, DriverLate),
            // The driver's word needs the wait behind it.
            (not_there(driver(5, Some(1))), 0, ByDriver),
            (not_there(driver(6, Some(1))), 400, NoShow),
            (not_there(driver(8, None)), 0, ByDriver),
            (not_there(driver(20, Some(10))), 0, DriverLate),
            (driver(30, Some(1)), 0, ByDriver),
            (saying(Ground::Unsafe, driver(30, Some(1))), 0, Unsafe),
            (called_off(Side::Platform, 30, assigned(Some(1))), 0, ByPlatform),
            (called_off(Side::Rider, 30, Progress::UnderWay), 0, ByPlatform),
        ] {
            let expected = Charge { fee: Francs(fee), compensation: Francs(fee), cause };
            assert_eq!(rules().charge(&ride), expected, "{ride:?}");
        }
    }

    #[test]
    fn no_fee_is_more_than_the_quote_or_than_the_driver_may_get() {
        for share in [0, 5_000, 10_000] {
            let rules = CancellationRules { to_driver: BasisPoints(share), ..rules() };
            for quoted in [0, 1, 199, 400, 5_000] {
                for minute in 0..20 {
                    for arrived in [None, Some(0), Some(3), Some(12)] {
                        let ride = called_off(Side::Rider, minute, assigned(arrived));
                        let charge = rules.charge(&CalledOff { quoted: Francs(quoted), ..ride });
                        assert!((Francs::ZERO..=Francs(quoted.min(400))).contains(&charge.fee), "{charge:?}");
                        assert!((Francs::ZERO..=charge.fee).contains(&charge.compensation), "{charge:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn an_excuse_never_costs_more_than_none() {
        for minute in 0..20 {
            for arrived in [None, Some(0), Some(3), Some(12)] {
                let plain = called_off(Side::Rider, minute, assigned(arrived));
                let unsafe_ride = CalledOff { ground: Ground::Unsafe, ..plain };
                for excused in [unsafe_ride, CalledOff { driver_strayed: true, ..plain }] {
                    assert!(rules().charge(&excused).fee <= rules().charge(&plain).fee, "{excused:?}");
                }
            }
        }
    }

    #[test]
    fn a_ride_is_judged_by_the_rules_of_its_day() {
        let mut later = rules();
        (later.valid_from, later.no_show) = (NaiveDate::from_ymd_opt(2027, 3, 1).expect("a day"), Francs(500));
        let book = CancellationBook::new(vec![later, rules()]).expect("agree");
        let no_show = |text: &str| {
            let instant: Timestamp = serde_json::from_value(text.into()).expect("RFC 3339");
            book.at(instant).map(|rules| rules.no_show.amount())
        };
        assert_eq!(no_show("2026-10-31T21:59:59Z"), None, "before the first");
        assert_eq!(no_show("2026-10-31T22:00:00Z"), Some(400), "from midnight in Kigali");
        assert_eq!(no_show("2027-02-28T21:59:59.999Z"), Some(400));
        assert_eq!(no_show("2027-02-28T22:00:00Z"), Some(500));
    }

    #[test]
    fn rules_that_contradict_themselves_are_refused() {
        let twice = CancellationBook::new(vec![rules(), rules()]);
        assert_eq!(twice, Err(CancellationBookError::SameDay(rules().valid_from)));
        let refused = |rules| CancellationBook::new(vec![rules]).expect_err("refused");
        let negative = CancellationRules { on_the_way: Francs(-1), ..rules() };
        assert!(matches!(refused(negative), CancellationBookError::NegativeFee(_)));
        let cheaper = CancellationRules { no_show: Francs(199), ..rules() };
        assert!(matches!(refused(cheaper), CancellationBookError::NoShowCheaper(_)));
        let more = CancellationRules { to_driver: BasisPoints(10_001), ..rules() };
        assert!(matches!(refused(more), CancellationBookError::MoreThanTheFee(_)));
    }

    #[test]
    fn every_cause_has_a_word_of_its_own() {
        for cause in Cause::ALL {
            assert_eq!(Cause::from_word(cause.as_str()), Some(cause));
        }
    }
}
