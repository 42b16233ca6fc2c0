//! Who looks after drivers on the way to a pickup: each of their positions, and a round for those who send none.

use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::dispatch::{Input, Trouble};
use crate::ids::{DriverId, RideId};
use crate::index::Fix;
use crate::realtime::protocol::view::RideStatus;
use crate::rides::Rides;
use crate::rides::ride::Ride;
use crate::time::Timestamp;

impl Rides {
    /// A driver sent a position while on the way to this ride's pickup.
    pub(in crate::rides) fn watch_the_way(&self, driver: DriverId, ride: &Ride, fix: &Fix) {
        let (pickups, pickup) = (&self.inner.pickups, ride.pickup.at);
        let left_m = || {
            let straight_m = fix.position.distance_m(pickup);
            // So near the streets do not matter, and the router is spared.
            if straight_m <= pickups.config().rules.near_m {
                return Some(straight_m);
            }
            let leg = self.inner.locations.travel().route((*fix).into(), pickup).ok()?;
            Some(f64::from(leg.distance_m))
        };
        if let Some(trouble) = pickups.see(driver, ride.id, fix.at, left_m) {
            self.tell_trouble(driver, ride.id, trouble);
        }
    }

    /// Nobody waits for the answer: the core is told again as long as it lasts.
    fn tell_trouble(&self, driver: DriverId, ride: RideId, trouble: Trouble) {
        self.by_itself(Input::PickupTrouble { driver, ride, trouble });
    }

    /// Looks for drivers who are on the way and have not been seen for too long. `up_since`: nobody was seen before the
    /// program began.
    fn look_for_the_dark(&self, up_since: Timestamp, now: Timestamp) {
        let inner = &*self.inner;
        let mut dark = Vec::new();
        let mut is_on_the_way = rustc_hash::FxHashMap::default();
        inner.live.for_each(|ride| {
            if let Some(driver) = ride.driver.filter(|_| is_ridden_to(ride)) {
                is_on_the_way.insert(driver, ride.id);
                let seen = inner.locations.position_of(driver).map_or(up_since, |fix| fix.at);
                let silent = now.since(seen.max(up_since).max(ride.assigned_at.unwrap_or(up_since)));
                if inner.pickups.is_dark(driver, ride.id, silent) {
                    dark.push((driver, ride.id));
                }
            }
        });
        inner.pickups.keep(|driver, ride| is_on_the_way.get(&driver) == Some(&ride));
        for (driver, ride) in dark {
            self.tell_trouble(driver, ride, Trouble::Dark);
        }
    }
}

/// Whether its driver is on the way to its pickup now.
pub fn is_ridden_to(ride: &Ride) -> bool {
    ride.status == RideStatus::DriverAssigned && !ride.is_next
}

/// Looks for drivers who have gone dark until told to stop.
pub async fn watch_pickups(rides: Rides, stop: CancellationToken) {
    let config = *rides.inner.pickups.config();
    if !config.is_on {
        return;
    }
    let up_since = clock::now();
    let mut interval = tokio::time::interval(config.sweep_every.to_duration());
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = interval.tick() => {}
        }
        rides.look_for_the_dark(up_since, clock::now());
    }
}
