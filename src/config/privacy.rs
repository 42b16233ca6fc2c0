//! The sections `privacy`, `retention` and `residency`: people's data, how long, and where.
//!
//! Here the residency guard stands (law 058/2021, art. 50): every store is named with its region, and one that may not hold
//! what it holds is a fault of its key, so that nothing starts. A store without a region of its own counts as where this
//! machine stands (`residency.region`), if it is on this machine or its private network; one on the open network has to say.

use std::net::IpAddr;

use super::people;
use super::reader::Reader;
use crate::notifications::sms;
use crate::privacy::register::Organisation;
use crate::privacy::residency::{Certificate, Place};
use crate::privacy::retention::Periods;
use crate::time::{Span, Timestamp};
use crate::{auth, bus, db, privacy, storage};

/// What is on its way when a person is forgotten has arrived so long after the last access token is dead.
const AFTER_LAST_TOKEN: Span = Span::from_secs(60);
const DAYS: std::ops::RangeInclusive<i64> = 1..=36_500;

/// The other sections that say where data goes.
#[derive(Clone, Copy)]
pub struct Stores<'a> {
    pub database: &'a db::Config,
    pub bus: &'a bus::Config,
    pub storage: &'a storage::Config,
    pub sms: &'a sms::Config,
}

/// The largest archive that is put on the shelf of files, which has to take it back.
pub fn export_bytes_max(reader: &mut Reader<'_>) -> usize {
    reader.section("privacy").whole::<usize>("export_mib_max", 1..=1_024) << 20
}

pub fn privacy(
    reader: &mut Reader<'_>,
    stores: Stores<'_>,
    export_bytes_max: usize,
    now: Timestamp,
) -> privacy::Config {
    let periods = periods(reader);
    let places = places(reader, stores, now);
    let tokens_die_within = people::access_token_lifetime(reader);
    let second_pass_after = Span::from_millis(tokens_die_within.as_millis() + AFTER_LAST_TOKEN.as_millis());
    let case_hidden_for = reader.section("audit").span("case_hidden_days", 0..=730);
    let mut s = reader.section("privacy");
    let organisation = Organisation {
        name: s.text("controller"),
        registration: s.optional_text("registration"),
        officer_contact: s.text("officer_contact"),
        places,
    };
    for (name, is_missing) in
        [("controller", organisation.name.is_empty()), ("officer_contact", organisation.officer_contact.is_empty())]
    {
        if is_missing {
            s.fault(name, "is empty, and people must be told whom to turn to");
        }
    }
    privacy::Config {
        erasure_grace: s.span("erasure_grace_hours", 0..=720),
        proof_age_max: s.span("proof_age_max_minutes", 1..=1_440),
        second_pass_after,
        exports_per_day_max: s.whole("exports_per_day_max", 1..=1_000),
        export_kept: s.span("export_kept_days", 1..=90),
        export_bytes_max,
        case_hidden_for,
        consent_age_min: s.whole("consent_age_min", 0..=100),
        objectors_max: s.whole("objectors_max", 1_000..=100_000_000),
        retention_rows_max: s.whole("retention_rows_max", 1..=100_000),
        periods,
        organisation,
    }
}

fn periods(reader: &mut Reader<'_>) -> Periods {
    let positions = reader.section("history").span("retention_days", 1..=3_650);
    let zone_events = reader.section("geofences").span("retention_days", 1..=3_650);
    let decisions = reader.section("decisions").span("retention_days", 1..=3_650);
    let contacts = reader.section("products").span("contacts_kept_days", 1..=365);
    let exports = reader.section("privacy").span("export_kept_days", 1..=90);
    let mut s = reader.section("retention");
    Periods {
        sign_in_codes: auth::CODES_KEPT,
        sessions: auth::SESSIONS_KEPT,
        positions,
        zone_events,
        decisions,
        contacts,
        quotes: crate::rides::QUOTES_KEPT,
        notifications: s.span("notifications_days", DAYS),
        sms_records: s.span("sms_records_days", DAYS),
        rides: s.span("rides_days", DAYS),
        comments: s.span("comments_days", DAYS),
        incidents: s.span("incidents_days", DAYS),
        shifts: s.span("shifts_days", DAYS),
        exports,
        papers: s.span("papers_days", DAYS),
        ledger: s.span("ledger_days", DAYS),
        consents: s.span("consents_days", DAYS),
        audit: s.span("audit_days", DAYS),
    }
}

