//! What a client gets of a request that is passed on, and what is refused before it is.

use crate::http::call;
use crate::played::serve;
use outthink_core::Effort;
use outthink_engine::openai::{OpenAiEngine, OpenAiOptions};
use outthink_serve::ServeOptions;
use outthink_testkit::server::{Scenario, Server, Steady};
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;

/// A gateway before a fake server that has `model`.
async fn passing() -> (Server, SocketAddr) {
    let fake = Server::start(Scenario::steady(Steady::default()));
    let options = OpenAiOptions { model: Some("fake".into()), max_retries: 0, ..OpenAiOptions::new(fake.url()) };
    let options =
        ServeOptions::new(vec![Arc::new(OpenAiEngine::new(options).unwrap())]).with_default_effort(Effort::None);
    let address = serve(options).await;
    (fake, address)
}

#[tokio::test]
async fn a_stream_has_no_chunk_that_was_not_asked_for() {
    let (_fake, address) = passing().await;
    for (options, asked) in [
        (json!({}), false),
        (json!({"stream_options": {"include_usage": false}}), false),
        (json!({"stream_options": {"include_usage": true}}), true),
    ] {
        let mut body = json!({"prompt": "Once", "max_tokens": 5, "stream": true});
        for (key, value) in crate::common::object(options) {
            body[key] = value;
        }
        let reply = call(address, "POST", "/v1/completions", &body.to_string()).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        let usage = reply.events().iter().filter(|e| e["choices"] == json!([])).count();
        assert_eq!(usage, usize::from(asked), "{body}: {}", reply.body);
    }
}

#[tokio::test]
async fn fields_of_the_wrong_type_are_named_and_nothing_is_passed_on() {
    let (fake, address) = passing().await;
    for (fields, param) in [
        (json!({"max_tokens": "9"}), "max_tokens"),
        (json!({"n": "5"}), "n"),
        (json!({"stream": 1}), "stream"),
        (json!({"max_tokens": 5, "n_predict": 500}), "n_predict"),
        (json!({"model": 3}), "model"),
    ] {
        let reply = call(address, "POST", "/v1/completions", &fields.to_string()).await;
        assert_eq!((reply.status, reply.json()["error"]["param"].as_str()), (400, Some(param)), "{}", reply.body);
    }
    let reply = call(address, "POST", "/v1/embeddings", r#"{"input": "x", "model": 3}"#).await;
    assert_eq!((reply.status, reply.json()["error"]["param"].as_str()), (400, Some("model")));
    assert_eq!(fake.accounts().total().calls, 0);
}
