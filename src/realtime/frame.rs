//! WebSocket frames as bytes (RFC 6455 §5): reading what apps send, in place, and writing heads of what they get.
//!
//! Pure and by hand, because a library that owns the connection also owns a buffer, a message type and an allocation for
//! each of them; here a ping is unmasked where the kernel put it and read from there. `docs/PERFORMANCE.md` has the
//! measurement that decided. Nothing here trusts a byte: whatever comes in, the answer is a frame, "more, please" or a
//! [`FrameError`].

use std::ops::Range;

/// The longest head: two bytes, a length of eight and a mask of four.
const HEAD_BYTES_MAX: usize = 14;

/// Control frames may not carry more (RFC 6455 §5.5).
const CONTROL_BYTES_MAX: u64 = 125;

const FIN: u8 = 0x80;
const RESERVED: u8 = 0x70;
const MASKED: u8 = 0x80;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opcode {
    /// The next part of a message begun before.
    Continuation,
    /// A message of text, or its first part.
    Text,
    /// A message of bytes, or its first part.
    Binary,
    /// The other side is about to go.
    Close,
    /// Asks for a pong.
    Ping,
    /// Answers a ping.
    Pong,
}

impl Opcode {
    fn from_bits(bits: u8) -> Option<Self> {
        Some(match bits {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xa => Self::Pong,
            _ => return None,
        })
    }

    const fn bits(self) -> u8 {
        match self {
            Self::Continuation => 0x0,
            Self::Text => 0x1,
            Self::Binary => 0x2,
            Self::Close => 0x8,
            Self::Ping => 0x9,
            Self::Pong => 0xa,
        }
    }

    const fn is_control(self) -> bool {
        self.bits() & 0x8 != 0
    }
}

/// A whole frame at the start of a buffer; its payload is unmasked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What it is.
    pub opcode: Opcode,
    /// Whether the message ends with it.
    pub is_final: bool,
    /// Where in the buffer its payload is; it ends where the next frame begins.
    pub payload: Range<usize>,
}

/// Why the bytes are not a frame that is taken here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The payload is longer than allowed.
    #[error("the frame is too large")]
    TooLarge,
    /// The bytes break WebSocket itself.
    #[error("{0}")]
    Broken(&'static str),
}

/// Takes the frame at the start of `buffer`, or `None` when more bytes are needed. A payload over `payload_bytes_max` is
/// refused as soon as its length is known, before it is there.
///
/// # Errors
/// [`FrameError`]; the connection is of no use after one.
pub fn take_frame(buffer: &mut [u8], payload_bytes_max: usize) -> Result<Option<Frame>, FrameError> {
    let [first, second, rest @ ..] = &*buffer else { return Ok(None) };
    if first & RESERVED != 0 {
        return Err(FrameError::Broken("a reserved bit is set"));
    }
    let opcode = Opcode::from_bits(first & 0x0f).ok_or(FrameError::Broken("the opcode is reserved"))?;
    let is_final = first & FIN != 0;
    if second & MASKED == 0 {
        return Err(FrameError::Broken("the frame is not masked"));
    }
    let (length, length_bytes) = match (second & !MASKED, rest) {
        (126, [a, b, ..]) => (u64::from(u16::from_be_bytes([*a, *b])), 2),
        (127, [a, b, c, d, e, f, g, h, ..]) => (u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]), 8),
        (126 | 127, _) => return Ok(None),
        (short, _) => (u64::from(short), 0),
    };
    if opcode.is_control() && (!is_final || length > CONTROL_BYTES_MAX) {
        return Err(FrameError::Broken("a control frame is fragmented or too long"));
    }
    if length > payload_bytes_max as u64 {
        return Err(FrameError::TooLarge);
    }
    let mask_at = 2 + length_bytes;
    let payload = mask_at + 4..mask_at + 4 + length as usize;
    if buffer.len() < payload.end {
        return Ok(None);
    }
    let (head, tail) = buffer.split_at_mut(payload.start);
    let mask = [head[mask_at], head[mask_at + 1], head[mask_at + 2], head[mask_at + 3]];
    unmask(&mut tail[..length as usize], mask);
    Ok(Some(Frame { opcode, is_final, payload }))
}

/// Undoes the mask of RFC 6455 §5.3, eight bytes at a time.
fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let [a, b, c, d] = mask;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let mut chunks = payload.chunks_exact_mut(8);
    for chunk in &mut chunks {
        let word = u64::from_ne_bytes([chunk[0], chunk[1], chunk[2], chunk[3], chunk[4], chunk[5], chunk[6], chunk[7]]);
        chunk.copy_from_slice(&(word ^ wide).to_ne_bytes());
    }
    for (byte, mask) in chunks.into_remainder().iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
}

/// Appends a whole, final frame towards an app: unmasked, as the standard asks of a server.
pub fn put_frame(out: &mut Vec<u8>, opcode: Opcode, payload: &[u8]) {
    out.reserve(HEAD_BYTES_MAX + payload.len());
    out.push(FIN | opcode.bits());
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(short @ 0..=125), _) => out.push(short),
        (_, Ok(middling)) => {
            out.push(126);
            out.extend_from_slice(&middling.to_be_bytes());
        }
        _ => {
            out.push(127);
            out.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(payload);
}

