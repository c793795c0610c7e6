//! From the events of a stream to the events of its samples.

use super::choice::{Choice, End};
use super::fields::{self, Said};
use super::habit::Habit;
use super::logprobs::{confidences, logprobs, met_stop};
use super::piece::{Piece, Pieces, Plain};
use super::repair;
use super::think::Before;
use super::usage::Reported;
use super::{Secret, error, finish};
use crate::reader::{Heard, Reader};
use crate::sse;
use outthink_core::{Delta, EngineError, Finish, FinishReason, LOGPROBS, SampleEvent, Usage, estimated_tokens};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::VecDeque;

/// Events in the order in which they came, each with the index of its choice.
pub(super) type Queue = VecDeque<(usize, Result<SampleEvent, EngineError>)>;

/// What an event has in place of data while nothing happens.
const IDLE: [&str; 8] = ["", "ping", "pong", "keepalive", "keep-alive", "heartbeat", "processing", "null"];

/// Fields of an event that say nothing of the reply.
const USUAL: [&str; 11] = [
    "id",
    "request_id",
    "object",
    "created",
    "model",
    "system_fingerprint",
    "service_tier",
    "provider",
    "obfuscation",
    "error",
    "errors",
];

/// Other fields of an event that are not passed on: what it is, and what stands for counts and the end.
const NOT_KEPT: [&str; 6] = ["type", "usage", "x_groq", "timings", "done", "stop"];

/// What was read of one reply so far.
#[derive(Debug)]
pub(super) struct Assembler {
    choices: Vec<Choice>,
    /// The only choice's index, where the server does not count from 0.
    only: Option<u64>,
    pieces: Pieces,
    reported: Reported,
    /// Other fields of the events, as they stood last: many servers repeat them with every event.
    extra: Map<String, Value>,
    prompt_chars: u64,
    passed_on: bool,
    done: bool,
    /// Why an event could not be read, should nothing else come.
    odd: Option<EngineError>,
    /// What reads the events of another protocol.
    reader: Option<Box<dyn Reader>>,
    /// Whether it was passed on how long the prompt is.
    reported_prompt: bool,
}

impl Assembler {
    /// For `n` choices that begin after `before`.
    pub(super) fn new(n: usize, prompt_chars: u64, before: Before) -> Self {
        Self {
            choices: (0..n).map(|_| Choice::new(before)).collect(),
            only: None,
            pieces: Pieces::default(),
            reported: Reported::default(),
            extra: Map::new(),
            prompt_chars,
            passed_on: false,
            done: false,
            odd: None,
            reader: None,
            reported_prompt: false,
        }
    }

    /// For a reply in another protocol, whose events `reader` puts into those of chat completions.
    pub(super) fn reading(self, reader: Box<dyn Reader>) -> Self {
        Self { reader: Some(reader), ..self }
    }

    /// Whether content was passed on, so that no retry can be made.
    pub(super) const fn passed_on(&self) -> bool {
        self.passed_on
    }

    /// Whether every choice said by itself why it ended: nothing but the usage may still come.
    pub(super) fn all_finished(&self) -> bool {
        self.choices.iter().all(|c| c.end == End::Alone)
    }

    /// Whether the server said that the stream is over.
    pub(super) const fn is_done(&self) -> bool {
        self.done
    }

    /// Reads one event: its data, and its name where it has one. Nothing is read after the end.
    ///
    /// # Errors
    /// If the event says that the server failed.
    pub(super) fn push(
        &mut self,
        name: &str,
        data: &str,
        key: Option<&Secret>,
        out: &mut Queue,
    ) -> Result<(), EngineError> {
        if self.reader.is_some() {
            return self.push_foreign(name, data.trim(), key, out);
        }
        if let Some(plain) = self.pieces.read(data).filter(|_| !self.done && name != "error") {
            self.plain(plain, out);
            return Ok(());
        }
        let data = data.trim();
        if self.done {
            return Ok(());
        }
        if name == "error" || error::is_said_plainly(data) {
            return Err(self.failed(data, key));
        }
        if IDLE.iter().any(|idle| data.eq_ignore_ascii_case(idle)) {
            return Ok(());
        }
        if sse::is_done(data) {
            self.done = true;
            return Ok(());
        }
        if let Some((event, repaired)) = repair::parse(data) {
            return self.event(event, repaired, key, out);
        }
        // Events without an empty line between them, or with their field's name twice.
        let lines: Vec<&str> = data.lines().map(|line| line.trim_start_matches("data:").trim()).collect();
        let is_event = |line: &&str| sse::is_done(line) || repair::parse(line).is_some_and(|(v, _)| v.is_object());
        if lines != [data] && lines.iter().all(is_event) {
            return lines.into_iter().try_for_each(|line| self.push(name, line, key, out));
        }
        self.pass_over(data, key, out);
        Ok(())
    }

