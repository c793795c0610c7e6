//! Errors reach the client with their code, type, field and status, and nothing of the operator's.

use super::{Front, OPERATORS_KEY, say};
use outthink_testkit::server::{Reply, Scenario, Step};
use serde_json::{Value, json};
use std::time::{Duration, Instant, SystemTime};

/// What a client gets: the status where the reply is whole, and the error either way.
async fn failed(name: &str, reply: Reply) -> [(u16, Value); 2] {
    let front = Front::new(reply).await;
    front.both(&json!({})).await.map(|reply| {
        assert!(!reply.body.contains(OPERATORS_KEY), "{name}: the operator's key is in {}", reply.body);
        let answer = reply.answer();
        assert!(answer.error.is_object(), "{name}: no error: {}", reply.body);
        for field in ["message", "type", "param", "code"] {
            assert!(answer.error.get(field).is_some(), "{name}: no {field}: {}", answer.error);
        }
        (answer.status, answer.error)
    })
}

#[tokio::test]
async fn codes_types_and_fields_are_kept() {
    let error = |code: &str, kind: &str, param: Value| json!({"error": {"message": "it is so", "type": kind, "param": param, "code": code}});
    let too_long = error("context_length_exceeded", "invalid_request_error", json!("messages"));
    let quota = error("insufficient_quota", "insufficient_quota", Value::Null);
    let rate = error("rate_limit_exceeded", "rate_limit_error", Value::Null);
    for (name, body, upstream, status) in
        [("too long", &too_long, 400, 400), ("no quota", &quota, 429, 429), ("too fast", &rate, 429, 429)]
    {
        for (status_seen, seen) in failed(name, Reply::json(body.clone()).status(upstream)).await {
            assert_eq!(status_seen, status, "{name}: {seen}");
            assert_eq!((&seen["code"], &seen["type"]), (&body["error"]["code"], &body["error"]["type"]), "{name}");
            assert_eq!(seen["param"], body["error"]["param"], "{name}");
            assert!(seen["message"].as_str().unwrap().contains("it is so"), "{name}: {seen}");
        }
        // The same as the first event of a stream that began with 200.
        let inside = Reply::events([Step::from(body), Step::from("[DONE]")]);
        for (_, seen) in failed(name, inside).await {
            assert_eq!(
                (&seen["code"], &seen["type"]),
                (&body["error"]["code"], &body["error"]["type"]),
                "{name} inside"
            );
        }
    }
}

#[tokio::test]
async fn errors_of_any_shape_are_read() {
    for (name, reply, words) in [
        ("plain text", Reply::body("text/plain", "bad thing in plain words").status(400), "bad thing in plain words"),
        ("msg", Reply::json(json!({"msg": "bad thing", "code": 400})).status(400), "bad thing"),
        (
            "vLLM",
            Reply::json(json!({"object": "error", "message": "bad thing", "type": "BadRequestError", "code": 400}))
                .status(400),
            "bad thing",
        ),
        (
            "FastAPI",
            Reply::json(json!({"detail": [{"loc": ["body", "n"], "msg": "bad thing"}]})).status(422),
            "bad thing",
        ),
        ("a detail in words", Reply::json(json!({"detail": "bad thing"})).status(400), "bad thing"),
        ("an error in words", Reply::json(json!({"error": "bad thing"})).status(400), "bad thing"),
        (
            "a list",
            Reply::json(json!([{"error": {"code": 400, "message": "bad thing", "status": "INVALID_ARGUMENT"}}]))
                .status(400),
            "bad thing",
        ),
        ("200 with an error", Reply::json(json!({"error": {"message": "bad thing", "code": 400}})), "bad thing"),
        (
            "event: error",
            Reply::events([Step::named("error", &json!({"message": "bad thing", "type": "server_error"}))]),
            "bad thing",
        ),
        (
            "an error as first event",
            Reply::events([Step::from(json!({"error": {"message": "bad thing", "code": 529}}))]),
            "bad thing",
        ),
    ] {
        for (status, seen) in failed(name, reply.clone()).await {
            assert!(seen["message"].as_str().unwrap().contains(words), "{name}: {seen}");
            assert!(status == 200 || (400..600).contains(&status), "{name}: {status}");
        }
    }
}

