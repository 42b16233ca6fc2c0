//! All SQL of this service: `drivers`, `driver_documents`, `driver_files`, `driver_standing`, `driver_appeals`,
//! `driver_expiry_notices`, `shifts`, `driver_wishes`.

mod appeals;
mod documents;
mod expiry;
mod files;
mod queue;
mod sealing;
mod seed;
mod shifts;
mod standing;
mod wishes;

pub use appeals::{appeals, decide_appeal, driver_of_appeal, insert_appeal, lock_appeal, open_appeals};
pub use documents::{
    Decided, NUMBER, NewDocument, apply_facts, approve_submitted, clear_the_way, decide_document, documents,
    documents_count, insert_documents, replace_in_force, verified,
};
pub use expiry::{Due, Expiring, expiring, flag_ratings, note_notice, rating_reviewed};
pub use files::{coming_file, file, forget_file, keep_file, unreferenced_files};
pub use queue::{Waiting, claim, release, set_waiting, waiting};
pub use sealing::{seal_documents, seal_drivers};
pub use seed::{seed_papers, seed_shifts};
pub use shifts::{close_shift, on_shift, on_shift_without_standing, open_shift, shifts_between, was_on_shift};
pub use standing::{Change, history, record_change};
pub use wishes::{all_wishes, home_uses, lock_wishes, put_wishes, use_home, wishes};

use chrono::{DateTime, NaiveDate, Utc};
use rustc_hash::FxHashMap;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::drivers::papers::City;
use crate::drivers::{Driver, Fuel, Papers, Status, SuspendedFor};
use crate::error::Error;
use crate::ids::{DriverId, UserId};
use crate::storage::KEY_COLUMN;
use crate::time::Timestamp;
use crate::vault::{Column, Place, Vault};
use crate::web::page::PageRequest;

/// Where sealed numbers of drivers lie.
pub const LICENCE: &str = "drivers.licence_number";
pub const INSURANCE: &str = "drivers.insurance_number";

/// The kind of a licence's blind index.
pub const LICENCE_INDEX: &str = "licence";

/// What of this service's tables is sealed.
pub const SEALED: &[&Column] = &[
    &Column {
        place: LICENCE,
        table: "drivers",
        column: "licence_number_sealed",
        key: "user_id",
        row: "user_id",
        index: Some(("licence_number_index", LICENCE_INDEX)),
    },
    &Column {
        place: INSURANCE,
        table: "drivers",
        column: "insurance_number_sealed",
        key: "user_id",
        row: "user_id",
        index: None,
    },
    &Column {
        place: documents::NUMBER,
        table: "driver_documents",
        column: "number_sealed",
        key: "id",
        row: "id",
        index: None,
    },
    // As `storage` seals the key of a file.
    &Column { place: KEY_COLUMN, table: "driver_files", column: "key_sealed", key: "id", row: "id", index: None },
];
/// The kind of an identity's blind index.
const IDENTITY_INDEX: &str = "national_id";

struct DriverRow {
    user_id: DriverId,
    status: String,
    status_reason: Option<String>,
    suspended_for: Option<String>,
    reviewed_at: Option<DateTime<Utc>>,
    licence_number_sealed: Option<Vec<u8>>,
    licence_category: String,
    licence_expires_on: NaiveDate,
    plate: String,
    vehicle_make: String,
    vehicle_model: String,
    vehicle_year: i32,
    vehicle_colour: String,
    fuel: String,
    ride_types: Vec<String>,
    city: String,
    insurance_number_sealed: Option<Vec<u8>>,
    insurance_expires_on: NaiveDate,
    inspection_expires_on: Option<NaiveDate>,
    authorisation_expires_on: Option<NaiveDate>,
    waiting_since: Option<DateTime<Utc>>,
    claimed_by: Option<Uuid>,
    claimed_until: Option<DateTime<Utc>>,
    rating_flagged_at: Option<DateTime<Utc>>,
    rating_sum: i64,
    rating_count: i32,
    rides_completed: i32,
    created_at: Timestamp,
    is_online: bool,
}

