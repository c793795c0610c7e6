//! Budgets of days, months, teams and sessions: none is exceeded, and a refusal names the one that ended.

use super::{Bank, GENERATED, READ, ask, engine, engine_options, serve};
use outthink_core::{Cost, Effort, Price, Verifier};
use outthink_engine::openai::{RewardModel, RewardShape};
use outthink_ledger::{Ledger, Limits, NewKey, TeamLimits};
use outthink_serve::config::Config;
use outthink_serve::{Control, Policy, Resources, ServeOptions};
use outthink_testkit::client::{self, Response};
use outthink_testkit::server::{Reply, Scenario, Server};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// What one reply of these tests costs, and the most that a claim for it may hold.
const COST: u64 = 10 * READ + 100 * GENERATED;

fn reply() -> Reply {
    let usage = json!({"prompt_tokens": 10, "completion_tokens": 100, "total_tokens": 110});
    Reply::text("It is 391.").usage(usage)
}

#[expect(clippy::unnecessary_wraps, reason = "limits are optional, and each of these is one")]
fn nano(amount: u64) -> Option<Cost> {
    Some(Cost::from_nano(amount))
}

/// A bank with these limits for its key and for the team `red` that the key is of.
async fn bank(limits: Limits, team: Option<TeamLimits>) -> Bank {
    let ledger = Ledger::open("sqlite::memory:", 60).await.unwrap();
    if let Some(team) = team {
        ledger.set_team("red", team).await.unwrap();
    }
    let key = NewKey { name: "k".into(), limits, team: team.map(|_| "red".into()), admin: false };
    let scenario = Scenario::chat([reply()]).on(Scenario::COMPLETIONS, [reply()]);
    Bank::of(scenario, ledger, key, Config::default()).await
}

impl Bank {
    /// Asks in a session, whole or streamed.
    async fn talk(&self, session: &str, stream: bool) -> Response {
        let fields = json!({"max_tokens": 100, "stream": stream, "metadata": {"session_id": session}});
        self.post(Scenario::CHAT, &ask(fields)).await
    }
}

/// The budget that a refusal names, and the error itself.
fn refused(name: &str, reply: &Response, status: u16) -> Value {
    assert_eq!(reply.status, status, "{name}: {}", reply.body);
    let body = reply.json();
    assert_eq!(body["error"]["type"], "insufficient_quota", "{name}: {body}");
    assert_eq!(body["error"]["code"], "insufficient_quota", "{name}: {body}");
    body
}

#[tokio::test]
async fn the_budget_that_ended_is_named_with_the_time_of_its_renewal() {
    // Pays for one reply, not for a second one.
    let one = nano(COST + COST / 2);
    let much = nano(100 * COST);
    let key = |day, month, session| Limits {
        cost_per_day: day,
        cost_per_month: month,
        cost_per_session: session,
        ..Limits::default()
    };
    let team =
        |day, month, session| Some(TeamLimits { cost_per_day: day, cost_per_month: month, cost_per_session: session });
    for (name, limits, team, status, budget) in [
        ("a day", key(one, None, None), None, 429, ("key", "day")),
        ("a month", key(much, one, None), None, 429, ("key", "month")),
        ("a day within a month", key(one, much, None), None, 429, ("key", "day")),
        ("a day and a month", key(one, one, None), None, 429, ("key", "month")),
        ("a team's day", key(None, None, None), team(one, None, None), 429, ("team", "day")),
        ("a team's month", key(much, much, None), team(much, one, None), 429, ("team", "month")),
        ("the key's before the team's", key(None, one, None), team(one, None, None), 429, ("key", "month")),
        ("a session", key(much, None, one), None, 402, ("session", "session")),
        ("a session of a team", key(None, None, much), team(None, much, one), 402, ("session", "session")),
    ] {
        for stream in [false, true] {
            let bank = bank(limits.clone(), team).await;
            let first = bank.talk("a", stream).await;
            assert_eq!(first.status, 200, "{name}: {}", first.body);
            assert_eq!(bank.spent().await, COST, "{name}");
            let reply = bank.talk("a", stream).await;
            let error = refused(name, &reply, status);
            let told = &error["outthink"]["budget"];
            assert_eq!((&told["of"], &told["period"]), (&json!(budget.0), &json!(budget.1)), "{name}: {error}");
            if budget.0 == "team" {
                assert_eq!(told["name"], "red", "{name}: {error}");
            }
            let renewed = told["renewed_at"].as_u64();
            assert_eq!(renewed.is_some(), status == 429, "{name}: {error}");
            assert_eq!(reply.header("retry-after").is_some(), status == 429, "{name}");
            let words = error["error"]["message"].as_str().unwrap();
            assert!(words.contains(budget.0), "{name}: {words}");
            assert!(words.contains(if status == 429 { "renewed" } else { "begin another session" }), "{name}: {words}");
            // Another session has a budget of its own, and none but sessions have.
            let other = bank.talk("b", stream).await.status;
            assert_eq!(other, if status == 402 { 200 } else { 429 }, "{name}");
            assert_eq!(bank.server.requests().len(), if status == 402 { 2 } else { 1 }, "{name}");
        }
    }
}

