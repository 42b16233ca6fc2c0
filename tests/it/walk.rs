//! Walks of the documentation, carried out: the blocks of shell commands of a page, run as they stand there, against a house.

use std::process::{Command, Stdio};

use crate::house::House;

/// A page of `docs/`.
pub fn page(name: &str) -> String {
    let path = format!("{}/docs/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What stands in the blocks of shell commands, in order.
pub fn commands(text: &str) -> String {
    let blocks = text.split("```bash\n").skip(1).filter_map(|rest| rest.split_once("\n```"));
    blocks.map(|(block, _)| block).collect::<Vec<_>>().join("\n")
}

/// Runs them; whether all went well, and everything that was said.
pub fn run(house: &House, sandbox: &str, script: &str) -> (bool, String) {
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
