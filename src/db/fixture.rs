//! Rows for tests, written straight into the tables: people, drivers, rides.
//!
//! Separate because a test of a report must not depend on the use cases that usually write what it reads. Everything is
//! numbered, so that two tests with the same numbers have the same rows. Built for tests only.

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use crate::ids::{DriverId, RideId, RiderId, UserId};
use crate::time::{Span, Timestamp};
use crate::vault::{Place, Vault};

/// A calendar day.
pub fn day(year: i32, month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, month, day).expect("a day of the calendar")
}

/// An instant in RFC 3339.
pub fn at(text: &str) -> Timestamp {
    DateTime::parse_from_rfc3339(text).expect("an instant in RFC 3339").to_utc().into()
}

/// A verified person. The number makes the telephone number.
pub async fn person(pool: &PgPool, number: u32, role: &str) -> UserId {
    let (id, phone, vault) = (Uuid::now_v7(), format!("+25078{number:07}"), Vault::for_tests());
    sqlx::query(
        "INSERT INTO users (id, phone_sealed, phone_index, first_name, last_name, language, role, verified_at, created_at,
                            updated_at)
         VALUES ($1, $2, $3, 'Keza', 'Uwase', 'rw', $4, $5, $5, $5)",
    )
    .bind(id)
    .bind(vault.seal_text(Place::new("users.phone", id), &phone).expect("sealed"))
    .bind(vault.index("phone", &phone))
    .bind(role)
    .bind(DateTime::<Utc>::from(at("2026-01-01T06:00:00Z")))
    .execute(pool)
    .await
    .expect("a person is inserted");
    UserId(id)
}

/// A rider.
pub async fn rider(pool: &PgPool, number: u32) -> RiderId {
    person(pool, number, "customer").await.into()
}

/// An approved driver on an electric motorcycle with papers good until the end of 2027. The number makes the telephone
/// number, the plate (`RC` and the number's last three digits, then `A`) and the licence number.
pub async fn driver(pool: &PgPool, number: u32) -> DriverId {
    let user = person(pool, number, "driver").await;
    sqlx::query(
        "INSERT INTO drivers (user_id, status, licence_number_sealed, licence_category, licence_expires_on, plate, vehicle_make,
             vehicle_model, vehicle_year, vehicle_colour, fuel, ride_types, insurance_expires_on, created_at, updated_at)
         VALUES ($1, 'approved', $2, 'A', $4, $3, 'Ampersand', 'Alpha', 2025, 'blue', 'electric', '{boda}', $4, $5, $5)",
    )
    .bind(user.0)
    .bind(sealed("drivers.licence_number", user.0, &format!("LIC{number:08}")))
    .bind(format!("RC{:03}A", number % 1_000))
    .bind(day(2027, 12, 31))
    .bind(DateTime::<Utc>::from(at("2026-01-02T06:00:00Z") + Span::from_secs(number.into())))
    .execute(pool)
    .await
    .expect("a driver is inserted");
    user.into()
}

fn sealed(column: &'static str, row: Uuid, number: &str) -> Vec<u8> {
    Vault::for_tests().seal_text(Place::new(column, row), number).expect("random")
}

/// A driver's authorisation, in force instead of the one before.
pub async fn authorisation(pool: &PgPool, driver: DriverId, expires_on: NaiveDate) {
    let id = Uuid::now_v7();
    sqlx::query("UPDATE driver_documents SET state = 'replaced' WHERE driver_id = $1")
        .bind(driver.0)
        .execute(pool)
        .await
        .expect("the one before is replaced");
    sqlx::query(
        "INSERT INTO driver_documents (id, driver_id, kind, number_sealed, expires_on, state, created_at)
         VALUES ($1, $2, 'authorisation', $3, $4, 'approved', now())",
    )
    .bind(id)
    .bind(driver.0)
    .bind(sealed("driver_documents.number", id, "DOC-1"))
    .bind(expires_on)
    .execute(pool)
    .await
    .expect("an authorisation is written");
    sqlx::query("UPDATE drivers SET authorisation_expires_on = $2 WHERE user_id = $1")
        .bind(driver.0)
        .bind(expires_on)
        .execute(pool)
        .await
        .expect("it counts");
}

/// A ride as it stands in the table.
#[derive(Clone, Debug)]
pub struct Ride {
    /// Who rides.
    pub rider: RiderId,
    /// Who drives, once somebody does.
    pub driver: Option<DriverId>,
    /// Word of the status.
    pub status: &'static str,
    /// When it was booked.
    pub requested_at: Timestamp,
    /// Charged at the end.
    pub fare_rwf: i64,
    /// As quoted.
    pub distance_m: i32,
    /// From start to end, for a completed ride.
    pub duration: Span,
    /// Waited on the way.
    pub waiting_s: i32,
}

impl Ride {
    /// A completed ride of 4.2 km and ten minutes, started five minutes after it was booked.
    pub fn completed(rider: RiderId, driver: DriverId, requested_at: Timestamp, fare_rwf: i64) -> Self {
        Self {
            rider,
            driver: Some(driver),
            status: "completed",
            requested_at,
            fare_rwf,
            distance_m: 4_200,
            duration: Span::from_minutes(10),
            waiting_s: 0,
        }
    }

    /// A ride that ended, or stands, without anybody driving it.
    pub fn without_driver(rider: RiderId, status: &'static str, requested_at: Timestamp) -> Self {
        Self { driver: None, status, ..Self::completed(rider, DriverId(Uuid::nil()), requested_at, 658) }
    }

    /// Writes the row.
    pub async fn insert(&self, pool: &PgPool) -> RideId {
        let id = Uuid::now_v7();
        let completed = self.status == "completed";
        let started_at = self.requested_at + Span::from_minutes(5);
        sqlx::query(
            "INSERT INTO rides (id, rider_id, driver_id, status, ride_type, payment_method, pickup_lat, pickup_lng,
                 destination_lat, destination_lng, request_hash, estimated_distance_m, estimated_duration_s, tariff,
                 surge_basis_points, quoted_fare_rwf, fare_rwf, waiting_s, pin, requested_at, started_at, ended_at)
             VALUES ($1, $2, $3, $4, 'boda', 'cash', -1.9438, 30.0569, -1.9584, 30.1191, '\\x00', $5, 687, 'test', 10000,
                 $6, $6, $7, '0000', $8, $9, $10)",
        )
        .bind(id)
        .bind(self.rider.0)
        .bind(self.driver.map(Uuid::from))
        .bind(self.status)
        .bind(self.distance_m)
        .bind(self.fare_rwf)
        .bind(self.waiting_s)
        .bind(DateTime::<Utc>::from(self.requested_at))
        .bind(completed.then_some(DateTime::<Utc>::from(started_at)))
        .bind(completed.then_some(DateTime::<Utc>::from(started_at + self.duration)))
        .execute(pool)
        .await
        .expect("a ride is inserted");
        RideId(id)
    }
}
