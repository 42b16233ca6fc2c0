//! Fuzzes the reading of WebSocket frames: whatever an app sends, it is a frame, a wish for more, or an error.

#![no_main]

#[path = "../../src/realtime/frame.rs"]
#[expect(dead_code, reason = "only the reading half is fuzzed")]
mod frame;

use frame::take_frame;

const PAYLOAD_BYTES_MAX: usize = 4_096;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut rest = bytes.to_vec();
    while take_one(&mut rest) {}
});

/// Takes one frame from the front and says whether there was one.
fn take_one(rest: &mut Vec<u8>) -> bool {
    let before = rest.clone();
    match take_frame(rest, PAYLOAD_BYTES_MAX) {
        Ok(Some(frame)) => {
            let end = frame.payload.end;
            assert!(frame.payload.start >= 6 && end <= before.len(), "a payload at {:?}", frame.payload);
            assert!(frame.payload.len() <= PAYLOAD_BYTES_MAX, "a payload of {} bytes", frame.payload.len());
            assert!(before[0] & 0x70 == 0 && before[1] & 0x80 != 0, "reserved bits, or no mask");
            let mask = &before[frame.payload.start - 4..frame.payload.start];
            for (at, byte) in frame.payload.clone().enumerate() {
                assert_eq!(rest[byte], before[byte] ^ mask[at % 4], "byte {at} is unmasked in another way");
            }
            assert_eq!(rest[end..], before[end..], "the next frame was touched");
            // However little of it has arrived, it is no error and nothing is changed.
            for short in [0, 1, 2, frame.payload.start - 1, end - 1].into_iter().filter(|short| *short < end) {
                let mut part = before[..short].to_vec();
                assert_eq!(take_frame(&mut part, PAYLOAD_BYTES_MAX), Ok(None), "{short} bytes of {end}");
                assert_eq!(part, before[..short], "half a frame was touched");
            }
            rest.drain(..end);
            true
        }
        Ok(None) => {
            assert_eq!(*rest, before, "half a frame was touched");
            assert!(rest.len() < PAYLOAD_BYTES_MAX + 14, "{} bytes are not enough for a frame", rest.len());
            false
        }
        Err(_) => false,
    }
}
