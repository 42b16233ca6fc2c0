//! The server's books, read behind its back: from its own PostgreSQL.
//!
//! Only to compare them with what left the wallets, and to put there what no API makes quickly: people's credit and a backlog.

use std::collections::BTreeMap;
use std::path::Path;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Row};

use super::Somebody;
use crate::play::Stop;

/// Names of the private Postgres, as the server makes it.
const DATABASE: &str = "boda";
const PORT: u16 = 5432;

/// A connection to them.
#[derive(Debug)]
pub struct Books {
    pub(super) conn: PgConnection,
}

/// An order to a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Our reference of it.
    pub id: String,
    /// `mtn`, `airtel`, `card`.
    pub provider: String,
    /// `collection`, `refund`, `payout`.
    pub operation: String,
    /// What is paid by it.
    pub intent: String,
    /// Where it is.
    pub state: String,
}

/// Money that was written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capture {
    /// Of which order.
    pub attempt: String,
    /// How much, in francs, with what became credit.
    pub amount: i64,
}

/// The way of one payment in time, milliseconds since 1970.
#[derive(Clone, Debug)]
pub struct Timeline {
    /// Our reference of the order.
    pub attempt: String,
    /// Of which ride.
    pub ride: String,
    /// When the ride was completed.
    pub completed_ms: f64,
    /// When the first byte left.
    pub asked_ms: Option<f64>,
    /// When it was written down that it was over.
    pub finished_ms: Option<f64>,
}

pub(super) fn failed(err: sqlx::Error) -> Stop {
    Stop::Failed(format!("the server's database: {err}"))
}

