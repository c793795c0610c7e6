//! The gateway from outside: a client in front of it, a server that misbehaves behind it, and nothing in between
//! replaced. Each test is a table over the siblings of one kind of fault; each row is asked whole and streamed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests and their helpers fail loudly")]

mod agent_loop;
mod auto;
mod budgets;
mod calls;
mod claude;
mod content;
mod conversations;
mod errors;
mod finish;
mod integers;
mod limits;
mod messages;
mod money;
mod odd_events;
mod pools;
mod providers;
mod replicas;
mod responses;
mod thinking;

use outthink_core::{Cost, Effort, Engine, Price};
use outthink_engine::openai::{OpenAiEngine, OpenAiOptions, Secret, Timeouts};
use outthink_ledger::{Ledger, Limits, NewKey};
use outthink_serve::config::{Config, KeyMode};
use outthink_serve::{Control, Policy, ServeOptions};
use outthink_testkit::client::{self, Answer, Response};
use outthink_testkit::server::{Reply, Scenario, Server, Step};
use serde_json::{Map, Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// The operator's key for the server; no client may ever see it.
const OPERATORS_KEY: &str = "sk-operator-0123456789abcdef";

/// Nano-dollars of a token: read, read from a cache, and generated.
const READ: u64 = 1_000;
const CACHED: u64 = 500;
const GENERATED: u64 = 2_000;

fn price() -> Price {
    Price::per_million_usd(1.0, 0.5, 2.0).unwrap()
}

/// How the engine of these tests is made: no retries, short timeouts.
fn engine_options(server: &Server) -> OpenAiOptions {
    let timeouts = Timeouts {
        connect: Duration::from_secs(2),
        first_token: Duration::from_secs(3),
        idle: Duration::from_secs(3),
        total: Duration::from_secs(20),
    };
    OpenAiOptions {
        model: Some("m".into()),
        api_key: Some(Secret::new(OPERATORS_KEY)),
        price: price(),
        timeouts,
        max_retries: 0,
        ..OpenAiOptions::new(server.url())
    }
}

fn engine(server: &Server) -> Arc<dyn Engine> {
    Arc::new(OpenAiEngine::new(engine_options(server)).unwrap())
}

/// Serves these engines until the test ends.
async fn serve(options: ServeOptions) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(outthink_serve::serve(listener, options, std::future::pending()));
    address
}

/// A gateway and the server behind it.
struct Front {
    server: Server,
    address: SocketAddr,
}

impl Front {
    /// A gateway of one sample a request.
    async fn new(scenario: impl Into<Scenario>) -> Self {
        Self::with(scenario, |_| ()).await
    }

    /// As `new`, with an engine of its own.
    async fn with(scenario: impl Into<Scenario>, change: impl FnOnce(&mut OpenAiOptions)) -> Self {
        let server = Server::start(scenario);
        let mut options = engine_options(&server);
        change(&mut options);
        let engine: Arc<dyn Engine> = Arc::new(OpenAiEngine::new(options).unwrap());
        let address = serve(ServeOptions::new(vec![engine]).with_default_effort(Effort::None)).await;
        Self { server, address }
    }

    /// Sends a chat completion.
    async fn chat(&self, fields: Value) -> Response {
        client::post(self.address, Scenario::CHAT, &ask(fields)).await
    }

    /// Asks for the same whole and as a stream.
    async fn both(&self, fields: &Value) -> [Response; 2] {
        let mut streamed = fields.clone();
        streamed["stream"] = true.into();
        streamed["stream_options"] = json!({"include_usage": true});
        [self.chat(fields.clone()).await, self.chat(streamed).await]
    }
}

/// A question with further fields.
fn ask(fields: Value) -> Value {
    let mut body = json!({"messages": [{"role": "user", "content": "What is 17*23?"}]});
    if let Value::Object(fields) = fields {
        for (key, value) in fields {
            body[key] = value;
        }
    }
    body
}

/// What a client gets from a server that always answers so: the same whole and streamed.
async fn answer(name: &str, reply: Reply) -> Answer {
    answer_to(name, reply, &json!({})).await
}

/// As [`answer`], to a request with further fields.
async fn answer_to(name: &str, reply: Reply, fields: &Value) -> Answer {
    let front = Front::new(reply).await;
    let [whole, streamed] = front.both(fields).await;
    assert_eq!(whole.status, 200, "{name}: {}", whole.body);
    assert!(streamed.is_stream(), "{name}: {}", streamed.body);
    let (whole, streamed) = (whole.answer(), streamed.answer());
    assert!(streamed.error.is_null(), "{name}: {}", streamed.error);
    assert_eq!(plain(&whole.message), plain(&streamed.message), "{name}: whole and streamed");
    assert_eq!(whole.finish, streamed.finish, "{name}: whole and streamed");
    assert_eq!(whole.usage, streamed.usage, "{name}: whole and streamed");
    whole
}

