//! docs/DRIVERS.md, carried out: every command in it is run as it stands there, against a house of its own.

use std::process::{Command, Stdio};

use super::complete;
use crate::house::House;
use crate::people::text;

/// What stands in the blocks of shell commands, in order.
fn commands(document: &str) -> String {
    let blocks = document.split("```bash\n").skip(1).filter_map(|rest| rest.split_once("\n```"));
    blocks.map(|(block, _)| block).collect::<Vec<_>>().join("\n")
}

fn run(house: &House, sandbox: &str, script: &str) -> (bool, String) {
    let dir = tempfile::tempdir().expect("a directory");
    let program = env!("CARGO_BIN_EXE_boda");
    // As a person has it who typed `export`; the house's own settings come with its command.
    let boda = house.command(&[]);
    let mut command = Command::new("bash");
    for (name, value) in boda.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    // The program under test before all others of its name.
    let script = format!("PATH='{}':$PATH\n{script}", parent(program));
    command
        .args(["-euo", "pipefail", "-c", &script])
        .current_dir(dir.path())
        .env("API", format!("{}/api/v1", house.url()))
        .env("SANDBOX", sandbox)
        .env("DATA", house.data_dir())
        .stdin(Stdio::null());
    let output = command.output().expect("bash can be started");
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

fn parent(program: &str) -> &str {
    program.rsplit_once('/').map_or(".", |(dir, _)| dir)
}

#[tokio::test]
async fn the_walkthrough_of_the_documentation_does_what_it_says() {
    let house = complete();
    let sandbox = text(&house.about().await["sandbox_url"]).to_owned();
    let document =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/DRIVERS.md")).expect("it is there");
    let script = commands(&document);
    let (is_done, said) = run(&house, &sandbox, &script);
    assert!(is_done, "{said}");
    for expected in ["\"approved\"", "\"online\":true", "1 suspended", "\"suspended\"", "driver_not_approved"] {
        assert!(said.replace(": ", ":").contains(&expected.replace(": ", ":")), "{expected} is missing in:\n{said}");
    }
}