impl DriverRow {
    fn opened(self, vault: &Vault) -> Result<Driver, Error> {
        let unknown = |what: &str| Error::internal(format!("unknown {what} in drivers"));
        // After an erasure there is none.
        let open = |column: &'static str, sealed: Option<Vec<u8>>| match sealed {
            Some(sealed) => Ok(vault.open_text(Place::new(column, self.user_id.0), &sealed)?.into_exposed()),
            None => Ok::<_, Error>(String::new()),
        };
        let papers = Papers {
            licence_number: open(LICENCE, self.licence_number_sealed)?,
            licence_category: self.licence_category,
            licence_expires_on: self.licence_expires_on,
            plate: self.plate,
            vehicle_make: self.vehicle_make,
            vehicle_model: self.vehicle_model,
            vehicle_year: self.vehicle_year,
            vehicle_colour: self.vehicle_colour,
            fuel: Fuel::from_name(&self.fuel).ok_or_else(|| unknown("fuel"))?,
            ride_types: self.ride_types,
            insurance_number: open(INSURANCE, self.insurance_number_sealed)?,
            insurance_expires_on: self.insurance_expires_on,
            inspection_expires_on: self.inspection_expires_on,
            city: City::from_name(&self.city).ok_or_else(|| unknown("city"))?,
        };
        let claim = self.claimed_by.zip(self.claimed_until);
        let suspended_for = self.suspended_for.as_deref().map(SuspendedFor::from_name);
        Ok(Driver {
            id: self.user_id,
            papers,
            authorisation_expires_on: self.authorisation_expires_on,
            status: Status::from_name(&self.status).ok_or_else(|| unknown("status"))?,
            status_reason: self.status_reason,
            suspended_for: suspended_for.map(|found| found.ok_or_else(|| unknown("suspended_for"))).transpose()?,
            reviewed_at: self.reviewed_at.map(Timestamp::from),
            waiting_since: self.waiting_since.map(Timestamp::from),
            claim: claim.map(|(by, until)| (UserId(by), until.into())),
            rating_flagged_at: self.rating_flagged_at.map(Timestamp::from),
            rating: stars(self.rating_sum, self.rating_count),
            ratings_count: self.rating_count,
            rides_completed: self.rides_completed,
            is_online: self.is_online,
            created_at: self.created_at,
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
            r#"SELECT user_id, status, status_reason, suspended_for, reviewed_at, licence_number_sealed, licence_category,
                      licence_expires_on, plate, vehicle_make, vehicle_model, vehicle_year, vehicle_colour, fuel,
                      ride_types, city, insurance_number_sealed, insurance_expires_on, inspection_expires_on,
                      authorisation_expires_on, waiting_since, claimed_by, claimed_until, rating_flagged_at,
                      rating_sum, rating_count, rides_completed, created_at,
                      EXISTS (SELECT FROM shifts WHERE driver_id = user_id AND ended_at IS NULL) AS "is_online!"
               FROM drivers "# + $tail,
            $($argument),*
        )
    };
}

pub async fn driver(pool: &PgPool, vault: &Vault, id: DriverId) -> Result<Option<Driver>, Error> {
    let row = driver_query!("WHERE user_id = $1", id.0).fetch_optional(pool).await?;
    row.map(|row| row.opened(vault)).transpose()
}

/// Holds the driver's row until the end of the transaction.
pub async fn lock(conn: &mut PgConnection, vault: &Vault, id: DriverId) -> Result<Option<Driver>, Error> {
    let row = driver_query!("WHERE user_id = $1 FOR NO KEY UPDATE", id.0).fetch_optional(conn).await?;
    row.map(|row| row.opened(vault)).transpose()
}

/// One more than the page holds.
pub async fn list(
    pool: &PgPool,
    vault: &Vault,
    status: Option<Status>,
    page: &PageRequest,
) -> Result<Vec<Driver>, Error> {
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
    rows.into_iter().map(|row| row.opened(vault)).collect()
}

