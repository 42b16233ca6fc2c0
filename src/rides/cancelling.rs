//! Calling a ride off, and what that costs.
//!
//! The fee follows from the rules of the day of the booking and from what is committed of the ride when the command comes
//! in. It is recorded with the cancellation; collecting it is the business of payments.

use std::sync::Arc;

use super::desk::{Actor, Details};
use super::ride::{Cancellation, Ride};
use super::store;
use super::view::Viewer;
use super::words::CancelReason;
use super::{NOTE_CHARS_MAX, Rides, Unanswered, no_ride, reading, wrong_state};
use crate::audit::{self, Act};
use crate::clock;
use crate::dispatch::{Canceller, Input, Refusal};
use crate::error::{Checks, Error};
use crate::fares::cancellation::{CalledOff, CancellationRules, Cause, Charge, Ground, Progress, Side};
use crate::ids::{RideId, UserId};
use crate::money::Francs;
use crate::realtime::protocol::view::{RideStatus, RideView};
use crate::time::Timestamp;
use crate::web::{Caller, Role};

/// What calling off would cost now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CostNow {
    /// Of it.
    pub charge: Charge,
    /// Until when it costs nothing because it is soon enough after the assignment.
    pub free_until: Option<Timestamp>,
}

impl Rides {
    /// A party, or an operator, calls a ride off.
    ///
    /// # Errors
    /// Not found unless it is the caller's ride; `wrong_state`; [`Error::Invalid`] for a reason the caller cannot give.
    pub async fn cancel(
        &self,
        caller: Caller,
        id: RideId,
        reason: &str,
        note: Option<&str>,
    ) -> Result<RideView, Error> {
        let (side, viewer) = match caller.role {
            Role::Customer => (Side::Rider, Viewer::Rider),
            Role::Driver => (Side::Driver, Viewer::Driver),
            Role::Admin => (Side::Platform, Viewer::Operator),
            Role::Government => return Err(Error::forbidden("forbidden", "this role only reads")),
            Role::Agent => return Err(Error::forbidden("forbidden", "agents cancel under /agent/rides")),
        };
        let said = Said::check(side, reason, note)?;
        let by = match side {
            Side::Rider => Canceller::Rider(caller.user.into()),
            Side::Driver => Canceller::Driver { driver: caller.user.into(), rematch: is_passed_on(said.reason) },
            Side::Platform => Canceller::System,
        };
        let actor = Actor { role: caller.role.as_str(), id: Some(caller.user) };
        if side == Side::Platform {
            self.record_call_off(caller.user, id, &said).await?;
        }
        self.call_off(id, by, said, actor, viewer).await
    }

    /// Before it is done: what dispatch commits is a transaction of its own, and an act that was recorded and then refused
    /// does less harm than one that was done and is on no record.
    async fn record_call_off(&self, admin: UserId, id: RideId, said: &Said) -> Result<(), Error> {
        let ride = self.current(id).await?;
        let detail = serde_json::json!({ "reason": said.reason.as_str() });
        let act = Act { detail, ..Act::of_admin(admin, "rides.called_off").on("ride", id) };
        Ok(audit::record_read(&self.inner.pool, &act, &reading::parties(&ride), clock::now()).await?)
    }

    /// An agent calls a ride off that they booked, in the place of its rider.
    pub(super) async fn cancel_for(
        &self,
        agent: UserId,
        ride: &Ride,
        reason: &str,
        note: Option<&str>,
    ) -> Result<RideView, Error> {
        let said = Said::check(Side::Rider, reason, note)?;
        let actor = Actor { role: Role::Agent.as_str(), id: Some(agent) };
        self.call_off(ride.id, Canceller::Rider(ride.rider), said, actor, Viewer::Rider).await
    }

