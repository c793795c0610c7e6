//! Verifiers, further arms and a comparer behind requests.

use crate::common::{Scripted, says, serve};
use crate::http::chat;
use crate::{ask, gateway};
use outthink_core::{Bill, Cost, Effort, Engine, Judging, Prompt, Sample, Verdict, Verifier};
use outthink_engine::judge::{LlmJudge, ModelComparer};
use outthink_serve::{Policy, Resources, ServeOptions};
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;

/// Likes long replies, at three tokens a judgement.
struct LikesLength;

impl Verifier for LikesLength {
    fn name(&self) -> &'static str {
        "length"
    }

    fn score<'a>(&'a self, _: &'a Prompt, sample: &'a Sample) -> Judging<'a, Verdict> {
        let score = (sample.content.len() as f64 / 100.0).min(1.0);
        let bill = Bill { tokens: 3, cost: Cost::ZERO };
        Box::pin(async move { Ok(Verdict { score: Some(score), bill, ..Verdict::default() }) })
    }
}

/// A gateway before these engines that knows the verifier `length`.
async fn equipped(engines: Vec<Arc<dyn Engine>>) -> SocketAddr {
    let resources = Resources {
        verifiers: [("length".to_owned(), Arc::new(LikesLength) as Arc<dyn Verifier>)].into(),
        itself: Some(Arc::new(|engine| Arc::new(LlmJudge::new("self", Arc::clone(engine))))),
        comparer: Some(Arc::new(|engine| Arc::new(ModelComparer::new(Arc::clone(engine))))),
        ..Resources::default()
    };
    let policy = Policy { resources, ..Policy::default() };
    serve(ServeOptions { policy, ..ServeOptions::new(engines) }.with_default_effort(Effort::Low)).await
}

#[tokio::test]
async fn a_named_verifier_judges_and_its_tokens_are_on_the_bill() {
    let engine = Scripted::new("m", |i, _| says(if i == 2 { "It is, as one sees at once, 5." } else { "It is 4." }));
    let address = equipped(vec![engine]).await;
    let asked = json!({"strategy": "best-of-n", "samples": 4, "verifiers": ["length"]});
    let reply = chat(address, &ask(json!({"outthink": asked}))).await.json();
    assert_eq!(reply["choices"][0]["message"]["content"], "It is, as one sees at once, 5.", "{reply}");
    assert_eq!(reply["outthink"]["verifier_tokens"], 12);
    // Four samples of one token each; what the verifier read is not the model's.
    assert_eq!(reply["usage"]["completion_tokens"], 4);
}

