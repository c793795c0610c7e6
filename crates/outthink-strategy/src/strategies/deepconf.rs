//! Votes of the samples whose thought never lost confidence.

use super::common::{all_failed, best_by, draw, give_up, missing, share, stop_with_leader, weigh};
use crate::StrategyError;
use crate::registry::{Build, Draws, StrategyEntry};
use outthink_core::{
    Decision, DefaultValue, Entry, Kind, Needs, Paper, Sample, SampleId, SampleStatus, Setting, State, Step,
    StopReason, Strategy,
};

/// How it is described and made.
pub(super) const ENTRY: StrategyEntry = StrategyEntry {
    entry: Entry {
        paper: Some(Paper::new("Fu et al. 2025", "https://arxiv.org/abs/2508.15260")),
        settings: &[
            Setting::new(
                "mode",
                Kind::Word(&["online", "offline"]),
                DefaultValue::Text("online"),
                "online cancels samples in mid-generation; offline draws all and filters",
            ),
            Setting::new(
                "keep",
                Kind::number(0.01, 1.0),
                DefaultValue::Number(0.9),
                "share of the samples whose confidence passes",
            ),
            Setting::new(
                "warmup",
                Kind::count(1, 10_000),
                DefaultValue::Count(16),
                "samples that set the threshold online",
            ),
            Setting::new(
                "group",
                Kind::count(1, 1_000_000),
                DefaultValue::Derived("a quarter of --max-tokens, from 16 to 2048"),
                "tokens over which confidence is averaged",
            ),
            Setting::new(
                "consensus",
                Kind::number(0.5, 1.0),
                DefaultValue::Number(0.95),
                "share of the weighted vote at which it stops",
            ),
            Setting::new(
                "measure",
                Kind::Word(&["lowest", "tail", "mean"]),
                DefaultValue::Text("lowest"),
                "which groups of tokens count: the least confident, the last, or all",
            ),
        ],
        needs: "log-probabilities",
        also: &["deep-think-with-confidence"],
        ..Entry::new("deepconf", "N samples, of which only those vote that never lost confidence")
    },
    stops: "online: the weighted vote reaches `consensus` among at least three; offline: all are drawn",
    draws: Draws::Several,
    takes: &[],
    build: |from| DeepConf::read(from).map(|s| Box::new(s) as Box<dyn Strategy>),
};

/// `DeepConf` (Fu et al. 2025): the least confident group of tokens tells a bad trace.
///
/// Offline, all `samples` are drawn, those of the best `keep` share by confidence vote, each with its
/// confidence. Online, `warmup` samples set a threshold such that `keep` of them pass it; every later
/// trace that falls below is cancelled in mid-generation, and the run ends when the weighted vote
/// reaches `consensus`. The paper's aggressive setting keeps 10 %, which loses on 8 of its 20
/// published settings; the default here is its careful one, 90 %.
#[derive(Debug, Clone)]
pub struct DeepConf {
    samples: u32,
    max_tokens: Option<u64>,
    online: bool,
    keep: f64,
    warmup: u32,
    group: u32,
    consensus: f64,
    measure: Measure,
}

/// One trace alone always agrees with itself: no consensus is seen in fewer.
const FEWEST_VOTERS: usize = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Measure {
    Lowest,
    Tail,
    Mean,
}

impl DeepConf {
    fn read(from: &mut Build<'_>) -> Result<Self, StrategyError> {
        let (samples, max_tokens) = (from.samples(), from.max_tokens());
        // The paper's 2,048 tokens are for thoughts of tens of thousands.
        let group = (max_tokens.unwrap_or(8_192) / 4).clamp(16, 2_048) as u32;
        Ok(Self {
            samples,
            max_tokens,
            online: from.text("mode")? == "online",
            keep: from.number("keep")?,
            warmup: from.count("warmup")?.min(samples),
            group: from.count_or("group", group)?,
            consensus: from.number("consensus")?,
            measure: match from.text("measure")?.as_str() {
                "tail" => Measure::Tail,
                "mean" => Measure::Mean,
                _ => Measure::Lowest,
            },
        })
    }

    fn confidence(&self, sample: &Sample) -> Option<f64> {
        let c = sample.confidence?;
        Some(match self.measure {
            Measure::Lowest => c.lowest,
            Measure::Tail => c.tail,
            Measure::Mean => c.mean,
        })
    }

