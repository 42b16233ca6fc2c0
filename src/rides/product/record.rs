//! A product as JSON documents in the row of its ride: its stops, its parcel, and the contacts of both, which are sealed.
//!
//! Separate because this form is kept for years: a field is added with a default or not at all. The document of contacts is
//! taken away some days after the ride (`store::forget_contacts`), so every reader takes its absence. Before there was one,
//! contacts stood in stops and parcel; they are read there still, and moved by `rides::sealing`.

use serde::{Deserialize, Serialize};

use super::{Contact, Parcel, Product, Stop};
use crate::dispatch::Pin;
use crate::error::Error;
use crate::geo::LatLng;
use crate::phone::Phone;
use crate::rides::ride::Spot;
use crate::rides::words::ParcelSize;
use crate::time::{Span, Timestamp};

#[derive(Serialize, Deserialize)]
struct StopRecord {
    lat: f64,
    lng: f64,
    address: Option<String>,
    landmark: Option<String>,
    /// Of rows of before.
    #[serde(default, skip_serializing)]
    contact: Option<ContactRecord>,
    note: Option<String>,
    reached_at: Option<Timestamp>,
    waiting_ms: i64,
}

#[derive(Serialize, Deserialize)]
struct ContactRecord {
    name: String,
    phone: Phone,
}

#[derive(Serialize, Deserialize)]
struct ParcelRecord {
    /// Of rows of before.
    #[serde(default, skip_serializing)]
    sender: Option<ContactRecord>,
    /// Of rows of before.
    #[serde(default, skip_serializing)]
    receiver: Option<ContactRecord>,
    description: String,
    size: String,
    handover_pin: String,
}

/// All contacts of a ride: what is sealed.
#[derive(Serialize, Deserialize)]
struct ContactsRecord {
    sender: Option<ContactRecord>,
    receiver: Option<ContactRecord>,
    /// One for each stop, in order.
    stops: Vec<Option<ContactRecord>>,
}

impl From<&Contact> for ContactRecord {
    fn from(contact: &Contact) -> Self {
        Self { name: contact.name.clone(), phone: contact.phone }
    }
}

impl From<ContactRecord> for Contact {
    fn from(record: ContactRecord) -> Self {
        Self { name: record.name, phone: record.phone }
    }
}

/// Stops as they are stored.
pub fn stops_json(stops: &[Stop]) -> serde_json::Value {
    let record = |stop: &Stop| StopRecord {
        lat: stop.spot.at.lat(),
        lng: stop.spot.at.lng(),
        address: stop.spot.address.clone(),
        landmark: stop.spot.landmark.clone(),
        contact: None,
        note: stop.note.clone(),
        reached_at: stop.reached_at,
        waiting_ms: stop.waiting.as_millis(),
    };
    serde_json::to_value(stops.iter().map(record).collect::<Vec<_>>()).unwrap_or_default()
}

/// Stops as they were stored.
///
/// # Errors
/// When the document is not one of ours.
pub fn stops_of(json: serde_json::Value) -> Result<Vec<Stop>, Error> {
    let records: Vec<StopRecord> = serde_json::from_value(json).map_err(Error::internal)?;
    let stop = |record: StopRecord| {
        let at = LatLng::new(record.lat, record.lng).map_err(Error::internal)?;
        Ok(Stop {
            spot: Spot { at, address: record.address, landmark: record.landmark },
            contact: record.contact.map(Contact::from),
            note: record.note,
            reached_at: record.reached_at,
            waiting: Span::from_millis(record.waiting_ms),
        })
    };
    records.into_iter().map(stop).collect()
}

/// The contacts as they are sealed; none where there are none.
pub fn contacts_json(product: &Product) -> Option<String> {
    let record = |contact: &Option<Contact>| contact.as_ref().map(ContactRecord::from);
    let of_parcel = |contact: fn(&Parcel) -> &Option<Contact>| product.parcel.as_ref().map(contact).and_then(record);
    let contacts = ContactsRecord {
        sender: of_parcel(|parcel| &parcel.sender),
        receiver: of_parcel(|parcel| &parcel.receiver),
        stops: product.stops.iter().map(|stop| record(&stop.contact)).collect(),
    };
    product.has_contacts().then(|| serde_json::to_string(&contacts).unwrap_or_default())
}

