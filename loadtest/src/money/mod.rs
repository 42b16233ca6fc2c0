//! `money`: rides paid through the sandbox while things go wrong, and every franc counted from outside.
//!
//! Separate from the other proofs because what counts here is not what the server says but what left people's wallets: the
//! stand-ins of the providers keep their own books, and each debit there must be exactly one capture here. Three ways to
//! play: whole rides by REST with faults, the same while the server is killed, and a backlog of completed rides that is
//! settled as fast as it goes.

mod backlog;
mod books;
mod figures;
mod outside;
mod street;
mod telling;
mod truth;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use serde::Deserialize;
use tokio::time::sleep;

use crate::args;
use crate::child::Pinned;
use crate::measure::machine::Machine;
use crate::play::Stop;
use crate::proof::outcome::Outcome;
use crate::report::Progress;
use crate::server::{Server, Setup};

use books::Books;
use figures::Figures;
use outside::World;
use street::Street;

/// After the rides, what is slow at the providers is over after this much of their time.
const SKIPPED: Duration = Duration::from_secs(3_600);
/// How long, of ours, payments may take to end after that: the poll ladder has steps of two minutes.
const END_WITHIN: Duration = Duration::from_secs(240);

/// Somebody of the town, as `boda seed` writes them down.
#[derive(Clone, Debug, Deserialize)]
pub struct Somebody {
    /// Who.
    pub user_id: String,
    /// `driver` or `customer`.
    pub role: String,
    /// The telephone, and by that the wallet.
    pub phone: String,
    /// Proves it.
    pub token: String,
}

/// Plays the scenario.
///
/// # Errors
/// When the server does not start, or a promise was broken: the text names it.
pub async fn run(args: &args::Money, machine: &Machine, progress: Progress) -> Result<Outcome, Stop> {
    if let Some(count) = args.backlog {
        return backlog::run(args, count, machine, progress).await;
    }
    let mut world = match args.kills {
        // Who is killed must not take the truth along: the world outside is a process of its own.
        Some(_) => Some(outside::start(&args.common.server).await?),
        None => None,
    };
    let mut server = Server::prepare(&args.common.server, setup(world.as_ref()))?;
    hurry(&mut server, world.is_some()).await?;
    progress.say(&format!("a town of {} drivers and {} riders", args.drivers, args.rides));
    let (drivers, riders) = people(&mut server, args.drivers, args.rides).await?;
    server.run().await?;
    let world = match world.take() {
        Some(world) => world,
        None => outside::of_server(server.address()).await?,
    };
    let mut books = Books::open(&server.data_dir()).await?;
    books.give_credit(riders.iter().step_by(10), 300).await?;
    if !args.no_faults {
        world.go_wrong(args.seed).await?;
    }
    if args.no_callbacks {
        world.lose_callbacks().await?;
    }
    progress.say(&format!("{} rides, paid as they end", args.rides));
    let begun = Instant::now();
    let told = telling::listen(server.address(), &riders);
    let street = Street::new(server.address(), args.seed)?;
    let (rides, killed) = tokio::join!(street.play(&drivers, &riders), kill_often(&mut server, args));
    let kills = killed?;
    let played = begun.elapsed();
    progress.say("waiting until everything ends");
    world.all_is_well().await?;
    let latencies_until = world.now_ms();
    sleep(Duration::from_secs(3)).await;
    world.advance(SKIPPED).await?;
    // The books are on another connection after the last kill.
    books = Books::open(&server.data_dir()).await?;
    let still_open = ended(&mut books).await?;
    let heard = told.heard();
    let debits = world.debits().await?;
    let verdict = truth::judge(&debits, &books.attempts().await?, &books.captures().await?);
    let figures = Figures {
        rides: rides.completed,
        rides_failed: rides.failed,
        first_failure: rides.first_failure,
        kills,
        seconds: played.as_secs_f64(),
        faults: !args.no_faults,
        callbacks: !args.no_callbacks,
        still_open,
        ..figures::of(&mut books, &verdict, &debits, &heard, latencies_until).await?
    };
    let log = (!figures.is_sound()).then(|| server.keep_log().display().to_string());
    server.stop().await?;
    if let Some(log) = log {
        return Err(Stop::Failed(format!("money was lost or taken twice: {figures:?}; the server's log is {log}")));
    }
    Outcome::new("money", machine, &figures)
}

