//! The chunks of a reply, each of which has the shape of a whole one: <https://ai.google.dev/api/generate-content>.

use super::contents::SERVER_PARTS;
use crate::reader::{Heard, Reader, delta, end};
use outthink_core::{UsageRead, restore_integers};
use serde_json::{Map, Value, json};
use std::hash::{BuildHasher as _, RandomState};

/// Calls of one reply at most; more are passed over.
const MOST: usize = 1_024;

/// What was read of a reply.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    calls: usize,
    /// Makes ids for calls that come without one.
    ids: RandomState,
}

impl Reader for Chunks {
    fn read(&mut self, _: &str, event: Value, out: &mut Vec<Heard>) {
        match event {
            // A reply that was not asked for as events.
            Value::Array(chunks) => chunks.into_iter().for_each(|chunk| self.chunk(&chunk, out)),
            chunk => self.chunk(&chunk, out),
        }
    }
}

impl Chunks {
    fn chunk(&mut self, chunk: &Value, out: &mut Vec<Heard>) {
        if chunk["error"].is_object() {
            out.push(Heard::Failed(json!({ "error": chunk["error"] })));
            return;
        }
        let candidate = &chunk["candidates"][0];
        for part in candidate["content"]["parts"].as_array().into_iter().flatten() {
            self.part(part, out);
        }
        sources(&candidate["groundingMetadata"], out);
        let usage = &chunk["usageMetadata"];
        if usage.is_object() {
            out.push(Heard::Usage(counts(usage)));
        }
        if let Some(reason) = candidate["finishReason"].as_str().filter(|reason| !reason.is_empty()) {
            let word = match reason {
                "STOP" => "stop",
                "MAX_TOKENS" => "length",
                other => other,
            };
            out.push(end(word, None));
        } else if let Some(reason) = chunk["promptFeedback"]["blockReason"].as_str() {
            let said = chunk["promptFeedback"]["blockReasonMessage"].as_str();
            out.push(Heard::Note(format!("the engine blocked the prompt: {}", said.unwrap_or(reason))));
            // Whatever the reason is called, nothing was generated because of the prompt.
            let known = ["SAFETY", "BLOCKLIST", "PROHIBITED_CONTENT", "IMAGE_SAFETY", "MODEL_ARMOR", "JAILBREAK"];
            out.push(end(if known.contains(&reason) { reason } else { "content_filter" }, None));
        }
    }

    fn part(&mut self, part: &Value, out: &mut Vec<Heard>) {
        let signature = part["thoughtSignature"].as_str().filter(|signature| !signature.is_empty());
        let mut of = None;
        if let Some(text) = part["text"].as_str() {
            let name = if part["thought"] == true { "reasoning_content" } else { "content" };
            if !text.is_empty() {
                out.push(delta(json!({ name: text })));
            }
        } else if part["functionCall"].is_object() {
            of = self.call(&part["functionCall"], signature, out);
        } else if let Some(data) = part["inlineData"]["data"].as_str() {
            let mime = part["inlineData"]["mimeType"].as_str().unwrap_or("application/octet-stream");
            let image = json!({ "type": "image_url", "image_url": { "url": format!("data:{mime};base64,{data}") } });
            out.push(delta(json!({ "images": [image] })));
        } else if part
            .as_object()
            .is_some_and(|fields| fields.keys().any(|key| key != "thoughtSignature" && key != "thought"))
        {
            out.push(delta(json!({ SERVER_PARTS: [part] })));
        }
        if let Some(signature) = signature {
            // Both shapes in which clients keep what has to come back.
            let block = json!({ "type": "thinking", "thinking": "", "signature": signature });
            let mut detail = Map::from_iter([
                ("type".to_owned(), Value::from("reasoning.encrypted")),
                ("data".to_owned(), signature.into()),
            ]);
            detail.extend(of.map(|id| ("id".to_owned(), Value::from(id))));
            out.push(delta(json!({ "thinking_blocks": [block], "reasoning_details": [detail] })));
        }
    }

    /// Passes a call on, which comes as a whole; gives its id.
    fn call(&mut self, call: &Value, signature: Option<&str>, out: &mut Vec<Heard>) -> Option<String> {
        let number = self.calls;
        if number >= MOST {
            return None;
        }
        self.calls += 1;
        let own = call["id"].as_str().filter(|id| !id.is_empty()).map(str::to_owned);
        let id = own.unwrap_or_else(|| format!("call_{:016x}", self.ids.hash_one(number)));
        let arguments = match &call["args"] {
            Value::Null => "{}".to_owned(),
            arguments => restore_integers(arguments.to_string()),
        };
        let function = json!({ "name": call["name"].as_str().unwrap_or_default(), "arguments": arguments });
        let mut entry = json!({ "index": number, "id": id, "type": "function", "function": function });
        if let Some(signature) = signature {
            entry["extra_content"] = json!({ "google": { "thought_signature": signature } });
        }
        out.push(delta(json!({ "tool_calls": [entry] })));
        Some(id)
    }
}

