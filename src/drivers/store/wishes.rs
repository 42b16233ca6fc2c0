//! SQL on `driver_wishes` and `driver_home_uses`.

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::drivers::wishes::board::Stored;
use crate::drivers::wishes::{Home, Wishes};
use crate::error::Error;
use crate::geo::LatLng;
use crate::ids::DriverId;
use crate::money::Francs;

struct WishesRow {
    driver_id: Uuid,
    home_lat: Option<f64>,
    home_lng: Option<f64>,
    home_label: Option<String>,
    home_until: Option<DateTime<Utc>>,
    pickup_distance_m_max: Option<i32>,
    fare_rwf_min: Option<i64>,
    ride_types: Option<Vec<String>>,
    changed_at: DateTime<Utc>,
}

impl TryFrom<WishesRow> for Stored {
    type Error = Error;

    fn try_from(row: WishesRow) -> Result<Self, Error> {
        let home = match (row.home_lat, row.home_lng, row.home_until) {
            (Some(lat), Some(lng), Some(until)) => {
                let place = LatLng::new(lat, lng).map_err(Error::internal)?;
                Some(Home { place, label: row.home_label, until: until.into() })
            }
            _ => None,
        };
        let wishes = Wishes {
            home,
            pickup_distance_m_max: row.pickup_distance_m_max.map(i32::unsigned_abs),
            fare_min: row.fare_rwf_min.map(Francs),
            ride_types: row.ride_types,
        };
        Ok(Self { wishes, changed_at: row.changed_at.into() })
    }
}

/// What a driver wished for last, lapsed or not.
pub async fn wishes(pool: &PgPool, driver: DriverId) -> Result<Option<Stored>, Error> {
    let row = sqlx::query_as!(WishesRow, "SELECT * FROM driver_wishes WHERE driver_id = $1", driver.0)
        .fetch_optional(pool)
        .await?;
    row.map(Stored::try_from).transpose()
}

/// As [`wishes`], within the transaction that is about to change them and holds the driver's row.
pub async fn lock_wishes(conn: &mut PgConnection, driver: DriverId) -> Result<Option<Stored>, Error> {
    let row = sqlx::query_as!(WishesRow, "SELECT * FROM driver_wishes WHERE driver_id = $1 FOR UPDATE", driver.0)
        .fetch_optional(conn)
        .await?;
    row.map(Stored::try_from).transpose()
}

/// The wishes of everybody who ever had some: a row for each, read once at a start.
pub async fn all_wishes(pool: &PgPool) -> Result<Vec<(DriverId, Stored)>, Error> {
    let rows = sqlx::query_as!(WishesRow, "SELECT * FROM driver_wishes").fetch_all(pool).await?;
    rows.into_iter().map(|row| Ok((DriverId(row.driver_id), Stored::try_from(row)?))).collect()
}

/// Writes wishes in place of those before.
pub async fn put_wishes(conn: &mut PgConnection, driver: DriverId, stored: &Stored) -> Result<(), Error> {
    let Stored { wishes, changed_at } = stored;
    let home = wishes.home.as_ref();
    sqlx::query!(
        "INSERT INTO driver_wishes (driver_id, home_lat, home_lng, home_label, home_until, pickup_distance_m_max,
                                    fare_rwf_min, ride_types, changed_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT (driver_id) DO UPDATE
         SET home_lat = EXCLUDED.home_lat, home_lng = EXCLUDED.home_lng, home_label = EXCLUDED.home_label,
             home_until = EXCLUDED.home_until, pickup_distance_m_max = EXCLUDED.pickup_distance_m_max,
             fare_rwf_min = EXCLUDED.fare_rwf_min, ride_types = EXCLUDED.ride_types, changed_at = EXCLUDED.changed_at",
        driver.0,
        home.map(|home| home.place.lat()),
        home.map(|home| home.place.lng()),
        home.and_then(|home| home.label.as_deref()),
        home.map(|home| DateTime::<Utc>::from(home.until)),
        wishes.pickup_distance_m_max.and_then(|most| i32::try_from(most).ok()),
        wishes.fare_min.map(Francs::amount),
        wishes.ride_types.as_deref(),
        DateTime::<Utc>::from(*changed_at),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// How often home was switched on that day.
pub async fn home_uses(pool: &PgPool, driver: DriverId, day: NaiveDate) -> Result<u32, Error> {
    let uses =
        sqlx::query_scalar!("SELECT uses FROM driver_home_uses WHERE driver_id = $1 AND day = $2", driver.0, day)
            .fetch_optional(pool)
            .await?;
    Ok(uses.map_or(0, i32::unsigned_abs))
}

/// Counts one more use of home that day; false, and nothing is counted, when there were `uses_max`.
pub async fn use_home(conn: &mut PgConnection, driver: DriverId, day: NaiveDate, uses_max: u32) -> Result<bool, Error> {
    let counted = sqlx::query_scalar!(
        "INSERT INTO driver_home_uses (driver_id, day, uses) SELECT $1, $2, 1 WHERE $3 > 0
         ON CONFLICT (driver_id, day) DO UPDATE SET uses = driver_home_uses.uses + 1 WHERE driver_home_uses.uses < $3
         RETURNING uses",
        driver.0,
        day,
        i32::try_from(uses_max).unwrap_or(i32::MAX),
    )
    .fetch_optional(conn)
    .await?;
    Ok(counted.is_some())
}
