//! SQL of saved wallets.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{PayoutWallet, Saved};
use crate::error::Error;
use crate::ids::{DriverId, UserId};
use crate::payments::method::ProviderId;
use crate::payments::store::attempts::WALLET_KIND;
use crate::phone::Phone;
use crate::time::Timestamp;
use crate::vault::{Column, Place, Vault};

/// The numbers of riders' wallets.
pub const SAVED_WALLET: Column = Column {
    place: "payment_methods.wallet",
    table: "payment_methods",
    column: "wallet_sealed",
    key: "id",
    row: "id",
    index: Some(("wallet_index", WALLET_KIND)),
};

/// The numbers of drivers' wallets.
pub const PAYOUT_WALLET: Column = Column {
    place: "payout_wallets.wallet",
    table: "payout_wallets",
    column: "wallet_sealed",
    key: "driver_id",
    row: "driver_id",
    index: Some(("wallet_index", WALLET_KIND)),
};

struct Row {
    id: Uuid,
    provider: String,
    wallet_sealed: Option<Vec<u8>>,
    label: Option<String>,
    is_default: bool,
    verified_at: Option<DateTime<Utc>>,
    name_matches: Option<bool>,
    created_at: DateTime<Utc>,
}

impl Row {
    fn open(self, vault: &Vault) -> Result<Saved, Error> {
        let wallet = self.wallet_sealed.map(|sealed| open(vault, &SAVED_WALLET, self.id, &sealed)).transpose()?;
        Ok(Saved {
            id: self.id,
            provider: provider(&self.provider)?,
            wallet,
            label: self.label,
            is_default: self.is_default,
            verified_at: self.verified_at.map(Timestamp::from),
            name_matches: self.name_matches,
            created_at: self.created_at.into(),
        })
    }
}

/// The provider of that name; the column's check admits no other.
pub fn provider(name: &str) -> Result<ProviderId, sqlx::Error> {
    ProviderId::from_name(name).ok_or_else(|| sqlx::Error::Decode(format!("{name:?} is no provider").into()))
}

fn open(vault: &Vault, column: &Column, row: Uuid, sealed: &[u8]) -> Result<Phone, Error> {
    let opened = vault.open_text(Place::new(column.place, row), sealed)?;
    Phone::parse(opened.expose()).map_err(Error::internal)
}

/// Keeps others from changing this person's methods until the commit.
pub async fn lock(conn: &mut PgConnection, rider: UserId) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "SELECT pg_advisory_xact_lock(hashtextextended('payment_methods:' || $1::text, 0))",
        rider.to_string()
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// All of a person's, the oldest first.
pub async fn list(conn: &mut PgConnection, vault: &Vault, rider: UserId) -> Result<Vec<Saved>, Error> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT id, provider, wallet_sealed, label, is_default, verified_at, name_matches, created_at
         FROM payment_methods WHERE rider_id = $1 ORDER BY created_at, id",
        rider.0,
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(|row| row.open(vault)).collect()
}

/// One of a person's.
pub async fn find(conn: &mut PgConnection, vault: &Vault, rider: UserId, id: Uuid) -> Result<Option<Saved>, Error> {
    let row = sqlx::query_as!(
        Row,
        "SELECT id, provider, wallet_sealed, label, is_default, verified_at, name_matches, created_at
         FROM payment_methods WHERE rider_id = $1 AND id = $2",
        rider.0,
        id,
    )
    .fetch_optional(conn)
    .await?;
    row.map(|row| row.open(vault)).transpose()
}

/// Writes a new one; `false` when the person has that wallet already.
pub async fn insert(conn: &mut PgConnection, vault: &Vault, rider: UserId, saved: &Saved) -> Result<bool, Error> {
    let place = Place::new(SAVED_WALLET.place, saved.id);
    let sealed = saved.wallet.map(|wallet| vault.seal_text(place, wallet.as_str())).transpose()?;
    let index = saved.wallet.map(|wallet| vault.index(WALLET_KIND, wallet.as_str()));
    let written = sqlx::query!(
        "INSERT INTO payment_methods (id, rider_id, provider, wallet_sealed, wallet_index, label, is_default, verified_at,
                                      name_matches, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
         ON CONFLICT ON CONSTRAINT payment_methods_once DO NOTHING",
        saved.id,
        rider.0,
        saved.provider.as_str(),
        sealed,
        index,
        saved.label,
        saved.is_default,
        saved.verified_at.map(DateTime::<Utc>::from),
        saved.name_matches,
        DateTime::<Utc>::from(saved.created_at),
    )
    .execute(conn)
    .await?;
    Ok(written.rows_affected() == 1)
}

