//! All SQL of this service; the ledger's tables here, the others in files of their own.

pub(super) mod attempts;
pub(super) mod books;
pub(super) mod cases;
pub(super) mod intents;
pub(super) mod listing;
pub(super) mod check;
pub(super) mod disputes;
mod posting;
pub(super) mod reconciliation;

use sqlx::{PgExecutor, PgPool};

use crate::ids::{DriverId, RideId};
use crate::money::Francs;
use crate::payments::ledger::Kind;
use crate::time::Timestamp;

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
