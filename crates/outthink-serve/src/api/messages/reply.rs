//! The message object and its content blocks.

use crate::api::tell::Receipt;
use outthink_core::{FinishReason, Outcome, Usage};
use serde_json::{Map, Value, json};

/// Fields of an engine's message that have a place in a message here.
const PLACED: [&str; 12] = [
    "role",
    "content",
    "refusal",
    "reasoning",
    "reasoning_content",
    "reasoning_details",
    "thinking_blocks",
    "tool_calls",
    "annotations",
    SERVED,
    BLOCKS,
    outthink_core::LOGPROBS,
];
/// Where an engine that speaks this API puts what its server's tools did.
pub(super) const SERVED: &str = "content_parts";
/// Where it puts all blocks of a reply, if the other fields do not say their order.
pub(super) const BLOCKS: &str = "content_blocks";
/// The kinds of citations that this API has.
const CITATIONS: [&str; 5] = [
    "char_location",
    "page_location",
    "content_block_location",
    "web_search_result_location",
    "search_result_location",
];
/// Reasons in the engine's own words that this API has, too.
const REASONS: [&str; 2] = ["pause_turn", "model_context_window_exceeded"];

/// What all objects of one message have in common.
pub(super) struct Shape {
    pub(super) id: String,
    pub(super) model: String,
    pub(super) effort: &'static str,
    /// Whether the client asked to see the reasoning.
    pub(super) shows_thinking: bool,
    /// The texts at which the client wants the reply to end.
    pub(super) stop_texts: Vec<String>,
}

impl Shape {
    /// A message before its first words.
    pub(super) fn begun(&self) -> Value {
        json!({
            "id": self.id,
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": [],
            "container": null,
            "diagnostics": null,
            "stop_details": null,
            "stop_reason": null,
            "stop_sequence": null,
            "usage": usage(&Usage::default()),
        })
    }

    /// The whole message.
    pub(super) fn finished(&self, outcome: &Outcome) -> Value {
        let mut message = self.begun();
        message["content"] = self.blocks(outcome).into();
        if let (Value::Object(end), Value::Object(message)) = (self.end(outcome), &mut message) {
            message.extend(end);
        }
        message["usage"] = usage(&outcome.usage);
        message["outthink"] = self.receipt(outcome);
        message
    }

    /// Why a message ended, as the fields have it that a stream gives at its end.
    pub(super) fn end(&self, outcome: &Outcome) -> Value {
        let (reason, text) = self.stop(outcome);
        let refusal = outcome.extra.get("refusal").and_then(Value::as_str);
        let details =
            (reason == Some("refusal")).then(|| json!({ "type": "refusal", "category": null, "explanation": refusal }));
        json!({ "stop_reason": reason, "stop_sequence": text, "stop_details": details, "container": null })
    }

    /// The receipt, with what the engine sent that has no place in a message.
    pub(super) fn receipt(&self, outcome: &Outcome) -> Value {
        let mut receipt = json!(Receipt::of(outcome, self.effort));
        let mut others: Map<String, Value> = outcome
            .extra
            .iter()
            .filter(|(key, value)| !PLACED.contains(&key.as_str()) && !value.is_null())
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        let strange: Vec<Value> = annotations(outcome).filter(|a| citation(a).is_none()).cloned().collect();
        if !strange.is_empty() {
            others.insert("annotations".to_owned(), strange.into());
        }
        if !others.is_empty() {
            receipt["extra"] = others.into();
        }
        receipt
    }

    /// The blocks of a reply: in the order in which the engine gave them where that is known, or else reasoning, what the
    /// server's tools did, the text and the calls.
    pub(super) fn blocks(&self, outcome: &Outcome) -> Vec<Value> {
        let own = outcome.extra.get(BLOCKS).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let of_text = |block: &&Value| block["type"] == "text";
        let texts: String = own.iter().filter(of_text).filter_map(|block| block["text"].as_str()).collect();
        // A text that was cut or chosen otherwise is not that of the blocks.
        let mut blocks: Vec<Value> = if !own.is_empty() && texts == outcome.content {
            own.iter().map(completed).collect()
        } else {
            let served = outcome.extra.get(SERVED).and_then(Value::as_array).cloned().unwrap_or_default();
            let said = Some(said(outcome)).filter(|said| !said.is_empty());
            let said = said.map(|said| text(said, annotations(outcome).filter_map(citation).collect()));
            let served = served.into_iter().filter(|block| block["type"].is_string());
            thoughts(outcome).into_iter().chain(served).chain(said).chain(calls(outcome)).collect()
        };
        blocks.retain(|block| self.shows_thinking || !is_thought(block));
        blocks
    }

