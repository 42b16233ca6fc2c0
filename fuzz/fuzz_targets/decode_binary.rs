//! Fuzzes `decode_binary`: the properties are in `properties.rs`.

#![no_main]

#[path = "../properties.rs"]
#[expect(dead_code, reason = "each target uses one of the properties")]
mod properties;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| properties::decode_binary_frame(bytes));
