//! The body of a request.

use super::{Continuation, Dialect};
use outthink_core::{EngineError, Origin, SampleRequest};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value, json};

/// Fields that only we set; what the prompt's `extra` says of them is dropped.
const OURS: [&str; 11] = [
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
    "top_logprobs",
];

/// Candidates of a token that the API gives at most.
const MOST_CANDIDATES: u32 = 20;

/// The body for `n` samples, the first drawn with `seed`, as JSON.
///
/// # Errors
/// If the request asks for what the dialect does not have.
pub(super) fn body(
    request: &SampleRequest,
    model: &str,
    dialect: &Dialect,
    seed: u64,
    n: usize,
) -> Result<String, EngineError> {
    let missing = |what: &str| {
        Err(EngineError::new(Origin::Caller, format!("an engine of the dialect {} has no {what}", dialect.name)))
    };
    if request.max_tokens == Some(0) {
        return Err(EngineError::new(Origin::Caller, "a sample of at most 0 tokens was asked for"));
    }
    let extra = &request.prompt.extra;
    let mut ours: Vec<(&str, Value)> =
        vec![("model", model.into()), ("stream", true.into()), ("stream_options", json!({"include_usage": true}))];
    let prefix = request.prefix.as_deref().filter(|p| !p.is_empty());
    if prefix.is_some() {
        match dialect.continuation {
            Continuation::None => return missing("continuation of a given beginning"),
            Continuation::TrailingAssistant => {}
            Continuation::ContinueFinalMessage => {
                ours.push(("continue_final_message", true.into()));
                ours.push(("add_generation_prompt", false.into()));
            }
        }
    }
    if let Some(limit) = request.max_tokens.filter(|&limit| i32::try_from(limit).is_ok()) {
        ours.push((dialect.max_tokens_field, limit.into()));
    }
    if let Some(bits) = dialect.seed_bits {
        let mask = u64::MAX.checked_shr(64 - bits.min(63)).unwrap_or(0);
        ours.push(("seed", (seed & mask).into()));
    }
    if n > 1 {
        ours.push(("n", n.into()));
    }
    let sampling = &request.sampling;
    if !dialect.extended_sampling && (sampling.top_k.is_some() || sampling.min_p.is_some()) {
        return missing("top_k and min_p");
    }
    ours.extend(sampling.temperature.map(|t| ("temperature", t.into())));
    ours.extend(sampling.top_p.map(|p| ("top_p", p.into())));
    ours.extend(sampling.top_k.map(|k| ("top_k", k.into())));
    ours.extend(sampling.min_p.map(|p| ("min_p", p.into())));
    if !sampling.stop.is_empty() {
        ours.push(("stop", sampling.stop.clone().into()));
    }
    if request.logprobs && dialect.logprobs {
        ours.push(("logprobs", true.into()));
        let most = match request.confidence_over {
            // Left out, llama.cpp takes it for 20 and sends some kilobytes a token.
            0 | 1 => extra.get("top_logprobs").cloned().unwrap_or(1.into()),
            over => over.min(MOST_CANDIDATES).into(),
        };
        ours.push(("top_logprobs", most));
    }
    let last = prefix.map(|prefix| json!({"role": "assistant", "content": prefix}));
    let messages = Messages { given: &request.prompt.messages, last: last.as_ref() };
    serde_json::to_string(&Body { extra, ours: &ours, messages })
        .map_err(|e| EngineError::new(Origin::Internal, format!("a request cannot be written: {e}")))
}

/// A body that is written from where its parts lie: a prompt may be long.
struct Body<'a> {
    extra: &'a Map<String, Value>,
    ours: &'a [(&'a str, Value)],
    messages: Messages<'a>,
}

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let is_ours = |key: &str| OURS.contains(&key) || self.ours.iter().any(|(name, _)| *name == key);
        for (key, value) in self.extra.iter().filter(|(key, _)| !is_ours(key)) {
            map.serialize_entry(key, value)?;
        }
        for (key, value) in self.ours {
            map.serialize_entry(key, value)?;
        }
        map.serialize_entry("messages", &self.messages)?;
        map.end()
    }
}

/// The messages of a prompt and, where a beginning is given, one that holds it.
struct Messages<'a> {
    given: &'a [Value],
    last: Option<&'a Value>,
}

impl Serialize for Messages<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.given.iter().chain(self.last))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{GENERIC, LLAMA_CPP, OPENAI, VLLM};
    use super::*;
    use outthink_core::Prompt;

    fn body(request: &SampleRequest, dialect: &Dialect, seed: u64) -> Result<Value, EngineError> {
        super::body(request, "m", dialect, seed, 1).map(|text| serde_json::from_str(&text).unwrap())
    }

    fn request() -> SampleRequest {
        let mut prompt = Prompt::user("2+2?");
        prompt.extra =
            serde_json::from_str(r#"{"tools":[{"x":1}],"stream":false,"n":9,"foo":{"b":null},"top_logprobs":3}"#)
                .unwrap();
        SampleRequest { prompt, seeds: vec![7], max_tokens: Some(5), ..SampleRequest::default() }
    }

    #[test]
    fn unknown_fields_are_kept_and_ours_are_set() {
        let given = body(&request(), &OPENAI, u64::MAX).unwrap();
        assert_eq!(given["tools"], json!([{"x": 1}]));
        assert_eq!(given["foo"], json!({"b": null}));
        assert_eq!(given["stream"], true);
        assert_eq!(given["max_completion_tokens"], 5);
        assert_eq!(given["seed"], (1u64 << 53) - 1);
        assert!(given.get("n").is_none() && given.get("top_logprobs").is_none());

        let mut request = request();
        request.logprobs = true;
        assert_eq!(body(&request, &VLLM, 1).unwrap()["top_logprobs"], 3);
        request.prompt.extra.clear();
        assert_eq!(body(&request, &VLLM, 1).unwrap()["top_logprobs"], 1);
    }

    #[test]
    fn a_beginning_is_continued_as_the_dialect_has_it() {
        let mut request = request();
        request.prefix = Some("So".into());
        let vllm = body(&request, &VLLM, 1).unwrap();
        assert_eq!(vllm["continue_final_message"], true);
        assert_eq!(vllm["add_generation_prompt"], false);
        let llama = body(&request, &LLAMA_CPP, 1).unwrap();
        assert_eq!(llama["messages"][1], json!({"role": "assistant", "content": "So"}));
        assert!(llama.get("continue_final_message").is_none());
        let error = body(&request, &GENERIC, 1).unwrap_err();
        assert_eq!(error.origin, Origin::Caller);
    }
}
