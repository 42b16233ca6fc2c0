//! An atlas as a map file.
//!
//! Separate because a file is not to be trusted: whatever it holds, the parts belong together when it was read.

use std::sync::Arc;

use super::{Atlas, Source};
use crate::gazetteer::Gazetteer;
use crate::road::hierarchy::Hierarchy;
use crate::road::map_file::{MapFileError, MapReader, MapWriter, section};
use crate::road::network::Network;
use crate::road::network::sections::{read_restrictions, write_restrictions};
use crate::road::turns::TurnGraph;

const SOURCE: &str = "atlas.source";
const ABOUT: &str = "atlas.about";
const OPEN_STREET_MAP: &[u8] = b"osm";
const GENERATED: &[u8] = b"generated";

impl Atlas {
    /// The bytes of a map file.
    pub fn write(&self) -> Vec<u8> {
        let mut file = MapWriter::default();
        let source = match self.source {
            Source::OpenStreetMap => OPEN_STREET_MAP,
            Source::Generated => GENERATED,
        };
        file.put_bytes(SOURCE, source.to_vec());
        file.put_texts(ABOUT, self.about.iter().flat_map(|(word, says)| [word.as_str(), says]));
        self.network.write(&mut file);
        write_restrictions(&self.restrictions, &mut file);
        self.turns.write(&mut file);
        self.hierarchy.write(&mut file);
        self.gazetteer.write(&mut file);
        file.finish()
    }

    /// Reads a map file.
    ///
    /// # Errors
    /// [`MapFileError`]: not a map, of another version, cut off, damaged.
    pub fn read(file: &[u8]) -> Result<Self, MapFileError> {
        let file = MapReader::new(file)?;
        let source = match file.bytes(SOURCE)? {
            OPEN_STREET_MAP => Source::OpenStreetMap,
            GENERATED => Source::Generated,
            _ => return Err(section(SOURCE, "is none that this program knows")),
        };
        let about = file.texts(ABOUT)?.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect();
        let network = Network::read(&file)?;
        let restrictions = read_restrictions(&file, &network)?;
        let turns = TurnGraph::read(&file, &network)?;
        let hierarchy = Hierarchy::read(&file)?;
        if hierarchy.vertex_count() != turns.vertex_count() || hierarchy.edge_count() != turns.turn_count() {
            return Err(section("cch", "belongs to other turns"));
        }
        let gazetteer = Gazetteer::read(&file)?;
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
}
