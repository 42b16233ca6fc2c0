//! The command line of the built program: what it prints where, and with which exit code it ends.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// What a command came to.
struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

/// The program in an empty environment, but for `environment`.
fn boda(arguments: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_boda"));
    command.args(arguments).env_clear().envs(environment.iter().copied());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run_with(arguments: &[&str], environment: &[(&str, &str)]) -> Ran {
    let output = boda(arguments, environment).output().expect("the program starts");
    let text = |bytes| String::from_utf8(bytes).expect("the program prints text");
    Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

fn run(arguments: &[&str]) -> Ran {
    run_with(arguments, &[])
}

#[test]
fn help_is_complete_for_every_command_and_no_error() {
    for command in [
        &[][..],
        &["serve"],
        &["worker"],
        &["migrate"],
        &["simulate"],
        &["sandbox"],
        &["seed"],
        &["check-config"],
        &["print-config"],
        &["user"],
        &["user", "create"],
        &["keys"],
        &["keys", "list"],
        &["keys", "rotate"],
        &["keys", "rotate", "vault"],
        &["keys", "rotate", "tokens"],
        &["keys", "reseal"],
        &["keys", "check"],
        &["map"],
        &["map", "import"],
        &["map", "info"],
        &["map", "route"],
    ] {
        let ran = run(&[command, &["--help"]].concat());
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{command:?}");
        for part in ["Usage: boda", "Examples:", "Exit codes:", "64"] {
            assert!(ran.out.contains(part), "{command:?} lacks {part}:\n{}", ran.out);
        }
    }
    let version = run(&["--version"]);
    assert_eq!((version.code, version.out), (Some(0), format!("boda {}\n", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn wrong_usage_ends_with_64_and_says_why_on_standard_error() {
    let user = ["user", "create", "--role", "admin", "--first-name", "Aline", "--last-name", "Uwera"];
    let person = |more: &[&'static str]| [&user[..], more].concat();
    for (arguments, said) in [
        (vec!["frobnicate"], "frobnicate"),
        (vec!["serve", "--port", "80"], "--port"),
        (vec!["simulate"], "--target"),
        (vec!["simulate", "--policy", "best"], "greedy, batch"),
        (vec!["simulate", "--compare", "greedy"], "--compare"),
        (vec!["simulate", "--policy", "greedy", "--target", "http://127.0.0.1:1"], "cannot be used with"),
        (vec!["simulate", "--policy", "greedy", "--speed-factor", "2"], "cannot be used with"),
        (vec!["simulate", "--policy", "greedy", "--roads", "straight", "--demand", "0"], "demand"),
        (vec!["simulate", "--policy", "greedy", "--roads", "straight", "--drivers", "many"], "--drivers"),
        (vec!["simulate", "--policy", "greedy", "--roads", "straight", "--side-km", "0.1"], "--side-km"),
        (vec!["simulate", "--target", "http://127.0.0.1:1", "--drivers", "many"], "demo.drivers: \"many\""),
        (vec!["simulate", "--target", "http://127.0.0.1:1", "--admin-phone", "0788123456"], "--password-stdin"),
        (vec!["seed", "--drivers", "9", "--riders", "9", "--out", "x"], "--sandbox-data"),
        (vec!["seed", "--sandbox-data", "--drivers", "9", "--riders", "900000", "--out", "x"], "900000"),
        (vec!["user"], "create"),
        (vec!["user", "create"], "--phone"),
        (person(&["--phone", "+4915112345678"]), "--phone"),
        (person(&["--phone", "0788123456", "--role", "king"]), "--role"),
        (person(&["--phone", "0788123456", "--password-stdin"]), "first line of standard input is empty"),
        (vec!["serve", "--config", "/nonexistent/boda.toml"], "/nonexistent/boda.toml: cannot be read"),
    ] {
        let ran = run(&arguments);
        assert_eq!((ran.code, ran.out.as_str()), (Some(64), ""), "{arguments:?}\n{}", ran.err);
        assert!(ran.err.contains(said), "{arguments:?}: {}", ran.err);
    }
}

#[test]
fn a_valid_configuration_is_called_valid() {
    let ran = run(&["check-config"]);
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (Some(0), "configuration is valid\n", ""));
}

#[test]
fn every_fault_of_every_layer_is_told_at_once_and_nothing_starts() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let file = folder.path().join("city.toml");
    fs::write(&file, "[dispatch]\noffer_ttl_s = 300\noffers = 4\n[sms]\napi_key = \"hunter2\"\n").expect("written");
    let data_dir = folder.path().join("data");
    let place =
        ["--config", file.to_str().expect("a name in UTF-8"), "--data-dir", data_dir.to_str().expect("as above")];
    for command in ["check-config", "print-config", "serve"] {
        let arguments = [&[command][..], &place, &["--listen", "80"]].concat();
        let ran = run_with(&arguments, &[("BODA__LOG__FORMAT", "xml"), ("BODA__CITY__NAME", "Kigali")]);
        assert_eq!((ran.code, ran.out.as_str()), (Some(64), ""), "{command}: {}", ran.err);
        for said in [
            "the configuration has 6 faults",
            "dispatch.offer_ttl_s: 300 is out of range 1..=120",
            "dispatch.offers: is not known; did you mean dispatch.offers_max?",
            "sms.api_key: is a secret",
            "log.format: \"xml\"",
            "(from BODA__LOG__FORMAT)",
            "city.name: is not known",
            "(from --listen)",
            "city.toml",
        ] {
            assert!(ran.err.contains(said), "{command} does not say {said}:\n{}", ran.err);
        }
        assert!(!ran.err.contains("hunter2"), "{}", ran.err);
    }
    assert!(!data_dir.exists(), "nothing was started");
}

#[test]
fn the_printed_configuration_is_the_one_in_force_without_its_secrets() {
    let environment = [
        ("BODA__DATABASE__URL", "postgres://boda:hunter2@db/boda"),
        ("BODA__SMS__API_KEY", "hunter2"),
        ("BODA__DISPATCH__OFFER_TTL_S", "21"),
    ];
    let ran = run_with(&["print-config", "--listen", "127.0.0.1:9", "--demo"], &environment);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    for line in ["url = \"[redacted]\"", "api_key = \"[redacted]\"", "offer_ttl_s = 21", "listen = \"127.0.0.1:9\""] {
        assert!(ran.out.lines().any(|printed| printed == line), "no line {line}:\n{}", ran.out);
    }
    assert!(!ran.out.contains("hunter2"), "{}", ran.out);
}

#[test]
fn a_start_that_fails_ends_with_1_and_one_line_with_its_cause_and_remedy() {
    // Nobody listens on port 1.
    let environment = [
        ("BODA__DATABASE__URL", "postgres://boda:hunter2@127.0.0.1:1/boda"),
        ("BODA__DATABASE__CONNECT_TIMEOUT_S", "0"),
        ("BODA__LOG__FILTER", "off"),
    ];
    for command in ["migrate", "worker"] {
        let ran = run_with(&[command], &environment);
        assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{command}: {}", ran.err);
        let lines: Vec<_> = ran.err.lines().collect();
        assert_eq!(lines.len(), 1, "{command}: {}", ran.err);
        assert!(lines[0].starts_with("boda: PostgreSQL at 127.0.0.1:1/boda did not answer"), "{}", ran.err);
        assert!(lines[0].contains("check that it runs") && !lines[0].contains("hunter2"), "{}", ran.err);
    }
}

#[test]
fn a_program_without_a_command_starts_no_demo_where_a_database_is_named() {
    let ran = run_with(&[], &[("BODA__DATABASE__URL", "postgres://boda@127.0.0.1:1/boda")]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(64), ""), "{}", ran.err);
    assert!(ran.err.contains("which command?"), "{}", ran.err);
}

#[test]
fn a_worker_without_workers_is_wrong_usage() {
    let ran = run_with(&["worker"], &[("BODA__JOBS__WORKERS_MAX", "0")]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(64), ""), "{}", ran.err);
    assert!(ran.err.contains("jobs.workers_max is 0"), "{}", ran.err);
}

#[test]
fn the_sandbox_by_itself_says_where_it_is_and_stops_when_asked_to() {
    let mut child = boda(&["sandbox", "--listen", "127.0.0.1:0"], &[]).spawn().expect("the program starts");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let ready = lines.next().expect("a line").expect("text");
    assert!(ready.starts_with("ready http://127.0.0.1:"), "{ready}");
    kill(Pid::from_raw(child.id().try_into().expect("a process id")), Signal::SIGTERM).expect("it runs");
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    assert!(lines.next().is_none(), "nothing else on standard output");

    let public = run(&["sandbox", "--listen", "0.0.0.0:0"]);
    assert_eq!(public.code, Some(64), "{}", public.err);
    assert!(public.err.contains("sandbox.listen: \"0.0.0.0:0\" is not a loopback address"), "{}", public.err);
}

#[test]
fn a_reader_who_has_seen_enough_is_no_error() {
    let mut child = boda(&["print-config"], &[]).spawn().expect("the program starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}

#[test]
fn a_password_is_handed_in_by_standard_input_only() {
    let arguments =
        ["user", "create", "--role", "admin", "--phone", "0788123456", "--first-name", "A", "--last-name", "B"];
    let with_password = [&arguments[..], &["--password", "hunter2"]].concat();
    assert_eq!(run(&with_password).code, Some(64));

    let arguments = [&arguments[..], &["--password-stdin"]].concat();
    let environment =
        [("BODA__DATABASE__URL", "postgres://boda@127.0.0.1:1/boda"), ("BODA__DATABASE__CONNECT_TIMEOUT_S", "0")];
    let mut child = boda(&arguments, &environment).stdin(Stdio::piped()).spawn().expect("the program starts");
    child.stdin.take().expect("piped").write_all(b"a long password\n").expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(1), "read, and then nobody was there to store it");
    assert!(!String::from_utf8_lossy(&output.stderr).contains("a long password"));
}

#[test]
fn a_city_on_a_virtual_clock_is_the_same_every_time_and_told_in_three_ways() {
    let small = ["--roads", "straight", "--side-km", "6", "--drivers", "60", "--hours", "0.25", "--seeds", "2"];
    let page = tempfile::NamedTempFile::new().expect("a file");
    let report = page.path().to_str().expect("a name");
    let compare = [&["simulate", "--compare", "greedy", "batch", "--json", "--report", report][..], &small].concat();
    let (first, second) = (run(&compare), run(&compare));
    assert_eq!((first.code, &first.out), (Some(0), &second.out), "{}", first.err);
    let json: serde_json::Value = serde_json::from_str(&first.out).expect("JSON");
    for key in ["mean_pickup_ratio", "p95_pickup_ratio", "mean_wait_ratio", "served_points"] {
        assert!(json[key].is_number() && json["per_seed"][1][key].is_number(), "{key} in {}", first.out);
    }
    let html = fs::read_to_string(page.path()).expect("the page is written");
    assert!(html.contains("batch against greedy") && html.contains("</svg>"), "{html}");
    assert!(first.err.contains("times as fast as life"), "{}", first.err);
    let table = run(&[&["simulate", "--policy", "batch", "--seed", "7"][..], &small].concat());
    assert_eq!(table.code, Some(0), "{}", table.err);
    for row in ["served", "wait, mean", "pickup, 95 %", "income, Gini"] {
        assert!(table.out.contains(row), "{row} in {}", table.out);
    }
}

#[test]
fn orders_that_are_no_orders_end_a_trial_with_the_file_s_name() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    fs::write(file.path(), "placed_s,pickup_lat\n1,2\n").expect("is written");
    let orders = file.path().to_str().expect("a name");
    for (orders, said) in [(orders, orders), ("no/such/orders.csv", "no/such/orders.csv")] {
        let ran = run(&["simulate", "--policy", "greedy", "--roads", "straight", "--orders", orders]);
        assert_eq!(ran.code, Some(1), "{}", ran.err);
        assert!(ran.err.contains(said), "{}", ran.err);
    }
}
