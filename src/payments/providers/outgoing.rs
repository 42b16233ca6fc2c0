//! The one client through which providers are called.
//!
//! Separate because what is safe is decided once, here: https only (http to this machine only), no redirects, no proxy of
//! the environment, no repetition behind our back, a bound on time and on bytes, and an answer is JSON only when it says so.
//!
//! Invariant: a call that may have reached the provider is never [`Fault::NotSent`].

use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::{Method, StatusCode, Url};
use serde_json::Value;

use super::{Reason, Refusal, Standing, Submitted, Trouble};
use crate::time::Span;

/// Largest answer that is read.
pub const ANSWER_BYTES_MAX: usize = 256 * 1024;

/// Longest wait that a provider can ask of us.
const WAIT_MAX: Span = Span::from_minutes(60);

/// Default names of HTTP libraries are turned away by some firewalls.
const USER_AGENT: &str = concat!("boda/", env!("CARGO_PKG_VERSION"));

/// How long a call may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Until the connection stands.
    pub connect: Span,
    /// Until the answer was read.
    pub total: Span,
}

/// A client.
#[derive(Clone, Debug)]
pub struct Outgoing {
    http: reqwest::Client,
    is_rehearsal: bool,
}

/// One call.
pub struct Call {
    /// How.
    pub method: Method,
    /// Where, with the path.
    pub url: String,
    /// Besides those that every call has. May hold secrets.
    pub headers: Vec<(&'static str, String)>,
    /// JSON, as it goes out.
    pub body: Option<Vec<u8>>,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status line.
    pub status: StatusCode,
    /// Whether it says that it is JSON.
    pub is_json: bool,
    /// The bytes.
    pub body: Vec<u8>,
    /// What it asks us to wait, by its header or in words.
    pub retry_after: Option<Span>,
}

/// Nothing came back that says what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It certainly did not take effect.
    NotSent {
        /// Kinds of fault only.
        reason: &'static str,
        /// What we are asked to wait.
        retry_after: Option<Span>,
        /// Whether it speaks of the provider's health.
        is_trouble: bool,
    },
    /// It may have taken effect.
    Lost(&'static str),
    /// Our credentials are refused; it did not take effect.
    Denied(&'static str),
}

impl Fault {
    /// Not sent, and the provider is to blame.
    pub const fn away(reason: &'static str) -> Self {
        Self::NotSent { reason, retry_after: None, is_trouble: true }
    }

    /// What became of an order.
    pub fn submitted(self) -> Submitted {
        match self {
            Self::NotSent { reason, retry_after, is_trouble } => Submitted::NotSent { reason, retry_after, is_trouble },
            Self::Lost(reason) => Submitted::Unknown { reason },
            Self::Denied(code) => refused(Reason::Misconfigured, code),
        }
    }

    /// How an order stands: nobody knows.
    pub fn standing(self) -> Standing {
        match self {
            Self::NotSent { reason, retry_after, is_trouble } => Standing::Unknown { reason, retry_after, is_trouble },
            Self::Lost(reason) | Self::Denied(reason) => unknown(reason, true),
        }
    }
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::NotSent { reason, .. } | Fault::Lost(reason) | Fault::Denied(reason) => Self::Away(reason),
        }
    }
}

/// A final "no".
pub fn refused(reason: Reason, code: impl Into<String>) -> Submitted {
    Submitted::Refused(Refusal { reason, code: code.into() })
}

/// No answer that was understood.
pub const fn unknown(reason: &'static str, is_trouble: bool) -> Standing {
    Standing::Unknown { reason, retry_after: None, is_trouble }
}

