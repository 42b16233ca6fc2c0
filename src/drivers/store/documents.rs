//! SQL on `driver_documents`.

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use crate::drivers::authority::Verification;
use crate::drivers::documents::{Document, DocumentKind, DocumentState, Facts, FileInfo, NumberType, ReasonCode};
use crate::drivers::store::files::drop_files;
use crate::drivers::store::{IDENTITY_INDEX, INSURANCE, LICENCE, LICENCE_INDEX, taken};
use crate::error::Error;
use crate::ids::{DriverId, UserId};
use crate::storage::FileType;
use crate::time::Timestamp;
use crate::vault::{Place, Vault};

/// Where sealed numbers of papers lie.
pub const NUMBER: &str = "driver_documents.number";

struct DocumentRow {
    id: Uuid,
    kind: String,
    number_sealed: Option<Vec<u8>>,
    number_type: Option<String>,
    issuer: Option<String>,
    expires_on: Option<NaiveDate>,
    first_authorised_on: Option<NaiveDate>,
    note: Option<String>,
    file_id: Option<Uuid>,
    content_type: Option<String>,
    size_bytes: Option<i32>,
    state: String,
    reason_code: Option<String>,
    reason: Option<String>,
    reviewed_at: Option<DateTime<Utc>>,
    verification: Option<String>,
    verified_at: Option<DateTime<Utc>>,
    created_at: Timestamp,
}

impl DocumentRow {
    fn opened(self, vault: &Vault) -> Result<Document, Error> {
        let unknown = |what: &str| Error::internal(format!("unknown {what} in driver_documents"));
        let number = match self.number_sealed {
            Some(sealed) => Some(vault.open_text(Place::new(NUMBER, self.id), &sealed)?.into_exposed()),
            None => None,
        };
        let facts = Facts {
            kind: DocumentKind::from_name(&self.kind).ok_or_else(|| unknown("kind"))?,
            number,
            number_type: self.number_type.as_deref().and_then(NumberType::from_name),
            issuer: self.issuer,
            expires_on: self.expires_on,
            first_authorised_on: self.first_authorised_on,
            note: self.note,
        };
        let file = match (self.file_id, self.content_type, self.size_bytes) {
            (Some(id), Some(name), Some(size_bytes)) => {
                let file_type = FileType::from_name(&name).ok_or_else(|| unknown("content type"))?;
                Some(FileInfo { id, file_type, size_bytes })
            }
            _ => None,
        };
        Ok(Document {
            id: self.id,
            facts,
            file,
            state: DocumentState::from_name(&self.state).ok_or_else(|| unknown("state"))?,
            reason_code: self.reason_code.as_deref().and_then(ReasonCode::from_name),
            reason: self.reason,
            reviewed_at: self.reviewed_at.map(Timestamp::from),
            verification: self.verification.as_deref().and_then(Verification::from_name),
            verified_at: self.verified_at.map(Timestamp::from),
            created_at: self.created_at,
        })
    }
}

pub async fn documents_count(conn: &mut PgConnection, driver: DriverId) -> sqlx::Result<i64> {
    sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM driver_documents WHERE driver_id = $1"#, driver.0)
        .fetch_one(conn)
        .await
}

/// A driver's papers, newest first.
pub async fn documents(db: impl PgExecutor<'_>, vault: &Vault, driver: DriverId) -> Result<Vec<Document>, Error> {
    let rows = sqlx::query_as!(
        DocumentRow,
        r#"SELECT d.id, d.kind, d.number_sealed, d.number_type, d.issuer, d.expires_on, d.first_authorised_on, d.note,
                  f.id AS "file_id?", f.content_type AS "content_type?", f.size_bytes AS "size_bytes?", d.state,
                  d.reason_code, d.reason, d.reviewed_at, d.verification, d.verified_at, d.created_at
           FROM driver_documents d LEFT JOIN driver_files f ON f.id = d.file_id AND f.state = 'kept'
           WHERE d.driver_id = $1 ORDER BY d.created_at DESC, d.id DESC"#,
        driver.0
    )
    .fetch_all(db)
    .await?;
    rows.into_iter().map(|row| row.opened(vault)).collect()
}

/// A paper to be written.
#[derive(Clone, Debug)]
pub struct NewDocument {
    pub id: Uuid,
    pub facts: Facts,
    /// Taken over from the one before.
    pub file: Option<Uuid>,
    pub verification: Option<Verification>,
}

/// Writes papers as handed in; nothing of their kinds must be on the way.
pub async fn insert_documents(
    conn: &mut PgConnection,
    vault: &Vault,
    driver: DriverId,
    documents: &[NewDocument],
    now: Timestamp,
) -> Result<(), Error> {
    for NewDocument { id, facts, file, verification } in documents {
        let seal = |number: &String| vault.seal_text(Place::new(NUMBER, *id), number);
        sqlx::query!(
            "INSERT INTO driver_documents (id, driver_id, kind, number_sealed, number_type, issuer, expires_on,
                                           first_authorised_on, note, file_id, verification, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
            id,
            driver.0,
            facts.kind.as_str(),
            facts.number.as_ref().map(seal).transpose()?,
            facts.number_type.map(NumberType::as_str),
            facts.issuer,
            facts.expires_on,
            facts.first_authorised_on,
            facts.note,
            *file,
            verification.map(Verification::as_str),
            DateTime::from(now),
        )
        .execute(&mut *conn)
        .await?;
    }
    Ok(())
}

