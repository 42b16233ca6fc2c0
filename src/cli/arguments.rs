//! Commands and flags, as typed.
//!
//! Separate from carrying them out. A flag that sets a key of the configuration has no default here and is not checked
//! here: it is laid over the configuration as its last layer, so a wrong value is a fault like any other. Invariant: no
//! password is ever an argument, since arguments show in the process list.

use std::path::PathBuf;

use chrono::NaiveDate;
use clap::{ArgGroup, Args, Parser, Subcommand};

use super::help;
use crate::config::{Flag, Sources};
use crate::geo::LatLng;
use crate::notifications::Language;
use crate::phone::Phone;
use crate::simulation::trial::Policy;
use crate::web::{Agency, Role};

/// Made-up people of one role: there are telephones and plates for more, but no city has more.
const MADE_UP_MAX: i64 = 500_000;

/// A city of motorcycle taxis in one process: live positions, matching, rides, payments.
#[derive(Debug, Parser)]
#[command(name = "boda", version, after_help = help::ALL, max_term_width = 100)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the engine: the API, the sockets, the matching, the workers
    #[command(after_help = help::SERVE)]
    Serve(Serve),
    /// Run follow-up jobs only, beside a server
    #[command(after_help = help::WORKER)]
    Worker(Place),
    /// Bring the database schema up to date
    #[command(after_help = help::MIGRATE)]
    Migrate(Place),
    /// Play a city of drivers and riders: against a running server, or by itself to compare ways of matching
    #[command(after_help = help::SIMULATE)]
    Simulate(Box<Simulate>),
    /// Run the stand-ins of the outside world by themselves
    #[command(after_help = help::SANDBOX)]
    Sandbox(Sandbox),
    /// Fill a database that nobody lives in with made-up people, for rehearsals and load tests
    #[command(after_help = help::SEED)]
    Seed(Seed),
    /// Check the configuration and name everything that is wrong with it
    #[command(after_help = help::CHECK_CONFIG)]
    CheckConfig(Serve),
    /// Print the configuration in force, secrets redacted
    #[command(after_help = help::PRINT_CONFIG)]
    PrintConfig(Serve),
    /// Manage accounts
    #[command(after_help = help::USER)]
    User {
        /// What to do with them.
        #[command(subcommand)]
        command: UserCommand,
    },
    /// Look after drivers' papers
    #[command(after_help = help::DRIVERS)]
    Drivers {
        /// What to do with them.
        #[command(subcommand)]
        command: DriversCommand,
    },
    /// Read and verify the log of privileged acts
    #[command(after_help = help::AUDIT)]
    Audit {
        /// What to do with it.
        #[command(subcommand)]
        command: super::audit::AuditCommand,
    },
    /// Look after the keys that seal personal data and sign tokens
    #[command(after_help = help::KEYS)]
    Keys {
        /// What to do with them.
        #[command(subcommand)]
        command: super::keys::KeysCommand,
    },
    /// What is done with people's data: the register, and how long it is kept
    #[command(after_help = help::PRIVACY)]
    Privacy {
        /// What to do.
        #[command(subcommand)]
        command: super::privacy::PrivacyCommand,
    },
    /// Check and read the books
    #[command(after_help = help::LEDGER)]
    Ledger {
        /// What to do with them.
        #[command(subcommand)]
        command: super::books::LedgerCommand,
    },
    /// Hold a day of the books against a provider's statement
    #[command(after_help = help::RECONCILE)]
    Reconcile(super::books::Reconcile),
    /// Make the map of a city from OpenStreetMap, and try it out
    #[command(after_help = help::MAP)]
    Map {
        /// What to do with it.
        #[command(subcommand)]
        command: MapCommand,
    },
}

#[derive(Debug, Subcommand)]
pub enum MapCommand {
    /// Make a map file of an OpenStreetMap extract
    #[command(after_help = help::MAP_IMPORT)]
    Import(ImportMap),
    /// Check a map file and tell what is in it
    #[command(after_help = help::MAP_INFO)]
    Info(MapFile),
    /// Find the quickest way between two places
    #[command(after_help = help::MAP_ROUTE)]
    Route(RouteOnMap),
}

