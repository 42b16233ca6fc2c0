//! Saved wallets: how riders pay, and where drivers are paid.
//!
//! Separate because whose a wallet is decides whose money moves. A number's range tells the provider only by default, since
//! numbers are carried between networks: the person's word counts, and the provider is asked whether the wallet is active
//! and whose it is.
//!
//! Invariants: numbers lie sealed and are shown masked; the provider's name of a holder is compared and forgotten, never
//! stored, logged or shown; a person has at most one default; a number that is not the person's own telephone is saved only
//! after the provider said that it is active; a driver's wallet that changed is not paid to before a hold is over.

pub mod http;
mod names;
pub(super) mod personal;
mod store;

#[cfg(test)]
pub(super) mod tests;

use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::cases::{self, NewCase, Severity};
use super::method::ProviderId;
use super::providers::Trouble;
use super::store::attempts::WALLET_KIND;
use super::{Parts, Payments};
use crate::audit::{self, Act};
use crate::error::{Checks, Error, Fault};
use crate::ids::{DriverId, RiderId, UserId};
use crate::money::Francs;
use crate::phone::Phone;
use crate::time::{Span, Timestamp};
use crate::vault::Column;

pub use crate::auth::Names;
pub(super) use store::{flag, payout_wallet, provider as provider_named};

/// What is sealed here.
pub(super) const SAVED_WALLET: &Column = &store::SAVED_WALLET;
/// See above.
pub(super) const PAYOUT_WALLET: &Column = &store::PAYOUT_WALLET;

/// Longest name that a person gives a method.
const LABEL_CHARS_MAX: usize = 40;

/// Bounds of this room.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Methods that a rider can save.
    pub saved_max: usize,
    /// How long nothing is paid to a driver's wallet that was changed.
    pub hold: Span,
}

/// A saved method.
#[derive(Clone, Debug)]
pub struct Saved {
    /// Which.
    pub id: Uuid,
    /// Who is asked for the money.
    pub provider: ProviderId,
    /// The wallet; none of cards.
    pub wallet: Option<Phone>,
    /// What the person calls it.
    pub label: Option<String>,
    /// Taken when nothing is said.
    pub is_default: bool,
    /// When the provider said that it is active.
    pub verified_at: Option<Timestamp>,
    /// Whether the holder has the person's name; `None` when that is not known.
    pub name_matches: Option<bool>,
    /// When it was saved.
    pub created_at: Timestamp,
}

/// A method to be saved, as typed.
#[derive(Clone, Debug)]
pub struct NewMethod {
    /// `mtn`, `airtel` or `card`; by the number's range when left out.
    pub provider: Option<String>,
    /// The wallet's number; the person's own telephone when left out.
    pub number: Option<String>,
    /// What the person calls it.
    pub label: Option<String>,
    /// Whether it is to be the default; the first one always is.
    pub is_default: bool,
}

/// Where a driver is paid.
#[derive(Clone, Debug)]
pub struct PayoutWallet {
    /// Through whom.
    pub provider: ProviderId,
    /// The wallet.
    pub wallet: Phone,
    /// Its blind index.
    pub index: Vec<u8>,
    /// When the provider said that it is active.
    pub verified_at: Option<Timestamp>,
    /// Whether the holder has the driver's name, or an admin has accepted another.
    pub name_matches: Option<bool>,
    /// Why nothing is paid to it, in our words.
    pub flagged: Option<String>,
    /// How often it was changed.
    pub changes: i32,
    /// When it was given.
    pub changed_at: Timestamp,
    /// Nothing is paid before this.
    pub held_until: Timestamp,
}

/// What a provider told of a wallet.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    verified_at: Option<Timestamp>,
    name_matches: Option<bool>,
}

