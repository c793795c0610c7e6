//! What requests of one kind teach the next one about the looks of answers.

use crate::common::Act;
use crate::gateway;
use outthink_core::{FinishReason, SampleRequest};
use outthink_testkit::client::{get, post};
use serde_json::{Value, json};
use std::net::SocketAddr;

/// Right in six samples of ten; wrong answers are halves, each another one.
fn halves(index: usize, request: &SampleRequest) -> Vec<Act> {
    let question = request.prompt.last_user_text().unwrap_or_default();
    let basket: u64 = question.split(' ').find_map(|word| word.parse().ok()).unwrap_or(0);
    let dice = outthink_core::derive_seed(basket, index as u64) % 10;
    let answer = if dice < 6 { (3 + 7 * basket).to_string() } else { format!("{dice}.5") };
    vec![Act::content(format!("The answer is {answer}.")), Act::End(FinishReason::Stop)]
}

/// One sample after the other until the strategy stops; its decisions in words.
async fn decided(address: SocketAddr, system: &str, settings: Value, basket: u64) -> Vec<String> {
    let question = format!("How many apples are in basket {basket} ?");
    let body = json!({
        "messages": [{"role": "system", "content": system}, {"role": "user", "content": question}],
        "outthink": {"strategy": "allocate", "samples": 12, "settings": settings}, "seed": basket,
    });
    let reply = post(address, "/v1/chat/completions", &body).await.json();
    let id = reply["outthink"]["trace_id"].as_str().unwrap().to_owned();
    let trace = get(address, &format!("/v1/outthink/traces/{id}")).await.json();
    let decisions = trace["decisions"].as_array().unwrap();
    decisions.iter().map(|d| d["why"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn votes_are_weighed_by_what_requests_of_the_same_kind_taught() {
    let (address, _) = gateway(halves).await;
    let price = || json!({"price": 0.01});
    let by_look = |why: &[String]| why.iter().any(|w| w.contains("weighed by look"));
    assert!(!by_look(&decided(address, "Count.", price(), 0).await), "nothing is known before the first request");
    for basket in 1..120 {
        decided(address, "Count.", price(), basket).await;
    }
    let why = decided(address, "Count.", price(), 200).await;
    assert!(by_look(&why), "{why:?}");
    let why = decided(address, "Count them in another way.", price(), 200).await;
    assert!(!by_look(&why) && !why.is_empty(), "another kind of request has learned nothing: {why:?}");
    let why = decided(address, "Count.", json!({"price": 0.01, "form": "off"}), 200).await;
    assert!(!by_look(&why), "{why:?}");
}
