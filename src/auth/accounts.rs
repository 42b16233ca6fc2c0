//! Accounts made by those who run the platform: the first admin from the command line, colleagues and officials by an
//! admin.

use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::audit::{self, Act};
use crate::auth::phones::SealedPhone;
use crate::auth::{Auth, Profile, password, profile, store};
use crate::error::{Checks, Error};
use crate::ids::UserId;
use crate::notifications::Language;
use crate::phone::Phone;
use crate::redact::{Secret, prints_nothing};
use crate::time::Timestamp;
use crate::web::{Agency, Role};

/// An account to be made. Its phone counts as proven: whoever makes it vouches for it.
#[derive(Clone)]
pub struct NewUser {
    /// The phone.
    pub phone: Phone,
    /// Given name.
    pub first_name: String,
    /// Family name.
    pub last_name: String,
    /// Any role.
    pub role: Role,
    /// Of an official: for which agency they read.
    pub agency: Option<Agency>,
    /// To speak to them in.
    pub language: Language,
    /// To sign in with; codes are the only way in without one.
    pub password: Option<Secret<String>>,
}

prints_nothing!(NewUser);

impl Auth {
    /// Makes an account, proven at once. An account of that phone that nobody proved is taken over.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every field that is wrong; [`Error::Conflict`] with code `phone_taken` when somebody has
    /// proven that phone.
    pub async fn create_user(&self, new: NewUser, now: Timestamp) -> Result<UserId, Error> {
        let mut tx = self.inner.pool.begin().await?;
        let id = self.insert_user(&mut tx, new, now).await?;
        tx.commit().await?;
        Ok(id)
    }

    async fn insert_user(&self, tx: &mut PgConnection, new: NewUser, now: Timestamp) -> Result<UserId, Error> {
        let mut checks = Checks::new();
        let first_name = profile::name(&mut checks, "first_name", &new.first_name);
        let last_name = profile::name(&mut checks, "last_name", &new.last_name);
        if let Some(password) = &new.password {
            password::check(&mut checks, "password", password);
        }
        let has_agency = new.agency.is_some();
        match new.role {
            Role::Government => checks.require(has_agency, "agency", "", "is missing: an official reads for an agency"),
            _ => checks.require(!has_agency, "agency", "", "is for officials only"),
        }
        checks.finish()?;
        let hash = match new.password.clone() {
            Some(password) => Some(self.inner.passwords.hash(password).await?),
            None => None,
        };
        let new = NewUser { first_name, last_name, ..new };
        let id = UserId(Uuid::now_v7());
        let phone = SealedPhone::new(&self.inner.vault, id, new.phone)?;
        let created = store::create_user(tx, &phone, &new, hash.as_deref(), now).await?;
        created.ok_or_else(|| Error::conflict("phone_taken", "there is an account with this phone number"))
    }

    /// As [`Auth::create_user`], by an admin who stays on record.
    ///
    /// # Errors
    /// As there.
    pub async fn create_colleague(&self, admin: UserId, new: NewUser, now: Timestamp) -> Result<UserId, Error> {
        let role = new.role;
        let mut tx = self.inner.pool.begin().await?;
        let id = self.insert_user(&mut tx, new, now).await?;
        let detail = json!({"role": role.as_str()});
        let act = Act { whose: Some(id), detail, ..Act::of_admin(admin, "users.created").on("user", id) };
        audit::record(&mut tx, &act, now).await?;
        tx.commit().await?;
        Ok(id)
    }

    /// As [`Auth::find_by_phone`], by an admin who stays on record. What was not found is recorded, too: who tries numbers
    /// is to be seen.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn look_up(&self, admin: UserId, phone: Phone, now: Timestamp) -> Result<Option<Profile>, Error> {
        let found = self.find_by_phone(phone).await?;
        let whose = found.as_ref().map(|profile| profile.id);
        let detail = json!({"found": found.is_some()});
        let act = Act { whose, detail, ..Act::of_admin(admin, "users.looked_up") };
        audit::record_read(&self.inner.pool, &act, &[], now).await?;
        Ok(found)
    }

    /// The account of a phone.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn find_by_phone(&self, phone: Phone) -> Result<Option<Profile>, Error> {
        match store::user_by_phone(&self.inner.pool, &self.index_of(phone)).await? {
            Some(user) => user.profile(&self.inner.vault),
            None => Ok(None),
        }
    }
}
