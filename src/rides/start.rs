//! Bringing the service up: the core is rebuilt from the store, then the shard takes over.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use sqlx::PgPool;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::arrival::Arrivals;
use super::legs::Legs;
use super::live::Live;
use super::matched::Matched;
use super::people::People;
use super::ride::{Offer, Ride};
use super::said::Sequence;
use super::shard::{Message, Shard};
use super::tally::Tally;
use super::tell::Teller;
use super::{Config, Inner, Rides, store, streams};
use crate::auth::Auth;
use crate::bus::Bus;
use crate::clock;
use crate::dispatch::{Availability, Dispatch, Order, Output, Restored};
use crate::dispatch::{RestoredDriver, RestoredOffer, RestoredRide, RestoredShift};
use crate::drivers::{self, Drivers};
use crate::error::Error;
use crate::fares::TariffBook;
use crate::ids::{DriverId, OfferId};
use crate::index::RideClasses;
use crate::locations::Locations;
use crate::locations::history::History;
use crate::maps::Maps;
use crate::matching::record::Record;
use crate::realtime::Hub;
use crate::realtime::protocol::view::RideStatus;
use crate::rides::words::RideType;
use crate::road::router::Router;

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
    pub tariffs: Arc<TariffBook>,
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
    let Parts { config, pool, hub, bus, auth, drivers, maps, locations, history, tariffs, streets } = parts;
    let matched = Arc::new(Matched::new(streets, maps.clone()));
    let (live, tally) = (Arc::new(Live::default()), Arc::new(Tally::default()));
    let people = People::new(auth, drivers.clone());
    let teller = Teller::new(Arc::clone(&hub), bus, Arc::clone(&live), Arc::clone(&tally));
    let mut shard = Shard {
        core: Dispatch::new(config.dispatch.clone()),
        batch_max: config.batch_max,
        pool: pool.clone(),
        locations: locations.clone(),
        maps,
        legs: Legs::default(),
        teller,
        people: people.clone(),
        tariffs: Arc::clone(&tariffs),
        detour_charged_max_percent: config.detour_charged_max_percent,
        matched: Arc::clone(&matched),
        rides: FxHashMap::default(),
        offers: FxHashMap::default(),
        awaiting_offer: FxHashMap::default(),
        sequence: Sequence::after(store::last_seq(&pool).await?),
    };
    restore(&mut shard, &config, &hub).await?;
    let since = clock::now() - hub.config().resume_window;
    let streams = streams::rebuild(&pool, &people, since, config.restored_decisions_max).await?;
    hub.restore_streams(streams);
    let (sender, inbox) = mpsc::channel(config.inbox_max);
    let arrivals = Arrivals::new(config.arrival);
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
        tariffs,
        matched,
        arrivals,
    };
    Ok(Assembled { rides: Rides { inner: Arc::new(inner) }, shard, inbox })
}

async fn restore(shard: &mut Shard, config: &Config, hub: &Hub) -> Result<(), Error> {
    let rides = store::live_rides(&shard.pool).await?;
    let casts = streams::casts(&shard.people, rides.iter().map(|live| &live.ride)).await?;
    let offers = store::open_offers(&shard.pool).await?;
    let on_shift = drivers::on_shift(&shard.pool).await?;
    let now = clock::now();
    let shift = |driver| RestoredShift { driver, record: Record::default(), idle_since: now };
    let mut restored = Restored { rides: Vec::new(), drivers: on_shift.iter().copied().map(shift).collect() };
    for live in rides {
        let open = offers.iter().find(|offer| offer.id.ride == live.ride.id);
        restored.rides.push(restored_ride(&live, open));
        shard.teller.live().put_ride(&Arc::new(live.ride.clone()), casts.get(&live.ride.id));
        if let Some(driver) = live.ride.driver {
            hub.watch(live.ride.rider, driver, live.ride.id);
        }
        shard.rides.insert(live.ride.id, live.ride);
    }
    for offer in offers {
        shard.teller.live().put_offer(offer.clone());
        shard.offers.insert(offer.id, offer);
    }
    let mut out = Vec::new();
    shard.core = Dispatch::restore(config.dispatch.clone(), now, restored, &mut out);
    let changed: Vec<(DriverId, Availability)> = out
        .into_iter()
        .filter_map(|output| match output {
            Output::Availability { driver, availability } => Some((driver, availability)),
            _ => None,
        })
        .collect();
    let ids: Vec<DriverId> = changed.iter().map(|(driver, _)| *driver).collect();
    let ride_types = drivers::ride_types(&shard.pool, &ids).await?;
    for (driver, availability) in changed {
        let words = ride_types.get(&driver).into_iter().flatten();
        let classes = words.filter_map(|word| RideType::from_word(word)).map(|ride_type| ride_type.class().0);
        shard.locations.begin_shift(driver, RideClasses(classes.fold(0, |bits, class| bits | class)), None);
        shard.locations.set_availability(driver, availability);
    }
    if !shard.rides.is_empty() || !on_shift.is_empty() {
        tracing::info!(rides = shard.rides.len(), drivers = on_shift.len(), "live rides and shifts restored");
    }
    Ok(())
}

fn restored_ride(live: &store::LiveRide, open: Option<&Offer>) -> RestoredRide {
    let ride: &Ride = &live.ride;
    let availability = match ride.status {
        RideStatus::DriverArrived => Availability::AtPickup,
        RideStatus::InProgress => Availability::OnTrip,
        _ => Availability::ToPickup,
    };
    RestoredRide {
        ride: ride.id,
        rider: ride.rider,
        pin: ride.pin,
        order: Order::default(),
        searching_since: Some(ride.requested_at),
        driver: ride.driver.map(|driver| RestoredDriver { driver, availability }),
        is_next: false,
        accepted_offer: live.accepted.map(|ordinal| OfferId { ride: ride.id, ordinal }),
        pickup_due: None,
        nudged_at: None,
        offers: open.map(restored_offer).into_iter().collect(),
        passed: live.passed.clone(),
        released: Vec::new(),
        is_taken_over: false,
        offers_made: ride.offers_made,
        offers_tried: ride.offers_made,
        stops_reached: 0,
        facts: live.facts,
    }
}

fn restored_offer(offer: &Offer) -> RestoredOffer {
    RestoredOffer {
        offer: offer.id,
        driver: offer.driver,
        deadline: offer.deadline,
        pickup_due: offer.offered_at + offer.pickup_eta,
    }
}
