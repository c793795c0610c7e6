//! What a scripted sample does, one thing after another.

use outthink_core::{Delta, EngineError, Finish, FinishReason, Origin, SampleEvent, SampleRequest, Source, Usage};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// One thing that a scripted sample does.
#[derive(Debug, Clone, PartialEq)]
pub enum Act {
    /// Reports that the prompt was read: its tokens, and those of them that were cached.
    Prompt(u64, u64),
    /// Says a token of the reply.
    Content(&'static str),
    /// Says a token of the reasoning.
    Reasoning(&'static str),
    /// Sends a token with other fields of the message; anything but an object says nothing.
    Extra(Value),
    /// Sends a piece as it is.
    Delta(Delta),
    /// Waits.
    Wait(Duration),
    /// Names who works on it from now on.
    Started(Source),
    /// Reports what was counted so far.
    Used(Usage),
    /// Reports what a failed attempt had spent.
    Lost(Usage),
    /// Reports what could not be honoured.
    Note(String),
    /// Ends for this reason, with the usage that was counted.
    End(FinishReason),
    /// Ends at a stop text, with the usage that was counted; or by itself.
    Stop(bool),
    /// Ends as it says.
    Finish(Finish),
    /// Fails.
    Fail(EngineError),
    /// Says nothing more and does not end.
    Hang,
}

impl Act {
    /// A token of the reply, of any text.
    pub fn content(text: impl Into<String>) -> Self {
        Self::Delta(Delta { content: text.into(), tokens: 1, ..Delta::default() })
    }

    /// A token of the reasoning, of any text.
    pub fn reasoning(text: impl Into<String>) -> Self {
        Self::Delta(Delta { reasoning: text.into(), tokens: 1, ..Delta::default() })
    }

    /// What the engine sends for it, if it sends anything; counts its tokens in `usage`.
    pub(super) fn event(self, usage: &mut Usage) -> Option<Result<SampleEvent, EngineError>> {
        let finish = |reason, met_stop, usage: &Usage| {
            Some(Ok(SampleEvent::Finish(Finish { met_stop, ..Finish::new(reason, *usage) })))
        };
        let delta = match self {
            Self::Content(text) => Delta { content: text.into(), tokens: 1, ..Delta::default() },
            Self::Reasoning(text) => Delta { reasoning: text.into(), tokens: 1, ..Delta::default() },
            Self::Extra(extra) => Delta { extra: object(extra)?, tokens: 1, ..Delta::default() },
            Self::Delta(delta) => delta,
            Self::Prompt(tokens, cached) => {
                (usage.prompt, usage.cached) = (tokens, cached);
                return Some(Ok(SampleEvent::Prompt { tokens, cached }));
            }
            Self::Started(source) => return Some(Ok(SampleEvent::Started(source.into()))),
            Self::Used(used) => return Some(Ok(SampleEvent::Used(used))),
            Self::Lost(lost) => return Some(Ok(SampleEvent::Lost(lost))),
            Self::Note(words) => return Some(Ok(SampleEvent::Note(words))),
            Self::End(reason) => return finish(reason, None, usage),
            Self::Stop(met_stop) => return finish(FinishReason::Stop, Some(met_stop), usage),
            Self::Finish(finish) => return Some(Ok(SampleEvent::Finish(finish))),
            Self::Fail(error) => return Some(Err(error)),
            Self::Wait(_) | Self::Hang => return None,
        };
        usage.completion += delta.tokens;
        if delta.content.is_empty() && !delta.reasoning.is_empty() {
            usage.reasoning += delta.tokens;
        }
        Some(Ok(SampleEvent::Delta(delta)))
    }
}

fn object(value: Value) -> Option<Map<String, Value>> {
    match value {
        Value::Object(map) => Some(map),
        _ => None,
    }
}

/// A sample that says `text` as one token and ends.
pub fn says(text: impl Into<String>) -> Vec<Act> {
    vec![Act::content(text), Act::End(FinishReason::Stop)]
}

/// A sample that thinks, says `text` in two tokens, and ends.
pub fn thinks_then_says(thought: &str, text: &str) -> Vec<Act> {
    let half = text.rfind(' ').map_or(0, |at| text[..at].rfind(' ').unwrap_or(at) + 1);
    vec![
        Act::reasoning(thought),
        Act::content(&text[..half]),
        Act::content(&text[half..]),
        Act::End(FinishReason::Stop),
    ]
}

/// A sample that calls a tool in two pieces, with the arguments split after their first comma.
pub fn calls_a_tool(name: &str, arguments: &str) -> Vec<Act> {
    let at = arguments.find(',').map_or(arguments.len(), |at| at + 1);
    let call = json!({"tool_calls": [{"index": 0, "id": "call_1", "type": "function",
        "function": {"name": name, "arguments": &arguments[..at]}}]});
    let more = json!({"tool_calls": [{"index": 0, "function": {"arguments": &arguments[at..]}}]});
    vec![Act::Extra(call), Act::Extra(more), Act::End(FinishReason::ToolCalls)]
}

/// A sample that fails, as of a server on fire.
pub fn fails(origin: Origin, status: Option<u16>) -> Vec<Act> {
    let mut error = EngineError::new(origin, "the engine is on fire").with_hint("bring water");
    error.status = status;
    vec![Act::Fail(error)]
}

/// A failure as of a server that is overloaded: a retry may help.
pub fn overloaded() -> EngineError {
    EngineError::new(Origin::Engine, "the scripted engine fails as ordered").retryable()
}

/// A sample that says `text`, a word a token, as a model would: it goes on from the request's prefix where
/// the text begins with that, ends before the first stop text and at the limit, and reports a prompt of
/// `prompt` tokens.
pub fn reply(text: &str, prompt: u64, request: &SampleRequest) -> Vec<Act> {
    let rest = request.prefix.as_deref().and_then(|prefix| text.strip_prefix(prefix)).unwrap_or(text);
    let stops = request.sampling.stop.iter().filter(|stop| !stop.is_empty());
    let stop = stops.filter_map(|stop| rest.find(stop.as_str())).min();
    let mut acts = vec![Act::Prompt(prompt, 0)];
    let words: Vec<&str> = words(&rest[..stop.unwrap_or(rest.len())]).collect();
    let limit = request.max_tokens.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    acts.extend(words.iter().take(limit).map(|word| Act::content(*word)));
    let is_cut = words.len() > limit;
    acts.push(if is_cut { Act::End(FinishReason::Length) } else { Act::Stop(stop.is_some()) });
    acts
}

/// Words, each with the white space after it.
pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(char::is_whitespace)
}
