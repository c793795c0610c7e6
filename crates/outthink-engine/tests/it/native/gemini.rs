//! The Gemini API.

use super::{Refusal, answer, asked, asks, check, counts, joined, options, written};
use crate::KEY;
use outthink_core::{Effort, Engine as _, FinishReason, Origin, Prompt, SampleRequest, Sampling, Thinking};
use outthink_engine::native::NativeEngine;
use outthink_testkit::server::{Counts, Provider, Reply, Server, Step, Turn};
use serde_json::{Value, json};
use std::time::Duration;

const GEMINI: Provider = Provider::Gemini;

fn with_messages(messages: &Value, extra: Value) -> SampleRequest {
    let mut request = asks(extra);
    let extra = request.prompt.extra.clone();
    request.prompt = Prompt { messages: messages.as_array().unwrap().clone(), extra }.into();
    request
}

#[tokio::test]
async fn a_conversation_is_asked_in_its_words() {
    let messages = json!([
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [
            {"type": "text", "text": "What is this?"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}},
            {"type": "image_url", "image_url": {"url": "https://h/a.png?x=1"}},
            {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,QUJD"}},
            {"type": "input_audio", "input_audio": {"data": "QUJD", "format": "wav"}},
        ]},
        {"role": "assistant", "content": null, "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "add", "arguments": "{\"x\": 123456789012345678901234567890}"},
                "extra_content": {"google": {"thought_signature": "sig"}}},
            {"id": "c2", "type": "function", "function": {"name": "now", "arguments": ""}},
        ]},
        {"role": "tool", "tool_call_id": "c1", "content": "{\"sum\": 4}"},
        {"role": "tool", "tool_call_id": "c2", "content": "noon"},
    ]);
    let tools = json!([{"type": "function", "function": {"name": "add", "description": "adds", "parameters": {"type": "object", "$defs": {}}}},
        {"type": "web_search"}]);
    let extra = json!({"tools": tools, "tool_choice": {"type": "function", "function": {"name": "add"}}, "presence_penalty": 0.5,
        "safetySettings": [{"category": "x"}], "response_format": {"type": "json_schema", "json_schema": {"name": "r", "schema": {"type": "object"}}}});
    let request = SampleRequest {
        sampling: Sampling {
            temperature: Some(0.5),
            top_p: Some(0.9),
            top_k: Some(5),
            stop: vec!["END".into()],
            ..Sampling::default()
        },
        max_tokens: Some(300),
        seeded: true,
        thinking: Thinking { effort: Some(Effort::Low), budget: None },
        ..with_messages(&messages, extra)
    };
    let (all, server) = answer(GEMINI, GEMINI.streams(&Turn::new("4", Counts::plain(9, 1))), request).await;
    assert_eq!((all.error, all.notes), (None, vec![]));
    let sent = server.requests().iter().rev().find(|r| r.method == "POST").unwrap().clone();
    assert!(sent.text().contains("123456789012345678901234567890"), "numbers of any size pass unchanged");
    assert_eq!((sent.query.as_str(), sent.header("x-goog-api-key")), ("alt=sse", Some(KEY)));
    let mut body = asked(&server);
    body["contents"][1]["parts"][0]["functionCall"]["args"] = json!({});
    assert_eq!(
        body,
        json!({
            "systemInstruction": {"parts": [{"text": "Be brief."}]},
            "safetySettings": [{"category": "x"}],
            "tools": [{"functionDeclarations": [{"name": "add", "description": "adds", "parametersJsonSchema": {"type": "object", "$defs": {}}}]},
                {"googleSearch": {}}],
            "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["add"]}},
            "generationConfig": {
                "maxOutputTokens": 300, "stopSequences": ["END"], "temperature": 0.5, "topP": 0.9, "topK": 5,
                "presencePenalty": 0.5, "seed": 7, "thinkingConfig": {"includeThoughts": true, "thinkingLevel": "low"},
                "responseMimeType": "application/json", "responseJsonSchema": {"type": "object"},
            },
            "contents": [
                {"role": "user", "parts": [
                    {"text": "What is this?"},
                    {"inlineData": {"mimeType": "image/png", "data": "QUJD"}},
                    {"fileData": {"fileUri": "https://h/a.png?x=1", "mimeType": "image/png"}},
                    {"inlineData": {"mimeType": "application/pdf", "data": "QUJD"}},
                    {"inlineData": {"mimeType": "audio/wav", "data": "QUJD"}},
                ]},
                {"role": "model", "parts": [
                    {"functionCall": {"id": "c1", "name": "add", "args": {}}, "thoughtSignature": "sig"},
                    {"functionCall": {"id": "c2", "name": "now", "args": {}}},
                ]},
                {"role": "user", "parts": [
                    {"functionResponse": {"id": "c1", "name": "add", "response": {"sum": 4}}},
                    {"functionResponse": {"id": "c2", "name": "now", "response": {"output": "noon"}}},
                ]},
            ],
        })
    );
}

