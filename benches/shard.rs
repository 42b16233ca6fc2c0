//! M5: assignments per second of one shard, commits included, with 20,000 drivers on shift; and how long a request waits for
//! its offer at 200 requests a second.
//!
//! Needs a PostgreSQL that the program may start (see `db::embedded`), with the program's default settings, and says so
//! where there is none. The whole service is under test: the price of a booking, the core, candidates from the index,
//! the group commit, what is told to the hub. In this process, so that neither sockets nor JSON are measured with it.
//! - *Closed loop*: riders who book, get a driver, call the ride off at once (so that the driver is free again) and book anew.
//!   Drivers who take every offer. Counted are assignments; bookings and cancellations are committed on top of them.
//! - *Open loop*: 200 requests a second at random moments, for whom the time from the booking's arrival to the committed offer
//!   is measured. A request that comes late because the bench was late counts from when it was due.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use boda::auth::{self, Auth};
use boda::bus::Bus;
use boda::clock;
use boda::config::{Config, Flag, Sources};
use boda::db::embedded::Role as DbRole;
use boda::db::{self, Database};
use boda::drivers::Drivers;
use boda::geo::LatLng;
use boda::ids::{DriverId, RideId, RiderId, SessionId};
use boda::locations::Locations;
use boda::locations::history::History;
use boda::maps::Maps;
use boda::payments::providers::Providers;
use boda::payments::{self, Payments};
use boda::pricing::Prices;
use boda::realtime::Hub;
use boda::rides::product::request::ProductRequest;
use boda::rides::{BookRide, Parts, PaymentChoice, PlaceRequest, Rides, Started};
use boda::road::StraightLine;
use boda::steering::Steering;
use boda::storage::{Disk, Storage};
use boda::vault::{KeyRing, Place, Vault};
use boda::web::{Caller, Role, TokenKeys};
use dashmap::DashMap;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sqlx::PgPool;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

type Failure = Box<dyn std::error::Error>;

const DRIVERS: u128 = 20_000;
const RIDERS: u128 = 12_000;
/// Riders who book at once in the closed loop.
const AT_ONCE: usize = 1_000;
const WARM_UP: Duration = Duration::from_secs(3);
const MEASURED: Duration = Duration::from_secs(10);
const OPEN_PER_S: f64 = 200.0;
const OPEN_FOR: Duration = Duration::from_secs(15);

/// Settings that differ from the program's own.
const SETTINGS: &[(&str, &str)] = &[
    // Nobody pings in here: positions of the beginning are good to the end.
    ("city.position_age_max_s", "3600"),
    ("city.ping_age_max_s", "3600"),
    ("pickup.watch", "false"),
];

fn driver(number: u128) -> DriverId {
    DriverId(Uuid::from_u128(0x5eed_0000_0000_8000_8000_0100_0000_0000 + number))
}

fn rider(number: u128) -> RiderId {
    RiderId(Uuid::from_u128(0x5eed_0000_0000_8000_8000_0000_0000_0000 + number))
}

/// Somewhere in town.
fn place(rng: &mut StdRng) -> LatLng {
    LatLng::new(rng.random_range(-1.99..-1.90), rng.random_range(30.02..30.13)).expect("on the globe")
}

async fn insert_people(pool: &PgPool, vault: &Vault, role: &str, people: Vec<(Uuid, String)>) -> Result<(), Failure> {
    let seal = |(id, phone): &(Uuid, String)| vault.seal_text(Place::new("users.phone", *id), phone);
    let sealed = people.iter().map(seal).collect::<Result<Vec<_>, _>>()?;
    let people_of_role = "INSERT INTO users (id, phone_sealed, phone_index, first_name, last_name, language, role, verified_at, created_at, updated_at)
         SELECT id, sealed, index, 'Keza', 'Uwase', 'rw', $4, now(), now(), now()
         FROM unnest($1::uuid[], $2::bytea[], $3::bytea[]) AS made_up (id, sealed, index)";
    sqlx::query(people_of_role)
        .bind(people.iter().map(|(id, _)| *id).collect::<Vec<_>>())
        .bind(sealed)
        .bind(people.iter().map(|(_, phone)| vault.index("phone", phone)).collect::<Vec<_>>())
        .bind(role)
        .execute(pool)
        .await?;
    Ok(())
}

