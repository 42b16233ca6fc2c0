//! The command line: what was typed becomes a configuration and a call of `app`.
//!
//! Separate from `app` so that the house can be run by tests without a command line. Here is no work: a command reads its
//! arguments, loads the configuration, calls one function of `app` and prints what came of it. Invariants: nothing
//! starts before the configuration is valid; results go to standard output, everything else to standard error; exit code
//! 0 is done, 1 could not start or go on, 64 wrong usage or configuration.

mod arguments;
mod audit;
mod books;
mod help;
mod keys;
mod map;
mod password;
mod privacy;
mod seed;
mod trial;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;

use clap::Parser;

use crate::app;
use crate::auth::NewUser;
use crate::config::{self, Config, Flag, Sources};
use crate::drivers::Round;
use crate::simulation::{self, Summary};
use crate::telemetry::chain;
use arguments::{
    Arguments, Command, CreateUser, DriversCommand, ExpirePapers, ResetSecondFactor, SecondFactorCommand, SetAgency,
    Simulate, UserCommand,
};

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The arguments make no command.
    #[error(transparent)]
    Usage(#[from] clap::Error),
    /// An argument is wrong by itself.
    #[error("{0}")]
    Argument(String),
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] config::Error),
    /// It could not start, or not go on.
    #[error(transparent)]
    Failed(#[from] app::Error),
    /// A file cannot be used.
    #[error("{}", file.display())]
    File {
        /// Which.
        file: PathBuf,
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// What was asked for does not exist.
    #[error("{0}")]
    Failure(String),
    /// The operating system refused.
    #[error("cannot {doing}")]
    System {
        /// What.
        doing: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl Error {
    /// What the process ends with.
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::Argument(_) | Self::Config(_) => 64,
            Self::Failed(_) | Self::File { .. } | Self::Failure(_) | Self::System { .. } => 1,
        }
    }

    /// Tells the person, on standard error.
    pub fn print(&self) {
        match self {
            Self::Usage(error) => {
                // Nobody to tell is no further trouble.
                let _ = error.print();
            }
            Self::Failed(error) => eprintln!("boda: {}", chain(error)),
            error => eprintln!("boda: {}", chain(error)),
        }
    }
}

/// Carries out a command line, the program's name first.
///
/// # Errors
/// [`Error`], with the exit code that belongs to it.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Result<(), Error> {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        // Help and version were asked for, and are no error.
        Err(asked) if !asked.use_stderr() => {
            // Who closed the pipe has seen enough.
            let _ = asked.print();
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    let Some(command) = arguments.command else { return without_command() };
    match command {
        Command::Serve(flags) => start(&flags.sources(), app::serve),
        Command::Worker(place) => worker(&place.sources()),
        Command::Migrate(place) => {
            start(&place.sources(), app::migrate)?;
            print("the database schema is up to date\n")
        }
        Command::Simulate(simulate) => match simulate.target.clone() {
            Some(target) => play(*simulate, target),
            None => trial::run(&simulate),
        },
        Command::Seed(seed) => seed::run(seed),
        Command::Sandbox(flags) => start(&flags.sources(), app::run_sandbox),
        Command::CheckConfig(flags) => {
            flags.sources().load()?;
            print("configuration is valid\n")
        }
        Command::PrintConfig(flags) => print(flags.sources().print()?),
        Command::User { command: UserCommand::Create(create) } => create_user(create),
        Command::User { command: UserCommand::Agency(set) } => set_agency(set),
        Command::Privacy { command } => privacy::run(command),
        Command::Ledger { command } => books::run(command),
        Command::Reconcile(asked) => books::reconcile(asked),
        Command::Drivers { command: DriversCommand::Expire(expire) } => expire_papers(&expire),
        Command::Audit { command } => audit::run(command),
        Command::User { command: UserCommand::SecondFactor { command: SecondFactorCommand::Reset(reset) } } => {
            reset_second_factor(reset)
        }
        Command::Map { command } => map::run(command),
        Command::Keys { command } => keys::run(command),
    }
}

/// What a newcomer gets who types nothing else: a city to look at. Not where a database is named, though: it may be a
/// real city's, and the logins of the demo are known to everybody.
fn without_command() -> Result<(), Error> {
    let demo = Flag { flag: "--demo", key: "demo.enabled", value: "true".to_owned() };
    let config = Sources::of_process(None, vec![demo]).load()?;
    if config.database.url.is_some() {
        let message =
            "which command? The configuration names a database, so no demo is started by itself; see `boda --help`";
        return Err(Error::Argument(message.to_owned()));
    }
    eprintln!("boda: no command given, so this is `boda serve --demo`; `boda --help` shows the others");
    run_until_done(config, app::serve)
}

fn worker(sources: &Sources) -> Result<(), Error> {
    let config = sources.load()?;
    if config.jobs.workers_max == 0 {
        return Err(Error::Argument("jobs.workers_max is 0, so this worker would do nothing".to_owned()));
    }
    run_until_done(config, app::worker)
}

fn play(simulate: Simulate, target: String) -> Result<(), Error> {
    let config = simulate.sources().load()?;
    let admin = match simulate.admin_phone {
        Some(phone) => {
            let mut input = io::stdin().lock();
            let (password, second_factor) = (password::read(&mut input)?, password::read_second_factor(&mut input)?);
            Some(simulation::Admin { phone, password, second_factor })
        }
        None => None,
    };
    let map = simulate.map;
    let summary = run_until_done(config, async |config| app::simulate(config, target, admin, map).await)?;
    print_summary(&summary)
}

fn print_summary(summary: &Summary) -> Result<(), Error> {
    // Who is there now is of no interest: everybody has gone home.
    let Summary {
        drivers_online: _,
        riders_active: _,
        rides_booked,
        rides_completed,
        rides_ended_otherwise,
        wishes_dropped,
        sockets_lost,
    } = summary;
    print(format_args!(
        "rides booked            {rides_booked}\nrides completed         {rides_completed}\n\
         rides ended otherwise   {rides_ended_otherwise}\nwishes dropped          {wishes_dropped}\n\
         sockets lost            {sockets_lost}\n"
    ))
}

fn expire_papers(expire: &ExpirePapers) -> Result<(), Error> {
    let config = expire.place.sources().load()?;
    let as_of = expire.as_of;
    let round = run_until_done(config, async |config| app::expire_papers(config, as_of).await)?;
    let Round { notices, suspended, flagged } = round;
    print(format_args!("{notices} notices, {suspended} suspended, {flagged} ratings to be looked at\n"))
}

fn create_user(create: CreateUser) -> Result<(), Error> {
    let config = create.place.sources().load()?;
    let password = if create.password_stdin { Some(password::read(io::stdin().lock())?) } else { None };
    let user = NewUser {
        phone: create.phone,
        first_name: create.first_name,
        last_name: create.last_name,
        role: create.role,
        agency: create.agency,
        language: create.language.unwrap_or_default(),
        password,
    };
    if !create.second_factor {
        let id = run_until_done(config, async |config| app::create_user(config, user).await)?;
        return print(format_args!("{}\n", id.0));
    }
    let (id, secret) = run_until_done(config, async |config| app::create_user_with_second_factor(config, user).await)?;
    print(format_args!("{}\n{}\n", id.0, secret.expose()))
}

fn reset_second_factor(reset: ResetSecondFactor) -> Result<(), Error> {
    let ResetSecondFactor { phone, reason, place } = reset;
    let config = place.sources().load()?;
    run_until_done(config, async |config| app::reset_second_factor(config, phone, &reason).await)
}

fn set_agency(set: SetAgency) -> Result<(), Error> {
    let SetAgency { phone, agency, place } = set;
    let config = place.sources().load()?;
    run_until_done(config, async |config| app::set_agency(config, phone, agency).await)
}

/// Loads the configuration and runs.
fn start<T>(sources: &Sources, run: impl AsyncFnOnce(Config) -> Result<T, app::Error>) -> Result<T, Error> {
    run_until_done(sources.load()?, run)
}

/// Runs on a runtime of its own, as large as configured.
fn run_until_done<T>(config: Config, run: impl AsyncFnOnce(Config) -> Result<T, app::Error>) -> Result<T, Error> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if let Some(threads) = config.server.worker_threads {
        builder.worker_threads(threads);
    }
    let runtime = builder.enable_all().build();
    let runtime = runtime.map_err(|source| Error::System { doing: "start the threads of the program", source })?;
    Ok(runtime.block_on(run(config))?)
}

fn print(text: impl std::fmt::Display) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    match write!(out, "{text}").and_then(|()| out.flush()) {
        // `boda print-config | head` has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(|source| Error::System { doing: "write to standard output", source }),
    }
}
