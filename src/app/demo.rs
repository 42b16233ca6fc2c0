//! `--demo`: a simulated city on top of the running server, and what to try with it.
//!
//! The city uses the public API like real phones. Its admin and the logins that are printed exist only on a server
//! that was started with `--demo`, and their passwords are no secret.

use std::net::SocketAddr;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::services::Services;
use super::{Error, Server};
use crate::auth::NewUser;
use crate::clock;
use crate::config::Config;
use crate::notifications::Language;
use crate::phone::Phone;
use crate::redact::Secret;
use crate::simulation::{self, Routes};
use crate::web::{Agency, Role};

/// The same for all logins of the demo.
const PASSWORD: &str = "boda-demo-2026";

/// Of the admin and the official, as known as the password.
const SECOND_FACTOR: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

/// One login for each role: role, phone, first and last name.
const LOGINS: [(Role, &str, &str, &str); 4] = [
    (Role::Admin, "+250788000001", "Ada", "Uwase"),
    (Role::Government, "+250788000002", "Gloria", "Mukamana"),
    (Role::Customer, "+250788000003", "Claude", "Habimana"),
    (Role::Driver, "+250788000004", "Didier", "Nkurunziza"),
];

/// Starts the simulated city and prints how to get in.
pub(super) async fn start(
    config: &Config,
    server: &Server,
    services: &Services,
    address: SocketAddr,
    stop: &CancellationToken,
) -> Result<Option<JoinHandle<()>>, Error> {
    if !config.demo.enabled {
        return Ok(None);
    }
    for (role, phone, first_name, last_name) in LOGINS {
        create_login(services, role, phone, first_name, last_name).await?;
    }
    print_welcome(address, server);
    let city = city(config, format!("http://{address}"), None, services.routes())?;
    let stop = stop.clone();
    Ok(Some(tokio::spawn(async move {
        if let Err(error) = simulation::run(city, stop).await {
            tracing::error!(error = %crate::telemetry::chain(&error), "the simulated city stopped");
        }
    })))
}

/// The city of `[demo]`, played against `target` on `routes`. Without an admin, the one that every demo server has.
pub(super) fn city(
    config: &Config,
    target: String,
    admin: Option<simulation::Admin>,
    routes: Routes,
) -> Result<simulation::Config, Error> {
    let admin = match admin {
        Some(admin) => admin,
        None => simulation::Admin {
            phone: phone(LOGINS[0].1)?,
            password: Secret::new(PASSWORD.to_owned()),
            second_factor: Secret::new(SECOND_FACTOR.to_owned()),
        },
    };
    Ok(simulation::Config {
        target,
        drivers: config.demo.drivers,
        riders_max: config.demo.riders_max,
        rides_per_minute: config.demo.rides_per_minute,
        seed: config.demo.seed,
        speed_factor: config.demo.speed_factor,
        gps_noise_m: config.demo.gps_noise_m,
        routes,
        sign_ups_max: config.demo.sign_ups_max,
        admin,
    })
}

async fn create_login(services: &Services, role: Role, phone: &str, first: &str, last: &str) -> Result<(), Error> {
    let user = NewUser {
        phone: self::phone(phone)?,
        first_name: first.to_owned(),
        last_name: last.to_owned(),
        role,
        agency: (role == Role::Government).then_some(Agency::Rura),
        language: Language::Rw,
        password: Some(Secret::new(PASSWORD.to_owned())),
    };
    match services.auth.create_user(user, clock::now()).await {
        Ok(user) if role.needs_second_factor() => {
            let secret = Secret::new(SECOND_FACTOR.to_owned());
            Ok(services.auth.set_second_factor(user, &secret, clock::now()).await?)
        }
        Ok(_) => Ok(()),
        // From an earlier run on the same data directory, perhaps of a version that knew neither factors nor agencies.
        Err(error) if error.code() == "phone_taken" => complete_login(services, role, self::phone(phone)?).await,
        Err(error) => Err(error.into()),
    }
}

/// Gives a login of before what it needs by now.
async fn complete_login(services: &Services, role: Role, phone: Phone) -> Result<(), Error> {
    let Some(user) = services.auth.account_of(phone).await? else { return Ok(()) };
    if role.needs_second_factor() && services.auth.second_factor(user).await?.enrolled_at.is_none() {
        let secret = Secret::new(SECOND_FACTOR.to_owned());
        services.auth.set_second_factor(user, &secret, clock::now()).await?;
    }
    if role == Role::Government {
        services.auth.set_agency(user, Agency::Rura, clock::now()).await?;
    }
    Ok(())
}

fn phone(text: &str) -> Result<Phone, Error> {
    Phone::parse(text).map_err(|error| Error::service("a demo login has no valid phone", error))
}

fn print_welcome(address: SocketAddr, server: &Server) {
    let sandbox = server.sandbox.as_ref().map_or("(not running)", |sandbox| sandbox.base.as_str());
    eprintln!("\n  A simulated Kigali is waking up.\n");
    eprintln!("  The city        http://{address}/");
    eprintln!("  API, browsable  http://{address}/api/docs");
    eprintln!("  SMS it sends    {sandbox}/_sim/sms\n");
    eprintln!("  Sign in with password {PASSWORD} as");
    for (role, phone, first, _) in LOGINS {
        eprintln!("    {:<11} {phone}  ({first})", role.as_str());
    }
    eprintln!(
        "\n  The admin and the official give a second factor, too: a code of an authenticator app with the secret"
    );
    eprintln!("    {SECOND_FACTOR}");
    eprintln!("\n  Try: curl -s http://{address}/api/v1/auth/login -H 'content-type: application/json' \\");
    eprintln!("         -d '{{\"phone\":\"{}\",\"password\":\"{PASSWORD}\"}}'", LOGINS[2].1);
    eprintln!("  Ctrl-C stops everything that was started.\n");
}
