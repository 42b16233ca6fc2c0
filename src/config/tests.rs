//! The configuration as a whole: the default file, the layers, every fault at once.

use std::path::Path;

use super::*;

/// A file with this text, and the sources that read it.
struct Case {
    file: tempfile::NamedTempFile,
    sources: Sources,
}

fn case(text: &str, environment: &[(&str, &str)]) -> Case {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), text).unwrap();
    let environment = environment.iter().map(|(name, value)| (name.into(), value.into())).collect();
    let sources = Sources { file: Some(file.path().to_owned()), environment, flags: Vec::new() };
    Case { file, sources }
}

/// What is said to be wrong, without where.
fn faults(text: &str, environment: &[(&str, &str)]) -> Vec<String> {
    let error = case(text, environment).sources.load().unwrap_err();
    error.faults.iter().map(|fault| format!("{}: {}", fault.key, fault.reason)).collect()
}

#[test]
fn the_defaults_are_valid_and_every_key_of_them_is_read() {
    let config = Sources::default().load().unwrap();
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.server.worker_threads, None);
    assert_eq!(config.data_dir, Path::new("boda-data"));
    assert_eq!(config.database.embedded.data_dir, config.data_dir);
    assert!(config.database.url.is_none() && config.bus.redis.is_none());
    assert_eq!(config.rides.dispatch.offer_ttl, Span::from_secs(15));
    assert_eq!(config.jobs.done_retention, Span::from_minutes(7 * 24 * 60));
    assert_eq!(config.travel, TravelConfig { detour_factor: 1.33, speed_kmh: 22.0 });
    assert_eq!(
        (config.map.file.as_ref(), config.map.reweigh, config.map.snap_m_max),
        (None, Span::from_secs(30), 300.0)
    );
    assert!(!config.sandbox.enabled && !config.demo.enabled && !config.server.city_page_public);
}

#[test]
fn every_key_is_explained() {
    let is_key = |line: &str| !line.starts_with('#') && !line.starts_with('[') && line.contains(" = ");
    let mut before = "";
    for line in DEFAULTS.lines() {
        assert!(!is_key(line) || before.starts_with('#'), "no word about {line}");
        before = line;
    }
}

#[test]
fn later_layers_win() {
    let text = "[dispatch]\noffer_ttl_s = 20\noffers_max = 5\n[travel]\nspeed_kmh = 18";
    let mut case = case(text, &[("BODA__DISPATCH__OFFER_TTL_S", "30"), ("PATH", "/bin"), ("BODA_LOG", "x")]);
    case.sources.flags.push(Flag { flag: "--listen", key: "server.listen", value: "localhost:0".to_owned() });
    case.sources.flags.push(Flag { flag: "--demo", key: "demo.enabled", value: "true".to_owned() });
    let config = case.sources.load().unwrap();
    assert_eq!(config.rides.dispatch.offer_ttl, Span::from_secs(30), "the environment beats the file");
    assert_eq!(config.rides.dispatch.offers_max, 5, "the file beats the default");
    assert_eq!(config.rides.dispatch.pin_attempts_max, 5, "the rest stays");
    assert_eq!(config.travel.speed_kmh, 18.0, "a whole number is a number");
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:0");
    assert!(config.demo.enabled && config.sandbox.enabled && config.server.city_page_public);
}

