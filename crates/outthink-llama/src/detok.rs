//! From token bytes to text: whole characters, stop texts, and reasoning and tool calls apart from the reply.

use crate::toolcall::{self, Calls};
use serde_json::Value;

const OPEN: &str = "<think>";
const CLOSE: &str = "</think>";

/// Where in the reply the text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// At the beginning: a thought may open.
    Start,
    /// In the thought.
    Thought,
    /// Between the thought and the reply, where blank lines are dropped.
    Gap,
    /// In the reply.
    Reply,
    /// In a tool call.
    Call,
}

/// Text that is ready to be sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) content: String,
    pub(crate) reasoning: String,
    /// Tool calls that are whole, as the API's deltas have them.
    pub(crate) calls: Vec<Value>,
}

/// Turns the bytes of one sample's tokens into text.
#[derive(Debug)]
pub(crate) struct Detokenizer {
    bytes: Vec<u8>,
    held: String,
    split: String,
    stops: Vec<String>,
    place: Place,
    /// The stop text that was met.
    stopped: Option<String>,
    /// Where the reply may call tools.
    tools: Option<Calls>,
    /// The thought, where it may hold a call.
    thought: String,
}

impl Detokenizer {
    /// `opening` is the beginning of the reply that the prompt already holds.
    pub(crate) fn new(stops: &[String], opening: &str) -> Self {
        let place = match (opening.rfind(OPEN), opening.rfind(CLOSE)) {
            (Some(open), close) if close.is_none_or(|c| c < open) => Place::Thought,
            _ if opening.trim().is_empty() => Place::Start,
            _ => Place::Reply,
        };
        let stops = stops.iter().filter(|s| !s.is_empty()).cloned().collect();
        Self {
            bytes: Vec::new(),
            held: String::new(),
            split: String::new(),
            stops,
            place,
            stopped: None,
            tools: None,
            thought: String::new(),
        }
    }

    /// The reply may call tools.
    pub(crate) fn with_tools(mut self, calls: Calls) -> Self {
        self.tools = Some(calls);
        self
    }

    /// Tool calls so far.
    pub(crate) fn calls(&self) -> usize {
        self.tools.as_ref().map_or(0, Calls::count)
    }

    /// Whether a tool call is being written, in the reply or in the thought.
    pub(crate) fn in_call(&self) -> bool {
        self.place == Place::Call
            || self.thought.rfind(toolcall::OPEN).is_some_and(|open| !self.thought[open..].contains(toolcall::CLOSE))
    }

    /// The stop text that was met.
    pub(crate) fn stop_text(&self) -> Option<&str> {
        self.stopped.as_deref()
    }

    /// Whether the text is in the thought now.
    pub(crate) fn in_thought(&self) -> bool {
        self.place == Place::Thought
    }