/// What is on the way of these kinds makes room: never reviewed, it is forgotten, and so is its file where nobody else
/// refers to it; else it stays in the record.
pub async fn clear_the_way(conn: &mut PgConnection, driver: DriverId, kinds: &[DocumentKind]) -> sqlx::Result<()> {
    let kinds: Vec<String> = kinds.iter().map(|kind| kind.as_str().to_owned()).collect();
    let forgotten = sqlx::query_scalar!(
        "DELETE FROM driver_documents WHERE driver_id = $1 AND kind = ANY($2) AND state = 'submitted' RETURNING file_id",
        driver.0,
        &kinds
    )
    .fetch_all(&mut *conn)
    .await?;
    sqlx::query!(
        "UPDATE driver_documents SET state = 'replaced'
         WHERE driver_id = $1 AND kind = ANY($2) AND state IN ('asked_again', 'rejected')",
        driver.0,
        &kinds
    )
    .execute(&mut *conn)
    .await?;
    let files: Vec<Uuid> = forgotten.into_iter().flatten().collect();
    drop_files(conn, &files).await
}

/// What is in force of these kinds is not any more.
pub async fn replace_in_force(conn: &mut PgConnection, driver: DriverId, kinds: &[DocumentKind]) -> sqlx::Result<()> {
    let kinds: Vec<String> = kinds.iter().map(|kind| kind.as_str().to_owned()).collect();
    sqlx::query!(
        "UPDATE driver_documents SET state = 'replaced' WHERE driver_id = $1 AND kind = ANY($2) AND state = 'approved'",
        driver.0,
        &kinds
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// What a reviewer decides of one paper.
#[derive(Clone, Copy, Debug)]
pub struct Decided<'a> {
    pub state: DocumentState,
    pub code: Option<ReasonCode>,
    pub reason: Option<&'a str>,
    pub by: Option<UserId>,
    pub at: Timestamp,
}

pub async fn decide_document(conn: &mut PgConnection, document: Uuid, decided: Decided<'_>) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE driver_documents SET state = $2, reason_code = $3, reason = $4, reviewed_by = $5, reviewed_at = $6
         WHERE id = $1",
        document,
        decided.state.as_str(),
        decided.code.map(ReasonCode::as_str),
        decided.reason.map(str::trim),
        decided.by.map(|by| by.0),
        DateTime::from(decided.at),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Approves everything that waits, and everything that a reviewer sent back before.
pub async fn approve_submitted(
    conn: &mut PgConnection,
    driver: DriverId,
    by: UserId,
    now: Timestamp,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE driver_documents old SET state = 'replaced'
         WHERE driver_id = $1 AND state = 'approved'
           AND EXISTS (SELECT FROM driver_documents WHERE driver_id = $1 AND kind = old.kind AND state = 'submitted')",
        driver.0
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "UPDATE driver_documents SET state = 'approved', reason_code = NULL, reason = NULL, reviewed_by = $2, reviewed_at = $3
         WHERE driver_id = $1 AND state = 'submitted'",
        driver.0,
        by.0,
        DateTime::from(now),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// What an approved paper says counts from now on. Numbers that only one driver may have are taken here and not when they
/// are handed in: nobody keeps their true owner out, or finds out that there is one, by typing them.
pub async fn apply_facts(conn: &mut PgConnection, vault: &Vault, driver: DriverId, facts: &Facts) -> Result<(), Error> {
    let seal = |column, number: &String| vault.seal_text(Place::new(column, driver.0), number);
    let done = match (facts.kind, &facts.number, facts.expires_on) {
        (DocumentKind::Licence, Some(number), Some(expires_on)) => {
            sqlx::query!(
                "UPDATE drivers SET licence_number_sealed = $2, licence_number_index = $3, licence_expires_on = $4
                 WHERE user_id = $1",
                driver.0,
                seal(LICENCE, number)?,
                vault.index(LICENCE_INDEX, number),
                expires_on,
            )
            .execute(conn)
            .await
        }
        (DocumentKind::NationalId, Some(number), _) => {
            let index = vault.index(IDENTITY_INDEX, number);
            sqlx::query!("UPDATE drivers SET national_id_index = $2 WHERE user_id = $1", driver.0, index)
                .execute(conn)
                .await
        }
        (DocumentKind::Insurance, Some(number), Some(expires_on)) => {
            sqlx::query!(
                "UPDATE drivers SET insurance_number_sealed = $2, insurance_expires_on = $3 WHERE user_id = $1",
                driver.0,
                seal(INSURANCE, number)?,
                expires_on,
            )
            .execute(conn)
            .await
        }
        (DocumentKind::Inspection, _, Some(expires_on)) => {
            sqlx::query!("UPDATE drivers SET inspection_expires_on = $2 WHERE user_id = $1", driver.0, expires_on)
                .execute(conn)
                .await
        }
        (DocumentKind::Authorisation, _, expires_on) => {
            sqlx::query!("UPDATE drivers SET authorisation_expires_on = $2 WHERE user_id = $1", driver.0, expires_on)
                .execute(conn)
                .await
        }
        _ => return Ok(()),
    };
    done.map(|_| ()).map_err(taken)
}

/// Notes what the authority says; false when the paper is gone or was decided meanwhile.
pub async fn verified(
    conn: &mut PgConnection,
    document: Uuid,
    verification: Verification,
    now: Timestamp,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "UPDATE driver_documents SET verification = $2, verified_at = $3 WHERE id = $1 AND state <> 'replaced'",
        document,
        verification.as_str(),
        DateTime::from(now),
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() > 0)
}
