//! The events of a reply: <https://platform.claude.com/docs/en/build-with-claude/streaming>.

use super::messages::{BLOCKS, SERVER_BLOCKS};
use crate::reader::{Heard, Reader, delta, end};
use outthink_core::{UsageRead, parse_json, restore_integers};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Blocks of one reply at most; more are passed over.
const MOST: usize = 4_096;

/// A block while it comes.
#[derive(Debug)]
struct Block {
    /// As it began, with what was added since.
    fields: Map<String, Value>,
    kind: Kind,
    /// The arguments of a call so far.
    arguments: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Thinking,
    /// Reasoning that only the server can read.
    Sealed,
    /// The call of this number, from 0.
    Call(usize),
    /// Anything else, which is passed on whole.
    Other,
}

/// What was read of a reply.
#[derive(Debug, Default)]
pub(super) struct Events {
    blocks: BTreeMap<u64, Block>,
    /// Those that are complete, as they came, and how many of them were passed on as such.
    complete: Vec<Value>,
    passed: usize,
    /// Whether the fields of a message do not say their order.
    is_mixed: bool,
    calls: usize,
    /// Counts of the input so far: what was read, taken from a cache, written to it, and that for an hour.
    input: [Option<u64>; 4],
    searches: u64,
}

impl Reader for Events {
    fn read(&mut self, name: &str, event: Value, out: &mut Vec<Heard>) {
        let kind = event["type"].as_str().unwrap_or(name).to_owned();
        let index = event["index"].as_u64().unwrap_or(0);
        let Value::Object(mut event) = event else { return };
        match kind.as_str() {
            "message_start" => self.usage(&event["message"]["usage"], out),
            "content_block_start" => self.begin(index, event.shift_remove("content_block").unwrap_or_default(), out),
            "content_block_delta" => self.add(index, &event["delta"], out),
            "content_block_stop" => self.finish(index, out),
            "message_delta" => {
                self.usage(event.get("usage").unwrap_or(&Value::Null), out);
                self.end(event.get("delta").unwrap_or(&Value::Null), out);
            }
            "message_stop" => out.push(Heard::Over),
            "message" => self.whole(&event, out),
            "error" => out.push(Heard::Failed(event.into())),
            // A gateway's own error, without a type.
            _ if event.get("error").is_some_and(Value::is_object) => out.push(Heard::Failed(event.into())),
            _ => {}
        }
    }
}

impl Events {
    /// Reads a message that came as a whole.
    fn whole(&mut self, message: &Map<String, Value>, out: &mut Vec<Heard>) {
        for (index, block) in message.get("content").and_then(Value::as_array).into_iter().flatten().enumerate() {
            self.begin(index as u64, block.clone(), out);
            self.finish(index as u64, out);
        }
        self.usage(message.get("usage").unwrap_or(&Value::Null), out);
        self.end(&Value::Object(message.clone()), out);
    }

    fn begin(&mut self, index: u64, block: Value, out: &mut Vec<Heard>) {
        let Value::Object(fields) = block else { return };
        if self.blocks.len() + self.complete.len() >= MOST {
            return;
        }
        let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        self.order(text("type").as_str(), out);
        let kind = match text("type").as_str() {
            "text" => {
                say("content", &text("text"), out);
                for citation in fields.get("citations").and_then(Value::as_array).into_iter().flatten() {
                    out.push(delta(json!({ "annotations": [citation] })));
                }
                Kind::Text
            }
            "thinking" => {
                say("reasoning_content", &text("thinking"), out);
                Kind::Thinking
            }
            "redacted_thinking" => Kind::Sealed,
            "tool_use" => {
                let number = self.calls;
                self.calls += 1;
                let given = fields.get("input").filter(|input| input.as_object().is_some_and(|i| !i.is_empty()));
                let given = given.map(|input| restore_integers(input.to_string())).unwrap_or_default();
                let function = json!({ "name": text("name"), "arguments": given });
                out.push(delta(json!({ "tool_calls": [
                    { "index": number, "id": text("id"), "type": "function", "function": function },
                ] })));
                Kind::Call(number)
            }
            _ => Kind::Other,
        };
        self.blocks.insert(index, Block { fields, kind, arguments: String::new() });
    }

