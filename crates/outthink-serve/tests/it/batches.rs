//! Files and batches: the lifecycle, what a key sees, one budget over many requests, cancelling and expiring.

use crate::ask;
use crate::common::{Act, Scripted, fails, says};
use outthink_core::{
    Capabilities, Cost, Effort, Engine, FinishReason, ModelInfo, Origin, Price, SampleRequest, SampleStream,
};
use outthink_ledger::{Ledger, Limits, NewKey};
use outthink_serve::config::{Config, KeyMode};
use outthink_serve::{Control, Policy, ServeOptions};
use outthink_testkit::client::{self, Response};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Nano-dollars of a million tokens, read and generated.
const READ: u64 = 1_000_000_000;
const GENERATED: u64 = 2_000_000_000;

/// An engine with a price.
struct Priced(Arc<Scripted>, ModelInfo);

impl Engine for Priced {
    fn model(&self) -> &ModelInfo {
        &self.1
    }

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    fn start(&self, request: SampleRequest) -> Vec<SampleStream> {
        self.0.start(request)
    }
}

/// A gateway with a ledger, and the keys of two users.
struct Front {
    address: SocketAddr,
    ledger: Ledger,
    engine: Arc<Scripted>,
    keys: [String; 2],
}

impl Front {
    async fn new(script: impl Fn(usize, &SampleRequest) -> Vec<Act> + Send + Sync + 'static) -> Self {
        let ledger = Ledger::open("sqlite::memory:", 60).await.unwrap();
        let mut keys = Vec::new();
        for name in ["alice", "bob"] {
            let new = NewKey {
                name: name.into(),
                limits: Limits { cost_per_day: Cost::from_usd(100.0), ..Limits::default() },
                ..NewKey::default()
            };
            keys.push(ledger.create_key(&new).await.unwrap().1.expose().to_owned());
        }
        let engine = Scripted::new("m", script);
        let price = Price { input: READ, cached: READ, output: GENERATED, ..Price::default() };
        let priced = Priced(engine.clone(), ModelInfo { price, ..engine.model().clone() });
        let mut config = Config::default();
        (config.keys.mode, config.server.limits.batch_lines) = (KeyMode::Required, 4);
        let control = Arc::new(Control::new().with_ledger(ledger.clone()));
        let policy = Policy { config: Arc::new(config), ..Policy::default() };
        let options = ServeOptions::configured(vec![Arc::new(priced)], control, policy);
        let address = crate::common::serve(options.with_default_effort(Effort::None)).await;
        Self { address, ledger, engine, keys: keys.try_into().unwrap() }
    }

    async fn call(&self, who: usize, method: &str, path: &str, body: &[u8]) -> Response {
        let key = format!("Bearer {}", self.keys[who]);
        client::call(self.address, method, path, &[("authorization", &key)], body).await
    }

    async fn get(&self, who: usize, path: &str) -> Response {
        self.call(who, "GET", path, b"").await
    }

    async fn upload(&self, who: usize, text: &str) -> Response {
        let form = format!(
            "--b\r\ncontent-disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n--b\r\ncontent-disposition: form-data; \
             name=\"file\"; filename=\"in.jsonl\"\r\ncontent-type: application/jsonl\r\n\r\n{text}\r\n--b--\r\n"
        );
        let key = format!("Bearer {}", self.keys[who]);
        let headers = [("authorization", key.as_str()), ("content-type", "multipart/form-data; boundary=b")];
        client::call(self.address, "POST", "/v1/files", &headers, form.as_bytes()).await
    }

    /// Uploads requests and begins a batch of them.
    async fn begin(&self, lines: &[Value], more: Value) -> Value {
        let lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
        let text = lines.join("\n") + "\n";
        let file = self.upload(0, &text).await.json();
        let mut body = json!({"input_file_id": file["id"], "endpoint": CHAT, "completion_window": "24h"});
        for (key, value) in more.as_object().unwrap() {
            body[key] = value.clone();
        }
        let created = self.call(0, "POST", "/v1/batches", body.to_string().as_bytes()).await;
        assert_eq!(created.status, 200, "{}", created.body);
        created.json()
    }

