//! SQL on `partners`.

use chrono::DateTime;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::auth::partners::{NewPartner, Partner};
use crate::error::Error;
use crate::ids::{PartnerId, UserId};
use crate::time::Timestamp;
use crate::web::Scopes;

/// A row of `partners`.
#[derive(Debug)]
pub struct PartnerRow {
    id: Uuid,
    name: String,
    scopes: String,
    created_at: Timestamp,
    expires_at: Timestamp,
    last_used_at: Option<DateTime<chrono::Utc>>,
    revoked_at: Option<DateTime<chrono::Utc>>,
}

impl TryFrom<PartnerRow> for Partner {
    type Error = Error;

    fn try_from(row: PartnerRow) -> Result<Self, Error> {
        Ok(Self {
            id: PartnerId(row.id),
            name: row.name,
            scopes: Scopes::parse(&row.scopes).map_err(Error::internal)?,
            created_at: row.created_at,
            expires_at: row.expires_at,
            last_used_at: row.last_used_at.map(Timestamp::from),
            revoked_at: row.revoked_at.map(Timestamp::from),
        })
    }
}

pub async fn insert_partner(
    conn: &mut PgConnection,
    id: PartnerId,
    new: &NewPartner,
    secret_hash: &[u8],
    (by, now): (UserId, Timestamp),
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO partners (id, name, scopes, secret_hash, created_by, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        id.0,
        new.name,
        new.scopes.to_string(),
        secret_hash,
        by.0,
        DateTime::from(now),
        DateTime::from(new.expires_at),
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub async fn count_partners(conn: &mut PgConnection) -> sqlx::Result<i64> {
    sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM partners WHERE revoked_at IS NULL"#).fetch_one(conn).await
}

pub async fn partners(pool: &PgPool) -> sqlx::Result<Vec<PartnerRow>> {
    sqlx::query_as!(
        PartnerRow,
        "SELECT id, name, scopes, created_at, expires_at, last_used_at, revoked_at FROM partners
         ORDER BY created_at DESC, id DESC LIMIT 1000"
    )
    .fetch_all(pool)
    .await
}

/// The partner that this is the secret of, noted as used now, unless it expired or was revoked.
pub async fn use_partner(
    pool: &PgPool,
    id: PartnerId,
    secret_hash: &[u8],
    now: Timestamp,
) -> sqlx::Result<Option<PartnerRow>> {
    // Compared by the database, byte by byte: of a hash of 256 random bits the time tells nothing that helps.
    sqlx::query_as!(
        PartnerRow,
        "UPDATE partners SET last_used_at = $3
         WHERE id = $1 AND secret_hash = $2 AND revoked_at IS NULL AND expires_at > $3
         RETURNING id, name, scopes, created_at, expires_at, last_used_at, revoked_at",
        id.0,
        secret_hash,
        DateTime::from(now),
    )
    .fetch_optional(pool)
    .await
}

/// False when there is none or it was revoked before.
pub async fn revoke_partner(conn: &mut PgConnection, id: PartnerId, why: &str, now: Timestamp) -> sqlx::Result<bool> {
    let revoked = sqlx::query!(
        "UPDATE partners SET revoked_at = $2, revoked_reason = $3 WHERE id = $1 AND revoked_at IS NULL",
        id.0,
        DateTime::from(now),
        why,
    )
    .execute(conn)
    .await?;
    Ok(revoked.rows_affected() == 1)
}
