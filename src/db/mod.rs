//! The database: a pool of connections to PostgreSQL, its migrations, and a private server for a machine without one.
//!
//! Separate because every service stores through the same pool while none should know where the server comes from. SQL
//! of services is in their `store.rs`; here is only what concerns the whole database. Invariants: a password never reaches a message
//! or a log; only one process migrates at a time (advisory lock); every connection has a statement timeout, migrations
//! excepted.

pub mod embedded;
mod error;

#[cfg(test)]
pub mod fixture;

use std::{fmt, str::FromStr, time::Duration};

use sqlx::{
    ConnectOptions, Connection, PgConnection, PgPool,
    migrate::{Migrate, MigrateError, Migrator},
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::time::{Instant, sleep, timeout};

use self::embedded::{Embedded, Role};
use crate::redact::Secret;

pub use self::error::Error;

static MIGRATOR: Migrator = sqlx::migrate!("./migrations");

/// Between two attempts to reach a server that is away.
const RECONNECT_PAUSE: Duration = Duration::from_millis(250);

/// One attempt; the rest of `connect_timeout` is for further ones.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long the end waits for connections in use.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// Settings of the database.
#[derive(Debug, Clone)]
pub struct Config {
    /// `postgres://user:password@host:port/database`, or none for a private server.
    pub url: Option<Secret<String>>,
    /// Connections in the pool at most.
    pub connections_max: u32,
    /// Connections kept open when idle.
    pub connections_min: u32,
    /// How long a caller waits for a free connection.
    pub acquire_timeout: Duration,
    /// How long a start waits for the server at `url`.
    pub connect_timeout: Duration,
    /// After which the server cancels a statement.
    pub statement_timeout: Duration,
    /// The private server, used without `url`.
    pub embedded: embedded::Config,
}

/// Connects as `config` says: to its URL, or to a private server, started or (for a command beside a running `serve`)
/// attached to. The caller keeps the [`Embedded`] alive as long as the database is used and stops it at the end.
///
/// # Errors
/// Whatever keeps the database from being reached, see [`Error`].
pub async fn open(config: &Config, role: Role) -> Result<(Database, Option<Embedded>), Error> {
    if config.url.is_some() {
        return Ok((Database::connect(config).await?, None));
    }
    let embedded = match role {
        Role::Serve => Embedded::start(&config.embedded).await?,
        Role::Command => Embedded::attach(&config.embedded).await?,
    };
    Ok((Database::with_options(embedded.connect_options().clone(), config), Some(embedded)))
}

/// A handle on the database; clones share one pool.
#[derive(Clone)]
pub struct Database {
    pool: PgPool,
    /// Without the statement timeout: for migrations.
    options: PgConnectOptions,
}

impl fmt::Debug for Database {
    // The options would print the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("target", &target(&self.options)).finish_non_exhaustive()
    }
}

impl Database {
    /// Connects to the server at `config.url`, trying again while nobody answers there, for `config.connect_timeout`.
    ///
    /// # Errors
    /// [`Error::Url`], [`Error::Unreachable`] or [`Error::Refused`].
    pub async fn connect(config: &Config) -> Result<Self, Error> {
        let options = parse_url(config.url.as_ref().map_or("", |url| url.expose()))?;
        let started = Instant::now();
        loop {
            let attempt = timeout(ATTEMPT_TIMEOUT.min(config.connect_timeout), options.connect()).await;
            let source = match attempt.unwrap_or(Err(sqlx::Error::PoolTimedOut)) {
                Ok(connection) => {
                    // Only a courtesy to the server: the connection is sound either way.
                    let _ = connection.close().await;
                    return Ok(Self::with_options(options, config));
                }
                Err(source) => source,
            };
            if !is_passing(&source) {
                return Err(Error::Refused { target: target(&options), source });
            }
            if started.elapsed() + RECONNECT_PAUSE >= config.connect_timeout {
                let waited_s = started.elapsed().as_secs();
                return Err(Error::Unreachable { target: target(&options), waited_s, source });
            }
            tracing::warn!("PostgreSQL at {} does not answer yet", target(&options));
            sleep(RECONNECT_PAUSE).await;
        }
    }

    fn with_options(options: PgConnectOptions, config: &Config) -> Self {
        let options = options.application_name("boda");
        let timeout_ms = config.statement_timeout.as_millis();
        let pooled = options.clone().options([
            ("statement_timeout", timeout_ms),
            // A transaction that stands still holds locks that others wait for.
            ("idle_in_transaction_session_timeout", timeout_ms),
        ]);
        let pool = PgPoolOptions::new()
            .max_connections(config.connections_max)
            .min_connections(config.connections_min)
            .acquire_timeout(config.acquire_timeout)
            .connect_lazy_with(pooled);
        Self { pool, options }
    }

    /// The pool that stores work with.
    #[must_use]
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Applies the migrations that are missing; waits while another process does.
    ///
    /// # Errors
    /// [`Error::SchemaNewer`], [`Error::SchemaDiffers`] or [`Error::Migrate`].
    pub async fn migrate(&self) -> Result<(), Error> {
        let mut connection = PgConnection::connect_with(&self.options).await.map_err(Error::Query)?;
        MIGRATOR.run(&mut connection).await.map_err(|error| match error {
            MigrateError::VersionMissing(version) => Error::SchemaNewer { version },
            MigrateError::VersionMismatch(version) => Error::SchemaDiffers { version },
            other => Error::Migrate(other),
        })?;
        connection.close().await.map_err(Error::Query)
    }

