//! Circuit breakers: a provider that is down is left alone, and people are told at once to pay otherwise.
//!
//! Separate and pure (time is an argument): one breaker for each provider, operation and kind of call, since a provider
//! that takes no orders may well still tell how the old ones stand.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use super::method::ProviderId;
use super::providers::{Operation, Standing, Submitted};
use crate::telemetry::names;
use crate::time::{Span, Timestamp};

/// What is counted.
const WINDOW: Span = Span::from_secs(30);
/// Fewer calls say nothing.
const CALLS_MIN: usize = 20;
/// Failed connections in a row that need no more proof.
const UNREACHABLE_MAX: u32 = 5;
/// The first pause, doubled with every probe that fails …
const OPEN_FOR: Span = Span::from_secs(30);
/// … up to this.
const OPEN_MAX: Span = Span::from_secs(300);
/// Calls at once while it is tried out.
const PROBES_MAX: u32 = 3;
/// A probe that never came back is forgotten after this.
const PROBE_MAX: Span = Span::from_secs(60);

/// What kind of call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// An order.
    Submit,
    /// How an order stands.
    Status,
}

impl Call {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Submit, Self::Status];

    /// The label in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Submit => "submit",
            Self::Status => "status",
        }
    }
}

/// What a call says of the provider's health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// It answered, whatever.
    Good,
    /// It did not, or with an error of its own.
    Trouble,
    /// It could not be reached.
    Unreachable,
    /// Nothing: a rate limit, a breaker.
    Unknown,
}

impl From<&Submitted> for Health {
    fn from(answer: &Submitted) -> Self {
        match answer {
            Submitted::Accepted { .. } | Submitted::AlreadyExists | Submitted::Refused(_) => Self::Good,
            Submitted::NotSent { is_trouble: true, .. } => Self::Unreachable,
            Submitted::NotSent { is_trouble: false, .. } => Self::Unknown,
            Submitted::Unknown { .. } => Self::Trouble,
        }
    }
}

impl From<&Standing> for Health {
    fn from(standing: &Standing) -> Self {
        match standing {
            Standing::Pending | Standing::Succeeded(_) | Standing::Failed(_) | Standing::NotFound => Self::Good,
            Standing::Unknown { is_trouble: true, .. } => Self::Trouble,
            Standing::Unknown { is_trouble: false, .. } => Self::Unknown,
        }
    }
}

/// Where a breaker is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Calls go out.
    Closed,
    /// A few do, to see.
    HalfOpen,
    /// None does.
    Open,
}

/// One breaker.
#[derive(Clone, Debug)]
pub struct Breaker {
    phase: Phase,
    calls: VecDeque<(Timestamp, bool)>,
    unreachable: u32,
    /// Openings in a row.
    openings: u32,
    until: Timestamp,
    probes: u32,
    since: Timestamp,
}

impl Default for Breaker {
    fn default() -> Self {
        Self {
            phase: Phase::Closed,
            calls: VecDeque::new(),
            unreachable: 0,
            openings: 0,
            until: Timestamp::EPOCH,
            probes: 0,
            since: Timestamp::EPOCH,
        }
    }
}

impl Breaker {
    /// Whether a call may go out now; otherwise how long it is worth waiting.
    ///
    /// # Errors
    /// The wait.
    pub fn allow(&mut self, now: Timestamp) -> Result<(), Span> {
        match self.phase {
            Phase::Closed => Ok(()),
            Phase::Open if now < self.until => Err(self.until.since(now).max(Span::from_millis(1))),
            Phase::Open => {
                (self.phase, self.probes, self.since) = (Phase::HalfOpen, 1, now);
                Ok(())
            }
            Phase::HalfOpen => {
                if now.since(self.since) >= PROBE_MAX {
                    (self.probes, self.since) = (0, now);
                }
                if self.probes >= PROBES_MAX {
                    return Err(Span::from_secs(1));
                }
                self.probes += 1;
                Ok(())
            }
        }
    }

