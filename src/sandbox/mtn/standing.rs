//! How an order stands: asked, and called back. The bodies differ from product to product.

use serde_json::{Map, Value, json};

use super::gate;
use super::route::{Kind, Party};
use crate::sandbox::wire::{Call, Reply};
use crate::sandbox::world::{Callback, CallbackMethod, Family, Provider, Shape, State, Status, Switches, Transaction};
use crate::time::{Span, Timestamp};

/// Which order is asked about.
pub struct Asked<'a> {
    /// Whose product it is of.
    pub product: &'a str,
    /// What was ordered.
    pub kind: &'a Kind,
    /// The customer's reference.
    pub reference: &'a str,
    /// How a reason is to be written.
    pub shape: Shape,
}

/// `GET /{product}/v1_0/{kind}/{reference}`
pub fn read(state: &mut State, call: &Call, asked: &Asked<'_>, now: Timestamp) -> Result<Reply, Reply> {
    let Asked { product, kind, reference, shape } = *asked;
    let caller = gate::pass(state, call, product, now)?;
    gate::limit(state, call, &caller, now)?;
    let family = Family { provider: Provider::Mtn, tenant: &caller.user, name: product };
    let order = state.book.find(family, &reference.to_ascii_lowercase());
    let order = order.filter(|order| order.kind == kind.name && order.visible_from <= now);
    let order = order.ok_or_else(gate::not_found)?;
    let is_object = match shape {
        Shape::Usual => state.switches.reason_object,
        Shape::Object => true,
        Shape::Word => false,
    };
    Ok(Reply::json(200, &body(order, order.status, is_object)))
}

/// `GET /collection/v1_0/preapprovals/{type}/{id}`
pub fn mandates(
    state: &mut State,
    call: &Call,
    product: &str,
    party: Party<'_>,
    now: Timestamp,
) -> Result<Reply, Reply> {
    let caller = gate::pass(state, call, product, now)?;
    let is_meant =
        |order: &&Transaction| order.kind == "preapproval" && order.tenant == caller.user && order.party == party.id;
    let found = state.book.all().rev().filter(is_meant).take(100).map(|order| {
        json!({
            "preApprovalId": order.reference,
            "toFri": format!("FRI:{}/MSISDN", order.party),
            "fromFri": format!("FRI:{}/MM", order.party),
            "fromCurrency": order.currency,
            "createdTime": order.created,
            "approvedTime": order.ended,
            "expiryTime": expires(order),
            "status": if order.status == Status::Successful { "APPROVED" } else { order.status.as_str() },
            "message": "",
            "frequency": "",
        })
    });
    Ok(Reply::json(200, &Value::Array(found.collect())))
}

/// What MTN sends when an order is over.
pub fn callback(order: &Transaction, said: Status, switches: &Switches, _: Timestamp) -> Option<Callback> {
    Some(Callback {
        provider: Provider::Mtn,
        url: order.callback.clone()?,
        method: match switches.callback_method {
            CallbackMethod::Put => "PUT",
            CallbackMethod::Post => "POST",
        },
        headers: Vec::new(),
        body: body(order, said, switches.reason_object).to_string(),
        reference: order.reference.clone(),
    })
}

/// An order with a status.
fn body(order: &Transaction, status: Status, is_object: bool) -> Value {
    let sent: Value = serde_json::from_slice(&order.body).unwrap_or_default();
    let mut body = Map::new();
    let moved = if status == Status::Successful { order.moves } else { order.amount };
    let reason = status.reason().map(|code| match is_object {
        true => json!({"code": code, "message": message(code)}),
        false => json!(code),
    });
    let enriched = status.reason().map(|code| json!({"code": code, "message": message(code)}));
    let reference = || json!(order.reference);
    let fields: Vec<(&str, Option<Value>)> = match order.kind {
        "preapproval" => vec![
            ("payer", sent.get("payer").cloned()),
            ("payerCurrency", Some(json!(order.currency))),
            ("payerMessage", sent.get("payerMessage").cloned()),
            ("expirationDateTime", Some(json!(expires(order)))),
        ],
        "payment" => vec![("referenceId", Some(reference()))],
        "invoice" => vec![
            ("referenceId", Some(reference())),
            ("externalId", Some(json!(order.external_id))),
            ("amount", Some(json!(moved.to_string()))),
            ("currency", Some(json!(order.currency))),
            ("paymentReference", Some(json!(order.provider_reference))),
            ("invoiceId", Some(json!(order.number.to_string()))),
            ("expiryDateTime", Some(json!(expires(order)))),
            ("intendedPayer", sent.get("intendedPayer").cloned()),
            ("description", sent.get("description").cloned()),
            ("errorReason", enriched.clone()),
        ],
        _ => vec![
            ("externalId", Some(json!(order.external_id))),
            ("amount", Some(json!(moved.to_string()))),
            ("currency", Some(json!(order.currency))),
            ("payer", sent.get("payer").cloned()),
            ("payee", sent.get("payee").cloned()),
            ("payerMessage", sent.get("payerMessage").cloned()),
            ("payeeNote", sent.get("payeeNote").cloned()),
        ],
    };
    body.extend(fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    if status == Status::Successful && !matches!(order.kind, "preapproval" | "invoice") {
        body.insert("financialTransactionId".to_owned(), json!(order.provider_reference));
    }
    body.insert("status".to_owned(), json!(status.as_str()));
    let reason = if order.kind == "payment" { enriched } else { reason };
    if let Some(reason) = reason.filter(|_| order.kind != "invoice") {
        body.insert("reason".to_owned(), reason);
    }
    Value::Object(body)
}

fn message(code: &str) -> String {
    let mut message = code.replace('_', " ").to_ascii_lowercase();
    if let Some(first) = message.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    message.push('.');
    message
}

/// A mandate or an invoice is not for ever: as long as it says, or a day.
fn expires(order: &Transaction) -> Timestamp {
    let sent: Value = serde_json::from_slice(&order.body).unwrap_or_default();
    let seconds = match sent.get("validityTime").or_else(|| sent.get("validityDuration")) {
        Some(Value::Number(number)) => number.as_i64(),
        Some(Value::String(text)) => text.parse().ok(),
        _ => None,
    };
    order.created + Span::from_secs(seconds.unwrap_or(86_400).clamp(0, 1_000_000_000))
}
