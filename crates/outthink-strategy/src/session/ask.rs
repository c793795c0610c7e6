//! From steps to requests of an engine.

use super::{Action, Session};
use crate::table::{Start, prompt_bytes};
use outthink_core::{ArmId, Link, Prompt, Sample, SampleId, SampleRequest, SampleStatus, Span, derive_seed};
use serde_json::json;
use std::sync::Arc;

/// Candidates of each token over which confidence is taken: as many as the API gives.
const CONFIDENCE_OVER: u32 = 20;

impl Session<'_> {
    /// Starts samples of the prompt; whether all of them.
    pub(super) fn sample(&mut self, arm: ArmId, count: u32, span: &Span) -> bool {
        let Some(prompt) = self.prompt_of(arm) else { return false };
        let room = self.table.room(arm, 0);
        let fits = count.min(room.affordable(span.max_tokens)).min(self.table.left_on(arm));
        let span = Span { max_tokens: room.cap(span.max_tokens, fits), ..span.clone() };
        let request = self.request_for(arm, prompt, fits, &span);
        let start = Start { arm, span, ..Start::default() };
        let ids = (0..fits).map(|_| self.table.start(start.clone())).collect();
        self.launch(arm, request, ids);
        fits == count
    }

    pub(super) fn prompt_of(&self, arm: ArmId) -> Option<Arc<Prompt>> {
        self.table.arm(arm).map(|info| info.prompt(&self.request.prompt))
    }

    pub(super) fn request_for(&self, arm: ArmId, prompt: Arc<Prompt>, count: u32, span: &Span) -> SampleRequest {
        let next = self.table.state.samples.len() as u64;
        let seeds = (next..next + u64::from(count)).map(|index| derive_seed(self.request.seed, index)).collect();
        let info = self.table.arm(arm);
        let own = info.and_then(|a| a.sampling.clone());
        let mut sampling = own.unwrap_or_else(|| self.request.sampling.clone());
        if let Some(text) = span.pause_at.as_ref().filter(|t| !t.is_empty()) {
            sampling.stop.push(text.clone());
        }
        let needs = self.table.needs();
        SampleRequest {
            prompt,
            prefix: None,
            seeds,
            seeded: self.request.seeded,
            max_tokens: span.max_tokens,
            thinking: info.and_then(|a| a.thinking).unwrap_or(self.request.thinking),
            sampling,
            logprobs: self.request.logprobs || needs.logprobs || needs.values || needs.confidence.is_some(),
            may_continue: needs.continuation,
            confidence_over: if needs.confidence.is_some() { CONFIDENCE_OVER } else { 0 },
            has_other: false,
        }
    }

    pub(super) fn launch(&mut self, arm: ArmId, request: SampleRequest, samples: Vec<SampleId>) {
        if !samples.is_empty() {
            let arm = self.table.arm(arm).map_or(arm, |info| info.host);
            self.queue.push_back(Action::Start { arm, samples, request: Box::new(request) });
        }
    }

    /// Goes on from a sample; whether in all the ways that were asked for. An engine that continues
    /// text gets it as the beginning of its reply; any other gets it as a turn of its own, followed
    /// by the words.
    pub(super) fn go_on(&mut self, from: SampleId, link: &Link, count: u32, span: &Span) -> bool {
        let Some(parent) = self.table.state.sample(from).cloned() else { return false };
        if matches!(parent.status, SampleStatus::Failed | SampleStatus::Cancelled) {
            return false;
        }
        let arm = parent.arm;
        let Some(prompt) = self.prompt_of(arm) else { return false };
        let continues = self.table.state.capabilities(arm).continuation.is_possible();
        let own_bytes = prompt_bytes(&prompt);
        let (prompt, text) = self.conversation(Arc::unwrap_or_clone(prompt), &parent);
        let next = compose(prompt, text, link, continues);
        let prefix_bytes = next.prefix.as_ref().map_or(0, |p| p.len() as u64 + PREFIX);
        let extra_prompt = prompt_bytes(&next.prompt).saturating_sub(own_bytes) + prefix_bytes;
        let room = self.table.room(arm, extra_prompt);
        let fits = count.min(room.affordable(span.max_tokens));
        let span = Span { max_tokens: room.cap(span.max_tokens, fits), ..span.clone() };
        let mut request = self.request_for(arm, Arc::new(next.prompt), fits, &span);
        request.prefix = next.prefix;
        let turn = match link {
            Link::Turn(words) => Some(words.clone()),
            Link::Words(_) | Link::Close(_) | Link::Reason(_) => None,
        };
        if !continues && turn.is_none() {
            let words = "the engine cannot continue a text: its reasoning was not closed or extended in place, it was \
                         asked in a further turn";
            self.table.remark(words.to_owned());
        }
        let forced = matches!(link, Link::Words(words) if !words.is_empty());
        let start = Start { arm, parent: Some(from), turn, span, extra_prompt, forced, ..Start::default() };
        let mut ids = Vec::new();
        for _ in 0..fits {
            let id = self.table.start(start.clone());
            self.table.inherit(id, next.inherited.0.clone(), next.inherited.1.clone());
            if matches!(link, Link::Close(_)) && !next.inherited.0.is_empty() {
                self.table.mark_answer(id);
            }
            ids.push(id);
        }
        self.launch(arm, request, ids);
        fits == count
    }

    /// The turns up to the reply that `sample` is part of, and the reply's text so far.
    fn conversation(&self, mut prompt: Prompt, sample: &Sample) -> (Prompt, (String, String)) {
        let path = self.table.state.path(sample.id);
        for pair in path.windows(2) {
            if let Some(turn) = &pair[1].turn {
                prompt.messages.push(json!({"role": "assistant", "content": whole_text(pair[0])}));
                prompt.messages.push(json!({"role": "user", "content": turn}));
            }
        }
        (prompt, (sample.reasoning.clone(), sample.content.clone()))
    }
}

