//! Roadside pairing: a rider and a driver who stand beside each other begin a ride without a search.
//!
//! Two ways. With a network, the rider types the four digits that the driver's app shows ([`codes`]), or either phone scans
//! what the other shows ([`tokens`]). Without one, the phone that scanned keeps what it saw and hands it in later; the code
//! says itself when it was shown. Either way the ride is quoted as any other and begins as if it had been offered, taken
//! and started in one. That two people met is their own decision: whom one has blocked is not looked at.
//!
//! Invariants: a scanned code pairs one ride; the same meeting handed in twice, also by both phones, is one ride; nobody is
//! on two rides at once, as far as anybody can know.

pub mod codes;
mod meeting;
pub mod tokens;

use std::sync::{Mutex, MutexGuard, PoisonError};

use dashmap::DashMap;
use ring::rand::{SecureRandom, SystemRandom};
use rustc_hash::{FxBuildHasher, FxHashMap};
use uuid::Uuid;

use super::booking::{BookRide, Booked, Checked, Named};
use super::desk::{Actor, Details};
use super::ride::Ride;
use super::view::Viewer;
use super::{Rides, Unanswered, booking, driver_actor};
use crate::clock;
use crate::dispatch::{Input, Refusal};
use crate::error::{Error, Fault};
use crate::geo::LatLng;
use crate::ids::{DriverId, RideId, RiderId, UserId};
use crate::redact::Secret;
use crate::time::{Span, Timestamp};
use crate::web::{Caller, IdempotencyKey, Role};

use codes::{Code, Codes};
use meeting::{Meeting, check_ended, meeting_id};
use tokens::{Keys, Kit, Shower, Token};

/// A position older than this does not say where a driver stands.
const POSITION_AGE_MAX: Span = Span::from_minutes(5);
/// Riders whose wrong codes are remembered; beyond that the count begins anew for all.
const GUESSERS_MAX: usize = 10_000;

/// Numbers of pairing.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// How long a code of four digits is good for.
    pub code_lifetime: Span,
    /// Two drivers may hold one code only when they are farther apart than this.
    pub codes_apart_m: f64,
    /// How far from the driver the rider may be.
    pub distance_m_max: f64,
    /// Wrong codes of one rider within [`Config::guess_window`].
    pub guesses_max: u32,
    /// See [`Config::guesses_max`].
    pub guess_window: Span,
    /// How long a driver's kit is good for: a shift.
    pub driver_kit_lifetime: Span,
    /// How long a rider's kit is good for.
    pub rider_kit_lifetime: Span,
    /// How far the clock of a phone may be ahead of ours.
    pub clock_ahead_max: Span,
    /// How late what was scanned may be handed in.
    pub handed_in_within: Span,
}

/// What makes two people a pair.
#[derive(Clone, Debug)]
pub enum Proof {
    /// What the rider typed.
    Code(String),
    /// What one's phone saw on the other's.
    Scanned(String),
}

/// A ride that begins at the roadside.
#[derive(Clone, Debug)]
pub struct PairRide {
    /// Whom with.
    pub proof: Proof,
    /// From here to there, as a booking.
    pub ride: BookRide,
    /// When it ended, of one that is handed in afterwards.
    pub ended_at: Option<Timestamp>,
}

/// What a driver's app shows.
#[derive(Clone, Debug)]
pub struct ToShow {
    /// The four digits; drivers on shift only.
    pub code: Option<Code>,
    /// What to show as a QR code now.
    pub qr: String,
    /// What to make later ones of.
    pub kit: Kit,
    /// Until when the kit is good.
    pub kit_expires_at: Timestamp,
}

/// The state of this part of the service.
pub struct Pairing {
    pub(super) keys: Keys,
    codes: Mutex<Codes>,
    guesses: Mutex<Guesses>,
    /// People whose meetings are being handed in, so that two of one person at once are one after the other.
    in_hand: DashMap<UserId, (), FxBuildHasher>,
}

/// Wrong codes by rider, counted in windows that begin together.
#[derive(Debug, Default)]
struct Guesses {
    began: Option<Timestamp>,
    wrong: FxHashMap<RiderId, u32>,
}

impl Pairing {
    /// With a key that is used for nothing else.
    pub fn new(key: &Secret<[u8; 32]>) -> Self {
        Self {
            keys: Keys::new(key),
            codes: Mutex::default(),
            guesses: Mutex::default(),
            in_hand: DashMap::with_hasher(FxBuildHasher),
        }
    }
}

