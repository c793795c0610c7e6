//! Anthropic's Messages API.

use super::{Refusal, answer, asked, asks, check, engine, joined, one, options, raw, written};
use crate::KEY;
use outthink_core::{Effort, Engine as _, FinishReason, Origin, Prompt, SampleRequest, Sampling, Thinking};
use outthink_engine::native::NativeEngine;
use outthink_testkit::server::{Counts, Provider, Reply, Server, Step, Turn};
use serde_json::{Value, json};
use std::time::Duration;

const ANTHROPIC: Provider = Provider::Anthropic;

fn event(data: &Value) -> Step {
    Step::named(data["type"].as_str().unwrap(), data)
}

async fn body(request: SampleRequest) -> Value {
    written(ANTHROPIC, request).await.0
}

fn with_messages(messages: &Value, extra: Value) -> SampleRequest {
    let mut request = asks(extra);
    let extra = request.prompt.extra.clone();
    request.prompt = Prompt { messages: messages.as_array().unwrap().clone(), extra }.into();
    request
}

#[tokio::test]
async fn a_conversation_is_asked_in_its_words() {
    let messages = json!([
        {"role": "system", "content": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}]},
        {"role": "user", "content": [
            {"type": "text", "text": "What is this?"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}},
            {"type": "image_url", "image_url": {"url": "https://h/a.png"}},
            {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,QUJD"}},
            {"type": "file", "file": {"filename": "a.txt", "file_data": "data:text/plain;base64,QUJD"}},
        ]},
        {"role": "assistant", "content": "I look.", "reasoning_content": "hm",
            "thinking_blocks": [{"type": "thinking", "thinking": "hm", "signature": "s"}, {"type": "redacted_thinking", "data": "d"}],
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "add", "arguments": "{\"x\": 123456789012345678901234567890}"}}]},
        {"role": "tool", "tool_call_id": "c1", "content": "4"},
        {"role": "user", "content": "Go on."},
    ]);
    let tools = json!([{"type": "function", "function": {"name": "add", "description": "adds", "parameters": {"type": "object"}, "strict": true}}]);
    let extra = json!({"tools": tools, "tool_choice": "required", "parallel_tool_calls": false, "user": "u1",
        "response_format": {"type": "json_schema", "json_schema": {"name": "r", "schema": {"type": "object"}}}});
    let request = SampleRequest {
        sampling: Sampling {
            temperature: Some(0.5),
            top_p: Some(0.9),
            top_k: Some(5),
            stop: vec!["END".into()],
            ..Sampling::default()
        },
        ..with_messages(&messages, extra)
    };
    let (all, server) = answer(ANTHROPIC, ANTHROPIC.streams(&Turn::new("4", Counts::plain(9, 1))), request).await;
    assert_eq!((all.error, all.notes), (None, vec![]));
    let text = server.requests().iter().rev().find(|r| r.method == "POST").unwrap().text();
    assert!(text.contains("123456789012345678901234567890"), "numbers of any size pass unchanged: {text}");
    let mut body = asked(&server);
    body["messages"][1]["content"][3]["input"] = json!({});
    let blocks = json!([
        {"type": "text", "text": "What is this?"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QUJD"}},
        {"type": "image", "source": {"type": "url", "url": "https://h/a.png"}},
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "QUJD"}, "title": "a.pdf"},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "ABC"}, "title": "a.txt"},
    ]);
    assert_eq!(
        body,
        json!({
            "model": "claude-opus-4-6", "stream": true, "max_tokens": 64_000,
            "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
            "messages": [
                {"role": "user", "content": blocks},
                {"role": "assistant", "content": [
                    {"type": "thinking", "thinking": "hm", "signature": "s"},
                    {"type": "redacted_thinking", "data": "d"},
                    {"type": "text", "text": "I look."},
                    {"type": "tool_use", "id": "c1", "name": "add", "input": {}},
                ]},
                {"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": "c1", "content": "4"},
                    {"type": "text", "text": "Go on."},
                ]},
            ],
            "tools": [{"name": "add", "description": "adds", "input_schema": {"type": "object"}, "strict": true}],
            "tool_choice": {"type": "any", "disable_parallel_tool_use": true},
            "temperature": 0.5, "top_p": 0.9, "top_k": 5, "stop_sequences": ["END"],
            "output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}},
            "metadata": {"user_id": "u1"},
        })
    );
    let head = server.requests().iter().rev().find(|r| r.method == "POST").unwrap().clone();
    assert_eq!((head.header("x-api-key"), head.header("anthropic-version")), (Some(KEY), Some("2023-06-01")));
    assert_eq!(head.header("authorization"), None);
}

