//! A person's account: registering or signing in by SMS code, and tokens that stay fresh.
//!
//! Separate because drivers and riders do it alike, through the same doors as everybody else. A person who exists
//! already (the city was started again on the same data) registers all the same: the server answers alike and sends a
//! code, by which the person signs in. No passwords: hashing three hundred would keep the first drivers waiting.

use std::time::Duration;

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::auth::totp::Authenticator;
use crate::clock;
use crate::ids::UserId;
use crate::simulation::Admin;
use crate::simulation::api::{Api, Call, Failure};
use crate::simulation::person::Person;

/// Tokens are renewed this long before they run out.
const RENEW_BEFORE: Duration = Duration::from_secs(60);
/// A new SMS is looked for this often …
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// … this long; then an older one must do: within the cooldown the server sends none, but the code may still be good.
const NEW_TEXT_MAX: Duration = Duration::from_secs(8);
/// After this a person who registered in vain asks for a code to sign in.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(3);

/// Codes of the second factor that are tried …
const CODES_MAX: u32 = 4;
/// … with this between them: less than a code is shown for.
const NEXT_CODE_AFTER: Duration = Duration::from_secs(15);

/// The answer to everybody who signed in.
#[derive(Deserialize)]
struct Tokens {
    access_token: String,
    refresh_token: String,
    expires_in_s: u64,
    user: User,
}

#[derive(Deserialize)]
struct User {
    id: UserId,
}

/// Who is signed in, until when.
#[derive(Clone)]
pub struct Session {
    /// The account.
    pub user: UserId,
    access: String,
    refresh: String,
    renew_at: Instant,
}

impl From<Tokens> for Session {
    fn from(tokens: Tokens) -> Self {
        let life = Duration::from_secs(tokens.expires_in_s);
        let renew_at = Instant::now() + life.saturating_sub(RENEW_BEFORE).max(life / 2);
        Self { user: tokens.user.id, access: tokens.access_token, refresh: tokens.refresh_token, renew_at }
    }
}

impl Session {
    /// Signs in with a password and the second factor. Its code is good once: when somebody was faster, say a city that was
    /// started just before, the next one is waited for.
    pub async fn log_in(api: &Api, admin: &Admin) -> Result<Self, Failure> {
        let Admin { phone, password, second_factor } = admin;
        let body = json!({"phone": phone, "password": password.expose(), "device_name": "simulation"});
        let first: Tokens = api.call(&Call::post("/auth/login", &body)).await?;
        let authenticator = Authenticator::from_base32(second_factor).map_err(|_| Failure::NoCode)?;
        let mut tries_left = CODES_MAX;
        loop {
            let body = json!({"code": authenticator.code(clock::now()).expose()});
            let call = Call::post("/auth/second-factor", &body).with_token(&first.access_token);
            match api.once::<Tokens>(&call).await {
                Err(failure) if failure.code() == "wrong_second_factor" && tries_left > 1 => {
                    tries_left -= 1;
                    sleep(NEXT_CODE_AFTER).await;
                }
                other => return other.map(Self::from),
            }
        }
    }

    /// An access token that is good for a while.
    pub async fn token(&mut self, api: &Api) -> Result<&str, Failure> {
        if Instant::now() >= self.renew_at {
            let body = json!({"refresh_token": self.refresh});
            *self = api.call::<Tokens>(&Call::post("/auth/refresh", &body)).await?.into();
        }
        Ok(&self.access)
    }

    /// The server did not accept the token: the next one must be another.
    pub fn distrust(&mut self) {
        self.renew_at = Instant::now();
    }
}

/// A person and, once signed in, their session.
pub struct Account {
    /// Who.
    pub person: Person,
    session: Option<Session>,
    is_registered: bool,
}

impl Account {
    /// Somebody who has not been here yet.
    pub fn new(person: Person) -> Self {
        Self { person, session: None, is_registered: false }
    }

    /// The account, once signed in.
    pub fn user(&self) -> Option<UserId> {
        self.session.as_ref().map(|session| session.user)
    }

    /// Signs in if that has not happened yet.
    pub async fn sign_in(&mut self, api: &Api) -> Result<(), Failure> {
        if self.session.is_none() {
            self.session = Some(self.by_code(api).await?);
            self.is_registered = true;
        }
        Ok(())
    }

    /// An access token that is good for a while. A session that the server has ended is begun anew.
    pub async fn token(&mut self, api: &Api) -> Result<&str, Failure> {
        if let Some(session) = &mut self.session {
            match session.token(api).await {
                Ok(_) => {}
                Err(failure) if failure.is_status(401) => self.session = None,
                Err(failure) => return Err(failure),
            }
        }
        self.sign_in(api).await?;
        Ok(self.session.as_ref().map_or("", |session| &session.access))
    }

    /// The server did not accept the token: the next one must be another.
    pub fn distrust(&mut self) {
        if let Some(session) = &mut self.session {
            session.distrust();
        }
    }

    /// Calls as this person; a refused token is replaced once.
    pub async fn call<T: DeserializeOwned>(&mut self, api: &Api, call: Call<'_>) -> Result<T, Failure> {
        let token = self.token(api).await?;
        match api.call(&call.clone().with_token(token)).await {
            Err(failure) if failure.is_status(401) => {
                self.distrust();
                let token = self.token(api).await?;
                api.call(&call.with_token(token)).await
            }
            other => other,
        }
    }

    async fn by_code(&self, api: &Api) -> Result<Session, Failure> {
        let Person { phone, first_name, last_name, role, .. } = &self.person;
        // Asked for every time: a server that was started again may have its sandbox elsewhere.
        let sandbox = api.server().await?.sandbox_url.ok_or(Failure::NoText)?;
        let older = api.texts(&sandbox, phone).await?;
        if self.is_registered {
            self.ask_for_code(api).await?;
        } else {
            let body = json!({"phone": phone, "first_name": first_name, "last_name": last_name, "role": role});
            match api.once::<IgnoredAny>(&Call::post("/auth/register", &body)).await {
                // Too soon after the last code: that one is still good.
                Err(failure) if failure.is_status(429) && !older.is_empty() => {}
                other => drop(other?),
            }
        }
        let code = {
            let asked_at = Instant::now();
            let mut may_ask_again = !self.is_registered;
            loop {
                sleep(LOOK_EVERY).await;
                let texts = api.texts(&sandbox, phone).await?;
                let new = texts.iter().filter(|text| older.iter().all(|old| old.id != text.id));
                if let Some(code) = new.filter_map(|text| text.code()).next() {
                    break code.to_owned();
                }
                if may_ask_again && asked_at.elapsed() >= ASK_AGAIN_AFTER {
                    may_ask_again = false;
                    self.ask_for_code(api).await?;
                }
                if asked_at.elapsed() >= NEW_TEXT_MAX {
                    break older.iter().find_map(|text| text.code()).ok_or(Failure::NoText)?.to_owned();
                }
            }
        };
        let body = json!({"phone": phone, "code": code, "device_name": "simulation"});
        api.call::<Tokens>(&Call::post("/auth/verify", &body)).await.map(Session::from)
    }

    async fn ask_for_code(&self, api: &Api) -> Result<(), Failure> {
        match api.once::<IgnoredAny>(&Call::post("/auth/code", &json!({"phone": self.person.phone}))).await {
            // Too soon after the last code: that one is still good, and it may be on its way.
            Err(failure) if !failure.is_status(429) => Err(failure),
            _ => Ok(()),
        }
    }
}
