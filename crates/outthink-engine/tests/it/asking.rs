//! What a server is asked, what it refuses, and what an attempt costs.

use crate::server::{Do, Server, events, reply, stream_head, text};
use crate::{Whole, engine, one, options, request, sample, whole};
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use outthink_core::{Effort, Engine as _, FinishReason, Price, SampleEvent, Thinking};
use outthink_engine::openai::{Dialect, OpenAiEngine, OpenAiOptions};
use outthink_engine::pool::{Member, PoolEngine, PoolOptions};
use outthink_testkit::server::{Reply, Scenario};
use serde_json::Value;
use std::time::{Duration, Instant};

const CONTENT: &str = r#"{"choices":[{"index":0,"delta":{"content":"4"}}]}"#;
const ROLE: &str = r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}"#;
const END: &str = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;

fn good() -> Vec<Do> {
    events(&[CONTENT, END, "[DONE]"])
}

fn refusal(message: &str) -> Vec<Do> {
    let body = serde_json::json!({"error": {"message": message}}).to_string();
    reply("400 Bad Request", "application/json", &body)
}

fn body(request: &str) -> Value {
    serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap()
}

async fn with(server: &Server, change: impl FnOnce(&mut OpenAiOptions)) -> Whole {
    let mut options = options(server);
    change(&mut options);
    whole(one(&OpenAiEngine::new(options).unwrap())).await
}

#[tokio::test]
async fn a_refused_field_is_left_out_at_once_and_remembered() {
    let server = Server::start(vec![refusal("Unrecognized request argument supplied: seed"), good()]).await;
    let engine = engine(&server);
    for _ in 0..2 {
        let all = whole(one(&engine)).await;
        assert_eq!((all.content.as_str(), all.started.len(), all.notes.len()), ("4", 1, 1), "{all:?}");
        assert!(all.notes[0].contains("seed") && all.lost.is_empty(), "a refusal costs nothing");
    }
    let seeds: Vec<bool> = server.requests().iter().map(|r| body(r).get("seed").is_some()).collect();
    assert_eq!(seeds, [true, false, false]);
}

#[tokio::test]
async fn several_refusals_one_after_the_other_and_one_that_stays() {
    let scripts = vec![
        refusal("stream_options: extra inputs are not permitted"),
        refusal("Unsupported parameter: max_tokens. Use max_completion_tokens instead."),
        refusal("unsupported reasoning_effort"),
        good(),
    ];
    let server = Server::start(scripts).await;
    let mut options = options(&server);
    options.dialect = Some(Dialect::generic());
    options.max_retries = 0;
    let engine = OpenAiEngine::new(options).unwrap();
    let mut request = request(&[7]);
    request.thinking = Thinking { effort: Some(Effort::High), budget: None };
    let all = whole(engine.start(request.clone()).remove(0)).await;
    assert_eq!((all.content.as_str(), all.notes.len()), ("4", 1), "{all:?}");
    let last = body(&server.requests()[3]);
    assert_eq!((last.get("stream_options"), last.get("reasoning_effort")), (None, None));
    assert_eq!(last["max_completion_tokens"], 64);
    // Other efforts may be taken; this one is not asked for again.
    whole(engine.start(request.clone()).remove(0)).await;
    request.thinking.effort = Some(Effort::Low);
    whole(engine.start(request).remove(0)).await;
    let requests = server.requests();
    assert_eq!(
        (body(&requests[4]).get("reasoning_effort"), &body(&requests[5])["reasoning_effort"]),
        (None, &"low".into())
    );

    let server = Server::start(vec![refusal("max_tokens is too large: 64")]).await;
    let all = whole(one(&crate::engine(&server))).await;
    assert!(all.error.unwrap().message.contains("too large"));
    assert_eq!(server.requests().len(), 1, "what a client asked for is not dropped");
}

#[tokio::test]
async fn who_works_on_a_sample_is_said_once_it_is_asked() {
    let server = Server::start(vec![good()]).await;
    let all = with(&server, |o| o.price = Price { input: 1, cached: 2, output: 3, ..Price::default() }).await;
    let [source] = &all.started[..] else { panic!("{all:?}") };
    assert_eq!((source.model.as_str(), source.price.output), ("m", 3));
    assert!(all.lost.is_empty() && all.notes.is_empty());

    let mut options = OpenAiOptions::new("http://127.0.0.1:9");
    (options.model, options.max_retries) = (Some("m".into()), 1);
    let engine = OpenAiEngine::new(options).unwrap();
    assert_eq!(engine.is_ready(), None);
    let all = whole(one(&engine)).await;
    assert!(all.started.is_empty() && all.lost.is_empty(), "no connection, no cost: {all:?}");
    assert_eq!(engine.is_ready(), Some(false));
}

