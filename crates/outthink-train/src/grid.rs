//! Runs over sizes and amounts of data, for a law to be fitted to.

use crate::config::ModelConfig;
use crate::corpus::Corpus;
use crate::error::TrainError;
use crate::pretrain::{PretrainConfig, Pretraining, Progress};
use crate::vocabulary::Vocabulary;
use serde::Serialize;

/// Which runs to make.
#[derive(Debug, Clone, PartialEq)]
pub struct Grid {
    /// Width and layers of each size.
    pub sizes: Vec<(usize, usize)>,
    /// Tokens of the runs of each size.
    pub tokens: Vec<u64>,
    /// Learning rates to choose from, each times sqrt(32 / width). A size takes the one with the lowest
    /// loss at the lower middle of its amounts of data.
    pub rates: Vec<f32>,
    /// Width of the heads of every size; without it as [`ModelConfig::sized`] has them.
    pub head_width: Option<usize>,
    /// Everything else; shape, tokens and rate of it are not used but for the context and vocabulary.
    pub base: PretrainConfig,
}

/// A run that has ended: a row of the table that a law is fitted to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct GridRow {
    /// Parameters without embeddings and output layer.
    pub params: u64,
    /// Tokens trained on.
    pub tokens: u64,
    /// Mean loss on the validation part in nats a token.
    pub loss: f64,
    /// Its standard error.
    pub loss_error: f64,
    /// All parameters.
    pub all_params: u64,
    /// Width.
    pub width: usize,
    /// Layers.
    pub layers: usize,
    /// The highest learning rate.
    pub rate: f32,
    /// Whether the run was made to choose the learning rate and lost.
    pub rejected: bool,
}

/// What happens while a grid runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum GridEvent {
    /// A step of a run.
    Step(Progress),
    /// A run has ended. Whether it was rejected is known at the end of its size only.
    Run(GridRow),
}

impl Grid {
    /// Makes all runs and returns them, those with rejected rates included.
    ///
    /// # Errors
    ///
    /// An empty list, a setting that cannot work, or a run that exploded at every rate.
    pub fn run(
        &self,
        corpus: &Corpus,
        vocabulary: &Vocabulary,
        threads: usize,
        tell: &mut dyn FnMut(GridEvent),
    ) -> Result<Vec<GridRow>, TrainError> {
        for (what, len) in [
            ("the number of sizes", self.sizes.len()),
            ("the number of amounts of data", self.tokens.len()),
            ("the number of learning rates", self.rates.len()),
        ] {
            if len == 0 {
                return Err(TrainError::setting(what, 0, "at least 1"));
            }
        }
        // All that can be refused is refused before the first hour of work.
        for &size in &self.sizes {
            for &tokens in &self.tokens {
                self.config(size, tokens, self.rates[0])?.check()?;
            }
        }
        let mut tokens = self.tokens.clone();
        tokens.sort_unstable();
        let chosen_at = tokens.remove((tokens.len() - 1) / 2);
        let mut rows = Vec::new();
        for &size in &self.sizes {
            let mut tried = Vec::new();
            let mut failed = None;
            for &rate in &self.rates {
                match one(self.config(size, chosen_at, rate)?, corpus, vocabulary, threads, tell) {
                    Ok(row) => tried.push((rate, row)),
                    Err(error @ (TrainError::Exploded { .. } | TrainError::NotFinite { .. })) => failed = Some(error),
                    Err(error) => return Err(error),
                }
            }
            let best = (0..tried.len()).min_by(|a, b| tried[*a].1.loss.total_cmp(&tried[*b].1.loss));
            let Some(best) = best else {
                return Err(
                    failed.unwrap_or_else(|| TrainError::setting("the number of learning rates", 0, "at least 1"))
                );
            };
            let rate = tried[best].0;
            rows.extend(tried.iter().enumerate().map(|(i, (_, row))| GridRow { rejected: i != best, ..*row }));
            for &tokens in &tokens {
                rows.push(one(self.config(size, tokens, rate)?, corpus, vocabulary, threads, tell)?);
            }
        }
        Ok(rows)
    }

    fn config(&self, (width, layers): (usize, usize), tokens: u64, rate: f32) -> Result<PretrainConfig, TrainError> {
        let base = self.base.model;
        let sized = ModelConfig::sized(base.vocab, base.context, width, layers);
        let model = ModelConfig { window: base.window, ..sized };
        let model = self.head_width.map_or(Ok(model), |head| model.with_heads_of(head))?;
        Ok(PretrainConfig { model, tokens, rate: rate * (32.0 / width as f32).sqrt(), ..self.base })
    }
}

/// Makes one run.
fn one(
    config: PretrainConfig,
    corpus: &Corpus,
    vocabulary: &Vocabulary,
    threads: usize,
    tell: &mut dyn FnMut(GridEvent),
) -> Result<GridRow, TrainError> {
    let mut run = Pretraining::new(config, corpus, vocabulary.clone(), threads)?;
    let mut tokens = 0;
    while !run.is_done() {
        let progress = run.advance()?;
        tokens = progress.tokens;
        tell(GridEvent::Step(progress));
    }
    let validation = run.validate()?;
    let row = GridRow {
        params: config.model.body_parameters(),
        tokens,
        loss: validation.loss,
        loss_error: validation.error,
        all_params: config.model.parameters(),
        width: config.model.d_model,
        layers: config.model.layers,
        rate: config.rate,
        rejected: false,
    };
    tell(GridEvent::Run(row));
    Ok(row)
}
