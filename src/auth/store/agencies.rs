//! SQL on the agencies of officials.

use chrono::DateTime;
use sqlx::PgConnection;

use crate::ids::UserId;
use crate::time::Timestamp;
use crate::web::Agency;

/// Holds an official's row until the end of the transaction; their agency, if they have one.
pub async fn lock_official(conn: &mut PgConnection, id: UserId) -> sqlx::Result<Option<Option<String>>> {
    let found =
        sqlx::query_scalar!("SELECT agency FROM users WHERE id = $1 AND role = 'government' FOR NO KEY UPDATE", id.0);
    found.fetch_optional(conn).await
}

pub async fn set_agency(conn: &mut PgConnection, id: UserId, agency: Agency, now: Timestamp) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE users SET agency = $2, updated_at = $3 WHERE id = $1",
        id.0,
        agency.as_str(),
        DateTime::from(now),
    )
    .execute(conn)
    .await?;
    Ok(())
}
