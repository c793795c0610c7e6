//! The strategies, one a file.

mod adaptive;
mod best_of_n;
mod budget_forcing;
mod self_consistency;
mod single;

pub use adaptive::Adaptive;
pub use best_of_n::BestOfN;
pub use budget_forcing::BudgetForcing;
pub use self_consistency::SelfConsistency;
pub use single::Single;

use outthink_core::{Decision, State, Step, StopReason};

/// Stops with the leader of the vote, or with the first good text where nothing voted, or gives up.
fn stop_with_leader(state: &State, reason: StopReason, why: impl Into<String>) -> Decision {
    let leader = state.tally().leader().and_then(|class| state.representative(class));
    match leader.or_else(|| state.first_usable()).or_else(|| state.done().next().map(|s| s.id)) {
        Some(sample) => Decision::new(Step::Stop { sample, reason }, why),
        None => give_up(state),
    }
}

/// Ends without an answer: the engine failed, or the budget did not pay for one sample.
fn give_up(state: &State) -> Decision {
    if state.samples.iter().any(|s| s.error.is_some()) {
        Decision::new(Step::Abstain { reason: StopReason::EngineFailed }, "every sample failed")
    } else {
        Decision::new(Step::Abstain { reason: StopReason::BudgetSpent }, "the budget does not pay for one sample")
    }
}
