//! The server on the wire.

use outthink_testkit::client::{self, Response};
use outthink_testkit::server::{Chaos, Message, Reply, Scenario, Server, Steady, Step};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

fn asked(stream: bool) -> Value {
    let mut body = json!({"messages": [{"role": "user", "content": "2+2?"}], "user": "u"});
    if stream {
        body["stream"] = true.into();
        body["stream_options"] = json!({"include_usage": true});
    }
    body
}

async fn ask(server: &Server, stream: bool) -> Response {
    client::post(server.address(), Scenario::CHAT, &asked(stream)).await
}

/// All bytes of the reply to one request, however the connection ends.
async fn bytes(address: SocketAddr) -> Vec<u8> {
    let body = asked(true).to_string();
    let mut stream = client::open(address, "POST", Scenario::CHAT, &[], body.as_bytes()).await;
    let mut all = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
        all.extend_from_slice(&buffer[..read]);
    }
    all
}

#[tokio::test]
async fn a_message_is_the_same_whole_and_streamed() {
    let call = json!({"id": "c1", "type": "function", "function": {"name": "add", "arguments": "{\"a\":\"ü\"}"}});
    for (reply, tokens) in [
        (Reply::text("The answer is 4."), 4),
        (Reply::text("It is 4.").thinking("two and two"), 6),
        (Reply::message(Message::default().tool_calls([call.clone(), call])), 6),
        (Reply::text("4").with(|m| m.extra("refusal", json!("no")).beside("service_tier", json!("flex"))), 1),
    ] {
        let server = Server::start(reply);
        let (whole, streamed) = (ask(&server, false).await, ask(&server, true).await);
        assert!(!whole.is_stream() && streamed.is_stream());
        let (whole, mut streamed) = (whole.answer(), streamed.answer());
        if let Some(Value::Array(calls)) = streamed.message.get_mut("tool_calls") {
            for call in calls {
                call.as_object_mut().unwrap().remove("index");
            }
            streamed.message["content"] = Value::Null;
        }
        assert_eq!(whole, streamed);
        assert_eq!(whole.usage["completion_tokens"], tokens);
        let account = server.accounts().of("u");
        assert_eq!((account.completion, account.prompt, account.calls, account.left), (2 * tokens, 20, 2, 0));
    }
}

#[tokio::test]
async fn limits_are_obeyed_or_not_and_usage_is_what_is_said() {
    let body = json!({"messages": [], "max_tokens": 3});
    let (obeys, ignores) = (Reply::words(5), Reply::words(5).with(Message::ignoring_limits));
    let usage = json!({"prompt_tokens": 7, "completion_tokens": 500});
    let server = Server::start(Scenario::chat([obeys, ignores.usage(usage.clone())]));
    let first = client::post(server.address(), Scenario::CHAT, &body).await.answer();
    assert_eq!((first.finish, &first.usage["completion_tokens"]), (json!("length"), &json!(3)));
    let second = client::post(server.address(), Scenario::CHAT, &body).await.answer();
    assert_eq!((second.finish, second.usage), (json!("stop"), usage));
    assert_eq!(server.accounts().total().completion, 503);
}

#[tokio::test]
async fn it_misbehaves_on_the_wire_as_ordered() {
    let event = json!({"choices": [{"index": 0, "delta": {"content": "grün"}}]});
    let server = Server::start(Scenario::chat([
        Reply::events([Step::from(&event), Step::comment("ping"), Step::named("error", &json!({"message": "boom"}))]),
        Reply::events([event.clone()]).cut_after(11, Step::Close),
        Reply::events([event.clone()]).cut_after(11, Step::Reset),
        Reply::events([event.clone()]).in_pieces(1, Duration::ZERO),
        Reply::events([event.clone()]).until_close(),
        Reply::wire([Step::raw("no HTTP at all")]),
        Reply::body("text/html", "<html>").status(502).header("retry-after", "7"),
    ]));
    let all = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let named = all(bytes(server.address()).await);
    assert!(
        named.contains(": ping\n\n") && named.contains("event: error\ndata: {\"message\":\"boom\"}\n\n"),
        "{named}"
    );
    assert!(named.ends_with("0\r\n\r\n"), "{named}");
    for _ in 0..2 {
        let cut = all(bytes(server.address()).await);
        assert!(cut.ends_with("b\r\ndata: {\"cho\r\n"), "{cut}");
    }
    let pieces = all(bytes(server.address()).await);
    let length = format!("data: {event}\n\n").len();
    assert_eq!(pieces.matches("1\r\n").count(), length, "one chunk a byte: {pieces}");
    let close = all(bytes(server.address()).await);
    assert!(close.contains("connection: close\r\n") && close.ends_with(&format!("data: {event}\n\n")), "{close}");
    assert_eq!(bytes(server.address()).await, b"no HTTP at all");
    let page = ask(&server, false).await;
    assert_eq!((page.status, page.header("Retry-After"), page.body.as_str()), (502, Some("7"), "<html>"));
    assert_eq!((server.requests().len(), server.connections()), (7, 7));
}

