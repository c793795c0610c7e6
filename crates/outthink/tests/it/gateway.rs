//! A gateway as a process of its own, and a client of it, for the tests that start and kill it.

use super::outthink;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A running gateway; it is killed when this is dropped.
pub(crate) struct Gateway {
    /// Host and port.
    pub(crate) address: String,
    child: Child,
    /// What it writes to stderr, from its address on.
    pub(crate) log: std::sync::Arc<std::sync::Mutex<String>>,
}

impl Gateway {
    /// Starts one with the configuration in `folder`.
    pub(crate) fn start(folder: &Path, more: &[&str]) -> Self {
        Self::run(
            outthink(folder).current_dir(folder).args(["serve", "--config", "outthink.toml", "--port", "0"]).args(more),
        )
    }

    /// Starts one by a command of its own.
    pub(crate) fn run(command: &mut Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        let address = loop {
            let mut line = String::new();
            assert!(stderr.read_line(&mut line).unwrap() > 0, "it did not start: {said}");
            said.push_str(&line);
            if let Some((_, rest)) = line.split_once("://").filter(|_| line.starts_with("serving ")) {
                break rest.trim().trim_end_matches("/v1").to_owned();
            }
        };
        let log = std::sync::Arc::new(std::sync::Mutex::new(said));
        let told = std::sync::Arc::clone(&log);
        std::thread::spawn(move || {
            let mut line = String::new();
            while stderr.read_line(&mut line).is_ok_and(|n| n > 0) {
                told.lock().unwrap().push_str(&line);
                line.clear();
            }
        });
        Self { address, child, log }
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal by name.
    pub(crate) fn signal(&self, name: &str) {
        let done = Command::new("kill").args([&format!("-{name}"), &self.pid().to_string()]).status().unwrap();
        assert!(done.success());
    }

    /// Waits for its end; whether it ended well.
    pub(crate) fn wait(&mut self) -> bool {
        self.child.wait().unwrap().success()
    }

    /// Waits until its log holds `words`.
    pub(crate) fn until_said(&self, words: &str) {
        for _ in 0..600 {
            if self.log.lock().unwrap().contains(words) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("it never said {words:?}: {}", self.log.lock().unwrap());
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A reply.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }
}

/// A connection that is kept from request to request.
pub(crate) struct Client {
    address: String,
    key: Option<String>,
    stream: Option<BufReader<TcpStream>>,
}

impl Client {
    pub(crate) fn new(address: &str, key: Option<&str>) -> Self {
        Self { address: address.to_owned(), key: key.map(str::to_owned), stream: None }
    }

    pub(crate) fn get(&mut self, path: &str) -> std::io::Result<Reply> {
        self.send("GET", path, "")
    }

    /// Asks for a chat completion of at most `max_tokens` tokens with one sample.
    pub(crate) fn chat(&mut self, max_tokens: u64) -> std::io::Result<Reply> {
        let body = serde_json::json!({
            "messages": [{"role": "user", "content": "2+2?"}], "reasoning_effort": "none", "max_tokens": max_tokens,
        });
        self.send("POST", "/v1/chat/completions", &body.to_string())
    }

    pub(crate) fn send(&mut self, method: &str, path: &str, body: &str) -> std::io::Result<Reply> {
        self.send_as("application/json", method, path, body)
    }

    /// Sends a body of another kind.
    pub(crate) fn send_as(&mut self, kind: &str, method: &str, path: &str, body: &str) -> std::io::Result<Reply> {
        let reply = self.try_send(kind, method, path, body);
        if reply.is_err() {
            self.stream = None;
        }
        reply
    }

    fn try_send(&mut self, kind: &str, method: &str, path: &str, body: &str) -> std::io::Result<Reply> {
        let stream = if let Some(stream) = self.stream.take() {
            stream
        } else {
            let stream = TcpStream::connect(&self.address)?;
            stream.set_read_timeout(Some(Duration::from_mins(1)))?;
            stream.set_nodelay(true)?;
            BufReader::new(stream)
        };
        let stream = self.stream.insert(stream);
        let key = self.key.as_ref().map_or_else(String::new, |k| format!("authorization: Bearer {k}\r\n"));
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\n{key}content-type: {kind}\r\ncontent-length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        stream.get_mut().write_all(request.as_bytes())?;
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if stream.read_line(&mut head)? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
        }
        let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
        let lower = head.to_lowercase();
        let body = if lower.contains("transfer-encoding: chunked") {
            read_chunks(stream)?
        } else {
            let length =
                lower.lines().find_map(|l| l.strip_prefix("content-length: ")?.trim().parse().ok()).unwrap_or(0);
            let mut bytes = vec![0; length];
            stream.read_exact(&mut bytes)?;
            bytes
        };
        if lower.contains("connection: close") {
            self.stream = None;
        }
        Ok(Reply { status, body: String::from_utf8(body).map_err(std::io::Error::other)? })
    }
}

fn read_chunks(stream: &mut impl BufRead) -> std::io::Result<Vec<u8>> {
    let mut whole = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let size = usize::from_str_radix(line.trim(), 16).map_err(std::io::Error::other)?;
        let mut chunk = vec![0; size + 2];
        stream.read_exact(&mut chunk)?;
        if size == 0 {
            return Ok(whole);
        }
        whole.extend_from_slice(&chunk[..size]);
    }
}

/// A folder with a configuration: one upstream, one model whose million tokens cost 1 dollar each way out
/// and nothing in, and what `more` adds.
pub(crate) fn folder(upstream: &str, more: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "[[upstreams]]\nname = \"fake\"\nurl = \"{upstream}\"\n\n[[models]]\nname = \"scripted\"\noutput_usd = 1.0\n\n{more}\n"
    );
    std::fs::write(folder.path().join("outthink.toml"), text).unwrap();
    folder
}

/// Makes a key in the ledger of the configuration in `folder`.
pub(crate) fn make_key(folder: &Path, name: &str, more: &[&str]) -> String {
    let output = outthink(folder)
        .current_dir(folder)
        .args(["keys", "create", name, "--config", "outthink.toml"])
        .args(more)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// The ledger's file in `folder`.
pub(crate) fn ledger_url(folder: &Path) -> String {
    let file: PathBuf = folder.join("ledger.db");
    format!("sqlite:{}", file.display())
}
