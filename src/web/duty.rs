//! The duty to leave a trace: who came in by a privileged door owes the audit log a record before the answer goes out.
//!
//! Separate because neither side can see to it alone: the extractor ([`super::caller`]) knows that a record is owed, the
//! audit log knows that one was written, and whether the one followed the other is known when the answer is there. Invariant:
//! a request of an admin, an official or an agent that succeeded without a record is answered 500 and logged as an error,
//! never with what it asked for. So a route whose record was forgotten does not work at all, and any test of it fails.
//!
//! What a request of theirs was *refused* (4xx) needs no record: it showed and changed nothing.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::{ConnectInfo, Request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::error::Error;
use crate::web::ApiError;

tokio::task_local! {
    static CURRENT: Arc<Duty>;
}

/// What the request this task works for owes.
#[derive(Debug, Default)]
pub struct Duty {
    client: Option<IpAddr>,
    is_owed: AtomicBool,
    is_done: AtomicBool,
}

impl Duty {
    /// From now on this request owes a record.
    pub(super) fn owe() {
        Self::with(|duty| duty.is_owed.store(true, Ordering::Relaxed));
    }

    /// A record was written. Said by the audit log.
    pub fn discharge() {
        Self::with(|duty| duty.is_done.store(true, Ordering::Relaxed));
    }

    /// Where the request came from, where that is known.
    pub fn client() -> Option<IpAddr> {
        CURRENT.try_with(|duty| duty.client).ok().flatten()
    }

    /// Outside of a request nothing is owed.
    fn with(work: impl FnOnce(&Self)) {
        let _ = CURRENT.try_with(|duty| work(duty));
    }

    fn is_open(&self) -> bool {
        self.is_owed.load(Ordering::Relaxed) && !self.is_done.load(Ordering::Relaxed)
    }
}

/// Middleware, the innermost: holds back the answer of a request that owes a record.
pub async fn hold_to_duty(request: Request, next: Next) -> Response {
    let client = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(address)| address.ip());
    let duty = Arc::new(Duty { client, ..Duty::default() });
    let response = CURRENT.scope(Arc::clone(&duty), next.run(request)).await;
    if duty.is_open() && response.status().is_success() {
        return ApiError::from(Error::internal("a privileged request succeeded and left no record in the audit log"))
            .into_response();
    }
    response
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::StatusCode;
    use axum::routing::get;
    use axum::{Router, middleware};
    use tower::ServiceExt as _;

    use super::*;

    #[tokio::test]
    async fn an_answer_is_held_back_until_a_record_is_written() {
        let router = Router::new()
            .route("/anybody", get(|| async { "shown" }))
            .route("/forgotten", get(|| async { Duty::owe() }))
            .route(
                "/recorded",
                get(|| async {
                    Duty::owe();
                    Duty::discharge();
                }),
            )
            .route(
                "/refused",
                get(|| async {
                    Duty::owe();
                    StatusCode::NOT_FOUND
                }),
            )
            .layer(middleware::from_fn(hold_to_duty));
        for (path, expected) in [("/anybody", 200), ("/forgotten", 500), ("/recorded", 200), ("/refused", 404)] {
            let request = Request::get(path).body(Body::empty()).expect("a request");
            let status = router.clone().oneshot(request).await.expect("an answer").status();
            assert_eq!(status.as_u16(), expected, "{path}");
        }
    }

    #[test]
    fn outside_of_a_request_nothing_is_owed() {
        Duty::owe();
        Duty::discharge();
        assert_eq!(Duty::client(), None);
    }
}