#[test]
fn all_faults_are_told_at_once_with_key_value_reason_and_place() {
    let text = r#"
        data_dir = ""
        [server]
        listen = "8080"
        worker_threads = "two"
        [dispatch]
        offer_ttl_s = 300
        offer_tll_s = 15
        [dispach]
        offers_max = 1
        [jobs]
        workers_max = -1
        [travel]
        detour_factor = nan
        [sandbox]
        listen = "0.0.0.0:0"
    "#;
    let environment =
        [("BODA__LOG__FORMAT", "xml"), ("BODA__PAYMENTS__COMMISSION_BASIS_POINTS", "10001"), ("BODA__X", "1")];
    let case = case(text, &environment);
    let error = case.sources.load().unwrap_err().to_string();
    let lines: Vec<_> = error.lines().collect();
    let file = case.file.path().display();
    let expected = [
        format!("server.worker_threads: \"two\" is not a whole number (in {file})"),
        format!("dispatch.offer_tll_s: is not known; did you mean dispatch.offer_ttl_s? (in {file})"),
        format!("dispach: is not known; did you mean dispatch? (in {file})"),
        "x: is not known; `boda print-config` shows every key (from BODA__X)".to_owned(),
        format!("data_dir: is empty and must name a directory (in {file})"),
        format!("server.listen: \"8080\" is not an address with a port, such as 127.0.0.1:8080 or [::1]:8080 (in {file})"),
        format!("dispatch.offer_ttl_s: 300 is out of range 1..=120 (in {file})"),
        format!("jobs.workers_max: -1 is out of range 0..=1000 (in {file})"),
        format!("travel.detour_factor: NaN is out of range 1..=10 (in {file})"),
        format!(
            "sandbox.listen: \"0.0.0.0:0\" is not a loopback address, and whoever reaches the sandbox reads every sign-in code (in {file})"
        ),
        "log.format: \"xml\" is not one of \"text\", \"json\" (from BODA__LOG__FORMAT)".to_owned(),
        "payments.commission_basis_points: 10001 is out of range 0..=10000 (from BODA__PAYMENTS__COMMISSION_BASIS_POINTS)"
            .to_owned(),
    ];
    assert_eq!(lines[0], format!("the configuration has {} faults:", expected.len()));
    for line in &expected {
        assert!(lines.contains(&format!("  {line}").as_str()), "missing: {line}\nin: {error}");
    }
    assert_eq!(lines.len(), expected.len() + 1, "{error}");
}

#[test]
fn names_and_kinds_are_checked_at_every_level() {
    for (text, fault) in [
        ("dispatch = 3", "dispatch: is a section of keys and not a value"),
        ("[dispatch.offer_ttl_s]\na = 1", "dispatch.offer_ttl_s: { a = 1 } is not a whole number"),
        ("listen = \"x\"", "listen: is not known; did you mean server.listen?"),
        ("[weather]\nrain = true", "weather: is not known; `boda print-config` shows every key"),
        ("[demo]\nenabled = 1", "demo.enabled: 1 is not true or false"),
    ] {
        assert_eq!(faults(text, &[]), [fault], "{text}");
    }
    assert_eq!(faults("", &[("BODA__DEMO__ENABLED", "yes")]), ["demo.enabled: \"yes\" is not true or false"]);
    let levels = faults("[log]\nfilter = \"boda=loud\"", &[]);
    assert!(
        levels.len() == 1 && levels[0].starts_with("log.filter: log levels \"boda=loud\" are not understood"),
        "{levels:?}"
    );
    let underscored = case("", &[("BODA__JOBS__DELETE_BATCH_MAX", "2_000")]).sources.load().unwrap();
    assert_eq!(underscored.jobs.delete_batch_max, 2_000);
}

#[test]
fn values_must_also_go_together() {
    for (text, key) in [
        ("[jobs]\ndrain_max_s = 30", "jobs.drain_max_s"),
        ("[jobs]\nworkers_max = 16", "jobs.workers_max"),
        ("[jobs]\nretry_base_s = 4_000", "jobs.retry_base_s"),
        ("[database]\nconnections_min = 17", "database.connections_min"),
        ("[database]\nconnections_max = 33", "database.connections_max"),
        ("[redis]\nreconnect_min_ms = 6_000", "redis.reconnect_min_ms"),
        ("[sockets]\nframes_per_s = 50", "sockets.frames_burst_max"),
        ("[server]\nrequest_timeout_s = 10", "server.request_timeout_s"),
        ("[auth]\nresend_cooldown_s = 400", "auth.resend_cooldown_s"),
        ("[city]\nlat_min = 0.0", "city.lat_min"),
        ("[city]\ncell_m = 20.0", "city.cell_m"),
        ("[database]\nconnections_max = 2", "database.connections_max"),
        ("[dispatch]\nsearch_max_s = 10", "dispatch.search_max_s"),
        ("[dispatch]\nnudge_memory_s = 60", "dispatch.nudge_memory_s"),
    ] {
        let faults = faults(text, &[]);
        assert!(faults.len() == 1 && faults[0].starts_with(key), "{text}: {faults:?}");
    }
}

