//! Who is free in each cell.
//!
//! Separate because it is one protocol between writers and searches that hold no lock, and because a model checker runs
//! exactly this file (`tests/index_model`).
//!
//! # Shape
//! A list is a chain of *chunks*, each one cache line of seven entries; all but the last are full. An *entry* is one word:
//! the slot, and where in the cell the driver is, so that a search reads positions by the cache line instead of visiting
//! every driver's slot. A *place* names an entry: its chunk and its number in it. Every slot listed knows its place.
//!
//! # Writers
//! Lists grow and shrink under the turn of their cell. Locks are taken in the order slot, cell (the lower number
//! first), pool. A driver who moves within a cell takes no lock of the cell: the entry is exchanged, which fails
//! when the entry is no longer the driver's because the list is just being closed up.
//!
//! # Readers
//! They take no lock and make nobody wait. An entry is a hint: whoever wants the driver looks at the slot. What a reader
//! needs is only to miss nobody who stays, and the one thing that could do that is closing a gap: the last
//! entry moves to the place of the one that leaves, which the reader may have passed. Therefore the copy is made first,
//! then the change is counted, then the old entry goes: whoever finds the old entry gone, sees the count (all stores
//! release), and reads the list again. For the same reason a chunk may be given to another cell at once: who walks into
//! it finds drivers of another cell, which does no harm, and then sees the count.

use super::slot::Record;
use super::sync::{AtomicU32, AtomicU64, Mutex, Ordering, fence, yield_now};
use super::turn::{Held, Turn};

/// Entries in a chunk.
pub(super) const ENTRIES: u32 = 7;

/// Bits of an offset in an entry, and all of them set. Whole cells of up to 23 km fit.
const OFFSET_BITS: u32 = 21;
const OFFSET_MAX: u64 = (1 << OFFSET_BITS) - 1;

/// No chunk.
const NONE: u32 = u32::MAX;

/// No driver: a slot number that no index has.
const VACANT: Entry = Entry(u64::MAX);

/// Chunks beyond those that all drivers can fill: a driver who moves is in two lists for a moment.
const SPARE: u64 = 1_024;

/// One driver in a list: the number of the slot, then the offsets from the south-west corner of the cell in latitude and
/// longitude, in ten-millionths of a degree.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry(u64);

impl Entry {
    /// An offset that does not fit (beyond the border of the grid, or in a very large cell) makes the place unknown.
    #[inline]
    pub(super) fn new(slot: u32, lat_e7: i64, lng_e7: i64) -> Self {
        let fits = |offset: i64| (0..OFFSET_MAX as i64).contains(&offset);
        let offsets = if fits(lat_e7) && fits(lng_e7) {
            (lat_e7 as u64) << OFFSET_BITS | lng_e7 as u64
        } else {
            OFFSET_MAX << OFFSET_BITS | OFFSET_MAX
        };
        Self(u64::from(slot) << (2 * OFFSET_BITS) | offsets)
    }

    #[inline]
    pub(super) fn slot(self) -> u32 {
        (self.0 >> (2 * OFFSET_BITS)) as u32
    }

    /// Where in the cell; of no meaning when [unknown](Self::is_unknown).
    #[inline]
    pub(super) fn lat_e7(self) -> i32 {
        (self.0 >> OFFSET_BITS & OFFSET_MAX) as i32
    }

    #[inline]
    pub(super) fn lng_e7(self) -> i32 {
        (self.0 & OFFSET_MAX) as i32
    }

    /// Whether only the slot knows where the driver is.
    #[inline]
    pub(super) fn is_unknown(self) -> bool {
        self.0 & OFFSET_MAX == OFFSET_MAX
    }
}

/// The list of one cell: 16 bytes, empty or not.
struct Head {
    turn: Turn,
    /// How many entries.
    len: AtomicU32,
    first: AtomicU32,
    last: AtomicU32,
}

/// A cache line of entries.
#[repr(align(64))]
struct Chunk {
    entries: [AtomicU64; ENTRIES as usize],
    next: AtomicU32,
    /// The chunk before this one, for the holder of the cell's turn.
    before: AtomicU32,
}

/// Chunks that no list has.
struct Pool {
    returned: Vec<u32>,
    /// Chunks from here on were never used.
    fresh: u32,
}

/// All lists.
pub(super) struct Lists {
    heads: Vec<Head>,
    chunks: Vec<Chunk>,
    pool: Mutex<Pool>,
}

