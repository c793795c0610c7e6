//! How the budget of a batch is divided: what each request may spend at most, and one price of a sample over the whole.

use super::object::Limits;
use crate::run::Part;
use outthink_core::{Budget, Cost};
use outthink_strategy::allocator::PriceController;

/// What is known of money or of tokens.
#[derive(Debug, Clone, Copy)]
struct Purse {
    limit: u64,
    spent: u64,
    /// Half of an equal share.
    least: u64,
    /// What requests that run may spend at most.
    held: u64,
}

/// The budget of a batch while it runs.
///
/// A request gets up to [`Shares::MOST`] times what is left for each, so that hard questions can have more than easy ones,
/// but never so much that those after it cannot have half of an equal share. It begins once its first sample is paid for at
/// the most that it may cost, and where that is more than its share, in as many samples as its share is likely to pay for;
/// what it does not spend goes back. Strategies that know a price of a sample get the one at
/// which requests spend, on average, an equal share.
#[derive(Debug)]
pub(super) struct Shares {
    cost: Option<Purse>,
    tokens: Option<Purse>,
    /// Requests that have not ended, those that run included, and those that run.
    open: u64,
    running: u64,
    price: Option<PriceController>,
    /// Samples that were drawn for what was spent.
    samples: u64,
    seen: (u64, u64),
}

/// What a request may spend; `None` is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Share {
    pub(super) cost: Option<u64>,
    pub(super) tokens: Option<u64>,
    pub(super) samples: Option<u32>,
}

/// Whether a request may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Allotted {
    /// With this much.
    Share(Share),
    /// Once another one has ended.
    Later,
    /// Never: nothing is left.
    Never,
}

impl Shares {
    /// What one request may take of what is left for each.
    const MOST: u64 = 16;

    /// The budget of a batch that has spent this much and has `open` requests to answer.
    pub(super) fn new(limits: Limits, spent: (u64, u64), open: u64, price: Option<f64>) -> Self {
        let purse = |limit: Option<u64>, spent: u64| {
            limit.map(|limit| Purse { limit, spent, least: limit.saturating_sub(spent) / open.max(1) / 2, held: 0 })
        };
        let (cost, tokens) = (purse(limits.cost, spent.0), purse(limits.tokens, spent.1));
        let target = cost.or(tokens).map(|purse| purse.limit.saturating_sub(purse.spent) as f64 / open.max(1) as f64);
        let begin = price.unwrap_or(outthink_strategy::strategies::Allocate::PRICE);
        let price = target.map(|target| PriceController::new(target, begin));
        Self { cost, tokens, open, running: 0, price, samples: 0, seen: (0, 0) }
    }

    /// The price of a sample at this moment, where there is a budget.
    pub(super) fn price(&self) -> Option<f64> {
        self.price.as_ref().map(PriceController::price)
    }

    /// What the next request may spend, whose first sample may cost `need`.
    pub(super) fn begin(&mut self, need: Share) -> Allotted {
        let waiting = self.open.saturating_sub(self.running);
        let of = |purse: &Purse, need: Option<u64>| {
            let left = purse.limit.saturating_sub(purse.spent);
            let (each, need) = (left / self.open.max(1), need.unwrap_or(0));
            let free = left.saturating_sub(purse.held);
            let others = waiting.saturating_sub(1);
            // The last of them needs its first sample paid for, too.
            let last = if others > 0 { need.saturating_sub(purse.least) } else { 0 };
            let kept = others.saturating_mul(purse.least).saturating_add(last);
            let share = free.saturating_sub(kept).min(each.saturating_mul(Self::MOST));
            let held = share.max(need.min(free));
            match held {
                0 if self.running == 0 => Err(Allotted::Never),
                held if self.running > 0 && (held == 0 || held < need) => Err(Allotted::Later),
                held => Ok((held, share)),
            }
        };
        // What a sample of the batch costs, as far as that is known.
        let samples = |seen: u64, share: u64| {
            let each = seen.checked_div(self.samples).filter(|each| *each > 0)?;
            Some(u32::try_from((share / each).max(1)).unwrap_or(u32::MAX))
        };
        let mut share = Share::default();
        for (purse, need, seen, place) in [
            (&self.cost, need.cost, self.seen.0, &mut share.cost),
            (&self.tokens, need.tokens, self.seen.1, &mut share.tokens),
        ] {
            if let Some(purse) = purse {
                match of(purse, need) {
                    Ok((held, own)) => {
                        *place = Some(held);
                        let most = if own < held { samples(seen, own) } else { None };
                        share.samples = share.samples.into_iter().chain(most).min();
                    }
                    Err(other) => return other,
                }
            }
        }
        for (purse, held) in [(&mut self.cost, share.cost), (&mut self.tokens, share.tokens)] {
            if let (Some(purse), Some(held)) = (purse, held) {
                purse.held += held;
            }
        }
        self.running += 1;
        Allotted::Share(share)
    }

    /// The part of a request that got this share.
    pub(super) fn part(&self, share: Share) -> Part {
        let (max_cost, max_tokens) = (share.cost.map(Cost::from_nano), share.tokens);
        Part::new(&Budget { max_cost, max_tokens, max_samples: share.samples, max_seconds: None }, self.price())
    }

