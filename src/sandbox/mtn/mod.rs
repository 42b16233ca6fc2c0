//! MTN MoMo, as its customers see it.
//!
//! Separate because its rules are another's, byte for byte: nothing of the engine depends on them.

/// Subscription key of the collection product.
pub const COLLECTION_KEY: &str = "c0113c7100000000000000000000b0da";
/// Subscription key of the disbursement product.
pub const DISBURSEMENT_KEY: &str = "d15b0125e00000000000000000000b0d";
/// Subscription key of the remittance product.
pub const REMITTANCE_KEY: &str = "4e3177a0ce0000000000000000000b0d";
/// The API user of the account that exists from the beginning, in `mtnrwanda`.
pub const API_USER: &str = "b0da0000-0000-4000-8000-000000000001";
/// Its API key.
pub const API_KEY: &str = "b0da5a9db0c0ffee0000000000000001";
