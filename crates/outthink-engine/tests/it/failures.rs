//! What goes wrong between us and a server.

use crate::server::{Do, Server, events, reply, stream_head, text};
use crate::{KEY, Whole, engine, one, options, request, sample, whole};
use outthink_core::{Engine as _, EngineError, FinishReason, Origin};
use outthink_engine::openai::{OpenAiEngine, OpenAiOptions};
use std::time::{Duration, Instant};

const CONTENT: &str = r#"{"choices":[{"index":0,"delta":{"content":"4"}}]}"#;
const END: &str = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;

fn error(all: &Whole) -> &EngineError {
    all.error.as_ref().unwrap()
}

#[tokio::test]
async fn what_is_no_stream_is_said_so() {
    let page = "<html><body>Welcome</body></html>";
    for (kind, body) in [
        ("text/html; charset=utf-8", page),
        ("text/plain", page),
        ("application/json", r#"{"hello":1}"#),
        ("text/event-stream", ""),
    ] {
        let all = sample(reply("200 OK", kind, body)).await;
        let error = error(&all);
        assert_eq!(error.origin, Origin::Engine);
        assert!(error.to_string().contains("/v1"), "{kind}: {error}");
    }
    let all = sample(reply("404 Not Found", "text/html", page)).await;
    assert_eq!(error(&all).status, Some(404));
    assert!(error(&all).to_string().contains("/v1"));
}

#[tokio::test]
async fn broken_json_and_half_an_event() {
    // One event costs nobody the sample, where others can be read.
    let all = sample(events(&[CONTENT, r#"{"choices":[{"#, END])).await;
    assert_eq!((all.content.as_str(), all.error.as_ref()), ("4", None));
    let all = sample(events(&[r#"{"choices":[{"#, "[DONE]"])).await;
    assert!(error(&all).message.contains("not a JSON object") && !error(&all).retryable);

    let mut script = events(&[CONTENT]);
    script.push(text(r#"data: {"choices":[{"index":0,"del"#));
    let all = sample(script).await;
    assert_eq!(all.content, "4");
    assert!(error(&all).message.contains("finish reason") && !error(&all).retryable);
}

#[tokio::test]
async fn an_end_without_a_finish_reason_is_an_error_unless_the_server_says_that_it_is_over() {
    let server = Server::start(vec![events(&[CONTENT])]).await;
    let all = whole(one(&engine(&server))).await;
    assert!(error(&all).message.contains("finish reason") && !error(&all).retryable);
    assert_eq!(server.requests().len(), 1, "no retry after content");
    let all = sample(events(&[CONTENT, "[DONE]"])).await;
    assert_eq!((all.content.as_str(), all.finish.unwrap().reason), ("4", FinishReason::Unknown));
}

#[tokio::test]
async fn an_event_named_error_is_one() {
    let mut script = events(&[CONTENT]);
    script.push(text("event: error\ndata: {\"message\":\"boom\",\"type\":\"server_error\"}\n\n"));
    let all = sample(script).await;
    assert_eq!((all.content.as_str(), error(&all).status), ("4", Some(500)));
    assert!(error(&all).message.contains("boom"));
}

#[tokio::test]
async fn a_wait_longer_than_a_client_is_held_is_not_begun() {
    let busy = text("HTTP/1.1 429 Busy\r\nretry-after: 8\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    let server = Server::start(vec![vec![busy], events(&[CONTENT, END, "[DONE]"])]).await;
    let begin = Instant::now();
    let all = whole(one(&engine(&server))).await;
    assert_eq!((error(&all).status, error(&all).retry_after), (Some(429), Some(Duration::from_secs(8))));
    assert!(begin.elapsed() < Duration::from_secs(2) && server.requests().len() == 1);
}

#[tokio::test]
async fn an_error_inside_the_stream_is_not_retried_after_content() {
    let failure = format!(r#"{{"error":{{"message":"out of memory {KEY}","code":503}}}}"#);
    let server = Server::start(vec![events(&[CONTENT, &failure])]).await;
    let all = whole(one(&engine(&server))).await;
    assert_eq!(all.content, "4");
    assert!(error(&all).message.contains("out of memory ***") && !error(&all).retryable);
    assert_eq!(server.requests().len(), 1);

    let server = Server::start(vec![events(&[&failure]), events(&[CONTENT, END])]).await;
    let all = whole(one(&engine(&server))).await;
    assert_eq!((all.content.as_str(), server.requests().len()), ("4", 2));
}

#[tokio::test]
async fn too_many_requests_are_repeated_when_the_server_says() {
    let busy =
        text("HTTP/1.1 429 Too Many Requests\r\nretry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    let server = Server::start(vec![vec![busy], events(&[CONTENT, END, "[DONE]"])]).await;
    let begin = Instant::now();
    let all = whole(one(&engine(&server))).await;
    assert_eq!(all.content, "4");
    assert!(all.finish.is_some() && begin.elapsed() >= Duration::from_secs(1));
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[0], requests[1]);
}

#[tokio::test]
async fn a_wait_beyond_the_total_limit_is_not_begun() {
    let busy = text("HTTP/1.1 503 Busy\r\nretry-after: 3600\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    let server = Server::start(vec![vec![busy]]).await;
    let begin = Instant::now();
    let all = whole(one(&engine(&server))).await;
    assert_eq!((error(&all).status, error(&all).retryable), (Some(503), true));
    assert!(begin.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn the_callers_faults_and_the_keys_are_told_apart() {
    let body = format!(r#"{{"error":{{"message":"wrong: {KEY}"}}}}"#);
    for (status, origin) in [("400 Bad Request", Origin::Caller), ("401 Unauthorized", Origin::Engine)] {
        let server = Server::start(vec![reply(status, "application/json", &body)]).await;
        let all = whole(one(&engine(&server))).await;
        assert_eq!(error(&all).origin, origin);
        assert!(error(&all).message.contains("wrong: ***"));
        assert_eq!(server.requests().len(), 1, "{status} is not retried");
    }
}

#[tokio::test]
async fn every_phase_has_its_own_timeout() {
    let short = Duration::from_millis(150);
    let mut stalled = events(&[CONTENT]);
    stalled.push(Do::Hang);
    let mut dripping = vec![stream_head()];
    for _ in 0..50 {
        dripping.extend([Do::Pause(short / 3), text(format!("data: {CONTENT}\n\n"))]);
    }
    for (script, words, content) in [
        (vec![Do::Hang], "no first token", false),
        (vec![stream_head(), Do::Hang], "no first token", false),
        (vec![stream_head(), text(": ping\n\n"), Do::Hang], "no first token", false),
        (stalled, "nothing more came", true),
        (dripping, "did not end", true),
    ] {
        let server = Server::start(vec![script]).await;
        let mut options = options(&server);
        options.timeouts.first_token = short;
        options.timeouts.idle = short;
        options.timeouts.total = short * 4;
        let all = whole(one(&OpenAiEngine::new(options).unwrap())).await;
        assert!(error(&all).message.contains(words), "{words}: {:?}", error(&all));
        assert_eq!(error(&all).retryable, !content);
        assert_eq!(server.requests().len(), 1, "a timeout is not retried here");
    }
}

/// An engine that sends pieces of one reply is at work, and has the others in its queue.
#[tokio::test]
async fn a_request_waits_in_the_queue_of_an_engine_that_works() {
    let limit = Duration::from_millis(300);
    let mut dripping = vec![stream_head()];
    for _ in 0..12 {
        dripping.extend([Do::Pause(limit / 3), text(format!("data: {CONTENT}\n\n"))]);
    }
    dripping.push(text(format!("data: {END}\n\ndata: [DONE]\n\n")));
    let queued = |head: bool| {
        let mut script = if head { vec![stream_head()] } else { vec![] };
        script.push(Do::Pause(limit * 3));
        script.extend(events(&[CONTENT, END, "[DONE]"]).into_iter().skip(usize::from(head)));
        script
    };
    let server = Server::start(vec![dripping, queued(false), queued(true), vec![Do::Hang]]).await;
    let mut options = options(&server);
    options.timeouts.first_token = limit;
    let engine = OpenAiEngine::new(options).unwrap();
    let first = tokio::spawn(whole(one(&engine)));
    let mut later = Vec::new();
    for waiting in 2..=4 {
        tokio::time::timeout(Duration::from_secs(5), async {
            while server.requests().len() < waiting - 1 {
                tokio::time::sleep(limit / 20).await;
            }
        })
        .await
        .unwrap();
        later.push(tokio::spawn(whole(one(&engine))));
    }
    let began = Instant::now();
    assert!(first.await.unwrap().error.is_none());
    let (hung, answered) = (later.pop().unwrap().await.unwrap(), later);
    for all in answered {
        let all = all.await.unwrap();
        assert_eq!((all.content.as_str(), &all.error), ("4", &None));
    }
    // The limit counts from the last piece of the others.
    assert!(error(&hung).message.contains("no first token") && began.elapsed() >= limit * 3, "{hung:?}");
}

#[tokio::test]
async fn nobody_there_is_said_without_the_address() {
    let mut options = OpenAiOptions::new("http://user:hunter2@127.0.0.1:9");
    options.model = Some("m".into());
    options.max_retries = 1;
    let engine = OpenAiEngine::new(options).unwrap();
    let all = whole(engine.start(request(&[1])).remove(0)).await;
    assert!(error(&all).message.contains("no connection") && error(&all).retryable);
    assert!(!error(&all).to_string().contains("hunter2"));
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_said_to_be_unreachable() {
    let server = Server::start(vec![vec![text("HTTP/1.1 400 Bad Request\r\n\r\n")]]).await;
    let mut options = options(&server);
    options.base_url = server.url().replace("http:", "https:");
    options.max_retries = 0;
    let all = whole(one(&OpenAiEngine::new(options).unwrap())).await;
    assert!(error(&all).message.contains("no connection"), "{:?}", error(&all));
}
