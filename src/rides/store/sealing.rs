//! SQL that seals contacts that lie open in stops and parcels.

use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use super::row::contacts_place;
use crate::error::Error;
use crate::rides::product::{Product, record};
use crate::vault::Vault;

/// A row with contacts that lie open.
pub struct OpenContacts {
    pub id: Uuid,
    pub stops: Value,
    pub parcel: Option<Value>,
}

/// Rows with contacts that lie open, locked.
pub async fn lock_open_contacts(conn: &mut PgConnection, rows_max: i64) -> sqlx::Result<Vec<OpenContacts>> {
    sqlx::query_as!(
        OpenContacts,
        "SELECT id, stops, parcel FROM rides WHERE has_contacts AND contacts_sealed IS NULL ORDER BY id LIMIT $1
         FOR NO KEY UPDATE",
        rows_max
    )
    .fetch_all(conn)
    .await
}

/// Puts the sealed document where contacts lay open.
pub async fn replace_open_contacts(conn: &mut PgConnection, vault: &Vault, open: OpenContacts) -> Result<(), Error> {
    let product = Product {
        stops: record::stops_of(open.stops)?,
        parcel: open.parcel.map(record::parcel_of).transpose()?,
        ..Product::default()
    };
    let contacts = record::contacts_json(&product);
    let sealed = contacts.map(|contacts| vault.seal_text(contacts_place(open.id), &contacts)).transpose()?;
    sqlx::query!(
        "UPDATE rides SET contacts_sealed = $2::bytea, has_contacts = $2::bytea IS NOT NULL, stops = $3, parcel = $4 WHERE id = $1",
        open.id,
        sealed,
        record::stops_json(&product.stops),
        product.parcel.as_ref().map(record::parcel_json),
    )
    .execute(conn)
    .await?;
    Ok(())
}
