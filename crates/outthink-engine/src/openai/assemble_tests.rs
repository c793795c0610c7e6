use super::super::http::Broken;
use super::*;
use outthink_core::Reasoned;
use proptest::prelude::*;
use serde_json::json;

/// All of a choice.
#[derive(Debug, Default, PartialEq)]
struct Whole {
    content: String,
    reasoning: String,
    extra: Vec<Map<String, Value>>,
    notes: usize,
    tokens: u64,
    finish: Option<Finish>,
    error: Option<EngineError>,
}

impl Whole {
    fn reason(&self) -> Option<FinishReason> {
        self.finish.as_ref().map(|f| f.reason)
    }

    fn usage(&self) -> Usage {
        self.finish.as_ref().unwrap().usage
    }
}

fn collect(n: usize, out: Queue) -> Vec<Whole> {
    let mut all: Vec<Whole> = (0..n).map(|_| Whole::default()).collect();
    for (index, event) in out {
        let whole = &mut all[index];
        assert!(whole.finish.is_none() && whole.error.is_none(), "nothing comes after the end");
        match event {
            Ok(SampleEvent::Delta(delta)) => {
                whole.content += &delta.content;
                whole.reasoning += &delta.reasoning;
                whole.tokens += delta.tokens;
                whole.extra.extend(Some(delta.extra).filter(|extra| !extra.is_empty()));
            }
            Ok(SampleEvent::Note(_)) => whole.notes += 1,
            Ok(SampleEvent::Finish(finish)) => whole.finish = Some(finish),
            Ok(_) => {}
            Err(error) => whole.error = Some(error),
        }
    }
    all
}

/// What a stream of these events gives, or the failure that can be tried again.
fn stream(events: &[&str]) -> Result<Whole, EngineError> {
    let (mut assembler, mut out) = (Assembler::new(1, 40, Before::Nothing), Queue::new());
    for event in events {
        if let Err(error) = assembler.push("", event, None, &mut out) {
            assembler.fail(&error, &mut out);
            return Ok(collect(1, out).remove(0));
        }
    }
    assembler.finish(&mut out)?;
    Ok(collect(1, out).remove(0))
}

fn whole(body: &Value) -> Whole {
    let (mut assembler, mut out) = (Assembler::new(1, 40, Before::Nothing), Queue::new());
    assembler.push_whole(&body.to_string(), None, &mut out).unwrap();
    assembler.finish(&mut out).unwrap();
    collect(1, out).remove(0)
}

fn text(content: &str) -> String {
    json!({"choices": [{"index": 0, "delta": {"content": content}, "finish_reason": null}]}).to_string()
}

const STOP: &str = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
const USAGE: &str = r#"{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":5,"total_tokens":12}}"#;
const DONE: &str = "[DONE]";

#[test]
fn odd_events_cost_nobody_a_sample() {
    let (a, b) = (text("The answer "), text("is 42"));
    for odd in [
        "",
        " ",
        "null",
        "{}",
        "[]",
        "7",
        "true",
        r#""ping""#,
        "ping",
        "PING",
        "keep-alive",
        r#"{"type":"ping"}"#,
        r#"{"error":null}"#,
        r#"{"error":""}"#,
        r#"{"choices":null}"#,
        r#"{"choices":[]}"#,
        r#"{"choices":[null]}"#,
        r#"{"choices":[{"index":0,"delta":null}]}"#,
        r#"{"choices":[{"index":0,"delta":{"content":null}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"content":""},"logprobs":{"content":[]}}]}"#,
        r#"{"x":NaN,"y":1e999,"z":123456789012345678901234567890}"#,
        "{\"choices\":[{\"index\":0,\n\"delta\":{}}]}",
    ] {
        let read = stream(&[odd, &a, odd, &b, odd, STOP, odd, USAGE, odd, DONE]).unwrap();
        assert_eq!(
            (read.content.as_str(), read.reason(), read.notes),
            ("The answer is 42", Some(FinishReason::Stop), 0),
            "{odd}"
        );
        assert_eq!((read.usage().completion, read.usage().estimated), (5, false), "{odd}");
    }
    for broken in [r#"{"choices":[{"#, "oh no", r#"{"choices":[{"delta":{"content":"x"#] {
        let read = stream(&[&a, broken, &b, broken, STOP, DONE]).unwrap();
        assert_eq!((read.content.as_str(), read.notes), ("The answer is 42", 1), "{broken}");
        let error = stream(&[broken, DONE]).unwrap_err();
        assert!(error.message.contains("not a JSON object") && error.elsewhere, "{error}");
    }
}

