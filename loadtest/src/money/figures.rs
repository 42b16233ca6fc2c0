//! What a run comes to.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::books::Books;
use super::outside::Debit;
use super::telling::Heard;
use super::truth::Verdict;
use crate::measure::figures::{Latency, histogram};
use crate::play::Stop;

/// The report.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Figures {
    /// Rides that were completed.
    pub rides: u64,
    /// Rides that could not be ridden, with what the first of them was told.
    pub rides_failed: u64,
    /// See above.
    pub first_failure: Option<String>,
    /// How often the server was killed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kills: Option<u32>,
    /// How long was ridden.
    pub seconds: f64,
    /// Whether things went wrong on purpose.
    pub faults: bool,
    /// Whether callbacks came.
    pub callbacks: bool,
    /// Intents that are paid.
    pub payments_settled: i64,
    /// The same for each second between the first that was opened and the last that was paid.
    pub settled_per_s: f64,
    /// Intents by state.
    pub intents: BTreeMap<String, i64>,
    /// Orders that had not ended when waiting was given up, by state: those for numbers that never answer.
    pub still_open: BTreeMap<String, i64>,
    /// Debits of wallets, counted at the providers.
    pub wallet_debits: u64,
    /// Rides for which more than one debit was made.
    pub double_charges: u64,
    /// Debits that are not exactly one capture.
    pub unaccounted: u64,
    /// Captures of which no wallet knows.
    pub unfounded: u64,
    /// Debits of another amount than asked for, which wait for a person.
    pub for_review: u64,
    /// Whether the ledger is, as a whole and transaction by transaction, and the intents have what their captures say.
    pub ledger_balanced: bool,
    /// From the ride's completion to the first byte to the provider.
    pub completion_to_asked_ms: Latency,
    /// From the provider's own end of a payment to the rider's app having been told over its socket.
    pub done_to_told_ms: Latency,
    /// The same to the books.
    pub done_to_booked_ms: Latency,
    /// The first things that are wrong.
    pub examples: Vec<String>,
}

impl Figures {
    /// Whether every promise was kept, and there was something to keep.
    pub fn is_sound(&self) -> bool {
        let broken = self.double_charges + self.unaccounted + self.unfounded;
        broken == 0 && self.ledger_balanced && self.payments_settled > 0
    }
}

fn record(times: &mut Histogram<u64>, from_ms: f64, to_ms: f64) {
    let us = ((to_ms - from_ms).max(0.0) * 1_000.0) as u64;
    // Longer than a minute is a minute: the histogram's end.
    let _ = times.record(us.clamp(1, 60_000_000));
}

/// Figures from the books and the world; latencies only of what ended before `until_ms`, since then the world's clock jumped.
///
/// # Errors
/// When the database is away.
pub async fn of(
    books: &mut Books,
    verdict: &Verdict,
    debits: &[Debit],
    heard: &Heard,
    until_ms: f64,
) -> Result<Figures, Stop> {
    let intents = books.intents().await?;
    let settled = intents.get("succeeded").copied().unwrap_or_default();
    let settling_s = books.settling_s().await?;
    let ends: BTreeMap<String, f64> = debits
        .iter()
        .filter_map(|one| Some((one.reference.replace('-', ""), one.at_ms?)))
        .filter(|(_, ended)| *ended < until_ms)
        .collect();
    let (mut asked, mut told, mut booked) = (histogram(), histogram(), histogram());
    for line in books.timelines().await? {
        if let Some(at) = line.asked_ms {
            record(&mut asked, line.completed_ms, at);
        }
        let Some(ended) = ends.get(&line.attempt.replace('-', "")) else { continue };
        if let Some(finished) = line.finished_ms {
            record(&mut booked, *ended, finished);
        }
        if let Some(at) = heard.get(&line.ride) {
            record(&mut told, *ended, *at);
        }
    }
    Ok(Figures {
        payments_settled: settled,
        settled_per_s: if settling_s > 0.0 { settled as f64 / settling_s } else { 0.0 },
        intents,
        wallet_debits: verdict.debits,
        double_charges: verdict.double_charges,
        unaccounted: verdict.unaccounted,
        unfounded: verdict.unfounded,
        for_review: verdict.for_review,
        examples: verdict.examples.clone(),
        ledger_balanced: books.are_balanced().await?,
        completion_to_asked_ms: Latency::from(&asked),
        done_to_told_ms: Latency::from(&told),
        done_to_booked_ms: Latency::from(&booked),
        ..Figures::default()
    })
}
