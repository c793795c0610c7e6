//! Bedrock's Converse API.

use super::{Refusal, answer, asked, asks, check, joined, one, options, written};
use crate::KEY;
use outthink_core::{Effort, FinishReason, Origin, Prompt, SampleRequest, Sampling, Thinking};
use outthink_engine::native::{AwsKeys, NativeEngine};
use outthink_testkit::server::{Counts, Provider, Reply, Server, Turn};
use serde_json::{Value, json};

const BEDROCK: Provider = Provider::Bedrock;

fn with_messages(messages: &Value, extra: Value) -> SampleRequest {
    let mut request = asks(extra);
    let extra = request.prompt.extra.clone();
    request.prompt = Prompt { messages: messages.as_array().unwrap().clone(), extra }.into();
    request
}

#[tokio::test]
async fn a_conversation_is_asked_in_its_words() {
    let cached = json!({"type": "ephemeral"});
    let messages = json!([
        {"role": "system", "content": [{"type": "text", "text": "Be brief.", "cache_control": cached}]},
        {"role": "user", "content": [
            {"type": "text", "text": "What is this?"},
            {"type": "image_url", "image_url": {"url": "data:image/jpg;base64,QUJD"}},
            {"type": "file", "file": {"filename": "my_report: 1.pdf", "file_data": "data:application/pdf;base64,QUJD"}},
        ]},
        {"role": "assistant", "content": "I look.",
            "thinking_blocks": [{"type": "thinking", "thinking": "hm", "signature": "s"}, {"type": "redacted_thinking", "data": "ZA=="}],
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "add", "arguments": "{\"x\": 1}"}}]},
        {"role": "tool", "tool_call_id": "c1", "content": "4", "is_error": true},
        {"role": "user", "content": "Go on."},
    ]);
    let tools = json!([{"type": "function", "function": {"name": "add", "description": "adds", "parameters": {"type": "object"}}}]);
    let extra = json!({"tools": tools, "tool_choice": "required", "requestMetadata": {"a": "b"},
        "response_format": {"type": "json_schema", "json_schema": {"name": "r", "schema": {"type": "object"}}}});
    let request = SampleRequest {
        sampling: Sampling {
            temperature: Some(0.5),
            top_p: Some(0.9),
            top_k: Some(5),
            stop: vec!["END".into()],
            ..Sampling::default()
        },
        max_tokens: Some(300),
        ..with_messages(&messages, extra)
    };
    let (body, notes) = written(BEDROCK, request).await;
    assert_eq!(
        body,
        json!({
            "system": [{"text": "Be brief."}, {"cachePoint": {"type": "default"}}],
            "messages": [
                {"role": "user", "content": [
                    {"text": "What is this?"},
                    {"image": {"format": "jpeg", "source": {"bytes": "QUJD"}}},
                    {"document": {"format": "pdf", "name": "my report 1 1", "source": {"bytes": "QUJD"}}},
                ]},
                {"role": "assistant", "content": [
                    {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "s"}}},
                    {"reasoningContent": {"redactedContent": "ZA=="}},
                    {"text": "I look."},
                    {"toolUse": {"toolUseId": "c1", "name": "add", "input": {"x": 1}}},
                ]},
                {"role": "user", "content": [
                    {"toolResult": {"toolUseId": "c1", "content": [{"text": "4"}], "status": "error"}},
                    {"text": "Go on."},
                ]},
            ],
            "toolConfig": {
                "tools": [{"toolSpec": {"name": "add", "description": "adds", "inputSchema": {"json": {"type": "object"}}}}],
                "toolChoice": {"any": {}},
            },
            "inferenceConfig": {"maxTokens": 300, "stopSequences": ["END"], "temperature": 0.5, "topP": 0.9},
            "additionalModelRequestFields": {"top_k": 5},
            "outputConfig": {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"name": "r", "schema": "{\"type\":\"object\"}"}}}},
            "requestMetadata": {"a": "b"},
        })
    );
    assert!(notes.is_empty(), "{notes:?}");
    let url = json!([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://h/a.png"}}]}]);
    let (all, server) = answer(BEDROCK, Reply::text("x"), with_messages(&url, json!({}))).await;
    assert!(all.error.unwrap().message.contains("by its address") && server.requests().is_empty());
}

#[tokio::test]
async fn a_key_is_a_bearer_token_and_keys_of_aws_sign_each_request() {
    let server =
        Server::start(BEDROCK.answers(super::model(BEDROCK), [BEDROCK.streams(&Turn::new("4", Counts::plain(9, 1)))]));
    let mut options = options(BEDROCK, &server);
    one(&NativeEngine::new(options.clone()).unwrap(), asks(json!({}))).await;
    options.server.api_key = None;
    assert!(NativeEngine::new(options.clone()).is_ok(), "a gateway in between may sign");
    let keys = AwsKeys {
        id: "AKID".into(),
        secret: "very-secret".into(),
        session: Some("token".into()),
        region: Some("eu-west-1".into()),
    };
    options.aws = Some(AwsKeys { region: None, ..keys.clone() });
    assert!(NativeEngine::new(options.clone()).unwrap_err().to_string().contains("AWS_REGION"));
    options.aws = Some(keys);
    let all = one(&NativeEngine::new(options).unwrap(), asks(json!({}))).await;
    assert_eq!((all.content.as_str(), all.error), ("4", None));
    let requests = server.requests();
    let [bearer, signed] = &requests[..] else { panic!("two requests") };
    assert_eq!(bearer.header("authorization"), Some(format!("Bearer {KEY}").as_str()));
    assert_eq!(bearer.path, "/model/us.anthropic.claude-opus-4-6-v1%3A0/converse-stream");
    let authorization = signed.header("authorization").unwrap();
    assert!(authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKID/"), "{authorization}");
    assert!(
        authorization.contains("/eu-west-1/bedrock/aws4_request, SignedHeaders=host;x-amz-date;x-amz-security-token"),
        "{authorization}"
    );
    assert_eq!(
        (signed.header("x-amz-security-token"), signed.header("accept")),
        (Some("token"), Some("application/vnd.amazon.eventstream"))
    );
    assert!(signed.header("x-amz-date").is_some() && !signed.whole().contains("very-secret"));
}

#[tokio::test]
async fn the_length_of_reasoning_is_asked_in_the_words_of_the_family() {
    let ask = async |model: &str, effort, budget| {
        let server = Server::start(BEDROCK.answers(model, [BEDROCK.streams(&Turn::new("4", Counts::plain(9, 1)))]));
        let mut options = options(BEDROCK, &server);
        options.server.model = Some(model.to_owned());
        let request = SampleRequest { thinking: Thinking { effort, budget }, ..asks(json!({})) };
        let all = one(&NativeEngine::new(options).unwrap(), request).await;
        assert_eq!(all.error, None, "{model}");
        (asked(&server)["additionalModelRequestFields"].clone(), all.notes.len())
    };
    let adaptive = json!({"type": "adaptive", "display": "summarized"});
    for (model, effort, budget, fields, notes) in [
        (
            "us.anthropic.claude-opus-4-6-v1:0",
            Some(Effort::High),
            None,
            json!({"output_config": {"effort": "high"}, "thinking": adaptive}),
            0,
        ),
        (
            "anthropic.claude-opus-9-v1",
            Some(Effort::Low),
            Some(4_000),
            json!({"output_config": {"effort": "low"}, "thinking": adaptive}),
            1,
        ),
        (
            "anthropic.claude-sonnet-4-5-20250929-v1:0",
            None,
            Some(4_000),
            json!({"thinking": {"type": "enabled", "budget_tokens": 4_000}}),
            0,
        ),
        (
            "amazon.nova-2-lite-v1:0",
            Some(Effort::Max),
            None,
            json!({"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "high"}}),
            1,
        ),
        ("openai.gpt-oss-120b-1:0", Some(Effort::Medium), None, json!({"reasoning_effort": "medium"}), 0),
        ("meta.llama3-1-8b-instruct-v1:0", Some(Effort::High), None, json!(null), 1),
        ("meta.llama3-1-8b-instruct-v1:0", None, None, json!(null), 0),
    ] {
        assert_eq!(ask(model, effort, budget).await, (fields, notes), "{model}");
    }
}

#[tokio::test]
async fn signed_and_sealed_reasoning_is_kept_and_reasons_for_the_end_keep_their_meaning() {
    let turn = Turn::new("so it is", Counts::plain(9, 5)).thinking("hm", "sig").sealed("eHl6");
    let (all, _) = answer(BEDROCK, BEDROCK.streams(&turn), asks(json!({}))).await;
    let (_, others) = joined(&all);
    assert_eq!(
        others["thinking_blocks"],
        json!([{"type": "thinking", "thinking": "hm", "signature": "sig"}, {"type": "redacted_thinking", "data": "eHl6"}])
    );
    for (word, reason, own) in [
        ("end_turn", FinishReason::Stop, None),
        ("stop_sequence", FinishReason::Stop, None),
        ("max_tokens", FinishReason::Length, None),
        ("guardrail_intervened", FinishReason::ContentFilter, Some("guardrail_intervened")),
        ("content_filtered", FinishReason::ContentFilter, Some("content_filtered")),
        ("malformed_tool_use", FinishReason::Interrupted, Some("malformed_tool_use")),
        ("model_context_window_exceeded", FinishReason::Length, Some("model_context_window_exceeded")),
        ("tired", FinishReason::Unknown, Some("tired")),
    ] {
        let (all, _) =
            answer(BEDROCK, BEDROCK.streams(&Turn::new("so it is", Counts::plain(9, 2)).stop(word)), asks(json!({})))
                .await;
        let finish = all.finish.unwrap();
        assert_eq!((finish.reason, finish.word.as_deref()), (reason, own), "{word}");
    }
}

#[tokio::test]
async fn odd_events_cost_nothing_and_failures_in_the_stream_have_names() {
    let text = |text: &str| ("contentBlockDelta", json!({"contentBlockIndex": 0, "delta": {"text": text}}));
    let usage = json!({"usage": {"inputTokens": 9, "outputTokens": 3, "totalTokens": 12}});
    let events = vec![
        ("tomorrow", json!([7])),
        text("so "),
        ("contentBlockDelta", json!({"contentBlockIndex": 0, "delta": {"tomorrow": {}}})),
        text("it is"),
        ("messageStop", json!({"stopReason": "end_turn"})),
        ("metadata", usage),
    ];
    let (all, _) = answer(BEDROCK, Provider::messages(events), asks(json!({}))).await;
    assert_eq!((all.content.as_str(), &all.error), ("so it is", &None));
    let usage = all.finish.unwrap().usage;
    assert_eq!((usage.prompt, usage.completion, usage.estimated), (9, 3, false));

    let failed = || ("throttlingException", json!({"message": "slow down"}));
    let good = BEDROCK.streams(&Turn::new("4", Counts::plain(9, 1)));
    let server = Server::start(BEDROCK.answers(super::model(BEDROCK), [Provider::messages([failed()]), good]));
    let all = one(&super::engine(BEDROCK, &server), asks(json!({}))).await;
    assert_eq!((all.content.as_str(), all.error), ("4", None), "tried again");
    let (all, _) = answer(BEDROCK, Provider::messages([text("hm"), failed()]), asks(json!({}))).await;
    let error = all.error.unwrap();
    assert_eq!((error.status, error.kind.as_deref(), error.retryable), (Some(429), Some("throttlingException"), false));

    let noise = Reply::bytes("application/vnd.amazon.eventstream", [outthink_testkit::server::Step::raw(vec![7; 64])]);
    let (all, _) = answer(BEDROCK, noise, asks(json!({}))).await;
    assert!(all.error.unwrap().message.contains("checksum"));
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
        BEDROCK,
        &[
            refusal(
                400,
                "ValidationException",
                "The provided model identifier is invalid.",
                Caller,
                false,
                false,
                None,
            ),
            refusal(
                400,
                "ValidationException",
                "Input is too long for requested model.",
                Caller,
                false,
                true,
                Some("context_length_exceeded"),
            ),
            refusal(400, "ServiceQuotaExceededException", "quota", Engine, false, true, Some("insufficient_quota")),
            refusal(403, "AccessDeniedException", "no access to the model", Engine, false, true, None),
            refusal(424, "ModelErrorException", "oh", Engine, true, true, None),
            refusal(429, "ThrottlingException", "Too many requests", Engine, true, true, None),
            refusal(503, "ServiceUnavailableException", "later", Engine, true, true, None),
        ],
    )
    .await;
    let (all, _) = answer(BEDROCK, BEDROCK.error(429, "ThrottlingException", "m"), asks(json!({}))).await;
    assert_eq!(all.error.unwrap().kind.as_deref(), Some("ThrottlingException"));
}
