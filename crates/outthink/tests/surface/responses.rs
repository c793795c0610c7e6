//! The Responses API as its clients speak it: tools of all kinds, references to items, reasoning within a tool loop.

use super::{Front, stream};
use outthink_testkit::client::{self, Response};
use outthink_testkit::server::{Reply, Scenario};
use serde_json::{Value, json};

const PATH: &str = "/v1/responses";

fn ask(fields: Value) -> Value {
    let mut body = json!({"model": "m", "input": "What is 17*23?"});
    if let Value::Object(fields) = fields {
        fields.into_iter().for_each(|(key, value)| body[key] = value);
    }
    body
}

/// The events of a stream; each name is that of its data.
fn events(reply: &Response) -> Vec<Value> {
    let one = |text: &str| {
        let (name, data) = text.strip_prefix("event: ")?.split_once("\ndata: ")?;
        let data: Value = serde_json::from_str(data).unwrap();
        assert_eq!(data["type"], name);
        Some(data)
    };
    reply.body.split("\n\n").filter_map(one).collect()
}

/// The response whole, and what a stream of the same ends with.
async fn both(front: &Front, body: Value) -> [Value; 2] {
    let whole = client::post(front.address, PATH, &body).await;
    assert_eq!(whole.status, 200, "{}", whole.body);
    let mut streamed = body;
    streamed["stream"] = true.into();
    let streamed = client::post(front.address, PATH, &streamed).await;
    let events = events(&streamed);
    // What was told in events is what the response holds.
    let done = events.iter().filter(|e| e["type"] == "response.output_item.done").map(|e| e["item"].clone());
    let last = events.last().unwrap_or_else(|| panic!("{}", streamed.body))["response"].clone();
    assert_eq!(done.collect::<Value>(), last["output"], "{}", streamed.body);
    [whole.json(), last]
}

fn calls(name: &str, arguments: &str) -> Reply {
    let call = json!({"index": 0, "id": "c1", "type": "function", "function": {"name": name, "arguments": arguments}});
    stream(
        &[json!({"reasoning_content": "hm"}), json!({"content": "I call."}), json!({"tool_calls": [call]})],
        "tool_calls",
    )
}

#[tokio::test]
async fn tools_of_any_kind_reach_the_engine_as_functions_and_come_back_as_they_were() {
    let grammar = json!({"type": "grammar", "syntax": "lark", "definition": "start: \"x\""});
    let tools = json!([
        {"type": "function", "name": "add", "parameters": {"type": "object"}},
        {"type": "custom", "name": "patch", "format": grammar},
        {"type": "namespace", "name": "agents", "description": "d", "tools": [{"type": "function", "name": "close", "parameters": {}}]},
        {"type": "web_search", "external_web_access": true},
        {"type": "image_generation"},
    ]);
    for (reply, item) in [
        (calls("add", "{}"), json!({"type": "function_call", "name": "add", "arguments": "{}"})),
        (
            calls("patch", "{\"input\":\"*** x\"}"),
            json!({"type": "custom_tool_call", "name": "patch", "input": "*** x"}),
        ),
        (calls("agents__close", "{}"), json!({"type": "function_call", "namespace": "agents", "name": "close"})),
    ] {
        let front = Front::new(reply).await;
        for response in both(&front, ask(json!({ "tools": tools }))).await {
            assert_eq!(response["output"][0]["content"][0]["text"], "I call.");
            let call = &response["output"][1];
            for (field, value) in item.as_object().unwrap() {
                assert_eq!(&call[field], value, "{field}: {call}");
            }
            let is_custom = call["type"] == "custom_tool_call";
            let status = if is_custom { Value::Null } else { json!("completed") };
            assert_eq!((&call["call_id"], &call["status"]), (&json!("c1"), &status));
            let notes = response["outthink"]["notes"].to_string();
            assert!(["grammar", "web_search", "image_generation"].iter().all(|word| notes.contains(word)), "{notes}");
            assert_eq!(response["tools"], tools);
        }
        let sent = front.server.requests()[0].json();
        assert_eq!(sent["tools"].as_array().unwrap().len(), 3, "{sent}");
        assert!(sent["tools"].as_array().unwrap().iter().all(|tool| tool["type"] == "function"));
    }
}

