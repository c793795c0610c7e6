//! Requests that are passed on as they are.

use crate::common::serve;
use crate::http::{Reply, call};
use crate::played::Bank;
use outthink_core::{Effort, Engine, Price};
use outthink_engine::openai::{OpenAiEngine, OpenAiOptions};
use outthink_engine::pool::{Member, PoolEngine, PoolOptions};
use outthink_serve::{Limits, ServeOptions};
use outthink_testkit::server::{Reply as Sent, Scenario, Server, Steady, Step};
use serde_json::{Value, json};
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

/// What a request costs: $1 for a million tokens of the prompt, $2 for a million generated.
fn priced(server: &Server, model: &str, dollars: f64) -> Arc<dyn Engine> {
    let price = Price::per_million_usd(dollars, dollars, 2.0 * dollars).unwrap();
    let options =
        OpenAiOptions { model: Some(model.into()), max_retries: 0, price, ..OpenAiOptions::new(server.url()) };
    Arc::new(OpenAiEngine::new(options).unwrap())
}

fn piece(text: &str) -> String {
    json!({"choices": [{"index": 0, "text": text, "finish_reason": null}]}).to_string()
}

fn streamed(pieces: impl IntoIterator<Item = String>) -> Sent {
    let end = json!({"choices": [{"index": 0, "text": "", "finish_reason": "stop"}]}).to_string();
    Sent::events(pieces.into_iter().chain([end, "[DONE]".to_owned()]))
}

/// A gateway with a key of so much a day before a server that answers completions so.
async fn paid(nano: u64, reply: Sent) -> (Server, Bank) {
    let server = Server::start(Scenario::default().on(Scenario::COMPLETIONS, [reply]));
    let bank = Bank::open(nano, priced(&server, "m", 1.0)).await;
    (server, bank)
}

#[tokio::test]
async fn no_reply_that_is_passed_on_exceeds_the_budget() {
    const BUDGET: u64 = 1_000_000;
    let words = || (0..8_000).map(|_| piece("word "));
    let usages = (0..8_000).map(|n| {
        let usage = json!({"prompt_tokens": 1, "completion_tokens": 10 * n});
        json!({"choices": [{"index": 0, "text": "word "}], "usage": usage}).to_string()
    });
    let chat = (0..8_000).map(|_| json!({"choices": [{"index": 0, "delta": {"content": "word "}}]}).to_string());
    let foreign = (0..8_000).map(|_| json!({"content": "word ", "stop": false}).to_string());
    let large = "word ".repeat(8_000);
    let whole = json!({"choices": [{"index": 0, "text": large, "finish_reason": "stop"}]});
    for (name, reply) in [
        ("pieces", streamed(words())),
        ("one large piece", streamed([piece(&large)])),
        (
            "all in one write",
            Sent::body("text/event-stream", words().fold(String::new(), |all, p| all + "data: " + &p + "\n\n")),
        ),
        ("usage in each piece", streamed(usages)),
        ("in the words of chat", streamed(chat)),
        ("in other words", streamed(foreign)),
        ("not JSON", streamed([large.clone()])),
        (
            "an event without an end",
            Sent::bytes("text/event-stream", [Step::raw(format!("data: {}", "word ".repeat(400_000)))]),
        ),
        ("in one piece", Sent::json(whole)),
    ] {
        for limit in [Some(50), None] {
            for stream in [true, false] {
                let (server, bank) = paid(BUDGET, reply.clone()).await;
                let mut body = json!({"prompt": "Once", "stream": stream});
                if let Some(limit) = limit {
                    body["max_tokens"] = limit.into();
                }
                let told = bank.post("/v1/completions", &body).await;
                let case = format!("{name}, limit {limit:?}, stream {stream}");
                let spent = bank.spent().await;
                assert!(spent <= BUDGET, "{case}: {spent}");
                // 500 tokens are all that the budget pays for.
                assert!(told.body.matches("word ").count() <= 500, "{case}: {}", told.body.len());
                assert!(
                    told.status == 429 || told.body.contains("\"length\""),
                    "{case}: {} {}",
                    told.status,
                    told.body
                );
                assert!(server.until(|total| total.open == 0).await, "{case}");
            }
        }
    }
}

#[tokio::test]
async fn a_stream_beyond_its_limit_is_cut_and_one_within_it_is_whole() {
    // Without usage a letter counts as a token, as in chat.
    for (pieces, whole, tokens) in [
        (vec!["word "; 8_000], false, 60),
        (vec!["word "; 50], true, 50),
        (vec!["w"; 150], true, 150),
        (vec![" international business"; 25], true, 150),
    ] {
        let (_server, bank) = paid(1_000_000_000, streamed(pieces.iter().map(|text| piece(text)))).await;
        let told = bank.post("/v1/completions", &json!({"prompt": "Once", "max_tokens": 50, "stream": true})).await;
        let events = told.events();
        let ends = events.last().unwrap()["choices"][0]["finish_reason"] == "stop";
        assert_eq!(ends, whole, "{:?}: {}", pieces[0], events.len());
        assert!(bank.spent().await <= tokens * 2_000 + 20_000, "{:?}", pieces[0]);
    }
}

