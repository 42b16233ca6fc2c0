//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

const EXAMPLES: &str = "\
Examples:
  boda-loadtest city                                      500 drivers, 300 rides a minute, 2 minutes, a server of its own
  boda-loadtest city --seconds 30 --drivers 100 --rides-per-minute 60
  boda-loadtest city --orders orders.csv --speedup 60 --seconds 300 --json
  boda-loadtest city --target http://127.0.0.1:8080 --admin-phone +250788123456 --admin-password PASSWORD \
      --admin-second-factor SECRET
  boda-loadtest crash --kills 20 --json
  boda-loadtest compare --json                            every figure of the hot path beside its reference points, 10 minutes
  boda-loadtest ingest --binary --coalesce-ms 2        what one ping costs; also --saturated, --against textbook or floor
  boda-loadtest idle --connections 9000 --minutes 30      memory of a connection, and whether pings make it grow
  boda-loadtest fanout --stalled-percent 10               readers that do not read; positions that travel together
  boda-loadtest storm --graceful                          everybody comes back after a restart
  boda-loadtest offers --bookings-per-s 20                from a booking to the offer on a socket while 9,000 drivers ping
  boda-loadtest nearby --questions-per-s 500
  boda-loadtest auth --sign-ins 1000                      guesses from many addresses; others while thousands sign in
  boda-loadtest money --rides 400 --json                  rides paid through the sandbox while things go wrong; every franc counted
  boda-loadtest money --no-callbacks --no-faults          the same when no callback ever comes
  boda-loadtest money --backlog 20000                     how fast completed rides are settled, and what one payment costs
  boda-loadtest money --kills 50 --rides 1000             the server is killed during payments, the providers are not
  boda-loadtest plot compare.json --out docs              curves of saved reports as SVG

Exit codes: 0 every promise was kept; 1 a promise was broken or the run failed; 64 wrong usage. `compare` and the other
measuring scenarios exit with 0 when they could measure: a missed target is shown, not hidden in the code.
For `city` and `crash` the server must run with --sandbox (a server of our own does): SMS codes are read there.";

/// Plays a city of riders and drivers over the public API of a boda server, measures it, and checks its promises from
/// outside: nothing acknowledged is ever lost, no driver has two rides, no ride has two drivers, every ride ends.
#[derive(Debug, Parser)]
#[command(name = "boda-loadtest", version, after_help = EXAMPLES)]
pub struct Cli {
    /// What to play.
    #[command(subcommand)]
    pub scenario: Scenario,
}

/// The scenarios.
#[derive(Debug, Subcommand)]
pub enum Scenario {
    /// Whole rides at a constant rate: drivers ping, accept, pick up and complete; riders book, cancel and rate
    #[command(after_help = EXAMPLES)]
    City(City),
    /// The same load while the server is killed with SIGKILL and restarted, again and again
    #[command(after_help = EXAMPLES)]
    Crash(Crash),
    /// Every figure of the hot path in one job, beside the textbook stack and a bare epoll loop
    #[command(after_help = EXAMPLES)]
    Compare(Compare),
    /// Memory of connections that say nothing, and its growth under pings
    #[command(after_help = EXAMPLES)]
    Idle(Idle),
    /// What one ping costs, paced or saturated, for the engine or a reference point
    #[command(after_help = EXAMPLES)]
    Ingest(Ingest),
    /// Readers that stall, and positions that travel together
    #[command(after_help = EXAMPLES)]
    Fanout(Fanout),
    /// The server ends under a full house and everybody comes back
    #[command(after_help = EXAMPLES)]
    Storm(Storm),
    /// From a booking to the offer on a driver's socket while the fleet pings
    #[command(after_help = EXAMPLES)]
    Offers(Offers),
    /// "Who is near me?" over REST while the fleet pings
    #[command(after_help = EXAMPLES)]
    Nearby(Nearby),
    /// Guesses at one phone from many addresses; and a flood of sign-ins beside the requests of others
    #[command(after_help = EXAMPLES)]
    Auth(Auth),
    /// Rides paid through the sandbox with faults: no wallet is charged twice, and every debit is written down once
    #[command(after_help = EXAMPLES)]
    Money(Money),
    /// Curves of saved reports as SVG
    #[command(after_help = EXAMPLES)]
    Plot(Plot),
    /// The textbook stack, for `compare` and `ingest`
    #[command(hide = true)]
    ReferenceTextbook(ReferenceTextbook),
    /// The floor, for `compare` and `ingest`
    #[command(hide = true)]
    ReferenceFloor,
}

