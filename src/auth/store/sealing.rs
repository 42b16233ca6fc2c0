//! SQL that seals phones that lie open.

use sqlx::PgConnection;
use uuid::Uuid;

use crate::auth::phones::SealedPhone;
use crate::ids::UserId;

/// Phones that lie open, their rows locked.
pub async fn lock_open_phones(conn: &mut PgConnection, rows_max: i64) -> sqlx::Result<Vec<(UserId, String)>> {
    let rows = sqlx::query!(
        r#"SELECT id, phone AS "phone!" FROM users WHERE phone IS NOT NULL ORDER BY id LIMIT $1 FOR NO KEY UPDATE"#,
        rows_max
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (UserId(row.id), row.phone)).collect())
}

/// Puts sealed phones where they lay open.
pub async fn replace_open_phones(conn: &mut PgConnection, phones: &[SealedPhone]) -> sqlx::Result<u64> {
    let ids: Vec<Uuid> = phones.iter().map(|phone| phone.user.0).collect();
    let sealed: Vec<&[u8]> = phones.iter().map(|phone| phone.sealed.as_slice()).collect();
    let indexes: Vec<&[u8]> = phones.iter().map(|phone| phone.index.as_bytes()).collect();
    let done = sqlx::query!(
        "UPDATE users SET phone = NULL, phone_sealed = new.sealed, phone_index = new.index
         FROM unnest($1::uuid[], $2::bytea[], $3::bytea[]) AS new (id, sealed, index)
         WHERE users.id = new.id AND users.phone IS NOT NULL",
        &ids,
        &sealed as &[&[u8]],
        &indexes as &[&[u8]],
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}
