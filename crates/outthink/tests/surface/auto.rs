//! Effort `auto`, the default: what a client who asks for nothing is sold, counted by the server.

use super::{chunk, done, end, engine, serve, usage};
use outthink_serve::ServeOptions;
use outthink_testkit::client;
use outthink_testkit::server::{Reply, Scenario, Server};
use serde_json::{Value, json};
use std::collections::HashMap;

/// Language and request.
const CHATS: &str = include_str!("../../../outthink-strategy/tests/data/chats.tsv");
/// Language, request, right answer, wrong answer, reply.
const COMPARABLE: &str = include_str!("../../../outthink-strategy/tests/data/comparable.tsv");
/// Language and reply, to be had for any chat of the language.
const REPLIES: &str = include_str!("../../../outthink-strategy/tests/data/replies.tsv");

fn rows(text: &'static str) -> Vec<Vec<&'static str>> {
    text.lines().map(|line| line.split('\t').collect()).collect()
}

/// What the server says to a request: an essay, or the right answer in seven samples of ten.
fn reply(asked: &str, number: u64) -> String {
    let hash =
        |salt: u64| outthink_core::derive_seed(asked.bytes().fold(salt, |h, b| h * 31 % 999_983 + u64::from(b)), salt);
    if let Some(row) = rows(COMPARABLE).into_iter().find(|row| row[1] == asked) {
        return row[4].replace("{}", if hash(number) % 10 < 7 { row[2] } else { row[3] });
    }
    let chats = rows(CHATS);
    let language = chats.iter().find(|row| row[1] == asked).map_or("en", |row| row[0]);
    let replies: Vec<_> = rows(REPLIES).into_iter().filter(|row| row[0] == language).collect();
    replies[(hash(7) % replies.len() as u64) as usize][1].replace("\\n", "\n")
}

#[tokio::test]
async fn two_hundred_chats_are_two_hundred_samples_and_a_hundred_questions_are_compared() {
    let server = Server::start(Scenario::by(|number, request| {
        let asked = request.json()["messages"][0]["content"].as_str().unwrap_or_default().to_owned();
        Reply::text(&reply(&asked, number))
    }));
    let address = serve(ServeOptions::new(vec![engine(&server)])).await;
    let ask = |text: &str| json!({"messages": [{"role": "user", "content": text}]});
    let chats = rows(CHATS);
    for (i, row) in chats.iter().enumerate() {
        let mut body = ask(row[1]);
        body["stream"] = (i % 2 == 1).into();
        let answer = client::post(address, Scenario::CHAT, &body).await.answer();
        assert_eq!(answer.status, 200, "{}", answer.error);
        assert!(!answer.message["content"].as_str().unwrap().is_empty());
        assert_eq!(answer.receipt["samples_drawn"], 1, "{}: {}", row[1], answer.receipt);
    }
    assert_eq!((chats.len(), server.accounts().total().calls), (200, 200));
    let mut right = HashMap::new();
    for row in rows(COMPARABLE) {
        for effort in ["auto", "high"] {
            let mut body = ask(row[1]);
            body["outthink"] = json!({ "effort": effort });
            let answer = client::post(address, Scenario::CHAT, &body).await.answer();
            let drawn = answer.receipt["samples_drawn"].as_u64().unwrap();
            assert!(drawn >= 3, "{effort} {}: {}", row[1], answer.receipt);
            let is_right = answer.receipt["answer"].as_str().is_some_and(|a| outthink_verify::is_correct(a, row[2]));
            *right.entry(effort).or_insert(0) += u32::from(is_right);
        }
    }
    assert!(right["auto"] + 2 >= right["high"] && right["high"] >= 90, "right of 100: {right:?}");
}

/// A call of the calculator, after some reasoning that is signed.
fn calls(turn: u64) -> Reply {
    let call = json!({"index": 0, "id": format!("call_{turn}"), "type": "function",
        "function": {"name": "calc", "arguments": format!("{{\"x\": {turn}}}")}});
    let thought = json!({"reasoning_content": "I must calculate.", "reasoning_details": [
        {"index": 0, "type": "reasoning.encrypted", "data": format!("sig{turn}==")}]});
    Reply::events([
        chunk(&json!({"role": "assistant", "content": null}), &Value::Null),
        chunk(&thought, &Value::Null),
        chunk(&json!({ "tool_calls": [call] }), &Value::Null),
        end("tool_calls"),
        usage(&json!({"prompt_tokens": 7 * turn + 7, "completion_tokens": 5, "total_tokens": 7 * turn + 12})),
        done(),
    ])
}

#[tokio::test]
async fn a_tool_loop_is_decided_once_and_its_prefix_stays_as_it_was() {
    const TURNS: u64 = 10;
    let server = Server::start(Scenario::by(|number, _| {
        if number % TURNS + 1 < TURNS { calls(number % TURNS) } else { Reply::text("The answer is 391.") }
    }));
    let address = serve(ServeOptions::new(vec![engine(&server)])).await;
    let tools = json!([{"type": "function", "function": {"name": "calc", "description": "Calculates: 1 < 2 & é",
        "parameters": {"type": "object", "properties": {"x": {"type": "number"}, "a": {"type": "string"}}}}}]);
    for stream in [false, true] {
        // A question that would be compared, were there no tools.
        let mut messages =
            vec![json!({"role": "user", "content": "How many is 17 * 23? Use the tool. \u{e9}\u{1F600} </think>"})];
        for turn in 0..TURNS {
            let body = json!({"messages": messages, "tools": tools, "stream": stream});
            let answer = client::post(address, Scenario::CHAT, &body).await.answer();
            assert_eq!(answer.receipt["samples_drawn"], 1, "turn {turn}: {}", answer.receipt);
            assert_eq!(answer.finish, if turn + 1 < TURNS { "tool_calls" } else { "stop" }, "turn {turn}");
            let mut message = answer.message.clone();
            message["role"] = "assistant".into();
            let calls = message["tool_calls"].as_array().cloned().unwrap_or_default();
            messages.push(message);
            for call in calls {
                messages
                    .push(json!({"role": "tool", "tool_call_id": call["id"], "content": "{\"x\":  4.50, \"b\":1e3}"}));
            }
        }
    }
    let bodies: Vec<String> = server
        .requests()
        .iter()
        .filter(|r| r.path == Scenario::CHAT)
        .map(outthink_testkit::server::Request::text)
        .collect();
    assert_eq!(bodies.len() as u64, 2 * TURNS, "one sample a turn");
    for run in bodies.chunks(TURNS as usize) {
        let parts: Vec<(&str, &str, &str)> = run.iter().map(|body| conversation(body)).collect();
        for (turn, pair) in parts.windows(2).enumerate() {
            let ((head, before, tail), (next_head, after, next_tail)) = (pair[0], pair[1]);
            assert_eq!((head, tail), (next_head, next_tail), "turn {turn}: what stands around the messages");
            assert!(after.starts_with(before) && after.len() > before.len(), "turn {turn}:\n{before}\n{after}");
        }
    }
}

/// The bytes of a body before its messages, those of the messages without the closing bracket, and what follows.
fn conversation(body: &str) -> (&str, &str, &str) {
    let begins = body.find("\"messages\":[").unwrap() + "\"messages\":[".len();
    let (mut depth, mut quoted, mut escaped) = (1, false, false);
    for (at, byte) in body.bytes().enumerate().skip(begins) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'[' | b'{' if !quoted => depth += 1,
            b']' | b'}' if !quoted => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return (&body[..begins], &body[begins..at], &body[at..]);
        }
    }
    panic!("the messages do not end: {body}")
}
