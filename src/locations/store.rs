//! All SQL of this service: the position history, its partitions, its bulk copy.
//!
//! Separate because here alone is known that a day is a partition and a segment a row. Names of partitions are made in this
//! file from a calendar day and nothing else.

use chrono::NaiveDate;
use sqlx::postgres::PgPoolCopyExt;
use sqlx::{AssertSqlSafe, PgPool};

use super::history::segment::{Minute, Segment};
use crate::error::Error;
use crate::ids::DriverId;

pub(super) const MINUTES_PER_DAY: i32 = 1_440;
const COPY: &str = "COPY position_segments (driver_id, minute, points) FROM STDIN (FORMAT BINARY)";
/// What PostgreSQL's binary copy begins with: its signature, no flags, no further header.
const COPY_HEAD: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// And ends with.
const COPY_END: &[u8] = &(-1_i16).to_be_bytes();
/// Sent in pieces of about this size, so that a batch is not held in memory twice.
const COPY_PIECE_BYTES: usize = 256 * 1024;
/// How long making or dropping a partition waits for those who use the table; it is tried again later.
const LOCK_TIMEOUT: &str = "SET LOCAL lock_timeout = '2s'";

/// A day of the history: whole days since 1970 in UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Day(pub i32);

impl Day {
    /// The day of a minute.
    pub const fn of(minute: Minute) -> Self {
        Self(minute.0.div_euclid(MINUTES_PER_DAY))
    }

    /// Its date in the calendar.
    ///
    /// # Errors
    /// When it lies beyond the calendar.
    pub fn date(self) -> Result<NaiveDate, Error> {
        NaiveDate::from_epoch_days(self.0).ok_or_else(|| Error::internal("a day beyond the calendar"))
    }

    fn partition(self) -> Result<String, Error> {
        Ok(format!("position_segments_{}", self.date()?.format("%Y%m%d")))
    }

    fn from_partition(name: &str) -> Option<Self> {
        let date = NaiveDate::parse_from_str(name.strip_prefix("position_segments_")?, "%Y%m%d").ok()?;
        Some(Self(date.to_epoch_days()))
    }
}

/// The days that have a partition, in order.
///
/// # Errors
/// When the database does not answer.
pub async fn days(pool: &PgPool) -> Result<Vec<Day>, Error> {
    let names = sqlx::query_scalar!(
        r#"SELECT c.relname::text AS "name!" FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
           WHERE i.inhparent = 'position_segments'::regclass ORDER BY c.relname"#
    )
    .fetch_all(pool)
    .await?;
    Ok(names.iter().filter_map(|name| Day::from_partition(name)).collect())
}

/// Makes the partition of a day; one that is there already stays.
///
/// # Errors
/// When the database does not answer, or somebody holds the table for longer than two seconds.
pub async fn make_day(pool: &PgPool, day: Day) -> Result<(), Error> {
    let (from, to) = (day.0.saturating_mul(MINUTES_PER_DAY), day.0.saturating_add(1).saturating_mul(MINUTES_PER_DAY));
    let name = day.partition()?;
    change(
        pool,
        format!("CREATE TABLE IF NOT EXISTS {name} PARTITION OF position_segments FOR VALUES FROM ({from}) TO ({to})"),
    )
    .await
}

/// Drops a day with all that is in it.
///
/// # Errors
/// As [`make_day`].
pub async fn drop_day(pool: &PgPool, day: Day) -> Result<(), Error> {
    change(pool, format!("DROP TABLE IF EXISTS {}", day.partition()?)).await
}

async fn change(pool: &PgPool, statement: String) -> Result<(), Error> {
    let mut tx = pool.begin().await?;
    sqlx::raw_sql(LOCK_TIMEOUT).execute(&mut *tx).await?;
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut *tx).await?;
    tx.commit().await?;
    Ok(())
}

/// Writes segments, all or none. Written twice they are there twice, which no reader sees.
///
/// # Errors
/// When the database does not answer, or a segment is of a day without a partition.
pub async fn copy(pool: &PgPool, segments: &[Segment]) -> Result<u64, Error> {
    let mut copy = pool.copy_in_raw(COPY).await?;
    let mut piece = Vec::with_capacity(COPY_PIECE_BYTES + 4_096);
    piece.extend_from_slice(COPY_HEAD);
    for segment in segments {
        put_row(&mut piece, segment);
        if piece.len() >= COPY_PIECE_BYTES {
            copy.send(&*piece).await?;
            piece.clear();
        }
    }
    piece.extend_from_slice(COPY_END);
    copy.send(&*piece).await?;
    Ok(copy.finish().await?)
}

/// Three fields, each with its length before it.
fn put_row(bytes: &mut Vec<u8>, segment: &Segment) {
    let (driver, minute) = (segment.driver.0.as_bytes(), segment.minute.0.to_be_bytes());
    bytes.extend_from_slice(&3_i16.to_be_bytes());
    for field in [&driver[..], &minute[..], &segment.packed[..]] {
        // A segment has some kilobytes at most.
        bytes.extend_from_slice(&(field.len() as u32).to_be_bytes());
        bytes.extend_from_slice(field);
    }
}

/// A driver's segments from one minute to another, both included; `rows_max` at most.
///
/// # Errors
/// When the database does not answer.
pub async fn segments(
    pool: &PgPool,
    driver: DriverId,
    (from, to): (Minute, Minute),
    rows_max: i64,
) -> Result<Vec<Segment>, Error> {
    let rows = sqlx::query!(
        "SELECT minute, points FROM position_segments WHERE driver_id = $1 AND minute BETWEEN $2 AND $3
         ORDER BY minute LIMIT $4",
        driver.0,
        from.0,
        to.0,
        rows_max
    )
    .fetch_all(pool)
    .await?;
    let segment = |minute, points: Vec<u8>| Segment { driver, minute: Minute(minute), packed: points.into() };
    Ok(rows.into_iter().map(|row| segment(row.minute, row.points)).collect())
}
