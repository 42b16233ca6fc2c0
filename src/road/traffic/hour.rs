//! The hour of the week in Kigali, and the coarser hours in which streets are remembered.
//!
//! Separate because arrival times are corrected by the one and streets learned by the other. A street is ridden too seldom
//! for 168 hours: a thousand drivers pass an average street of Kigali some twenty times a day, less than once an hour of
//! the week. Weekdays are alike, so a street has 72 hours: those of weekdays, of Saturdays and of Sundays.

use chrono::Datelike;

use crate::time::Timestamp;

/// An hour of the week in Kigali: 0 is Monday from midnight to one, 167 the last of Sunday.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct HourOfWeek(u8);

impl HourOfWeek {
    /// How many there are.
    pub const COUNT: u8 = 168;

    /// The hour with a number; none from 168 on.
    pub const fn new(number: u8) -> Option<Self> {
        if number < Self::COUNT { Some(Self(number)) } else { None }
    }

    /// The hour of an instant.
    pub fn of(at: Timestamp) -> Self {
        let day = at.kigali_day();
        let hour = at.since(Timestamp::start_of_kigali_day(day)).as_secs() / 3_600;
        // A day beyond the calendar is cut off at its edge, so the hour may be any number.
        Self(day.weekday().num_days_from_monday() as u8 * 24 + hour.clamp(0, 23) as u8)
    }

    /// Its number.
    pub const fn number(self) -> u8 {
        self.0
    }

    /// The hour in which streets are remembered.
    pub const fn of_street(self) -> StreetHour {
        let (day, hour) = (self.0 / 24, self.0 % 24);
        let kind = match day {
            0..=4 => 0,
            5 => 1,
            _ => 2,
        };
        StreetHour(kind * 24 + hour)
    }
}

/// An hour of weekdays (0 to 23), of Saturdays (24 to 47) or of Sundays (48 to 71); or the whole week.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct StreetHour(u8);

impl StreetHour {
    /// All hours together.
    pub const WHOLE_WEEK: Self = Self(72);
    /// How many there are, the whole week included.
    pub const COUNT: usize = 73;

    /// As it was kept; none from 73 on.
    pub const fn new(number: u8) -> Option<Self> {
        if number <= Self::WHOLE_WEEK.0 { Some(Self(number)) } else { None }
    }

    /// Its number.
    pub const fn number(self) -> u8 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Span;

    #[test]
    fn the_week_begins_on_monday_at_midnight_in_kigali() {
        // Sunday 2026-11-22, 22:00 UTC.
        let monday = Timestamp::from_millis(1_795_384_800_000);
        assert_eq!(monday.to_string(), "2026-11-22T22:00:00.000Z");
        for hour in 0..168 {
            let at = monday + Span::from_minutes(hour * 60 + 59);
            assert_eq!(i64::from(HourOfWeek::of(at).number()), hour);
        }
        assert_eq!(HourOfWeek::of(monday + Span::from_minutes(168 * 60)).number(), 0);
        assert_eq!(HourOfWeek::of(monday - Span::from_millis(1)).number(), 167);
    }

    #[test]
    fn weekdays_share_their_hours() {
        let street = |number| HourOfWeek::new(number).expect("an hour").of_street().number();
        assert_eq!((street(8), street(4 * 24 + 8), street(5 * 24 + 8), street(6 * 24 + 23)), (8, 8, 32, 71));
        assert_eq!((HourOfWeek::new(168), StreetHour::new(73)), (None, None));
    }

    #[test]
    fn an_instant_beyond_the_calendar_has_an_hour() {
        for ms in [i64::MIN, i64::MAX] {
            assert!(HourOfWeek::of(Timestamp::from_millis(ms)).number() < HourOfWeek::COUNT);
        }
    }
}
