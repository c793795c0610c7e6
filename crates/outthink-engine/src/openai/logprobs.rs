//! Log-probabilities of tokens, and how sure the model was of them.

use serde_json::{Map, Value};

/// What stands for a log-probability that is no number.
const UNKNOWN: f32 = -9999.0;

/// The log-probability of each token.
pub(super) fn logprobs(field: Option<&Value>) -> Vec<f32> {
    let number = |value: &Value| value.as_f64().map_or(UNKNOWN, |p| p as f32);
    let tokens = field.and_then(|l| l["content"].as_array());
    // Text completions have a list of numbers.
    let numbers = field.and_then(|l| l["token_logprobs"].as_array()).filter(|_| tokens.is_none());
    match (tokens, numbers) {
        (Some(tokens), _) => tokens.iter().map(|token| number(&token["logprob"])).collect(),
        (None, Some(numbers)) => numbers.iter().map(number).collect(),
        (None, None) => Vec::new(),
    }
}

/// Minus the mean log-probability of each token's most probable candidates; nothing where the
/// server gives no more than one of them.
pub(super) fn confidences(field: Option<&Value>) -> Vec<f32> {
    let tokens = field.and_then(|l| l["content"].as_array()).map(Vec::as_slice).unwrap_or_default();
    let one = |token: &Value| {
        let candidates: Vec<f64> =
            token["top_logprobs"].as_array()?.iter().filter_map(|c| c["logprob"].as_f64()).collect();
        (candidates.len() > 1).then(|| (-candidates.iter().sum::<f64>() / candidates.len() as f64) as f32)
    };
    // All or none, so that they can be compared.
    tokens.iter().map(one).collect::<Option<Vec<f32>>>().unwrap_or_default()
}

/// Whether a stop text ended the sample, and which: vLLM reports it as `stop_reason`, `SGLang` as `matched_stop`;
/// a text is a stop text, a number is a token of the model's own. vLLM's null is the model's end.
pub(super) fn met_stop(event: &Map<String, Value>) -> (Option<bool>, Option<String>) {
    let Some(reported) = event.get("matched_stop").or_else(|| event.get("stop_reason")) else { return (None, None) };
    let text = reported.as_str().map(str::to_owned);
    (Some(text.is_some()), text)
}
