//! The row of a ride and its two conversions. Separate because it is the only place that knows the columns.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::error::Error;
use crate::fares::cancellation::Cause;
use crate::geo::LatLng;
use crate::money::{BasisPoints, Francs};
use crate::payments::PaymentMethod;
use crate::realtime::protocol::view::RideStatus;
use crate::rides::product::{Product, Schedule, record};
use crate::rides::ride::{Cancellation, Price, Ride, Spot};
use crate::rides::words::{CancelReason, RideType};
use crate::telemetry::chain;
use crate::time::{Span, Timestamp};
use crate::vault::{Column, Place, Vault};

/// A row of the table `rides`, column by column; see the migration for what each means.
pub struct RideRow {
    pub id: Uuid,
    pub rider_id: Uuid,
    pub driver_id: Option<Uuid>,
    pub status: String,
    pub ride_type: String,
    pub payment_method: String,
    pub pickup_lat: f64,
    pub pickup_lng: f64,
    pub pickup_address: Option<String>,
    pub pickup_landmark: Option<String>,
    pub destination_lat: f64,
    pub destination_lng: f64,
    pub destination_address: Option<String>,
    pub destination_landmark: Option<String>,
    pub notes: Option<String>,
    pub request_hash: Vec<u8>,
    pub quote_id: Option<Uuid>,
    pub estimated_distance_m: i32,
    pub estimated_duration_s: i32,
    pub tariff: String,
    pub surge_basis_points: i32,
    pub quoted_fare_rwf: i64,
    pub fare_rwf: i64,
    pub waiting_s: i32,
    pub pin: String,
    pub cancelled_by: Option<String>,
    pub cancel_reason: Option<String>,
    pub cancel_note: Option<String>,
    pub cancellation_fee_rwf: i64,
    pub offers_made: i32,
    pub requested_at: DateTime<Utc>,
    pub assigned_at: Option<DateTime<Utc>>,
    pub arrived_at: Option<DateTime<Utc>>,
    pub started_at: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
    pub matched_distance_m: Option<i32>,
    pub is_next: bool,
    pub booked_by: Option<Uuid>,
    pub paired_at: Option<DateTime<Utc>>,
    pub payment_plan: Value,
    pub price_basis: Value,
    pub cancellation_compensation_rwf: i64,
    pub cancellation_cause: Option<String>,
    pub pickup_at: Option<DateTime<Utc>>,
    pub search_from: Option<DateTime<Utc>>,
    pub promised_from: Option<DateTime<Utc>>,
    pub promised_to: Option<DateTime<Utc>>,
    pub stops: Value,
    pub parcel: Option<Value>,
    pub express_basis_points: Option<i32>,
    #[expect(dead_code, reason = "asked by SQL only, and `SELECT *` brings it along")]
    pub has_contacts: bool,
    pub contacts_sealed: Option<Vec<u8>>,
}

/// By what a ride is priced besides the tariff, as it is stored of quotes and rides; empty of those that are older.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct PriceBasis {
    pub begins_at: Option<Timestamp>,
    pub terms: String,
    pub service_fee_rwf: i64,
}

impl PriceBasis {
    pub(super) fn of(price: &Price) -> Self {
        let Price { begins_at, terms, service_fee, .. } = price;
        Self { begins_at: Some(*begins_at), terms: terms.clone(), service_fee_rwf: service_fee.amount() }
    }
}

/// A value in the table that this program does not know: a row written by a newer one, or by hand.
fn unknown(column: &str) -> Error {
    Error::internal(format!("rides.{column} holds a value that is not known"))
}

impl RideRow {
    /// The ride, its contacts opened.
    ///
    /// # Errors
    /// When the row holds what this program does not know.
    pub fn ride(mut self, vault: &Vault) -> Result<Ride, Error> {
        let mut product = product(&mut self)?;
        if let Some(sealed) = self.contacts_sealed.take() {
            let opened = vault.open_text(contacts_place(self.id), &sealed).map_err(Error::from);
            // A ride without its contacts beats no ride, and a city that does not start because of it.
            if let Err(error) = opened.and_then(|json| record::put_contacts(json.expose(), &mut product)) {
                tracing::error!(ride.id = %self.id, error = %chain(&error), "the contacts of a ride cannot be read");
            }
        }
        self.with_product(product)
    }

