//! What can go wrong between `boda` and its PostgreSQL, one variant per remedy.
//!
//! Separate because both halves of `db` (the pool and the private server) report through it. Invariants: a message names
//! the value, the reason and what to do; it never contains a password and never repeats its source, which the caller
//! prints once for the whole chain.

use std::{io, path::PathBuf};

/// A failure to find, start, reach or migrate the database.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `database.url` cannot be used. The text itself is not repeated: it may hold a password.
    #[error("database.url {reason}; write it as postgres://user:password@host:5432/database")]
    Url {
        /// Why, as a predicate.
        reason: &'static str,
    },
    /// Nobody answered at the address within the time allowed.
    #[error("PostgreSQL at {target} did not answer within {waited_s} s; check that it runs and that it is reachable")]
    Unreachable {
        /// Host, port and database, without user and password.
        target: String,
        /// How long was tried, in seconds.
        waited_s: u64,
        /// The last attempt's error.
        #[source]
        source: sqlx::Error,
    },
    /// The server answered, and said no; trying again would not help.
    #[error(
        "PostgreSQL at {target} refused the connection; check user, password, database and TLS mode of database.url"
    )]
    Refused {
        /// Host, port and database, without user and password.
        target: String,
        /// What the server said.
        #[source]
        source: sqlx::Error,
    },
    /// A statement of this module itself did not get an answer.
    #[error("the database did not answer")]
    Query(#[source] sqlx::Error),
    /// The database carries a migration that this program does not know.
    #[error(
        "the database has migration {version}, which this version of boda does not know; run the newer version that made it"
    )]
    SchemaNewer {
        /// The unknown migration.
        version: i64,
    },
    /// An applied migration differs from the one compiled in.
    #[error(
        "migration {version} was applied with another text than this version of boda has; run the version that applied it, or restore that file"
    )]
    SchemaDiffers {
        /// The changed migration.
        version: i64,
    },
    /// A migration did not run.
    #[error("the database schema could not be brought up to date")]
    Migrate(#[source] sqlx::migrate::MigrateError),

    /// No PostgreSQL server is installed where we look.
    #[error(
        "no PostgreSQL server programs (initdb, postgres) found; looked in {looked}. Install them (Debian: apt-get install postgresql) \
         or set database.url to a server that runs"
    )]
    BinariesMissing {
        /// Every place that was looked at.
        looked: String,
    },
    /// Server programs exist, but none of a version that can be used.
    #[error(
        "PostgreSQL {required} or newer is needed, found {found}; install a newer one (Debian: apt-get install postgresql)"
    )]
    BinariesTooOld {
        /// Lowest major version that works.
        required: u32,
        /// Versions found, with their directories.
        found: String,
    },
    /// The data directory was made by another major version than is installed.
    #[error(
        "{directory} was made by PostgreSQL {data_major}, but the installed server is {found}; install PostgreSQL {data_major}, \
         or move the data over (pg_dump with {data_major}, restore with the other), or choose another --data-dir"
    )]
    OtherMajor {
        /// The cluster directory.
        directory: PathBuf,
        /// Major version in its `PG_VERSION`.
        data_major: u32,
        /// Versions found, with their directories.
        found: String,
    },
    /// The directory exists and is something else than a cluster.
    #[error(
        "{directory} is not empty and not a PostgreSQL data directory ({reason}); move it away or choose another --data-dir"
    )]
    NotACluster {
        /// The directory.
        directory: PathBuf,
        /// What is missing or odd.
        reason: String,
    },
    /// Files belong to somebody this process cannot run the server as.
    #[error(
        "{directory} belongs to uid {owner}, and the server would run as uid {runner}; run boda as the owner, chown -R it, \
         or choose another --data-dir"
    )]
    WrongOwner {
        /// The directory.
        directory: PathBuf,
        /// Its owner.
        owner: u32,
        /// Who would run the server.
        runner: u32,
    },
    /// Started by root, and no account exists to run the server as.
    #[error(
        "boda was started by root and PostgreSQL must not run as root, but there is no user `postgres` or `nobody`; create one or run boda as a user"
    )]
    NoAccount,
    /// The account that runs the server cannot enter the directory.
    #[error(
        "{directory} cannot be entered by uid {uid}, which runs PostgreSQL because boda was started by root; allow it \
         (chmod o+x {culprit}), choose another --data-dir, or run boda as a user"
    )]
    AccountShutOut {
        /// The directory that was wanted.
        directory: PathBuf,
        /// The server's account.
        uid: u32,
        /// The ancestor that denies it.
        culprit: PathBuf,
    },
    /// Another `boda` works in this data directory.
    #[error(
        "{directory} is in use by boda {role} (pid {pid}); stop that process (kill {pid}) or choose another --data-dir"
    )]
    InUse {
        /// The data directory.
        directory: PathBuf,
        /// What the holder does, as it wrote it.
        role: String,
        /// Its process id as it wrote it, `?` when unreadable.
        pid: String,
    },
    /// A server of an earlier run would not end.
    #[error(
        "a PostgreSQL of an earlier run (pid {pid}) still works in {directory} and does not stop; stop it (kill -QUIT {pid})"
    )]
    LeftoverStays {
        /// Its process id.
        pid: i32,
        /// The cluster directory.
        directory: PathBuf,
    },
    /// A server program ended with an error.
    #[error("{program} {outcome}; its last words:\n{tail}")]
    Program {
        /// Which program.
        program: PathBuf,
        /// Exit status, or that it did not get ready in time.
        outcome: String,
        /// The end of its output or log.
        tail: String,
    },
    /// The operating system refused something.
    #[error("cannot {action} {path}")]
    Io {
        /// Verb, e.g. `create`.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl Error {
    /// For `map_err`: an [`Error::Io`] of doing `action` to `path`.
    pub(super) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}