    /// Notes, once, that an event could not be read.
    fn pass_over(&mut self, data: &str, key: Option<&Secret>, out: &mut Queue) {
        if self.odd.is_none() {
            self.odd = Some(error::not_json(data, key));
            let words = "an event of the engine was not JSON and was passed over: the reply may lack a piece";
            out.push_back((0, Ok(SampleEvent::Note(words.to_owned()))));
        }
    }

    /// Reads one event of another protocol.
    fn push_foreign(
        &mut self,
        name: &str,
        data: &str,
        key: Option<&Secret>,
        out: &mut Queue,
    ) -> Result<(), EngineError> {
        if self.done || IDLE.iter().any(|idle| data.eq_ignore_ascii_case(idle)) {
            return Ok(());
        }
        if name == "error" {
            return Err(self.failed(data, key));
        }
        let Some((event, repaired)) = repair::parse(data) else {
            self.pass_over(data, key, out);
            return Ok(());
        };
        let mut said = Vec::new();
        if let Some(reader) = &mut self.reader {
            reader.read(name, event, &mut said);
        }
        for one in said {
            match one {
                Heard::Chunk(chunk) => self.event(chunk, repaired, key, out)?,
                Heard::Usage(read) => self.count(read, out),
                Heard::Note(words) => out.push_back((0, Ok(SampleEvent::Note(words)))),
                Heard::Failed(error) => return Err(error::in_stream(&error, self.passed_on, key)),
                Heard::Over => self.done = true,
            }
        }
        Ok(())
    }

    /// Reads a reply that is no stream: one JSON body, or the text of a stream after all.
    ///
    /// # Errors
    /// As [`Assembler::push`].
    pub(super) fn push_whole(&mut self, text: &str, key: Option<&Secret>, out: &mut Queue) -> Result<(), EngineError> {
        let begins = text.trim_start_matches('\u{feff}').trim_start();
        if ["data:", "event:", ":", "id:"].iter().any(|field| begins.starts_with(field)) {
            let mut decoder = sse::Decoder::new(text.len() + 1);
            let mut pushed = Ok(());
            let fed = decoder.feed_named(text.as_bytes(), |name, data| {
                if pushed.is_ok() {
                    pushed = self.push(name, data, key, out);
                }
            });
            let rest = fed.and_then(|()| decoder.finish()).ok().flatten();
            pushed?;
            return rest.map_or(Ok(()), |data| self.push("", &data, key, out));
        }
        self.push("", begins, key, out)?;
        // A whole reply is over, whether it says so or not.
        self.done = true;
        self.odd = Some(error::not_a_stream("JSON that holds no choices"));
        Ok(())
    }

    fn event(
        &mut self,
        event: Value,
        repaired: bool,
        key: Option<&Secret>,
        out: &mut Queue,
    ) -> Result<(), EngineError> {
        let mut event = match event {
            Value::Object(event) => event,
            Value::Array(events) => {
                return events.into_iter().try_for_each(|event| self.event(event, repaired, key, out));
            }
            // A number or a text between the events says nothing.
            _ => return Ok(()),
        };
        if error::is_error(&event) {
            let event = event.into();
            self.report_of_failure(&event);
            return Err(error::in_stream(&event, self.passed_on, key));
        }
        let choices = match event.shift_remove("choices") {
            Some(Value::Array(choices)) => choices,
            Some(choice @ Value::Object(_)) => vec![choice],
            _ => Vec::new(),
        };
        let alone = choices.is_empty();
        let outer = if choices.len() == 1 { finish::reason(&mut event) } else { None };
        for (place, choice) in choices.into_iter().enumerate() {
            let Value::Object(choice) = choice else { continue };
            if choice.get("error").is_some_and(error::is_blame) {
                self.report_of_failure(&event.into());
                return Err(error::in_stream(&choice.into(), self.passed_on, key));
            }
            self.choice(choice, place, repaired, out);
        }
        // A reason beside the only choice is its own.
        if let (Some(word), [choice]) = (outer, &mut self.choices[..])
            && choice.word.is_none()
        {
            (choice.word, choice.end) = (Some(word), End::WithText);
        }
        event.retain(|name, value| !value.is_null() && !USUAL.contains(&name.as_str()));
        if event.is_empty() {
            return Ok(());
        }
        let event = Value::Object(event);
        if let Some(read) = Usage::read(&event) {
            self.report(read);
            self.reported.is_alone = alone;
        }
        if let (Value::Object(event), None) = (event, &self.reader) {
            self.keep(event);
        }
        Ok(())
    }

