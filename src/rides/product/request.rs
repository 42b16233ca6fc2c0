//! What a client asks for beyond an ordinary ride, and the checks it goes through. Pure: the time and the service area are
//! arguments.
//!
//! Every fault names its field as the client wrote it (`stops[1].contact.phone`), the value where it is no secret and no
//! telephone, and the limit it breaks.

use chrono::{DateTime, Utc};

use super::{Config, Contact, Parcel, Product, Schedule, Stop};
use crate::dispatch::Pin;
use crate::error::{Checks, Fault};
use crate::geo::Area;
use crate::money::BasisPoints;
use crate::phone::Phone;
use crate::rides::booking::PlaceRequest;
use crate::rides::quote::check_place;
use crate::rides::ride::Spot;
use crate::rides::words::{ParcelSize, RideType};
use crate::time::{Span, Timestamp};

const ADDRESS_CHARS_MAX: usize = 200;
const NAME_CHARS_MAX: usize = 80;
const STOP_NOTE_CHARS_MAX: usize = 200;
const DESCRIPTION_CHARS_MAX: usize = 200;
/// Faults that are told of stops beyond the limit would repeat what one sentence says.
const STOPS_LOOKED_AT_MAX: usize = 20;

/// Somebody without an account, as a client names them. Not `Debug`: it holds a telephone.
#[derive(Clone, PartialEq)]
pub struct ContactRequest {
    /// What to call them.
    pub name: String,
    /// Their telephone, as typed.
    pub phone: String,
}

/// A stop as a client sends it.
#[derive(Clone, PartialEq)]
pub struct StopRequest {
    /// Where.
    pub place: PlaceRequest,
    /// Who is there.
    pub contact: Option<ContactRequest>,
    /// What to do there.
    pub note: Option<String>,
}

/// A parcel as a client sends it.
#[derive(Clone, PartialEq)]
pub struct ParcelRequest {
    /// Who hands it over, where that is not the rider.
    pub sender: Option<ContactRequest>,
    /// Who gets it.
    pub receiver: ContactRequest,
    /// What it is.
    pub description: String,
    /// `small`, `medium` or `large`.
    pub size: String,
}

/// Everything beyond an ordinary ride, as a client sends it.
#[derive(Clone, PartialEq, Default)]
pub struct ProductRequest {
    /// RFC 3339 with an offset.
    pub pickup_at: Option<String>,
    /// In order.
    pub stops: Vec<StopRequest>,
    /// Of a delivery.
    pub parcel: Option<ParcelRequest>,
    /// To be served first.
    pub express: bool,
}

impl ProductRequest {
    /// Whether it asks for nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// A text that is the same for the same request and for no other: what recognises a repeated one. Holds telephones.
    pub fn canonical(&self) -> String {
        let contact = |contact: &ContactRequest| format!("{:?}", (&contact.name, &contact.phone));
        let stop = |stop: &StopRequest| format!("{:?}", (&stop.place, stop.contact.as_ref().map(contact), &stop.note));
        let stops: Vec<_> = self.stops.iter().map(stop).collect();
        let parcel = self.parcel.as_ref().map(|parcel| {
            let (sender, receiver) = (parcel.sender.as_ref().map(contact), contact(&parcel.receiver));
            format!("{:?}", (sender, receiver, &parcel.description, &parcel.size))
        });
        format!("{:?}", (&self.pickup_at, stops, parcel, self.express))
    }
}

/// What the checks need to know.
#[derive(Clone, Copy)]
pub struct Limits<'a> {
    /// The numbers.
    pub config: &'a Config,
    /// Where rides are served.
    pub area: Area,
    /// When it is asked.
    pub now: Timestamp,
}

