//! Named amounts of thinking.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// How much thinking a request is allowed, by the names that the OpenAI API uses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effort {
    /// One sample as the engine gives it.
    None,
    /// Up to 3 samples.
    Minimal,
    /// Up to 5 samples.
    Low,
    /// Up to 16 samples.
    #[default]
    Medium,
    /// Up to 32 samples.
    High,
    /// Up to 64 samples.
    Xhigh,
    /// Up to 128 samples.
    Max,
}

/// What an [`Effort`] buys at most where nothing else is said.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EffortPlan {
    /// Samples at most.
    pub max_samples: u32,
    /// Generated tokens of one sample at most.
    pub max_tokens_per_sample: u64,
    /// Stop when the leader stays ahead with at least this probability.
    pub target_confidence: f64,
}

impl Effort {
    /// All of them, from the least to the most.
    pub const ALL: [Self; 7] = [Self::None, Self::Minimal, Self::Low, Self::Medium, Self::High, Self::Xhigh, Self::Max];

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Xhigh => "xhigh",
            Self::Max => "max",
        }
    }

    /// What it buys at most.
    pub const fn plan(self) -> EffortPlan {
        let (max_samples, max_tokens_per_sample, target_confidence) = match self {
            Self::None => (1, 2_048, 0.5),
            Self::Minimal => (3, 512, 0.85),
            Self::Low => (5, 768, 0.90),
            Self::Medium => (16, 1_024, 0.95),
            Self::High => (32, 2_048, 0.97),
            Self::Xhigh => (64, 4_096, 0.99),
            Self::Max => (128, 8_192, 0.995),
        };
        EffortPlan { max_samples, max_tokens_per_sample, target_confidence }
    }
}

impl fmt::Display for Effort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A word that names no effort.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown effort `{0}`: use none, minimal, low, medium, high, xhigh or max")]
pub struct UnknownEffort(pub String);

impl FromStr for Effort {
    type Err = UnknownEffort;

    fn from_str(word: &str) -> Result<Self, UnknownEffort> {
        Self::ALL.into_iter().find(|e| e.name() == word).ok_or_else(|| UnknownEffort(word.into()))
    }
}
