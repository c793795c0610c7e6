//! From the messages of the Messages API to those of chat.

use crate::api::read::describe;
use crate::error::ApiError;
use serde_json::{Map, Value, json};

/// What is said once of blocks that were left out.
const CACHED: &str = "cache_control was not sent: the engines here decide by themselves what they cache";
const SERVER_BLOCKS: &str = "blocks of tools that Anthropic's servers had carried out were left out";

/// A block and its place.
type Placed = (String, Map<String, Value>);

/// Reads the conversation.
pub(super) struct Reader<'a> {
    pub(super) messages: Vec<Value>,
    notes: &'a mut Vec<String>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(notes: &'a mut Vec<String>) -> Self {
        Self { messages: Vec::new(), notes }
    }

    fn note(&mut self, words: &str) {
        if !self.notes.iter().any(|note| note == words) {
            self.notes.push(words.to_owned());
        }
    }

    /// The system message: a text, or blocks of text.
    pub(super) fn system(&mut self, system: Value) -> Result<(), ApiError> {
        let text = match system {
            Value::String(text) => text,
            Value::Array(blocks) => {
                let mut texts = Vec::with_capacity(blocks.len());
                for (index, block) in blocks.into_iter().enumerate() {
                    let at = format!("system[{index}]");
                    self.see_cache(&block);
                    match block {
                        Value::Object(mut block) if block.get("type") == Some(&json!("text")) => {
                            texts.push(text(&mut block, "text", &at)?);
                        }
                        other => {
                            let given = describe(&other);
                            return Err(ApiError::invalid(&at, format!("{at} is {given}: give a block of type text")));
                        }
                    }
                }
                texts.join("\n\n")
            }
            other => {
                let words = format!("system is {}: give a string or an array of text blocks", describe(&other));
                return Err(ApiError::invalid("system", words));
            }
        };
        if !text.is_empty() {
            self.messages.push(json!({ "role": "system", "content": text }));
        }
        Ok(())
    }

    /// The turns.
    pub(super) fn turns(&mut self, messages: Value) -> Result<(), ApiError> {
        let list = match messages {
            Value::Array(list) if !list.is_empty() => list,
            Value::Array(_) => {
                return Err(ApiError::invalid("messages", "messages is empty: give at least one message"));
            }
            other => {
                let given = describe(&other);
                return Err(ApiError::invalid("messages", format!("messages is {given}: give an array of messages")));
            }
        };
        for (index, message) in list.into_iter().enumerate() {
            let at = format!("messages[{index}]");
            let Value::Object(mut message) = message else {
                let given = describe(&message);
                let words = format!("{at} is {given}: give an object with `role` and `content`");
                return Err(ApiError::invalid(&at, words));
            };
            let content = message.shift_remove("content").unwrap_or_default();
            match message.get("role").and_then(Value::as_str) {
                Some("user") => self.user(content, &at)?,
                Some("assistant") => self.assistant(content, &at)?,
                Some("system") => self.system(content).map_err(|error| at_place(error, &at))?,
                _ => {
                    let path = format!("{at}.role");
                    let words = format!("{path} is not known: give user, assistant or system");
                    return Err(ApiError::invalid(&path, words));
                }
            }
        }
        Ok(())
    }

    fn see_cache(&mut self, block: &Value) {
        if block.get("cache_control").is_some_and(|control| !control.is_null()) {
            self.note(CACHED);
        }
    }

    /// The blocks of a turn, each with its place.
    fn blocks(&mut self, content: Value, at: &str) -> Result<Vec<Placed>, ApiError> {
        let blocks = match content {
            Value::String(text) => vec![json!({ "type": "text", "text": text })],
            Value::Array(blocks) => blocks,
            other => {
                let path = format!("{at}.content");
                let words = format!("{path} is {}: give a string or an array of blocks", describe(&other));
                return Err(ApiError::invalid(&path, words));
            }
        };
        let one = |(index, block): (usize, Value)| {
            let path = format!("{at}.content[{index}]");
            self.see_cache(&block);
            match block {
                Value::Object(block) if block.get("type").is_some_and(Value::is_string) => Ok((path, block)),
                other => {
                    let words = format!("{path} is {}: give a block with a type", describe(&other));
                    Err(ApiError::invalid(&path, words))
                }
            }
        };
        blocks.into_iter().enumerate().map(one).collect()
    }

    /// A turn of the user: results of tools come first, each as a message of its own.
    fn user(&mut self, content: Value, at: &str) -> Result<(), ApiError> {
        let (mut parts, mut results) = (Vec::new(), Vec::new());
        for (path, mut block) in self.blocks(content, at)? {
            if block.get("type") == Some(&json!("tool_result")) {
                let (result, pictures) = self.result(block, &path)?;
                results.push(result);
                parts.extend(pictures);
            } else {
                part(&mut block, &path, &mut parts)?;
            }
        }
        self.messages.append(&mut results);
        if !parts.is_empty() {
            self.messages.push(json!({ "role": "user", "content": joined(parts) }));
        }
        Ok(())
    }

    /// The result of a tool, and its pictures and documents, which chat has in turns of the user only.
    fn result(&mut self, mut block: Map<String, Value>, at: &str) -> Result<(Value, Vec<Value>), ApiError> {
        let id = text(&mut block, "tool_use_id", at)?;
        let mut parts = Vec::new();
        match block.shift_remove("content").unwrap_or_default() {
            Value::Null => {}
            content => {
                for (path, mut inner) in self.blocks(content, at)? {
                    part(&mut inner, &path, &mut parts)?;
                }
            }
        }
        let (texts, mut others): (Vec<Value>, Vec<Value>) = parts.into_iter().partition(|p| p["type"] == "text");
        let mut said = texts.iter().filter_map(|p| p["text"].as_str()).collect::<Vec<_>>().join("\n");
        if block.get("is_error") == Some(&json!(true)) && !said.to_lowercase().contains("error") {
            said = format!("Error: {said}");
        }
        if !others.is_empty() {
            if !said.is_empty() {
                said.push('\n');
            }
            said.push_str("(what it returned next to this text follows in the next message)");
            others.insert(0, json!({ "type": "text", "text": format!("Returned by the tool call {id}:") }));
        }
        Ok((json!({ "role": "tool", "tool_call_id": id, "content": said }), others))
    }

    /// A turn of the model.
    fn assistant(&mut self, content: Value, at: &str) -> Result<(), ApiError> {
        let (mut parts, mut calls, mut reasoning, mut thinking) = (Vec::new(), Vec::new(), String::new(), Vec::new());
        let mut is_signed = false;
        for (path, mut block) in self.blocks(content, at)? {
            match block["type"].as_str().unwrap_or_default() {
                "tool_use" => {
                    let input = block.shift_remove("input").unwrap_or_else(|| json!({}));
                    let (id, name) = (text(&mut block, "id", &path)?, text(&mut block, "name", &path)?);
                    let arguments = input.to_string();
                    let function = json!({ "name": name, "arguments": arguments });
                    calls.push(json!({ "id": id, "type": "function", "function": function }));
                }
                "thinking" => {
                    reasoning.push_str(block.get("thinking").and_then(Value::as_str).unwrap_or_default());
                    is_signed |= block.get("signature").and_then(Value::as_str).is_some_and(|s| !s.is_empty());
                    block.shift_remove("cache_control");
                    thinking.push(Value::Object(block));
                }
                "redacted_thinking" => {
                    is_signed = true;
                    thinking.push(Value::Object(block));
                }
                kind if kind == "server_tool_use" || kind == "mcp_tool_use" || kind.ends_with("_tool_result") => {
                    self.note(SERVER_BLOCKS);
                }
                _ => part(&mut block, &path, &mut parts)?,
            }
        }
        let mut message = json!({ "role": "assistant" });
        message["content"] = if parts.is_empty() && !calls.is_empty() { Value::Null } else { joined(parts) };
        if !reasoning.is_empty() {
            message["reasoning_content"] = reasoning.into();
        }
        // A signature is for the engine that gave it.
        if is_signed {
            message["thinking_blocks"] = thinking.into();
        }
        if !calls.is_empty() {
            message["tool_calls"] = calls.into();
        }
        self.messages.push(message);
        Ok(())
    }
}

