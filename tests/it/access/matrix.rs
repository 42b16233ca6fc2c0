//! The access matrix: every route of the served description, asked by every role, with ids of one's own and of somebody
//! else, held against the reviewed table in `matrix.tsv`.
//!
//! A route that is not in the table fails with the line to add: look whether it is what you meant, then add it. A line
//! without a route fails too. On the way every answer is held against what the description says of it.
//!
//! The words of a cell: `401`, `403` and `404` are the refusals at the door (nobody signed in, a role that may not, a thing
//! that does not exist for the caller); `in` is everything behind it, also a refusal that looked at the request. Two words
//! with a stroke are for ids of one's own and for those of somebody else.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

use super::bodies;
use super::cast::{self, CALLERS, Cast, Whose};
use super::schema::Description;
use crate::api::{Answer, Api};
use crate::house::shared;

const TABLE: &str = include_str!("matrix.tsv");

/// Routes that take something away from the caller for good: asked last.
const LAST: &[&str] = &["DELETE /auth/sessions/{id}", "POST /auth/logout"];

/// What is wrong with answers, each with one that is so.
type Faults = BTreeMap<String, String>;

/// What a partner's program gets to with all its scopes, beside what is open to everybody; everything else is for people.
const FOR_PARTNERS: &[&str] = &["GET /admin/analytics/rides", "GET /heatmap", "GET /places", "GET /places/reverse"];

/// One operation of the description.
struct Route {
    method: String,
    path: String,
}

impl Route {
    fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Reading comes first, taking away last, so that what one caller does leaves the others their things.
    fn rank(&self) -> usize {
        let order = ["GET", "PUT", "PATCH", "POST", "DELETE"];
        let last = LAST.iter().position(|name| *name == self.name()).map(|place| order.len() + place);
        last.or_else(|| order.iter().position(|method| *method == self.method)).unwrap_or(order.len())
    }

    fn has_ids(&self) -> bool {
        self.path.contains("_id}") || self.path.contains("{id}")
    }
}

/// Every operation, in the order in which they are asked.
fn routes(description: &Description) -> Vec<Route> {
    let mut routes: Vec<_> = description
        .operations()
        .map(|(method, path)| Route { method: method.to_uppercase(), path: path.to_owned() })
        .collect();
    routes.sort_by_key(|route| (route.rank(), route.path.clone()));
    routes
}

/// The table: cells by route.
fn table() -> BTreeMap<String, Vec<String>> {
    let mut table = BTreeMap::new();
    for line in TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let mut words = line.split('\t').map(str::trim);
        let route = [words.next(), words.next()].map(|word| word.expect("a line has a method and a path")).join(" ");
        let cells: Vec<_> = words.map(str::to_owned).collect();
        assert_eq!(cells.len(), CALLERS.len(), "{route}: one cell for each of {CALLERS:?}");
        assert!(table.insert(route.clone(), cells).is_none(), "{route} stands there twice");
    }
    table
}

/// What an answer is in the words of the table.
fn word(answer: &Answer) -> &'static str {
    assert!(answer.status != 405 && !answer.text.contains("no such address"), "described, and not served: {answer}");
    let code = if answer.status < 400 { Value::Null } else { answer.json()["code"].clone() };
    match (answer.status, code.as_str()) {
        (401, Some("unauthenticated")) => "401",
        (403, Some("forbidden")) => "403",
        (404, _) => "404",
        (500.., _) => "broken",
        _ => "in",
    }
}

async fn ask(route: &Route, api: &Api, path: &str, body: Option<Value>) -> Answer {
    let method = route.method.parse().expect("a method");
    let form = |request: reqwest::RequestBuilder| match &body {
        Some(body) => request.json(body),
        None => request,
    };
    api.send(method, &format!("{path}{}", bodies::query(&route.name())), form).await
}

/// The cells of one route as the server has them.
async fn observed(route: &Route, cast: &Cast, description: &Description, faults: &mut Faults) -> Vec<String> {
    let mut cells = Vec::new();
    for caller in &cast.callers {
        let mut words = Vec::new();
        for whose in [Whose::Own, Whose::Others] {
            if whose == Whose::Others && !route.has_ids() {
                continue;
            }
            let path = cast.path(&route.path, caller, whose);
            let body = description.takes_body(&route.method, &route.path).then(|| bodies::body(&route.name()));
            let answer = ask(route, &caller.api, &path, body).await;
            if let Err(fault) = description.check(&route.method, &route.path, &answer) {
                faults
                    .entry(format!("{}: {fault}", route.name()))
                    .or_insert_with(|| format!("{}: {answer}", caller.role));
            }
            words.push(word(&answer));
        }
        words.dedup();
        cells.push(words.join("/"));
    }
    cells
}

