//! Every service, built once and shared.

use std::sync::Arc;

use sqlx::PgPool;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::ground::Ground;
use super::sessions::{keep_ended, keep_keys};
use super::streets::Streets;
use super::{Error, Server, rehearsal, schema, watchers};
use crate::analytics::Analytics;
use crate::auth::{self, Auth};
use crate::bus::{Bus, Message, Topic};
use crate::clock;
use crate::config::Config;
use crate::db::Database;
use crate::drivers::authority::{self, Register, Site};
use crate::drivers::{self, Drivers};
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
use crate::payments::providers::Providers;
use crate::payments::{self, Payments};
use crate::pricing::Prices;
use crate::privacy::{self, Privacy};
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
use crate::telemetry::Telemetry;
use crate::time::Span;
use crate::vault::Vault;
use crate::web::TokenKeys;

/// The sandbox is on this machine.
const SANDBOX_ANSWERS_WITHIN: Span = Span::from_secs(5);

/// The running house.
pub(super) struct Services {
    pub(super) tokens: Arc<TokenKeys>,
    pub(super) hub: Arc<Hub>,
    pub(super) bus: Bus,
    pub(super) vault: Vault,
    /// Every kind of job this program can run.
    registry: Registry,
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
    pub(super) prices: Prices,
    pub(super) payments: Payments,
    pub(super) rides: Rides,
    pub(super) shard: JoinHandle<Result<(), crate::error::Error>>,
    pub(super) safety: Safety,
    pub(super) analytics: Analytics,
    pub(super) government: Government,
    pub(super) privacy: Privacy,
    stop_shard: CancellationToken,
    stop_history: CancellationToken,
}

/// What is on its way to whichever node has the person's socket.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum ToUser {
    /// A notice.
    Notice { user: UserId, key: String, text: String },
    /// News of a payment.
    Payment(payments::Tiding),
}

/// What only needs the store: for workers and one-off commands as well.
pub(super) struct Basics {
    pub(super) pool: PgPool,
    pub(super) tokens: Arc<TokenKeys>,
    pub(super) bus: Bus,
    pub(super) vault: Vault,
    pub(super) auth: Auth,
    pub(super) notifications: Notifications,
    pub(super) drivers: Drivers,
    pub(super) prices: Prices,
    pub(super) payments: Payments,
    pub(super) privacy: Privacy,
}

impl Basics {
    pub(super) fn build(
        config: &Config,
        database: &Database,
        vault: Vault,
        server: Option<&Server>,
    ) -> Result<Self, Error> {
        let sandbox_url = server.and_then(|server| server.sandbox.as_ref()).map(|sandbox| sandbox.base.as_str());
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
        let prices = Prices::new(pool.clone(), config.prices.clone());
        let payments = Payments::new(payments::Parts {
            prices: prices.clone(),
            pool: pool.clone(),
            vault: vault.clone(),
            config: payments_config(config, server),
            recipients: auth.recipients(),
            names: auth.names(),
            providers: providers(config, server)?,
            tell: tell_over(bus.clone()),
            sandbox_url: sandbox_url.map(str::to_owned),
        });
        let privacy = Privacy::new(privacy::Parts {
            config: config.privacy.clone(),
            pool: pool.clone(),
            vault: vault.clone(),
            storage: storage.clone(),
            auth: auth.clone(),
            drivers: drivers.clone(),
            payments: payments.clone(),
            announce: announce_over(bus.clone()),
        });
        Ok(Self { pool, tokens, bus, vault, auth, notifications, drivers, prices, payments, privacy })
    }

    /// Every kind of job this program can run.
    pub(super) fn registry(&self) -> Registry {
        let registry = notifications::register(Registry::new(), &self.notifications, &self.auth.recipients());
        let registry = auth::register(registry, &self.auth, &self.notifications);
        let registry = drivers::jobs::register(registry, &self.drivers);
        let words = rides::jobs::Words::new(self.pool.clone(), &self.auth, &self.drivers, &self.notifications);
        let registry = rides::jobs::register(registry, words);
        let registry = payments::jobs::register(registry, self.payments.clone());
        privacy::register_jobs(registry, &self.privacy)
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

/// The sandbox is on this machine: it reaches us where we listen.
fn payments_config(config: &Config, server: Option<&Server>) -> payments::Config {
    let mut payments = config.payments.clone();
    if let Some(server) = server.filter(|server| server.sandbox.is_some()) {
        payments.engine.callback_base_url = Some(server.own_url.clone());
    }
    payments
}

/// Who moves money. With the sandbox running all of them are there, whatever is configured.
fn providers(config: &Config, server: Option<&Server>) -> Result<Providers, Error> {
    let clock: jobs::Clock = Arc::new(clock::now);
    let opened = match server.and_then(|server| server.sandbox.as_ref()) {
        Some(addresses) => rehearsal::providers(addresses).open(true, &clock),
        // A command beside a rehearsal does not know where its sandbox listens.
        None => config.providers.open(config.sandbox.enabled, &clock),
    };
    opened.map_err(|error| Error::service("the client of providers of payments cannot be built", error))
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
        let (key, text) = (notice.key.clone(), notice.text.clone());
        send(&bus, &ToUser::Notice { user, key, text });
    })
}

