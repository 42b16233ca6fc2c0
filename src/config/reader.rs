//! Reading typed values out of the settings, range by range, and noting everything that is wrong on the way.
//!
//! Separate from the sections that use it: they say only key, range and meaning. Invariants: a value that is refused is
//! noted as a fault and replaced by a harmless one, so that reading goes on; a key that is read but not in
//! `config/default.toml`, or there but never read, is a fault too: the file and the code cannot drift apart.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;

use toml::Value;

use super::fault::{Fault, Origin};
use super::settings::{Settings, shown};
use crate::redact::Secret;
use crate::time::Span;

/// A secret longer than this was not meant to be one.
const SECRET_BYTES_MAX: usize = 4096;

/// Reads settings, section by section.
#[derive(Debug)]
pub struct Reader<'s> {
    settings: &'s Settings,
    read: BTreeSet<String>,
    faults: Vec<Fault>,
}

impl<'s> Reader<'s> {
    /// Reads `settings`; `faults` are what is known to be wrong already.
    pub fn new(settings: &'s Settings, faults: Vec<Fault>) -> Self {
        Self { settings, read: BTreeSet::new(), faults }
    }

    /// The keys of one section; "" for those above all sections.
    pub fn section(&mut self, name: &'static str) -> Section<'_, 's> {
        Section { reader: self, name }
    }

    /// Everything that is wrong, once all has been read.
    pub fn finish(mut self) -> Vec<Fault> {
        for setting in self.settings.all() {
            if !self.read.contains(&setting.key) {
                let reason = "is in config/default.toml and nothing reads it";
                self.faults.push(Fault::new(setting.key.clone(), reason, setting.origin.clone()));
            }
        }
        self.faults
    }
}

/// One section of the settings.
#[derive(Debug)]
pub struct Section<'r, 's> {
    reader: &'r mut Reader<'s>,
    name: &'static str,
}

impl Section<'_, '_> {
    /// A whole number.
    pub fn whole<T>(&mut self, name: &str, range: RangeInclusive<T>) -> T
    where
        T: Copy + Display + PartialOrd + TryFrom<i64>,
    {
        let whole = self.value(name).and_then(|value| value.as_integer()).unwrap_or_default();
        match T::try_from(whole) {
            Ok(value) if range.contains(&value) => value,
            _ => {
                self.fault(name, format!("{whole} is out of range {}..={}", range.start(), range.end()));
                *range.start()
            }
        }
    }

    /// A number.
    pub fn number(&mut self, name: &str, range: RangeInclusive<f64>) -> f64 {
        let number = self.value(name).and_then(|value| value.as_float()).unwrap_or_default();
        if range.contains(&number) {
            return number;
        }
        self.fault(name, format!("{number} is out of range {}..={}", range.start(), range.end()));
        *range.start()
    }

    /// A length of time, in the unit at the end of the key's name; so is the range.
    pub fn span(&mut self, name: &str, range: RangeInclusive<i64>) -> Span {
        let unit_ms = match name.rsplit('_').next() {
            Some("ms") => 1,
            Some("s") => 1_000,
            Some("minutes") => 60_000,
            Some("hours") => 3_600_000,
            Some("days") => 86_400_000,
            _ => {
                self.fault(name, "names no unit of time that is known");
                1
            }
        };
        Span::from_millis(self.whole(name, range).saturating_mul(unit_ms))
    }

    /// True or false.
    pub fn flag(&mut self, name: &str) -> bool {
        self.value(name).and_then(|value| value.as_bool()).unwrap_or_default()
    }

    /// A text that may be empty.
    pub fn text(&mut self, name: &str) -> String {
        self.value(name).and_then(|value| value.as_str().map(ToOwned::to_owned)).unwrap_or_default()
    }

    /// A text, none when empty.
    pub fn optional_text(&mut self, name: &str) -> Option<String> {
        Some(self.text(name)).filter(|text| !text.is_empty())
    }

