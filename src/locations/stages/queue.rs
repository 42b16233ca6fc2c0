//! Who waits at which stage, in which order. Pure.
//!
//! Separate because a place in a queue is a driver's earnings, so the rules are a few and stand in one file:
//! - Who is free inside of a stage joins at its end, at the moment at which the server is sure of it: a phone's clock buys
//!   no place. A driver has one place at most, in the stage that was entered first.
//! - A ride that is taken ends the place; so does the end of the shift.
//! - Who leaves keeps the place for `reentry_grace`, and so does, for `dark_grace`, whose phone is not heard. The place of
//!   who is away is kept and passed over.
//! - Who declines `declines_max` offers of the stage goes to its end.
//! - An operator moves and removes; who was removed joins again only after leaving the stage.
//!
//! Whether a driver is free is known elsewhere and handed in; [`Queues::sweep`] puts right what events said in the wrong
//! order, so that no order of events leaves a wrong place for longer than until the next sweep.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::{DriverId, ZoneId};
use crate::time::{Span, Timestamp};

/// When a place is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Who leaves for less than this keeps the place.
    pub reentry_grace: Span,
    /// Whose phone is silent for less than this keeps the place.
    pub dark_grace: Span,
    /// Offers of the stage that are declined until the driver goes to its end; none: never.
    pub declines_max: u8,
    /// Places of one stage; who comes when all are taken joins as soon as one is not.
    pub places_max: usize,
}

/// A driver's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Whose.
    pub driver: DriverId,
    /// Since when.
    pub joined_at: Timestamp,
    /// Offers of the stage that were declined in a row.
    pub declines: u8,
    /// The driver is away and loses the place then.
    pub away_until: Option<Timestamp>,
}

/// What a driver can be used for, as far as a queue cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// Not on shift.
    Off,
    /// Free, or with an offer to answer.
    Waiting,
    /// On a ride, or on the way to one.
    Riding,
}

/// A driver as a sweep finds them.
#[derive(Clone, Copy, Debug)]
pub struct Sight {
    /// What they do.
    pub doing: Doing,
    /// When their phone was heard last; `None` when it was not since the start.
    pub seen_at: Option<Timestamp>,
}

/// Why a place was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Leaving {
    /// Took a ride.
    TookRide,
    /// Was away for too long.
    WentAway,
    /// Was not heard for too long.
    WentDark,
    /// Went off shift.
    OffShift,
    /// Joined another stage.
    OtherStage,
    /// An operator took it.
    Removed,
    /// The stage is gone.
    StageGone,
}

impl Leaving {
    /// The word of the metric.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TookRide => "took_ride",
            Self::WentAway => "went_away",
            Self::WentDark => "went_dark",
            Self::OffShift => "off_shift",
            Self::OtherStage => "other_stage",
            Self::Removed => "removed",
            Self::StageGone => "stage_gone",
        }
    }
}

/// What is known of a driver who is in a zone or has a place.
#[derive(Clone, Debug, Default)]
struct Standing {
    /// Zones the driver is in (stages or not: a zone can become one), the first entered first.
    inside: Vec<(ZoneId, Timestamp)>,
    place: Option<ZoneId>,
    /// Removed from here by an operator and not out of it since.
    barred: Option<ZoneId>,
}

/// The queues of all stages.
#[derive(Debug)]
pub struct Queues {
    rules: Rules,
    stages: BTreeMap<ZoneId, Vec<Place>>,
    drivers: BTreeMap<DriverId, Standing>,
    /// Stages whose order or places changed since the last [`take_changed`](Self::take_changed).
    changed: BTreeSet<ZoneId>,
    left: Vec<(DriverId, Leaving)>,
}

impl Queues {
    /// No stages yet.
    pub const fn new(rules: Rules) -> Self {
        Self { rules, stages: BTreeMap::new(), drivers: BTreeMap::new(), changed: BTreeSet::new(), left: Vec::new() }
    }

    /// These zones are stages, and no others. Who is in a zone that becomes one joins with the next sweep.
    pub fn set_stages(&mut self, stages: &BTreeSet<ZoneId>) {
        let gone: Vec<ZoneId> = self.stages.keys().filter(|stage| !stages.contains(stage)).copied().collect();
        for stage in gone {
            let places = self.stages.remove(&stage).unwrap_or_default();
            for place in places {
                self.left.push((place.driver, Leaving::StageGone));
                if let Some(standing) = self.drivers.get_mut(&place.driver) {
                    standing.place = None;
                }
                self.forget_if_nothing(place.driver);
            }
            self.changed.insert(stage);
        }
        for stage in stages {
            self.stages.entry(*stage).or_default();
        }
    }