#[tokio::test]
async fn a_list_of_no_tools_is_not_sent() {
    let front = Front::new(stream(&[json!({"content": "391"})], "stop")).await;
    for tools in [json!([]), json!([{"type": "web_search"}])] {
        both(&front, ask(json!({"tools": tools, "tool_choice": "auto"}))).await;
        let sent = front.server.requests().last().unwrap().json();
        assert!(sent["tools"].is_null() && sent["tool_choice"].is_null(), "{sent}");
    }
}

#[tokio::test]
async fn an_item_may_be_named_in_place_of_being_sent() {
    let front = Front::new(Scenario::by(|number, _| {
        if number == 0 { calls("add", "{\"a\":1}") } else { stream(&[json!({"content": "391"})], "stop") }
    }))
    .await;
    let tools = json!([{"type": "function", "name": "add", "parameters": {"type": "object"}}]);
    let first = client::post(front.address, PATH, &ask(json!({ "tools": tools }))).await.json();
    let (message, call) = (&first["output"][0]["id"], &first["output"][1]["id"]);
    let input = json!([
        {"role": "user", "content": [{"type": "input_text", "text": "What is 17*23?"}]},
        {"type": "item_reference", "id": message},
        {"id": call},
        {"type": "function_call_output", "call_id": "c1", "output": "391"},
    ]);
    let second = client::post(front.address, PATH, &ask(json!({"tools": tools, "input": input}))).await;
    assert_eq!(second.status, 200, "{}", second.body);
    let sent = front.server.requests().last().unwrap().json();
    let roles: Vec<&Value> = sent["messages"].as_array().unwrap().iter().map(|m| &m["role"]).collect();
    assert_eq!(roles, ["user", "assistant", "tool"]);
    assert_eq!(sent["messages"][1]["content"], json!([{"type": "text", "text": "I call."}]));
    assert_eq!(sent["messages"][1]["tool_calls"][0]["function"], json!({"name": "add", "arguments": "{\"a\":1}"}));
    // One that nobody remembers.
    let body = ask(json!({"input": [{"type": "item_reference", "id": "msg_0_1"}]}));
    let reply = client::post(front.address, PATH, &body).await;
    assert_eq!((reply.status, &reply.json()["error"]["code"]), (400, &json!("item_not_found")), "{}", reply.body);
}

#[tokio::test]
async fn a_tool_loop_goes_on_from_what_the_model_thought_and_a_new_turn_does_not() {
    let front = Front::new(Scenario::by(|number, _| {
        if number == 0 { calls("add", "{}") } else { stream(&[json!({"content": "391"})], "stop") }
    }))
    .await;
    let tools = json!([{"type": "function", "name": "add", "parameters": {"type": "object"}}]);
    let first = client::post(front.address, PATH, &ask(json!({ "tools": tools }))).await.json();
    let output = json!([{"type": "function_call_output", "call_id": "c1", "output": "391"}]);
    let more = json!({"tools": tools, "previous_response_id": first["id"], "input": output});
    let second = client::post(front.address, PATH, &ask(more)).await.json();
    let sent = front.server.requests().last().unwrap().json();
    assert_eq!(sent["messages"][1]["reasoning_content"], "hm", "{sent}");
    let more = json!({"tools": tools, "previous_response_id": second["id"], "input": "And 18*23?"});
    let third = client::post(front.address, PATH, &ask(more)).await;
    assert_eq!(third.status, 200, "{}", third.body);
    let sent = front.server.requests().last().unwrap().json();
    assert!(
        sent["messages"][1]["reasoning_content"].is_null() && sent["messages"][1]["tool_calls"].is_array(),
        "{sent}"
    );
}

fn add_tool() -> Value {
    json!([{"type": "function", "name": "add", "parameters": {"type": "object"}}])
}

