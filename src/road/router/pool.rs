//! Memory for searches, shared by all threads without waiting.
//!
//! Separate because it is the only thing here with locks in it: they are tried, never waited for.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, TryLockError};

use super::nearest::Spread;
use crate::road::hierarchy::{Hierarchy, Labeller, Search};

/// As many searches at a time keep their memory; more give it back.
const SLOTS: usize = 32;

/// What one search needs.
#[derive(Debug)]
pub(super) struct Scratch {
    pub(super) search: Search,
    pub(super) labeller: Labeller,
    pub(super) targets: Vec<(u32, u32)>,
    pub(super) way: Vec<u32>,
    pub(super) spread: Spread,
}

impl Scratch {
    fn new(hierarchy: &Hierarchy) -> Box<Self> {
        let search = Search::new(hierarchy);
        Box::new(Self {
            search,
            labeller: Labeller::default(),
            targets: Vec::new(),
            way: Vec::new(),
            spread: Spread::default(),
        })
    }
}

#[derive(Default, Debug)]
pub(super) struct Pool {
    slots: [Mutex<Option<Box<Scratch>>>; SLOTS],
}

/// Memory that is in use.
pub(super) enum Lease<'p> {
    Slot(MutexGuard<'p, Option<Box<Scratch>>>),
    Own(Box<Scratch>),
}

impl Pool {
    /// Memory that nobody else uses.
    pub(super) fn take(&self, hierarchy: &Hierarchy) -> Lease<'_> {
        for slot in &self.slots {
            let mut slot = match slot.try_lock() {
                Ok(slot) => slot,
                Err(TryLockError::WouldBlock) => continue,
                Err(TryLockError::Poisoned(poisoned)) => {
                    // Somebody stopped half-way: what is in it is anybody's guess.
                    let mut slot = poisoned.into_inner();
                    *slot = None;
                    slot
                }
            };
            slot.get_or_insert_with(|| Scratch::new(hierarchy));
            return Lease::Slot(slot);
        }
        Lease::Own(Scratch::new(hierarchy))
    }
}

impl Deref for Lease<'_> {
    type Target = Scratch;

    fn deref(&self) -> &Scratch {
        match self {
            Self::Slot(slot) => slot.as_ref().expect("it was put there when it was taken"),
            Self::Own(scratch) => scratch,
        }
    }
}

impl DerefMut for Lease<'_> {
    fn deref_mut(&mut self) -> &mut Scratch {
        match self {
            Self::Slot(slot) => slot.as_mut().expect("it was put there when it was taken"),
            Self::Own(scratch) => scratch,
        }
    }
}