    /// The confidence that a trace must have: that of the last one kept of the warm-up (online), or
    /// of all (offline).
    fn threshold(&self, state: &State) -> Option<f64> {
        let most = if self.online { self.warmup as usize } else { usize::MAX };
        let judged = state.samples.iter().take(most).filter(|s| s.is_done());
        let mut known: Vec<f64> = judged.filter_map(|s| self.confidence(s)).collect();
        known.sort_by(|a, b| b.total_cmp(a));
        let kept = ((known.len() as f64 * self.keep).ceil() as usize).clamp(1, known.len().max(1));
        known.get(kept - 1).copied()
    }

    /// Confidences may be negative where an engine gives one log-probability a token: weights are
    /// taken from the threshold up, by a scale on which the threshold itself still counts.
    fn weight(&self, sample: &Sample, threshold: Option<f64>) -> Option<f64> {
        let c = self.confidence(sample)?;
        let floor = threshold?;
        (c >= floor).then(|| if c > 0.0 && floor > 0.0 { c } else { (c - floor).exp() })
    }

    fn vote(&self, state: &State) -> Vec<(u32, f64)> {
        let threshold = self.threshold(state);
        weigh(state, |s| self.weight(s, threshold))
    }

    fn end(&self, state: &State, reason: StopReason, why: String) -> Decision {
        match self.best(state) {
            Some(sample) => Decision::new(Step::Stop { sample, reason }, why),
            None => stop_with_leader(state, reason, why),
        }
    }
}

impl Strategy for DeepConf {
    fn name(&self) -> &'static str {
        ENTRY.name()
    }

    fn needs(&self) -> Needs {
        Needs { logprobs: true, confidence: Some(self.group), ..Needs::default() }
    }

    fn step(&mut self, state: &State) -> Decision {
        let first = if self.online { self.warmup } else { self.samples };
        let warming = state.samples.len() < first as usize;
        if warming {
            let count = missing(state, 0, first, self.max_tokens);
            if count > 0 {
                return draw(count, self.max_tokens, format!("{count} samples to know the model's confidence"));
            }
        }
        if all_failed(state) && state.is_idle() {
            return give_up(state);
        }
        let warm = state.samples.iter().take(first as usize).all(|s| s.status != SampleStatus::Running);
        if !warm {
            return super::common::wait(state);
        }
        let classes = self.vote(state);
        let consensus = share(&classes);
        let belief = format!("{consensus:.3} of the weighted vote for the leader, {} classes", classes.len());
        let threshold = self.threshold(state);
        let voters = state.voters().filter(|s| s.class.is_some() && self.weight(s, threshold).is_some()).count();
        if self.online && voters >= FEWEST_VOTERS && consensus >= self.consensus {
            return self.end(state, StopReason::Consensus, belief);
        }
        let mut steps = Vec::new();
        if let Some(threshold) = self.threshold(state).filter(|_| self.online) {
            // A group must be full, or the beginning of a thought would be judged by a few tokens.
            let lost = |s: &&Sample| {
                s.status == SampleStatus::Running
                    && s.usage.completion >= u64::from(self.group)
                    && s.confidence.is_some_and(|c| c.lowest < threshold)
            };
            let samples: Vec<SampleId> = state.samples.iter().filter(lost).map(|s| s.id).collect();
            if !samples.is_empty() {
                steps.push(Step::Cancel { samples });
            }
        }
        let cancelled = steps.len() as u32;
        let count = missing(state, 0, self.samples, self.max_tokens);
        if self.online && count > 0 {
            let why = format!("{belief}: {count} more, cancelled below {:.3}", self.threshold(state).unwrap_or(0.0));
            steps.push(Step::Sample { arm: 0, count, span: outthink_core::Span::whole(self.max_tokens) });
            return Decision::all(steps, why).watching(u64::from(self.group.div_ceil(4)));
        }
        if state.running() > cancelled {
            let why = format!("{belief}: {} run on", state.running());
            steps.push(Step::Wait);
            return Decision::all(steps, why).watching(u64::from(self.group.div_ceil(4)));
        }
        let drawn = state.samples.len() as u32;
        let reason = if drawn < self.samples { StopReason::BudgetSpent } else { StopReason::SamplesDrawn };
        self.end(state, reason, belief)
    }

    fn best(&self, state: &State) -> Option<SampleId> {
        let threshold = self.threshold(state);
        let leader = self.vote(state).first().map(|c| c.0);
        let of_leader = |s: &Sample| self.weight(s, threshold).filter(|_| leader.is_some() && s.class == leader);
        best_by(state, of_leader).map(|b| b.0.id).or_else(|| state.best_so_far())
    }
}
