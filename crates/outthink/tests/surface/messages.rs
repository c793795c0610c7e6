//! The Messages API before a server that speaks chat: whole and streamed say the same.

use super::{Bank, CACHED, Front, GENERATED, READ, chunk, done, end, json_reply, stream, usage};
use outthink_engine::openai::Dialect;
use outthink_testkit::client::{self, Response};
use outthink_testkit::server::{Reply, Scenario, Step};
use serde_json::{Map, Value, json};

const PATH: &str = "/v1/messages";

fn ask(fields: Value) -> Value {
    let mut body =
        json!({"model": "m", "max_tokens": 300, "messages": [{"role": "user", "content": "What is 17*23?"}]});
    if let Value::Object(fields) = fields {
        fields.into_iter().for_each(|(key, value)| body[key] = value);
    }
    body
}

/// The events of a stream, by name; each name is that of its data.
fn events(reply: &Response) -> Vec<(String, Value)> {
    let one = |text: &str| {
        let (name, data) = text.strip_prefix("event: ")?.split_once("\ndata: ")?;
        Some((name.to_owned(), serde_json::from_str::<Value>(data).unwrap()))
    };
    let events: Vec<(String, Value)> = reply.body.split("\n\n").filter_map(one).collect();
    assert!(events.iter().all(|(name, data)| data["type"] == name.as_str()), "{}", reply.body);
    events
}

/// The message that the events of a stream add up to, as Anthropic's SDKs join them.
pub(super) fn joined(reply: &Response) -> Value {
    let mut message = Value::Null;
    let mut arguments: Vec<String> = Vec::new();
    let mut open: Option<u64> = None;
    let events = events(reply);
    assert_eq!(events.last().map(|(name, _)| name.as_str()), Some("message_stop"), "{}", reply.body);
    for (name, data) in events {
        match name.as_str() {
            "message_start" => message = data["message"].clone(),
            "content_block_start" => {
                assert_eq!(open.replace(data["index"].as_u64().unwrap()), None, "one block at a time");
                let content = message["content"].as_array_mut().unwrap();
                assert_eq!(content.len() as u64, data["index"].as_u64().unwrap());
                content.push(data["content_block"].clone());
                arguments.push(String::new());
            }
            "content_block_delta" => {
                let index = data["index"].as_u64().unwrap();
                assert_eq!(open, Some(index));
                let (delta, block) = (&data["delta"], &mut message["content"][index as usize]);
                let add = |block: &mut Value, name: &str| {
                    let text = format!("{}{}", block[name].as_str().unwrap(), delta[name].as_str().unwrap());
                    block[name] = text.into();
                };
                match delta["type"].as_str().unwrap() {
                    "text_delta" => add(block, "text"),
                    "citations_delta" => match &mut block["citations"] {
                        Value::Array(citations) => citations.push(delta["citation"].clone()),
                        none => *none = json!([delta["citation"]]),
                    },
                    "thinking_delta" => add(block, "thinking"),
                    "signature_delta" => block["signature"] = delta["signature"].clone(),
                    "input_json_delta" => arguments[index as usize] += delta["partial_json"].as_str().unwrap(),
                    other => panic!("{other}"),
                }
            }
            "content_block_stop" => {
                let index = open.take().unwrap() as usize;
                if !arguments[index].is_empty() {
                    message["content"][index]["input"] = serde_json::from_str(&arguments[index]).unwrap();
                }
            }
            "message_delta" => {
                for name in ["stop_reason", "stop_sequence", "stop_details", "container"] {
                    message[name] = data["delta"][name].clone();
                }
                for (name, count) in data["usage"].as_object().unwrap() {
                    message["usage"][name] = count.clone();
                }
                message["outthink"] = data["outthink"].clone();
            }
            "ping" | "message_stop" => {}
            other => panic!("{other}"),
        }
    }
    message
}

/// The same whole and as a stream: the message, which has to be the same but for what names this very request.
async fn both(front: &Front, body: Value) -> Value {
    let whole = client::post(front.address, PATH, &body).await;
    assert_eq!(whole.status, 200, "{}", whole.body);
    let mut streamed = body;
    streamed["stream"] = true.into();
    let streamed = client::post(front.address, PATH, &streamed).await;
    assert!(streamed.is_stream(), "{}", streamed.body);
    let bare = |mut message: Value| {
        message.as_object_mut().unwrap().retain(|key, _| key != "id" && key != "outthink");
        // The end of a stream does not have it.
        message["usage"]["cache_creation"] = Value::Null;
        message
    };
    let (whole, streamed) = (whole.json(), joined(&streamed));
    assert!(whole["id"].as_str().unwrap().starts_with("msg_"));
    assert_eq!(whole["outthink"]["samples_drawn"], streamed["outthink"]["samples_drawn"]);
    assert_eq!(bare(whole.clone()), bare(streamed));
    whole
}

