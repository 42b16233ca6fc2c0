//! How a kind of vehicle uses streets: speeds, access, barriers, turns. Data, from a TOML file.
//!
//! Separate from the import, which asks it about one street at a time: a city changes the file, not the program. Every
//! key must be there, unknown keys are refused, and every number is checked before anything is imported, so a profile
//! that exists is one that can be used.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::road::turns::TurnCosts;

/// The profile of motorcycle taxis, as shipped.
pub const MOTO: &str = include_str!("../../config/moto.toml");

/// A checked profile. Fields are as in `config/moto.toml`, where each is explained.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    name: String,
    pub(super) speed_kmh: BTreeMap<String, f64>,
    pub(super) surface: BTreeMap<String, Slowing>,
    pub(super) smoothness: BTreeMap<String, Slowing>,
    pub(super) tracktype: BTreeMap<String, Slowing>,
    pub(super) service: BTreeMap<String, Slowing>,
    pub(super) maxspeed: Maxspeed,
    pub(super) incline: Incline,
    pub(super) access: Access,
    pub(super) barriers: Barriers,
    pub(super) delays_s: BTreeMap<String, f64>,
    pub(super) ferry: Ferry,
    turns: Turns,
    islands: Islands,
}

/// What a surface and the like do to a speed.
#[derive(Clone, Copy, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Slowing {
    pub factor: f64,
    pub cap_kmh: f64,
}

/// Signed limits.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub(super) struct Maxspeed {
    pub factor: f64,
    /// Limits that are words, in km/h.
    #[serde(flatten)]
    pub named_kmh: BTreeMap<String, f64>,
}

/// Hills.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Incline {
    pub unnumbered_percent: f64,
    pub steps: Vec<InclineStep>,
}

#[derive(Clone, Copy, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InclineStep {
    pub from_percent: f64,
    pub up_factor: f64,
    pub down_factor: f64,
}

/// Who may use a street.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Access {
    pub keys: Vec<String>,
    pub allow: Vec<String>,
    pub forbid: Vec<String>,
    pub slow: Vec<String>,
    pub slow_factor: f64,
    pub designated_only: Vec<String>,
}

/// What stands on streets.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Barriers {
    pub pass_s: BTreeMap<String, f64>,
    pub block: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ferry {
    pub speed_kmh: f64,
    pub boarding_s: f64,
}

#[derive(Clone, Copy, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Turns {
    drives_on_right: bool,
    u_turn_s: f64,
    dead_end_s: f64,
    across_s: f64,
    with_s: f64,
    straight_s: f64,
}

#[derive(Clone, Copy, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Islands {
    length_m_min: f64,
}

/// Why a text is no profile.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum ProfileError {
    /// Not TOML, a key that is missing or unknown, a value of another kind.
    #[error("{0}")]
    Shape(String),
    /// A number that cannot be meant.
    #[error("{key} = {value} is out of range {min}..={max}")]
    Range {
        /// Path of the key.
        key: String,
        /// What it is set to.
        value: f64,
        /// Least that can be meant.
        min: f64,
        /// Most that can be meant.
        max: f64,
    },
    /// Entries that contradict each other.
    #[error("{key} {reason}")]
    Entries {
        /// Path of the key.
        key: &'static str,
        /// What is wrong.
        reason: String,
    },
}

impl Profile {
    /// Reads and checks a profile.
    ///
    /// # Errors
    /// [`ProfileError`], with the key and the value.
    pub fn from_toml(text: &str) -> Result<Self, ProfileError> {
        let profile: Self = toml::from_str(text).map_err(|error| ProfileError::Shape(one_line(&error, text)))?;
        profile.check_speeds()?;
        profile.check_times()?;
        profile.check_access()?;
        Ok(profile)
    }

    /// The profile of motorcycle taxis, as shipped.
    pub fn moto() -> Self {
        Self::from_toml(MOTO).expect("the shipped profile is valid: a test reads it")
    }

    /// What it calls itself.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What turns cost.
    pub fn turn_costs(&self) -> TurnCosts {
        let turns = self.turns;
        TurnCosts {
            u_turn_ms: ms(turns.u_turn_s),
            dead_end_ms: ms(turns.dead_end_s),
            across_ms: ms(turns.across_s),
            with_ms: ms(turns.with_s),
            straight_ms: ms(turns.straight_s),
            drives_on_right: turns.drives_on_right,
        }
    }

