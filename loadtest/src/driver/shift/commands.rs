//! The driver's commands: when one is due, what it says, and what its answer means.

use std::time::Duration;

use rand::Rng;
use tokio::time::Instant;
use uuid::Uuid;

use super::{Choice, Effect, Shift, Stage};
use crate::checks::Command;
use crate::scene::{Habits, NEAR_M};
use crate::wire::RideView;
use crate::world::Point;

/// A command without an answer on an open socket is sent again after this.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// Pause after "not now", and between looks for a PIN nobody has said yet.
const PAUSE: Duration = Duration::from_millis(500);
/// A rider who has not said their PIN by then is not coming.
const NO_SHOW_AFTER: Duration = Duration::from_secs(75);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Online,
    Offline,
    Accept,
    Decline,
    Arrive,
    Start,
    Complete,
    Cancel,
}

/// The command that waits for its answer.
#[derive(Debug)]
pub(super) struct Pending {
    id: String,
    asked: Asked,
    ride: Option<Uuid>,
    pub(super) frame: String,
    pub(super) sent: Instant,
    mistyped: bool,
}

impl Pending {
    /// The ride whose offer is being declined.
    pub(super) fn declining(&self) -> Option<Uuid> {
        self.ride.filter(|_| self.asked == Asked::Decline)
    }
}

/// A frame to send now.
#[derive(Debug)]
pub struct Act {
    /// The frame.
    pub frame: String,
    /// The ride of an accept and when it was due; for the latency of the rider's news.
    pub accepting: Option<(Uuid, Instant)>,
    /// True when it was sent before and never answered.
    pub is_repeat: bool,
}

impl Shift {
    /// When `due` will have something to do even if nothing happens before; none when only moving can bring it about.
    pub fn next_due(&self) -> Option<Instant> {
        if self.pending.is_some() {
            return None;
        }
        let at = match &self.stage {
            Stage::Considering { choice: Choice::Accept | Choice::Decline, at, .. } => Some(*at),
            Stage::AtPickup(_, at) => Some(*at),
            _ => None,
        }?;
        Some(self.not_before.map_or(at, |pause| pause.max(at)))
    }