fn tell_over(bus: Bus) -> payments::Tell {
    Arc::new(move |tiding| send(&bus, &ToUser::Payment(tiding.clone())))
}

fn send(bus: &Bus, message: &ToUser) {
    match serde_json::to_string(message) {
        Ok(text) => bus.publish(Topic::ToUser, text),
        Err(error) => tracing::error!(%error, "a message to a person cannot be written as JSON"),
    }
}

fn announce_over(bus: Bus) -> privacy::Announce {
    Arc::new(move |person: UserId| bus.publish(Topic::Forgotten, person.to_string()))
}

impl Services {
    pub(super) async fn build(
        config: &Config,
        database: &Database,
        vault: Vault,
        server: &Server,
    ) -> Result<Self, Error> {
        let basics = Basics::build(config, database, vault, Some(server))?;
        let registry = basics.registry();
        let Basics { pool, tokens, bus, vault, auth, notifications, drivers, prices, payments, privacy } = basics;
        // Before anything is sold or settled.
        prices.reload().await?;
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
            prices: prices.clone(),
            payments: payments.clone(),
            steering: steering.clone(),
            streets: router.clone(),
        };
        let Started { rides, shard } = Rides::open(parts, stop_shard.clone()).await?;
        Ok(Self {
            tokens,
            hub,
            bus,
            registry,
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
            prices,
            payments,
            rides,
            shard,
            safety: Safety::new(pool.clone()),
            analytics: Analytics::new(pool.clone()),
            government: Government::new(pool, vault.clone()),
            privacy,
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
        let mut tasks = vec![
            tokio::spawn(deliver_notices(self.bus.clone(), Arc::clone(&self.hub), stop.clone())),
            tokio::spawn(watchers::gauges(self.rides.clone(), database.clone(), stop.clone())),
            tokio::spawn(rides::tidy(self.rides.clone(), stop.clone())),
            tokio::spawn(payments::promotions::sweep::keep_promotions(self.payments.clone(), stop.clone())),
            tokio::spawn(rides::pickup::watch_pickups(self.rides.clone(), stop.clone())),
            tokio::spawn(show_tiles(self.locations.clone(), Arc::clone(&self.hub), stop.clone())),
            tokio::spawn(self.maps.clone().run(stop.clone())),
            tokio::spawn(self.prices.clone().keep_current(stop.clone())),
            tokio::spawn(self.privacy.clone().keep_days(stop.clone())),
            tokio::spawn(watchers::heed_objections(self.privacy.clone(), self.steering.clone(), stop.clone())),
            tokio::spawn(watchers::forget_with_others(self, stop.clone())),
            tokio::spawn(watchers::sweep_accounts(self.auth.clone(), stop.clone())),
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
            tokio::spawn(watchers::take_suspended_off(self.drivers.clone(), self.rides.clone(), stop.clone())),
            tokio::spawn(self.payments.clone().keep_hints(stop.clone())),
            tokio::spawn(watchers::watch_papers(database.pool().clone(), stop.clone())),
            tokio::spawn(watchers::watch_money(self.payments.clone(), database.pool().clone(), stop.clone())),
        ];
        let upkeep = (telemetry.clone(), stop.clone());
        tasks.push(tokio::spawn(async move { upkeep.0.run_upkeep(upkeep.1).await }));
        if config.jobs.workers_max > 0 {
            tasks.push(run_jobs(self.registry.clone(), config, database, stop));
            tasks.push(run_engine(self.payments.clone(), stop));
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

/// Talks to payment providers until told to stop, then lets calls end.
pub(super) fn run_engine(payments: Payments, stop: &CancellationToken) -> JoinHandle<()> {
    let engine = payments::engine::Engine::new(payments, Arc::new(clock::now));
    tokio::spawn(engine.run(stop.clone()))
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

fn payment_news(tiding: payments::Tiding) -> realtime::PaymentNews {
    realtime::PaymentNews {
        ride_id: tiding.ride,
        purpose: tiding.purpose,
        state: tiding.state,
        amount_rwf: tiding.amount_rwf,
        paid_rwf: tiding.paid_rwf,
        method: tiding.method,
        failure: tiding.failure,
        at: tiding.at,
    }
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
            Some(Message::Event(text)) => match serde_json::from_str::<ToUser>(&text) {
                Ok(ToUser::Notice { user, key, text }) => {
                    hub.send(user, realtime::Notice { key, text });
                }
                Ok(ToUser::Payment(tiding)) => {
                    hub.send_payment(tiding.user, payment_news(tiding));
                }
                Err(error) => tracing::warn!(%error, "a message on the bus is for nobody"),
            },
        }
    }
}
