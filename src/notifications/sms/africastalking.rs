//! The gateway Africa's Talking: `POST /version1/messaging`, a form in, JSON out.
//!
//! Separate because the wire is theirs. Two traps of it are handled here: status 201 does not mean that the SMS was
//! taken (each recipient has its own status code), and a wrong key is answered in plain text, not JSON.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use reqwest::StatusCode;
use reqwest::header::ACCEPT;
use serde::Deserialize;

use crate::notifications::sms::{Outcome, Provider, Sms};
use crate::redact::Secret;
use crate::time::Span;

/// Largest answer that is read.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Where the gateway is and who we are to it.
#[derive(Clone, Debug)]
pub struct Config {
    /// `https://api.africastalking.com`, without a path and without a slash at the end.
    pub base_url: String,
    /// The account.
    pub username: String,
    /// Its key.
    pub api_key: Secret<String>,
    /// Registered sender id, at most 11 characters; the gateway's shared number without one.
    pub sender: Option<String>,
    /// How long one attempt may take.
    pub timeout: Span,
}

/// A client of the gateway.
#[derive(Debug)]
pub struct AfricasTalking {
    config: Config,
    http: reqwest::Client,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "SMSMessageData")]
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    /// Where no recipient was looked at, this names the reason: "InvalidSenderId".
    #[serde(rename = "Message", default)]
    message: String,
    #[serde(rename = "Recipients", default)]
    recipients: Vec<Recipient>,
}

#[derive(Deserialize)]
struct Recipient {
    #[serde(rename = "statusCode")]
    status_code: u16,
    #[serde(rename = "messageId", default)]
    message_id: Option<String>,
}

impl AfricasTalking {
    /// A client that sends through `http`.
    pub fn new(config: Config, http: reqwest::Client) -> Self {
        Self { config, http }
    }

    async fn attempt(&self, sms: &Sms) -> Outcome {
        let mut form = vec![
            ("username", self.config.username.as_str()),
            ("to", sms.to.as_str()),
            ("message", sms.text.expose().as_str()),
            ("bulkSMSMode", "1"),
            ("enqueue", "1"),
        ];
        if let Some(sender) = &self.config.sender {
            form.push(("from", sender));
        }
        let request = self
            .http
            .post(format!("{}/version1/messaging", self.config.base_url))
            .header("apiKey", self.config.api_key.expose())
            .header(ACCEPT, "application/json")
            .timeout(self.config.timeout.to_duration())
            .form(&form);
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) if error.is_timeout() => return try_again("the gateway did not answer in time"),
            Err(_) => return try_again("the gateway could not be reached"),
        };
        let status = response.status();
        match body(response).await {
            Some(body) => outcome(status, &body),
            None => try_again("the gateway's answer broke off or was too large"),
        }
    }
}

impl Provider for AfricasTalking {
    fn name(&self) -> &'static str {
        "africastalking"
    }

    fn send<'a>(&'a self, sms: &'a Sms) -> BoxFuture<'a, Outcome> {
        self.attempt(sms).boxed()
    }
}

async fn body(mut response: reqwest::Response) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.ok()? {
        body.extend_from_slice(&chunk);
        if body.len() > ANSWER_BYTES_MAX {
            return None;
        }
    }
    Some(body)
}

fn try_again(reason: &'static str) -> Outcome {
    Outcome::TryAgain { reason: reason.into() }
}

/// What an answer means. Our account's troubles (key, sender id, balance) count as "not now": an operator can end them,
/// and then the SMS should go out.
fn outcome(status: StatusCode, body: &[u8]) -> Outcome {
    if status == StatusCode::UNAUTHORIZED || status == StatusCode::FORBIDDEN {
        return try_again("the gateway refused our key");
    }
    if !status.is_success() {
        return Outcome::TryAgain { reason: format!("the gateway answered {}", status.as_u16()).into() };
    }
    let Ok(Answer { data }) = serde_json::from_slice(body) else {
        return try_again("the gateway's answer was not understood");
    };
    let Some(recipient) = data.recipients.into_iter().next() else {
        return try_again(if data.message == "InvalidSenderId" {
            "the gateway refused our sender id"
        } else {
            "the gateway took no recipient"
        });
    };
    match recipient.status_code {
        100..=102 => Outcome::Sent { provider_message_id: recipient.message_id },
        401 => try_again("401 risk hold on our account"),
        402 => try_again("402 the gateway refused our sender id"),
        405 => try_again("405 our balance is used up"),
        403 => Outcome::Refused { reason: "403 not a number the gateway knows".into() },
        404 => Outcome::Refused { reason: "404 not a number that takes an SMS".into() },
        406 => Outcome::Refused { reason: "406 the number is blacklisted".into() },
        409 => Outcome::Refused { reason: "409 the number does not want messages".into() },
        code => Outcome::TryAgain { reason: format!("{code} from the gateway").into() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: u16, body: &str, expected: &Outcome) {
        let status = StatusCode::from_u16(status).expect("a status");
        assert_eq!(&outcome(status, body.as_bytes()), expected, "{status} {body}");
    }

    fn recipient(code: u16) -> String {
        format!(
            r#"{{"SMSMessageData":{{"Message":"Sent to 1/1 Total Cost: RWF 10","Recipients":[{{"statusCode":{code},
               "number":"+250788123456","status":"Success","cost":"RWF 10","messageId":"ATXid_1"}}]}}}}"#
        )
    }

    #[test]
    fn a_taken_sms_keeps_the_gateways_name_for_it() {
        let sent = Outcome::Sent { provider_message_id: Some("ATXid_1".into()) };
        for code in [100, 101, 102] {
            check(201, &recipient(code), &sent);
        }
    }

    #[test]
    fn created_does_not_mean_taken() {
        let refused = |reason: &'static str| Outcome::Refused { reason: reason.into() };
        check(201, &recipient(403), &refused("403 not a number the gateway knows"));
        check(201, &recipient(406), &refused("406 the number is blacklisted"));
        check(201, &recipient(405), &try_again("405 our balance is used up"));
        check(201, &recipient(500), &try_again("500 from the gateway"));
        let empty = r#"{"SMSMessageData":{"Message":"InvalidSenderId","Recipients":[]}}"#;
        check(201, empty, &try_again("the gateway refused our sender id"));
    }

    #[test]
    fn plain_text_and_nonsense_are_not_mistaken_for_answers() {
        check(401, "The supplied authentication is invalid", &try_again("the gateway refused our key"));
        check(502, "<html>", &try_again("the gateway answered 502"));
        check(201, "OK", &try_again("the gateway's answer was not understood"));
    }
}
