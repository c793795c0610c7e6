use crate::common::{Scripted, fails, says, serve};
use crate::http::{call, chat};
use crate::{ask, gateway, redact};
use outthink_core::Origin;
use outthink_serve::ServeOptions;
use serde_json::{Value, json};

#[tokio::test]
async fn a_bad_field_is_named() {
    let (address, engine) = gateway(|_, _| says("hi")).await;
    let cases = [
        ("messages", json!({"messages": null})),
        ("messages", json!({"messages": []})),
        ("messages", json!({"messages": "hi"})),
        ("messages[0]", json!({"messages": ["hi"]})),
        ("messages[1].role", json!({"messages": [{"role": "user"}, {"content": "hi"}]})),
        ("model", json!({"model": 7})),
        ("stream", json!({"stream": "yes"})),
        ("stream_options.include_usage", json!({"stream_options": {"include_usage": 1}})),
        ("reasoning_effort", json!({"reasoning_effort": "enormous"})),
        ("max_tokens", json!({"max_tokens": 0})),
        ("max_tokens", json!({"max_tokens": -5})),
        ("max_tokens", json!({"max_tokens": 5, "max_completion_tokens": 6})),
        ("temperature", json!({"temperature": 3})),
        ("temperature", json!({"temperature": "hot"})),
        ("top_p", json!({"top_p": -0.1})),
        ("top_k", json!({"top_k": 1.5})),
        ("stop", json!({"stop": [1]})),
        ("seed", json!({"seed": 1.5})),
        ("n", json!({"n": 129})),
        ("n", json!({"n": 0})),
        ("n", json!({"n": 500.0})),
        ("n", json!({"n": "5"})),
        ("max_tokens", json!({"max_tokens": "9"})),
        ("n_predict", json!({"max_tokens": 50, "n_predict": 5000})),
        ("options.num_predict", json!({"max_tokens": 50, "options": {"num_predict": 51}})),
        ("best_of", json!({"best_of": 4})),
        ("use_beam_search", json!({"use_beam_search": true})),
        ("min_tokens", json!({"max_tokens": 50, "min_tokens": 60})),
        ("logprobs", json!({"logprobs": 5})),
        ("outthink", json!({"outthink": []})),
        ("outthink.sample", json!({"outthink": {"sample": 5}})),
        ("outthink.strategy", json!({"outthink": {"strategy": "majority"}})),
        ("outthink.samples", json!({"outthink": {"samples": 0}})),
        ("outthink.samples", json!({"reasoning_effort": "none", "outthink": {"samples": 8}})),
        ("outthink.strategy", json!({"reasoning_effort": "none", "outthink": {"strategy": "adaptive"}})),
        ("outthink.effort", json!({"reasoning_effort": "low", "outthink": {"effort": "high"}})),
        ("outthink.target_confidence", json!({"outthink": {"target_confidence": 0.5}})),
        ("outthink.target_confidence", json!({"outthink": {"target_confidence": 1}})),
        ("outthink.session", json!({"outthink": {"session": ""}})),
        ("outthink.session", json!({"outthink": {"session": 7}})),
        ("outthink.budget_tokens", json!({"outthink": {"budget_tokens": 0}})),
        ("outthink.budget_usd", json!({"outthink": {"budget_usd": 0}})),
        ("outthink.budget_usd", json!({"outthink": {"budget_usd": -1}})),
        ("outthink.budget_seconds", json!({"outthink": {"budget_seconds": 0}})),
        ("outthink.thinking_cap", json!({"outthink": {"strategy": "adaptive", "thinking_cap": 5}})),
        (
            "outthink.thinking_cap",
            json!({"outthink": {"strategy": "budget-forcing", "thinking_cap": 5, "thinking_floor": 9}}),
        ),
        ("outthink.target_confidence", json!({"reasoning_effort": "none", "outthink": {"target_confidence": 0.9}})),
    ];
    let mut told = Vec::new();
    for (param, fields) in cases {
        let reply = chat(address, &ask(fields.clone())).await;
        let body = reply.json();
        assert_eq!(reply.status, 400, "{fields}: {body}");
        assert_eq!(body["error"]["param"], param, "{fields}: {body}");
        assert_eq!(body["error"]["type"], "invalid_request_error");
        assert!(reply.header("x-request-id").is_some());
        told.push(format!("{fields} -> {}", body["error"]["message"].as_str().unwrap()));
    }
    assert_eq!(engine.started(), 0);
    insta::assert_snapshot!(told.join("\n"));
}

