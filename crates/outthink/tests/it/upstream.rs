//! A server with the OpenAI API that gives scripted answers, over plain sockets.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// A running server; it lives as long as the test's process.
pub(crate) struct Upstream {
    /// Its address.
    pub(crate) url: String,
    /// The bodies of the requests for completions.
    pub(crate) bodies: Arc<Mutex<Vec<String>>>,
}

impl Upstream {
    /// Answers request after request with the next of `answers`, round and round, each after
    /// `delay`.
    pub(crate) fn start(answers: &[&str], delay: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let bodies = Arc::new(Mutex::new(Vec::new()));
        let answers: Arc<[String]> = answers.iter().map(|a| (*a).to_owned()).collect();
        let (seen, next) = (Arc::clone(&bodies), Arc::new(AtomicUsize::new(0)));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (answers, seen, next) = (Arc::clone(&answers), Arc::clone(&seen), Arc::clone(&next));
                // A client that went away is no failure of the server.
                thread::spawn(move || drop(serve(stream.unwrap(), &answers, delay, &seen, &next)));
            }
        });
        Self { url, bodies }
    }
}

fn serve(
    mut stream: TcpStream,
    answers: &[String],
    delay: Duration,
    seen: &Mutex<Vec<String>>,
    next: &AtomicUsize,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line == "\r\n" {
            break;
        }
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    if first.starts_with("GET") {
        let models = r#"{"object":"list","data":[{"id":"scripted","object":"model"}]}"#;
        return write!(
            stream,
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{models}",
            models.len()
        );
    }
    seen.lock().unwrap().push(String::from_utf8(body).unwrap());
    let answer = &answers[next.fetch_add(1, Ordering::SeqCst) % answers.len()];
    write!(stream, "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")?;
    stream.flush()?;
    thread::sleep(delay);
    let delta = serde_json::json!({"id": "c", "object": "chat.completion.chunk", "model": "scripted", "created": 0,
        "choices": [{"index": 0, "delta": {"role": "assistant", "content": answer}, "finish_reason": null}]});
    let end = serde_json::json!({"id": "c", "object": "chat.completion.chunk", "model": "scripted", "created": 0,
        "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]});
    let usage = serde_json::json!({"id": "c", "object": "chat.completion.chunk", "model": "scripted", "created": 0,
        "choices": [], "usage": {"prompt_tokens": 40, "completion_tokens": 7, "total_tokens": 47}});
    write!(stream, "data: {delta}\n\ndata: {end}\n\ndata: {usage}\n\ndata: [DONE]\n\n")
}
