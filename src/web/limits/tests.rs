//! The limits as a client meets them: who pays for whom, what is said, and what happens when Redis is away.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Extension, middleware};
use ring::signature::Ed25519KeyPair;
use tower::ServiceExt;
use uuid::Uuid;

use super::*;
use crate::bus;
use crate::ids::SessionId;
use crate::redact::Secret;
use crate::web::{API_PREFIX, Caller, Grant, Role, SecondFactor, TokenKeys};

const RATE: Rate = Rate { per_minute: 1, burst_max: 3 };

fn config() -> Config {
    let exempt = Networks::new(vec!["198.51.100.0/24".parse().expect("a network")]);
    let (callers_max, shared_within) = (1_000, Span::from_millis(50));
    Config { rates: [RATE; Class::ALL.len()], address_factor: 2, callers_max, is_shared: false, shared_within, exempt }
}

fn keys() -> Arc<TokenKeys> {
    let document = Ed25519KeyPair::generate_pkcs8(&ring::rand::SystemRandom::new()).expect("there is randomness");
    Arc::new(TokenKeys::new(&[("a".to_owned(), document.as_ref().to_vec())], Span::from_minutes(5)).expect("a key"))
}

fn token(keys: &TokenKeys, number: u128) -> String {
    let (user, session) = (UserId(Uuid::from_u128(number)), SessionId(Uuid::from_u128(9)));
    let caller = Caller { user, role: Role::Customer, session };
    keys.issue(&Grant { caller, second_factor: SecondFactor::None }, clock::now()).expect("signs")
}

async fn who(caller: Caller) -> String {
    caller.user.to_string()
}

fn router(config: Config, bus: &Bus, keys: &Arc<TokenKeys>) -> Router {
    let limits = Arc::new(Limits::new(config, bus, clock::now()));
    let api = Router::new().route("/me", get(who)).route("/rides", post(who)).route("/auth/login", post(|| async {}));
    Router::new()
        .nest(API_PREFIX, api)
        .layer(middleware::from_fn_with_state(limits, enforce))
        .layer(Extension(Arc::clone(keys)))
}

async fn ask(router: &Router, question: &str, from: &str, token: Option<&str>) -> Response {
    let (method, path) = question.split_once(' ').expect("method and path");
    let mut request = axum::http::Request::builder().method(method).uri(format!("{API_PREFIX}{path}"));
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let from = SocketAddr::new(from.parse().expect("an address"), 4_711);
    let request = request.extension(ConnectInfo(from)).body(Body::empty()).expect("a request");
    router.clone().oneshot(request).await.expect("infallible")
}

/// How many of so many are let through.
async fn allowed(router: &Router, question: &str, from: &str, token: Option<&str>, asked: usize) -> usize {
    let mut allowed = 0;
    for _ in 0..asked {
        allowed += usize::from(ask(router, question, from, token).await.status() != StatusCode::TOO_MANY_REQUESTS);
    }
    allowed
}

fn in_process() -> Bus {
    Bus::connect(&bus::Config { queue_max: 16, redis: None }).expect("nothing to go wrong")
}

#[tokio::test]
async fn a_person_is_one_caller_on_all_addresses_and_an_address_one_for_all_strangers() {
    let (keys, bus) = (keys(), in_process());
    let router = router(config(), &bus, &keys);
    let (mine, theirs) = (token(&keys, 1), token(&keys, 2));
    assert_eq!(allowed(&router, "GET /me", "192.0.2.1", Some(&mine), 2).await, 2);
    assert_eq!(allowed(&router, "GET /me", "192.0.2.2", Some(&mine), 5).await, 1);
    assert_eq!(allowed(&router, "GET /me", "192.0.2.1", Some(&theirs), 5).await, 3);
    // Changing is counted apart from looking.
    assert_eq!(allowed(&router, "POST /rides", "192.0.2.1", Some(&mine), 5).await, 3);
    // A token that proves nothing is a stranger's, and so is none; an address may twice as much.
    assert_eq!(allowed(&router, "GET /me", "192.0.2.1", Some("a.b.c"), 4).await, 4);
    assert_eq!(allowed(&router, "GET /me", "192.0.2.1", None, 5).await, 2);
    assert_eq!(allowed(&router, "GET /me", "2001:db8::1", None, 5).await, 5);
    assert_eq!(allowed(&router, "GET /me", "2001:db8::2", None, 5).await, 1);
    // Whoever guesses is counted by address as well, with however many accounts of their own.
    assert_eq!(allowed(&router, "POST /auth/login", "192.0.2.1", Some(&mine), 9).await, 3);
    assert_eq!(allowed(&router, "POST /auth/login", "192.0.2.1", Some(&theirs), 9).await, 3);
    assert_eq!(allowed(&router, "POST /auth/login", "192.0.2.1", None, 9).await, 0);
    assert_eq!(allowed(&router, "POST /auth/login", "198.51.100.7", None, 50).await, 50);
}

#[tokio::test]
async fn the_caller_is_told_what_is_left_and_when_to_come_back() {
    let (keys, bus) = (keys(), in_process());
    let router = router(config(), &bus, &keys);
    let mine = token(&keys, 1);
    let first = ask(&router, "GET /me", "192.0.2.1", Some(&mine)).await;
    assert_eq!(first.headers()["ratelimit-policy"], "\"read\";q=3;w=180");
    assert_eq!(first.headers()["ratelimit"], "\"read\";r=2;t=60");
    allowed(&router, "GET /me", "192.0.2.1", Some(&mine), 2).await;
    let refused = ask(&router, "GET /me", "192.0.2.1", Some(&mine)).await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    let wait: u32 = refused.headers()["retry-after"].to_str().expect("text").parse().expect("seconds");
    assert!((50..=60).contains(&wait), "{wait}");
    assert!(refused.headers()["ratelimit"].to_str().expect("text").starts_with("\"read\";r=0;"));
    let body = axum::body::to_bytes(refused.into_body(), 10_000).await.expect("a body");
    let body: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!(body["code"], "rate_limited");
}

#[tokio::test]
async fn with_redis_away_each_node_limits_by_itself() {
    let redis = bus::RedisConfig {
        // Nobody listens on the port that is reserved for nobody.
        url: Secret::new("redis://127.0.0.1:1".to_owned()),
        timeout: Span::from_millis(200),
        reconnect_min: Span::from_millis(50),
        reconnect_max: Span::from_millis(50),
        heartbeat_interval: Span::from_millis(100),
        hold_max: Span::from_secs(1),
    };
    let bus = Bus::connect(&bus::Config { queue_max: 16, redis: Some(redis) }).expect("a well-formed address");
    let keys = keys();
    let router = router(Config { is_shared: true, ..config() }, &bus, &keys);
    let mine = token(&keys, 1);
    assert_eq!(allowed(&router, "GET /me", "192.0.2.1", Some(&mine), 10).await, 3);
}
