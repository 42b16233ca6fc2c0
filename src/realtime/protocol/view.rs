//! What an app is shown of a ride and of an offer: the same objects over the socket and over REST.
//!
//! Separate because both doors use them: `realtime` sits below every service, so the services fill these in and the two
//! doors only write them out. Every key is always present on the wire; what is not known (or not for this reader's
//! eyes) is `null`. The `Debug` forms print identifiers only, so that a view can never put a name or a telephone
//! number into a log.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ids::{OfferId, RideId, UserId};
use crate::realtime::protocol::server::RideQueueView;
use crate::time::Timestamp;

/// Where a ride stands, as written on the wire and in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RideStatus {
    /// Booked for later; a driver is looked for when its time has come.
    Scheduled,
    /// Booked; a driver is being looked for.
    Requested,
    /// A driver accepted and is on the way to the pickup.
    DriverAssigned,
    /// The driver waits at the pickup.
    DriverArrived,
    /// The rider is on the motorcycle.
    InProgress,
    /// Ended at the destination.
    Completed,
    /// Ended by the rider.
    CancelledByCustomer,
    /// Ended by the driver.
    CancelledByDriver,
    /// Ended by the engine or an administrator.
    CancelledBySystem,
    /// Ended because nobody accepted.
    NoDriverFound,
}

impl RideStatus {
    /// Every status, in the order of a ride's life.
    pub const ALL: [Self; 10] = [
        Self::Scheduled,
        Self::Requested,
        Self::DriverAssigned,
        Self::DriverArrived,
        Self::InProgress,
        Self::Completed,
        Self::CancelledByCustomer,
        Self::CancelledByDriver,
        Self::CancelledBySystem,
        Self::NoDriverFound,
    ];

    /// The word on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Requested => "requested",
            Self::DriverAssigned => "driver_assigned",
            Self::DriverArrived => "driver_arrived",
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::CancelledByCustomer => "cancelled_by_customer",
            Self::CancelledByDriver => "cancelled_by_driver",
            Self::CancelledBySystem => "cancelled_by_system",
            Self::NoDriverFound => "no_driver_found",
        }
    }

    /// The status of that word, if there is one.
    pub fn from_wire(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }

    /// Whether a driver is being looked for.
    pub const fn is_searching(self) -> bool {
        matches!(self, Self::Requested)
    }

    /// Whether the ride has not ended.
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Scheduled) || self.is_under_way()
    }

    /// Whether it is going on: a driver is looked for, or has it.
    pub const fn is_under_way(self) -> bool {
        matches!(self, Self::Requested | Self::DriverAssigned | Self::DriverArrived | Self::InProgress)
    }
}

impl fmt::Display for RideStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A point a rider named: where to be picked up, where to go.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Place {
    /// Degrees north.
    #[schema(example = -1.94)]
    pub lat: f64,
    /// Degrees east.
    #[schema(example = 30.06)]
    pub lng: f64,
    /// Address as the rider gave it.
    #[schema(example = "Nyabugogo")]
    pub address: Option<String>,
    /// What to look out for.
    pub landmark: Option<String>,
}

/// A rider as the other party of a ride sees them.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PersonView {
    /// The person's account.
    #[schema(value_type = Uuid)]
    pub id: UserId,
    /// How to address them.
    #[schema(example = "Aline")]
    pub first_name: String,
}

/// A driver as the parties of a ride see them.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DriverView {
    /// The driver's account.
    #[schema(value_type = Uuid)]
    pub id: UserId,
    /// How to address them.
    #[schema(example = "Eric")]
    pub first_name: String,
    /// Number plate of the motorcycle.
    #[schema(example = "RC123B")]
    pub plate: String,
    /// Mean of the ratings, 1 to 5; null while there is none.
    #[schema(example = 4.8)]
    pub rating: Option<f64>,
    /// Telephone, E.164; null once the ride has ended.
    #[schema(example = "+250788000000")]
    pub phone: Option<String>,
}

