//! The response object and its output items.

use super::request::Echo;
use super::sealed;
use crate::api::tell::{Receipt, StandardUsage};
use crate::error::ApiError;
use outthink_core::{FinishReason, Outcome};
use serde_json::{Map, Value, json};

/// What all objects of one response have in common.
pub(super) struct Shape {
    pub(super) id: String,
    pub(super) created: u64,
    pub(super) model: String,
    pub(super) effort: &'static str,
    /// Whether a summary of the thought is told.
    pub(super) summary: bool,
    pub(super) echo: Echo,
}

impl Shape {
    /// A response before its end.
    pub(super) fn in_progress(&self) -> Value {
        self.response("in_progress", &[])
    }

    /// A response with another status and nothing in it.
    pub(super) fn before_end(&self, status: &str) -> Value {
        self.response(status, &[])
    }

    /// A response at its end.
    pub(super) fn finished(&self, outcome: &Outcome, output: &[Value]) -> Value {
        let cut = match outcome.finish {
            Some(FinishReason::Length) | None => Some("max_output_tokens"),
            Some(FinishReason::ContentFilter) => Some("content_filter"),
            Some(FinishReason::Interrupted | FinishReason::Unknown | FinishReason::Stop | FinishReason::ToolCalls) => {
                None
            }
        };
        // A reason that the API does not have is in the receipt.
        let is_cut = cut.is_some() || !outcome.finish.is_some_and(FinishReason::is_complete);
        let mut response = self.response(if is_cut { "incomplete" } else { "completed" }, output);
        if let Some(reason) = cut {
            response["incomplete_details"] = json!({ "reason": reason });
        }
        response["usage"] = usage(outcome);
        response["outthink"] = json!(Receipt::of(outcome, self.effort));
        let unplaced = unplaced(outcome);
        if !unplaced.is_empty() {
            response["outthink"]["extra"] = unplaced.into();
        }
        response
    }

    /// A response that failed on the way.
    pub(super) fn failed(&self, error: &ApiError) -> Value {
        let mut response = self.response("failed", &[]);
        // The API's own codes, and those of the engine that say what the client can do about it.
        let code = match error.code.as_deref() {
            Some(code) if error.status.is_client_error() => code,
            _ => "server_error",
        };
        response["error"] = json!({ "code": code, "message": error.message });
        if let Some(bill) = &error.bill {
            response["outthink"] = Value::clone(bill);
        }
        response
    }

    fn response(&self, status: &str, output: &[Value]) -> Value {
        let given = |name: &str, default: Value| self.echo.fields.get(name).cloned().unwrap_or(default);
        let mut response = json!({
            "id": self.id,
            "object": "response",
            "access_programs": null,
            "created_at": self.created,
            "status": status,
            "background": self.echo.background,
            "conversation": given("conversation", Value::Null),
            "error": null,
            "incomplete_details": null,
            "instructions": given("instructions", Value::Null),
            "max_output_tokens": given("max_output_tokens", Value::Null),
            "max_tool_calls": given("max_tool_calls", Value::Null),
            "model": self.model,
            "output": output,
            "parallel_tool_calls": given("parallel_tool_calls", true.into()),
            "previous_response_id": given("previous_response_id", Value::Null),
            "reasoning": { "effort": self.effort, "summary": self.echo.summary },
            "service_tier": "default",
            "temperature": given("temperature", Value::Null),
            "text": given("text", json!({ "format": { "type": "text" } })),
            "tool_choice": given("tool_choice", "auto".into()),
            "tools": given("tools", json!([])),
            "top_p": given("top_p", Value::Null),
            "top_logprobs": given("top_logprobs", 0.into()),
            "truncation": given("truncation", "disabled".into()),
            "metadata": given("metadata", json!({})),
        });
        // It may be missing and may not be null, as the usage may not.
        if let Some(user) = self.echo.fields.get("user") {
            response["user"] = user.clone();
        }
        response
    }

    /// The name of an output item.
    pub(super) fn item_id(&self, kind: &str) -> String {
        format!("{kind}_{}", self.id.trim_start_matches("resp_"))
    }

    /// Whether the reasoning is an item of the output.
    pub(super) fn has_reasoning(&self) -> bool {
        self.summary || self.echo.include.sealed_reasoning
    }

    /// What stands for the reasoning of a reply, where the client asked for it.
    pub(super) fn sealed(&self, outcome: &Outcome) -> Option<String> {
        let asked = self.echo.include.sealed_reasoning;
        asked.then(|| sealed::seal(&outcome.reasoning, sealed::details(&outcome.extra))).flatten()
    }

    /// The item of the reasoning; `text` is empty while it is being streamed.
    pub(super) fn reasoning(&self, text: &str, sealed: Option<String>) -> Value {
        let shown = self.summary && !text.is_empty();
        let summary = if shown { json!([{ "type": "summary_text", "text": text }]) } else { json!([]) };
        let mut item = json!({ "id": self.item_id("rs"), "type": "reasoning", "summary": summary });
        if let Some(sealed) = sealed {
            item["encrypted_content"] = sealed.into();
        }
        item
    }

    /// The message of a reply before its first word.
    pub(super) fn message_begun(&self) -> Value {
        json!({
            "id": self.item_id("msg"),
            "type": "message",
            "status": "in_progress",
            "role": "assistant",
            "content": [],
        })
    }