/// What the measuring scenarios understand.
#[derive(Debug, Clone, Args)]
pub struct Measured {
    /// Print exactly one JSON object on standard output instead of a table, and no progress
    #[arg(long)]
    pub json: bool,
    /// Server program to start
    #[arg(long, value_name = "FILE", default_value = "target/release/boda")]
    pub server: PathBuf,
}

/// Who is loaded by `ingest`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Against {
    /// A boda server.
    Engine,
    /// tokio-tungstenite with its defaults, serde_json and Redis.
    Textbook,
    /// A bare epoll loop.
    Floor,
}

/// Arguments of `compare`.
#[derive(Debug, Args)]
pub struct Compare {
    /// Shared arguments.
    #[command(flatten)]
    pub common: Measured,
    /// Connections, each a driver who pings once a second
    #[arg(long, value_name = "N", default_value_t = 9_000, value_parser = crowd)]
    pub connections: usize,
    /// Rounds of each contender, in turns
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = few)]
    pub rounds: usize,
    /// Measured seconds of a round
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = seconds)]
    pub seconds: u64,
    /// How long the coalescing engine may let a ping wait, milliseconds
    #[arg(long, value_name = "MS", default_value_t = 2)]
    pub coalesce_ms: u64,
}

/// Arguments of `idle`.
#[derive(Debug, Args)]
pub struct Idle {
    /// Shared arguments.
    #[command(flatten)]
    pub common: Measured,
    /// Connections
    #[arg(long, value_name = "N", default_value_t = 9_000, value_parser = crowd)]
    pub connections: usize,
    /// Then let everybody ping once a second for so long, and see whether memory grows
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub minutes: u64,
    /// Speak boda.v1.bin
    #[arg(long)]
    pub binary: bool,
}

/// Arguments of `ingest`.
#[derive(Debug, Args)]
pub struct Ingest {
    /// Shared arguments.
    #[command(flatten)]
    pub common: Measured,
    /// Who is loaded
    #[arg(long, value_enum, default_value_t = Against::Engine)]
    pub against: Against,
    /// Connections
    #[arg(long, value_name = "N", default_value_t = 9_000, value_parser = crowd)]
    pub connections: usize,
    /// Pings a second over all connections
    #[arg(long, value_name = "RATE", default_value_t = 9_000.0, value_parser = pings, conflicts_with = "saturated")]
    pub rate: f64,
    /// As many as the server takes, 16 in one write
    #[arg(long)]
    pub saturated: bool,
    /// Measured seconds of a round
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = seconds)]
    pub seconds: u64,
    /// Rounds
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = few)]
    pub rounds: usize,
    /// Speak boda.v1.bin
    #[arg(long)]
    pub binary: bool,
    /// Every so many pings ask for an acknowledgement; 0 is none
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub ack_every: u64,
    /// How long the engine may let a ping wait, milliseconds [default: the server's]
    #[arg(long, value_name = "MS")]
    pub coalesce_ms: Option<u64>,
}

/// Arguments of `fanout`.
#[derive(Debug, Args)]
pub struct Fanout {
    /// Shared arguments.
    #[command(flatten)]
    pub common: Measured,
    /// Drivers on shift, all in one quarter
    #[arg(long, value_name = "N", default_value_t = 1_200, value_parser = crowd)]
    pub drivers: usize,
    /// Riders who watch their driver and browse the quarter
    #[arg(long, value_name = "N", default_value_t = 600, value_parser = crowd)]
    pub readers: usize,
    /// Share of readers that stop reading
    #[arg(long, value_name = "PERCENT", default_value_t = 10.0, value_parser = percent)]
    pub stalled_percent: f64,
    /// Riders who browse where positions travel together
    #[arg(long, value_name = "N", default_value_t = 1_500, value_parser = crowd)]
    pub watchers: usize,
    /// Rounds, with and without stalled readers in turns
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = few)]
    pub rounds: usize,
    /// Measured seconds of a round
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = seconds)]
    pub seconds: u64,
    /// Speak boda.v1.bin
    #[arg(long)]
    pub binary: bool,
}

