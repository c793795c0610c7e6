//! Monte Carlo tree search over steps.

use super::common::{Judge, all_failed, best_by, give_up, path_value, share, stop_with_leader, wait, weigh};
use super::search::{self, Plan};
use crate::StrategyError;
use crate::registry::{Build, Draws, StrategyEntry};
use outthink_core::{
    Decision, DefaultValue, Entry, Kind, Needs, Paper, Sample, SampleId, Setting, State, Step, StopReason, Strategy,
};
use std::collections::BTreeSet;

/// How it is described and made.
pub(super) const ENTRY: StrategyEntry = StrategyEntry {
    entry: Entry {
        paper: Some(Paper::new("Kocsis and Szepesvári 2006", "https://doi.org/10.1007/11871842_29")),
        settings: &[
            Setting::new("width", Kind::count(1, 64), DefaultValue::Count(2), "steps that a node expands into"),
            Setting::new(
                "exploration",
                Kind::number(0.0, 100.0),
                DefaultValue::Number(std::f64::consts::SQRT_2),
                "weight of what was tried seldom against what was good",
            ),
            search::STEP_TOKENS,
            search::AT,
            search::DEPTH,
            search::ANSWER_TOKENS,
            search::AGGREGATE,
        ],
        needs: "continuation",
        also: &["monte-carlo-tree-search", "tree-search", "uct"],
        ..Entry::new("mcts", "a tree of steps: select by UCT, expand, simulate by a whole reply, back its score up")
    },
    stops: "N rollouts are made, or the tree is closed",
    draws: Draws::Several,
    takes: &[],
    build: |from| Mcts::read(from).map(|s| Box::new(s) as Box<dyn Strategy>),
};

/// Monte Carlo tree search with UCT (Kocsis and Szepesvári 2006; for reasoning Feng et al. 2023, Zhang
/// et al. 2024): select by `Q + c sqrt(ln n_parent / n)`, expand by `width` next steps, simulate each
/// new node by a real rollout to the end of the reply, score the end, and back the score up the path.
///
/// A verifier scores the ends; where there is none, an end's score is the share of all ends that
/// agree with it, which changes as more come in. That is why values are not stored: each is the mean
/// over the ends below a node, taken anew from the tree at every decision, and back-up is exact.
pub(crate) struct Mcts {
    plan: Plan,
    width: u32,
    exploration: f64,
    rollouts: u32,
    judge: Judge,
    /// Nodes that were asked to grow; `None` is the prompt.
    expanded: BTreeSet<Option<SampleId>>,
    simulated: BTreeSet<SampleId>,
}

/// What is known of a node from the ends below it.
#[derive(Debug, Clone, Copy, Default)]
struct Visits {
    count: f64,
    sum: f64,
}

impl Mcts {
    fn read(from: &mut Build<'_>) -> Result<Self, StrategyError> {
        Ok(Self {
            width: from.count("width")?,
            exploration: from.number("exploration")?,
            plan: Plan::read(from)?,
            rollouts: from.samples(),
            judge: Judge::default(),
            expanded: BTreeSet::new(),
            simulated: BTreeSet::new(),
        })
    }

    /// The score of an end, in [0, 1].
    fn reward(&self, state: &State, end: &Sample, ends: f64) -> f64 {
        if state.has_verifier() {
            return path_value(state, end.id, self.plan.aggregate());
        }
        let alike = state.voters().filter(|s| s.class.is_some() && s.class == end.class).count();
        alike as f64 / ends.max(1.0)
    }

    /// Visits of every node and, last, of the prompt.
    fn back_up(&self, state: &State) -> Vec<Visits> {
        let mut visits = vec![Visits::default(); state.samples.len() + 1];
        let ends = state.voters().count() as f64;
        for end in state.voters() {
            let reward = self.reward(state, end, ends);
            let path = state.path(end.id);
            for index in path.iter().map(|s| s.id as usize).chain([state.samples.len()]) {
                visits[index].count += 1.0;
                visits[index].sum += reward;
            }
        }
        visits
    }

    /// Nodes below which nothing can be expanded.
    fn closed(&self, state: &State) -> Vec<bool> {
        let mut closed = vec![true; state.samples.len()];
        // Children have larger numbers than their parents.
        for sample in state.samples.iter().rev() {
            let open_child = state.children(sample.id).any(|c| !closed[c.id as usize]);
            let can_grow = sample.is_paused() && !self.expanded.contains(&Some(sample.id));
            closed[sample.id as usize] = !(open_child || can_grow);
        }
        closed
    }