    fn with_product(self, product: Product) -> Result<Ride, Error> {
        let row = self;
        let cancellation = cancellation(&row)?;
        let basis: PriceBasis = serde_json::from_value(row.price_basis).map_err(|_| unknown("price_basis"))?;
        let spot = |lat, lng, address, landmark| -> Result<Spot, Error> {
            Ok(Spot { at: LatLng::new(lat, lng).map_err(Error::internal)?, address, landmark })
        };
        Ok(Ride {
            id: row.id.into(),
            rider: row.rider_id.into(),
            driver: row.driver_id.map(Into::into),
            is_next: row.is_next,
            status: RideStatus::from_wire(&row.status).ok_or_else(|| unknown("status"))?,
            ride_type: RideType::from_word(&row.ride_type).ok_or_else(|| unknown("ride_type"))?,
            product,
            payment_method: PaymentMethod::from_name(&row.payment_method).ok_or_else(|| unknown("payment_method"))?,
            payment_plan: serde_json::from_value(row.payment_plan).map_err(|_| unknown("payment_plan"))?,
            pickup: spot(row.pickup_lat, row.pickup_lng, row.pickup_address, row.pickup_landmark)?,
            destination: spot(
                row.destination_lat,
                row.destination_lng,
                row.destination_address,
                row.destination_landmark,
            )?,
            notes: row.notes,
            request_hash: row.request_hash.try_into().map_err(|_| unknown("request_hash"))?,
            price: Price {
                quote: row.quote_id.map(Into::into),
                tariff: row.tariff,
                begins_at: basis.begins_at.unwrap_or_else(|| row.pickup_at.unwrap_or(row.requested_at).into()),
                terms: basis.terms,
                service_fee: Francs(basis.service_fee_rwf),
                surge: BasisPoints(row.surge_basis_points.unsigned_abs()),
                distance_m: row.estimated_distance_m.unsigned_abs(),
                duration: Span::from_secs(i64::from(row.estimated_duration_s)),
                quoted: Francs(row.quoted_fare_rwf),
            },
            fare: Francs(row.fare_rwf),
            matched_distance_m: row.matched_distance_m.map(i32::unsigned_abs),
            waiting: Span::from_secs(i64::from(row.waiting_s)),
            pin: row.pin.parse().map_err(Error::internal)?,
            cancellation,
            booked_by: row.booked_by.map(Into::into),
            paired_at: row.paired_at.map(Timestamp::from),
            offers_made: u16::try_from(row.offers_made).map_err(Error::internal)?,
            requested_at: row.requested_at.into(),
            assigned_at: row.assigned_at.map(Timestamp::from),
            arrived_at: row.arrived_at.map(Timestamp::from),
            started_at: row.started_at.map(Timestamp::from),
            ended_at: row.ended_at.map(Timestamp::from),
        })
    }
}

fn cancellation(row: &RideRow) -> Result<Option<Cancellation>, Error> {
    let Some(by) = row.cancelled_by.as_deref() else { return Ok(None) };
    let by = ["customer", "driver", "system"].into_iter().find(|word| *word == by);
    let reason = row.cancel_reason.as_deref().and_then(CancelReason::from_word);
    let known = |word| Cause::from_word(word).ok_or_else(|| unknown("cancellation_cause"));
    Ok(Some(Cancellation {
        by: by.ok_or_else(|| unknown("cancelled_by"))?,
        reason: reason.ok_or_else(|| unknown("cancel_reason"))?,
        note: row.cancel_note.clone(),
        fee: Francs(row.cancellation_fee_rwf),
        compensation: Francs(row.cancellation_compensation_rwf),
        cause: row.cancellation_cause.as_deref().map(known).transpose()?,
    }))
}

fn product(row: &mut RideRow) -> Result<Product, Error> {
    let schedule = match (row.pickup_at, row.search_from, row.promised_from, row.promised_to) {
        (Some(pickup_at), Some(search_from), Some(promised_from), Some(promised_to)) => Some(Schedule {
            pickup_at: pickup_at.into(),
            search_from: search_from.into(),
            promised_from: promised_from.into(),
            promised_to: promised_to.into(),
        }),
        _ => None,
    };
    Ok(Product {
        schedule,
        stops: record::stops_of(row.stops.take())?,
        parcel: row.parcel.take().map(record::parcel_of).transpose()?,
        express: row.express_basis_points.map(|basis_points| BasisPoints(basis_points.unsigned_abs())),
    })
}

/// Where contacts are sealed for.
pub(super) fn contacts_place(ride: Uuid) -> Place {
    Place::new(CONTACTS.place, ride)
}

