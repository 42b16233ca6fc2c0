//! How long a driver was on shift, by day of the Kigali calendar.

use chrono::{Days, NaiveDate};

use crate::drivers::{Drivers, store};
use crate::error::Error;
use crate::ids::DriverId;
use crate::time::{Span, Timestamp};
use crate::web::period::Period;

/// A day with what a driver worked on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayOnShift {
    /// Which day.
    pub day: NaiveDate,
    /// How long on shift.
    pub online: Span,
    /// Shifts that touch the day.
    pub shifts: u32,
}

/// Parts shifts by day; an open one lasts until now. Days without one are there, with nothing.
fn by_day(shifts: &[(Timestamp, Option<Timestamp>)], period: Period, now: Timestamp) -> Vec<DayOnShift> {
    let days = period.first_day().iter_days().take_while(|day| *day <= period.last_day());
    days.map(|day| {
        let begin = Timestamp::start_of_kigali_day(day);
        let end = Timestamp::start_of_kigali_day(day.checked_add_days(Days::new(1)).unwrap_or(NaiveDate::MAX));
        let on_day = shifts.iter().filter_map(|(from, to)| {
            let (from, to) = ((*from).max(begin), to.unwrap_or(now).min(end));
            (from < to).then(|| to.since(from).as_millis())
        });
        let (online_ms, shifts) = on_day.fold((0, 0), |(sum, count), ms| (sum + ms, count + 1));
        DayOnShift { day, online: Span::from_millis(online_ms), shifts }
    })
    .collect()
}

impl Drivers {
    /// How long a driver was on shift, on every day that the period touches, oldest first.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn shifts_by_day(
        &self,
        driver: DriverId,
        period: Period,
        now: Timestamp,
    ) -> Result<Vec<DayOnShift>, Error> {
        let period = period.whole_days();
        let shifts = store::shifts_between(&self.inner.pool, driver, period.from(), period.to()).await?;
        Ok(by_day(&shifts, period, now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::period::{PeriodLimits, PeriodParams};

    #[test]
    fn a_shift_over_midnight_counts_for_both_days() {
        let at = |text: &str| text.parse::<chrono::DateTime<chrono::Utc>>().map(Timestamp::from).expect("an instant");
        let now = at("2026-11-24T10:00:00Z");
        let params = PeriodParams { from: Some("2026-11-22".into()), to: Some("2026-11-24".into()) };
        let period = params.check(now, PeriodLimits::REPORT).expect("a period");
        // 22:00 in Kigali until 01:00 the next day, and an open one since noon.
        let shifts =
            [(at("2026-11-22T20:00:00Z"), Some(at("2026-11-22T23:00:00Z"))), (at("2026-11-24T09:30:00Z"), None)];
        let found: Vec<_> = by_day(&shifts, period, now)
            .into_iter()
            .map(|day| (day.day.to_string(), day.online.as_secs() / 60, day.shifts))
            .collect();
        let expected = [("2026-11-22", 120, 1), ("2026-11-23", 60, 1), ("2026-11-24", 30, 1)];
        assert_eq!(found, expected.map(|(day, minutes, shifts)| (day.to_owned(), minutes, shifts)));
    }
}
