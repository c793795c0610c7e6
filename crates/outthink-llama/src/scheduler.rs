//! The thread that owns the context: continuous batching over shared prompts.
//!
//! Cells of the KV cache are reserved in stretches ([`cells`]): a prompt's once for all samples that share
//! it, and a sample's own as it grows. Where they run out, the youngest samples pause and are read again
//! later; none is cut.
//!
//! A prompt that begins as something that is in the cache already forks it: llama.cpp lets several
//! sequences share cells, so the fork costs neither time nor memory, and only the rest is read.

mod cells;
mod kept;

use crate::options::LlamaOptions;
use crate::sequence::{Job, Sequence};
use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::context::params::LlamaContextParams;
use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::token::LlamaToken;
use outthink_core::{EngineError, Origin};
use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};

use cells::{Claim, next_stretch, to_pause};
use kept::Kept;

/// Sequences kept for prompts, beside those of the samples.
const PROMPT_SLOTS: u32 = 32;
/// Sequences of samples that ended and may be continued, beside those that run.
const KEPT: u32 = 64;
/// The largest number of sequences that llama.cpp takes.
const LLAMA_SEQUENCES: u32 = 256;
/// Prompt tokens in one step while samples are being decoded, so that these do not starve.
const PREFILL_CHUNK: usize = 128;

/// Sizes, settled from the options and the model.
#[derive(Debug)]
pub(crate) struct Setup {
    threads: usize,
    sequences: u32,
    batch: u32,
    ubatch: u32,
    unified: bool,
    /// Sequences of ended samples that are kept.
    kept: u32,
    cells: usize,
    /// Cells that a sample reserves at once.
    stretch: usize,
    /// Prompt tokens computed so far.
    pub(crate) prefilled: Arc<AtomicU64>,
    /// Tokens of one sample at most, its prompt included.
    pub(crate) limit: usize,
}

impl Setup {
    pub(crate) fn new(model: &LlamaModel, options: &LlamaOptions, threads: usize) -> Self {
        let sequences = options.max_sequences.clamp(1, LLAMA_SEQUENCES - PROMPT_SLOTS - KEPT);
        let batch = options.batch.max(sequences).max(32);
        // llama.cpp aborts where a context has fewer cells than sequences.
        let cells = options.context.max(LLAMA_SEQUENCES) as usize;
        let own = if options.unified { cells } else { cells / sequences as usize };
        let limit = own.min(options.context.max(64) as usize).min((model.n_ctx_train() as usize).max(64));
        let ubatch = options.ubatch.clamp(1, batch);
        // A state that is not one cell a token cannot be cut, and streams of their own share no cells.
        let forks = options.fork && options.unified && !model.is_recurrent() && !model.is_hybrid();
        let kept = if forks { KEPT } else { 0 };
        let prefilled = Arc::default();
        let stretch = options.stretch.max(1) as usize;
        Self { threads, sequences, batch, ubatch, unified: options.unified, kept, cells, stretch, prefilled, limit }
    }

    pub(crate) fn params(&self) -> LlamaContextParams {
        let total = self.sequences + PROMPT_SLOTS + self.kept;
        // Without a unified cache llama.cpp divides the cells by the number of sequences.
        let cells = if self.unified { self.cells } else { self.cells / self.sequences as usize * total as usize };
        let threads = self.threads as i32;
        LlamaContextParams::default()
            .with_n_ctx(NonZeroU32::new(cells as u32))
            .with_n_batch(self.batch)
            .with_n_ubatch(self.ubatch)
            .with_n_seq_max(total)
            .with_n_threads(threads)
            .with_n_threads_batch(threads)
            .with_kv_unified(self.unified)
    }
}

