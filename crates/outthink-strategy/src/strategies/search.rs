//! Search over the steps of a reply, layer by layer. Which nodes grow and how much is the rule of
//! the strategy: [`beam`](super::beam), [`dvts`](super::dvts) or [`rebase`](super::rebase).

use super::common::{Judge, all_failed, give_up, path_value, share, stop_with_leader, wait, weigh};
use crate::registry::Build;
use crate::{Aggregate, StrategyError};
use outthink_core::{
    Decision, DefaultValue, Kind, Link, Needs, Sample, SampleId, Setting, Span, State, Step, StopReason, Strategy,
};
use std::collections::BTreeSet;

/// Tokens of a step.
pub(super) const STEP_TOKENS: Setting = Setting::new(
    "step_tokens",
    Kind::count(1, 1_000_000),
    DefaultValue::Derived("256, or --max-tokens where that is less"),
    "tokens of a step at most",
);
/// Where a step ends.
pub(super) const AT: Setting = Setting::new("at", Kind::Text, DefaultValue::Text("\n\n"), "where a step ends");
/// Steps of a path.
pub(super) const DEPTH: Setting =
    Setting::new("depth", Kind::count(1, 10_000), DefaultValue::Count(40), "steps of a path at most");
/// Tokens of an answer.
pub(super) const ANSWER_TOKENS: Setting = Setting::new(
    "answer_tokens",
    Kind::count(1, 100_000),
    DefaultValue::Count(64),
    "tokens kept back so that a path can always be brought to an answer",
);
/// How values become one.
pub(super) const AGGREGATE: Setting = Setting::new(
    "aggregate",
    Kind::Word(&Aggregate::NAMES),
    DefaultValue::Text("last"),
    "how the values of a path's steps become one",
);

/// A node that can grow.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Node {
    pub(super) id: SampleId,
    /// The root that it descends from.
    pub(super) root: SampleId,
    /// In [0, 1].
    pub(super) value: f64,
}

/// Which nodes of a layer grow, and into how many: at most `left` in sum.
pub(super) trait Rule: Send + Sync {
    /// The strategy's name.
    fn name(&self) -> &'static str;

    /// The number of children of each node that grows. `nodes` come best first.
    fn widths(&self, nodes: &[Node], left: u32) -> Vec<(SampleId, u32)>;
}

/// `width` children for each of these nodes in order, as far as `left` reaches.
pub(super) fn alike<'a>(nodes: impl Iterator<Item = &'a Node>, width: u32, left: u32) -> Vec<(SampleId, u32)> {
    let mut left = left;
    let mut widths = Vec::new();
    for node in nodes {
        let given = width.min(left);
        left -= given;
        if given > 0 {
            widths.push((node.id, given));
        }
    }
    widths
}

/// Settings that all searches share.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    /// Paths that are followed at the same time.
    pub(super) paths: u32,
    max_tokens: Option<u64>,
    step_tokens: u64,
    /// Where a step ends.
    at: String,
    /// Steps of a path at most.
    depth: u32,
    answer_tokens: u64,
    aggregate: Aggregate,
}

/// What a path goes on with that must come to its end.
const CLOSE: &str = "\n\nTime is up. The final answer is";

impl Plan {
    pub(super) fn read(from: &mut Build<'_>) -> Result<Self, StrategyError> {
        let max_tokens = from.max_tokens();
        let step = u32::try_from(max_tokens.unwrap_or(256)).unwrap_or(u32::MAX).clamp(1, 256);
        Ok(Self {
            paths: from.samples(),
            max_tokens,
            step_tokens: u64::from(from.count_or("step_tokens", step)?),
            at: from.text("at")?,
            depth: from.count("depth")?,
            answer_tokens: u64::from(from.count("answer_tokens")?),
            aggregate: Aggregate::by_name(&from.text("aggregate")?),
        })
    }

    fn step(&self) -> Span {
        Span::step(self.step_tokens, self.at.clone())
    }

    pub(super) const fn aggregate(&self) -> Aggregate {
        self.aggregate
    }

    /// One more step from a node.
    pub(super) fn grow(&self, sample: SampleId, count: u32) -> Step {
        Step::Continue { sample, link: Link::Words(String::new()), count, span: self.step() }
    }

    /// First steps.
    pub(super) fn roots(&self, count: u32) -> Step {
        Step::Sample { arm: 0, count, span: self.step() }
    }

    /// A whole reply from a node.
    pub(super) fn rollout(&self, state: &State, sample: SampleId) -> Step {
        let left = self.max_tokens.map(|most| most.saturating_sub(state.path_tokens(sample)).max(self.answer_tokens));
        Step::Continue { sample, link: Link::Words(String::new()), count: 1, span: Span::whole(left) }
    }

    /// The answer now.
    fn close(&self, sample: SampleId) -> Step {
        let link = Link::Words(CLOSE.to_owned());
        Step::Continue { sample, link, count: 1, span: Span::whole(Some(self.answer_tokens)) }
    }

    /// How many steps can be bought such that what is left still pays for an answer; at most `count`.
    pub(super) fn affordable(&self, state: &State, count: u32) -> u32 {
        let room = state.room(0);
        let fits = room.affordable(Some(self.step_tokens)).min(count);
        match room.tokens {
            None => fits,
            Some(left) => {
                let steps = left.saturating_sub(self.answer_tokens) / self.step_tokens;
                fits.min(u32::try_from(steps).unwrap_or(u32::MAX))
            }
        }
    }

