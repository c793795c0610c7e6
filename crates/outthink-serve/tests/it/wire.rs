//! HTTP itself: who half closes, what is encoded, heads, keys, scripts of pages.

use crate::ask;
use crate::http::{call, exchange};
use crate::played::{Act, Bank, engine, gateway, says, serve};
use outthink_core::Effort;
use outthink_serve::config::{Config, Source};
use outthink_serve::{Limits, Policy, ServeOptions};
use serde_json::json;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn slowly(text: &'static str) -> Vec<Act> {
    let mut acts = vec![Act::Wait(Duration::from_millis(150))];
    acts.extend(says(text));
    acts
}

/// Sends a request and ends the client's side, both before the gateway, which runs on this thread, can look.
async fn half_closed_at_once(address: SocketAddr, request: &str) -> String {
    let mut socket = std::net::TcpStream::connect(address).unwrap();
    socket.write_all(request.as_bytes()).unwrap();
    socket.shutdown(std::net::Shutdown::Write).unwrap();
    socket.set_nonblocking(true).unwrap();
    let mut reply = String::new();
    TcpStream::from_std(socket).unwrap().read_to_string(&mut reply).await.unwrap();
    reply
}

#[tokio::test]
async fn who_has_only_finished_sending_gets_its_reply() {
    let bank = Bank::with(outthink_ledger::Limits::default(), engine(|_, _| slowly("still here"))).await;
    let (open, _) = gateway(|_, _| slowly("still here")).await;
    let (quick, _) = gateway(|_, _| says("still here")).await;
    let key = format!("authorization: Bearer {}\r\n", bank.secret);
    let long = "word ".repeat(20_000);
    for (address, key) in [(bank.address, &*key), (open, ""), (quick, "")] {
        for (stream, words, chunked) in [
            (false, "hi", false),
            (true, "hi", false),
            (false, &*long, false),
            (true, &*long, true),
            (false, "hi", true),
        ] {
            let body = json!({"messages": [{"role": "user", "content": words}], "stream": stream}).to_string();
            let head = format!("POST /v1/chat/completions HTTP/1.1\r\nhost: t\r\n{key}");
            let request = if chunked {
                let (one, two) = body.split_at(10);
                format!(
                    "{head}transfer-encoding: chunked\r\n\r\n{:x}\r\n{one}\r\n{:x}\r\n{two}\r\n0\r\n\r\n",
                    one.len(),
                    two.len()
                )
            } else {
                format!("{head}content-length: {}\r\n\r\n{body}", body.len())
            };
            for _ in 0..4 {
                let reply = half_closed_at_once(address, &request).await;
                let case = format!("key {key:?}, stream {stream}, chunked {chunked}, {} bytes: {reply}", body.len());
                assert!(reply.starts_with("HTTP/1.1 200 OK\r\n"), "{case}");
                assert_eq!(reply.matches("HTTP/1.").count(), 1, "{case}");
                assert!(reply.contains("still here"), "{case}");
            }
        }
    }
    for (request, status) in [
        ("GET /v1/models HTTP/1.1\r\nhost: t\r\n\r\n", 200),
        ("POST /v1/chat/completions HTTP/1.1\r\nhost: t\r\ncontent-length: 2\r\n\r\n{}", 400),
        ("POST /nowhere HTTP/1.1\r\nhost: t\r\ncontent-length: 2\r\n\r\n{}", 404),
    ] {
        let reply = half_closed_at_once(open, request).await;
        assert!(reply.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {reply}");
    }
}

#[tokio::test]
async fn who_sends_half_a_body_and_closes_is_refused_and_asks_nothing() {
    let (address, engine) = gateway(|_, _| says("hi")).await;
    let mut connection = TcpStream::connect(address).await.unwrap();
    let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: t\r\ncontent-length: 100\r\n\r\n{\"mess";
    connection.write_all(head.as_bytes()).await.unwrap();
    connection.shutdown().await.unwrap();
    let mut reply = Vec::new();
    let _ = connection.read_to_end(&mut reply).await;
    assert!(!reply.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&reply));
    assert_eq!(engine.started(), 0);
}

async fn send_encoded(address: SocketAddr, encoding: &str, body: &[u8]) -> String {
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: t\r\nconnection: close\r\ncontent-encoding: {encoding}\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    exchange(address, &[head.as_bytes(), body].concat()).await
}

#[tokio::test]
async fn encoded_bodies_are_decoded_within_the_bound_or_refused() {
    let engine = engine(|_, _| says("hi"));
    let options = ServeOptions { max_body_bytes: 10_000, ..ServeOptions::new(vec![engine]) };
    let address = serve(options.with_default_effort(Effort::None)).await;
    let body = ask(json!({})).to_string();
    let gzip = |text: &str| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let zlib = |text: &str| {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let zstd =
        |text: &str| ruzstd::encoding::compress_to_vec(text.as_bytes(), ruzstd::encoding::CompressionLevel::Fastest);
    for (encoding, bytes) in [
        ("gzip", gzip(&body)),
        ("x-gzip", gzip(&body)),
        ("deflate", zlib(&body)),
        ("zstd", zstd(&body)),
        ("identity", body.clone().into_bytes()),
    ] {
        let reply = send_encoded(address, encoding, &bytes).await;
        assert!(reply.starts_with("HTTP/1.1 200 "), "{encoding}: {reply}");
    }
    let bomb = ask(json!({"x": "y".repeat(5_000_000)})).to_string();
    for (encoding, bytes, status) in [
        ("gzip", gzip(&bomb), 413),
        ("zstd", zstd(&bomb), 413),
        ("gzip", body.clone().into_bytes(), 400),
        ("br", body.clone().into_bytes(), 415),
    ] {
        let reply = send_encoded(address, encoding, &bytes).await;
        assert!(reply.starts_with(&format!("HTTP/1.1 {status} ")), "{encoding}: {reply}");
    }
}

#[tokio::test]
async fn who_asks_before_it_sends_is_asked_to_go_on_or_refused_at_once() {
    let engine = engine(|_, _| says("hi"));
    let options = ServeOptions { max_body_bytes: 1_000, ..ServeOptions::new(vec![engine]) };
    let address = serve(options.with_default_effort(Effort::None)).await;
    let body = ask(json!({})).to_string();
    let head = |length: usize| {
        format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: t\r\nconnection: close\r\nexpect: 100-continue\r\n\
             content-length: {length}\r\n\r\n"
        )
    };
    let mut connection = TcpStream::connect(address).await.unwrap();
    connection.write_all(head(body.len()).as_bytes()).await.unwrap();
    let mut go_on = [0; 25];
    connection.read_exact(&mut go_on).await.unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    connection.write_all(body.as_bytes()).await.unwrap();
    let mut reply = String::new();
    connection.read_to_string(&mut reply).await.unwrap();
    assert!(reply.starts_with("HTTP/1.1 200 "), "{reply}");
    let refused = exchange(address, head(5_000).as_bytes()).await;
    assert!(refused.starts_with("HTTP/1.1 413 "), "{refused}");
}

#[tokio::test]
async fn a_head_is_held_to_its_limit() {
    let limits = Limits { head_bytes: 2_048, ..Limits::default() };
    let engine = engine(|_, _| says("hi"));
    let address = serve(ServeOptions { limits, ..ServeOptions::new(vec![engine]) }).await;
    for (size, status) in [(1_000, 200), (3_000, 431), (100_000, 431)] {
        let head = format!("GET /health HTTP/1.1\r\nhost: t\r\nconnection: close\r\nx: {}\r\n\r\n", "y".repeat(size));
        let reply = exchange(address, head.as_bytes()).await;
        assert!(reply.starts_with(&format!("HTTP/1.1 {status} ")), "{size}: {reply}");
    }
}

#[tokio::test]
async fn an_unused_connection_is_kept_longer_than_a_slow_head() {
    assert!(Limits::default().idle >= Duration::from_secs(75));
    let limits = Limits { head: Duration::from_millis(200), idle: Duration::from_millis(700), ..Limits::default() };
    let engine = engine(|_, _| says("hi"));
    let address = serve(ServeOptions { limits, ..ServeOptions::new(vec![engine]) }).await;
    // A head that is not finished.
    let began = Instant::now();
    let mut slow = TcpStream::connect(address).await.unwrap();
    slow.write_all(b"GET /health HT").await.unwrap();
    let mut bytes = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(5), slow.read_to_end(&mut bytes)).await;
    assert!(ended.is_ok(), "the slow head is still open");
    let took = began.elapsed();
    assert!((180..600).contains(&took.as_millis()), "{took:?}");
    // A connection on which something was answered.
    let mut kept = TcpStream::connect(address).await.unwrap();
    for _ in 0..2 {
        kept.write_all(b"GET /health HTTP/1.1\r\nhost: t\r\n\r\n").await.unwrap();
        let mut some = [0; 1_024];
        let read = tokio::time::timeout(Duration::from_secs(5), kept.read(&mut some)).await.unwrap();
        assert!(read.unwrap() > 0);
        tokio::time::sleep(Duration::from_millis(450)).await;
    }
    let began = Instant::now();
    let ended = tokio::time::timeout(Duration::from_secs(5), kept.read_to_end(&mut bytes)).await;
    assert!(ended.is_ok(), "the unused connection is still open");
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}

