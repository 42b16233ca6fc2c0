//! WebP (RFC 9649): chunks in a RIFF container.
//!
//! Kept are picture, transparency and colour profile; EXIF and XMP are left out. An animation is no document.

use super::{PictureBounds, Refusal, check_rest, le32};

const HEAD_BYTES: usize = 12;
const CHUNKS_MAX: usize = 1_000;
/// Bits of the extended header that promise EXIF, XMP or an animation.
const EXIF_AND_XMP: u8 = 0x08 | 0x04;
const ANIMATION: u8 = 0x02;

/// The picture and nothing else.
pub fn cleaned(bytes: &[u8], bounds: PictureBounds) -> Result<Vec<u8>, Refusal> {
    let cut = Refusal::Damaged("a container that is cut short");
    let inside = usize::try_from(le32(&bytes[4..]).ok_or(cut)?).map_err(|_| cut)?;
    let end = inside.checked_add(8).filter(|end| (HEAD_BYTES..=bytes.len()).contains(end)).ok_or(cut)?;
    let mut kept = bytes[..HEAD_BYTES].to_vec();
    let (mut at, mut has_picture) = (HEAD_BYTES, false);
    for _ in 0..CHUNKS_MAX {
        if at == end {
            return finished(kept, has_picture, &bytes[end..]);
        }
        let chunk = chunk(&bytes[at..end])?;
        at += chunk.len();
        let data = &chunk[8..];
        match &chunk[..4] {
            b"VP8X" => {
                let (width, height) = extended(data).ok_or(cut)?;
                bounds.check(width, height)?;
                if data[0] & ANIMATION != 0 {
                    return Err(Refusal::Animated);
                }
                let flags = kept.len() + 8;
                kept.extend_from_slice(chunk);
                kept[flags] &= !EXIF_AND_XMP;
            }
            name @ (b"VP8 " | b"VP8L") => {
                let sides = if name == b"VP8 " { lossy(data) } else { lossless(data) };
                let (width, height) = sides.ok_or(Refusal::Damaged("a picture without dimensions"))?;
                bounds.check(width, height)?;
                has_picture = true;
                kept.extend_from_slice(chunk);
            }
            b"ALPH" | b"ICCP" => kept.extend_from_slice(chunk),
            b"ANIM" | b"ANMF" => return Err(Refusal::Animated),
            _ => {}
        }
    }
    Err(Refusal::Damaged("too many chunks"))
}

fn finished(mut kept: Vec<u8>, has_picture: bool, rest: &[u8]) -> Result<Vec<u8>, Refusal> {
    check_rest(rest)?;
    let inside = u32::try_from(kept.len() - 8).map_err(|_| Refusal::Damaged("too large"))?;
    kept[4..8].copy_from_slice(&inside.to_le_bytes());
    if has_picture { Ok(kept) } else { Err(Refusal::Damaged("a WebP without a picture")) }
}

/// The chunk that begins here, with its head and the byte that makes its length even.
fn chunk(bytes: &[u8]) -> Result<&[u8], Refusal> {
    let cut = Refusal::Damaged("a chunk that is cut short");
    let length = usize::try_from(bytes.get(4..).and_then(le32).ok_or(cut)?).map_err(|_| cut)?;
    let padded = length.checked_add(length % 2).and_then(|length| length.checked_add(8)).ok_or(cut)?;
    bytes.get(..padded).ok_or(cut)
}

fn le24(bytes: &[u8]) -> u32 {
    u32::from(bytes[0]) | u32::from(bytes[1]) << 8 | u32::from(bytes[2]) << 16
}

/// Sides of the canvas.
fn extended(data: &[u8]) -> Option<(u32, u32)> {
    let data = data.get(..10)?;
    Some((le24(&data[4..]) + 1, le24(&data[7..]) + 1))
}

/// Sides in the head of a key frame.
fn lossy(data: &[u8]) -> Option<(u32, u32)> {
    let data = data.get(..10)?;
    let is_key_frame = data[0] & 1 == 0 && data[3..6] == [0x9D, 0x01, 0x2A];
    let side = |low: u8, high: u8| u32::from(low) | u32::from(high & 0x3F) << 8;
    is_key_frame.then(|| (side(data[6], data[7]), side(data[8], data[9])))
}

/// Sides in fourteen bits each, behind the signature.
fn lossless(data: &[u8]) -> Option<(u32, u32)> {
    let bits = le32(data.get(1..5)?)?;
    (data[0] == 0x2F).then_some(((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1))
}
