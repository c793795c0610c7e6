//! What an engine says reaches the client whole: fields, ends, errors, who worked and at what price.

use crate::ask;
use crate::common::object;
use crate::http::{call, chat};
use crate::played::{Act, engine, serve};
use outthink_core::{
    Capabilities, Delta, Effort, Engine, EngineError, Finish, FinishReason, ModelInfo, Origin, Price, SampleEvent,
    SampleRequest, SampleStream, Source, Usage,
};
use outthink_serve::ServeOptions;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

type Event = Result<SampleEvent, EngineError>;

/// An engine whose samples give these events, each after a pause of so many milliseconds.
struct Raw {
    played: Arc<outthink_testkit::engine::Scripted>,
    ready: Option<bool>,
}

impl Raw {
    fn new(events: impl Fn(usize) -> Vec<(u64, Event)> + Send + Sync + 'static) -> Self {
        let act = |(pause, event): (u64, Event)| {
            let act = match event {
                Ok(SampleEvent::Started(source)) => Act::Started(Source::clone(&source)),
                Ok(SampleEvent::Lost(usage)) => Act::Lost(usage),
                Ok(SampleEvent::Used(usage)) => Act::Used(usage),
                Ok(SampleEvent::Note(words)) => Act::Note(words),
                Ok(SampleEvent::Prompt { tokens, cached }) => Act::Prompt(tokens, cached),
                Ok(SampleEvent::Delta(delta)) => Act::Delta(delta),
                Ok(SampleEvent::Finish(finish)) => Act::Finish(finish),
                Err(error) => Act::Fail(error),
            };
            [Act::Wait(Duration::from_millis(pause)), act]
        };
        Self { played: engine(move |i, _| events(i).into_iter().flat_map(act).collect()), ready: None }
    }
}

