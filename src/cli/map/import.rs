//! `boda map import`: an extract, a profile and what is known besides become one map file.
//!
//! Separate because it alone reads what others made, and has to say what became of it.

use std::fs::{self, File};
use std::path::Path;
use std::time::Instant;

use super::super::arguments::ImportMap;
use super::super::{Error, print};
use super::progress::Bar;
use super::{failed, files};
use crate::atlas::{Atlas, Survey};
use crate::road::import::{self, Imported, Outline, Summary};
use crate::road::profile::Profile;

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
    let summary = imported.summary.clone();
    bar.tell("ordering the streets");
    let atlas = Atlas::new(Survey::of_import(imported, profile.turn_costs(), about(asked, &profile)))
        .map_err(|error| failed(&asked.file, error))?;
    let (turn_count, names) = (atlas.turns.turn_count(), atlas.gazetteer.len());
    let bytes = atlas.write();
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

/// What `boda map info` says of where a map comes from.
fn about(asked: &ImportMap, profile: &Profile) -> Vec<(String, String)> {
    let name = |file: &Path| file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut about = vec![("extract", name(&asked.file)), ("profile", profile.name().to_owned())];
    about.extend(asked.area.as_deref().map(|area| ("area", name(area))));
    about.into_iter().map(|(word, says)| (word.to_owned(), says)).collect()
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
