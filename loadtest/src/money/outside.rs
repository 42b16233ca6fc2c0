//! The world outside the server: the stand-ins of the providers, their control, and what they say happened.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::child::{Pinned, prepared};
use crate::clock;
use crate::play::Stop;

/// Longest wait for the stand-ins to listen.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// Entries of the journal that are read at once.
const PAGE: usize = 10_000;

/// A time that a wallet was debited, by the provider's own journal.
#[derive(Clone, Debug, PartialEq)]
pub struct Debit {
    /// Our reference of the order.
    pub reference: String,
    /// How much, in francs.
    pub moved: i64,
    /// When, milliseconds since 1970 on the provider's clock.
    pub at_ms: Option<f64>,
}

/// Where it is controlled, and its process if it is one of its own.
#[derive(Debug)]
pub struct World {
    http: Client,
    base: String,
    /// Where everything is, and whom it knows.
    about: Value,
    // Ends when this is dropped.
    _child: Option<Child>,
}

fn failed(err: impl std::fmt::Display) -> Stop {
    Stop::Failed(format!("the sandbox: {err}"))
}

fn client() -> Result<Client, Stop> {
    Client::builder().no_proxy().timeout(Duration::from_secs(60)).build().map_err(failed)
}

/// That of a server which runs it inside.
///
/// # Errors
/// When it does not say where.
pub async fn of_server(address: &str) -> Result<World, Stop> {
    let http = client()?;
    let about = http.get(format!("http://{address}/api/v1/server")).send().await.map_err(failed)?;
    let about: Value = about.json().await.map_err(failed)?;
    let base = about["sandbox_url"].as_str().ok_or_else(|| failed("the server runs none"))?.to_owned();
    Ok(World { http, base, about: Value::Null, _child: None })
}

/// One of its own, which outlives the server.
///
/// # Errors
/// When the program has no `sandbox`, or it does not begin to listen.
pub async fn start(program: &Path) -> Result<World, Stop> {
    let mut command = Command::new(program);
    command.arg("sandbox").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = prepared(&mut command, Pinned::Nowhere).spawn().map_err(failed)?;
    let stdout = child.stdout.take().ok_or_else(|| failed("has no output"))?;
    let mut lines = BufReader::new(stdout).lines();
    let base = timeout(READY_WITHIN, async {
        while let Ok(Some(line)) = lines.next_line().await {
            if let Some(base) = line.strip_prefix("ready ") {
                return Some(base.trim().to_owned());
            }
        }
        None
    });
    let base = base.await.ok().flatten().ok_or_else(|| failed("did not say where it listens"))?;
    // Its pipe stays open, or it would fail at its next word.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    let mut world = World { http: client()?, base, about: Value::Null, _child: Some(child) };
    world.about = world.ask(Method::GET, "", None).await?;
    Ok(world)
}

