//! `boda-loadtest`: plays a city over the public API of a boda server and checks its promises from outside.
//!
//! It shares no code with the server: everything it knows is the published API, so a broken promise cannot hide in a
//! shared mistake. Exit codes: 0 every promise was kept, 1 one was broken or the run failed, 64 wrong usage.

use std::process::ExitCode;

use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

mod api;
mod args;
mod checks;
mod city;
mod clock;
mod cpu;
mod crash;
mod driver;
mod load;
mod meeting;
mod orders;
mod people;
mod play;
mod report;
mod rider;
mod scene;
mod schedule;
mod server;
mod socket;
mod tally;
mod truth;
mod wire;
mod witness;
mod world;

use args::{Cli, Scenario};
use play::Stop;
use report::{Progress, Report};

const BROKEN: u8 = 1;
const USAGE: u8 = 64;
/// The generator shares the machine with the server, so it takes no more threads than it needs.
const WORKERS: usize = 2;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(err) => {
            // Help and version come this way, too, and are no misuse.
            let code = if err.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS };
            let _ = err.print();
            return code;
        }
    };
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        eprintln!("boda-loadtest: the cryptography of the HTTP client is set up twice");
        return ExitCode::from(BROKEN);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(err) => {
            eprintln!("boda-loadtest: no runtime: {err}");
            return ExitCode::from(BROKEN);
        }
    };
    match runtime.block_on(played(&cli)) {
        Ok(report) => told(&cli, &report),
        Err(Stop::Usage(text)) => {
            eprintln!("boda-loadtest: {text}");
            ExitCode::from(USAGE)
        }
        Err(Stop::Failed(text)) => {
            eprintln!("boda-loadtest: {text}");
            ExitCode::from(BROKEN)
        }
    }
}

/// Plays the scenario until it ends or somebody interrupts; then the server of our own is stopped by being dropped.
async fn played(cli: &Cli) -> Result<Report, Stop> {
    let failed = |err: std::io::Error| Stop::Failed(format!("cannot listen for signals: {err}"));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let scenario = async {
        match &cli.scenario {
            Scenario::City(args) => city::run(args, Progress::new(args.common.json)).await,
            Scenario::Crash(args) => crash::run(args, Progress::new(args.common.json)).await,
        }
    };
    tokio::select! {
        report = scenario => report,
        _ = interrupt.recv() => Err(Stop::Failed("interrupted".to_owned())),
        _ = terminate.recv() => Err(Stop::Failed("terminated".to_owned())),
    }
}

fn told(cli: &Cli, report: &Report) -> ExitCode {
    let json = match &cli.scenario {
        Scenario::City(args) => args.common.json,
        Scenario::Crash(args) => args.common.json,
    };
    if json {
        match serde_json::to_string(report) {
            Ok(line) => println!("{line}"),
            Err(err) => eprintln!("boda-loadtest: the report cannot be written: {err}"),
        }
    } else {
        print!("{}", report.table());
    }
    if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::from(BROKEN) }
}
