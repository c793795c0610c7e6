//! The events of a reply:
//! <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStreamOutput.html>.

use super::messages::SERVER_BLOCKS;
use crate::frames::EXCEPTION;
use crate::reader::{Heard, Reader, delta, end};
use outthink_core::{UsageRead, restore_integers};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Blocks of one reply at most; more are passed over.
const MOST: usize = 4_096;

/// A block of reasoning while it comes.
#[derive(Debug, Default)]
struct Thinking {
    text: String,
    signature: String,
    /// In base64, as it comes.
    sealed: Vec<String>,
}

/// What was read of a reply.
#[derive(Debug, Default)]
pub(super) struct Events {
    thinking: BTreeMap<u64, Thinking>,
    /// The number of the call that a block is.
    calls: BTreeMap<u64, usize>,
}

impl Reader for Events {
    fn read(&mut self, name: &str, event: Value, out: &mut Vec<Heard>) {
        if let Some(kind) = name.strip_prefix(EXCEPTION) {
            let message = event["message"].as_str().or_else(|| event["Message"].as_str()).unwrap_or(kind);
            out.push(Heard::Failed(json!({ "error": { "type": kind, "message": message } })));
            return;
        }
        let index = event["contentBlockIndex"].as_u64().unwrap_or(0);
        match name {
            "contentBlockStart" => self.begin(index, &event["start"], out),
            "contentBlockDelta" => self.add(index, &event["delta"], out),
            "contentBlockStop" => self.finish(index, out),
            "messageStop" => stop(&event, out),
            "metadata" => {
                usage(&event["usage"], out);
                out.push(Heard::Over);
            }
            "" => self.whole(&event, out),
            _ => {}
        }
    }
}

impl Events {
    /// Reads a reply that came as a whole.
    fn whole(&mut self, body: &Value, out: &mut Vec<Heard>) {
        for (index, block) in body["output"]["message"]["content"].as_array().into_iter().flatten().enumerate() {
            let index = index as u64;
            if let Some(text) = block["text"].as_str() {
                say("content", text, out);
            } else if block["toolUse"].is_object() {
                self.begin(index, block, out);
                let input = restore_integers(block["toolUse"]["input"].to_string());
                self.add(index, &json!({ "toolUse": { "input": input } }), out);
            } else if block["reasoningContent"].is_object() {
                let inner = &block["reasoningContent"];
                let text = &inner["reasoningText"];
                for piece in [
                    json!({ "text": text["text"] }),
                    json!({ "signature": text["signature"] }),
                    json!({ "redactedContent": inner["redactedContent"] }),
                ] {
                    self.add(index, &json!({ "reasoningContent": piece }), out);
                }
                self.finish(index, out);
            } else if block.is_object() {
                out.push(delta(json!({ SERVER_BLOCKS: [block] })));
            }
        }
        usage(&body["usage"], out);
        stop(body, out);
    }

    fn begin(&mut self, index: u64, start: &Value, out: &mut Vec<Heard>) {
        let call = &start["toolUse"];
        if !call.is_object() || self.calls.len() >= MOST {
            return;
        }
        let number = self.calls.len();
        self.calls.insert(index, number);
        let text = |name: &str| call[name].as_str().unwrap_or_default();
        let function = json!({ "name": text("name"), "arguments": "" });
        out.push(delta(json!({ "tool_calls": [
            { "index": number, "id": text("toolUseId"), "type": "function", "function": function },
        ] })));
    }