impl Books {
    /// Of the server whose data lie there.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub async fn open(data_dir: &Path) -> Result<Self, Stop> {
        let options = PgConnectOptions::new_without_pgpass().socket(data_dir.join("postgres")).port(PORT);
        let conn = options.username("boda").database(DATABASE).connect().await.map_err(failed)?;
        Ok(Self { conn })
    }

    /// Gives some riders credit, as by decision of two people.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn give_credit(&mut self, riders: impl Iterator<Item = &Somebody>, amount: i64) -> Result<(), Stop> {
        let ids: Vec<String> = riders.map(|rider| rider.user_id.clone()).collect();
        for statement in [
            "INSERT INTO ledger_accounts (kind, owner_id) SELECT 'rider_credit', id::uuid FROM unnest($1::text[]) AS id
             WHERE $2::bigint > 0 ON CONFLICT DO NOTHING",
            "INSERT INTO ledger_accounts (kind, owner_id) SELECT 'adjustments', NULL
             WHERE cardinality($1::text[]) > 0 AND $2::bigint > 0 ON CONFLICT DO NOTHING",
            "WITH given AS (
                 INSERT INTO ledger_transactions (id, cause, at, memo)
                 SELECT gen_random_uuid(), 'loadtest:credit:' || id, now(), 'credit of a load test' FROM unnest($1::text[]) AS id
                 RETURNING id, split_part(cause, ':', 3)::uuid AS rider)
             INSERT INTO ledger_entries (transaction_id, line, account_id, amount_rwf)
             SELECT given.id, lines.line, account.id, lines.amount
             FROM given CROSS JOIN LATERAL (VALUES (1::smallint, 'adjustments', NULL::uuid, $2::bigint),
                                                   (2::smallint, 'rider_credit', given.rider, -$2::bigint))
                  AS lines (line, kind, owner, amount)
             JOIN ledger_accounts account ON account.kind = lines.kind AND account.owner_id IS NOT DISTINCT FROM lines.owner",
        ] {
            sqlx::query(statement).bind(&ids).bind(amount).execute(&mut self.conn).await.map_err(failed)?;
        }
        Ok(())
    }

    /// Every order to a provider.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn attempts(&mut self) -> Result<Vec<Attempt>, Stop> {
        let rows = sqlx::query("SELECT id::text, provider, operation, subject_id::text, state FROM payment_attempts")
            .fetch_all(&mut self.conn)
            .await
            .map_err(failed)?;
        let attempt = |row: sqlx::postgres::PgRow| Attempt {
            id: row.get(0),
            provider: row.get(1),
            operation: row.get(2),
            intent: row.get(3),
            state: row.get(4),
        };
        Ok(rows.into_iter().map(attempt).collect())
    }

    /// What was written down of providers' money.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn captures(&mut self) -> Result<Vec<Capture>, Stop> {
        let rows = sqlx::query(
            "SELECT attempt_id::text, amount_rwf + surplus_rwf FROM payment_captures WHERE attempt_id IS NOT NULL",
        )
        .fetch_all(&mut self.conn)
        .await
        .map_err(failed)?;
        Ok(rows.into_iter().map(|row| Capture { attempt: row.get(0), amount: row.get(1) }).collect())
    }

    /// How many orders are not over, by state; nothing when there is nothing to wait for.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn on_their_way(&mut self) -> Result<BTreeMap<String, i64>, Stop> {
        let rows = sqlx::query(
            "SELECT state, count(*) FROM payment_attempts WHERE state IN ('prepared', 'submitting', 'pending', 'unresolved')
             GROUP BY state
             UNION ALL
             SELECT 'job', count(*) FROM jobs WHERE kind LIKE 'payments.%' AND state IN ('ready', 'leased')
             HAVING count(*) > 0",
        )
        .fetch_all(&mut self.conn)
        .await
        .map_err(failed)?;
        Ok(rows.into_iter().map(|row| (row.get(0), row.get(1))).collect())
    }

    /// How many intents are in each state.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn intents(&mut self) -> Result<BTreeMap<String, i64>, Stop> {
        let rows = sqlx::query("SELECT state, count(*) FROM payment_intents GROUP BY state ORDER BY state")
            .fetch_all(&mut self.conn)
            .await
            .map_err(failed)?;
        Ok(rows.into_iter().map(|row| (row.get(0), row.get(1))).collect())
    }

    /// From the first intent that was opened to the last that was paid, in seconds.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn settling_s(&mut self) -> Result<f64, Stop> {
        let row = sqlx::query(
            "SELECT coalesce(extract(epoch FROM max(succeeded_at) - min(created_at)), 0)::float8 FROM payment_intents",
        )
        .fetch_one(&mut self.conn)
        .await
        .map_err(failed)?;
        Ok(row.get(0))
    }

    /// The way of each collection in time.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn timelines(&mut self) -> Result<Vec<Timeline>, Stop> {
        let rows = sqlx::query(
            "SELECT a.id::text, r.id::text, (extract(epoch FROM r.ended_at) * 1000)::float8,
                    (extract(epoch FROM a.requested_at) * 1000)::float8, (extract(epoch FROM a.finished_at) * 1000)::float8
             FROM payment_attempts a JOIN payment_intents i ON i.id = a.subject_id JOIN rides r ON r.id = i.ride_id
             WHERE a.operation = 'collection' AND i.purpose = 'ride' AND r.ended_at IS NOT NULL",
        )
        .fetch_all(&mut self.conn)
        .await
        .map_err(failed)?;
        let timeline = |row: sqlx::postgres::PgRow| Timeline {
            attempt: row.get(0),
            ride: row.get(1),
            completed_ms: row.get(2),
            asked_ms: row.get(3),
            finished_ms: row.get(4),
        };
        Ok(rows.into_iter().map(timeline).collect())
    }

    /// Whether the books are balanced: as a whole, in each transaction, and each intent has what its captures say.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn are_balanced(&mut self) -> Result<bool, Stop> {
        let row = sqlx::query(
            "SELECT coalesce((SELECT sum(amount_rwf) FROM ledger_entries), 0) = 0
                AND NOT EXISTS (SELECT FROM ledger_entries GROUP BY transaction_id HAVING sum(amount_rwf) <> 0)
                AND NOT EXISTS (SELECT FROM payment_intents i
                                WHERE i.paid_rwf <> (SELECT coalesce(sum(c.amount_rwf), 0) FROM payment_captures c
                                                     WHERE c.intent_id = i.id))
                AND NOT EXISTS (SELECT FROM payment_captures c
                                WHERE c.attempt_id IS NOT NULL AND NOT EXISTS (
                                    SELECT FROM ledger_transactions t WHERE t.cause = 'attempt:' || c.attempt_id || ':capture'))",
        )
        .fetch_one(&mut self.conn)
        .await
        .map_err(failed)?;
        Ok(row.get(0))
    }
}
