//! The import, held to extracts that are drawn for it.
//!
//! Separate because there is more to try than one file holds: streets, turns, names, and damage.

mod damage;
mod extract;
mod names;
mod streets;
mod turning;
