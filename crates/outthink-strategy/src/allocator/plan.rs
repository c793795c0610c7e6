//! When to stop, exactly: optimal stopping over all vote counts.

use super::Prior;
use crate::value::net_gain;
use std::sync::{Arc, Mutex};

/// Votes up to which plans are exact: there are 215,308 ways in which up to 40 votes can fall into classes.
pub const EXACT_VOTES: u32 = 40;

/// The same for plans that are solved over and over, as where a prior learns: 7,337 ways.
pub const EXACT_WHILE_LEARNING: u32 = 24;

/// For every way in which votes can fall, what going on is worth over stopping.
///
/// The reward of stopping is the expected share of the leader, which is the probability that it is
/// right for a model whose answers are as often right as they are given; each further vote costs
/// `price`. The plan solves `V(s) = max(share(s), sum_s' P(s'|s) V(s') - price)` backwards under a
/// [`Prior`], with all its later chances to stop, where the knowledge gradient looks at one purchase
/// only. States are partitions of the number of votes, so nothing is approximated up to
/// [`EXACT_VOTES`]; what lies behind them is worth what the knowledge gradient says.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Worth of going on less that of stopping, by number of votes and rank of the partition.
    advantage: Vec<Vec<f32>>,
    ranks: Ranks,
    price: f64,
    most: u32,
}

/// One kind of plan, to be found again.
type Key = (Prior, f64, u32, f64);

/// Plans that were solved: a plan takes some milliseconds.
static SOLVED: Mutex<Vec<(Key, Arc<Plan>)>> = Mutex::new(Vec::new());

/// Plans that are kept.
const KEPT: usize = 48;

impl Plan {
    /// The plan for up to `most` votes at `price` a vote, solved once.
    pub fn of(prior: &Prior, price: f64, most: u32) -> Arc<Self> {
        Self::beside(prior, price, most, 0.0)
    }

    /// The same beside something else to do instead of stopping, such as to ask a larger arm, that is
    /// worth `outside` in probability, net of what it costs.
    pub fn beside(prior: &Prior, price: f64, most: u32, outside: f64) -> Arc<Self> {
        let key = (prior.clone(), price, most, outside);
        let find = |kept: &Vec<(Key, Arc<Self>)>| kept.iter().find(|(k, _)| *k == key).map(|(_, p)| Arc::clone(p));
        if let Some(plan) = SOLVED.lock().ok().and_then(|kept| find(&kept)) {
            return plan;
        }
        let plan = Arc::new(Self::solve(prior, price, most, outside));
        if let Ok(mut kept) = SOLVED.lock() {
            if kept.len() >= KEPT {
                kept.remove(0);
            }
            kept.push((key, Arc::clone(&plan)));
        }
        plan
    }

    /// Solves the plan for up to `most` votes at `price` a vote, with an `outside` option that may be
    /// taken instead of stopping (0 for none).
    pub fn solve(prior: &Prior, price: f64, most: u32, outside: f64) -> Self {
        Self::solve_to(prior, price, most, outside, EXACT_VOTES)
    }

