//! Integration tests, in one binary.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests, which say why they skip")]
#![expect(clippy::approx_constant, reason = "a published interval ends at .318")]

mod ahead;
mod calibration;
mod coverage;
mod estimate;
mod made;
mod pretrain;
mod rl;
mod table;
mod through;
mod verdict;
