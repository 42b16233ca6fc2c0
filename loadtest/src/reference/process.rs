//! Reference servers and Redis as child processes: started on the server's core, asked for their counts, ended with us.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use crate::child::{Pinned, prepared};

/// Longest wait for a reference server, or for one of its answers.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Which reference point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// tokio-tungstenite with its defaults, serde_json and Redis.
    Textbook,
    /// A bare epoll loop.
    Floor,
}

/// A running reference server.
#[derive(Debug)]
pub struct Reference {
    address: SocketAddr,
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    redis: Option<Redis>,
}

impl Reference {
    /// Starts one.
    ///
    /// # Errors
    /// A sentence, when a program is missing or does not start.
    pub async fn start(kind: Kind) -> Result<Self, String> {
        let own = std::env::current_exe().map_err(|err| err.to_string())?;
        let mut command = Command::new(own);
        let redis = match kind {
            Kind::Textbook => {
                let redis = Redis::start().await?;
                command.args(["reference-textbook", "--redis-port", &redis.port.to_string()]);
                Some(redis)
            }
            Kind::Floor => {
                command.arg("reference-floor");
                None
            }
        };
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = prepared(&mut command, Pinned::ToServerCore).spawn().map_err(|err| err.to_string())?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("the pipes of a reference server are missing".to_owned());
        };
        let mut output = BufReader::new(output).lines();
        let address =
            answer(&mut output).await?.parse().map_err(|_| "a reference server told no address".to_owned())?;
        Ok(Self { address, child, input, output, redis })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its processes, Redis included.
    pub fn pids(&self) -> Vec<u32> {
        let redis = self.redis.as_ref().and_then(|redis| redis.child.id());
        self.child.id().into_iter().chain(redis).collect()
    }

    /// Pings stored so far.
    ///
    /// # Errors
    /// A sentence, when it does not answer.
    pub async fn count(&mut self) -> Result<u64, String> {
        self.input.write_all(b"count\n").await.map_err(|err| err.to_string())?;
        answer(&mut self.output).await?.parse().map_err(|_| "a reference server told no count".to_owned())
    }
}

async fn answer(output: &mut Lines<BufReader<ChildStdout>>) -> Result<String, String> {
    match timeout(ANSWER_WITHIN, output.next_line()).await {
        Ok(Ok(Some(line))) => Ok(line),
        Ok(Ok(None)) => Err("a reference server ended early".to_owned()),
        Ok(Err(err)) => Err(err.to_string()),
        Err(_) => Err("a reference server does not answer".to_owned()),
    }
}

/// A Redis of our own, on a private port and without persistence.
#[derive(Debug)]
struct Redis {
    child: Child,
    port: u16,
    _dir: TempDir,
}

impl Redis {
    async fn start() -> Result<Self, String> {
        let dir = tempfile::tempdir().map_err(|err| err.to_string())?;
        let port =
            TcpListener::bind("127.0.0.1:0").and_then(|port| port.local_addr()).map_err(|err| err.to_string())?;
        let port = port.port();
        let mut command = Command::new("redis-server");
        command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir"]);
        command.arg(dir.path()).stdin(Stdio::null()).stdout(Stdio::null());
        let child = prepared(&mut command, Pinned::ToServerCore).spawn();
        let child = child.map_err(|err| format!("redis-server, which the textbook stack needs: {err}"))?;
        let give_up = Instant::now() + ANSWER_WITHIN;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if Instant::now() > give_up {
                return Err("redis-server does not answer".to_owned());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(Self { child, port, _dir: dir })
    }
}
