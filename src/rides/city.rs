//! The whole city at one moment, for the page that shows it moving. No names, no ids: positions and states only.

use serde::Serialize;
use utoipa::ToSchema;

use super::Rides;
use crate::clock;
use crate::index::DriverState;
use crate::realtime::protocol::view::RideStatus;

/// Rides whose time of arrival is told at most: each is a question to the router.
const ETAS_MAX: usize = 200;
/// Drivers and rides drawn at most: beyond that a page shows a blur anyway.
const DRAWN_MAX: usize = 5_000;

/// A picture of the city.
#[derive(Debug, Serialize, ToSchema)]
pub struct CitySnapshot {
    /// Milliseconds since 1970 UTC.
    pub server_time_ms: i64,
    /// Where the city is served.
    pub area: AreaView,
    /// `[lat, lng, bearing_deg, state]`; state 0 free, 1 offered, 2 to a pickup, 3 at a pickup, 4 with a rider.
    #[schema(value_type = Vec<Vec<f64>>)]
    pub drivers: Vec<(f64, f64, u16, u8)>,
    /// `[status, pickup lat, pickup lng, destination lat, destination lng, driver lat, driver lng,
    /// eta_s]`; the last is the time to the pickup or, with the rider, to the destination.
    #[schema(value_type = Vec<Vec<Value>>)]
    pub rides: Vec<RideLine>,
    /// Running figures.
    pub counters: CityCounters,
    /// How good arrival times were lately; null before the first.
    pub eta_error: Option<EtaErrorView>,
}

/// Arrival times against arrivals. Seconds.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct EtaErrorView {
    /// Half were off by no more.
    pub median_s: i64,
    /// Nine in ten were.
    pub p90_s: i64,
    /// Who came later than promised, on average; negative for earlier.
    pub bias_s: i64,
    /// Legs of rides that this tells of.
    pub legs: usize,
}

/// A ride as drawn.
pub type RideLine = (RideStatus, f64, f64, f64, f64, Option<f64>, Option<f64>, Option<i64>);

/// A bounding box in degrees.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct AreaView {
    /// South.
    pub lat_min: f64,
    /// North.
    pub lat_max: f64,
    /// West.
    pub lng_min: f64,
    /// East.
    pub lng_max: f64,
}

impl From<crate::geo::Area> for AreaView {
    fn from(area: crate::geo::Area) -> Self {
        let (south_west, north_east) = (area.south_west(), area.north_east());
        Self {
            lat_min: south_west.lat(),
            lat_max: north_east.lat(),
            lng_min: south_west.lng(),
            lng_max: north_east.lng(),
        }
    }
}

/// Counts since the start of the process, and what is live now.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct CityCounters {
    /// Drivers on shift.
    pub drivers_online: usize,
    /// Of them free.
    pub drivers_free: usize,
    /// Of them with a rider or on the way to one.
    pub drivers_on_ride: usize,
    /// Rides requested.
    pub rides_requested: u64,
    /// Rides that got a driver.
    pub rides_assigned: u64,
    /// Rides completed.
    pub rides_completed: u64,
    /// Rides that ended in another way.
    pub rides_ended_otherwise: u64,
    /// Rides that have not ended.
    pub rides_live: usize,
    /// Positions taken in per second.
    pub pings_per_s: u64,
    /// Authenticated sockets.
    pub sockets_open: usize,
    /// Request to first offer: half were quicker; null before the first.
    pub request_to_offer_ms_p50: Option<f64>,
    /// 99 of 100 were quicker.
    pub request_to_offer_ms_p99: Option<f64>,
}

impl Rides {
    /// The city now.
    pub fn city(&self) -> CitySnapshot {
        let mut drivers = Vec::new();
        let (mut free, mut on_ride) = (0, 0);
        self.inner.locations.index().for_each(|_, fix, state| {
            let code = match state {
                DriverState::Free => 0,
                DriverState::Offered => 1,
                DriverState::ToPickup => 2,
                DriverState::AtPickup => 3,
                DriverState::OnTrip => 4,
            };
            free += usize::from(code == 0);
            on_ride += usize::from(code >= 2);
            if drivers.len() < DRAWN_MAX {
                drivers.push((fix.position.lat(), fix.position.lng(), fix.bearing_deg.unwrap_or(0), code));
            }
        });
        let mut rides = Vec::new();
        self.inner.live.for_each(|ride| {
            if rides.len() < DRAWN_MAX {
                let fix = ride.driver.and_then(|driver| self.inner.locations.position_of(driver));
                let told = fix.filter(|_| rides.len() < ETAS_MAX);
                let eta_s = told.and_then(|fix| self.eta_s(ride, fix.into()));
                let (pickup, destination) = (ride.pickup.at, ride.destination.at);
                let driver = fix.map(|fix| (fix.position.lat(), fix.position.lng())).unzip();
                rides.push((
                    ride.status,
                    pickup.lat(),
                    pickup.lng(),
                    destination.lat(),
                    destination.lng(),
                    driver.0,
                    driver.1,
                    eta_s,
                ));
            }
        });
        let figures = self.inner.tally.figures();
        let sockets = self.inner.hub.counters();
        let counters = CityCounters {
            drivers_online: self.inner.locations.drivers_on_shift(),
            drivers_free: free,
            drivers_on_ride: on_ride,
            rides_requested: figures.requested,
            rides_assigned: figures.assigned,
            rides_completed: figures.completed,
            rides_ended_otherwise: figures.ended_otherwise,
            rides_live: self.inner.live.count(),
            pings_per_s: sockets.pings_per_s,
            sockets_open: sockets.drivers_connected + sockets.riders_connected,
            request_to_offer_ms_p50: figures.to_offer_ms_p50,
            request_to_offer_ms_p99: figures.to_offer_ms_p99,
        };
        CitySnapshot {
            server_time_ms: clock::now().as_millis(),
            area: self.inner.locations.area().into(),
            drivers,
            rides,
            counters,
            eta_error: None,
        }
    }
}
