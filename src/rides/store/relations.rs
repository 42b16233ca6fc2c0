//! SQL on `ride_relations`, and what past rides and offers say of people.

use chrono::{DateTime, Utc};
use rustc_hash::FxHashMap;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::error::Error;
use crate::ids::{DriverId, RiderId};
use crate::matching::record::Record;
use crate::rides::relations::Bond;
use crate::rides::standing::Standing;
use crate::rides::words::Relation;
use crate::time::Timestamp;

/// Drivers that one rider is kept apart from at most: the newest count.
const AVOIDED_MAX: i64 = 1_000;
/// Offers or rides that a start reads for the records of everybody: about a second.
const ROWS_AT_ONCE: i64 = 200_000;

/// How far back records look.
#[derive(Clone, Copy, Debug)]
pub struct Since {
    /// Nothing before.
    pub from: Timestamp,
    /// And the newest of these only.
    pub newest: i64,
}

impl Since {
    /// For so many people at once: a start does not wait for all that a whole city ever did.
    #[must_use]
    pub fn for_many(self, people: usize) -> Self {
        let share = ROWS_AT_ONCE / i64::try_from(people.max(1)).unwrap_or(i64::MAX);
        Self { newest: share.clamp(10, self.newest.max(10)), ..self }
    }
}

/// Whose relations.
#[derive(Clone, Copy, Debug)]
pub enum Holder {
    /// What a rider wishes of drivers.
    Rider(RiderId),
    /// What a driver wishes of riders.
    Driver(DriverId),
}

impl Holder {
    const fn role(self) -> &'static str {
        match self {
            Self::Rider(_) => "customer",
            Self::Driver(_) => "driver",
        }
    }
}

/// Everything a booking needs to know of its rider, in one question.
pub async fn standing(pool: &PgPool, rider: RiderId, since: Since) -> Result<Standing, Error> {
    let riders = standings(pool, &[rider], since).await?;
    Ok(riders.into_values().next().unwrap_or_default())
}

/// As [`standing`], of many riders: what a restart asks. Whose ride ended with an excuse is not blamed for it.
pub async fn standings(pool: &PgPool, riders: &[RiderId], since: Since) -> Result<FxHashMap<RiderId, Standing>, Error> {
    let ids: Vec<Uuid> = riders.iter().map(|rider| rider.0).collect();
    let rows = sqlx::query!(
        r#"SELECT asked.rider_id AS "rider_id!",
                  ARRAY(SELECT driver_id FROM ride_relations r WHERE r.rider_id = asked.rider_id AND r.kind = 'blocked'
                        ORDER BY created_at DESC, driver_id LIMIT $4) AS "avoid!: Vec<Uuid>",
                  ARRAY(SELECT driver_id FROM ride_relations r WHERE r.rider_id = asked.rider_id AND r.kind = 'favourite'
                        ORDER BY created_at DESC, driver_id) AS "favour!: Vec<Uuid>",
                  past.kept AS "kept!", past.broken AS "broken!"
           FROM unnest($1::uuid[]) AS asked (rider_id)
           CROSS JOIN LATERAL (
               SELECT count(*) FILTER (WHERE status = 'completed') AS kept,
                      count(*) FILTER (WHERE cancellation_cause IN ('in_time', 'driver_on_the_way', 'no_show')) AS broken
               FROM (SELECT status, cancellation_cause FROM rides
                     WHERE rides.rider_id = asked.rider_id AND requested_at >= $2
                     ORDER BY requested_at DESC LIMIT $3) AS recent) AS past"#,
        &ids,
        DateTime::<Utc>::from(since.from),
        since.newest,
        AVOIDED_MAX,
    )
    .fetch_all(pool)
    .await?;
    let drivers = |ids: Vec<Uuid>| ids.into_iter().map(DriverId).collect();
    Ok(rows
        .into_iter()
        .map(|row| {
            let record = record(row.kept, row.broken);
            (RiderId(row.rider_id), Standing { avoid: drivers(row.avoid), favour: drivers(row.favour), record })
        })
        .collect())
}

/// Of each driver's newest offers, how many were taken and how many were not. An offer that was withdrawn, or that
/// another driver was quicker to take, counts for nothing; one that was taken and given back counts as not taken.
pub async fn driver_records(
    pool: &PgPool,
    drivers: &[DriverId],
    since: Since,
) -> Result<FxHashMap<DriverId, Record>, Error> {
    let ids: Vec<Uuid> = drivers.iter().map(|driver| driver.0).collect();
    let rows = sqlx::query!(
        r#"SELECT asked.driver_id AS "driver_id!", past.kept AS "kept!", past.broken AS "broken!"
           FROM unnest($1::uuid[]) AS asked (driver_id)
           CROSS JOIN LATERAL (
               SELECT count(*) FILTER (WHERE outcome = 'accepted' AND NOT given_back) AS kept,
                      count(*) FILTER (WHERE outcome IN ('declined', 'expired') OR given_back) AS broken
               FROM (SELECT outcome, outcome = 'accepted' AND EXISTS (
                                SELECT FROM ride_events e
                                WHERE e.ride_id = recent.ride_id AND e.kind IN ('driver_released', 'cancelled_by_driver')
                                  AND (e.actor_id = asked.driver_id
                                       OR e.kind = 'driver_released' AND e.data ->> 'driver_id' = asked.driver_id::text
                                          AND e.data ->> 'reason' IN ('stalled', 'went_away', 'went_dark'))) AS given_back
                     FROM (SELECT ride_id, outcome FROM offers
                           WHERE offers.driver_id = asked.driver_id AND offered_at >= $2
                           ORDER BY offered_at DESC LIMIT $3) AS recent) AS judged) AS past"#,
        &ids,
        DateTime::<Utc>::from(since.from),
        since.newest,
    )
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(|row| (DriverId(row.driver_id), record(row.kept, row.broken))).collect())
}

