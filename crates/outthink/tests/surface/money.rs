//! What is billed is what the work cost, by whoever did it.

use super::{Bank, CACHED, Front, GENERATED, READ, answer, ask, chunk, done, end, engine_options, price, say, serve};
use outthink_core::{Effort, Engine, LongPrice, Price};
use outthink_engine::openai::OpenAiEngine;
use outthink_engine::pool::{Member, PoolEngine, PoolOptions};
use outthink_serve::ServeOptions;
use outthink_testkit::client;
use outthink_testkit::server::{Message, Reply, Scenario, Server, Step};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// Five words, then these steps.
fn words(rest: Vec<Step>) -> Reply {
    let mut steps: Vec<Step> = (0..5).map(|n| say(&format!("w{n} "))).collect();
    steps.extend(rest);
    Reply::events(steps)
}

/// Five words and the usage in an event of its own.
fn reported(usage: &Value) -> Reply {
    words(vec![end("stop"), super::usage(usage), done()])
}

#[tokio::test]
async fn usage_is_settled_by_its_total_whatever_its_shape_and_place() {
    let plain = json!({"prompt_tokens": 70, "completion_tokens": 90, "total_tokens": 160});
    let with = |name: &str, value: Value| {
        let mut usage = json!({"prompt_tokens": 100, "completion_tokens": 9, "total_tokens": 109});
        usage[name] = value;
        reported(&usage)
    };
    let last = |beside: Value| {
        let mut last = json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]});
        if let Value::Object(fields) = beside {
            fields.into_iter().for_each(|(name, value)| last[name] = value);
        }
        words(vec![Step::from(last), done()])
    };
    let in_choice = json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop", "usage": plain}]});
    let growing = (1..=3).map(|n| {
        Step::from(json!({"choices": [{"index": 0, "delta": {"content": "w "}}],
            "usage": {"prompt_tokens": 7, "completion_tokens": 10 * n, "total_tokens": 7 + 10 * n}}))
    });
    for (name, reply, prompt, cached, completion) in [
        ("its own event", reported(&plain), 70, 0, 90),
        ("beside the last choice", last(json!({"usage": plain})), 70, 0, 90),
        ("in the choice", words(vec![Step::from(in_choice), done()]), 70, 0, 90),
        ("x_groq", last(json!({"x_groq": {"id": "r", "usage": plain}})), 70, 0, 90),
        ("grows with each event", Reply::events(growing.chain([end("stop"), done()])), 7, 0, 30),
        (
            "reasoning beside completion",
            reported(&json!({"prompt_tokens": 7, "completion_tokens": 5,
            "total_tokens": 312, "completion_tokens_details": {"reasoning_tokens": 300}})),
            7,
            0,
            305,
        ),
        (
            "reasoning within completion",
            reported(&json!({"prompt_tokens": 7, "completion_tokens": 305,
            "total_tokens": 312, "completion_tokens_details": {"reasoning_tokens": 300}})),
            7,
            0,
            305,
        ),
        (
            "more than the parts",
            reported(&json!({"prompt_tokens": 7, "completion_tokens": 5,
            "total_tokens": 1007})),
            7,
            0,
            1000,
        ),
        (
            "much that nobody saw",
            reported(&json!({"prompt_tokens": 7, "completion_tokens": 9000,
            "total_tokens": 9007, "completion_tokens_details": {"reasoning_tokens": 8995}})),
            7,
            0,
            9000,
        ),
        ("cached, nested", with("prompt_tokens_details", json!({"cached_tokens": 80})), 100, 80, 9),
        ("cached, flat", with("cached_tokens", json!(80)), 100, 80, 9),
        ("cached, as DeepSeek has it", with("prompt_cache_hit_tokens", json!(80)), 100, 80, 9),
        ("other names", reported(&json!({"input_tokens": 100, "output_tokens": 9})), 100, 0, 9),
        ("numbers as floats", reported(&json!({"prompt_tokens": 70.0, "completion_tokens": 90.0})), 70, 0, 90),
    ] {
        let answer = answer(name, reply).await;
        let number = |path: &str| answer.usage.pointer(path).and_then(Value::as_u64);
        assert_eq!(
            (number("/prompt_tokens"), number("/prompt_tokens_details/cached_tokens"), number("/completion_tokens")),
            (Some(prompt), Some(cached), Some(completion)),
            "{name}: {}",
            answer.usage
        );
        let cost = (prompt - cached) * READ + cached * CACHED + completion * GENERATED;
        assert_eq!(answer.receipt["cost_nano_usd"], cost, "{name}");
        assert_eq!(answer.receipt["estimated"], false, "{name}");
    }
}

