//! `boda-loadtest`: plays a city over the public API of a boda server and checks its promises from outside; and measures the
//! hot path beside its reference points.
//!
//! It shares no code with the server: everything it knows is the published API, so a broken promise cannot hide in a
//! shared mistake. Exit codes: 0 every promise was kept, 1 one was broken or the run failed, 64 wrong usage.

use std::process::ExitCode;

use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

mod api;
mod apps;
mod args;
mod checks;
mod child;
mod city;
mod clock;
mod cpu;
mod crash;
mod driver;
mod generator;
mod load;
mod measure;
mod meeting;
mod money;
mod orders;
mod people;
mod play;
mod plot;
mod proof;
mod reference;
mod report;
mod rider;
mod scene;
mod schedule;
mod server;
mod socket;
mod tally;
mod totp;
mod town;
mod truth;
mod wire;
mod witness;
mod world;

use args::{Cli, Scenario};
use measure::machine::{self, Machine};
use play::Stop;
use proof::outcome::Outcome;
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
    match &cli.scenario {
        // The machine is another one for these: they are the servers, or need none.
        Scenario::ReferenceTextbook(args) => return ended(reference::textbook::serve(args.redis_port)),
        Scenario::ReferenceFloor => return ended(reference::floor::serve()),
        Scenario::Plot(args) => return ended(plot::run(args)),
        _ => {}
    }
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        eprintln!("boda-loadtest: the cryptography of the HTTP client is set up twice");
        return ExitCode::from(BROKEN);
    }
    // Before the first thread: what measures has a core of its own.
    let machine = match &cli.scenario {
        // What settles payments is both processors' work.
        Scenario::City(_) | Scenario::Crash(_) | Scenario::Money(_) => Machine::default(),
        _ => machine::prepare(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(err) => {
            eprintln!("boda-loadtest: no runtime: {err}");
            return ExitCode::from(BROKEN);
        }
    };
    let played = runtime.block_on(played(&cli, &machine));
    // An interrupted generator would be waited for.
    runtime.shutdown_background();
    match played {
        Ok(Played::City(report)) => told(&cli, &report),
        Ok(Played::Proof(outcome)) => shown(&cli, &outcome),
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

/// What came of a run.
enum Played {
    City(Box<Report>),
    Proof(Outcome),
}

fn ended(done: Result<(), String>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            eprintln!("boda-loadtest: {text}");
            ExitCode::from(BROKEN)
        }
    }
}

/// Plays the scenario until it ends or somebody interrupts; then the servers of our own are stopped by being dropped.
async fn played(cli: &Cli, machine: &Machine) -> Result<Played, Stop> {
    let failed = |err: std::io::Error| Stop::Failed(format!("cannot listen for signals: {err}"));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let city = |report| Played::City(Box::new(report));
    let progress = Progress::new(wants_json(cli));
    let scenario = async {
        match &cli.scenario {
            Scenario::City(args) => city::run(args, progress).await.map(city),
            Scenario::Crash(args) => crash::run(args, progress).await.map(city),
            Scenario::Compare(args) => proof::compare::run(args, machine, progress).await.map(Played::Proof),
            Scenario::Idle(args) => proof::idle::run(args, machine, progress).await.map(Played::Proof),
            Scenario::Ingest(args) => proof::ingest::run(args, machine, progress).await.map(Played::Proof),
            Scenario::Fanout(args) => proof::fanout::run(args, machine, progress).await.map(Played::Proof),
            Scenario::Storm(args) => proof::storm::run(args, machine, progress).await.map(Played::Proof),
            Scenario::Offers(args) => proof::offers::run(args, machine, progress).await.map(Played::Proof),
            Scenario::Auth(args) => proof::auth::run(args, machine, progress).await.map(Played::Proof),
            Scenario::Nearby(args) => proof::nearby::run(args, machine, progress).await.map(Played::Proof),
            Scenario::Money(args) => money::run(args, machine, progress).await.map(Played::Proof),
            Scenario::Plot(_) | Scenario::ReferenceTextbook(_) | Scenario::ReferenceFloor => {
                Err(Stop::Usage("this is no scenario".to_owned()))
            }
        }
    };
    tokio::select! {
        played = scenario => played,
        _ = interrupt.recv() => Err(Stop::Failed("interrupted".to_owned())),
        _ = terminate.recv() => Err(Stop::Failed("terminated".to_owned())),
    }
}

fn wants_json(cli: &Cli) -> bool {
    match &cli.scenario {
        Scenario::City(args) => args.common.json,
        Scenario::Crash(args) => args.common.json,
        Scenario::Compare(args) => args.common.json,
        Scenario::Idle(args) => args.common.json,
        Scenario::Ingest(args) => args.common.json,
        Scenario::Fanout(args) => args.common.json,
        Scenario::Storm(args) => args.common.json,
        Scenario::Offers(args) => args.common.json,
        Scenario::Auth(args) => args.common.json,
        Scenario::Nearby(args) => args.common.json,
        Scenario::Money(args) => args.common.json,
        Scenario::Plot(_) | Scenario::ReferenceTextbook(_) | Scenario::ReferenceFloor => false,
    }
}

/// A measurement that could be made is a success, whatever it measured.
fn shown(cli: &Cli, outcome: &Outcome) -> ExitCode {
    if wants_json(cli) {
        println!("{}", outcome.value);
    } else {
        print!("{}", outcome.table());
    }
    ExitCode::SUCCESS
}

fn told(cli: &Cli, report: &Report) -> ExitCode {
    if wants_json(cli) {
        match serde_json::to_string(report) {
            Ok(line) => println!("{line}"),
            Err(err) => eprintln!("boda-loadtest: the report cannot be written: {err}"),
        }
    } else {
        print!("{}", report.table());
    }
    if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::from(BROKEN) }
}
