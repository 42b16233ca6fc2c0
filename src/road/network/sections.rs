//! The network as sections of a map file, and back.
//!
//! Separate from the network because here nothing is believed: a file that passed its checksums may still have been
//! written by a wrong program, and an index out of range must be an error on reading, not a panic in a query. What can
//! be computed from the rest (tails, the arcs of a segment) is not written.

use super::{ArcId, NONE, Network, ROUNDABOUT, RoadClass};
use crate::geo::LatLng;
use crate::road::map_file::{MapFileError, MapReader, MapWriter, section};
use crate::road::turns::CLOSED;

impl Network {
    /// Adds the sections `net.*`.
    pub fn write(&self, file: &mut MapWriter) {
        put_places(file, "net.nodes", &self.nodes);
        file.put_u32s("net.first_out", self.first_out.iter().copied());
        file.put_u32s("net.heads", self.heads.iter().copied());
        file.put_u32s("net.lengths", self.lengths_dm.iter().copied());
        file.put_u32s("net.durations", self.durations_ms.iter().copied());
        file.put_u32s("net.arc_segments", self.arc_segments.iter().copied());
        file.put_u32s("net.first_point", self.first_point.iter().copied());
        put_places(file, "net.points", &self.points);
        file.put_bytes("net.kinds", self.kinds.clone());
        file.put_u32s("net.street_names", self.segment_names.iter().copied());
        file.put_texts("net.names", self.names.iter().map(String::as_str));
    }

    /// Reads them.
    ///
    /// # Errors
    /// [`MapFileError::Section`] where they are missing or do not fit together.
    pub fn read(file: &MapReader<'_>) -> Result<Self, MapFileError> {
        let mut network = Self {
            nodes: places(file, "net.nodes")?,
            first_out: file.u32s("net.first_out")?,
            tails: Vec::new(),
            heads: file.u32s("net.heads")?,
            lengths_dm: file.u32s("net.lengths")?,
            durations_ms: file.u32s("net.durations")?,
            arc_segments: file.u32s("net.arc_segments")?,
            segment_arcs: Vec::new(),
            first_point: file.u32s("net.first_point")?,
            points: places(file, "net.points")?,
            kinds: file.bytes("net.kinds")?.to_vec(),
            segment_names: file.u32s("net.street_names")?,
            names: file.texts("net.names")?,
        };
        network.check_segments()?;
        network.derive_tails()?;
        network.check_arcs()?;
        network.derive_segment_arcs()?;
        Ok(network)
    }

    fn check_segments(&self) -> Result<(), MapFileError> {
        let segments = self.kinds.len();
        check_offsets("net.first_point", &self.first_point, segments, self.points.len())?;
        if self.first_point.windows(2).any(|pair| pair[1] - pair[0] < 2) {
            return Err(section("net.first_point", "has a street of less than two points"));
        }
        if let Some(kind) = self.kinds.iter().find(|kind| usize::from(**kind & !ROUNDABOUT) >= RoadClass::ALL.len()) {
            return Err(section("net.kinds", format_args!("has the unknown class {kind}")));
        }
        check_length("net.street_names", self.segment_names.len(), segments)?;
        match self.segment_names.iter().find(|name| **name != NONE && **name as usize >= self.names.len()) {
            Some(name) => Err(section("net.street_names", format_args!("refers to name {name}, which is not there"))),
            None => Ok(()),
        }
    }

    fn derive_tails(&mut self) -> Result<(), MapFileError> {
        check_offsets("net.first_out", &self.first_out, self.nodes.len(), self.heads.len())?;
        self.tails.reserve(self.heads.len());
        for (node, pair) in self.first_out.windows(2).enumerate() {
            self.tails.extend((pair[0]..pair[1]).map(|_| node as u32));
        }
        Ok(())
    }

    fn check_arcs(&self) -> Result<(), MapFileError> {
        let arcs = self.heads.len();
        if arcs == 0 {
            return Err(section("net.heads", "holds no street"));
        }
        check_indices("net.heads", &self.heads, self.nodes.len())?;
        check_length("net.lengths", self.lengths_dm.len(), arcs)?;
        check_length("net.durations", self.durations_ms.len(), arcs)?;
        check_length("net.arc_segments", self.arc_segments.len(), arcs)?;
        if self.lengths_dm.contains(&0) {
            return Err(section("net.lengths", "has a street without length"));
        }
        match self.durations_ms.iter().find(|duration| !(1..CLOSED).contains(*duration)) {
            Some(duration) => Err(section("net.durations", format_args!("has the riding time {duration} ms"))),
            None => Ok(()),
        }
    }

