//! The allocator beside the published rules, over several pools.

use crate::{Draws, FrontierPoint, Pool, Rule, Run, Savings, Walk, learn_table, savings};
use outthink_core::FormTable;
use outthink_strategy::allocator::Prior;
use serde::Serialize;

/// How methods are compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CompareOptions {
    /// Orders in which each pool is drawn.
    pub seeds: u32,
    /// The first of them.
    pub first_seed: u64,
}

/// A method over all pools.
#[derive(Debug, Clone, Serialize)]
pub struct MethodRow {
    /// What it is.
    pub method: String,
    /// What it needs.
    #[serde(flatten)]
    pub savings: Savings,
    /// Its frontier on each pool.
    pub frontiers: Vec<Vec<FrontierPoint>>,
}

/// Samples of the fixed vote on a pool: 40 where it holds as many, else 16, or what it holds if that is less.
pub fn votes_of(pool: &Pool) -> u32 {
    let most = pool.problems.iter().map(|p| p.samples.len()).max().unwrap_or(0);
    if most >= 40 { 40 } else { most.min(16) as u32 }
}

/// What a method is: its rule on a pool and how it draws.
struct Method {
    name: &'static str,
    rule: fn(&Priors) -> Rule,
    draws: Draws,
}

/// What a method may know before it begins, none of it from the pool it is tried on.
struct Priors {
    default: Prior,
    others: Prior,
    form: Option<FormTable>,
}

const METHODS: [Method; 13] = [
    Method { name: "adaptive-consistency", rule: |_| Rule::AdaptiveConsistency, draws: Draws::Mixed },
    Method { name: "knowledge gradient", rule: |_| Rule::KnowledgeGradient, draws: Draws::Mixed },
    Method { name: "plan, even prior", rule: |p| Rule::Plan(p.default.clone()), draws: Draws::Mixed },
    Method { name: "plan, prior of the other pools", rule: |p| Rule::Plan(p.others.clone()), draws: Draws::Mixed },
    Method { name: "learning plan, even prior", rule: |p| Rule::Learning(p.default.clone()), draws: Draws::Mixed },
    Method {
        name: "learning plan, prior of the other pools",
        rule: |p| Rule::Learning(p.others.clone()),
        draws: Draws::Mixed,
    },
    Method { name: "agreement model, from nothing", rule: |_| Rule::Agreement(None), draws: Draws::Mixed },
    Method {
        name: "agreement model, prior of the other pools",
        rule: |p| Rule::Agreement(p.form.clone()),
        draws: Draws::Mixed,
    },
    Method {
        name: "agreement model, prior of the other pools, prompts in turn",
        rule: |p| Rule::Agreement(p.form.clone()),
        draws: Draws::Turns,
    },
    Method { name: "adaptive-consistency, prompts in turn", rule: |_| Rule::AdaptiveConsistency, draws: Draws::Turns },
    Method { name: "knowledge gradient, prompts in turn", rule: |_| Rule::KnowledgeGradient, draws: Draws::Turns },
    Method {
        name: "plan, prior of the other pools, prompts in turn",
        rule: |p| Rule::Plan(p.others.clone()),
        draws: Draws::Turns,
    },
    Method {
        name: "plan, prior of the other pools, prompts by agreement",
        rule: |p| Rule::Plan(p.others.clone()),
        draws: Draws::Agreement,
    },
];

/// Measures every method on every pool; the pools are walked side by side.
///
/// The prior of a pool is learned on the others, so that neither its labels nor its samples are
/// known beforehand.
pub fn compare(pools: &[Pool], options: CompareOptions) -> Vec<MethodRow> {
    let walked: Vec<(FrontierPoint, Vec<Vec<FrontierPoint>>)> = std::thread::scope(|scope| {
        let tasks: Vec<_> = (0..pools.len()).map(|i| scope.spawn(move || one_pool(pools, i, options))).collect();
        tasks.into_iter().filter_map(|task| task.join().ok()).collect()
    });
    let row = |m: usize| {
        let runs: Vec<Run<'_>> = pools
            .iter()
            .zip(&walked)
            .map(|(pool, (fixed, frontiers))| Run {
                pool: &pool.name,
                n: votes_of(pool),
                fixed,
                frontier: &frontiers[m],
                reference: &frontiers[0],
            })
            .collect();
        MethodRow {
            method: METHODS[m].name.to_owned(),
            savings: savings(&runs),
            frontiers: walked.iter().map(|w| w.1[m].clone()).collect(),
        }
    };
    (0..METHODS.len()).map(row).collect()
}

fn one_pool(pools: &[Pool], index: usize, options: CompareOptions) -> (FrontierPoint, Vec<Vec<FrontierPoint>>) {
    let pool = &pools[index];
    let others: Vec<&Pool> = pools.iter().enumerate().filter(|(i, _)| *i != index).map(|(_, p)| p).collect();
    let default = crate::frontier::even_prior();
    let table = learn_table(&others);
    let others = table.as_ref().map_or_else(|| default.clone(), Prior::from);
    let priors = Priors { default, others, form: table.and_then(|t| t.form) };
    let most = votes_of(pool);
    let walk = |draws| Walk { pool, most, seeds: options.seeds, first_seed: options.first_seed, draws };
    let fixed = walk(Draws::Mixed).point(&Rule::Fixed, f64::from(most));
    let frontiers = METHODS.iter().map(|m| walk(m.draws).frontier(&(m.rule)(&priors))).collect();
    (fixed, frontiers)
}
