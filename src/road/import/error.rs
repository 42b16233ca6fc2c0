//! Why an import fails.
//!
//! Separate because every step shares it. Messages are said about a file, whose name the command line puts in front.

use std::io;

use crate::geo::LatLngError;

/// Why an extract makes no network.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// Something else altogether.
    #[error("is not an OSM PBF file: it does not begin with an OSMHeader block")]
    Foreign,
    /// It ends in the middle of a block.
    #[error("is cut off: the block at byte {at} is not whole")]
    CutOff {
        /// Where the block begins.
        at: u64,
    },
    /// A block cannot be understood.
    #[error("is damaged: the block at byte {at} {reason}")]
    Damaged {
        /// Where the block begins.
        at: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// Made by a program with more wishes than this one can fulfil.
    #[error("needs a reader that knows {0}, which this one does not")]
    Feature(String),
    /// Nothing to ride on.
    #[error("holds no street that can be used (with this profile, in this area)")]
    NoStreets,
    /// The operating system refused.
    #[error("cannot be read")]
    Read(#[source] io::Error),
}

/// Why a file beside the extract (an area, boundaries, places) cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ExtraError {
    /// Not JSON.
    #[error("is not JSON: {0}")]
    Json(String),
    /// JSON, but not what is wanted.
    #[error("is not usable GeoJSON: {0}")]
    GeoJson(String),
    /// Not a table.
    #[error("is not usable CSV: {0}")]
    Csv(String),
    /// A number that is no coordinate.
    #[error("{at}: {source}")]
    Place {
        /// Which entry.
        at: String,
        /// What is wrong with it.
        source: LatLngError,
    },
}
