//! Several gateways on one ledger: what one of them remembers, all of them know. PostgreSQL where it is at hand.

use super::{Bank, ask};
use outthink_ledger::{Ledger, NewKey};
use outthink_serve::config::{Config, KeyMode};
use outthink_testkit::client::{self, Response};
use outthink_testkit::server::{Reply, Scenario};
use serde_json::{Value, json};

/// Two gateways on this ledger that demand keys, with a key each.
async fn pair(url: &str, share: bool) -> [Bank; 2] {
    let mut config = Config::default();
    config.keys.mode = KeyMode::Required;
    config.privacy.share_responses = share;
    let open = |name: &'static str| {
        let config = config.clone();
        async move {
            let ledger = Ledger::open(url, 60).await.unwrap();
            let key = NewKey { name: format!("{name}-{share}"), ..NewKey::default() };
            Bank::of(Scenario::chat([Reply::text("It is 391.")]), ledger, key, config).await
        }
    };
    [open("one").await, open("two").await]
}

impl Bank {
    /// As the key of another bank.
    async fn as_key(&self, of: &Self, method: &str, path: &str, body: Value) -> Response {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let mut headers = vec![("authorization", of.bearer())];
        if !body.is_empty() {
            headers.push(("content-type", "application/json".to_owned()));
        }
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        client::call(self.address, method, path, &headers, body.as_bytes()).await
    }
}

/// The response of a reply, whole or streamed.
fn response(reply: &Response) -> Value {
    if !reply.is_stream() {
        return reply.json();
    }
    let data = reply.body.lines().filter_map(|line| line.strip_prefix("data: "));
    let events: Vec<Value> = data.filter_map(|line| serde_json::from_str(line).ok()).collect();
    events.iter().rfind(|e| e["type"] == "response.completed").unwrap_or_else(|| panic!("{}", reply.body))["response"]
        .clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_goes_on_at_another_gateway() {
    let Ok(url) = std::env::var("OUTTHINK_TEST_POSTGRES") else { return };
    let [one, two] = pair(&url, true).await;
    for stream in [false, true] {
        let mut previous = Value::Null;
        // A load balancer that sends each turn to the other one, without a pause.
        for turn in 0..6 {
            let (here, there) = if turn % 2 == 0 { (&one, &two) } else { (&two, &one) };
            let mut body = json!({"input": format!("turn {turn}"), "stream": stream});
            if !previous.is_null() {
                body["previous_response_id"] = previous.clone();
            }
            let reply = here.as_key(&one, "POST", "/v1/responses", body).await;
            assert_eq!(reply.status, 200, "{turn}: {}", reply.body);
            let response = response(&reply);
            previous = response["id"].clone();
            let messages = here.server.requests().last().unwrap().json()["messages"].as_array().unwrap().len();
            assert_eq!(messages, 2 * turn + 1, "{turn}");
            // It is read again at the other one, as it was told; not by another key.
            let path = format!("/v1/responses/{}", previous.as_str().unwrap());
            let again = there.as_key(&one, "GET", &path, Value::Null).await;
            assert_eq!((again.status, again.json()), (200, response), "{turn}");
            assert_eq!(there.as_key(&two, "GET", &path, Value::Null).await.status, 404);
            assert_eq!(there.as_key(&two, "DELETE", &path, Value::Null).await.status, 404);
        }
        // What is forgotten at one is forgotten at both.
        let path = format!("/v1/responses/{}", previous.as_str().unwrap());
        assert_eq!(two.as_key(&one, "DELETE", &path, Value::Null).await.status, 200);
        let body = json!({"input": "more", "previous_response_id": previous});
        let lost = one.as_key(&one, "POST", "/v1/responses", body).await;
        assert_eq!((lost.status, &lost.json()["error"]["code"]), (400, &json!("previous_response_not_found")));
    }
    // What is not to be stored is nowhere.
    let reply = one.as_key(&one, "POST", "/v1/responses", json!({"input": "x", "store": false})).await.json();
    let path = format!("/v1/responses/{}", reply["id"].as_str().unwrap());
    for bank in [&one, &two] {
        assert_eq!(bank.as_key(&one, "GET", &path, Value::Null).await.status, 404);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_is_read_at_another_gateway() {
    let Ok(url) = std::env::var("OUTTHINK_TEST_POSTGRES") else { return };
    let [one, two] = pair(&url, false).await;
    let fields = json!({"outthink": {"strategy": "self-consistency", "samples": 3}});
    let reply = one.as_key(&one, "POST", Scenario::CHAT, ask(fields)).await.json();
    let path = format!("/v1/outthink/traces/{}", reply["outthink"]["trace_id"].as_str().unwrap());
    let mut found = two.as_key(&one, "GET", &path, Value::Null).await;
    for _ in 0..200 {
        if found.status == 200 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        found = two.as_key(&one, "GET", &path, Value::Null).await;
    }
    let trace = found.json();
    assert_eq!((found.status, trace["samples"].as_array().map(Vec::len)), (200, Some(3)), "{trace}");
    assert_eq!(trace, one.as_key(&one, "GET", &path, Value::Null).await.json());
    assert_eq!(two.as_key(&two, "GET", &path, Value::Null).await.status, 404);
    // Texts that are not to be in the database stay where they were made.
    let reply = one.as_key(&one, "POST", "/v1/responses", json!({"input": "x"})).await.json();
    let path = format!("/v1/responses/{}", reply["id"].as_str().unwrap());
    assert_eq!(one.as_key(&one, "GET", &path, Value::Null).await.status, 200);
    assert_eq!(two.as_key(&one, "GET", &path, Value::Null).await.status, 404);
}
