//! The OpenAPI document: what is the same for every route. The routes themselves describe themselves, beside their
//! handlers; what no handler can know, because it happens before any of them is asked, is added here to all.

use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Content, Header, Object, Ref, RefOr, Response, ResponseBuilder, Type};
use utoipa::{Modify, OpenApi};

/// Title, version and the security scheme; `app` merges every service's routes into it.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "boda",
        description = "Rides on motorcycle taxis: accounts, quotes, bookings, offers, tracking.\n\nTimes are RFC 3339 in \
                       UTC, money is whole Rwandan francs, coordinates are WGS 84 degrees. Every answer carries \
                       `x-request-id`, and `RateLimit` and `RateLimit-Policy`: how often this caller may ask on routes of this kind, \
                       and what is left of that. Errors carry a stable `code`; switch on it, not on the message. Every route for who is signed in answers 403 \
                       `second_factor_required` until a second factor that was enrolled is given, and 403 `second_factor_enrolment_required` \
                       until a role that needs one has enrolled it, but for the routes under /auth and /me that do this. The live side \
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

/// An answer that many operations share: its status, its name in the document, what it says.
struct Shared {
    status: &'static str,
    name: &'static str,
    text: &'static str,
    /// Whether it says when to come back.
    has_retry_after: bool,
}

const fn shared(status: &'static str, name: &'static str, text: &'static str) -> Shared {
    Shared { status, name, text, has_retry_after: false }
}

const MALFORMED: Shared =
    shared("400", "Malformed", "`malformed_body`: no JSON, or not of the shape that is described");
const NOT_SIGNED_IN: Shared = shared("401", "NotSignedIn", "`unauthenticated`, `token_expired`");
const WRONG_ROLE: Shared = shared(
    "403",
    "WrongRole",
    "`forbidden`: for another role; `second_factor_required`, `second_factor_enrolment_required`: first that, then this",
);
const TOO_LARGE: Shared = shared("413", "TooLarge", "`body_too_large`");
const OTHER_TYPE: Shared =
    shared("415", "OtherType", "`unsupported_media_type`: the body is to be JSON, and to say so");
const INVALID: Shared = shared("422", "Invalid", "`invalid_value`: one of the parameters, which is named");
const TOO_OFTEN: Shared = Shared { has_retry_after: true, ..shared("429", "TooOften", "`rate_limited`") };
const NOT_NOW: Shared = Shared {
    has_retry_after: true,
    ..shared("503", "NotNow", "`unavailable`: nothing was done; the same request is safe to send again")
};

impl Shared {
    fn response(&self) -> Response {
        let body = Content::new(Some(Ref::from_schema_name("ErrorBody")));
        let mut response = ResponseBuilder::new().description(self.text).content("application/json", body);
        if self.has_retry_after {
            let mut seconds = Header::new(Object::with_type(Type::Integer));
            seconds.description = Some("Seconds to wait before another try.".to_owned());
            response = response.header("Retry-After", seconds);
        }
        response.build()
    }
}

/// Adds to every operation the answers that it owes to the server around it: limits, bodies that are too large or of
/// another type, parameters of another shape, something needed that is away. What an operation says itself stays.
pub fn complete(document: &mut utoipa::openapi::OpenApi) {
    let components = document.components.get_or_insert_default();
    for shared in [MALFORMED, NOT_SIGNED_IN, WRONG_ROLE, TOO_LARGE, OTHER_TYPE, INVALID, TOO_OFTEN, NOT_NOW] {
        components.responses.insert(shared.name.to_owned(), RefOr::T(shared.response()));
    }
    for item in document.paths.paths.values_mut() {
        operations(item).for_each(complete_operation);
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.put, &mut item.post, &mut item.patch, &mut item.delete].into_iter().flatten()
}

fn complete_operation(operation: &mut Operation) {
    let mut owed = vec![TOO_OFTEN, NOT_NOW];
    if operation.request_body.is_some() {
        owed.extend([MALFORMED, TOO_LARGE, OTHER_TYPE]);
    }
    if operation.parameters.as_ref().is_some_and(|parameters| !parameters.is_empty()) {
        owed.push(INVALID);
    }
    if operation.security.as_ref().is_some_and(|ways| !ways.is_empty()) {
        owed.extend([NOT_SIGNED_IN, WRONG_ROLE]);
    }
    for Shared { status, name, .. } in owed {
        let answers = &mut operation.responses.responses;
        answers.entry(status.to_owned()).or_insert_with(|| Ref::from_response_name(name).into());
    }
}
