//! A server that answers at once, or misbehaves by seed: what a gateway is measured against.

use super::accounts::Open;
use super::chaos::{Chaos, Fault};
use super::http::{Incoming, Request, head};
use super::{Scenario, Shared};
use outthink_core::derive_seed;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::Result;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Prompt tokens for each message.
const PROMPT_TOKENS: u64 = 10;

/// How a server behaves that generates words by itself: as many as are asked for, one token a word, the
/// answer at their end.
#[derive(Debug, Clone)]
pub struct Steady {
    /// The name of its model.
    pub model: String,
    /// Generated tokens of a reply, where the request allows as many. At least 5.
    pub tokens: u64,
    /// Time between two tokens; with none, a reply is sent in one piece.
    pub pause: Duration,
    /// Share of the seeds in `[0, 1]` whose answer is the common one.
    pub agreement: f64,
    /// What goes wrong, if anything does.
    pub chaos: Option<Chaos>,
}

impl Default for Steady {
    fn default() -> Self {
        Self { model: "fake".into(), tokens: 16, pause: Duration::ZERO, agreement: 0.7, chaos: None }
    }
}

impl Steady {
    /// Answers a request for a completion; whether the connection can serve another one.
    pub(super) async fn answer(&self, to: &mut Incoming, request: &Request, shared: &Shared) -> Result<bool> {
        let number = shared.calls.fetch_add(1, Ordering::Relaxed);
        let fault = self.chaos.as_ref().and_then(|chaos| chaos.draw(number, self.tokens));
        let Some(call) = Call::read(request, self, number) else {
            return to.json(400, &error("the body is not a request"), &[]).await;
        };
        let open = shared.accounts.open(call.user.as_deref(), call.prompt_tokens);
        call.answer(to, self, fault.as_ref(), open).await
    }
}

/// What of a request is read.
#[derive(Debug, Deserialize)]
struct Body {
    messages: Option<Vec<IgnoredAny>>,
    #[serde(default)]
    stream: bool,
    max_tokens: Option<u64>,
    max_completion_tokens: Option<u64>,
    seed: Option<u64>,
    user: Option<String>,
    tools: Option<Vec<IgnoredAny>>,
    response_format: Option<Value>,
}

/// A request for a completion.
pub(super) struct Call {
    chat: bool,
    stream: bool,
    words: Vec<String>,
    calls_tool: bool,
    reason: &'static str,
    pub(super) prompt_tokens: u64,
    pub(super) user: Option<String>,
}

impl Call {
    /// Reads a request; `None` if it is none.
    pub(super) fn read(request: &Request, options: &Steady, number: u64) -> Option<Self> {
        let body: Body = serde_json::from_slice(&request.body).ok()?;
        let chat = request.path == Scenario::CHAT;
        let most = body.max_completion_tokens.or(body.max_tokens).unwrap_or(u64::MAX);
        let draw = derive_seed(body.seed.unwrap_or(number), 0xFA4E);
        let unit = (draw >> 11) as f64 / (1u64 << 53) as f64;
        let agrees = unit < options.agreement;
        let calls_tool = body.tools.is_some_and(|tools| !tools.is_empty());
        let mut words = match &body.response_format {
            _ if calls_tool => vec![if agrees { "{\"a\":2,\"b\":3}" } else { "{\"a\":2,\"b\":4}" }.to_owned()],
            // The uncommon answer breaks the schema that the tests ask for.
            Some(format) if format["type"] == "json_schema" => {
                vec![if agrees { "{\"value\": 4}" } else { "{\"value\": \"four\"}" }.to_owned()]
            }
            Some(format) if format["type"] == "json_object" => vec!["{\"value\": 4}".to_owned()],
            _ => said(options.tokens.max(5), if agrees { "4." } else { "5." }),
        };
        let cut = words.len() as u64 > most;
        words.truncate(most.min(usize::MAX as u64) as usize);
        let reason = match (cut, calls_tool) {
            (true, _) => "length",
            (false, true) => "tool_calls",
            (false, false) => "stop",
        };
        let prompt_tokens = PROMPT_TOKENS * body.messages.map_or(1, |m| m.len() as u64);
        Some(Self { chat, stream: body.stream, words, calls_tool, reason, prompt_tokens, user: body.user })
    }

    /// Answers; whether the connection can serve another request.
    pub(super) async fn answer(
        &self,
        to: &mut Incoming,
        options: &Steady,
        fault: Option<&Fault>,
        mut open: Open<'_>,
    ) -> Result<bool> {
        if fault.is_some() {
            open.faulty();
        }
        let after = ("retry-after", "0.05");
        let reusable = match fault {
            Some(Fault::Refuse) => Ok(false),
            Some(Fault::TooManyRequests) => to.json(429, &error("too many requests"), &[after]).await,
            Some(Fault::InternalError) => to.json(500, &error("an error, as ordered"), &[]).await,
            Some(Fault::Unavailable) => to.json(503, &error("overloaded"), &[after]).await,
            Some(Fault::Html) => to.whole(200, "text/html", b"<html>welcome</html>", &[]).await,
            _ if self.stream => self.streamed(to, options, fault, &mut open).await,
            _ => self.whole(to, options, fault, &mut open).await,
        };
        if reusable.is_ok() {
            open.done();
        }
        reusable
    }

