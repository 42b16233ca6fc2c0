//! Reading files whole, and writing them so that nobody sees half of one.
//!
//! Separate because every subcommand does the one or the other.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process;

use super::super::Error;
use super::failed;

/// What a file holds.
pub fn bytes(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|source| failed(path, Unreadable(source)))
}

/// What a file of text holds.
pub fn text(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(|source| failed(path, Unreadable(source)))
}

/// Puts a file in its place in one step; one that was there before stays until then, and if anything fails.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", process::id()));
    let part = path.with_file_name(name);
    write_and_rename(path, &part, bytes).map_err(|source| {
        // What is left of it is of no use; if it cannot be removed, the reason is the one that is told anyway.
        let _ = fs::remove_file(&part);
        failed(path, Unwritable(source))
    })
}

fn write_and_rename(path: &Path, part: &PathBuf, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(part)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(part, path)
}

/// The operating system does not let us read.
#[derive(Debug, thiserror::Error)]
#[error("cannot be read")]
pub struct Unreadable(#[source] pub io::Error);

/// The operating system does not let us write.
#[derive(Debug, thiserror::Error)]
#[error("cannot be written")]
pub struct Unwritable(#[source] io::Error);
