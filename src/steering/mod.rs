//! Steering: what is done about a part of the city that is short of drivers.
//!
//! Regulated fares cannot rise (the tariff's cap is 1.0), so there the signal steers drivers instead of prices: a heat map to
//! look at, and a hint to who stands idle. Where a tariff allows more, quotes follow, up to its cap and ours. Separate from
//! dispatch, which gives rides to drivers where they are, and from `demand`, which is the arithmetic without the city.
//!
//! Requests come from `rides` as they are committed, drivers from the index every few seconds, never from pings. All of it is
//! in memory: after a restart the map is empty and fills within minutes, which is what it is about. Invariants: nobody is
//! shown a cell of fewer than `shown_requests_min` requests; of drivers nothing but their number leaves this room; to no cell
//! are more drivers sent than it is short of.

pub mod http;
mod keeper;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;

use crate::demand::{Cell, Counts, Happening, Idle, Picture, Rules, Totals, spread};
use crate::geo::LatLng;
use crate::ids::DriverId;
use crate::index::DriverState;
use crate::locations::Locations;
use crate::money::BasisPoints;
use crate::realtime::Hub;
use crate::realtime::protocol::server::HintView;
use crate::time::{Span, Timestamp};

/// Numbers of the service.
#[derive(Clone, Debug)]
pub struct Config {
    /// How often drivers are counted, the picture is made and hints are given.
    pub sample: Span,
    /// Minutes that a picture looks back.
    pub window_minutes: usize,
    /// Cells in memory.
    pub cells_max: usize,
    /// What is made of the counts.
    pub rules: Rules,
    /// How far an idle driver is sent.
    pub hint_reach_m: f64,
    /// How long a hint is meant.
    pub hint_lifetime: Span,
    /// Drivers under way to one cell by hint.
    pub hint_budget_max: u32,
    /// After how long without work a driver is idle.
    pub idle_after: Span,
}

/// The city as it was counted last.
#[derive(Debug, Default)]
pub struct Moment {
    /// When.
    pub at: Option<Timestamp>,
    /// Supply and demand.
    pub picture: Picture,
    totals: BTreeMap<Cell, Totals>,
}

/// A hint as it was given.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Hint {
    cell: Cell,
    distance_m: f64,
    expires_at: Timestamp,
}

/// Who is idle, and who was sent where.
#[derive(Default)]
struct Guidance {
    /// Free drivers, since when.
    free_since: BTreeMap<DriverId, Timestamp>,
    given: BTreeMap<DriverId, Hint>,
    /// Where each driver was told to go last.
    told: BTreeMap<DriverId, Cell>,
}

/// The service. Clones share everything.
#[derive(Clone)]
pub struct Steering {
    inner: Arc<Inner>,
}

struct Inner {
    config: Config,
    locations: Locations,
    hub: Arc<Hub>,
    counts: Mutex<Counts>,
    moment: ArcSwap<Moment>,
    guidance: Mutex<Guidance>,
    /// Drivers who do not want to be sent anywhere.
    objectors: Mutex<BTreeSet<DriverId>>,
}

/// What a look at the index tells.
#[derive(Default)]
struct Supply {
    by_cell: BTreeMap<Cell, u32>,
    free: BTreeMap<DriverId, LatLng>,
}

impl Steering {
    /// Nothing counted yet.
    pub fn new(config: Config, locations: Locations, hub: Arc<Hub>) -> Self {
        let counts = Mutex::new(Counts::new(config.cells_max));
        let (moment, guidance, objectors) = (ArcSwap::default(), Mutex::default(), Mutex::default());
        Self { inner: Arc::new(Inner { config, locations, hub, counts, moment, guidance, objectors }) }
    }

    /// Something happened to a request for a ride from this place.
    pub fn note(&self, pickup: LatLng, what: Happening, now: Timestamp) {
        lock(&self.inner.counts).note(Cell::of(pickup), what, now);
    }

    /// The city as it was counted last.
    pub fn moment(&self) -> Arc<Moment> {
        self.inner.moment.load_full()
    }

    /// What a ride from here costs more, before the tariff's cap.
    pub fn surge_at(&self, pickup: LatLng) -> BasisPoints {
        self.inner.moment.load().picture.surge(Cell::of(pickup), &self.inner.config.rules)
    }

    /// How long drivers took lately, one ride after the other, to take those that were asked for in these cells; `None`
    /// when they took none.
    pub fn time_between(&self, cells: &[Cell]) -> Option<Span> {
        let moment = self.inner.moment.load();
        let served: u32 = cells.iter().filter_map(|cell| moment.totals.get(cell)).map(|totals| totals.served).sum();
        let window = Span::from_minutes(self.inner.config.window_minutes as i64);
        (served > 0).then(|| Span::from_millis(window.as_millis() / i64::from(served)))
    }