#[tokio::test]
async fn every_route_lets_in_whom_the_reviewed_table_says() {
    let house = shared();
    let description = Description::of(&house).await;
    let cast = Cast::gather(&house).await;
    let mut table = table();
    let (mut missing, mut different, mut faults) = (String::new(), String::new(), Faults::new());
    for route in routes(&description) {
        let cells = observed(&route, &cast, &description, &mut faults).await;
        let line = format!("{}\t{}\t{}", route.method, route.path, cells.join("\t"));
        match table.remove(&route.name()) {
            None => writeln!(missing, "{line}").expect("a text"),
            Some(reviewed) if reviewed == cells => {}
            Some(reviewed) => {
                let was = reviewed.join("\t");
                writeln!(different, "{line}\n    is in the table as\t{was}").expect("a text");
            }
        }
    }
    let gone: Vec<_> = table.into_keys().collect();
    assert!(different.is_empty(), "not what was reviewed (columns {CALLERS:?}):\n{different}");
    assert!(missing.is_empty(), "not in tests/it/access/matrix.tsv (columns {CALLERS:?}):\n{missing}");
    assert!(gone.is_empty(), "in tests/it/access/matrix.tsv, and not served: {gone:?}");
    let faults: Vec<_> = faults.iter().map(|(fault, example)| format!("{fault}\n    {example}")).collect();
    assert!(faults.is_empty(), "answers that the description does not have:\n{}", faults.join("\n"));
}

/// A token is what lets in, and nothing else does: not a forged one, not one in a cookie.
#[tokio::test]
async fn without_a_good_token_every_door_is_shut() {
    let house = shared();
    let description = Description::of(&house).await;
    let cast = Cast::gather(&house).await;
    let rider = &cast.callers[1];
    let (head, signature) = rider.api.token().rsplit_once('.').expect("a token has three parts");
    let forged = format!("{head}.{}", signature.chars().rev().collect::<String>());
    let table = table();
    for route in routes(&description) {
        if table.get(&route.name()).is_none_or(|cells| cells[0] != "401") {
            continue;
        }
        let path = cast.path(&route.path, rider, Whose::Own);
        for token in ["nonsense", forged.as_str()] {
            let answer = ask(&route, &house.api().with_token(token), &path, None).await;
            answer.refused(401, "unauthenticated");
            assert!(answer.header("www-authenticate").is_some(), "{answer}");
        }
        let cookie = format!("token={0}; access_token={0}; session={0}; authorization=Bearer {0}", rider.api.token());
        let method = route.method.parse().expect("a method");
        let answer = house.api().send(method, &path, |request| request.header("cookie", cookie)).await;
        answer.refused(401, "unauthenticated");
    }
}

/// A partner's program, asked to do everything: with all scopes, and with none that fits.
#[tokio::test]
async fn a_partner_gets_to_what_its_scopes_name_and_nowhere_else() {
    let house = shared();
    let description = Description::of(&house).await;
    let cast = Cast::gather(&house).await;
    let all = cast::partner(&house, &["places:read", "heatmap:read", "reports:read"]).await;
    let some = cast::partner(&house, &["places:read"]).await;
    let table = table();
    let mut different = Vec::new();
    for route in routes(&description) {
        let is_open = table.get(&route.name()).is_some_and(|cells| cells[0] == "in");
        let is_theirs = FOR_PARTNERS.contains(&route.name().as_str());
        let path = cast.path(&route.path, &cast.callers[1], Whose::Own);
        let body = || description.takes_body(&route.method, &route.path).then(|| bodies::body(&route.name()));
        let answer = ask(&route, &all, &path, body()).await;
        let expected = if is_open || is_theirs { "in" } else { "403" };
        if word(&answer) != expected {
            different.push(format!("not {expected}: {answer}"));
        }
        let answer = ask(&route, &some, &path, body()).await;
        let is_refused = answer.status == 403;
        if is_refused != (!is_open && !route.path.starts_with("/places")) {
            different.push(format!("with places:read alone: {answer}"));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}
