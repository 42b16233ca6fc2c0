//! What a run did, as one number: two runs of one seed that differ anywhere differ in it.

use std::fmt::{self, Write as _};

/// FNV-1a over everything that was noted.
pub struct Trace {
    hash: u64,
    is_shown: bool,
}

impl Trace {
    /// An empty trace; `is_shown` prints it as it grows.
    pub const fn new(is_shown: bool) -> Self {
        Self { hash: 0xcbf2_9ce4_8422_2325, is_shown }
    }

    /// Notes what happened.
    pub fn note(&mut self, what: fmt::Arguments<'_>) {
        if self.is_shown {
            println!("{what}");
        }
        // A hash takes every text.
        let _ = self.write_fmt(what);
    }

    /// The number.
    pub const fn hash(&self) -> u64 {
        self.hash
    }
}

impl fmt::Write for Trace {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        Ok(())
    }
}
