//! A product as two JSON documents in the row of its ride: its stops, and its parcel.
//!
//! Separate because this form is kept for years: a field is added with a default or not at all. Contacts lose name and
//! telephone some days after the ride (`store::forget_contacts`), so every reader takes their absence.

use serde::{Deserialize, Serialize};

use super::{Contact, Parcel, Stop};
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
    sender: Option<ContactRecord>,
    receiver: Option<ContactRecord>,
    description: String,
    size: String,
    handover_pin: String,
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
        contact: stop.contact.as_ref().map(ContactRecord::from),
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

/// A parcel as it is stored.
pub fn parcel_json(parcel: &Parcel) -> serde_json::Value {
    let record = ParcelRecord {
        sender: parcel.sender.as_ref().map(ContactRecord::from),
        receiver: parcel.receiver.as_ref().map(ContactRecord::from),
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
        let stops = vec![reached, stop(-1.96, 30.08)];
        assert!(stops_of(stops_json(&stops)).expect("ours") == stops);
        let parcel = Parcel {
            sender: None,
            receiver: Some(contact()),
            description: "a book".into(),
            size: ParcelSize::Medium,
            handover: Pin::from_random(42),
        };
        let mut json = parcel_json(&parcel);
        assert_eq!(parcel_of(json.clone()).expect("ours"), parcel);
        json["receiver"] = serde_json::Value::Null;
        assert_eq!(parcel_of(json).expect("with its contacts forgotten").receiver, None);
    }

    #[test]
    fn documents_that_are_not_ours_are_refused() {
        assert!(stops_of(serde_json::json!([{"lat": 91.0}])).is_err());
        assert!(parcel_of(serde_json::json!({"description": "x"})).is_err());
    }
}
