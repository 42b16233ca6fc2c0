//! What every answer tells a browser: that data is data, who may read it, and to come back encrypted.
//!
//! Separate because no handler knows any of it. The API answers JSON, which nothing may run, frame or keep; the two kinds
//! of pages say themselves what they load. Other sites' scripts may read answers only from origins that the operator
//! names, and never with cookies: there are none.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::web::client::IsSecure;

/// Longest that a browser keeps a preflight's answer without asking again, in seconds.
const PREFLIGHT_AGE_S: &str = "600";

/// What scripts of other origins may send.
const ALLOWED_METHODS: &str = "GET, POST, PUT, PATCH, DELETE";
const ALLOWED_HEADERS: &str = "authorization, content-type, idempotency-key, if-none-match, x-case-number, \
                               x-device-id, x-purpose, x-request-id";
/// What they may read beside the body.
const EXPOSED_HEADERS: &str = "etag, location, ratelimit, ratelimit-policy, retry-after, x-request-id";

/// Data: nothing in it is to be run or loaded.
const DATA_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";
/// The browsable description, whose scripts and styles are files of ours.
const DOCS_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                           font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Where the description is read.
const DOCS_PREFIX: &str = "/api/docs";

/// What is up to the operator.
#[derive(Clone, Debug)]
pub struct Config {
    /// Origins whose scripts may read answers: `https://console.example.rw`.
    pub cors_origins: Vec<String>,
    /// How many days browsers are to come back encrypted only, once they came encrypted; zero: it is not said.
    pub hsts_days: u32,
}

/// The headers, written once.
pub struct Headers {
    origins: Vec<HeaderValue>,
    hsts: Option<HeaderValue>,
}

impl Headers {
    /// As configured.
    pub fn new(config: &Config) -> Self {
        let origins = config.cors_origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()).collect();
        let age_s = u64::from(config.hsts_days) * 86_400;
        let hsts = HeaderValue::from_str(&format!("max-age={age_s}")).ok().filter(|_| age_s > 0);
        Self { origins, hsts }
    }

    /// The origin that asks, if its scripts may read answers.
    fn allowed_origin(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let origin = headers.get(header::ORIGIN)?;
        self.origins.iter().find(|known| *known == origin).cloned()
    }

    fn harden(&self, headers: &mut HeaderMap, path: &str, is_secure: bool) {
        let is_docs = path.strip_prefix(DOCS_PREFIX).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let always = [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-resource-policy", "same-origin"),
        ];
        for (name, value) in always {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        // A page has said its own already; data may be kept only where its handler said so.
        let policy = if is_docs { DOCS_POLICY } else { DATA_POLICY };
        headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(policy));
        let keeping = if is_docs { "no-cache" } else { "no-store" };
        headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static(keeping));
        if let Some(hsts) = self.hsts.as_ref().filter(|_| is_secure) {
            headers.insert(header::STRICT_TRANSPORT_SECURITY, hsts.clone());
        }
    }
}

/// Middleware: the headers of every answer; and the answer to a browser that asks whether a script may ask.
pub async fn add_headers(State(ours): State<Arc<Headers>>, request: Request, next: Next) -> Response {
    let origin = ours.allowed_origin(request.headers());
    let is_secure = request.extensions().get::<IsSecure>().is_some();
    let path = request.uri().path().to_owned();
    let mut response = if origin.is_some() && is_preflight(&request) { preflight() } else { next.run(request).await };
    let headers = response.headers_mut();
    ours.harden(headers, &path, is_secure);
    if !ours.origins.is_empty() {
        // A cache between us must not give one origin's answer to another.
        headers.append(header::VARY, HeaderValue::from_static("origin"));
    }
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED_HEADERS));
        let resource = HeaderName::from_static("cross-origin-resource-policy");
        headers.insert(resource, HeaderValue::from_static("cross-origin"));
    }
    response
}

fn is_preflight(request: &Request) -> bool {
    request.method() == Method::OPTIONS && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

fn preflight() -> Response {
    let headers = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(ALLOWED_METHODS)),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(ALLOWED_HEADERS)),
        (header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(PREFLIGHT_AGE_S)),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

