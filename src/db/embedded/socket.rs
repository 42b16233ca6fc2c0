//! The path by which `boda` reaches the private server's socket.
//!
//! The socket itself always lies in the cluster directory (mode 0700): the server binds it by a relative name, so its
//! depth does not matter there. Separate because a client needs an absolute path of at most 103 bytes (the smaller of
//! Linux's and macOS's limits), which a deep data directory exceeds: then a symbolic link in a private directory under
//! the system's temporary one stands in for it. Invariant: that directory is ours and nobody else can write to it.

use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::{
        ffi::OsStrExt,
        fs::{DirBuilderExt, MetadataExt, symlink},
    },
    path::{Path, PathBuf},
};

use nix::unistd::geteuid;
use ring::digest::{SHA256, digest};

use crate::db::Error;

/// The port exists only as the socket file's suffix.
pub(super) const PORT: u16 = 5432;

/// Longest socket path that both Linux (108 with the final zero) and macOS (104) accept.
const SOCKET_PATH_BYTES_MAX: usize = 103;

/// The directory to give to a client, and the stand-in that was made for it, if any.
#[derive(Debug)]
pub(super) struct SocketDir {
    pub(super) path: PathBuf,
    stand_in: Option<PathBuf>,
}

impl SocketDir {
    /// For the server whose socket is in `cluster`; makes the stand-in if the path would be too long.
    pub(super) fn of(cluster: &Path) -> Result<Self, Error> {
        if is_usable(cluster) {
            return Ok(Self { path: cluster.to_owned(), stand_in: None });
        }
        let name = stand_in_name(cluster, geteuid().as_raw());
        let temp = std::env::temp_dir();
        let parent = if is_usable(&temp.join(&name).join("pg")) { temp } else { PathBuf::from("/tmp") };
        let dir = parent.join(name);
        make_private(&dir)?;
        let link = dir.join("pg");
        if fs::read_link(&link).is_ok_and(|target| target == cluster) {
            return Ok(Self { path: link, stand_in: Some(dir) });
        }
        match fs::remove_file(&link) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(Error::io("replace", &link)(error)),
            _ => symlink(cluster, &link).map_err(Error::io("create", &link))?,
        }
        tracing::info!("the path of {} is too long for a socket: connecting by {}", cluster.display(), link.display());
        Ok(Self { path: link, stand_in: Some(dir) })
    }

    /// Takes the stand-in away; for the process that stops the server.
    pub(super) fn remove(self) {
        if let Some(dir) = self.stand_in {
            // Left behind it is only untidy, and the next start uses it again.
            let _ = fs::remove_file(dir.join("pg"));
            let _ = fs::remove_dir(dir);
        }
    }
}

/// A client builds the socket's path from text, so the directory must be text, too.
fn is_usable(dir: &Path) -> bool {
    let socket_file_bytes = "/.s.PGSQL.".len() + PORT.to_string().len();
    dir.to_str().is_some_and(|text| text.len() + socket_file_bytes <= SOCKET_PATH_BYTES_MAX)
}

/// The same data directory gives the same name, so kills do not pile stand-ins up.
fn stand_in_name(cluster: &Path, uid: u32) -> String {
    let digest = digest(&SHA256, cluster.as_os_str().as_bytes());
    let hex: String = digest.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("boda-{uid}-{hex}")
}

fn make_private(dir: &Path) -> Result<(), Error> {
    match DirBuilder::new().mode(0o700).create(dir) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        other => return other.map_err(Error::io("create", dir)),
    }
    let found = fs::symlink_metadata(dir).map_err(Error::io("inspect", dir))?;
    if found.is_dir() && found.uid() == geteuid().as_raw() && found.mode() & 0o077 == 0 {
        return Ok(());
    }
    let source = io::Error::other("it exists and is not a private directory of this user");
    Err(Error::Io { action: "use", path: dir.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_path_is_used_as_it_is() {
        let dir = SocketDir::of(Path::new("/data/boda/postgres")).unwrap();
        assert_eq!(dir.path, Path::new("/data/boda/postgres"));
        assert_eq!(dir.stand_in, None);
    }

    #[test]
    fn the_limit_counts_the_socket_file_too() {
        assert!(is_usable(Path::new(&format!("/{}", "d".repeat(88)))));
        assert!(!is_usable(Path::new(&format!("/{}", "d".repeat(89)))));
    }

    #[test]
    fn a_long_path_is_reached_by_a_private_link_that_is_used_again() {
        let root = tempfile::tempdir().unwrap();
        let cluster = root.path().join("deep".repeat(30));
        let first = SocketDir::of(&cluster).unwrap();
        let again = SocketDir::of(&cluster).unwrap();
        assert_eq!(first.path, again.path);
        assert!(is_usable(&first.path));
        assert_eq!(fs::read_link(&first.path).unwrap(), cluster);
        let dir = first.stand_in.clone().unwrap();
        assert_eq!(fs::metadata(&dir).unwrap().mode() & 0o777, 0o700);
        first.remove();
        assert!(!dir.exists());
    }
}