/// Asks the provider about a wallet. Without `must_answer` a provider that is away leaves it unverified.
async fn look(
    parts: &Parts,
    person: UserId,
    (provider, wallet): (ProviderId, Phone),
    must_answer: bool,
    now: Timestamp,
) -> Result<Seen, Error> {
    let Some(known) = parts.providers.get(provider) else { return Err(not_set_up(provider)) };
    let holder = match known.holder(wallet).await {
        Ok(holder) if holder.is_active => holder,
        Ok(_) | Err(Trouble::NoSuchWallet) => {
            return Err(Error::invalid("number", wallet.masked(), "is no active wallet of this provider"));
        }
        Err(_) if !must_answer => return Ok(Seen::default()),
        Err(Trouble::Unsupported) => {
            return Err(Error::conflict("wallet_not_checkable", "this provider cannot say whether a wallet is active"));
        }
        Err(error @ Trouble::Away(_)) => {
            return Err(Error::Unavailable { retry_after: Span::from_secs(30), cause: Some(Box::new(error)) });
        }
    };
    let theirs: Vec<_> = [holder.first_name, holder.last_name].into_iter().flatten().collect();
    let ours = (parts.names)(person).await?;
    let name_matches = ours.filter(|_| !theirs.is_empty()).map(|ours| names::agree(&ours, &theirs.join(" ")));
    Ok(Seen { verified_at: Some(now), name_matches })
}

fn not_set_up(provider: ProviderId) -> Error {
    Error::conflict("provider_unavailable", format!("{} is not set up here", provider.as_str()))
}

/// The provider and the number that somebody typed, or what is wrong with them. `own` is the person's telephone.
fn typed_wallet(
    provider: Option<&str>,
    number: Option<&str>,
    own: Option<Phone>,
) -> Result<(ProviderId, Phone), Error> {
    let mut checks = Checks::new();
    let wallet = match number {
        // What was typed is not repeated: it may be somebody's number with a slip in it.
        Some(typed) => {
            Phone::parse(typed).map_err(|error| checks.fault(Fault::new("number", error.masked(), error.fault()))).ok()
        }
        None => own,
    };
    if number.is_none() && own.is_none() {
        checks.fault(Fault::without_value("number", "is missing"));
    }
    let wanted = provider.map(|word| {
        let wallet = ProviderId::from_name(word).filter(|provider| *provider != ProviderId::Card);
        if wallet.is_none() {
            checks.fault(Fault::new("provider", word, "is not one of mtn, airtel"));
        }
        wallet
    });
    checks.finish()?;
    match (wanted, wallet) {
        (Some(Some(provider)), Some(wallet)) => Ok((provider, wallet)),
        (None, Some(wallet)) => Ok((ProviderId::of_operator(wallet.operator()), wallet)),
        _ => Err(Error::internal("checked above")),
    }
}

/// The wallet that a payer is asked through: the saved method's, else the default one at that provider, else the payer's own
/// telephone. None for cards, and for somebody who cannot be reached.
///
/// # Errors
/// [`Error::Invalid`] naming `payment_method_id` when the saved method is not the payer's, or is of another provider.
pub(super) async fn wallet_of(
    conn: &mut PgConnection,
    parts: &Parts,
    payer: UserId,
    provider: ProviderId,
    saved: Option<Uuid>,
) -> Result<Option<Phone>, Error> {
    if let Some(id) = saved {
        let found = store::find(conn, &parts.vault, payer, id).await?.filter(|method| method.provider == provider);
        let unknown = || Error::invalid("payment_method_id", id, "is not a method of yours at this provider");
        return Ok(found.ok_or_else(unknown)?.wallet);
    }
    if provider == ProviderId::Card {
        return Ok(None);
    }
    let methods = store::list(conn, &parts.vault, payer).await?;
    let here = || methods.iter().filter(|method| method.provider == provider);
    let default = here().find(|method| method.is_default);
    let own = (parts.recipients)(payer).await?.map(|recipient| recipient.phone);
    let own_fits = own.filter(|phone| ProviderId::of_operator(phone.operator()) == provider);
    let known = default.and_then(|method| method.wallet).or(own_fits);
    Ok(known.or_else(|| here().next().and_then(|method| method.wallet)).or(own))
}

