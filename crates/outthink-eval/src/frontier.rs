//! What a stopping rule reaches at every price: accuracy against samples and tokens.

use crate::{Pool, PoolProblem, draw};
use outthink_core::{AgreementPart, FormTable, derive_seed};
use outthink_strategy::allocator::{AgreementModel, ArmValues, EXACT_WHILE_LEARNING, Look, Plan, Prior, Vote};
use outthink_strategy::stopping::posterior_leader;
use outthink_strategy::value::gain_of_counts;
use serde::Serialize;
use std::collections::HashMap;
use std::sync::Arc;

/// A way to decide after each sample whether to draw another, with one setting that trades accuracy
/// for samples.
#[derive(Debug, Clone, PartialEq)]
pub enum Rule {
    /// Always `n` samples.
    Fixed,
    /// Adaptive-Consistency (Aggarwal et al. 2023); the setting is the posterior to reach.
    AdaptiveConsistency,
    /// The knowledge gradient under a fixed Dirichlet belief; the setting is the price of a sample.
    KnowledgeGradient,
    /// The allocator's exact plan under a prior; the setting is the price of a sample.
    Plan(Prior),
    /// The same, whose prior learns from the votes of the problems before, without labels.
    Learning(Prior),
    /// The knowledge gradient over votes that an [`AgreementModel`] weighs, learned over the problems before, without
    /// labels; from nothing or from a prior. The setting is the price of a sample.
    Agreement(Option<FormTable>),
}

impl Rule {
    /// Settings from many samples to few: together they make the rule's frontier.
    pub fn settings(&self) -> Vec<f64> {
        const TARGETS: [f64; 16] =
            [0.998, 0.995, 0.99, 0.985, 0.98, 0.97, 0.96, 0.95, 0.94, 0.92, 0.90, 0.88, 0.85, 0.80, 0.76, 0.60];
        match self {
            Self::Fixed => [1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 40].map(f64::from).to_vec(),
            Self::AdaptiveConsistency => TARGETS.to_vec(),
            _ => (0..18).map(|i| 7.3e-6 * 1.6f64.powi(i)).collect(),
        }
    }
}

/// Where the samples of a problem come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Draws {
    /// All alike, in random order.
    Mixed,
    /// Each kind of prompt is an arm of its own; they take turns, in an order of its own for each
    /// problem.
    Turns,
    /// The same, but arms that agree less with the others are drawn from less ([`ArmValues`]).
    Agreement,
}

/// What a rule reached at one setting.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FrontierPoint {
    /// The rule's setting.
    pub setting: f64,
    /// Right answers, samples and tokens of each problem, on average over the orders.
    #[serde(skip)]
    pub problems: Vec<[f64; 3]>,
    /// Share of right answers.
    pub accuracy: f64,
    /// Samples a problem.
    pub samples: f64,
    /// Tokens a problem.
    pub tokens: f64,
}

/// A rule over a pool.
#[derive(Debug, Clone)]
pub struct Walk<'a> {
    /// The recording.
    pub pool: &'a Pool,
    /// Samples a problem at most.
    pub most: u32,
    /// Orders in which the pool is drawn.
    pub seeds: u32,
    /// The first of them.
    pub first_seed: u64,
    /// Where samples come from.
    pub draws: Draws,
}

/// After so many problems a learning rule takes in what it saw.
const LEARN_AFTER: [usize; 6] = [12, 32, 80, 200, 500, 1_250];

/// One problem in so many draws a second sample where it would stop at one: easy ones would teach nothing otherwise.
const FORCE_ONE_IN: u64 = 10;

/// How many problems the prior counts as when it learns.
const PRIOR_PROBLEMS: f64 = 8.0;

