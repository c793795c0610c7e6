//! One sample in flight: its tokens, its text and who listens.

use crate::adjust::Adjust;
use crate::detok::{Detokenizer, Piece};
use crate::sampler::{Sampler, confidence, log_probability};
use futures_channel::mpsc::UnboundedSender;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::sampling::LlamaSampler;
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::token::data::LlamaTokenData;
use llama_cpp_2::token::data_array::LlamaTokenDataArray;
use outthink_core::{Delta, EngineError, Finish, FinishReason, Origin, SampleEvent, Source, Usage};
use serde_json::Value;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub(crate) type Update = Result<SampleEvent, EngineError>;

/// A request, ready to be decoded.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) tokens: Arc<[LlamaToken]>,
    pub(crate) max_tokens: usize,
    pub(crate) grammar: Option<String>,
    pub(crate) logprobs: bool,
    /// Whether the cells of its samples are worth keeping.
    pub(crate) keep: bool,
    /// Candidates over which confidence is taken; 0 for none.
    pub(crate) confidence_over: usize,
    pub(crate) members: Vec<Member>,
    /// What the prompt already holds of the reply.
    pub(crate) opening: String,
    /// Who draws it, and at what price.
    pub(crate) source: Arc<Source>,
    /// What could not be honoured.
    pub(crate) notes: Vec<String>,
    /// Where reasoning is limited.
    pub(crate) thought: Option<ThoughtLimit>,
    /// Whether the reply may call tools.
    pub(crate) tools: bool,
}

/// A limit on the tokens of reasoning, and what closes it.
#[derive(Debug, Clone)]
pub(crate) struct ThoughtLimit {
    pub(crate) tokens: u64,
    pub(crate) close: Arc<[LlamaToken]>,
}

/// One sample of a request.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) updates: UnboundedSender<Update>,
    pub(crate) cancelled: Arc<AtomicBool>,
    pub(crate) sampler: Sampler,
    pub(crate) text: Detokenizer,
    pub(crate) adjust: Adjust,
}

/// A sample that waits for a sequence or has one.
#[expect(clippy::struct_excessive_bools, reason = "a record of independent facts")]
pub(crate) struct Sequence {
    member: Member,
    grammar_text: Option<Arc<str>>,
    grammar: Option<LlamaSampler>,
    logprobs: bool,
    confidence_over: usize,
    pub(crate) keep: bool,
    pub(crate) max_tokens: usize,
    prompt: usize,
    source: Arc<Source>,
    notes: Vec<String>,
    thought: Option<ThoughtLimit>,
    /// Tokens that come next, whatever the model says: the end of a thought that reached its limit.
    forced: VecDeque<LlamaToken>,
    /// Whether listeners know that the prompt was read.
    begun: bool,
    /// Whether they know that work began.
    started: bool,
    /// When it came: the smaller, the older.
    pub(crate) age: u64,
    /// Cells reserved for what it draws.
    pub(crate) reserved: usize,
    /// Drawn tokens that are part of its group's prompt, since it was paused.
    base: usize,
    /// The tokens drawn.
    drawn: Vec<LlamaToken>,
    cached: usize,
    completion: usize,
    reasoning: usize,
    pending: Delta,
    /// The token to be decoded next.
    pub(crate) last: LlamaToken,
    /// llama.cpp's number of the sequence, once it has one.
    pub(crate) id: i32,
}

impl Sequence {
    /// The sequences of a job.
    pub(crate) fn of(job: Job) -> Vec<Self> {
        let grammar: Option<Arc<str>> = job.grammar.map(Into::into);
        let make = |member| Self {
            member,
            grammar_text: grammar.clone(),
            grammar: None,
            logprobs: job.logprobs,
            confidence_over: job.confidence_over,
            keep: job.keep,
            max_tokens: job.max_tokens,
            prompt: job.tokens.len(),
            source: Arc::clone(&job.source),
            notes: job.notes.clone(),
            thought: job.thought.clone(),
            forced: VecDeque::new(),
            begun: false,
            started: false,
            age: 0,
            reserved: 0,
            base: 0,
            drawn: Vec::new(),
            cached: 0,
            completion: 0,
            reasoning: 0,
            pending: Delta::default(),
            last: LlamaToken(0),
            id: -1,
        };
        job.members.into_iter().map(make).collect()
    }

