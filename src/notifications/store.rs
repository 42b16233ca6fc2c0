//! All SQL on the `notifications` table.

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use crate::ids::UserId;
use crate::notifications::{Delivery, PostNotice};
use crate::time::Timestamp;
use crate::web::page::{PageRequest, Position};

/// A notice in a person's list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Which.
    pub id: Uuid,
    /// Which text.
    pub key: String,
    /// The text in the person's language at the time.
    pub text: String,
    /// When it was posted.
    pub created_at: Timestamp,
    /// When the person read it.
    pub read_at: Option<DateTime<Utc>>,
}

impl Notice {
    pub(super) fn position(&self) -> Position {
        Position { at: self.created_at, id: self.id }
    }
}

/// Notes an attempt; false when the SMS was settled before.
pub async fn begin_sms(
    pool: &PgPool,
    delivery: &Delivery<'_>,
    text: Option<&str>,
    provider: &str,
    now: Timestamp,
) -> sqlx::Result<bool> {
    let status = sqlx::query_scalar!(
        "INSERT INTO notifications (id, user_id, channel, key, text, status, provider, attempts, created_at)
         VALUES ($1, $2, 'sms', $3, $4, 'pending', $5, 1, $6)
         ON CONFLICT (id) DO UPDATE SET attempts = notifications.attempts + 1, provider = EXCLUDED.provider
         RETURNING status",
        delivery.id,
        delivery.user.0,
        delivery.key.as_str(),
        text,
        provider,
        DateTime::from(now),
    )
    .fetch_one(pool)
    .await?;
    Ok(status == "pending")
}

pub async fn sms_sent(pool: &PgPool, id: Uuid, provider_message_id: Option<&str>, now: Timestamp) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE notifications SET status = 'sent', provider_message_id = $2, sent_at = $3, failure = NULL
         WHERE id = $1 AND status = 'pending'",
        id,
        provider_message_id,
        DateTime::from(now),
    )
    .execute(pool)
    .await?;
    Ok(())
}

pub async fn sms_failed(pool: &PgPool, id: Uuid, reason: &str) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE notifications SET status = 'failed', failure = $2 WHERE id = $1 AND status = 'pending'",
        id,
        reason
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Still pending; the reason of the latest failure helps whoever looks.
pub async fn sms_not_yet(pool: &PgPool, id: Uuid, reason: &str) -> sqlx::Result<()> {
    sqlx::query!("UPDATE notifications SET failure = $2 WHERE id = $1 AND status = 'pending'", id, reason)
        .execute(pool)
        .await?;
    Ok(())
}

/// Stores a notice; `None` when it was stored before.
pub async fn post(
    pool: &PgPool,
    id: Uuid,
    notice: &PostNotice,
    text: &str,
    now: Timestamp,
) -> sqlx::Result<Option<Notice>> {
    sqlx::query_as!(
        Notice,
        r#"INSERT INTO notifications (id, user_id, channel, key, text, status, created_at, sent_at)
           VALUES ($1, $2, 'in_app', $3, $4, 'sent', $5, $5)
           ON CONFLICT (id) DO NOTHING
           RETURNING id, key, text AS "text!", created_at, read_at"#,
        id,
        notice.user.0,
        notice.key.as_str(),
        text,
        DateTime::from(now),
    )
    .fetch_optional(pool)
    .await
}

/// One row more than the page holds.
pub async fn list(pool: &PgPool, user: UserId, page: &PageRequest) -> sqlx::Result<Vec<Notice>> {
    sqlx::query_as!(
        Notice,
        r#"SELECT id, key, text AS "text!", created_at, read_at FROM notifications
           WHERE user_id = $1 AND channel = 'in_app'
             AND ($2::timestamptz IS NULL OR (created_at, id) < ($2, $3))
           ORDER BY created_at DESC, id DESC LIMIT $4"#,
        user.0,
        page.before.map(|before| DateTime::from(before.at)),
        page.before.map(|before| before.id),
        page.limit + 1,
    )
    .fetch_all(pool)
    .await
}

pub async fn read(pool: &PgPool, user: UserId, id: Uuid, now: Timestamp) -> sqlx::Result<Option<Notice>> {
    sqlx::query_as!(
        Notice,
        r#"UPDATE notifications SET status = 'read', read_at = coalesce(read_at, $3)
           WHERE id = $1 AND user_id = $2 AND channel = 'in_app'
           RETURNING id, key, text AS "text!", created_at, read_at"#,
        id,
        user.0,
        DateTime::from(now),
    )
    .fetch_optional(pool)
    .await
}