    /// Where a driver is wanted, if anywhere.
    pub fn hint_for(&self, driver: DriverId, now: Timestamp) -> Option<HintView> {
        let hint = *lock(&self.inner.guidance).given.get(&driver)?;
        if hint.expires_at <= now {
            return None;
        }
        self.view(&hint)
    }

    /// A driver's app has come back and knows nothing.
    pub fn tell_again(&self, driver: DriverId) {
        lock(&self.inner.guidance).told.remove(&driver);
    }

    fn view(&self, hint: &Hint) -> Option<HintView> {
        let moment = self.inner.moment.load();
        let hot = moment.picture.hot_at(hint.cell)?;
        let centre = hint.cell.centre();
        Some(HintView {
            cell: hint.cell.name(),
            lat: rounded(centre.lat()),
            lng: rounded(centre.lng()),
            distance_m: hint.distance_m as i64,
            intensity: hot.intensity,
            expires_at: hint.expires_at,
        })
    }

    /// From now on these drivers get no hints, and only these: they objected (law 058/2021, art. 19). Hints that they have
    /// are taken back.
    pub fn leave_alone(&self, objectors: BTreeSet<DriverId>) {
        *lock(&self.inner.objectors) = objectors;
    }

    /// Counts the drivers, makes the picture, gives hints.
    fn round(&self, now: Timestamp) {
        let supply = self.look(now);
        let config = &self.inner.config;
        let (totals, samples) = {
            let mut counts = lock(&self.inner.counts);
            counts.sample(&supply.by_cell, now);
            (counts.totals(now, config.window_minutes), counts.samples(now, config.window_minutes))
        };
        let picture = Picture::new(&totals, samples, &config.rules);
        let mut guidance = lock(&self.inner.guidance);
        guidance.follow(&supply, now);
        let mut left_alone = self.inner.locations.stages().placed();
        left_alone.extend(lock(&self.inner.objectors).iter());
        guidance.give(&picture, &supply, &left_alone, config, now);
        drop(guidance);
        self.inner.moment.store(Arc::new(Moment { at: Some(now), picture, totals }));
    }

    fn look(&self, now: Timestamp) -> Supply {
        let oldest = now - self.inner.locations.position_age_max();
        let mut supply = Supply::default();
        self.inner.locations.index().visit(|online| {
            if online.state == DriverState::Free && online.fix.at >= oldest {
                *supply.by_cell.entry(Cell::of(online.fix.position)).or_default() += 1;
                supply.free.insert(online.driver, online.fix.position);
            }
        });
        supply
    }
}

impl Guidance {
    /// Who is free, and since when.
    fn follow(&mut self, supply: &Supply, now: Timestamp) {
        self.free_since.retain(|driver, _| supply.free.contains_key(driver));
        for driver in supply.free.keys() {
            self.free_since.entry(*driver).or_insert(now);
        }
    }

    /// Takes back what is not meant any more and sends idle drivers to what is left of each cell's shortage. Who has a
    /// place at a stage is left there, and who objected is left alone.
    fn give(
        &mut self,
        picture: &Picture,
        supply: &Supply,
        left_alone: &BTreeSet<DriverId>,
        config: &Config,
        now: Timestamp,
    ) {
        self.given.retain(|driver, hint| {
            let is_under_way = supply.free.get(driver).is_some_and(|place| Cell::of(*place) != hint.cell);
            let is_meant = hint.expires_at > now && picture.hot_at(hint.cell).is_some();
            is_under_way && is_meant && !left_alone.contains(driver)
        });
        let under_way = |cell: Cell| self.given.values().filter(|hint| hint.cell == cell).count();
        let budget = |hot: &crate::demand::Hot| {
            // Averages learn slowly of who has just come: those there now count in full.
            let there = supply.by_cell.get(&hot.cell).copied().unwrap_or_default();
            let coming = u32::try_from(under_way(hot.cell)).unwrap_or(u32::MAX);
            hot.short.saturating_sub(there).min(config.hint_budget_max).saturating_sub(coming)
        };
        let budgets: BTreeMap<Cell, u32> = picture.hot.iter().map(|hot| (hot.cell, budget(hot))).collect();
        let idle: Vec<Idle> = supply
            .free
            .iter()
            .filter(|(driver, _)| !self.given.contains_key(driver) && !left_alone.contains(driver))
            .filter(|(driver, _)| {
                self.free_since.get(driver).is_some_and(|since| now.since(*since) >= config.idle_after)
            })
            .map(|(driver, place)| Idle { driver: *driver, place: *place })
            .collect();
        for (driver, cell) in spread(&idle, &budgets, config.hint_reach_m) {
            let distance_m = supply.free.get(&driver).map_or(0.0, |place| place.distance_m(cell.centre()));
            self.given.insert(driver, Hint { cell, distance_m, expires_at: now + config.hint_lifetime });
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// To six places, 0.1 m.
fn rounded(degrees: f64) -> f64 {
    (degrees * 1e6).round() / 1e6
}