fn setup(world: Option<&World>) -> Setup {
    let mut settings: Vec<(String, String)> = [
        // A driver's corner is out of reach of the next one's.
        ("CITY__SEARCH_RADIUS_M", "400"),
        ("DISPATCH__ROUND_INTERVAL_MS", "100"),
        ("DISPATCH__AT_ONCE_DRIVERS", "1"),
        ("ASKING__FINISHING_MAX", "0"),
        ("AUTH__ACCESS_TOKEN_LIFETIME_MINUTES", "1440"),
    ]
    .map(|(key, value)| (format!("BODA__{key}"), value.to_owned()))
    .to_vec();
    settings.extend(world.into_iter().flat_map(World::settings));
    Setup { settings, pinned: Pinned::Nowhere, is_sandboxed: world.is_none() }
}

/// Settings without which the stand-ins, which answer at once, would be waited for as the real ones are. Keys that the
/// server does not know are left out.
async fn hurry(server: &mut Server, is_world_apart: bool) -> Result<(), Stop> {
    let known = server.keys().await?;
    let here = if is_world_apart { format!("http://{}", server.address()) } else { String::new() };
    for (key, value) in [
        ("payments.mtn_status_reads_per_s", "1000"),
        ("payments.airtel_status_reads_per_s", "1000"),
        ("payments.callback_base_url", &here),
    ] {
        if !value.is_empty() && known.iter().any(|one| one == key) {
            server.set(&format!("BODA__{}", key.to_ascii_uppercase().replace('.', "__")), value);
        }
    }
    Ok(())
}

/// Has the server's program write people into its database.
async fn people(server: &mut Server, drivers: usize, riders: usize) -> Result<(Vec<Somebody>, Vec<Somebody>), Stop> {
    let file = server.data_dir().with_file_name("people.jsonl");
    let (drivers, riders, out) = (drivers.to_string(), riders.to_string(), file.display().to_string());
    let arguments = ["seed", "--drivers", &drivers, "--riders", &riders, "--sandbox-data", "--out", &out];
    server.command(&[&arguments[..], &["--token-lifetime-s", "14400"]].concat()).await?;
    let text = std::fs::read_to_string(&file).map_err(|err| Stop::Failed(format!("{out}: {err}")))?;
    let all = text.lines().map(serde_json::from_str).collect::<Result<Vec<Somebody>, _>>();
    let all = all.map_err(|err| Stop::Failed(format!("{out}: {err}")))?;
    Ok(all.into_iter().partition(|one| one.role == "driver"))
}

/// Kills the server at random moments; how often it was.
async fn kill_often(server: &mut Server, args: &args::Money) -> Result<Option<u32>, Stop> {
    let Some(kills) = args.kills else { return Ok(None) };
    let mut rng = SmallRng::seed_from_u64(args.seed ^ 0xdead);
    for _ in 0..kills {
        sleep(Duration::from_millis(rng.random_range(300..2_500))).await;
        server.kill_and_restart().await?;
    }
    Ok(Some(kills))
}

/// Waits until no payment is on its way any more, but for those that never end; how many these are, by state.
async fn ended(books: &mut Books) -> Result<BTreeMap<String, i64>, Stop> {
    let give_up = Instant::now() + END_WITHIN;
    let (mut open, mut quiet_since) = (books.on_their_way().await?, Instant::now());
    while Instant::now() < give_up && !open.is_empty() {
        sleep(Duration::from_secs(1)).await;
        let now = books.on_their_way().await?;
        if now != open {
            (open, quiet_since) = (now, Instant::now());
        }
        // Those that are stuck for ever are the last.
        if quiet_since.elapsed() > Duration::from_secs(130) {
            break;
        }
    }
    Ok(open)
}