fn record(kept: i64, broken: i64) -> Record {
    let count = |counted| u32::try_from(counted).unwrap_or(u32::MAX);
    Record { kept: count(kept), broken: count(broken) }
}

/// Whether the two had a ride together: one that this driver took, whatever became of it; or one that was completed.
pub async fn met(pool: &PgPool, rider: RiderId, driver: DriverId, relation: Relation) -> Result<bool, Error> {
    let met = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM rides WHERE rider_id = $1 AND driver_id = $2 AND status = 'completed')
                  OR ($3 AND EXISTS (SELECT FROM rides JOIN offers ON ride_id = id
                                     WHERE rider_id = $1 AND offers.driver_id = $2 AND outcome = 'accepted')) AS "met!""#,
        rider.0,
        driver.0,
        relation == Relation::Blocked,
    )
    .fetch_one(pool)
    .await?;
    Ok(met)
}

/// Holds other changes of the same person's relations off until the end of the transaction, so that a maximum holds.
pub async fn lock_relations(conn: &mut PgConnection, holder: Holder) -> Result<(), Error> {
    let id = match holder {
        Holder::Rider(rider) => rider.0,
        Holder::Driver(driver) => driver.0,
    };
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended('ride_relations' || $1::text, 0))", id.to_string())
        .execute(conn)
        .await?;
    Ok(())
}

/// How many relations of a kind somebody has, beside the one with this other person.
pub async fn relations_beside(
    conn: &mut PgConnection,
    holder: Holder,
    other: Uuid,
    relation: Relation,
) -> Result<i64, Error> {
    let count = match holder {
        Holder::Rider(rider) => {
            sqlx::query_scalar!(
                r#"SELECT count(*) AS "count!" FROM ride_relations
                   WHERE rider_id = $1 AND by_role = 'customer' AND kind = $2 AND driver_id <> $3"#,
                rider.0,
                relation.as_str(),
                other
            )
            .fetch_one(conn)
            .await?
        }
        Holder::Driver(driver) => {
            sqlx::query_scalar!(
                r#"SELECT count(*) AS "count!" FROM ride_relations
                   WHERE driver_id = $1 AND by_role = 'driver' AND kind = $2 AND rider_id <> $3"#,
                driver.0,
                relation.as_str(),
                other
            )
            .fetch_one(conn)
            .await?
        }
    };
    Ok(count)
}

/// Writes a relation in place of the one before; saying the same again leaves it as it is.
pub async fn put_relation(
    conn: &mut PgConnection,
    holder: Holder,
    pair: (RiderId, DriverId),
    bond: Bond<()>,
) -> Result<Timestamp, Error> {
    let since = sqlx::query_scalar!(
        "INSERT INTO ride_relations (rider_id, driver_id, by_role, kind, created_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (rider_id, driver_id, by_role) DO UPDATE
         SET kind = EXCLUDED.kind,
             created_at = CASE WHEN ride_relations.kind = EXCLUDED.kind THEN ride_relations.created_at
                               ELSE EXCLUDED.created_at END
         RETURNING created_at",
        pair.0.0,
        pair.1.0,
        holder.role(),
        bond.relation.as_str(),
        DateTime::<Utc>::from(bond.since),
    )
    .fetch_one(conn)
    .await?;
    Ok(since.into())
}

/// Takes a relation away, if there is one.
pub async fn delete_relation(pool: &PgPool, holder: Holder, pair: (RiderId, DriverId)) -> Result<(), Error> {
    sqlx::query!(
        "DELETE FROM ride_relations WHERE rider_id = $1 AND driver_id = $2 AND by_role = $3",
        pair.0.0,
        pair.1.0,
        holder.role()
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// A rider's relations with drivers, newest first: bounded by how many one may have.
pub async fn relations_of_rider(pool: &PgPool, rider: RiderId) -> Result<Vec<Bond<DriverId>>, Error> {
    let rows = sqlx::query!(
        "SELECT driver_id, kind, created_at FROM ride_relations WHERE rider_id = $1 AND by_role = 'customer'
         ORDER BY created_at DESC, driver_id",
        rider.0
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter().map(|row| bond(DriverId(row.driver_id), &row.kind, row.created_at)).collect()
}

/// The riders whom a driver blocked, newest first: bounded by how many one may block.
pub async fn relations_of_driver(pool: &PgPool, driver: DriverId) -> Result<Vec<Bond<RiderId>>, Error> {
    let rows = sqlx::query!(
        "SELECT rider_id, kind, created_at FROM ride_relations WHERE driver_id = $1 AND by_role = 'driver'
         ORDER BY created_at DESC, rider_id",
        driver.0
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter().map(|row| bond(RiderId(row.rider_id), &row.kind, row.created_at)).collect()
}

fn bond<T>(with: T, kind: &str, since: DateTime<Utc>) -> Result<Bond<T>, Error> {
    let relation = Relation::from_word(kind).ok_or_else(|| Error::internal("unknown kind in ride_relations"))?;
    Ok(Bond { with, relation, since: since.into() })
}
