//! `boda map route`: the quickest way between two places, as the engine would find it.
//!
//! Separate because it is how one tries a map out before a city runs on it.

use std::path::Path;

use serde::Serialize;

use super::super::arguments::RouteOnMap;
use super::super::{Error, print};
use super::{failed, files};
use crate::atlas::Atlas;
use crate::geo::LatLng;
use crate::road::Origin;
use crate::road::network::Network;
use crate::road::router::{RoutePath, Router};

/// Farther from any street is not on the map.
const OFF_ROAD_M_MAX: f64 = 300.0;

/// The answer, for programs.
#[derive(Serialize)]
struct Answer<'n> {
    distance_m: u32,
    time_s: u32,
    streets: Vec<&'n str>,
    geometry: LineString,
}

/// RFC 7946.
#[derive(Serialize)]
struct LineString {
    r#type: &'static str,
    /// Longitude and latitude.
    coordinates: Vec<[f64; 2]>,
}

/// Loads the map, finds the way, prints it.
pub fn run(asked: &RouteOnMap) -> Result<(), Error> {
    let router = load(&asked.map)?;
    let path = router.path(Origin::from(asked.from), asked.to);
    let path =
        path.map_err(|error| Error::Failure(format!("no route from {} to {}: {error}", asked.from, asked.to)))?;
    let answer = answer(&path, router.network());
    if asked.json {
        let text = serde_json::to_string(&answer).map_err(|error| Error::Failure(error.to_string()))?;
        return print(format_args!("{text}\n"));
    }
    let (metres, seconds) = (answer.distance_m, answer.time_s);
    print(format_args!(
        "distance_m  {metres}\ntime_s      {seconds}\nstreets     {}\n{}\n",
        answer.streets.join(" > "),
        serde_json::to_string(&answer.geometry).map_err(|error| Error::Failure(error.to_string()))?
    ))
}

fn load(file: &Path) -> Result<Router, Error> {
    let atlas = Atlas::read(&files::bytes(file)?).map_err(|error| failed(file, error))?;
    atlas.router(OFF_ROAD_M_MAX).map_err(|error| failed(file, error))
}

fn answer<'n>(path: &RoutePath, network: &'n Network) -> Answer<'n> {
    let corner = |point: LatLng| [point.lng(), point.lat()];
    Answer {
        distance_m: path.distance_dm.div_ceil(10),
        time_s: path.duration_ms.div_ceil(1_000),
        streets: path.street_names(network),
        geometry: LineString {
            r#type: "LineString",
            coordinates: path.points(network).into_iter().map(corner).collect(),
        },
    }
}