impl Lists {
    /// Empty lists for so many cells, with room for so many drivers however they are spread.
    pub(super) fn new(cells: u64, drivers_max: u32) -> Self {
        Self::with_chunks(cells, chunks_max(cells, drivers_max.into()))
    }

    /// Empty lists for so many cells, out of so many chunks.
    pub(super) fn with_chunks(cells: u64, chunks: u64) -> Self {
        let head = || Head {
            turn: Turn::new(),
            len: AtomicU32::new(0),
            first: AtomicU32::new(NONE),
            last: AtomicU32::new(NONE),
        };
        Self {
            heads: (0..cells).map(|_| head()).collect(),
            chunks: (0..chunks).map(|_| Chunk::new()).collect(),
            pool: Mutex::new(Pool { returned: Vec::new(), fresh: 0 }),
        }
    }

    /// Puts a slot into the list of a cell.
    pub(super) fn list(&self, slots: &[Record], cell: u32, entry: Entry) {
        let head = self.head(cell);
        let _held = head.turn.lock();
        self.append(head, slots, entry);
    }

    /// Takes a slot out of the list of a cell.
    pub(super) fn unlist(&self, slots: &[Record], cell: u32, slot: u32) {
        let head = self.head(cell);
        let mut held = head.turn.lock();
        self.remove(head, &mut held, slots, slots[slot as usize].place());
    }

    /// Moves a slot from the list of one cell to that of another; in between it is in both. Both turns are
    /// held, because meanwhile the slot's place in the old list must not change.
    pub(super) fn relist(&self, slots: &[Record], from: u32, to: u32, entry: Entry) {
        let (old, new) = (self.head(from), self.head(to));
        let (mut held, _other) = if from < to {
            let held = old.turn.lock();
            (held, new.turn.lock())
        } else {
            let other = new.turn.lock();
            (old.turn.lock(), other)
        };
        let place = slots[entry.slot() as usize].place();
        self.append(new, slots, entry);
        self.remove(old, &mut held, slots, place);
    }

    /// Says where in its cell a slot is now. The caller holds the turn of the slot, so nobody else moves this driver.
    #[inline]
    pub(super) fn shift(&self, slots: &[Record], cell: u32, entry: Entry) {
        let slot = &slots[entry.slot() as usize];
        let word = self.entry(slot.place());
        let held = word.load(Ordering::Relaxed);
        if Entry(held).slot() != entry.slot()
            || word.compare_exchange(held, entry.0, Ordering::Release, Ordering::Relaxed).is_err()
        {
            // The list is being closed up with this entry: wait for its new place.
            let _held = self.head(cell).turn.lock();
            self.entry(slot.place()).store(entry.0, Ordering::Release);
        }
    }

    /// Shows a cell's entries, some at a time, some of them perhaps more than once, and some of other cells or out of
    /// date. It shows every driver who is in the list from beginning to end, but it stops early when a slot leaves
    /// the list meanwhile: then the answer is false, and the reader should begin anew.
    ///
    /// `show` gets a whole chunk, so that nothing need branch on how many of its entries count, and how many do.
    #[inline]
    pub(super) fn scan(&self, cell: u32, mut show: impl FnMut(&[Entry; ENTRIES as usize], usize)) -> bool {
        let head = self.head(cell);
        let seen = head.turn.seen();
        let mut left = head.len.load(Ordering::Acquire);
        let mut next = head.first.load(Ordering::Acquire);
        while left > 0
            && let Some(chunk) = self.chunks.get(next as usize)
        {
            let mut entries = [VACANT; ENTRIES as usize];
            for (entry, word) in entries.iter_mut().zip(&chunk.entries) {
                *entry = Entry(word.load(Ordering::Relaxed));
            }
            next = chunk.next.load(Ordering::Relaxed);
            let some = left.min(ENTRIES);
            left -= some;
            show(&entries, some as usize);
        }
        fence(Ordering::Acquire);
        head.turn.is_unchanged(seen)
    }

    /// Asks for the first two lines of a cell's list before they are needed, whether there are so many or not: a branch
    /// would wait for what it depends on.
    #[inline]
    pub(super) fn touch(&self, cell: u32) {
        let last = self.chunks.len() - 1;
        let first = &self.chunks[(self.head(cell).first.load(Ordering::Relaxed) as usize).min(last)];
        let second = &self.chunks[(first.next.load(Ordering::Relaxed) as usize).min(last)];
        second.next.load(Ordering::Relaxed);
    }

