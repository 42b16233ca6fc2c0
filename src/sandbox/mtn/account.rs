//! Whose a wallet is, whether it can be used, and what lies in the customer's own.

use serde_json::json;

use super::gate;
use super::route::Party;
use super::users::Environment;
use crate::sandbox::wire::{Call, Reply};
use crate::sandbox::world::{AccountKey, Provider, State};
use crate::time::Timestamp;

/// A person's, as far as MTN's sandbox has people.
pub struct Names {
    /// Given.
    pub first: String,
    /// Of the family.
    pub last: String,
}

/// Whose a wallet is.
pub fn names(state: &State, msisdn: &str) -> Names {
    let wallet = state.wallets.wallet(Provider::Mtn, msisdn);
    Names {
        first: wallet.first_name.unwrap_or_else(|| "Sand".to_owned()),
        last: wallet.last_name.unwrap_or_else(|| "Box".to_owned()),
    }
}

/// Whether nobody has that number.
fn is_nobody(environment: Environment, id: &str) -> bool {
    match environment {
        Environment::Sandbox => id == "46733123450",
        Environment::Rwanda => !is_rwandan(id) || id.ends_with("029"),
    }
}

/// Whether it is a number that a wallet in Rwanda can have.
pub fn is_rwandan(id: &str) -> bool {
    id.len() == 12 && id.starts_with("2507") && id.bytes().all(|byte| byte.is_ascii_digit())
}

/// `GET /{product}/v1_0/accountholder/{type}/{id}/active`
pub fn active(state: &mut State, call: &Call, product: &str, party: Party<'_>, now: Timestamp) -> Result<Reply, Reply> {
    let environment = gate::pass(state, call, product, now)?.environment;
    known(party)?;
    let id = party.id;
    if environment == Environment::Sandbox {
        match id {
            "46733123451" => return Ok(Reply::json(200, &json!({"result": false}))),
            "46733123452" => return Err(gate::refused(500, "NOT_ALLOWED", "Authorization failed.")),
            "46733123453" => {
                let message = "Access to target environment is forbidden.";
                return Err(gate::refused(500, "NOT_ALLOWED_TARGET_ENVIRONMENT", message));
            }
            "46733123454" => {
                let message = "An internal error occurred while processing.";
                return Err(gate::refused(500, "INTERNAL_PROCESSING_ERROR", message));
            }
            "46733123455" => {
                return Err(gate::refused(
                    503,
                    "SERVICE_UNAVAILABLE",
                    "Service temporarily unavailable, try again later.",
                ));
            }
            _ => {}
        }
    }
    if party.kind.eq_ignore_ascii_case("msisdn") && is_nobody(environment, id) {
        return Err(gate::not_found());
    }
    let active = state.wallets.wallet(Provider::Mtn, id).active;
    Ok(Reply::json(200, &json!({"result": active})))
}

fn known(party: Party<'_>) -> Result<(), Reply> {
    let kinds = ["msisdn", "email", "party_code", "alias", "id"];
    let is_known = kinds.iter().any(|kind| party.kind.eq_ignore_ascii_case(kind));
    if is_known && !party.id.contains('+') { Ok(()) } else { Err(Reply::empty(400)) }
}

/// `GET /{product}/v1_0/accountholder/msisdn/{id}/basicuserinfo`
pub fn basic_info(
    state: &mut State,
    call: &Call,
    product: &str,
    party: Party<'_>,
    now: Timestamp,
) -> Result<Reply, Reply> {
    let environment = gate::pass(state, call, product, now)?.environment;
    known(party)?;
    if is_nobody(environment, party.id) {
        return Err(gate::not_found());
    }
    let wallet = state.wallets.wallet(Provider::Mtn, party.id);
    let status = if wallet.active { "ACTIVE" } else { "INACTIVE" };
    let (first, last) = match environment {
        Environment::Sandbox => {
            let names = names(state, party.id);
            (Some(names.first), Some(names.last))
        }
        // Whose a wallet is that nobody arranged, nobody knows.
        Environment::Rwanda => (wallet.first_name, wallet.last_name),
    };
    let mut body = json!({
        "birthdate": "1976-08-13",
        "locale": if environment == Environment::Rwanda { "rw_RW" } else { "sv_SE" },
        "gender": "MALE",
        "status": status,
    });
    for (field, name) in [("given_name", first), ("family_name", last)] {
        if let Some(name) = name {
            body[field] = name.into();
        }
    }
    Ok(Reply::json(200, &body))
}

/// `GET /{product}/v1_0/account/balance[/{currency}]`
pub fn balance(
    state: &mut State,
    call: &Call,
    product: &'static str,
    currency: Option<&str>,
    now: Timestamp,
) -> Result<Reply, Reply> {
    let caller = gate::pass(state, call, product, now)?;
    let own = caller.environment.currency();
    if currency.is_some_and(|currency| !currency.eq_ignore_ascii_case(own)) {
        return Err(gate::refused(500, "INVALID_CURRENCY", "Currency not supported."));
    }
    let key = AccountKey { provider: Provider::Mtn, tenant: caller.user, product, currency: own };
    let available = state.wallets.account(&key).balance.to_string();
    Ok(Reply::json(200, &json!({"availableBalance": available, "currency": own})))
}
