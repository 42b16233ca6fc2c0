//! Whether the chain holds, and what was done to it where it does not: pure.
//!
//! Separate because naming the deed takes some thought: a hash that does not fit says only *that* something is wrong. What it
//! was is worked out from the records behind it, which were chained to the true ones.
//!
//! Records are handed in by their number, a page at a time. The first that does not fit ends the walk: behind it nothing can
//! be told from its consequences.

use std::collections::BTreeMap;
use std::fmt;

use super::encoding::{BEFORE_ALL, Hash, link};
use super::rows::Row;

/// By how many places records may have been moved up for that to be recognised.
const SHIFT_MAX: i64 = 1_000;

/// What was done, and where it shows first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// A record says something else than it did.
    Changed {
        /// Which.
        seq: i64,
    },
    /// A record says what it did, but its hash is another.
    HashChanged {
        /// Which.
        seq: i64,
    },
    /// Records are missing; the ones behind may have been numbered anew.
    Removed {
        /// The first.
        seq: i64,
        /// How many.
        count: i64,
    },
    /// A record that was not written by this program, or not here.
    Inserted {
        /// The first.
        seq: i64,
        /// How many.
        count: i64,
    },
    /// The record that belongs here is elsewhere.
    Reordered {
        /// Where it belongs.
        seq: i64,
        /// Where it is.
        found_at: i64,
    },
    /// The last records are missing.
    CutOff {
        /// The last that is there.
        last: i64,
        /// The last that was published.
        expected: i64,
    },
    /// The end of the chain, as the table `audit_head` has it, is not that of the last record.
    HeadChanged {
        /// Where the chain ends.
        seq: i64,
    },
    /// The chain holds in itself, but is another than the one that was published: everything from some record in this range
    /// on was written anew.
    Rewritten {
        /// The last record that is as it was published.
        after: i64,
        /// The published record that is another now.
        up_to: i64,
    },
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed { seq } => write!(f, "record {seq} was changed"),
            Self::HashChanged { seq } => write!(f, "the hash of record {seq} was changed"),
            Self::Removed { seq, count: 1 } => write!(f, "record {seq} was removed"),
            Self::Removed { seq, count } => write!(f, "{count} records from {seq} on were removed"),
            Self::Inserted { seq, count: 1 } => write!(f, "record {seq} was inserted"),
            Self::Inserted { seq, count } => write!(f, "{count} records from {seq} on were inserted"),
            Self::Reordered { seq, found_at } => {
                write!(f, "records were reordered: the one that belongs at {seq} is at {found_at}")
            }
            Self::CutOff { last, expected } => {
                write!(f, "the log was cut off at the end: it has {last} records and there were {expected} at least")
            }
            Self::HeadChanged { seq } => write!(f, "the head of the log was changed: it is not that of record {seq}"),
            Self::Rewritten { after, up_to } => write!(
                f,
                "records were changed, and all hashes behind them: the first is behind record {after} and not behind {up_to}, \
                 which was published with another hash"
            ),
        }
    }
}

/// The end of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The last record; 0 before the first.
    pub seq: i64,
    /// Its hash.
    pub hash: Hash,
}

/// A walk along the chain.
#[derive(Clone, Debug)]
pub struct Walk {
    at: Head,
    /// Heads that were published, by their record.
    published: BTreeMap<i64, Vec<Hash>>,
    /// The last published head that fitted.
    confirmed: i64,
}

impl Walk {
    /// At the beginning.
    pub fn new(published: &[Head]) -> Self {
        let mut by_seq: BTreeMap<i64, Vec<Hash>> = BTreeMap::new();
        for head in published {
            by_seq.entry(head.seq).or_default().push(head.hash);
        }
        Self { at: Head { seq: 0, hash: BEFORE_ALL }, published: by_seq, confirmed: 0 }
    }

    /// The last record that fitted.
    pub const fn at(&self) -> Head {
        self.at
    }

    /// Walks on.
    ///
    /// # Errors
    /// The place in `rows` of the first that does not fit; [`Self::name`] says why.
    pub fn follow(&mut self, rows: &[Row]) -> Result<(), usize> {
        for (place, row) in rows.iter().enumerate() {
            let seq = self.at.seq + 1;
            if row.seq != seq || hash_at(row, &self.at.hash, seq) != Some(row.hash) {
                return Err(place);
            }
            self.at = Head { seq, hash: row.hash };
            if self.contradicted() {
                return Err(place);
            }
        }
        Ok(())
    }

