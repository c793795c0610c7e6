//! Keys with budgets: what is claimed, what is spent, and that neither exceeds the other.

use crate::ask;
use crate::common::{Act, Scripted, object, says};
use crate::http::{Reply, call_as};
use outthink_core::{Cost, Effort, FinishReason, SampleRequest};
use outthink_ledger::{Key, Ledger, Limits, NewKey};
use outthink_serve::{Control, ServeOptions};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// A gateway before one engine at $1 and $2 a million tokens, and a key for it.
struct Bank {
    address: SocketAddr,
    engine: Arc<Scripted>,
    ledger: Ledger,
    key: Key,
    secret: String,
}

impl Bank {
    async fn open(nano: u64, script: impl Fn(usize, &SampleRequest) -> Vec<Act> + Send + Sync + 'static) -> Self {
        let limits = Limits { cost_per_day: Some(Cost::from_nano(nano)), ..Limits::default() };
        Self::with(limits, script).await
    }

    async fn with(limits: Limits, script: impl Fn(usize, &SampleRequest) -> Vec<Act> + Send + Sync + 'static) -> Self {
        let ledger = Ledger::open("sqlite::memory:", 60).await.unwrap();
        let (key, secret) = ledger.create_key(&NewKey { name: "k".into(), admin: false, limits }).await.unwrap();
        let engine = Scripted::new("m", script);
        let control = Arc::new(Control::new().with_ledger(ledger.clone()));
        let options = ServeOptions { control, ..ServeOptions::new(vec![engine.clone()]) };
        let address = crate::common::serve(options.with_default_effort(Effort::None)).await;
        Self { address, engine, ledger, key, secret: secret.expose().to_owned() }
    }

    async fn chat(&self, body: &Value) -> Reply {
        call_as(self.address, &self.secret, "/v1/chat/completions", &body.to_string()).await
    }

    /// Spent and reserved, once nothing is reserved any more.
    async fn spent(&self) -> u64 {
        for _ in 0..500 {
            let (spent, reserved) = self.standing().await;
            if reserved == 0 {
                return spent;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("something stays reserved: {:?}", self.standing().await);
    }

    async fn standing(&self) -> (u64, u64) {
        let all = self.ledger.keys().await.unwrap();
        let status = all.iter().find(|s| s.key.id == self.key.id).unwrap();
        (status.spent.nano(), status.reserved.nano())
    }
}

/// A sample of so many one-token pieces.
fn long(tokens: usize) -> Vec<Act> {
    let mut acts: Vec<Act> = (0..tokens).map(|_| Act::Content("word ")).collect();
    acts.push(Act::End(FinishReason::Stop));
    acts
}

/// As `long`, and as slow as needed for others to run at the same time.
fn long_and_slow(tokens: usize) -> Vec<Act> {
    let mut acts = Vec::new();
    for at in 0..tokens {
        acts.push(Act::Content("word "));
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
    let bank = Arc::new(Bank::open(100_000_000, |_, _| long_and_slow(200)).await);
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
    let bank = Arc::new(Bank::open(limit, |_, _| long_and_slow(4_000)).await);
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let bank = Arc::clone(&bank);
        running.spawn(async move { bank.chat(&ask(json!({"max_tokens": 100_000}))).await });
    }
    let mut cut = 0;
    let watch = {
        let bank = Arc::clone(&bank);
        tokio::spawn(async move {
            loop {
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
    watch.abort();
    assert!(watch.await.unwrap_err().is_cancelled(), "the budget held");
    assert!(cut > 0);
    let spent = bank.spent().await;
    assert!((limit / 2..=limit).contains(&spent), "{spent}");
}

#[tokio::test]
async fn without_a_limit_the_engine_gets_what_the_budget_pays_for() {
    let bank = Bank::open(10_000_000, |_, _| says("hi")).await;
    assert_eq!(bank.chat(&ask(json!({}))).await.status, 200);
    let most = bank.engine.last_request().max_tokens.unwrap();
    // $2 for a million tokens, and the prompt comes off.
    assert!((4_000..5_000).contains(&most), "{most}");
    // Nobody's budget, nobody's limit.
    let free = Bank::with(Limits::default(), |_, _| says("hi")).await;
    assert_eq!(free.chat(&ask(json!({}))).await.status, 200);
    assert_eq!(free.engine.last_request().max_tokens, None);
}

#[tokio::test]
async fn images_by_address_weigh_in_the_claim() {
    let bank = Bank::open(4_000_000, |_, _| says("a cat")).await;
    let image = json!({"type": "image_url", "image_url": {"url": "https://a.example/cat.png"}});
    let images = vec![image; 60];
    let reply = bank.chat(&json!({"messages": [{"role": "user", "content": images}], "max_tokens": 10})).await;
    assert_eq!(reply.status, 429, "{}", reply.body);
    assert_eq!(reply.json()["error"]["code"], "insufficient_quota");
    assert_eq!((bank.engine.started(), bank.spent().await), (0, 0));
}

#[tokio::test]
async fn what_is_sent_along_weighs_in_the_claim() {
    for extra in [
        json!({"prediction": {"type": "content", "content": "x".repeat(9_000)}}),
        json!({"response_format": {"type": "json_schema", "json_schema": {"description": "x".repeat(18_000)}}}),
        json!({"tools": [{"type": "function", "function": {"name": "f", "description": "x".repeat(18_000)}}]}),
    ] {
        let bank = Bank::open(4_000_000, |_, _| says("hi")).await;
        let mut body = ask(json!({"max_tokens": 10}));
        assert_eq!(bank.chat(&body).await.status, 200);
        for (key, value) in object(extra) {
            body[key] = value;
        }
        assert_eq!(bank.chat(&body).await.status, 429, "{body}");
        assert_eq!(bank.engine.started(), 1, "the first one alone");
    }
}

#[tokio::test]
async fn a_server_that_ignores_the_limit_is_cut() {
    let bank = Bank::open(1_000_000_000, |_, _| long(5_000)).await;
    let reply = bank.chat(&ask(json!({"max_tokens": 50}))).await.json();
    assert_eq!(reply["choices"][0]["finish_reason"], "length");
    let drawn = reply["usage"]["completion_tokens"].as_u64().unwrap();
    assert!((50..100).contains(&drawn), "{drawn}");
    let notes = reply["outthink"]["notes"].to_string();
    assert!(notes.contains("ignored the limit"), "{notes}");
    assert_eq!(bank.engine.live(), 0);
}

#[tokio::test]
async fn many_samples_claim_as_they_begin_and_the_bill_is_exact() {
    let bank = Bank::open(100_000_000, |_, _| long(300)).await;
    let own = json!({"strategy": "self-consistency", "samples": 12});
    let reply = bank.chat(&ask(json!({"outthink": own}))).await.json();
    assert_eq!(reply["outthink"]["samples_drawn"], 12, "{reply}");
    assert_eq!(bank.spent().await, reply["outthink"]["cost_nano_usd"].as_u64().unwrap());
}

#[tokio::test]
async fn rewards_count_as_requests_of_their_key() {
    let limits = Limits { requests_per_minute: Some(2), ..Limits::default() };
    let bank = Bank::with(limits, |_, _| says("hi")).await;
    let body = json!({"items": [{"completion": "4", "gold": "4"}]}).to_string();
    let mut statuses = Vec::new();
    for _ in 0..5 {
        statuses.push(call_as(bank.address, &bank.secret, "/v1/rewards", &body).await.status);
    }
    // A minute of the clock may end in between.
    assert!(statuses.contains(&429) && statuses[0] == 200, "{statuses:?}");
    assert_eq!(bank.spent().await, 0);
}
