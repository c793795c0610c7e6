//! From the messages of the Messages API to those of chat.

use super::parts::{part, text};
use super::reply::BLOCKS;
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
    /// Whether the engine speaks this API: marks of caches, and blocks that chat does not have, are then kept.
    native: bool,
}

impl<'a> Reader<'a> {
    pub(super) fn new(notes: &'a mut Vec<String>, native: bool) -> Self {
        Self { messages: Vec::new(), notes, native }
    }

    fn note(&mut self, words: &str) {
        if !self.notes.iter().any(|note| note == words) {
            self.notes.push(words.to_owned());
        }
    }

    /// The system message: a text, or blocks of text.
    pub(super) fn system(&mut self, system: Value) -> Result<(), ApiError> {
        let content = match system {
            Value::String(text) => Value::from(text),
            Value::Array(blocks) => {
                let mut texts = Vec::with_capacity(blocks.len());
                for (index, block) in blocks.into_iter().enumerate() {
                    let at = format!("system[{index}]");
                    self.see_cache(&block);
                    match block {
                        Value::Object(mut block) if block.get("type") == Some(&json!("text")) => {
                            self.part(&mut block, &at, &mut texts)?;
                        }
                        other => {
                            let given = describe(&other);
                            return Err(ApiError::invalid(&at, format!("{at} is {given}: give a block of type text")));
                        }
                    }
                }
                self.joined(texts, "\n\n")
            }
            other => {
                let words = format!("system is {}: give a string or an array of text blocks", describe(&other));
                return Err(ApiError::invalid("system", words));
            }
        };
        if content != "" {
            self.messages.push(json!({ "role": "system", "content": content }));
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
        if !self.native && block.get("cache_control").is_some_and(|control| !control.is_null()) {
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
                self.part(&mut block, &path, &mut parts)?;
            }
        }
        self.messages.append(&mut results);
        if !parts.is_empty() {
            let content = self.joined(parts, "\n");
            self.messages.push(json!({ "role": "user", "content": content }));
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
                    self.part(&mut inner, &path, &mut parts)?;
                }
            }
        }
        if self.native {
            let content = self.joined(parts, "\n");
            let mut result = json!({ "role": "tool", "tool_call_id": id, "content": content });
            for name in ["is_error", "cache_control"] {
                if let Some(value) = block.shift_remove(name).filter(|value| !value.is_null()) {
                    result[name] = value;
                }
            }
            return Ok((result, Vec::new()));
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
        let blocks = self.blocks(content, at)?;
        let in_order = self.native.then(|| in_order(&blocks)).flatten();
        for (path, mut block) in blocks {
            match block["type"].as_str().unwrap_or_default() {
                "tool_use" => {
                    let input = block.shift_remove("input").unwrap_or_else(|| json!({}));
                    let (id, name) = (text(&mut block, "id", &path)?, text(&mut block, "name", &path)?);
                    let arguments = input.to_string();
                    let function = json!({ "name": name, "arguments": arguments });
                    let mut call = json!({ "id": id, "type": "function", "function": function });
                    self.keep_cache(&mut block, &mut call);
                    calls.push(call);
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
                kind if is_served(kind) => {
                    if !self.native {
                        self.note(SERVER_BLOCKS);
                    }
                }
                _ => self.part(&mut block, &path, &mut parts)?,
            }
        }
        let mut message = json!({ "role": "assistant" });
        message["content"] = if parts.is_empty() && !calls.is_empty() { Value::Null } else { self.joined(parts, "\n") };
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
        if let Some(blocks) = in_order {
            message[BLOCKS] = blocks.into();
        }
        self.messages.push(message);
        Ok(())
    }

    fn keep_cache(&self, block: &mut Map<String, Value>, into: &mut Value) {
        if let Some(mark) = block.shift_remove("cache_control").filter(|mark| self.native && mark.is_object()) {
            into["cache_control"] = mark;
        }
    }

    /// A block as parts of chat; a mark of a cache is one of the last of them.
    fn part(&self, block: &mut Map<String, Value>, at: &str, parts: &mut Vec<Value>) -> Result<(), ApiError> {
        let (mark, before) = (block.shift_remove("cache_control"), parts.len());
        let source = block.get("source").and_then(|source| source["type"].as_str());
        let is_own = match block["type"].as_str() {
            Some("document") => matches!(source, Some("text" | "content")),
            Some("image") => source == Some("file"),
            Some("search_result") => true,
            _ => false,
        };
        if self.native && is_own {
            parts.push(Value::Object(std::mem::take(block)));
        } else {
            part(block, at, parts)?;
        }
        if self.native && parts.len() > before {
            for (name, value) in [("cache_control", mark), ("citations", block.shift_remove("citations"))] {
                if let (Some(value), Some(last)) = (value.filter(Value::is_object), parts.last_mut()) {
                    last[name] = value;
                }
            }
            if let (Some(context), Some(last)) = (block.shift_remove("context"), parts.last_mut()) {
                last["context"] = context;
            }
        }
        Ok(())
    }

    /// One text as it is, several parts as they are. Texts without marks are one, for engines that do not speak this API.
    fn joined(&self, mut parts: Vec<Value>, between: &str) -> Value {
        let is_plain = |part: &Value| part["type"] == "text" && part.as_object().is_some_and(|part| part.len() == 2);
        if !self.native && parts.len() > 1 && parts.iter().all(is_plain) {
            let texts: Vec<&str> = parts.iter().filter_map(|part| part["text"].as_str()).collect();
            return texts.join(between).into();
        }
        match parts.as_mut_slice() {
            [] => "".into(),
            [only] if is_plain(only) => only["text"].take(),
            _ => parts.into(),
        }
    }
}

