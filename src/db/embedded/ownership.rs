//! Who works in a data directory: one `boda` at a time.
//!
//! Separate because the rule concerns processes, not PostgreSQL. Invariant: the right is the kernel's lock on `boda.lock`,
//! so it ends with the process however that ends; the text in the file (process id and role) is only for messages and for
//! deciding whether to wait. The file is never deleted: a deleted lock file can be locked by two.

use std::{
    fmt,
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Write},
    path::Path,
};

use crate::db::Error;

const LOCK_FILE: &str = "boda.lock";

/// What a process wants the data directory for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Runs until it is told to stop; others may attach to its server.
    Serve,
    /// Ends by itself soon; others wait for it.
    Command,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Serve => "serve",
            Self::Command => "command",
        })
    }
}

/// What a holder wrote about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Holder {
    pub(super) pid: String,
    pub(super) role: String,
}

impl Holder {
    pub(super) fn is(&self, role: Role) -> bool {
        self.role == role.to_string()
    }

    fn parse(text: &str) -> Self {
        let mut words = text.split_whitespace().map(str::to_owned);
        let mut word = || words.next().unwrap_or_else(|| "?".to_owned());
        Self { pid: word(), role: word() }
    }
}

/// The right to work in a data directory, held until dropped.
#[derive(Debug)]
pub(super) struct Ownership {
    _locked: File,
}

/// The outcome of asking for a data directory.
#[derive(Debug)]
pub(super) enum Claim {
    Granted(Ownership),
    Held(Holder),
}

/// Asks once, without waiting.
pub(super) fn claim(data_dir: &Path, role: Role) -> Result<Claim, Error> {
    let path = data_dir.join(LOCK_FILE);
    let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
    let mut file = open.map_err(Error::io("open", &path))?;
    match file.try_lock() {
        Ok(()) => {
            file.set_len(0).map_err(Error::io("write", &path))?;
            writeln!(file, "{} {role}", std::process::id()).map_err(Error::io("write", &path))?;
            Ok(Claim::Granted(Ownership { _locked: file }))
        }
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            file.read_to_string(&mut text).map_err(Error::io("read", &path))?;
            Ok(Claim::Held(Holder::parse(&text)))
        }
        Err(TryLockError::Error(source)) => Err(Error::Io { action: "lock", path, source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_claim_learns_who_holds_the_first() {
        let dir = tempfile::tempdir().unwrap();
        let Claim::Granted(first) = claim(dir.path(), Role::Serve).unwrap() else { panic!("the first is granted") };
        let Claim::Held(holder) = claim(dir.path(), Role::Command).unwrap() else { panic!("the second is not") };
        assert_eq!(holder, Holder { pid: std::process::id().to_string(), role: "serve".to_owned() });
        assert!(holder.is(Role::Serve) && !holder.is(Role::Command));
        drop(first);
        // A program that another test starts in this very moment holds a copy of the file until it is under way.
        let is_free = || matches!(claim(dir.path(), Role::Command).unwrap(), Claim::Granted(_));
        let pause = || std::thread::sleep(std::time::Duration::from_millis(10));
        assert!(
            (0..200).any(|_| is_free() || {
                pause();
                false
            }),
            "it is free again"
        );
    }

    #[test]
    fn an_empty_lock_file_still_makes_a_readable_holder() {
        assert_eq!(Holder::parse(""), Holder { pid: "?".to_owned(), role: "?".to_owned() });
    }
}