    /// Whether nothing goes out now, without asking to.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.phase == Phase::Open && now < self.until
    }

    /// A call came back. `jitter` from 0 to 1 spreads probes of many servers.
    pub fn record(&mut self, health: Health, now: Timestamp, jitter: f64) {
        match (self.phase, health) {
            (_, Health::Unknown) => self.probes = self.probes.saturating_sub(1),
            // Calls that were on their way when it opened say nothing new.
            (Phase::Open, _) => {}
            (Phase::HalfOpen, Health::Good) => *self = Self::default(),
            (Phase::HalfOpen, Health::Trouble | Health::Unreachable) => self.open(now, jitter),
            (Phase::Closed, _) => self.count(health, now, jitter),
        }
    }

    fn count(&mut self, health: Health, now: Timestamp, jitter: f64) {
        self.unreachable = if health == Health::Unreachable { self.unreachable + 1 } else { 0 };
        self.calls.push_back((now, health == Health::Good));
        // A busy minute is remembered by its last calls: enough to judge by.
        while self.calls.front().is_some_and(|(at, _)| now.since(*at) > WINDOW) || self.calls.len() > 1_000 {
            self.calls.pop_front();
        }
        let bad = self.calls.iter().filter(|(_, is_good)| !is_good).count();
        let is_bad = self.calls.len() >= CALLS_MIN && bad * 2 >= self.calls.len();
        if is_bad || self.unreachable >= UNREACHABLE_MAX {
            self.open(now, jitter);
        }
    }

    fn open(&mut self, now: Timestamp, jitter: f64) {
        let pause = OPEN_FOR.as_millis().saturating_mul(1 << self.openings.min(4)).min(OPEN_MAX.as_millis());
        #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "at most 300 000 ms")]
        let spread = (pause as f64 * 0.1 * jitter.clamp(0.0, 1.0)) as i64;
        let openings = self.openings + 1;
        *self =
            Self { phase: Phase::Open, openings, until: now + Span::from_millis(pause + spread), ..Self::default() };
    }
}

/// How one breaker stands, for an admin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standings {
    /// Whose.
    pub provider: ProviderId,
    /// Of what.
    pub operation: Operation,
    /// Of which calls.
    pub call: Call,
    /// Where it is.
    pub phase: Phase,
    /// Calls that are counted, and those of them that went wrong.
    pub calls: usize,
    /// See above.
    pub bad: usize,
    /// Of an open one: when it is tried again.
    pub until: Option<Timestamp>,
}

/// All breakers of a process.
#[derive(Debug, Default)]
pub struct Breakers(Mutex<BTreeMap<(ProviderId, Operation, Call), Breaker>>);

impl Breakers {
    fn with<T>(&self, key: (ProviderId, Operation, Call), act: impl FnOnce(&mut Breaker) -> T) -> T {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let breaker = all.entry(key).or_default();
        let before = breaker.phase;
        let result = act(breaker);
        if breaker.phase != before {
            let (provider, operation, call) = (key.0.as_str(), key.1.as_str(), key.2.as_str());
            let level = match breaker.phase {
                Phase::Closed => 0.0,
                Phase::HalfOpen => 1.0,
                Phase::Open => 2.0,
            };
            metrics::gauge!(names::PAYMENT_BREAKER, "provider" => provider, "operation" => operation, "call" => call)
                .set(level);
            tracing::warn!(provider, operation, call, phase = ?breaker.phase, "a breaker of a payment provider changed");
        }
        result
    }

    /// As [`Breaker::allow`].
    ///
    /// # Errors
    /// The wait.
    pub fn allow(&self, provider: ProviderId, operation: Operation, call: Call, now: Timestamp) -> Result<(), Span> {
        self.with((provider, operation, call), |breaker| breaker.allow(now))
    }