    /// Why the reply ended, where that is known, and the stop text that it met. The engine's own word for a reason that
    /// this API does not have is in the receipt.
    fn stop<'a>(&'a self, outcome: &'a Outcome) -> (Option<&'a str>, Option<&'a str>) {
        if outcome.extra.get("refusal").is_some_and(|refusal| !refusal.is_null()) {
            return (Some("refusal"), None);
        }
        let met = outcome.stop_text.as_deref().filter(|met| self.stop_texts.iter().any(|text| text == met));
        let own = outcome.finish_word.as_deref().filter(|word| REASONS.contains(word));
        let reason = match outcome.finish {
            _ if own.is_some() => own,
            Some(FinishReason::ToolCalls) => Some("tool_use"),
            Some(FinishReason::Stop) if outcome.tool_calls.is_some() => Some("tool_use"),
            Some(FinishReason::Stop) if met.is_some() => return (Some("stop_sequence"), met),
            Some(FinishReason::Stop) => Some("end_turn"),
            Some(FinishReason::ContentFilter) => Some("refusal"),
            Some(FinishReason::Length) | None => Some("max_tokens"),
            Some(FinishReason::Interrupted | FinishReason::Unknown) => None,
        };
        (reason, None)
    }
}

/// Whether a block is reasoning.
pub(super) fn is_thought(block: &Value) -> bool {
    block["type"] == "thinking" || block["type"] == "redacted_thinking"
}

/// A block of the engine with the fields that all of its kind have.
fn completed(block: &Value) -> Value {
    let mut block = block.clone();
    let (field, default) = match block["type"].as_str() {
        Some("text") => ("citations", Value::Null),
        Some("tool_use" | "server_tool_use") => ("caller", json!({ "type": "direct" })),
        Some("thinking") => ("signature", "".into()),
        _ => return block,
    };
    if let Some(fields) = block.as_object_mut() {
        fields.entry(field).or_insert(default);
    }
    block
}

fn annotations(outcome: &Outcome) -> impl Iterator<Item = &Value> {
    outcome.extra.get("annotations").and_then(Value::as_array).into_iter().flatten()
}

/// An annotation as a citation of this API, which has them of documents and of searches.
pub(super) fn citation(annotation: &Value) -> Option<Value> {
    let kind = annotation["type"].as_str()?;
    if CITATIONS.contains(&kind) {
        return Some(annotation.clone());
    }
    let of = if annotation["url_citation"].is_object() { &annotation["url_citation"] } else { annotation };
    let url = of["url"].as_str().filter(|_| kind == "url_citation")?;
    // The words of the source, and what the server knows it by, are not said.
    Some(json!({
        "type": "web_search_result_location",
        "url": url,
        "title": of["title"].as_str(),
        "cited_text": "",
        "encrypted_index": "",
    }))
}

/// The text of a reply: its content, or why the model refuses.
pub(super) fn said(outcome: &Outcome) -> &str {
    let refusal = outcome.extra.get("refusal").and_then(Value::as_str);
    refusal.filter(|_| outcome.content.is_empty()).unwrap_or(&outcome.content)
}

pub(super) fn text(text: &str, citations: Vec<Value>) -> Value {
    let citations = if citations.is_empty() { Value::Null } else { citations.into() };
    json!({ "type": "text", "text": text, "citations": citations })
}

pub(super) fn thinking(text: &str, signature: &str) -> Value {
    json!({ "type": "thinking", "thinking": text, "signature": signature })
}

/// A piece of reasoning in the shapes in which engines give what has to come back to them.
pub(super) enum Piece<'a> {
    /// A text, which may have been given already, and the signature of the block that ends with it.
    Signed(&'a str, Option<&'a str>),
    /// What only the engine can read.
    Sealed(&'a Value),
}

