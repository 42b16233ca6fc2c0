//! A client for tests, as plain as curl: it adds nothing to what a test says.

use std::net::SocketAddr;

use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

use super::Sandbox;
use super::mtn::{API_KEY, API_USER, COLLECTION_KEY, DISBURSEMENT_KEY, REMITTANCE_KEY};

const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// A started sandbox and a client.
pub struct Hand {
    pub sandbox: Sandbox,
    pub http: reqwest::Client,
}

/// Who calls MTN.
#[derive(Clone)]
pub struct MtnUser {
    pub user: String,
    pub key: String,
    pub target: &'static str,
    pub currency: &'static str,
}

impl MtnUser {
    /// The account that exists.
    pub fn rwanda() -> Self {
        Self { user: API_USER.into(), key: API_KEY.into(), target: "mtnrwanda", currency: "RWF" }
    }
}

pub fn key_of(product: &str) -> &'static str {
    match product {
        "collection" => COLLECTION_KEY,
        "disbursement" => DISBURSEMENT_KEY,
        _ => REMITTANCE_KEY,
    }
}

/// A reference as MTN wants it.
pub fn fresh() -> String {
    uuid::Uuid::new_v4().to_string()
}

impl Hand {
    pub async fn new() -> Self {
        // Another test may have installed it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let sandbox = Sandbox::start(ANY_PORT).await.expect("started");
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
        Self { sandbox, http }
    }

    pub fn mtn(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.sandbox.addresses().mtn))
    }

    pub fn airtel(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.sandbox.addresses().airtel))
    }

    pub fn card(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.sandbox.addresses().card))
    }

    /// The answer of the control as JSON; null if empty.
    pub async fn sim(&self, method: Method, path: &str, body: Value) -> Value {
        let request = self.http.request(method, format!("{}/_sim{path}", self.sandbox.addresses().base));
        let request = if body.is_null() { request } else { request.body(body.to_string()) };
        let answer = request.send().await.expect("answered");
        let status = answer.status();
        let text = answer.text().await.expect("text");
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    pub async fn look(&self, path: &str) -> Value {
        self.sim(Method::GET, path, Value::Null).await
    }

    pub async fn arrange(&self, path: &str, body: Value) -> Value {
        self.sim(Method::POST, path, body).await
    }

    pub async fn advance(&self, seconds: u32) {
        self.arrange("/clock/advance", json!({"seconds": seconds})).await;
    }

    pub async fn mtn_token(&self, user: &MtnUser, product: &str) -> String {
        let request = self.mtn(Method::POST, &format!("/{product}/token/")).basic_auth(&user.user, Some(&user.key));
        let request = request.header("Ocp-Apim-Subscription-Key", key_of(product)).header("Content-Length", "0");
        let body = json_of(request.send().await.expect("answered"), 200).await;
        body["access_token"].as_str().expect("a token").to_owned()
    }

    /// A call with everything that MTN wants.
    pub fn mtn_call(&self, user: &MtnUser, token: &str, method: Method, path: &str) -> RequestBuilder {
        let product = path.trim_start_matches('/').split('/').next().unwrap_or_default();
        self.mtn(method, path)
            .bearer_auth(token)
            .header("Ocp-Apim-Subscription-Key", key_of(product))
            .header("X-Target-Environment", user.target)
    }

    pub async fn airtel_token(&self) -> String {
        let body = json!({
            "client_id": super::airtel::CLIENT_ID, "client_secret": super::airtel::CLIENT_SECRET,
            "grant_type": "client_credentials",
        });
        let answer = self.airtel(Method::POST, "/auth/oauth2/token").json(&body).send().await.expect("answered");
        json_of(answer, 200).await["access_token"].as_str().expect("a token").to_owned()
    }

    /// A call with everything that Airtel wants.
    pub fn airtel_call(&self, token: &str, method: Method, path: &str) -> RequestBuilder {
        self.airtel(method, path).bearer_auth(token).header("X-Country", "RW").header("X-Currency", "RWF")
    }
}

/// The body of an answer with this status.
pub async fn json_of(answer: Response, status: u16) -> Value {
    let (is, text) = text_of(answer).await;
    assert_eq!(is, status, "{text}");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Status and body.
pub async fn text_of(answer: Response) -> (u16, String) {
    (answer.status().as_u16(), answer.text().await.expect("text"))
}
