//! All that is known of the ground, in one file: streets, turns, their hierarchy, and names.
//!
//! Separate because it is where the parts that know nothing of each other become one thing that is imported, written, read
//! and shared. Nothing in it changes while it is in use; what changes (traffic, closures) lives in the router.

mod sections;
mod survey;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::gazetteer::{Boundary, Gazetteer, Kind, Names, Place, Street};
use crate::road::hierarchy::{Hierarchy, HierarchyError};
use crate::road::network::{ArcId, Network, NetworkError, Parts, RoadClass, SegmentId};
use crate::road::router::{Router, RouterError, contract};
use crate::road::snap::Snapper;
use crate::road::turns::{TurnCosts, TurnGraph};

/// Where the streets come from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// An extract of OpenStreetMap; whoever shows it names the contributors.
    OpenStreetMap,
    /// A generated town.
    Generated,
}

impl Source {
    /// What must stand beside every picture of it.
    pub fn attribution(self) -> &'static str {
        match self {
            Self::OpenStreetMap => "© OpenStreetMap contributors",
            Self::Generated => "generated town",
        }
    }
}

/// What an atlas is made of.
#[derive(Debug)]
pub struct Survey {
    /// Where it comes from.
    pub source: Source,
    /// What an operator wants to know of that: a word and what it says.
    pub about: Vec<(String, String)>,
    /// The streets.
    pub parts: Parts,
    /// What turns cost.
    pub turn_costs: TurnCosts,
    /// Named places.
    pub places: Vec<Place>,
    /// Streets that have more names than the network knows.
    pub streets: Vec<Street>,
    /// Sectors and districts.
    pub boundaries: Vec<Boundary>,
}

/// Why a survey makes no atlas.
#[derive(Debug, thiserror::Error)]
pub enum AtlasError {
    /// The streets make no network.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The network has no hierarchy.
    #[error(transparent)]
    Hierarchy(#[from] HierarchyError),
}

/// The ground of a city.
#[derive(Clone, Debug)]
pub struct Atlas {
    /// Where it comes from.
    pub source: Source,
    /// What an operator wants to know of that: a word and what it says.
    pub about: Vec<(String, String)>,
    /// The streets.
    pub network: Arc<Network>,
    /// Arcs that nobody may drive in a row; the turns know of them.
    pub restrictions: Vec<Vec<ArcId>>,
    /// What may follow what.
    pub turns: Arc<TurnGraph>,
    /// The turns, contracted.
    pub hierarchy: Arc<Hierarchy>,
    /// Names.
    pub gazetteer: Arc<Gazetteer>,
}

impl Atlas {
    /// Builds one: some seconds of work for a city, most of it for the order of the hierarchy.
    ///
    /// # Errors
    /// [`AtlasError`].
    pub fn new(survey: Survey) -> Result<Self, AtlasError> {
        let Survey { source, about, parts, turn_costs, places, mut streets, boundaries } = survey;
        let (network, restrictions) = Network::new(parts)?;
        let turns = TurnGraph::new(&network, &restrictions, &turn_costs);
        let hierarchy = contract(&network, &turns)?;
        let known: BTreeSet<String> = streets.iter().map(|street| street.names.local.clone()).collect();
        streets.extend(signs(&network).filter(|street| !known.contains(&street.names.local)));
        let gazetteer = Gazetteer::new(places, streets, boundaries);
        Ok(Self {
            source,
            about,
            restrictions,
            network: Arc::new(network),
            turns: Arc::new(turns),
            hierarchy: Arc::new(hierarchy),
            gazetteer: Arc::new(gazetteer),
        })
    }

    /// A router on these streets, with the riding times as built. Places farther than `off_road_m_max` from any street have
    /// no way.
    ///
    /// # Errors
    /// [`RouterError`], when the parts are of different maps.
    pub fn router(&self, off_road_m_max: f64) -> Result<Router, RouterError> {
        let snapper = Arc::new(Snapper::new(&self.network));
        let (network, turns, hierarchy) = (&self.network, &self.turns, &self.hierarchy);
        Router::new(Arc::clone(network), Arc::clone(turns), Arc::clone(hierarchy), snapper, off_road_m_max)
    }
}

/// The pieces of street by the names on their signs.
fn signs(network: &Network) -> impl Iterator<Item = Street> {
    let street = |segment| {
        let points = network.points(segment);
        let names = Names::local(network.name(segment)?);
        Some(Street { names, point: points[points.len() / 2], importance: importance(network.class(segment)) })
    };
    (0..network.segment_count() as u32).map(SegmentId).filter_map(street)
}

/// How likely somebody means a street: those that everybody knows come first.
fn importance(class: RoadClass) -> u8 {
    let importance = Kind::Street.importance();
    if class <= RoadClass::Secondary { importance.saturating_add(40) } else { importance }
}
