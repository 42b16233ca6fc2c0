//! Reading the books: statements, accounts, transactions, the trial balance.
//!
//! Separate from writing them. A transaction's id is made when it is booked and rises with the time, so "in order of booking"
//! is the order of ids, and "as of" is a bound of ids. (Two that are booked within one moment by two processes may stand
//! either way round; balances do not depend on it.)

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor, PgPool};
use uuid::Uuid;

use super::{DriverEntry, KindTotal, kind};
use crate::ids::RideId;
use crate::money::Francs;
use crate::payments::ledger::Kind;
use crate::time::Timestamp;
use crate::web::page::{PageRequest, Position};

/// A transaction as the owner of accounts sees it: the owner's own lines only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementItem {
    /// Which transaction.
    pub id: Uuid,
    /// When what caused it happened.
    pub at: Timestamp,
    /// The ride it is about.
    pub ride: Option<RideId>,
    /// What caused it: see [`crate::payments::ledger::word`].
    pub cause: String,
    /// What it is, for a person.
    pub memo: String,
    /// The lines on the owner's accounts.
    pub entries: Vec<DriverEntry>,
    /// What each of the owner's accounts held after it.
    pub after: Vec<DriverEntry>,
}

impl StatementItem {
    /// Where it stands in the list.
    pub const fn position(&self) -> Position {
        Position { at: self.at, id: self.id }
    }
}

/// Days of a statement, as instants; open where there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Period {
    /// Not before.
    pub from: Option<Timestamp>,
    /// Before.
    pub to: Option<Timestamp>,
}

impl Period {
    fn bounds(self) -> (DateTime<Utc>, DateTime<Utc>) {
        let from = self.from.map_or(DateTime::UNIX_EPOCH, DateTime::<Utc>::from);
        // The year 9999.
        let to = self.to.unwrap_or(Timestamp::from_millis(253_370_764_800_000));
        (from, to.into())
    }
}

/// Below which ids a page begins.
fn before(page: &PageRequest) -> Uuid {
    page.before.map_or(Uuid::max(), |before| before.id)
}

/// The least id of what is booked at that instant.
fn first_id_at(at: Timestamp) -> Uuid {
    let ms = u128::try_from(at.as_millis().max(0)).unwrap_or(0);
    Uuid::from_u128((ms << 80) | (7 << 76))
}

/// A page of what touches an owner's accounts, booked last first, one more than the page holds, with running balances.
pub async fn statement(
    pool: &PgPool,
    owner: Uuid,
    kinds: &[Kind],
    period: Period,
    page: &PageRequest,
) -> Result<Vec<StatementItem>, sqlx::Error> {
    let names: Vec<_> = kinds.iter().map(|kind| kind.as_str().to_owned()).collect();
    let (from, to) = period.bounds();
    // Lines and balances must be of one moment.
    let mut conn = pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    let rows = sqlx::query!(
        r#"WITH mine AS (SELECT id, kind FROM ledger_accounts WHERE owner_id = $1 AND kind = ANY($2)),
                wanted AS (
                    SELECT DISTINCT near.transaction_id
                    FROM mine, LATERAL (
                        SELECT entry.transaction_id
                        FROM ledger_entries entry JOIN ledger_transactions t ON t.id = entry.transaction_id
                        WHERE entry.account_id = mine.id AND entry.transaction_id < $3 AND t.at >= $4 AND t.at < $5
                        ORDER BY entry.transaction_id DESC LIMIT $6) near
                    ORDER BY near.transaction_id DESC LIMIT $6)
           SELECT t.id, t.at, t.ride_id, t.cause, t.memo,
                  array_agg(mine.kind ORDER BY entry.line) AS "kinds!",
                  array_agg(entry.amount_rwf ORDER BY entry.line) AS "amounts!"
           FROM wanted
           JOIN ledger_transactions t ON t.id = wanted.transaction_id
           JOIN ledger_entries entry ON entry.transaction_id = t.id
           JOIN mine ON mine.id = entry.account_id
           GROUP BY t.id
           ORDER BY t.id DESC"#,
        owner,
        &names,
        before(page),
        from,
        to,
        page.limit + 1,
    )
    .fetch_all(&mut *conn)
    .await?;
    let Some(newest) = rows.first().map(|row| row.id) else { return Ok(Vec::new()) };
    let held = sqlx::query!(
        r#"SELECT account.kind,
                  (balance.debit_rwf - balance.credit_rwf
                   - coalesce((SELECT sum(entry.amount_rwf) FROM ledger_entries entry
                               WHERE entry.account_id = account.id AND entry.transaction_id > $3), 0))::bigint AS "held!"
           FROM ledger_accounts account JOIN ledger_balances balance ON balance.account_id = account.id
           WHERE account.owner_id = $1 AND account.kind = ANY($2)
           ORDER BY account.id"#,
        owner,
        &names,
        newest,
    )
    .fetch_all(&mut *conn)
    .await?;
    conn.commit().await?;
    let mut held = held
        .into_iter()
        .map(|row| Ok(DriverEntry { kind: kind(&row.kind)?, amount: Francs(row.held) }))
        .collect::<Result<Vec<_>, sqlx::Error>>()?;
    let is_whole = period == Period::default();
    let mut items = Vec::with_capacity(rows.len());
    for row in rows {
        let mut entries = Vec::with_capacity(row.kinds.len());
        for (name, amount) in row.kinds.iter().zip(row.amounts) {
            entries.push(DriverEntry { kind: kind(name)?, amount: Francs(amount) });
        }
        if !is_whole {
            // Between two lines there may be some that are not shown.
            held = held_after(&mut *pool.acquire().await?, owner, &names, row.id).await?;
        }
        let after = held.clone();
        for entry in &entries {
            if let Some(account) = held.iter_mut().find(|account| account.kind == entry.kind) {
                account.amount = Francs(account.amount.amount() - entry.amount.amount());
            }
        }
        let (ride, at) = (row.ride_id.map(RideId), row.at.into());
        items.push(StatementItem { id: row.id, at, ride, cause: row.cause, memo: row.memo, entries, after });
    }
    Ok(items)
}

