//! What a use case answers when it cannot do as asked: one transport-free error for every service.
//!
//! Separate from `web` and `realtime`, which each map it to their wire exactly once. Text for the client and the
//! internal cause are different fields: a cause reaches the log, never the client.

use std::fmt;

use crate::geo::LatLng;
use crate::time::Span;

/// One wrong field of a request: which, what it was, why it is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Path of the field as the client wrote it, e.g. `pickup.lat`.
    pub field: String,
    /// The value as text, shortened; `None` where it is missing or must not be repeated (a code, a password).
    pub value: Option<String>,
    /// Why it is refused, as a predicate: "is out of range -90..=90".
    pub reason: String,
}

/// Longest piece of a client's value, or of a name of its own invention, that is repeated back.
const VALUE_CHARS_MAX: usize = 64;
/// Longest reason. Ours are shorter; those of a parser may repeat what the client sent.
const REASON_CHARS_MAX: usize = 256;

impl Fault {
    /// A fault that repeats the offending value, shortened.
    pub fn new(field: impl Into<String>, value: impl fmt::Display, reason: impl fmt::Display) -> Self {
        let value = Some(shortened(value.to_string(), VALUE_CHARS_MAX));
        Self { value, ..Self::without_value(field, reason) }
    }

    /// A fault of a field that is missing, or whose value is a secret.
    pub fn without_value(field: impl Into<String>, reason: impl fmt::Display) -> Self {
        let field = shortened(field.into(), VALUE_CHARS_MAX);
        Self { field, value: None, reason: shortened(reason.to_string(), REASON_CHARS_MAX) }
    }
}

fn shortened(mut text: String, chars_max: usize) -> String {
    if let Some((end, _)) = text.char_indices().nth(chars_max) {
        text.truncate(end);
    }
    text
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(f, "{} {:?} {}", self.field, value, self.reason),
            None => write!(f, "{} {}", self.field, self.reason),
        }
    }
}

/// The cause of an internal error, for the log.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a use case did not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Fields were wrong; all of them are named. Never empty.
    #[error("{}", faults_text(.0))]
    Invalid(Vec<Fault>),
    /// There is no such thing, or it is somebody else's and the caller must not learn that it exists.
    #[error("no such {what}")]
    NotFound {
        /// Kind of thing: "ride", "offer".
        what: &'static str,
    },
    /// The thing is not in a state that allows this.
    #[error("{message}")]
    Conflict {
        /// Stable code for clients.
        code: &'static str,
        /// For a person.
        message: String,
    },
    /// Who asks is not known.
    #[error("{message}")]
    Unauthenticated {
        /// Stable code for clients.
        code: &'static str,
        /// For a person.
        message: String,
    },
    /// Who asks is known and may not.
    #[error("{message}")]
    Forbidden {
        /// Stable code for clients.
        code: &'static str,
        /// For a person.
        message: String,
    },
    /// Too often.
    #[error("too many requests; try again in {retry_after}")]
    RateLimited {
        /// When it is worth trying again.
        retry_after: Span,
    },
    /// Too often, by a rule that clients tell apart from the limits of the whole API.
    #[error("too many of these; try again in {retry_after}")]
    TooMany {
        /// Stable code for clients.
        code: &'static str,
        /// When it is worth trying again.
        retry_after: Span,
    },
    /// Something needed is away or full; nothing was acknowledged, so a retry is safe.
    #[error("the service cannot take this now; try again in {retry_after}")]
    Unavailable {
        /// When it is worth trying again.
        retry_after: Span,
        /// What is away, for the log.
        #[source]
        cause: Option<Cause>,
    },
    /// A fault of ours.
    #[error("something went wrong on our side")]
    Internal(#[source] Cause),
}

fn faults_text(faults: &[Fault]) -> String {
    faults.iter().map(Fault::to_string).collect::<Vec<_>>().join("; ")
}

impl Error {
    /// One wrong field.
    pub fn invalid(field: impl Into<String>, value: impl fmt::Display, reason: impl fmt::Display) -> Self {
        Self::Invalid(vec![Fault::new(field, value, reason)])
    }

