//! SQL of refunds and adjustments.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::adjustments::{Adjustment, AdjustmentState, On};
use super::{Bearer, Collected, Destination, Refund, State};
use crate::error::Error;
use crate::ids::{DriverId, RideId, UserId};
use crate::money::Francs;
use crate::payments::methods::provider_named;
use crate::payments::providers::AttemptId;
use crate::payments::store::attempts::WALLET;
use crate::phone::Phone;
use crate::time::Timestamp;
use crate::vault::{Place, Vault};
use crate::web::page::PageRequest;

fn strange(word: &str) -> sqlx::Error {
    sqlx::Error::Decode(format!("{word:?} is no word of refunds").into())
}

/// What was collected by an attempt, and what of it was or is to be given back. Nobody else proposes a refund of it before
/// the commit.
pub async fn collected(conn: &mut PgConnection, vault: &Vault, attempt: AttemptId) -> Result<Option<Collected>, Error> {
    let row = sqlx::query!(
        r#"SELECT a.provider, a.amount_rwf, a.wallet_sealed, capture.amount_rwf AS applied_rwf, intent.id AS intent_id,
                  intent.ride_id, intent.payer_id, intent.driver_id
           FROM payment_attempts a
           JOIN payment_captures capture ON capture.attempt_id = a.id
           JOIN payment_intents intent ON intent.id = capture.intent_id
           WHERE a.id = $1 AND a.operation = 'collection' AND a.state = 'succeeded'
           FOR UPDATE OF a"#,
        attempt.0,
    )
    .fetch_optional(&mut *conn)
    .await?;
    let Some(row) = row else { return Ok(None) };
    // A statement of its own: it sees what those committed who were waited for.
    let given_back = sqlx::query_scalar!(
        r#"SELECT coalesce(sum(amount_rwf), 0)::bigint AS "sum!" FROM refunds
           WHERE collection_id = $1 AND state NOT IN ('rejected', 'failed')"#,
        attempt.0,
    )
    .fetch_one(conn)
    .await?;
    let open = |sealed: Vec<u8>| {
        let opened = vault.open_text(Place::new(WALLET.place, attempt.0), &sealed)?;
        Phone::parse(opened.expose()).map_err(Error::internal)
    };
    Ok(Some(Collected {
        attempt,
        provider: provider_named(&row.provider)?,
        amount: Francs(row.amount_rwf),
        applied: Francs(row.applied_rwf),
        given_back: Francs(given_back),
        wallet: row.wallet_sealed.map(open).transpose()?,
        intent: row.intent_id,
        ride: RideId(row.ride_id),
        rider: UserId(row.payer_id),
        driver: row.driver_id.map(DriverId),
    }))
}

/// Whether an attempt of that id exists, whatever it is.
pub async fn attempt_exists(conn: &mut PgConnection, attempt: AttemptId) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(r#"SELECT EXISTS (SELECT FROM payment_attempts WHERE id = $1) AS "is!""#, attempt.0)
        .fetch_one(conn)
        .await
}

struct Row {
    id: Uuid,
    collection_id: Uuid,
    intent_id: Uuid,
    ride_id: Uuid,
    rider_id: Uuid,
    driver_id: Option<Uuid>,
    amount_rwf: i64,
    destination: String,
    bearer: String,
    reason: String,
    state: String,
    failure: Option<String>,
    attempt_id: Option<Uuid>,
    tries: i32,
    proposed_by: Uuid,
    proposed_at: DateTime<Utc>,
    decided_by: Option<Uuid>,
    decided_at: Option<DateTime<Utc>>,
    decision: Option<String>,
    finished_at: Option<DateTime<Utc>>,
}

impl TryFrom<Row> for Refund {
    type Error = sqlx::Error;

