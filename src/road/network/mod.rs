//! The streets as a directed graph: junctions, segments of street between them, and an arc for each legal direction.
//!
//! Separate from whoever makes it (the OSM import, the generated town) and from whoever reads it (hierarchy, snapping,
//! map matching, the picture of the city). Immutable and flat: an import is read once and shared by every thread, and
//! each array is a section of the map file (see [`sections`]). Travel times that change live elsewhere; what is here is the street as built.

pub mod sections;
#[cfg(test)]
mod tests;

use crate::geo::LatLng;

/// A junction, or the end of a street.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct NodeId(pub u32);

/// One direction of a segment.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct ArcId(pub u32);

/// A stretch of street between two junctions, both directions.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct SegmentId(pub u32);

/// What a street is for, as OpenStreetMap's `highway` says, most important first.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum RoadClass {
    /// `motorway` and its links.
    Motorway,
    /// `trunk` and its links.
    Trunk,
    /// `primary` and its links.
    Primary,
    /// `secondary` and its links.
    Secondary,
    /// `tertiary` and its links.
    Tertiary,
    /// `unclassified`.
    Unclassified,
    /// `residential`.
    Residential,
    /// `living_street`.
    LivingStreet,
    /// `service`.
    Service,
    /// `track`.
    Track,
    /// `path`, `footway` and the like, where the profile lets motorcycles in.
    Path,
    /// A ferry.
    Ferry,
}

impl RoadClass {
    /// All of them, in order.
    pub const ALL: [Self; 12] = [
        Self::Motorway,
        Self::Trunk,
        Self::Primary,
        Self::Secondary,
        Self::Tertiary,
        Self::Unclassified,
        Self::Residential,
        Self::LivingStreet,
        Self::Service,
        Self::Track,
        Self::Path,
        Self::Ferry,
    ];
}

/// A stretch of street, as whoever makes a network says it.
#[derive(Clone, Debug)]
pub struct Segment {
    /// Where it begins.
    pub from: NodeId,
    /// Where it ends.
    pub to: NodeId,
    /// The points between the two, in order.
    pub shape: Vec<LatLng>,
    /// What the street is for.
    pub class: RoadClass,
    /// Its name: an index into [`Parts::names`].
    pub name: Option<u32>,
    /// Part of a roundabout.
    pub is_roundabout: bool,
    /// Free-flow riding time from `from` to `to` in milliseconds; `None` where that is not allowed.
    pub forward_ms: Option<u32>,
    /// The same from `to` to `from`.
    pub backward_ms: Option<u32>,
}

/// A segment in one of its directions.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Directed {
    /// An index into [`Parts::segments`].
    pub segment: SegmentId,
    /// From the segment's `from` to its `to`.
    pub is_forward: bool,
}

/// What a network is made of.
#[derive(Clone, Debug, Default)]
pub struct Parts {
    /// Junctions; only those that a segment touches should be here.
    pub nodes: Vec<LatLng>,
    /// Streets between them.
    pub segments: Vec<Segment>,
    /// Street names, each once.
    pub names: Vec<String>,
    /// Ways through the network that are forbidden as a whole: two directed segments for a turn at a junction, more for a
    /// turn by way of others.
    pub restrictions: Vec<Vec<Directed>>,
}

/// Why parts make no network.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NetworkError {
    /// A reference to something that is not there.
    #[error("{what} {index} of {from} does not exist")]
    Missing {
        /// What kind of thing is missing.
        what: &'static str,
        /// Its index.
        index: u32,
        /// Who refers to it.
        from: String,
    },
    /// No street can be used in any direction.
    #[error("no street can be used")]
    Empty,
    /// More than indices hold.
    #[error("{0} are more than fit in a map")]
    TooMany(&'static str),
}

/// The street network. Arcs are numbered by the node they leave.
#[derive(Clone, PartialEq, Debug)]
pub struct Network {
    pub(super) nodes: Vec<LatLng>,
    /// Of each node, the first arc that leaves it; one more at the end.
    pub(super) first_out: Vec<u32>,
    pub(super) tails: Vec<u32>,
    pub(super) heads: Vec<u32>,
    pub(super) lengths_dm: Vec<u32>,
    pub(super) durations_ms: Vec<u32>,
    /// Segment of each arc, doubled, plus one when the arc runs against it.
    pub(super) arc_segments: Vec<u32>,
    /// Of each segment, its forward and its backward arc, or `NONE`.
    pub(super) segment_arcs: Vec<[u32; 2]>,
    /// Of each segment, the first of its points in `points`, ends included; one more at the end.
    pub(super) first_point: Vec<u32>,
    pub(super) points: Vec<LatLng>,
    /// Class, roundabout bit.
    pub(super) kinds: Vec<u8>,
    /// Name of each segment, or `NONE`.
    pub(super) segment_names: Vec<u32>,
    pub(super) names: Vec<String>,
}

