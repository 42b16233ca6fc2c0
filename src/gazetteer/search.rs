//! Search by name: what fits, and what comes first.
//!
//! Separate from the dictionary because this is where a query's words are put together. An entry is found when every word of
//! the query fits one of its words, of whichever of its names and in whatever order. Lower is better in the sum of:
//!
//! - for each word of the query, the best fit: 800 an edit, 60 for a word that goes on behind what was typed;
//! - 20 for each word that the shortest name has beyond the query, five at most;
//! - how unimportant it is: 255 less its importance;
//! - with a focus, 40 × log2(1 + kilometres to it), 300 at most.
//!
//! So a typing error weighs more than everything but another error, and between equal fits a bus park nearby comes before a
//! house across the town. Equal sums are told apart by the entry's number.

use super::Gazetteer;
use super::fold::words;
use super::terms::Fit;
use crate::geo::LatLng;

/// What is looked for.
#[derive(Clone, Copy, Debug)]
pub struct Query<'q> {
    /// As typed. The first twelve words count.
    pub text: &'q str,
    /// Where the person is or looks.
    pub focus: Option<LatLng>,
    /// How many are found at most.
    pub limit: usize,
}

/// A place that was found.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Hit {
    /// Number of the entry.
    pub entry: usize,
    /// How badly it fits; see the module.
    pub score: u32,
}

const EDIT: u16 = 800;
const GOES_ON: u16 = 60;
const WORD_MORE: u32 = 20;
const WORDS_MORE_MAX: usize = 5;
const DOUBLING: f64 = 40.0;
const DISTANCE_MAX: f64 = 300.0;
const NO_FIT: u16 = u16::MAX;

/// What a fit costs.
pub fn cost(fit: Fit) -> u16 {
    u16::from(fit.edits) * EDIT + if fit.is_whole { 0 } else { GOES_ON }
}

impl Gazetteer {
    /// The entries that fit a query, best first.
    pub fn search(&self, query: &Query<'_>) -> Vec<Hit> {
        let words = words(query.text);
        if words.is_empty() || query.limit == 0 {
            return Vec::new();
        }
        let costs = self.costs(&words);
        let away = query.focus.map(distance_score);
        let score = |entry: usize, cost: u16| {
            let more = usize::from(self.entries.words[entry]).saturating_sub(words.len()).min(WORDS_MORE_MAX);
            let unimportance = u32::from(u8::MAX - self.entries.importances[entry]);
            let distance = away.as_ref().map_or(0, |away| away(self.entries.points[entry]));
            u32::from(cost) + more as u32 * WORD_MORE + unimportance + distance
        };
        let fitting = costs.iter().enumerate().filter(|(_, cost)| **cost != NO_FIT);
        let mut hits: Vec<Hit> = fitting.map(|(entry, &cost)| Hit { entry, score: score(entry, cost) }).collect();
        let rank = |hit: &Hit| (hit.score, hit.entry);
        if hits.len() > query.limit {
            hits.select_nth_unstable_by_key(query.limit, rank);
            hits.truncate(query.limit);
        }
        hits.sort_unstable_by_key(rank);
        hits
    }

    /// What the words cost each entry, [`NO_FIT`] where one of them fits nothing.
    fn costs(&self, words: &[String]) -> Vec<u16> {
        let mut all = vec![0_u16; self.entries.len()];
        let mut of_word = vec![NO_FIT; self.entries.len()];
        for word in words {
            of_word.fill(NO_FIT);
            self.terms.matching(word, &mut |terms, fit| {
                let cost = cost(fit);
                for &entry in self.terms.entries(terms) {
                    let held = &mut of_word[entry as usize];
                    *held = cost.min(*held);
                }
            });
            for (sum, cost) in all.iter_mut().zip(&of_word) {
                *sum = sum.saturating_add(*cost);
            }
        }
        all
    }
}

/// What the way to a focus costs. On the flat map around it, which does for an order.
pub fn distance_score(focus: LatLng) -> impl Fn(LatLng) -> u32 {
    // Ten-millionths of a degree of latitude in a kilometre.
    const E7_PER_KM: f64 = 1e7 / 111.195;
    let narrow = focus.lat().to_radians().cos();
    move |place| {
        let north = f64::from(place.lat_e7()) - f64::from(focus.lat_e7());
        let east = (f64::from(place.lng_e7()) - f64::from(focus.lng_e7())) * narrow;
        let km = (north * north + east * east).sqrt() / E7_PER_KM;
        (DOUBLING * (1.0 + km).log2()).min(DISTANCE_MAX) as u32
    }
}
