//! The little of HTTP/1.1 that the server needs, with the socket in its own hands.

use std::io::{Error, ErrorKind, Result};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};

/// Bytes of a head at most.
const HEAD_LIMIT: usize = 64 << 10;
/// Bytes of a body at most.
const BODY_LIMIT: usize = 64 << 20;

/// A request.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) body: Vec<u8>,
}

/// A connection and what was read of it ahead of time.
pub(super) struct Incoming {
    stream: TcpStream,
    buffer: Vec<u8>,
}

fn bad(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, what)
}

impl Incoming {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream, buffer: Vec::with_capacity(4096) }
    }

    /// The next request; `None` when the client has closed.
    pub(super) async fn request(&mut self) -> Result<Option<Request>> {
        let (mut searched, end) = (0, "\r\n\r\n");
        let head_end = loop {
            let from = usize::saturating_sub(searched, 3);
            if let Some(at) = self.buffer[from..].windows(4).position(|w| w == end.as_bytes()) {
                break from + at;
            }
            searched = self.buffer.len();
            if searched > HEAD_LIMIT {
                return Err(bad("a head that is too long"));
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Ok(None);
            }
        };
        let head = std::str::from_utf8(&self.buffer[..head_end]).map_err(|_| bad("a head that is no text"))?;
        let mut lines = head.split("\r\n");
        let mut words = lines.next().unwrap_or_default().split(' ');
        let (method, path) = (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
        let length = lines.filter_map(|l| l.split_once(':')).find(|(n, _)| n.eq_ignore_ascii_case("content-length"));
        let length: usize = match length {
            Some((_, value)) => value.trim().parse().map_err(|_| bad("a length that is no number"))?,
            None => 0,
        };
        if length > BODY_LIMIT {
            return Err(bad("a body that is too long"));
        }
        let whole = head_end + end.len() + length;
        while self.buffer.len() < whole {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Ok(None);
            }
        }
        let body = self.buffer[head_end + end.len()..whole].to_vec();
        self.buffer.drain(..whole);
        Ok(Some(Request { method, path, body }))
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.write_all(bytes).await
    }

    /// A whole reply of JSON; the connection stays usable.
    pub(super) async fn json(&mut self, status: u16, body: &str, headers: &[(&str, &str)]) -> Result<bool> {
        self.whole(status, "application/json", body.as_bytes(), headers).await
    }

    /// A whole reply; the connection stays usable.
    pub(super) async fn whole(
        &mut self,
        status: u16,
        kind: &str,
        body: &[u8],
        headers: &[(&str, &str)],
    ) -> Result<bool> {
        let mut reply = head(status, kind);
        reply.extend_from_slice(format!("content-length: {}\r\n", body.len()).as_bytes());
        for (name, value) in headers {
            reply.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        reply.extend_from_slice(b"\r\n");
        reply.extend_from_slice(body);
        self.write(&reply).await?;
        Ok(true)
    }

    /// Waits, and fails at once when the client leaves meanwhile.
    pub(super) async fn wait(&mut self, time: Duration) -> Result<()> {
        let until = Instant::now() + time;
        loop {
            tokio::select! {
                biased;
                () = sleep_until(until) => return Ok(()),
                read = self.stream.read_buf(&mut self.buffer) => {
                    if read? == 0 {
                        return Err(bad("the client has left"));
                    }
                }
            }
        }
    }

    /// Waits until the client leaves.
    pub(super) async fn wait_for_end(&mut self) {
        while self.wait(Duration::from_hours(1)).await.is_ok() {}
    }

    /// Closes the connection by a reset instead of an orderly end.
    pub(super) fn reset(&mut self) {
        let _ = self.stream.set_zero_linger();
    }
}

/// The status line and the kind, without the empty line after them.
pub(super) fn head(status: u16, kind: &str) -> Vec<u8> {
    let words = match status {
        200 => "OK",
        400 => "Bad Request",
        404 => "Not Found",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        _ => "Service Unavailable",
    };
    format!("HTTP/1.1 {status} {words}\r\ncontent-type: {kind}\r\n").into_bytes()
}
