//! What somebody owes for a ride, until it is paid.

use super::method::{PaymentMethod, Plan};
use super::split::Split;
use crate::ids::{DriverId, RideId, RiderId};
use crate::time::Timestamp;

/// What is paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// The fare of a completed ride.
    Ride,
    /// The fee of a ride that was called off.
    Cancellation,
    /// More, for the driver alone.
    Tip,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: [Self; 3] = [Self::Ride, Self::Cancellation, Self::Tip];

    /// The name on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ride => "ride",
            Self::Cancellation => "cancellation",
            Self::Tip => "tip",
        }
    }

    /// From the name on the wire and in the database.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.as_str() == name)
    }
}

/// Something that is owed from now on. One for each ride and purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewIntent {
    /// What for.
    pub purpose: Purpose,
    /// Which ride.
    pub ride: RideId,
    /// Who owes.
    pub payer: RiderId,
    /// Whose share of it there is.
    pub driver: Option<DriverId>,
    /// How much, and who gets what of it.
    pub split: Split,
    /// How it is to be paid.
    pub method: PaymentMethod,
    /// What else the payer chose.
    pub plan: Plan,
    /// When it came to be owed.
    pub at: Timestamp,
}
