//! A database of its own for every house, in the PostgreSQL that `DATABASE_URL` names.

use std::process;
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection};

use crate::proxy::{Proxy, Upstream};

const PREFIX: &str = "boda_it_";

/// A database that exists as long as this value. Those of a run that was killed go when the next one starts.
#[derive(Debug)]
pub struct Database {
    name: String,
}

impl Database {
    /// An empty one.
    pub fn create() -> Self {
        static SWEEP: Once = Once::new();
        static NEXT: AtomicU32 = AtomicU32::new(1);
        SWEEP.call_once(|| blocking(sweep()));
        let name = format!("{PREFIX}{}_{}", process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        blocking(run(&format!("CREATE DATABASE {name}")));
        Self { name }
    }

    /// As `database.url` wants it.
    pub fn url(&self) -> String {
        let server = server_url();
        let (address, options) = server.split_once('?').unwrap_or((&server, ""));
        let (authority, _) = address.rsplit_once('/').expect("DATABASE_URL names a database");
        let options = if options.is_empty() { String::new() } else { format!("?{options}") };
        format!("{authority}/{}{options}", self.name)
    }

    /// As [`Database::url`], through a wire that can be cut.
    pub fn url_through(&self, proxy: &Proxy) -> String {
        let options = options();
        let password = server_url().parse::<reqwest::Url>().ok().and_then(|url| url.password().map(str::to_owned));
        let password = password.map(|password| format!(":{password}")).unwrap_or_default();
        format!("postgres://{}{password}@127.0.0.1:{}/{}", options.get_username(), proxy.port(), self.name)
    }

    /// Where the server listens.
    pub fn upstream() -> Upstream {
        let options = options();
        let directory = options.get_socket().cloned().or_else(|| {
            let host = options.get_host();
            host.starts_with('/').then(|| host.into())
        });
        match directory {
            Some(directory) => Upstream::Unix(directory.join(format!(".s.PGSQL.{}", options.get_port()))),
            None => Upstream::Tcp(options.get_host().to_owned(), options.get_port()),
        }
    }

    /// Where any of these words stands open, in whatever column of whatever table: word, `table.column`.
    pub fn places_of(&self, words: &[&str]) -> Vec<(String, String)> {
        let options = options().database(&self.name);
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        blocking(async move {
            let mut connection = PgConnection::connect_with(&options).await.expect("the database answers");
            let columns = "SELECT format('%I.%I', c.table_schema, c.table_name), c.column_name::text, c.data_type::text
                 FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)
                 WHERE t.table_type = 'BASE TABLE' AND c.table_schema NOT IN ('pg_catalog', 'information_schema')";
            let columns = sqlx::query_as::<_, (String, String, String)>(columns).fetch_all(&mut connection).await;
            let mut found = Vec::new();
            for (table, column, kind) in columns.expect("columns can be listed") {
                let place = match kind.as_str() {
                    "bytea" => format!("position(convert_to(word, 'UTF8') IN \"{column}\") > 0"),
                    _ => format!("position(word IN \"{column}\"::text) > 0"),
                };
                let sql = format!(
                    "SELECT word FROM unnest($1::text[]) AS word WHERE EXISTS (SELECT FROM {table} WHERE {place})"
                );
                // The names in it are those of the schema.
                let sql = sqlx::query_scalar::<_, String>(AssertSqlSafe(sql)).bind(&words);
                let table = table.trim_start_matches("public.").to_owned();
                for word in sql.fetch_all(&mut connection).await.expect("every column can be searched") {
                    found.push((word, format!("{table}.{column}")));
                }
            }
            let _ = connection.close().await;
            found.sort_unstable();
            found
        })
    }

    /// Jobs that were given up, with what they said.
    pub fn dead_jobs(&self) -> Vec<String> {
        let options = options().database(&self.name);
        blocking(async move {
            let mut connection = PgConnection::connect_with(&options).await.expect("the database answers");
            let statement = "SELECT concat(kind, ': ', last_error) FROM jobs WHERE state = 'dead'";
            let dead = sqlx::query_scalar::<_, String>(statement).fetch_all(&mut connection).await;
            let _ = connection.close().await;
            // A house that never came to migrating has no jobs.
            dead.unwrap_or_default()
        })
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        blocking(run(&format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name)));
    }
}

#[expect(clippy::disallowed_methods, reason = "the tests read the environment of the test run, not the program's")]
fn server_url() -> String {
    std::env::var("DATABASE_URL").expect("DATABASE_URL names a PostgreSQL for tests; `make test` sets it")
}

fn options() -> PgConnectOptions {
    server_url().parse().expect("DATABASE_URL is an address of PostgreSQL")
}

async fn run(statement: &str) {
    let mut connection = PgConnection::connect_with(&options()).await.expect("PostgreSQL answers at DATABASE_URL");
    // The names in it are made in this file.
    let done = sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(&mut connection).await;
    done.unwrap_or_else(|error| panic!("{statement}: {error}"));
    let _ = connection.close().await;
}

/// Drops what runs that are no more have left behind.
async fn sweep() {
    let mut connection = PgConnection::connect_with(&options()).await.expect("PostgreSQL answers at DATABASE_URL");
    let found =
        sqlx::query_scalar::<_, String>("SELECT datname::text FROM pg_database WHERE datname LIKE 'boda\\_it\\_%'");
    for name in found.fetch_all(&mut connection).await.expect("databases can be listed") {
        let owner = name.strip_prefix(PREFIX).and_then(|rest| rest.split('_').next());
        let is_left = owner.is_some_and(|pid| !std::path::Path::new("/proc").join(pid).exists());
        if is_left {
            let statement = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
            let _ = sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await;
        }
    }
    let _ = connection.close().await;
}

/// Runs to the end on a thread of its own, so that it works inside and outside of any runtime, and while dropping.
fn blocking<T: Send>(work: impl Future<Output = T> + Send) -> T {
    std::thread::scope(|scope| {
        let worker = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(work)
        });
        worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
