//! The request of `POST /v1/responses`, checked by its own names.

use super::include::Include;
use super::input;
use super::tools::Catalogue;
use crate::api::read::{Efforts, Fields, Said, body_object, describe, lengths, reasoning as thoughts, settings};
use crate::error::ApiError;
use crate::run::RunRequest;
use outthink_core::{Effort, Prompt, Sampling};
use serde_json::{Map, Value, json};

/// A request that was understood.
pub(super) struct ResponsesRequest {
    pub(super) run: RunRequest,
    pub(super) echo: Echo,
    /// The messages so far, the instructions left out.
    pub(super) messages: Vec<Value>,
    pub(super) store: bool,
}

/// What of a request is repeated in its response.
#[derive(Debug, Clone, Default)]
pub(super) struct Echo {
    pub(super) fields: Map<String, Value>,
    /// The kind of summary of the reasoning that was asked for, if any.
    pub(super) summary: Option<String>,
    /// What the functions stand for that engines are offered.
    pub(super) tools: Catalogue,
    /// What it is asked to hold beyond its usual fields.
    pub(super) include: Include,
    /// Whether nobody waits for it.
    pub(super) background: bool,
}

/// Fields that a response repeats as they came.
const ECHOED: [&str; 15] = [
    "model",
    "stream",
    "temperature",
    "top_p",
    "user",
    "parallel_tool_calls",
    "seed",
    "service_tier",
    "safety_identifier",
    "prompt_cache_key",
    "metadata",
    "max_output_tokens",
    "max_tool_calls",
    "top_logprobs",
    "truncation",
];

/// Names of the chat completions API, and what they are called here.
const OF_CHAT: [(&str, &str); 12] = [
    ("messages", "give the conversation in `input`"),
    ("stop", "the Responses API has no stop texts: leave it out"),
    ("max_tokens", "use max_output_tokens"),
    ("max_completion_tokens", "use max_output_tokens"),
    ("reasoning_effort", "use reasoning.effort"),
    ("response_format", "use text.format"),
    ("format", "use text.format"),
    ("verbosity", "use text.verbosity"),
    ("functions", "use tools"),
    ("function_call", "use tool_choice"),
    ("logprobs", "use top_logprobs"),
    ("n", "one response is given for each request: leave it out"),
];

/// Names the response that a request goes on from.
pub(super) const PREVIOUS: &str = "previous_response_id";

/// Names the conversation that a request goes on with and adds to.
pub(super) const CONVERSATION: &str = "conversation";

/// What a request goes on from.
pub(super) enum Before {
    /// A response.
    Response {
        /// Its name.
        id: String,
        /// The messages up to and with it.
        messages: Vec<Value>,
    },
    /// A conversation.
    Conversation {
        /// Its name.
        id: String,
        /// The items in it.
        items: Vec<Value>,
    },
}

/// The fields of a body that are not of another API.
pub(super) fn fields(body: &[u8]) -> Result<Fields, ApiError> {
    let mut fields = Fields::new(body_object(body, "`input`")?, "");
    refuse(&mut fields)?;
    Ok(fields)
}

/// The error of a request that goes on from a response which is not known.
pub(super) fn not_remembered(id: &str) -> ApiError {
    let id: String = id.chars().take(64).collect();
    let words = format!(
        "previous_response_id `{id}` is not remembered: responses are kept for an hour; send the whole conversation \
         in `input`"
    );
    ApiError::invalid(PREVIOUS, words).with_code("previous_response_not_found")
}

/// Takes the name of the conversation that a request goes on with: a string, or an object with its `id`.
pub(super) fn conversation(fields: &mut Fields) -> Result<Option<String>, ApiError> {
    let id = match fields.take(CONVERSATION) {
        None => return Ok(None),
        Some(Value::String(id)) => Some(id),
        Some(Value::Object(mut object)) => object.shift_remove("id").and_then(|id| id.as_str().map(str::to_owned)),
        Some(_) => None,
    };
    let words = "conversation is neither a string nor an object with an id: give the id of a conversation";
    id.map(Some).ok_or_else(|| ApiError::invalid(CONVERSATION, words))
}