#[test]
fn several_events_in_one_and_odd_ends_are_read() {
    let (a, b) = (text("4"), text("2"));
    for events in [
        vec![format!("{a}\n{b}"), STOP.into(), DONE.into()],
        vec![format!("{a}\n{b}\n{STOP}\n{DONE}")],
        vec![format!("[{a},{b},{STOP}]"), "[done]".into()],
        vec![format!("data: {a}"), format!("data:{b}"), STOP.into(), "DONE".into(), "garbage after".into(), text("x")],
    ] {
        let events: Vec<&str> = events.iter().map(String::as_str).collect();
        let read = stream(&events).unwrap();
        assert_eq!(
            (read.content.as_str(), read.reason(), read.notes),
            ("42", Some(FinishReason::Stop), 0),
            "{events:?}"
        );
    }
}

#[test]
fn text_is_found_in_other_places_than_the_delta() {
    for event in [
        json!({"index": 0, "text": "42"}),
        json!({"index": 0, "delta": {}, "text": "42"}),
        json!({"index": 0, "message": {"role": "assistant", "content": "42"}}),
        json!({"delta": {"content": "42"}}),
        json!({"index": "0", "delta": {"content": "42"}}),
        json!({"index": 1, "delta": {"content": "42"}}),
        json!({"index": 0.0, "delta": {"content": [{"type": "text", "text": "42"}]}}),
    ] {
        let read = stream(&[&json!({"choices": [event]}).to_string(), DONE]).unwrap();
        assert_eq!((read.content.as_str(), read.reason()), ("42", Some(FinishReason::Unknown)), "{event}");
        assert_eq!(read.finish.unwrap().word, None);
    }
    let one = json!({"choices": {"index": 0, "delta": {"content": "42"}}}).to_string();
    assert_eq!(stream(&[&one, DONE]).unwrap().content, "42");
    // A message after the pieces repeats them.
    let message = json!({"choices": [{"index": 0, "message": {"content": "42"}, "finish_reason": "stop"}]}).to_string();
    assert_eq!(stream(&[&text("4"), &text("2"), &message, DONE]).unwrap().content, "42");
}

#[test]
fn no_reason_and_a_reason_on_every_piece_are_not_the_end() {
    let with = |content: &str, reason: Value| {
        json!({"choices": [{"index": 0, "delta": {"content": content}, "finish_reason": reason}]}).to_string()
    };
    for (kind, events, reason) in [
        ("empty", vec![with("4", json!("")), with("2", json!("")), STOP.into(), DONE.into()], FinishReason::Stop),
        ("null as text", vec![with("4", json!("null")), with("2", json!("null")), STOP.into()], FinishReason::Stop),
        ("every piece", vec![with("4", json!("stop")), with("2", json!("stop")), DONE.into()], FinishReason::Stop),
        (
            "the last counts",
            vec![with("4", json!("stop")), with("2", json!("length")), DONE.into()],
            FinishReason::Length,
        ),
        ("with the last text", vec![with("4", json!(null)), with("2", json!("stop"))], FinishReason::Stop),
        (
            "after the reason",
            vec![with("4", json!(null)), STOP.into(), with("2", json!(null)), DONE.into()],
            FinishReason::Stop,
        ),
        ("none, but done", vec![with("4", json!(null)), with("2", json!("")), DONE.into()], FinishReason::Unknown),
        ("a new word", vec![with("42", json!("bored")), DONE.into()], FinishReason::Unknown),
    ] {
        let events: Vec<&str> = events.iter().map(String::as_str).collect();
        let read = stream(&events).unwrap();
        assert_eq!((read.content.as_str(), read.reason()), ("42", Some(reason)), "{kind}");
    }
    let broken = stream(&[&text("42")]).unwrap();
    assert!(broken.error.is_some_and(|e| e.message.contains("finish reason") && !e.retryable));
    assert!(stream(&[]).unwrap_err().retryable);
    assert!(stream(&[DONE]).unwrap_err().retryable);
}

