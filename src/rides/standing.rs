//! What the past says of a rider who books. Pure: read by `store`, used for orders at a booking and after a restart.

use crate::dispatch::Order;
use crate::ids::DriverId;
use crate::matching::record::Record;

/// What the past says of a rider.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Drivers who blocked the rider or are blocked by them.
    pub avoid: Vec<DriverId>,
    /// The rider's favourites.
    pub favour: Vec<DriverId>,
    /// Rides kept, and called off after a driver had set out.
    pub record: Record,
}

impl Standing {
    /// The order with what is known of who orders.
    #[must_use]
    pub fn on(self, order: Order) -> Order {
        Order { avoid: self.avoid, favour: self.favour, rider_record: self.record, ..order }
    }
}
