//! `boda privacy`: the register on standard output, and retention by hand.

use super::arguments::{PrintRegister, PrivacyCommand, Retain};
use super::{Error, print, start};
use crate::privacy::register;
use crate::time::Timestamp;
use crate::{app, clock};

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
