//! The fuzzing corpus, replayed with the properties that fuzzing holds.
//!
//! A binary of its own: it needs the public face of the crate and nothing else, no database and no server. An input that
//! once broke something stays in `fuzz/corpus`, so this is where it would break again.

#[path = "../../fuzz/properties.rs"]
mod properties;

use std::path::Path;

/// Runs the property on every file of the target's corpus.
fn replay(target: &str, property: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut replayed = 0;
    for entry in std::fs::read_dir(&folder).expect("the corpus is in the repository") {
        let path = entry.expect("the folder can be listed").path();
        // Shown only when the property fails.
        println!("{}", path.display());
        property(&std::fs::read(&path).expect("the file can be read"));
        replayed += 1;
    }
    assert!(replayed >= 20, "only {replayed} files in {}", folder.display());
}

#[test]
fn every_text_frame_of_the_corpus_is_read_or_refused_as_it_should_be() {
    replay("decode_json", properties::decode_json);
}

#[test]
fn every_binary_frame_of_the_corpus_is_read_or_refused_as_it_should_be() {
    replay("decode_binary", properties::decode_binary_frame);
}
