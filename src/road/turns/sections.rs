//! The turn graph as sections of a map file, and back.
//!
//! Separate from the graph for the same reason as the network's sections: here nothing is believed.

use super::TurnGraph;
use crate::road::map_file::{MapFileError, MapReader, MapWriter, section};
use crate::road::network::Network;
use crate::road::network::sections::{check_indices, check_length, check_offsets};

impl TurnGraph {
    /// Adds the sections `turn.*`.
    pub fn write(&self, file: &mut MapWriter) {
        file.put_u32s("turn.copies", self.copies.iter().copied());
        file.put_u32s("turn.first", self.first_turn.iter().copied());
        file.put_u32s("turn.heads", self.heads.iter().copied());
        file.put_u16s("turn.costs", self.costs_ms.iter().copied());
    }

    /// Reads them: the turns of this network.
    ///
    /// # Errors
    /// [`MapFileError::Section`] where they are missing, do not fit together, or are another network's.
    pub fn read(file: &MapReader<'_>, network: &Network) -> Result<Self, MapFileError> {
        let graph = Self {
            arc_count: network.arc_count() as u32,
            copies: file.u32s("turn.copies")?,
            first_turn: file.u32s("turn.first")?,
            heads: file.u32s("turn.heads")?,
            costs_ms: file.u16s("turn.costs")?,
        };
        check_indices("turn.copies", &graph.copies, network.arc_count())?;
        let vertices = network.arc_count() + graph.copies.len();
        check_offsets("turn.first", &graph.first_turn, vertices, graph.heads.len())?;
        check_indices("turn.heads", &graph.heads, vertices)?;
        check_length("turn.costs", graph.costs_ms.len(), graph.heads.len())?;
        for vertex in 0..vertices as u32 {
            let node = network.head(graph.arc_of(vertex));
            if graph.turns(vertex).any(|(head, _)| network.tail(graph.arc_of(head)) != node) {
                return Err(section("turn.heads", format_args!("has a turn out of {vertex} to a street elsewhere")));
            }
        }
        Ok(graph)
    }
}
