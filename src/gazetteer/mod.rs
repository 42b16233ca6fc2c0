//! Names of places and streets: search as one types, and what is here.
//!
//! Separate because it is about words and not about ways: a rider types "nyabu" and means the bus park, or drops a pin and
//! wants to read where that is. Pure: made of what an importer found, written to and read from the map file, the same
//! answers for the same source whatever its order. Compact: texts end to end, a sorted dictionary with postings, nothing
//! allocated per entry. The dictionary is made anew on reading, which is quicker than checking one.

mod address;
mod boundaries;
mod entries;
mod fold;
mod kind;
mod search;
mod sections;
mod source;
mod streets;
mod terms;
#[cfg(test)]
mod tests;

pub use address::{Address, Asked};
pub use kind::Kind;
pub use search::{Hit, Query};
pub use source::{Boundary, Language, Level, Names, Place, Street};

use boundaries::Boundaries;
use entries::{Entries, NOWHERE, Within};
use fold::words;
use terms::Terms;

use crate::geo::LatLng;

/// Places, streets and boundaries by name and by place.
#[derive(Debug)]
pub struct Gazetteer {
    entries: Entries,
    terms: Terms,
    boundaries: Boundaries,
    /// Entries from south to north.
    by_lat: Vec<u32>,
}

/// An entry, to be shown.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Entry<'g> {
    /// In the language asked for, or as the sign says.
    pub name: &'g str,
    /// What it is.
    pub kind: Kind,
    /// Where.
    pub point: LatLng,
    /// Umurenge.
    pub sector: Option<&'g str>,
    /// Akarere, without "District".
    pub district: Option<&'g str>,
}

impl Gazetteer {
    /// From what an importer found. Names without a letter or a digit are left out.
    pub fn new(places: Vec<Place>, streets: Vec<Street>, mut boundaries: Vec<Boundary>) -> Self {
        boundaries.sort_by(|a, b| (a.level, &a.name).cmp(&(b.level, &b.name)));
        let boundaries = Boundaries::new(boundaries);
        let mut all = places;
        all.extend(streets::joined(streets));
        all.retain(|place| !words(&place.names.local).is_empty());
        all.sort_by(|a, b| {
            let key = |place: &Place| (place.kind, place.point, place.importance);
            a.names.cmp(&b.names).then_with(|| key(a).cmp(&key(b)))
        });
        all.dedup();
        let mut entries = Entries::new();
        for place in &all {
            let holding = |level| boundaries.holding(place.point, level).unwrap_or(NOWHERE);
            entries.push(place, Within { sector: holding(Level::Sector), district: holding(Level::District) });
        }
        Self::of(entries, boundaries)
    }

    fn of(mut entries: Entries, boundaries: Boundaries) -> Self {
        let terms = entries.index();
        let mut by_lat: Vec<u32> = (0..entries.len() as u32).collect();
        by_lat.sort_unstable_by_key(|entry| (entries.points[*entry as usize].lat_e7(), *entry));
        Self { entries, terms, boundaries, by_lat }
    }

    /// How many entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many different words their names have.
    pub fn words(&self) -> usize {
        self.terms.len()
    }

    /// Bytes of memory, without boundaries.
    pub fn bytes(&self) -> usize {
        self.entries.bytes() + self.terms.bytes() + 4 * self.by_lat.len()
    }

    /// An entry by its number, which a search said.
    pub fn entry(&self, number: usize, language: Option<Language>) -> Entry<'_> {
        let within = self.entries.within[number];
        Entry {
            name: self.entries.name(number, language),
            kind: self.entries.kinds[number],
            point: self.entries.points[number],
            sector: self.boundaries.name(within.sector),
            district: self.boundaries.name(within.district),
        }
    }

    /// The boundaries.
    pub fn boundaries(&self) -> &[Boundary] {
        self.boundaries.all()
    }
}