    /// A driver came into a zone.
    pub fn enter(&mut self, driver: DriverId, zone: ZoneId, doing: Doing, now: Timestamp) {
        let standing = self.drivers.entry(driver).or_default();
        if !standing.inside.iter().any(|(inside, _)| *inside == zone) {
            standing.inside.push((zone, now));
        }
        match standing.place {
            Some(place) if place == zone => self.change(zone, driver, |place| place.away_until = None),
            Some(other) if self.stages.contains_key(&zone) && doing == Doing::Waiting => {
                let is_away = !standing.inside.iter().any(|(inside, _)| *inside == other);
                if is_away {
                    self.lose(driver, Leaving::OtherStage);
                    self.settle(driver, now);
                }
            }
            Some(_) => {}
            None if doing == Doing::Waiting => self.settle(driver, now),
            None => {}
        }
    }

    /// A driver went out of a zone.
    pub fn exit(&mut self, driver: DriverId, zone: ZoneId, now: Timestamp) {
        let Some(standing) = self.drivers.get_mut(&driver) else { return };
        standing.inside.retain(|(inside, _)| *inside != zone);
        standing.barred = standing.barred.filter(|barred| *barred != zone);
        if standing.place == Some(zone) {
            let until = now + self.rules.reentry_grace;
            self.change(zone, driver, |place| place.away_until = Some(until));
        }
        self.forget_if_nothing(driver);
    }

    /// A driver has become free.
    pub fn free(&mut self, driver: DriverId, now: Timestamp) {
        self.settle(driver, now);
    }

    /// A driver has a ride.
    pub fn took_ride(&mut self, driver: DriverId) {
        self.lose(driver, Leaving::TookRide);
        self.forget_if_nothing(driver);
    }

    /// A driver is off shift: in no zone as well.
    pub fn off(&mut self, driver: DriverId) {
        self.lose(driver, Leaving::OffShift);
        self.drivers.remove(&driver);
    }

    /// A driver let an offer of a ride at this stage pass.
    pub fn declined(&mut self, driver: DriverId, stage: ZoneId) {
        let declines_max = self.rules.declines_max;
        if declines_max == 0 || self.drivers.get(&driver).is_none_or(|standing| standing.place != Some(stage)) {
            return;
        }
        let Some(places) = self.stages.get_mut(&stage) else { return };
        let Some(at) = places.iter().position(|place| place.driver == driver) else { return };
        places[at].declines = places[at].declines.saturating_add(1);
        if places[at].declines >= declines_max {
            let place = Place { declines: 0, ..places.remove(at) };
            places.push(place);
        }
        self.changed.insert(stage);
    }

    /// Puts right what time and others changed.
    pub fn sweep(&mut self, now: Timestamp, look: impl Fn(DriverId) -> Sight) {
        let placed: Vec<Place> = self.stages.values().flatten().copied().collect();
        for place in placed {
            let sight = look(place.driver);
            let is_dark = sight.seen_at.is_some_and(|at| now.since(at) >= self.rules.dark_grace);
            let why = match sight.doing {
                Doing::Riding => Some(Leaving::TookRide),
                // Whose shift is not restored yet keeps the place for as long as who is away.
                Doing::Off if place.away_until.is_none() => Some(Leaving::OffShift),
                Doing::Off | Doing::Waiting if place.away_until.is_some_and(|until| now >= until) => {
                    Some(Leaving::WentAway)
                }
                Doing::Waiting if is_dark => Some(Leaving::WentDark),
                Doing::Off | Doing::Waiting => None,
            };
            if let Some(why) = why {
                self.lose(place.driver, why);
                self.forget_if_nothing(place.driver);
            }
        }
        let is_heard = |sight: Sight| sight.seen_at.is_some_and(|at| now.since(at) < self.rules.dark_grace);
        let mut unsettled: Vec<(Timestamp, DriverId)> = self
            .drivers
            .iter()
            .filter(|(_, standing)| standing.place.is_none() && self.joinable(standing).is_some())
            .filter(|(driver, _)| {
                let sight = look(**driver);
                sight.doing == Doing::Waiting && is_heard(sight)
            })
            .filter_map(|(driver, standing)| Some((standing.inside.first()?.1, *driver)))
            .collect();
        unsettled.sort_unstable();
        for (_, driver) in unsettled {
            self.settle(driver, now);
        }
    }

    /// An operator puts a driver at a place of the queue, 0 for the head; beyond the end is the end. Whether there is such
    /// a driver in it.
    pub fn put(&mut self, driver: DriverId, stage: ZoneId, at: usize) -> bool {
        let Some(places) = self.stages.get_mut(&stage) else { return false };
        let Some(from) = places.iter().position(|place| place.driver == driver) else { return false };
        let place = places.remove(from);
        places.insert(at.min(places.len()), place);
        self.changed.insert(stage);
        true
    }

    /// An operator takes a driver's place. Whether there was one.
    pub fn remove(&mut self, driver: DriverId, stage: ZoneId) -> bool {
        let Some(standing) = self.drivers.get_mut(&driver).filter(|standing| standing.place == Some(stage)) else {
            return false;
        };
        standing.barred = standing.inside.iter().any(|(inside, _)| *inside == stage).then_some(stage);
        self.lose(driver, Leaving::Removed);
        self.forget_if_nothing(driver);
        true
    }