/// A product whose fields are in order; `handover` becomes the PIN of a parcel. Express costs nothing so far: what it
/// costs is decided with the price.
pub fn check(
    checks: &mut Checks,
    request: &ProductRequest,
    ride_type: Option<RideType>,
    handover: Pin,
    limits: Limits<'_>,
) -> Product {
    let schedule = request.pickup_at.as_deref().and_then(|text| check_pickup_at(checks, text, limits));
    let stops = check_stops(checks, &request.stops, limits);
    let parcel = request.parcel.as_ref().and_then(|parcel| check_parcel(checks, parcel, handover));
    match ride_type {
        Some(RideType::Delivery) if request.parcel.is_none() => {
            checks.fault(Fault::without_value("parcel", "is missing: a delivery carries one"));
        }
        Some(RideType::Boda) if request.parcel.is_some() => {
            checks.fault(Fault::without_value("parcel", "is for ride_type delivery only"));
        }
        _ => {}
    }
    Product { schedule, stops, parcel, express: request.express.then_some(BasisPoints(0)) }
}

/// The time of a pickup: with an offset, far enough ahead, and not too far.
pub fn check_pickup_at(checks: &mut Checks, text: &str, limits: Limits<'_>) -> Option<Schedule> {
    let Limits { config, now, .. } = limits;
    let parsed = DateTime::parse_from_rfc3339(text)
        .map_err(|_| "is not a time with its offset, such as 2026-11-27T07:30:00+02:00");
    let pickup_at = Timestamp::from(checks.accept("pickup_at", text, parsed)?.with_timezone(&Utc));
    let (earliest, latest) = (now + config.lead_min, now + config.horizon);
    if pickup_at < now {
        checks.fault(Fault::new("pickup_at", text, format_args!("is in the past; now is {now}")));
    } else if pickup_at < earliest {
        let minutes = whole_minutes(config.lead_min);
        let reason = format_args!("is sooner than {minutes} minutes from now; leave it out for a ride now");
        checks.fault(Fault::new("pickup_at", text, reason));
    } else if pickup_at > latest {
        let reason =
            format_args!("is beyond the {} hours that can be booked ahead", whole_minutes(config.horizon) / 60);
        checks.fault(Fault::new("pickup_at", text, reason));
    } else {
        return Some(config.schedule(pickup_at));
    }
    None
}

fn whole_minutes(span: Span) -> i64 {
    span.as_secs() / 60
}

/// Stops in order: no more than allowed, each at a place that is served.
pub fn check_stops(checks: &mut Checks, stops: &[StopRequest], limits: Limits<'_>) -> Vec<Stop> {
    let most = usize::from(limits.config.stops_max);
    if stops.len() > most {
        checks.fault(Fault::new("stops", stops.len(), format_args!("are more than {most} stops")));
    }
    let looked_at = stops.iter().take(STOPS_LOOKED_AT_MAX).enumerate();
    looked_at.filter_map(|(index, stop)| check_stop(checks, &format!("stops[{index}]"), stop, limits.area)).collect()
}

fn check_stop(checks: &mut Checks, field: &str, stop: &StopRequest, area: Area) -> Option<Stop> {
    let spot = check_spot(checks, field, &stop.place, area);
    let contact = stop.contact.as_ref().map(|contact| check_contact(checks, &format!("{field}.contact"), contact));
    let note = checks.optional_text(&format!("{field}.note"), stop.note.as_deref(), STOP_NOTE_CHARS_MAX);
    let contact = match contact {
        Some(None) => return None,
        contact => contact.flatten(),
    };
    Some(Stop { spot: spot?, contact, note, reached_at: None, waiting: Span::ZERO })
}

/// A place with what a person said of it, or faults that name the field.
pub fn check_spot(checks: &mut Checks, field: &str, place: &PlaceRequest, area: Area) -> Option<Spot> {
    let at = check_place(checks, field, place.lat, place.lng, area);
    let address = checks.optional_text(&format!("{field}.address"), place.address.as_deref(), ADDRESS_CHARS_MAX);
    let landmark = checks.optional_text(&format!("{field}.landmark"), place.landmark.as_deref(), ADDRESS_CHARS_MAX);
    at.map(|at| Spot { at, address, landmark })
}

fn check_contact(checks: &mut Checks, field: &str, contact: &ContactRequest) -> Option<Contact> {
    let name = checks.text(&format!("{field}.name"), &contact.name, NAME_CHARS_MAX);
    match Phone::parse(&contact.phone) {
        Ok(phone) => Some(Contact { name, phone }),
        Err(error) => {
            checks.fault(Fault::new(format!("{field}.phone"), error.masked(), error.fault()));
            None
        }
    }
}

