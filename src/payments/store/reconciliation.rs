//! SQL of reconciling: the orders that a statement names, its lines, and what came of a day.

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::Value;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::money::Francs;
use crate::payments::method::ProviderId;
use crate::payments::providers::{AttemptId, Operation, StatementLine};
use crate::payments::reconciliation::{Class, Fate, Known};
use crate::time::Timestamp;

/// Only one reconciles with a provider at a time.
pub async fn take_turn(conn: &mut PgConnection, provider: ProviderId) -> Result<(), sqlx::Error> {
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtext('reconcile:' || $1))", provider.as_str())
        .fetch_one(conn)
        .await?;
    Ok(())
}

/// The orders of a provider that lines may name, and those that succeeded in a time and are in no statement yet.
pub async fn known(
    conn: &mut PgConnection,
    provider: ProviderId,
    ids: &[Uuid],
    references: &[String],
    expected: (Timestamp, Timestamp),
) -> Result<Vec<Known>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT a.id, a.operation, a.amount_rwf, a.state, a.provider_reference,
                  (a.state = 'succeeded' AND a.finished_at >= $4 AND a.finished_at < $5
                   AND NOT EXISTS (SELECT FROM provider_statement_lines l WHERE l.attempt_id = a.id)) AS "is_expected!"
           FROM payment_attempts a
           WHERE a.provider = $1
                 AND (a.id = ANY($2) OR a.provider_reference = ANY($3)
                      OR (a.state = 'succeeded' AND a.finished_at >= $4 AND a.finished_at < $5))"#,
        provider.as_str(),
        ids,
        references,
        DateTime::<Utc>::from(expected.0),
        DateTime::<Utc>::from(expected.1),
    )
    .fetch_all(conn)
    .await?;
    let mut known = Vec::with_capacity(rows.len());
    for row in rows {
        let operation = Operation::from_name(&row.operation)
            .ok_or_else(|| sqlx::Error::Decode(format!("{:?} is no operation", row.operation).into()))?;
        let fate = match row.state.as_str() {
            "succeeded" => Fate::Succeeded,
            "failed" | "rejected" => Fate::Failed,
            _ => Fate::Open,
        };
        known.push(Known {
            id: AttemptId(row.id),
            operation,
            amount: Francs(row.amount_rwf),
            fate,
            provider_reference: row.provider_reference,
            is_expected: row.is_expected,
        });
    }
    Ok(known)
}

/// Keeps lines; of one that is kept already only what it was found to be may have changed.
pub async fn keep_lines(
    conn: &mut PgConnection,
    provider: ProviderId,
    lines: &[(&StatementLine, Class, Option<AttemptId>)],
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let theirs: Vec<_> = lines.iter().map(|(line, ..)| line.provider_reference.clone()).collect();
    let ours: Vec<_> = lines.iter().map(|(line, ..)| line.our_reference.clone()).collect();
    let operations: Vec<_> = lines.iter().map(|(line, ..)| line.operation.as_str().to_owned()).collect();
    let amounts: Vec<_> = lines.iter().map(|(line, ..)| line.amount.amount()).collect();
    let fees: Vec<_> = lines.iter().map(|(line, ..)| line.fee.amount()).collect();
    let moved: Vec<_> = lines.iter().map(|(line, ..)| line.is_successful).collect();
    let times: Vec<_> = lines.iter().map(|(line, ..)| DateTime::<Utc>::from(line.at)).collect();
    let attempts: Vec<_> = lines.iter().map(|(_, _, attempt)| attempt.map(|id| id.0)).collect();
    let classes: Vec<_> = lines.iter().map(|(_, class, _)| class.as_str().to_owned()).collect();
    sqlx::query!(
        "INSERT INTO provider_statement_lines (provider, provider_reference, our_reference, operation, amount_rwf, fee_rwf,
                                               is_successful, at, attempt_id, class, imported_at)
         SELECT $1, l.theirs, l.ours, l.operation, l.amount, l.fee, l.moved, l.at, l.attempt, l.class, $11
         FROM unnest($2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::boolean[], $8::timestamptz[],
                     $9::uuid[], $10::text[])
              AS l (theirs, ours, operation, amount, fee, moved, at, attempt, class)
         ORDER BY l.theirs
         ON CONFLICT (provider, provider_reference) DO UPDATE
             SET attempt_id = EXCLUDED.attempt_id, class = EXCLUDED.class, is_successful = EXCLUDED.is_successful",
        provider.as_str(),
        &theirs,
        &ours as &[Option<String>],
        &operations,
        &amounts,
        &fees,
        &moved,
        &times,
        &attempts as &[Option<Uuid>],
        &classes,
        DateTime::<Utc>::from(now),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// What orders of an operation are on their way: how many francs.
pub async fn in_flight(
    conn: &mut PgConnection,
    provider: ProviderId,
    operation: Operation,
) -> Result<Francs, sqlx::Error> {
    let sum = sqlx::query_scalar!(
        r#"SELECT coalesce(sum(amount_rwf), 0)::bigint AS "sum!" FROM payment_attempts
           WHERE provider = $1 AND operation = $2
                 AND state IN ('submitting', 'pending', 'unresolved', 'integrity_failure')"#,
        provider.as_str(),
        operation.as_str(),
    )
    .fetch_one(conn)
    .await?;
    Ok(Francs(sum))
}

/// What came of a day, as it is kept.
#[derive(Clone, Debug)]
pub struct DayRow {
    /// With whom.
    pub provider: String,
    /// Which day in Kigali.
    pub day: NaiveDate,
    /// Where the statement came from.
    pub source: String,
    /// Findings by class.
    pub counts: Value,
    /// Ledger and provider side by side.
    pub proof: Value,
    /// When it was done last.
    pub finished_at: Timestamp,
}

/// Notes what came of a day, in the place of what was noted before.
pub async fn keep_day(
    conn: &mut PgConnection,
    provider: ProviderId,
    (day, source): (NaiveDate, &str),
    (counts, proof): (&Value, &Value),
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO reconciliations (provider, kigali_day, source, counts, proof, finished_at)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (kigali_day, provider) DO UPDATE
             SET source = EXCLUDED.source, counts = EXCLUDED.counts, proof = EXCLUDED.proof,
                 finished_at = EXCLUDED.finished_at",
        provider.as_str(),
        day,
        source,
        counts,
        proof,
        DateTime::<Utc>::from(now),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The proof of the last day before that has one.
pub async fn proof_before(
    conn: &mut PgConnection,
    provider: ProviderId,
    day: NaiveDate,
) -> Result<Option<Value>, sqlx::Error> {
    sqlx::query_scalar!(
        "SELECT proof FROM reconciliations WHERE provider = $1 AND kigali_day < $2 AND proof <> '[]'
         ORDER BY kigali_day DESC LIMIT 1",
        provider.as_str(),
        day,
    )
    .fetch_optional(conn)
    .await
}

/// What came of a day with each provider.
pub async fn days(pool: &PgPool, day: NaiveDate) -> Result<Vec<DayRow>, sqlx::Error> {
    let rows = sqlx::query!(
        "SELECT provider, kigali_day, source, counts, proof, finished_at FROM reconciliations
         WHERE kigali_day = $1 ORDER BY provider",
        day
    )
    .fetch_all(pool)
    .await?;
    let row = |provider, day, source, counts, proof, at: DateTime<Utc>| DayRow {
        provider,
        day,
        source,
        counts,
        proof,
        finished_at: at.into(),
    };
    Ok(rows.into_iter().map(|r| row(r.provider, r.kigali_day, r.source, r.counts, r.proof, r.finished_at)).collect())
}
