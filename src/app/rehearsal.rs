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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use uuid::Uuid;

    use super::*;
    use crate::clock;
    use crate::jobs::Clock;
    use crate::money::Francs;
    use crate::payments::ProviderId;
    use crate::payments::providers::{
        AttemptId, Operation, Order, Original, Provider, Query, Reason, Standing, Submitted, Trouble,
    };
    use crate::phone::Phone;
    use crate::sandbox::Sandbox;

    fn order(operation: Operation, wallet: &str, amount: i64) -> Order {
        Order {
            attempt: AttemptId(Uuid::new_v4()),
            operation,
            amount: Francs(amount),
            wallet: Some(Phone::parse(wallet).unwrap()),
            note: "Ride 8842".to_owned(),
            callback_url: None,
            original: None,
        }
    }

    /// Sends it, lets `pay` happen, and asks how it ended.
    async fn ended(provider: &Arc<dyn Provider>, order: &Order) -> (Standing, Option<String>) {
        let submitted = provider.submit(order).await;
        let (reference, page) = match submitted {
            Submitted::Accepted { provider_reference, page_url } => (provider_reference, page_url),
            Submitted::Refused(refusal) => return (Standing::Failed(refusal), None),
            other => panic!("{:?} {:?}: {other:?}", provider.id(), order.operation),
        };
        if let Some(page) = page.filter(|_| order.amount.amount() % 100 == 0) {
            let paid = reqwest::Client::new().post(format!("{page}/complete")).send().await.unwrap();
            assert!(paid.status().is_success() || paid.status().is_redirection(), "{}", paid.status());
        }
        let again = provider.submit(order).await;
        let is_harmless = matches!(again, Submitted::Accepted { .. } | Submitted::AlreadyExists);
        // Airtel's refund has no reference of ours, and its sandbox refuses a second one all the same.
        assert!(is_harmless, "{:?} {:?}: {again:?}", provider.id(), order.operation);
        let query = Query {
            attempt: order.attempt,
            operation: order.operation,
            base_url: provider.base_url().to_owned(),
            provider_reference: reference,
            original: order.original.clone(),
        };
        let standing = provider.standing(&query).await;
        let reference = match &standing {
            Standing::Succeeded(moved) => moved.provider_reference.clone(),
            _ => None,
        };
        (standing, reference)
    }

    #[tokio::test]
    async fn every_provider_of_the_sandbox_moves_money_as_it_is_asked() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let sandbox = Sandbox::start("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let clock: Clock = Arc::new(clock::now);
        let all = providers(sandbox.addresses()).open(true, &clock).unwrap();
        for (id, prefix) in [(ProviderId::Mtn, "+25078"), (ProviderId::Airtel, "+25073"), (ProviderId::Card, "+25078")]
        {
            let provider = all.get(id).expect("all three are there");
            let is_card = id == ProviderId::Card;
            let wallet = |tail: &str| format!("{prefix}8000{tail}");
            let collection = order(Operation::Collection, &wallet("001"), 1_500);
            let (standing, reference) = ended(provider, &collection).await;
            let Standing::Succeeded(moved) = standing else { panic!("{id:?}: {standing:?}") };
            assert!(moved.amount.is_none_or(|amount| amount == Ok(Francs(1_500))), "{id:?}: {moved:?}");
            assert!(moved.is_our_currency != Some(false) && moved.is_our_reference == Some(true), "{id:?}: {moved:?}");

            let declines = if is_card { ("001", 1_539) } else { ("039", 1_500) };
            let short_of_money = if is_card { ("001", 1_549) } else { ("049", 1_500) };
            for ((tail, amount), reason) in
                [(declines, Reason::PayerDeclined), (short_of_money, Reason::InsufficientFunds)]
            {
                let (standing, _) = ended(provider, &order(Operation::Collection, &wallet(tail), amount)).await;
                let Standing::Failed(refusal) = standing else { panic!("{id:?} {tail}: {standing:?}") };
                assert_eq!(refusal.reason, reason, "{id:?} {tail}: {}", refusal.code);
            }

            let refund = Order {
                original: Some(Original {
                    attempt: collection.attempt,
                    provider_reference: reference,
                    amount: collection.amount,
                }),
                ..order(Operation::Refund, &wallet("001"), 1_500)
            };
            let (standing, _) = ended(provider, &refund).await;
            assert!(matches!(standing, Standing::Succeeded(_)), "{id:?}: {standing:?}");
            let wallet = Phone::parse(&wallet("001")).unwrap();
            if is_card {
                assert_eq!(provider.holder(wallet).await, Err(Trouble::Unsupported));
            } else {
                let (standing, _) = ended(provider, &order(Operation::Payout, wallet.as_str(), 1_000)).await;
                assert!(matches!(standing, Standing::Succeeded(_)), "{id:?}: {standing:?}");
                assert!(provider.holder(wallet).await.unwrap().is_active);
            }
            assert!(!provider.balances().await.unwrap().is_empty());
            let day = clock::now().kigali_day();
            match provider.statement(day).await {
                Ok(lines) => assert!(id == ProviderId::Airtel && lines.len() >= 3, "{lines:?}"),
                Err(trouble) => assert!(id != ProviderId::Airtel, "{trouble}"),
            }
        }
        sandbox.stop().await;
    }
}
