//! The AsyncAPI 3 document: this protocol for programs, as `docs/PROTOCOL.md` is for people.
//!
//! Separate from the messages because nothing at run time depends on it. What the server sends is described by the types
//! themselves; what an app sends is written down in `from_app`, since the server reads it without such types; a test
//! compares both with the code and with the examples of PROTOCOL.md.

mod binary;
mod from_app;

use serde_json::{Map, Value, json};
use utoipa::{PartialSchema as _, ToSchema as _};

use crate::realtime::SOCKET_PATH;
use crate::realtime::protocol::close::CloseCode;
use crate::realtime::protocol::server::ServerMessage;
use crate::realtime::protocol::{SUBPROTOCOL_BINARY, SUBPROTOCOL_JSON};
use crate::web::API_PREFIX;

/// Which way messages go; also how their names in the document begin.
const FROM_APP: &str = "from_app";
const TO_APP: &str = "to_app";

/// The document.
pub fn document() -> Value {
    let mut messages = Map::new();
    for message in from_app::messages() {
        add(&mut messages, FROM_APP, &message);
    }
    for message in to_app() {
        add(&mut messages, TO_APP, &message);
    }
    for frame in binary::FRAMES {
        let direction = if frame.is_from_app { FROM_APP } else { TO_APP };
        messages.insert(format!("{direction}_{}_binary", frame.name), frame.message());
    }
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "boda, live",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "The live side of boda: positions, offers, rides, drivers nearby, over one WebSocket per app. Booking, history and \
                            administration are REST, see /api/openapi.json. Rules for apps (resume, duplicates, gaps, when to reconnect) are in \
                            PROTOCOL.md.",
            "license": { "name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0" },
        },
        "defaultContentType": "application/json",
        "servers": { "node": {
            "host": "{host}",
            "protocol": "ws",
            "description": "A node of a city; behind a proxy that ends TLS the protocol is wss.",
            "variables": { "host": { "default": "127.0.0.1:8080", "description": "Where it listens." } },
            "security": [{ "$ref": "#/components/securitySchemes/bearer" }],
        }},
        "channels": { "socket": channel(&messages) },
        "operations": {
            FROM_APP: operation("receive", "What an app sends.", FROM_APP, &messages),
            TO_APP: operation("send", "What the server sends.", TO_APP, &messages),
        },
        "components": {
            "messages": messages,
            "schemas": schemas(),
            "securitySchemes": { "bearer": {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "JWT",
                "description": "The access token of REST, in the Authorization header of the handshake. Instead of the header the first frame may be hello.",
            }},
        },
    })
}

/// One message in JSON.
struct Message {
    name: String,
    summary: String,
    payload: Value,
}

fn add(messages: &mut Map<String, Value>, direction: &str, message: &Message) {
    let entry = json!({
        "name": message.name,
        "title": message.name,
        "summary": message.summary,
        "contentType": "application/json",
        "payload": message.payload,
    });
    messages.insert(format!("{direction}_{}", message.name), entry);
}

/// What the server sends: one message for each variant of its enum, as the type describes itself.
fn to_app() -> Vec<Message> {
    let schema = serde_json::to_value(ServerMessage::schema()).expect("a schema is JSON");
    let variants = schema["oneOf"].as_array().expect("an enum with a tag is one of its variants");
    variants
        .iter()
        .cloned()
        .map(|mut payload| {
            let name = type_of(&payload).expect("a variant has its tag").to_owned();
            let summary = payload.get_mut("description").map_or(Value::Null, Value::take);
            if let Some(payload) = payload.as_object_mut() {
                payload.remove("description");
            }
            Message { name, summary: summary.as_str().unwrap_or_default().to_owned(), payload }
        })
        .collect()
}

/// The word that the schema of a message demands as its `type`.
fn type_of(schema: &Value) -> Option<&str> {
    match schema.get("allOf") {
        Some(parts) => parts.as_array()?.iter().find_map(type_of),
        None => schema["properties"]["type"]["enum"][0].as_str(),
    }
}

/// The schemas that messages refer to, the views shared with REST among them.
fn schemas() -> Map<String, Value> {
    let mut named = Vec::new();
    ServerMessage::schemas(&mut named);
    named.into_iter().map(|(name, schema)| (name, serde_json::to_value(schema).expect("a schema is JSON"))).collect()
}

fn channel(messages: &Map<String, Value>) -> Value {
    let references: Map<String, Value> = messages
        .keys()
        .map(|name| (name.clone(), json!({ "$ref": format!("#/components/messages/{name}") })))
        .collect();
    let close_codes: Vec<Value> = CloseCode::ALL
        .into_iter()
        .map(|code| json!({ "code": code.code(), "name": code.reason(), "reconnect": code.reconnect() }))
        .collect();
    json!({
        "address": format!("{API_PREFIX}{SOCKET_PATH}"),
        "title": "The socket",
        "description": "One per app and user. The frames named *_binary are for sessions of boda.v1.bin.",
        "messages": references,
        "bindings": { "ws": {
            "method": "GET",
            "query": {
                "type": "object",
                "description": "Resume: both or neither, and only when the token is in the header.",
                "properties": { "epoch": from_app::epoch(), "after": from_app::after() },
            },
            "headers": {
                "type": "object",
                "required": ["Sec-WebSocket-Protocol"],
                "properties": {
                    "Sec-WebSocket-Protocol": {
                        "type": "string",
                        "description": "One of these, or both with a comma: then the server takes boda.v1.bin.",
                        "examples": [SUBPROTOCOL_JSON, SUBPROTOCOL_BINARY, format!("{SUBPROTOCOL_BINARY}, {SUBPROTOCOL_JSON}")],
                    },
                    "Authorization": { "type": "string", "description": "Bearer and the access token." },
                },
            },
            "bindingVersion": "0.1.0",
        }},
        "x-subprotocols": [SUBPROTOCOL_JSON, SUBPROTOCOL_BINARY],
        "x-close-codes": close_codes,
    })
}

fn operation(action: &str, summary: &str, direction: &str, messages: &Map<String, Value>) -> Value {
    let of_direction = messages.keys().filter(|name| name.starts_with(&format!("{direction}_")));
    let references: Vec<Value> =
        of_direction.map(|name| json!({ "$ref": format!("#/channels/socket/messages/{name}") })).collect();
    json!({
        "action": action,
        "summary": summary,
        "channel": { "$ref": "#/channels/socket" },
        "messages": references,
    })
}
