//! Where the driver of a ride is, and the way the ride took.
//!
//! Separate from the other reading because it is about positions: who may see which of them is decided here. The driver
//! and operators see the way from the assignment to the end. The rider sees it from the start of the ride: from then on
//! it is the rider's own way; where the driver came from (often home) was shown while it mattered, as one live position, and is
//! nobody's to look up afterwards. A ride that never started has no way that a rider can see.

use serde::Serialize;
use utoipa::ToSchema;

use super::Rides;
use super::ride::Ride;
use super::view::Viewer;
use crate::clock;
use crate::error::Error;
use crate::ids::{DriverId, RideId};
use crate::locations::history::path::Path;
use crate::realtime::protocol;
use crate::time::Timestamp;
use crate::web::Caller;

/// Where the driver of a ride is, and was.
#[derive(Debug, Serialize, ToSchema)]
pub struct TrackView {
    /// The ride.
    #[schema(value_type = Uuid)]
    pub ride_id: RideId,
    /// Null after the ride, while there is no driver, or no recent position.
    pub driver_position: Option<protocol::server::DriverPosition>,
    /// The way so far, or the whole of it; empty before the caller may see any. Null while it cannot be read: ask again.
    pub path: Option<PathView>,
}

/// The way of a ride, by one position a second.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct PathView {
    /// `[t_ms, lat, lng]` in order of time: milliseconds since 1970 UTC by the driver's phone, degrees north, degrees east.
    #[schema(value_type = Vec<Vec<f64>>, example = json!([[1_790_000_000_000_i64, -1.940645, 30.044477]]))]
    pub points: Vec<(i64, f64, f64)>,
    /// How many were recorded.
    pub points_recorded: usize,
    /// Whether `points` are fewer: picked evenly, with the first and the last.
    pub thinned: bool,
    /// Length of the way in metres, along all that were recorded.
    pub distance_m: u32,
}

impl From<Path> for PathView {
    fn from(path: Path) -> Self {
        Self {
            points: path.points.iter().map(|point| (point.at().as_millis(), point.lat(), point.lng())).collect(),
            points_recorded: path.recorded,
            thinned: path.is_thinned(),
            distance_m: path.distance_m,
        }
    }
}

impl Rides {
    /// Where the driver is and was, for the parties of a ride and operators.
    ///
    /// # Errors
    /// Not found unless the caller may see the ride.
    pub async fn track(&self, caller: Caller, id: RideId) -> Result<TrackView, Error> {
        let (ride, viewer) = self.visible(caller, id).await?;
        let live_driver = ride.driver.filter(|_| ride.status.is_live());
        let position = live_driver.and_then(|driver| self.inner.locations.position_of(driver)).map(|fix| {
            protocol::server::DriverPosition {
                ride_id: id,
                lat: fix.position.lat(),
                lng: fix.position.lng(),
                bearing_deg: fix.bearing_deg,
                t_ms: fix.at.as_millis(),
                eta_s: self.eta_s(&ride, fix.into()),
            }
        });
        let path = match way(&ride, viewer, clock::now()) {
            None => Some(PathView::default()),
            Some((driver, from, to)) => match self.inner.history.path(driver, from, to).await {
                Ok(path) => Some(path.into()),
                // The live position comes from memory and is worth showing without the rest.
                Err(Error::Unavailable { .. }) => None,
                Err(error) => return Err(error),
            },
        };
        Ok(TrackView { ride_id: id, driver_position: position, path })
    }
}

/// Whose way, from when and until when a viewer may see it.
fn way(ride: &Ride, viewer: Viewer, now: Timestamp) -> Option<(DriverId, Timestamp, Timestamp)> {
    let from = match viewer {
        Viewer::Rider => ride.started_at,
        Viewer::Driver | Viewer::Operator => ride.assigned_at,
    };
    Some((ride.driver?, from?, ride.ended_at.unwrap_or(now)))
}