#[tokio::test]
async fn what_it_does_not_take_is_named() {
    let extra = json!({"logit_bias": {"1": 2}, "parallel_tool_calls": false,
        "tools": [{"type": "function", "function": {"name": "f", "strict": true}}, {"type": "odd", "name": "x"}]});
    let request = SampleRequest {
        logprobs: true,
        sampling: Sampling {
            min_p: Some(0.1),
            stop: "a b c d e f".split(' ').map(str::to_owned).collect(),
            ..Sampling::default()
        },
        ..asks(extra)
    };
    let (body, notes) = written(GEMINI, request).await;
    assert_eq!(body["generationConfig"]["stopSequences"].as_array().unwrap().len(), 5);
    for word in
        ["logit_bias", "strict", "`x` of type odd", "parallel_tool_calls", "log-probabilities", "min_p", "stop texts"]
    {
        assert!(notes.iter().any(|note| note.contains(word)), "{word}: {notes:?}");
    }
    assert_eq!(notes.len(), 7, "{notes:?}");
}

#[tokio::test]
async fn the_length_of_reasoning_is_a_level_or_a_budget() {
    let ask = async |model: &'static str, effort, budget, extra: Value| {
        let server = Server::start(GEMINI.answers(model, [GEMINI.streams(&Turn::new("4", Counts::plain(9, 1)))]));
        let mut options = options(GEMINI, &server);
        options.server.model = Some(format!("models/{model}"));
        let request = SampleRequest { thinking: Thinking { effort, budget }, ..asks(extra) };
        super::one(&NativeEngine::new(options).unwrap(), request).await;
        let config = asked(&server)["generationConfig"]["thinkingConfig"].clone();
        (config["thinkingLevel"].clone(), config["thinkingBudget"].clone())
    };
    let none = || json!({});
    for (model, effort, budget, extra, wanted) in [
        ("gemini-3.8-flash", None, None, none(), (json!(null), json!(null))),
        ("gemini-3.8-flash", Some(Effort::Medium), None, none(), (json!("medium"), json!(null))),
        ("gemini-3.8-flash", Some(Effort::Max), None, none(), (json!("high"), json!(null))),
        ("gemini-3.8-flash", Some(Effort::None), Some(500), none(), (json!("minimal"), json!(null))),
        ("gemini-2.5-flash", Some(Effort::High), None, none(), (json!(null), json!(16_384))),
        ("gemini-2.5-flash", Some(Effort::High), Some(500), none(), (json!(null), json!(500))),
        ("gemini-2.5-flash", Some(Effort::None), None, none(), (json!(null), json!(0))),
        (
            "gemini-2.5-flash",
            Some(Effort::Low),
            None,
            json!({"extra_body": {"google": {"thinking_config": {"thinkingBudget": 7}}}}),
            (json!(null), json!(7)),
        ),
    ] {
        assert_eq!(ask(model, effort, budget, extra).await, wanted, "{model} {effort:?} {budget:?}");
    }
}

