//! All SQL of this service: `drivers`, `driver_documents`, `shifts`, `driver_wishes`.

mod documents;
mod seed;
mod shifts;
mod wishes;

pub use documents::{documents, documents_count, insert_document};
pub use seed::{seed_papers, seed_shifts};
pub use shifts::{close_shift, on_shift, on_shift_without_standing, open_shift, was_on_shift};
pub use wishes::{all_wishes, home_uses, lock_wishes, put_wishes, use_home, wishes};

use chrono::{DateTime, NaiveDate, Utc};
use rustc_hash::FxHashMap;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::drivers::{Driver, Fuel, Papers, Status};
use crate::error::Error;
use crate::ids::{DriverId, UserId};
use crate::time::Timestamp;
use crate::web::page::PageRequest;

struct DriverRow {
    user_id: DriverId,
    status: String,
    status_reason: Option<String>,
    reviewed_at: Option<DateTime<Utc>>,
    licence_number: String,
    licence_category: String,
    licence_expires_on: NaiveDate,
    plate: String,
    vehicle_make: String,
    vehicle_model: String,
    vehicle_year: i32,
    vehicle_colour: String,
    fuel: String,
    ride_types: Vec<String>,
    insurance_number: String,
    insurance_expires_on: NaiveDate,
    inspection_expires_on: Option<NaiveDate>,
    rating_sum: i64,
    rating_count: i32,
    rides_completed: i32,
    created_at: Timestamp,
    is_online: bool,
}

impl TryFrom<DriverRow> for Driver {
    type Error = Error;

    fn try_from(row: DriverRow) -> Result<Self, Error> {
        let unknown = |what: &str| Error::internal(format!("unknown {what} in drivers"));
        let papers = Papers {
            licence_number: row.licence_number,
            licence_category: row.licence_category,
            licence_expires_on: row.licence_expires_on,
            plate: row.plate,
            vehicle_make: row.vehicle_make,
            vehicle_model: row.vehicle_model,
            vehicle_year: row.vehicle_year,
            vehicle_colour: row.vehicle_colour,
            fuel: Fuel::from_name(&row.fuel).ok_or_else(|| unknown("fuel"))?,
            ride_types: row.ride_types,
            insurance_number: row.insurance_number,
            insurance_expires_on: row.insurance_expires_on,
            inspection_expires_on: row.inspection_expires_on,
        };
        Ok(Self {
            id: row.user_id,
            papers,
            status: Status::from_name(&row.status).ok_or_else(|| unknown("status"))?,
            status_reason: row.status_reason,
            reviewed_at: row.reviewed_at.map(Timestamp::from),
            rating: stars(row.rating_sum, row.rating_count),
            ratings_count: row.rating_count,
            rides_completed: row.rides_completed,
            is_online: row.is_online,
            created_at: row.created_at,
        })
    }
}

/// Average stars to two decimals, out of a sum in hundredths.
#[expect(clippy::cast_precision_loss, reason = "an average of at most 500 hundredths is exact")]
fn stars(sum_hundredths: i64, count: i32) -> Option<f64> {
    sum_hundredths.checked_div(i64::from(count)).map(|hundredths| hundredths as f64 / 100.0)
}

macro_rules! driver_query {
    ($tail:literal, $($argument:expr),*) => {
        sqlx::query_as!(
            DriverRow,
            r#"SELECT user_id, status, status_reason, reviewed_at, licence_number, licence_category, licence_expires_on,
                      plate, vehicle_make, vehicle_model, vehicle_year, vehicle_colour, fuel, ride_types,
                      insurance_number, insurance_expires_on, inspection_expires_on, rating_sum, rating_count,
                      rides_completed, created_at,
                      EXISTS (SELECT FROM shifts WHERE driver_id = user_id AND ended_at IS NULL) AS "is_online!"
               FROM drivers "# + $tail,
            $($argument),*
        )
    };
}

pub async fn driver(pool: &PgPool, id: DriverId) -> Result<Option<Driver>, Error> {
    driver_query!("WHERE user_id = $1", id.0).fetch_optional(pool).await?.map(Driver::try_from).transpose()
}

/// Holds the driver's row until the end of the transaction.
pub async fn lock(conn: &mut PgConnection, id: DriverId) -> Result<Option<Driver>, Error> {
    let row = driver_query!("WHERE user_id = $1 FOR NO KEY UPDATE", id.0).fetch_optional(conn).await?;
    row.map(Driver::try_from).transpose()
}