    /// [`Plan::solve`], exact up to `exact` votes only.
    pub fn solve_to(prior: &Prior, price: f64, most: u32, outside: f64, exact: u32) -> Self {
        let exact = most.min(exact).min(EXACT_VOTES) as usize;
        let ranks = Ranks::new(exact);
        let tables = Tables::new(prior, exact);
        let mut advantage = vec![Vec::new(); exact];
        let mut later: Vec<f32> = Vec::new();
        for votes in (0..=exact).rev() {
            let count = ranks.count(votes);
            let (mut value, mut gain) = (Vec::with_capacity(count), Vec::with_capacity(count));
            let mut next = Vec::with_capacity(votes + 1);
            each_partition(votes, &mut |counts| {
                let moments = tables.moments(votes, counts);
                let stop = moments.share(counts.first().copied().unwrap_or(0)).max(outside);
                if votes == exact {
                    let counts: Vec<f64> = counts.iter().map(|&c| f64::from(c)).collect();
                    value.push((stop + net_gain(&counts, most - exact as u32, price).max(0.0)) as f32);
                    return;
                }
                let mut go_on = -price;
                let mut at = 0;
                while at < counts.len() {
                    let run = counts[at..].iter().take_while(|&&c| c == counts[at]).count();
                    next.clear();
                    next.extend_from_slice(counts);
                    next[at] += 1;
                    let worth = later.get(ranks.rank(&next)).copied().unwrap_or(0.0);
                    go_on += run as f64 * moments.share(counts[at]) * f64::from(worth);
                    at += run;
                }
                next.clear();
                next.extend_from_slice(counts);
                next.push(1);
                go_on += moments.unseen(counts.len()) * f64::from(later.get(ranks.rank(&next)).copied().unwrap_or(0.0));
                value.push(stop.max(go_on) as f32);
                gain.push((go_on - stop) as f32);
            });
            later = value;
            if let Some(level) = advantage.get_mut(votes) {
                *level = gain;
            }
        }
        Self { advantage, ranks, price, most }
    }

    /// What going on is worth over stopping, in probability and net of the price, at these counts
    /// (most first); `None` at its last vote and beyond.
    pub fn advantage(&self, counts: &[u32]) -> Option<f64> {
        let votes = counts.iter().sum::<u32>();
        if votes >= self.most {
            return None;
        }
        let Some(level) = self.advantage.get(votes as usize) else {
            let counts: Vec<f64> = counts.iter().map(|&c| f64::from(c)).collect();
            return Some(net_gain(&counts, self.most - votes, self.price));
        };
        let small: Vec<u8> = counts.iter().map(|&c| c as u8).collect();
        level.get(self.ranks.rank(&small)).map(|&a| f64::from(a))
    }

    /// The fewest further votes after which the plan could stop: if all of them went to the leader.
    /// At most `most`, at least 1.
    pub fn votes_to_decision(&self, counts: &[u32], most: u32) -> u32 {
        let mut counts = counts.to_vec();
        if counts.is_empty() {
            counts.push(0);
        }
        (1..most.max(1))
            .find(|_| {
                counts[0] += 1;
                self.advantage(&counts).is_none_or(|a| a <= 0.0)
            })
            .unwrap_or(most)
            .max(1)
    }
}

/// Numbers the partitions of each count of votes, the largest parts first.
#[derive(Debug, Clone, PartialEq)]
struct Ranks {
    /// Partitions of `n` into parts of at most `m`, at `n * (most + 1) + m`.
    within: Vec<u32>,
    most: usize,
}

impl Ranks {
    fn new(most: usize) -> Self {
        let mut within = vec![0; (most + 1) * (most + 1)];
        within[..=most].fill(1);
        for n in 1..=most {
            for m in 1..=most {
                let rest = if n >= m { within[(n - m) * (most + 1) + m] } else { 0 };
                within[n * (most + 1) + m] = within[n * (most + 1) + m - 1] + rest;
            }
        }
        Self { within, most }
    }

    fn at(&self, n: usize, m: usize) -> u32 {
        self.within[n * (self.most + 1) + m.min(self.most)]
    }

    fn count(&self, n: usize) -> usize {
        self.at(n, n) as usize
    }

    /// The number of a partition among those of the same sum, in the order of [`each_partition`].
    fn rank(&self, parts: &[u8]) -> usize {
        let mut left: usize = parts.iter().map(|&p| usize::from(p)).sum();
        let (mut most, mut rank) = (left, 0);
        for &part in parts {
            let part = usize::from(part);
            rank += self.at(left, most.min(left)) - self.at(left, part);
            left -= part;
            most = part;
        }
        rank as usize
    }
}

