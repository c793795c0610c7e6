//! The body of a text completion: a rendered prompt goes on where a chat template would rewrite the beginning.

use super::ask::Ask;
use super::length::TEMPLATE;
use super::render::Conversation;
use super::request::{Addressee, Writer};
use outthink_core::{EngineError, Origin, SampleRequest};
use serde_json::{Map, Value, json};

/// Fields of a chat request that mean the same in a text completion.
const SHARED: [&str; 22] = [
    "user",
    "presence_penalty",
    "frequency_penalty",
    "repetition_penalty",
    "repeat_penalty",
    "logit_bias",
    "min_tokens",
    "ignore_eos",
    "stop_token_ids",
    "bad_words",
    "allowed_token_ids",
    "response_format",
    "structured_outputs",
    "guided_json",
    "guided_regex",
    "guided_choice",
    "guided_grammar",
    "json_schema",
    "grammar",
    "priority",
    "cache_salt",
    "cache_prompt",
];

/// The effort of a chat request, and of a template.
const EFFORT: &str = "reasoning_effort";

/// What a chat request says that the rendered prompt has to hold: messages, tools and the template's arguments.
pub(super) fn conversation(request: &SampleRequest, to: Addressee<'_>) -> Conversation {
    let given = &request.prompt.extra;
    let mut writer = Writer::new(to);
    let mut template = writer.length(request);
    // Servers hand the effort of a chat request to the template themselves.
    let (ours, ..) = writer.finish();
    let effort = ours.get(EFFORT).or_else(|| given.get(EFFORT)).filter(|v| v.is_string());
    template.extend(effort.map(|effort| (EFFORT.to_owned(), effort.clone())));
    if let Some(Value::Object(arguments)) = given.get(TEMPLATE) {
        arguments.iter().for_each(|(key, value)| drop(template.insert(key.clone(), value.clone())));
    }
    let mut extra = Map::new();
    if !template.is_empty() {
        extra.insert(TEMPLATE.into(), template.into());
    }
    if let Some(tools) = given.get("tools").filter(|_| request.prompt.has_tools()) {
        extra.insert("tools".into(), tools.clone());
    }
    Conversation { messages: request.prompt.messages.clone(), extra }
}

/// The body for one sample after a rendered prompt.
///
/// # Errors
/// If the request asks for what the dialect does not have.
pub(super) fn ask(request: &SampleRequest, to: Addressee<'_>, seed: u64, prompt: &Value) -> Result<Ask, EngineError> {
    if request.max_tokens == Some(0) {
        return Err(EngineError::new(Origin::Caller, "a sample of at most 0 tokens was asked for"));
    }
    let mut writer = Writer::new(to);
    for name in SHARED {
        if let Some(value) = request.prompt.extra.get(name).filter(|v| !v.is_null()) {
            writer.set(name, value.clone());
        }
    }
    writer.begin(true);
    // Without a limit, the API's default for text completions is 16 tokens; a limit below 0 stands for none
    // with llama.cpp, and null with vLLM.
    match request.max_tokens {
        Some(limit) => writer.set("max_tokens", limit.into()),
        None => writer.set("max_tokens", no_limit(to)),
    }
    writer.seed(request, seed);
    writer.sampling(request);
    if request.logprobs {
        writer.set("logprobs", 1.into());
    }
    let (mut body, mut notes, spare) = writer.finish();
    if request.thinking.budget.is_some() {
        notes
            .push("a reply that goes on from a rendered prompt has no reasoning budget of the engine's own".to_owned());
    }
    body.insert("prompt".into(), prompt.clone());
    Ok(Ask::new(Value::Object(body).to_string().into(), notes, spare))
}

/// What says that there is no limit: vLLM takes null for the rest of its context, and llama.cpp -1.
fn no_limit(to: Addressee<'_>) -> Value {
    if to.dialect.name.starts_with("llama") { json!(-1) } else { Value::Null }
}
