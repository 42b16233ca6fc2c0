//! SQL of payouts.

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::{PgConnection, PgExecutor, PgPool};
use uuid::Uuid;

use super::terms::PayoutKind;
use super::{Payout, State};
use crate::ids::{DriverId, UserId};
use crate::money::Francs;
use crate::payments::method::ProviderId;
use crate::payments::methods::provider_named;
use crate::time::{Span, Timestamp};
use crate::web::page::PageRequest;

/// Drivers that are looked at in one weekly run.
const CANDIDATES_MAX: i64 = 50_000;

struct Row {
    id: Uuid,
    driver_id: Uuid,
    kind: String,
    week: Option<NaiveDate>,
    amount_rwf: i64,
    fee_rwf: i64,
    tax_rwf: i64,
    netted_rwf: i64,
    provider: String,
    wallet_index: Vec<u8>,
    state: String,
    failure: Option<String>,
    reason: Option<String>,
    attempt_id: Option<Uuid>,
    requested_at: DateTime<Utc>,
    finished_at: Option<DateTime<Utc>>,
    approvals: i64,
}

impl TryFrom<Row> for Payout {
    type Error = sqlx::Error;

    fn try_from(row: Row) -> Result<Self, sqlx::Error> {
        let strange = |word: &str| sqlx::Error::Decode(format!("{word:?} is no word of payouts").into());
        Ok(Self {
            id: row.id,
            driver: DriverId(row.driver_id),
            kind: PayoutKind::from_name(&row.kind).ok_or_else(|| strange(&row.kind))?,
            week: row.week,
            amount: Francs(row.amount_rwf),
            fee: Francs(row.fee_rwf),
            tax: Francs(row.tax_rwf),
            netted: Francs(row.netted_rwf),
            provider: provider_named(&row.provider)?,
            wallet_index: row.wallet_index,
            state: State::from_name(&row.state).ok_or_else(|| strange(&row.state))?,
            failure: row.failure,
            reason: row.reason,
            attempt: row.attempt_id,
            requested_at: row.requested_at.into(),
            finished_at: row.finished_at.map(Timestamp::from),
            approvals: row.approvals,
        })
    }
}

/// Writes a new one; `false` when there is one of that id, or of that driver and week.
pub async fn insert(conn: &mut PgConnection, payout: &Payout) -> Result<bool, sqlx::Error> {
    let written = sqlx::query!(
        "INSERT INTO payouts (id, driver_id, kind, week, amount_rwf, fee_rwf, tax_rwf, netted_rwf, provider, wallet_index,
                              state, requested_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
         ON CONFLICT DO NOTHING",
        payout.id,
        payout.driver.0,
        payout.kind.as_str(),
        payout.week,
        payout.amount.amount(),
        payout.fee.amount(),
        payout.tax.amount(),
        payout.netted.amount(),
        payout.provider.as_str(),
        payout.wallet_index,
        payout.state.as_str(),
        DateTime::<Utc>::from(payout.requested_at),
    )
    .execute(conn)
    .await?;
    Ok(written.rows_affected() == 1)
}

/// One of them; nobody changes it until the commit.
pub async fn lock(conn: &mut PgConnection, id: Uuid) -> Result<Option<Payout>, sqlx::Error> {
    let row = sqlx::query_as!(
        Row,
        r#"SELECT id, driver_id, kind, week, amount_rwf, fee_rwf, tax_rwf, netted_rwf, provider, wallet_index, state, failure,
                  reason, attempt_id, requested_at, finished_at,
                  (SELECT count(*) FROM payout_approvals a WHERE a.payout_id = p.id) AS "approvals!"
           FROM payouts p WHERE id = $1 FOR UPDATE OF p"#,
        id,
    )
    .fetch_optional(conn)
    .await?;
    row.map(Payout::try_from).transpose()
}

/// One of them.
pub async fn find(db: impl PgExecutor<'_>, id: Uuid) -> Result<Option<Payout>, sqlx::Error> {
    let row = sqlx::query_as!(
        Row,
        r#"SELECT id, driver_id, kind, week, amount_rwf, fee_rwf, tax_rwf, netted_rwf, provider, wallet_index, state, failure,
                  reason, attempt_id, requested_at, finished_at,
                  (SELECT count(*) FROM payout_approvals a WHERE a.payout_id = p.id) AS "approvals!"
           FROM payouts p WHERE id = $1"#,
        id,
    )
    .fetch_optional(db)
    .await?;
    row.map(Payout::try_from).transpose()
}

