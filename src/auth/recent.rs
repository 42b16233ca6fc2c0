//! A bounded memory of what was looked up lately. Pure.
//!
//! Two maps: entries go into the current one; when it is full or old, it becomes the one before, and the one before is
//! forgotten. So an entry lives between one and two `age_max` at most, and no bookkeeping is done per entry.

use std::borrow::Borrow;
use std::hash::Hash;

use rustc_hash::FxHashMap;

use crate::time::{Span, Timestamp};

/// What was looked up lately.
#[derive(Debug)]
pub struct Recent<K, V> {
    entries_max: usize,
    age_max: Span,
    began: Timestamp,
    current: FxHashMap<K, V>,
    before: FxHashMap<K, V>,
}

impl<K: Eq + Hash, V> Recent<K, V> {
    /// Remembers up to twice `entries_max` for up to twice `age_max`.
    pub fn new(entries_max: usize, age_max: Span) -> Self {
        let began = Timestamp::EPOCH;
        Self { entries_max, age_max, began, current: FxHashMap::default(), before: FxHashMap::default() }
    }

    /// What is remembered.
    pub fn look_up<Q: Eq + Hash + ?Sized>(&mut self, key: &Q, now: Timestamp) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.advance(now);
        self.current.get(key).or_else(|| self.before.get(key))
    }

    /// Remembers a value, in place of an older one of the same key.
    pub fn remember(&mut self, key: K, value: V, now: Timestamp) {
        self.advance(now);
        self.current.insert(key, value);
    }

    /// Forgets a value that changed.
    pub fn forget<Q: Eq + Hash + ?Sized>(&mut self, key: &Q)
    where
        K: Borrow<Q>,
    {
        self.current.remove(key);
        self.before.remove(key);
    }

    fn advance(&mut self, now: Timestamp) {
        let age = now.since(self.began);
        if age >= self.age_max || self.current.len() >= self.entries_max {
            self.before = std::mem::take(&mut self.current);
            if age.as_millis() >= 2 * self.age_max.as_millis() {
                self.before.clear();
            }
            self.began = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: Timestamp = Timestamp::from_millis(1_790_000_000_000);

    #[test]
    fn an_entry_is_forgotten_by_age_and_on_request() {
        let mut recent = Recent::new(10, Span::from_secs(60));
        recent.remember(1, "a", T0);
        recent.remember(2, "b", T0);
        assert_eq!(recent.look_up(&1, T0 + Span::from_secs(59)), Some(&"a"));
        recent.forget(&2);
        assert_eq!(recent.look_up(&2, T0), None);
        assert_eq!(recent.look_up(&1, T0 + Span::from_secs(130)), None);
    }

    #[test]
    fn the_newer_value_wins_and_memory_is_bounded() {
        let mut recent = Recent::new(10, Span::from_secs(60));
        recent.remember(0, 1, T0);
        recent.remember(0, 2, T0 + Span::from_secs(60));
        assert_eq!(recent.look_up(&0, T0 + Span::from_secs(60)), Some(&2));
        for n in 1..1_000 {
            recent.remember(n, n, T0 + Span::from_secs(60));
            assert!(recent.current.len() + recent.before.len() <= 20);
        }
        assert_eq!(recent.look_up(&999, T0 + Span::from_secs(60)), Some(&999));
    }
}
