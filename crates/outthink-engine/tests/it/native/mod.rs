//! Servers with protocols of their own: what holds for all of them, and what each is asked and answers.

mod anthropic;
mod bedrock;
mod gemini;

use crate::{KEY, Whole, whole};
use outthink_core::{Engine as _, FinishReason, Origin, Prompt, SampleRequest, Usage};
use outthink_engine::native::{NativeEngine, NativeOptions, Protocol};
use outthink_engine::openai::{OpenAiOptions, Secret, Timeouts};
use outthink_testkit::server::{Counts, Provider, Reply, Scenario, Server, Step, Turn};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// A model whose name says how it sets the length of reasoning, to each provider in its own way.
pub(super) const fn model(provider: Provider) -> &'static str {
    match provider {
        Provider::Anthropic => "claude-opus-4-6",
        Provider::Gemini => "gemini-3.8-flash",
        Provider::Bedrock => "us.anthropic.claude-opus-4-6-v1:0",
    }
}

/// What a provider counts for a turn; not all charge for what they write to a cache.
pub(super) const fn counts(provider: Provider) -> Counts {
    let written = if matches!(provider, Provider::Gemini) { 0 } else { 30 };
    // Bedrock does not count reasoning apart.
    let reasoning = if matches!(provider, Provider::Bedrock) { 0 } else { 40 };
    Counts { fresh: 42 - written, cached: 100, written, generated: 55, reasoning }
}

pub(super) const fn protocol(provider: Provider) -> Protocol {
    match provider {
        Provider::Anthropic => Protocol::Anthropic,
        Provider::Gemini => Protocol::Gemini,
        Provider::Bedrock => Protocol::Bedrock,
    }
}

pub(super) fn options(provider: Provider, server: &Server) -> NativeOptions {
    let timeouts = Timeouts {
        connect: Duration::from_secs(2),
        first_token: Duration::from_secs(5),
        idle: Duration::from_secs(5),
        total: Duration::from_secs(20),
    };
    let server = OpenAiOptions {
        model: Some(model(provider).into()),
        api_key: Some(Secret::new(KEY)),
        timeouts,
        ..OpenAiOptions::new(server.root())
    };
    NativeOptions { protocol: protocol(provider), server, aws: None }
}

pub(super) fn engine(provider: Provider, server: &Server) -> NativeEngine {
    NativeEngine::new(options(provider, server)).unwrap()
}

pub(super) fn asks(extra: Value) -> SampleRequest {
    let mut prompt = Prompt::user("What is 2+2?");
    if let Value::Object(extra) = extra {
        prompt.extra = extra;
    }
    SampleRequest { prompt: prompt.into(), seeds: vec![7], ..SampleRequest::default() }
}

pub(super) async fn one(engine: &NativeEngine, request: SampleRequest) -> Whole {
    whole(engine.start(request).remove(0)).await
}

/// One sample of a provider that answers so.
pub(super) async fn answer(provider: Provider, reply: Reply, request: SampleRequest) -> (Whole, Server) {
    let server = Server::start(provider.answers(model(provider), [reply]));
    let mut options = options(provider, &server);
    options.server.max_retries = 0;
    let all = one(&NativeEngine::new(options).unwrap(), request).await;
    (all, server)
}

/// The body of the last request for a sample.
pub(super) fn asked(server: &Server) -> Value {
    server.requests().iter().rev().find(|request| request.method == "POST").unwrap().json()
}

/// What a request is written as, and the notes on it.
pub(super) async fn written(provider: Provider, request: SampleRequest) -> (Value, Vec<String>) {
    let (all, server) = answer(provider, provider.streams(&Turn::new("4", Counts::plain(9, 1))), request).await;
    assert_eq!(all.error, None);
    (asked(&server), all.notes)
}

/// The calls of a reply as a whole message has them, and the other fields of its message.
pub(super) fn joined(all: &Whole) -> (Vec<Value>, Map<String, Value>) {
    let (mut calls, mut others) = (Vec::<Value>::new(), Map::new());
    for (name, value) in all.extra.iter().flatten() {
        if name != "tool_calls" {
            match (others.get_mut(name), value) {
                (Some(Value::Array(have)), Value::Array(more)) => have.extend(more.clone()),
                _ => _ = others.insert(name.clone(), value.clone()),
            }
            continue;
        }
        for piece in value.as_array().unwrap() {
            let index = piece["index"].as_u64().unwrap() as usize;
            if index == calls.len() {
                calls.push(piece.clone());
            } else {
                let have = calls[index]["function"]["arguments"].as_str().unwrap().to_owned();
                calls[index]["function"]["arguments"] =
                    (have + piece["function"]["arguments"].as_str().unwrap()).into();
            }
        }
    }
    (calls, others)
}

fn rich(provider: Provider) -> Turn {
    Turn::new("I look it up.", counts(provider))
        .thinking("hm, so it is", "c2lnbmVk")
        .call("call_a", "add", json!({"x": 1, "y": [2, "é"]}))
        .call("call_b", "now", json!({}))
}

