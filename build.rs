//! Builds again when a migration is added: they are compiled in, and cargo watches only Rust files by itself.
fn main() {
    println!("cargo::rerun-if-changed=migrations");
}
