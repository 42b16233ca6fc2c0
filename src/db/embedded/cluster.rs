//! The cluster directory: where PostgreSQL keeps the data, how it is made, how it is checked.
//!
//! Separate because it is about files, not processes. Invariants: the directory either does not exist or is complete
//! (`initdb` works beside it and a rename puts it in place); it belongs to the server's account; everything that made it
//! is on disk before it is used.

use std::{
    fs::{self, DirBuilder, File, Permissions},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
};

use tokio::process::Command;
use uuid::Uuid;

use super::{account::Account, binaries::Binaries};
use crate::db::Error;

/// Owner of everything in the private server; there is no other role.
pub(super) const SUPERUSER: &str = "boda";

const STAGING_PREFIX: &str = "postgres.new-";

/// Where the cluster of `data_dir` is, or will be (a link when the data directory is closed to the server's account).
pub(super) fn path_in(data_dir: &Path) -> PathBuf {
    data_dir.join("postgres")
}

/// Makes `data_dir` if it is missing and returns its absolute path without links.
pub(super) fn open_data_dir(data_dir: &Path) -> Result<PathBuf, Error> {
    if !data_dir.exists() {
        fs::create_dir_all(data_dir).map_err(Error::io("create", data_dir))?;
        // Whoever runs the server must be able to pass through; the cluster inside is closed to others.
        fs::set_permissions(data_dir, Permissions::from_mode(0o755)).map_err(Error::io("open up", data_dir))?;
    }
    fs::canonicalize(data_dir).map_err(Error::io("resolve", data_dir))
}

/// The major version of the cluster at `cluster`, or `None` when nothing is there yet.
pub(super) fn existing_major(cluster: &Path) -> Result<Option<u32>, Error> {
    let not_a_cluster = |reason: String| Error::NotACluster { directory: cluster.to_owned(), reason };
    match fs::read_to_string(cluster.join("PG_VERSION")) {
        Ok(text) => {
            let major = text.trim().split('.').next().and_then(|major| major.parse().ok());
            major.map(Some).ok_or_else(|| not_a_cluster(format!("its PG_VERSION is {:?}", text.trim())))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => match fs::read_dir(cluster) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("read", cluster)(error)),
            Ok(entries) => match entries.count() {
                0 => Ok(None),
                _ => Err(not_a_cluster("it has no PG_VERSION".to_owned())),
            },
        },
        Err(error) => Err(Error::io("read", cluster.join("PG_VERSION"))(error)),
    }
}

/// Makes a new cluster for `data_dir`. When `account` cannot enter the data directory (root's home, say), the cluster is
/// made in a directory of its own under `elsewhere`, and a link in the data directory leads there.
pub(super) async fn create(
    data_dir: &Path,
    elsewhere: &Path,
    account: Account,
    binaries: &Binaries,
) -> Result<(), Error> {
    let cluster = path_in(data_dir);
    if account.can_enter(data_dir).await {
        discard_unfinished(data_dir);
        return initialise(&cluster, account, binaries).await;
    }
    fs::create_dir_all(elsewhere).map_err(Error::io("create", elsewhere))?;
    if !account.can_enter(elsewhere).await {
        return Err(account.shut_out(data_dir));
    }
    let distant = elsewhere.join(Uuid::new_v4().simple().to_string());
    tracing::warn!(
        "uid {} runs PostgreSQL and cannot enter {}: the database is kept in {} (linked from the data directory)",
        account.uid(),
        data_dir.display(),
        distant.display()
    );
    initialise(&distant, account, binaries).await?;
    // An empty directory in the link's place says no more than none.
    let _ = fs::remove_dir(&cluster);
    symlink(&distant, &cluster).map_err(Error::io("create", &cluster))?;
    sync_dir(data_dir)
}

/// Checks that `account` may run a server on the existing `cluster`, and returns its path without links.
pub(super) async fn open(cluster: &Path, account: Account) -> Result<PathBuf, Error> {
    let cluster = fs::canonicalize(cluster).map_err(Error::io("resolve", cluster))?;
    let owner = fs::metadata(&cluster).map_err(Error::io("inspect", &cluster))?.uid();
    if owner != account.uid() {
        return Err(Error::WrongOwner { directory: cluster, owner, runner: account.uid() });
    }
    if !account.can_enter(&cluster).await {
        return Err(account.shut_out(&cluster));
    }
    Ok(cluster)
}

async fn initialise(cluster: &Path, account: Account, binaries: &Binaries) -> Result<(), Error> {
    let parent = cluster.parent().expect("a cluster lies in a directory");
    // A name of its own: the `initdb` of a killed start may still be writing to an older one.
    let staging = parent.join(format!("{STAGING_PREFIX}{}", Uuid::new_v4().simple()));
    DirBuilder::new().mode(0o700).create(&staging).map_err(Error::io("create", &staging))?;
    account.give(&staging)?;

    tracing::info!("creating a database in {}", cluster.display());
    let program = binaries.program("initdb");
    let mut command = Command::new(&program);
    account.apply(&mut command);
    command.arg("--pgdata").arg(&staging).args(["--username", SUPERUSER]);
    // Everybody who can reach the socket may connect; the directory lets only the account (and root) reach it. The C
    // locale sorts the same on every machine and is the fastest.
    command.args(["--auth-local", "trust", "--auth-host", "reject", "--encoding", "UTF8", "--no-locale"]);
    let output = command.output().await.map_err(Error::io("run", &program))?;
    if !output.status.success() {
        let _ = fs::remove_dir_all(&staging);
        let tail = [output.stdout, output.stderr].concat();
        let tail = super::server_log::last_lines(&String::from_utf8_lossy(&tail));
        return Err(Error::Program { program, outcome: format!("ended with {}", output.status), tail });
    }
    fs::rename(&staging, cluster).map_err(Error::io("put in place", cluster))?;
    sync_dir(parent)
}

/// Removes what killed starts left. Best effort: it is only space.
fn discard_unfinished(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(STAGING_PREFIX)
            && let Err(error) = fs::remove_dir_all(entry.path())
        {
            tracing::warn!("cannot remove {}, left by a killed start: {error}", entry.path().display());
        }
    }
}

fn sync_dir(dir: &Path) -> Result<(), Error> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(Error::io("sync", dir))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_new_a_cluster_or_refused() {
        let dir = tempfile::tempdir().unwrap();
        let cluster = dir.path().join("postgres");
        assert_eq!(existing_major(&cluster).unwrap(), None);
        fs::create_dir(&cluster).unwrap();
        assert_eq!(existing_major(&cluster).unwrap(), None, "an empty directory is as good as none");
        fs::write(cluster.join("PG_VERSION"), "15\n").unwrap();
        assert_eq!(existing_major(&cluster).unwrap(), Some(15));
        fs::write(cluster.join("PG_VERSION"), "9.6\n").unwrap();
        assert_eq!(existing_major(&cluster).unwrap(), Some(9));
        fs::write(cluster.join("PG_VERSION"), "soup\n").unwrap();
        assert!(existing_major(&cluster).unwrap_err().to_string().contains("\"soup\""));
        fs::rename(cluster.join("PG_VERSION"), cluster.join("notes.txt")).unwrap();
        assert!(existing_major(&cluster).unwrap_err().to_string().contains("choose another --data-dir"));
    }
}
