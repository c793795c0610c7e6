//! The Messages API before an engine that speaks it: what a client writes reaches the provider as it was written, and what
//! the provider says comes back as it was said, whole and streamed.

use super::messages::joined;
use super::providers::{MESSAGES, bank, model};
use outthink_testkit::server::{Provider, Reply, Step};
use serde_json::{Value, json};

const CLAUDE: Provider = Provider::Anthropic;

fn event(data: &Value) -> Step {
    Step::named(data["type"].as_str().unwrap(), data)
}

/// A stream of these blocks, texts and arguments in two pieces.
fn says(blocks: &Value, stop: &str, usage: &Value) -> Reply {
    let mut steps = vec![event(&json!({"type": "message_start", "message": {"usage": usage}}))];
    for (index, block) in blocks.as_array().unwrap().iter().enumerate() {
        let mut begun = block.clone();
        let mut pieces = Vec::new();
        let mut halves = |kind: &str, field: &str, text: &str| {
            let (a, b) = text.split_at(text.len() / 2);
            pieces.extend([a, b].map(|half| json!({"type": kind, field: half})));
        };
        match block["type"].as_str().unwrap() {
            "text" => {
                halves("text_delta", "text", block["text"].as_str().unwrap());
                begun["text"] = "".into();
                for citation in block["citations"].as_array().into_iter().flatten() {
                    pieces.push(json!({"type": "citations_delta", "citation": citation}));
                }
                begun.as_object_mut().unwrap().remove("citations");
            }
            "thinking" => {
                halves("thinking_delta", "thinking", block["thinking"].as_str().unwrap());
                pieces.push(json!({"type": "signature_delta", "signature": block["signature"]}));
                (begun["thinking"], begun["signature"]) = ("".into(), "".into());
            }
            "tool_use" | "server_tool_use" => {
                halves("input_json_delta", "partial_json", &block["input"].to_string());
                begun["input"] = json!({});
            }
            _ => {}
        }
        steps.push(event(&json!({"type": "content_block_start", "index": index, "content_block": begun})));
        for piece in pieces {
            steps.push(event(&json!({"type": "content_block_delta", "index": index, "delta": piece})));
        }
        steps.push(event(&json!({"type": "content_block_stop", "index": index})));
    }
    let delta = json!({"stop_reason": stop, "stop_sequence": null});
    steps.push(event(&json!({"type": "message_delta", "delta": delta, "usage": {"output_tokens": 20}})));
    steps.push(event(&json!({"type": "message_stop"})));
    Reply::events(steps)
}

fn mark() -> Value {
    json!({"type": "ephemeral", "ttl": "1h"})
}

/// A turn in which the model searched and thought between its steps.
fn searched() -> Value {
    let citation = json!({"type": "web_search_result_location", "url": "https://h", "title": "T", "cited_text": "c",
        "encrypted_index": "e"});
    let direct = json!({"type": "direct"});
    json!([
        {"type": "thinking", "thinking": "I search", "signature": "first"},
        {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "x"}, "caller": direct},
        {"type": "web_search_tool_result", "tool_use_id": "s1", "content": [], "caller": direct},
        {"type": "thinking", "thinking": "and now", "signature": "second"},
        {"type": "redacted_thinking", "data": "c2VhbGVk"},
        {"type": "text", "text": "Ulm is", "citations": null},
        {"type": "text", "text": " on the Danube.", "citations": [citation]},
        {"type": "thinking", "thinking": "the weather", "signature": "third"},
        {"type": "tool_use", "id": "t1", "caller": direct, "name": "weather", "input": {"city": "Ulm"}},
        {"type": "tool_use", "id": "t2", "caller": direct, "name": "weather", "input": {"city": "Wien"}},
    ])
}

