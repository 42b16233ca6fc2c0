//! SQL on `driver_appeals`.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::drivers::appeals::{Appeal, Outcome};
use crate::error::Error;
use crate::ids::{DriverId, UserId};
use crate::time::Timestamp;
use crate::web::page::PageRequest;

struct AppealRow {
    id: Uuid,
    driver_id: DriverId,
    words: Option<String>,
    created_at: Timestamp,
    outcome: Option<String>,
    reason: Option<String>,
    decided_at: Option<DateTime<Utc>>,
}

impl TryFrom<AppealRow> for Appeal {
    type Error = Error;

    fn try_from(row: AppealRow) -> Result<Self, Error> {
        let AppealRow { id, driver_id, words, created_at, outcome, reason, decided_at } = row;
        let known =
            |name: &str| Outcome::from_name(name).ok_or_else(|| Error::internal("unknown outcome of an appeal"));
        Ok(Self {
            id,
            driver: driver_id,
            words,
            created_at,
            outcome: outcome.as_deref().map(known).transpose()?,
            reason,
            decided_at: decided_at.map(Timestamp::from),
        })
    }
}

/// Opens an appeal; a second one beside it is refused.
pub async fn insert_appeal(
    conn: &mut PgConnection,
    (id, driver): (Uuid, DriverId),
    words: &str,
    now: Timestamp,
) -> Result<(), Error> {
    let written = sqlx::query!(
        "INSERT INTO driver_appeals (id, driver_id, words, created_at) VALUES ($1, $2, $3, $4)",
        id,
        driver.0,
        words,
        DateTime::from(now),
    )
    .execute(conn)
    .await;
    match written {
        Err(sqlx::Error::Database(error)) if error.constraint() == Some("driver_appeals_one_open") => {
            Err(Error::conflict("appeal_open", "an appeal of yours is being looked at"))
        }
        other => Ok(other.map(|_| ())?),
    }
}

/// A driver's appeals, newest first.
pub async fn appeals(pool: &PgPool, driver: DriverId, rows_max: i64) -> Result<Vec<Appeal>, Error> {
    let rows = sqlx::query_as!(
        AppealRow,
        "SELECT id, driver_id, words, created_at, outcome, reason, decided_at FROM driver_appeals
         WHERE driver_id = $1 ORDER BY created_at DESC, id DESC LIMIT $2",
        driver.0,
        rows_max
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter().map(Appeal::try_from).collect()
}

/// Open ones, the oldest first, one more than the page holds. The page's position is that of the last one shown.
pub async fn open_appeals(pool: &PgPool, page: &PageRequest) -> Result<Vec<Appeal>, Error> {
    let rows = sqlx::query_as!(
        AppealRow,
        "SELECT id, driver_id, words, created_at, outcome, reason, decided_at FROM driver_appeals
         WHERE outcome IS NULL AND ($1::timestamptz IS NULL OR (created_at, id) > ($1, $2::uuid))
         ORDER BY created_at, id LIMIT $3",
        page.before.map(|before| DateTime::<Utc>::from(before.at)),
        page.before.map(|before| before.id),
        page.limit + 1
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter().map(Appeal::try_from).collect()
}

/// Whose appeal it is.
pub async fn driver_of_appeal(pool: &PgPool, id: Uuid) -> sqlx::Result<Option<DriverId>> {
    let found = sqlx::query_scalar!("SELECT driver_id FROM driver_appeals WHERE id = $1", id);
    Ok(found.fetch_optional(pool).await?.map(DriverId))
}

/// Holds an appeal until the end of the transaction.
pub async fn lock_appeal(conn: &mut PgConnection, id: Uuid) -> Result<Option<Appeal>, Error> {
    let row = sqlx::query_as!(
        AppealRow,
        "SELECT id, driver_id, words, created_at, outcome, reason, decided_at FROM driver_appeals WHERE id = $1 FOR UPDATE",
        id
    )
    .fetch_optional(conn)
    .await?;
    row.map(Appeal::try_from).transpose()
}

/// Closes an appeal.
pub async fn decide_appeal(
    conn: &mut PgConnection,
    id: Uuid,
    (outcome, reason): (Outcome, &str),
    by: UserId,
    now: Timestamp,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE driver_appeals SET outcome = $2, reason = $3, decided_by = $4, decided_at = $5 WHERE id = $1",
        id,
        outcome.as_str(),
        reason.trim(),
        by.0,
        DateTime::from(now),
    )
    .execute(conn)
    .await?;
    Ok(())
}
