//! `boda seed`: what was typed becomes made-up people, and a file by which a load test speaks for them.
//!
//! Separate because of the file: who reads it can speak for everybody in it, so it is for its owner only.

use std::fs::{OpenOptions, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use serde::Serialize;

use super::arguments::Seed;
use super::{Error, password, print, run_until_done};
use crate::app::{self, Seeding};
use crate::auth::Seeded;
use crate::drivers::Begin;
use crate::ids::UserId;
use crate::phone::Phone;
use crate::time::Span;
use crate::web::Role;

/// A line of the file.
#[derive(Serialize)]
struct Line<'a> {
    user_id: UserId,
    role: Role,
    phone: Phone,
    token: &'a str,
}

/// Makes the people and writes the file.
pub fn run(seed: Seed) -> Result<(), Error> {
    let config = seed.place.sources().load()?;
    let seeding = Seeding {
        drivers: seed.drivers,
        riders: seed.riders,
        seed: seed.seed,
        token_lifetime: Span::from_secs(seed.token_lifetime_s),
        begin: if seed.on_shift { Begin::OnShift } else { Begin::OffShift },
        password: if seed.password_stdin { Some(password::read(io::stdin().lock())?) } else { None },
    };
    let seeded = run_until_done(config, async |config| app::seed(config, seeding).await)?;
    write(&seed.out, &seeded).map_err(|source| Error::System { doing: "write the file named by --out", source })?;
    let (drivers, riders, out) = (seed.drivers, seed.riders, seed.out.display());
    print(format_args!("{drivers} drivers and {riders} riders; their tokens are in {out}\n"))
}

fn write(path: &Path, people: &[Seeded]) -> io::Result<()> {
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    // One that was there before keeps its mode otherwise.
    file.set_permissions(Permissions::from_mode(0o600))?;
    let mut out = BufWriter::new(file);
    for Seeded { id, role, phone, token } in people {
        serde_json::to_writer(&mut out, &Line { user_id: *id, role: *role, phone: *phone, token: token.expose() })?;
        out.write_all(b"\n")?;
    }
    out.flush()
}