#[tokio::test]
async fn text_reasoning_and_calls_are_blocks_whole_and_streamed() {
    let call = |pieces: &[&str]| {
        let mut deltas = vec![
            json!({"reasoning_content": "hm, "}),
            json!({"reasoning_content": "so"}),
            json!({"content": "I add."}),
        ];
        for (index, piece) in pieces.iter().enumerate() {
            let mut entry = json!({"index": 0, "function": {"arguments": piece}});
            if index == 0 {
                entry = json!({"index": 0, "id": "c1", "type": "function", "function": {"name": "add", "arguments": piece}});
            }
            deltas.push(json!({"tool_calls": [entry]}));
        }
        let second = json!({"index": 1, "id": "c2", "type": "function", "function": {"name": "now", "arguments": ""}});
        deltas.push(json!({"tool_calls": [second]}));
        stream(&deltas, "tool_calls")
    };
    let front = Front::new(call(&["", "{\"a\":", "[1,2]}"])).await;
    let thinking = json!({"thinking": {"type": "enabled", "budget_tokens": 1024},
        "tools": [{"name": "add", "input_schema": {"type": "object"}}, {"name": "now", "input_schema": {}}]});
    let message = both(&front, ask(thinking)).await;
    assert_eq!(
        message["content"],
        json!([
            {"type": "thinking", "thinking": "hm, so", "signature": ""},
            {"type": "text", "text": "I add.", "citations": null},
            {"type": "tool_use", "id": "c1", "caller": {"type": "direct"}, "name": "add", "input": {"a": [1, 2]}},
            {"type": "tool_use", "id": "c2", "caller": {"type": "direct"}, "name": "now", "input": {}},
        ])
    );
    assert_eq!(message["stop_reason"], "tool_use");
    let sent = front.server.requests().last().unwrap().json();
    assert_eq!((&sent["tools"][0]["function"]["name"], &sent["max_tokens"]), (&json!("add"), &json!(300)));
    // Who did not ask for reasoning is not sent it.
    let front = Front::new(stream(&[json!({"reasoning_content": "hm"}), json!({"content": "391"})], "stop")).await;
    let message = both(&front, ask(json!({}))).await;
    assert_eq!(message["content"], json!([{"type": "text", "text": "391", "citations": null}]));
    assert_eq!((&message["stop_reason"], &message["stop_sequence"]), (&json!("end_turn"), &Value::Null));
}

#[tokio::test]
async fn a_vote_is_one_message_and_its_bill() {
    let front = Front::new(Scenario::by(|number, _| {
        let said = if number % 3 == 2 { "It is 17, so the answer is 17." } else { "The answer is 391." };
        stream(&[json!({ "content": said })], "stop")
    }))
    .await;
    let vote = json!({"outthink": {"strategy": "self-consistency", "samples": 3}});
    let message = both(&front, ask(vote)).await;
    assert_eq!(message["content"][0]["text"], "The answer is 391.");
    assert_eq!(message["outthink"]["samples_drawn"], 3);
    assert_eq!(message["usage"]["output_tokens"], 15);
}

