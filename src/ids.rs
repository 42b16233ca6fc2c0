//! Identifiers: one small type for each kind of thing, so that a ride can never be looked up by a driver's id.
//!
//! Separate because every floor names things. Fresh identifiers are made at the edge and passed in: nothing here is
//! random. An [`OfferId`] is not random at all: it is the ride and the offer's ordinal in that ride, which keeps the
//! dispatch core deterministic and lets a person read "the third offer of this ride" off a log line.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    };
}

uuid_id!(
    /// A person with an account, whatever the role.
    UserId
);
uuid_id!(
    /// A person in the role of driver; the same value as the account's [`UserId`].
    DriverId
);
uuid_id!(
    /// A person in the role of rider (customer); the same value as the account's [`UserId`].
    RiderId
);
uuid_id!(
    /// A ride, from request to its end.
    RideId
);
uuid_id!(
    /// What a rider was shown as the price of a ride.
    QuoteId
);
uuid_id!(
    /// A sign-in session of one device (a refresh-token family).
    SessionId
);
uuid_id!(
    /// A partner whose programs may ask us things.
    PartnerId
);
uuid_id!(
    /// One open socket.
    ConnectionId
);
uuid_id!(
    /// A zone that an admin drew on the map.
    ZoneId
);
uuid_id!(
    /// A durable job.
    JobId
);
uuid_id!(
    /// One life of a city's stream of control messages; positions of two epochs cannot be compared.
    Epoch
);

/// A place in the city's stream of control messages: the position of the committed decision behind a message. Grows
/// strictly, with gaps, within an [`Epoch`]; 0 is before everything. Below 2^53, so that JavaScript holds it exactly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StreamSeq(pub u64);

impl StreamSeq {
    /// Before everything.
    pub const START: Self = Self(0);

    /// A position is about the instant of its decision, in milliseconds since 1970, times this: room for a million
    /// decisions a second before positions run ahead of the clock, and below 2^53 until the year 2248.
    pub const PER_MS: u64 = 1_024;
}

impl fmt::Display for StreamSeq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<UserId> for DriverId {
    fn from(id: UserId) -> Self {
        Self(id.0)
    }
}

impl From<DriverId> for UserId {
    fn from(id: DriverId) -> Self {
        Self(id.0)
    }
}

impl From<UserId> for RiderId {
    fn from(id: UserId) -> Self {
        Self(id.0)
    }
}

impl From<RiderId> for UserId {
    fn from(id: RiderId) -> Self {
        Self(id.0)
    }
}

/// One offer of a ride to a driver: the ride and the offer's ordinal within it, counting from 1.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OfferId {
    /// The ride on offer.
    pub ride: RideId,
    /// Which offer of this ride, from 1.
    pub ordinal: u16,
}

impl fmt::Display for OfferId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.ride, self.ordinal)
    }
}

impl fmt::Debug for OfferId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OfferId({self})")
    }
}

/// The text is not `RIDE-UUID.ORDINAL`.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not an offer id of the form RIDE_ID.NUMBER")]
pub struct OfferIdError;

impl FromStr for OfferId {
    type Err = OfferIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (ride, ordinal) = text.split_once('.').ok_or(OfferIdError)?;
        let ride = ride.parse().map_err(|_| OfferIdError)?;
        match ordinal.parse() {
            Ok(ordinal) if ordinal > 0 => Ok(Self { ride, ordinal }),
            _ => Err(OfferIdError),
        }
    }
}

impl Serialize for OfferId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for OfferId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offer_id_survives_the_trip_through_text() {
        let id = OfferId { ride: RideId(Uuid::from_u128(7)), ordinal: 3 };
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn an_offer_id_without_a_positive_ordinal_is_refused() {
        for text in ["", "x", "00000000-0000-0000-0000-000000000007", "00000000-0000-0000-0000-000000000007.0"] {
            assert_eq!(text.parse::<OfferId>(), Err(OfferIdError), "{text}");
        }
    }
}
