//! Periods of time for reports: `?from=&to=` as instants or as Kigali calendar days.
//!
//! Separate from paging because a report is about a stretch of time and is always whole, so the stretch must be bounded.

use chrono::{DateTime, NaiveDate};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::error::{Checks, Error};
use crate::time::{Span, Timestamp};

/// Length of a `YYYY-MM-DD`.
const DAY_CHARS: usize = 10;

/// `?from=&to=` as sent.
#[derive(Debug, Default, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PeriodParams {
    /// Beginning: RFC 3339, or a Kigali calendar day (`2026-11-16`). Seven days before the end when left out.
    #[param(example = "2026-11-16")]
    pub from: Option<String>,
    /// End: RFC 3339 (not included), or a Kigali calendar day (included). Now when left out.
    #[param(example = "2026-11-22")]
    pub to: Option<String>,
}

/// A stretch of time, never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    from: Timestamp,
    to: Timestamp,
}

/// How long a period is when nothing is said, and how long it may be.
#[derive(Clone, Copy, Debug)]
pub struct PeriodLimits {
    /// Between `from` and `to` when `from` is left out.
    pub default: Span,
    /// Between `from` and `to` at most.
    pub max: Span,
}

const DAY: Span = Span::from_minutes(24 * 60);

impl PeriodLimits {
    /// The last week; a year and a month at most.
    pub const REPORT: Self =
        Self { default: Span::from_secs(7 * DAY.as_secs()), max: Span::from_secs(400 * DAY.as_secs()) };
}

impl PeriodParams {
    /// Checks both ends.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming `from` or `to`, or both.
    pub fn check(&self, now: Timestamp, limits: PeriodLimits) -> Result<Period, Error> {
        let mut checks = Checks::new();
        let mut read = |field: &str, text: &Option<String>, end| {
            text.as_deref().and_then(|text| checks.accept(field, text, instant(text, end)))
        };
        let (from, to) = (read("from", &self.from, End::From), read("to", &self.to, End::To));
        checks.finish()?;
        let to = to.unwrap_or(now);
        let from = from.unwrap_or(to - limits.default);
        let shown = self.from.as_deref().unwrap_or_default();
        if from >= to {
            return Err(Error::invalid("from", shown, format_args!("is not before the end of the period, {to}")));
        }
        if to.since(from) > limits.max {
            let days = limits.max.as_secs() / DAY.as_secs();
            let reason = format_args!("is more than {days} days before the end of the period, {to}");
            return Err(Error::invalid("from", shown, reason));
        }
        Ok(Period { from, to })
    }
}

#[derive(Clone, Copy)]
enum End {
    From,
    To,
}

fn instant(text: &str, end: End) -> Result<Timestamp, &'static str> {
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Ok(at.to_utc().into());
    }
    let day: NaiveDate = if text.len() == DAY_CHARS { text.parse().ok() } else { None }
        .ok_or("is neither an instant in RFC 3339 nor a day as YYYY-MM-DD")?;
    match end {
        End::From => Ok(Timestamp::start_of_kigali_day(day)),
        End::To => day.succ_opt().map(Timestamp::start_of_kigali_day).ok_or("is beyond the calendar"),
    }
}

impl Period {
    /// First instant of it.
    pub const fn from(self) -> Timestamp {
        self.from
    }

    /// First instant after it.
    pub const fn to(self) -> Timestamp {
        self.to
    }

    /// The first Kigali calendar day that it touches.
    pub fn first_day(self) -> NaiveDate {
        self.from.kigali_day()
    }

    /// The last Kigali calendar day that it touches.
    pub fn last_day(self) -> NaiveDate {
        (self.to - Span::from_millis(1)).kigali_day()
    }

    /// The same period, widened to whole Kigali calendar days.
    #[must_use]
    pub fn whole_days(self) -> Self {
        let after = self.last_day().succ_opt().map_or(self.to, Timestamp::start_of_kigali_day);
        Self { from: Timestamp::start_of_kigali_day(self.first_day()), to: after }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        at("2026-11-23T08:15:00Z")
    }

    fn at(text: &str) -> Timestamp {
        instant(text, End::From).expect("an instant")
    }

    fn check(from: Option<&str>, to: Option<&str>) -> Result<Period, Error> {
        let params = PeriodParams { from: from.map(str::to_owned), to: to.map(str::to_owned) };
        params.check(now(), PeriodLimits::REPORT)
    }

    #[test]
    fn the_last_seven_days_are_meant_when_nothing_is_said() {
        let period = check(None, None).expect("valid");
        assert_eq!((period.from(), period.to()), (at("2026-11-16T08:15:00Z"), now()));
    }

    #[test]
    fn days_are_kigali_days_and_the_last_one_is_included() {
        let period = check(Some("2026-11-16"), Some("2026-11-17")).expect("valid");
        assert_eq!((period.from(), period.to()), (at("2026-11-15T22:00:00Z"), at("2026-11-17T22:00:00Z")));
        assert_eq!(period.first_day().to_string(), "2026-11-16");
        assert_eq!(period.last_day().to_string(), "2026-11-17");
        assert_eq!(period.whole_days(), period);
    }

    #[test]
    fn instants_are_taken_as_they_are_and_widen_to_the_days_they_touch() {
        let period = check(Some("2026-11-16T10:00:00+02:00"), Some("2026-11-16T22:00:00.001Z")).expect("valid");
        assert_eq!(period.from(), at("2026-11-16T08:00:00Z"));
        let days = period.whole_days();
        assert_eq!((days.from(), days.to()), (at("2026-11-15T22:00:00Z"), at("2026-11-17T22:00:00Z")));
    }

    #[test]
    fn what_is_no_period_is_refused_by_name() {
        let field = |from, to| {
            let error = check(from, to).expect_err("no period");
            error.faults().iter().map(|fault| fault.field.clone()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(field(Some("yesterday"), Some("2026-13-01")), "from to");
        assert_eq!(field(Some("2026-11-18"), Some("2026-11-17")), "from");
        assert_eq!(field(Some("2026-11-24"), None), "from");
        assert_eq!(field(Some("2025-10-01"), Some("2026-11-22")), "from");
        assert_eq!(field(None, Some("+99999-01-01")), "to");
        assert!(check(Some("2026-11-17"), Some("2026-11-17")).is_ok(), "one day is a period");
        assert!(check(Some("9999-12-31"), Some("9999-12-31")).is_ok(), "the far future is empty, not a fault");
    }
}
