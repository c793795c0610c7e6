//! A cap and a floor on the length of one thought.

use super::thought::{CLOSING, Thought};
use crate::registry::{Draws, StrategyEntry, Takes};
use outthink_core::{Entry, Paper};

/// How it is described and made.
pub(super) const ENTRY: StrategyEntry = StrategyEntry {
    entry: Entry {
        paper: Some(Paper::new("Muennighoff et al. 2025", "https://arxiv.org/abs/2501.19393")),
        settings: &[CLOSING],
        also: &["s1", "wait", "thinking-budget"],
        ..Entry::new("budget-forcing", "one reply whose reasoning is extended to a floor and closed at a cap")
    },
    stops: "between --thinking-floor and --thinking-cap; at the cap the reasoning is closed and the model answers",
    draws: Draws::One,
    takes: &[Takes::Thinking],
    build: |from| Ok(Box::new(Thought::build("budget-forcing", from)?)),
};
