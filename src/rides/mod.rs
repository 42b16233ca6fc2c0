//! Rides: booking, offers, the ride itself, ratings, history.
//!
//! Use cases are transport-free: REST and the socket call the same functions. Everything that changes a ride goes to the
//! `shard`, which owns the dispatch core, commits and then speaks; this file checks who asks, prepares the command and
//! turns the answer into a view. Commands are idempotent, also for rides the core has forgotten: the store is asked then.

pub mod agents;
pub mod arrival;
pub mod asking;
mod booking;
mod cancelling;
mod city;
pub mod decisions;
pub mod desk;
mod disputing;
pub mod fare_proof;
mod followup;
pub mod http;
pub mod jobs;
mod legs;
mod live;
mod matched;
mod on_shift;
pub mod pairing;
mod people;
pub mod personal;
mod pressure;
pub mod queue;
pub mod pickup;
pub mod product;
mod quote;
mod rating;
mod reading;
pub mod relations;
pub mod ride;
pub mod said;
mod sealing;
mod shard;
pub mod standing;
mod start;
mod store;
mod streams;
mod surroundings;
mod tally;
mod tell;
#[cfg(test)]
mod tests;
mod tidy;
mod track;
pub mod upcoming;
pub mod view;
pub mod words;

use std::sync::Arc;
use std::time::Instant;

use sqlx::PgPool;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

use crate::dispatch::{self, Input, Pin, Refusal};
use crate::drivers::Drivers;
use crate::error::{Checks, Error, Fault};
use crate::fares::cancellation::CancellationBook;
use crate::ids::{DriverId, OfferId, RideId};
use crate::locations::Locations;
use crate::locations::history::History;
use crate::payments::Payments;
use crate::pricing::Prices;
use crate::realtime::Hub;
use crate::realtime::protocol::view::RideView;
use crate::steering::Steering;
use crate::telemetry::names;
use crate::time::Span;
use crate::vault::Column;
use crate::web::RequestId;

pub use booking::{AskPrice, BookRide, Booked, PaymentChoice, PlaceRequest};
pub use city::{AreaView, CitySnapshot, EtaErrorView};
pub use quote::Quote;
pub use reading::EventView;
pub use sealing::seal_open_contacts;
pub use start::{Parts, Started};
pub use store::Filter;
pub use tidy::{QUOTES_KEPT, tidy};
pub use track::{PathView, TrackView};

use arrival::Arrivals;
/// What of this service's tables is sealed.
pub const SEALED: &[&Column] = &[&store::CONTACTS];

use desk::{Actor, Command, Details};
use live::Live;
use matched::Matched;
use pairing::Pairing;
use people::People;
use pickup::Pickups;
use product::waits::Waits;
use queue::RideQueue;
use ride::Ride;
use shard::{Message, Request};
use tally::Tally;
use view::Viewer;
use words::DeclineReason;

/// Longest note a person may leave.
const NOTE_CHARS_MAX: usize = 500;

/// Numbers of this service.
#[derive(Clone, Debug)]
pub struct Config {
    /// The core's own.
    pub dispatch: dispatch::Config,
    /// Commands that may wait for the shard; more are refused with "try again".
    pub inbox_max: usize,
    /// Commands decided and committed together at most.
    pub batch_max: usize,
    /// How long a caller waits for the commit before it is told to try again.
    pub answer_within: Span,
    /// How long a quote can be booked.
    pub quote_lifetime: Span,
    /// The longest ride that is sold, by road.
    pub ride_distance_m_max: u32,
    /// By how much more than the quoted distance a detour may be charged, in percent of it.
    pub detour_charged_max_percent: u32,
    /// When a driver at the pickup has arrived without saying so.
    pub arrival: arrival::Config,
    /// Scheduled rides, stops, parcels, express.
    pub products: product::Config,
    /// Decisions that a start reads to tell again what apps missed.
    pub restored_decisions_max: u32,
    /// Riders of an area without a free driver.
    pub queue: queue::Config,
    /// Drivers about to finish.
    pub asking: asking::Config,
    /// Drivers who do not get to the pickup.
    pub pickup: pickup::Config,
    /// The record of rounds.
    pub decisions: decisions::Config,
    /// Who avoids whom, and how far back records look.
    pub relations: relations::Config,
    /// What agents may do.
    pub agents: agents::Config,
    /// Rides that begin at the roadside.
    pub pairing: pairing::Config,
}

/// The service. Clones share everything.
#[derive(Clone)]
pub struct Rides {
    inner: Arc<Inner>,
}

struct Inner {
    config: Config,
    pool: PgPool,
    inbox: mpsc::Sender<Message>,
    live: Arc<Live>,
    tally: Arc<Tally>,
    hub: Arc<Hub>,
    people: People,
    drivers: Drivers,
    locations: Locations,
    history: History,
    prices: Prices,
    payments: Payments,
    cancellations: Arc<CancellationBook>,
    matched: Arc<Matched>,
    waits: Arc<Waits>,
    arrivals: Arrivals,
    steering: Steering,
    queue: RideQueue,
    pickups: Pickups,
    pairing: Pairing,
}

