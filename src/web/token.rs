//! Access tokens: JWT signed with Ed25519, each naming the key that signed it.
//!
//! Separate from `auth`, which decides who gets one: this file only signs and verifies, so that HTTP requests and
//! sockets check a caller without knowing the service and without a database read. Several keys may be known at once;
//! the newest signs, all verify, so keys are rotated without signing anybody out.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, errors::ErrorKind};
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::Error;
use crate::ids::{SessionId, UserId};
use crate::time::{Span, Timestamp};

/// What a person is to the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Books and rides.
    Customer,
    /// Drives.
    Driver,
    /// Runs the platform.
    Admin,
    /// Reads for a government agency.
    Government,
    /// Books on behalf of people who call.
    Agent,
}

impl Role {
    /// The name on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Driver => "driver",
            Self::Admin => "admin",
            Self::Government => "government",
            Self::Agent => "agent",
        }
    }

    /// From the name on the wire and in the database.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Customer, Self::Driver, Self::Admin, Self::Government, Self::Agent]
            .into_iter()
            .find(|role| role.as_str() == name)
    }
}

/// Who asks: proven by a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The person.
    pub user: UserId,
    /// In which role.
    pub role: Role,
    /// Signed in by which session.
    pub session: SessionId,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    sub: Uuid,
    sid: Uuid,
    role: Role,
    iat: i64,
    exp: i64,
}

struct Key {
    id: String,
    decoding: DecodingKey,
}

/// The keys that sign and verify access tokens.
pub struct TokenKeys {
    signing: EncodingKey,
    keys: Vec<Key>,
    lifetime: Span,
}

/// A key document is unusable.
#[derive(Debug, thiserror::Error)]
#[error("the signing key {id} is not an Ed25519 key in PKCS#8 form: {reason}")]
pub struct KeyError {
    id: String,
    reason: String,
}

impl TokenKeys {
    /// Keys in PKCS#8 DER with their ids, oldest first: the last one signs. `lifetime` is that of a token.
    ///
    /// # Errors
    /// [`KeyError`] when a document is no Ed25519 key, or there is none.
    pub fn new(documents: &[(String, Vec<u8>)], lifetime: Span) -> Result<Self, KeyError> {
        let mut keys = Vec::with_capacity(documents.len());
        let mut signing = None;
        for (id, document) in documents {
            let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(document)
                .map_err(|error| KeyError { id: id.clone(), reason: error.to_string() })?;
            keys.push(Key { id: id.clone(), decoding: DecodingKey::from_ed_der(pair.public_key().as_ref()) });
            signing = Some(EncodingKey::from_ed_der(document));
        }
        let signing = signing.ok_or_else(|| KeyError { id: "(none)".into(), reason: "no key was given".into() })?;
        Ok(Self { signing, keys, lifetime })
    }

    /// How long a token is good for.
    pub const fn lifetime(&self) -> Span {
        self.lifetime
    }

    /// Signs a token for a caller.
    ///
    /// # Errors
    /// [`Error::Internal`] when signing fails, which a valid key never does.
    pub fn issue(&self, caller: &Caller, now: Timestamp) -> Result<String, Error> {
        let issued_s = now.as_millis() / 1_000;
        let claims = Claims {
            sub: caller.user.0,
            sid: caller.session.0,
            role: caller.role,
            iat: issued_s,
            exp: issued_s + self.lifetime.as_secs(),
        };
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = self.keys.last().map(|key| key.id.clone());
        jsonwebtoken::encode(&header, &claims, &self.signing).map_err(Error::internal)
    }

    /// Who a token speaks for.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] with code `token_expired` or `unauthenticated`.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Caller, Error> {
        let refused = || Error::unauthenticated("unauthenticated", "the access token is not valid");
        let header = jsonwebtoken::decode_header(token).map_err(|_| refused())?;
        let key = self.keys.iter().find(|key| Some(&key.id) == header.kid.as_ref()).ok_or_else(refused)?;
        let mut validation = Validation::new(Algorithm::EdDSA);
        // Expiry is checked below against the time we were handed, not against the library's own clock.
        validation.validate_exp = false;
        let claims = jsonwebtoken::decode::<Claims>(token, &key.decoding, &validation)
            .map_err(|error| match error.kind() {
                ErrorKind::ExpiredSignature => expired(),
                _ => refused(),
            })?
            .claims;
        if now.as_millis() / 1_000 >= claims.exp {
            return Err(expired());
        }
        Ok(Caller { user: UserId(claims.sub), role: claims.role, session: SessionId(claims.sid) })
    }
}

fn expired() -> Error {
    Error::unauthenticated("token_expired", "the access token has expired; refresh it")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: &str) -> (String, Vec<u8>) {
        let rng = ring::rand::SystemRandom::new();
        let document = Ed25519KeyPair::generate_pkcs8(&rng).expect("the system has randomness");
        (id.to_owned(), document.as_ref().to_vec())
    }

    fn caller() -> Caller {
        Caller { user: UserId(Uuid::from_u128(1)), role: Role::Driver, session: SessionId(Uuid::from_u128(2)) }
    }

    #[test]
    fn a_token_speaks_for_its_caller_until_it_expires() {
        let keys = TokenKeys::new(&[key("a")], Span::from_secs(900)).expect("valid key");
        let now = Timestamp::from_millis(1_790_000_000_000);
        let token = keys.issue(&caller(), now).expect("signs");
        assert_eq!(keys.verify(&token, now).expect("fresh"), caller());
        let late = keys.verify(&token, now + Span::from_secs(900)).expect_err("expired");
        assert_eq!(late.code(), "token_expired");
    }

    #[test]
    fn an_older_key_still_verifies_after_rotation() {
        let (old, new) = (key("old"), key("new"));
        let now = Timestamp::from_millis(1_790_000_000_000);
        let before = TokenKeys::new(std::slice::from_ref(&old), Span::from_secs(900)).expect("valid key");
        let after = TokenKeys::new(&[old, new], Span::from_secs(900)).expect("valid keys");
        let token = before.issue(&caller(), now).expect("signs");
        assert!(after.verify(&token, now).is_ok());
        assert!(
            before.verify(&after.issue(&caller(), now).expect("signs"), now).is_err(),
            "the new key is unknown there"
        );
    }

    #[test]
    fn a_forged_or_downgraded_token_is_refused() {
        let keys = TokenKeys::new(&[key("a")], Span::from_secs(900)).expect("valid key");
        let now = Timestamp::from_millis(1_790_000_000_000);
        let token = keys.issue(&caller(), now).expect("signs");
        let (head, signature) = token.rsplit_once('.').expect("three parts");
        let none = format!("eyJhbGciOiJub25lIiwia2lkIjoiYSJ9.{}.", head.split('.').nth(1).expect("claims"));
        let foreign = TokenKeys::new(&[key("a")], Span::from_secs(900)).expect("valid key");
        let stranger = foreign.issue(&caller(), now).expect("signs");
        for forged in ["", "a.b.c", &none, &stranger, &format!("{head}.A{}", &signature[1..]), &format!("{head}.")] {
            assert_eq!(keys.verify(forged, now).expect_err("forged").code(), "unauthenticated", "{forged}");
        }
    }
}
