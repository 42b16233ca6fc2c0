//! What a party is shown of a ride: the same view over REST and over the socket.

use crate::drivers::Card;
use crate::realtime::protocol::view::{
    CancellationView, ContactView, DriverView, OfferView, ParcelView, PersonView, Place, RideView, StopView, WindowView,
};
use crate::rides::product::{Contact, Parcel, Stop};
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
        express: ride.product.express.is_some(),
        payment_method: ride.payment_method.as_str().to_owned(),
        pickup: place(&ride.pickup),
        stops: ride.product.stops.iter().map(|stop| stop_view(stop, viewer, live)).collect(),
        destination: place(&ride.destination),
        parcel: ride.product.parcel.as_ref().map(|parcel| parcel_view(parcel, viewer, live)),
        notes: ride.notes.clone(),
        pickup_at: ride.product.pickup_at(),
        pickup_window: ride
            .product
            .schedule
            .map(|schedule| WindowView { from: schedule.promised_from, to: schedule.promised_to }),
        estimated_distance_m: i64::from(ride.price.distance_m),
        estimated_duration_s: ride.price.duration.as_secs(),
        matched_distance_m: ride.matched_distance_m.map(i64::from),
        fare_rwf: ride.fare.amount(),
        fare_final: !live,
        service_fee_rwf: ride.price.service_fee.amount(),
        to_pay_rwf: ride.to_pay().amount(),
        surge_basis_points: i64::from(ride.price.surge.0),
        pin: (viewer == Viewer::Rider && live && ride.started_at.is_none()).then(|| ride.pin.to_string()),
        rider: PersonView { id: ride.rider.into(), first_name: cast.rider_name.clone() },
        driver,
        queue: None,
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
        ride_type: ride.ride_type.as_str().to_owned(),
        express: ride.product.express.is_some(),
        pickup: place(&ride.pickup),
        stops: ride.product.stops.iter().map(|stop| place(&stop.spot)).collect(),
        destination: place(&ride.destination),
        parcel_size: ride.product.parcel.as_ref().map(|parcel| parcel.size.as_str().to_owned()),
        parcel_description: ride.product.parcel.as_ref().map(|parcel| parcel.description.clone()),
        pickup_at: ride.product.pickup_at(),
        pickup_eta_s: offer.pickup_eta.as_secs(),
        pickup_distance_m: i64::from(offer.pickup_distance_m),
        distance_m: i64::from(ride.price.distance_m),
        fare_rwf: ride.fare.amount(),
        payment_method: ride.payment_method.as_str().to_owned(),
        offered_ms: offer.offered_at.as_millis(),
        deadline_ms: offer.deadline.as_millis(),
    }
}

fn stop_view(stop: &Stop, viewer: Viewer, live: bool) -> StopView {
    StopView {
        place: place(&stop.spot),
        contact: stop.contact.as_ref().and_then(|contact| contact_view(contact, viewer, live)),
        note: stop.note.clone(),
        reached_at: stop.reached_at,
        waiting_s: stop.waiting.as_secs(),
    }
}

fn parcel_view(parcel: &Parcel, viewer: Viewer, live: bool) -> ParcelView {
    let contact = |contact: &Option<Contact>| contact.as_ref().and_then(|known| contact_view(known, viewer, live));
    ParcelView {
        size: parcel.size.as_str().to_owned(),
        description: parcel.description.clone(),
        sender: contact(&parcel.sender),
        receiver: contact(&parcel.receiver),
        handover_pin: (viewer == Viewer::Rider && live).then(|| parcel.handover.to_string()),
    }
}

/// Of people without an account, who did not ask to be known here: the telephone while it is needed, the name to the
/// driver while it is needed, and to the rider, who gave it.
fn contact_view(contact: &Contact, viewer: Viewer, live: bool) -> Option<ContactView> {
    let phone = live.then(|| contact.phone.as_str().to_owned());
    match viewer {
        Viewer::Rider => Some(ContactView { name: contact.name.clone(), phone }),
        Viewer::Driver => live.then(|| ContactView { name: contact.name.clone(), phone }),
        Viewer::Operator => None,
    }
}

fn place(spot: &Spot) -> Place {
    Place { lat: spot.at.lat(), lng: spot.at.lng(), address: spot.address.clone(), landmark: spot.landmark.clone() }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::dispatch::Pin;
    use crate::phone::Phone;
    use crate::realtime::protocol::view::RideStatus;
    use crate::rides::product::tests::stop;
    use crate::rides::ride::tests::ride;
    use crate::rides::words::{ParcelSize, RideType};

    pub(in crate::rides) fn delivery() -> Ride {
        let contact = || Some(Contact { name: "Keza".into(), phone: Phone::parse("0788123456").expect("valid") });
        let mut ride = ride();
        ride.ride_type = RideType::Delivery;
        ride.product.parcel = Some(Parcel {
            sender: None,
            receiver: contact(),
            description: "a book".into(),
            size: ParcelSize::Small,
            handover: Pin::from_random(7_305),
        });
        ride.product.stops = vec![Stop { contact: contact(), ..stop(-1.945, 30.07) }];
        ride
    }

    #[test]
    fn telephones_are_for_the_parties_of_a_live_ride_and_the_handover_pin_for_the_rider() {
        let shown = |status: RideStatus, viewer| {
            let view = ride_view(&Ride { status, ..delivery() }, &Cast::default(), viewer);
            let parcel = view.parcel.expect("a delivery");
            assert!(view.stops[0].contact == parcel.receiver, "one rule for all contacts");
            (
                parcel.receiver.as_ref().map(|contact| contact.name.clone()),
                parcel.receiver.and_then(|contact| contact.phone).is_some(),
                parcel.handover_pin.is_some(),
            )
        };
        let keza = || Some("Keza".to_owned());
        for status in [RideStatus::Requested, RideStatus::InProgress] {
            assert_eq!(shown(status, Viewer::Rider), (keza(), true, true));
            assert_eq!(shown(status, Viewer::Driver), (keza(), true, false));
            assert_eq!(shown(status, Viewer::Operator), (None, false, false));
        }
        assert_eq!(shown(RideStatus::Completed, Viewer::Rider), (keza(), false, false));
        assert_eq!(shown(RideStatus::Completed, Viewer::Driver), (None, false, false));
        assert_eq!(shown(RideStatus::Completed, Viewer::Operator), (None, false, false));
    }
}
