//! How long each street takes, learned from those who rode it: by hour of the week, and in the last minutes.
//!
//! Separate from the router, which is handed finished riding times and does not care where they come from; and from the
//! service that stores what was learned. Pure: the instant is an argument, the same observations in the same order give the
//! same times, and memory has a bound.
//!
//! # The estimate
//! What is learned is the ratio of the time a street took to its time as built, on four levels, each drawn towards the one
//! before by how little it has seen:
//! 1. the class of the street, over the whole week and in this hour; what nobody has ridden is as built;
//! 2. the street over the whole week;
//! 3. the street in this hour: expected is the week's, changed by what the class changes in this hour;
//! 4. the street in the last minutes: a jam now.

mod hour;
mod keys;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

pub use hour::{HourOfWeek, StreetHour};
pub use keys::arc_key;

use crate::road::closures::Closures;
use crate::road::evidence::{Evidence, Weighing};
use crate::road::network::{ArcId, Network, RoadClass};
use crate::road::turns::CLOSED;
use crate::time::{Span, Timestamp};

/// Riding a street shorter than this in free flow counts for less, in proportion: whole seconds of a phone's clock and
/// metres of its receiver are a large part of so short a time.
const WHOLE_WEIGHT_FROM_MS: f32 = 5_000.0;
/// Evidence that counts for less than this is forgotten.
const FORGOTTEN_BELOW: f32 = 0.5;
/// Live evidence that counts for less is none any more.
const LIVE_WEIGHT_MIN: f32 = 1.5;

/// Numbers of learning.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Config {
    /// Hours of streets that are remembered at most, whole weeks included; what is new beyond that is counted for its class
    /// only. Some 20 bytes each.
    pub entries_max: usize,
    /// After this time without a passage what was seen before counts half.
    pub half_life: Span,
    /// The same for the evidence of the last minutes.
    pub live_half_life: Span,
}

/// Whom evidence is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Subject {
    /// Every street of a class.
    Class(RoadClass),
    /// One street in one direction.
    Arc(ArcId),
}

/// Evidence to be kept, or that was.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Learned {
    /// Whom it is about.
    pub subject: Subject,
    /// Of which hour.
    pub hour: StreetHour,
    /// What was seen.
    pub evidence: Evidence,
}

/// What is known of one arc.
#[derive(Clone, PartialEq, Debug, Default)]
struct Street {
    week: Evidence,
    live: Evidence,
    /// In order of the hour.
    hours: Vec<(StreetHour, Evidence)>,
}

impl Street {
    /// How many entries it takes.
    fn len(&self) -> usize {
        self.hours.len() + usize::from(self.week.weight > 0.0)
    }
}

/// Learned riding times of a network.
#[derive(Clone, PartialEq, Debug)]
pub struct Speeds {
    weekly: Weighing,
    live: Weighing,
    entries_max: usize,
    /// By arc; a street that nobody has ridden costs a word.
    streets: Vec<Option<Box<Street>>>,
    /// Of each class, its hours.
    classes: Vec<[Evidence; StreetHour::COUNT]>,
    entries: usize,
    changed: BTreeSet<(Subject, StreetHour)>,
}

impl Speeds {
    /// Nothing learned about a network of so many arcs.
    pub fn new(config: &Config, arc_count: usize) -> Self {
        let half_life_s = |span: Span| (span.as_millis() as f32 / 1_000.0).max(1.0);
        // The past counts by its age and not by how often the street was ridden yesterday: the ceiling is out of reach.
        let weekly =
            Weighing { half_life_s: half_life_s(config.half_life), weight_max: 1e5, weight_min: 3.0, prior: 3.0 };
        let live = Weighing {
            half_life_s: half_life_s(config.live_half_life),
            weight_max: 8.0,
            // Two passages of the last minutes: one motorcycle at the kerb is no jam.
            weight_min: LIVE_WEIGHT_MIN,
            prior: 1.0,
        };
        Self {
            weekly,
            live,
            entries_max: config.entries_max,
            streets: vec![None; arc_count],
            classes: vec![[Evidence::NONE; StreetHour::COUNT]; RoadClass::ALL.len()],
            entries: 0,
            changed: BTreeSet::new(),
        }
    }

