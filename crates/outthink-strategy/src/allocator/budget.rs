//! The price of a sample at which what is left of a budget pays for the problems that are left.

use serde::{Deserialize, Serialize};

/// Finds the price at which a known number of problems spends what is left of a budget.
///
/// Beyond its first sample, which every problem has, one is taken to spend `level / sqrt(price)`: near a tie the gain of
/// one more vote falls about as the square of the votes that are there. The level is learned from the problems that ended,
/// and the price solves `left = level (waiting / sqrt(price) + longer * running)`, where each problem that runs counts at the
/// price it began with: so problems at once are no delay that the price could swing by. Those that run at a moment are the
/// long ones more often than not, and `longer` is how much more they spend than others. Before much is known the price stays
/// near where it began. All amounts are those beyond first samples.
///
/// ```
/// use outthink_strategy::allocator::BudgetPrice;
///
/// let mut price = BudgetPrice::default();
/// let begun = price.at(6_000.0, 100, &[]);
/// for _ in 0..50 {
///     price.observe(begun, 120.0, 1);
/// }
/// // Half of the problems have spent nearly all: samples become expensive.
/// assert!(price.at(1_000.0, 50, &[]) > 10.0 * begun);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct BudgetPrice {
    /// What problems spent, their [`BudgetPrice::weight`] and their number; older ones count less.
    spent: f64,
    weight: f64,
    count: f64,
    /// What those spent that ran when others began, counted for each of these, and how many that are.
    running_spent: f64,
    running_count: f64,
    /// Problems that ended.
    seen: f64,
}

impl BudgetPrice {
    /// The price of the first problems. A budget is easier spent later than won back.
    const FIRST: f64 = 1e-3;
    /// The lowest and the highest price. At the highest nobody buys a second sample.
    const BOUNDS: (f64, f64) = (1e-7, 0.1);
    /// Problems after which what they spent counts as much as where the price began, besides as many as run at once: those
    /// that end first are the easy ones.
    const TRUST: f64 = 8.0;
    /// Problems over which the level is averaged: it is not the same at all prices.
    const WINDOW: f64 = 50.0;

    /// What a problem at this price is likely to spend beyond its first sample, in units of the level.
    fn weight(price: f64) -> f64 {
        price.max(Self::BOUNDS.0).sqrt().recip()
    }

    /// Takes in what a problem that began at `price` spent beyond its first sample, and how many began while it ran.
    pub fn observe(&mut self, price: f64, spent: f64, meanwhile: u64) {
        if !spent.is_finite() || !price.is_finite() {
            return;
        }
        let kept = 1.0 - 1.0 / Self::WINDOW;
        let spent = spent.max(0.0);
        self.spent = self.spent * kept + spent;
        self.weight = self.weight * kept + Self::weight(price);
        self.count = self.count * kept + 1.0;
        self.running_spent = self.running_spent * kept + spent * meanwhile as f64;
        self.running_count = self.running_count * kept + meanwhile as f64;
        self.seen += 1.0;
    }

