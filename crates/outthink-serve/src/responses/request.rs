//! The request of `POST /v1/responses`, put into the words of a chat completion.

use super::input;
use super::store::Seen;
use crate::error::ApiError;
use crate::fields::{Fields, describe};
use crate::request::ChatRequest;
use crate::settings::Efforts;
use serde_json::{Map, Value, json};

/// A request that can be carried out.
pub(super) struct ResponsesRequest {
    pub(super) chat: ChatRequest,
    pub(super) echo: Echo,
    /// The messages so far, the instructions left out.
    pub(super) conversation: Vec<Value>,
    pub(super) store: bool,
}

/// What of a request is told back in its response.
#[derive(Debug, Clone, Default)]
pub(super) struct Echo {
    pub(super) fields: Map<String, Value>,
    /// The wanted kind of summary of the thought, if any.
    pub(super) summary: Option<String>,
}

/// Fields that mean what they mean to a chat completion, or that the engine may know.
const SAME: [&str; 12] = [
    "model",
    "stream",
    "temperature",
    "top_p",
    "user",
    "parallel_tool_calls",
    "outthink",
    "seed",
    "service_tier",
    "safety_identifier",
    "prompt_cache_key",
    "metadata",
];

/// The names under which the Responses API has the fields of chat completions.
const NAMES: [(&str, &str); 3] =
    [("max_completion_tokens", "max_output_tokens"), ("reasoning_effort", "reasoning.effort"), ("messages", "input")];

impl ResponsesRequest {
    /// Reads and checks a body.
    pub(super) fn parse(body: &[u8], efforts: Efforts<'_>, responses: Seen<'_>) -> Result<Self, ApiError> {
        let map = match serde_json::from_slice(body) {
            Ok(Value::Object(map)) => map,
            Ok(other) => {
                let words = format!("the body is {}: send a JSON object with `input`", describe(&other));
                return Err(ApiError::invalid_body(words));
            }
            Err(error) => return Err(ApiError::invalid_body(format!("the body is not valid JSON: {error}"))),
        };
        let mut fields = Fields::new(map, "");
        refuse(&mut fields)?;
        let store = fields.flag("store")?.unwrap_or(true);
        let mut echo = Echo::default();
        let mut chat = Map::new();
        for name in SAME {
            if let Some(value) = fields.take(name) {
                echo.fields.insert(name.into(), value.clone());
                chat.insert(name.into(), value);
            }
        }
        let conversation = conversation(&mut fields, responses, &mut echo)?;
        let mut messages = conversation.clone();
        if let Some(text) = fields.string("instructions")? {
            echo.fields.insert("instructions".into(), text.as_str().into());
            messages.insert(0, json!({ "role": "system", "content": text }));
        }
        if messages.is_empty() {
            return Err(ApiError::invalid("input", "input is missing: give a string or an array of items"));
        }
        chat.insert("messages".into(), messages.into());
        if let Some(most) = fields.take("max_output_tokens") {
            echo.fields.insert("max_output_tokens".into(), most.clone());
            chat.insert("max_completion_tokens".into(), most);
        }
        reasoning(&mut fields, &mut chat, &mut echo)?;
        tools(&mut fields, &mut chat, &mut echo)?;
        text(&mut fields, &mut chat, &mut echo)?;
        chat.insert("stream_options".into(), json!({ "include_usage": true }));
        // What is not known here may be known to the engine.
        for (key, value) in fields.rest() {
            chat.entry(key).or_insert(value);
        }
        let chat = ChatRequest::from_map(chat, efforts).map_err(renamed)?;
        Ok(Self { chat, echo, conversation, store })
    }
}

/// Features that need a server with a memory of its own.
fn refuse(fields: &mut Fields) -> Result<(), ApiError> {
    if fields.flag("background")? == Some(true) {
        let words = "background is true, but requests are answered while the client waits: leave it out";
        return Err(ApiError::invalid("background", words));
    }
    for (name, mend) in [("conversation", "use previous_response_id"), ("prompt", "send the text itself in `input`")] {
        if fields.take(name).is_some() {
            return Err(ApiError::invalid(name, format!("{name} is not supported: {mend}")));
        }
    }
    for unused in ["include", "truncation", "max_tool_calls", "top_logprobs", "stream_options"] {
        fields.take(unused);
    }
    Ok(())
}

fn conversation(fields: &mut Fields, responses: Seen<'_>, echo: &mut Echo) -> Result<Vec<Value>, ApiError> {
    let mut messages = Vec::new();
    if let Some(id) = fields.string("previous_response_id")? {
        let Some(before) = responses.conversation(&id) else {
            let id: String = id.chars().take(64).collect();
            let words = format!(
                "previous_response_id `{id}` is not remembered: responses are kept in memory for a while; send the \
                 whole conversation in `input`"
            );
            let error = ApiError::invalid("previous_response_id", words);
            return Err(error.with_code("previous_response_not_found"));
        };
        messages.extend(before.iter().cloned());
        echo.fields.insert("previous_response_id".into(), id.into());
    }
    messages.extend(input::messages(fields.take("input"))?);
    Ok(messages)
}

