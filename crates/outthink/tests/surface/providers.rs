//! The gateway before providers with protocols of their own: each API, whole and streamed, and the bill against the
//! provider's own accounts.

use super::{Bank, engine_options};
use outthink_core::{Cost, Price, Usage};
use outthink_engine::native::{NativeEngine, NativeOptions, Protocol};
use outthink_engine::openai::OpenAiOptions;
use outthink_ledger::{Ledger, Limits, NewKey};
use outthink_serve::config::Config;
use outthink_testkit::client::Response;
use outthink_testkit::server::{Account, Counts, Provider, Reply, Request, Scenario, Server, Turn};
use serde_json::{Value, json};
use std::sync::Arc;

/// The name of the model for clients, and at the provider.
pub(super) const fn model(provider: Provider) -> &'static str {
    match provider {
        Provider::Anthropic => "claude-opus-4-6",
        Provider::Gemini => "gemini-3.8-flash",
        Provider::Bedrock => "anthropic.claude-opus-4-6-v1",
    }
}

pub(super) const MESSAGES: &str = "/v1/messages";
const RESPONSES: &str = "/v1/responses";

const fn protocol(provider: Provider) -> Protocol {
    match provider {
        Provider::Anthropic => Protocol::Anthropic,
        Provider::Gemini => Protocol::Gemini,
        Provider::Bedrock => Protocol::Bedrock,
    }
}

/// Reasoning has a price of its own where it is counted.
fn price(provider: Provider) -> Price {
    Price {
        cache_write: Some(3_750_000_000),
        cache_write_1h: Some(6_000_000_000),
        reasoning: (provider != Provider::Bedrock).then_some(17_000_000_000),
        ..Price::per_million_usd(3.0, 0.3, 15.0).unwrap()
    }
}

/// A gateway before a provider, with a key that has enough.
pub(super) async fn bank(provider: Provider, scenario: Scenario) -> Bank {
    let server = Server::start(scenario);
    let options = OpenAiOptions {
        model: Some(model(provider).into()),
        price: price(provider),
        base_url: server.root(),
        ..engine_options(&server)
    };
    let engine = NativeEngine::new(NativeOptions { protocol: protocol(provider), server: options, aws: None }).unwrap();
    let limits = Limits { cost_per_day: Some(Cost::from_nano(1 << 50)), ..Limits::default() };
    let ledger = Ledger::open("sqlite::memory:", 60).await.unwrap();
    let key = NewKey { name: "k".into(), limits, ..NewKey::default() };
    Bank::before(server, Arc::new(engine), (ledger, key), Config::default()).await
}

/// What the provider's own accounts come to.
fn charged(provider: Provider, account: &Account) -> u64 {
    let Account { prompt, cached, cache_write, completion, reasoning, .. } = *account;
    price(provider).cost(&Usage { prompt, cached, cache_write, completion, reasoning, ..Usage::default() }).nano()
}

/// What a provider counts for a turn; not all charge for what they write to a cache.
const fn counts(provider: Provider) -> Counts {
    let written = if matches!(provider, Provider::Gemini) { 0 } else { 30 };
    // Bedrock does not count reasoning apart.
    let reasoning = if matches!(provider, Provider::Bedrock) { 0 } else { 40 };
    Counts { fresh: 42 - written, cached: 100, written, generated: 55, reasoning }
}

fn answered(provider: Provider) -> Turn {
    Turn::new("The answer is 391.", counts(provider)).thinking("17*23 is 391", "c2lnbmVk")
}

fn question(provider: Provider, path: &str) -> Value {
    match path {
        MESSAGES => json!({"model": model(provider), "max_tokens": 9_000, "thinking": {"type": "adaptive"},
            "messages": [{"role": "user", "content": "What is 17*23?"}]}),
        RESPONSES => {
            json!({"model": model(provider), "input": "What is 17*23?", "include": ["reasoning.encrypted_content"]})
        }
        _ => json!({"model": model(provider), "messages": [{"role": "user", "content": "What is 17*23?"}]}),
    }
}

#[tokio::test]
async fn every_api_answers_and_the_bill_is_the_providers_own() {
    for provider in Provider::ALL {
        let bank = bank(provider, provider.answers(model(provider), [provider.streams(&answered(provider))])).await;
        for path in [Scenario::CHAT, MESSAGES, RESPONSES] {
            for streamed in [false, true] {
                let mut body = question(provider, path);
                body["stream"] = streamed.into();
                let reply: Response = bank.post(path, &body).await;
                let name = format!("{provider:?} {path} {streamed}");
                assert_eq!(reply.status, 200, "{name}: {}", reply.body);
                assert!(reply.body.contains("391"), "{name}: {}", reply.body);
                assert!(reply.body.contains("\"estimated\":false"), "{name}: {}", reply.body);
                let account = bank.server.accounts().total();
                assert_eq!(bank.spent().await, charged(provider, &account), "{name}");
            }
        }
        let account = bank.server.accounts().total();
        assert_eq!((account.calls, account.prompt, account.completion), (6 + listed(&bank), 6 * 142, 6 * 55));
    }
}

