//! `boda ledger` and `boda reconcile`: the books checked and read, and a day held against a provider's statement.
//!
//! Separate because of the exit codes: books that do not add up are found by a machine that runs this every night.

use std::path::PathBuf;

use chrono::NaiveDate;
use clap::{Args, Subcommand};
use serde_json::json;

use super::arguments::Place;
use super::help;
use super::{Error, print, start};
use crate::app;
use crate::payments::ProviderId;
use crate::payments::reconciliation::{Day, Source, of_csv};
use crate::telemetry::chain;
use crate::time::Timestamp;

#[derive(Debug, Subcommand)]
pub enum LedgerCommand {
    /// Check that the books are sound, and name what is not
    #[command(after_help = help::LEDGER_CHECK)]
    Check(CheckLedger),
    /// Print the sums of all accounts by kind
    #[command(after_help = help::LEDGER_TRIAL_BALANCE)]
    TrialBalance(PrintTrialBalance),
}

/// How the result is printed.
#[derive(Debug, Args)]
pub struct CheckLedger {
    #[command(flatten)]
    pub place: Place,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// As of when, and how it is printed.
#[derive(Debug, Args)]
pub struct PrintTrialBalance {
    #[command(flatten)]
    pub place: Place,
    /// What was booked before this instant, in RFC 3339 [default: everything]
    #[arg(long, value_name = "TIME", value_parser = instant)]
    pub as_of: Option<Timestamp>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// What is reconciled.
#[derive(Debug, Args)]
pub struct Reconcile {
    #[command(flatten)]
    pub place: Place,
    /// Which day of the Kigali calendar
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub day: NaiveDate,
    /// With which provider only: mtn, airtel or card [default: all]
    #[arg(long, value_name = "NAME", value_parser = provider)]
    pub provider: Option<ProviderId>,
    /// The statement as the provider's portal exports it, in CSV
    #[arg(long, value_name = "FILE.csv", requires = "provider", conflicts_with = "sandbox")]
    pub statement: Option<PathBuf>,
    /// Take the statement of the stand-ins at this base address: http://HOST:PORT
    #[arg(long, value_name = "URL")]
    pub sandbox: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Carries out a command on the books.
pub fn run(command: LedgerCommand) -> Result<(), Error> {
    match command {
        LedgerCommand::Check(asked) => check(&asked),
        LedgerCommand::TrialBalance(asked) => trial_balance(&asked),
    }
}

fn check(asked: &CheckLedger) -> Result<(), Error> {
    let report = start(&asked.place.sources(), app::check_books)?;
    if asked.json {
        print(format_args!("{}\n", json!(report)))?;
    } else {
        for finding in &report.findings {
            print(format_args!("{}: {}\n", finding.check, finding.what))?;
        }
        if report.findings.is_empty() {
            let (transactions, accounts, attempts) = (report.transactions, report.accounts, report.attempts);
            print(format_args!(
                "the books are sound: {transactions} transactions, {accounts} accounts, {attempts} orders, {} checks\n",
                report.checks.len()
            ))?;
        }
    }
    if report.findings.is_empty() {
        return Ok(());
    }
    let message = format!("{} faults in the books. See docs/PAYMENTS.md", report.findings.len());
    Err(Error::Failure(message))
}

fn trial_balance(asked: &PrintTrialBalance) -> Result<(), Error> {
    let as_of = asked.as_of;
    let balance = start(&asked.place.sources(), async |config| app::trial_balance(config, as_of).await)?;
    if asked.json {
        let kinds: Vec<_> = balance
            .kinds
            .iter()
            .map(|total| {
                json!({"kind": total.kind.as_str(), "accounts": total.accounts, "debit_rwf": total.debit.amount(),
                       "credit_rwf": total.credit.amount(), "balance_rwf": total.balance().amount()})
            })
            .collect();
        print(format_args!("{}\n", json!({"kinds": kinds, "difference_rwf": balance.difference.amount()})))?;
    } else {
        print(format_args!("{:<22} {:>9} {:>16} {:>16} {:>16}\n", "kind", "accounts", "debit", "credit", "balance"))?;
        for total in &balance.kinds {
            let (debit, credit) = (total.debit.amount(), total.credit.amount());
            let (kind, accounts, sum) = (total.kind.as_str(), total.accounts, total.balance().amount());
            print(format_args!("{kind:<22} {accounts:>9} {debit:>16} {credit:>16} {sum:>16}\n"))?;
        }
        print(format_args!("{:<22} {:>60}\n", "difference", balance.difference.amount()))?;
    }
    if balance.difference == crate::money::Francs::ZERO {
        return Ok(());
    }
    Err(Error::Failure("the books do not come to zero; run `boda ledger check`".to_owned()))
}

/// Carries out `boda reconcile`.
pub fn reconcile(asked: Reconcile) -> Result<(), Error> {
    let Reconcile { place, day, provider, statement, sandbox, json: is_json } = asked;
    let source = match (&statement, sandbox) {
        (Some(file), _) => {
            let unreadable =
                |source: Box<dyn std::error::Error + Send + Sync>| Error::File { file: file.clone(), source };
            let bytes = std::fs::read(file).map_err(|error| unreadable(error.into()))?;
            let lines = of_csv(&bytes).map_err(|error| unreadable(chain(&error).to_string().into()))?;
            Source::File(lines)
        }
        (None, Some(base)) => Source::Sandbox(base.trim_end_matches('/').to_owned()),
        (None, None) => Source::Provider,
    };
    let days = start(&place.sources(), async |config| app::reconcile(config, day, provider, source).await)?;
    if is_json {
        print(format_args!("{}\n", json!({"day": day, "providers": days})))?;
    } else {
        for done in &days {
            print(text(done))?;
        }
    }
    if days.iter().all(Day::is_clean) {
        return Ok(());
    }
    Err(Error::Failure(
        "the books and the statements differ; each difference is a case. See docs/PAYMENTS.md".to_owned(),
    ))
}

fn text(done: &Day) -> String {
    let mut lines = vec![format!("{} {} (statement: {})", done.provider.as_str(), done.day, done.source)];
    lines.extend(
        done.counts.iter().filter(|(_, count)| **count > 0).map(|(class, count)| format!("  {class}: {count}")),
    );
    lines.push(format!("  fees booked: {} RWF, cases opened: {}", done.fees_rwf, done.cases_opened));
    lines.extend(done.differences.iter().map(|difference| format!("  {difference}")));
    for proof in &done.proof {
        let verdict = if proof.is_explained { "explained" } else { "NOT explained" };
        lines.push(format!(
            "  {}: ledger {} provider {} difference {} (before {}; on its way in {}, out {}): {verdict}",
            proof.account,
            proof.ledger_rwf,
            proof.provider_rwf,
            proof.difference_rwf,
            proof.known_difference_rwf,
            proof.in_flight_in_rwf,
            proof.in_flight_out_rwf,
        ));
    }
    lines.join("\n") + "\n"
}

fn provider(typed: &str) -> Result<ProviderId, String> {
    ProviderId::from_name(typed).ok_or_else(|| "is none of mtn, airtel, card".to_owned())
}

fn instant(typed: &str) -> Result<Timestamp, String> {
    let parsed = chrono::DateTime::parse_from_rfc3339(typed);
    parsed.map(|at| at.to_utc().into()).map_err(|_| "is not an instant such as 2026-11-26T08:00:00Z".to_owned())
}
