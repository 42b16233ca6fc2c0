//! The layers laid over one another: every key with its value in force and where that came from.
//!
//! Separate from what the keys mean (see `reader`): here only names and kinds are checked, against `config/default.toml`,
//! which thereby is the one list of keys. Invariants: every key has a value; a value has the kind of its default; what is
//! wrong is noted and skipped, so that one look finds everything that is wrong; a secret's value is never repeated.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write;
use std::path::Path;

use toml::{Table, Value};

use super::fault::{Fault, Origin};

/// What the environment's variables for us begin with; sections and keys are parted by the same two underscores.
const ENVIRONMENT_PREFIX: &str = "BODA__";

/// A name less like a known one than this is not taken for a slip of the finger.
const SIMILARITY_MIN: f64 = 0.85;

/// Printed instead of a secret.
const REDACTED: &str = "[redacted]";

/// Keys whose value is never shown, since a password may be in it; beside those of [`NOT_IN_A_FILE`].
const ADDRESSES: [&str; 2] = ["database.url", "redis.url"];

/// Secrets through and through, which a config file must not hold. The addresses above may be harmless, so they may.
const NOT_IN_A_FILE: [&str; 13] = [
    "sms.api_key",
    "storage.secret_key",
    "authority.api_key",
    "mtn.api_key",
    "mtn.collection_key",
    "mtn.collection_key_secondary",
    "mtn.disbursement_key",
    "mtn.disbursement_key_secondary",
    "airtel.client_secret",
    "airtel.pin",
    "airtel.callback_key",
    "card.api_key",
    "card.webhook_key",
];

/// One key.
#[derive(Debug, Clone)]
pub struct Setting {
    /// With its sections: `dispatch.offer_ttl_s`.
    pub key: String,
    /// The value in force.
    pub value: Value,
    /// Where it came from.
    pub origin: Origin,
}

/// Every key, in the order of the default file.
#[derive(Debug, Clone)]
pub struct Settings {
    all: Vec<Setting>,
}

impl Settings {
    /// The defaults; everything that may be set.
    pub fn of_defaults(text: &str) -> Self {
        let mut all = Vec::new();
        let table: Table = text.parse().expect("the default configuration is TOML: a test reads it");
        flatten("", table, &mut all);
        Self { all }
    }

    /// A key's setting.
    pub fn find(&self, key: &str) -> Option<&Setting> {
        self.all.iter().find(|setting| setting.key == key)
    }

    /// Every key, in the order of the default file.
    pub fn all(&self) -> &[Setting] {
        &self.all
    }

    /// Lays a config file over what is there.
    pub fn lay_file(&mut self, path: &Path, text: &str, faults: &mut Vec<Fault>) {
        let origin = Origin::File(path.to_owned());
        match text.parse::<Table>() {
            Ok(table) => self.lay_table("", table, &origin, faults),
            Err(error) => {
                // The line itself is not repeated: it may hold a password.
                let line = error.span().map_or(1, |span| 1 + text[..span.start].matches('\n').count());
                let reason = error.message().replace('\n', ", ");
                faults.push(Fault::new(format!("line {line}"), format!("is not TOML: {reason}"), origin));
            }
        }
    }

    fn lay_table(&mut self, section: &str, table: Table, origin: &Origin, faults: &mut Vec<Fault>) {
        for (name, value) in table {
            let key = join(section, &name);
            match value {
                Value::Table(inner) if self.is_section(&key) => self.lay_table(&key, inner, origin, faults),
                _ if self.is_section(&key) => {
                    faults.push(Fault::new(key, "is a section of keys and not a value", origin.clone()));
                }
                value => self.lay_value(key, value, origin, faults),
            }
        }
    }

    fn lay_value(&mut self, key: String, value: Value, origin: &Origin, faults: &mut Vec<Fault>) {
        let Some(setting) = self.all.iter_mut().find(|setting| setting.key == key) else {
            let reason = self.unknown(&key);
            return faults.push(Fault::new(key, reason, origin.clone()));
        };
        if NOT_IN_A_FILE.contains(&key.as_str()) && value.as_str() != Some("") {
            let variable = variable_of(&key);
            let reason = format!(
                "is a secret and does not belong in a config file; set {variable}, or name a file in {key}_file"
            );
            return faults.push(Fault::new(key, reason, origin.clone()));
        }
        let value = match (&setting.value, value) {
            // Whoever writes 22 for 22.0 is understood.
            (Value::Float(_), Value::Integer(whole)) => Value::Float(whole as f64),
            (_, value) => value,
        };
        if setting.value.same_type(&value) {
            setting.value = value;
            setting.origin = origin.clone();
        } else {
            let reason = format!("{} is not {}", shown(&key, &value), kind(&setting.value));
            faults.push(Fault::new(key, reason, origin.clone()));
        }
    }