impl Engine for Raw {
    fn model(&self) -> &ModelInfo {
        self.played.model()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    fn is_ready(&self) -> Option<bool> {
        self.ready
    }

    fn start(&self, request: SampleRequest) -> Vec<SampleStream> {
        self.played.start(request)
    }
}

async fn before(engine: Raw) -> SocketAddr {
    serve(ServeOptions::new(vec![Arc::new(engine)]).with_default_effort(Effort::None)).await
}

fn delta(content: &str, extra: Value) -> (u64, Event) {
    let delta = Delta { content: content.into(), tokens: 1, extra: object(extra), ..Delta::default() };
    (0, Ok(SampleEvent::Delta(delta)))
}

fn usage(prompt: u64, completion: u64) -> Usage {
    Usage { prompt, completion, ..Usage::default() }
}

fn finish(reason: FinishReason, word: Option<&str>) -> (u64, Event) {
    let word = word.map(str::to_owned);
    (0, Ok(SampleEvent::Finish(Finish { word, ..Finish::new(reason, usage(7, 3)) })))
}

fn all_events() -> Vec<(u64, Event)> {
    vec![
        delta("Rome", json!({"annotations": [{"type": "url_citation", "url": "https://a.example"}]})),
        delta(
            "",
            json!({"audio": {"id": "a", "data": "QUJD"}, "reasoning_details": [{"index": 0, "type": "reasoning.text", "text": "so "}]}),
        ),
        delta(
            "",
            json!({"reasoning_details": [{"index": 0, "text": "it is"}], "images": [{"index": 0, "type": "image_url"}]}),
        ),
        finish(FinishReason::Stop, None),
    ]
}

#[tokio::test]
async fn a_whole_reply_keeps_what_a_stream_passes_on() {
    let address = before(Raw::new(|_| all_events())).await;
    let message = chat(address, &ask(json!({}))).await.json()["choices"][0]["message"].clone();
    assert_eq!(message["content"], "Rome");
    assert_eq!(message["annotations"][0]["url"], "https://a.example");
    assert_eq!(message["audio"]["data"], "QUJD");
    assert_eq!(message["reasoning_details"][0]["text"], "so it is");
    assert_eq!(message["images"][0]["type"], "image_url");
    let streamed = chat(address, &ask(json!({"stream": true}))).await.events();
    for field in ["annotations", "audio", "reasoning_details", "images"] {
        assert!(streamed.iter().any(|e| !e["choices"][0]["delta"][field].is_null()), "{field}");
    }
    // A reply that is chosen and not streamed has them, too.
    let vote = ask(json!({"stream": true, "outthink": {"strategy": "self-consistency", "samples": 2}}));
    let chosen = chat(address, &vote).await.events();
    for field in ["annotations", "audio", "reasoning_details", "images"] {
        assert!(chosen.iter().any(|e| !e["choices"][0]["delta"][field].is_null()), "{field}");
    }
}

#[tokio::test]
async fn a_refusal_is_a_refusal_in_both_apis() {
    let events = |_: usize| {
        vec![
            delta("", json!({"refusal": "I "})),
            delta("", json!({"refusal": "cannot"})),
            finish(FinishReason::Stop, None),
        ]
    };
    let address = before(Raw::new(events)).await;
    let message = chat(address, &ask(json!({}))).await.json()["choices"][0]["message"].clone();
    assert_eq!((&message["refusal"], &message["content"]), (&json!("I cannot"), &Value::Null));
    let response = call(address, "POST", "/v1/responses", r#"{"input": "2+2?"}"#).await.json();
    assert_eq!(response["output"][0]["content"], json!([{"type": "refusal", "refusal": "I cannot"}]), "{response}");
}

#[tokio::test]
async fn an_end_that_is_not_known_is_passed_on_and_one_that_broke_is_cut() {
    for (reason, word, told) in [
        (FinishReason::Unknown, Some("model_context_window"), "model_context_window"),
        (FinishReason::Interrupted, Some("insufficient_system_resource"), "length"),
        (FinishReason::ContentFilter, Some("SAFETY"), "content_filter"),
    ] {
        let address = before(Raw::new(move |_| vec![delta("Well", json!({})), finish(reason, word)])).await;
        let whole = chat(address, &ask(json!({}))).await.json();
        assert_eq!(whole["choices"][0]["finish_reason"], told, "{whole}");
        assert_eq!(whole["outthink"]["finish"].as_str(), word);
        let streamed = chat(address, &ask(json!({"stream": true}))).await.events();
        assert_eq!(streamed.last().unwrap()["choices"][0]["finish_reason"], told);
    }
}

#[tokio::test]
async fn the_model_that_worked_is_on_the_bill_at_its_price() {
    let large = Source { model: "large".into(), member: None, price: Price::per_million_usd(5.0, 5.0, 50.0).unwrap() };
    let large = Arc::new(large);
    let events = move |_: usize| {
        vec![
            (0, Ok(SampleEvent::Started(Arc::clone(&large)))),
            (0, Ok(SampleEvent::Note("the seed could not be sent".into()))),
            delta("4", json!({})),
            finish(FinishReason::Stop, None),
        ]
    };
    let address = before(Raw::new(events)).await;
    let receipt = chat(address, &ask(json!({}))).await.json()["outthink"].clone();
    assert_eq!(receipt["cost_nano_usd"], 7 * 5_000 + 3 * 50_000, "{receipt}");
    assert_eq!(receipt["model"], "large");
    let bill = json!([{"model": "large", "arm": "m", "samples": 1, "prompt_tokens": 7, "completion_tokens": 3, "cost_nano_usd": 185_000}]);
    assert_eq!(receipt["models"], bill);
    assert_eq!(receipt["notes"], json!(["the seed could not be sent"]));
    assert_eq!(receipt["confidence"], Value::Null);
}

#[tokio::test]
async fn failed_samples_are_counted_and_named() {
    let events = |i: usize| match i {
        0 => vec![delta("The answer is 4.", json!({})), finish(FinishReason::Stop, None)],
        _ => vec![(5, Err(EngineError::new(Origin::Engine, "the engine is on fire").with_status(500)))],
    };
    let address = before(Raw::new(events)).await;
    let reply = chat(address, &ask(json!({"outthink": {"strategy": "self-consistency", "samples": 4}}))).await.json();
    assert_eq!((&reply["outthink"]["samples_drawn"], &reply["outthink"]["samples_failed"]), (&json!(4), &json!(3)));
    assert!(reply["outthink"]["notes"].to_string().contains("3 of 4 samples failed"), "{reply}");
}

#[tokio::test]
async fn samples_that_the_engine_ended_are_counted_and_named() {
    for (reason, word, how) in [
        (FinishReason::Interrupted, Some("abort"), "3 of 5 interrupted by the engine (`abort`)"),
        (FinishReason::ContentFilter, Some("SAFETY"), "3 of 5 withheld by a filter or refused (`SAFETY`)"),
        (FinishReason::Unknown, Some("weird"), "3 of 5 ended for a reason that is not known (`weird`)"),
    ] {
        let events = move |i: usize| {
            let end = if i < 2 { finish(FinishReason::Stop, None) } else { finish(reason, word) };
            vec![delta("The answer is 4.", json!({})), end]
        };
        let address = before(Raw::new(events)).await;
        let reply =
            chat(address, &ask(json!({"outthink": {"strategy": "self-consistency", "samples": 5}}))).await.json();
        let receipt = &reply["outthink"];
        assert_eq!((&receipt["samples_drawn"], &receipt["samples_failed"]), (&json!(5), &json!(3)), "{receipt}");
        assert!(receipt["notes"].to_string().contains(how), "{receipt}");
        assert_eq!(receipt["votes"], json!([{"answer": "4", "votes": 2}]));
    }
    // A longer limit is no help where the engine gave up.
    let events = |_: usize| vec![delta("Well", json!({})), finish(FinishReason::Interrupted, Some("abort"))];
    let address = before(Raw::new(events)).await;
    let body = json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "2+2?"}]});
    let message = call(address, "POST", "/v1/messages", &body.to_string()).await.json();
    assert_eq!(message["stop_reason"], Value::Null, "{message}");
    let response = call(address, "POST", "/v1/responses", r#"{"input": "2+2?"}"#).await.json();
    assert_eq!((&response["status"], &response["incomplete_details"]), (&json!("incomplete"), &Value::Null));
    for receipt in [&message["outthink"], &response["outthink"]] {
        assert_eq!((&receipt["finish"], &receipt["samples_failed"]), (&json!("abort"), &json!(1)), "{receipt}");
    }
}

