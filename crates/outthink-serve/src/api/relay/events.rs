//! The events of a stream that is passed on: what a client asked for, and how much has been generated.

use super::count::Count;
use outthink_core::UsageScan;
use serde_json::Value;

/// Bytes of one event at most; a longer one is passed on unread, and counts as text.
const MOST: usize = 1 << 20;

/// Cuts a stream into its events.
#[derive(Default)]
pub(super) struct Events {
    open: Vec<u8>,
    /// Whether a last event that only holds the usage is passed on.
    keep_usage: bool,
    count: Count,
    scan: UsageScan,
}

impl Events {
    pub(super) fn new(keep_usage: bool) -> Self {
        Self { keep_usage, ..Self::default() }
    }

    /// Takes in more of the stream.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.open.extend_from_slice(bytes);
    }

    /// The next event, counted; empty where it is not for the client. `None` until more has come.
    pub(super) fn next(&mut self) -> Option<Vec<u8>> {
        if let Some(end) = end_of_event(&self.open) {
            let event: Vec<u8> = self.open.drain(..end).collect();
            return Some(self.read(event));
        }
        if self.open.len() <= MOST {
            return None;
        }
        let part = std::mem::take(&mut self.open);
        self.scan.push(&part);
        self.count.text(&String::from_utf8_lossy(&part));
        Some(part)
    }

    /// What is left at the end.
    pub(super) fn rest(&mut self) -> Vec<u8> {
        let rest = std::mem::take(&mut self.open);
        self.read(rest)
    }

    /// What was generated so far.
    pub(super) const fn count(&self) -> Count {
        self.count
    }

    /// What the server said of it so far.
    pub(super) const fn scan(&self) -> &UsageScan {
        &self.scan
    }

    /// Counts an event; it is empty where it is kept back.
    fn read(&mut self, event: Vec<u8>) -> Vec<u8> {
        self.scan.push(&event);
        let text = String::from_utf8_lossy(&event);
        let data: Vec<&str> = text.lines().filter_map(|l| l.strip_prefix("data:")).map(str::trim_start).collect();
        let data = data.join("\n");
        let Ok(value) = serde_json::from_str::<Value>(&data) else {
            // Nobody knows what it is, so it may be what was generated.
            if data.trim() != "[DONE]" {
                self.count.text(&data);
            }
            return event;
        };
        self.count.reply(&value);
        // `choices: []` is how the API marks the chunk of `include_usage`.
        let only_usage = value["choices"].as_array().is_some_and(Vec::is_empty) && value["usage"].is_object();
        if self.keep_usage || !only_usage { event } else { Vec::new() }
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

    const STREAM: &str = "data: {\"choices\":[{\"text\":\"Once \"}]}\n\n: ping\n\ndata: {\"choices\":[{\"text\":\"upon\"}],\"usage\":null}\n\ndata: {\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}\n\ndata: [DONE]\n\n";

    #[test]
    fn the_usage_is_kept_from_who_did_not_ask_however_the_stream_is_cut() {
        for line in ["\n", "\r\n"] {
            let stream = STREAM.replace('\n', line);
            for size in [1, 7, 1_000] {
                for keep in [false, true] {
                    let mut events = Events::new(keep);
                    let mut out = Vec::new();
                    for piece in stream.as_bytes().chunks(size) {
                        events.push(piece);
                        while let Some(event) = events.next() {
                            out.extend(event);
                        }
                    }
                    out.extend(events.rest());
                    let out = String::from_utf8(out).unwrap();
                    assert_eq!(out.contains("completion_tokens"), keep, "{out}");
                    assert!(out.ends_with(&format!("data: [DONE]{line}{line}")) && out.contains("upon"), "{out}");
                    assert_eq!(
                        (events.count().tokens, events.scan().read().and_then(|read| read.prompt)),
                        (2, Some(1))
                    );
                }
            }
        }
    }
}