    fn add(&mut self, index: u64, piece: &Value, out: &mut Vec<Heard>) {
        let Some(block) = self.blocks.get_mut(&index) else {
            // A server that left the beginning of the block out.
            for (name, field) in [("content", "text"), ("reasoning_content", "thinking")] {
                say(name, piece[field].as_str().unwrap_or_default(), out);
            }
            return;
        };
        let text = |name: &str| piece[name].as_str().unwrap_or_default();
        match piece["type"].as_str().unwrap_or_default() {
            "text_delta" => {
                append(&mut block.fields, "text", text("text"));
                say("content", text("text"), out);
            }
            "thinking_delta" => {
                append(&mut block.fields, "thinking", text("thinking"));
                say("reasoning_content", text("thinking"), out);
            }
            "signature_delta" => append(&mut block.fields, "signature", text("signature")),
            "input_json_delta" => match block.kind {
                Kind::Call(number) if !text("partial_json").is_empty() => {
                    block.arguments.push_str(text("partial_json"));
                    let function = json!({ "arguments": text("partial_json") });
                    out.push(delta(json!({ "tool_calls": [{ "index": number, "function": function }] })));
                }
                _ => block.arguments.push_str(text("partial_json")),
            },
            "citations_delta" if piece["citation"].is_object() => {
                match block.fields.get_mut("citations") {
                    Some(Value::Array(citations)) => citations.push(piece["citation"].clone()),
                    _ => _ = block.fields.insert("citations".to_owned(), json!([piece["citation"]])),
                }
                out.push(delta(json!({ "annotations": [piece["citation"]] })));
            }
            _ => {}
        }
    }

    /// Passes on what is known of a block once it is whole.
    fn finish(&mut self, index: u64, out: &mut Vec<Heard>) {
        let Some(Block { mut fields, kind, arguments }) = self.blocks.remove(&index) else { return };
        if let Kind::Call(_) | Kind::Other = kind
            && let Ok(input @ Value::Object(_)) = parse_json(arguments.as_bytes())
        {
            fields.insert("input".to_owned(), input);
        }
        let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let whole = Value::Object(fields.clone());
        match kind {
            // Both shapes in which clients keep what has to come back.
            Kind::Thinking if !text("signature").is_empty() => {
                let detail =
                    json!({ "type": "reasoning.text", "text": text("thinking"), "signature": text("signature") });
                out.push(delta(json!({ "thinking_blocks": [fields], "reasoning_details": [detail] })));
            }
            Kind::Sealed => {
                let detail = json!({ "type": "reasoning.encrypted", "data": text("data") });
                out.push(delta(json!({ "thinking_blocks": [fields], "reasoning_details": [detail] })));
            }
            Kind::Other => out.push(delta(json!({ SERVER_BLOCKS: [fields] }))),
            Kind::Text | Kind::Thinking | Kind::Call(_) => {}
        }
        // The API takes no text of nothing back.
        if kind != Kind::Text || !whole["text"].as_str().unwrap_or_default().is_empty() {
            self.complete.push(whole);
        }
    }

    /// Sees to it that the order of the blocks is known before the next one begins. The fields of a message say one order:
    /// reasoning, what the server's own tools did, one text, calls. In any other one all blocks are passed on as they are.
    fn order(&mut self, next: &str, out: &mut Vec<Heard>) {
        let place = |kind: &str| match kind {
            "thinking" | "redacted_thinking" => 0,
            "text" => 2,
            "tool_use" => 3,
            _ => 1,
        };
        let last = self.complete.last().map(|block| block["type"].as_str().unwrap_or_default());
        self.is_mixed |= last.is_some_and(|last| place(last) > place(next) || (last == "text" && next == "text"));
        self.pass_on(out);
    }

    /// Passes on the blocks that are complete, where their order has to be told.
    fn pass_on(&mut self, out: &mut Vec<Heard>) {
        if self.is_mixed && self.passed < self.complete.len() {
            out.push(delta(json!({ BLOCKS: &self.complete[self.passed..] })));
            self.passed = self.complete.len();
        }
    }

