//! Accounts: how riders, drivers and the administrator come to be, through the same doors as everybody else.
//!
//! Registering is phone → SMS code → tokens; the code is read from the sandbox, which stands in for the SMS gateway.
//! Phone numbers live in this module only and never reach the output.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use rand::Rng;
use reqwest::Method;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::api::{Answer, Api, Call, Failure};
use crate::totp;

/// How many registrations are under way at once.
const AT_ONCE: usize = 16;
/// Longest wait for an SMS to show up in the sandbox.
const SMS_WITHIN: Duration = Duration::from_secs(30);
/// Codes of a second factor that are tried …
const CODES_MAX: u32 = 4;
/// … with this between them: less than a code is shown for.
const NEXT_CODE_AFTER: Duration = Duration::from_secs(15);
/// Tokens are renewed this long before they run out.
const RENEW_BEFORE: Duration = Duration::from_secs(60);

/// Somebody with an account.
#[derive(Debug)]
pub struct Person {
    /// Number within its role, from 0.
    pub index: usize,
    phone: String,
    /// Secret of the second factor, of an administrator.
    second_factor: Option<String>,
    session: Mutex<Session>,
}

/// How an administrator signs in.
#[derive(Clone, Debug)]
pub struct Login {
    /// Telephone.
    pub phone: String,
    /// Password.
    pub password: String,
    /// Secret of the second factor, in base32.
    pub second_factor: String,
}

#[derive(Debug)]
struct Session {
    access: Arc<str>,
    refresh: String,
    renew_at: Instant,
}

#[derive(Deserialize)]
struct Tokens {
    access_token: String,
    refresh_token: String,
    expires_in_s: u64,
}

impl From<Tokens> for Session {
    fn from(tokens: Tokens) -> Self {
        let life = Duration::from_secs(tokens.expires_in_s).saturating_sub(RENEW_BEFORE);
        Self { access: tokens.access_token.into(), refresh: tokens.refresh_token, renew_at: Instant::now() + life }
    }
}

impl Person {
    /// Signs an administrator in with password and second factor.
    pub async fn log_in(api: &Api, login: &Login) -> Result<Self, Failure> {
        let Login { phone, password, second_factor } = login;
        let body = json!({"phone": phone, "password": password, "device_name": "boda-loadtest"});
        let first = post::<Tokens>(api, "/auth/login", &body).await?;
        let session = second_factor_given(api, &first.access_token, second_factor).await?;
        let second_factor = Some(second_factor.clone());
        Ok(Self { index: 0, phone: phone.clone(), second_factor, session: Mutex::new(session) })
    }

    /// An access token that is good for a while.
    pub async fn token(&self, api: &Api) -> Result<Arc<str>, Failure> {
        let mut session = self.session.lock().await;
        if Instant::now() >= session.renew_at {
            *session = self.renewed(api, &session).await?;
        }
        Ok(session.access.clone())
    }

    /// Drops a token the server did not accept, so that the next `token` is another one.
    pub async fn forget_token(&self, refused: &str) {
        let mut session = self.session.lock().await;
        if *session.access == *refused {
            session.renew_at = Instant::now();
        }
    }

