//! The threads that own the sockets.
//!
//! A thread for thousands of sockets rather than a task for each: what a paced ping costs is waking up and system calls,
//! and what an idle socket costs is the memory of whatever waits for it. A reactor reads every socket into one buffer,
//! writes from one other, and keeps a few hundred bytes for each session. It never blocks on anything but its own sleep:
//! commands and welcomes run on the tokio runtime and come back as notes.

mod event_loop;
mod inbox;
mod lanes;
mod turn;

use std::io;
use std::sync::Arc;
use std::thread;

pub use inbox::{Inbox, Key, Note};
pub use lanes::Lane;
pub use turn::Turn;

use crate::realtime::Shared;
use crate::realtime::handler::Handler;
use event_loop::EventLoop;
use lanes::Lanes;

/// Starts reactor number `number`, which ends when it was told to [`Note::Stop`] and its
/// last socket is closed.
///
/// # Errors
/// When the system gives no more descriptors or threads.
pub fn start<H: Handler>(shared: Arc<Shared<H>>, number: usize) -> io::Result<Arc<Inbox>> {
    let (lanes, bell) = Lanes::new(shared.config.coalesce.to_duration())?;
    let inbox = Inbox::new(bell);
    let turn = Turn::new(shared, Arc::clone(&inbox), number);
    thread::Builder::new().name(format!("sockets-{number}")).spawn(move || EventLoop::new(lanes, turn).run())?;
    Ok(inbox)
}