/// What an owner's accounts held after a transaction.
async fn held_after(
    db: impl PgExecutor<'_>,
    owner: Uuid,
    names: &[String],
    id: Uuid,
) -> Result<Vec<DriverEntry>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT account.kind,
                  coalesce((SELECT sum(entry.amount_rwf) FROM ledger_entries entry
                            WHERE entry.account_id = account.id AND entry.transaction_id <= $3), 0)::bigint AS "held!"
           FROM ledger_accounts account
           WHERE account.owner_id = $1 AND account.kind = ANY($2)
           ORDER BY account.id"#,
        owner,
        names,
        id,
    )
    .fetch_all(db)
    .await?;
    rows.into_iter().map(|row| Ok(DriverEntry { kind: kind(&row.kind)?, amount: Francs(row.held) })).collect()
}

/// An account with its kept sums.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountRow {
    /// Its number.
    pub id: i64,
    /// Which kind.
    pub kind: Kind,
    /// Whose; nobody's of the house's own.
    pub owner: Option<Uuid>,
    /// The sum of all debits.
    pub debit: Francs,
    /// The sum of all credits, as a positive amount.
    pub credit: Francs,
}

/// A page of accounts, the newest first.
pub async fn accounts(
    pool: &PgPool,
    of_kind: Option<Kind>,
    owner: Option<Uuid>,
    page: &PageRequest,
) -> Result<Vec<AccountRow>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT account.id, account.kind, account.owner_id,
                  coalesce(sum(balance.debit_rwf), 0)::bigint AS "debit!",
                  coalesce(sum(balance.credit_rwf), 0)::bigint AS "credit!"
           FROM ledger_accounts account LEFT JOIN ledger_balances balance ON balance.account_id = account.id
           WHERE ($1::text IS NULL OR account.kind = $1) AND ($2::uuid IS NULL OR account.owner_id = $2) AND account.id < $3
           GROUP BY account.id
           ORDER BY account.id DESC LIMIT $4"#,
        of_kind.map(Kind::as_str),
        owner,
        page.before.map_or(i64::MAX, |before| before.at.as_millis()),
        page.limit + 1,
    )
    .fetch_all(pool)
    .await?;
    let row = |id, name: &str, owner, debit, credit| {
        Ok(AccountRow { id, kind: kind(name)?, owner, debit: Francs(debit), credit: Francs(credit) })
    };
    rows.into_iter().map(|r| row(r.id, &r.kind, r.owner_id, r.debit, r.credit)).collect()
}

/// Which transactions are wanted.
#[derive(Clone, Debug)]
pub enum Wanted {
    /// All of them.
    All,
    /// The one of that cause.
    Cause(String),
    /// Those about a ride.
    Ride(RideId),
    /// Those that touch an account.
    Account(i64),
}

