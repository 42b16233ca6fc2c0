//! OpenStreetMap becomes a network: a PBF extract and a profile in, streets, places and boundaries out.
//!
//! Separate from the network, which does not know where it comes from, and from files: the extract is whatever opens as
//! a reader, three times over (relations, ways, nodes), so that only the nodes of kept ways are ever in memory. The
//! steps, each a module: read blocks (`blobs`), choose ways (`ways`, `street`), place their nodes (`nodes`), cut
//! them at junctions (`pieces`), drop what is not connected (`components`), join what is no junction (`joining`),
//! resolve turn restrictions (`restrictions`).

mod blobs;
mod boundaries;
mod components;
mod error;
mod geojson;
mod joining;
mod nodes;
mod outline;
mod pieces;
mod places;
mod relations;
mod restrictions;
mod street;
mod summary;
mod tags;
#[cfg(test)]
mod tests;
mod ways;

use std::io::{self, Read};

pub use boundaries::boundaries_from_geojson;
pub use error::{ExtraError, ImportError};
pub use outline::Outline;
pub use places::places_from_csv;
pub use summary::Summary;

use crate::geo::LatLng;
use crate::road::network::{Parts, SegmentId};
use crate::road::profile::Profile;
use blobs::Source;

/// Names of one thing, the usual one first: its language (`rw`, `en`, `fr`, or empty where none is said) and itself.
pub type Names = Vec<(String, String)>;

/// Everything that an extract says.
#[derive(Clone, Debug, Default)]
pub struct Imported {
    /// The streets. Every segment has a legal direction, so `SegmentId`s are those of the network made of them.
    pub parts: Parts,
    /// Places with a name.
    pub places: Vec<ImportedPlace>,
    /// Administrative boundaries.
    pub boundaries: Vec<ImportedBoundary>,
    /// Streets with a name, in the order of `parts.names`.
    pub streets: Vec<ImportedStreet>,
    /// What was kept and what was not.
    pub summary: Summary,
}

/// A place with a name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ImportedPlace {
    /// What it is called.
    pub names: Names,
    /// What it is, as OpenStreetMap says it: `hospital`, `bus_station`, `suburb`, `building`.
    pub kind: String,
    /// Where it is; of an area its middle.
    pub point: LatLng,
}

/// An administrative area.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ImportedBoundary {
    /// What it is called.
    pub name: String,
    /// OpenStreetMap's `admin_level`. In Rwanda 4 is a province or the City of Kigali, 6 a district, 8 a sector, 9 a cell.
    pub level: u8,
    /// Closed outlines, first corner not repeated. A point is inside when it is inside an odd number of them.
    pub rings: Vec<Vec<LatLng>>,
}

/// All streets of one name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ImportedStreet {
    /// What it is called.
    pub names: Names,
    /// Where it runs.
    pub segments: Vec<SegmentId>,
}

/// How far the import is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    /// What is being done.
    pub stage: Stage,
    /// Bytes of the extract read in this stage.
    pub bytes_read: u64,
}

/// What the import does, in order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Stage {
    /// Reads turn restrictions and boundaries.
    Relations,
    /// Reads streets.
    Ways,
    /// Reads where they are.
    Nodes,
    /// Makes the network.
    Network,
}

/// Imports an extract. `open` gives a reader of it from its beginning, and is called three times; a buffered reader is not
/// needed. Streets outside `area`, where one is given, are cut off.
///
/// # Errors
/// [`ImportError`]: not an extract, cut off, damaged, or without a street that can be used.
pub fn import<R: Read>(
    open: &mut dyn FnMut() -> io::Result<R>,
    profile: &Profile,
    area: Option<&Outline>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Imported, ImportError> {
    let mut source = Source::new(open, progress);
    let relations = relations::read(&mut source, profile)?;
    let mut ways = ways::read(&mut source, profile, &relations)?;
    let nodes = nodes::read(&mut source, profile, area, &mut ways)?;
    source.report(Stage::Network);
    let mut summary =
        Summary { ways: ways.streets.len() as u32, nodes_missing: nodes.missing_count(), ..Summary::default() };
    let mut cut = pieces::cut(&ways, &nodes);
    components::keep_connected(&mut cut, profile.island_length_m_min(), &mut summary);
    if cut.pieces.is_empty() {
        return Err(ImportError::NoStreets);
    }
    let joined = joining::join(cut, &ways, &relations);
    let restrictions = restrictions::resolve(&relations, &joined, &nodes, &mut summary);
    let (boundaries, incomplete) = boundaries::assemble(&relations, &ways, &nodes);
    summary.boundaries_incomplete = incomplete;
    let mut places = nodes.places.clone();
    places.extend(places::of_areas(&relations, &ways, &nodes));
    let streets = joined.streets(&ways);
    let parts = joined.into_parts(&ways, restrictions);
    summary.count(&parts, &places, &boundaries);
    Ok(Imported { parts, places, boundaries, streets, summary })
}
