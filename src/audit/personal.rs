//! What the log tells a person: who looked at or changed what of theirs (law 058/2021, art. 18).
//!
//! Colleagues and officials are named by their role and agency; who it was is for the data protection officer to say. The
//! purpose that an official gave is told, the notes of operators are not: they may name others.

use serde_json::Value;
use sqlx::PgPool;

use crate::error::Error;
use crate::ids::UserId;
use crate::personal::{EXPORT_ROWS_MAX, Part};

/// Every record that concerns a person and was not their own act.
///
/// # Errors
/// When the database is away.
pub async fn export(pool: &PgPool, person: UserId) -> Result<Vec<Part>, Error> {
    let records = sqlx::query_scalar!(
        r#"SELECT to_jsonb(r) AS "row!: Value" FROM (
               SELECT at, actor, role, agency, action, subject_kind, CASE WHEN agency IS NOT NULL THEN why END AS purpose
               FROM audit_records
               WHERE whose @> ARRAY[$1::uuid] AND actor_id IS DISTINCT FROM $1
               ORDER BY seq DESC LIMIT $2) AS r"#,
        person.0,
        EXPORT_ROWS_MAX
    )
    .fetch_all(pool)
    .await?;
    Ok(vec![Part::list("access_log.json", records)])
}