    /// One of several words. There is at least one.
    pub fn choice<T: Copy>(&mut self, name: &str, choices: &[(&str, T)]) -> T {
        let text = self.text(name);
        let chosen = choices.iter().find(|(word, _)| *word == text);
        chosen
            .unwrap_or_else(|| {
                let words: Vec<_> = choices.iter().map(|(word, _)| format!("{word:?}")).collect();
                self.fault(name, format!("{text:?} is not one of {}", words.join(", ")));
                &choices[0]
            })
            .1
    }

    /// A path, not empty.
    pub fn path(&mut self, name: &str) -> PathBuf {
        let text = self.text(name);
        if text.is_empty() {
            self.fault(name, "is empty and must name a directory");
        }
        text.into()
    }

    /// An address to listen on.
    pub fn address(&mut self, name: &str) -> SocketAddr {
        let text = self.text(name);
        let numeric = text.strip_prefix("localhost:").map_or_else(|| text.clone(), |port| format!("127.0.0.1:{port}"));
        numeric.parse().unwrap_or_else(|_| {
            self.fault(name, format!("{text:?} is not an address with a port, such as 127.0.0.1:8080 or [::1]:8080"));
            SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
        })
    }

    /// A secret: the key itself, or what stands in the file that the key with `_file` at its end names.
    pub fn secret(&mut self, name: &str) -> Option<Secret<String>> {
        let direct = self.optional_text(name);
        let file_key = format!("{name}_file");
        let file = self.optional_text(&file_key);
        let secret = match (direct, file) {
            (Some(_), Some(_)) => {
                self.fault(&file_key, format!("is set, and so is {}; only one of the two can be", self.key(name)));
                None
            }
            (direct, None) => direct,
            (None, Some(path)) => self.secret_in_file(&file_key, &path),
        };
        secret.map(Secret::new)
    }

    fn secret_in_file(&mut self, name: &str, path: &str) -> Option<String> {
        let reason = match std::fs::read_to_string(path) {
            // Editors and `echo` end a file with a new line.
            Ok(text) => match text.trim_end_matches(['\r', '\n']) {
                "" => format!("{path} is empty"),
                secret if secret.len() > SECRET_BYTES_MAX => format!("{path} is larger than {SECRET_BYTES_MAX} bytes"),
                secret => return Some(secret.to_owned()),
            },
            Err(error) => format!("{path} cannot be read: {error}"),
        };
        self.fault(name, reason);
        None
    }

    /// Notes what is wrong with a key of this section.
    pub fn fault(&mut self, name: &str, reason: impl Into<String>) {
        let key = self.key(name);
        let origin = self.reader.settings.find(&key).map_or(Origin::Default, |setting| setting.origin.clone());
        self.reader.faults.push(Fault::new(key, reason, origin));
    }

    /// Notes that a key's value does not go together with that of another key (of any section, by its full name). Not
    /// judged when one of the two is at fault already: a harmless value stands in its place then.
    pub fn require(&mut self, holds: bool, name: &str, other: &str, reason: &str) {
        let key = self.key(name);
        let is_faulty = |fault: &Fault| fault.key == key || fault.key == other;
        if holds || self.reader.faults.iter().any(is_faulty) {
            return;
        }
        let value = self.reader.settings.find(&key).map(|setting| shown(&key, &setting.value)).unwrap_or_default();
        self.fault(name, format!("{value} {reason}"));
    }

    fn key(&self, name: &str) -> String {
        if self.name.is_empty() { name.to_owned() } else { format!("{}.{name}", self.name) }
    }

    fn value(&mut self, name: &str) -> Option<Value> {
        let key = self.key(name);
        let value = self.reader.settings.find(&key).map(|setting| setting.value.clone());
        if value.is_none() {
            self.fault(name, "is read by the program and missing in config/default.toml");
        }
        self.reader.read.insert(key);
        value
    }
}
