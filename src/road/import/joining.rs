//! Pieces are joined to segments where their end is no junction.
//!
//! Separate from cutting: whether a node is a junction is known only when dead ends and islands are gone. Two pieces that
//! meet alone are one segment, if they are the same kind of street with the same name and the same legal directions.
//! Ways that a turn restriction names are joined with themselves only, so that a segment of theirs is theirs alone.

use super::ImportedStreet;
use super::pieces::{Cut, Piece, Vertex};
use super::relations::Relations;
use super::ways::Ways;
use crate::geo::LatLng;
use crate::road::network::{Directed, NodeId, Parts, RoadClass, Segment, SegmentId};

/// Segments, with what turn restrictions need to find them.
pub struct Joined {
    pub vertices: Vec<Vertex>,
    pub segments: Vec<JoinedSegment>,
}

/// A segment before it becomes a part.
pub struct JoinedSegment {
    pub from: u32,
    pub to: u32,
    points: Vec<LatLng>,
    class: RoadClass,
    is_roundabout: bool,
    name: Option<u32>,
    forward_ms: Option<f64>,
    backward_ms: Option<f64>,
    /// The id of its way, where all of it is one.
    pub way: Option<i64>,
}

/// What must be equal of two pieces that are joined.
#[derive(PartialEq)]
struct Character {
    class: RoadClass,
    is_roundabout: bool,
    name: Option<u32>,
    /// Legal away from the vertex, and towards it.
    directions: [bool; 2],
}

struct Joiner<'j> {
    cut: &'j Cut,
    ways: &'j Ways,
    relations: &'j Relations,
    /// Of each vertex, the pieces that end there; twice where both ends do.
    ends: Vec<Vec<u32>>,
    is_taken: Vec<bool>,
}

pub fn join(cut: Cut, ways: &Ways, relations: &Relations) -> Joined {
    let mut ends = vec![Vec::new(); cut.vertices.len()];
    for (index, piece) in cut.pieces.iter().enumerate() {
        ends[piece.from as usize].push(index as u32);
        ends[piece.to as usize].push(index as u32);
    }
    let is_taken = vec![false; cut.pieces.len()];
    let mut joiner = Joiner { cut: &cut, ways, relations, ends, is_taken };
    let mut segments = Vec::new();
    // First those that begin at a junction; what is left are rings without one.
    for at_junctions in [true, false] {
        for piece in 0..cut.pieces.len() as u32 {
            let Piece { from, to, .. } = cut.pieces[piece as usize];
            for (begin, is_along) in [(from, true), (to, false)] {
                if !joiner.is_taken[piece as usize] && (!at_junctions || joiner.next(piece, begin).is_none()) {
                    segments.push(joiner.segment(piece, is_along));
                }
            }
        }
    }
    Joined { vertices: cut.vertices, segments }
}

impl Joiner<'_> {
    /// The piece that one joined at a vertex goes on with, and that alone.
    fn next(&self, piece: u32, vertex: u32) -> Option<u32> {
        let [one, other] = self.ends[vertex as usize][..] else { return None };
        if one == other || self.cut.vertices[vertex as usize].node.is_none() {
            return None;
        }
        let next = if one == piece { other } else { one };
        let [a, b] = [piece, next].map(|piece| &self.cut.pieces[piece as usize]);
        let is_restricted =
            |piece: &Piece| self.relations.restricted_ways.contains(&self.ways.streets[piece.way as usize].id);
        let is_own = a.way == b.way || !(is_restricted(a) || is_restricted(b));
        let reversed = |character: Character| {
            let [away, towards] = character.directions;
            Character { directions: [towards, away], ..character }
        };
        (is_own && self.character(a, vertex) == reversed(self.character(b, vertex))).then_some(next)
    }

    fn character(&self, piece: &Piece, vertex: u32) -> Character {
        let way = &self.ways.streets[piece.way as usize];
        let (forward, backward) = (piece.forward_ms.is_some(), piece.backward_ms.is_some());
        Character {
            class: way.street.class,
            is_roundabout: way.street.is_roundabout,
            name: way.name,
            directions: if piece.from == vertex { [forward, backward] } else { [backward, forward] },
        }
    }

    /// Takes a piece and all that it goes on with.
    fn segment(&mut self, first: u32, is_along: bool) -> JoinedSegment {
        let piece = &self.cut.pieces[first as usize];
        let way = &self.ways.streets[piece.way as usize];
        let begin = if is_along { piece.from } else { piece.to };
        let mut segment = JoinedSegment {
            from: begin,
            to: begin,
            points: Vec::new(),
            class: way.street.class,
            is_roundabout: way.street.is_roundabout,
            name: way.name,
            forward_ms: Some(0.0),
            backward_ms: Some(0.0),
            way: Some(way.id),
        };
        let mut next = Some(first);
        while let Some(index) = next.filter(|index| !self.is_taken[*index as usize]) {
            self.is_taken[index as usize] = true;
            let piece = &self.cut.pieces[index as usize];
            segment.append(piece, self.ways.streets[piece.way as usize].id);
            next = self.next(index, segment.to);
        }
        if segment.forward_ms.is_none() { segment.reversed() } else { segment }
    }
}

