use super::*;
use proptest::prelude::*;

#[test]
fn statuses_say_whose_fault_it_is_and_where_a_retry_helps() {
    let body = r#"{"error":{"message":"no such field"}}"#;
    for (status, origin, retryable, elsewhere) in [
        (400, Origin::Caller, false, false),
        (422, Origin::Caller, false, false),
        (401, Origin::Engine, false, true),
        (402, Origin::Engine, false, true),
        (403, Origin::Engine, false, true),
        (404, Origin::Caller, false, true),
        (405, Origin::Engine, false, true),
        (408, Origin::Engine, true, true),
        (413, Origin::Caller, false, true),
        (425, Origin::Engine, true, true),
        (429, Origin::Engine, true, true),
        (498, Origin::Engine, true, true),
        (499, Origin::Engine, false, true),
        (500, Origin::Engine, true, true),
        (501, Origin::Engine, false, true),
        (503, Origin::Engine, true, true),
        (522, Origin::Engine, true, true),
        (529, Origin::Engine, true, true),
    ] {
        let error = of_status(status, body, None);
        assert_eq!((error.origin, error.retryable, error.elsewhere), (origin, retryable, elsewhere), "{status}");
        assert_eq!(error.status, Some(status));
        assert!(error.message.ends_with("no such field"), "{error}");
    }
    assert!(of_status(401, body, None).to_string().contains("key"));
    assert!(of_status(404, "<html>", None).to_string().contains("/v1"));
}

