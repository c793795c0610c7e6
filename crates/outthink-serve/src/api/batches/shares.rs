//! How the budget of a batch is divided: what each request may spend at most, and one price of a sample over the whole.

use super::object::{Limits, Seen};
use crate::run::Part;
use outthink_core::{Budget, Cost, Room};
use outthink_strategy::allocator::BudgetPrice;

/// What is known of money or of tokens.
#[derive(Debug, Clone, Copy)]
struct Purse {
    limit: u64,
    spent: u64,
    /// Half of an equal share.
    least: u64,
}

/// The budget of a batch while it runs.
///
/// **No request without a sample.** What first samples are likely to cost is kept for all requests that wait, and at least
/// half of an equal share each. Of the rest a request gets a quarter, up to [`Shares::MOST`] equal shares, so that hard
/// questions can have more than easy ones. It begins once its first sample is paid for at the most that it may cost, and
/// where that is more than its share, in as many samples as its share is likely to pay for; what it does not spend goes
/// back.
///
/// **One price.** Strategies that know a price of a sample get the one at which the requests that wait are likely to spend
/// what is left ([`BudgetPrice`]).
#[derive(Debug)]
pub(super) struct Shares {
    cost: Option<Purse>,
    tokens: Option<Purse>,
    /// Requests that have not ended, those that run included.
    open: u64,
    /// What those that run may spend.
    running: Vec<Share>,
    /// Requests that began.
    begun: u64,
    seen: Seen,
}

/// What a request may spend; `None` is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Share {
    pub(super) cost: Option<u64>,
    pub(super) tokens: Option<u64>,
    pub(super) samples: Option<u32>,
    /// What a sample of it must gain.
    pub(super) price: Option<f64>,
    /// Requests that began before it.
    pub(super) number: u64,
}

