//! What a file that somebody sent really is: its type by its bytes, and the same file without what does not belong to it.
//!
//! Pure, and separate from where files lie. A name or a declared type proves nothing; what counts is the structure, walked
//! from the first byte to the last by headers alone: nothing is decoded or inflated, so that no small file can become a
//! large one here. Invariants: what comes out is one picture or one PDF and nothing before or behind it; its dimensions are
//! within bounds; pictures have lost what cameras write beside the picture (place, time, device), but not which way up
//! they are held.

mod jpeg;
mod pdf;
mod png;
mod tiff;
mod webp;

use std::borrow::Cow;

/// What people may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileType {
    /// A picture.
    Jpeg,
    /// A picture.
    Png,
    /// A picture.
    Webp,
    /// Pages.
    Pdf,
}

impl FileType {
    /// Every type.
    pub const ALL: [Self; 4] = [Self::Jpeg, Self::Png, Self::Webp, Self::Pdf];

    /// As on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Webp => "image/webp",
            Self::Pdf => "application/pdf",
        }
    }

    /// From the words on the wire and in the database; what stands behind a semicolon does not matter.
    pub fn from_name(name: &str) -> Option<Self> {
        let name = name.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        Self::ALL.into_iter().find(|known| known.as_str() == name)
    }

    /// The end of a file's name.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::Webp => "webp",
            Self::Pdf => "pdf",
        }
    }

    /// Whether it is a picture.
    pub const fn is_picture(self) -> bool {
        !matches!(self, Self::Pdf)
    }

    /// By the first bytes.
    fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0xFF, 0xD8, 0xFF, ..] => Some(Self::Jpeg),
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1A, b'\n', ..] => Some(Self::Png),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Self::Webp),
            [b'%', b'P', b'D', b'F', b'-', ..] => Some(Self::Pdf),
            _ => None,
        }
    }
}

/// The largest picture that is taken.
#[derive(Clone, Copy, Debug)]
pub struct PictureBounds {
    /// Width or height.
    pub side_px_max: u32,
    /// Width times height: what a viewer must hold in memory.
    pub pixels_max: u64,
}

impl PictureBounds {
    fn check(self, width: u32, height: u32) -> Result<(), Refusal> {
        let fits = |side| (1..=self.side_px_max).contains(&side);
        let is_within = u64::from(width) * u64::from(height) <= self.pixels_max;
        if fits(width) && fits(height) && is_within { Ok(()) } else { Err(Refusal::Dimensions { width, height }) }
    }
}

/// Why a file is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Its first bytes are those of something else.
    #[error("is not a JPEG, PNG, WebP or PDF")]
    UnknownType,
    /// It is not what it was said to be.
    #[error("is {found}, and was sent as {declared}", found = found.as_str(), declared = declared.as_str())]
    OtherType {
        /// What it is.
        found: FileType,
        /// What it was sent as.
        declared: FileType,
    },
    /// It ends too early, or its parts do not fit together.
    #[error("is damaged or cut short: {0}")]
    Damaged(&'static str),
    /// Too large for whoever looks at it.
    #[error("is a picture of {width} by {height} pixels, which is more than is taken")]
    Dimensions {
        /// In pixels.
        width: u32,
        /// In pixels.
        height: u32,
    },
    /// Something else is hidden in it.
    #[error("is two files in one")]
    Polyglot,
    /// It does things when it is opened, or cannot be opened.
    #[error("is a PDF with {0}, which is not taken")]
    ActivePdf(&'static str),
    /// It moves.
    #[error("is an animation")]
    Animated,
}

/// Checks a file that was sent as `declared`; what is to be kept of it.
///
/// # Errors
/// Why it is not taken.
pub fn examine(bytes: &[u8], declared: FileType, bounds: PictureBounds) -> Result<Cow<'_, [u8]>, Refusal> {
    let found = FileType::of(bytes).ok_or(Refusal::UnknownType)?;
    if found != declared {
        return Err(Refusal::OtherType { found, declared });
    }
    match found {
        FileType::Jpeg => jpeg::cleaned(bytes, bounds).map(Cow::Owned),
        FileType::Png => png::cleaned(bytes, bounds).map(Cow::Owned),
        FileType::Webp => webp::cleaned(bytes, bounds).map(Cow::Owned),
        FileType::Pdf => pdf::check(bytes).map(|()| Cow::Borrowed(bytes)),
    }
}

/// What stands behind the end of a picture is cut off: telephones put previews and films there. Where it is the beginning of
/// something that opens by itself, the file is refused instead.
fn check_rest(rest: &[u8]) -> Result<(), Refusal> {
    const OPENS: [&[u8]; 8] =
        [b"PK\x03\x04", b"PK\x05\x06", b"%PDF-", b"<html", b"<svg", b"<script", b"<?php", b"Rar!"];
    let lower = rest.to_ascii_lowercase();
    let has = |mark: &&[u8]| contains(rest, mark) || contains(&lower, mark);
    if OPENS.iter().any(has) { Err(Refusal::Polyglot) } else { Ok(()) }
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|piece| piece == wanted)
}

/// Two bytes, the high one first.
fn be16(bytes: &[u8]) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(..2)?.try_into().ok()?))
}

/// Four bytes, the highest first.
fn be32(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(..4)?.try_into().ok()?))
}

/// Four bytes, the lowest first.
fn le32(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(..4)?.try_into().ok()?))
}

#[cfg(test)]
pub(crate) mod tests;
