//! Bringing the service up: the core is rebuilt from the store, then the shard takes over.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use sqlx::PgPool;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::arrival::Arrivals;
use super::asking::Asking;
use super::desk::{Desk, LiveRide, Stored, Terms};
use super::legs::Legs;
use super::live::Live;
use super::matched::Matched;
use super::pairing::Pairing;
use super::people::People;
use super::pickup::Pickups;
use super::pressure::Pressure;
use super::product::waits::Waits;
use super::queue::RideQueue;
use super::shard::{Message, Shard};
use super::store::relations::Since;
use super::surroundings::LiveCity;
use super::tally::Tally;
use super::tell::Teller;
use super::{Config, Inner, Rides, decisions, relations, store, streams};
use crate::auth::Auth;
use crate::bus::Bus;
use crate::clock;
use crate::dispatch::RestoredShift;
use crate::drivers::{self, Drivers};
use crate::error::Error;
use crate::fares::cancellation::CancellationBook;
use crate::ids::{DriverId, RiderId};
use crate::index::RideClasses;
use crate::locations::Locations;
use crate::locations::history::History;
use crate::maps::Maps;
use crate::payments::Payments;
use crate::pricing::Prices;
use crate::realtime::Hub;
use crate::rides::words::RideType;
use crate::road::router::Router;
use crate::steering::Steering;
use crate::time::Timestamp;

/// What the service is built from.
pub struct Parts {
    /// Its numbers.
    pub config: Config,
    /// The store.
    pub pool: PgPool,
    /// Who is connected.
    pub hub: Arc<Hub>,
    /// Other programs.
    pub bus: Bus,
    /// People.
    pub auth: Auth,
    /// Drivers.
    pub drivers: Drivers,
    /// What is learned of streets and arrival times.
    pub maps: Maps,
    /// Where drivers are.
    pub locations: Locations,
    /// Where drivers were.
    pub history: History,
    /// Prices.
    pub prices: Prices,
    /// Money.
    pub payments: Payments,
    /// What is done where drivers are short.
    pub steering: Steering,
    /// The map, where there is one: what drivers on a ride do is matched to its streets.
    pub streets: Option<Arc<Router>>,
}

/// The running service.
pub struct Started {
    /// Its use cases.
    pub rides: Rides,
    /// The shard's task. It ends when told to stop; if it ends otherwise the process must end too.
    pub shard: JoinHandle<Result<(), Error>>,
}

/// The service as the store has it, not running yet.
pub(super) struct Assembled {
    /// Its use cases.
    pub(super) rides: Rides,
    /// The owner of the core.
    pub(super) shard: Shard,
    /// What the shard will read.
    pub(super) inbox: mpsc::Receiver<Message>,
}

impl Rides {
    /// Restores the live rides and the streams, and starts the shard.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn open(parts: Parts, stop: CancellationToken) -> Result<Started, Error> {
        let Assembled { rides, shard, inbox } = assemble(parts).await?;
        Ok(Started { rides, shard: tokio::spawn(shard.run(inbox, stop)) })
    }
}

/// Restores everything and starts nothing.
pub(super) async fn assemble(parts: Parts) -> Result<Assembled, Error> {
    let Parts { config, pool, hub, bus, auth, drivers, maps, locations, history, prices, payments, steering, streets } =
        parts;
    let matched = Arc::new(Matched::new(streets, maps.clone()));
    let waits = Arc::new(Waits::new(config.products.stop_left_m));
    let (live, tally) = (Arc::new(Live::default()), Arc::new(Tally::default()));
    let pairing = Pairing::new(&auth.key_for("pairing"));
    let people = People::new(auth, drivers.clone());
    let pressure = Pressure { steering: steering.clone(), locations: locations.clone() };
    let teller = Teller::new(Arc::clone(&hub), bus, Arc::clone(&live), Arc::clone(&tally), pressure);
    let mut city = LiveCity {
        hub: Arc::clone(&hub),
        locations: locations.clone(),
        maps,
        legs: Legs::default(),
        matched: Arc::clone(&matched),
        asking: Asking::new(config.asking, locations.clone(), drivers.clone()),
        waits: Arc::clone(&waits),
        left_out: FxHashMap::default(),
    };
    let terms = Terms {
        dispatch: config.dispatch.clone(),
        prices: prices.current().clone(),
        detour_charged_max_percent: config.detour_charged_max_percent,
        reminder_lead: config.products.reminder_lead,
        decisions: config.decisions,
    };
    drivers.load_wishes().await?;
    let desk = restore(terms, &pool, &teller, &people, &mut city, &config.relations).await?;
    let shard = Shard {
        desk,
        city,
        batch_max: config.batch_max,
        pool: pool.clone(),
        teller,
        people: people.clone(),
        awaiting_offer: FxHashMap::default(),
    };
    let since = clock::now() - hub.config().resume_window;
    let streams = streams::rebuild(&pool, &people, since, config.restored_decisions_max).await?;
    hub.restore_streams(streams);
    let (sender, inbox) = mpsc::channel(config.inbox_max);
    let arrivals = Arrivals::new(config.arrival);
    let pickups = Pickups::new(config.pickup);
    let inner = Inner {
        config,
        pool,
        inbox: sender,
        live,
        tally,
        hub,
        people,
        drivers,
        locations,
        history,
        prices,
        payments,
        cancellations: Arc::new(CancellationBook::rwanda_moto()),
        matched,
        waits,
        arrivals,
        steering,
        queue: RideQueue::default(),
        pickups,
        pairing,
    };
    Ok(Assembled { rides: Rides { inner: Arc::new(inner) }, shard, inbox })
}