/// A map to be made.
#[derive(Debug, Args)]
pub struct ImportMap {
    /// OpenStreetMap extract in PBF
    #[arg(value_name = "FILE.osm.pbf")]
    pub file: PathBuf,
    /// Where the map goes
    #[arg(short, long, value_name = "FILE.map")]
    pub out: PathBuf,
    /// Keep only what is inside this polygon
    #[arg(long, value_name = "GEOJSON")]
    pub area: Option<PathBuf>,
    /// More boundaries of sectors and districts; may be given several times
    #[arg(long, value_name = "GEOJSON")]
    pub boundaries: Vec<PathBuf>,
    /// More places with a name, as a table; may be given several times
    #[arg(long, value_name = "CSV")]
    pub places: Vec<PathBuf>,
    /// How the vehicle uses streets [default: motorcycle taxis, as built in]
    #[arg(long, value_name = "TOML")]
    pub profile: Option<PathBuf>,
}

/// A map that is there.
#[derive(Debug, Args)]
pub struct MapFile {
    /// The map
    #[arg(value_name = "FILE.map")]
    pub file: PathBuf,
}

/// A way to be found.
#[derive(Debug, Args)]
pub struct RouteOnMap {
    /// The map
    #[arg(long, value_name = "FILE.map")]
    pub map: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    /// Where it begins: latitude and longitude in degrees, with a comma and no space
    #[arg(value_name = "LAT,LON", value_parser = place, allow_hyphen_values = true)]
    pub from: LatLng,
    /// Where it ends
    #[arg(value_name = "LAT,LON", value_parser = place, allow_hyphen_values = true)]
    pub to: LatLng,
}

#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Make an account, such as the first admin
    #[command(after_help = help::USER_CREATE)]
    Create(CreateUser),
    /// Set for which agency an official reads
    #[command(after_help = help::USER_AGENCY)]
    Agency(SetAgency),
    /// Manage the second factor of an account
    #[command(after_help = help::USER_SECOND_FACTOR)]
    SecondFactor {
        /// What to do with it.
        #[command(subcommand)]
        command: SecondFactorCommand,
    },
}

#[derive(Debug, Subcommand)]
pub enum SecondFactorCommand {
    /// Take it away from somebody who lost it; an admin or official enrols anew at the next sign-in
    #[command(after_help = help::USER_SECOND_FACTOR)]
    Reset(ResetSecondFactor),
}

/// Which official reads for which agency.
#[derive(Debug, Args)]
pub struct SetAgency {
    /// Rwandan mobile number, as +250788123456 or 0788123456
    #[arg(long, value_parser = phone)]
    pub phone: Phone,
    /// RURA, RTDA, RRA, BNR, NCSA or RNP
    #[arg(long, value_name = "NAME", value_parser = agency)]
    pub agency: Agency,
    #[command(flatten)]
    pub place: Place,
}

/// Whose second factor is taken away.
#[derive(Debug, Args)]
pub struct ResetSecondFactor {
    /// Rwandan mobile number, as +250788123456 or 0788123456
    #[arg(long, value_parser = phone)]
    pub phone: Phone,
    /// How it was made sure who asks; kept in the audit log
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    #[command(flatten)]
    pub place: Place,
}

#[derive(Debug, Subcommand)]
pub enum DriversCommand {
    /// Go the daily round: notices before papers end, suspensions where they have
    #[command(after_help = help::DRIVERS_EXPIRE)]
    Expire(ExpirePapers),
}

/// A round to be gone.
#[derive(Debug, Args)]
pub struct ExpirePapers {
    /// As on this day of the Kigali calendar [default: today]
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub as_of: Option<NaiveDate>,
    #[command(flatten)]
    pub place: Place,
}

/// Which configuration, and where the data is.
#[derive(Debug, Clone, Args)]
pub struct Place {
    /// TOML file with the keys that differ from the defaults
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Directory of the private PostgreSQL and the keys [default: ./boda-data]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<String>,
}

/// Everything that can be said about a server.
#[derive(Debug, Clone, Args)]
pub struct Serve {
    /// Address and port of the API; port 0 takes a free one [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    #[command(flatten)]
    place: Place,
    /// Start the stand-ins of the outside world (SMS codes can be read there)
    #[arg(long)]
    sandbox: bool,
    /// Start a simulated city on top; brings the sandbox along
    #[arg(long)]
    demo: bool,
}

