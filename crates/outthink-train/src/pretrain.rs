//! Pre-training on a corpus: which tokens when, validation, and when to stop by itself.

use crate::checkpoint::{Checkpoint, CheckpointRef};
use crate::config::ModelConfig;
use crate::corpus::Corpus;
use crate::error::TrainError;
use crate::model::Model;
use crate::objective::EveryToken;
use crate::optimizer::AdamWConfig;
use crate::rng::Rng;
use crate::schedule::{Decay, Schedule};
use crate::trainer::Trainer;
use crate::vocabulary::Vocabulary;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Tokens that a validation looks at, at most.
const VALIDATION: usize = 1 << 18;
/// Share of the last loss in the smoothed one.
const SMOOTHING: f64 = 0.05;
/// Nats above its lowest value at which the smoothed loss has exploded.
const EXPLOSION: f64 = 1.0;

/// A run of pre-training.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PretrainConfig {
    /// The model's shape. Its context is the length of the sequences.
    pub model: ModelConfig,
    /// Tokens to train on, rounded up to whole batches.
    pub tokens: u64,
    /// Sequences of a batch.
    pub batch: usize,
    /// The highest learning rate.
    pub rate: f32,
    /// How it falls.
    pub decay: Decay,
    /// Share of the steps that warm up.
    pub warmup: f64,
    /// The optimizer.
    pub optimizer: AdamWConfig,
    /// Seed of the first weights and of the order of the tokens.
    pub seed: u64,
}

impl PretrainConfig {
    /// The usual run of a shape: batches of 16 sequences, a rate of 0.01 · sqrt(32 / width), a cosine
    /// after 5 % of warm-up.
    pub fn new(model: ModelConfig, tokens: u64) -> Self {
        Self {
            model,
            tokens,
            batch: 16,
            rate: 0.01 * (32.0 / model.d_model as f32).sqrt(),
            decay: Decay::Cosine,
            warmup: 0.05,
            optimizer: AdamWConfig::default(),
            seed: 0,
        }
    }

    /// Tokens of a step.
    pub fn step_tokens(&self) -> u64 {
        (self.batch * self.model.context) as u64
    }

    /// The learning rate at each step.
    pub fn schedule(&self) -> Schedule {
        let steps = self.tokens.div_ceil(self.step_tokens().max(1));
        Schedule { peak: self.rate, warmup: (steps as f64 * self.warmup).ceil() as u64, steps, decay: self.decay }
    }

    /// Checks that the run can be made.
    ///
    /// # Errors
    ///
    /// [`TrainError::Setting`] names the first value that cannot work.
    pub fn check(&self) -> Result<(), TrainError> {
        self.model.check()?;
        if self.batch == 0 {
            return Err(TrainError::setting("the batch", 0, "at least 1 sequence"));
        }
        if self.tokens == 0 {
            return Err(TrainError::setting("the number of tokens", 0, "at least 1"));
        }
        if !(0.0..1.0).contains(&self.warmup) {
            return Err(TrainError::setting("the share of warm-up", self.warmup, "a number from 0 to below 1"));
        }
        self.schedule().check()
    }
}

/// A validation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Validation {
    /// Mean loss in nats a token.
    pub loss: f64,
    /// Standard error of the mean, over sequences.
    pub error: f64,
    /// Tokens looked at.
    pub tokens: u64,
}

/// A step of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Steps made.
    pub step: u64,
    /// Steps of the run.
    pub steps: u64,
    /// Tokens trained on.
    pub tokens: u64,
    /// Mean loss of the step in nats a token.
    pub loss: f64,
    /// The loss, smoothed.
    pub smoothed: f64,
    /// Norm of the gradient before clipping.
    pub norm: f64,
    /// The learning rate of the step.
    pub rate: f32,
}

/// What a run needs besides model and optimizer to go on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    config: PretrainConfig,
    /// Bits of the smoothed loss and its lowest value: JSON would round them.
    smoothed: u64,
    lowest: u64,
    corpus_tokens: u64,
}