    /// Lays the variables of the environment over what is there. Those of other programs are passed by.
    pub fn lay_environment(&mut self, environment: &BTreeMap<OsString, OsString>, faults: &mut Vec<Fault>) {
        for (name, value) in environment {
            let Some(name) = name.to_str().filter(|name| name.starts_with(ENVIRONMENT_PREFIX)) else { continue };
            let key = name[ENVIRONMENT_PREFIX.len()..].to_ascii_lowercase().replace("__", ".");
            let origin = Origin::Environment(name.to_owned());
            match value.to_str() {
                Some(text) => self.lay_text(&key, text, origin, faults),
                None => faults.push(Fault::new(key, "is not text in UTF-8", origin)),
            }
        }
    }

    /// Lays one value, given as text, over what is there.
    pub fn lay_text(&mut self, key: &str, text: &str, origin: Origin, faults: &mut Vec<Fault>) {
        let Some(setting) = self.all.iter_mut().find(|setting| setting.key == key) else {
            let reason = self.unknown(key);
            return faults.push(Fault::new(key, reason, origin));
        };
        let value = match &setting.value {
            Value::String(_) => Some(Value::String(text.to_owned())),
            // As TOML writes them: 50_000.
            Value::Integer(_) => text.replace('_', "").parse().ok().map(Value::Integer),
            Value::Float(_) => text.parse().ok().map(Value::Float),
            Value::Boolean(_) => text.parse().ok().map(Value::Boolean),
            _ => None,
        };
        if let Some(value) = value {
            setting.value = value;
            setting.origin = origin;
        } else {
            let reason = format!("{text:?} is not {}", kind(&setting.value));
            faults.push(Fault::new(key, reason, origin));
        }
    }

    /// The values in force as TOML, secrets redacted.
    pub fn print(&self) -> String {
        let (mut text, mut section) = (String::new(), "");
        for setting in &self.all {
            let (its_section, name) = setting.key.rsplit_once('.').unwrap_or(("", &setting.key));
            if its_section != section {
                section = its_section;
                let _ = writeln!(text, "\n[{section}]");
            }
            let _ = writeln!(text, "{name} = {}", shown(&setting.key, &setting.value));
        }
        text
    }

    fn is_section(&self, key: &str) -> bool {
        let is_below = |setting: &Setting| setting.key.strip_prefix(key).is_some_and(|rest| rest.starts_with('.'));
        self.all.iter().any(is_below)
    }

    fn unknown(&self, key: &str) -> String {
        let name = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
        let likeness = |known: &str| {
            let whole = strsim::jaro_winkler(key, known);
            // The right name in the wrong section.
            if name(key) == name(known) { whole.max(0.95) } else { whole }
        };
        let sections = self.all.iter().filter_map(|setting| setting.key.rsplit_once('.').map(|(section, _)| section));
        let known: Vec<_> = self.all.iter().map(|setting| setting.key.as_str()).chain(sections).collect();
        // Backwards, because of equals the last one wins, and the first in the file is the better guess.
        let nearest = known.iter().rev().map(|known| (likeness(known), known)).max_by(|(a, _), (b, _)| a.total_cmp(b));
        match nearest {
            Some((likeness, known)) if likeness >= SIMILARITY_MIN => {
                format!("is not known; did you mean {known}?")
            }
            _ => "is not known; `boda print-config` shows every key".to_owned(),
        }
    }
}

/// The variable of the environment that sets a key.
pub fn variable_of(key: &str) -> String {
    format!("{ENVIRONMENT_PREFIX}{}", key.replace('.', "__").to_ascii_uppercase())
}

/// Whether a key's value is never shown.
fn is_secret(key: &str) -> bool {
    ADDRESSES.contains(&key) || NOT_IN_A_FILE.contains(&key)
}

/// A value as it may be shown.
pub fn shown(key: &str, value: &Value) -> String {
    match value {
        Value::String(text) if text.is_empty() => value.to_string(),
        _ if is_secret(key) => format!("{REDACTED:?}"),
        value => value.to_string(),
    }
}

fn flatten(section: &str, table: Table, all: &mut Vec<Setting>) {
    for (name, value) in table {
        let key = join(section, &name);
        match value {
            Value::Table(inner) => flatten(&key, inner, all),
            value => all.push(Setting { key, value, origin: Origin::Default }),
        }
    }
}

fn join(section: &str, name: &str) -> String {
    if section.is_empty() { name.to_owned() } else { format!("{section}.{name}") }
}

/// What a value is to be, in words.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a text in quotes",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a time",
        Value::Array(_) => "a list",
        Value::Table(_) => "a section",
    }
}