/// The stand-ins by themselves.
#[derive(Debug, Args)]
pub struct Sandbox {
    /// Loopback address and port; port 0 takes a free one [default: 127.0.0.1:0]
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// TOML file with the keys that differ from the defaults
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// A city to be played: against a server, or by itself on a virtual clock.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("mode").required(true).args(["target", "policy", "compare"])))]
pub struct Simulate {
    /// The server to play against, in real time: http://HOST:PORT
    #[arg(long, value_name = "URL")]
    pub target: Option<String>,
    /// Drivers on the road; 400 on a virtual clock [default: 300]
    #[arg(long, value_name = "N")]
    pub drivers: Option<String>,
    /// Riders who exist at most [default: 2000]
    #[arg(long, value_name = "N", conflicts_with_all = ["policy", "compare"])]
    riders_max: Option<String>,
    /// Wishes to ride, on average; on a virtual clock see --demand [default: 40]
    #[arg(long, value_name = "X")]
    pub rides_per_minute: Option<String>,
    /// How much faster than life people drive and decide [default: 1]
    #[arg(long, value_name = "X", conflicts_with_all = ["policy", "compare"])]
    speed_factor: Option<String>,
    /// Where all chance comes from; the same seed is the same people. Of several, the first [default: 1]
    #[arg(long, value_name = "N")]
    pub seed: Option<String>,
    /// Map to ride on, made by `boda map import`; without one drivers ride straight against a server, else through a
    /// generated town
    #[arg(long, value_name = "FILE")]
    pub map: Option<PathBuf>,
    /// Phone of an admin of the server [default: the demo's]
    #[arg(long, value_name = "PHONE", value_parser = phone, requires = "password_stdin", conflicts_with_all = ["policy", "compare"])]
    pub admin_phone: Option<Phone>,
    /// Read the admin's password from the first line of standard input, and the secret of the second factor from the second
    #[arg(long, requires = "admin_phone")]
    password_stdin: bool,
    /// TOML file with the keys that differ from the defaults
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    pub trial: Trial,
}

/// A city on a virtual clock.
#[derive(Debug, Args)]
#[command(next_help_heading = "On a virtual clock, without a server")]
pub struct Trial {
    /// How rides are given to drivers: greedy (each to the nearest) or batch (together, at the least cost)
    #[arg(long, value_name = "POLICY", value_parser = policy)]
    pub policy: Option<Policy>,
    /// Two policies on the same cities; the second is measured by the first
    #[arg(long, value_names = ["A", "B"], num_args = 2, value_parser = policy)]
    pub compare: Option<Vec<Policy>>,
    /// How many cities, each of its own seed [with --compare 20, else 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000), conflicts_with = "target")]
    pub seeds: Option<u32>,
    /// Hours that are counted, of each; half an hour before them is not
    #[arg(long, value_name = "H", default_value_t = 2.0, conflicts_with = "target")]
    pub hours: f64,
    /// Wishes to ride, over what the fleet can do
    #[arg(long, value_name = "X", default_value_t = 1.0, conflicts_with_all = ["target", "rides_per_minute"])]
    pub demand: f64,
    /// Orders to take wishes from: CSV with placed_s, pickup_lat, pickup_lon, dest_lat, dest_lon
    #[arg(long, value_name = "FILE", conflicts_with = "target")]
    pub orders: Option<PathBuf>,
    /// What drivers ride on without --map: town, or straight (6 m/s)
    #[arg(long, value_name = "ROADS", default_value = "town", value_parser = ["town", "straight"], conflicts_with_all = ["target", "map"])]
    pub roads: String,
    /// Side of the square in which rides begin and end [of the town 10, straight 20, with --orders 14]
    #[arg(long, value_name = "KM", conflicts_with = "target")]
    pub side_km: Option<f64>,
    /// Share of places around hot spots; the others are anywhere [in town 0.8, straight 0]
    #[arg(long, value_name = "SHARE", conflicts_with = "target")]
    pub spots: Option<f64>,
    /// Median length of rides as the crow flies; 0: from anywhere to anywhere [in town 3.5, straight 0]
    #[arg(long, value_name = "KM", conflicts_with = "target")]
    pub ride_km: Option<f64>,
    /// Median time that a rider waits for a driver to be found
    #[arg(long, value_name = "S", default_value_t = 240, conflicts_with = "target")]
    pub patience_s: u32,
    /// Nobody is asked to ride longer to a pickup
    #[arg(long, value_name = "S", default_value_t = 600, conflicts_with = "target")]
    pub pickup_max_s: u32,
    /// Move every driver once a second in the production index, in real time, for so many seconds
    #[arg(long, value_name = "S", conflicts_with_all = ["target", "compare"], value_parser = clap::value_parser!(u32).range(5..=3_600))]
    pub moving_s: Option<u32>,
    /// Cities side by side [default: one for each core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256), conflicts_with = "target")]
    pub threads: Option<u32>,
    /// Print JSON instead of the table
    #[arg(long, conflicts_with = "target")]
    pub json: bool,
    /// Write a page with plots
    #[arg(long, value_name = "HTML", conflicts_with = "target")]
    pub report: Option<PathBuf>,
}

/// People to be made up.
#[derive(Debug, Args)]
pub struct Seed {
    /// Approved drivers
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(..=MADE_UP_MAX))]
    pub drivers: u32,
    /// Riders
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(..=MADE_UP_MAX))]
    pub riders: u32,
    /// Where their ids, phones and access tokens go, one JSON object a line
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Confirm that this database is for rehearsals and will never hold real people
    #[arg(long, required = true)]
    sandbox_data: bool,
    /// How long the access tokens are good for, in seconds
    #[arg(long, value_name = "S", default_value_t = 7_200, value_parser = clap::value_parser!(i64).range(60..=604_800))]
    pub token_lifetime_s: i64,
    /// Put the drivers on shift; a server that is started afterwards finds them there
    #[arg(long)]
    pub on_shift: bool,
    /// Who they are: the same number is the same people, also for `boda simulate`
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u32,
    /// Read a password for all of them from the first line of standard input; without one they have none
    #[arg(long)]
    pub password_stdin: bool,
    #[command(flatten)]
    pub place: Place,
}

