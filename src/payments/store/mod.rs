//! All SQL of this service; the ledger's tables here, the others in files of their own.

pub(super) mod attempts;
pub(super) mod cases;
pub(super) mod disputes;
mod posting;

use chrono::{DateTime, Utc};
use sqlx::{PgExecutor, PgPool};
use uuid::Uuid;

use crate::ids::{DriverId, RideId};
use crate::money::Francs;
use crate::payments::ledger::Kind;
use crate::time::Timestamp;
use crate::web::page::PageRequest;

pub(super) use posting::{is_overdrawn, locked_balance, post, post_all};

/// The head of a transaction that is to be written.
#[derive(Clone, Debug)]
pub(super) struct NewTransaction {
    /// What caused it; at most one transaction is ever written for it.
    pub cause: String,
    pub ride: Option<RideId>,
    pub at: Timestamp,
    /// For a person who reads the books.
    pub memo: &'static str,
}

/// A transaction as the driver sees it: the driver's own lines only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DriverTransaction {
    /// Which transaction.
    pub id: Uuid,
    /// When what caused it happened.
    pub at: Timestamp,
    /// The ride it is about.
    pub ride: Option<RideId>,
    /// What it is, for a person.
    pub memo: String,
    /// The lines on the driver's accounts.
    pub entries: Vec<DriverEntry>,
}

/// A line on one of the driver's accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DriverEntry {
    /// Which account.
    pub kind: Kind,
    /// Debit positive, credit negative.
    pub amount: Francs,
}

/// The sums of all accounts of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KindTotal {
    /// Which kind.
    pub kind: Kind,
    /// How many accounts of that kind there are.
    pub accounts: i64,
    /// The sum of all debits.
    pub debit: Francs,
    /// The sum of all credits, as a positive amount.
    pub credit: Francs,
}

impl KindTotal {
    /// Debits less credits.
    pub const fn balance(&self) -> Francs {
        Francs(self.debit.amount() - self.credit.amount())
    }
}

/// The sums of a driver's accounts, those that exist.
pub(super) async fn driver_sums(db: impl PgExecutor<'_>, driver: DriverId) -> Result<Vec<DriverEntry>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT account.kind, balance.debit_rwf - balance.credit_rwf AS "balance!"
           FROM ledger_accounts account JOIN ledger_balances balance ON balance.account_id = account.id
           WHERE account.owner_id = $1"#,
        driver.0,
    )
    .fetch_all(db)
    .await?;
    rows.into_iter().map(|row| Ok(DriverEntry { kind: kind(&row.kind)?, amount: Francs(row.balance) })).collect()
}

/// A page of the transactions that touch a driver's accounts, newest first, one more than the page holds.
pub(super) async fn driver_transactions(
    pool: &PgPool,
    driver: DriverId,
    page: &PageRequest,
) -> Result<Vec<DriverTransaction>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT t.id, t.at, t.ride_id, t.memo,
                  array_agg(account.kind ORDER BY entry.line) AS "kinds!",
                  array_agg(entry.amount_rwf ORDER BY entry.line) AS "amounts!"
           FROM ledger_accounts account
           JOIN ledger_entries entry ON entry.account_id = account.id
           JOIN ledger_transactions t ON t.id = entry.transaction_id
           WHERE account.owner_id = $1 AND ($2::timestamptz IS NULL OR (t.at, t.id) < ($2, $3::uuid))
           GROUP BY t.id
           ORDER BY t.at DESC, t.id DESC
           LIMIT $4"#,
        driver.0,
        page.before.map(|before| DateTime::<Utc>::from(before.at)),
        page.before.map(|before| before.id),
        page.limit + 1,
    )
    .fetch_all(pool)
    .await?;
    let mut transactions = Vec::with_capacity(rows.len());
    for row in rows {
        let mut entries = Vec::with_capacity(row.kinds.len());
        for (name, amount) in row.kinds.iter().zip(row.amounts) {
            entries.push(DriverEntry { kind: kind(name)?, amount: Francs(amount) });
        }
        let ride = row.ride_id.map(RideId);
        transactions.push(DriverTransaction { id: row.id, at: row.at.into(), ride, memo: row.memo, entries });
    }
    Ok(transactions)
}

/// One for each kind, used or not.
pub(super) async fn kind_totals(pool: &PgPool) -> Result<Vec<KindTotal>, sqlx::Error> {
    let names: Vec<_> = Kind::ALL.iter().map(|kind| kind.as_str().to_owned()).collect();
    let rows = sqlx::query!(
        r#"SELECT wanted.kind AS "kind!", count(DISTINCT account.id) AS "accounts!",
                  coalesce(sum(balance.debit_rwf), 0)::bigint AS "debit!",
                  coalesce(sum(balance.credit_rwf), 0)::bigint AS "credit!"
           FROM unnest($1::text[]) WITH ORDINALITY AS wanted (kind, place)
           LEFT JOIN ledger_accounts account ON account.kind = wanted.kind
           LEFT JOIN ledger_balances balance ON balance.account_id = account.id
           GROUP BY wanted.kind, wanted.place
           ORDER BY wanted.place"#,
        &names,
    )
    .fetch_all(pool)
    .await?;
    let mut totals = Vec::with_capacity(rows.len());
    for row in rows {
        let (debit, credit) = (Francs(row.debit), Francs(row.credit));
        totals.push(KindTotal { kind: kind(&row.kind)?, accounts: row.accounts, debit, credit });
    }
    Ok(totals)
}

/// The kind of that name; the column's check admits no other.
fn kind(name: &str) -> Result<Kind, sqlx::Error> {
    Kind::from_name(name).ok_or_else(|| sqlx::Error::Decode(format!("{name:?} is no kind of account").into()))
}
