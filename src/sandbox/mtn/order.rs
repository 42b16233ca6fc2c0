//! Orders: what is checked before 202, in the order in which the platform checks it.
//!
//! Separate because everything that a client can do wrong with an order is here. Invariant: what is refused consumes no
//! reference.

use serde_json::Value;

use super::account::is_rwandan;
use super::gate::{self, Caller};
use super::route::Kind;
use super::users::Environment;
use crate::sandbox::wire::{Call, Reply};
use crate::sandbox::world::{
    Amount, End, Family, Flow, Order, Plan, Provider, State, Status, in_euros, in_francs, of_refund,
};
use crate::time::Timestamp;

/// Longest message to a person.
const MESSAGE_CHARS_MAX: usize = 160;
/// Whom an order can be about.
const PARTY_KINDS: [&str; 5] = ["MSISDN", "EMAIL", "PARTY_CODE", "ALIAS", "ID"];

/// What a body says.
struct Wish {
    external_id: String,
    amount: Amount,
    party: String,
    is_msisdn: bool,
}

/// `POST /{product}/v1_0/{kind}`
pub fn take(
    state: &mut State,
    call: &Call,
    product: &'static str,
    kind: &'static Kind,
    now: Timestamp,
) -> Result<Reply, Reply> {
    let caller = gate::pass(state, call, product, now)?;
    let reference = gate::reference(call, &caller)?;
    let body = call.json().ok_or_else(|| Reply::empty(400))?;
    let callback = gate::callback_url(state, call, &caller)?;
    let family = Family { provider: Provider::Mtn, tenant: &caller.user, name: product };
    if state.book.find(family, &reference).is_some() {
        return Err(duplicate());
    }
    let wish = read(&body, kind, caller.environment)?;
    let (party, plan, original) = match kind.flow {
        Flow::Back => of_original(state, &caller, &wish),
        _ => (wish.party.clone(), plan(state, &caller, kind, &wish), None),
    };
    if let Plan { may_fail_at_once: true, ends: Some((_, End::Failure(code))), .. } = plan
        && state.switches.config_errors_on_post
    {
        let status = if code == "SERVICE_UNAVAILABLE" { 503 } else { 500 };
        return Err(gate::refused(status, code, "Refused."));
    }
    let order = Order {
        provider: Provider::Mtn,
        tenant: caller.user,
        product,
        family: product,
        kind: kind.name,
        flow: kind.flow,
        reference,
        external_id: wish.external_id,
        party,
        amount: wish.amount,
        currency: caller.environment.currency(),
        plan,
        callback,
        original,
        body: call.body.clone(),
    };
    state.submit(order, now).map_err(|_| duplicate())?;
    if plan.is_ambiguous {
        let message = "An internal error occurred while processing.";
        return Err(gate::refused(500, "INTERNAL_PROCESSING_ERROR", message));
    }
    Ok(Reply::empty(202))
}

fn duplicate() -> Reply {
    gate::refused(409, "RESOURCE_ALREADY_EXIST", "Duplicated reference id. Creation of resource failed.")
}

fn read(body: &Value, kind: &Kind, environment: Environment) -> Result<Wish, Reply> {
    let (amount, currency) = match kind.name {
        "payment" => (&body["money"]["amount"], &body["money"]["currency"]),
        "preapproval" => (&Value::Null, &body["payerCurrency"]),
        _ => (&body["amount"], &body["currency"]),
    };
    let amount = match kind.name {
        "preapproval" => Amount(0),
        _ => {
            let read = amount.as_str().and_then(Amount::parse).filter(|amount| amount.0 > 0);
            let read = read.filter(|amount| environment == Environment::Sandbox || amount.is_whole());
            read.ok_or_else(|| gate::invalid("amount is not a positive number in a string."))?
        }
    };
    let external_id = match ["externalId", "externalTransactionId"].iter().find_map(|field| body.get(field)) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    };
    let (party, is_msisdn) = match kind.name {
        "refund" | "payment" => {
            let named = body[kind.party].as_str().unwrap_or_default();
            if kind.name == "refund" && named.is_empty() {
                return Err(gate::invalid("referenceIdToRefund is missing."));
            }
            (named.to_owned(), false)
        }
        _ => party(&body[kind.party])?,
    };
    for field in ["payerMessage", "payeeNote"] {
        match &body[field] {
            Value::Null => {}
            Value::String(text) if text.chars().count() <= MESSAGE_CHARS_MAX => {}
            _ => return Err(gate::invalid(&format!("{field} is not a text of at most 160 characters."))),
        }
    }
    if currency.as_str() != Some(environment.currency()) {
        return Err(gate::refused(500, "INVALID_CURRENCY", "Currency not supported."));
    }
    Ok(Wish { external_id, amount, party, is_msisdn })
}

