//! A coding agent's loop in Codex's wire form: a patch, a run of the tests, an answer. The agent keeps the conversation
//! itself, streams, and sends everything back in every turn.

use super::{Front, stream};
use outthink_testkit::client;
use outthink_testkit::server::{Reply, Scenario};
use serde_json::{Value, json};

/// A patch with all that JSON has to escape.
const PATCH: &str =
    "*** Begin Patch\n*** Update File: src/\u{e9}.rs\n@@\n-    \"a\\n\"\n+    \"b\\t\u{1f600}\"\n*** End Patch";

/// What the model does after so many results of tools.
fn turn(results: usize) -> Reply {
    let call = |id: &str, name: &str, arguments: &Value| {
        // The arguments come in pieces of five letters.
        let letters: Vec<char> = arguments.to_string().chars().collect();
        let mut deltas = vec![
            json!({"reasoning_content": format!("step {results}")}),
            json!({"tool_calls": [{"index": 0, "id": id, "type": "function", "function": {"name": name, "arguments": ""}}]}),
        ];
        deltas.extend(letters.chunks(5).map(
            |piece| json!({"tool_calls": [{"index": 0, "function": {"arguments": piece.iter().collect::<String>()}}]}),
        ));
        stream(&deltas, "tool_calls")
    };
    match results {
        0 => call("c1", "apply_patch", &json!({ "input": PATCH })),
        1 => call("c2", "exec_command", &json!({"cmd": "cargo test -- \"it\""})),
        _ => stream(&[json!({"content": "Done: the tests pass."})], "stop"),
    }
}

/// Runs the loop; the items that the agent got, without their names, and the messages of the last request.
async fn run(extra: &Value, samples: usize) -> (Vec<Value>, Vec<Value>) {
    let front = Front::new(Scenario::by(|_, request| {
        let messages = request.json()["messages"].as_array().cloned().unwrap_or_default();
        turn(messages.iter().filter(|message| message["role"] == "tool").count())
    }))
    .await;
    let message = |role: &str, text: &str| json!({"type": "message", "role": role, "content": [{"type": "input_text", "text": text}]});
    let mut input = vec![message("developer", "The sandbox is open."), message("user", "Fix the test.")];
    let mut got = Vec::new();
    for number in 0..3 {
        let mut body = json!({
            "model": "m", "instructions": "You write code.", "input": input, "stream": true, "store": false,
            "tools": [
                {"type": "function", "name": "exec_command", "strict": false, "parameters": {"type": "object", "properties": {"cmd": {"type": "string"}}, "required": ["cmd"]}},
                {"type": "custom", "name": "apply_patch", "description": "Patches.", "format": {"type": "grammar", "syntax": "lark", "definition": "start: /.+/s"}},
                {"type": "namespace", "name": "agents", "description": "Others.", "tools": [{"type": "function", "name": "spawn", "parameters": {"type": "object"}}]},
                {"type": "web_search", "external_web_access": false},
            ],
            "tool_choice": "auto", "parallel_tool_calls": false, "reasoning": {"effort": "high"},
            "include": ["reasoning.encrypted_content"], "prompt_cache_key": "k", "client_metadata": {"a": "b"},
        });
        for (key, value) in extra.as_object().into_iter().flatten() {
            body[key] = value.clone();
        }
        let reply = client::post(front.address, "/v1/responses", &body).await;
        let data = reply.body.lines().filter_map(|line| line.strip_prefix("data: "));
        let events: Vec<Value> = data.map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(events.last().unwrap()["type"], "response.completed", "{}", reply.body);
        assert_eq!(front.server.requests().len(), samples * (number + 1));
        let items: Vec<Value> =
            events.iter().filter(|e| e["type"] == "response.output_item.done").map(|e| e["item"].clone()).collect();
        for item in &items {
            let kind = item["type"].as_str().unwrap();
            if kind.ends_with("_call") {
                let output = if number == 0 {
                    json!("Success.")
                } else {
                    json!([{"type": "input_text", "text": "ok. 3 passed"}])
                };
                input.push(item.clone());
                input.push(json!({"type": format!("{kind}_output"), "call_id": item["call_id"], "output": output}));
            } else {
                input.push(item.clone());
            }
            let mut item = item.clone();
            item.as_object_mut().unwrap().remove("id");
            got.push(item);
        }
    }
    let sent = front.server.requests().last().unwrap().json();
    (got, sent["messages"].as_array().unwrap().clone())
}

#[tokio::test]
async fn every_call_arrives_whole_and_a_vote_changes_nothing_but_the_bill() {
    let (alone, messages) = run(&json!({}), 1).await;
    let kinds: Vec<&Value> = alone.iter().map(|item| &item["type"]).collect();
    assert_eq!(kinds, ["reasoning", "custom_tool_call", "reasoning", "function_call", "message"]);
    assert_eq!((&alone[1]["name"], &alone[1]["input"]), (&json!("apply_patch"), &json!(PATCH)));
    assert_eq!(alone[3]["arguments"], json!({"cmd": "cargo test -- \"it\""}).to_string());
    assert_eq!(alone[4]["content"][0]["text"], "Done: the tests pass.");
    // The engine reads what it said, with its reasoning, and each result behind its call.
    let roles: Vec<&str> = messages.iter().filter_map(|message| message["role"].as_str()).collect();
    assert_eq!(roles, ["system", "developer", "user", "assistant", "tool", "assistant", "tool"]);
    assert_eq!(messages[3]["reasoning_content"], "step 0");
    assert_eq!(messages[3]["tool_calls"][0]["function"]["arguments"], json!({ "input": PATCH }).to_string());
    assert_eq!(
        (&messages[5]["reasoning_content"], &messages[5]["tool_calls"][0]["id"]),
        (&json!("step 1"), &json!("c2"))
    );
    let (voted, same) = run(&json!({"outthink": {"strategy": "self-consistency", "samples": 3}}), 3).await;
    assert_eq!((voted, same), (alone, messages));
}
