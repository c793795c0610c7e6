//! A request as every API hands it over.

use super::resources::{ArmAsked, Judge};
use outthink_core::{Budget, Effort, Prompt, Sampling, Thinking};
use outthink_strategy::StrategySpec;

/// A request that was understood, in no protocol's words.
#[derive(Debug, Clone)]
pub(crate) struct RunRequest {
    /// The model by name; `None` is the default.
    pub(crate) model: Option<String>,
    pub(crate) prompt: Prompt,
    pub(crate) stream: bool,
    pub(crate) effort: Effort,
    pub(crate) strategy: StrategySpec,
    pub(crate) budget: Budget,
    pub(crate) verifiers: Vec<Judge>,
    /// Arms next to the model.
    pub(crate) arms: Vec<ArmAsked>,
    pub(crate) sampling: Sampling,
    /// The seed, where the client asked for one.
    pub(crate) seed: Option<u64>,
    /// How long the reasoning should be, where the client said so.
    pub(crate) thinking: Thinking,
    pub(crate) logprobs: bool,
    /// What of the client's request is not carried out, in words for the receipt.
    pub(crate) notes: Vec<String>,
    /// The session that it is a part of, where the client named it.
    pub(crate) session: Option<String>,
}

impl Default for RunRequest {
    fn default() -> Self {
        Self {
            model: None,
            prompt: Prompt::default(),
            stream: false,
            effort: Effort::Auto,
            strategy: StrategySpec::for_effort(Effort::Auto),
            budget: Budget::default(),
            verifiers: Vec::new(),
            arms: Vec::new(),
            sampling: Sampling::default(),
            seed: None,
            thinking: Thinking::default(),
            logprobs: false,
            notes: Vec::new(),
            session: None,
        }
    }
}

impl RunRequest {
    /// Whether it draws one sample whose pieces are the reply.
    pub(crate) fn passes_through(&self) -> bool {
        self.strategy.name == "single"
    }
}
