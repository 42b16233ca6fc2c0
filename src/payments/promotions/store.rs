//! All SQL of promotions. A budget changes by conditional updates only, so that it holds whoever else is at it.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor, PgPool};
use uuid::Uuid;

use super::tips::Tip;
use super::{Discount, State};
use crate::ids::{DriverId, RideId, RiderId, UserId};
use crate::money::{BasisPoints, Francs};
use crate::time::Timestamp;
use crate::web::page::{PageRequest, Position};

/// A promotion as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promotion {
    /// Which.
    pub id: Uuid,
    /// As people type it, in capitals.
    pub code: String,
    /// What it takes off a fare.
    pub discount: Discount,
    /// For which rides; for all when empty.
    pub ride_types: Vec<String>,
    /// From when on.
    pub valid_from: Timestamp,
    /// Before when.
    pub valid_until: Timestamp,
    /// Only for riders without a completed ride.
    pub new_riders_only: bool,
    /// Shown to riders who did not ask for it.
    pub is_shown: bool,
    /// How often one rider may use it.
    pub uses_per_rider: i32,
    /// What it may cost in all.
    pub budget: Francs,
    /// What of it is kept or used.
    pub committed: Francs,
    /// Where it is.
    pub state: State,
    /// By whom.
    pub proposed_by: UserId,
    /// When.
    pub proposed_at: Timestamp,
    /// By whom, where a second person was needed.
    pub approved_by: Option<UserId>,
    /// When.
    pub approved_at: Option<Timestamp>,
    /// When it was ended by hand.
    pub ended_at: Option<Timestamp>,
}

impl Promotion {
    /// Where it stands in a list.
    pub fn position(&self) -> Position {
        Position { at: self.proposed_at, id: self.id }
    }
}

/// What came of an attempt to keep money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// Under this id.
    Reserved(Uuid),
    /// The budget does not reach, or it was ended meanwhile.
    Spent,
    /// The rider had it as often as one may.
    UsedUp,
    /// The rider has ridden before.
    NotNew,
    /// The ride was booked with another code, or is somebody else's.
    OtherRide,
}

/// A row of `promotions`.
struct Row {
    id: Uuid,
    code: String,
    share_basis_points: Option<i32>,
    cap_rwf: Option<i64>,
    flat_rwf: Option<i64>,
    ride_types: Vec<String>,
    valid_from: DateTime<Utc>,
    valid_until: DateTime<Utc>,
    new_riders_only: bool,
    is_shown: bool,
    uses_per_rider: i32,
    budget_rwf: i64,
    committed_rwf: i64,
    state: String,
    proposed_by: Uuid,
    proposed_at: DateTime<Utc>,
    approved_by: Option<Uuid>,
    approved_at: Option<DateTime<Utc>>,
    ended_at: Option<DateTime<Utc>>,
}

impl TryFrom<Row> for Promotion {
    type Error = sqlx::Error;

    fn try_from(row: Row) -> Result<Self, sqlx::Error> {
        let broken = |what: &str| sqlx::Error::Decode(format!("the promotion {} has no {what}", row.id).into());
        let discount = match (row.share_basis_points, row.cap_rwf, row.flat_rwf) {
            (Some(share), Some(cap), None) => {
                let share = u32::try_from(share).map_err(|_| broken("share"))?;
                Discount::Share(BasisPoints(share), Francs(cap))
            }
            (None, None, Some(flat)) => Discount::Flat(Francs(flat)),
            _ => return Err(broken("discount")),
        };
        Ok(Self {
            id: row.id,
            discount,
            state: State::from_name(&row.state).ok_or_else(|| broken("state"))?,
            code: row.code,
            ride_types: row.ride_types,
            valid_from: row.valid_from.into(),
            valid_until: row.valid_until.into(),
            new_riders_only: row.new_riders_only,
            is_shown: row.is_shown,
            uses_per_rider: row.uses_per_rider,
            budget: Francs(row.budget_rwf),
            committed: Francs(row.committed_rwf),
            proposed_by: UserId(row.proposed_by),
            proposed_at: row.proposed_at.into(),
            approved_by: row.approved_by.map(UserId),
            approved_at: row.approved_at.map(Timestamp::from),
            ended_at: row.ended_at.map(Timestamp::from),
        })
    }
}

