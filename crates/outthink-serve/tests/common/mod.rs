//! Scripts for the testkit's engine, and a gateway in front of it on a random port.

pub(crate) mod shapes;

use outthink_core::{FinishReason, Origin, SampleRequest};
use outthink_serve::ServeOptions;
use outthink_testkit::engine;
pub(crate) use outthink_testkit::engine::{Act, Scripted};
use serde_json::{Map, Value, json};
use std::net::SocketAddr;

/// A sample that says `text` and ends.
pub(crate) fn says(text: &'static str) -> Vec<Act> {
    engine::says(text)
}

/// A thought, a reply in two pieces.
pub(crate) fn thinks_then_says() -> Vec<Act> {
    engine::thinks_then_says("two and two", "The answer is 4.")
}

/// A call of the tool `add` in two pieces.
pub(crate) fn calls_a_tool() -> Vec<Act> {
    calls("add", 1)
}

/// As [`calls_a_tool`], by the name of the tool and the number of the call.
fn calls(name: &str, number: usize) -> Vec<Act> {
    let arguments = match name {
        "shell" => r#"{"commands":["echo 5"]}"#,
        "local_shell" => r#"{"command":["echo","5"]}"#,
        "apply_patch" => r#"{"type":"create_file","path":"sum.txt","diff":"+5"}"#,
        _ => r#"{"a":2,"b":3}"#,
    };
    let mut acts = engine::calls_a_tool(name, arguments);
    for act in &mut acts {
        if let Act::Extra(extra) = act
            && extra["tool_calls"][0]["id"].is_string()
        {
            extra["tool_calls"][0]["id"] = format!("call_{number}").into();
        }
    }
    acts
}

pub(crate) fn fails(origin: Origin, status: Option<u16>) -> Vec<Act> {
    engine::fails(origin, status)
}

/// The engine that the tests of the SDKs talk to: what it does follows from the request.
pub(crate) fn by_request(_: usize, request: &SampleRequest) -> Vec<Act> {
    let asked = request.prompt.last_user_text().unwrap_or_default();
    let tools = request.prompt.extra.get("tools");
    let this_turn = request.prompt.messages.iter().rev().take_while(|message| message["role"] != "user");
    let results = this_turn.filter(|message| message["role"] == "tool").count();
    if let Some(name) = tools.and_then(|tools| tools[0]["function"]["name"].as_str()) {
        if results == 3 { says("The sum is 5.") } else { calls(name, results + 1) }
    } else if request.prompt.extra.contains_key("response_format") {
        says("{\"value\": 4}")
    } else if asked.contains("fail") {
        fails(Origin::Engine, Some(500))
    } else {
        thinks_then_says()
    }
}

/// What a model of a coding agent does: it writes `file` by whichever tool there is, runs it, and says what came.
pub(crate) fn writes_and_runs(file: &str, request: &SampleRequest) -> Vec<Act> {
    let tools = request.prompt.extra.get("tools").and_then(Value::as_array).cloned().unwrap_or_default();
    let has = |name: &str| tools.iter().any(|tool| tool["function"]["name"] == name);
    let results: Vec<&Value> = request.prompt.messages.iter().filter(|m| m["role"] == "tool").collect();
    let shell = ["Bash", "exec_command"].into_iter().find(|name| has(name));
    let run = |command: String| match shell {
        Some("Bash") => json!({"command": command, "description": "runs it"}),
        _ => json!({ "cmd": command }),
    };
    match (results.len(), shell) {
        (0, _) if has("Write") => call(0, "Write", &json!({"file_path": file, "content": "print(17 * 23)\n"})),
        (0, Some(name)) => call(0, name, &run(format!("printf 'print(17 * 23)\\n' > {file}"))),
        (1, Some(name)) => call(1, name, &run(format!("python3 {file}"))),
        _ => {
            let seen = results.last().is_some_and(|result| result.to_string().contains("391"));
            let said = if seen { "Done: it prints 391." } else { "It cannot be done." };
            vec![Act::content(said), Act::End(FinishReason::Stop)]
        }
    }
}

/// Reasoning, and a call in pieces of seven letters.
fn call(number: usize, name: &str, arguments: &Value) -> Vec<Act> {
    let letters: Vec<char> = arguments.to_string().chars().collect();
    let function = json!({"name": name, "arguments": ""});
    let begin = json!({"index": 0, "id": format!("call_{number}"), "type": "function", "function": function});
    let piece = |piece: &[char]| json!({"index": 0, "function": {"arguments": piece.iter().collect::<String>()}});
    let entries = std::iter::once(begin).chain(letters.chunks(7).map(piece));
    let mut acts = vec![Act::reasoning(format!("step {number}"))];
    acts.extend(entries.map(|entry| Act::Extra(json!({ "tool_calls": [entry] }))));
    acts.push(Act::End(FinishReason::ToolCalls));
    acts
}

/// Serves `options` on a random port until the test ends.
pub(crate) async fn serve(options: ServeOptions) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(outthink_serve::serve(listener, options, std::future::pending()));
    address
}

/// The object of a JSON literal.
pub(crate) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("not an object: {other}"),
    }
}
