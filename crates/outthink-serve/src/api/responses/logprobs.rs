//! The log-probabilities of a reply's tokens, as the Responses API has them.

use outthink_core::{Delta, LOGPROBS, Outcome, SampleId};
use serde_json::{Value, json};

/// Those of every sample's text, where the client asked for them.
pub(super) struct Tokens(Option<Vec<(SampleId, Vec<Value>)>>);

impl Tokens {
    pub(super) fn new(asked: bool) -> Self {
        Self(asked.then(Vec::new))
    }

    /// Keeps those of a piece of text, and gives them; reasoning has none in this API.
    pub(super) fn keep(&mut self, sample: SampleId, delta: &Delta) -> Vec<Value> {
        let (Some(kept), Some(Value::Array(tokens))) = (&mut self.0, delta.extra.get(LOGPROBS)) else {
            return Vec::new();
        };
        if !delta.reasoning.is_empty() && delta.content.is_empty() {
            return Vec::new();
        }
        let tokens: Vec<Value> = tokens.iter().map(token).collect();
        match kept.iter_mut().find(|(id, _)| *id == sample) {
            Some((_, all)) => all.extend_from_slice(&tokens),
            None => kept.push((sample, tokens.clone())),
        }
        tokens
    }

    /// Those of the chosen reply.
    pub(super) fn of(&self, outcome: &Outcome) -> Vec<Value> {
        let chosen = self.0.iter().flatten().find(|(id, _)| Some(*id) == outcome.chosen);
        chosen.map(|(_, tokens)| tokens.clone()).unwrap_or_default()
    }
}

/// The tokens as events have them: without their bytes.
pub(super) fn of_event(tokens: &[Value]) -> Vec<Value> {
    let without = |token: &Value| json!({ "token": token["token"], "logprob": token["logprob"] });
    let one = |token: &Value| {
        let mut event = without(token);
        event["top_logprobs"] = token["top_logprobs"].as_array().into_iter().flatten().map(without).collect();
        event
    };
    tokens.iter().map(one).collect()
}

/// A token with its candidates: every field is there.
fn token(of_chat: &Value) -> Value {
    let mut token = candidate(of_chat);
    let candidates = of_chat["top_logprobs"].as_array().map(Vec::as_slice).unwrap_or_default();
    token["top_logprobs"] = candidates.iter().map(candidate).collect();
    token
}

fn candidate(of_chat: &Value) -> Value {
    let text = of_chat["token"].as_str().unwrap_or_default();
    let bytes = if of_chat["bytes"].is_array() { of_chat["bytes"].clone() } else { json!(text.as_bytes()) };
    json!({ "token": text, "bytes": bytes, "logprob": of_chat["logprob"] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_of_the_text_are_kept_with_all_their_fields() {
        let piece = |content: &str, reasoning: &str| Delta {
            content: content.into(),
            reasoning: reasoning.into(),
            extra: [(LOGPROBS.to_owned(), json!([{"token": "é", "logprob": -0.5}]))].into_iter().collect(),
            ..Delta::default()
        };
        let sample = SampleId::default();
        assert!(Tokens::new(false).keep(sample, &piece("é", "")).is_empty());
        let mut tokens = Tokens::new(true);
        assert!(tokens.keep(sample, &piece("", "é")).is_empty());
        let kept = tokens.keep(sample, &piece("é", ""));
        assert_eq!(kept, [json!({"token": "é", "bytes": [195, 169], "logprob": -0.5, "top_logprobs": []})]);
        assert_eq!(of_event(&kept), [json!({"token": "é", "logprob": -0.5, "top_logprobs": []})]);
    }
}
