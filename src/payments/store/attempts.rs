//! SQL of attempts: the rows that are the engine's queue and its memory.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::error::Error;
use crate::ids::UserId;
use crate::money::Francs;
use crate::payments::attempt::{self, Attempt, NewAttempt, State};
use crate::payments::ladder;
use crate::payments::method::ProviderId;
use crate::payments::providers::{AttemptId, Operation, Original, Reason, Refusal};
use crate::phone::Phone;
use crate::time::Timestamp;
use crate::vault::{Column, Place, Vault};

/// Indexes of wallets' numbers are equal among themselves only, wherever they lie.
pub const WALLET_KIND: &str = "wallet";

/// What wakes engines.
pub const CHANNEL: &str = "boda_payments";

/// The wallet's number as rotation and checks know it.
pub const WALLET: Column = Column {
    place: "payment_attempts.wallet",
    table: "payment_attempts",
    column: "wallet_sealed",
    key: "id",
    row: "id",
    index: Some(("wallet_index", WALLET_KIND)),
};

/// Writes prepared attempts, due at once. Where they are sent is written when they are.
pub async fn insert(
    conn: &mut PgConnection,
    vault: &Vault,
    attempts: &[NewAttempt],
    now: Timestamp,
) -> Result<(), Error> {
    let mut sealed = Vec::with_capacity(attempts.len());
    let mut indexes = Vec::with_capacity(attempts.len());
    for attempt in attempts {
        let place = Place::new(WALLET.place, attempt.id.0);
        sealed.push(attempt.wallet.map(|wallet| vault.seal_text(place, wallet.as_str())).transpose()?);
        indexes.push(attempt.wallet.map(|wallet| vault.index(WALLET_KIND, wallet.as_str())));
    }
    let ids: Vec<_> = attempts.iter().map(|attempt| attempt.id.0).collect();
    let operations: Vec<_> = attempts.iter().map(|attempt| attempt.operation.as_str().to_owned()).collect();
    let providers: Vec<_> = attempts.iter().map(|attempt| attempt.provider.as_str().to_owned()).collect();
    let subjects: Vec<_> = attempts.iter().map(|attempt| attempt.subject).collect();
    let people: Vec<_> = attempts.iter().map(|attempt| attempt.person.0).collect();
    let amounts: Vec<_> = attempts.iter().map(|attempt| attempt.amount.amount()).collect();
    let refunds: Vec<_> = attempts.iter().map(|attempt| attempt.refunds.map(|refunds| refunds.0)).collect();
    let tokens: Vec<_> =
        attempts.iter().map(|_| format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())).collect();
    sqlx::query!(
        "INSERT INTO payment_attempts (id, operation, provider, subject_id, person_id, amount_rwf, wallet_sealed,
                                       wallet_index, refunds_id, state, base_url, callback_token, created_at, next_at)
         SELECT wanted.id, wanted.operation, wanted.provider, wanted.subject, wanted.person, wanted.amount, wanted.sealed,
                wanted.index, wanted.refunds, 'prepared', '', wanted.token, $10, $10
         FROM unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::uuid[], $6::bigint[], $7::bytea[], $8::bytea[],
                     $9::uuid[], $11::text[])
              AS wanted (id, operation, provider, subject, person, amount, sealed, index, refunds, token)",
        &ids,
        &operations,
        &providers,
        &subjects,
        &people,
        &amounts,
        &sealed as &[Option<Vec<u8>>],
        &indexes as &[Option<Vec<u8>>],
        &refunds as &[Option<Uuid>],
        DateTime::<Utc>::from(now),
        &tokens,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Wakes engines once the caller's transaction is committed.
pub async fn wake(conn: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query!("SELECT pg_notify($1, '')", CHANNEL).fetch_all(conn).await?;
    Ok(())
}

/// An attempt that this process looks at now.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// As it is committed: one that was prepared is `submitting` now.
    pub attempt: Attempt,
    /// It is to be sent; otherwise asked about.
    pub is_submit: bool,
    /// Whose number; opened.
    pub wallet: Option<Phone>,
    /// Where it was or is to be sent.
    pub base_url: String,
    /// The path of its callback.
    pub callback_token: String,
    /// Of a refund.
    pub original: Option<Original>,
    /// This claim: nobody else has the same.
    pub lease: Uuid,
    /// When it was claimed.
    pub claimed_at: Timestamp,
}

