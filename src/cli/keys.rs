//! `boda keys`: what can be typed, and what is printed of them.

use std::fmt::Write as _;
use std::io::Write as _;

use clap::Subcommand;

use super::arguments::Place;
use super::help;
use super::{Error, print, run_until_done, start};
use crate::app;
use crate::telemetry::chain;
use crate::time::Timestamp;
use crate::vault::rotation::{KeyState, Outcome};

#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// List the keys that seal, their state, and how much each has sealed
    #[command(after_help = help::KEYS_LIST)]
    List(Place),
    /// Bring a newer key into use
    #[command(after_help = help::KEYS_ROTATE)]
    Rotate {
        /// Which key.
        #[command(subcommand)]
        command: RotateCommand,
    },
    /// Seal anew, with the key that seals now, what older keys have sealed
    #[command(after_help = help::KEYS_RESEAL)]
    Reseal(Place),
    /// Open what is sealed, and tell what does not open
    #[command(after_help = help::KEYS_CHECK)]
    Check {
        /// Only so many values of each column, anywhere
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..=1_000_000))]
        sample: Option<i64>,
        /// Which house.
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Debug, Subcommand)]
pub enum RotateCommand {
    /// The key that seals personal data
    #[command(after_help = help::KEYS_ROTATE_VAULT)]
    Vault {
        /// Only make the key's file, to be carried to the other servers first
        #[arg(long)]
        prepare: bool,
        /// Which house.
        #[command(flatten)]
        place: Place,
    },
    /// The key that signs access tokens
    #[command(after_help = help::KEYS_ROTATE_TOKENS)]
    Tokens(Place),
}

/// Carries out a command on keys.
pub(super) fn run(command: KeysCommand) -> Result<(), Error> {
    match command {
        KeysCommand::List(place) => print(table(&start(&place.sources(), app::list_keys)?)),
        KeysCommand::Rotate { command: RotateCommand::Vault { prepare: true, place } } => {
            let id = start(&place.sources(), app::prepare_vault_key)?;
            print(format_args!(
                "key {id} is prepared; carry its file to the other servers, then rotate without --prepare\n"
            ))
        }
        KeysCommand::Rotate { command: RotateCommand::Vault { prepare: false, place } } => {
            let (id, from) = start(&place.sources(), app::rotate_vault_key)?;
            print(format_args!("key {id} seals from {}; then run `boda keys reseal`\n", rfc3339(from)))
        }
        KeysCommand::Rotate { command: RotateCommand::Tokens(place) } => {
            let id = app::rotate_token_key(&place.sources().load()?);
            let id = id.map_err(|error| Error::Failure(chain(&error).to_string()))?;
            print(format_args!("{id} is there; servers take it by themselves\n"))
        }
        KeysCommand::Reseal(place) => {
            let progress = |column: &'static str, done: u64| {
                // Nobody to tell is no reason to stop.
                let _ = writeln!(std::io::stderr(), "{column}: {done} sealed anew");
            };
            let outcome = run_until_done(place.sources().load()?, async |config| app::reseal(config, progress).await)?;
            report(&outcome, "sealed anew")
        }
        KeysCommand::Check { sample, place } => {
            let config = place.sources().load()?;
            let outcome = run_until_done(config, async |config| app::check_keys(config, sample).await)?;
            report(&outcome, "looked at")
        }
    }
}

fn report(outcome: &Outcome, what: &str) -> Result<(), Error> {
    print(format_args!("values {what}: {}\n", outcome.done))?;
    if outcome.broken_count == 0 {
        return Ok(());
    }
    let mut message = format!("{} values are broken:", outcome.broken_count);
    for (column, row, reason) in &outcome.broken {
        let _ = write!(message, "\n  {column} of {row}: {reason}");
    }
    Err(Error::Failure(message))
}

fn table(keys: &[KeyState]) -> String {
    let mut out = String::from("key   state     introduced            seals from            sealed\n");
    for key in keys {
        let state = match (key.is_sealing, key.created_at) {
            (true, _) => "seals",
            (false, None) => "prepared",
            (false, Some(_)) => "opens",
        };
        let at = |instant: Option<Timestamp>| instant.map_or_else(|| "-".to_owned(), rfc3339);
        let counts: Vec<_> = key.sealed.iter().map(|(column, count)| format!("{column} {count}")).collect();
        let (created, seals) = (at(key.created_at), at(key.seals_from));
        let _ = writeln!(out, "{:04}  {state:<8}  {created:<20}  {seals:<20}  {}", key.id, counts.join(", "));
    }
    out
}

/// In UTC, to the second.
fn rfc3339(at: Timestamp) -> String {
    chrono::DateTime::<chrono::Utc>::from(at).to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}