/// Writes a new promotion; `false` when there is one of that code.
pub async fn insert(conn: &mut PgConnection, new: &Promotion) -> Result<bool, sqlx::Error> {
    let (share, cap, flat) = match new.discount {
        Discount::Share(share, cap) => (i32::try_from(share.0).ok(), Some(cap.amount()), None),
        Discount::Flat(flat) => (None, None, Some(flat.amount())),
    };
    let written = sqlx::query!(
        "INSERT INTO promotions (id, code, share_basis_points, cap_rwf, flat_rwf, ride_types, valid_from, valid_until,
             new_riders_only, is_shown, uses_per_rider, budget_rwf, state, proposed_by, proposed_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
         ON CONFLICT ON CONSTRAINT promotions_code DO NOTHING",
        new.id,
        new.code,
        share,
        cap,
        flat,
        &new.ride_types,
        DateTime::<Utc>::from(new.valid_from),
        DateTime::<Utc>::from(new.valid_until),
        new.new_riders_only,
        new.is_shown,
        new.uses_per_rider,
        new.budget.amount(),
        new.state.as_str(),
        new.proposed_by.0,
        DateTime::<Utc>::from(new.proposed_at),
    )
    .execute(conn)
    .await?;
    Ok(written.rows_affected() == 1)
}

/// The promotion of that code.
pub async fn by_code(db: impl PgExecutor<'_>, code: &str) -> Result<Option<Promotion>, sqlx::Error> {
    let row = sqlx::query_as!(
        Row,
        "SELECT id, code, share_basis_points, cap_rwf, flat_rwf, ride_types, valid_from, valid_until, new_riders_only,
                is_shown, uses_per_rider, budget_rwf, committed_rwf, state, proposed_by, proposed_at, approved_by,
                approved_at, ended_at
         FROM promotions WHERE code = $1",
        code
    )
    .fetch_optional(db)
    .await?;
    row.map(Promotion::try_from).transpose()
}

/// That promotion, and nobody else changes it before the end of the transaction.
pub async fn lock(conn: &mut PgConnection, id: Uuid) -> Result<Option<Promotion>, sqlx::Error> {
    let row = sqlx::query_as!(
        Row,
        "SELECT id, code, share_basis_points, cap_rwf, flat_rwf, ride_types, valid_from, valid_until, new_riders_only,
                is_shown, uses_per_rider, budget_rwf, committed_rwf, state, proposed_by, proposed_at, approved_by,
                approved_at, ended_at
         FROM promotions WHERE id = $1 FOR UPDATE",
        id
    )
    .fetch_optional(conn)
    .await?;
    row.map(Promotion::try_from).transpose()
}

/// A page of all, newest first, one more than it holds; of one state if asked for.
pub async fn list(pool: &PgPool, state: Option<State>, page: &PageRequest) -> Result<Vec<Promotion>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT id, code, share_basis_points, cap_rwf, flat_rwf, ride_types, valid_from, valid_until, new_riders_only,
                is_shown, uses_per_rider, budget_rwf, committed_rwf, state, proposed_by, proposed_at, approved_by,
                approved_at, ended_at
         FROM promotions
         WHERE ($1::text IS NULL OR state = $1) AND ($2::timestamptz IS NULL OR (proposed_at, id) < ($2, $3::uuid))
         ORDER BY proposed_at DESC, id DESC LIMIT $4",
        state.map(State::as_str),
        page.before.map(|before| DateTime::<Utc>::from(before.at)),
        page.before.map(|before| before.id),
        page.limit + 1,
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter().map(Promotion::try_from).collect()
}

/// What a rider can use now: what is shown to everybody and what they had before, as long as there is something left of it.
pub async fn open_to(pool: &PgPool, rider: RiderId, now: Timestamp) -> Result<Vec<(Promotion, i32)>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT p.id, p.uses_per_rider - (SELECT count(*) FROM promotion_uses u WHERE u.promotion_id = p.id
                      AND u.rider_id = $1 AND u.state <> 'released')::int AS "left!"
           FROM promotions p
           WHERE p.state = 'active' AND p.valid_from <= $2 AND p.valid_until > $2 AND p.committed_rwf < p.budget_rwf
             AND (p.is_shown OR EXISTS (SELECT FROM promotion_uses u WHERE u.promotion_id = p.id AND u.rider_id = $1))
             AND NOT (p.new_riders_only
                      AND EXISTS (SELECT FROM rides r WHERE r.rider_id = $1 AND r.status = 'completed'))
           ORDER BY p.valid_until, p.id LIMIT 50"#,
        rider.0,
        DateTime::<Utc>::from(now),
    )
    .fetch_all(pool)
    .await?;
    let mut open = Vec::with_capacity(rows.len());
    for row in rows.into_iter().filter(|row| row.left > 0) {
        let mut conn = pool.acquire().await?;
        if let Some(promotion) = find(&mut *conn, row.id).await? {
            open.push((promotion, row.left));
        }
    }
    Ok(open)
}

