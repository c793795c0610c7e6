//! Whether a request may begin: its key, its effort, its budget. One way for every route.

use super::allowance::{Allowance, Amount};
use super::caller::{Caller, reason, refused};
use super::control::Control;
use super::weigh::Weight;
use crate::error::ApiError;
use outthink_core::{Budget, Cost, Engine, Price, Prompt, Room};
use outthink_ledger::Claim;
use std::sync::Arc;

/// A request that is claimed for may be answered in so many tokens; with less it is not begun.
const SHORTEST: u64 = 64;
/// Samples whose first stretch is claimed at the beginning; further ones claim theirs as they begin.
const AT_ONCE: u64 = 3;

/// How much a request may be, as far as that is known before it begins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Size {
    /// Tokens of the prompt of one sample at most.
    pub(crate) prompt: u64,
    /// Tokens that are billed as generated though the client sent them.
    pub(crate) predicted: u64,
    /// Generated tokens of one sample at most, where somebody limited them.
    pub(crate) length: Option<u64>,
    /// Samples at most.
    pub(crate) samples: u64,
    /// Generated tokens that are claimed ahead of a sample, where a stretch is more.
    pub(crate) ahead: Option<u64>,
    /// Whether nothing is known of what it spends before its end, so that all of it is claimed.
    pub(crate) whole: bool,
}

impl Size {
    /// The size of a prompt in samples of at most `length` tokens, on any of these models.
    pub(super) fn of(prompt: &Prompt, models: &[&dyn Engine], length: Option<u64>, samples: u32) -> Self {
        let weights = models.iter().map(|e| Weight::of(prompt, &e.model().id, e.model().context));
        let heaviest = weights.max_by_key(|w| w.prompt).unwrap_or_default();
        let (prompt, predicted) = (heaviest.prompt, heaviest.predicted);
        Self { prompt, predicted, length, samples: u64::from(samples), ahead: None, whole: false }
    }

    /// Generated tokens that a sample claims before it begins.
    pub(super) fn stretch(&self) -> u64 {
        let ahead = self.ahead.unwrap_or(Room::STRETCH).min(Room::STRETCH);
        self.length.unwrap_or(ahead).min(ahead)
    }

    /// What is claimed at the beginning, at least and at most.
    fn claimed(&self, price: Price) -> (Amount, Amount) {
        let amount = |samples: u64, each: u64| {
            let completion = each.saturating_add(self.predicted).saturating_mul(samples);
            Amount::most(price, self.prompt.saturating_mul(samples), completion)
        };
        if self.whole {
            let all = amount(self.samples, self.length.unwrap_or(0));
            return (all, all);
        }
        let stretch = self.stretch();
        // Whoever claims little ahead loses little in a crash.
        let at_once = if self.ahead.is_some() { 1 } else { AT_ONCE };
        (amount(1, stretch.min(SHORTEST)), amount(self.samples.clamp(1, at_once), stretch))
    }
}

/// Checks that the caller may use these engines, and claims the first stretch of the request; `None` where
/// nothing has to be claimed. The budget is lowered to what the key can pay.
pub(crate) async fn admit(
    caller: &Caller,
    control: &Control,
    (trace, session, engines): (&str, Option<String>, &[&dyn Engine]),
    size: Size,
    budget: &mut Budget,
) -> Result<Option<Arc<Allowance>>, ApiError> {
    for engine in engines {
        caller.may_use(&engine.model().id)?;
    }
    let (Some(key), Some(ledger)) = (&caller.key, &control.ledger) else { return Ok(None) };
    // Any sample may come from the most expensive model, a fallback included.
    let price = engines.iter().map(|e| e.price_bound()).fold(Price::default(), Price::highest);
    let (least, most) = size.claimed(price);
    let within = |amount: Cost| budget.max_cost.map_or(amount, |own| own.min(amount));
    let claim = Claim {
        least: within(least.cost),
        most: within(most.cost),
        least_tokens: least.tokens,
        most_tokens: most.tokens,
        session,
        ..Claim::new(&key.id, trace, engines.first().map_or("", |e| &e.model().id))
    };
    let asked = Amount { cost: claim.most, tokens: claim.most_tokens };
    let hold = ledger.claim(claim).await.map_err(|error| {
        control.metrics.refused(reason(&error));
        refused(&error)
    })?;
    let grant = hold.grant();
    // A free model needs no budget, and a budget of nothing would stop it.
    if !price.is_free()
        && let Some(free) = grant.free
    {
        budget.max_cost = Some(budget.max_cost.map_or(free, |own| own.min(free)));
    }
    if let Some(free) = grant.free_tokens {
        budget.max_tokens = Some(budget.max_tokens.map_or(free, |own| own.min(free)));
    }
    Ok(Some(Arc::new(Allowance::new(hold, asked, (price, size.prompt)))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_request_claims_a_stretch_and_a_short_one_all_of_it() {
        let price = Price { input: 1_000_000, output: 2_000_000, ..Price::default() };
        let size = Size { prompt: 100, samples: 1, length: Some(128_000), ..Size::default() };
        let (least, most) = size.claimed(price);
        assert_eq!((least.tokens, most.tokens), (64, 1_024));
        assert_eq!(most.cost.nano(), 100 + 2 * 1_024);
        let (least, most) = Size { length: Some(10), samples: 64, ..size }.claimed(price);
        assert_eq!((least.tokens, most.tokens), (10, 30));
        let (least, most) = Size { length: Some(10), samples: 64, whole: true, ..size }.claimed(price);
        assert_eq!((least.tokens, most.tokens), (640, 640));
        let (least, most) = Size { ahead: Some(40), samples: 64, ..size }.claimed(price);
        assert_eq!((least.tokens, most.tokens), (40, 40), "who claims little ahead begins with one sample");
        assert_eq!(Size { ahead: Some(40), length: Some(10), ..size }.stretch(), 10);
        let predicted = Size { length: Some(10), predicted: 500, ..size }.claimed(price).1;
        assert_eq!(predicted.tokens, 510);
    }
}