/// Counts of a reply so far. Reasoning and the results of the server's own tools are counted apart.
fn counts(usage: &Value) -> UsageRead {
    let count = |name: &str| usage[name].as_u64();
    let both = |a: Option<u64>, b: Option<u64>| match (a, b) {
        (None, None) => None,
        (a, b) => Some(a.unwrap_or(0).saturating_add(b.unwrap_or(0))),
    };
    let reasoning = count("thoughtsTokenCount");
    let read = UsageRead {
        prompt: both(count("promptTokenCount"), count("toolUsePromptTokenCount")),
        cached: count("cachedContentTokenCount"),
        cache_write: None,
        cache_write_1h: None,
        completion: both(count("candidatesTokenCount"), reasoning),
        reasoning,
        total: None,
    };
    // What is in the total and in none of the parts was generated, too.
    let known = read.prompt.unwrap_or(0).saturating_add(read.completion.unwrap_or(0));
    let hidden = count("totalTokenCount").and_then(|total| total.checked_sub(known)).filter(|_| read.prompt.is_some());
    UsageRead { completion: both(read.completion, hidden), ..read }
}

/// Where an answer that was looked up comes from.
fn sources(grounding: &Value, out: &mut Vec<Heard>) {
    let chunks = grounding["groundingChunks"].as_array().map(Vec::as_slice).unwrap_or_default();
    let source = |chunk: &Value| {
        let url = chunk["web"]["uri"].as_str()?;
        Some(json!({ "type": "url_citation", "url_citation": { "url": url, "title": chunk["web"]["title"] } }))
    };
    let found: Vec<Value> = chunks.iter().filter_map(source).collect();
    if !found.is_empty() {
        out.push(delta(json!({ "annotations": found })));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn counts_are_settled_by_their_total() {
        let of = |usage: Value| {
            let read = counts(&usage);
            (read.prompt, read.cached, read.completion, read.reasoning)
        };
        for (usage, counted) in [
            (
                json!({"promptTokenCount": 9, "candidatesTokenCount": 4, "totalTokenCount": 13}),
                (Some(9), None, Some(4), None),
            ),
            (
                json!({"promptTokenCount": 9, "cachedContentTokenCount": 5, "candidatesTokenCount": 4, "thoughtsTokenCount": 20,
                    "toolUsePromptTokenCount": 100, "totalTokenCount": 133}),
                (Some(109), Some(5), Some(24), Some(20)),
            ),
            (
                json!({"promptTokenCount": 9, "thoughtsTokenCount": 20, "totalTokenCount": 29}),
                (Some(9), None, Some(20), Some(20)),
            ),
            (json!({"promptTokenCount": 9, "totalTokenCount": 30}), (Some(9), None, Some(21), None)),
            (json!({"promptTokenCount": 9}), (Some(9), None, None, None)),
        ] {
            assert_eq!(of(usage.clone()), counted, "{usage}");
        }
    }

    proptest! {
        /// Whatever comes in place of what.
        #[test]
        fn no_chunk_makes_it_panic(
            kind in 0usize..6, count in any::<u64>(), text in "\\PC{0,6}", where_to in 0usize..5,
        ) {
            let odd = [json!(null), json!([count]), json!(text), json!({"a": 1}), json!(count), json!({"text": text, "thoughtSignature": text})];
            let odd = odd[kind].clone();
            let chunk = match where_to {
                0 => odd,
                1 => json!({"candidates": odd, "usageMetadata": odd, "error": odd}),
                2 => json!({"candidates": [{"content": odd, "finishReason": odd}]}),
                3 => json!({"candidates": [{"content": {"parts": [odd, {"functionCall": odd}, {"inlineData": odd}]}}]}),
                _ => json!({"usageMetadata": {"promptTokenCount": count, "totalTokenCount": count, "candidatesTokenCount": odd},
                    "promptFeedback": {"blockReason": odd}}),
            };
            let (mut reader, mut out) = (Chunks::default(), Vec::new());
            reader.read("", chunk, &mut out);
        }
    }
}
