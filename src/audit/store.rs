//! All SQL on `audit_records` and `audit_head`.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::encoding::Content;

/// Puts a record at the end of the chain. One statement: the end is locked, moved on and written to in a single way to the
/// database, since everybody who records waits for it. The hash is made there, of the bytes that were written out here.
pub async fn append(conn: &mut PgConnection, content: &Content) -> sqlx::Result<()> {
    let at = DateTime::<Utc>::from_timestamp_micros(content.at_us).unwrap_or_default();
    sqlx::query!(
        r#"WITH head AS (
               UPDATE audit_head SET seq = seq + 1, hash = sha256(hash || int8send(seq + 1) || $1::bytea)
               RETURNING seq, hash
           )
           INSERT INTO audit_records (seq, at, actor, actor_id, role, agency, action, whose, subject_kind, subject_id, why,
               request_id, client, detail, hash)
           SELECT seq, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14::text::json, hash FROM head"#,
        content.bytes(),
        at,
        content.actor,
        content.actor_id,
        content.role,
        content.agency,
        content.action,
        &content.whose,
        content.subject_kind,
        content.subject_id,
        content.why,
        content.request_id,
        content.client,
        content.detail,
    )
    .execute(conn)
    .await?;
    Ok(())
}
