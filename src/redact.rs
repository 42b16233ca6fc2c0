//! Values that must never reach a log, a panic message or an error text.
//!
//! Separate from the things they wrap because redaction is a matter of type, not of care: `{:?}` of a struct that holds
//! a [`Secret`] is safe to print whatever the struct grows into. Redaction is unconditional: no build feature, no log
//! level turns it off. The one way to the value is [`Secret::expose`] or [`Pii::expose`], which a reviewer can grep for.
//! Neither type is ever `Serialize`, so neither can slip into a message or a stored document unnoticed.

use std::fmt;

use serde::{Deserialize, Deserializer};

/// What is printed instead of the value.
const REDACTED: &str = "[redacted]";

macro_rules! redacted {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name<T>(T);

        impl<T> $name<T> {
            /// Wraps a value.
            pub const fn new(value: T) -> Self {
                Self(value)
            }

            /// The value itself, for the one place that needs it.
            pub const fn expose(&self) -> &T {
                &self.0
            }

            /// Unwraps the value.
            pub fn into_exposed(self) -> T {
                self.0
            }
        }

        impl<T> From<T> for $name<T> {
            fn from(value: T) -> Self {
                Self(value)
            }
        }

        impl<T> fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(REDACTED)
            }
        }

        impl<T> fmt::Display for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(REDACTED)
            }
        }
    };
}

redacted!(
    /// A key, password or token. It has no `PartialEq`: secrets are compared in constant time, by the code that owns them.
    Secret
);
redacted!(
    /// Something that identifies a person: a name, a phone number, an exact position on its way to a log line.
    Pii
);

/// `Debug` for types that are made of what identifies a person: their name and nothing else. For those whose fields are read
/// everywhere, so that wrapping each would only bury the reading in `expose`.
macro_rules! prints_nothing {
    ($($name:ident),+ $(,)?) => {
        $(impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "([redacted])"))
            }
        })+
    };
}
pub(crate) use prints_nothing;

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Secret<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_printed_not_even_inside_a_struct() {
        #[derive(Debug)]
        #[expect(dead_code, reason = "read by Debug only, which is the point")]
        struct Provider {
            name: &'static str,
            key: Secret<String>,
        }
        let provider = Provider { name: "sms", key: Secret::new("hunter2".to_owned()) };
        assert_eq!(format!("{provider:?}"), r#"Provider { name: "sms", key: [redacted] }"#);
        assert_eq!(format!("{} {:>3?}", provider.key, Pii::new("Keza")), "[redacted] [redacted]");
    }

    #[test]
    fn a_secret_is_read_from_configuration_and_exposed_on_purpose() {
        let key: Secret<String> = serde_json::from_str("\"hunter2\"").expect("a JSON string");
        assert_eq!(key.expose(), "hunter2");
        assert_eq!(key.into_exposed(), "hunter2");
    }
}
