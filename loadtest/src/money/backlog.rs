//! A backlog: completed rides with their settlement jobs, put into the database, and how fast the server works them off.
//!
//! Separate from rides that are ridden because those would be the measure of riding. All of it is charged: the server with
//! its sandbox, and PostgreSQL.

use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::time::sleep;

use super::books::{Books, failed};
use super::figures::{self, Figures};
use super::telling::Heard;
use super::{hurry, outside, people, setup, truth};
use crate::args;
use crate::measure::family;
use crate::measure::machine::Machine;
use crate::play::Stop;
use crate::proof::outcome::Outcome;
use crate::report::Progress;
use crate::server::Server;

/// People among whom the rides are shared out.
const RIDERS_MAX: usize = 5_000;
const DRIVERS: usize = 200;
/// The longest that a backlog may take.
const DONE_WITHIN: Duration = Duration::from_secs(600);

/// The figures of a backlog, before those of every run.
#[derive(Debug, Serialize)]
struct BacklogFigures {
    backlog: usize,
    /// From the start of the server until the last was paid, per second.
    settled_per_s_with_start: f64,
    /// Processor time of one payment, microseconds: the server with the sandbox inside, and PostgreSQL.
    server_cpu_us_per_payment: f64,
    postgres_cpu_us_per_payment: f64,
    #[serde(flatten)]
    figures: Figures,
}

/// Plays it.
pub(super) async fn run(
    args: &args::Money,
    count: usize,
    machine: &Machine,
    progress: Progress,
) -> Result<Outcome, Stop> {
    let mut server = Server::prepare(&args.common.server, setup(None))?;
    hurry(&mut server, false).await?;
    progress.say(&format!("a backlog of {count} rides"));
    let (drivers, riders) = people(&mut server, DRIVERS, count.min(RIDERS_MAX)).await?;
    // Rides are written while no worker runs.
    server.set("BODA__JOBS__WORKERS_MAX", "0");
    server.run().await?;
    let mut books = Books::open(&server.data_dir()).await?;
    let riders: Vec<_> =
        riders.iter().filter(|rider| is_plain(&rider.phone)).map(|rider| rider.user_id.clone()).collect();
    let drivers: Vec<_> = drivers.into_iter().map(|driver| driver.user_id).collect();
    books.pile_up(count, &riders, &drivers).await?;
    drop(books);
    server.unset("BODA__JOBS__WORKERS_MAX");
    server.stop_and_restart().await?;
    let begun = Instant::now();
    let mut books = Books::open(&server.data_dir()).await?;
    let world = outside::of_server(server.address()).await?;
    let server_pids: Vec<u32> = server.pid().into_iter().collect();
    let postgres_pids: Vec<u32> = server.pids().into_iter().filter(|pid| !server_pids.contains(pid)).collect();
    let of = |pids: &[u32]| family::read_of(&family::with_descendants(pids));
    let (server_before, postgres_before) = (of(&server_pids), of(&postgres_pids));
    progress.say("settling");
    loop {
        let settled = books.intents().await?.get("succeeded").copied().unwrap_or_default();
        if usize::try_from(settled).unwrap_or_default() >= count {
            break;
        }
        if begun.elapsed() > DONE_WITHIN {
            progress.say("the backlog was not worked off in time");
            break;
        }
        sleep(Duration::from_millis(200)).await;
    }
    let took = begun.elapsed();
    let (server_spent, postgres_spent) =
        (of(&server_pids).since(&server_before), of(&postgres_pids).since(&postgres_before));
    let debits = world.debits().await?;
    let verdict = truth::judge(&debits, &books.attempts().await?, &books.captures().await?);
    let figures = figures::of(&mut books, &verdict, &debits, &Heard::new(), world.now_ms()).await?;
    let settled = figures.payments_settled.max(1) as f64;
    let each_us = |cpu_ns: u64| cpu_ns as f64 / 1_000.0 / settled;
    let still_open = books.on_their_way().await?;
    server.stop().await?;
    let figures = BacklogFigures {
        backlog: count,
        settled_per_s_with_start: settled / took.as_secs_f64(),
        server_cpu_us_per_payment: each_us(server_spent.cpu_ns),
        postgres_cpu_us_per_payment: each_us(postgres_spent.cpu_ns),
        figures: Figures { still_open, seconds: took.as_secs_f64(), callbacks: true, ..figures },
    };
    if !figures.figures.is_sound() {
        return Err(Stop::Failed(format!("money was lost or taken twice: {figures:?}")));
    }
    Outcome::new("money", machine, &figures)
}

/// Whether the wallet of this number answers at once and pays: the last three digits of some mean something else.
fn is_plain(phone: &str) -> bool {
    const SCENARIOS: [&str; 11] = ["039", "049", "029", "019", "059", "129", "139", "149", "159", "169", "179"];
    !SCENARIOS.iter().any(|tail| phone.ends_with(tail))
}

impl Books {
    /// Writes completed rides and the jobs that settle them, half to be paid by MTN and half by Airtel.
    async fn pile_up(&mut self, count: usize, riders: &[String], drivers: &[String]) -> Result<(), Stop> {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let rides = "INSERT INTO rides (id, rider_id, driver_id, status, ride_type, payment_method, pickup_lat, pickup_lng,
                 destination_lat, destination_lng, request_hash, estimated_distance_m, estimated_duration_s, tariff,
                 surge_basis_points, quoted_fare_rwf, fare_rwf, pin, requested_at, started_at, ended_at)
             SELECT gen_random_uuid(), ($2::text[])[1 + n % cardinality($2)]::uuid, ($3::text[])[1 + n % cardinality($3)]::uuid,
                    'completed', 'boda', CASE n % 2 WHEN 0 THEN 'mtn_momo' ELSE 'airtel_money' END, -1.9438, 30.0569, -1.9584,
                    30.1191, '\\x00', 4200, 687, 'test', 10000, 400 + n % 1500, 400 + n % 1500, '0000',
                    now() - interval '20 minutes', now() - interval '15 minutes', now() - interval '1 minute'
             FROM generate_series(1, $1) AS n";
        let jobs = "INSERT INTO jobs (id, kind, payload, dedupe_key, run_at, attempts_max, created_at)
             SELECT gen_random_uuid(), 'payments.settle_ride',
                    jsonb_build_object('ride_id', id, 'driver_id', driver_id, 'fare_rwf', fare_rwf, 'payment_method', payment_method,
                        'rider_id', rider_id, 'ride_type', ride_type,
                        'completed_at', to_char(ended_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')),
                    'settle:' || id, now(), 100, now()
             FROM rides WHERE tariff = 'test'";
        sqlx::query(rides).bind(count).bind(riders).bind(drivers).execute(&mut self.conn).await.map_err(failed)?;
        sqlx::query(jobs).execute(&mut self.conn).await.map_err(failed)?;
        Ok(())
    }
}