    /// The node to expand next: down from the prompt by UCT until one has no children yet.
    fn select(&self, state: &State) -> Option<SampleId> {
        let (visits, closed) = (self.back_up(state), self.closed(state));
        let mut parent: Option<SampleId> = None;
        let mut above = visits.last().map_or(1.0, |v| v.count);
        loop {
            let children = state.samples.iter().filter(|s| s.parent == parent && !closed[s.id as usize]);
            let uct = |s: &Sample| {
                let v = visits[s.id as usize];
                if v.count == 0.0 {
                    return f64::INFINITY;
                }
                v.sum / v.count + self.exploration * (above.max(1.0).ln() / v.count).sqrt()
            };
            let best = children.max_by(|a, b| uct(a).total_cmp(&uct(b)).then(b.id.cmp(&a.id)))?;
            if !self.expanded.contains(&Some(best.id)) {
                return Some(best.id);
            }
            above = visits[best.id as usize].count;
            parent = Some(best.id);
        }
    }

    /// The best end of the answer with the largest sum of rewards.
    fn leader(&self, state: &State) -> Option<(SampleId, f64)> {
        let ends = state.voters().count() as f64;
        let classes = weigh(state, |s| Some(self.reward(state, s, ends)));
        let &(leader, _) = classes.first()?;
        let of_leader = |s: &Sample| (s.class == Some(leader)).then(|| self.reward(state, s, ends));
        best_by(state, of_leader).map(|b| (b.0.id, share(&classes)))
    }

    fn end(&self, state: &State, reason: StopReason, why: &'static str) -> Decision {
        let ends = state.voters().count();
        match self.leader(state) {
            Some((sample, share)) => {
                let why = format!("{why}: {ends} ends, {share:.3} of their rewards for the leader");
                Decision::new(Step::Stop { sample, reason }, why)
            }
            None => stop_with_leader(state, reason, why),
        }
    }
}

impl Strategy for Mcts {
    fn name(&self) -> &'static str {
        ENTRY.name()
    }

    fn needs(&self) -> Needs {
        Needs { continuation: true, steps: true, ..Needs::default() }
    }

    fn step(&mut self, state: &State) -> Decision {
        if !state.is_idle() {
            return wait(state);
        }
        if self.expanded.insert(None) {
            return match self.plan.affordable(state, self.width) {
                0 => give_up(state),
                count => Decision::new(self.plan.roots(count), format!("expand the prompt into {count}")),
            };
        }
        if all_failed(state) {
            return give_up(state);
        }
        let verdicts = self.judge.ask(state, state.done());
        if !verdicts.is_empty() {
            let why = format!("{} ends to be scored", verdicts.len());
            return Decision::all(verdicts, why);
        }
        let ends = state.voters().count() as u32;
        let fresh: Vec<SampleId> =
            state.samples.iter().filter(|s| s.is_paused() && !self.simulated.contains(&s.id)).map(|s| s.id).collect();
        let left = self.rollouts.saturating_sub(ends);
        if !fresh.is_empty() && left > 0 {
            let most = state.room(0).affordable(Some(self.plan.affordable_rollout())).min(left) as usize;
            let chosen: Vec<SampleId> = fresh.into_iter().take(most).collect();
            self.simulated.extend(&chosen);
            let steps: Vec<Step> = chosen.iter().map(|&id| self.plan.rollout(state, id)).collect();
            if !steps.is_empty() {
                return Decision::all(steps, format!("simulate {chosen:?} to the end"));
            }
            return self.end(state, StopReason::BudgetSpent, "no further rollout is paid for");
        }
        if left == 0 {
            return self.end(state, StopReason::SearchDone, "all rollouts are made");
        }
        let Some(node) = self.select(state) else {
            return self.end(state, StopReason::SearchDone, "the tree is closed");
        };
        let count = self.plan.affordable(state, self.width);
        if count == 0 {
            return self.end(state, StopReason::BudgetSpent, "no further step is paid for");
        }
        self.expanded.insert(Some(node));
        let v = self.back_up(state)[node as usize];
        let why = format!("expand node {node}: mean reward {:.3} over {} ends", v.sum / v.count.max(1.0), v.count);
        Decision::new(self.plan.grow(node, count), why)
    }

    fn best(&self, state: &State) -> Option<SampleId> {
        self.leader(state).map(|l| l.0).or_else(|| state.best_so_far())
    }
}
