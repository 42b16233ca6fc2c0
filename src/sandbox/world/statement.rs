//! A provider's statement of a day, with mistakes in it if wished.
//!
//! Separate because a statement is what the provider *says*: the journal of the wallets stays true whatever is made wrong
//! here.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::{Amount, Flow, Provider, State, Status, Transaction};
use crate::time::{Span, Timestamp};

/// Mistakes at once; one more is refused.
pub const DISCREPANCIES_MAX: usize = 1_000;

/// A line of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// The provider's name of the transaction.
    pub provider_reference: String,
    /// The customer's, as its statements show it: of MTN the external id, of the others the identity of the order.
    pub our_reference: String,
    /// By which the order was sent: of MTN `X-Reference-Id`.
    pub sent_as: String,
    /// `collection`, `refund` or `payout`.
    pub operation: &'static str,
    /// What moved; of a failed one what was to move.
    pub amount: Amount,
    /// What the provider kept.
    pub fee: Amount,
    /// In what.
    pub currency: &'static str,
    /// `SUCCESSFUL` or `FAILED`.
    pub status: &'static str,
    /// When it was over.
    pub at: Timestamp,
}

/// What is wrong with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DiscrepancyKind {
    /// The statement has a line that the customer knows nothing of.
    MissingHere,
    /// The statement lacks the line.
    MissingThere,
    /// The line has another amount.
    AmountDiffers,
    /// The line says the contrary.
    StatusDiffers,
    /// The line is there twice.
    Duplicate,
}

/// A mistake in statements.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Discrepancy {
    /// Whose statement.
    pub provider: Provider,
    /// What is wrong.
    pub kind: DiscrepancyKind,
    /// Which line, by either reference of the customer or by the provider's; if not said, the first successful one that
    /// nothing else is wrong with.
    #[serde(default)]
    pub reference: Option<String>,
    /// By how much an amount differs; of a line that is made up, its amount.
    #[serde(default)]
    pub amount: Option<i64>,
}

impl State {
    /// The statement of a day in Kigali.
    pub fn statement(&self, provider: Provider, tenant: Option<&str>, day: NaiveDate) -> Vec<Line> {
        let lines = self.book.all().filter_map(|transaction| {
            let at = transaction.ended.filter(|at| at.kigali_day() == day)?;
            let operation = match transaction.flow {
                Flow::In => "collection",
                Flow::Out => "payout",
                Flow::Back => "refund",
                Flow::Nowhere => return None,
            };
            let status = match transaction.status {
                Status::Successful => "SUCCESSFUL",
                Status::Failed(_) => "FAILED",
                Status::Created | Status::Pending | Status::Cancelled => return None,
            };
            let is_wanted =
                transaction.provider == provider && tenant.is_none_or(|tenant| *transaction.tenant == *tenant);
            let our_reference = match provider {
                Provider::Mtn if !transaction.external_id.is_empty() => &transaction.external_id,
                _ => &transaction.reference,
            };
            is_wanted.then(|| Line {
                provider_reference: self.stated_reference(transaction).to_owned(),
                our_reference: our_reference.clone(),
                sent_as: transaction.reference.clone(),
                operation,
                amount: transaction.moves,
                fee: transaction.fee,
                currency: transaction.currency,
                status,
                at,
            })
        });
        let mut lines: Vec<Line> = lines.collect();
        lines.sort_by_key(|line| line.at);
        let wrong = self.discrepancies.iter().filter(|discrepancy| discrepancy.provider == provider);
        with_mistakes(lines, wrong, day)
    }
}

impl State {
    /// The provider's name of an order in statements. Airtel's answer to a refund names nothing but the payment that was
    /// given back, so a customer could not find any other name again.
    pub fn stated_reference<'a>(&'a self, transaction: &'a Transaction) -> &'a str {
        let original = transaction.original.filter(|_| transaction.provider == Provider::Airtel);
        let original = original.and_then(|original| self.book.get(original));
        &original.unwrap_or(transaction).provider_reference
    }
}

fn with_mistakes<'a>(lines: Vec<Line>, wrong: impl Iterator<Item = &'a Discrepancy>, day: NaiveDate) -> Vec<Line> {
    let mut lines: Vec<(Line, bool)> = lines.into_iter().map(|line| (line, false)).collect();
    for (count, discrepancy) in (1..).zip(wrong) {
        if discrepancy.kind == DiscrepancyKind::MissingHere {
            lines.push((made_up(discrepancy, count, day), true));
            continue;
        }
        let is_meant = |(line, is_wrong): &(Line, bool)| match &discrepancy.reference {
            Some(reference) => [&line.provider_reference, &line.our_reference, &line.sent_as].contains(&reference),
            None => !is_wrong && line.status == "SUCCESSFUL",
        };
        let Some(place) = lines.iter().position(is_meant) else { continue };
        lines[place].1 = true;
        let line = &mut lines[place].0;
        match discrepancy.kind {
            DiscrepancyKind::MissingThere => drop(lines.remove(place)),
            DiscrepancyKind::AmountDiffers => line.amount.0 += Amount::whole(discrepancy.amount.unwrap_or(100)).0,
            DiscrepancyKind::StatusDiffers => {
                line.status = if line.status == "SUCCESSFUL" { "FAILED" } else { "SUCCESSFUL" };
            }
            DiscrepancyKind::Duplicate => {
                let again = lines[place].clone();
                lines.insert(place + 1, again);
            }
            DiscrepancyKind::MissingHere => {}
        }
    }
    lines.into_iter().map(|(line, _)| line).collect()
}

fn made_up(discrepancy: &Discrepancy, count: usize, day: NaiveDate) -> Line {
    let reference = discrepancy.reference.clone();
    Line {
        provider_reference: reference.unwrap_or_else(|| format!("MADEUP{}{count:03}", day.format("%Y%m%d"))),
        our_reference: String::new(),
        sent_as: String::new(),
        operation: "collection",
        amount: Amount::whole(discrepancy.amount.unwrap_or(1_000)),
        fee: Amount(0),
        currency: "RWF",
        status: "SUCCESSFUL",
        at: Timestamp::start_of_kigali_day(day) + Span::from_minutes(12 * 60),
    }
}
