//! The private server's log file: bounded at each start, quoted when a start goes wrong.
//!
//! Separate because both `initdb` and the server quote their last words through it. Invariant: a quotation holds what
//! was written since the log was opened, never an older run's troubles.

use std::{
    fs::{self, File, OpenOptions},
    io::{Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use crate::db::Error;

const QUOTED_LINES_MAX: usize = 12;
const QUOTED_BYTES_MAX: u64 = 4096;

/// The log of the current run.
#[derive(Debug)]
pub(super) struct ServerLog {
    path: PathBuf,
    opened_at_byte: u64,
}

impl ServerLog {
    /// Opens `postgres.log` in `data_dir` for appending; one that has grown beyond `bytes_max` becomes
    /// `postgres.log.old`.
    pub(super) fn open(data_dir: &Path, bytes_max: u64) -> Result<(Self, File), Error> {
        let path = data_dir.join("postgres.log");
        if fs::metadata(&path).is_ok_and(|found| found.len() > bytes_max) {
            fs::rename(&path, data_dir.join("postgres.log.old")).map_err(Error::io("set aside", &path))?;
        }
        let file = OpenOptions::new().create(true).append(true).open(&path).map_err(Error::io("open", &path))?;
        let opened_at_byte = file.metadata().map_err(Error::io("inspect", &path))?.len();
        Ok((Self { path, opened_at_byte }, file))
    }

    /// The last lines of this run.
    pub(super) fn tail(&self) -> String {
        let read = || {
            let mut file = File::open(&self.path)?;
            let length = file.metadata()?.len();
            file.seek(SeekFrom::Start(self.opened_at_byte.max(length.saturating_sub(QUOTED_BYTES_MAX))))?;
            let mut bytes = Vec::new();
            file.take(QUOTED_BYTES_MAX).read_to_end(&mut bytes)?;
            Ok::<_, std::io::Error>(bytes)
        };
        let text = read().unwrap_or_default();
        let quoted = last_lines(&String::from_utf8_lossy(&text));
        if quoted.is_empty() { format!("(nothing in {})", self.path.display()) } else { quoted }
    }
}

/// The last lines of `text`, few enough for an error message.
pub(super) fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(QUOTED_LINES_MAX)..].join("\n")
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn only_this_run_is_quoted_and_a_long_log_is_set_aside() {
        let dir = tempfile::tempdir().unwrap();
        let (log, mut file) = ServerLog::open(dir.path(), 64).unwrap();
        assert!(log.tail().contains("nothing in"));
        writeln!(file, "{}", "old trouble ".repeat(10)).unwrap();
        assert!(log.tail().contains("old trouble"));

        let (log, mut file) = ServerLog::open(dir.path(), 1 << 20).unwrap();
        writeln!(file, "new trouble").unwrap();
        assert_eq!(log.tail(), "new trouble");

        let (_, file) = ServerLog::open(dir.path(), 64).unwrap();
        assert_eq!(file.metadata().unwrap().len(), 0);
        assert!(dir.path().join("postgres.log.old").exists());
    }

    #[test]
    fn a_quotation_has_few_lines() {
        let text: String = (0..100).map(|n| format!("line {n}\n\n")).collect();
        let quoted = last_lines(&text);
        assert_eq!(quoted.lines().count(), QUOTED_LINES_MAX);
        assert!(quoted.ends_with("line 99"));
    }
}
