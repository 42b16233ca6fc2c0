//! The closed vocabularies of a ride, as written on the wire and in the database.

use std::fmt;

use crate::error::{Checks, Fault};
use crate::index::RideClasses;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[$variant_doc])* $variant),+
        }

        impl $name {
            /// Every word, in order.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word on the wire.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),+
                }
            }

            /// The value of a word.
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.as_str() == word)
            }

            /// The value of a client's word, or a fault that lists the allowed ones.
            pub fn check(checks: &mut Checks, field: &str, word: &str) -> Option<Self> {
                let value = Self::from_word(word);
                if value.is_none() {
                    let allowed: Vec<_> = Self::ALL.iter().map(|value| value.as_str()).collect();
                    checks.fault(Fault::new(field, word, format_args!("is not one of {}", allowed.join(", "))));
                }
                value
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words! {
    /// What a rider says is wrong with a fare.
    DisputeReason {
        /// It was not so far.
        Distance = "distance",
        /// The driver did not wait so long.
        Waiting = "waiting",
        /// The driver took another way than the best.
        Route = "route",
        /// Another price was agreed.
        Price = "price",
        /// A promotion was not counted.
        Promotion = "promotion",
        /// Somebody else rode, or nobody.
        NotMyRide = "not_my_ride",
        /// Something else.
        Other = "other",
    }
}

words! {
    /// Kinds of ride. Motorcycles only, for now: what cannot be served is not offered.
    RideType {
        /// A motorcycle taxi.
        Boda = "boda",
        /// A motorcycle that carries a parcel and nobody.
        Delivery = "delivery",
    }
}

words! {
    /// How big a parcel is: what a driver needs to know before taking it.
    ParcelSize {
        /// Fits a jacket: an envelope, a phone.
        Small = "small",
        /// Fits a backpack.
        Medium = "medium",
        /// Fits the luggage rack, strapped: up to about 50 cm and 20 kg.
        Large = "large",
    }
}

words! {
    /// What somebody wishes of a person they had a ride with.
    Relation {
        /// Never again.
        Blocked = "blocked",
        /// Rather than others.
        Favourite = "favourite",
    }
}

words! {
    /// Why a ride was called off. Which ones a party may give is checked by [`CancelReason::allowed_to_rider`] and
    /// [`CancelReason::allowed_to_driver`].
    CancelReason {
        /// The rider does not want to go any more.
        ChangedMind = "changed_mind",
        /// The driver has too far to come.
        DriverTooFar = "driver_too_far",
        /// The driver did not come.
        DriverNoShow = "driver_no_show",
        /// The pickup was wrong.
        WrongPickup = "wrong_pickup",
        /// The rider was not there.
        RiderNoShow = "rider_no_show",
        /// The motorcycle cannot go on.
        VehicleProblem = "vehicle_problem",
        /// The driver or the rider does not feel safe.
        Unsafe = "unsafe",
        /// The pickup is too far for the driver.
        TooFar = "too_far",
        /// An operator stepped in.
        Operator = "operator",
        /// Anything else; the note says what.
        Other = "other",
    }
}

words! {
    /// Why a driver passed on an offer.
    DeclineReason {
        /// The pickup is too far.
        TooFar = "too_far",
        /// The fare is too low.
        LowFare = "low_fare",
        /// The driver does not want to go there.
        WrongDirection = "wrong_direction",
        /// On a break.
        Busy = "busy",
        /// Anything else.
        Other = "other",
    }
}

impl CancelReason {
    /// Whether a rider can give this reason.
    pub const fn allowed_to_rider(self) -> bool {
        matches!(
            self,
            Self::ChangedMind
                | Self::DriverTooFar
                | Self::DriverNoShow
                | Self::WrongPickup
                | Self::Unsafe
                | Self::Other
        )
    }

    /// Whether a driver can give this reason.
    pub const fn allowed_to_driver(self) -> bool {
        matches!(self, Self::RiderNoShow | Self::VehicleProblem | Self::Unsafe | Self::TooFar | Self::Other)
    }
}

impl RideType {
    /// The index's bit for this kind of ride.
    pub const fn class(self) -> RideClasses {
        match self {
            Self::Boda => RideClasses(1),
            Self::Delivery => RideClasses(1 << 1),
        }
    }
}