impl Outgoing {
    /// A client; in a rehearsal it calls nobody but this machine.
    ///
    /// # Errors
    /// When the TLS library cannot be set up.
    pub fn new(limits: Limits, is_rehearsal: bool) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .connect_timeout(limits.connect.to_duration())
            .timeout(limits.total.to_duration())
            .build()?;
        Ok(Self { http, is_rehearsal })
    }

    /// Sends, and reads all of the answer.
    ///
    /// # Errors
    /// [`Fault`] when there is none.
    pub async fn send(&self, call: Call) -> Result<Reply, Fault> {
        if !may_call(&call.url, self.is_rehearsal) {
            return Err(Fault::NotSent {
                reason: "the address may not be called",
                retry_after: None,
                is_trouble: false,
            });
        }
        let mut request = self.http.request(call.method, call.url).header(ACCEPT, "*/*");
        for (name, value) in call.headers {
            request = request.header(name, value);
        }
        if let Some(body) = call.body {
            request = request.header(CONTENT_TYPE, "application/json").body(body);
        }
        let mut response = request.send().await.map_err(|error| fault_of(&error))?;
        let status = response.status();
        let is_json = says_json(response.headers());
        let asked = wait_in_header(response.headers());
        let mut body = Vec::new();
        loop {
            match response.chunk().await {
                Ok(None) => break,
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Err(_) => return Err(Fault::Lost("the answer broke off")),
            }
            if body.len() > ANSWER_BYTES_MAX {
                return Err(Fault::Lost("the answer is too large"));
            }
        }
        let retry_after =
            asked.or_else(|| if status == StatusCode::TOO_MANY_REQUESTS { wait_in_words(&body) } else { None });
        Ok(Reply { status, is_json, body, retry_after })
    }
}

impl Reply {
    /// The JSON in it; `None` when it does not say so, or lies.
    pub fn json(&self) -> Option<Value> {
        if self.is_json { serde_json::from_slice(&self.body).ok() } else { None }
    }

    /// Whether nothing but blanks came.
    pub fn is_empty(&self) -> bool {
        self.body.iter().all(u8::is_ascii_whitespace)
    }
}

fn fault_of(error: &reqwest::Error) -> Fault {
    if error.is_builder() {
        return Fault::NotSent { reason: "the request cannot be written", retry_after: None, is_trouble: false };
    }
    // Name, connection and TLS: the request itself was not written yet.
    if error.is_connect() {
        return Fault::away("no connection");
    }
    if error.is_timeout() { Fault::Lost("no answer in time") } else { Fault::Lost("the connection broke") }
}

/// Whether keys and numbers are safe on their way there.
pub fn may_call(url: &str, only_here: bool) -> bool {
    let Ok(url) = Url::parse(url) else { return false };
    let is_here = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    let is_safe = url.scheme() == "https" || (url.scheme() == "http" && is_here);
    is_safe && url.username().is_empty() && url.password().is_none() && (is_here || !only_here)
}

/// Whether this is a base URL on this machine.
pub fn is_here(url: &str) -> bool {
    may_call(url, true)
}

fn says_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || kind == "text/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}

fn wait_in_header(headers: &HeaderMap) -> Option<Span> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(bounded)
}

/// "Rate limit is exceeded. Try again in 12 seconds."
fn wait_in_words(body: &[u8]) -> Option<Span> {
    let text = std::str::from_utf8(body).ok()?;
    let before = text.get(..text.find(" second")?)?;
    before.rsplit(' ').next()?.parse().ok().map(bounded)
}

fn bounded(seconds: u32) -> Span {
    Span::from_secs(i64::from(seconds)).min(WAIT_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_and_this_machine_are_called() {
        for (url, anywhere, here) in [
            ("https://proxy.momoapi.mtn.com/x", true, false),
            ("http://proxy.momoapi.mtn.com/x", false, false),
            ("http://127.0.0.1:9/x", true, true),
            ("http://[::1]:9/x", true, true),
            ("http://127.0.0.1.example.rw/x", false, false),
            ("http://localhost@evil.example/x", false, false),
            ("https://user:pw@momo.example/x", false, false),
            ("ftp://127.0.0.1/x", false, false),
            ("", false, false),
        ] {
            assert_eq!((may_call(url, false), may_call(url, true)), (anywhere, here), "{url}");
        }
    }

    #[test]
    fn a_wait_is_read_from_words_and_bounded() {
        let words = |text: &str| wait_in_words(text.as_bytes());
        let apim = r#"{"statusCode":429,"message":"Rate limit is exceeded. Try again in 12 seconds."}"#;
        assert_eq!(words(apim), Some(Span::from_secs(12)));
        assert_eq!(words("Try again in 1 second."), Some(Span::from_secs(1)));
        assert_eq!(words("Try again in 4000000000 seconds"), Some(WAIT_MAX));
        for nonsense in ["", "seconds", "in -3 seconds", "in many seconds", "in 99999999999999 seconds"] {
            assert_eq!(words(nonsense), None, "{nonsense}");
        }
    }
}
