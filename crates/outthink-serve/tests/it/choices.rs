//! `n` final answers, and responses in the background.

use crate::ask;
use crate::common::{Act, fails, says};
use crate::gateway;
use outthink_core::{FinishReason, Origin, SampleRequest};
use outthink_testkit::client::{call, get, post};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

/// Says a number that differs from sample to sample.
fn counts(index: usize, _: &SampleRequest) -> Vec<Act> {
    vec![Act::reasoning("hm "), Act::content(format!("The answer is {}.", index % 5)), Act::End(FinishReason::Stop)]
}

#[tokio::test]
async fn each_choice_has_samples_and_a_receipt_of_its_own() {
    let (address, engine) = gateway(counts).await;
    let voting = json!({"strategy": "self-consistency", "samples": 4});
    let body = ask(json!({"n": 3, "outthink": voting, "seed": 7}));
    let reply = post(address, "/v1/chat/completions", &body).await.json();
    let choices = reply["choices"].as_array().unwrap();
    assert_eq!(choices.iter().map(|c| c["index"].as_u64().unwrap()).collect::<Vec<_>>(), [0, 1, 2]);
    let traces: BTreeSet<&str> = choices.iter().map(|c| c["outthink"]["trace_id"].as_str().unwrap()).collect();
    assert_eq!(traces.len(), 3);
    for choice in choices {
        assert_eq!((&choice["outthink"]["samples_drawn"], &choice["finish_reason"]), (&json!(4), &json!("stop")));
        let content = choice["message"]["content"].as_str().unwrap();
        assert!(content.contains(choice["outthink"]["answer"].as_str().unwrap()), "{choice}");
    }
    assert_eq!((engine.started(), &reply["outthink"]["samples_drawn"]), (12, &json!(12)));
    let of_models = |field: &str| -> u64 {
        let models = choices.iter().flat_map(|c| c["outthink"]["models"].as_array().unwrap());
        models.map(|m| m[field].as_u64().unwrap()).sum()
    };
    for field in ["prompt_tokens", "completion_tokens"] {
        assert_eq!(reply["usage"][field], of_models(field), "summed once");
    }
    let seeds: BTreeSet<u64> = engine.requests().iter().flat_map(|r| r.seeds.clone()).collect();
    assert_eq!(seeds.len(), 12, "no choice repeats another one's samples");
}

#[tokio::test]
async fn choices_are_streamed_by_their_index() {
    for include_usage in [true, false] {
        let (address, _) = gateway(counts).await;
        let body = ask(json!({"n": 3, "stream": true, "stream_options": {"include_usage": include_usage}}));
        let response = post(address, "/v1/chat/completions", &body).await;
        assert!(response.is_stream() && response.body.ends_with("data: [DONE]\n\n"), "{}", response.body);
        let events = response.events();
        let mut said = vec![String::new(); 3];
        let (mut roles, mut ends, mut usage, mut bills) = (0, Vec::new(), Vec::new(), 0);
        for event in &events {
            for choice in event["choices"].as_array().unwrap() {
                let index = choice["index"].as_u64().unwrap() as usize;
                roles += usize::from(choice["delta"]["role"] == "assistant");
                said[index].push_str(choice["delta"]["content"].as_str().unwrap_or_default());
                if choice["finish_reason"].is_string() {
                    ends.push(index);
                    assert_eq!(choice["outthink"]["samples_drawn"], 1, "{choice}");
                }
            }
            assert!(
                include_usage || !event["choices"].as_array().unwrap().is_empty(),
                "no chunk that nobody asked for"
            );
            usage.extend(event.get("usage").filter(|u| !u.is_null()));
            bills += usize::from(event["outthink"]["choices"] == 3);
        }
        ends.sort_unstable();
        assert_eq!((roles, ends, bills), (3, vec![0, 1, 2], 1));
        assert!(said.iter().all(|text| text.starts_with("The answer is ")), "{said:?}");
        assert_eq!(usage.len(), usize::from(include_usage));
    }
}

