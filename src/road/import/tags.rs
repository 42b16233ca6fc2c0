//! The tags of one node, way or relation.
//!
//! Separate because tags are borrowed from a block of the file, asked several times each, and few: a list is quicker than
//! a map and nothing is copied.

use super::Names;

/// Keys and values.
pub struct Tags<'b>(Vec<(&'b str, &'b str)>);

impl<'b> Tags<'b> {
    pub fn new(tags: impl Iterator<Item = (&'b str, &'b str)>) -> Self {
        Self(tags.collect())
    }

    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn get(&self, key: &str) -> Option<&'b str> {
        self.0.iter().find(|(known, _)| *known == key).map(|(_, value)| *value)
    }

    pub fn is(&self, key: &str, value: &str) -> bool {
        self.get(key) == Some(value)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&'b str, &'b str)> + '_ {
        self.0.iter().copied()
    }

    /// The names it goes by: `name` first, then those in a language, then others; none twice.
    pub fn names(&self) -> Names {
        let mut names: Names = Vec::new();
        let mut add = |language: &str, text: &str| {
            // Several names of one kind are joined by semicolons.
            for name in text.split(';').map(str::trim).filter(|name| !name.is_empty()) {
                if names.iter().all(|(_, known)| known != name) {
                    names.push((language.to_owned(), name.to_owned()));
                }
            }
        };
        self.get("name").into_iter().for_each(|name| add("", name));
        for (key, value) in self.iter() {
            if let Some(language) =
                key.strip_prefix("name:").filter(|language| matches!(*language, "rw" | "en" | "fr" | "sw"))
            {
                add(language, value);
            }
        }
        for key in ["official_name", "alt_name", "short_name", "loc_name", "old_name", "brand"] {
            self.get(key).into_iter().for_each(|name| add("", name));
        }
        names
    }
}
