//! A model: its shape, its parameters, and what it thinks of a batch.

use crate::config::ModelConfig;
use crate::error::TrainError;
use crate::kernel::rows::Rotary;
use crate::objective::Objective;
use crate::pass::{Span, Workspace, split};
use crate::weights::{Layout, PackedModel, Tensor};

/// A decoder-only transformer.
#[derive(Debug, Clone)]
pub struct Model {
    pub(crate) config: ModelConfig,
    pub(crate) layout: Layout,
    pub(crate) weights: Vec<f32>,
    pub(crate) packed: PackedModel,
    pub(crate) rotary: Rotary,
}

/// What a backward pass found.
#[derive(Debug, Clone, PartialEq)]
pub struct Backward {
    /// The objective, summed over all tokens.
    pub loss: f64,
    /// For each sequence, log p(token i | tokens before i) at place i; place 0 holds 0.
    pub log_probs: Vec<Vec<f32>>,
}

/// The gradient of an objective, with the room in which it is computed.
#[derive(Debug, Default)]
pub struct Gradient {
    workers: Vec<Worker>,
}

/// What one thread works in.
#[derive(Debug, Default)]
struct Worker {
    workspace: Workspace,
    gradient: Vec<f32>,
    log_probs: Vec<(usize, usize, f32)>,
    loss: f64,
}

impl Gradient {
    /// The gradient, in the order of [`Model::tensors`].
    pub fn values(&self) -> &[f32] {
        self.workers.first().map_or(&[], |w| &w.gradient)
    }
}

impl Model {
    /// A model with random weights: the same seed gives the same model.
    ///
    /// # Errors
    ///
    /// Where [`ModelConfig::check`] refuses the shape.
    pub fn new(config: ModelConfig, seed: u64) -> Result<Self, TrainError> {
        config.check()?;
        let weights = Layout::new(&config).initial(config.layers, seed);
        Self::from_weights(config, weights)
    }

    /// A model of given weights, in the order of [`Model::tensors`].
    ///
    /// # Errors
    ///
    /// Where the shape cannot be computed or the number of weights is another one.
    pub fn from_weights(config: ModelConfig, weights: Vec<f32>) -> Result<Self, TrainError> {
        config.check()?;
        let layout = Layout::new(&config);
        if weights.len() != layout.len {
            return Err(TrainError::setting("the number of weights", weights.len(), layout.len.to_string()));
        }
        let rotary = Rotary::new(config.context, config.d_model / config.heads, config.rope_theta);
        let mut model = Self { config, layout, weights, packed: PackedModel::default(), rotary };
        model.repack();
        Ok(model)
    }

    /// The shape.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// Every tensor, in the order in which they lie in [`Self::weights`].
    pub fn tensors(&self) -> &[Tensor] {
        &self.layout.tensors
    }

    /// All parameters.
    pub fn weights(&self) -> &[f32] {
        &self.weights
    }

    /// Changes the parameters.
    pub fn update(&mut self, change: impl FnOnce(&mut [f32])) {
        change(&mut self.weights);
        self.repack();
    }

    fn repack(&mut self) {
        self.packed.pack(&self.config, &self.layout, &self.weights);
    }

    /// Checks that the model can take these sequences.
    ///
    /// # Errors
    ///
    /// [`TrainError::Sequence`] for one of fewer than two tokens, one longer than the context, or one
    /// with a token outside of the vocabulary.
    pub fn check<T: AsRef<[u32]>>(&self, sequences: &[T]) -> Result<(), TrainError> {
        for (index, tokens) in sequences.iter().enumerate() {
            let tokens = tokens.as_ref();
            let fail = |problem: String| Err(TrainError::Sequence { index, problem });
            if tokens.len() < 2 {
                return fail(format!("has {} tokens; need at least 2, of which the second is predicted", tokens.len()));
            }
            // The last token is predicted and not read.
            if tokens.len() > self.config.context + 1 {
                return fail(format!(
                    "has {} tokens; the context of {} allows {}",
                    tokens.len(),
                    self.config.context,
                    self.config.context + 1
                ));
            }
            if let Some(token) = tokens.iter().find(|t| **t as usize >= self.config.vocab) {
                return fail(format!("holds token {token}; the vocabulary ends at {}", self.config.vocab - 1));
            }
        }
        Ok(())
    }

