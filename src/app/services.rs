//! Every service, built once and shared.

use std::sync::Arc;

use sqlx::PgPool;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::ground::Ground;
use super::sessions::{keep_ended, keep_keys};
use super::streets::Streets;
use super::{Error, Server, schema};
use crate::analytics::Analytics;
use crate::auth::{self, Auth};
use crate::bus::{Bus, Message, Topic};
use crate::clock;
use crate::config::Config;
use crate::db::Database;
use crate::drivers::authority::{self, Register, Site};
use crate::drivers::{self, Drivers};
use crate::fares::TariffBook;
use crate::government::Government;
use crate::ids::UserId;
use crate::jobs::{self, Registry, Runner};
use crate::locations::Locations;
use crate::locations::browse::show_tiles;
use crate::locations::geofences::Geofences;
use crate::locations::history::History;
use crate::locations::places::Places;
use crate::locations::stages::Stages;
use crate::maps::{Corrected, Maps};
use crate::notifications::{self, Notice, Notifications, Publish, sms};
use crate::payments::{self, Payments};
use crate::realtime::{self, Hub};
use crate::redact::Secret;
use crate::rides::{self, Rides, Started};
use crate::road::router::Router;
use crate::safety::Safety;
use crate::sandbox;
use crate::simulation::Routes;
use crate::steering::Steering;
use crate::storage::scanner::Clamd;
use crate::storage::{Disk, Shelf, Storage, s3};
use crate::telemetry::{Telemetry, names};
use crate::time::Span;
use crate::vault::Vault;
use crate::web::TokenKeys;

/// Old sign-ins deleted in one go; the rest waits an hour.
const SWEEP_ROWS_MAX: i64 = 10_000;

/// The sandbox is on this machine.
const SANDBOX_ANSWERS_WITHIN: Span = Span::from_secs(5);

/// How often it is looked whether everybody on shift may drive; a change of standing in this process is seen at once.
const STANDING_EVERY: std::time::Duration = std::time::Duration::from_secs(10);

/// How often it is looked whether a new day has begun: papers that ended at midnight are seen within this.
const PAPERS_EVERY: std::time::Duration = std::time::Duration::from_secs(60);

/// The running house.
pub(super) struct Services {
    pub(super) tokens: Arc<TokenKeys>,
    pub(super) hub: Arc<Hub>,
    pub(super) bus: Bus,
    pub(super) vault: Vault,
    pub(super) storage: Storage,
    pub(super) auth: Auth,
    pub(super) notifications: Notifications,
    pub(super) drivers: Drivers,
    pub(super) maps: Maps,
    /// The streets as they are drawn.
    pub(super) streets: Option<Arc<Streets>>,
    pub(super) locations: Locations,
    pub(super) history: History,
    pub(super) geofences: Geofences,
    pub(super) stages: Stages,
    pub(super) steering: Steering,
    pub(super) places: Places,
    /// The ways along the streets, where these are known.
    pub(super) router: Option<Arc<Router>>,
    pub(super) payments: Payments,
    pub(super) rides: Rides,
    pub(super) shard: JoinHandle<Result<(), crate::error::Error>>,
    pub(super) safety: Safety,
    pub(super) analytics: Analytics,
    pub(super) government: Government,
    stop_shard: CancellationToken,
    stop_history: CancellationToken,
}

/// A notice on its way to whichever node has the person's socket.
#[derive(serde::Serialize, serde::Deserialize)]
struct NoticeMessage {
    user: UserId,
    key: String,
    text: String,
}

/// What only needs the store: for workers and one-off commands as well.
pub(super) struct Basics {
    pub(super) pool: PgPool,
    pub(super) tokens: Arc<TokenKeys>,
    pub(super) bus: Bus,
    pub(super) vault: Vault,
    pub(super) storage: Storage,
    pub(super) auth: Auth,
    pub(super) notifications: Notifications,
    pub(super) drivers: Drivers,
    pub(super) payments: Payments,
}

