//! The OpenAPI document: what is the same for every route. The routes themselves describe themselves, beside their
//! handlers.

use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

/// Title, version and the security scheme; `app` merges every service's routes into it.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "boda",
        description = "Rides on motorcycle taxis: accounts, quotes, bookings, offers, tracking.\n\nTimes are RFC 3339 in \
                       UTC, money is whole Rwandan francs, coordinates are WGS 84 degrees. Every answer carries \
                       `x-request-id`. Errors carry a stable `code`; switch on it, not on the message. The live side \
                       (positions, offers, state changes) is a WebSocket, described in PROTOCOL.md and, for programs, in /api/asyncapi.json.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    modifiers(&Bearer)
)]
pub struct Document;

/// The bearer token of `POST /api/v1/auth/verify`, `login` and `refresh`.
struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
        document.components.get_or_insert_default().add_security_scheme("bearer", SecurityScheme::Http(scheme));
    }
}
