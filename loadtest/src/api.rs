//! The REST side of the public API: one HTTP client for everybody, and the rule for answers that do not come.
//!
//! A phone that got no answer does not know whether its command happened, so it asks again until it is told. That is
//! safe because every command of the API is idempotent. A refusal with a code is an answer and is never retried,
//! except "not now" (429, 503).

use std::sync::Arc;
use std::time::Duration;

use rand::Rng;
use reqwest::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::RwLock;
use tokio::time::Instant;

use crate::tally::Tally;
use crate::world::Area;

/// Longest wait for one answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// A command without an answer is repeated this long before it is given up.
const PERSIST_FOR: Duration = Duration::from_secs(60);
/// First pause between tries; doubles up to `PAUSE_MAX`.
const PAUSE_FIRST: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Whether the server is expected to be away now and then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outages {
    /// Somebody kills it on purpose: lost connections are part of the plan.
    Planned,
    /// Every lost connection is an error.
    Unexpected,
}

/// Why a call brought nothing.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The server said no.
    #[error("{path}: {status} {code}: {message}")]
    Refused {
        /// What was called.
        path: String,
        /// HTTP status.
        status: u16,
        /// Stable code of the body; empty when there was none.
        code: String,
        /// Text for people.
        message: String,
        /// Seconds the server asks to wait.
        retry_after_s: Option<u64>,
    },
    /// No answer.
    #[error("{path}: no answer: {reason}")]
    Unanswered {
        /// What was called.
        path: String,
        /// What the client library saw.
        reason: String,
    },
    /// An answer that is not what the API promises.
    #[error("{path}: answer is not as documented: {reason}")]
    Malformed {
        /// What was called.
        path: String,
        /// What is wrong.
        reason: String,
    },
}

impl Failure {
    /// The stable code of a refusal, or a name for the other kinds.
    pub fn code(&self) -> &str {
        match self {
            Self::Refused { code, .. } if !code.is_empty() => code,
            Self::Refused { .. } => "no_code",
            Self::Unanswered { .. } => "unanswered",
            Self::Malformed { .. } => "malformed",
        }
    }

    /// True when the server answered with this HTTP status.
    pub fn is_status(&self, wanted: u16) -> bool {
        matches!(self, Self::Refused { status, .. } if *status == wanted)
    }

    /// How long to wait before the same call may go better; none when it will not.
    fn worth_repeating(&self) -> Option<Duration> {
        match self {
            Self::Unanswered { .. } => Some(Duration::ZERO),
            Self::Refused { status: 429 | 503, retry_after_s, .. } => {
                Some(Duration::from_secs(retry_after_s.unwrap_or(0).min(30)))
            }
            Self::Refused { status: 500..=599, .. } => Some(Duration::ZERO),
            _ => None,
        }
    }
}

/// One request.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    /// HTTP method.
    pub method: Method,
    /// Path under `/api/v1`, with its query.
    pub path: &'a str,
    /// Access token of the caller.
    pub token: Option<&'a str>,
    /// Idempotency key.
    pub key: Option<&'a str>,
    /// JSON body.
    pub body: Option<&'a Value>,
}

impl<'a> Call<'a> {
    /// A request without token, key or body.
    pub fn new(method: Method, path: &'a str) -> Self {
        Self { method, path, token: None, key: None, body: None }
    }
}

/// A successful answer.
#[derive(Debug)]
pub struct Answer<T> {
    /// HTTP status, 200..=299.
    pub status: u16,
    /// The decoded body.
    pub body: T,
}

/// What `GET /api/v1/server` says.
#[derive(Clone, Debug, Deserialize)]
pub struct ServerInfo {
    /// Version of the engine.
    pub version: String,
    /// RFC 3339.
    pub server_time: String,
    /// Where the stand-ins of the outside world listen.
    pub sandbox_url: Option<String>,
    /// The rectangle rides may lie in.
    pub service_area: Area,
}

#[derive(Deserialize, Default)]
struct Refusal {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    faults: Vec<Value>,
}

#[derive(Deserialize)]
struct Inbox {
    items: Vec<Sms>,
}

#[derive(Deserialize)]
struct Sms {
    text: String,
}

/// The HTTP client of all people in this process. One connection pool, kept alive.
#[derive(Debug)]
pub struct Api {
    address: String,
    http: reqwest::Client,
    outages: Outages,
    sandbox: RwLock<Option<String>>,
    /// Every answer that was not a success, by code.
    pub refusals: Arc<Tally>,
    /// What should not have happened, by kind.
    pub errors: Arc<Tally>,
}

