//! Access tokens: JWT signed with Ed25519, each naming the key that signed it.
//!
//! Separate from `auth`, which decides who gets one: this file only signs and verifies, so that HTTP requests and
//! sockets check a caller without knowing the service and without a database read. Three things make up a check: the
//! signature, which is looked at once per token and remembered (`seen`); the times, bounded by [`SKEW_MAX`]; and whether
//! the session was ended meanwhile (`ended`). Several keys may be known at once (`keyset`), so keys are rotated without
//! signing anybody out.
//!
//! Invariants: only `EdDSA` under a key id of ours is looked at, whatever the token's own head asks for; a token of another
//! kind, issuer or audience is none; whoever has a second factor and has not given it can do nothing but give it.

mod ended;
mod keyset;
mod scope;
mod seen;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use arc_swap::ArcSwap;
use jsonwebtoken::{Algorithm, Header, Validation};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::Error;
use crate::ids::{PartnerId, SessionId, UserId};
use crate::time::{Span, Timestamp};

use ended::Ended;
use keyset::KeySet;
use seen::{Digest, Seen};

pub use keyset::{Jwk, Jwks, KeyDocument, KeyError};
pub use scope::{Scope, Scopes};

/// How far the clock of the node that issued a token may be ahead of ours. Behind needs no leeway: a token that seems
/// expired a little early is refreshed.
pub const SKEW_MAX: Span = Span::from_secs(30);

/// Longest token that is looked at; ours have about 400 bytes.
const TOKEN_BYTES_MAX: usize = 2_048;
const ISSUER: &str = "boda";
/// The API, for people and for partners.
const AUDIENCE: &str = "boda.api";
/// RFC 9068: an access token and nothing else that may be signed with the same key some day.
const KIND: &str = "at+jwt";

/// Unless told otherwise (see [`TokenKeys::remembering`]).
const REMEMBERED_MAX: usize = 1_000;

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

    /// Whether people of this role can do nothing without a second factor: they see what is other people's.
    pub const fn needs_second_factor(self) -> bool {
        matches!(self, Self::Admin | Self::Government)
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

/// How a session stands with the second factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SecondFactor {
    /// The person has none.
    None,
    /// The person has one and has not given it.
    Due,
    /// It was given.
    Given,
}

/// What a person's token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Who.
    pub caller: Caller,
    /// How well they proved it.
    pub second_factor: SecondFactor,
}

impl Grant {
    /// The caller, provided the proof is enough for the role.
    ///
    /// # Errors
    /// [`Error::Forbidden`] with code `second_factor_required` or `second_factor_enrolment_required`.
    pub fn admit(self) -> Result<Caller, Error> {
        match self.second_factor {
            SecondFactor::Given => Ok(self.caller),
            SecondFactor::Due => Err(Error::forbidden("second_factor_required", "give the second factor first")),
            SecondFactor::None if self.caller.role.needs_second_factor() => {
                let message = "this role needs a second factor; enrol one first";
                Err(Error::forbidden("second_factor_enrolment_required", message))
            }
            SecondFactor::None => Ok(self.caller),
        }
    }
}

/// What a token speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A person who is signed in.
    Person(Grant),
    /// A partner's program.
    Partner(PartnerId, Scopes),
}