    /// A queue as it was before a restart. Who is in it has `dark_grace` to be heard inside again. Drivers who have a place
    /// already and what is beyond the bounds are left out.
    pub fn restore(&mut self, stage: ZoneId, places: Vec<Place>, now: Timestamp) {
        let Some(queue) = self.stages.get_mut(&stage) else { return };
        let (mut restored, came_since) = (Vec::with_capacity(places.len()), std::mem::take(queue));
        for place in places {
            let standing = self.drivers.entry(place.driver).or_default();
            let is_inside = standing.inside.iter().any(|(inside, _)| *inside == stage);
            if standing.place.is_none_or(|had| had == stage) && restored.len() < self.rules.places_max {
                standing.place = Some(stage);
                let until = now + self.rules.dark_grace;
                restored.push(Place { away_until: (!is_inside).then_some(until), ..place });
            }
        }
        let is_new = |place: &Place| !restored.iter().any(|known| known.driver == place.driver);
        let newcomers: Vec<Place> = came_since.into_iter().filter(is_new).collect();
        restored.extend(newcomers);
        self.stages.insert(stage, restored);
        self.changed.insert(stage);
    }

    /// The places of a stage, the head first; `None` for what is no stage.
    pub fn at(&self, stage: ZoneId) -> Option<&[Place]> {
        self.stages.get(&stage).map(Vec::as_slice)
    }

    /// Every stage with its places.
    pub fn all(&self) -> impl Iterator<Item = (ZoneId, &[Place])> {
        self.stages.iter().map(|(stage, places)| (*stage, places.as_slice()))
    }

    /// Where a driver has a place, and which, from 0.
    pub fn place_of(&self, driver: DriverId) -> Option<(ZoneId, usize, Place)> {
        let stage = self.drivers.get(&driver)?.place?;
        let places = self.stages.get(&stage)?;
        let at = places.iter().position(|place| place.driver == driver)?;
        Some((stage, at, places[at]))
    }

    /// Whether a driver is inside of a stage, with a place or without.
    pub fn is_at_stage(&self, driver: DriverId) -> bool {
        let standing = self.drivers.get(&driver);
        standing.is_some_and(|standing| standing.inside.iter().any(|(zone, _)| self.stages.contains_key(zone)))
    }

    /// Stages that changed since this was asked last.
    pub fn take_changed(&mut self) -> BTreeSet<ZoneId> {
        std::mem::take(&mut self.changed)
    }

    /// Those stages are to be told again.
    pub fn mark_changed(&mut self, stages: &BTreeSet<ZoneId>) {
        self.changed.extend(stages);
    }

    /// Who lost a place since this was asked last, and why.
    pub fn take_left(&mut self) -> Vec<(DriverId, Leaving)> {
        std::mem::take(&mut self.left)
    }

    fn change(&mut self, stage: ZoneId, driver: DriverId, change: impl FnOnce(&mut Place)) {
        let places = self.stages.get_mut(&stage);
        if let Some(place) = places.and_then(|places| places.iter_mut().find(|place| place.driver == driver)) {
            change(place);
            self.changed.insert(stage);
        }
    }

    /// The stage that a driver without a place can join.
    fn joinable(&self, standing: &Standing) -> Option<ZoneId> {
        let mut inside = standing.inside.iter().map(|(zone, _)| *zone);
        inside.find(|zone| {
            let has_room = self.stages.get(zone).is_some_and(|places| places.len() < self.rules.places_max);
            has_room && standing.barred != Some(*zone)
        })
    }

    /// Joins, when there is no place yet and a stage to join.
    fn settle(&mut self, driver: DriverId, now: Timestamp) {
        let Some(standing) = self.drivers.get(&driver).filter(|standing| standing.place.is_none()) else { return };
        let Some(stage) = self.joinable(standing) else { return };
        if let (Some(places), Some(standing)) = (self.stages.get_mut(&stage), self.drivers.get_mut(&driver)) {
            places.push(Place { driver, joined_at: now, declines: 0, away_until: None });
            standing.place = Some(stage);
            self.changed.insert(stage);
        }
    }

    fn lose(&mut self, driver: DriverId, why: Leaving) {
        let Some(stage) = self.drivers.get_mut(&driver).and_then(|standing| standing.place.take()) else { return };
        if let Some(places) = self.stages.get_mut(&stage) {
            places.retain(|place| place.driver != driver);
        }
        self.changed.insert(stage);
        self.left.push((driver, why));
    }

    fn forget_if_nothing(&mut self, driver: DriverId) {
        let is_nothing = |standing: &Standing| standing.inside.is_empty() && standing.place.is_none();
        if self.drivers.get(&driver).is_some_and(is_nothing) {
            self.drivers.remove(&driver);
        }
    }
}
