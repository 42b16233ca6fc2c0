//! The container of a map file: named sections behind a checked table.
//!
//! Separate from what is in them: network, turns, hierarchy and gazetteer each write and read their own sections. Layout,
//! little-endian throughout, every section on a multiple of 64 bytes so that the file can be mapped as it is:
//!
//! ```text
//! 0   "BODAMAP\0"
//! 8   u32 version        u32 number of sections
//! 16  u64 length of the file
//! 24  u32 CRC-32 of the table        u32 zero
//! 32  the table: per section  16 bytes name, zero-padded · u64 offset · u64 length · u32 CRC-32 · u32 zero
//! ```

use std::fmt::Display;

/// What this program writes and reads.
pub const VERSION: u32 = 1;

const MAGIC: &[u8; 8] = b"BODAMAP\0";
const HEAD_BYTES: usize = 32;
const ENTRY_BYTES: usize = 40;
const NAME_BYTES: usize = 16;
const ALIGNMENT: usize = 64;
/// More are damage.
const SECTIONS_MAX: u32 = 256;

/// Why bytes are no map that this program reads.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum MapFileError {
    /// Something else altogether.
    #[error("is not a boda map: the first bytes are not BODAMAP")]
    Foreign,
    /// Written by another version of this program.
    #[error("is a boda map of version {0}; this program reads version {VERSION}: import it again")]
    Version(u32),
    /// Cut off.
    #[error("is cut off: {have} of {want} bytes are there")]
    Truncated {
        /// Bytes that are there.
        have: u64,
        /// Bytes that the head promises.
        want: u64,
    },
    /// Bytes changed since it was written.
    #[error("is damaged: the checksum of {0} does not match")]
    Damaged(String),
    /// Not what the reader of a section expects.
    #[error("section {section} {reason}")]
    Section {
        /// Which.
        section: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// Gathers sections.
#[derive(Debug, Default)]
pub struct MapWriter {
    sections: Vec<(&'static str, Vec<u8>)>,
}

impl MapWriter {
    /// Adds a section. The name is at most 16 bytes of ASCII, and new.
    pub fn put_bytes(&mut self, name: &'static str, bytes: Vec<u8>) {
        debug_assert!(name.len() <= NAME_BYTES && self.sections.iter().all(|(known, _)| *known != name), "{name}");
        self.sections.push((name, bytes));
    }

    /// Adds a section of numbers.
    pub fn put_u32s(&mut self, name: &'static str, numbers: impl IntoIterator<Item = u32>) {
        self.put_bytes(name, numbers.into_iter().flat_map(u32::to_le_bytes).collect());
    }

    /// Adds a section of small numbers.
    pub fn put_u16s(&mut self, name: &'static str, numbers: impl IntoIterator<Item = u16>) {
        self.put_bytes(name, numbers.into_iter().flat_map(u16::to_le_bytes).collect());
    }

    /// Adds a section of texts.
    pub fn put_texts<'t>(&mut self, name: &'static str, texts: impl IntoIterator<Item = &'t str>) {
        let mut bytes = Vec::new();
        for text in texts {
            bytes.extend((text.len() as u32).to_le_bytes());
            bytes.extend(text.as_bytes());
        }
        self.put_bytes(name, bytes);
    }

    /// The whole file.
    pub fn finish(self) -> Vec<u8> {
        let mut table = Vec::new();
        let mut offset = (HEAD_BYTES + self.sections.len() * ENTRY_BYTES).next_multiple_of(ALIGNMENT);
        for (name, bytes) in &self.sections {
            let mut padded = [0; NAME_BYTES];
            padded[..name.len()].copy_from_slice(name.as_bytes());
            table.extend(padded);
            table.extend((offset as u64).to_le_bytes());
            table.extend((bytes.len() as u64).to_le_bytes());
            table.extend(crc32fast::hash(bytes).to_le_bytes());
            table.extend([0; 4]);
            offset = (offset + bytes.len()).next_multiple_of(ALIGNMENT);
        }
        let mut file = Vec::with_capacity(offset);
        file.extend(MAGIC);
        file.extend(VERSION.to_le_bytes());
        file.extend((self.sections.len() as u32).to_le_bytes());
        file.extend((offset as u64).to_le_bytes());
        file.extend(crc32fast::hash(&table).to_le_bytes());
        file.extend([0; 4]);
        file.extend(table);
        for (_, bytes) in &self.sections {
            file.resize(file.len().next_multiple_of(ALIGNMENT), 0);
            file.extend(bytes);
        }
        file.resize(offset, 0);
        file
    }
}

/// A checked file.
#[derive(Debug)]
pub struct MapReader<'f> {
    sections: Vec<(&'f str, &'f [u8])>,
}

