//! The routes of this service.

mod admin;
mod keys;
mod me;
mod partners;
mod recovery;
mod second_factor;
mod sign_in;

use std::net::SocketAddr;
use std::time::Duration;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::{header, request::Parts};
use chrono::NaiveDate;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use uuid::Uuid;

use crate::auth::{Auth, Device, Gender, Profile};
use crate::error::Checks;
use crate::notifications::Language;
use crate::phone::Phone;
use crate::time::Timestamp;
use crate::web::{ApiError, Role};

/// Longest name of a device and longest user agent that are kept, in characters.
const DEVICE_CHARS_MAX: usize = 120;

/// The least time that an answer takes which must not tell whether there is an account: writing a row and a job takes
/// some milliseconds, and not writing them takes none.
const ANSWER_MIN: Duration = Duration::from_millis(60);

/// By which a device says that it is the same as before.
const DEVICE_HEADER: &str = "x-device-id";

pub use keys::jwks;

/// Everything under `/auth`, `/me`, `/admin/users` and `/admin/partners`.
pub fn routes() -> OpenApiRouter<Auth> {
    OpenApiRouter::new()
        .merge(sign_in::routes())
        .merge(second_factor::routes())
        .merge(recovery::routes())
        .merge(me::routes())
        .merge(keys::routes())
        .merge(admin::routes())
        .merge(partners::routes())
}

/// A person as they see themselves.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProfileView {
    id: Uuid,
    #[schema(example = "+250788123456")]
    phone: String,
    #[schema(example = "Keza")]
    first_name: String,
    #[schema(example = "Uwase")]
    last_name: String,
    email: Option<String>,
    language: Language,
    role: Role,
    date_of_birth: Option<NaiveDate>,
    gender: Option<Gender>,
    province: Option<String>,
    district: Option<String>,
    sector: Option<String>,
    /// Whether a password is set, or codes are the only way in.
    has_password: bool,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

impl From<Profile> for ProfileView {
    fn from(profile: Profile) -> Self {
        Self {
            id: profile.id.0,
            phone: profile.phone.as_str().to_owned(),
            first_name: profile.first_name,
            last_name: profile.last_name,
            email: profile.email,
            language: profile.language,
            role: profile.role,
            date_of_birth: profile.date_of_birth,
            gender: profile.gender,
            province: profile.province,
            district: profile.district,
            sector: profile.sector,
            has_password: profile.has_password,
            created_at: profile.created_at,
        }
    }
}

fn phone(checks: &mut Checks, typed: &str) -> Option<Phone> {
    checks.accept("phone", typed, Phone::parse(typed))
}

/// Where a request comes from.
struct Origin {
    user_agent: Option<String>,
    address: Option<SocketAddr>,
    device: Option<String>,
}

impl Origin {
    /// Named as its owner says; whatever cannot be shown is left out.
    fn device(self, name: Option<&str>) -> Device {
        let name = name.map(printable).filter(|name| !name.is_empty());
        let ip = self.address.map(|address| address.ip());
        Device { name, user_agent: self.user_agent, ip, id: self.device }
    }
}

impl<S: Sync> FromRequestParts<S> for Origin {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let user_agent = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).map(printable);
        let address = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0);
        let device = parts.headers.get(DEVICE_HEADER).and_then(|value| value.to_str().ok()).map(printable);
        Ok(Self { user_agent, address, device: device.filter(|id| !id.is_empty()) })
    }
}

/// Answers no sooner than [`ANSWER_MIN`] after the question.
async fn evenly<T>(work: impl Future<Output = T>) -> T {
    let ready_at = tokio::time::Instant::now() + ANSWER_MIN;
    let done = work.await;
    tokio::time::sleep_until(ready_at).await;
    done
}

fn printable(text: &str) -> String {
    text.trim().chars().filter(|c| !c.is_control()).take(DEVICE_CHARS_MAX).collect()
}
