//! API users: those that provision themselves in the sandbox, and the one account of `mtnrwanda`.
//!
//! Separate because provisioning exists in MTN's sandbox only. Users are bounded; the oldest go first.

use std::collections::VecDeque;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde_json::json;
use uuid::Uuid;

use super::gate;
use super::{API_KEY, API_USER};
use crate::sandbox::wire::{Call, Reply};
use crate::sandbox::world::State;

/// Users at once.
const USERS_MAX: usize = 10_000;

/// Where a user is at home.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Environment {
    /// MTN's sandbox.
    Sandbox,
    /// Production in Rwanda.
    Rwanda,
}

impl Environment {
    /// In `X-Target-Environment`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sandbox => "sandbox",
            Self::Rwanda => "mtnrwanda",
        }
    }

    /// The only one it takes.
    pub const fn currency(self) -> &'static str {
        match self {
            Self::Sandbox => "EUR",
            Self::Rwanda => "RWF",
        }
    }
}

/// One of them.
pub struct User {
    /// Where it is called back; any name of this machine for the account that exists.
    host: String,
    /// Made by a call of its own.
    key: Option<String>,
    /// Where it is at home.
    pub environment: Environment,
}

impl User {
    /// Whether a callback may go to that host.
    pub fn may_be_called_at(&self, host: &str) -> bool {
        match self.environment {
            Environment::Sandbox => host.eq_ignore_ascii_case(&self.host),
            Environment::Rwanda => {
                let host = host.trim_start_matches('[').trim_end_matches(']');
                host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
            }
        }
    }

    /// Whether that is its key.
    pub fn has_key(&self, key: &str) -> bool {
        self.key.as_deref() == Some(key)
    }
}

/// All of them.
pub struct Users {
    users: FxHashMap<Arc<str>, User>,
    in_order: VecDeque<Arc<str>>,
}

impl Default for Users {
    fn default() -> Self {
        let own = User { host: String::new(), key: Some(API_KEY.to_owned()), environment: Environment::Rwanda };
        Self { users: std::iter::once((Arc::from(API_USER), own)).collect(), in_order: VecDeque::new() }
    }
}

impl Users {
    /// By id.
    pub fn get(&self, id: &str) -> Option<&User> {
        self.users.get(id)
    }

    /// Whose pair of user and key this is.
    pub fn authenticated(&self, id: &str, key: &str) -> Option<Arc<str>> {
        let (id, user) = self.users.get_key_value(id)?;
        user.has_key(key).then(|| Arc::clone(id))
    }
}

/// `POST /v1_0/apiuser`
pub fn create(state: &mut State, call: &Call) -> Result<Reply, Reply> {
    gate::subscribed(call)?;
    let Some(id) = call.header("x-reference-id").and_then(gate::uuid_v4) else { return Err(Reply::empty(400)) };
    let body = call.json().ok_or_else(|| Reply::empty(400))?;
    // Clients spell it in two ways.
    let named = body.as_object().into_iter().flatten();
    let named = named.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("providerCallbackHost"));
    let host = named.and_then(|(_, host)| host.as_str()).map(host_of).filter(|host| !host.is_empty());
    let Some(host) = host else { return Err(gate::invalid("providerCallbackHost is missing.")) };
    let users = &mut state.users;
    if users.users.contains_key(id.as_str()) {
        let message = "Duplicated reference id. Creation of resource failed.";
        return Err(gate::refused(409, "RESOURCE_ALREADY_EXIST", message));
    }
    while users.in_order.len() >= USERS_MAX {
        if let Some(oldest) = users.in_order.pop_front() {
            users.users.remove(&oldest);
        }
    }
    let id: Arc<str> = Arc::from(id);
    users.in_order.push_back(Arc::clone(&id));
    users.users.insert(id, User { host, key: None, environment: Environment::Sandbox });
    Ok(Reply::empty(201))
}

/// People write an address where a host is asked for.
fn host_of(typed: &str) -> String {
    let bare = typed.split_once("://").map_or(typed, |(_, rest)| rest);
    let bare = bare.split('/').next().unwrap_or_default();
    let host = bare.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok()).map_or(bare, |(host, _)| host);
    host.trim().to_owned()
}

fn unknown() -> Reply {
    gate::not_found()
}

/// `POST /v1_0/apiuser/{id}/apikey`
pub fn create_key(state: &mut State, call: &Call, id: &str) -> Result<Reply, Reply> {
    gate::subscribed(call)?;
    let user = state.users.users.get_mut(id.to_ascii_lowercase().as_str());
    let user = user.filter(|user| user.environment == Environment::Sandbox).ok_or_else(unknown)?;
    let key = Uuid::new_v4().simple().to_string();
    let reply = Reply::json(201, &json!({"apiKey": key}));
    user.key = Some(key);
    Ok(reply)
}

/// `GET /v1_0/apiuser/{id}`
pub fn read(state: &mut State, call: &Call, id: &str) -> Result<Reply, Reply> {
    gate::subscribed(call)?;
    let user = state.users.get(id.to_ascii_lowercase().as_str());
    let user = user.filter(|user| user.environment == Environment::Sandbox).ok_or_else(unknown)?;
    let body = json!({"providerCallbackHost": user.host, "targetEnvironment": user.environment.as_str()});
    Ok(Reply::json(200, &body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_in_place_of_a_host_is_understood() {
        for (typed, host) in [
            ("pay.example.rw", "pay.example.rw"),
            ("https://pay.example.rw/back", "pay.example.rw"),
            ("localhost:3000", "localhost"),
            ("", ""),
        ] {
            assert_eq!(host_of(typed), host, "{typed}");
        }
    }
}