impl Payments {
    /// A rider's saved methods, the oldest first.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn methods_of(&self, rider: RiderId) -> Result<Vec<Saved>, Error> {
        let mut conn = self.pool.acquire().await?;
        store::list(&mut conn, &self.parts.vault, UserId::from(rider.0)).await
    }

    /// Saves a method.
    ///
    /// # Errors
    /// [`Error::Invalid`]; conflicts `provider_unavailable`, `method_exists`, `too_many_methods`, `wallet_not_checkable`;
    /// [`Error::Unavailable`] when somebody else's number cannot be checked now.
    pub async fn save_method(&self, rider: RiderId, new: &NewMethod, now: Timestamp) -> Result<Saved, Error> {
        let (parts, person) = (&self.parts, UserId::from(rider.0));
        let mut checks = Checks::new();
        let label = checks.optional_text("label", new.label.as_deref(), LABEL_CHARS_MAX);
        let is_card = new.provider.as_deref() == Some(ProviderId::Card.as_str());
        if is_card && new.number.is_some() {
            checks.fault(Fault::without_value("number", "is never of a card; the gateway's page asks for the card"));
        }
        checks.finish()?;
        let (provider, wallet, seen) = if is_card {
            parts.providers.get(ProviderId::Card).ok_or_else(|| not_set_up(ProviderId::Card))?;
            (ProviderId::Card, None, Seen::default())
        } else {
            let own = (parts.recipients)(person).await?.map(|recipient| recipient.phone);
            let (provider, wallet) = typed_wallet(new.provider.as_deref(), new.number.as_deref(), own)?;
            let seen = look(parts, person, (provider, wallet), Some(wallet) != own, now).await?;
            (provider, Some(wallet), seen)
        };
        let mut transaction = self.pool.begin().await?;
        store::lock(&mut transaction, person).await?;
        let others = store::list(&mut transaction, &parts.vault, person).await?;
        if others.len() >= parts.config.methods.saved_max {
            let text = format!("{} methods are the most; remove one first", parts.config.methods.saved_max);
            return Err(Error::conflict("too_many_methods", text));
        }
        let saved = Saved {
            id: Uuid::now_v7(),
            provider,
            wallet,
            label,
            is_default: new.is_default || others.is_empty(),
            verified_at: seen.verified_at,
            name_matches: seen.name_matches,
            created_at: now,
        };
        let is_known = is_card && others.iter().any(|other| other.provider == ProviderId::Card);
        if saved.is_default {
            store::clear_default(&mut transaction, person).await?;
        }
        if is_known || !store::insert(&mut transaction, &parts.vault, person, &saved).await? {
            return Err(Error::conflict("method_exists", "this method is saved already"));
        }
        transaction.commit().await?;
        Ok(saved)
    }

    /// Changes a method's label, or makes it the default.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`].
    pub async fn change_method(
        &self,
        rider: RiderId,
        id: Uuid,
        label: Option<&str>,
        make_default: bool,
    ) -> Result<Saved, Error> {
        let person = UserId::from(rider.0);
        let mut checks = Checks::new();
        let label = label.map(|label| checks.optional_text("label", Some(label), LABEL_CHARS_MAX));
        checks.finish()?;
        let mut transaction = self.pool.begin().await?;
        store::lock(&mut transaction, person).await?;
        let found = store::find(&mut transaction, &self.parts.vault, person, id).await?;
        let mut saved = found.ok_or(Error::NotFound { what: "payment method" })?;
        if let Some(label) = label {
            saved.label = label;
        }
        if make_default {
            store::clear_default(&mut transaction, person).await?;
            saved.is_default = true;
        }
        store::update(&mut transaction, person, &saved).await?;
        transaction.commit().await?;
        Ok(saved)
    }

    /// Forgets a method. Of those that are left the oldest becomes the default, if this one was.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn remove_method(&self, rider: RiderId, id: Uuid) -> Result<(), Error> {
        let person = UserId::from(rider.0);
        let mut transaction = self.pool.begin().await?;
        store::lock(&mut transaction, person).await?;
        if !store::delete(&mut transaction, person, id).await? {
            return Err(Error::NotFound { what: "payment method" });
        }
        let left = store::list(&mut transaction, &self.parts.vault, person).await?;
        if let Some(first) = left.first().filter(|_| !left.iter().any(|method| method.is_default)) {
            store::update(&mut transaction, person, &Saved { is_default: true, ..first.clone() }).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Where a driver is paid.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn payout_wallet_of(&self, driver: DriverId) -> Result<PayoutWallet, Error> {
        let mut transaction = self.pool.begin().await?;
        let found = store::payout_wallet(&mut transaction, &self.parts.vault, driver).await?;
        transaction.commit().await?;
        found.ok_or(Error::NotFound { what: "payout wallet" })
    }

    /// Says where a driver is to be paid. Another wallet than before is held for a while; the same one is looked at anew.
    ///
    /// # Errors
    /// [`Error::Invalid`]; conflicts `provider_unavailable`, `wallet_not_checkable`, `papers_missing`;
    /// [`Error::Unavailable`] when the provider does not answer.
    pub async fn put_payout_wallet(
        &self,
        driver: DriverId,
        (provider, number): (Option<&str>, Option<&str>),
        now: Timestamp,
    ) -> Result<PayoutWallet, Error> {
        let (parts, person) = (&self.parts, UserId::from(driver.0));
        let own = (parts.recipients)(person).await?.map(|recipient| recipient.phone);
        let (provider, wallet) = typed_wallet(provider, number, own)?;
        let seen = look(parts, person, (provider, wallet), true, now).await?;
        let index = parts.vault.index(WALLET_KIND, wallet.as_str());
        let mut transaction = self.pool.begin().await?;
        let before = store::payout_wallet(&mut transaction, &parts.vault, driver).await?;
        let fresh = PayoutWallet {
            provider,
            wallet,
            index,
            verified_at: seen.verified_at,
            name_matches: seen.name_matches,
            flagged: None,
            changes: 0,
            changed_at: now,
            held_until: now,
        };
        let put = match before {
            None => fresh,
            Some(before) if before.provider == provider && before.index == fresh.index => PayoutWallet {
                // What an admin has accepted stays accepted.
                name_matches: if before.name_matches == Some(true) { Some(true) } else { seen.name_matches },
                verified_at: seen.verified_at,
                flagged: None,
                ..before
            },
            Some(before) => {
                let case = NewCase {
                    kind: "wallet_changed",
                    cause: format!("watch:wallet_changed:{driver}:{}", now.kigali_day()),
                    severity: Severity::Low,
                    person: Some(person),
                    ride: None,
                    attempt: None,
                    amount: Francs::ZERO,
                    detail: json!({ "changes": before.changes + 1 }),
                };
                cases::open(&mut transaction, &[case], now).await?;
                PayoutWallet { changes: before.changes + 1, held_until: now + parts.config.methods.hold, ..fresh }
            }
        };
        store::put_payout_wallet(&mut transaction, &parts.vault, driver, &put).await.map_err(no_papers)?;
        transaction.commit().await?;
        Ok(put)
    }

    /// An admin has seen why a driver's wallet has another holder's name: it may be paid to.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`].
    pub async fn accept_payout_wallet(
        &self,
        admin: UserId,
        driver: DriverId,
        reason: &str,
        now: Timestamp,
    ) -> Result<PayoutWallet, Error> {
        let mut checks = Checks::new();
        let reason = checks.text("reason", reason, super::REASON_CHARS_MAX);
        checks.finish()?;
        let mut transaction = self.pool.begin().await?;
        if admin.0 == driver.0 || !store::accept_name(&mut transaction, driver).await? {
            return Err(Error::NotFound { what: "payout wallet" });
        }
        let found = store::payout_wallet(&mut transaction, &self.parts.vault, driver).await?;
        let act = Act {
            whose: Some(UserId::from(driver.0)),
            why: Some(&reason),
            ..Act::of_admin(admin, "payouts.wallet_accepted").on("driver", driver)
        };
        audit::record(&mut transaction, &act, now).await?;
        transaction.commit().await?;
        found.ok_or(Error::NotFound { what: "payout wallet" })
    }
}

/// Somebody in the role of driver who has sent no papers yet has no row to hang a wallet on.
fn no_papers(error: Error) -> Error {
    match error {
        Error::Internal(cause) => match cause.downcast::<sqlx::Error>() {
            Ok(error) => match error.as_database_error().and_then(|refused| refused.constraint()) {
                Some("payout_wallets_driver_id_fkey") => {
                    Error::conflict("papers_missing", "send your licence and motorcycle first, with PUT /drivers/me")
                }
                _ => Error::internal(error),
            },
            Err(cause) => Error::Internal(cause),
        },
        error => error,
    }
}
