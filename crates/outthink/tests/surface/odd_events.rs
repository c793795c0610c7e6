//! Events that are odd cost nobody a sample.

use super::{answer, done, end, say, seven_and_five};
use outthink_testkit::server::{Reply, Step};
use serde_json::json;
use std::time::Duration;

/// "The answer is 42" with these steps between its words.
fn between(odd: Vec<Step>) -> Reply {
    let mut steps = vec![say("The answer ")];
    steps.extend(odd);
    steps.extend([say("is 42"), end("stop"), seven_and_five(), done()]);
    Reply::events(steps)
}

#[tokio::test]
async fn what_is_between_the_words_is_passed_over() {
    for (name, odd) in [
        ("an empty data line", vec![Step::raw("data:\n\n"), Step::raw("data: \n\n")]),
        ("null", vec![Step::from("null")]),
        ("an empty object", vec![Step::from("{}")]),
        ("an empty list of choices", vec![Step::from(json!({"choices": []}))]),
        ("null choices", vec![Step::from(json!({"choices": null}))]),
        ("a choice without a delta", vec![Step::from(json!({"choices": [{"index": 0}]}))]),
        ("a null delta", vec![Step::from(json!({"choices": [{"index": 0, "delta": null}]}))]),
        ("a ping", vec![Step::named("ping", &json!({"type": "ping"}))]),
        ("a ping without JSON", vec![Step::raw("event: ping\ndata: ping\n\n")]),
        ("a comment", vec![Step::comment("OPENROUTER PROCESSING")]),
        ("an id and a retry", vec![Step::raw("id: 7\nretry: 3000\n\n")]),
        ("an event of another kind", vec![Step::from(json!({"object": "queue.position", "position": 3}))]),
        ("an error that is null", vec![Step::from(json!({"error": null, "choices": []}))]),
        ("NaN", vec![Step::raw("data: {\"choices\":[],\"score\":NaN,\"worst\":-Infinity}\n\n")]),
        ("a number past f64", vec![Step::raw("data: {\"choices\":[],\"score\":1e999}\n\n")]),
        (
            "an integer past 64 bits",
            vec![Step::raw("data: {\"choices\":[],\"id\":123456789012345678901234567890}\n\n")],
        ),
        ("other names of a role", vec![Step::from(json!({"choices": [{"index": 0, "delta": {"role": "model"}}]}))]),
    ] {
        let answer = answer(name, between(odd)).await;
        assert_eq!(
            (&answer.message["content"], &answer.finish),
            (&json!("The answer is 42"), &json!("stop")),
            "{name}"
        );
        assert_eq!(answer.receipt["samples_failed"], 0, "{name}");
    }
}

#[tokio::test]
async fn numbers_and_letters_that_json_lacks_lose_no_text() {
    let raw = |content: &str, more: &str| {
        Step::raw(format!(
            "data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{content}\"}}{more},\"finish_reason\":null}}]}}\n\n"
        ))
    };
    let whole = |steps: Vec<Step>| Reply::events(steps.into_iter().chain([end("stop"), seven_and_five(), done()]));
    for (name, reply, wanted) in [
        (
            "a pair of surrogates split",
            whole(vec![raw("It is \\ud83d", ""), raw("\\ude00 42", "")]),
            "It is \u{1F600} 42",
        ),
        ("a lone surrogate", whole(vec![raw("It is \\ud83d", ""), raw(" 42", "")]), "It is \u{FFFD} 42"),
        (
            "NaN beside text",
            whole(vec![
                raw("It is ", ",\"logprobs\":{\"content\":[{\"token\":\"x\",\"logprob\":NaN}]}"),
                raw("42", ""),
            ]),
            "It is 42",
        ),
        ("1e999 beside text", whole(vec![raw("It is ", ",\"score\":1e999"), raw("42", "")]), "It is 42"),
        ("a raw tab in text", whole(vec![raw("It is\t42", "")]), "It is\t42"),
    ] {
        let answer = answer(name, reply).await;
        assert_eq!(answer.message["content"], wanted, "{name}");
    }
}

#[tokio::test]
async fn text_under_other_names_is_text() {
    let text = |choice: serde_json::Value| Step::from(json!({ "choices": [choice] }));
    for (name, reply) in [
        (
            "text for delta",
            Reply::events([
                text(json!({"index": 0, "text": "The answer is 42"})),
                text(json!({"index": 0, "text": "", "finish_reason": "stop"})),
                done(),
            ]),
        ),
        (
            "message for delta",
            Reply::events([
                text(
                    json!({"index": 0, "message": {"role": "assistant", "content": "The answer is 42"}, "finish_reason": "stop"}),
                ),
                done(),
            ]),
        ),
        (
            "no index",
            Reply::events([
                text(json!({"delta": {"content": "The answer is 42"}})),
                text(json!({"delta": {}, "finish_reason": "stop"})),
                done(),
            ]),
        ),
        (
            "a whole text completion",
            Reply::json(json!({"choices": [{"index": 0, "text": "The answer is 42", "finish_reason": "stop"}]})),
        ),
    ] {
        let answer = answer(name, reply).await;
        assert_eq!(
            (&answer.message["content"], &answer.finish),
            (&json!("The answer is 42"), &json!("stop")),
            "{name}"
        );
    }
}

#[tokio::test]
async fn the_framing_of_a_stream_makes_no_difference() {
    let events = || vec![say("Grün, "), say("37 °C, "), say("\u{1F600} 42"), end("stop"), seven_and_five(), done()];
    let with = |change: fn(String) -> String| {
        Reply::events(events().into_iter().map(|step| match step {
            Step::Send(bytes) => Step::raw(change(String::from_utf8(bytes).unwrap())),
            other => other,
        }))
    };
    let bom = || Reply::events([Step::raw("\u{FEFF}")].into_iter().chain(events()));
    for (name, reply) in [
        ("as usual", Reply::events(events())),
        ("byte by byte", Reply::events(events()).in_pieces(1, Duration::ZERO)),
        ("in pieces of 7", Reply::events(events()).in_pieces(7, Duration::from_micros(200))),
        ("until the connection closes", Reply::events(events()).until_close()),
        ("CRLF", with(|text| text.replace('\n', "\r\n"))),
        ("CR", with(|text| text.replace('\n', "\r"))),
        ("no space after the colon", with(|text| text.replace("data: ", "data:"))),
        ("a byte order mark", bom()),
        ("no [DONE]", Reply::events(events().into_iter().take(5))),
        ("[DONE] twice", Reply::events(events().into_iter().chain([done()]))),
        ("[DONE] and then silence", Reply::events(events().into_iter().chain([Step::Hang]))),
        ("another content type", Reply::events(events()).header("content-type", "text/event-stream; charset=utf-8")),
    ] {
        let answer = answer(name, reply).await;
        assert_eq!(answer.message["content"], "Grün, 37 °C, \u{1F600} 42", "{name}");
        assert_eq!(answer.usage["completion_tokens"], 5, "{name}");
    }
}