    /// Whether another hash was published for the record where the walk is.
    fn contradicted(&mut self) -> bool {
        match self.published.get(&self.at.seq) {
            Some(hashes) if hashes.iter().any(|hash| *hash != self.at.hash) => true,
            Some(_) => {
                self.confirmed = self.at.seq;
                false
            }
            None => false,
        }
    }

    /// What was done where the walk ended. `rows` are the record that does not fit and those behind it, as many as can be
    /// had; `head` is the end as the table has it.
    pub fn name(&mut self, rows: &[Row], head: Option<Head>) -> Deed {
        if self.contradicted() {
            return Deed::Rewritten { after: self.confirmed, up_to: self.at.seq };
        }
        let seq = self.at.seq + 1;
        let Some(first) = rows.first() else { return Deed::CutOff { last: self.at.seq, expected: seq } };
        if first.seq < seq {
            return Deed::Inserted { seq: first.seq, count: 1 };
        }
        if let Some(place) = rows.iter().position(|row| hash_at(row, &self.at.hash, seq) == Some(row.hash)) {
            return self.moved(rows, place);
        }
        if first.seq > seq {
            return Deed::Removed { seq, count: first.seq - seq };
        }
        let next = rows.get(1);
        let follows =
            |hash: &Hash, next_seq: i64| next.is_some_and(|next| hash_at(next, hash, next_seq) == Some(next.hash));
        let computed = hash_at(first, &self.at.hash, seq);
        let is_head = |hash: Hash| next.is_none() && head == Some(Head { seq, hash });
        if computed.is_some_and(|hash| follows(&hash, seq + 1) || is_head(hash)) {
            return Deed::HashChanged { seq };
        }
        if follows(&first.hash, seq + 1) || is_head(first.hash) {
            return Deed::Changed { seq };
        }
        match (1..=SHIFT_MAX).find(|count| follows(&first.hash, seq + 1 + count)) {
            Some(count) => Deed::Removed { seq, count },
            None => Deed::Changed { seq },
        }
    }

    /// The record that belongs here stands at a later place.
    fn moved(&self, rows: &[Row], place: usize) -> Deed {
        let (seq, found) = (self.at.seq + 1, &rows[place]);
        let count = found.seq - seq;
        // Pushed back as a block, with everything behind it: something was put in front.
        let is_followed =
            rows.get(place + 1).is_some_and(|next| hash_at(next, &found.hash, seq + 1) == Some(next.hash));
        let is_last = rows.len() == place + 1;
        let first_fits_behind = hash_at(&rows[0], &found.hash, seq + 1) == Some(rows[0].hash);
        if count > 0 && place > 0 && (is_followed || is_last) && !first_fits_behind {
            return Deed::Inserted { seq, count };
        }
        Deed::Reordered { seq, found_at: found.seq }
    }

    /// At the end of all records: compares with the end as the table has it, and with the published ones behind.
    pub fn finish(&self, head: Option<Head>) -> Option<Deed> {
        let Head { seq: last, hash } = self.at;
        let published = self.published.last_key_value().map_or(0, |(seq, _)| *seq);
        let expected = published.max(head.map_or(0, |head| head.seq));
        if expected > last {
            return Some(Deed::CutOff { last, expected });
        }
        match head {
            Some(head) if head == (Head { seq: last, hash }) => None,
            _ => Some(Deed::HeadChanged { seq: last }),
        }
    }
}