#[tokio::test]
async fn an_error_after_words_is_an_error() {
    for (name, last) in [
        ("event: error", vec![Step::named("error", &json!({"message": "boom", "type": "server_error"}))]),
        ("an error object", vec![Step::from(json!({"error": {"message": "boom", "code": 500}})), super::done()]),
        ("a reset", vec![Step::Reset]),
    ] {
        let mut steps: Vec<Step> = (0..5).map(|n| say(&format!("w{n} "))).collect();
        steps.extend(last);
        let front = Front::new(Reply::events(steps)).await;
        for reply in front.both(&json!({})).await {
            let answer = reply.answer();
            assert!(answer.error.is_object(), "{name}: taken for a whole reply: {}", reply.body);
            assert!(answer.finish.is_null(), "{name}: {}", reply.body);
        }
        assert_eq!(front.server.requests().len(), 2, "{name}: no second attempt after words");
    }
}

#[tokio::test]
async fn nothing_of_the_operators_account_reaches_a_client() {
    for (name, reply) in [
        (
            "masked",
            Reply::error(
                401,
                "Incorrect API key provided: sk-opera****************cdef.",
                "invalid_request_error",
                "invalid_api_key",
            ),
        ),
        (
            "repeated",
            Reply::error(401, &format!("wrong key {OPERATORS_KEY}"), "invalid_request_error", "invalid_api_key"),
        ),
        (
            "in a 400",
            Reply::error(400, &format!("key {OPERATORS_KEY} has no access"), "invalid_request_error", Value::Null),
        ),
        ("in plain text", Reply::body("text/plain", format!("bearer {OPERATORS_KEY}")).status(403)),
        (
            "inside a stream",
            Reply::events([json!({"error": {"message": format!("key {OPERATORS_KEY}"), "code": 401}})]),
        ),
    ] {
        for (status, seen) in failed(name, reply).await {
            assert_ne!(status, 401, "{name}: the client's own key is not at fault");
            let words = seen.to_string();
            assert!(!words.contains("cdef") && !words.contains("sk-opera"), "{name}: {words}");
        }
    }
}

#[tokio::test]
async fn what_takes_too_long_is_a_504() {
    for (name, reply) in [
        ("no head", Reply::text("391").after(Duration::from_secs(30))),
        ("no event", Reply::events([Step::Hang])),
        (
            "pings alone",
            Reply::events((0..40).flat_map(|_| [Step::comment("ping"), Step::pause_ms(50)]).chain([Step::Hang])),
        ),
        ("the server says 504", Reply::error(504, "slow", "timeout", Value::Null)),
        ("its proxy says 524", Reply::body("text/html", "<html>524</html>").status(524)),
    ] {
        let front = Front::with(reply, |options| options.timeouts.first_token = Duration::from_millis(300)).await;
        let reply = front.chat(json!({})).await;
        assert_eq!(reply.status, 504, "{name}: {}", reply.body);
    }
}

/// The date of HTTP so long from now. Days are counted as by Hinnant's `civil_from_days`.
fn date_in(time: Duration) -> String {
    let seconds = (SystemTime::now() + time).duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let weekday = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"][(days % 7) as usize];
    let shifted = days + 719_468;
    let (era, day) = (shifted / 146_097, shifted % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let date = day - (153 * month + 2) / 5 + 1;
    let name = ["Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "Jan", "Feb"][month as usize];
    let year = year + era * 400 + u64::from(month > 9);
    format!("{weekday}, {date:02} {name} {year} {:02}:{:02}:{:02} GMT", rest / 3_600, rest / 60 % 60, rest % 60)
}

#[tokio::test]
async fn a_wait_that_a_server_asks_for_is_passed_on_and_not_waited_out() {
    for (name, header, least, most) in
        [("seconds", "30".to_owned(), 29, 31), ("a date", date_in(Duration::from_hours(1)), 3_590, 3_601)]
    {
        let busy =
            Reply::error(429, "too fast", "rate_limit_error", "rate_limit_exceeded").header("retry-after", &header);
        let front = Front::with(busy, |options| options.max_retries = 3).await;
        let begin = Instant::now();
        let reply = front.chat(json!({})).await;
        assert!(begin.elapsed() < Duration::from_secs(5), "{name}: the client was held");
        let seconds: u64 =
            reply.header("retry-after").unwrap_or_else(|| panic!("{name}: {}", reply.head)).parse().unwrap();
        assert!((least..=most).contains(&seconds) && reply.status == 429, "{name}: {seconds}");
    }
    // A short one is waited out, once.
    let busy = Reply::error(429, "too fast", "rate_limit_error", Value::Null).header("retry-after", "1");
    let front = Front::with(Scenario::chat([busy, Reply::text("391")]), |options| options.max_retries = 1).await;
    assert_eq!(front.chat(json!({})).await.answer().message["content"], "391");
}
