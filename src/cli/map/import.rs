//! `boda map import`: an extract, a profile and what is known besides become one map file.
//!
//! Separate because it is the one place where streets, hierarchy and names come together in a file.

use std::fs::{self, File};
use std::path::Path;
use std::time::Instant;

use super::super::arguments::ImportMap;
use super::super::{Error, print};
use super::progress::Bar;
use super::{failed, files};
use crate::gazetteer::{Boundary, Gazetteer, Kind, Names, Place, Street};
use crate::geo::LatLng;
use crate::road::import::{self, Imported, Outline, Summary};
use crate::road::map_file::MapWriter;
use crate::road::network::sections::write_restrictions;
use crate::road::network::{Network, Parts, SegmentId};
use crate::road::profile::Profile;
use crate::road::router::contract;
use crate::road::turns::TurnGraph;

/// Imports, writes and sums up.
pub fn run(asked: &ImportMap) -> Result<(), Error> {
    let begun = Instant::now();
    let profile = profile(asked.profile.as_deref())?;
    let area = asked.area.as_deref().map(outline).transpose()?;
    let (mut bar, mut imported) = read(asked, &profile, area.as_ref())?;
    for file in &asked.boundaries {
        let more = import::boundaries_from_geojson(&files::text(file)?).map_err(|error| failed(file, error))?;
        imported.boundaries.extend(more);
    }
    for file in &asked.places {
        let more = import::places_from_csv(&files::bytes(file)?[..]).map_err(|error| failed(file, error))?;
        imported.places.extend(more);
    }
    bar.tell("sorting names");
    let gazetteer = gazetteer(&imported);
    let Imported { parts, summary, .. } = imported;
    bar.tell("ordering the streets");
    let mut map = MapWriter::default();
    let (about, names) = (about(asked, &profile), gazetteer.len());
    map.put_texts("map.about", about.iter().flat_map(|(key, value)| [*key, value.as_str()]));
    let turn_count =
        streets(parts, &profile, &mut map).map_err(|error| Error::File { file: asked.file.clone(), source: error })?;
    gazetteer.write(&mut map);
    let bytes = map.finish();
    files::write(&asked.out, &bytes)?;
    let rest = format!(
        "turns                   {turn_count}\nnames to search         {names}\n\
         seconds                 {:.1}\nbytes                   {}\n",
        begun.elapsed().as_secs_f64(),
        bytes.len()
    );
    print(format_args!("{}{rest}", told(&summary)))
}

fn profile(file: Option<&Path>) -> Result<Profile, Error> {
    let Some(file) = file else { return Ok(Profile::moto()) };
    let wrong = |error| Error::Argument(format!("--profile {}: {error}", file.display()));
    Profile::from_toml(&files::text(file)?).map_err(wrong)
}

fn outline(file: &Path) -> Result<Outline, Error> {
    Outline::from_geojson(&files::text(file)?).map_err(|error| failed(file, error))
}

fn read(asked: &ImportMap, profile: &Profile, area: Option<&Outline>) -> Result<(Bar, Imported), Error> {
    let file = &asked.file;
    let size_bytes = fs::metadata(file).map_err(|source| failed(file, files::Unreadable(source)))?.len();
    let mut bar = Bar::new(size_bytes);
    let imported = import::import(&mut || File::open(file), profile, area, &mut |progress| bar.show(progress));
    bar.end();
    Ok((bar, imported.map_err(|error| failed(file, error))?))
}

/// Network, turns and hierarchy; how many turns there are.
fn streets(
    parts: Parts,
    profile: &Profile,
    map: &mut MapWriter,
) -> Result<usize, Box<dyn std::error::Error + Send + Sync>> {
    let (network, restrictions) = Network::new(parts)?;
    let turns = TurnGraph::new(&network, &restrictions, &profile.turn_costs());
    let hierarchy = contract(&network, &turns)?;
    network.write(map);
    write_restrictions(&restrictions, map);
    turns.write(map);
    hierarchy.write(map);
    Ok(turns.turn_count())
}

/// What `boda map info` says of where a map comes from.
fn about(asked: &ImportMap, profile: &Profile) -> Vec<(&'static str, String)> {
    let name = |file: &Path| file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut about = vec![("extract", name(&asked.file)), ("profile", profile.name().to_owned())];
    about.extend(asked.area.as_deref().map(|area| ("area", name(area))));
    about.push(("data", "© OpenStreetMap contributors, ODbL".to_owned()));
    about
}

fn gazetteer(imported: &Imported) -> Gazetteer {
    let place = |place: &import::ImportedPlace| Place::of_osm(&place.names, &place.kind, place.point);
    let boundary = |area: &import::ImportedBoundary| Boundary::of_osm(&area.name, area.level, area.rings.clone());
    let mut pieces = Vec::new();
    for street in &imported.streets {
        let names = Names::of_osm(&street.names);
        pieces.extend(street.segments.iter().map(|segment| Street {
            names: names.clone(),
            point: middle(&imported.parts, *segment),
            importance: Kind::Street.importance(),
        }));
    }
    let places = imported.places.iter().map(place).collect();
    Gazetteer::new(places, pieces, imported.boundaries.iter().filter_map(boundary).collect())
}

/// A point of a segment, not at its end where it can be helped.
fn middle(parts: &Parts, segment: SegmentId) -> LatLng {
    let segment = &parts.segments[segment.0 as usize];
    let ends = [segment.from, segment.to].map(|node| parts.nodes[node.0 as usize]);
    let between = |of: fn(LatLng) -> i32| of(ends[0]).midpoint(of(ends[1]));
    let halfway = LatLng::from_e7(between(LatLng::lat_e7), between(LatLng::lng_e7)).unwrap_or(ends[0]);
    segment.shape.get(segment.shape.len() / 2).copied().unwrap_or(halfway)
}

/// The summary, for a person.
fn told(summary: &Summary) -> String {
    let Summary {
        ways,
        junctions,
        segments,
        arcs,
        length_m,
        largest_component_m,
        components,
        islands_dropped,
        dropped_m,
        nodes_missing,
        restrictions_used,
        restrictions_moot,
        restrictions_unclear,
        forbidden_ways,
        street_names,
        places,
        boundaries,
        boundaries_incomplete,
    } = summary;
    let km = |metres: &f64| format!("{:.1} km", metres / 1_000.0);
    let (length, largest, dropped) = (km(length_m), km(largest_component_m), km(dropped_m));
    format!(
        "ways                    {ways}\nnodes                   {junctions}\nsegments                {segments}\n\
         arcs                    {arcs}\nlength                  {length}\n\
         connected parts         {components}, the largest with {largest}\n\
         dropped islands         {islands_dropped}, {dropped} with one-way dead ends\n\
         missing nodes           {nodes_missing}\n\
         turn restrictions used  {restrictions_used}, as {forbidden_ways} forbidden ways\n\
         turn restrictions moot  {restrictions_moot}, unclear {restrictions_unclear}\n\
         street names            {street_names}\nplaces in the extract   {places}\n\
         boundaries in it        {boundaries}, incomplete {boundaries_incomplete}\n"
    )
}
