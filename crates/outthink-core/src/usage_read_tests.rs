use super::*;
use proptest::prelude::*;
use serde_json::json;

/// Prompt, cached, completion and reasoning of a body.
fn read(body: &Value) -> Option<[Option<u64>; 4]> {
    Usage::read(body).map(|r| [r.prompt, r.cached, r.completion, r.reasoning])
}

#[test]
fn each_server_has_names_of_its_own() {
    for (usage, wanted) in [
        (
            json!({"prompt_tokens": 12, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 8},
            "completion_tokens_details": {"reasoning_tokens": 1}}),
            [12, 8, 3, 1],
        ),
        (
            json!({"input_tokens": 12, "output_tokens": 3, "input_tokens_details": {"cached_tokens": 8},
            "output_tokens_details": {"reasoning_tokens": 1}, "total_tokens": 15}),
            [12, 8, 3, 1],
        ),
        (
            json!({"prompt_cache_hit_tokens": 8, "prompt_cache_miss_tokens": 4, "completion_tokens": 3,
            "reasoning_tokens": 1}),
            [12, 8, 3, 1],
        ),
        (
            json!({"prompt_tokens": 12, "completion_tokens": 3, "cached_tokens": 8, "reasoning_tokens": 1}),
            [12, 8, 3, 1],
        ),
        (
            json!({"input_tokens": 3, "cache_read_input_tokens": 8, "cache_creation_input_tokens": 1, "output_tokens": 3,
            "output_tokens_details": {"thinking_tokens": 1}}),
            [12, 8, 3, 1],
        ),
        (
            json!({"inputTokens": 3, "cacheReadInputTokens": 8, "cacheWriteInputTokens": 1, "outputTokens": 3,
            "totalTokens": 15, "reasoningTokens": 1}),
            [12, 8, 3, 1],
        ),
        (
            json!({"promptTokenCount": 12, "cachedContentTokenCount": 8, "candidatesTokenCount": 2,
            "thoughtsTokenCount": 1, "totalTokenCount": 15}),
            [12, 8, 3, 1],
        ),
        (json!({"prompt_n": 4, "cache_n": 8, "predicted_n": 3, "predicted_ms": 0.5}), [12, 8, 3, 0]),
        (json!({"prompt_tokens": "12", "completion_tokens": 3.0, "cached_tokens": "8.0"}), [12, 8, 3, 0]),
    ] {
        let [prompt, cached, completion, reasoning] = wanted;
        let reasoning = (reasoning > 0).then_some(reasoning);
        let wanted = [Some(prompt), Some(cached), Some(completion), reasoning];
        assert_eq!(read(&json!({"usage": usage})), Some(wanted), "{usage}");
    }
    let ollama = json!({"model": "m", "prompt_eval_count": 12, "eval_count": 3});
    assert_eq!(read(&ollama), Some([Some(12), None, Some(3), None]));
    let llama = json!({"content": "x", "tokens_evaluated": 12, "tokens_predicted": 3, "tokens_cached": 14});
    assert_eq!(read(&llama), Some([Some(12), None, Some(3), None]));
}

#[test]
fn counts_are_found_wherever_they_stand() {
    let usage = json!({"prompt_tokens": 70, "completion_tokens": 90, "total_tokens": 160});
    let wanted = Some([Some(70), None, Some(90), None]);
    for body in [
        json!({"usage": usage, "choices": []}),
        json!({"usage": null, "choices": [{"index": 0, "usage": usage}]}),
        json!({"choices": [{"index": 0, "delta": {"usage": usage}}]}),
        json!({"choices": [{"index": 0, "message": {"content": "x", "usage_metadata": usage}}]}),
        json!({"choices": [{"delta": {}}], "x_groq": {"id": "r", "usage": usage}}),
        json!({"type": "message_start", "message": {"usage": usage}}),
        json!({"type": "response.completed", "response": {"usage": usage}}),
        json!([{"usage": {"prompt_tokens": 70, "completion_tokens": 1}}, {"usage": usage}]),
        usage.clone(),
    ] {
        assert_eq!(read(&body), wanted, "{body}");
    }
    let two = json!({"choices": [{"usage": {"prompt_tokens": 7, "completion_tokens": 2}},
        {"usage": {"prompt_tokens": 7, "completion_tokens": 3}}]});
    assert_eq!(read(&two), Some([Some(7), None, Some(5), None]));
    let beside =
        json!({"usage": usage, "cached_tokens": 64, "timings": {"prompt_n": 6, "cache_n": 64, "predicted_n": 90}});
    assert_eq!(read(&beside), Some([Some(70), Some(64), Some(90), None]));
    for nothing in [
        json!({"usage": null}),
        json!({"usage": {}}),
        json!(null),
        json!("usage"),
        json!({"usage": [1]}),
        json!({"usage": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}}),
    ] {
        assert_eq!(read(&nothing), None, "{nothing}");
    }
}

