//! The clocks that run from the moment a breach is known, and how far its handling has come: pure.
//!
//! Separate because these are the law's numbers (058/2021): a notice to NCSA within 48 hours (article 43), the full report
//! within 72 (article 44), and the people concerned told where the risk is high (article 45).

use crate::error::Error;
use crate::time::{Span, Timestamp};

/// From awareness to the notice.
pub const NOTICE_WITHIN: Span = Span::from_minutes(48 * 60);
/// From awareness to the full report.
pub const REPORT_WITHIN: Span = Span::from_minutes(72 * 60);

/// How far it is handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = BreachState)]
pub enum State {
    /// Known.
    Open,
    /// NCSA has the notice.
    Notified,
    /// NCSA has the full report.
    Reported,
    /// Nothing is left to do.
    Closed,
}

impl State {
    const ALL: [Self; 4] = [Self::Open, Self::Notified, Self::Reported, Self::Closed];

    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Notified => "notified",
            Self::Reported => "reported",
            Self::Closed => "closed",
        }
    }

    /// From its word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// One step on, never two, never back.
    ///
    /// # Errors
    /// Conflict `wrong_state`.
    pub fn advance(self, to: Self) -> Result<(), Error> {
        let follows = Self::ALL.windows(2).any(|pair| pair == [self, to]);
        let message = || format!("a breach that is {} cannot become {}", self.as_str(), to.as_str());
        if follows { Ok(()) } else { Err(Error::conflict("wrong_state", message())) }
    }
}

/// One clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[schema(as = BreachClock)]
pub struct Clock {
    /// Until when it is to be done.
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    pub due_at: Timestamp,
    /// When it was done.
    #[schema(value_type = Option<chrono::DateTime<chrono::Utc>>)]
    pub done_at: Option<Timestamp>,
    /// Not done, and past its time.
    pub overdue: bool,
    /// Done, and after its time.
    pub late: bool,
}

impl Clock {
    /// A clock that has run since `from`. On the last instant it is still in time.
    pub fn read(from: Timestamp, within: Span, done_at: Option<Timestamp>, now: Timestamp) -> Self {
        let due_at = from + within;
        Self {
            due_at,
            done_at,
            overdue: done_at.is_none() && now > due_at,
            late: done_at.is_some_and(|done_at| done_at > due_at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_overdue_after_its_last_instant_until_it_is_done() {
        let aware = Timestamp::from_millis(1_790_000_000_000);
        let (in_time, after) = (aware + NOTICE_WITHIN, aware + NOTICE_WITHIN + Span::from_millis(1));
        let read = |done, now| {
            let clock = Clock::read(aware, NOTICE_WITHIN, done, now);
            (clock.overdue, clock.late)
        };
        assert_eq!(read(None, aware), (false, false));
        assert_eq!(read(None, in_time), (false, false));
        assert_eq!(read(None, after), (true, false));
        assert_eq!(read(Some(in_time), after), (false, false));
        assert_eq!(read(Some(after), after), (false, true));
        assert_eq!(REPORT_WITHIN.as_secs() - NOTICE_WITHIN.as_secs(), 24 * 3_600);
    }

    #[test]
    fn a_breach_goes_one_step_at_a_time() {
        for from in State::ALL {
            for to in State::ALL {
                assert_eq!(from.advance(to).is_ok(), to as u8 == from as u8 + 1, "{from:?} {to:?}");
            }
            assert_eq!(State::from_word(from.as_str()), Some(from));
        }
    }
}
