//! The receipt says what happened, and the way to the gateway is as HTTP has it.

use super::{Front, ask, say, serve};
use outthink_core::{Effort, Engine};
use outthink_engine::openai::{OpenAiEngine, OpenAiOptions};
use outthink_serve::ServeOptions;
use outthink_testkit::client::{self, Response};
use outthink_testkit::server::{Reply, Scenario, Step};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

#[tokio::test]
async fn failed_samples_are_counted_and_named() {
    let scenario = Scenario::by(|number, _| {
        if number % 6 == 0 {
            Reply::text("The answer is 391.")
        } else {
            Reply::error(500, "down", "server_error", Value::Null)
        }
    });
    let front = Front::new(scenario).await;
    for reply in front.both(&json!({"outthink": {"strategy": "self-consistency", "samples": 6}})).await {
        let answer = reply.answer();
        assert_eq!(answer.receipt["samples_failed"], 5, "{}", answer.receipt);
        assert_eq!(answer.receipt["samples_drawn"], 6, "{}", answer.receipt);
        let words = answer.receipt.to_string();
        assert!(words.contains("fail"), "the receipt names what went wrong: {words}");
    }
}

#[tokio::test]
async fn where_all_fail_it_is_an_error() {
    let front = Front::new(Reply::error(500, "down", "server_error", Value::Null)).await;
    for strategy in ["single", "self-consistency", "adaptive", "best-of-n"] {
        let samples = if strategy == "single" { 1 } else { 3 };
        let mut fields = json!({"outthink": {"strategy": strategy, "samples": samples}});
        if strategy == "best-of-n" {
            fields["outthink"]["verifiers"] = json!([{"numeric": 391}]);
        }
        for reply in front.both(&fields).await {
            let answer = reply.answer();
            assert!(answer.error.is_object(), "{strategy}: {}", reply.body);
            assert!(answer.status == 502 || reply.is_stream(), "{strategy}: {}", answer.status);
        }
    }
}

#[tokio::test]
async fn usage_is_what_was_generated_and_what_verifiers_read_stands_apart() {
    let usage = json!({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15});
    let front = Front::new(Reply::text("The answer is 391.").usage(usage)).await;
    let fields = json!({"outthink": {"strategy": "best-of-n", "samples": 3, "verifiers": [{"numeric": 5}]}});
    for reply in front.both(&fields).await {
        let answer = reply.answer();
        assert_eq!(answer.usage["completion_tokens"], 15, "{}", answer.usage);
        let usage = &answer.usage;
        let sum = usage["prompt_tokens"].as_u64().unwrap() + usage["completion_tokens"].as_u64().unwrap();
        assert_eq!(usage["total_tokens"], sum, "{usage}");
    }
    assert_eq!(front.server.accounts().total().completion, 30);
}

#[tokio::test]
async fn a_dead_engine_is_not_ready() {
    let options = OpenAiOptions { model: Some("m".into()), max_retries: 0, ..OpenAiOptions::new("http://127.0.0.1:9") };
    let engine: Arc<dyn Engine> = Arc::new(OpenAiEngine::new(options).unwrap());
    let address = serve(ServeOptions::new(vec![engine]).with_default_effort(Effort::None)).await;
    for _ in 0..3 {
        let failed = client::post(address, Scenario::CHAT, &ask(json!({}))).await;
        assert_eq!(failed.status, 502, "{}", failed.body);
    }
    assert_eq!(client::get(address, "/health/ready").await.status, 503);
    let front = Front::new(Reply::text("391")).await;
    front.chat(json!({})).await;
    assert_eq!(client::get(front.address, "/health/ready").await.status, 200);
}

