//! What a driver does, without the wires: offers, errands and the one command that waits for its answer.
//!
//! Frames, time and chance come in; effects and the next command go out. A command keeps its id until it is answered
//! and is sent again after a reconnect, as a phone would: the server answers it as the first time. What the server
//! says always wins over what the driver thinks, but a view that is older than what is known never turns a ride back.

use std::time::Duration;

use rand::Rng;
use rand::rngs::SmallRng;
use tokio::time::Instant;
use uuid::Uuid;

use crate::checks::Command;
use crate::scene::{BOARD_S, CONSIDER_S, Habits};
use crate::wire::{Frame, Kind, OfferView, RideView, Status};
use crate::world::Point;

mod commands;

pub use commands::Act;
use commands::Pending;

/// What the driver is doing.
#[derive(Clone, Debug, PartialEq)]
pub enum Stage {
    /// Waiting for an offer.
    Free,
    /// Looking at an offer; the choice is made and will be told at the given moment.
    Considering { offer: String, ride: Uuid, choice: Choice, at: Instant },
    /// Riding to the pickup.
    ToPickup(Errand),
    /// At the pickup; the rider gets on at the given moment.
    AtPickup(Errand, Instant),
    /// Riding to the destination.
    OnTrip(Errand),
}

/// What a driver decides about an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Take it.
    Accept,
    /// Say no.
    Decline,
    /// Say nothing.
    Ignore,
}

/// The ride a driver serves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Errand {
    id: Uuid,
    pickup: Point,
    destination: Point,
}

/// Something the task around the shift must do or note.
#[derive(Debug)]
pub enum Effect {
    /// An offer arrived.
    Offered(Uuid),
    /// The driver learned this state of a ride.
    Saw(RideView),
    /// A command was answered with success.
    Acknowledged(Command, RideView),
    /// The driver is on shift.
    Online,
    /// The server said "not now".
    Unavailable,
    /// A command met another state than expected: ask the server for the ride.
    AskAgain(Uuid),
    /// A second live ride while the first is live.
    Together(Uuid, Uuid),
    /// The ping with this time was acknowledged.
    PingAck(u64),
    /// Something that should not happen.
    Unexpected(String),
}

/// A driver's working day.
#[derive(Debug)]
pub struct Shift {
    /// Where the driver is.
    pub position: Point,
    stage: Stage,
    online: bool,
    pending: Option<Pending>,
    not_before: Option<Instant>,
    last_done: Option<Uuid>,
    commands: u64,
    may_mistype: bool,
    rng: SmallRng,
}

impl Shift {
    /// A driver who stands somewhere and is not on shift yet.
    pub fn new(position: Point, rng: SmallRng) -> Self {
        Self {
            position,
            stage: Stage::Free,
            online: false,
            pending: None,
            not_before: None,
            last_done: None,
            commands: 0,
            may_mistype: true,
            rng,
        }
    }

    /// Whether the server has said that the driver is on shift.
    pub fn is_online(&self) -> bool {
        self.online
    }

    /// What the driver is doing.
    pub fn stage(&self) -> &Stage {
        &self.stage
    }

    /// The driver's dice.
    pub fn rng(&mut self) -> &mut SmallRng {
        &mut self.rng
    }

    /// Where the driver is going with an errand, if anywhere.
    pub fn target(&self) -> Option<Point> {
        match &self.stage {
            Stage::ToPickup(errand) => Some(errand.pickup),
            Stage::OnTrip(errand) => Some(errand.destination),
            Stage::AtPickup(..) => Some(self.position),
            Stage::Free | Stage::Considering { .. } => None,
        }
    }

    /// A new session began: its welcome is the whole truth. Returns the unanswered command to send again.
    pub fn resume(
        &mut self,
        welcome: Frame,
        now: Instant,
        habits: &Habits,
        effects: &mut Vec<Effect>,
    ) -> Option<String> {
        self.online = welcome.online == Some(true);
        if self.online {
            effects.push(Effect::Online);
        }
        let live = welcome.ride.as_ref().filter(|view| !view.status.is_final()).map(|view| view.id);
        if let Some(errand) = self.errand().filter(|errand| Some(errand.id) != live) {
            self.finish(errand.id);
        }
        let offers = welcome.offers.unwrap_or_default();
        if let Stage::Considering { offer, .. } = &self.stage
            && !offers.iter().any(|one| one.offer_id == *offer)
        {
            self.stage = Stage::Free;
        }
        if let Some(view) = welcome.ride {
            self.learn(view, now, effects);
        }
        if self.stage == Stage::Free
            && let Some(offer) = offers.into_iter().next()
        {
            self.consider(offer, now, habits, effects);
        }
        self.pending.as_mut().map(|pending| {
            pending.sent = now;
            pending.frame.clone()
        })
    }