#[test]
fn a_map_is_named_and_its_numbers_are_checked() {
    let text = "[map]\nfile = \"kigali.map\"\nreweigh_s = 10\nhalf_life_days = 7";
    let map = case(text, &[]).sources.load().unwrap().map;
    assert_eq!((map.file.as_deref(), map.reweigh), (Some(Path::new("kigali.map")), Span::from_secs(10)));
    let week = Span::from_minutes(7 * 24 * 60);
    assert_eq!((map.speeds.half_life, map.corrections.half_life), (week, week), "streets and arrivals alike");
    let wrong = "[map]\nreweigh_s = 0\nsnap_m_max = inf\nclosures_max = 1_000_000\nlive_half_life_s = 1";
    let expected = [
        "map.reweigh_s: 0 is out of range 1..=3600",
        "map.snap_m_max: inf is out of range 1..=10000",
        "map.closures_max: 1000000 is out of range 1..=10000",
        "map.live_half_life_s: 1 is out of range 10..=3600",
    ];
    assert_eq!(faults(wrong, &[]), expected);
}

#[test]
fn a_file_that_cannot_be_read_is_a_fault_among_others() {
    let missing = Sources {
        file: Some("/nonexistent/city.toml".into()),
        environment: [("BODA__LOG__FORMAT".into(), "xml".into())].into(),
        flags: Vec::new(),
    };
    let error = missing.load().unwrap_err();
    assert_eq!(error.faults.len(), 2, "{error}");
    assert!(error.to_string().contains("/nonexistent/city.toml: cannot be read: No such file"), "{error}");

    let broken = case("[log]\nformat = \"json\"\nkey = 'hunter2", &[]).sources.load().unwrap_err().to_string();
    assert!(broken.contains("line 3: is not TOML") && !broken.contains("hunter2"), "{broken}");
}

#[test]
fn secrets_are_shown_nowhere() {
    let environment = [
        ("BODA__DATABASE__URL", "postgres://boda:hunter2@db/boda"),
        ("BODA__REDIS__URL", "redis://:hunter2@cache"),
        ("BODA__SERVER__LISTEN", "127.0.0.1:1"),
    ];
    let case = case("", &environment);
    let config = case.sources.load().unwrap();
    assert_eq!(config.database.url.as_ref().unwrap().expose(), "postgres://boda:hunter2@db/boda");
    let (debug, print) = (format!("{config:?}"), case.sources.print().unwrap());
    assert!(!debug.contains("hunter2") && !print.contains("hunter2"), "{debug}\n{print}");
    assert!(print.contains("[database]\nurl = \"[redacted]\"\nurl_file = \"\"\n"), "{print}");

    let wrong = [("BODA__DATABASE__URL", "mysql://boda:hunter2@db"), ("BODA__REDIS__URL", "http://hunter2")];
    let faults = faults("", &wrong);
    assert!(faults.len() == 2 && faults.iter().all(|fault| !fault.contains("hunter2")), "{faults:?}");
}

#[test]
fn a_secret_may_stand_in_a_file_of_its_own() {
    let secret = tempfile::NamedTempFile::new().unwrap();
    fs::write(secret.path(), "postgres://boda:hunter2@db/boda\n").unwrap();
    let path = secret.path().to_str().unwrap();
    let text = format!("[database]\nurl_file = {path:?}");
    let config = case(&text, &[]).sources.load().unwrap();
    assert_eq!(config.database.url.unwrap().expose(), "postgres://boda:hunter2@db/boda");

    let both = faults(&text, &[("BODA__DATABASE__URL", "postgres://db/boda")]);
    assert_eq!(both, ["database.url_file: is set, and so is database.url; only one of the two can be"]);
    fs::write(secret.path(), "\n").unwrap();
    assert_eq!(faults(&text, &[]), [format!("database.url_file: {path} is empty")]);
    let missing = faults("[redis]\nurl_file = \"/nonexistent\"", &[]);
    assert!(missing[0].starts_with("redis.url_file: /nonexistent cannot be read"), "{missing:?}");
}

