//! Whole numbers of more than 64 bits pass through requests and replies as they are.

use super::{Bank, Front, ask, done, end, seven_and_five};
use outthink_testkit::client;
use outthink_testkit::server::{Reply, Scenario, Step};
use serde_json::{Value, json};

/// Above 2^64, above 2^128, below -2^63, and three that fit.
const NUMBERS: [&str; 6] = [
    "18446744073709551616",
    "340282366920938463463374607431768211457000",
    "-9223372036854775809",
    "18446744073709551615",
    "-9223372036854775808",
    "12",
];

/// The body with the number in the place of "@".
fn put(body: &Value, number: &str) -> String {
    body.to_string().replace("\"@\"", number)
}

async fn send(address: std::net::SocketAddr, path: &str, body: &str) -> client::Response {
    client::call(address, "POST", path, &[("content-type", "application/json")], body.as_bytes()).await
}

#[tokio::test]
async fn they_reach_the_server_as_they_were_sent() {
    let scenario = Scenario::chat([Reply::text("391")]).on(Scenario::COMPLETIONS, [Reply::text("391")]);
    let front = Front::new(scenario).await;
    let tool = json!([{"type": "function", "function": {"name": "f", "parameters": {"maximum": "@"}}}]);
    let message = json!([{"role": "user", "content": [{"type": "text", "text": "x", "id": "@"}]}]);
    for number in NUMBERS {
        for (name, path, body) in [
            ("an unknown field", Scenario::CHAT, ask(json!({"odd": {"deep": ["@", "@"]}}))),
            ("a tool's schema", Scenario::CHAT, ask(json!({"tools": tool}))),
            ("a part of a message", Scenario::CHAT, json!({"messages": message})),
            ("metadata of a response", "/v1/responses", json!({"input": "x", "metadata": {"id": "@"}})),
            ("a completion", Scenario::COMPLETIONS, json!({"prompt": "x", "max_tokens": 9, "odd": "@"})),
        ] {
            let reply = send(front.address, path, &put(&body, number)).await;
            assert_eq!(reply.status, 200, "{name}, {number}: {}", reply.body);
            let sent = front.server.requests().pop().unwrap().text();
            assert!(sent.contains(&format!(":{number}")) || sent.contains(&format!("[{number}")), "{name}: {sent}");
            assert!(!sent.contains(&format!("\"{number}\"")) && !sent.contains("integer-"), "{name}: {sent}");
            if path == "/v1/responses" {
                assert!(reply.body.contains(&format!("\"id\":{number}")), "{name}: {}", reply.body);
                let id = reply.body.split("\"id\":\"").nth(1).unwrap().split('"').next().unwrap();
                let again = client::get(front.address, &format!("/v1/responses/{id}")).await;
                assert!(again.body.contains(&format!("\"id\":{number}")), "{name}: {}", again.body);
            }
        }
    }
}

#[tokio::test]
async fn they_reach_the_client_as_they_were_said() {
    for number in NUMBERS {
        let extra = json!({"content": "391", "annotations": [{"id": "@"}]});
        let event = json!({"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m",
            "choices": [{"index": 0, "delta": extra, "finish_reason": null}]});
        let streamed = Reply::events([Step::from(put(&event, number).as_str()), end("stop"), seven_and_five(), done()]);
        let arguments = json!({"tool_calls": [{"index": 0, "id": "c", "type": "function",
            "function": {"name": "f", "arguments": {"id": "@"}}}]});
        let call = put(&json!({"choices": [{"index": 0, "delta": arguments, "finish_reason": null}]}), number);
        let called = Reply::events([Step::from(call.as_str()), end("tool_calls"), seven_and_five(), done()]);
        for (name, reply, fields, wanted) in [
            ("annotations", streamed, json!({}), format!("\"id\":{number}")),
            (
                "arguments as an object",
                called,
                json!({"tools": [{"type": "function", "function": {"name": "f"}}]}),
                format!("\\\"id\\\":{number}"),
            ),
        ] {
            let front = Front::new(reply).await;
            for reply in front.both(&fields).await {
                assert_eq!(reply.status, 200, "{name}: {}", reply.body);
                assert!(reply.body.contains(&wanted), "{name}, {number}: {}", reply.body);
                assert!(!reply.body.contains("integer-"), "{name}: {}", reply.body);
            }
        }
    }
}

#[tokio::test]
async fn one_that_is_read_here_is_refused_by_its_digits() {
    let bank = Bank::new(Reply::text("391"), 1_000_000_000).await;
    for field in ["max_tokens", "seed", "n"] {
        let body = put(&ask(json!({ field: "@" })), NUMBERS[0]);
        let reply = send(bank.address, Scenario::CHAT, &body).await;
        assert_eq!(reply.status, 400, "{field}: {}", reply.body);
        let words = reply.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(words.starts_with(&format!("{field} is {}: give a whole number", NUMBERS[0])), "{words}");
    }
}
