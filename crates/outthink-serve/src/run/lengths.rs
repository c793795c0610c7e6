//! How long the samples of an arm were in the requests so far: what the next request expects of it.

use outthink_core::Outcome;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Arms that are remembered at most: clients choose them.
const MOST: usize = 1_024;
/// Samples that the mean goes back over.
const WINDOW: f64 = 64.0;

/// Mean tokens of complete samples by the name of their arm, such as `qwen3@high`.
#[derive(Debug, Default)]
pub(crate) struct Lengths(Mutex<HashMap<String, (f64, f64)>>);

impl Lengths {
    /// Takes in the samples of a request that had several arms.
    pub(crate) fn saw(&self, outcome: &Outcome) {
        if outcome.arms.len() < 2 {
            return;
        }
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for sample in outcome.samples.iter().filter(|s| s.is_root() && s.is_complete()) {
            let Some(arm) = outcome.arms.get(sample.arm as usize) else { continue };
            if known.len() >= MOST && !known.contains_key(&arm.name) {
                continue;
            }
            let (mean, n) = known.entry(arm.name.clone()).or_default();
            *n = (*n + 1.0).min(WINDOW);
            *mean += (sample.usage.completion as f64 - *mean) / *n;
        }
    }

    /// Tokens of a sample of this arm on average, where some were seen.
    pub(crate) fn mean(&self, arm: &str) -> Option<f64> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(arm).map(|(mean, _)| *mean)
    }
}
