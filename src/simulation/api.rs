//! The REST side of the public API as a phone sees it, and the two pages of the sandbox that a phone needs: its SMS.
//!
//! Separate from the people who call: here is how to ask, what a refusal is, and when asking again makes sense. A call
//! without an answer may have happened; every command of the API may be sent again, so it is.

use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::geo::{Area, LatLng};
use crate::phone::Phone;
use crate::simulation::backoff::Backoff;

/// Longest wait for one answer.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// Tries of a call that is worth repeating.
const TRIES_MAX: u32 = 6;
/// Longest pause that a refusal may ask for before the call is given up instead.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(20);
/// SMS looked at.
const TEXTS_MAX: u32 = 5;

/// Why a call brought nothing.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The server said no.
    #[error("refused with {status} {code}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Stable code of the body; empty when there was none.
        code: String,
        /// How long the server asks to wait.
        retry_after: Option<Duration>,
    },
    /// Nothing came back.
    #[error("no answer")]
    Unanswered(#[source] reqwest::Error),
    /// What came back is not what the API promises.
    #[error("the answer cannot be read")]
    Unreadable(#[source] serde_json::Error),
    /// No SMS with a code came in time.
    #[error("no SMS with a code came")]
    NoText,
    /// The secret of the second factor makes no codes.
    #[error("the secret of the second factor is not in base32")]
    NoCode,
}

impl Failure {
    /// The stable code of a refusal; empty for the other kinds.
    pub fn code(&self) -> &str {
        match self {
            Self::Refused { code, .. } => code,
            Self::Unanswered(_) | Self::Unreadable(_) | Self::NoText | Self::NoCode => "",
        }
    }

    /// Whether the server answered with this HTTP status.
    pub fn is_status(&self, wanted: u16) -> bool {
        matches!(self, Self::Refused { status, .. } if *status == wanted)
    }

    /// The pause that the server asks for at least, if asking again may go better.
    pub fn pause_min(&self) -> Option<Duration> {
        match self {
            Self::Unanswered(_) => Some(Duration::ZERO),
            Self::Refused { status: 429 | 500..=599, retry_after, .. } => Some(retry_after.unwrap_or_default()),
            Self::Refused { .. } | Self::Unreadable(_) | Self::NoText | Self::NoCode => None,
        }
    }
}

/// One request.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    method: Method,
    path: &'a str,
    token: Option<&'a str>,
    key: Option<&'a str>,
    body: Option<&'a Value>,
}

impl<'a> Call<'a> {
    /// A question.
    pub fn get(path: &'a str) -> Self {
        Self { method: Method::GET, path, token: None, key: None, body: None }
    }

    /// A command.
    pub fn post(path: &'a str, body: &'a Value) -> Self {
        Self { method: Method::POST, body: Some(body), ..Self::get(path) }
    }

    /// A command that sets something.
    pub fn put(path: &'a str, body: &'a Value) -> Self {
        Self { method: Method::PUT, ..Self::post(path, body) }
    }

    /// As whom.
    #[must_use]
    pub fn with_token(self, token: &'a str) -> Self {
        Self { token: Some(token), ..self }
    }

    /// With an idempotency key.
    #[must_use]
    pub fn with_key(self, key: &'a str) -> Self {
        Self { key: Some(key), ..self }
    }
}

/// What `GET /api/v1/server` says, as far as it matters here.
#[derive(Debug, Deserialize)]
pub struct Server {
    /// Where the stand-ins of the outside world are.
    pub sandbox_url: Option<String>,
    service_area: Corners,
}

#[derive(Debug, Deserialize)]
struct Corners {
    lat_min: f64,
    lat_max: f64,
    lng_min: f64,
    lng_max: f64,
}

impl Server {
    /// Where rides are possible.
    pub fn area(&self) -> Option<Area> {
        let Corners { lat_min, lat_max, lng_min, lng_max } = self.service_area;
        Area::new(LatLng::new(lat_min, lng_min).ok()?, LatLng::new(lat_max, lng_max).ok()?).ok()
    }
}

/// An SMS as the sandbox shows it.
#[derive(Debug, Deserialize)]
pub struct Text {
    /// Tells it from others; a number or a text.
    pub id: Value,
    text: String,
}

impl Text {
    /// The six digits in it.
    pub fn code(&self) -> Option<&str> {
        self.text.split(|c: char| !c.is_ascii_digit()).find(|digits| digits.len() == 6)
    }
}