/// Questions for the model itself.
fn listed(bank: &Bank) -> u64 {
    bank.server.requests().iter().filter(|request| request.method == "GET").count() as u64
}

#[tokio::test]
async fn a_vote_over_samples_of_a_provider_is_billed_sample_by_sample() {
    for provider in Provider::ALL {
        let turn = move |number: u64| {
            let counts = Counts {
                cached: if number == 0 { 0 } else { 142 },
                fresh: if number == 0 { 142 } else { 0 },
                written: 0,
                ..counts(provider)
            };
            Turn::new("The answer is 391.", counts).thinking("17*23 is 391", "c2lnbmVk")
        };
        let answer = move |number: u64, _: &Request| provider.streams(&turn(number));
        let bank = bank(provider, provider.answers_by(model(provider), answer)).await;
        let mut body = question(provider, Scenario::CHAT);
        body["outthink"] = json!({"strategy": "self-consistency", "samples": 5});
        let reply = bank.post(Scenario::CHAT, &body).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        assert_eq!(reply.answer().receipt["samples_drawn"], 5);
        let account = bank.server.accounts().total();
        assert_eq!((account.cached, account.completion), (4 * 142, 5 * 55), "{provider:?}");
        assert_eq!(bank.spent().await, charged(provider, &account), "{provider:?}");
    }
}

#[tokio::test]
async fn errors_of_a_provider_reach_the_client_in_the_shape_of_its_api() {
    for provider in Provider::ALL {
        let scenario = || {
            provider.answers(
                model(provider),
                [provider.error(429, "rate_limit_error", "slow down").header("retry-after", "7")],
            )
        };
        let bank = bank(provider, scenario()).await;
        for path in [Scenario::CHAT, MESSAGES, RESPONSES] {
            let reply = bank.post(path, &question(provider, path)).await;
            assert_eq!(reply.status, 429, "{provider:?} {path}: {}", reply.body);
            assert_eq!(reply.header("retry-after"), Some("7"), "{provider:?} {path}");
            assert!(reply.body.contains("slow down"), "{provider:?} {path}: {}", reply.body);
            assert!(!reply.body.contains(super::OPERATORS_KEY));
        }
        assert_eq!(bank.spent().await, 0, "{provider:?}");
    }
}

fn with_tool(mut body: Value) -> Value {
    let parameters = json!({"type": "object", "properties": {"city": {"type": "string"}}});
    body["tools"] = match body.get("input") {
        Some(_) => json!([{"type": "function", "name": "weather", "parameters": parameters}]),
        None if body.get("max_tokens").is_some() => json!([{"name": "weather", "input_schema": parameters}]),
        None => json!([{"type": "function", "function": {"name": "weather", "parameters": parameters}}]),
    };
    body
}

/// The reply of a provider that calls a tool, and then answers.
fn looks_it_up(provider: Provider) -> Scenario {
    let call = Turn::new("", counts(provider)).thinking("I look it up", "c2lnbmVk").call(
        "call_w",
        "weather",
        json!({"city": "Ulm"}),
    );
    provider.answers(model(provider), [provider.streams(&call), provider.streams(&answered(provider))])
}

/// The body of the last request to the provider, as text.
fn last(bank: &Bank) -> String {
    bank.server.requests().iter().rev().find(|request| request.method == "POST").map(Request::text).unwrap()
}

