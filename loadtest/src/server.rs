//! A server of our own: started on a free port with a fresh data directory, killed and restarted at will, stopped clean.
//!
//! The child must not outlive us: it gets a signal when this process dies, and is stopped when `Server` is dropped. Its
//! private Postgres is stopped too when the server itself was killed. The server's log goes to a file that is kept,
//! and named, only when something went wrong.

use std::fs::{self, File, OpenOptions};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rand::Rng;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use crate::child::{Pinned, prepared};
use crate::cpu;
use crate::people::Login;

/// Longest wait for `ready`; the first start runs initdb and all migrations.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// Longest wait for a clean stop.
const STOP_WITHIN: Duration = Duration::from_secs(30);
/// Ports below the range from which clients get theirs: otherwise a client that reconnects while the server is down can
/// connect to itself and hold the port.
const PORTS: std::ops::Range<u16> = 20_000..32_000;
/// How many servers this process has made: each has a log of its own.
static SERVERS: AtomicU32 = AtomicU32::new(0);

/// What went wrong with the server of our own.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// There is no such program.
    #[error("server program {0} not found: build it with `cargo build --release` or name it with --server")]
    NoProgram(PathBuf),
    /// The machine did not let us.
    #[error("{doing}: {source}")]
    Machine {
        /// What was tried.
        doing: String,
        /// Why not.
        source: std::io::Error,
    },
    /// The server did not do what it should.
    #[error("server {what}; its log is {log}")]
    Server {
        /// What it did.
        what: String,
        /// Where to read more.
        log: PathBuf,
    },
}

fn machine(doing: &str) -> impl FnOnce(std::io::Error) -> Trouble {
    let doing = doing.to_owned();
    move |source| Trouble::Machine { doing, source }
}

/// How a server of our own is to run.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Keys of its configuration, as variables of the environment.
    pub settings: Vec<(String, String)>,
    /// On which core.
    pub pinned: Pinned,
    /// Whether it stands in for the world outside itself.
    pub is_sandboxed: bool,
}

impl Setup {
    /// As it comes.
    pub fn plain() -> Self {
        Self { settings: Vec::new(), pinned: Pinned::Nowhere, is_sandboxed: true }
    }
}

/// A running server of our own.
#[derive(Debug)]
pub struct Server {
    setup: Setup,
    program: PathBuf,
    address: String,
    log: PathBuf,
    dir: TempDir,
    child: Option<Child>,
    // Held so that the pipe stays open for whatever else the server might print.
    output: Option<Lines<BufReader<ChildStdout>>>,
    spent_cpu_s: f64,
    keep_log: bool,
}

impl Server {
    /// Starts `program` and waits until it accepts work.
    pub async fn start(program: &Path) -> Result<Self, Trouble> {
        let mut server = Self::prepare(program, Setup::plain())?;
        server.spawn().await?;
        Ok(server)
    }

