//! The end of a socket that we close: the reason is written, what the app still says is thrown away.
//!
//! Thrown away rather than left unread, because a connection closed with unread bytes is reset, and a reset may overtake
//! the close code.

use crate::realtime::handler::Handler;
use crate::realtime::protocol::close::CloseCode;
use crate::realtime::reactor::Turn;
use crate::realtime::wire::Wire;

/// Most bytes that are thrown away while a closing app finishes its sentence.
const LINGER_BYTES_MAX: usize = 64 * 1024;

/// What is left to be done.
pub struct Closing {
    discarded_bytes: usize,
    is_finished: bool,
}

impl Closing {
    /// Says why, behind what was gathered and what waits already. `None` when the other side is gone.
    pub fn begin<H: Handler>(code: CloseCode, wire: &mut Wire, turn: &mut Turn<H>) -> Option<Self> {
        // Whether that went through is seen below, when all is written.
        let gathered = wire.write(&mut turn.out, usize::MAX);
        turn.out.clear();
        gathered.ok()?;
        let hint_ms = turn.shared.retry_hint_ms(code);
        wire.put_goodbye(code.code(), &code.reason_with_hint(hint_ms));
        let mut closing = Self { discarded_bytes: 0, is_finished: false };
        (!closing.go_on(wire, &mut turn.scratch)).then_some(closing)
    }

    /// Goes on with it. Whether it has ended.
    pub fn go_on(&mut self, wire: &mut Wire, buffer: &mut [u8]) -> bool {
        if !self.is_finished {
            match wire.write_unsent() {
                Err(_) => return true,
                Ok(true) => {
                    wire.finish();
                    self.is_finished = true;
                }
                Ok(false) => {}
            }
        }
        loop {
            match wire.discard(buffer) {
                Ok(0) => return false,
                Ok(more) => self.discarded_bytes += more,
                Err(_) => return true,
            }
            if self.discarded_bytes > LINGER_BYTES_MAX {
                return true;
            }
        }
    }
}
