//! The consent flow: a customer's person agrees that their profile is read.
//!
//! Separate because its tokens belong to a person as well, and its bodies are forms, which are a trap elsewhere. The person
//! agrees at once.

use serde_json::json;
use uuid::Uuid;

use super::{account, gate, token};
use crate::sandbox::wire::{Call, Reply};
use crate::sandbox::world::{Provider, State, Token};
use crate::time::{Span, Timestamp};

/// How long a request for consent is good for.
const REQUEST_LIFETIME: Span = Span::from_secs(3_600);

/// `POST /{product}/v1_0/bc-authorize`
pub fn authorize(state: &mut State, call: &Call, product: &str, now: Timestamp) -> Result<Reply, Reply> {
    let caller = gate::pass(state, call, product, now)?;
    // ID:{msisdn}/MSISDN
    let hint = call.form("login_hint").unwrap_or_default();
    let party = hint.strip_prefix("ID:").and_then(|hint| hint.split_once('/'));
    let Some((msisdn, _)) = party.filter(|(msisdn, _)| !msisdn.is_empty()) else {
        return Err(Reply::json(400, &json!({"error": "invalid_request", "error_description": "login_hint"})));
    };
    let request = Uuid::new_v4().to_string();
    let asked = Token {
        provider: Provider::Mtn,
        tenant: caller.user,
        product: format!("request:{product}:{msisdn}"),
        expires: now + REQUEST_LIFETIME,
    };
    state.mint(request.clone(), asked, now);
    let expires_in = REQUEST_LIFETIME.as_secs();
    Ok(Reply::json(200, &json!({"auth_req_id": request, "interval": 5, "expires_in": expires_in})))
}

/// `POST /{product}/oauth2/token/`
pub fn mint(state: &mut State, call: &Call, product: &str, now: Timestamp) -> Result<Reply, Reply> {
    token::measured(call)?;
    gate::subscribed_to(call, product)?;
    let user = token::authenticated(state, call)?;
    let refused = |error: &str| Reply::json(400, &json!({"error": error}));
    if call.form("grant_type").as_deref() != Some("urn:openid:params:grant-type:ciba") {
        return Err(refused("unsupported_grant_type"));
    }
    let request = call.form("auth_req_id").unwrap_or_default();
    let begins = format!("request:{product}:");
    let asked = state.token(&request, now).filter(|asked| asked.tenant == user);
    let msisdn = asked.and_then(|asked| asked.product.strip_prefix(&begins)).map(str::to_owned);
    let Some(msisdn) = msisdn else { return Err(refused("invalid_grant")) };
    state.tokens.remove(&request);
    let expires = now + token::LIFETIME;
    let text = token::text(&user, now);
    let product = format!("consent:{product}:{msisdn}");
    let text = state.mint(text, Token { provider: Provider::Mtn, tenant: user, product, expires }, now);
    let body = json!({
        "access_token": text,
        "token_type": "Bearer",
        "expires_in": token::LIFETIME.as_secs(),
        "scope": "profile",
        "refresh_token": Uuid::new_v4(),
        "refresh_token_expired_in": token::LIFETIME.as_secs(),
    });
    Ok(Reply::json(200, &body))
}

/// `GET /{product}/oauth2/v1_0/userinfo`
pub fn user_info(state: &mut State, call: &Call, product: &str, now: Timestamp) -> Result<Reply, Reply> {
    gate::subscribed_to(call, product)?;
    let begins = format!("consent:{product}:");
    let token = call.bearer().and_then(|text| state.token(text, now));
    let msisdn = token.and_then(|token| token.product.strip_prefix(&begins)).map(str::to_owned);
    let Some(msisdn) = msisdn else { return Err(Reply::empty(401)) };
    let names = account::names(state, &msisdn);
    let body = json!({
        "sub": msisdn,
        "name": format!("{} {}", names.first, names.last),
        "given_name": names.first,
        "family_name": names.last,
        "birthdate": "1976-08-13",
        "locale": "sv_SE",
        "gender": "MALE",
        "phone_number": msisdn,
        "phone_number_verified": true,
        "status": "ACTIVE",
        "updated_at": now.as_millis() / 1_000,
    });
    Ok(Reply::json(200, &body))
}
