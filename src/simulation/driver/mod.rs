//! A driver of the simulated city: papers, shift, offers, rides, a ping a second.
//!
//! The driver's app believes the server: whatever a welcome, an event or an answer says of the ride replaces what was
//! known. Commands are sent again until the ride's status shows that they were carried out; that is safe because each of
//! them is idempotent. So a broken socket or a server that was started again needs no code of its own.

mod papers;
mod riding;

use std::sync::Arc;
use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;
use riding::Current;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, sleep_until};

use crate::clock;
use crate::geo::LatLng;
use crate::ids::{OfferId, RideId};
use crate::realtime::protocol::server::{ErrorFrame, ServerMessage, Welcome};
use crate::realtime::protocol::view::OfferView;
use crate::simulation::account::Account;
use crate::simulation::api::Call;
use crate::simulation::motion::{Motion, Way};
use crate::simulation::person::Person;
use crate::simulation::socket::{End, Socket};
use crate::simulation::tally::Presence;
use crate::simulation::world::World;
use crate::time::Timestamp;
use crate::web::Role;

/// A phone reports this often.
const TICK: Duration = Duration::from_secs(1);
/// Longest step of one tick: a phone that was frozen does not jump across town.
const STEP_MAX: Duration = Duration::from_secs(3);
/// A command without effect is sent again after this.
const REPEAT_AFTER: Duration = Duration::from_secs(4);
/// So many refusals mean that app and server do not see the same ride.
const REFUSALS_MAX: u32 = 3;
/// So many refused pings mean that the server does not hold this driver to be on duty.
const PING_REFUSALS_MAX: u32 = 3;
/// A driver who may not drive stays at home about this long.
const STAY_HOME: Duration = Duration::from_secs(60);
/// The fastest that a phone says it is.
const SPEED_MPS_MAX: f64 = 40.0;
/// Share of drivers who begin at a hot spot; the others come from the quarters.
const BEGIN_AT_SPOT: f64 = 0.6;

/// What a driver does about an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reaction {
    Accept,
    Decline,
    Ignore,
}

impl Reaction {
    /// 90 % accept, 6 % decline, 4 % do not look.
    fn draw(dice: &mut impl Rng) -> Self {
        match dice.random_range(0..100) {
            0..90 => Self::Accept,
            90..96 => Self::Decline,
            _ => Self::Ignore,
        }
    }
}

/// An offer on the screen.
#[derive(Debug)]
struct Considered {
    offer: OfferId,
    reaction: Reaction,
    act_at: Instant,
}

/// A driver with a phone.
pub struct Driver {
    world: Arc<World>,
    account: Account,
    dice: StdRng,
    motion: Motion,
    way: Option<Way>,
    online: bool,
    is_known: bool,
    considered: Option<Considered>,
    current: Option<Current>,
    ended: Option<RideId>,
    rate: Option<(RideId, Instant)>,
    roam_to: LatLng,
    rest_until: Instant,
    commands: u64,
    shift_asked_at: Option<Instant>,
    ping_refusals: u32,
    ticked_at: Instant,
}

/// Lives as driver `index` until the shutdown.
pub async fn live(world: Arc<World>, index: u32) {
    let (person, mut dice) = Person::new(world.config.seed, Role::Driver, index);
    let at_spot = dice.random_bool(BEGIN_AT_SPOT);
    let begin = if at_spot { world.city.near_spot(&mut dice) } else { world.city.scattered(&mut dice) }.at;
    let begin = world.routes.on_street(begin);
    let now = Instant::now();
    let mut driver = Driver {
        account: Account::new(person),
        motion: Motion::standing(begin, dice.random_range(0.0..360.0)),
        dice,
        way: None,
        online: false,
        is_known: false,
        considered: None,
        current: None,
        ended: None,
        rate: None,
        roam_to: begin,
        rest_until: now,
        commands: 0,
        shift_asked_at: None,
        ping_refusals: 0,
        ticked_at: now,
        world,
    };
    let shutdown = driver.world.shutdown.clone();
    if shutdown.run_until_cancelled(driver.become_driver()).await.is_some() {
        driver.work().await;
    }
}

impl Driver {
    /// Keeps the app open.
    async fn work(&mut self) {
        let world = self.world.clone();
        let mut socket = Socket::new();
        loop {
            let opening = socket.open(&world.api, &mut self.account, &mut self.dice, &world.tally);
            let Some(welcome) = world.shutdown.run_until_cancelled(opening).await else { return };
            self.welcomed(*welcome);
            let end = match self.drive(&mut socket).await {
                Ok(()) => return,
                Err(end) => end,
            };
            let pause = socket.ended(&end, &mut self.account, &mut self.dice, &world.tally);
            if world.shutdown.run_until_cancelled(pause).await.is_none() {
                return;
            }
        }
    }

