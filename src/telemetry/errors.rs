//! An error and its causes as one line.
//!
//! Separate because it is the only place where a chain is printed: an error's own text never repeats its source, so
//! whoever logs must ask for the chain, once.

use std::error::Error;
use std::fmt;

/// `error` and its sources, outermost first, joined by ": ".
pub fn chain<'a>(error: &'a dyn Error) -> impl fmt::Display + 'a {
    Chain(error)
}

struct Chain<'a>(&'a dyn Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said = self.0.to_string();
        f.write_str(&said)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            let text = error.to_string();
            // Foreign errors often do repeat their source; it is said once all the same.
            if !said.ends_with(&text) {
                write!(f, ": {text}")?;
                said = text;
            }
            source = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the ledger refused")]
    struct Outer(#[source] Middle);

    #[derive(Debug, thiserror::Error)]
    #[error("commit: connection reset")]
    struct Middle(#[source] Inner);

    #[derive(Debug, thiserror::Error)]
    #[error("connection reset")]
    struct Inner;

    #[test]
    fn every_cause_is_said_once() {
        assert_eq!(chain(&Outer(Middle(Inner))).to_string(), "the ledger refused: commit: connection reset");
    }

    #[test]
    fn an_error_without_a_cause_is_its_own_text() {
        assert_eq!(chain(&Inner).to_string(), "connection reset");
    }
}
