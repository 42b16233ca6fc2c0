//! Where drivers are: who is on shift, their newest position, and who may look at it.
//!
//! The index itself is pure and below; this service owns what is around it: the check of a ping against the service
//! area and the clock, and the drivers on shift whose position is not known (yet, or not any more since a restart).
//! Invariant: a driver is in the index only while on shift, in the state in which dispatch has put them.

pub mod browse;
mod candidates;
pub mod geofences;
pub mod history;
pub mod http;
mod jump;
pub mod personal;
pub mod places;
pub mod stages;
mod store;

use std::sync::Arc;

use dashmap::DashMap;
use rustc_hash::FxBuildHasher;

use crate::dispatch::Availability;
use crate::error::{Error, Fault};
use crate::geo::{Area, LatLng};
use crate::ids::DriverId;
use crate::index::{DriverIndex, DriverState, Fix, Nearest, Neighbour, RideClasses, Slot, Update};
use crate::road::TravelTime;
use crate::time::{Span, Timestamp};

pub use jump::{Jump, Reach};

use browse::Tiles;
use geofences::{Fences, FencesConfig, Whereabouts, Zone};
use jump::LastSeen;
use stages::{Board, Doing};

/// Numbers of this service.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the city is served; a ping outside of it is refused.
    pub area: Area,
    /// Side of a cell of the index, in metres.
    pub cell_m: f64,
    /// Drivers on shift at once.
    pub drivers_max: u32,
    /// A position older than this is not used to find a driver.
    pub position_age_max: Span,
    /// A ping older than this on arrival is refused.
    pub ping_age_max: Span,
    /// A ping further in the future than this is refused: the phone's clock is wrong.
    pub ping_ahead_max: Span,
    /// How far a driver can get from one ping to the next.
    pub reach: Reach,
    /// How far away a driver may be to be asked.
    pub search_radius_m: f64,
    /// How many drivers a search returns to dispatch.
    pub candidates_max: usize,
    /// Drivers looked at for that at most.
    pub scan_max: usize,
    /// The map before a booking.
    pub browse: browse::Config,
    /// Zones and who is in them.
    pub fences: FencesConfig,
    /// Who waits at which stage.
    pub stages: stages::Rules,
}

#[cfg(test)]
impl Config {
    /// Numbers for tests: positions of any age that a test says, drivers from far around.
    pub(crate) fn for_tests() -> Self {
        Self {
            area: crate::geo::KIGALI,
            cell_m: 250.0,
            drivers_max: 1_000,
            position_age_max: Span::from_secs(60),
            ping_age_max: Span::from_minutes(60 * 24 * 400),
            ping_ahead_max: Span::from_secs(30),
            reach: Reach { speed_mps_max: 70.0, slack_m: 500.0 },
            search_radius_m: 5_000.0,
            candidates_max: 8,
            scan_max: 64,
            browse: browse::Config { tile_m: 1_000.0, every: Span::from_secs(1), drivers_max: 40 },
            fences: geofences::tests::fences(),
            stages: stages::Rules::for_tests(),
        }
    }
}

#[derive(Clone, Copy)]
struct OnShift {
    state: DriverState,
    classes: RideClasses,
}

/// Why a position was not taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Outside of the service area.
    OutsideServiceArea,
    /// Too old.
    TooOld {
        /// By how much the server's clock is ahead of it.
        age: Span,
    },
    /// Too far in the future.
    FromTheFuture {
        /// By how much it is ahead of the server's clock.
        ahead: Span,
    },
    /// Out of reach of the last one.
    Jumped(Jump),
    /// The driver is not on shift.
    NotOnShift,
    /// All places of the index are taken.
    Full,
}

impl Refused {
    /// For REST: the fields at fault.
    pub fn into_error(self, fix: &Fix) -> Error {
        let place = |field: &str, value: f64| Fault::new(field, value, "is outside of the service area");
        match self {
            Self::OutsideServiceArea => {
                Error::Invalid(vec![place("lat", fix.position.lat()), place("lng", fix.position.lng())])
            }
            Self::TooOld { age } => Error::invalid("t_ms", fix.at.as_millis(), format_args!("is {age} old")),
            Self::FromTheFuture { ahead } => {
                Error::invalid("t_ms", fix.at.as_millis(), format_args!("is {ahead} ahead of the server's clock"))
            }
            Self::Jumped(Jump { distance_m, within }) => {
                let place = fix.position;
                let reason = format!("is {distance_m} m from where you were {within} before");
                Error::Invalid(vec![Fault::new("lat", place.lat(), &reason), Fault::new("lng", place.lng(), &reason)])
            }
            Self::NotOnShift => Error::conflict("not_online", "go online before you send positions"),
            Self::Full => Error::Unavailable { retry_after: Span::from_secs(5), cause: None },
        }
    }
}

/// What is remembered of a driver's connection from one ping to the next, so that it is not looked up again.
#[derive(Clone, Copy, Debug, Default)]
pub struct Track {
    slot: Option<Slot>,
    last_seen: LastSeen,
    whereabouts: Whereabouts,
}

