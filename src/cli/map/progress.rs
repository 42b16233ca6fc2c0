//! How far an import is, on standard error.
//!
//! Separate because a terminal gets a bar that moves, and a log file one line for each stage.

use std::io::{self, IsTerminal, Write};

use crate::road::import::{Progress, Stage};

const WIDTH: u64 = 40;

/// Shows what it is told.
pub struct Bar {
    total_bytes: u64,
    is_terminal: bool,
    stage: Option<Stage>,
    /// What the terminal shows, in hundredths.
    shown: Option<u64>,
}

impl Bar {
    /// Of an extract of so many bytes.
    pub fn new(total_bytes: u64) -> Self {
        Self { total_bytes: total_bytes.max(1), is_terminal: io::stderr().is_terminal(), stage: None, shown: None }
    }

    /// Shows how far it is.
    pub fn show(&mut self, progress: Progress) {
        if self.stage != Some(progress.stage) {
            self.end();
            self.stage = Some(progress.stage);
            if !self.is_terminal {
                eprintln!("{}", name(progress.stage));
            }
        }
        let hundredths = (progress.bytes_read * 100 / self.total_bytes).min(100);
        if self.is_terminal && self.shown != Some(hundredths) {
            self.shown = Some(hundredths);
            self.draw(&bar(name(progress.stage), hundredths));
        }
    }

    /// Tells of a stage that nobody measures.
    pub fn tell(&mut self, stage: &str) {
        self.end();
        eprintln!("{stage}");
    }

    /// Leaves the line of the bar.
    pub fn end(&mut self) {
        if self.shown.take().is_some() {
            self.draw("\n");
        }
    }

    fn draw(&self, text: &str) {
        let mut out = io::stderr().lock();
        // Nobody to show it to is no trouble.
        let _ = write!(out, "{text}").and_then(|()| out.flush());
    }
}

const fn name(stage: Stage) -> &'static str {
    match stage {
        Stage::Relations => "reading turn restrictions and boundaries",
        Stage::Ways => "reading streets",
        Stage::Nodes => "reading where they are",
        Stage::Network => "making the network",
    }
}

fn bar(name: &str, hundredths: u64) -> String {
    let full = (hundredths * WIDTH / 100) as usize;
    format!("\r{name:<42}[{}{}] {hundredths:>3} %", "#".repeat(full), " ".repeat(WIDTH as usize - full))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_fills_from_the_left_and_keeps_its_length() {
        assert_eq!(bar("reading streets", 0), format!("\rreading streets{}[{}]   0 %", " ".repeat(27), " ".repeat(40)));
        assert!(bar("", 50).ends_with(&format!("[{}{}]  50 %", "#".repeat(20), " ".repeat(20))));
        assert_eq!(bar("", 100).len(), bar("", 7).len());
    }
}