    async fn call_off(
        &self,
        id: RideId,
        by: Canceller,
        said: Said,
        actor: Actor,
        viewer: Viewer,
    ) -> Result<RideView, Error> {
        let cancellation = match self.current(id).await {
            Ok(ride) if ride.status.is_live() => {
                let now = clock::now();
                let ground = match ground(said.reason) {
                    // Who did not come cannot say that nobody was there.
                    Ground::RiderNotThere if !self.is_at_pickup(&ride, now) => Ground::Any,
                    ground => ground,
                };
                let cost = self.cost_now(&ride, said.side, ground, now).await?;
                said.at_cost(cost.charge)
            }
            // Over, or nobody's: dispatch says what of it.
            Ok(_) | Err(Error::NotFound { .. }) => said.at_cost(FREE),
            Err(error) => return Err(error),
        };
        let input = Input::Cancel { ride: id, by };
        let ride = match self.command(actor, input.clone(), Details::Cancellation(cancellation)).await {
            Ok(Some(ride)) => ride,
            Ok(None) => Arc::new(self.stored(id).await?),
            Err(Unanswered::Refused(Refusal::NotYours | Refusal::UnknownRide)) => {
                self.called_off_before(id, by, &input).await?
            }
            Err(refused) => return Err(self.refused(refused)),
        };
        let ride = match by {
            // Passed on: it is looking for another driver, or has one.
            Canceller::Driver { driver, .. } if ride.driver != Some(driver) => Arc::new(given_back(&ride)),
            _ => ride,
        };
        Ok(self.view(&ride, viewer).await)
    }

    /// Whether the driver stands at the pickup, as far as is known.
    fn is_at_pickup(&self, ride: &Ride, now: Timestamp) -> bool {
        let seen = ride.driver.and_then(|driver| self.seen(driver, now));
        seen.is_none_or(|at| at.distance_m(ride.pickup.at) <= AT_PICKUP_M)
    }

    /// The ride, when the same command was carried out before and dispatch has forgotten it.
    async fn called_off_before(&self, id: RideId, by: Canceller, input: &Input) -> Result<Arc<Ride>, Error> {
        let ride = self.current(id).await?;
        if let Canceller::Driver { driver, .. } = by
            && store::gave_back(&self.inner.pool, id, driver).await?
        {
            // It is looking for another driver, or has one.
            return Ok(Arc::new(given_back(&ride)));
        }
        if !is_party(&ride, by) {
            return Err(no_ride());
        }
        if !reading::is_done_already(&ride, input) {
            return Err(wrong_state(Some(&ride)));
        }
        Ok(ride)
    }

    /// What calling a ride off would cost one of its parties now, for no particular reason.
    ///
    /// # Errors
    /// Not found unless it is the caller's ride; `wrong_state` once it is over.
    pub async fn cancellation_cost(&self, caller: Caller, id: RideId) -> Result<CostNow, Error> {
        let (ride, viewer) = self.visible(caller, id).await?;
        if !ride.status.is_live() {
            return Err(wrong_state(Some(&ride)));
        }
        let side = match viewer {
            Viewer::Rider => Side::Rider,
            Viewer::Driver => Side::Driver,
            Viewer::Operator => Side::Platform,
        };
        self.cost_now(&ride, side, Ground::Any, clock::now()).await
    }

    /// The rules that hold for a ride that is booked at an instant.
    pub fn cancellation_rules(&self, at: Timestamp) -> Option<&CancellationRules> {
        self.inner.cancellations.at(at)
    }

    /// All rules there were and are, oldest first.
    pub fn all_cancellation_rules(&self) -> &[CancellationRules] {
        self.inner.cancellations.rules()
    }

    async fn cost_now(&self, ride: &Ride, by: Side, ground: Ground, now: Timestamp) -> Result<CostNow, Error> {
        let Some(rules) = self.cancellation_rules(ride.requested_at) else {
            return Ok(CostNow { charge: FREE, free_until: None });
        };
        let approach = store::approach(&self.inner.pool, ride).await?;
        let progress = match (ride.status, ride.assigned_at) {
            (RideStatus::DriverAssigned | RideStatus::DriverArrived, Some(assigned_at)) => {
                let promised_at = approach.promised_at;
                Progress::Assigned { assigned_at, promised_at, arrived_at: ride.arrived_at }
            }
            (RideStatus::InProgress, _) => Progress::UnderWay,
            _ => Progress::Searching,
        };
        let (quoted, driver_strayed) = (ride.price.quoted, approach.strayed);
        let charge = rules.charge(&CalledOff { by, ground, at: now, progress, driver_strayed, quoted });
        let free_until = ride.assigned_at.filter(|_| charge.cause == Cause::InTime);
        Ok(CostNow { charge, free_until: free_until.map(|assigned_at| assigned_at + rules.free_after_assigned) })
    }
}

/// A driver within this of the pickup is there: two receivers between houses differ by as much.
const AT_PICKUP_M: f64 = 150.0;

/// What costs nothing, because there were no rules or nothing to judge.
const FREE: Charge = Charge { fee: Francs::ZERO, compensation: Francs::ZERO, cause: Cause::NoDriver };

