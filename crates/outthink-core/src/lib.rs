//! The words of outthink and the traits that tie its rooms together.
//!
//! A [`Strategy`] looks at a [`State`] and answers with a [`Decision`]: what to buy next, or when
//! to stop. A driver carries decisions out on an [`Engine`]. This crate holds neither: it knows no
//! async runtime, no clock, no file and no network.
//!
//! ```
//! use outthink_core::{Budget, Cost, Price, Usage};
//!
//! let price = Price::per_million_usd(0.15, 0.075, 0.60)?;
//! let usage = Usage { prompt: 1_000, cached: 0, completion: 500, ..Usage::default() };
//! assert_eq!(price.cost(&usage), Cost::from_nano(450_000));
//! assert!(Budget { max_cost: Some(Cost::from_nano(1)), ..Budget::default() }.is_spent(&usage, price.cost(&usage), 0.0));
//! # Ok::<(), outthink_core::PriceError>(())
//! ```

mod allocation;
mod arm;
mod budget;
mod effort;
mod engine;
mod entry;
mod error;
mod estimate;
mod integers;
mod isotonic;
mod json_length;
mod money;
mod outcome;
mod price;
mod prompt;
mod relay;
mod sample;
mod state;
mod step;
mod thinking;
mod usage;
mod usage_read;
mod usage_scan;
mod verifier;

pub use allocation::{AgreementPart, AllocationTable, AllocationTableError, FormTable, TokenTable, VerifierTable};
pub use arm::{Arm, ArmBill, ArmId, ArmName, ArmNameError, KindPlan, SampleKind, VerifierId};
pub use budget::{Budget, Room};
pub use effort::{Effort, EffortPlan, UnknownEffort};
pub use engine::{
    Capabilities, Delta, Engine, Finish, FinishReason, LOGPROBS, ModelInfo, Reasoned, SampleEvent, SampleRequest,
    SampleStream, Sampling, Source, Support,
};
pub use entry::{DefaultValue, Entry, Kind, Paper, Setting, nearest, unknown};
pub use error::{EngineError, Origin};
pub use estimate::{TOKEN_BYTES, estimated_tokens};
pub use integers::{digits as large_integer, mark as mark_integers, parse as parse_json, restore as restore_integers};
pub use isotonic::Isotonic;
pub use json_length::json_length;
pub use money::Cost;
pub use outcome::{Confidence, Outcome, StopReason, TraceEvent};
pub use price::{LongPrice, Price, PriceError, per_million_usd};
pub use prompt::Prompt;
pub use relay::{Relay, RelayBody, RelayFuture, Relayed};
pub use sample::{
    Answer, AnswerKind, ClassId, Doubt, ProgramOutcome, Role, Sample, SampleId, SampleStatus, Score, TokenConfidence,
};
pub use state::{State, Tally, fallback_classes};
pub use step::{Decision, Link, Needs, Span, Step, Strategy};
pub use thinking::Thinking;
pub use usage::Usage;
pub use usage_read::UsageRead;
pub use usage_scan::UsageScan;
pub use verifier::{Bill, Comparer, Judging, ProgramRunner, Verdict, Verifier};

/// Derives the seed of draw number `index` from a base seed (`SplitMix64`, Steele et al. 2014).
///
/// Seeds of one base do not collide, so two samples of one request never repeat each other.
pub const fn derive_seed(base: u64, index: u64) -> u64 {
    let mut z = base.wrapping_add(index.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