async fn find(db: impl PgExecutor<'_>, id: Uuid) -> Result<Option<Promotion>, sqlx::Error> {
    let row = sqlx::query_as!(
        Row,
        "SELECT id, code, share_basis_points, cap_rwf, flat_rwf, ride_types, valid_from, valid_until, new_riders_only,
                is_shown, uses_per_rider, budget_rwf, committed_rwf, state, proposed_by, proposed_at, approved_by,
                approved_at, ended_at
         FROM promotions WHERE id = $1",
        id
    )
    .fetch_optional(db)
    .await?;
    row.map(Promotion::try_from).transpose()
}

/// Approved by a second person; `false` when it is not waiting for that any more.
pub async fn approve(conn: &mut PgConnection, id: Uuid, by: UserId, now: Timestamp) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "UPDATE promotions SET state = 'active', approved_by = $2, approved_at = $3 WHERE id = $1 AND state = 'proposed'",
        id,
        by.0,
        DateTime::<Utc>::from(now),
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Ended; `false` when it was before.
pub async fn end(
    conn: &mut PgConnection,
    id: Uuid,
    by: UserId,
    reason: &str,
    now: Timestamp,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "UPDATE promotions SET state = 'ended', ended_by = $2, end_reason = $3, ended_at = $4
         WHERE id = $1 AND state <> 'ended'",
        id,
        by.0,
        reason,
        DateTime::<Utc>::from(now),
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// What is kept for the ride already.
pub async fn kept_for(
    db: impl PgExecutor<'_>,
    promotion: Uuid,
    rider: RiderId,
    ride: RideId,
) -> Result<Option<Kept>, sqlx::Error> {
    let row = sqlx::query!("SELECT id, promotion_id, rider_id, state FROM promotion_uses WHERE ride_id = $1", ride.0)
        .fetch_optional(db)
        .await?;
    Ok(row.map(|row| {
        let is_same = row.promotion_id == promotion && row.rider_id == rider.0 && row.state != "released";
        if is_same { Kept::Reserved(row.id) } else { Kept::OtherRide }
    }))
}

/// Why nothing would be kept now; nothing is.
pub async fn would_keep(
    pool: &PgPool,
    promotion: &Promotion,
    rider: RiderId,
    amount: Francs,
) -> Result<Option<Kept>, sqlx::Error> {
    let mut conn = pool.acquire().await?;
    if promotion.committed.checked_add(amount).is_none_or(|committed| committed > promotion.budget) {
        return Ok(Some(Kept::Spent));
    }
    refusal(&mut conn, promotion, rider).await
}

async fn refusal(conn: &mut PgConnection, promotion: &Promotion, rider: RiderId) -> Result<Option<Kept>, sqlx::Error> {
    let row = sqlx::query!(
        r#"SELECT (SELECT count(*) FROM promotion_uses WHERE promotion_id = $1 AND rider_id = $2
                       AND state <> 'released') AS "uses!",
                  EXISTS (SELECT FROM rides WHERE rider_id = $2 AND status = 'completed') AS "has_ridden!""#,
        promotion.id,
        rider.0,
    )
    .fetch_one(conn)
    .await?;
    if row.uses >= i64::from(promotion.uses_per_rider) {
        return Ok(Some(Kept::UsedUp));
    }
    Ok((promotion.new_riders_only && row.has_ridden).then_some(Kept::NotNew))
}

/// Takes the amount from the budget for this ride. The caller commits if it was kept, and rolls back if not. The update
/// locks the promotion, so its uses are counted one booking after the other.
pub async fn keep(
    conn: &mut PgConnection,
    promotion: &Promotion,
    rider: RiderId,
    ride: RideId,
    amount: Francs,
    now: Timestamp,
) -> Result<Kept, sqlx::Error> {
    let taken = sqlx::query!(
        "UPDATE promotions SET committed_rwf = committed_rwf + $2
         WHERE id = $1 AND state = 'active' AND committed_rwf + $2 <= budget_rwf",
        promotion.id,
        amount.amount(),
    )
    .execute(&mut *conn)
    .await?;
    if taken.rows_affected() == 0 {
        return Ok(Kept::Spent);
    }
    if let Some(refused) = refusal(conn, promotion, rider).await? {
        return Ok(refused);
    }
    let id = Uuid::now_v7();
    let written = sqlx::query!(
        "INSERT INTO promotion_uses (id, promotion_id, rider_id, ride_id, reserved_rwf, state, reserved_at)
         VALUES ($1, $2, $3, $4, $5, 'reserved', $6) ON CONFLICT ON CONSTRAINT promotion_uses_ride DO NOTHING",
        id,
        promotion.id,
        rider.0,
        ride.0,
        amount.amount(),
        DateTime::<Utc>::from(now),
    )
    .execute(&mut *conn)
    .await?;
    // Another request for the same ride was faster; asked again, it is found.
    Ok(if written.rows_affected() == 1 { Kept::Reserved(id) } else { Kept::OtherRide })
}

