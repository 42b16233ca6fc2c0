//! The sections about drivers' papers: who checks them, where their files lie.
//!
//! Separate from the other sections about people because all of it belongs to one story: docs/DRIVERS.md.

use super::people::{DemoConfig, SandboxConfig, is_base_url};
use super::reader::Reader;
use crate::drivers::{self, authority};
use crate::redact::Secret;
use crate::storage::{self, PictureBounds, s3, scanner};

/// So much longer a file may be when it is encrypted: far more than a nonce and a tag.
const SEALED_MORE: usize = 1_024;

const ELSEWHERE: &str = "is not https://HOST without a path (http:// only to this machine)";

/// Who is asked whether a paper is what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Provider {
    Manual,
    Http,
    Sandbox,
}

/// Drivers, their papers and wishes.
pub fn drivers(reader: &mut Reader<'_>, demo: &DemoConfig) -> drivers::Config {
    let mut s = reader.section("drivers");
    drivers::Config {
        cards_remembered_max: s.whole("cards_remembered_max", 1_000..=10_000_000),
        card_age_max: s.span("card_age_max_s", 1..=3_600),
        home: drivers::HomeConfig {
            uses_per_day_max: s.whole("home_uses_per_day_max", 0..=100),
            lasts: s.span("home_lasts_minutes", 1..=1_440),
            nearer_min_percent: s.whole("home_nearer_min_percent", 1..=100),
        },
        papers: drivers::PapersConfig {
            is_complete: s.flag("papers_complete") && !demo.enabled,
            photo_bytes_max: s.whole("photo_bytes_max", 10_000..=100_000_000),
            document_bytes_max: s.whole("document_bytes_max", 10_000..=100_000_000),
            uploads_max: s.whole("uploads_max", 1..=1_000),
            claim_lasts: s.span("review_claim_minutes", 1..=1_440),
            rating_below_hundredths: hundredths(s.number("rating_review_below", 1.0..=5.0)),
            rating_after: s.whole("rating_review_after", 0..=1_000_000),
            orphan_age_min: s.span("file_orphan_minutes", 5..=10_080),
        },
    }
}

/// A number of at most 5 with two digits, in hundredths.
fn hundredths(stars: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "at most 500")]
    let whole = (stars * 100.0).round() as i64;
    whole
}

/// Who is asked about licences and motorcycles; `None` leaves it to reviewers.
pub fn authority(reader: &mut Reader<'_>, sandbox: &SandboxConfig) -> Option<authority::Config> {
    let mut s = reader.section("authority");
    let provider =
        s.choice("provider", &[("manual", Provider::Manual), ("http", Provider::Http), ("sandbox", Provider::Sandbox)]);
    let base_url = s.text("base_url");
    let config = authority::Config {
        site: match provider {
            Provider::Http => authority::Site::At(base_url.clone()),
            Provider::Manual | Provider::Sandbox => authority::Site::Sandbox,
        },
        api_key: s.secret("api_key").unwrap_or_else(|| Secret::new(String::new())),
        timeout: s.span("timeout_ms", 100..=60_000),
        approves: s.flag("approves"),
    };
    if !is_base_url(&base_url) {
        s.fault("base_url", format!("{base_url:?} {ELSEWHERE}"));
    }
    if provider == Provider::Http && config.api_key.expose().is_empty() {
        s.fault("api_key", "is empty, and authority.provider = \"http\" needs it");
    }
    let reason =
        "is a real authority, and the sandbox is on: a rehearsal does not ask about real people. Use one of the two";
    s.require(provider != Provider::Http || !sandbox.enabled, "provider", "sandbox.enabled", reason);
    (provider != Provider::Manual).then_some(config)
}

/// Where files lie and who looks at them.
pub fn storage(reader: &mut Reader<'_>, drivers: &drivers::Config, export_bytes_max: usize) -> storage::Config {
    let mut s = reader.section("storage");
    let is_bucket = s.choice("provider", &[("disk", false), ("s3", true)]);
    let bucket = s3::Config {
        endpoint: s.text("endpoint"),
        bucket: s.text("bucket"),
        region: s.text("region"),
        is_path_style: s.flag("path_style"),
        access_key: s.text("access_key"),
        secret_key: s.secret("secret_key").unwrap_or_else(|| Secret::new(String::new())),
        timeout: s.span("timeout_ms", 100..=60_000),
        attempts_max: s.whole("attempts_max", 1..=10),
        // Papers and the exports of people's data lie there. What is encrypted is a little longer.
        file_bytes_max: drivers.papers.photo_bytes_max.max(drivers.papers.document_bytes_max).max(export_bytes_max)
            + SEALED_MORE,
    };
    let pictures = PictureBounds {
        side_px_max: s.whole("picture_side_px_max", 100..=65_535),
        pixels_max: s.whole("picture_pixels_max", 10_000..=1_000_000_000),
    };
    if !is_base_url(&bucket.endpoint) {
        s.fault("endpoint", format!("{:?} {ELSEWHERE}", bucket.endpoint));
    }
    for (name, is_missing) in [
        ("bucket", bucket.bucket.is_empty()),
        ("region", bucket.region.is_empty()),
        ("access_key", bucket.access_key.is_empty()),
        ("secret_key", bucket.secret_key.expose().is_empty()),
    ] {
        if is_bucket && is_missing {
            s.fault(name, "is empty, and storage.provider = \"s3\" needs it");
        }
    }
    storage::Config { bucket: is_bucket.then_some(bucket), scanner: malware(reader), pictures }
}

fn malware(reader: &mut Reader<'_>) -> Option<(scanner::Address, crate::time::Span)> {
    let mut s = reader.section("malware");
    let is_scanned = s.choice("scanner", &[("none", false), ("clamd", true)]);
    let text = s.text("address");
    let timeout = s.span("timeout_ms", 100..=60_000);
    let address = match text.strip_prefix("unix:") {
        Some(path) => scanner::Address::Unix(path.into()),
        None => scanner::Address::Tcp(text.clone()),
    };
    let is_address = match &address {
        scanner::Address::Unix(path) => path.is_absolute(),
        scanner::Address::Tcp(text) => {
            text.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
        }
    };
    if !is_address {
        s.fault("address", format!("{text:?} is not HOST:PORT or unix:/path"));
    }
    is_scanned.then_some((address, timeout))
}