/// The pieces of reasoning in the fields of a message or a delta.
pub(super) fn pieces(extra: &Map<String, Value>) -> impl Iterator<Item = Piece<'_>> {
    let list = |name: &str| extra.get(name).and_then(Value::as_array).filter(|list| !list.is_empty());
    let list = list("thinking_blocks").or_else(|| list("reasoning_details"));
    list.into_iter().flatten().filter_map(|piece| match piece["type"].as_str() {
        Some("redacted_thinking") => Some(Piece::Sealed(piece)),
        Some("reasoning.encrypted") => None,
        _ => {
            let text = piece["thinking"].as_str().or_else(|| piece["text"].as_str()).unwrap_or_default();
            Some(Piece::Signed(text, piece["signature"].as_str().filter(|signature| !signature.is_empty())))
        }
    })
}

/// The blocks of the reasoning, each with its own signature.
fn thoughts(outcome: &Outcome) -> Vec<Value> {
    let (mut blocks, mut sealed) = (Vec::new(), Vec::new());
    let (mut all, mut text, mut last) = (String::new(), String::new(), "");
    for piece in pieces(&outcome.extra) {
        match piece {
            Piece::Signed(more, signature) => {
                text.push_str(more);
                all.push_str(more);
                if let Some(signature) = signature {
                    blocks.push(thinking(&std::mem::take(&mut text), signature));
                    last = signature;
                }
            }
            Piece::Sealed(block) => {
                if !text.is_empty() {
                    blocks.push(thinking(&std::mem::take(&mut text), ""));
                }
                blocks.push(block.clone());
                sealed.push(block.clone());
            }
        }
    }
    if !text.is_empty() {
        blocks.push(thinking(&text, ""));
    }
    if all == outcome.reasoning {
        return blocks;
    }
    // The pieces are not all of the reasoning.
    let whole = Some(&outcome.reasoning).filter(|reasoning| !reasoning.is_empty());
    whole.map(|reasoning| thinking(reasoning, last)).into_iter().chain(sealed).collect()
}

/// The calls of a reply as blocks.
pub(super) fn calls(outcome: &Outcome) -> Vec<Value> {
    let calls = outcome.tool_calls.as_ref().and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let block = |call: &Value| {
        let arguments = call["function"]["arguments"].as_str().unwrap_or_default();
        json!({
            "type": "tool_use",
            "id": call["id"],
            "caller": { "type": "direct" },
            "name": call["function"]["name"],
            "input": input(arguments),
        })
    };
    calls.iter().map(block).collect()
}

/// The arguments of a call as an object. What is not an object is kept under a name of its own, so that whoever carries
/// the call out sees what the model wrote.
pub(super) fn input(arguments: &str) -> Value {
    match outthink_core::parse_json(arguments.as_bytes()) {
        Ok(object @ Value::Object(_)) => object,
        _ if arguments.trim().is_empty() => json!({}),
        Ok(other) => json!({ "value": other }),
        Err(_) => json!({ "malformed_arguments": arguments }),
    }
}

/// Tokens as this API counts them: those that a cache gave or took are not in `input_tokens`. Prompts are kept for five
/// minutes where the engine does not say for how long.
pub(super) fn usage(usage: &Usage) -> Value {
    let mut all = usage_at_end(usage);
    all["cache_creation"] = json!({
        "ephemeral_5m_input_tokens": usage.cache_write.saturating_sub(usage.cache_write_1h),
        "ephemeral_1h_input_tokens": usage.cache_write_1h,
    });
    for unknown in ["inference_geo", "service_tier", "speed"] {
        all[unknown] = Value::Null;
    }
    all
}

/// As [`usage`], with the fields that the end of a stream has.
pub(super) fn usage_at_end(usage: &Usage) -> Value {
    json!({
        "input_tokens": usage.prompt.saturating_sub(usage.cached + usage.cache_write),
        "cache_creation_input_tokens": usage.cache_write,
        "cache_read_input_tokens": usage.cached,
        "output_tokens": usage.completion,
        "output_tokens_details": { "thinking_tokens": usage.reasoning },
        "server_tool_use": null,
    })
}