/// Arguments of `storm`.
#[derive(Debug, Args)]
pub struct Storm {
    /// Shared arguments.
    #[command(flatten)]
    pub common: Measured,
    /// Connections, one in ten a rider
    #[arg(long, value_name = "N", default_value_t = 9_000, value_parser = crowd)]
    pub connections: usize,
    /// Bookings a second before the storm
    #[arg(long, value_name = "RATE", default_value_t = 20.0, value_parser = rate)]
    pub bookings_per_s: f64,
    /// How long to book before the storm
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = seconds)]
    pub seconds: u64,
    /// Stop the server with SIGTERM instead of killing it
    #[arg(long)]
    pub graceful: bool,
    /// Speak boda.v1.bin
    #[arg(long)]
    pub binary: bool,
}

/// Arguments of `offers`.
#[derive(Debug, Args)]
pub struct Offers {
    /// Shared arguments.
    #[command(flatten)]
    pub common: Measured,
    /// Drivers on shift
    #[arg(long, value_name = "N", default_value_t = 9_000, value_parser = crowd)]
    pub drivers: usize,
    /// Pings a second over all drivers
    #[arg(long, value_name = "RATE", default_value_t = 9_000.0, value_parser = pings)]
    pub pings_per_s: f64,
    /// Bookings a second
    #[arg(long, value_name = "RATE", default_value_t = 20.0, value_parser = rate)]
    pub bookings_per_s: f64,
    /// How long to book
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = seconds)]
    pub seconds: u64,
    /// Speak boda.v1.bin
    #[arg(long)]
    pub binary: bool,
    /// How long the engine may let a ping wait, milliseconds [default: the server's]
    #[arg(long, value_name = "MS")]
    pub coalesce_ms: Option<u64>,
}

/// Arguments of `auth`.
#[derive(Debug, Args)]
pub struct Auth {
    /// Shared arguments.
    #[command(flatten)]
    pub common: Measured,
    /// How it is guessed.
    #[command(flatten)]
    pub guesses: Guesses,
    /// People who sign in with a password
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = flood)]
    pub sign_ins: usize,
    /// How many of them at once
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = crowd)]
    pub at_once: usize,
    /// The flood ends after this time at the latest
    #[arg(long, value_name = "N", default_value_t = 600, value_parser = seconds)]
    pub flood_seconds_max: u64,
    /// Requests of others a second
    #[arg(long, value_name = "RATE", default_value_t = 100.0, value_parser = rate)]
    pub others_per_s: f64,
    /// How long others are measured without a flood
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = seconds)]
    pub quiet_seconds: u64,
}

/// How it is guessed.
#[derive(Clone, Copy, Debug, Args)]
pub struct Guesses {
    /// Guesses at the password of one phone, and at its code
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = crowd)]
    pub guesses: usize,
    /// Addresses they come from
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = crowd)]
    pub addresses: usize,
}

/// Arguments of `nearby`.
#[derive(Debug, Args)]
pub struct Nearby {
    /// Shared arguments.
    #[command(flatten)]
    pub common: Measured,
    /// Drivers on shift, each pinging once a second
    #[arg(long, value_name = "N", default_value_t = 9_000, value_parser = crowd)]
    pub drivers: usize,
    /// Questions a second
    #[arg(long, value_name = "RATE", default_value_t = 200.0, value_parser = rate)]
    pub questions_per_s: f64,
    /// How long to ask
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = seconds)]
    pub seconds: u64,
    /// Speak boda.v1.bin
    #[arg(long)]
    pub binary: bool,
}

/// Arguments of `money`.
#[derive(Debug, Args)]
pub struct Money {
    /// Shared arguments.
    #[command(flatten)]
    pub common: Measured,
    /// Rides, each by another rider; about one wallet in ninety is one of the sandbox's scenario numbers
    #[arg(long, value_name = "N", default_value_t = 400, value_parser = crowd)]
    pub rides: usize,
    /// Drivers who ride at the same time
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = few)]
    pub drivers: usize,
    /// Seed of what goes wrong and of who pays how
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Nothing goes wrong on purpose
    #[arg(long)]
    pub no_faults: bool,
    /// No callback ever comes
    #[arg(long)]
    pub no_callbacks: bool,
    /// Instead of riding, put so many completed rides into the database and measure how fast they are settled
    #[arg(long, value_name = "N", value_parser = flood, conflicts_with_all = ["rides", "drivers", "no_faults", "no_callbacks", "kills"])]
    pub backlog: Option<usize>,
    /// Kill the server with SIGKILL so often meanwhile; the sandbox is a process of its own then
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub kills: Option<u32>,
}

