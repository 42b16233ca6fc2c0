//! Third pass: where the nodes of kept ways are, what stands on them, and places that are one node.
//!
//! Separate because this is where memory is decided: of the nodes of an extract, most of which are corners of houses, only
//! those that a kept way uses have an entry here.

use std::io::Read;

use osmpbf::Element;
use rustc_hash::FxHashMap;

use super::blobs::{NODES, Source};
use super::outline::Outline;
use super::street::{Use, may_use};
use super::tags::Tags;
use super::ways::Ways;
use super::{ImportError, ImportedPlace, Stage, places};
use crate::geo::LatLng;
use crate::road::profile::Profile;

/// The nodes of kept ways. An index is a position in the sorted ids.
pub struct Nodes {
    ids: Vec<i64>,
    states: Vec<State>,
    stops: FxHashMap<u32, Stop>,
    /// Nodes that are places.
    pub places: Vec<ImportedPlace>,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum State {
    /// The extract does not have it.
    Missing,
    /// It is outside the area.
    Outside,
    At(LatLng),
}

/// What stands on a street.
#[derive(Clone, Copy, Default, PartialEq, Debug)]
pub struct Stop {
    /// Nobody gets by.
    pub is_blocked: bool,
    /// What it costs along the way that it stands on.
    pub forward_s: f64,
    /// What it costs against it.
    pub backward_s: f64,
}

pub fn read<R: Read>(
    source: &mut Source<'_, R>,
    profile: &Profile,
    area: Option<&Outline>,
    ways: &mut Ways,
) -> Result<Nodes, ImportError> {
    let ids = ways.number();
    let states = vec![State::Missing; ids.len()];
    let mut nodes = Nodes { ids, states, stops: FxHashMap::default(), places: Vec::new() };
    source.pass(Stage::Nodes, NODES, &mut |element| match element {
        Element::DenseNode(node) => {
            nodes.take(node.id(), [node.nano_lat(), node.nano_lon()], &Tags::new(node.tags()), area, profile);
        }
        Element::Node(node) => {
            nodes.take(node.id(), [node.nano_lat(), node.nano_lon()], &Tags::new(node.tags()), area, profile);
        }
        _ => (),
    })?;
    Ok(nodes)
}

impl Nodes {
    fn take(&mut self, id: i64, nano: [i64; 2], tags: &Tags<'_>, area: Option<&Outline>, profile: &Profile) {
        let known = self.ids.binary_search(&id).ok();
        if known.is_none() && tags.is_empty() {
            return;
        }
        // A node off the globe is as good as missing.
        let Some(point) = point(nano) else { return };
        let is_inside = area.is_none_or(|area| area.contains(point));
        if let Some(index) = known {
            self.states[index] = if is_inside { State::At(point) } else { State::Outside };
            if let Some(stop) = stop(tags, profile) {
                self.stops.insert(index as u32, stop);
            }
        }
        if is_inside && let Some(kind) = places::kind(tags) {
            let names = tags.names();
            if !names.is_empty() {
                self.places.push(ImportedPlace { names, kind, point });
            }
        }
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.ids.len()
    }

    /// Where a node is, if it is known and inside the area.
    pub fn point(&self, index: i64) -> Option<LatLng> {
        match self.states[index as usize] {
            State::At(point) => Some(point),
            State::Missing | State::Outside => None,
        }
    }

    /// What stands there.
    pub fn stop(&self, index: i64) -> Stop {
        self.stops.get(&(index as u32)).copied().unwrap_or_default()
    }

    /// The index of an id.
    pub fn index(&self, id: i64) -> Option<u32> {
        self.ids.binary_search(&id).ok().map(|index| index as u32)
    }

    pub fn missing_count(&self) -> u32 {
        self.states.iter().filter(|state| **state == State::Missing).count() as u32
    }
}

fn point([nano_lat, nano_lng]: [i64; 2]) -> Option<LatLng> {
    let e7 = |nano: i64| i32::try_from(nano.div_euclid(100)).ok();
    LatLng::from_e7(e7(nano_lat)?, e7(nano_lng)?).ok()
}

fn stop(tags: &Tags<'_>, profile: &Profile) -> Option<Stop> {
    if tags.is_empty() {
        return None;
    }
    let mut seconds = 0.0;
    if let Some(barrier) = tags.get("barrier") {
        let is_listed = profile.barriers.block.iter().any(|known| known == barrier);
        match may_use(tags, profile, "forward") {
            Use::No => return Some(Stop { is_blocked: true, ..Stop::default() }),
            Use::Unsaid if is_listed => return Some(Stop { is_blocked: true, ..Stop::default() }),
            _ => seconds += profile.barriers.pass_s.get(barrier).copied().unwrap_or_default(),
        }
    }
    let delay = |what: &str| profile.delays_s.get(what).copied().unwrap_or_default();
    seconds += tags.get("highway").map_or(0.0, delay);
    seconds += tags.get("railway").map_or(0.0, delay);
    if tags.get("traffic_calming").is_some_and(|value| value != "no") {
        seconds += delay("any_traffic_calming");
    }
    if tags.get("ford").is_some_and(|value| value != "no") {
        seconds += delay("ford");
    }
    let direction = ["traffic_signals:direction", "direction"].iter().find_map(|key| tags.get(key));
    let (forward_s, backward_s) = match direction {
        Some("forward") => (seconds, 0.0),
        Some("backward") => (0.0, seconds),
        _ => (seconds, seconds),
    };
    (seconds > 0.0).then_some(Stop { is_blocked: false, forward_s, backward_s })
}
