//! A driver's phone: one task that keeps the socket, pings on a constant-rate schedule and works the shift.
//!
//! Pings have intended times that no answer can move: a phone that falls behind is counted late, not forgiven.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::SmallRng;
use reqwest::Method;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use crate::api::Outages;
use crate::clock;
use crate::people::Person;
use crate::scene::Scene;
use crate::socket::{End, Link};
use crate::wire::RideView;
use crate::world::Point;

mod shift;

use shift::{Act, Effect, Shift, Stage};

/// One ping a second, as the app sends them.
const PING_EVERY: Duration = Duration::from_secs(1);
/// Every so many pings ask for an acknowledgement.
const ACK_EVERY: u64 = 16;
/// Speeds above this are the time lapse, not a motorcycle, and are not claimed in pings.
const CLAIMED_MPS_MAX: f64 = 40.0;

/// One simulated driver.
#[derive(Debug)]
struct Phone {
    scene: Arc<Scene>,
    person: Arc<Person>,
    shift: Shift,
    next_ping: Instant,
    roaming_to: Point,
    bearing_deg: u16,
    pings: u64,
    asked_ack: Option<(u64, Instant)>,
    is_online: bool,
}

/// Plays a driver until `stop` says so. `phase` (0..1) spreads the drivers' pings over the second.
pub async fn work(scene: Arc<Scene>, person: Arc<Person>, seed: u64, phase: f64, mut stop: watch::Receiver<bool>) {
    let mut rng = SmallRng::seed_from_u64(seed);
    let mut link = Link::new(person.clone(), SmallRng::from_rng(&mut rng));
    let position = scene.world.roam_point(&mut rng);
    let mut phone = Phone {
        roaming_to: scene.world.roam_point(&mut rng),
        next_ping: Instant::now() + PING_EVERY.mul_f64(phase),
        shift: Shift::new(position, rng),
        scene,
        person,
        bearing_deg: 0,
        pings: 0,
        asked_ack: None,
        is_online: false,
    };
    loop {
        let end = tokio::select! {
            end = phone.session(&mut link) => end,
            () = stopped(&mut stop) => break,
        };
        phone.went_offline();
        let Some(end) = end else {
            // The server told this phone to stay away; what that breaks shows in the checks.
            stopped(&mut stop).await;
            break;
        };
        link.ended(&end, &phone.scene.api).await;
        phone.scene.witness.counters.reconnects.fetch_add(1, Ordering::Relaxed);
    }
    phone.go_home(&mut link).await;
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that the run is gone, which is as good as a sign to stop.
    let _ = stop.wait_for(|stop| *stop).await;
}

impl Phone {
    /// One session from opening the socket to its end; none when the server does not want this phone.
    async fn session(&mut self, link: &mut Link) -> Option<End> {
        let welcome = link.open(&self.scene.api).await?;
        let now = Instant::now();
        let mut effects = Vec::new();
        let again = self.shift.resume(welcome, now, &self.scene.habits, &mut effects);
        self.apply(&mut effects).await;
        self.skip_missed_pings(now);
        if let Some(frame) = again
            && let Err(end) = link.send(frame).await
        {
            return Some(end);
        }
        let wake = sleep_until(now);
        tokio::pin!(wake);
        loop {
            let at = self.shift.next_due().map_or(self.next_ping, |due| due.min(self.next_ping));
            if wake.deadline() != at {
                wake.as_mut().reset(at);
            }
            let done = tokio::select! {
                frame = link.next(&self.scene.api.errors) => match frame {
                    Ok(frame) => {
                        self.shift.hear(frame, Instant::now(), &self.scene.habits, &mut effects);
                        self.apply(&mut effects).await;
                        Ok(())
                    }
                    Err(end) => Err(end),
                },
                () = &mut wake => self.tick(link).await,
            };
            if let Err(end) = done {
                return Some(end);
            }
        }
    }

    /// Sends what is due: the ping of this second, then a command.
    async fn tick(&mut self, link: &mut Link) -> Result<(), End> {
        let now = Instant::now();
        if now >= self.next_ping {
            let intended = self.next_ping;
            self.next_ping += PING_EVERY;
            // Before the server said that the shift began, it takes no positions.
            if self.shift.is_online() {
                self.step();
                let frame = self.ping(now);
                self.scene.witness.counters.sent(intended);
                link.send(frame).await?;
                self.scene.witness.counters.pings_sent.fetch_add(1, Ordering::Relaxed);
            }
        }
        let meeting = &self.scene.meeting;
        let Some(act) = self.shift.due(now, &self.scene.habits, |ride| meeting.ask(ride)) else { return Ok(()) };
        let Act { frame, accepting, is_repeat } = act;
        if let Some((ride, intended)) = accepting {
            self.scene.witness.counters.sent(intended);
            self.scene.witness.accepting(ride, intended);
        }
        if is_repeat {
            self.scene.api.errors.add("command unanswered");
        }
        link.send(frame).await
    }