#[tokio::test]
async fn why_it_ended_is_said_in_this_apis_words() {
    let last = |finish: &str, more: Value| {
        let mut last = json!({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]});
        if let Value::Object(more) = more {
            more.into_iter().for_each(|(key, value)| last["choices"][0][key] = value);
        }
        Reply::events([chunk(&json!({"content": "It is"}), &Value::Null), Step::from(last), done()])
    };
    for (name, reply, reason, text) in [
        ("stop", last("stop", json!({})), json!("end_turn"), Value::Null),
        ("vLLM's stop text", last("stop", json!({"stop_reason": "END"})), json!("stop_sequence"), json!("END")),
        ("vLLM's own token", last("stop", json!({"stop_reason": 128_009})), json!("end_turn"), Value::Null),
        ("SGLang's stop text", last("stop", json!({"matched_stop": "END"})), json!("stop_sequence"), json!("END")),
        ("length", last("length", json!({})), json!("max_tokens"), Value::Null),
        ("filter", last("content_filter", json!({})), json!("refusal"), Value::Null),
        // The API has no word for it: it is in the receipt.
        ("unknown", last("bored", json!({})), Value::Null, Value::Null),
        (
            "refusal",
            json_reply(&json!({"role": "assistant", "content": null, "refusal": "No."}), "stop"),
            json!("refusal"),
            Value::Null,
        ),
    ] {
        let front = Front::new(reply).await;
        let message = both(&front, ask(json!({"stop_sequences": ["END"]}))).await;
        assert_eq!((&message["stop_reason"], &message["stop_sequence"]), (&reason, &text), "{name}: {message}");
        if name == "unknown" {
            assert_eq!(message["outthink"]["finish"], "bored", "{message}");
        }
        let said = if name == "refusal" { "No." } else { "It is" };
        assert_eq!(message["content"][0]["text"], said, "{name}");
        assert_eq!(front.server.requests()[0].json()["stop"], json!(["END"]));
    }
}

#[tokio::test]
async fn the_length_of_reasoning_reaches_the_engine_in_its_own_words() {
    let reply = || stream(&[json!({"content": "391"})], "stop");
    for (thinking, field, value) in [
        (json!({"type": "enabled", "budget_tokens": 1024}), "thinking_token_budget", json!(1024)),
        (json!({"type": "disabled"}), "chat_template_kwargs", json!({"enable_thinking": false, "thinking": false})),
        (json!({"type": "adaptive"}), "thinking_token_budget", Value::Null),
    ] {
        let front = Front::with(reply(), |options| options.dialect = Dialect::by_name("vllm")).await;
        both(&front, ask(json!({ "thinking": thinking }))).await;
        let sent = front.server.requests()[0].json();
        assert_eq!(sent[field], value, "{thinking}: {sent}");
        assert!(sent["thinking"].is_null() && sent["messages"].as_array().unwrap().len() == 1, "{sent}");
    }
}

#[tokio::test]
async fn signatures_are_kept_and_go_back_to_the_engine() {
    let blocks = json!([{"type": "thinking", "thinking": "hm", "signature": "sig=="}]);
    let reply = stream(
        &[json!({"reasoning_content": "hm"}), json!({"thinking_blocks": blocks}), json!({"content": "391"})],
        "stop",
    );
    let front = Front::new(reply).await;
    let message = both(&front, ask(json!({"thinking": {"type": "adaptive"}}))).await;
    assert_eq!(message["content"][0], json!({"type": "thinking", "thinking": "hm", "signature": "sig=="}));
    let turns = json!([{"role": "user", "content": "What is 17*23?"}, {"role": "assistant", "content": message["content"]}, {"role": "user", "content": "Sure?"}]);
    both(&front, ask(json!({ "messages": turns }))).await;
    let sent = front.server.requests().last().unwrap().json();
    assert_eq!(sent["messages"][1]["thinking_blocks"], blocks);
    // Reasoning of a turn that is over is not told again.
    assert_eq!(
        (&sent["messages"][1]["reasoning_content"], &sent["messages"][1]["content"]),
        (&Value::Null, &json!("391"))
    );
}

#[tokio::test]
async fn usage_counts_what_a_cache_gave_and_took_apart_and_the_key_pays_it() {
    let counts = json!({"prompt_tokens": 100, "completion_tokens": 5, "total_tokens": 105,
        "prompt_tokens_details": {"cached_tokens": 40, "cache_write_tokens": 30}});
    let reply = Reply::events([chunk(&json!({"content": "391"}), &Value::Null), end("stop"), usage(&counts), done()]);
    let bank = Bank::demanding(reply, 1_000_000_000).await;
    let key = bank.secret.clone();
    let headers = [("x-api-key", key.as_str()), ("anthropic-version", "2023-06-01")];
    let reply = client::call(bank.address, "POST", PATH, &headers, ask(json!({})).to_string().as_bytes()).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let usage = &reply.json()["usage"];
    let names = ["input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens"];
    assert_eq!(names.map(|name| usage[name].as_u64()), [30, 30, 40, 5].map(Some), "{usage}");
    assert_eq!(bank.spent().await, 60 * READ + 40 * CACHED + 5 * GENERATED);
}

