//! Second pass: the ways that are streets, and those that outline something.
//!
//! Separate from the nodes, whose places come in the third pass: until then a way is a list of numbers.

use std::io::Read;

use osmpbf::{Element, Way};
use rustc_hash::FxHashMap;

use super::blobs::{Source, WAYS};
use super::relations::Relations;
use super::street::{Street, street};
use super::tags::Tags;
use super::{ImportError, Names, Stage, places};
use crate::road::profile::Profile;

/// What the second pass finds. Ways are lists of node ids at first, of node indices once [`Ways::number`] has been called.
#[derive(Default)]
pub struct Ways {
    pub streets: Vec<StreetWay>,
    pub names: StreetNames,
    /// Named areas of one way.
    pub outlines: Vec<NamedOutline>,
    /// Ways that relations name.
    pub area_ways: FxHashMap<i64, Vec<i64>>,
}

/// A way that is a street.
pub struct StreetWay {
    pub id: i64,
    pub street: Street,
    /// Index into the names.
    pub name: Option<u32>,
    pub nodes: Vec<i64>,
}

/// A way around something with a name.
pub struct NamedOutline {
    pub names: Names,
    pub kind: String,
    pub nodes: Vec<i64>,
}

/// The names of streets, each once, with the others that the same street goes by.
#[derive(Default)]
pub struct StreetNames {
    by_name: FxHashMap<String, u32>,
    pub names: Vec<Names>,
}

impl StreetNames {
    /// The number of the name of a street; its `ref` where it has no other.
    fn number(&mut self, tags: &Tags<'_>) -> Option<u32> {
        let mut names = tags.names();
        let reference = tags.get("ref").or(tags.get("int_ref")).map(str::trim).filter(|text| !text.is_empty());
        names.extend(reference.map(|text| (String::new(), text.to_owned())));
        let (_, first) = names.first()?;
        let number = *self.by_name.entry(first.clone()).or_insert_with(|| {
            self.names.push(Vec::new());
            self.names.len() as u32 - 1
        });
        let known = &mut self.names[number as usize];
        for name in names {
            if known.iter().all(|(_, text)| *text != name.1) {
                known.push(name);
            }
        }
        Some(number)
    }
}

pub fn read<R: Read>(
    source: &mut Source<'_, R>,
    profile: &Profile,
    relations: &Relations,
) -> Result<Ways, ImportError> {
    let mut ways = Ways::default();
    source.pass(Stage::Ways, WAYS, &mut |element| {
        if let Element::Way(way) = element {
            ways.take(&way, profile, relations);
        }
    })?;
    Ok(ways)
}

impl Ways {
    fn take(&mut self, way: &Way<'_>, profile: &Profile, relations: &Relations) {
        let nodes = || way.refs().collect::<Vec<i64>>();
        if relations.area_ways.contains(&way.id()) {
            self.area_ways.insert(way.id(), nodes());
        }
        let tags = Tags::new(way.tags());
        if tags.is_empty() {
            return;
        }
        if let Some(street) = street(&tags, profile) {
            let name = self.names.number(&tags);
            self.streets.push(StreetWay { id: way.id(), street, name, nodes: nodes() });
        } else if let Some(kind) = places::kind(&tags) {
            let names = tags.names();
            if !names.is_empty() && way.raw_refs().len() >= 2 {
                self.outlines.push(NamedOutline { names, kind, nodes: nodes() });
            }
        }
    }

    /// The ids of all nodes that ways need, sorted; afterwards the ways hold indices into these.
    pub fn number(&mut self) -> Vec<i64> {
        let mut ids: Vec<i64> = self.lists().flat_map(|nodes| nodes.iter().copied()).collect();
        ids.sort_unstable();
        ids.dedup();
        for nodes in self.lists() {
            for node in nodes {
                // Every id is there: they were gathered from the same lists.
                *node = ids.partition_point(|id| *id < *node) as i64;
            }
        }
        ids
    }

    fn lists(&mut self) -> impl Iterator<Item = &mut Vec<i64>> {
        let streets = self.streets.iter_mut().map(|way| &mut way.nodes);
        let outlines = self.outlines.iter_mut().map(|outline| &mut outline.nodes);
        streets.chain(outlines).chain(self.area_ways.values_mut())
    }
}
