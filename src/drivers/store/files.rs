//! SQL on `driver_files`: a row before the file, and no file without a row.

use chrono::DateTime;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::ids::DriverId;
use crate::storage::{FileType, Stored};
use crate::time::Timestamp;

/// Notes that a file will be put on the shelf.
pub async fn coming_file(
    pool: &PgPool,
    (id, driver): (Uuid, DriverId),
    file_type: FileType,
    size_bytes: i32,
    now: Timestamp,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO driver_files (id, driver_id, content_type, size_bytes, state, created_at)
         VALUES ($1, $2, $3, $4, 'coming', $5)",
        id,
        driver.0,
        file_type.as_str(),
        size_bytes,
        DateTime::from(now),
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// The file is on the shelf, and somebody refers to it. False when the sweep was quicker.
pub async fn keep_file(conn: &mut PgConnection, file: &Stored) -> sqlx::Result<bool> {
    let kept = sqlx::query!(
        "UPDATE driver_files SET state = 'kept', key_sealed = $2 WHERE id = $1 AND state = 'coming'",
        file.id,
        file.sealed_key
    )
    .execute(conn)
    .await?;
    Ok(kept.rows_affected() > 0)
}

/// Nobody refers to these files any more: without their keys they are unreadable at once, and the sweep takes them away.
pub async fn drop_files(conn: &mut PgConnection, ids: &[Uuid]) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE driver_files SET state = 'dropped', key_sealed = NULL
         WHERE id = ANY($1) AND NOT EXISTS (SELECT FROM driver_documents WHERE file_id = driver_files.id)",
        ids
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// What opens a file.
pub async fn file(pool: &PgPool, id: Uuid) -> sqlx::Result<Option<Stored>> {
    let key = sqlx::query_scalar!("SELECT key_sealed FROM driver_files WHERE id = $1 AND state = 'kept'", id)
        .fetch_optional(pool)
        .await?;
    Ok(key.flatten().map(|sealed_key| Stored { id, sealed_key }))
}

/// Files of nobody that are older than this.
pub async fn unreferenced_files(pool: &PgPool, before: Timestamp, rows_max: i64) -> sqlx::Result<Vec<Uuid>> {
    // Told to be on the way no longer: an upload that comes back now is refused.
    sqlx::query_scalar!(
        "UPDATE driver_files SET state = 'dropped'
         WHERE id IN (SELECT id FROM driver_files WHERE state <> 'kept' AND created_at < $1 ORDER BY created_at LIMIT $2)
         RETURNING id",
        DateTime::from(before),
        rows_max
    )
    .fetch_all(pool)
    .await
}

/// The file is off the shelf.
pub async fn forget_file(pool: &PgPool, id: Uuid) -> sqlx::Result<()> {
    sqlx::query!("DELETE FROM driver_files WHERE id = $1 AND state = 'dropped'", id).execute(pool).await?;
    Ok(())
}