#[tokio::test]
async fn what_it_does_not_take_is_refused_or_named() {
    let audio = json!([{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "QQ==", "format": "wav"}}]}]);
    let (all, server) = answer(ANTHROPIC, Reply::text("x"), with_messages(&audio, json!({}))).await;
    assert!(all.error.unwrap().message.contains("audio"));
    assert!(server.requests().iter().all(|r| r.method == "GET"));

    let extra = json!({"logit_bias": {"1": 2}, "response_format": {"type": "json_object"}, "cache_control": {"type": "ephemeral"},
        "tools": [{"type": "web_search"}, {"type": "odd", "name": "x"}]});
    let request = SampleRequest {
        seeded: true,
        logprobs: true,
        sampling: Sampling { temperature: Some(1.5), min_p: Some(0.1), ..Sampling::default() },
        ..asks(extra)
    };
    let (body, notes) = written(ANTHROPIC, request).await;
    assert_eq!((&body["temperature"], &body["cache_control"]["type"]), (&json!(1.0), &json!("ephemeral")));
    assert_eq!(body["tools"], json!([{"type": "web_search_20250305", "name": "web_search"}]));
    for word in
        ["logit_bias", "response_format", "`x` of type odd", "seed", "log-probabilities", "min_p", "temperature"]
    {
        assert!(notes.iter().any(|note| note.contains(word)), "{word}: {notes:?}");
    }
    assert_eq!(notes.len(), 7, "{notes:?}");
}

#[tokio::test]
async fn the_length_of_reasoning_is_asked_in_the_models_words() {
    let with = |effort, budget| SampleRequest { thinking: Thinking { effort, budget }, ..asks(json!({})) };
    let adaptive = json!({"type": "adaptive", "display": "summarized"});
    for (request, thinking, effort) in [
        (asks(json!({})), json!(null), json!(null)),
        (with(Some(Effort::High), None), adaptive.clone(), json!("high")),
        (with(Some(Effort::Minimal), None), adaptive.clone(), json!("low")),
        (with(Some(Effort::None), None), json!({"type": "disabled"}), json!(null)),
        (with(None, Some(5_000)), json!({"type": "enabled", "budget_tokens": 5_000}), json!(null)),
        (with(None, Some(9)), json!({"type": "enabled", "budget_tokens": 1_024}), json!(null)),
        (
            SampleRequest { max_tokens: Some(3_000), ..with(None, Some(5_000)) },
            json!({"type": "enabled", "budget_tokens": 2_999}),
            json!(null),
        ),
        (SampleRequest { max_tokens: Some(600), ..with(None, Some(5_000)) }, json!(null), json!(null)),
        (asks(json!({"reasoning_effort": "low"})), adaptive, json!("low")),
        (
            asks(json!({"thinking": {"type": "enabled", "budget_tokens": 7}})),
            json!({"type": "enabled", "budget_tokens": 7}),
            json!(null),
        ),
    ] {
        let (body, _) = written(ANTHROPIC, request.clone()).await;
        assert_eq!((&body["thinking"], &body["output_config"]["effort"]), (&thinking, &effort), "{request:?}");
    }
    let mut hot = with(Some(Effort::High), None);
    hot.sampling.temperature = Some(0.2);
    let (body, notes) = written(ANTHROPIC, hot).await;
    assert!(body["temperature"].is_null() && notes[0].contains("temperature"), "{notes:?}");
    let forced = json!({"tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": "required", "reasoning_effort": "high"});
    let (body, notes) = written(ANTHROPIC, asks(forced)).await;
    assert!(body["thinking"].is_null() && notes[0].contains("forced"), "{notes:?}");
}

#[tokio::test]
async fn the_limit_is_the_models_own_unless_somebody_asked_for_one() {
    let server =
        Server::start(ANTHROPIC.answers("claude-next", [ANTHROPIC.streams(&Turn::new("4", Counts::plain(9, 1)))]));
    let mut options = options(ANTHROPIC, &server);
    options.server.model = None;
    let engine = NativeEngine::connect(options.clone()).await.unwrap();
    assert_eq!((engine.model().id.as_str(), engine.model().context), ("claude-next", Some(200_000)));
    assert!(engine.capabilities().effort && engine.capabilities().thinking_budget);
    one(&engine, asks(json!({}))).await;
    assert_eq!(asked(&server)["max_tokens"], 64_000);
    let all = one(&engine, SampleRequest { max_tokens: Some(100_000), ..asks(json!({})) }).await;
    assert!(all.notes[0].contains("64000"), "{:?}", all.notes);
    one(&engine, SampleRequest { max_tokens: Some(300), ..asks(json!({})) }).await;
    assert_eq!(asked(&server)["max_tokens"], 300);

    // A gateway without a list of models.
    let bare = Server::start(
        outthink_testkit::server::Scenario::default()
            .on("/v1/messages", [ANTHROPIC.streams(&Turn::new("4", Counts::plain(9, 1)))])
            .on_by("/v1/models/claude-next", |_, _| ANTHROPIC.error(404, "not_found_error", "no")),
    );
    options.server.base_url = bare.root();
    options.server.model = Some("claude-next".into());
    let engine = NativeEngine::new(options).unwrap();
    let error = one(&engine, asks(json!({}))).await.error.unwrap();
    assert!(error.to_string().contains("max_tokens") && error.origin == Origin::Caller, "{error}");
    let all = one(&engine, SampleRequest { max_tokens: Some(300), ..asks(json!({})) }).await;
    assert_eq!(all.error, None);
}