#[tokio::test]
async fn the_server_says_what_a_model_can_take() {
    let server =
        Server::start(GEMINI.answers("gemini-3.8-flash", [GEMINI.streams(&Turn::new("4", Counts::plain(9, 1)))]));
    let mut options = options(GEMINI, &server);
    options.server.model = None;
    let engine = NativeEngine::connect(options).await.unwrap();
    assert_eq!((engine.model().id.as_str(), engine.model().context), ("gemini-3.8-flash", Some(1_048_576 + 65_536)));
    assert!(engine.capabilities().effort && !engine.capabilities().thinking_budget);
    engine.probe().await.unwrap();
    super::one(&engine, asks(json!({}))).await;
    assert!(asked(&server)["generationConfig"]["maxOutputTokens"].is_null(), "no limit that nobody asked for");
    let all = super::one(&engine, SampleRequest { max_tokens: Some(100_000), ..asks(json!({})) }).await;
    assert!(all.notes[0].contains("65536"), "{:?}", all.notes);
}

#[tokio::test]
async fn reasons_for_the_end_keep_their_meaning() {
    let counts = Counts::plain(9, 2);
    for (word, reason, own) in [
        ("STOP", FinishReason::Stop, None),
        ("MAX_TOKENS", FinishReason::Length, None),
        ("SAFETY", FinishReason::ContentFilter, Some("SAFETY")),
        ("RECITATION", FinishReason::ContentFilter, Some("RECITATION")),
        ("MALFORMED_FUNCTION_CALL", FinishReason::Interrupted, Some("MALFORMED_FUNCTION_CALL")),
        ("OTHER", FinishReason::Unknown, Some("OTHER")),
    ] {
        let (all, _) = answer(GEMINI, GEMINI.streams(&Turn::new("so it is", counts).stop(word)), asks(json!({}))).await;
        let finish = all.finish.unwrap();
        assert_eq!((finish.reason, finish.word.as_deref()), (reason, own), "{word}");
    }
    let blocked = json!({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": {"promptTokenCount": 9, "totalTokenCount": 9}});
    let (all, _) = answer(GEMINI, Reply::events([blocked]), asks(json!({}))).await;
    let finish = all.finish.unwrap();
    assert_eq!((finish.reason, finish.usage.prompt, finish.usage.completion), (FinishReason::ContentFilter, 9, 0));
    assert!(all.notes[0].contains("blocked the prompt: PROHIBITED_CONTENT"), "{:?}", all.notes);
}

#[tokio::test]
async fn signatures_are_kept_and_sent_back_whatever_the_client_kept_of_them() {
    let turn = Turn::new("", counts(GEMINI)).thinking("hm", "c2ln").call("", "add", json!({"x": 1})).call(
        "",
        "add",
        json!({"x": 2}),
    );
    let (all, _) = answer(GEMINI, GEMINI.streams(&turn), asks(json!({}))).await;
    let (calls, others) = joined(&all);
    assert_ne!(calls[0]["id"], calls[1]["id"], "each has an id of its own where the server gives none");
    let bare: Vec<Value> =
        calls.iter().map(|call| json!({"id": call["id"], "type": "function", "function": call["function"]})).collect();
    let with = |name: &str, calls: &[Value]| {
        let mut message = json!({"role": "assistant", "content": null, "tool_calls": calls});
        message[name] = others[name].clone();
        message
    };
    for (kept, message) in [
        ("with its calls", json!({"role": "assistant", "content": null, "tool_calls": calls})),
        ("as details", with("reasoning_details", &bare)),
        ("as blocks", with("thinking_blocks", &bare)),
    ] {
        let messages = json!([{"role": "user", "content": "?"}, message, {"role": "tool", "tool_call_id": calls[0]["id"], "content": "2"}]);
        let (body, notes) = written(GEMINI, with_messages(&messages, json!({}))).await;
        let parts = &body["contents"][1]["parts"];
        assert_eq!(
            (&parts[0]["thoughtSignature"], &parts[1]["thoughtSignature"]),
            (&json!("c2ln"), &json!(null)),
            "{kept}"
        );
        assert_eq!(body["contents"][2]["parts"][0]["functionResponse"]["name"], "add", "{kept}");
        assert!(notes.is_empty(), "{notes:?}");
    }
    let lost = json!([{"role": "user", "content": "?"}, {"role": "assistant", "tool_calls": bare}, {"role": "tool", "tool_call_id": calls[0]["id"], "content": "2"}]);
    let (body, notes) = written(GEMINI, with_messages(&lost, json!({}))).await;
    assert_eq!(body["contents"][1]["parts"][0]["thoughtSignature"], "skip_thought_signature_validator");
    assert!(notes[0].contains("signature"), "{notes:?}");
}

#[tokio::test]
async fn odd_chunks_cost_nothing_and_other_parts_are_kept() {
    let chunk = |parts: Value| Step::from(json!({"candidates": [{"content": {"parts": parts}}]}));
    let run = json!({"executableCode": {"language": "PYTHON", "code": "print(4)"}});
    let steps = vec![
        Step::from(json!({"tomorrow": [7]})),
        Step::from("{\"candidates\": ["),
        chunk(json!([run, {"text": "so "}, {"text": ""}, {}])),
        chunk(json!([{"inlineData": {"mimeType": "image/png", "data": "QUJD"}}, {"text": "it is"}])),
        Step::from(
            json!({"candidates": [{"finishReason": "STOP", "groundingMetadata": {"groundingChunks": [{"web": {"uri": "https://h", "title": "t"}}]}}],
            "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 5, "toolUsePromptTokenCount": 30, "totalTokenCount": 44}}),
        ),
    ];
    let (all, _) = answer(GEMINI, Reply::events(steps), asks(json!({}))).await;
    let (_, others) = joined(&all);
    assert_eq!((all.content.as_str(), &all.error), ("so it is", &None));
    assert_eq!(others["content_parts"], json!([run]));
    assert_eq!(others["images"][0]["image_url"]["url"], "data:image/png;base64,QUJD");
    assert_eq!(others["annotations"][0]["url_citation"]["url"], "https://h");
    let usage = all.finish.unwrap().usage;
    assert_eq!((usage.prompt, usage.completion, usage.estimated), (39, 5, false));
}

#[tokio::test]
async fn errors_say_whose_fault_they_are_and_whether_to_try_again() {
    use Origin::{Caller, Engine};
    let refusal = |status, kind, message, origin, retryable, elsewhere, code| Refusal {
        status,
        kind,
        message,
        origin,
        retryable,
        elsewhere,
        code,
    };
    check(
        GEMINI,
        &[
            refusal(
                400,
                "INVALID_ARGUMENT",
                "contents is not specified",
                Caller,
                false,
                false,
                Some("INVALID_ARGUMENT"),
            ),
            refusal(
                400,
                "INVALID_ARGUMENT",
                "The input token count (9) exceeds the maximum number of tokens allowed (8).",
                Caller,
                false,
                true,
                None,
            ),
            refusal(403, "PERMISSION_DENIED", "no", Engine, false, true, None),
            refusal(404, "NOT_FOUND", "models/x is not found", Caller, false, true, None),
            refusal(
                429,
                "RESOURCE_EXHAUSTED",
                "You exceeded your current quota",
                Engine,
                true,
                true,
                Some("RESOURCE_EXHAUSTED"),
            ),
            refusal(503, "UNAVAILABLE", "The model is overloaded.", Engine, true, true, None),
        ],
    )
    .await;
    let details = |details: Value, status: u16, kind: &str| {
        Reply::json(json!({"error": {"code": status, "message": "m", "status": kind, "details": details}}))
            .status(status)
    };
    let retry = details(
        json!([{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "31s"}]),
        429,
        "RESOURCE_EXHAUSTED",
    );
    let (all, _) = answer(GEMINI, retry, asks(json!({}))).await;
    assert_eq!(all.error.unwrap().retry_after, Some(Duration::from_secs(31)));
    let key = details(
        json!([{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}]),
        400,
        "INVALID_ARGUMENT",
    );
    let (all, _) = answer(GEMINI, key, asks(json!({}))).await;
    let error = all.error.unwrap();
    assert_eq!((error.status, error.origin, error.elsewhere), (Some(401), Engine, true));

    let text = json!({"candidates": [{"content": {"parts": [{"text": "hm"}]}}]});
    let failed = json!({"error": {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}});
    let (all, _) = answer(GEMINI, Reply::events([text, failed]), asks(json!({}))).await;
    let error = all.error.unwrap();
    assert_eq!((error.status, error.code.as_deref(), error.retryable), (Some(503), Some("UNAVAILABLE"), false));
}
