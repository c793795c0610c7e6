//! What a sample is billed by: the last counts that the server reported, whatever ended it.

use crate::server::{Do, Server, events, reply, text};
use crate::{Whole, engine, one, options, request, whole};
use futures_util::StreamExt as _;
use outthink_core::{Engine as _, SampleEvent, Usage};
use outthink_engine::openai::OpenAiEngine;
use serde_json::{Value, json};
use std::time::Duration;

const WORD: &str = r#"{"choices":[{"index":0,"delta":{"content":"hi"}}]}"#;
const END: &str = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
const BIG: &str = r#"{"choices":[],"usage":{"prompt_tokens":1000,"completion_tokens":9000,"total_tokens":10000}}"#;
const BOOM: &str = r#"{"error":{"message":"boom","code":500}}"#;

/// An event with the usage of [`BIG`] in it.
fn with_usage(event: &str) -> String {
    let mut event: Value = serde_json::from_str(event).unwrap();
    event["usage"] = json!({"prompt_tokens": 1000, "completion_tokens": 9000, "total_tokens": 10000});
    event.to_string()
}

/// Prompt and completion that are billed for a sample and its attempts.
fn bill(all: &Whole) -> (u64, u64) {
    let last = all.finish.as_ref().map(|finish| finish.usage).or(all.used);
    all.lost.iter().copied().chain(last).fold((0, 0), |sum, usage| (sum.0 + usage.prompt, sum.1 + usage.completion))
}

async fn sample_with(script: Vec<Do>, max_retries: u32) -> Whole {
    let server = Server::start(vec![script]).await;
    let mut options = options(&server);
    options.max_retries = max_retries;
    whole(one(&OpenAiEngine::new(options).unwrap())).await
}

#[tokio::test]
async fn the_last_reported_usage_counts_whatever_ended_the_reply() {
    let json = |body: String| reply("200 OK", "application/json", &body);
    let broken_off = json!({"choices": [{"index": 0, "message": {"content": ""}, "finish_reason": "error",
        "error": {"code": 502, "message": "boom"}}]});
    let boom_named = |event: &str| {
        let mut script = events(&[WORD, BIG]);
        script.push(text(format!("event: error\ndata: {event}\n\n")));
        script
    };
    let mut stalled = events(&[WORD, BIG]);
    stalled.push(Do::Reset);
    for (kind, script) in [
        ("no end", events(&[WORD, BIG])),
        ("an error after it", events(&[WORD, BIG, BOOM])),
        ("an error with it", events(&[WORD, &with_usage(BOOM)])),
        ("an error that is named, in words", boom_named("boom")),
        ("an error that is named, with usage", boom_named(&with_usage(BOOM))),
        ("words in place of JSON", events(&[WORD, BIG, "Error: boom"])),
        ("usage with the words, then an error", events(&[&with_usage(WORD), BOOM])),
        ("a broken connection", stalled),
        ("an error before words", events(&[BIG, BOOM])),
        (
            "a reason that is an interruption",
            events(&[r#"{"choices":[{"index":0,"delta":{},"finish_reason":"network_error"}]}"#, BIG, "[DONE]"]),
        ),
        ("an error of a whole reply", json(with_usage(&broken_off.to_string()))),
        ("a whole reply without choices", json(BIG.to_owned())),
        ("a refusal", reply("400 Bad Request", "application/json", &with_usage(BOOM))),
        ("a refusal of the server", reply("500 Oh", "application/json", &with_usage(BOOM))),
        ("a good end", events(&[WORD, END, BIG, "[DONE]"])),
    ] {
        let all = sample_with(script, 0).await;
        assert_eq!(bill(&all), (1_000, 9_000), "{kind}: {all:?}");
    }
}

#[tokio::test]
async fn each_attempt_is_billed_by_what_its_server_reported() {
    let interrupted = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"network_error"}]}"#;
    let all = sample_with(events(&[interrupted, BIG, "[DONE]"]), 1).await;
    assert_eq!((bill(&all), all.lost.len()), ((2_000, 18_000), 2), "{all:?}");
    assert!(all.error.is_some() && all.lost.iter().all(|lost| !lost.estimated));

    // Limits and counts that an error is about are no usage.
    let too_long = r#"{"error":{"message":"too long","code":400,"n_prompt_tokens":9000},"prompt_tokens":9000}"#;
    for script in [events(&[too_long]), reply("400 Bad Request", "application/json", too_long)] {
        let all = sample_with(script, 0).await;
        assert_eq!(bill(&all), (0, 0), "{all:?}");
    }
}

