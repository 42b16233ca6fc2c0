//! SQL on `users`.

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::{PgConnection, PgExecutor, PgPool};
use uuid::Uuid;

use crate::auth::phones::{self, PhoneIndex, SealedPhone};
use crate::auth::{Change, Gender, NationalId, NewUser, Person, Profile, Registration};
use crate::error::Error;
use crate::ids::UserId;
use crate::notifications::Language;
use crate::phone::Phone;
use crate::redact::prints_nothing;
use crate::time::Timestamp;
use crate::vault::Vault;
use crate::web::{Agency, Role};

/// A row of `users`.
pub struct UserRow {
    pub id: UserId,
    /// None of a person who was erased.
    pub phone_sealed: Option<Vec<u8>>,
    pub first_name: String,
    pub last_name: String,
    pub email: Option<String>,
    pub language: String,
    pub role: String,
    pub password_hash: Option<String>,
    pub date_of_birth: Option<NaiveDate>,
    pub gender: Option<String>,
    pub province: Option<String>,
    pub district: Option<String>,
    pub sector: Option<String>,
    pub cell: Option<String>,
    pub village: Option<String>,
    pub national_id_type: Option<String>,
    pub national_id_sealed: Option<Vec<u8>>,
    pub verified_at: Option<DateTime<Utc>>,
    pub disabled_at: Option<DateTime<Utc>>,
    pub created_at: Timestamp,
}

prints_nothing!(UserRow);

impl UserRow {
    /// The phone; `None` of a person who was erased.
    pub fn phone(&self, vault: &Vault) -> Result<Option<Phone>, Error> {
        self.phone_sealed.as_deref().map(|sealed| phones::open(vault, self.id, sealed)).transpose()
    }

    /// The person as they see themselves; `None` when they were erased.
    pub fn profile(self, vault: &Vault) -> Result<Option<Profile>, Error> {
        let unknown = |what: &str| Error::internal(format!("unknown {what} in users"));
        let Some(phone) = self.phone(vault)? else { return Ok(None) };
        let national_id = self.national_id_type.as_deref().zip(self.national_id_sealed.as_deref());
        let national_id = national_id.map(|stored| NationalId::open(vault, self.id, stored)).transpose()?;
        Ok(Some(Profile {
            id: self.id,
            phone,
            first_name: self.first_name,
            last_name: self.last_name,
            email: self.email,
            language: language(&self.language)?,
            role: Role::from_name(&self.role).ok_or_else(|| unknown("role"))?,
            date_of_birth: self.date_of_birth,
            gender: self.gender.map(|name| Gender::from_name(&name).ok_or_else(|| unknown("gender"))).transpose()?,
            province: self.province,
            district: self.district,
            sector: self.sector,
            cell: self.cell,
            village: self.village,
            national_id,
            has_password: self.password_hash.is_some(),
            is_verified: self.verified_at.is_some(),
            disabled_at: self.disabled_at.map(Timestamp::from),
            created_at: self.created_at,
        }))
    }
}

/// A stored language.
pub fn language(stored: &str) -> Result<Language, Error> {
    Language::from_code(stored).ok_or_else(|| Error::internal("unknown language in users"))
}

macro_rules! user_query {
    ($tail:literal, $($argument:expr),*) => {
        sqlx::query_as!(
            UserRow,
            "SELECT id, phone_sealed, first_name, last_name, email, language, role, password_hash, date_of_birth, gender, \
                    province, district, sector, cell, village, national_id_type, national_id_sealed, verified_at, disabled_at, created_at \
             FROM users " + $tail,
            $($argument),*
        )
    };
}

pub async fn user(db: impl PgExecutor<'_>, id: UserId) -> sqlx::Result<Option<UserRow>> {
    user_query!("WHERE id = $1 AND erased_at IS NULL", id.0).fetch_optional(db).await
}

pub async fn user_by_phone(pool: &PgPool, phone: &PhoneIndex) -> sqlx::Result<Option<UserRow>> {
    user_query!("WHERE phone_index = $1", phone.as_bytes()).fetch_optional(pool).await
}

pub async fn lock_user(conn: &mut PgConnection, id: UserId) -> sqlx::Result<Option<UserRow>> {
    user_query!("WHERE id = $1 FOR NO KEY UPDATE", id.0).fetch_optional(conn).await
}

pub async fn lock_by_phone(conn: &mut PgConnection, phone: &PhoneIndex) -> sqlx::Result<Option<UserId>> {
    let sql = sqlx::query_scalar!("SELECT id FROM users WHERE phone_index = $1 FOR NO KEY UPDATE", phone.as_bytes());
    Ok(sql.fetch_optional(conn).await?.map(UserId))
}

