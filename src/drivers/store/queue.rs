//! SQL for the review queue: who waits, and who looks at whom.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::ids::{DriverId, UserId};
use crate::time::Timestamp;
use crate::web::page::PageRequest;

/// Somebody who waits for a reviewer.
#[derive(Clone, Debug)]
pub struct Waiting {
    pub driver: DriverId,
    pub status: String,
    pub plate: String,
    /// Kinds of papers that wait.
    pub kinds: Vec<String>,
    pub since: Timestamp,
    pub claimed_by: Option<Uuid>,
    pub claimed_until: Option<Timestamp>,
}

/// The longest waiting first, one more than the page holds. The page's position is that of the last one shown.
pub async fn waiting(
    pool: &PgPool,
    kind: Option<&str>,
    free_for: Option<UserId>,
    page: &PageRequest,
    now: Timestamp,
) -> sqlx::Result<Vec<Waiting>> {
    let rows = sqlx::query!(
        r#"SELECT user_id, status, plate, waiting_since AS "waiting_since!", claimed_by, claimed_until,
                  ARRAY(SELECT kind FROM driver_documents WHERE driver_id = user_id AND state = 'submitted' ORDER BY kind)
                      AS "kinds!"
           FROM drivers
           WHERE waiting_since IS NOT NULL
             AND ($1::text IS NULL OR EXISTS (SELECT FROM driver_documents
                                              WHERE driver_id = user_id AND state = 'submitted' AND kind = $1))
             AND ($2::uuid IS NULL OR claimed_by IS NULL OR claimed_by = $2 OR claimed_until <= $3)
             AND ($4::timestamptz IS NULL OR (waiting_since, user_id) > ($4, $5::uuid))
           ORDER BY waiting_since, user_id LIMIT $6"#,
        kind,
        free_for.map(|user| user.0),
        DateTime::<Utc>::from(now),
        page.before.map(|before| DateTime::<Utc>::from(before.at)),
        page.before.map(|before| before.id),
        page.limit + 1
    )
    .fetch_all(pool)
    .await?;
    let waiting = rows.into_iter().map(|row| Waiting {
        driver: DriverId(row.user_id),
        status: row.status,
        plate: row.plate,
        kinds: row.kinds,
        since: row.waiting_since.into(),
        claimed_by: row.claimed_by,
        claimed_until: row.claimed_until.map(Timestamp::from),
    });
    Ok(waiting.collect())
}

/// Takes a driver's papers, unless another reviewer has them.
pub async fn claim(
    conn: &mut PgConnection,
    driver: DriverId,
    by: UserId,
    until: Timestamp,
    now: Timestamp,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "UPDATE drivers SET claimed_by = $2, claimed_until = $3
         WHERE user_id = $1 AND (claimed_by IS NULL OR claimed_by = $2 OR claimed_until <= $4)",
        driver.0,
        by.0,
        DateTime::from(until),
        DateTime::<Utc>::from(now),
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Gives a driver's papers back, or nothing when somebody else has them.
pub async fn release(conn: &mut PgConnection, driver: DriverId, by: UserId) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE drivers SET claimed_by = NULL, claimed_until = NULL WHERE user_id = $1 AND claimed_by = $2",
        driver.0,
        by.0
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Whoever waits goes on waiting from when they began; who waits no longer leaves the queue, and nobody's hands are on it.
pub async fn set_waiting(conn: &mut PgConnection, driver: DriverId, waits: bool, now: Timestamp) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE drivers SET waiting_since = CASE WHEN $2 THEN coalesce(waiting_since, $3) END,
                            claimed_by = CASE WHEN $2 THEN claimed_by END,
                            claimed_until = CASE WHEN $2 THEN claimed_until END
         WHERE user_id = $1",
        driver.0,
        waits,
        DateTime::<Utc>::from(now),
    )
    .execute(conn)
    .await?;
    Ok(())
}