/// A row as it is read.
pub struct Row {
    pub id: Uuid,
    pub operation: String,
    pub provider: String,
    pub subject_id: Uuid,
    pub person_id: Uuid,
    pub amount_rwf: i64,
    pub wallet_sealed: Option<Vec<u8>>,
    pub refunds_id: Option<Uuid>,
    pub state: String,
    pub base_url: String,
    pub callback_token: String,
    pub provider_reference: Option<String>,
    pub page_url: Option<String>,
    pub is_submit_unknown: bool,
    pub failure: Option<String>,
    pub provider_code: Option<String>,
    pub created_at: DateTime<Utc>,
    pub requested_at: Option<DateTime<Utc>>,
    pub submitted_at: Option<DateTime<Utc>>,
    pub finished_at: Option<DateTime<Utc>>,
    pub next_at: Option<DateTime<Utc>>,
    pub polled_at: Option<DateTime<Utc>>,
    pub polls: i32,
    pub misses: i32,
    pub missed_since: Option<DateTime<Utc>>,
    pub was: String,
}

fn unknown(what: &str, name: &str) -> sqlx::Error {
    sqlx::Error::Decode(format!("{name:?} is no {what}").into())
}

/// Francs and codes of a row.
pub fn attempt_of(row: &Row) -> Result<Attempt, sqlx::Error> {
    let refusal = match &row.failure {
        Some(name) => Some(Refusal {
            reason: Reason::from_name(name).ok_or_else(|| unknown("reason", name))?,
            code: row.provider_code.clone().unwrap_or_default(),
        }),
        None => None,
    };
    Ok(Attempt {
        id: AttemptId(row.id),
        operation: Operation::from_name(&row.operation).ok_or_else(|| unknown("operation", &row.operation))?,
        provider: ProviderId::from_name(&row.provider).ok_or_else(|| unknown("provider", &row.provider))?,
        subject: row.subject_id,
        person: UserId(row.person_id),
        amount: Francs(row.amount_rwf),
        state: State::from_name(&row.state).ok_or_else(|| unknown("state", &row.state))?,
        provider_reference: row.provider_reference.clone(),
        page_url: row.page_url.clone(),
        is_submit_unknown: row.is_submit_unknown,
        refusal,
        created_at: row.created_at.into(),
        requested_at: row.requested_at.map(Timestamp::from),
        submitted_at: row.submitted_at.map(Timestamp::from),
        finished_at: row.finished_at.map(Timestamp::from),
        next_at: row.next_at.map(Timestamp::from),
        polled_at: row.polled_at.map(Timestamp::from),
        polls: row.polls,
        misses: row.misses,
        missed_since: row.missed_since.map(Timestamp::from),
    })
}

/// The number of a row's wallet.
pub fn wallet_of(vault: &Vault, id: Uuid, sealed: Option<&[u8]>) -> Result<Option<Phone>, Error> {
    let Some(sealed) = sealed else { return Ok(None) };
    let opened = vault.open_text(Place::new(WALLET.place, id), sealed)?;
    Ok(Some(Phone::parse(opened.expose()).map_err(Error::internal)?))
}

/// Takes what is due and nobody looks at. Those that were prepared are `submitting` from here on: that is committed before
/// the first byte can leave.
pub async fn claim(
    pool: &PgPool,
    vault: &Vault,
    hosts: &[(ProviderId, String)],
    limit: i64,
    now: Timestamp,
) -> Result<Vec<Claimed>, Error> {
    let lease = Uuid::new_v4();
    let providers: Vec<_> = hosts.iter().map(|(provider, _)| provider.as_str().to_owned()).collect();
    let urls: Vec<_> = hosts.iter().map(|(_, url)| url.clone()).collect();
    let rows = sqlx::query_as!(
        Row,
        r#"WITH due AS (
               SELECT id, provider, state AS was FROM payment_attempts
               WHERE next_at <= $1 AND (leased_until IS NULL OR leased_until <= $1)
               ORDER BY next_at LIMIT $2 FOR UPDATE SKIP LOCKED),
           sent AS (
               SELECT due.id, due.was, host.url
               FROM due LEFT JOIN unnest($5::text[], $6::text[]) AS host (provider, url) ON host.provider = due.provider)
           UPDATE payment_attempts a SET
               state = CASE WHEN sent.was = 'prepared' THEN 'submitting' ELSE a.state END,
               requested_at = CASE WHEN sent.was = 'prepared' THEN $1 ELSE a.requested_at END,
               base_url = CASE WHEN sent.was = 'prepared' AND NOT a.is_submit_unknown THEN coalesce(sent.url, '')
                               ELSE a.base_url END,
               leased_by = $3, leased_until = $4, next_at = $4
           FROM sent WHERE a.id = sent.id
           RETURNING a.id, a.operation, a.provider, a.subject_id, a.person_id, a.amount_rwf, a.wallet_sealed, a.refunds_id,
                     a.state, a.base_url, a.callback_token, a.provider_reference, a.page_url, a.is_submit_unknown,
                     a.failure, a.provider_code, a.created_at, a.requested_at, a.submitted_at, a.finished_at, a.next_at,
                     a.polled_at, a.polls, a.misses, a.missed_since, sent.was AS "was!""#,
        DateTime::<Utc>::from(now),
        limit,
        lease,
        DateTime::<Utc>::from(now + attempt::LEASE),
        &providers,
        &urls,
    )
    .fetch_all(pool)
    .await?;
    let wanted: Vec<_> = rows.iter().filter_map(|row| row.refunds_id).collect();
    let originals = if wanted.is_empty() { Vec::new() } else { originals(pool, &wanted).await? };
    let mut claimed = Vec::with_capacity(rows.len());
    for row in rows {
        let original = |id: Uuid| originals.iter().find(|original| original.attempt.0 == id).cloned();
        claimed.push(Claimed {
            attempt: attempt_of(&row)?,
            is_submit: row.was == State::Prepared.as_str(),
            wallet: wallet_of(vault, row.id, row.wallet_sealed.as_deref())?,
            original: row.refunds_id.and_then(original),
            base_url: row.base_url,
            callback_token: row.callback_token,
            lease,
            claimed_at: now,
        });
    }
    Ok(claimed)
}

