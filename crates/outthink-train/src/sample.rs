//! Sampling with a KV cache, many sequences at a time.
//!
//! Sequences lie in slots; a slot whose sequence has ended takes the next prompt at once. A handful of
//! slots is as fast as hundreds, because their caches stay near the processor.

use crate::config::ModelConfig;
use crate::error::TrainError;
use crate::kernel::gemm::{Left, Out, Panels, gemm};
use crate::kernel::rows::{rms_norm, swiglu};
use crate::kernel::{Buffer, attention, exp, max};
use crate::model::Model;
use crate::pass::{Span, Workspace, product};
use crate::rng::Rng;

/// How to sample.
#[derive(Debug, Clone, PartialEq)]
pub struct SampleOptions {
    /// Softmax temperature; 0 takes the most probable token, of equals the first.
    pub temperature: f64,
    /// New tokens of a sequence at most.
    pub max_tokens: usize,
    /// New tokens before which the stop token is not drawn.
    pub min_tokens: usize,
    /// The token that ends a sequence.
    pub stop: Option<u32>,
    /// Seed. Sequence `i` draws from stream `i` of it, whatever is sampled beside it.
    pub seed: u64,
    /// Threads.
    pub threads: usize,
    /// Sequences in flight on a thread.
    pub slots: usize,
}

impl Default for SampleOptions {
    fn default() -> Self {
        Self { temperature: 1.0, max_tokens: 128, min_tokens: 0, stop: None, seed: 0, threads: 1, slots: 16 }
    }
}

/// Why a sequence ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// At the stop token, which is its last token.
    Stop,
    /// At the most tokens asked for.
    Length,
    /// At the end of the model's context.
    Context,
}

/// What was sampled after one prompt.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampled {
    /// The new tokens, the stop token included.
    pub tokens: Vec<u32>,
    /// The log-probability of each under the model at temperature 1, whatever it was drawn at.
    pub log_probs: Vec<f32>,
    /// Why it ended.
    pub ending: Ending,
}

impl Model {
    /// Samples one sequence after each prompt. Prompts may differ in length; equal ones that stand
    /// side by side are read once.
    ///
    /// # Errors
    ///
    /// An empty prompt, one longer than the context, or one with a token outside of the vocabulary;
    /// a temperature below 0; 0 slots.
    pub fn sample<T: AsRef<[u32]> + Sync>(
        &self,
        prompts: &[T],
        options: &SampleOptions,
    ) -> Result<Vec<Sampled>, TrainError> {
        if !(options.temperature.is_finite() && options.temperature >= 0.0) {
            return Err(TrainError::setting("the temperature", options.temperature, "a number of at least 0"));
        }
        if options.slots == 0 {
            return Err(TrainError::setting("the number of slots", 0, "at least 1"));
        }
        for (index, prompt) in prompts.iter().enumerate() {
            let prompt = prompt.as_ref();
            if prompt.is_empty() || prompt.len() > self.config.context {
                let problem = format!("has {} tokens of prompt; need 1 to {}", prompt.len(), self.config.context);
                return Err(TrainError::Sequence { index, problem });
            }
            if let Some(token) = prompt.iter().find(|t| **t as usize >= self.config.vocab) {
                let problem = format!("holds token {token}; the vocabulary ends at {}", self.config.vocab - 1);
                return Err(TrainError::Sequence { index, problem });
            }
        }
        let threads = options.threads.clamp(1, prompts.len().max(1));
        let share = prompts.len().div_ceil(threads).max(1);
        let run = |first: usize, prompts: &[T]| Sampler::new(self, options).run(first, prompts);
        if threads == 1 {
            return Ok(run(0, prompts));
        }
        let run = &run;
        let mut parts: Vec<Vec<Sampled>> = prompts.chunks(share).map(|_| Vec::new()).collect();
        std::thread::scope(|scope| {
            for (index, (part, prompts)) in parts.iter_mut().zip(prompts.chunks(share)).enumerate() {
                scope.spawn(move || *part = run(index * share, prompts));
            }
        });
        Ok(parts.into_iter().flatten().collect())
    }
}

/// Keys and values of one sequence in one layer, one pair of packed matrices a head.
#[derive(Debug)]
struct Cache {
    /// `[head width, span]` each.
    keys: Vec<Panels>,
    /// `[span, head width]` each.
    values: Vec<Panels>,
    /// Positions that it holds: the context, or the window. A later one takes the place of the one that the window has
    /// left; keys are turned to their positions, so their order does not matter.
    span: usize,
}

impl Cache {
    fn new(c: &ModelConfig) -> Self {
        let head = c.d_model / c.heads;
        Self {
            keys: (0..c.heads).map(|_| Panels::zeros(head, c.span())).collect(),
            values: (0..c.heads).map(|_| Panels::zeros(c.span(), head)).collect(),
            span: c.span(),
        }
    }