    /// Log-probabilities: for each sequence, log p(token i | tokens before i) at place i; place 0
    /// holds 0. Sequences may differ in length.
    ///
    /// # Errors
    ///
    /// As [`Model::check`].
    pub fn log_probs<T: AsRef<[u32]> + Sync>(
        &self,
        sequences: &[T],
        threads: usize,
    ) -> Result<Vec<Vec<f32>>, TrainError> {
        self.check(sequences)?;
        let mut workers = Vec::new();
        spread(sequences, threads, &mut workers, &|worker, pass| {
            worker.workspace.forward(self, sequences, pass);
            let found = &mut worker.log_probs;
            worker.workspace.log_probs(self.config.vocab, sequences, pass, |s, p, l| found.push((s, p, l)));
        });
        Ok(collect(sequences, &mut workers))
    }

    /// Logits of every next token of one sequence, `[tokens, vocab]`.
    ///
    /// # Errors
    ///
    /// As [`Model::check`], but one token is enough.
    pub fn logits(&self, tokens: &[u32]) -> Result<Vec<f32>, TrainError> {
        // One more token, because the last of a sequence is not read.
        let sequence = [tokens, &[0]].concat();
        self.check(&[&sequence])?;
        let mut workspace = Workspace::default();
        workspace.forward(self, &[sequence], &[Span { sequence: 0, rows: 0..tokens.len() }]);
        Ok(workspace.logits().to_vec())
    }

    /// The gradient of an objective over a batch of sequences, which may differ in length.
    ///
    /// On one thread equal calls give equal bits. More threads share the batch; the order of sums
    /// then depends on their number, and on nothing else.
    ///
    /// # Errors
    ///
    /// As [`Model::check`].
    pub fn backward<T: AsRef<[u32]> + Sync>(
        &self,
        sequences: &[T],
        objective: &dyn Objective,
        gradient: &mut Gradient,
        threads: usize,
    ) -> Result<Backward, TrainError> {
        self.check(sequences)?;
        for worker in &mut gradient.workers {
            worker.gradient.fill(0.0);
        }
        spread(sequences, threads, &mut gradient.workers, &|worker, pass| {
            worker.gradient.resize(self.layout.len, 0.0);
            worker.workspace.forward(self, sequences, pass);
            let found = &mut worker.log_probs;
            let loss =
                worker.workspace.backward(self, (sequences, pass), objective, &mut worker.gradient, |s, p, l| {
                    found.push((s, p, l));
                });
            worker.loss += loss;
        });
        let loss = gradient.workers.iter().map(|w| w.loss).sum();
        let log_probs = collect(sequences, &mut gradient.workers);
        if let Some((first, others)) = gradient.workers.split_first_mut() {
            first.gradient.resize(self.layout.len, 0.0);
            for other in others.iter().filter(|w| !w.gradient.is_empty()) {
                first.gradient.iter_mut().zip(&other.gradient).for_each(|(sum, g)| *sum += g);
            }
        }
        Ok(Backward { loss, log_probs })
    }
}

/// Runs all passes of a batch, an equal share of them in order on each thread.
fn spread<T: AsRef<[u32]> + Sync>(
    sequences: &[T],
    threads: usize,
    workers: &mut Vec<Worker>,
    run: &(dyn Fn(&mut Worker, &[Span]) + Sync),
) {
    let passes = split(sequences);
    let threads = threads.clamp(1, passes.len().max(1));
    if workers.len() < threads {
        workers.resize_with(threads, Worker::default);
    }
    for worker in workers.iter_mut() {
        worker.loss = 0.0;
        worker.log_probs.clear();
    }
    if threads == 1 {
        for pass in &passes {
            run(&mut workers[0], pass);
        }
        return;
    }
    let share = passes.len().div_ceil(threads);
    std::thread::scope(|scope| {
        for (worker, passes) in workers.iter_mut().zip(passes.chunks(share)) {
            scope.spawn(move || passes.iter().for_each(|pass| run(worker, pass)));
        }
    });
}

/// Sorts what the workers found into sequences.
fn collect<T: AsRef<[u32]>>(sequences: &[T], workers: &mut [Worker]) -> Vec<Vec<f32>> {
    let mut log_probs: Vec<Vec<f32>> = sequences.iter().map(|s| vec![0.0; s.as_ref().len()]).collect();
    for (sequence, position, log_prob) in workers.iter_mut().flat_map(|w| w.log_probs.drain(..)) {
        log_probs[sequence][position] = log_prob;
    }
    log_probs
}