#[derive(Deserialize)]
struct Items<T> {
    items: Vec<T>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Refusal {
    code: String,
}

/// The way to the server.
#[derive(Debug)]
pub struct Api {
    http: Client,
    base: String,
    /// `host:port`, for sockets.
    pub authority: String,
}

impl Api {
    /// For a server at `http://HOST:PORT`. `None` when the address is not of that form.
    pub fn new(target: &str) -> Option<Self> {
        let authority = target.trim_end_matches('/').strip_prefix("http://")?;
        let is_plain = !authority.is_empty() && !authority.contains(['/', '?', '#', '@']);
        // The client is for plain HTTP; it refuses to be built without a TLS configuration all the same.
        let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().ok()?;
        let tls = tls.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth();
        let http = Client::builder()
            .tls_backend_preconfigured(tls)
            .timeout(ANSWER_MAX)
            .connect_timeout(Duration::from_secs(5))
            .pool_idle_timeout(Duration::from_secs(20))
            .no_proxy()
            .build()
            .ok()?;
        is_plain.then(|| Self { http, base: format!("http://{authority}"), authority: authority.to_owned() })
    }

    /// Asks once.
    pub async fn once<T: DeserializeOwned>(&self, call: &Call<'_>) -> Result<T, Failure> {
        let mut request = self.http.request(call.method.clone(), format!("{}/api/v1{}", self.base, call.path));
        if let Some(token) = call.token {
            request = request.bearer_auth(token);
        }
        if let Some(key) = call.key {
            request = request.header("idempotency-key", key);
        }
        if let Some(body) = call.body {
            request = request.json(body);
        }
        answered(request).await
    }

    /// Asks until there is an answer, a few times.
    pub async fn call<T: DeserializeOwned>(&self, call: &Call<'_>) -> Result<T, Failure> {
        let mut backoff = Backoff::new();
        for _ in 1..TRIES_MAX {
            match self.once(call).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => match failure.pause_min() {
                    Some(pause_min) if pause_min <= RETRY_AFTER_MAX => {
                        tracing::debug!(path = call.path, error = %failure, "a simulated phone asks again");
                        let pause = backoff.pause(&mut rand::rng()).max(pause_min);
                        tokio::time::sleep(pause).await;
                    }
                    _ => return Err(failure),
                },
            }
        }
        self.once(call).await
    }

    /// Who the server is.
    pub async fn server(&self) -> Result<Server, Failure> {
        self.call(&Call::get("/server")).await
    }

    /// The newest SMS to a telephone, newest first.
    pub async fn texts(&self, sandbox: &str, phone: &Phone) -> Result<Vec<Text>, Failure> {
        let query = [("to", phone.as_str()), ("limit", &TEXTS_MAX.to_string())];
        let request = self.http.get(format!("{}/_sim/sms", sandbox.trim_end_matches('/'))).query(&query);
        answered::<Items<Text>>(request).await.map(|texts| texts.items)
    }
}

async fn answered<T: DeserializeOwned>(request: RequestBuilder) -> Result<T, Failure> {
    let response = request.send().await.map_err(Failure::Unanswered)?;
    let status = response.status();
    let retry_after = response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
    let body = response.bytes().await.map_err(Failure::Unanswered)?;
    if !status.is_success() {
        let Refusal { code } = serde_json::from_slice(&body).unwrap_or_default();
        let retry_after = retry_after.map(Duration::from_secs);
        return Err(Failure::Refused { status: status.as_u16(), code, retry_after });
    }
    let body: &[u8] = if body.is_empty() { b"null" } else { &body };
    serde_json::from_slice(body).map_err(Failure::Unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_http_address_is_taken() {
        let authority = |target| Api::new(target).map(|api| api.authority);
        assert_eq!(authority("http://127.0.0.1:8080").as_deref(), Some("127.0.0.1:8080"));
        assert_eq!(authority("http://localhost:8080/").as_deref(), Some("localhost:8080"));
        for refused in ["https://boda.example", "127.0.0.1:8080", "http://", "http://a/b", "http://a@b"] {
            assert_eq!(authority(refused), None, "{refused}");
        }
    }

    #[test]
    fn the_code_is_found_in_any_language() {
        let text = |text: &str| Text { id: Value::Null, text: text.to_owned() };
        assert_eq!(text("Kode yawe ni 048213. Irangira mu minota 10.").code(), Some("048213"));
        assert_eq!(text("123456").code(), Some("123456"));
        assert_eq!(text("Plate RC123B, 1438 francs, +250788123456").code(), None);
    }

    #[test]
    fn asking_again_is_for_no_answer_and_for_not_now() {
        let refused =
            |status| Failure::Refused { status, code: String::new(), retry_after: Some(Duration::from_secs(3)) };
        assert_eq!(refused(503).pause_min(), Some(Duration::from_secs(3)));
        assert_eq!(refused(429).pause_min(), Some(Duration::from_secs(3)));
        assert_eq!(refused(409).pause_min(), None);
        assert_eq!(refused(401).pause_min(), None);
    }
}
