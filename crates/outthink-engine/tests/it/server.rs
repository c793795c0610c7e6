//! A tiny HTTP server that says what a script tells it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What to do next on a connection.
#[derive(Clone)]
pub(crate) enum Do {
    Send(Vec<u8>),
    Wait(Duration),
    /// Says nothing more and waits for the other side to hang up.
    Hang,
}

/// What was seen of the requests.
#[derive(Default)]
pub(crate) struct Seen {
    /// Head and body of every request.
    pub(crate) requests: Vec<String>,
    /// When the other side hung up while the server was hanging.
    pub(crate) hung_up: Vec<Instant>,
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) seen: Arc<Mutex<Seen>>,
}

/// Text to send.
pub(crate) fn text(text: impl Into<String>) -> Do {
    Do::Send(text.into().into_bytes())
}

/// The head of an event stream that ends with the connection.
pub(crate) fn stream_head() -> Do {
    text("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
}

/// A whole reply.
pub(crate) fn reply(status: &str, kind: &str, body: &str) -> Vec<Do> {
    let length = body.len();
    vec![text(format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    ))]
}

/// A stream of events with these data.
pub(crate) fn events(data: &[&str]) -> Vec<Do> {
    let mut steps = vec![stream_head()];
    steps.extend(data.iter().map(|d| text(format!("data: {d}\n\n"))));
    steps
}

impl Server {
    /// Serves the scripts, one for each request in order; the last one again and again.
    pub(crate) async fn start(scripts: Vec<Vec<Do>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let shared = Arc::clone(&seen);
        tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(socket, scripts.clone(), Arc::clone(&shared)));
            }
        });
        Self { address, seen }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.seen.lock().unwrap().requests.clone()
    }
}

async fn serve(mut socket: TcpStream, scripts: Vec<Vec<Do>>, seen: Arc<Mutex<Seen>>) {
    let Some(request) = read_request(&mut socket).await else {
        return;
    };
    let number = {
        let mut seen = seen.lock().unwrap();
        seen.requests.push(request);
        seen.requests.len() - 1
    };
    for step in &scripts[number.min(scripts.len() - 1)] {
        match step {
            Do::Send(bytes) => {
                if socket.write_all(bytes).await.is_err() {
                    return;
                }
            }
            Do::Wait(time) => tokio::time::sleep(*time).await,
            Do::Hang => {
                let mut byte = [0];
                let _ = socket.read(&mut byte).await;
                seen.lock().unwrap().hung_up.push(Instant::now());
                return;
            }
        }
    }
    let _ = socket.shutdown().await;
}

async fn read_request(socket: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|l| l.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok())
                .unwrap_or(0);
            if body.len() >= length {
                return Some(text);
            }
        }
        let mut buffer = [0; 4096];
        match socket.read(&mut buffer).await {
            Ok(0) | Err(_) => return None,
            Ok(n) => bytes.extend_from_slice(&buffer[..n]),
        }
    }
}
