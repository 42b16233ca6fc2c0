//! All SQL on what rounds decided and why.

use chrono::{DateTime, Utc};
use rustc_hash::FxHashMap;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::packed::{pack, unpack};
use super::round::RideRound;
use crate::error::Error;
use crate::ids::{DriverId, RideId};
use crate::time::{Span, Timestamp};
use crate::web::page::PageRequest;

/// The words of a round that may be stored.
const TRIGGERS: [&str; 2] = ["at_once", "gathered"];
const MEANS: [&str; 4] = ["exact", "nearest", "out_of_steps", "uncertified"];

/// Columns of the rows that are written.
#[derive(Default)]
struct Columns {
    rides: Vec<Uuid>,
    rounds: Vec<i16>,
    at: Vec<DateTime<Utc>>,
    triggers: Vec<String>,
    means: Vec<String>,
    certified: Vec<bool>,
    waited_ms: Vec<i64>,
    unassigned_ms: Vec<i64>,
    prices_ms: Vec<i64>,
    chosen: Vec<Option<Uuid>>,
    runners_up: Vec<Option<Uuid>>,
    offers: Vec<Option<i32>>,
    considered: Vec<Vec<u8>>,
}

impl Columns {
    fn push(&mut self, ride: RideId, round: &RideRound) {
        self.rides.push(ride.0);
        self.rounds.push(i16::try_from(round.round).unwrap_or(i16::MAX));
        self.at.push(round.at.into());
        self.triggers.push(round.trigger.to_owned());
        self.means.push(round.means.to_owned());
        self.certified.push(round.certified);
        self.waited_ms.push(round.waited.as_millis());
        self.unassigned_ms.push(round.unassigned_ms);
        self.prices_ms.push(round.price_ms);
        self.chosen.push(round.chosen.map(|driver| driver.0));
        self.runners_up.push(round.runner_up.map(|driver| driver.0));
        self.offers.push(round.offer.map(i32::from));
        self.considered.push(pack(&round.considered));
    }
}

/// Writes rounds: all of them in one statement. What is there already stays.
///
/// # Errors
/// Whatever the database says.
pub async fn insert(conn: &mut PgConnection, rounds: &[(RideId, RideRound)]) -> Result<(), sqlx::Error> {
    if rounds.is_empty() {
        return Ok(());
    }
    let mut columns = Columns::default();
    for (ride, round) in rounds {
        columns.push(*ride, round);
    }
    sqlx::query!(
        "INSERT INTO ride_decisions (ride_id, round, at, trigger, means, certified, waited_ms, unassigned_ms, price_ms,
                                     chosen, runner_up, offer, considered)
         SELECT * FROM unnest($1::uuid[], $2::smallint[], $3::timestamptz[], $4::text[], $5::text[], $6::boolean[],
                              $7::bigint[], $8::bigint[], $9::bigint[], $10::uuid[], $11::uuid[], $12::integer[],
                              $13::bytea[])
         ON CONFLICT (ride_id, round) DO NOTHING",
        &columns.rides,
        &columns.rounds,
        &columns.at,
        &columns.triggers,
        &columns.means,
        &columns.certified,
        &columns.waited_ms,
        &columns.unassigned_ms,
        &columns.prices_ms,
        &columns.chosen as &[Option<Uuid>],
        &columns.runners_up as &[Option<Uuid>],
        &columns.offers as &[Option<i32>],
        &columns.considered,
    )
    .execute(conn)
    .await?;
    Ok(())
}

struct Row {
    ride_id: Uuid,
    round: i16,
    at: DateTime<Utc>,
    trigger: String,
    means: String,
    certified: bool,
    waited_ms: i64,
    unassigned_ms: i64,
    price_ms: i64,
    chosen: Option<Uuid>,
    runner_up: Option<Uuid>,
    offer: Option<i32>,
    considered: Vec<u8>,
    /// How the offer to the driver who asks ended.
    outcome: Option<String>,
}

impl TryFrom<Row> for RideRound {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let unreadable = |what: &str| Error::internal(format!("round {} of ride {}: {what}", row.round, row.ride_id));
        let known = |words: &[&'static str], word: &str| words.iter().copied().find(|known| *known == word);
        Ok(Self {
            round: u16::try_from(row.round).map_err(Error::internal)?,
            at: row.at.into(),
            trigger: known(&TRIGGERS, &row.trigger).ok_or_else(|| unreadable("trigger"))?,
            means: known(&MEANS, &row.means).ok_or_else(|| unreadable("means"))?,
            certified: row.certified,
            waited: Span::from_millis(row.waited_ms),
            unassigned_ms: row.unassigned_ms,
            price_ms: row.price_ms,
            chosen: row.chosen.map(DriverId),
            runner_up: row.runner_up.map(DriverId),
            offer: row.offer.and_then(|ordinal| u16::try_from(ordinal).ok()),
            considered: unpack(&row.considered).map_err(|error| unreadable(&error.to_string()))?,
        })
    }
}