/// Puts contacts as they were sealed back where they belong.
///
/// # Errors
/// When the document is not one of ours.
pub fn put_contacts(json: &str, product: &mut Product) -> Result<(), Error> {
    let contacts: ContactsRecord = serde_json::from_str(json).map_err(Error::internal)?;
    if let Some(parcel) = &mut product.parcel {
        parcel.sender = contacts.sender.map(Contact::from);
        parcel.receiver = contacts.receiver.map(Contact::from);
    }
    for (stop, contact) in product.stops.iter_mut().zip(contacts.stops) {
        stop.contact = contact.map(Contact::from);
    }
    Ok(())
}

/// A parcel as it is stored.
pub fn parcel_json(parcel: &Parcel) -> serde_json::Value {
    let record = ParcelRecord {
        sender: None,
        receiver: None,
        description: parcel.description.clone(),
        size: parcel.size.as_str().to_owned(),
        handover_pin: parcel.handover.to_string(),
    };
    serde_json::to_value(record).unwrap_or_default()
}

/// A parcel as it was stored.
///
/// # Errors
/// When the document is not one of ours.
pub fn parcel_of(json: serde_json::Value) -> Result<Parcel, Error> {
    let record: ParcelRecord = serde_json::from_value(json).map_err(Error::internal)?;
    let handover: Pin = record.handover_pin.parse().map_err(Error::internal)?;
    Ok(Parcel {
        sender: record.sender.map(Contact::from),
        receiver: record.receiver.map(Contact::from),
        description: record.description,
        size: ParcelSize::from_word(&record.size).ok_or_else(|| Error::internal("a parcel of an unknown size"))?,
        handover,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rides::product::tests::stop;

    fn contact() -> Contact {
        Contact { name: "Keza".into(), phone: Phone::parse("0788123456").expect("valid") }
    }

    #[test]
    fn stops_and_parcels_come_back_as_they_were_stored() {
        let mut reached = stop(-1.95, 30.07);
        reached.reached_at = Some(Timestamp::from_millis(1_790_000_000_000));
        reached.waiting = Span::from_millis(61_500);
        reached.contact = Some(contact());
        reached.note = Some("by the church".into());
        let parcel = Parcel {
            sender: None,
            receiver: Some(contact()),
            description: "a book".into(),
            size: ParcelSize::Medium,
            handover: Pin::from_random(42),
        };
        let booked =
            Product { stops: vec![reached, stop(-1.96, 30.08)], parcel: Some(parcel.clone()), ..Product::default() };
        let (stops, parcel) = (stops_json(&booked.stops), parcel_json(&parcel));
        assert!(![&stops, &parcel].iter().any(|json| json.to_string().contains("Keza")), "no contact lies open");
        let mut read = Product {
            stops: stops_of(stops).expect("ours"),
            parcel: Some(parcel_of(parcel).expect("ours")),
            ..Product::default()
        };
        assert!(!read.has_contacts(), "as after they were forgotten");
        put_contacts(&contacts_json(&booked).expect("there are some"), &mut read).expect("ours");
        assert!(read == booked);
        assert_eq!(contacts_json(&Product::default()), None);
    }

    #[test]
    fn contacts_that_lie_open_are_read_still() {
        let stops = serde_json::json!([{"lat": -1.95, "lng": 30.07, "address": null, "landmark": null, "note": null,
            "contact": {"name": "Keza", "phone": "+250788123456"}, "reached_at": null, "waiting_ms": 0}]);
        assert_eq!(stops_of(stops).expect("ours")[0].contact, Some(contact()));
        let parcel = serde_json::json!({"sender": null, "receiver": {"name": "Keza", "phone": "+250788123456"},
            "description": "a book", "size": "small", "handover_pin": "0042"});
        assert_eq!(parcel_of(parcel).expect("ours").receiver, Some(contact()));
    }

    #[test]
    fn documents_that_are_not_ours_are_refused() {
        assert!(stops_of(serde_json::json!([{"lat": 91.0}])).is_err());
        assert!(parcel_of(serde_json::json!({"description": "x"})).is_err());
    }
}
