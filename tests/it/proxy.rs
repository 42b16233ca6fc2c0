//! A wire to PostgreSQL that can be cut and mended.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Where the wire leads.
#[derive(Clone, Debug)]
pub enum Upstream {
    Tcp(String, u16),
    Unix(PathBuf),
}

/// Listens on a port of its own and passes on what comes, until it is cut.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    is_cut: bool,
    open: Vec<TcpStream>,
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Proxy {
    /// A whole wire. Its thread ends with the test run.
    pub fn start(upstream: Upstream) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let mut state = lock(&shared);
                if state.is_cut {
                    continue;
                }
                state.open.push(client.try_clone().expect("a second handle"));
                drop(state);
                match &upstream {
                    Upstream::Tcp(host, port) => {
                        let server = TcpStream::connect((host.as_str(), *port)).expect("PostgreSQL listens");
                        join(client, server.try_clone().expect("a second handle"), server);
                    }
                    Upstream::Unix(path) => {
                        let server = UnixStream::connect(path).expect("PostgreSQL listens");
                        join(client, server.try_clone().expect("a second handle"), server);
                    }
                }
            }
        });
        Self { port, state }
    }

    /// Of `127.0.0.1`.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Ends every connection; new ones are hung up on.
    pub fn cut(&self) {
        let mut state = lock(&self.state);
        state.is_cut = true;
        for stream in state.open.drain(..) {
            // It may have ended by itself.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Lets connections through again.
    pub fn mend(&self) {
        lock(&self.state).is_cut = false;
    }
}

/// Passes on both ways, each on a thread of its own, until one side ends.
fn join(client: TcpStream, from_server: impl Read + Send + 'static, to_server: impl Write + Send + 'static) {
    let answers = client.try_clone().expect("a second handle");
    std::thread::spawn(move || pass(client, to_server));
    std::thread::spawn(move || {
        let hung_up = answers.try_clone().expect("a second handle");
        pass(from_server, answers);
        let _ = hung_up.shutdown(Shutdown::Both);
    });
}

fn pass(mut from: impl Read, mut to: impl Write) {
    // The end of either side is the end of both: dropping them hangs up.
    let _ = std::io::copy(&mut from, &mut to);
}
