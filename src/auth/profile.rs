//! One's own profile: showing it, changing it, setting a password.

use chrono::{Datelike, NaiveDate};
use serde::{Deserialize, Serialize};

use crate::auth::names::{self, BadName};
use crate::auth::national_id::{IdRequest, NationalId};
use crate::auth::{Auth, account_gone, password, store};
use crate::error::{Checks, Error};
use crate::ids::{SessionId, UserId};
use crate::notifications::Language;
use crate::phone::Phone;
use crate::redact::{Secret, prints_nothing};
use crate::time::Timestamp;
use crate::web::Role;

/// Longest name, given or family, in characters.
const NAME_CHARS_MAX: usize = 60;
/// Longest email address.
const EMAIL_CHARS_MAX: usize = 254;
/// Longest name of a province, district, sector, cell or village.
const PLACE_CHARS_MAX: usize = 60;
/// Nobody alive was born before.
const BIRTH_YEAR_MIN: i32 = 1900;

/// As on the identity card, or not said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Gender {
    /// Female.
    Female,
    /// Male.
    Male,
    /// Another.
    Other,
}

impl Gender {
    /// The name on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Female => "female",
            Self::Male => "male",
            Self::Other => "other",
        }
    }

    /// From the name on the wire and in the database.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Female, Self::Male, Self::Other].into_iter().find(|gender| gender.as_str() == name)
    }
}

/// A person as they see themselves.
#[derive(Clone)]
pub struct Profile {
    /// Who.
    pub id: UserId,
    /// Proven.
    pub phone: Phone,
    /// Given name.
    pub first_name: String,
    /// Family name.
    pub last_name: String,
    /// Where to write to.
    pub email: Option<String>,
    /// To speak to them in.
    pub language: Language,
    /// What they are to the system.
    pub role: Role,
    /// When they were born.
    pub date_of_birth: Option<NaiveDate>,
    /// As they say.
    pub gender: Option<Gender>,
    /// Where they live.
    pub province: Option<String>,
    /// Where they live.
    pub district: Option<String>,
    /// Where they live.
    pub sector: Option<String>,
    /// Where they live.
    pub cell: Option<String>,
    /// Where they live.
    pub village: Option<String>,
    /// The number of an identity paper.
    pub national_id: Option<NationalId>,
    /// Whether a password is set, or codes are the only way in.
    pub has_password: bool,
    /// Whether the phone was proven.
    pub is_verified: bool,
    /// When the account was closed.
    pub disabled_at: Option<Timestamp>,
    /// When the account was made.
    pub created_at: Timestamp,
}

prints_nothing!(Profile);

/// A change of a profile, checked: `None` stays; an empty text takes an optional field away.
#[derive(Clone, Default)]
pub struct Change {
    pub(super) first_name: Option<String>,
    pub(super) last_name: Option<String>,
    pub(super) email: Option<String>,
    pub(super) language: Option<Language>,
    pub(super) date_of_birth: Option<NaiveDate>,
    pub(super) gender: Option<Gender>,
    pub(super) province: Option<String>,
    pub(super) district: Option<String>,
    pub(super) sector: Option<String>,
    pub(super) cell: Option<String>,
    pub(super) village: Option<String>,
    /// `Some(None)`: it is to be taken away.
    pub(super) national_id: Option<Option<NationalId>>,
}

prints_nothing!(Change);

/// A change of a profile as sent: what is left out stays; an empty text takes an optional field away.
#[derive(Clone, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeRequest {
    /// Given name.
    first_name: Option<String>,
    /// Family name.
    last_name: Option<String>,
    /// Where to write to.
    email: Option<String>,
    /// `rw`, `en` or `fr`.
    #[schema(example = "fr")]
    language: Option<String>,
    /// A past day.
    #[schema(format = Date, example = "1994-07-01")]
    date_of_birth: Option<String>,
    /// `female`, `male` or `other`.
    gender: Option<String>,
    /// Where they live.
    province: Option<String>,
    /// Where they live.
    district: Option<String>,
    /// Where they live.
    sector: Option<String>,
    /// Where they live.
    cell: Option<String>,
    /// Where they live.
    village: Option<String>,
    /// The number of an identity paper. Where it says otherwise than date of birth or gender, the profile tells that.
    national_id: Option<IdRequest>,
}

prints_nothing!(ChangeRequest);

/// Checks a name.
pub(super) fn name(checks: &mut Checks, field: &str, value: &str) -> String {
    let text = checks.text(field, value, NAME_CHARS_MAX);
    match names::clean(&text) {
        Ok(name) => name,
        Err(reason) => {
            // Said once: control characters were found already.
            let is_new = reason != BadName::Invisible || !text.chars().any(char::is_control);
            checks.require(!is_new, field, text.escape_debug(), reason);
            text
        }
    }
}

/// Checks an email address as far as it can be without writing to it.
pub(super) fn email(checks: &mut Checks, field: &str, value: Option<&str>) -> Option<String> {
    let email = checks.optional_text(field, value, EMAIL_CHARS_MAX)?;
    let is_address = email.split_once('@').is_some_and(|(local, domain)| {
        let dotted = domain.split('.').count() > 1 && domain.split('.').all(|label| !label.is_empty());
        !local.is_empty() && dotted && !domain.contains('@') && !email.contains(char::is_whitespace)
    });
    checks.require(is_address, field, &email, "is not an email address");
    Some(email)
}

/// Checks the code of a language.
pub(super) fn language(checks: &mut Checks, field: &str, code: &str) -> Option<Language> {
    checks.accept(field, code, Language::from_code(code).ok_or("is not rw, en or fr"))
}