    /// Takes keys and values of one position from a row of queries, keys and values.
    fn put(&mut self, position: usize, row: &[f32]) {
        let d = row.len() / 3;
        let head = d / self.keys.len();
        let parts = row[d..2 * d].chunks_exact(head).zip(row[2 * d..].chunks_exact(head));
        for ((key, value), (keys, values)) in parts.zip(self.keys.iter_mut().zip(&mut self.values)) {
            keys.set_column(position % self.span, key);
            values.set_row(position % self.span, value);
        }
    }
}

/// A sequence that is being sampled.
struct Slot {
    /// Its place among the prompts of this thread.
    index: usize,
    /// Positions read.
    read: usize,
    last: u32,
    rng: Rng,
    sampled: Sampled,
    caches: usize,
}

struct Sampler<'a> {
    model: &'a Model,
    options: &'a SampleOptions,
    /// One for each slot and layer.
    caches: Vec<Vec<Cache>>,
    prompt: Workspace,
    x: Buffer,
    normed: Buffer,
    inverse: Buffer,
    qkv: Buffer,
    attended: Buffer,
    gate_up: Buffer,
    active: Buffer,
    logits: Buffer,
    scores: Buffer,
}

impl<'a> Sampler<'a> {
    fn new(model: &'a Model, options: &'a SampleOptions) -> Self {
        Self {
            model,
            options,
            caches: Vec::new(),
            prompt: Workspace::default(),
            x: Buffer::default(),
            normed: Buffer::default(),
            inverse: Buffer::default(),
            qkv: Buffer::default(),
            attended: Buffer::default(),
            gate_up: Buffer::default(),
            active: Buffer::default(),
            logits: Buffer::default(),
            scores: Buffer::zeros(model.config.span().next_multiple_of(16)),
        }
    }

    /// Samples after all prompts; `first` is the place of the first one in the whole call.
    fn run<T: AsRef<[u32]>>(&mut self, first: usize, prompts: &[T]) -> Vec<Sampled> {
        let c = &self.model.config;
        let slots = self.options.slots.min(prompts.len());
        self.caches = (0..slots).map(|_| (0..c.layers).map(|_| Cache::new(c)).collect()).collect();
        let mut free: Vec<usize> = (0..slots).rev().collect();
        let mut done: Vec<Option<Sampled>> = prompts.iter().map(|_| None).collect();
        let mut active: Vec<Slot> = Vec::new();
        let mut waiting = prompts.iter().enumerate();
        let mut read: Option<&[u32]> = None;
        loop {
            while let Some(&caches) = free.last() {
                let Some((index, prompt)) = waiting.next() else { break };
                let prompt = prompt.as_ref();
                let sampled = Sampled { tokens: Vec::new(), log_probs: Vec::new(), ending: Ending::Length };
                if self.options.max_tokens == 0 {
                    done[index] = Some(sampled);
                    continue;
                }
                self.read(prompt, read == Some(prompt), caches);
                read = Some(prompt);
                let rng = Rng::stream(self.options.seed, (first + index) as u64);
                let mut slot = Slot { index, read: prompt.len(), last: 0, rng, sampled, caches };
                let mut logits = self.prompt.logits()[(prompt.len() - 1) * c.vocab..].to_vec();
                if self.draw(&mut slot, &mut logits) {
                    done[index] = Some(slot.sampled);
                } else {
                    free.pop();
                    active.push(slot);
                }
            }
            if active.is_empty() {
                break;
            }
            self.advance(&active);
            let mut logits = std::mem::take(&mut self.logits);
            let mut rows = logits.chunks_exact_mut(c.vocab);
            active.retain_mut(|slot| {
                slot.read += 1;
                let ended = rows.next().is_none_or(|row| self.draw(slot, row));
                if ended {
                    free.push(slot.caches);
                    let empty = Sampled { tokens: Vec::new(), log_probs: Vec::new(), ending: Ending::Length };
                    done[slot.index] = Some(std::mem::replace(&mut slot.sampled, empty));
                }
                !ended
            });
            self.logits = logits;
        }
        done.into_iter().flatten().collect()
    }

    /// Reads a prompt into the caches of a slot; `again` where it is the one that was read last.
    fn read(&mut self, prompt: &[u32], again: bool, caches: usize) {
        let d = self.model.config.d_model;
        if !again {
            // One more token, because the last of a sequence is not read.
            let sequence = [prompt, &[0]].concat();
            self.prompt.forward(self.model, &[sequence], &[Span { sequence: 0, rows: 0..prompt.len() }]);
        }
        for (layer, cache) in self.caches[caches].iter_mut().enumerate() {
            for (position, row) in self.prompt.qkv(layer).chunks_exact(3 * d).enumerate() {
                cache.put(position, row);
            }
        }
    }

