//! All SQL on `road_closures`, `learned_speeds` and `learned_corrections`.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::closure::{Closure, Lifted, State};
use crate::geo::LatLng;
use crate::ids::UserId;
use crate::road::closures::{Drawing, DrawingError};
use crate::time::Timestamp;
use crate::web::page::PageRequest;

struct Row {
    id: Uuid,
    reason: String,
    drawing: String,
    one_way: bool,
    lats_e7: Vec<i32>,
    lngs_e7: Vec<i32>,
    arcs: Option<i32>,
    starts_at: DateTime<Utc>,
    ends_at: Option<DateTime<Utc>>,
    created_by: Uuid,
    created_at: DateTime<Utc>,
    lifted_by: Option<Uuid>,
    lifted_at: Option<DateTime<Utc>>,
}

fn unreadable(error: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(error))
}

impl TryFrom<Row> for Closure {
    type Error = sqlx::Error;

    fn try_from(row: Row) -> Result<Self, sqlx::Error> {
        let pairs = row.lats_e7.iter().zip(&row.lngs_e7);
        let places: Vec<LatLng> = pairs
            .map(|(lat_e7, lng_e7)| LatLng::from_e7(*lat_e7, *lng_e7))
            .collect::<Result<_, _>>()
            .map_err(unreadable)?;
        // The column's check admits the three words only.
        let drawing: Result<Drawing, DrawingError> = match row.drawing.as_str() {
            "points" => Drawing::points(places),
            "line" => Drawing::line(places, row.one_way),
            _ => Drawing::area(places),
        };
        let lifted = row.lifted_by.zip(row.lifted_at).map(|(by, at)| Lifted { by: UserId(by), at: at.into() });
        Ok(Self {
            id: row.id,
            reason: row.reason,
            drawing: drawing.map_err(unreadable)?,
            arcs: row.arcs,
            from: row.starts_at.into(),
            until: row.ends_at.map(Timestamp::from),
            created_by: UserId(row.created_by),
            created_at: row.created_at.into(),
            lifted,
        })
    }
}

/// Writes a new closure, unless there are `closures_max` already that have not ended.
pub(super) async fn insert(conn: &mut PgConnection, closure: &Closure, closures_max: i64) -> Result<bool, sqlx::Error> {
    let (word, one_way) = match &closure.drawing {
        Drawing::Points(_) => ("points", false),
        Drawing::Line { is_one_way, .. } => ("line", *is_one_way),
        Drawing::Area { .. } => ("area", false),
    };
    let places = closure.drawing.places();
    let lats_e7: Vec<i32> = places.iter().map(|place| place.lat_e7()).collect();
    let lngs_e7: Vec<i32> = places.iter().map(|place| place.lng_e7()).collect();
    let written = sqlx::query!(
        "INSERT INTO road_closures (id, reason, drawing, one_way, lats_e7, lngs_e7, arcs, starts_at, ends_at, created_by,
             created_at)
         SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11
         WHERE (SELECT count(*) FROM road_closures WHERE lifted_at IS NULL AND (ends_at IS NULL OR ends_at > $11)) < $12",
        closure.id,
        closure.reason,
        word,
        one_way,
        &lats_e7,
        &lngs_e7,
        closure.arcs,
        DateTime::<Utc>::from(closure.from),
        closure.until.map(DateTime::<Utc>::from),
        closure.created_by.0,
        DateTime::<Utc>::from(closure.created_at),
        closures_max,
    )
    .execute(conn)
    .await?;
    Ok(written.rows_affected() == 1)
}

/// A page of closures, newest first, one more than the page holds.
pub(super) async fn list(
    pool: &PgPool,
    state: Option<State>,
    page: &PageRequest,
    now: Timestamp,
) -> Result<Vec<Closure>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT id, reason, drawing, one_way, lats_e7, lngs_e7, arcs, starts_at, ends_at, created_by, created_at,
             lifted_by, lifted_at
         FROM road_closures
         WHERE ($1::text IS NULL OR $1 = CASE WHEN lifted_at IS NOT NULL THEN 'lifted' WHEN starts_at > $2 THEN 'upcoming'
                    WHEN ends_at <= $2 THEN 'ended' ELSE 'in_force' END)
               AND ($3::timestamptz IS NULL OR (created_at, id) < ($3, $4::uuid))
         ORDER BY created_at DESC, id DESC
         LIMIT $5",
        state.map(State::as_str),
        DateTime::<Utc>::from(now),
        page.before.map(|before| DateTime::<Utc>::from(before.at)),
        page.before.map(|before| before.id),
        page.limit + 1,
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter().map(Closure::try_from).collect()
}

/// Closures in force, oldest first.
pub(super) async fn in_force(pool: &PgPool, now: Timestamp, closures_max: i64) -> Result<Vec<Closure>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT id, reason, drawing, one_way, lats_e7, lngs_e7, arcs, starts_at, ends_at, created_by, created_at,
             lifted_by, lifted_at
         FROM road_closures
         WHERE lifted_at IS NULL AND starts_at <= $1 AND (ends_at IS NULL OR ends_at > $1)
         ORDER BY created_at, id
         LIMIT $2",
        DateTime::<Utc>::from(now),
        closures_max,
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter().map(Closure::try_from).collect()
}