/// Whether a request may begin.
#[derive(Debug, Clone, Copy, PartialEq)]
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
    /// The part of what nobody waits for that one request may take.
    const PART: u64 = 4;
    /// Samples after which it is known what one takes.
    const KNOWN: u64 = 8;

    /// The budget of a batch that has spent this much and has `open` requests to answer; what was `seen` of them until now.
    pub(super) fn new(limits: Limits, spent: (u64, u64), open: u64, seen: Seen) -> Self {
        let purse = |limit: Option<u64>, spent: u64| {
            limit.map(|limit| Purse { limit, spent, least: limit.saturating_sub(spent) / open.max(1) / 2 })
        };
        Self {
            cost: purse(limits.cost, spent.0),
            tokens: purse(limits.tokens, spent.1),
            open,
            running: Vec::new(),
            begun: 0,
            seen,
        }
    }

    /// What was seen of the requests that ended.
    pub(super) const fn seen(&self) -> Seen {
        self.seen
    }

    /// Requests that have not begun.
    fn waiting(&self) -> u64 {
        self.open.saturating_sub(self.running.len() as u64)
    }

    /// The price of a sample at this moment, where there is a budget.
    pub(super) fn price(&self) -> Option<f64> {
        let running: Vec<f64> = self.running.iter().filter_map(|share| share.price).collect();
        let at = |purse: &Purse, of: BudgetPrice, each: u64| {
            let left = purse.limit as f64 - purse.spent as f64 - self.open as f64 * each as f64;
            of.at(left, self.waiting(), &running)
        };
        let first = self.seen.sample();
        let cost = self.cost.map(|purse| at(&purse, self.seen.price_cost, first.0));
        let tokens = self.tokens.map(|purse| at(&purse, self.seen.price_tokens, first.1));
        // The one of which less is left decides.
        cost.into_iter().chain(tokens).reduce(f64::max)
    }

    /// What the next request may spend, whose first sample may cost `need`.
    pub(super) fn begin(&mut self, need: Share) -> Allotted {
        let waiting = self.waiting();
        // A standard error of what a sample costs, if that varies by as much as it is.
        let unsure = |first: u64| (first as f64 / (self.seen.samples.max(1) as f64).sqrt()) as u64;
        let of = |purse: &Purse, need: Option<u64>, held: u64, first: u64| {
            let left = purse.limit.saturating_sub(purse.spent);
            let (each, need) = (left / self.open.max(1), need.unwrap_or(0));
            let free = left.saturating_sub(held);
            let others = waiting.saturating_sub(1);
            let least = purse.least.max(first.saturating_add(unsure(first))).min(each);
            // The last of them needs its first sample paid for at the most that it may cost.
            let last = if others > 0 { need.saturating_sub(least) } else { 0 };
            let spare = free.saturating_sub(others.saturating_mul(least).saturating_add(last));
            let part = if others > 0 { (spare / Self::PART).max(need).min(spare) } else { spare };
            let share = part.min(each.saturating_mul(Self::MOST));
            let held = share.max(need.min(free));
            // While nobody knows what a sample costs, and it may be more than an equal share, one request finds out.
            if first == 0 && need > each && !self.running.is_empty() {
                return Err(Allotted::Later);
            }
            match held {
                0 if self.running.is_empty() => Err(Allotted::Never),
                held if !self.running.is_empty() && (share < need || held == 0) => Err(Allotted::Later),
                held => Ok((held, (share < held && first > 0).then(|| (share / first).max(1)))),
            }
        };
        let mut share = Share { price: self.price(), number: self.begun, ..Share::default() };
        let first = self.seen.sample();
        let held = |amount: fn(&Share) -> Option<u64>| self.running.iter().filter_map(amount).sum();
        for (purse, need, held, first, place) in [
            (&self.cost, need.cost, held(|share| share.cost), first.0, &mut share.cost),
            (&self.tokens, need.tokens, held(|share| share.tokens), first.1, &mut share.tokens),
        ] {
            if let Some(purse) = purse {
                match of(purse, need, held, first) {
                    Ok((held, most)) => {
                        *place = Some(held);
                        let most = most.map(|most| u32::try_from(most).unwrap_or(u32::MAX));
                        share.samples = share.samples.into_iter().chain(most).min();
                    }
                    Err(other) => return other,
                }
            }
        }
        self.running.push(share);
        self.begun += 1;
        Allotted::Share(share)
    }

    /// The part of a request that got this share. It claims little more ahead than a sample takes: what was claimed and not
    /// settled counts as spent after a crash.
    pub(super) fn part(&self, share: Share) -> Part {
        let (max_cost, max_tokens) = (share.cost.map(Cost::from_nano), share.tokens);
        let budget = Budget { max_cost, max_tokens, max_samples: share.samples, max_seconds: None };
        let part = Part::new(&budget, share.price);
        match self.seen.sample().1 {
            tokens if tokens > 0 && self.seen.samples >= Self::KNOWN => {
                part.claiming((tokens + tokens / 2).max(Room::SHORTEST))
            }
            _ => part,
        }
    }

    /// Takes in that a request with this share has spent this much, in samples, money and tokens; whether it is answered.
    pub(super) fn end(&mut self, share: Share, spent: (u64, u64, u64), answered: bool) {
        for (purse, spent) in [(&mut self.cost, spent.1), (&mut self.tokens, spent.2)] {
            if let Some(purse) = purse {
                purse.spent = purse.spent.saturating_add(spent);
            }
        }
        if let Some(place) = self.running.iter().position(|running| running.number == share.number) {
            self.running.swap_remove(place);
        }
        self.seen.add(spent);
        if answered {
            self.open = self.open.saturating_sub(1);
            self.seen.learn(share.price, spent, (self.begun - share.number).saturating_sub(1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NEED: Share = Share { cost: Some(100), tokens: Some(100), samples: None, price: None, number: 0 };

    fn shares(limits: Limits, open: u64) -> Shares {
        Shares::new(limits, (0, 0), open, Seen::default())
    }

    #[test]
    fn without_a_budget_nothing_is_limited() {
        let mut shares = shares(Limits::default(), 9);
        assert_eq!(shares.begin(NEED), Allotted::Share(Share::default()));
        assert_eq!(shares.price(), None);
    }

    #[test]
    fn hard_requests_may_have_more_and_those_after_them_are_not_starved() {
        let mut shares = shares(Limits { cost: Some(100_000), tokens: None }, 100);
        let Allotted::Share(first) = shares.begin(NEED) else { panic!("nothing for the first") };
        assert_eq!(first.cost, Some((100_000 - 99 * 500) / 4), "a quarter of what nobody waits for");
        shares.end(first, (25, 12_500, 0), true);
        let mut worst = u64::MAX;
        for _ in 1..100 {
            let Allotted::Share(share) = shares.begin(NEED) else { panic!("nothing for a later one") };
            worst = worst.min(share.cost.unwrap());
            shares.end(share, (share.cost.unwrap() / 500, share.cost.unwrap(), 0), true);
        }
        assert!(worst >= 500, "half of an equal share: {worst}");
        assert_eq!(shares.begin(NEED), Allotted::Never);
    }

    #[test]
    fn the_price_follows_what_is_spent() {
        let mut shares = shares(Limits { cost: None, tokens: Some(10_000) }, 100);
        let before = shares.price().unwrap();
        for _ in 0..20 {
            let Allotted::Share(share) = shares.begin(NEED) else { panic!("nothing left") };
            shares.end(share, (3, 0, 300.min(share.tokens.unwrap())), true);
        }
        assert!(shares.price().unwrap() > 2.0 * before, "three times the target makes samples more expensive");
    }

    #[test]
    fn a_share_below_the_bound_of_a_sample_is_counted_in_samples() {
        let mut shares = shares(Limits { cost: Some(10_000), tokens: None }, 10);
        let need = Share { cost: Some(4_000), ..Share::default() };
        let Allotted::Share(first) = shares.begin(need) else { panic!("nothing for the first") };
        shares.end(first, (10, 1_000, 0), true);
        for _ in 0..9 {
            let Allotted::Share(share) = shares.begin(need) else { panic!("nothing for a later one") };
            assert!(share.cost >= Some(1_000) && share.samples.is_none_or(|most| most >= 5), "{share:?}");
            shares.end(share, (5, 500, 0), true);
        }
        let Allotted::Share(last) = shares.begin(need) else { panic!("nothing is left") };
        assert_eq!(last.cost, Some(4_500), "all that is left");
    }

    proptest! {
        /// Whatever requests spend of their shares, in whatever order they end, and however often they are asked again.
        #[test]
        fn the_budget_is_never_exceeded(
            limit in 1u64..100_000, need in 0u64..5_000, open in 1u64..60, at_once in 1usize..9,
            turns in proptest::collection::vec((0usize..9, 0.0f64..1.0, any::<bool>()), 0..300),
        ) {
            let mut shares = shares(Limits { cost: Some(limit), tokens: Some(limit / 2 + 1) }, open);
            let (mut running, mut spent, mut tokens) = (Vec::new(), 0, 0);
            for (place, part, answered) in turns {
                while running.len() < at_once && shares.open > running.len() as u64 {
                    match shares.begin(Share { cost: Some(need), tokens: Some(need / 2), ..NEED }) {
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

        /// Where the budget pays for one sample each, all have one, though each takes all that it may.
        #[test]
        fn no_first_sample_is_starved(
            costs in proptest::collection::vec(50u64..150, 200..600), open in 2u64..60, at_once in 1usize..17,
            each in 1.1f64..8.0,
        ) {
            let need = Share { cost: Some(500), ..Share::default() };
            let limit = (open as f64 * 100.0 * each) as u64 + 500;
            let mut shares = shares(Limits { cost: Some(limit), tokens: None }, open);
            let (mut costs, mut running, mut spent, mut begun) = (costs.iter().cycle(), Vec::new(), 0, 0);
            while begun < open || !running.is_empty() {
                while begun < open && running.len() < at_once {
                    match shares.begin(need) {
                        Allotted::Share(share) => running.push(share),
                        Allotted::Later => break,
                        Allotted::Never => prop_assert!(false, "request {begun} of {open} has nothing"),
                    }
                    begun += 1;
                }
                prop_assert!(!running.is_empty(), "nobody is waited for");
                let share: Share = running.remove(0);
                let (most, mut samples, mut own) = (share.cost.unwrap(), 0, 0);
                while let Some(&cost) = costs.next().filter(|&&cost| own + cost <= most)
                    && share.samples.is_none_or(|most| samples < u64::from(most))
                {
                    (samples, own) = (samples + 1, own + cost);
                }
                prop_assert!(samples > 0, "a first sample does not fit into {most}: {} of {limit} spent", spent);
                spent += own;
                prop_assert!(spent <= limit);
                shares.end(share, (samples, own, 0), true);
            }
        }
    }
}