/// Arguments of `plot`.
#[derive(Debug, Args)]
pub struct Plot {
    /// Reports of `compare`, `ingest` and `idle`, as --json printed them
    #[arg(value_name = "JSON", required = true)]
    pub reports: Vec<PathBuf>,
    /// Folder to write to
    #[arg(long, value_name = "DIR", default_value = "docs")]
    pub out: PathBuf,
}

/// Arguments of the textbook stack.
#[derive(Debug, Args)]
pub struct ReferenceTextbook {
    /// Where its Redis listens
    #[arg(long)]
    pub redis_port: u16,
}

/// What both scenarios understand.
#[derive(Debug, Clone, Args)]
pub struct Common {
    /// Print exactly one JSON object on standard output instead of a table, and no progress
    #[arg(long)]
    pub json: bool,
    /// Seed of the schedule and of everybody's behaviour
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Server program to start
    #[arg(long, value_name = "FILE", default_value = "target/release/boda")]
    pub server: PathBuf,
    /// Share of bookings that the rider cancels, percent
    #[arg(long, value_name = "PERCENT", default_value_t = 1.0, value_parser = percent)]
    pub cancel_percent: f64,
}

/// Arguments of `city`.
#[derive(Debug, Args)]
pub struct City {
    /// Shared arguments.
    #[command(flatten)]
    pub common: Common,
    /// Play against this running server (http://HOST:PORT) instead of starting one
    #[arg(long, value_name = "URL", requires_all = ["admin_phone", "admin_password", "admin_second_factor"], conflicts_with = "server")]
    pub target: Option<String>,
    /// Phone of an administrator of the target, who approves the drivers
    #[arg(long, value_name = "PHONE", requires = "target")]
    pub admin_phone: Option<String>,
    /// Password of that administrator
    #[arg(long, value_name = "PASSWORD", requires = "target")]
    pub admin_password: Option<String>,
    /// Secret of that administrator's second factor, in base32
    #[arg(long, value_name = "SECRET", requires = "target")]
    pub admin_second_factor: Option<String>,
    /// Drivers on shift; each pings once a second
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = crowd)]
    pub drivers: usize,
    /// Bookings a minute, as a Poisson stream that never waits for the server
    #[arg(long, value_name = "RATE", default_value_t = 300.0, value_parser = rate, conflicts_with = "orders")]
    pub rides_per_minute: f64,
    /// How long to book; live rides then get up to 90 seconds to end
    #[arg(long, value_name = "N", default_value_t = 120, value_parser = seconds)]
    pub seconds: u64,
    /// Take the demand from a file of real orders, moved to Kigali, instead of a constant rate
    #[arg(long, value_name = "CSV")]
    pub orders: Option<PathBuf>,
    /// Seconds of the orders in one second of the run; drivers ride that much faster, too
    #[arg(long, value_name = "FACTOR", default_value_t = 60.0, value_parser = speedup, requires = "orders")]
    pub speedup: f64,
    /// Days of orders to lay over each other [default: as many as ask for half of what the fleet can do]
    #[arg(long, value_name = "N", requires = "orders")]
    pub days: Option<u32>,
    /// Time of day at which the orders begin
    #[arg(long, value_name = "HH:MM", default_value = "09:00", value_parser = time_of_day, requires = "orders")]
    pub orders_from: f64,
}

/// Arguments of `crash`.
#[derive(Debug, Args)]
pub struct Crash {
    /// Shared arguments.
    #[command(flatten)]
    pub common: Common,
    /// How often to kill the server
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub kills: u32,
    /// Drivers on shift
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = crowd)]
    pub drivers: usize,
    /// Bookings a minute
    #[arg(long, value_name = "RATE", default_value_t = 120.0, value_parser = rate)]
    pub rides_per_minute: f64,
    /// Spread the kills over about this long [default: two to six seconds after each recovery]
    #[arg(long, value_name = "N", value_parser = seconds)]
    pub seconds: Option<u64>,
}

fn crowd(text: &str) -> Result<usize, String> {
    let count: usize = text.parse().map_err(|_| "is not a whole number".to_owned())?;
    let fits = (1..=9_000).contains(&count);
    fits.then_some(count).ok_or_else(|| "is out of range 1..=9000".to_owned())
}