/// The drivers on shift and where they are.
#[derive(Clone)]
pub struct Locations {
    inner: Arc<Inner>,
}

struct Inner {
    config: Config,
    index: DriverIndex,
    tiles: Tiles,
    fences: Fences,
    stages: Board,
    on_shift: DashMap<DriverId, OnShift, FxBuildHasher>,
    travel: Arc<dyn TravelTime>,
}

impl Locations {
    /// Nobody on shift.
    ///
    /// # Errors
    /// When the numbers of `config` make no index.
    pub fn new(config: Config, travel: Arc<dyn TravelTime>) -> Result<Self, crate::index::ConfigError> {
        let index = crate::index::Config { area: config.area, cell_m: config.cell_m, drivers_max: config.drivers_max };
        let index = DriverIndex::new(index)?;
        let tiles = Tiles::new(config.area, config.browse.tile_m);
        let fences = Fences::new(config.fences.clone());
        let stages = Board::new(config.stages);
        Ok(Self {
            inner: Arc::new(Inner { config, index, tiles, fences, stages, on_shift: DashMap::default(), travel }),
        })
    }

    /// Where the city is served.
    pub fn area(&self) -> Area {
        self.inner.config.area
    }

    /// How many free drivers are named for a ride.
    pub fn candidates_max(&self) -> usize {
        self.inner.config.candidates_max
    }

    /// A position older than this is not used to find a driver.
    pub fn position_age_max(&self) -> Span {
        self.inner.config.position_age_max
    }

    /// Whether a free driver is within so many metres, as the crow flies.
    pub fn is_free_near(&self, place: LatLng, classes: RideClasses, radius_m_max: f64, now: Timestamp) -> bool {
        let mut near = Vec::new();
        let query = Nearest { k: 1, radius_m_max, ..self.query(classes, &[]) };
        self.inner.index.nearest(place, &query, now, &mut near);
        !near.is_empty()
    }

    /// The live index, for reading.
    pub fn index(&self) -> &DriverIndex {
        &self.inner.index
    }

    /// The zones in force, and who is in them.
    pub fn fences(&self) -> &Fences {
        &self.inner.fences
    }

    /// Who waits at which stage.
    pub fn stages(&self) -> &Board {
        &self.inner.stages
    }

    /// The no-go zone in which a place is: no ride begins or ends there.
    pub fn zone_refusing(&self, place: LatLng) -> Option<Arc<Zone>> {
        self.inner.fences.refusing(place)
    }

    /// Travel times, for whoever asks about a place this service knows.
    pub fn travel(&self) -> &dyn TravelTime {
        &*self.inner.travel
    }

    /// Takes in where a driver is: searchable when this returns. A position older than the newest one held is ignored. The
    /// answer is what the driver does: whoever is free is watched by nobody.
    ///
    /// # Errors
    /// [`Refused`], with nothing changed.
    pub fn ping(&self, driver: DriverId, track: &mut Track, fix: Fix, now: Timestamp) -> Result<DriverState, Refused> {
        self.check(&fix, now)?;
        track.last_seen.follow(&fix, self.inner.config.reach).map_err(Refused::Jumped)?;
        let state = self.move_to(driver, &mut track.slot, fix)?;
        self.inner.fences.follow(driver, &mut track.whereabouts, (fix.position, fix.at), |step| {
            // By the server's clock: a phone's own would buy places.
            self.inner.stages.stepped(driver, &step, self.doing(driver), now);
        });
        Ok(state)
    }

    /// Into the index.
    fn move_to(&self, driver: DriverId, known: &mut Option<Slot>, fix: Fix) -> Result<DriverState, Refused> {
        let index = &self.inner.index;
        let update = |slot: Option<Slot>| match slot.map_or(Update::Offline, |slot| index.update(slot, fix)) {
            Update::Moved(state) => Some(state),
            // Nothing new to show.
            Update::Stale => Some(DriverState::Free),
            Update::Offline => None,
        };
        if let Some(state) = update(*known) {
            return Ok(state);
        }
        // The first ping of a connection, or of a shift that began since.
        *known = index.slot_of(driver);
        if let Some(state) = update(*known) {
            return Ok(state);
        }
        // On shift, but without a position so far: since a restart, or since the shift began without one.
        self.place(driver, fix)
    }

    /// A position that dispatch may use must be inside the area and of now.
    ///
    /// # Errors
    /// [`Refused`] says what is wrong with it.
    pub fn check(&self, fix: &Fix, now: Timestamp) -> Result<(), Refused> {
        let config = &self.inner.config;
        if !config.area.contains(fix.position) {
            return Err(Refused::OutsideServiceArea);
        }
        let age = now.since(fix.at);
        if age > config.ping_age_max {
            return Err(Refused::TooOld { age });
        }
        let ahead = fix.at.since(now);
        if ahead > config.ping_ahead_max {
            return Err(Refused::FromTheFuture { ahead });
        }
        Ok(())
    }

