//! The blocks of an OSM PBF file, one at a time.
//!
//! Separate because `osmpbf` alone does not tell a file that is cut off from one that ends, nor another kind of file from
//! a damaged one, and panics on some nonsense inside a block. So frames are read here (format: OpenStreetMap wiki, "PBF
//! Format": length, header with kind and size, body), and each is handed whole to `osmpbf`. Blocks without what a pass
//! wants are not unpacked again.

use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};

use osmpbf::{Blob, BlobDecode, BlobReader, DenseNode, Element, PrimitiveBlock};

use super::{ImportError, Progress, Stage};

/// A header is some twenty bytes; the format allows this.
const HEADER_BYTES_MAX: u32 = 64 * 1024;
/// The format's limit on a body.
const BODY_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// What readers must know to read a file; this one does.
const FEATURES: [&str; 2] = ["OsmSchema-V0.6", "DenseNodes"];

/// What is in a block, as bits.
pub const NODES: u8 = 1;
pub const WAYS: u8 = 2;
pub const RELATIONS: u8 = 4;

/// An extract that can be read over and over.
pub struct Source<'s, R> {
    open: &'s mut dyn FnMut() -> io::Result<R>,
    progress: &'s mut dyn FnMut(Progress),
    /// What each block holds, once a pass has seen it.
    holdings: Vec<u8>,
}

impl<'s, R: Read> Source<'s, R> {
    pub fn new(open: &'s mut dyn FnMut() -> io::Result<R>, progress: &'s mut dyn FnMut(Progress)) -> Self {
        Self { open, progress, holdings: Vec::new() }
    }

    /// Tells that a stage without reading begins.
    pub fn report(&mut self, stage: Stage) {
        (self.progress)(Progress { stage, bytes_read: 0 });
    }

    /// Shows every element of the wanted kinds, in the order of the file.
    pub fn pass(
        &mut self,
        stage: Stage,
        wanted: u8,
        visit: &mut dyn for<'b> FnMut(Element<'b>),
    ) -> Result<(), ImportError> {
        let mut frames = Frames { reader: (self.open)().map_err(ImportError::Read)?, at: 0 };
        (self.progress)(Progress { stage, bytes_read: 0 });
        let (mut block, mut is_first) = (0, true);
        while let Some(frame) = frames.next()? {
            let at = frame.at;
            (self.progress)(Progress { stage, bytes_read: frames.at });
            if std::mem::take(&mut is_first) != (frame.kind == Kind::Header) {
                return Err(if at == 0 { ImportError::Foreign } else { damaged(at, "is a second header") });
            }
            match frame.kind {
                Kind::Header => check_features(&frame)?,
                Kind::Other => (),
                Kind::Data => {
                    let known = self.holdings.get(block).copied();
                    if known.is_none_or(|known| known & wanted != 0) {
                        let holding = show(&frame, wanted, visit)?;
                        if known.is_none() {
                            self.holdings.push(holding);
                        }
                    }
                    block += 1;
                }
            }
        }
        if is_first { Err(ImportError::Foreign) } else { Ok(()) }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Header,
    Data,
    Other,
}

/// A block as it stands in the file, with its length in front.
struct Frame {
    at: u64,
    kind: Kind,
    bytes: Vec<u8>,
}

struct Frames<R> {
    reader: R,
    at: u64,
}

impl<R: Read> Frames<R> {
    fn next(&mut self) -> Result<Option<Frame>, ImportError> {
        let at = self.at;
        let mut bytes = Vec::new();
        self.take(&mut bytes, 4)?;
        if bytes.is_empty() {
            return Ok(None);
        }
        // What begins as no PBF does is foreign, however short it is.
        let cut_off = || if at == 0 { ImportError::Foreign } else { ImportError::CutOff { at } };
        let length: [u8; 4] = bytes[..].try_into().map_err(|_| cut_off())?;
        let length = u32::from_be_bytes(length);
        if length > HEADER_BYTES_MAX {
            return Err(if at == 0 { ImportError::Foreign } else { damaged(at, "has no header") });
        }
        self.take(&mut bytes, u64::from(length))?;
        let header = bytes.get(4..4 + length as usize).ok_or_else(cut_off)?;
        let Some((kind, size)) = header_of(header) else {
            return Err(if at == 0 { ImportError::Foreign } else { damaged(at, "has no header") });
        };
        if size > BODY_BYTES_MAX {
            return Err(damaged(at, "is larger than blocks are"));
        }
        let whole = bytes.len() as u64 + size;
        self.take(&mut bytes, size)?;
        if (bytes.len() as u64) < whole {
            return Err(ImportError::CutOff { at });
        }
        Ok(Some(Frame { at, kind, bytes }))
    }