    /// Moves one second on.
    fn step(&mut self) {
        let here = self.shift.position;
        let (target, speed) = match self.shift.target() {
            Some(target) => (target, self.scene.habits.speed_mps),
            None => (self.roaming_to, self.scene.habits.roam_mps),
        };
        if *self.shift.stage() == Stage::Free && here == self.roaming_to {
            self.roaming_to = self.scene.world.roam_point(self.shift.rng());
        }
        let next = here.stepped(target, speed * PING_EVERY.as_secs_f64());
        if next != here {
            self.bearing_deg = here.bearing_deg(next);
        }
        self.shift.position = next;
    }

    fn ping(&mut self, now: Instant) -> String {
        let (here, t_ms, bearing) = (self.shift.position, clock::now_ms(), self.bearing_deg);
        let mut frame = String::with_capacity(160);
        let written = write!(
            frame,
            r#"{{"type":"ping","t_ms":{t_ms},"lat":{:.6},"lng":{:.6},"bearing_deg":{bearing},"accuracy_m":8"#,
            here.lat, here.lng
        );
        written.expect("writing to a string cannot fail");
        let speed = self.scene.habits.speed_mps;
        if speed <= CLAIMED_MPS_MAX && self.shift.target().is_some() {
            write!(frame, r#","speed_mps":{speed:.1}"#).expect("writing to a string cannot fail");
        }
        self.pings += 1;
        if self.pings.is_multiple_of(ACK_EVERY) {
            frame.push_str(r#","ack":true"#);
            self.asked_ack = Some((t_ms, now));
        }
        frame.push('}');
        frame
    }

    /// After a reconnect the schedule goes on in step; the seconds without a line had no pings to be late.
    fn skip_missed_pings(&mut self, now: Instant) {
        while self.next_ping < now {
            self.next_ping += PING_EVERY;
        }
    }

    async fn apply(&mut self, effects: &mut Vec<Effect>) {
        let scene = self.scene.clone();
        let driver = self.person.index;
        // Asking the server again may teach the shift more, so the list can grow while it is worked off.
        let mut next = 0;
        while next < effects.len() {
            let mut learned = Vec::new();
            match &effects[next] {
                Effect::Offered(ride) => scene.witness.offered(*ride),
                Effect::Saw(view) => scene.witness.driver_saw(driver, view),
                Effect::Acknowledged(command, view) => scene.witness.acknowledged(*command, view),
                Effect::Online if !self.is_online => {
                    self.is_online = true;
                    scene.witness.counters.online.fetch_add(1, Ordering::Relaxed);
                }
                Effect::Online => {}
                Effect::AskAgain(ride) => {
                    let path = format!("/rides/{ride}");
                    match self.person.call::<RideView>(&scene.api, Method::GET, &path, None).await {
                        Ok(answer) => self.shift.learn(answer.body, Instant::now(), &mut learned),
                        Err(failure) if failure.is_status(404) => self.shift.forget(*ride),
                        Err(_) => {}
                    }
                }
                Effect::Together(first, second) => {
                    scene.witness.findings().evidence.seen_together(driver, *first, *second);
                }
                Effect::PingAck(t_ms) => {
                    if let Some((_, sent)) = self.asked_ack.take_if(|(asked, _)| asked == t_ms) {
                        scene.witness.ping_acknowledged(sent);
                    }
                }
                Effect::Unavailable => {
                    scene.api.refusals.add("unavailable");
                    if scene.api.outages() == Outages::Unexpected {
                        scene.api.errors.add("socket unavailable");
                    }
                }
                Effect::Unexpected(what) => scene.api.errors.add(what),
            }
            effects.append(&mut learned);
            next += 1;
        }
        effects.clear();
    }

    fn went_offline(&mut self) {
        if std::mem::take(&mut self.is_online) {
            self.scene.witness.counters.online.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// The run is over: off shift, politely.
    async fn go_home(&mut self, link: &mut Link) {
        if link.is_open() && *self.shift.stage() == Stage::Free && self.shift.is_answered() {
            let frame = self.shift.go_offline(Instant::now());
            let answered = async {
                link.send(frame).await?;
                while !self.shift.is_answered() {
                    let frame = link.next(&self.scene.api.errors).await?;
                    self.shift.hear(frame, Instant::now(), &self.scene.habits, &mut Vec::new());
                }
                Ok::<(), End>(())
            };
            if !matches!(timeout(Duration::from_secs(5), answered).await, Ok(Ok(()))) {
                self.scene.api.errors.add("go_offline unanswered");
            }
        }
        link.close().await;
    }
}
