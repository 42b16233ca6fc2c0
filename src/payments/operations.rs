//! What operators see of attempts and providers, and the little they can do about them.
//!
//! Separate because nothing here decides about money: an operator can have an attempt asked about at once and close a
//! breaker; what a provider answers is believed, not what an operator thinks.

use serde_json::json;
use uuid::Uuid;

use super::breaker::Standings;
use super::method::ProviderId;
use super::providers::{OwnBalance, Trouble};
use super::{Payments, store};
use crate::audit::{self, Act};
use crate::error::Error;
use crate::ids::UserId;
use crate::time::Timestamp;
use crate::web::page::{Page, PageRequest, Position};

pub use store::listing::{AttemptFilter, AttemptRow};

/// How a provider does.
#[derive(Clone, Debug)]
pub struct ProviderState {
    /// Which.
    pub provider: ProviderId,
    /// Whether it is set up.
    pub is_configured: bool,
    /// Where orders go.
    pub base_url: Option<String>,
    /// As this process sees it.
    pub breakers: Vec<Standings>,
    /// What lies in our accounts there, as the provider says just now.
    pub balances: Result<Vec<OwnBalance>, Trouble>,
    /// Attempts that are not over.
    pub open: i64,
}

impl Payments {
    /// A page of attempts, newest first.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn attempts(
        &self,
        admin: UserId,
        filter: &AttemptFilter,
        page: &PageRequest,
        now: Timestamp,
    ) -> Result<Page<AttemptRow>, Error> {
        let rows = store::listing::attempts(&self.pool, filter, page).await?;
        let people: Vec<_> = rows.iter().map(|row| UserId(row.person_id)).collect();
        audit::record_read(&self.pool, &Act::of_admin(admin, "payments.listed"), &people, now).await?;
        Ok(Page::new(rows, page, |row| Position { at: row.created_at, id: row.id }))
    }

    /// One attempt.
    ///
    /// # Errors
    /// [`Error::NotFound`]; when the database is away.
    pub async fn attempt(&self, admin: UserId, id: Uuid, now: Timestamp) -> Result<AttemptRow, Error> {
        let row = store::listing::attempt(&self.pool, id).await?.ok_or(Error::NotFound { what: "payment" })?;
        let act = Act::of_admin(admin, "payments.read").on("payment_attempt", id);
        audit::record_read(&self.pool, &act, &[UserId(row.person_id)], now).await?;
        Ok(row)
    }

    /// Has an attempt asked about at once, as far as the provider was not asked in the last ten seconds.
    ///
    /// # Errors
    /// [`Error::NotFound`]; `payment_over` of one whose money moved or is with a person; when the database is away.
    pub async fn check_attempt(&self, admin: UserId, id: Uuid, now: Timestamp) -> Result<AttemptRow, Error> {
        let row = store::listing::attempt(&self.pool, id).await?.ok_or(Error::NotFound { what: "payment" })?;
        if matches!(row.state.as_str(), "succeeded" | "integrity_failure") {
            return Err(Error::conflict("payment_over", "nothing that a provider says changes this payment any more"));
        }
        store::attempts::hint(&self.pool, &[], &[id], now).await?;
        self.shared.woken.notify_one();
        let mut conn = self.pool.acquire().await?;
        let act = Act::of_admin(admin, "payments.checked").on("payment_attempt", id);
        audit::record(&mut conn, &act, now).await?;
        store::listing::attempt(&self.pool, id).await?.ok_or(Error::NotFound { what: "payment" })
    }

    /// How every provider does.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn provider_states(&self, admin: UserId, now: Timestamp) -> Result<Vec<ProviderState>, Error> {
        let open = store::listing::open_by_provider(&self.pool).await?;
        let mut states = Vec::new();
        for provider in ProviderId::ALL {
            let set_up = self.parts.providers.get(provider);
            states.push(ProviderState {
                provider,
                is_configured: set_up.is_some(),
                base_url: set_up.map(|provider| provider.base_url().to_owned()),
                breakers: self.shared.breakers.of(provider),
                balances: match set_up {
                    Some(provider) => provider.balances().await,
                    None => Err(Trouble::Unsupported),
                },
                open: open.iter().find(|(name, _)| name == provider.as_str()).map_or(0, |(_, open)| *open),
            });
        }
        audit::record_read(&self.pool, &Act::of_admin(admin, "payments.providers_read"), &[], now).await?;
        Ok(states)
    }

    /// Closes the breakers of a provider in this process: somebody knows that it is back.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn reset_breakers(&self, admin: UserId, provider: ProviderId, now: Timestamp) -> Result<(), Error> {
        let detail = json!({ "provider": provider.as_str() });
        let act = Act { detail, ..Act::of_admin(admin, "payments.breakers_reset") };
        audit::record_read(&self.pool, &act, &[], now).await?;
        self.shared.breakers.reset(provider);
        Ok(())
    }
}
