//! As much of TIFF as EXIF needs: the orientation of a picture, read and written.

/// The tag of the orientation.
const ORIENTATION: u16 = 0x0112;
/// A number of two bytes.
const SHORT: u16 = 3;
/// Entries looked at; the orientation is among the first.
const ENTRIES_MAX: u16 = 200;

/// The orientation, 2 to 8, that EXIF gives; none when it is the usual one, missing or unreadable.
pub fn orientation(exif: &[u8]) -> Option<u16> {
    let is_big_endian = match exif.get(..4)? {
        b"MM\0*" => true,
        b"II*\0" => false,
        _ => return None,
    };
    let short = |at: usize| {
        let pair: [u8; 2] = exif.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if is_big_endian { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) })
    };
    let four: [u8; 4] = exif.get(4..8)?.try_into().ok()?;
    let directory = if is_big_endian { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) };
    let directory = usize::try_from(directory).ok()?;
    let entries = short(directory)?.min(ENTRIES_MAX);
    (0..entries).find_map(|entry| {
        let at = directory.checked_add(2 + 12 * usize::from(entry))?;
        let is_it = short(at)? == ORIENTATION && short(at + 2)? == SHORT;
        is_it.then(|| short(at + 8)).flatten().filter(|value| (2..=8).contains(value))
    })
}

/// EXIF that says the orientation and nothing else.
pub fn of_orientation(orientation: u16) -> Vec<u8> {
    let mut exif = b"MM\0*\0\0\0\x08\0\x01".to_vec();
    for number in [ORIENTATION, SHORT, 0, 1, orientation, 0, 0, 0] {
        exif.extend_from_slice(&number.to_be_bytes());
    }
    exif
}