    /// Keeps what an event says of the whole reply, such as the sources that it was written from.
    fn keep(&mut self, event: Map<String, Value>) {
        for (name, value) in event {
            if fields::is_blank(&value) || value == Value::Bool(false) || NOT_KEPT.contains(&name.as_str()) {
                continue;
            }
            let field = Value::Object(Map::from_iter([(name, value)]));
            if let (None, Value::Object(field)) = (Usage::read(&field), field) {
                self.extra.extend(field);
            }
        }
    }

    /// Takes in an event that says one thing.
    fn plain(&mut self, plain: Plain<'_>, out: &mut Queue) {
        match plain {
            Plain::Piece(piece) => self.piece(piece, out),
            Plain::Begin(index) => {
                self.index(index as u64);
            }
            Plain::End { index, word, met_stop } => {
                let Some(index) = self.index(index as u64) else { return };
                let Some(choice) = self.choices.get_mut(index) else { return };
                choice.word = Some(word.into_owned());
                choice.end = End::Alone;
                (choice.met_stop, choice.stop_text) = (met_stop, None);
            }
            Plain::Counts(read) => {
                self.report(read);
                self.reported.is_alone = true;
            }
        }
    }

    /// Takes in a piece of text.
    fn piece(&mut self, piece: Piece<'_>, out: &mut Queue) {
        let Some(index) = self.index(piece.index as u64) else { return };
        let Some(choice) = self.choices.get_mut(index) else { return };
        if piece.content.is_empty() && piece.reasoning.is_empty() {
            return;
        }
        choice.streamed = true;
        choice.named |= !piece.reasoning.is_empty();
        if !choice.passes(&piece) {
            let Piece { content, reasoning, .. } = piece;
            let mut said = Said { content: content.into_owned(), reasoning: reasoning.into_owned(), ..Said::default() };
            choice.count(&mut said, 0);
            choice.split(&mut said);
            self.pass(index, said, out);
            return;
        }
        let Piece { content, reasoning, .. } = piece;
        let (of_content, of_reasoning) = (estimated_tokens(&content), estimated_tokens(&reasoning));
        choice.came(1, of_content + of_reasoning, content.len() + reasoning.len());
        choice.seen.reasoning += of_reasoning;
        self.text(index, (content, reasoning), out);
    }

    /// Reads the events that `bytes` begin with and that are a piece of text like the one before: nearly all events
    /// of a stream, so that they are taken in together. How many bytes they are.
    pub(super) fn push_alike(&mut self, bytes: &[u8], out: &mut Queue) -> usize {
        if self.reader.is_some() || self.done {
            return 0;
        }
        let Some((named, is_thought)) = self.pieces.last() else { return 0 };
        let mut taken = 0;
        let (mut text, mut pieces, mut tokens) = (String::new(), 0, 0);
        while let Some((next, length)) = self.pieces.next_alike(&bytes[taken..]) {
            taken += length;
            let piece = Piece::of(named, is_thought, next);
            // A piece that passes is followed by pieces that do.
            if pieces > 0 || self.passes(&piece) {
                text.push_str(next);
                pieces += 1;
                tokens += estimated_tokens(next);
            } else {
                self.piece(piece, out);
            }
        }
        if pieces > 0
            && let Some(index) = self.index(named as u64)
        {
            let choice = &mut self.choices[index];
            choice.streamed = true;
            choice.named |= is_thought;
            choice.came(pieces, tokens, text.len());
            choice.seen.reasoning += if is_thought { tokens } else { 0 };
            let (text, none) = (Cow::Owned(text), Cow::Borrowed(""));
            self.text(index, if is_thought { (none, text) } else { (text, none) }, out);
        }
        taken
    }