    /// Streets that hang together in both directions for less than this are dropped, in metres.
    pub fn island_length_m_min(&self) -> f64 {
        self.islands.length_m_min
    }

    fn check_speeds(&self) -> Result<(), ProfileError> {
        if self.speed_kmh.is_empty() {
            return Err(ProfileError::Entries { key: "speed_kmh", reason: "has no entry".to_owned() });
        }
        for (highway, kmh) in &self.speed_kmh {
            check(|| format!("speed_kmh.{highway}"), *kmh, SPEED_KMH)?;
        }
        for (table, name) in [
            (&self.surface, "surface"),
            (&self.smoothness, "smoothness"),
            (&self.tracktype, "tracktype"),
            (&self.service, "service"),
        ] {
            for (value, slowing) in table {
                check(|| format!("{name}.{value}.factor"), slowing.factor, FACTOR)?;
                check(|| format!("{name}.{value}.cap_kmh"), slowing.cap_kmh, SPEED_KMH)?;
            }
        }
        check(|| "maxspeed.factor".to_owned(), self.maxspeed.factor, FACTOR)?;
        for (name, kmh) in &self.maxspeed.named_kmh {
            check(|| format!("maxspeed.{name}"), *kmh, SPEED_KMH)?;
        }
        check(|| "incline.unnumbered_percent".to_owned(), self.incline.unnumbered_percent, PERCENT)?;
        for (index, step) in self.incline.steps.iter().enumerate() {
            check(|| format!("incline.steps.{index}.from_percent"), step.from_percent, PERCENT)?;
            check(|| format!("incline.steps.{index}.up_factor"), step.up_factor, FACTOR)?;
            check(|| format!("incline.steps.{index}.down_factor"), step.down_factor, FACTOR)?;
        }
        if !self.incline.steps.is_sorted_by(|a, b| a.from_percent < b.from_percent) {
            return Err(ProfileError::Entries {
                key: "incline.steps",
                reason: "do not rise in from_percent".to_owned(),
            });
        }
        check(|| "ferry.speed_kmh".to_owned(), self.ferry.speed_kmh, SPEED_KMH)
    }

    fn check_times(&self) -> Result<(), ProfileError> {
        for (barrier, seconds) in &self.barriers.pass_s {
            check(|| format!("barriers.pass_s.{barrier}"), *seconds, WAIT_S)?;
        }
        for (what, seconds) in &self.delays_s {
            check(|| format!("delays_s.{what}"), *seconds, WAIT_S)?;
        }
        check(|| "ferry.boarding_s".to_owned(), self.ferry.boarding_s, (0.0, 21_600.0))?;
        let Turns { drives_on_right: _, u_turn_s, dead_end_s, across_s, with_s, straight_s } = self.turns;
        for (key, seconds) in [
            ("u_turn_s", u_turn_s),
            ("dead_end_s", dead_end_s),
            ("across_s", across_s),
            ("with_s", with_s),
            ("straight_s", straight_s),
        ] {
            check(|| format!("turns.{key}"), seconds, TURN_S)?;
        }
        check(|| "islands.length_m_min".to_owned(), self.islands.length_m_min, (0.0, 1_000_000.0))
    }

    fn check_access(&self) -> Result<(), ProfileError> {
        let Access { keys, allow, forbid, slow, slow_factor, designated_only } = &self.access;
        check(|| "access.slow_factor".to_owned(), *slow_factor, FACTOR)?;
        if keys.is_empty() {
            return Err(ProfileError::Entries { key: "access.keys", reason: "has no entry".to_owned() });
        }
        let mut values: Vec<&String> = allow.iter().chain(forbid).chain(slow).collect();
        values.sort_unstable();
        if let Some(pair) = values.windows(2).find(|pair| pair[0] == pair[1]) {
            let reason = format!("has the value {:?} in more than one list", pair[0]);
            return Err(ProfileError::Entries { key: "access", reason });
        }
        if let Some(highway) = designated_only.iter().find(|highway| !self.speed_kmh.contains_key(*highway)) {
            let reason = format!("names {highway:?}, which has no speed");
            return Err(ProfileError::Entries { key: "access.designated_only", reason });
        }
        match self.barriers.block.iter().find(|barrier| self.barriers.pass_s.contains_key(*barrier)) {
            Some(barrier) => {
                let reason = format!("names {barrier:?}, which barriers.pass_s lets pass");
                Err(ProfileError::Entries { key: "barriers.block", reason })
            }
            None => Ok(()),
        }
    }
}