#[tokio::test]
async fn a_session_is_known_by_any_of_its_names() {
    let one = Limits { cost_per_session: nano(COST + COST / 2), ..Limits::default() };
    for (name, fields, other) in [
        ("metadata.session_id", json!({"metadata": {"session_id": "a"}}), json!({"metadata": {"session_id": "b"}})),
        ("metadata.user_id", json!({"metadata": {"user_id": "a"}}), json!({"metadata": {"user_id": "b"}})),
        ("prompt_cache_key", json!({"prompt_cache_key": "a"}), json!({"prompt_cache_key": "b"})),
        ("session_id", json!({"session_id": "a"}), json!({"session_id": "b"})),
        (
            "outthink.session",
            json!({"outthink": {"session": "a"}}),
            json!({"outthink": {"session": "b"}, "session_id": "a"}),
        ),
        ("no name", json!({}), json!({"messages": [{"role": "user", "content": "Something else?"}]})),
    ] {
        for path in [Scenario::CHAT, "/v1/responses"] {
            let bank = bank(one.clone(), None).await;
            let post = |mut fields: Value| {
                let bank = &bank;
                async move {
                    let mut body = if path == Scenario::CHAT {
                        ask(json!({"max_tokens": 100}))
                    } else {
                        json!({"input": "What is 17*23?", "max_output_tokens": 100})
                    };
                    if path != Scenario::CHAT
                        && let Some(messages) = fields.as_object_mut().unwrap().remove("messages")
                    {
                        fields["input"] = messages;
                    }
                    fields.as_object().unwrap().iter().for_each(|(key, value)| body[key] = value.clone());
                    bank.post(path, &body).await.status
                }
            };
            assert_eq!(post(fields.clone()).await, 200, "{name}, {path}");
            bank.spent().await;
            assert_eq!(post(fields.clone()).await, 402, "{name}, {path}");
            assert_eq!(post(other.clone()).await, 200, "{name}, {path}");
        }
    }
}

#[tokio::test]
async fn the_turns_of_a_conversation_share_its_budget() {
    let limits = Limits { cost_per_session: nano(3 * COST), ..Limits::default() };
    let bank = bank(limits, None).await;
    let mut messages = vec![json!({"role": "user", "content": "What is 17*23?"})];
    let mut answered = 0;
    for _ in 0..6 {
        let body = json!({"messages": messages, "max_tokens": 100});
        let reply = bank.post(Scenario::CHAT, &body).await;
        bank.spent().await;
        if reply.status != 200 {
            refused("the turns", &reply, 402);
            break;
        }
        answered += 1;
        messages.push(json!({"role": "assistant", "content": "It is 391."}));
        messages.push(json!({"role": "user", "content": "Are you sure?"}));
    }
    // The claim of a turn counts its prompt by bytes, so that the last turn may not fit.
    assert!((2..=3).contains(&answered), "{answered}");
    assert!(bank.spent().await <= 3 * COST);
}