impl Subject {
    /// The person.
    ///
    /// # Errors
    /// [`Error::Forbidden`] when it is a partner's program.
    pub fn person(self) -> Result<Grant, Error> {
        match self {
            Self::Person(grant) => Ok(grant),
            Self::Partner(..) => Err(Error::forbidden("forbidden", "this is for people, not for partners")),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: Uuid,
    sid: Uuid,
    /// Of a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    role: Option<Role>,
    /// Of a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mfa: Option<SecondFactor>,
    /// Of a partner: names with blanks between them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    iat: i64,
    exp: i64,
}

/// A token whose signature is right.
#[derive(Clone, Copy, Debug)]
struct Checked {
    subject: Subject,
    session: Uuid,
    issued_s: i64,
    expires_s: i64,
}

/// The keys that sign and verify access tokens.
pub struct TokenKeys {
    keys: ArcSwap<KeySet>,
    lifetime: Span,
    seen: Seen,
    ended: Ended,
}

impl TokenKeys {
    /// Keys in PKCS#8 DER with their ids, oldest first: the last one signs. `lifetime` is that of a token.
    ///
    /// # Errors
    /// [`KeyError`] when a document is no Ed25519 key, or there is none.
    pub fn new(documents: &[(String, Vec<u8>)], lifetime: Span) -> Result<Self, KeyError> {
        let keys = ArcSwap::from_pointee(KeySet::new(documents, documents.len().saturating_sub(1))?);
        Ok(Self { keys, lifetime, seen: Seen::new(REMEMBERED_MAX), ended: Ended::new(REMEMBERED_MAX, lifetime) })
    }

    /// With room for this many tokens (up to twice as many) and this many ended sessions.
    #[must_use]
    pub fn remembering(self, tokens_max: usize, ended_max: usize) -> Self {
        Self { seen: Seen::new(tokens_max), ended: Ended::new(ended_max, self.lifetime), ..self }
    }

    /// Takes these keys in place of those before: the newest that has been there for `announced_for` signs, all verify.
    /// A key that is gone verifies nothing from now on. Whether anything changed.
    ///
    /// # Errors
    /// [`KeyError`]; the keys stay as they are then.
    pub fn replace(&self, documents: &[KeyDocument], announced_for: Span, now: Timestamp) -> Result<bool, KeyError> {
        let keys = KeySet::announced(documents, announced_for, now)?;
        if self.keys.load().is_same(&keys) {
            return Ok(false);
        }
        self.keys.store(Arc::new(keys));
        self.seen.forget_all();
        Ok(true)
    }

    /// The id of the key that signs.
    pub fn signing_id(&self) -> String {
        self.keys.load().signing().id.clone()
    }

    /// The public keys, for whoever wants to check a token without us.
    pub fn jwks(&self) -> Jwks {
        self.keys.load().jwks()
    }

    /// How long a token is good for.
    pub const fn lifetime(&self) -> Span {
        self.lifetime
    }

    /// Signs a token for a person.
    ///
    /// # Errors
    /// [`Error::Internal`] when signing fails, which a valid key never does.
    pub fn issue(&self, grant: &Grant, now: Timestamp) -> Result<String, Error> {
        let Grant { caller, second_factor } = grant;
        self.sign(
            Claims { role: Some(caller.role), mfa: Some(*second_factor), ..claims(caller.user.0, caller.session.0) },
            now,
        )
    }

    /// Signs a token for a partner. What stands for its session is its own id: ending that ends all of its tokens.
    ///
    /// # Errors
    /// [`Error::Internal`] when signing fails, which a valid key never does.
    pub fn issue_to_partner(&self, partner: PartnerId, scopes: Scopes, now: Timestamp) -> Result<String, Error> {
        self.sign(Claims { scope: Some(scopes.to_string()), ..claims(partner.0, partner.0) }, now)
    }

    fn sign(&self, claims: Claims, now: Timestamp) -> Result<String, Error> {
        let issued_s = now.as_millis() / 1_000;
        let claims = Claims { iat: issued_s, exp: issued_s + self.lifetime.as_secs(), ..claims };
        let keys = self.keys.load();
        let key = keys.signing();
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(KIND.to_owned());
        header.kid = Some(key.id.clone());
        jsonwebtoken::encode(&header, &claims, &key.encoding).map_err(Error::internal)
    }

    /// The person a token speaks for, who may do whatever the role may.
    ///
    /// # Errors
    /// As [`TokenKeys::read`] and [`Grant::admit`]; [`Error::Forbidden`] when it speaks for a partner.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Caller, Error> {
        self.read(token, now)?.person()?.admit()
    }

    /// Whom a token speaks for.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] with code `token_expired` or `unauthenticated`.
    pub fn read(&self, token: &str, now: Timestamp) -> Result<Subject, Error> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(refused());
        }
        let digest = Digest::of(token);
        let checked = match self.seen.look_up(&digest) {
            Some(checked) => checked,
            None => {
                let checked = self.check(token)?;
                self.seen.remember(digest, checked);
                checked
            }
        };
        let now_s = now.as_millis() / 1_000;
        if now_s >= checked.expires_s {
            return Err(expired());
        }
        if checked.issued_s > now_s + SKEW_MAX.as_secs() {
            return Err(refused());
        }
        match self.ended.verdict(checked.session, checked.issued_s) {
            ended::Verdict::Live => Ok(checked.subject),
            ended::Verdict::Ended => {
                Err(Error::unauthenticated("unauthenticated", "this session was ended; sign in again"))
            }
            ended::Verdict::Unknown => Err(expired()),
        }
    }

    /// The signature and what was signed, without the times.
    fn check(&self, token: &str) -> Result<Checked, Error> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| refused())?;
        let keys = self.keys.load();
        let key = header.kid.as_deref().and_then(|id| keys.find(id)).ok_or_else(refused)?;
        if header.typ.as_deref() != Some(KIND) {
            return Err(refused());
        }
        let mut validation = Validation::new(Algorithm::EdDSA);
        // Times are compared with the time we were handed, not with the library's own clock.
        validation.validate_exp = false;
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        let claims = jsonwebtoken::decode::<Claims>(token, &key.decoding, &validation).map_err(|_| refused())?.claims;
        let (issued_s, expires_s) = (claims.iat, claims.exp);
        let session = claims.sid;
        let subject = match claims {
            Claims { role: Some(role), mfa: Some(second_factor), scope: None, sub, sid, .. } => {
                let caller = Caller { user: UserId(sub), role, session: SessionId(sid) };
                Subject::Person(Grant { caller, second_factor })
            }
            Claims { role: None, mfa: None, scope: Some(scope), sub, .. } => {
                Subject::Partner(PartnerId(sub), Scopes::parse(&scope).map_err(|_| refused())?)
            }
            _ => return Err(refused()),
        };
        Ok(Checked { subject, session, issued_s, expires_s })
    }

    /// Refuses the tokens of these sessions from now on, although they have not expired.
    pub fn end(&self, sessions: impl IntoIterator<Item = SessionId>, now: Timestamp) {
        self.ended.add(sessions.into_iter().map(|session| session.0), now);
    }
}

/// Of nobody in particular, at no time.
fn claims(sub: Uuid, sid: Uuid) -> Claims {
    let (iss, aud) = (ISSUER.to_owned(), AUDIENCE.to_owned());
    Claims { iss, aud, sub, sid, role: None, mfa: None, scope: None, iat: 0, exp: 0 }
}

fn refused() -> Error {
    Error::unauthenticated("unauthenticated", "the access token is not valid")
}

fn expired() -> Error {
    Error::unauthenticated("token_expired", "the access token has expired; refresh it")
}
