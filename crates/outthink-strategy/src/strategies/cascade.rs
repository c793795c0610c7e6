//! A cheap arm first, an expensive one where it is worth it.

use super::common::{all_failed, give_up, wait};
use crate::StrategyError;
use crate::registry::{Build, Draws, StrategyEntry, Takes};
use crate::stopping::{posterior_leader, samples_to_decision};
use outthink_core::{
    ArmId, Decision, DefaultValue, Entry, Kind, Paper, Sample, SampleId, Setting, Span, State, Step, StopReason,
    Strategy, Tally,
};

/// How it is described and made.
pub(super) const ENTRY: StrategyEntry = StrategyEntry {
    entry: Entry {
        paper: Some(Paper::new("Chen et al. 2023", "https://arxiv.org/abs/2305.05176")),
        settings: &[
            Setting::new(
                "tries",
                Kind::at_least(1),
                DefaultValue::Derived("5, or the samples where these are fewer"),
                "samples of an arm at most",
            ),
            Setting::new("last_tries", Kind::at_least(1), DefaultValue::Count(1), "samples of the last arm at most"),
            Setting::new(
                "abstain",
                Kind::number(0.0, 1.0),
                DefaultValue::Number(0.0),
                "give no answer if the posterior on the last arm is below this",
            ),
        ],
        also: &["frugal", "frugalgpt", "escalate"],
        ..Entry::new("cascade", "samples of each arm, the cheapest first; the next arm only if the vote is not clear")
    },
    stops: "an arm's leader stays ahead with the target probability; else the next arm is asked",
    draws: Draws::Any,
    takes: &[Takes::Arms, Takes::Target],
    build: |from| Cascade::read(from).map(|s| Box::new(s) as Box<dyn Strategy>),
};

/// Cascade (Chen et al. 2023, `FrugalGPT`; Yue et al. 2024, whose cascade asks for agreement of the cheap
/// model's samples): each arm, the cheapest first, draws up to `tries` samples. If the posterior
/// that its leading answer stays ahead reaches the target, that answer stands; otherwise the next
/// arm is asked, and the votes of the arms before it no longer count, because the model that said
/// them was not sure. On the last arm the leader stands; or, where `abstain` is set and its posterior
/// is below it, nothing does.
#[derive(Debug, Clone)]
pub struct Cascade {
    max_tokens: Option<u64>,
    target: f64,
    tries: u32,
    last_tries: u32,
    abstain: f64,
    arm: ArmId,
}

impl Cascade {
    fn read(from: &mut Build<'_>) -> Result<Self, StrategyError> {
        Ok(Self {
            max_tokens: from.max_tokens(),
            target: from.target(),
            tries: from.count_or("tries", from.samples().min(5))?,
            last_tries: from.count("last_tries")?,
            abstain: from.number("abstain")?,
            arm: 0,
        })
    }

    /// The votes of one arm.
    fn tally(state: &State, arm: ArmId) -> Tally {
        let mut tally = Tally::default();
        for sample in state.voters().filter(|s| s.arm == arm) {
            match sample.class {
                None => tally.blank += 1,
                Some(class) => match tally.classes.iter_mut().find(|c| c.0 == class) {
                    Some(entry) => entry.1 += 1,
                    None => tally.classes.push((class, 1)),
                },
            }
        }
        tally.classes.sort_by_key(|c| (std::cmp::Reverse(c.1), c.0));
        tally
    }

    /// The sample to show of an arm: the first of its leading answer, else its first usable one.
    fn leader(state: &State, arm: ArmId) -> Option<SampleId> {
        let leader = Self::tally(state, arm).leader();
        let own = || state.voters().filter(|s| s.arm == arm);
        let of_leader = |s: &&Sample| leader.is_some() && s.class == leader;
        own().find(of_leader).or_else(|| own().find(|s| s.is_usable())).map(|s| s.id)
    }

    /// Stops with the leader of the most expensive arm that has one.
    fn stop(&self, state: &State, reason: StopReason, why: String) -> Decision {
        match self.best(state) {
            Some(sample) => Decision::new(Step::Stop { sample, reason }, why),
            None => give_up(state),
        }
    }
}

impl Strategy for Cascade {
    fn name(&self) -> &'static str {
        ENTRY.name()
    }

    fn step(&mut self, state: &State) -> Decision {
        if state.running() > 0 {
            return wait(state);
        }
        let last = self.arm as usize + 1 >= state.arms.len();
        let tries = if last && self.arm > 0 { self.last_tries } else { self.tries };
        let name = state.arms.get(self.arm as usize).map_or("", |a| a.name.as_str());
        let tally = Self::tally(state, self.arm);
        let (v1, v2) = (tally.count(0), tally.count(1));
        let posterior = posterior_leader(v1, v2);
        let belief = format!("{name}: votes {v1}:{v2} of {}, posterior {posterior:.3}", tally.votes() + tally.blank);
        if v1 > 0 && posterior >= self.target {
            let why = format!("{belief} reaches {:.3}", self.target);
            return self.stop(state, StopReason::TargetReached, why).with_posterior(posterior);
        }
        let drawn = state.samples.iter().filter(|s| s.arm == self.arm).count() as u32;
        let affordable = tries.saturating_sub(drawn).min(state.room(self.arm).affordable(self.max_tokens));
        if affordable > 0 {
            let count = if last { affordable } else { samples_to_decision(v1, v2, self.target, affordable) };
            let step = Step::Sample { arm: self.arm, count, span: Span::whole(self.max_tokens) };
            return Decision::new(step, format!("{belief}: {count} more")).with_posterior(posterior);
        }
        if !last {
            let next = self.arm + 1;
            let larger = state.arms.get(next as usize).map_or("", |a| a.name.as_str()).to_owned();
            let room = state.room(next).affordable(self.max_tokens);
            if room > 0 {
                self.arm = next;
                let tries = if next as usize + 1 >= state.arms.len() { self.last_tries } else { self.tries };
                let count = tries.min(room).min(if next as usize + 1 >= state.arms.len() { tries } else { 1 });
                let step = Step::Sample { arm: next, count, span: Span::whole(self.max_tokens) };
                let times = state.expected_price_ratio(next) / state.expected_price_ratio(next - 1);
                let price = if (times - 1.0).abs() > 0.05 { format!(", {times:.1}x the price") } else { String::new() };
                return Decision::new(step, format!("{belief} is too flat: escalate to {larger}{price}"));
            }
            if all_failed(state) {
                return give_up(state);
            }
            if posterior < self.abstain {
                let step = Step::Abstain { reason: StopReason::NothingHelps };
                return Decision::new(step, format!("{belief}, and {larger} cannot be paid for"))
                    .with_posterior(posterior);
            }
            let why = format!("{belief}, and {larger} cannot be paid for");
            return self.stop(state, StopReason::BudgetSpent, why).with_posterior(posterior);
        }
        if !all_failed(state) && posterior < self.abstain {
            let step = Step::Abstain { reason: StopReason::NothingHelps };
            return Decision::new(
                step,
                format!("{belief}: below {:.3}, and there is nobody else to ask", self.abstain),
            )
            .with_posterior(posterior);
        }
        let reason = if drawn < tries { StopReason::BudgetSpent } else { StopReason::SamplesDrawn };
        self.stop(state, reason, belief).with_posterior(posterior)
    }

    fn best(&self, state: &State) -> Option<SampleId> {
        (0..=self.arm).rev().find_map(|arm| Self::leader(state, arm)).or_else(|| state.best_so_far())
    }
}
