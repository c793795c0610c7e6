//! Wider or deeper: a tree of whole replies and their revisions.

use super::common::{Judge, all_failed, give_up, stop_with_leader, wait};
use super::draws::Draws as Random;
use crate::StrategyError;
use crate::registry::{Build, Draws, StrategyEntry};
use outthink_core::{
    Decision, DefaultValue, Entry, Kind, Link, Needs, Paper, Sample, SampleId, Setting, Span, State, Step, StopReason,
    Strategy,
};

/// How it is described and made.
pub(super) const ENTRY: StrategyEntry = StrategyEntry {
    entry: Entry {
        paper: Some(Paper::new("Inoue et al. 2025", "https://arxiv.org/abs/2503.04412")),
        settings: &[
            Setting::new(
                "parallel",
                Kind::count(1, 64),
                DefaultValue::Count(2),
                "nodes that are grown between two looks at the scores",
            ),
            Setting::new("depth", Kind::count(1, 100), DefaultValue::Count(8), "revisions of revisions at most"),
            Setting::new("seed", Kind::at_least(0), DefaultValue::Count(0), "seed of the draws of Thompson sampling"),
        ],
        needs: "a verifier",
        also: &["abmcts", "adaptive-branching", "treequest"],
        ..Entry::new("ab-mcts", "a tree of replies: Thompson sampling draws a new one or revises a good one")
    },
    stops: "the verifier is certain, or N replies are made",
    draws: Draws::Several,
    takes: &[],
    build: |from| AbMcts::read(from).map(|s| Box::new(s) as Box<dyn Strategy>),
};

/// Adaptive-branching Monte Carlo tree search (AB-MCTS-A with Beta posteriors, Inoue et al. 2025) over the scores of the
/// verifiers.
///
/// A node is a whole reply. At each node a draw decides between going wider (a new reply to what the node replied to:
/// at the root a fresh one, below it another revision of the node) and going deeper (on to one of its children, chosen
/// by a draw of its own). What speaks for wider are the scores of the node's direct children, for deeper those of all
/// that lies below them, and for a child its own score and those below it; each as Beta(1/2 + sum of scores, 1/2 + sum of
/// what they lack of 1). A reply without a score counts as 0.
///
/// Departures from the paper: `parallel` nodes grow between two looks at the scores, a tree ends at a verifier's
/// certainty, and the revision is asked for without the verifier's words, which a score does not have.
#[derive(Debug, Clone)]
pub struct AbMcts {
    samples: u32,
    max_tokens: Option<u64>,
    parallel: u32,
    depth: u32,
    random: Random,
    judge: Judge,
}

/// The turn that asks for a revision.
const ASK: &str = "Your answer may be wrong or could be better. Look for its weakest point, and then answer the question again \
                   from the beginning, in the same form.";

/// Weight of the prior on each side (Jeffreys).
const PRIOR: f64 = 0.5;

/// Scores that were seen: their sum, and the sum of what they lack of 1.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    good: f64,
    bad: f64,
}

impl Seen {
    fn add(&mut self, score: f64) {
        self.good += score;
        self.bad += 1.0 - score;
    }

    fn plus(self, other: Self) -> Self {
        Self { good: self.good + other.good, bad: self.bad + other.bad }
    }
}

impl AbMcts {
    fn read(from: &mut Build<'_>) -> Result<Self, StrategyError> {
        Ok(Self {
            samples: from.samples(),
            max_tokens: from.max_tokens(),
            parallel: from.count("parallel")?,
            depth: from.count("depth")?,
            random: Random::new(u64::from(from.count("seed")?)),
            judge: Judge::default(),
        })
    }

    fn score(sample: &Sample) -> f64 {
        sample.score.unwrap_or(0.0)
    }

    /// For each sample the scores of it and of all below it. Children have larger numbers than their parents.
    fn subtrees(state: &State) -> Vec<Seen> {
        let mut seen = vec![Seen::default(); state.samples.len()];
        for sample in state.samples.iter().rev().filter(|s| s.is_done()) {
            let at = sample.id as usize;
            seen[at].add(Self::score(sample));
            if let Some(parent) = sample.parent {
                seen[parent as usize] = seen[parent as usize].plus(seen[at]);
            }
        }
        seen
    }

    fn draw(&mut self, seen: Seen) -> f64 {
        self.random.beta(PRIOR + seen.good, PRIOR + seen.bad)
    }

