//! A gateway before a server that misbehaves, clients that watch every byte, and clients that leave.

use outthink_core::{Effort, Price, derive_seed};
use outthink_engine::openai::{OpenAiEngine, OpenAiOptions, Timeouts};
use outthink_serve::ServeOptions;
use outthink_testkit::server::{Accounts, Scenario, Server, Steady};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A gateway and the server behind it, in this process.
pub(crate) struct Storm {
    pub(crate) fake: Server,
    pub(crate) address: SocketAddr,
}

impl Storm {
    /// Starts both; what stalls is given up after `idle`.
    pub(crate) async fn start(fake: Steady, idle: Duration) -> Self {
        let fake = Server::start_in_runtime(Scenario::steady(fake)).await.unwrap();
        let timeouts = Timeouts { first_token: idle, idle, ..Timeouts::default() };
        let options = before(&fake.url(), timeouts);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(outthink_serve::serve(listener, options, std::future::pending()));
        Self { fake, address }
    }
}

/// The options of a gateway before the server at `url`.
fn before(url: &str, timeouts: Timeouts) -> ServeOptions {
    let options = OpenAiOptions {
        model: Some("fake".into()),
        price: Price::per_million_usd(1.0, 1.0, 2.0).unwrap(),
        timeouts,
        max_in_flight: 1 << 16,
        ..OpenAiOptions::new(url)
    };
    ServeOptions::new(vec![Arc::new(OpenAiEngine::new(options).unwrap())]).with_default_effort(Effort::None)
}

/// Serves a gateway until the process ends.
#[allow(dead_code, reason = "the measurement starts it, the test does not")]
pub(crate) async fn gateway(port: u16, url: &str) {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    outthink_serve::serve(listener, before(url, Timeouts::default()), std::future::pending()).await.unwrap();
}

/// How a request ended.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ending {
    /// What went wrong, in the gateway's words; nothing where it was an answer.
    pub(crate) error: Option<String>,
    /// The generated tokens on its bill.
    pub(crate) tokens: u64,
}

/// A request of the kind that belongs to this number: whole or streamed, one sample or a vote, with
/// and without a budget. With it the budget in tokens.
pub(crate) fn request(number: u64) -> (Value, Option<u64>) {
    let draw = derive_seed(11, number);
    let mut body = json!({
        "model": "fake", "seed": number, "messages": [{"role": "user", "content": "What is 2+2?"}],
        "max_tokens": 16,
    });
    if draw & 1 == 1 {
        body["stream"] = true.into();
        body["stream_options"] = json!({"include_usage": true});
    }
    let mut budget = None;
    if draw & 6 == 6 {
        body["outthink"] = json!({"strategy": "self-consistency", "samples": 4});
        if draw & 8 == 8 {
            budget = Some(40);
            body["outthink"]["budget_tokens"] = 40.into();
        }
    }
    (body, budget)
}

/// Sends a request and reads its reply to the end.
///
/// # Errors
/// With what is wrong, if the reply is neither one complete answer nor one well-formed error.
pub(crate) async fn ask(address: SocketAddr, body: &Value) -> Result<Ending, String> {
    let mut stream = send(address, body).await.map_err(|e| format!("not sent: {e}"))?;
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(Duration::from_mins(2), stream.read_to_end(&mut bytes));
    read.await.map_err(|_| "no end within 120 s".to_owned())?.map_err(|e| format!("broken off: {e}"))?;
    let text = String::from_utf8(bytes).map_err(|_| "not UTF-8".to_owned())?;
    judge(&text).map_err(|what| format!("{what}: {text}"))
}

/// Sends a request.
pub(crate) async fn send(address: SocketAddr, body: &Value) -> std::io::Result<TcpStream> {
    let mut stream = TcpStream::connect(address).await?;
    let body = body.to_string();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: t\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all((head + &body).as_bytes()).await?;
    Ok(stream)
}

