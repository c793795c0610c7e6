//! The bill in tokens.

use serde::{Deserialize, Serialize};
use std::ops::{Add, AddAssign};

/// Tokens that were spent, by kind. Every token that an engine worked on appears here, wanted or not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Prompt tokens over all samples, the cached ones included.
    pub prompt: u64,
    /// The part of `prompt` that the engine took from its cache (a shared prefill, a prefix cache).
    pub cached: u64,
    /// The part of `prompt` that the engine wrote to its cache, where it charges for that.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cache_write: u64,
    /// The part of `cache_write` that is kept for an hour, where the engine tells it apart.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cache_write_1h: u64,
    /// Generated tokens over all samples: reasoning, content, discarded and cancelled alike.
    pub completion: u64,
    /// The part of `completion` that was reasoning.
    pub reasoning: u64,
    /// The part of `completion` in finished samples whose text is not the answer's.
    pub discarded: u64,
    /// The part of `completion` in samples that were cancelled or failed on the way.
    pub cancelled: u64,
    /// Tokens read and written by verifiers; not in the other fields.
    pub verifier: u64,
    /// Whether any count is an estimate because the engine gave none.
    pub estimated: bool,
}

impl Usage {
    /// All generated tokens, those of verifiers included: what a token budget counts.
    pub const fn generated(&self) -> u64 {
        self.completion + self.verifier
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Add for Usage {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            prompt: self.prompt + other.prompt,
            cached: self.cached + other.cached,
            cache_write: self.cache_write + other.cache_write,
            cache_write_1h: self.cache_write_1h + other.cache_write_1h,
            completion: self.completion + other.completion,
            reasoning: self.reasoning + other.reasoning,
            discarded: self.discarded + other.discarded,
            cancelled: self.cancelled + other.cancelled,
            verifier: self.verifier + other.verifier,
            estimated: self.estimated || other.estimated,
        }
    }
}

impl AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}