impl Rides {
    /// A driver takes an offer.
    ///
    /// # Errors
    /// `offer_gone` when it is not this driver's to take any more.
    pub async fn accept(&self, driver: DriverId, offer: OfferId) -> Result<RideView, Error> {
        let ride = match self.command(driver_actor(driver), Input::AcceptOffer { driver, offer }, Details::None).await {
            Ok(Some(ride)) => ride,
            Ok(None) => Arc::new(self.stored(offer.ride).await?),
            // The core forgets ended rides; that this driver took the offer is still in the store.
            Err(Unanswered::Refused(Refusal::OfferGone)) => {
                match store::offer_outcome(&self.inner.pool, offer, driver).await?.flatten().as_deref() {
                    Some("accepted") => Arc::new(self.stored(offer.ride).await?),
                    _ => return Err(offer_gone()),
                }
            }
            Err(refused) => return Err(self.refused(refused)),
        };
        Ok(self.view(&ride, Viewer::Driver).await)
    }

    /// A driver passes on an offer.
    ///
    /// # Errors
    /// `offer_gone` when it was never this driver's; [`Error::Invalid`] for an unknown reason.
    pub async fn decline(&self, driver: DriverId, offer: OfferId, reason: Option<&str>) -> Result<(), Error> {
        let mut checks = Checks::new();
        let reason =
            reason.map_or(Some(DeclineReason::Other), |word| DeclineReason::check(&mut checks, "reason", word));
        checks.finish()?;
        let details = Details::Decline(reason.unwrap_or(DeclineReason::Other));
        match self.command(driver_actor(driver), Input::DeclineOffer { driver, offer }, details).await {
            Ok(_) => Ok(()),
            // The core forgets ended rides; the driver's own earlier "no" is still in the store.
            Err(Unanswered::Refused(Refusal::OfferGone)) => {
                match store::offer_outcome(&self.inner.pool, offer, driver).await?.flatten().as_deref() {
                    None | Some("accepted") => Err(offer_gone()),
                    Some(_) => Ok(()),
                }
            }
            Err(refused) => Err(self.refused(refused)),
        }
    }

    /// The driver stands at the pickup.
    ///
    /// # Errors
    /// Not found unless it is this driver's ride; `wrong_state`.
    pub async fn arrive(&self, driver: DriverId, ride: RideId) -> Result<RideView, Error> {
        self.drive(driver, ride, Input::Arrive { driver, ride }).await
    }

    /// The ride starts.
    ///
    /// # Errors
    /// As [`Rides::arrive`], and `wrong_pin`, `pin_locked`.
    pub async fn start(&self, driver: DriverId, ride: RideId, pin: &str) -> Result<RideView, Error> {
        // The text of a PIN is a secret: the fault does not repeat it.
        let pin: Pin = pin.parse().map_err(|reason| Error::Invalid(vec![Fault::without_value("pin", reason)]))?;
        self.drive(driver, ride, Input::Start { driver, ride, pin }).await
    }

    /// The driver is at a stop, counted from 1.
    ///
    /// # Errors
    /// As [`Rides::arrive`], and `stop_out_of_order`.
    pub async fn reach_stop(&self, driver: DriverId, ride: RideId, stop: u8) -> Result<RideView, Error> {
        self.drive(driver, ride, Input::ReachStop { driver, ride, stop }).await
    }

    /// The ride is over. A parcel is handed over with the PIN of its receiver.
    ///
    /// # Errors
    /// As [`Rides::arrive`], and `handover_pin_needed`, `wrong_pin`, `pin_locked`.
    pub async fn complete(&self, driver: DriverId, ride: RideId, pin: Option<&str>) -> Result<RideView, Error> {
        // The text of a PIN is a secret: the fault does not repeat it.
        let pin = pin.map(str::parse::<Pin>).transpose();
        let pin = pin.map_err(|reason| Error::Invalid(vec![Fault::without_value("pin", reason)]))?;
        self.drive(driver, ride, Input::Complete { driver, ride, pin }).await
    }

    async fn drive(&self, driver: DriverId, id: RideId, input: Input) -> Result<RideView, Error> {
        let answer = self.command(driver_actor(driver), input.clone(), Details::None).await;
        let ride = match answer {
            Ok(Some(ride)) => ride,
            // Done, but the ride has left the live state: it ended earlier.
            Ok(None) => Arc::new(self.stored(id).await?),
            Err(Unanswered::Refused(Refusal::UnknownRide)) => {
                let ride = self.stored(id).await?;
                if ride.driver != Some(driver) {
                    return Err(no_ride());
                }
                if !reading::is_done_already(&ride, &input) {
                    return Err(wrong_state(Some(&ride)));
                }
                Arc::new(ride)
            }
            Err(refused) => return Err(self.refused(refused)),
        };
        Ok(self.view(&ride, Viewer::Driver).await)
    }