/// The messages of the engine's last request.
fn sent_messages(front: &Front) -> Vec<Value> {
    front.server.requests().last().unwrap().json()["messages"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_client_that_keeps_the_conversation_carries_the_reasoning_itself() {
    let details = json!([{"index": 0, "type": "reasoning.encrypted", "data": "AAA"}]);
    let call = json!({"index": 0, "id": "c1", "type": "function", "function": {"name": "add", "arguments": "{}"}});
    for reasoning in [
        json!({"reasoning_content": "hm"}),
        json!({"reasoning_content": "hm", "reasoning_details": details}),
        json!({ "reasoning_details": details }),
    ] {
        let steps = [reasoning.clone(), json!({"content": "I call."}), json!({ "tool_calls": [call] })];
        let front = Front::new(Scenario::from(stream(&steps, "tool_calls"))).await;
        let fields = json!({"tools": add_tool(), "store": false, "include": ["reasoning.encrypted_content"]});
        for response in both(&front, ask(fields.clone())).await {
            let output = response["output"].as_array().unwrap();
            let kinds: Vec<&Value> = output.iter().map(|item| &item["type"]).collect();
            assert_eq!(kinds, ["reasoning", "message", "function_call"], "{reasoning}");
            assert_eq!(output[0]["summary"], json!([]), "a summary was not asked for");
            let mut input = vec![json!({"role": "user", "content": "What is 17*23?"})];
            input.extend(output.iter().cloned());
            input.push(json!({"type": "function_call_output", "call_id": "c1", "output": "391"}));
            let mut body = ask(fields.clone());
            body["input"] = input.into();
            assert_eq!(client::post(front.address, PATH, &body).await.status, 200);
            let messages = sent_messages(&front);
            assert_eq!(messages.len(), 3, "{messages:?}");
            for name in ["reasoning_content", "reasoning_details"] {
                assert_eq!(messages[1][name], reasoning[name], "{name} of {reasoning}");
            }
            assert_eq!(messages[1]["tool_calls"][0]["id"], "c1");
        }
        // Who does not ask for it gets none.
        let [whole, streamed] = both(&front, ask(json!({ "tools": add_tool() }))).await;
        assert_eq!(
            (&whole["output"][0]["type"], &streamed["output"][0]["type"]),
            (&json!("message"), &json!("message"))
        );
    }
}

#[tokio::test]
async fn after_a_vote_the_reasoning_of_the_chosen_sample_is_carried() {
    let front = Front::new(Scenario::from(calls("add", "{\"a\":1}"))).await;
    let fields = json!({
        "tools": add_tool(), "include": ["reasoning.encrypted_content"],
        "outthink": {"strategy": "self-consistency", "samples": 3},
    });
    let [whole, streamed] = both(&front, ask(fields)).await;
    let carried = &whole["output"][0]["encrypted_content"];
    assert!(carried.is_string(), "{whole}");
    assert_eq!(carried, &streamed["output"][0]["encrypted_content"]);
}

#[tokio::test]
async fn probabilities_of_the_texts_tokens_are_there_where_they_were_asked_for() {
    let token = |text: &str| json!({"token": text, "logprob": -0.5, "bytes": null, "top_logprobs": [{"token": "x", "logprob": -2.0}]});
    let chunk = |delta: Value, text: &str| {
        json!({"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m",
            "choices": [{"index": 0, "delta": delta, "logprobs": {"content": [token(text)]}, "finish_reason": null}]})
    };
    let steps = vec![
        outthink_testkit::server::Step::from(chunk(json!({"reasoning_content": "hm"}), "hm")),
        outthink_testkit::server::Step::from(chunk(json!({"content": "39"}), "39")),
        outthink_testkit::server::Step::from(chunk(json!({"content": "1"}), "1")),
        super::end("stop"),
        super::seven_and_five(),
        super::done(),
    ];
    // A dialect that has them in streams.
    let front = Front::with(Scenario::from(Reply::events(steps)), |options| {
        options.dialect = outthink_engine::openai::Dialect::by_name("vllm");
    })
    .await;
    for fields in [
        json!({"top_logprobs": 1}),
        json!({"top_logprobs": 1, "outthink": {"samples": 2, "strategy": "self-consistency"}}),
    ] {
        for response in both(&front, ask(fields)).await {
            let tokens = response["output"][0]["content"][0]["logprobs"].as_array().unwrap().clone();
            let texts: Vec<&Value> = tokens.iter().map(|token| &token["token"]).collect();
            assert_eq!(texts, ["39", "1"], "{response}");
            assert_eq!((&tokens[0]["bytes"], &tokens[0]["top_logprobs"][0]["token"]), (&json!([51, 57]), &json!("x")));
            assert_eq!(response["top_logprobs"], 1);
        }
        let sent = front.server.requests().last().unwrap().json();
        assert_eq!((&sent["logprobs"], &sent["top_logprobs"]), (&json!(true), &json!(1)));
    }
    for response in both(&front, ask(json!({}))).await {
        assert_eq!(response["output"][0]["content"][0]["logprobs"], json!([]));
    }
}

#[tokio::test]
async fn citations_and_refusals_are_the_same_whole_and_streamed() {
    let citation = json!({"type": "url_citation", "url_citation": {"url": "https://x", "title": "X", "start_index": 0, "end_index": 3}});
    let front =
        Front::new(Scenario::from(stream(&[json!({"content": "391"}), json!({ "annotations": [citation] })], "stop")))
            .await;
    let flat = json!([{"url": "https://x", "title": "X", "start_index": 0, "end_index": 3, "type": "url_citation"}]);
    for response in both(&front, ask(json!({}))).await {
        assert_eq!(response["output"][0]["content"][0]["annotations"], flat);
    }
    let front =
        Front::new(Scenario::from(stream(&[json!({"refusal": "I "}), json!({"refusal": "cannot."})], "stop"))).await;
    for response in both(&front, ask(json!({}))).await {
        let content = json!([{"type": "refusal", "refusal": "I cannot."}]);
        assert_eq!((response["output"].as_array().unwrap().len(), &response["output"][0]["content"]), (1, &content));
    }
}

#[tokio::test]
async fn tools_of_the_servers_own_go_to_a_server_that_has_them() {
    let tools = json!([{"type": "browser_search"}, {"type": "web_search"}]);
    for (dialect, sent_tools) in
        [("groq", json!([{"type": "browser_search"}])), ("openrouter", json!([{"type": "web_search"}]))]
    {
        let reply = Scenario::from(stream(&[json!({"content": "391"})], "stop"));
        let front =
            Front::with(reply, |options| options.dialect = outthink_engine::openai::Dialect::by_name(dialect)).await;
        let [whole, _] = both(&front, ask(json!({"tools": tools, "tool_choice": "required"}))).await;
        let sent = front.server.requests().last().unwrap().json();
        assert_eq!((&sent["tools"], &sent["tool_choice"]), (&sent_tools, &json!("required")), "{dialect}");
        let notes = whole["outthink"]["notes"].to_string();
        assert_eq!(whole["outthink"]["notes"].as_array().unwrap().len(), 1, "{dialect}: {notes}");
    }
}

#[tokio::test]
async fn what_a_field_cannot_do_is_named() {
    let front = Front::new(Scenario::from(stream(&[json!({"content": "391"})], "stop"))).await;
    let fields = json!({"truncation": "auto", "max_tool_calls": 3, "include": ["odd"], "text": {"verbosity": "low"}});
    for response in both(&front, ask(fields)).await {
        let notes = response["outthink"]["notes"].to_string();
        assert!(["truncation", "max_tool_calls", "`odd`"].iter().all(|name| notes.contains(name)), "{notes}");
        assert_eq!((&response["truncation"], &response["max_tool_calls"]), (&json!("auto"), &json!(3)));
        assert_eq!(front.server.requests().last().unwrap().json()["verbosity"], "low");
    }
}