async fn fill(pool: &PgPool, vault: &Vault) -> Result<(), Failure> {
    let riders = (0..RIDERS).map(|n| (rider(n).0, format!("+25078{n:07}")));
    let drivers = (0..DRIVERS).map(|n| (driver(n).0, format!("+25072{n:07}")));
    insert_people(pool, vault, "customer", riders.collect()).await?;
    insert_people(pool, vault, "driver", drivers.collect()).await?;
    sqlx::query(
        "INSERT INTO drivers (user_id, status, licence_category, licence_expires_on, plate, vehicle_make, vehicle_model,
             vehicle_year, vehicle_colour, fuel, ride_types, insurance_expires_on, created_at, updated_at)
         SELECT id, 'approved', 'A', now() + interval '1 year', 'RC' || right(id::text, 10), 'Ampersand', 'Alpha', 2025,
                'blue', 'electric', '{boda}', now() + interval '1 year', now(), now()
         FROM users WHERE role = 'driver'",
    )
    .execute(pool)
    .await?;
    // Not of the tables that are empty still: the server would remember that, and read them whole for some minutes.
    sqlx::raw_sql("ANALYZE users, drivers").execute(pool).await?;
    Ok(())
}

struct House {
    rides: Rides,
    stop: CancellationToken,
    shard: tokio::task::JoinHandle<Result<(), boda::error::Error>>,
}

async fn open(config: &Config, database: &Database) -> Result<House, Failure> {
    let pool = database.pool().clone();
    let keys = auth::keys::load_or_create(&config.vault.keys_dir, clock::now())?;
    let tokens = Arc::new(TokenKeys::new(keys.tokens.expose(), config.access_token_lifetime)?);
    let vault = Vault::new(KeyRing::load_or_create(&config.vault.keys_dir)?);
    let storage =
        Storage::new(Arc::new(Disk::new(config.data_dir.join("files"))), vault.clone(), config.storage.pictures);
    let auth = Auth::new(pool.clone(), config.auth.clone(), &keys.code, tokens, vault.clone())?;
    let travel = Arc::new(StraightLine::new(config.travel.detour_factor, config.travel.speed_kmh)?);
    let locations = Locations::new(config.locations.clone(), travel)?;
    let hub = Hub::start(config.sockets.clone());
    let steering = Steering::new(config.steering.clone(), locations.clone(), Arc::clone(&hub));
    let prices = Prices::new(pool.clone(), config.prices.clone());
    let payments = Payments::new(payments::Parts {
        pool: pool.clone(),
        vault: vault.clone(),
        config: config.payments.clone(),
        prices: prices.clone(),
        recipients: auth.recipients(),
        names: auth.names(),
        providers: Providers::default(),
        tell: Arc::new(|_| {}),
        sandbox_url: None,
    });
    let parts = Parts {
        config: config.rides.clone(),
        pool: pool.clone(),
        hub,
        bus: Bus::connect(&config.bus)?,
        drivers: Drivers::new(pool.clone(), auth.clone(), vault, storage, &config.drivers),
        auth,
        maps: Maps::new(config.map.clone(), pool.clone(), None),
        history: History::new(config.history.clone(), pool, locations.clone()),
        locations,
        prices,
        payments,
        steering,
        streets: None,
    };
    let stop = CancellationToken::new();
    let Started { rides, shard } = Rides::open(parts, stop.clone()).await?;
    Ok(House { rides, stop, shard })
}

