//! For which agency an official reads, set after the account was made.
//!
//! Separate because only those who run the server say so: an official without an agency reads nothing, and whoever names
//! one decides what an official sees.

use serde_json::json;

use crate::audit::{self, Act, Actor};
use crate::auth::{Auth, store};
use crate::error::Error;
use crate::ids::UserId;
use crate::time::Timestamp;
use crate::web::Agency;

impl Auth {
    /// Sets an official's agency. It counts from their next request on; setting the same again changes nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`] for whoever is no official.
    pub async fn set_agency(&self, official: UserId, agency: Agency, now: Timestamp) -> Result<(), Error> {
        let mut tx = self.inner.pool.begin().await?;
        let before = store::lock_official(&mut tx, official).await?.ok_or(Error::NotFound { what: "official" })?;
        if before.as_deref() == Some(agency.as_str()) {
            return Ok(());
        }
        store::set_agency(&mut tx, official, agency, now).await?;
        let act = Act {
            actor: Actor::Operator,
            action: "users.agency_set",
            whose: Some(official),
            subject: Some(("user", official.0)),
            why: None,
            detail: json!({"before": before, "agency": agency.as_str()}),
        };
        audit::record(&mut tx, &act, now).await?;
        Ok(tx.commit().await?)
    }
}