#[tokio::test]
async fn a_prompt_that_was_read_is_paid_for_each_attempt() {
    // The first attempt breaks off after its head, the second is refused, the third is good.
    let broken = vec![
        text("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 999\r\n\r\n"),
        text(format!("data: {ROLE}\n\n")),
    ];
    let busy = reply("503 Service Unavailable", "application/json", r#"{"error":{"message":"busy"}}"#);
    let server = Server::start(vec![broken, busy, good()]).await;
    let all = whole(one(&engine(&server))).await;
    assert_eq!((all.content.as_str(), all.started.len(), all.lost.len()), ("4", 2, 1), "{all:?}");
    assert_eq!((all.lost[0].prompt, all.lost[0].estimated), (3, true));

    let server = Server::start(vec![vec![Do::Hang]]).await;
    let all = with(&server, |o| o.timeouts.first_token = Duration::from_millis(100)).await;
    assert_eq!((all.lost.len(), all.error.unwrap().elsewhere), (1, true));
}

#[tokio::test]
async fn a_role_and_keep_alives_are_not_the_first_token() {
    let mut script = vec![stream_head(), text(format!("data: {ROLE}\n\n"))];
    for _ in 0..40 {
        script.extend([Do::Pause(Duration::from_millis(50)), text(": ping\n\n"), text(format!("data: {ROLE}\n\n"))]);
    }
    let server = Server::start(vec![script]).await;
    let begin = Instant::now();
    let all = with(&server, |o| o.timeouts.first_token = Duration::from_millis(300)).await;
    assert!(all.error.unwrap().message.contains("no first token"));
    assert!(begin.elapsed() < Duration::from_millis(1_500));
    assert_eq!(all.lost.len(), 1);
}

#[tokio::test]
async fn a_server_that_ignores_the_limit_is_cut_off() {
    let words: Vec<String> = (0..5_000)
        .map(|n| {
            serde_json::json!({"choices": [{"index": 0, "delta": {"content": format!("word{} ", n % 7)}}]}).to_string()
        })
        .collect();
    let mut script = vec![stream_head()];
    for chunk in words.chunks(20) {
        script.push(text(format!("data: {}\n\n", chunk.join("\n\ndata: "))));
        script.push(Do::Pause(Duration::from_millis(2)));
    }
    script.push(Do::Hang);
    let server = Server::start(vec![script.clone()]).await;
    let mut request = request(&[7]);
    request.max_tokens = Some(50);
    let all = whole(engine(&server).start(request.clone()).remove(0)).await;
    let finish = all.finish.unwrap();
    assert_eq!((finish.reason, finish.usage.estimated), (FinishReason::Length, true));
    assert!((50..200).contains(&finish.usage.completion), "{:?}", finish.usage);
    assert_eq!((finish.usage.completion, all.notes.len()), (all.tokens, 1));

    // Where nobody asked for a limit, nothing is cut.
    request.max_tokens = None;
    let mut stream = engine(&server).start(request).remove(0);
    let mut tokens = 0;
    while tokens < 1_000 {
        match stream.next().await.unwrap().unwrap() {
            SampleEvent::Delta(delta) => tokens += delta.tokens,
            SampleEvent::Finish(_) => panic!("cut after {tokens}"),
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_longer_wait_than_allowed_is_passed_on() {
    let busy =
        text("HTTP/1.1 429 Too Many Requests\r\nretry-after: 30\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    let server = Server::start(vec![vec![busy]]).await;
    let begin = Instant::now();
    let all = with(&server, |_| {}).await;
    let error = all.error.unwrap();
    assert_eq!((error.status, error.retry_after), (Some(429), Some(Duration::from_secs(30))));
    assert!(error.retryable && error.elsewhere && begin.elapsed() < Duration::from_secs(2));
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_kept_connection_that_the_server_closed_is_replaced_without_an_attempt() {
    let scenario = Scenario::chat([Reply::events([CONTENT, END, "[DONE]"])]).closes_kept_connections();
    let server = outthink_testkit::server::Server::start(scenario);
    let mut options = OpenAiOptions::new(server.url());
    (options.model, options.max_retries) = (Some("m".into()), 0);
    let engine = OpenAiEngine::new(options).unwrap();
    for round in 0..3 {
        let all = whole(one(&engine)).await;
        assert_eq!(all.content, "4", "round {round}: {all:?}");
    }
    // Every connection but the first was made because a kept one was closed on a request.
    assert_eq!(server.connections(), 3);
}

#[tokio::test]
async fn a_server_is_asked_in_its_own_words() {
    for (dialect, effort, field) in [
        ("deepseek", Effort::None, "thinking"),
        ("qwen", Effort::High, "enable_thinking"),
        ("groq", Effort::Low, "reasoning_effort"),
    ] {
        let server = Server::start(vec![good()]).await;
        let mut options = options(&server);
        options.dialect = Dialect::by_name(dialect);
        let engine = OpenAiEngine::new(options).unwrap();
        assert!(engine.capabilities().effort);
        let mut request = request(&[7]);
        request.thinking.effort = Some(effort);
        whole(engine.start(request).remove(0)).await;
        assert!(body(&server.requests()[0]).get(field).is_some(), "{dialect}");
    }
    let all = sample(good()).await;
    assert_eq!(all.notes, Vec::<String>::new());
}

#[tokio::test]
async fn a_server_that_draws_one_sample_a_request_is_asked_for_each() {
    let server = Server::start(vec![refusal("'n' must be 1 for this model"), good()]).await;
    let mut options = options(&server);
    options.multiplex = true;
    let engine = OpenAiEngine::new(options).unwrap();
    for _ in 0..2 {
        let all = join_all(engine.start(request(&[1, 2])).into_iter().map(whole)).await;
        for sample in all {
            assert_eq!((sample.content.as_str(), sample.finish.is_some()), ("4", true), "{sample:?}");
        }
    }
    let sent: Vec<(Value, bool)> =
        server.requests().iter().map(|r| (body(r)["seed"].clone(), body(r)["n"].is_u64())).collect();
    assert_eq!((sent.len(), &sent[0]), (5, &(1.into(), true)), "{sent:?}");
    assert!(sent[1..].iter().all(|(_, n)| !n) && sent.iter().any(|(seed, _)| *seed == 2), "{sent:?}");
    assert!(!engine.capabilities().shared_prefill || engine.dialect().shared_prefill);
}

#[tokio::test]
async fn a_refusal_inside_a_stream_costs_nothing_and_is_learned_from() {
    let failure = r#"{"error":{"message":"unsupported parameter: seed","code":400}}"#;
    let server = Server::start(vec![events(&[failure]), good()]).await;
    let all = whole(one(&engine(&server))).await;
    assert_eq!((all.content.as_str(), all.lost.len(), all.notes.len()), ("4", 0, 1), "{all:?}");
    let failure = r#"{"error":{"message":"the prompt is too long","code":400}}"#;
    let server = Server::start(vec![events(&[failure])]).await;
    let all = whole(one(&engine(&server))).await;
    assert_eq!((all.error.unwrap().status, all.lost.len()), (Some(400), 0));
}

#[tokio::test]
async fn what_fails_before_words_may_do_elsewhere_unless_it_was_refused() {
    let in_stream = |error: &str| events(&[&format!(r#"{{"error":{error}}}"#)]);
    for (script, elsewhere) in [
        (in_stream(r#"{"message":"out of memory"}"#), true),
        (in_stream(r#"{"message":"too long","code":400}"#), false),
        (reply("200 OK", "text/html", "<html>"), true),
        (reply("401 Unauthorized", "application/json", "{}"), true),
        (reply("402 Payment Required", "application/json", "{}"), true),
        (reply("404 Not Found", "application/json", "{}"), true),
        (reply("422 Unprocessable", "application/json", "{}"), false),
        (reply("524 Timeout", "text/plain", "slow"), true),
        (events(&[CONTENT, r#"{"error":{"message":"out of memory"}}"#]), false),
    ] {
        let all = sample(script).await;
        let error = all.error.unwrap();
        assert_eq!(error.elsewhere, elsewhere, "{error}");
    }
}

#[tokio::test]
async fn a_member_is_not_asked_again_while_another_one_is_fit() {
    let good = Reply::events([CONTENT, END, "[DONE]"]);
    let refused = |status: u16| Reply::json(serde_json::json!({"error": {"message": "boom"}})).status(status);
    let overloaded = r#"{"error":{"message":"Overloaded","type":"overloaded_error"}}"#;
    let statuses = [302, 401, 403, 404, 405, 406, 408, 409, 410, 413, 415, 421, 423, 424, 425, 429, 431, 451, 499, 500];
    let statuses = statuses.into_iter().chain([501, 502, 503, 504, 520, 529, 599]).map(refused);
    let others = [Reply::events([overloaded]), Reply::wire([Do::Close])];
    for failing in statuses.chain(others) {
        let bad = outthink_testkit::server::Server::start(Scenario::chat([failing.clone()]));
        let other = outthink_testkit::server::Server::start(Scenario::chat([good.clone()]));
        let member = |server: &outthink_testkit::server::Server, tier| {
            let mut options = OpenAiOptions::new(server.url());
            options.model = Some("m".into());
            let engine = OpenAiEngine::new(options).unwrap();
            Member { tier, ..Member::new(server.url(), std::sync::Arc::new(engine)) }
        };
        let pool = PoolEngine::new(vec![member(&bad, 0), member(&other, 1)], PoolOptions::default()).unwrap();
        let begin = Instant::now();
        let all = whole(pool.start(request(&[7])).remove(0)).await;
        assert_eq!((all.content.as_str(), bad.requests().len()), ("4", 1), "{failing:?}: {all:?}");
        assert!(begin.elapsed() < Duration::from_millis(400), "{failing:?}: {:?}", begin.elapsed());
    }
    // Where there is no other, the last one is asked again.
    let bad = outthink_testkit::server::Server::start(Scenario::chat([refused(503), good]));
    let mut options = OpenAiOptions::new(bad.url());
    (options.model, options.max_retries) = (Some("m".into()), 1);
    let member = Member::new("only", std::sync::Arc::new(OpenAiEngine::new(options).unwrap()));
    let pool = PoolEngine::new(vec![member], PoolOptions::default()).unwrap();
    let all = whole(pool.start(request(&[7])).remove(0)).await;
    assert_eq!((all.content.as_str(), bad.requests().len()), ("4", 2), "{all:?}");
}

#[tokio::test]
async fn what_a_server_does_not_stream_is_asked_for_as_a_whole() {
    let message = r#"{"choices":[{"index":0,"message":{"content":"4"},"finish_reason":"stop"}],
        "usage":{"prompt_tokens":5,"completion_tokens":2},"prompt_logprobs":[null,{"5":{"logprob":-1.0}}]}"#;
    let whole_reply = || reply("200 OK", "application/json", message);
    let wav = serde_json::json!({"format": "wav", "voice": "alloy"});
    let beams = Value::Bool(true);
    // The client's field, what the server says against a stream, and whether each request asks for one: the same
    // request twice, then one without the field.
    for (field, complaint, streams) in [
        (Some(("prompt_logprobs", Value::from(1))), None, &[false, false, true][..]),
        (Some(("audio", wav)), None, &[false, false, true]),
        (
            Some(("use_beam_search", beams)),
            Some("use_beam_search is not available when stream=True"),
            &[true, false, false, true],
        ),
        (None, Some("streaming is not supported for this model"), &[true, false, false, false]),
        (
            None,
            Some("Unsupported value: 'stream' does not support true with this model. Supported values are: false."),
            &[true, false, false, false],
        ),
    ] {
        let scripts = complaint.map(refusal).into_iter().chain([whole_reply()]).collect();
        let server = Server::start(scripts).await;
        let mut options = options(&server);
        options.timeouts.first_token = Duration::from_secs(2);
        let engine = OpenAiEngine::new(options).unwrap();
        for with_field in [true, true, false] {
            let mut request = request(&[7]);
            if let Some((name, value)) = field.clone().filter(|_| with_field) {
                std::sync::Arc::make_mut(&mut request.prompt).extra.insert(name.into(), value);
            }
            let all = whole(engine.start(request).remove(0)).await;
            assert_eq!((all.content.as_str(), all.finish.unwrap().usage.completion), ("4", 2), "{complaint:?}");
            assert!(all.lost.is_empty() && all.notes.is_empty() && all.error.is_none());
            assert!(all.extra.iter().any(|extra| extra.contains_key("prompt_logprobs")), "{:?}", all.extra);
        }
        let bodies: Vec<Value> = server.requests().iter().map(|request| body(request)).collect();
        let asked: Vec<bool> = bodies.iter().map(|body| body["stream"] == true).collect();
        assert_eq!(asked, streams, "{complaint:?}");
        assert!(bodies.iter().all(|b| b["stream"] == true || b.get("stream_options").is_none()));
    }
}

#[tokio::test]
async fn a_whole_reply_may_come_later_than_a_first_token() {
    let message = r#"{"choices":[{"index":0,"message":{"content":"4"},"finish_reason":"stop"}]}"#;
    let mut slow = vec![Do::Pause(Duration::from_millis(400))];
    slow.extend(reply("200 OK", "application/json", message));
    let server = Server::start(vec![slow]).await;
    let mut options = options(&server);
    options.timeouts.first_token = Duration::from_millis(100);
    let mut request = request(&[7]);
    std::sync::Arc::make_mut(&mut request.prompt).extra.insert("prompt_logprobs".into(), 1.into());
    let all = whole(OpenAiEngine::new(options).unwrap().start(request).remove(0)).await;
    assert_eq!((all.content.as_str(), all.error), ("4", None));
}