impl Walk<'_> {
    /// The whole frontier of a rule.
    pub fn frontier(&self, rule: &Rule) -> Vec<FrontierPoint> {
        let coded = self.coded();
        rule.settings().into_iter().map(|setting| self.walk(&coded, rule, setting)).collect()
    }

    /// A rule at one setting.
    pub fn point(&self, rule: &Rule, setting: f64) -> FrontierPoint {
        self.walk(&self.coded(), rule, setting)
    }

    fn coded(&self) -> Vec<Coded> {
        let mut arms: Vec<&str> = Vec::new();
        self.pool.problems.iter().map(|p| Coded::new(p, &mut arms)).collect()
    }

    fn walk(&self, coded: &[Coded], rule: &Rule, setting: f64) -> FrontierPoint {
        let mut sums = vec![[0.0; 3]; coded.len()];
        let arms = coded.iter().flat_map(|c| &c.arm).max().map_or(1, |a| a + 1);
        for seed in 0..self.seeds {
            let mut runner = Runner::new(rule, setting, self.most);
            let dice = derive_seed(self.first_seed + u64::from(seed), 0xD1CE);
            let mut values = ArmValues::new(arms);
            // A stream has no natural order: each seed takes the problems in its own.
            let stream = draw::order(coded.len(), self.first_seed + u64::from(seed), u64::MAX);
            for (place, &index) in stream.iter().enumerate() {
                let weights = values.weights();
                let drawn = draw::order(coded[index].class.len(), self.first_seed + u64::from(seed), index as u64);
                let drawn = match self.draws {
                    Draws::Mixed => drawn,
                    Draws::Turns | Draws::Agreement => coded[index].by_arm(&drawn, &weights),
                };
                let drawn = &drawn[..drawn.len().min(self.most as usize)];
                let end = if runner.agreement.is_some() {
                    runner.weighed(&coded[index], drawn, derive_seed(dice, index as u64).is_multiple_of(FORCE_ONE_IN))
                } else {
                    runner.one(&coded[index], drawn)
                };
                if self.draws == Draws::Agreement {
                    values.observe(&end.votes);
                }
                for (sum, x) in sums[index].iter_mut().zip([end.right, end.samples, end.tokens]) {
                    *sum += x / f64::from(self.seeds);
                }
                runner.learn(place + 1, end.counts);
            }
        }
        let mean = |i: usize| sums.iter().map(|s| s[i]).sum::<f64>() / sums.len().max(1) as f64;
        FrontierPoint { setting, accuracy: mean(0), samples: mean(1), tokens: mean(2), problems: sums }
    }
}

/// A problem with its answers as numbers.
struct Coded {
    class: Vec<Option<u32>>,
    arm: Vec<usize>,
    look: Vec<Look>,
    right: Vec<bool>,
    tokens: Vec<f64>,
}

impl Coded {
    fn new<'a>(problem: &'a PoolProblem, arms: &mut Vec<&'a str>) -> Self {
        let mut classes: HashMap<&str, u32> = HashMap::new();
        let class = |s: &'a crate::PoolSample, classes: &mut HashMap<&'a str, u32>| {
            let next = classes.len() as u32;
            s.answer.as_deref().map(|a| *classes.entry(a).or_insert(next))
        };
        Self {
            class: problem.samples.iter().map(|s| class(s, &mut classes)).collect(),
            arm: problem
                .samples
                .iter()
                .map(|s| {
                    let name = s.src.as_deref().unwrap_or("");
                    arms.iter().position(|a| *a == name).unwrap_or_else(|| {
                        arms.push(name);
                        arms.len() - 1
                    })
                })
                .collect(),
            look: problem
                .samples
                .iter()
                .map(|s| Look::of(s.answer.as_deref(), problem.question.as_deref().unwrap_or_default()))
                .collect(),
            right: problem.samples.iter().map(|s| s.correct).collect(),
            tokens: problem.samples.iter().map(|s| s.tokens).collect(),
        }
    }

    /// The samples of a random order, taken arm by arm as [`ArmValues`] says.
    fn by_arm(&self, order: &[usize], weights: &[f64]) -> Vec<usize> {
        let mut left: Vec<Vec<usize>> = vec![Vec::new(); weights.len()];
        let mut turns: Vec<usize> = Vec::new();
        for &i in order.iter().rev() {
            left[self.arm[i]].push(i);
        }
        for &i in order {
            if !turns.contains(&self.arm[i]) {
                turns.push(self.arm[i]);
            }
        }
        let mut drawn = vec![0; weights.len()];
        let mut all = Vec::with_capacity(order.len());
        while let Some(arm) = ArmValues::next(weights, &drawn, turns.iter().copied().filter(|&a| !left[a].is_empty())) {
            drawn[arm] += 1;
            all.extend(left[arm].pop());
        }
        all
    }
}

/// How one problem ended.
struct End {
    right: f64,
    samples: f64,
    tokens: f64,
    counts: Vec<u32>,
    votes: Vec<(usize, u32)>,
}

/// A rule at work over a stream of problems.
struct Runner<'a> {
    rule: &'a Rule,
    setting: f64,
    most: u32,
    plan: Option<Arc<Plan>>,
    seen: Vec<Vec<u32>>,
    agreement: Option<AgreementModel>,
}

impl<'a> Runner<'a> {
    fn new(rule: &'a Rule, setting: f64, most: u32) -> Self {
        let plan = match rule {
            Rule::Plan(prior) | Rule::Learning(prior) => Some(Plan::of(prior, setting, most)),
            _ => None,
        };
        let agreement = match rule {
            Rule::Agreement(prior) => Some(prior.as_ref().map_or_else(AgreementModel::default, AgreementModel::from)),
            _ => None,
        };
        Self { rule, setting, most, plan, seen: Vec::new(), agreement }
    }

    fn learn(&mut self, place: usize, counts: Vec<u32>) {
        let Rule::Learning(prior) = self.rule else { return };
        self.seen.push(counts);
        if LEARN_AFTER.contains(&place) {
            let learned = prior.learn(&self.seen, PRIOR_PROBLEMS, 30);
            self.plan = Some(Arc::new(Plan::solve_to(&learned, self.setting, self.most, 0.0, EXACT_WHILE_LEARNING)));
        }
    }