#[test]
fn the_key_of_a_gateway_comes_by_the_environment_and_not_in_the_config_file() {
    let text = "[sms]\nprovider = \"africastalking\"\nusername = \"boda\"\n";
    let environment = [("BODA__SMS__API_KEY", "hunter2")];
    let case = case(text, &environment);
    let config = case.sources.load().unwrap();
    let sms::Config::AfricasTalking(gateway) = &config.sms else { panic!("{:?}", config.sms) };
    assert_eq!((gateway.api_key.expose().as_str(), gateway.sender.as_ref()), ("hunter2", None));
    assert!(!format!("{config:?}{}", case.sources.print().unwrap()).contains("hunter2"));

    let in_file = faults(&format!("{text}api_key = \"hunter2\""), &environment);
    assert_eq!(
        in_file,
        [
            "sms.api_key: is a secret and does not belong in a config file; set BODA__SMS__API_KEY, or name a file in sms.api_key_file"
        ]
    );
    assert_eq!(faults(text, &[]), ["sms.api_key: is empty, and sms.provider = \"africastalking\" needs it"]);
    let rehearsal = faults(text, &[environment[0], ("BODA__SANDBOX__ENABLED", "true")]);
    assert!(rehearsal.len() == 1 && rehearsal[0].starts_with("sms.provider: \"africastalking\" is a real gateway"));
}

#[test]
fn providers_of_payments_are_on_where_their_credentials_are() {
    let nobody = case("[mtn]\nrefund_as = \"payout\"", &[]).sources.load().unwrap().providers;
    assert!(nobody.mtn.is_none() && nobody.airtel.is_none() && nobody.card.is_none());
    let secrets = [
        ("BODA__MTN__API_KEY", "hunter1"),
        ("BODA__MTN__COLLECTION_KEY", "hunter2"),
        ("BODA__AIRTEL__CLIENT_SECRET", "hunter3"),
        ("BODA__AIRTEL__PIN", "hunter4"),
        ("BODA__CARD__API_KEY", "hunter5"),
    ];
    let text = "[mtn]\napi_user = \"user\"\n[airtel]\nclient_id = \"client\"\n";
    let case = case(text, &secrets);
    let config = case.sources.load().unwrap();
    let providers = &config.providers;
    assert!(providers.card.is_some() && providers.mtn.as_ref().is_some_and(|mtn| mtn.disbursement.is_none()));
    assert!(providers.airtel.as_ref().is_some_and(|airtel| airtel.pin.is_some() && airtel.callback_key.is_none()));
    assert!(!format!("{config:?}{}", case.sources.print().unwrap()).contains("hunter"));

    let rehearsal = faults(text, &[&secrets[..], &[("BODA__SANDBOX__ENABLED", "true")]].concat());
    assert_eq!(rehearsal.len(), 6, "each that is there, but the PIN: {rehearsal:?}");
    assert!(rehearsal.iter().all(|fault| fault.contains("a rehearsal does not move real money")), "{rehearsal:?}");
    let half = "is empty, and the other credentials of this section are there";
    assert_eq!(faults("", &secrets[..1]), [format!("mtn.api_user: {half}"), format!("mtn.collection_key: {half}")]);
    for (text, begins) in [
        ("[card]\napi_key = \"x\"", "card.api_key: is a secret"),
        ("[mtn]\nbase_url = \"http://proxy.momoapi.mtn.com\"", "mtn.base_url: "),
        ("[mtn]\ntarget_environment = \"sandbox\"", "mtn.currency: \"RWF\" is not EUR"),
        ("[mtn]\ncallback_host = \"https://pay.example.rw\"", "mtn.callback_host: is not a domain"),
        ("[airtel]\npin_public_key = \"AAAA\"", "airtel.pin_public_key: is not a public RSA key"),
        ("[airtel]\nclient_id = \"x\"\nrefund_as = \"disbursement\"", "airtel.refund_as: "),
        ("[providers]\nconnect_timeout_ms = 50000", "providers.connect_timeout_ms: "),
    ] {
        let found = faults(text, &[]);
        assert!(found.iter().any(|fault| fault.starts_with(begins)), "{text}: {found:?}");
    }
}