/// Samples of one prompt.
struct Group {
    tokens: Arc<[LlamaToken]>,
    waiting: VecDeque<Sequence>,
    /// Those that have a sequence but no first token yet.
    forking: Vec<Sequence>,
    /// Those being decoded.
    live: Vec<Sequence>,
    /// The sequence that holds the prompt.
    slot: Option<i32>,
    /// Prompt tokens in the cache.
    read: usize,
    /// What follows the prompt, once it was read.
    logits: Vec<f32>,
    /// Prompt tokens that were forked from another sequence.
    forked: usize,
    /// Whether a sample has paid for the rest of the prompt.
    paid: bool,
    /// When it was used last.
    used_at: u64,
}

impl Group {
    fn new(tokens: Arc<[LlamaToken]>) -> Self {
        Self {
            tokens,
            waiting: VecDeque::new(),
            forking: Vec::new(),
            live: Vec::new(),
            slot: None,
            read: 0,
            logits: Vec::new(),
            forked: 0,
            paid: false,
            used_at: 0,
        }
    }

    fn started(&self) -> bool {
        !self.forking.is_empty() || !self.live.is_empty()
    }

    fn forget(&mut self) {
        self.read = 0;
        self.forked = 0;
        self.logits = Vec::new();
        self.paid = false;
    }
}

/// What a sample needs to go on.
#[derive(Clone, Copy)]
struct Need {
    cells: usize,
    /// Whether it needs a sequence, too.
    sequence: bool,
    /// Whether its prompt needs one.
    slot: bool,
}

/// Where a row of logits goes.
enum Row {
    Prompt { group: usize },
    Sample { group: usize, index: usize },
}

struct Scheduler<'a> {
    model: &'a LlamaModel,
    setup: &'a Setup,
    context: LlamaContext<'a>,
    batch: LlamaBatch<'a>,
    groups: Vec<Group>,
    /// Samples that ended and may be continued, the oldest first.
    kept: VecDeque<Kept>,
    free: Vec<i32>,
    slots: Vec<i32>,
    /// Sequences of samples that run.
    running: u32,
    /// Cells reserved. Cells that sequences share are counted for each, so this is never too small.
    used: usize,
    /// Counts admissions, to know what was used last.
    now: u64,
    /// Samples that came so far.
    came: u64,
}

/// Runs until the senders of jobs are gone.
pub(crate) fn run(
    backend: &LlamaBackend,
    model: &LlamaModel,
    setup: &Setup,
    inbox: &mpsc::Receiver<Job>,
    ready: &mpsc::Sender<Result<(), EngineError>>,
) {
    let context = match model.new_context(backend, setup.params()) {
        Ok(context) => context,
        Err(error) => {
            let error = EngineError::new(Origin::Engine, format!("llama.cpp made no context ({error})"))
                .with_hint("use a smaller `context`, or free memory");
            drop(ready.send(Err(error)));
            return;
        }
    };
    let ids = (setup.sequences + setup.kept) as i32;
    let mut scheduler = Scheduler {
        model,
        setup,
        context,
        batch: LlamaBatch::new(setup.batch as usize, 1),
        groups: Vec::new(),
        kept: VecDeque::new(),
        free: (0..ids).rev().collect(),
        slots: (ids..ids + PROMPT_SLOTS as i32).rev().collect(),
        running: 0,
        used: 0,
        now: 0,
        came: 0,
    };
    drop(ready.send(Ok(())));
    while scheduler.receive(inbox) {
        scheduler.drop_cancelled();
        scheduler.admit();
        scheduler.fork();
        scheduler.grow();
        scheduler.step();
    }
    for group in scheduler.groups {
        for sequence in group.waiting.iter().chain(&group.forking).chain(&group.live) {
            sequence.fail(EngineError::new(Origin::Engine, "the engine was closed while the sample ran").retryable());
        }
    }
}