async fn keyed(cors: &str) -> SocketAddr {
    let text = format!("[server]\ncors_origins = {cors}\n[keys]\nmode = \"required\"\n");
    let config = Arc::new(Config::parse(&Source::new("f", text)).unwrap());
    let engine = engine(|_, _| says("hi"));
    let policy = Policy { config, ..Policy::default() };
    serve(ServeOptions { policy, ..ServeOptions::new(vec![engine]) }).await
}

#[tokio::test]
async fn who_shows_no_key_is_told_how() {
    let address = keyed("[]").await;
    let reply = call(address, "POST", "/v1/chat/completions", "{}").await;
    assert_eq!((reply.status, reply.header("www-authenticate")), (401, Some("Bearer")));
}

#[tokio::test]
async fn pages_that_are_listed_may_ask() {
    let ask = "OPTIONS /v1/chat/completions HTTP/1.1\r\nhost: t\r\nconnection: close\r\norigin: https://app.example\r\n\
               access-control-request-method: POST\r\naccess-control-request-headers: authorization\r\n\r\n";
    for (cors, allowed) in [("[\"https://app.example\"]", true), ("[\"*\"]", true), ("[\"https://b.example\"]", false)]
    {
        let reply = exchange(keyed(cors).await, ask.as_bytes()).await;
        assert_eq!(reply.contains("access-control-allow-origin: https://app.example\r\n"), allowed, "{cors}: {reply}");
        assert_eq!(reply.starts_with("HTTP/1.1 204 "), allowed, "{cors}: {reply}");
    }
    // A refusal can be read by the page, too.
    let get = "GET /v1/models HTTP/1.1\r\nhost: t\r\nconnection: close\r\norigin: https://app.example\r\n\r\n";
    let reply = exchange(keyed("[\"https://app.example\"]").await, get.as_bytes()).await;
    assert!(reply.starts_with("HTTP/1.1 401 ") && reply.contains("access-control-allow-origin: "), "{reply}");
}
