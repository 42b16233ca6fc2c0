//! SQL of intents and captures.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor, PgPool};
use uuid::Uuid;

use crate::ids::{DriverId, RideId, RiderId, UserId};
use crate::money::Francs;
use crate::payments::intent::{NewIntent, Purpose};
use crate::payments::intents::{AttemptShown, CaptureShown, Intent, IntentState, NewCapture, Tender};
use crate::payments::method::PaymentMethod;
use crate::payments::split::Split;
use crate::time::Timestamp;
use crate::vault::Vault;

struct Row {
    id: Uuid,
    purpose: String,
    ride_id: Uuid,
    payer_id: Uuid,
    driver_id: Option<Uuid>,
    driver_rwf: i64,
    platform_rwf: i64,
    tax_rwf: i64,
    paid_rwf: i64,
    state: String,
    method: String,
    created_at: DateTime<Utc>,
    succeeded_at: Option<DateTime<Utc>>,
}

fn unknown(what: &str, name: &str) -> sqlx::Error {
    sqlx::Error::Decode(format!("{name:?} is no {what}").into())
}

impl TryFrom<Row> for Intent {
    type Error = sqlx::Error;

    fn try_from(row: Row) -> Result<Self, sqlx::Error> {
        let split = Split::new(Francs(row.driver_rwf), Francs(row.platform_rwf), Francs(row.tax_rwf))
            .map_err(|error| sqlx::Error::Decode(error.into()))?;
        Ok(Self {
            id: row.id,
            purpose: Purpose::from_name(&row.purpose).ok_or_else(|| unknown("purpose", &row.purpose))?,
            ride: RideId(row.ride_id),
            payer: RiderId(row.payer_id),
            driver: row.driver_id.map(DriverId),
            split,
            paid: Francs(row.paid_rwf),
            state: IntentState::from_name(&row.state).ok_or_else(|| unknown("state", &row.state))?,
            method: PaymentMethod::from_name(&row.method).ok_or_else(|| unknown("method", &row.method))?,
            created_at: row.created_at.into(),
            succeeded_at: row.succeeded_at.map(Timestamp::from),
        })
    }
}

/// Writes intents that are not there yet; answers which were written. A concurrent writer of the same one is waited for.
pub async fn insert(
    conn: &mut PgConnection,
    news: &[(Uuid, &NewIntent)],
    now: Timestamp,
) -> Result<BTreeSet<Uuid>, sqlx::Error> {
    let all = || news.iter().map(|(_, new)| *new);
    let ids: Vec<_> = news.iter().map(|(id, _)| *id).collect();
    let purposes: Vec<_> = all().map(|new| new.purpose.as_str().to_owned()).collect();
    let rides: Vec<_> = all().map(|new| new.ride.0).collect();
    let payers: Vec<_> = all().map(|new| new.payer.0).collect();
    let drivers: Vec<_> = all().map(|new| new.driver.map(|driver| driver.0)).collect();
    let shares: Vec<_> = all().map(|new| new.split.driver.amount()).collect();
    let platforms: Vec<_> = all().map(|new| new.split.platform.amount()).collect();
    let taxes: Vec<_> = all().map(|new| new.split.tax.amount()).collect();
    let methods: Vec<_> = all().map(|new| new.method.as_str().to_owned()).collect();
    let written = sqlx::query_scalar!(
        "INSERT INTO payment_intents (id, purpose, ride_id, payer_id, driver_id, amount_rwf, driver_rwf, platform_rwf, tax_rwf,
                                      state, method, created_at, updated_at)
         SELECT w.id, w.purpose, w.ride, w.payer, w.driver, w.share + w.platform, w.share, w.platform, w.tax,
                'requires_payment', w.method, $10, $10
         FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::uuid[], $5::uuid[], $6::bigint[], $7::bigint[], $8::bigint[],
                     $9::text[])
              AS w (id, purpose, ride, payer, driver, share, platform, tax, method)
         -- In one order, so that two batches with the same rides never wait for each other in a circle.
         ORDER BY w.ride, w.purpose
         ON CONFLICT ON CONSTRAINT payment_intents_once DO NOTHING
         RETURNING id",
        &ids,
        &purposes,
        &rides,
        &payers,
        &drivers as &[Option<Uuid>],
        &shares,
        &platforms,
        &taxes,
        &methods,
        DateTime::<Utc>::from(now),
    )
    .fetch_all(conn)
    .await?;
    Ok(written.into_iter().collect())
}