    /// Whether a piece needs no more than to be passed on.
    fn passes(&mut self, piece: &Piece<'_>) -> bool {
        let index = self.index(piece.index as u64);
        index.and_then(|index| self.choices.get(index)).is_some_and(|choice| choice.passes(piece))
    }

    /// Passes text on that needs no look. What came in one piece of the body is passed on in one: under load each
    /// step of the way is then taken once for many tokens.
    fn text(&mut self, index: usize, (content, reasoning): (Cow<'_, str>, Cow<'_, str>), out: &mut Queue) {
        let Some(choice) = self.choices.get_mut(index) else { return };
        let tokens = std::mem::take(&mut choice.owed);
        choice.spoke = true;
        self.passed_on = true;
        choice.hear(&content, &reasoning);
        if let Some((before, Ok(SampleEvent::Delta(delta)))) = out.back_mut()
            && *before == index
            && delta.extra.is_empty()
            && delta.logprobs.is_empty()
            && delta.content.is_empty() == content.is_empty()
            && delta.reasoning.is_empty() == reasoning.is_empty()
        {
            delta.content.push_str(&content);
            delta.reasoning.push_str(&reasoning);
            delta.tokens += tokens;
            return;
        }
        let (content, reasoning) = (content.into_owned(), reasoning.into_owned());
        let delta = Delta { content, reasoning, tokens, ..Delta::default() };
        out.push_back((index, Ok(SampleEvent::Delta(delta))));
    }

    /// Our index of a choice.
    fn index(&mut self, index: u64) -> Option<usize> {
        if self.choices.len() == 1 {
            return (*self.only.get_or_insert(index) == index).then_some(0);
        }
        usize::try_from(index).ok().filter(|index| *index < self.choices.len())
    }

    fn choice(&mut self, event: Map<String, Value>, place: usize, repaired: bool, out: &mut Queue) {
        let event = Value::Object(event);
        let counts = Usage::of_choice(&event);
        let Value::Object(mut event) = event else { return };
        let index = match event.get("index") {
            Some(Value::String(index)) => index.trim().parse().ok(),
            Some(index) => index.as_u64().or_else(|| index.as_f64().filter(|i| *i >= 0.0).map(|i| i as u64)),
            None => None,
        };
        let Some(index) = self.index(index.unwrap_or(place as u64)) else { return };
        let Some(choice) = self.choices.get_mut(index) else { return };
        let reason = finish::reason_of_choice(&mut event);
        let raw_logprobs = event.shift_remove("logprobs");
        let (confidences, logprobs) = (confidences(raw_logprobs.as_ref()), logprobs(raw_logprobs.as_ref()));
        let mut said = choice.read(&mut event);
        choice.count(&mut said, logprobs.len() as u64);
        if repaired || choice.arguments.is_waiting() || !choice.is_plain() {
            choice.split(&mut said);
        }
        let calls = choice.call(std::mem::take(&mut said.calls), repaired);
        if !calls.is_empty() {
            said.extra.insert("tool_calls".to_owned(), calls.into());
        }
        let has_text = said != Said::default() || !logprobs.is_empty();
        if let Some(word) = reason {
            choice.word = Some(word);
            // The end of turn has a log-probability and no text.
            choice.end = if said == Said::default() { End::Alone } else { End::WithText };
            (choice.met_stop, choice.stop_text) = met_stop(&event);
        }
        if let Some(read) = counts {
            choice.seen.own = Some(choice.seen.own.map_or(read, |own| own.later(read)));
            self.reported.is_news = true;
            if self.choices.len() == 1 {
                self.report(read);
            }
        }
        if !has_text {
            return;
        }
        if logprobs.is_empty() {
            self.pass(index, said, out);
            return;
        }
        let tokens = raw_logprobs.and_then(|mut l| l.get_mut("content").map(Value::take));
        said.extra.extend(tokens.map(|tokens| (LOGPROBS.to_owned(), tokens)));
        let Some(choice) = self.choices.get_mut(index) else { return };
        let tokens = std::mem::take(&mut choice.owed);
        (choice.spoke, self.passed_on) = (true, true);
        let Said { content, reasoning, extra, .. } = said;
        choice.hear(&content, &reasoning);
        let delta = Delta { content, reasoning, tokens, logprobs, confidences, extra };
        out.push_back((index, Ok(SampleEvent::Delta(delta))));
    }

