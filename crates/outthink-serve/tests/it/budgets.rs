//! Keys with budgets: what is claimed, what is spent, and that neither exceeds the other.

use crate::ask;
use crate::common::object;
use crate::http::call_as;
use crate::played::{Act, Bank, engine, says};
use outthink_core::{Capabilities, Cost, Engine, FinishReason, ModelInfo, Price, SampleRequest, SampleStream, Source};
use outthink_engine::openai::{OpenAiEngine, OpenAiOptions};
use outthink_ledger::Limits;
use outthink_testkit::server::{Scenario, Server, Steady};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::AsyncWriteExt;

/// A sample of so many one-token pieces.
fn long(tokens: usize) -> Vec<Act> {
    let mut acts: Vec<Act> = (0..tokens).map(|_| Act::content("word ")).collect();
    acts.push(Act::End(FinishReason::Stop));
    acts
}

/// As `long`, and as slow as needed for others to run at the same time.
fn long_and_slow(tokens: usize) -> Vec<Act> {
    let mut acts = Vec::new();
    for at in 0..tokens {
        acts.push(Act::content("word "));
        if at % 100 == 99 {
            acts.push(Act::Wait(Duration::from_millis(5)));
        }
    }
    acts.push(Act::End(FinishReason::Stop));
    acts
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_allow_themselves_much_do_not_starve_the_budget() {
    // Each may cost 256,000,000 by its own limit; the budget is 100,000,000 and each costs 408,000.
    let bank = Arc::new(Bank::open(100_000_000, engine(|_, _| long_and_slow(200))).await);
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let bank = Arc::clone(&bank);
        running.spawn(async move { bank.chat(&ask(json!({"max_tokens": 128_000}))).await.status });
    }
    assert!(running.join_all().await.iter().all(|status| *status == 200));
    assert_eq!(bank.spent().await, 20 * (10 - 4 + 2 + 2 * 200) * 1_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn long_replies_grow_their_claims_and_no_budget_is_exceeded() {
    // Pays for some 12,000 tokens; the requests want 6 x 4,000.
    let limit = 24_000_000;
    let bank = Arc::new(Bank::open(limit, engine(|_, _| long_and_slow(4_000))).await);
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let bank = Arc::clone(&bank);
        running.spawn(async move { bank.chat(&ask(json!({"max_tokens": 100_000}))).await });
    }
    let mut cut = 0;
    let done = Arc::new(AtomicBool::new(false));
    let watch = {
        let (bank, done) = (Arc::clone(&bank), Arc::clone(&done));
        tokio::spawn(async move {
            while !done.load(Ordering::SeqCst) {
                let (spent, reserved) = bank.standing().await;
                assert!(spent + reserved <= limit, "{spent} + {reserved}");
                tokio::time::sleep(Duration::from_millis(3)).await;
            }
        })
    };
    for reply in running.join_all().await {
        assert!(matches!(reply.status, 200 | 429), "{}", reply.body);
        if reply.status == 200 && reply.json()["outthink"]["stop_reason"] == "budget_spent" {
            assert_eq!(reply.json()["choices"][0]["finish_reason"], "length");
            assert!(reply.json()["choices"][0]["message"]["content"].as_str().unwrap().starts_with("word "));
            cut += 1;
        }
    }
    done.store(true, Ordering::SeqCst);
    watch.await.expect("the budget held all the time");
    assert!(cut > 0);
    let spent = bank.spent().await;
    assert!((limit / 2..=limit).contains(&spent), "{spent}");
}

#[tokio::test]
async fn without_a_limit_the_engine_gets_what_the_budget_pays_for() {
    let asked = engine(|_, _| says("hi"));
    let bank = Bank::open(10_000_000, asked.clone()).await;
    assert_eq!(bank.chat(&ask(json!({}))).await.status, 200);
    let most = asked.last_request().max_tokens.unwrap();
    // $2 for a million tokens, and the prompt comes off.
    assert!((4_000..5_000).contains(&most), "{most}");
    // Nobody's budget, nobody's limit.
    let asked = engine(|_, _| says("hi"));
    let free = Bank::with(Limits::default(), asked.clone()).await;
    assert_eq!(free.chat(&ask(json!({}))).await.status, 200);
    assert_eq!(asked.last_request().max_tokens, None);
}

#[tokio::test]
async fn images_by_address_weigh_in_the_claim() {
    let asked = engine(|_, _| says("a cat"));
    let bank = Bank::open(4_000_000, asked.clone()).await;
    let image = json!({"type": "image_url", "image_url": {"url": "https://a.example/cat.png"}});
    let images = vec![image; 60];
    let reply = bank.chat(&json!({"messages": [{"role": "user", "content": images}], "max_tokens": 10})).await;
    assert_eq!(reply.status, 429, "{}", reply.body);
    assert_eq!(reply.json()["error"]["code"], "insufficient_quota");
    assert_eq!((asked.started(), bank.spent().await), (0, 0));
}

#[tokio::test]
async fn what_is_no_text_weighs_in_the_claim_whatever_it_is_called() {
    let user = |part: serde_json::Value| json!({"role": "user", "content": [{"type": "text", "text": "a"}, part]});
    let ask = |message: serde_json::Value| json!({"messages": [message, {"role": "user", "content": "What is it?"}], "max_tokens": 10});
    let file = "https://a.example/b";
    for (path, body) in [
        (Scenario::CHAT, ask(user(json!({"type": "image_url", "image_url": {"url": file}})))),
        (Scenario::CHAT, ask(user(json!({"type": "image_file", "image_file": {"file_id": "file-1"}})))),
        (Scenario::CHAT, ask(user(json!({"type": "file_url", "file_url": file})))),
        (Scenario::CHAT, ask(user(json!({"type": "document_url", "document_url": file})))),
        (Scenario::CHAT, ask(user(json!({"image_url": {"url": file}})))),
        (Scenario::CHAT, ask(json!({"role": "user", "content": "a", "images": ["AAAA"]}))),
        (Scenario::CHAT, ask(json!({"role": "assistant", "content": null, "audio": {"id": "audio_1"}}))),
        (Scenario::EMBEDDINGS, json!({"input": [{"image": file}]})),
        (Scenario::EMBEDDINGS, json!({"input": [{"content": [{"type": "image_url", "image_url": {"url": file}}]}]})),
        (Scenario::EMBEDDINGS, ask(user(json!({"type": "image_url", "image_url": {"url": file}})))),
        (Scenario::EMBEDDINGS, json!({"images": [file]})),
        (Scenario::COMPLETIONS, json!({"prompt": "a", "images": ["AAAA"], "max_tokens": 10})),
    ] {
        let (server, engine) = served(Steady::default());
        let poor = Bank::open(10_000_000, engine.clone()).await;
        let reply = poor.post(path, &body).await;
        assert_eq!((reply.status, server.accounts().total().calls), (429, 0), "{path} {body}: {}", reply.body);
        let rich = Bank::open(1_000_000_000, engine).await;
        let reply = rich.post(path, &body).await;
        assert_eq!(reply.status, 200, "{path} {body}: {}", reply.body);
    }
}

#[tokio::test]
async fn what_is_sent_along_weighs_in_the_claim() {
    for extra in [
        json!({"prediction": {"type": "content", "content": "x".repeat(9_000)}}),
        json!({"response_format": {"type": "json_schema", "json_schema": {"description": "x".repeat(18_000)}}}),
        json!({"tools": [{"type": "function", "function": {"name": "f", "description": "x".repeat(18_000)}}]}),
    ] {
        let asked = engine(|_, _| says("hi"));
        let bank = Bank::open(4_000_000, asked.clone()).await;
        let mut body = ask(json!({"max_tokens": 10}));
        assert_eq!(bank.chat(&body).await.status, 200);
        for (key, value) in object(extra) {
            body[key] = value;
        }
        assert_eq!(bank.chat(&body).await.status, 429, "{body}");
        assert_eq!(asked.started(), 1, "the first one alone");
    }
}

#[tokio::test]
async fn a_server_that_ignores_the_limit_is_cut() {
    let asked = engine(|_, _| long(5_000));
    let bank = Bank::open(1_000_000_000, asked.clone()).await;
    let reply = bank.chat(&ask(json!({"max_tokens": 50}))).await.json();
    assert_eq!(reply["choices"][0]["finish_reason"], "length");
    let drawn = reply["usage"]["completion_tokens"].as_u64().unwrap();
    assert!((50..100).contains(&drawn), "{drawn}");
    let notes = reply["outthink"]["notes"].to_string();
    assert!(notes.contains("ignored the limit"), "{notes}");
    assert_eq!(asked.live(), 0);
}

#[tokio::test]
async fn many_samples_claim_as_they_begin_and_the_bill_is_exact() {
    let bank = Bank::open(100_000_000, engine(|_, _| long(300))).await;
    let own = json!({"strategy": "self-consistency", "samples": 12});
    let reply = bank.chat(&ask(json!({"outthink": own}))).await.json();
    assert_eq!(reply["outthink"]["samples_drawn"], 12, "{reply}");
    assert_eq!(bank.spent().await, reply["outthink"]["cost_nano_usd"].as_u64().unwrap());
}

#[tokio::test]
async fn rewards_count_as_requests_of_their_key() {
    let limits = Limits { requests_per_minute: Some(2), ..Limits::default() };
    let bank = Bank::with(limits, engine(|_, _| says("hi"))).await;
    let body = json!({"items": [{"completion": "4", "gold": "4"}]}).to_string();
    let mut statuses = Vec::new();
    for _ in 0..5 {
        statuses.push(call_as(bank.address, &bank.secret, "/v1/rewards", &body).await.status);
    }
    // A minute of the clock may end in between.
    assert!(statuses.contains(&429) && statuses[0] == 200, "{statuses:?}");
    assert_eq!(bank.spent().await, 0);
}

/// An engine behind which a model may work that costs ten times as much.
struct WithFallback(Arc<outthink_testkit::engine::Scripted>);

impl Engine for WithFallback {
    fn model(&self) -> &ModelInfo {
        self.0.model()
    }

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    fn price_bound(&self) -> Price {
        Price::per_million_usd(10.0, 10.0, 20.0).unwrap()
    }

    fn start(&self, request: SampleRequest) -> Vec<SampleStream> {
        self.0.start(request)
    }
}

#[tokio::test]
async fn a_fallback_is_claimed_at_its_price_and_paid_at_that_of_who_worked() {
    let asked = engine(|_, _| says("hi"));
    let body = ask(json!({"max_tokens": 100}));
    // 100 tokens cost 200,000 here and 2,000,000 there.
    let poor = Bank::open(1_500_000, Arc::new(WithFallback(asked.clone()))).await;
    assert_eq!((poor.chat(&body).await.status, asked.started()), (429, 0));
    let large =
        Source { model: "large".into(), member: None, price: Price::per_million_usd(10.0, 10.0, 20.0).unwrap() };
    let asked = engine(move |_, _| [vec![Act::Started(large.clone())], says("hi")].concat());
    let rich = Bank::open(10_000_000, Arc::new(WithFallback(asked))).await;
    let receipt = rich.chat(&body).await.json()["outthink"].clone();
    assert_eq!(receipt["cost_nano_usd"], 10 * 10_000 + 20_000, "{receipt}");
    assert_eq!(rich.spent().await, 120_000);
}

#[tokio::test]
async fn a_prompt_that_was_read_is_paid_by_who_leaves_before_the_first_word() {
    for stream in [false, true] {
        let asked = engine(|_, request| {
            let source =
                Source { model: "m".into(), member: None, price: Price::per_million_usd(1.0, 0.5, 2.0).unwrap() };
            let text = request.prompt.last_user_text().unwrap_or_default();
            vec![Act::Started(source), Act::Prompt(text.len() as u64 / 4, 0), Act::Hang]
        });
        let bank = Bank::open(100_000_000, asked.clone()).await;
        let text = "word ".repeat(800);
        let body = json!({"messages": [{"role": "user", "content": text}], "stream": stream}).to_string();
        let mut client = tokio::net::TcpStream::connect(bank.address).await.unwrap();
        let head = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: t\r\nauthorization: Bearer {}\r\ncontent-length: {}\r\n\r\n",
            bank.secret,
            body.len()
        );
        client.write_all((head + &body).as_bytes()).await.unwrap();
        for _ in 0..500 {
            if asked.live() > 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        drop(client);
        assert_eq!(bank.spent().await, 1_000 * 1_000, "stream {stream}");
        assert_eq!(asked.live(), 0);
    }
}

/// A server behind the gateway, at $1 and $2 a million tokens.
fn served(scenario: Steady) -> (Server, Arc<dyn Engine>) {
    let server = Server::start(Scenario::steady(scenario));
    let price = Price::per_million_usd(1.0, 1.0, 2.0).unwrap();
    let options =
        OpenAiOptions { model: Some("fake".into()), max_retries: 0, price, ..OpenAiOptions::new(server.url()) };
    (server, Arc::new(OpenAiEngine::new(options).unwrap()))
}

#[tokio::test]
async fn what_is_passed_on_is_paid_from_the_same_budget() {
    let (server, engine) = served(Steady::default());
    let bank = Bank::open(50_000_000, engine).await;
    for (path, body) in [
        ("/v1/completions", json!({"prompt": "Once", "max_tokens": 5, "stream": true})),
        ("/v1/completions", json!({"prompt": "Once", "max_tokens": 5})),
        ("/v1/completions", json!({"prompt": "Once", "stream": true})),
        ("/v1/embeddings", json!({"input": "Once"})),
    ] {
        let before = bank.spent().await;
        let reply = bank.post(path, &body).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        let spent = bank.spent().await - before;
        assert!((1_000..100_000).contains(&spent), "{body}: {spent}");
    }
    let total = server.accounts().total();
    assert_eq!(total.calls, 4);
}

#[tokio::test]
async fn what_is_passed_on_needs_a_budget_that_pays_for_it() {
    let (server, engine) = served(Steady::default());
    let limits =
        Limits { cost_per_day: Some(Cost::from_nano(1_000_000)), models: vec!["fake".into()], ..Limits::default() };
    let bank = Bank::with(limits, engine).await;
    let body = json!({"prompt": "Once", "max_tokens": 1_000, "n": 4.0});
    assert_eq!(bank.post("/v1/completions", &body).await.status, 429);
    assert_eq!(server.accounts().total().calls, 0);
    assert_eq!(bank.spent().await, 0);
    let body = json!({"prompt": "Once", "max_tokens": 100}).to_string();
    assert_eq!(call_as(bank.address, "ot-no", "/v1/completions", &body).await.status, 200, "no key, no budget");
}
