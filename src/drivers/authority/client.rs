//! The client of a register over HTTP. No such register has published a wire; this one is ours, written down in
//! docs/DRIVERS.md and spoken by the sandbox.
//!
//! `POST BASE/v1/verifications`, `Authorization: Bearer KEY`, `{"kind": "licence" | "vehicle", "number", "first_name",
//! "last_name"}`; the answer is `{"result": "valid" | "expired" | "suspended" | "unknown" | "name_mismatch"}`.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::{Authority, Outcome, Question, Verification};
use crate::redact::Secret;
use crate::time::Span;

/// Largest answer that is read.
const ANSWER_BYTES_MAX: usize = 16 * 1024;

/// Where the register is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Site {
    /// `https://HOST`, without a path.
    At(String),
    /// The stand-in, wherever it listens.
    Sandbox,
}

/// Where the register is and who we are to it.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where.
    pub site: Site,
    /// Our key.
    pub api_key: Secret<String>,
    /// How long one attempt may take.
    pub timeout: Span,
    /// Whether a paper that it calls valid is approved without a reviewer.
    pub approves: bool,
}

/// A client of a register.
pub struct Register {
    address: String,
    api_key: Secret<String>,
    timeout: Span,
    http: reqwest::Client,
}

#[derive(Deserialize)]
struct Answer {
    result: Verification,
}

impl Register {
    /// Asks at `base_url` through `http`.
    pub fn new(base_url: &str, config: &Config, http: reqwest::Client) -> Self {
        let address = format!("{base_url}/v1/verifications");
        Self { address, api_key: config.api_key.clone(), timeout: config.timeout, http }
    }

    async fn attempt(&self, question: &Question) -> Outcome {
        let Question { kind, number, first_name, last_name } = question;
        let body = json!({"kind": kind, "number": number, "first_name": first_name, "last_name": last_name});
        let request = self
            .http
            .post(&self.address)
            .bearer_auth(self.api_key.expose())
            .timeout(self.timeout.to_duration())
            .json(&body);
        let mut response = match request.send().await {
            Ok(response) => response,
            Err(error) if error.is_timeout() => return Outcome::TryAgain("the authority did not answer in time"),
            Err(_) => return Outcome::TryAgain("the authority could not be reached"),
        };
        match response.status() {
            status if status.is_success() => {}
            StatusCode::TOO_MANY_REQUESTS => return Outcome::TryAgain("the authority is asked too often"),
            status if status.is_server_error() => return Outcome::TryAgain("the authority is in trouble"),
            _ => return Outcome::NotUnderstood("the authority refuses the question"),
        }
        let mut body = Vec::new();
        loop {
            match response.chunk().await {
                Ok(None) => return understood(&body),
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Err(_) => return Outcome::TryAgain("the authority's answer broke off"),
            }
            if body.len() > ANSWER_BYTES_MAX {
                return Outcome::NotUnderstood("the authority's answer is too large");
            }
        }
    }
}

fn understood(body: &[u8]) -> Outcome {
    match serde_json::from_slice::<Answer>(body) {
        // Words of ours, not of theirs.
        Ok(Answer { result: Verification::Asked | Verification::Unanswered }) | Err(_) => {
            Outcome::NotUnderstood("the authority's answer was not understood")
        }
        Ok(Answer { result }) => Outcome::Said(result),
    }
}

impl Authority for Register {
    fn is_there(&self) -> bool {
        true
    }

    fn ask<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Outcome> {
        self.attempt(question).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_words_of_the_register_are_understood() {
        let check = |body: &str, expected: Option<Verification>| {
            let outcome = understood(body.as_bytes());
            match expected {
                Some(expected) => assert_eq!(outcome, Outcome::Said(expected), "{body}"),
                None => assert!(matches!(outcome, Outcome::NotUnderstood(_)), "{body}: {outcome:?}"),
            }
        };
        check(r#"{"result":"valid","expires_on":"2030-01-01"}"#, Some(Verification::Valid));
        check(r#"{"result":"name_mismatch"}"#, Some(Verification::NameMismatch));
        for nonsense in
            [r#"{"result":"fine"}"#, r#"{"result":"unanswered"}"#, r#"{"result":"asked"}"#, "<html>", "", "{}"]
        {
            check(nonsense, None);
        }
    }
}