/// How a ride was cancelled.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CancellationView {
    /// `customer`, `driver` or `system`.
    #[schema(example = "driver")]
    pub by: String,
    /// One of the documented reasons.
    #[schema(example = "rider_no_show")]
    pub reason: String,
    /// In the person's own words.
    pub note: Option<String>,
    /// What the rider owes for it, in whole francs.
    pub fee_rwf: i64,
    /// Why: `no_driver`, `in_time`, `driver_late`, `driver_strayed`, `unsafe`, `by_driver`, `by_platform`,
    /// `driver_on_the_way` or `no_show`; null of old rides.
    #[schema(example = "in_time")]
    pub fee_reason: Option<String>,
    /// What the driver gets of the fee.
    pub compensation_rwf: i64,
}

/// Somebody without an account, as the parties of a live ride see them.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ContactView {
    /// What to call them.
    #[schema(example = "Keza")]
    pub name: String,
    /// Telephone, E.164; null once the ride has ended.
    #[schema(example = "+250788000001")]
    pub phone: Option<String>,
}

/// A stop between pickup and destination.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StopView {
    /// Where.
    pub place: Place,
    /// Who is there; null where nobody was named, for operators, and for the driver once the ride has ended.
    pub contact: Option<ContactView>,
    /// What to do there.
    #[schema(example = "third floor")]
    pub note: Option<String>,
    /// When the driver was there.
    #[schema(value_type = Option<chrono::DateTime<chrono::Utc>>)]
    pub reached_at: Option<Timestamp>,
    /// How long the driver stood there; known when the driver is at the next one.
    pub waiting_s: i64,
}

/// What a delivery carries.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ParcelView {
    /// `small`, `medium` or `large`.
    #[schema(example = "small")]
    pub size: String,
    /// What it is.
    #[schema(example = "a book")]
    pub description: String,
    /// Who hands it over, where that is not the rider; for whom and how long as of a stop.
    pub sender: Option<ContactView>,
    /// Who gets it; for whom and how long as of a stop.
    pub receiver: Option<ContactView>,
    /// What the receiver tells the driver when it is handed over; for the rider only, until the ride ends.
    #[schema(example = "7305")]
    pub handover_pin: Option<String>,
}

/// When a driver is promised to come.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WindowView {
    /// Not before.
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    pub from: Timestamp,
    /// Not after.
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    pub to: Timestamp,
}