/// An error of a system message that stands among the turns.
fn at_place(error: ApiError, at: &str) -> ApiError {
    let param = error.param.as_deref().map(|param| param.replacen("system", &format!("{at}.content"), 1));
    ApiError { param, ..error }
}

/// One text as it is, several parts as they are.
fn joined(mut parts: Vec<Value>) -> Value {
    if parts.is_empty() {
        return "".into();
    }
    if parts.iter().all(|part| part["type"] == "text") {
        if let [only] = parts.as_mut_slice() {
            return only["text"].take();
        }
        let texts: Vec<&str> = parts.iter().filter_map(|part| part["text"].as_str()).collect();
        return texts.join("\n").into();
    }
    parts.into()
}

fn text(block: &mut Map<String, Value>, key: &str, at: &str) -> Result<String, ApiError> {
    match block.shift_remove(key) {
        Some(Value::String(text)) => Ok(text),
        other => {
            let path = format!("{at}.{key}");
            let given = other.as_ref().map_or("missing".to_owned(), describe);
            Err(ApiError::invalid(&path, format!("{path} is {given}: give a string")))
        }
    }
}

/// Text, pictures and documents as parts of chat. A block that is not known stays as it is: the engine may know it.
fn part(block: &mut Map<String, Value>, at: &str, parts: &mut Vec<Value>) -> Result<(), ApiError> {
    block.shift_remove("cache_control");
    match block["type"].as_str().unwrap_or_default() {
        "text" => parts.push(json!({ "type": "text", "text": text(block, "text", at)? })),
        "image" => {
            let url = address(block, at)?;
            parts.push(json!({ "type": "image_url", "image_url": { "url": url } }));
        }
        "document" => {
            let title = block.get("title").and_then(Value::as_str).unwrap_or("document").to_owned();
            let source = block.get("source").cloned().unwrap_or_default();
            match source["type"].as_str() {
                Some("text") => {
                    let words = source["data"].as_str().unwrap_or_default();
                    parts.push(json!({ "type": "text", "text": format!("{title}:\n{words}") }));
                }
                Some("content") => {
                    let inner = match &source["content"] {
                        Value::String(words) => vec![json!({ "type": "text", "text": words })],
                        Value::Array(inner) => inner.clone(),
                        _ => Vec::new(),
                    };
                    for (index, inner) in inner.into_iter().enumerate() {
                        if let Value::Object(mut inner) = inner {
                            part(&mut inner, &format!("{at}.source.content[{index}]"), parts)?;
                        }
                    }
                }
                Some("file") => parts.push(json!({ "type": "file", "file": { "file_id": source["file_id"] } })),
                Some("base64") => {
                    let data = address(block, at)?;
                    parts.push(json!({ "type": "file", "file": { "filename": title, "file_data": data } }));
                }
                _ => parts.push(Value::Object(block.clone())),
            }
        }
        "search_result" => {
            let title = block.get("title").and_then(Value::as_str).unwrap_or_default();
            let source = block.get("source").and_then(Value::as_str).unwrap_or_default();
            let inner = block.get("content").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            let words: Vec<&str> = inner.iter().filter_map(|inner| inner["text"].as_str()).collect();
            parts.push(json!({ "type": "text", "text": format!("{title} ({source}):\n{}", words.join("\n")) }));
        }
        _ => parts.push(Value::Object(block.clone())),
    }
    Ok(())
}

