//! The gazetteer in a map file: sections `gaz.*`.
//!
//! Separate because here alone every number is doubted: a file may be damaged in ways that no checksum sees, and must then
//! be refused and not read past its end.

use super::entries::{Entries, LOCAL, NOWHERE, OTHER, Within};
use super::source::{Boundary, Level};
use super::{Boundaries, Gazetteer, Kind};
use crate::geo::{LatLng, Polygon};
use crate::road::map_file::{MapFileError, MapReader, MapWriter, section};

const NAMES: &str = "gaz.names";
const ROLES: &str = "gaz.roles";
const FIRST_NAMES: &str = "gaz.first_names";
const POINTS: &str = "gaz.points";
const KINDS: &str = "gaz.kinds";
const IMPORTANCES: &str = "gaz.importance";
const WITHIN: &str = "gaz.within";
const AREA_NAMES: &str = "gaz.area_names";
const AREA_LEVELS: &str = "gaz.area_levels";
const AREA_RINGS: &str = "gaz.area_rings";
const RING_CORNERS: &str = "gaz.ring_corners";
const CORNERS: &str = "gaz.corners";

fn halves(point: LatLng) -> [u32; 2] {
    [point.lat_e7().cast_unsigned(), point.lng_e7().cast_unsigned()]
}

/// The points of a section of pairs.
fn points(map: &MapReader<'_>, name: &str) -> Result<Vec<LatLng>, MapFileError> {
    let numbers = map.u32s(name)?;
    let (pairs, rest) = numbers.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(section(name, "does not hold whole places"));
    }
    let point = |[lat, lng]: &[u32; 2]| LatLng::from_e7(lat.cast_signed(), lng.cast_signed());
    pairs.iter().map(|pair| point(pair).map_err(|error| section(name, error))).collect()
}

/// Refuses a section that does not have one thing for each of another.
fn expect_len(name: &str, has: usize, wants: usize) -> Result<(), MapFileError> {
    if has == wants { Ok(()) } else { Err(section(name, format_args!("holds {has} things instead of {wants}"))) }
}

impl Gazetteer {
    /// Writes the sections.
    pub fn write(&self, map: &mut MapWriter) {
        let entries = &self.entries;
        map.put_texts(NAMES, (0..entries.len()).flat_map(|entry| entries.names(entry).map(|(_, name)| name)));
        map.put_bytes(ROLES, entries.roles.clone());
        map.put_u32s(FIRST_NAMES, entries.first_names.iter().copied());
        map.put_u32s(POINTS, entries.points.iter().flat_map(|point| halves(*point)));
        map.put_bytes(KINDS, entries.kinds.iter().map(|kind| kind.number()).collect());
        map.put_bytes(IMPORTANCES, entries.importances.clone());
        map.put_u16s(WITHIN, entries.within.iter().flat_map(|within| [within.sector, within.district]));
        let areas = self.boundaries.all();
        let rings = || areas.iter().flat_map(|area| &area.rings);
        map.put_texts(AREA_NAMES, areas.iter().map(|area| area.name.as_str()));
        map.put_bytes(AREA_LEVELS, areas.iter().map(|area| u8::from(area.level == Level::Sector)).collect());
        map.put_u32s(AREA_RINGS, areas.iter().map(|area| area.rings.len() as u32));
        map.put_u32s(RING_CORNERS, rings().map(|ring| ring.corners().len() as u32));
        map.put_u32s(CORNERS, rings().flat_map(|ring| ring.corners().iter().flat_map(|corner| halves(*corner))));
    }

    /// Reads the sections.
    ///
    /// # Errors
    /// [`MapFileError::Section`] names what is not as it was written.
    pub fn read(map: &MapReader<'_>) -> Result<Self, MapFileError> {
        let boundaries = read_boundaries(map)?;
        let entries = read_entries(map, boundaries.len())?;
        Ok(Self::of(entries, Boundaries::new(boundaries)))
    }
}

fn read_entries(map: &MapReader<'_>, areas: usize) -> Result<Entries, MapFileError> {
    let mut entries = Entries::new();
    let (names, roles) = (map.texts(NAMES)?, map.bytes(ROLES)?);
    expect_len(ROLES, roles.len(), names.len())?;
    for (role, name) in roles.iter().zip(&names) {
        if *role > OTHER {
            return Err(section(ROLES, format_args!("holds {role}, which is no kind of name")));
        }
        entries.push_name(*role, name);
    }
    entries.points = points(map, POINTS)?;
    let count = entries.points.len();
    entries.first_names = map.u32s(FIRST_NAMES)?;
    expect_len(FIRST_NAMES, entries.first_names.len(), count + 1)?;
    let rises =
        entries.first_names.windows(2).all(|pair| pair[0] < pair[1] && roles.get(pair[0] as usize) == Some(&LOCAL));
    if !rises || entries.first_names[0] != 0 || entries.first_names[count] as usize != names.len() {
        return Err(section(FIRST_NAMES, "does not divide the names among the places"));
    }
    let kind = |number: &u8| {
        Kind::from_number(*number).ok_or_else(|| section(KINDS, format_args!("holds {number}, which is no kind")))
    };
    entries.kinds = map.bytes(KINDS)?.iter().map(kind).collect::<Result<_, _>>()?;
    expect_len(KINDS, entries.kinds.len(), count)?;
    entries.importances = map.bytes(IMPORTANCES)?.to_vec();
    expect_len(IMPORTANCES, entries.importances.len(), count)?;
    let within = map.u16s(WITHIN)?;
    expect_len(WITHIN, within.len(), 2 * count)?;
    if let Some(number) = within.iter().find(|number| **number != NOWHERE && usize::from(**number) >= areas) {
        return Err(section(WITHIN, format_args!("holds {number}, but there are {areas} boundaries")));
    }
    let pairs = within.as_chunks::<2>().0.iter();
    entries.within = pairs.map(|[sector, district]| Within { sector: *sector, district: *district }).collect();
    Ok(entries)
}

fn read_boundaries(map: &MapReader<'_>) -> Result<Vec<Boundary>, MapFileError> {
    let (names, levels) = (map.texts(AREA_NAMES)?, map.bytes(AREA_LEVELS)?);
    let (rings_of, corners_of) = (map.u32s(AREA_RINGS)?, map.u32s(RING_CORNERS)?);
    expect_len(AREA_LEVELS, levels.len(), names.len())?;
    expect_len(AREA_RINGS, rings_of.len(), names.len())?;
    let corners = points(map, CORNERS)?;
    let mut corners = corners.as_slice();
    let mut rings = Vec::with_capacity(corners_of.len());
    for count in corners_of {
        let (ring, rest) =
            corners.split_at_checked(count as usize).ok_or_else(|| section(CORNERS, "ends too early"))?;
        rings.push(Polygon::new(ring.to_vec()).map_err(|error| section(RING_CORNERS, error))?);
        corners = rest;
    }
    let mut rings = rings.into_iter();
    let mut boundaries = Vec::with_capacity(names.len());
    for ((name, level), count) in names.into_iter().zip(levels).zip(rings_of) {
        let rings: Vec<Polygon> = rings.by_ref().take(count as usize).collect();
        expect_len(RING_CORNERS, rings.len(), count as usize)?;
        let level = if *level == 0 { Level::District } else { Level::Sector };
        boundaries.push(Boundary { level, name, rings });
    }
    Ok(boundaries)
}
