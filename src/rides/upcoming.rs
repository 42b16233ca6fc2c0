//! Scheduled rides before their time has come: listing and moving them. Calling one off is what it is for every ride.

use super::desk::{Actor, Details};
use super::product::request::check_pickup_at;
use super::quote::{Way, Wish};
use super::ride::{Price, Ride};
use super::view::{Viewer, ride_view};
use super::{Rides, Unanswered, no_ride, store, wrong_state};
use crate::clock;
use crate::dispatch::{Input, Refusal};
use crate::error::{Checks, Error};
use crate::ids::{RideId, RiderId};
use crate::money::BasisPoints;
use crate::realtime::protocol::view::{RideStatus, RideView};
use crate::rides::product::Schedule;

/// A scheduled ride at another time: what is promised, and what it costs then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// When.
    pub schedule: Schedule,
    /// By the tariff in force then.
    pub price: Price,
    /// What express costs of it.
    pub express: Option<BasisPoints>,
}

impl Ride {
    /// Takes over another time.
    pub fn moved(&mut self, to: Moved) {
        self.product.schedule = Some(to.schedule);
        self.product.express = to.express;
        self.fare = to.price.quoted;
        self.price = to.price;
    }
}

impl Rides {
    /// The rider's scheduled rides whose driver is not looked for yet, soonest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn scheduled(&self, rider: RiderId) -> Result<Vec<RideView>, Error> {
        let rides = store::scheduled_of(
            &self.inner.pool,
            self.inner.people.vault(),
            rider,
            self.inner.config.products.scheduled_max,
        )
        .await?;
        let casts = self.inner.people.casts(&rides.iter().collect::<Vec<_>>()).await?;
        Ok(rides.iter().zip(casts).map(|(ride, cast)| ride_view(ride, &cast, Viewer::Rider)).collect())
    }

    /// Moves a scheduled ride to another time.
    ///
    /// # Errors
    /// Not found unless it is the rider's; [`Error::Invalid`] for the time; `wrong_state` once its driver is looked for.
    pub async fn reschedule(&self, rider: RiderId, id: RideId, pickup_at: &str) -> Result<RideView, Error> {
        let ride = self.current(id).await?;
        if ride.rider != rider {
            return Err(no_ride());
        }
        if ride.status != RideStatus::Scheduled {
            return Err(wrong_state(Some(&ride)));
        }
        let now = clock::now();
        let mut checks = Checks::new();
        let schedule = check_pickup_at(&mut checks, pickup_at, self.limits(now));
        checks.finish()?;
        let schedule = schedule.ok_or_else(|| Error::internal("checked above"))?;
        if ride.product.schedule == Some(schedule) {
            return Ok(self.view(&ride, Viewer::Rider).await);
        }
        let stops = ride.product.stops.iter().map(|stop| stop.spot.at).collect();
        let way = Way { pickup: ride.pickup.at, stops, destination: ride.destination.at };
        let is_express = ride.product.express.is_some();
        let wish = Wish { ride_type: ride.ride_type, is_express, pickup_at: Some(schedule.pickup_at) };
        let priced = self.price(&way, wish, now)?;
        let moved = Moved { schedule, price: priced.price, express: priced.express };
        let actor = Actor { role: "customer", id: Some(rider.into()) };
        let input = Input::Reschedule { ride: id, rider, search_from: schedule.search_from };
        match self.command(actor, input, Details::Moved(Box::new(moved))).await {
            Ok(Some(ride)) => Ok(self.view(&ride, Viewer::Rider).await),
            // The search began meanwhile, or the ride ended.
            Ok(None) | Err(Unanswered::Refused(Refusal::UnknownRide)) => Err(wrong_state(None)),
            Err(refused) => Err(self.refused(refused)),
        }
    }
}