    /// What the reply showed of where replies begin, once it has ended.
    pub(super) fn habit(&self) -> Option<Habit> {
        self.choices.iter().find_map(|choice| choice.habit)
    }

    /// Passes on what a choice said, if it is anything.
    fn pass(&mut self, index: usize, said: Said, out: &mut Queue) {
        let Said { content, reasoning, extra, .. } = said;
        let Some(choice) = self.choices.get_mut(index) else { return };
        if content.is_empty() && reasoning.is_empty() && extra.is_empty() {
            return;
        }
        choice.hear(&content, &reasoning);
        (choice.spoke, self.passed_on) = (true, true);
        let tokens = std::mem::take(&mut choice.owed);
        out.push_back((index, Ok(SampleEvent::Delta(Delta { content, reasoning, tokens, extra, ..Delta::default() }))));
    }

    /// Passes on what was held back.
    fn flush(&mut self, out: &mut Queue) {
        for index in 0..self.choices.len() {
            let Some(choice) = self.choices.get_mut(index) else { continue };
            let said = choice.rest(self.done);
            choice.conclude();
            self.pass(index, said, out);
        }
    }

    /// Ends the reply: a [`Finish`] for each choice that said why it ended, or of which the server said that it
    /// is over; an error for others.
    ///
    /// # Errors
    /// If nothing came, so that the request can be made again. Nothing is queued then.
    pub(super) fn finish(&mut self, out: &mut Queue) -> Result<(), EngineError> {
        self.flush(out);
        let broken = |c: &Choice| matches!(c.reason(), None | Some(FinishReason::Interrupted));
        if !self.passed_on && self.choices.iter().any(broken) {
            let interrupted = self.choices.iter().filter(|c| broken(c)).find_map(|c| c.word.as_deref());
            let unread = || self.odd.take().unwrap_or_else(|| error::broke_off(false));
            return Err(interrupted.map_or_else(unread, error::interrupted));
        }
        let error = self.odd.take().unwrap_or_else(|| error::broke_off(false));
        self.end(&error::after_words(error, self.passed_on), true, out);
        Ok(())
    }

    /// Ends the reply by an error for each choice that had not ended.
    pub(super) fn fail(&mut self, error: &EngineError, out: &mut Queue) {
        self.flush(out);
        self.end(error, false, out);
    }

    fn end(&self, error: &EngineError, closed: bool, out: &mut Queue) {
        let is_over = self.done || self.has_final_counts();
        for (index, (choice, usage)) in self.choices.iter().zip(self.usages()).enumerate() {
            let word = choice.word.as_deref().and_then(finish::foreign);
            let finish = |reason| {
                Ok(SampleEvent::Finish(Finish {
                    reason,
                    word,
                    usage,
                    met_stop: choice.met_stop,
                    stop_text: choice.stop_text.clone(),
                    reasoned: choice.reasoned,
                }))
            };
            let event = match choice.reason() {
                Some(FinishReason::Interrupted) if !choice.spoke => Err(error.clone()),
                Some(reason) if closed || choice.has_ended() => finish(reason),
                None if closed && is_over && choice.spoke => finish(FinishReason::Unknown),
                _ => Err(error.clone()),
            };
            if choice.spoke && !self.extra.is_empty() {
                let delta = Delta { extra: self.extra.clone(), ..Delta::default() };
                out.push_back((index, Ok(SampleEvent::Delta(delta))));
            }
            if event.is_err() && self.is_reported(choice) {
                let estimated = usage.estimated || !self.has_final_counts();
                out.push_back((index, Ok(SampleEvent::Used(Usage { estimated, ..usage }))));
            }
            out.push_back((index, event));
        }
    }
}

#[path = "assemble_counts.rs"]
mod counts;
#[cfg(test)]
#[path = "assemble_tests.rs"]
mod tests;
