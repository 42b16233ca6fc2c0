//! SQL on `driver_documents`.

use chrono::{DateTime, NaiveDate};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::drivers::{Document, DocumentKind};
use crate::error::Error;
use crate::ids::DriverId;
use crate::time::Timestamp;

struct DocumentRow {
    id: Uuid,
    kind: String,
    number: String,
    expires_on: Option<NaiveDate>,
    note: Option<String>,
    created_at: Timestamp,
}

pub async fn documents_count(conn: &mut PgConnection, driver: DriverId) -> sqlx::Result<i64> {
    sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM driver_documents WHERE driver_id = $1"#, driver.0)
        .fetch_one(conn)
        .await
}

pub async fn insert_document(conn: &mut PgConnection, driver: DriverId, document: &Document) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO driver_documents (id, driver_id, kind, number, expires_on, note, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        document.id,
        driver.0,
        document.kind.as_str(),
        document.number,
        document.expires_on,
        document.note,
        DateTime::from(document.created_at),
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub async fn documents(pool: &PgPool, driver: DriverId) -> Result<Vec<Document>, Error> {
    let rows = sqlx::query_as!(
        DocumentRow,
        "SELECT id, kind, number, expires_on, note, created_at FROM driver_documents
         WHERE driver_id = $1 ORDER BY created_at DESC, id DESC",
        driver.0
    )
    .fetch_all(pool)
    .await?;
    let document = |row: DocumentRow| {
        let kind = DocumentKind::from_name(&row.kind).ok_or_else(|| Error::internal("unknown kind of document"))?;
        Ok(Document {
            id: row.id,
            kind,
            number: row.number,
            expires_on: row.expires_on,
            note: row.note,
            created_at: row.created_at,
        })
    };
    rows.into_iter().map(document).collect()
}