fn check_parcel(checks: &mut Checks, parcel: &ParcelRequest, handover: Pin) -> Option<Parcel> {
    let sender = parcel.sender.as_ref().map(|sender| check_contact(checks, "parcel.sender", sender));
    let receiver = check_contact(checks, "parcel.receiver", &parcel.receiver);
    let description = checks.text("parcel.description", &parcel.description, DESCRIPTION_CHARS_MAX);
    let size = ParcelSize::check(checks, "parcel.size", &parcel.size);
    let sender = match sender {
        Some(None) => return None,
        sender => sender.flatten(),
    };
    Some(Parcel { sender, receiver: Some(receiver?), description, size: size?, handover })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use crate::geo::RWANDA;
    use crate::rides::product::tests::config;

    const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);

    fn place() -> PlaceRequest {
        PlaceRequest { lat: -1.94, lng: 30.06, address: None, landmark: None }
    }

    fn contact() -> ContactRequest {
        ContactRequest { name: "Keza".into(), phone: "0788 123 456".into() }
    }

    fn stop() -> StopRequest {
        StopRequest { place: place(), contact: Some(contact()), note: Some("ring twice".into()) }
    }

    fn parcel() -> ParcelRequest {
        ParcelRequest { sender: None, receiver: contact(), description: "a book".into(), size: "small".into() }
    }

    fn at(ms: i64) -> String {
        (NOW + Span::from_millis(ms)).to_string()
    }

    /// The product, or the faults as "field: reason".
    fn checked(ride_type: RideType, request: &ProductRequest) -> Result<Product, Vec<String>> {
        let config = config();
        let mut checks = Checks::new();
        let pin = Pin::from_random(42);
        let limits = Limits { config: &config, area: RWANDA, now: NOW };
        let product = check(&mut checks, request, Some(ride_type), pin, limits);
        match checks.finish() {
            Ok(()) => Ok(product),
            Err(Error::Invalid(faults)) => {
                assert!(faults.iter().all(|fault| !fault.to_string().contains("123456")), "a telephone is repeated");
                Err(faults.into_iter().map(|fault| format!("{}: {}", fault.field, fault.reason)).collect())
            }
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn times_are_taken_with_any_offset_within_lead_and_horizon() {
        let minute = 60_000;
        let week = 7 * 24 * 60 * minute;
        let ask = |text: String| ProductRequest { pickup_at: Some(text), ..ProductRequest::default() };
        let taken = |text: String| checked(RideType::Boda, &ask(text)).map(|product| product.pickup_at());
        for ms in [30 * minute, 90 * minute, week] {
            assert_eq!(taken(at(ms)), Ok(Some(NOW + Span::from_millis(ms))), "{ms}");
        }
        // 2026-09-21T14:13:20Z is NOW.
        let evening = Ok(Some(Timestamp::from_millis(1_790_006_400_000)));
        assert_eq!(taken("2026-09-21T18:00:00+02:00".into()), evening);
        assert_eq!(taken("2026-09-21T16:00:00Z".into()), evening);
        for (text, reason) in [
            ((NOW - Span::from_millis(1)).to_string(), "is in the past; now is 2026-09-21T14:13:20.000Z"),
            (at(29 * minute), "is sooner than 30 minutes from now; leave it out for a ride now"),
            (at(week + 1), "is beyond the 168 hours that can be booked ahead"),
            ("2026-09-21T18:00:00".into(), "is not a time with its offset, such as 2026-11-27T07:30:00+02:00"),
            ("tomorrow".into(), "is not a time with its offset, such as 2026-11-27T07:30:00+02:00"),
            (String::new(), "is not a time with its offset, such as 2026-11-27T07:30:00+02:00"),
            ("9999-12-31T23:59:59Z".into(), "is beyond the 168 hours that can be booked ahead"),
        ] {
            assert_eq!(taken(text.clone()), Err(vec![format!("pickup_at: {reason}")]), "{text}");
        }
    }

    #[test]
    fn a_search_begins_some_time_before_the_pickup() {
        let request = ProductRequest { pickup_at: Some(at(7_200_000)), ..ProductRequest::default() };
        let schedule = checked(RideType::Boda, &request).expect("in order").schedule.expect("scheduled");
        assert_eq!(schedule.pickup_at.since(schedule.search_from), config().search_lead);
        assert_eq!(schedule.promised_to.since(schedule.promised_from), Span::from_minutes(10));
    }

    #[test]
    fn stops_are_counted_and_each_fault_names_its_stop() {
        let ask = |stops| ProductRequest { stops, ..ProductRequest::default() };
        let product = checked(RideType::Boda, &ask(vec![stop(); 3])).expect("three are allowed");
        assert_eq!(product.stops.len(), 3);
        let phone = product.stops[0].contact.as_ref().expect("a contact").phone;
        assert_eq!(phone.as_str(), "+250788123456");
        let faults = checked(RideType::Boda, &ask(vec![stop(); 4])).err().expect("too many");
        assert_eq!(faults, ["stops: are more than 3 stops"]);
        let mut wrong = stop();
        wrong.place.lat = 48.85;
        wrong.contact = Some(ContactRequest { name: " ".into(), phone: "0751234567".into() });
        wrong.note = Some("x".repeat(201));
        let faults = checked(RideType::Boda, &ask(vec![stop(), wrong])).err().expect("the second is wrong");
        let expected = [
            "stops[1]: is outside of the service area",
            "stops[1].contact.name: is empty",
            "stops[1].contact.phone: is not in a mobile range (72, 73, 78 or 79)",
            "stops[1].note: is longer than 200 characters",
        ];
        assert_eq!(faults, expected);
    }

    #[test]
    fn a_delivery_carries_a_parcel_and_nothing_else_does() {
        let with = |parcel| ProductRequest { parcel, ..ProductRequest::default() };
        let product = checked(RideType::Delivery, &with(Some(parcel()))).expect("in order");
        let carried = product.parcel.expect("a parcel");
        assert_eq!((carried.size, carried.sender.is_none()), (ParcelSize::Small, true));
        let check = |ride_type, parcel, expected: &[&str]| {
            assert_eq!(checked(ride_type, &with(parcel)).err().expect("refused"), expected);
        };
        check(RideType::Delivery, None, &["parcel: is missing: a delivery carries one"]);
        check(RideType::Boda, Some(parcel()), &["parcel: is for ride_type delivery only"]);
        let receiver = ContactRequest { name: "Keza\u{7}".into(), phone: "1".into() };
        let wrong = ParcelRequest {
            receiver,
            description: String::new(),
            size: "huge".into(),
            sender: Some(ContactRequest { phone: String::new(), ..contact() }),
        };
        let expected = [
            "parcel.sender.phone: is empty",
            "parcel.receiver.name: has control characters",
            "parcel.receiver.phone: has 1 digits after +250, not 9",
            "parcel.description: is empty",
            "parcel.size: is not one of small, medium, large",
        ];
        check(RideType::Delivery, Some(wrong), &expected);
    }

    #[test]
    fn whatever_differs_in_a_request_differs_in_its_canonical_text() {
        let base = ProductRequest {
            pickup_at: Some(at(7_200_000)),
            stops: vec![stop()],
            parcel: Some(parcel()),
            express: false,
        };
        let mut others = vec![base.clone(); 7];
        others[1].pickup_at = None;
        others[2].stops.push(stop());
        others[3].stops[0].note = None;
        others[4].express = true;
        others[5].stops[0].contact = Some(ContactRequest { phone: "0788 123 457".into(), ..contact() });
        others[6].parcel = Some(ParcelRequest { size: "large".into(), ..parcel() });
        let texts: std::collections::BTreeSet<_> = others.iter().map(ProductRequest::canonical).collect();
        assert_eq!(texts.len(), others.len());
        assert!(!base.is_empty() && ProductRequest::default().is_empty());
    }
}