#[tokio::test]
async fn text_reasoning_and_calls_are_the_same_whole_and_streamed() {
    for provider in Provider::ALL {
        let turn = rich(provider);
        for (form, reply) in [
            ("streamed", provider.streams(&turn)),
            ("in bytes", provider.streams(&turn).in_pieces(1, Duration::ZERO)),
            ("whole", provider.whole(&turn)),
        ] {
            let (all, server) = answer(provider, reply, asks(json!({}))).await;
            let name = format!("{provider:?}, {form}");
            assert_eq!(all.error, None, "{name}");
            assert_eq!((all.content.as_str(), all.reasoning.as_str()), ("I look it up.", "hm, so it is"), "{name}");
            let (calls, others) = joined(&all);
            let called: Vec<(&str, Value)> = calls
                .iter()
                .map(|call| {
                    assert!(!call["id"].as_str().unwrap().is_empty());
                    let function = &call["function"];
                    let arguments = serde_json::from_str(function["arguments"].as_str().unwrap()).unwrap();
                    (function["name"].as_str().unwrap(), arguments)
                })
                .collect();
            assert_eq!(called, [("add", json!({"x": 1, "y": [2, "é"]})), ("now", json!({}))], "{name}");
            assert!(others["reasoning_details"].is_array(), "{name}");
            let finish = all.finish.unwrap();
            assert_eq!((finish.reason, finish.word), (FinishReason::ToolCalls, None), "{name}");
            let account = server.accounts().total();
            let Usage { prompt, cached, cache_write, completion, reasoning, estimated, .. } = finish.usage;
            let reasoning = if provider == Provider::Bedrock { 0 } else { reasoning };
            assert_eq!(
                (prompt, cached, cache_write, completion, reasoning, estimated),
                (account.prompt, account.cached, account.cache_write, account.completion, account.reasoning, false),
                "{name}"
            );
            assert_eq!((account.prompt, account.completion), (142, 55), "{name}");
        }
    }
}

#[tokio::test]
async fn a_stream_that_breaks_is_tried_again_before_its_first_word_alone() {
    for provider in Provider::ALL {
        let turn = Turn::new("The answer is 4", Counts::plain(9, 4));
        let good = || provider.streams(&turn);
        let early = Server::start(provider.answers(model(provider), [good().cut_after(10, Step::Reset), good()]));
        let all = one(&engine(provider, &early), asks(json!({}))).await;
        assert_eq!((all.content.as_str(), all.error), ("The answer is 4", None), "{provider:?}");
        assert_eq!(all.lost.len(), 1, "{provider:?}: the prompt may have been read");

        let long = provider.streams(&Turn::new(&"word ".repeat(60), Counts::plain(9, 60)));
        let (all, server) = answer(provider, long.cut_after(2_000, Step::Reset), asks(json!({}))).await;
        assert!(!all.content.is_empty(), "{provider:?}");
        assert!(!all.error.unwrap().retryable, "{provider:?}");
        assert_eq!(server.requests().iter().filter(|r| r.method == "POST").count(), 1, "{provider:?}");
    }
}

#[tokio::test]
async fn whoever_drops_a_stream_ends_the_work() {
    use futures_util::StreamExt as _;
    for provider in Provider::ALL {
        let turn = Turn::new(&"word ".repeat(500), Counts::plain(9, 500)).pace(Duration::from_millis(20));
        let server = Server::start(provider.answers(model(provider), [provider.streams(&turn)]));
        let mut stream = engine(provider, &server).start(asks(json!({}))).remove(0);
        while let Some(event) = stream.next().await {
            if matches!(event.unwrap(), outthink_core::SampleEvent::Delta(_)) {
                break;
            }
        }
        drop(stream);
        assert!(server.until(|account| account.left == 1).await, "{provider:?}");
    }
}

/// A refusal of each kind: its status, its kind and words, and what is made of it.
struct Refusal {
    status: u16,
    kind: &'static str,
    message: &'static str,
    origin: Origin,
    retryable: bool,
    elsewhere: bool,
    code: Option<&'static str>,
}

async fn check(provider: Provider, refusals: &[Refusal]) {
    for refusal in refusals {
        let reply = provider.error(refusal.status, refusal.kind, refusal.message);
        let (all, _) = answer(provider, reply, asks(json!({}))).await;
        let error = all.error.unwrap();
        let name = format!("{provider:?} {} {}: {error:?}", refusal.status, refusal.kind);
        assert_eq!(error.origin, refusal.origin, "{name}");
        assert_eq!((error.retryable, error.elsewhere), (refusal.retryable, refusal.elsewhere), "{name}");
        assert!(error.message.contains(refusal.message), "{name}");
        if refusal.code.is_some() {
            assert_eq!(error.code.as_deref(), refusal.code, "{name}");
        }
    }
}

#[tokio::test]
async fn a_begun_reply_is_refused() {
    for provider in Provider::ALL {
        let request = SampleRequest { prefix: Some("The answer is".into()), ..asks(json!({})) };
        let (all, server) = answer(provider, provider.streams(&rich(provider)), request).await;
        let code = all.error.unwrap().code;
        assert_eq!(code.as_deref(), Some(outthink_core::EngineError::CANNOT_CONTINUE));
        assert!(server.requests().is_empty());
    }
}

/// A provider that answers with bytes of its own.
pub(super) fn raw(provider: Provider, steps: Vec<Step>) -> Scenario {
    provider.answers(model(provider), [Reply::events(steps)])
}
