//! Files that are not what they should be.

use std::io::{self, Cursor, Read};

use proptest::prelude::*;

use super::extract::{Extract, TagList, frame, message, read, text};
use crate::road::import::{ImportError, Progress, Stage, import};
use crate::road::profile::Profile;

const STREET: TagList = &[("highway", "residential"), ("name", "KN 5 Rd")];

fn extract() -> Extract {
    Extract::at(&[(0.0, 0.0), (0.0, 1.0), (1.0, 1.0), (1.0, 0.0), (2.0, 2.0)])
        .way(&[1, 2, 3, 4, 1], STREET)
        .way(&[3, 5], STREET)
        .tag(5, &[("amenity", "hospital"), ("name", "CHUK")])
        .relation(&[("type", "restriction"), ("restriction", "no_u_turn")], &[(2, "from"), (-3, "via"), (2, "to")])
}

fn error(file: &[u8]) -> String {
    read(file, None).expect_err("no extract").to_string()
}

#[test]
fn another_kind_of_file_is_named_as_such() {
    const FOREIGN: &str = "is not an OSM PBF file: it does not begin with an OSMHeader block";
    let files: [&[u8]; 6] =
        [b"", b"\0", b"<?xml version=\"1.0\"?><osm/>", b"PK\x03\x04", &[0; 100], b"\0\0\0\x0dshort"];
    for file in files {
        assert_eq!(error(file), FOREIGN, "{file:?}");
    }
    assert_eq!(error(&frame("OSMData", b"")), FOREIGN);
}

#[test]
fn a_file_that_is_cut_off_says_where() {
    let whole = extract().bytes();
    let first = frame(
        "OSMHeader",
        &message(|header| {
            text(header, 4, "OsmSchema-V0.6");
            text(header, 4, "DenseNodes");
        }),
    );
    assert_eq!(error(&whole[..whole.len() - 1]).split(" is not whole").count(), 2);
    assert_eq!(error(&whole[..first.len() + 2]), format!("is cut off: the block at byte {} is not whole", first.len()));
    assert_eq!(error(&whole[..first.len()]), "holds no street that can be used (with this profile, in this area)");
}

#[test]
fn a_file_with_wishes_is_refused_by_the_wish() {
    let header = frame("OSMHeader", &message(|header| text(header, 4, "HistoricalInformation")));
    assert_eq!(error(&header), "needs a reader that knows HistoricalInformation, which this one does not");
}

#[test]
fn a_reader_that_fails_is_told_apart_from_a_bad_file() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the disk is gone"))
        }
    }
    let failed = import(&mut || Ok(Broken), &Profile::moto(), None, &mut |_| ());
    assert!(matches!(failed, Err(ImportError::Read(_))));
}

#[test]
fn progress_is_told_stage_by_stage_up_to_the_last_byte() {
    let file = extract().bytes();
    let mut told: Vec<Progress> = Vec::new();
    import(&mut || Ok(Cursor::new(&file)), &Profile::moto(), None, &mut |progress| told.push(progress))
        .expect("streets");
    assert!(told.is_sorted_by_key(|progress| (progress.stage, progress.bytes_read)));
    for stage in [Stage::Relations, Stage::Ways, Stage::Nodes] {
        let last = told.iter().rfind(|progress| progress.stage == stage).expect("told");
        assert_eq!(last.bytes_read, file.len() as u64);
    }
    assert_eq!(told.last().map(|progress| progress.stage), Some(Stage::Network));
}

proptest! {
    #[test]
    fn no_file_cut_anywhere_is_more_than_an_error(cut in 0..10_000_usize) {
        let file = extract().bytes();
        // Between two blocks a file may end: then nodes or streets are missing.
        let _ = read(&file[..cut % file.len()], None);
    }

    /// Blocks are not packed here, so that no checksum protects them: packed ones fail sooner.
    #[test]
    fn no_bytes_changed_anywhere_are_more_than_an_error(
        changes in prop::collection::vec((0..10_000_usize, any::<u8>()), 1..4),
    ) {
        let mut file = extract().bytes();
        for (at, byte) in changes {
            let length = file.len();
            file[at % length] = byte;
        }
        if let Ok(imported) = read(&file, None) {
            prop_assert!(crate::road::network::Network::new(imported.parts).is_ok());
        }
    }
}