    /// The message of a reply: its text with the annotations of the engine, and its refusal. It has no parts where there
    /// is neither.
    pub(super) fn message(&self, text: &str, outcome: &Outcome, tokens: &[Value]) -> Value {
        let mut parts = Vec::new();
        if !text.is_empty() {
            let mut part = part(text, tokens);
            if let Some(Value::Array(annotations)) = outcome.extra.get("annotations") {
                part["annotations"] = annotations.iter().map(annotation).collect();
            }
            parts.push(part);
        }
        if let Some(refusal) = outcome.extra.get("refusal").and_then(Value::as_str) {
            parts.push(json!({ "type": "refusal", "refusal": refusal }));
        }
        let mut message = self.message_begun();
        message["status"] = "completed".into();
        message["content"] = parts.into();
        message
    }

    /// The images of a reply as output items: those that the engine sent whole.
    pub(super) fn images(&self, outcome: &Outcome) -> Vec<Value> {
        let item = |(index, data): (usize, &str)| {
            let id = format!("{}_{index}", self.item_id("ig"));
            json!({ "id": id, "type": "image_generation_call", "status": "completed", "result": data })
        };
        images(outcome).filter_map(image_data).enumerate().map(item).collect()
    }

    /// The calls of a reply as output items.
    pub(super) fn calls(&self, outcome: &Outcome) -> Vec<Value> {
        let calls = outcome.tool_calls.as_ref().and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let item =
            |(index, call): (usize, &Value)| self.echo.tools.item(&format!("{}_{index}", self.item_id("fc")), call);
        calls.iter().enumerate().map(item).collect()
    }
}

/// Fields of an engine's message that have a place in a response here, or that were not asked for.
const PLACED: [&str; 8] = [
    "role",
    "refusal",
    "annotations",
    "tool_calls",
    "reasoning",
    "reasoning_content",
    sealed::DETAILS,
    outthink_core::LOGPROBS,
];

/// What the engine sent that has no place in a response: sound, images by address, and whatever else.
fn unplaced(outcome: &Outcome) -> Map<String, Value> {
    let has_place = |key: &str| match key {
        "images" => images(outcome).all(|image| image_data(image).is_some()),
        key => PLACED.contains(&key),
    };
    let others = outcome.extra.iter().filter(|(key, value)| !value.is_null() && !has_place(key));
    let mut others: Map<String, Value> = others.map(|(key, value)| (key.clone(), value.clone())).collect();
    // Annotations stand with the text that they are of.
    if let Some(Value::Array(annotations)) = outcome.extra.get("annotations")
        && said(outcome).is_empty()
        && !annotations.is_empty()
    {
        others.insert("annotations".into(), annotations.clone().into());
    }
    others
}

fn images(outcome: &Outcome) -> impl Iterator<Item = &Value> {
    outcome.extra.get("images").and_then(Value::as_array).into_iter().flatten()
}

/// The data of an image, where it is not an address.
fn image_data(image: &Value) -> Option<&str> {
    let place = if image.is_object() { &image["image_url"] } else { image };
    let url = place.as_str().or_else(|| place["url"].as_str())?;
    Some(url.strip_prefix("data:image/")?.split_once(";base64,")?.1)
}

/// The text of a reply: its content, or what is said in its sound.
pub(super) fn said(outcome: &Outcome) -> &str {
    let spoken = || outcome.extra.get("audio").and_then(|audio| audio["transcript"].as_str());
    if outcome.content.is_empty() { spoken().unwrap_or_default() } else { &outcome.content }
}

/// A part of a message.
pub(super) fn part(text: &str, tokens: &[Value]) -> Value {
    json!({ "type": "output_text", "text": text, "annotations": [], "logprobs": tokens })
}

/// An annotation as this API has it: chat puts the fields of a citation into an object of their own.
fn annotation(of_chat: &Value) -> Value {
    let kind = of_chat["type"].as_str().unwrap_or_default();
    match of_chat.get(kind) {
        Some(Value::Object(fields)) => {
            let mut flat = fields.clone();
            flat.insert("type".into(), kind.into());
            Value::Object(flat)
        }
        _ => of_chat.clone(),
    }
}

/// The reply as a message of the conversation.
pub(super) fn as_message(outcome: &Outcome) -> Value {
    let mut message = Map::new();
    message.insert("role".into(), "assistant".into());
    message.insert("content".into(), outcome.content.as_str().into());
    // Sound comes back to the engine by its name.
    if let Some(id) = outcome.extra.get("audio").map(|audio| &audio["id"]).filter(|id| id.is_string()) {
        message.insert("audio".into(), json!({ "id": id }));
    }
    if let Some(calls) = &outcome.tool_calls {
        message.insert("tool_calls".into(), calls.clone());
        // The loop goes on from what the model thought.
        if !outcome.reasoning.is_empty() {
            message.insert(sealed::TEXT.into(), outcome.reasoning.as_str().into());
        }
        if let Some(details) = outcome.extra.get(sealed::DETAILS) {
            message.insert(sealed::DETAILS.into(), details.clone());
        }
    }
    Value::Object(message)
}

fn usage(outcome: &Outcome) -> Value {
    let chat = StandardUsage::of(outcome);
    json!({
        "input_tokens": chat.prompt_tokens,
        "input_tokens_details": {
            "cached_tokens": chat.prompt_tokens_details.cached_tokens,
            "cache_write_tokens": chat.prompt_tokens_details.cache_write_tokens,
        },
        "output_tokens": chat.completion_tokens,
        "output_tokens_details": {
            "reasoning_tokens": chat.completion_tokens_details.reasoning_tokens,
        },
        "total_tokens": chat.total_tokens,
    })
}