/// Calls `take` with each partition of `sum`, the largest first part first.
fn each_partition(sum: usize, take: &mut dyn FnMut(&[u8])) {
    fn go(left: usize, most: usize, parts: &mut Vec<u8>, take: &mut dyn FnMut(&[u8])) {
        if left == 0 {
            take(parts);
            return;
        }
        for part in (1..=left.min(most)).rev() {
            parts.push(part as u8);
            go(left - part, part, parts, take);
            parts.pop();
        }
    }
    go(sum, sum, &mut Vec::with_capacity(sum), take);
}

/// Factors of the probability of a partition, so that it takes multiplications only.
struct Tables<'a> {
    prior: &'a Prior,
    /// Of each component by number of votes: `1 / (t + 1)_(n-1)` over the same at strength 0.
    by_votes: Vec<Vec<f64>>,
    /// Of each component by number of classes: `prod_{0<i<k} (t + i d)`.
    by_classes: Vec<Vec<f64>>,
    /// Of each component by count of a class: `(1 - d)_(c-1) / (c - 1)!`.
    by_count: Vec<Vec<f64>>,
}

impl<'a> Tables<'a> {
    fn new(prior: &'a Prior, most: usize) -> Self {
        let products = |first: f64, factor: &dyn Fn(f64) -> f64| {
            let mut all = vec![first, first];
            for i in 1..most.max(1) {
                all.push(all[i] * factor(i as f64));
            }
            all
        };
        let of = |table: &dyn Fn(f64, f64) -> Vec<f64>| {
            prior.parts().iter().map(|p| table(p.discount, p.strength)).collect::<Vec<_>>()
        };
        Self {
            prior,
            by_votes: of(&|_, t| products(1.0, &|i| i / (t + i))),
            by_classes: of(&|d, t| products(1.0, &|i| (t + i * d).max(0.0))),
            by_count: of(&|d, _| products(1.0, &|i| (i - d) / i)),
        }
    }

    fn moments(&self, votes: usize, counts: &[u8]) -> Moments {
        let mut sums = Moments::default();
        let (mut whole, mut product, mut last) = (0.0, 1.0, f64::NAN);
        for (k, part) in self.prior.parts().iter().enumerate() {
            // Components of one discount stand side by side and share the product over the classes.
            if part.discount != last {
                last = part.discount;
                product = counts.iter().map(|&c| self.by_count[k][usize::from(c)]).product();
            }
            let weight = part.weight * self.by_votes[k][votes] * self.by_classes[k][counts.len()] * product;
            whole += weight;
            let each = weight / (votes as f64 + part.strength).max(1e-12);
            sums.per_vote += each;
            sums.discount += each * part.discount;
            sums.strength += each * part.strength;
        }
        if votes == 0 || whole <= 0.0 {
            return Moments { per_vote: 0.0, discount: 0.0, strength: 1.0 };
        }
        Moments { per_vote: sums.per_vote / whole, discount: sums.discount / whole, strength: sums.strength / whole }
    }
}

/// Posterior means of `1 / (n + t)`, `d / (n + t)` and `t / (n + t)` over the components.
#[derive(Debug, Clone, Copy, Default)]
struct Moments {
    per_vote: f64,
    discount: f64,
    strength: f64,
}

impl Moments {
    fn share(self, count: u8) -> f64 {
        if count == 0 { 0.0 } else { f64::from(count) * self.per_vote - self.discount }
    }

