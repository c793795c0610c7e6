//! One request to a gateway, and its reply in one shape, whole and streamed.

#![allow(clippy::expect_used, clippy::panic, reason = "a client of tests says loudly what it did not get")]

use serde_json::{Map, Value, json};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// How long a reply may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A reply as it came, its body without the framing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// Its status.
    pub status: u16,
    /// The lines of its head.
    pub head: String,
    /// Its body.
    pub body: String,
}

/// What a reply says, in the same shape whether it came whole or as a stream.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The message of the first choice; a stream's pieces are joined as the OpenAI SDKs join them.
    pub message: Value,
    /// Its finish reason.
    pub finish: Value,
    /// The usage; null where none came.
    pub usage: Value,
    /// The receipt: the `outthink` object.
    pub receipt: Value,
    /// The error; null where there is none.
    pub error: Value,
}

/// Sends a `POST` with a JSON body and reads the reply.
///
/// # Panics
/// If no whole reply comes within 30 seconds.
pub async fn post(address: SocketAddr, path: &str, body: &Value) -> Response {
    call(address, "POST", path, &[], body.to_string().as_bytes()).await
}

/// Sends a `GET` and reads the reply.
///
/// # Panics
/// If no whole reply comes within 30 seconds.
pub async fn get(address: SocketAddr, path: &str) -> Response {
    call(address, "GET", path, &[], b"").await
}

/// Sends a request with further headers and reads the reply.
///
/// # Panics
/// If no whole reply comes within 30 seconds.
pub async fn call(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
    let mut stream = open(address, method, path, headers, body).await;
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(TIMEOUT, stream.read_to_end(&mut bytes));
    read.await.expect("a reply within 30 s").expect("a reply that is not broken off");
    Response::parse(&String::from_utf8(bytes).expect("a reply in UTF-8"))
}

/// Opens a connection and sends a request; dropping it is a client that leaves.
///
/// # Panics
/// If there is no connection.
pub async fn open(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: t\r\nconnection: close\r\n");
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
        head += "content-type: application/json\r\n";
    }
    for (name, value) in headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    let _ = write!(head, "content-length: {}\r\n\r\n", body.len());
    let request = [head.as_bytes(), body].concat();
    stream.write_all(&request).await.expect("a request that can be sent");
    stream
}

impl Response {
    /// Takes a reply apart.
    ///
    /// # Panics
    /// If it is none.
    pub fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head: {text:?}"));
        let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or_else(|| panic!("no status: {head}"));
        let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
        let body = if chunked { join_chunks(body) } else { body.to_owned() };
        Self { status, head: head.to_owned(), body }
    }

    /// The first header of this name, whatever its case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    /// Whether it is a stream of events.
    pub fn is_stream(&self) -> bool {
        self.header("content-type").is_some_and(|kind| kind.starts_with("text/event-stream"))
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// If it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }

    /// The data of the events; `[DONE]` is left out but demanded.
    ///
    /// # Panics
    /// If an event is no JSON, or `[DONE]` is not the last one.
    pub fn events(&self) -> Vec<Value> {
        let mut data: Vec<&str> = self.body.split("\n\n").filter_map(|e| e.strip_prefix("data: ")).collect();
        assert_eq!(data.pop(), Some("[DONE]"), "{}", self.body);
        data.into_iter().map(|d| serde_json::from_str(d).unwrap_or_else(|e| panic!("{e}: {d}"))).collect()
    }

    /// What the reply to a chat completion says.
    ///
    /// # Panics
    /// If it is not well formed.
    pub fn answer(&self) -> Answer {
        if !self.is_stream() {
            let body = self.json();
            let choice = &body["choices"][0];
            let (message, finish) = (choice["message"].clone(), choice["finish_reason"].clone());
            return Answer { message, finish, ..Answer::of(self.status, &body) };
        }
        let mut answer = Answer { status: self.status, ..Answer::default() };
        let mut message = Map::new();
        for event in self.events() {
            let beside = Answer::of(self.status, &event);
            for (kept, seen) in [
                (&mut answer.usage, beside.usage),
                (&mut answer.receipt, beside.receipt),
                (&mut answer.error, beside.error),
            ] {
                if !seen.is_null() {
                    *kept = seen;
                }
            }
            let choice = &event["choices"][0];
            if let Value::Object(delta) = &choice["delta"] {
                join(&mut message, delta);
            }
            if !choice["finish_reason"].is_null() {
                assert!(answer.finish.is_null(), "two finish reasons: {}", self.body);
                answer.finish = choice["finish_reason"].clone();
            }
        }
        if !message.is_empty() {
            answer.message = message.into();
        }
        answer
    }
}

impl Answer {
    fn of(status: u16, body: &Value) -> Self {
        let field = |name: &str| body.get(name).cloned().unwrap_or(Value::Null);
        Self { status, usage: field("usage"), receipt: field("outthink"), error: field("error"), ..Self::default() }
    }

    /// The calls of tools, in order: name and arguments.
    pub fn calls(&self) -> Vec<(String, String)> {
        let calls = self.message["tool_calls"].as_array().map(Vec::as_slice).unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        calls.iter().map(|c| (text(&c["function"]["name"]), text(&c["function"]["arguments"]))).collect()
    }
}

/// Joins a delta to a message as the OpenAI SDKs do: texts are appended, objects merged, lists appended but for
/// those whose elements have an `index`, which are merged by it. `index`, `type`, `id` and `role` are replaced.
fn join(into: &mut Map<String, Value>, delta: &Map<String, Value>) {
    for (name, value) in delta {
        let old = into.entry(name.clone()).or_insert(Value::Null);
        match (old, value) {
            (_, Value::Null) => {}
            (old @ Value::Null, Value::Array(elements)) if elements.iter().any(|e| e["index"].is_u64()) => {
                let mut list = Vec::new();
                join_by_index(&mut list, elements);
                *old = list.into();
            }
            (Value::String(text), Value::String(more)) if !["type", "id", "role"].contains(&name.as_str()) => {
                text.push_str(more);
            }
            (Value::Object(map), Value::Object(more)) => join(map, more),
            (Value::Array(list), Value::Array(more)) => join_by_index(list, more),
            (old, new) => *old = new.clone(),
        }
    }
}

fn join_by_index(list: &mut Vec<Value>, more: &[Value]) {
    for element in more {
        let Some(index) = element["index"].as_u64() else {
            list.push(element.clone());
            continue;
        };
        while list.len() as u64 <= index {
            list.push(json!({}));
        }
        if let (Some(old), Value::Object(new)) = (list.get_mut(index as usize).and_then(Value::as_object_mut), element)
        {
            join(old, new);
        }
    }
}

fn join_chunks(mut rest: &str) -> String {
    let mut whole = String::new();
    loop {
        let (size, after) = rest.split_once("\r\n").unwrap_or_else(|| panic!("a body that is cut: {rest:?}"));
        let size = usize::from_str_radix(size, 16).unwrap_or_else(|_| panic!("a chunk without its size: {size:?}"));
        if size == 0 {
            return whole;
        }
        whole.push_str(after.get(..size).unwrap_or_else(|| panic!("a chunk that is cut: {after:?}")));
        rest = after.get(size + 2..).unwrap_or_default();
    }
}
