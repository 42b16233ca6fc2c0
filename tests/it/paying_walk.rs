//! The walk of docs/PAYMENTS.md, carried out: every command in it is run as it stands there, against a house of its own.

use crate::house::House;
use crate::people::text;
use crate::walk;

/// What stands under a heading of the second rank, to the next one.
fn section<'a>(page: &'a str, heading: &str) -> &'a str {
    let (_, rest) = page.split_once(&format!("\n## {heading}\n")).expect("the heading is there");
    rest.split_once("\n## ").map_or(rest, |(section, _)| section)
}

#[tokio::test]
async fn the_walk_of_the_documentation_ends_as_it_says() {
    // Rides of several riders begin at one place, one after the other, and payments are asked about often.
    let house = House::start(&[
        ("dispatch.round_interval_ms", "200"),
        ("dispatch.at_once_drivers", "1"),
        ("asking.finishing_max", "0"),
    ]);
    let sandbox = text(&house.about().await["sandbox_url"]).to_owned();
    let page = walk::page("PAYMENTS.md");
    let script = walk::commands(section(&page, "Try it: a walk with curl"));
    let (is_done, said) = walk::run(&house, &sandbox, &script);
    assert!(is_done, "{said}");
    for expected in [
        "\"paid_by\":[\"mtn\"]",
        "\"paid_by\":[\"airtel\"]",
        "\"paid_by\":[\"airtel\",\"cash\"]",
        "\"failure\":\"payer_declined\"",
        "\"the_attempt_is_still\":\"pending\"",
        "\"became_credit\":",
        "\"paid_by\":[\"credit\"",
        "THIS IS NOT A FISCAL RECEIPT.",
    ] {
        assert!(said.contains(expected), "{expected} is missing in:\n{said}");
    }
}