    /// Reads the last token of all slots, and leaves a row of logits for each.
    fn advance(&mut self, slots: &[Slot]) {
        let model = self.model;
        let c = &model.config;
        let (n, d, ff) = (slots.len(), c.d_model, c.d_ff);
        self.x.resize(n * d);
        self.normed.resize(n * d);
        self.inverse.resize(n);
        self.qkv.resize(n * 3 * d);
        self.attended.resize(n * d);
        self.gate_up.resize(n * 2 * ff);
        self.active.resize(n * ff);
        self.logits.resize(n * c.vocab);
        let embedding = &model.weights[model.layout.embedding.clone()];
        for (row, slot) in self.x.chunks_exact_mut(d).zip(slots) {
            row.copy_from_slice(&embedding[slot.last as usize * d..][..d]);
        }
        for (layer, (at, packed)) in model.layout.layers.iter().zip(&model.packed.layers).enumerate() {
            let gain = &model.weights[at.attention_norm.clone()];
            rms_norm(&self.x, gain, c.norm_eps, &mut self.normed, &mut self.inverse);
            product(n, &self.normed, &packed.qkv.forward, &mut self.qkv, false);
            for (row, slot) in slots.iter().enumerate() {
                let qkv = &mut self.qkv[row * 3 * d..][..3 * d];
                model.rotary.turn(&mut qkv[..2 * d], slot.read, false);
                let cache = &mut self.caches[slot.caches][layer];
                cache.put(slot.read, qkv);
                let seen = c.span().min(slot.read + 1);
                attend(c, cache, seen, &qkv[..d], &mut self.attended[row * d..][..d], &mut self.scores);
            }
            product(n, &self.attended, &packed.out.forward, &mut self.x, true);
            let gain = &model.weights[at.mlp_norm.clone()];
            rms_norm(&self.x, gain, c.norm_eps, &mut self.normed, &mut self.inverse);
            product(n, &self.normed, &packed.gate_up.forward, &mut self.gate_up, false);
            swiglu(&self.gate_up, ff, &mut self.active);
            product(n, &self.active, &packed.down.forward, &mut self.x, true);
        }
        let gain = &model.weights[model.layout.final_norm.clone()];
        rms_norm(&self.x, gain, c.norm_eps, &mut self.normed, &mut self.inverse);
        product(n, &self.normed, &model.packed.head.forward, &mut self.logits, false);
    }

    /// Draws the next token of a slot; says whether the sequence has ended.
    fn draw(&self, slot: &mut Slot, logits: &mut [f32]) -> bool {
        let options = self.options;
        let most = max(logits);
        let total: f64 = logits.iter().map(|l| f64::from(exp(l - most))).sum();
        let plain = |logit: f32| (f64::from(logit - most) - total.ln()) as f32;
        let banned = options.stop.filter(|_| slot.sampled.tokens.len() < options.min_tokens).map(|s| s as usize);
        let allowed = |token: &usize| Some(*token) != banned;
        let best = (0..logits.len())
            .filter(allowed)
            .reduce(|best, token| if logits[token] > logits[best] { token } else { best })
            .unwrap_or(0);
        let mut token = best;
        if options.temperature > 0.0 {
            let sharpness = options.temperature.recip() as f32;
            let weight = |token: usize| f64::from(exp((logits[token] - logits[best]) * sharpness));
            let sum: f64 = (0..logits.len()).filter(allowed).map(weight).sum();
            let mut left = slot.rng.uniform() * sum;
            for candidate in (0..logits.len()).filter(allowed) {
                left -= weight(candidate);
                if left < 0.0 {
                    token = candidate;
                    break;
                }
            }
        }
        slot.last = token as u32;
        slot.sampled.tokens.push(slot.last);
        slot.sampled.log_probs.push(plain(logits[token]));
        let ending = if options.stop == Some(slot.last) {
            Some(Ending::Stop)
        } else if slot.sampled.tokens.len() >= options.max_tokens {
            Some(Ending::Length)
        } else if slot.read >= self.model.config.context {
            Some(Ending::Context)
        } else {
            None
        };
        slot.sampled.ending = ending.unwrap_or(Ending::Length);
        ending.is_some()
    }
}

/// Attention of one new position to the first `seen` positions of its cache.
fn attend(c: &ModelConfig, cache: &Cache, seen: usize, query: &[f32], out: &mut [f32], scores: &mut Buffer) {
    let shape = attention::Shape { d: c.d_model, heads: c.heads, window: c.window };
    let width = shape.head();
    let heads = query.chunks_exact(width).zip(out.chunks_exact_mut(width));
    for ((query, out), (keys, values)) in heads.zip(cache.keys.iter().zip(&cache.values)) {
        let left = Left::Rows { data: query, stride: width };
        let stride = scores.len();
        gemm(1, left, keys.part(width, seen), Out { data: scores, stride, add: false });
        attention::softmax(&mut scores[..seen], 0..seen, shape.scale());
        let left = Left::Rows { data: scores, stride };
        gemm(1, left, values.part(seen, width), Out { data: out, stride: width, add: false });
    }
}