impl JoinedSegment {
    fn append(&mut self, piece: &Piece, way: i64) {
        let is_along = piece.from == self.to;
        let mut points = piece.points.clone();
        let (mut along, mut against) = (piece.forward_ms, piece.backward_ms);
        if is_along {
            self.to = piece.to;
        } else {
            self.to = piece.from;
            points.reverse();
            std::mem::swap(&mut along, &mut against);
        }
        self.points.extend(points.into_iter().skip(usize::from(!self.points.is_empty())));
        let add = |sum: Option<f64>, ms: Option<f64>| Some(sum? + ms?);
        (self.forward_ms, self.backward_ms) = (add(self.forward_ms, along), add(self.backward_ms, against));
        self.way = self.way.filter(|known| *known == way);
    }

    /// The same the other way round, so that a one-way street runs along its segment.
    fn reversed(mut self) -> Self {
        self.points.reverse();
        let (from, to) = (self.to, self.from);
        Self { from, to, forward_ms: self.backward_ms, backward_ms: self.forward_ms, ..self }
    }

    /// Whether a direction is legal.
    pub const fn is_legal(&self, is_forward: bool) -> bool {
        if is_forward { self.forward_ms.is_some() } else { self.backward_ms.is_some() }
    }
}

impl Joined {
    /// Streets with a name, and the segments of each.
    pub fn streets(&self, ways: &Ways) -> Vec<ImportedStreet> {
        let mut streets: Vec<ImportedStreet> = Vec::new();
        let names = self.used_names(ways);
        for (number, new) in names.iter().enumerate() {
            if new.is_some() {
                streets.push(ImportedStreet { names: ways.names.names[number].clone(), segments: Vec::new() });
            }
        }
        for (index, segment) in self.segments.iter().enumerate() {
            if let Some(new) = segment.name.and_then(|name| names[name as usize]) {
                streets[new as usize].segments.push(SegmentId(index as u32));
            }
        }
        streets
    }

    /// The new number of each name, for those that a segment has.
    fn used_names(&self, ways: &Ways) -> Vec<Option<u32>> {
        let mut is_used = vec![false; ways.names.names.len()];
        for name in self.segments.iter().filter_map(|segment| segment.name) {
            is_used[name as usize] = true;
        }
        let mut count = 0..;
        is_used.into_iter().map(|is_used| if is_used { count.next() } else { None }).collect()
    }

    /// The parts of a network; only vertices that a segment has become nodes.
    pub fn into_parts(self, ways: &Ways, restrictions: Vec<Vec<Directed>>) -> Parts {
        let names = self.used_names(ways);
        let mut parts = Parts { restrictions, ..Parts::default() };
        let all = names.iter().zip(&ways.names.names).filter(|(new, _)| new.is_some());
        parts.names = all.filter_map(|(_, texts)| texts.first().map(|(_, name)| name.clone())).collect();
        let mut node_of = vec![None; self.vertices.len()];
        for segment in self.segments {
            let [from, to] = [segment.from, segment.to].map(|vertex| {
                *node_of[vertex as usize].get_or_insert_with(|| {
                    parts.nodes.push(self.vertices[vertex as usize].point);
                    NodeId(parts.nodes.len() as u32 - 1)
                })
            });
            let ms = |ms: Option<f64>| ms.map(|ms| ms.round().max(1.0) as u32);
            parts.segments.push(Segment {
                from,
                to,
                shape: segment.points[1..segment.points.len() - 1].to_vec(),
                class: segment.class,
                name: segment.name.and_then(|name| names[name as usize]),
                is_roundabout: segment.is_roundabout,
                forward_ms: ms(segment.forward_ms),
                backward_ms: ms(segment.backward_ms),
            });
        }
        parts
    }
}
