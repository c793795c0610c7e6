//! The body of a request.

use super::{Continuation, Dialect};
use outthink_core::{EngineError, Origin, SampleRequest};
use serde_json::{Map, Value, json};

/// Fields that only we set; what the prompt's `extra` says of them is dropped.
const OURS: [&str; 10] = [
    "messages",
    "model",
    "n",
    "stream",
    "stream_options",
    "max_tokens",
    "max_completion_tokens",
    "seed",
    "stop",
    "logprobs",
];

/// Candidates of a token that the API gives at most.
const MOST_CANDIDATES: u32 = 20;

/// Builds the body for `n` samples, the first drawn with `seed`.
///
/// # Errors
/// If the request asks for what the dialect does not have.
pub(super) fn body(
    request: &SampleRequest,
    model: &str,
    dialect: &Dialect,
    seed: u64,
    n: usize,
) -> Result<Value, EngineError> {
    let missing = |what: &str| {
        Err(EngineError::new(Origin::Caller, format!("an engine of the dialect {} has no {what}", dialect.name)))
    };
    if request.max_tokens == 0 {
        return Err(EngineError::new(Origin::Caller, "a sample of at most 0 tokens was asked for"));
    }
    let mut body: Map<String, Value> = request.prompt.extra.clone();
    for field in OURS {
        body.remove(field);
    }
    let mut messages = request.prompt.messages.clone();
    if let Some(prefix) = request.prefix.as_deref().filter(|p| !p.is_empty()) {
        match dialect.continuation {
            Continuation::None => return missing("continuation of a given beginning"),
            Continuation::TrailingAssistant => {}
            Continuation::ContinueFinalMessage => {
                body.insert("continue_final_message".into(), true.into());
                body.insert("add_generation_prompt".into(), false.into());
            }
        }
        messages.push(json!({"role": "assistant", "content": prefix}));
    }
    body.insert("model".into(), model.into());
    body.insert("messages".into(), messages.into());
    body.insert("stream".into(), true.into());
    body.insert("stream_options".into(), json!({"include_usage": true}));
    if i32::try_from(request.max_tokens).is_ok() {
        body.insert(dialect.max_tokens_field.into(), request.max_tokens.into());
    }
    if let Some(bits) = dialect.seed_bits {
        let mask = u64::MAX.checked_shr(64 - bits.min(63)).unwrap_or(0);
        body.insert("seed".into(), (seed & mask).into());
    }
    if n > 1 {
        body.insert("n".into(), n.into());
    }
    let sampling = &request.sampling;
    if let Some(temperature) = sampling.temperature {
        body.insert("temperature".into(), temperature.into());
    }
    if let Some(top_p) = sampling.top_p {
        body.insert("top_p".into(), top_p.into());
    }
    if !dialect.extended_sampling && (sampling.top_k.is_some() || sampling.min_p.is_some()) {
        return missing("top_k and min_p");
    }
    if let Some(top_k) = sampling.top_k {
        body.insert("top_k".into(), top_k.into());
    }
    if let Some(min_p) = sampling.min_p {
        body.insert("min_p".into(), min_p.into());
    }
    if !sampling.stop.is_empty() {
        body.insert("stop".into(), sampling.stop.clone().into());
    }
    if request.logprobs && dialect.logprobs {
        body.insert("logprobs".into(), true.into());
        // Left out, llama.cpp takes it for 20 and sends some kilobytes a token.
        body.entry("top_logprobs").or_insert(1.into());
        if request.confidence_over > 1 {
            let most = request.confidence_over.min(MOST_CANDIDATES);
            body.insert("top_logprobs".into(), most.into());
        }
    } else {
        body.remove("top_logprobs");
    }
    Ok(body.into())
}

#[cfg(test)]
mod tests {
    use super::super::{GENERIC, LLAMA_CPP, OPENAI, VLLM};
    use super::*;
    use outthink_core::Prompt;

    fn request() -> SampleRequest {
        let mut prompt = Prompt::user("2+2?");
        prompt.extra =
            serde_json::from_str(r#"{"tools":[{"x":1}],"stream":false,"n":9,"foo":{"b":null},"top_logprobs":3}"#)
                .unwrap();
        SampleRequest { prompt, seeds: vec![7], max_tokens: 5, ..SampleRequest::default() }
    }

    #[test]
    fn unknown_fields_are_kept_and_ours_are_set() {
        let body = body(&request(), "m", &OPENAI, u64::MAX, 1).unwrap();
        assert_eq!(body["tools"], json!([{"x": 1}]));
        assert_eq!(body["foo"], json!({"b": null}));
        assert_eq!(body["stream"], true);
        assert_eq!(body["max_completion_tokens"], 5);
        assert_eq!(body["seed"], (1u64 << 53) - 1);
        assert!(body.get("n").is_none() && body.get("top_logprobs").is_none());

        let mut request = request();
        request.logprobs = true;
        assert_eq!(super::body(&request, "m", &VLLM, 1, 1).unwrap()["top_logprobs"], 3);
        request.prompt.extra.clear();
        assert_eq!(super::body(&request, "m", &VLLM, 1, 1).unwrap()["top_logprobs"], 1);
    }

    #[test]
    fn a_beginning_is_continued_as_the_dialect_has_it() {
        let mut request = request();
        request.prefix = Some("So".into());
        let vllm = body(&request, "m", &VLLM, 1, 1).unwrap();
        assert_eq!(vllm["continue_final_message"], true);
        assert_eq!(vllm["add_generation_prompt"], false);
        let llama = body(&request, "m", &LLAMA_CPP, 1, 1).unwrap();
        assert_eq!(llama["messages"][1], json!({"role": "assistant", "content": "So"}));
        assert!(llama.get("continue_final_message").is_none());
        let error = body(&request, "m", &GENERIC, 1, 1).unwrap_err();
        assert_eq!(error.origin, Origin::Caller);
    }
}