impl<'f> MapReader<'f> {
    /// Checks the table and every section.
    ///
    /// # Errors
    /// [`MapFileError`].
    pub fn new(file: &'f [u8]) -> Result<Self, MapFileError> {
        if !file.starts_with(MAGIC) {
            return Err(MapFileError::Foreign);
        }
        let cut = |want: u64| MapFileError::Truncated { have: file.len() as u64, want };
        let head = file.get(..HEAD_BYTES).ok_or(cut(HEAD_BYTES as u64))?;
        let version = u32_at(head, 8);
        if version != VERSION {
            return Err(MapFileError::Version(version));
        }
        let (count, length) = (u32_at(head, 12), u64_at(head, 16));
        if (file.len() as u64) < length {
            return Err(cut(length));
        }
        let damaged = |what: &dyn Display| MapFileError::Damaged(what.to_string());
        if count > SECTIONS_MAX {
            return Err(damaged(&"the table"));
        }
        let table = file.get(HEAD_BYTES..HEAD_BYTES + count as usize * ENTRY_BYTES).ok_or(damaged(&"the table"))?;
        if crc32fast::hash(table) != u32_at(head, 24) {
            return Err(damaged(&"the table"));
        }
        let mut sections = Vec::new();
        for entry in table.chunks_exact(ENTRY_BYTES) {
            let name =
                std::str::from_utf8(&entry[..NAME_BYTES]).map_err(|_| damaged(&"the table"))?.trim_end_matches('\0');
            let (offset, length) = (u64_at(entry, 16), u64_at(entry, 24));
            let end = offset.checked_add(length).ok_or(damaged(&name))?;
            let bytes = file.get(offset as usize..end as usize).ok_or(damaged(&name))?;
            if crc32fast::hash(bytes) != u32_at(entry, 32) {
                return Err(damaged(&name));
            }
            sections.push((name, bytes));
        }
        Ok(Self { sections })
    }

    /// The sections: name and size in bytes.
    pub fn sections(&self) -> impl Iterator<Item = (&'f str, usize)> + '_ {
        self.sections.iter().map(|(name, bytes)| (*name, bytes.len()))
    }

    /// A section.
    ///
    /// # Errors
    /// [`MapFileError::Section`] when it is not there.
    pub fn bytes(&self, name: &str) -> Result<&'f [u8], MapFileError> {
        let found = self.sections.iter().find(|(known, _)| *known == name);
        found.map(|(_, bytes)| *bytes).ok_or_else(|| section(name, "is missing"))
    }

    /// A section of numbers.
    ///
    /// # Errors
    /// [`MapFileError::Section`], as below.
    pub fn u32s(&self, name: &str) -> Result<Vec<u32>, MapFileError> {
        let (numbers, rest) = self.bytes(name)?.as_chunks::<4>();
        if !rest.is_empty() {
            return Err(section(name, "does not hold whole numbers"));
        }
        Ok(numbers.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect())
    }

    /// A section of small numbers.
    ///
    /// # Errors
    /// [`MapFileError::Section`].
    pub fn u16s(&self, name: &str) -> Result<Vec<u16>, MapFileError> {
        let (numbers, rest) = self.bytes(name)?.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(section(name, "does not hold whole numbers"));
        }
        Ok(numbers.iter().map(|bytes| u16::from_le_bytes(*bytes)).collect())
    }

    /// A section of texts.
    ///
    /// # Errors
    /// [`MapFileError::Section`].
    pub fn texts(&self, name: &str) -> Result<Vec<String>, MapFileError> {
        let mut rest = self.bytes(name)?;
        let mut texts = Vec::new();
        while let Some((length, behind)) = rest.split_first_chunk::<4>() {
            let length = u32::from_le_bytes(*length) as usize;
            let text = behind.get(..length).and_then(|bytes| std::str::from_utf8(bytes).ok());
            texts.push(text.ok_or_else(|| section(name, "does not hold texts"))?.to_string());
            rest = &behind[length..];
        }
        if rest.is_empty() { Ok(texts) } else { Err(section(name, "does not hold whole texts")) }
    }
}

/// A section is not as its reader expects.
pub fn section(name: &str, reason: impl Display) -> MapFileError {
    MapFileError::Section { section: name.to_string(), reason: reason.to_string() }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> Vec<u8> {
        let mut writer = MapWriter::default();
        writer.put_u32s("numbers", [1, 2, 70_000]);
        writer.put_u16s("small", [7]);
        writer.put_texts("texts", ["Inzira", "", "Umuhanda wa 3"]);
        writer.finish()
    }

    #[test]
    fn what_was_put_is_read_back_from_aligned_sections() {
        let file = file();
        let reader = MapReader::new(&file).expect("as written");
        assert_eq!(reader.u32s("numbers"), Ok(vec![1, 2, 70_000]));
        assert_eq!(reader.u16s("small"), Ok(vec![7]));
        assert_eq!(reader.texts("texts").expect("texts"), ["Inzira", "", "Umuhanda wa 3"]);
        assert_eq!(
            reader.u32s("small").expect_err("two bytes").to_string(),
            "section small does not hold whole numbers"
        );
        assert_eq!(reader.bytes("no").expect_err("unknown").to_string(), "section no is missing");
        let begin = file.as_ptr() as usize;
        assert!(reader.sections.iter().all(|(_, bytes)| (bytes.as_ptr() as usize - begin).is_multiple_of(ALIGNMENT)));
    }

    #[test]
    fn every_damage_is_found_and_named() {
        let good = file();
        assert_eq!(MapReader::new(b"\x00\x00\x00\x0d\x0a\x09OSMHeader").expect_err("PBF"), MapFileError::Foreign);
        for cut in [9, HEAD_BYTES + 5, good.len() - 1] {
            assert!(matches!(MapReader::new(&good[..cut]), Err(MapFileError::Truncated { .. })), "{cut}");
        }
        let mut newer = good.clone();
        newer[8] = 2;
        assert_eq!(MapReader::new(&newer).expect_err("newer"), MapFileError::Version(2));
        for at in 12..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            if let Ok(reader) = MapReader::new(&bad) {
                // Only what nobody reads may differ: padding.
                assert_eq!(reader.texts("texts"), MapReader::new(&good).expect("good").texts("texts"), "{at}");
                assert_eq!(reader.u32s("numbers"), Ok(vec![1, 2, 70_000]), "{at}");
            }
        }
    }
}