#[tokio::test]
async fn a_role_is_not_the_first_token() {
    let role = super::chunk(&json!({"role": "assistant", "content": ""}), &Value::Null);
    let slow = Reply::events((0..60).flat_map(|_| [role.clone(), Step::pause_ms(50)]).chain([
        say("391"),
        super::end("stop"),
        super::done(),
    ]));
    let front = Front::with(slow, |options| options.timeouts.first_token = Duration::from_millis(400)).await;
    let begin = Instant::now();
    let reply = front.chat(json!({})).await;
    assert_eq!(reply.status, 504, "{}", reply.body);
    assert!(begin.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn completions_get_no_chunk_that_was_not_asked_for() {
    let front = Front::new(Scenario::default().on(Scenario::COMPLETIONS, [Reply::text("Once upon a time")])).await;
    for (options, wanted) in [(json!(null), false), (json!({"include_usage": true}), true)] {
        let mut body = json!({"prompt": "Once", "stream": true, "max_tokens": 9});
        if !options.is_null() {
            body["stream_options"] = options;
        }
        let reply = client::post(front.address, Scenario::COMPLETIONS, &body).await;
        let events = reply.events();
        let text: String = events.iter().filter_map(|e| e["choices"][0]["text"].as_str()).collect();
        assert_eq!(text, "Once upon a time", "{}", reply.body);
        let extra = events.iter().filter(|e| e["choices"].as_array().is_none_or(Vec::is_empty)).count();
        assert_eq!(extra > 0, wanted, "{}", reply.body);
    }
}

#[tokio::test]
async fn responses_know_their_own_fields() {
    let front = Front::new(Reply::text("391")).await;
    for (name, body) in [
        ("stop", json!({"input": "x", "stop": ["."]})),
        ("messages", json!({"messages": [{"role": "user", "content": "x"}]})),
        ("text.format", json!({"input": "x", "text": {"format": {"type": "zip"}}})),
        ("max_tokens", json!({"input": "x", "max_tokens": 9})),
        ("max_output_tokens", json!({"input": "x", "max_output_tokens": "many"})),
    ] {
        let reply = client::post(front.address, "/v1/responses", &body).await;
        assert_eq!(reply.status, 400, "{name}: {}", reply.body);
        let error = &reply.json()["error"];
        let named = format!("{} {}", error["param"].as_str().unwrap_or_default(), error["message"]);
        assert!(named.contains(name.split('.').next().unwrap()), "{name}: {named}");
    }
    assert!(front.server.requests().is_empty());
    let reply = client::post(front.address, "/v1/responses", &json!({"input": "x"})).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
}

/// Sends a request by hand on one connection and reads until the other side is done.
async fn by_hand(front: &Front, head: &str, body: &[u8], half_close: bool) -> Response {
    let mut stream = tokio::net::TcpStream::connect(front.address).await.unwrap();
    let head = format!("POST {} HTTP/1.1\r\nhost: t\r\n{head}content-length: {}\r\n\r\n", Scenario::CHAT, body.len());
    stream.write_all(&[head.as_bytes(), body].concat()).await.unwrap();
    if half_close {
        stream.shutdown().await.unwrap();
    }
    let mut text = String::new();
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read_to_string(&mut text));
    read.await.expect("a reply within 10 s").unwrap();
    Response::parse(&text)
}

#[tokio::test]
async fn half_closed_clients_get_their_reply() {
    let front = Front::new(Reply::text("391").after(Duration::from_millis(200))).await;
    let body = ask(json!({})).to_string();
    let head = "content-type: application/json\r\nconnection: close\r\n";
    let reply = by_hand(&front, head, body.as_bytes(), true).await;
    assert_eq!((reply.status, &reply.answer().message["content"]), (200, &json!("391")));
}

#[tokio::test]
async fn bodies_that_are_encoded_are_decoded_or_refused() {
    let front = Front::new(Reply::text("391")).await;
    for encoding in ["gzip", "zstd", "br", "rot13"] {
        let head = format!("content-type: application/json\r\nconnection: close\r\ncontent-encoding: {encoding}\r\n");
        // Not what it says to be: never an answer, and never a failure of the gateway's own.
        let reply = by_hand(&front, &head, b"not encoded at all", false).await;
        assert!([400, 415].contains(&reply.status), "{encoding}: {} {}", reply.status, reply.body);
        assert!(reply.json()["error"]["message"].is_string(), "{encoding}");
    }
    assert!(front.server.requests().is_empty());
}

#[tokio::test]
async fn whoever_expects_100_is_told_to_continue() {
    let front = Front::new(Reply::text("391")).await;
    let body = ask(json!({})).to_string();
    let mut stream = tokio::net::TcpStream::connect(front.address).await.unwrap();
    let head = format!(
        "POST {} HTTP/1.1\r\nhost: t\r\ncontent-type: application/json\r\nconnection: close\r\nexpect: 100-continue\r\ncontent-length: {}\r\n\r\n",
        Scenario::CHAT,
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut first = [0; 25];
    let read = tokio::time::timeout(Duration::from_secs(5), stream.read_exact(&mut first));
    read.await.expect("an interim reply").unwrap();
    assert_eq!(&first, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert_eq!(Response::parse(&text).answer().message["content"], "391");
}

#[tokio::test]
async fn a_missing_key_says_how_to_give_one() {
    let bank = super::Bank::demanding(Reply::text("391"), 1_000_000).await;
    for key in [None, Some("Bearer wrong"), Some("Basic d3Jvbmc=")] {
        let headers: Vec<(&str, &str)> = key.map(|key| ("authorization", key)).into_iter().collect();
        let body = ask(json!({})).to_string();
        let reply = client::call(bank.address, "POST", Scenario::CHAT, &headers, body.as_bytes()).await;
        assert_eq!(reply.status, 401, "{key:?}: {}", reply.body);
        assert!(reply.header("www-authenticate").is_some_and(|h| h.starts_with("Bearer")), "{key:?}: {}", reply.head);
    }
    assert!(bank.server.requests().is_empty());
    assert_eq!(bank.post(Scenario::CHAT, &ask(json!({}))).await.status, 200);
}

#[tokio::test]
async fn no_limit_is_sent_that_nobody_asked_for() {
    let front = Front::new(Reply::text("The answer is 391.")).await;
    for effort in ["auto", "none", "low", "high"] {
        front.chat(json!({ "reasoning_effort": effort })).await;
    }
    for request in front.server.requests() {
        let body = request.json();
        assert!(body.get("max_tokens").is_none() && body.get("max_completion_tokens").is_none(), "{body}");
    }
    front.chat(json!({"max_tokens": 9})).await;
    let last = front.server.requests().pop().unwrap().json();
    assert!(last["max_tokens"] == 9 || last["max_completion_tokens"] == 9, "{last}");
}