    /// A conflict with a stable code.
    pub fn conflict(code: &'static str, message: impl Into<String>) -> Self {
        Self::Conflict { code, message: message.into() }
    }

    /// A refusal by role or standing.
    pub fn forbidden(code: &'static str, message: impl Into<String>) -> Self {
        Self::Forbidden { code, message: message.into() }
    }

    /// A failed proof of identity.
    pub fn unauthenticated(code: &'static str, message: impl Into<String>) -> Self {
        Self::Unauthenticated { code, message: message.into() }
    }

    /// A fault of ours with its cause.
    pub fn internal(cause: impl Into<Cause>) -> Self {
        Self::Internal(cause.into())
    }

    /// The stable code that clients switch on.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "invalid_value",
            Self::NotFound { .. } => "not_found",
            Self::Conflict { code, .. }
            | Self::Unauthenticated { code, .. }
            | Self::Forbidden { code, .. }
            | Self::TooMany { code, .. } => code,
            Self::RateLimited { .. } => "rate_limited",
            Self::Unavailable { .. } => "unavailable",
            Self::Internal(_) => "internal",
        }
    }

    /// The wrong fields, where that is the reason.
    pub fn faults(&self) -> &[Fault] {
        match self {
            Self::Invalid(faults) => faults,
            _ => &[],
        }
    }
}

/// A database that does not answer in time is away (retry is safe); anything else it says is a fault of ours.
impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        let is_passing = match &error {
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Io(_) | sqlx::Error::Tls(_) => true,
            // What is between us and the server (a proxy, a container's port) takes connections while nobody is behind
            // it, and hangs up: half an answer is no answer.
            sqlx::Error::Protocol(_) => true,
            sqlx::Error::Database(database) => database.code().is_some_and(|code| is_passing(&code)),
            _ => false,
        };
        if is_passing {
            Self::Unavailable { retry_after: Span::from_secs(2), cause: Some(Box::new(error)) }
        } else {
            Self::Internal(Box::new(error))
        }
    }
}

/// Whether what PostgreSQL says is about its state rather than about the statement: the same statement may do later.
/// By class (appendix A of its manual): 08 connections, 40 a transaction rolled back for others' sake (deadlock,
/// serialization), 53 out of memory, disk or connections, 57 starting, stopping, failing over or told to cancel, 58 the
/// system around it. And two codes: 25006, a standby that has not been promoted yet, and 55P03, a lock not to be had.
fn is_passing(sqlstate: &str) -> bool {
    matches!(sqlstate.get(..2), Some("08" | "40" | "53" | "57" | "58")) || matches!(sqlstate, "25006" | "55P03")
}

/// Collects every fault of a request, so that a client learns all of them at once.
#[derive(Debug, Default)]
pub struct Checks {
    faults: Vec<Fault>,
}