#[tokio::test]
async fn what_no_server_counted_is_estimated_and_says_so() {
    let text = "The answer to the question is 391, as anybody can see at once.";
    let letters = text.chars().map(|c| say(&c.to_string()));
    for (name, steps) in [
        ("letter by letter", letters.collect::<Vec<_>>()),
        ("one large piece", vec![say(text)]),
        ("word by word", text.split_inclusive(' ').map(say).collect()),
    ] {
        for ending in [json!(null), json!({"prompt_tokens": 0, "completion_tokens": 0}), json!("many")] {
            let mut steps = steps.clone();
            steps.extend([end("stop"), super::usage(&ending), done()]);
            let answer = answer(name, Reply::events(steps)).await;
            let tokens = answer.usage["completion_tokens"].as_u64().unwrap();
            // The text has 16 words and 62 bytes: by no vocabulary fewer than 8 tokens or more than 62.
            assert!((8..=62).contains(&tokens), "{name}, {ending}: {tokens}");
            assert_eq!(answer.receipt["estimated"], true, "{name}, {ending}");
            assert!(answer.usage["prompt_tokens"].as_u64().unwrap() > 0, "{name}, {ending}");
        }
    }
}

fn named(server: &Server, model: &str, price: Price) -> Arc<dyn Engine> {
    let mut options = engine_options(server);
    (options.model, options.price) = (Some(model.into()), price);
    Arc::new(OpenAiEngine::new(options).unwrap())
}

#[tokio::test]
async fn the_model_that_worked_is_billed_and_named() {
    let small = Server::start(Reply::error(503, "down", "server_error", Value::Null));
    let usage = json!({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15});
    let large = Server::start(Reply::text("It is 391.").usage(usage));
    let expensive = Price::per_million_usd(10.0, 10.0, 30.0).unwrap();
    let members = vec![
        Member::new("small", named(&small, "small", price())),
        Member { tier: 1, ..Member::new("large", named(&large, "large", expensive)) },
    ];
    let pool = Arc::new(PoolEngine::new(members, PoolOptions::default()).unwrap());
    let address = serve(ServeOptions::new(vec![pool]).with_default_effort(Effort::None)).await;
    for stream in [false, true] {
        let body = ask(
            json!({"stream": stream, "stream_options": if stream { json!({"include_usage": true}) } else { json!(null) }}),
        );
        let answer = client::post(address, Scenario::CHAT, &body).await.answer();
        assert_eq!(answer.message["content"], "It is 391.", "{answer:?}");
        assert_eq!(answer.receipt["cost_nano_usd"], 10 * 10_000 + 5 * 30_000, "{}", answer.receipt);
        assert_eq!(answer.receipt["model"], "large", "{}", answer.receipt);
    }
}

#[tokio::test]
async fn each_kind_of_token_is_billed_at_its_price_and_a_long_prompt_at_another() {
    let own = Price {
        cache_write: Some(1_250_000_000),
        reasoning: Some(6_000_000_000),
        long: Some(LongPrice { above: 1_000, input: 2_000_000_000, output: 9_000_000_000, ..LongPrice::default() }),
        ..price()
    };
    let chat = |prompt: u64, written: u64| {
        reported(&json!({"prompt_tokens": prompt, "completion_tokens": 300, "total_tokens": prompt + 300,
            "prompt_tokens_details": {"cached_tokens": 40, "cache_write_tokens": written},
            "completion_tokens_details": {"reasoning_tokens": 200}}))
    };
    let anthropic = reported(&json!({"input_tokens": 30, "cache_read_input_tokens": 40,
        "cache_creation_input_tokens": 30, "output_tokens": 300}));
    for (name, reply, bill) in [
        ("short", chat(100, 30), 30 * READ + 40 * CACHED + 30 * 1_250 + 100 * GENERATED + 200 * 6_000),
        ("nothing written", chat(100, 0), 60 * READ + 40 * CACHED + 100 * GENERATED + 200 * 6_000),
        // Its cached tokens are free, and its reasoning costs what all output does.
        ("long", chat(1_001, 30), 961 * 2_000 + 300 * 9_000),
        ("Anthropic's words", anthropic, 30 * READ + 40 * CACHED + 30 * 1_250 + 300 * GENERATED),
    ] {
        for form in [json!({}), json!({"stream": true})] {
            let bank = Bank::priced(reply.clone(), 1_000_000_000, own).await;
            let mut body = ask(form);
            body["max_tokens"] = 400.into();
            let reply = bank.post("/v1/chat/completions", &body).await;
            assert_eq!(reply.status, 200, "{name}: {}", reply.body);
            assert_eq!(bank.spent().await, bill, "{name}: {}", reply.body);
        }
    }
    // A claim is made at the highest price that the request may meet.
    let claim = 16 * 9_000;
    for (budget, status) in [(claim, 429), (4_000_000, 200)] {
        let bank = Bank::priced(chat(100, 30), budget, own).await;
        let reply = bank.post("/v1/chat/completions", &ask(json!({"max_tokens": 400}))).await;
        assert_eq!(reply.status, status, "{budget}: {}", reply.body);
        assert!(bank.spent().await <= budget);
    }
}

