//! The rules of the house, as one function from files to faults.
//!
//! Separate from reading the files, so that every rule can be shown a planted violation.

use std::collections::BTreeMap;
use std::fmt;

use crate::source::{Named, blanked, paths, without_tests};

/// Files by path from the root of the repository, with `/`.
pub type Files = BTreeMap<String, String>;

const PLAN: &str = "src/lib.rs";
const LINES_MAX: usize = 600;

/// Names that say nothing: a thing without a name has no home yet.
const NAMELESS: &[&str] = &["utils", "util", "helpers", "helper", "common", "core", "misc", "types", "models"];

/// What code without IO does not touch: the outside world, the clock, randomness, tasks, logging.
const IMPURE: &[&str] = &[
    "tokio",
    "tokio_util",
    "tokio_tungstenite",
    "sqlx",
    "fred",
    "reqwest",
    "axum",
    "hyper",
    "tracing",
    "metrics",
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "std::time::Instant",
    "std::time::SystemTime",
    "Instant::now",
    "SystemTime::now",
    "Utc::now",
    "rand::rng",
    "rand::random",
    "Uuid::new_v4",
    "Uuid::now_v7",
];

/// Rooms of services that are pure like the city in memory: what decides there is run by a simulation too.
const PURE_ROOMS: &[&str] = &["rides/desk/", "rides/said.rs"];

/// One breach of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which file.
    pub file: String,
    /// Counting from 1.
    pub line: usize,
    /// What is wrong and what to do instead.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.message)
    }
}

/// What kind of floor a module stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Floor {
    /// No IO.
    Pure,
    /// IO that knows no service.
    Machine,
    /// One folder of the business each.
    Service,
    /// Puts it all together.
    Assembly,
}

/// The modules of `src/lib.rs`, top to bottom.
struct Plan {
    modules: Vec<(String, Floor)>,
}

impl Plan {
    /// Reads paragraphs of `mod` lines, each under a comment that says which floor it is.
    fn read(text: &str) -> Result<Self, Fault> {
        let mut modules: Vec<(String, Floor)> = Vec::new();
        let mut floor = None;
        for (number, line) in text.lines().enumerate() {
            let fault = |message: &str| Fault { file: PLAN.into(), line: number + 1, message: message.into() };
            if let Some(heading) = line.strip_prefix("// ") {
                floor = match heading {
                    _ if heading.contains("pure, no IO") => Some(Floor::Pure),
                    _ if heading.starts_with("The machine room") => Some(Floor::Machine),
                    _ if heading.starts_with("Services") => Some(Floor::Service),
                    _ if heading.starts_with("Assembly") => Some(Floor::Assembly),
                    _ => return Err(fault("this heading is no floor that the architecture test knows")),
                };
            } else if let Some(module) = line.trim_start_matches("pub ").strip_prefix("mod ") {
                let floor = floor.ok_or_else(|| fault("this module stands under no floor's heading"))?;
                modules.push((module.trim_end_matches(';').to_owned(), floor));
            }
        }
        if modules.is_empty() {
            return Err(Fault { file: PLAN.into(), line: 1, message: "the plan names no module".into() });
        }
        Ok(Self { modules })
    }

    /// Place from the top and floor of a module.
    fn find(&self, module: &str) -> Option<(usize, Floor)> {
        self.modules.iter().position(|(name, _)| name == module).map(|place| (place, self.modules[place].1))
    }
}

