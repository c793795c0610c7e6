//! Calls of tools in the events of `/v1/messages`: however an engine writes them, blocks come whole, one after another.

use crate::common::serve;
use crate::http::call;
use outthink_core::Effort;
use outthink_engine::openai::{OpenAiEngine, OpenAiOptions};
use outthink_serve::ServeOptions;
use outthink_testkit::server::{Reply, Scenario, Server};
use serde_json::{Value, json};
use std::sync::Arc;

/// A piece of a call; the first one has its name.
fn piece(index: u64, name: Option<&str>, arguments: &str) -> Value {
    let mut call = json!({"index": index, "function": {"arguments": arguments}});
    if let Some(name) = name {
        (call["id"], call["type"]) = (format!("call_{name}").into(), "function".into());
        call["function"]["name"] = name.into();
    }
    json!({ "tool_calls": [call] })
}

fn text(words: &str) -> Value {
    json!({ "content": words })
}

/// The blocks of a streamed message: their kind, their name, and their text or input.
fn blocks(stream: &str) -> Vec<(String, Value, String)> {
    let mut blocks: Vec<(String, Value, String)> = Vec::new();
    let mut open = false;
    for data in stream.lines().filter_map(|line| line.strip_prefix("data: ")) {
        let event: Value = serde_json::from_str(data).unwrap();
        let at = event["index"].as_u64().map(|index| index as usize);
        match event["type"].as_str().unwrap() {
            "content_block_start" => {
                assert!(!open && at == Some(blocks.len()), "{stream}");
                open = true;
                let block = &event["content_block"];
                blocks.push((block["type"].as_str().unwrap().to_owned(), block["name"].clone(), String::new()));
                assert_eq!(block["id"].is_string(), block["type"] == "tool_use", "{block}");
            }
            "content_block_delta" => {
                assert!(open && at == Some(blocks.len() - 1), "{stream}");
                let delta = &event["delta"];
                let more = delta["text"].as_str().or_else(|| delta["partial_json"].as_str()).unwrap();
                blocks.last_mut().unwrap().2.push_str(more);
            }
            "content_block_stop" => assert!(std::mem::take(&mut open) && at == Some(blocks.len() - 1), "{stream}"),
            _ => assert!(!open || event["type"] == "ping", "{stream}"),
        }
    }
    blocks
}

#[tokio::test]
async fn blocks_come_whole_and_one_after_another() {
    let (a, b) = ((r#"{"a":"#, "1}"), (r#"{"b":"#, "2}"));
    let whole = |name: &str, input: &str| ("tool_use".to_owned(), json!(name), input.to_owned());
    let said = |words: &str| ("text".to_owned(), Value::Null, words.to_owned());
    let both = vec![whole("f", r#"{"a":1}"#), whole("g", r#"{"b":2}"#)];
    for (kind, deltas, wanted) in [
        (
            "one after another",
            vec![piece(0, Some("f"), a.0), piece(0, None, a.1), piece(1, Some("g"), b.0), piece(1, None, b.1)],
            both.clone(),
        ),
        (
            "interleaved",
            vec![piece(0, Some("f"), a.0), piece(1, Some("g"), b.0), piece(0, None, a.1), piece(1, None, b.1)],
            both.clone(),
        ),
        (
            "both begin before either has arguments",
            vec![
                piece(0, Some("f"), ""),
                piece(1, Some("g"), ""),
                piece(1, None, "{\"b\":2}"),
                piece(0, None, "{\"a\":1}"),
            ],
            both.clone(),
        ),
        (
            "words between the pieces",
            vec![
                piece(0, Some("f"), a.0),
                text("so "),
                piece(1, Some("g"), b.0),
                piece(0, None, a.1),
                text("it is"),
                piece(1, None, b.1),
            ],
            vec![whole("f", r#"{"a":1}"#), said("so "), whole("g", r#"{"b":2}"#), said("it is")],
        ),
        (
            "no arguments",
            vec![piece(0, Some("f"), ""), piece(1, Some("g"), "{}")],
            vec![whole("f", "{}"), whole("g", "{}")],
        ),
        (
            "arguments that are no object",
            vec![piece(0, Some("f"), "[1,"), piece(1, Some("g"), "5"), piece(0, None, "2]")],
            vec![whole("f", r#"{"value":[1,2]}"#), whole("g", r#"{"value":5}"#)],
        ),
        (
            "arguments that are broken",
            vec![piece(0, Some("f"), "a=1")],
            vec![whole("f", r#"{"malformed_arguments":"a=1"}"#)],
        ),
    ] {
        let events: Vec<Value> = deltas
            .into_iter()
            .map(|delta| json!({"choices": [{"index": 0, "delta": delta}]}))
            .chain([json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}), json!("[DONE]")])
            .collect();
        let sent = events.iter().map(|e| e.as_str().map_or_else(|| e.to_string(), str::to_owned));
        let server = Server::start(Scenario::chat([Reply::events(sent)]));
        let options = OpenAiOptions { model: Some("m".into()), max_retries: 0, ..OpenAiOptions::new(server.url()) };
        let engine = Arc::new(OpenAiEngine::new(options).unwrap());
        let address = serve(ServeOptions::new(vec![engine]).with_default_effort(Effort::None)).await;
        let schema = json!({"type": "object"});
        let tools = json!([{"name": "f", "input_schema": schema}, {"name": "g", "input_schema": schema}]);
        let ask = |stream: bool| {
            let messages = json!([{"role": "user", "content": "Call both."}]);
            json!({"model": "m", "max_tokens": 99, "messages": messages, "tools": tools, "stream": stream}).to_string()
        };
        let streamed = call(address, "POST", "/v1/messages", &ask(true)).await;
        assert_eq!(blocks(&streamed.body), wanted, "{kind}: {}", streamed.body);
        // The same calls as those of a whole reply.
        let reply = call(address, "POST", "/v1/messages", &ask(false)).await.json();
        let inputs = reply["content"].as_array().unwrap().iter().filter(|block| block["type"] == "tool_use");
        let inputs: Vec<Value> = inputs.map(|block| block["input"].clone()).collect();
        let read = |input: &str| serde_json::from_str(input).unwrap();
        let calls = wanted.iter().filter(|(kind, ..)| kind == "tool_use");
        let same: Vec<Value> = calls.map(|(_, _, input)| read(input)).collect();
        assert_eq!(inputs, same, "{kind}: {reply}");
    }
}
