//! Streams that go well, and their cancellation.

use crate::server::{Do, Server, events, reply, stream_head, text};
use crate::{dialect_of, engine, options, request, sample, whole};
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use outthink_core::{Engine as _, FinishReason, SampleEvent, SampleStream, Usage};
use outthink_engine::openai::OpenAiEngine;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const USAGE: &str = r#"{"choices":[],"usage":{"prompt_tokens":12,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":8},"completion_tokens_details":{"reasoning_tokens":1}}}"#;

fn choice(index: usize, delta: &Value, finish: &Value) -> String {
    json!({"choices": [{"index": index, "delta": delta, "finish_reason": finish}]}).to_string()
}

fn content(index: usize, text: &str) -> String {
    choice(index, &json!({"content": text}), &Value::Null)
}

fn end(index: usize) -> String {
    choice(index, &json!({}), &json!("stop"))
}

/// Reads a stream up to its first text.
async fn first_text(stream: &mut SampleStream) {
    assert!(matches!(stream.next().await, Some(Ok(SampleEvent::Started(_)))));
    assert!(matches!(stream.next().await, Some(Ok(SampleEvent::Delta(_)))));
}

#[tokio::test]
async fn a_stream_with_usage() {
    let script = events(&[
        &choice(0, &json!({"role": "assistant", "content": ""}), &Value::Null),
        &choice(0, &json!({"reasoning_content": "hm", "content": null}), &Value::Null),
        &content(0, "fo"),
        &content(0, "ür"),
        &end(0),
        USAGE,
        "[DONE]",
    ]);
    let server = Server::start(vec![script]).await;
    let engine = engine(&server);
    let mut request = request(&[7]);
    std::sync::Arc::make_mut(&mut request.prompt).extra.insert("tools".into(), json!([{"type": "function"}]));
    request.sampling.temperature = Some(0.5);
    let all = whole(engine.start(request).remove(0)).await;
    assert_eq!((all.content.as_str(), all.reasoning.as_str(), all.tokens), ("foür", "hm", 3));
    assert!(all.extra.is_empty() && all.error.is_none(), "{all:?}");
    let finish = all.finish.unwrap();
    assert_eq!(finish.reason, FinishReason::Stop);
    let usage = Usage { prompt: 12, cached: 8, completion: 3, reasoning: 1, ..Usage::default() };
    assert_eq!(finish.usage, usage);

    let sent = server.requests().remove(0);
    assert!(sent.starts_with("POST /v1/chat/completions "), "{sent}");
    assert!(sent.contains("authorization: Bearer sk-very-secret-1234"));
    let body: Value = serde_json::from_str(sent.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!(body["stream_options"], json!({"include_usage": true}));
    assert_eq!(body["tools"], json!([{"type": "function"}]));
    assert_eq!((&body["seed"], &body["max_tokens"]), (&json!(7), &json!(64)));
    assert_eq!(body["temperature"], 0.5);
}

#[tokio::test]
async fn tool_calls_are_passed_on_in_one_form() {
    let call = json!({"tool_calls": [{"index": 0, "id": "c1", "function": {"name": "f", "arguments": "{\"a\":"}, "odd": null}]});
    let rest = json!({"tool_calls": [{"index": 0, "function": {"arguments": "1}"}}]});
    let script = events(&[
        &choice(0, &call, &Value::Null),
        &choice(0, &rest, &Value::Null),
        &choice(0, &json!({}), &json!("tool_calls")),
        "[DONE]",
    ]);
    let all = sample(script).await;
    let first =
        json!([{"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"a\":"}}]);
    assert_eq!(all.extra[0]["tool_calls"], first);
    assert_eq!(all.extra[1]["tool_calls"], rest["tool_calls"]);
    assert_eq!(all.finish.unwrap().reason, FinishReason::ToolCalls);
}

#[tokio::test]
async fn a_missing_or_wrong_usage_is_estimated() {
    let with_logprobs = |text: &str| {
        json!({"choices": [{"index": 0, "delta": {"content": text},
            "logprobs": {"content": [{"logprob": -0.5}, {"logprob": -1.5}]}}]})
        .to_string()
    };
    let wrong = USAGE.replace("\"completion_tokens\":3", "\"completion_tokens\":2");
    for usage in ["{}", &wrong] {
        let all = sample(events(&[&with_logprobs("a"), &with_logprobs("b"), &end(0), usage, "[DONE]"])).await;
        let usage = all.finish.unwrap().usage;
        assert_eq!((usage.completion, usage.estimated, all.tokens), (4, true, 4));
        assert!(usage.prompt > 0);
    }
}

