//! People with everything that the real ones go through: a number, a code by SMS, papers, an admin who looks at them.

use std::io::Write;
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};

use boda::auth::totp::Authenticator;
use boda::clock;
use boda::redact::Secret;
use serde_json::{Value, json};

use crate::api::Api;
use crate::app::App;
use crate::city::Place;
use crate::house::House;
use crate::patience::eventually;

pub const ADMIN_PASSWORD: &str = "imbwa itamukira";
pub const OFFICIAL_PASSWORD: &str = "umuganda ku wa gatandatu";

/// Somebody who is signed in.
#[derive(Clone, Debug)]
pub struct Person {
    pub id: String,
    pub phone: String,
    pub refresh_token: String,
    /// Their client.
    pub api: Api,
}

impl Person {
    /// A rider.
    pub async fn rider(house: &House) -> Self {
        Self::registered(house, "customer", "Aline").await
    }

    /// A driver who has sent no papers.
    pub async fn driver_without_papers(house: &House) -> Self {
        Self::registered(house, "driver", "Eric").await
    }

    /// A driver whose papers wait.
    pub async fn applicant(house: &House) -> Self {
        let driver = Self::driver_without_papers(house).await;
        driver.api.put("/drivers/me", &papers(house).await).await.expect(200);
        driver
    }

    /// A driver who may drive, off shift.
    pub async fn driver(house: &House) -> Self {
        let driver = Self::applicant(house).await;
        let approve = format!("/admin/drivers/{}/approve", driver.id);
        house.admin().await.api.post_empty(&approve).await.expect(200);
        driver
    }

    /// A driver on shift, over REST.
    pub async fn driver_at(house: &House, place: Place) -> Self {
        let driver = Self::driver(house).await;
        let body = driver.api.post("/drivers/me/online", &place.json()).await.expect(200);
        assert_eq!(body["online"], true);
        driver
    }

    /// A driver on shift, over a socket.
    pub async fn driver_app_at(house: &House, place: Place) -> (Self, App) {
        let driver = Self::driver(house).await;
        let mut app = App::open(house, &driver).await;
        let mut command = place.json();
        command["type"] = "go_online".into();
        app.command(command).await;
        (driver, app)
    }

    /// A rider with an open socket.
    pub async fn rider_app(house: &House) -> (Self, App) {
        let rider = Self::rider(house).await;
        let app = App::open(house, &rider).await;
        (rider, app)
    }

    /// An administrator, made on the command line beside the running server.
    pub async fn admin(house: &House) -> Self {
        let phone = fresh_phone();
        let arguments =
            ["user", "create", "--role", "admin", "--phone", &phone, "--first-name", "Ange", "--last-name", "Mukamana"];
        let mut command = house.command(&arguments);
        command.args(["--password-stdin", "--data-dir"]).arg(house.data_dir());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("boda can be started");
        let mut stdin = child.stdin.take().expect("stdin was asked to be piped");
        writeln!(stdin, "{ADMIN_PASSWORD}").expect("it reads the password");
        drop(stdin);
        let output = child.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "user create: {said}");
        let admin = Self::with_two_factors(house, &phone, ADMIN_PASSWORD).await;
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), admin.id, "it prints the id");
        admin
    }

    /// An official of the regulator, made by the admin, who asks for a purpose.
    pub async fn official(house: &House) -> Self {
        Self::official_of(house, "RURA").await
    }

    /// An official of an agency.
    pub async fn official_of(house: &House, agency: &str) -> Self {
        let (phone, password) = (fresh_phone(), OFFICIAL_PASSWORD);
        let body = json!({
            "phone": phone, "first_name": "Jean", "last_name": "Bosco", "role": "government", "agency": agency,
            "password": password,
        });
        house.admin().await.api.post("/admin/users", &body).await.expect(201);
        Self::with_two_factors(house, &phone, password).await
    }

    async fn registered(house: &House, role: &str, first_name: &str) -> Self {
        let phone = fresh_phone();
        register(&house.api(), &phone, role, first_name).await;
        let code = code_sent_to(house, &phone).await;
        let tokens = house.api().post("/auth/verify", &json!({"phone": phone, "code": code})).await.expect(200);
        Self::signed_in(house, &tokens)
    }

    /// Somebody who has a password.
    pub async fn with_password(house: &House, phone: &str, password: &str) -> Self {
        let body = json!({"phone": phone, "password": password});
        Self::signed_in(house, &house.api().post("/auth/login", &body).await.expect(200))
    }

    /// Somebody who has a password, enrols a second factor at the first sign-in, and is signed in with both.
    pub async fn with_two_factors(house: &House, phone: &str, password: &str) -> Self {
        let first = Self::with_password(house, phone, password).await;
        first.enrol(house).await.0
    }

    /// Enrols a second factor: the same person, and what makes the codes.
    pub async fn enrol(&self, house: &House) -> (Self, Authenticator) {
        let secret = self.api.post("/me/second-factor", &json!({})).await.expect(200);
        let secret = Secret::new(text(&secret["secret"]).to_owned());
        let authenticator = Authenticator::from_base32(&secret).expect("a secret");
        let code = json!({"code": authenticator.code(clock::now()).expose()});
        let enrolled = self.api.post("/me/second-factor/confirm", &code).await.expect(200);
        (Self::signed_in(house, &enrolled["tokens"]), authenticator)
    }

    /// With the tokens of an answer.
    pub fn signed_in(house: &House, tokens: &Value) -> Self {
        let text =
            |value: &Value| value.as_str().unwrap_or_else(|| panic!("something is missing in {tokens}")).to_owned();
        Self {
            id: text(&tokens["user"]["id"]),
            phone: text(&tokens["user"]["phone"]),
            refresh_token: text(&tokens["refresh_token"]),
            api: house.api().with_token(&text(&tokens["access_token"])),
        }
    }

    /// The same person after the house moved to another address.
    pub fn back(self, house: &House) -> Self {
        let api = house.api().with_token(self.api.token());
        Self { api, ..self }
    }

    /// The ride as this person sees it.
    pub async fn ride(&self, id: &str) -> Value {
        self.api.get(&format!("/rides/{id}")).await.expect(200)
    }

    /// The driver's offer, waiting for one.
    pub async fn offer(&self) -> Value {
        eventually("an offer", async || self.api.get("/offers").await.expect(200)["items"].get(0).cloned()).await
    }

    /// Waits for an offer and takes it; the ride.
    pub async fn accept_offer(&self) -> Value {
        let offer = self.offer().await;
        self.api.post_empty(&format!("/offers/{}/accept", text(&offer["offer_id"]))).await.expect(200)
    }

    /// Books from corner to corner; the ride.
    pub async fn book(&self, booking: &Value) -> Value {
        self.api.post("/rides", booking).await.expect(201)
    }

    /// A command to a ride that says everything in its address: `arrive`, `complete`.
    pub async fn drive(&self, ride: &str, command: &str) -> Value {
        self.api.post_empty(&format!("/rides/{ride}/{command}")).await.expect(200)
    }
}