    /// As [`Breaker::is_open`].
    pub fn is_open(&self, provider: ProviderId, operation: Operation, call: Call, now: Timestamp) -> bool {
        self.with((provider, operation, call), |breaker| breaker.is_open(now))
    }

    /// Whether orders are held back, and it is time to try one thing out.
    pub fn is_due(&self, provider: ProviderId, operation: Operation, now: Timestamp) -> bool {
        self.with((provider, operation, Call::Submit), |breaker| breaker.phase == Phase::Open && now >= breaker.until)
    }

    /// As [`Breaker::record`].
    pub fn record(&self, key: (ProviderId, Operation, Call), health: Health, now: Timestamp, jitter: f64) {
        self.with(key, |breaker| breaker.record(health, now, jitter));
    }

    /// Closes every breaker of a provider: somebody knows that it is back.
    pub fn reset(&self, provider: ProviderId) {
        for operation in Operation::ALL {
            for call in Call::ALL {
                self.with((provider, operation, call), |breaker| *breaker = Breaker::default());
            }
        }
    }

    /// All of a provider's.
    pub fn of(&self, provider: ProviderId) -> Vec<Standings> {
        let keys = Operation::ALL.into_iter().flat_map(|operation| Call::ALL.map(|call| (operation, call)));
        keys.map(|(operation, call)| {
            self.with((provider, operation, call), |breaker| Standings {
                provider,
                operation,
                call,
                phase: breaker.phase,
                calls: breaker.calls.len(),
                bad: breaker.calls.iter().filter(|(_, is_good)| !is_good).count(),
                until: (breaker.phase == Phase::Open).then_some(breaker.until),
            })
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_millis(1_000_000_000_000 + secs * 1_000)
    }

    #[test]
    fn half_of_twenty_calls_gone_wrong_open_it_and_one_probe_closes_it() {
        let mut breaker = Breaker::default();
        for call in 0..19 {
            let health = if call % 2 == 0 { Health::Trouble } else { Health::Good };
            breaker.record(health, at(call), 0.0);
            assert_eq!(breaker.allow(at(call)), Ok(()));
        }
        breaker.record(Health::Trouble, at(19), 0.0);
        assert_eq!(breaker.allow(at(20)), Err(Span::from_secs(29)));
        // It was on its way.
        breaker.record(Health::Good, at(21), 0.0);
        assert!(breaker.is_open(at(48)));
        assert_eq!(breaker.allow(at(49)), Ok(()));
        breaker.record(Health::Good, at(50), 0.0);
        assert_eq!(breaker.phase, Phase::Closed);
    }

    #[test]
    fn five_failed_connections_open_it_and_every_failed_probe_doubles_the_pause() {
        let mut breaker = Breaker::default();
        for call in 0..5 {
            breaker.record(Health::Unreachable, at(call), 0.0);
        }
        let mut now = at(4);
        for pause in [30, 60, 120, 240, 300, 300] {
            assert_eq!(breaker.allow(now), Err(Span::from_secs(pause)));
            now = now + Span::from_secs(pause);
            assert_eq!(breaker.allow(now), Ok(()));
            breaker.record(Health::Unreachable, now, 0.0);
        }
    }

    #[test]
    fn only_a_few_probes_go_out_at_once_and_lost_ones_are_forgotten() {
        let mut breaker = Breaker::default();
        for _ in 0..5 {
            breaker.record(Health::Unreachable, at(0), 0.0);
        }
        assert_eq!([0; 3].map(|_| breaker.allow(at(31))), [Ok(()); 3]);
        assert!(breaker.allow(at(32)).is_err());
        assert_eq!(breaker.allow(at(91)), Ok(()));
    }

    #[test]
    fn declines_and_old_troubles_do_not_open_it() {
        let mut breaker = Breaker::default();
        for call in 0..60 {
            breaker.record(if call < 19 { Health::Trouble } else { Health::Good }, at(call * 2), 0.0);
        }
        assert_eq!(breaker.phase, Phase::Closed);
    }
}