    /// Somebody rode a whole arc in `duration`, until `at`. Observations that come late count for their hour, and not for
    /// the present. An arc of another network, or no time at all, is passed over.
    pub fn observe(&mut self, network: &Network, arc: ArcId, duration: Span, at: Timestamp) {
        let Some(free_flow_ms) = network.durations_ms().get(arc.0 as usize).map(|ms| *ms as f32) else { return };
        if duration == Span::ZERO || arc.0 as usize >= self.streets.len() {
            return;
        }
        let ratio = duration.as_millis() as f32 / free_flow_ms;
        let weight = (free_flow_ms / WHOLE_WEIGHT_FROM_MS).min(1.0);
        let (hour, at_s) = (HourOfWeek::of(at).of_street(), seconds(at));
        let class = network.class(network.directed(arc).segment);
        for hour in [hour, StreetHour::WHOLE_WEEK] {
            self.classes[class as usize][usize::from(hour.number())].add(ratio, weight, at_s, &self.weekly);
            self.changed.insert((Subject::Class(class), hour));
            let weighing = self.weekly;
            if let Some(evidence) = self.entry(arc, hour) {
                evidence.add(ratio, weight, at_s, &weighing);
                self.changed.insert((Subject::Arc(arc), hour));
            }
        }
        if let Some(street) = &mut self.streets[arc.0 as usize] {
            street.live.add(ratio, weight, at_s, &self.live);
        }
    }

    /// The evidence of an arc's hour, made where there is room.
    fn entry(&mut self, arc: ArcId, hour: StreetHour) -> Option<&mut Evidence> {
        let has_room = self.entries < self.entries_max;
        let place = self.streets.get_mut(arc.0 as usize)?;
        if place.is_none() {
            if !has_room {
                return None;
            }
            *place = Some(Box::default());
        }
        let street = place.as_mut()?;
        if hour == StreetHour::WHOLE_WEEK {
            // Without weight it is none yet, and counted now that it gets a value.
            let is_new = street.week.weight == 0.0;
            self.entries += usize::from(is_new && has_room);
            return (has_room || !is_new).then_some(&mut street.week);
        }
        match street.hours.binary_search_by_key(&hour, |(hour, _)| *hour) {
            Ok(index) => Some(&mut street.hours[index].1),
            Err(_) if !has_room => None,
            Err(index) => {
                self.entries += 1;
                street.hours.insert(index, (hour, Evidence::NONE));
                Some(&mut street.hours[index].1)
            }
        }
    }

    /// The riding time of every arc in an hour, as things stand now, in milliseconds: at least 1 and below
    /// [`CLOSED`], which those have that nobody may ride. No street is faster than the fastest is built for: searches that
    /// stop early rely on a fastest speed, and one noisy passage of a short arc must not make them look everywhere.
    pub fn durations_ms(&self, network: &Network, hour: HourOfWeek, closures: &Closures, now: Timestamp) -> Vec<u32> {
        let (hour, now_s) = (hour.of_street(), seconds(now));
        let classes: Vec<(f32, f32)> = self.classes.iter().map(|class| self.of_class(class, hour, now_s)).collect();
        let factors: Vec<f32> = classes.iter().map(|(_, in_hour)| in_hour.exp()).collect();
        let fastest = Fastest::of(network);
        let mut durations_ms: Vec<u32> = network.durations_ms().to_vec();
        for (index, duration_ms) in durations_ms.iter_mut().enumerate() {
            let class = network.class(network.directed(ArcId(index as u32)).segment) as usize;
            let factor = match self.streets.get(index).and_then(Option::as_ref) {
                Some(street) => self.of_street(street, classes[class], hour, now_s).exp(),
                None => factors[class],
            };
            let least_ms = fastest.least_ms(network.length_dm(ArcId(index as u32)));
            // A float beyond the type becomes its greatest value.
            *duration_ms = ((*duration_ms as f32 * factor).round() as u32).clamp(least_ms, CLOSED - 1);
        }
        for arc in closures.arcs() {
            if let Some(duration_ms) = durations_ms.get_mut(arc.0 as usize) {
                *duration_ms = CLOSED;
            }
        }
        durations_ms
    }

    /// What a class takes over the week and in an hour, as logarithms.
    fn of_class(&self, class: &[Evidence; StreetHour::COUNT], hour: StreetHour, now_s: u32) -> (f32, f32) {
        let of = |hour: StreetHour| class[usize::from(hour.number())];
        let week = of(StreetHour::WHOLE_WEEK).shrunk(0.0, now_s, &self.weekly);
        (week, of(hour).shrunk(week, now_s, &self.weekly))
    }

    fn of_street(&self, street: &Street, (class_week, class_hour): (f32, f32), hour: StreetHour, now_s: u32) -> f32 {
        let week = street.week.shrunk(class_week, now_s, &self.weekly);
        let expected = week + class_hour - class_week;
        let in_hour = match street.hours.binary_search_by_key(&hour, |(hour, _)| *hour) {
            Ok(index) => street.hours[index].1.shrunk(expected, now_s, &self.weekly),
            Err(_) => expected,
        };
        street.live.shrunk(in_hour, now_s, &self.live)
    }

