//! What a party is shown of a ride: the same view over REST and over the socket.

use crate::drivers::Card;
use crate::realtime::protocol::view::{CancellationView, DriverView, OfferView, PersonView, Place, RideView};
use crate::rides::ride::{Offer, Ride, Spot};

/// Through whose eyes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Viewer {
    /// The rider: sees the PIN until the start, and the driver's telephone while the ride is live.
    Rider,
    /// The driver.
    Driver,
    /// An operator: sees neither PIN nor telephone.
    Operator,
}

/// The people of a ride, as far as they are known.
#[derive(Clone, Debug, Default)]
pub struct Cast {
    /// The rider's first name.
    pub rider_name: String,
    /// The driver's card.
    pub driver: Option<Card>,
}

/// A ride through somebody's eyes.
pub fn ride_view(ride: &Ride, cast: &Cast, viewer: Viewer) -> RideView {
    let live = ride.status.is_live();
    let driver = ride.driver.zip(cast.driver.as_ref()).map(|(id, card)| DriverView {
        id: id.into(),
        first_name: card.first_name.clone(),
        plate: card.plate.clone(),
        rating: card.rating,
        phone: (live && viewer == Viewer::Rider).then(|| card.phone.as_str().to_owned()),
    });
    RideView {
        id: ride.id,
        status: ride.status,
        ride_type: ride.ride_type.as_str().to_owned(),
        payment_method: ride.payment_method.as_str().to_owned(),
        pickup: place(&ride.pickup),
        destination: place(&ride.destination),
        notes: ride.notes.clone(),
        estimated_distance_m: i64::from(ride.price.distance_m),
        estimated_duration_s: ride.price.duration.as_secs(),
        matched_distance_m: ride.matched_distance_m.map(i64::from),
        fare_rwf: ride.fare.amount(),
        fare_final: !live,
        surge_basis_points: i64::from(ride.price.surge.0),
        pin: (viewer == Viewer::Rider && live && ride.started_at.is_none()).then(|| ride.pin.to_string()),
        rider: PersonView { id: ride.rider.into(), first_name: cast.rider_name.clone() },
        driver,
        is_next: ride.is_next,
        cancellation: ride.cancellation.as_ref().map(|cancellation| CancellationView {
            by: cancellation.by.to_owned(),
            reason: cancellation.reason.as_str().to_owned(),
            note: cancellation.note.clone(),
            fee_rwf: cancellation.fee.amount(),
            fee_reason: cancellation.cause.map(|cause| cause.as_str().to_owned()),
            compensation_rwf: cancellation.compensation.amount(),
        }),
        requested_at: ride.requested_at,
        assigned_at: ride.assigned_at,
        arrived_at: ride.arrived_at,
        started_at: ride.started_at,
        ended_at: ride.ended_at,
    }
}

/// An offer as its driver sees it.
pub fn offer_view(offer: &Offer, ride: &Ride) -> OfferView {
    OfferView {
        offer_id: offer.id,
        ride_id: ride.id,
        pickup: place(&ride.pickup),
        destination: place(&ride.destination),
        pickup_eta_s: offer.pickup_eta.as_secs(),
        pickup_distance_m: i64::from(offer.pickup_distance_m),
        distance_m: i64::from(ride.price.distance_m),
        fare_rwf: ride.fare.amount(),
        payment_method: ride.payment_method.as_str().to_owned(),
        offered_ms: offer.offered_at.as_millis(),
        deadline_ms: offer.deadline.as_millis(),
    }
}

fn place(spot: &Spot) -> Place {
    Place { lat: spot.at.lat(), lng: spot.at.lng(), address: spot.address.clone(), landmark: spot.landmark.clone() }
}
