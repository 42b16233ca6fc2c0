//! SQL of the vault: which keys a database needs, and going through columns that hold sealed values.
//!
//! The statements about columns are put together from what services say of their tables in their own source
//! ([`Column`]), never from anything that comes from outside.

use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, FromRow, PgConnection, PgExecutor};
use uuid::Uuid;

use super::sealed::Column;
use crate::time::Timestamp;

/// A key that something in this database needs.
#[derive(Clone, Debug)]
pub struct KnownKey {
    /// Number; 0 is the key that indexes.
    pub id: u32,
    /// What it made of a known value.
    pub canary: Vec<u8>,
    /// When it was introduced.
    pub created_at: Timestamp,
    /// From when on it seals, unless a newer one does.
    pub seals_from: Option<Timestamp>,
}

/// All keys, oldest first.
pub async fn known_keys(db: impl PgExecutor<'_>) -> sqlx::Result<Vec<KnownKey>> {
    let rows =
        sqlx::query!("SELECT id, canary, created_at, seals_from FROM vault_keys ORDER BY id").fetch_all(db).await?;
    let known = rows.into_iter().map(|row| KnownKey {
        id: row.id.unsigned_abs(),
        canary: row.canary,
        created_at: row.created_at.into(),
        seals_from: row.seals_from.map(Timestamp::from),
    });
    Ok(known.collect())
}

/// Introduces a key; one that is known stays as it is. Whether it was new.
pub async fn introduce(conn: &mut PgConnection, key: &KnownKey) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "INSERT INTO vault_keys (id, canary, created_at, seals_from) VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO NOTHING",
        i32::try_from(key.id).unwrap_or(i32::MAX),
        key.canary,
        DateTime::<Utc>::from(key.created_at),
        key.seals_from.map(DateTime::<Utc>::from),
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A sealed value in its row.
#[derive(Debug, FromRow)]
pub struct Found {
    /// The row, to go on from.
    pub key: Uuid,
    /// What the value is sealed for.
    pub place_row: Uuid,
    /// The value.
    pub sealed: Vec<u8>,
    /// Its blind index, where it has one.
    pub blind_index: Option<Vec<u8>>,
}

/// How many values of a column each key has sealed; none for what is no sealed value.
pub async fn count_by_key(db: impl PgExecutor<'_>, column: &Column) -> sqlx::Result<Vec<(Option<u32>, i64)>> {
    let Column { table, column, .. } = column;
    let sql = format!(
        "SELECT CASE WHEN length({column}) > 17 THEN substring({column} FROM 2 FOR 4) END, count(*)
         FROM {table} WHERE {column} IS NOT NULL GROUP BY 1 ORDER BY 1"
    );
    let rows: Vec<(Option<Vec<u8>>, i64)> = sqlx::query_as(AssertSqlSafe(sql)).fetch_all(db).await?;
    let id = |bytes: Vec<u8>| <[u8; 4]>::try_from(bytes.as_slice()).ok().map(u32::from_be_bytes);
    Ok(rows.into_iter().map(|(bytes, count)| (bytes.and_then(id), count)).collect())
}

/// Values after a row, in order.
pub async fn values_after(
    db: impl PgExecutor<'_>,
    column: &Column,
    after: Uuid,
    rows_max: i64,
) -> sqlx::Result<Vec<Found>> {
    let sql = format!("{} AND {} > $1 ORDER BY {} LIMIT $2", select(column), column.key, column.key);
    sqlx::query_as(AssertSqlSafe(sql)).bind(after).bind(rows_max).fetch_all(db).await
}

/// Some values, anywhere.
pub async fn any_values(db: impl PgExecutor<'_>, column: &Column, rows_max: i64) -> sqlx::Result<Vec<Found>> {
    let sql = format!("{} ORDER BY random() LIMIT $1", select(column));
    sqlx::query_as(AssertSqlSafe(sql)).bind(rows_max).fetch_all(db).await
}

/// Values after a row that another key than this one has sealed, in order, their rows locked.
pub async fn lock_stale_after(
    conn: &mut PgConnection,
    column: &Column,
    (after, sealing): (Uuid, u32),
    rows_max: i64,
) -> sqlx::Result<Vec<Found>> {
    let sql = format!(
        "{} AND {key} > $1 AND substring({value} FROM 2 FOR 4) <> $2 ORDER BY {key} LIMIT $3 FOR NO KEY UPDATE",
        select(column),
        key = column.key,
        value = column.column,
    );
    let sql = sqlx::query_as(AssertSqlSafe(sql)).bind(after).bind(sealing.to_be_bytes()).bind(rows_max);
    sql.fetch_all(conn).await
}

/// Puts values in place of others.
pub async fn replace(conn: &mut PgConnection, column: &Column, values: &[(Uuid, Vec<u8>)]) -> sqlx::Result<()> {
    let Column { table, column, key, .. } = column;
    let sql = format!(
        "UPDATE {table} SET {column} = new.sealed FROM unnest($1::uuid[], $2::bytea[]) AS new (key, sealed)
         WHERE {table}.{key} = new.key"
    );
    let (keys, sealed): (Vec<Uuid>, Vec<&[u8]>) = values.iter().map(|(key, sealed)| (*key, sealed.as_slice())).unzip();
    sqlx::query(AssertSqlSafe(sql)).bind(keys).bind(sealed).execute(conn).await?;
    Ok(())
}

fn select(column: &Column) -> String {
    let index = column.index.map_or("NULL::bytea", |(index, _)| index);
    format!(
        "SELECT {key} AS key, {row} AS place_row, {value} AS sealed, {index} AS blind_index FROM {table}
         WHERE {value} IS NOT NULL",
        key = column.key,
        row = column.row,
        value = column.column,
        table = column.table,
    )
}