    fn try_from(row: Row) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.id,
            collection: AttemptId(row.collection_id),
            intent: row.intent_id,
            ride: RideId(row.ride_id),
            rider: UserId(row.rider_id),
            driver: row.driver_id.map(DriverId),
            amount: Francs(row.amount_rwf),
            destination: Destination::from_name(&row.destination).ok_or_else(|| strange(&row.destination))?,
            bearer: Bearer::from_name(&row.bearer).ok_or_else(|| strange(&row.bearer))?,
            reason: row.reason,
            state: State::from_name(&row.state).ok_or_else(|| strange(&row.state))?,
            failure: row.failure,
            attempt: row.attempt_id,
            tries: row.tries,
            proposed_by: UserId(row.proposed_by),
            proposed_at: row.proposed_at.into(),
            decided_by: row.decided_by.map(UserId),
            decided_at: row.decided_at.map(Timestamp::from),
            decision: row.decision,
            finished_at: row.finished_at.map(Timestamp::from),
        })
    }
}

/// Writes a proposal; `false` when there is one of that id.
pub async fn insert(conn: &mut PgConnection, refund: &Refund) -> Result<bool, sqlx::Error> {
    let written = sqlx::query!(
        "INSERT INTO refunds (id, collection_id, intent_id, ride_id, rider_id, driver_id, amount_rwf, destination, bearer,
                              reason, state, proposed_by, proposed_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
         ON CONFLICT (id) DO NOTHING",
        refund.id,
        refund.collection.0,
        refund.intent,
        refund.ride.0,
        refund.rider.0,
        refund.driver.map(Uuid::from),
        refund.amount.amount(),
        refund.destination.as_str(),
        refund.bearer.as_str(),
        refund.reason,
        refund.state.as_str(),
        refund.proposed_by.0,
        DateTime::<Utc>::from(refund.proposed_at),
    )
    .execute(conn)
    .await?;
    Ok(written.rows_affected() == 1)
}

/// One of them; nobody changes it until the commit.
pub async fn lock(conn: &mut PgConnection, id: Uuid) -> Result<Option<Refund>, sqlx::Error> {
    let row = sqlx::query_as!(
        Row,
        "SELECT id, collection_id, intent_id, ride_id, rider_id, driver_id, amount_rwf, destination, bearer, reason, state,
                failure, attempt_id, tries, proposed_by, proposed_at, decided_by, decided_at, decision, finished_at
         FROM refunds WHERE id = $1 FOR UPDATE",
        id,
    )
    .fetch_optional(conn)
    .await?;
    row.map(Refund::try_from).transpose()
}

/// Writes where one is now. The caller holds its lock.
pub async fn update(conn: &mut PgConnection, refund: &Refund) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE refunds SET state = $2, failure = $3, attempt_id = $4, tries = $5, decided_by = $6, decided_at = $7,
                            decision = $8, finished_at = $9
         WHERE id = $1",
        refund.id,
        refund.state.as_str(),
        refund.failure,
        refund.attempt,
        refund.tries,
        refund.decided_by.map(Uuid::from),
        refund.decided_at.map(DateTime::<Utc>::from),
        refund.decision,
        refund.finished_at.map(DateTime::<Utc>::from),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// A page, newest first, one more than it holds: of one rider, or of all; in one state, or in any.
pub async fn list(
    pool: &PgPool,
    rider: Option<UserId>,
    state: Option<State>,
    page: &PageRequest,
) -> Result<Vec<Refund>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT id, collection_id, intent_id, ride_id, rider_id, driver_id, amount_rwf, destination, bearer, reason, state,
                failure, attempt_id, tries, proposed_by, proposed_at, decided_by, decided_at, decision, finished_at
         FROM refunds
         WHERE ($1::uuid IS NULL OR rider_id = $1) AND ($2::text IS NULL OR state = $2)
           AND ($3::timestamptz IS NULL OR (proposed_at, id) < ($3, $4::uuid))
         ORDER BY proposed_at DESC, id DESC LIMIT $5",
        rider.map(Uuid::from),
        state.map(State::as_str),
        page.before.map(|before| DateTime::<Utc>::from(before.at)),
        page.before.map(|before| before.id),
        page.limit + 1,
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter().map(Refund::try_from).collect()
}

struct AdjustmentRow {
    id: Uuid,
    account: String,
    person_id: Uuid,
    amount_rwf: i64,
    reason: String,
    state: String,
    proposed_by: Uuid,
    proposed_at: DateTime<Utc>,
    decided_by: Option<Uuid>,
    decision: Option<String>,
}