    /// How many migrations of this program the database lacks.
    ///
    /// # Errors
    /// [`Error::Query`] or [`Error::Migrate`] when the database does not answer.
    pub async fn pending_migrations(&self) -> Result<usize, Error> {
        let mut connection = self.pool.acquire().await.map_err(Error::Query)?;
        let listed = connection.list_applied_migrations(&MIGRATOR.table_name).await;
        let applied = match listed {
            Err(MigrateError::Execute(sqlx::Error::Database(error))) if error.code().as_deref() == Some("42P01") => {
                Vec::new()
            }
            other => other.map_err(Error::Migrate)?,
        };
        let lacks = |version| applied.iter().all(|migration| migration.version != version);
        let ups = MIGRATOR.iter().filter(|migration| !migration.migration_type.is_down_migration());
        Ok(ups.filter(|migration| lacks(migration.version)).count())
    }

    /// Whether the database answers now.
    ///
    /// # Errors
    /// [`Error::Query`] when it does not, or when no connection got free in time.
    pub async fn health(&self) -> Result<(), Error> {
        let mut connection = self.pool.acquire().await.map_err(Error::Query)?;
        connection.ping().await.map_err(Error::Query)
    }

    /// Closes all connections, waiting a little for those still in use: one that hangs must not hold up the end of the
    /// process, and the server takes a broken one for a rollback. Before [`Embedded::stop`].
    pub async fn close(&self) {
        if timeout(CLOSE_TIMEOUT, self.pool.close()).await.is_err() {
            tracing::warn!("database connections are still in use; they are dropped");
        }
    }
}

/// Whether `url` can be used, without trying to reach it.
///
/// # Errors
/// [`Error::Url`] with the reason.
pub fn check_url(url: &Secret<String>) -> Result<(), Error> {
    parse_url(url.expose()).map(drop)
}

fn parse_url(url: &str) -> Result<PgConnectOptions, Error> {
    if !(url.starts_with("postgres://") || url.starts_with("postgresql://")) {
        return Err(Error::Url { reason: "does not begin with postgres:// or postgresql://" });
    }
    // The parser's error may quote the URL, and with it the password.
    PgConnectOptions::from_str(url).map_err(|_| Error::Url { reason: "cannot be read" })
}

/// Where `options` lead, without user and password.
fn target(options: &PgConnectOptions) -> String {
    let place = match options.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    };
    format!("{place}/{}", options.get_database().unwrap_or_default())
}

/// Whether trying again may help: nobody there, or there and still starting or full.
fn is_passing(error: &sqlx::Error) -> bool {
    match error {
        // A proxy or a container's port takes connections while nobody is behind it, and hangs up.
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::Protocol(_) => true,
        sqlx::Error::Database(error) => {
            matches!(error.code().as_deref(), Some("57P01" | "57P02" | "57P03" | "53300"))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(url: &str) -> Config {
        Config {
            url: Some(Secret::new(url.to_owned())),
            connections_max: 4,
            connections_min: 0,
            acquire_timeout: Duration::from_secs(5),
            connect_timeout: Duration::from_millis(600),
            statement_timeout: Duration::from_secs(5),
            embedded: embedded::Config {
                data_dir: "/nonexistent".into(),
                closed_data_dir_fallback: "/nonexistent".into(),
                startup_timeout: Duration::ZERO,
                stop_timeout: Duration::ZERO,
                command_patience: Duration::ZERO,
                shared_buffers_mib: 1,
                server_connections_max: 1,
                log_bytes_max: 1,
            },
        }
    }

    #[test]
    fn a_wrong_url_is_refused_without_repeating_it() {
        for url in ["", "mysql://boda:secret@db/boda", "postgres://boda:secret@db:port/boda"] {
            let message = parse_url(url).unwrap_err().to_string();
            assert!(message.starts_with("database.url ") && !message.contains("secret"), "{message}");
        }
    }

    #[test]
    fn nothing_prints_the_password() {
        let config = config("postgres://boda:secret@db.example/city");
        assert!(!format!("{config:?}").contains("secret"));
        let options = parse_url("postgres://boda:secret@db.example/city").unwrap();
        assert_eq!(target(&options), "db.example:5432/city");
    }

    #[tokio::test]
    async fn a_server_that_is_away_is_tried_until_the_time_is_up() {
        // A port that was free a moment ago, so nobody listens there.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let started = Instant::now();
        let url = format!("postgres://boda:secret@127.0.0.1:{port}/boda?sslmode=disable");
        let error = Database::connect(&config(&url)).await.unwrap_err();
        assert!(matches!(error, Error::Unreachable { .. }));
        assert!(started.elapsed() >= Duration::from_millis(300));
        assert!(error.to_string().contains(&format!("127.0.0.1:{port}/boda")), "{error}");
        assert!(!error.to_string().contains("secret"));
    }
}
