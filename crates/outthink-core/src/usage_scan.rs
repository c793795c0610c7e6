//! Finding token counts in a body that is passed on and not kept.

use crate::{Usage, UsageRead};
use serde_json::{Map, Value};

/// Bytes of one object of counts at most; a longer one is passed over.
const MOST: usize = 16 << 10;
/// The names under which counts stand, alone of all that a body holds.
const NAMES: [&str; 6] = ["usage", "usageMetadata", "usage_metadata", "timings", "meta", "x_groq"];

/// Finds the token counts in the pieces of a body, JSON or events, whatever stands before and after them.
///
/// A megabyte of embeddings is neither kept nor parsed for them.
///
/// ```
/// use outthink_core::UsageScan;
///
/// let mut scan = UsageScan::default();
/// scan.push(br#"{"object":"list","usage":{"prompt_tok"#);
/// scan.push(br#"ens":9,"total_tokens":9},"data":[{"embedding":[0.25,0.5]}]}"#);
/// assert_eq!(scan.read().unwrap().usage(0).prompt, 9);
/// ```
#[derive(Debug, Clone, Default)]
pub struct UsageScan {
    /// The text that is open, or was read last; emptied by what cannot follow a name.
    word: Vec<u8>,
    in_text: bool,
    escaped: bool,
    /// Whether the last text was followed by a colon.
    named: bool,
    /// The object of counts that is open.
    object: Vec<u8>,
    depth: u32,
    name: &'static str,
    found: Option<UsageRead>,
}

impl UsageScan {
    /// Takes in more of the body.
    pub fn push(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if self.depth > 0 {
                self.object.push(byte);
                if self.object.len() > MOST {
                    (self.depth, self.object) = (0, Vec::new());
                }
            }
            self.step(byte);
        }
    }

    /// What was found so far; of several reports of one stream the largest counts.
    pub const fn read(&self) -> Option<UsageRead> {
        self.found
    }

    fn step(&mut self, byte: u8) {
        if self.in_text {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                // No text of JSON holds a line break: whatever opened one was no text.
                b'"' | b'\n' => self.in_text = false,
                // Longer than any of the names.
                _ if self.word.len() < 24 => self.word.push(byte),
                _ => {}
            }
            return;
        }
        match byte {
            b'"' => {
                self.word.clear();
                (self.in_text, self.escaped, self.named) = (true, false, false);
            }
            b':' => self.named = true,
            b' ' | b'\t' | b'\r' | b'\n' => {}
            b'{' if self.depth > 0 => self.depth += 1,
            b'{' => {
                let name = NAMES.into_iter().find(|name| self.named && self.word == name.as_bytes());
                if let Some(name) = name {
                    (self.depth, self.name) = (1, name);
                    self.object.clear();
                    self.object.push(byte);
                }
                self.named = false;
            }
            b'}' if self.depth > 0 => {
                self.depth -= 1;
                if self.depth == 0 {
                    self.end();
                }
            }
            _ => {
                self.named = false;
                self.word.clear();
            }
        }
    }

    fn end(&mut self) {
        let Ok(object) = serde_json::from_slice::<Value>(&self.object) else { return };
        let body = Value::Object(Map::from_iter([(self.name.to_owned(), object)]));
        let read = Usage::read(&body);
        self.found = self.found.map_or(read, |found| Some(read.map_or(found, |read| found.later(read))));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn scan(body: &str, cut: usize) -> Option<(u64, u64)> {
        let mut scan = UsageScan::default();
        for piece in body.as_bytes().chunks(cut) {
            scan.push(piece);
        }
        scan.read().map(|read| (read.usage(0).prompt, read.usage(0).completion))
    }

    #[test]
    fn counts_are_found_before_the_data_after_it_and_in_events() {
        for (body, wanted) in [
            (r#"{"usage":{"prompt_tokens":9,"total_tokens":9},"data":[{"embedding":[1,2]}]}"#, Some((9, 0))),
            (r#"{"data":[{"embedding":[1,2]}],"usage" : { "prompt_tokens" : 9 } }"#, Some((9, 0))),
            (
                "data: {\"text\":\"a\"}\n\ndata: {\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}\n\n",
                Some((3, 2)),
            ),
            (
                "data: {\"text\":\"a\",\"usage\":null}\n\ndata: {\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}\n\n",
                Some((3, 2)),
            ),
            // In a text, as a text, or broken.
            (r#"{"text":"{\"usage\":{\"prompt_tokens\":9}}"}"#, None),
            (r#"{"text":"usage","x":{"prompt_tokens":9}}"#, None),
            (r#"{"usage":null,"x":{"prompt_tokens":9}}"#, None),
            (r#"{"usage":{"prompt_tokens":"#, None),
            (": it's a \"comment\n\ndata: {\"usage\":{\"input_tokens\":4,\"output_tokens\":1}}", Some((4, 1))),
            (
                r#"{"usage":{"prompt_tokens":1,"prompt_tokens_details":{"cached_tokens":1},"total_tokens":4}}"#,
                Some((1, 3)),
            ),
        ] {
            for cut in 1..=body.len() {
                assert_eq!(scan(body, cut), wanted, "{body} in pieces of {cut}");
            }
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(body in prop::collection::vec(any::<u8>(), 0..200), odd in "(\"usage\"|:|\\{|\\}|\"|\\\\|7){0,40}") {
            let mut scan = UsageScan::default();
            scan.push(&body);
            scan.push(odd.as_bytes());
            scan.push(&body);
        }
    }
}
