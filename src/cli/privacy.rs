//! `boda privacy`: the register on standard output, and retention by hand.

use clap::{Args, Subcommand};

use super::arguments::Place;
use super::help;
use super::{Error, print, start};
use crate::privacy::register;
use crate::time::Timestamp;
use crate::{app, clock};

#[derive(Debug, Subcommand)]
pub enum PrivacyCommand {
    /// Print the register of processing (law 058/2021, art. 17) as JSON
    #[command(after_help = help::PRIVACY_REGISTER)]
    Register(PrintRegister),
    /// Forget what is too old, or say what would be
    #[command(after_help = help::PRIVACY_RETENTION)]
    Retention(Retain),
}

/// How the register is printed.
#[derive(Debug, Args)]
pub struct PrintRegister {
    #[command(flatten)]
    pub place: Place,
    /// Print Markdown, for a person
    #[arg(long)]
    pub markdown: bool,
}

/// What is to be forgotten.
#[derive(Debug, Args)]
pub struct Retain {
    #[command(flatten)]
    pub place: Place,
    /// Only say how much it would be
    #[arg(long)]
    pub dry_run: bool,
    /// As if it were that day, such as 2027-06-30 [default: today]
    #[arg(long, value_name = "DAY", requires = "dry_run")]
    pub as_of: Option<chrono::NaiveDate>,
}

/// Carries out a command about people's data.
pub fn run(command: PrivacyCommand) -> Result<(), Error> {
    match command {
        PrivacyCommand::Register(how) => print_register(&how),
        PrivacyCommand::Retention(what) => retain(&what),
    }
}

fn print_register(how: &PrintRegister) -> Result<(), Error> {
    let config = how.place.sources().load()?.privacy;
    if how.markdown {
        return print(register::markdown(&config.organisation, &config.periods));
    }
    print(format_args!("{:#}\n", register::json(&config.organisation, &config.periods)))
}

fn retain(what: &Retain) -> Result<(), Error> {
    let now = what.as_of.map_or_else(clock::now, Timestamp::start_of_kigali_day);
    let swept = start(&what.place.sources(), async |config| app::retain(config, what.dry_run, now).await)?;
    let width = swept.keys().map(|class| class.as_str().len()).max().unwrap_or_default();
    let lines: String = swept.iter().map(|(class, rows)| format!("{:width$}  {rows}\n", class.as_str())).collect();
    print(lines)
}
