//! The sections about the edge of the server: who is believed, who may ask how often, what browsers are told, encryption.
//!
//! Separate from the machine's sections because these are about strangers. The reason of every number stands in
//! `config/default.toml`; here stand the bounds within which the program works.

use super::reader::{Reader, Section};
use crate::web::client::{Forwarding, Proxies};
use crate::web::headers::{self, check_origin};
use crate::web::limits::{self, Class, Rate};
use crate::web::networks::Networks;
use crate::web::tls;

/// Proxies, networks and origins that may be named.
const LIST_MAX: usize = 256;

/// Whom to believe, whom to limit, what to say to browsers, and how to encrypt.
#[derive(Clone, Debug)]
pub struct EdgeConfig {
    /// Who may say where a request comes from.
    pub proxies: Proxies,
    /// What browsers are told.
    pub headers: headers::Config,
    /// How often somebody may ask.
    pub limits: limits::Config,
    /// Encryption by this process; `None`: a proxy does it, or nobody.
    pub tls: Option<tls::Config>,
}

pub fn edge(reader: &mut Reader<'_>, is_demo: bool) -> EdgeConfig {
    let mut s = reader.section("server");
    let trusted = networks(&mut s, "trusted_proxies");
    let names = [("x-forwarded-for", Forwarding::XForwarded), ("forwarded", Forwarding::Forwarded)];
    let forwarding = s.choice("forwarding_header", &names);
    let cors_origins = list(&mut s, "cors_origins");
    for origin in &cors_origins {
        if let Err(reason) = check_origin(origin) {
            s.fault("cors_origins", format!("{origin:?} {reason}"));
        }
    }
    let headers = headers::Config { cors_origins, hsts_days: s.whole("hsts_days", 0..=3_650) };
    let tls = tls(reader, is_demo);
    EdgeConfig { proxies: Proxies { trusted, forwarding }, headers, limits: limits(reader, is_demo), tls }
}

fn limits(reader: &mut Reader<'_>, is_demo: bool) -> limits::Config {
    let has_redis = reader.section("redis").secret("url").is_some();
    let mut s = reader.section("limits");
    let rates = Class::ALL.map(|class| {
        let (per_minute, burst_max) =
            (format!("{}_per_minute", class.as_str()), format!("{}_burst_max", class.as_str()));
        Rate { per_minute: s.whole(&per_minute, 1..=1_000_000), burst_max: s.whole(&burst_max, 1..=1_000_000) }
    });
    let mut exempt = networks(&mut s, "exempt");
    if is_demo {
        // The simulated people of the demo all live on this machine.
        for network in ["127.0.0.0/8", "::1"] {
            exempt.push(network.parse().expect("a network"));
        }
    }
    let is_shared = s.flag("shared");
    s.require(!is_shared || has_redis, "shared", "redis.url", "needs redis.url: there is nothing to share through");
    limits::Config {
        rates,
        address_factor: s.whole("address_factor", 1..=1_000_000),
        callers_max: s.whole("callers_max", 1_000..=100_000_000),
        is_shared,
        shared_within: s.span("shared_within_ms", 1..=5_000),
        exempt,
    }
}

fn tls(reader: &mut Reader<'_>, is_demo: bool) -> Option<tls::Config> {
    let mut s = reader.section("tls");
    let (certificate, key) = (s.optional_text("certificate_file"), s.optional_text("key_file"));
    let look_every = s.span("look_every_s", 1..=86_400);
    let lonely = match (&certificate, &key) {
        (Some(_), None) => Some("certificate_file"),
        (None, Some(_)) => Some("key_file"),
        _ => None,
    };
    if let Some(lonely) = lonely {
        s.fault(lonely, "is set and its companion is not: encryption needs certificate_file and key_file");
    }
    let reason = "is set, and the simulated people of the demo speak plain HTTP. Use one of the two";
    s.require(!is_demo || certificate.is_none(), "certificate_file", "demo.enabled", reason);
    let (certificate_file, key_file) = (certificate?.into(), key?.into());
    Some(tls::Config { certificate_file, key_file, look_every })
}

/// A text of items with commas between them.
fn list(s: &mut Section<'_, '_>, name: &str) -> Vec<String> {
    let text = s.text(name);
    let items: Vec<_> = text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect();
    if items.len() > LIST_MAX {
        s.fault(name, format!("has {} items, more than {LIST_MAX}", items.len()));
    }
    items
}

fn networks(s: &mut Section<'_, '_>, name: &str) -> Networks {
    let mut networks = Networks::default();
    for item in list(s, name) {
        match item.parse() {
            Ok(network) => networks.push(network),
            Err(error) => s.fault(name, format!("{error}")),
        }
    }
    networks
}
