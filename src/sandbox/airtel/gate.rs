//! What stands before every operation: the token, country and currency, the signature.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use uuid::Uuid;

use super::codes::Codes;
use super::crypto::{self, Signature};
use super::{CLIENT_ID, CLIENT_SECRET};
use crate::sandbox::wire::{Call, Reply};
use crate::sandbox::world::{Provider, Token, World};
use crate::time::Span;

/// How long a token is good for.
const LIFETIME: Span = Span::from_secs(180);

/// `POST /auth/oauth2/token`
pub fn mint(world: &World, call: &Call) -> Result<Reply, Reply> {
    let refused =
        |error: &str, description: &str| Reply::json(400, &json!({"error_description": description, "error": error}));
    let body = call.json().unwrap_or_default();
    if body["grant_type"].as_str() != Some("client_credentials") {
        return Err(refused("unsupported_grant_type", "Unsupported grant type"));
    }
    // Several apps can be told apart by what follows the id, so that tests that run at once do not see each other.
    let client = body["client_id"].as_str().unwrap_or_default();
    let is_known = client == CLIENT_ID || client.strip_prefix(CLIENT_ID).is_some_and(|rest| rest.starts_with('.'));
    if !is_known || body["client_secret"].as_str() != Some(CLIENT_SECRET) {
        return Err(refused("invalid_client", "Invalid client authentication"));
    }
    let text = URL_SAFE_NO_PAD.encode([Uuid::new_v4().into_bytes(), Uuid::new_v4().into_bytes()].concat());
    let text = world.with(|state, now| {
        let token = Token {
            provider: Provider::Airtel,
            tenant: Arc::from(client),
            product: String::new(),
            expires: now + LIFETIME,
        };
        state.mint(text, token, now)
    });
    let expires_in = LIFETIME.as_secs().to_string();
    Ok(Reply::json(200, &json!({"access_token": text, "expires_in": expires_in, "token_type": "bearer"})))
}

/// Lets a call with a token in that says its country and currency; whose it is.
pub fn pass(world: &World, call: &Call, codes: Codes) -> Result<Arc<str>, Reply> {
    let tenant = world.with(|state, now| {
        let token = call.bearer().and_then(|text| state.token(text, now));
        token.filter(|token| token.provider == Provider::Airtel).map(|token| Arc::clone(&token.tenant))
    });
    let Some(tenant) = tenant else {
        let body = json!({"error_description": "The access token is invalid or has expired", "error": "invalid_token"});
        return Err(Reply::json(401, &body));
    };
    match call.header("x-country") {
        None => {
            let body = json!({"status_message": "Invalid country code", "status_code": "ROUTER110"});
            return Err(Reply::json(400, &body));
        }
        Some(country) if !country.eq_ignore_ascii_case("RW") => {
            return Err(codes.refused("01005", "ESB000034", "Invalid country"));
        }
        Some(_) => {}
    }
    match call.header("x-currency") {
        None => Err(codes.refused("01005", "ESB000008", "X-Currency is missing")),
        Some(currency) if !currency.eq_ignore_ascii_case("RWF") => {
            Err(codes.refused("01005", "ESB000035", "Invalid currency"))
        }
        Some(_) => Ok(tenant),
    }
}

/// Wants the message signed where it must be. One that is signed must be signed rightly in any case.
pub fn signed(world: &World, call: &Call, codes: Codes, version: u8) -> Result<(), Reply> {
    if version < 2 {
        return Ok(());
    }
    let end = if codes.code("") == super::codes::DISBURSEMENT.code("") { "01016" } else { "01026" };
    let is_wanted = version > 2 || world.with(|state, _| state.switches.airtel_signing);
    match crypto::signature(world, call) {
        Signature::Right => Ok(()),
        Signature::Missing if !is_wanted => Ok(()),
        Signature::Missing | Signature::Wrong => Err(codes.refused(end, "ESB000011", "Signature mismatch")),
    }
}
