//! Guests: riders for whom somebody else books. Their phone is not proven, so nobody signs in as one; whoever proves it later
//! takes the account over, with its rides.

use uuid::Uuid;

use crate::auth::phones::SealedPhone;
use crate::auth::{Auth, account_disabled, store};
use crate::error::Error;
use crate::ids::UserId;
use crate::notifications::Language;
use crate::phone::Phone;
use crate::time::Timestamp;
use crate::web::Role;

/// The account of a rider who called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guest {
    /// Whose; proven or not.
    pub user: UserId,
    /// Whether it was made now.
    pub is_new: bool,
}

impl Auth {
    /// The rider's account of a phone; a guest's is made where there is none. A rider who has proven the phone keeps name
    /// and language.
    ///
    /// # Errors
    /// [`Error::Conflict`] with code `phone_not_a_rider` when it is the phone of a driver or of staff;
    /// [`Error::Forbidden`] with code `account_disabled`.
    pub async fn guest(
        &self,
        phone: Phone,
        first_name: &str,
        language: Language,
        now: Timestamp,
    ) -> Result<Guest, Error> {
        let fresh = UserId(Uuid::now_v7());
        let phone = SealedPhone::new(&self.inner.vault, fresh, phone)?;
        store::upsert_guest(&self.inner.pool, &phone, first_name, language, now).await?;
        let user = store::user_by_phone(&self.inner.pool, &phone.index).await?;
        let user = user.ok_or_else(|| Error::internal("a guest who was just made is not there"))?;
        if user.disabled_at.is_some() {
            return Err(account_disabled());
        }
        if user.role != Role::Customer.as_str() {
            return Err(Error::conflict("phone_not_a_rider", "this is the number of somebody who is not a rider"));
        }
        if user.verified_at.is_none() {
            // The name may have changed with this call.
            self.forget_person(user.id);
        }
        Ok(Guest { user: user.id, is_new: user.id == fresh })
    }
}
