//! Named amounts of thinking.

use crate::Entry;
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

    /// How it is described in help texts, schemas and docs.
    pub const fn entry(self) -> &'static Entry {
        const AUTO: Entry =
            Entry::new("auto", "the model's own length; further samples only while they are worth their price");
        const NONE: Entry = Entry {
            also: &["off", "disabled", "single"],
            ..Entry::new("none", "one sample; reasoning is turned off where the engine can")
        };
        const MINIMAL: Entry =
            Entry { also: &["min"], ..Entry::new("minimal", "the least reasoning; up to 3 samples") };
        const LOW: Entry = Entry::new("low", "short reasoning; up to 5 samples");
        const MEDIUM: Entry =
            Entry { also: &["default", "normal"], ..Entry::new("medium", "moderate reasoning; up to 16 samples") };
        const HIGH: Entry = Entry::new("high", "long reasoning; up to 32 samples");
        const XHIGH: Entry = Entry {
            also: &["x-high", "extra-high", "very-high"],
            ..Entry::new("xhigh", "longer reasoning; up to 64 samples")
        };
        const MAX: Entry = Entry {
            also: &["maximum", "maximal", "huge", "ultra"],
            ..Entry::new("max", "as much as the model can use; up to 128 samples")
        };
        match self {
            Self::Auto => &AUTO,
            Self::None => &NONE,
            Self::Minimal => &MINIMAL,
            Self::Low => &LOW,
            Self::Medium => &MEDIUM,
            Self::High => &HIGH,
            Self::Xhigh => &XHIGH,
            Self::Max => &MAX,
        }
    }

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        self.entry().name
    }

    /// Tokens of a sample at this effort as a multiple of one at `medium`: what is assumed before any was seen.
    /// Published counts of models with native efforts differ by factors of two to three between neighbours; it
    /// is a factor of two here.
    pub const fn length(self) -> f64 {
        match self {
            Self::None => 0.125,
            Self::Minimal => 0.25,
            Self::Low => 0.5,
            Self::Auto | Self::Medium => 1.0,
            Self::High => 2.0,
            Self::Xhigh => 4.0,
            Self::Max => 8.0,
        }
    }

    /// What it buys at most.
    pub const fn plan(self) -> EffortPlan {
        let (max_samples, target_confidence) = match self {
            Self::None => (1, 0.5),
            Self::Minimal => (3, 0.85),
            Self::Low => (5, 0.90),
            Self::Medium => (16, 0.95),
            // What can be compared is worth as much at `auto` as at `high`; what cannot is one sample.
            Self::Auto | Self::High => (32, 0.97),
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
#[error("{}", crate::unknown("effort", .0, Effort::ALL.map(Effort::entry)))]
pub struct UnknownEffort(pub String);

impl FromStr for Effort {
    type Err = UnknownEffort;

    fn from_str(word: &str) -> Result<Self, UnknownEffort> {
        Self::ALL.into_iter().find(|e| e.name() == word).ok_or_else(|| UnknownEffort(word.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_an_effort_says_how_many_samples_it_draws_and_the_name_is_that_of_the_wire() {
        for effort in Effort::ALL {
            let (entry, most) = (effort.entry(), effort.plan().max_samples);
            let said = match effort {
                Effort::None => entry.line.starts_with("one sample"),
                Effort::Auto => true,
                _ => entry.line.ends_with(&format!("up to {most} samples")),
            };
            assert!(said, "{effort}: {}", entry.line);
            assert_eq!(serde_json::to_value(effort).unwrap(), entry.name);
        }
    }

    #[test]
    fn an_unknown_word_gets_a_suggestion_or_the_list() {
        let error = |word: &str| word.parse::<Effort>().unwrap_err().to_string();
        assert_eq!(error("hihg"), "unknown effort `hihg` (did you mean `high`?)");
        assert_eq!(error("huge"), "unknown effort `huge` (did you mean `max`?)");
        assert_eq!(error("42"), "unknown effort `42`: use auto, none, minimal, low, medium, high, xhigh, max");
    }
}