#[tokio::test]
async fn nothing_of_a_reply_is_dropped_from_a_response() {
    let image = |url: &str| json!({"type": "image_url", "image_url": {"url": url}});
    let data = "data:image/png;base64,iVBO";
    let audio = json!({"id": "audio_1", "data": "UklG", "transcript": "It is 4."});
    let drawn = json!([{"id": "ID", "type": "image_generation_call", "status": "completed", "result": "iVBO"}]);
    let spoken = json!([{"type": "output_text", "text": "It is 4.", "annotations": [], "logprobs": []}]);
    for (extra, output, unplaced) in [
        (json!({"images": [image(data)]}), drawn, Value::Null),
        (json!({"images": [image("https://a/b.png")]}), json!([]), json!({"images": [image("https://a/b.png")]})),
        (json!({"audio": audio}), spoken, json!({"audio": audio})),
        (json!({"citations": ["https://a"]}), json!([]), json!({"citations": ["https://a"]})),
    ] {
        let events = {
            let extra = extra.clone();
            move |_: usize| vec![delta("", extra.clone()), finish(FinishReason::Stop, None)]
        };
        for samples in [1, 3] {
            let address = before(Raw::new(events.clone())).await;
            for stream in [false, true] {
                let own = json!({"strategy": "self-consistency", "samples": samples});
                let body = json!({"input": "Draw or say it.", "stream": stream, "outthink": own});
                let reply = call(address, "POST", "/v1/responses", &body.to_string()).await;
                let response = if stream {
                    let end = reply.body.lines().filter_map(|line| line.strip_prefix("data: ")).next_back().unwrap();
                    serde_json::from_str::<Value>(end).unwrap()["response"].clone()
                } else {
                    reply.json()
                };
                let mut items = Vec::new();
                for item in response["output"].as_array().unwrap() {
                    if let Some(parts) = item["content"].as_array() {
                        items.extend(parts.iter().cloned());
                    } else {
                        items.push(item.clone());
                        items.last_mut().unwrap()["id"] = "ID".into();
                    }
                }
                let case = format!("{extra}, stream {stream}, samples {samples}: {}", reply.body);
                assert_eq!(Value::from(items), output, "{case}");
                assert_eq!(response["outthink"]["extra"], unplaced, "{case}");
            }
        }
    }
}

