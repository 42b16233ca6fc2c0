//! All SQL of referrals.

use chrono::{DateTime, Datelike as _, NaiveDate, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::ids::{RiderId, UserId};
use crate::money::Francs;
use crate::time::Timestamp;

/// A pair that waits for its reward.
#[derive(Clone, Debug)]
pub struct Referral {
    /// Which.
    pub id: Uuid,
    /// Who was brought along.
    pub referee: UserId,
    /// By whom.
    pub referrer: UserId,
}

/// What came of giving a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given {
    /// It is written down.
    Taken,
    /// It had been, the same.
    Again,
    /// Nobody's.
    Unknown,
    /// Of who gives it.
    Own,
    /// Another one was given before.
    Other,
    /// Who gives it has ridden.
    NotNew,
}

/// What came of a rider's code.
#[derive(Clone, Debug)]
pub struct Counts {
    /// How many gave it.
    pub invited: i64,
    /// How many of them were rewarded.
    pub rewarded: i64,
    /// What the rider got.
    pub earned: Francs,
    /// The state of the pair in which the rider is the newcomer.
    pub own: Option<String>,
}

/// The rider's code; `fresh` becomes it if there is none. `None` when that is somebody's.
pub async fn code_of(
    pool: &PgPool,
    rider: RiderId,
    fresh: &str,
    now: Timestamp,
) -> Result<Option<String>, sqlx::Error> {
    let known = sqlx::query_scalar!("SELECT code FROM referral_codes WHERE rider_id = $1", rider.0)
        .fetch_optional(pool)
        .await?;
    if known.is_some() {
        return Ok(known);
    }
    sqlx::query!(
        "INSERT INTO referral_codes (rider_id, code, created_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        rider.0,
        fresh,
        DateTime::<Utc>::from(now),
    )
    .execute(pool)
    .await?;
    sqlx::query_scalar!("SELECT code FROM referral_codes WHERE rider_id = $1", rider.0).fetch_optional(pool).await
}

/// What came of a rider's code.
pub async fn counts(pool: &PgPool, rider: RiderId) -> Result<Counts, sqlx::Error> {
    let row = sqlx::query!(
        r#"SELECT count(*) AS "invited!", count(*) FILTER (WHERE state = 'rewarded') AS "rewarded!",
                  coalesce(sum(reward_rwf), 0)::bigint AS "earned!",
                  (SELECT state FROM referrals WHERE referee_id = $1) AS own
           FROM referrals WHERE referrer_id = $1"#,
        rider.0
    )
    .fetch_one(pool)
    .await?;
    Ok(Counts { invited: row.invited, rewarded: row.rewarded, earned: Francs(row.earned), own: row.own })
}

/// Writes down who brought a rider along.
pub async fn give(pool: &PgPool, rider: RiderId, code: &str, now: Timestamp) -> Result<Given, sqlx::Error> {
    let referrer =
        sqlx::query_scalar!("SELECT rider_id FROM referral_codes WHERE code = $1", code).fetch_optional(pool).await?;
    let Some(referrer) = referrer else { return Ok(Given::Unknown) };
    if referrer == rider.0 {
        return Ok(Given::Own);
    }
    let written = sqlx::query!(
        "INSERT INTO referrals (id, referee_id, referrer_id, state, given_at)
         SELECT $1, $2, $3, 'waiting', $4
         WHERE NOT EXISTS (SELECT FROM rides WHERE rider_id = $2 AND status = 'completed')
         ON CONFLICT ON CONSTRAINT referrals_referee DO NOTHING",
        Uuid::now_v7(),
        rider.0,
        referrer,
        DateTime::<Utc>::from(now),
    )
    .execute(pool)
    .await?;
    if written.rows_affected() == 1 {
        return Ok(Given::Taken);
    }
    let before = sqlx::query_scalar!("SELECT referrer_id FROM referrals WHERE referee_id = $1", rider.0)
        .fetch_optional(pool)
        .await?;
    Ok(match before {
        Some(before) if before == referrer => Given::Again,
        Some(_) => Given::Other,
        None => Given::NotNew,
    })
}

/// Pairs whose newcomer has paid for a ride, the oldest first.
pub async fn due(pool: &PgPool, most: i64) -> Result<Vec<Referral>, sqlx::Error> {
    let rows = sqlx::query!(
        "SELECT id, referee_id, referrer_id FROM referrals
         WHERE state = 'waiting' AND EXISTS (
             SELECT FROM payment_intents i
             WHERE i.payer_id = referee_id AND i.purpose = 'ride' AND i.state = 'succeeded')
         ORDER BY given_at LIMIT $1",
        most
    )
    .fetch_all(pool)
    .await?;
    let pair = |id, referee, referrer| Referral { id, referee: UserId(referee), referrer: UserId(referrer) };
    Ok(rows.into_iter().map(|row| pair(row.id, row.referee_id, row.referrer_id)).collect())
}

/// Takes an amount from the budget of a day's month; `false` when it does not reach.
pub async fn spend(
    conn: &mut PgConnection,
    day: NaiveDate,
    amount: Francs,
    budget: Francs,
) -> Result<bool, sqlx::Error> {
    let month = day.with_day(1).unwrap_or(day);
    sqlx::query!("INSERT INTO referral_months (month, spent_rwf) VALUES ($1, 0) ON CONFLICT DO NOTHING", month)
        .execute(&mut *conn)
        .await?;
    let spent = sqlx::query!(
        "UPDATE referral_months SET spent_rwf = spent_rwf + $2 WHERE month = $1 AND spent_rwf + $2 <= $3",
        month,
        amount.amount(),
        budget.amount(),
    )
    .execute(conn)
    .await?;
    Ok(spent.rows_affected() == 1)
}

/// Closes a pair, rewarded or (with nothing) not; `false` when somebody else did.
pub async fn close(conn: &mut PgConnection, id: Uuid, reward: Francs, now: Timestamp) -> Result<bool, sqlx::Error> {
    let closed = sqlx::query!(
        "UPDATE referrals SET state = CASE WHEN $2::bigint > 0 THEN 'rewarded' ELSE 'unfunded' END, reward_rwf = $2, closed_at = $3
         WHERE id = $1 AND state = 'waiting'",
        id,
        reward.amount(),
        DateTime::<Utc>::from(now),
    )
    .execute(conn)
    .await?;
    Ok(closed.rows_affected() == 1)
}
