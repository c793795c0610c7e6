//! Why a reply ended: each server's word by its meaning, and what is unknown stays unknown.

use super::{Front, answer, chunk, done, end, say, seven_and_five};
use outthink_testkit::server::{Reply, Scenario, Step};
use serde_json::{Value, json};

fn ended(reason: &str) -> Reply {
    Reply::events([say("The answer "), say("is 391."), end(reason), seven_and_five(), done()])
}

#[tokio::test]
async fn words_of_servers_map_to_their_meaning() {
    for (word, wanted, is_named) in [
        ("stop", "stop", false),
        ("STOP", "stop", false),
        ("eos", "stop", false),
        ("end_turn", "stop", false),
        ("length", "length", false),
        ("MAX_TOKENS", "length", false),
        ("max_tokens", "length", false),
        ("model_length", "length", false),
        ("content_filter", "content_filter", false),
        ("SAFETY", "content_filter", true),
        ("RECITATION", "content_filter", true),
        ("PROHIBITED_CONTENT", "content_filter", true),
        ("refusal", "content_filter", true),
        ("insufficient_system_resource", "length", true),
        ("network_error", "length", true),
        ("abort", "length", true),
        ("MALFORMED_FUNCTION_CALL", "length", true),
        ("because", "because", true),
    ] {
        let answer = answer(word, ended(word)).await;
        assert_eq!(answer.message["content"], "The answer is 391.", "{word}");
        assert_eq!(answer.finish, wanted, "{word}");
        if is_named {
            let named = answer.receipt["finish"].as_str().unwrap_or_default();
            assert!(named.eq_ignore_ascii_case(word), "{word}: the receipt says {:?}", answer.receipt["finish"]);
        }
    }
}

#[tokio::test]
async fn what_is_no_reason_is_no_end() {
    for reason in [json!(""), json!("null"), json!("None"), json!(null), json!("stop")] {
        let texts = ["The answer ", "is ", "391."].map(|text| chunk(&json!({ "content": text }), &reason));
        let mut steps = texts.to_vec();
        steps.extend([end("stop"), seven_and_five(), done()]);
        let answer = answer(&reason.to_string(), Reply::events(steps)).await;
        assert_eq!(answer.message["content"], "The answer is 391.", "{reason} in each event");
        assert_eq!((&answer.finish, &answer.usage["completion_tokens"]), (&json!("stop"), &json!(5)), "{reason}");
    }
    let every = [
        chunk(&json!({"content": "The answer "}), &json!("stop")),
        chunk(&json!({"content": "is 391."}), &json!("stop")),
    ];
    let answer = answer("no event of its own", Reply::events(every.into_iter().chain([done()]))).await;
    assert_eq!(answer.message["content"], "The answer is 391.");
}

#[tokio::test]
async fn only_complete_samples_vote() {
    let wrong = |reason: &str| Reply::events([say("The answer is 1."), end(reason), seven_and_five(), done()]);
    for word in ["length", "SAFETY", "network_error", "insufficient_system_resource", "because"] {
        let scenario = Scenario::by(move |number, _| if number % 4 == 3 { ended("stop") } else { wrong(word) });
        let front = Front::new(scenario).await;
        let fields = json!({"outthink": {"strategy": "self-consistency", "samples": 4}});
        for reply in front.both(&fields).await {
            let answer = reply.answer();
            assert_eq!(answer.receipt["answer"], "391", "{word}: {}", answer.receipt);
            assert_eq!(answer.receipt["votes"], json!([{"answer": "391", "votes": 1}]), "{word}");
            assert_eq!(answer.finish, "stop", "{word}");
        }
    }
}

#[tokio::test]
async fn where_none_is_complete_the_reply_says_so() {
    for (name, reply) in [
        ("all cut", ended("length")),
        (
            "all without a word",
            Reply::events([
                chunk(&json!({"reasoning_content": "so 17*23 is"}), &Value::Null),
                end("length"),
                seven_and_five(),
                done(),
            ]),
        ),
    ] {
        let front = Front::new(reply).await;
        let fields = json!({"outthink": {"strategy": "self-consistency", "samples": 3}});
        for reply in front.both(&fields).await {
            let answer = reply.answer();
            assert_eq!((answer.status, &answer.finish), (200, &json!("length")), "{name}: {answer:?}");
            assert_eq!(answer.receipt["votes"], json!([]), "{name}: {}", answer.receipt);
            assert!(
                answer.receipt["confidence"].is_null() || answer.receipt["confidence"]["vote_share"].is_null(),
                "{name}"
            );
        }
    }
    let unsaid = Front::new(Reply::events([say("The answer "), Step::Close])).await;
    for reply in unsaid.both(&json!({})).await {
        let answer = reply.answer();
        assert!(answer.finish != "stop", "a stream that broke off is not complete: {answer:?}");
    }
}