fn flood(text: &str) -> Result<usize, String> {
    let count: usize = text.parse().map_err(|_| "is not a whole number".to_owned())?;
    (1..=100_000).contains(&count).then_some(count).ok_or_else(|| "is out of range 1..=100000".to_owned())
}

fn seconds(text: &str) -> Result<u64, String> {
    let seconds: u64 = text.parse().map_err(|_| "is not a whole number".to_owned())?;
    (1..=86_400).contains(&seconds).then_some(seconds).ok_or_else(|| "is out of range 1..=86400".to_owned())
}

fn number_in(text: &str, from: f64, to: f64) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "is not a number".to_owned())?;
    (from..=to).contains(&number).then_some(number).ok_or_else(|| format!("is out of range {from}..={to}"))
}

fn percent(text: &str) -> Result<f64, String> {
    number_in(text, 0.0, 100.0)
}

fn rate(text: &str) -> Result<f64, String> {
    number_in(text, 0.1, 60_000.0)
}

fn speedup(text: &str) -> Result<f64, String> {
    number_in(text, 1.0, 600.0)
}

fn pings(text: &str) -> Result<f64, String> {
    number_in(text, 1.0, 1_000_000.0)
}

fn few(text: &str) -> Result<usize, String> {
    let count: usize = text.parse().map_err(|_| "is not a whole number".to_owned())?;
    (1..=100).contains(&count).then_some(count).ok_or_else(|| "is out of range 1..=100".to_owned())
}

fn time_of_day(text: &str) -> Result<f64, String> {
    let part = |text: &str, below: u32| text.parse().ok().filter(|number: &u32| *number < below);
    let time = text.split_once(':').and_then(|(hours, minutes)| Some((part(hours, 24)?, part(minutes, 60)?)));
    let (hours, minutes) = time.ok_or_else(|| "is not a time of day like 09:00".to_owned())?;
    Ok(f64::from(hours * 3_600 + minutes * 60))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split_whitespace())
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_documented_lines_parse() {
        for line in [
            "boda-loadtest city",
            "boda-loadtest city --drivers 500 --rides-per-minute 300 --seconds 120 --json",
            "boda-loadtest city --orders orders.csv --speedup 60 --seconds 300",
            "boda-loadtest city --target http://127.0.0.1:1 --admin-phone +250788123456 --admin-password x --admin-second-factor y",
            "boda-loadtest crash --kills 20 --json",
            "boda-loadtest compare --json",
            "boda-loadtest ingest --binary --coalesce-ms 2",
            "boda-loadtest ingest --saturated --against textbook",
            "boda-loadtest idle --connections 9000 --minutes 30",
            "boda-loadtest fanout --stalled-percent 10",
            "boda-loadtest storm --graceful",
            "boda-loadtest offers --bookings-per-s 20",
            "boda-loadtest nearby --questions-per-s 500",
            "boda-loadtest auth --sign-ins 1000 --addresses 200 --json",
            "boda-loadtest money --rides 400 --json",
            "boda-loadtest money --no-callbacks --no-faults",
            "boda-loadtest money --backlog 20000",
            "boda-loadtest money --kills 50 --rides 1000",
            "boda-loadtest plot compare.json --out docs",
            "boda-loadtest reference-textbook --redis-port 6379",
            "boda-loadtest reference-floor",
        ] {
            assert!(parse(line).is_ok(), "{line}: {:?}", parse(line).err());
        }
    }

    #[test]
    fn wrong_usage_is_refused() {
        for line in [
            "boda-loadtest",
            "boda-loadtest village",
            "boda-loadtest city --drivers 0",
            "boda-loadtest city --drivers 10000",
            "boda-loadtest city --cancel-percent 101",
            "boda-loadtest city --rides-per-minute nan",
            "boda-loadtest city --speedup 60",
            "boda-loadtest city --target http://127.0.0.1:1",
            "boda-loadtest city --orders x --orders-from 25:00",
            "boda-loadtest crash --target http://127.0.0.1:1",
            "boda-loadtest compare --rounds 0",
            "boda-loadtest ingest --saturated --rate 100",
            "boda-loadtest ingest --against django",
            "boda-loadtest plot",
            "boda-loadtest money --backlog 10 --kills 2",
            "boda-loadtest money --rides 0",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
