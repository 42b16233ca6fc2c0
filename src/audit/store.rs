//! All SQL on `audit_records` and `audit_head`.
//!
//! Separate because it is the one door to the log: it is written to in one place, and changed in none.

use chrono::{DateTime, Utc};
use futures_util::StreamExt as _;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgPool, Postgres, QueryBuilder, Row as _};

use super::chain::Head;
use super::encoding::{Content, hex};
use super::reading::{Filter, RecordView, Turn};
use super::rows::{COLUMNS, Row};
use super::verifying;
use crate::ids::UserId;
use crate::time::Timestamp;

/// Puts a record at the end of the chain. One statement: the end is locked, moved on and written to in a single way to the
/// database, since everybody who records waits for it. The hash is made there, of the bytes that were written out here.
pub async fn append(conn: &mut PgConnection, content: &Content) -> sqlx::Result<()> {
    let at = DateTime::<Utc>::from_timestamp_micros(content.at_us).unwrap_or_default();
    sqlx::query!(
        r#"WITH head AS (
               UPDATE audit_head SET seq = seq + 1, hash = sha256(hash || int8send(seq + 1) || $1::bytea)
               RETURNING seq, hash
           )
           INSERT INTO audit_records (seq, at, actor, actor_id, role, agency, action, whose, subject_kind, subject_id, why,
               request_id, client, detail, hash)
           SELECT seq, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14::text::json, hash FROM head"#,
        content.bytes(),
        at,
        content.actor,
        content.actor_id,
        content.role,
        content.agency,
        content.action,
        &content.whose,
        content.subject_kind,
        content.subject_id,
        content.why,
        content.request_id,
        content.client,
        content.detail,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The end of the chain.
pub async fn head(conn: &mut PgConnection) -> sqlx::Result<Option<Head>> {
    let row = sqlx::query!("SELECT seq, hash FROM audit_head").fetch_optional(conn).await?;
    // The column's check admits no other length.
    Ok(row.and_then(|row| Some(Head { seq: row.seq, hash: row.hash.try_into().ok()? })))
}

/// The hash of a record.
pub async fn hash_of(conn: &mut PgConnection, seq: i64) -> sqlx::Result<Option<Vec<u8>>> {
    sqlx::query_scalar!("SELECT hash FROM audit_records WHERE seq = $1", seq).fetch_optional(conn).await
}

/// From now on this transaction sees one moment, and changes nothing.
pub async fn one_snapshot(conn: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY").execute(conn).await?;
    Ok(())
}

/// Which of the triggers that refuse changes are not in force.
pub async fn missing_guards(conn: &mut PgConnection) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar!(
        r#"SELECT guard.name AS "name!"
           FROM (VALUES ('audit_records', 'audit_records_append_only'), ('audit_head', 'audit_head_stays'),
                        ('audit_head', 'audit_head_moves_on')) AS guard ("table", name)
           WHERE NOT EXISTS (SELECT FROM pg_trigger
                             WHERE tgrelid = guard."table"::regclass AND tgname = guard.name AND tgenabled IN ('O', 'A'))
           ORDER BY 1"#
    )
    .fetch_all(conn)
    .await
}

/// Records behind `after`, in the order of their numbers, written out for their hash.
pub async fn page(conn: &mut PgConnection, after: i64, rows: i64) -> sqlx::Result<Vec<Row>> {
    // COPY takes no parameters; these are numbers. The order by hash is for numbers that occur twice, where somebody took the
    // primary key away.
    let statement = format!(
        "COPY (SELECT {COLUMNS} FROM audit_records WHERE seq > {after} ORDER BY seq LIMIT {rows}) TO STDOUT (FORMAT binary)"
    );
    let mut copied = Vec::new();
    let mut stream = conn.copy_out_raw(&statement).await?;
    while let Some(chunk) = stream.next().await {
        copied.extend_from_slice(&chunk?);
    }
    verifying::parse(&copied)
}

/// Records, the newest first, one more than asked for. The statement is put together for the filter, because one that fits
/// every filter is planned as if none were given, and reads the whole log for a person with three records.
pub async fn list(pool: &PgPool, filter: &Filter, turn: Turn) -> sqlx::Result<Vec<RecordView>> {
    let mut query = QueryBuilder::new(SELECT);
    let time = |at: Timestamp| DateTime::<Utc>::from(at);
    if let Some(who) = filter.who {
        query.push(" AND actor_id = ").push_bind(who);
    }
    if let Some(whose) = filter.whose {
        query.push(" AND whose @> ").push_bind(vec![whose]);
    }
    if let Some(action) = &filter.action {
        query.push(" AND action = ").push_bind(action.clone());
    }
    if let Some(subject) = filter.subject {
        query.push(" AND subject_id = ").push_bind(subject);
    }
    if let Some(agency) = filter.agency {
        query.push(" AND agency = ").push_bind(agency.as_str());
    } else if filter.of_officials {
        query.push(" AND agency IS NOT NULL");
    }
    if let Some(from) = filter.from {
        query.push(" AND at >= ").push_bind(time(from));
    }
    if let Some(to) = filter.to {
        query.push(" AND at < ").push_bind(time(to));
    }
    fetch(pool, query, turn).await
}

/// What others did with a person's data, the newest first, one more than asked for; without what was done under a case
/// number since `hidden_since`.
pub async fn of_person(
    pool: &PgPool,
    person: UserId,
    hidden_since: Timestamp,
    turn: Turn,
) -> sqlx::Result<Vec<RecordView>> {
    let mut query = QueryBuilder::new(SELECT);
    query.push(" AND whose @> ").push_bind(vec![person.0]);
    query.push(" AND actor_id IS DISTINCT FROM ").push_bind(person.0);
    query.push(" AND (detail ->> 'case' IS NULL OR at < ").push_bind(DateTime::<Utc>::from(hidden_since)).push(")");
    fetch(pool, query, turn).await
}

const SELECT: &str = "SELECT seq, at, actor, actor_id, role, agency, action, whose, subject_kind, subject_id, why, request_id, \
                      client, detail, hash FROM audit_records WHERE true";

async fn fetch(pool: &PgPool, mut query: QueryBuilder<Postgres>, turn: Turn) -> sqlx::Result<Vec<RecordView>> {
    if let Some(before) = turn.before {
        query.push(" AND seq < ").push_bind(before);
    }
    query.push(" ORDER BY seq DESC LIMIT ").push_bind(turn.limit + 1);
    let rows = query.build().fetch_all(pool).await?;
    rows.iter().map(view).collect()
}

fn view(row: &PgRow) -> sqlx::Result<RecordView> {
    Ok(RecordView {
        seq: row.try_get("seq")?,
        at: row.try_get::<DateTime<Utc>, _>("at")?.into(),
        actor: row.try_get("actor")?,
        actor_id: row.try_get("actor_id")?,
        role: row.try_get("role")?,
        agency: row.try_get("agency")?,
        action: row.try_get("action")?,
        whose: row.try_get("whose")?,
        subject_kind: row.try_get("subject_kind")?,
        subject_id: row.try_get("subject_id")?,
        why: row.try_get("why")?,
        request_id: row.try_get("request_id")?,
        client: row.try_get("client")?,
        detail: row.try_get("detail")?,
        hash: hex(&row.try_get::<Vec<u8>, _>("hash")?),
    })
}
