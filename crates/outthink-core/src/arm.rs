//! The ways in which a sample can be drawn.

use crate::{Capabilities, Cost, Effort, Room, UnknownEffort, Usage};
use serde::{Deserialize, Serialize};

/// An arm's number within its request, from 0, the cheapest or the default one.
pub type ArmId = u32;
/// A verifier's number within its request, from 0.
pub type VerifierId = u32;

/// What a sample is asked to be.
///
/// ```
/// use outthink_core::SampleKind;
/// assert_eq!(SampleKind::parse("program"), Some(SampleKind::Program));
/// assert_eq!(SampleKind::Text.name(), "cot");
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SampleKind {
    /// A reply to the prompt as it stands, such as a chain of thought.
    #[default]
    Text,
    /// A program whose outcome is the answer.
    Program,
}

impl SampleKind {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Program, Self::Text];

    /// Its name in settings, in traces and in recordings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "cot",
            Self::Program => "program",
        }
    }

    /// The kind of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// A kind of sample that a strategy buys, and how its tokens are drawn.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct KindPlan {
    /// The kind.
    pub kind: SampleKind,
    /// Softmax temperature in place of the request's, where the request itself sets one: what is left to the
    /// server stays with it.
    pub temperature: Option<f64>,
}

/// A way to draw samples, as strategies see it: an engine, perhaps with words of its own for the
/// model, and a price.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Arm {
    /// Its name in traces.
    pub name: String,
    /// What its engine can do.
    pub capabilities: Capabilities,
    /// What the budget still pays for on it.
    pub room: Room,
    /// The effort that its samples are asked for, where one is.
    pub effort: Option<Effort>,
    /// Generated tokens that a sample of it took on average before this request, where that was seen.
    pub tokens_seen: Option<f64>,
    /// What its samples are asked to be.
    pub kind: SampleKind,
    /// Prompt and completion tokens together at most, where known.
    pub context: Option<u64>,
}

/// A model's name as people write it, perhaps with an effort: `MODEL@EFFORT`.
///
/// The word after the last `@` is an effort if it consists of letters and hyphens. Anything else there, such as
/// a version (`claude@20250514`), is part of the name. A name that itself ends in `@` and such a word is
/// written with a further `@` at its end.
///
/// ```
/// use outthink_core::{ArmName, Effort};
///
/// let short = ArmName::parse("qwen3@low")?;
/// assert_eq!((short.model, short.effort), ("qwen3", Some(Effort::Low)));
/// assert_eq!(ArmName::parse("claude@20250514")?.model, "claude@20250514");
/// assert_eq!(ArmName::parse("claude@latest@")?.model, "claude@latest");
/// let error = ArmName::parse("qwen3@hgih").unwrap_err().to_string();
/// assert!(error.starts_with("unknown effort `hgih` (did you mean `high`?) after the `@`"));
/// # Ok::<(), outthink_core::ArmNameError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArmName<'a> {
    /// The model; empty where only an effort was written, which means the request's own model.
    pub model: &'a str,
    /// The effort, where one was written.
    pub effort: Option<Effort>,
}

/// What follows the last `@` of a name is a word, and no effort.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{unknown} after the `@`; if `@{}` belongs to the model's name, put another `@` behind it", unknown.0.chars().take(64).collect::<String>())]
pub struct ArmNameError {
    /// The word.
    pub unknown: UnknownEffort,
}

impl<'a> ArmName<'a> {
    /// Splits an effort off a name.
    ///
    /// # Errors
    /// If the word after the last `@` is not an effort.
    pub fn parse(text: &'a str) -> Result<Self, ArmNameError> {
        let text = text.trim();
        let Some((model, word)) = text.rsplit_once('@') else { return Ok(Self { model: text, effort: None }) };
        if word.is_empty() {
            return Ok(Self { model, effort: None });
        }
        if !word.bytes().all(|b| b.is_ascii_alphabetic() || matches!(b, b'-' | b'_')) {
            return Ok(Self { model: text, effort: None });
        }
        let effort = word.parse().map_err(|unknown| ArmNameError { unknown })?;
        Ok(Self { model, effort: Some(effort) })
    }
}

/// What was bought on one arm.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArmBill {
    /// The arm's name.
    pub name: String,
    /// Its model.
    pub model: String,
    /// Samples started.
    pub samples: u32,
    /// The bill in tokens.
    pub usage: Usage,
    /// The bill in money.
    pub cost: Cost,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_effort_is_split_off_and_nothing_else() {
        for (text, model, effort) in [
            ("m", "m", None),
            ("m@high", "m", Some(Effort::High)),
            ("@low", "", Some(Effort::Low)),
            ("@cf/meta/llama-3.1-8b", "@cf/meta/llama-3.1-8b", None),
            ("@cf/meta/llama-3.1-8b@max", "@cf/meta/llama-3.1-8b", Some(Effort::Max)),
            ("claude@20250514", "claude@20250514", None),
            ("claude@20250514@none", "claude@20250514", Some(Effort::None)),
            ("m@v2", "m@v2", None),
            ("m@high@", "m@high", None),
            ("m@high@low", "m@high", Some(Effort::Low)),
            ("", "", None),
            ("@", "", None),
        ] {
            assert_eq!(ArmName::parse(text), Ok(ArmName { model, effort }), "{text}");
        }
    }

    #[test]
    fn an_unknown_effort_says_what_was_meant_and_how_to_name_such_a_model() {
        let error = ArmName::parse("claude@latest").unwrap_err().to_string();
        assert!(error.starts_with("unknown effort `latest`: use auto, none, "), "{error}");
        assert!(error.ends_with("if `@latest` belongs to the model's name, put another `@` behind it"), "{error}");
    }
}
