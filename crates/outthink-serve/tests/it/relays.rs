//! Requests that are passed on as they are.

use crate::common::serve;
use crate::http::{Reply, call};
use outthink_core::{Effort, Engine};
use outthink_engine::fake::{FakeOptions, FakeUpstream};
use outthink_engine::openai::{OpenAiEngine, OpenAiOptions};
use outthink_engine::pool::{Member, PoolEngine, PoolOptions};
use outthink_serve::{Limits, ServeOptions};
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

fn engine(url: &str) -> Arc<dyn Engine> {
    let options = OpenAiOptions { model: Some("fake".into()), max_retries: 0, ..OpenAiOptions::new(url) };
    Arc::new(OpenAiEngine::new(options).unwrap())
}

async fn complete(address: SocketAddr) -> Reply {
    let body = json!({"prompt": "Once", "max_tokens": 5, "stream": true}).to_string();
    call(address, "POST", "/v1/completions", &body).await
}

#[tokio::test]
async fn relays_wait_in_the_queue_of_their_model() {
    let fake = FakeOptions { pause: Duration::from_millis(20), ..FakeOptions::default() };
    let fake = FakeUpstream::start("127.0.0.1:0", fake).await.unwrap();
    let limits = Limits { in_flight: 1, waiting: 2, ..Limits::default() };
    let options = ServeOptions::new(vec![engine(&fake.url())]).with_default_effort(Effort::None);
    let address = serve(ServeOptions { limits, ..options }).await;
    let look = async {
        let mut most = 0;
        loop {
            most = most.max(fake.books().total().open);
            if fake.books().total().calls == 3 && fake.books().total().open == 0 {
                return most;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let (first, second, third, most) = tokio::join!(
        complete(address),
        complete(address),
        complete(address),
        tokio::time::timeout(Duration::from_secs(20), look)
    );
    assert_eq!((first.status, second.status, third.status), (200, 200, 200));
    assert!(third.body.ends_with("data: [DONE]\n\n"), "{}", third.body);
    assert_eq!(most.unwrap(), 1, "one at a time");
}

#[tokio::test]
async fn another_member_of_a_pool_takes_a_relay_that_fails_before_its_reply() {
    let fake = FakeUpstream::start("127.0.0.1:0", FakeOptions::default()).await.unwrap();
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let members = [format!("http://{gone}/v1"), fake.url()].map(|url| Member::new(url.clone(), engine(&url)));
    let pool = Arc::new(PoolEngine::new(members.to_vec(), PoolOptions::default()).unwrap());
    let options = ServeOptions::new(vec![pool.clone()]).with_default_effort(Effort::None);
    let address = serve(options).await;
    for number in 0..8 {
        // Members are preferred by the text, so that some of these go to the one that is gone.
        let body = json!({"model": "fake", "input": format!("text {number}")}).to_string();
        let reply = call(address, "POST", "/v1/embeddings", &body).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        assert!(reply.json()["data"][0]["embedding"].is_array());
    }
    let report = pool.report();
    assert!(report[0].failures > 0.5 && report[1].failures == 0.0, "{report:?}");
    assert!(report.iter().all(|member| member.outstanding == 0), "{report:?}");
}

/// A gateway before a fake server that has `model`.
async fn passing() -> (FakeUpstream, SocketAddr) {
    let fake = FakeUpstream::start("127.0.0.1:0", FakeOptions::default()).await.unwrap();
    let options = ServeOptions::new(vec![engine(&fake.url())]).with_default_effort(Effort::None);
    let address = serve(options).await;
    (fake, address)
}

#[tokio::test]
async fn a_stream_has_no_chunk_that_was_not_asked_for() {
    let (_fake, address) = passing().await;
    for (options, asked) in [
        (json!({}), false),
        (json!({"stream_options": {"include_usage": false}}), false),
        (json!({"stream_options": {"include_usage": true}}), true),
    ] {
        let mut body = json!({"prompt": "Once", "max_tokens": 5, "stream": true});
        for (key, value) in crate::common::object(options) {
            body[key] = value;
        }
        let reply = call(address, "POST", "/v1/completions", &body.to_string()).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        let usage = reply.events().iter().filter(|e| e["choices"] == json!([])).count();
        assert_eq!(usage, usize::from(asked), "{body}: {}", reply.body);
    }
}

#[tokio::test]
async fn fields_of_the_wrong_type_are_named_and_nothing_is_passed_on() {
    let (fake, address) = passing().await;
    for (fields, param) in [
        (json!({"max_tokens": "9"}), "max_tokens"),
        (json!({"n": "5"}), "n"),
        (json!({"stream": 1}), "stream"),
        (json!({"max_tokens": 5, "n_predict": 500}), "n_predict"),
        (json!({"model": 3}), "model"),
    ] {
        let reply = call(address, "POST", "/v1/completions", &fields.to_string()).await;
        assert_eq!((reply.status, reply.json()["error"]["param"].as_str()), (400, Some(param)), "{}", reply.body);
    }
    let reply = call(address, "POST", "/v1/embeddings", r#"{"input": "x", "model": 3}"#).await;
    assert_eq!((reply.status, reply.json()["error"]["param"].as_str()), (400, Some("model")));
    assert_eq!(fake.books().total().calls, 0);
}