/// Makes an account that nobody proved yet, or writes over one; a proven one stays as it is.
pub async fn upsert_unproven(
    conn: &mut PgConnection,
    phone: &SealedPhone,
    registration: &Registration,
    password_hash: Option<&str>,
    now: Timestamp,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO users (id, phone_sealed, phone_index, first_name, last_name, email, language, role, password_hash,
                            created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)
         ON CONFLICT (phone_index) DO UPDATE
         SET first_name = EXCLUDED.first_name, last_name = EXCLUDED.last_name, email = EXCLUDED.email,
             language = EXCLUDED.language, role = EXCLUDED.role, password_hash = EXCLUDED.password_hash,
             updated_at = EXCLUDED.updated_at
         WHERE users.verified_at IS NULL",
        phone.user.0,
        phone.sealed,
        phone.index.as_bytes(),
        registration.first_name,
        registration.last_name,
        registration.email,
        registration.language.as_str(),
        registration.role.as_str(),
        password_hash,
        DateTime::from(now),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Makes a proven account, or takes over one that nobody proved; `None` when somebody has proven that phone.
pub async fn create_user(
    conn: &mut PgConnection,
    phone: &SealedPhone,
    new: &NewUser,
    password_hash: Option<&str>,
    now: Timestamp,
) -> sqlx::Result<Option<UserId>> {
    let id = sqlx::query_scalar!(
        "INSERT INTO users (id, phone_sealed, phone_index, first_name, last_name, language, role, password_hash,
                            verified_at, created_at, updated_at, agency)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $9, $10)
         ON CONFLICT (phone_index) DO UPDATE
         SET first_name = EXCLUDED.first_name, last_name = EXCLUDED.last_name, email = NULL,
             language = EXCLUDED.language, role = EXCLUDED.role, password_hash = EXCLUDED.password_hash,
             verified_at = EXCLUDED.verified_at, updated_at = EXCLUDED.updated_at, agency = EXCLUDED.agency
         WHERE users.verified_at IS NULL
         RETURNING id",
        phone.user.0,
        phone.sealed,
        phone.index.as_bytes(),
        new.first_name,
        new.last_name,
        new.language.as_str(),
        new.role.as_str(),
        password_hash,
        DateTime::from(now),
        new.agency.map(Agency::as_str),
    )
    .fetch_optional(conn)
    .await?;
    Ok(id.map(UserId))
}