    /// A server that is not started yet: a folder of its own and a port.
    pub fn prepare(program: &Path, setup: Setup) -> Result<Self, Trouble> {
        let program = found(program)?;
        let dir = tempfile::Builder::new().prefix("boda-loadtest-").tempdir().map_err(machine("make a folder"))?;
        // Started by root, the private Postgres gives up its privileges and must still reach its data.
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).map_err(machine("open the folder"))?;
        let number = SERVERS.fetch_add(1, Ordering::Relaxed);
        let log = std::env::temp_dir().join(format!("boda-loadtest-{}-{number}.log", std::process::id()));
        File::create(&log).map_err(machine("make the log"))?;
        let address = format!("127.0.0.1:{}", free_port()?);
        Ok(Self { setup, program, address, log, dir, child: None, output: None, spent_cpu_s: 0.0, keep_log: false })
    }

    /// Lays further keys over its configuration, from the next start on.
    pub fn set(&mut self, key: &str, value: &str) {
        self.setup.settings.push((key.to_owned(), value.to_owned()));
    }

    /// Takes a key back, from the next start on.
    pub fn unset(&mut self, key: &str) {
        self.setup.settings.retain(|(known, _)| known != key);
    }

    /// The keys of its configuration, as `section.key`.
    pub async fn keys(&self) -> Result<Vec<String>, Trouble> {
        let output = Command::new(&self.program).arg("print-config").stdin(Stdio::null()).output().await;
        let output = output.map_err(machine("run `boda print-config`"))?;
        Ok(keys_in(&String::from_utf8_lossy(&output.stdout)))
    }

    /// Runs a command of the program on this server's data and settings, and returns what it says on standard output.
    pub async fn command(&mut self, arguments: &[&str]) -> Result<String, Trouble> {
        self.command_fed(arguments, "").await
    }

    /// As [`Server::command`], with a line on its standard input.
    pub async fn command_fed(&mut self, arguments: &[&str], line: &str) -> Result<String, Trouble> {
        let mut command = Command::new(&self.program);
        command.args(arguments).arg("--data-dir").arg(self.data_dir()).envs(self.setup.settings.iter().cloned());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(self.log_file()?).kill_on_drop(true);
        let mut child = command.spawn().map_err(machine("run a command of the server"))?;
        if let Some(mut stdin) = child.stdin.take() {
            // A command that reads nothing may have ended already.
            let _ = stdin.write_all(format!("{line}\n").as_bytes()).await;
        }
        match timeout(READY_WITHIN * 2, child.wait_with_output()).await {
            Ok(Ok(output)) if output.status.success() => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            Ok(Ok(output)) => {
                Err(self.failed(format!("command `{}` ended with {}", arguments.join(" "), output.status)))
            }
            Ok(Err(err)) => Err(machine("run a command of the server")(err)),
            Err(_) => Err(self.failed(format!("command `{}` did not end", arguments.join(" ")))),
        }
    }

    /// What `program COMMAND --help` says; none when there is no such command.
    pub async fn help_of(&self, command: &str) -> Option<String> {
        let output = Command::new(&self.program).args([command, "--help"]).stdin(Stdio::null()).output().await.ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Starts it.
    pub async fn run(&mut self) -> Result<(), Trouble> {
        self.spawn().await
    }

    /// Its process.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref()?.id()
    }

    /// Its process and the one of its Postgres, which may outlive it.
    pub fn pids(&self) -> Vec<u32> {
        self.pid().into_iter().chain(cpu::postmaster_below(self.dir.path())).collect()
    }

    /// Asks it to stop, and starts it again on the same port and data once it has. Returns the time from the request to
    /// `ready`.
    pub async fn stop_and_restart(&mut self) -> Result<Duration, Trouble> {
        let asked = Instant::now();
        if let Some(mut child) = self.child.take() {
            terminate(&child);
            let ended = timeout(STOP_WITHIN, child.wait()).await;
            if !matches!(ended, Ok(Ok(status)) if status.success()) {
                return Err(self.failed("did not stop clean".to_owned()));
            }
        }
        self.spawn().await?;
        Ok(asked.elapsed())
    }

    /// `host:port`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Kills it without warning and starts it again on the same port and data. Returns the time from the kill to `ready`.
    pub async fn kill_and_restart(&mut self) -> Result<Duration, Trouble> {
        self.spent_cpu_s = self.cpu_s().unwrap_or(0.0);
        let killed = Instant::now();
        if let Some(mut child) = self.child.take() {
            child.kill().await.map_err(machine("kill the server"))?;
        }
        self.spawn().await?;
        Ok(killed.elapsed())
    }

    /// Creates an administrator beside the running server.
    pub async fn create_admin(&mut self, phone: String, password: String) -> Result<Login, Trouble> {
        let mut command = Command::new(&self.program);
        command.args(["user", "create", "--role", "admin", "--phone", &phone, "--first-name", "Load"]);
        command.args(["--last-name", "Admin", "--password-stdin", "--second-factor", "--data-dir"]);
        command.arg(self.data_dir());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(self.log_file()?).kill_on_drop(true);
        let mut child = command.spawn().map_err(machine("run `boda user create`"))?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(format!("{password}\n").as_bytes()).await.map_err(machine("pass the password"))?;
        }
        let output = match timeout(READY_WITHIN, child.wait_with_output()).await {
            Ok(output) => output.map_err(machine("wait for `boda user create`"))?,
            Err(_) => return Err(self.failed("command `user create` did not end".to_owned())),
        };
        if !output.status.success() {
            return Err(self.failed(format!("command `user create` ended with {}", output.status)));
        }
        let printed = String::from_utf8_lossy(&output.stdout);
        match printed.lines().nth(1) {
            Some(secret) => Ok(Login { phone, password, second_factor: secret.trim().to_owned() }),
            None => Err(self.failed("command `user create` printed no second factor".to_owned())),
        }
    }

    /// Processor seconds of the server so far, over all its restarts.
    pub fn cpu_s(&self) -> Option<f64> {
        let pid = self.child.as_ref()?.id()?;
        cpu::seconds_of(pid).map(|now| now + self.spent_cpu_s)
    }

    /// Processor seconds of its private Postgres, as far as its processes are alive.
    pub fn postgres_cpu_s(&self) -> Option<f64> {
        cpu::seconds_of_family(cpu::postmaster_below(self.dir.path())?)
    }

    /// Asks it to stop, and checks that it drains and exits with 0.
    pub async fn stop(mut self) -> Result<(), Trouble> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        terminate(&child);
        match timeout(STOP_WITHIN, child.wait()).await {
            Ok(Ok(status)) if status.success() => match cpu::postmaster_below(self.dir.path()) {
                None => Ok(()),
                Some(_) => Err(self.failed("stopped and left its Postgres running".to_owned())),
            },
            Ok(Ok(status)) => Err(self.failed(format!("ended with {status} instead of 0 after SIGTERM"))),
            Ok(Err(err)) => Err(machine("wait for the server")(err)),
            Err(_) => {
                self.child = Some(child);
                Err(self.failed(format!("did not end within {} s of SIGTERM", STOP_WITHIN.as_secs())))
            }
        }
    }

    /// Keeps the log of a run whose result needs explaining; returns its path.
    pub fn keep_log(&mut self) -> &Path {
        self.keep_log = true;
        &self.log
    }

    /// Where its data are.
    pub fn data_dir(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn log_file(&self) -> Result<File, Trouble> {
        OpenOptions::new().append(true).open(&self.log).map_err(machine("open the log"))
    }

    fn failed(&mut self, what: String) -> Trouble {
        Trouble::Server { what, log: self.keep_log().to_owned() }
    }

    async fn spawn(&mut self) -> Result<(), Trouble> {
        let mut command = Command::new(&self.program);
        command.arg("serve").args(self.setup.is_sandboxed.then_some("--sandbox"));
        command.args(["--listen", &self.address, "--data-dir"]).arg(self.data_dir());
        // Hundreds of drivers sign on: licence, motorcycle and insurance as data are enough.
        command.env("BODA__DRIVERS__PAPERS_COMPLETE", "false");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(self.log_file()?);
        // A whole city signs up from this machine in seconds, and one admin approves its drivers.
        command.env("BODA__LIMITS__EXEMPT", "127.0.0.0/8");
        command.envs(self.setup.settings.iter().cloned());
        let mut child = prepared(&mut command, self.setup.pinned).spawn().map_err(machine("start the server"))?;
        let stdout = child.stdout.take().expect("stdout was asked to be piped");
        self.child = Some(child);
        let mut lines = BufReader::new(stdout).lines();
        let ready = timeout(READY_WITHIN, async {
            while let Ok(Some(line)) = lines.next_line().await {
                if line.starts_with("ready http://") {
                    return true;
                }
            }
            false
        });
        match ready.await {
            Ok(true) => {
                self.output = Some(lines);
                Ok(())
            }
            Ok(false) => {
                let status = match &mut self.child {
                    Some(child) => child.wait().await.map_or_else(|err| err.to_string(), |status| status.to_string()),
                    None => "unknown status".to_owned(),
                };
                Err(self.failed(format!("ended with {status} before it was ready")))
            }
            Err(_) => Err(self.failed(format!("was not ready within {} s", READY_WITHIN.as_secs()))),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            terminate(child);
            if ended_within(child, Duration::from_secs(10)).is_none() {
                // Nothing more to do about a failure: we are leaving.
                let _ = child.start_kill();
                let _ = ended_within(child, Duration::from_secs(1));
            }
        }
        // A killed server leaves its Postgres behind; a clean stop leaves no pid file.
        if let Some(pid) = cpu::postmaster_below(self.dir.path()).and_then(|pid| i32::try_from(pid).ok()) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGINT);
            std::thread::sleep(Duration::from_millis(500));
        }
        if !self.keep_log {
            let _ = fs::remove_file(&self.log);
        }
    }
}

