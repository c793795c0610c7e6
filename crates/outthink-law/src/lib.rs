//! Scaling laws from measurements: estimators, fits, intervals and forecasts.
//!
//! Numbers in, structs out. Nothing in this crate reads a file, a clock or a network, spawns an
//! engine, or draws hidden randomness: whatever resamples takes a seed, and gives the same result
//! on one thread as on sixty-four.
//!
//! - [`estimate`], [`vote`], [`cost`]: pass@k, maj@k and its limit, weighted votes, the cost to solve,
//!   means with intervals, paired comparisons over problems.
//! - [`pretrain`]: loss against parameters and tokens (Chinchilla, Kaplan, `IsoFLOP`, repeated data).
//! - [`rl`]: accuracy against reinforcement-learning compute, jointly over sizes.
//! - [`forms`], [`noise`], [`choose`], [`joint`]: accuracy against thinking tokens or any compute, how
//!   its points err together, which form forecasts best, several curves pooled.
//! - [`fall`]: curves that fall, and curves that miss their points.
//! - [`coverage`]: pass@k far beyond the samples drawn, from counts of right samples.
//! - [`task`]: from loss to the accuracy of a task, with the uncertainty of both steps.
//! - [`verdict`]: whether a curve still rises, slows or is at a wall, or inconclusive.
//! - [`plan`], [`lifetime`]: bills of training and inference, options side by side, and the size and tokens
//!   that cost least over a model's life.
//!
//! # Examples
//!
//! ```
//! use outthink_law::estimate::{maj_at_k, pass_at_k, Ballots};
//!
//! // 100 samples, 20 right: how often is one of 10 right?
//! let p = pass_at_k(100, 20, 10)?;
//! assert!((p - 0.9049).abs() < 1e-4);
//!
//! // Five samples: three say A (right), two say B. A vote among three of them.
//! let ballots = Ballots { counts: &[3, 2], correct: Some(0), blank: 0 };
//! assert!((maj_at_k(&ballots, 3)? - 0.7).abs() < 1e-12);
//! # Ok::<(), outthink_law::LawError>(())
//! ```

pub mod best_of;
pub mod choose;
pub mod cost;
pub mod coverage;
mod entry;
mod error;
pub mod estimate;
pub mod fall;
pub mod forms;
mod interval;
pub mod joint;
pub mod lifetime;
pub mod noise;
mod optim;
mod outlook;
pub mod plan;
pub mod pretrain;
mod profile;
pub mod rl;
mod rng;
pub mod sensitivity;
mod smc;
mod special;
pub mod task;
pub mod verdict;
pub mod vote;

pub use entry::{LawEntry, REGISTRY};
pub use error::LawError;
pub use interval::Interval;
