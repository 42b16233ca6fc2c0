//! What a user can be told, before it is written for the wire.

use std::time::Instant;

use crate::ids::{Epoch, OfferId, RideId, StreamSeq, UserId};
use crate::realtime::protocol::Encoding;
use crate::realtime::protocol::server::{Concern, PaymentNews, Release, ServerMessage, Withdrawal};
use crate::realtime::protocol::view::{OfferView, RideView};
use crate::realtime::stream::Payload;

/// A control message for one user: it follows from a committed decision, and an app that was away gets it later.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A ride is offered to a driver.
    Offer(Box<OfferView>),
    /// An offer ended otherwise than by the driver.
    OfferWithdrawn {
        /// Which.
        offer_id: OfferId,
        /// Why.
        reason: Withdrawal,
    },
    /// A ride changed state; the view is the one for this user's eyes.
    Ride(Box<RideView>),
    /// The driver does not have a ride any more that goes on without them.
    RideReleased {
        /// Which.
        ride_id: RideId,
        /// Why.
        reason: Release,
    },
    /// The driver is asked whether something is wrong on the way to the pickup.
    Nudge {
        /// Of which ride.
        ride_id: RideId,
        /// What seems wrong.
        trouble: Concern,
    },
}

/// The decision behind an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// Its position in the city's stream.
    pub seq: StreamSeq,
    /// When the core made it, for measuring its way to the wire.
    pub decided: Instant,
}

/// A notification for the person. It has no place in the stream: the durable list is the notification service's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// What it is about, stable for programs.
    pub key: String,
    /// For the person, in their language.
    pub text: String,
}

/// What was told before a restart.
#[derive(Clone, Debug)]
pub struct RestoredStreams {
    /// The life of the city's stream that the positions belong to.
    pub epoch: Epoch,
    /// Every message after this position is here.
    pub horizon: StreamSeq,
    /// The messages, positions ascending.
    pub messages: Vec<(UserId, StreamSeq, Event)>,
}

impl Event {
    /// As written on the wire, with its place in the stream and that of the message before it.
    pub(super) fn into_payload(self, seq: StreamSeq, prev: StreamSeq) -> Payload {
        payload(&match self {
            Self::Offer(offer) => ServerMessage::Offer { seq, prev, offer },
            Self::OfferWithdrawn { offer_id, reason } => ServerMessage::OfferWithdrawn { seq, prev, offer_id, reason },
            Self::Ride(ride) => ServerMessage::Ride { seq, prev, ride },
            Self::RideReleased { ride_id, reason } => ServerMessage::RideReleased { seq, prev, ride_id, reason },
            Self::Nudge { ride_id, trouble } => ServerMessage::Nudge { seq, prev, ride_id, trouble },
        })
    }
}

impl Notice {
    /// As written on the wire.
    pub(super) fn into_payload(self) -> Payload {
        payload(&ServerMessage::Notice { key: self.key, text: self.text })
    }
}

/// News of a payment as written on the wire.
pub(super) fn payment_payload(news: PaymentNews) -> Payload {
    payload(&ServerMessage::Payment(news))
}

/// State events are JSON in both encodings.
fn payload(message: &ServerMessage) -> Payload {
    let mut text = Vec::new();
    message.encode_into(Encoding::Json, &mut text);
    text.into()
}
