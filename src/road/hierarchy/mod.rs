//! A customizable contraction hierarchy: shortest ways through a directed graph whose weights change every half minute.
//!
//! Separate from the streets because it knows vertices and weights only: the [router](super::router) gives it the graph of
//! turns. Three phases (Dibbelt, Strasser and Wagner, "Customizable Contraction Hierarchies", 2016): at import the vertices
//! are ordered by nested dissection and contracted, whatever their weights; a [`Metric`] is then made
//! in milliseconds for any weights; a [`Search`] answers from it in microseconds.
//!
//! What differs from the textbook:
//! - Vertices are numbered by a post-order of the elimination tree. The vertices below one are a range of numbers, and the
//!   ends of all arcs of a vertex lie on its way to the root, so an arc says how deep its end lies, in 16 bits. Labels are
//!   short arrays by depth; a search stays in the first cache.
//! - Arcs that no weights can make passable are left out, each direction for itself (Buchhold, Wagner, Zeitz and Zündorf,
//!   "Customizable Contraction Hierarchies with Turn Costs", 2020). In a graph of turns those are many.
//! - Nothing is kept to unpack a way: it is [walked](Search::path) edge by edge, asking for the rest of the way at each.

mod dissection;
mod label;
mod metric;
mod search;
mod sections;
mod topology;
#[cfg(test)]
mod tests;

use dissection::Neighbours;
pub use label::{Label, Labeller};
pub use metric::{Customizer, Metric};
pub use search::Search;

/// No vertex, no arc.
const NONE: u32 = u32::MAX;
/// Depths fit in 16 bits: arrays of this many need no check.
const DEPTHS: usize = 1 << 16;

/// A directed graph as the arrays it is made of.
#[derive(Clone, Copy, Debug)]
pub struct Graph<'g> {
    /// Of each vertex its first edge; one more at the end.
    pub first_out: &'g [u32],
    /// The vertex that each edge leads to.
    pub heads: &'g [u32],
    /// Where each vertex lies, in degrees north and east. Only the quality of the order depends on it.
    pub places: &'g [(f32, f32)],
}

impl Graph<'_> {
    fn edges(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        let tails = 0..self.places.len();
        tails.flat_map(|tail| {
            let range = self.first_out[tail] as usize..self.first_out[tail + 1] as usize;
            self.heads[range].iter().map(move |head| (tail as u32, *head))
        })
    }
}

/// Why a graph has no hierarchy.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum HierarchyError {
    /// The graph falls apart too badly: it is no street network.
    #[error("the elimination tree is {0} deep; {DEPTHS} fit")]
    TooDeep(usize),
    /// More than indices hold.
    #[error("the hierarchy has {0} arcs; 2147483647 fit")]
    TooManyArcs(usize),
}

/// The part that does not depend on weights. A vertex is spoken of by its *rank* inside, by the caller's number outside.
#[derive(Clone, PartialEq, Debug)]
pub struct Hierarchy {
    /// Of each vertex of the graph, its rank.
    ranks: Vec<u32>,
    /// By rank: the parent in the elimination tree, or `NONE`. Larger than its children.
    parents: Vec<u32>,
    /// By rank: the lowest rank in the subtree; all between belong to it.
    lowest: Vec<u32>,
    /// By rank: distance to the root.
    depths: Vec<u16>,
    up: Arcs,
    down: Arcs,
    /// Of each edge of the graph, the arc it becomes: of `up`, then of `down`; `NONE` for loops.
    slots: Vec<u32>,
}

/// Arcs between each vertex and vertices above it, in one direction.
#[derive(Clone, PartialEq, Default, Debug)]
struct Arcs {
    /// By rank; one more at the end.
    first: Vec<u32>,
    /// Depth of the upper end, nearest first.
    depths: Vec<u16>,
}

impl Arcs {
    #[inline]
    fn range(&self, rank: u32) -> std::ops::Range<usize> {
        self.first[rank as usize] as usize..self.first[rank as usize + 1] as usize
    }

    fn byte_count(&self) -> usize {
        self.first.len() * 4 + self.depths.len() * 2
    }
}

impl Hierarchy {
    /// Orders and contracts a graph. Takes seconds for a city.
    ///
    /// # Errors
    /// [`HierarchyError`].
    pub fn new(graph: Graph<'_>) -> Result<Self, HierarchyError> {
        let neighbours = Neighbours::new(graph.places.len(), graph.edges());
        topology::contract(&graph, &dissection::order(&neighbours, graph.places))
    }

    /// How many vertices the graph has.
    pub fn vertex_count(&self) -> usize {
        self.ranks.len()
    }

    /// How many edges the graph has.
    pub fn edge_count(&self) -> usize {
        self.slots.len()
    }

    /// How many arcs there are, up and down.
    pub fn arc_count(&self) -> usize {
        self.up.depths.len() + self.down.depths.len()
    }

    /// What all of it takes in memory, without metrics.
    pub fn byte_count(&self) -> usize {
        (self.ranks.len() * 4 + self.slots.len()) * 4 - self.ranks.len() * 2
            + self.up.byte_count()
            + self.down.byte_count()
    }

    /// Whether the one vertex lies on the way from the other to the root, or is it. By rank.
    #[inline]
    fn is_above(&self, above: u32, below: u32) -> bool {
        self.lowest[above as usize] <= below && below <= above
    }
}