/// A run of pre-training, one step at a time.
///
/// Which tokens a step sees follows from the seed and the step alone, so a run that goes on from a
/// checkpoint is, on one thread, to the bit the run that was never stopped.
#[derive(Debug)]
pub struct Pretraining<'a> {
    config: PretrainConfig,
    schedule: Schedule,
    trainer: Trainer,
    corpus: &'a Corpus,
    vocabulary: Vocabulary,
    smoothed: f64,
    lowest: f64,
    /// An epoch and the order of its sequences.
    order: Option<(u64, Vec<u32>)>,
}

impl<'a> Pretraining<'a> {
    /// Starts a run.
    ///
    /// # Errors
    ///
    /// A shape or setting that cannot work, or a corpus that is shorter than one sequence.
    pub fn new(
        config: PretrainConfig,
        corpus: &'a Corpus,
        vocabulary: Vocabulary,
        threads: usize,
    ) -> Result<Self, TrainError> {
        config.check()?;
        let trainer = Trainer::new(Model::new(config.model, config.seed)?, config.optimizer, threads);
        Self::with(
            State { config, smoothed: 0, lowest: f64::INFINITY.to_bits(), corpus_tokens: 0 },
            trainer,
            corpus,
            vocabulary,
        )
    }

    /// Goes on from a checkpoint.
    ///
    /// # Errors
    ///
    /// A checkpoint of something else than pre-training, or another corpus than the run began with.
    pub fn resume(checkpoint: Checkpoint, corpus: &'a Corpus, threads: usize) -> Result<Self, TrainError> {
        let need = "a checkpoint of `train pretrain` with its optimizer";
        let state: State = serde_json::from_value(checkpoint.run)
            .map_err(|e| TrainError::setting("the state of the run", format!("unreadable ({e})"), need))?;
        let Some(optimizer) = checkpoint.optimizer else {
            return Err(TrainError::setting("the optimizer", "missing", need));
        };
        let have = corpus.train.len() as u64;
        if have != state.corpus_tokens {
            let need = format!("{}, as when the run began: give the same corpus", state.corpus_tokens);
            return Err(TrainError::setting("the number of tokens in the corpus", have, need));
        }
        let trainer = Trainer::resume(checkpoint.model, optimizer, threads)?;
        Self::with(state, trainer, corpus, checkpoint.vocabulary)
    }

    fn with(state: State, trainer: Trainer, corpus: &'a Corpus, vocabulary: Vocabulary) -> Result<Self, TrainError> {
        let State { config, smoothed, lowest, .. } = state;
        let (smoothed, lowest) = (f64::from_bits(smoothed), f64::from_bits(lowest));
        if vocabulary.len() != config.model.vocab {
            let need = format!("{}, as the model's", config.model.vocab);
            return Err(TrainError::setting("the vocabulary", vocabulary.len(), need));
        }
        if corpus.train.len() <= config.model.context {
            let need =
                format!("more than one sequence of {}: give more text or a shorter context", config.model.context);
            return Err(TrainError::setting("the number of tokens in the corpus", corpus.train.len(), need));
        }
        let schedule = config.schedule();
        Ok(Self { config, schedule, trainer, corpus, vocabulary, smoothed, lowest, order: None })
    }

    /// The settings of the run.
    pub fn config(&self) -> &PretrainConfig {
        &self.config
    }

    /// The model as it is now.
    pub fn model(&self) -> &Model {
        self.trainer.model()
    }

    /// Steps made.
    pub fn step(&self) -> u64 {
        self.trainer.steps()
    }

    /// Whether all steps are made.
    pub fn is_done(&self) -> bool {
        self.step() >= self.schedule.steps
    }

    /// How often the run sees each token of the corpus.
    pub fn epochs(&self) -> f64 {
        (self.schedule.steps * self.config.step_tokens()) as f64 / self.corpus.train.len() as f64
    }

