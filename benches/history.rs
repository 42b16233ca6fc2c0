//! What a ping costs in the position history: bytes in the database and processor time, against a plain table.
//!
//! Separate from the tests because only a release build and a database with real flushing say anything about cost. Starts a
//! private PostgreSQL of its own in a temporary directory, with the program's default settings, and says so where there
//! is none. In one run:
//! - bytes of a ping: a day of moving drivers through the program's own path, tables and indexes as PostgreSQL counts them;
//! - pings of a processor second: the same pings by our path and into the *plain table* (a row for each ping, its payload
//!   in jsonb, an index by driver and time, a GiST index on the place), in turn, five rounds, the median. Counted is all
//!   processor time of this program and of every process of PostgreSQL, writing back at a checkpoint included. The plain
//!   table is filled by the same binary bulk copy, a minute at a time, which is its best case.

mod processor;

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use boda::config::{Config, Flag, Sources};
use boda::db::embedded::Role;
use boda::db::{self, Database};
use boda::geo::{KIGALI, LatLng};
use boda::ids::DriverId;
use boda::index::{Fix, RideClasses};
use boda::locations::history::History;
use boda::locations::{Locations, Track};
use boda::road::StraightLine;
use boda::time::Timestamp;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sqlx::PgPool;
use sqlx::postgres::PgPoolCopyExt as _;
use uuid::Uuid;

use processor::Failure;

/// The day of the first part: drivers, and how many hours each drives. 4.3 million pings.
const DAY_DRIVERS: usize = 100;
const DAY_SECONDS: usize = 12 * 3_600;
/// A round of the second part: 480,000 pings.
const ROUNDS: usize = 5;
const ROUND_DRIVERS: usize = 2_000;
const ROUND_SECONDS: usize = 240;
/// 2026-11-23T06:00Z, where a minute begins.
const MORNING_MS: i64 = 1_795_413_600_000;
/// PostgreSQL counts from 2000.
const YEAR_2000_MS: i64 = 946_684_800_000;
const PLAIN: &str =
    "CREATE TABLE plain_positions (driver_id uuid NOT NULL, at timestamptz NOT NULL, place point NOT NULL,
        payload jsonb NOT NULL);
    CREATE INDEX ON plain_positions (driver_id, at);
    CREATE INDEX ON plain_positions USING gist (place);";
const PLAIN_COPY: &str = "COPY plain_positions (driver_id, at, place, payload) FROM STDIN (FORMAT BINARY)";

/// A moto in town, as its phone tells it: it speeds up, slows down for corners and junctions, stands at some of them. What
/// the phone measures strays by metres, slowly, and by decimetres, quickly; its second hand is not exact.
struct Phone {
    rng: StdRng,
    home: LatLng,
    place: LatLng,
    bearing_deg: f64,
    speed_mps: f64,
    stray_m: [f64; 2],
    phase: usize,
}

impl Phone {
    fn new(number: usize) -> Self {
        let mut rng = StdRng::seed_from_u64(number as u64);
        let (lat, lng) = (rng.random_range(-1.99..-1.91), rng.random_range(30.03..30.13));
        let place = LatLng::new(lat, lng).expect("on the globe");
        let (bearing_deg, phase) = (rng.random_range(0.0..360.0), rng.random_range(0..180));
        Self { rng, home: place, place, bearing_deg, speed_mps: 0.0, stray_m: [0.0; 2], phase }
    }

    /// About normal, with this deviation.
    fn noise(&mut self, deviation: f64) -> f64 {
        (0..4).map(|_| self.rng.random_range(-0.866..0.866)).sum::<f64>() * deviation
    }

    fn fix(&mut self, second: usize) -> Fix {
        let (in_block, block) = ((second + self.phase) % 45, (second + self.phase) / 45);
        let wanted: f64 = match in_block {
            0..5 if block.is_multiple_of(3) => 0.0,
            40.. => 4.0,
            _ => 9.0,
        };
        self.speed_mps += (wanted - self.speed_mps).clamp(-2.5, 1.8) + self.noise(0.2);
        // Nobody drives out of town: after some kilometres the next corner leads back.
        self.bearing_deg = match in_block {
            42 if self.place.distance_m(self.home) > 3_000.0 => self.place.bearing_deg(self.home),
            42 => self.bearing_deg + [90.0, -90.0][block % 2],
            _ => self.bearing_deg + self.noise(2.0),
        };
        self.place = self.place.destination(self.bearing_deg, self.speed_mps.max(0.0));
        for axis in 0..2 {
            self.stray_m[axis] = self.stray_m[axis] * 0.95 + self.noise(0.8);
        }
        let (north, east) = (self.stray_m[0] + self.noise(0.2), self.stray_m[1] + self.noise(0.2));
        let seen = self.place.destination(0.0, north).destination(90.0, east);
        let at_ms = MORNING_MS + second as i64 * 1_000 + 300 + self.noise(30.0) as i64;
        Fix {
            bearing_deg: Some(self.bearing_deg.rem_euclid(360.0) as u16),
            ..Fix::new(seen, Timestamp::from_millis(at_ms))
        }
    }
}

