//! Phones without a name: all that the reference servers know. They ping, and count what went wrong.

use std::time::{Duration, Instant};

use super::fleet::{Desk, Phones};
use super::frame::Frame;
use super::line::{End, handshake};

/// Connections without people.
#[derive(Debug, Default)]
pub struct Strangers {
    /// Handshakes accepted.
    pub open: usize,
    /// Connections lost, with the first reason.
    pub lost: Vec<String>,
    /// Frames heard.
    pub heard: u64,
}

impl Phones for Strangers {
    fn handshake(&mut self, _: usize) -> Vec<u8> {
        handshake("127.0.0.1", "", None, None)
    }

    fn upgraded(&mut self, _: usize, _: &mut Desk<'_>) {
        self.open += 1;
    }

    fn hear(&mut self, _: usize, _: Frame<'_>, _: &mut Desk<'_>) {
        self.heard += 1;
    }

    fn ended(&mut self, who: usize, end: &End, _: Instant) -> Option<Duration> {
        self.lost.push(format!("connection {who}: {end:?}"));
        None
    }

    fn tick(&mut self, _: &mut Desk<'_>) {}
}