fn asks(more: Value) -> Value {
    let mut body = json!({"model": model(CLAUDE), "max_tokens": 9_000, "thinking": {"type": "adaptive", "display": "summarized"},
        "messages": [{"role": "user", "content": "Where is Ulm, and how is it there?"}]});
    if let Value::Object(more) = more {
        more.into_iter().for_each(|(key, value)| body[key] = value);
    }
    body
}

/// What the provider was asked last.
fn asked(bank: &super::Bank) -> Value {
    bank.server.requests().iter().rev().find(|request| request.method == "POST").unwrap().json()
}

#[tokio::test]
async fn every_block_comes_back_in_its_place_with_its_own_signature() {
    let usage = json!({"input_tokens": 9, "output_tokens": 1});
    let bank = bank(CLAUDE, CLAUDE.answers(model(CLAUDE), [says(&searched(), "tool_use", &usage)])).await;
    for streamed in [false, true] {
        let reply = bank.post(MESSAGES, &asks(json!({ "stream": streamed }))).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        let message = if streamed { joined(&reply) } else { reply.json() };
        assert_eq!(message["content"], searched(), "streamed: {streamed}");
        assert_eq!(message["stop_reason"], "tool_use");
        // And goes to the provider as it came.
        let results = json!({"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "sunny"}]},
            {"type": "tool_result", "tool_use_id": "t2", "is_error": true, "content": "no such city"},
        ]});
        let question = &asks(json!({}))["messages"][0];
        let turns = json!([question, {"role": "assistant", "content": message["content"]}, results]);
        assert_eq!(bank.post(MESSAGES, &asks(json!({ "messages": turns }))).await.status, 200);
        let sent = &asked(&bank)["messages"];
        assert_eq!(sent[1]["content"], searched(), "streamed: {streamed}");
        assert_eq!(sent[2]["content"][0]["content"], "sunny");
        assert_eq!(
            (&sent[2]["content"][1]["is_error"], &sent[2]["content"][1]["content"]),
            (&json!(true), &json!("no such city"))
        );
    }
    // Who did not ask for reasoning is not sent it.
    for streamed in [false, true] {
        let reply = bank.post(MESSAGES, &asks(json!({"stream": streamed, "thinking": null}))).await;
        let message = if streamed { joined(&reply) } else { reply.json() };
        let kinds: Vec<&str> =
            message["content"].as_array().unwrap().iter().map(|block| block["type"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["server_tool_use", "web_search_tool_result", "text", "text", "tool_use", "tool_use"]);
    }
}