#[test]
fn the_address_of_a_gateway_keeps_the_key_safe() {
    for (url, is_good) in [
        ("https://api.africastalking.com", true),
        ("http://127.0.0.1:9100", true),
        ("http://localhost", true),
        ("http://[::1]:9100", true),
        ("http://api.africastalking.com", false),
        ("http://127.0.0.1.example.com", false),
        ("http://127.0.0.1:1@example.com", false),
        ("https://api.africastalking.com/", false),
        ("https://", false),
        ("api.africastalking.com", false),
        ("", false),
    ] {
        let loaded = case("", &[("BODA__SMS__BASE_URL", url)]).sources.load();
        assert_eq!(loaded.is_ok(), is_good, "{url}: {loaded:?}");
    }
}

#[test]
fn what_is_printed_can_be_read_again() {
    let original = case("[dispatch]\noffer_ttl_s = 20", &[("BODA__DEMO__RIDES_PER_MINUTE", "12.5")]);
    let printed = original.sources.print().unwrap();
    assert!(printed.starts_with("data_dir = \"boda-data\"\n\n[server]\nlisten = "), "{printed}");
    assert!(printed.contains("\noffer_ttl_s = 20\n") && printed.contains("\nrides_per_minute = 12.5\n"), "{printed}");
    assert!(!printed.contains('#'), "no comments");
    assert_eq!(case(&printed, &[]).sources.print().unwrap(), printed);
}

#[test]
fn what_is_said_of_strangers_is_checked_item_by_item() {
    let check = |text: &str, expected: &[&str]| {
        let said = faults(text, &[]);
        assert_eq!(said.len(), expected.len(), "{said:?}");
        for (said, expected) in said.iter().zip(expected) {
            assert!(said.starts_with(expected), "{said} is not {expected}");
        }
    };
    let proxies = "[server]\ntrusted_proxies = \"10.0.0.0/8, proxy.example, 10.0.0.0/40\"";
    check(proxies, &["server.trusted_proxies: \"proxy.example\" is", "server.trusted_proxies: \"10.0.0.0/40\" is"]);
    check("[server]\nforwarding_header = \"x-real-ip\"", &["server.forwarding_header: \"x-real-ip\" is not one of"]);
    let origins = "[server]\ncors_origins = \"https://a.rw, *, https://b.rw/path\"";
    check(
        origins,
        &["server.cors_origins: \"*\" does not begin", "server.cors_origins: \"https://b.rw/path\" is more"],
    );
    check("[tls]\nkey_file = \"key.pem\"", &["tls.key_file: is set and its companion is not"]);
    check("[limits]\nshared = true", &["limits.shared: true needs redis.url"]);
    check("[limits]\nread_burst_max = 0", &["limits.read_burst_max: 0 is out of range"]);
    let demo = "[demo]\nenabled = true\n[tls]\ncertificate_file = \"a\"\nkey_file = \"b\"";
    check(demo, &["tls.certificate_file: \"a\" is set, and the simulated people"]);
}

#[test]
fn nobody_is_without_limits_but_who_is_named_and_the_people_of_the_demo() {
    let exempt = |text: &str| case(text, &[]).sources.load().unwrap().edge.limits.exempt.to_string();
    assert_eq!(exempt(""), "");
    assert_eq!(exempt("[limits]\nexempt = \" 192.0.2.7 ,10.0.0.0/8,\""), "192.0.2.7/32, 10.0.0.0/8");
    assert_eq!(exempt("[demo]\nenabled = true"), "127.0.0.0/8, ::1/128");
}
