//! The sections about people and about their stand-ins: auth, SMS, payments, sandbox, demo.
//!
//! Separate from the city's sections because nothing here moves. The reason of every number stands in
//! `config/default.toml`; here stand the bounds within which the program works.

use std::net::SocketAddr;

use super::reader::Reader;
use crate::auth;
use crate::notifications::sms::{self, africastalking};
use crate::redact::Secret;
use crate::time::Span;

/// The networks show no longer sender than this.
const SENDER_CHARS_MAX: usize = 11;

/// Stand-ins for the outside world.
#[derive(Debug, Clone)]
pub struct SandboxConfig {
    /// Whether `serve` starts them; always so in demo mode.
    pub enabled: bool,
    /// Where; port 0 takes free ones, another one is followed by three more. Loopback.
    pub listen: SocketAddr,
    /// How long the people of the sandbox take to answer a payment on their phones.
    pub prompt_delay: Span,
}

/// A simulated city.
#[derive(Debug, Clone)]
pub struct DemoConfig {
    /// Whether `serve` starts it.
    pub enabled: bool,
    /// Drivers on the road.
    pub drivers: u32,
    /// Riders who exist at most.
    pub riders_max: u32,
    /// Wishes to ride, on average.
    pub rides_per_minute: f64,
    /// How far what a phone reports is beside the truth.
    pub gps_noise_m: f64,
    /// How much faster than life people drive and decide.
    pub speed_factor: f64,
    /// People who sign up at the same time.
    pub sign_ups_max: usize,
    /// Where all chance comes from.
    pub seed: u64,
}

/// What a token check remembers, and how soon it hears of changes.
#[derive(Debug, Clone)]
pub struct TokensConfig {
    /// Tokens whose signature was found right (up to twice as many).
    pub remembered_max: usize,
    /// Sessions that were ended within the lifetime of a token.
    pub ended_max: usize,
    /// How often the store is asked which sessions were ended.
    pub ended_read_every: Span,
    /// How often the folder of keys is looked into.
    pub keys_read_every: Span,
    /// How long a key is known before it signs.
    pub announced_for: Span,
}

pub fn tokens(reader: &mut Reader<'_>) -> TokensConfig {
    let mut s = reader.section("auth");
    TokensConfig {
        remembered_max: s.whole("tokens_remembered_max", 16..=10_000_000),
        ended_max: s.whole("sessions_ended_max", 1_000..=10_000_000),
        ended_read_every: s.span("sessions_ended_read_s", 1..=60),
        keys_read_every: s.span("keys_read_s", 1..=3_600),
        announced_for: s.span("key_announced_s", 0..=86_400),
    }
}

pub fn access_token_lifetime(reader: &mut Reader<'_>) -> Span {
    reader.section("auth").span("access_token_lifetime_minutes", 1..=1_440)
}

pub fn auth(reader: &mut Reader<'_>) -> auth::Config {
    let mut s = reader.section("auth");
    let config = auth::Config {
        code_lifetime: s.span("code_lifetime_s", 60..=3_600),
        code_attempts_max: s.whole("code_attempts_max", 1..=20),
        resend_cooldown: s.span("resend_cooldown_s", 1..=3_600),
        codes_per_hour_max: s.whole("codes_per_hour_max", 1..=60),
        refresh_lifetime: s.span("refresh_lifetime_days", 1..=730),
        sessions_per_user_max: s.whole("sessions_per_user_max", 1..=1_000),
        hashing_max: s.whole("hashing_max", 1..=256),
        hashing_queue_max: s.whole("hashing_queue_max", 1..=10_000),
        hashing_wait_max: s.span("hashing_wait_max_ms", 10..=60_000),
        login_attempts_max: s.whole("login_attempts_max", 1..=1_000),
        login_window: s.span("login_window_minutes", 1..=1_440),
        second_factor_within: s.span("second_factor_within_s", 60..=3_600),
        throttle: auth::ThrottleConfig {
            delay_min: s.span("throttle_delay_min_s", 1..=3_600),
            delay_max: s.span("throttle_delay_max_minutes", 1..=1_440),
            code_guesses_max: s.whole("code_guesses_max", 1..=1_000),
            second_factor_guesses_max: s.whole("second_factor_guesses_max", 1..=100),
            address_failures_max: s.whole("address_failures_max", 1..=1_000_000),
            device_failures_max: s.whole("device_failures_max", 1..=1_000_000),
            address_codes_max: s.whole("address_codes_max", 1..=1_000_000),
            refreshes_per_minute_max: s.whole("refreshes_per_minute_max", 1..=1_000),
        },
        people_remembered_max: s.whole("people_remembered_max", 1_000..=10_000_000),
        people_age_max: s.span("people_age_max_s", 1..=3_600),
    };
    let cooldown_fits = config.resend_cooldown <= config.code_lifetime;
    s.require(
        cooldown_fits,
        "resend_cooldown_s",
        "auth.code_lifetime_s",
        "is more than code_lifetime_s: a lapsed code could not be replaced",
    );
    config
}

