//! The durable jobs of this service: words that depend on how a ride stands when they are due.
//!
//! Separate from `notifications`, whose jobs send a text whatever has happened since: a reminder of a ride that was called
//! off would be a lie. And nothing personal is in a job: who is written to, and what they are told, is read from the ride
//! when the job runs. A job that runs twice sends once: the record of a message has the job's id.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sqlx::PgPool;

use super::people::People;
use super::ride::Ride;
use super::store;
use crate::auth::Auth;
use crate::drivers::Drivers;
use crate::error::Error;
use crate::ids::{DriverId, RideId};
use crate::jobs::{Context, Failure, Job, New, Registry, enqueue_all};
use crate::jobs::{Error as JobError, NewJob};
use crate::notifications::{
    Delivered, Delivery, Key, Notifications, Params, PostNotice, Recipient, Recipients, SendSms,
};
use crate::realtime::protocol::view::RideStatus;
use crate::time::{Span, Timestamp};

/// Tells somebody of a ride, if it still is as this supposes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SendWord {
    /// Of which ride.
    pub ride_id: RideId,
    /// What.
    pub word: Word,
}

/// What somebody is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    /// The rider: the ride that was scheduled for this time is near.
    Reminder {
        /// The time of pickup; another one has a word of its own.
        pickup_at: Timestamp,
    },
    /// The rider, who does not look at the app: a driver comes for the scheduled ride.
    DriverComing,
    /// The rider, who has no app: who comes, and the PIN to say at the start. Of a driver who has lost the ride meanwhile
    /// nothing is told.
    WhoComes {
        /// Who took it.
        driver: DriverId,
    },
    /// The receiver: the parcel is on its way, and the PIN to give for it.
    ParcelComing,
}

impl Job for SendWord {
    const KIND: &'static str = "rides.send_word";
    const ATTEMPTS_MAX: u16 = 8;
    const LEASE: Span = Span::from_secs(60);
}

/// What the jobs work with.
#[derive(Clone)]
pub struct Words {
    pool: PgPool,
    people: People,
    notifications: Notifications,
    recipients: Recipients,
}

impl Words {
    /// Reads rides from `pool`, looks people up and writes to them.
    pub fn new(pool: PgPool, auth: &Auth, drivers: &Drivers, notifications: &Notifications) -> Self {
        let people = People::new(auth.clone(), drivers.clone());
        Self { pool, people, notifications: notifications.clone(), recipients: auth.recipients() }
    }
}

/// Registers the handlers of this service's jobs.
#[must_use]
pub fn register(registry: Registry, words: Words) -> Registry {
    let words = Arc::new(words);
    registry.on(move |job: SendWord, context| {
        let words = Arc::clone(&words);
        async move { words.send(job, context).await }
    })
}

impl Words {
    /// Tells what is to be told, or nothing where the ride is not as it was.
    pub(super) async fn send(&self, SendWord { ride_id, word }: SendWord, context: Context) -> Result<(), Failure> {
        let Some(ride) = store::find(&self.pool, self.people.vault(), ride_id).await? else { return Ok(()) };
        match word {
            Word::Reminder { pickup_at } => {
                let is_to_come = ride.status.is_live() && ride.started_at.is_none();
                if is_to_come && ride.product.pickup_at() == Some(pickup_at) {
                    let params = Params::from([("time".to_owned(), pickup_at.kigali_time())]);
                    self.tell_rider(&ride, Key::RideReminder, params, &context).await?;
                }
            }
            Word::DriverComing => {
                if ride.status == RideStatus::DriverAssigned
                    && let Some(driver) = self.people.cast(&ride).await.driver
                {
                    let eta = store::accepted_eta(&self.pool, ride.id).await?.unwrap_or(Span::ZERO);
                    let params = Params::from([
                        ("name".to_owned(), driver.first_name),
                        ("plate".to_owned(), driver.plate),
                        ("eta".to_owned(), minutes(eta)),
                    ]);
                    self.tell_rider(&ride, Key::DriverFound, params, &context).await?;
                }
            }
            Word::WhoComes { driver } => return self.tell_who_comes(&ride, driver, &context).await,
            Word::ParcelComing => return self.tell_receiver(&ride, &context).await,
        }
        Ok(())
    }

