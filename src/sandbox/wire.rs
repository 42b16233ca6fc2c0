//! A request and an answer, as values.
//!
//! Separate so that what a provider does is a plain function: what arrived in, what goes back out. Faults can then be laid
//! around it, and no framework decides about slashes, cases and content types, which are the provider's own.

use axum::http::{HeaderMap, Method};
use bytes::Bytes;
use serde_json::Value;

/// JSON, as providers label it.
pub const JSON: &str = "application/json;charset=UTF-8";
/// A page.
pub const HTML: &str = "text/html; charset=utf-8";

/// What arrived.
#[derive(Debug)]
pub struct Call {
    /// How it asks.
    pub method: Method,
    /// From the slash on, without the question mark.
    pub path: String,
    /// Behind the question mark.
    pub query: String,
    /// As sent.
    pub headers: HeaderMap,
    /// As sent.
    pub body: Bytes,
}

impl Call {
    /// A header, if it is there and is text. Of an empty one it says nothing either.
    pub fn header(&self, name: &str) -> Option<&str> {
        let value = self.headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
        value.filter(|value| !value.is_empty())
    }

    /// The parts of the path; a slash at the end or twice makes no part.
    pub fn segments(&self) -> Vec<&str> {
        self.path.split('/').filter(|segment| !segment.is_empty()).collect()
    }

    /// The body as a JSON object.
    pub fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok().filter(Value::is_object)
    }

    /// A field of the body as a form.
    pub fn form(&self, name: &str) -> Option<String> {
        let text = std::str::from_utf8(&self.body).ok()?;
        pairs(text).into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// A field of what stands behind the question mark.
    pub fn query(&self, name: &str) -> Option<String> {
        pairs(&self.query).into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// Whether the body calls itself a form.
    pub fn is_form(&self) -> bool {
        self.header("content-type").is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"))
    }

    /// The token, whatever the case of the word before it.
    pub fn bearer(&self) -> Option<&str> {
        let (scheme, token) = self.header("authorization")?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
    }
}

/// The fields of a form.
fn pairs(text: &str) -> Vec<(String, String)> {
    let url = reqwest::Url::parse(&format!("http://form/?{text}"));
    url.map(|url| url.query_pairs().map(|(key, value)| (key.into_owned(), value.into_owned())).collect())
        .unwrap_or_default()
}

/// What goes back.
#[derive(Clone, Debug)]
pub struct Reply {
    /// In HTTP.
    pub status: u16,
    /// None with an empty body.
    pub content_type: Option<&'static str>,
    /// Further headers.
    pub headers: Vec<(&'static str, String)>,
    /// As sent.
    pub body: Bytes,
}

impl Reply {
    /// Nothing but a status.
    pub fn empty(status: u16) -> Self {
        Self { status, content_type: None, headers: Vec::new(), body: Bytes::new() }
    }

    /// JSON.
    pub fn json(status: u16, body: &Value) -> Self {
        Self { status, content_type: Some(JSON), headers: Vec::new(), body: body.to_string().into() }
    }

    /// A page.
    pub fn html(status: u16, body: impl Into<Bytes>) -> Self {
        Self { status, content_type: Some(HTML), headers: Vec::new(), body: body.into() }
    }

    /// With one more header.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// The connection ends without an answer.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the connection is dropped on purpose")]
pub struct Dropped;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_read_as_leniently_as_the_wire_is_used() {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", "bearer  abc ".parse().expect("valid"));
        headers.insert("x-callback-url", "".parse().expect("valid"));
        let body = Bytes::from_static(b"login_hint=ID%3A250788000001%2FMSISDN&scope=profile");
        let call = Call { method: Method::POST, path: "/a//b/".into(), query: "type=COLL".into(), headers, body };
        assert_eq!(call.segments(), ["a", "b"]);
        assert_eq!(call.bearer(), Some("abc"));
        assert_eq!(call.header("x-callback-url"), None);
        assert_eq!(call.form("login_hint").as_deref(), Some("ID:250788000001/MSISDN"));
        assert_eq!(call.query("type").as_deref(), Some("COLL"));
        assert!(call.json().is_none());
    }
}