/// The column of contacts as rotation and checks know it.
pub const CONTACTS: Column =
    Column { place: "rides.contacts", table: "rides", column: "contacts_sealed", key: "id", row: "id", index: None };

/// The row of a ride that was booked just now: what never changes, and its contacts, which are sealed.
///
/// # Errors
/// When the system gives no random numbers.
pub(super) fn booked_json(vault: &Vault, ride: &Ride) -> Result<Value, Error> {
    let mut row = ride_json(ride);
    if let Some(contacts) = record::contacts_json(&ride.product) {
        let sealed = vault.seal_text(contacts_place(ride.id.0), &contacts)?;
        row["contacts_sealed"] = format!("\\x{}", hex(&sealed)).into();
        row["has_contacts"] = true.into();
    }
    Ok(row)
}

/// The row as JSON, for `jsonb_populate_recordset`: any number of rides travel as one parameter of one statement. Without the
/// contacts, which are written once.
pub(super) fn ride_json(ride: &Ride) -> Value {
    let cancellation = ride.cancellation.as_ref();
    let mut row = json!({
        "id": ride.id,
        "rider_id": ride.rider,
        "driver_id": ride.driver,
        "is_next": ride.is_next,
        "status": ride.status,
        "ride_type": ride.ride_type.as_str(),
        "payment_method": ride.payment_method.as_str(),
        "pickup_lat": ride.pickup.at.lat(),
        "pickup_lng": ride.pickup.at.lng(),
        "pickup_address": ride.pickup.address,
        "pickup_landmark": ride.pickup.landmark,
        "destination_lat": ride.destination.at.lat(),
        "destination_lng": ride.destination.at.lng(),
        "destination_address": ride.destination.address,
        "destination_landmark": ride.destination.landmark,
        "notes": ride.notes,
        "request_hash": format!("\\x{}", hex(&ride.request_hash)),
        "quote_id": ride.price.quote,
        "estimated_distance_m": ride.price.distance_m,
        "estimated_duration_s": ride.price.duration.as_secs(),
        "tariff": ride.price.tariff,
        "surge_basis_points": ride.price.surge.0,
        "quoted_fare_rwf": ride.price.quoted.amount(),
        "fare_rwf": ride.fare.amount(),
        "matched_distance_m": ride.matched_distance_m,
        "waiting_s": ride.waiting.as_secs(),
        "pin": ride.pin.to_string(),
        "cancelled_by": cancellation.map(|cancellation| cancellation.by),
        "cancel_reason": cancellation.map(|cancellation| cancellation.reason.as_str()),
        "cancel_note": cancellation.and_then(|cancellation| cancellation.note.as_deref()),
        "cancellation_fee_rwf": cancellation.map_or(0, |cancellation| cancellation.fee.amount()),
        "cancellation_compensation_rwf": cancellation.map_or(0, |cancellation| cancellation.compensation.amount()),
        "cancellation_cause": cancellation.and_then(|cancellation| cancellation.cause).map(Cause::as_str),
        "booked_by": ride.booked_by,
        "paired_at": ride.paired_at,
        "offers_made": ride.offers_made,
        "requested_at": ride.requested_at,
        "assigned_at": ride.assigned_at,
        "arrived_at": ride.arrived_at,
        "started_at": ride.started_at,
        "ended_at": ride.ended_at,
    });
    if let Value::Object(row) = &mut row {
        row.extend(product_columns(&ride.product));
        row.insert("payment_plan".to_owned(), json!(ride.payment_plan));
        row.insert("price_basis".to_owned(), json!(PriceBasis::of(&ride.price)));
    }
    row
}

/// Apart, because one `json!` takes no more columns.
fn product_columns(product: &Product) -> [(String, Value); 8] {
    let schedule = product.schedule;
    let at = |instant: fn(Schedule) -> Timestamp| json!(schedule.map(instant));
    [
        ("pickup_at", at(|schedule| schedule.pickup_at)),
        ("search_from", at(|schedule| schedule.search_from)),
        ("promised_from", at(|schedule| schedule.promised_from)),
        ("promised_to", at(|schedule| schedule.promised_to)),
        ("stops", record::stops_json(&product.stops)),
        ("parcel", json!(product.parcel.as_ref().map(record::parcel_json))),
        ("express_basis_points", json!(product.express.map(|supplement| supplement.0))),
        // Until their sealed form is added.
        ("has_contacts", json!(false)),
    ]
    .map(|(column, value)| (column.to_owned(), value))
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
