//! `boda map`: extracts become map files, and map files are looked into.
//!
//! Separate from `road`, which is pure: here are the files. A map is written beside its place and then renamed, so a
//! server that starts meanwhile reads the old one or the new one, never half of one.

mod files;
mod import;
mod info;
mod progress;
mod route;

use std::error::Error as StdError;
use std::path::Path;

use super::Error;
use super::arguments::MapCommand;

/// Carries out a subcommand.
pub fn run(command: MapCommand) -> Result<(), Error> {
    match command {
        MapCommand::Import(import) => import::run(&import),
        MapCommand::Info(info) => info::run(&info.file),
        MapCommand::Route(route) => route::run(&route),
    }
}

/// Something is wrong with a file, or with what was asked of it.
fn failed(file: &Path, source: impl StdError + Send + Sync + 'static) -> Error {
    Error::File { file: file.to_owned(), source: Box::new(source) }
}
