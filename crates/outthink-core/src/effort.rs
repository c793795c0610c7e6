//! Named amounts of thinking.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// How much thinking a request is allowed, by the names that the OpenAI API uses, and `auto`.
///
/// An effort is a plan over both axes of thinking: how long one sample reasons, which engines have their
/// own settings for ([`Thinking`](crate::Thinking)), and how many samples are drawn ([`Effort::plan`]).
/// None of them limits the tokens of a sample: a limit is sent only where somebody asked for one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effort {
    /// The engine's own default length; one sample where there is nothing to compare, and further ones only
    /// while they are worth their price.
    Auto,
    /// One sample; reasoning is turned off where the engine can.
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
    /// Stop when the leader stays ahead with at least this probability.
    pub target_confidence: f64,
}

impl Effort {
    /// All of them: `auto`, and the others from the least to the most.
    pub const ALL: [Self; 8] =
        [Self::Auto, Self::None, Self::Minimal, Self::Low, Self::Medium, Self::High, Self::Xhigh, Self::Max];

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
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
        let (max_samples, target_confidence) = match self {
            Self::None => (1, 0.5),
            Self::Minimal => (3, 0.85),
            Self::Low => (5, 0.90),
            Self::Auto | Self::Medium => (16, 0.95),
            Self::High => (32, 0.97),
            Self::Xhigh => (64, 0.99),
            Self::Max => (128, 0.995),
        };
        EffortPlan { max_samples, target_confidence }
    }
}

impl fmt::Display for Effort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A word that names no effort.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown effort `{0}`: use auto, none, minimal, low, medium, high, xhigh or max")]
pub struct UnknownEffort(pub String);

impl FromStr for Effort {
    type Err = UnknownEffort;

    fn from_str(word: &str) -> Result<Self, UnknownEffort> {
        Self::ALL.into_iter().find(|e| e.name() == word).ok_or_else(|| UnknownEffort(word.into()))
    }
}
