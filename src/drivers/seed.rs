//! Made-up drivers for rehearsals and load tests: approved at once, because nobody drives.
//!
//! Separate because it passes by the review. Their accounts come first, from [`crate::auth::Auth::seed`], which refuses
//! where real people live.

use crate::drivers::{Drivers, Papers, store};
use crate::error::Error;
use crate::ids::DriverId;
use crate::time::Timestamp;

/// Whether made-up drivers are at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// At home.
    OffShift,
    /// On shift, as a server finds them at its next start.
    OnShift,
}

impl Drivers {
    /// Approves these papers of made-up people.
    ///
    /// # Errors
    /// [`Error::Conflict`] with code `plate_taken` where drivers of another seed have a plate of theirs.
    pub async fn seed(&self, drivers: &[(DriverId, Papers)], begin: Begin, now: Timestamp) -> Result<(), Error> {
        let mut tx = self.inner.pool.begin().await?;
        store::seed_papers(&mut tx, &self.inner.vault, drivers, now).await?;
        if begin == Begin::OnShift {
            let ids: Vec<DriverId> = drivers.iter().map(|(driver, _)| *driver).collect();
            store::seed_shifts(&mut tx, &ids, now).await?;
        }
        Ok(tx.commit().await?)
    }
}