/// Who is on shift, and since when without a ride.
async fn on_shift(pool: &PgPool, since: Since) -> Result<Vec<RestoredShift>, Error> {
    let on_shift = drivers::on_shift(pool).await?;
    let drivers: Vec<DriverId> = on_shift.iter().map(|(driver, _)| *driver).collect();
    let records = store::relations::driver_records(pool, &drivers, since.for_many(drivers.len())).await?;
    let ids: Vec<Uuid> = on_shift.iter().map(|(driver, _)| driver.0).collect();
    let last_ended = store::last_ended(pool, &ids).await?;
    let shift = |(driver, since): (DriverId, Timestamp)| {
        let idle_since = last_ended.get(&driver).map_or(since, |ended| since.max(*ended));
        RestoredShift { driver, record: records.get(&driver).copied().unwrap_or_default(), idle_since }
    };
    Ok(on_shift.into_iter().map(shift).collect())
}

/// The desk as the store has it; the live state, the hub and the index are told what it knows.
async fn restore(
    terms: Terms,
    pool: &PgPool,
    teller: &Teller,
    people: &People,
    city: &mut LiveCity,
    relations: &relations::Config,
) -> Result<Desk, Error> {
    let rides = store::live_rides(pool, people.vault()).await?;
    let waiting = rides.iter().map(|live| &live.ride).filter(|ride| ride.started_at.is_none());
    let riders: Vec<RiderId> = waiting.map(|ride| ride.rider).collect();
    let since = relations.since(clock::now());
    let mut stored = Stored {
        standings: store::relations::standings(pool, &riders, since.for_many(riders.len())).await?,
        rides,
        offers: store::open_offers(pool).await?,
        on_shift: on_shift(pool, since).await?,
        last_seq: store::last_seq(pool).await?,
        rounds: FxHashMap::default(),
    };
    let live: Vec<_> = stored.rides.iter().map(|live| live.ride.id).collect();
    stored.rounds = decisions::store::counts(pool, &live).await?;
    let casts = streams::casts(people, stored.rides.iter().map(|live| &live.ride)).await?;
    for LiveRide { ride, .. } in &stored.rides {
        teller.live().put_ride(&Arc::new(ride.clone()), casts.get(&ride.id));
        city.asking.restore(ride);
        if let Some(driver) = ride.driver.filter(|_| !ride.is_next) {
            city.hub.watch(ride.rider, driver, ride.id);
        }
    }
    for offer in &stored.offers {
        teller.live().put_offer(offer.clone());
    }
    let (rides, drivers) = (stored.rides.len(), stored.on_shift.len());
    let (desk, changed) = Desk::restore(terms, clock::now(), stored);
    let ids: Vec<DriverId> = changed.iter().map(|(driver, _)| *driver).collect();
    let ride_types = drivers::ride_types(pool, &ids).await?;
    for (driver, availability) in changed {
        let words = ride_types.get(&driver).into_iter().flatten();
        let classes = words.filter_map(|word| RideType::from_word(word)).map(|ride_type| ride_type.class().0);
        city.locations.begin_shift(driver, RideClasses(classes.fold(0, |bits, class| bits | class)), None);
        city.locations.set_availability(driver, availability);
    }
    if rides > 0 || drivers > 0 {
        tracing::info!(rides, drivers, "live rides and shifts restored");
    }
    Ok(desk)
}