impl ResponsesRequest {
    /// Reads and checks the fields of a request that goes on from `before`. `hosted` are the kinds of tools that the
    /// engine's server carries out itself.
    pub(super) fn read(
        mut fields: Fields,
        efforts: Efforts<'_>,
        before: Option<Before>,
        hosted: &[String],
    ) -> Result<Self, ApiError> {
        let store = fields.flag("store")?.unwrap_or(true);
        let mut echo = Echo::default();
        for name in ECHOED {
            if let Some(value) = fields.look(name) {
                echo.fields.insert(name.into(), value.clone());
            }
        }
        let (model, stream) = (fields.string("model")?, fields.flag("stream")?.unwrap_or(false));
        echo.background = background(&mut fields, stream, store)?;
        let sampling = Sampling {
            temperature: fields.number("temperature", 0.0, 2.0)?,
            top_p: fields.number("top_p", 0.0, 1.0)?,
            top_k: fields.limit("top_k")?,
            min_p: fields.number("min_p", 0.0, 1.0)?,
            stop: Vec::new(),
        };
        let seed = fields.seed("seed")?;
        let (mut notes, mut engine) = (Vec::new(), Map::new());
        without_effect(&mut fields, &mut notes)?;
        passed_on(&fields)?;
        echo.include = Include::read(&mut fields, &mut engine, &mut notes)?;
        let so_far = so_far(&mut fields, before, &mut echo, &mut notes)?;
        let mut messages = so_far.clone();
        thoughts::keep_current(&mut messages);
        if let Some(text) = fields.string("instructions")? {
            echo.fields.insert("instructions".into(), text.as_str().into());
            messages.insert(0, json!({ "role": "system", "content": text }));
        }
        if messages.is_empty() {
            return Err(ApiError::invalid("input", "input is missing: give a string or an array of items"));
        }
        lengths::refuse_hidden(&fields)?;
        let length = fields.count("max_output_tokens", 1)?;
        let length = lengths::length(&fields, "max_output_tokens", length)?;
        let effort = reasoning(&mut fields, &mut echo)?;
        tools(&mut fields, (&mut engine, hosted), &mut echo, &mut notes)?;
        text(&mut fields, &mut engine, &mut echo)?;
        let offers_tools = settings::offers_tools(engine.get("tools"));
        let said = Said { effort, effort_field: "reasoning.effort", length, offers_tools };
        let run = settings::read(&mut fields, efforts, said)?;
        // What is not known here may be known to the engine.
        for (key, value) in fields.rest() {
            engine.entry(key).or_insert(value);
        }
        let prompt = Prompt { messages, extra: engine };
        let logprobs = echo.include.logprobs;
        let run = RunRequest { model, prompt, stream, sampling, seed, logprobs, notes, ..run };
        Ok(Self { run, echo, messages: so_far, store })
    }
}

/// What this API does not have, and features that need a server with a memory of its own.
fn refuse(fields: &mut Fields) -> Result<(), ApiError> {
    for (name, hint) in OF_CHAT {
        if fields.look(name).is_some() {
            return Err(ApiError::invalid(name, format!("{name} is not a field of the Responses API: {hint}")));
        }
    }
    if fields.take("prompt").is_some() {
        return Err(ApiError::invalid("prompt", "prompt is not supported: send the text itself in `input`"));
    }
    Ok(())
}

/// Whether nobody waits for the response: it is then read by its name, so that it has to be remembered.
fn background(fields: &mut Fields, stream: bool, store: bool) -> Result<bool, ApiError> {
    let background = fields.flag("background")?.unwrap_or(false);
    let words = match (background, stream, store) {
        (true, true, _) => "background is true, and such a response is read by its name: leave stream out",
        (true, _, false) => "background is true, and such a response has to be remembered: leave store out",
        _ => return Ok(background),
    };
    Err(ApiError::invalid("background", words))
}

/// What is checked and changes nothing here, or not all that it says.
fn without_effect(fields: &mut Fields, notes: &mut Vec<String>) -> Result<(), ApiError> {
    for unused in ["stream_options", "client_metadata"] {
        fields.take(unused);
    }
    // It bounds the calls of a provider's own tools, which are not counted here.
    if fields.count("max_tool_calls", 1)?.is_some() {
        notes.push("max_tool_calls was not sent: it bounds tools that run on OpenAI's own servers".to_owned());
    }
    match fields.string("truncation")?.as_deref() {
        None | Some("disabled") => Ok(()),
        Some("auto") => {
            notes.push("truncation is auto, but nothing of a conversation is left out here".to_owned());
            Ok(())
        }
        Some(_) => Err(ApiError::invalid("truncation", "truncation is not known: use auto or disabled")),
    }
}

