//! Telling the customer that an order is over: tried once, whatever comes of it.
//!
//! Separate because it is the only thing the world does by itself, in time: a task lets come due what is due, and sends.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::faults::{self, Target};
use super::{Due, FaultKind, Provider, State, Status, TOLD_MAX, World};
use crate::sandbox::{airtel, card, mtn};
use crate::time::{Span, Timestamp};

/// Callbacks under way at once.
const UNDER_WAY_MAX: usize = 64;
/// How long a customer may take to answer one.
const ANSWERED_WITHIN: Duration = Duration::from_secs(5);
/// How late a late one is, if the fault does not say.
const LATE_MS: u64 = 60_000;

/// One to be sent.
#[derive(Clone, Debug)]
pub struct Callback {
    /// From whom.
    pub provider: Provider,
    /// Where to.
    pub url: String,
    /// `PUT` or `POST`.
    pub method: &'static str,
    /// Beside the content type.
    pub headers: Vec<(&'static str, String)>,
    /// JSON.
    pub body: String,
    /// The customer's reference of the order.
    pub reference: String,
}

/// One that was sent, or was not.
#[derive(Clone, Debug, Serialize)]
pub struct Told {
    /// When.
    pub at: Timestamp,
    /// From whom.
    pub provider: Provider,
    /// The customer's reference of the order.
    pub reference: String,
    /// How.
    pub method: &'static str,
    /// What was said.
    pub body: String,
    /// What the customer answered; none if it could not be reached.
    pub answered: Option<u16>,
    /// Why it was not sent at all.
    pub refused: Option<&'static str>,
}

impl State {
    /// Calls back that an order has this status.
    pub(super) fn announce(&mut self, number: u64, said: Status, now: Timestamp) {
        let Some(transaction) = self.book.get(number) else { return };
        let make = match transaction.provider {
            Provider::Mtn => mtn::callback,
            Provider::Airtel => airtel::callback,
            Provider::Card => card::callback,
        };
        let Some(callback) = make(transaction, said, &self.switches, now) else { return };
        let msisdn = Some(transaction.party.as_str());
        let target = Target { provider: transaction.provider, op: transaction.kind, is_submit: true, msisdn };
        let Some(fault) = faults::strike(&mut self.faults, &target, true) else {
            self.outgoing.push(callback);
            return;
        };
        match fault.kind {
            FaultKind::CallbackDup => {
                let times = usize::try_from(fault.times.unwrap_or(2).min(100)).unwrap_or_default();
                self.outgoing.extend(std::iter::repeat_n(callback, times));
            }
            FaultKind::CallbackLate => {
                let late = i64::try_from(fault.ms.unwrap_or(LATE_MS)).unwrap_or(i64::MAX);
                self.at(now + Span::from_millis(late), Due::Tell(Box::new(callback)));
            }
            FaultKind::CallbackWrongId => {
                let mut other = transaction.clone();
                other.external_id = Uuid::new_v4().to_string();
                other.reference.clone_from(&other.external_id);
                self.outgoing.extend(make(&other, said, &self.switches, now));
            }
            _ => {}
        }
    }
}

/// Lets come due what is due and sends callbacks, until `stop`.
pub async fn run(world: Arc<World>, mut calls: mpsc::Receiver<Callback>, stop: CancellationToken) {
    let http = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(ANSWERED_WITHIN)
        .build();
    let http = match http {
        Ok(http) => http,
        Err(error) => {
            tracing::error!(target: "sandbox", %error, "no callback can be sent");
            return;
        }
    };
    let (places, under_way) = (Arc::new(Semaphore::new(UNDER_WAY_MAX)), TaskTracker::new());
    loop {
        let next = world.with(|state, now| state.next_due().map(|at| at.since(now).to_duration()));
        tokio::select! {
            () = stop.cancelled() => break,
            () = world.wake.notified() => {}
            () = tokio::time::sleep(next.unwrap_or(Duration::MAX)), if next.is_some() => {}
            Some(callback) = calls.recv() => {
                let place = tokio::select! {
                    () = stop.cancelled() => break,
                    place = Arc::clone(&places).acquire_owned() => place,
                };
                let (world, http) = (Arc::clone(&world), http.clone());
                under_way.spawn(async move {
                    send(&world, &http, callback).await;
                    drop(place);
                });
            }
        }
    }
}

async fn send(world: &World, http: &reqwest::Client, callback: Callback) {
    let Callback { provider, url, method, headers, body, reference } = callback;
    let refused = (!is_on_this_machine(&url)).then_some("the sandbox calls back on this machine only");
    let mut answered = None;
    if refused.is_none() {
        let request = if method == "PUT" { http.put(&url) } else { http.post(&url) };
        let request = request.header("content-type", "application/json").body(body.clone());
        let request = headers.into_iter().fold(request, |request, (name, value)| request.header(name, value));
        answered = request.send().await.ok().map(|answer| answer.status().as_u16());
    }
    world.with(|state, at| {
        if state.told.len() >= TOLD_MAX {
            state.told.pop_front();
        }
        state.told.push_back(Told { at, provider, reference, method, body, answered, refused });
    });
}

/// Whether an address can only be of this machine: a stand-in must not knock at other people's doors.
fn is_on_this_machine(url: &str) -> bool {
    let Ok(url) = reqwest::Url::parse(url) else { return false };
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_called_back() {
        for url in ["http://127.0.0.1:1/x", "http://localhost/x", "https://[::1]:8/x", "http://127.9.9.9/"] {
            assert!(is_on_this_machine(url), "{url}");
        }
        for url in ["http://example.rw/", "http://10.0.0.1/", "http://localhost.example.rw/", "", "localhost"] {
            assert!(!is_on_this_machine(url), "{url}");
        }
    }
}
