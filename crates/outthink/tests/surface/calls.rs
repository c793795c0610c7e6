//! Calls of tools mean the same whatever form a server gives them, whole and streamed.

use super::{Front, answer_to, json_reply, stream};
use outthink_testkit::server::Reply;
use serde_json::{Value, json};

const A: &str = r#"{"f":"a"}"#;
const B: &str = r#"{"f":"b"}"#;

fn tools() -> Value {
    let tool = |name: &str| json!({"type": "function", "function": {"name": name, "parameters": {"type": "object"}}});
    json!({ "tools": [tool("write"), tool("read")] })
}

/// A piece of a call: `index`, `id` and `name` where they are there, and arguments.
fn piece(index: &Value, id: Option<&str>, name: Option<&str>, arguments: &Value) -> Value {
    let mut call = json!({ "function": { "arguments": arguments } });
    if !index.is_null() {
        call["index"] = index.clone();
    }
    if let Some(id) = id {
        (call["id"], call["type"]) = (id.into(), "function".into());
    }
    if let Some(name) = name {
        call["function"]["name"] = name.into();
    }
    call
}

fn deltas(pieces: &[Value]) -> Reply {
    let deltas: Vec<Value> = pieces.iter().map(|piece| json!({ "tool_calls": [piece] })).collect();
    stream(&deltas, "tool_calls")
}

/// Two calls with these indices, each in two pieces.
fn two(first: &Value, second: &Value, repeat_ids: bool) -> Reply {
    let again = |id| Some(id).filter(|_| repeat_ids);
    deltas(&[
        piece(first, Some("c1"), Some("write"), &json!("{\"f\":")),
        piece(first, again("c1"), None, &json!("\"a\"}")),
        piece(second, Some("c2"), Some("read"), &json!("{\"f\":")),
        piece(second, again("c2"), None, &json!("\"b\"}")),
    ])
}

/// Asserts what a client gets of a reply: the names and arguments, distinct ids, and a type.
async fn assert_calls(name: &str, reply: Reply, wanted: &[(&str, &str)]) {
    let answer = answer_to(name, reply, &tools()).await;
    let calls: Vec<(String, Value)> = answer
        .calls()
        .into_iter()
        .map(|(tool, args)| (tool, serde_json::from_str(&args).unwrap_or(Value::Null)))
        .collect();
    let wanted: Vec<(String, Value)> =
        wanted.iter().map(|(tool, args)| ((*tool).to_owned(), serde_json::from_str(args).unwrap())).collect();
    assert_eq!(calls, wanted, "{name}: {}", answer.message);
    let raw = answer.message["tool_calls"].as_array().unwrap();
    let mut ids: Vec<&str> = raw.iter().map(|call| call["id"].as_str().unwrap_or_default()).collect();
    assert!(ids.iter().all(|id| !id.is_empty()), "{name}: {ids:?}");
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), raw.len(), "{name}: ids are not distinct");
    assert!(raw.iter().all(|call| call["type"] == "function"), "{name}: {raw:?}");
    assert_eq!(answer.finish, "tool_calls", "{name}");
}

#[tokio::test]
async fn indices_are_made_dense() {
    let both = [("write", A), ("read", B)];
    let (zero, one) = (json!(0), json!(1));
    for (name, reply) in [
        ("as the API has it", two(&zero, &one, false)),
        ("ids repeated", two(&zero, &one, true)),
        ("one index for all", two(&zero, &zero, false)),
        ("one index for all, ids repeated", two(&zero, &zero, true)),
        ("no index", two(&Value::Null, &Value::Null, false)),
        ("no index, ids repeated", two(&Value::Null, &Value::Null, true)),
        ("from 1", two(&one, &json!(2), false)),
        ("sparse", two(&json!(3), &json!(7), false)),
        ("as text", two(&json!("0"), &json!("1"), false)),
    ] {
        assert_calls(name, reply, &both).await;
    }
    let interleaved = deltas(&[
        piece(&zero, Some("c1"), Some("write"), &json!("")),
        piece(&one, Some("c2"), Some("read"), &json!("{\"f\":")),
        piece(&zero, None, None, &json!("{\"f\":\"a\"}")),
        piece(&one, None, None, &json!("\"b\"}")),
    ]);
    assert_calls("pieces in turns", interleaved, &both).await;
    let at_once = json!({"tool_calls": [
        piece(&zero, Some("c1"), Some("write"), &json!(A)), piece(&one, Some("c2"), Some("read"), &json!(B))]});
    assert_calls("both in one event", stream(&[at_once], "tool_calls"), &both).await;
}