impl TryFrom<AdjustmentRow> for Adjustment {
    type Error = sqlx::Error;

    fn try_from(row: AdjustmentRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.id,
            on: On::from_name(&row.account).ok_or_else(|| strange(&row.account))?,
            person: UserId(row.person_id),
            amount: Francs(row.amount_rwf),
            reason: row.reason,
            state: AdjustmentState::from_name(&row.state).ok_or_else(|| strange(&row.state))?,
            proposed_by: UserId(row.proposed_by),
            proposed_at: row.proposed_at.into(),
            decided_by: row.decided_by.map(UserId),
            decision: row.decision,
        })
    }
}

/// Writes a proposed adjustment; `false` when there is one of that id.
pub async fn insert_adjustment(conn: &mut PgConnection, adjustment: &Adjustment) -> Result<bool, sqlx::Error> {
    let written = sqlx::query!(
        "INSERT INTO adjustments (id, account, person_id, amount_rwf, reason, state, proposed_by, proposed_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO NOTHING",
        adjustment.id,
        adjustment.on.as_str(),
        adjustment.person.0,
        adjustment.amount.amount(),
        adjustment.reason,
        adjustment.state.as_str(),
        adjustment.proposed_by.0,
        DateTime::<Utc>::from(adjustment.proposed_at),
    )
    .execute(conn)
    .await?;
    Ok(written.rows_affected() == 1)
}

/// One of them; nobody changes it until the commit.
pub async fn lock_adjustment(conn: &mut PgConnection, id: Uuid) -> Result<Option<Adjustment>, sqlx::Error> {
    let row = sqlx::query_as!(
        AdjustmentRow,
        "SELECT id, account, person_id, amount_rwf, reason, state, proposed_by, proposed_at, decided_by, decision
         FROM adjustments WHERE id = $1 FOR UPDATE",
        id,
    )
    .fetch_optional(conn)
    .await?;
    row.map(Adjustment::try_from).transpose()
}

/// Writes what was decided of one.
pub async fn decide_adjustment(
    conn: &mut PgConnection,
    adjustment: &Adjustment,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE adjustments SET state = $2, decided_by = $3, decision = $4, decided_at = $5 WHERE id = $1",
        adjustment.id,
        adjustment.state.as_str(),
        adjustment.decided_by.map(Uuid::from),
        adjustment.decision,
        DateTime::<Utc>::from(now),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// A page of adjustments, newest first, one more than it holds.
pub async fn adjustments(pool: &PgPool, page: &PageRequest) -> Result<Vec<Adjustment>, sqlx::Error> {
    let rows = sqlx::query_as!(
        AdjustmentRow,
        "SELECT id, account, person_id, amount_rwf, reason, state, proposed_by, proposed_at, decided_by, decision
         FROM adjustments WHERE $1::timestamptz IS NULL OR (proposed_at, id) < ($1, $2::uuid)
         ORDER BY proposed_at DESC, id DESC LIMIT $3",
        page.before.map(|before| DateTime::<Utc>::from(before.at)),
        page.before.map(|before| before.id),
        page.limit + 1,
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter().map(Adjustment::try_from).collect()
}

/// Whether there is a person with an account of that kind to adjust: a driver's account needs a driver.
pub async fn can_be_adjusted(conn: &mut PgConnection, on: On, person: UserId) -> Result<bool, sqlx::Error> {
    let roles: &[&str] = match on {
        On::RiderCredit => &["rider_credit", "driver_payable"],
        On::DriverPayable => &["driver_payable"],
    };
    let roles: Vec<String> = roles.iter().map(|role| (*role).to_owned()).collect();
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM ledger_accounts WHERE owner_id = $1 AND kind = ANY ($2)) OR
                  EXISTS (SELECT FROM payment_intents WHERE $3 AND payer_id = $1) AS "is!""#,
        person.0,
        &roles,
        on == On::RiderCredit,
    )
    .fetch_one(conn)
    .await
}