async fn originals(pool: &PgPool, ids: &[Uuid]) -> Result<Vec<Original>, sqlx::Error> {
    let rows = sqlx::query!("SELECT id, provider_reference, amount_rwf FROM payment_attempts WHERE id = ANY($1)", ids)
        .fetch_all(pool)
        .await?;
    let original = rows.into_iter().map(|row| Original {
        attempt: AttemptId(row.id),
        provider_reference: row.provider_reference,
        amount: Francs(row.amount_rwf),
    });
    Ok(original.collect())
}

/// What an answer makes of an attempt, under the claim that asked.
#[derive(Clone, Debug)]
pub struct Written {
    /// As it is to be.
    pub attempt: Attempt,
    /// The claim: without it nothing is written.
    pub lease: Uuid,
    /// A callback since then brings the next look forward.
    pub claimed_at: Timestamp,
}

/// Writes what answers made of attempts. Answers which were written (their claim was still good) and whether one of them
/// is due again at once.
pub async fn write(
    conn: &mut PgConnection,
    written: &[Written],
    now: Timestamp,
) -> Result<(Vec<AttemptId>, bool), sqlx::Error> {
    let time = |at: Option<Timestamp>| at.map(DateTime::<Utc>::from);
    let all = || written.iter().map(|written| &written.attempt);
    let ids: Vec<_> = all().map(|attempt| attempt.id.0).collect();
    let leases: Vec<_> = written.iter().map(|written| written.lease).collect();
    let seen: Vec<_> = written.iter().map(|written| DateTime::<Utc>::from(written.claimed_at)).collect();
    let states: Vec<_> = all().map(|attempt| attempt.state.as_str().to_owned()).collect();
    let references: Vec<_> = all().map(|attempt| attempt.provider_reference.clone()).collect();
    let pages: Vec<_> = all().map(|attempt| attempt.page_url.clone()).collect();
    let unknowns: Vec<_> = all().map(|attempt| attempt.is_submit_unknown).collect();
    let failures: Vec<_> =
        all().map(|attempt| attempt.refusal.as_ref().map(|refusal| refusal.reason.as_str().to_owned())).collect();
    let codes: Vec<_> = all().map(|attempt| attempt.refusal.as_ref().map(|refusal| refusal.code.clone())).collect();
    let submitted: Vec<_> = all().map(|attempt| time(attempt.submitted_at)).collect();
    let finished: Vec<_> = all().map(|attempt| time(attempt.finished_at)).collect();
    let next: Vec<_> = all().map(|attempt| time(attempt.next_at)).collect();
    let hinted: Vec<_> = all().map(|attempt| time(attempt.hinted(now))).collect();
    let polled: Vec<_> = all().map(|attempt| time(attempt.polled_at)).collect();
    let polls: Vec<_> = all().map(|attempt| attempt.polls).collect();
    let misses: Vec<_> = all().map(|attempt| attempt.misses).collect();
    let missed: Vec<_> = all().map(|attempt| time(attempt.missed_since)).collect();
    let rows = sqlx::query!(
        r#"WITH wanted AS MATERIALIZED (
               SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::text[], $5::text[], $6::text[],
                                    $7::boolean[], $8::text[], $9::text[], $10::timestamptz[], $11::timestamptz[],
                                    $12::timestamptz[], $13::timestamptz[], $14::timestamptz[], $15::integer[],
                                    $16::integer[], $17::timestamptz[])
                   AS w (id, lease, seen_at, state, provider_reference, page_url, is_submit_unknown, failure,
                         provider_code, submitted_at, finished_at, next_at, hinted_next, polled_at, polls, misses,
                         missed_since)),
           -- In one order, like whoever writes hints: two of them never wait for each other in a circle.
           locked AS MATERIALIZED (
               SELECT id FROM payment_attempts WHERE id = ANY($1) ORDER BY id FOR UPDATE)
           UPDATE payment_attempts a SET
               state = w.state, provider_reference = w.provider_reference, page_url = w.page_url,
               is_submit_unknown = w.is_submit_unknown, failure = w.failure, provider_code = w.provider_code,
               submitted_at = w.submitted_at, finished_at = w.finished_at, polled_at = w.polled_at, polls = w.polls,
               misses = w.misses, missed_since = w.missed_since, leased_by = NULL, leased_until = NULL,
               next_at = CASE WHEN a.hinted_at >= w.seen_at AND w.state IN ('pending', 'unresolved')
                              THEN least(w.next_at, w.hinted_next) ELSE w.next_at END
           FROM wanted w JOIN locked ON locked.id = w.id
           WHERE a.id = w.id AND a.leased_by = w.lease
           RETURNING a.id, coalesce(a.next_at <= $18, false) AS "is_due!""#,
        &ids,
        &leases,
        &seen,
        &states,
        &references as &[Option<String>],
        &pages as &[Option<String>],
        &unknowns,
        &failures as &[Option<String>],
        &codes as &[Option<String>],
        &submitted as &[Option<DateTime<Utc>>],
        &finished as &[Option<DateTime<Utc>>],
        &next as &[Option<DateTime<Utc>>],
        &hinted as &[Option<DateTime<Utc>>],
        &polled as &[Option<DateTime<Utc>>],
        &polls,
        &misses,
        &missed as &[Option<DateTime<Utc>>],
        DateTime::<Utc>::from(now),
    )
    .fetch_all(conn)
    .await?;
    let is_due = rows.iter().any(|row| row.is_due);
    Ok((rows.into_iter().map(|row| AttemptId(row.id)).collect(), is_due))
}

