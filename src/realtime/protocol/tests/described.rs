//! The AsyncAPI document against the code and against PROTOCOL.md: every message has an entry, every example fits its
//! schema, and a schema demands exactly the fields that the server demands.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::super::asyncapi::document;
use super::super::client::{PING_BYTES, decode};
use super::super::close::CloseCode;
use super::super::server::ServerMessage;
use super::{examples, ride_view_example, type_of};

/// The schemas of one direction's JSON messages, by the type they are for.
fn payloads(document: &Value, direction: &str) -> BTreeMap<String, Value> {
    let messages = document["components"]["messages"].as_object().expect("an object");
    let of_direction = messages.iter().filter_map(|(key, message)| {
        let name = key.strip_prefix(direction)?.strip_prefix('_')?;
        (!name.ends_with("_binary")).then(|| (name.to_owned(), message["payload"].clone()))
    });
    of_direction.collect()
}

fn examples_from_app() -> Vec<String> {
    let hellos = examples("## Authentication").into_iter().filter(|example| example.contains("\"hello\""));
    hellos.chain(examples("## From the app")).collect()
}

fn examples_to_app() -> Vec<String> {
    let ride = ride_view_example();
    let welcome = examples("## Authentication").into_iter().filter(|example| example.contains("\"welcome\""));
    let others = examples("## From the server").into_iter().map(|example| example.replace("{…}", &ride));
    welcome.chain(others).collect()
}

/// What of JSON Schema the document uses. Properties that the schema does not know are faults here.
struct Checker<'a> {
    schemas: &'a Value,
    faults: Vec<String>,
}

impl<'a> Checker<'a> {
    fn faults(document: &'a Value, schema: &'a Value, value: &Value) -> Vec<String> {
        let mut checker = Self { schemas: &document["components"]["schemas"], faults: Vec::new() };
        checker.check("", schema, value);
        checker.faults
    }

    fn resolve(&self, schema: &'a Value) -> &'a Value {
        match schema["$ref"].as_str() {
            Some(reference) => {
                let name = reference.strip_prefix("#/components/schemas/").expect("references stay in the document");
                &self.schemas[name]
            }
            None => schema,
        }
    }

    fn check(&mut self, path: &str, schema: &'a Value, value: &Value) {
        let schema = self.resolve(schema);
        assert!(schema.is_object(), "no schema for {path:?}");
        if let Some(choices) = schema["oneOf"].as_array() {
            let schemas = self.schemas;
            let fits = |choice: &&'a Value| {
                let mut checker = Checker { schemas, faults: Vec::new() };
                checker.check(path, choice, value);
                checker.faults.is_empty()
            };
            if choices.iter().filter(fits).count() != 1 {
                self.faults.push(format!("{path}: {value} does not fit exactly one choice"));
            }
            return;
        }
        self.check_type(path, schema, value);
        if schema["enum"].as_array().is_some_and(|words| !words.contains(value)) {
            self.faults.push(format!("{path}: {value} is none of {}", schema["enum"]));
        }
        match value {
            Value::Object(object) => self.check_object(path, schema, object),
            Value::Array(items) => {
                for item in items {
                    self.check(&format!("{path}[]"), &schema["items"], item);
                }
            }
            _ => {}
        }
    }

    fn check_type(&mut self, path: &str, schema: &Value, value: &Value) {
        let is = |word: &Value| match (word.as_str(), value) {
            (Some("number"), Value::Number(_))
            | (Some("string"), Value::String(_))
            | (Some("boolean"), Value::Bool(_))
            | (Some("object"), Value::Object(_))
            | (Some("array"), Value::Array(_))
            | (Some("null"), Value::Null) => true,
            (Some("integer"), Value::Number(number)) => number.is_i64() || number.is_u64(),
            _ => false,
        };
        let fits = match &schema["type"] {
            Value::Array(words) => words.iter().any(is),
            // A message of two parts says its type in each of them.
            Value::Null => schema["allOf"].is_array(),
            word => is(word),
        };
        if !fits {
            self.faults.push(format!("{path}: {value} is no {}", schema["type"]));
        }
    }

    fn check_object(&mut self, path: &str, schema: &'a Value, object: &Map<String, Value>) {
        let (properties, required) = self.members(schema);
        for name in required.iter().filter(|name| !object.contains_key(**name)) {
            self.faults.push(format!("{path}.{name} is missing"));
        }
        for (name, value) in object {
            match properties.get(name.as_str()) {
                Some(schema) => self.check(&format!("{path}.{name}"), schema, value),
                None => self.faults.push(format!("{path}.{name} is not in the schema")),
            }
        }
    }

    /// Properties, and the names of those that have to be there.
    fn members(&self, schema: &'a Value) -> (BTreeMap<&'a str, &'a Value>, BTreeSet<&'a str>) {
        let schema = self.resolve(schema);
        let properties = schema["properties"].as_object().into_iter().flatten();
        let mut properties: BTreeMap<_, _> = properties.map(|(name, schema)| (name.as_str(), schema)).collect();
        let mut required: BTreeSet<_> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        for part in schema["allOf"].as_array().into_iter().flatten() {
            let (of_part, required_of_part) = self.members(part);
            properties.extend(of_part);
            required.extend(required_of_part);
        }
        (properties, required)
    }
}

