//! What is wrong with a configuration, and where it was said.
//!
//! Separate because both phases note faults: the laying of layers and the reading of keys. A fault names the key, the
//! value where that is not a secret, the reason, and the place to mend.

use std::fmt;
use std::path::PathBuf;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// `config/default.toml`.
    Default,
    /// The file of `--config`.
    File(PathBuf),
    /// A variable of the environment.
    Environment(String),
    /// A flag of the command line.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("the default"),
            Self::File(path) => write!(f, "in {}", path.display()),
            Self::Environment(variable) => write!(f, "from {variable}"),
            Self::Flag(flag) => write!(f, "from {flag}"),
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The key with its sections, or what else is at fault.
    pub key: String,
    /// What is wrong, as a predicate of the key.
    pub reason: String,
    /// Where to mend it.
    pub origin: Origin,
}

impl Fault {
    /// A fault.
    pub fn new(key: impl Into<String>, reason: impl Into<String>, origin: Origin) -> Self {
        Self { key: key.into(), reason: reason.into(), origin }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.key, self.reason, self.origin)
    }
}

/// A configuration that cannot be used: all that is wrong with it, at least one thing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Error {
    /// In the order in which they were found: by layer, then by key.
    pub faults: Vec<Fault>,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.faults.len() {
            1 => f.write_str("the configuration has a fault:")?,
            count => write!(f, "the configuration has {count} faults:")?,
        }
        self.faults.iter().try_for_each(|fault| write!(f, "\n  {fault}"))
    }
}
