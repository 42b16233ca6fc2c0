//! All SQL on `price_versions`.

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::Value;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::versions::Kind;
use super::{Content, State, Version};
use crate::ids::UserId;
use crate::time::Timestamp;
use crate::web::page::PageRequest;

struct Row {
    id: Uuid,
    ride_type: Option<String>,
    name: String,
    valid_from: NaiveDate,
    source: String,
    content: Value,
    state: String,
    proposer_id: Uuid,
    proposed_at: DateTime<Utc>,
    approver_id: Option<Uuid>,
    approved_at: Option<DateTime<Utc>>,
    withdrawer_id: Option<Uuid>,
    withdrawn_at: Option<DateTime<Utc>>,
}

impl TryFrom<Row> for Version {
    type Error = sqlx::Error;

    fn try_from(row: Row) -> Result<Self, sqlx::Error> {
        let undecoded = |error: serde_json::Error| sqlx::Error::Decode(Box::new(error));
        let content = match row.ride_type {
            None => Content::Tariff(serde_json::from_value(row.content).map_err(undecoded)?),
            Some(ride_type) => {
                Content::Terms { ride_type, numbers: serde_json::from_value(row.content).map_err(undecoded)? }
            }
        };
        let step = |by: Option<Uuid>, at: Option<DateTime<Utc>>| by.zip(at).map(|(by, at)| (UserId(by), at.into()));
        Ok(Self {
            id: row.id,
            name: row.name,
            valid_from: row.valid_from,
            source: row.source,
            content,
            // The column's check admits the known words only.
            state: State::from_word(&row.state).ok_or_else(|| sqlx::Error::Decode(row.state.clone().into()))?,
            proposer: UserId(row.proposer_id),
            proposed_at: row.proposed_at.into(),
            approved: step(row.approver_id, row.approved_at),
            withdrawn: step(row.withdrawer_id, row.withdrawn_at),
        })
    }
}

/// Writes a proposal; false when its name is taken.
pub async fn insert(conn: &mut PgConnection, version: &Version) -> sqlx::Result<bool> {
    let (ride_type, content) = match &version.content {
        Content::Tariff(prices) => (None, serde_json::to_value(prices)),
        Content::Terms { ride_type, numbers } => (Some(ride_type.as_str()), serde_json::to_value(numbers)),
    };
    let content = content.map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
    let done = sqlx::query!(
        "INSERT INTO price_versions (id, kind, ride_type, name, valid_from, source, content, state, proposer_id, proposed_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 'proposed', $8, $9)
         ON CONFLICT ON CONSTRAINT price_versions_name DO NOTHING",
        version.id,
        version.content.kind().as_str(),
        ride_type,
        version.name,
        version.valid_from,
        version.source,
        content,
        version.proposer.0,
        DateTime::<Utc>::from(version.proposed_at),
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Reads a version and keeps others from deciding about it.
pub async fn lock(conn: &mut PgConnection, kind: Kind, id: Uuid) -> sqlx::Result<Option<Version>> {
    let row = sqlx::query_as!(
        Row,
        "SELECT id, ride_type, name, valid_from, source, content, state, proposer_id, proposed_at, approver_id,
                approved_at, withdrawer_id, withdrawn_at
         FROM price_versions WHERE id = $1 AND kind = $2 FOR UPDATE",
        id,
        kind.as_str(),
    )
    .fetch_optional(conn)
    .await?;
    row.map(Version::try_from).transpose()
}

/// Approves a proposal; false when another one begins on that day.
pub async fn approve(conn: &mut PgConnection, id: Uuid, by: UserId, now: Timestamp) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "UPDATE price_versions SET state = 'approved', approver_id = $2, approved_at = $3
         WHERE id = $1 AND state = 'proposed'",
        id,
        by.0,
        DateTime::<Utc>::from(now),
    )
    .execute(conn)
    .await;
    match done {
        Ok(done) => Ok(done.rows_affected() == 1),
        Err(sqlx::Error::Database(error)) if error.constraint() == Some("price_versions_day") => Ok(false),
        Err(error) => Err(error),
    }
}

/// Withdraws a version.
pub async fn withdraw(conn: &mut PgConnection, id: Uuid, by: UserId, now: Timestamp) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE price_versions SET state = 'withdrawn', withdrawer_id = $2, withdrawn_at = $3
         WHERE id = $1 AND state <> 'withdrawn'",
        id,
        by.0,
        DateTime::<Utc>::from(now),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Every version that was approved some time.
pub async fn approved(pool: &PgPool) -> sqlx::Result<Vec<Version>> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT id, ride_type, name, valid_from, source, content, state, proposer_id, proposed_at, approver_id,
                approved_at, withdrawer_id, withdrawn_at
         FROM price_versions WHERE approved_at IS NOT NULL ORDER BY valid_from, id",
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter().map(Version::try_from).collect()
}

/// Versions of a kind, newest first, one more than the page holds.
pub async fn list(pool: &PgPool, kind: Kind, page: &PageRequest) -> sqlx::Result<Vec<Version>> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT id, ride_type, name, valid_from, source, content, state, proposer_id, proposed_at, approver_id,
                approved_at, withdrawer_id, withdrawn_at
         FROM price_versions
         WHERE kind = $1 AND ($2::timestamptz IS NULL OR (proposed_at, id) < ($2, $3))
         ORDER BY proposed_at DESC, id DESC LIMIT $4",
        kind.as_str(),
        page.before.map(|before| DateTime::<Utc>::from(before.at)),
        page.before.map(|before| before.id),
        page.limit + 1,
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter().map(Version::try_from).collect()
}
