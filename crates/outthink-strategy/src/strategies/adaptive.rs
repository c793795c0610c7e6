//! Draws in waves and stops when more votes would not pay.

use super::common::{is_hopeless, may_compare, nothing_to_compare};
use super::{give_up, stop_with_leader};
use crate::registry::{Draws, StrategyEntry, Takes};
use crate::stopping::{cannot_be_overtaken, posterior_leader, samples_to_decision};
use crate::value::gain_per_sample;
use outthink_core::{Decision, Entry, Paper, Span, State, Step, StopReason, Strategy};

/// How it is described and made.
pub(super) const ENTRY: StrategyEntry = StrategyEntry {
    entry: Entry {
        paper: Some(Paper::new("Aggarwal et al. 2023", "https://arxiv.org/abs/2305.11860")),
        also: &["adaptive-consistency", "asc"],
        ..Entry::new("adaptive", "samples in waves, until more votes would not change the answer")
    },
    stops: "the leader stays ahead with the target probability, can no longer be overtaken, or the next sample is not worth its price",
    draws: Draws::Several,
    takes: &[Takes::Target],
    build: |from| {
        let (target, price) = (from.target(), Adaptive::price_for(from.target()));
        let tools_once = from.tools_once();
        let (max_samples, max_tokens) = (from.samples(), from.max_tokens());
        Ok(Box::new(Adaptive { max_samples, max_tokens, target, price, tools_once }))
    },
};

/// Adaptive-Consistency (Aggarwal et al. 2023) in waves, with two further reasons to stop.
///
/// It stops when the posterior that the leader stays ahead reaches `target`, when the leader cannot
/// be overtaken within what is left, or when the gain of the best purchase falls below `price`.
/// Departures from the paper: where the request does not ask for a final answer, the first sample is drawn
/// alone and shows whether there is anything to compare; a wave is as long as the shortest run of samples after which the rule
/// could fire, so it draws in parallel without drawing what one-at-a-time would have saved; and
/// samples without an answer use up the budget but do not vote.
#[derive(Debug, Clone)]
pub struct Adaptive {
    /// Samples at most.
    pub max_samples: u32,
    /// Generated tokens of each at most.
    pub max_tokens: Option<u64>,
    /// Posterior at which to stop, in (0.5, 1).
    pub target: f64,
    /// The least gain in the expected share of the chosen answer that one sample must bring.
    pub price: f64,
    /// Whether a request that offers tools is one sample. The turns of a tool loop share a long beginning, and
    /// whether to compare must not change between them: so it is decided by what all of them carry.
    pub tools_once: bool,
}

impl Adaptive {
    /// The price that goes with a target of .95, chosen on recorded pools: see `docs/LOG.md`.
    pub const PRICE: f64 = 2e-5;

    /// The price that goes with a target: who tolerates less error pays more to avoid it, so the
    /// price falls in step with `1 - target`.
    pub fn price_for(target: f64) -> f64 {
        Self::PRICE * (1.0 - target) / 0.05
    }

    fn running_is_useless(&self, state: &State, left: u32) -> Option<(StopReason, String, f64)> {
        let tally = state.tally();
        let (v1, v2) = (tally.count(0), tally.count(1));
        let posterior = posterior_leader(v1, v2);
        let belief = format!("votes {v1}:{v2} of {}, posterior {posterior:.3}", tally.votes());
        if v1 > 0 && posterior >= self.target {
            return Some((StopReason::TargetReached, format!("{belief} reaches {:.3}", self.target), posterior));
        }
        if v1 > 0 && cannot_be_overtaken(v1, v2, left) {
            return Some((StopReason::CannotBeOvertaken, format!("{belief}, {left} left"), posterior));
        }
        // While all agree the target alone decides: it is near, and it is what was asked for.
        if v2 > 0 && left > 0 {
            let gain = gain_per_sample(&tally, left);
            if gain < self.price {
                return Some((
                    StopReason::NotWorthIt,
                    format!("{belief}, a sample gains {gain:.5} < {:.5}", self.price),
                    posterior,
                ));
            }
        }
        None
    }
}

impl Strategy for Adaptive {
    fn name(&self) -> &'static str {
        ENTRY.name()
    }

    fn step(&mut self, state: &State) -> Decision {
        let unstarted = self.max_samples.saturating_sub(state.samples.len() as u32);
        let running = state.running();
        let affordable = unstarted.min(state.room(0).affordable(self.max_tokens));
        // What runs frees its reservation when it ends early, so with a tight budget `affordable`
        // understates what is left; nothing can be closed by counting before it ended.
        let left = if running > 0 { running + unstarted } else { affordable };
        let tally = state.tally();
        let posterior = posterior_leader(tally.count(0), tally.count(1));

        if is_hopeless(state) {
            return give_up(state);
        }
        if self.tools_once && state.offers_tools && state.voters().next().is_some() {
            return stop_with_leader(state, StopReason::Single, "tools are offered: one sample a turn");
        }
        if let Some((reason, why)) = nothing_to_compare(state) {
            return stop_with_leader(state, reason, why);
        }
        if let Some((reason, why, posterior)) = self.running_is_useless(state, left) {
            return stop_with_leader(state, reason, why).with_posterior(posterior);
        }
        if running > 0 {
            return Decision::new(Step::Wait, format!("{running} samples are on their way")).with_posterior(posterior);
        }
        if affordable == 0 {
            let reason = if unstarted == 0 { StopReason::SamplesDrawn } else { StopReason::BudgetSpent };
            return stop_with_leader(state, reason, "nothing more can be bought").with_posterior(posterior);
        }
        let (v1, v2) = (tally.count(0), tally.count(1));
        let once = self.tools_once && state.offers_tools;
        let (count, why) = if may_compare(state) && !once {
            let count = samples_to_decision(v1, v2, self.target, affordable);
            (count, format!("votes {v1}:{v2}, posterior {posterior:.3}: no decision before {count} more"))
        } else {
            (1, "one sample, to see whether there is anything to compare".to_owned())
        };
        Decision::new(Step::Sample { arm: 0, count, span: Span::whole(self.max_tokens) }, why).with_posterior(posterior)
    }
}