/// An account to be made.
#[derive(Debug, Args)]
pub struct CreateUser {
    /// customer, driver, admin, government or agent
    #[arg(long, value_parser = role)]
    pub role: Role,
    /// For which agency an official reads: RURA, RTDA, RRA, BNR, NCSA or RNP
    #[arg(long, value_name = "NAME", value_parser = agency)]
    pub agency: Option<Agency>,
    /// Rwandan mobile number, as +250788123456 or 0788123456
    #[arg(long, value_parser = phone)]
    pub phone: Phone,
    /// Given name
    #[arg(long, value_name = "NAME")]
    pub first_name: String,
    /// Family name
    #[arg(long, value_name = "NAME")]
    pub last_name: String,
    /// Language to write to them in: rw, en or fr [default: rw]
    #[arg(long, value_name = "CODE", value_parser = language)]
    pub language: Option<Language>,
    /// Read a password from the first line of standard input; without one they sign in by SMS
    #[arg(long)]
    pub password_stdin: bool,
    /// Give them a second factor, and print its secret on a second line
    #[arg(long)]
    pub second_factor: bool,
    #[command(flatten)]
    pub place: Place,
}

impl Place {
    /// The configuration they name.
    pub fn sources(&self) -> Sources {
        Sources::of_process(self.config.clone(), flags([("--data-dir", "data_dir", self.data_dir.as_ref())]))
    }
}

impl Serve {
    /// The configuration they name.
    pub fn sources(&self) -> Sources {
        let on = "true".to_owned();
        let flags = flags([
            ("--listen", "server.listen", self.listen.as_ref()),
            ("--data-dir", "data_dir", self.place.data_dir.as_ref()),
            ("--sandbox", "sandbox.enabled", self.sandbox.then_some(&on)),
            ("--demo", "demo.enabled", self.demo.then_some(&on)),
        ]);
        Sources::of_process(self.place.config.clone(), flags)
    }
}

impl Sandbox {
    /// The configuration they name.
    pub fn sources(&self) -> Sources {
        Sources::of_process(self.config.clone(), flags([("--listen", "sandbox.listen", self.listen.as_ref())]))
    }
}

impl Simulate {
    /// The configuration they name, of a city on a virtual clock: the numbers of the demo are not its.
    pub fn sources_of_trial(&self) -> Sources {
        Sources::of_process(self.config.clone(), Vec::new())
    }

    /// The configuration they name.
    pub fn sources(&self) -> Sources {
        let flags = flags([
            ("--drivers", "demo.drivers", self.drivers.as_ref()),
            ("--riders-max", "demo.riders_max", self.riders_max.as_ref()),
            ("--rides-per-minute", "demo.rides_per_minute", self.rides_per_minute.as_ref()),
            ("--speed-factor", "demo.speed_factor", self.speed_factor.as_ref()),
            ("--seed", "demo.seed", self.seed.as_ref()),
        ]);
        Sources::of_process(self.config.clone(), flags)
    }
}