    pub(crate) fn cancelled(&self) -> bool {
        self.member.cancelled.load(Ordering::Acquire)
    }

    pub(crate) fn fail(&self, error: EngineError) {
        self.send(Err(error));
    }

    fn send(&self, update: Update) {
        // A listener that has gone is noticed by its flag.
        drop(self.member.updates.unbounded_send(update));
    }

    /// Position of the token to be decoded next.
    pub(crate) fn position(&self) -> i32 {
        (self.prompt + self.completion) as i32 - 1
    }

    /// The tokens drawn since it was read last.
    pub(crate) fn fresh(&self) -> &[LlamaToken] {
        self.drawn.get(self.base..).unwrap_or_default()
    }

    /// Those of them that are in the cache: all but the last, which is still to be decoded.
    pub(crate) fn decoded(&self) -> &[LlamaToken] {
        self.fresh().split_last().map_or(&[], |(_, before)| before)
    }

    /// Cells that it may use at most, beside those of its group's prompt.
    pub(crate) fn most_cells(&self) -> usize {
        self.max_tokens - self.base
    }

    /// Whether its next token has no cell yet.
    pub(crate) fn needs_cells(&self) -> bool {
        self.fresh().len() > self.reserved
    }

    /// What was drawn becomes part of the prompt, to be read again.
    pub(crate) fn pause(&mut self) {
        self.base = self.drawn.len();
    }

    /// Reports that the sample is worked on from now on, once.
    pub(crate) fn start(&mut self) {
        if !std::mem::replace(&mut self.started, true) {
            self.send(Ok(SampleEvent::Started(Arc::clone(&self.source))));
            for note in std::mem::take(&mut self.notes) {
                self.send(Ok(SampleEvent::Note(note)));
            }
        }
    }

    /// Reports that the prompt was read, `cached` tokens of it from the cache; nothing where it was read
    /// again after a pause. Fails on a grammar that llama.cpp refuses.
    pub(crate) fn begin(&mut self, model: &LlamaModel, cached: usize) -> Result<(), EngineError> {
        if std::mem::replace(&mut self.begun, true) {
            return Ok(());
        }
        if let Some(text) = &self.grammar_text {
            self.grammar = Some(LlamaSampler::grammar(model, text, "root").map_err(|_| {
                EngineError::new(Origin::Caller, "llama.cpp refuses the grammar of the response format")
                    .with_hint("use a simpler schema")
            })?);
        }
        self.cached = cached;
        self.send(Ok(SampleEvent::Prompt { tokens: self.prompt as u64, cached: self.cached as u64 }));
        Ok(())
    }

    /// Draws the next token, sends what can be sent, and tells whether the sample goes on.
    pub(crate) fn advance(&mut self, model: &LlamaModel, logits: &[f32]) -> bool {
        let token = self.draw(logits);
        self.last = LlamaToken(token as i32);
        self.drawn.push(self.last);
        self.completion += 1;
        self.pending.tokens += 1;
        if self.logprobs {
            self.pending.logprobs.push(log_probability(logits, token));
        }
        if self.confidence_over > 0 {
            self.pending.confidences.push(confidence(logits, self.confidence_over));
        }
        let vocab = model.vocab();
        let ended = vocab.is_eog(self.last);
        let before = self.member.text.in_thought();
        if !ended {
            // Marks of thoughts and calls are part of the text, even where the vocabulary calls them control.
            let mut bytes = vocab.token_to_piece(self.last, false, None);
            if bytes.is_empty() {
                bytes = Some(vocab.token_to_piece(self.last, true, None)).filter(|b| is_mark(b)).unwrap_or_default();
            }
            let piece = self.member.text.push(&bytes);
            self.add(piece);
        }
        if before || self.member.text.in_thought() {
            self.reasoning += 1;
        }
        self.limit_thought();
        let stop_text = self.member.text.stop_text().map(str::to_owned);
        let stopped = stop_text.is_some();
        if ended || stopped || self.completion >= self.max_tokens {
            let piece = self.member.text.finish();
            self.add(piece);
            self.flush();
            let reason = match (ended || stopped, self.member.text.calls()) {
                (false, _) => FinishReason::Length,
                (true, 0) => FinishReason::Stop,
                (true, _) => FinishReason::ToolCalls,
            };
            self.send(Ok(SampleEvent::Finish(Finish {
                met_stop: Some(stopped),
                stop_text,
                ..Finish::new(reason, self.usage())
            })));
            return false;
        }
        if !self.pending.content.is_empty() || !self.pending.reasoning.is_empty() || !self.pending.extra.is_empty() {
            self.flush();
        }
        true
    }