#[test]
fn only_a_reason_by_itself_shortens_the_wait_and_survives_a_broken_connection() {
    let push = |events: &[&str]| {
        let (mut assembler, mut out) = (Assembler::new(1, 40, Before::Nothing), Queue::new());
        for event in events {
            assembler.push("", event, None, &mut out).unwrap();
        }
        let finished = assembler.all_finished();
        let broken = Broken { connect: false, timeout: false, cause: "reset".into() };
        assembler.fail(&error::of_transport(broken, assembler.passed_on()), &mut out);
        (finished, collect(1, out).remove(0).reason())
    };
    let both = |content: &str| STOP.replace("{}", &json!({"content": content}).to_string());
    assert_eq!(push(&[&text("4"), STOP]), (true, Some(FinishReason::Stop)));
    assert_eq!(push(&[&text("4"), &both("2")]), (false, Some(FinishReason::Stop)));
    // As vLLM sends it where log-probabilities were asked for: the end of turn has one.
    let mut ended: Value = serde_json::from_str(&both("")).unwrap();
    ended["choices"][0]["logprobs"] = json!({"content": [{"token": "<|im_end|>", "logprob": -0.1}]});
    assert_eq!(push(&[&text("4"), &ended.to_string()]), (true, Some(FinishReason::Stop)));
    assert_eq!(push(&[&both("4"), &both("2")]), (false, None), "the server says so with every piece");
    assert_eq!(push(&[STOP, &text("4")]), (false, None));
}

#[test]
fn reasons_are_kept_by_meaning_and_word() {
    let ended = |word: &str| STOP.replace("stop", word);
    let read = stream(&[&text("4"), &ended("SAFETY"), DONE]).unwrap();
    assert_eq!(
        (read.reason(), read.finish.unwrap().word.as_deref()),
        (Some(FinishReason::ContentFilter), Some("SAFETY"))
    );
    let read = stream(&[&text("4"), &ended("abort"), DONE]).unwrap();
    assert_eq!((read.content.as_str(), read.reason()), ("4", Some(FinishReason::Interrupted)));
    let error = stream(&[&ended("abort"), DONE]).unwrap_err();
    assert!(error.retryable && error.message.contains("abort"));
    let read = stream(&[&ended("content_filter"), DONE]).unwrap();
    assert_eq!((read.reason(), read.finish.unwrap().word), (Some(FinishReason::ContentFilter), None));
}

