//! What a sweep may still spend.

use outthink_core::{Cost, Engine, EngineError, Origin, Price, Prompt, SampleRequest, Usage};

/// A cap on cost with what was spent and what is held for samples that run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Purse {
    price: Price,
    /// The most that a model behind the engine charges: what is held.
    bound: Price,
    /// Tokens of prompt and reply at most, where the model says so.
    context: Option<u64>,
    cap: Option<Cost>,
    spent: Cost,
    held: Cost,
}

impl Purse {
    pub(super) fn new(engine: &dyn Engine, cap: Option<Cost>, spent: Cost) -> Self {
        let model = engine.model();
        Self { price: model.price, bound: engine.price_bound(), context: model.context, cap, spent, held: Cost::ZERO }
    }

    /// Whether what a sample costs at most is known, where a cap needs it.
    ///
    /// # Errors
    /// If a sample is limited neither by its setting nor by the model's context.
    pub(super) fn check(&self, plan: &super::SweepPlan) -> Result<(), EngineError> {
        let unlimited = plan.settings.iter().any(|s| s.max_tokens == 0) && self.context.is_none();
        if self.cap.is_some() && unlimited && !self.bound.is_free() {
            let words = "a cap on cost needs a limit on the length of a sample, and neither a limit nor the model's \
                         context is known";
            return Err(EngineError::new(Origin::Caller, words).with_hint("give --max-tokens"));
        }
        Ok(())
    }

    pub(super) fn price(&self) -> &Price {
        &self.price
    }

    pub(super) fn spent(&self) -> Cost {
        self.spent
    }

    /// What one sample of a request costs at most: no token is shorter than a byte.
    pub(super) fn price_of(&self, request: &SampleRequest) -> Cost {
        let completion = request.max_tokens.or(self.context).unwrap_or(0);
        let usage = Usage { prompt: prompt_bytes(&request.prompt), completion, ..Usage::default() };
        self.bound.cost(&usage)
    }

    /// How many samples that cost `each` fit under the cap beside those that run.
    pub(super) fn affordable(&self, each: Cost) -> u64 {
        let Some(cap) = self.cap else { return u64::MAX };
        let left = cap.saturating_sub(self.spent + self.held);
        left.nano().checked_div(each.nano()).unwrap_or(u64::MAX)
    }

    pub(super) fn hold(&mut self, cost: Cost) {
        self.held += cost;
    }

    /// Puts what was spent in the place of what was held.
    pub(super) fn settle(&mut self, held: Cost, spent: Cost) {
        self.held = self.held.saturating_sub(held);
        self.spent += spent;
    }
}

/// The bytes of a prompt as it is sent, which are more than its tokens.
pub(super) fn prompt_bytes(prompt: &Prompt) -> u64 {
    let length = |text: serde_json::Result<String>| text.map_or(0, |t| t.len() as u64);
    length(serde_json::to_string(&prompt.messages)) + length(serde_json::to_string(&prompt.extra))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_started_never_costs_more_than_the_cap(
            cap in 0u64..1_000_000, before in 0u64..1_000_000, each in 1u64..10_000,
            ends in proptest::collection::vec(0u64..=100, 0..200),
        ) {
            let mut purse = Purse {
                price: Price::default(),
                bound: Price::default(),
                context: None,
                cap: Some(Cost::from_nano(cap)),
                spent: Cost::from_nano(before),
                held: Cost::ZERO,
            };
            let each = Cost::from_nano(each);
            let mut running = 0u64;
            for percent in ends {
                while purse.affordable(each) > 0 && running < 7 {
                    purse.hold(each);
                    running += 1;
                }
                if running > 0 {
                    running -= 1;
                    purse.settle(each, Cost::from_nano(each.nano() * percent / 100));
                }
                prop_assert!(purse.spent().nano() + running * each.nano() <= cap.max(before));
            }
        }
    }
}