/// The address of a picture or a document, which may hold it.
fn address(block: &mut Map<String, Value>, at: &str) -> Result<String, ApiError> {
    let Some(Value::Object(mut source)) = block.shift_remove("source") else {
        let path = format!("{at}.source");
        return Err(ApiError::invalid(&path, format!("{path} is missing: give type, media_type and data")));
    };
    let inner = format!("{at}.source");
    match source.get("type").and_then(Value::as_str) {
        Some("base64") => {
            let (kind, data) = (text(&mut source, "media_type", &inner)?, text(&mut source, "data", &inner)?);
            Ok(format!("data:{kind};base64,{data}"))
        }
        Some("url") => text(&mut source, "url", &inner),
        _ => {
            let path = format!("{inner}.type");
            Err(ApiError::invalid(&path, format!("{path} is not known: use base64 or url")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(system: Option<Value>, turns: &Value) -> Result<(Vec<Value>, Vec<String>), ApiError> {
        let mut notes = Vec::new();
        let mut reader = Reader::new(&mut notes);
        if let Some(system) = system {
            reader.system(system)?;
        }
        reader.turns(turns.clone())?;
        Ok((std::mem::take(&mut reader.messages), notes))
    }

    #[test]
    fn turns_become_messages_of_chat() {
        let system = json!([{"type": "text", "text": "Be brief."}, {"type": "text", "text": "Be right.", "cache_control": {"type": "ephemeral"}}]);
        let turns = json!([
            {"role": "user", "content": [
                {"type": "text", "text": "What is it?"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QUJD"}},
            ]},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "hm", "signature": "sig"},
                {"type": "text", "text": "I look."},
                {"type": "tool_use", "id": "t1", "name": "look", "input": {"at": [1, 2]}},
                {"type": "tool_use", "id": "t2", "name": "look", "input": {}},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "t1", "content": [
                    {"type": "text", "text": "seen"},
                    {"type": "image", "source": {"type": "url", "url": "http://x/y.png"}},
                ]},
                {"type": "tool_result", "tool_use_id": "t2", "is_error": true, "content": "not there"},
                {"type": "text", "text": "Go on."},
            ]},
        ]);
        let (messages, notes) = read(Some(system), &turns).unwrap();
        assert_eq!(notes, [CACHED]);
        assert_eq!(messages[0], json!({"role": "system", "content": "Be brief.\n\nBe right."}));
        assert_eq!(messages[1]["content"][1]["image_url"]["url"], "data:image/png;base64,QUJD");
        assert_eq!(messages[2]["content"], "I look.");
        assert_eq!(messages[2]["reasoning_content"], "hm");
        assert_eq!(messages[2]["thinking_blocks"][0]["signature"], "sig");
        assert_eq!(messages[2]["tool_calls"][0]["function"], json!({"name": "look", "arguments": "{\"at\":[1,2]}"}));
        assert_eq!(messages[2]["tool_calls"].as_array().unwrap().len(), 2);
        assert_eq!((&messages[3]["role"], &messages[3]["tool_call_id"]), (&json!("tool"), &json!("t1")));
        assert_eq!(messages[4], json!({"role": "tool", "tool_call_id": "t2", "content": "Error: not there"}));
        assert_eq!(messages[5]["role"], "user");
        assert_eq!(messages[5]["content"][1]["image_url"]["url"], "http://x/y.png");
        assert_eq!(messages[5]["content"][2]["text"], "Go on.");
        assert_eq!(messages.len(), 6);
    }

    #[test]
    fn documents_are_text_or_files_and_what_is_unknown_stays() {
        let turns = json!([{"role": "user", "content": [
            {"type": "document", "title": "T", "source": {"type": "text", "media_type": "text/plain", "data": "words"}},
            {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "QUJD"}},
            {"type": "search_result", "title": "S", "source": "http://s", "content": [{"type": "text", "text": "found"}]},
            {"type": "novel", "plot": 1},
        ]}, {"role": "assistant", "content": [
            {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
            {"type": "web_search_tool_result", "tool_use_id": "s", "content": []},
            {"type": "text", "text": "So"},
        ]}]);
        let (messages, notes) = read(None, &turns).unwrap();
        let parts = &messages[0]["content"];
        assert_eq!(parts[0]["text"], "T:\nwords");
        assert_eq!(parts[1]["file"], json!({"filename": "document", "file_data": "data:application/pdf;base64,QUJD"}));
        assert_eq!(parts[2]["text"], "S (http://s):\nfound");
        assert_eq!(parts[3], json!({"type": "novel", "plot": 1}));
        assert_eq!((&messages[1]["content"], notes.as_slice()), (&json!("So"), &[SERVER_BLOCKS.to_owned()][..]));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (turns, param) in [
            (json!([]), "messages"),
            (json!("hi"), "messages"),
            (json!(["hi"]), "messages[0]"),
            (json!([{"role": "tool", "content": "x"}]), "messages[0].role"),
            (json!([{"role": "user", "content": 7}]), "messages[0].content"),
            (json!([{"role": "user", "content": ["x"]}]), "messages[0].content[0]"),
            (json!([{"role": "user", "content": [{"type": "text"}]}]), "messages[0].content[0].text"),
            (json!([{"role": "user", "content": [{"type": "image"}]}]), "messages[0].content[0].source"),
            (json!([{"role": "user", "content": [{"type": "tool_result"}]}]), "messages[0].content[0].tool_use_id"),
            (
                json!([{"role": "assistant", "content": [{"type": "tool_use", "id": "t"}]}]),
                "messages[0].content[0].name",
            ),
            (json!([{"role": "system", "content": [7]}]), "messages[0].content[0]"),
        ] {
            let error = read(None, &turns).unwrap_err();
            assert_eq!(error.param.as_deref(), Some(param), "{turns}");
        }
    }
}
