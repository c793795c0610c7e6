//! The body of a request.

use super::models::{Family, family};
use super::{messages, tools};
use crate::anthropic;
use crate::native::{Choice, Draft, Form, Question, asked_thinking, form, is_taken};
use crate::openai::channel::Written;
use outthink_core::{Effort, EngineError};
use serde_json::{Map, Value, json};

/// Where what a family of models has in words of its own stands.
const MORE: &str = "additionalModelRequestFields";
/// Where the settings of generation stand.
const CONFIG: &str = "inferenceConfig";

/// Further fields of a request in the shape of chat that are written in another place, or mean nothing here.
const TAKEN: [&str; 4] = ["thinking", "output_config", "anthropic_beta", MORE];
/// Fields of the API that are passed on as they are.
const OWN: [&str; 6] = [
    "guardrailConfig",
    "performanceConfig",
    "promptVariables",
    "requestMetadata",
    "serviceTier",
    "additionalModelResponseFieldPaths",
];

/// The body for one sample.
///
/// # Errors
/// If the conversation holds what the API does not take.
pub(crate) fn write(question: &Question<'_>) -> Result<Written, EngineError> {
    let prompt = &question.request.prompt;
    let extra = &prompt.extra;
    let mut draft = Draft::new(question.learned);
    let (system, turns) = messages::conversation(&prompt.messages, &mut draft)?;
    if !system.is_empty() {
        draft.set("system", system);
    }
    draft.set("messages", turns);
    let choice = tools::set(prompt, &mut draft);
    if let Some(Value::Object(own)) = extra.get(MORE) {
        draft.set(MORE, own.clone());
    }
    let thinks = thinking(question, choice, &mut draft);
    settings(question, thinks, &mut draft);
    match form(extra) {
        Form::Text => {}
        Form::Schema { name, schema } => {
            let schema = json!({ "name": name, "schema": schema.to_string() });
            let format = json!({ "type": "json_schema", "structure": { "jsonSchema": schema } });
            draft.put("outputConfig", "textFormat", format);
        }
        Form::Json | Form::Other => {
            draft.note("Converse has JSON replies by a schema alone: response_format was not sent");
        }
    }
    for name in OWN {
        draft.set(name, extra.get(name).cloned().unwrap_or_default());
    }
    if let Some(beta) = extra.get("anthropic_beta").filter(|_| family(question.model) == Family::Claude) {
        draft.put(MORE, "anthropic_beta", beta.clone());
    }
    let is_known = |name: &str| is_taken(name, &TAKEN) || OWN.contains(&name);
    for (name, _) in extra.iter().filter(|(name, value)| !value.is_null() && !is_known(name)) {
        draft.note(format!("Converse has no {name}: it was not sent"));
    }
    Ok(draft.finish())
}

/// Sets the length of reasoning in the words of the model's family; whether the model reasons, as far as that was asked
/// for.
fn thinking(question: &Question<'_>, choice: Choice<'_>, draft: &mut Draft<'_>) -> bool {
    let asked = asked_thinking(question.request);
    match family(question.model) {
        Family::Claude => claude(question, choice, draft),
        Family::Nova | Family::GptOss if question.facts.reasons => {
            if asked.budget.is_some() {
                draft.note("the model has efforts: the reasoning budget was not sent");
            }
            let Some(effort) = asked.effort else { return false };
            let is_nova = family(question.model) == Family::Nova;
            let word = match effort {
                Effort::None if is_nova => {
                    draft.hint(
                        &format!("{MORE}.reasoningConfig"),
                        json!({ "type": "disabled" }),
                        "the engine cannot turn reasoning off",
                    );
                    return false;
                }
                Effort::None | Effort::Minimal | Effort::Low => "low",
                Effort::Auto | Effort::Medium => "medium",
                Effort::High | Effort::Xhigh | Effort::Max => "high",
            };
            if word != effort.name() {
                draft.note(format!("the model does not support the effort {effort}: {word} was sent"));
            }
            let note = "the engine rejects this reasoning effort: it was not sent, and the engine's default applies";
            if is_nova {
                let config = json!({ "type": "enabled", "maxReasoningEffort": word });
                draft.hint(&format!("{MORE}.reasoningConfig"), config, note);
            } else {
                draft.hint(&format!("{MORE}.reasoning_effort"), word, note);
            }
            true
        }
        _ => {
            if !asked.is_default() && asked.effort != Some(Effort::None) {
                draft.note(format!("{} is not known to reason: the effort or budget was not sent", question.model));
            }
            false
        }
    }
}

/// Claude reasons as in Anthropic's own API, whose fields are passed on.
fn claude(question: &Question<'_>, choice: Choice<'_>, draft: &mut Draft<'_>) -> bool {
    let limit = question.request.max_tokens.or(question.facts.longest).unwrap_or(u64::MAX);
    let learned = |field: &str, value: Option<&Value>| (question.learned)(&format!("{MORE}.{field}"), value);
    let mut own = Draft::new(&learned);
    if let Some(Value::Object(config)) = question.request.prompt.extra.get("output_config") {
        own.set("output_config", config.clone());
    }
    let thinks = anthropic::thinking(question, limit, choice, &mut own);
    let Written { body, notes, spare } = own.finish();
    for note in notes {
        draft.note(note);
    }
    let hints: Map<String, Value> = body;
    for (name, value) in hints {
        match spare.iter().find(|spare| spare.field == name).and_then(|spare| spare.note.as_deref()) {
            Some(note) => draft.hint(&format!("{MORE}.{name}"), value, note),
            None => draft.put(MORE, &name, value),
        }
    }
    thinks
}

/// How tokens are drawn, and what ends the reply.
fn settings(question: &Question<'_>, thinks: bool, draft: &mut Draft<'_>) {
    let request = question.request;
    let sampling = &request.sampling;
    let family = family(question.model);
    if let Some(limit) = request.max_tokens {
        draft.put(CONFIG, "maxTokens", limit);
    }
    if !sampling.stop.is_empty() {
        draft.put(CONFIG, "stopSequences", json!(sampling.stop));
    }
    let claude_thinks = thinks && family == Family::Claude;
    for (name, value, is_fit) in [
        ("temperature", sampling.temperature, sampling.temperature == Some(1.0)),
        ("topP", sampling.top_p, sampling.top_p.is_some_and(|p| p >= 0.95)),
    ] {
        let Some(value) = value else { continue };
        if claude_thinks && !is_fit {
            draft.note(format!("{name} was not sent: Claude takes none while it reasons"));
        } else {
            draft.hint(&format!("{CONFIG}.{name}"), value, &format!("the engine rejects {name}: it was not sent"));
        }
    }
    if let Some(top_k) = sampling.top_k {
        let note = "the engine rejects top_k: it was not sent";
        match family {
            Family::Claude if !claude_thinks => draft.hint(&format!("{MORE}.top_k"), top_k, note),
            Family::Nova => draft.hint(&format!("{MORE}.inferenceConfig"), json!({ "topK": top_k }), note),
            _ => draft.note("top_k was not sent: Converse has none for this model"),
        }
    }
    if sampling.min_p.is_some() {
        draft.note("Converse has no min_p: it was not sent");
    }
    if question.seed.is_some() {
        draft.note("the engine does not support `seed`: it was not sent, and samples are not reproducible");
    }
    if request.logprobs {
        draft.note("the engine does not return log-probabilities: `logprobs` was not sent");
    }
}
