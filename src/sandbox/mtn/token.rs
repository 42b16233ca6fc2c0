//! Tokens, and the two traps before them: a body without a length, and a form.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::json;
use uuid::Uuid;

use super::gate;
use crate::sandbox::wire::{Call, Reply};
use crate::sandbox::world::{Provider, State, Token};
use crate::time::{Span, Timestamp};

/// How long a token is good for.
pub const LIFETIME: Span = Span::from_secs(3_600);

/// `POST /{product}/token/`
pub fn mint(state: &mut State, call: &Call, product: &str, now: Timestamp) -> Result<Reply, Reply> {
    measured(call)?;
    if call.form("grant_type").is_some() && call.json().is_none() {
        let page = "<html><head><title>Request Rejected</title></head><body>The requested URL was rejected. Please \
                    consult with your administrator.<br><br>Your support ID is: 0</body></html>";
        return Ok(Reply::html(200, page));
    }
    gate::subscribed_to(call, product)?;
    let user = authenticated(state, call)?;
    if let Some(target) = call.header("x-target-environment") {
        let is_home = state.users.get(&user).is_some_and(|user| target.eq_ignore_ascii_case(user.environment.as_str()));
        if !is_home {
            let message = "Access to target environment is forbidden.";
            return Err(gate::refused(500, "NOT_ALLOWED_TARGET_ENVIRONMENT", message));
        }
    }
    let text = text(&user, now);
    let token = Token { provider: Provider::Mtn, tenant: user, product: product.to_owned(), expires: now + LIFETIME };
    let text = state.mint(text, token, now);
    let body = json!({"access_token": text, "token_type": "access_token", "expires_in": LIFETIME.as_secs()});
    Ok(Reply::json(200, &body))
}

/// A POST must say how long its body is, even of none.
pub fn measured(call: &Call) -> Result<(), Reply> {
    if call.headers.contains_key("content-length") || call.headers.contains_key("transfer-encoding") {
        return Ok(());
    }
    let page = "<!DOCTYPE HTML PUBLIC \"-//W3C//DTD HTML 4.01//EN\"\"http://www.w3.org/TR/html4/strict.dtd\">\r\n\
                <HTML><HEAD><TITLE>Length Required</TITLE></HEAD><BODY><h2>Length Required</h2><hr><p>HTTP Error 411. \
                The request must be chunked or have a content length.</p></BODY></HTML>";
    Err(Reply::html(411, page))
}

/// The user whose pair is in the header.
pub fn authenticated(state: &State, call: &Call) -> Result<Arc<str>, Reply> {
    let basic = call.header("authorization").and_then(|value| value.split_once(' '));
    let pair = basic.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"));
    let pair = pair.and_then(|(_, pair)| STANDARD.decode(pair.trim()).ok());
    let pair = pair.and_then(|pair| String::from_utf8(pair).ok());
    let Some((user, key)) = pair.as_deref().and_then(|pair| pair.split_once(':')) else {
        return Err(Reply::json(401, &json!({"error": "invalid_client"})));
    };
    let user = state.users.authenticated(&user.to_ascii_lowercase(), key);
    user.ok_or_else(|| Reply::json(401, &json!({"error": "login_failed"})))
}

/// Looks like the real one, which is a JWT that no client may read.
pub fn text(user: &str, now: Timestamp) -> String {
    let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let expires = now + LIFETIME;
    let claims = json!({"clientId": user, "expires": expires.to_string(), "sessionId": Uuid::new_v4()});
    let signature = URL_SAFE_NO_PAD.encode([Uuid::new_v4().into_bytes(), Uuid::new_v4().into_bytes()].concat());
    format!("{}.{}.{signature}", part(&json!({"typ": "JWT", "alg": "R256"})), part(&claims))
}
