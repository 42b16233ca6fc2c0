//! `boda audit`: what was typed becomes a look at the audit log, and what came of it lines of text.
//!
//! Separate because of the exit codes: a log that does not verify is found by a machine that runs this every night.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::time::Instant;

use clap::{Args, Subcommand};
use uuid::Uuid;

use super::arguments::{Place, agency};
use super::help;
use super::{Error, print, start};
use crate::app::{self, Asked, Checked};
use crate::audit::{self, Filter, PublicKey, RecordView, Turn, hex};
use crate::telemetry::chain;
use crate::time::Timestamp;
use crate::web::Agency;

/// Between two lines of progress where nobody watches.
const PROGRESS_S: u64 = 5;

#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Check that no record was changed, removed, inserted or reordered
    #[command(after_help = help::AUDIT_VERIFY)]
    Verify(VerifyAudit),
    /// List records, newest first
    #[command(after_help = help::AUDIT_LIST)]
    List(Box<ListAudit>),
    /// Show one record
    #[command(after_help = help::AUDIT_SHOW)]
    Show(ShowAudit),
    /// Print the published heads, and the key they are signed with
    #[command(after_help = help::AUDIT_HEADS)]
    Heads(Place),
    /// Publish the head of the log now
    #[command(after_help = help::AUDIT_PUBLISH)]
    Publish(Place),
}

/// What to verify against.
#[derive(Debug, Args)]
pub struct VerifyAudit {
    #[command(flatten)]
    pub place: Place,
    /// A copy of published heads; may be given several times [default: the server's own file]
    #[arg(long, value_name = "FILE")]
    pub heads: Vec<PathBuf>,
    /// Another public key that signs heads, such as another server's; may be given several times
    #[arg(long = "key", value_name = "HEX", value_parser = public_key)]
    pub keys: Vec<PublicKey>,
}

/// Which records.
#[derive(Debug, Args)]
pub struct ListAudit {
    #[command(flatten)]
    pub place: Place,
    /// Done by this person
    #[arg(long, value_name = "ID")]
    pub who: Option<Uuid>,
    /// Concerning this person
    #[arg(long, value_name = "ID")]
    pub whose: Option<Uuid>,
    /// Of this action, such as rides.read
    #[arg(long, value_name = "WORDS")]
    pub action: Option<String>,
    /// Done to this thing
    #[arg(long, value_name = "ID")]
    pub subject: Option<Uuid>,
    /// By officials of this agency
    #[arg(long, value_name = "NAME", value_parser = agency)]
    pub agency: Option<Agency>,
    /// Not before this instant, in RFC 3339
    #[arg(long, value_name = "TIME", value_parser = instant)]
    pub from: Option<Timestamp>,
    /// Before this instant
    #[arg(long, value_name = "TIME", value_parser = instant)]
    pub to: Option<Timestamp>,
    /// How many, 1 to 100
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub limit: u32,
    /// Where the page before ended
    #[arg(long, value_name = "CURSOR")]
    pub cursor: Option<String>,
    /// Print one JSON object a line
    #[arg(long)]
    pub json: bool,
}

/// Which record.
#[derive(Debug, Args)]
pub struct ShowAudit {
    #[command(flatten)]
    pub place: Place,
    /// Its number
    #[arg(value_name = "NUMBER")]
    pub seq: i64,
}

/// Carries out a command on the log.
pub fn run(command: AuditCommand) -> Result<(), Error> {
    match command {
        AuditCommand::Verify(verify) => check(verify),
        AuditCommand::List(asked) => list(&asked),
        AuditCommand::Show(show) => {
            let record = start(&show.place.sources(), async |config| app::audit_show(config, show.seq).await)?;
            print(format_args!("{}\n", json(&record)?))
        }
        AuditCommand::Heads(place) => {
            let (lines, key) = start(&place.sources(), app::audit_heads)?;
            print(format_args!("{lines}"))?;
            eprintln!("boda: signed with the key {}", hex(&key));
            Ok(())
        }
        AuditCommand::Publish(place) => {
            let published = start(&place.sources(), app::audit_publish)?;
            print(format_args!("{published}\n"))
        }
    }
}