async fn go_online(rides: &Rides) -> Result<(), Failure> {
    let mut tasks = tokio::task::JoinSet::new();
    for lane in 0..200_u128 {
        let rides = rides.clone();
        tasks.spawn(async move {
            let mut rng = StdRng::seed_from_u64(lane as u64);
            for number in (lane..DRIVERS).step_by(200) {
                rides.go_online(driver(number), place(&mut rng)).await?;
            }
            Ok::<(), boda::error::Error>(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(())
}

/// What riders and drivers of the bench share.
struct Town {
    rides: Rides,
    /// Riders who wait for a driver.
    waiting: DashMap<RideId, oneshot::Sender<()>>,
    assigned: AtomicU64,
    /// Bookings and acceptances that were refused.
    refused: AtomicU64,
    is_over: AtomicBool,
}

fn booking(rng: &mut StdRng) -> BookRide {
    let mut spot = || {
        let at = place(rng);
        PlaceRequest { lat: at.lat(), lng: at.lng(), address: None, landmark: None }
    };
    BookRide {
        pickup: spot(),
        destination: spot(),
        ride_type: None,
        payment_method: None,
        payment: PaymentChoice::default(),
        quote_id: None,
        notes: None,
        product: ProductRequest::default(),
    }
}

/// Takes every offer as soon as it is seen.
async fn drivers(town: Arc<Town>) {
    let mut taken: rustc_hash::FxHashSet<boda::ids::OfferId> = rustc_hash::FxHashSet::default();
    while !town.is_over.load(Ordering::Relaxed) {
        let mut open = Vec::new();
        town.rides.for_each_offer(|driver, offer| open.push((driver, offer)));
        let ids: rustc_hash::FxHashSet<_> = open.iter().map(|(_, offer)| *offer).collect();
        taken.retain(|offer| ids.contains(offer));
        for (driver, offer) in open {
            if !taken.insert(offer) {
                continue;
            }
            let town = Arc::clone(&town);
            tokio::spawn(async move {
                match town.rides.accept(driver, offer).await {
                    Ok(_) => {
                        town.assigned.fetch_add(1, Ordering::Relaxed);
                        if let Some((_, waiting)) = town.waiting.remove(&offer.ride) {
                            let _ = waiting.send(());
                        }
                    }
                    Err(_) => {
                        town.refused.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Books, gets a driver, calls it off.
async fn ride_once(town: &Town, number: u128, booking: &BookRide) {
    let Ok(booked) = town.rides.book(rider(number), None, booking).await else {
        town.refused.fetch_add(1, Ordering::Relaxed);
        return;
    };
    let (found, driver) = oneshot::channel();
    town.waiting.insert(booked.ride.id, found);
    wait(town, number, driver).await;
    town.waiting.remove(&booked.ride.id);
    if town.rides.cancel(caller(number), booked.ride.id, "changed_mind", None).await.is_err() {
        town.refused.fetch_add(1, Ordering::Relaxed);
    }
}

/// Waits for a driver: the offer may have been taken before anybody waited.
async fn wait(town: &Town, number: u128, driver: oneshot::Receiver<()>) {
    let ride = town.rides.active(caller(number)).await.ok().and_then(|rides| rides.into_iter().next());
    if ride.is_none_or(|ride| ride.driver.is_none()) {
        let _ = tokio::time::timeout(Duration::from_secs(5), driver).await;
    }
}

fn caller(number: u128) -> Caller {
    Caller { user: rider(number).into(), role: Role::Customer, session: SessionId(Uuid::nil()) }
}

async fn closed_loop(town: &Arc<Town>) -> f64 {
    let stop = CancellationToken::new();
    let mut tasks = tokio::task::JoinSet::new();
    for lane in 0..AT_ONCE as u128 {
        let (town, stop) = (Arc::clone(town), stop.clone());
        tasks.spawn(async move {
            let mut rng = StdRng::seed_from_u64(7_000 + lane as u64);
            let mut number = lane;
            while !stop.is_cancelled() {
                ride_once(&town, number, &booking(&mut rng)).await;
                number = (number + AT_ONCE as u128) % RIDERS;
            }
        });
    }
    tokio::time::sleep(WARM_UP).await;
    let (before, began) = (town.assigned.load(Ordering::Relaxed), Instant::now());
    tokio::time::sleep(MEASURED).await;
    let rate = (town.assigned.load(Ordering::Relaxed) - before) as f64 / began.elapsed().as_secs_f64();
    stop.cancel();
    while tasks.join_next().await.is_some() {}
    rate
}

/// Milliseconds from the moment a request was due to its committed answer, sorted.
async fn open_loop(town: &Arc<Town>) -> Vec<f64> {
    let mut rng = StdRng::seed_from_u64(11);
    let mut due = Instant::now();
    let end = due + OPEN_FOR;
    let mut tasks = tokio::task::JoinSet::new();
    for number in (0..RIDERS).cycle() {
        due += Duration::from_secs_f64(-rng.random_range(f64::EPSILON..1.0).ln() / OPEN_PER_S);
        if due > end {
            break;
        }
        tokio::time::sleep_until(due.into()).await;
        let (town, booking) = (Arc::clone(town), booking(&mut rng));
        tasks.spawn(async move {
            let booked = town.rides.book(rider(number), None, &booking).await;
            let waited_ms = due.elapsed().as_secs_f64() * 1_000.0;
            match booked {
                Ok(booked) => {
                    let (found, driver) = oneshot::channel();
                    town.waiting.insert(booked.ride.id, found);
                    wait(&town, number, driver).await;
                    town.waiting.remove(&booked.ride.id);
                    let _ = town.rides.cancel(caller(number), booked.ride.id, "changed_mind", None).await;
                }
                Err(_) => {
                    town.refused.fetch_add(1, Ordering::Relaxed);
                }
            }
            waited_ms
        });
    }
    let mut waited = Vec::new();
    while let Some(done) = tasks.join_next().await {
        waited.extend(done.ok());
    }
    waited.sort_by(f64::total_cmp);
    waited
}

fn quantile(sorted: &[f64], share: f64) -> f64 {
    sorted.get(((sorted.len() as f64 - 1.0) * share).round() as usize).copied().unwrap_or(f64::NAN)
}

async fn measure(config: &Config, database: &Database) -> Result<(), Failure> {
    database.migrate().await?;
    let vault = Vault::new(KeyRing::load_or_create(&config.vault.keys_dir)?);
    fill(database.pool(), &vault).await?;
    let house = open(config, database).await?;
    let began = Instant::now();
    go_online(&house.rides).await?;
    println!("{DRIVERS} drivers on shift after {:.1} s", began.elapsed().as_secs_f64());
    let town = Arc::new(Town {
        rides: house.rides.clone(),
        waiting: DashMap::new(),
        assigned: AtomicU64::new(0),
        refused: AtomicU64::new(0),
        is_over: AtomicBool::new(false),
    });
    let driving = tokio::spawn(drivers(Arc::clone(&town)));
    let waited = open_loop(&town).await;
    let (p50, p99) = (quantile(&waited, 0.5), quantile(&waited, 0.99));
    println!(
        "  {} requests at {OPEN_PER_S}/s: committed after {p50:.1} ms (median), {p99:.1} ms (p99; target 50)",
        waited.len()
    );
    let figures = house.rides.city().counters;
    println!(
        "  request to offer: {:?} ms (median), {:?} ms (p99)",
        figures.request_to_offer_ms_p50, figures.request_to_offer_ms_p99
    );
    let refused_open = town.refused.swap(0, Ordering::Relaxed);
    let rate = closed_loop(&town).await;
    let refused = town.refused.load(Ordering::Relaxed);
    println!("  {rate:.0} assignments a second (target 2000), {refused_open} + {refused} refused");
    let offer_p99 = figures.request_to_offer_ms_p99.unwrap_or(f64::NAN);
    println!(
        r#"M5 {{"assignments_per_s":{rate:.0},"decision_ms_p50":{p50:.2},"decision_ms_p99":{p99:.2},"offer_ms_p99":{offer_p99:.2}}}"#
    );
    town.is_over.store(true, Ordering::Relaxed);
    driving.await?;
    house.stop.cancel();
    house.shard.await??;
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    // `cargo bench` says so; `cargo test --benches` does not, and wants no measurement.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let home = tempfile::Builder::new().prefix("boda-bench-").tempdir()?;
    std::fs::set_permissions(home.path(), std::fs::Permissions::from_mode(0o755))?;
    let value = home.path().to_str().ok_or("the temporary directory has an odd name")?.to_owned();
    let mut flags = vec![Flag { flag: "--data-dir", key: "data_dir", value }];
    flags.extend(SETTINGS.iter().map(|(key, value)| Flag { flag: "--set", key, value: (*value).to_owned() }));
    let config = Sources { flags, ..Sources::default() }.load()?;
    let (database, embedded) = match db::open(&config.database, DbRole::Serve).await {
        Ok(open) => open,
        Err(error) => {
            println!("shard: skipped, because no PostgreSQL can be started here: {error}");
            return Ok(());
        }
    };
    let measured = measure(&config, &database).await;
    database.close().await;
    if let Some(embedded) = embedded {
        embedded.stop().await?;
    }
    measured
}
