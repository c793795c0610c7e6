//! Several servers of one model: what one cannot do is tried elsewhere.

use super::{Front, ask, engine, serve};
use outthink_core::Effort;
use outthink_engine::pool::{Member, PoolEngine, PoolOptions};
use outthink_serve::ServeOptions;
use outthink_testkit::client;
use outthink_testkit::server::{Reply, Scenario, Server, Step};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;

/// A gateway before a pool of these servers; the first is preferred where `tiers` says so.
async fn pool(servers: &[&Server], tiers: bool) -> SocketAddr {
    let member = |(index, server): (usize, &&Server)| Member {
        tier: if tiers { index as u32 } else { 0 },
        ..Member::new(format!("member-{index}"), engine(server))
    };
    let members = servers.iter().enumerate().map(member).collect();
    let pool = Arc::new(PoolEngine::new(members, PoolOptions::default()).unwrap());
    serve(ServeOptions::new(vec![pool]).with_default_effort(Effort::None)).await
}

#[tokio::test]
async fn what_one_member_cannot_do_another_one_does() {
    let status = |status| Reply::error(status, "not here", "server_error", Value::Null);
    let mut faults: Vec<(String, Reply)> =
        [401, 402, 403, 404, 408, 413, 425, 429, 498, 500, 502, 503, 504, 520, 522, 524, 529]
            .map(|code| (code.to_string(), status(code)))
            .to_vec();
    faults.extend([
        (
            "an error as first event".to_owned(),
            Reply::events([json!({"error": {"message": "Overloaded", "code": 529}})]),
        ),
        ("a page".to_owned(), Reply::body("text/html", "<html>welcome</html>")),
        ("a reset".to_owned(), Reply::wire([Step::Reset])),
        ("no byte".to_owned(), Reply::wire([Step::Close])),
        ("no text before the end".to_owned(), Reply::events([Step::Close])),
    ]);
    for (name, fault) in faults {
        let (bad, good) = (Server::start(Scenario::anything([fault])), Server::start(Reply::text("391")));
        let address = pool(&[&bad, &good], true).await;
        for stream in [false, true] {
            let reply = client::post(address, Scenario::CHAT, &ask(json!({ "stream": stream }))).await;
            let answer = reply.answer();
            assert_eq!((answer.status, &answer.message["content"]), (200, &json!("391")), "{name}: {}", reply.body);
        }
        assert!(!bad.requests().is_empty(), "{name}: the first member was never asked");
    }
}

#[tokio::test]
async fn what_is_wrong_with_the_request_is_not_tried_elsewhere() {
    let wrong = Reply::error(400, "temperature must be at most 2", "invalid_request_error", Value::Null);
    let (first, second) = (Server::start(wrong), Server::start(Reply::text("391")));
    let address = pool(&[&first, &second], true).await;
    let reply = client::post(address, Scenario::CHAT, &ask(json!({"temperature": 9}))).await;
    assert_eq!(reply.status, 400, "{}", reply.body);
    assert!(second.requests().is_empty());
}

#[tokio::test]
async fn samples_of_one_prompt_do_not_all_fail_with_one_member() {
    let (bad, good) = (
        Server::start(Reply::error(500, "down", "server_error", Value::Null)),
        Server::start(Reply::text("The answer is 391.")),
    );
    let address = pool(&[&bad, &good], false).await;
    let body = ask(json!({"outthink": {"strategy": "self-consistency", "samples": 6}}));
    let answer = client::post(address, Scenario::CHAT, &body).await.answer();
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!((&answer.receipt["samples_failed"], &answer.receipt["samples_drawn"]), (&json!(0), &json!(6)));
    assert_eq!(answer.receipt["votes"], json!([{"answer": "391", "votes": 6}]));
}

#[tokio::test]
async fn the_turns_of_a_conversation_go_to_one_member() {
    let servers = [(); 3].map(|()| Server::start(Reply::text("Well.")));
    let address = pool(&servers.each_ref(), false).await;
    for conversation in 0..4 {
        let before: Vec<usize> = servers.iter().map(|server| server.requests().len()).collect();
        let mut messages = vec![json!({"role": "user", "content": format!("Conversation {conversation}: hello")})];
        for turn in 0..5 {
            let reply = client::post(address, Scenario::CHAT, &json!({ "messages": messages })).await;
            assert_eq!(reply.status, 200, "{}", reply.body);
            messages.push(json!({"role": "assistant", "content": "Well."}));
            messages.push(json!({"role": "user", "content": format!("and then? {turn}")}));
        }
        let asked: Vec<usize> = servers.iter().zip(before).map(|(server, n)| server.requests().len() - n).collect();
        assert_eq!(asked.iter().filter(|n| **n > 0).count(), 1, "conversation {conversation} was spread: {asked:?}");
    }
}

#[tokio::test]
async fn a_kept_connection_that_went_stale_costs_nothing() {
    for (name, scenario) in [
        ("closed on the next request", Scenario::chat([Reply::text("391")]).closes_kept_connections()),
        ("closed after the reply", Scenario::chat([Reply::text("391").closes()])),
    ] {
        let front = Front::new(scenario).await;
        for round in 0..4 {
            for reply in front.both(&json!({})).await {
                let answer = reply.answer();
                assert_eq!((answer.status, &answer.message["content"]), (200, &json!("391")), "{name}, round {round}");
                assert_eq!(answer.receipt["samples_failed"], 0, "{name}, round {round}");
            }
        }
    }
}

#[tokio::test]
async fn what_a_server_refuses_is_left_out_and_remembered() {
    for (field, words) in [
        ("seed", "Unrecognized request argument supplied: seed"),
        ("stream_options", "stream_options: Extra inputs are not permitted"),
    ] {
        for status in [400, 422] {
            let scenario = Scenario::by(move |_, request| {
                if request.json().get(field).is_some() {
                    Reply::error(status, words, "invalid_request_error", Value::Null)
                } else {
                    Reply::text("391")
                }
            });
            let front = Front::new(scenario).await;
            for _ in 0..2 {
                let answer = front.chat(json!({"seed": 7})).await.answer();
                assert_eq!(
                    (answer.status, &answer.message["content"]),
                    (200, &json!("391")),
                    "{field}, {status}: {answer:?}"
                );
            }
            let asked: Vec<bool> = front.server.requests().iter().map(|r| r.json().get(field).is_some()).collect();
            assert_eq!(asked, [true, false, false], "{field}, {status}: it is asked for once");
        }
    }
}

#[tokio::test]
async fn a_seed_is_sent_where_one_was_asked_for() {
    let front = Front::new(Reply::text("The answer is 391.")).await;
    front.chat(json!({})).await;
    front.chat(json!({"outthink": {"strategy": "self-consistency", "samples": 3}})).await;
    assert!(front.server.requests().iter().all(|request| request.json().get("seed").is_none()));
    front.chat(json!({"seed": 7})).await;
    front.chat(json!({"seed": 7})).await;
    let seeds: Vec<Value> = front.server.requests().iter().rev().take(2).map(|r| r.json()["seed"].clone()).collect();
    assert!(seeds[0].is_u64() && seeds[0] == seeds[1], "{seeds:?}");
    front.chat(json!({"tools": []})).await;
    assert!(
        front.server.requests().last().unwrap().json().get("tools").is_none(),
        "an empty list of tools is left out"
    );
}
