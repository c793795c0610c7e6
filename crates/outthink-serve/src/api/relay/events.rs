//! The events of a stream that is passed on: what a client asked for, and how much has been generated.

use serde_json::Value;

/// Bytes of one event at most; a longer one is passed on unread.
const MOST: usize = 1 << 20;

/// Cuts a stream into its events.
#[derive(Default)]
pub(super) struct Events {
    open: Vec<u8>,
    /// Whether a last event that only holds the usage is passed on.
    keep_usage: bool,
    /// Pieces of text so far, one a token or more, and their bytes.
    pieces: u64,
    bytes: u64,
}

impl Events {
    pub(super) fn new(keep_usage: bool) -> Self {
        Self { keep_usage, ..Self::default() }
    }

    /// Takes in more of the stream; gives what of it is passed on now.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.open.extend_from_slice(bytes);
        let mut out = Vec::new();
        while let Some(end) = end_of_event(&self.open) {
            let event: Vec<u8> = self.open.drain(..end).collect();
            if self.read(&event) {
                out.extend_from_slice(&event);
            }
        }
        if self.open.len() > MOST {
            out.append(&mut self.open);
        }
        out
    }

    /// What is left at the end.
    pub(super) fn rest(&mut self) -> Vec<u8> {
        let rest = std::mem::take(&mut self.open);
        if self.read(&rest) { rest } else { Vec::new() }
    }

    /// Generated tokens so far, as far as one can tell.
    pub(super) fn tokens(&self) -> u64 {
        self.pieces.max(self.bytes / 4)
    }

    /// Counts an event; whether it is passed on.
    fn read(&mut self, event: &[u8]) -> bool {
        let text = String::from_utf8_lossy(event);
        let data: Vec<&str> = text.lines().filter_map(|l| l.strip_prefix("data:")).map(str::trim_start).collect();
        let Ok(value) = serde_json::from_str::<Value>(&data.join("\n")) else { return true };
        let choices = value["choices"].as_array().map(Vec::as_slice).unwrap_or_default();
        for choice in choices {
            let piece = choice["text"].as_str().or_else(|| choice["delta"]["content"].as_str()).unwrap_or_default();
            self.pieces += u64::from(!piece.is_empty());
            self.bytes += piece.len() as u64;
        }
        // `choices: []` is how the API marks the chunk of `include_usage`.
        let only_usage = value["choices"].as_array().is_some_and(Vec::is_empty) && value["usage"].is_object();
        self.keep_usage || !only_usage
    }
}

/// Where the first event ends, its blank line included.
fn end_of_event(bytes: &[u8]) -> Option<usize> {
    let lf = bytes.windows(2).position(|w| w == b"\n\n").map(|at| at + 2);
    let crlf = bytes.windows(4).position(|w| w == b"\r\n\r\n").map(|at| at + 4);
    [lf, crlf].into_iter().flatten().min()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = "data: {\"choices\":[{\"text\":\"Once \"}]}\n\n: ping\n\ndata: {\"choices\":[{\"text\":\"upon\"}],\"usage\":null}\n\ndata: {\"choices\":[],\"usage\":{\"completion_tokens\":2}}\n\ndata: [DONE]\n\n";

    #[test]
    fn the_usage_is_kept_from_who_did_not_ask_however_the_stream_is_cut() {
        for line in ["\n", "\r\n"] {
            let stream = STREAM.replace('\n', line);
            for size in [1, 7, 1_000] {
                for keep in [false, true] {
                    let mut events = Events::new(keep);
                    let mut out: Vec<u8> = stream.as_bytes().chunks(size).flat_map(|c| events.push(c)).collect();
                    out.extend(events.rest());
                    let out = String::from_utf8(out).unwrap();
                    assert_eq!(out.contains("completion_tokens"), keep, "{out}");
                    assert!(out.ends_with(&format!("data: [DONE]{line}{line}")) && out.contains("upon"), "{out}");
                    assert_eq!(events.tokens(), 2);
                }
            }
        }
    }
}