/// Every breach of every rule.
pub fn faults(files: &Files) -> Vec<Fault> {
    let mut faults = Vec::new();
    let plan = match Plan::read(files.get(PLAN).map_or("", String::as_str)) {
        Ok(plan) => plan,
        Err(fault) => return vec![fault],
    };
    for (file, text) in files {
        let mut report = |line: usize, message: String| faults.push(Fault { file: file.clone(), line, message });
        shape(file, text, &mut report);
        let plain = blanked(text);
        let named = paths(&plain);
        words(file, &plain, &mut report);
        if file.starts_with("loadtest/") {
            for one in named.iter().filter(|one| starts_with(&one.path, "boda")) {
                report(one.line, format!("`{}`: the load harness speaks the public API only", one.path));
            }
        }
        let Some(inside) = file.strip_prefix("src/") else { continue };
        let module = inside.split('/').next().unwrap_or(inside).trim_end_matches(".rs");
        if matches!(inside, "lib.rs" | "main.rs") {
            continue;
        }
        let Some((place, floor)) = plan.find(module) else {
            report(1, format!("`{module}` stands on no floor of {PLAN}"));
            continue;
        };
        for one in &named {
            imports(&plan, place, depth(inside), one, &mut report);
        }
        let tested = plain.len() - without_tests(&plain).len();
        let code_lines = plain[..plain.len() - tested].matches('\n').count() + 1;
        let is_test_file = inside.ends_with("/tests.rs") || inside.contains("/tests/");
        if floor == Floor::Pure || PURE_ROOMS.iter().any(|room| inside.starts_with(room)) {
            // Tests of pure code read maps and traces that lie beside the checkout: nothing of that is shipped.
            let reads_data = |one: &&Named| is_test_file && starts_with(&one.path, "std::fs");
            for one in named.iter().filter(|one| !reads_data(one)) {
                purity(one, &mut report);
            }
        }
        for one in named.iter().filter(|one| !is_test_file && one.line <= code_lines) {
            doors(inside, module, floor, one, &mut report);
        }
    }
    faults
}

/// How deep a file's module lies: `src/a.rs` and `src/a/mod.rs` are 1, `src/a/b.rs` is 2.
fn depth(inside: &str) -> usize {
    inside.trim_end_matches("/mod.rs").split('/').count()
}