/// Those flags that were given: flag, key, value.
fn flags<const N: usize>(given: [(&'static str, &'static str, Option<&String>); N]) -> Vec<Flag> {
    let flag = |(flag, key, value): (_, _, Option<&String>)| Some(Flag { flag, key, value: value?.clone() });
    given.into_iter().filter_map(flag).collect()
}

fn phone(typed: &str) -> Result<Phone, String> {
    Phone::parse(typed).map_err(|error| error.to_string())
}

fn policy(typed: &str) -> Result<Policy, String> {
    let known = [Policy::Greedy, Policy::Batch].into_iter().find(|policy| policy.name() == typed);
    known.ok_or_else(|| "is not one of greedy, batch".to_owned())
}

fn place(typed: &str) -> Result<LatLng, String> {
    let degrees = |text: &str| text.trim().parse::<f64>().map_err(|_| format!("{text:?} is no number"));
    let (lat, lng) = typed.split_once(',').ok_or("is not LAT,LON, as -1.9441,30.0619")?;
    LatLng::new(degrees(lat)?, degrees(lng)?).map_err(|error| error.to_string())
}

fn role(typed: &str) -> Result<Role, String> {
    Role::from_name(typed).ok_or_else(|| "is not one of customer, driver, admin, government, agent".to_owned())
}

pub fn agency(typed: &str) -> Result<Agency, String> {
    Agency::from_name(typed).ok_or_else(|| "is not one of RURA, RTDA, RRA, BNR, NCSA, RNP".to_owned())
}

fn language(typed: &str) -> Result<Language, String> {
    Language::from_code(typed).ok_or_else(|| "is not one of rw, en, fr".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound_and_every_command_has_examples_and_exit_codes() {
        Arguments::command().debug_assert();
        let mut commands = vec![Arguments::command()];
        while let Some(command) = commands.pop() {
            commands.extend(command.get_subcommands().cloned());
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Examples:") && help.contains("Exit codes:"), "{}", command.get_name());
            for argument in command.get_arguments() {
                let is_explained = argument.get_help().is_some();
                assert!(is_explained, "{} {}", command.get_name(), argument.get_id());
            }
        }
    }

    #[test]
    fn the_defaults_that_help_tells_are_those_of_the_default_file() {
        let printed = Sources::default().print().unwrap();
        let section =
            |name: &str| printed.split_once(&format!("\n[{name}]\n")).unwrap().1.split("\n\n").next().unwrap();
        let mut command = Arguments::command();
        for (subcommand, flag, section, key) in [
            ("serve", "listen", section("server"), "listen"),
            ("serve", "data_dir", printed.as_str(), "data_dir"),
            ("sandbox", "listen", section("sandbox"), "listen"),
            ("simulate", "drivers", section("demo"), "drivers"),
            ("simulate", "riders_max", section("demo"), "riders_max"),
            ("simulate", "rides_per_minute", section("demo"), "rides_per_minute"),
            ("simulate", "speed_factor", section("demo"), "speed_factor"),
            ("simulate", "seed", section("demo"), "seed"),
        ] {
            let subcommand = command.find_subcommand_mut(subcommand).unwrap();
            let argument = subcommand.get_arguments().find(|argument| argument.get_id() == flag).unwrap();
            let help = argument.get_help().unwrap().to_string();
            let told = help.split_once("[default: ").unwrap().1.trim_end_matches(']').trim_start_matches("./");
            let line = section.lines().find(|line| line.starts_with(&format!("{key} = "))).unwrap();
            let value = line.split_once(" = ").unwrap().1.trim_matches('"');
            assert_eq!(told, value.trim_end_matches(".0"), "{flag}");
        }
    }

    #[test]
    fn a_role_or_phone_that_is_none_is_refused_by_name() {
        for (flag, value) in [("--role", "king"), ("--phone", "+4912345678")] {
            let mut line = vec!["boda", "user", "create", "--role", "admin", "--phone", "+250788123456"];
            line.extend(["--first-name", "A", "--last-name", "B"]);
            let at = line.iter().position(|word| *word == flag).unwrap();
            line[at + 1] = value;
            let error = Arguments::try_parse_from(line).unwrap_err().to_string();
            assert!(error.contains(flag), "{error}");
        }
    }
}
