//! No gateway at all: for a machine on which nothing is configured.
//!
//! It says that an SMS was not sent, and nothing else: a number or a text in a log would be a code in a log.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::notifications::sms::{Outcome, Provider, Sms};

/// Refuses every SMS.
#[derive(Debug)]
pub struct NoGateway;

impl Provider for NoGateway {
    fn name(&self) -> &'static str {
        "log"
    }

    fn send<'a>(&'a self, _: &'a Sms) -> BoxFuture<'a, Outcome> {
        tracing::warn!("an SMS was not sent: no provider configured");
        std::future::ready(Outcome::Refused { reason: "no provider configured".into() }).boxed()
    }
}