#[tokio::test]
async fn marks_tools_and_fields_reach_the_provider_as_they_were_written() {
    let usage = json!({"input_tokens": 9, "output_tokens": 1});
    let text = json!([{"type": "text", "text": "On the Danube."}]);
    let bank = bank(CLAUDE, CLAUDE.answers(model(CLAUDE), [says(&text, "end_turn", &usage)])).await;
    let body = asks(json!({
        "system": [{"type": "text", "text": "Be brief."}, {"type": "text", "text": "Be right.", "cache_control": mark()}],
        "tools": [
            {"name": "weather", "description": "d", "input_schema": {"type": "object"}, "cache_control": mark()},
            {"name": "rare", "input_schema": {"type": "object"}, "defer_loading": true, "input_examples": [{}]},
            {"type": "web_search_20260209", "name": "web_search", "max_uses": 5, "allowed_domains": ["h"]},
            {"type": "bash_20250124", "name": "bash"},
            {"type": "code_execution_20260120", "name": "code_execution"},
        ],
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": true},
        "metadata": {"user_id": "u"}, "context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]},
        "container": "c1", "mcp_servers": [{"type": "url", "url": "https://m", "name": "m"}],
        "output_config": {"effort": "high"},
        "messages": [
            {"role": "user", "content": [
                {"type": "text", "text": "Look:"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QUJD"}},
                {"type": "document", "title": "T", "context": "c", "citations": {"enabled": true},
                    "source": {"type": "base64", "media_type": "application/pdf", "data": "QUJD"}, "cache_control": mark()},
                {"type": "search_result", "title": "S", "source": "https://s", "content": [{"type": "text", "text": "found"}]},
            ]},
            {"role": "assistant", "content": [{"type": "text", "text": "So?", "cache_control": mark()}]},
            {"role": "user", "content": [{"type": "text", "text": "Where is Ulm?", "cache_control": {"type": "ephemeral"}}]},
        ],
    }));
    for streamed in [false, true] {
        let mut body = body.clone();
        body["stream"] = streamed.into();
        let reply = bank.post(MESSAGES, &body).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        let message = if streamed { joined(&reply) } else { reply.json() };
        assert_eq!(message["outthink"]["notes"], Value::Null, "nothing was left out");
        let sent = asked(&bank);
        let same = [
            "system",
            "tools",
            "tool_choice",
            "metadata",
            "context_management",
            "container",
            "mcp_servers",
            "thinking",
        ];
        for field in same.into_iter().chain(["output_config", "messages", "max_tokens"]) {
            assert_eq!(sent[field], body[field], "{field}");
        }
    }
}

#[tokio::test]
async fn what_is_kept_for_an_hour_has_its_own_price() {
    let usage = |hour: u64| {
        json!({"input_tokens": 10, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 30, "output_tokens": 1,
            "cache_creation": {"ephemeral_5m_input_tokens": 30 - hour, "ephemeral_1h_input_tokens": hour}})
    };
    let text = json!([{"type": "text", "text": "391"}]);
    for (hour, written) in [(0, 30 * 3_750), (20, 10 * 3_750 + 20 * 6_000), (30, 30 * 6_000)] {
        let bank = bank(CLAUDE, CLAUDE.answers(model(CLAUDE), [says(&text, "end_turn", &usage(hour))])).await;
        let message = bank.post(MESSAGES, &asks(json!({}))).await.json();
        let split = json!({"ephemeral_5m_input_tokens": 30 - hour, "ephemeral_1h_input_tokens": hour});
        assert_eq!(message["usage"]["cache_creation"], split);
        // 3, 0.3 and 15 dollars a million: no token was counted as reasoning.
        assert_eq!(bank.spent().await, 10 * 3_000 + 100 * 300 + written + 20 * 15_000, "{hour}");
    }
}

#[tokio::test]
async fn a_streamed_vote_ends_with_what_the_provider_signed() {
    let usage = json!({"input_tokens": 9, "output_tokens": 1});
    let turn = json!([
        {"type": "thinking", "thinking": "the weather", "signature": "signed"},
        {"type": "tool_use", "id": "t1", "caller": {"type": "direct"}, "name": "weather", "input": {"city": "Ulm"}},
    ]);
    let bank = bank(CLAUDE, CLAUDE.answers(model(CLAUDE), [says(&turn, "tool_use", &usage)])).await;
    let vote = json!({"strategy": "self-consistency", "samples": 3});
    let tools = json!([{"name": "weather", "input_schema": {"type": "object"}}]);
    let reply = bank.post(MESSAGES, &asks(json!({"stream": true, "outthink": vote, "tools": tools}))).await;
    let message = joined(&reply);
    assert_eq!(message["outthink"]["samples_drawn"], 3);
    let content = message["content"].as_array().unwrap();
    assert_eq!(content[content.len() - 2..], turn.as_array().unwrap()[..], "{content:?}");
    let question = &asks(json!({}))["messages"][0];
    let result = json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "sunny"}]});
    let turns = json!([question, {"role": "assistant", "content": content}, result]);
    assert_eq!(bank.post(MESSAGES, &asks(json!({"messages": turns, "tools": tools}))).await.status, 200);
    let sent = &asked(&bank)["messages"][1]["content"];
    let signed: Vec<&Value> = sent.as_array().unwrap().iter().filter(|block| block["type"] == "thinking").collect();
    assert_eq!(signed, [&turn[0]], "reasoning that nobody signed does not go back");
}