fn places(reader: &mut Reader<'_>, stores: Stores<'_>, now: Timestamp) -> Vec<Place> {
    let certificate = certificate(reader);
    let mut s = reader.section("residency");
    let here = s.text("region");
    let everything = "everything about people";
    let has_gateway = !matches!(stores.sms, sms::Config::Log);
    let database = stores.database.url.as_ref().map(|url| ("database.url", url.expose().as_str()));
    let redis = stores.bus.redis.as_ref().map(|redis| ("redis.url", redis.url.expose().as_str()));
    let bucket = stores.storage.bucket.as_ref().map(|bucket| ("storage.endpoint", bucket.endpoint.as_str()));
    let stores = [
        ("database", everything, database),
        ("redis", "messages on their way to people", redis),
        ("storage", "papers of drivers and exports, encrypted", bucket),
        ("logs", "ids and times", None),
        ("backups", everything, None),
    ];
    let mut places = Vec::new();
    for (name, holds, address) in stores {
        let said = s.optional_text(name);
        if let Some((key, _)) = address.filter(|(_, url)| said.is_none() && !is_near(url)) {
            let reason =
                format!("is empty, and {key} is on the open network: say in which country it lies, such as RW");
            s.fault(name, reason);
            continue;
        }
        let region = said.unwrap_or_else(|| here.clone());
        let place = Place { name, holds, region, certificate: certificate.clone() };
        if let Some(objection) = place.objection(now.kigali_day()) {
            s.fault(name, objection);
        }
        places.push(place);
    }
    let gateway = s.text("sms");
    if has_gateway {
        // Not a store: it gets what it sends, by contract (art. 48). It is listed and not refused.
        places.push(Place { name: "sms gateway", holds: "telephones and texts", region: gateway, certificate });
    }
    places
}

/// Both halves or none.
fn certificate(reader: &mut Reader<'_>) -> Option<Certificate> {
    let mut s = reader.section("residency");
    let (id, expires_on) = (s.optional_text("certificate_id"), s.optional_text("certificate_expires_on"));
    match (id, expires_on) {
        (Some(id), Some(day)) => match day.parse() {
            Ok(expires_on) => Some(Certificate { id, expires_on }),
            Err(_) => {
                s.fault("certificate_expires_on", format!("{day:?} is not a day of the form 2027-06-30"));
                None
            }
        },
        (None, None) => None,
        (Some(_), None) => {
            s.fault("certificate_expires_on", "is empty, and residency.certificate_id is not");
            None
        }
        (None, Some(_)) => {
            s.fault("certificate_id", "is empty, and residency.certificate_expires_on is not");
            None
        }
    }
}

/// Whether an address is this machine's or of its private network: a name without a dot or of a private domain, a loopback
/// or a private address. PostgreSQL is also reached by what its query names, whatever stands before that.
fn is_near(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let authority = place.split('/').next().unwrap_or_default();
    let hosts = authority.rsplit_once('@').map_or(authority, |(_, hosts)| hosts);
    let mut named = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    hosts.split(',').all(|host| is_near_host(host_of(host)))
        && named.all(|(name, host)| match name {
            "host" | "hostaddr" => is_near_host(host),
            _ => !name.contains('%'),
        })
}

fn host_of(host_and_port: &str) -> &str {
    match host_and_port.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host_and_port.split(':').next().unwrap_or_default(),
    }
}