/// The rounds of a ride, in order: bounded by what is kept of one ride.
///
/// # Errors
/// When the database does not answer, or a row is not readable.
pub async fn rounds(pool: &PgPool, ride: RideId) -> Result<Vec<RideRound>, Error> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT ride_decisions.*, NULL::text AS outcome FROM ride_decisions WHERE ride_id = $1 ORDER BY round",
        ride.0
    );
    rows.fetch_all(pool).await?.into_iter().map(RideRound::try_from).collect()
}

/// How many rounds of these rides are kept.
///
/// # Errors
/// When the database does not answer.
pub async fn counts(pool: &PgPool, rides: &[RideId]) -> Result<FxHashMap<RideId, u16>, Error> {
    let ids: Vec<Uuid> = rides.iter().map(|ride| ride.0).collect();
    let rows = sqlx::query!(
        r#"SELECT ride_id, max(round) AS "rounds!" FROM ride_decisions WHERE ride_id = ANY($1) GROUP BY ride_id"#,
        &ids
    );
    let rows = rows.fetch_all(pool).await?;
    Ok(rows.into_iter().map(|row| (RideId(row.ride_id), row.rounds.unsigned_abs())).collect())
}

/// Which rides a driver asks about.
#[derive(Clone, Copy, Debug)]
pub enum Asked {
    /// Those of which something was decided at or after, of the newest so many rounds of the city at most.
    Since(Timestamp, i64),
    /// This one.
    Ride(RideId),
}

/// A ride that went to somebody else.
#[derive(Debug)]
pub struct Missed {
    /// Which.
    pub ride: RideId,
    /// The round to explain it by.
    pub round: RideRound,
    /// Whether the driver who asks had it on offer in that round and did not take it.
    pub was_passed: bool,
}

/// How an offer ends that its driver did not take. Every other end is somebody else's doing.
const PASSED: [&str; 3] = ["declined", "expired", "driver_lost"];

/// Of rides that went to somebody else the newest round in which a driver was looked at, newest first, one more than the page
/// holds. Rounds in which somebody was chosen come before those in which nobody was.
///
/// # Errors
/// When the database does not answer, or a row is not readable.
pub async fn went_elsewhere(
    pool: &PgPool,
    driver: DriverId,
    asked: Asked,
    page: &PageRequest,
) -> Result<Vec<Missed>, Error> {
    let (since, scan_max, ride) = match asked {
        Asked::Since(since, scan_max) => (Some(DateTime::<Utc>::from(since)), scan_max, None),
        Asked::Ride(ride) => (None, i64::from(i16::MAX), Some(ride.0)),
    };
    // The sixteen bytes of an id stand as they are in what was packed.
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT ride_id AS "ride_id!", round AS "round!", at AS "at!", trigger AS "trigger!", means AS "means!",
                  certified AS "certified!", waited_ms AS "waited_ms!", unassigned_ms AS "unassigned_ms!",
                  price_ms AS "price_ms!", chosen, runner_up, offer, considered AS "considered!",
                  (SELECT outcome FROM offers
                   WHERE offers.ride_id = newest.ride_id AND ordinal = newest.offer AND driver_id = $1) AS outcome
           FROM (SELECT DISTINCT ON (looked.ride_id) looked.*
                 FROM (SELECT * FROM ride_decisions
                       WHERE ($2::timestamptz IS NULL OR at >= $2) AND ($3::uuid IS NULL OR ride_id = $3)
                       ORDER BY at DESC LIMIT $4) AS looked
                 JOIN rides ON rides.id = looked.ride_id
                 WHERE position(uuid_send($1) IN looked.considered) > 0
                   AND rides.driver_id IS NOT NULL AND rides.driver_id <> $1
                 ORDER BY looked.ride_id, looked.chosen IS NULL, looked.round DESC) AS newest
           WHERE $5::timestamptz IS NULL OR (at, ride_id) < ($5, $6::uuid)
           ORDER BY at DESC, ride_id DESC LIMIT $7"#,
        driver.0,
        since,
        ride,
        scan_max,
        page.before.map(|position| DateTime::<Utc>::from(position.at)),
        page.before.map(|position| position.id),
        page.limit + 1,
    )
    .fetch_all(pool)
    .await?;
    let missed = |row: Row| {
        let was_passed = row.outcome.as_deref().is_some_and(|outcome| PASSED.contains(&outcome));
        Ok(Missed { ride: RideId(row.ride_id), round: RideRound::try_from(row)?, was_passed })
    };
    rows.into_iter().map(missed).collect()
}

/// Deletes what is older, a bounded number of rows. How many were.
///
/// # Errors
/// When the database does not answer.
pub async fn delete_before(pool: &PgPool, before: Timestamp, rows_max: i64) -> Result<u64, Error> {
    let done = sqlx::query!(
        "DELETE FROM ride_decisions WHERE ctid = ANY(ARRAY(
             SELECT ctid FROM ride_decisions WHERE at < $1 LIMIT $2))",
        DateTime::<Utc>::from(before),
        rows_max
    )
    .execute(pool)
    .await?;
    Ok(done.rows_affected())
}
