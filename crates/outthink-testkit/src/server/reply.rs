//! What a server answers: a status, headers, and a body that may go wrong on the wire.

use super::message::{Form, Message, Tokens};
use super::provider::Counts;
use super::{Request, http};
use serde_json::{Value, json};
use std::time::Duration;

/// One thing that a server does on a connection.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Sends these bytes.
    Send(Vec<u8>),
    /// Waits.
    Pause(Duration),
    /// Sends nothing more and keeps the connection open until the client leaves.
    Hang,
    /// Resets the connection.
    Reset,
    /// Closes the connection in order, whatever the reply still lacks.
    Close,
}

impl Step {
    /// Sends bytes as they are.
    pub fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self::Send(bytes.into())
    }

    /// Sends an event with a name.
    pub fn named(name: &str, data: &Value) -> Self {
        Self::raw(format!("event: {name}\ndata: {data}\n\n"))
    }

    /// Sends a comment, as servers do to keep a connection open.
    pub fn comment(words: &str) -> Self {
        Self::raw(format!(": {words}\n\n"))
    }

    /// Waits for so many milliseconds.
    pub const fn pause_ms(milliseconds: u64) -> Self {
        Self::Pause(Duration::from_millis(milliseconds))
    }
}

/// An event with this data.
impl From<&str> for Step {
    fn from(data: &str) -> Self {
        Self::raw(format!("data: {data}\n\n"))
    }
}

/// An event with this data.
impl From<String> for Step {
    fn from(data: String) -> Self {
        Self::from(data.as_str())
    }
}

/// An event with this data.
impl From<Value> for Step {
    fn from(data: Value) -> Self {
        Self::from(data.to_string())
    }
}

impl From<&Value> for Step {
    fn from(data: &Value) -> Self {
        Self::from(data.to_string())
    }
}

/// How the end of a body is marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    Chunked,
    Length,
    Close,
    /// The steps bring their own head.
    Wire,
}

#[derive(Debug, Clone)]
enum Body {
    Steps(Vec<Step>),
    Message(Box<Message>),
}

/// What a server answers to one request.
///
/// [`Reply::text`] and [`Reply::message`] are replies of a model, sent whole or streamed as the request asks;
/// the others are what a server does word by word.
#[derive(Debug, Clone)]
pub struct Reply {
    status: u16,
    kind: &'static str,
    headers: Vec<(String, String)>,
    body: Body,
    framing: Framing,
    wait: Duration,
    pieces: Option<(usize, Duration)>,
    cut: Option<(usize, Step)>,
    closes: bool,
    counts: Option<(u64, u64)>,
    parts: [u64; 3],
}

/// A reply as it goes over the wire.
pub(super) struct Rendered {
    pub(super) head: Vec<u8>,
    pub(super) wait: Duration,
    /// What is done, and the generated tokens in it.
    pub(super) steps: Vec<(Step, u64)>,
    pub(super) framing: Framing,
    pub(super) closes: bool,
    pub(super) pieces: Option<(usize, Duration)>,
    pub(super) prompt: u64,
    /// Generated tokens that are counted at the end, beyond those of the steps.
    pub(super) hidden: u64,
    /// Of the prompt from a cache and to one, and of the reply reasoning.
    pub(super) parts: [u64; 3],
}

impl Reply {
    fn new(kind: &'static str, framing: Framing, body: Body) -> Self {
        Self {
            status: 200,
            kind,
            headers: Vec::new(),
            body,
            framing,
            wait: Duration::ZERO,
            pieces: None,
            cut: None,
            closes: false,
            counts: None,
            parts: [0; 3],
        }
    }

    /// A model's reply of this text, a word a token.
    pub fn text(text: &str) -> Self {
        Self::message(Message::default().content(text))
    }

    /// A model's reply of so many words.
    pub fn words(count: u64) -> Self {
        Self::message(Message::default().pieces((0..count).map(|n| format!("w{n} "))))
    }

    /// A model's reply, whole or streamed as the request asks.
    pub fn message(message: Message) -> Self {
        Self::new("application/json", Framing::Length, Body::Message(Box::new(message)))
    }

    /// A body of JSON, whatever was asked for.
    pub fn json(body: impl Into<Value>) -> Self {
        Self::body("application/json", body.into().to_string())
    }

    /// A body of this kind, whatever was asked for.
    pub fn body(kind: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self::new(kind, Framing::Length, Body::Steps(vec![Step::Send(body.into())]))
    }

    /// A stream of events, whatever was asked for. Nothing is added: `"[DONE]"` is an event like the others.
    pub fn events<S: Into<Step>>(steps: impl IntoIterator<Item = S>) -> Self {
        let steps = steps.into_iter().map(Into::into).collect();
        Self::new("text/event-stream", Framing::Chunked, Body::Steps(steps))
    }

    /// A stream of bytes of this kind, whatever was asked for.
    pub fn bytes(kind: &'static str, steps: impl IntoIterator<Item = Step>) -> Self {
        Self::new(kind, Framing::Chunked, Body::Steps(steps.into_iter().collect()))
    }

    /// Bytes on the wire, the head included.
    pub fn wire(steps: impl IntoIterator<Item = Step>) -> Self {
        Self::new("", Framing::Wire, Body::Steps(steps.into_iter().collect()))
    }

    /// An error as the OpenAI API has it.
    pub fn error(status: u16, message: &str, kind: &str, code: impl Into<Value>) -> Self {
        let error = json!({"message": message, "type": kind, "param": null, "code": code.into()});
        Self::json(json!({ "error": error })).status(status)
    }