fn reasoning(fields: &mut Fields, chat: &mut Map<String, Value>, echo: &mut Echo) -> Result<(), ApiError> {
    let Some(object) = fields.object("reasoning")? else { return Ok(()) };
    let mut own = Fields::new(object, "reasoning.");
    if let Some(effort) = own.take("effort") {
        chat.insert("reasoning_effort".into(), effort);
    }
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
    Ok(())
}

fn tools(fields: &mut Fields, chat: &mut Map<String, Value>, echo: &mut Echo) -> Result<(), ApiError> {
    if let Some(tools) = fields.take("tools") {
        let Value::Array(list) = &tools else {
            return Err(ApiError::invalid("tools", format!("tools is {}: give an array", describe(&tools))));
        };
        let mut nested = Vec::new();
        for (index, tool) in list.iter().enumerate() {
            let Some(mut function) = tool.as_object().filter(|t| t.get("type") == Some(&json!("function"))).cloned()
            else {
                let param = format!("tools[{index}].type");
                let words = format!("{param} is not supported: only tools of type function are called here");
                return Err(ApiError::invalid(&param, words));
            };
            function.remove("type");
            nested.push(json!({ "type": "function", "function": function }));
        }
        chat.insert("tools".into(), nested.into());
        echo.fields.insert("tools".into(), tools);
    }
    if let Some(choice) = fields.take("tool_choice") {
        let nested = match choice["name"].as_str() {
            Some(name) => json!({ "type": "function", "function": { "name": name } }),
            None => choice.clone(),
        };
        chat.insert("tool_choice".into(), nested);
        echo.fields.insert("tool_choice".into(), choice);
    }
    Ok(())
}

fn text(fields: &mut Fields, chat: &mut Map<String, Value>, echo: &mut Echo) -> Result<(), ApiError> {
    let Some(mut text) = fields.object("text")? else { return Ok(()) };
    echo.fields.insert("text".into(), Value::Object(text.clone()));
    if let Some(Value::Object(mut format)) = text.remove("format") {
        let nested = match format.get("type").and_then(Value::as_str) {
            Some("text") | None => return Ok(()),
            Some("json_schema") => {
                format.remove("type");
                json!({ "type": "json_schema", "json_schema": format })
            }
            Some(_) => Value::Object(format),
        };
        chat.insert("response_format".into(), nested);
    }
    if let Some(verbosity) = text.remove("verbosity") {
        chat.insert("verbosity".into(), verbosity);
    }
    Ok(())
}

/// An error about a field of chat completions, under the name that the client knows.
fn renamed(mut error: ApiError) -> ApiError {
    for (chat, ours) in NAMES {
        if error.param.as_deref() == Some(chat) {
            error.param = Some(ours.to_owned());
            error.message = error.message.replace(chat, ours);
        }
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Caller;
    use crate::responses::Responses;
    use outthink_core::Effort;

    fn parse(body: &Value) -> Result<ResponsesRequest, ApiError> {
        let (store, caller) = (Responses::default(), Caller::default());
        let seen = Seen { store: &store, caller: &caller };
        ResponsesRequest::parse(body.to_string().as_bytes(), Effort::Low.into(), seen)
    }

    #[test]
    fn fields_find_their_chat_names() {
        let request = parse(&json!({
            "input": "2+2?", "instructions": "be brief", "max_output_tokens": 9,
            "reasoning": {"effort": "high", "summary": "auto"}, "odd": 1,
            "tools": [{"type": "function", "name": "add", "parameters": {}}],
            "tool_choice": {"type": "function", "name": "add"},
            "text": {"format": {"type": "json_schema", "name": "n", "schema": {}}},
        }))
        .unwrap();
        let chat = &request.chat;
        assert_eq!(chat.prompt.messages.len(), 2);
        assert_eq!((chat.effort, chat.strategy.max_tokens_per_sample), (Effort::High, 9));
        assert_eq!(chat.prompt.extra["tools"][0]["function"]["name"], "add");
        assert_eq!(chat.prompt.extra["tool_choice"]["function"]["name"], "add");
        assert_eq!(chat.prompt.extra["response_format"]["json_schema"]["name"], "n");
        assert_eq!(chat.prompt.extra["odd"], 1);
        assert_eq!(request.conversation.len(), 1);
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
            (json!({"input": "x", "tools": [{"type": "web_search"}]}), "tools[0].type"),
            (json!({"input": "x", "previous_response_id": "resp_1"}), "previous_response_id"),
            (json!({"input": "x", "background": true}), "background"),
            (json!({"input": [{"role": "", "content": "x"}]}), "messages[0].role"),
        ] {
            let error = parse(&body).err().unwrap();
            assert_eq!(error.param.as_deref(), Some(param), "{body}");
        }
    }
}