impl Rides {
    /// What the app of a driver on shift shows at the roadside.
    ///
    /// # Errors
    /// `not_online`; `driver_not_seen` without a position.
    pub fn show_driver(&self, driver: DriverId) -> Result<ToShow, Error> {
        let now = clock::now();
        if !self.inner.locations.is_on_shift(driver) {
            return Err(Error::conflict("not_online", "you are not online"));
        }
        let at =
            self.seen(driver, now).ok_or_else(|| Error::conflict("driver_not_seen", "send your position first"))?;
        let config = self.inner.config.pairing;
        let mut random = system_random();
        let rules = codes::Rules { lifetime: config.code_lifetime, apart_m: config.codes_apart_m };
        let code = lock(&self.inner.pairing.codes).give(driver, at, now, rules, &mut random);
        let code = code.map_err(|_| Error::Unavailable { retry_after: config.code_lifetime, cause: None })?;
        let shown = self.to_show(Shower::Driver, driver.into(), config.driver_kit_lifetime, now);
        Ok(ToShow { code: Some(code), ..shown })
    }

    /// What a rider's app shows at the roadside.
    pub fn show_rider(&self, rider: RiderId) -> ToShow {
        self.to_show(Shower::Rider, rider.into(), self.inner.config.pairing.rider_kit_lifetime, clock::now())
    }

    fn to_show(&self, shower: Shower, user: UserId, lifetime: Span, now: Timestamp) -> ToShow {
        let token = Token { shower, user, issued_at: now, expires_at: now + lifetime };
        let keys = &self.inner.pairing.keys;
        ToShow { code: None, qr: keys.show(&token, now), kit: keys.kit(&token), kit_expires_at: token.expires_at }
    }

    /// Begins a ride of two people who met; of one that is handed in after its end, also ends it.
    ///
    /// # Errors
    /// [`Error::Invalid`]; `code_unknown`, `pairing_refused`, `pairing_clock_ahead`, `pairing_too_old`, `pairing_replayed`,
    /// `pairing_overlaps`, `driver_far`, `driver_not_seen`, `driver_off_shift`, `driver_busy`, `ride_in_progress`, and as
    /// [`Rides::book`]; [`Error::RateLimited`] for who guesses codes.
    pub async fn pair(
        &self,
        caller: Caller,
        key: Option<&IdempotencyKey>,
        request: &PairRide,
    ) -> Result<Booked, Error> {
        let now = clock::now();
        let checked = self.check_booking(&request.ride, now)?;
        let request_hash = booking::hash_of_text(&format!("{request:?}"));
        match &request.proof {
            Proof::Code(digits) => {
                let Role::Customer = caller.role else {
                    return Err(Error::forbidden(
                        "forbidden",
                        "riders type codes; a driver scans what the rider shows",
                    ));
                };
                let rider = RiderId::from(caller.user);
                let id = key.map_or_else(|| RideId(Uuid::now_v7()), |key| booking::derived_id(caller.user, key));
                if key.is_some()
                    && let Some(replayed) = self.replay(id, request_hash, |ride| ride.rider == rider).await?
                {
                    return Ok(replayed);
                }
                if request.ended_at.is_some() {
                    let reason = "is for rides that are handed in with what was scanned";
                    return Err(Error::Invalid(vec![Fault::without_value("ended_at", reason)]));
                }
                let driver = self.driver_of_code(rider, digits, checked.pickup.at, now)?;
                let meeting = Meeting { rider, driver, shown_at: None, shown_by: Shower::Driver };
                let _in_hand = self.take_in_hand(&meeting)?;
                let named = Named { id, rider, request_hash };
                let booked = self.begin(caller, named, request, checked, &meeting).await?;
                lock(&self.inner.pairing.codes).take_away(driver);
                Ok(booked)
            }
            Proof::Scanned(text) => {
                let meeting = self.meeting_of(caller, text, now)?;
                let shown_at = meeting.shown_at.unwrap_or(now);
                check_ended(request.ended_at, shown_at, now)?;
                let _in_hand = self.take_in_hand(&meeting)?;
                if let Some(ride) = self.handed_in_before(&meeting, shown_at, now).await? {
                    return Ok(Booked { ride: self.view(&ride, viewer_of(caller)).await, replayed: true });
                }
                self.check_place_and_shift(&meeting, checked.pickup.at, shown_at, now).await?;
                let named = Named { id: meeting_id(&meeting, shown_at), rider: meeting.rider, request_hash };
                self.begin(caller, named, request, checked, &meeting).await
            }
        }
    }

