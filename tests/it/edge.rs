//! The edge of the server: how often somebody may ask, who is believed about where a request comes from, what browsers are
//! told, and what is no way in.

use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::api::{Answer, Api};
use crate::house::{House, shared};
use crate::patience::{PATIENCE, eventually};
use crate::people::{Person, fresh_phone};
use crate::redis::Redis;

/// A house in which strangers may sign in six times at once, and hardly ever again.
const NARROW: &[(&str, &str)] = &[
    ("limits.exempt", ""),
    ("limits.address_factor", "2"),
    ("limits.sign_in_burst_max", "3"),
    ("limits.sign_in_per_minute", "1"),
];

async fn guess(api: &Api, forwarded: Option<(&'static str, &str)>) -> Answer {
    let body = json!({"phone": fresh_phone(), "password": "a guess"});
    api.send(Method::POST, "/auth/login", |request| match forwarded {
        Some((name, value)) => request.header(name, value).json(&body),
        None => request.json(&body),
    })
    .await
}

#[tokio::test]
async fn guessing_from_one_address_ends_and_looking_goes_on() {
    let house = House::start(NARROW);
    let stranger = house.api();
    for left in (0..6).rev() {
        let answer = guess(&stranger, None).await;
        assert_eq!(answer.status, 401, "{answer}");
        assert_eq!(answer.header("ratelimit-policy"), Some("\"sign_in\";q=6;w=180"));
        assert!(answer.header("ratelimit").is_some_and(|text| text.starts_with(&format!("\"sign_in\";r={left};"))));
    }
    let refused = guess(&stranger, None).await;
    refused.refused(429, "rate_limited");
    // What a client says of itself changes nothing where no proxy is trusted.
    for name in ["x-forwarded-for", "forwarded", "x-real-ip"] {
        guess(&stranger, Some((name, "198.51.100.7"))).await.refused(429, "rate_limited");
    }
    stranger.get("/server").await.expect(200);
    let metrics = Api::outside(house.url()).get("/metrics").await.text;
    assert!(metrics.contains("boda_limits_refused_total{class=\"sign_in\",by=\"address\"} 4"), "{metrics}");
}

#[tokio::test]
async fn behind_a_trusted_proxy_each_client_is_counted_for_itself() {
    let house = House::start(&[NARROW, &[("server.trusted_proxies", "127.0.0.1, 10.0.0.0/8")]].concat());
    let proxy = house.api();
    let through = async |addresses: &str| guess(&proxy, Some(("x-forwarded-for", addresses))).await.status;
    for _ in 0..6 {
        assert_eq!(through("198.51.100.7, 10.0.0.3").await, 401);
    }
    assert_eq!(through("198.51.100.7").await, 429);
    // What the client wrote before the proxy did is not read.
    assert_eq!(through("203.0.113.9, 198.51.100.7").await, 429);
    assert_eq!(through("198.51.100.8").await, 401);
    assert_eq!(guess(&proxy, Some(("forwarded", "for=203.0.113.1"))).await.status, 401, "the proxy itself");
    let secure = async |protocol: &'static str| {
        let form = |request: reqwest::RequestBuilder| {
            request.header("x-forwarded-for", "198.51.100.9").header("x-forwarded-proto", protocol)
        };
        proxy.send(Method::GET, "/server", form).await
    };
    assert_eq!(secure("https").await.header("strict-transport-security"), Some("max-age=31536000"));
    assert_eq!(secure("http").await.header("strict-transport-security"), None);
}

#[tokio::test]
async fn nodes_count_together_and_alone_while_redis_is_away() {
    let Some(redis) = Redis::start() else {
        eprintln!("skipped: redis-server is not installed");
        return;
    };
    let url = redis.url();
    let settings = [NARROW, &[("redis.url", &url), ("limits.shared", "true")]].concat();
    let (mut here, mut there) = (House::start(&settings), House::start(&settings));
    for house in [&here, &there] {
        eventually("Redis", async || {
            let ready = Api::outside(house.url()).get("/health/ready").await.expect(200);
            (ready["checks"]["bus"] == "ok").then_some(())
        })
        .await;
    }
    for turn in 0..6 {
        let house = if turn % 2 == 0 { &here } else { &there };
        assert_eq!(guess(&house.api(), None).await.status, 401);
    }
    guess(&here.api(), None).await.refused(429, "rate_limited");
    guess(&there.api(), None).await.refused(429, "rate_limited");
    here.expect_complaint("edis");
    there.expect_complaint("edis");
    drop(redis);
    // What the node itself had counted: three of its own that were let in, and one that was not.
    let mut allowed = 0;
    while guess(&here.api(), None).await.status == 401 {
        allowed += 1;
    }
    assert!(allowed <= 3, "{allowed}");
}

