//! A card gateway with a hosted page, as its customers see it.
//!
//! Separate because its rules are another's: nothing of the engine depends on them.

/// The key that the gateway accepts.
pub const API_KEY: &str = "sandbox-card-key";
/// What webhooks are signed with.
pub const WEBHOOK_KEY: &str = "sandbox-card-webhook-key";