    /// Takes a token's bytes and gives the text that no later token can change.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Piece {
        self.bytes.extend_from_slice(bytes);
        let text = self.whole_characters(false);
        self.held.push_str(&text);
        let met = self.stops.iter().filter_map(|stop| Some((self.held.find(stop.as_str())?, stop)));
        let ready = if let Some((end, stop)) = met.min_by_key(|(end, _)| *end) {
            self.stopped = Some(stop.clone());
            end
        } else {
            self.held.len() - self.stops.iter().map(|stop| partial_end(&self.held, stop)).max().unwrap_or(0)
        };
        let text: String = self.held.drain(..ready).collect();
        self.split_thought(&text, false)
    }

    /// Gives what was held back, at the end of the sample.
    pub(crate) fn finish(&mut self) -> Piece {
        let text = if self.stopped.is_some() {
            String::new()
        } else {
            let rest = self.whole_characters(true);
            std::mem::take(&mut self.held) + &rest
        };
        self.split_thought(&text, true)
    }

    fn whole_characters(&mut self, last: bool) -> String {
        let mut text = String::new();
        loop {
            match std::str::from_utf8(&self.bytes) {
                Ok(valid) => {
                    text.push_str(valid);
                    self.bytes.clear();
                    return text;
                }
                Err(error) => {
                    let valid = error.valid_up_to();
                    text.push_str(&String::from_utf8_lossy(&self.bytes[..valid]));
                    let bad = match error.error_len() {
                        Some(length) => length,
                        None if last => self.bytes.len() - valid,
                        None => {
                            self.bytes.drain(..valid);
                            return text;
                        }
                    };
                    text.push(char::REPLACEMENT_CHARACTER);
                    self.bytes.drain(..valid + bad);
                }
            }
        }
    }

    fn split_thought(&mut self, text: &str, last: bool) -> Piece {
        self.split.push_str(text);
        let mut piece = Piece::default();
        loop {
            match self.place {
                Place::Start => {
                    let trimmed = self.split.trim_start();
                    if let Some(rest) = trimmed.strip_prefix(OPEN) {
                        self.split = rest.trim_start_matches('\n').to_owned();
                        self.place = Place::Thought;
                    } else if OPEN.starts_with(trimmed) && !last {
                        return piece;
                    } else {
                        self.place = Place::Reply;
                    }
                }
                Place::Thought => {
                    if let Some(end) = self.split.find(CLOSE) {
                        piece.reasoning.push_str(&self.split[..end]);
                        self.split.drain(..end + CLOSE.len());
                        self.thought.clear();
                        self.place = Place::Gap;
                    } else {
                        let keep = if last { 0 } else { partial_end(&self.split, CLOSE) };
                        let ready = self.split.len() - keep;
                        let text: String = self.split.drain(..ready).collect();
                        if self.tools.is_some() {
                            self.thought.push_str(&text);
                        }
                        piece.reasoning.push_str(&text);
                        return piece;
                    }
                }
                Place::Gap => {
                    self.split = self.split.trim_start().to_owned();
                    if self.split.is_empty() {
                        return piece;
                    }
                    self.place = Place::Reply;
                }
                Place::Reply => {
                    let call = self.tools.as_ref().and_then(|_| self.split.find(toolcall::OPEN));
                    let keep = match (call, &self.tools) {
                        (None, Some(_)) if !last => partial_end(&self.split, toolcall::OPEN),
                        _ => 0,
                    };
                    let ready = call.unwrap_or(self.split.len() - keep);
                    let text: String = self.split.drain(..ready).collect();
                    // Blank lines around calls are no reply.
                    if self.calls() == 0 || !text.trim().is_empty() {
                        piece.content.push_str(if call.is_some() { text.trim_end() } else { &text });
                    }
                    if call.is_none() {
                        return piece;
                    }
                    self.split.drain(..toolcall::OPEN.len());
                    self.place = Place::Call;
                }
                Place::Call => {
                    let end = self.split.find(toolcall::CLOSE);
                    if end.is_none() && !last {
                        return piece;
                    }
                    let body: String = self.split.drain(..end.unwrap_or(self.split.len())).collect();
                    self.split.drain(..end.map_or(0, |_| toolcall::CLOSE.len()));
                    self.place = Place::Reply;
                    if let Some(call) = self.tools.as_mut().and_then(|calls| calls.read(&body)) {
                        piece.calls.push(call);
                    } else {
                        // What is not a call is passed on as it was written.
                        piece.content.extend([toolcall::OPEN, &body]);
                        piece.content.push_str(end.map_or("", |_| toolcall::CLOSE));
                    }
                }
            }
        }
    }
}

