//! How long people wait for the books: a million postings, then the trial balance and pages of statements.
//!
//! Separate from the tests because only a release build says anything about time. Starts a private PostgreSQL of its own in a
//! temporary directory, or uses the empty database that DATABASE_URL names. `BODA_BENCH_POSTINGS` changes how many.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use boda::config::{Flag, Sources};
use boda::db::embedded::Role;
use boda::db::{self, Database};
use boda::payments::rehearsal::Books;
use boda::time::Span;

type Failure = Box<dyn std::error::Error + Send + Sync>;

const POSTINGS: usize = 1_000_000;
const DRIVERS: u32 = 5_000;
const ROUNDS: usize = 15;

fn median_ms(mut rounds: Vec<Duration>) -> f64 {
    rounds.sort_unstable();
    rounds[rounds.len() / 2].as_secs_f64() * 1e3
}

#[expect(clippy::disallowed_methods, reason = "a bench without a configuration is told its size by the environment")]
async fn measure(database: &Database) -> Result<(), Failure> {
    database.migrate().await?;
    let asked = std::env::var("BODA_BENCH_POSTINGS").ok().map(|text| text.parse()).transpose()?;
    let postings = asked.unwrap_or(POSTINGS);
    let books = Books::open(database.pool().clone(), DRIVERS).await?;
    let now = boda::clock::now();
    let took = books.post(postings, now).await?.as_secs_f64();
    println!("{postings} postings of three lines in {took:.1} s: {:.0}/s by one connection", postings as f64 / took);
    let (mut trial, mut past, mut first, mut deep, mut account) = (vec![], vec![], vec![], vec![], vec![]);
    let middle = books.middle().await?;
    for _ in 0..ROUNDS {
        let (took, off) = books.trial_balance(None).await?;
        if off != 0 {
            return Err(format!("the books are off by {off} RWF").into());
        }
        trial.push(took);
        first.push(books.page(None).await?.0);
        deep.push(books.page(middle).await?.0);
        account.push(books.account_page().await?);
    }
    for _ in 0..3 {
        // Before the first posting: the farthest way back.
        past.push(books.trial_balance(Some(now - Span::from_minutes(1))).await?.0);
    }
    let (trial, past) = (median_ms(trial), median_ms(past));
    let (first, deep, account) = (median_ms(first), median_ms(deep), median_ms(account));
    println!("  trial balance {trial:.1} ms (target 1000), as of before the first posting {past:.0} ms");
    println!("  page of the longest statement {first:.1} ms (target 20), in its middle {deep:.1} ms");
    println!("  page of the busiest account {account:.1} ms (target 20)");
    println!(
        r#"L1 {{"postings":{postings},"postings_per_s":{:.0},"trial_balance_ms":{trial:.1},"page_ms":{first:.1},"deep_page_ms":{deep:.1},"account_page_ms":{account:.1}}}"#,
        postings as f64 / took
    );
    Ok(())
}

#[tokio::main]
#[expect(clippy::disallowed_methods, reason = "a bench is told where its database is by the environment")]
async fn main() -> Result<(), Failure> {
    // `cargo bench` says so; `cargo test --benches` does not, and wants no measurement.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let home = tempfile::Builder::new().prefix("boda-bench-").tempdir()?;
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755))?;
    let value = home.path().to_str().ok_or("the temporary directory has an odd name")?.to_owned();
    let mut flags = vec![Flag { flag: "--data-dir", key: "data_dir", value }];
    if let Ok(value) = std::env::var("DATABASE_URL") {
        flags.push(Flag { flag: "DATABASE_URL", key: "database.url", value });
    }
    let config = Sources { flags, ..Sources::default() }.load()?;
    let (database, embedded) = match db::open(&config.database, Role::Serve).await {
        Ok(open) => open,
        Err(error) => {
            println!("ledger: skipped, because no PostgreSQL can be started here: {error}");
            return Ok(());
        }
    };
    let measured = measure(&database).await;
    database.close().await;
    if let Some(embedded) = embedded {
        embedded.stop().await?;
    }
    measured
}