#[test]
fn the_total_settles_what_the_parts_leave_out() {
    let some = |p, c, r| Some([Some(p), None, Some(c), r]);
    let usage = |p: Value, c: Value, total: Value, reasoning: Value| {
        json!({"usage": {"prompt_tokens": p, "completion_tokens": c, "total_tokens": total,
            "completion_tokens_details": {"reasoning_tokens": reasoning}}})
    };
    let n = Value::Null;
    for (body, wanted) in [
        (usage(json!(7), json!(305), json!(312), json!(300)), some(7, 305, Some(300))),
        (usage(json!(7), json!(5), json!(312), json!(300)), some(7, 305, Some(300))),
        (usage(json!(7), json!(5), json!(312), n.clone()), some(7, 305, Some(300))),
        (usage(json!(7), n.clone(), json!(312), n.clone()), some(7, 305, None)),
        (usage(n.clone(), json!(5), json!(12), n.clone()), some(7, 5, None)),
        (usage(json!(0), json!(5), json!(12), n.clone()), some(7, 5, None)),
        // A total that is less than its parts is no total.
        (usage(json!(7), json!(5), json!(5), n.clone()), some(7, 5, None)),
        (usage(json!(7), json!(5), json!(0), n.clone()), some(7, 5, None)),
        // Reasoning that is more than the completion is not in it, with a total that leaves it out and with none.
        (usage(json!(7), json!(5), json!(12), json!(300)), some(7, 305, Some(300))),
        (usage(json!(7), json!(5), n.clone(), json!(300)), some(7, 305, Some(300))),
        (usage(json!(7), json!(300), json!(307), json!(300)), some(7, 300, Some(300))),
    ] {
        assert_eq!(read(&body), wanted, "{body}");
    }
    let beside =
        json!({"usage": {"prompt_tokens": 20, "cached_tokens": 80, "completion_tokens": 9, "total_tokens": 109}});
    assert_eq!(read(&beside), Some([Some(100), Some(80), Some(9), None]));
    for total in [json!(29), json!(100), n] {
        let outside =
            json!({"usage": {"prompt_tokens": 20, "cached_tokens": 80, "completion_tokens": 9, "total_tokens": total}});
        assert_eq!(read(&outside).unwrap()[..2], [Some(100), Some(80)], "{outside}");
    }
    let written = json!({"usage": {"prompt_tokens": 20, "completion_tokens": 9, "cache_write_tokens": 500}});
    assert_eq!(read(&written), Some([Some(520), None, Some(9), None]));
    let only = Usage::read(&json!({"usage": {"total_tokens": 38}})).unwrap();
    assert_eq!((only.prompt, only.completion, only.total), (None, None, Some(38)));
    assert_eq!((only.usage(0).prompt, only.usage(0).estimated), (38, false));
    assert_eq!((only.usage(30).prompt, only.usage(30).estimated), (8, true));
}

#[test]
fn odd_counts_are_unknown() {
    for odd in [
        json!(-1),
        json!(-1.5),
        json!("many"),
        json!(""),
        json!("NaN"),
        json!("inf"),
        json!(true),
        json!([5]),
        json!(4_294_967_296_u64),
        json!(1e300),
        json!("-3"),
    ] {
        let body = json!({"usage": {"prompt_tokens": 7, "completion_tokens": odd}});
        assert_eq!(read(&body), Some([Some(7), None, None, None]), "{odd}");
    }
}

#[test]
fn a_stream_s_reports_grow() {
    let start = Usage::read(
        &json!({"message": {"usage": {"input_tokens": 5, "cache_read_input_tokens": 20, "output_tokens": 1}}}),
    );
    let end = Usage::read(&json!({"type": "message_delta", "usage": {"output_tokens": 15}}));
    let read = start.unwrap().later(end.unwrap());
    assert_eq!((read.prompt, read.cached, read.completion), (Some(25), Some(20), Some(15)));
}

proptest! {
    #[test]
    fn whatever_is_reported_counts_stay_sane(
        prompt in any::<Option<u32>>(), completion in any::<Option<i64>>(), total in any::<Option<u64>>(),
        cached in any::<Option<f64>>(), reasoning in any::<Option<u32>>(), generated in 0u64..1000,
    ) {
        let body = json!({"usage": {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total,
            "cached_tokens": cached, "reasoning_tokens": reasoning}});
        if let Some(read) = Usage::read(&body) {
            let usage = read.usage(generated);
            prop_assert!(usage.cached <= usage.prompt && usage.reasoning <= usage.completion);
            prop_assert!(usage.prompt <= 2 * MOST && usage.completion <= 2 * MOST);
        }
    }
}