#[tokio::test]
async fn a_prompt_that_was_read_is_paid_for_each_attempt() {
    let role = chunk(&json!({"role": "assistant", "content": ""}), &Value::Null);
    for (name, broken) in [
        ("cut after its head", Reply::events([role.clone(), Step::Close])),
        ("reset after its head", Reply::events([role.clone(), Step::Reset])),
        ("an error as first event", Reply::events([Step::from(json!({"error": {"message": "busy", "code": 503}}))])),
    ] {
        let usage = json!({"prompt_tokens": 70, "completion_tokens": 5, "total_tokens": 75});
        let scenario = Scenario::chat([broken, Reply::text("391").usage(usage)]);
        let front = Front::with(scenario, |options| options.max_retries = 2).await;
        let answer = front.chat(json!({})).await.answer();
        assert_eq!((answer.status, &answer.message["content"]), (200, &json!("391")), "{name}: {answer:?}");
        assert_eq!(front.server.requests().len(), 2, "{name}");
        let read = answer.usage["prompt_tokens"].as_u64().unwrap();
        assert!(read > 70, "{name}: the first attempt's prompt is missing: {}", answer.usage);
        assert_eq!(answer.receipt["cost_nano_usd"], read * READ + 5 * GENERATED, "{name}");
    }
}

#[tokio::test]
async fn who_leaves_before_the_first_token_pays_for_the_prompt() {
    for stream in [false, true] {
        let bank = Bank::new(Reply::events([Step::Hang]), 1_000_000_000).await;
        let text = "word ".repeat(2_000);
        let body = json!({"messages": [{"role": "user", "content": text}], "stream": stream}).to_string();
        let headers = [("authorization", &*bank.bearer())];
        let connection = client::open(bank.address, "POST", Scenario::CHAT, &headers, body.as_bytes()).await;
        assert!(bank.server.until(|total| total.open == 1).await);
        tokio::time::sleep(Duration::from_millis(100)).await;
        drop(connection);
        assert!(bank.server.until(|total| total.left == 1).await, "the server is told at once");
        // 2,000 words: at least one token for each two of them.
        let spent = bank.spent().await;
        assert!(spent >= 1_000 * READ, "stream {stream}: {spent}");
    }
}

#[tokio::test]
async fn a_limit_holds_under_any_name_and_whatever_the_server_does() {
    let long = || Reply::words(600).with(Message::ignoring_limits).pace(Duration::from_millis(2));
    for name in ["n_predict", "max_new_tokens", "max_length", "min_tokens", "num_predict"] {
        let mut fields = json!({"max_tokens": 50});
        fields[name] = 5_000.into();
        let front = Front::new(long()).await;
        let reply = front.chat(fields).await;
        if reply.status == 400 {
            assert!(front.server.requests().is_empty(), "{name}: refused and asked all the same");
            continue;
        }
        let sent = front.server.requests()[0].json();
        assert!(sent[name].as_u64().is_none_or(|n| n <= 50), "{name} goes past the limit: {sent}");
        let answer = reply.answer();
        let tokens = answer.usage["completion_tokens"].as_u64().unwrap();
        assert!((50..=120).contains(&tokens), "{name}: {tokens} tokens on a limit of 50");
        assert_eq!(answer.finish, "length", "{name}");
        assert!(front.server.until(|total| total.open == 0).await);
        assert!(front.server.accounts().total().completion < 300, "{name}: the stream is cut");
    }
}