    /// The command that is due now, if any. `pin_of` asks the rider in person.
    pub fn due(&mut self, now: Instant, habits: &Habits, pin_of: impl Fn(Uuid) -> Option<String>) -> Option<Act> {
        if let Some(pending) = &mut self.pending {
            if now < pending.sent + ANSWER_WITHIN {
                return None;
            }
            pending.sent = now;
            // Silence on an open socket: the caller counts it.
            return Some(Act { frame: pending.frame.clone(), accepting: None, is_repeat: true });
        }
        if self.not_before.is_some_and(|pause| now < pause) {
            return None;
        }
        self.not_before = None;
        let here = self.position;
        let (asked, ride, fields, accepting) = match self.stage.clone() {
            Stage::Free if !self.online => (Asked::Online, None, place(here), None),
            Stage::Considering { offer, ride, choice, at } if now >= at => match choice {
                Choice::Accept => (Asked::Accept, Some(ride), format!(r#""offer_id":"{offer}""#), Some((ride, at))),
                Choice::Decline => {
                    (Asked::Decline, Some(ride), format!(r#""offer_id":"{offer}","reason":"too_far""#), None)
                }
                Choice::Ignore => return None,
            },
            Stage::ToPickup(errand) if here.distance_m(errand.pickup) <= NEAR_M => {
                (Asked::Arrive, Some(errand.id), ride_id(errand.id), None)
            }
            Stage::AtPickup(errand, at) if now >= at => {
                let Some(pin) = pin_of(errand.id) else {
                    if now < at + NO_SHOW_AFTER {
                        self.not_before = Some(now + PAUSE);
                        return None;
                    }
                    let fields = format!(r#"{},"reason":"rider_no_show""#, ride_id(errand.id));
                    return Some(Act {
                        frame: self.ask(Asked::Cancel, Some(errand.id), &fields, now),
                        accepting: None,
                        is_repeat: false,
                    });
                };
                return Some(self.start(errand.id, &pin, now, habits));
            }
            Stage::OnTrip(errand) if here.distance_m(errand.destination) <= NEAR_M => {
                (Asked::Complete, Some(errand.id), ride_id(errand.id), None)
            }
            _ => return None,
        };
        Some(Act { frame: self.ask(asked, ride, &fields, now), accepting, is_repeat: false })
    }

    /// The command that ends the shift.
    pub fn go_offline(&mut self, now: Instant) -> String {
        self.ask(Asked::Offline, None, "", now)
    }

    /// True when nothing waits for an answer.
    pub fn is_answered(&self) -> bool {
        self.pending.is_none()
    }

    /// Types the PIN: once in a while with a slip, but only at the first try.
    fn start(&mut self, ride: Uuid, pin: &str, now: Instant, habits: &Habits) -> Act {
        let slips = std::mem::take(&mut self.may_mistype) && self.rng.random_bool(habits.mistype);
        let slip = |digit| if digit == '9' { '0' } else { '9' };
        let typed = if slips { pin.chars().map(slip).collect() } else { pin.to_owned() };
        let frame = self.ask(Asked::Start, Some(ride), &format!(r#"{},"pin":"{typed}""#, ride_id(ride)), now);
        if let Some(pending) = &mut self.pending {
            pending.mistyped = slips;
        }
        Act { frame, accepting: None, is_repeat: false }
    }

    fn ask(&mut self, asked: Asked, ride: Option<Uuid>, fields: &str, now: Instant) -> String {
        self.commands += 1;
        let id = self.commands.to_string();
        let name = match asked {
            Asked::Online => "go_online",
            Asked::Offline => "go_offline",
            Asked::Accept => "accept_offer",
            Asked::Decline => "decline_offer",
            Asked::Arrive => "arrive",
            Asked::Start => "start",
            Asked::Complete => "complete",
            Asked::Cancel => "cancel",
        };
        let comma = if fields.is_empty() { "" } else { "," };
        let frame = format!(r#"{{"type":"{name}","id":"{id}"{comma}{fields}}}"#);
        self.pending = Some(Pending { id, asked, ride, frame: frame.clone(), sent: now, mistyped: false });
        frame
    }

    pub(super) fn answered(&mut self, id: &str, ride: Option<RideView>, now: Instant, effects: &mut Vec<Effect>) {
        let Some(pending) = self.pending.take_if(|pending| pending.id == id) else { return };
        let command = match pending.asked {
            Asked::Online => {
                self.online = true;
                effects.push(Effect::Online);
                return;
            }
            Asked::Offline => {
                self.online = false;
                return;
            }
            Asked::Decline => {
                self.drop_offer(pending.ride);
                return;
            }
            Asked::Accept => Command::Accept,
            Asked::Arrive => Command::Arrive,
            Asked::Start => Command::Start,
            Asked::Complete => Command::Complete,
            Asked::Cancel => Command::CancelByDriver,
        };
        match ride {
            Some(view) => {
                effects.push(Effect::Acknowledged(command, view.clone()));
                self.learn(view, now, effects);
            }
            None => effects.push(Effect::Unexpected(format!("{command:?} answered without the ride"))),
        }
    }

    pub(super) fn refused(&mut self, id: &str, code: String, now: Instant, effects: &mut Vec<Effect>) {
        let Some(pending) = self.pending.take_if(|pending| pending.id == id) else { return };
        match (pending.asked, code.as_str()) {
            (Asked::Accept | Asked::Decline, "offer_gone") => self.drop_offer(pending.ride),
            (Asked::Start, "wrong_pin") if pending.mistyped => {}
            (Asked::Arrive | Asked::Start | Asked::Complete | Asked::Cancel, "wrong_state") => {
                effects.extend(pending.ride.map(Effect::AskAgain));
            }
            (_, "unavailable") => {
                effects.push(Effect::Unavailable);
                self.not_before = Some(now + PAUSE);
            }
            _ => {
                effects.push(Effect::Unexpected(format!("{:?} refused: {code}", pending.asked)));
                if matches!(pending.asked, Asked::Accept | Asked::Decline) {
                    self.drop_offer(pending.ride);
                }
                self.not_before = Some(now + PAUSE);
            }
        }
    }
}

fn place(point: Point) -> String {
    format!(r#""lat":{:.6},"lng":{:.6}"#, point.lat, point.lng)
}

fn ride_id(id: Uuid) -> String {
    format!(r#""ride_id":"{id}""#)
}