    /// Sends a call as this person until it is answered.
    pub async fn call<T: DeserializeOwned>(
        &self,
        api: &Api,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer<T>, Failure> {
        self.call_with_key(api, Call { body, ..Call::new(method, path) }).await
    }

    /// Sends a prepared call as this person until it is answered; a refused token is renewed once.
    pub async fn call_with_key<T: DeserializeOwned>(&self, api: &Api, call: Call<'_>) -> Result<Answer<T>, Failure> {
        let token = self.token(api).await?;
        match api.answered(&Call { token: Some(&token), ..call.clone() }).await {
            Err(failure) if failure.is_status(401) => {
                self.forget_token(&token).await;
                let token = self.token(api).await?;
                api.answered(&Call { token: Some(&token), ..call }).await
            }
            other => other,
        }
    }

    async fn renewed(&self, api: &Api, session: &Session) -> Result<Session, Failure> {
        match post::<Tokens>(api, "/auth/refresh", &json!({"refresh_token": session.refresh})).await {
            Ok(tokens) => Ok(tokens.into()),
            // The answer to an earlier renewal was lost and its token counts as used: sign in again by SMS.
            Err(failure) if failure.is_status(401) => {
                let before = api.texts_to(&self.phone).await?.len();
                post::<IgnoredAny>(api, "/auth/code", &json!({"phone": self.phone})).await?;
                let session = verified(api, &self.phone, before).await?;
                match &self.second_factor {
                    Some(secret) => second_factor_given(api, &session.access, secret).await,
                    None => Ok(session),
                }
            }
            Err(failure) => Err(failure),
        }
    }
}

/// Gives the second factor. Its code is good once: the next one is waited for when this one was used.
async fn second_factor_given(api: &Api, token: &str, secret: &str) -> Result<Session, Failure> {
    let mut tries_left = CODES_MAX;
    loop {
        let body = json!({"code": totp::code_now(secret).unwrap_or_default()});
        let call = Call { token: Some(token), body: Some(&body), ..Call::new(Method::POST, "/auth/second-factor") };
        match api.answered::<Tokens>(&call).await {
            Err(failure) if failure.is_status(403) && tries_left > 1 => {
                tries_left -= 1;
                sleep(NEXT_CODE_AFTER).await;
            }
            other => return Ok(other?.body.into()),
        }
    }
}

/// Hands out phone numbers and plates nobody has yet. Starts at a random place, so that runs against the same server
/// do not meet.
#[derive(Debug)]
pub struct Registry {
    next: u32,
}

impl Registry {
    /// A registry that starts at a random place.
    pub fn new() -> Self {
        Self { next: rand::rng().random_range(0..10_000_000) }
    }

    /// A valid number. Numbers ending in 000 are the sandbox's "invalid number" scenario and are skipped.
    pub fn phone(&mut self) -> String {
        self.next = (self.next + 1) % 10_000_000;
        if self.next.is_multiple_of(1_000) {
            self.next += 1;
        }
        format!("+25078{:07}", self.next)
    }