/// What the engine reads, by the types that the API gives it.
fn passed_on(fields: &Fields) -> Result<(), ApiError> {
    let is = |name: &str, what: &str, fits: fn(&Value) -> bool| match fields.look(name) {
        Some(value) if !fits(value) => {
            Err(ApiError::invalid(name, format!("{name} is {}: give {what}", describe(value))))
        }
        _ => Ok(()),
    };
    is("parallel_tool_calls", "true or false", Value::is_boolean)?;
    is("metadata", "an object", Value::is_object)?;
    for name in ["user", "service_tier", "safety_identifier", "prompt_cache_key"] {
        is(name, "a string", Value::is_string)?;
    }
    match fields.look("tool_choice") {
        None => Ok(()),
        Some(Value::String(word)) if ["none", "auto", "required"].contains(&word.as_str()) => Ok(()),
        Some(choice) if choice["type"].as_str().is_some_and(|kind| !kind.is_empty()) || choice["name"].is_string() => {
            Ok(())
        }
        Some(_) => {
            let words = "tool_choice is not known: use none, auto, required, or an object with the type of a tool";
            Err(ApiError::invalid("tool_choice", words))
        }
    }
}

/// The messages that a request stands for, with those before it.
fn so_far(
    fields: &mut Fields,
    before: Option<Before>,
    echo: &mut Echo,
    notes: &mut Vec<String>,
) -> Result<Vec<Value>, ApiError> {
    let mut messages = match before {
        None => Vec::new(),
        Some(Before::Response { id, messages }) => {
            echo.fields.insert(PREVIOUS.into(), id.into());
            messages
        }
        Some(Before::Conversation { id, items }) => {
            echo.fields.insert(CONVERSATION.into(), json!({ "id": id }));
            input::messages(Some(items.into()), CONVERSATION, notes)?
        }
    };
    messages.extend(input::messages(fields.take("input"), "input", notes)?);
    Ok(input::settle(messages))
}

fn reasoning(fields: &mut Fields, echo: &mut Echo) -> Result<Option<Effort>, ApiError> {
    let Some(object) = fields.object("reasoning")? else { return Ok(None) };
    let mut own = Fields::new(object, "reasoning.");
    let effort = settings::effort(&mut own, "effort")?;
    let summary = match own.string("summary")? {
        None => own.string("generate_summary")?,
        given => given,
    };
    if let Some(kind) = &summary
        && !["auto", "concise", "detailed"].contains(&kind.as_str())
    {
        let words = "reasoning.summary is not known: use auto, concise or detailed";
        return Err(ApiError::invalid("reasoning.summary", words));
    }
    echo.summary = summary;
    Ok(effort)
}

fn tools(
    fields: &mut Fields,
    (engine, hosted): (&mut Map<String, Value>, &[String]),
    echo: &mut Echo,
    notes: &mut Vec<String>,
) -> Result<(), ApiError> {
    if let Some(tools) = fields.take("tools") {
        echo.tools = Catalogue::read(&tools, hosted, engine, notes)?;
        echo.fields.insert("tools".into(), tools);
    }
    if let Some(choice) = fields.take("tool_choice") {
        echo.tools.choice(&choice, engine, notes);
        echo.fields.insert("tool_choice".into(), choice);
    }
    Ok(())
}

