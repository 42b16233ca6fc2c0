//! The keys of one moment: which verify, which one signs, and how others see them (RFC 7517, RFC 8037).
//!
//! Separate because keys change while the server runs. A key is *announced* before it signs: for a while it only verifies
//! and stands in the JWKS, so that every other node and whoever keeps a copy of the JWKS knows it when the first token
//! under it comes along.

use jsonwebtoken::{DecodingKey, EncodingKey};
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde::Serialize;

use crate::redact::Secret;
use crate::time::{Span, Timestamp};

/// A key document is unusable.
#[derive(Debug, thiserror::Error)]
#[error("the signing key {id} is not an Ed25519 key in PKCS#8 form: {reason}")]
pub struct KeyError {
    id: String,
    reason: String,
}

/// A key as it lies on disk.
#[derive(Clone, Debug)]
pub struct KeyDocument {
    /// Named in every token.
    pub id: String,
    /// PKCS#8 DER.
    pub document: Secret<Vec<u8>>,
    /// Since when it lies there.
    pub since: Timestamp,
}

/// A public key as others read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Jwk {
    #[schema(example = "OKP")]
    kty: &'static str,
    #[schema(example = "Ed25519")]
    crv: &'static str,
    #[serde(rename = "use")]
    #[schema(example = "sig")]
    usage: &'static str,
    #[schema(example = "EdDSA")]
    alg: &'static str,
    #[schema(example = "token-20260921")]
    kid: String,
    /// The key, in base64url without padding.
    x: String,
}

/// The public keys that access tokens are checked with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Jwks {
    /// Oldest first.
    pub keys: Vec<Jwk>,
}

pub(super) struct Key {
    pub(super) id: String,
    pub(super) encoding: EncodingKey,
    pub(super) decoding: DecodingKey,
    public: Vec<u8>,
}

impl Key {
    fn read(id: &str, document: &[u8]) -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(document)
            .map_err(|error| KeyError { id: id.to_owned(), reason: error.to_string() })?;
        let public = pair.public_key().as_ref().to_vec();
        let (encoding, decoding) = (EncodingKey::from_ed_der(document), DecodingKey::from_ed_der(&public));
        Ok(Self { id: id.to_owned(), encoding, decoding, public })
    }
}

/// The keys of one moment; never empty.
pub(super) struct KeySet {
    keys: Vec<Key>,
    /// Which of them signs.
    signing: usize,
}

impl KeySet {
    /// Of ids and documents, oldest first.
    pub(super) fn new(documents: &[(String, Vec<u8>)], signing: usize) -> Result<Self, KeyError> {
        let keys = documents.iter().map(|(id, document)| Key::read(id, document)).collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() {
            return Err(KeyError { id: "(none)".into(), reason: "no key was given".into() });
        }
        Ok(Self { signing: signing.min(keys.len() - 1), keys })
    }

    /// The newest key that has been there for long enough signs; while all are new, the oldest.
    pub(super) fn announced(documents: &[KeyDocument], long: Span, now: Timestamp) -> Result<Self, KeyError> {
        let signing = documents.iter().rposition(|key| now.since(key.since) >= long).unwrap_or(0);
        let documents: Vec<_> = documents.iter().map(|key| (key.id.clone(), key.document.expose().clone())).collect();
        Self::new(&documents, signing)
    }

    pub(super) fn signing(&self) -> &Key {
        &self.keys[self.signing]
    }

    pub(super) fn find(&self, id: &str) -> Option<&Key> {
        self.keys.iter().find(|key| key.id == id)
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        let same = |(a, b): (&Key, &Key)| a.id == b.id && a.public == b.public;
        self.signing == other.signing
            && self.keys.len() == other.keys.len()
            && self.keys.iter().zip(&other.keys).all(same)
    }

    pub(super) fn jwks(&self) -> Jwks {
        let jwk = |key: &Key| Jwk {
            kty: "OKP",
            crv: "Ed25519",
            usage: "sig",
            alg: "EdDSA",
            kid: key.id.clone(),
            x: base64url(&key.public),
        };
        Jwks { keys: self.keys.iter().map(jwk).collect() }
    }
}

/// RFC 4648, section 5, without padding.
fn base64url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let word = three.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for place in 0..=three.len() {
            let six = usize::try_from(word >> (18 - 6 * place) & 63).unwrap_or(0);
            text.push(char::from(ALPHABET[six]));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64url_is_that_of_the_standards_examples() {
        for (bytes, text) in
            [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"), ("fooba", "Zm9vYmE")]
        {
            assert_eq!(base64url(bytes.as_bytes()), text);
        }
        assert_eq!(base64url(&[0xfb, 0xff]), "-_8");
    }
}
