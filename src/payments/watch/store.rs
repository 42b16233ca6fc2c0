//! SQL of the watch: each rule is one look at what happened within a day.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::Config;
use crate::ids::UserId;
use crate::money::Francs;
use crate::payments::providers::AttemptId;
use crate::time::{Span, Timestamp};

/// Findings of one rule in one look; more would be a fault of the thresholds.
const FINDINGS_MAX: i64 = 1_000;

/// A day.
const DAY: Span = Span::from_minutes(24 * 60);

/// What a rule found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Who.
    pub person: UserId,
    /// The other one, of a pair.
    pub other: Option<UserId>,
    /// The attempt, of a single one.
    pub attempt: Option<AttemptId>,
    /// How much.
    pub amount: Francs,
    /// How many.
    pub count: i64,
}

struct Row {
    person: Uuid,
    other: Option<Uuid>,
    attempt: Option<Uuid>,
    amount: i64,
    count: i64,
}

impl From<Row> for Finding {
    fn from(row: Row) -> Self {
        Self {
            person: UserId(row.person),
            other: row.other.map(UserId),
            attempt: row.attempt.map(AttemptId),
            amount: Francs(row.amount),
            count: row.count,
        }
    }
}

fn day_before(now: Timestamp) -> DateTime<Utc> {
    (now - DAY).into()
}

fn found(rows: Vec<Row>) -> Vec<Finding> {
    rows.into_iter().map(Finding::from).collect()
}

/// Single orders at or over the threshold, whatever became of them.
pub async fn single(pool: &PgPool, config: &Config, now: Timestamp) -> Result<Vec<Finding>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT person_id AS "person!", NULL::uuid AS other, id AS "attempt?", amount_rwf AS "amount!", 1::bigint AS "count!"
           FROM payment_attempts WHERE created_at > $1 AND amount_rwf >= $2
           ORDER BY created_at LIMIT $3"#,
        day_before(now),
        config.single_from.amount(),
        FINDINGS_MAX,
    )
    .fetch_all(pool)
    .await?;
    Ok(found(rows))
}

/// People whose paid rides and payouts of a day come to the threshold, cash included.
pub async fn aggregated(pool: &PgPool, config: &Config, now: Timestamp) -> Result<Vec<Finding>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT moved.person AS "person!", NULL::uuid AS other, NULL::uuid AS attempt, sum(moved.amount)::bigint AS "amount!",
                  count(*) AS "count!"
           FROM (SELECT intent.payer_id AS person, capture.amount_rwf + capture.surplus_rwf AS amount
                 FROM payment_captures capture JOIN payment_intents intent ON intent.id = capture.intent_id
                 WHERE capture.at > $1 AND capture.tender IN ('cash', 'mtn', 'airtel', 'card')
                 UNION ALL
                 SELECT driver_id, amount_rwf FROM payouts WHERE requested_at > $1 AND state NOT IN ('cancelled', 'rejected')
                ) AS moved
           GROUP BY moved.person HAVING sum(moved.amount)::bigint >= $2 ORDER BY moved.person LIMIT $3"#,
        day_before(now),
        config.day_from.amount(),
        FINDINGS_MAX,
    )
    .fetch_all(pool)
    .await?;
    Ok(found(rows))
}

/// Riders whose saved wallet is where another person, a driver, is paid.
pub async fn shared_wallets(pool: &PgPool, now: Timestamp) -> Result<Vec<Finding>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT w.driver_id AS "person!", m.rider_id AS "other?", NULL::uuid AS attempt, 0::bigint AS "amount!",
                  count(*) AS "count!"
           FROM payout_wallets w JOIN payment_methods m ON m.wallet_index = w.wallet_index AND m.rider_id <> w.driver_id
           WHERE w.changed_at > $1 OR m.created_at > $1
           GROUP BY w.driver_id, m.rider_id ORDER BY w.driver_id, m.rider_id LIMIT $2"#,
        day_before(now),
        FINDINGS_MAX,
    )
    .fetch_all(pool)
    .await?;
    Ok(found(rows))
}

/// Pairs of rider and driver with many small paid rides within a day.
pub async fn pairs(pool: &PgPool, config: &Config, now: Timestamp) -> Result<Vec<Finding>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT driver_id AS "person!", payer_id AS "other?", NULL::uuid AS attempt, sum(amount_rwf)::bigint AS "amount!",
                  count(*) AS "count!"
           FROM payment_intents
           WHERE created_at > $1 AND purpose = 'ride' AND state = 'succeeded' AND driver_id IS NOT NULL AND amount_rwf <= $2
           GROUP BY driver_id, payer_id HAVING count(*) > $3 ORDER BY driver_id, payer_id LIMIT $4"#,
        day_before(now),
        config.small_fare.amount(),
        config.small_rides_a_day_max,
        FINDINGS_MAX,
    )
    .fetch_all(pool)
    .await?;
    Ok(found(rows))
}

/// People with many declined collections within a day.
pub async fn declined(pool: &PgPool, config: &Config, now: Timestamp) -> Result<Vec<Finding>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT person_id AS "person!", NULL::uuid AS other, NULL::uuid AS attempt, sum(amount_rwf)::bigint AS "amount!",
                  count(*) AS "count!"
           FROM payment_attempts
           WHERE created_at > $1 AND operation = 'collection' AND state IN ('failed', 'rejected')
           GROUP BY person_id HAVING count(*) > $2 ORDER BY person_id LIMIT $3"#,
        day_before(now),
        config.declines_a_day_max,
        FINDINGS_MAX,
    )
    .fetch_all(pool)
    .await?;
    Ok(found(rows))
}

/// Wallets that several people were asked for money through, declined many times within a day: one finding for each of them.
pub async fn declined_wallets(pool: &PgPool, config: &Config, now: Timestamp) -> Result<Vec<Finding>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT a.person_id AS "person!", NULL::uuid AS other, NULL::uuid AS attempt, sum(a.amount_rwf)::bigint AS "amount!",
                  count(*) AS "count!"
           FROM payment_attempts a
           WHERE a.created_at > $1 AND a.operation = 'collection' AND a.state IN ('failed', 'rejected') AND a.wallet_index IN (
               SELECT wallet_index FROM payment_attempts
               WHERE created_at > $1 AND operation = 'collection' AND state IN ('failed', 'rejected')
                 AND wallet_index IS NOT NULL
               GROUP BY wallet_index HAVING count(*) > $2 AND count(DISTINCT person_id) > 1)
           GROUP BY a.person_id ORDER BY a.person_id LIMIT $3"#,
        day_before(now),
        config.declines_a_day_max,
        FINDINGS_MAX,
    )
    .fetch_all(pool)
    .await?;
    Ok(found(rows))
}

/// Collections that a person was asked for since an instant, and when the first of them was.
pub async fn attempts_since(
    conn: &mut PgConnection,
    person: UserId,
    since: Timestamp,
) -> Result<(i64, Option<Timestamp>), sqlx::Error> {
    let row = sqlx::query!(
        r#"SELECT count(*) AS "count!", min(created_at) AS first FROM payment_attempts
           WHERE person_id = $1 AND created_at > $2 AND operation = 'collection'"#,
        person.0,
        DateTime::<Utc>::from(since),
    )
    .fetch_one(conn)
    .await?;
    Ok((row.count, row.first.map(Timestamp::from)))
}
