//! The ground the house stands on: a map file, a generated town, or nothing but straight lines.
//!
//! Separate from the services because it is read once, before any of them, and may take a moment: its faults are those of a
//! file that an operator named.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use super::Error;
use crate::atlas::{Atlas, Survey};
use crate::config::Config;
use crate::locations::places::Places;
use crate::maps::Road;
use crate::road::profile::Profile;
use crate::road::router::Router;
use crate::road::town::Town;
use crate::road::{StraightLine, TravelTime};
use crate::simulation::Routes;

/// Where the streets lie, if that is known.
pub(super) struct Ground {
    /// The streets and their names.
    pub(super) map: Option<(Atlas, Arc<Router>)>,
    /// Travel times as the ground has them, not corrected.
    pub(super) by_road: Arc<dyn TravelTime>,
}

impl Ground {
    /// Reads the map, or makes up a town, as the configuration says. Blocks: seconds for a town in a debug build.
    ///
    /// # Errors
    /// When the file is no map.
    pub(super) fn new(config: &Config) -> Result<Self, Error> {
        let Some(atlas) = atlas(config)? else {
            let straight = StraightLine::new(config.travel.detour_factor, config.travel.speed_kmh)
                .map_err(|error| Error::service("travel times cannot be computed with [travel]", error))?;
            return Ok(Self { map: None, by_road: Arc::new(straight) });
        };
        let router = router(&atlas, config)?;
        Ok(Self { map: Some((atlas, Arc::clone(&router))), by_road: router })
    }

    /// What the live side of the map needs of it.
    pub(super) fn road(&self) -> Option<Road> {
        let (atlas, router) = self.map.as_ref()?;
        let router = Arc::clone(router);
        let reweigh = Arc::new(move |durations_ms| router.reweigh(durations_ms).map_err(Into::into));
        Some(Road { network: Arc::clone(&atlas.network), reweigh })
    }

    /// Names by place and places by name.
    pub(super) fn places(&self) -> Places {
        let Some((atlas, router)) = &self.map else { return Places::default() };
        let router = Arc::clone(router);
        let nearest_street = move |place| {
            let snap = router.snap_place(place)?;
            let network = router.network();
            network.name(network.directed(snap.arc).segment).map(str::to_owned)
        };
        Places::new(Arc::clone(&atlas.gazetteer), Arc::new(nearest_street))
    }
}

fn atlas(config: &Config) -> Result<Option<Atlas>, Error> {
    let began = Instant::now();
    let atlas = match &config.map.file {
        Some(file) => read(file)?,
        None if config.map.town || config.demo.enabled => {
            let survey = Survey::of_town(Town::kigali(config.demo.seed), Profile::moto().turn_costs());
            Atlas::new(survey).map_err(|error| Error::service("the generated town is no town", error))?
        }
        None => return Ok(None),
    };
    tracing::info!(
        source = atlas.source.attribution(),
        arcs = atlas.network.arc_count(),
        names = atlas.gazetteer.len(),
        duration_ms = began.elapsed().as_millis() as u64,
        "the map is loaded"
    );
    Ok(Some(atlas))
}

fn router(atlas: &Atlas, config: &Config) -> Result<Arc<Router>, Error> {
    let router = atlas.router(config.map.snap_m_max);
    router.map(Arc::new).map_err(|error| Error::service("the parts of the map do not belong together", error))
}

/// The streets of a map file for simulated drivers.
///
/// # Errors
/// When the file is no map.
pub(super) fn routes(file: &Path, config: &Config) -> Result<Routes, Error> {
    router(&read(file)?, config).map(Routes::along)
}

fn read(file: &Path) -> Result<Atlas, Error> {
    let bytes = std::fs::read(file).map_err(|source| Error::Map { file: file.to_owned(), source: Box::new(source) })?;
    Atlas::read(&bytes).map_err(|source| Error::Map { file: file.to_owned(), source: Box::new(source) })
}
