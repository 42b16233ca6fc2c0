//! SQL of the cases.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, PgConnection, PgExecutor, PgPool, Row};
use uuid::Uuid;

use crate::ids::{RideId, UserId};
use crate::money::Francs;
use crate::payments::cases::NewCase;
use crate::time::Timestamp;
use crate::web::page::PageRequest;

/// Writes the cases that are not there yet.
pub async fn open(conn: &mut PgConnection, cases: &[NewCase], now: Timestamp) -> Result<u64, sqlx::Error> {
    let mut opened = 0;
    for case in cases {
        let written = sqlx::query!(
            "INSERT INTO money_cases (id, kind, cause, severity, person_id, ride_id, attempt_id, amount_rwf, detail, state,
                                      opened_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'open', $10)
             ON CONFLICT ON CONSTRAINT money_cases_cause DO NOTHING",
            Uuid::now_v7(),
            case.kind,
            case.cause,
            case.severity.as_str(),
            case.person.map(Uuid::from),
            case.ride.map(Uuid::from),
            case.attempt.map(|attempt| attempt.0),
            case.amount.amount(),
            case.detail,
            DateTime::<Utc>::from(now),
        )
        .execute(&mut *conn)
        .await?;
        opened += written.rows_affected();
    }
    Ok(opened)
}

/// A case as it stands.
#[derive(Clone, Debug)]
pub struct CaseRow {
    pub id: Uuid,
    pub kind: String,
    pub cause: String,
    pub severity: String,
    pub person: Option<UserId>,
    pub ride: Option<RideId>,
    pub attempt: Option<Uuid>,
    pub amount: Francs,
    pub detail: Value,
    pub state: String,
    pub owner: Option<UserId>,
    pub resolution: Option<String>,
    pub reason: Option<String>,
    pub proposal: Option<Value>,
    pub proposed_by: Option<UserId>,
    pub opened_at: Timestamp,
    pub taken_at: Option<Timestamp>,
    pub resolved_at: Option<Timestamp>,
}

impl FromRow<'_, PgRow> for CaseRow {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let time = |name: &str| -> Result<Option<Timestamp>, sqlx::Error> {
            Ok(row.try_get::<Option<DateTime<Utc>>, _>(name)?.map(Timestamp::from))
        };
        let person = |name: &str| -> Result<Option<UserId>, sqlx::Error> {
            Ok(row.try_get::<Option<Uuid>, _>(name)?.map(UserId))
        };
        Ok(Self {
            id: row.try_get("id")?,
            kind: row.try_get("kind")?,
            cause: row.try_get("cause")?,
            severity: row.try_get("severity")?,
            person: person("person_id")?,
            ride: row.try_get::<Option<Uuid>, _>("ride_id")?.map(RideId),
            attempt: row.try_get("attempt_id")?,
            amount: Francs(row.try_get("amount_rwf")?),
            detail: row.try_get("detail")?,
            state: row.try_get("state")?,
            owner: person("owner_id")?,
            resolution: row.try_get("resolution")?,
            reason: row.try_get("reason")?,
            proposal: row.try_get("proposal")?,
            proposed_by: person("proposed_by")?,
            opened_at: row.try_get::<DateTime<Utc>, _>("opened_at")?.into(),
            taken_at: time("taken_at")?,
            resolved_at: time("resolved_at")?,
        })
    }
}

/// Which cases are wanted; each left out is any.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    pub state: Option<String>,
    pub kind: Option<String>,
    pub severity: Option<String>,
    /// Opened before.
    pub opened_before: Option<Timestamp>,
}

/// A page of cases, the newest first, one more than the page holds.
pub async fn list(pool: &PgPool, wanted: &Wanted, page: &PageRequest) -> Result<Vec<CaseRow>, sqlx::Error> {
    sqlx::query_as(
        "SELECT * FROM money_cases
         WHERE ($1::text IS NULL OR state = $1) AND ($2::text IS NULL OR kind = $2) AND ($3::text IS NULL OR severity = $3)
               AND ($4::timestamptz IS NULL OR opened_at < $4)
               AND ($5::timestamptz IS NULL OR (opened_at, id) < ($5, $6::uuid))
         ORDER BY opened_at DESC, id DESC LIMIT $7",
    )
    .bind(&wanted.state)
    .bind(&wanted.kind)
    .bind(&wanted.severity)
    .bind(wanted.opened_before.map(DateTime::<Utc>::from))
    .bind(page.before.map(|before| DateTime::<Utc>::from(before.at)))
    .bind(page.before.map(|before| before.id))
    .bind(page.limit + 1)
    .fetch_all(pool)
    .await
}

/// A case, if there is one of that id.
pub async fn find(db: impl PgExecutor<'_>, id: Uuid) -> Result<Option<CaseRow>, sqlx::Error> {
    sqlx::query_as("SELECT * FROM money_cases WHERE id = $1").bind(id).fetch_optional(db).await
}

/// As [`find`], and nobody changes it before the caller's transaction ends.
pub async fn lock(conn: &mut PgConnection, id: Uuid) -> Result<Option<CaseRow>, sqlx::Error> {
    sqlx::query_as("SELECT * FROM money_cases WHERE id = $1 FOR UPDATE").bind(id).fetch_optional(conn).await
}

/// Somebody looks after it.
pub async fn take(conn: &mut PgConnection, id: Uuid, owner: UserId, now: Timestamp) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE money_cases SET state = 'taken', owner_id = $2, taken_at = coalesce(taken_at, $3) WHERE id = $1",
        id,
        owner.0,
        DateTime::<Utc>::from(now),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Somebody says what is to be posted; another has to approve.
pub async fn propose(
    conn: &mut PgConnection,
    id: Uuid,
    (by, proposal): (UserId, &Value),
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE money_cases SET state = 'taken', owner_id = coalesce(owner_id, $2), taken_at = coalesce(taken_at, $4),
                proposal = $3, proposed_by = $2, proposed_at = $4
         WHERE id = $1",
        id,
        by.0,
        proposal,
        DateTime::<Utc>::from(now),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// It is over.
pub async fn resolve(
    conn: &mut PgConnection,
    id: Uuid,
    owner: UserId,
    (resolution, reason): (&str, &str),
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE money_cases SET state = 'resolved', owner_id = coalesce(owner_id, $2), resolution = $3, reason = $4,
                resolved_at = $5
         WHERE id = $1",
        id,
        owner.0,
        resolution,
        reason,
        DateTime::<Utc>::from(now),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Whether somebody has an account in a role that the kind of account is for.
pub async fn is_owner(conn: &mut PgConnection, owner: Uuid, is_driver: bool) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT CASE WHEN $2 THEN EXISTS (SELECT FROM drivers WHERE user_id = $1)
                       ELSE EXISTS (SELECT FROM users WHERE id = $1) END AS "is_there!""#,
        owner,
        is_driver,
    )
    .fetch_one(conn)
    .await
}

/// How many cases of each kind are not resolved, and since when the oldest.
pub async fn unresolved(pool: &PgPool) -> Result<Vec<(String, i64, Timestamp)>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT kind, count(*) AS "count!", min(opened_at) AS "oldest!" FROM money_cases
           WHERE state <> 'resolved' GROUP BY kind"#
    )
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(|row| (row.kind, row.count, row.oldest.into())).collect())
}
