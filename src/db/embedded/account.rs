//! The operating-system account that the private server runs as.
//!
//! Separate because only this file knows that PostgreSQL refuses to run as root. Invariant: the account is never root;
//! started by root, it is the owner of the existing data, else `postgres`, else `nobody`.

use std::{
    fs,
    os::unix::fs::{MetadataExt, chown},
    path::{Path, PathBuf},
    process::Stdio,
};

use nix::unistd::{User, getegid, geteuid};
use tokio::process::Command;

use crate::db::Error;

/// A user and group, and whether this process must change into them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Account {
    uid: u32,
    gid: u32,
    dropped: bool,
}

impl Account {
    /// The account for the cluster at `cluster`, which need not exist yet.
    pub(super) fn choose(cluster: &Path) -> Result<Self, Error> {
        let me = geteuid();
        if !me.is_root() {
            return Ok(Self { uid: me.as_raw(), gid: getegid().as_raw(), dropped: false });
        }
        if let Ok(existing) = fs::metadata(cluster)
            && existing.uid() != 0
        {
            return Ok(Self { uid: existing.uid(), gid: existing.gid(), dropped: true });
        }
        let user = ["postgres", "nobody"].into_iter().find_map(|name| User::from_name(name).ok().flatten());
        let user = user.filter(|user| !user.uid.is_root()).ok_or(Error::NoAccount)?;
        Ok(Self { uid: user.uid.as_raw(), gid: user.gid.as_raw(), dropped: true })
    }

    pub(super) fn uid(self) -> u32 {
        self.uid
    }

    /// Makes `command` run as this account, away from the terminal's process group (Ctrl-C is for `boda` alone, which
    /// drains first), in a directory that everybody can enter, and without settings of the caller's own PostgreSQL.
    pub(super) fn apply(self, command: &mut Command) {
        command.current_dir("/").process_group(0).stdin(Stdio::null()).env("LC_ALL", "C");
        for name in ["PGDATA", "PGPORT", "PGDATESTYLE", "PGCLIENTENCODING", "PGTZ", "TZ"] {
            command.env_remove(name);
        }
        if self.dropped {
            command.uid(self.uid).gid(self.gid);
        }
    }

    /// Hands `path` over to this account.
    pub(super) fn give(self, path: &Path) -> Result<(), Error> {
        if !self.dropped {
            return Ok(());
        }
        chown(path, Some(self.uid), Some(self.gid)).map_err(Error::io("change the owner of", path))
    }

    /// Whether this account can enter `dir`: asked of the system, because access lists are not in the mode bits.
    pub(super) async fn can_enter(self, dir: &Path) -> bool {
        if !self.dropped {
            return true;
        }
        let mut command = Command::new("/bin/sh");
        self.apply(&mut command);
        command.args(["-c", r#"cd -- "$1""#, "boda"]).arg(dir).stderr(Stdio::null());
        command.status().await.is_ok_and(|status| status.success())
    }

    /// The refusal for `dir`, naming the topmost directory whose mode shuts this account out.
    pub(super) fn shut_out(self, dir: &Path) -> Error {
        let mut ancestors: Vec<&Path> = dir.ancestors().collect();
        ancestors.reverse();
        let culprit = ancestors.into_iter().find(|path| fs::metadata(path).is_ok_and(|found| !self.may_search(&found)));
        Error::AccountShutOut {
            directory: dir.to_owned(),
            uid: self.uid,
            culprit: culprit.map_or_else(|| dir.to_owned(), PathBuf::from),
        }
    }

    fn may_search(self, found: &fs::Metadata) -> bool {
        let bit = match (found.uid() == self.uid, found.gid() == self.gid) {
            (true, _) => 0o100,
            (false, true) => 0o010,
            (false, false) => 0o001,
        };
        found.mode() & bit != 0
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_refusal_names_the_ancestor_that_is_closed() {
        let dir = tempfile::tempdir().unwrap();
        let closed = dir.path().join("closed");
        let inner = closed.join("inner");
        fs::create_dir_all(&inner).unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
        let stranger = Account { uid: 54_321, gid: 54_321, dropped: true };
        let message = stranger.shut_out(&inner).to_string();
        assert!(message.contains(&format!("chmod o+x {})", closed.display())), "{message}");
    }

    #[test]
    fn the_server_never_runs_as_root() {
        let account = Account::choose(Path::new("/nonexistent")).unwrap();
        assert_ne!(account.uid(), 0);
    }
}
