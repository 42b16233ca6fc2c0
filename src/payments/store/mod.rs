//! All SQL of this service; the ledger's tables here, the others in files of their own.

pub(super) mod cases;
pub(super) mod disputes;

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor, PgPool};
use uuid::Uuid;

use crate::ids::{DriverId, RideId};
use crate::money::Francs;
use crate::payments::ledger::{Kind, Posting};
use crate::time::Timestamp;
use crate::web::page::PageRequest;

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

/// Writes a posting, unless one was written for the same cause before: then `false`. A concurrent writer of the same
/// cause is waited for.
pub(super) async fn post(
    conn: &mut PgConnection,
    new: &NewTransaction,
    posting: &Posting,
) -> Result<bool, sqlx::Error> {
    let id = Uuid::now_v7();
    let written = sqlx::query!(
        "INSERT INTO ledger_transactions (id, cause, ride_id, at, memo) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT ON CONSTRAINT ledger_transactions_cause DO NOTHING",
        id,
        new.cause,
        new.ride.map(Uuid::from),
        DateTime::<Utc>::from(new.at),
        new.memo,
    )
    .execute(&mut *conn)
    .await?;
    if written.rows_affected() == 0 {
        return Ok(false);
    }
    let entries = posting.entries();
    let kinds: Vec<_> = entries.iter().map(|entry| entry.account.kind().as_str().to_owned()).collect();
    let owners: Vec<_> = entries.iter().map(|entry| entry.account.owner()).collect();
    let amounts: Vec<_> = entries.iter().map(|entry| entry.amount.amount()).collect();
    open_accounts(conn, &kinds, &owners).await?;
    let lines = sqlx::query!(
        "INSERT INTO ledger_entries (transaction_id, line, account_id, amount_rwf)
         SELECT $1, wanted.line::smallint, account.id, wanted.amount
         FROM unnest($2::text[], $3::uuid[], $4::bigint[]) WITH ORDINALITY AS wanted (kind, owner, amount, line)
         JOIN ledger_accounts account ON account.kind = wanted.kind AND account.owner_id IS NOT DISTINCT FROM wanted.owner",
        id,
        &kinds,
        &owners as &[Option<Uuid>],
        &amounts,
    )
    .execute(&mut *conn)
    .await?;
    // A line that found no account would leave the transaction off balance: the database would refuse the commit.
    debug_assert_eq!(usize::try_from(lines.rows_affected()), Ok(entries.len()));
    Ok(true)
}

/// Makes the accounts that do not exist yet. Postings name their accounts in one order, so two of them never wait for
/// each other in a circle.
async fn open_accounts(conn: &mut PgConnection, kinds: &[String], owners: &[Option<Uuid>]) -> Result<(), sqlx::Error> {
    // The look before the insert spares a number of the sequence for every posting on old accounts.
    sqlx::query!(
        "INSERT INTO ledger_accounts (kind, owner_id)
         SELECT wanted.kind, wanted.owner
         FROM unnest($1::text[], $2::uuid[]) WITH ORDINALITY AS wanted (kind, owner, line)
         WHERE NOT EXISTS (SELECT FROM ledger_accounts account
                           WHERE account.kind = wanted.kind AND account.owner_id IS NOT DISTINCT FROM wanted.owner)
         ORDER BY wanted.line
         ON CONFLICT ON CONSTRAINT ledger_accounts_unique DO NOTHING",
        kinds,
        owners as &[Option<Uuid>],
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The sums of a driver's accounts, those that exist.
pub(super) async fn driver_sums(db: impl PgExecutor<'_>, driver: DriverId) -> Result<Vec<DriverEntry>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT account.kind, sum(entry.amount_rwf)::bigint AS "balance!"
           FROM ledger_accounts account JOIN ledger_entries entry ON entry.account_id = account.id
           WHERE account.owner_id = $1
           GROUP BY account.kind"#,
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
                  coalesce(sum(entry.amount_rwf) FILTER (WHERE entry.amount_rwf > 0), 0)::bigint AS "debit!",
                  coalesce(-sum(entry.amount_rwf) FILTER (WHERE entry.amount_rwf < 0), 0)::bigint AS "credit!"
           FROM unnest($1::text[]) WITH ORDINALITY AS wanted (kind, place)
           LEFT JOIN ledger_accounts account ON account.kind = wanted.kind
           LEFT JOIN ledger_entries entry ON entry.account_id = account.id
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
