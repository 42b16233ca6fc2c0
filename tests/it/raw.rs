//! HTTP by hand over one kept connection: for bodies no client would send, and to see that the connection stays.

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::house::House;
use crate::patience::PATIENCE;

/// A connection to the server.
#[derive(Debug)]
pub struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    /// A new one.
    pub async fn open(house: &House) -> Self {
        let stream = TcpStream::connect(house.address()).await.expect("the server listens");
        stream.set_nodelay(true).expect("a socket");
        Self { stream: BufReader::new(stream) }
    }

    /// Sends a request with a JSON body; status and body of the answer. Panics when the server hangs up.
    pub async fn ask(&mut self, method: &str, path: &str, token: &str, body: &[u8]) -> (u16, String) {
        let head = format!(
            "{method} /api/v1{path} HTTP/1.1\r\nhost: boda\r\nauthorization: Bearer {token}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let exchange = async {
            self.stream.write_all(head.as_bytes()).await?;
            self.stream.write_all(body).await?;
            self.answer().await
        };
        let answered = timeout(PATIENCE, exchange).await;
        let answered = answered.unwrap_or_else(|_| panic!("{method} {path} was not answered within {PATIENCE:?}"));
        answered.unwrap_or_else(|error| panic!("{method} {path}: the server hung up: {error}"))
    }

    async fn answer(&mut self) -> std::io::Result<(u16, String)> {
        let cut_off = || std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
        let (mut status, mut length, mut is_kept) = (0, 0, true);
        for number in 0.. {
            let mut line = String::new();
            if self.stream.read_line(&mut line).await? == 0 {
                return Err(cut_off());
            }
            let line = line.trim_end().to_ascii_lowercase();
            if number == 0 {
                status = line.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or_else(cut_off)?;
            } else if line.is_empty() {
                break;
            } else if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().map_err(|_| cut_off())?;
            } else if line == "connection: close" {
                is_kept = false;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).await?;
        let body = String::from_utf8_lossy(&body).into_owned();
        assert!(is_kept, "the server ends the connection after {status} {body}");
        Ok((status, body))
    }
}