    /// How many arcs have evidence of the last minutes.
    pub fn live_count(&self, now: Timestamp) -> usize {
        let now_s = seconds(now);
        let is_live = |street: &&Street| street.live.weight_at(now_s, &self.live) >= LIVE_WEIGHT_MIN;
        self.streets.iter().flatten().map(AsRef::as_ref).filter(is_live).count()
    }

    /// How many hours of streets are remembered.
    pub fn len(&self) -> usize {
        self.entries
    }

    /// Whether nothing is remembered of any street.
    pub fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// Drops what is too old to count, so that its memory serves others.
    pub fn forget(&mut self, now: Timestamp) {
        let (now_s, weighing) = (seconds(now), self.weekly);
        let counts = |evidence: &Evidence| evidence.weight_at(now_s, &weighing) >= FORGOTTEN_BELOW;
        for place in &mut self.streets {
            let Some(street) = place else { continue };
            let before = street.len();
            street.hours.retain(|(_, evidence)| counts(evidence));
            if !counts(&street.week) {
                street.week = Evidence::NONE;
            }
            let after = street.len();
            self.entries -= before - after;
            if after == 0 {
                *place = None;
            }
        }
    }

    /// Up to `entries_max` pieces of evidence that changed since they were last taken, in order; taken are they then.
    pub fn take_changed(&mut self, entries_max: usize) -> Vec<Learned> {
        let mut taken = Vec::new();
        while taken.len() < entries_max
            && let Some((subject, hour)) = self.changed.pop_first()
        {
            taken.extend(self.find(subject, hour).map(|evidence| Learned { subject, hour, evidence }));
        }
        taken
    }

    /// What was taken could not be kept: it is taken again.
    pub fn put_back(&mut self, taken: &[Learned]) {
        self.changed.extend(taken.iter().map(|learned| (learned.subject, learned.hour)));
    }

    fn find(&self, subject: Subject, hour: StreetHour) -> Option<Evidence> {
        match subject {
            Subject::Class(class) => Some(self.classes[class as usize][usize::from(hour.number())]),
            Subject::Arc(arc) => {
                let street = self.streets.get(arc.0 as usize)?.as_ref()?;
                if hour == StreetHour::WHOLE_WEEK {
                    return Some(street.week);
                }
                let index = street.hours.binary_search_by_key(&hour, |(hour, _)| *hour).ok()?;
                Some(street.hours[index].1)
            }
        }
    }

    /// Takes in what was kept. Arcs that the network does not have, and more than there is room for, are passed over.
    pub fn restore(&mut self, kept: impl IntoIterator<Item = Learned>) {
        for Learned { subject, hour, evidence } in kept {
            match subject {
                Subject::Class(class) => self.classes[class as usize][usize::from(hour.number())] = evidence,
                // Nothing is no entry.
                Subject::Arc(_) if evidence.weight <= 0.0 => {}
                Subject::Arc(arc) => {
                    if let Some(place) = self.entry(arc, hour) {
                        *place = evidence;
                    }
                }
            }
        }
    }
}

/// The best speed of any arc as built: so many decimetres in so many milliseconds.
#[derive(Clone, Copy)]
struct Fastest {
    length_dm: u64,
    duration_ms: u64,
}

impl Fastest {
    fn of(network: &Network) -> Self {
        let mut best = Self { length_dm: 0, duration_ms: 1 };
        for (index, duration_ms) in network.durations_ms().iter().enumerate() {
            let length_dm = network.length_dm(ArcId(index as u32));
            let (length_dm, duration_ms) = (u64::from(length_dm), u64::from(*duration_ms));
            // As fractions, exactly: the fastest arc must not be slowed by rounding.
            if length_dm * best.duration_ms > best.length_dm * duration_ms {
                best = Self { length_dm, duration_ms };
            }
        }
        best
    }

    /// The shortest time in which a length can be ridden; at least 1 and below [`CLOSED`].
    fn least_ms(self, length_dm: u32) -> u32 {
        let least_ms = (u64::from(length_dm) * self.duration_ms).div_ceil(self.length_dm.max(1));
        u32::try_from(least_ms).unwrap_or(CLOSED - 1).clamp(1, CLOSED - 1)
    }
}

/// Seconds since 1970; the ends of the range for what is beyond it.
fn seconds(at: Timestamp) -> u32 {
    u32::try_from(at.as_millis().max(0) / 1_000).unwrap_or(u32::MAX)
}
