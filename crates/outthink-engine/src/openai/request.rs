//! The body of a request in a server's own words.

use super::Continuation;
use super::ask::{Ask, Change, LIMITS, STREAM, Spare, not_streamed_with, other_limit};
use super::dialect::Dialect;
use super::learned::Learned;
use super::length::{self, TEMPLATE};
use outthink_core::{EngineError, Origin, SampleRequest, restore_integers};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value, json};

/// Fields that only we set; what the prompt's `extra` says of them is dropped.
pub(super) const OURS: [&str; 11] = [
    "messages",
    "model",
    "n",
    "stream",
    "stream_options",
    "max_tokens",
    "max_completion_tokens",
    "seed",
    "stop",
    "logprobs",
    "top_logprobs",
];

/// Fields whose replies no server streams: these are asked for as a whole.
const WHOLE: [&str; 1] = ["prompt_logprobs"];
/// The one form of audio that is streamed.
const STREAMED_AUDIO: &str = "pcm16";

/// Candidates of a token that the API gives at most.
const MOST_CANDIDATES: u32 = 20;
/// Names of the limit on generated tokens that some servers know besides.
const OTHER_LIMITS: [&str; 4] = ["n_predict", "num_predict", "max_new_tokens", "max_output_tokens"];

/// Whom a body is written for.
#[derive(Clone, Copy)]
pub(super) struct Addressee<'a> {
    pub(super) model: &'a str,
    pub(super) dialect: &'a Dialect,
    pub(super) learned: &'a Learned,
}

/// The body for `n` samples, the first drawn with `seed`.
///
/// # Errors
/// If the request asks for what the dialect does not have.
pub(super) fn ask(request: &SampleRequest, to: Addressee<'_>, seed: u64, n: usize) -> Result<Ask, EngineError> {
    let dialect = to.dialect;
    let missing = |what: &str| {
        Err(EngineError::new(Origin::Caller, format!("an engine of the dialect {} has no {what}", dialect.name)))
    };
    if request.max_tokens == Some(0) {
        return Err(EngineError::new(Origin::Caller, "a sample of at most 0 tokens was asked for"));
    }
    if !dialect.extended_sampling && (request.sampling.top_k.is_some() || request.sampling.min_p.is_some()) {
        return missing("top_k and min_p");
    }
    let mut writer = Writer::new(to);
    let is_stream = may_stream(&request.prompt.extra, to.learned);
    writer.begin(is_stream);
    let prefix = request.prefix.as_deref().filter(|p| !p.is_empty());
    if prefix.is_some() {
        match dialect.continuation {
            // A rendered prompt goes another way.
            Continuation::None | Continuation::Rendered => return missing("continuation of a given beginning"),
            Continuation::TrailingAssistant => {}
            Continuation::ContinueFinalMessage => {
                writer.set("continue_final_message", true.into());
                writer.set("add_generation_prompt", false.into());
            }
        }
    }
    if n > 1 {
        writer.set("n", n.into());
    }
    writer.limit(request.max_tokens);
    writer.other_limits(request);
    writer.seed(request, seed);
    writer.sampling(request);
    writer.logprobs(request);
    let template = writer.length(request);
    if is_stream {
        writer.spare.push(Spare { change: Change::Whole, ..Spare::new(STREAM, None) });
    }
    let last = prefix.map(|prefix| json!({"role": "assistant", "content": prefix}));
    let messages = Messages { given: &request.prompt.messages, last: last.as_ref() };
    let Writer { ours, notes, spare, .. } = writer;
    let extra = Extra { given: &request.prompt.extra, template: &template, has_tools: request.prompt.has_tools() };
    let body = serde_json::to_string(&Body { extra, ours: &ours, messages })
        .map_err(|e| EngineError::new(Origin::Internal, format!("a request cannot be written: {e}")))?;
    Ok(Ask::new(restore_integers(body).into(), notes, spare).streaming(is_stream))
}

/// Whether the reply to a request with these fields may be asked for as a stream.
fn may_stream(extra: &Map<String, Value>, learned: &Learned) -> bool {
    let is_set = |value: &Value| !matches!(value, Value::Null | Value::Bool(false));
    let is_audio = |name: &str, value: &Value| name == "audio" && value["format"].is_string();
    let is_whole = |(name, value): (&String, &Value)| {
        (WHOLE.contains(&name.as_str()) && is_set(value))
            || (is_audio(name, value) && value["format"] != STREAMED_AUDIO)
            || learned.has(&not_streamed_with(name, value))
    };
    !learned.refuses(STREAM, None) && !extra.iter().any(is_whole)
}