    /// By SMS and in the app. The two are jobs with names of their own, so that a second run of this one adds none.
    async fn tell_rider(&self, ride: &Ride, key: Key, params: Params, context: &Context) -> Result<(), Failure> {
        let new = |form: &str| New::at(context.now).dedupe(format!("word:{}:{form}", context.job_id));
        let user = ride.rider.into();
        let sms = SendSms::new(user, key, params.clone(), context.now);
        let notice = PostNotice { user, key, params };
        let jobs = [NewJob::of(&sms, new("sms")), NewJob::of(&notice, new("notice"))];
        let jobs = jobs.into_iter().collect::<Result<Vec<_>, JobError>>().map_err(Error::from)?;
        let mut transaction = self.pool.begin().await?;
        enqueue_all(&mut transaction, &jobs).await.map_err(Error::from)?;
        transaction.commit().await?;
        Ok(())
    }

    /// By SMS only, and at once: the PIN is in no job and in no record.
    async fn tell_who_comes(&self, ride: &Ride, driver: DriverId, context: &Context) -> Result<(), Failure> {
        let waits = matches!(ride.status, RideStatus::DriverAssigned | RideStatus::DriverArrived);
        if !waits || ride.driver != Some(driver) {
            return Ok(());
        }
        let Some(to) = (self.recipients)(ride.rider.into()).await? else { return Ok(()) };
        let Some(card) = self.people.cast(ride).await.driver else {
            return Err(Failure::retry("the driver's card is missing"));
        };
        let promised_at = store::approach(&self.pool, ride).await?.promised_at;
        let params = Params::from([
            ("name".to_owned(), card.first_name),
            ("plate".to_owned(), card.plate),
            ("eta".to_owned(), minutes(promised_at.map_or(Span::ZERO, |at| at.since(context.now)))),
            ("pin".to_owned(), ride.pin.to_string()),
        ]);
        self.deliver(ride, to, Key::WhoComes, &params, context).await
    }

    /// By SMS, in the rider's language: of the receiver nothing is known but name and number.
    async fn tell_receiver(&self, ride: &Ride, context: &Context) -> Result<(), Failure> {
        let Some(parcel) = ride.product.parcel.as_ref().filter(|_| ride.status == RideStatus::InProgress) else {
            return Ok(());
        };
        let Some(receiver) = &parcel.receiver else { return Ok(()) };
        let language = (self.recipients)(ride.rider.into()).await?.map(|rider| rider.language).unwrap_or_default();
        let cast = self.people.cast(ride).await;
        let Some(driver) = cast.driver else { return Err(Failure::retry("the driver's card is missing")) };
        let name = parcel.sender.as_ref().map_or(cast.rider_name, |sender| sender.name.clone());
        let params = Params::from([
            ("name".to_owned(), name),
            ("driver".to_owned(), driver.first_name),
            ("plate".to_owned(), driver.plate),
            ("eta".to_owned(), minutes(ride.price.duration)),
            ("pin".to_owned(), parcel.handover.to_string()),
        ]);
        let to = Recipient { phone: receiver.phone, language };
        self.deliver(ride, to, Key::ParcelComing, &params, context).await
    }

    /// Sends an SMS for a ride now; it is kept with its rider.
    async fn deliver(
        &self,
        ride: &Ride,
        to: Recipient,
        key: Key,
        params: &Params,
        context: &Context,
    ) -> Result<(), Failure> {
        let delivery = Delivery {
            id: context.job_id.0,
            user: ride.rider.into(),
            to,
            key,
            params,
            is_last_attempt: context.attempt >= SendWord::ATTEMPTS_MAX,
        };
        match self.notifications.deliver_sms(delivery, context.now).await? {
            Delivered::Settled => Ok(()),
            Delivered::TryAgain { reason } => Err(Failure::retry(reason)),
        }
    }
}

/// Minutes begun, as people are told.
fn minutes(span: Span) -> String {
    ((span.as_secs_up() + 59) / 60).max(1).to_string()
}