    /// Tokens of a rollout at least.
    pub(super) const fn affordable_rollout(&self) -> u64 {
        self.answer_tokens
    }

    /// Whether a path may not get longer.
    fn is_long(&self, state: &State, node: SampleId) -> bool {
        let tokens = state.path_tokens(node);
        self.max_tokens.is_some_and(|most| tokens >= most) || state.path(node).len() as u32 >= self.depth
    }
}

/// A search layer by layer.
pub(super) struct Search {
    plan: Plan,
    rule: Box<dyn Rule>,
    judge: Judge,
    /// Nodes that grew, were closed, or were given up.
    past: BTreeSet<SampleId>,
    closing: bool,
}

impl Search {
    pub(super) fn new(plan: Plan, rule: Box<dyn Rule>) -> Self {
        Self { plan, rule, judge: Judge::default(), past: BTreeSet::new(), closing: false }
    }

    /// The nodes of the last layer, best first; equal ones in their order.
    fn layer(&self, state: &State) -> Vec<Node> {
        let open = state.samples.iter().filter(|s| s.is_paused() && !self.past.contains(&s.id));
        let mut nodes: Vec<Node> = open
            .map(|s| Node {
                id: s.id,
                root: state.path(s.id).first().map_or(s.id, |r| r.id),
                value: path_value(state, s.id, self.plan.aggregate),
            })
            .collect();
        nodes.sort_by(|a, b| b.value.total_cmp(&a.value).then(a.id.cmp(&b.id)));
        nodes
    }

    fn value(&self, state: &State, sample: &Sample) -> f64 {
        path_value(state, sample.id, self.plan.aggregate)
    }

    /// The best sample of the answer with the largest sum of values.
    fn leader(&self, state: &State) -> Option<(SampleId, f64)> {
        let classes = weigh(state, |s| Some(self.value(state, s)));
        let &(leader, _) = classes.first()?;
        let of_leader = |s: &Sample| (s.class == Some(leader)).then(|| self.value(state, s));
        super::common::best_by(state, of_leader).map(|b| (b.0.id, share(&classes)))
    }

    fn end(&self, state: &State, why: String) -> Decision {
        let reason = if self.closing { StopReason::BudgetSpent } else { StopReason::SearchDone };
        match self.leader(state) {
            Some((sample, share)) => {
                let why = format!("{why}; {share:.3} of the finished paths' values for the leader");
                Decision::new(Step::Stop { sample, reason }, why)
            }
            None => stop_with_leader(state, reason, why),
        }
    }
}

/// Values with two digits, for the trace.
pub(super) fn values(nodes: &[Node]) -> String {
    let shown: Vec<String> = nodes.iter().take(8).map(|n| format!("{:.2}", n.value)).collect();
    format!("{}{}", shown.join(" "), if nodes.len() > 8 { " …" } else { "" })
}

impl Strategy for Search {
    fn name(&self) -> &str {
        self.rule.name()
    }

    fn needs(&self) -> Needs {
        Needs { continuation: true, steps: true, values: true, ..Needs::default() }
    }

    fn step(&mut self, state: &State) -> Decision {
        if !state.is_idle() {
            return wait(state);
        }
        if state.samples.is_empty() {
            return match self.plan.affordable(state, self.plan.paths) {
                0 => give_up(state),
                count => Decision::new(self.plan.roots(count), format!("{count} first steps")),
            };
        }
        if all_failed(state) {
            return give_up(state);
        }
        let verdicts = self.judge.ask(state, state.samples.iter().filter(|s| s.is_paused() || s.is_done()));
        if !verdicts.is_empty() {
            let why = format!("{} verdicts to be had", verdicts.len());
            return Decision::all(verdicts, why);
        }
        let nodes = self.layer(state);
        let finished = state.voters().count() as u32;
        let left = self.plan.paths.saturating_sub(finished);
        let by = if state.has_verifier() { "verifier" } else { "mean log-probability (there is no verifier)" };
        let belief = format!("{finished} paths ended, {} open, values by {by}: {}", nodes.len(), values(&nodes));
        if nodes.is_empty() || left == 0 {
            return self.end(state, belief);
        }
        self.past.extend(nodes.iter().map(|n| n.id));
        let (long, open): (Vec<Node>, Vec<Node>) = nodes.iter().partition(|n| self.plan.is_long(state, n.id));
        let widths = self.rule.widths(&open, left);
        let mut wanted = self.plan.affordable(state, widths.iter().map(|w| w.1).sum());
        let mut steps = Vec::new();
        for (id, width) in widths {
            let width = width.min(wanted);
            if width > 0 {
                wanted -= width;
                steps.push(self.plan.grow(id, width));
            }
        }
        if steps.is_empty() || !long.is_empty() {
            // What may not get longer, or cannot be paid for, is brought to an answer.
            let closed = if steps.is_empty() && !open.is_empty() { &nodes[..1] } else { &long[..] };
            self.closing |= !self.closing && steps.is_empty() && !open.is_empty();
            let most = state.room(0).affordable(Some(self.plan.answer_tokens)).min(left) as usize;
            steps.extend(closed.iter().take(most).map(|n| self.plan.close(n.id)));
        }
        if steps.is_empty() {
            return self.end(state, belief);
        }
        Decision::all(steps, belief)
    }

    fn best(&self, state: &State) -> Option<SampleId> {
        self.leader(state).map(|l| l.0).or_else(|| state.best_so_far())
    }
}
