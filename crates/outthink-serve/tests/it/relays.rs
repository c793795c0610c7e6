//! Requests that are passed on as they are.

use crate::common::serve;
use crate::http::{Reply, call};
use outthink_core::{Effort, Engine};
use outthink_engine::openai::{OpenAiEngine, OpenAiOptions};
use outthink_engine::pool::{Member, PoolEngine, PoolOptions};
use outthink_serve::{Limits, ServeOptions};
use outthink_testkit::server::{Scenario, Server, Steady};
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
    let fake = Steady { pause: Duration::from_millis(20), ..Steady::default() };
    let fake = Server::start(Scenario::steady(fake));
    let limits = Limits { in_flight: 1, waiting: 2, ..Limits::default() };
    let options = ServeOptions::new(vec![engine(&fake.url())]).with_default_effort(Effort::None);
    let address = serve(ServeOptions { limits, ..options }).await;
    let look = async {
        let mut most = 0;
        loop {
            most = most.max(fake.accounts().total().open);
            if fake.accounts().total().calls == 3 && fake.accounts().total().open == 0 {
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
    let fake = Server::start(Scenario::steady(Steady::default()));
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
