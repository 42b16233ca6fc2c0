//! What a ride costs, by the regulator's tariff of its day.
//!
//! Separate because a price must be the same wherever it is computed: at the quote, at completion, in a dispute years
//! later. So a tariff is data with a date and a source, arithmetic is exact integers with one rounding at the end, and
//! nothing here asks what day it is.

mod book;
pub mod cancellation;
mod tariff;

pub use book::{TariffBook, TariffBookError};
pub use tariff::{Factors, Fare, Metered, NightCharge, Tariff};

use crate::money::{BasisPoints, Francs};

/// What the platform keeps of a fare, rounded to the nearest franc. The driver keeps the rest.
pub fn commission(fare: Francs, rate: BasisPoints) -> Francs {
    rate.of(fare)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geo::LatLng;
    use crate::road::{StraightLine, TravelTime};
    use crate::time::{Span, Timestamp};

    #[test]
    fn rides_between_known_places_of_kigali_cost_what_the_tariff_says() {
        let roads = StraightLine::new(1.33, 22.0).expect("plausible numbers");
        let book = TariffBook::rwanda_moto();
        let begins_at = Timestamp::from_millis(1_790_000_000_000);
        let tariff = book.at(begins_at).expect("a tariff holds in 2026");
        for (from, to, total) in [
            ((-1.940645, 30.044477), (-1.983847, 30.103971), 1_438),
            ((-1.940645, 30.044477), (-1.949596, 30.125570), 1_577),
            ((-1.943838, 30.056937), (-1.958409, 30.119131), 1_271),
            ((-1.943838, 30.056937), (-1.980121, 30.041981), 845),
            ((-1.945332, 30.094270), (-1.956014, 30.061023), 770),
            ((-1.936693, 30.081353), (-1.952573, 30.094775), 526),
            ((-1.958409, 30.119131), (-1.962186, 30.134380), 438),
            ((-1.949596, 30.125570), (-1.956506, 30.115228), 400),
            ((-1.943838, 30.056937), (-1.979014, 30.223064), 3_103),
        ] {
            let place = |(lat, lng)| LatLng::new(lat, lng).expect("on the globe");
            let leg = roads.route(place(from).into(), place(to)).expect("a way");
            let ride = Metered { begins_at, distance_m: leg.distance_m, riding: leg.duration, waiting: Span::ZERO };
            assert_eq!(tariff.quote(&ride, BasisPoints::WHOLE).total, Francs(total), "{from:?} to {to:?}");
        }
    }

    #[test]
    fn commission_is_a_rounded_share_of_the_fare() {
        for (fare, rate, kept) in [(1_186, 900, 107), (751, 900, 68), (400, 980, 39), (400, 0, 0)] {
            assert_eq!(commission(Francs(fare), BasisPoints(rate)), Francs(kept), "{rate} of {fare}");
        }
    }
}