impl Checks {
    /// Nothing wrong yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes a fault.
    pub fn fault(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    /// Notes a fault unless `holds`.
    pub fn require(&mut self, holds: bool, field: &str, value: impl fmt::Display, reason: impl fmt::Display) {
        if !holds {
            self.faults.push(Fault::new(field, value, reason));
        }
    }

    /// Unwraps a parsed value, or notes why it is refused.
    pub fn accept<T, E: fmt::Display>(
        &mut self,
        field: &str,
        value: impl fmt::Display,
        parsed: Result<T, E>,
    ) -> Option<T> {
        match parsed {
            Ok(parsed) => Some(parsed),
            Err(reason) => {
                self.faults.push(Fault::new(field, value, reason));
                None
            }
        }
    }

    /// A place on the globe, or a fault for each coordinate that is not. `prefix` stands before `lat` and `lng` in the
    /// names of the fields: `pickup.`, or nothing.
    pub fn place(&mut self, prefix: &str, lat: f64, lng: f64) -> Option<LatLng> {
        // A NaN is in no range.
        self.require((-90.0..=90.0).contains(&lat), &format!("{prefix}lat"), lat, "is out of range -90..=90");
        self.require((-180.0..=180.0).contains(&lng), &format!("{prefix}lng"), lng, "is out of range -180..=180");
        LatLng::new(lat, lng).ok()
    }

    /// Trimmed text of 1 to `chars_max` characters without control characters.
    pub fn text(&mut self, field: &str, value: &str, chars_max: usize) -> String {
        let trimmed = value.trim();
        let chars = trimmed.chars().count();
        self.require(chars > 0, field, value, "is empty");
        self.require(chars <= chars_max, field, value, format_args!("is longer than {chars_max} characters"));
        self.require(!trimmed.chars().any(char::is_control), field, value.escape_debug(), "has control characters");
        trimmed.to_owned()
    }

    /// As [`Checks::text`], for a field that may be left out; empty text counts as left out.
    pub fn optional_text(&mut self, field: &str, value: Option<&str>, chars_max: usize) -> Option<String> {
        value.map(str::trim).filter(|text| !text.is_empty()).map(|text| self.text(field, text, chars_max))
    }

    /// Fails with every fault noted so far.
    ///
    /// # Errors
    /// [`Error::Invalid`] when there was at least one.
    pub fn finish(self) -> Result<(), Error> {
        if self.faults.is_empty() { Ok(()) } else { Err(Error::Invalid(self.faults)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_reported_at_once() {
        let mut checks = Checks::new();
        checks.text("first_name", "  ", 10);
        checks.require(false, "stars", 9, "is out of range 1..=5");
        let error = checks.finish().expect_err("two faults were noted");
        assert_eq!(error.faults().len(), 2);
        assert_eq!(error.to_string(), r#"first_name "  " is empty; stars "9" is out of range 1..=5"#);
    }

    #[test]
    fn each_coordinate_is_named_for_itself() {
        let check = |lat: f64, lng: f64, expected: &[&str]| {
            let mut checks = Checks::new();
            let place = checks.place("pickup.", lat, lng);
            let fields: Vec<_> = checks.faults.iter().map(|fault| fault.field.as_str()).collect();
            assert_eq!((fields.as_slice(), place.is_none()), (expected, !expected.is_empty()), "{lat}, {lng}");
        };
        check(-90.0, 180.0, &[]);
        check(91.2, 30.0, &["pickup.lat"]);
        check(-1.9, -180.1, &["pickup.lng"]);
        check(f64::NAN, f64::INFINITY, &["pickup.lat", "pickup.lng"]);
    }

    #[test]
    fn a_long_value_is_shortened_before_it_is_repeated() {
        let long = "é".repeat(5_000);
        let fault = Fault::new(long.as_str(), &long, format_args!("has {long:?}"));
        let chars = [Some(&fault.field), fault.value.as_ref(), Some(&fault.reason)]
            .map(|text| text.map(|text| text.chars().count()));
        assert_eq!(chars, [Some(VALUE_CHARS_MAX), Some(VALUE_CHARS_MAX), Some(REASON_CHARS_MAX)]);
        assert_eq!(Fault::new("notes", "short", "is odd").reason, "is odd");
    }

    #[test]
    fn a_database_in_trouble_is_told_from_a_wrong_statement() {
        for passing in
            ["08006", "25006", "40001", "40P01", "53300", "53100", "55P03", "57P01", "57P03", "57014", "58030"]
        {
            assert!(is_passing(passing), "{passing}");
        }
        let half_an_answer = Error::from(sqlx::Error::Protocol("unexpected response from SSLRequest: 0x00".into()));
        assert!(matches!(half_an_answer, Error::Unavailable { .. }), "{half_an_answer:?}");
        for lasting in ["23505", "23503", "22P05", "42P01", "28P01", "3D000", "25P02", ""] {
            assert!(!is_passing(lasting), "{lasting}");
        }
    }

    #[test]
    fn the_cause_of_an_internal_error_is_not_in_its_text() {
        let error = Error::internal("password column missing");
        assert!(!error.to_string().contains("password"));
    }
}