fn terminate(child: &Child) {
    if let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok()) {
        // It may have ended already; then there is nothing to ask.
        let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
    }
}

fn ended_within(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let give_up = Instant::now() + limit;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < give_up => std::thread::sleep(Duration::from_millis(50)),
            _ => return None,
        }
    }
}

/// The program as named, or its namesake beside our own program.
fn found(program: &Path) -> Result<PathBuf, Trouble> {
    let beside = std::env::current_exe().ok().and_then(|own| Some(own.parent()?.join(program.file_name()?)));
    let candidates = [Some(program.to_owned()), beside];
    let found = candidates.into_iter().flatten().find(|path| path.is_file());
    found.ok_or_else(|| Trouble::NoProgram(program.to_owned()))
}

/// The keys in a printed configuration: TOML with one key a line.
fn keys_in(config: &str) -> Vec<String> {
    let mut section = String::new();
    let mut keys = Vec::new();
    for line in config.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = format!("{name}.");
        } else if let Some((key, _)) = line.split_once(" = ") {
            keys.push(format!("{section}{key}"));
        }
    }
    keys
}

fn free_port() -> Result<u16, Trouble> {
    let mut rng = rand::rng();
    let mut refusal = None;
    for _ in 0..50 {
        let port = rng.random_range(PORTS);
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Ok(_) => return Ok(port),
            Err(err) => refusal = Some(err),
        }
    }
    Err(machine("find a free port")(refusal.expect("fifty refusals were seen")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_lies_below_the_clients_range() {
        let port = free_port().expect("there is a free port");
        assert!(PORTS.contains(&port));
    }

    #[test]
    fn keys_of_a_printed_configuration_carry_their_section() {
        let keys = keys_in("data_dir = \"x\"\n\n[sockets]\nframes_per_s = 20\n[database.embedded]\nport = 1\n");
        assert_eq!(keys, ["data_dir", "sockets.frames_per_s", "database.embedded.port"]);
    }

    #[test]
    fn a_missing_program_is_named() {
        let err = found(Path::new("no/such/boda-server")).expect_err("is not there");
        assert!(err.to_string().contains("no/such/boda-server"), "{err}");
    }
}