    fn usage(&self) -> Usage {
        Usage {
            prompt: self.prompt as u64,
            cached: self.cached as u64,
            completion: self.completion as u64,
            reasoning: self.reasoning as u64,
            ..Usage::default()
        }
    }

    /// Closes a thought that has had its tokens, unless it is writing a call.
    fn limit_thought(&mut self) {
        let Some(limit) = &self.thought else { return };
        let text = &self.member.text;
        if self.reasoning as u64 >= limit.tokens && text.in_thought() && !text.in_call() {
            self.forced = limit.close.iter().copied().collect();
            self.thought = None;
        }
    }

    fn add(&mut self, piece: Piece) {
        self.pending.content += &piece.content;
        self.pending.reasoning += &piece.reasoning;
        if !piece.calls.is_empty() {
            let calls = self.pending.extra.entry("tool_calls").or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(calls) = calls {
                calls.extend(piece.calls);
            }
        }
    }

    fn flush(&mut self) {
        let delta = std::mem::take(&mut self.pending);
        if delta != Delta::default() {
            self.send(Ok(SampleEvent::Delta(delta)));
        }
    }

    fn draw(&mut self, logits: &[f32]) -> u32 {
        let token = self.pick(logits);
        self.member.adjust.count(token);
        token
    }

    fn pick(&mut self, logits: &[f32]) -> u32 {
        if let Some(token) = self.forced.pop_front() {
            return token.0 as u32;
        }
        let mut adjusted = Vec::new();
        let logits = if self.member.adjust.is_neutral() {
            logits
        } else {
            adjusted.extend_from_slice(logits);
            self.member.adjust.apply(&mut adjusted);
            &adjusted
        };
        let token = self.member.sampler.draw(logits);
        // A response format is that of the reply, not of the thought before it.
        let thinking = self.member.text.in_thought();
        let Some(grammar) = self.grammar.as_mut().filter(|_| !thinking) else { return token };
        // Most tokens are allowed: ask for this one before the whole vocabulary is gone through.
        let data = |(id, logit): (usize, f32)| LlamaTokenData::new(LlamaToken(id as i32), logit, 0.0);
        let mut one = LlamaTokenDataArray::new(vec![data((token as usize, 1.0))], false);
        grammar.apply(&mut one);
        let allowed = one.data.first().is_some_and(|d| d.logit().is_finite());
        let token = if allowed {
            token
        } else {
            let mut all = LlamaTokenDataArray::from_iter(logits.iter().copied().enumerate().map(data), false);
            grammar.apply(&mut all);
            let mut masked = vec![f32::NEG_INFINITY; logits.len()];
            for entry in &all.data {
                if let Some(slot) = masked.get_mut(entry.id().0 as usize) {
                    *slot = entry.logit();
                }
            }
            self.member.sampler.draw(&masked)
        };
        if let Err(error) = grammar.try_accept(LlamaToken(token as i32)) {
            tracing::debug!(%error, "the grammar did not take a token that it had allowed");
        }
        token
    }
}

/// Whether a token's text marks a thought or a call.
fn is_mark(bytes: &[u8]) -> bool {
    matches!(bytes, b"<think>" | b"</think>" | b"<tool_call>" | b"</tool_call>")
}
