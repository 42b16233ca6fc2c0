//! All SQL on `breaches`.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::clocks::{NOTICE_WITHIN, REPORT_WITHIN, State};
use super::{Breach, Inform, Known};
use crate::ids::UserId;
use crate::time::Timestamp;
use crate::web::page::PageRequest;

struct Row {
    id: Uuid,
    aware_at: DateTime<Utc>,
    nature: String,
    categories: Vec<String>,
    people: i64,
    records: i64,
    consequences: String,
    measures: String,
    plan: String,
    state: String,
    notified_at: Option<DateTime<Utc>>,
    reported_at: Option<DateTime<Utc>>,
    closed_at: Option<DateTime<Utc>>,
    inform: Option<String>,
    inform_reason: Option<String>,
    recorded_at: DateTime<Utc>,
}

impl TryFrom<Row> for Breach {
    type Error = sqlx::Error;

    fn try_from(row: Row) -> Result<Self, sqlx::Error> {
        // The column's check admits the known words only.
        let state = State::from_word(&row.state).ok_or_else(|| sqlx::Error::Decode(row.state.clone().into()))?;
        let inform = row.inform.as_deref().and_then(Inform::from_word).zip(row.inform_reason);
        let at = |at: Option<DateTime<Utc>>| at.map(Timestamp::from);
        Ok(Self {
            id: row.id,
            known: Known {
                aware_at: row.aware_at.into(),
                nature: row.nature,
                categories: row.categories,
                people: row.people,
                records: row.records,
                consequences: row.consequences,
                measures: row.measures,
                plan: row.plan,
            },
            state,
            notified_at: at(row.notified_at),
            reported_at: at(row.reported_at),
            closed_at: at(row.closed_at),
            inform,
            recorded_at: row.recorded_at.into(),
        })
    }
}

/// Writes a new breach.
pub async fn insert(conn: &mut PgConnection, breach: &Breach, by: UserId) -> sqlx::Result<()> {
    let known = &breach.known;
    sqlx::query!(
        "INSERT INTO breaches (id, aware_at, nature, categories, people, records, consequences, measures, plan, state,
             recorded_at, recorded_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'open', $10, $11)",
        breach.id,
        DateTime::<Utc>::from(known.aware_at),
        known.nature,
        &known.categories,
        known.people,
        known.records,
        known.consequences,
        known.measures,
        known.plan,
        DateTime::<Utc>::from(breach.recorded_at),
        by.0,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Reads a breach and keeps others from changing it.
pub async fn lock(conn: &mut PgConnection, id: Uuid) -> sqlx::Result<Option<Breach>> {
    let row = sqlx::query_as!(
        Row,
        "SELECT id, aware_at, nature, categories, people, records, consequences, measures, plan, state, notified_at,
                reported_at, closed_at, inform, inform_reason, recorded_at
         FROM breaches WHERE id = $1 FOR UPDATE",
        id
    );
    row.fetch_optional(conn).await?.map(Breach::try_from).transpose()
}

/// Reads a breach.
pub async fn find(pool: &PgPool, id: Uuid) -> sqlx::Result<Option<Breach>> {
    let row = sqlx::query_as!(
        Row,
        "SELECT id, aware_at, nature, categories, people, records, consequences, measures, plan, state, notified_at,
                reported_at, closed_at, inform, inform_reason, recorded_at
         FROM breaches WHERE id = $1",
        id
    );
    row.fetch_optional(pool).await?.map(Breach::try_from).transpose()
}

/// Writes what may change.
pub async fn update(conn: &mut PgConnection, breach: &Breach) -> sqlx::Result<()> {
    let known = &breach.known;
    let at = |at: Option<Timestamp>| at.map(DateTime::<Utc>::from);
    sqlx::query!(
        "UPDATE breaches
         SET aware_at = $2, nature = $3, categories = $4, people = $5, records = $6, consequences = $7, measures = $8,
             plan = $9, state = $10, notified_at = $11, reported_at = $12, closed_at = $13, inform = $14, inform_reason = $15
         WHERE id = $1",
        breach.id,
        DateTime::<Utc>::from(known.aware_at),
        known.nature,
        &known.categories,
        known.people,
        known.records,
        known.consequences,
        known.measures,
        known.plan,
        breach.state.as_str(),
        at(breach.notified_at),
        at(breach.reported_at),
        at(breach.closed_at),
        breach.inform.as_ref().map(|(inform, _)| inform.as_str()),
        breach.inform.as_ref().map(|(_, reason)| reason.as_str()),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// A page of breaches, newest first, one more than asked for.
pub async fn page(pool: &PgPool, page: &PageRequest) -> sqlx::Result<Vec<Breach>> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT id, aware_at, nature, categories, people, records, consequences, measures, plan, state, notified_at,
                reported_at, closed_at, inform, inform_reason, recorded_at
         FROM breaches
         WHERE $1::timestamptz IS NULL OR (recorded_at, id) < ($1, $2::uuid)
         ORDER BY recorded_at DESC, id DESC LIMIT $3",
        page.before.map(|before| DateTime::<Utc>::from(before.at)),
        page.before.map(|before| before.id),
        page.limit + 1,
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter().map(Breach::try_from).collect()
}

/// How many notices and how many reports are overdue.
pub async fn overdue(pool: &PgPool, now: Timestamp) -> sqlx::Result<(i64, i64)> {
    let row = sqlx::query!(
        r#"SELECT count(*) FILTER (WHERE notified_at IS NULL AND aware_at < $1) AS "notices!",
                  count(*) FILTER (WHERE reported_at IS NULL AND aware_at < $2) AS "reports!"
           FROM breaches WHERE state <> 'closed'"#,
        DateTime::<Utc>::from(now - NOTICE_WITHIN),
        DateTime::<Utc>::from(now - REPORT_WITHIN),
    )
    .fetch_one(pool)
    .await?;
    Ok((row.notices, row.reports))
}
