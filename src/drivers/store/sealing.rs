//! SQL that seals numbers that lie open.

use sqlx::PgConnection;

use crate::drivers::store::documents::NUMBER;
use crate::drivers::store::{INSURANCE, LICENCE, LICENCE_INDEX};
use crate::error::Error;
use crate::vault::{Place, Vault};

/// Seals numbers of licences and insurances; in how many rows. A licence that two drivers claim is found by the index of
/// the first only: which of them is right a reviewer must find out.
pub async fn seal_drivers(conn: &mut PgConnection, vault: &Vault, rows_max: i64) -> Result<usize, Error> {
    let rows = sqlx::query!(
        "SELECT user_id, licence_number, insurance_number FROM drivers
         WHERE licence_number IS NOT NULL OR insurance_number IS NOT NULL ORDER BY user_id LIMIT $1 FOR NO KEY UPDATE",
        rows_max
    )
    .fetch_all(&mut *conn)
    .await?;
    for row in &rows {
        let seal = |column, number: &String| vault.seal_text(Place::new(column, row.user_id), number);
        sqlx::query!(
            "UPDATE drivers
             SET licence_number = NULL, insurance_number = NULL, licence_number_sealed = $2, insurance_number_sealed = $4,
                 licence_number_index = CASE WHEN NOT EXISTS (SELECT FROM drivers WHERE licence_number_index = $3) THEN $3 END
             WHERE user_id = $1",
            row.user_id,
            row.licence_number.as_ref().map(|number| seal(LICENCE, number)).transpose()?,
            row.licence_number.as_ref().map(|number| vault.index(LICENCE_INDEX, number)),
            row.insurance_number.as_ref().map(|number| seal(INSURANCE, number)).transpose()?,
        )
        .execute(&mut *conn)
        .await?;
    }
    Ok(rows.len())
}

/// Seals numbers of papers; in how many rows.
pub async fn seal_documents(conn: &mut PgConnection, vault: &Vault, rows_max: i64) -> Result<usize, Error> {
    let rows = sqlx::query!(
        r#"SELECT id, number AS "number!" FROM driver_documents
           WHERE number IS NOT NULL ORDER BY id LIMIT $1 FOR NO KEY UPDATE"#,
        rows_max
    )
    .fetch_all(&mut *conn)
    .await?;
    for row in &rows {
        sqlx::query!(
            "UPDATE driver_documents SET number = NULL, number_sealed = $2 WHERE id = $1",
            row.id,
            vault.seal_text(Place::new(NUMBER, row.id), &row.number)?,
        )
        .execute(&mut *conn)
        .await?;
    }
    Ok(rows.len())
}
