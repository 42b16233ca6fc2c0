//! The sections about providers of payments: `[providers]`, `[mtn]`, `[airtel]`, `[card]`.
//!
//! Separate from the other sections about money because all of it is of other companies' making: what to put here is told by
//! docs/PAYMENTS.md. A section is on when its credentials are there; beside the sandbox none may be.

use super::people::{SandboxConfig, is_base_url};
use super::reader::{Reader, Section};
use crate::payments::providers::airtel::crypto::{Padding, public_key};
use crate::payments::providers::{Config, airtel, card, mtn, outgoing};
use crate::redact::Secret;

const ELSEWHERE: &str = "is not https://HOST without a path (http:// only to this machine)";

const REAL: &str =
    "is of a real provider, and the sandbox is on: a rehearsal does not move real money. Use one of the two";

/// Who moves money.
pub fn providers(reader: &mut Reader<'_>, sandbox: &SandboxConfig) -> Config {
    let mut s = reader.section("providers");
    let limits = outgoing::Limits {
        connect: s.span("connect_timeout_ms", 100..=60_000),
        total: s.span("timeout_ms", 100..=120_000),
    };
    s.require(limits.connect <= limits.total, "connect_timeout_ms", "providers.timeout_ms", "is more than timeout_ms");
    Config { limits, mtn: mtn(reader, sandbox), airtel: airtel(reader, sandbox), card: card(reader, sandbox) }
}

fn base_url(s: &mut Section<'_, '_>) -> String {
    let url = s.text("base_url");
    if !is_base_url(&url) {
        s.fault("base_url", format!("{url:?} {ELSEWHERE}"));
    }
    url
}

/// The credentials that must be there together. Whether they are; that some are missing is a fault.
fn are_there(s: &mut Section<'_, '_>, sandbox: &SandboxConfig, credentials: &[(&str, bool)]) -> bool {
    if credentials.iter().all(|(_, is_there)| !is_there) {
        return false;
    }
    for (name, is_there) in credentials {
        if !is_there {
            s.fault(name, "is empty, and the other credentials of this section are there");
        } else {
            s.require(!sandbox.enabled, name, "sandbox.enabled", REAL);
        }
    }
    true
}

fn or_empty(secret: Option<Secret<String>>) -> Secret<String> {
    secret.unwrap_or_else(|| Secret::new(String::new()))
}

fn mtn(reader: &mut Reader<'_>, sandbox: &SandboxConfig) -> Option<mtn::Config> {
    let mut s = reader.section("mtn");
    let base_url = base_url(&mut s);
    let (target_environment, currency) = (s.text("target_environment"), s.text("currency"));
    for (name, is_empty) in [("target_environment", target_environment.is_empty()), ("currency", currency.is_empty())] {
        if is_empty {
            s.fault(name, "is empty");
        }
    }
    let in_their_sandbox = target_environment == "sandbox";
    s.require(
        !in_their_sandbox || currency == "EUR",
        "currency",
        "mtn.target_environment",
        "is not EUR, which is the only currency of target_environment = \"sandbox\"",
    );
    let api_user = s.text("api_user");
    let (api_key, collection) = (s.secret("api_key"), s.secret("collection_key"));
    let collection_secondary = s.secret("collection_key_secondary");
    let (disbursement, disbursement_secondary) = (s.secret("disbursement_key"), s.secret("disbursement_key_secondary"));
    let callback_host = s.optional_text("callback_host");
    if callback_host.as_ref().is_some_and(|host| !host.contains('.') || host.contains([':', '/', '@'])) {
        s.fault("callback_host", "is not a domain alone, such as pay.example.rw");
    }
    let refund_as = s.choice(
        "refund_as",
        &[
            ("refund_v2", mtn::RefundAs::RefundV2),
            ("refund_v1", mtn::RefundAs::RefundV1),
            ("payout", mtn::RefundAs::Payout),
        ],
    );
    let credentials =
        [("api_user", !api_user.is_empty()), ("api_key", api_key.is_some()), ("collection_key", collection.is_some())];
    if !are_there(&mut s, sandbox, &credentials) {
        return None;
    }
    Some(mtn::Config {
        base_url,
        target_environment,
        currency,
        api_user,
        api_key: or_empty(api_key),
        collection: mtn::Keys { primary: or_empty(collection), secondary: collection_secondary },
        disbursement: disbursement.map(|primary| mtn::Keys { primary, secondary: disbursement_secondary }),
        callback_host,
        refund_as,
    })
}

fn airtel(reader: &mut Reader<'_>, sandbox: &SandboxConfig) -> Option<airtel::Config> {
    let mut s = reader.section("airtel");
    let base_url = base_url(&mut s);
    let (country, currency) = (s.text("country"), s.text("currency"));
    let client_id = s.text("client_id");
    let client_secret = s.secret("client_secret");
    let collections = s.choice("collections", &[("v2", airtel::Collections::V2), ("v1", airtel::Collections::V1)]);
    let disbursements = s.choice(
        "disbursements",
        &[("v3", airtel::Disbursements::V3), ("v2", airtel::Disbursements::V2), ("v1", airtel::Disbursements::V1)],
    );
    let pin = s.secret("pin");
    let key = s.optional_text("pin_public_key");
    if key.as_deref().is_some_and(|key| public_key(key).is_none()) {
        s.fault("pin_public_key", "is not a public RSA key in base64 (DER, SPKI)");
    }
    let padding = s.choice("pin_padding", &[("pkcs1", Padding::Pkcs1), ("oaep_sha256", Padding::OaepSha256)]);
    let callback_key = s.secret("callback_key");
    let refund_as = s
        .choice("refund_as", &[("refund", airtel::RefundAs::Refund), ("disbursement", airtel::RefundAs::Disbursement)]);
    s.require(
        refund_as == airtel::RefundAs::Refund || pin.is_some() || client_id.is_empty(),
        "refund_as",
        "airtel.pin",
        "needs airtel.pin, which is empty",
    );
    let credentials = [("client_id", !client_id.is_empty()), ("client_secret", client_secret.is_some())];
    if !are_there(&mut s, sandbox, &credentials) {
        return None;
    }
    Some(airtel::Config {
        base_url,
        country,
        currency,
        client_id,
        client_secret: or_empty(client_secret),
        collections,
        disbursements,
        pin: pin.map(|pin| airtel::Pin { pin, key, padding }),
        refund_as,
        callback_key,
    })
}

fn card(reader: &mut Reader<'_>, sandbox: &SandboxConfig) -> Option<card::Config> {
    let mut s = reader.section("card");
    let base_url = base_url(&mut s);
    let currency = s.text("currency");
    let (api_key, webhook_key) = (s.secret("api_key"), s.secret("webhook_key"));
    if !are_there(&mut s, sandbox, &[("api_key", api_key.is_some())]) {
        return None;
    }
    Some(card::Config { base_url, currency, api_key: or_empty(api_key), webhook_key })
}