/// One more than the page holds.
pub async fn list(pool: &PgPool, status: Option<Status>, page: &PageRequest) -> Result<Vec<Driver>, Error> {
    let rows = driver_query!(
        "WHERE ($1::text IS NULL OR status = $1)
           AND ($2::timestamptz IS NULL OR (created_at, user_id) < ($2, $3::uuid))
         ORDER BY created_at DESC, user_id DESC LIMIT $4",
        status.map(Status::as_str),
        page.before.map(|before| DateTime::<Utc>::from(before.at)),
        page.before.map(|before| before.id),
        page.limit + 1
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter().map(Driver::try_from).collect()
}

/// Writes papers, new or changed.
pub async fn put_papers(
    conn: &mut PgConnection,
    id: DriverId,
    papers: &Papers,
    status: Status,
    now: Timestamp,
) -> Result<(), Error> {
    let written = sqlx::query!(
        "INSERT INTO drivers (user_id, status, licence_number, licence_category, licence_expires_on, plate, vehicle_make,
                              vehicle_model, vehicle_year, vehicle_colour, fuel, ride_types, insurance_number,
                              insurance_expires_on, inspection_expires_on, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $16)
         ON CONFLICT (user_id) DO UPDATE
         SET status = EXCLUDED.status,
             -- A suspension keeps its reason; a new review begins without one.
             status_reason = CASE WHEN EXCLUDED.status = 'suspended' THEN drivers.status_reason END,
             licence_number = EXCLUDED.licence_number, licence_category = EXCLUDED.licence_category,
             licence_expires_on = EXCLUDED.licence_expires_on, plate = EXCLUDED.plate,
             vehicle_make = EXCLUDED.vehicle_make, vehicle_model = EXCLUDED.vehicle_model,
             vehicle_year = EXCLUDED.vehicle_year, vehicle_colour = EXCLUDED.vehicle_colour, fuel = EXCLUDED.fuel,
             ride_types = EXCLUDED.ride_types, insurance_number = EXCLUDED.insurance_number,
             insurance_expires_on = EXCLUDED.insurance_expires_on,
             inspection_expires_on = EXCLUDED.inspection_expires_on, updated_at = EXCLUDED.updated_at",
        id.0,
        status.as_str(),
        papers.licence_number,
        papers.licence_category,
        papers.licence_expires_on,
        papers.plate,
        papers.vehicle_make,
        papers.vehicle_model,
        papers.vehicle_year,
        papers.vehicle_colour,
        papers.fuel.as_str(),
        &papers.ride_types,
        papers.insurance_number,
        papers.insurance_expires_on,
        papers.inspection_expires_on,
        DateTime::from(now),
    )
    .execute(conn)
    .await;
    match written {
        Err(sqlx::Error::Database(error)) if error.constraint() == Some("drivers_plate_unique") => {
            Err(Error::conflict("plate_taken", "another driver has this plate"))
        }
        other => Ok(other.map(|_| ())?),
    }
}

/// Who decided, why, when.
#[derive(Clone, Copy, Debug)]
pub struct Review<'a> {
    pub by: UserId,
    pub reason: Option<&'a str>,
    pub at: Timestamp,
}

pub async fn set_status(conn: &mut PgConnection, id: DriverId, status: Status, review: Review<'_>) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE drivers SET status = $2, status_reason = $3, reviewed_by = $4, reviewed_at = $5, updated_at = $5
         WHERE user_id = $1",
        id.0,
        status.as_str(),
        review.reason.map(str::trim),
        review.by.0,
        DateTime::from(review.at),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// What drivers drive, as words. Whoever does not exist is left out.
///
/// # Errors
/// When the database is away.
pub async fn ride_types(pool: &PgPool, ids: &[DriverId]) -> sqlx::Result<FxHashMap<DriverId, Vec<String>>> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let rows =
        sqlx::query!("SELECT user_id, ride_types FROM drivers WHERE user_id = ANY($1)", &ids).fetch_all(pool).await?;
    Ok(rows.into_iter().map(|row| (DriverId(row.user_id), row.ride_types)).collect())
}

/// What a rider looks out for.
#[derive(Debug)]
pub struct Motorcycle {
    pub plate: String,
    pub rating: Option<f64>,
}

pub async fn motorcycles(pool: &PgPool, ids: &[DriverId]) -> sqlx::Result<Vec<(DriverId, Motorcycle)>> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let rows =
        sqlx::query!("SELECT user_id, plate, rating_sum, rating_count FROM drivers WHERE user_id = ANY($1)", &ids)
            .fetch_all(pool)
            .await?;
    let motorcycle = |row: (Uuid, String, Option<f64>)| (DriverId(row.0), Motorcycle { plate: row.1, rating: row.2 });
    Ok(rows
        .into_iter()
        .map(|row| motorcycle((row.user_id, row.plate, stars(row.rating_sum, row.rating_count))))
        .collect())
}

/// Adds a rider's rating of a driver, 1 to 5 stars, within the caller's transaction.
///
/// # Errors
/// When the database refuses.
pub async fn record_rating(conn: &mut PgConnection, driver: DriverId, stars: i16) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE drivers SET rating_sum = rating_sum + $2, rating_count = rating_count + 1 WHERE user_id = $1",
        driver.0,
        i64::from(stars) * 100,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Counts a ride that a driver brought to its destination, within the caller's transaction.
///
/// # Errors
/// When the database refuses.
pub async fn record_completed(conn: &mut PgConnection, driver: DriverId) -> sqlx::Result<()> {
    sqlx::query!("UPDATE drivers SET rides_completed = rides_completed + 1 WHERE user_id = $1", driver.0)
        .execute(conn)
        .await?;
    Ok(())
}