#[tokio::test]
async fn the_servers_own_errors_keep_code_param_and_status() {
    let long = EngineError {
        param: Some("messages".into()),
        kind: Some("invalid_request_error".into()),
        ..EngineError::new(Origin::Caller, "too long").with_status(400).with_code("context_length_exceeded")
    };
    let quota = EngineError {
        kind: Some("insufficient_quota".into()),
        ..EngineError::new(Origin::Engine, "no money left").with_status(429).with_code("insufficient_quota")
    };
    let late = EngineError::new(Origin::Engine, "bad gateway").with_status(524);
    for (error, status, code, param) in [
        (long, 400, "context_length_exceeded", json!("messages")),
        (quota, 429, "insufficient_quota", Value::Null),
        (late, 504, "engine_timeout", Value::Null),
    ] {
        for (stream, samples) in [(false, 1), (true, 1), (false, 3), (true, 3)] {
            let error = error.clone();
            let address = before(Raw::new(move |_| vec![(0, Err(error.clone()))])).await;
            let own = json!({"strategy": "self-consistency", "samples": samples});
            let reply = chat(address, &ask(json!({"stream": stream, "outthink": own}))).await;
            let body = reply.json();
            assert_eq!(reply.status, status, "{body}");
            assert_eq!((&body["error"]["code"], &body["error"]["param"]), (&json!(code), &param), "{body}");
        }
    }
}

#[tokio::test]
async fn a_token_of_half_a_letter_keeps_its_probability() {
    let half = |text: &str| delta(text, json!({"logprobs": [{"token": "\u{fffd}", "logprob": -0.5}]}));
    let events = move |_: usize| vec![half(""), half("é"), finish(FinishReason::Stop, None)];
    let address = before(Raw::new(events)).await;
    let whole = chat(address, &ask(json!({"logprobs": true}))).await.json();
    assert_eq!(whole["choices"][0]["logprobs"]["content"].as_array().unwrap().len(), 2);
    let streamed = chat(address, &ask(json!({"logprobs": true, "stream": true}))).await.events();
    let told: usize =
        streamed.iter().filter_map(|e| Some(e["choices"][0]["logprobs"]["content"].as_array()?.len())).sum();
    assert_eq!(told, 2);
}

#[tokio::test]
async fn a_gateway_whose_engines_are_down_is_not_ready() {
    for (ready, status) in [(Some(false), 503), (Some(true), 200), (None, 200)] {
        let address = before(Raw { ready, ..Raw::new(|_| Vec::new()) }).await;
        assert_eq!(call(address, "GET", "/health/ready", "").await.status, status, "{ready:?}");
        assert_eq!(call(address, "GET", "/health", "").await.status, 200);
    }
}

#[tokio::test]
async fn work_that_the_client_does_not_see_does_not_keep_its_connection_quiet() {
    // Sample 0 is shown and says nothing for 17 s; sample 1 speaks every second and is not shown.
    let events = |i: usize| {
        if i == 0 {
            return vec![delta("Hm. ", json!({})), (17_000, delta("4", json!({})).1), finish(FinishReason::Stop, None)];
        }
        let mut events: Vec<(u64, Event)> = (0..17).map(|_| (1_000, delta("x ", json!({})).1)).collect();
        events.push(finish(FinishReason::Stop, None));
        events
    };
    let address = before(Raw::new(events)).await;
    let body = ask(json!({"stream": true, "outthink": {"strategy": "self-consistency", "samples": 2}}));
    let reply = chat(address, &body).await;
    assert!(reply.body.contains("\n\n: keep-alive\n\n"), "{}", reply.body);
}