#[tokio::test]
async fn counts_are_numbers_or_are_refused() {
    for (path, name, value) in [
        (Scenario::CHAT, "n", json!(5.0)),
        (Scenario::CHAT, "n", json!("5")),
        (Scenario::COMPLETIONS, "n", json!(5.0)),
        (Scenario::COMPLETIONS, "n", json!("5")),
        (Scenario::COMPLETIONS, "best_of", json!("5")),
        (Scenario::COMPLETIONS, "max_tokens", json!("9")),
        (Scenario::COMPLETIONS, "max_tokens", json!(9.0)),
        (Scenario::CHAT, "max_tokens", json!("9")),
        (Scenario::CHAT, "max_completion_tokens", json!(9.5)),
    ] {
        let scenario = Scenario::chat([Reply::text("391")]).on(Scenario::COMPLETIONS, [Reply::text("391")]);
        // A key that can pay for one short reply and no more.
        let bank = Bank::new(scenario, 40_000).await;
        let mut body = json!({"prompt": "Once", "messages": [{"role": "user", "content": "Hi"}]});
        body.as_object_mut().unwrap().remove(if path == Scenario::CHAT { "prompt" } else { "messages" });
        body[name] = value.clone();
        let reply = bank.post(path, &body).await;
        if reply.status == 200 {
            let sent = bank.server.requests()[0].json();
            assert!(sent[name].is_u64() || sent[name].is_null(), "{path} {name} {value} is sent as {}", sent[name]);
        } else {
            assert!((400..=429).contains(&reply.status), "{path} {name} {value}: {}", reply.body);
            assert!(bank.server.requests().is_empty(), "{path} {name} {value}: refused and asked all the same");
        }
    }
}

#[tokio::test]
async fn what_is_no_text_weighs_in_a_claim() {
    let image = json!({"type": "image_url", "image_url": {"url": "https://example.com/a.png"}});
    let parts: Vec<Value> = std::iter::repeat_n(image, 60).collect();
    let file = json!({"type": "file", "file": {"file_id": "f"}});
    for (name, body) in [
        ("60 images", json!({"messages": [{"role": "user", "content": parts}], "max_tokens": 10})),
        ("a file", json!({"messages": [{"role": "user", "content": [file]}], "max_tokens": 10})),
        (
            "a prediction",
            json!({"messages": [{"role": "user", "content": "x"}], "max_tokens": 10,
            "prediction": {"type": "content", "content": "word ".repeat(10_000)}}),
        ),
    ] {
        let used = json!({"prompt_tokens": 66_000, "completion_tokens": 2, "total_tokens": 66_002});
        let limit = 500_000;
        let bank = Bank::new(Reply::text("Yes.").usage(used), limit).await;
        let reply = bank.post(Scenario::CHAT, &body).await;
        assert_ne!(reply.status, 200, "{name}: a budget of {limit} paid for 66,000 tokens");
        assert!(bank.server.requests().is_empty() && bank.spent().await == 0, "{name}: {}", reply.body);
    }
}

#[tokio::test]
async fn embeddings_are_billed_wherever_their_usage_stands() {
    let data: Vec<Value> =
        (0..50).map(|n| json!({"object": "embedding", "index": n, "embedding": vec![0.25; 200]})).collect();
    let used = json!({"prompt_tokens": 30, "total_tokens": 30});
    for (name, body) in [
        ("usage first", json!({"object": "list", "usage": used, "model": "m", "data": data})),
        ("usage last", json!({"object": "list", "model": "m", "data": data, "usage": used})),
    ] {
        let bank = Bank::new(Scenario::default().on(Scenario::EMBEDDINGS, [Reply::json(body)]), 1_000_000_000).await;
        let reply = bank.post(Scenario::EMBEDDINGS, &json!({"input": "some text", "model": "m"})).await;
        assert_eq!(reply.status, 200, "{name}: {}", reply.body);
        assert_eq!(bank.spent().await, 30 * READ, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_that_allow_themselves_much_do_not_starve_a_budget() {
    let used = json!({"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30});
    let reply = Reply::words(20).usage(used).pace(Duration::from_millis(5));
    // Twenty claims of 128,000 tokens each would be 51 times this budget.
    let bank = Arc::new(Bank::new(reply, 100_000_000).await);
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let bank = Arc::clone(&bank);
        running.spawn(async move { bank.post(Scenario::CHAT, &ask(json!({"max_tokens": 128_000}))).await.status });
    }
    assert!(running.join_all().await.iter().all(|status| *status == 200));
    assert_eq!(bank.spent().await, 20 * (10 * READ + 20 * GENERATED));
}