#[test]
fn every_shape_of_an_error_is_read() {
    for (body, message, code, kind, param) in [
        (r#"{"error":{"message":"m","type":"t","param":"p","code":"c"}}"#, "m", "c", "t", "p"),
        (r#"{"error":"m"}"#, "m", "", "", ""),
        (r#"{"error":"bad_thing","message":"m"}"#, "m", "", "bad_thing", ""),
        (r#"{"message":"m","code":"c"}"#, "m", "c", "", ""),
        (r#"{"msg":"m","code":1302}"#, "m", "1302", "", ""),
        (r#"{"detail":"m"}"#, "m", "", "", ""),
        (r#"{"detail":[{"loc":["body","max_tokens"],"msg":"m","type":"x"}]}"#, "max_tokens: m", "", "", "max_tokens"),
        (
            r#"{"object":"error","message":"m","type":"BadRequestError","param":"p","code":400}"#,
            "m",
            "",
            "BadRequestError",
            "p",
        ),
        (r#"{"errors":[{"message":"m"}]}"#, "m", "", "", ""),
        (r#"[{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED"}}]"#, "m", "RESOURCE_EXHAUSTED", "", ""),
        (r#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#, "m", "", "overloaded_error", ""),
        (r#"{"error":{"message":"{\"error\":{\"message\":\"m\"}}"}}"#, "m", "", "", ""),
        ("m in plain words", "m in plain words", "", "", ""),
        (r#"{"x":1}"#, "", "", "", ""),
        ("<!DOCTYPE html><p>m</p>", "", "", "", ""),
    ] {
        let error = of_status(418, body, None);
        let said = error.message.strip_prefix("the engine answered with status 418").unwrap();
        assert_eq!(said.trim_start_matches(": "), message, "{body}");
        let text = |t: &Option<String>| t.clone().unwrap_or_default();
        assert_eq!(
            (text(&error.code).as_str(), text(&error.kind).as_str(), text(&error.param).as_str()),
            (code, kind, param),
            "{body}"
        );
    }
}

#[test]
fn a_quota_is_no_rate_limit_and_a_long_prompt_may_fit_elsewhere() {
    let quota =
        of_status(429, r#"{"error":{"message":"m","type":"insufficient_quota","code":"insufficient_quota"}}"#, None);
    assert_eq!((quota.retryable, quota.elsewhere, quota.code.as_deref()), (false, true, Some("insufficient_quota")));
    let long = of_status(400, r#"{"error":{"message":"m","code":"context_length_exceeded","param":"messages"}}"#, None);
    assert_eq!((long.origin, long.retryable, long.elsewhere), (Origin::Caller, false, true));
    let long = of_status(
        400,
        r#"{"object":"error","message":"This model's maximum context length is 64 tokens","code":400}"#,
        None,
    );
    assert_eq!((long.origin, long.retryable, long.elsewhere), (Origin::Caller, false, true));
    let info = r#"{"error":{"code":429,"message":"m","details":[{"@type":"x","retryDelay":"3.5s"}]}}"#;
    assert_eq!(of_status(429, info, None).retry_after, Some(Duration::from_millis(3_500)));
}

#[test]
fn errors_in_a_stream_have_the_status_that_they_name() {
    for (event, status, retryable, elsewhere) in [
        (r#"{"error":{"message":"Overloaded","type":"overloaded_error","code":529}}"#, Some(529), true, true),
        (r#"{"error":{"message":"m","code":"529"}}"#, Some(529), true, true),
        (r#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#, Some(529), true, true),
        (r#"{"error":{"message":"m","code":"rate_limit_exceeded"}}"#, Some(429), true, true),
        (r#"{"error":{"message":"m","type":"insufficient_quota"}}"#, Some(429), false, true),
        (r#"{"error":{"message":"m","code":"context_length_exceeded"}}"#, Some(400), false, true),
        (r#"{"error":{"message":"m","code":"invalid_api_key"}}"#, Some(401), false, true),
        (r#"{"message":"boom","type":"server_error"}"#, Some(500), true, true),
        (r#"{"object":"error","message":"m","code":400}"#, Some(400), false, false),
        (r#"{"error":"boom"}"#, None, false, true),
    ] {
        let value: Value = serde_json::from_str(event).unwrap();
        assert!(is_error(value.as_object().unwrap()), "{event}");
        let error = in_stream(&value, false, None);
        assert_eq!((error.status, error.retryable, error.elsewhere), (status, retryable, elsewhere), "{event}");
        let late = in_stream(&value, true, None);
        assert_eq!((late.status, late.retryable, late.elsewhere), (status, false, false), "{event}");
    }
    assert!(in_event("boom", false, None).message.ends_with(": boom"));
    assert!(in_event("{}", false, None).message.contains("failed inside the stream"));
    assert_eq!(in_event(r#"{"message":"boom","type":"server_error"}"#, false, None).status, Some(500));
}

#[test]
fn what_blames_nothing_is_no_error() {
    for event in [
        r#"{"error":null}"#,
        r#"{"error":""}"#,
        r#"{"error":{}}"#,
        r#"{"error":{"code":0,"message":""}}"#,
        r#"{"error":false}"#,
        r#"{"errors":[]}"#,
        r#"{"type":"ping"}"#,
        r#"{"message":"queued","status":"ok"}"#,
        r#"{"base_resp":{"status_code":0,"status_msg":""}}"#,
        r#"{"choices":[],"message":"x","type":"error"}"#,
    ] {
        let value: Value = serde_json::from_str(event).unwrap();
        assert!(!is_error(value.as_object().unwrap()), "{event}");
    }
}

#[test]
fn messages_are_bounded_and_hold_no_key() {
    let key = Secret::new("sk-é1");
    let text = clean(&format!("bad key sk-é1 {}", "é".repeat(9_000)), Some(&key));
    assert!(text.starts_with("bad key *** ") && text.chars().count() == MESSAGE_LIMIT + 1);
    let body = r#"{"error":{"message":"Incorrect API key provided: sk-EXAMP********0000.","code":"invalid_api_key"}}"#;
    let error = of_status(401, body, None);
    assert!(error.message.ends_with("provided: ***.") && !format!("{error:?}").contains("EXAMP"), "{error:?}");
}

proptest! {
    #[test]
    fn no_body_makes_it_panic(body in "(\\PC|[{}\\[\\]\":,]|error|message|detail|code|429){0,24}", status in 300u16..700) {
        of_status(status, &body, None);
        in_event(&body, false, None);
    }
}
