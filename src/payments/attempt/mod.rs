//! The life of an attempt: one order to a provider, from the row that names it to the answer that ends it.
//!
//! Separate and pure, because here stands why nobody is charged twice: an order is repeated only under its own reference,
//! and only when it certainly was not taken or was not found three times over a minute; a timer never says that money did
//! not move; what is over stays over.
//!
//! ```text
//! prepared → submitting → pending ⇄ unresolved → succeeded | failed | rejected | integrity_failure
//!     ↑__________|___________|   (not sent, or not found: the same reference again)
//! ```
//!
//! Invariants: [`Attempt::legal`] is all there is; terminal states are left by no event; a success is believed only when
//! amount, currency and reference are those that were asked.

use uuid::Uuid;

use super::ladder;
use super::method::ProviderId;
use super::providers::{AttemptId, Moved, Operation, Reason, Refusal, Standing, Submitted};
use crate::ids::UserId;
use crate::money::Francs;
use crate::phone::Phone;
use crate::time::{Span, Timestamp};

/// After as many "not found" in a row an order is sent again, under the same reference …
pub const MISSES_MIN: i32 = 3;
/// … but not before they have lasted as long.
pub const MISSED_FOR: Span = Span::from_secs(60);
/// How long an answer to an order is waited for before somebody else asks what became of it.
pub const LEASE: Span = Span::from_secs(60);
/// Nobody knows by then: a person is told, and it is asked every hour.
pub const UNRESOLVED_AFTER: Span = Span::from_secs(24 * 3_600);
/// How long a collection that never left is tried: nobody waits longer at the kerb, and another method is at hand.
pub const SENDING_MAX: Span = Span::from_secs(20);
/// The longest pause between two sendings.
const PAUSE_MAX: Span = Span::from_secs(30);
/// The shortest.
const PAUSE_MIN: Span = Span::from_millis(500);
/// The longest that a provider may make us wait.
const RETRY_AFTER_MAX: Span = Span::from_secs(300);

/// An order to be made ready.
#[derive(Clone, Debug)]
pub struct NewAttempt {
    /// A random UUID (version 4), see [`AttemptId::fresh`].
    pub id: AttemptId,
    /// What is asked.
    pub operation: Operation,
    /// Of whom.
    pub provider: ProviderId,
    /// What it is for: the id of an intent, a refund or a payout.
    pub subject: Uuid,
    /// Whose wallet.
    pub person: UserId,
    /// How much; more than nothing.
    pub amount: Francs,
    /// The wallet's number; none of cards.
    pub wallet: Option<Phone>,
    /// Of a refund: the collection that is given back.
    pub refunds: Option<AttemptId>,
}

impl AttemptId {
    /// A new one, random.
    pub fn fresh() -> Self {
        Self(Uuid::new_v4())
    }
}

/// Where an attempt is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// To be sent, for the first time or again under the same reference.
    Prepared,
    /// The first byte may have left.
    Submitting,
    /// The provider has it, or may have it.
    Pending,
    /// Nobody knew after a day; still asked about.
    Unresolved,
    /// The money moved.
    Succeeded,
    /// It did not and never will.
    Failed,
    /// The provider never took the order.
    Rejected,
    /// The provider says that something else moved than was asked: a person must look.
    IntegrityFailure,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 8] = [
        Self::Prepared,
        Self::Submitting,
        Self::Pending,
        Self::Unresolved,
        Self::Succeeded,
        Self::Failed,
        Self::Rejected,
        Self::IntegrityFailure,
    ];

    /// The name on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Prepared => "prepared",
            Self::Submitting => "submitting",
            Self::Pending => "pending",
            Self::Unresolved => "unresolved",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Rejected => "rejected",
            Self::IntegrityFailure => "integrity_failure",
        }
    }

    /// From the name on the wire and in the database.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }

    /// Whether no answer of a provider moves it any more.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Rejected | Self::IntegrityFailure)
    }
}