/// Whose wallet, and whether it is named by its number.
fn party(party: &Value) -> Result<(String, bool), Reply> {
    let (kind, id) = (party["partyIdType"].as_str().unwrap_or_default(), party["partyId"].as_str().unwrap_or_default());
    if !PARTY_KINDS.iter().any(|known| known.eq_ignore_ascii_case(kind)) {
        return Err(gate::invalid("partyIdType is not known."));
    }
    let is_msisdn = kind.eq_ignore_ascii_case("MSISDN");
    let is_number = (5..=15).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_digit());
    if id.is_empty() || is_msisdn && !is_number {
        return Err(gate::invalid("partyId is not a number in digits with its country code."));
    }
    Ok((id.to_owned(), is_msisdn))
}

fn plan(state: &State, caller: &Caller, kind: &Kind, wish: &Wish) -> Plan {
    let is_to_payee = kind.flow == Flow::Out;
    match caller.environment {
        Environment::Sandbox => in_euros(&wish.party, kind.column),
        Environment::Rwanda if wish.is_msisdn && !is_rwandan(&wish.party) => {
            let reason = if is_to_payee { "PAYEE_NOT_FOUND" } else { "PAYER_NOT_FOUND" };
            Plan::failure(state.switches.prompt_delay(), reason)
        }
        Environment::Rwanda => in_francs(&wish.party, state.switches.prompt_delay(), is_to_payee),
    }
}

/// A refund goes where the payment came from. Only a payment can be given back, and not more than there was.
fn of_original(state: &State, caller: &Caller, wish: &Wish) -> (String, Plan, Option<u64>) {
    if let Some(plan) = of_refund(&wish.party).filter(|_| caller.environment == Environment::Sandbox) {
        return (wish.party.clone(), plan, None);
    }
    let delay = match caller.environment {
        Environment::Sandbox => crate::time::Span::ZERO,
        Environment::Rwanda => state.switches.prompt_delay(),
    };
    let family = Family { provider: Provider::Mtn, tenant: &caller.user, name: "collection" };
    let named = wish.party.to_ascii_lowercase();
    let Some(original) = state.book.find(family, &named).filter(|original| original.flow == Flow::In) else {
        return (String::new(), Plan::failure(delay, "PAYER_NOT_FOUND"), None);
    };
    let given = original.given_back.0.saturating_add(wish.amount.0);
    if original.status != Status::Successful || given > original.moves.0 {
        return (original.party.clone(), Plan::failure(delay, "NOT_ALLOWED"), None);
    }
    let plan = match caller.environment {
        Environment::Sandbox => Plan::success(delay),
        Environment::Rwanda => {
            // Who paid has a wallet: only the numbers that are slow or unclear are so here as well.
            let plan = Plan { is_off: false, lies: false, ..in_francs(&original.party, delay, true) };
            if matches!(plan.ends, Some((_, End::Failure(_)))) { Plan::success(delay) } else { plan }
        }
    };
    (original.party.clone(), plan, Some(original.number))
}

/// `POST /{product}/v1_0/requesttopay/{reference}/deliverynotification`
pub fn notify(state: &mut State, call: &Call, product: &str, reference: &str, now: Timestamp) -> Result<Reply, Reply> {
    let caller = gate::pass(state, call, product, now)?;
    let family = Family { provider: Provider::Mtn, tenant: &caller.user, name: product };
    let order = state.book.find(family, &reference.to_ascii_lowercase());
    order.filter(|order| order.kind == "requesttopay" && order.visible_from <= now).ok_or_else(gate::not_found)?;
    let body = call.json();
    let text = body.as_ref().and_then(|body| body["notificationMessage"].as_str());
    let text = text.or_else(|| call.header("notificationmessage"));
    match text {
        Some(text) if text.chars().count() <= MESSAGE_CHARS_MAX => Ok(Reply::empty(200)),
        _ => Err(gate::invalid("notificationMessage is not a text of at most 160 characters.")),
    }
}

/// `DELETE /{product}/v1_0/{kind}/{reference}`
pub fn cancel(
    state: &mut State,
    call: &Call,
    product: &str,
    kind: &Kind,
    reference: &str,
    now: Timestamp,
) -> Result<Reply, Reply> {
    let caller = gate::pass(state, call, product, now)?;
    let family = Family { provider: Provider::Mtn, tenant: &caller.user, name: product };
    let order = state.book.find(family, &reference.to_ascii_lowercase());
    let order = order.filter(|order| order.kind == kind.name).ok_or_else(gate::not_found)?;
    let (number, is_mandate) = (order.number, order.flow == Flow::Nowhere);
    // A mandate that was given can be withdrawn; an invoice that was paid cannot.
    if !state.cancel(number, now) && !is_mandate {
        return Err(gate::refused(500, "NOT_ALLOWED", "The invoice is not open."));
    }
    if let Some(order) = state.book.get_mut(number).filter(|_| is_mandate) {
        order.status = Status::Cancelled;
    }
    Ok(Reply::empty(200))
}