/// Intents for their change, in the order of their ids.
pub async fn lock(conn: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<Intent>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT id, purpose, ride_id, payer_id, driver_id, driver_rwf, platform_rwf, tax_rwf, paid_rwf, state, method,
                created_at, succeeded_at
         FROM payment_intents WHERE id = ANY($1) ORDER BY id FOR UPDATE",
        ids,
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Intent::try_from).collect()
}

/// All of a ride, for their change.
pub async fn lock_of_ride(conn: &mut PgConnection, ride: RideId) -> Result<Vec<Intent>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT id, purpose, ride_id, payer_id, driver_id, driver_rwf, platform_rwf, tax_rwf, paid_rwf, state, method,
                created_at, succeeded_at
         FROM payment_intents WHERE ride_id = $1 ORDER BY id FOR UPDATE",
        ride.0,
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Intent::try_from).collect()
}

/// All of a ride.
pub async fn of_ride(db: impl PgExecutor<'_>, ride: RideId) -> Result<Vec<Intent>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT id, purpose, ride_id, payer_id, driver_id, driver_rwf, platform_rwf, tax_rwf, paid_rwf, state, method,
                created_at, succeeded_at
         FROM payment_intents WHERE ride_id = $1 ORDER BY id",
        ride.0,
    )
    .fetch_all(db)
    .await?;
    rows.into_iter().map(Intent::try_from).collect()
}

/// What a payer owes, oldest first.
pub async fn open_of(db: impl PgExecutor<'_>, payer: RiderId, limit: i64) -> Result<Vec<Intent>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT id, purpose, ride_id, payer_id, driver_id, driver_rwf, platform_rwf, tax_rwf, paid_rwf, state, method,
                created_at, succeeded_at
         FROM payment_intents WHERE payer_id = $1 AND state IN ('requires_payment', 'processing', 'cash_due')
         ORDER BY created_at LIMIT $2",
        payer.0,
        limit,
    )
    .fetch_all(db)
    .await?;
    rows.into_iter().map(Intent::try_from).collect()
}

/// What a payer owes that nobody is being asked for.
pub async fn debt(pool: &PgPool, payer: RiderId) -> Result<Francs, sqlx::Error> {
    let debt = sqlx::query_scalar!(
        r#"SELECT coalesce(sum(amount_rwf - paid_rwf), 0)::bigint AS "debt!" FROM payment_intents
           WHERE payer_id = $1 AND state = 'requires_payment'"#,
        payer.0,
    )
    .fetch_one(pool)
    .await?;
    Ok(Francs(debt))
}

