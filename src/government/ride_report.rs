//! Rides by day for the regulator, with small numbers held back: pure.
//!
//! Separate because the rule protects people: from "one ride that day, 1 186 RWF" a neighbour can be recognised. A day with
//! fewer than [`RIDES_MIN`] rides tells nothing; what was measured on the completed rides (fares, distances, how they were
//! paid) is told only when at least so many were completed. What may not be told is held back, not rounded.

use chrono::NaiveDate;

use crate::money::Francs;
use crate::time::Span;

/// What fewer rides than this would tell is held back.
pub const RIDES_MIN: i64 = 5;

/// What happened on one Kigali day, as counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DayCounts {
    pub day: NaiveDate,
    pub requested: i64,
    pub cancelled: i64,
    pub no_driver_found: i64,
    pub incidents: i64,
    pub completed: i64,
    pub of_completed: CompletedRides,
}

/// What was measured on the completed rides of a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompletedRides {
    /// How many.
    pub rides: i64,
    /// Paid in cash.
    pub cash: i64,
    /// On electric motorcycles.
    pub electric: i64,
    /// Drivers who completed at least one.
    pub active_drivers: i64,
    /// As quoted.
    pub distance_m: i64,
    /// From start to end.
    pub riding: Span,
    /// Waited on the way.
    pub waiting: Span,
    /// The lowest fare.
    pub fare_min: Francs,
    /// The mean fare, rounded to the nearest franc.
    pub fare_mean: Francs,
    /// The highest fare.
    pub fare_max: Francs,
}

impl CompletedRides {
    /// Paid in any other way than cash.
    pub const fn cashless(&self) -> i64 {
        self.rides - self.cash
    }
}

/// One Kigali day as the regulator sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayReport {
    /// Which day.
    pub day: NaiveDate,
    /// `None` on a day with too few rides.
    pub figures: Option<DayFigures>,
}

/// The figures of a day with enough rides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayFigures {
    /// Rides requested.
    pub requested: i64,
    /// Of these cancelled by anybody.
    pub cancelled: i64,
    /// Of these without a driver.
    pub no_driver_found: i64,
    /// Incidents reported, on a ride or not.
    pub incidents: i64,
    /// Of these completed.
    pub completed: i64,
    /// What was measured on the completed ones; `None` when they are too few.
    pub of_completed: Option<CompletedRides>,
}

impl DayReport {
    /// What of a day's counts may be told.
    pub(super) fn of(counts: DayCounts) -> Self {
        let enough = counts.requested >= RIDES_MIN;
        let figures = enough.then(|| DayFigures {
            requested: counts.requested,
            cancelled: counts.cancelled,
            no_driver_found: counts.no_driver_found,
            incidents: counts.incidents,
            completed: counts.completed,
            of_completed: Some(counts.of_completed).filter(|completed| completed.rides >= RIDES_MIN),
        });
        Self { day: counts.day, figures }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(requested: i64, completed: i64) -> DayReport {
        let of_completed = CompletedRides {
            rides: completed,
            cash: completed,
            electric: 0,
            active_drivers: 1,
            distance_m: 4_200,
            riding: Span::from_minutes(10),
            waiting: Span::ZERO,
            fare_min: Francs(658),
            fare_mean: Francs(658),
            fare_max: Francs(658),
        };
        let day = NaiveDate::from_ymd_opt(2026, 11, 16).expect("a day");
        let counts =
            DayCounts { day, requested, cancelled: 0, no_driver_found: 0, incidents: 1, completed, of_completed };
        DayReport::of(counts)
    }

    #[test]
    fn a_day_with_too_few_rides_tells_nothing() {
        for requested in 0..RIDES_MIN {
            assert_eq!(report(requested, requested).figures, None, "{requested}");
        }
        assert!(report(RIDES_MIN, 0).figures.is_some());
    }

    #[test]
    fn too_few_completed_rides_tell_no_fares() {
        let completed = |rides| report(10, rides).figures.expect("enough rides").of_completed;
        assert_eq!(completed(RIDES_MIN - 1), None);
        assert_eq!(completed(RIDES_MIN).map(|completed| completed.rides), Some(RIDES_MIN));
    }
}
