//! What this service has about a person, and how it forgets one: what they were told, and where others were told of them.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::{PgConnection, PgPool};

use crate::error::Error;
use crate::ids::UserId;
use crate::jobs::{self, Job};
use crate::notifications::{PostNotice, SendSms};
use crate::personal::{Due, ERASE_ROWS_MAX, EXPORT_ROWS_MAX, Part, Progress};
use crate::time::Timestamp;
use crate::vault::Vault;

/// Everything a person was told, as far as it is kept.
///
/// # Errors
/// When the database is away.
pub async fn export(pool: &PgPool, _vault: &Vault, person: UserId) -> Result<Vec<Part>, Error> {
    let told = sqlx::query_scalar!(
        r#"SELECT to_jsonb(n) AS "row!: Value" FROM (
               SELECT id, channel, key, text, status, provider, created_at, sent_at, read_at
               FROM notifications WHERE user_id = $1 ORDER BY created_at DESC LIMIT $2) AS n"#,
        person.0,
        EXPORT_ROWS_MAX
    )
    .fetch_all(pool)
    .await?;
    Ok(vec![Part::list("notifications.json", told)])
}

/// Forgets what a person was told, and what they were still to be told.
///
/// # Errors
/// When the database refuses.
pub async fn erase(conn: &mut PgConnection, person: UserId, now: Timestamp) -> Result<Progress, Error> {
    jobs::forget(&mut *conn, &[SendSms::KIND, PostNotice::KIND], &[person.to_string()], now).await?;
    let deleted = sqlx::query!(
        "DELETE FROM notifications WHERE id IN (SELECT id FROM notifications WHERE user_id = $1 LIMIT $2)",
        person.0,
        ERASE_ROWS_MAX
    )
    .execute(conn)
    .await?;
    Ok(Progress::after(&[deleted.rows_affected()]))
}

/// How many texts are too old.
///
/// # Errors
/// When the database is away.
pub async fn count_old_texts(conn: &mut PgConnection, due: Due<'_>) -> Result<i64, Error> {
    let count = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM notifications
           WHERE created_at < $1 AND text IS NOT NULL AND NOT user_id = ANY($2)"#,
        DateTime::<Utc>::from(due.before),
        &due.held.people
    )
    .fetch_one(conn)
    .await?;
    Ok(count)
}

/// Deletes notices that are too old, and takes the texts of SMS; how many.
///
/// # Errors
/// When the database refuses.
pub async fn forget_old_texts(conn: &mut PgConnection, due: Due<'_>) -> Result<u64, Error> {
    let before = DateTime::<Utc>::from(due.before);
    let notices = sqlx::query!(
        "DELETE FROM notifications WHERE id IN (
             SELECT id FROM notifications WHERE created_at < $1 AND channel = 'in_app' AND NOT user_id = ANY($2) LIMIT $3)",
        before,
        &due.held.people,
        due.rows_max
    )
    .execute(&mut *conn)
    .await?;
    let texts = sqlx::query!(
        "UPDATE notifications SET text = NULL WHERE id IN (
             SELECT id FROM notifications
             WHERE created_at < $1 AND channel = 'sms' AND text IS NOT NULL AND NOT user_id = ANY($2) LIMIT $3)",
        before,
        &due.held.people,
        due.rows_max
    )
    .execute(conn)
    .await?;
    Ok(notices.rows_affected() + texts.rows_affected())
}

/// How many records of SMS are too old.
///
/// # Errors
/// When the database is away.
pub async fn count_old_records(conn: &mut PgConnection, due: Due<'_>) -> Result<i64, Error> {
    let count = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM notifications
           WHERE created_at < $1 AND channel = 'sms' AND NOT user_id = ANY($2)"#,
        DateTime::<Utc>::from(due.before),
        &due.held.people
    )
    .fetch_one(conn)
    .await?;
    Ok(count)
}

/// Deletes records of SMS that are too old; how many.
///
/// # Errors
/// When the database refuses.
pub async fn delete_old_records(conn: &mut PgConnection, due: Due<'_>) -> Result<u64, Error> {
    let deleted = sqlx::query!(
        "DELETE FROM notifications WHERE id IN (
             SELECT id FROM notifications WHERE created_at < $1 AND channel = 'sms' AND NOT user_id = ANY($2) LIMIT $3)",
        DateTime::<Utc>::from(due.before),
        &due.held.people,
        due.rows_max
    )
    .execute(conn)
    .await?;
    Ok(deleted.rows_affected())
}

/// Takes the texts in which others were told of a person: those of `told` that hold one of `words` (a number plate, a
/// phone). A notice goes whole, of an SMS the record that it was sent stays.
///
/// # Errors
/// When the database refuses.
pub async fn erase_mentions(
    conn: &mut PgConnection,
    told: &[UserId],
    words: &[String],
    now: Timestamp,
) -> Result<(), Error> {
    if words.is_empty() {
        return Ok(());
    }
    jobs::forget(&mut *conn, &[SendSms::KIND, PostNotice::KIND], words, now).await?;
    let told: Vec<_> = told.iter().map(|user| user.0).collect();
    sqlx::query!(
        "DELETE FROM notifications
         WHERE user_id = ANY($1) AND channel = 'in_app'
           AND EXISTS (SELECT FROM unnest($2::text[]) AS word WHERE strpos(text, word) > 0)",
        &told,
        words
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "UPDATE notifications SET text = NULL
         WHERE user_id = ANY($1) AND channel = 'sms'
           AND EXISTS (SELECT FROM unnest($2::text[]) AS word WHERE strpos(text, word) > 0)",
        &told,
        words
    )
    .execute(conn)
    .await?;
    Ok(())
}