/// Bytes at the end of `text` that may be the beginning of `wanted`.
fn partial_end(text: &str, wanted: &str) -> usize {
    (1..wanted.len()).rev().find(|&n| wanted.is_char_boundary(n) && text.ends_with(&wanted[..n])).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(stops: &[&str], opening: &str, tokens: &[&[u8]]) -> (Piece, bool) {
        let stops: Vec<String> = stops.iter().map(|&s| s.to_owned()).collect();
        let mut detok = Detokenizer::new(&stops, opening);
        let mut all = Piece::default();
        for token in tokens {
            let piece = detok.push(token);
            all.content += &piece.content;
            all.reasoning += &piece.reasoning;
            if detok.stop_text().is_some() {
                break;
            }
        }
        let piece = detok.finish();
        all.content += &piece.content;
        all.reasoning += &piece.reasoning;
        (all, detok.stop_text().is_some())
    }

    #[test]
    fn characters_split_over_tokens_are_whole() {
        let (piece, _) = run(&[], "", &[b"gr\xc3", b"\xbc\xc3", b"\x9fe \xff!", b"\xe2\x82"]);
        assert_eq!(piece.content, "grüße \u{fffd}!\u{fffd}");
    }

    #[test]
    fn a_stop_text_over_tokens_is_never_sent() {
        let (piece, stopped) = run(&["END"], "", &[b"a E", b"N", b"x EN", b"D tail"]);
        assert_eq!((piece.content.as_str(), stopped), ("a ENx ", true));
    }

    #[test]
    fn a_held_beginning_of_a_stop_text_is_sent_at_the_end() {
        let (piece, stopped) = run(&["END"], "", &[b"a E", b"N"]);
        assert_eq!((piece.content.as_str(), stopped), ("a EN", false));
    }

    #[test]
    fn tool_calls_leave_in_the_apis_form() {
        let mut detok = Detokenizer::new(&[], "").with_tools(Calls::new(7));
        let text = "<think>x</think>Let me see.\n<tool_call>\n{\"name\": \"add\", \"arguments\": {\"a\": 1}}\n</tool_call>\n\
                    <tool_call>{\"name\":\"now\",\"arguments\":{}}</tool_call><tool_call>no call</tool_call>";
        let (mut content, mut calls) = (String::new(), Vec::new());
        for byte in text.as_bytes().chunks(3) {
            let piece = detok.push(byte);
            content += &piece.content;
            calls.extend(piece.calls);
        }
        let piece = detok.finish();
        content += &piece.content;
        calls.extend(piece.calls);
        assert_eq!(content, "Let me see.\n<tool_call>no call</tool_call>");
        assert_eq!(calls.len(), 2);
        assert_eq!(calls[0]["index"], 0);
        assert_eq!(calls[0]["type"], "function");
        assert_eq!(calls[0]["function"]["name"], "add");
        assert_eq!(calls[0]["function"]["arguments"], r#"{"a":1}"#);
        assert_eq!((&calls[1]["index"], &calls[1]["function"]["arguments"]), (&1.into(), &"{}".into()));
        assert_ne!(calls[0]["id"], calls[1]["id"]);
        assert_eq!(detok.calls(), 2);
    }

    #[test]
    fn a_call_within_a_thought_is_noticed() {
        let mut detok = Detokenizer::new(&[], "<think>").with_tools(Calls::new(7));
        detok.push(b"first <tool_call>{");
        assert!(detok.in_thought() && detok.in_call());
        detok.push(b"}</tool_call> done");
        assert!(detok.in_thought() && !detok.in_call());
    }

    #[test]
    fn a_thought_is_told_apart() {
        let (piece, _) = run(&[], "", &[b"<th", b"ink>\nhm", b" </", b"b> </thi", b"nk>\n\n", b"42"]);
        assert_eq!((piece.reasoning.as_str(), piece.content.as_str()), ("hm </b> ", "42"));
        let (piece, _) = run(&[], "<think>\n", &[b"hm</think>", b"42"]);
        assert_eq!((piece.reasoning.as_str(), piece.content.as_str()), ("hm", "42"));
        let (piece, _) = run(&[], "", &[b"<thin", b"g"]);
        assert_eq!(piece.content, "<thing");
    }
}
