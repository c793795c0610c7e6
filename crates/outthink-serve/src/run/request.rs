//! A request as every API hands it over.

use super::resources::{ArmAsked, Judge};
use outthink_core::{Budget, Cost, Effort, Prompt, Sampling, Thinking};
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
    /// One of `count` runs of it, whose budgets and seed are its own.
    pub(crate) fn divided(&self, index: u32, count: u32) -> Self {
        let mut one = self.clone();
        let each = u64::from(count.max(1));
        let budget = &mut one.budget;
        budget.max_cost = budget.max_cost.map(|most| Cost::from_nano(most.nano() / each));
        // A budget of nothing would be none.
        budget.max_tokens = budget.max_tokens.map(|most| (most / each).max(1));
        one.seed = self.seed.map(|seed| seed.wrapping_add(u64::from(index)));
        one
    }

    /// Whether it draws one sample whose pieces are the reply.
    pub(crate) fn passes_through(&self) -> bool {
        self.strategy.name == "single"
    }
}
