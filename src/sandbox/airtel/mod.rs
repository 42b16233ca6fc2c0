//! Airtel Money, as its customers see it.
//!
//! Separate because its rules are another's, byte for byte: nothing of the engine depends on them.

/// The app that exists from the beginning.
pub const CLIENT_ID: &str = "b0da0000-0000-4000-8000-0000000000a1";
/// Its secret.
pub const CLIENT_SECRET: &str = "sandbox-airtel-secret";
/// What authorises its payouts.
pub const PIN: &str = "4821";
/// What the hash of a callback is made with.
pub const CALLBACK_KEY: &str = "sandbox-airtel-callback-key";
