//! SQL for made-up drivers: many rows by one statement.

use chrono::DateTime;
use serde_json::{Value, json};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::drivers::Papers;
use crate::drivers::store::{INSURANCE, LICENCE, LICENCE_INDEX};
use crate::error::Error;
use crate::ids::DriverId;
use crate::time::Timestamp;
use crate::vault::{Place, Vault};

/// Rows written by one statement: far from the statement timeout.
const ROWS_MAX: usize = 10_000;

/// Writes approved papers; those of an earlier time are replaced.
pub async fn seed_papers(
    conn: &mut PgConnection,
    vault: &Vault,
    drivers: &[(DriverId, Papers)],
    now: Timestamp,
) -> Result<(), Error> {
    for drivers in drivers.chunks(ROWS_MAX) {
        let written = sqlx::query!(
            "INSERT INTO drivers (user_id, status, reviewed_at, licence_number_sealed, licence_number_index, licence_category,
                                  licence_expires_on, plate, vehicle_make, vehicle_model, vehicle_year, vehicle_colour,
                                  fuel, ride_types, city, insurance_number_sealed, insurance_expires_on,
                                  inspection_expires_on, created_at, updated_at)
             SELECT user_id, 'approved', $2, licence_number_sealed, licence_number_index, licence_category,
                    licence_expires_on, plate, vehicle_make, vehicle_model, vehicle_year, vehicle_colour, fuel, ride_types,
                    city, insurance_number_sealed, insurance_expires_on, inspection_expires_on, $2, $2
             FROM jsonb_populate_recordset(null::drivers, $1)
             ON CONFLICT (user_id) DO UPDATE
             SET status = 'approved', status_reason = NULL, reviewed_at = excluded.reviewed_at,
                 licence_expires_on = excluded.licence_expires_on,
                 insurance_expires_on = excluded.insurance_expires_on,
                 inspection_expires_on = excluded.inspection_expires_on, updated_at = excluded.updated_at",
            Value::Array(drivers.iter().map(|driver| row(vault, driver)).collect::<Result<_, _>>()?),
            DateTime::from(now),
        )
        .execute(&mut *conn)
        .await;
        match written {
            Err(sqlx::Error::Database(error))
                if matches!(error.constraint(), Some("drivers_plate_unique" | "drivers_licence_unique")) =>
            {
                let message = "somebody here has a plate of these drivers; seed with the number that was used before";
                return Err(Error::conflict("plate_taken", message));
            }
            other => other?,
        };
    }
    Ok(())
}

fn row(vault: &Vault, (driver, papers): &(DriverId, Papers)) -> Result<Value, Error> {
    let sealed = |column, number: &str| Ok::<_, Error>(hex(&vault.seal_text(Place::new(column, driver.0), number)?));
    Ok(json!({
        "user_id": driver, "licence_number_sealed": sealed(LICENCE, &papers.licence_number)?,
        "licence_number_index": hex(&vault.index(LICENCE_INDEX, &papers.licence_number)),
        "licence_category": papers.licence_category, "licence_expires_on": papers.licence_expires_on,
        "plate": papers.plate, "vehicle_make": papers.vehicle_make, "vehicle_model": papers.vehicle_model,
        "vehicle_year": papers.vehicle_year, "vehicle_colour": papers.vehicle_colour, "fuel": papers.fuel.as_str(),
        "ride_types": papers.ride_types, "city": papers.city.as_str(),
        "insurance_number_sealed": sealed(INSURANCE, &papers.insurance_number)?,
        "insurance_expires_on": papers.insurance_expires_on, "inspection_expires_on": papers.inspection_expires_on,
    }))
}

/// Bytes as Postgres reads them out of JSON.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold("\\x".to_owned(), |mut text, byte| {
        let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or_default();
        text.extend([digit(byte >> 4), digit(byte & 0xF)]);
        text
    })
}

/// Opens a shift for each of them who has none.
pub async fn seed_shifts(conn: &mut PgConnection, drivers: &[DriverId], now: Timestamp) -> sqlx::Result<()> {
    for drivers in drivers.chunks(ROWS_MAX) {
        let ids: Vec<Uuid> = drivers.iter().map(|driver| driver.0).collect();
        sqlx::query!(
            "INSERT INTO shifts (id, driver_id, started_at) SELECT gen_random_uuid(), driver, $2 FROM unnest($1::uuid[]) driver
             ON CONFLICT (driver_id) WHERE ended_at IS NULL DO NOTHING",
            &ids,
            DateTime::from(now),
        )
        .execute(&mut *conn)
        .await?;
    }
    Ok(())
}