/// Makes a guest's account. Of an account that nobody proved it makes a guest's; a proven one stays as it is.
pub async fn upsert_guest(
    pool: &PgPool,
    phone: &SealedPhone,
    first_name: &str,
    language: Language,
    now: Timestamp,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO users (id, phone_sealed, phone_index, first_name, last_name, language, role, guest_since,
                            created_at, updated_at)
         VALUES ($1, $2, $3, $4, '', $5, 'customer', $6, $6, $6)
         ON CONFLICT (phone_index) DO UPDATE
         SET first_name = EXCLUDED.first_name, language = EXCLUDED.language, role = EXCLUDED.role, password_hash = NULL,
             guest_since = coalesce(users.guest_since, EXCLUDED.guest_since), updated_at = EXCLUDED.updated_at
         WHERE users.verified_at IS NULL",
        phone.user.0,
        phone.sealed,
        phone.index.as_bytes(),
        first_name,
        language.as_str(),
        DateTime::from(now),
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Notes that the phone was proven.
pub async fn prove(conn: &mut PgConnection, id: UserId, keep_password: bool, now: Timestamp) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE users SET verified_at = $2, updated_at = $2, password_hash = CASE WHEN $3 THEN password_hash END
         WHERE id = $1",
        id.0,
        DateTime::from(now),
        keep_password,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// What becomes of the number of an identity paper.
#[derive(Debug)]
pub enum NewNationalId {
    /// As it is.
    Stays,
    /// None any more.
    TakenAway,
    /// Another one.
    Set { kind: &'static str, sealed: Vec<u8>, index: Vec<u8> },
}

/// What is `None` stays; an empty text takes an optional field away.
pub async fn change_profile(
    pool: &PgPool,
    id: UserId,
    change: &Change,
    national_id: &NewNationalId,
    now: Timestamp,
) -> sqlx::Result<()> {
    let (kind, sealed, index) = match national_id {
        NewNationalId::Set { kind, sealed, index } => (Some(*kind), Some(sealed.as_slice()), Some(index.as_slice())),
        NewNationalId::Stays | NewNationalId::TakenAway => (None, None, None),
    };
    sqlx::query!(
        "UPDATE users
         SET first_name = coalesce($2, first_name), last_name = coalesce($3, last_name),
             email = CASE WHEN $4::text IS NULL THEN email ELSE nullif($4, '') END,
             language = coalesce($5, language), date_of_birth = coalesce($6, date_of_birth),
             gender = coalesce($7, gender),
             province = CASE WHEN $8::text IS NULL THEN province ELSE nullif($8, '') END,
             district = CASE WHEN $9::text IS NULL THEN district ELSE nullif($9, '') END,
             sector = CASE WHEN $10::text IS NULL THEN sector ELSE nullif($10, '') END,
             cell = CASE WHEN $12::text IS NULL THEN cell ELSE nullif($12, '') END,
             village = CASE WHEN $13::text IS NULL THEN village ELSE nullif($13, '') END,
             national_id_type = CASE WHEN $14 THEN national_id_type ELSE $15 END,
             national_id_sealed = CASE WHEN $14 THEN national_id_sealed ELSE $16 END,
             national_id_index = CASE WHEN $14 THEN national_id_index ELSE $17 END,
             updated_at = $11
         WHERE id = $1 AND erased_at IS NULL",
        id.0,
        change.first_name.as_deref(),
        change.last_name.as_deref(),
        change.email.as_deref(),
        change.language.map(Language::as_str),
        change.date_of_birth,
        change.gender.map(Gender::as_str),
        change.province.as_deref(),
        change.district.as_deref(),
        change.sector.as_deref(),
        DateTime::from(now),
        change.cell.as_deref(),
        change.village.as_deref(),
        matches!(national_id, NewNationalId::Stays),
        kind,
        sealed,
        index,
    )
    .execute(pool)
    .await?;
    Ok(())
}

pub async fn set_password(conn: &mut PgConnection, id: UserId, hash: &str, now: Timestamp) -> sqlx::Result<()> {
    sqlx::query!("UPDATE users SET password_hash = $2, updated_at = $3 WHERE id = $1", id.0, hash, DateTime::from(now))
        .execute(conn)
        .await?;
    Ok(())
}

/// How somebody is reached.
#[derive(Debug)]
pub struct RecipientRow {
    pub phone_sealed: Vec<u8>,
    pub language: String,
}

pub async fn recipient(pool: &PgPool, id: UserId) -> sqlx::Result<Option<RecipientRow>> {
    sqlx::query_as!(
        RecipientRow,
        r#"SELECT phone_sealed AS "phone_sealed!", language FROM users
           WHERE id = $1 AND (verified_at IS NOT NULL OR guest_since IS NOT NULL) AND disabled_at IS NULL
             AND phone_sealed IS NOT NULL"#,
        id.0
    )
    .fetch_optional(pool)
    .await
}

/// Given name and family name with a blank between them; none of a person who was erased.
pub async fn full_name(pool: &PgPool, id: UserId) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar!(
        r#"SELECT first_name || ' ' || last_name AS "name!" FROM users WHERE id = $1 AND phone_sealed IS NOT NULL"#,
        id.0
    )
    .fetch_optional(pool)
    .await
}

/// What others may know of people; those who were erased are left out.
pub async fn people(pool: &PgPool, vault: &Vault, ids: &[Uuid]) -> Result<Vec<(UserId, Person)>, Error> {
    let rows = sqlx::query!(
        r#"SELECT id, first_name, language, phone_sealed AS "phone_sealed!", rating_sum, rating_count,
                  restricted_at IS NOT NULL AS "is_restricted!" FROM users
           WHERE id = ANY($1) AND phone_sealed IS NOT NULL"#,
        ids
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter()
        .map(|row| {
            let person = Person {
                first_name: row.first_name,
                language: language(&row.language)?,
                phone: phones::open(vault, UserId(row.id), &row.phone_sealed)?,
                rating_hundredths: row.rating_sum.checked_div(i64::from(row.rating_count)),
                is_restricted: row.is_restricted,
            };
            Ok((UserId(row.id), person))
        })
        .collect()
}

/// Whether there is such an account and it is not disabled.
///
/// # Errors
/// When the database refuses.
pub async fn is_open(pool: &PgPool, id: UserId) -> sqlx::Result<bool> {
    let sql = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM users WHERE id = $1 AND disabled_at IS NULL) AS "is_open!""#,
        id.0
    );
    sql.fetch_one(pool).await
}

/// Closes an account; one that is closed stays as it is.
pub async fn disable(conn: &mut PgConnection, id: UserId, now: Timestamp) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE users SET disabled_at = $2 WHERE id = $1 AND disabled_at IS NULL",
        id.0,
        DateTime::<Utc>::from(now)
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Whether a person's data is kept but not used.
pub async fn is_restricted(pool: &PgPool, id: UserId) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM users WHERE id = $1 AND restricted_at IS NOT NULL) AS "is_restricted!""#,
        id.0
    )
    .fetch_one(pool)
    .await
}

/// Adds a driver's rating of a rider, 1 to 5 stars, within the caller's transaction. The sum is in hundredths of a star.
///
/// # Errors
/// When the database refuses.
pub async fn record_rating(conn: &mut PgConnection, rider: UserId, stars: i16) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE users SET rating_sum = rating_sum + $2, rating_count = rating_count + 1 WHERE id = $1",
        rider.0,
        i64::from(stars) * 100,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Drops the passwords of accounts that nobody proved since.
pub async fn drop_unproven_passwords(conn: &mut PgConnection, before: Timestamp) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE users SET password_hash = NULL
         WHERE verified_at IS NULL AND password_hash IS NOT NULL AND updated_at < $1",
        DateTime::from(before)
    )
    .execute(conn)
    .await?;
    Ok(())
}
