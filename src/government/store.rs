//! All SQL of this service: it reads the `reporting` schema only.

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use super::ride_report::{CompletedRides, DayCounts};
use super::roster::DriverRecord;
use crate::error::Error;
use crate::ids::UserId;
use crate::money::Francs;
use crate::time::Span;
use crate::vault::{Place, Vault};
use crate::web::page::PageRequest;
use crate::web::period::Period;

/// For which agency an official asks.
pub(super) async fn agency_of(pool: &PgPool, official: UserId) -> Result<Option<String>, sqlx::Error> {
    let row = sqlx::query_scalar!("SELECT agency FROM reporting.officials WHERE user_id = $1", official.0);
    Ok(row.fetch_optional(pool).await?.flatten())
}

/// A page of drivers, the newest registration first, one more than the page holds.
pub(super) async fn drivers(
    pool: &PgPool,
    vault: &Vault,
    plate: Option<&str>,
    status: Option<&str>,
    page: &PageRequest,
) -> Result<Vec<DriverRecord>, Error> {
    let rows = sqlx::query!(
        r#"SELECT driver_id AS "driver_id!", driver_ref AS "driver_ref!", status AS "status!", plate AS "plate!",
                  fuel AS "fuel!", licence_number_sealed, licence_category AS "licence_category!",
                  licence_expires_on AS "licence_expires_on!", insurance_expires_on AS "insurance_expires_on!",
                  inspection_expires_on, authorisation_id, authorisation_number_sealed, authorisation_expires_on,
                  created_at AS "registered_at!: DateTime<Utc>"
           FROM reporting.drivers
           -- Whoever was erased is on no roster; their rides still count.
           WHERE plate NOT LIKE 'erased:%' AND ($1::text IS NULL OR plate = $1) AND ($2::text IS NULL OR status = $2)
                 AND ($3::timestamptz IS NULL OR (created_at, driver_ref) < ($3, $4::uuid))
           ORDER BY created_at DESC, driver_ref DESC
           LIMIT $5"#,
        plate,
        status,
        page.before.map(|before| DateTime::<Utc>::from(before.at)),
        page.before.map(|before| before.id),
        page.limit + 1,
    )
    .fetch_all(pool)
    .await?;
    let open = |column, row: Option<Uuid>, sealed: Option<Vec<u8>>| match (row, sealed) {
        (Some(row), Some(sealed)) => {
            Ok::<_, Error>(Some(vault.open_text(Place::new(column, row), &sealed)?.into_exposed()))
        }
        _ => Ok(None),
    };
    let records = rows.into_iter().map(|row| {
        let licence = open("drivers.licence_number", Some(row.driver_id), row.licence_number_sealed)?;
        let authorisation = open("driver_documents.number", row.authorisation_id, row.authorisation_number_sealed)?;
        Ok(DriverRecord {
            driver_id: row.driver_id,
            driver_ref: row.driver_ref,
            status: row.status,
            plate: row.plate,
            fuel: row.fuel,
            // After an erasure there is none.
            licence_number: licence.unwrap_or_default(),
            licence_category: row.licence_category,
            licence_expires_on: row.licence_expires_on,
            insurance_expires_on: row.insurance_expires_on,
            inspection_expires_on: row.inspection_expires_on,
            authorisation_number: authorisation,
            authorisation_expires_on: row.authorisation_expires_on,
            registered_at: row.registered_at.into(),
        })
    });
    records.collect()
}

/// The counts of every Kigali day of a period of whole days, oldest first.
pub(super) async fn rides_by_day(pool: &PgPool, period: Period) -> Result<Vec<DayCounts>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"WITH ride AS (
               SELECT ride.*, ride.status = 'completed' AS completed, driver.fuel
               FROM reporting.rides ride LEFT JOIN reporting.drivers driver ON driver.driver_id = ride.driver_id
               WHERE ride.requested_at >= $3 AND ride.requested_at < $4),
           incident AS (
               SELECT kigali_day, count(*) AS incidents
               FROM reporting.incidents WHERE created_at >= $3 AND created_at < $4
               GROUP BY kigali_day)
           SELECT day::date AS "day!",
                  count(ride.id) AS "requested!",
                  count(*) FILTER (WHERE ride.status LIKE 'cancelled%') AS "cancelled!",
                  count(*) FILTER (WHERE ride.status = 'no_driver_found') AS "no_driver_found!",
                  coalesce(max(incident.incidents), 0) AS "incidents!",
                  count(*) FILTER (WHERE completed) AS "completed!",
                  count(*) FILTER (WHERE completed AND payment_method = 'cash') AS "cash!",
                  count(*) FILTER (WHERE completed AND fuel = 'electric') AS "electric!",
                  count(DISTINCT driver_id) FILTER (WHERE completed) AS "active_drivers!",
                  coalesce(sum(estimated_distance_m) FILTER (WHERE completed), 0)::bigint AS "distance_m!",
                  coalesce(extract(epoch FROM sum(ended_at - started_at) FILTER (WHERE completed)) * 1000,
                           0)::bigint AS "riding_ms!",
                  coalesce(sum(waiting_s) FILTER (WHERE completed), 0)::bigint AS "waiting_s!",
                  coalesce(min(fare_rwf) FILTER (WHERE completed), 0) AS "fare_min_rwf!",
                  coalesce(round(avg(fare_rwf) FILTER (WHERE completed)), 0)::bigint AS "fare_mean_rwf!",
                  coalesce(max(fare_rwf) FILTER (WHERE completed), 0) AS "fare_max_rwf!"
           FROM generate_series($1::date::timestamp, $2::date::timestamp, interval '1 day') AS day
           LEFT JOIN ride ON ride.kigali_day = day::date
           LEFT JOIN incident ON incident.kigali_day = day::date
           GROUP BY day
           ORDER BY day"#,
        period.first_day(),
        period.last_day(),
        DateTime::<Utc>::from(period.from()),
        DateTime::<Utc>::from(period.to()),
    )
    .fetch_all(pool)
    .await?;
    let counts = rows.into_iter().map(|row| DayCounts {
        day: row.day,
        requested: row.requested,
        cancelled: row.cancelled,
        no_driver_found: row.no_driver_found,
        incidents: row.incidents,
        completed: row.completed,
        of_completed: CompletedRides {
            rides: row.completed,
            cash: row.cash,
            electric: row.electric,
            active_drivers: row.active_drivers,
            distance_m: row.distance_m,
            riding: Span::from_millis(row.riding_ms),
            waiting: Span::from_secs(row.waiting_s),
            fare_min: Francs(row.fare_min_rwf),
            fare_mean: Francs(row.fare_mean_rwf),
            fare_max: Francs(row.fare_max_rwf),
        },
    });
    Ok(counts.collect())
}
