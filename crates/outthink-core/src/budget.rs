//! Hard limits of one request.

use crate::{Bill, Cost, Price, Usage};
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

    /// What is contradictory or useless in this budget, in words that say how to fix it.
    pub fn problem(&self) -> Option<String> {
        if self.max_tokens == Some(0) {
            return Some("a budget of 0 tokens buys nothing: give at least 1".into());
        }
        if self.max_samples == Some(0) {
            return Some("a budget of 0 samples buys nothing: give at least 1".into());
        }
        match self.max_seconds {
            Some(s) if !s.is_finite() || s <= 0.0 => {
                Some(format!("a budget of {s} seconds buys nothing: give a positive number"))
            }
            _ => None,
        }
    }
}

/// What a budget still pays for, everything that runs counted at its full length.
///
/// The driver starts nothing that does not fit, so that a hard limit holds whatever the engine does.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Room {
    /// Generated tokens; `None` is no limit.
    pub tokens: Option<u64>,
    /// Dollars; `None` is no limit.
    pub cost: Option<Cost>,
    /// Samples; `None` is no limit.
    pub samples: Option<u32>,
    /// What the prompt of one sample costs at most.
    pub prompt_cost: Cost,
    /// What the engine charges.
    pub price: Price,
}

impl Room {
    /// A sample shorter than this is not worth starting.
    pub const SHORTEST: u64 = 16;

    /// Tokens that a budget must still hold for each sample of which nobody limited the length.
    pub const STRETCH: u64 = 1_024;

    /// How many samples of up to `max_tokens` can be started now; without a limit each must have at least
    /// [`Room::STRETCH`]. Where that is none but one of [`Room::SHORTEST`] tokens fits, it is one, shortened.
    pub fn affordable(&self, max_tokens: Option<u64>) -> u32 {
        let full = max_tokens.unwrap_or(Self::STRETCH);
        let fits = |tokens: u64| {
            let by_tokens = self.tokens.map_or(u64::MAX, |left| left / tokens.max(1));
            let each = self.prompt_cost + self.price.cost(&Usage { completion: tokens, ..Usage::default() });
            let by_cost = self.cost.map_or(u64::MAX, |left| left.nano().checked_div(each.nano()).unwrap_or(u64::MAX));
            by_tokens.min(by_cost)
        };
        let count = match fits(full) {
            0 => fits(full.min(Self::SHORTEST)).min(1),
            count => count,
        };
        u32::try_from(count).unwrap_or(u32::MAX).min(self.samples.unwrap_or(u32::MAX))
    }

    /// The same room for samples whose prompt costs `prompt_cost` at most.
    #[must_use]
    pub const fn with_prompt_cost(mut self, prompt_cost: Cost) -> Self {
        self.prompt_cost = prompt_cost;
        self
    }

    /// Whether a judgement of at most `bill` can be begun.
    pub fn pays_for(&self, bill: Bill) -> bool {
        self.tokens.is_none_or(|left| bill.tokens <= left) && self.cost.is_none_or(|left| bill.cost <= left)
    }

    /// The length that each of `count` samples may have: `max_tokens`, or an equal share of what the budget
    /// still pays for, whichever is less. `None` where neither limits it.
    pub fn cap(&self, max_tokens: Option<u64>, count: u32) -> Option<u64> {
        let count = u64::from(count.max(1));
        let by_tokens = self.tokens.map(|left| left / count);
        let by_cost = self.cost.and_then(|left| {
            let each = Cost::from_nano(left.nano() / count);
            self.price.affordable_output(each.saturating_sub(self.prompt_cost))
        });
        [max_tokens, by_tokens, by_cost].into_iter().flatten().min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_started_fits_in_the_room(
            tokens in 0u64..100_000, cost in 0u64..10_000_000, prompt in 0u64..1_000_000,
            output in 0u64..1_000_000_000, max_tokens in prop::option::of(1u64..5_000), wanted in 1u32..80,
        ) {
            let price = Price { output, ..Price::default() };
            let room = Room { tokens: Some(tokens), cost: Some(Cost::from_nano(cost)), samples: Some(64), prompt_cost: Cost::from_nano(prompt), price };
            let count = room.affordable(max_tokens).min(wanted);
            let each = room.cap(max_tokens, count).unwrap_or(0);
            let count = u64::from(count);
            prop_assert!(count * each <= tokens);
            let bill = price.cost(&Usage { completion: each, ..Usage::default() }).nano() + prompt;
            prop_assert!(count * bill <= cost, "{count} x {bill} > {cost}");
        }
    }
}
