//! Calls a service's routes as a client would, without a socket: through the real extractors and the real error mapping.
//!
//! Separate from the whole app's black-box tests because it lets a service prove its own doors (who may enter, what a
//! wrong field answers) beside its code. Built for tests only.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use axum::{Extension, Router};
use ring::signature::Ed25519KeyPair;
use serde_json::Value;
use tower::Service;
use utoipa_axum::router::OpenApiRouter;
use uuid::Uuid;

use crate::clock;
use crate::ids::{SessionId, UserId};
use crate::time::Span;
use crate::web::{Caller, Grant, Role, SecondFactor, TokenKeys};

const BODY_BYTES_MAX: usize = 1 << 20;

/// A client of some routes.
pub struct Probe {
    router: Router,
    keys: Arc<TokenKeys>,
}

impl Probe {
    /// A client of these routes, with keys of its own.
    pub fn new<S: Clone + Send + Sync + 'static>(routes: OpenApiRouter<S>, service: S) -> Self {
        let document = Ed25519KeyPair::generate_pkcs8(&ring::rand::SystemRandom::new()).expect("there is randomness");
        let keys = TokenKeys::new(&[("probe".to_owned(), document.as_ref().to_vec())], Span::from_minutes(5));
        let keys = Arc::new(keys.expect("a fresh key is valid"));
        let (router, _) = routes.with_state(service).split_for_parts();
        Self { router: router.layer(Extension(Arc::clone(&keys))), keys }
    }

    /// `GET path`; nobody is signed in when `who` is `None`.
    pub async fn get(&self, who: Option<(UserId, Role)>, path: &str) -> (StatusCode, Value) {
        self.send(who, Request::get(path), Body::empty()).await
    }

    /// `GET path` with a header.
    pub async fn get_with(
        &self,
        who: Option<(UserId, Role)>,
        path: &str,
        (name, value): (&str, &str),
    ) -> (StatusCode, Value) {
        self.send(who, Request::get(path).header(name, value), Body::empty()).await
    }

    /// `POST path` with a JSON body.
    pub async fn post(&self, who: Option<(UserId, Role)>, path: &str, body: &Value) -> (StatusCode, Value) {
        let request = Request::post(path).header(header::CONTENT_TYPE, "application/json");
        self.send(who, request, Body::from(body.to_string())).await
    }

    /// `DELETE path`.
    pub async fn delete(&self, who: Option<(UserId, Role)>, path: &str) -> (StatusCode, Value) {
        self.send(who, Request::delete(path), Body::empty()).await
    }

    async fn send(
        &self,
        who: Option<(UserId, Role)>,
        request: axum::http::request::Builder,
        body: Body,
    ) -> (StatusCode, Value) {
        let request = match who {
            Some((user, role)) => {
                let caller = Caller { user, role, session: SessionId(Uuid::nil()) };
                let grant = Grant { caller, second_factor: SecondFactor::Given };
                let token = self.keys.issue(&grant, clock::now()).expect("signs");
                request.header(header::AUTHORIZATION, format!("Bearer {token}"))
            }
            None => request,
        };
        let request = request.body(body).expect("a well-formed request");
        let response = self.router.clone().call(request).await.expect("a router answers everything");
        let status = response.status();
        let bytes = to_bytes(response.into_body(), BODY_BYTES_MAX).await.expect("a short body");
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }
}