    /// A frame arrived.
    pub fn hear(&mut self, frame: Frame, now: Instant, habits: &Habits, effects: &mut Vec<Effect>) {
        match (frame.kind, frame.id) {
            (Kind::Reply, Some(id)) => self.answered(&id, frame.ride, now, effects),
            (Kind::Error, Some(id)) => self.refused(&id, frame.code.unwrap_or_default(), now, effects),
            (Kind::Error, None) => {
                effects.push(Effect::Unexpected(format!("frame refused: {}", frame.code.unwrap_or_default())));
            }
            (Kind::Offer, _) => match frame.offer {
                Some(offer) => self.consider(offer, now, habits, effects),
                None => effects.push(Effect::Unexpected("offer frame without offer".to_owned())),
            },
            (Kind::OfferWithdrawn, _) => {
                if let Stage::Considering { offer, .. } = &self.stage
                    && Some(offer) == frame.offer_id.as_ref()
                {
                    self.stage = Stage::Free;
                }
            }
            (Kind::Ride, _) => match frame.ride {
                Some(view) => self.learn(view, now, effects),
                None => effects.push(Effect::Unexpected("ride frame without ride".to_owned())),
            },
            (Kind::RideReleased, _) => {
                if let Some(ride) = frame.ride_id {
                    self.forget(ride);
                }
            }
            (Kind::Ack, _) => effects.extend(frame.t_ms.map(Effect::PingAck)),
            _ => {}
        }
    }

    /// The driver learned a state of a ride, by whatever way.
    pub fn learn(&mut self, view: RideView, now: Instant, effects: &mut Vec<Effect>) {
        let errand = Errand { id: view.id, pickup: view.pickup, destination: view.destination };
        let current = self.errand().map(|errand| errand.id);
        if view.status.is_final() {
            if current == Some(view.id) {
                self.finish(view.id);
            }
        } else if self.last_done != Some(view.id) {
            if let Some(current) = current.filter(|current| *current != view.id) {
                effects.push(Effect::Together(current, view.id));
            }
            let known = if current == Some(view.id) { self.progress() } else { 0 };
            let next = match view.status {
                Status::DriverAssigned => Some((1, Stage::ToPickup(errand))),
                Status::DriverArrived => Some((2, Stage::AtPickup(errand, now + self.seconds(BOARD_S)))),
                Status::InProgress => Some((3, Stage::OnTrip(errand))),
                _ => None,
            };
            if let Some((progress, stage)) = next
                && progress > known
            {
                self.stage = stage;
            }
        }
        effects.push(Effect::Saw(view));
    }

    /// The ride is not this driver's, says the server.
    pub fn forget(&mut self, ride: Uuid) {
        if self.errand().is_some_and(|errand| errand.id == ride) {
            self.finish(ride);
        }
    }

    fn consider(&mut self, offer: OfferView, now: Instant, habits: &Habits, effects: &mut Vec<Effect>) {
        effects.push(Effect::Offered(offer.ride_id));
        // The next offer may overtake the answer to a decline.
        if let Some(declined) = self.pending.as_ref().and_then(Pending::declining) {
            self.drop_offer(Some(declined));
        }
        if self.stage != Stage::Free {
            effects.push(Effect::Unexpected("offer while busy".to_owned()));
            return;
        }
        let dice = self.rng.random_range(0.0..1.0);
        let choice = match dice {
            _ if dice < habits.accept => Choice::Accept,
            _ if dice < habits.accept + habits.decline => Choice::Decline,
            _ => Choice::Ignore,
        };
        let at = now + self.seconds(CONSIDER_S);
        self.stage = Stage::Considering { offer: offer.offer_id, ride: offer.ride_id, choice, at };
    }

    fn drop_offer(&mut self, refused: Option<Uuid>) {
        if matches!(&self.stage, Stage::Considering { ride, .. } if Some(*ride) == refused) {
            self.stage = Stage::Free;
        }
    }

    fn finish(&mut self, ride: Uuid) {
        self.stage = Stage::Free;
        self.last_done = Some(ride);
        self.may_mistype = true;
    }

    fn errand(&self) -> Option<Errand> {
        match self.stage {
            Stage::ToPickup(errand) | Stage::AtPickup(errand, _) | Stage::OnTrip(errand) => Some(errand),
            Stage::Free | Stage::Considering { .. } => None,
        }
    }

    fn progress(&self) -> u8 {
        match self.stage {
            Stage::Free | Stage::Considering { .. } => 0,
            Stage::ToPickup(_) => 1,
            Stage::AtPickup(..) => 2,
            Stage::OnTrip(_) => 3,
        }
    }

    fn seconds(&mut self, (from, to): (f64, f64)) -> Duration {
        Duration::from_secs_f64(self.rng.random_range(from..to))
    }
}

#[cfg(test)]
mod tests;
