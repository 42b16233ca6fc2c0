//! SQL on `sessions` and `refresh_tokens`.

use chrono::DateTime;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::auth::{Device, EndedSession};
use crate::ids::{SessionId, UserId};
use crate::time::Timestamp;

/// When something began and when it ends.
#[derive(Clone, Copy, Debug)]
pub struct Life {
    pub now: Timestamp,
    pub expires_at: Timestamp,
}

/// A live session as its owner sees it.
#[derive(Clone, Debug)]
pub struct SessionView {
    /// Which.
    pub id: SessionId,
    /// The device's name, as its owner gave it.
    pub device_name: Option<String>,
    /// The app.
    pub user_agent: Option<String>,
    /// Where it signed in from.
    pub ip: Option<String>,
    /// When it signed in.
    pub created_at: Timestamp,
    /// When it was last refreshed.
    pub last_used_at: Timestamp,
    /// When it ends unless it is refreshed.
    pub expires_at: Timestamp,
}

pub async fn insert_session(
    conn: &mut PgConnection,
    id: SessionId,
    user: UserId,
    device: &Device,
    life: Life,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO sessions (id, user_id, device_name, user_agent, ip, created_at, last_used_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $6, $7)",
        id.0,
        user.0,
        device.name,
        device.user_agent,
        device.ip.map(|ip| ip.to_string()),
        DateTime::from(life.now),
        DateTime::from(life.expires_at),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Ends all but the `keep` newest live sessions of a user.
pub async fn end_oldest_sessions(
    conn: &mut PgConnection,
    user: UserId,
    keep: i64,
    now: Timestamp,
) -> sqlx::Result<Vec<EndedSession>> {
    sqlx::query_as!(
        EndedSession,
        r#"UPDATE sessions SET revoked_at = $3, revoked_reason = 'too many sessions'
         WHERE id IN (SELECT id FROM sessions WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > $3
                      ORDER BY last_used_at DESC, id DESC OFFSET $2)
         RETURNING id AS session, user_id AS "user""#,
        user.0,
        keep.max(0),
        DateTime::from(now),
    )
    .fetch_all(conn)
    .await
}

/// Ends the sessions of a user in which the second factor was never given.
pub async fn end_due_sessions(
    conn: &mut PgConnection,
    user: UserId,
    now: Timestamp,
) -> sqlx::Result<Vec<EndedSession>> {
    sqlx::query_as!(
        EndedSession,
        r#"UPDATE sessions SET revoked_at = $2, revoked_reason = 'signed in again without the second factor'
           WHERE user_id = $1 AND second_factor_at IS NULL AND revoked_at IS NULL AND expires_at > $2
           RETURNING id AS session, user_id AS "user""#,
        user.0,
        DateTime::from(now),
    )
    .fetch_all(conn)
    .await
}

pub async fn end_other_sessions(
    conn: &mut PgConnection,
    user: UserId,
    keep: SessionId,
    reason: &str,
    now: Timestamp,
) -> sqlx::Result<Vec<EndedSession>> {
    sqlx::query_as!(
        EndedSession,
        r#"UPDATE sessions SET revoked_at = $3, revoked_reason = $4
           WHERE user_id = $1 AND id <> $2 AND revoked_at IS NULL AND expires_at > $3
           RETURNING id AS session, user_id AS "user""#,
        user.0,
        keep.0,
        DateTime::from(now),
        reason,
    )
    .fetch_all(conn)
    .await
}

pub async fn end_all_sessions(
    conn: &mut PgConnection,
    user: UserId,
    reason: &str,
    now: Timestamp,
) -> sqlx::Result<Vec<EndedSession>> {
    end_other_sessions(conn, user, SessionId(Uuid::nil()), reason, now).await
}

/// The first reason stays.
pub async fn end_session(
    conn: &mut PgConnection,
    id: SessionId,
    reason: &str,
    now: Timestamp,
) -> sqlx::Result<Vec<EndedSession>> {
    sqlx::query_as!(
        EndedSession,
        r#"UPDATE sessions SET revoked_at = $2, revoked_reason = $3 WHERE id = $1 AND revoked_at IS NULL
           RETURNING id AS session, user_id AS "user""#,
        id.0,
        DateTime::from(now),
        reason,
    )
    .fetch_all(conn)
    .await
}

/// Sessions and partners that were ended since a time, the last ones first.
pub async fn ended_since(pool: &PgPool, since: Timestamp) -> sqlx::Result<Vec<EndedSession>> {
    sqlx::query_as!(
        EndedSession,
        r#"SELECT id AS "session!", user_id AS "user!" FROM (
               SELECT id, user_id, revoked_at FROM sessions WHERE revoked_at > $1
               UNION ALL SELECT id, id, revoked_at FROM partners WHERE revoked_at > $1
           ) AS ended ORDER BY revoked_at DESC"#,
        DateTime::from(since),
    )
    .fetch_all(pool)
    .await
}

