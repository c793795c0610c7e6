//! Several models or prompts, whose worth is learned as their samples come in.

use super::common::{all_failed, give_up, stop_with_leader, wait};
use crate::StrategyError;
use crate::registry::{Build, Draws, StrategyEntry, Takes};
use crate::stopping::{cannot_be_overtaken, posterior_leader};
use outthink_core::{
    ArmId, ClassId, Decision, DefaultValue, Entry, Kind, Needs, Paper, Setting, Span, State, Step, StopReason,
    Strategy, derive_seed,
};

/// How it is described and made.
pub(super) const ENTRY: StrategyEntry = StrategyEntry {
    entry: Entry {
        paper: Some(Paper::new("Thompson 1933", "https://doi.org/10.1093/biomet/25.3-4.285")),
        settings: &[
            Setting::new(
                "wave",
                Kind::count(1, 1_000),
                DefaultValue::Count(2),
                "samples between two choices of an arm",
            ),
            Setting::new(
                "rule",
                Kind::Word(&["thompson", "ucb"]),
                DefaultValue::Text("thompson"),
                "how an arm is chosen",
            ),
            Setting::new("seed", Kind::at_least(0), DefaultValue::Count(0), "seed of the draws of Thompson sampling"),
        ],
        needs: "two arms or more",
        also: &["bandit", "mixture", "router"],
        ..Entry::new("ensemble", "samples of several arms; a bandit learns which arm agrees with the others")
    },
    stops: "the vote over all arms reaches the target",
    draws: Draws::Several,
    takes: &[Takes::Arms, Takes::Target],
    build: |from| Ensemble::read(from).map(|s| Box::new(s) as Box<dyn Strategy>),
};

/// An ensemble of arms as a bandit: an arm's reward is whether its sample agrees with the answer that
/// leads the vote of all *other* samples, which needs no labels. Thompson sampling (Thompson 1933)
/// draws an arm's worth from its Beta posterior; UCB1 (Auer et al. 2002) takes mean plus
/// `sqrt(2 ln n / n_arm)`. After one sample of each arm, waves go to the arm of the largest worth, and the
/// vote over all samples stops as Adaptive-Consistency does.
#[derive(Debug, Clone)]
pub struct Ensemble {
    samples: u32,
    max_tokens: Option<u64>,
    target: f64,
    wave: u32,
    ucb: bool,
    seed: u64,
    draws: u64,
}

impl Ensemble {
    fn read(from: &mut Build<'_>) -> Result<Self, StrategyError> {
        Ok(Self {
            samples: from.samples(),
            max_tokens: from.max_tokens(),
            target: from.target(),
            wave: from.count("wave")?,
            ucb: from.text("rule")? == "ucb",
            seed: u64::from(from.count("seed")?),
            draws: 0,
        })
    }

    /// How often each arm's samples agreed with the leader of the others, and how often not.
    fn records(state: &State) -> Vec<(u32, u32)> {
        let mut records = vec![(0, 0); state.arms.len()];
        let tally = state.tally();
        for sample in state.voters() {
            let Some(record) = records.get_mut(sample.arm as usize) else { continue };
            let others = |&(class, votes): &(ClassId, u32)| (class, votes - u32::from(sample.class == Some(class)));
            let mut rest: Vec<(ClassId, u32)> = tally.classes.iter().map(others).collect();
            rest.sort_by_key(|c| (std::cmp::Reverse(c.1), c.0));
            match rest.first().filter(|c| c.1 > 0) {
                Some(leader) if sample.class == Some(leader.0) => record.0 += 1,
                Some(_) => record.1 += 1,
                None => {}
            }
        }
        records
    }

