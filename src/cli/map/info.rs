//! `boda map info`: what is in a map file, and whether it is whole.
//!
//! Separate because it reads everything and needs nothing else.

use std::fmt::Write;
use std::path::Path;

use super::super::{Error, print};
use super::{failed, files};
use crate::atlas::Atlas;
use crate::geo::LatLng;
use crate::road::map_file::{MapFileError, MapReader, VERSION};
use crate::road::network::{Network, NodeId, SegmentId};

/// Checks a map and tells what is in it.
pub fn run(file: &Path) -> Result<(), Error> {
    let bytes = files::bytes(file)?;
    print(told(&bytes).map_err(|error| failed(file, error))?)
}

fn told(bytes: &[u8]) -> Result<String, MapFileError> {
    let map = MapReader::new(bytes)?;
    let atlas = Atlas::read(bytes)?;
    let (network, names) = (&*atlas.network, &*atlas.gazetteer);
    let mut text = format!("version                 {VERSION}\n");
    let mut line = |key: &str, value: String| {
        // Writing to a text does not fail.
        let _ = writeln!(text, "{key:<24}{value}");
    };
    line("source", atlas.source.attribution().to_owned());
    for (word, says) in &atlas.about {
        line(word, says.clone());
    }
    line("nodes", network.node_count().to_string());
    line("segments", network.segment_count().to_string());
    line("arcs", network.arc_count().to_string());
    line("length", format!("{:.1} km", length_m(network) / 1_000.0));
    line("bounds", bounds(network));
    line("turns", atlas.turns.turn_count().to_string());
    line("forbidden ways", atlas.restrictions.len().to_string());
    line("hierarchy", format!("{} vertices, {} arcs", atlas.hierarchy.vertex_count(), atlas.hierarchy.arc_count()));
    line("street names", network.names().len().to_string());
    line("names to search", names.len().to_string());
    line("boundaries", names.boundaries().len().to_string());
    line("bytes", bytes.len().to_string());
    for (name, size_bytes) in map.sections() {
        line(&format!("  {name}"), size_bytes.to_string());
    }
    Ok(text)
}

fn length_m(network: &Network) -> f64 {
    let length =
        |segment| network.points(SegmentId(segment)).windows(2).map(|pair| pair[0].distance_m(pair[1])).sum::<f64>();
    (0..network.segment_count() as u32).map(length).sum()
}

fn bounds(network: &Network) -> String {
    let nodes = || (0..network.node_count() as u32).map(|node| network.node(NodeId(node)));
    let range = |of: fn(LatLng) -> f64| {
        let (low, high) = nodes().map(of).fold((f64::MAX, f64::MIN), |(low, high), at| (low.min(at), high.max(at)));
        format!("{low:.4}..{high:.4}")
    };
    format!("{}, {}", range(LatLng::lat), range(LatLng::lng))
}