    async fn streamed(
        &self,
        to: &mut Incoming,
        options: &Steady,
        fault: Option<&Fault>,
        open: &mut Open<'_>,
    ) -> Result<bool> {
        let mut out = head(200, "text/event-stream");
        out.extend_from_slice(b"transfer-encoding: chunked\r\n\r\n");
        let mut events = String::new();
        self.event(&mut events, options, &json!({"role": "assistant", "content": ""}), None);
        // What is written but not yet counted.
        let mut unsent = 0;
        for (index, word) in self.words.iter().enumerate() {
            if !options.pause.is_zero() {
                flush(to, &mut out, &mut events, open, &mut unsent).await?;
                to.wait(options.pause).await?;
            }
            let at = |k: &u64| *k == index as u64;
            match fault {
                Some(Fault::Reset(k)) if at(k) => {
                    flush(to, &mut out, &mut events, open, &mut unsent).await?;
                    // What was sent is read before the reset arrives, so that both accounts agree.
                    to.wait(Duration::from_millis(5)).await?;
                    to.reset();
                    return Ok(false);
                }
                Some(Fault::Stall(k)) if at(k) => {
                    flush(to, &mut out, &mut events, open, &mut unsent).await?;
                    to.wait_for_end().await;
                    return Ok(false);
                }
                Some(Fault::BrokenJson(k)) if at(k) => {
                    events.push_str("data: {\"choices\": [{\"delta\": oops\n\n");
                    flush(to, &mut out, &mut events, open, &mut unsent).await?;
                    return Ok(false);
                }
                Some(Fault::Half(k)) if at(k) => {
                    events.push_str("data: {\"id\":\"fake\",\"choices\":[{\"index\":0,\"del");
                    flush(to, &mut out, &mut events, open, &mut unsent).await?;
                    to.write(b"0\r\n\r\n").await?;
                    return Ok(false);
                }
                _ => {}
            }
            self.event(&mut events, options, &self.delta(word, index), None);
            unsent += 1;
            if matches!(fault, Some(Fault::BrokenUtf8(k)) if at(k)) {
                let text = events.replace(word.as_str(), "\u{1}\u{1}");
                out_chunk(&mut out, &text.bytes().map(|b| if b == 1 { 0xFF } else { b }).collect::<Vec<_>>());
                events.clear();
            }
        }
        if !matches!(fault, Some(Fault::NoReason)) {
            self.event(&mut events, options, &json!({}), Some(self.reason));
        }
        if let Some(usage) = self.usage(fault) {
            let _ = write!(
                events,
                "data: {{\"id\":\"fake\",\"object\":\"{}\",\"created\":1,\"model\":\"{}\",\"choices\":[],\"usage\":{usage}}}\n\n",
                self.object(),
                options.model
            );
        }
        match fault {
            Some(Fault::NoDone) => {}
            Some(Fault::DoubleDone) => events.push_str("data: [DONE]\n\ndata: [DONE]\n\n"),
            _ => events.push_str("data: [DONE]\n\n"),
        }
        out_chunk(&mut out, events.as_bytes());
        out.extend_from_slice(b"0\r\n\r\n");
        to.write(&out).await?;
        open.sent(unsent);
        self.settle(fault, open);
        Ok(true)
    }