impl Basics {
    pub(super) fn build(
        config: &Config,
        database: &Database,
        vault: Vault,
        sandbox_url: Option<&str>,
    ) -> Result<Self, Error> {
        let pool = database.pool().clone();
        let keys = auth::keys::load_or_create(&config.vault.keys_dir, clock::now())
            .map_err(|error| Error::service("the keys that sign tokens and codes cannot be used", error))?;
        let tokens = TokenKeys::new(keys.tokens.expose(), config.access_token_lifetime)
            .map_err(|error| Error::service("the keys that sign tokens cannot be used", error))?;
        let tokens = Arc::new(tokens.remembering(config.tokens.remembered_max, config.tokens.ended_max));
        let bus = Bus::connect(&config.bus).map_err(|error| Error::service("the event bus cannot be built", error))?;
        let auth = Auth::new(pool.clone(), config.auth.clone(), &keys.code, Arc::clone(&tokens), vault.clone())?;
        let http = reqwest::Client::builder()
            .build()
            .map_err(|error| Error::service("the HTTP client cannot be built", error))?;
        let storage = storage(config, &http, vault.clone())?;
        let gateway = sms::provider(&sms_config(config, sandbox_url), &http);
        let notifications = Notifications::new(pool.clone(), gateway, publish_over(bus.clone()));
        let drivers = Drivers::new(pool.clone(), auth.clone(), vault.clone(), storage.clone(), &config.drivers);
        let authority = config.authority.as_ref();
        let drivers = match authority.and_then(|config| Some((register(config, sandbox_url, http)?, config.approves))) {
            Some((register, approves)) => drivers.verified_by(Arc::new(register), approves),
            None => drivers,
        };
        let payments = Payments::new(pool.clone(), config.payments.clone());
        Ok(Self { pool, tokens, bus, vault, storage, auth, notifications, drivers, payments })
    }

    /// Every kind of job this program can run.
    pub(super) fn registry(&self) -> Registry {
        let registry = notifications::register(Registry::new(), &self.notifications, &self.auth.recipients());
        let registry = auth::register(registry, &self.auth, &self.notifications);
        let registry = drivers::jobs::register(registry, &self.drivers);
        let words = rides::jobs::Words::new(self.pool.clone(), &self.auth, &self.drivers, &self.notifications);
        let registry = rides::jobs::register(registry, words);
        payments::jobs::register(registry, self.payments.clone())
    }
}

/// Files lie in the data directory or in a bucket, and are looked at by the scanner if there is one.
fn storage(config: &Config, http: &reqwest::Client, vault: Vault) -> Result<Storage, Error> {
    let shelf: Arc<dyn Shelf> = match &config.storage.bucket {
        Some(bucket) => Arc::new(
            s3::S3::open(bucket, http.clone())
                .map_err(|error| Error::service("the bucket of [storage] cannot be used", error))?,
        ),
        None => Arc::new(Disk::new(config.data_dir.join("files"))),
    };
    let storage = Storage::new(shelf, vault, config.storage.pictures);
    Ok(match &config.storage.scanner {
        Some((address, timeout)) => storage.scanned_by(Arc::new(Clamd::new(address.clone(), *timeout))),
        None => storage,
    })
}

/// The authority that is asked about papers.
fn register(config: &authority::Config, sandbox_url: Option<&str>, http: reqwest::Client) -> Option<Register> {
    match (&config.site, sandbox_url) {
        (Site::At(base_url), _) => Some(Register::new(base_url, config, http)),
        (Site::Sandbox, Some(url)) => {
            let api_key = Secret::new(sandbox::AUTHORITY_API_KEY.to_owned());
            let config = authority::Config { api_key, ..config.clone() };
            Some(Register::new(&format!("{url}{}", sandbox::AUTHORITY_PATH), &config, http))
        }
        // A command beside a rehearsal does not know where its sandbox listens.
        (Site::Sandbox, None) => None,
    }
}

