//! What stands before every operation: the gateway with its subscription keys, the token, the environment.
//!
//! Separate because the order of these checks shows in what a wrong call is answered, and all operations share it.

use std::sync::Arc;

use serde_json::json;
use uuid::Uuid;

use super::users::Environment;
use super::{COLLECTION_KEY, DISBURSEMENT_KEY, REMITTANCE_KEY};
use crate::sandbox::wire::{Call, Reply};
use crate::sandbox::world::{Provider, State};
use crate::time::{Span, Timestamp};

/// Status reads of one key within [`LIMIT_SPAN`].
const READS_MAX: usize = 10;
const LIMIT_SPAN: Span = Span::from_secs(1);
/// Keys whose reads are counted; at one more, counting begins anew.
const READERS_MAX: usize = 10_000;

/// A refusal of the gateway.
pub fn apim(status: u16, message: &str) -> Reply {
    Reply::json(status, &json!({"statusCode": status, "message": message}))
}

/// A refusal of the platform behind it.
pub fn refused(status: u16, code: &str, message: &str) -> Reply {
    Reply::json(status, &json!({"message": message, "code": code}))
}

/// There is no such thing.
pub fn not_found() -> Reply {
    refused(404, "RESOURCE_NOT_FOUND", "Requested resource was not found.")
}

/// A body that cannot be taken.
pub fn invalid(message: &str) -> Reply {
    refused(400, "VALIDATION_ERROR", message)
}

/// Who calls.
pub struct Caller {
    /// The API user.
    pub user: Arc<str>,
    /// Where it is at home.
    pub environment: Environment,
}

/// The product of the subscription key of a call.
pub fn subscribed(call: &Call) -> Result<&'static str, Reply> {
    let told = |message| Err(apim(401, message).with("www-authenticate", "AzureApiManagementKey realm=\"boda\""));
    match call.header("ocp-apim-subscription-key") {
        None => told(
            "Access denied due to missing subscription key. Make sure to include subscription key when making requests \
             to an API.",
        ),
        Some(COLLECTION_KEY) => Ok("collection"),
        Some(DISBURSEMENT_KEY) => Ok("disbursement"),
        Some(REMITTANCE_KEY) => Ok("remittance"),
        Some(_) => told(INVALID_KEY),
    }
}

const INVALID_KEY: &str =
    "Access denied due to invalid subscription key. Make sure to provide a valid key for an active subscription.";

/// Whether the subscription key is one of this product.
pub fn subscribed_to(call: &Call, product: &str) -> Result<(), Reply> {
    if subscribed(call)? == product {
        return Ok(());
    }
    Err(apim(401, INVALID_KEY).with("www-authenticate", "AzureApiManagementKey realm=\"boda\""))
}

/// Lets a call with the right key, token and environment in.
pub fn pass(state: &State, call: &Call, product: &str, now: Timestamp) -> Result<Caller, Reply> {
    subscribed_to(call, product)?;
    let token = call.bearer().and_then(|text| state.token(text, now));
    let token = token.filter(|token| token.provider == Provider::Mtn && token.product == product);
    let Some(token) = token else { return Err(Reply::empty(401)) };
    let Some(user) = state.users.get(&token.tenant) else { return Err(Reply::empty(401)) };
    let Some(target) = call.header("x-target-environment") else { return Err(Reply::empty(400)) };
    if !target.eq_ignore_ascii_case(user.environment.as_str()) {
        let message = "Access to target environment is forbidden.";
        return Err(refused(500, "NOT_ALLOWED_TARGET_ENVIRONMENT", message));
    }
    Ok(Caller { user: Arc::clone(&token.tenant), environment: user.environment })
}

/// The caller's name of a new order.
pub fn reference(call: &Call, caller: &Caller) -> Result<String, Reply> {
    let reference = call.header("x-reference-id").and_then(uuid_v4);
    reference.filter(|reference| **reference != *caller.user).ok_or_else(|| Reply::empty(400))
}

/// A UUID of version 4, in its usual spelling.
pub fn uuid_v4(text: &str) -> Option<String> {
    let uuid = Uuid::try_parse(text).ok().filter(|uuid| uuid.get_version_num() == 4 && text.len() == 36)?;
    Some(uuid.to_string())
}

/// Counts a status read, where reads are counted.
pub fn limit(state: &mut State, call: &Call, caller: &Caller, now: Timestamp) -> Result<(), Reply> {
    if caller.environment == Environment::Rwanda && !state.switches.limit_own_account {
        return Ok(());
    }
    if state.asked.len() >= READERS_MAX {
        state.asked.clear();
    }
    let key = format!("{} {}", call.header("ocp-apim-subscription-key").unwrap_or_default(), caller.user);
    let reads = state.asked.entry(key).or_default();
    while reads.front().is_some_and(|read| now.since(*read) >= LIMIT_SPAN) {
        reads.pop_front();
    }
    if reads.len() >= READS_MAX {
        return Err(apim(429, "Rate limit is exceeded. Try again in 1 seconds.").with("retry-after", "1"));
    }
    reads.push_back(now);
    Ok(())
}

/// Where the caller wants to be called back: only at the host that it registered.
pub fn callback_url(state: &State, call: &Call, caller: &Caller) -> Result<Option<String>, Reply> {
    let Some(url) = call.header("x-callback-url") else {
        // An empty header is not the same as none.
        return if call.headers.contains_key("x-callback-url") { Err(Reply::empty(400)) } else { Ok(None) };
    };
    let parsed = reqwest::Url::parse(url).ok().filter(|parsed| matches!(parsed.scheme(), "http" | "https"));
    let Some(host) = parsed.as_ref().and_then(|parsed| parsed.host_str()) else { return Err(Reply::empty(400)) };
    let is_registered = state.users.get(&caller.user).is_some_and(|user| user.may_be_called_at(host));
    if !is_registered {
        let message = "Callback URL with different host name then configured for API User.";
        return Err(refused(state.switches.callback_host_status, "INVALID_CALLBACK_URL_HOST", message));
    }
    Ok(Some(url.to_owned()))
}