    fn unit(&mut self) -> f64 {
        self.draws += 1;
        (derive_seed(self.seed, self.draws) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A draw of Beta(1 + a, 1 + b): the (1 + a)th smallest of 1 + a + b uniform numbers.
    fn beta(&mut self, a: u32, b: u32) -> f64 {
        let mut units: Vec<f64> = (0..=a + b).map(|_| self.unit()).collect();
        units.sort_by(f64::total_cmp);
        units[a as usize]
    }

    /// The arm for the next wave; of equals the first, which is the cheapest.
    fn choose(&mut self, state: &State) -> (ArmId, String) {
        let records = Self::records(state);
        let total: u32 = records.iter().map(|r| r.0 + r.1).sum();
        let worth: Vec<f64> = records
            .iter()
            .map(|&(a, b)| match (self.ucb, a + b) {
                (true, 0) => f64::INFINITY,
                (true, n) => f64::from(a) / f64::from(n) + (2.0 * f64::from(total).ln() / f64::from(n)).sqrt(),
                (false, _) => self.beta(a, b),
            })
            .collect();
        let payable = |arm: &usize| state.room(*arm as ArmId).affordable(self.max_tokens) > 0;
        let best = (0..worth.len()).filter(payable).max_by(|&x, &y| worth[x].total_cmp(&worth[y]).then(y.cmp(&x)));
        let told: Vec<String> =
            state.arms.iter().zip(&records).map(|(arm, r)| format!("{} {}:{}", arm.name, r.0, r.1)).collect();
        (best.unwrap_or(0) as ArmId, format!("agreement {}", told.join(", ")))
    }
}

impl Strategy for Ensemble {
    fn name(&self) -> &'static str {
        ENTRY.name()
    }

    fn needs(&self) -> Needs {
        Needs { arms: 2, ..Needs::default() }
    }

    fn step(&mut self, state: &State) -> Decision {
        let sample = |arm, count| Step::Sample { arm, count, span: Span::whole(self.max_tokens) };
        if state.samples.is_empty() {
            let arms = (state.arms.len() as u32).min(self.samples);
            let payable: Vec<ArmId> =
                (0..arms).filter(|&arm| state.room(arm).affordable(self.max_tokens) > 0).collect();
            if payable.is_empty() {
                return give_up(state);
            }
            let steps = payable.iter().map(|&arm| sample(arm, 1)).collect();
            return Decision::all(steps, format!("one sample of each of {} arms", payable.len()));
        }
        let tally = state.tally();
        let (v1, v2) = (tally.count(0), tally.count(1));
        let posterior = posterior_leader(v1, v2);
        let belief = format!("votes {v1}:{v2} of {}, posterior {posterior:.3}", tally.votes());
        if v1 > 0 && posterior >= self.target {
            return stop_with_leader(state, StopReason::TargetReached, belief).with_posterior(posterior);
        }
        let unstarted = self.samples.saturating_sub(state.samples.len() as u32);
        if v1 > 0 && cannot_be_overtaken(v1, v2, unstarted + state.running()) {
            return stop_with_leader(state, StopReason::CannotBeOvertaken, belief).with_posterior(posterior);
        }
        if state.running() > 0 {
            return wait(state);
        }
        if all_failed(state) {
            return give_up(state);
        }
        let (arm, records) = self.choose(state);
        let count = unstarted.min(self.wave).min(state.room(arm).affordable(self.max_tokens));
        if count == 0 {
            let reason = if unstarted == 0 { StopReason::SamplesDrawn } else { StopReason::BudgetSpent };
            return stop_with_leader(state, reason, belief).with_posterior(posterior);
        }
        let name = state.arms.get(arm as usize).map_or("", |a| a.name.as_str());
        let step = Step::Sample { arm, count, span: Span::whole(self.max_tokens) };
        Decision::new(step, format!("{belief}; {records}: {count} of {name}")).with_posterior(posterior)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StrategySpec;

    #[test]
    fn beta_draws_have_the_right_mean() {
        let spec = StrategySpec::for_effort(outthink_core::Effort::Low);
        let mut ensemble = Ensemble::read(&mut Build::new(&spec, &ENTRY).unwrap()).unwrap();
        let mean = (0..4_000).map(|_| ensemble.beta(6, 2)).sum::<f64>() / 4_000.0;
        assert!((mean - 0.7).abs() < 0.02, "{mean}");
    }
}