/// An attempt as this machine sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Which.
    pub id: AttemptId,
    /// What is asked.
    pub operation: Operation,
    /// Of whom.
    pub provider: ProviderId,
    /// What it is for.
    pub subject: Uuid,
    /// Whose wallet.
    pub person: UserId,
    /// How much.
    pub amount: Francs,
    /// Where it is.
    pub state: State,
    /// The provider's own name of it.
    pub provider_reference: Option<String>,
    /// Where the payer is to go.
    pub page_url: Option<String>,
    /// An order of it may have been taken without an answer.
    pub is_submit_unknown: bool,
    /// Why not. Of one that is not over: why a repetition was refused.
    pub refusal: Option<Refusal>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When the first byte may have left.
    pub requested_at: Option<Timestamp>,
    /// When the provider took it, or may have.
    pub submitted_at: Option<Timestamp>,
    /// When it was over.
    pub finished_at: Option<Timestamp>,
    /// When it is to be looked at.
    pub next_at: Option<Timestamp>,
    /// When it was last asked about.
    pub polled_at: Option<Timestamp>,
    /// How often.
    pub polls: i32,
    /// "Not found" in a row.
    pub misses: i32,
    /// Since when.
    pub missed_since: Option<Timestamp>,
}

/// How an attempt ended, told to whom it was for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Which, and what for.
    pub attempt: AttemptView,
    /// How.
    pub outcome: Outcome,
    /// It had been over without money moved, and was told so; now the money is seen to have moved.
    pub is_late: bool,
}

/// What whoever hears of an end may know of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttemptView {
    /// Which.
    pub id: AttemptId,
    /// Of whom.
    pub provider: ProviderId,
    /// What was asked.
    pub operation: Operation,
    /// The intent, refund or payout.
    pub subject: Uuid,
    /// Whose wallet.
    pub person: UserId,
    /// How much.
    pub amount: Francs,
}

/// The end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The money moved.
    Succeeded {
        /// The provider's own name of it.
        provider_reference: Option<String>,
    },
    /// It did not and never will.
    Failed(Refusal),
}

/// What follows for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alarm {
    /// Nobody knew after a day.
    Unresolved,
    /// Something else moved than was asked.
    Integrity(Mismatch),
    /// It was over without money moved, and the money moved.
    LateSuccess,
    /// The provider says that we ask wrongly, or that our own account cannot.
    Refused(Reason),
}

/// What was not as asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// Another amount; none where it was no whole number.
    Amount(Option<Francs>),
    /// Another currency.
    Currency,
    /// Another reference.
    Reference,
}

/// What an event makes of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// As it is afterwards.
    pub attempt: Attempt,
    /// It ended by this.
    pub ended: Option<Ended>,
    /// A person must know.
    pub alarm: Option<Alarm>,
}

/// What the machine must be told besides the event.
#[derive(Clone, Copy, Debug)]
pub struct At {
    /// When.
    pub now: Timestamp,
    /// From 0 to 1, random: spreads repetitions.
    pub jitter: f64,
    /// Whether orders go where this one went: only there would a repetition be known as one.
    pub is_same_host: bool,
}

impl Attempt {
    /// What others may know.
    pub const fn view(&self) -> AttemptView {
        AttemptView {
            id: self.id,
            provider: self.provider,
            operation: self.operation,
            subject: self.subject,
            person: self.person,
            amount: self.amount,
        }
    }

    /// Whether an event may lead from one state to another.
    pub const fn legal(from: State, to: State) -> bool {
        use State::{Failed, IntegrityFailure, Pending, Prepared, Rejected, Submitting, Succeeded, Unresolved};
        match from {
            // The claim, before the first byte.
            Prepared => matches!(to, Prepared | Submitting),
            Submitting => matches!(
                to,
                Prepared | Submitting | Pending | Unresolved | Succeeded | Failed | Rejected | IntegrityFailure
            ),
            Pending => matches!(to, Prepared | Pending | Unresolved | Succeeded | Failed | Rejected | IntegrityFailure),
            Unresolved => matches!(to, Unresolved | Succeeded | Failed | IntegrityFailure),
            // Told by the statement of the provider or a re-check: the one thing that may still be learnt.
            Failed | Rejected => matches!(to, Failed | Rejected | Succeeded),
            Succeeded | IntegrityFailure => false,
        }
    }

    /// The answer to an order that this claim sent. Anything but `submitting` is left as it is.
    pub fn submitted(self, answer: &Submitted, at: At) -> Step {
        if self.state != State::Submitting {
            return Step { attempt: self, ended: None, alarm: None };
        }
        match answer {
            Submitted::Accepted { provider_reference, page_url } => {
                let provider_reference = provider_reference.clone().or(self.provider_reference.clone());
                let page_url = page_url.clone().or(self.page_url.clone());
                Self { provider_reference, page_url, ..self }.taken(at, false)
            }
            Submitted::AlreadyExists => self.taken(at, false),
            Submitted::Unknown { .. } => self.taken(at, true),
            Submitted::NotSent { retry_after, .. } => self.not_sent(*retry_after, at),
            Submitted::Refused(refusal) if self.is_submit_unknown => {
                // An earlier order may have been taken all the same: only more looking tells.
                let mut step = self.taken(at, true);
                step.attempt.refusal = Some(refusal.clone());
                step
            }
            Submitted::Refused(refusal) => self.over(State::Rejected, refusal.clone(), at),
        }
    }