    /// Reads so many bytes, or as many as there are.
    fn take(&mut self, bytes: &mut Vec<u8>, count: u64) -> Result<(), ImportError> {
        let read = (&mut self.reader).take(count).read_to_end(bytes).map_err(ImportError::Read)?;
        self.at += read as u64;
        Ok(())
    }
}

/// Kind and size of the body, of a `BlobHeader { string type = 1; bytes indexdata = 2; int32 datasize = 3; }`.
fn header_of(mut header: &[u8]) -> Option<(Kind, u64)> {
    let (mut kind, mut size) = (None, None);
    while !header.is_empty() {
        match varint(&mut header)? {
            field @ (0x0a | 0x12) => {
                let length = usize::try_from(varint(&mut header)?).ok()?;
                let text = header.split_off(..length)?;
                if field == 0x0a {
                    kind = Some(match text {
                        b"OSMHeader" => Kind::Header,
                        b"OSMData" => Kind::Data,
                        _ => Kind::Other,
                    });
                }
            }
            0x18 => size = Some(varint(&mut header)?),
            _ => return None,
        }
    }
    Some((kind?, size?))
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.split_off_first()?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn damaged(at: u64, reason: impl ToString) -> ImportError {
    ImportError::Damaged { at, reason: reason.to_string() }
}

/// `osmpbf` panics on an unknown kind of member and on sums that overflow. What a pass has gathered by then is thrown away
/// with the import, so nothing half done is seen.
fn guarded<T>(at: u64, run: impl FnOnce() -> Result<T, ImportError>) -> Result<T, ImportError> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| Err(damaged(at, "holds nonsense")))
}

fn blob(frame: &Frame) -> Result<Blob, ImportError> {
    let blob = BlobReader::new(&frame.bytes[..]).next();
    blob.ok_or_else(|| damaged(frame.at, "is empty"))?.map_err(|error| damaged(frame.at, error))
}

fn check_features(frame: &Frame) -> Result<(), ImportError> {
    guarded(frame.at, || {
        let header = blob(frame)?.to_headerblock().map_err(|error| damaged(frame.at, error))?;
        match header.required_features().iter().find(|feature| !FEATURES.contains(&feature.as_str())) {
            Some(feature) => Err(ImportError::Feature(feature.clone())),
            None => Ok(()),
        }
    })
}

/// Shows the wanted elements of a block; the answer is what it holds.
fn show(frame: &Frame, wanted: u8, visit: &mut dyn for<'b> FnMut(Element<'b>)) -> Result<u8, ImportError> {
    guarded(frame.at, || {
        let blob = blob(frame)?;
        match blob.decode().map_err(|error| damaged(frame.at, error))? {
            BlobDecode::OsmData(block) => Ok(show_elements(&block, wanted, visit)),
            _ => Err(damaged(frame.at, "is not what its header says")),
        }
    })
}

fn show_elements(block: &PrimitiveBlock, wanted: u8, visit: &mut dyn for<'b> FnMut(Element<'b>)) -> u8 {
    let mut holding = 0;
    for group in block.groups() {
        let has_nodes = group.nodes().len() + group.dense_nodes().len() > 0;
        holding |= if has_nodes { NODES } else { 0 };
        holding |= if group.ways().len() > 0 { WAYS } else { 0 };
        holding |= if group.relations().len() > 0 { RELATIONS } else { 0 };
        if wanted & NODES != 0 {
            group.nodes().for_each(|node| visit(Element::Node(node)));
            group.dense_nodes().for_each(|node: DenseNode<'_>| visit(Element::DenseNode(node)));
        }
        if wanted & WAYS != 0 {
            group.ways().for_each(|way| visit(Element::Way(way)));
        }
        if wanted & RELATIONS != 0 {
            group.relations().for_each(|relation| visit(Element::Relation(relation)));
        }
    }
    holding
}
