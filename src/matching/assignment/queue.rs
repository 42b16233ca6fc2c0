//! A heap of vertices by distance.
//!
//! Separate because a distance and a vertex share one word: a comparison is one instruction, and ties go to the lower number.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Bits of a word that are the vertex.
const VERTEX_BITS: u32 = 22;

/// As many rows, and as many columns, may there be.
pub(super) const COUNT_MAX: usize = 1 << VERTEX_BITS;

/// Vertices, nearest first.
#[derive(Default)]
pub(super) struct Queue {
    heap: BinaryHeap<Reverse<u64>>,
}

impl Queue {
    pub fn clear(&mut self) {
        self.heap.clear();
    }

    /// Distances are from 0 to 2⁴².
    #[inline]
    pub fn push(&mut self, distance: i64, vertex: u32) {
        self.heap.push(Reverse((distance as u64) << VERTEX_BITS | u64::from(vertex)));
    }

    #[inline]
    pub fn pop(&mut self) -> Option<(i64, u32)> {
        let Reverse(word) = self.heap.pop()?;
        Some(((word >> VERTEX_BITS) as i64, (word & ((1 << VERTEX_BITS) - 1)) as u32))
    }
}