/// Sends a registration.
pub async fn register(api: &Api, phone: &str, role: &str, first_name: &str) {
    let body = json!({"phone": phone, "first_name": first_name, "last_name": "Uwase", "role": role});
    let sent = api.post("/auth/register", &body).await.expect(202);
    assert_eq!(sent["phone"], phone);
}

/// The newest code on a phone, waiting for one.
pub async fn code_sent_to(house: &House, phone: &str) -> String {
    let sandbox = house.sandbox().await;
    eventually(&format!("a code on {phone}"), async || {
        let messages = messages_to(&sandbox, phone).await;
        messages.first().and_then(|message| code_in(message["text"].as_str()?))
    })
    .await
}

/// What arrived on a phone, newest first.
pub async fn messages_to(sandbox: &Api, phone: &str) -> Vec<Value> {
    let path = format!("/_sim/sms?to={}&limit=20", phone.replace('+', "%2B"));
    sandbox.get(&path).await.expect(200)["items"].as_array().expect("a list").clone()
}

/// Six digits in a row.
pub fn code_in(text: &str) -> Option<String> {
    text.split(|c: char| !c.is_ascii_digit()).find(|digits| digits.len() == 6).map(str::to_owned)
}

/// A number that nobody else has in this run. Those that end in 000 do not exist in the sandbox.
pub fn fresh_phone() -> String {
    format!("+25078{:07}", fresh_number() + 1_000_000)
}

fn fresh_number() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    if number.is_multiple_of(1_000) { NEXT.fetch_add(1, Ordering::Relaxed) } else { number }
}

/// Papers of a motorcycle of its own, good for two years.
pub async fn papers(house: &House) -> Value {
    let number = fresh_number();
    let letter = char::from(b'A' + u8::try_from(number / 1_000 % 26).expect("below 26"));
    let now = house.about().await["server_time"].as_str().expect("the time");
    let year: u32 = now[..4].parse().expect("a year");
    let later = format!("{}-06-30", year + 2);
    json!({
        "licence_number": format!("119948001{number:07}"), "licence_category": "A", "licence_expires_on": later,
        "plate": format!("RC{:03}{letter}", number % 1_000), "vehicle_make": "TVS", "vehicle_model": "HLX 125",
        "vehicle_year": 2022, "vehicle_colour": "red", "fuel": "petrol", "ride_types": ["boda", "delivery"],
        "insurance_number": format!("SON-{number:07}"), "insurance_expires_on": later, "inspection_expires_on": later,
    })
}

/// The clock of this machine, which is also the server's.
pub fn now_ms() -> i64 {
    clock::now().as_millis()
}

/// The text of a value that must be one.
#[track_caller]
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is not a text"))
}
