//! What the log tells a person: who looked at or changed what of theirs (law 058/2021, art. 18).
//!
//! Colleagues and officials are named by their role and agency; who it was is for the data protection officer to say. The
//! purpose that an official gave is told, the notes of operators are not: they may name others. What was done under a case
//! number is told as late as under `/me/access-log`, and without its purpose: an export must not warn who is investigated.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgPool;

use crate::error::Error;
use crate::ids::UserId;
use crate::personal::{EXPORT_ROWS_MAX, Part};
use crate::time::Timestamp;

/// Every record that concerns a person and was not their own act, but for those under a case number since `hidden_since`.
///
/// # Errors
/// When the database is away.
pub async fn export(pool: &PgPool, person: UserId, hidden_since: Timestamp) -> Result<Vec<Part>, Error> {
    let records = sqlx::query_scalar!(
        r#"SELECT to_jsonb(r) AS "row!: Value" FROM (
               SELECT at, actor, role, agency, action, subject_kind,
                      CASE WHEN agency IS NOT NULL AND detail ->> 'case' IS NULL THEN why END AS purpose
               FROM audit_records
               WHERE whose @> ARRAY[$1::uuid] AND actor_id IS DISTINCT FROM $1
                 AND (detail ->> 'case' IS NULL OR at < $3)
               ORDER BY seq DESC LIMIT $2) AS r"#,
        person.0,
        EXPORT_ROWS_MAX,
        DateTime::<Utc>::from(hidden_since)
    )
    .fetch_all(pool)
    .await?;
    Ok(vec![Part::list("access_log.json", records)])
}
