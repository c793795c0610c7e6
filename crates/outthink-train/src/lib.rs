//! Small transformers on the CPU: training, sampling, checkpoints and export.
//!
//! A [`Model`] is a decoder-only transformer that llama.cpp can run. Its passes are hand-written and
//! fused; a batch is any number of sequences of any lengths, without padding. What is learnt is an
//! [`Objective`] of the tokens' log-probabilities, so pre-training, fine-tuning with a mask and policy
//! gradients share all of it. A [`Trainer`] is a model with its optimizer.
//!
//! Nothing here opens a connection, prints, reads the wall clock or draws hidden randomness: the same
//! seed gives the same run, to the last bit on one thread.
//!
//! ```
//! use outthink_train::{AdamWConfig, EveryToken, Model, ModelConfig, SampleOptions, Trainer};
//!
//! // Two tokens that take turns.
//! let turns: Vec<u32> = (0..33).map(|i| i % 2).collect();
//! let mut trainer = Trainer::new(Model::new(ModelConfig::sized(2, 32, 32, 1), 7)?, AdamWConfig::default(), 1);
//! for _ in 0..60 {
//!     trainer.step(&[&turns], &EveryToken { weight: 1.0 / 32.0 }, 1e-2)?;
//! }
//! let greedy = SampleOptions { temperature: 0.0, max_tokens: 4, ..SampleOptions::default() };
//! let sampled = trainer.model().sample(&[[0, 1, 0, 1]], &greedy)?;
//! assert_eq!(sampled[0].tokens, [0, 1, 0, 1]);
//! # Ok::<(), outthink_train::TrainError>(())
//! ```

mod bpe;
mod checkpoint;
mod config;
mod corpus;
mod error;
mod file;
mod gguf;
mod gguf_read;
mod grid;
mod hf;
mod kernel;
pub mod lab;
mod measure;
mod model;
mod objective;
mod optimizer;
mod pass;
mod pretrain;
mod reader;
pub mod rl;
mod rng;
mod sample;
mod schedule;
pub mod sft;
pub mod tasks;
pub mod thinking;
mod trainer;
mod vocabulary;
mod weights;

pub use bpe::learn_merges;
pub use checkpoint::{Checkpoint, CheckpointRef};
pub use config::ModelConfig;
pub use corpus::{Corpus, CorpusOptions};
pub use error::TrainError;
pub use gguf::{GgufOptions, write_gguf};
pub use gguf_read::read_gguf;
pub use grid::{Grid, GridEvent, GridRow};
pub use hf::write_hf;
pub use measure::{Measured, Measuring, Reply, check_vocabulary, measure, replies};
pub use model::{Backward, Gradient, Model};
pub use objective::{EveryToken, Objective, Term, Weighted};
pub use optimizer::{AdamW, AdamWConfig};
pub use pretrain::{PretrainConfig, Pretraining, Progress, Validation};
pub use reader::Reader;
pub use rng::Rng;
pub use sample::{Ending, SampleOptions, Sampled};
pub use schedule::{Decay, Schedule};
pub use trainer::{Step, Trainer};
pub use vocabulary::{Piece, PieceKind, Vocabulary};
pub use weights::Tensor;
