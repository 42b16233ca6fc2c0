//! PNG (ISO 15948): chunks with a length, a name and a checksum.
//!
//! Kept are the chunks that a picture needs; texts, times, EXIF and compressed profiles are left out.

use super::{PictureBounds, Refusal, be32, check_rest};

const SIGNATURE_BYTES: usize = 8;
/// Length, name and checksum around a chunk's data.
const AROUND_BYTES: usize = 12;
const CHUNKS_MAX: usize = 100_000;

/// Chunks without which the picture would look different.
const NEEDED: [&[u8; 4]; 9] = [b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"pHYs"];

/// The picture and nothing else.
pub fn cleaned(bytes: &[u8], bounds: PictureBounds) -> Result<Vec<u8>, Refusal> {
    let mut kept = Vec::with_capacity(bytes.len());
    kept.extend_from_slice(&bytes[..SIGNATURE_BYTES]);
    let (mut at, mut has_data) = (SIGNATURE_BYTES, false);
    for index in 0..CHUNKS_MAX {
        let chunk = chunk(&bytes[at..])?;
        at += chunk.len();
        let name = &chunk[4..8];
        if (index == 0) != (name == b"IHDR") {
            return Err(Refusal::Damaged("the header is not first"));
        }
        if index == 0 {
            let side = |from: usize| chunk.get(8 + from..).and_then(be32).filter(|_| chunk.len() == 13 + AROUND_BYTES);
            let (width, height) = side(0).zip(side(4)).ok_or(Refusal::Damaged("a header without dimensions"))?;
            bounds.check(width, height)?;
        }
        has_data |= name == b"IDAT";
        if NEEDED.iter().any(|needed| name == needed.as_slice()) {
            kept.extend_from_slice(chunk);
        } else if name[0].is_ascii_uppercase() {
            return Err(Refusal::Damaged("a chunk that nobody knows and everybody must"));
        }
        if name == b"IEND" {
            check_rest(&bytes[at..])?;
            return if has_data { Ok(kept) } else { Err(Refusal::Damaged("a PNG without a picture")) };
        }
    }
    Err(Refusal::Damaged("too many chunks"))
}

/// The chunk that begins here, whole, its checksum right.
fn chunk(bytes: &[u8]) -> Result<&[u8], Refusal> {
    let cut = Refusal::Damaged("a chunk that is cut short");
    let length = usize::try_from(be32(bytes).ok_or(cut)?).map_err(|_| cut)?;
    let whole = length.checked_add(AROUND_BYTES).and_then(|end| bytes.get(..end)).ok_or(cut)?;
    let (covered, checksum) = whole[4..].split_at(4 + length);
    if !covered[..4].iter().all(u8::is_ascii_alphabetic) {
        return Err(Refusal::Damaged("a chunk without a name"));
    }
    if be32(checksum) == Some(crc32fast::hash(covered)) { Ok(whole) } else { Err(Refusal::Damaged("a wrong checksum")) }
}