#[tokio::test]
async fn completions_and_embeddings_share_the_budgets() {
    let limits = Limits { cost_per_month: nano(COST + COST / 2), ..Limits::default() };
    let bank = bank(limits, None).await;
    let body = json!({"prompt": "Once", "max_tokens": 100});
    assert_eq!(bank.post(Scenario::COMPLETIONS, &body).await.status, 200);
    assert_eq!(bank.spent().await, COST);
    let error = refused("completions", &bank.post(Scenario::COMPLETIONS, &body).await, 429);
    assert_eq!(error["outthink"]["budget"]["period"], "month", "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_gateways_never_exceed_the_budget_of_a_team() {
    let folder = tempfile::tempdir().unwrap();
    let mut urls = vec![format!("sqlite:{}", folder.path().join("ledger.db").display())];
    urls.extend(std::env::var("OUTTHINK_TEST_POSTGRES"));
    for url in urls {
        let open = || async { Ledger::open(&url, 60).await.unwrap() };
        let ledger = open().await;
        let limits = TeamLimits { cost_per_month: nano(20 * COST), ..TeamLimits::default() };
        ledger.set_team("shared", limits).await.unwrap();
        let key = |name: &str| NewKey { name: name.into(), team: Some("shared".into()), ..NewKey::default() };
        let scenario = || Scenario::chat([reply()]);
        let one = Bank::of(scenario(), ledger.clone(), key("one"), Config::default()).await;
        let two = Bank::of(scenario(), open().await, key("two"), Config::default()).await;
        let (one, two) = (Arc::new(one), Arc::new(two));
        let mut running = tokio::task::JoinSet::new();
        for i in 0..80 {
            let bank = Arc::clone(if i % 2 == 0 { &one } else { &two });
            running.spawn(async move { bank.talk("s", i % 4 < 2).await.status });
        }
        let statuses = running.join_all().await;
        let answered = statuses.iter().filter(|status| **status == 200).count() as u64;
        assert!(statuses.iter().all(|s| [200, 429].contains(s)), "{statuses:?}");
        for _ in 0..500 {
            let team = ledger.teams().await.unwrap().into_iter().find(|t| t.name == "shared").unwrap();
            assert!(team.month.spent <= Cost::from_nano(20 * COST), "{team:?}");
            if team.month.reserved.is_zero() && team.month.spent.nano() == answered * COST {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let team = ledger.teams().await.unwrap().into_iter().find(|t| t.name == "shared").unwrap();
        assert_eq!((team.month.spent.nano(), team.month.reserved), (answered * COST, Cost::ZERO));
        assert!((1..=20).contains(&answered), "{answered}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn judgements_of_a_reward_model_are_paid_before_they_are_asked_for() {
    // A judgement reads 60 tokens at 100 dollars a million: 6,000,000; a reply costs 210,000.
    let judged = json!({"data": [{"data": [0.9]}], "usage": {"prompt_tokens": 60, "total_tokens": 60}});
    let judge = Server::start(Scenario::default().on("/pooling", [Reply::json(judged)]));
    let mut options = engine_options(&judge);
    options.price = Price::per_million_usd(100.0, 100.0, 0.0).unwrap();
    let reward: Arc<dyn Verifier> = Arc::new(RewardModel::new(options, RewardShape::Pooling).unwrap());
    let server = Server::start(Scenario::chat([reply()]));
    let ledger = Ledger::open("sqlite::memory:", 60).await.unwrap();
    // Holds three judgements at their bound of some 39,000,000 each, and does not pay for all 24.
    let limit = 120_000_000;
    let limits = Limits { cost_per_day: nano(limit), ..Limits::default() };
    let (_, secret) = ledger.create_key(&NewKey { name: "k".into(), limits, ..NewKey::default() }).await.unwrap();
    let control = Arc::new(Control::new().with_ledger(ledger.clone()));
    let resources = Resources { verifiers: [("reward".to_owned(), reward)].into(), ..Resources::default() };
    let policy = Policy { resources, ..Policy::default() };
    let options = ServeOptions { control, policy, ..ServeOptions::new(vec![engine(&server)]) };
    let address = serve(options.with_default_effort(Effort::None)).await;
    let bank = Arc::new(Bank { server, address, ledger, secret: secret.expose().to_owned() });
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..12 {
        let bank = Arc::clone(&bank);
        running.spawn(async move {
            let own = json!({"strategy": "best-of-n", "samples": 2, "verifiers": ["reward"]});
            bank.post(Scenario::CHAT, &ask(json!({"max_tokens": 100, "outthink": own}))).await
        });
    }
    let replies = running.join_all().await;
    let judged = judge.requests().len() as u64;
    let spent = bank.spent().await;
    assert!(spent <= limit, "{spent} of {limit}, {judged} judgements");
    assert!(judged >= 2, "some were paid: {judged}");
    assert!(spent >= judged * 6_000_000, "each judgement is on the bill: {spent}, {judged} judgements");
    assert!(
        replies.iter().any(|reply| reply.status == 200),
        "{:?}",
        replies.iter().map(|r| &r.body).collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn limits_of_a_key_change_from_its_next_request_on() {
    let ledger = Ledger::open("sqlite::memory:", 60).await.unwrap();
    let limits = Limits { cost_per_day: nano(COST + COST / 2), ..Limits::default() };
    let key = NewKey { name: "k".into(), admin: true, team: None, limits };
    let bank = Bank::of(Scenario::chat([reply()]), ledger, key, Config::default()).await;
    let change = |name: &'static str, body: Value| {
        let bank = &bank;
        async move {
            let (path, body) = (format!("/outthink/keys/{name}"), body.to_string());
            let headers = [("authorization", bank.bearer())];
            let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
            client::call(bank.address, "PATCH", &path, &headers, body.as_bytes()).await
        }
    };
    assert_eq!(bank.talk("a", false).await.status, 200);
    refused("spent", &bank.talk("a", false).await, 429);
    let changed = change("k", json!({"usd_per_day": 1.0, "models": ["m"], "requests_per_minute": 50})).await;
    assert_eq!(changed.status, 200, "{}", changed.body);
    assert_eq!(bank.talk("a", false).await.status, 200);
    // What is not named stays, and null takes a limit away.
    let changed = change("k", json!({"usd_per_day": null, "largest_effort": "low"})).await.json();
    let limits = &changed["limits"];
    assert_eq!((&limits["cost_per_day"], &limits["models"]), (&Value::Null, &json!(["m"])), "{changed}");
    assert_eq!((&limits["requests_per_minute"], &limits["largest_effort"]), (&json!(50), &json!("low")), "{changed}");
    for (name, body, status) in [
        ("nobody", json!({}), 400),
        ("k", json!({"usd_a_day": 1}), 400),
        ("k", json!({"usd_per_day": 0}), 400),
        ("k", json!({"requests_per_minute": 0}), 400),
        ("k", json!([]), 400),
    ] {
        let refused = change(name, body.clone()).await;
        assert_eq!(refused.status, status, "{name} {body}: {}", refused.body);
    }
}
