//! How long a reply's reasoning should be.

use crate::Effort;
use serde::{Deserialize, Serialize};

/// How long the reasoning of one sample should be, for engines that have a setting for it. The default says
/// nothing, and nothing is sent.
///
/// What a client set by the engine's own names (`chat_template_kwargs`, `thinking`, …) stands in
/// [`Prompt::extra`](crate::Prompt::extra) and wins over this.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct Thinking {
    /// How hard the model should think; [`Effort::None`] turns reasoning off where the engine can.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effort: Option<Effort>,
    /// Tokens of reasoning at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<u64>,
}

impl Thinking {
    /// Whether it says nothing.
    pub const fn is_default(&self) -> bool {
        self.effort.is_none() && self.budget.is_none()
    }
}