#[tokio::test]
async fn names_ids_and_arguments_are_completed() {
    let zero = json!(0);
    let first = |id, name, arguments: Value| piece(&zero, id, name, &arguments);
    let rest = |name, arguments: Value| piece(&zero, None, name, &arguments);
    for (name, reply) in [
        ("an object for a text", deltas(&[first(Some("c1"), Some("write"), json!({"f": "a"}))])),
        ("an empty name first", deltas(&[first(Some("c1"), Some(""), json!("")), rest(Some("write"), json!(A))])),
        (
            "a null name first",
            deltas(&[
                json!({"index": 0, "id": "c1", "type": "function", "function": {"name": null, "arguments": ""}}),
                rest(Some("write"), json!(A)),
            ]),
        ),
        ("a name in parts", deltas(&[first(Some("c1"), Some("wri"), json!("")), rest(Some("te"), json!(A))])),
        (
            "a name repeated",
            deltas(&[first(Some("c1"), Some("write"), json!("{\"f\":")), rest(Some("write"), json!("\"a\"}"))]),
        ),
        ("an id that is empty", deltas(&[first(Some(""), Some("write"), json!(A))])),
        ("no id", deltas(&[first(None, Some("write"), json!(A))])),
        (
            "an id that comes late",
            deltas(&[first(None, Some("write"), json!("{\"f\":")), piece(&zero, Some("c1"), None, &json!("\"a\"}"))]),
        ),
        ("null arguments first", deltas(&[first(Some("c1"), Some("write"), Value::Null), rest(None, json!(A))])),
        ("no type", deltas(&[json!({"index": 0, "id": "c1", "function": {"name": "write", "arguments": A}})])),
    ] {
        assert_calls(name, reply, &[("write", A)]).await;
    }
}

#[tokio::test]
async fn old_forms_and_whole_replies_where_a_stream_was_asked_for() {
    let legacy = |name: Option<&str>, arguments: &str| {
        let mut call = json!({ "arguments": arguments });
        if let Some(name) = name {
            call["name"] = name.into();
        }
        json!({ "function_call": call })
    };
    let whole = |id: &str, name: &str, arguments: Value| json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}});
    let message = |calls: Value| json!({"role": "assistant", "content": null, "tool_calls": calls});
    for (name, reply, wanted) in [
        (
            "function_call",
            stream(&[legacy(Some("write"), "{\"f\":"), legacy(None, "\"a\"}")], "function_call"),
            vec![("write", A)],
        ),
        (
            "a whole function_call",
            json_reply(
                &json!({"role": "assistant", "content": null,
            "function_call": {"name": "write", "arguments": A}}),
                "function_call",
            ),
            vec![("write", A)],
        ),
        (
            "whole calls",
            json_reply(&message(json!([whole("c1", "write", json!(A)), whole("c2", "read", json!(B))])), "tool_calls"),
            vec![("write", A), ("read", B)],
        ),
        (
            "a whole call with an object",
            json_reply(&message(json!([whole("c1", "write", json!({"f": "a"}))])), "tool_calls"),
            vec![("write", A)],
        ),
        (
            "a whole call without an id",
            json_reply(&message(json!([{"function": {"name": "write", "arguments": A}}])), "tool_calls"),
            vec![("write", A)],
        ),
        (
            "whole calls of one id",
            json_reply(&message(json!([whole("c", "write", json!(A)), whole("c", "read", json!(B))])), "tool_calls"),
            vec![("write", A), ("read", B)],
        ),
        (
            "calls that end with stop",
            stream(&[json!({"tool_calls": [piece(&json!(0), Some("c1"), Some("write"), &json!(A))]})], "stop"),
            vec![("write", A)],
        ),
    ] {
        assert_calls(name, reply, &wanted).await;
    }
}

#[tokio::test]
async fn votes_and_responses_are_made_of_the_same_calls() {
    let object = || deltas(&[piece(&json!(0), Some("c1"), Some("write"), &json!({"f": "a"}))]);
    let parts = || {
        deltas(&[
            piece(&json!(1), Some("x"), Some("wri"), &json!("")),
            piece(&json!(1), None, Some("te"), &json!("{\"f\":")),
            piece(&json!(1), None, None, &json!("\"a\"}")),
        ])
    };
    let other = deltas(&[piece(&json!(0), Some("c1"), Some("read"), &json!(B))]);
    let front = Front::new(outthink_testkit::server::Scenario::round([object(), parts(), other])).await;
    let mut fields = tools();
    fields["outthink"] = json!({"strategy": "self-consistency", "samples": 3});
    for answer in front.both(&fields).await.map(|reply| reply.answer()) {
        assert_eq!(answer.calls().first().map(|call| call.0.as_str()), Some("write"), "{answer:?}");
        assert_eq!(answer.receipt["votes"][0]["votes"], 2, "{}", answer.receipt);
    }
    let front = Front::new(parts()).await;
    let tool = json!({"type": "function", "name": "write", "parameters": {"type": "object"}});
    let body = json!({"input": "Write.", "tools": [tool]});
    let reply = outthink_testkit::client::post(front.address, "/v1/responses", &body).await.json();
    let call = reply["output"].as_array().unwrap().iter().find(|item| item["type"] == "function_call");
    let call = call.unwrap_or_else(|| panic!("no call: {reply}"));
    assert_eq!((&call["name"], &call["arguments"]), (&json!("write"), &json!(A)));
}