    fn taken(self, at: At, is_unknown: bool) -> Step {
        let attempt = Self {
            state: State::Pending,
            is_submit_unknown: self.is_submit_unknown || is_unknown,
            submitted_at: Some(at.now),
            next_at: Some(at.now + ladder::after(Span::ZERO)),
            misses: 0,
            missed_since: None,
            ..self
        };
        Step { attempt, ended: None, alarm: None }
    }

    fn not_sent(self, retry_after: Option<Span>, at: At) -> Step {
        if self.is_submit_unknown {
            // An earlier order may have been taken: looked for again before it is sent again.
            return self.wait(retry_after, at);
        }
        let tried = at.now.since(self.created_at);
        if self.operation == Operation::Collection
            && (tried >= SENDING_MAX || retry_after.is_some_and(|wait| wait > SENDING_MAX))
        {
            let refusal = Refusal { reason: Reason::Unavailable, code: "not_sent".to_owned() };
            return self.over(State::Rejected, refusal, at);
        }
        let wait = retry_after.map_or(Span::ZERO, |wait| wait.min(RETRY_AFTER_MAX)).max(pause(tried, at.jitter));
        // A collection is over by then; a payout or a refund waits, and somebody should know.
        let alarm = (tried >= UNRESOLVED_AFTER).then_some(Alarm::Unresolved);
        let attempt = Self { state: State::Prepared, next_at: Some(at.now + wait), ..self };
        Step { attempt, ended: None, alarm }
    }

    /// How the provider says it stands.
    pub fn stands(self, standing: &Standing, at: At) -> Step {
        let attempt = Self { polled_at: Some(at.now), polls: self.polls.saturating_add(1), ..self };
        match attempt.state {
            State::Submitting | State::Pending | State::Unresolved => attempt.open_stands(standing, at),
            State::Failed | State::Rejected => attempt.closed_stands(standing, at),
            State::Prepared | State::Succeeded | State::IntegrityFailure => Step { attempt, ended: None, alarm: None },
        }
    }

    fn open_stands(self, standing: &Standing, at: At) -> Step {
        match standing {
            Standing::Succeeded(moved) => self.moved(moved, at, false),
            Standing::Failed(refusal) => self.over(State::Failed, refusal.clone(), at),
            Standing::Pending => Self { misses: 0, missed_since: None, ..self }.wait(None, at),
            Standing::Unknown { retry_after, .. } => self.wait(*retry_after, at),
            Standing::NotFound => self.missed(at),
        }
    }

    /// Still open: when it is to be asked again.
    fn wait(self, retry_after: Option<Span>, at: At) -> Step {
        // Whoever sent it died before an answer: it may have been taken.
        let is_lost = self.state == State::Submitting;
        let since = self.submitted_at.or(self.requested_at).unwrap_or(self.created_at);
        let is_day_over = at.now.since(self.created_at) >= UNRESOLVED_AFTER;
        let step = if is_day_over { ladder::UNRESOLVED } else { ladder::after(at.now.since(since)) };
        let step = step.max(retry_after.map_or(Span::ZERO, |wait| wait.min(RETRY_AFTER_MAX)));
        let state = if is_day_over { State::Unresolved } else { State::Pending };
        let alarm = (is_day_over && self.state != State::Unresolved).then_some(Alarm::Unresolved);
        let attempt = Self {
            state,
            is_submit_unknown: self.is_submit_unknown || is_lost,
            submitted_at: self.submitted_at.or(Some(since)),
            next_at: Some(at.now + step),
            ..self
        };
        Step { attempt, ended: None, alarm }
    }

    fn missed(self, at: At) -> Step {
        let missed_since = self.missed_since.unwrap_or(at.now);
        let attempt = Self { misses: self.misses.saturating_add(1), missed_since: Some(missed_since), ..self };
        let is_gone = attempt.misses >= MISSES_MIN && at.now.since(missed_since) >= MISSED_FOR;
        // After a day it is not sent again: a prompt out of nowhere would frighten the payer.
        if !is_gone || attempt.state == State::Unresolved || at.now.since(attempt.created_at) >= UNRESOLVED_AFTER {
            return attempt.wait(None, at);
        }
        // Refused when it was sent again, and not found as often and long since: it was never taken.
        if let Some(refusal) = attempt.refusal.clone() {
            return attempt.over(State::Rejected, refusal, at);
        }
        if !at.is_same_host {
            return attempt.wait(None, at);
        }
        let attempt = Self {
            state: State::Prepared,
            is_submit_unknown: true,
            misses: 0,
            missed_since: None,
            next_at: Some(at.now),
            ..attempt
        };
        Step { attempt, ended: None, alarm: None }
    }