/// Drivers on shift, and the history that looks at them.
struct Fleet {
    locations: Locations,
    history: History,
    drivers: Vec<(DriverId, Phone)>,
    seen: Vec<(DriverId, Fix)>,
}

impl Fleet {
    fn new(config: &Config, pool: &PgPool, drivers: usize) -> Result<Self, Failure> {
        let mut numbers = config.locations.clone();
        (numbers.area, numbers.ping_age_max, numbers.ping_ahead_max) =
            (KIGALI, boda::time::Span::from_millis(i64::MAX), boda::time::Span::from_millis(i64::MAX));
        let locations = Locations::new(numbers, Arc::new(StraightLine::new(1.33, 22.0)?))?;
        let history = History::new(config.history.clone(), pool.clone(), locations.clone());
        let driver = |number: usize| (DriverId(Uuid::new_v4()), Phone::new(number));
        let drivers: Vec<_> = (0..drivers).map(driver).collect();
        for (driver, _) in &drivers {
            locations.begin_shift(*driver, RideClasses(1), None);
        }
        Ok(Self { locations, history, drivers, seen: Vec::new() })
    }

    /// Everybody pings; what they sent.
    fn ping(&mut self, second: usize) -> Vec<(DriverId, Fix)> {
        let locations = &self.locations;
        let ping = |(driver, phone): &mut (DriverId, Phone)| {
            let fix = phone.fix(second);
            locations.ping(*driver, &mut Track::default(), fix, fix.at).expect("the town is in the service area");
            (*driver, fix)
        };
        self.drivers.iter_mut().map(ping).collect()
    }

    fn sample(&mut self, second: usize) {
        // A drive of hours is one instant here: what closes a minute is the next one.
        self.history.sample(Timestamp::from_millis(MORNING_MS + second as i64 * 1_000), &mut self.seen);
    }
}

/// Processor time so far, in nanoseconds: of this program, and of PostgreSQL with all its processes.
fn cpu_ns(postmaster: u32) -> Result<u64, Failure> {
    Ok(processor::own_ns()? + processor::server_ns(postmaster)?)
}

/// One figure of the database.
async fn figure(pool: &PgPool, sql: &'static str) -> Result<i64, Failure> {
    Ok(sqlx::query_scalar::<_, i64>(sql).fetch_one(pool).await?)
}

async fn run(pool: &PgPool, sql: &'static str) -> Result<(), Failure> {
    sqlx::raw_sql(sql).execute(pool).await?;
    Ok(())
}

/// Bytes of a ping after a day, (table, indexes).
async fn day(config: &Config, pool: &PgPool) -> Result<(f64, f64), Failure> {
    let mut fleet = Fleet::new(config, pool, DAY_DRIVERS)?;
    let mut pings = 0;
    for second in 0..DAY_SECONDS {
        pings += fleet.ping(second).len();
        fleet.sample(second);
        if second % 60 == 59 {
            fleet.history.store_everything().await?;
        }
    }
    let sum = |what: &str| match what {
        "table" => {
            "SELECT sum(pg_table_size(inhrelid))::bigint FROM pg_inherits WHERE inhparent = 'position_segments'::regclass"
        }
        _ => {
            "SELECT sum(pg_total_relation_size(inhrelid))::bigint FROM pg_inherits WHERE inhparent = 'position_segments'::regclass"
        }
    };
    let (table, total) = (figure(pool, sum("table")).await?, figure(pool, sum("total")).await?);
    let stored = figure(pool, "SELECT count(*) FROM position_segments").await?;
    println!("a day: {DAY_DRIVERS} drivers, {pings} pings in {stored} rows, {total} bytes");
    Ok((table as f64 / pings as f64, (total - table) as f64 / pings as f64))
}

/// A round by our path: nanoseconds for a ping. Being pinged is not counted, being looked at is.
async fn our_round(fleet: &mut Fleet, postmaster: u32, pool: &PgPool, from: usize) -> Result<f64, Failure> {
    let (mut own_ns, mut pings) = (0, 0);
    let server_before = processor::server_ns(postmaster)?;
    for second in from..from + ROUND_SECONDS {
        pings += fleet.ping(second).len();
        let before = processor::own_ns()?;
        fleet.sample(second);
        if second % 60 == 59 {
            fleet.history.store_everything().await?;
        }
        own_ns += processor::own_ns()? - before;
    }
    run(pool, "CHECKPOINT").await?;
    Ok((own_ns + processor::server_ns(postmaster)? - server_before) as f64 / pings as f64)
}

