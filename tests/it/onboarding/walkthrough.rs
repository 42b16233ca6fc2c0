//! docs/DRIVERS.md, carried out: every command in it is run as it stands there, against a house of its own.

use super::complete;
use crate::people::text;
use crate::walk;

#[tokio::test]
async fn the_walkthrough_of_the_documentation_does_what_it_says() {
    let house = complete();
    let sandbox = text(&house.about().await["sandbox_url"]).to_owned();
    let (is_done, said) = walk::run(&house, &sandbox, &walk::commands(&walk::page("DRIVERS.md")));
    assert!(is_done, "{said}");
    for expected in ["\"approved\"", "\"online\":true", "1 suspended", "\"suspended\"", "driver_not_approved"] {
        assert!(said.replace(": ", ":").contains(&expected.replace(": ", ":")), "{expected} is missing in:\n{said}");
    }
}
