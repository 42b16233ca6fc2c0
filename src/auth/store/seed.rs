//! SQL for made-up people: many rows by one statement.

use chrono::DateTime;
use serde_json::{Value, json};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Life;
use crate::auth::MadeUp;
use crate::auth::phones::SealedPhone;
use crate::error::Error;
use crate::ids::SessionId;
use crate::time::Timestamp;
use crate::vault::Vault;

/// Rows written by one statement: far from the statement timeout.
const ROWS_MAX: usize = 10_000;

/// Nobody signs up until the end of the transaction.
pub async fn hold_users(conn: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query!("LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE").execute(conn).await?;
    Ok(())
}

/// Whether nobody has an account, or somebody whose id is between these.
pub async fn is_rehearsal(conn: &mut PgConnection, (least, greatest): (Uuid, Uuid)) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"SELECT NOT EXISTS (SELECT FROM users) OR EXISTS (SELECT FROM users WHERE id BETWEEN $1 AND $2) AS "is!""#,
        least,
        greatest
    )
    .fetch_one(conn)
    .await
}

/// Makes proven accounts; those that are there stay as they are.
pub async fn seed_users(
    conn: &mut PgConnection,
    vault: &Vault,
    people: &[MadeUp],
    password_hash: Option<&str>,
    now: Timestamp,
) -> Result<(), Error> {
    for people in people.chunks(ROWS_MAX) {
        let seal = |person: &MadeUp| SealedPhone::new(vault, person.id(), person.phone);
        let phones = people.iter().map(seal).collect::<Result<Vec<_>, Error>>()?;
        let ids: Vec<Uuid> = people.iter().map(|person| person.id().0).collect();
        let sealed: Vec<&[u8]> = phones.iter().map(|phone| phone.sealed.as_slice()).collect();
        let indexes: Vec<&[u8]> = phones.iter().map(|phone| phone.index.as_bytes()).collect();
        let written = sqlx::query!(
            "INSERT INTO users (id, phone_sealed, phone_index, first_name, last_name, language, role, password_hash,
                                verified_at, created_at, updated_at)
             SELECT id, sealed, index, first_name, last_name, 'rw', role, $7, $8, $8, $8
             FROM unnest($1::uuid[], $2::bytea[], $3::bytea[], $4::text[], $5::text[], $6::text[])
                  AS made_up (id, sealed, index, first_name, last_name, role)
             ON CONFLICT (id) DO NOTHING",
            &ids,
            &sealed as &[&[u8]],
            &indexes as &[&[u8]],
            &people.iter().map(|person| person.first_name.clone()).collect::<Vec<_>>(),
            &people.iter().map(|person| person.last_name.clone()).collect::<Vec<_>>(),
            &people.iter().map(|person| person.role.as_str().to_owned()).collect::<Vec<_>>(),
            password_hash,
            DateTime::from(now),
        )
        .execute(&mut *conn)
        .await;
        match written {
            Err(sqlx::Error::Database(error)) if error.constraint() == Some("users_phone_index_unique") => {
                let message = "somebody here has a phone of these people; seed with the number that was used before";
                return Err(Error::conflict("phone_taken", message));
            }
            other => other?,
        };
    }
    Ok(())
}

/// Opens a session for each of them, or prolongs the one of an earlier time.
pub async fn seed_sessions(conn: &mut PgConnection, people: &[(&MadeUp, SessionId)], life: Life) -> sqlx::Result<()> {
    for people in people.chunks(ROWS_MAX) {
        let row = |(person, session): &(&MadeUp, SessionId)| json!({"id": session, "user_id": person.id()});
        sqlx::query!(
            "INSERT INTO sessions (id, user_id, device_name, created_at, last_used_at, expires_at)
             SELECT id, user_id, 'boda seed', $2, $2, $3 FROM jsonb_populate_recordset(null::sessions, $1)
             ON CONFLICT (id) DO UPDATE
             SET last_used_at = excluded.last_used_at, expires_at = excluded.expires_at, revoked_at = NULL,
                 revoked_reason = NULL",
            Value::Array(people.iter().map(row).collect()),
            DateTime::from(life.now),
            DateTime::from(life.expires_at),
        )
        .execute(&mut *conn)
        .await?;
    }
    Ok(())
}
