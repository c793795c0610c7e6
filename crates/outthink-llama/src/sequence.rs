//! One sample in flight: its tokens, its text and who listens.

use crate::detok::{Detokenizer, Piece};
use crate::sampler::{Sampler, confidence, log_probability};
use futures_channel::mpsc::UnboundedSender;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::sampling::LlamaSampler;
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::token::data::LlamaTokenData;
use llama_cpp_2::token::data_array::LlamaTokenDataArray;
use outthink_core::{Delta, EngineError, Finish, FinishReason, Origin, SampleEvent, Usage};
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
}

/// One sample of a request.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) updates: UnboundedSender<Update>,
    pub(crate) cancelled: Arc<AtomicBool>,
    pub(crate) sampler: Sampler,
    pub(crate) text: Detokenizer,
}

/// A sample that waits for a sequence or has one.
pub(crate) struct Sequence {
    member: Member,
    grammar_text: Option<Arc<str>>,
    grammar: Option<LlamaSampler>,
    logprobs: bool,
    confidence_over: usize,
    pub(crate) keep: bool,
    pub(crate) max_tokens: usize,
    prompt: usize,
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

    /// The drawn tokens that are in the cache: all but the last, which is still to be decoded.
    pub(crate) fn decoded(&self) -> &[LlamaToken] {
        self.drawn.split_last().map_or(&[], |(_, before)| before)
    }

    /// Tells that the prompt was read, `cached` tokens of it from the cache. Fails on a grammar that
    /// llama.cpp refuses.
    pub(crate) fn begin(&mut self, model: &LlamaModel, cached: usize) -> Result<(), EngineError> {
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
            let piece = self.member.text.push(&vocab.token_to_piece(self.last, false, None));
            self.add(&piece);
        }
        if before || self.member.text.in_thought() {
            self.reasoning += 1;
        }
        let stopped = self.member.text.stopped();
        if ended || stopped || self.completion >= self.max_tokens {
            let piece = self.member.text.finish();
            self.add(&piece);
            self.flush();
            let reason = if ended || stopped { FinishReason::Stop } else { FinishReason::Length };
            self.send(Ok(SampleEvent::Finish(Finish { reason, usage: self.usage(), met_stop: Some(stopped) })));
            return false;
        }
        if !self.pending.content.is_empty() || !self.pending.reasoning.is_empty() {
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

    fn add(&mut self, piece: &Piece) {
        self.pending.content += &piece.content;
        self.pending.reasoning += &piece.reasoning;
    }

    fn flush(&mut self) {
        let delta = std::mem::take(&mut self.pending);
        if delta != Delta::default() {
            self.send(Ok(SampleEvent::Delta(delta)));
        }
    }

    fn draw(&mut self, logits: &[f32]) -> u32 {
        let token = self.member.sampler.draw(logits);
        let Some(grammar) = &mut self.grammar else { return token };
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
