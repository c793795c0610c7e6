//! `/v1/conversations`, and the inputs of responses: what is remembered under a name.

use super::{Front, stream};
use outthink_testkit::client::{self, Response};
use serde_json::{Value, json};

const PATH: &str = "/v1/conversations";

async fn call(front: &Front, method: &str, path: &str, body: &Value) -> Response {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let headers: &[(&str, &str)] = if body.is_empty() { &[] } else { &[("content-type", "application/json")] };
    client::call(front.address, method, path, headers, body.as_bytes()).await
}

async fn ids(front: &Front, path: &str) -> Vec<String> {
    let page = call(front, "GET", path, &Value::Null).await.json();
    page["data"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_conversation_grows_with_its_responses() {
    let front = Front::new(stream(&[json!({"content": "391"})], "stop")).await;
    let body = json!({"metadata": {"a": "b"}, "items": [{"type": "message", "role": "system", "content": "Be brief."}, {"type": "novel", "plot": 1}]});
    let made = call(&front, "POST", PATH, &body).await.json();
    assert_eq!((&made["object"], &made["metadata"]["a"]), (&json!("conversation"), &json!("b")));
    let id = made["id"].as_str().unwrap();
    let path = format!("{PATH}/{id}");
    for (turn, streamed) in [(1, false), (2, true)] {
        // By its name, and as an object.
        let named = if streamed { json!({ "id": id }) } else { json!(id) };
        let body = json!({"model": "m", "input": format!("turn {turn}"), "conversation": named, "stream": streamed, "store": !streamed});
        let reply = call(&front, "POST", "/v1/responses", &body).await;
        assert!(
            reply.status == 200 && reply.body.contains(&format!("\"conversation\":{{\"id\":\"{id}\"}}")),
            "{}",
            reply.body
        );
        let sent = front.server.requests().last().unwrap().json()["messages"].as_array().unwrap().clone();
        let roles: Vec<&str> = sent.iter().map(|message| message["role"].as_str().unwrap()).collect();
        let all = ["system", "user", "assistant", "user"];
        assert_eq!(roles, all[..2 * turn], "{sent:?}");
        assert_eq!(ids(&front, &format!("{path}/items?order=asc")).await.len(), 2 + 2 * turn);
    }
    // What is not known is kept as it came.
    let list = call(&front, "GET", &format!("{path}/items?order=asc&limit=2"), &Value::Null).await.json();
    assert_eq!((&list["data"][1]["plot"], &list["has_more"]), (&json!(1), &json!(true)));
    let changed = call(&front, "POST", &path, &json!({"metadata": {"c": "d"}})).await.json();
    assert_eq!(changed["metadata"], json!({"c": "d"}));
    let added = call(&front, "POST", &format!("{path}/items"), &json!({"items": [{"role": "user", "content": "x"}]}))
        .await
        .json();
    let item = format!("{path}/items/{}", added["data"][0]["id"].as_str().unwrap());
    assert_eq!(call(&front, "GET", &item, &Value::Null).await.json()["content"][0]["text"], "x");
    assert_eq!(call(&front, "DELETE", &item, &Value::Null).await.json()["id"], id);
    assert_eq!(call(&front, "GET", &item, &Value::Null).await.status, 404);
    assert_eq!(call(&front, "DELETE", &path, &Value::Null).await.json()["deleted"], true);
    let gone = call(&front, "POST", "/v1/responses", &json!({"model": "m", "input": "x", "conversation": id})).await;
    assert_eq!((gone.status, &gone.json()["error"]["code"]), (404, &json!("conversation_not_found")), "{}", gone.body);
}

#[tokio::test]
async fn what_is_wrong_with_a_conversation_is_named() {
    let front = Front::new(stream(&[json!({"content": "391"})], "stop")).await;
    let ask = |fields: Value| {
        let mut body = json!({"model": "m", "input": "x"});
        fields.as_object().unwrap().iter().for_each(|(key, value)| body[key] = value.clone());
        body
    };
    for (path, body, param) in [
        ("/v1/responses", ask(json!({"conversation": 7})), "conversation"),
        ("/v1/responses", ask(json!({"conversation": {}})), "conversation"),
        (
            "/v1/responses",
            ask(json!({"conversation": "conv_1", "previous_response_id": "resp_1"})),
            "previous_response_id",
        ),
        (PATH, json!({"items": 7}), "items"),
        (PATH, json!({"items": [{"role": "user"}]}), "items[0].content"),
        (PATH, json!({"metadata": 7}), "metadata"),
    ] {
        let reply = call(&front, "POST", path, &body).await;
        assert_eq!((reply.status, &reply.json()["error"]["param"]), (400, &json!(param)), "{body}: {}", reply.body);
    }
    assert!(front.server.requests().is_empty());
}

#[tokio::test]
async fn the_input_of_a_response_can_be_listed_and_referred_to() {
    let front = Front::new(stream(&[json!({"content": "391"})], "stop")).await;
    let body = json!({"model": "m", "input": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]});
    let response = call(&front, "POST", "/v1/responses", &body).await.json();
    let path = format!("/v1/responses/{}/input_items", response["id"].as_str().unwrap());
    let items = ids(&front, &format!("{path}?order=asc")).await;
    assert_eq!(items.len(), 2);
    assert_eq!(ids(&front, &format!("{path}?limit=1")).await, items[1..]);
    let input = json!([{"type": "item_reference", "id": items[0]}, {"role": "user", "content": "c"}]);
    assert_eq!(call(&front, "POST", "/v1/responses", &json!({"model": "m", "input": input})).await.status, 200);
    let sent = front.server.requests().last().unwrap().json();
    assert_eq!(sent["messages"][0]["content"], json!([{"type": "text", "text": "a"}]));
    let counted = call(&front, "POST", "/v1/responses/input_tokens", &body).await.json();
    assert!(counted["input_tokens"].as_u64().unwrap() > 0 && counted["object"] == "response.input_tokens", "{counted}");
    assert_eq!(call(&front, "GET", "/v1/responses/resp_x/input_items", &Value::Null).await.status, 404);
}