/// With the sandbox running, SMS go to it, whatever is configured: a rehearsal must not write to real people.
fn sms_config(config: &Config, sandbox_url: Option<&str>) -> sms::Config {
    match sandbox_url {
        Some(url) => sms::Config::AfricasTalking(sms::africastalking::Config {
            base_url: url.to_owned(),
            username: sandbox::SMS_USERNAME.to_owned(),
            api_key: Secret::new(sandbox::SMS_API_KEY.to_owned()),
            sender: None,
            timeout: SANDBOX_ANSWERS_WITHIN,
        }),
        None => config.sms.clone(),
    }
}

fn publish_over(bus: Bus) -> Publish {
    Arc::new(move |user, notice: &Notice| {
        let message = NoticeMessage { user, key: notice.key.clone(), text: notice.text.clone() };
        match serde_json::to_string(&message) {
            Ok(text) => bus.publish(Topic::ToUser, text),
            Err(error) => tracing::error!(%error, "a notice cannot be written as JSON"),
        }
    })
}

impl Services {
    pub(super) async fn build(
        config: &Config,
        database: &Database,
        vault: Vault,
        server: &Server,
    ) -> Result<Self, Error> {
        let Basics { pool, tokens, bus, vault, storage, auth, notifications, drivers, payments } =
            Basics::build(config, database, vault, server.sandbox_url.as_deref())?;
        let for_ground = config.clone();
        let ground = tokio::task::spawn_blocking(move || Ground::new(&for_ground))
            .await
            .map_err(|error| Error::service("the map cannot be loaded", error))??;
        let streets = match &ground.map {
            Some((atlas, _)) => Some(Arc::new(Streets::new(&atlas.network, atlas.source)?)),
            None => None,
        };
        let router = ground.map.as_ref().map(|(_, router)| Arc::clone(router));
        let maps = Maps::new(config.map.clone(), pool.clone(), ground.road());
        let travel = Arc::new(Corrected::new(Arc::clone(&ground.by_road), maps.clone()));
        let locations = Locations::new(config.locations.clone(), travel)
            .map_err(|error| Error::service("the index cannot be built with [city]", error))?;
        let history = History::new(config.history.clone(), pool.clone(), locations.clone());
        let geofences = Geofences::open(config.geofences.clone(), pool.clone(), locations.clone()).await?;
        // Before anybody is answered: who was signed out while this node was away stays out.
        auth.read_ended(clock::now()).await?;
        let hub = Hub::start(config.sockets.clone());
        let steering = Steering::new(config.steering.clone(), locations.clone(), Arc::clone(&hub));
        let stages =
            Stages::open(config.stages.clone(), pool.clone(), locations.clone(), Arc::clone(&hub), clock::now())
                .await?;
        let stop_shard = CancellationToken::new();
        let parts = rides::Parts {
            config: config.rides.clone(),
            pool: pool.clone(),
            hub: Arc::clone(&hub),
            bus: bus.clone(),
            auth: auth.clone(),
            drivers: drivers.clone(),
            maps: maps.clone(),
            locations: locations.clone(),
            history: history.clone(),
            tariffs: Arc::new(TariffBook::rwanda_moto()),
            steering: steering.clone(),
            streets: router.clone(),
        };
        let Started { rides, shard } = Rides::open(parts, stop_shard.clone()).await?;
        Ok(Self {
            tokens,
            hub,
            bus,
            storage,
            auth,
            notifications,
            drivers,
            maps,
            streets,
            locations,
            history,
            geofences,
            stages,
            steering,
            places: ground.places(),
            router,
            payments,
            rides,
            shard,
            safety: Safety::new(pool.clone()),
            analytics: Analytics::new(pool.clone()),
            government: Government::new(pool, vault.clone()),
            vault,
            stop_shard,
            stop_history: CancellationToken::new(),
        })
    }