impl Api {
    /// A client of the server at `host:port`.
    pub fn new(address: String, outages: Outages) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder()
            .timeout(ANSWER_TIMEOUT)
            .connect_timeout(Duration::from_secs(5))
            .pool_idle_timeout(Duration::from_secs(20))
            .tcp_nodelay(true)
            .no_proxy()
            .build()?;
        let (refusals, errors) = (Arc::default(), Arc::default());
        Ok(Self { address, http, outages, sandbox: RwLock::new(None), refusals, errors })
    }

    /// `host:port` of the server.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Whether lost connections are part of the plan.
    pub fn outages(&self) -> Outages {
        self.outages
    }

    /// Who the server is.
    pub async fn server(&self) -> Result<ServerInfo, Failure> {
        let info: ServerInfo = self.answered(&Call::new(Method::GET, "/server")).await?.body;
        *self.sandbox.write().await = info.sandbox_url.clone();
        Ok(info)
    }

    /// Texts sent to a phone, newest first, as the sandbox of the server recorded them.
    pub async fn texts_to(&self, phone: &str) -> Result<Vec<String>, Failure> {
        let known = self.sandbox.read().await.clone();
        let sandbox = match known {
            Some(url) => Some(url),
            None => self.server().await?.sandbox_url,
        };
        let path = format!("/_sim/sms?to={}&limit=20", phone.replace('+', "%2B"));
        let Some(sandbox) = sandbox else {
            let reason = "the server runs without --sandbox, so nobody can read its SMS codes".to_owned();
            return Err(Failure::Unanswered { path: "/_sim/sms".to_owned(), reason });
        };
        let request = self.http.get(format!("{}{path}", sandbox.trim_end_matches('/')));
        let inbox = self.decoded::<Inbox>(request, "/_sim/sms").await;
        if inbox.is_err() {
            // A restarted server may have its sandbox on another port: ask again next time.
            *self.sandbox.write().await = None;
        }
        Ok(inbox?.1.items.into_iter().map(|sms| sms.text).collect())
    }

    /// Sends a call once.
    pub async fn once<T: DeserializeOwned>(&self, call: &Call<'_>) -> Result<Answer<T>, Failure> {
        let mut request =
            self.http.request(call.method.clone(), format!("http://{}/api/v1{}", self.address, call.path));
        if let Some(token) = call.token {
            request = request.bearer_auth(token);
        }
        if let Some(key) = call.key {
            request = request.header("idempotency-key", key);
        }
        if let Some(body) = call.body {
            request = request.json(body);
        }
        let (status, body) = self.decoded(request, call.path).await.inspect_err(|failure| self.note(failure))?;
        Ok(Answer { status, body })
    }

    /// Sends a call until the server has answered it, for at most a minute.
    pub async fn answered<T: DeserializeOwned>(&self, call: &Call<'_>) -> Result<Answer<T>, Failure> {
        let give_up = Instant::now() + PERSIST_FOR;
        let mut pause = PAUSE_FIRST;
        loop {
            let failure = match self.once(call).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            let Some(asked) = failure.worth_repeating() else { return Err(failure) };
            let wait = asked.max(pause).mul_f64(rand::rng().random_range(0.5..1.5));
            if Instant::now() + wait > give_up {
                return Err(failure);
            }
            tokio::time::sleep(wait).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    async fn decoded<T: DeserializeOwned>(
        &self,
        request: reqwest::RequestBuilder,
        path: &str,
    ) -> Result<(u16, T), Failure> {
        let unanswered = |err: reqwest::Error| Failure::Unanswered { path: path.to_owned(), reason: chain(&err) };
        let response = request.send().await.map_err(unanswered)?;
        let status = response.status().as_u16();
        let retry_after_s = response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
        let body = response.bytes().await.map_err(unanswered)?;
        if !(200..300).contains(&status) {
            let refusal: Refusal = serde_json::from_slice(&body).unwrap_or_default();
            let mut message = refusal.message;
            for fault in &refusal.faults {
                message.push_str(&format!(" {fault}"));
            }
            return Err(Failure::Refused { path: path.to_owned(), status, code: refusal.code, message, retry_after_s });
        }
        let text: &[u8] = if body.is_empty() { b"null" } else { &body };
        let decoded = serde_json::from_slice(text);
        let malformed = |err: serde_json::Error| Failure::Malformed { path: path.to_owned(), reason: err.to_string() };
        Ok((status, decoded.map_err(malformed)?))
    }

    /// Counts a failure, and counts it as an error unless it belongs to a planned outage or is an ordinary refusal.
    fn note(&self, failure: &Failure) {
        self.refusals.add(failure.code());
        let unexpected = match failure {
            Failure::Malformed { .. } => true,
            Failure::Unanswered { .. } | Failure::Refused { status: 502..=504, .. } => {
                self.outages == Outages::Unexpected
            }
            Failure::Refused { status, .. } => *status >= 500,
        };
        if unexpected {
            self.errors.add(&format!("http {}", failure.code()));
        }
    }
}

/// The whole story of an error on one line; the library's own text stops at "error sending request".
fn chain(err: &dyn std::error::Error) -> String {
    let mut text = err.to_string();
    let mut source = err.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16) -> Failure {
        let (path, code, message) = ("/rides".to_owned(), "x".to_owned(), String::new());
        Failure::Refused { path, status, code, message, retry_after_s: Some(2) }
    }

    #[test]
    fn only_silence_and_not_now_are_repeated() {
        let silence = Failure::Unanswered { path: String::new(), reason: String::new() };
        assert_eq!(silence.worth_repeating(), Some(Duration::ZERO));
        assert_eq!(refused(503).worth_repeating(), Some(Duration::from_secs(2)));
        assert_eq!(refused(500).worth_repeating(), Some(Duration::ZERO));
        for status in [400, 401, 403, 404, 409, 422] {
            assert_eq!(refused(status).worth_repeating(), None, "{status}");
        }
    }

    #[test]
    fn an_outage_is_an_error_only_when_nobody_planned_it() {
        for (outages, expected) in [(Outages::Planned, 0), (Outages::Unexpected, 1)] {
            let _ = rustls::crypto::ring::default_provider().install_default();
            let api = Api::new("127.0.0.1:1".to_owned(), outages).expect("a client can be built");
            api.note(&Failure::Unanswered { path: String::new(), reason: String::new() });
            api.note(&refused(409));
            assert_eq!((api.refusals.total(), api.errors.total()), (2, expected));
            api.note(&refused(500));
            assert_eq!(api.errors.total(), expected + 1);
        }
    }
}
