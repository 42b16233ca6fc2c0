//! Callbacks of providers: hints, and nothing more.
//!
//! Separate because nothing in them is believed, not even where they are signed: a callback only brings the next look at an
//! attempt forward, and what the provider answers then counts. So a forged, repeated, late or contradicting one changes
//! nothing, and a lost one costs seconds.

use std::sync::{Mutex, PoisonError};

use reqwest::header::HeaderMap;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::method::ProviderId;
use super::providers::AttemptId;
use super::{Payments, store};
use crate::clock;
use crate::telemetry::chain;

/// Hints that wait; more are dropped, the ladder asks anyway.
const WAITING_MAX: usize = 4_096;

/// Hints that are to be written, many with one statement.
#[derive(Debug, Default)]
pub(super) struct Hints {
    waiting: Mutex<(Vec<String>, Vec<Uuid>)>,
    woken: Notify,
}

impl Payments {
    /// The callback of the attempt with that secret path came.
    pub fn hint_token(&self, token: &str) {
        // Ours are 64 hexadecimal digits; anything else is nobody's.
        if token.len() == 64 && token.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            self.push_hint(|(tokens, _)| tokens.push(token.to_owned()));
        }
    }

    /// A callback that proved to be a provider's named that attempt.
    pub fn hint_attempt(&self, attempt: AttemptId) {
        self.push_hint(|(_, ids)| ids.push(attempt.0));
    }

    /// A callback came that may be that provider's.
    pub fn hear(&self, provider: ProviderId, headers: &HeaderMap, body: &[u8]) {
        let hint = self.parts.providers.get(provider).and_then(|provider| provider.read_callback(headers, body));
        if let Some(attempt) = hint.and_then(|hint| hint.attempt) {
            self.hint_attempt(attempt);
        }
    }

    fn push_hint(&self, push: impl FnOnce(&mut (Vec<String>, Vec<Uuid>))) {
        let mut waiting = self.hints.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.0.len() + waiting.1.len() < WAITING_MAX {
            push(&mut waiting);
        }
        drop(waiting);
        self.hints.woken.notify_one();
    }

    /// Writes hints until `stop`.
    pub async fn keep_hints(self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.hints.woken.notified() => self.write_hints().await,
            }
        }
    }

    /// Writes the hints that wait.
    pub(super) async fn write_hints(&self) {
        let (tokens, ids) = std::mem::take(&mut *self.hints.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        if tokens.is_empty() && ids.is_empty() {
            return;
        }
        match store::attempts::hint(&self.pool, &tokens, &ids, clock::now()).await {
            Ok(()) => self.shared.woken.notify_one(),
            // The ladder asks anyway.
            Err(error) => tracing::warn!(error = %chain(&error), "callbacks of payment providers were lost"),
        }
    }
}