/// What an engine is asked in order to go on.
struct Next {
    prompt: Prompt,
    prefix: Option<String>,
    /// Thought and text that the new sample begins with.
    inherited: (String, String),
}

fn compose(mut prompt: Prompt, (reasoning, mut content): (String, String), link: &Link, continues: bool) -> Next {
    let turn = |prompt: &mut Prompt, reply: &str, words: &str| {
        prompt.messages.push(json!({"role": "assistant", "content": reply}));
        prompt.messages.push(json!({"role": "user", "content": words.trim()}));
    };
    let reply = if content.trim().is_empty() { reasoning.clone() } else { content.clone() };
    match link {
        Link::Turn(words) => {
            turn(&mut prompt, &reply, words);
            Next { prompt, prefix: None, inherited: Default::default() }
        }
        Link::Close(closing) if continues => {
            // The answer may have begun already: then its own words are what follows.
            let begins = if content.is_empty() { words_after(closing) } else { &content };
            let thought = if reasoning.is_empty() { String::new() } else { closed(&reasoning, closing) };
            let prefix = Some(format!("{thought}{begins}"));
            let content = if reasoning.is_empty() { content } else { begins.to_owned() };
            Next { prompt, prefix, inherited: (reasoning, content) }
        }
        // Words that hold the end marker close the reasoning as they say.
        Link::Words(words) if continues && content.is_empty() && !reasoning.is_empty() && words.contains(Link::END) => {
            let content = words_after(words).to_owned();
            let prefix = Some(format!("{}{content}", closed(&reasoning, words)));
            Next { prompt, prefix, inherited: (reasoning, content) }
        }
        Link::Reason(words) if continues && !reasoning.is_empty() => {
            let reasoning = format!("{reasoning}{words}");
            Next { prompt, prefix: Some(format!("<think>\n{reasoning}")), inherited: (reasoning, String::new()) }
        }
        Link::Words(words) | Link::Reason(words) if continues => {
            // Words that are put in speak to the user: they end an open thought.
            let thought = match (reasoning.is_empty(), content.is_empty() && words.is_empty()) {
                (true, _) => String::new(),
                (false, true) => format!("<think>\n{reasoning}"),
                (false, false) => closed(&reasoning, Link::CLOSING),
            };
            content.push_str(words);
            let prefix = Some(format!("{thought}{content}"));
            Next { prompt, prefix, inherited: (reasoning, content) }
        }
        Link::Words(_) | Link::Reason(_) | Link::Close(_) => {
            let words = if let Link::Words(words) | Link::Reason(words) = link { words } else { ANSWER };
            turn(&mut prompt, &reply, words);
            content.push_str("\n\n");
            Next { prompt, prefix: None, inherited: (reasoning, content) }
        }
    }
}

/// Reasoning up to where its answer begins: with what closes it up to the end marker, and white space after that.
fn closed(reasoning: &str, closing: &str) -> String {
    let end = closing.len() - words_after(closing).len();
    format!("<think>\n{reasoning}{}", &closing[..end])
}

/// The words of an answer that follow the end marker in what closes reasoning.
fn words_after(closing: &str) -> &str {
    closing.split_once(Link::END).map_or("", |(_, after)| after.trim_start())
}

/// What an engine is asked that cannot continue its reasoning to an answer.
const ANSWER: &str = "Give your final answer now.";

/// Bytes of a template's words around a beginning at most.
const PREFIX: u64 = 64;

/// A sample's text for a turn of its own: the content, or the thought where it has none yet.
fn whole_text(sample: &Sample) -> &str {
    if sample.content.trim().is_empty() { &sample.reasoning } else { &sample.content }
}
