//! Which wallet a payer is asked by.

use uuid::Uuid;

use crate::error::Error;
use crate::ids::UserId;
use crate::payments::Parts;
use crate::payments::method::ProviderId;
use crate::phone::Phone;

/// The number to be asked; none of cards, or when nothing is known.
///
/// # Errors
/// When the database is away.
pub(super) async fn wallet_of(
    parts: &Parts,
    payer: UserId,
    provider: ProviderId,
    _saved: Option<Uuid>,
) -> Result<Option<Phone>, Error> {
    if provider == ProviderId::Card {
        return Ok(None);
    }
    // The person's own telephone, whatever its range: numbers move between networks, and no better one is known.
    Ok((parts.recipients)(payer).await?.map(|recipient| recipient.phone))
}