#[test]
fn calls_leave_in_one_form_and_end_a_sample_as_calls() {
    let piece = json!({"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 1, "function": {"name": "f", "arguments": {"n": u64::MAX}}}]}}]});
    let wanted = json!([{"index": 0, "id": "call_0", "type": "function", "function": {"name": "f", "arguments": "{\"n\":18446744073709551615}"}}]);
    let read = stream(&[&piece.to_string(), STOP, USAGE, DONE]).unwrap();
    assert_eq!((&read.extra[0]["tool_calls"], read.reason()), (&wanted, Some(FinishReason::ToolCalls)));
    let message = json!({"choices": [{"message": {"content": null, "function_call": {"name": "f", "arguments": "{}"}}, "finish_reason": "function_call"}]});
    let read = whole(&message);
    assert_eq!(read.extra[0]["tool_calls"][0]["function"], json!({"name": "f", "arguments": "{}"}));
    assert_eq!(read.reason(), Some(FinishReason::ToolCalls));
    // A name is kept back until arguments begin, and passed on in any case.
    let head = json!({"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "id": "c1", "function": {"name": "f", "arguments": ""}}]}}]});
    let read = stream(&[&head.to_string(), &STOP.replace("stop", "length"), DONE]).unwrap();
    assert_eq!(read.extra[0]["tool_calls"][0]["function"], json!({"name": "f", "arguments": ""}));
    assert_eq!(read.reason(), Some(FinishReason::Length));
}

#[test]
fn halves_of_characters_are_joined_over_pieces() {
    let piece = |name: &str, raw: &str| format!(r#"{{"choices":[{{"index":0,"delta":{{"{name}":"{raw}"}}}}]}}"#);
    for name in ["content", "reasoning"] {
        for (pieces, wanted) in [
            (vec![r"a \ud83d b"], "a \u{FFFD} b"),
            (vec![r"a \ud83d", r"\ude00 b"], "a 😀 b"),
            (vec![r"a \ud83d", "b"], "a \u{FFFD}b"),
            (vec![r"a\ud83d"], "a\u{FFFD}"),
            (vec!["a", r"\ude00"], "a\u{FFFD}"),
        ] {
            let mut events: Vec<String> = pieces.iter().map(|raw| piece(name, raw)).collect();
            events.extend([STOP.to_owned(), DONE.to_owned()]);
            let events: Vec<&str> = events.iter().map(String::as_str).collect();
            let read = stream(&events).unwrap();
            let text = if name == "content" { &read.content } else { &read.reasoning };
            assert_eq!(text, wanted, "{name} {pieces:?}");
        }
    }
    let arguments = |raw: &str| {
        format!(
            r#"{{"choices":[{{"index":0,"delta":{{"tool_calls":[{{"index":0,"id":"c","function":{{"name":"f","arguments":"{raw}"}}}}]}}}}]}}"#
        )
    };
    let read = stream(&[&arguments(r#"{\"a\":\"\ud83d"#), &arguments(r#"\ude00\"}"#), STOP, DONE]).unwrap();
    let joined: String =
        read.extra.iter().filter_map(|e| e["tool_calls"][0]["function"]["arguments"].as_str()).collect();
    assert_eq!(joined, "{\"a\":\"😀\"}");
}

#[test]
fn reasoning_inside_the_content_is_separated_from_the_answer() {
    let read = stream(&[&text("<th"), &text("ink>\nhm"), &text("</think>\n\n"), &text("It is 42"), STOP, USAGE, DONE])
        .unwrap();
    assert_eq!((read.content.as_str(), read.reasoning.as_str()), ("It is 42", "hm"));
    assert!(read.usage().reasoning > 0 && read.usage().reasoning < 5);
    let quoted = "The answer is 391. (Models end a thought with `</think>`.)";
    let read = stream(&[&text(quoted), STOP, DONE]).unwrap();
    assert_eq!((read.content.as_str(), read.reasoning.as_str()), (quoted, ""));
    let message =
        |content: &str| whole(&json!({"choices": [{"message": {"content": content}, "finish_reason": "stop"}]}));
    let read = message("hm, so\n</think>\n\nIt is 42");
    assert_eq!((read.content.as_str(), read.reasoning.as_str()), ("It is 42", "hm, so"));
    assert_eq!(message(quoted).content, quoted);
    let cut = stream(&[&text("<think>hm, so "), &STOP.replace("stop", "length"), DONE]).unwrap();
    assert_eq!((cut.content.as_str(), cut.reasoning.as_str()), ("", "hm, so"));
}

#[test]
fn reasoning_that_only_its_end_marks_is_split_at_the_end_and_expected_from_then_on() {
    let run = |before: Before, events: &[&str]| {
        let (mut assembler, mut out) = (Assembler::new(1, 40, before), Queue::new());
        for event in events {
            assembler.push("", event, None, &mut out).unwrap();
        }
        assembler.finish(&mut out).unwrap();
        (assembler.habit(), collect(1, out).remove(0))
    };
    let reasons = Some(Habit::Reasons(("<think>", "</think>")));
    let pieces = [text("hm, so"), text(" it is 42"), text("\n</thi"), text("nk>\n\n"), text("It is 42.")];
    let mut events: Vec<&str> = pieces.iter().map(String::as_str).collect();
    events.extend([STOP, USAGE, DONE]);
    let (habit, read) = run(Before::Nothing, &events);
    let Some(Finish { reasoned: Reasoned::Until { end, answer }, usage, .. }) = read.finish else { panic!("{read:?}") };
    assert_eq!((&read.content[..end], &read.content[answer..]), ("hm, so it is 42\n", "\n\nIt is 42."));
    assert!((1..5).contains(&usage.reasoning), "{usage:?}");
    assert_eq!(habit, reasons);
    // From then on.
    let expected = Before::Expected("</think>");
    let (habit, read) = run(expected, &events);
    assert_eq!((read.content.as_str(), read.reasoning.as_str()), ("It is 42.", "hm, so it is 42"));
    assert_eq!(read.finish.map(|f| f.reasoned), Some(Reasoned::AsPassedOn));
    assert_eq!(habit, None, "there is nothing new in it");
    // In one piece it is known at once.
    let (habit, read) = run(Before::Nothing, &[&text("hm\n</think>\n\n42"), STOP, DONE]);
    assert_eq!((read.content.as_str(), read.reasoning.as_str(), habit), ("42", "hm", reasons));
    // A reply that did not begin so comes as content in the end.
    let (habit, read) = run(expected, &[&text("It is"), &text(" 42."), STOP, USAGE, DONE]);
    assert_eq!((read.content.as_str(), habit), ("It is 42.", Some(Habit::Answers)));
    assert_eq!(read.finish.as_ref().map(|f| f.reasoned), Some(Reasoned::Nothing));
    assert_eq!((read.usage().completion, read.usage().reasoning, read.tokens), (5, 0, 3), "said twice, counted once");
    // One that was cut says nothing, nor does one whose reasoning has a name of its own.
    let (habit, read) = run(expected, &[&text("It is"), &STOP.replace("stop", "length"), DONE]);
    assert_eq!((read.content.as_str(), read.reasoning.as_str(), habit), ("", "It is", None));
    let named = r#"{"choices":[{"index":0,"delta":{"reasoning_content":"hm"}}]}"#;
    let (habit, read) = run(expected, &[named, &text("It is 42."), STOP, DONE]);
    assert_eq!((read.content.as_str(), read.reasoning.as_str(), habit), ("It is 42.", "hm", None));
}

#[test]
fn whole_replies_and_streams_of_any_shape_of_usage_are_billed_alike() {
    let pieces: Vec<String> = (0..5).map(|i| text(&format!("w{i} "))).collect();
    let bill = |last: &[String]| {
        let mut events: Vec<&str> = pieces.iter().map(String::as_str).collect();
        events.extend(last.iter().map(String::as_str));
        let usage = stream(&events).unwrap().usage();
        (usage.prompt, usage.cached, usage.completion, usage.reasoning, usage.estimated)
    };
    let usage = |usage: Value| [STOP.to_owned(), json!({"choices": [], "usage": usage}).to_string(), DONE.to_owned()];
    let reasoning = |n: u64| json!({"reasoning_tokens": n});
    for (kind, last, wanted) in [
        (
            "reasoning apart",
            usage(
                json!({"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 312, "completion_tokens_details": reasoning(300)}),
            ),
            (7, 0, 305, 300, false),
        ),
        (
            "above any limit",
            usage(
                json!({"prompt_tokens": 7, "completion_tokens": 9000, "total_tokens": 9007, "completion_tokens_details": reasoning(8995)}),
            ),
            (7, 0, 9000, 8995, false),
        ),
        ("the total alone", usage(json!({"prompt_tokens": 7, "total_tokens": 1007})), (7, 0, 1000, 0, false)),
        (
            "a total of more",
            usage(json!({"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 1007})),
            (7, 0, 1000, 995, false),
        ),
        (
            "cached, flat",
            usage(json!({"prompt_tokens": 100, "completion_tokens": 9, "total_tokens": 109, "cached_tokens": 80})),
            (100, 80, 9, 0, false),
        ),
        (
            "cached, hits",
            usage(
                json!({"prompt_tokens": 100, "completion_tokens": 9, "prompt_cache_hit_tokens": 80, "prompt_cache_miss_tokens": 20}),
            ),
            (100, 80, 9, 0, false),
        ),
        ("floats and texts", usage(json!({"prompt_tokens": 7.0, "completion_tokens": "5.0"})), (7, 0, 5, 0, false)),
        ("zeros", usage(json!({"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0})), (10, 0, 5, 0, true)),
        ("absurd", usage(json!({"prompt_tokens": -7, "completion_tokens": 1e20})), (10, 0, 5, 0, true)),
    ] {
        assert_eq!(bill(&last), wanted, "{kind}");
    }
    let counts = json!({"prompt_tokens": 70, "completion_tokens": 90, "total_tokens": 160});
    let end = |choice: Value, other: Value| {
        let mut event = json!({"choices": [choice]});
        event.as_object_mut().unwrap().extend(other.as_object().unwrap().clone());
        [event.to_string(), DONE.to_owned()]
    };
    let stop = json!({"index": 0, "delta": {}, "finish_reason": "stop"});
    let mut inner = stop.clone();
    inner["usage"] = counts.clone();
    for last in [
        end(inner, json!({})),
        end(stop.clone(), json!({"x_groq": {"id": "r", "usage": counts}})),
        end(stop.clone(), json!({"usage": counts})),
        end(
            stop.clone(),
            json!({"usageMetadata": {"promptTokenCount": 70, "candidatesTokenCount": 20, "thoughtsTokenCount": 70}}),
        ),
        end(stop, json!({"timings": {"prompt_n": 70, "predicted_n": 90}})),
    ] {
        let (prompt, _, completion, _, estimated) = bill(&last);
        assert_eq!((prompt, completion, estimated), (70, 90, false), "{last:?}");
    }
    // Along with each piece, with the only piece, and before any.
    let both = |content: &str, usage: Value| {
        json!({"choices": [{"index": 0, "delta": {"content": content}}], "usage": usage}).to_string()
    };
    let counted = |n: u64| json!({"prompt_tokens": 7, "completion_tokens": n, "total_tokens": 7 + n});
    let read = stream(&[&both("a", counted(1)), &both("b", counted(2)), STOP, DONE]).unwrap();
    assert_eq!((read.usage().completion, read.usage().estimated), (2, false));
    let read = stream(&[&json!({"choices": [], "usage": counted(9)}).to_string(), &text("a"), &text("b"), STOP, DONE])
        .unwrap();
    assert_eq!((read.usage().completion, read.usage().estimated), (9, false));
}

#[test]
fn letters_are_no_tokens_and_a_large_piece_is_many() {
    let letters: Vec<String> = "The answer is 42 and this is it".chars().map(|c| text(&c.to_string())).collect();
    let mut events: Vec<&str> = letters.iter().map(String::as_str).collect();
    let usage =
        json!({"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 8, "total_tokens": 15}}).to_string();
    events.extend([STOP, &usage, DONE]);
    let read = stream(&events).unwrap();
    assert_eq!((read.usage().completion, read.usage().estimated), (8, false));
    let read = stream(&[&text(&"word ".repeat(400)), STOP, DONE]).unwrap();
    assert_eq!((read.usage().completion, read.tokens, read.usage().estimated), (500, 500, true));
}

#[test]
fn fields_of_a_message_are_kept_whole() {
    let message = json!({"role": "assistant", "content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "42"}],
        "annotations": [{"type": "url_citation"}], "audio": {"id": "a", "transcript": "t"}, "refusal": null, "big": u64::MAX});
    let read = whole(
        &json!({"choices": [{"message": message, "finish_reason": "stop"}], "usage": {"prompt_tokens": 7, "completion_tokens": 12}}),
    );
    assert_eq!((read.content.as_str(), read.reasoning.as_str()), ("42", "hm"));
    let extra =
        json!({"annotations": [{"type": "url_citation"}], "audio": {"id": "a", "transcript": "t"}, "big": u64::MAX});
    assert_eq!(Value::Object(read.extra[0].clone()), extra);
    assert_eq!((read.usage().completion, read.usage().reasoning), (12, 1));
}

#[test]
fn errors_inside_a_stream_end_it() {
    let event = r#"{"message":"boom","type":"server_error"}"#;
    let (mut assembler, mut out) = (Assembler::new(1, 40, Before::Nothing), Queue::new());
    assembler.push("", &text("a"), None, &mut out).unwrap();
    let error = assembler.push("error", event, None, &mut out).unwrap_err();
    assert_eq!((error.status, error.retryable, error.kind.as_deref()), (Some(500), false, Some("server_error")));
    assert!(assembler.push("error", "in plain words", None, &mut out).unwrap_err().message.contains("plain words"));
    let choice =
        r#"{"choices":[{"index":0,"delta":{},"finish_reason":"error","error":{"code":502,"message":"gone"}}]}"#;
    assert_eq!(stream(&[choice]).unwrap().error.unwrap().status, Some(502));
    let first = stream(&[r#"{"error":{"message":"Overloaded","type":"overloaded_error","code":529}}"#, DONE]).unwrap();
    assert!(first.error.is_some_and(|e| e.retryable && e.elsewhere && e.status == Some(529)));
}

#[test]
fn a_stream_under_the_name_of_json_is_read_as_one() {
    let (mut assembler, mut out) = (Assembler::new(1, 40, Before::Nothing), Queue::new());
    let body = format!("data: {}\n\ndata: {STOP}\n\ndata: {USAGE}\n\ndata: [DONE]", text("42"));
    assembler.push_whole(&body, None, &mut out).unwrap();
    assembler.finish(&mut out).unwrap();
    let read = collect(1, out).remove(0);
    assert_eq!((read.content.as_str(), read.usage().completion), ("42", 5));
}

#[test]
fn a_choice_that_ended_keeps_its_end_when_another_fails() {
    let (mut assembler, mut out) = (Assembler::new(2, 8, Before::Nothing), Queue::new());
    let event = r#"{"choices":[{"index":1,"delta":{"content":"b"},"finish_reason":"stop"}]}"#;
    assembler.push("", event, None, &mut out).unwrap();
    assembler.finish(&mut out).unwrap();
    let all = collect(2, out);
    assert!(all[0].error.is_some() && all[1].finish.is_some());
}

#[test]
fn several_choices_with_counts_of_their_own() {
    let (mut assembler, mut out) = (Assembler::new(2, 8, Before::Nothing), Queue::new());
    for (index, count) in [(0, 3), (1, 9)] {
        let usage = json!({"prompt_tokens": 7, "completion_tokens": count});
        let event =
            json!({"choices": [{"index": index, "delta": {"content": "b"}, "finish_reason": "stop", "usage": usage}]});
        assembler.push("", &event.to_string(), None, &mut out).unwrap();
    }
    assembler.finish(&mut out).unwrap();
    let bills: Vec<u64> = collect(2, out).iter().map(|w| w.usage().completion).collect();
    assert_eq!(bills, [3, 9]);
}

#[test]
fn stop_texts_and_confidences_are_read_where_the_server_gives_them() {
    let read = |event: &str| {
        let (mut assembler, mut out) = (Assembler::new(1, 8, Before::Nothing), Queue::new());
        assembler.push("", event, None, &mut out).unwrap();
        assembler.finish(&mut out).unwrap();
        let (mut confidences, mut met_stop) = (Vec::new(), None);
        for (_, event) in out {
            match event.unwrap() {
                SampleEvent::Delta(delta) => confidences = delta.confidences,
                SampleEvent::Finish(finish) => met_stop = finish.met_stop,
                _ => {}
            }
        }
        (confidences, met_stop)
    };
    let event = r#"{"choices":[{"delta":{"content":"a"},"logprobs":{"content":[{"logprob":-0.5,"top_logprobs":
        [{"logprob":-0.5},{"logprob":-1.5}]}]},"finish_reason":"stop","stop_reason":"\n\n"}]}"#;
    assert_eq!(read(event), (vec![1.0], Some(true)));
    let event = r#"{"choices":[{"delta":{"content":"a"},"finish_reason":"stop","matched_stop":151645}]}"#;
    assert_eq!(read(event), (vec![], Some(false)));
    let event = r#"{"choices":[{"delta":{"content":"a"},"finish_reason":"stop","stop_reason":null}]}"#;
    assert_eq!(read(event).1, Some(false));
    assert_eq!(read(r#"{"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}"#).1, None);
}

#[test]
fn tokens_without_text_keep_their_log_probabilities() {
    let event = r#"{"choices":[{"index":0,"delta":{},"logprobs":{"content":[{"token":"","logprob":-0.5},{"token":"","logprob":NaN}]}}]}"#;
    let read = stream(&[event, &text("4"), STOP, DONE]).unwrap();
    assert_eq!((read.tokens, read.extra[0][LOGPROBS].as_array().map(Vec::len)), (3, Some(2)));
}

proptest! {
    #[test]
    fn no_event_makes_it_panic_and_counts_stay_sane(
        events in prop::collection::vec(
            r#"\{("choices":\[(\{("index":[012],)?"(delta|message)":(null|7|\{"(content|reasoning|tool_calls)":("x"|"<think>"|"\\ud83d"|null|\[\]|\[\{"function":\{"name":"f"\}\}\])\})(,"finish_reason":"(stop|length|abort|[a-z]{4})?")?\}|3)?\],?)?("usage":(null|1|\{"(prompt|completion|total)_tokens":(-1|1\.5|[0-9]{1,20})\}))?\}|.{0,20}|\[DONE\]"#,
            0..8,
        ),
        n in 1usize..3,
    ) {
        let (mut assembler, mut out) = (Assembler::new(n, 8, Before::Nothing), Queue::new());
        for event in &events {
            let _ = assembler.push("", event, None, &mut out);
        }
        if assembler.finish(&mut out).is_ok() {
            for whole in collect(n, out) {
                prop_assert_eq!(whole.finish.is_some(), whole.error.is_none());
                if let Some(finish) = whole.finish {
                    prop_assert!(finish.usage.completion <= 2 * u64::from(u32::MAX));
                    prop_assert!(finish.usage.reasoning <= finish.usage.completion && finish.usage.cached <= finish.usage.prompt);
                }
            }
        }
    }

    #[test]
    fn no_bytes_make_it_panic(data in prop::collection::vec(any::<u8>(), 0..200), name in "error|ping|") {
        let (mut assembler, mut out) = (Assembler::new(1, 8, Before::Nothing), Queue::new());
        let _ = assembler.push(&name, &String::from_utf8_lossy(&data), None, &mut out);
        let _ = assembler.push_whole(&String::from_utf8_lossy(&data), None, &mut out);
        let _ = assembler.finish(&mut out);
    }
}
