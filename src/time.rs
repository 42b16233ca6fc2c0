//! Instants and durations in whole milliseconds.
//!
//! Separate from any clock: pure code is handed the time and never asks for it (see [`crate::clock`] for the one door).
//! Instants are UTC. The Kigali calendar (UTC+2, no daylight saving) is applied only where a report or a tariff needs a
//! day.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, SecondsFormat, Timelike, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Kigali is two hours ahead of UTC all year round.
const KIGALI_OFFSET_MS: i64 = 2 * 3_600_000;

/// An instant: milliseconds since 1970-01-01T00:00:00Z. On the wire RFC 3339 with milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The beginning of 1970, for tests and as "never".
    pub const EPOCH: Self = Self(0);

    /// From milliseconds since 1970-01-01T00:00:00Z.
    pub const fn from_millis(ms: i64) -> Self {
        Self(ms)
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// How long ago `earlier` was; zero when it lies in the future.
    pub fn since(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0).max(0))
    }

    /// The calendar day in Kigali.
    pub fn kigali_day(self) -> NaiveDate {
        to_chrono(self.0.saturating_add(KIGALI_OFFSET_MS)).date_naive()
    }

    /// The time of day in Kigali, as people are told: `07:30`.
    pub fn kigali_time(self) -> String {
        to_chrono(self.0.saturating_add(KIGALI_OFFSET_MS)).format("%H:%M").to_string()
    }

    /// The first instant of a Kigali calendar day.
    pub fn start_of_kigali_day(day: NaiveDate) -> Self {
        let midnight = day.and_hms_opt(0, 0, 0).expect("midnight exists on every day").and_utc();
        Self(midnight.timestamp_millis() - KIGALI_OFFSET_MS)
    }
}

/// Whole years from a birthday to a day.
pub fn age(born: NaiveDate, today: NaiveDate) -> u32 {
    let had_birthday = (today.month(), today.day()) >= (born.month(), born.day());
    let years = today.year() - born.year() - i32::from(!had_birthday);
    years.try_into().unwrap_or(0)
}

fn to_chrono(ms: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(ms).unwrap_or(if ms < 0 {
        DateTime::<Utc>::MIN_UTC
    } else {
        DateTime::<Utc>::MAX_UTC
    })
}

impl From<DateTime<Utc>> for Timestamp {
    fn from(at: DateTime<Utc>) -> Self {
        Self(at.timestamp_millis())
    }
}

impl From<Timestamp> for DateTime<Utc> {
    fn from(at: Timestamp) -> Self {
        to_chrono(at.0)
    }
}

/// `2026-11-23T07:00:00.000Z` without an allocation: a ride that goes out to an app has five of these. None for years of
/// other than four digits.
fn rfc3339(at: NaiveDateTime) -> Option<[u8; 24]> {
    let year = u32::try_from(at.year()).ok().filter(|year| *year < 10_000)?;
    let mut text = *b"0000-00-00T00:00:00.000Z";
    let millis = at.and_utc().timestamp_subsec_millis();
    for (end, width, number) in [
        (4, 4, year),
        (7, 2, at.month()),
        (10, 2, at.day()),
        (13, 2, at.hour()),
        (16, 2, at.minute()),
        (19, 2, at.second()),
        (23, 3, millis),
    ] {
        let mut left = number;
        for digit in text[end - width..end].iter_mut().rev() {
            // A decimal digit fits a byte.
            *digit += (left % 10) as u8;
            left /= 10;
        }
    }
    Some(text)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = to_chrono(self.0);
        match rfc3339(at.naive_utc()) {
            Some(text) => f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?),
            None => f.write_str(&at.to_rfc3339_opts(SecondsFormat::Millis, true)),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        DateTime::<Utc>::deserialize(deserializer).map(Self::from)
    }
}

impl Add<Span> for Timestamp {
    type Output = Self;

    fn add(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl Sub<Span> for Timestamp {
    type Output = Self;

    fn sub(self, span: Span) -> Self {
        Self(self.0.saturating_sub(span.0))
    }
}

/// A length of time in whole milliseconds, never negative.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span(i64);

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// From milliseconds; negative values become zero.
    pub const fn from_millis(ms: i64) -> Self {
        Self(if ms < 0 { 0 } else { ms })
    }

    /// From whole seconds; negative values become zero.
    pub const fn from_secs(s: i64) -> Self {
        Self::from_millis(s.saturating_mul(1_000))
    }

    /// From whole minutes; negative values become zero.
    pub const fn from_minutes(minutes: i64) -> Self {
        Self::from_secs(minutes.saturating_mul(60))
    }

    /// Whole milliseconds.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds, rounded down.
    pub const fn as_secs(self) -> i64 {
        self.0 / 1_000
    }

    /// Whole seconds, rounded up: what a person is told to wait.
    pub const fn as_secs_up(self) -> i64 {
        (self.0 + 999) / 1_000
    }

    /// For timers.
    pub const fn to_duration(self) -> Duration {
        Duration::from_millis(self.0.unsigned_abs())
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 % 1_000 == 0 { write!(f, "{} s", self.0 / 1_000) } else { write!(f, "{} ms", self.0) }
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert_eq, prop_oneof, proptest};

    use super::*;

    #[test]
    fn a_kigali_day_begins_two_hours_before_midnight_utc() {
        let at: Timestamp = serde_json::from_str("\"2026-11-22T22:30:00Z\"").expect("valid RFC 3339");
        let day = NaiveDate::from_ymd_opt(2026, 11, 23).expect("valid date");
        assert_eq!(at.kigali_day(), day);
        assert_eq!(Timestamp::start_of_kigali_day(day).to_string(), "2026-11-22T22:00:00.000Z");
    }

    #[test]
    fn age_grows_on_the_birthday() {
        let day = |text: &str| text.parse::<NaiveDate>().expect("a day");
        for (today, expected) in
            [("2026-07-01", 16), ("2026-06-30", 15), ("2010-07-01", 0), ("2009-01-01", 0), ("2026-12-31", 16)]
        {
            assert_eq!(age(day("2010-07-01"), day(today)), expected, "{today}");
        }
        assert_eq!(age(day("2008-02-29"), day("2024-02-28")), 15);
        assert_eq!(age(day("2008-02-29"), day("2024-02-29")), 16);
    }

    proptest! {
        #[test]
        fn an_instant_is_written_as_the_calendar_library_writes_it(ms in prop_oneof![
            any::<i64>(), -99_999_999_999_999..=999_999_999_999_999_i64, 1_700_000_000_000..=1_900_000_000_000_i64,
        ]) {
            let expected = to_chrono(ms).to_rfc3339_opts(SecondsFormat::Millis, true);
            prop_assert_eq!(Timestamp::from_millis(ms).to_string(), expected);
        }
    }

    #[test]
    fn time_never_runs_backwards_in_a_span() {
        assert_eq!(Timestamp::from_millis(5).since(Timestamp::from_millis(9)), Span::ZERO);
        assert_eq!(Span::from_millis(-1), Span::ZERO);
    }

    #[test]
    fn an_instant_beyond_the_calendar_is_shown_not_a_panic() {
        assert!(!Timestamp::from_millis(i64::MAX).to_string().is_empty());
    }
}
