//! The life of keys: a newer one comes, what older ones sealed is sealed anew, and everything is tried out.
//!
//! Separate because it is an operator's business (`boda keys`) and never done by a server by itself. Rotation takes three
//! steps, none of which stops anything: the key's file reaches every server; the database says when it begins to seal; and
//! when that time has come, values of older keys are sealed anew, batch by batch, each in a transaction that locks its rows, so
//! that it may be stopped and begun again at any time.

use std::path::Path;

use sqlx::PgPool;
use uuid::Uuid;

use super::files;
use super::keys::{self, KeyRing};
use super::sealed::{Column, Place};
use super::store::{self, Found, KnownKey};
use super::unlock::{UnlockError, introduction};
use super::{Vault, index};
use crate::error::Error;
use crate::time::{Span, Timestamp};

/// Rows of one transaction, and of one look.
const ROWS_MAX: i64 = 1_000;

/// Values that are told one by one when they do not open; the others are counted.
const TOLD_MAX: usize = 20;

/// A key of the ring, and what it sealed.
#[derive(Clone, Debug)]
pub struct KeyState {
    /// Its number.
    pub id: u32,
    /// When the database got to know it; none when it is only prepared.
    pub created_at: Option<Timestamp>,
    /// Since or from when on it seals.
    pub seals_from: Option<Timestamp>,
    /// Whether it seals now.
    pub is_sealing: bool,
    /// Values it has sealed, by column.
    pub sealed: Vec<(&'static str, i64)>,
}

/// What came of going through all values.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Values that were looked at, or sealed anew.
    pub done: u64,
    /// What does not open, or has a wrong index: column, row, reason. The first ones.
    pub broken: Vec<(&'static str, Uuid, String)>,
    /// How many are broken.
    pub broken_count: u64,
}

impl Outcome {
    fn note_broken(&mut self, column: &Column, found: &Found, reason: impl ToString) {
        self.broken_count += 1;
        if self.broken.len() < TOLD_MAX {
            self.broken.push((column.place, found.key, reason.to_string()));
        }
    }
}

/// Makes the file of the next key without telling the database: nothing is sealed with it yet. One that was prepared before is
/// the next key.
///
/// # Errors
/// [`UnlockError`].
pub async fn prepare(dir: &Path, pool: &PgPool) -> Result<u32, UnlockError> {
    let newest_known = newest(&store::known_keys(pool).await?);
    let ids = keys::ids(dir)?;
    if let Some(prepared) = ids.into_iter().find(|id| *id > newest_known) {
        return Ok(prepared);
    }
    files::make_dir(dir)?;
    keys::create(dir, newest_known + 1)?;
    Ok(newest_known + 1)
}

/// Introduces the next key, made now or prepared before: it seals after `grace`, when every server has read it.
///
/// # Errors
/// [`UnlockError`].
pub async fn rotate(dir: &Path, pool: &PgPool, now: Timestamp, grace: Span) -> Result<(u32, Timestamp), UnlockError> {
    let id = prepare(dir, pool).await?;
    let ring = KeyRing::load(dir)?;
    let key = introduction(&ring, id, now, now + grace)?;
    let mut conn = pool.acquire().await?;
    if !store::introduce(&mut conn, &key).await? {
        return Err(Error::conflict(
            "rotated_meanwhile",
            "somebody else rotates at this moment; look with `boda keys list`",
        )
        .into());
    }
    Ok((id, now + grace))
}

/// All keys, those that are prepared included.
///
/// # Errors
/// [`UnlockError`].
pub async fn list(
    dir: &Path,
    pool: &PgPool,
    columns: &[&'static Column],
    now: Timestamp,
) -> Result<Vec<KeyState>, UnlockError> {
    let known = store::known_keys(pool).await?;
    let sealing = known.iter().filter(|key| key.seals_from.is_some_and(|from| from <= now)).map(|key| key.id).max();
    let state = |key: &KnownKey| KeyState {
        id: key.id,
        created_at: Some(key.created_at),
        seals_from: key.seals_from,
        is_sealing: Some(key.id) == sealing,
        sealed: Vec::new(),
    };
    let prepared = |id: u32| KeyState { id, created_at: None, seals_from: None, is_sealing: false, sealed: Vec::new() };
    let newest = newest(&known);
    let mut states: Vec<KeyState> = known.iter().filter(|key| key.seals_from.is_some()).map(state).collect();
    states.extend(keys::ids(dir)?.into_iter().filter(|id| *id > newest).map(prepared));
    for column in columns {
        for (id, count) in store::count_by_key(pool, column).await? {
            if let Some(state) = states.iter_mut().find(|state| Some(state.id) == id) {
                state.sealed.push((column.place, count));
            }
        }
    }
    Ok(states)
}

/// Seals anew what older keys have sealed. `progress` is told after each batch how many values of which column are done.
///
/// # Errors
/// [`Error::Conflict`] with code `not_sealing_yet` when a newer key waits for its time; when the database is away.
pub async fn reseal(
    vault: &Vault,
    pool: &PgPool,
    columns: &[&'static Column],
    mut progress: impl FnMut(&'static str, u64),
) -> Result<Outcome, Error> {
    let known = store::known_keys(pool).await?;
    let sealing = vault.inner.ring.load().sealing().0;
    if newest(&known) != sealing {
        let message = format!("key {} seals soon; `boda keys list` says when; seal anew after that", newest(&known));
        return Err(Error::conflict("not_sealing_yet", message));
    }
    let mut outcome = Outcome::default();
    for column in columns {
        let (mut after, mut done) = (Uuid::nil(), 0);
        loop {
            let mut tx = pool.begin().await?;
            let stale = store::lock_stale_after(&mut tx, column, (after, sealing), ROWS_MAX).await?;
            let Some(last) = stale.last() else { break };
            after = last.key;
            let mut anew = Vec::with_capacity(stale.len());
            for found in &stale {
                let place = Place::new(column.place, found.place_row);
                match vault.open(place, &found.sealed) {
                    Ok(value) => anew.push((found.key, vault.seal(place, value.expose())?)),
                    Err(reason) => outcome.note_broken(column, found, reason),
                }
            }
            store::replace(&mut tx, column, &anew).await?;
            tx.commit().await?;
            done += anew.len() as u64;
            outcome.done += anew.len() as u64;
            progress(column.place, done);
        }
    }
    Ok(outcome)
}

/// Opens all values, or some of each column, and compares their indexes.
///
/// # Errors
/// When the database is away.
pub async fn check(
    vault: &Vault,
    pool: &PgPool,
    columns: &[&'static Column],
    sample: Option<i64>,
) -> Result<Outcome, Error> {
    let mut outcome = Outcome::default();
    for column in columns {
        if let Some(rows_max) = sample {
            let found = store::any_values(pool, column, rows_max).await?;
            found.iter().for_each(|found| try_out(vault, column, found, &mut outcome));
            continue;
        }
        let mut after = Uuid::nil();
        loop {
            let found = store::values_after(pool, column, after, ROWS_MAX).await?;
            let Some(last) = found.last() else { break };
            after = last.key;
            found.iter().for_each(|found| try_out(vault, column, found, &mut outcome));
        }
    }
    Ok(outcome)
}

fn try_out(vault: &Vault, column: &Column, found: &Found, outcome: &mut Outcome) {
    outcome.done += 1;
    match vault.open(Place::new(column.place, found.place_row), &found.sealed) {
        Err(reason) => outcome.note_broken(column, found, reason),
        Ok(value) => {
            let Some((_, kind)) = column.index else { return };
            let expected = str::from_utf8(value.expose()).map(|text| index(&vault.inner.ring.load(), kind, text));
            // A number that nobody has taken for theirs yet has none: a licence before it was approved.
            if found.blind_index.is_some() && expected.ok() != found.blind_index {
                outcome.note_broken(column, found, "is not found by its blind index");
            }
        }
    }
}

fn newest(known: &[KnownKey]) -> u32 {
    known.iter().map(|key| key.id).max().unwrap_or_default()
}
