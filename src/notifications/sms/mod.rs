//! Sending an SMS through a gateway: what is asked, what may come of it, and which gateways there are.
//!
//! Separate because a gateway is the outside world. None of them takes an idempotency key, so an answer that did not
//! arrive may mean that the SMS did: trying again may send it twice, which is harmless for the texts we send and better
//! than not at all.

pub mod africastalking;
pub mod log;

use std::borrow::Cow;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::phone::Phone;
use crate::redact::Secret;

/// One text to one number.
#[derive(Clone, Debug)]
pub struct Sms {
    /// Whose phone.
    pub to: Phone,
    /// What it says: it may hold a code.
    pub text: Secret<String>,
}

/// What came of an attempt. Reasons are codes and kinds of fault, never a number, a text or a gateway's own words: they
/// are stored and logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The gateway took it. Delivery is reported later, if at all.
    Sent {
        /// The gateway's name for it, where it gave one.
        provider_message_id: Option<String>,
    },
    /// It will never be sent: another attempt would end the same way.
    Refused {
        /// Why.
        reason: Cow<'static, str>,
    },
    /// Not now; or it is not known whether it was sent.
    TryAgain {
        /// Why.
        reason: Cow<'static, str>,
    },
}

/// A gateway.
pub trait Provider: Send + Sync {
    /// Its name in records and metrics.
    fn name(&self) -> &'static str;

    /// One attempt, which ends within the gateway's time-out.
    fn send<'a>(&'a self, sms: &'a Sms) -> BoxFuture<'a, Outcome>;
}

/// Which gateway.
#[derive(Clone, Debug)]
pub enum Config {
    /// None: an SMS is noted as not sent.
    Log,
    /// Africa's Talking, or a stand-in that speaks its protocol.
    AfricasTalking(africastalking::Config),
}

/// The gateway of a configuration.
pub fn provider(config: &Config, http: &reqwest::Client) -> Arc<dyn Provider> {
    match config {
        Config::Log => Arc::new(log::NoGateway),
        Config::AfricasTalking(config) => Arc::new(africastalking::AfricasTalking::new(config.clone(), http.clone())),
    }
}