pub fn sms(reader: &mut Reader<'_>, sandbox: &SandboxConfig) -> sms::Config {
    let mut s = reader.section("sms");
    let has_gateway = s.choice("provider", &[("none", false), ("africastalking", true)]);
    let gateway = africastalking::Config {
        base_url: s.text("base_url"),
        username: s.text("username"),
        api_key: s.secret("api_key").unwrap_or_else(|| Secret::new(String::new())),
        sender: s.optional_text("sender"),
        timeout: s.span("timeout_ms", 100..=60_000),
    };
    if !is_base_url(&gateway.base_url) {
        let reason =
            format!("{:?} is not https://HOST without a path (http:// only to this machine)", gateway.base_url);
        s.fault("base_url", reason);
    }
    if gateway.sender.as_ref().is_some_and(|sender| sender.chars().count() > SENDER_CHARS_MAX) {
        s.fault("sender", format!("is longer than {SENDER_CHARS_MAX} characters"));
    }
    if !has_gateway {
        return sms::Config::Log;
    }
    for (name, is_missing) in
        [("username", gateway.username.is_empty()), ("api_key", gateway.api_key.expose().is_empty())]
    {
        if is_missing {
            s.fault(name, "is empty, and sms.provider = \"africastalking\" needs it");
        }
    }
    let reason =
        "is a real gateway, and the sandbox is on: a rehearsal does not write to real people. Use one of the two";
    s.require(!sandbox.enabled, "provider", "sandbox.enabled", reason);
    sms::Config::AfricasTalking(gateway)
}

/// Whether the key is safe on its way there, and a path can be put behind it.
pub(super) fn is_base_url(url: &str) -> bool {
    let is_host = |rest: &str| !rest.is_empty() && !rest.contains(|c: char| c == '/' || c == '@' || c.is_whitespace());
    let is_here = |rest: &str| {
        let name = rest.rsplit_once(':').map_or(rest, |(name, _)| name);
        ["localhost", "127.0.0.1", "[::1]"].contains(&name)
    };
    match url.split_once("://") {
        Some(("https", rest)) => is_host(rest),
        Some(("http", rest)) => is_host(rest) && is_here(rest),
        _ => false,
    }
}

pub fn demo(reader: &mut Reader<'_>) -> DemoConfig {
    let mut s = reader.section("demo");
    DemoConfig {
        enabled: s.flag("enabled"),
        drivers: s.whole("drivers", 1..=100_000),
        riders_max: s.whole("riders_max", 1..=1_000_000),
        rides_per_minute: s.number("rides_per_minute", 0.0..=100_000.0),
        gps_noise_m: s.number("gps_noise_m", 0.0..=100.0),
        speed_factor: s.number("speed_factor", 0.1..=100.0),
        sign_ups_max: s.whole("sign_ups_max", 1..=1_000),
        seed: s.whole("seed", 0..=i64::MAX.unsigned_abs()),
    }
}

pub fn sandbox(reader: &mut Reader<'_>, demo: &DemoConfig) -> SandboxConfig {
    let mut s = reader.section("sandbox");
    let config = SandboxConfig {
        enabled: s.flag("enabled") || demo.enabled,
        listen: s.address("listen"),
        prompt_delay: s.span("prompt_delay_ms", 0..=600_000),
    };
    let reason = "is not a loopback address, and whoever reaches the sandbox reads every sign-in code";
    s.require(config.listen.ip().is_loopback(), "listen", "sandbox.listen", reason);
    config
}