/// No arc, no name.
pub(super) const NONE: u32 = u32::MAX;
/// In `kinds`: the segment is part of a roundabout.
pub(super) const ROUNDABOUT: u8 = 0x80;

impl Network {
    /// Builds a network; segments without a legal direction are dropped, and their points with them. The second answer
    /// maps each directed segment of `parts.restrictions` into arcs; restrictions that name an illegal direction are left
    /// out, because nobody can drive them anyway.
    ///
    /// # Errors
    /// [`NetworkError`].
    pub fn new(parts: Parts) -> Result<(Self, Vec<Vec<ArcId>>), NetworkError> {
        let Parts { nodes, segments, names, restrictions } = parts;
        let mut network = Self {
            first_out: vec![0; nodes.len() + 1],
            tails: Vec::new(),
            heads: Vec::new(),
            lengths_dm: Vec::new(),
            durations_ms: Vec::new(),
            arc_segments: Vec::new(),
            segment_arcs: Vec::new(),
            first_point: vec![0],
            points: Vec::new(),
            kinds: Vec::new(),
            segment_names: Vec::new(),
            nodes,
            names,
        };
        let mut kept = vec![NONE; segments.len()];
        let mut arcs = Vec::with_capacity(segments.len() * 2);
        for (index, segment) in segments.iter().enumerate() {
            network.check(index, segment)?;
            if segment.forward_ms.is_none() && segment.backward_ms.is_none() {
                continue;
            }
            let (number, length_dm) = network.take(segment)?;
            kept[index] = number;
            for (backward, duration) in [segment.forward_ms, segment.backward_ms].into_iter().enumerate() {
                let (tail, head) = if backward == 0 { (segment.from, segment.to) } else { (segment.to, segment.from) };
                if let Some(duration_ms) = duration {
                    arcs.push((tail.0, number * 2 + backward as u32, head.0, length_dm, duration_ms.max(1)));
                }
            }
        }
        if arcs.is_empty() {
            return Err(NetworkError::Empty);
        }
        arcs.sort_unstable();
        for (arc, (tail, segment, head, length_dm, duration_ms)) in arcs.into_iter().enumerate() {
            network.first_out[tail as usize + 1] += 1;
            network.segment_arcs[segment as usize / 2][segment as usize % 2] = arc as u32;
            network.tails.push(tail);
            network.heads.push(head);
            network.lengths_dm.push(length_dm);
            network.durations_ms.push(duration_ms);
            network.arc_segments.push(segment);
        }
        for node in 1..network.first_out.len() {
            network.first_out[node] += network.first_out[node - 1];
        }
        let arc_of = |Directed { segment, is_forward }: &Directed| {
            let number = *kept.get(segment.0 as usize).filter(|number| **number != NONE)?;
            let arc = network.segment_arcs[number as usize][usize::from(!is_forward)];
            (arc != NONE).then_some(ArcId(arc))
        };
        let restrictions = restrictions.iter().filter_map(|path| path.iter().map(arc_of).collect()).collect();
        Ok((network, restrictions))
    }

    fn check(&self, index: usize, segment: &Segment) -> Result<(), NetworkError> {
        let missing = |what, of| Err(NetworkError::Missing { what, index: of, from: format!("segment {index}") });
        for node in [segment.from.0, segment.to.0] {
            if node as usize >= self.nodes.len() {
                return missing("node", node);
            }
        }
        match segment.name {
            Some(name) if name as usize >= self.names.len() => missing("name", name),
            // Doubled and marked they must fit.
            _ if index >= (u32::MAX / 4) as usize => Err(NetworkError::TooMany("segments")),
            _ => Ok(()),
        }
    }

