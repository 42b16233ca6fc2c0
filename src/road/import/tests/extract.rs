//! Small extracts, written as a mapper would draw them.
//!
//! Separate because it is a writer of the PBF format (OpenStreetMap wiki, "PBF Format"), uncompressed, a block for nodes,
//! one for ways and one for relations: the opposite of what is tested.

use std::io::Cursor;
use std::sync::LazyLock;

use crate::road::import::{ImportError, Imported, Outline, import};
use crate::road::profile::Profile;

pub type TagList = &'static [(&'static str, &'static str)];

/// What a relation holds: its tags, and of each member kind (0 node, 1 way, 2 relation), id and role.
type Drawn = (TagList, Vec<(u8, i64, &'static str)>);

#[derive(Clone, Default)]
pub struct Extract {
    pub nodes: Vec<(i64, f64, f64, TagList)>,
    pub ways: Vec<(i64, Vec<i64>, TagList)>,
    pub relations: Vec<Drawn>,
}

impl Extract {
    /// Nodes 1, 2, … at these places, in thousandths of a degree north and east.
    pub fn at(places: &[(f64, f64)]) -> Self {
        let node = |(index, (north, east)): (usize, &(f64, f64))| {
            (index as i64 + 1, north / 1_000.0, east / 1_000.0, [].as_slice())
        };
        Self { nodes: places.iter().enumerate().map(node).collect(), ..Self::default() }
    }

    /// Adds a way; the first is 1.
    pub fn way(mut self, nodes: &[i64], tags: TagList) -> Self {
        self.ways.push((self.ways.len() as i64 + 1, nodes.to_vec(), tags));
        self
    }

    /// Adds a relation over ways, and a node where the id is negative.
    pub fn relation(mut self, tags: TagList, members: &[(i64, &'static str)]) -> Self {
        let member = |(id, role): &(i64, &'static str)| if *id < 0 { (0, -id, *role) } else { (1, *id, *role) };
        self.relations.push((tags, members.iter().map(member).collect()));
        self
    }

    /// Tags a node.
    pub fn tag(mut self, node: i64, tags: TagList) -> Self {
        self.nodes[node as usize - 1].3 = tags;
        self
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut file = frame(
            "OSMHeader",
            &message(|header| {
                text(header, 4, "OsmSchema-V0.6");
                text(header, 4, "DenseNodes");
            }),
        );
        let mut strings = Strings(vec![String::new()]);
        let nodes = message(|group| bytes(group, 2, &dense(&self.nodes, &mut strings)));
        file.extend(frame("OSMData", &block(strings, &nodes)));
        let mut strings = Strings(vec![String::new()]);
        let ways = message(|group| {
            for (id, refs, tags) in &self.ways {
                bytes(
                    group,
                    3,
                    &message(|way| {
                        number(way, 1, *id as u64);
                        tagged(way, tags, &mut strings);
                        packed(way, 8, deltas(refs.iter().copied()));
                    }),
                );
            }
        });
        file.extend(frame("OSMData", &block(strings, &ways)));
        let mut strings = Strings(vec![String::new()]);
        let relations = message(|group| {
            for (index, (tags, members)) in self.relations.iter().enumerate() {
                bytes(
                    group,
                    4,
                    &message(|relation| {
                        number(relation, 1, index as u64 + 1);
                        tagged(relation, tags, &mut strings);
                        packed(relation, 8, members.iter().map(|(_, _, role)| strings.number(role)));
                        packed(relation, 9, deltas(members.iter().map(|(_, id, _)| *id)));
                        packed(relation, 10, members.iter().map(|(kind, ..)| u64::from(*kind)));
                    }),
                );
            }
        });
        file.extend(frame("OSMData", &block(strings, &relations)));
        file
    }

    pub fn import(&self) -> Imported {
        self.import_in(None).expect("an extract with streets")
    }

    pub fn import_in(&self, area: Option<&Outline>) -> Result<Imported, ImportError> {
        read(&self.bytes(), area)
    }
}

pub fn read(file: &[u8], area: Option<&Outline>) -> Result<Imported, ImportError> {
    // Reading the profile takes longer than a small extract.
    static MOTO: LazyLock<Profile> = LazyLock::new(Profile::moto);
    import(&mut || Ok(Cursor::new(file)), &MOTO, area, &mut |_| ())
}

struct Strings(Vec<String>);

impl Strings {
    fn number(&mut self, text: &str) -> u64 {
        let known = self.0.iter().position(|known| known == text);
        known.unwrap_or_else(|| {
            self.0.push(text.to_owned());
            self.0.len() - 1
        }) as u64
    }
}

fn dense(nodes: &[(i64, f64, f64, TagList)], strings: &mut Strings) -> Vec<u8> {
    let nano = |degrees: f64| (degrees * 1e7).round() as i64;
    let mut tags = Vec::new();
    for (.., list) in nodes {
        for (key, value) in *list {
            tags.extend([strings.number(key), strings.number(value)]);
        }
        tags.push(0);
    }
    message(|dense| {
        packed(dense, 1, deltas(nodes.iter().map(|node| node.0)));
        packed(dense, 8, deltas(nodes.iter().map(|node| nano(node.1))));
        packed(dense, 9, deltas(nodes.iter().map(|node| nano(node.2))));
        packed(dense, 10, tags.into_iter());
    })
}

fn tagged(into: &mut Vec<u8>, tags: TagList, strings: &mut Strings) {
    packed(into, 2, tags.iter().map(|(key, _)| strings.number(key)));
    packed(into, 3, tags.iter().map(|(_, value)| strings.number(value)));
}

fn block(strings: Strings, group: &[u8]) -> Vec<u8> {
    message(|block| {
        bytes(block, 1, &message(|table| strings.0.iter().for_each(|entry| text(table, 1, entry))));
        bytes(block, 2, group);
    })
}

/// A block of the file: uncompressed.
pub fn frame(kind: &str, body: &[u8]) -> Vec<u8> {
    let blob = message(|blob| bytes(blob, 1, body));
    let header = message(|header| {
        text(header, 1, kind);
        number(header, 3, blob.len() as u64);
    });
    [&(header.len() as u32).to_be_bytes(), &header[..], &blob[..]].concat()
}

pub fn message(fill: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut message = Vec::new();
    fill(&mut message);
    message
}

fn varint(into: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        into.push(number as u8 | 0x80);
        number >>= 7;
    }
    into.push(number as u8);
}

fn number(into: &mut Vec<u8>, field: u64, value: u64) {
    varint(into, field << 3);
    varint(into, value);
}

fn bytes(into: &mut Vec<u8>, field: u64, value: &[u8]) {
    varint(into, field << 3 | 2);
    varint(into, value.len() as u64);
    into.extend(value);
}

pub fn text(into: &mut Vec<u8>, field: u64, value: &str) {
    bytes(into, field, value.as_bytes());
}

fn packed(into: &mut Vec<u8>, field: u64, values: impl Iterator<Item = u64>) {
    bytes(into, field, &message(|list| values.for_each(|value| varint(list, value))));
}

/// Differences, zigzag.
fn deltas(values: impl Iterator<Item = i64>) -> impl Iterator<Item = u64> {
    let mut last = 0;
    values.map(move |value| {
        let delta = value - std::mem::replace(&mut last, value);
        (delta << 1 ^ delta >> 63).cast_unsigned()
    })
}