/// Lifts a closure; whether anything changed.
pub(super) async fn lift(
    conn: &mut PgConnection,
    id: Uuid,
    admin: UserId,
    now: Timestamp,
) -> Result<bool, sqlx::Error> {
    let lifted = sqlx::query!(
        "UPDATE road_closures SET lifted_by = $2, lifted_at = $3
         WHERE id = $1 AND lifted_at IS NULL AND (ends_at IS NULL OR ends_at > $3)",
        id,
        admin.0,
        DateTime::<Utc>::from(now),
    )
    .execute(conn)
    .await?;
    Ok(lifted.rows_affected() == 1)
}

/// Whether there is such a closure.
pub(super) async fn exists(conn: &mut PgConnection, id: Uuid) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(r#"SELECT EXISTS (SELECT FROM road_closures WHERE id = $1) AS "found!""#, id)
        .fetch_one(conn)
        .await
}

/// Something learned, as its row. `key` of a speed is an arc's or a class's, of a correction a cell's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Kept {
    pub subject: Subject,
    pub key: Option<i64>,
    pub hour: Option<i16>,
    pub mean: f32,
    pub weight: f32,
    pub observed_at: DateTime<Utc>,
}

/// What a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    Arc,
    Class,
    Cell,
}

/// Rows by columns, as a bulk statement takes them.
struct Columns {
    keys: Vec<Option<i64>>,
    hours: Vec<Option<i16>>,
    means: Vec<f32>,
    weights: Vec<f32>,
    observed: Vec<DateTime<Utc>>,
}

impl Columns {
    fn of(kept: &[Kept]) -> Self {
        Self {
            keys: kept.iter().map(|row| row.key).collect(),
            hours: kept.iter().map(|row| row.hour).collect(),
            means: kept.iter().map(|row| row.mean).collect(),
            weights: kept.iter().map(|row| row.weight).collect(),
            observed: kept.iter().map(|row| row.observed_at).collect(),
        }
    }
}

/// Writes speeds over what is there; each key and hour once.
pub(super) async fn save_speeds(pool: &PgPool, kept: &[Kept]) -> Result<(), sqlx::Error> {
    let subject = |row: &Kept| if row.subject == Subject::Class { "class" } else { "arc" }.to_owned();
    let subjects: Vec<String> = kept.iter().map(subject).collect();
    let columns = Columns::of(kept);
    sqlx::query!(
        "INSERT INTO learned_speeds (subject, key, hour, mean, weight, observed_at)
         SELECT * FROM unnest($1::text[], $2::bigint[], $3::smallint[], $4::real[], $5::real[], $6::timestamptz[])
         ON CONFLICT (subject, key, hour) DO UPDATE
         SET mean = excluded.mean, weight = excluded.weight, observed_at = excluded.observed_at",
        &subjects,
        &columns.keys as &[Option<i64>],
        &columns.hours as &[Option<i16>],
        &columns.means,
        &columns.weights,
        &columns.observed,
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Speeds, the newest first.
pub(super) async fn speeds(pool: &PgPool, rows_max: i64) -> Result<Vec<Kept>, sqlx::Error> {
    let rows = sqlx::query!(
        "SELECT subject, key, hour, mean, weight, observed_at FROM learned_speeds ORDER BY observed_at DESC LIMIT $1",
        rows_max,
    )
    .fetch_all(pool)
    .await?;
    let kept = rows.into_iter().map(|row| Kept {
        subject: if row.subject == "class" { Subject::Class } else { Subject::Arc },
        key: Some(row.key),
        hour: Some(row.hour),
        mean: row.mean,
        weight: row.weight,
        observed_at: row.observed_at,
    });
    Ok(kept.collect())
}

/// Writes corrections over what is there; each cell and hour once.
pub(super) async fn save_corrections(pool: &PgPool, kept: &[Kept]) -> Result<(), sqlx::Error> {
    let columns = Columns::of(kept);
    sqlx::query!(
        "INSERT INTO learned_corrections (cell, hour, mean, weight, observed_at)
         SELECT * FROM unnest($1::bigint[], $2::smallint[], $3::real[], $4::real[], $5::timestamptz[])
         ON CONFLICT ON CONSTRAINT learned_corrections_unique DO UPDATE
         SET mean = excluded.mean, weight = excluded.weight, observed_at = excluded.observed_at",
        &columns.keys as &[Option<i64>],
        &columns.hours as &[Option<i16>],
        &columns.means,
        &columns.weights,
        &columns.observed,
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Corrections, the newest first.
pub(super) async fn corrections(pool: &PgPool, rows_max: i64) -> Result<Vec<Kept>, sqlx::Error> {
    let rows = sqlx::query!(
        "SELECT cell, hour, mean, weight, observed_at FROM learned_corrections ORDER BY observed_at DESC LIMIT $1",
        rows_max,
    )
    .fetch_all(pool)
    .await?;
    let kept = rows.into_iter().map(|row| Kept {
        subject: Subject::Cell,
        key: row.cell,
        hour: row.hour,
        mean: row.mean,
        weight: row.weight,
        observed_at: row.observed_at,
    });
    Ok(kept.collect())
}

/// Deletes what was learned from nothing newer than `before`.
pub(super) async fn forget(pool: &PgPool, before: Timestamp) -> Result<(), sqlx::Error> {
    let before = DateTime::<Utc>::from(before);
    sqlx::query!("DELETE FROM learned_speeds WHERE observed_at < $1", before).execute(pool).await?;
    sqlx::query!("DELETE FROM learned_corrections WHERE observed_at < $1", before).execute(pool).await?;
    Ok(())
}