    fn moved(self, moved: &Moved, at: At, is_late: bool) -> Step {
        let provider_reference = moved.provider_reference.clone().or(self.provider_reference.clone());
        let attempt = Self { finished_at: Some(at.now), provider_reference, ..self };
        if let Some(mismatch) = mismatch(attempt.amount, moved) {
            let state = if is_late { attempt.state } else { State::IntegrityFailure };
            let attempt = Self { state, next_at: None, ..attempt };
            return Step { attempt, ended: None, alarm: Some(Alarm::Integrity(mismatch)) };
        }
        let outcome = Outcome::Succeeded { provider_reference: attempt.provider_reference.clone() };
        let ended = Ended { attempt: attempt.view(), outcome, is_late };
        let attempt = Self { state: State::Succeeded, next_at: None, refusal: None, ..attempt };
        Step { attempt, ended: Some(ended), alarm: is_late.then_some(Alarm::LateSuccess) }
    }

    fn over(self, state: State, refusal: Refusal, at: At) -> Step {
        let alarm = match refusal.reason {
            Reason::Misconfigured | Reason::OwnAccount => Some(Alarm::Refused(refusal.reason)),
            _ => None,
        };
        let ended = Ended { attempt: self.view(), outcome: Outcome::Failed(refusal.clone()), is_late: false };
        let attempt = Self { state, finished_at: Some(at.now), next_at: None, refusal: Some(refusal), ..self };
        let next_at = attempt.recheck_after(at.now);
        Step { attempt: Self { next_at, ..attempt }, ended: Some(ended), alarm }
    }

    /// A wallet's "timed out" is not always the last word: looked at once more after a day.
    fn recheck_after(&self, now: Timestamp) -> Option<Timestamp> {
        let is_timeout = self.refusal.as_ref().is_some_and(|refusal| refusal.reason == Reason::PayerTimeout);
        let is_kept = self.state == State::Failed && self.provider == ProviderId::Airtel && is_timeout;
        is_kept.then(|| now + UNRESOLVED_AFTER)
    }

    /// Over, and looked at again: only a success is news.
    fn closed_stands(self, standing: &Standing, at: At) -> Step {
        match standing {
            Standing::Succeeded(moved) => self.moved(moved, at, true),
            Standing::Unknown { .. } => {
                let next_at = Some(at.now + ladder::UNRESOLVED);
                Step { attempt: Self { next_at, ..self }, ended: None, alarm: None }
            }
            Standing::Pending | Standing::Failed(_) | Standing::NotFound => {
                Step { attempt: Self { next_at: None, ..self }, ended: None, alarm: None }
            }
        }
    }

    /// A callback spoke of it: when it is to be looked at then. The callback itself says nothing.
    pub fn hinted(&self, now: Timestamp) -> Option<Timestamp> {
        hinted(self.polled_at, self.next_at, now)
    }
}

/// When one that was last asked about at `polled_at` may be asked again because of a callback.
pub fn hinted(polled_at: Option<Timestamp>, next_at: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    let earliest = polled_at.map_or(now, |polled| (polled + ladder::FLOOR).max(now));
    next_at.map(|next| next.min(earliest))
}

fn mismatch(amount: Francs, moved: &Moved) -> Option<Mismatch> {
    match moved.amount {
        Some(Ok(told)) if told != amount => return Some(Mismatch::Amount(Some(told))),
        Some(Err(_)) => return Some(Mismatch::Amount(None)),
        Some(Ok(_)) | None => {}
    }
    if moved.is_our_currency == Some(false) {
        return Some(Mismatch::Currency);
    }
    (moved.is_our_reference == Some(false)).then_some(Mismatch::Reference)
}

/// As long again as was already tried, at random.
fn pause(tried: Span, jitter: f64) -> Span {
    let most = tried.clamp(PAUSE_MIN, PAUSE_MAX);
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "at most 30 000 ms")]
    let wait = (most.as_millis() as f64 * (0.5 + jitter.clamp(0.0, 1.0))) as i64;
    Span::from_millis(wait)
}

#[cfg(test)]
mod tests;
