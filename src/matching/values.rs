//! What it is worth that a driver is in a place at an hour, learned from rides.
//!
//! Separate from the costs of a round because it outlives rounds, and because it is experience and no rule: until a
//! simulation has shown a gain it stays off (`place_value` of every candidate is zero).
//!
//! **The unit** is pickup time. What a driver was worth in the round that gave them a ride is the *price* of their column
//! in the [assignment](super::assignment): so much longer, at least, would all pickups together have taken without them. A
//! place is worth what drivers in it are going to earn of that, sooner counting more than later (temporal differences, as DiDi
//! described in 2018):
//!
//! ```text
//! value(from) += rate × (saved + discount × value(to) − value(from))
//! ```
//!
//! **How to use it.** Of every ride that ends, [`Values::learn`] with where the driver stood when it was assigned, where it
//! ended, and the driver's price as `saved`. Of every free driver, now and then (ten minutes do), and when their shift ends,
//! the same with nothing saved: waiting in vain is what makes a place cheap. In a round, [`Values::value_of`] the driver's
//! place is the candidate's `place_value`: rides then go to drivers who are worth less where they are, if they are about as
//! near. [`Values::list`] and [`Values::from_list`] carry it over a restart.

use std::collections::BTreeMap;

use h3o::{CellIndex, Resolution};

use crate::geo::LatLng;
use crate::road::traffic::HourOfWeek;
use crate::time::{Span, Timestamp};

/// Cells of some five square kilometres: as far apart as drivers who stand in for one another.
const RESOLUTION: Resolution = Resolution::Seven;

/// How to learn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Learning {
    /// What one more transition counts at least, of a thousand parts: more follows changes sooner, less is calmer. The first
    /// ones count for more, so that they are a plain mean.
    pub rate_permille: u32,
    /// After so long a value counts half.
    pub half_life: Span,
    /// As many transitions of nothing are imagined: what was seen a few times only is not believed yet.
    pub doubt: u32,
    /// No place is worth more.
    pub value_max: Span,
    /// As many pairs of a cell and an hour are kept; what is seen of others, once they are reached, is not learned.
    pub entries_max: usize,
}

/// A driver in a place.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Spot {
    /// Where.
    pub place: LatLng,
    /// When.
    pub at: Timestamp,
}

/// What became of a driver: from the one spot to the other, by a ride or by waiting.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Transition {
    /// Where the driver stood when the ride was assigned, or began to wait.
    pub from: Spot,
    /// Where the ride ended, or until when the driver waited and where; none where the shift ended.
    pub to: Option<Spot>,
    /// The price of the driver's column in the round that assigned the ride; zero of waiting.
    pub saved: Span,
}

/// Of one cell at one hour, or at all hours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Learned {
    /// The H3 index of the cell.
    pub cell: u64,
    /// None: at all hours.
    pub hour: Option<HourOfWeek>,
    /// In milliseconds of pickup time.
    pub value_ms: i64,
    /// How many transitions have been seen.
    pub seen: u32,
}

type Key = (CellIndex, Option<HourOfWeek>);

#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
struct Entry {
    value_ms: i64,
    seen: u32,
}

/// What places are worth.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Values {
    learning: Learning,
    entries: BTreeMap<Key, Entry>,
}

impl Values {
    /// Nothing is worth anything yet.
    pub fn new(learning: Learning) -> Self {
        Self { learning, entries: BTreeMap::new() }
    }

    /// What [`Values::list`] said. What is no cell, or too much, is left out; values beyond what is allowed are cut.
    pub fn from_list(learning: Learning, list: &[Learned]) -> Self {
        let mut values = Self::new(learning);
        for learned in list {
            let Ok(cell) = CellIndex::try_from(learned.cell) else { continue };
            if values.entries.len() < learning.entries_max && cell.resolution() == RESOLUTION {
                let value_ms = learned.value_ms.clamp(0, learning.value_max.as_millis());
                values.entries.insert((cell, learned.hour), Entry { value_ms, seen: learned.seen });
            }
        }
        values
    }

