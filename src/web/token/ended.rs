//! Sessions that were ended although tokens of theirs have not expired.
//!
//! Separate because it is what lets a check of a token do without the database and still be right: a token says for how
//! long it is good, this says which are not. What is here is a copy of the store (`sessions.revoked_at`), kept up by the
//! bus and by reading the store now and then. Two sets take turns, each for the lifetime of a token, so an entry stays for
//! as long as a token of its session can live and no bookkeeping is done per entry.
//!
//! Bounded: when a set is full, everything is forgotten and every token issued until then is refused. Who is still signed
//! in refreshes; nobody who was signed out gets in.

use std::sync::{PoisonError, RwLock};

use rustc_hash::FxHashSet;
use uuid::Uuid;

use crate::time::{Span, Timestamp};

/// How a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It goes on.
    Live,
    /// It was ended.
    Ended,
    /// The token is from before the time that is remembered.
    Unknown,
}

/// The ended sessions.
pub(super) struct Ended {
    sessions_max: usize,
    lifetime: Span,
    state: RwLock<State>,
}

struct State {
    began: Timestamp,
    current: FxHashSet<Uuid>,
    before: FxHashSet<Uuid>,
    /// Tokens issued until this second are refused.
    known_from_s: i64,
}

impl Ended {
    /// For up to `sessions_max` sessions in the lifetime of a token.
    pub(super) fn new(sessions_max: usize, lifetime: Span) -> Self {
        let state = State {
            began: Timestamp::EPOCH,
            current: FxHashSet::default(),
            before: FxHashSet::default(),
            known_from_s: i64::MIN,
        };
        Self { sessions_max, lifetime, state: RwLock::new(state) }
    }

    /// Remembers that these were ended.
    pub(super) fn add(&self, sessions: impl IntoIterator<Item = Uuid>, now: Timestamp) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        for session in sessions {
            if now.since(state.began) >= self.lifetime {
                let is_old = now.since(state.began).as_millis() >= 2 * self.lifetime.as_millis();
                state.before = std::mem::take(&mut state.current);
                if is_old {
                    state.before.clear();
                }
                state.began = now;
            }
            if state.before.contains(&session) || state.current.contains(&session) {
                continue;
            }
            if state.current.len() >= self.sessions_max {
                state.current.clear();
                state.before.clear();
                state.known_from_s = now.as_millis() / 1_000;
            }
            state.current.insert(session);
        }
    }

    /// How a session stands whose token was issued in this second.
    pub(super) fn verdict(&self, session: Uuid, issued_s: i64) -> Verdict {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        if state.current.contains(&session) || state.before.contains(&session) {
            Verdict::Ended
        } else if issued_s <= state.known_from_s {
            Verdict::Unknown
        } else {
            Verdict::Live
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: Timestamp = Timestamp::from_millis(1_790_000_000_000);
    const T0_S: i64 = 1_790_000_000;

    fn after_s(s: i64) -> Timestamp {
        T0 + Span::from_secs(s)
    }

    #[test]
    fn an_ended_session_is_remembered_for_as_long_as_its_tokens_live() {
        let ended = Ended::new(100, Span::from_secs(900));
        ended.add([Uuid::from_u128(1)], T0);
        for s in [0, 899, 900, 1_500] {
            ended.add([Uuid::from_u128(2)], after_s(s));
            if s < 900 {
                assert_eq!(ended.verdict(Uuid::from_u128(1), T0_S), Verdict::Ended, "after {s} s");
            }
        }
        assert_eq!(ended.verdict(Uuid::from_u128(3), T0_S), Verdict::Live);
        for n in 0..10 {
            ended.add([Uuid::from_u128(100 + n)], after_s(2_000 + i64::try_from(n).expect("small") * 900));
        }
        assert_eq!(ended.verdict(Uuid::from_u128(1), T0_S), Verdict::Live, "forgotten in the end");
    }

    #[test]
    fn one_told_again_and_again_is_still_forgotten() {
        let ended = Ended::new(100, Span::from_secs(900));
        ended.add([Uuid::from_u128(1)], T0);
        ended.add([Uuid::from_u128(1)], after_s(899));
        let state = ended.state.read().expect("no panic");
        assert_eq!((state.current.len(), state.before.len()), (1, 0));
    }

    #[test]
    fn when_there_are_too_many_everybody_refreshes_and_nobody_slips_in() {
        let ended = Ended::new(10, Span::from_secs(900));
        for n in 0..1_000 {
            ended.add([Uuid::from_u128(n)], T0);
            let state = ended.state.read().expect("no panic");
            assert!(state.current.len() + state.before.len() <= 20);
        }
        for n in 0..1_000 {
            assert_ne!(ended.verdict(Uuid::from_u128(n), T0_S - 1), Verdict::Live);
        }
        assert_eq!(ended.verdict(Uuid::from_u128(5_000), T0_S - 1), Verdict::Unknown);
        assert_eq!(ended.verdict(Uuid::from_u128(5_000), T0_S + 1), Verdict::Live);
    }
}
