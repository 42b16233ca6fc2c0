//! Records as PostgreSQL copies them out in binary, written out for their hash: pure.
//!
//! Separate because a million records are verified in seconds only if no record becomes a struct of strings first. The
//! format is that of `COPY … (FORMAT binary)`: a head, then for each row the number of fields and each field with its length
//! (-1 for null), all in big-endian order.

use super::encoding::{HASH_BYTES, Hash, Written};

/// What [`parse`] expects, in this order.
pub const COLUMNS: &str = "seq, at, actor, actor_id, role, agency, action, whose, subject_kind, subject_id, why, request_id, \
                           client, detail, hash";
const COLUMNS_COUNT: i16 = 15;
const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
/// PostgreSQL counts from 2000-01-01, we from 1970-01-01.
const EPOCH_US: i64 = 946_684_800_000_000;
const UUID_BYTES: i32 = 16;

/// A record, ready to be hashed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub seq: i64,
    /// As it stands in the table.
    pub hash: Hash,
    /// Written out; `None` when what is there is nothing that this program ever wrote.
    pub content: Option<Vec<u8>>,
}

/// The copy is cut short, or of another format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("PostgreSQL copied records out in a format that is not known here")]
pub struct UnknownFormat;

/// The rows of a copy.
pub fn parse(copied: &[u8]) -> Result<Vec<Row>, UnknownFormat> {
    let mut rest = Reader(copied);
    if rest.take(SIGNATURE.len())? != SIGNATURE {
        return Err(UnknownFormat);
    }
    let _flags = rest.int32()?;
    let extension = rest.int32()?;
    rest.take(usize::try_from(extension).map_err(|_| UnknownFormat)?)?;
    let mut rows = Vec::new();
    loop {
        match rest.int16()? {
            -1 => return Ok(rows),
            COLUMNS_COUNT => rows.push(row(&mut rest)?),
            _ => return Err(UnknownFormat),
        }
    }
}

fn row(rest: &mut Reader<'_>) -> Result<Row, UnknownFormat> {
    let seq = i64::from_be_bytes(fixed(rest.field()?)?);
    let at = i64::from_be_bytes(fixed(rest.field()?)?);
    let mut written = Written::default();
    written.begin(at.saturating_add(EPOCH_US));
    // actor, actor_id, role, agency, action
    for _ in 0..5 {
        written.part(rest.field()?);
    }
    let is_readable = match rest.field()?.and_then(people) {
        Some(people) => {
            written.people(people.into_iter());
            true
        }
        None => false,
    };
    // subject_kind, subject_id, why, request_id, client, detail
    for _ in 0..6 {
        written.part(rest.field()?);
    }
    let hash = rest.field()?.and_then(|hash| <[u8; HASH_BYTES]>::try_from(hash).ok());
    // A hash of another length is no hash of ours: as good as any wrong one.
    let (hash, is_readable) = hash.map_or(([0; HASH_BYTES], false), |hash| (hash, is_readable));
    Ok(Row { seq, hash, content: is_readable.then_some(written.bytes) })
}

/// The ids of a one-dimensional array that begins at 1 and has no nulls, as this program writes them.
fn people(array: &[u8]) -> Option<Vec<&[u8; 16]>> {
    let mut rest = Reader(array);
    let dimensions = rest.int32().ok()?;
    let (_has_nulls, _element_type) = (rest.int32().ok()?, rest.int32().ok()?);
    if dimensions == 0 {
        return Some(Vec::new());
    }
    let (count, begins_at) = (rest.int32().ok()?, rest.int32().ok()?);
    if (dimensions, begins_at) != (1, 1) {
        return None;
    }
    let person = |_| (rest.int32().ok()? == UUID_BYTES).then(|| rest.take(16).ok()?.try_into().ok()).flatten();
    (0..count).map(person).collect()
}

fn fixed<const N: usize>(field: Option<&[u8]>) -> Result<[u8; N], UnknownFormat> {
    field.and_then(|bytes| bytes.try_into().ok()).ok_or(UnknownFormat)
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], UnknownFormat> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(UnknownFormat)?;
        self.0 = rest;
        Ok(taken)
    }

    fn int16(&mut self) -> Result<i16, UnknownFormat> {
        fixed(Some(self.take(2)?)).map(i16::from_be_bytes)
    }

    fn int32(&mut self) -> Result<i32, UnknownFormat> {
        fixed(Some(self.take(4)?)).map(i32::from_be_bytes)
    }

    fn field(&mut self) -> Result<Option<&'a [u8]>, UnknownFormat> {
        match self.int32()? {
            -1 => Ok(None),
            len => self.take(usize::try_from(len).map_err(|_| UnknownFormat)?).map(Some),
        }
    }
}
