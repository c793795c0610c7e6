//! The conversation: from the messages of chat to turns of blocks.

use crate::native::{Draft, Media, Part, Reasoning, calls, parts, reasoning};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use outthink_core::{EngineError, Origin};
use serde_json::{Map, Value, json};

/// Blocks that stand in a field of their own while a conversation is in the shape of chat.
pub(super) const SERVER_BLOCKS: &str = "content_parts";
/// All blocks of a turn in their order, where the other fields of a message do not say it.
pub(super) const BLOCKS: &str = "content_blocks";

/// The system prompt as blocks, and the turns.
pub(super) fn conversation(messages: &[Value], draft: &mut Draft<'_>) -> Result<(Vec<Value>, Vec<Value>), EngineError> {
    let (mut system, mut turns) = (Vec::new(), Turns::default());
    for message in messages {
        let content = &message["content"];
        match message["role"].as_str().unwrap_or_default() {
            "system" | "developer" => {
                if !turns.0.is_empty() {
                    draft.note("a system message amid the turns was sent at the beginning: the Messages API has one place for it");
                }
                system.append(&mut blocks(content, message)?);
            }
            "assistant" => turns.add("assistant", assistant(message, draft)?),
            "tool" | "function" => turns.add("user", vec![result(message)?]),
            _ => turns.add("user", blocks(content, message)?),
        }
    }
    Ok((system, turns.0))
}

/// Turns, of which those of one role that follow each other are one.
#[derive(Default)]
struct Turns(Vec<Value>);

impl Turns {
    fn add(&mut self, role: &str, mut blocks: Vec<Value>) {
        if blocks.is_empty() {
            return;
        }
        match self.0.last_mut() {
            Some(last) if last["role"] == role => {
                if let Value::Array(content) = &mut last["content"] {
                    content.append(&mut blocks);
                }
            }
            _ => self.0.push(json!({ "role": role, "content": blocks })),
        }
    }
}

/// A turn of the model: its reasoning, what the server's own tools did, its text, its calls.
fn assistant(message: &Value, draft: &mut Draft<'_>) -> Result<Vec<Value>, EngineError> {
    if let Some(blocks) = message[BLOCKS].as_array().filter(|blocks| !blocks.is_empty()) {
        return Ok(blocks.iter().filter(|block| block["type"].is_string()).cloned().collect());
    }
    let kept = reasoning(message);
    if kept.is_empty() && message["reasoning_content"].as_str().is_some_and(|text| !text.is_empty()) {
        draft.note("reasoning without a signature was not sent back: the Messages API takes only its own");
    }
    let mut all: Vec<Value> = kept.into_iter().map(block_of_reasoning).collect();
    let served = message[SERVER_BLOCKS].as_array().map(Vec::as_slice).unwrap_or_default();
    all.extend(served.iter().filter(|block| block["type"].is_string()).cloned());
    all.append(&mut blocks(&message["content"], message)?);
    if let Some(refusal) = message["refusal"].as_str().filter(|text| !text.is_empty()) {
        all.push(json!({ "type": "text", "text": refusal }));
    }
    for call in calls(message) {
        let mut block = json!({ "type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments });
        keep_cache(call.whole, &mut block);
        all.push(block);
    }
    Ok(all)
}

fn block_of_reasoning(block: Reasoning<'_>) -> Value {
    match block {
        Reasoning::Signed { text, signature } => {
            json!({ "type": "thinking", "thinking": text, "signature": signature })
        }
        Reasoning::Sealed(data) => json!({ "type": "redacted_thinking", "data": data }),
    }
}

/// What a tool returned.
fn result(message: &Value) -> Result<Value, EngineError> {
    let id = message["tool_call_id"].as_str().or_else(|| message["name"].as_str()).unwrap_or_default();
    let mut block = json!({ "type": "tool_result", "tool_use_id": id });
    match &message["content"] {
        Value::String(text) => block["content"] = text.as_str().into(),
        // The mark of a cache belongs to the whole result.
        content => block["content"] = blocks(content, &Value::Null)?.into(),
    }
    if message["is_error"] == true {
        block["is_error"] = true.into();
    }
    keep_cache(message, &mut block);
    Ok(block)
}

/// The blocks of a message's content. A mark of a cache on the message is one on its last block.
fn blocks(content: &Value, message: &Value) -> Result<Vec<Value>, EngineError> {
    let one = |(part, whole): (Part<'_>, &Value)| {
        let mut block = block(&part)?;
        keep_cache(whole, &mut block);
        // What a client of this API wrote next to the source of a document.
        if let Part::File { .. } = part {
            for name in ["citations", "context"].into_iter().filter(|name| !whole[*name].is_null()) {
                block[name] = whole[name].clone();
            }
        }
        Ok(block)
    };
    let mut blocks = parts(content).into_iter().map(one).collect::<Result<Vec<Value>, EngineError>>()?;
    if let Some(last) = blocks.last_mut().filter(|_| message["role"] != "tool") {
        keep_cache(message, last);
    }
    Ok(blocks)
}

fn keep_cache(from: &Value, block: &mut Value) {
    if let (Some(mark), Value::Object(block)) = (from.get("cache_control").filter(|mark| mark.is_object()), block) {
        block.insert("cache_control".to_owned(), mark.clone());
    }
}

fn block(part: &Part<'_>) -> Result<Value, EngineError> {
    Ok(match part {
        Part::Text(text) => json!({ "type": "text", "text": text }),
        Part::Image(media) => json!({ "type": "image", "source": source(*media) }),
        Part::File { name, media } => {
            let mut block =
                Map::from_iter([("type".to_owned(), json!("document")), ("source".to_owned(), document(*media))]);
            if let Some(name) = name {
                block.insert("title".to_owned(), (*name).into());
            }
            block.into()
        }
        Part::Audio { .. } => {
            let words = "the Messages API takes no audio";
            return Err(EngineError::new(Origin::Caller, words).with_hint("send text, images or documents"));
        }
        // Blocks of the API's own among the parts of chat.
        Part::Other(value) => (*value).clone(),
    })
}

fn source(media: Media<'_>) -> Value {
    match media {
        // The API knows it by its proper name alone.
        Media::Data { mime: "image/jpg", data } => {
            json!({ "type": "base64", "media_type": "image/jpeg", "data": data })
        }
        Media::Data { mime, data } => json!({ "type": "base64", "media_type": mime, "data": data }),
        Media::Url(url) => json!({ "type": "url", "url": url }),
        Media::Id(id) => json!({ "type": "file", "file_id": id }),
    }
}

/// Where a document comes from: text is sent as text.
fn document(media: Media<'_>) -> Value {
    if let Media::Data { mime, data } = media
        && mime.starts_with("text/")
        && let Some(text) = STANDARD.decode(data).ok().and_then(|bytes| String::from_utf8(bytes).ok())
    {
        return json!({ "type": "text", "media_type": "text/plain", "data": text });
    }
    source(media)
}