#[tokio::test]
async fn counts_are_passed_on_as_they_come_for_those_who_leave() {
    let mut script = events(&[]);
    for n in 1..=5 {
        let usage = json!({"prompt_tokens": 1000, "completion_tokens": n * 300});
        let mut event: Value = serde_json::from_str(WORD).unwrap();
        event["usage"] = usage;
        script.extend([text(format!("data: {event}\n\n")), Do::Pause(Duration::from_millis(20))]);
    }
    script.push(Do::Hang);
    let server = Server::start(vec![script]).await;
    let mut stream = engine(&server).start(request(&[7])).remove(0);
    let (mut used, mut words) = (Vec::new(), 0);
    while let Ok(Some(event)) = tokio::time::timeout(Duration::from_millis(500), stream.next()).await {
        match event.unwrap() {
            SampleEvent::Used(usage) => used.push(usage),
            SampleEvent::Delta(_) => words += 1,
            _ => {}
        }
    }
    let last = Usage { prompt: 1_000, completion: 1_500, estimated: true, ..Usage::default() };
    assert_eq!((words, used.last()), (5, Some(&last)), "{used:?}");
}

#[tokio::test]
async fn usage_is_settled_by_its_parts_and_read_wherever_a_choice_has_it() {
    let usage = json!({"prompt_tokens": 70, "completion_tokens": 90});
    let counts = |usage: Value| json!({"choices": [], "usage": usage}).to_string();
    let details = json!({"reasoning_tokens": 300});
    for (kind, last, wanted) in [
        ("in the delta", json!({"choices": [{"index": 0, "delta": {"usage": usage}}]}).to_string(), (70, 90)),
        ("in the message", json!({"choices": [{"index": 0, "message": {"usage": usage}}]}).to_string(), (70, 90)),
        ("in the choice", json!({"choices": [{"index": 0, "delta": {}, "usage": usage}]}).to_string(), (70, 90)),
        (
            "reasoning apart, without a total",
            counts(json!({"prompt_tokens": 7, "completion_tokens": 5, "completion_tokens_details": details})),
            (7, 305),
        ),
        (
            "reasoning apart, and a total without it",
            counts(json!({"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12,
                "completion_tokens_details": details})),
            (7, 305),
        ),
        (
            "reasoning apart, flat",
            counts(json!({"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12, "reasoning_tokens": 300})),
            (7, 305),
        ),
        (
            "reasoning apart, in the words of responses",
            counts(json!({"input_tokens": 7, "output_tokens": 5, "total_tokens": 12,
                "output_tokens_details": details})),
            (7, 305),
        ),
        (
            "cached tokens apart, and a total without them",
            counts(json!({"prompt_tokens": 20, "completion_tokens": 5, "total_tokens": 25,
                "prompt_tokens_details": {"cached_tokens": 80}})),
            (100, 5),
        ),
    ] {
        let script = events(&[&WORD.replace("hi", "one two three four five"), &last, END, "[DONE]"]);
        let all = sample_with(script, 0).await;
        assert_eq!((bill(&all), all.finish.unwrap().usage.estimated), (wanted, false), "{kind}");
        assert!(all.extra.is_empty(), "{kind}: {:?}", all.extra);
    }
    let body = json!({"choices": [{"index": 0, "message": {"content": "4", "usage": usage}, "finish_reason": "stop"}]});
    let all = sample_with(reply("200 OK", "application/json", &body.to_string()), 0).await;
    assert_eq!((bill(&all), all.extra.len()), ((70, 90), 0), "{all:?}");
}
