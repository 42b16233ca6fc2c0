//! PDF (ISO 32000): whether a file is one, whole, and does nothing by itself when it is opened.
//!
//! Names are looked at wherever they stand. Where a stream begins is the writer's word (a string or a comment may pretend
//! one, the table at the end may point into one), so what is refused by a long name is refused inside of streams as well; by
//! a short name, which compressed bytes happen to spell, only outside of them.
//!
//! Nothing is inflated: what is compressed inside of a PDF is not looked at here. That is what the malware scanner is for,
//! and why a document is only ever handed out as a download.

use super::{Refusal, contains};

/// The end may stand this far before the last byte.
const TAIL_BYTES: usize = 1_024;

/// Names in a PDF that make a viewer run, fetch or unpack something, or that keep a reviewer from reading it.
const REFUSED: [(&[u8], &str); 9] = [
    (b"Rendition", "a script"),
    (b"JavaScript", "a script"),
    (b"JS", "a script"),
    (b"Launch", "a command to start a program"),
    (b"EmbeddedFile", "a file inside"),
    (b"EmbeddedFiles", "a file inside"),
    (b"RichMedia", "a film inside"),
    (b"XFA", "a form that runs"),
    (b"Encrypt", "a password"),
];

/// Checks a PDF.
pub fn check(bytes: &[u8]) -> Result<(), Refusal> {
    let is_version = matches!(bytes.get(5..8), Some([b'1'..=b'2', b'.', b'0'..=b'9']));
    if !is_version {
        return Err(Refusal::Damaged("a PDF of no version"));
    }
    let tail = &bytes[bytes.len().saturating_sub(TAIL_BYTES)..];
    if !contains(tail, b"%%EOF") || !contains(tail, b"startxref") {
        return Err(Refusal::Damaged("a PDF without its end"));
    }
    // The directory of an archive stands at the end: that is where an archive behind a PDF would show.
    let behind = tail.windows(5).rposition(|piece| piece == b"%%EOF").map_or(tail, |end| &tail[end + 5..]);
    if contains(tail, b"PK\x05\x06") || behind.iter().any(|byte| !byte.is_ascii_whitespace() && *byte != 0) {
        return Err(Refusal::Polyglot);
    }
    if !contains(bytes, b" obj") {
        return Err(Refusal::Damaged("a PDF without an object"));
    }
    names(bytes)
}

/// Names that are as short as this are found in any compressed stream. A script has a longer one beside it.
const SHORT_BYTES_MAX: usize = 2;

/// Looks at every name.
fn names(bytes: &[u8]) -> Result<(), Refusal> {
    let (mut at, mut stream_until) = (0, 0);
    while at < bytes.len() {
        let rest = &bytes[at..];
        if rest.starts_with(b"stream") && matches!(rest.get(6), Some(b'\r' | b'\n')) {
            if at >= stream_until {
                let end = rest.windows(9).position(|piece| piece == b"endstream");
                stream_until = at + end.unwrap_or(rest.len());
            }
            at += 1;
        } else if rest[0] == b'/' {
            let (name, length) = name(&rest[1..]);
            let is_found = at >= stream_until || name.len() > SHORT_BYTES_MAX;
            if let Some((_, what)) = REFUSED.iter().find(|(refused, _)| is_found && name == *refused) {
                return Err(Refusal::ActivePdf(what));
            }
            at += 1 + length;
        } else {
            at += 1;
        }
    }
    Ok(())
}

/// The name that begins here with its `#4A` written out, and how many bytes it took.
fn name(bytes: &[u8]) -> (Vec<u8>, usize) {
    const NAME_BYTES_MAX: usize = 127;
    let (mut name, mut at) = (Vec::new(), 0);
    while let Some(&byte) = bytes.get(at).filter(|_| name.len() < NAME_BYTES_MAX) {
        let is_end = byte.is_ascii_whitespace() || byte == 0 || b"()<>[]{}/%".contains(&byte);
        if is_end {
            break;
        }
        let hex = |index: usize| bytes.get(at + index).and_then(|digit| char::from(*digit).to_digit(16));
        match (byte, hex(1), hex(2)) {
            (b'#', Some(high), Some(low)) => {
                name.push(u8::try_from(high * 16 + low).expect("two digits of sixteen fit a byte"));
                at += 3;
            }
            _ => {
                name.push(byte);
                at += 1;
            }
        }
    }
    (name, at)
}