/// Collects the fields that we set.
pub(super) struct Writer<'a> {
    to: Addressee<'a>,
    ours: Vec<(String, Value)>,
    notes: Vec<String>,
    spare: Vec<Spare>,
}

impl<'a> Writer<'a> {
    /// For a body with nothing in it.
    pub(super) const fn new(to: Addressee<'a>) -> Self {
        Self { to, ours: Vec::new(), notes: Vec::new(), spare: Vec::new() }
    }
}

impl Writer<'_> {
    pub(super) fn set(&mut self, name: &str, value: Value) {
        self.ours.push((name.to_owned(), value));
    }

    /// The model, and whether the reply is to be streamed, with its usage.
    pub(super) fn begin(&mut self, is_stream: bool) {
        let Addressee { model, dialect, learned } = self.to;
        self.set("model", model.into());
        self.set(STREAM, is_stream.into());
        if is_stream && dialect.stream_usage && !learned.refuses("stream_options", None) {
            self.set("stream_options", json!({"include_usage": true}));
            self.spare.push(Spare::new("stream_options", None));
        }
    }

    /// How tokens are drawn, and what ends the sample.
    pub(super) fn sampling(&mut self, request: &SampleRequest) {
        let sampling = &request.sampling;
        for (name, value) in [
            ("temperature", sampling.temperature.map(Value::from)),
            ("top_p", sampling.top_p.map(Value::from)),
            ("top_k", sampling.top_k.map(Value::from)),
            ("min_p", sampling.min_p.map(Value::from)),
            ("stop", (!sampling.stop.is_empty()).then(|| sampling.stop.clone().into())),
        ] {
            self.ours.extend(value.map(|value| (name.to_owned(), value)));
        }
    }

    /// The fields as an object, what is to be said of them, and what of them can be left out.
    pub(super) fn finish(self) -> (Map<String, Value>, Vec<String>, Vec<Spare>) {
        (self.ours.into_iter().collect(), self.notes, self.spare)
    }

    fn limit(&mut self, max_tokens: Option<u64>) {
        let Some(limit) = max_tokens.filter(|&limit| i32::try_from(limit).is_ok()) else { return };
        let Addressee { dialect, learned, .. } = self.to;
        let mut name = dialect.max_tokens_field.as_str();
        if LIMITS.contains(&name) && learned.refuses(name, None) && !learned.refuses(other_limit(name), None) {
            name = other_limit(name);
        }
        self.set(name, limit.into());
        if LIMITS.contains(&name) {
            self.spare.push(Spare { change: Change::Rename, ..Spare::new(name, None) });
        }
    }

    /// A limit by another name holds as far as it is within ours.
    fn other_limits(&mut self, request: &SampleRequest) {
        let Some(limit) = request.max_tokens else { return };
        for name in OTHER_LIMITS {
            let given = request.prompt.extra.get(name).filter(|v| !v.is_null());
            if let Some(given) = given.filter(|v| v.as_u64().is_none_or(|tokens| tokens > limit)) {
                self.notes.push(format!("{name} {given} exceeds the limit of {limit} tokens and was lowered to it"));
                self.set(name, limit.into());
            }
        }
    }

    pub(super) fn seed(&mut self, request: &SampleRequest, seed: u64) {
        if !request.seeded {
            return;
        }
        let Addressee { dialect, learned, .. } = self.to;
        let note = "the engine does not support `seed`: it was not sent, and samples are not reproducible";
        match &dialect.seed {
            Some(to) if !learned.refuses(&to.field, None) => {
                let mask = u64::MAX.checked_shr(64 - to.bits.clamp(1, 64)).unwrap_or(u64::MAX);
                self.set(&to.field, (seed & mask).into());
                self.spare.push(Spare::new(&to.field, Some(note)));
            }
            _ => self.notes.push(note.into()),
        }
    }

    fn logprobs(&mut self, request: &SampleRequest) {
        if !request.logprobs {
            return;
        }
        let Addressee { dialect, learned, .. } = self.to;
        let extra = &request.prompt.extra;
        // A client that asked for them gets the server's own error.
        let asked = extra.get("logprobs").is_some_and(|v| v == true);
        let note = "the engine does not return log-probabilities: `logprobs` was not sent";
        if !asked && (!dialect.logprobs || learned.refuses("logprobs", None)) {
            self.notes.push(note.into());
            return;
        }
        self.set("logprobs", true.into());
        let most = match request.confidence_over {
            // Left out, llama.cpp takes it for 20 and sends some kilobytes a token.
            0 | 1 => extra.get("top_logprobs").cloned().unwrap_or(1.into()),
            over => over.min(MOST_CANDIDATES).into(),
        };
        self.set("top_logprobs", most);
        if !asked {
            self.spare.push(Spare::new("logprobs", Some(note)));
        }
    }

    /// Sets the length of reasoning; what of it goes among the template's arguments.
    pub(super) fn length(&mut self, request: &SampleRequest) -> Map<String, Value> {
        let Addressee { dialect, learned, .. } = self.to;
        let length = length::length(request.thinking, dialect, &request.prompt);
        self.notes.extend(length.notes);
        let mut template = Map::new();
        let effort_note = "the engine rejects this reasoning effort: it was not sent, and the engine's default applies";
        let budget_note = "the engine rejects this reasoning budget: it was not sent";
        for (fields, note, is_word) in [(length.effort, effort_note, true), (length.budget, budget_note, false)] {
            for (field, value) in fields {
                if learned.refuses(&field, Some(&value)) {
                    self.note(note);
                    continue;
                }
                let mut spare = Spare::new(&field, Some(note));
                (spare.value, spare.is_word) = (Some(value.to_string()), is_word);
                match value {
                    Value::Object(inner) if field == TEMPLATE => {
                        let given = request.prompt.extra.get(TEMPLATE);
                        let new = |key: &String| given.is_none_or(|g| g.get(key).is_none());
                        let new: Map<_, _> = inner.into_iter().filter(|(key, _)| new(key)).collect();
                        spare.keys = new.keys().cloned().collect();
                        template.extend(new);
                    }
                    value if !self.ours.iter().any(|(name, _)| *name == field) => self.set(&field, value),
                    value => self.ours.iter_mut().filter(|(name, _)| *name == field).for_each(|o| o.1 = value.clone()),
                }
                self.spare.push(spare);
            }
        }
        self.clients_effort(&request.prompt.extra);
        template
    }

    /// A client's own effort is a hint, too.
    fn clients_effort(&mut self, extra: &Map<String, Value>) {
        if let Some(effort) = extra.get("reasoning_effort") {
            let note = format!("the engine rejects reasoning_effort {effort}: it was not sent");
            let mut spare = Spare::new("reasoning_effort", Some(&note));
            (spare.value, spare.is_word) = (Some(effort.to_string()), true);
            if self.to.learned.refuses("reasoning_effort", Some(effort)) {
                self.note(&note);
                // Set to nothing, it is not written.
                self.set("reasoning_effort", Value::Null);
            } else {
                self.spare.push(spare);
            }
        }
    }

    fn note(&mut self, note: &str) {
        if !self.notes.iter().any(|n| n == note) {
            self.notes.push(note.to_owned());
        }
    }
}

