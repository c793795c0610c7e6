//! The one error type of this crate.

use std::path::PathBuf;

/// What can go wrong in training, sampling and their files.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The shape of a model, or a setting of a run, that cannot work.
    #[error("{what} is {value}; need {need}")]
    Setting {
        /// The setting.
        what: &'static str,
        /// What was given.
        value: String,
        /// What is allowed.
        need: String,
    },
    /// A sequence that the model cannot take.
    #[error("sequence {index} {problem}")]
    Sequence {
        /// Place in the batch, from 0.
        index: usize,
        /// What is wrong and what is allowed.
        problem: String,
    },
    /// A loss or a gradient that is no number.
    #[error("the {what} is {value} at step {step}: lower the learning rate, or resume from the last checkpoint")]
    NotFinite {
        /// Loss or gradient.
        what: &'static str,
        /// What it is.
        value: f64,
        /// The optimizer's step, from 0.
        step: u64,
    },
    /// A loss that went up and stayed there.
    #[error(
        "the loss rose to {loss:.3} at step {step}, from {best:.3}: lower the learning rate; the last good \
         checkpoint is kept"
    )]
    Exploded {
        /// The smoothed loss.
        loss: f64,
        /// The lowest smoothed loss before.
        best: f64,
        /// The optimizer's step, from 0.
        step: u64,
    },
    /// A text that nothing can be learnt from.
    #[error("{path}: {problem}")]
    Corpus {
        /// File or folder.
        path: PathBuf,
        /// What is wrong and what to do.
        problem: String,
    },
    /// A checkpoint that cannot be used.
    #[error("{path}: {problem}")]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong and what to do.
        problem: String,
    },
    /// A file that cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file that cannot be written.
    #[error("cannot write {path}: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl TrainError {
    /// A setting that cannot work.
    pub(crate) fn setting(what: &'static str, value: impl std::fmt::Display, need: impl Into<String>) -> Self {
        Self::Setting { what, value: value.to_string(), need: need.into() }
    }
}