/// Whether a block is of a tool that the provider's own servers carry out.
fn is_served(kind: &str) -> bool {
    kind == "server_tool_use" || kind == "mcp_tool_use" || kind.ends_with("_tool_result")
}

/// The blocks of a turn as they came, where the fields of a message of chat do not say them: blocks of the provider's
/// tools, citations, another order. Reasoning that nobody signed is for no engine.
fn in_order(blocks: &[Placed]) -> Option<Vec<Value>> {
    let place = |block: &Map<String, Value>| match block["type"].as_str().unwrap_or_default() {
        "thinking" | "redacted_thinking" => 0,
        "text" => 1,
        "tool_use" => 2,
        _ => 3,
    };
    let all = || blocks.iter().map(|(_, block)| block);
    let is_cited = all().any(|block| block.get("citations").is_some_and(|citations| !citations.is_null()));
    let texts = all().filter(|block| place(block) == 1).count();
    let is_known = all().all(|block| place(block) < 3) && all().is_sorted_by_key(place) && texts <= 1 && !is_cited;
    if is_known {
        return None;
    }
    let is_unsigned = |block: &Map<String, Value>| {
        block["type"] == "thinking" && block.get("signature").and_then(Value::as_str).is_none_or(str::is_empty)
    };
    Some(all().filter(|block| !is_unsigned(block)).cloned().map(Value::Object).collect())
}

/// An error of a system message that stands among the turns.
fn at_place(error: ApiError, at: &str) -> ApiError {
    let param = error.param.as_deref().map(|param| param.replacen("system", &format!("{at}.content"), 1));
    ApiError { param, ..error }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(system: Option<Value>, turns: &Value) -> Result<(Vec<Value>, Vec<String>), ApiError> {
        read_for(false, system, turns)
    }

    fn read_for(native: bool, system: Option<Value>, turns: &Value) -> Result<(Vec<Value>, Vec<String>), ApiError> {
        let mut notes = Vec::new();
        let mut reader = Reader::new(&mut notes, native);
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
    fn an_engine_that_speaks_this_api_gets_marks_and_blocks_as_they_came() {
        let mark = json!({"type": "ephemeral", "ttl": "1h"});
        let system = json!([{"type": "text", "text": "Be brief."}, {"type": "text", "text": "Be right.", "cache_control": mark}]);
        let served = json!([
            {"type": "thinking", "thinking": "hm", "signature": "a"},
            {"type": "text", "text": "I search."},
            {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "x"}},
            {"type": "web_search_tool_result", "tool_use_id": "s", "content": []},
            {"type": "thinking", "thinking": "so", "signature": "b"},
            {"type": "tool_use", "id": "t", "name": "look", "input": {}},
        ]);
        let shown = json!({"type": "thinking", "thinking": "of a vote", "signature": ""});
        let mut sent = served.clone();
        sent.as_array_mut().unwrap().insert(0, shown);
        let turns = json!([
            {"role": "user", "content": [{"type": "text", "text": "one", "cache_control": mark}]},
            {"role": "assistant", "content": sent},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "t", "is_error": true, "cache_control": mark, "content": [
                    {"type": "text", "text": "bad"}, {"type": "image", "source": {"type": "url", "url": "http://x/y.png"}},
                ]},
                {"type": "document", "title": "T", "citations": {"enabled": true}, "context": "c",
                    "source": {"type": "base64", "media_type": "application/pdf", "data": "QUJD"}},
                {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "words"}, "cache_control": mark},
            ]},
            {"role": "assistant", "content": [
                {"type": "redacted_thinking", "data": "d"},
                {"type": "tool_use", "id": "u", "name": "look", "input": {}, "cache_control": mark},
            ]},
        ]);
        let (messages, notes) = read_for(true, Some(system.clone()), &turns).unwrap();
        assert!(notes.is_empty(), "{notes:?}");
        assert_eq!(messages[0], json!({"role": "system", "content": system}));
        assert_eq!(messages[1]["content"][0]["cache_control"], mark);
        assert_eq!(messages[2][BLOCKS], served, "without the reasoning that nobody signed");
        assert_eq!(messages[2]["tool_calls"][0]["id"], "t");
        assert_eq!((&messages[3]["is_error"], &messages[3]["cache_control"]), (&json!(true), &mark));
        assert_eq!(messages[3]["content"][1]["image_url"]["url"], "http://x/y.png");
        let file = &messages[4]["content"][0];
        assert_eq!((&file["citations"]["enabled"], &file["context"]), (&json!(true), &json!("c")));
        let document = &messages[4]["content"][1];
        assert_eq!((&document["source"]["data"], &document["cache_control"]), (&json!("words"), &mark));
        assert_eq!(messages[5]["tool_calls"][0]["cache_control"], mark);
        assert_eq!(messages[5]["thinking_blocks"], json!([{"type": "redacted_thinking", "data": "d"}]));
        assert!(messages[5].get(BLOCKS).is_none(), "the fields say the order");
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