/// The hash that a row has at a place of the chain.
fn hash_at(row: &Row, before: &Hash, seq: i64) -> Option<Hash> {
    row.content.as_ref().map(|content| link(before, seq, content))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(len: i64) -> Vec<Row> {
        let mut before = BEFORE_ALL;
        (1..=len)
            .map(|seq| {
                let content = format!("record {seq}").into_bytes();
                before = link(&before, seq, &content);
                Row { seq, hash: before, content: Some(content) }
            })
            .collect()
    }

    fn head_of(rows: &[Row]) -> Head {
        rows.last().map_or(Head { seq: 0, hash: BEFORE_ALL }, |row| Head { seq: row.seq, hash: row.hash })
    }

    fn verdict(rows: &[Row], head: Option<Head>, published: &[Head]) -> Option<Deed> {
        let mut walk = Walk::new(published);
        match walk.follow(rows) {
            Ok(()) => walk.finish(head),
            Err(place) => Some(walk.name(&rows[place..], head)),
        }
    }

    /// Ten records, done to, with the end and one published head as they were.
    fn check(deed: impl Fn(&mut Vec<Row>), expected: Option<Deed>) {
        let mut rows = chain(10);
        let (head, published) = (head_of(&rows), Head { seq: 6, hash: rows[5].hash });
        deed(&mut rows);
        rows.sort_by_key(|row| row.seq);
        assert_eq!(verdict(&rows, Some(head), &[published]), expected);
    }

    fn renumber(rows: &mut [Row]) {
        for (seq, row) in (1..).zip(rows) {
            row.seq = seq;
        }
    }

    fn rechain(rows: &mut [Row]) {
        renumber(rows);
        let mut before = BEFORE_ALL;
        for row in rows {
            before = link(&before, row.seq, row.content.as_ref().expect("written"));
            row.hash = before;
        }
    }

    #[test]
    fn each_deed_is_called_by_its_name() {
        check(|_| {}, None);
        check(|rows| rows[3].content = Some(b"other".to_vec()), Some(Deed::Changed { seq: 4 }));
        check(|rows| rows[9].content = Some(b"other".to_vec()), Some(Deed::Changed { seq: 10 }));
        check(|rows| rows[3].content = None, Some(Deed::Changed { seq: 4 }));
        check(|rows| rows[3].hash = [7; 32], Some(Deed::HashChanged { seq: 4 }));
        check(|rows| rows[9].hash = [7; 32], Some(Deed::HashChanged { seq: 10 }));
        check(|rows| drop(rows.remove(0)), Some(Deed::Removed { seq: 1, count: 1 }));
        check(|rows| drop(rows.drain(3..5)), Some(Deed::Removed { seq: 4, count: 2 }));
        check(
            |rows| {
                rows.drain(3..5);
                renumber(rows);
            },
            Some(Deed::Removed { seq: 4, count: 2 }),
        );
        check(|rows| rows.truncate(8), Some(Deed::CutOff { last: 8, expected: 10 }));
        check(Vec::clear, Some(Deed::CutOff { last: 0, expected: 10 }));
        check(
            |rows| {
                rows.insert(3, rows[7].clone());
                renumber(rows);
            },
            Some(Deed::Inserted { seq: 4, count: 1 }),
        );
        check(
            |rows| {
                rows.swap(3, 4);
                renumber(rows);
            },
            Some(Deed::Reordered { seq: 4, found_at: 5 }),
        );
        check(
            |rows| {
                rows.swap(2, 8);
                renumber(rows);
            },
            Some(Deed::Reordered { seq: 3, found_at: 9 }),
        );
        check(|rows| rows[3].seq = 99, Some(Deed::Reordered { seq: 4, found_at: 99 }));
        check(|rows| rows[3].seq = -4, Some(Deed::Inserted { seq: -4, count: 1 }));
    }

    #[test]
    fn a_whole_new_chain_is_found_by_what_was_published() {
        let rows = chain(10);
        let published = [Head { seq: 3, hash: rows[2].hash }, Head { seq: 6, hash: rows[5].hash }];
        let anew = |deed: &dyn Fn(&mut Vec<Row>)| {
            let mut rows = rows.clone();
            deed(&mut rows);
            rechain(&mut rows);
            verdict(&rows, Some(head_of(&rows)), &published)
        };
        assert_eq!(anew(&|rows| rows[4].content = Some(b"x".to_vec())), Some(Deed::Rewritten { after: 3, up_to: 6 }));
        assert_eq!(anew(&|rows| drop(rows.remove(0))), Some(Deed::Rewritten { after: 0, up_to: 3 }));
        assert_eq!(anew(&|rows| rows.truncate(5)), Some(Deed::CutOff { last: 5, expected: 6 }));
        // Nothing was published since: this is found with the next copy of a head, not before.
        assert_eq!(anew(&|rows| rows[8].content = Some(b"x".to_vec())), None);
    }

    #[test]
    fn the_head_must_be_that_of_the_last_record() {
        let rows = chain(5);
        let head = head_of(&rows);
        for changed in [None, Some(Head { hash: [1; 32], ..head }), Some(Head { seq: 4, hash: rows[3].hash })] {
            assert_eq!(verdict(&rows, changed, &[]), Some(Deed::HeadChanged { seq: 5 }));
        }
        let ahead = Some(Head { seq: 7, ..head });
        assert_eq!(verdict(&rows, ahead, &[]), Some(Deed::CutOff { last: 5, expected: 7 }));
        assert_eq!(verdict(&[], Some(Head { seq: 0, hash: BEFORE_ALL }), &[]), None);
    }
}