    /// The ways of simulated drivers.
    pub(super) fn routes(&self) -> Routes {
        self.router.clone().map_or(Routes::STRAIGHT, Routes::along)
    }

    /// Starts what runs beside requests: job workers, notices from other nodes, upkeep of metrics.
    pub(super) fn start_background(
        &self,
        config: &Config,
        telemetry: &Telemetry,
        database: &Database,
        stop: &CancellationToken,
    ) -> Vec<JoinHandle<()>> {
        let basics = Basics {
            pool: database.pool().clone(),
            tokens: Arc::clone(&self.tokens),
            bus: self.bus.clone(),
            vault: self.vault.clone(),
            storage: self.storage.clone(),
            auth: self.auth.clone(),
            notifications: self.notifications.clone(),
            drivers: self.drivers.clone(),
            payments: self.payments.clone(),
        };
        let mut tasks = vec![
            tokio::spawn(deliver_notices(self.bus.clone(), Arc::clone(&self.hub), stop.clone())),
            tokio::spawn(gauges(self.rides.clone(), database.clone(), stop.clone())),
            tokio::spawn(rides::tidy(self.rides.clone(), stop.clone())),
            tokio::spawn(rides::pickup::watch_pickups(self.rides.clone(), stop.clone())),
            tokio::spawn(show_tiles(self.locations.clone(), Arc::clone(&self.hub), stop.clone())),
            tokio::spawn(self.maps.clone().run(stop.clone())),
            tokio::spawn(sweep_accounts(self.auth.clone(), stop.clone())),
            tokio::spawn(schema::refresh_keys(
                self.vault.clone(),
                config.vault.clone(),
                database.pool().clone(),
                stop.clone(),
            )),
            tokio::spawn(keep_ended(
                config.tokens.clone(),
                (self.auth.clone(), self.bus.clone(), Arc::clone(&self.hub)),
                stop.clone(),
            )),
            tokio::spawn(keep_keys(
                config.tokens.clone(),
                config.vault.keys_dir.clone(),
                Arc::clone(&self.tokens),
                stop.clone(),
            )),
            // Not told by `stop`: sockets that are still open may bring positions.
            tokio::spawn(self.history.clone().run(self.stop_history.clone())),
            tokio::spawn(self.geofences.clone().run(self.stop_history.clone())),
            tokio::spawn(self.stages.clone().run(self.stop_history.clone())),
            tokio::spawn(self.steering.clone().run(stop.clone())),
            tokio::spawn(rides::queue::keep_queue(self.rides.clone(), stop.clone())),
            tokio::spawn(take_suspended_off(self.drivers.clone(), self.rides.clone(), stop.clone())),
            tokio::spawn(watch_papers(database.pool().clone(), stop.clone())),
        ];
        let upkeep = (telemetry.clone(), stop.clone());
        tasks.push(tokio::spawn(async move { upkeep.0.run_upkeep(upkeep.1).await }));
        if config.jobs.workers_max > 0 {
            tasks.push(run_jobs(basics.registry(), config, database, stop));
        }
        tasks
    }

    /// Lets the shard finish what it was given. Everything acknowledged is committed then. The history stores what it
    /// holds meanwhile; its task is one of the background.
    pub(super) async fn stop(&mut self) {
        self.stop_history.cancel();
        self.stop_shard.cancel();
        if !self.shard.is_finished() {
            let _ = (&mut self.shard).await;
        }
        self.bus.close();
    }
}

/// Runs jobs until told to stop, then drains.
pub(super) fn run_jobs(
    registry: Registry,
    config: &Config,
    database: &Database,
    stop: &CancellationToken,
) -> JoinHandle<()> {
    let clock: jobs::Clock = Arc::new(clock::now);
    let runner = Runner::new(database.pool().clone(), registry, config.jobs.clone(), clock);
    let stop = stop.clone();
    tokio::spawn(async move {
        let drained = runner.run(stop).await;
        if drained.given_back > 0 {
            tracing::warn!(jobs = drained.given_back, "jobs were given back unfinished; they run again elsewhere");
        }
    })
}

