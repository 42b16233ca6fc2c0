//! The stand-ins in place of the outside world: who we are to them.
//!
//! Separate so that one place holds the names and keys of a rehearsal. They are no secrets: whoever reads this has them.

use crate::payments::providers::airtel::crypto::Padding;
use crate::payments::providers::{Config, airtel, card, mtn, outgoing};
use crate::redact::Secret;
use crate::sandbox::{self, Addresses};
use crate::time::Span;

/// They are on this machine, and some answer late on purpose.
const LIMITS: outgoing::Limits = outgoing::Limits { connect: Span::from_secs(2), total: Span::from_secs(10) };

const CURRENCY: &str = "RWF";

/// All three, at the sandbox.
pub(super) fn providers(addresses: &Addresses) -> Config {
    let secret = |text: &str| Secret::new(text.to_owned());
    let keys = |text: &str| mtn::Keys { primary: secret(text), secondary: None };
    Config {
        limits: LIMITS,
        mtn: Some(mtn::Config {
            base_url: addresses.mtn.clone(),
            target_environment: "mtnrwanda".to_owned(),
            currency: CURRENCY.to_owned(),
            api_user: sandbox::mtn::API_USER.to_owned(),
            api_key: secret(sandbox::mtn::API_KEY),
            collection: keys(sandbox::mtn::COLLECTION_KEY),
            disbursement: Some(keys(sandbox::mtn::DISBURSEMENT_KEY)),
            callback_host: None,
            refund_as: mtn::RefundAs::RefundV2,
        }),
        airtel: Some(airtel::Config {
            base_url: addresses.airtel.clone(),
            country: "RW".to_owned(),
            currency: CURRENCY.to_owned(),
            client_id: sandbox::airtel::CLIENT_ID.to_owned(),
            client_secret: secret(sandbox::airtel::CLIENT_SECRET),
            collections: airtel::Collections::V2,
            disbursements: airtel::Disbursements::V3,
            pin: Some(airtel::Pin { pin: secret(sandbox::airtel::PIN), key: None, padding: Padding::Pkcs1 }),
            refund_as: airtel::RefundAs::Refund,
            callback_key: Some(secret(sandbox::airtel::CALLBACK_KEY)),
        }),
        card: Some(card::Config {
            base_url: addresses.card.clone(),
            currency: CURRENCY.to_owned(),
            api_key: secret(sandbox::card::API_KEY),
            webhook_key: Some(secret(sandbox::card::WEBHOOK_KEY)),
        }),
    }
}
