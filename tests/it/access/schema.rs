//! The served description, and whether an answer is as it says: status, and the shape of the body.
//!
//! The part of JSON Schema that our description uses; a keyword that is not known here is passed by.

use serde_json::Value;

use crate::api::{Answer, Api};
use crate::house::House;

/// The served OpenAPI document.
pub struct Description {
    document: Value,
}

impl Description {
    /// Asks for it.
    pub async fn of(house: &House) -> Self {
        Self { document: Api::outside(house.url()).get("/api/openapi.json").await.expect(200) }
    }

    /// Methods and paths without the API's prefix; the socket is described elsewhere.
    pub fn operations(&self) -> impl Iterator<Item = (&str, &str)> {
        let paths = self.document["paths"].as_object().expect("an object");
        paths.iter().flat_map(|(path, methods)| {
            let path = path.strip_prefix("/api/v1").unwrap_or(path);
            methods.as_object().expect("an object").keys().map(move |method| (method.as_str(), path))
        })
    }

    fn operation(&self, method: &str, path: &str) -> &Value {
        &self.document["paths"][format!("/api/v1{path}")][method.to_lowercase()]
    }

    /// Whether a route takes a body.
    pub fn takes_body(&self, method: &str, path: &str) -> bool {
        self.operation(method, path)["requestBody"].is_object()
    }

    /// Follows a `$ref`.
    fn resolved<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(place) => self.document.pointer(place.trim_start_matches('#')).expect("it leads somewhere"),
            None => value,
        }
    }

    /// Holds an answer against what is said of it.
    pub fn check(&self, method: &str, path: &str, answer: &Answer) -> Result<(), String> {
        let told = &self.operation(method, path)["responses"][answer.status.to_string()];
        if !told.is_object() {
            return Err(format!("status {} is not described", answer.status));
        }
        let schema = &self.resolved(told)["content"]["application/json"]["schema"];
        if !schema.is_object() || answer.status == 204 {
            let is_empty =
                answer.text.is_empty() || !answer.header("content-type").is_some_and(|kind| kind.contains("json"));
            return if is_empty { Ok(()) } else { Err("a body that is not described".to_owned()) };
        }
        self.fits(schema, &answer.json())
    }

    /// Whether a value is of a schema; what is wrong, with its place.
    fn fits(&self, schema: &Value, value: &Value) -> Result<(), String> {
        let schema = self.resolved(schema);
        self.type_fits(schema, value)?;
        if let Some(words) = schema["enum"].as_array()
            && !words.contains(value)
        {
            return Err(format!("{value} is not one of {words:?}"));
        }
        for all in schema["allOf"].as_array().into_iter().flatten() {
            self.fits(all, value)?;
        }
        for (key, exactly_one) in [("oneOf", true), ("anyOf", false)] {
            if let Some(ways) = schema[key].as_array() {
                let fitting = ways.iter().filter(|way| self.fits(way, value).is_ok()).count();
                if fitting == 0 || exactly_one && fitting > 1 {
                    return Err(format!("{value} is of {fitting} of the {} ways of {key}", ways.len()));
                }
            }
        }
        if let Some(object) = value.as_object() {
            self.object_fits(schema, object)?;
        }
        if let (Some(items), Value::Object(_)) = (value.as_array(), &schema["items"]) {
            for (place, item) in items.iter().enumerate() {
                self.fits(&schema["items"], item).map_err(|fault| format!("[{place}] {fault}"))?;
            }
        }
        Ok(())
    }

    fn object_fits(&self, schema: &Value, object: &serde_json::Map<String, Value>) -> Result<(), String> {
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !object.contains_key(name) {
                return Err(format!("{name} is missing"));
            }
        }
        for (name, value) in object {
            let property = &schema["properties"][name];
            if property.is_object() {
                self.fits(property, value).map_err(|fault| format!("{name}: {fault}"))?;
            }
        }
        Ok(())
    }

    fn type_fits(&self, schema: &Value, value: &Value) -> Result<(), String> {
        let is_of = |name: &str| match name {
            "null" => value.is_null(),
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            "integer" => value.is_i64() || value.is_u64(),
            "number" => value.is_number(),
            "array" => value.is_array(),
            "object" => value.is_object(),
            _ => false,
        };
        let fits = match &schema["type"] {
            Value::String(name) => is_of(name),
            Value::Array(names) => names.iter().filter_map(Value::as_str).any(is_of),
            _ => true,
        };
        if fits { Ok(()) } else { Err(format!("{value} is not of the type {}", schema["type"])) }
    }
}
