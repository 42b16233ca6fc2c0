//! The REST API from a client's side, and what holds for every answer of it.

use reqwest::header::HeaderMap;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;

use crate::patience::PATIENCE;

const PREFIX: &str = "/api/v1";

/// A client, signed in or not.
#[derive(Clone, Debug)]
pub struct Api {
    http: Client,
    /// Scheme, host, port and prefix of what is asked.
    base: String,
    token: Option<String>,
    /// What officials say they ask for.
    purpose: Option<&'static str>,
    /// In which case.
    case: Option<&'static str>,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
    /// Method and path, for messages.
    question: String,
}

impl Api {
    /// Of a server at `url`, not signed in.
    pub fn new(url: &str) -> Self {
        Self { base: format!("{url}{PREFIX}"), ..Self::outside(url) }
    }

    /// Of something else that speaks HTTP and JSON.
    pub fn outside(url: &str) -> Self {
        // Only plain HTTP is spoken here, but the client wants to know how it would do otherwise.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = Client::builder().timeout(PATIENCE).no_proxy().build().expect("a client can be built");
        Self { http, base: url.to_owned(), token: None, purpose: Some("Test of the black box"), case: None }
    }

    /// The same client with an access token.
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// The same client that says another purpose, or none.
    pub fn asking(&self, purpose: Option<&'static str>, case: Option<&'static str>) -> Self {
        Self { purpose, case, ..self.clone() }
    }

    /// The access token.
    pub fn token(&self) -> &str {
        self.token.as_deref().expect("signed in")
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, |request| request).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, |request| request.json(body)).await
    }

    /// Of the commands that say everything in their address.
    pub async fn post_empty(&self, path: &str) -> Answer {
        self.send(Method::POST, path, |request| request).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PUT, path, |request| request.json(body)).await
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PATCH, path, |request| request.json(body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, |request| request).await
    }

    /// Books with an idempotency key.
    pub async fn book(&self, key: &str, body: &Value) -> Answer {
        self.send(Method::POST, "/rides", |request| request.header("idempotency-key", key).json(body)).await
    }

    /// Any request.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        form: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Answer {
        let question = format!("{method} {path}");
        let request = self.http.request(method, format!("{}{path}", self.base));
        let request = match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let is_inquiry = path.starts_with("/government");
        let said = [("x-purpose", self.purpose), ("x-case-number", self.case)];
        let said = said.into_iter().filter(|_| is_inquiry).filter_map(|(name, value)| Some((name, value?)));
        let request = said.fold(request, |request, (name, value)| request.header(name, value));
        let response =
            form(request).send().await.unwrap_or_else(|error| panic!("{question} was not answered: {error:?}"));
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.unwrap_or_else(|error| panic!("{question} was cut off: {error}"));
        let answer = Answer { status, headers, text, question };
        if self.base.ends_with(PREFIX) {
            answer.check();
        }
        answer
    }
}

impl Answer {
    /// What holds for every answer of the API.
    fn check(&self) {
        let id = self.header("x-request-id").unwrap_or_default();
        assert!(!id.is_empty(), "{self}: no request id");
        assert!(self.header("set-cookie").is_none(), "{self}: a cookie");
        assert_eq!(self.header("x-content-type-options"), Some("nosniff"), "{self}");
        assert!(self.header("cache-control").is_some_and(|word| word != "public"), "{self}: it may be kept");
        if self.status >= 400 {
            let body = self.json();
            for key in ["code", "message"] {
                assert!(body[key].as_str().is_some_and(|text| !text.is_empty()), "{self}: no {key}");
            }
            assert_eq!(body["request_id"], id, "{self}");
            assert!(body["faults"].is_array(), "{self}: no faults");
        }
        if matches!(self.status, 429 | 503) {
            let seconds = self.header("retry-after").and_then(|text| text.parse::<u32>().ok());
            assert!(seconds.is_some_and(|seconds| seconds > 0), "{self}: it does not say when to come back");
        }
    }

    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The body, which must be JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{self}: {error}"))
    }

    /// The body of an answer with this status; null where it is empty.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self}");
        if self.text.is_empty() { Value::Null } else { self.json() }
    }

    /// The body of a refusal with this status and code.
    #[track_caller]
    pub fn refused(&self, status: u16, code: &str) -> Value {
        let body = self.expect(status);
        assert_eq!(body["code"], code, "{self}");
        body
    }

    /// Whether the refusal names this field, itself, the object it is in, or something inside of it.
    pub fn blames(&self, field: &str) -> bool {
        let body = self.json();
        let faults = body["faults"].as_array().into_iter().flatten();
        let mut named = faults.filter_map(|fault| fault["field"].as_str());
        named.any(|named| named == field || field.starts_with(&format!("{named}.")) || named.starts_with(field))
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let body: String = self.text.chars().take(2_000).collect();
        write!(f, "{} → {} {body}", self.question, self.status)
    }
}