    /// The node that grows: `None` is the prompt.
    fn select(&mut self, state: &State, subtrees: &[Seen]) -> Option<SampleId> {
        let mut node: Option<SampleId> = None;
        loop {
            let children: Vec<&Sample> = state.done().filter(|s| s.parent == node && s.role.is_reply()).collect();
            let depth = node.map_or(0, |id| state.path(id).len() as u32);
            // Below the last level nothing grows.
            let reachable = depth < self.depth;
            if children.is_empty() || !reachable {
                return node;
            }
            let (mut wider, mut deeper) = (Seen::default(), Seen::default());
            for child in &children {
                let score = Self::score(child);
                wider.add(score);
                let below = subtrees[child.id as usize];
                deeper = deeper.plus(Seen { good: below.good - score, bad: below.bad - (1.0 - score) });
            }
            if self.draw(wider) >= self.draw(deeper) {
                return node;
            }
            let mut best: Option<(SampleId, f64)> = None;
            for child in children {
                let drawn = self.draw(subtrees[child.id as usize]);
                if best.is_none_or(|b| drawn > b.1) {
                    best = Some((child.id, drawn));
                }
            }
            node = best.map(|b| b.0);
        }
    }

    /// The complete reply with the best score; the first of equals.
    fn kept(state: &State) -> Option<&Sample> {
        let mut best: Option<&Sample> = None;
        let some_fit = state.done().any(|s| s.is_complete() && !s.malformed);
        for sample in state.done().filter(|s| s.is_complete() && !(some_fit && s.malformed)) {
            if best.is_none_or(|b| Self::score(sample) > Self::score(b)) {
                best = Some(sample);
            }
        }
        best
    }

    fn end(state: &State, reason: StopReason, why: String) -> Decision {
        match Self::kept(state) {
            Some(sample) => Decision::new(Step::Stop { sample: sample.id, reason }, why),
            None => stop_with_leader(state, reason, why),
        }
    }
}

impl Strategy for AbMcts {
    fn name(&self) -> &'static str {
        ENTRY.name()
    }

    fn needs(&self) -> Needs {
        Needs { verifier: true, ..Needs::default() }
    }

    fn step(&mut self, state: &State) -> Decision {
        if let Some(kept) = Self::kept(state).filter(|s| s.score.is_some_and(|score| score >= 1.0) && !s.malformed) {
            let stop = Step::Stop { sample: kept.id, reason: StopReason::Verified };
            return Decision::new(stop, format!("reply {} is right for certain", kept.id));
        }
        let verdicts = self.judge.ask(state, state.done());
        if !verdicts.is_empty() {
            let why = format!("{} replies to be scored", verdicts.len());
            return Decision::all(verdicts, why);
        }
        if !state.is_idle() {
            return wait(state);
        }
        if all_failed(state) {
            return give_up(state);
        }
        let kept = Self::kept(state)
            .map_or_else(String::new, |s| format!("; the best so far is {} with {:.3}", s.id, Self::score(s)));
        let left = self.samples.saturating_sub(state.samples.len() as u32);
        if left == 0 {
            return Self::end(state, StopReason::SearchDone, format!("{} replies are made{kept}", state.samples.len()));
        }
        let count = self.parallel.min(left).min(state.room(0).affordable(self.max_tokens));
        if count == 0 {
            return if state.samples.is_empty() {
                give_up(state)
            } else {
                Self::end(state, StopReason::BudgetSpent, format!("no further reply is paid for{kept}"))
            };
        }
        let subtrees = Self::subtrees(state);
        let nodes: Vec<Option<SampleId>> = (0..count).map(|_| self.select(state, &subtrees)).collect();
        let span = Span::whole(self.max_tokens);
        let fresh = nodes.iter().filter(|n| n.is_none()).count() as u32;
        let mut steps = Vec::new();
        if fresh > 0 {
            steps.push(Step::Sample { arm: 0, count: fresh, span: span.clone() });
        }
        let revised: Vec<SampleId> = nodes.into_iter().flatten().collect();
        for &sample in &revised {
            steps.push(Step::Continue { sample, link: Link::Turn(ASK.to_owned()), count: 1, span: span.clone() });
        }
        Decision::all(steps, format!("{fresh} fresh replies, revisions of {revised:?}{kept}"))
    }

    fn best(&self, state: &State) -> Option<SampleId> {
        Self::kept(state).map(|s| s.id).or_else(|| state.best_so_far())
    }
}