/// A ride as one of its parties sees it. Whole: a newer view replaces an older one.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RideView {
    /// The ride.
    #[schema(value_type = Uuid)]
    pub id: RideId,
    /// Where the ride stands.
    pub status: RideStatus,
    /// `boda`: somebody rides; `delivery`: a parcel does.
    #[schema(example = "boda")]
    pub ride_type: String,
    /// Whether it is served first.
    pub express: bool,
    /// How the rider pays.
    #[schema(example = "cash")]
    pub payment_method: String,
    /// Where the rider waits.
    pub pickup: Place,
    /// Places on the way, in order.
    pub stops: Vec<StopView>,
    /// Where the rider goes.
    pub destination: Place,
    /// What a delivery carries; null otherwise.
    pub parcel: Option<ParcelView>,
    /// From the rider to the driver.
    pub notes: Option<String>,
    /// When the rider wants to be picked up, of a scheduled ride.
    #[schema(value_type = Option<chrono::DateTime<chrono::Utc>>)]
    pub pickup_at: Option<Timestamp>,
    /// When the driver is promised to come, of a scheduled ride.
    pub pickup_window: Option<WindowView>,
    /// Length of the ride as quoted.
    pub estimated_distance_m: i64,
    /// Duration of the ride as quoted.
    pub estimated_duration_s: i64,
    /// Length of the ride along the streets it took, in metres; null before its end, and where it is not known.
    pub matched_distance_m: Option<i64>,
    /// What it costs, whole francs: the quote until the end, then the final fare.
    pub fare_rwf: i64,
    /// Whether `fare_rwf` is what was charged.
    pub fare_final: bool,
    /// What the platform adds to the fare, whole francs.
    #[serde(default)]
    pub service_fee_rwf: i64,
    /// Fare and service fee: what is to be paid before credit and promotions; of a cash ride, what the driver collects.
    #[serde(default)]
    pub to_pay_rwf: i64,
    /// Demand multiplier in basis points; 10,000 is none.
    pub surge_basis_points: i64,
    /// What the rider tells the driver to start; for the rider only, until the ride starts.
    #[schema(example = "4821")]
    pub pin: Option<String>,
    /// Who rides.
    pub rider: PersonView,
    /// Who drives; null before assignment.
    pub driver: Option<DriverView>,
    /// The place in the queue of an area without a free driver; null while one is in reach, and in control messages:
    /// there `ride_queue` says it.
    pub queue: Option<RideQueueView>,
    /// The driver finishes another ride first and is not on the way yet.
    pub is_next: bool,
    /// How it was cancelled; null unless it was.
    pub cancellation: Option<CancellationView>,
    /// When it was booked.
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    pub requested_at: Timestamp,
    /// When a driver accepted.
    #[schema(value_type = Option<chrono::DateTime<chrono::Utc>>)]
    pub assigned_at: Option<Timestamp>,
    /// When the driver reached the pickup.
    #[schema(value_type = Option<chrono::DateTime<chrono::Utc>>)]
    pub arrived_at: Option<Timestamp>,
    /// When the rider was picked up.
    #[schema(value_type = Option<chrono::DateTime<chrono::Utc>>)]
    pub started_at: Option<Timestamp>,
    /// When it ended, in whatever way.
    #[schema(value_type = Option<chrono::DateTime<chrono::Utc>>)]
    pub ended_at: Option<Timestamp>,
}

impl fmt::Debug for RideView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RideView").field("id", &self.id).field("status", &self.status).finish_non_exhaustive()
    }
}

/// A ride on offer to one driver.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OfferView {
    /// The offer: `RIDE_ID.ORDINAL`.
    #[schema(value_type = String, example = "8f1b2c3d-0000-8000-8000-000000000001.1")]
    pub offer_id: OfferId,
    /// The ride on offer.
    #[schema(value_type = Uuid)]
    pub ride_id: RideId,
    /// `boda` or `delivery`.
    #[schema(example = "boda")]
    pub ride_type: String,
    /// Whether the rider asked to be served first.
    pub express: bool,
    /// Where the rider waits.
    pub pickup: Place,
    /// Places on the way, in order.
    pub stops: Vec<Place>,
    /// Where the rider goes.
    pub destination: Place,
    /// How big the parcel of a delivery is; null otherwise.
    #[schema(example = "small")]
    pub parcel_size: Option<String>,
    /// What it is.
    pub parcel_description: Option<String>,
    /// When the rider wants to be picked up, of a scheduled ride.
    #[schema(value_type = Option<chrono::DateTime<chrono::Utc>>)]
    pub pickup_at: Option<Timestamp>,
    /// Travel time from the driver to the pickup.
    pub pickup_eta_s: i64,
    /// Distance from the driver to the pickup.
    pub pickup_distance_m: i64,
    /// Length of the ride itself.
    pub distance_m: i64,
    /// What the rider will pay, whole francs.
    pub fare_rwf: i64,
    /// How the rider will pay.
    #[schema(example = "cash")]
    pub payment_method: String,
    /// When it was offered, milliseconds since 1970 UTC.
    pub offered_ms: i64,
    /// Until when it can be accepted, milliseconds since 1970 UTC.
    pub deadline_ms: i64,
}

impl fmt::Debug for OfferView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OfferView").field("offer_id", &self.offer_id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_is_written_as_its_word() {
        for status in RideStatus::ALL {
            assert_eq!(serde_json::to_value(status).expect("encodes"), status.as_str());
            assert_eq!(RideStatus::from_wire(status.as_str()), Some(status));
        }
        assert_eq!(RideStatus::from_wire("finished"), None);
    }
}