#[tokio::test]
async fn browsers_are_told_what_to_do_with_answers() {
    let house = House::start(&[("server.cors_origins", "https://console.example.rw")]);
    let from = async |origin: &'static str, method: Method, path: &str| {
        let form = |request: reqwest::RequestBuilder| {
            request.header("origin", origin).header("access-control-request-method", "POST")
        };
        house.api().send(method, path, form).await
    };
    let allowed = from("https://console.example.rw", Method::GET, "/server").await;
    assert_eq!(allowed.header("access-control-allow-origin"), Some("https://console.example.rw"));
    assert!(allowed.header("access-control-allow-credentials").is_none());
    let asked = from("https://console.example.rw", Method::OPTIONS, "/rides").await;
    assert_eq!(asked.status, 204, "{asked}");
    assert!(asked.header("access-control-allow-headers").is_some_and(|names| names.contains("authorization")));
    let stranger = from("https://evil.example", Method::GET, "/server").await;
    assert!(stranger.header("access-control-allow-origin").is_none());
    from("https://evil.example", Method::OPTIONS, "/rides").await.refused(405, "method_not_allowed");
    let answer = house.api().get("/me").await;
    assert_eq!(answer.header("content-security-policy"), Some("default-src 'none'; frame-ancestors 'none'"));
    for (name, value) in [
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{name}");
    }
}

/// Every kind of answer: pages, data, refusals, sign-in.
#[tokio::test]
async fn no_answer_sets_a_cookie() {
    let house = shared();
    let outside = Api::outside(house.url());
    let rider = Person::rider(&house).await;
    let mut answers = vec![
        guess(&house.api(), None).await,
        rider.api.get("/me").await,
        rider.api.post("/auth/refresh", &json!({"refresh_token": rider.refresh_token})).await,
        rider.api.get("/nowhere").await,
    ];
    for path in ["/", "/api/docs/", "/api/docs/swagger-ui-bundle.js", "/api/openapi.json", "/health/ready", "/metrics"]
    {
        answers.push(outside.get(path).await);
    }
    for answer in answers {
        assert!(answer.header("set-cookie").is_none(), "{answer}");
    }
}

/// Sends bytes; what comes back until the server hangs up.
async fn raw(house: &House, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(house.address()).await.expect("it listens");
    // The server may have enough before everything is written.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("in time");
    // A reset behind an answer is an end as well.
    let _ = read;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn heads_that_are_too_long_or_that_hide_something_are_refused() {
    let house = shared();
    let head = |path: &str, lines: &str| format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{lines}\r\n");
    let check = async |text: String, statuses: &[&str]| {
        let answer = raw(&house, text.as_bytes()).await;
        let status = answer.split(' ').nth(1).unwrap_or("none").to_owned();
        assert!(statuses.contains(&status.as_str()), "{}: {answer}", text.chars().take(200).collect::<String>());
        assert!(!answer.to_lowercase().contains("set-cookie") && !answer.contains("x-smuggled"), "{answer}");
    };
    check(head("/api/v1/server", ""), &["200"]).await;
    check(head(&format!("/api/v1/server?{}", "x".repeat(70_000)), ""), &["414", "431"]).await;
    check(head("/api/v1/server", &format!("x: {}\r\n", "x".repeat(20_000))), &["431"]).await;
    let many: String = (0..100).map(|n| format!("x-{n}: y\r\n")).collect();
    check(head("/api/v1/server", &many), &["431"]).await;
    // Two lengths, or a length and pieces: what a proxy and a server may understand differently.
    check(head("/api/v1/server", "content-length: 3\r\ncontent-length: 4\r\n"), &["400"]).await;
    check(head("/api/v1/server", "x y: z\r\n"), &["400"]).await;
    check(head("/api/v1/server", "x: a\rset-cookie: b\r\n"), &["400"]).await;
    check("GET /api/v1/server HTTP/1.1\r\nhost: x\r\n folded: y\r\nconnection: close\r\n\r\n".to_owned(), &["400"])
        .await;
    // What is repeated in an answer's head is made plain first.
    check(head("/api/v1/server", "x-request-id: a%0d%0aset-cookie:%20b\r\n"), &["200"]).await;
    check(head("/api/v1/rides/%0d%0aset-cookie:%20a=b", ""), &["401", "422"]).await;
    // Whatever the name in Host, it is never repeated: no link is made of it.
    let evil = raw(&house, b"GET /api/docs HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n").await;
    assert!(!evil.contains("evil.example"), "{evil}");
}

#[tokio::test]
async fn a_body_that_does_not_come_to_its_end_is_given_up() {
    let house = House::start(&[("server.request_timeout_s", "2"), ("dispatch.answer_within_s", "1")]);
    let head = "POST /api/v1/auth/login HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n";
    let slow = raw(&house, format!("{head}content-length: 100\r\n\r\n{{\"phone\":").as_bytes()).await;
    assert!(slow.starts_with("HTTP/1.1 503"), "{slow}");
    // A length that is not kept is no way around the bound.
    let piece = format!("{:x}\r\n{}\r\n", 70_000, "x".repeat(70_000));
    let pieces = raw(&house, format!("{head}transfer-encoding: chunked\r\n\r\n{piece}0\r\n\r\n").as_bytes()).await;
    assert!(pieces.starts_with("HTTP/1.1 413"), "{pieces}");
}