/// What somebody says who calls a ride off: checked.
struct Said {
    side: Side,
    reason: CancelReason,
    note: Option<String>,
}

impl Said {
    fn check(side: Side, reason: &str, note: Option<&str>) -> Result<Self, Error> {
        let mut checks = Checks::new();
        let parsed = CancelReason::check(&mut checks, "reason", reason);
        if let Some(parsed) = parsed {
            let (allowed, who) = match side {
                Side::Rider => (parsed.allowed_to_rider(), "customer"),
                Side::Driver => (parsed.allowed_to_driver(), "driver"),
                Side::Platform => (true, "admin"),
            };
            checks.require(allowed, "reason", reason, format_args!("is not a reason a {who} can give"));
        }
        let note = checks.optional_text("note", note, NOTE_CHARS_MAX);
        checks.finish()?;
        Ok(Self { side, reason: parsed.unwrap_or(CancelReason::Other), note })
    }

    fn at_cost(self, charge: Charge) -> Cancellation {
        let by = match self.side {
            Side::Rider => "customer",
            Side::Driver => "driver",
            Side::Platform => "system",
        };
        let Charge { fee, compensation, cause } = charge;
        Cancellation { by, reason: self.reason, note: self.note, fee, compensation, cause: Some(cause) }
    }
}

/// What of a reason matters for the cost; everything else is judged by facts.
const fn ground(reason: CancelReason) -> Ground {
    match reason {
        CancelReason::RiderNoShow => Ground::RiderNotThere,
        CancelReason::Unsafe => Ground::Unsafe,
        CancelReason::ChangedMind
        | CancelReason::DriverTooFar
        | CancelReason::DriverNoShow
        | CancelReason::WrongPickup
        | CancelReason::VehicleProblem
        | CancelReason::TooFar
        | CancelReason::Operator
        | CancelReason::Other => Ground::Any,
    }
}

/// Whether another driver is looked for when a driver calls off with this reason: not when the rider is not there, or is
/// nobody to be sent another driver to.
const fn is_passed_on(reason: CancelReason) -> bool {
    !matches!(reason, CancelReason::RiderNoShow | CancelReason::Unsafe)
}

/// The ride to its former driver: as it was booked, and without the people of it. Who has it now, how it went on and whom
/// to call is not their business any more.
fn given_back(ride: &Ride) -> Ride {
    let mut product = ride.product.as_booked();
    product.stops.iter_mut().for_each(|stop| stop.contact = None);
    if let Some(parcel) = &mut product.parcel {
        (parcel.sender, parcel.receiver) = (None, None);
    }
    Ride {
        status: RideStatus::Requested,
        driver: None,
        is_next: false,
        product,
        fare: ride.price.quoted,
        matched_distance_m: None,
        assigned_at: None,
        arrived_at: None,
        started_at: None,
        ended_at: None,
        cancellation: None,
        ..ride.clone()
    }
}

fn is_party(ride: &Ride, by: Canceller) -> bool {
    match by {
        Canceller::Rider(rider) => ride.rider == rider,
        Canceller::Driver { driver, .. } => ride.driver == Some(driver),
        Canceller::System => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::DriverId;
    use crate::rides::view::tests::delivery;
    use crate::rides::view::{Cast, ride_view};

    #[test]
    fn who_gave_a_delivery_back_sees_nobody_of_it_and_not_how_it_went_on() {
        let over = Timestamp::from_millis(1_790_000_000_000);
        let mut ride = Ride {
            status: RideStatus::Completed,
            driver: Some(DriverId(uuid::Uuid::from_u128(9))),
            fare: Francs(9_999),
            matched_distance_m: Some(4_321),
            assigned_at: Some(over),
            arrived_at: Some(over),
            started_at: Some(over),
            ended_at: Some(over),
            ..delivery()
        };
        ride.product.stops[0].reached_at = Some(over);
        let view = ride_view(&given_back(&ride), &Cast::default(), Viewer::Driver);
        let parcel = view.parcel.as_ref().expect("a delivery");
        assert!(parcel.sender.is_none() && parcel.receiver.is_none() && view.stops[0].contact.is_none());
        assert_eq!((view.fare_rwf, view.matched_distance_m), (ride.price.quoted.amount(), None));
        let times = [view.assigned_at, view.arrived_at, view.started_at, view.ended_at, view.stops[0].reached_at];
        assert_eq!((view.status, times), (RideStatus::Requested, [None; 5]));
    }
}
