//! Partners: programs of others that may ask us things, each with scopes that an admin gave it.
//!
//! Separate from people because a program has no phone and no second factor: it has an id and a secret of 256 random bits,
//! shown once and kept as a hash. It exchanges them for an access token of a quarter of an hour, so that checking one
//! costs a request no database read; revoking a partner ends its tokens as signing out ends a person's. A partner acts for
//! itself, never for a person: whatever books, pays or shows a name asks for a person.
//!
//! Callbacks of payment providers are no partners: a provider has no secret of ours, it signs each call with a key that it
//! and we know, and the route checks that signature over the body.

use serde_json::json;
use uuid::Uuid;

use crate::audit::{self, Act};
use crate::auth::session::{fresh_token, hash};
use crate::auth::{Auth, Device, EndedSession, store};
use crate::error::Error;
use crate::ids::{PartnerId, SessionId, UserId};
use crate::redact::Secret;
use crate::time::{Span, Timestamp};
use crate::web::Scopes;

/// Partners that are not revoked.
const PARTNERS_MAX: i64 = 1_000;
/// Longest secret that is looked at; ours have 64 characters.
const SECRET_CHARS_MAX: usize = 128;

/// A partner to be made.
#[derive(Clone, Debug)]
pub struct NewPartner {
    /// Whose program it is.
    pub name: String,
    /// What it may do.
    pub scopes: Scopes,
    /// Its secret is good until then.
    pub expires_at: Timestamp,
}

/// A partner.
#[derive(Clone, Debug)]
pub struct Partner {
    /// Which.
    pub id: PartnerId,
    /// Whose program it is.
    pub name: String,
    /// What it may do.
    pub scopes: Scopes,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its secret is good until then.
    pub expires_at: Timestamp,
    /// When it last asked for a token.
    pub last_used_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// What a partner's program works with.
#[derive(Debug)]
pub struct PartnerToken {
    /// For every request.
    pub access: Secret<String>,
    /// How long it is good for.
    pub expires_in: Span,
    /// What it may do.
    pub scopes: Scopes,
}

impl Auth {
    /// Makes a partner; its id and its secret, which is never shown again.
    ///
    /// # Errors
    /// [`Error::Conflict`] with code `too_many_partners`.
    pub async fn create_partner(
        &self,
        admin: UserId,
        new: &NewPartner,
        now: Timestamp,
    ) -> Result<(PartnerId, Secret<String>), Error> {
        let id = PartnerId(Uuid::now_v7());
        let secret = fresh_token()?;
        let mut tx = self.inner.pool.begin().await?;
        if store::count_partners(&mut tx).await? >= PARTNERS_MAX {
            return Err(Error::conflict("too_many_partners", "there are too many partners; revoke some first"));
        }
        store::insert_partner(&mut tx, id, new, &hash(secret.expose()), (admin, now)).await?;
        let act = Act {
            detail: json!({"scopes": new.scopes.names()}),
            ..Act::of_admin(admin, "partners.created").on("partner", id)
        };
        audit::record(&mut tx, &act, now).await?;
        tx.commit().await?;
        Ok((id, secret))
    }

    /// Every partner, the newest first.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn partners(&self, admin: UserId, now: Timestamp) -> Result<Vec<Partner>, Error> {
        let rows = store::partners(&self.inner.pool).await?;
        audit::record_read(&self.inner.pool, &Act::of_admin(admin, "partners.listed"), &[], now).await?;
        rows.into_iter().map(Partner::try_from).collect()
    }

    /// Revokes a partner: its secret and its tokens are void at once.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none that is not revoked.
    pub async fn revoke_partner(&self, admin: UserId, id: PartnerId, why: &str, now: Timestamp) -> Result<(), Error> {
        let mut tx = self.inner.pool.begin().await?;
        if !store::revoke_partner(&mut tx, id, why, now).await? {
            return Err(Error::NotFound { what: "partner" });
        }
        let act = Act { why: Some(why), ..Act::of_admin(admin, "partners.revoked").on("partner", id) };
        audit::record(&mut tx, &act, now).await?;
        tx.commit().await?;
        self.note_ended(&[EndedSession { session: SessionId(id.0), user: UserId(id.0) }], now);
        Ok(())
    }

    /// Exchanges a partner's secret for an access token.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] with code `wrong_credentials`; [`Error::RateLimited`] after too many wrong ones.
    pub async fn partner_token(
        &self,
        id: PartnerId,
        secret: &Secret<String>,
        device: &Device,
        now: Timestamp,
    ) -> Result<PartnerToken, Error> {
        self.check_origin(device, now).await?;
        let row = match secret.expose().len() {
            0..=SECRET_CHARS_MAX => store::use_partner(&self.inner.pool, id, &hash(secret.expose()), now).await?,
            _ => None,
        };
        let Some(row) = row else {
            self.count_wrong(device, now).await?;
            let message = "there is no such partner, or its secret is another";
            return Err(Error::unauthenticated("wrong_credentials", message));
        };
        let partner = Partner::try_from(row)?;
        let access = self.inner.tokens.issue_to_partner(id, partner.scopes, now)?;
        Ok(PartnerToken {
            access: Secret::new(access),
            expires_in: self.inner.tokens.lifetime(),
            scopes: partner.scopes,
        })
    }
}
