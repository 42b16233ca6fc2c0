//! First pass: turn restrictions, boundaries and areas, which are relations over ways.
//!
//! Separate from resolving them, which needs the ways. Read first, although they stand last in a file, so that the second
//! pass knows of which ways to keep the nodes. Meanings: OpenStreetMap wiki, "Relation:restriction", "Tag:boundary".

use std::io::Read;

use osmpbf::{Element, RelMember, RelMemberType, Relation};
use rustc_hash::FxHashSet;

use super::blobs::{RELATIONS, Source};
use super::tags::Tags;
use super::{ImportError, Names, Stage, places};
use crate::road::profile::Profile;

/// Boundaries of these levels are of use: provinces to villages.
const LEVELS: std::ops::RangeInclusive<u8> = 3..=10;

/// What the first pass finds.
#[derive(Default)]
pub struct Relations {
    pub restrictions: Vec<TurnRestriction>,
    /// Ways that a restriction names.
    pub restricted_ways: FxHashSet<i64>,
    pub areas: Vec<AreaRelation>,
    /// Ways that an area names.
    pub area_ways: FxHashSet<i64>,
    /// Restrictions for other vehicles, at certain hours only, or without a member that is needed.
    pub moot: u32,
}

/// Whether a turn is the one that is forbidden, or the one that is allowed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rule {
    No,
    Only,
}

/// A turn restriction as drawn.
#[derive(Clone, Debug)]
pub struct TurnRestriction {
    pub rule: Rule,
    /// Usually one; several for `no_entry`.
    pub from: Vec<i64>,
    pub via: Via,
    /// Usually one; several for `no_exit`.
    pub to: Vec<i64>,
}

/// What one comes by.
#[derive(Clone, Debug)]
pub enum Via {
    Node(i64),
    Ways(Vec<i64>),
}

/// What an area is.
#[derive(Clone, Debug)]
pub enum Area {
    Boundary { level: u8 },
    Place { kind: String },
}

/// An area with an outline of several ways.
#[derive(Clone, Debug)]
pub struct AreaRelation {
    pub names: Names,
    pub what: Area,
    pub ways: Vec<i64>,
}

pub fn read<R: Read>(source: &mut Source<'_, R>, profile: &Profile) -> Result<Relations, ImportError> {
    let mut relations = Relations::default();
    source.pass(Stage::Relations, RELATIONS, &mut |element| {
        if let Element::Relation(relation) = element {
            relations.take(&relation, profile);
        }
    })?;
    Ok(relations)
}

impl Relations {
    fn take(&mut self, relation: &Relation<'_>, profile: &Profile) {
        let tags = Tags::new(relation.tags());
        match tags.get("type") {
            Some(kind) if kind.starts_with("restriction") => match restriction(relation, &tags, profile) {
                Some(restriction) => {
                    let via: &[i64] = if let Via::Ways(ways) = &restriction.via { ways } else { &[] };
                    self.restricted_ways.extend(restriction.from.iter().chain(via).chain(&restriction.to));
                    self.restrictions.push(restriction);
                }
                None => self.moot += 1,
            },
            Some("boundary" | "multipolygon") => self.take_area(relation, &tags),
            _ => (),
        }
    }

    fn take_area(&mut self, relation: &Relation<'_>, tags: &Tags<'_>) {
        let names = tags.names();
        let level = tags.get("admin_level").and_then(|level| level.parse().ok()).filter(|level| LEVELS.contains(level));
        let what = match level.filter(|_| tags.is("boundary", "administrative")) {
            Some(level) => Area::Boundary { level },
            None => match places::kind(tags) {
                Some(kind) => Area::Place { kind },
                None => return,
            },
        };
        if names.is_empty() {
            return;
        }
        let is_ring = |member: &RelMember<'_>| {
            member.member_type == RelMemberType::Way && matches!(member.role(), Ok("outer" | "inner" | ""))
        };
        let ways: Vec<i64> = relation.members().filter(is_ring).map(|member| member.member_id).collect();
        self.area_ways.extend(&ways);
        self.areas.push(AreaRelation { names, what, ways });
    }
}

/// The restriction, where it is one for this vehicle at all hours.
fn restriction(relation: &Relation<'_>, tags: &Tags<'_>, profile: &Profile) -> Option<TurnRestriction> {
    // The last key (`access`) is no kind of vehicle.
    let vehicles = || profile.access.keys.iter().filter(|key| *key != "access");
    let special = vehicles().find_map(|key| tags.get(&format!("restriction:{key}")));
    let value = match special {
        Some(value) => value,
        None => {
            let is_excepted = |except: &str| except.split(';').any(|word| vehicles().any(|key| key == word.trim()));
            if tags.get("except").is_some_and(is_excepted) {
                return None;
            }
            tags.get("restriction")?
        }
    };
    let rule = match value {
        value if value.starts_with("no_") => Rule::No,
        value if value.starts_with("only_") => Rule::Only,
        _ => return None,
    };
    let (mut from, mut to, mut via_ways, mut via_nodes) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for member in relation.members() {
        match (member.role(), &member.member_type) {
            (Ok("from"), RelMemberType::Way) => from.push(member.member_id),
            (Ok("to"), RelMemberType::Way) => to.push(member.member_id),
            (Ok("via"), RelMemberType::Way) => via_ways.push(member.member_id),
            (Ok("via"), RelMemberType::Node) => via_nodes.push(member.member_id),
            _ => (),
        }
    }
    let via = match (&via_nodes[..], via_ways.is_empty()) {
        ([node], true) => Via::Node(*node),
        ([], false) => Via::Ways(via_ways),
        _ => return None,
    };
    (!from.is_empty() && !to.is_empty()).then_some(TurnRestriction { rule, from, via, to })
}