/// A path is that of a socket. What is written in escapes otherwise is not read, and so not near.
fn is_near_host(host: &str) -> bool {
    if ["/", "%2F", "%2f"].iter().any(|slash| host.starts_with(slash)) {
        return true;
    }
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => address.is_loopback() || address.is_private() || address.is_link_local(),
        Ok(IpAddr::V6(address)) => address.is_loopback() || address.is_unique_local(),
        Err(_) => !host.contains(['.', '%']) || [".internal", ".local", ".svc"].iter().any(|end| host.ends_with(end)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::ffi::OsString;

    use super::*;
    use crate::config::{Config, Error, Sources};
    use crate::privacy::{register, retention};

    fn load(settings: &[(&str, &str)]) -> Result<Config, Error> {
        let environment: BTreeMap<OsString, OsString> =
            settings.iter().map(|(key, value)| (OsString::from(key), OsString::from(value))).collect();
        Sources { environment, ..Sources::default() }.load()
    }

    #[test]
    fn the_page_on_privacy_has_the_tables_that_the_program_follows() {
        let privacy = load(&[]).expect("defaults").privacy;
        let page = include_str!("../../docs/PRIVACY.md");
        for (name, table) in [
            ("retention", retention::table_markdown(&privacy.periods)),
            ("activities", register::activities_markdown()),
            ("places", register::places_markdown(&privacy.organisation)),
        ] {
            let block = format!("<!-- {name} -->\n{table}<!-- /{name} -->\n");
            assert!(page.contains(&block), "docs/PRIVACY.md is to have this block:\n{block}");
        }
    }

    #[test]
    fn a_store_abroad_keeps_the_program_from_starting_without_a_certificate() {
        const FAR: (&str, &str) = ("BODA__DATABASE__URL", "postgres://boda@db.example.com/boda");
        let certificate =
            |day| [("BODA__RESIDENCY__CERTIFICATE_ID", "NCSA-7"), ("BODA__RESIDENCY__CERTIFICATE_EXPIRES_ON", day)];
        let bucket = |endpoint| {
            let keys = [("BODA__STORAGE__BUCKET", "boda"), ("BODA__STORAGE__ACCESS_KEY", "a")];
            let rest = [("BODA__STORAGE__SECRET_KEY", "b"), ("BODA__STORAGE__REGION", "r")];
            let place = [("BODA__STORAGE__PROVIDER", "s3"), ("BODA__STORAGE__ENDPOINT", endpoint)];
            [keys, rest, place].concat()
        };
        let in_ireland = [FAR, ("BODA__RESIDENCY__DATABASE", "IE")];
        for (settings, expected) in [
            (vec![], None),
            (vec![("BODA__DATABASE__URL", "postgres://boda@localhost/boda")], None),
            (vec![FAR], Some("residency.database: is empty, and database.url is on the open network")),
            (vec![FAR, ("BODA__RESIDENCY__DATABASE", "RW")], None),
            (in_ireland.to_vec(), Some("residency.database: \"IE\" is not RW, and it holds everything about people")),
            ([&in_ireland[..], &certificate("2999-12-31")].concat(), None),
            ([&in_ireland[..], &certificate("2020-12-31")].concat(), Some("residency.database: \"IE\" is not RW")),
            ([&in_ireland[..], &certificate("soon")].concat(), Some("residency.certificate_expires_on: \"soon\"")),
            (
                bucket("https://s3.eu-west-1.amazonaws.com"),
                Some("residency.storage: is empty, and storage.endpoint is on"),
            ),
            (bucket("https://files.internal"), None),
            ([&bucket("https://files.example.rw")[..], &[("BODA__RESIDENCY__STORAGE", "RW")]].concat(), None),
            (
                [&bucket("https://s3.amazonaws.com")[..], &[("BODA__RESIDENCY__STORAGE", "IE")]].concat(),
                Some("residency.storage: \"IE\" is not RW, and it holds papers"),
            ),
            (vec![("BODA__RESIDENCY__REGION", "KE")], Some("residency.database: \"KE\" is not RW")),
            (vec![("BODA__RESIDENCY__BACKUPS", "US")], Some("residency.backups: \"US\" is not RW")),
            (vec![certificate("2999-12-31")[0]], Some("residency.certificate_expires_on: is empty")),
            (vec![("BODA__PRIVACY__OFFICER_CONTACT", "")], Some("privacy.officer_contact: is empty")),
        ] {
            let loaded = load(&settings);
            match expected {
                None => assert!(loaded.is_ok(), "{settings:?}: {loaded:?}"),
                Some(said) => {
                    let error = loaded.expect_err(said).to_string();
                    assert!(error.contains(said), "{settings:?}: {error}");
                }
            }
        }
    }

    #[test]
    fn near_is_this_machine_and_its_private_network() {
        for (url, expected) in [
            ("postgres://boda:x@localhost/boda", true),
            ("postgres://boda:p@ss@db:5432/boda", true),
            ("postgres:///boda?host=/run/postgresql", true),
            ("postgres:///boda?host=%2Frun%2Fpostgresql&sslmode=disable", true),
            ("postgres:///boda?host=db.example.com", false),
            ("postgres://localhost/boda?sslmode=require&hostaddr=52.95.110.1", false),
            ("postgres://localhost?hostaddr=10.1.2.3", true),
            ("postgres:///boda?host=db%2Eexample%2Ecom", false),
            ("postgres:///boda?h%6Fst=db.example.com", false),
            ("postgres://db%2Eexample%2Ecom/boda", false),
            ("postgres://boda@10.1.2.3:5432/boda", true),
            ("postgres://boda@[::1]:5432/boda", true),
            ("postgres://boda@postgres.default.svc/boda", true),
            ("redis://cache.internal", true),
            ("redis-sentinel://a:26379,b:26379/0", true),
            ("redis-sentinel://a:26379,b.example.com:26379/0", false),
            ("postgres://boda@db.eu-west-1.rds.amazonaws.com/boda", false),
            ("postgres://boda@52.95.110.1/boda", false),
            ("postgres://boda@[2600::1]:5432/boda", false),
        ] {
            assert_eq!(is_near(url), expected, "{url}");
        }
    }
}