async fn deliver_notices(bus: Bus, hub: Arc<Hub>, stop: CancellationToken) {
    let mut notices = bus.subscribe(Topic::ToUser);
    loop {
        let message = tokio::select! {
            () = stop.cancelled() => return,
            message = notices.recv() => message,
        };
        match message {
            None => return,
            // Missed notices are in the person's list all the same.
            Some(Message::Missed) => {}
            Some(Message::Event(text)) => match serde_json::from_str::<NoticeMessage>(&text) {
                Ok(notice) => {
                    hub.send(notice.user, realtime::Notice { key: notice.key, text: notice.text });
                }
                Err(error) => tracing::warn!(%error, "a message on the bus is not a notice"),
            },
        }
    }
}

/// A driver on shift who may not drive (any more) gets no further offers. What counts is how things stand, not what was
/// heard: so nobody slips through who was on a ride, whose papers expire at midnight, or who was suspended by another
/// process or just before a restart.
async fn take_suspended_off(drivers: Drivers, rides: Rides, stop: CancellationToken) {
    let mut changes = drivers.changes();
    let mut interval = tokio::time::interval(STANDING_EVERY);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = interval.tick() => {}
            changed = changes.recv() => if matches!(changed, Err(RecvError::Closed)) { return },
        }
        let to_take_off = match drivers.on_shift_without_standing(clock::now()).await {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(error = %crate::telemetry::chain(&error), "who may not drive could not be read");
                continue;
            }
        };
        for driver in to_take_off {
            match rides.go_offline(driver).await {
                Ok(()) => tracing::info!(driver.id = %driver, "a driver who may not drive was taken off shift"),
                // On a ride: it is finished first.
                Err(error) => tracing::debug!(driver.id = %driver, reason = error.code(), "stays on shift for now"),
            }
        }
    }
}

/// Writes down the daily round of papers and the hourly sweep of their files; which of the servers does it does not matter.
async fn watch_papers(pool: PgPool, stop: CancellationToken) {
    let mut interval = tokio::time::interval(PAPERS_EVERY);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = interval.tick() => {}
        }
        if let Err(error) = drivers::jobs::schedule(&pool, clock::now()).await {
            tracing::warn!(error = %crate::telemetry::chain(&error), "the daily round of papers could not be written down");
        }
    }
}

/// Codes, tokens and sessions that are of no use any more are deleted, every hour.
async fn sweep_accounts(auth: Auth, stop: CancellationToken) {
    let mut interval = tokio::time::interval(std::time::Duration::from_secs(3_600));
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = interval.tick() => {}
        }
        if let Err(error) = auth.sweep(SWEEP_ROWS_MAX, clock::now()).await {
            tracing::warn!(error = %crate::telemetry::chain(&error), "old sign-ins could not be deleted");
        }
    }
}

/// Figures that are read rather than counted.
async fn gauges(rides: Rides, database: Database, stop: CancellationToken) {
    let mut interval = tokio::time::interval(std::time::Duration::from_secs(5));
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = interval.tick() => {}
        }
        let counters = rides.city().counters;
        let set = |name: &'static str, state: &'static str, value: usize| {
            metrics::gauge!(name, "state" => state).set(f64::from(u32::try_from(value).unwrap_or(u32::MAX)));
        };
        set(names::INDEX_DRIVERS, "free", counters.drivers_free);
        set(names::INDEX_DRIVERS, "busy", counters.drivers_online.saturating_sub(counters.drivers_free));
        let pool = database.pool();
        let idle = pool.num_idle();
        set(names::DB_CONNECTIONS, "idle", idle);
        set(names::DB_CONNECTIONS, "in_use", usize::try_from(pool.size()).unwrap_or(0).saturating_sub(idle));
    }
}
