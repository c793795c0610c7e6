//! Votes over free text: clusters of what means the same.

use super::common::{all_failed, best_by, draw, give_up, missing, stop_with_leader, wait};
use crate::StrategyError;
use crate::registry::{Build, Draws, StrategyEntry};
use outthink_core::{
    ClassId, Decision, DefaultValue, Entry, Kind, Needs, Paper, Sample, SampleId, Setting, State, Step, StopReason,
    Strategy,
};
use std::collections::BTreeSet;

/// How it is described and made.
pub(super) const ENTRY: StrategyEntry = StrategyEntry {
    entry: Entry {
        paper: Some(Paper::new("Kuhn et al. 2023", "https://arxiv.org/abs/2302.09664")),
        settings: &[Setting::new(
            "comparisons",
            Kind::count(0, 100_000),
            DefaultValue::Derived("3 times the samples"),
            "questions to the model at most whether two texts mean the same",
        )],
        needs: "a comparer: the model itself, in ask and serve",
        also: &["semantic-vote", "semantic-entropy", "universal-self-consistency", "usc"],
        ..Entry::new("cluster-vote", "N samples of free text; those that mean the same vote together")
    },
    stops: "more than half agree, or all clusters were compared",
    draws: Draws::Several,
    takes: &[],
    build: |from| ClusterVote::read(from).map(|s| Box::new(s) as Box<dyn Strategy>),
};

/// A vote where no rule can compare answers (Kuhn et al. 2023 cluster by meaning; Chen et al. 2023,
/// universal self-consistency, choose by a model): samples fall into one cluster where their texts are
/// equal but for case, spacing and punctuation, or where the model itself says that they mean the
/// same. Each new cluster is compared with the first sample of the others, the largest first.
/// The reply is the medoid of the largest cluster: the sample that shares most words with the others
/// of it, or the one with the best score where there is a verifier. If no two samples agree there is
/// no vote: it says so and keeps the first.
#[derive(Debug, Clone)]
pub struct ClusterVote {
    samples: u32,
    max_tokens: Option<u64>,
    most_comparisons: u32,
}

impl ClusterVote {
    fn read(from: &mut Build<'_>) -> Result<Self, StrategyError> {
        let (samples, max_tokens) = (from.samples(), from.max_tokens());
        let most_comparisons = from.count_or("comparisons", samples.saturating_mul(3).min(100_000))?;
        Ok(Self { samples, max_tokens, most_comparisons })
    }

    /// The next pair of clusters that were not compared yet, by their first samples.
    fn pair(&self, state: &State) -> Option<(SampleId, SampleId)> {
        if state.compared.len() as u32 >= self.most_comparisons {
            return None;
        }
        let first = |class: ClassId| state.voters().find(|s| s.class == Some(class)).map(|s| s.id);
        let clusters: Vec<(ClassId, SampleId)> =
            state.tally().classes.iter().filter_map(|c| Some((c.0, first(c.0)?))).collect();
        let class = |id: SampleId| state.sample(id).and_then(|s| s.class);
        // A comparison of two samples speaks for their clusters, also once these have grown.
        let compared = |a: ClassId, b: ClassId| {
            state.compared.iter().any(|&(l, r, _)| {
                let pair = (class(l), class(r));
                pair == (Some(a), Some(b)) || pair == (Some(b), Some(a))
            })
        };
        for (index, &(a, left)) in clusters.iter().enumerate() {
            for &(b, right) in &clusters[index + 1..] {
                if !compared(a, b) {
                    return Some((left, right));
                }
            }
        }
        None
    }

    /// The sample of a cluster that stands for it best.
    fn medoid(state: &State, class: ClassId) -> Option<SampleId> {
        let of_class = |s: &Sample| s.class == Some(class);
        if let Some((best, _)) = best_by(state, |s| s.score.filter(|_| of_class(s))) {
            return Some(best.id);
        }
        let members: Vec<(SampleId, BTreeSet<String>)> =
            state.voters().filter(|s| of_class(s)).map(|s| (s.id, words(&s.content))).collect();
        let closeness = |own: &BTreeSet<String>| members.iter().map(|(_, other)| jaccard(own, other)).sum::<f64>();
        let best = members.iter().max_by(|a, b| closeness(&a.1).total_cmp(&closeness(&b.1)).then(b.0.cmp(&a.0)));
        best.map(|m| m.0)
    }
}

fn words(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).map(str::to_lowercase).collect()
}

/// Words in common over words in all.
fn jaccard(a: &BTreeSet<String>, b: &BTreeSet<String>) -> f64 {
    let all = a.union(b).count();
    if all == 0 { 1.0 } else { a.intersection(b).count() as f64 / all as f64 }
}

impl Strategy for ClusterVote {
    fn name(&self) -> &'static str {
        ENTRY.name()
    }

    fn needs(&self) -> Needs {
        Needs { comparer: true, ..Needs::default() }
    }

    fn step(&mut self, state: &State) -> Decision {
        let count = missing(state, 0, self.samples, self.max_tokens);
        if count > 0 && state.samples.is_empty() {
            return draw(count, self.max_tokens, format!("{count} of {} samples", self.samples));
        }
        if !state.is_idle() {
            return wait(state);
        }
        if all_failed(state) || state.samples.is_empty() {
            return give_up(state);
        }
        let tally = state.tally();
        // Once more than half agree, no comparison of the others can change the leader.
        let settled = tally.count(0) * 2 > tally.votes();
        if !settled && let Some((left, right)) = self.pair(state) {
            let why = format!("{} clusters: do {left} and {right} mean the same?", tally.classes.len());
            return Decision::new(Step::Compare { left, right }, why);
        }
        let (votes, clusters) = (tally.votes(), tally.classes.len());
        if tally.count(0) <= 1 && votes > 1 {
            let why = format!("{votes} samples, no two of which mean the same");
            return match state.first_usable() {
                Some(sample) => Decision::new(Step::Stop { sample, reason: StopReason::NotComparable }, why),
                None => give_up(state),
            };
        }
        let reason = if (state.samples.len() as u32) < self.samples {
            StopReason::BudgetSpent
        } else {
            StopReason::SamplesDrawn
        };
        let why = format!("{} of {votes} samples in the largest of {clusters} clusters", tally.count(0));
        match self.best(state) {
            Some(sample) => Decision::new(Step::Stop { sample, reason }, why),
            None => stop_with_leader(state, reason, why),
        }
    }

    fn best(&self, state: &State) -> Option<SampleId> {
        state.tally().leader().and_then(|class| Self::medoid(state, class)).or_else(|| state.best_so_far())
    }
}
