//! The dictionary: every word of every name once, sorted, and who has it.
//!
//! Separate because this is the index: how words are matched is decided here, what a whole query means in
//! [`search`](super::search). A sorted list is a tree of prefixes already: the words that begin with a prefix are one range
//! of it, and their entries one range of the postings. The walk for typing errors goes down that tree with one row of the
//! edit distance per letter and leaves a branch as soon as no word below can come near enough, or all of them have matched.
//! Edits are insertion, deletion, replacement and the swap of two neighbours (optimal string alignment, Damerau 1964 as
//! restricted by Boytsov 2011), counted in bytes of folded text, which is plain Latin.

use std::ops::Range;

use super::fold::WORD_BYTES_MAX;

/// How a word of a query fits a word of a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fit {
    /// Edits to the nearest beginning of the name's word.
    pub edits: u8,
    /// That beginning is the whole word.
    pub is_whole: bool,
}

/// From this length on a word may have one typing error, and from the second on two. Digits never: another number is
/// another street.
const LETTERS_FOR_ONE: usize = 4;
const LETTERS_FOR_TWO: usize = 8;

/// How many typing errors a word of a query may have.
pub fn edits_max(word: &str) -> u8 {
    let has_digit = word.starts_with(char::is_numeric);
    match word.len() {
        _ if has_digit => 0,
        ..LETTERS_FOR_ONE => 0,
        LETTERS_FOR_ONE..LETTERS_FOR_TWO => 1,
        _ => 2,
    }
}

/// Sorted words with their entries.
#[derive(Debug, Default)]
pub struct Terms {
    letters: Vec<u8>,
    /// Where each word begins in `letters`, and the end.
    begins: Vec<u32>,
    /// Where each word's entries begin in `postings`, and the end.
    posting_begins: Vec<u32>,
    postings: Vec<u32>,
}

impl Terms {
    /// From words and the entries that have them, in any order, repeated or not.
    pub fn new(mut pairs: Vec<(String, u32)>) -> Self {
        pairs.sort_unstable();
        pairs.dedup();
        let mut terms = Self::default();
        let mut last = None;
        for (word, entry) in &pairs {
            if last != Some(word) {
                terms.begins.push(terms.letters.len() as u32);
                terms.posting_begins.push(terms.postings.len() as u32);
                terms.letters.extend(word.as_bytes());
                last = Some(word);
            }
            terms.postings.push(*entry);
        }
        terms.begins.push(terms.letters.len() as u32);
        terms.posting_begins.push(terms.postings.len() as u32);
        terms.letters.shrink_to_fit();
        terms
    }

    /// How many words.
    pub fn len(&self) -> usize {
        self.begins.len().saturating_sub(1)
    }

    /// The entries that have one of these words, entries with two of them twice.
    pub fn entries(&self, terms: Range<usize>) -> &[u32] {
        &self.postings[self.posting_begins[terms.start] as usize..self.posting_begins[terms.end] as usize]
    }

    /// Bytes of memory.
    pub fn bytes(&self) -> usize {
        self.letters.len() + 4 * (self.begins.len() + self.posting_begins.len() + self.postings.len())
    }

    fn word(&self, term: usize) -> &[u8] {
        &self.letters[self.begins[term] as usize..self.begins[term + 1] as usize]
    }

    /// Calls `found` with every range of words that a word of a query fits, and how. No word is in two of them.
    pub fn matching(&self, word: &str, found: &mut dyn FnMut(Range<usize>, Fit)) {
        let word = word.as_bytes();
        let mut row = [0; ROW];
        for (at, cell) in row.iter_mut().enumerate() {
            *cell = at as u8;
        }
        let edits_max = edits_max(std::str::from_utf8(word).unwrap_or_default());
        let mut walk = Walk { terms: self, word, edits_max, found };
        walk.descend(0..self.len(), &Step { depth: 0, row, above: [FAR; ROW], last: 0, best: FAR });
    }
}

const ROW: usize = WORD_BYTES_MAX + 1;
/// More edits than ever count; adding to it does not overflow.
const FAR: u8 = 100;

struct Walk<'w> {
    terms: &'w Terms,
    word: &'w [u8],
    edits_max: u8,
    found: &'w mut dyn FnMut(Range<usize>, Fit),
}

/// A prefix on the way down.
struct Step {
    /// Its length.
    depth: usize,
    /// Edits from each beginning of the query's word to this prefix.
    row: [u8; ROW],
    /// The same for the prefix without its last letter.
    above: [u8; ROW],
    /// Its last letter.
    last: u8,
    /// Fewest edits from the whole query's word to any beginning of this prefix, the prefix before it included.
    best: u8,
}

impl Walk<'_> {
    /// Looks at the words of a range, all of which begin with the prefix of the step.
    fn descend(&mut self, mut range: Range<usize>, step: &Step) {
        let length = self.word.len();
        let edits = step.row[length];
        let best = step.best.min(edits);
        if range.start < range.end && self.terms.word(range.start).len() == step.depth {
            if best <= self.edits_max {
                (self.found)(range.start..range.start + 1, Fit { edits: best, is_whole: edits == best });
            }
            range.start += 1;
        }
        let low = |row: &[u8; ROW]| row[..=length].iter().copied().min().unwrap_or(FAR);
        // A swap reaches back two rows.
        let below = low(&step.row).min(low(&step.above).saturating_add(1));
        if best == 0 || below > self.edits_max {
            if best <= self.edits_max && !range.is_empty() {
                (self.found)(range, Fit { edits: best, is_whole: false });
            }
            return;
        }
        while !range.is_empty() {
            let letter = self.terms.word(range.start)[step.depth];
            let end = self.end_of(letter, step.depth, &range);
            let row = self.next_row(step, letter);
            let next = Step { depth: step.depth + 1, row, above: step.row, last: letter, best };
            self.descend(range.start..end, &next);
            range.start = end;
        }
    }

    /// Where the words with this letter at this depth end: in steps that double, then by halving.
    fn end_of(&self, letter: u8, depth: usize, range: &Range<usize>) -> usize {
        let has = |term: usize| self.terms.word(term)[depth] == letter;
        let (mut low, mut stride) = (range.start, 1);
        while low + stride < range.end && has(low + stride) {
            low += stride;
            stride *= 2;
        }
        let mut high = (low + stride).min(range.end);
        // `low` has the letter, `high` has not or is the end.
        while high - low > 1 {
            let middle = low.midpoint(high);
            if has(middle) { low = middle } else { high = middle }
        }
        high
    }

    fn next_row(&self, step: &Step, letter: u8) -> [u8; ROW] {
        let mut row = [FAR; ROW];
        row[0] = step.depth as u8 + 1;
        for (at, &wanted) in self.word.iter().enumerate() {
            let replaced = step.row[at] + u8::from(wanted != letter);
            let mut edits = replaced.min(step.row[at + 1] + 1).min(row[at] + 1);
            if at > 0 && step.depth > 0 && wanted == step.last && self.word[at - 1] == letter {
                edits = edits.min(step.above[at - 1] + 1);
            }
            row[at + 1] = edits;
        }
        row
    }
}
