//! A model with its optimizer: one step at a time.

use crate::error::TrainError;
use crate::model::{Gradient, Model};
use crate::objective::Objective;
use crate::optimizer::{AdamW, AdamWConfig};

/// A model that is being trained.
#[derive(Debug)]
pub struct Trainer {
    model: Model,
    optimizer: AdamW,
    gradient: Gradient,
    threads: usize,
}

/// What one step of training did.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The objective before the step, summed over tokens.
    pub loss: f64,
    /// Norm of the gradient before clipping.
    pub norm: f64,
    /// For each sequence, log p(token i | tokens before i) at place i before the step; place 0 holds 0.
    pub log_probs: Vec<Vec<f32>>,
}

impl Trainer {
    /// Starts with a fresh optimizer.
    pub fn new(model: Model, config: AdamWConfig, threads: usize) -> Self {
        let optimizer = AdamW::new(config, model.weights().len());
        Self { model, optimizer, gradient: Gradient::default(), threads }
    }

    /// Goes on with the state of an optimizer.
    ///
    /// # Errors
    ///
    /// Where the optimizer belongs to a model of another size.
    pub fn resume(model: Model, optimizer: AdamW, threads: usize) -> Result<Self, TrainError> {
        let (have, need) = (optimizer.mean.len(), model.weights().len());
        if have != need {
            return Err(TrainError::setting("the optimizer's size", have, format!("{need}, as the model")));
        }
        Ok(Self { model, optimizer, gradient: Gradient::default(), threads })
    }

    /// The model as it is now.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The model as it is now, and the end of training.
    pub fn into_model(self) -> Model {
        self.model
    }

    /// The optimizer's state.
    pub fn optimizer(&self) -> &AdamW {
        &self.optimizer
    }

    /// Steps made, of this run and those that it resumed.
    pub fn steps(&self) -> u64 {
        self.optimizer.steps
    }

    /// Threads of a step.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// One step down the objective over a batch, with learning rate `rate`.
    ///
    /// # Errors
    ///
    /// A sequence that the model cannot take, or a loss or gradient that is no number: the weights are
    /// then as they were before.
    pub fn step<T: AsRef<[u32]> + Sync>(
        &mut self,
        sequences: &[T],
        objective: &dyn Objective,
        rate: f32,
    ) -> Result<Step, TrainError> {
        let found = self.model.backward(sequences, objective, &mut self.gradient, self.threads)?;
        let step = self.optimizer.steps;
        if !found.loss.is_finite() {
            return Err(TrainError::NotFinite { what: "loss", value: found.loss, step });
        }
        let Self { model, optimizer, gradient, .. } = self;
        let mut norm = 0.0;
        let tensors = model.layout.tensors.clone();
        model.update(|weights| norm = optimizer.step(weights, gradient.values(), &tensors, rate));
        if !norm.is_finite() {
            return Err(TrainError::NotFinite { what: "norm of the gradient", value: norm, step });
        }
        Ok(Step { loss: found.loss, norm, log_probs: found.log_probs })
    }
}
