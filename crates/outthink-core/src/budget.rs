//! Hard limits of one request.

use crate::{Cost, Usage};
use serde::{Deserialize, Serialize};

/// Hard limits of one request; `None` is no limit. The driver reserves before it spends, so that
/// none is ever exceeded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Budget {
    /// Generated tokens over all samples and verifiers.
    pub max_tokens: Option<u64>,
    /// Dollars, prompt included.
    pub max_cost: Option<Cost>,
    /// Seconds from the start of the request.
    pub max_seconds: Option<f64>,
    /// Samples started.
    pub max_samples: Option<u32>,
}

impl Budget {
    /// Whether one of the limits in tokens, dollars or seconds is used up.
    pub fn is_spent(&self, usage: &Usage, cost: Cost, seconds: f64) -> bool {
        self.max_tokens.is_some_and(|m| usage.generated() >= m)
            || self.max_cost.is_some_and(|m| cost >= m)
            || self.max_seconds.is_some_and(|m| seconds >= m)
    }

    /// What is contradictory or useless in this budget, in words that say the mend.
    pub fn problem(&self) -> Option<String> {
        if self.max_tokens == Some(0) {
            return Some("a budget of 0 tokens buys nothing: give at least 1".into());
        }
        if self.max_samples == Some(0) {
            return Some("a budget of 0 samples buys nothing: give at least 1".into());
        }
        match self.max_seconds {
            Some(s) if !s.is_finite() || s <= 0.0 => Some(format!(
                "a budget of {s} seconds buys nothing: give a positive number"
            )),
            _ => None,
        }
    }
}