/// Whether a text is an origin as browsers write it: scheme, host, and a port that is not the usual one.
///
/// # Errors
/// Why it never equals what a browser sends.
pub fn check_origin(text: &str) -> Result<(), &'static str> {
    let rest = ["https://", "http://"].iter().find_map(|scheme| text.strip_prefix(scheme));
    let rest = rest.ok_or("does not begin with https:// or http://")?;
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-' | ':' | '[' | ']');
    match rest {
        "" => Err("names no host"),
        rest if rest.contains('*') => Err("has a wildcard: name every origin"),
        rest if !rest.chars().all(is_plain) => Err("is more than scheme, host and port, in small letters"),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::middleware;
    use axum::routing::get;
    use tower::ServiceExt;

    use super::*;

    async fn ask(method: Method, path: &str, headers: &[(&str, &str)]) -> (StatusCode, HeaderMap) {
        let config = Config { cors_origins: vec!["https://console.example.rw".to_owned()], hsts_days: 1 };
        let router = Router::new()
            .route("/api/v1/me", get(|| async { "{}" }))
            .route("/api/docs/", get(|| async { "page" }))
            .layer(middleware::from_fn_with_state(Arc::new(Headers::new(&config)), add_headers));
        let mut request = axum::http::Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = router.oneshot(request.body(Body::empty()).expect("a request")).await.expect("infallible");
        (response.status(), response.headers().clone())
    }

    #[tokio::test]
    async fn data_is_neither_run_nor_kept_and_pages_load_what_is_ours() {
        let (_, data) = ask(Method::GET, "/api/v1/me", &[]).await;
        assert_eq!(data["content-security-policy"], DATA_POLICY);
        assert_eq!(data["cache-control"], "no-store");
        assert_eq!(data["x-content-type-options"], "nosniff");
        assert!(!data.contains_key("strict-transport-security"), "not over a plain connection");
        let (_, page) = ask(Method::GET, "/api/docs/", &[]).await;
        assert_eq!(page["content-security-policy"], DOCS_POLICY);
    }

    #[tokio::test]
    async fn scripts_of_named_origins_may_read_and_no_others() {
        let (status, allowed) = ask(Method::GET, "/api/v1/me", &[("origin", "https://console.example.rw")]).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(allowed["access-control-allow-origin"], "https://console.example.rw");
        assert!(!allowed.contains_key("access-control-allow-credentials"));
        let strangers =
            ["https://evil.example", "null", "https://console.example.rw.evil.example", "http://console.example.rw"];
        for origin in strangers {
            let (_, headers) = ask(Method::GET, "/api/v1/me", &[("origin", origin)]).await;
            assert!(!headers.contains_key("access-control-allow-origin"), "{origin}");
            assert_eq!(headers["vary"], "origin");
        }
    }

    #[tokio::test]
    async fn a_browser_that_asks_first_is_told() {
        let asked = |origin| [("origin", origin), ("access-control-request-method", "PUT")];
        let (status, told) = ask(Method::OPTIONS, "/api/v1/me", &asked("https://console.example.rw")).await;
        assert_eq!(status, StatusCode::NO_CONTENT);
        assert_eq!(told["access-control-allow-methods"], ALLOWED_METHODS);
        let (status, told) = ask(Method::OPTIONS, "/api/v1/me", &asked("https://evil.example")).await;
        assert_eq!((status, told.get("access-control-allow-methods")), (StatusCode::METHOD_NOT_ALLOWED, None));
    }

    #[test]
    fn an_origin_is_written_as_browsers_write_it() {
        for good in ["https://console.example.rw", "http://localhost:3000", "https://[::1]:8443"] {
            assert_eq!(check_origin(good), Ok(()), "{good}");
        }
        for bad in [
            "*",
            "https://*.example.rw",
            "console.example.rw",
            "https://a.rw/",
            "https://A.rw",
            "https://",
            "https://a b",
        ] {
            assert!(check_origin(bad).is_err(), "{bad}");
        }
    }
}