#[tokio::test]
async fn errors_have_this_apis_shape_whoever_made_them() {
    let answers = || stream(&[json!({"content": "391"})], "stop");
    let bank = Bank::demanding(answers(), 1_000_000_000).await;
    let shape = |reply: &Response, status: u16, kind: &str| {
        let body = reply.json();
        assert_eq!(reply.status, status, "{body}");
        assert_eq!((&body["type"], &body["error"]["type"]), (&json!("error"), &json!(kind)), "{body}");
        assert_eq!(body["request_id"].as_str(), reply.header("x-request-id"), "{body}");
        body
    };
    // No key, a body that is none, a wrong field, an unknown path and a wrong method.
    let reply = client::post(bank.address, PATH, &ask(json!({}))).await;
    shape(&reply, 401, "authentication_error");
    let front = Front::new(answers()).await;
    shape(&client::call(front.address, "POST", PATH, &[], b"{").await, 400, "invalid_request_error");
    let body =
        shape(&client::post(front.address, PATH, &ask(json!({"max_tokens": 0}))).await, 400, "invalid_request_error");
    assert_eq!(body["outthink"]["param"], "max_tokens");
    shape(&client::get(front.address, "/v1/messages/x").await, 404, "not_found_error");
    shape(&client::get(front.address, PATH).await, 405, "invalid_request_error");
    shape(&client::post(front.address, PATH, &ask(json!({"model": "x"}))).await, 404, "not_found_error");
    // What the engine says, before the first words and after them.
    let long = Reply::error(400, "9 tokens, and 8 fit", "invalid_request_error", "context_length_exceeded");
    let front = Front::new(long).await;
    for more in [json!({}), json!({"stream": true})] {
        let body = shape(&client::post(front.address, PATH, &ask(more)).await, 400, "invalid_request_error");
        assert!(body["error"]["message"].as_str().unwrap().starts_with("prompt is too long: "), "{body}");
    }
    let broken = Reply::events([
        chunk(&json!({"content": "It"}), &Value::Null),
        Step::from(json!({"error": {"message": "no resources", "code": 500}})),
    ]);
    let front = Front::new(broken).await;
    let reply = client::post(front.address, PATH, &ask(json!({"stream": true}))).await;
    let events = events(&reply);
    let names: Vec<&str> = events.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        ["message_start", "ping", "content_block_start", "content_block_delta", "content_block_stop", "error"]
    );
    assert_eq!(events[5].1["error"]["type"], "api_error");
}

#[tokio::test]
async fn what_is_not_carried_out_is_named_in_the_receipt() {
    let front = Front::new(stream(&[json!({"content": "391"})], "stop")).await;
    let system = json!([{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}]);
    let fields = json!({"system": system, "tools": [{"type": "web_search_20250305", "name": "web_search"}],
        "tool_choice": {"type": "auto"}, "metadata": {"user_id": "u"}, "container": "c"});
    let message = both(&front, ask(fields)).await;
    let notes = message["outthink"]["notes"].to_string();
    for words in ["cache_control was not sent", "`web_search` of type", "container is carried out"] {
        assert!(notes.contains(words), "{words}: {notes}");
    }
    let sent: Map<String, Value> = serde_json::from_value(front.server.requests()[0].json()).unwrap();
    for name in ["tools", "tool_choice", "metadata", "container", "system"] {
        assert!(!sent.contains_key(name), "{name}");
    }
    assert_eq!(sent["messages"][0], json!({"role": "system", "content": "Be brief."}));
}

#[tokio::test]
async fn tokens_are_counted_without_being_spent() {
    let front = Front::new(stream(&[json!({"content": "391"})], "stop")).await;
    let count = |words: usize| {
        let content = "word ".repeat(words);
        let body = json!({"model": "m", "messages": [{"role": "user", "content": content}]});
        let address = front.address;
        async move { client::post(address, "/v1/messages/count_tokens", &body).await.json() }
    };
    let (short, long) = (count(10).await, count(1_000).await);
    assert_eq!(short["outthink"]["estimated"], true, "{short}");
    let tokens = |body: &Value| body["input_tokens"].as_u64().unwrap();
    assert!((10..30).contains(&tokens(&short)) && (1_000..1_600).contains(&tokens(&long)), "{short} {long}");
    assert!(front.server.requests().is_empty());
}