fn check_examples(direction: &str, examples: &[String]) {
    let document = document();
    let payloads = payloads(&document, direction);
    let mut seen = BTreeSet::new();
    for example in examples {
        let name = type_of(example);
        let payload = payloads.get(&name).unwrap_or_else(|| panic!("{name} is not described"));
        let value: Value = serde_json::from_str(example).expect("valid JSON");
        assert_eq!(Checker::faults(&document, payload, &value), Vec::<String>::new(), "{example}");
        seen.insert(name);
    }
    let described: BTreeSet<_> = payloads.into_keys().collect();
    assert_eq!(seen, described, "every message has an example and every example a description");
}

#[test]
fn every_message_from_an_app_is_described_and_its_examples_fit() {
    check_examples("from_app", &examples_from_app());
}

#[test]
fn every_message_to_an_app_is_described_and_its_examples_fit() {
    check_examples("to_app", &examples_to_app());
}

#[test]
fn an_example_that_does_not_fit_is_noticed() {
    let document = document();
    let payloads = payloads(&document, "to_app");
    for (name, example) in [
        ("ack", r#"{"type":"ack"}"#),
        ("ack", r#"{"type":"ack","t_ms":1.5}"#),
        ("ack", r#"{"type":"ack","t_ms":1,"x":2}"#),
        ("ack", r#"{"type":"heartbeat","t_ms":1}"#),
        ("offer_withdrawn", r#"{"type":"offer_withdrawn","seq":1,"prev":0,"offer_id":"x","reason":"because"}"#),
        ("ride", r#"{"type":"ride","seq":1,"prev":0,"ride":null}"#),
        (
            "drivers_nearby",
            r#"{"type":"drivers_nearby","tile":1,"drivers":[{"key":1,"lat":"1","lng":2,"bearing_deg":null}]}"#,
        ),
    ] {
        let value = serde_json::from_str(example).expect("valid JSON");
        assert!(!Checker::faults(&document, &payloads[name], &value).is_empty(), "{example}");
    }
}

#[test]
fn a_field_is_required_where_the_server_requires_it() {
    let document = document();
    let payloads = payloads(&document, "from_app");
    for example in examples_from_app() {
        let whole: Map<String, Value> = serde_json::from_str(&example).expect("an object");
        let required = payloads[&type_of(&example)]["required"].as_array().expect("a list").clone();
        for field in whole.keys() {
            let mut without = whole.clone();
            without.remove(field);
            // A resume has both of its fields or neither.
            without.retain(|name, _| {
                !(matches!(field.as_str(), "epoch" | "after") && matches!(name.as_str(), "epoch" | "after"))
            });
            let is_read = decode(&Value::Object(without).to_string()).is_ok();
            assert_eq!(is_read, !required.contains(&Value::from(field.as_str())), "{field} of {example}");
        }
    }
    for example in examples_to_app() {
        let whole: Map<String, Value> = serde_json::from_str(&example).expect("an object");
        let checked = Checker { schemas: &document["components"]["schemas"], faults: Vec::new() };
        let payload = &document["components"]["messages"][format!("to_app_{}", type_of(&example))]["payload"];
        let (_, required) = checked.members(payload);
        let message: ServerMessage = serde_json::from_str(&example).expect("an example is a message");
        let written: Map<String, Value> =
            serde_json::from_value(serde_json::to_value(&message).expect("encodes")).expect("an object");
        assert!(required.iter().all(|field| written.contains_key(*field)), "{required:?} of {example}");
        assert!(whole.len() == written.len(), "{example}");
    }
}

#[test]
fn every_binary_frame_is_described_with_its_length() {
    let document = document();
    let messages = &document["components"]["messages"];
    for (name, bytes) in [
        ("from_app_ping", PING_BYTES),
        ("from_app_heartbeat", 1),
        ("to_app_ack", 7),
        ("to_app_driver_position", 36),
        ("to_app_drivers_nearby", 7),
        ("to_app_heartbeat", 7),
    ] {
        let frame = &messages[format!("{name}_binary")];
        assert_eq!(frame["payload"]["minLength"], bytes, "{name}");
        assert!(messages[name].is_object(), "{name} has no form in JSON");
    }
    let described = messages.as_object().expect("an object").keys().filter(|name| name.ends_with("_binary"));
    assert_eq!(described.count(), 6);
}

#[test]
fn every_reference_of_the_document_leads_somewhere() {
    fn walk(document: &Value, value: &Value, found: &mut usize) {
        match value {
            Value::Object(object) => {
                if let Some(reference) = object.get("$ref").and_then(Value::as_str) {
                    let pointer = reference.strip_prefix('#').expect("references stay in the document");
                    assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
                    *found += 1;
                }
                object.values().for_each(|value| walk(document, value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| walk(document, value, found)),
            _ => {}
        }
    }
    let (document, mut found) = (document(), 0);
    walk(&document, &document, &mut found);
    assert!(found > 60, "only {found} references");
}

#[test]
fn every_close_code_is_described() {
    let document = document();
    let described = document["channels"]["socket"]["x-close-codes"].as_array().expect("a list");
    let described: Vec<_> = described.iter().map(|code| (code["code"].as_u64(), code["reconnect"].as_bool())).collect();
    let known: Vec<_> =
        CloseCode::ALL.into_iter().map(|code| (Some(u64::from(code.code())), Some(code.reconnect()))).collect();
    assert_eq!(described, known);
}