#[tokio::test]
async fn a_body_that_is_no_request() {
    let (address, _) = gateway(|_, _| says("hi")).await;
    for body in ["{\"messages\": [", "[1]", "", "{\"messages\"\n: oops}"] {
        let reply = call(address, "POST", "/v1/chat/completions", body).await;
        assert_eq!(reply.status, 400);
        let error = reply.json()["error"].clone();
        assert_eq!(error["param"], Value::Null);
        let words = error["message"].as_str().unwrap();
        assert!(body == "[1]" || words.contains("line") && words.contains("column"), "{words}");
    }
}

#[tokio::test]
async fn a_body_that_is_too_large() {
    let options =
        ServeOptions { max_body_bytes: 100, ..ServeOptions::new(vec![Scripted::new("m", |_, _| says("hi"))]) };
    let address = serve(options).await;
    let reply = chat(address, &ask(json!({"x": "y".repeat(200)}))).await;
    assert_eq!(reply.status, 413);
    assert_eq!(reply.json()["error"]["code"], "request_too_large");
}

#[tokio::test]
async fn unknown_models_paths_and_methods() {
    let (address, _) = gateway(|_, _| says("hi")).await;
    let reply = chat(address, &ask(json!({"model": "gpt-9"}))).await;
    assert_eq!(reply.status, 404);
    insta::assert_json_snapshot!(reply.json());
    let reply = call(address, "POST", "/v1/audio/speech", "{}").await;
    assert_eq!((reply.status, reply.json()["error"]["code"].as_str()), (404, Some("unknown_url")));
    let reply = call(address, "POST", "/v1/embeddings", "{}").await;
    assert_eq!((reply.status, reply.json()["error"]["code"].as_str()), (404, Some("not_supported")));
    let reply = call(address, "GET", "/v1/chat/completions", "").await;
    assert_eq!((reply.status, reply.json()["error"]["code"].as_str()), (405, Some("method_not_allowed")));
    assert_eq!(reply.header("allow"), Some("POST"));
}

#[tokio::test]
async fn the_engine_fails() {
    let cases = [
        (Origin::Caller, None, 400),
        (Origin::Caller, Some(422), 422),
        (Origin::Engine, None, 502),
        (Origin::Engine, Some(500), 502),
        (Origin::Engine, Some(504), 504),
        (Origin::Engine, Some(429), 429),
        (Origin::Internal, None, 500),
    ];
    for (origin, given, told) in cases {
        let (address, _) = gateway(move |_, _| fails(origin, given)).await;
        for stream in [false, true] {
            let reply = chat(address, &ask(json!({ "stream": stream }))).await;
            assert_eq!(reply.status, told, "{origin:?} {given:?} {}", reply.body);
            assert_eq!(reply.json()["error"]["message"], "the engine is on fire: bring water");
        }
    }
}

#[tokio::test]
async fn a_failure_has_its_bill() {
    let (address, _) = gateway(|_, _| {
        let mut acts = vec![crate::common::Act::Reasoning("hm")];
        acts.extend(fails(Origin::Engine, None));
        acts
    })
    .await;
    let reply = chat(address, &ask(json!({}))).await;
    assert_eq!(reply.status, 502);
    insta::assert_json_snapshot!(redact(reply.json()));
}