#[tokio::test]
async fn where_one_choice_fails_so_does_the_reply_with_the_bill_of_the_others() {
    let script = |index: usize, _: &SampleRequest| match index {
        1 => [vec![Act::Wait(Duration::from_millis(200))], fails(Origin::Engine, Some(500))].concat(),
        _ => says("hi"),
    };
    let (address, engine) = gateway(script).await;
    let reply = post(address, "/v1/chat/completions", &ask(json!({"n": 3}))).await;
    assert_eq!((reply.status, engine.live()), (502, 0), "{}", reply.body);
    assert_eq!(reply.json()["outthink"]["choices"].as_array().unwrap().len(), 2, "{}", reply.body);
    let refused = post(address, "/v1/chat/completions", &ask(json!({"n": 129}))).await;
    assert_eq!((refused.status, &refused.json()["error"]["param"]), (400, &json!("n")));
}

#[tokio::test]
async fn budgets_of_a_request_are_divided_among_its_choices() {
    let (address, engine) = gateway(|_, _| says("hi")).await;
    let body = ask(json!({"n": 4, "outthink": {"budget_tokens": 400}}));
    assert_eq!(post(address, "/v1/chat/completions", &body).await.status, 200);
    assert!(engine.requests().iter().all(|r| r.max_tokens == Some(100)), "{:?}", engine.requests());
}

/// A response once it is not `status` any more.
async fn after(address: std::net::SocketAddr, id: &str, open: &[&str]) -> Value {
    for _ in 0..600 {
        let response = get(address, &format!("/v1/responses/{id}")).await.json();
        if !open.contains(&response["status"].as_str().unwrap()) {
            return response;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it never ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_in_the_background_is_read_by_its_name() {
    let script = |index: usize, _: &SampleRequest| match index {
        0 => vec![
            Act::content("The answer "),
            Act::Wait(Duration::from_millis(300)),
            Act::content("is 4."),
            Act::End(FinishReason::Stop),
        ],
        1 => vec![Act::content("so "), Act::Wait(Duration::from_mins(5)), Act::content("slow")],
        _ => fails(Origin::Engine, Some(500)),
    };
    let (address, engine) = gateway(script).await;
    let begin = async || post(address, "/v1/responses", &json!({"input": "2+2?", "background": true})).await.json();
    let begun = begin().await;
    let id = begun["id"].as_str().unwrap();
    assert_eq!(
        (&begun["status"], &begun["background"], &begun["output"]),
        (&json!("queued"), &json!(true), &json!([]))
    );
    let going_on = after(address, id, &["queued"]).await;
    assert_eq!(going_on["status"], "in_progress", "{going_on}");
    let next = json!({"input": "and?", "previous_response_id": id});
    assert_eq!(post(address, "/v1/responses", &next).await.status, 400, "nothing goes on from what has not ended");
    let ended = after(address, id, &["queued", "in_progress"]).await;
    assert_eq!(
        (&ended["status"], &ended["output"][0]["content"][0]["text"]),
        (&json!("completed"), &json!("The answer is 4."))
    );
    assert!(ended["usage"]["total_tokens"].as_u64().unwrap() > 0 && ended["outthink"]["samples_drawn"] == 1);
    // Cancelled.
    let begun = begin().await;
    let id = begun["id"].as_str().unwrap();
    after(address, id, &["queued"]).await;
    let cancel = format!("/v1/responses/{id}/cancel");
    let cancelled = call(address, "POST", &cancel, &[], b"").await.json();
    assert_eq!((&cancelled["status"], engine.live()), (&json!("cancelled"), 0), "{cancelled}");
    assert_eq!(call(address, "POST", &cancel, &[], b"").await.json(), cancelled, "twice is as good as once");
    // Failed.
    let begun = begin().await;
    let failed = after(address, begun["id"].as_str().unwrap(), &["queued", "in_progress"]).await;
    assert_eq!((&failed["status"], failed["error"]["code"].is_string()), (&json!("failed"), true), "{failed}");
    for (fields, status) in [(json!({"stream": true}), 400), (json!({"store": false}), 400)] {
        let mut body = json!({"input": "x", "background": true});
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let refused = post(address, "/v1/responses", &body).await;
        assert_eq!((refused.status, &refused.json()["error"]["param"]), (status, &json!("background")));
    }
    assert_eq!(call(address, "POST", "/v1/responses/resp_none/cancel", &[], b"").await.status, 404);
}
