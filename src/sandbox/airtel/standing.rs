//! How an order stands: asked, and called back.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use serde_json::json;

use super::codes::{self, COLLECTION, DISBURSEMENT};
use super::{CALLBACK_KEY, gate};
use crate::sandbox::wire::{Call, Reply};
use crate::sandbox::world::{Callback, Family, Flow, Provider, Status, Switches, Transaction, World};
use crate::time::Timestamp;

/// Airtel's word for how an order stands, and the code that goes with it.
pub fn word(order: &Transaction) -> (&'static str, String) {
    let codes = if order.flow == Flow::Out { DISBURSEMENT } else { COLLECTION };
    match order.status {
        Status::Successful => ("TS", codes.code("01001")),
        Status::Failed("EXPIRED") => ("TE", codes.of_reason("EXPIRED")),
        Status::Failed(reason) => ("TF", codes.of_reason(reason)),
        Status::Cancelled => ("TF", codes.code("01005")),
        Status::Created | Status::Pending if order.is_ambiguous => ("TA", codes.code("01000")),
        Status::Created | Status::Pending => ("TIP", codes.code("01006")),
    }
}

fn message(order: &Transaction) -> &'static str {
    match order.status {
        Status::Successful => "Paid Successfully",
        Status::Failed(reason) => codes::words(reason),
        Status::Cancelled => "Transaction has failed",
        Status::Created | Status::Pending if order.is_ambiguous => "Transaction is ambiguous",
        Status::Created | Status::Pending => "Transaction in progress",
    }
}

/// `GET /standard/v1/payments/{id}` and `GET /standard/v{1,2,3}/disbursements/{id}`
pub fn read(world: &World, call: &Call, kind: &str, id: &str) -> Result<Reply, Reply> {
    let (codes, family) = match kind {
        "payments" => (COLLECTION, "collection"),
        _ => (DISBURSEMENT, "disbursement"),
    };
    let tenant = gate::pass(world, call, codes)?;
    let end = if kind == "payments" { "01025" } else { "01015" };
    world.with(|state, now| {
        let family = Family { provider: Provider::Airtel, tenant: &tenant, name: family };
        let order = state.book.find(family, id).filter(|order| order.visible_from <= now);
        let Some(order) = order else {
            return Err(codes.refused(end, "ESB000045", "Transaction not found"));
        };
        let (word, code) = word(order);
        let mut transaction = json!({"id": order.reference, "message": message(order), "status": word});
        if order.status == Status::Successful {
            transaction["airtel_money_id"] = json!(order.provider_reference);
        }
        let status = codes::status(true, &code, "ESB000010", "SUCCESS");
        Ok(Reply::json(200, &json!({"data": {"transaction": transaction}, "status": status})))
    })
}

/// What Airtel sends when an order is over.
pub fn callback(order: &Transaction, said: Status, switches: &Switches, _: Timestamp) -> Option<Callback> {
    let url = order.callback.clone()?;
    let order = Transaction { status: said, ..order.clone() };
    let mut transaction = json!({
        "id": order.reference,
        "message": message(&order),
        "status_code": if word(&order).0 == "TS" { "TS" } else { "TF" },
    });
    if said == Status::Successful {
        transaction["airtel_money_id"] = json!(order.provider_reference);
    }
    let transaction = transaction.to_string();
    let body = if switches.airtel_callback_hash {
        format!("{{\"transaction\":{transaction},\"hash\":\"{}\"}}", hash(&transaction))
    } else {
        format!("{{\"transaction\":{transaction}}}")
    };
    let (provider, reference) = (Provider::Airtel, order.reference);
    Some(Callback { provider, url, method: "POST", headers: Vec::new(), body, reference })
}

/// Over the bytes of the transaction as they are sent.
pub fn hash(transaction: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, CALLBACK_KEY.as_bytes());
    STANDARD.encode(hmac::sign(&key, transaction.as_bytes()))
}
