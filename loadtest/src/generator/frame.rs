//! WebSocket frames as bytes: building what a client sends, splitting what a server sends.
//!
//! Pure and apart from the library that the reference server uses, so that the generator costs as little as it can and
//! shares no mistake with what it measures. Only what the protocol needs: no fragments, no extensions.

/// A text frame.
pub const TEXT: u8 = 0x1;
/// A binary frame.
pub const BINARY: u8 = 0x2;
/// A close frame.
pub const CLOSE: u8 = 0x8;
/// A ping of WebSocket itself, not one of ours.
pub const PING: u8 = 0x9;
/// The answer to it.
pub const PONG: u8 = 0xA;

/// The masking key of every frame. The protocol wants it random against proxies; there is none between us and loopback,
/// and the server has to unmask all the same.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// Appends one final, masked frame.
pub fn append_masked(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    out.push(0x80 | opcode);
    match payload.len() {
        short @ 0..126 => out.push(0x80 | short as u8),
        middle @ 126..0x1_0000 => {
            out.push(0x80 | 126);
            out.extend_from_slice(&(middle as u16).to_be_bytes());
        }
        long => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(long as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&MASK);
    out.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
}

/// A frame from the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What it is.
    pub opcode: u8,
    /// What it carries.
    pub payload: &'a [u8],
}

/// What the head of a buffer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split<'a> {
    /// A whole frame, and how many bytes it took.
    Frame(Frame<'a>, usize),
    /// Only part of one.
    More,
    /// Something a server must not send to this client: masked, fragmented or with an extension.
    Broken,
}

/// Takes the first frame off a buffer.
pub fn split(bytes: &[u8]) -> Split<'_> {
    let [first, second, rest @ ..] = bytes else { return Split::More };
    if first & 0xF0 != 0x80 || second & 0x80 != 0 {
        return Split::Broken;
    }
    let (length, head): (usize, usize) = match second & 0x7F {
        126 => match rest {
            [a, b, ..] => (usize::from(u16::from_be_bytes([*a, *b])), 4),
            _ => return Split::More,
        },
        127 => match rest.first_chunk::<8>() {
            Some(length) => (usize::try_from(u64::from_be_bytes(*length)).unwrap_or(usize::MAX), 10),
            None => return Split::More,
        },
        short => (usize::from(short), 2),
    };
    let Some(end) = head.checked_add(length) else { return Split::Broken };
    match bytes.get(head..end) {
        Some(payload) => Split::Frame(Frame { opcode: first & 0x0F, payload }, end),
        None => Split::More,
    }
}

/// The code and the reason of a close frame; 1005 when it gave none.
pub fn close_of(payload: &[u8]) -> (u16, &str) {
    match payload {
        [high, low, reason @ ..] => {
            (u16::from_be_bytes([*high, *low]), std::str::from_utf8(reason).unwrap_or_default())
        }
        _ => (1005, ""),
    }
}

/// Takes the first masked client frame off a buffer, unmasking it in place; for the floor, which is a server. Returns its
/// opcode, where the payload lies and where the next frame begins; none while it is not whole.
pub fn unmask_first(bytes: &mut [u8]) -> Option<(u8, std::ops::Range<usize>)> {
    let opcode = bytes.first()? & 0x0F;
    let (length, head) = match bytes.get(1)? & 0x7F {
        126 => (usize::from(u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?])), 4),
        127 => return None,
        short => (usize::from(short), 2),
    };
    let mask: [u8; 4] = bytes.get(head..head + 4)?.try_into().ok()?;
    let at = head + 4..head + 4 + length;
    for (byte, key) in bytes.get_mut(at.clone())?.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= key;
    }
    Some((opcode, at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_builds_a_server_unmasks() {
        for length in [0, 1, 22, 125, 126, 117, 4_096, 60_000] {
            let payload: Vec<u8> = (0..length).map(|n| n as u8).collect();
            let mut bytes = Vec::new();
            append_masked(&mut bytes, BINARY, &payload);
            let whole = bytes.len();
            let mut short = bytes[..whole - 1].to_vec();
            let cut = unmask_first(&mut short);
            assert!(cut.is_none(), "{length}: not whole yet");
            let (opcode, at) = unmask_first(&mut bytes).expect("whole");
            assert_eq!((opcode, at.end, &bytes[at]), (BINARY, whole, payload.as_slice()), "{length}");
        }
    }

    #[test]
    fn frames_of_a_server_are_split_wherever_the_buffer_ends() {
        let mut bytes = vec![0x81, 5];
        bytes.extend_from_slice(b"hello");
        bytes.extend_from_slice(&[0x82, 126, 0, 200]);
        bytes.extend_from_slice(&[7; 200]);
        let Split::Frame(first, used) = split(&bytes) else { panic!("whole") };
        assert_eq!((first, used), (Frame { opcode: TEXT, payload: b"hello" }, 7));
        let Split::Frame(second, end) = split(&bytes[used..]) else { panic!("whole") };
        assert_eq!((second.opcode, second.payload.len(), used + end), (BINARY, 200, bytes.len()));
        for cut in [0, 1, 4, 6, 8, 10, 100] {
            let from = if cut < 7 { 0 } else { 7 };
            assert_eq!(split(&bytes[from..cut]), Split::More, "{cut}");
        }
    }

    #[test]
    fn what_a_server_must_not_send_is_broken() {
        for head in [[0x81, 0x85], [0x01, 0x05], [0xC1, 0x05]] {
            assert_eq!(split(&head), Split::Broken, "{head:?}");
        }
        assert_eq!(split(&[0x82, 127, 255, 255, 255, 255, 255, 255, 255, 255]), Split::Broken);
    }

    #[test]
    fn a_close_frame_says_why() {
        assert_eq!(close_of(b"\x0f\xa0shutting_down retry_ms=7"), (4000, "shutting_down retry_ms=7"));
        assert_eq!(close_of(b""), (1005, ""));
    }
}