    fn unseen(self, classes: usize) -> f64 {
        (self.strength + classes as f64 * self.discount).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use outthink_core::AgreementPart;

    #[test]
    fn every_partition_has_its_own_rank() {
        let ranks = Ranks::new(12);
        for n in 0..=12 {
            let mut expected = 0;
            each_partition(n, &mut |parts| {
                assert_eq!(ranks.rank(parts), expected, "{parts:?}");
                expected += 1;
            });
            assert_eq!(ranks.count(n), expected);
        }
    }

    #[test]
    fn its_beliefs_are_those_of_the_prior() {
        let prior = Prior::default();
        let tables = Tables::new(&prior, 20);
        for counts in [&[3u32, 1][..], &[7], &[2, 2, 1, 1], &[9, 5, 3, 1, 1, 1]] {
            let small: Vec<u8> = counts.iter().map(|&c| c as u8).collect();
            let moments = tables.moments(counts.iter().sum::<u32>() as usize, &small);
            let belief = prior.after(counts);
            assert!((moments.share(small[0]) - belief.share(counts[0])).abs() < 1e-9);
            assert!((moments.unseen(counts.len()) - belief.unseen()).abs() < 1e-9);
        }
    }

    /// The same value by plain recursion over sequences of votes for named classes.
    fn by_hand(part: AgreementPart, price: f64, counts: &[u32], left: u32) -> f64 {
        let (d, t, n) = (part.discount, part.strength, f64::from(counts.iter().sum::<u32>()));
        let stop = counts.iter().max().map_or(0.0, |&c| (f64::from(c) - d) / (n + t));
        if left == 0 {
            return stop;
        }
        let mut go_on = -price;
        for i in 0..counts.len() {
            let mut next = counts.to_vec();
            next[i] += 1;
            go_on += (f64::from(counts[i]) - d) / (n + t) * by_hand(part, price, &next, left - 1);
        }
        let mut next = counts.to_vec();
        next.push(1);
        let unseen = if n == 0.0 { 1.0 } else { (t + counts.len() as f64 * d).max(0.0) / (n + t) };
        go_on += unseen * by_hand(part, price, &next, left - 1);
        stop.max(go_on)
    }

    #[test]
    fn the_plan_is_the_best_of_all_policies() {
        for (discount, strength) in [(0.0, 1.0), (0.5, 0.3), (-0.5, 1.0)] {
            let part = AgreementPart { discount, strength, weight: 1.0 };
            let plan = Plan::solve(&Prior::new(vec![part]), 0.01, 7, 0.0);
            for counts in [&[1u32][..], &[1, 1], &[2, 1], &[2, 1, 1], &[2, 2, 1]] {
                if discount < 0.0 && counts.len() > 2 {
                    continue;
                }
                let left = 7 - counts.iter().sum::<u32>();
                let stop = by_hand(part, 0.01, counts, 0);
                let value = by_hand(part, 0.01, counts, left);
                let advantage = plan.advantage(counts).unwrap();
                assert!((advantage.max(0.0) - (value - stop)).abs() < 1e-5, "{counts:?}: {advantage} {value} {stop}");
            }
        }
    }

    #[test]
    fn a_higher_price_stops_no_later() {
        let prior = Prior::default();
        let (cheap, expensive) = (Plan::solve(&prior, 1e-4, 12, 0.0), Plan::solve(&prior, 5e-3, 12, 0.0));
        for n in 1..12 {
            each_partition(n, &mut |parts| {
                let counts: Vec<u32> = parts.iter().map(|&p| u32::from(p)).collect();
                let go_on = |plan: &Plan| plan.advantage(&counts).unwrap() > 0.0;
                assert!(go_on(&cheap) || !go_on(&expensive), "{counts:?}");
            });
        }
        assert_eq!(cheap.advantage(&[12]), None);
    }

    #[test]
    fn something_better_outside_ends_the_voting() {
        let prior = Prior::default();
        let plan = Plan::solve(&prior, 1e-3, 16, 0.9);
        assert!(plan.advantage(&[1, 1, 1, 1]).unwrap() <= 0.0);
        assert!(Plan::solve(&prior, 1e-3, 16, 0.0).advantage(&[1, 1]).unwrap() > 0.0);
    }

    #[test]
    fn no_vote_of_a_wave_could_have_been_saved() {
        let plan = Plan::solve(&Prior::default(), 1e-3, 16, 0.0);
        let wave = plan.votes_to_decision(&[1], 15);
        assert!(wave >= 1);
        for extra in 1..wave {
            assert!(plan.advantage(&[1 + extra]).is_some_and(|a| a > 0.0));
        }
        assert!(plan.advantage(&[1 + wave]).is_none_or(|a| a <= 0.0));
    }
}