    fn stops(&self, counts: &[u32], drawn: u32) -> bool {
        match self.rule {
            Rule::Fixed => f64::from(drawn) >= self.setting,
            _ if counts.is_empty() => false,
            Rule::AdaptiveConsistency => {
                posterior_leader(counts[0], counts.get(1).copied().unwrap_or(0)) >= self.setting
            }
            Rule::KnowledgeGradient | Rule::Agreement(_) => {
                let counts: Vec<f64> = counts.iter().map(|&c| f64::from(c)).collect();
                gain_of_counts(&counts, self.most - drawn.min(self.most)) < self.setting
            }
            Rule::Plan(_) | Rule::Learning(_) => {
                self.plan.as_ref().and_then(|p| p.advantage(counts)).is_none_or(|a| a <= 0.0)
            }
        }
    }

    /// One problem by weighed votes; the model learns from it. `dice` has a second sample drawn in any case.
    fn weighed(&mut self, problem: &Coded, order: &[usize], dice: bool) -> End {
        let mut end = End { right: 0.0, samples: 0.0, tokens: 0.0, counts: Vec::new(), votes: Vec::new() };
        let Some(model) = self.agreement.as_mut() else { return end };
        let mut votes: Vec<Vote> = Vec::new();
        let mut masses: Vec<(u32, f64)> = Vec::new();
        let (mut weights, mut forced) = (Vec::new(), false);
        for (drawn, &i) in (1..).zip(order) {
            end.samples += 1.0;
            end.tokens += problem.tokens[i];
            votes.push(Vote { class: problem.class[i], look: problem.look[i] });
            if let Some(class) = problem.class[i] {
                end.votes.push((problem.arm[i], class));
                masses = model.masses(&votes);
            }
            weights.clear();
            weights.extend(masses.iter().map(|m| m.1));
            let left = self.most - drawn.min(self.most);
            if !masses.is_empty() && gain_of_counts(&weights, left) < self.setting {
                if drawn == 1 && dice && order.len() > 1 {
                    forced = true;
                    continue;
                }
                break;
            }
        }
        let leader = masses.first().and_then(|m| order.iter().find(|&&i| problem.class[i] == Some(m.0)));
        end.right = f64::from(u8::from(leader.is_some_and(|&i| problem.right[i])));
        model.learn(&votes, forced);
        end
    }

    fn one(&self, problem: &Coded, order: &[usize]) -> End {
        // Votes by class in order of first sight: class, count, its first sample.
        let mut seen: Vec<(u32, u32, usize)> = Vec::new();
        let mut counts: Vec<u32> = Vec::new();
        let mut end = End { right: 0.0, samples: 0.0, tokens: 0.0, counts: Vec::new(), votes: Vec::new() };
        for (drawn, &i) in (1..).zip(order) {
            end.samples += 1.0;
            end.tokens += problem.tokens[i];
            if let Some(class) = problem.class[i] {
                end.votes.push((problem.arm[i], class));
                match seen.iter_mut().find(|s| s.0 == class) {
                    Some(vote) => vote.1 += 1,
                    None => seen.push((class, 1, i)),
                }
                counts.clear();
                counts.extend(seen.iter().map(|s| s.1));
                counts.sort_unstable_by_key(|c| std::cmp::Reverse(*c));
            }
            if self.stops(&counts, drawn) {
                break;
            }
        }
        let leader = seen.iter().rev().max_by_key(|s| s.1);
        end.right = f64::from(u8::from(leader.is_some_and(|s| problem.right[s.2])));
        end.counts = counts;
        end
    }
}

/// The votes of all samples of each problem, with what the answers look like.
pub(crate) fn all_votes(pool: &Pool) -> Vec<Vec<Vote>> {
    let mut arms = Vec::new();
    let votable = pool.problems.iter().filter(|p| p.vote_ok);
    votable
        .map(|p| {
            let coded = Coded::new(p, &mut arms);
            coded.class.iter().zip(&coded.look).map(|(&class, &look)| Vote { class, look }).collect()
        })
        .collect()
}

/// The vote counts of all samples of each problem, most first: what a prior learns from.
pub(crate) fn all_counts(pool: &Pool) -> Vec<Vec<u32>> {
    let mut arms = Vec::new();
    let runner =
        Runner { rule: &Rule::Fixed, setting: f64::MAX, most: u32::MAX, plan: None, seen: Vec::new(), agreement: None };
    let coded = pool.problems.iter().filter(|p| p.vote_ok).map(|p| Coded::new(p, &mut arms)).collect::<Vec<_>>();
    coded.iter().map(|c| runner.one(c, &(0..c.class.len()).collect::<Vec<_>>()).counts).collect()
}

/// A grid of components for learning, evenly weighted.
pub(crate) fn even_prior() -> Prior {
    let parts = Prior::default().parts().iter().map(|p| AgreementPart { weight: 1.0, ..*p }).collect();
    Prior::new(parts)
}
