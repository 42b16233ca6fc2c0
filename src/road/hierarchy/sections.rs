//! The hierarchy in a map file.
//!
//! Separate because a file is not to be trusted: whatever a section holds, no search reads outside of an array. Depths and
//! ranges of subtrees follow from the parents and are not stored.

use super::{Arcs, Hierarchy, NONE};
use crate::road::map_file::{MapFileError, MapReader, MapWriter, section};

impl Hierarchy {
    /// Adds the sections `cch.*`.
    pub fn write(&self, writer: &mut MapWriter) {
        writer.put_u32s("cch.ranks", self.ranks.iter().copied());
        writer.put_u32s("cch.parents", self.parents.iter().copied());
        writer.put_u32s("cch.first_up", self.up.first.iter().copied());
        writer.put_u16s("cch.up", self.up.depths.iter().copied());
        writer.put_u32s("cch.first_down", self.down.first.iter().copied());
        writer.put_u16s("cch.down", self.down.depths.iter().copied());
        writer.put_u32s("cch.slots", self.slots.iter().copied());
    }

    /// Reads them back.
    ///
    /// # Errors
    /// [`MapFileError::Section`].
    pub fn read(reader: &MapReader<'_>) -> Result<Self, MapFileError> {
        let arcs = |first, depths| Ok(Arcs { first: reader.u32s(first)?, depths: reader.u16s(depths)? });
        let mut hierarchy = Self {
            ranks: reader.u32s("cch.ranks")?,
            parents: reader.u32s("cch.parents")?,
            lowest: Vec::new(),
            depths: Vec::new(),
            up: arcs("cch.first_up", "cch.up")?,
            down: arcs("cch.first_down", "cch.down")?,
            slots: reader.u32s("cch.slots")?,
        };
        hierarchy.check_tree()?;
        hierarchy.measure_tree().map_err(|error| section("cch.parents", error))?;
        hierarchy.check_ranges()?;
        hierarchy.up.check(&hierarchy.depths, "cch.first_up", "cch.up")?;
        hierarchy.down.check(&hierarchy.depths, "cch.first_down", "cch.down")?;
        let arc_count = hierarchy.arc_count() as u32;
        match hierarchy.slots.iter().find(|slot| **slot >= arc_count && **slot != NONE) {
            Some(slot) => Err(section("cch.slots", format!("names arc {slot} of {arc_count}"))),
            None => Ok(hierarchy),
        }
    }

    fn check_tree(&self) -> Result<(), MapFileError> {
        let count = self.ranks.len();
        let mut is_taken = vec![false; count];
        for rank in &self.ranks {
            match is_taken.get_mut(*rank as usize) {
                Some(is_taken) if !*is_taken => *is_taken = true,
                _ => return Err(section("cch.ranks", format!("names rank {rank} wrongly"))),
            }
        }
        if self.parents.len() != count {
            return Err(section("cch.parents", format!("has {} entries, not {count}", self.parents.len())));
        }
        let is_above =
            |(rank, parent): (usize, &u32)| *parent == NONE || (*parent as usize > rank && (*parent as usize) < count);
        match self.parents.iter().enumerate().find(|entry| !is_above(*entry)) {
            Some((rank, parent)) => Err(section("cch.parents", format!("puts {rank} below {parent}"))),
            None => Ok(()),
        }
    }

    /// Subtrees must be ranges.
    fn check_ranges(&self) -> Result<(), MapFileError> {
        let mut sizes = vec![1; self.parents.len()];
        for (rank, parent) in self.parents.iter().enumerate() {
            if rank as u32 + 1 - self.lowest[rank] != sizes[rank] {
                return Err(section("cch.parents", format!("has no range below {rank}")));
            }
            if *parent != NONE {
                sizes[*parent as usize] += sizes[rank];
            }
        }
        Ok(())
    }
}

impl Arcs {
    fn check(&self, depths: &[u16], first: &str, arcs: &str) -> Result<(), MapFileError> {
        let is_whole = self.first.len() == depths.len() + 1
            && self.first.first() == Some(&0)
            && self.first.is_sorted()
            && self.first.last().is_some_and(|last| *last as usize == self.depths.len());
        if !is_whole {
            return Err(section(first, "does not divide its arcs"));
        }
        for (rank, depth) in depths.iter().enumerate() {
            let ends = &self.depths[self.range(rank as u32)];
            if ends.first().is_some_and(|end| end >= depth) || !ends.is_sorted_by(|a, b| a > b) {
                return Err(section(arcs, format!("has arcs of {rank} out of order")));
            }
        }
        Ok(())
    }
}