    /// Takes in that a request with this share has spent this much, in samples, money and tokens; whether it is answered.
    pub(super) fn end(&mut self, share: Share, (samples, cost, tokens): (u64, u64, u64), answered: bool) {
        self.samples += samples;
        self.seen = (self.seen.0.saturating_add(cost), self.seen.1.saturating_add(tokens));
        for (purse, held, spent) in [(&mut self.cost, share.cost, cost), (&mut self.tokens, share.tokens, tokens)] {
            if let Some(purse) = purse {
                purse.held = purse.held.saturating_sub(held.unwrap_or(0));
                purse.spent = purse.spent.saturating_add(spent);
            }
        }
        self.running = self.running.saturating_sub(1);
        if answered {
            self.open = self.open.saturating_sub(1);
            if let Some(price) = &mut self.price {
                price.observe(if self.cost.is_some() { cost as f64 } else { tokens as f64 });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NEED: Share = Share { cost: Some(100), tokens: Some(100), samples: None };

    #[test]
    fn without_a_budget_nothing_is_limited() {
        let mut shares = Shares::new(Limits::default(), (0, 0), 9, None);
        assert_eq!(shares.begin(NEED), Allotted::Share(Share::default()));
        assert_eq!(shares.price(), None);
    }

    #[test]
    fn hard_requests_may_have_more_and_those_after_them_are_not_starved() {
        let mut shares = Shares::new(Limits { cost: Some(100_000), tokens: None }, (0, 0), 100, None);
        let Allotted::Share(first) = shares.begin(NEED) else { panic!("nothing for the first") };
        assert_eq!(first.cost, Some(16_000), "sixteen times what is left for each");
        shares.end(first, (1, 16_000, 0), true);
        let mut worst = u64::MAX;
        for _ in 1..100 {
            let Allotted::Share(share) = shares.begin(NEED) else { panic!("nothing for a later one") };
            worst = worst.min(share.cost.unwrap());
            shares.end(share, (1, share.cost.unwrap(), 0), true);
        }
        assert!(worst >= 500, "half of an equal share: {worst}");
        assert_eq!(shares.begin(NEED), Allotted::Never);
    }

    #[test]
    fn the_price_follows_what_is_spent() {
        let mut shares = Shares::new(Limits { cost: None, tokens: Some(10_000) }, (0, 0), 100, None);
        let before = shares.price().unwrap();
        for _ in 0..20 {
            let Allotted::Share(share) = shares.begin(NEED) else { panic!("nothing left") };
            shares.end(share, (3, 0, 300.min(share.tokens.unwrap())), true);
        }
        assert!(shares.price().unwrap() > 2.0 * before, "three times the target makes samples more expensive");
    }

    #[test]
    fn a_share_below_the_bound_of_a_sample_is_counted_in_samples() {
        let mut shares = Shares::new(Limits { cost: Some(10_000), tokens: None }, (0, 0), 10, None);
        let need = Share { cost: Some(4_000), ..Share::default() };
        let Allotted::Share(first) = shares.begin(need) else { panic!("nothing for the first") };
        shares.end(first, (10, 1_000, 0), true);
        for _ in 0..9 {
            let Allotted::Share(share) = shares.begin(need) else { panic!("nothing for a later one") };
            assert!(share.cost >= Some(1_000) && share.samples.is_none_or(|most| most >= 5), "{share:?}");
            shares.end(share, (5, 500, 0), true);
        }
        let all_that_is_left = Share { cost: Some(4_500), ..Share::default() };
        assert_eq!(shares.begin(need), Allotted::Share(all_that_is_left));
    }

    proptest! {
        /// Whatever requests spend of their shares, in whatever order they end, and however often they are asked again.
        #[test]
        fn the_budget_is_never_exceeded(
            limit in 1u64..100_000, need in 0u64..5_000, open in 1u64..60, at_once in 1usize..9,
            turns in proptest::collection::vec((0usize..9, 0.0f64..1.0, any::<bool>()), 0..300),
        ) {
            let mut shares = Shares::new(Limits { cost: Some(limit), tokens: Some(limit / 2 + 1) }, (0, 0), open, None);
            let (mut running, mut spent, mut tokens) = (Vec::new(), 0, 0);
            for (place, part, answered) in turns {
                while running.len() < at_once && shares.open > running.len() as u64 {
                    match shares.begin(Share { cost: Some(need), tokens: Some(need / 2), samples: None }) {
                        Allotted::Share(share) => running.push(share),
                        Allotted::Later => { prop_assert!(!running.is_empty(), "nobody is waited for"); break }
                        Allotted::Never => break,
                    }
                }
                if running.is_empty() { break }
                let share: Share = running.swap_remove(place % running.len());
                let used = |most: Option<u64>| (most.unwrap() as f64 * part) as u64;
                spent += used(share.cost);
                tokens += used(share.tokens);
                shares.end(share, (1, used(share.cost), used(share.tokens)), answered);
                let held: u64 = running.iter().map(|share| share.cost.unwrap()).sum();
                prop_assert!(spent + held <= limit, "{spent} + {held} > {limit}");
            }
            prop_assert!(tokens <= limit / 2 + 1);
        }
    }
}