    /// The price for the next problem: `left` is what first samples leave of the budget, `waiting` are the problems that have not begun and
    /// `running` are the prices of those that run. On a grid of quarters of an octave, so that plans can be kept.
    pub fn at(&self, left: f64, waiting: u64, running: &[f64]) -> f64 {
        let weight: f64 = running.iter().map(|&price| Self::weight(price)).sum();
        let level = self.spent / self.weight;
        let found = if self.seen == 0.0 {
            Self::FIRST
        } else if level > 0.0 {
            let mean = |sum: f64, count: f64| if count > 0.0 { sum / count } else { 0.0 };
            let longer = (mean(self.running_spent, self.running_count) / mean(self.spent, self.count)).max(1.0);
            let each = (left / level - longer * weight) / waiting.max(1) as f64;
            if each > 0.0 { each.powi(-2) } else { f64::INFINITY }
        } else {
            0.0
        };
        let trust = self.seen / (self.seen + Self::TRUST + running.len() as f64);
        let found = found.clamp(Self::BOUNDS.0, Self::BOUNDS.1);
        let log = Self::FIRST.log2() * (1.0 - trust) + found.log2() * trust;
        ((log * 4.0).round() / 4.0).exp2().min(Self::BOUNDS.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use outthink_core::derive_seed;
    use proptest::prelude::*;
    use std::collections::BinaryHeap;

    fn unit(seed: u64, index: u64) -> f64 {
        (derive_seed(seed, index) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// What a problem spends: easy ones a sample or two, others up to 32, at another power of the price than is assumed.
    fn spend(seed: u64, number: u64, price: f64, power: f64) -> f64 {
        let hard = 3.0 * unit(seed, number).powi(3);
        (1.0 + hard * (0.1 / price).powf(power)).min(32.0)
    }

    /// Spends a budget over problems, so many at once, where longer ones end later: the rest, and the prices.
    fn run(problems: u64, at_once: usize, budget: f64, (seed, power): (u64, f64)) -> (f64, Vec<f64>) {
        let (mut price, mut left, mut prices) = (BudgetPrice::default(), budget, Vec::new());
        // Ends, the next one first: when, what it spends, at what price.
        let mut running: BinaryHeap<(std::cmp::Reverse<u64>, u64, u64, u64)> = BinaryHeap::new();
        let (mut clock, mut begun) = (0, 0);
        while begun < problems || !running.is_empty() {
            while begun < problems && running.len() < at_once {
                let at_work: Vec<f64> = running.iter().map(|r| f64::from_bits(r.2)).collect();
                let first = (problems - begun) as f64 + running.len() as f64;
                let now = price.at(left - first, problems - begun, &at_work);
                let spent = spend(seed, begun, now, power);
                prices.push(now);
                running.push((std::cmp::Reverse(clock + (spent * 1e3) as u64), spent.to_bits(), now.to_bits(), begun));
                begun += 1;
            }
            if let Some((end, spent, at, number)) = running.pop() {
                clock = end.0;
                left -= f64::from_bits(spent);
                price.observe(f64::from_bits(at), f64::from_bits(spent) - 1.0, begun - number - 1);
            }
        }
        (left, prices)
    }

    proptest! {
        /// The budget is held, whatever the power of the price is by which problems really spend. The last ones may be long.
        #[test]
        fn the_budget_is_used_and_not_exceeded_by_much(
            seed in any::<u64>(), mean in 3.0f64..6.0, power in 0.3f64..0.6, at_once in 1usize..17,
        ) {
            let budget = mean * 500.0;
            let (left, _) = run(500, at_once, budget, (seed, power));
            prop_assert!(left.abs() < 0.1 * budget + 32.0, "{left} of {budget}");
        }

        /// Once it is known the price of the same problems stays where it is.
        #[test]
        fn the_price_does_not_swing(seed in any::<u64>(), mean in 3.0f64..6.0, at_once in 1usize..17) {
            let (_, prices) = run(500, at_once, mean * 500.0, (seed, 0.4));
            let middle: Vec<f64> = prices[150..400].iter().map(|p| p.log2()).collect();
            let mean = middle.iter().sum::<f64>() / middle.len() as f64;
            let variance = middle.iter().map(|p| (p - mean).powi(2)).sum::<f64>() / middle.len() as f64;
            prop_assert!(variance.sqrt() < 2.0, "{} octaves", variance.sqrt());
        }

        #[test]
        fn the_price_stays_within_reason(
            spent in proptest::collection::vec((0.0f64..1e9, 1e-9f64..2.0), 0..40), left in -1e9f64..1e9, waiting in 0u64..9,
        ) {
            let mut price = BudgetPrice::default();
            for (spent, at) in spent {
                price.observe(at, spent, 2);
            }
            prop_assert!((9e-8..=0.1).contains(&price.at(left, waiting, &[0.01])));
        }
    }
}