const SPEED_KMH: (f64, f64) = (1.0, 150.0);
const FACTOR: (f64, f64) = (0.05, 2.0);
const PERCENT: (f64, f64) = (0.0, 100.0);
const WAIT_S: (f64, f64) = (0.0, 3_600.0);
/// The turn graph holds 16 bits of milliseconds.
const TURN_S: (f64, f64) = (0.0, 65.0);

fn check(key: impl Fn() -> String, value: f64, (min, max): (f64, f64)) -> Result<(), ProfileError> {
    // A NaN is in no range.
    if (min..=max).contains(&value) { Ok(()) } else { Err(ProfileError::Range { key: key(), value, min, max }) }
}

fn ms(seconds: f64) -> u32 {
    (seconds * 1_000.0).round() as u32
}

/// What the TOML reader says spans several lines and draws a picture; this is the line number and the message.
fn one_line(error: &toml::de::Error, text: &str) -> String {
    let message = error.message().lines().collect::<Vec<_>>().join(" ");
    match error.span().and_then(|span| text.get(..span.start)) {
        Some(before) => {
            let line = before.matches('\n').count();
            let written = text.lines().nth(line).unwrap_or_default().trim();
            format!("line {}, `{written}`: {message}", line + 1)
        }
        None => message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_profile_is_valid() {
        let profile = Profile::from_toml(MOTO).expect("valid");
        assert_eq!(profile.name(), "moto");
        let costs = profile.turn_costs();
        assert!(costs.drives_on_right && costs.u_turn_ms > costs.across_ms && costs.across_ms > costs.with_ms);
        assert!(profile.speed_kmh["trunk"] > profile.speed_kmh["residential"]);
    }

    #[test]
    fn a_wrong_profile_is_refused_with_key_value_and_reason() {
        let check = |from: &str, to: &str, message: &str| {
            let text = MOTO.replacen(from, to, 1);
            assert_ne!(text, MOTO, "{from} is there");
            let error = Profile::from_toml(&text).expect_err(message).to_string();
            // What is wrong with the shape is told behind the number of its line.
            assert_eq!(
                error.split_once(", `").filter(|_| message.starts_with('`')).map_or(&*error, |at| at.1),
                message.trim_start_matches('`')
            );
        };
        check("trunk = 48.0", "trunk = 0.0", "speed_kmh.trunk = 0 is out of range 1..=150");
        check("trunk = 48.0", "trunk = nan", "speed_kmh.trunk = NaN is out of range 1..=150");
        check("mud = { factor = 0.4", "mud = { factor = 7.0", "surface.mud.factor = 7 is out of range 0.05..=2");
        check("mud = { factor = 0.4", "mud = { facto = 0.4", MISSPELT);
        check("walk = 7.0", "walk = -1.0", "maxspeed.walk = -1 is out of range 1..=150");
        check("u_turn_s = 15.0", "u_turn_s = 66.0", "turns.u_turn_s = 66 is out of range 0..=65");
        check("boarding_s = 600.0\n", "", "`[ferry]`: missing field `boarding_s`");
        check("from_percent = 8.0", "from_percent = 4.0", "incline.steps do not rise in from_percent");
        check("slow = [", "slow = [\"no\", ", "access has the value \"no\" in more than one list");
        check("block = [", "block = [\"gate\", ", "barriers.block names \"gate\", which barriers.pass_s lets pass");
        check("only = [\"path\"]", "only = [\"steps\"]", "access.designated_only names \"steps\", which has no speed");
    }

    const MISSPELT: &str =
        "`mud = { facto = 0.4, cap_kmh = 10.0 }`: unknown field `facto`, expected `factor` or `cap_kmh`";
}
