//! Changing the world.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Control, Refused, refused};
use crate::sandbox::card;
use crate::sandbox::world::{Amount, DISCREPANCIES_MAX, Discrepancy, End, FAULTS_MAX, Fault, Kyc, Provider, Switches};
use crate::time::Span;

/// A year: nobody waits longer for anything here.
const SECONDS_MAX: u32 = 366 * 24 * 3_600;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    seconds: u32,
}

fn read<T: serde::de::DeserializeOwned>(body: &Bytes) -> Result<T, Refused> {
    // No body is an empty one, so that curl needs none where nothing must be said.
    let body: &[u8] = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(refused)
}

pub async fn advance(State(control): State<Control>, body: Bytes) -> Result<Json<Value>, Refused> {
    let Advance { seconds } = read(&body)?;
    if seconds > SECONDS_MAX {
        return Err(refused(format!("seconds {seconds} is more than a year")));
    }
    control.world.advance(Span::from_secs(i64::from(seconds)));
    Ok(Json(json!({"now": control.world.now()})))
}

/// Lays what is said over what is in force.
pub async fn switch(State(control): State<Control>, body: Bytes) -> Result<Json<Switches>, Refused> {
    let patch: serde_json::Map<String, Value> = read(&body)?;
    control.world.with(|state, _| {
        let mut all = serde_json::to_value(&state.switches).map_err(refused)?;
        for (name, value) in patch {
            // An unknown name is refused by the reading below.
            all[name] = value;
        }
        let switches: Switches = serde_json::from_value(all).map_err(refused)?;
        if switches.fee_basis_points > 10_000 {
            return Err(refused("fee_basis_points is more than the whole"));
        }
        if !matches!(switches.callback_host_status, 400 | 500) {
            return Err(refused("callback_host_status is neither 400 nor 500"));
        }
        state.switches = switches.clone();
        Ok(Json(switches))
    })
}

pub async fn fault(State(control): State<Control>, body: Bytes) -> Result<Response, Refused> {
    let mut fault: Fault = read(&body)?;
    if !(0.0..=1.0).contains(&fault.probability) {
        return Err(refused("probability is not within 0..=1"));
    }
    if fault.status.is_some_and(|status| !(200..=599).contains(&status)) {
        return Err(refused("status is not within 200..=599"));
    }
    fault.hits = 0;
    control.world.with(|state, _| {
        if state.faults.len() >= FAULTS_MAX {
            return Err(refused("there are too many faults: DELETE /_sim/faults"));
        }
        fault.id = state.faults.last().map_or(1, |last| last.id + 1);
        state.faults.push(fault.clone());
        Ok((StatusCode::CREATED, Json(fault)).into_response())
    })
}

pub async fn no_faults(State(control): State<Control>) -> StatusCode {
    control.world.with(|state, _| state.faults.clear());
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Revoke {
    provider: Option<Provider>,
}

pub async fn revoke(State(control): State<Control>, body: Bytes) -> Result<Json<Value>, Refused> {
    let Revoke { provider } = read(&body)?;
    let revoked = control.world.with(|state, _| {
        let before = state.tokens.len();
        state.tokens.retain(|_, token| provider.is_some_and(|provider| provider != token.provider));
        before - state.tokens.len()
    });
    Ok(Json(json!({"revoked": revoked})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arranged {
    provider: Option<Provider>,
    msisdn: String,
    balance: Option<i64>,
    kyc: Option<Kyc>,
    active: Option<bool>,
    first_name: Option<String>,
    last_name: Option<String>,
}

/// A number as wallets are kept: digits with the country code, where it is one of Rwanda.
pub fn digits(msisdn: &str) -> String {
    match crate::phone::Phone::parse(msisdn) {
        Ok(phone) => phone.as_str().trim_start_matches('+').to_owned(),
        Err(_) => msisdn.to_owned(),
    }
}

/// At whom a number most likely has its wallet.
pub fn provider_of(msisdn: &str) -> Provider {
    match crate::phone::Phone::parse(msisdn).map(|phone| phone.operator()) {
        Ok(crate::phone::Operator::Airtel) => Provider::Airtel,
        _ => Provider::Mtn,
    }
}

pub async fn wallet(State(control): State<Control>, body: Bytes) -> Result<Json<Value>, Refused> {
    let arranged: Arranged = read(&body)?;
    if arranged.msisdn.is_empty() || arranged.msisdn.len() > 64 {
        return Err(refused("msisdn is empty or too long"));
    }
    if arranged.balance.is_some_and(|balance| !(0..=1_000_000_000_000).contains(&balance)) {
        return Err(refused("balance is not within 0..=1000000000000"));
    }
    let provider = arranged.provider.unwrap_or_else(|| provider_of(&arranged.msisdn));
    let msisdn = digits(&arranged.msisdn);
    Ok(Json(control.world.with(|state, _| {
        let mut wallet = state.wallets.wallet(provider, &msisdn);
        wallet.balance = arranged.balance.map_or(wallet.balance, Amount::whole);
        wallet.kyc = arranged.kyc.unwrap_or(wallet.kyc);
        wallet.active = arranged.active.unwrap_or(wallet.active);
        wallet.first_name = arranged.first_name.or(wallet.first_name);
        wallet.last_name = arranged.last_name.or(wallet.last_name);
        state.wallets.arrange(provider, &msisdn, wallet.clone());
        super::look::shown(provider, &msisdn, &wallet)
    })))
}

pub async fn discrepancy(State(control): State<Control>, body: Bytes) -> Result<Response, Refused> {
    let discrepancy: Discrepancy = read(&body)?;
    control.world.with(|state, _| {
        if state.discrepancies.len() >= DISCREPANCIES_MAX {
            return Err(refused("there are too many: DELETE /_sim/statement/discrepancies"));
        }
        state.discrepancies.push(discrepancy.clone());
        Ok((StatusCode::CREATED, Json(discrepancy)).into_response())
    })
}

pub async fn no_discrepancies(State(control): State<Control>) -> StatusCode {
    control.world.with(|state, _| state.discrepancies.clear());
    StatusCode::NO_CONTENT
}

pub async fn card(
    State(control): State<Control>,
    Path((reference, how)): Path<(String, String)>,
) -> Result<StatusCode, Refused> {
    let end = match how.as_str() {
        "pay" => End::Success,
        "decline" => End::Failure("APPROVAL_REJECTED"),
        "expire" => End::Failure("EXPIRED"),
        _ => return Err(refused("a card is paid, declined or expired")),
    };
    let is_there = control.world.with(|state, now| card::end(state, &reference, end, now));
    if is_there {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Refused { status: StatusCode::NOT_FOUND, reason: "no such session".to_owned() })
    }
}