    /// The driver who shows these digits near the rider.
    fn driver_of_code(&self, rider: RiderId, digits: &str, at: LatLng, now: Timestamp) -> Result<DriverId, Error> {
        let is_code = digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit());
        let not_a_code = || Error::invalid("code", digits, "must be four digits");
        let digits = digits.parse::<u16>().ok().filter(|_| is_code).ok_or_else(not_a_code)?;
        let config = self.inner.config.pairing;
        lock(&self.inner.pairing.guesses).refuse_guesser(rider, now, config)?;
        let holders = lock(&self.inner.pairing.codes).holders_of(digits, now);
        let seen = holders.into_iter().filter_map(|driver| Some((driver, self.seen(driver, now)?.distance_m(at))));
        match seen.min_by(|(_, a), (_, b)| a.total_cmp(b)) {
            Some((driver, distance_m)) if distance_m <= config.distance_m_max => Ok(driver),
            found => {
                lock(&self.inner.pairing.guesses).count(rider, now, config);
                Err(match found {
                    Some(_) => driver_far(),
                    None => Error::conflict("code_unknown", "no driver shows this code now; look again"),
                })
            }
        }
    }

    async fn begin(
        &self,
        caller: Caller,
        named: Named,
        request: &PairRide,
        checked: Checked,
        meeting: &Meeting,
    ) -> Result<Booked, Error> {
        let now = clock::now();
        let (viewer, id) = (viewer_of(caller), named.id);
        let &Meeting { rider, driver, shown_at, .. } = meeting;
        self.inner.people.refuse_restricted(rider).await?;
        if !self.inner.people.is_open(rider).await? {
            return Err(match viewer {
                // Not the caller's own account: they stay signed in.
                Viewer::Driver => Error::conflict("pairing_refused", "the account of this rider is closed"),
                _ => Error::unauthenticated("unauthenticated", "this account does not exist any more, or is closed"),
            });
        }
        let met_at = shown_at.unwrap_or(now).min(now);
        let ride = self.new_ride(named, &request.ride, checked, met_at).await?;
        let ride = Ride { paired_at: Some(shown_at.unwrap_or(now)), ..ride };
        let input = Input::Pair { ride: id, rider, driver, pin: ride.pin };
        let actor = Actor { role: caller.role.as_str(), id: Some(caller.user) };
        let ride = match self.command(actor, input, Details::Booking(Box::new(ride))).await {
            Ok(ride) => ride.ok_or_else(|| Error::internal("a paired ride is not there"))?,
            Err(Unanswered::Refused(Refusal::AlreadyRequested)) => {
                let ride = self.current(id).await?;
                return Ok(Booked { ride: self.view(&ride, viewer).await, replayed: true });
            }
            Err(Unanswered::Refused(Refusal::DriverOnRide)) => {
                return Err(driver_busy());
            }
            Err(Unanswered::Refused(Refusal::NotOnShift)) => {
                return Err(Error::conflict("driver_off_shift", "the driver is not on shift"));
            }
            Err(refused) => return Err(self.refused(refused)),
        };
        if request.ended_at.is_some() {
            let input = Input::Complete { driver, ride: id, pin: None };
            // What is not ended now is ended by the driver, as any ride.
            if let Ok(Some(ended)) = self.command(driver_actor(driver), input, Details::None).await {
                return Ok(Booked { ride: self.view(&ended, viewer).await, replayed: false });
            }
        }
        Ok(Booked { ride: self.view(&ride, viewer).await, replayed: false })
    }

    /// Where a driver stands, if that is known well enough.
    pub(super) fn seen(&self, driver: DriverId, now: Timestamp) -> Option<LatLng> {
        let fix = self.inner.locations.position_of(driver)?;
        (now.since(fix.at) <= POSITION_AGE_MAX).then_some(fix.position)
    }
}

impl Guesses {
    fn refuse_guesser(&mut self, rider: RiderId, now: Timestamp, config: Config) -> Result<(), Error> {
        let began = *self.began.get_or_insert(now);
        if now.since(began) >= config.guess_window {
            (self.began, self.wrong) = (Some(now), FxHashMap::default());
            return Ok(());
        }
        if self.wrong.get(&rider).is_some_and(|wrong| *wrong >= config.guesses_max) {
            let retry_after = (began + config.guess_window).since(now);
            return Err(Error::RateLimited { retry_after });
        }
        Ok(())
    }

    fn count(&mut self, rider: RiderId, now: Timestamp, config: Config) {
        if self.wrong.len() >= GUESSERS_MAX {
            self.wrong.clear();
        }
        self.began.get_or_insert(now);
        let wrong = self.wrong.entry(rider).or_default();
        *wrong = wrong.saturating_add(1).min(config.guesses_max);
    }
}

const fn viewer_of(caller: Caller) -> Viewer {
    if let Role::Driver = caller.role { Viewer::Driver } else { Viewer::Rider }
}

fn driver_busy() -> Error {
    Error::conflict("driver_busy", "the driver is on a ride")
}

fn driver_far() -> Error {
    Error::conflict("driver_far", "you are not beside this driver")
}

/// Random numbers of the system. Should there ever be none, codes are merely easier to guess for a moment.
fn system_random() -> impl FnMut() -> u32 {
    let random = SystemRandom::new();
    move || {
        let mut bytes = [0; 4];
        let _ = random.fill(&mut bytes);
        u32::from_le_bytes(bytes)
    }
}

/// Survives a panic of another holder: what is guarded is counted or handed out, never half-written.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
