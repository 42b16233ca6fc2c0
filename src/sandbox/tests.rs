//! The stand-ins over their wire, with the engine's own client on the other end.

use serde_json::{Value, json};

use super::*;
use crate::clock;
use crate::notifications::sms::africastalking::{AfricasTalking, Config};
use crate::notifications::sms::{Outcome, Provider, Sms};
use crate::phone::Phone;
use crate::redact::Secret;
use crate::time::Span;

const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

fn http() -> reqwest::Client {
    // Another test may have installed it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}

fn gateway(sandbox: &Sandbox, key: &str) -> AfricasTalking {
    let config = Config {
        base_url: sandbox.url(),
        username: SMS_USERNAME.into(),
        api_key: Secret::new(key.into()),
        sender: Some("BODA".into()),
        timeout: Span::from_secs(10),
    };
    AfricasTalking::new(config, http())
}

fn sms(to: &str, text: &str) -> Sms {
    Sms { to: Phone::parse(to).expect("valid"), text: Secret::new(text.into()) }
}

async fn messages(sandbox: &Sandbox, query: &str) -> Vec<Value> {
    let url = format!("{}/_sim/sms{query}", sandbox.url());
    let answer: Value = http().get(url).send().await.expect("answered").json().await.expect("JSON");
    answer["items"].as_array().expect("a list").clone()
}

#[tokio::test]
async fn an_sms_arrives_and_is_forgotten_on_request() {
    let sandbox = Sandbox::start(ANY_PORT).await.expect("started");
    let gateway = gateway(&sandbox, SMS_API_KEY);
    for (to, text) in [("0788123456", "Kode yawe ni 1"), ("0722123456", "+&= é"), ("0788123456", "Kode yawe ni 2")] {
        let outcome = gateway.send(&sms(to, text)).await;
        assert!(matches!(outcome, Outcome::Sent { provider_message_id: Some(_) }), "{outcome:?}");
    }
    let all = messages(&sandbox, "").await;
    let texts: Vec<_> = all.iter().map(|message| &message["text"]).collect();
    assert_eq!(texts, ["Kode yawe ni 2", "+&= é", "Kode yawe ni 1"]);
    assert_eq!((&all[0]["to"], &all[0]["from"]), (&json!("+250788123456"), &json!("BODA")));
    for query in ["?to=%2B250788123456&limit=1", "?to=+250788123456&limit=1", "?to=0788123456&limit=1"] {
        let one = messages(&sandbox, query).await;
        assert_eq!((one.len(), &one[0]["text"]), (1, &json!("Kode yawe ni 2")), "{query}");
    }
    let reset = http().post(format!("{}/_sim/reset", sandbox.url())).send().await.expect("answered");
    assert_eq!(reset.status(), 204);
    assert!(messages(&sandbox, "").await.is_empty());
    sandbox.stop().await;
}

#[tokio::test]
async fn refusals_are_those_of_the_gateway() {
    let sandbox = Sandbox::start(ANY_PORT).await.expect("started");
    let unknown = gateway(&sandbox, SMS_API_KEY).send(&sms("0788123000", "x")).await;
    assert_eq!(unknown, Outcome::Refused { reason: "403 not a number the gateway knows".into() });
    let stranger = gateway(&sandbox, "guess").send(&sms("0788123456", "x")).await;
    assert_eq!(stranger, Outcome::TryAgain { reason: "the gateway refused our key".into() });
    assert!(messages(&sandbox, "").await.is_empty());
    let url = sandbox.url();
    sandbox.stop().await;
    assert!(http().get(url).send().await.is_err(), "nobody listens");
}

/// Golden: the request as the gateway sees it, and its answers byte for byte.
#[tokio::test]
async fn the_wire_is_the_gateways() {
    let sandbox = Sandbox::start(ANY_PORT).await.expect("started");
    let post = |key: &'static str, body: &'static str| {
        http()
            .post(format!("{}/version1/messaging", sandbox.url()))
            .header("apiKey", key)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body)
            .send()
    };
    let form = "username=sandbox&to=%2B250788123456%2C%2B250788000000&message=Muraho+neza&bulkSMSMode=1&enqueue=1";
    let answer = post(SMS_API_KEY, form).await.expect("answered");
    assert_eq!(answer.status(), 201);
    let mut answer: Value = answer.json().await.expect("JSON");
    let id = answer["SMSMessageData"]["Recipients"][0]["messageId"].take();
    assert!(id.as_str().is_some_and(|id| id.starts_with("ATXid_")), "{id}");
    let expected = json!({"SMSMessageData": {
        "Message": "Sent to 1/2 Total Cost: RWF 10",
        "Recipients": [
            {"statusCode": 101, "number": "+250788123456", "status": "Success", "cost": "RWF 10", "messageId": null},
            {"statusCode": 403, "number": "+250788000000", "status": "InvalidPhoneNumber", "cost": "0",
             "messageId": "None"},
        ],
    }});
    assert_eq!(answer, expected);
    let refused = post("wrong", form).await.expect("answered");
    assert_eq!(refused.status(), 401);
    assert!(refused.headers()["content-type"].to_str().expect("ASCII").starts_with("text/plain"));
    assert_eq!(refused.text().await.expect("text"), "The supplied authentication is invalid");
    sandbox.stop().await;
}