    /// Drives until the socket ends.
    async fn drive(&mut self, socket: &mut Socket) -> Result<(), End> {
        let world = self.world.clone();
        let _present = Presence::new(&world.tally.drivers_online);
        let first = Instant::now() + TICK.mul_f64(self.dice.random());
        let mut ticks = interval_at(first, TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        self.ticked_at = Instant::now();
        loop {
            let act_at = self.considered.as_ref().map(|considered| considered.act_at);
            tokio::select! {
                () = world.shutdown.cancelled() => {
                    socket.close().await;
                    return Ok(());
                }
                message = socket.next() => self.hear(message?, socket).await?,
                _ = ticks.tick() => self.tick(socket).await?,
                () = sleep_until(act_at.unwrap_or_else(Instant::now)), if act_at.is_some() => self.react(socket).await?,
            }
        }
    }

    fn welcomed(&mut self, welcome: Welcome) {
        self.online = welcome.online.unwrap_or(false);
        self.considered = None;
        self.shift_asked_at = None;
        let is_first = !std::mem::replace(&mut self.is_known, true);
        match welcome.ride {
            Some(ride) => {
                if is_first {
                    self.take_up(&ride);
                }
                // The welcome is the whole truth, whatever this phone believed.
                self.current.take_if(|current| current.status != ride.status);
                self.see(&ride);
            }
            None => self.current = None,
        }
        for offer in &welcome.offers {
            self.consider(offer);
        }
    }

    async fn hear(&mut self, message: ServerMessage, socket: &mut Socket) -> Result<(), End> {
        match message {
            ServerMessage::Welcome(welcome) => self.welcomed(*welcome),
            ServerMessage::Offer { offer, .. } => self.consider(&offer),
            ServerMessage::OfferWithdrawn { offer_id, .. } => {
                self.considered.take_if(|considered| considered.offer == offer_id);
            }
            ServerMessage::Ride { ride, .. } => self.see(&ride),
            ServerMessage::RideReleased { ride_id, .. } => {
                self.current.take_if(|current| current.ride == ride_id);
            }
            ServerMessage::Reply { id, ride } => {
                if let Some(ride) = ride {
                    self.see(&ride);
                }
                self.online |= id.starts_with("go_online");
            }
            ServerMessage::Error(error) => self.refused(&error, socket).await?,
            ServerMessage::Ack { .. }
            | ServerMessage::DriverPosition(_)
            | ServerMessage::DriversNearby { .. }
            | ServerMessage::Stage { .. }
            | ServerMessage::Hint { .. }
            | ServerMessage::RideQueue { .. }
            | ServerMessage::Nudge { .. }
            | ServerMessage::Notice { .. }
            | ServerMessage::Payment(_)
            | ServerMessage::Heartbeat { .. } => {}
        }
        Ok(())
    }

    fn consider(&mut self, offer: &OfferView) {
        if self.current.is_some() || self.considered.as_ref().is_some_and(|seen| seen.offer == offer.offer_id) {
            return;
        }
        let reaction = Reaction::draw(&mut self.dice);
        let act_at = Instant::now() + self.world.pace(self.dice.random_range(1.0..5.0));
        self.considered = Some(Considered { offer: offer.offer_id, reaction, act_at });
    }

    async fn react(&mut self, socket: &mut Socket) -> Result<(), End> {
        let Some(Considered { offer, reaction, .. }) = self.considered.take() else { return Ok(()) };
        match reaction {
            Reaction::Accept => self.command(socket, "accept_offer", json!({"offer_id": offer})).await,
            Reaction::Decline => {
                self.command(socket, "decline_offer", json!({"offer_id": offer, "reason": "too_far"})).await
            }
            Reaction::Ignore => Ok(()),
        }
    }

    async fn tick(&mut self, socket: &mut Socket) -> Result<(), End> {
        let elapsed = self.ticked_at.elapsed().min(STEP_MAX);
        self.ticked_at = Instant::now();
        let due = self.go_on(elapsed);
        if self.online {
            // Before the command: who says "I am here" should be seen to be there.
            socket.send(self.ping()).await?;
        } else if self.shift_asked_at.is_none_or(|asked_at| asked_at.elapsed() >= REPEAT_AFTER) {
            self.shift_asked_at = Some(Instant::now());
            let at = self.motion.at;
            self.command(socket, "go_online", json!({"lat": at.lat(), "lng": at.lng()})).await?;
        }
        if let Some((name, fields)) = due {
            self.command(socket, name, fields).await?;
        }
        if let Some((ride, _)) = self.rate.take_if(|(_, at)| *at <= Instant::now()) {
            let stars = if self.dice.random_bool(0.85) { 5 } else { 4 };
            let (path, body) = (format!("/rides/{ride}/rating"), json!({"stars": stars}));
            let rated: Result<IgnoredAny, _> = self.account.call(&self.world.api, Call::post(&path, &body)).await;
            rated.map_or_else(|error| tracing::debug!(%error, "a simulated driver could not rate"), drop);
        }
        Ok(())
    }

    /// A command was refused. Some refusals are part of life; several about the same ride are a misunderstanding.
    async fn refused(&mut self, error: &ErrorFrame, socket: &mut Socket) -> Result<(), End> {
        let command = error.id.as_deref().unwrap_or("");
        tracing::debug!(code = error.code, command, "a simulated driver was refused");
        if command.starts_with("go_online") && error.code == "driver_not_approved" {
            // Somebody has taken the licence to drive away. It is asked for again, but without haste.
            socket.close().await;
            sleep(STAY_HOME.mul_f64(self.dice.random_range(0.5..1.5))).await;
            self.become_driver().await;
            return Err(End::Lost);
        }
        if command.starts_with("go_online")
            || command.starts_with("accept_offer")
            || command.starts_with("decline_offer")
        {
            return Ok(());
        }
        if command.is_empty() {
            self.ping_refusals += 1;
            if self.ping_refusals >= PING_REFUSALS_MAX {
                (self.online, self.ping_refusals, self.shift_asked_at) = (false, 0, None);
            }
        } else if let Some(current) = &mut self.current {
            current.refusals += 1;
            if current.refusals >= REFUSALS_MAX {
                return Err(End::Lost);
            }
        }
        Ok(())
    }

    async fn command(&mut self, socket: &mut Socket, name: &str, mut fields: Value) -> Result<(), End> {
        self.commands += 1;
        fields["type"] = name.into();
        fields["id"] = format!("{name}-{}", self.commands).into();
        socket.send(fields.to_string()).await
    }

    fn ping(&mut self) -> String {
        let Motion { at, bearing_deg, speed_mps } = self.motion;
        // What the receiver believes is beside the truth, in each direction by a bell of this width.
        let noise_m = self.world.config.gps_noise_m * (-2.0 * (1.0 - self.dice.random::<f64>()).ln()).sqrt();
        let at = at.destination(self.dice.random_range(0.0..360.0), noise_m);
        // At several times the speed of life a motorcycle would be faster than the server believes.
        ping(clock::now(), at, (bearing_deg, speed_mps.min(SPEED_MPS_MAX)), self.dice.random_range(4..15))
    }
}

/// Written by hand: it is nearly everything that a phone sends.
fn ping(now: Timestamp, at: LatLng, (bearing_deg, speed_mps): (f64, f64), accuracy_m: u32) -> String {
    format!(
        r#"{{"type":"ping","t_ms":{},"lat":{:.6},"lng":{:.6},"speed_mps":{speed_mps:.1},"bearing_deg":{bearing_deg:.0},"accuracy_m":{accuracy_m}}}"#,
        now.as_millis(),
        at.lat(),
        at.lng(),
    )
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;
    use crate::realtime::protocol::client::{ClientMessage, decode};

    #[test]
    fn nine_in_ten_offers_are_accepted() {
        let mut dice = StdRng::seed_from_u64(4);
        let drawn: Vec<_> = (0..10_000).map(|_| Reaction::draw(&mut dice)).collect();
        let share = |wanted| drawn.iter().filter(|reaction| **reaction == wanted).count();
        assert!((8_850..9_150).contains(&share(Reaction::Accept)));
        assert!((500..700).contains(&share(Reaction::Decline)));
        assert!((320..480).contains(&share(Reaction::Ignore)));
    }

    #[test]
    fn a_ping_is_one_that_the_server_reads() {
        let at = LatLng::new(-1.943838, 30.056937).expect("on the globe");
        let text = ping(Timestamp::from_millis(1_790_000_000_000), at, (359.7, 6.16), 8);
        let Ok(ClientMessage::Ping(read)) = decode(&text) else { panic!("{text}") };
        assert_eq!((read.bearing_deg, read.speed_mps, read.accuracy_m), (Some(360.0), Some(6.2), Some(8.0)));
    }
}
