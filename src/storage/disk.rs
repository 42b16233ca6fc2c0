//! Files in a directory of this machine.

use std::io::ErrorKind;
use std::path::PathBuf;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use uuid::Uuid;

use crate::error::Error;
use crate::storage::Shelf;

/// A directory, made with the first file.
#[derive(Clone, Debug)]
pub struct Disk {
    dir: PathBuf,
}

impl Disk {
    /// In this directory.
    pub const fn new(dir: PathBuf) -> Self {
        Self { dir }
    }
}

impl Shelf for Disk {
    fn put(&self, name: &str, bytes: Bytes) -> BoxFuture<'_, Result<(), Error>> {
        let path = self.dir.join(name);
        async move {
            tokio::task::spawn_blocking(move || put_whole(&path, &bytes))
                .await
                .map_err(Error::internal)?
                .map_err(Error::internal)
        }
        .boxed()
    }

    fn get(&self, name: &str) -> BoxFuture<'_, Result<Option<Bytes>, Error>> {
        let path = self.dir.join(name);
        async move {
            let read = tokio::task::spawn_blocking(move || std::fs::read(path)).await.map_err(Error::internal)?;
            match read {
                Ok(bytes) => Ok(Some(bytes.into())),
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
                Err(error) => Err(Error::internal(error)),
            }
        }
        .boxed()
    }

    fn delete(&self, name: &str) -> BoxFuture<'_, Result<(), Error>> {
        let path = self.dir.join(name);
        async move {
            let removed =
                tokio::task::spawn_blocking(move || std::fs::remove_file(path)).await.map_err(Error::internal)?;
            match removed {
                Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::internal(error)),
                _ => Ok(()),
            }
        }
        .boxed()
    }
}

/// Beside, then renamed: a file is there whole or not at all, and on disk before anybody is told.
fn put_whole(path: &std::path::Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
    let dir = path.parent().ok_or(ErrorKind::InvalidInput)?;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let beside = dir.join(format!(".new-{}", Uuid::new_v4().simple()));
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    std::fs::File::open(dir)?.sync_all()
}