/// The other half of the golden wire: what our client puts on it.
#[tokio::test]
async fn our_client_sends_what_the_gateway_asks_for() {
    use axum::extract::Request;
    use axum::routing::any;

    let listener = TcpListener::bind(ANY_PORT).await.expect("bound");
    let address = listener.local_addr().expect("bound");
    let (seen, mut requests) = tokio::sync::mpsc::channel(1);
    let record = any(move |request: Request| async move {
        let (head, body) = request.into_parts();
        let body = axum::body::to_bytes(body, BODY_BYTES_MAX).await.expect("a body");
        seen.send((head, String::from_utf8(body.to_vec()).expect("text"))).await.expect("somebody listens");
        (StatusCode::CREATED, "{}")
    });
    let server = tokio::spawn(async move { axum::serve(listener, Router::new().fallback(record)).await });
    let config = Config {
        base_url: format!("http://{address}"),
        username: "boda".into(),
        api_key: Secret::new("atsk_1".into()),
        sender: None,
        timeout: Span::from_secs(10),
    };
    let outcome = AfricasTalking::new(config, http()).send(&sms("0788123456", "Kode yawe ni 042137.")).await;
    assert_eq!(outcome, Outcome::TryAgain { reason: "the gateway's answer was not understood".into() });
    let (head, body) = requests.recv().await.expect("a request");
    assert_eq!(format!("{} {}", head.method, head.uri), "POST /version1/messaging");
    assert_eq!(head.headers["apikey"], "atsk_1");
    assert_eq!(head.headers["accept"], "application/json");
    assert_eq!(head.headers["content-type"], "application/x-www-form-urlencoded");
    assert_eq!(body, "username=boda&to=%2B250788123456&message=Kode+yawe+ni+042137.&bulkSMSMode=1&enqueue=1");
    server.abort();
}

#[tokio::test]
async fn the_sandbox_stays_on_this_machine() {
    let everywhere: SocketAddr = "0.0.0.0:0".parse().expect("an address");
    assert!(matches!(Sandbox::start(everywhere).await, Err(StartError::NotLoopback(_))));
}

fn job_bounds() -> crate::jobs::Config {
    crate::jobs::Config {
        workers_max: 2,
        batch_max: 2,
        poll_interval: Span::from_millis(100),
        lease_margin: Span::from_secs(1),
        retry_base: Span::from_secs(1),
        retry_max: Span::from_secs(10),
        unknown_kind_delay: Span::from_secs(30),
        drain_max: Span::from_secs(10),
        housekeeping_interval: Span::from_minutes(60),
        done_retention: Span::from_minutes(60),
        delete_batch_max: 10,
    }
}

/// Two schemas of one name would silently become one in the API's document.
#[test]
fn the_services_schemas_do_not_hide_each_other() {
    let documents = [
        crate::auth::http::routes().into_openapi(),
        crate::drivers::http::routes().into_openapi(),
        crate::notifications::http::routes().into_openapi(),
    ];
    let mut names: std::collections::BTreeMap<String, String> = std::collections::BTreeMap::new();
    for document in documents {
        for (name, schema) in document.components.expect("schemas").schemas {
            let schema = serde_json::to_string(&schema).expect("JSON");
            let before = names.insert(name.clone(), schema.clone());
            assert!(before.is_none_or(|before| before == schema), "{name} means two things");
        }
    }
    assert!(names.contains_key("DriverStatus"));
}

/// From the wish for an account to the profile, through every real part: job queue, gateway client, stand-in.
#[sqlx::test(migrations = "./migrations")]
async fn a_person_signs_in_with_the_code_on_their_phone(pool: sqlx::PgPool) {
    use std::sync::Arc;

    use crate::auth::{self, Auth, Device, Registration};
    use crate::jobs::{Registry, Runner};
    use crate::notifications::{self, Language, Notifications};
    use crate::web::{Role, TokenKeys};

    let sandbox = Sandbox::start(ANY_PORT).await.expect("started");
    let home = tempfile::tempdir().expect("a directory");
    let keys = auth::keys::load_or_create(home.path(), clock::now()).expect("made");
    let tokens = Arc::new(TokenKeys::new(keys.tokens.expose(), Span::from_secs(900)).expect("valid"));
    let auth = Auth::new(pool.clone(), auth::tests::config(), &keys.code, tokens, crate::vault::Vault::for_tests())
        .expect("random");
    let gateway = Arc::new(gateway(&sandbox, SMS_API_KEY));
    let notifications = Notifications::new(pool.clone(), gateway, Arc::new(|_, _| ()));
    let registry = auth::register(Registry::new(), &auth, &notifications);
    let registry = notifications::register(registry, &notifications, &auth.recipients());
    let stop = CancellationToken::new();
    let runner = Runner::new(pool, registry, job_bounds(), Arc::new(clock::now));
    let worker = tokio::spawn(runner.run(stop.clone()));

    let registration = Registration {
        phone: Phone::parse("0788123456").expect("valid"),
        first_name: "Keza".into(),
        last_name: "Uwase".into(),
        role: Role::Customer,
        email: None,
        language: Language::Fr,
        password: None,
    };
    let phone = registration.phone;
    let device = Device { name: None, user_agent: None, ip: None, id: None };
    auth.register(registration, &device, clock::now()).await.expect("registered");
    let text = tokio::time::timeout(Duration::from_secs(30), async {
        loop {
            match messages(&sandbox, "?to=0788123456").await.first() {
                Some(message) => return message["text"].as_str().expect("a text").to_owned(),
                None => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    });
    let text = text.await.expect("an SMS arrives");
    let code = text.strip_prefix("Votre code boda est ").and_then(|rest| rest.get(..6)).expect("in French");
    assert_eq!(text, format!("Votre code boda est {code}. Valable 5 min. Ne le partagez jamais."));
    let tokens = auth.verify(phone, code, &device, clock::now()).await.expect("right");
    assert_eq!(tokens.profile.first_name, "Keza");
    stop.cancel();
    worker.await.expect("no panic");
    sandbox.stop().await;
}