/// A whole transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WholeTransaction {
    /// Which.
    pub id: Uuid,
    /// When what caused it happened.
    pub at: Timestamp,
    /// What caused it.
    pub cause: String,
    /// The ride it is about.
    pub ride: Option<RideId>,
    /// What it is, for a person.
    pub memo: String,
    /// Its lines: number, kind and owner of the account, amount.
    pub lines: Vec<(i64, Kind, Option<Uuid>, Francs)>,
}

/// A page of transactions with all their lines, booked last first.
pub async fn transactions(
    pool: &PgPool,
    wanted: &Wanted,
    page: &PageRequest,
) -> Result<Vec<WholeTransaction>, sqlx::Error> {
    let (before, limit) = (before(page), page.limit + 1);
    let ids = match wanted {
        Wanted::All => {
            let all = "SELECT id FROM ledger_transactions WHERE id < $1 ORDER BY id DESC LIMIT $2";
            sqlx::query_scalar::<_, Uuid>(all).bind(before).bind(limit).fetch_all(pool).await?
        }
        Wanted::Cause(cause) => {
            sqlx::query_scalar!("SELECT id FROM ledger_transactions WHERE cause = $1 AND id < $2", cause, before)
                .fetch_all(pool)
                .await?
        }
        Wanted::Ride(ride) => {
            sqlx::query_scalar!(
                "SELECT id FROM ledger_transactions WHERE ride_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3",
                ride.0,
                before,
                limit
            )
            .fetch_all(pool)
            .await?
        }
        Wanted::Account(account) => {
            sqlx::query_scalar!(
                "SELECT transaction_id FROM ledger_entries WHERE account_id = $1 AND transaction_id < $2
                 ORDER BY transaction_id DESC LIMIT $3",
                account,
                before,
                limit
            )
            .fetch_all(pool)
            .await?
        }
    };
    let rows = sqlx::query!(
        r#"SELECT t.id, t.at, t.cause, t.ride_id, t.memo, account.id AS account, account.kind, account.owner_id,
                  entry.amount_rwf
           FROM ledger_transactions t
           JOIN ledger_entries entry ON entry.transaction_id = t.id
           JOIN ledger_accounts account ON account.id = entry.account_id
           WHERE t.id = ANY($1)
           ORDER BY t.id DESC, entry.line"#,
        &ids,
    )
    .fetch_all(pool)
    .await?;
    let mut found: Vec<WholeTransaction> = Vec::new();
    for row in rows {
        let line = (row.account, kind(&row.kind)?, row.owner_id, Francs(row.amount_rwf));
        match found.last_mut().filter(|last| last.id == row.id) {
            Some(last) => last.lines.push(line),
            None => found.push(WholeTransaction {
                id: row.id,
                at: row.at.into(),
                cause: row.cause,
                ride: row.ride_id.map(RideId),
                memo: row.memo,
                lines: vec![line],
            }),
        }
    }
    Ok(found)
}

/// The sums of each kind, used or not, without what was booked at or after an instant.
pub async fn kind_totals_at(pool: &PgPool, as_of: Timestamp) -> Result<Vec<KindTotal>, sqlx::Error> {
    let names: Vec<_> = Kind::ALL.iter().map(|kind| kind.as_str().to_owned()).collect();
    // From now backwards: a balance of yesterday reads a day's entries, however old the books are.
    let rows = sqlx::query!(
        r#"WITH later AS (
               SELECT account_id, coalesce(sum(amount_rwf) FILTER (WHERE amount_rwf > 0), 0) AS debit,
                      coalesce(-sum(amount_rwf) FILTER (WHERE amount_rwf < 0), 0) AS credit
               FROM ledger_entries WHERE transaction_id >= $2 GROUP BY account_id),
           kept AS (
               SELECT account_id, sum(debit_rwf) AS debit, sum(credit_rwf) AS credit FROM ledger_balances GROUP BY account_id)
           SELECT wanted.kind AS "kind!", count(account.id) AS "accounts!",
                  coalesce(sum(kept.debit - coalesce(later.debit, 0)), 0)::bigint AS "debit!",
                  coalesce(sum(kept.credit - coalesce(later.credit, 0)), 0)::bigint AS "credit!"
           FROM unnest($1::text[]) WITH ORDINALITY AS wanted (kind, place)
           LEFT JOIN ledger_accounts account ON account.kind = wanted.kind
           LEFT JOIN kept ON kept.account_id = account.id
           LEFT JOIN later ON later.account_id = account.id
           GROUP BY wanted.kind, wanted.place
           ORDER BY wanted.place"#,
        &names,
        first_id_at(as_of),
    )
    .fetch_all(pool)
    .await?;
    let total = |name: &str, accounts, debit, credit| {
        Ok(KindTotal { kind: kind(name)?, accounts, debit: Francs(debit), credit: Francs(credit) })
    };
    rows.into_iter().map(|row| total(&row.kind, row.accounts, row.debit, row.credit)).collect()
}

