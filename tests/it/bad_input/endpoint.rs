//! An endpoint that reads a body, and what is known about its fields.

use reqwest::Method;
use serde_json::{Value, json};

use crate::api::{Answer, Api};
use crate::people::Person;

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    Number,
    Whole,
    List,
    Object,
}

/// An endpoint, somebody who may ask it, and a body that is in order.
pub struct Endpoint {
    pub api: Api,
    pub method: Method,
    pub path: String,
    pub body: Value,
    /// Fields (dotted) with what they hold, and whether they must be there.
    pub fields: Vec<(&'static str, Kind, bool)>,
    /// Values that are of the right type and still wrong.
    pub wrong: Vec<(&'static str, Value)>,
}

impl Endpoint {
    /// Asked by POST.
    pub fn post(person: &Person, path: impl Into<String>, body: Value) -> Self {
        Self::strange(&person.api, path, body)
    }

    /// Asked by POST, also by who has not signed in.
    pub fn strange(api: &Api, path: impl Into<String>, body: Value) -> Self {
        let (fields, wrong) = (Vec::new(), Vec::new());
        Self { api: api.clone(), method: Method::POST, path: path.into(), body, fields, wrong }
    }

    /// Asked by another method.
    pub fn by(self, method: Method) -> Self {
        Self { method, ..self }
    }

    /// Fields that must be there.
    pub fn must(mut self, kind: Kind, fields: &[&'static str]) -> Self {
        self.fields.extend(fields.iter().map(|field| (*field, kind, true)));
        self
    }

    /// Fields that may be left out.
    pub fn may(mut self, kind: Kind, fields: &[&'static str]) -> Self {
        self.fields.extend(fields.iter().map(|field| (*field, kind, false)));
        self
    }

    /// Values of a field that are refused.
    pub fn wrong(mut self, field: &'static str, values: impl IntoIterator<Item = Value>) -> Self {
        self.wrong.extend(values.into_iter().map(|value| (field, value)));
        self
    }

    /// A telephone number.
    pub fn phone(self) -> Self {
        let wrong = [json!("0751234567"), json!(""), json!("+1 555"), long()];
        self.must(Kind::Text, &["phone"]).wrong("phone", wrong)
    }

    /// Two coordinates in the service area.
    pub fn place(self, lat: &'static str, lng: &'static str) -> Self {
        let (lats, lngs) = ([91.2, -91.0, 48.85, -1e-308, 1e308], [180.1, -181.0, 2.35, 1e308]);
        self.must(Kind::Number, &[lat, lng]).wrong(lat, lats.map(Value::from)).wrong(lng, lngs.map(Value::from))
    }

    /// A text that is shown to others.
    pub fn name(self, field: &'static str) -> Self {
        self.wrong(field, [json!(""), json!("   "), json!("a\u{7}b"), json!("a\u{0}b"), long()])
    }

    /// Sends a body.
    pub async fn send(&self, body: &Value) -> Answer {
        self.api.send(self.method.clone(), &self.path, |request| request.json(body)).await
    }

    /// Sends something that says it is JSON.
    pub async fn send_text(&self, body: String) -> Answer {
        let form = |request: reqwest::RequestBuilder| request.header("content-type", "application/json").body(body);
        self.api.send(self.method.clone(), &self.path, form).await
    }
}

/// A text longer than any field takes.
pub fn long() -> Value {
    "x".repeat(10_000).into()
}

/// The body with one field changed, or taken away.
pub fn changed(body: &Value, field: &str, value: Option<Value>) -> Value {
    let mut body = body.clone();
    let (path, name) = field.rsplit_once('.').map_or(("", field), |(path, name)| (path, name));
    let pointer = if path.is_empty() { String::new() } else { format!("/{}", path.replace('.', "/")) };
    let object = body.pointer_mut(&pointer).and_then(Value::as_object_mut).expect("the field is in an object");
    match value {
        Some(value) => object.insert(name.to_owned(), value),
        None => object.remove(name),
    };
    body
}
