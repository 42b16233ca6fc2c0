//! `boda audit`: what was typed becomes a look at the audit log, and what came of it lines of text.
//!
//! Separate because of the exit codes: a log that does not verify is found by a machine that runs this every night.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::Instant;

use super::arguments::{AuditCommand, ListAudit, VerifyAudit};
use super::{Error, print, start};
use crate::app::{self, Asked, Checked};
use crate::audit::{Filter, RecordView, Turn, hex};
use crate::telemetry::chain;

/// Between two lines of progress where nobody watches.
const PROGRESS_S: u64 = 5;

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