    /// The plate that goes with the number handed out last.
    fn plate(&self) -> String {
        const LETTERS: &[u8; 24] = b"ABCDEFGHJKLMNPQRSTUVWXYZ";
        let n = self.next as usize;
        let (first, last) = (LETTERS[n / 1_000 % 24], LETTERS[n / 24_000 % 24]);
        format!("R{}{:03}{}", char::from(first), n % 1_000, char::from(last))
    }
}

/// Registers riders.
pub async fn riders(api: &Api, registry: &mut Registry, count: usize) -> Result<Vec<Arc<Person>>, Failure> {
    let wanted: Vec<_> = (0..count).map(|index| (index, registry.phone())).collect();
    gathered(wanted.into_iter().map(|(index, phone)| async move {
        let session = registered(api, &phone, "customer").await?;
        Ok(Arc::new(Person { index, phone, second_factor: None, session: Mutex::new(session) }))
    }))
    .await
}

/// Registers drivers, files their papers and has the administrator approve them.
pub async fn drivers(
    api: &Api,
    registry: &mut Registry,
    admin: &Person,
    count: usize,
) -> Result<Vec<Arc<Person>>, Failure> {
    // Papers must be valid for some time; the server's own year is what counts.
    let year: u32 = api.server().await?.server_time.get(..4).and_then(|year| year.parse().ok()).unwrap_or(2026);
    let wanted: Vec<_> = (0..count).map(|index| (index, registry.phone(), registry.plate())).collect();
    gathered(wanted.into_iter().map(|(index, phone, plate)| async move {
        let session = registered(api, &phone, "driver").await?;
        let licence = format!("LT{}", &phone[4..]);
        let person = Arc::new(Person { index, phone, second_factor: None, session: Mutex::new(session) });
        let papers = json!({
            "licence_number": licence, "licence_category": "A", "licence_expires_on": format!("{}-06-30", year + 2),
            "plate": plate, "vehicle_make": "TVS", "vehicle_model": "Apache", "vehicle_year": year - 2,
            "vehicle_colour": "red", "fuel": "petrol", "ride_types": ["boda"],
            "insurance_number": format!("INS-{}", &licence[2..]), "insurance_expires_on": format!("{}-06-30", year + 1),
            "inspection_expires_on": format!("{}-06-30", year + 1),
        });
        let filed: Filed = person.call(api, Method::PUT, "/drivers/me", Some(&papers)).await?.body;
        let path = format!("/admin/drivers/{}/approve", filed.id);
        admin.call::<IgnoredAny>(api, Method::POST, &path, Some(&json!({}))).await?;
        Ok(person)
    }))
    .await
}

#[derive(Deserialize)]
struct Filed {
    #[serde(alias = "driver_id", alias = "user_id")]
    id: Uuid,
}

async fn gathered<F: Future<Output = Result<Arc<Person>, Failure>>>(
    work: impl Iterator<Item = F>,
) -> Result<Vec<Arc<Person>>, Failure> {
    let done: Vec<_> = futures_util::stream::iter(work).buffer_unordered(AT_ONCE).collect().await;
    let mut people = done.into_iter().collect::<Result<Vec<_>, _>>()?;
    people.sort_by_key(|person| person.index);
    Ok(people)
}

async fn registered(api: &Api, phone: &str, role: &str) -> Result<Session, Failure> {
    let body = json!({"phone": phone, "first_name": "Load", "last_name": "Test", "role": role, "language": "en"});
    post::<IgnoredAny>(api, "/auth/register", &body).await?;
    verified(api, phone, 0).await
}

/// Waits for the SMS that comes after the `before` already received, and trades its code for tokens.
async fn verified(api: &Api, phone: &str, before: usize) -> Result<Session, Failure> {
    let give_up = Instant::now() + SMS_WITHIN;
    let mut pause = Duration::from_millis(20);
    let code = loop {
        let texts = api.texts_to(phone).await?;
        let new = texts.len().saturating_sub(before);
        if let Some(code) = texts[..new].iter().find_map(|text| code_in(text)) {
            break code.to_owned();
        }
        if Instant::now() > give_up {
            let reason = format!("no SMS with a code within {} s", SMS_WITHIN.as_secs());
            return Err(Failure::Unanswered { path: "/_sim/sms".to_owned(), reason });
        }
        sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(320));
    };
    let body = json!({"phone": phone, "code": code, "device_name": "boda-loadtest"});
    Ok(post::<Tokens>(api, "/auth/verify", &body).await?.into())
}

async fn post<T: DeserializeOwned>(api: &Api, path: &str, body: &Value) -> Result<T, Failure> {
    Ok(api.answered(&Call { body: Some(body), ..Call::new(Method::POST, path) }).await?.body)
}

/// The first run of exactly six digits.
fn code_in(text: &str) -> Option<&str> {
    text.split(|c: char| !c.is_ascii_digit()).find(|run| run.len() == 6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_the_run_of_six_digits() {
        for (text, code) in [
            ("Kode yawe ni 482913. Izarangira mu minota 10.", Some("482913")),
            ("123456 is your code", Some("123456")),
            ("call 0788123456 or 112", None),
            ("", None),
        ] {
            assert_eq!(code_in(text), code, "{text}");
        }
    }

    #[test]
    fn numbers_and_plates_are_valid_and_differ() {
        let mut registry = Registry { next: 9_999_500 };
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..2_000 {
            let phone = registry.phone();
            assert!(phone.len() == 13 && phone.starts_with("+25078") && !phone.ends_with("000"), "{phone}");
            let plate = registry.plate();
            assert!(plate.len() == 6 && plate.starts_with('R'), "{plate}");
            assert!(seen.insert((phone, plate)));
        }
        let plates: std::collections::BTreeSet<_> = seen.into_iter().map(|(_, plate)| plate).collect();
        assert_eq!(plates.len(), 2_000);
    }
}
