//! The body of a request.

use super::{contents, thinking, tools};
use crate::native::{Draft, Form, Question, form, is_taken};
use crate::openai::channel::Written;
use serde_json::{Value, json};

/// Stop texts that the API takes at most.
const STOPS: usize = 5;
/// Where the settings of generation stand.
const CONFIG: &str = "generationConfig";

/// Further fields of a request in the shape of chat that are written in another place, or mean nothing here.
const TAKEN: [&str; 7] =
    ["generationConfig", "thinkingConfig", "extra_body", "google", "presence_penalty", "frequency_penalty", "user"];
/// Fields of the API that are passed on as they are.
const OWN: [&str; 5] = ["safetySettings", "cachedContent", "toolConfig", "labels", "serviceTier"];

/// The body for one sample.
pub(crate) fn write(question: &Question<'_>) -> Written {
    let request = question.request;
    let extra = &request.prompt.extra;
    let mut draft = Draft::new(question.learned);
    let (system, contents) = contents::conversation(&request.prompt.messages, &mut draft);
    if !system.is_empty() {
        draft.set("systemInstruction", json!({ "parts": system }));
    }
    if let Some(Value::Object(own)) = extra.get(CONFIG) {
        draft.set(CONFIG, own.clone());
    }
    for name in OWN {
        draft.set(name, extra.get(name).cloned().unwrap_or_default());
    }
    if let Some(google) = extra.get("extra_body").map(|body| &body["google"]).or_else(|| extra.get("google")) {
        draft.set("cachedContent", google["cached_content"].clone());
        draft.set("safetySettings", google["safety_settings"].clone());
    }
    tools::set(extra, &mut draft);
    settings(question, &mut draft);
    thinking::set(question, &mut draft);
    match form(extra) {
        Form::Text => {}
        Form::Json => draft.put(CONFIG, "responseMimeType", "application/json"),
        Form::Schema { schema, .. } => {
            draft.put(CONFIG, "responseMimeType", "application/json");
            draft.put(CONFIG, "responseJsonSchema", schema.clone());
        }
        Form::Other => draft.note("the Gemini API has no such response_format: it was not sent"),
    }
    let is_known = |name: &str| is_taken(name, &TAKEN) || OWN.contains(&name);
    for (name, _) in extra.iter().filter(|(name, value)| !value.is_null() && !is_known(name)) {
        draft.note(format!("the Gemini API has no {name}: it was not sent"));
    }
    let is_marked = |value: &Value| value.get("cache_control").is_some_and(Value::is_object);
    let holds_mark = |message: &Value| {
        is_marked(message) || message["content"].as_array().is_some_and(|parts| parts.iter().any(is_marked))
    };
    if request.prompt.messages.iter().any(holds_mark) {
        draft.note("cache_control was not sent: the Gemini API decides itself what it caches");
    }
    if extra.get("user").is_some_and(Value::is_string) {
        draft.note("the Gemini API has no user: it was not sent");
    }
    draft.set("contents", contents);
    draft.finish()
}

/// How tokens are drawn, and what ends the reply.
fn settings(question: &Question<'_>, draft: &mut Draft<'_>) {
    let request = question.request;
    let sampling = &request.sampling;
    if let Some(limit) = request.max_tokens {
        let longest = question.facts.longest.unwrap_or(u64::MAX);
        if limit > longest {
            draft.note(format!(
                "the model's own limit of {longest} tokens holds: it is below the {limit} that were asked for"
            ));
        }
        draft.put(CONFIG, "maxOutputTokens", limit.min(longest));
    }
    if !sampling.stop.is_empty() {
        if sampling.stop.len() > STOPS {
            draft.note(format!("the Gemini API takes {STOPS} stop texts at most: the first {STOPS} were sent"));
        }
        let stop: Vec<&String> = sampling.stop.iter().take(STOPS).collect();
        draft.put(CONFIG, "stopSequences", json!(stop));
    }
    let extra = |name: &str| request.prompt.extra.get(name).filter(|value| value.is_number()).cloned();
    for (name, value) in [
        ("temperature", sampling.temperature.map(Value::from)),
        ("topP", sampling.top_p.map(Value::from)),
        ("topK", sampling.top_k.map(Value::from)),
        ("presencePenalty", extra("presence_penalty")),
        ("frequencyPenalty", extra("frequency_penalty")),
        // As an integer of 32 bits with a sign.
        ("seed", question.seed.map(|seed| Value::from(seed & 0x7fff_ffff))),
    ] {
        if let Some(value) = value {
            draft.hint(&format!("{CONFIG}.{name}"), value, &format!("the engine rejects {name}: it was not sent"));
        }
    }
    if sampling.min_p.is_some() {
        draft.note("the Gemini API has no min_p: it was not sent");
    }
    if request.logprobs {
        draft.note("the engine does not return log-probabilities: `logprobs` was not sent");
    }
}