    /// Sets the status.
    #[must_use]
    pub const fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Waits before the head.
    #[must_use]
    pub const fn after(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }

    /// Sends the body in pieces of so many bytes with a pause after each: characters are split.
    #[must_use]
    pub const fn in_pieces(mut self, bytes: usize, pause: Duration) -> Self {
        self.pieces = Some((bytes, pause));
        self
    }

    /// Ends the connection after so many bytes of the body: by [`Step::Close`], [`Step::Reset`] or
    /// [`Step::Hang`].
    #[must_use]
    pub fn cut_after(mut self, bytes: usize, end: Step) -> Self {
        self.cut = Some((bytes, end));
        self
    }

    /// Marks the end of the body by the end of the connection.
    #[must_use]
    pub const fn until_close(mut self) -> Self {
        self.framing = Framing::Close;
        self
    }

    /// Closes the connection after the reply without having announced it.
    #[must_use]
    pub const fn closes(mut self) -> Self {
        self.closes = true;
        self
    }

    /// What the server counts for it: prompt tokens, and generated tokens.
    #[must_use]
    pub const fn counts(mut self, prompt: u64, completion: u64) -> Self {
        self.counts = Some((prompt, completion));
        self
    }

    /// What the server counts for it, by kind.
    #[must_use]
    pub const fn charges(mut self, counts: &Counts) -> Self {
        self.counts = Some((counts.prompt(), counts.generated));
        self.parts = [counts.cached, counts.written, counts.reasoning];
        self
    }

    /// Changes the message of a model's reply; nothing where it is none.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(Message) -> Message) -> Self {
        if let Body::Message(message) = self.body {
            self.body = Body::Message(Box::new(change(*message)));
        }
        self
    }

    /// Adds reasoning before the text: [`Message::thinking`].
    #[must_use]
    pub fn thinking(self, text: &str) -> Self {
        self.with(|m| m.thinking(text))
    }

    /// Sets the calls of tools: [`Message::tool_calls`].
    #[must_use]
    pub fn tool_calls(self, calls: impl IntoIterator<Item = Value>) -> Self {
        self.with(|m| m.tool_calls(calls))
    }

    /// Sets the usage that is reported: [`Message::usage`].
    #[must_use]
    pub fn usage(self, usage: Value) -> Self {
        self.with(|m| m.usage(usage))
    }

    /// Sets the finish reason: [`Message::finish`].
    #[must_use]
    pub fn finish(self, reason: impl Into<Value>) -> Self {
        self.with(|m| m.finish(reason))
    }

    /// Waits before each token: [`Message::pace`].
    #[must_use]
    pub fn pace(self, pause: Duration) -> Self {
        self.with(|m| m.pace(pause))
    }

    /// Answers whole, whatever was asked for.
    #[must_use]
    pub fn whole(self) -> Self {
        self.with(|m| m.form(Form::Whole))
    }

    /// Answers by a stream, whatever was asked for.
    #[must_use]
    pub fn streamed(self) -> Self {
        self.with(|m| m.form(Form::Streamed))
    }

    /// The reply to `request` as it goes over the wire.
    pub(super) fn render(&self, request: &Request, model: &str) -> Rendered {
        let (mut kind, mut framing) = (self.kind, self.framing);
        let (mut steps, mut tokens) = match &self.body {
            Body::Steps(steps) => (steps.iter().map(|s| (s.clone(), 0)).collect(), Tokens::default()),
            Body::Message(message) => {
                let asked = request.json();
                if message.is_streamed(&asked) {
                    kind = "text/event-stream";
                    if framing == Framing::Length {
                        framing = Framing::Chunked;
                    }
                }
                message.render(&asked, &request.path, model)
            }
        };
        if let Some((prompt, completion)) = self.counts {
            for step in &mut steps {
                step.1 = 0;
            }
            tokens = Tokens { prompt, hidden: completion };
        }
        let length: usize =
            steps.iter().map(|(step, _)| if let Step::Send(bytes) = step { bytes.len() } else { 0 }).sum();
        if let Some((bytes, end)) = &self.cut {
            cut(&mut steps, *bytes, end);
        }
        let mut head = if framing == Framing::Wire { Vec::new() } else { http::head(self.status, kind) };
        let end = match framing {
            Framing::Chunked => "transfer-encoding: chunked\r\n".to_owned(),
            Framing::Length => format!("content-length: {length}\r\n"),
            Framing::Close => "connection: close\r\n".to_owned(),
            Framing::Wire => String::new(),
        };
        if framing != Framing::Wire {
            head.extend_from_slice(end.as_bytes());
            for (name, value) in &self.headers {
                head.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
            }
            head.extend_from_slice(b"\r\n");
        }
        Rendered {
            head,
            wait: self.wait,
            steps,
            framing,
            closes: self.closes || framing == Framing::Close || framing == Framing::Wire,
            pieces: self.pieces,
            prompt: tokens.prompt,
            hidden: tokens.hidden,
            parts: self.parts,
        }
    }
}

/// Keeps the first `left` bytes and ends by `end`.
fn cut(steps: &mut Vec<(Step, u64)>, mut left: usize, end: &Step) {
    let mut kept = 0;
    for (step, tokens) in steps.iter_mut() {
        kept += 1;
        if let Step::Send(bytes) = step {
            if bytes.len() > left {
                bytes.truncate(left);
                *tokens = 0;
                break;
            }
            left -= bytes.len();
        }
    }
    steps.truncate(kept);
    steps.push((end.clone(), 0));
}
