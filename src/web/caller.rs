//! Who asks: extractors that prove the caller and the role before a handler runs.
//!
//! A route that takes [`Rider`] can only be reached by a customer; there is no way to forget the check, since the
//! handler has no caller otherwise. `app` puts the [`TokenKeys`] into every request as an extension.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::{header, request::Parts};

use crate::clock;
use crate::error::Error;
use crate::ids::{DriverId, RiderId, SessionId, UserId};
use crate::web::{ApiError, Caller, Duty, Role, TokenKeys};

impl Caller {
    /// Reads the bearer token of a request, unless that was done before: checking a signature twice is checking it once
    /// for nothing.
    pub(in crate::web) fn of(parts: &Parts) -> Result<Self, Error> {
        if let Some(known) = parts.extensions.get::<Self>() {
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
        keys.verify(token.trim(), clock::now())
    }

    /// The caller, provided the role is this one. Whoever comes in by a privileged door owes the audit log a record.
    fn with_role(parts: &Parts, role: Role) -> Result<Self, Error> {
        let caller = Self::of(parts)?;
        if caller.role != role {
            return Err(wrong_role(caller.role, role));
        }
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
