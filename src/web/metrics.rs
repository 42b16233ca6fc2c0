//! Counts and times every request by route template, never by the address itself.

use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use metrics::Gauge;

use crate::telemetry::names;

/// Middleware: requests by route, method and status, and how long they took.
pub async fn measure(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_owned();
    let method = method_label(request.method());
    let started = Instant::now();
    let open = Open::begin();
    let response = next.run(request).await;
    drop(open);
    let labels = [("route", route), ("method", method.to_owned()), ("status", response.status().as_u16().to_string())];
    metrics::histogram!(names::HTTP_REQUEST_SECONDS, &labels[..2]).record(started.elapsed().as_secs_f64());
    metrics::counter!(names::HTTP_REQUESTS_TOTAL, &labels).increment(1);
    response
}

/// Counts a request as being answered for as long as it lives, also when its client goes away before the answer.
struct Open(Gauge);

impl Open {
    fn begin() -> Self {
        let gauge = metrics::gauge!(names::HTTP_REQUESTS_OPEN);
        gauge.increment(1.0);
        Self(gauge)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

/// A method is the client's text: only the known ones become labels.
fn method_label(method: &axum::http::Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        _ => "other",
    }
}