fn starts_with(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Size, heading, name.
fn shape(file: &str, text: &str, report: &mut impl FnMut(usize, String)) {
    let lines = text.lines().count();
    if lines > LINES_MAX {
        report(LINES_MAX + 1, format!("{lines} lines, more than {LINES_MAX}: look for the second concept inside"));
    }
    if !text.starts_with("//!") {
        report(1, "begins without `//!`: say what it is, why it is separate, what always holds".into());
    }
    let names = file.split('/').map(|name| name.trim_end_matches(".rs"));
    for name in names.filter(|name| NAMELESS.contains(name)) {
        report(1, format!("`{name}` says nothing: name it after what it does"));
    }
}

/// Attributes and inline modules that are never right.
fn words(file: &str, plain: &str, report: &mut impl FnMut(usize, String)) {
    for (number, line) in plain.lines().enumerate() {
        let words: Vec<_> = line.split(|c: char| !(c.is_alphanumeric() || c == '_')).collect();
        for pair in words.windows(2).filter(|pair| pair[0] == "mod" && NAMELESS.contains(&pair[1])) {
            report(number + 1, format!("`mod {}` says nothing: name it after what it does", pair[1]));
        }
        for (attribute, instead) in [
            ("#[ignore", "a test that does not run is no test"),
            ("#[should_panic", "say which error is expected"),
            ("#![allow", "use `#[expect(lint, reason = \"…\")]` on the smallest item"),
        ] {
            if line.contains(attribute) && !file.starts_with("tests/architecture/") {
                report(number + 1, format!("`{attribute}`: {instead}"));
            }
        }
    }
}

/// A module imports from modules above it only.
fn imports(plan: &Plan, place: usize, depth: usize, one: &Named, report: &mut impl FnMut(usize, String)) {
    let climbed = one.path.split("::").take_while(|segment| *segment == "super").count();
    let absolute = ["crate::", "boda::"].iter().find_map(|root| one.path.strip_prefix(root));
    let climbing = (climbed >= depth).then(|| &one.path[(climbed * "super::".len()).min(one.path.len())..]);
    let Some(target) = absolute.or(climbing).and_then(|path| path.split("::").next()) else { return };
    let Some((above, _)) = plan.find(target) else { return };
    if above > place {
        let own = &plan.modules[place].0;
        report(one.line, format!("`{}`: {target} stands below {own} in {PLAN}", one.path));
    }
}

/// Pure code touches nothing outside of itself.
fn purity(one: &Named, report: &mut impl FnMut(usize, String)) {
    let touches = |word: &&&str| starts_with(&one.path, word) || one.path.contains(&format!("::{word}"));
    if let Some(word) = IMPURE.iter().find(touches) {
        report(one.line, format!("`{}`: pure code does not touch {word}; hand the value in", one.path));
    }
}

/// SQL stands in `store.rs`, and in `personal.rs`, which is the store of what a service has about a person; HTTP in
/// `http.rs`.
fn doors(inside: &str, module: &str, floor: Floor, one: &Named, report: &mut impl FnMut(usize, String)) {
    let within = |name: &str| inside.ends_with(&format!("/{name}.rs")) || inside.contains(&format!("/{name}/"));
    let is_query = one
        .path
        .split("::")
        .nth(1)
        .is_some_and(|item| item.starts_with("query") || matches!(item, "raw_sql" | "QueryBuilder"));
    if starts_with(&one.path, "sqlx") && is_query {
        let has_tables = floor == Floor::Service || matches!(module, "audit" | "vault");
        let allowed = matches!(module, "db" | "jobs") || (has_tables && (within("store") || within("personal")));
        if !allowed {
            report(
                one.line,
                format!("`{}`: SQL stands in the `store.rs` of the service that owns the table", one.path),
            );
        }
    }
    if floor == Floor::Service && starts_with(&one.path, "axum") && !within("http") {
        report(one.line, format!("`{}`: a service speaks HTTP in its `http.rs` only", one.path));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL_PLAN: &str = "//! Plan.\n\n// Values: pure, no IO.\npub mod money;\n\n// The machine room: IO.\npub mod db;\n\
                              pub mod web;\n\n// Services: one folder each.\npub mod payments;\npub mod rides;\n\n\
                              // Assembly.\npub mod app;\n";

    fn house() -> Files {
        let files = [
            (PLAN, SMALL_PLAN),
            ("src/main.rs", "//! Main.\nuse boda::app;\n"),
            ("src/money.rs", "//! Money. Not `crate::rides`.\nuse std::fmt;\nfn f() { let x = \"tokio::spawn\"; }\n"),
            ("src/db/mod.rs", "//! Pool.\nfn f() { sqlx::query(\"SELECT 1\"); }\n"),
            ("src/web/mod.rs", "//! Web.\nuse axum::Router;\nuse crate::money::Francs;\n"),
            ("src/payments/mod.rs", "//! Payments.\nuse crate::{db, money::Francs};\nuse super::money;\n"),
            ("src/payments/store.rs", "//! SQL.\nuse super::Payments;\nfn f() { sqlx::query!(\"SELECT 1\"); }\n"),
            ("src/payments/http.rs", "//! Routes.\nuse axum::Json;\n"),
            ("src/payments/tests.rs", "//! Tests.\nfn f() { sqlx::query(\"SELECT 1\"); }\n"),
            ("src/rides/mod.rs", "//! Rides.\nuse crate::payments;\n#[cfg(test)]\nmod tests {\n use sqlx::query;\n}\n"),
            ("src/app.rs", "//! App.\nuse crate::{rides, payments::{Payments}};\n"),
            ("loadtest/src/main.rs", "//! Load.\nfn main() {}\n"),
        ];
        files.into_iter().map(|(file, text)| (file.to_owned(), text.to_owned())).collect()
    }

    /// Adds a line to a file of the sound house, or makes the file; the fault must be there and nowhere else.
    fn planted(file: &str, code: &str, expected: &str) {
        let mut files = house();
        let text = files.entry(file.to_owned()).or_insert_with(|| "//! New.\n".to_owned());
        // In front of what is there, so that it never lands in a test at the foot.
        *text = text.replacen('\n', &format!("\n{code}\n"), 1);
        let found = faults(&files);
        assert!(!found.is_empty(), "nothing is found of {code:?} in {file}");
        for fault in found {
            assert_eq!((fault.file.as_str(), fault.line), (file, 2), "{fault}");
            assert!(fault.message.contains(expected), "{fault}");
        }
    }

    #[test]
    fn a_sound_house_has_no_faults() {
        assert_eq!(faults(&house()), []);
    }

    #[test]
    fn an_import_that_points_down_is_found_however_it_is_written() {
        planted("src/money.rs", "use crate::rides::Ride;", "rides stands below money");
        planted("src/payments/mod.rs", "use crate::{db, rides};", "rides stands below payments");
        planted("src/payments/mod.rs", "use super::rides::Ride;", "rides stands below payments");
        planted("src/payments/store.rs", "use super::super::rides::Ride;", "rides stands below payments");
        planted("src/payments/jobs.rs", "fn f() -> crate::app::App {}", "app stands below payments");
        planted("src/web/mod.rs", "pub use crate::payments as money;", "payments stands below web");
    }

    #[test]
    fn impure_words_are_found_in_pure_modules() {
        for code in [
            "use tokio::sync::Mutex;",
            "use std::{fmt, fs};",
            "use std::net::IpAddr;",
            "fn f() { std::env::var(\"X\"); }",
            "use std::time::{Duration, Instant};",
            "fn f() { Instant::now(); }",
            "fn f() { tracing::info!(\"x\"); }",
            "fn f() { rand::rng(); }",
            "fn f() { chrono::Utc::now(); }",
            "fn f() { uuid::Uuid::now_v7(); }",
            "use sqlx;",
        ] {
            planted("src/money.rs", code, "pure code does not touch");
        }
        planted("src/rides/desk/round.rs", "fn f() { tracing::info!(\"x\"); }", "pure code does not touch tracing");
        let mut files = house();
        files.insert("src/money.rs".into(), "//! Money.\nuse rand::rngs::SmallRng;\nuse std::time::Duration;\n".into());
        assert_eq!(faults(&files), [], "a seeded generator and a length of time are pure");
        files.insert("src/money/tests.rs".into(), "//! Tests.\nfn f() { std::fs::read(\"a map\"); }\n".into());
        assert_eq!(faults(&files), [], "a test reads what lies beside the checkout");
        planted("src/money/tests.rs", "fn f() { Instant::now(); }", "pure code does not touch");
    }

    #[test]
    fn sql_and_http_outside_of_their_doors_are_found() {
        for file in ["src/payments/mod.rs", "src/payments/http.rs", "src/web/mod.rs", "src/app.rs"] {
            planted(file, "fn f() { sqlx::query_as!(A, \"SELECT 1\"); }", "SQL stands in");
        }
        planted("src/rides/mod.rs", "use sqlx::{PgPool, query_scalar};", "SQL stands in");
        planted("src/rides/shard.rs", "use axum::http::StatusCode;", "in its `http.rs` only");
        planted("src/payments/store.rs", "use axum::Json;", "in its `http.rs` only");
    }

    #[test]
    fn nameless_modules_and_forbidden_attributes_are_found() {
        planted("src/rides/mod.rs", "mod helpers;", "says nothing");
        planted("tests/it/rides.rs", "mod common;", "says nothing");
        planted("src/rides/mod.rs", "#![allow(dead_code)]", "expect(lint");
        planted("src/rides/mod.rs", "#[ignore]", "no test");
        planted("src/rides/mod.rs", "#[should_panic]", "which error");
        planted("loadtest/src/main.rs", "use boda::rides;", "public API only");
        let mut files = house();
        files.insert("src/rides/utils.rs".into(), "//! Many things.\n".into());
        assert!(faults(&files)[0].message.contains("says nothing"));
    }

    #[test]
    fn size_heading_and_a_place_in_the_plan_are_required() {
        let check = |file: &str, text: &str, expected: &str| {
            let mut files = house();
            files.insert(file.into(), text.into());
            let found = faults(&files);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].message.contains(expected), "{}", found[0]);
        };
        check("src/rides/long.rs", &format!("//! Long.\n{}", "\n".repeat(600)), "601 lines");
        check("benches/bare.rs", "fn main() {}\n", "begins without");
        check("src/attic.rs", "//! Attic.\n", "stands on no floor");
        check(PLAN, "//! Plan.\n// Cellar.\npub mod money;\n", "no floor");
        check(PLAN, "//! Plan.\npub mod money;\n", "under no floor's heading");
        check(PLAN, "//! Plan.\n", "names no module");
    }
}