/// A message without what is empty, and without the numbers that a stream needs.
fn plain(message: &Value) -> Map<String, Value> {
    let mut fields = message.as_object().cloned().unwrap_or_default();
    fields.retain(|_, value| !value.is_null() && value != "");
    if let Some(Value::Array(calls)) = fields.get_mut("tool_calls") {
        for call in calls.iter_mut().filter_map(Value::as_object_mut) {
            call.remove("index");
        }
    }
    fields
}

/// A chunk of the first choice.
fn chunk(delta: &Value, finish: &Value) -> Step {
    Step::from(json!({"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}))
}

/// A chunk of text.
fn say(text: &str) -> Step {
    chunk(&json!({ "content": text }), &Value::Null)
}

/// The last chunk of a choice.
fn end(reason: &str) -> Step {
    chunk(&json!({}), &json!(reason))
}

/// The chunk that reports usage.
fn usage(usage: &Value) -> Step {
    Step::from(json!({"id": "x", "object": "chat.completion.chunk", "choices": [], "usage": usage}))
}

/// Seven tokens read, five generated.
fn seven_and_five() -> Step {
    usage(&json!({"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}))
}

fn done() -> Step {
    Step::from("[DONE]")
}

/// A stream of these deltas that ends for `reason`, with usage.
fn stream(deltas: &[Value], reason: &str) -> Reply {
    let mut steps: Vec<Step> = deltas.iter().map(|delta| chunk(delta, &Value::Null)).collect();
    steps.extend([end(reason), seven_and_five(), done()]);
    Reply::events(steps)
}

/// A whole reply with this message, where a stream was asked for.
fn json_reply(message: &Value, reason: &str) -> Reply {
    Reply::json(json!({"id": "x", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "message": message, "finish_reason": reason}],
        "usage": {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}}))
}

/// A gateway with a key that may spend so many nano-dollars a day.
struct Bank {
    server: Server,
    address: SocketAddr,
    ledger: Ledger,
    secret: String,
}

impl Bank {
    /// One that lets strangers in, too.
    async fn new(scenario: impl Into<Scenario>, nano_a_day: u64) -> Self {
        Self::with(scenario, nano_a_day, Config::default()).await
    }

    /// One that demands a key.
    async fn demanding(scenario: impl Into<Scenario>, nano_a_day: u64) -> Self {
        let mut config = Config::default();
        config.keys.mode = KeyMode::Required;
        Self::with(scenario, nano_a_day, config).await
    }

    async fn with(scenario: impl Into<Scenario>, nano_a_day: u64, config: Config) -> Self {
        let limits = Limits { cost_per_day: Some(Cost::from_nano(nano_a_day)), ..Limits::default() };
        let ledger = Ledger::open("sqlite::memory:", 60).await.unwrap();
        Self::of(scenario, ledger, NewKey { name: "k".into(), limits, ..NewKey::default() }, config).await
    }

    /// One whose model charges this.
    async fn priced(scenario: impl Into<Scenario>, nano_a_day: u64, price: Price) -> Self {
        let limits = Limits { cost_per_day: Some(Cost::from_nano(nano_a_day)), ..Limits::default() };
        let ledger = Ledger::open("sqlite::memory:", 60).await.unwrap();
        let key = NewKey { name: "k".into(), limits, ..NewKey::default() };
        Self::charging(scenario, (ledger, key), Config::default(), price).await
    }

    /// One with this ledger, in which it makes this key.
    async fn of(scenario: impl Into<Scenario>, ledger: Ledger, key: NewKey, config: Config) -> Self {
        Self::charging(scenario, (ledger, key), config, price()).await
    }

    async fn charging(
        scenario: impl Into<Scenario>,
        (ledger, key): (Ledger, NewKey),
        config: Config,
        price: Price,
    ) -> Self {
        let server = Server::start(scenario);
        let engine = OpenAiEngine::new(OpenAiOptions { price, ..engine_options(&server) }).unwrap();
        Self::before(server, Arc::new(engine), (ledger, key), config).await
    }

    /// One whose engine is this.
    async fn before(server: Server, engine: Arc<dyn Engine>, (ledger, key): (Ledger, NewKey), config: Config) -> Self {
        let (_, secret) = ledger.create_key(&key).await.unwrap();
        let control = Arc::new(Control::new().with_ledger(ledger.clone()));
        let policy = Policy { config: Arc::new(config), ..Policy::default() };
        let options = ServeOptions { control, policy, ..ServeOptions::new(vec![engine]) };
        let address = serve(options.with_default_effort(Effort::None)).await;
        Self { server, address, ledger, secret: secret.expose().to_owned() }
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.secret)
    }

    async fn post(&self, path: &str, body: &Value) -> Response {
        let body = body.to_string();
        client::call(self.address, "POST", path, &[("authorization", &self.bearer())], body.as_bytes()).await
    }

    /// What the key has spent, once nothing is reserved any more.
    async fn spent(&self) -> u64 {
        for _ in 0..500 {
            let keys = self.ledger.keys().await.unwrap();
            if keys[0].reserved.nano() == 0 {
                return keys[0].spent.nano();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("something stays reserved");
    }
}