    /// Everything that is known, in a fixed order.
    pub fn list(&self) -> Vec<Learned> {
        let learned = |(key, entry): (&Key, &Entry)| {
            let (cell, hour) = *key;
            Learned { cell: cell.into(), hour, value_ms: entry.value_ms, seen: entry.seen }
        };
        self.entries.iter().map(learned).collect()
    }

    /// What it is worth that a driver is there then. What was seen of the hour counts beside what was seen of the cell at all
    /// hours, and this beside nothing: the more often, the more.
    pub fn value_of(&self, spot: Spot) -> Span {
        let Some(cell) = cell_of(spot.place) else { return Span::ZERO };
        let mut value_ms = 0;
        for hour in [None, Some(HourOfWeek::of(spot.at))] {
            let Some(entry) = self.entries.get(&(cell, hour)) else { continue };
            let [seen, doubt] = [entry.seen, self.learning.doubt.max(1)].map(i64::from);
            value_ms = (entry.value_ms * seen + value_ms * doubt) / (seen + doubt);
        }
        Span::from_millis(value_ms)
    }

    /// Learns from what became of a driver. What ends before it begins is not learned.
    pub fn learn(&mut self, transition: &Transition) {
        let Transition { from, to, saved } = transition;
        let Some(cell) = cell_of(from.place) else { return };
        if to.is_some_and(|to| to.at < from.at) {
            return;
        }
        let later_ms = to.map_or(0, |to| self.discounted_ms(self.value_of(to), to.at.since(from.at)));
        let target_ms = saved.as_millis().saturating_add(later_ms).clamp(0, self.learning.value_max.as_millis());
        for hour in [None, Some(HourOfWeek::of(from.at))] {
            let is_full = self.entries.len() >= self.learning.entries_max;
            let key = (cell, hour);
            if is_full && !self.entries.contains_key(&key) {
                continue;
            }
            let entry = self.entries.entry(key).or_default();
            entry.seen = entry.seen.saturating_add(1);
            // A mean of the first few, then one that forgets.
            let rate_permille = i64::from((1_000 / entry.seen).max(self.learning.rate_permille.clamp(1, 1_000)));
            entry.value_ms += (target_ms - entry.value_ms) * rate_permille / 1_000;
        }
    }

    fn discounted_ms(&self, value: Span, after: Span) -> i64 {
        let half_lives = after.as_millis() as f64 / self.learning.half_life.as_millis().max(1) as f64;
        (value.as_millis() as f64 * (-half_lives).exp2()).round() as i64
    }
}

