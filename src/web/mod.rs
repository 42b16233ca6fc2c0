//! The HTTP side of the machine room: extractors, the one mapping of errors to answers, request ids, paging, the API
//! document. It knows no service: each service brings its own routes and `app` joins them.

mod agency;
mod answer;
pub mod body;
pub mod caller;
pub mod client;
mod duty;
pub mod headers;
mod idempotency;
pub mod limits;
mod metrics;
pub mod networks;
pub mod openapi;
pub mod page;
pub mod period;
#[cfg(test)]
pub mod probe;
mod request_id;
pub mod server;
pub mod takeover;
pub mod tls;
mod token;
mod unread;

pub use agency::Agency;
pub use answer::{ApiError, ErrorBody};
pub use duty::{Duty, hold_to_duty};
pub use idempotency::IdempotencyKey;
pub use metrics::measure;
pub use request_id::{RequestId, assign_request_id};
pub use token::{
    Caller, Grant, Jwk, Jwks, KeyDocument, KeyError, Role, SKEW_MAX, Scope, Scopes, SecondFactor, Subject, TokenKeys,
};

/// Where the public API lives.
pub const API_PREFIX: &str = "/api/v1";