impl World {
    /// Settings of a server that is to find it.
    pub fn settings(&self) -> Vec<(String, String)> {
        let at = |name: &str| self.about["addresses"][name].as_str().unwrap_or_default().to_owned();
        let known = |of: &str, key: &str| self.about["credentials"][of][key].as_str().unwrap_or_default().to_owned();
        [
            ("MTN__BASE_URL", at("mtn")),
            ("MTN__API_USER", known("mtn", "api_user")),
            ("MTN__API_KEY", known("mtn", "api_key")),
            ("MTN__COLLECTION_KEY", known("mtn", "collection_key")),
            ("MTN__DISBURSEMENT_KEY", known("mtn", "disbursement_key")),
            ("MTN__CALLBACK_HOST", "127.0.0.1".to_owned()),
            ("AIRTEL__BASE_URL", at("airtel")),
            ("AIRTEL__CLIENT_ID", known("airtel", "client_id")),
            ("AIRTEL__CLIENT_SECRET", known("airtel", "client_secret")),
            ("AIRTEL__CALLBACK_KEY", known("airtel", "callback_key")),
        ]
        .map(|(key, value)| (format!("BODA__{key}"), value))
        .to_vec()
    }

    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, Stop> {
        let request = self.http.request(method, format!("{}/_sim{path}", self.base));
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        let answer = request.send().await.map_err(failed)?;
        let status = answer.status();
        let text = answer.text().await.map_err(failed)?;
        if !status.is_success() {
            return Err(failed(format!("{path}: {status} {text}")));
        }
        Ok(serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    /// From now on things go wrong, each with a chance of its own: lost connections before and after, errors that moved money
    /// and such that did not, pages instead of JSON, half answers, slow ones; callbacks lost, late, doubled, of others.
    ///
    /// # Errors
    /// When the sandbox refuses.
    pub async fn go_wrong(&self, seed: u64) -> Result<(), Stop> {
        let faults = [
            json!({"match": {"op": "submit"}, "kind": "drop_before", "probability": 0.03}),
            json!({"match": {"op": "submit"}, "kind": "drop_after_commit", "probability": 0.05}),
            json!({"match": {"op": "submit"}, "kind": "status", "status": 503, "probability": 0.03}),
            json!({"match": {"op": "submit"}, "kind": "status", "status": 500, "commits": true, "probability": 0.03}),
            json!({"match": {"op": "submit"}, "kind": "html_page", "commits": true, "probability": 0.02}),
            json!({"match": {"op": "submit"}, "kind": "truncated_json", "probability": 0.02}),
            json!({"match": {"op": "status"}, "kind": "status", "status": 429, "probability": 0.02}),
            json!({"match": {"op": "status"}, "kind": "html_page", "probability": 0.02}),
            json!({"match": {"op": "status"}, "kind": "delay_ms", "ms": 400, "probability": 0.03}),
            json!({"kind": "callback_none", "probability": 0.1}),
            json!({"kind": "callback_dup", "times": 3, "probability": 0.1}),
            json!({"kind": "callback_late", "ms": 5_000, "probability": 0.1}),
            json!({"kind": "callback_wrong_id", "probability": 0.05}),
        ];
        for (number, fault) in faults.into_iter().enumerate() {
            let mut fault = fault;
            fault["seed"] = json!(seed.wrapping_mul(1_000).wrapping_add(number as u64) & 0xffff_ffff);
            self.ask(Method::POST, "/faults", Some(&fault)).await?;
        }
        Ok(())
    }

    /// No callback comes any more.
    ///
    /// # Errors
    /// When the sandbox refuses.
    pub async fn lose_callbacks(&self) -> Result<(), Stop> {
        self.ask(Method::POST, "/faults", Some(&json!({"kind": "callback_none"}))).await.map(drop)
    }

    /// Nothing goes wrong any more.
    ///
    /// # Errors
    /// When the sandbox refuses.
    pub async fn all_is_well(&self) -> Result<(), Stop> {
        self.ask(Method::DELETE, "/faults", None).await.map(drop)
    }

    /// The world's clock jumps.
    ///
    /// # Errors
    /// When the sandbox refuses.
    pub async fn advance(&self, by: Duration) -> Result<(), Stop> {
        self.ask(Method::POST, "/clock/advance", Some(&json!({"seconds": by.as_secs()}))).await.map(drop)
    }

    /// Now, milliseconds since 1970.
    pub fn now_ms(&self) -> f64 {
        now_ms()
    }

    /// Every debit of a wallet, oldest first.
    ///
    /// # Errors
    /// When the sandbox does not say.
    pub async fn debits(&self) -> Result<Vec<Debit>, Stop> {
        let (mut debits, mut after) = (Vec::new(), 0);
        loop {
            let page = self.ask(Method::GET, &format!("/journal?limit={PAGE}&after={after}"), None).await?;
            let items = page["items"].as_array().ok_or_else(|| failed("its journal is no list"))?;
            debits.extend(items.iter().filter_map(debit));
            match items.last().and_then(|last| last["number"].as_u64()) {
                Some(last) => after = last,
                None => return Ok(debits),
            }
        }
    }
}

/// A debit, of an entry that is one.
fn debit(entry: &Value) -> Option<Debit> {
    let delta = entry["delta"].as_f64()?;
    (delta < 0.0).then(|| Debit {
        reference: entry["reference"].as_str().unwrap_or_default().to_owned(),
        moved: -delta as i64,
        at_ms: entry["at"].as_str().and_then(millis),
    })
}

/// Now, milliseconds since 1970.
pub fn now_ms() -> f64 {
    clock::now_ms() as f64
}

/// Milliseconds since 1970 of `2026-11-25T07:30:00.123Z`.
fn millis(text: &str) -> Option<f64> {
    let (day, time) = text.strip_suffix('Z')?.split_once('T')?;
    let mut parts = day.split('-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    let mut parts = time.split(':').map(|part| part.parse::<f64>().ok());
    let seconds = parts.next()?? * 3_600.0 + parts.next()?? * 60.0 + parts.next()??;
    // Days since 1970 of a date, by the usual counting of years that begin in March.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year - era * 400;
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    Some((days as f64 * 86_400.0 + seconds) * 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        assert_eq!(millis("1970-01-01T00:00:00Z"), Some(0.0));
        assert_eq!(millis("2026-11-26T09:00:00.250Z"), Some(1_795_683_600_250.0));
        assert_eq!(millis("2024-02-29T00:00:00Z"), Some(1_709_164_800_000.0));
        assert_eq!(millis("yesterday"), None);
    }

    #[test]
    fn only_money_that_left_a_wallet_is_a_debit() {
        let of = |delta: i64| debit(&json!({"reference": "x", "delta": delta, "at": "1970-01-01T00:00:01Z"}));
        assert_eq!(of(-500), Some(Debit { reference: "x".into(), moved: 500, at_ms: Some(1_000.0) }));
        assert_eq!((of(500), of(0)), (None, None));
    }
}