    fn add(&mut self, index: u64, piece: &Value, out: &mut Vec<Heard>) {
        if let Some(text) = piece["text"].as_str() {
            say("content", text, out);
        }
        if let (Some(input), Some(number)) = (piece["toolUse"]["input"].as_str(), self.calls.get(&index))
            && !input.is_empty()
        {
            out.push(delta(json!({ "tool_calls": [{ "index": number, "function": { "arguments": input } }] })));
        }
        let reasoning = &piece["reasoningContent"];
        if reasoning.is_object() && (self.thinking.len() < MOST || self.thinking.contains_key(&index)) {
            let thinking = self.thinking.entry(index).or_default();
            let text = reasoning["text"].as_str().unwrap_or_default();
            thinking.text.push_str(text);
            thinking.signature.push_str(reasoning["signature"].as_str().unwrap_or_default());
            thinking.sealed.extend(reasoning["redactedContent"].as_str().map(str::to_owned));
            say("reasoning_content", text, out);
        }
        if piece["citation"].is_object() {
            out.push(delta(json!({ "annotations": [piece["citation"]] })));
        }
        for name in ["image", "toolResult"] {
            if piece[name].is_object() {
                out.push(delta(json!({ SERVER_BLOCKS: [{ name: piece[name] }] })));
            }
        }
    }

    /// Passes on what has to come back of a block of reasoning, in both shapes in which clients keep it.
    fn finish(&mut self, index: u64, out: &mut Vec<Heard>) {
        let Some(Thinking { text, signature, sealed }) = self.thinking.remove(&index) else { return };
        if !signature.is_empty() {
            let block = json!({ "type": "thinking", "thinking": text, "signature": signature });
            let detail = json!({ "type": "reasoning.text", "text": text, "signature": signature });
            out.push(delta(json!({ "thinking_blocks": [block], "reasoning_details": [detail] })));
        }
        for data in sealed {
            let block = json!({ "type": "redacted_thinking", "data": data });
            let detail = json!({ "type": "reasoning.encrypted", "data": data });
            out.push(delta(json!({ "thinking_blocks": [block], "reasoning_details": [detail] })));
        }
    }
}

/// Counts of a reply. What a cache gave or took is not in the count of the input.
fn usage(usage: &Value, out: &mut Vec<Heard>) {
    let count = |name: &str| usage[name].as_u64();
    let (cached, written) = (count("cacheReadInputTokens"), count("cacheWriteInputTokens"));
    let all = |read: u64| read.saturating_add(cached.unwrap_or(0)).saturating_add(written.unwrap_or(0));
    let prompt = count("inputTokens").map(all);
    let completion = count("outputTokens");
    if prompt.is_some() || completion.is_some() {
        out.push(Heard::Usage(UsageRead {
            prompt,
            cached,
            cache_write: written,
            cache_write_1h: None,
            completion,
            reasoning: None,
            total: None,
        }));
    }
}

/// Why the reply ended, in the words of chat where they mean the same.
fn stop(event: &Value, out: &mut Vec<Heard>) {
    let Some(reason) = event["stopReason"].as_str().filter(|reason| !reason.is_empty()) else { return };
    let met = event["additionalModelResponseFields"]["stop_sequence"].as_str();
    out.push(match reason {
        "end_turn" => end("stop", Some(Value::Null)),
        "stop_sequence" => end("stop", met.map(Value::from)),
        "max_tokens" => end("length", None),
        "tool_use" => end("tool_calls", None),
        other => end(other, None),
    });
}

fn say(name: &str, text: &str, out: &mut Vec<Heard>) {
    if !text.is_empty() {
        out.push(delta(json!({ name: text })));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever comes under whatever name.
        #[test]
        fn no_events_make_it_panic(events in prop::collection::vec((0usize..7, 0usize..6, any::<u64>(), "\\PC{0,6}"), 0..16)) {
            let names = ["messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata", ""];
            let (mut reader, mut out) = (Events::default(), Vec::new());
            for (name, kind, count, text) in events {
                let odd = [json!(text), json!({"text": text, "signature": count}), json!({"toolUse": {"input": text}}),
                    json!({"toolUse": count}), json!({"reasoningContent": {"text": text, "redactedContent": text}}), json!(count)];
                let odd = odd[kind].clone();
                let event = json!({"contentBlockIndex": count, "start": odd, "delta": odd, "stopReason": text,
                    "usage": {"inputTokens": count, "cacheReadInputTokens": count, "outputTokens": odd}, "output": {"message": {"content": [odd]}}});
                reader.read(names[name], event, &mut out);
                reader.read(names[name], odd, &mut out);
            }
        }
    }
}
