use crate::common::{Act, Scripted, calls_a_tool, says, serve, thinks_then_says};
use crate::http::{call, chat};
use crate::{ask, gateway, redact};
use outthink_core::{Effort, FinishReason};
use outthink_serve::ServeOptions;
use serde_json::json;

#[tokio::test]
async fn one_sample() {
    let (address, _) = gateway(|_, _| thinks_then_says()).await;
    let reply = chat(address, &ask(json!({"model": "m"}))).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("x-request-id"), reply.json()["outthink"]["trace_id"].as_str());
    assert_eq!(reply.header("x-outthink-trace-id"), reply.header("x-request-id"));
    insta::assert_json_snapshot!(redact(reply.json()));
}

#[tokio::test]
async fn a_vote() {
    let (address, engine) = gateway(|i, _| says(if i == 1 { "The answer is 5." } else { "The answer is 4." })).await;
    let body = ask(json!({"outthink": {"strategy": "self-consistency", "samples": 4}}));
    let reply = chat(address, &body).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(engine.started(), 4);
    insta::assert_json_snapshot!(redact(reply.json()));
}

#[tokio::test]
async fn the_bill_counts_what_was_cancelled() {
    let slow = std::time::Duration::from_mins(10);
    let (address, engine) = gateway(move |i, _| match i {
        0..4 => says("The answer is 4."),
        _ => vec![Act::Content("Well, "), Act::Wait(slow)],
    })
    .await;
    let body = ask(json!({"outthink": {"strategy": "adaptive", "samples": 5, "budget_seconds": 1}}));
    let reply = chat(address, &body).await.json();
    let receipt = &reply["outthink"];
    assert_eq!(receipt["answer"], "4", "{reply}");
    let drawn = receipt["samples_drawn"].as_u64().unwrap();
    let usage = &reply["usage"];
    assert_eq!(usage["completion_tokens"].as_u64().unwrap(), drawn);
    assert_eq!(usage["completion_tokens_details"]["reasoning_tokens"].as_u64().unwrap(), drawn - 1);
    assert_eq!(
        1 + receipt["discarded_tokens"].as_u64().unwrap() + receipt["cancelled_tokens"].as_u64().unwrap(),
        drawn,
    );
    assert_eq!(engine.live(), 0);
}

#[tokio::test]
async fn tool_calls() {
    let (address, engine) = gateway(|_, _| calls_a_tool()).await;
    let tools = json!([{"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}]);
    let body = ask(json!({"tools": tools, "tool_choice": "auto", "metadata": {"a": 1}, "new_field": [1]}));
    let reply = chat(address, &body).await;
    insta::assert_json_snapshot!(reply.json()["choices"]);
    let extra = engine.last_request().prompt.extra.clone();
    assert_eq!(
        serde_json::Value::Object(extra),
        json!({"tools": tools, "tool_choice": "auto", "metadata": {"a": 1}, "new_field": [1]})
    );
}

#[tokio::test]
async fn settings_reach_the_engine() {
    let (address, engine) = gateway(|_, _| says("hi")).await;
    let body = ask(json!({
        "temperature": 0.5, "top_p": 0.9, "top_k": 40, "min_p": 0.05, "stop": "END", "max_tokens": 77, "seed": -3,
        "logprobs": true, "user": null,
    }));
    assert_eq!(chat(address, &body).await.status, 200);
    let seen = engine.last_request();
    assert_eq!(seen.sampling.temperature, Some(0.5));
    assert_eq!(seen.sampling.top_k, Some(40));
    assert_eq!(seen.sampling.stop, ["END"]);
    assert_eq!((seen.max_tokens, seen.logprobs, seen.seeded), (Some(77), true, true));
    let seeds = seen.seeds;
    chat(address, &body).await;
    assert_eq!(engine.last_request().seeds, seeds);
}

#[tokio::test]
async fn cut_off_is_told() {
    let (address, _) = gateway(|_, _| vec![Act::Content("The ans"), Act::End(FinishReason::Length)]).await;
    let reply = chat(address, &ask(json!({}))).await.json();
    assert_eq!(reply["choices"][0]["finish_reason"], "length");
}

#[tokio::test]
async fn models_are_listed_and_chosen() {
    let small = Scripted::new("org/small", |_, _| says("small"));
    let large = Scripted::new("large", |_, _| says("large"));
    let address = serve(ServeOptions::new(vec![small, large]).with_default_effort(Effort::None)).await;
    let list = call(address, "GET", "/v1/models", "").await.json();
    assert_eq!(list["object"], "list");
    let ids: Vec<_> = list["data"].as_array().unwrap().iter().map(|m| m["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["org/small", "large"]);
    for path in ["/v1/models/org/small", "/v1/models/org%2Fsmall"] {
        assert_eq!(call(address, "GET", path, "").await.json()["id"], "org/small");
    }
    assert_eq!(call(address, "GET", "/v1/models/none", "").await.status, 404);
    for (model, said) in [(json!("large"), "large"), (json!("outthink"), "small"), (json!(null), "small")] {
        let reply = chat(address, &ask(json!({ "model": model }))).await.json();
        assert_eq!(reply["choices"][0]["message"]["content"], said);
    }
}

#[tokio::test]
async fn health() {
    let (address, _) = gateway(|_, _| Vec::new()).await;
    for path in ["/health", "/health/live", "/health/ready"] {
        assert_eq!(call(address, "GET", path, "").await.status, 200);
    }
    let nothing = serve(ServeOptions::new(Vec::new())).await;
    assert_eq!(call(nothing, "GET", "/health/live", "").await.status, 200);
    assert_eq!(call(nothing, "GET", "/health/ready", "").await.status, 503);
}