impl ChangeRequest {
    /// Checks every field.
    ///
    /// # Errors
    /// [`Error::Invalid`] with all that is wrong.
    pub fn check(&self, now: Timestamp) -> Result<Change, Error> {
        let mut checks = Checks::new();
        let sent_name = |checks: &mut Checks, field: &str, value: &Option<String>| {
            value.as_deref().map(|value| name(checks, field, value))
        };
        // Empty text is kept as such: it says that the field is to be taken away.
        let cleared =
            |checked: Option<String>, sent: &Option<String>| sent.as_ref().map(|_| checked.unwrap_or_default());
        let place = |checks: &mut Checks, field: &str, value: &Option<String>| {
            cleared(checks.optional_text(field, value.as_deref(), PLACE_CHARS_MAX), value)
        };
        let change = Change {
            first_name: sent_name(&mut checks, "first_name", &self.first_name),
            last_name: sent_name(&mut checks, "last_name", &self.last_name),
            email: cleared(email(&mut checks, "email", self.email.as_deref()), &self.email),
            language: self.language.as_deref().and_then(|code| language(&mut checks, "language", code)),
            date_of_birth: self.date_of_birth.as_deref().and_then(|text| birthday(&mut checks, text, now)),
            gender: self.gender.as_deref().and_then(|name| {
                checks.accept("gender", name, Gender::from_name(name).ok_or("is not female, male or other"))
            }),
            province: place(&mut checks, "province", &self.province),
            district: place(&mut checks, "district", &self.district),
            sector: place(&mut checks, "sector", &self.sector),
            cell: place(&mut checks, "cell", &self.cell),
            village: place(&mut checks, "village", &self.village),
            national_id: self.national_id.as_ref().map(|id| id.check(&mut checks)),
        };
        checks.finish()?;
        Ok(change)
    }
}

fn birthday(checks: &mut Checks, text: &str, now: Timestamp) -> Option<NaiveDate> {
    let parsed = text.parse().map_err(|_| "is not a day of the form 1994-07-01");
    let day: NaiveDate = checks.accept("date_of_birth", text, parsed)?;
    let is_past = day.year() >= BIRTH_YEAR_MIN && day < now.kigali_day();
    checks.require(is_past, "date_of_birth", day, "is not a day on which a living person was born");
    Some(day)
}

impl Auth {
    /// A person's own profile.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] when the account is gone.
    pub async fn profile(&self, user: UserId) -> Result<Profile, Error> {
        let row = store::user(&self.inner.pool, user).await?.ok_or_else(account_gone)?;
        row.profile(&self.inner.vault)?.ok_or_else(account_gone)
    }

    /// Changes a person's own profile.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn change_profile(&self, user: UserId, change: &Change, now: Timestamp) -> Result<Profile, Error> {
        let national_id = match &change.national_id {
            None => store::NewNationalId::Stays,
            Some(None) => store::NewNationalId::TakenAway,
            Some(Some(id)) => {
                let (sealed, index) = id.seal(&self.inner.vault, user)?;
                store::NewNationalId::Set { kind: id.kind().as_str(), sealed, index }
            }
        };
        store::change_profile(&self.inner.pool, user, change, &national_id, now).await?;
        self.forget_person(user);
        self.profile(user).await
    }

    /// Sets the password. All other sessions end: whoever knew the old one is out.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a password of a wrong length; [`Error::Forbidden`] with code `wrong_credentials` when the
    /// current one is set and not given rightly; [`Error::RateLimited`] after too many wrong ones.
    pub async fn set_password(
        &self,
        (user, session): (UserId, SessionId),
        current: Option<Secret<String>>,
        new: Secret<String>,
        now: Timestamp,
    ) -> Result<(), Error> {
        let mut checks = Checks::new();
        password::check(&mut checks, "new_password", &new);
        checks.finish()?;
        let row = store::user(&self.inner.pool, user).await?.ok_or_else(account_gone)?;
        if row.password_hash.is_some() {
            let current = current.unwrap_or_else(|| Secret::new(String::new()));
            if !self.is_own_password(row, current, now).await? {
                return Err(Error::forbidden("wrong_credentials", "the current password is wrong"));
            }
        }
        let hash = self.inner.passwords.hash(new).await?;
        let mut tx = self.inner.pool.begin().await?;
        store::set_password(&mut tx, user, &hash, now).await?;
        let ended = store::end_other_sessions(&mut tx, user, session, "the password was changed", now).await?;
        tx.commit().await?;
        self.note_ended(&ended, now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_email_address_has_two_sides_and_a_dotted_domain() {
        let check = |text: &str, is_fine: bool| {
            let mut checks = Checks::new();
            email(&mut checks, "email", Some(text));
            assert_eq!(checks.finish().is_ok(), is_fine, "{text:?}");
        };
        for fine in ["keza@example.rw", "a.b+c@d.co.rw", "", "  "] {
            check(fine, true);
        }
        for bad in ["keza", "@example.rw", "keza@", "keza@rw", "a@b@c.rw", "a b@c.rw", "a@c..rw", "a@.rw"] {
            check(bad, false);
        }
    }

    #[test]
    fn every_wrong_field_of_a_change_is_named() {
        let request = ChangeRequest {
            first_name: Some(" ".into()),
            email: Some("keza".into()),
            language: Some("sw".into()),
            date_of_birth: Some("2999-01-01".into()),
            gender: Some("?".into()),
            sector: Some("x".repeat(61)),
            ..ChangeRequest::default()
        };
        let error = request.check(Timestamp::from_millis(1_790_000_000_000)).expect_err("six faults");
        let fields: Vec<_> = error.faults().iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(fields, ["first_name", "email", "language", "date_of_birth", "gender", "sector"]);
    }
}