    /// Makes one step.
    ///
    /// # Errors
    ///
    /// A loss that is no number or that has exploded; the last checkpoint is then the last good one.
    pub fn advance(&mut self) -> Result<Progress, TrainError> {
        let step = self.step();
        let first = step * self.config.batch as u64;
        let batch: Vec<&[u32]> = (first..first + self.config.batch as u64).map(|index| self.sequence(index)).collect();
        let weight = 1.0 / self.config.step_tokens() as f32;
        let rate = self.schedule.rate(step);
        let done = self.trainer.step(&batch, &EveryToken { weight }, rate)?;
        self.smoothed = if step == 0 { done.loss } else { self.smoothed + SMOOTHING * (done.loss - self.smoothed) };
        self.lowest = self.lowest.min(self.smoothed);
        if self.smoothed > self.lowest + EXPLOSION {
            return Err(TrainError::Exploded { loss: self.smoothed, best: self.lowest, step });
        }
        Ok(Progress {
            step: step + 1,
            steps: self.schedule.steps,
            tokens: (step + 1) * self.config.step_tokens(),
            loss: done.loss,
            smoothed: self.smoothed,
            norm: done.norm,
            rate,
        })
    }

    /// Sequence `index` of the run: the corpus is cut into sequences, and each epoch takes all of them
    /// in an order of its own.
    fn sequence(&mut self, index: u64) -> &'a [u32] {
        let context = self.config.model.context;
        // One more token than a sequence reads, because the last one is predicted only.
        let count = (self.corpus.train.len() - 1) / context;
        let epoch = index / count as u64;
        if self.order.as_ref().is_none_or(|(e, _)| *e != epoch) {
            let mut rng = Rng::stream(self.config.seed ^ 0x0d0e, epoch);
            let mut order: Vec<u32> = (0..count as u32).collect();
            for last in (1..count).rev() {
                order.swap(last, rng.below(last + 1));
            }
            self.order = Some((epoch, order));
        }
        let place = (index % count as u64) as usize;
        let place = self.order.as_ref().and_then(|(_, order)| order.get(place)).map_or(place, |p| *p as usize);
        &self.corpus.train[place * context..][..=context]
    }

    /// Mean loss over the validation part of the corpus, over 262,144 tokens at most, spread evenly.
    ///
    /// # Errors
    ///
    /// A validation part that is shorter than two tokens.
    pub fn validate(&self) -> Result<Validation, TrainError> {
        let tokens = &self.corpus.validation;
        if tokens.len() < 2 {
            return Err(TrainError::setting("the number of tokens to validate on", tokens.len(), "at least 2"));
        }
        let context = self.config.model.context;
        // Evenly over all of it: neighbours come from one file and say the same.
        let all = (tokens.len() - 1).div_ceil(context);
        let taken = all.min((VALIDATION / context).max(1));
        let sequences: Vec<&[u32]> = (0..taken)
            .map(|i| i * all / taken * context)
            .map(|first| &tokens[first..tokens.len().min(first + context + 1)])
            .collect();
        let log_probs = self.model().log_probs(&sequences, self.trainer.threads())?;
        let sums: Vec<(f64, f64)> =
            log_probs.iter().map(|l| (-l.iter().map(|l| f64::from(*l)).sum::<f64>(), (l.len() - 1) as f64)).collect();
        let count: f64 = sums.iter().map(|s| s.1).sum();
        let loss = sums.iter().map(|s| s.0).sum::<f64>() / count;
        // Of a ratio of sums, sequences being the unit that was drawn.
        let spread: f64 = sums.iter().map(|(sum, n)| (sum - loss * n).powi(2)).sum();
        Ok(Validation { loss, error: spread.sqrt() / count, tokens: count as u64 })
    }

    /// Writes a checkpoint from which [`Pretraining::resume`] goes on.
    ///
    /// # Errors
    ///
    /// Where the file cannot be written; the old one is then still there.
    pub fn save(&self, path: &Path) -> Result<(), TrainError> {
        let corpus_tokens = self.corpus.train.len() as u64;
        let state = State {
            config: self.config,
            smoothed: self.smoothed.to_bits(),
            lowest: self.lowest.to_bits(),
            corpus_tokens,
        };
        let run = serde_json::to_value(state).map_err(|e| TrainError::Checkpoint {
            path: path.to_path_buf(),
            problem: format!("cannot be written: {e}"),
        })?;
        let optimizer = Some(self.trainer.optimizer());
        CheckpointRef { model: self.model(), optimizer, vocabulary: &self.vocabulary, run: &run }.write(path)
    }
}