/// The fields that the caller gave.
struct Extra<'a> {
    given: &'a Map<String, Value>,
    /// Ours among the template's arguments.
    template: &'a Map<String, Value>,
    has_tools: bool,
}

impl Extra<'_> {
    /// Tools that are none are refused by some servers, and so is a choice among them.
    fn is_passed_on(&self, key: &str) -> bool {
        !OURS.contains(&key) && (self.has_tools || !matches!(key, "tools" | "tool_choice" | "parallel_tool_calls"))
    }
}

/// A body that is written from where its parts lie: a prompt may be long.
struct Body<'a> {
    extra: Extra<'a>,
    ours: &'a [(String, Value)],
    messages: Messages<'a>,
}

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let Extra { given, template, .. } = &self.extra;
        let is_ours = |key: &str| self.ours.iter().any(|(name, _)| *name == key);
        for (key, value) in given.iter().filter(|(key, _)| self.extra.is_passed_on(key) && !is_ours(key)) {
            match value {
                Value::Object(arguments) if key == TEMPLATE && !template.is_empty() => {
                    let mut arguments = arguments.clone();
                    arguments.extend((*template).clone());
                    map.serialize_entry(key, &arguments)?;
                }
                value => map.serialize_entry(key, value)?,
            }
        }
        if !template.is_empty() && !given.get(TEMPLATE).is_some_and(Value::is_object) {
            map.serialize_entry(TEMPLATE, template)?;
        }
        for (key, value) in self.ours.iter().filter(|(_, value)| !value.is_null()) {
            map.serialize_entry(key, value)?;
        }
        map.serialize_entry("messages", &self.messages)?;
        map.end()
    }
}

/// The messages of a prompt and, where a beginning is given, one that holds it.
struct Messages<'a> {
    given: &'a [Value],
    last: Option<&'a Value>,
}

impl Serialize for Messages<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.given.iter().chain(self.last))
    }
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