/// Appends a close frame with a code and a reason, which is cut to what fits into a control frame.
pub fn put_close(out: &mut Vec<u8>, code: u16, reason: &str) {
    let mut payload = [0; CONTROL_BYTES_MAX as usize];
    payload[..2].copy_from_slice(&code.to_be_bytes());
    let reason = &reason.as_bytes()[..reason.floor_char_boundary(CONTROL_BYTES_MAX as usize - 2)];
    payload[2..2 + reason.len()].copy_from_slice(reason);
    put_frame(out, Opcode::Close, &payload[..2 + reason.len()]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop, prop_assert_eq, proptest};
    use tokio_tungstenite::tungstenite::protocol::frame::coding::{Control, Data, OpCode};
    use tokio_tungstenite::tungstenite::protocol::frame::{Frame as TheirFrame, FrameHeader};

    use super::*;

    /// The same frame as the library in our dependencies writes it, from an app.
    fn theirs(opcode: OpCode, is_final: bool, payload: &[u8]) -> Vec<u8> {
        let header = FrameHeader { is_final, opcode, mask: Some([7, 99, 0, 255]), ..FrameHeader::default() };
        let mut bytes = Vec::new();
        TheirFrame::from_payload(header, payload.to_vec().into()).format(&mut bytes).expect("memory takes everything");
        bytes
    }

    fn broken(bytes: &[u8]) -> FrameError {
        take_frame(&mut bytes.to_vec(), 4_096).expect_err("a broken frame")
    }

    proptest! {
        #[test]
        fn what_a_library_writes_is_read_whole_or_byte_by_byte(
            payload in prop::collection::vec(any::<u8>(), 0..70_000), is_final: bool, is_text: bool,
        ) {
            let data = if is_text { Data::Text } else { Data::Binary };
            let mut bytes = theirs(OpCode::Data(data), is_final, &payload);
            let whole = bytes.len();
            for short in [0, 1, 2, 3, 5, 9, 13, whole - 1] {
                if short < whole {
                    prop_assert_eq!(take_frame(&mut bytes[..short], 70_000), Ok(None));
                }
            }
            bytes.extend_from_slice(b"next");
            let frame = take_frame(&mut bytes, 70_000).expect("sound").expect("whole");
            prop_assert_eq!(frame.opcode, if is_text { Opcode::Text } else { Opcode::Binary });
            prop_assert_eq!((frame.is_final, frame.payload.end), (is_final, whole));
            prop_assert_eq!(&bytes[frame.payload], &payload[..]);
        }

        #[test]
        fn any_bytes_are_a_frame_a_wish_for_more_or_an_error(mut bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let length = bytes.len();
            if let Ok(Some(frame)) = take_frame(&mut bytes, 32) {
                assert!(frame.payload.end <= length && frame.payload.len() <= 32);
            }
        }

        #[test]
        fn a_library_reads_what_is_written(payload in prop::collection::vec(any::<u8>(), 0..70_000)) {
            let mut bytes = Vec::new();
            put_frame(&mut bytes, Opcode::Binary, &payload);
            let mut cursor = std::io::Cursor::new(&bytes);
            let (header, length) = FrameHeader::parse(&mut cursor).expect("sound").expect("whole");
            prop_assert_eq!((header.is_final, header.opcode, header.mask), (true, OpCode::Data(Data::Binary), None));
            prop_assert_eq!(length, payload.len() as u64);
            prop_assert_eq!(&bytes[usize::try_from(cursor.position()).expect("small")..], &payload[..]);
        }
    }

    #[test]
    fn what_breaks_the_standard_is_refused() {
        for bytes in [
            &[0x81, 0x02, b'{', b'}'][..],
            &[0x83, 0x80, 0, 0, 0, 0],
            &[0xc1, 0x80, 0, 0, 0, 0],
            &[0x09, 0x80, 0, 0, 0, 0],
            &[0x89, 0xfe, 0, 126, 0, 0, 0, 0],
        ] {
            assert!(matches!(broken(bytes), FrameError::Broken(_)), "{bytes:?}");
        }
        assert_eq!(broken(&[0x82, 0xfe, 0x10, 0x01]), FrameError::TooLarge, "known from the head alone");
        assert_eq!(broken(&[0x82, 0xff, 255, 255, 255, 255, 255, 255, 255, 255]), FrameError::TooLarge);
    }

    #[test]
    fn a_close_frame_carries_code_and_reason() {
        let mut bytes = Vec::new();
        put_close(&mut bytes, 4002, &"ü".repeat(100));
        let header = FrameHeader::parse(&mut std::io::Cursor::new(&bytes)).expect("sound").expect("whole");
        assert_eq!((header.0.opcode, header.1), (OpCode::Control(Control::Close), 124), "cut at a letter");
        assert_eq!(&bytes[2..4], 4002_u16.to_be_bytes());
    }
}
