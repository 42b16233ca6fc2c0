//! JPEG (ISO 10918-1): segments behind markers, then coded data up to the next marker.
//!
//! Kept are the segments that a picture needs; EXIF, XMP, comments and makers' segments are left out. Of EXIF one number
//! comes back, in a segment of our own: which way up the picture is to be shown.

use super::{PictureBounds, Refusal, be16, check_rest, tiff};

const START: [u8; 2] = [0xFF, 0xD8];
const END: [u8; 2] = [0xFF, 0xD9];
const EXIF: &[u8] = b"Exif\0\0";
/// Segments of a picture; more is no picture.
const SEGMENTS_MAX: usize = 10_000;

/// The picture and nothing else.
pub fn cleaned(bytes: &[u8], bounds: PictureBounds) -> Result<Vec<u8>, Refusal> {
    let mut kept = Vec::with_capacity(bytes.len());
    kept.extend_from_slice(&START);
    let mut at = START.len();
    let (mut orientation, mut is_framed, mut is_scanned) = (None, false, false);
    for _ in 0..SEGMENTS_MAX {
        let marker = marker(bytes, &mut at)?;
        match marker {
            0xD9 if is_scanned => {
                kept.extend_from_slice(&END);
                check_rest(&bytes[at..])?;
                return Ok(with_orientation(kept, orientation));
            }
            0xD9 => return Err(Refusal::Damaged("a JPEG without a picture")),
            // Without a length: a restart, or a marker of old.
            0x01 | 0xD0..=0xD7 => kept.extend_from_slice(&[0xFF, marker]),
            0xD8 => return Err(Refusal::Damaged("a second beginning")),
            _ => {}
        }
        if matches!(marker, 0x01 | 0xD0..=0xD7) {
            continue;
        }
        let segment = segment(bytes, &mut at)?;
        if is_frame(marker) {
            let side = |from: usize| segment.get(from..).and_then(be16).map(u32::from);
            let (height, width) = side(3).zip(side(5)).ok_or(Refusal::Damaged("a frame without dimensions"))?;
            bounds.check(width, height)?;
            is_framed = true;
        }
        if marker == 0xE1
            && let Some(exif) = segment[2..].strip_prefix(EXIF)
        {
            orientation = orientation.or_else(|| tiff::orientation(exif));
        }
        if is_needed(marker) {
            kept.extend_from_slice(&[0xFF, marker]);
            kept.extend_from_slice(segment);
        }
        if marker == 0xDA {
            if !is_framed {
                return Err(Refusal::Damaged("a scan before its frame"));
            }
            let end = at + coded_bytes(&bytes[at..]);
            kept.extend_from_slice(&bytes[at..end]);
            (at, is_scanned) = (end, true);
        }
    }
    Err(Refusal::Damaged("too many segments"))
}

/// The next marker; any number of 0xFF may stand before it.
fn marker(bytes: &[u8], at: &mut usize) -> Result<u8, Refusal> {
    if bytes.get(*at) != Some(&0xFF) {
        return Err(Refusal::Damaged("no marker where one must be"));
    }
    while bytes.get(*at) == Some(&0xFF) {
        *at += 1;
    }
    let marker = *bytes.get(*at).ok_or(Refusal::Damaged("no end"))?;
    *at += 1;
    if marker == 0 { Err(Refusal::Damaged("coded data outside of a scan")) } else { Ok(marker) }
}

/// The segment that begins here, with the two bytes of its length.
fn segment<'b>(bytes: &'b [u8], at: &mut usize) -> Result<&'b [u8], Refusal> {
    let cut = Refusal::Damaged("a segment that is cut short");
    let length = usize::from(bytes.get(*at..).and_then(be16).ok_or(cut)?);
    if length < 2 {
        return Err(Refusal::Damaged("a segment without a length"));
    }
    let segment = bytes.get(*at..*at + length).ok_or(cut)?;
    *at += length;
    Ok(segment)
}

/// How far the coded data goes: up to a marker that is neither an escaped 0xFF nor a restart.
fn coded_bytes(bytes: &[u8]) -> usize {
    let is_end = |pair: &[u8]| pair[0] == 0xFF && !matches!(pair[1], 0x00 | 0xD0..=0xD7 | 0xFF);
    bytes.windows(2).position(is_end).unwrap_or(bytes.len())
}

/// Whether the segment says how large the picture is.
const fn is_frame(marker: u8) -> bool {
    matches!(marker, 0xC0..=0xCF) && !matches!(marker, 0xC4 | 0xC8 | 0xCC)
}

/// Tables, frames and scans; the density (APP0), the colour profile (APP2) and how colours are coded (APP14).
const fn is_needed(marker: u8) -> bool {
    matches!(marker, 0xC0..=0xCF | 0xDA..=0xDD | 0xE0 | 0xE2 | 0xEE)
}

/// Puts the one number of EXIF that a viewer needs right behind the beginning.
fn with_orientation(mut kept: Vec<u8>, orientation: Option<u16>) -> Vec<u8> {
    if let Some(orientation) = orientation {
        let exif = tiff::of_orientation(orientation);
        let length = u16::try_from(2 + EXIF.len() + exif.len()).expect("some thirty bytes");
        let segment = [&[0xFF, 0xE1], length.to_be_bytes().as_slice(), EXIF, &exif].concat();
        kept.splice(START.len()..START.len(), segment);
    }
    kept
}