/// What a house's account of one kind holds, debit positive.
pub async fn house_balance(conn: &mut PgConnection, of: Kind) -> Result<Francs, sqlx::Error> {
    let sum = sqlx::query_scalar!(
        r#"SELECT coalesce(sum(balance.debit_rwf - balance.credit_rwf), 0)::bigint AS "sum!"
           FROM ledger_accounts account JOIN ledger_balances balance ON balance.account_id = account.id
           WHERE account.kind = $1"#,
        of.as_str(),
    )
    .fetch_one(conn)
    .await?;
    Ok(Francs(sum))
}

/// A driver in a cooperative's statement, in francs.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[schema(as = CooperativeMember)]
pub struct Member {
    /// Who.
    pub driver_id: Uuid,
    /// Rides with money in them.
    pub rides: i64,
    /// What rides and tips earned, commission deducted.
    pub earned_rwf: i64,
    /// What was taken from earnings: paid out, netted, given back.
    pub taken_rwf: i64,
    /// Of it: paid out to the driver's wallet, fees included.
    pub paid_out_rwf: i64,
    /// Fares that the driver collected in cash.
    pub cash_collected_rwf: i64,
    /// Cash that was accounted for with the platform.
    pub cash_settled_rwf: i64,
}

/// The sums of each driver whose approved membership is in a cooperative of that name.
pub async fn cooperative(pool: &PgPool, name: &str, period: Period) -> Result<Vec<Member>, sqlx::Error> {
    let (from, to) = period.bounds();
    sqlx::query_as!(
        Member,
        r#"WITH member AS (
               SELECT DISTINCT driver_id FROM driver_documents
               WHERE kind = 'cooperative' AND state = 'approved' AND lower(btrim(issuer)) = lower(btrim($1)))
           SELECT member.driver_id AS "driver_id!",
                  count(DISTINCT line.ride_id) AS "rides!",
                  coalesce(-sum(line.amount_rwf) FILTER (WHERE line.kind = 'driver_payable' AND line.amount_rwf < 0), 0)::bigint
                      AS "earned_rwf!",
                  coalesce(sum(line.amount_rwf) FILTER (WHERE line.kind = 'driver_payable' AND line.amount_rwf > 0), 0)::bigint
                      AS "taken_rwf!",
                  coalesce(sum(line.amount_rwf) FILTER (WHERE line.kind = 'driver_payable' AND line.cause LIKE 'payout:%'
                           AND line.cause NOT LIKE '%:netting'), 0)::bigint AS "paid_out_rwf!",
                  coalesce(sum(line.amount_rwf) FILTER (WHERE line.kind = 'driver_cash' AND line.amount_rwf > 0), 0)::bigint
                      AS "cash_collected_rwf!",
                  coalesce(-sum(line.amount_rwf) FILTER (WHERE line.kind = 'driver_cash' AND line.amount_rwf < 0), 0)::bigint
                      AS "cash_settled_rwf!"
           FROM member
           LEFT JOIN LATERAL (
               SELECT account.kind, entry.amount_rwf, t.cause, t.ride_id
               FROM ledger_accounts account
               JOIN ledger_entries entry ON entry.account_id = account.id
               JOIN ledger_transactions t ON t.id = entry.transaction_id
               WHERE account.owner_id = member.driver_id AND account.kind IN ('driver_cash', 'driver_payable')
                     AND t.at >= $2 AND t.at < $3) line ON true
           GROUP BY member.driver_id
           ORDER BY member.driver_id"#,
        name,
        from,
        to,
    )
    .fetch_all(pool)
    .await
}

/// Made-up owners of accounts, for a bench.
pub async fn make_people(pool: &PgPool, ids: &[Uuid]) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO users (id, role, first_name, last_name, language, created_at, updated_at)
         SELECT id, 'driver', 'A', 'B', 'rw', now(), now() FROM unnest($1::uuid[]) AS id",
        ids
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// The transaction in the middle of the books.
pub async fn middle(pool: &PgPool) -> Result<Option<Uuid>, sqlx::Error> {
    sqlx::query_scalar!(
        "SELECT id FROM ledger_transactions ORDER BY id
         OFFSET (SELECT count(*) / 2 FROM ledger_transactions) LIMIT 1"
    )
    .fetch_optional(pool)
    .await
}