impl Scheduler<'_> {
    /// Takes new jobs; waits for one if there is nothing to do. False once there will be no more.
    fn receive(&mut self, inbox: &mpsc::Receiver<Job>) -> bool {
        if !self.groups.iter().any(|g| g.started() || !g.waiting.is_empty()) {
            match inbox.recv() {
                Ok(job) => self.add(job),
                Err(mpsc::RecvError) => return false,
            }
        }
        loop {
            match inbox.try_recv() {
                Ok(job) => self.add(job),
                Err(mpsc::TryRecvError::Empty) => return true,
                Err(mpsc::TryRecvError::Disconnected) => return false,
            }
        }
    }

    fn add(&mut self, job: Job) {
        let tokens = Arc::clone(&job.tokens);
        let index = self.groups.iter().position(|g| g.tokens == tokens).unwrap_or_else(|| {
            self.groups.push(Group::new(tokens));
            self.groups.len() - 1
        });
        for mut sequence in Sequence::of(job) {
            self.came += 1;
            sequence.age = self.came;
            self.groups[index].waiting.push_back(sequence);
        }
    }

    /// Gives further cells to samples whose stretch is used up; where there are too few, the youngest pause.
    fn grow(&mut self) {
        if !self.setup.unified {
            return;
        }
        let stretch = self.setup.stretch;
        loop {
            let mut claims = Vec::new();
            let mut whose = Vec::new();
            for (index, group) in self.groups.iter().enumerate() {
                for sequence in group.live.iter().chain(&group.forking) {
                    let need = if sequence.needs_cells() {
                        next_stretch(stretch, sequence.reserved, sequence.most_cells())
                    } else {
                        0
                    };
                    claims.push(Claim { age: sequence.age, held: sequence.reserved, need });
                    whose.push((index, sequence.age));
                }
            }
            let need: usize = claims.iter().map(|c| c.need).sum();
            if need == 0 {
                return;
            }
            // Nothing that runs is forgotten by this, whichever group asks.
            if self.make_room(usize::MAX, Need { cells: need, sequence: false, slot: false }) {
                for sequence in self.groups.iter_mut().flat_map(|g| &mut g.live) {
                    if sequence.needs_cells() {
                        let more = next_stretch(stretch, sequence.reserved, sequence.most_cells());
                        sequence.reserved += more;
                        self.used += more;
                    }
                }
                return;
            }
            let paused = to_pause(&claims, self.setup.cells.saturating_sub(self.used));
            if paused.is_empty() {
                // Alone, and still without cells: its limit is that of the context, so this cannot be.
                self.fail_all("no cells are left");
                return;
            }
            for index in paused {
                let (group, age) = whose[index];
                self.pause(group, age);
            }
        }
    }

    /// Takes the cells of a sample, which is read again later, before all that come after it.
    fn pause(&mut self, index: usize, age: u64) {
        let group = &mut self.groups[index];
        if let Some(at) = group.forking.iter().position(|s| s.age == age) {
            let sequence = group.forking.remove(at);
            self.release(&sequence);
            self.wait_again(sequence, Arc::clone(&self.groups[index].tokens));
        } else if let Some(at) = group.live.iter().position(|s| s.age == age) {
            let mut sequence = group.live.remove(at);
            let tokens: Arc<[LlamaToken]> = group.tokens.iter().chain(sequence.fresh()).copied().collect();
            self.release(&sequence);
            sequence.pause();
            self.wait_again(sequence, tokens);
        }
    }

    fn wait_again(&mut self, mut sequence: Sequence, tokens: Arc<[LlamaToken]>) {
        sequence.id = -1;
        sequence.reserved = 0;
        let known = self.groups.iter().position(|g| g.tokens == tokens);
        let index = known.unwrap_or_else(|| {
            self.groups.push(Group::new(tokens));
            self.groups.len() - 1
        });
        self.groups[index].waiting.push_front(sequence);
    }

    fn release(&mut self, sequence: &Sequence) {
        self.clear(sequence.id);
        self.free.push(sequence.id);
        self.running -= 1;
        self.used -= sequence.reserved;
    }

    fn clear(&mut self, id: i32) {
        // Removing a whole sequence cannot fail.
        drop(self.context.clear_kv_cache_seq(Some(id as u32), None, None));
    }

    fn drop_cancelled(&mut self) {
        for index in 0..self.groups.len() {
            let group = &mut self.groups[index];
            group.waiting.retain(|s| !s.cancelled());
            let mut gone: Vec<Sequence> = group.forking.extract_if(.., |s| s.cancelled()).collect();
            gone.extend(group.live.extract_if(.., |s| s.cancelled()));
            for sequence in &gone {
                self.release(sequence);
            }
        }
        // A group without a slot and without samples holds nothing.
        self.groups.retain(|g| g.slot.is_some() || g.started() || !g.waiting.is_empty());
    }

    /// Gives sequences and cells to waiting samples, the oldest first.
    fn admit(&mut self) {
        let mut order: Vec<usize> = (0..self.groups.len()).collect();
        order.sort_by_key(|&i| self.groups[i].waiting.front().map_or(u64::MAX, |s| s.age));
        for index in order {
            while let Some(first) = self.groups[index].waiting.front() {
                let group = &self.groups[index];
                let prompt = if group.slot.is_none() { group.tokens.len() } else { 0 };
                let own = next_stretch(self.setup.stretch, 0, first.most_cells());
                let need = prompt + own;
                let wanted = Need { cells: need, sequence: true, slot: prompt > 0 };
                if self.running >= self.setup.sequences || !self.make_room(index, wanted) {
                    break;
                }
                self.used += need;
                self.running += 1;
                self.now += 1;
                if self.groups[index].slot.is_none() {
                    self.groups[index].slot = self.slots.pop();
                    self.fork_prompt(index);
                }
                let group = &mut self.groups[index];
                group.used_at = self.now;
                if let (Some(mut sequence), Some(id)) = (group.waiting.pop_front(), self.free.pop()) {
                    sequence.id = id;
                    sequence.reserved = own;
                    sequence.start();
                    group.forking.push(sequence);
                }
            }
            if !self.groups[index].waiting.is_empty() {
                return;
            }
        }
    }

    /// Whether what is needed is there, if need be after forgetting what no sample uses now, the longest
    /// unused first.
    fn make_room(&mut self, wanted_by: usize, need: Need) -> bool {
        loop {
            // With a cache for each sequence the limit of one sample is all that counts.
            let cells = !self.setup.unified || self.used + need.cells <= self.setup.cells;
            let sequence = !need.sequence || !self.free.is_empty();
            if cells && sequence && (!need.slot || !self.slots.is_empty()) {
                return true;
            }
            let idle = |(i, g): (usize, &Group)| i != wanted_by && g.slot.is_some() && !g.started();
            let idle = (0..self.groups.len()).filter(|&i| idle((i, &self.groups[i])));
            let group = idle.min_by_key(|&i| self.groups[i].used_at);
            // A slot is had from a group alone.
            let oldest = self.kept.front().filter(|_| !cells || !sequence).map(|k| k.used_at);
            match (group, oldest) {
                (Some(index), at) if at.is_none_or(|at| self.groups[index].used_at <= at) => self.forget(index),
                (_, Some(_)) => self.forget_oldest_kept(),
                (Some(index), None) => self.forget(index),
                (None, None) => return false,
            }
        }
    }

    fn forget(&mut self, index: usize) {
        let group = &mut self.groups[index];
        if let Some(id) = group.slot.take() {
            self.used -= group.tokens.len();
            group.forget();
            self.clear(id);
            self.slots.push(id);
        }
    }

    /// Starts the samples whose prompt was read.
    fn fork(&mut self) {
        for index in 0..self.groups.len() {
            let group = &mut self.groups[index];
            let Some(slot) = group.slot.filter(|_| !group.logits.is_empty()) else { continue };
            let mut ended = Vec::new();
            for mut sequence in group.forking.drain(..) {
                let cached = if group.paid { group.tokens.len() } else { group.forked };
                if let Err(error) = sequence.begin(self.model, cached) {
                    sequence.fail(error);
                    ended.push(sequence);
                    continue;
                }
                group.paid = true;
                if !sequence.advance(self.model, &group.logits) {
                    ended.push(sequence);
                } else if let Err(error) = self.context.copy_kv_cache_seq(slot, sequence.id, None, None) {
                    sequence.fail(EngineError::new(Origin::Internal, error.to_string()));
                    ended.push(sequence);
                } else {
                    group.live.push(sequence);
                }
            }
            for sequence in &ended {
                self.release(sequence);
            }
        }
    }

    /// Decodes one token of every sample, and some of the prompts.
    fn step(&mut self) {
        self.batch.clear();
        let mut rows = Vec::new();
        let mut full = false;
        for (group, members) in self.groups.iter().enumerate() {
            for (index, sequence) in members.live.iter().enumerate() {
                rows.push((self.batch.n_tokens(), Row::Sample { group, index }));
                full |= self.batch.add(sequence.last, sequence.position(), &[sequence.id], true).is_err();
            }
        }
        let decoding = !rows.is_empty();
        let room = self.setup.batch as usize - self.batch.n_tokens() as usize;
        let mut room = if decoding { room.min(PREFILL_CHUNK) } else { room };
        let mut reads = Vec::new();
        for (index, group) in self.groups.iter().enumerate() {
            let Some(slot) = group.slot.filter(|_| !group.forking.is_empty()) else { continue };
            let end = group.tokens.len().min(group.read + room);
            for position in group.read..end {
                let last = position + 1 == group.tokens.len();
                if last {
                    rows.push((self.batch.n_tokens(), Row::Prompt { group: index }));
                }
                full |= self.batch.add(group.tokens[position], position as i32, &[slot], last).is_err();
            }
            room -= end - group.read;
            reads.push((index, end));
        }
        if self.batch.n_tokens() == 0 {
            return;
        }
        let decoded = self.context.decode(&mut self.batch).map_err(|e| e.to_string());
        if let Err(reason) = if full { Err("the batch was full".to_owned()) } else { decoded } {
            self.fail_all(&reason);
            return;
        }
        for (index, read) in reads {
            let new = read - self.groups[index].read;
            self.setup.prefilled.fetch_add(new as u64, Ordering::Relaxed);
            self.groups[index].read = read;
        }
        self.deliver(&rows);
    }

    fn deliver(&mut self, rows: &[(i32, Row)]) {
        let mut ended = Vec::new();
        for (row, to) in rows {
            let logits = self.context.get_logits_ith(*row);
            match *to {
                Row::Prompt { group } => self.groups[group].logits = logits.to_vec(),
                Row::Sample { group, index } => {
                    if !self.groups[group].live[index].advance(self.model, logits) {
                        ended.push((group, index));
                    }
                }
            }
        }
        // From the back, so that the indices before stay right.
        for (group, index) in ended.into_iter().rev() {
            let sequence = self.groups[group].live.remove(index);
            self.retire(group, &sequence);
        }
    }

    /// After a failed decode the cache is in doubt: everything in flight fails and it is emptied.
    fn fail_all(&mut self, reason: &str) {
        for index in 0..self.groups.len() {
            let group = &mut self.groups[index];
            let started: Vec<Sequence> = group.forking.drain(..).chain(group.live.drain(..)).collect();
            for sequence in &started {
                let error = EngineError::new(Origin::Engine, format!("llama.cpp failed to decode ({reason})"));
                sequence.fail(error.retryable());
                self.release(sequence);
            }
            self.forget(index);
        }
        while !self.kept.is_empty() {
            self.forget_oldest_kept();
        }
        self.context.clear_kv_cache();
    }
}