    /// Takes in the points of a segment; its number and its length.
    fn take(&mut self, segment: &Segment) -> Result<(u32, u32), NetworkError> {
        let number = self.kinds.len() as u32;
        let ends = [self.nodes[segment.from.0 as usize], self.nodes[segment.to.0 as usize]];
        let begin = self.points.len();
        self.points.push(ends[0]);
        self.points.extend(&segment.shape);
        self.points.push(ends[1]);
        self.first_point.push(u32::try_from(self.points.len()).map_err(|_| NetworkError::TooMany("points"))?);
        let length_m: f64 = self.points[begin..].windows(2).map(|pair| pair[0].distance_m(pair[1])).sum();
        self.kinds.push(segment.class as u8 | if segment.is_roundabout { ROUNDABOUT } else { 0 });
        self.segment_names.push(segment.name.unwrap_or(NONE));
        self.segment_arcs.push([NONE; 2]);
        Ok((number, (length_m * 10.0).round().max(1.0) as u32))
    }

    /// How many junctions there are.
    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// How many arcs there are.
    pub fn arc_count(&self) -> usize {
        self.heads.len()
    }

    /// How many segments there are.
    pub fn segment_count(&self) -> usize {
        self.kinds.len()
    }

    /// Where a junction is.
    pub fn node(&self, node: NodeId) -> LatLng {
        self.nodes[node.0 as usize]
    }

    /// The arcs that leave a junction.
    pub fn arcs_from(&self, node: NodeId) -> impl ExactSizeIterator<Item = ArcId> + use<> {
        (self.first_out[node.0 as usize]..self.first_out[node.0 as usize + 1]).map(ArcId)
    }

    /// Where an arc begins.
    pub fn tail(&self, arc: ArcId) -> NodeId {
        NodeId(self.tails[arc.0 as usize])
    }

    /// Where an arc ends.
    pub fn head(&self, arc: ArcId) -> NodeId {
        NodeId(self.heads[arc.0 as usize])
    }

    /// Length of an arc in decimetres; at least 1.
    pub fn length_dm(&self, arc: ArcId) -> u32 {
        self.lengths_dm[arc.0 as usize]
    }

    /// Free-flow riding time of each arc, in milliseconds; at least 1.
    pub fn durations_ms(&self) -> &[u32] {
        &self.durations_ms
    }

    /// The segment that an arc is a direction of, and whether it runs along it.
    pub fn directed(&self, arc: ArcId) -> Directed {
        let both = self.arc_segments[arc.0 as usize];
        Directed { segment: SegmentId(both / 2), is_forward: both.is_multiple_of(2) }
    }

    /// The arc of a directed segment, where that direction is legal.
    pub fn arc(&self, directed: Directed) -> Option<ArcId> {
        let arc = self.segment_arcs[directed.segment.0 as usize][usize::from(!directed.is_forward)];
        (arc != NONE).then_some(ArcId(arc))
    }

    /// The same street the other way.
    pub fn twin(&self, arc: ArcId) -> Option<ArcId> {
        let Directed { segment, is_forward } = self.directed(arc);
        self.arc(Directed { segment, is_forward: !is_forward })
    }

    /// The points of a segment from its beginning to its end; two at least.
    pub fn points(&self, segment: SegmentId) -> &[LatLng] {
        let index = segment.0 as usize;
        &self.points[self.first_point[index] as usize..self.first_point[index + 1] as usize]
    }

    /// What the street of a segment is for.
    pub fn class(&self, segment: SegmentId) -> RoadClass {
        RoadClass::ALL[usize::from(self.kinds[segment.0 as usize] & !ROUNDABOUT)]
    }

    /// Whether a segment is part of a roundabout.
    pub fn is_roundabout(&self, segment: SegmentId) -> bool {
        self.kinds[segment.0 as usize] & ROUNDABOUT != 0
    }

    /// The name of the street of a segment.
    pub fn name(&self, segment: SegmentId) -> Option<&str> {
        self.names.get(self.segment_names[segment.0 as usize] as usize).map(String::as_str)
    }

    /// All street names, each once.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The direction of travel at the beginning of an arc, and at its end; degrees clockwise from north.
    pub fn bearings_deg(&self, arc: ArcId) -> (f64, f64) {
        let Directed { segment, is_forward } = self.directed(arc);
        let points = self.points(segment);
        let (first, last) =
            (points[0].bearing_deg(points[1]), points[points.len() - 2].bearing_deg(points[points.len() - 1]));
        if is_forward { (first, last) } else { ((last + 180.0) % 360.0, (first + 180.0) % 360.0) }
    }
}

/// A place on the network: a point of an arc, and what was asked about.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Snap {
    /// The arc.
    pub arc: ArcId,
    /// How far along the arc, in decimetres from its tail; at most the arc's length.
    pub along_dm: u32,
    /// The point on the street.
    pub point: LatLng,
    /// How far that is from what was asked about, in metres.
    pub distance_m: f32,
}
