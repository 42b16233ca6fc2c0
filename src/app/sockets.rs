//! What the sockets ask of the services: pings and browsing to locations, commands to rides.

use std::sync::Arc;

use crate::error::{Error, Fault};
use crate::ids::DriverId;
use crate::index::Fix;
use crate::locations::stages::Stages;
use crate::locations::{Jump, Locations, Refused, Track};
use crate::realtime::protocol::client::{Command, Ping};
use crate::realtime::{Handler, Hub, PingRefused, Reply, Snapshot};
use crate::rides::Rides;
use crate::steering::Steering;
use crate::time::Timestamp;
use crate::web::{Caller, Role, TokenKeys};

/// The services behind the sockets.
pub(super) struct SocketHandler {
    pub(super) tokens: Arc<TokenKeys>,
    pub(super) rides: Rides,
    pub(super) locations: Locations,
    pub(super) hub: Arc<Hub>,
    pub(super) stages: Stages,
    pub(super) steering: Steering,
}

impl Handler for SocketHandler {
    type Track = Track;

    fn authenticate(&self, token: &str, now: Timestamp) -> Result<Caller, Error> {
        self.tokens.verify(token, now)
    }

    async fn welcome(&self, caller: Caller) -> Result<Snapshot, Error> {
        if caller.role == Role::Driver {
            self.rides.driver_connection_changed(caller.user.into());
            self.stages.tell_again(caller.user.into());
            self.steering.tell_again(caller.user.into());
        }
        self.rides.tell_queue_again(caller);
        self.rides.snapshot(caller).await
    }

    fn ping(&self, driver: DriverId, track: &mut Track, ping: &Ping, now: Timestamp) -> Result<(), PingRefused> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the protocol allows 0 to 360 only"
        )]
        let bearing_deg = ping.bearing_deg.map(|deg| deg.round() as u16 % 360);
        let fix = Fix { position: ping.place, at: ping.at, bearing_deg, speed_mps: ping.speed_mps };
        self.rides.ping(driver, track, fix, now).map_err(|refused| match refused {
            Refused::OutsideServiceArea => PingRefused::OutsideServiceArea,
            Refused::TooOld { age } => PingRefused::TooOld { age },
            Refused::FromTheFuture { ahead } => PingRefused::FromTheFuture { ahead },
            Refused::Jumped(Jump { distance_m, within }) => PingRefused::Jumped { distance_m, within },
            Refused::NotOnShift => PingRefused::NotOnline,
            Refused::Full => PingRefused::Unavailable,
        })
    }

    async fn command(&self, caller: Caller, command: Command) -> Result<Reply, Error> {
        let driver = DriverId::from(caller.user);
        let ride = match command {
            Command::GoOnline { place } => {
                self.rides.go_online(driver, place).await?;
                // The socket may have closed meanwhile, before there was a shift to be lost from.
                self.rides.driver_connection_changed(driver);
                None
            }
            Command::GoOffline => {
                self.rides.go_offline(driver).await?;
                None
            }
            Command::AcceptOffer { offer } => Some(self.rides.accept(driver, offer).await?),
            Command::DeclineOffer { offer, reason } => {
                self.rides.decline(driver, offer, reason.as_deref()).await?;
                None
            }
            Command::Arrive { ride } => Some(self.rides.arrive(driver, ride).await?),
            Command::Start { ride, pin } => Some(self.rides.start(driver, ride, &pin).await?),
            Command::ReachStop { ride, stop } => Some(self.rides.reach_stop(driver, ride, stop).await?),
            Command::Complete { ride, pin } => Some(self.rides.complete(driver, ride, pin.as_deref()).await?),
            Command::Browse { place } => {
                if !self.locations.area().contains(place) {
                    let fault = |field: &str, value: f64| Fault::new(field, value, "is outside of the service area");
                    return Err(Error::Invalid(vec![fault("lat", place.lat()), fault("lng", place.lng())]));
                }
                self.hub.browse(caller.user, self.locations.tiles_around(place));
                None
            }
            Command::StopBrowsing => {
                self.hub.browse(caller.user, Vec::new());
                None
            }
            Command::Cancel { ride, reason, note } => {
                Some(self.rides.cancel(caller, ride, &reason, note.as_deref()).await?)
            }
        };
        Ok(Reply { ride })
    }

    fn closed(&self, caller: Caller) {
        if caller.role == Role::Driver {
            self.rides.driver_connection_changed(caller.user.into());
        }
    }
}
