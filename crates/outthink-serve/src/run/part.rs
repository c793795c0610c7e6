//! A request that is a part of something larger, such as a batch: what it may spend of it, and what it spent.

use super::request::RunRequest;
use outthink_core::{Budget, Cost, Outcome, Usage};
use std::sync::{Arc, Mutex, PoisonError};

/// The setting of a strategy that says what a sample has to gain.
const PRICE: &str = "price";

/// The part of one request in a larger budget. Whoever hands it out learns from it what was spent.
#[derive(Debug, Default)]
pub(crate) struct Part {
    /// Dollars at most.
    max_cost: Option<Cost>,
    /// Generated tokens at most.
    max_tokens: Option<u64>,
    /// Samples at most.
    max_samples: Option<u32>,
    /// The probability of a right answer that a sample must gain, for strategies that know of such a price.
    price: Option<f64>,
    /// Generated tokens that a sample claims ahead, where a stretch is more.
    ahead: Option<u64>,
    spent: Mutex<PartSpent>,
    /// What it is a part of itself.
    whole: Option<Arc<Self>>,
}

/// What a part spent.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct PartSpent {
    pub(crate) usage: Usage,
    pub(crate) cost: Cost,
    /// Samples that were drawn.
    pub(crate) samples: u64,
}

impl Part {
    /// A part of at most this much.
    pub(crate) fn new(budget: &Budget, price: Option<f64>) -> Self {
        let &Budget { max_cost, max_tokens, max_samples, .. } = budget;
        Self { max_cost, max_tokens, max_samples, price, ..Self::default() }
    }

    /// The same, where a sample claims no more than `tokens` ahead of what it has generated.
    pub(crate) fn claiming(self, tokens: u64) -> Self {
        Self { ahead: Some(tokens), ..self }
    }

    /// Generated tokens that a sample claims ahead at most; `None` is a stretch.
    pub(super) const fn ahead(&self) -> Option<u64> {
        self.ahead
    }

    /// An equal part for each of `count` runs of the request.
    pub(crate) fn divided(self: &Arc<Self>, count: u32) -> Arc<Self> {
        let count = u64::from(count.max(1));
        Arc::new(Self {
            max_cost: self.max_cost.map(|most| Cost::from_nano(most.nano() / count)),
            max_tokens: self.max_tokens.map(|most| most / count),
            max_samples: self.max_samples,
            price: self.price,
            ahead: self.ahead,
            spent: Mutex::default(),
            whole: Some(Arc::clone(self)),
        })
    }

    /// Lowers a budget to what the part may spend.
    pub(crate) fn lower(&self, budget: &mut Budget) {
        let least = |own: Option<u64>, part: Option<u64>| own.into_iter().chain(part).min();
        let cost = least(budget.max_cost.map(Cost::nano), self.max_cost.map(Cost::nano));
        budget.max_cost = cost.map(Cost::from_nano);
        budget.max_tokens = least(budget.max_tokens, self.max_tokens);
        budget.max_samples = budget.max_samples.into_iter().chain(self.max_samples).min();
    }

    /// Lowers the budget of a request, and sets the price of a sample where its strategy has one that the client did
    /// not set.
    pub(super) fn limit(&self, request: &mut RunRequest) {
        self.lower(&mut request.budget);
        let Some(price) = self.price else { return };
        let has_price =
            |name: &str| request.strategy.entry().is_ok_and(|e| e.entry.settings.iter().any(|s| s.name == name));
        if has_price(PRICE) && request.strategy.settings.get(PRICE).is_none() {
            request.strategy.settings.set(PRICE, price);
        }
    }

    /// Takes in the end of a run.
    pub(super) fn ended(&self, outcome: &Outcome) {
        {
            let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
            spent.usage += outcome.usage;
            spent.cost += outcome.cost;
            spent.samples += u64::from(outcome.samples_drawn);
        }
        if let Some(whole) = &self.whole {
            whole.ended(outcome);
        }
    }

    /// What was spent until now.
    pub(crate) fn spent(&self) -> PartSpent {
        *self.spent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use outthink_core::Effort;
    use outthink_strategy::StrategySpec;

    #[test]
    fn the_least_limit_holds_and_a_price_of_the_client_stays() {
        let part = Arc::new(Part::new(
            &Budget { max_cost: Some(Cost::from_nano(900)), max_tokens: Some(90), ..Budget::default() },
            Some(0.01),
        ));
        let strategy = StrategySpec { name: "allocate".to_owned(), ..StrategySpec::for_effort(Effort::Auto) };
        let mut request = RunRequest { strategy, ..RunRequest::default() };
        request.budget.max_tokens = Some(50);
        part.divided(3).limit(&mut request);
        assert_eq!((request.budget.max_cost, request.budget.max_tokens), (Some(Cost::from_nano(300)), Some(30)));
        assert_eq!(request.strategy.settings.get(PRICE), Some(&0.01.into()));
        assert!(request.strategy.build().is_ok());
        request.strategy.settings.set(PRICE, 0.5);
        part.limit(&mut request);
        assert_eq!(request.strategy.settings.get(PRICE), Some(&0.5.into()));
        let mut single = RunRequest { strategy: StrategySpec::for_effort(Effort::None), ..RunRequest::default() };
        part.limit(&mut single);
        assert!(single.strategy.settings.is_empty() && single.strategy.build().is_ok());
    }
}
