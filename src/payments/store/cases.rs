//! SQL of the cases.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::payments::cases::NewCase;
use crate::time::Timestamp;

/// Writes the cases that are not there yet.
pub async fn open(conn: &mut PgConnection, cases: &[NewCase], now: Timestamp) -> Result<u64, sqlx::Error> {
    let mut opened = 0;
    for case in cases {
        let written = sqlx::query!(
            "INSERT INTO money_cases (id, kind, cause, severity, person_id, ride_id, attempt_id, amount_rwf, detail, state,
                                      opened_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'open', $10)
             ON CONFLICT ON CONSTRAINT money_cases_cause DO NOTHING",
            Uuid::now_v7(),
            case.kind,
            case.cause,
            case.severity.as_str(),
            case.person.map(Uuid::from),
            case.ride.map(Uuid::from),
            case.attempt.map(|attempt| attempt.0),
            case.amount.amount(),
            case.detail,
            DateTime::<Utc>::from(now),
        )
        .execute(&mut *conn)
        .await?;
        opened += written.rows_affected();
    }
    Ok(opened)
}