/// Writes what changed of intents that the caller has locked or made.
pub async fn update(conn: &mut PgConnection, intents: &[Intent], now: Timestamp) -> Result<(), sqlx::Error> {
    if intents.is_empty() {
        return Ok(());
    }
    let ids: Vec<_> = intents.iter().map(|intent| intent.id).collect();
    let paid: Vec<_> = intents.iter().map(|intent| intent.paid.amount()).collect();
    let states: Vec<_> = intents.iter().map(|intent| intent.state.as_str().to_owned()).collect();
    let methods: Vec<_> = intents.iter().map(|intent| intent.method.as_str().to_owned()).collect();
    let succeeded: Vec<_> = intents.iter().map(|intent| intent.succeeded_at.map(DateTime::<Utc>::from)).collect();
    sqlx::query!(
        "UPDATE payment_intents i
         SET paid_rwf = w.paid, state = w.state, method = w.method, succeeded_at = w.succeeded, updated_at = $6
         FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::timestamptz[])
              AS w (id, paid, state, method, succeeded)
         WHERE i.id = w.id",
        &ids,
        &paid,
        &states,
        &methods,
        &succeeded as &[Option<DateTime<Utc>>],
        DateTime::<Utc>::from(now),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Writes pieces.
pub async fn insert_captures(
    conn: &mut PgConnection,
    captures: &[NewCapture],
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    if captures.is_empty() {
        return Ok(());
    }
    let ids: Vec<_> = captures.iter().map(|_| Uuid::now_v7()).collect();
    let intents: Vec<_> = captures.iter().map(|capture| capture.intent).collect();
    let tenders: Vec<_> = captures.iter().map(|capture| capture.tender.as_str().to_owned()).collect();
    let amounts: Vec<_> = captures.iter().map(|capture| capture.amount.amount()).collect();
    let surpluses: Vec<_> = captures.iter().map(|capture| capture.surplus.amount()).collect();
    let attempts: Vec<_> = captures
        .iter()
        .map(|capture| match capture.tender {
            Tender::Provider(_, attempt) => Some(attempt.0),
            Tender::Cash | Tender::Credit | Tender::Promotion => None,
        })
        .collect();
    sqlx::query!(
        "INSERT INTO payment_captures (id, intent_id, tender, amount_rwf, surplus_rwf, attempt_id, at)
         SELECT w.id, w.intent, w.tender, w.amount, w.surplus, w.attempt, $7
         FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[], $5::bigint[], $6::uuid[])
              AS w (id, intent, tender, amount, surplus, attempt)",
        &ids,
        &intents,
        &tenders,
        &amounts,
        &surpluses,
        &attempts as &[Option<Uuid>],
        DateTime::<Utc>::from(now),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// What the platform owes these riders, kept from changing until the caller's transaction ends. Only of those it owes.
pub async fn lock_credit(conn: &mut PgConnection, riders: &[UserId]) -> Result<BTreeMap<UserId, Francs>, sqlx::Error> {
    if riders.is_empty() {
        return Ok(BTreeMap::new());
    }
    let riders: Vec<_> = riders.iter().map(|rider| rider.0).collect();
    let rows = sqlx::query!(
        r#"SELECT account.owner_id AS "owner!", balance.credit_rwf - balance.debit_rwf AS "credit!"
           FROM ledger_accounts account JOIN ledger_balances balance ON balance.account_id = account.id
           WHERE account.kind = 'rider_credit' AND account.owner_id = ANY($1)
           ORDER BY account.id FOR UPDATE OF balance"#,
        &riders,
    )
    .fetch_all(conn)
    .await?;
    let credit = rows.into_iter().map(|row| (UserId(row.owner), Francs(row.credit)));
    Ok(credit.filter(|(_, credit)| *credit > Francs::ZERO).collect())
}

/// What paid these intents, oldest first.
pub async fn captures(pool: &PgPool, intents: &[Uuid]) -> Result<Vec<(Uuid, CaptureShown)>, sqlx::Error> {
    let rows = sqlx::query!(
        "SELECT intent_id, tender, amount_rwf, surplus_rwf, at FROM payment_captures WHERE intent_id = ANY($1)
         ORDER BY at, id",
        intents,
    )
    .fetch_all(pool)
    .await?;
    let shown = rows.into_iter().map(|row| {
        let capture = CaptureShown {
            tender: row.tender,
            amount_rwf: row.amount_rwf,
            surplus_rwf: row.surplus_rwf,
            at: row.at.into(),
        };
        (row.intent_id, capture)
    });
    Ok(shown.collect())
}

/// How these intents were tried, newest first, the last few of each.
pub async fn attempts(
    pool: &PgPool,
    vault: &Vault,
    intents: &[Uuid],
) -> Result<Vec<(Uuid, AttemptShown)>, crate::error::Error> {
    let rows = sqlx::query!(
        "SELECT id, subject_id, provider, amount_rwf, wallet_sealed, state, page_url, failure, created_at
         FROM payment_attempts WHERE subject_id = ANY($1) ORDER BY created_at DESC, id LIMIT 50",
        intents,
    )
    .fetch_all(pool)
    .await?;
    let mut shown = Vec::with_capacity(rows.len());
    for row in rows {
        let wallet = super::attempts::wallet_of(vault, row.id, row.wallet_sealed.as_deref())?;
        let attempt = AttemptShown {
            id: row.id,
            provider: row.provider,
            amount_rwf: row.amount_rwf,
            wallet: wallet.map(|wallet| wallet.masked()),
            state: row.state,
            page_url: row.page_url,
            failure: row.failure,
            created_at: row.created_at.into(),
        };
        shown.push((row.subject_id, attempt));
    }
    Ok(shown)
}

/// Whether one of these has an attempt that is not over.
pub async fn has_open_attempt(conn: &mut PgConnection, intent: Uuid) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM payment_attempts WHERE subject_id = $1
               AND state IN ('prepared', 'submitting', 'pending', 'unresolved', 'integrity_failure')) AS "open!""#,
        intent,
    )
    .fetch_one(conn)
    .await
}

/// The intent that an attempt of that id pays, how much, and by whom: what a repeated request is compared with.
pub async fn attempt_named(conn: &mut PgConnection, attempt: Uuid) -> Result<Option<(Uuid, i64, String)>, sqlx::Error> {
    let row = sqlx::query!("SELECT subject_id, amount_rwf, provider FROM payment_attempts WHERE id = $1", attempt)
        .fetch_optional(conn)
        .await?;
    Ok(row.map(|row| (row.subject_id, row.amount_rwf, row.provider)))
}
