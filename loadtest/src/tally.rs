//! Counting things by name: refusals by code, unexpected events by kind.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Named counters that many tasks add to.
#[derive(Debug, Default)]
pub struct Tally(Mutex<BTreeMap<String, u64>>);

impl Tally {
    /// One more of `name`.
    pub fn add(&self, name: &str) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match counts.get_mut(name) {
            Some(count) => *count += 1,
            None => {
                counts.insert(name.to_owned(), 1);
            }
        }
    }

    /// All names together.
    pub fn total(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().sum()
    }

    /// A copy, in order of name.
    pub fn snapshot(&self) -> BTreeMap<String, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_add_up_by_name() {
        let tally = Tally::default();
        for name in ["b", "a", "b"] {
            tally.add(name);
        }
        assert_eq!(tally.total(), 3);
        assert_eq!(tally.snapshot(), BTreeMap::from([("a".to_owned(), 1), ("b".to_owned(), 2)]));
    }
}