    /// The batch once it has ended.
    async fn ended(&self, batch: &Value) -> Value {
        let path = format!("/v1/batches/{}", batch["id"].as_str().unwrap());
        for _ in 0..600 {
            let reply = self.get(0, &path).await;
            assert_eq!(reply.status, 200, "{}", reply.body);
            let batch = reply.json();
            if ["completed", "failed", "expired", "cancelled"].contains(&batch["status"].as_str().unwrap()) {
                return batch;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("it never ended: {}", self.get(0, &path).await.body);
    }

    /// The lines of a file.
    async fn lines(&self, id: &Value) -> Vec<Value> {
        let path = format!("/v1/files/{}/content", id.as_str().unwrap());
        let text = self.get(0, &path).await.body;
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// What the keys spent, once nothing is held any more.
    async fn spent(&self) -> u64 {
        for _ in 0..200 {
            let keys = self.ledger.keys().await.unwrap();
            if keys.iter().all(|key| key.reserved.is_zero()) {
                return keys.iter().map(|key| key.spent.nano()).sum();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("something is held for ever");
    }
}

const CHAT: &str = "/v1/chat/completions";

fn line(id: usize, fields: Value) -> Value {
    json!({"custom_id": format!("r{id}"), "method": "POST", "url": CHAT, "body": ask(fields)})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_answered_like_any_request_and_billed_once() {
    let front = Front::new(|_, request| match request.sampling.temperature {
        Some(t) if t > 1.0 => fails(Origin::Caller, Some(400)),
        _ => says("The answer is 4."),
    })
    .await;
    let mut lines: Vec<Value> = (0..12).map(|id| line(id, json!({"model": "m"}))).collect();
    lines[5]["body"]["temperature"] = json!(1.5);
    lines[6]["body"]["stream"] = json!(true);
    let begun = front.begin(&lines, json!({"metadata": {"job": "nightly"}})).await;
    assert_eq!((&begun["object"], &begun["status"]), (&json!("batch"), &json!("validating")));
    let batch = front.ended(&begun).await;
    assert_eq!(batch["status"], "completed", "{batch}");
    assert_eq!(batch["request_counts"], json!({"total": 12, "completed": 10, "failed": 2}));
    assert_eq!((&batch["metadata"]["job"], &batch["model"]), (&json!("nightly"), &json!("m")));
    for at in ["created_at", "in_progress_at", "finalizing_at", "completed_at", "expires_at"] {
        assert!(batch[at].is_u64(), "{at}: {batch}");
    }
    let results = front.lines(&batch["output_file_id"]).await;
    let ids: Vec<&str> = results.iter().map(|r| r["custom_id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["r0", "r1", "r2", "r3", "r4", "r7", "r8", "r9", "r10", "r11"], "in the order of the input");
    for result in &results {
        assert_eq!((&result["response"]["status_code"], &result["error"]), (&json!(200), &Value::Null));
        let body = &result["response"]["body"];
        assert_eq!(body["choices"][0]["message"]["content"], "The answer is 4.");
        assert_eq!(body["outthink"]["trace_id"], result["response"]["request_id"]);
    }
    let errors = front.lines(&batch["error_file_id"]).await;
    assert_eq!(errors.iter().map(|e| e["custom_id"].clone()).collect::<Vec<_>>(), ["r5", "r6"]);
    assert!(errors.iter().all(|e| e["response"]["status_code"] == 400), "{errors:?}");
    // The bill of the batch is that of its receipts, and what the key was charged.
    let bills: u64 = results.iter().map(|r| r["response"]["body"]["outthink"]["cost_nano_usd"].as_u64().unwrap()).sum();
    assert!(bills > 0);
    assert_eq!(batch["outthink"]["cost_nano_usd"], bills);
    assert_eq!(front.spent().await, bills);
    let tokens: u64 = results.iter().map(|r| r["response"]["body"]["usage"]["total_tokens"].as_u64().unwrap()).sum();
    assert_eq!(batch["usage"]["total_tokens"], tokens);
    assert_eq!(front.engine.started(), 11, "one sample each, and none for what is not possible in a batch");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_sees_its_own_files_and_batches_alone() {
    let front = Front::new(|_, _| says("hi")).await;
    let batch = front.ended(&front.begin(&[line(0, json!({}))], json!({})).await).await;
    let (id, output) = (batch["id"].as_str().unwrap(), batch["output_file_id"].as_str().unwrap());
    let input = batch["input_file_id"].as_str().unwrap();
    for path in [format!("/v1/batches/{id}"), format!("/v1/files/{output}"), format!("/v1/files/{output}/content")] {
        assert_eq!((front.get(0, &path).await.status, front.get(1, &path).await.status), (200, 404), "{path}");
    }
    for path in ["/v1/batches", "/v1/files"] {
        assert!(!front.get(0, path).await.json()["data"].as_array().unwrap().is_empty());
        assert_eq!(front.get(1, path).await.json()["data"], json!([]), "{path}");
    }
    let cancel = front.call(1, "POST", &format!("/v1/batches/{id}/cancel"), b"").await;
    let delete = front.call(1, "DELETE", &format!("/v1/files/{input}"), b"").await;
    assert_eq!((cancel.status, delete.status), (404, 404));
    let body = json!({"input_file_id": input, "endpoint": CHAT, "completion_window": "24h"}).to_string();
    assert_eq!(front.call(1, "POST", "/v1/batches", body.as_bytes()).await.status, 400, "a file of somebody else");
    let page = front.get(0, "/v1/files?purpose=batch_output&limit=1").await.json();
    assert_eq!((&page["data"][0]["id"], &page["has_more"]), (&json!(output), &json!(false)));
    let deleted = front.call(0, "DELETE", &format!("/v1/files/{input}"), b"").await;
    assert_eq!(deleted.json(), json!({"id": input, "object": "file", "deleted": true}));
    assert_eq!(front.get(0, &format!("/v1/files/{input}")).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_with_mistakes_fails_with_each_line() {
    let front = Front::new(|_, _| says("hi")).await;
    let lines = [line(0, json!({})), line(0, json!({})), json!({"custom_id": "x", "url": "/v1/responses", "body": {}})];
    let batch = front.ended(&front.begin(&lines, json!({})).await).await;
    assert_eq!((&batch["status"], front.engine.started()), (&json!("failed"), 0));
    let data = batch["errors"]["data"].as_array().unwrap();
    let found: Vec<(&str, u64)> =
        data.iter().map(|e| (e["code"].as_str().unwrap(), e["line"].as_u64().unwrap())).collect();
    assert_eq!(found, [("duplicate_custom_id", 2), ("invalid_line", 3)]);
    assert!(batch["output_file_id"].is_null() && batch["failed_at"].is_u64());
    for (text, part) in [("", "empty"), ("\u{0}", "UTF-8")] {
        let refused = front.upload(0, text).await;
        assert!(refused.status == 400 && refused.body.contains(part), "{}", refused.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_batch_ends_its_requests_and_names_them() {
    let front = Front::new(|index, _| match index {
        0..4 => says("done"),
        _ => vec![Act::content("so "), Act::Wait(Duration::from_mins(5)), Act::content("slow")],
    })
    .await;
    let lines: Vec<Value> = (0..20).map(|id| line(id, json!({}))).collect();
    let begun = front.begin(&lines, json!({})).await;
    while front.engine.started() < 8 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let id = begun["id"].as_str().unwrap();
    let path = format!("/v1/batches/{id}/cancel");
    let cancelling = front.call(0, "POST", &path, b"").await.json();
    assert_eq!(cancelling["status"], "cancelling", "{cancelling}");
    let batch = front.ended(&begun).await;
    assert_eq!(batch["status"], "cancelled");
    assert_eq!(batch["request_counts"], json!({"total": 20, "completed": 4, "failed": 16}));
    assert_eq!((front.engine.live(), front.engine.started()), (0, 8), "what ran was ended, and no more begun");
    let errors = front.lines(&batch["error_file_id"]).await;
    assert!(errors.iter().all(|e| e["error"]["code"] == "batch_cancelled" && e["response"].is_null()));
    assert_eq!(front.lines(&batch["output_file_id"]).await.len(), 4);
    assert_eq!(batch["outthink"]["cost_nano_usd"], front.spent().await, "what was begun is on the bill");
    assert_eq!(front.call(0, "POST", &path, b"").await.json()["status"], "cancelled", "twice is as good as once");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_budget_holds_over_the_whole_batch() {
    // Half of the questions are settled by two equal answers, half never are.
    let front = Front::new(|index, request| {
        if request.prompt.last_user_text().unwrap_or_default().contains("easy") {
            says("The answer is 4.")
        } else {
            let text = format!("The answer is {}.", index * 7 % 11);
            vec![Act::content(text), Act::End(FinishReason::Stop)]
        }
    })
    .await;
    let lines: Vec<Value> = (0..40)
        .map(|id| {
            let mut line = line(id, json!({"reasoning_effort": "auto", "max_tokens": 60}));
            line["body"]["messages"][0]["content"] = if id % 2 == 0 { "easy: 2+2?" } else { "hard: ?" }.into();
            line
        })
        .collect();
    let free = front.ended(&front.begin(&lines, json!({})).await).await;
    let full = free["outthink"]["cost_nano_usd"].as_u64().unwrap();
    let usd = full as f64 / 2.0 / 1e9;
    let batch = front.ended(&front.begin(&lines, json!({"outthink": {"budget_usd": usd}})).await).await;
    let cost = batch["outthink"]["cost_nano_usd"].as_u64().unwrap();
    assert!(cost <= full / 2, "{cost} of {}", full / 2);
    assert!(cost > full / 4, "the budget is used: {cost} of {}", full / 2);
    assert_eq!(batch["request_counts"], json!({"total": 40, "completed": 40, "failed": 0}), "{batch}");
    let drawn = |results: &[Value], easy: bool| -> u64 {
        let is = |r: &&Value| {
            let number: usize = r["custom_id"].as_str().unwrap()[1..].parse().unwrap();
            number.is_multiple_of(2) == easy
        };
        let samples = |r: &Value| r["response"]["body"]["outthink"]["samples_drawn"].as_u64().unwrap();
        results.iter().filter(is).map(samples).sum()
    };
    let results = front.lines(&batch["output_file_id"]).await;
    assert!(drawn(&results, false) > drawn(&results, true), "hard questions get more than easy ones");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_claims_little_ahead_once_it_is_known_what_a_sample_takes() {
    // Twelve short replies, then some that hang after as much.
    let front = Front::new(|index, _| {
        let mut acts: Vec<Act> = (0..20).map(|_| Act::content("word ")).collect();
        acts.push(if index < 12 { Act::End(FinishReason::Stop) } else { Act::Wait(Duration::from_mins(5)) });
        acts
    })
    .await;
    let lines: Vec<Value> = (0..20).map(|id| line(id, json!({"max_tokens": 900}))).collect();
    let begun = front.begin(&lines, json!({"outthink": {"budget_tokens": 100_000}})).await;
    let reserved = async || front.ledger.keys().await.unwrap().iter().map(|key| key.reserved.nano()).sum::<u64>();
    while front.engine.started() < 16 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    // Four run: each has claimed its prompt, what it generated and half a sample or more ahead.
    let tokens = GENERATED / 1_000_000;
    assert!(reserved().await >= 4 * 20 * tokens, "what was generated is claimed: {}", reserved().await);
    assert!(reserved().await <= 4 * 150 * tokens, "nothing like the whole length: {}", reserved().await);
    let id = begun["id"].as_str().unwrap();
    front.call(0, "POST", &format!("/v1/batches/{id}/cancel"), b"").await;
    assert_eq!(front.ended(&begun).await["status"], "cancelled");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_budget_cannot_pay_for_is_named() {
    let front = Front::new(|_, request| {
        let words = request.max_tokens.unwrap_or(40).min(40);
        let mut acts: Vec<Act> = (0..words).map(|_| Act::content("word ")).collect();
        acts.push(Act::End(FinishReason::Stop));
        acts
    })
    .await;
    let lines: Vec<Value> = (0..30).map(|id| line(id, json!({}))).collect();
    let budget = 300;
    let batch = front.ended(&front.begin(&lines, json!({"outthink": {"budget_tokens": budget}})).await).await;
    let counts = &batch["request_counts"];
    assert_eq!(counts["completed"].as_u64().unwrap() + counts["failed"].as_u64().unwrap(), 30, "{batch}");
    assert!(counts["failed"].as_u64().unwrap() > 0 && counts["completed"].as_u64().unwrap() > 0, "{batch}");
    assert!(batch["usage"]["output_tokens"].as_u64().unwrap() <= budget, "{batch}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_engine_is_asked_again() {
    let front = Front::new(|index, _| if index < 3 { fails(Origin::Engine, Some(429)) } else { says("hi") }).await;
    let lines: Vec<Value> = (0..6).map(|id| line(id, json!({}))).collect();
    let batch = front.ended(&front.begin(&lines, json!({})).await).await;
    assert_eq!(batch["request_counts"], json!({"total": 6, "completed": 6, "failed": 0}), "{batch}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_ledger_there_are_no_batches() {
    let (address, _) = crate::gateway(|_, _| says("hi")).await;
    for path in ["/v1/files", "/v1/batches"] {
        let refused = client::get(address, path).await;
        assert!(refused.status == 501 && refused.body.contains("keys.ledger"), "{}", refused.body);
    }
}
