//! One id for everything a request causes: its log lines, its answer, the jobs it leaves behind.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument;
use uuid::Uuid;

tokio::task_local! {
    static CURRENT: String;
}

/// The header that carries the id both ways.
pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");

const CHARS_MAX: usize = 64;

/// The id of the request this task works for.
pub struct RequestId;

impl RequestId {
    /// The current id, or a fresh one outside of any request.
    pub fn current() -> String {
        CURRENT.try_with(Clone::clone).unwrap_or_else(|_| fresh())
    }

    /// The current id, for handing on to a job.
    pub fn current_or_none() -> Option<String> {
        CURRENT.try_with(Clone::clone).ok()
    }

    /// Runs work of a socket or a job under an id.
    pub async fn scope<F: Future>(id: String, work: F) -> F::Output {
        CURRENT.scope(id, work).await
    }
}

fn fresh() -> String {
    Uuid::now_v7().simple().to_string()
}

/// A client's own id is kept when it is a plain token: it may be logged, so nothing else is let through.
fn acceptable(value: &HeaderValue) -> Option<String> {
    let text = value.to_str().ok()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    (!text.is_empty() && text.len() <= CHARS_MAX && text.chars().all(plain)).then(|| text.to_owned())
}

/// Middleware: takes or makes the id, opens the request's span, returns the id with the answer.
pub async fn assign_request_id(request: Request, next: Next) -> Response {
    let id = request.headers().get(HEADER).and_then(acceptable).unwrap_or_else(fresh);
    let span =
        tracing::info_span!("request", request_id = %id, method = %request.method(), route = tracing::field::Empty);
    let header = HeaderValue::from_str(&id).expect("checked or made of plain characters");
    let mut response = CURRENT.scope(id, next.run(request).instrument(span)).await;
    response.headers_mut().insert(HEADER, header);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_tokens_are_taken_from_the_client() {
        let check = |text: &str| HeaderValue::from_bytes(text.as_bytes()).ok().as_ref().and_then(acceptable);
        assert_eq!(check("abc-1.2_Z").as_deref(), Some("abc-1.2_Z"));
        for bad in ["", "a b", "a\tb", "<script>", &"x".repeat(65), "é"] {
            assert_eq!(check(bad), None, "{bad}");
        }
    }
}