fn cell_of(place: LatLng) -> Option<CellIndex> {
    Some(h3o::LatLng::new(place.lat(), place.lng()).ok()?.to_cell(RESOLUTION))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LEARNING: Learning = Learning {
        rate_permille: 50,
        half_life: Span::from_minutes(30),
        doubt: 5,
        value_max: Span::from_minutes(10),
        entries_max: 10_000,
    };

    fn monday_at(hour: i64, minute: i64) -> Timestamp {
        Timestamp::from_millis(1_790_546_400_000 + (hour * 60 + minute) * 60_000)
    }

    fn spot(lng: f64, at: Timestamp) -> Spot {
        Spot { place: LatLng::new(-1.95, lng).expect("on the globe"), at }
    }

    /// In and out of town, some 20 km apart.
    const TOWN: f64 = 30.06;
    const FIELDS: f64 = 30.25;

    fn ride(from: f64, to: f64, hour: i64, saved_s: i64) -> Transition {
        let to = Some(spot(to, monday_at(hour, 20)));
        Transition { from: spot(from, monday_at(hour, 0)), to, saved: Span::from_secs(saved_s) }
    }

    #[test]
    fn the_week_of_these_tests_begins_on_a_monday_at_midnight() {
        assert_eq!(HourOfWeek::of(monday_at(0, 0)).number(), 0);
    }

    #[test]
    fn nothing_is_known_of_a_place_before_anything_was_seen() {
        assert_eq!(Values::new(LEARNING).value_of(spot(TOWN, monday_at(8, 0))), Span::ZERO);
    }

    #[test]
    fn what_was_seen_once_is_hardly_believed_and_what_was_seen_often_is() {
        let mut values = Values::new(LEARNING);
        let [now, never] = [8, 20].map(|hour| spot(TOWN, monday_at(hour, 30)));
        let mut seen = Vec::new();
        for _ in 0..200 {
            values.learn(&Transition { to: None, ..ride(TOWN, TOWN, 8, 120) });
            seen.push(values.value_of(now));
        }
        assert!(seen.is_sorted(), "{seen:?}");
        assert!(seen[0] < Span::from_secs(40), "{}", seen[0]);
        assert!(seen[199] > Span::from_secs(110) && seen[199] <= Span::from_secs(120), "{}", seen[199]);
        // Of another hour only the whole day is known.
        assert!(values.value_of(never) > Span::from_secs(110));
        assert_eq!(values.value_of(spot(FIELDS, monday_at(8, 0))), Span::ZERO);
    }

    #[test]
    fn a_place_from_which_one_gets_to_where_one_is_needed_is_worth_something_itself() {
        let mut values = Values::new(LEARNING);
        for _ in 0..300 {
            values.learn(&Transition { to: None, ..ride(TOWN, TOWN, 8, 120) });
            values.learn(&ride(FIELDS, TOWN, 8, 0));
        }
        let [town, fields] = [TOWN, FIELDS].map(|lng| values.value_of(spot(lng, monday_at(8, 0))).as_millis());
        // Twenty minutes away, at a half-life of thirty: two to the power of -2/3.
        let expected = town as f64 * 0.63;
        assert!((fields as f64 - expected).abs() < 0.05 * expected, "{fields} of {town}");
    }

    #[test]
    fn waiting_in_vain_makes_a_place_cheaper() {
        let mut values = Values::new(LEARNING);
        (0..100).for_each(|_| values.learn(&Transition { to: None, ..ride(TOWN, TOWN, 8, 120) }));
        let before = values.value_of(spot(TOWN, monday_at(8, 0)));
        (0..60).for_each(|_| values.learn(&ride(TOWN, TOWN, 8, 0)));
        let after = values.value_of(spot(TOWN, monday_at(8, 0)));
        assert!(after.as_millis() * 2 < before.as_millis(), "{before}, then {after}");
    }

    #[test]
    fn what_ends_before_it_begins_is_not_learned() {
        let mut values = Values::new(LEARNING);
        let sound = ride(TOWN, FIELDS, 8, 100);
        values.learn(&Transition { from: spot(TOWN, monday_at(9, 0)), ..sound });
        assert_eq!(values, Values::new(LEARNING));
    }

    proptest! {
        #[test]
        fn values_are_bounded_and_kept_as_they_are(
            transitions in prop::collection::vec((0..6_i32, 0..6_i32, 0..168_i64, 0..10_000_i64, any::<bool>()), 0..300),
            entries_max in 0..40_usize,
        ) {
            let learning = Learning { entries_max, ..LEARNING };
            let mut values = Values::new(learning);
            for (from, to, hour, saved_s, is_end) in transitions {
                let [from, to] = [from, to].map(|place| TOWN + f64::from(place) * 0.05);
                let whole = ride(from, to, hour, saved_s);
                values.learn(&Transition { to: whole.to.filter(|_| !is_end), ..whole });
                prop_assert!(values.value_of(whole.from) <= LEARNING.value_max);
            }
            prop_assert!(values.list().len() <= entries_max);
            prop_assert_eq!(Values::from_list(learning, &values.list()), values);
        }
    }

    #[test]
    fn a_list_from_elsewhere_is_cut_to_what_is_allowed() {
        let mut values = Values::new(LEARNING);
        values.learn(&Transition { to: None, ..ride(TOWN, TOWN, 8, 120) });
        let mut list = values.list();
        list[0].value_ms = i64::MAX;
        list[1].value_ms = -1;
        list.push(Learned { cell: 7, ..list[0] });
        let values: Vec<i64> =
            Values::from_list(LEARNING, &list).list().iter().map(|learned| learned.value_ms).collect();
        assert_eq!(values, [LEARNING.value_max.as_millis(), 0]);
    }
}
