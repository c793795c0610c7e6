//! How long a sample reasons: the client's word, in the engine's own terms, and no limit that nobody asked for.

use crate::ask;
use crate::http::{call, chat};
use crate::played::{gateway, says};
use outthink_core::{Effort, Thinking};
use serde_json::json;

#[tokio::test]
async fn the_clients_effort_reaches_the_engine_and_no_limit_does() {
    let (address, engine) = gateway(|_, _| says("hi")).await;
    for (fields, effort, budget) in [
        (json!({}), None, None),
        (json!({"reasoning_effort": "low"}), Some(Effort::Low), None),
        (json!({"reasoning_effort": "none"}), Some(Effort::None), None),
        (json!({"reasoning_effort": "auto"}), None, None),
        (json!({"outthink": {"effort": "high", "thinking_budget": 4096.0}}), Some(Effort::High), Some(4096)),
    ] {
        assert_eq!(chat(address, &ask(fields.clone())).await.status, 200, "{fields}");
        let seen = engine.last_request();
        assert_eq!(seen.thinking, Thinking { effort, budget }, "{fields}");
        assert_eq!((seen.max_tokens, seen.seeded), (None, false), "{fields}");
    }
}

#[tokio::test]
async fn the_same_by_the_names_of_the_responses_api() {
    let (address, engine) = gateway(|_, _| says("hi")).await;
    let body = json!({"input": "2+2?", "reasoning": {"effort": "minimal"}, "top_k": 3.0, "max_output_tokens": 70.0});
    assert_eq!(call(address, "POST", "/v1/responses", &body.to_string()).await.status, 200);
    let seen = engine.last_request();
    assert_eq!((seen.thinking.effort, seen.max_tokens), (Some(Effort::Minimal), Some(70)));
    assert_eq!((seen.sampling.top_k, seen.prompt.extra.len()), (Some(3), 0), "{:?}", seen.prompt.extra);
}

#[tokio::test]
async fn native_fields_pass_through_untouched() {
    let (address, engine) = gateway(|_, _| says("hi")).await;
    let native = json!({
        "chat_template_kwargs": {"enable_thinking": false}, "thinking": {"type": "enabled", "budget_tokens": 900},
        "n_predict": 70, "min_tokens": 3, "best_of": 1,
    });
    assert_eq!(chat(address, &ask(native.clone())).await.status, 200);
    let seen = engine.last_request();
    assert_eq!(serde_json::Value::Object(seen.prompt.extra.clone()), native);
    assert_eq!(seen.max_tokens, Some(70));
}