    fn derive_segment_arcs(&mut self) -> Result<(), MapFileError> {
        const NAME: &str = "net.arc_segments";
        self.segment_arcs = vec![[NONE; 2]; self.kinds.len()];
        for (arc, both) in self.arc_segments.iter().enumerate() {
            let (segment, backward) = (*both as usize / 2, *both as usize % 2);
            let Some(arcs) = self.segment_arcs.get_mut(segment) else {
                return Err(section(NAME, format_args!("refers to street {segment}, which is not there")));
            };
            if std::mem::replace(&mut arcs[backward], arc as u32) != NONE {
                return Err(section(NAME, format_args!("has a direction of street {segment} twice")));
            }
            let (first, last) = (self.first_point[segment] as usize, self.first_point[segment + 1] as usize - 1);
            let (begin, end) = if backward == 0 { (first, last) } else { (last, first) };
            let ends = [self.nodes[self.tails[arc] as usize], self.nodes[self.heads[arc] as usize]];
            if ends != [self.points[begin], self.points[end]] {
                return Err(section(NAME, format_args!("has an arc that does not end where street {segment} does")));
            }
        }
        Ok(())
    }
}

/// Adds the section of the ways that are forbidden as a whole.
pub fn write_restrictions(restrictions: &[Vec<ArcId>], file: &mut MapWriter) {
    let path = |path: &Vec<ArcId>| [path.len() as u32].into_iter().chain(path.iter().map(|arc| arc.0)).collect();
    file.put_u32s("net.restrictions", restrictions.iter().flat_map(|arcs| -> Vec<u32> { path(arcs) }));
}

/// Reads them.
///
/// # Errors
/// [`MapFileError::Section`], where an arc is none of the network's, or two in a row do not touch.
pub fn read_restrictions(file: &MapReader<'_>, network: &Network) -> Result<Vec<Vec<ArcId>>, MapFileError> {
    const NAME: &str = "net.restrictions";
    let numbers = file.u32s(NAME)?;
    let (mut rest, mut restrictions) = (numbers.as_slice(), Vec::new());
    while let Some((length, behind)) = rest.split_first() {
        let Some((path, others)) = behind.split_at_checked(*length as usize) else {
            return Err(section(NAME, "is cut off"));
        };
        check_indices(NAME, path, network.arc_count())?;
        let path: Vec<ArcId> = path.iter().copied().map(ArcId).collect();
        if path.windows(2).any(|pair| network.head(pair[0]) != network.tail(pair[1])) {
            return Err(section(NAME, "forbids a way that does not hang together"));
        }
        restrictions.push(path);
        rest = others;
    }
    Ok(restrictions)
}

/// Each number is an index below `count`.
pub(in crate::road) fn check_indices(name: &str, numbers: &[u32], count: usize) -> Result<(), MapFileError> {
    match numbers.iter().find(|number| **number as usize >= count) {
        Some(number) => Err(section(name, format_args!("refers to {number}, of {count}"))),
        None => Ok(()),
    }
}

/// The numbers say where each of `count` lists begins in an array of `total`, and where the last ends.
pub(in crate::road) fn check_offsets(
    name: &str,
    numbers: &[u32],
    count: usize,
    total: usize,
) -> Result<(), MapFileError> {
    check_length(name, numbers.len(), count + 1)?;
    let is_whole = numbers.first() == Some(&0) && numbers.last().is_some_and(|last| *last as usize == total);
    if is_whole && numbers.is_sorted() { Ok(()) } else { Err(section(name, "does not count upwards to its end")) }
}

/// A section has the length that others ask for.
pub(in crate::road) fn check_length(name: &str, have: usize, want: usize) -> Result<(), MapFileError> {
    if have == want { Ok(()) } else { Err(section(name, format_args!("has {have} entries, not {want}"))) }
}

fn put_places(file: &mut MapWriter, name: &'static str, places: &[LatLng]) {
    file.put_u32s(name, places.iter().flat_map(|place| [place.lat_e7() as u32, place.lng_e7() as u32]));
}

fn places(file: &MapReader<'_>, name: &str) -> Result<Vec<LatLng>, MapFileError> {
    let numbers = file.u32s(name)?;
    let (pairs, rest) = numbers.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(section(name, "does not hold whole places"));
    }
    let place = |[lat, lng]: &[u32; 2]| LatLng::from_e7(*lat as i32, *lng as i32);
    pairs.iter().map(place).collect::<Result<_, _>>().map_err(|error| section(name, error))
}
