//! Blocks of the Messages API as parts of chat.

use crate::api::read::describe;
use crate::error::ApiError;
use serde_json::{Map, Value, json};

/// Takes a field that has to be a text.
pub(super) fn text(block: &mut Map<String, Value>, key: &str, at: &str) -> Result<String, ApiError> {
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
pub(super) fn part(block: &mut Map<String, Value>, at: &str, parts: &mut Vec<Value>) -> Result<(), ApiError> {
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
                            inner.shift_remove("cache_control");
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