#[tokio::test]
async fn what_a_model_refuses_is_left_out_and_remembered() {
    let refuse = |_: u64, request: &outthink_testkit::server::Request| {
        if request.json()["top_k"].is_null() {
            ANTHROPIC.streams(&Turn::new("4", Counts::plain(9, 1)))
        } else {
            ANTHROPIC.error(400, "invalid_request_error", "`top_k` is not supported by this model")
        }
    };
    let server = Server::start(ANTHROPIC.answers_by("claude-opus-4-6", refuse));
    let engine = engine(ANTHROPIC, &server);
    for requests in [2, 3] {
        let request = SampleRequest { sampling: Sampling { top_k: Some(5), ..Sampling::default() }, ..asks(json!({})) };
        let all = one(&engine, request).await;
        assert_eq!(all.error, None);
        assert!(all.notes[0].contains("top_k"), "{:?}", all.notes);
        assert_eq!(server.requests().iter().filter(|r| r.method == "POST").count(), requests);
    }
}

#[tokio::test]
async fn reasons_for_the_end_keep_their_meaning() {
    let counts = Counts::plain(9, 2);
    for (turn, reason, word, met) in [
        (Turn::new("so it is", counts), FinishReason::Stop, None, Some(false)),
        (Turn::new("so it is", counts).met("END"), FinishReason::Stop, None, Some(true)),
        (Turn::new("so it", counts).stop("max_tokens"), FinishReason::Length, None, None),
        (
            Turn::new("so it", counts).stop("model_context_window_exceeded"),
            FinishReason::Length,
            Some("model_context_window_exceeded"),
            None,
        ),
        (Turn::new("so it", counts).stop("refusal"), FinishReason::ContentFilter, Some("refusal"), None),
        (Turn::new("so it", counts).stop("pause_turn"), FinishReason::Interrupted, Some("pause_turn"), None),
        (Turn::new("so it", counts).stop("tired"), FinishReason::Unknown, Some("tired"), None),
    ] {
        let (all, _) = answer(ANTHROPIC, ANTHROPIC.streams(&turn), asks(json!({}))).await;
        let finish = all.finish.unwrap();
        assert_eq!((finish.reason, finish.word.as_deref(), finish.met_stop), (reason, word, met));
        assert_eq!(finish.stop_text.as_deref(), (met == Some(true)).then_some("END"));
    }
}

#[tokio::test]
async fn signatures_and_sealed_reasoning_are_kept_and_sent_back() {
    let turn =
        Turn::new("", Counts::plain(9, 5)).thinking("hm", "sig").sealed("xyz").call("toolu_1", "add", json!({"x": 1}));
    let (all, _) = answer(ANTHROPIC, ANTHROPIC.streams(&turn), asks(json!({}))).await;
    let (calls, others) = joined(&all);
    for kept in ["thinking_blocks", "reasoning_details"] {
        let message = json!({"role": "assistant", "content": null, "tool_calls": calls, kept: others[kept]});
        let messages = json!([{"role": "user", "content": "?"}, message, {"role": "tool", "tool_call_id": "toolu_1", "content": "2"}]);
        let sent = body(with_messages(&messages, json!({}))).await;
        assert_eq!(
            sent["messages"][1]["content"],
            json!([
                {"type": "thinking", "thinking": "hm", "signature": "sig"},
                {"type": "redacted_thinking", "data": "xyz"},
                {"type": "tool_use", "id": "toolu_1", "name": "add", "input": {"x": 1}},
            ]),
            "{kept}"
        );
    }
}