#[tokio::test]
async fn a_rule_comes_with_the_request() {
    for (rule, wanted) in [
        (json!({"numeric": 5}), "The answer is 5."),
        (json!({"numeric": "5.0"}), "The answer is 5."),
        (json!({"pattern": "[6-9]"}), "The answer is 6."),
        (json!({"json_schema": {"required": ["a"]}}), r#"{"a": 1}"#),
        (json!({"countdown": {"target": 24, "numbers": [4, 6]}}), "4*6"),
    ] {
        let replies = ["The answer is 4.", "The answer is 5.", "The answer is 6.", r#"{"a": 1}"#, "4*6"];
        let (address, _) = gateway(move |i, _| says(replies[i % replies.len()])).await;
        let asked = json!({"strategy": "best-of-n", "samples": 5, "verifiers": [rule]});
        let reply = chat(address, &ask(json!({"outthink": asked}))).await.json();
        assert_eq!(reply["choices"][0]["message"]["content"], wanted, "{reply}");
    }
}

#[tokio::test]
async fn the_dear_model_is_asked_where_the_cheap_one_is_unsure() {
    const CHEAP: [&str; 4] = ["The answer is 1.", "The answer is 2.", "The answer is 3.", "The answer is 4."];
    let (cheap, dear) =
        (Scripted::new("cheap", |i, _| says(CHEAP[i % 4])), Scripted::new("dear", |_, _| says("The answer is 9.")));
    let address = equipped(vec![cheap.clone(), dear.clone()]).await;
    let asked = json!({"strategy": "cascade", "samples": 12, "arms": ["dear"]});
    let reply = chat(address, &ask(json!({"model": "cheap", "outthink": asked}))).await.json();
    assert_eq!(reply["outthink"]["answer"], "9", "{reply}");
    assert!(cheap.started() > 0 && dear.started() > 0);
    assert_eq!(reply["model"], "cheap");
}

#[tokio::test]
async fn one_model_at_two_efforts_is_two_arms() {
    const SHORT: [&str; 4] = ["The answer is 1.", "The answer is 2.", "The answer is 3.", "The answer is 4."];
    let thinks = |effort| outthink_core::Thinking { effort: Some(effort), budget: None };
    for arms in
        [json!(["m@high"]), json!(["@high"]), json!([{"effort": "high"}]), json!([{"model": "m", "effort": "high"}])]
    {
        let engine = Scripted::new("m", move |i, request| {
            let long = request.thinking == thinks(Effort::High);
            says(if long { "The answer is 9." } else { SHORT[i % 4] })
        });
        let address = equipped(vec![engine]).await;
        let asked = json!({"strategy": "cascade", "samples": 12, "arms": arms});
        let body = ask(json!({"reasoning_effort": "low", "outthink": asked}));
        let reply = chat(address, &body).await.json();
        assert_eq!(reply["outthink"]["answer"], "9", "{arms}: {reply}");
        let named: Vec<&str> =
            reply["outthink"]["models"].as_array().unwrap().iter().filter_map(|m| m["arm"].as_str()).collect();
        assert_eq!(named, ["m@low", "m@high"], "{reply}");
    }
}

#[tokio::test]
async fn a_name_that_holds_an_at_sign_is_a_name_and_a_wrong_effort_is_named() {
    let (plain, odd) =
        (Scripted::new("m", |_, _| says("The answer is 1.")), Scripted::new("m@high", |_, _| says("The answer is 2.")));
    let address = equipped(vec![plain, odd.clone()]).await;
    let arms = |arms: serde_json::Value| {
        ask(json!({"model": "m", "outthink": {"strategy": "ensemble", "samples": 4, "arms": arms}}))
    };
    assert_eq!(chat(address, &arms(json!(["m@high"]))).await.status, 200);
    assert_eq!(odd.last_request().thinking.effort, None, "a model that bears the whole name is meant");
    assert_eq!(chat(address, &arms(json!(["m@high@low"]))).await.status, 200);
    assert_eq!(odd.last_request().thinking.effort, Some(Effort::Low));
    for (arm, words) in [
        (json!("m@hgih"), "names an unknown effort `hgih` (did you mean `high`?) after the `@`"),
        (json!("@"), "the model `@` does not exist here"),
        (json!("x@low"), "the model `x` does not exist here"),
        (json!({"model": "m@low", "effort": "max"}), "names the efforts low and max: give one"),
        (json!({"effort": "hgih"}), "has an unknown effort `hgih` (did you mean `high`?)"),
    ] {
        let reply = chat(address, &arms(json!([arm]))).await;
        assert_eq!(reply.status, 400, "{arm}: {}", reply.body);
        let error = &reply.json()["error"];
        assert!(error["message"].as_str().unwrap().contains(words), "{arm}: {error}");
        assert_eq!(error["param"], "outthink.arms[0]");
    }
}

#[tokio::test]
async fn a_system_message_is_an_arm() {
    let engine = Scripted::new("m", |_, request| {
        let stern = request.prompt.messages.iter().any(|m| m["content"] == "Be stern.");
        says(if stern { "The answer is 2." } else { "The answer is 1." })
    });
    let address = equipped(vec![engine]).await;
    let asked = json!({"strategy": "ensemble", "samples": 6, "arms": [{"system": "Be stern."}]});
    let reply = chat(address, &ask(json!({"outthink": asked}))).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert!(reply.json()["outthink"]["samples_drawn"].as_u64().unwrap() >= 2);
}

#[tokio::test]
async fn texts_that_no_rule_compares_are_compared_by_the_model() {
    // The comparison asks for a schema; what it asks about differs in words alone.
    let engine = Scripted::new("m", |i, request| match request.prompt.extra.contains_key("response_format") {
        true => says(r#"{"verdict":"A"}"#),
        false if i % 2 == 0 => says("Rome is the capital of Italy."),
        false => says("The capital of Italy is the city of Rome."),
    });
    let address = equipped(vec![engine]).await;
    let reply = chat(address, &ask(json!({"outthink": {"strategy": "cluster-vote", "samples": 3}}))).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
}

#[tokio::test]
async fn what_is_not_there_is_refused_before_anything_is_spent() {
    let engine = Scripted::new("m", |_, _| says("The answer is 4."));
    let address = equipped(vec![engine.clone()]).await;
    let best = |verifiers| json!({"strategy": "best-of-n", "samples": 2, "verifiers": verifiers});
    for (own, param, words) in [
        (best(json!(["lenght"])), "outthink.verifiers[0]", "is not known here: use length, self"),
        (best(json!([{"python_tests": "assert True"}])), "outthink.verifiers[0]", "runs none"),
        (best(json!([{"pattern": "("}])), "outthink.verifiers[0]", "cannot be used"),
        (best(json!([{"numeric": 1, "pattern": "1"}])), "outthink.verifiers[0]", "one key"),
        (best(json!([7])), "outthink.verifiers[0]", "a verifier is a name"),
        (best(json!([{"wasm": "/etc/passwd"}])), "outthink.verifiers[0]", "set up by the operator"),
        (best(json!("length")), "outthink.verifiers", "give an array"),
        (json!({"strategy": "adaptive", "arms": ["m"]}), "outthink.arms", "knows one"),
        (json!({"strategy": "cascade", "arms": ["n"]}), "outthink.arms[0]", "does not exist here"),
        (json!({"strategy": "cascade", "arms": [{}]}), "outthink.arms[0]", "names nothing"),
        (json!({"strategy": "ensemble"}), "", "another model or another system message"),
        (json!({"strategy": "program"}), "", "a sandbox that runs programs"),
    ] {
        let reply = chat(address, &ask(json!({"outthink": own}))).await;
        let error = &reply.json()["error"];
        assert_eq!(reply.status, 400, "{own}: {}", reply.body);
        assert!(error["message"].as_str().unwrap().contains(words), "{own}: {error}");
        if !param.is_empty() {
            assert_eq!(error["param"], param);
        }
    }
    assert_eq!(engine.started(), 0);
}
