//! The conversation: from the messages of chat to contents of parts.

use crate::native::{Call, Draft, Media, Part, Reasoning, calls, parts, reasoning};
use outthink_core::parse_json;
use serde_json::{Map, Value, json};

/// Parts that stand in a field of their own while a conversation is in the shape of chat.
pub(super) const SERVER_PARTS: &str = "content_parts";
/// What the API takes in place of a signature that was lost: <https://ai.google.dev/gemini-api/docs/thought-signatures>.
const NO_SIGNATURE: &str = "skip_thought_signature_validator";

/// The system instruction, where there is one, and the contents.
pub(super) fn conversation(messages: &[Value], draft: &mut Draft<'_>) -> (Vec<Value>, Vec<Value>) {
    let (mut system, mut contents) = (Vec::new(), Contents::default());
    let turn = messages.iter().rposition(|message| message["role"] == "user").unwrap_or(0);
    for (at, message) in messages.iter().enumerate() {
        match message["role"].as_str().unwrap_or_default() {
            "system" | "developer" => {
                if !contents.0.is_empty() {
                    draft.note("a system message amid the turns was sent at the beginning: the Gemini API has one place for it");
                }
                system.extend(written(&message["content"]));
            }
            "assistant" => contents.add("model", model(message, at > turn, draft)),
            "tool" | "function" => contents.add("user", result(message, &messages[..at])),
            _ => contents.add("user", written(&message["content"])),
        }
    }
    (system, contents.0)
}

/// Contents, of which those of one role that follow each other are one.
#[derive(Default)]
struct Contents(Vec<Value>);

impl Contents {
    fn add(&mut self, role: &str, mut parts: Vec<Value>) {
        if parts.is_empty() {
            return;
        }
        match self.0.last_mut() {
            Some(last) if last["role"] == role => {
                if let Value::Array(have) = &mut last["parts"] {
                    have.append(&mut parts);
                }
            }
            _ => self.0.push(json!({ "role": role, "parts": parts })),
        }
    }
}

/// A turn of the model, with the signatures that came with it. In the turn that goes on (`is_current`) calls need one.
fn model(message: &Value, is_current: bool, draft: &mut Draft<'_>) -> Vec<Value> {
    let served = message[SERVER_PARTS].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut all: Vec<Value> = served.iter().filter(|part| part.is_object()).cloned().collect();
    all.extend(written(&message["content"]));
    let calls = calls(message);
    let kept = signatures(message);
    if calls.is_empty() {
        if let (Some(Value::Object(last)), Some((_, signature))) = (all.last_mut(), kept.first()) {
            last.insert("thoughtSignature".to_owned(), (*signature).into());
        }
        return all;
    }
    let is_signed = |call: &Call<'_>| signature(call, &kept).is_some();
    let none = !calls.iter().any(is_signed);
    for (number, call) in calls.iter().enumerate() {
        let mut part = json!({ "functionCall": { "id": call.id, "name": call.name, "args": call.arguments } });
        // Of calls that came together the first is signed, by whatever the turn kept.
        let loose = || kept.first().filter(|_| number == 0 && none).map(|(_, signature)| *signature);
        if let Some(signature) = signature(call, &kept).or_else(loose) {
            part["thoughtSignature"] = signature.into();
        } else if number == 0 && none && is_current {
            draft.note("calls of tools came back without their signature: the model may not go on from its reasoning");
            part["thoughtSignature"] = NO_SIGNATURE.into();
        }
        all.push(part);
    }
    all
}

/// The signatures that a message kept outside its calls, with the call that each belongs to, where that is known.
fn signatures(message: &Value) -> Vec<(Option<&str>, &str)> {
    let details = message["reasoning_details"].as_array().map(Vec::as_slice).unwrap_or_default();
    let of = |detail: &'_ Value| detail["id"].as_str().is_some();
    let named = details.iter().filter(|detail| of(detail));
    let named = named.filter_map(|detail| Some((detail["id"].as_str(), detail["data"].as_str()?)));
    let loose = reasoning(message).into_iter().map(|kept| match kept {
        Reasoning::Signed { signature, .. } => (None, signature),
        Reasoning::Sealed(data) => (None, data),
    });
    named.chain(loose).collect()
}

/// The signature of a call.
fn signature<'a>(call: &Call<'a>, kept: &[(Option<&str>, &'a str)]) -> Option<&'a str> {
    let own = call.whole.pointer("/extra_content/google/thought_signature").and_then(Value::as_str);
    own.or_else(|| kept.iter().find(|(of, _)| *of == Some(call.id)).map(|(_, signature)| *signature))
}

/// What a tool returned. The API wants the name of the function, which the call has.
fn result(message: &Value, before: &[Value]) -> Vec<Value> {
    let id = message["tool_call_id"].as_str().unwrap_or_default();
    let called = before.iter().rev().flat_map(calls).find(|call| call.id == id).map(|call| call.name);
    let name = called.or_else(|| message["name"].as_str()).unwrap_or(id);
    let (mut text, mut others) = (Vec::new(), Vec::new());
    for (part, _) in parts(&message["content"]) {
        match part {
            Part::Text(words) => text.push(words),
            other => others.push(of(&other)),
        }
    }
    let text = text.join("\n");
    let response = match parse_json(text.as_bytes()) {
        _ if message["is_error"] == true => json!({ "error": text }),
        Ok(object @ Value::Object(_)) => object,
        _ => json!({ "output": text }),
    };
    let mut response = json!({ "name": name, "response": response });
    if !id.is_empty() {
        response["id"] = id.into();
    }
    let mut all = vec![json!({ "functionResponse": response })];
    all.append(&mut others);
    all
}

fn written(content: &Value) -> Vec<Value> {
    parts(content).iter().map(|(part, _)| of(part)).collect()
}

fn of(part: &Part<'_>) -> Value {
    match part {
        Part::Text(text) => json!({ "text": text }),
        Part::Image(media) => data(*media, Some("image/jpeg")),
        Part::File { media, .. } => data(*media, None),
        Part::Audio { data, format } => {
            json!({ "inlineData": { "mimeType": format!("audio/{format}"), "data": data } })
        }
        // Parts of the API's own among those of chat.
        Part::Other(value) => (*value).clone(),
    }
}

fn data(media: Media<'_>, kind: Option<&str>) -> Value {
    match media {
        Media::Data { mime, data } => json!({ "inlineData": { "mimeType": mime, "data": data } }),
        Media::Url(uri) | Media::Id(uri) => {
            let mut file = Map::from_iter([("fileUri".to_owned(), Value::from(uri))]);
            if let Some(kind) = mime_of(uri).or(kind) {
                file.insert("mimeType".to_owned(), kind.into());
            }
            json!({ "fileData": file })
        }
    }
}

/// The kind of a file by the end of its address.
fn mime_of(address: &str) -> Option<&'static str> {
    let path = address.split(['?', '#']).next()?;
    let end = path.rsplit('/').next()?.rsplit_once('.')?.1;
    Some(match end.to_ascii_lowercase().as_str() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "gif" => "image/gif",
        "pdf" => "application/pdf",
        "mp3" => "audio/mp3",
        "wav" => "audio/wav",
        "mp4" => "video/mp4",
        "txt" | "md" => "text/plain",
        _ => return None,
    })
}