    /// Takes in counts, which grow, and of which an event may hold some only.
    fn usage(&mut self, usage: &Value, out: &mut Vec<Heard>) {
        let count = |name: &str| usage[name].as_u64();
        let names = ["input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"];
        let counts = [count(names[0]), count(names[1]), count(names[2]), hour(usage)];
        for (have, count) in self.input.iter_mut().zip(counts) {
            *have = count.max(*have);
        }
        let [read, cached, written, cache_write_1h] = self.input;
        let prompt = read.map(|read| read.saturating_add(cached.unwrap_or(0)).saturating_add(written.unwrap_or(0)));
        let completion = count("output_tokens");
        if prompt.is_some() || completion.is_some() {
            let reasoning = usage["output_tokens_details"]["thinking_tokens"].as_u64();
            let total = None;
            let counts =
                UsageRead { prompt, cached, cache_write: written, cache_write_1h, completion, reasoning, total };
            out.push(Heard::Usage(counts));
        }
        let searches = usage["server_tool_use"]["web_search_requests"].as_u64().unwrap_or(0);
        if searches > self.searches {
            self.searches = searches;
        }
    }

    /// Why the reply ended, in the words of chat where they mean the same.
    fn end(&mut self, event: &Value, out: &mut Vec<Heard>) {
        let Some(reason) = event["stop_reason"].as_str().filter(|reason| !reason.is_empty()) else { return };
        self.pass_on(out);
        if let Some(why) = event["stop_details"]["explanation"].as_str().filter(|why| !why.is_empty()) {
            out.push(delta(json!({ "refusal": why })));
        }
        if self.searches > 0 {
            let words = format!(
                "the engine searched the web {} times, which it charges apart from tokens: the cost does not hold that",
                self.searches
            );
            out.push(Heard::Note(words));
        }
        let (word, stop) = match reason {
            "end_turn" => ("stop", Some(Value::Null)),
            "stop_sequence" => ("stop", Some(event["stop_sequence"].clone())),
            "max_tokens" => ("length", None),
            "tool_use" => ("tool_calls", None),
            other => (other, None),
        };
        out.push(end(word, stop));
    }
}

/// Tokens that were written to a cache for an hour.
fn hour(usage: &Value) -> Option<u64> {
    usage["cache_creation"]["ephemeral_1h_input_tokens"].as_u64()
}

fn say(name: &str, text: &str, out: &mut Vec<Heard>) {
    if !text.is_empty() {
        out.push(delta(json!({ name: text })));
    }
}

fn append(fields: &mut Map<String, Value>, name: &str, text: &str) {
    match fields.get_mut(name) {
        Some(Value::String(have)) => have.push_str(text),
        _ => _ = fields.insert(name.to_owned(), text.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn heard(events: &[Value]) -> Vec<Heard> {
        let (mut reader, mut out) = (Events::default(), Vec::new());
        for event in events {
            reader.read("", event.clone(), &mut out);
        }
        out
    }

    #[test]
    fn counts_of_the_input_are_kept_where_later_events_hold_some_only() {
        let usage = json!({"input_tokens": 10, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 30, "output_tokens": 1,
            "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20}});
        let events = [
            json!({"type": "message_start", "message": {"usage": usage}}),
            json!({"type": "message_delta", "delta": {}, "usage": {"output_tokens": 55, "output_tokens_details": {"thinking_tokens": 40}}}),
        ];
        let counts = UsageRead {
            prompt: Some(140),
            cached: Some(100),
            cache_write: Some(30),
            cache_write_1h: Some(20),
            completion: Some(55),
            reasoning: Some(40),
            total: None,
        };
        assert_eq!(heard(&events).last(), Some(&Heard::Usage(counts)));
    }

    proptest! {
        /// Whatever comes in whatever order.
        #[test]
        fn no_events_make_it_panic(events in prop::collection::vec((0usize..10, 0usize..9, 0u64..3, "\\PC{0,6}"), 0..24)) {
            let kinds = ["message_start", "content_block_start", "content_block_delta", "content_block_stop",
                "message_delta", "message_stop", "message", "error", "ping", "odd"];
            let inner = ["text", "thinking", "redacted_thinking", "tool_use", "server_tool_use", "text_delta",
                "input_json_delta", "signature_delta", "citations_delta"];
            let events: Vec<Value> = events.into_iter().map(|(kind, of, index, text)| {
                let part = json!({"type": inner[of], "text": text, "thinking": text, "partial_json": text, "signature": text,
                    "id": text, "name": text, "input": index, "stop_reason": text, "citation": {}});
                json!({"type": kinds[kind], "index": index, "content_block": part, "delta": part, "content": [part],
                    "usage": {"output_tokens": index, "input_tokens": text}, "message": {"usage": {"input_tokens": u64::MAX, "cache_read_input_tokens": index}}})
            }).collect();
            heard(&events);
        }
    }
}
