//! Replies in the shapes that servers give them: reasons, texts, calls, other fields, errors.

use crate::server::{Do, events, reply, text};
use crate::{Whole, sample};
use outthink_core::FinishReason::{self, ContentFilter, Length, Stop, ToolCalls, Unknown};
use serde_json::{Map, Value, json};

const WORD: &str = r#"{"choices":[{"index":0,"delta":{"content":"hi"}}]}"#;
const END: &str = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
const USAGE: &str = r#"{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":3,"total_tokens":12}}"#;

fn choice(fields: &Value) -> String {
    let mut choice = json!({"index": 0});
    choice.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    json!({"choices": [choice]}).to_string()
}

fn extra(all: &Whole) -> Map<String, Value> {
    all.extra.iter().flat_map(Clone::clone).collect()
}

#[tokio::test]
async fn a_reason_is_read_wherever_and_however_it_is_written() {
    let delta = json!({});
    for (last, wanted) in [
        (json!({"delta": {"finish_reason": "length"}}), Length),
        (json!({"delta": {"finishReason": "MAX_TOKENS"}, "finish_reason": null}), Length),
        (json!({"message": {"finish_reason": "length"}}), Length),
        (json!({"delta": delta, "finishReason": "STOP"}), Stop),
        (json!({"delta": delta, "done_reason": "stop"}), Stop),
        (json!({"delta": delta, "finish_reason": null, "stop_reason": "end_turn"}), Stop),
        (json!({"delta": delta, "finish_reason": null, "stop_reason": "max_tokens"}), Length),
        (json!({"delta": delta, "finish_reason": {"type": "length"}}), Length),
        (json!({"delta": delta, "finish_reason": {"reason": "stop"}}), Stop),
        (json!({"delta": delta, "finish_reason": "FinishReason.STOP"}), Stop),
        (json!({"delta": delta, "finish_reason": "FinishReason.MAX_TOKENS"}), Length),
        (json!({"delta": delta, "finish_reason": "end_of_turn"}), Stop),
        (json!({"delta": delta, "finish_reason": "maxTokens"}), Length),
        (json!({"delta": delta, "finish_reason": "SAFETY"}), ContentFilter),
        (json!({"delta": delta, "finish_reason": "repetition"}), Unknown),
        // Without a call the model stopped.
        (json!({"delta": delta, "finish_reason": "tool_calls"}), Stop),
        (json!({"delta": delta, "finish_reason": "function_call"}), Stop),
        (
            json!({"delta": {"tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]},
            "finish_reason": "tool_calls"}),
            ToolCalls,
        ),
    ] {
        let all = sample(events(&[WORD, &choice(&last), USAGE, "[DONE]"])).await;
        let finish = all.finish.as_ref().unwrap();
        assert_eq!((all.content.as_str(), finish.reason), ("hi", wanted), "{last}");
        assert_eq!((finish.met_stop, all.extra.len()), (None, usize::from(wanted == ToolCalls)), "{last}: {all:?}");
    }
    let outer = r#"{"choices":[{"index":0,"delta":{}}],"finish_reason":"length"}"#;
    let all = sample(events(&[WORD, outer, "[DONE]"])).await;
    assert_eq!(all.finish.unwrap().reason, Length);
    // A stop text that reads like a reason is one where the server has given its reason.
    let met = choice(&json!({"delta": {}, "finish_reason": "stop", "stop_reason": "word"}));
    let finish = sample(events(&[WORD, &met, "[DONE]"])).await.finish.unwrap();
    assert_eq!((finish.reason, finish.stop_text.as_deref()), (Stop, Some("word")));
}

#[tokio::test]
async fn counts_that_come_last_are_an_end_and_others_are_not() {
    let all = sample(events(&[WORD, USAGE])).await;
    let finish = all.finish.unwrap();
    assert_eq!((finish.reason, finish.usage.completion, finish.usage.estimated), (Unknown, 3, false));
    let mut with_words: Value = serde_json::from_str(WORD).unwrap();
    with_words["usage"] = json!({"prompt_tokens": 9, "completion_tokens": 3});
    for script in [
        events(&[WORD, &with_words.to_string()]),
        events(&[USAGE, WORD]),
        events(&[WORD, r#"{"choices":[],"usage":{"prompt_tokens":9}}"#]),
        events(&[USAGE]),
    ] {
        let all = sample(script).await;
        assert!(all.finish.is_none() && all.error.unwrap().message.contains("finish reason"));
    }
}

#[tokio::test]
async fn text_is_read_under_every_name_and_as_a_plain_text() {
    for fields in [
        json!({"delta": {"text": "hi"}}),
        json!({"delta": "hi"}),
        json!({"delta": [{"type": "text", "text": "hi"}]}),
        json!({"delta": {"output_text": "hi"}}),
        json!({"message": {"text": "hi"}}),
        json!({"message": "hi"}),
        json!({"text": "hi"}),
        json!({"content": "hi"}),
        json!({"delta": null, "text": "hi"}),
    ] {
        let all = sample(events(&[&choice(&fields), END, "[DONE]"])).await;
        assert_eq!((all.content.as_str(), all.extra.len()), ("hi", 0), "{fields}");
        assert_eq!(all.finish.unwrap().reason, FinishReason::Stop);
    }
}

#[tokio::test]
async fn what_an_event_says_of_the_whole_reply_is_passed_on_once() {
    let with = |event: &str, fields: &Value| {
        let mut event: Value = serde_json::from_str(event).unwrap();
        event.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        event["id"] = "x".into();
        event.to_string()
    };
    let sources = json!({"citations": ["https://a"], "search_results": [{"url": "https://a"}]});
    let more = json!({"citations": ["https://a", "https://b"], "related_questions": ["why?"],
        "usage": {"prompt_tokens": 9, "completion_tokens": 3}, "timings": {"prompt_n": 9, "predicted_n": 3}});
    let all = sample(events(&[&with(WORD, &sources), &with(WORD, &sources), &with(END, &more), "[DONE]"])).await;
    let wanted = json!({"citations": ["https://a", "https://b"], "search_results": [{"url": "https://a"}],
        "related_questions": ["why?"]});
    assert_eq!((all.content.as_str(), Value::Object(extra(&all))), ("hihi", wanted));
    assert_eq!((all.extra.len(), all.finish.unwrap().usage.completion), (1, 3));

    let mut body = json!({"choices": [{"index": 0, "message": {"content": "hi"}, "finish_reason": "stop"}]});
    body.as_object_mut().unwrap().extend(sources.as_object().unwrap().clone());
    let all = sample(reply("200 OK", "application/json", &body.to_string())).await;
    assert_eq!(Value::Object(extra(&all)), sources);
}

#[tokio::test]
async fn a_name_may_come_after_the_arguments() {
    let entry = |call: Value| choice(&json!({"delta": {"tool_calls": [call]}}));
    let end = choice(&json!({"delta": {}, "finish_reason": "tool_calls"}));
    for index in [json!({"index": 0}), json!({})] {
        let with = |fields: Value| {
            let mut call = index.clone();
            call.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            entry(call)
        };
        let all = sample(events(&[
            &with(json!({"id": "c", "function": {"arguments": "{\"a\":1}"}})),
            &with(json!({"function": {"name": "f"}})),
            &end,
            "[DONE]",
        ]))
        .await;
        let wanted =
            json!([{"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}}]);
        assert_eq!(extra(&all).get("tool_calls"), Some(&wanted), "{index}: {all:?}");
    }
}

#[tokio::test]
async fn errors_are_read_in_words_in_fields_and_by_codes_of_their_own() {
    let ending = |begin: &[&str], end: &str| {
        let mut script = events(begin);
        script.push(text(end));
        script
    };
    let json = |body: Value| reply("200 OK", "application/json", &body.to_string());
    let scripts: Vec<Vec<Do>> = vec![
        ending(&[], "error: {\"message\":\"boom\"}\n\n"),
        ending(&[WORD], "error: {\"code\":500,\"message\":\"boom\"}\n\n"),
        ending(&[WORD], "error: boom\n"),
        events(&["Error: boom"]),
        events(&[WORD, "Error: boom"]),
        events(&[WORD, "[ERROR] boom", "[DONE]"]),
        events(&[WORD, "Internal Server Error: boom"]),
        events(&[WORD, "\"Error: boom\""]),
        events(&[WORD, "upstream went boom"]),
        json(json!({"code": 1301, "msg": "boom"})),
        json(json!({"code": "1301", "message": "boom"})),
        json(json!({"code": "InvalidParameter", "message": "boom", "request_id": "r"})),
        json(json!({"error_code": 17, "error_msg": "boom"})),
        json(json!({"success": false, "message": "boom"})),
        json(json!({"code": 1301, "msg": "boom", "choices": null})),
        events(&[r#"{"code":1301,"msg":"boom"}"#]),
        events(&[WORD, r#"{"code":1301,"msg":"boom"}"#]),
    ];
    for (place, script) in scripts.into_iter().enumerate() {
        let all = sample(script).await;
        let error = all.error.unwrap_or_else(|| panic!("script {place} has an error"));
        assert!(error.message.contains("boom"), "{place}: {error}");
    }
    // What says that all is well is no error.
    for event in
        [r#"{"code":0,"msg":"success"}"#, r#"{"code":200,"message":"ok"}"#, r#"{"code":"OK","message":"done"}"#]
    {
        let all = sample(events(&[WORD, event, END, "[DONE]"])).await;
        assert_eq!((all.content.as_str(), all.error), ("hi", None), "{event}");
    }
}
