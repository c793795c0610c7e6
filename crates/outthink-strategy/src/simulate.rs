//! Strategies over recorded samples, without an engine.

use crate::{DriveRequest, End, Table};
use outthink_core::{
    Answer, Capabilities, Delta, Finish, FinishReason, ModelInfo, Outcome, SampleId, Step, StopReason, Strategy, Usage,
};
use outthink_verify::Comparison;
use std::collections::VecDeque;

/// A recorded sample as far as decisions depend on it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Recorded {
    /// Its final answer, if the recording holds one.
    pub answer: Option<Answer>,
    /// Its generated tokens.
    pub tokens: u64,
    /// Prompt tokens, where known.
    pub prompt_tokens: u64,
    /// What a verifier said, in [0, 1].
    pub score: Option<f64>,
}

/// Runs `strategy` over `samples`, in their order, until it stops or the recording ends.
///
/// Samples of a wave end in the order in which they were started. Time stands still. `Continue`
/// cannot be replayed from a recording of whole samples and ends the run with what there is.
pub fn simulate(
    request: &DriveRequest,
    model: &ModelInfo,
    strategy: &mut dyn Strategy,
    samples: &[Recorded],
    comparison: Comparison,
) -> Outcome {
    let has_scores = samples.iter().any(|s| s.score.is_some());
    let mut bounded = request.clone();
    let recorded = u32::try_from(samples.len()).unwrap_or(u32::MAX);
    bounded.budget.max_samples = Some(bounded.budget.max_samples.map_or(recorded, |most| most.min(recorded)));
    let mut table = Table::new(&bounded, model, Capabilities::default(), comparison, has_scores);
    let mut running: VecDeque<SampleId> = VecDeque::new();
    let mut score_next: VecDeque<SampleId> = VecDeque::new();
    let end = loop {
        let decision = strategy.step(&table.state);
        let event = table.decided(0.0, decision);
        let mut end = None;
        for step in event.decision.steps {
            match step {
                Step::Sample { count, max_tokens } => {
                    for _ in 0..count.min(table.state.room.affordable(max_tokens)) {
                        let cap = table.state.room.cap(max_tokens);
                        running.push_back(table.start(None, cap));
                    }
                }
                Step::Score { sample } => score_next.push_back(sample),
                Step::Cancel { samples } => {
                    running.retain(|id| !samples.contains(id));
                    for id in samples {
                        table.cancel(id);
                    }
                }
                Step::Stop { sample, reason } => end = Some(End { chosen: Some(sample), reason }),
                Step::Abstain { reason } => end = Some(End { chosen: None, reason }),
                Step::Wait | Step::Continue { .. } => {}
            }
        }
        if let Some(end) = end {
            break end;
        }
        if let Some(id) = score_next.pop_front() {
            table.score(id, samples.get(id as usize).and_then(|s| s.score), 0);
        } else if let Some(id) = running.pop_front() {
            let recorded = samples.get(id as usize).cloned().unwrap_or_default();
            let usage = Usage { prompt: recorded.prompt_tokens, completion: recorded.tokens, ..Usage::default() };
            table.finish_recorded(id, recorded.answer, None, Finish { reason: FinishReason::Stop, usage });
        } else {
            break End { chosen: table.best_so_far(), reason: StopReason::BudgetSpent };
        }
    };
    // What still runs is cancelled live as well, after some of its tokens: count them all.
    for id in running {
        let tokens = samples.get(id as usize).map_or(0, |s| s.tokens);
        table.delta(id, &Delta { tokens, ..Delta::default() }, &mut (0.0, 0));
        table.cancel(id);
    }
    table.outcome(strategy.name(), end, 0.0)
}
