//! Writing the ledger: any number of postings in two statements.
//!
//! Separate because this is the only code that writes entries. Invariants: a cause is posted once, whoever tries and however
//! often, within one call too; whoever posts takes accounts, causes and sums in one order each, so that two of them wait for
//! each other but never in a circle. (A transaction that posts twice may meet another such; post everything in one call.)

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::NewTransaction;
use crate::money::Francs;
use crate::payments::ledger::{Account, Posting};

/// The constraint that a posting violates which would overdraw a rider's credit, or pay a driver more than was earned.
pub const NOT_OVERDRAWN: &str = "ledger_not_overdrawn";

/// Whether the database refused because an account would be overdrawn.
pub fn is_overdrawn(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(sqlx::error::DatabaseError::constraint) == Some(NOT_OVERDRAWN)
}

/// Writes a posting, unless one was written for the same cause before: then `false`. A concurrent writer of the same
/// cause is waited for.
pub async fn post(conn: &mut PgConnection, new: &NewTransaction, posting: &Posting) -> Result<bool, sqlx::Error> {
    let written = post_all(conn, &[(new.clone(), posting.clone())]).await?;
    Ok(written.first().copied().unwrap_or(false))
}

/// Writes postings, each unless one was written for the same cause before; of two with one cause the first. Answers, in the
/// order of the postings, which were written now. One that overdraws ([`is_overdrawn`]) fails them all.
pub async fn post_all(
    conn: &mut PgConnection,
    postings: &[(NewTransaction, Posting)],
) -> Result<Vec<bool>, sqlx::Error> {
    if postings.is_empty() {
        return Ok(Vec::new());
    }
    open_accounts(conn, postings).await?;
    let ids: Vec<_> = postings.iter().map(|_| Uuid::now_v7()).collect();
    let causes: Vec<_> = postings.iter().map(|(new, _)| new.cause.clone()).collect();
    let rides: Vec<_> = postings.iter().map(|(new, _)| new.ride.map(Uuid::from)).collect();
    let times: Vec<_> = postings.iter().map(|(new, _)| DateTime::<Utc>::from(new.at)).collect();
    let memos: Vec<_> = postings.iter().map(|(new, _)| new.memo.to_owned()).collect();
    let (mut of, mut lines, mut kinds, mut owners, mut amounts) = (vec![], vec![], vec![], vec![], vec![]);
    for ((_, posting), id) in postings.iter().zip(&ids) {
        for (line, entry) in (1_i16..).zip(posting.entries()) {
            of.push(*id);
            lines.push(line);
            kinds.push(entry.account.kind().as_str().to_owned());
            owners.push(entry.account.owner());
            amounts.push(entry.amount.amount());
        }
    }
    // A line that found no account would leave its transaction off balance: the database would refuse the commit.
    let written = sqlx::query_scalar!(
        r#"WITH head AS (
               INSERT INTO ledger_transactions (id, cause, ride_id, at, memo)
               SELECT id, cause, ride_id, at, memo
               FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::timestamptz[], $5::text[])
                   WITH ORDINALITY AS wanted (id, cause, ride_id, at, memo, place)
               ORDER BY cause, place
               ON CONFLICT ON CONSTRAINT ledger_transactions_cause DO NOTHING
               RETURNING id
           ), lines AS (
               INSERT INTO ledger_entries (transaction_id, line, account_id, amount_rwf)
               SELECT head.id, wanted.line, account.id, wanted.amount
               FROM unnest($6::uuid[], $7::smallint[], $8::text[], $9::uuid[], $10::bigint[])
                   AS wanted (id, line, kind, owner, amount)
               JOIN head ON head.id = wanted.id
               JOIN ledger_accounts account
                   ON account.kind = wanted.kind AND account.owner_id IS NOT DISTINCT FROM wanted.owner
           )
           SELECT id AS "id!" FROM head"#,
        &ids,
        &causes,
        &rides as &[Option<Uuid>],
        &times,
        &memos,
        &of,
        &lines,
        &kinds,
        &owners as &[Option<Uuid>],
        &amounts,
    )
    .fetch_all(&mut *conn)
    .await?;
    let written: BTreeSet<_> = written.into_iter().collect();
    Ok(ids.iter().map(|id| written.contains(id)).collect())
}

/// Makes the accounts that do not exist yet, in one order.
async fn open_accounts(conn: &mut PgConnection, postings: &[(NewTransaction, Posting)]) -> Result<(), sqlx::Error> {
    let accounts: BTreeMap<_, _> = postings
        .iter()
        .flat_map(|(_, posting)| posting.entries())
        .map(|entry| ((entry.account.kind().as_str(), entry.account.owner()), ()))
        .collect();
    let kinds: Vec<_> = accounts.keys().map(|(kind, _)| (*kind).to_owned()).collect();
    let owners: Vec<_> = accounts.keys().map(|(_, owner)| *owner).collect();
    // The look before the insert spares a number of the sequence for every posting on old accounts.
    sqlx::query!(
        "INSERT INTO ledger_accounts (kind, owner_id)
         SELECT wanted.kind, wanted.owner
         FROM unnest($1::text[], $2::uuid[]) WITH ORDINALITY AS wanted (kind, owner, line)
         WHERE NOT EXISTS (SELECT FROM ledger_accounts account
                           WHERE account.kind = wanted.kind AND account.owner_id IS NOT DISTINCT FROM wanted.owner)
         ORDER BY wanted.line
         ON CONFLICT ON CONSTRAINT ledger_accounts_unique DO NOTHING",
        &kinds,
        &owners as &[Option<Uuid>],
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// What an account of a person holds, debit positive, and nobody can change it before the caller's transaction ends.
pub async fn locked_balance(conn: &mut PgConnection, account: Account) -> Result<Francs, sqlx::Error> {
    let balance = sqlx::query_scalar!(
        r#"SELECT balance.debit_rwf - balance.credit_rwf AS "balance!"
           FROM ledger_accounts account JOIN ledger_balances balance ON balance.account_id = account.id
           WHERE account.kind = $1 AND account.owner_id = $2
           FOR UPDATE OF balance"#,
        account.kind().as_str(),
        account.owner(),
    )
    .fetch_optional(conn)
    .await?;
    Ok(balance.map_or(Francs::ZERO, Francs))
}