#[tokio::test]
async fn clients_that_leave_are_seen_at_once() {
    for reply in [
        Reply::events([Step::from("{}"), Step::Hang]),
        Reply::words(100).pace(Duration::from_millis(20)),
        Reply::text("late").after(Duration::from_mins(1)),
    ] {
        let server = Server::start(reply);
        let body = asked(true).to_string();
        let stream = client::open(server.address(), "POST", Scenario::CHAT, &[], body.as_bytes()).await;
        assert!(server.until(|total| total.open == 1).await);
        tokio::time::sleep(Duration::from_millis(30)).await;
        let left = std::time::Instant::now();
        drop(stream);
        assert!(server.until(|total| total.open == 0).await);
        let total = server.accounts().total();
        assert_eq!(total.left, 1);
        assert!(total.last_left.unwrap() - left < Duration::from_millis(500));
        assert!(total.completion < 50);
    }
}

#[tokio::test]
async fn connections_are_kept_and_may_go_stale() {
    let body = asked(false).to_string();
    let request = format!("POST {} HTTP/1.1\r\ncontent-length: {}\r\n\r\n{body}", Scenario::CHAT, body.len());
    for (scenario, second) in [
        (Scenario::chat([Reply::text("4")]), true),
        (Scenario::chat([Reply::text("4")]).closes_kept_connections(), false),
        (Scenario::chat([Reply::text("4").closes()]), false),
    ] {
        let server = Server::start(scenario);
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        let mut got = [false; 2];
        for got in &mut got {
            let _ = stream.write_all(request.as_bytes()).await;
            let mut buffer = [0; 4096];
            let mut seen = Vec::new();
            while let Ok(read @ 1..) = stream.read(&mut buffer).await {
                seen.extend_from_slice(&buffer[..read]);
                if String::from_utf8_lossy(&seen).contains("\"usage\"") {
                    *got = true;
                    break;
                }
            }
        }
        assert_eq!(got, [true, second]);
    }
}

#[tokio::test]
async fn routes_answer_by_script_or_as_a_healthy_server() {
    let scenario = Scenario::round([Reply::text("a"), Reply::text("b")])
        .on("/tokenize", [Reply::json(json!({"tokens": [1]}))])
        .on_by(Scenario::COMPLETIONS, |number, request| {
            Reply::text(&format!("{number}: {}", request.json()["prompt"].as_str().unwrap_or_default()))
        })
        .model("tiny")
        .owned_by("vllm")
        .context(2048);
    let server = Server::start(scenario);
    let mut said = Vec::new();
    for _ in 0..3 {
        said.push(ask(&server, false).await.answer().message["content"].clone());
    }
    assert_eq!(said, ["a", "b", "a"]);
    let completion = client::post(server.address(), Scenario::COMPLETIONS, &json!({"prompt": "x"})).await.json();
    assert_eq!((&completion["choices"][0]["text"], &completion["object"]), (&json!("0: x"), &json!("text_completion")));
    let models = client::get(server.address(), Scenario::MODELS).await.json();
    assert_eq!(models["data"][0]["owned_by"], "vllm");
    assert_eq!((&models["data"][0]["id"], &models["data"][0]["max_model_len"]), (&json!("tiny"), &json!(2048)));
    assert_eq!(client::post(server.address(), "/tokenize", &json!({})).await.json()["tokens"], json!([1]));
    assert_eq!(client::post(server.address(), "/nowhere", &json!({})).await.status, 404);
    let metrics = client::get(server.address(), "/metrics").await.body;
    assert!(metrics.contains("vllm:generation_tokens_total 5\n"), "{metrics}");
}

#[tokio::test]
async fn a_steady_server_counts_what_it_sent_whatever_goes_wrong() {
    let steady = Steady { chaos: Some(Chaos::all(3, 0.5)), pause: Duration::from_micros(1), ..Steady::default() };
    let server = Server::start(Scenario::steady(steady));
    for _ in 0..60 {
        tokio::time::timeout(Duration::from_millis(200), bytes(server.address())).await.ok();
    }
    assert!(server.until(|total| total.open == 0).await);
    let total = server.accounts().total();
    assert!(total.calls == 60 && total.faults > 15, "{total:?}");
    assert!(total.completion > 16 * 20 && server.requests().is_empty(), "{total:?}");
    let fine = Server::start(Scenario::steady(Steady::default()));
    let (whole, streamed) = (ask(&fine, false).await.answer(), ask(&fine, true).await.answer());
    assert_eq!((&whole.usage["completion_tokens"], &streamed.usage["completion_tokens"]), (&json!(16), &json!(16)));
    assert_eq!(fine.accounts().total().completion, 32);
}
