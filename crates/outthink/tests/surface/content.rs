//! What a message holds reaches the client whole, as a stream and as one body.

use super::{answer, answer_to, json_reply, stream};
use outthink_testkit::server::Reply;
use serde_json::{Value, json};

#[tokio::test]
async fn fields_that_are_not_read_here_are_passed_on() {
    let annotations = json!([{"type": "url_citation", "url_citation": {"url": "http://x", "start_index": 4}}]);
    let details = json!([{"type": "reasoning.text", "text": "hm", "signature": "sig==", "index": 0}]);
    let blocks = json!([{"type": "thinking", "thinking": "hm", "signature": "sig=="}]);
    let images = json!([{"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}}]);
    for (field, value) in [
        ("annotations", annotations),
        ("reasoning_details", details),
        ("thinking_blocks", blocks),
        ("images", images),
        ("audio", json!({"id": "au1", "data": "QUJD", "transcript": "It is 391.", "expires_at": 9})),
        ("citations", json!(["http://x", "http://y"])),
        ("an_unknown_field", json!({"deep": [1, {"er": true}]})),
        ("a_big_number", json!(9_007_199_254_740_993_u64)),
        ("the_biggest_number", json!(u64::MAX)),
        ("a_negative_number", json!(i64::MIN)),
    ] {
        let mut message = json!({"role": "assistant", "content": "It is 391."});
        message[field] = value.clone();
        for (form, reply) in [
            ("streamed", stream(&[json!({"content": "It is 391."}), json!({ field: value })], "stop")),
            ("whole", json_reply(&message, "stop")),
        ] {
            let answer = answer(field, reply).await;
            assert_eq!(answer.message["content"], "It is 391.", "{field}, {form}");
            assert_eq!(answer.message[field], value, "{field}, {form}");
        }
    }
}

#[tokio::test]
async fn refusals_are_replies() {
    for (form, reply) in [
        ("streamed", stream(&[json!({"refusal": "I can"}), json!({"refusal": "not."})], "stop")),
        ("whole", json_reply(&json!({"role": "assistant", "content": null, "refusal": "I cannot."}), "stop")),
    ] {
        let answer = answer(form, reply).await;
        assert_eq!(answer.message["refusal"], "I cannot.", "{form}");
        assert!(answer.message["content"].as_str().is_none_or(str::is_empty), "{form}: {}", answer.message);
    }
}

#[tokio::test]
async fn pieces_of_audio_are_joined() {
    let reply = stream(
        &[
            json!({"audio": {"id": "au1", "transcript": "The answer "}}),
            json!({"audio": {"id": "au1", "data": "QUJD"}}),
            json!({"audio": {"id": "au1", "transcript": "is 42", "expires_at": 9}}),
        ],
        "stop",
    );
    let answer = answer("audio in pieces", reply).await;
    let audio = &answer.message["audio"];
    assert_eq!((&audio["id"], &audio["data"]), (&json!("au1"), &json!("QUJD")), "{audio}");
    assert_eq!((&audio["transcript"], &audio["expires_at"]), (&json!("The answer is 42"), &json!(9)), "{audio}");
}

#[tokio::test]
async fn content_in_parts_is_text_and_reasoning() {
    let thinking = [
        json!({"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}),
        json!({"type": "thinking", "thinking": "hm", "signature": "sig=="}),
        json!({"type": "reasoning", "text": "hm"}),
    ];
    for part in thinking {
        let parts = json!([part, {"type": "text", "text": "The answer "}, {"type": "text", "text": "is 391."}]);
        for (form, reply) in [
            ("streamed", stream(&[json!({ "content": parts })], "stop")),
            ("whole", json_reply(&json!({"role": "assistant", "content": parts}), "stop")),
        ] {
            let answer = answer(form, reply).await;
            assert_eq!(answer.message["content"], "The answer is 391.", "{form}: {part}");
            assert_eq!(answer.message["reasoning_content"], "hm", "{form}: {part}");
        }
    }
}

#[tokio::test]
async fn reasoning_is_found_in_any_form_and_text_about_it_is_text() {
    let text = |pieces: &[&str]| stream(&pieces.iter().map(|t| json!({ "content": t })).collect::<Vec<_>>(), "stop");
    for (name, reply, reasoning, content) in [
        (
            "reasoning_content",
            stream(&[json!({"reasoning_content": "hm"}), json!({"content": "391"})], "stop"),
            "hm",
            "391",
        ),
        ("reasoning", stream(&[json!({"reasoning": "hm"}), json!({"content": "391"})], "stop"), "hm", "391"),
        (
            "both names",
            stream(&[json!({"reasoning": "hm", "reasoning_content": "hm"}), json!({"content": "391"})], "stop"),
            "hm",
            "391",
        ),
        ("tags", text(&["<think>hm</think>391"]), "hm", "391"),
        ("tags in pieces", text(&["<th", "ink>h", "m</thi", "nk>", "391"]), "hm", "391"),
        (
            "whole",
            json_reply(&json!({"role": "assistant", "content": "391", "reasoning_content": "hm"}), "stop"),
            "hm",
            "391",
        ),
    ] {
        let answer = answer(name, reply).await;
        let text_of = |field: &str| answer.message[field].as_str().unwrap_or_default().trim().to_owned();
        assert_eq!(
            (text_of("reasoning_content").as_str(), text_of("content").as_str()),
            (reasoning, content),
            "{name}"
        );
    }
    for said in [
        "The answer is 391. (Models end a thought with `</think>` and 5 dots.)",
        "Write `<think>` first.",
        "In XML: <thinking-cap size=\"5\"/>",
    ] {
        let answer = answer(said, text(&[said])).await;
        assert_eq!(answer.message["content"], said);
        assert!(answer.message["reasoning_content"].is_null(), "{}", answer.message);
    }
}

#[tokio::test]
async fn log_probabilities_keep_every_token() {
    let token = |text: &str, bytes: Value| json!({"token": text, "logprob": -0.5, "bytes": bytes, "top_logprobs": []});
    let event = |content: &str, tokens: Value| {
        outthink_testkit::server::Step::from(json!({"choices": [{"index": 0, "delta": {"content": content},
            "logprobs": {"content": tokens}, "finish_reason": null}]}))
    };
    // A letter of two tokens: the first one has a probability and no text yet.
    let reply = Reply::events([
        event("", json!([token("\\xc3", json!([195]))])),
        event("ü", json!([token("\\xbc", json!([188]))])),
        event(" 391", json!([token(" 391", json!([32, 51, 57, 49]))])),
        super::end("stop"),
        super::usage(&json!({"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10})),
        super::done(),
    ]);
    let front = super::Front::new(reply).await;
    for reply in front.both(&json!({"logprobs": true})).await {
        let tokens: Vec<Value> = if reply.is_stream() {
            let events = reply.events();
            events.iter().filter_map(|e| e["choices"][0]["logprobs"]["content"].as_array().cloned()).flatten().collect()
        } else {
            reply.json()["choices"][0]["logprobs"]["content"].as_array().cloned().unwrap_or_default()
        };
        assert_eq!(tokens.len(), 3, "{}", reply.body);
        assert_eq!(reply.answer().message["content"], "ü 391");
    }
}

#[tokio::test]
async fn schemas_decide_by_all_their_words() {
    let format = |schema: Value| json!({"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}});
    let object = |of: Value| json!({"type": "object", "properties": {"v": of}, "required": ["v"]});
    for (name, schema, bad, good) in [
        ("pattern", object(json!({"type": "string", "pattern": "^[0-9]+$"})), r#"{"v": "many"}"#, r#"{"v": "391"}"#),
        ("format", object(json!({"type": "string", "format": "date"})), r#"{"v": "today"}"#, r#"{"v": "2026-11-27"}"#),
        ("multipleOf", object(json!({"type": "integer", "multipleOf": 17})), r#"{"v": 390}"#, r#"{"v": 391}"#),
        ("const", object(json!({"const": 391})), r#"{"v": 17}"#, r#"{"v": 391}"#),
        ("not", object(json!({"not": {"type": "string"}})), r#"{"v": "x"}"#, r#"{"v": 391}"#),
    ] {
        let (bad, good) = (bad.to_owned(), good.to_owned());
        let wanted: Value = serde_json::from_str(&good).unwrap();
        let scenario = outthink_testkit::server::Scenario::by(move |number, _| {
            Reply::text(if number % 4 == 3 { &good } else { &bad })
        });
        let front = super::Front::new(scenario).await;
        let mut fields = format(schema);
        fields["outthink"] = json!({"strategy": "self-consistency", "samples": 4});
        let reply = front.chat(fields).await;
        let answer = reply.answer();
        assert_eq!(reply.status, 200, "{name}: {}", reply.body);
        let content: Value = serde_json::from_str(answer.message["content"].as_str().unwrap()).unwrap();
        assert_eq!(content, wanted, "{name}: three replies that break the schema won: {}", answer.receipt);
    }
}

#[tokio::test]
async fn a_reply_that_only_thinks_is_not_taken_for_an_answer() {
    let reply = stream(&[json!({"reasoning_content": "so it is 391"})], "stop");
    let answer = answer_to("thinks only", reply, &json!({"reasoning_effort": "none"})).await;
    assert!(!answer.receipt["stop_reason"].is_null(), "{}", answer.receipt);
    assert_eq!(answer.message["reasoning_content"], "so it is 391");
}

#[tokio::test]
async fn reasoning_that_a_template_opened_is_reasoning_in_the_first_reply_and_in_all_others() {
    let cut = |text: &str| -> Vec<Value> {
        let chars: Vec<char> = text.chars().collect();
        chars.chunks(3).map(|c| json!({"content": c.iter().collect::<String>()})).collect()
    };
    // Three kinds of seven votes think of another number than they say.
    let scenario = move |reasons: bool| {
        outthink_testkit::server::Scenario::by(move |_, _| {
            let reasoning = if reasons { "hm, 17 * 23 is 390? No.\n</think>\n\n" } else { "" };
            stream(&cut(&format!("{reasoning}17 * 23 is **391**")), "stop")
        })
    };
    let front = super::Front::new(scenario(true)).await;
    let vote = json!({"outthink": {"strategy": "self-consistency", "samples": 3}});
    for fields in [vote, json!({"reasoning_effort": "low"}), json!({}), json!({"stream": true})] {
        let (first, second) = (front.chat(fields.clone()).await, front.chat(fields.clone()).await);
        for (place, reply) in [("first", first), ("second", second)] {
            // A stream cannot take back what it passed on before the first tag came.
            if place == "first" && reply.is_stream() {
                continue;
            }
            let answer = reply.answer();
            assert_eq!(answer.message["content"], "17 * 23 is **391**", "{place}, {fields}: {}", reply.body);
            let reasoning = answer.message["reasoning_content"].as_str().unwrap_or_default();
            assert_eq!(reasoning, "hm, 17 * 23 is 390? No.", "{place}, {fields}: {}", reply.body);
        }
    }
    // A server that answers at once is not taken for one that reasons.
    let front = super::Front::new(scenario(false)).await;
    for reply in front.both(&json!({})).await {
        assert_eq!(reply.answer().message["content"], "17 * 23 is **391**", "{}", reply.body);
    }
}
