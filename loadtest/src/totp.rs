//! The administrator's authenticator app.
//!
//! Separate because it is the one thing of signing in that no API does for a client (RFC 6238: SHA-1, six digits, thirty
//! seconds).

use totp_rs::{Builder, Secret};

use crate::clock;

/// The code of this moment for a secret in base32; `None` when it is no secret.
pub fn code_now(secret: &str) -> Option<String> {
    code_at(secret, clock::now_ms() / 1_000)
}

fn code_at(secret: &str, now_s: u64) -> Option<String> {
    let secret = Secret::try_from_base32(secret).ok()?;
    let authenticator = Builder::new().with_secret(secret).build().ok()?;
    Some(authenticator.generate(now_s).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_standard() {
        assert_eq!(code_at("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", 59).as_deref(), Some("287082"));
        assert_eq!(code_at("no secret", 59), None);
    }
}
