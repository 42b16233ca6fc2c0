//! Drivers on shift: going online and offline, and connections that break and come back.

use super::desk::Details;
use super::pickup::is_ridden_to;
use super::ride::Ride;
use super::shard::Message;
use super::{Rides, driver_actor};
use crate::clock;
use crate::dispatch::Input;
use crate::error::Error;
use crate::geo::LatLng;
use crate::ids::DriverId;
use crate::index::{DriverState, Fix};
use crate::locations::{Refused, Track};
use crate::realtime::Position;
use crate::realtime::protocol::view::RideStatus;
use crate::rides::words::RideType;
use crate::time::Timestamp;

impl Rides {
    /// Begins a shift at a place. Going online twice is one shift.
    ///
    /// # Errors
    /// `driver_not_approved`; [`Error::Invalid`] outside of the service area.
    pub async fn go_online(&self, driver: DriverId, place: LatLng) -> Result<(), Error> {
        let now = clock::now();
        let fix = Fix::new(place, now);
        self.inner.locations.check(&fix, now).map_err(|refused| refused.into_error(&fix))?;
        let standing = self.inner.drivers.standing(driver, now).await?;
        if !standing.approved {
            let reason = standing.reason.unwrap_or_else(|| "your papers have not been approved yet".to_owned());
            return Err(Error::forbidden("driver_not_approved", reason));
        }
        // Remembered from here on, so that dispatch finds it in memory when a rider is shown the driver.
        self.inner.drivers.cards(&[driver]).await?;
        self.inner.drivers.load_wishes_of(driver).await?;
        let ride_types = standing.ride_types.iter().filter_map(|word| RideType::from_word(word)).collect();
        let details = Details::Shift { fix, ride_types };
        let input = Input::GoOnline { driver, record: self.record_of(driver, now).await? };
        self.command(driver_actor(driver), input, details).await.map_err(|e| self.refused(e))?;
        // On shift before: the index may know an older position, or none since a restart.
        match self.inner.locations.ping(driver, &mut Track::default(), fix, now) {
            Ok(_) => Ok(()),
            Err(refused) => Err(refused.into_error(&fix)),
        }
    }

    /// Ends a shift; an offer still open goes to the next driver.
    ///
    /// # Errors
    /// `driver_on_ride`.
    pub async fn go_offline(&self, driver: DriverId) -> Result<(), Error> {
        let done = self.command(driver_actor(driver), Input::GoOffline { driver }, Details::None).await;
        done.map(|_| ()).map_err(|refused| self.refused(refused))
    }

    /// A driver's socket opened or is gone, or the driver came on shift over one that may be gone by now.
    pub fn driver_connection_changed(&self, driver: DriverId) {
        let inbox = self.inner.inbox.clone();
        let message = Message::ConnectionChanged(driver);
        // Full only under overload; it must arrive all the same, or a driver stays lost who is not.
        if let Err(tokio::sync::mpsc::error::TrySendError::Full(message)) = inbox.try_send(message) {
            tokio::spawn(async move {
                let _ = inbox.send(message).await;
            });
        }
    }

    /// Takes in where a driver is and shows it to whoever watches, which costs nothing for a driver who is free.
    ///
    /// # Errors
    /// [`Refused`], with nothing changed.
    pub fn ping(&self, driver: DriverId, track: &mut Track, fix: Fix, now: Timestamp) -> Result<(), Refused> {
        if self.inner.locations.ping(driver, track, fix, now)? == DriverState::Free {
            return Ok(());
        }
        self.inner.waits.moved(driver, &fix, now);
        self.inner.matched.moved(driver, fix);
        let Some(watched) = self.inner.hub.watched_ride(driver) else { return Ok(()) };
        let ride = self.inner.live.ride(watched);
        if let Some(ride) = &ride {
            self.watch_for_arrival(driver, ride, &fix);
        }
        let eta_s = ride.and_then(|ride| self.eta_s(&ride, fix.into()));
        let bearing_deg = fix.bearing_deg.map(f32::from);
        self.inner.hub.position_changed(driver, Position { at: fix.at, place: fix.position, bearing_deg, eta_s });
        Ok(())
    }

    /// Says for a driver who stands at the pickup that they have arrived, and looks whether one on the way gets there. Nobody
    /// waits for the answer: a command that does not fit into the inbox is sent again with the next position.
    fn watch_for_arrival(&self, driver: DriverId, ride: &Ride, fix: &Fix) {
        if ride.status != RideStatus::DriverAssigned {
            if ride.status == RideStatus::InProgress {
                self.inner.arrivals.forget(driver);
            }
            self.inner.pickups.forget(driver);
            return;
        }
        if self.inner.arrivals.has_arrived(driver, ride.id, ride.pickup.at, fix) {
            self.by_itself(Input::Arrive { driver, ride: ride.id });
        } else if is_ridden_to(ride) {
            self.watch_the_way(driver, ride, fix);
        }
    }
}