#[tokio::test]
async fn odd_events_cost_nothing_and_blocks_of_the_servers_tools_are_kept() {
    let start = |index: u64, block: Value| {
        event(&json!({"type": "content_block_start", "index": index, "content_block": block}))
    };
    let add = |index: u64, delta: Value| event(&json!({"type": "content_block_delta", "index": index, "delta": delta}));
    let stop = |index: u64| event(&json!({"type": "content_block_stop", "index": index}));
    let found = json!({"type": "web_search_tool_result", "tool_use_id": "s1", "content": [{"type": "web_search_result", "encrypted_content": "e"}]});
    let steps = vec![
        Step::comment("hello"),
        event(&json!({"type": "message_start", "message": {"usage": {"input_tokens": 9, "output_tokens": 1}}})),
        event(&json!({"type": "tomorrow", "index": [], "delta": 7})),
        Step::from("7"),
        start(0, json!({"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {}})),
        add(0, json!({"type": "input_json_delta", "partial_json": "{\"query\""})),
        add(0, json!({"type": "input_json_delta", "partial_json": ": \"x\"}"})),
        stop(0),
        start(1, found.clone()),
        stop(1),
        start(2, json!({"type": "text", "text": ""})),
        add(2, json!({"type": "text_delta", "text": "found"})),
        add(
            2,
            json!({"type": "citations_delta", "citation": {"type": "web_search_result_location", "url": "https://h"}}),
        ),
        add(2, json!({"type": "tomorrow_delta", "text": "no"})),
        stop(2),
        event(
            &json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 6, "server_tool_use": {"web_search_requests": 2}}}),
        ),
        event(&json!({"type": "message_stop"})),
    ];
    let server = Server::start(raw(ANTHROPIC, steps));
    let all = one(&engine(ANTHROPIC, &server), asks(json!({}))).await;
    assert_eq!((all.content.as_str(), &all.error), ("found", &None));
    assert!(all.notes[0].contains("searched the web 2 times"), "{:?}", all.notes);
    let (_, others) = joined(&all);
    let call = json!({"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "x"}});
    assert_eq!(others["content_parts"], json!([call, found]));
    assert_eq!(others["annotations"][0]["url"], "https://h");
    assert_eq!(all.finish.unwrap().usage.completion, 6);
}

#[tokio::test]
async fn errors_say_whose_fault_they_are_and_whether_to_try_again() {
    use Origin::{Caller, Engine};
    let refusal = |status, kind, message, origin, retryable, elsewhere, code| Refusal {
        status,
        kind,
        message,
        origin,
        retryable,
        elsewhere,
        code,
    };
    check(
        ANTHROPIC,
        &[
            refusal(400, "invalid_request_error", "messages: at least one", Caller, false, false, None),
            refusal(
                400,
                "invalid_request_error",
                "prompt is too long: 210000 tokens > 200000 maximum",
                Caller,
                false,
                true,
                Some("context_length_exceeded"),
            ),
            refusal(
                400,
                "invalid_request_error",
                "Your credit balance is too low to access the Anthropic API",
                Engine,
                false,
                true,
                Some("insufficient_quota"),
            ),
            refusal(401, "authentication_error", "invalid x-api-key", Engine, false, true, None),
            refusal(429, "rate_limit_error", "too many tokens", Engine, true, true, None),
            refusal(500, "api_error", "oh", Engine, true, true, None),
            refusal(529, "overloaded_error", "Overloaded", Engine, true, true, None),
        ],
    )
    .await;
    let slow = ANTHROPIC.error(429, "rate_limit_error", "slow").header("retry-after", "7");
    let (all, _) = answer(ANTHROPIC, slow, asks(json!({}))).await;
    assert_eq!(all.error.unwrap().retry_after, Some(Duration::from_secs(7)));

    let overloaded = json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}});
    let begin =
        || event(&json!({"type": "message_start", "message": {"usage": {"input_tokens": 9, "output_tokens": 1}}}));
    let good = ANTHROPIC.streams(&Turn::new("4", Counts::plain(9, 1)));
    let replies = [Reply::events([begin(), event(&overloaded)]), good];
    let server = Server::start(ANTHROPIC.answers("claude-opus-4-6", replies));
    let all = one(&engine(ANTHROPIC, &server), asks(json!({}))).await;
    assert_eq!((all.content.as_str(), all.error), ("4", None), "tried again");
    assert_eq!((all.lost[0].prompt, all.lost[0].estimated), (9, true));

    let text =
        event(&json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hm"}}));
    let (all, _) = answer(ANTHROPIC, Reply::events([begin(), text, event(&overloaded)]), asks(json!({}))).await;
    let error = all.error.unwrap();
    assert_eq!((error.status, error.kind.as_deref(), error.retryable), (Some(529), Some("overloaded_error"), false));
}