fn check(asked: VerifyAudit) -> Result<(), Error> {
    let sources = asked.place.sources();
    let asked = Asked { heads: asked.heads, keys: asked.keys };
    let begun = Instant::now();
    let Checked { verdict, nothing_published } =
        start(&sources, async |config| app::audit_verify(config, asked, progress(begun)).await)?;
    if nothing_published {
        eprintln!("boda: no head was ever published, so the log was checked against itself only");
    }
    if verdict.findings.is_empty() {
        let (records, heads, seconds) = (verdict.records, verdict.heads, begun.elapsed().as_secs_f64());
        print(format_args!("the audit log is whole: {records} records, {heads} published heads, {seconds:.1} s\n"))?;
        if let Some(last) = verdict.last_published {
            print(format_args!("published last: record {} at {}\n", last.head.seq, last.at))?;
        }
        return Ok(());
    }
    for finding in &verdict.findings {
        print(format_args!("{finding}\n"))?;
    }
    let message = format!("the audit log does not verify; {} records fit. See docs/OPERATIONS.md", verdict.records);
    Err(Error::Failure(message))
}

/// Tells how far it is, on standard error: on one line where somebody watches.
fn progress(begun: Instant) -> impl FnMut(i64, i64) {
    let (is_watched, mut told_s) = (io::stderr().is_terminal(), 0);
    move |records, total| {
        let elapsed_s = begun.elapsed().as_secs();
        if is_watched {
            let _ = write!(io::stderr(), "\r{records} of {total} records");
            if records >= total {
                let _ = writeln!(io::stderr());
            }
        } else if elapsed_s >= told_s + PROGRESS_S {
            told_s = elapsed_s;
            eprintln!("boda: {records} of {total} records");
        }
    }
}

fn list(asked: &ListAudit) -> Result<(), Error> {
    let filter = Filter {
        who: asked.who,
        whose: asked.whose,
        action: asked.action.clone(),
        subject: asked.subject,
        agency: asked.agency,
        of_officials: false,
        from: asked.from,
        to: asked.to,
    };
    let turn = Turn::check(Some(asked.limit), asked.cursor.as_deref())
        .map_err(|error| Error::Argument(chain(&error).to_string()))?;
    let records = start(&asked.place.sources(), async |config| app::audit_list(config, filter, turn).await)?;
    for record in &records.items {
        if asked.json {
            print(format_args!("{}\n", json(record)?))?;
        } else {
            print(format_args!("{}\n", Line(record)))?;
        }
    }
    if let Some(cursor) = records.next_cursor {
        eprintln!("boda: there are more, with --cursor {cursor}");
    }
    Ok(())
}

/// A record for a person at a terminal.
struct Line<'a>(&'a RecordView);

impl std::fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let record = self.0;
        write!(f, "{:>8}  {}  {}", record.seq, record.at, record.role.as_deref().unwrap_or(&record.actor))?;
        for part in [record.agency.clone(), record.actor_id.map(|id| id.to_string())].into_iter().flatten() {
            write!(f, " {part}")?;
        }
        write!(f, "  {}", record.action)?;
        match record.whose.as_slice() {
            [] => {}
            [person] => write!(f, "  of {person}")?,
            people => write!(f, "  of {} people", people.len())?,
        }
        if let (Some(kind), Some(id)) = (&record.subject_kind, record.subject_id) {
            write!(f, "  {kind} {id}")?;
        }
        match &record.why {
            Some(why) => write!(f, "  because {why:?}"),
            None => Ok(()),
        }
    }
}

fn json(record: &RecordView) -> Result<String, Error> {
    serde_json::to_string(record)
        .map_err(|error| Error::Failure(format!("a record cannot be written as JSON: {error}")))
}

fn public_key(typed: &str) -> Result<PublicKey, String> {
    audit::public_key(typed).ok_or_else(|| "is not 64 hexadecimal digits".to_owned())
}

fn instant(typed: &str) -> Result<Timestamp, String> {
    let parsed = chrono::DateTime::parse_from_rfc3339(typed);
    parsed.map(|at| at.to_utc().into()).map_err(|_| "is not an instant such as 2026-11-26T08:00:00Z".to_owned())
}
