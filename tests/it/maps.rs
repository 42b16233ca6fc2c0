//! `boda map`: extracts become maps, and bad ones an error with a reason.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn boda(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_boda"));
    command.arg("map").args(arguments).env_clear().stdin(Stdio::null());
    command.output().expect("the program starts")
}

/// Exit code, standard output, standard error.
fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = boda(arguments);
    let text = |bytes| String::from_utf8(bytes).expect("the program prints text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn shared(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data").join(name);
    if !path.exists() {
        eprintln!("skipped: {} is not there", path.display());
        return None;
    }
    Some(path)
}

#[test]
fn what_is_no_extract_and_no_map_is_refused_by_name_and_nothing_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name).to_str().expect("a plain path").to_owned();
    let (foreign, map) = (at("notes.txt"), at("city.map"));
    fs::write(&foreign, "no map at all").expect("written");
    let (code, out, err) = run(&["import", &foreign, "-o", &map]);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(err.contains("notes.txt: is not an OSM PBF file"), "{err}");
    let (code, _, err) = run(&["info", &foreign]);
    assert_eq!((code, err.contains("notes.txt: is not a boda map")), (Some(1), true), "{err}");
    let (code, _, err) = run(&["info", &map]);
    assert_eq!((code, err.contains("city.map: cannot be read")), (Some(1), true), "{err}");
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1, "only the notes are there");
}

#[test]
fn wrong_usage_is_told_from_failure() {
    let folder = tempfile::tempdir().expect("a folder");
    let profile = folder.path().join("fast.toml");
    fs::write(&profile, include_str!("../../config/moto.toml").replace("trunk = 48.0", "trunk = 480.0"))
        .expect("written");
    let profile = profile.to_str().expect("a plain path");
    for (arguments, reason) in [
        (&["route", "--map", "x.map", "-1.95", "-1.94,30.04"][..], "is not LAT,LON"),
        (&["route", "--map", "x.map", "-1.95,300", "-1.94,30.04"], "longitude 300 is out of range"),
        (&["route", "--map", "x.map", "-1.95,30.0"], "required"),
        (&["import", "x.osm.pbf"], "--out"),
        (
            &["import", "x.osm.pbf", "-o", "x.map", "--profile", profile],
            "speed_kmh.trunk = 480 is out of range 1..=150",
        ),
    ] {
        let (code, out, err) = run(arguments);
        assert_eq!((code, out.as_str()), (Some(64), ""), "{arguments:?}");
        assert!(err.contains(reason), "{arguments:?}: {err}");
    }
}

#[test]
fn a_map_of_kigali_is_made_read_and_ridden_on() {
    let Some(extract) = shared("kigali.osm.pbf") else { return };
    let extract = extract.to_str().expect("a plain path");
    let folder = tempfile::tempdir().expect("a folder");
    let map = folder.path().join("kigali.map");
    let map = map.to_str().expect("a plain path");
    let (code, out, err) = run(&["import", extract, "-o", map]);
    assert_eq!(code, Some(0), "{err}");
    // Without a terminal there is a line for each stage and no bar.
    assert!(err.contains("reading streets\nreading where they are\nmaking the network\n"), "{err}");
    assert!(out.contains("\narcs ") && out.contains("\nmissing nodes           0\n"), "{out}");
    let (code, out, err) = run(&["info", map]);
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("kigali.osm.pbf") && out.contains("© OpenStreetMap contributors"), "{out}");
    // From the Convention Centre to Nyabugogo bus park.
    let (code, out, err) = run(&["route", "--map", map, "--json", "-1.9544,30.0929", "-1.940645,30.044477"]);
    assert_eq!(code, Some(0), "{err}");
    let answer: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    let distance_m = answer["distance_m"].as_u64().expect("a number");
    assert!((7_220..=7_980).contains(&distance_m), "about 7.6 km, not {distance_m} m");
    assert!(answer["time_s"].as_u64().is_some_and(|time_s| (400..1_500).contains(&time_s)), "{out}");
    assert!(answer["streets"].as_array().is_some_and(|streets| streets.iter().any(|name| name == "KN 5 Rd")), "{out}");
    assert_eq!(answer["geometry"]["type"], "LineString");
    let (code, out, err) = run(&["route", "--map", map, "0,0", "-1.940645,30.044477"]);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(err.contains("no street is within reach of the beginning"), "{err}");
    // A map that was damaged on its way is refused.
    let mut bytes = fs::read(map).expect("a map");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x20;
    fs::write(map, bytes).expect("written");
    let (code, _, err) = run(&["info", map]);
    assert_eq!((code, err.contains("is damaged: the checksum of")), (Some(1), true), "{err}");
}
