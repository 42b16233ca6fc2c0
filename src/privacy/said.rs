//! What people say yes and no to: use cases on the consent log.

use serde_json::json;

use super::consent::{Channel, Ground, Purpose, Said, Version, holds};
use super::store::consents;
use super::{Privacy, store};
use crate::audit::{self, Act};
use crate::auth;
use crate::error::Error;
use crate::ids::UserId;
use crate::notifications::Language;
use crate::time::{Timestamp, age};

/// Lines of the log that are shown.
const LOG_MAX: i64 = 100;

/// What somebody says.
#[derive(Clone, Copy, Debug)]
pub struct Saying {
    /// Of what.
    pub purpose: Purpose,
    /// Yes or no.
    pub given: bool,
    /// In which language they were asked.
    pub language: Language,
    /// The words they were shown; needed for a yes.
    pub version: Option<Version>,
}

/// Who writes down what somebody said.
#[derive(Clone, Copy, Debug)]
pub enum Scribe {
    /// The person themselves.
    Themselves,
    /// An admin, with how it was said.
    Admin(UserId, Channel),
}

impl Privacy {
    /// What a person said last of each purpose.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn consents(&self, person: UserId) -> Result<Vec<Said>, Error> {
        consents::last(&self.inner.pool, person).await
    }

    /// Everything a person said, newest first.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn consent_log(&self, person: UserId) -> Result<Vec<Said>, Error> {
        consents::log(&self.inner.pool, person, LOG_MAX).await
    }

    /// Whether a purpose may be followed for a person now: their word, and no restriction.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn may(&self, purpose: Purpose, person: UserId) -> Result<bool, Error> {
        if self.inner.auth.is_restricted(person).await? {
            return Ok(false);
        }
        let said = self.consents(person).await?;
        Ok(holds(purpose, said.iter().find(|said| said.purpose == purpose)))
    }

    /// Whoever must be left alone where a legitimate interest is followed.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn objectors(&self, purpose: Purpose) -> Result<Vec<UserId>, Error> {
        Ok(consents::objectors(&self.inner.pool, purpose, self.inner.config.objectors_max).await?)
    }

    /// Writes down what a person says.
    ///
    /// # Errors
    /// [`Error::Conflict`] with code `text_changed` when the words they saw are not today's; [`Error::Forbidden`] with
    /// code `guardian_needed` when they are too young to consent; [`Error::NotFound`] for nobody.
    pub async fn say(&self, person: UserId, saying: Saying, scribe: Scribe, now: Timestamp) -> Result<(), Error> {
        let Saying { purpose, given, language, version } = saying;
        let today = purpose.version(language);
        if given && version.is_none_or(|seen| seen != today) {
            let message = "the text was changed since it was shown; show it again and send its version";
            return Err(Error::conflict("text_changed", message));
        }
        if given && purpose.ground() == Ground::Consent {
            self.require_age(person, now).await?;
        }
        let channel = if let Scribe::Admin(_, channel) = scribe { channel } else { Channel::App };
        let said = Said { purpose, given, version: today, language, channel, at: now };
        let mut tx = self.inner.pool.begin().await?;
        if !auth::personal::is_known(&mut tx, person).await? {
            return Err(Error::NotFound { what: "person" });
        }
        let noted_by = if let Scribe::Admin(admin, _) = scribe { Some(admin) } else { None };
        store::consents::insert(&mut tx, person, &said, noted_by).await?;
        if let Some(admin) = noted_by {
            let detail = json!({"purpose": purpose.as_str(), "given": given, "channel": channel.as_str()});
            let act = Act { whose: Some(person), detail, ..Act::of_admin(admin, "privacy.consent_noted") };
            audit::record(&mut tx, &act, now).await?;
        }
        Ok(tx.commit().await?)
    }

    async fn require_age(&self, person: UserId, now: Timestamp) -> Result<(), Error> {
        let min = self.inner.config.consent_age_min;
        match self.inner.auth.date_of_birth(person).await? {
            Some(born) if age(born, now.kigali_day()) < min => Err(Error::forbidden(
                "guardian_needed",
                format!("whoever is younger than {min} cannot consent alone: a parent or guardian writes to us"),
            )),
            _ => Ok(()),
        }
    }
}