/// A page, newest first, one more than it holds: of one driver, or of all; in one state, or in any.
pub async fn list(
    pool: &PgPool,
    driver: Option<DriverId>,
    state: Option<State>,
    page: &PageRequest,
) -> Result<Vec<Payout>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT id, driver_id, kind, week, amount_rwf, fee_rwf, tax_rwf, netted_rwf, provider, wallet_index, state, failure,
                  reason, attempt_id, requested_at, finished_at,
                  (SELECT count(*) FROM payout_approvals a WHERE a.payout_id = p.id) AS "approvals!"
           FROM payouts p
           WHERE ($1::uuid IS NULL OR driver_id = $1) AND ($2::text IS NULL OR state = $2)
             AND ($3::timestamptz IS NULL OR (requested_at, id) < ($3, $4::uuid))
           ORDER BY requested_at DESC, id DESC LIMIT $5"#,
        driver.map(Uuid::from),
        state.map(State::as_str),
        page.before.map(|before| DateTime::<Utc>::from(before.at)),
        page.before.map(|before| before.id),
        page.limit + 1,
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter().map(Payout::try_from).collect()
}

/// Payouts at once of a driver since an instant, those that came to nothing by the driver's own or our decision left out.
pub async fn count_since(conn: &mut PgConnection, driver: DriverId, since: Timestamp) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM payouts
           WHERE driver_id = $1 AND kind = 'instant' AND requested_at >= $2 AND state NOT IN ('cancelled', 'rejected')"#,
        driver.0,
        DateTime::<Utc>::from(since),
    )
    .fetch_one(conn)
    .await
}

/// Writes where one is now, and what came of it. The caller holds its lock.
pub async fn update(conn: &mut PgConnection, payout: &Payout, now: Timestamp) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE payouts SET state = $2, failure = $3, reason = $4, attempt_id = $5, finished_at = $6,
                            decided_at = CASE WHEN state = 'awaiting_approval' AND $2 <> 'awaiting_approval' THEN $7
                                              ELSE decided_at END
         WHERE id = $1",
        payout.id,
        payout.state.as_str(),
        payout.failure,
        payout.reason,
        payout.attempt,
        payout.finished_at.map(DateTime::<Utc>::from),
        DateTime::<Utc>::from(now),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes that an admin said yes; `false` when this admin has before.
pub async fn approve(
    conn: &mut PgConnection,
    payout: Uuid,
    admin: UserId,
    now: Timestamp,
) -> Result<bool, sqlx::Error> {
    let written = sqlx::query!(
        "INSERT INTO payout_approvals (payout_id, admin_id, at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        payout,
        admin.0,
        DateTime::<Utc>::from(now),
    )
    .execute(conn)
    .await?;
    Ok(written.rows_affected() == 1)
}

/// Drivers with something on their account and a wallet to pay to, who have no payout of that week yet.
pub async fn candidates(pool: &PgPool, week: NaiveDate, now: Timestamp) -> Result<Vec<DriverId>, sqlx::Error> {
    let drivers = sqlx::query_scalar!(
        r#"SELECT account.owner_id AS "driver!"
           FROM ledger_accounts account JOIN payout_wallets w ON w.driver_id = account.owner_id
           WHERE account.kind = 'driver_payable' AND w.verified_at IS NOT NULL AND w.name_matches AND w.flagged IS NULL
             AND w.held_until <= $2
             AND NOT EXISTS (SELECT FROM payouts p WHERE p.driver_id = account.owner_id AND p.week = $1)
           ORDER BY account.owner_id LIMIT $3"#,
        week,
        DateTime::<Utc>::from(now),
        CANDIDATES_MAX,
    )
    .fetch_all(pool)
    .await?;
    Ok(drivers.into_iter().map(DriverId).collect())
}

/// What a provider was asked to pay and has not answered: its balance may not show it yet.
pub async fn under_way(pool: &PgPool, provider: ProviderId) -> Result<Francs, sqlx::Error> {
    let sum = sqlx::query_scalar!(
        r#"SELECT coalesce(sum(amount_rwf), 0)::bigint AS "sum!" FROM payouts WHERE provider = $1 AND state = 'in_flight'"#,
        provider.as_str(),
    )
    .fetch_one(pool)
    .await?;
    Ok(Francs(sum))
}

/// Those that wait for money of ours at a provider, the oldest first.
pub async fn held(pool: &PgPool, provider: ProviderId, most: i64) -> Result<Vec<(Uuid, Francs)>, sqlx::Error> {
    let rows = sqlx::query!(
        "SELECT id, amount_rwf FROM payouts WHERE provider = $1 AND state = 'held' ORDER BY requested_at, id LIMIT $2",
        provider.as_str(),
        most,
    )
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, Francs(row.amount_rwf))).collect())
}

/// Payouts to one wallet within the day before `now`.
pub async fn to_wallet_since(conn: &mut PgConnection, index: &[u8], now: Timestamp) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM payouts
           WHERE wallet_index = $1 AND requested_at > $2 AND state NOT IN ('cancelled', 'rejected')"#,
        index,
        DateTime::<Utc>::from(now - Span::from_minutes(24 * 60)),
    )
    .fetch_one(conn)
    .await
}