    fn object(&self) -> &'static str {
        match (self.chat, self.stream) {
            (true, true) => "chat.completion.chunk",
            (true, false) => "chat.completion",
            (false, _) => "text_completion",
        }
    }

    fn delta(&self, word: &str, index: usize) -> Value {
        if self.calls_tool {
            let call = json!({"index": 0, "id": "call_1", "type": "function",
                "function": {"name": "add", "arguments": word}});
            return json!({ "tool_calls": [call] });
        }
        let space = if index == 0 { "" } else { " " };
        json!({"content": format!("{space}{word}")})
    }

    fn event(&self, events: &mut String, options: &Steady, delta: &Value, reason: Option<&str>) {
        let reason = reason.map_or("null".to_owned(), |r| format!("\"{r}\""));
        let (object, model) = (self.object(), &options.model);
        let choice = if self.chat {
            format!("\"delta\":{delta}")
        } else {
            format!("\"text\":{}", delta.get("content").unwrap_or(&Value::String(String::new())))
        };
        let _ = write!(
            events,
            "data: {{\"id\":\"fake\",\"object\":\"{object}\",\"created\":1,\"model\":\"{model}\",\"choices\":[{{\"index\":0,{choice},\"logprobs\":null,\"finish_reason\":{reason}}}]}}\n\n"
        );
    }

    fn usage(&self, fault: Option<&Fault>) -> Option<Value> {
        let (prompt, sent) = (self.prompt_tokens, self.words.len() as u64);
        let completion = match fault {
            Some(Fault::NoUsage) => return None,
            Some(Fault::UsageOdd) => {
                return Some(json!({"prompt_tokens": "many", "completion_tokens": [sent], "total_tokens": -1}));
            }
            Some(Fault::UsageZero) => 0,
            Some(Fault::UsageLow) => sent / 2,
            Some(Fault::UsageHuge) => sent + 1_000_000_000,
            _ => sent,
        };
        Some(json!({
            "prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion,
        }))
    }

    /// A server that reports fewer tokens than it sent charges for what it reports.
    fn settle(&self, fault: Option<&Fault>, open: &mut Open<'_>) {
        if matches!(fault, Some(Fault::UsageLow)) {
            open.charges(self.words.len() as u64 / 2);
        }
    }

    async fn whole(
        &self,
        to: &mut Incoming,
        options: &Steady,
        fault: Option<&Fault>,
        open: &mut Open<'_>,
    ) -> Result<bool> {
        let work = options.pause.saturating_mul(self.words.len() as u32);
        if !work.is_zero() {
            to.wait(work).await?;
        }
        let text = self.words.join(" ");
        let reason = if matches!(fault, Some(Fault::NoReason)) { Value::Null } else { self.reason.into() };
        let content = match (self.chat, self.calls_tool) {
            (true, true) => json!({"message": {"role": "assistant", "content": null, "tool_calls": [
                {"id": "call_1", "type": "function", "function": {"name": "add", "arguments": text}}]}}),
            (true, false) => json!({"message": {"role": "assistant", "content": text}}),
            (false, _) => json!({ "text": text }),
        };
        let mut choice = json!({"index": 0, "logprobs": null, "finish_reason": reason});
        if let (Value::Object(choice), Value::Object(content)) = (&mut choice, content) {
            choice.extend(content);
        }
        let mut body = json!({"id": "fake", "object": self.object(), "created": 1, "model": options.model,
            "choices": [choice]});
        if let Some(usage) = self.usage(fault) {
            body["usage"] = usage;
        }
        let mut bytes = body.to_string().into_bytes();
        let sent = self.words.len() as u64;
        match fault {
            Some(Fault::Stall(_)) => {
                to.wait_for_end().await;
                return Ok(false);
            }
            Some(Fault::Half(_) | Fault::Reset(_)) => {
                let mut out = head(200, "application/json");
                out.extend_from_slice(format!("content-length: {}\r\n\r\n", bytes.len()).as_bytes());
                out.extend_from_slice(&bytes[..bytes.len() / 2]);
                to.write(&out).await?;
                if matches!(fault, Some(Fault::Reset(_))) {
                    to.reset();
                }
                return Ok(false);
            }
            Some(Fault::BrokenJson(_)) => bytes.truncate(bytes.len() - 2),
            Some(Fault::BrokenUtf8(_)) => {
                if let Some(at) = bytes.windows(3).position(|w| w == b"The") {
                    bytes[at] = 0xFF;
                }
            }
            _ => {}
        }
        to.whole(200, "application/json", &bytes, &[]).await?;
        open.sent(sent);
        self.settle(fault, open);
        Ok(true)
    }
}

/// A reply of that many words, the answer at its end.
fn said(tokens: u64, answer: &str) -> Vec<String> {
    let end = ["The", "answer", "is", answer];
    let mut words: Vec<String> = (0..tokens.saturating_sub(end.len() as u64)).map(|n| format!("w{n}")).collect();
    if let Some(last) = words.last_mut() {
        last.push('.');
    }
    words.extend(end.map(str::to_owned));
    words
}

fn out_chunk(out: &mut Vec<u8>, bytes: &[u8]) {
    if bytes.is_empty() {
        return;
    }
    out.extend_from_slice(format!("{:x}\r\n", bytes.len()).as_bytes());
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

/// Writes what is ready, and counts its tokens as sent.
async fn flush(
    to: &mut Incoming,
    out: &mut Vec<u8>,
    events: &mut String,
    open: &mut Open<'_>,
    unsent: &mut u64,
) -> Result<()> {
    out_chunk(out, events.as_bytes());
    events.clear();
    if !out.is_empty() {
        to.write(out).await?;
        out.clear();
    }
    open.sent(std::mem::take(unsent));
    Ok(())
}

pub(super) fn error(message: &str) -> String {
    json!({"error": {"message": message, "type": "fake_error", "param": null, "code": null}}).to_string()
}

pub(super) fn embeddings(options: &Steady) -> String {
    json!({"object": "list", "model": options.model, "data": [{"object": "embedding", "index": 0,
        "embedding": [0.25, 0.5, -0.125]}], "usage": {"prompt_tokens": 3, "total_tokens": 3}})
    .to_string()
}
