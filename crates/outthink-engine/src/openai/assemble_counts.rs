//! What a reply says of the tokens that it used, while it comes and where it fails.

use super::super::choice::Choice;
use super::super::usage::{Reported, Seen};
use super::super::{Secret, error, repair};
use super::{Assembler, Queue};
use outthink_core::{EngineError, SampleEvent, Usage, UsageRead};
use serde_json::{Map, Value};

impl Assembler {
    /// The failure that an event named an error stands for; what it says of tokens counts.
    pub(super) fn failed(&mut self, data: &str, key: Option<&Secret>) -> EngineError {
        self.report_in(data);
        error::in_event(data, self.passed_on, key)
    }

    /// Takes in what an error, or the body of a refusal, says of tokens.
    pub(in super::super) fn report_in(&mut self, body: &str) {
        if let Some((body, _)) = repair::parse(body) {
            self.report_of_failure(&body);
        }
    }

    /// Takes in what an error says of tokens, where it says that they are usage: its other numbers may be limits.
    pub(super) fn report_of_failure(&mut self, event: &Value) {
        let places = ["usage", "usageMetadata", "usage_metadata", "x_groq", "response", "message", "choices"];
        let of_usage = |name: &&str| Some(((*name).to_owned(), event.get(*name).filter(|v| !v.is_string())?.clone()));
        let counts: Map<String, Value> = places.iter().filter_map(of_usage).collect();
        if let Some(read) = Usage::read(&counts.into()) {
            self.report(read);
            self.reported.is_alone = true;
        }
    }

    /// Takes in counts of all choices together.
    pub(super) fn report(&mut self, read: UsageRead) {
        let pieces = self.pieces_seen();
        self.reported.add(read, pieces);
    }

    pub(super) fn pieces_seen(&self) -> u64 {
        self.choices.iter().map(|c| c.seen.pieces).sum()
    }

    /// What each choice has used so far, where the server reported it since this was asked last.
    pub(in super::super) fn news(&mut self) -> Option<Vec<Usage>> {
        std::mem::take(&mut self.reported.is_news).then(|| self.so_far())
    }

    /// What each choice has used so far: an estimate of what it will have, until the server gave its last counts.
    fn so_far(&self) -> Vec<Usage> {
        let is_final = self.has_final_counts();
        let usages = self.usages().into_iter();
        usages.map(|usage| Usage { estimated: usage.estimated || !is_final, ..usage }).collect()
    }

    /// Whether the counts came that stand at the end of a reply.
    pub(super) fn has_final_counts(&self) -> bool {
        self.reported.is_final(self.pieces_seen())
    }

    /// What each choice has used so far, if the server reported anything of it. It counts as taken over then.
    pub(in super::super) fn take_reported(&mut self) -> Option<Vec<Usage>> {
        if !self.choices.iter().any(|choice| self.is_reported(choice)) {
            return None;
        }
        let usages = self.so_far();
        self.reported = Reported::default();
        self.choices.iter_mut().for_each(|choice| choice.seen.own = None);
        Some(usages)
    }

    /// Whether the server reported anything of the work on a choice.
    pub(super) fn is_reported(&self, choice: &Choice) -> bool {
        self.reported.is_known() || choice.seen.own.is_some()
    }

    /// Takes in counts, and passes on how long the prompt is, where that is known before the first words.
    pub(super) fn count(&mut self, read: UsageRead, out: &mut Queue) {
        self.report(read);
        if let Some(tokens) = read.prompt.filter(|&tokens| tokens > 0 && !self.passed_on && !self.reported_prompt) {
            self.reported_prompt = true;
            let cached = read.cached.unwrap_or(0).min(tokens);
            out.push_back((0, Ok(SampleEvent::Prompt { tokens, cached })));
        }
    }

    /// What each choice has used so far.
    pub(in super::super) fn usages(&self) -> Vec<Usage> {
        let mut seen: Vec<Seen> = self.choices.iter().map(|choice| choice.seen).collect();
        // A summary of the reasoning says nothing of its length.
        if self.reader.is_some() && self.reported.has_reasoning() {
            for choice in &mut seen {
                choice.reasoning = 0;
            }
        }
        self.reported.settle(&seen, self.prompt_chars)
    }
}