/// Writes papers, new or changed. A licence is theirs alone once it was approved: a changed one is nobody's until then.
pub async fn put_papers(
    conn: &mut PgConnection,
    vault: &Vault,
    (id, papers): (DriverId, &Papers),
    status: Status,
    now: Timestamp,
) -> Result<(), Error> {
    let written = sqlx::query!(
        "INSERT INTO drivers (user_id, status, licence_number_sealed, licence_category, licence_expires_on,
                              plate, vehicle_make, vehicle_model, vehicle_year, vehicle_colour, fuel,
                              ride_types, city, insurance_number_sealed, insurance_expires_on, inspection_expires_on,
                              waiting_since, created_at, updated_at)
         VALUES ($1, $2, $3, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $18, $18)
         ON CONFLICT (user_id) DO UPDATE
         SET status = EXCLUDED.status,
             -- A suspension keeps its reason; a new review begins without one.
             status_reason = CASE WHEN EXCLUDED.status = 'suspended' THEN drivers.status_reason END,
             licence_number_sealed = EXCLUDED.licence_number_sealed,
             licence_number_index = CASE WHEN drivers.licence_number_index = $4 THEN drivers.licence_number_index END,
             licence_category = EXCLUDED.licence_category,
             licence_expires_on = EXCLUDED.licence_expires_on, plate = EXCLUDED.plate,
             vehicle_make = EXCLUDED.vehicle_make, vehicle_model = EXCLUDED.vehicle_model,
             vehicle_year = EXCLUDED.vehicle_year, vehicle_colour = EXCLUDED.vehicle_colour, fuel = EXCLUDED.fuel,
             ride_types = EXCLUDED.ride_types, city = EXCLUDED.city,
             insurance_number_sealed = EXCLUDED.insurance_number_sealed,
             insurance_expires_on = EXCLUDED.insurance_expires_on,
             inspection_expires_on = EXCLUDED.inspection_expires_on,
             waiting_since = coalesce(drivers.waiting_since, EXCLUDED.waiting_since), updated_at = EXCLUDED.updated_at",
        id.0,
        status.as_str(),
        vault.seal_text(Place::new(LICENCE, id.0), &papers.licence_number)?,
        vault.index(LICENCE_INDEX, &papers.licence_number),
        papers.licence_category,
        papers.licence_expires_on,
        papers.plate,
        papers.vehicle_make,
        papers.vehicle_model,
        papers.vehicle_year,
        papers.vehicle_colour,
        papers.fuel.as_str(),
        &papers.ride_types,
        papers.city.as_str(),
        vault.seal_text(Place::new(INSURANCE, id.0), &papers.insurance_number)?,
        papers.insurance_expires_on,
        papers.inspection_expires_on,
        DateTime::from(now),
    )
    .execute(conn)
    .await;
    written.map(|_| ()).map_err(taken)
}

/// A number that another driver has, by the constraint that says so.
fn taken(error: sqlx::Error) -> Error {
    let constraint = error.as_database_error().and_then(|error| error.constraint());
    match constraint {
        Some("drivers_plate_unique") => Error::conflict("plate_taken", "another driver has this plate"),
        Some("drivers_licence_unique") => Error::conflict("licence_taken", "another driver has this licence"),
        Some("drivers_national_id_unique") => Error::conflict("identity_taken", "another driver has this identity"),
        _ => error.into(),
    }
}

/// Who decided, why, when. Nobody: the server itself.
#[derive(Clone, Copy, Debug)]
pub struct Review<'a> {
    pub by: Option<UserId>,
    pub reason: Option<&'a str>,
    pub suspended_for: Option<SuspendedFor>,
    pub at: Timestamp,
}

pub async fn set_status(conn: &mut PgConnection, id: DriverId, status: Status, review: Review<'_>) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE drivers SET status = $2, status_reason = $3, reviewed_by = coalesce($4, reviewed_by), reviewed_at = $5,
                            updated_at = $5, suspended_for = $6
         WHERE user_id = $1",
        id.0,
        status.as_str(),
        review.reason.map(str::trim),
        review.by.map(|by| by.0),
        DateTime::from(review.at),
        review.suspended_for.map(SuspendedFor::as_str),
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
