//! The plan of the house, held: reads the floors out of `src/lib.rs` and fails where the code does not keep to them.
//!
//! Separate from clippy because these rules are ours: which way imports point, what pure code may not touch, where SQL and
//! HTTP may stand.

mod rules;
mod source;

use std::fs;
use std::path::Path;

use rules::{Files, faults};

/// Folders whose Rust files belong to the house.
const FOLDERS: [&str; 4] = ["src", "loadtest/src", "tests", "benches"];

fn read_into(files: &mut Files, root: &Path, folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.expect("a folder of the repository can be read").path();
        if path.is_dir() {
            read_into(files, root, &path);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("a source file is text");
            let name = path.strip_prefix(root).expect("inside the repository").to_string_lossy().replace('\\', "/");
            files.insert(name, text);
        }
    }
}

#[test]
fn the_house_keeps_to_its_plan() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Files::new();
    for folder in FOLDERS {
        read_into(&mut files, root, &root.join(folder));
    }
    assert!(files.len() > 50, "only {} source files were found", files.len());
    let faults: Vec<_> = faults(&files).iter().map(ToString::to_string).collect();
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}