/// None is the default any more.
pub async fn clear_default(conn: &mut PgConnection, rider: UserId) -> Result<(), sqlx::Error> {
    sqlx::query!("UPDATE payment_methods SET is_default = false WHERE rider_id = $1 AND is_default", rider.0)
        .execute(conn)
        .await?;
    Ok(())
}

/// Changes what a person may change of one.
pub async fn update(conn: &mut PgConnection, rider: UserId, saved: &Saved) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE payment_methods SET label = $3, is_default = $4 WHERE rider_id = $1 AND id = $2",
        rider.0,
        saved.id,
        saved.label,
        saved.is_default,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Forgets one; `false` when there is none.
pub async fn delete(conn: &mut PgConnection, rider: UserId, id: Uuid) -> Result<bool, sqlx::Error> {
    let deleted =
        sqlx::query!("DELETE FROM payment_methods WHERE rider_id = $1 AND id = $2", rider.0, id).execute(conn).await?;
    Ok(deleted.rows_affected() == 1)
}

/// Where a driver is paid. Nobody changes it until the commit.
pub async fn payout_wallet(
    conn: &mut PgConnection,
    vault: &Vault,
    driver: DriverId,
) -> Result<Option<PayoutWallet>, Error> {
    let row = sqlx::query!(
        "SELECT provider, wallet_sealed, wallet_index, verified_at, name_matches, flagged, changes, changed_at, held_until
         FROM payout_wallets WHERE driver_id = $1 FOR UPDATE",
        driver.0,
    )
    .fetch_optional(conn)
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(PayoutWallet {
        provider: provider(&row.provider)?,
        wallet: open(vault, &PAYOUT_WALLET, driver.0, &row.wallet_sealed)?,
        index: row.wallet_index,
        verified_at: row.verified_at.map(Timestamp::from),
        name_matches: row.name_matches,
        flagged: row.flagged,
        changes: row.changes,
        changed_at: row.changed_at.into(),
        held_until: row.held_until.into(),
    }))
}

/// Writes where a driver is paid.
pub async fn put_payout_wallet(
    conn: &mut PgConnection,
    vault: &Vault,
    driver: DriverId,
    wallet: &PayoutWallet,
) -> Result<(), Error> {
    let sealed = vault.seal_text(Place::new(PAYOUT_WALLET.place, driver.0), wallet.wallet.as_str())?;
    sqlx::query!(
        "INSERT INTO payout_wallets (driver_id, provider, wallet_sealed, wallet_index, verified_at, name_matches, flagged,
                                     changes, changed_at, held_until, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $9)
         ON CONFLICT (driver_id) DO UPDATE
         SET provider = $2, wallet_sealed = $3, wallet_index = $4, verified_at = $5, name_matches = $6, flagged = $7,
             changes = $8, changed_at = $9, held_until = $10",
        driver.0,
        wallet.provider.as_str(),
        sealed,
        wallet.index,
        wallet.verified_at.map(DateTime::<Utc>::from),
        wallet.name_matches,
        wallet.flagged,
        wallet.changes,
        DateTime::<Utc>::from(wallet.changed_at),
        DateTime::<Utc>::from(wallet.held_until),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// An admin has seen why the holder has another name; `false` when the driver has no wallet.
pub async fn accept_name(conn: &mut PgConnection, driver: DriverId) -> Result<bool, sqlx::Error> {
    let written = sqlx::query!("UPDATE payout_wallets SET name_matches = true WHERE driver_id = $1", driver.0)
        .execute(conn)
        .await?;
    Ok(written.rows_affected() == 1)
}

/// Nothing is paid to this wallet until it is given anew. One that was changed meanwhile is not meant.
pub async fn flag(conn: &mut PgConnection, driver: DriverId, index: &[u8], why: &str) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE payout_wallets SET flagged = $3 WHERE driver_id = $1 AND wallet_index = $2",
        driver.0,
        index,
        why,
    )
    .execute(conn)
    .await?;
    Ok(())
}
