//! What the desk is told: commands with what the record keeps of them, and connections that changed.

use crate::dispatch::{Input, Refusal};
use crate::ids::{DriverId, RideId};
use crate::index::Fix;
use crate::rides::desk::batch::Actor;
use crate::rides::ride::{Cancellation, Ride};
use crate::rides::upcoming::Moved;
use crate::rides::words::{DeclineReason, RideType};

/// What comes with a command beyond what the core needs.
#[derive(Clone, Debug)]
pub enum Details {
    /// Nothing.
    None,
    /// The ride that is requested.
    Booking(Box<Ride>),
    /// A scheduled ride at another time.
    Moved(Box<Moved>),
    /// How a ride is called off.
    Cancellation(Cancellation),
    /// Why an offer is declined.
    Decline(DeclineReason),
    /// Where a shift begins, and for which kinds of ride.
    Shift {
        /// The position.
        fix: Fix,
        /// The kinds of ride.
        ride_types: Vec<RideType>,
    },
}

/// A command on its way to the core.
#[derive(Clone, Debug)]
pub struct Command {
    /// For the core.
    pub input: Input,
    /// For the record.
    pub details: Details,
    /// Who asks.
    pub actor: Actor,
    /// The request behind it; jobs carry it on.
    pub request_id: Option<String>,
}

/// What can come to the desk besides time passing.
#[derive(Clone, Debug)]
pub enum Message {
    /// A command; the round holds one [`Answered`] for each, in their order.
    Command(Box<Command>),
    /// A driver's connection broke or came back: the city around knows which. Not said here, because two such messages may
    /// overtake each other; whichever is read last finds how things stand.
    ConnectionChanged(DriverId),
}

/// What became of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The ride it is about, if it is about one.
    pub ride: Option<RideId>,
    /// Done, or why not.
    pub result: Result<(), Refusal>,
}

/// Why the core was called: what the record says of it.
pub(super) struct Cause {
    pub(super) actor: Actor,
    pub(super) details: Details,
    pub(super) request_id: Option<String>,
}

impl Cause {
    /// Time passed, or a connection changed.
    pub(super) const SYSTEM: Self = Self { actor: Actor::SYSTEM, details: Details::None, request_id: None };
}

/// The ride a command is about, if it is about one.
pub(super) fn ride_of(input: &Input) -> Option<RideId> {
    match input {
        Input::RequestRide { ride, .. }
        | Input::Pair { ride, .. }
        | Input::Arrive { ride, .. }
        | Input::Start { ride, .. }
        | Input::ReachStop { ride, .. }
        | Input::Complete { ride, .. }
        | Input::Cancel { ride, .. }
        | Input::Reschedule { ride, .. }
        | Input::PickupTrouble { ride, .. } => Some(*ride),
        Input::AcceptOffer { offer, .. } | Input::DeclineOffer { offer, .. } => Some(offer.ride),
        Input::Candidates { .. }
        | Input::GoOnline { .. }
        | Input::GoOffline { .. }
        | Input::DriverLost { .. }
        | Input::DriverBack { .. } => None,
    }
}
