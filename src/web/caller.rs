//! Who asks: extractors that prove the caller and the role before a handler runs.
//!
//! A route that takes [`Rider`] can only be reached by a customer; there is no way to forget the check, since the
//! handler has no caller otherwise. `app` puts the [`TokenKeys`] into every request as an extension.
//!
//! Every extractor but [`FirstFactor`] refuses whoever has not given the second factor that the account or the role asks
//! for. A partner's program reaches the routes that take [`Scoped`] and no others.

use std::marker::PhantomData;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::{header, request::Parts};

use crate::clock;
use crate::error::Error;
use crate::ids::{DriverId, PartnerId, RiderId, SessionId, UserId};
use crate::web::{ApiError, Caller, Duty, Grant, Role, Scope, Subject, TokenKeys};

/// Whom the bearer token of a request speaks for. Looked at once: the limits ask first, the route's extractor after them.
pub(in crate::web) fn subject_of(parts: &Parts) -> Result<Subject, Error> {
    if let Some(known) = parts.extensions.get::<Subject>() {
        return Ok(*known);
    }
    let keys =
        parts.extensions.get::<Arc<TokenKeys>>().ok_or_else(|| Error::internal("no token keys in the request"))?;
    let missing = || Error::unauthenticated("unauthenticated", "send an access token as Authorization: Bearer");
    let value = parts.headers.get(header::AUTHORIZATION).ok_or_else(missing)?;
    let text = value.to_str().map_err(|_| missing())?;
    let (scheme, token) = text.split_once(' ').ok_or_else(missing)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(missing());
    }
    keys.read(token.trim(), clock::now())
}

/// The person it speaks for.
fn grant_of(parts: &Parts) -> Result<Grant, Error> {
    subject_of(parts)?.person()
}

impl Caller {
    /// The person who asks, whose proof is enough for the role.
    fn of(parts: &Parts) -> Result<Self, Error> {
        grant_of(parts)?.admit()
    }

    /// The caller, provided the role is this one. Whoever comes in by a privileged door owes the audit log a record.
    fn with_role(parts: &Parts, role: Role) -> Result<Self, Error> {
        let grant = grant_of(parts)?;
        if grant.caller.role != role {
            return Err(wrong_role(grant.caller.role, role));
        }
        let caller = grant.admit()?;
        if matches!(role, Role::Admin | Role::Government | Role::Agent) {
            Duty::owe();
        }
        Ok(caller)
    }
}

fn wrong_role(has: Role, needs: Role) -> Error {
    Error::forbidden(
        "forbidden",
        format!("this is for the role {}; you are signed in as {}", needs.as_str(), has.as_str()),
    )
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Ok(Self::of(parts)?)
    }
}

/// A caller in the role of customer.
#[derive(Clone, Copy, Debug)]
pub struct Rider(pub RiderId);

/// A caller in the role of driver (approved or not: the use case decides).
#[derive(Clone, Copy, Debug)]
pub struct Driver(pub DriverId);

/// A caller in the role of admin.
#[derive(Clone, Copy, Debug)]
pub struct Admin(pub UserId);

/// A caller in the role of government official: reads only.
#[derive(Clone, Copy, Debug)]
pub struct Official(pub UserId);

/// A caller in the role of agent: books on behalf of others.
#[derive(Clone, Copy, Debug)]
pub struct Agent(pub UserId);

/// The caller's session, for signing out.
#[derive(Clone, Copy, Debug)]
pub struct Session(pub SessionId, pub UserId);

macro_rules! role_extractor {
    ($name:ident, $role:expr) => {
        impl<S: Sync> FromRequestParts<S> for $name {
            type Rejection = ApiError;

            async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
                Ok(Self(Caller::with_role(parts, $role)?.user.into()))
            }
        }
    };
}

role_extractor!(Rider, Role::Customer);
role_extractor!(Driver, Role::Driver);
role_extractor!(Admin, Role::Admin);
role_extractor!(Official, Role::Government);
role_extractor!(Agent, Role::Agent);

impl<S: Sync> FromRequestParts<S> for Session {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let caller = Caller::of(parts)?;
        Ok(Self(caller.session, caller.user))
    }
}

/// Somebody who has shown one proof, whether or not a second one is due: for the routes by which it is enrolled and given.
#[derive(Clone, Copy, Debug)]
pub struct FirstFactor(pub Grant);

impl<S: Sync> FromRequestParts<S> for FirstFactor {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Ok(Self(grant_of(parts)?))
    }
}

/// Names the scope that a route asks a partner for.
pub trait Asks: Send + Sync {
    /// Which.
    const SCOPE: Scope;
}

macro_rules! scope_marker {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name;

        impl Asks for $name {
            const SCOPE: Scope = Scope::$name;
        }
    };
}

scope_marker!(
    /// `places:read`
    PlacesRead
);
scope_marker!(
    /// `heatmap:read`
    HeatmapRead
);
scope_marker!(
    /// `reports:read`
    ReportsRead
);

/// A person who is signed in, or a partner's program with the scope `S`.
#[derive(Clone, Copy, Debug)]
pub struct Scoped<S> {
    /// Who asks.
    pub asker: Asker,
    scope: PhantomData<S>,
}

/// Who reaches a route that partners reach, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asker {
    /// Somebody signed in.
    Person(Caller),
    /// A program with the scope.
    Partner(PartnerId),
}

impl<S> Scoped<S> {
    /// Refuses people of other roles than these; partners were asked for their scope.
    ///
    /// # Errors
    /// [`Error::Forbidden`].
    pub fn only(self, roles: &[Role]) -> Result<Asker, Error> {
        match self.asker {
            Asker::Person(caller) if !roles.contains(&caller.role) => {
                let names: Vec<_> = roles.iter().map(|role| role.as_str()).collect();
                let message = format!(
                    "this is for the roles {}; you are signed in as {}",
                    names.join(" and "),
                    caller.role.as_str()
                );
                Err(Error::forbidden("forbidden", message))
            }
            asker => Ok(asker),
        }
    }
}

impl<A: Asks, S: Sync> FromRequestParts<S> for Scoped<A> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let asker = match subject_of(parts)? {
            Subject::Person(grant) => Asker::Person(grant.admit()?),
            Subject::Partner(partner, scopes) if scopes.contains(A::SCOPE) => Asker::Partner(partner),
            Subject::Partner(..) => {
                let message = format!("this needs the scope {}", A::SCOPE.as_str());
                return Err(Error::forbidden("scope_missing", message).into());
            }
        };
        Ok(Self { asker, scope: PhantomData })
    }
}