/// Callbacks spoke of these: they are looked at soon, though no sooner than ten seconds after the last look. Wakes engines
/// if one of them is due.
pub async fn hint(pool: &PgPool, tokens: &[String], ids: &[Uuid], now: Timestamp) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"WITH locked AS MATERIALIZED (
               SELECT id FROM payment_attempts
               WHERE (callback_token = ANY($1) OR id = ANY($2)) AND state NOT IN ('succeeded', 'integrity_failure')
                 AND (finished_at IS NULL OR finished_at > $3::timestamptz - interval '2 days')
               ORDER BY id FOR UPDATE),
           pulled AS (
               UPDATE payment_attempts a SET hinted_at = $3,
                   next_at = CASE WHEN a.state IN ('prepared', 'submitting') THEN a.next_at
                                  ELSE least(a.next_at, greatest($3, a.polled_at + $5::integer * interval '1 millisecond')) END
               FROM locked WHERE a.id = locked.id
               RETURNING a.state IN ('prepared', 'submitting') OR a.next_at > $3 AS is_later)
           SELECT pg_notify($4, '') FROM (SELECT FROM pulled WHERE NOT is_later LIMIT 1) AS due"#,
        tokens,
        ids,
        DateTime::<Utc>::from(now),
        CHANNEL,
        i32::try_from(ladder::FLOOR.as_millis()).unwrap_or(i32::MAX),
    )
    .fetch_all(pool)
    .await?;
    Ok(())
}

/// One, for its change by somebody who has no claim of it.
pub async fn lock(conn: &mut PgConnection, attempt: AttemptId) -> Result<Option<Attempt>, sqlx::Error> {
    let row = sqlx::query_as!(
        Row,
        r#"SELECT id, operation, provider, subject_id, person_id, amount_rwf, wallet_sealed, refunds_id, state, base_url,
                  callback_token, provider_reference, page_url, is_submit_unknown, failure, provider_code, created_at,
                  requested_at, submitted_at, finished_at, next_at, polled_at, polls, misses, missed_since, state AS "was!"
           FROM payment_attempts WHERE id = $1 FOR UPDATE"#,
        attempt.0,
    )
    .fetch_optional(conn)
    .await?;
    row.map(|row| attempt_of(&row)).transpose()
}

/// Writes the end of one that the caller has locked. Whoever has a claim of it loses it.
pub async fn write_late(conn: &mut PgConnection, attempt: &Attempt) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE payment_attempts
         SET state = $2, provider_reference = $3, failure = NULL, provider_code = NULL, finished_at = $4, next_at = NULL,
             leased_by = NULL, leased_until = NULL
         WHERE id = $1",
        attempt.id.0,
        attempt.state.as_str(),
        attempt.provider_reference,
        attempt.finished_at.map(DateTime::<Utc>::from),
    )
    .execute(conn)
    .await?;
    Ok(())
}