#[tokio::test]
async fn without_usage_texts_are_counted_as_chat_counts_them_and_bytes_are_no_tokens() {
    let text = "word ".repeat(5_000);
    let whole = Sent::json(json!({"choices": [{"index": 0, "text": text, "finish_reason": "stop"}]}));
    let pieces = || streamed((0..5_000).map(|_| piece("word ")));
    let vectors = Sent::json(json!({"object": "list", "data": [{"index": 0, "embedding": [0.5, 0.25]}]}));
    let long = "word ".repeat(50_000);
    for (path, reply, body, cost) in [
        ("/v1/completions", &whole, json!({"prompt": "Once"}), 12_500_000),
        ("/v1/completions", &whole, json!({"prompt": "Once", "stream": true}), 12_500_000),
        ("/v1/completions", &pieces(), json!({"prompt": "Once"}), 10_000_000),
        ("/v1/completions", &pieces(), json!({"prompt": "Once", "stream": true}), 10_000_000),
        ("/v1/completions", &pieces(), json!({"prompt": long, "stream": true}), 72_500_000),
        ("/v1/completions", &whole, json!({"prompt": vec![7; 1_000], "max_tokens": 9_000}), 13_500_000),
        ("/v1/embeddings", &vectors, json!({"input": long}), 62_500_000),
        ("/v1/embeddings", &vectors, json!({"input": [vec![7; 1_000], vec![7; 1_000]]}), 2_000_000),
    ] {
        let scenario = Scenario::default().on(Scenario::COMPLETIONS, [reply.clone()]);
        let server = Server::start(scenario.on(Scenario::EMBEDDINGS, [reply.clone()]));
        let bank = Bank::with(outthink_ledger::Limits::default(), priced(&server, "m", 1.0)).await;
        let told = bank.post(path, &body).await;
        assert_eq!(told.status, 200, "{}", told.body);
        let spent = bank.spent().await;
        assert!((cost..cost + 20_000).contains(&spent), "{path} {cost}: {spent}");
    }
}

#[tokio::test]
async fn who_leaves_a_reply_in_one_piece_pays_the_prompt_in_tokens() {
    let (server, bank) = paid(1_000_000_000, Sent::text("late").after(Duration::from_mins(5))).await;
    let body = json!({"prompt": "word ".repeat(50_000), "max_tokens": 5}).to_string();
    let call = crate::http::call_as(bank.address, &bank.secret, "/v1/completions", &body);
    assert!(tokio::time::timeout(Duration::from_millis(500), call).await.is_err());
    let spent = bank.spent().await;
    assert!((62_500_000..62_600_000).contains(&spent), "{spent}");
    assert!(server.until(|total| total.open == 0).await);
}

#[tokio::test]
async fn each_member_is_asked_by_its_own_name_and_charges_its_own_price() {
    let usage = json!({"prompt_tokens": 1_000, "completion_tokens": 0, "total_tokens": 1_000});
    let whole = Sent::json(json!({"choices": [{"index": 0, "text": "a"}], "data": [], "usage": usage}));
    let served =
        || Scenario::default().on(Scenario::COMPLETIONS, [whole.clone()]).on(Scenario::EMBEDDINGS, [whole.clone()]);
    let gone = Sent::error(503, "down", "server_error", "down");
    for down in [false, true] {
        let first = if down { Scenario::default().on(Scenario::ANY, [gone.clone()]) } else { served() };
        let (first, second) = (Server::start(first), Server::start(served()));
        let tier = |tier: u32, member: Member| Member { tier, ..member };
        let members = vec![
            Member::new("small", priced(&first, "org/small-v2", 1.0)),
            tier(1, Member::new("large", priced(&second, "org/large-v1", 10.0))),
        ];
        let pool = Arc::new(PoolEngine::new(members, PoolOptions::default()).unwrap());
        let bank = Bank::open(1_000_000_000, pool).await;
        for path in [Scenario::COMPLETIONS, Scenario::EMBEDDINGS] {
            let before = bank.spent().await;
            let (prompt, large) = ("Once", "123456789012345678901234567890");
            let body = format!(
                r#"{{"model":"outthink","prompt":"{prompt}","input":"{prompt}","max_tokens":5,"own":{large}}}"#
            );
            let told = crate::http::call_as(bank.address, &bank.secret, path, &body).await;
            assert_eq!(told.status, 200, "{}", told.body);
            let (works, name, price) =
                if down { (&second, "org/large-v1", 10_000) } else { (&first, "org/small-v2", 1_000) };
            assert_eq!(bank.spent().await - before, 1_000 * price, "{path}, down {down}");
            let asked = works.requests().into_iter().rfind(|request| request.path == path).unwrap();
            assert_eq!((&asked.json()["model"], &asked.json()["prompt"]), (&json!(name), &json!(prompt)));
            assert!(String::from_utf8_lossy(&asked.body).contains(large), "numbers are passed on as they are");
        }
    }
}

#[tokio::test]
async fn the_usage_of_a_stream_is_not_asked_for_where_the_server_refuses_that() {
    for words in ["Unknown field: stream_options", "extra_forbidden: include_usage"] {
        let scenario = Scenario::default().on_by(Scenario::COMPLETIONS, move |_, request| {
            if request.json()["stream_options"]["include_usage"] == true {
                Sent::error(400, words, "invalid_request_error", Value::Null)
            } else {
                streamed([piece("word ")])
            }
        });
        let server = Server::start(scenario);
        let engine = priced(&server, "m", 1.0);
        let address = serve(ServeOptions::new(vec![engine]).with_default_effort(Effort::None)).await;
        for (asks, status, requests) in
            [(json!({}), 200, 2), (json!({}), 200, 3), (json!({"include_usage": true}), 400, 4)]
        {
            let body = json!({"prompt": "Once", "stream": true, "stream_options": asks}).to_string();
            let told = call(address, "POST", "/v1/completions", &body).await;
            assert_eq!((told.status, server.requests().len()), (status, requests), "{}", told.body);
        }
    }
}