#[tokio::test]
async fn what_a_provider_signed_comes_back_to_it_through_every_api() {
    for provider in Provider::ALL {
        // Chat: the message comes back as it came.
        let bank_of = |provider| bank(provider, looks_it_up(provider));
        let bank = bank_of(provider).await;
        let mut body = with_tool(question(provider, Scenario::CHAT));
        let message = bank.post(Scenario::CHAT, &body).await.answer().message;
        let id = message["tool_calls"][0]["id"].clone();
        let messages = body["messages"].as_array_mut().unwrap();
        messages.push(message);
        messages.push(json!({"role": "tool", "tool_call_id": id, "content": "sunny"}));
        let reply = bank.post(Scenario::CHAT, &body).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        assert!(last(&bank).contains("c2lnbmVk") && last(&bank).contains("sunny"), "{provider:?}: {}", last(&bank));

        // Messages: its blocks do.
        let bank = bank_of(provider).await;
        let mut body = with_tool(question(provider, MESSAGES));
        let message = bank.post(MESSAGES, &body).await.json();
        let content = message["content"].clone();
        let id = content.as_array().unwrap().iter().find(|b| b["type"] == "tool_use").unwrap()["id"].clone();
        let messages = body["messages"].as_array_mut().unwrap();
        messages.push(json!({"role": "assistant", "content": content}));
        messages
            .push(json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": id, "content": "sunny"}]}));
        let reply = bank.post(MESSAGES, &body).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        assert!(last(&bank).contains("c2lnbmVk") && last(&bank).contains("sunny"), "{provider:?}: {}", last(&bank));

        // Responses: its items do.
        let bank = bank_of(provider).await;
        let mut body = with_tool(question(provider, RESPONSES));
        let response = bank.post(RESPONSES, &body).await.json();
        let mut items = vec![json!({"role": "user", "content": "What is 17*23?"})];
        items.extend(response["output"].as_array().unwrap().iter().cloned());
        let id = items.iter().find(|item| item["type"] == "function_call").unwrap()["call_id"].clone();
        items.push(json!({"type": "function_call_output", "call_id": id, "output": "sunny"}));
        body["input"] = items.into();
        let reply = bank.post(RESPONSES, &body).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        assert!(last(&bank).contains("c2lnbmVk") && last(&bank).contains("sunny"), "{provider:?}: {}", last(&bank));
        let account = bank.server.accounts().total();
        assert_eq!(bank.spent().await, charged(provider, &account), "{provider:?}");
    }
}

#[tokio::test]
async fn a_message_of_anthropic_passes_through_messages_unchanged() {
    let provider = Provider::Anthropic;
    let turn = answered(provider).sealed("eHl6").call("toolu_1", "weather", json!({"city": "Ulm"}));
    let bank = bank(provider, provider.answers(model(provider), [provider.streams(&turn)])).await;
    let message = bank.post(MESSAGES, &with_tool(question(provider, MESSAGES))).await.json();
    assert_eq!(
        message["content"],
        json!([
            {"type": "thinking", "thinking": "17*23 is 391", "signature": "c2lnbmVk"},
            {"type": "redacted_thinking", "data": "eHl6"},
            {"type": "text", "text": "The answer is 391.", "citations": null},
            {"type": "tool_use", "id": "toolu_1", "caller": {"type": "direct"}, "name": "weather", "input": {"city": "Ulm"}},
        ])
    );
    assert_eq!(message["stop_reason"], "tool_use");
    let usage = &message["usage"];
    assert_eq!(
        [
            &usage["input_tokens"],
            &usage["cache_read_input_tokens"],
            &usage["cache_creation_input_tokens"],
            &usage["output_tokens"]
        ],
        [12, 100, 30, 55].map(Value::from).each_ref()
    );
}

#[tokio::test]
async fn a_client_that_leaves_ends_the_work_and_pays_for_what_was_read() {
    let turn = Turn::new(&"word ".repeat(400), Counts::plain(142, 400)).pace(std::time::Duration::from_millis(20));
    for provider in Provider::ALL {
        let bank = bank(provider, provider.answers(model(provider), [provider.streams(&turn)])).await;
        let mut body = question(provider, Scenario::CHAT);
        body["stream"] = true.into();
        let asked = bank.post(Scenario::CHAT, &body);
        assert!(tokio::time::timeout(std::time::Duration::from_secs(1), asked).await.is_err());
        assert!(bank.server.until(|account| account.left == 1).await, "{provider:?}");
        let spent = bank.spent().await;
        assert!(
            spent > 0 && spent < charged(provider, &Account { prompt: 142, completion: 400, ..Account::default() }),
            "{spent}"
        );
    }
}

#[tokio::test]
async fn a_reply_that_is_whole_where_a_stream_was_asked_for_is_read_all_the_same() {
    for provider in Provider::ALL {
        let reply: Reply = provider.whole(&answered(provider));
        let bank = bank(provider, provider.answers(model(provider), [reply])).await;
        let answer = bank.post(Scenario::CHAT, &question(provider, Scenario::CHAT)).await.answer();
        assert_eq!(answer.message["content"], "The answer is 391.");
        assert_eq!(bank.spent().await, charged(provider, &bank.server.accounts().total()), "{provider:?}");
    }
}