/// Voids the refresh tokens of a session: using one of them ends it.
pub async fn use_session_tokens(conn: &mut PgConnection, id: SessionId, now: Timestamp) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE refresh_tokens SET used_at = $2 WHERE session_id = $1 AND used_at IS NULL",
        id.0,
        DateTime::from(now)
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub async fn session_owner(conn: &mut PgConnection, id: SessionId) -> sqlx::Result<Option<UserId>> {
    let owner = sqlx::query_scalar!("SELECT user_id FROM sessions WHERE id = $1", id.0).fetch_optional(conn).await?;
    Ok(owner.map(UserId))
}

pub async fn live_sessions(pool: &PgPool, user: UserId, now: Timestamp) -> sqlx::Result<Vec<SessionView>> {
    sqlx::query_as!(
        SessionView,
        "SELECT id, device_name, user_agent, ip, created_at, last_used_at, expires_at FROM sessions
         WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > $2
         ORDER BY last_used_at DESC, id DESC LIMIT 100",
        user.0,
        DateTime::from(now),
    )
    .fetch_all(pool)
    .await
}

pub async fn is_session_live(pool: &PgPool, id: SessionId, now: Timestamp) -> sqlx::Result<bool> {
    let live = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM sessions JOIN users ON users.id = sessions.user_id
                          WHERE sessions.id = $1 AND revoked_at IS NULL AND expires_at > $2 AND disabled_at IS NULL)
           AS "live!""#,
        id.0,
        DateTime::from(now),
    )
    .fetch_one(pool)
    .await?;
    Ok(live)
}

/// Whether a session that lives was begun since.
pub async fn is_session_recent(pool: &PgPool, id: SessionId, since: Timestamp) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM sessions WHERE id = $1 AND created_at >= $2 AND revoked_at IS NULL) AS "recent!""#,
        id.0,
        DateTime::from(since),
    )
    .fetch_one(pool)
    .await
}

pub async fn prolong_session(
    conn: &mut PgConnection,
    id: SessionId,
    now: Timestamp,
    expires_at: Timestamp,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE sessions SET last_used_at = $2, expires_at = $3 WHERE id = $1",
        id.0,
        DateTime::from(now),
        DateTime::from(expires_at),
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub async fn insert_refresh_token(
    conn: &mut PgConnection,
    hash: &[u8],
    session: SessionId,
    now: Timestamp,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO refresh_tokens (hash, session_id, created_at) VALUES ($1, $2, $3)",
        hash,
        session.0,
        DateTime::from(now),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// A refresh token with the session it belongs to.
#[derive(Debug)]
pub struct Family {
    pub session: SessionId,
    pub user: UserId,
    pub is_used: bool,
    pub is_revoked: bool,
    pub is_disabled: bool,
    pub expires_at: Timestamp,
}

/// Locks session and token, so that of two exchanges at once the second sees the first. The session first, as everybody
/// does who uses up the tokens of a session: one statement would lock them in either order.
pub async fn lock_family(conn: &mut PgConnection, hash: &[u8]) -> sqlx::Result<Option<Family>> {
    sqlx::query!(
        "SELECT id FROM sessions WHERE id = (SELECT session_id FROM refresh_tokens WHERE hash = $1) FOR UPDATE",
        hash
    )
    .fetch_optional(&mut *conn)
    .await?;
    sqlx::query_as!(
        Family,
        r#"SELECT session_id AS session, user_id AS user, used_at IS NOT NULL AS "is_used!",
                  revoked_at IS NOT NULL AS "is_revoked!", disabled_at IS NOT NULL AS "is_disabled!", expires_at
           FROM refresh_tokens tokens
           JOIN sessions ON sessions.id = tokens.session_id
           JOIN users ON users.id = sessions.user_id
           WHERE tokens.hash = $1 FOR UPDATE OF tokens, sessions"#,
        hash,
    )
    .fetch_optional(conn)
    .await
}

pub async fn use_refresh_token(conn: &mut PgConnection, hash: &[u8], now: Timestamp) -> sqlx::Result<()> {
    sqlx::query!("UPDATE refresh_tokens SET used_at = $2 WHERE hash = $1", hash, DateTime::from(now))
        .execute(conn)
        .await?;
    Ok(())
}

/// Deletes tokens made before a time; how many.
pub async fn delete_refresh_tokens(conn: &mut PgConnection, before: Timestamp, rows_max: i64) -> sqlx::Result<u64> {
    let deleted = sqlx::query!(
        "DELETE FROM refresh_tokens WHERE hash IN (SELECT hash FROM refresh_tokens WHERE created_at < $1 LIMIT $2)",
        DateTime::from(before),
        rows_max,
    )
    .execute(conn)
    .await?;
    Ok(deleted.rows_affected())
}

/// Deletes sessions that expired before a time and have no tokens any more; how many.
pub async fn delete_sessions(conn: &mut PgConnection, before: Timestamp, rows_max: i64) -> sqlx::Result<u64> {
    let deleted = sqlx::query!(
        "DELETE FROM sessions WHERE id IN (
             SELECT id FROM sessions WHERE expires_at < $1
               AND NOT EXISTS (SELECT FROM refresh_tokens WHERE session_id = sessions.id) LIMIT $2)",
        DateTime::from(before),
        rows_max,
    )
    .execute(conn)
    .await?;
    Ok(deleted.rows_affected())
}
