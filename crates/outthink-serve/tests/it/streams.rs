use crate::common::{Act, calls_a_tool, fails, says, thinks_then_says};
use crate::http::chat;
use crate::{ask, gateway, redact};
use outthink_core::{FinishReason, Origin};
use serde_json::{Value, json};
use std::time::Duration;

/// The texts of the deltas' field, joined.
fn text(events: &[Value], field: &str) -> String {
    events.iter().filter_map(|e| e["choices"][0]["delta"][field].as_str()).collect()
}

#[tokio::test]
async fn one_sample_comes_as_it_is_told() {
    let (address, _) = gateway(|_, _| thinks_then_says()).await;
    let reply = chat(address, &ask(json!({"stream": true, "stream_options": {"include_usage": true}}))).await;
    assert_eq!(reply.header("content-type"), Some("text/event-stream"));
    let events: Vec<Value> = reply.events().into_iter().map(redact).collect();
    insta::assert_json_snapshot!(events);
}

#[tokio::test]
async fn without_usage_the_receipt_is_on_the_reason() {
    let (address, _) = gateway(|_, _| thinks_then_says()).await;
    let events = chat(address, &ask(json!({"stream": true}))).await.events();
    let last = events.last().unwrap();
    assert_eq!(last["choices"][0]["finish_reason"], "stop");
    assert_eq!(last["outthink"]["strategy"], "single");
    assert!(events.iter().all(|e| e.get("usage").is_none()));
}

#[tokio::test]
async fn a_vote_thinks_aloud_and_then_answers() {
    let (address, _) = gateway(|i, _| {
        let pause = Act::Wait(Duration::from_millis(20 * (i as u64 + 1)));
        let answer = if i == 0 { "I say 5. The answer is 5." } else { "The answer is 4." };
        vec![Act::Reasoning("hm "), pause, Act::Content(answer), Act::End(FinishReason::Stop)]
    })
    .await;
    let body = ask(json!({"stream": true, "outthink": {"strategy": "self-consistency", "samples": 3}}));
    let events = chat(address, &body).await.events();
    assert_eq!(text(&events, "reasoning_content"), "hm I say 5. The answer is 5.");
    assert_eq!(text(&events, "content"), "The answer is 4.");
    let last = events.last().unwrap();
    assert_eq!(last["outthink"]["votes"], json!([{"answer": "4", "votes": 2}, {"answer": "5", "votes": 1}]));
}

#[tokio::test]
async fn tool_calls_pass_through_and_are_told_after_a_vote() {
    let (address, _) = gateway(|_, _| calls_a_tool()).await;
    let tools = json!([{"type": "function", "function": {"name": "add"}}]);
    let pieces = |events: &[Value]| -> Vec<Value> {
        events.iter().filter_map(|e| e["choices"][0]["delta"].get("tool_calls").cloned()).collect()
    };
    let one = chat(address, &ask(json!({"stream": true, "tools": tools}))).await.events();
    assert_eq!(pieces(&one).len(), 2);
    assert_eq!(one.last().unwrap()["choices"][0]["finish_reason"], "tool_calls");
    let body = ask(json!({"stream": true, "tools": tools, "outthink": {"strategy": "self-consistency", "samples": 2}}));
    let vote = chat(address, &body).await.events();
    let call = json!([{"id": "call_1", "type": "function", "function": {"name": "add", "arguments": "{\"a\":2,\"b\":3}"}, "index": 0}]);
    assert_eq!(pieces(&vote), [call]);
}

#[tokio::test]
async fn a_failure_after_the_first_words_is_an_event() {
    let (address, _) = gateway(|_, _| {
        let mut acts = vec![Act::Content("The answer ")];
        acts.extend(fails(Origin::Engine, None));
        acts
    })
    .await;
    let reply = chat(address, &ask(json!({"stream": true}))).await;
    assert_eq!(reply.status, 200);
    let events = reply.events();
    let last = events.last().unwrap();
    assert_eq!(last["error"]["code"], "engine_error", "{last}");
    assert_eq!(last["outthink"]["cancelled_tokens"], 1);
}

#[tokio::test]
async fn silence_is_filled_with_comments() {
    let (address, _) = gateway(|_, _| {
        let mut acts = vec![Act::Content("Let me see. "), Act::Wait(Duration::from_millis(15_500))];
        acts.extend(says("4"));
        acts
    })
    .await;
    let reply = chat(address, &ask(json!({"stream": true}))).await;
    assert!(reply.body.contains("\n\n: keep-alive\n\n"), "{}", reply.body);
    assert_eq!(text(&reply.events(), "content"), "Let me see. 4");
}
