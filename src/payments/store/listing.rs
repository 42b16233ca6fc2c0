//! Attempts as operators list them.

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use crate::payments::attempt::State;
use crate::payments::method::ProviderId;
use crate::payments::providers::Operation;
use crate::time::Timestamp;
use crate::web::page::PageRequest;

/// Which attempts.
#[derive(Clone, Copy, Debug, Default)]
pub struct AttemptFilter {
    /// In that state.
    pub state: Option<State>,
    /// Of that provider.
    pub provider: Option<ProviderId>,
    /// Of that kind.
    pub operation: Option<Operation>,
    /// Made since then.
    pub since: Option<Timestamp>,
}

/// An attempt as operators see it: no number.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct AttemptRow {
    /// Which: our reference at the provider.
    pub id: Uuid,
    /// `collection`, `refund` or `payout`.
    pub operation: String,
    /// `mtn`, `airtel` or `card`.
    pub provider: String,
    /// The intent, refund or payout that it is for.
    pub subject_id: Uuid,
    /// Whose wallet.
    pub person_id: Uuid,
    /// In francs.
    pub amount_rwf: i64,
    /// See docs/PAYMENTS.md.
    pub state: String,
    /// Where it was sent.
    pub base_url: String,
    /// The provider's own name of it.
    pub provider_reference: Option<String>,
    /// No answer came to the order.
    pub is_submit_unknown: bool,
    /// Why not, in our words.
    pub failure: Option<String>,
    /// Why not, in the provider's.
    pub provider_code: Option<String>,
    /// When it was made.
    #[schema(value_type = DateTime<Utc>)]
    pub created_at: Timestamp,
    /// When the first byte may have left.
    #[schema(value_type = Option<DateTime<Utc>>)]
    pub requested_at: Option<Timestamp>,
    /// When the provider took it, or may have.
    #[schema(value_type = Option<DateTime<Utc>>)]
    pub submitted_at: Option<Timestamp>,
    /// When it was over.
    #[schema(value_type = Option<DateTime<Utc>>)]
    pub finished_at: Option<Timestamp>,
    /// When it is looked at next.
    #[schema(value_type = Option<DateTime<Utc>>)]
    pub next_at: Option<Timestamp>,
    /// When the provider was last asked.
    #[schema(value_type = Option<DateTime<Utc>>)]
    pub polled_at: Option<Timestamp>,
    /// How often it was.
    pub polls: i32,
    /// "Not found" in a row.
    pub misses: i32,
}

/// As the database has it.
struct Raw {
    id: Uuid,
    operation: String,
    provider: String,
    subject_id: Uuid,
    person_id: Uuid,
    amount_rwf: i64,
    state: String,
    base_url: String,
    provider_reference: Option<String>,
    is_submit_unknown: bool,
    failure: Option<String>,
    provider_code: Option<String>,
    created_at: DateTime<Utc>,
    requested_at: Option<DateTime<Utc>>,
    submitted_at: Option<DateTime<Utc>>,
    finished_at: Option<DateTime<Utc>>,
    next_at: Option<DateTime<Utc>>,
    polled_at: Option<DateTime<Utc>>,
    polls: i32,
    misses: i32,
}

impl From<Raw> for AttemptRow {
    fn from(raw: Raw) -> Self {
        Self {
            id: raw.id,
            operation: raw.operation,
            provider: raw.provider,
            subject_id: raw.subject_id,
            person_id: raw.person_id,
            amount_rwf: raw.amount_rwf,
            state: raw.state,
            base_url: raw.base_url,
            provider_reference: raw.provider_reference,
            is_submit_unknown: raw.is_submit_unknown,
            failure: raw.failure,
            provider_code: raw.provider_code,
            created_at: raw.created_at.into(),
            requested_at: raw.requested_at.map(Timestamp::from),
            submitted_at: raw.submitted_at.map(Timestamp::from),
            finished_at: raw.finished_at.map(Timestamp::from),
            next_at: raw.next_at.map(Timestamp::from),
            polled_at: raw.polled_at.map(Timestamp::from),
            polls: raw.polls,
            misses: raw.misses,
        }
    }
}

/// A page, newest first, one more than the page holds.
pub async fn attempts(
    pool: &PgPool,
    filter: &AttemptFilter,
    page: &PageRequest,
) -> Result<Vec<AttemptRow>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Raw,
        "SELECT id, operation, provider, subject_id, person_id, amount_rwf, state, base_url, provider_reference,
                is_submit_unknown, failure, provider_code, created_at, requested_at, submitted_at, finished_at, next_at,
                polled_at, polls, misses
         FROM payment_attempts
         WHERE ($1::text IS NULL OR state = $1) AND ($2::text IS NULL OR provider = $2)
           AND ($3::text IS NULL OR operation = $3) AND ($4::timestamptz IS NULL OR created_at >= $4)
           AND ($5::timestamptz IS NULL OR (created_at, id) < ($5, $6::uuid))
         ORDER BY created_at DESC, id DESC LIMIT $7",
        filter.state.map(State::as_str),
        filter.provider.map(ProviderId::as_str),
        filter.operation.map(Operation::as_str),
        filter.since.map(DateTime::<Utc>::from),
        page.before.map(|before| DateTime::<Utc>::from(before.at)),
        page.before.map(|before| before.id),
        page.limit + 1,
    )
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(AttemptRow::from).collect())
}

/// One.
pub async fn attempt(pool: &PgPool, id: Uuid) -> Result<Option<AttemptRow>, sqlx::Error> {
    let row = sqlx::query_as!(
        Raw,
        "SELECT id, operation, provider, subject_id, person_id, amount_rwf, state, base_url, provider_reference,
                is_submit_unknown, failure, provider_code, created_at, requested_at, submitted_at, finished_at, next_at,
                polled_at, polls, misses
         FROM payment_attempts WHERE id = $1",
        id,
    )
    .fetch_optional(pool)
    .await?;
    Ok(row.map(AttemptRow::from))
}

/// How many of each provider's are not over.
pub async fn open_by_provider(pool: &PgPool) -> Result<Vec<(String, i64)>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT provider, count(*) AS "open!" FROM payment_attempts
           WHERE state IN ('prepared', 'submitting', 'pending', 'unresolved') GROUP BY provider"#
    )
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(|row| (row.provider, row.open)).collect())
}
