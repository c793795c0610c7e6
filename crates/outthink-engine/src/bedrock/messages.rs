//! The conversation: from the messages of chat to messages of content blocks.

use crate::native::{Draft, Media, Part, Reasoning, calls, parts, reasoning};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use outthink_core::{EngineError, Origin};
use serde_json::{Value, json};

/// Blocks that stand in a field of their own while a conversation is in the shape of chat.
pub(super) const SERVER_BLOCKS: &str = "content_parts";

/// The system prompt, and the messages.
pub(super) fn conversation(messages: &[Value], draft: &mut Draft<'_>) -> Result<(Vec<Value>, Vec<Value>), EngineError> {
    let mut reader = Reader::default();
    let mut system = Vec::new();
    for message in messages {
        let content = &message["content"];
        match message["role"].as_str().unwrap_or_default() {
            "system" | "developer" => {
                if !reader.messages.is_empty() {
                    draft.note(
                        "a system message amid the turns was sent at the beginning: Converse has one place for it",
                    );
                }
                system.append(&mut reader.blocks(content)?);
                system.extend(cache_point(message));
            }
            "assistant" => {
                let blocks = reader.assistant(message, draft)?;
                reader.add("assistant", blocks);
            }
            "tool" | "function" => {
                let blocks = reader.result(message)?;
                reader.add("user", blocks);
            }
            _ => {
                let mut blocks = reader.blocks(content)?;
                blocks.extend(cache_point(message));
                reader.add("user", blocks);
            }
        }
    }
    Ok((system, reader.messages))
}

/// Whether a conversation holds calls or results of tools.
pub(super) fn has_calls(messages: &[Value]) -> bool {
    messages.iter().any(|message| message["role"] == "tool" || !calls(message).is_empty())
}

#[derive(Default)]
struct Reader {
    messages: Vec<Value>,
    /// Documents so far: their names must differ.
    documents: usize,
}

impl Reader {
    fn add(&mut self, role: &str, mut blocks: Vec<Value>) {
        if blocks.is_empty() {
            return;
        }
        match self.messages.last_mut() {
            Some(last) if last["role"] == role => {
                if let Value::Array(content) = &mut last["content"] {
                    content.append(&mut blocks);
                }
            }
            _ => self.messages.push(json!({ "role": role, "content": blocks })),
        }
    }

    fn assistant(&mut self, message: &Value, draft: &mut Draft<'_>) -> Result<Vec<Value>, EngineError> {
        let kept = reasoning(message);
        if kept.is_empty() && message["reasoning_content"].as_str().is_some_and(|text| !text.is_empty()) {
            draft.note("reasoning without a signature was not sent back");
        }
        let block = |kept| match kept {
            Reasoning::Signed { text, signature } => {
                json!({ "reasoningText": { "text": text, "signature": signature } })
            }
            Reasoning::Sealed(data) => json!({ "redactedContent": data }),
        };
        let mut all: Vec<Value> = kept.into_iter().map(|kept| json!({ "reasoningContent": block(kept) })).collect();
        let served = message[SERVER_BLOCKS].as_array().map(Vec::as_slice).unwrap_or_default();
        all.extend(served.iter().filter(|block| block.is_object()).cloned());
        all.append(&mut self.blocks(&message["content"])?);
        for call in calls(message) {
            all.push(json!({ "toolUse": { "toolUseId": call.id, "name": call.name, "input": call.arguments } }));
        }
        all.extend(cache_point(message));
        Ok(all)
    }

    fn result(&mut self, message: &Value) -> Result<Vec<Value>, EngineError> {
        let mut content = self.blocks(&message["content"])?;
        // The place of a cache is behind the result.
        content.retain(|block| block.get("cachePoint").is_none());
        if content.is_empty() {
            content.push(json!({ "text": "(nothing)" }));
        }
        let mut result =
            json!({ "toolUseId": message["tool_call_id"].as_str().unwrap_or_default(), "content": content });
        if message["is_error"] == true {
            result["status"] = "error".into();
        }
        Ok(std::iter::once(json!({ "toolResult": result })).chain(cache_point(message)).collect())
    }

    fn blocks(&mut self, content: &Value) -> Result<Vec<Value>, EngineError> {
        let mut blocks = Vec::new();
        for (part, whole) in parts(content) {
            blocks.push(self.block(&part)?);
            blocks.extend(cache_point(whole));
        }
        Ok(blocks)
    }

    fn block(&mut self, part: &Part<'_>) -> Result<Value, EngineError> {
        Ok(match part {
            Part::Text(text) => json!({ "text": text }),
            Part::Image(media) => {
                let (mime, source) = source(*media)?;
                let format = mime.and_then(|mime| mime.strip_prefix("image/")).unwrap_or("jpeg");
                let format = if format == "jpg" { "jpeg" } else { format };
                json!({ "image": { "format": format, "source": source } })
            }
            Part::File { name, media } => {
                let (mime, source) = source(*media)?;
                self.documents += 1;
                let name = name.map(bare_name).filter(|name| !name.is_empty());
                let name = name.unwrap_or_else(|| "document".to_owned());
                json!({ "document": {
                    "format": format_of(mime.unwrap_or("application/pdf")),
                    "name": format!("{name} {}", self.documents),
                    "source": source,
                } })
            }
            Part::Audio { data, format } => json!({ "audio": { "format": format, "source": { "bytes": data } } }),
            // Blocks of the API's own among the parts of chat.
            Part::Other(value) => (*value).clone(),
        })
    }
}

/// A name without what the API refuses in one.
fn bare_name(name: &str) -> String {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let kept = stem.chars().map(|c| if c.is_ascii_alphanumeric() || "-()[]".contains(c) { c } else { ' ' });
    let kept: String = kept.take(100).collect();
    kept.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The format of a document in the API's words.
fn format_of(mime: &str) -> &str {
    match mime {
        "application/pdf" => "pdf",
        "text/csv" => "csv",
        "application/msword" => "doc",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document" => "docx",
        "application/vnd.ms-excel" => "xls",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" => "xlsx",
        "text/html" => "html",
        "text/markdown" => "md",
        _ if mime.starts_with("text/") => "txt",
        _ => "pdf",
    }
}

/// The kind of a picture or document, and where it is.
fn source(media: Media<'_>) -> Result<(Option<&str>, Value), EngineError> {
    let refused = |words: &str, hint: &str| Err(EngineError::new(Origin::Caller, words).with_hint(hint));
    match media {
        Media::Data { mime, data } => match STANDARD.decode(data) {
            Ok(_) => Ok((Some(mime), json!({ "bytes": data }))),
            Err(_) => {
                refused("a picture or document is not valid base64", "encode it by the standard alphabet, with padding")
            }
        },
        Media::Url(url) if url.starts_with("s3://") => Ok((None, json!({ "s3Location": { "uri": url } }))),
        Media::Url(_) | Media::Id(_) => {
            refused("Bedrock takes no picture or document by its address", "send its data, or an s3:// address")
        }
    }
}

/// The place of a cache behind what has a `cache_control`.
pub(super) fn cache_point(marked: &Value) -> Option<Value> {
    let mark = marked.get("cache_control").filter(|mark| mark.is_object())?;
    let mut point = json!({ "type": "default" });
    if let Some(ttl) = mark["ttl"].as_str() {
        point["ttl"] = ttl.into();
    }
    Some(json!({ "cachePoint": point }))
}