fn text(fields: &mut Fields, engine: &mut Map<String, Value>, echo: &mut Echo) -> Result<(), ApiError> {
    let Some(text) = fields.object("text")? else { return Ok(()) };
    echo.fields.insert("text".into(), Value::Object(text.clone()));
    let mut own = Fields::new(text, "text.");
    if let Some(format) = own.object("format")? {
        let mut format = Fields::new(format, "text.format.");
        let nested = match format.string("type")?.as_deref() {
            Some("text") | None => None,
            Some("json_object") => Some(json!({ "type": "json_object" })),
            Some("json_schema") => {
                if format.look("schema").is_none_or(|schema| !schema.is_object()) {
                    let words = "text.format.schema is missing: give a JSON schema";
                    return Err(ApiError::invalid("text.format.schema", words));
                }
                Some(json!({ "type": "json_schema", "json_schema": format.rest() }))
            }
            Some(_) => {
                let words = "text.format.type is not known: use text, json_object or json_schema";
                return Err(ApiError::invalid("text.format.type", words));
            }
        };
        engine.extend(nested.map(|nested| ("response_format".to_owned(), nested)));
    }
    if let Some(verbosity) = own.string("verbosity")? {
        if !["low", "medium", "high"].contains(&verbosity.as_str()) {
            let words = "text.verbosity is not known: use low, medium or high";
            return Err(ApiError::invalid("text.verbosity", words));
        }
        engine.insert("verbosity".into(), verbosity.into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(body: &Value) -> Result<ResponsesRequest, ApiError> {
        let mut fields = fields(body.to_string().as_bytes())?;
        match fields.string(PREVIOUS)? {
            Some(id) => Err(not_remembered(&id)),
            None => ResponsesRequest::read(fields, Effort::Low.into(), None, &[]),
        }
    }

    #[test]
    fn fields_find_the_engines_names() {
        let request = parse(&json!({
            "input": "2+2?", "instructions": "be brief", "max_output_tokens": 9,
            "reasoning": {"effort": "high", "summary": "auto"}, "odd": 1,
            "tools": [{"type": "function", "name": "add", "parameters": {}}],
            "tool_choice": {"type": "function", "name": "add"},
            "text": {"format": {"type": "json_schema", "name": "n", "schema": {}}},
        }))
        .unwrap();
        let chat = &request.run;
        assert_eq!(chat.prompt.messages.len(), 2);
        assert_eq!((chat.effort, chat.strategy.max_tokens_per_sample), (Effort::Low, Some(9)));
        assert_eq!(chat.thinking.effort, Some(Effort::High), "where tools are offered it is the length alone");
        assert_eq!(chat.prompt.extra["tools"][0]["function"]["name"], "add");
        assert_eq!(chat.prompt.extra["tool_choice"]["function"]["name"], "add");
        assert_eq!(chat.prompt.extra["response_format"]["json_schema"]["name"], "n");
        assert_eq!(chat.prompt.extra["odd"], 1);
        assert_eq!(request.messages.len(), 1);
        assert_eq!(request.echo.summary.as_deref(), Some("auto"));
    }

    #[test]
    fn errors_name_the_fields_that_were_sent() {
        for (body, param) in [
            (json!({}), "input"),
            (json!({"input": 7}), "input"),
            (json!({"input": "x", "max_output_tokens": 0}), "max_output_tokens"),
            (json!({"input": "x", "reasoning": {"effort": "huge"}}), "reasoning.effort"),
            (json!({"input": "x", "reasoning": {"summary": "long"}}), "reasoning.summary"),
            (json!({"input": "x", "tools": [{"name": "add"}]}), "tools[0].type"),
            (json!({"input": "x", "truncation": "some"}), "truncation"),
            (json!({"input": "x", "tool_choice": "zip"}), "tool_choice"),
            (json!({"input": "x", "tool_choice": 7}), "tool_choice"),
            (json!({"input": "x", "tool_choice": {}}), "tool_choice"),
            (json!({"input": "x", "text": {"verbosity": "loud"}}), "text.verbosity"),
            (json!({"input": "x", "metadata": "x"}), "metadata"),
            (json!({"input": "x", "parallel_tool_calls": "x"}), "parallel_tool_calls"),
            (json!({"input": "x", "user": 7}), "user"),
            (json!({"input": "x", "service_tier": 7}), "service_tier"),
            (json!({"input": "x", "prompt_cache_key": 7}), "prompt_cache_key"),
            (json!({"input": [{"role": "zip", "content": "x"}]}), "input[0].role"),
            (json!({"input": [{"role": "user", "content": [{"type": "zip"}]}]}), "input[0].content[0].type"),
            (json!({"input": "x", "max_tool_calls": 0}), "max_tool_calls"),
            (json!({"input": "x", "include": 7}), "include"),
            (json!({"input": "x", "prompt": {"id": "p"}}), "prompt"),
            (json!({"input": "x", "previous_response_id": "resp_1"}), "previous_response_id"),
            (json!({"input": "x", "background": true, "stream": true}), "background"),
            (json!({"input": "x", "background": true, "store": false}), "background"),
            (json!({"input": [{"role": "", "content": "x"}]}), "input[0].role"),
            (json!({"input": "x", "messages": []}), "messages"),
            (json!({"input": "x", "stop": "END"}), "stop"),
            (json!({"input": "x", "format": "zip"}), "format"),
            (json!({"input": "x", "text": {"format": {"type": "zip"}}}), "text.format.type"),
            (json!({"input": "x", "text": {"format": "zip"}}), "text.format"),
            (json!({"input": "x", "text": {"format": {"type": "json_schema"}}}), "text.format.schema"),
            (json!({"input": "x", "max_output_tokens": "9"}), "max_output_tokens"),
            (json!({"input": "x", "max_output_tokens": 9, "n_predict": 10}), "n_predict"),
        ] {
            let error = parse(&body).err().unwrap();
            assert_eq!(error.param.as_deref(), Some(param), "{body}");
        }
    }
}
