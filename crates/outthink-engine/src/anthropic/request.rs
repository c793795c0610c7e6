//! The body of a request.

use super::{messages, thinking, tools};
use crate::native::{Draft, Form, Question, form, is_taken};
use crate::openai::channel::Written;
use outthink_core::{EngineError, Origin};
use serde_json::{Value, json};

/// Further fields of a request in the shape of chat that are written in another place, or mean nothing here.
const TAKEN: [&str; 4] = ["thinking", "output_config", "user", "service_tier"];
/// Fields of the API that are passed on as they are.
const OWN: [&str; 7] =
    ["cache_control", "container", "context_management", "inference_geo", "mcp_servers", "metadata", "speed"];

/// The body for one sample.
///
/// # Errors
/// If the longest reply of the model is not known and nobody set a limit, or the conversation holds what the API does
/// not take.
pub(crate) fn write(question: &Question<'_>) -> Result<Written, EngineError> {
    let request = question.request;
    let extra = &request.prompt.extra;
    let mut draft = Draft::new(question.learned);
    draft.set("model", question.model);
    draft.set("stream", true);
    let limit = limit(question, &mut draft)?;
    draft.set("max_tokens", limit);
    let (system, turns) = messages::conversation(&request.prompt.messages, &mut draft)?;
    if !system.is_empty() {
        draft.set("system", system);
    }
    let choice = tools::set(extra, &mut draft);
    // Before `thinking`, which puts the effort into it.
    if let Some(Value::Object(own)) = extra.get("output_config") {
        draft.set("output_config", own.clone());
    }
    let thinks = thinking::set(question, limit, choice, &mut draft);
    sampling(question, thinks, &mut draft);
    match form(extra) {
        Form::Text => {}
        Form::Schema { schema, .. } => {
            draft.put("output_config", "format", json!({ "type": "json_schema", "schema": schema }));
        }
        Form::Json | Form::Other => {
            draft.note("the Messages API has JSON replies by a schema alone: response_format was not sent");
        }
    }
    others(question, &mut draft);
    draft.set("messages", turns);
    Ok(draft.finish())
}

/// The limit on generated tokens, which the API requires: where nobody set one it is the model's own.
fn limit(question: &Question<'_>, draft: &mut Draft<'_>) -> Result<u64, EngineError> {
    match (question.request.max_tokens, question.facts.longest) {
        (Some(asked), Some(longest)) if asked > longest => {
            draft.note(format!(
                "the model's own limit of {longest} tokens holds: it is below the {asked} that were asked for"
            ));
            Ok(longest)
        }
        (Some(limit), _) | (None, Some(limit)) => Ok(limit),
        (None, None) => {
            let words =
                format!("the longest reply of {} is not known, and the Messages API requires a limit", question.model);
            Err(EngineError::new(Origin::Caller, words)
                .with_hint("set max_tokens, or use a server that lists its models"))
        }
    }
}

/// How tokens are drawn, and what ends the reply.
fn sampling(question: &Question<'_>, thinks: bool, draft: &mut Draft<'_>) {
    let sampling = &question.request.sampling;
    if !sampling.stop.is_empty() {
        // The API refuses stop texts of white space alone.
        let (stop, blank): (Vec<&String>, Vec<&String>) =
            sampling.stop.iter().partition(|text| !text.trim().is_empty());
        if !blank.is_empty() {
            draft.note("a stop text of white space alone was not sent: the Messages API takes none");
        }
        if !stop.is_empty() {
            draft.set("stop_sequences", json!(stop));
        }
    }
    for (name, value) in [
        ("temperature", sampling.temperature.map(|t| Value::from(t.min(1.0)))),
        ("top_p", sampling.top_p.map(Value::from)),
        ("top_k", sampling.top_k.map(Value::from)),
    ] {
        let Some(value) = value else { continue };
        // With reasoning the API takes a temperature of 1 alone, no top_k, and a top_p near 1.
        let is_fit = match name {
            "temperature" => value == 1.0,
            "top_p" => sampling.top_p.is_some_and(|p| p >= 0.95),
            _ => false,
        };
        if thinks && !is_fit {
            draft.note(format!("{name} was not sent: the Messages API takes none while the model reasons"));
        } else {
            draft.hint(name, value, &format!("the engine rejects {name}: it was not sent"));
        }
    }
    if sampling.temperature.is_some_and(|t| t > 1.0) && !thinks {
        draft.note("a temperature above 1 was sent as 1, the highest of the Messages API");
    }
    if sampling.min_p.is_some() {
        draft.note("the Messages API has no min_p: it was not sent");
    }
    if question.seed.is_some() {
        draft.note("the engine does not support `seed`: it was not sent, and samples are not reproducible");
    }
    if question.request.logprobs {
        draft.note("the engine does not return log-probabilities: `logprobs` was not sent");
    }
}

/// What else the client sent.
fn others(question: &Question<'_>, draft: &mut Draft<'_>) {
    let extra = &question.request.prompt.extra;
    for (name, value) in extra.iter().filter(|(name, value)| !value.is_null() && !is_taken(name, &TAKEN)) {
        if name == "metadata" && value["user_id"].is_null() {
            continue;
        }
        if OWN.contains(&name.as_str()) {
            draft.set(name, value.clone());
        } else {
            draft.note(format!("the Messages API has no {name}: it was not sent"));
        }
    }
    if let Some(user) = extra.get("user").filter(|user| user.is_string()) {
        draft.put("metadata", "user_id", user.clone());
    }
    match extra.get("service_tier").and_then(Value::as_str) {
        None | Some("auto") => {}
        Some("default" | "standard_only") => draft.set("service_tier", "standard_only"),
        Some(tier) => draft.note(format!("the Messages API has no service tier {tier}: it was not sent")),
    }
}