#[tokio::test]
async fn an_end_without_done_and_a_reply_that_does_not_stream() {
    let all = sample(events(&[&content(0, "4"), &end(0)])).await;
    assert_eq!(all.finish.unwrap().usage.completion, 1);
    let body = json!({"choices": [{"index": 0, "message": {"role": "assistant", "content": "4"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 2}});
    let all = sample(reply("200 OK", "application/json", &body.to_string())).await;
    assert_eq!((all.content.as_str(), all.finish.unwrap().usage.completion), ("4", 2));
}

#[tokio::test]
async fn usage_that_never_comes_holds_nothing_up_for_long() {
    let mut script = events(&[&content(0, "4"), &end(0)]);
    script.push(Do::Hang);
    let begin = Instant::now();
    let all = sample(script).await;
    assert!(all.finish.unwrap().usage.estimated && begin.elapsed() < Duration::from_secs(4));
}

#[tokio::test]
async fn dropping_a_stream_closes_its_connection() {
    let mut script = events(&[&content(0, "4")]);
    script.push(Do::Hang);
    let server = Server::start(vec![script]).await;
    let mut streams = engine(&server).start(request(&[1, 2]));
    for stream in &mut streams {
        first_text(stream).await;
    }
    let dropped = Instant::now();
    drop(streams.pop());
    tokio::time::sleep(Duration::from_millis(200)).await;
    {
        assert_eq!(server.left(), 1, "only the dropped one is cancelled");
        let left = server.accounts().total().last_left.unwrap();
        assert!(left - dropped < Duration::from_millis(100));
    }
    drop(streams);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(server.left(), 2);
}

#[tokio::test]
async fn dropping_a_stream_before_the_reply_closes_its_connection() {
    let server = Server::start(vec![vec![Do::Hang]]).await;
    let mut stream = engine(&server).start(request(&[1])).remove(0);
    // From here on the prompt counts as read.
    assert!(matches!(stream.next().await, Some(Ok(SampleEvent::Started(_)))));
    let wait = tokio::time::timeout(Duration::from_millis(200), stream.next());
    assert!(wait.await.is_err());
    drop(stream);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(server.left(), 1);
}

#[tokio::test]
async fn several_choices_of_one_request() {
    let script = events(&[&content(1, "b"), &content(0, "a"), &end(1), &content(0, "c"), &end(0), USAGE, "[DONE]"]);
    let server = Server::start(vec![script]).await;
    let mut options = options(&server);
    options.multiplex = true;
    let engine = OpenAiEngine::new(options).unwrap();
    let all = join_all(engine.start(request(&[1, 2])).into_iter().map(whole)).await;
    assert_eq!((all[0].content.as_str(), all[1].content.as_str()), ("ac", "b"));
    let usages: Vec<Usage> = all.iter().map(|w| w.finish.as_ref().unwrap().usage).collect();
    assert_eq!((usages[0].completion, usages[1].completion), (2, 1));
    assert_eq!((usages[0].cached, usages[1].cached), (8, 12));
    assert!(!usages[0].estimated);
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn the_last_of_several_choices_closes_the_connection() {
    let mut script = events(&[&content(1, "b"), &content(0, "a")]);
    script.push(Do::Hang);
    let server = Server::start(vec![script]).await;
    let mut options = options(&server);
    options.multiplex = true;
    let mut streams = OpenAiEngine::new(options).unwrap().start(request(&[1, 2]));
    first_text(&mut streams[0]).await;
    drop(streams.remove(0));
    first_text(&mut streams[0]).await;
    assert_eq!(server.left(), 0);
    drop(streams);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(server.left(), 1);
}

#[tokio::test]
async fn requests_at_one_time_are_bounded() {
    let mut script = vec![stream_head(), Do::Pause(Duration::from_millis(50))];
    script.push(text(format!("data: {}\n\ndata: {}\n\ndata: [DONE]\n\n", content(0, "4"), end(0))));
    let server = Server::start(vec![script]).await;
    let mut options = options(&server);
    options.max_in_flight = 1;
    let engine = OpenAiEngine::new(options).unwrap();
    let begin = Instant::now();
    let all = join_all(engine.start(request(&[1, 2, 3])).into_iter().map(whole)).await;
    assert!(all.iter().all(|w| w.finish.is_some()));
    assert!(begin.elapsed() >= Duration::from_millis(150));
}

#[tokio::test]
async fn connecting_asks_for_the_model_and_guesses_the_dialect() {
    let list = r#"{"data":[{"id":"tiny","owned_by":"llamacpp","meta":{"n_ctx_train":2048}}]}"#;
    let server = Server::start(vec![reply("200 OK", "application/json", list)]).await;
    let mut options = options(&server);
    options.dialect = None;
    options.model = None;
    let engine = OpenAiEngine::connect(options.clone()).await.unwrap();
    assert_eq!((engine.model().id.as_str(), engine.model().context), ("tiny", Some(2048)));
    assert_eq!(dialect_of(&engine), "llama.cpp");
    assert!(server.requests()[0].starts_with("GET /v1/models "));

    let server = Server::start(vec![reply("404 Not Found", "text/plain", "no")]).await;
    options.base_url = server.url();
    assert!(OpenAiEngine::connect(options.clone()).await.is_err());
    options.model = Some("m".into());
    assert_eq!(dialect_of(&OpenAiEngine::connect(options).await.unwrap()), "generic");
}
