//! The places as they are kept: one field after the other, texts end to end.
//!
//! Separate from what a gazetteer is made of because fifty thousand places with four allocations each would be mostly
//! pointers. An entry is known by its number; numbers follow the order of names, so equal sources make equal gazetteers.

use super::Kind;
use super::fold::{WORDS_MAX, words};
use super::source::{Language, Place};
use super::terms::Terms;
use crate::geo::LatLng;

/// No boundary.
pub const NOWHERE: u16 = u16::MAX;

/// What a name is to its entry; in map files as its number.
pub const LOCAL: u8 = 0;
pub const OTHER: u8 = 4;

pub const fn role_of(language: Language) -> u8 {
    match language {
        Language::Rw => 1,
        Language::En => 2,
        Language::Fr => 3,
    }
}

/// Sector and district of an entry, as numbers of boundaries or [`NOWHERE`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Within {
    pub sector: u16,
    pub district: u16,
}

/// All entries.
#[derive(Debug, Default)]
pub struct Entries {
    pub texts: String,
    /// Where each name begins in `texts`, and the end.
    pub name_begins: Vec<u32>,
    /// What each name is.
    pub roles: Vec<u8>,
    /// Where each entry's names begin, and the end. The local one comes first.
    pub first_names: Vec<u32>,
    pub points: Vec<LatLng>,
    pub kinds: Vec<Kind>,
    pub importances: Vec<u8>,
    pub within: Vec<Within>,
    /// Words of the shortest name.
    pub words: Vec<u8>,
}

impl Entries {
    /// No entries.
    pub fn new() -> Self {
        Self { name_begins: vec![0], first_names: vec![0], ..Self::default() }
    }

    pub fn push(&mut self, place: &Place, within: Within) {
        self.push_name(LOCAL, &place.names.local);
        for (language, name) in &place.names.translated {
            self.push_name(role_of(*language), name);
        }
        for name in &place.names.others {
            self.push_name(OTHER, name);
        }
        self.first_names.push(self.roles.len() as u32);
        self.points.push(place.point);
        self.kinds.push(place.kind);
        self.importances.push(place.importance);
        self.within.push(within);
    }

    pub fn push_name(&mut self, role: u8, name: &str) {
        self.texts.push_str(name);
        self.name_begins.push(self.texts.len() as u32);
        self.roles.push(role);
    }

    pub fn len(&self) -> usize {
        self.points.len()
    }

    /// Notes how many words the names have, and makes the dictionary of them.
    pub fn index(&mut self) -> Terms {
        let mut pairs = Vec::new();
        self.words.clear();
        for entry in 0..self.len() {
            let mut shortest = WORDS_MAX;
            for (_, name) in self.names(entry) {
                let words = words(name);
                if !words.is_empty() {
                    shortest = shortest.min(words.len());
                }
                pairs.extend(words.into_iter().map(|word| (word, entry as u32)));
            }
            self.words.push(shortest as u8);
        }
        Terms::new(pairs)
    }

    /// The names of an entry and what they are.
    pub fn names(&self, entry: usize) -> impl Iterator<Item = (u8, &str)> {
        let names = self.first_names[entry] as usize..self.first_names[entry + 1] as usize;
        names.map(|name| (self.roles[name], self.text(name)))
    }

    fn text(&self, name: usize) -> &str {
        &self.texts[self.name_begins[name] as usize..self.name_begins[name + 1] as usize]
    }

    /// The name in a language, or the local one.
    pub fn name(&self, entry: usize, language: Option<Language>) -> &str {
        let role = language.map_or(LOCAL, role_of);
        let wanted = self.names(entry).find(|(is, _)| *is == role).map(|(_, name)| name);
        wanted.unwrap_or_else(|| self.text(self.first_names[entry] as usize))
    }

    /// Bytes of memory.
    pub fn bytes(&self) -> usize {
        let of_names = self.texts.len() + 4 * self.name_begins.len() + self.roles.len();
        // A number of a name, a point, an area, a kind, an importance, a count of words.
        of_names + self.len() * (4 + 8 + 4 + 3)
    }
}
