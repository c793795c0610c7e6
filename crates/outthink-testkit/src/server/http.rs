//! The little of HTTP/1.1 that the server needs, with the socket in its own hands.

use serde_json::Value;
use std::io::{Error, ErrorKind, Result};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};

/// Bytes of a head at most.
const HEAD_LIMIT: usize = 64 << 10;
/// Bytes of a body at most.
const BODY_LIMIT: usize = 64 << 20;
/// The first byte of a client that speaks TLS.
const TLS_HANDSHAKE: u8 = 0x16;

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Request {
    /// Its method.
    pub method: String,
    /// Its path, without a query.
    pub path: String,
    /// Its query, without the question mark.
    pub query: String,
    /// The lines of its head after the first one.
    pub head: String,
    /// Its body.
    pub body: Vec<u8>,
    /// The number of its connection, from 0 in the order in which they were opened.
    pub connection: u64,
    /// How many requests came before it on its connection.
    pub before: u64,
}

impl Request {
    /// The body as JSON; null where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Head and body as text.
    pub fn whole(&self) -> String {
        format!("{} {} HTTP/1.1\r\n{}\r\n\r\n{}", self.method, self.path, self.head, self.text())
    }

    /// The first header of this name, whatever its case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.split("\r\n").filter_map(|line| line.split_once(':'));
        lines.into_iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }
}

/// A connection and what was read of it ahead of time.
pub(super) struct Incoming {
    stream: TcpStream,
    buffer: Vec<u8>,
    connection: u64,
    requests: u64,
}

fn bad(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, what)
}

impl Incoming {
    pub(super) fn new(stream: TcpStream, connection: u64) -> Self {
        Self { stream, buffer: Vec::with_capacity(4096), connection, requests: 0 }
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
            if self.buffer[0] == TLS_HANDSHAKE {
                self.write(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n").await?;
                return Ok(None);
            }
        };
        let head = std::str::from_utf8(&self.buffer[..head_end]).map_err(|_| bad("a head that is not text"))?;
        let (first, lines) = head.split_once("\r\n").unwrap_or((head, ""));
        let mut words = first.split(' ');
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let (method, path, query, lines) = (method.to_owned(), path.to_owned(), query.to_owned(), lines.to_owned());
        let length = lines.split("\r\n").filter_map(|l| l.split_once(':'));
        let length = length.into_iter().find(|(n, _)| n.eq_ignore_ascii_case("content-length"));
        let length: usize = match length {
            Some((_, value)) => value.trim().parse().map_err(|_| bad("a length that is not a number"))?,
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
        let before = self.requests;
        self.requests += 1;
        Ok(Some(Request { method, path, query, head: lines, body, connection: self.connection, before }))
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
        503 => "Service Unavailable",
        _ => "As Scripted",
    };
    format!("HTTP/1.1 {status} {words}\r\ncontent-type: {kind}\r\n").into_bytes()
}
