//! A Redis of our own, where one is installed.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::patience::PATIENCE;
use crate::process::Process;

/// A running `redis-server` that keeps nothing.
#[derive(Debug)]
pub struct Redis {
    port: u16,
    _process: Process,
    _dir: TempDir,
}

/// A subscription to one channel.
#[derive(Debug)]
pub struct Subscription {
    lines: BufReader<TcpStream>,
}

impl Redis {
    /// `None` where Redis is not installed.
    pub fn start() -> Option<Self> {
        let installed = Command::new("redis-server").arg("--version").stdout(Stdio::null()).status();
        if !installed.is_ok_and(|status| status.success()) {
            return None;
        }
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
        let port = port.expect("a free port").port();
        let dir = tempfile::tempdir().expect("a directory can be made");
        let mut command = Command::new("redis-server");
        command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
        command.arg("--dir").arg(dir.path());
        let process = Process::start("redis-server", command);
        process.wait_for_output(PATIENCE, |line| line.contains("eady to accept connections").then_some(()));
        Some(Self { port, _process: process, _dir: dir })
    }

    /// As `redis.url` wants it.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Listens to a channel from now on.
    pub fn subscribe(&self, channel: &str) -> Subscription {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).expect("Redis listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time");
        write!(stream, "SUBSCRIBE {channel}\r\n").expect("Redis reads");
        let mut subscription = Subscription { lines: BufReader::new(stream) };
        assert_eq!(subscription.array(), ["subscribe", channel, "1"]);
        subscription
    }
}

impl Subscription {
    /// The next message, waiting for it.
    pub fn message(&mut self) -> String {
        let mut parts = self.array();
        assert_eq!((parts.len(), parts[0].as_str()), (3, "message"), "{parts:?}");
        parts.remove(2)
    }

    /// Whether nothing more comes within `within`.
    pub fn is_silent(&mut self, within: Duration) -> bool {
        self.lines.get_ref().set_read_timeout(Some(within)).expect("a time");
        let silent = self.lines.fill_buf().is_err();
        self.lines.get_ref().set_read_timeout(Some(PATIENCE)).expect("a time");
        silent
    }

    /// An array of the Redis protocol, its elements as text.
    fn array(&mut self) -> Vec<String> {
        let count = self.line();
        let count: usize = count.strip_prefix('*').and_then(|count| count.parse().ok()).expect("an array");
        let element = |_| {
            let head = self.line();
            if head.starts_with('$') { self.line() } else { head.trim_start_matches(':').to_owned() }
        };
        (0..count).map(element).collect()
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("Redis says something in time");
        line.trim_end().to_owned()
    }
}