/// Gives back what is kept for a ride.
pub async fn release(conn: &mut PgConnection, ride: RideId, now: Timestamp) -> Result<bool, sqlx::Error> {
    let released = sqlx::query!(
        "WITH released AS (
             UPDATE promotion_uses SET state = 'released', closed_at = $2 WHERE ride_id = $1 AND state = 'reserved'
             RETURNING promotion_id, reserved_rwf)
         UPDATE promotions SET committed_rwf = committed_rwf - released.reserved_rwf
         FROM released WHERE promotions.id = released.promotion_id",
        ride.0,
        DateTime::<Utc>::from(now),
    )
    .execute(conn)
    .await?;
    Ok(released.rows_affected() == 1)
}

/// How much of this amount the platform pays for a ride out of what was kept; the rest goes back. The second time it
/// answers what it answered the first.
pub async fn redeem(
    conn: &mut PgConnection,
    id: Uuid,
    ride: RideId,
    amount: Francs,
    now: Timestamp,
) -> Result<Francs, sqlx::Error> {
    let kept = sqlx::query!(
        "SELECT promotion_id, reserved_rwf, used_rwf, state FROM promotion_uses WHERE id = $1 AND ride_id = $2 FOR UPDATE",
        id,
        ride.0
    )
    .fetch_optional(&mut *conn)
    .await?;
    let Some(kept) = kept else { return Ok(Francs::ZERO) };
    match kept.state.as_str() {
        "used" => return Ok(Francs(kept.used_rwf)),
        "reserved" => {}
        _ => return Ok(Francs::ZERO),
    }
    let promotion = lock(conn, kept.promotion_id).await?;
    let discount = promotion.map_or(Francs::ZERO, |promotion| promotion.discount.of(amount));
    let used = discount.min(Francs(kept.reserved_rwf));
    let state = if used > Francs::ZERO { "used" } else { "released" };
    sqlx::query!(
        "WITH closed AS (
             UPDATE promotion_uses SET state = $3, used_rwf = $2, closed_at = $4 WHERE id = $1
             RETURNING promotion_id, reserved_rwf - $2 AS rest)
         UPDATE promotions SET committed_rwf = committed_rwf - closed.rest
         FROM closed WHERE promotions.id = closed.promotion_id",
        id,
        used.amount(),
        state,
        DateTime::<Utc>::from(now),
    )
    .execute(conn)
    .await?;
    Ok(used)
}

/// Rides for which something is kept that never were, or ended otherwise than completed; those kept since before
/// `before`.
pub async fn lost(pool: &PgPool, before: Timestamp, rows_max: i64) -> Result<Vec<RideId>, sqlx::Error> {
    let rows = sqlx::query_scalar!(
        "SELECT kept.ride_id FROM promotion_uses kept LEFT JOIN rides ride ON ride.id = kept.ride_id
         WHERE kept.state = 'reserved' AND kept.reserved_at < $1
           AND (ride.id IS NULL OR (ride.ended_at IS NOT NULL AND ride.status <> 'completed'))
         ORDER BY kept.reserved_at LIMIT $2",
        DateTime::<Utc>::from(before),
        rows_max,
    )
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(RideId).collect())
}

/// A ride that may be tipped for.
#[derive(Clone, Debug)]
pub struct Ridden {
    /// Who drove.
    pub driver: Option<DriverId>,
    /// When it was completed, if it was.
    pub completed_at: Option<Timestamp>,
    /// How it was to be paid.
    pub method: String,
}

/// A rider's ride.
pub async fn ridden(db: impl PgExecutor<'_>, rider: RiderId, ride: RideId) -> Result<Option<Ridden>, sqlx::Error> {
    let row = sqlx::query!(
        "SELECT driver_id, status, ended_at, payment_method FROM rides WHERE id = $1 AND rider_id = $2",
        ride.0,
        rider.0
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| Ridden {
        driver: row.driver_id.map(DriverId),
        completed_at: row.ended_at.filter(|_| row.status == "completed").map(Timestamp::from),
        method: row.payment_method,
    }))
}

/// The tip for a ride.
pub async fn tip_of(db: impl PgExecutor<'_>, ride: RideId) -> Result<Option<Tip>, sqlx::Error> {
    let row = sqlx::query!(
        "SELECT amount_rwf, state, method FROM payment_intents WHERE ride_id = $1 AND purpose = 'tip'",
        ride.0
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| Tip { ride, amount: Francs(row.amount_rwf), state: row.state, method: row.method }))
}