    /// How many are in the list of a cell.
    #[inline]
    pub(super) fn len(&self, cell: u32) -> u32 {
        self.head(cell).len.load(Ordering::Relaxed)
    }

    /// The memory held, in bytes.
    pub(super) fn size_bytes(&self) -> usize {
        // Every chunk can be returned once.
        self.heads.capacity() * size_of::<Head>() + self.chunks.capacity() * (size_of::<Chunk>() + size_of::<u32>())
    }

    /// At the end of the list. The caller holds its turn.
    fn append(&self, head: &Head, slots: &[Record], entry: Entry) {
        let len = head.len.load(Ordering::Relaxed);
        let number = len % ENTRIES;
        let mut last = head.last.load(Ordering::Relaxed);
        if number == 0 {
            let fresh = self.take_chunk();
            if len == 0 {
                head.first.store(fresh, Ordering::Release);
            } else {
                self.chunks[fresh as usize].before.store(last, Ordering::Relaxed);
                self.chunks[last as usize].next.store(fresh, Ordering::Release);
            }
            last = fresh;
            head.last.store(last, Ordering::Relaxed);
        }
        let place = place(last, number);
        self.entry(place).store(entry.0, Ordering::Release);
        slots[entry.slot() as usize].set_place(place);
        head.len.store(len + 1, Ordering::Release);
    }

    /// Closes the gap that a slot leaves at `gap`. The caller holds the turn of the cell, and that of the slot.
    fn remove(&self, head: &Head, held: &mut Held<'_>, slots: &[Record], gap: u32) {
        let len = head.len.load(Ordering::Relaxed);
        let (last, number) = (head.last.load(Ordering::Relaxed), (len - 1) % ENTRIES);
        let end = place(last, number);
        if gap != end {
            let moved = self.close(held, gap, end);
            slots[moved.slot() as usize].set_place(gap);
        }
        head.len.store(len - 1, Ordering::Release);
        if number == 0 {
            head.last.store(self.chunks[last as usize].before.load(Ordering::Relaxed), Ordering::Relaxed);
            self.give_chunk(last);
        }
    }

    /// Moves the last entry into a gap, whatever its driver does meanwhile.
    fn close(&self, held: &mut Held<'_>, gap: u32, end: u32) -> Entry {
        let (gap, end) = (self.entry(gap), self.entry(end));
        loop {
            let moved = end.load(Ordering::Relaxed);
            gap.store(moved, Ordering::Release);
            held.change();
            // Fails when the driver has moved since the load.
            if end.compare_exchange(moved, VACANT.0, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
                return Entry(moved);
            }
        }
    }

    fn take_chunk(&self) -> u32 {
        loop {
            let mut pool = self.pool.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if let Some(chunk) = pool.returned.pop() {
                return chunk;
            }
            if (pool.fresh as usize) < self.chunks.len() {
                pool.fresh += 1;
                return pool.fresh - 1;
            }
            // Only when more than `SPARE` threads move drivers at this instant, and each of them frees a chunk.
            drop(pool);
            yield_now();
        }
    }

    fn give_chunk(&self, chunk: u32) {
        self.pool.lock().unwrap_or_else(std::sync::PoisonError::into_inner).returned.push(chunk);
    }

    #[inline]
    fn head(&self, cell: u32) -> &Head {
        &self.heads[cell as usize]
    }

    #[inline]
    fn entry(&self, place: u32) -> &AtomicU64 {
        &self.chunks[(place >> 3) as usize].entries[(place & 7) as usize]
    }
}

impl Chunk {
    fn new() -> Self {
        Self {
            entries: std::array::from_fn(|_| AtomicU64::new(VACANT.0)),
            next: AtomicU32::new(NONE),
            before: AtomicU32::new(NONE),
        }
    }
}

/// The name of an entry.
fn place(chunk: u32, number: u32) -> u32 {
    chunk << 3 | number
}

/// Of a list only the last chunk is not full. So lists with n drivers in c cells have at most (n + 6 c) / 7 chunks.
fn chunks_max(cells: u64, drivers_max: u64) -> u64 {
    let entries = u64::from(ENTRIES);
    (drivers_max + (entries - 1) * drivers_max.min(cells)) / entries + SPARE
}