/// A round into the plain table.
async fn plain_round(fleet: &mut Fleet, postmaster: u32, pool: &PgPool, from: usize) -> Result<f64, Failure> {
    let (mut total_ns, mut pings) = (0, 0);
    for minute in (from..from + ROUND_SECONDS).step_by(60) {
        let fixes: Vec<_> = (minute..minute + 60).flat_map(|second| fleet.ping(second)).collect();
        pings += fixes.len();
        let before = cpu_ns(postmaster)?;
        let mut bytes = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0".to_vec();
        for (driver, fix) in &fixes {
            put_plain(&mut bytes, *driver, fix)?;
        }
        bytes.extend_from_slice(&(-1_i16).to_be_bytes());
        let mut copy = pool.copy_in_raw(PLAIN_COPY).await?;
        copy.send(bytes).await?;
        copy.finish().await?;
        total_ns += cpu_ns(postmaster)? - before;
    }
    let before = cpu_ns(postmaster)?;
    run(pool, "CHECKPOINT").await?;
    Ok((total_ns + cpu_ns(postmaster)? - before) as f64 / pings as f64)
}

fn put_plain(bytes: &mut Vec<u8>, driver: DriverId, fix: &Fix) -> Result<(), Failure> {
    let micros = (fix.at.as_millis() - YEAR_2000_MS) * 1_000;
    let (lat, lng) = (fix.position.lat(), fix.position.lng());
    let mut payload = vec![1_u8];
    write!(
        payload,
        r#"{{"t_ms":{},"lat":{lat},"lng":{lng},"bearing_deg":{},"speed_mps":8.3,"accuracy_m":6.0}}"#,
        fix.at.as_millis(),
        fix.bearing_deg.unwrap_or(0)
    )?;
    let place = [lng.to_be_bytes(), lat.to_be_bytes()].concat();
    bytes.extend_from_slice(&4_i16.to_be_bytes());
    for field in [&driver.0.as_bytes()[..], &micros.to_be_bytes(), &place, &payload] {
        bytes.extend_from_slice(&u32::try_from(field.len())?.to_be_bytes());
        bytes.extend_from_slice(field);
    }
    Ok(())
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

async fn measure(config: &Config, database: &Database, data_dir: &Path) -> Result<(), Failure> {
    database.migrate().await?;
    let pool = database.pool();
    let postmaster = processor::postmaster(data_dir)?;
    let (table, indexes) = day(config, pool).await?;
    println!("  {:.2} bytes a ping: table {table:.2}, indexes {indexes:.2} (target 6)", table + indexes);

    run(pool, PLAIN).await?;
    let mut ours_fleet = Fleet::new(config, pool, ROUND_DRIVERS)?;
    let mut plain_fleet = Fleet::new(config, pool, ROUND_DRIVERS)?;
    let (mut ours, mut plain) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        // A day later than the first part, so that it is another partition.
        let from = 86_400 + round * ROUND_SECONDS;
        ours.push(our_round(&mut ours_fleet, postmaster, pool, from).await?);
        plain.push(plain_round(&mut plain_fleet, postmaster, pool, from).await?);
        println!("round {}: ours {:.0} ns a ping, plain {:.0} ns", round + 1, ours[round], plain[round]);
    }
    let plain_bytes = figure(pool, "SELECT pg_total_relation_size('plain_positions')").await? as f64
        / figure(pool, "SELECT count(*) FROM plain_positions").await? as f64;
    let (ours, plain) = (median(&mut ours), median(&mut plain));
    println!("  ours  {:>12.0} pings a processor second, {:.2} bytes a ping", 1e9 / ours, table + indexes);
    println!("  plain {:>12.0} pings a processor second, {plain_bytes:.0} bytes a ping", 1e9 / plain);
    println!("  {:.0} times as many (target 15), {:.0} times as small", plain / ours, plain_bytes / (table + indexes));
    println!(
        r#"P1 {{"bytes_per_ping":{:.2},"plain_bytes_per_ping":{plain_bytes:.1},"ns_per_ping":{ours:.1},"plain_ns_per_ping":{plain:.1},"ratio":{:.1}}}"#,
        table + indexes,
        plain / ours
    );
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    // `cargo bench` says so; `cargo test --benches` does not, and wants no measurement.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let home = tempfile::Builder::new().prefix("boda-bench-").tempdir()?;
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755))?;
    let value = home.path().to_str().ok_or("the temporary directory has an odd name")?.to_owned();
    let flags = vec![Flag { flag: "--data-dir", key: "data_dir", value }];
    let config = Sources { flags, ..Sources::default() }.load()?;
    let (database, embedded) = match db::open(&config.database, Role::Serve).await {
        Ok(open) => open,
        Err(error) => {
            println!("history: skipped, because no PostgreSQL can be started here: {error}");
            return Ok(());
        }
    };
    let measured = measure(&config, &database, home.path()).await;
    database.close().await;
    if let Some(embedded) = embedded {
        embedded.stop().await?;
    }
    measured
}