    /// Puts a driver on shift into the index. The entry is held meanwhile, so that what dispatch says next comes next:
    /// without that a state of before could outlive it. The index never calls back, so this cannot lock up.
    fn place(&self, driver: DriverId, fix: Fix) -> Result<DriverState, Refused> {
        let shift = self.inner.on_shift.get(&driver).ok_or(Refused::NotOnShift)?;
        self.inner.index.go_online(driver, fix.position, fix.at, shift.classes).map_err(|_| Refused::Full)?;
        self.inner.index.set_state(driver, shift.state);
        Ok(shift.state)
    }

    /// A driver is on shift from now on; searchable as soon as a position is known.
    pub fn begin_shift(&self, driver: DriverId, classes: RideClasses, fix: Option<Fix>) {
        self.inner.on_shift.insert(driver, OnShift { state: DriverState::Free, classes });
        if let Some(fix) = fix
            && self.place(driver, fix) == Err(Refused::Full)
        {
            tracing::warn!(driver.id = %driver, "the index is full: this driver cannot be found");
        }
    }

    /// Follows dispatch: what a driver is available for. `Off` removes the driver at once.
    pub fn set_availability(&self, driver: DriverId, availability: Availability) {
        let state = match availability {
            Availability::Off => {
                // Off the index under the entry's lock, see `place`.
                self.inner.on_shift.remove_if(&driver, |_, _| {
                    self.inner.index.go_offline(driver);
                    true
                });
                self.inner.fences.end(driver);
                self.inner.stages.off(driver);
                return;
            }
            Availability::Free => DriverState::Free,
            Availability::Offered => DriverState::Offered,
            Availability::ToPickup => DriverState::ToPickup,
            Availability::AtPickup => DriverState::AtPickup,
            Availability::OnTrip => DriverState::OnTrip,
        };
        // A shift that is opened in this same step enters with `begin_shift`.
        if let Some(mut shift) = self.inner.on_shift.get_mut(&driver) {
            shift.state = state;
            self.inner.index.set_state(driver, state);
        }
        self.inner.stages.doing(driver, doing_of(state), crate::clock::now());
    }

    /// What a driver does, as far as a stage cares.
    fn doing(&self, driver: DriverId) -> Doing {
        self.inner.on_shift.get(&driver).map_or(Doing::Off, |shift| doing_of(shift.state))
    }

    /// Whether a driver is on shift.
    pub fn is_on_shift(&self, driver: DriverId) -> bool {
        self.inner.on_shift.contains_key(&driver)
    }

    /// Whether a driver on shift serves a kind of ride.
    pub fn serves(&self, driver: DriverId, class: RideClasses) -> bool {
        self.inner.on_shift.get(&driver).is_some_and(|shift| shift.classes.meets(class))
    }

    /// How many drivers are on shift.
    pub fn drivers_on_shift(&self) -> usize {
        self.inner.on_shift.len()
    }

    /// The newest position of a driver on shift.
    pub fn position_of(&self, driver: DriverId) -> Option<Fix> {
        self.inner.index.position_of(driver)
    }

    /// The same, unless it is too old to say where they are now.
    pub fn seen(&self, driver: DriverId, now: Timestamp) -> Option<Fix> {
        self.position_of(driver).filter(|fix| now.since(fix.at) <= self.inner.config.position_age_max)
    }

    fn query<'a>(&self, classes: RideClasses, exclude: &'a [DriverId]) -> Nearest<'a> {
        let config = &self.inner.config;
        Nearest {
            k: config.candidates_max,
            max_age: config.position_age_max,
            radius_m_max: config.search_radius_m,
            classes,
            exclude,
        }
    }

    /// Free drivers near a place, for a rider who looks at the map before booking.
    pub fn nearby(&self, from: LatLng, limit: usize, now: Timestamp) -> Vec<Nearby> {
        let mut near = Vec::new();
        let query = Nearest { k: limit, ..self.query(RideClasses::ANY, &[]) };
        self.inner.index.nearest(from, &query, now, &mut near);
        let show = |neighbour: &Neighbour| {
            let eta = self.inner.travel.duration(neighbour.into(), from).ok()?;
            Some(Nearby { position: neighbour.position, bearing_deg: neighbour.bearing_deg, eta })
        };
        near.iter().filter_map(show).collect()
    }
}

fn doing_of(state: DriverState) -> Doing {
    match state {
        DriverState::Free | DriverState::Offered => Doing::Waiting,
        DriverState::ToPickup | DriverState::AtPickup | DriverState::OnTrip => Doing::Riding,
    }
}

/// A free driver as anybody may see one: without a name or an id.
#[derive(Clone, Copy, Debug)]
pub struct Nearby {
    /// Where.
    pub position: LatLng,
    /// Which way the motorcycle points.
    pub bearing_deg: Option<u16>,
    /// Travel time to the place asked about.
    pub eta: Span,
}
