//! SQL on `consents` and `consent_texts`.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::error::Error;
use crate::ids::UserId;
use crate::notifications::Language;
use crate::personal::EXPORT_ROWS_MAX;
use crate::privacy::consent::{Channel, Purpose, Said, Version};

struct SaidRow {
    purpose: String,
    given: bool,
    version: Vec<u8>,
    language: String,
    channel: String,
    at: DateTime<Utc>,
}

impl TryFrom<SaidRow> for Said {
    type Error = Error;

    fn try_from(row: SaidRow) -> Result<Self, Error> {
        let unknown = |what: &str| Error::internal(format!("unknown {what} in consents"));
        Ok(Self {
            purpose: Purpose::from_word(&row.purpose).ok_or_else(|| unknown("purpose"))?,
            given: row.given,
            version: Version(row.version.try_into().map_err(|_| unknown("version"))?),
            language: Language::from_code(&row.language).ok_or_else(|| unknown("language"))?,
            channel: Channel::from_word(&row.channel).ok_or_else(|| unknown("channel"))?,
            at: row.at.into(),
        })
    }
}

/// Writes down what somebody said, and the words that were shown.
pub async fn insert(
    conn: &mut PgConnection,
    person: UserId,
    said: &Said,
    noted_by: Option<UserId>,
) -> sqlx::Result<()> {
    let at = DateTime::<Utc>::from(said.at);
    sqlx::query!(
        "INSERT INTO consent_texts (version, purpose, language, text, first_used_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (version) DO NOTHING",
        &said.version.0,
        said.purpose.as_str(),
        said.language.as_str(),
        said.purpose.text(said.language),
        at
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "INSERT INTO consents (id, user_id, purpose, given, version, channel, noted_by, at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        Uuid::now_v7(),
        person.0,
        said.purpose.as_str(),
        said.given,
        &said.version.0,
        said.channel.as_str(),
        noted_by.map(Uuid::from),
        at
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// What a person said last of each purpose.
pub async fn last(pool: &PgPool, person: UserId) -> Result<Vec<Said>, Error> {
    let rows = sqlx::query_as!(
        SaidRow,
        "SELECT DISTINCT ON (consents.purpose) consents.purpose, given, consents.version, language, channel, at
         FROM consents JOIN consent_texts texts ON texts.version = consents.version
         WHERE user_id = $1 ORDER BY consents.purpose, at DESC, id DESC",
        person.0
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter().map(Said::try_from).collect()
}

/// Everything a person said, newest first.
pub async fn log(pool: &PgPool, person: UserId, rows_max: i64) -> Result<Vec<Said>, Error> {
    let rows = sqlx::query_as!(
        SaidRow,
        "SELECT consents.purpose, given, consents.version, language, channel, at
         FROM consents JOIN consent_texts texts ON texts.version = consents.version
         WHERE user_id = $1 ORDER BY at DESC, id DESC LIMIT $2",
        person.0,
        rows_max
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter().map(Said::try_from).collect()
}

/// Everything a person said with the words that were shown, for an export.
pub async fn export(pool: &PgPool, person: UserId) -> sqlx::Result<Vec<serde_json::Value>> {
    sqlx::query_scalar!(
        r#"SELECT to_jsonb(c) AS "row!: serde_json::Value" FROM (
               SELECT consents.purpose, given, encode(consents.version, 'hex') AS version, language, text, channel, at
               FROM consents JOIN consent_texts texts ON texts.version = consents.version
               WHERE user_id = $1 ORDER BY at DESC, id DESC LIMIT $2) AS c"#,
        person.0,
        EXPORT_ROWS_MAX
    )
    .fetch_all(pool)
    .await
}

/// Whoever said no to a purpose last, and whoever's data is not to be used at all.
pub async fn objectors(pool: &PgPool, purpose: Purpose, rows_max: i64) -> sqlx::Result<Vec<UserId>> {
    let ids = sqlx::query_scalar!(
        r#"SELECT user_id AS "id!" FROM (
               SELECT DISTINCT ON (user_id) user_id, given FROM consents WHERE purpose = $1
               ORDER BY user_id, at DESC, id DESC) AS last
           WHERE NOT given
           UNION SELECT user_id FROM restrictions WHERE lifted_at IS NULL
           LIMIT $2"#,
        purpose.as_str(),
        rows_max
    )
    .fetch_all(pool)
    .await?;
    Ok(ids.into_iter().map(UserId).collect())
}
