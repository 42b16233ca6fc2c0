//! How every child process of ours is started: it ends when we do, and runs on the core it is meant for.

use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use tokio::process::Command;

use crate::measure::machine::{SERVER_CORE, pin};

/// Where a child runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pinned {
    /// Where the machine likes.
    Nowhere,
    /// On the core of the servers, with all its children.
    ToServerCore,
}

/// Has the kernel send the child SIGTERM when we die without a chance to stop it, and binds it to its core.
#[expect(unsafe_code, reason = "there is no safe way to run system calls in the child before it becomes the server")]
pub fn prepared(command: &mut Command, pinned: Pinned) -> &mut Command {
    command.kill_on_drop(true);
    // SAFETY: the closure makes two async-signal-safe system calls and neither allocates nor locks.
    unsafe {
        command.pre_exec(move || {
            if pinned == Pinned::ToServerCore {
                // On a machine with one core there is nothing to choose, which the report says.
                let _ = pin(SERVER_CORE);
            }
            set_pdeathsig(Signal::SIGTERM).map_err(std::io::Error::from)
        });
    }
    command
}