    /// Hands a command to the shard and waits for what was committed.
    async fn command(&self, actor: Actor, input: Input, details: Details) -> Result<Option<Arc<Ride>>, Unanswered> {
        let (answer, answered) = oneshot::channel();
        let request_id = RequestId::current_or_none();
        let command = Command { input, details, actor, request_id };
        let request = Request { command, arrived: Instant::now(), answer };
        self.inner.inbox.try_send(Message::Command(Box::new(request))).map_err(|error| {
            let reason = if matches!(error, TrySendError::Full(_)) { "inbox_full" } else { "stopping" };
            metrics::counter!(names::DISPATCH_REFUSED_TOTAL, "reason" => reason).increment(1);
            Unanswered::Busy
        })?;
        match tokio::time::timeout(self.inner.config.answer_within.to_duration(), answered).await {
            Ok(Ok(Ok(ride))) => Ok(ride),
            Ok(Ok(Err(refusal))) => Err(Unanswered::Refused(refusal)),
            // The shard stopped, or the database is away for too long: not acknowledged, so a retry is safe.
            Ok(Err(_)) | Err(_) => Err(Unanswered::Busy),
        }
    }

    /// Tells the core something that nobody asked for and nobody waits to hear of. What does not fit into the inbox is lost:
    /// whoever sends this sends it again as long as it holds.
    fn by_itself(&self, input: Input) {
        let (answer, _) = oneshot::channel();
        let command = Command { input, details: Details::None, actor: Actor::SYSTEM, request_id: None };
        let request = Request { command, arrived: Instant::now(), answer };
        let _ = self.inner.inbox.try_send(Message::Command(Box::new(request)));
    }

    /// Shows every offer that waits for an answer, in no order.
    pub fn for_each_offer(&self, mut show: impl FnMut(DriverId, OfferId)) {
        self.inner.live.for_each_offer(|offer| show(offer.driver, offer.id));
    }

    async fn stored(&self, id: RideId) -> Result<Ride, Error> {
        store::find(&self.inner.pool, self.inner.people.vault(), id).await?.ok_or_else(no_ride)
    }

    /// A ride as it stands: live, or as it ended.
    async fn current(&self, id: RideId) -> Result<Arc<Ride>, Error> {
        match self.inner.live.ride(id) {
            Some(ride) => Ok(ride),
            None => self.stored(id).await.map(Arc::new),
        }
    }

    async fn view(&self, ride: &Ride, viewer: Viewer) -> RideView {
        self.with_queue(view::ride_view(ride, &self.inner.people.cast(ride).await, viewer))
    }

    fn refused(&self, unanswered: Unanswered) -> Error {
        match unanswered {
            Unanswered::Busy => Error::Unavailable { retry_after: Span::from_secs(2), cause: None },
            Unanswered::Refused(refusal) => self.refusal(refusal),
        }
    }

    fn refusal(&self, refusal: Refusal) -> Error {
        match refusal {
            Refusal::UnknownRide | Refusal::NotYours => no_ride(),
            Refusal::AlreadyRequested => Error::conflict("ride_in_progress", "this ride was requested before"),
            Refusal::RiderBusy { ride } => {
                Error::conflict("ride_in_progress", format!("you have a ride that has not ended: {ride}"))
            }
            Refusal::TooManyScheduled { most } => Error::conflict(
                "too_many_scheduled",
                format!("you have {most} scheduled rides waiting, which is as many as one may have"),
            ),
            Refusal::OfferGone => offer_gone(),
            Refusal::WrongState => wrong_state(None),
            Refusal::WrongPin { attempts_left } => {
                let attempts = if attempts_left == 1 { "attempt" } else { "attempts" };
                Error::conflict("wrong_pin", format!("the PIN is wrong; {attempts_left} {attempts} left"))
            }
            Refusal::PinLocked { until } => {
                Error::conflict("pin_locked", format!("too many wrong PINs; try again at {until}"))
            }
            Refusal::NotOnShift => Error::conflict("not_online", "you are not online"),
            Refusal::DriverOnRide => Error::conflict("driver_on_ride", "finish the ride before you go offline"),
            Refusal::StopOutOfOrder { next } => Error::conflict(
                "stop_out_of_order",
                next.map_or("every stop was reached".to_owned(), |next| format!("the next stop is number {next}")),
            ),
            Refusal::HandoverPinNeeded => {
                Error::conflict("handover_pin_needed", "the parcel is handed over against the PIN of its receiver")
            }
            Refusal::HandoverWrong { attempts_left } => {
                let attempts = if attempts_left == 1 { "attempt" } else { "attempts" };
                Error::conflict("wrong_pin", format!("the PIN is wrong; {attempts_left} {attempts} left"))
            }
        }
    }
}

/// Why the shard gave no ride.
enum Unanswered {
    Refused(Refusal),
    Busy,
}

fn driver_actor(driver: DriverId) -> Actor {
    Actor { role: "driver", id: Some(driver.into()) }
}

fn no_ride() -> Error {
    Error::NotFound { what: "ride" }
}

fn offer_gone() -> Error {
    Error::conflict("offer_gone", "the offer was taken, withdrawn or has expired")
}

fn wrong_state(ride: Option<&Ride>) -> Error {
    let message = match ride {
        Some(ride) => format!("the ride is {}; this is not possible now", ride.status),
        None => "the ride is in a state in which this is not possible".to_owned(),
    };
    Error::conflict("wrong_state", message)
}
