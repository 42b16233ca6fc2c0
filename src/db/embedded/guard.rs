//! The process between `boda` and its PostgreSQL: it starts the server, and stops it when `boda` is gone.
//!
//! Separate because nothing inside `boda` can act after `kill -9`. A shell holds the reading end of a pipe whose writing
//! end only `boda` has; when that closes, by an orderly stop or by any death, the shell asks the server to stop. So
//! stopping and crashing are one path. Invariants: the shell is the server's parent, so the process number it signals
//! cannot have been given to another; both are outside the terminal's process group; the shell's exit status is the
//! server's.

use std::{
    ffi::OsString,
    fs::File,
    path::Path,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use tokio::{
    process::{Child, ChildStdin, Command},
    time::timeout,
};

use super::account::Account;
use crate::db::Error;

/// Runs the server given as arguments. On end of file: fast shutdown, after 5 s immediate, after 12 s kill. The waits are
/// short sleeps so that little is left over when the server has ended and the main part kills the watching part. The
/// first signal is repeated because a server that has only just been started still ignores it.
const SCRIPT: &str = r#"
trap '' HUP INT TERM
exec 3<&0 </dev/null
"$@" 3<&- &
server=$!
(
    read -r _ <&3
    n=0
    while kill -0 $server 2>/dev/null; do
        case $n in
            ? | 1?) kill -INT $server ;;
            25) kill -QUIT $server ;;
            60) kill -KILL $server ;;
        esac
        n=$((n + 1))
        sleep 0.2
    done
) &
watch=$!
exec 3<&-
wait $server
status=$?
kill -KILL $watch 2>/dev/null
exit $status
"#;

/// A running server with its guard. Dropping it stops the server without waiting.
#[derive(Debug)]
pub(super) struct Guard {
    shell: Child,
    lifeline: ChildStdin,
}

impl Guard {
    /// Starts `program` with `arguments` as `account`; everything it prints goes to `log`. `initdb` runs under a guard,
    /// too: it cleans up after itself when `boda` is gone.
    pub(super) fn spawn(program: &Path, arguments: &[OsString], account: Account, log: File) -> Result<Self, Error> {
        let mut command = Command::new("/bin/sh");
        account.apply(&mut command);
        let stderr = log.try_clone().map_err(Error::io("share the log of", program))?;
        command.args(["-c", SCRIPT, "boda-postgres-guard"]).arg(program).args(arguments);
        command.stdin(Stdio::piped()).stdout(log).stderr(stderr);
        let mut shell = command.spawn().map_err(Error::io("start", program))?;
        let lifeline = shell.stdin.take().expect("stdin was just asked to be a pipe");
        Ok(Self { shell, lifeline })
    }

    /// The status of the server if it has ended.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        self.shell.try_wait().ok().flatten()
    }

    /// Waits until the server has ended.
    pub(super) async fn wait(&mut self) -> Option<ExitStatus> {
        self.shell.wait().await.ok()
    }

    /// Asks the server to stop and waits up to `patience`; returns whether it has ended.
    pub(super) async fn stop(self, patience: Duration) -> bool {
        let Self { mut shell, lifeline } = self;
        drop(lifeline);
        timeout(patience, shell.wait()).await.is_ok()
    }

    /// Ends the shell alone, as if the system had: what the server does without its guard is for tests to see.
    #[cfg(test)]
    pub(super) async fn abandon_server(mut self) {
        self.shell.kill().await.expect("the shell is a child of this process");
        // The watching part is its own process: it must not see the pipe close either.
        std::mem::forget(self.lifeline);
    }
}
