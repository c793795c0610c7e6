//! `[defaults]` and `[efforts]`: how much thinking a request gets.

use outthink_core::Effort;
use schemars::JsonSchema;
use serde::Deserialize;
use std::path::PathBuf;

/// What a request gets that does not say otherwise.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Defaults {
    /// The effort of requests that name none: auto, none, minimal, low, medium, high, xhigh or max.
    #[schemars(with = "String")]
    pub effort: Effort,
    /// The model; without it the first of `models`.
    pub model: Option<String>,
    /// The field of a reply that carries the thought.
    pub reasoning_field: ReasoningField,
    /// The allocation table for the strategy allocate, as `outthink fit inference --out` writes it.
    pub table: Option<PathBuf>,
    /// Run Python unit tests that requests bring along as verifiers, in a sandbox.
    pub python_tests: bool,
    /// Run the Python programs that models write for the strategy program, in a sandbox.
    pub programs: bool,
}

impl Default for Defaults {
    fn default() -> Self {
        Self {
            effort: Effort::Auto,
            model: None,
            reasoning_field: ReasoningField::default(),
            table: None,
            python_tests: false,
            programs: false,
        }
    }
}

/// The field of a reply that carries the thought; clients know one or the other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReasoningField {
    /// Both fields, with the same text.
    #[default]
    Both,
    /// `reasoning_content`, as `DeepSeek` and older vLLM have it.
    ReasoningContent,
    /// `reasoning`, as OpenRouter and newer vLLM have it.
    Reasoning,
}

impl ReasoningField {
    /// The names of the fields.
    pub(crate) const fn names(self) -> &'static [&'static str] {
        match self {
            Self::Both => &["reasoning_content", "reasoning"],
            Self::ReasoningContent => &["reasoning_content"],
            Self::Reasoning => &["reasoning"],
        }
    }
}

/// What one effort buys; a key that is left out keeps the built-in plan.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EffortSettings {
    /// Samples at most.
    pub samples: Option<u32>,
    /// Generated tokens of one sample at most; no limit is sent where left out.
    pub max_tokens: Option<u64>,
    /// Stop when the leader stays ahead with this probability, above 0.5 and below 1.
    pub target_confidence: Option<f64>,
    /// How samples are bought, by name.
    pub strategy: Option<String>,
    /// What judges samples, by the names of `verifiers`; `self` is the model itself.
    pub verifiers: Vec<String>,
    /// Models beside that of the request, each dearer than those before it, for the strategies
    /// cascade, ensemble and allocate; `model@effort` reasons at that effort, `@effort` is the request's model.
    pub arms: Vec<String>,
}