/// Whether a reply is one complete answer or one well-formed error.
pub(crate) fn judge(text: &str) -> Result<Ending, &'static str> {
    let (head, body) = text.split_once("\r\n\r\n").ok_or("no head")?;
    let status: u16 = head.split(' ').nth(1).and_then(|s| s.parse().ok()).ok_or("no status")?;
    let lower = head.to_ascii_lowercase();
    let body = if lower.contains("transfer-encoding: chunked") { chunks(body)? } else { body.to_owned() };
    if lower.contains("text/event-stream") {
        return judge_stream(&body);
    }
    let value: Value = serde_json::from_str(&body).map_err(|_| "a body that is not JSON")?;
    if status == 200 {
        let choice = &value["choices"][0];
        let complete = choice["message"]["content"].is_string() && choice["finish_reason"].is_string();
        if !complete || value["choices"].as_array().map(Vec::len) != Some(1) || !value["outthink"].is_object() {
            return Err("an answer that is not complete");
        }
        return Ok(Ending { error: None, tokens: usage(&value)? });
    }
    error(&value)
}

fn judge_stream(body: &str) -> Result<Ending, &'static str> {
    let rest = body.strip_suffix("data: [DONE]\n\n").ok_or("a stream without its end")?;
    if rest.contains("[DONE]") {
        return Err("a stream that ends twice");
    }
    let mut reason = None;
    let mut last = None;
    for event in rest.split_terminator("\n\n").filter(|e| !e.starts_with(':')) {
        let data = event.strip_prefix("data: ").ok_or("an event without data")?;
        let value: Value = serde_json::from_str(data).map_err(|_| "an event that is not JSON")?;
        if last.as_ref().is_some_and(|l: &Value| l.get("error").is_some()) {
            return Err("an event after the error");
        }
        if let Some(told) = value["choices"][0]["finish_reason"].as_str()
            && reason.replace(told.to_owned()).is_some()
        {
            return Err("two reasons");
        }
        last = Some(value);
    }
    let last = last.ok_or("an empty stream")?;
    if last.get("error").is_some() {
        return error(&last);
    }
    if reason.is_none() || !last["outthink"].is_object() {
        return Err("a stream that is not complete");
    }
    Ok(Ending { error: None, tokens: usage(&last)? })
}

fn usage(value: &Value) -> Result<u64, &'static str> {
    value["usage"]["completion_tokens"].as_u64().ok_or("no usage")
}

fn error(value: &Value) -> Result<Ending, &'static str> {
    let error = value["error"].as_object().ok_or("an error without its object")?;
    let whole = ["message", "type", "param", "code"].iter().all(|key| error.contains_key(*key));
    let (true, Some(words), true) = (whole, error["message"].as_str(), error["type"].is_string()) else {
        return Err("an error that is not well formed");
    };
    let bill = |key: &str| value["outthink"][key].as_u64().unwrap_or(0);
    Ok(Ending { error: Some(words.to_owned()), tokens: bill("discarded_tokens") + bill("cancelled_tokens") })
}

fn chunks(mut rest: &str) -> Result<String, &'static str> {
    let mut whole = String::new();
    loop {
        let (size, after) = rest.split_once("\r\n").ok_or("a body that is cut")?;
        let size = usize::from_str_radix(size, 16).map_err(|_| "a chunk without its size")?;
        if size == 0 {
            return Ok(whole);
        }
        whole.push_str(after.get(..size).ok_or("a body that is cut")?);
        rest = after.get(size + 2..).ok_or("a body that is cut")?;
    }
}

/// What became of a client that left.
#[allow(dead_code, reason = "the measurement looks at it, the test does not")]
pub(crate) struct Leaver {
    /// The name under which the server's accounts have it.
    pub(crate) user: String,
    /// When it left.
    pub(crate) at: Instant,
}

/// A client that asks for `samples` samples and leaves after `stay`; with `accounts` no sooner than all
/// samples run.
pub(crate) async fn leave(
    address: SocketAddr,
    number: u64,
    samples: u64,
    stay: Duration,
    accounts: Option<&Accounts>,
) -> Leaver {
    let user = format!("client-{number}");
    let mut body = json!({
        "model": "fake", "user": user, "stream": number.is_multiple_of(2), "max_tokens": 1000,
        "messages": [{"role": "user", "content": "What is 2+2?"}],
    });
    if samples > 1 {
        body["outthink"] = json!({"strategy": "self-consistency", "samples": samples});
    }
    let stream = send(address, &body).await.unwrap();
    while accounts.is_some_and(|accounts| accounts.of(&user).open < samples) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::time::sleep(stay).await;
    // What was sent is not read: a client that vanished.
    drop(stream);
    Leaver { user, at: Instant::now() }
}
