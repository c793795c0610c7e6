//! The best-scored of the answers that are given often.

use super::common::{Judge, all_failed, best_by, draw, give_up, missing, stop_with_leader, wait};
use crate::StrategyError;
use crate::registry::{Build, Draws, StrategyEntry};
use outthink_core::{
    ClassId, Decision, DefaultValue, Entry, Kind, Needs, Paper, Sample, SampleId, Setting, State, Step, StopReason,
    Strategy,
};

/// How it is described and made.
pub(super) const ENTRY: StrategyEntry = StrategyEntry {
    entry: Entry {
        paper: Some(Paper::new("Di et al. 2025", "https://arxiv.org/abs/2510.03199")),
        settings: &[Setting::new(
            "share",
            Kind::number(0.0, 1.0),
            DefaultValue::Number(0.2),
            "share of the votes that an answer needs to be scored; the most frequent one always is",
        )],
        needs: "a verifier",
        also: &["bom", "majority-then-best", "filtered-best-of-n"],
        ..Entry::new("best-of-majority", "N samples; of the answers that are given often, the best-scored one wins")
    },
    stops: "all samples of the frequent answers are scored",
    draws: Draws::Several,
    takes: &[],
    build: |from| BestOfMajority::read(from).map(|s| Box::new(s) as Box<dyn Strategy>),
};

/// Best-of-Majority (Di et al. 2025) for one answer: draws `samples`, keeps the answers with at least `share` of
/// the votes, and takes the one whose samples have the largest mean score. Rare answers are never scored, so
/// that a verifier that errs on odd replies cannot be led by one of them, however many are drawn, and does
/// not read them.
///
/// Departures: the paper's threshold follows from the coverage of the model, which nobody knows here, and is a
/// setting; samples of one answer share its mean score, because a verifier reads reasoning, too; and where no
/// answer reaches the threshold, the most frequent ones are kept.
#[derive(Debug, Clone)]
struct BestOfMajority {
    samples: u32,
    max_tokens: Option<u64>,
    share: f64,
    judge: Judge,
}

impl BestOfMajority {
    fn read(from: &mut Build<'_>) -> Result<Self, StrategyError> {
        Ok(Self {
            samples: from.samples(),
            max_tokens: from.max_tokens(),
            share: from.number("share")?,
            judge: Judge::default(),
        })
    }

    /// The answers that are given often enough.
    fn frequent(&self, state: &State) -> Vec<ClassId> {
        let tally = state.tally();
        let threshold = (self.share * f64::from(tally.votes())).min(f64::from(tally.count(0)));
        tally.classes.iter().filter(|c| f64::from(c.1) >= threshold).map(|c| c.0).collect()
    }

    /// The frequent answer with the largest mean score, its best sample, and that score.
    fn leader(&self, state: &State) -> Option<(SampleId, f64)> {
        let mean = |class: ClassId| {
            let scores: Vec<f64> = state.voters().filter(|s| s.class == Some(class)).filter_map(|s| s.score).collect();
            (!scores.is_empty()).then(|| scores.iter().sum::<f64>() / scores.len() as f64)
        };
        let mut best: Option<(ClassId, f64)> = None;
        // The most frequent come first and win where scores are equal.
        for class in self.frequent(state) {
            if let Some(score) = mean(class).filter(|score| best.is_none_or(|b| *score > b.1)) {
                best = Some((class, score));
            }
        }
        let (class, score) = best?;
        let of_class = |s: &Sample| s.score.filter(|_| s.class == Some(class));
        best_by(state, of_class).map(|b| (b.0.id, score))
    }
}

impl Strategy for BestOfMajority {
    fn name(&self) -> &'static str {
        ENTRY.name()
    }

    fn needs(&self) -> Needs {
        Needs { verifier: true, ..Needs::default() }
    }

    fn step(&mut self, state: &State) -> Decision {
        let count = missing(state, 0, self.samples, self.max_tokens);
        if count > 0 {
            return draw(count, self.max_tokens, format!("{count} of {} samples", self.samples));
        }
        if !state.is_idle() {
            return wait(state);
        }
        if all_failed(state) {
            return give_up(state);
        }
        let kept = self.frequent(state);
        let verdicts = self.judge.ask(state, state.voters().filter(|s| s.class.is_some_and(|c| kept.contains(&c))));
        let of = format!("{} of {} answers are given often", kept.len(), state.tally().classes.len());
        if !verdicts.is_empty() {
            let why = format!("{of}: {} verdicts to be had", verdicts.len());
            return Decision::all(verdicts, why);
        }
        let short = (state.samples.len() as u32) < self.samples;
        let reason = if short { StopReason::BudgetSpent } else { StopReason::SamplesDrawn };
        match self.leader(state) {
            Some((sample, score)) => {
                Decision::new(Step::Stop { sample, reason }, format!("{of}; the best has the mean score {score:.3}"))
            }
            None => stop_with_leader(state, reason, "no frequent answer has a score: the vote decides"),
        }
    }

    fn best(&self, state: &State) -> Option<SampleId> {
        self.leader(state).map(|l| l.0).or_else(|| state.best_so_far())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StrategySpec;
    use outthink_core::{Answer, AnswerKind, Effort, SampleStatus};

    /// Samples as (answer's class, score).
    fn state(samples: &[(ClassId, Option<f64>)]) -> State {
        let sample = |(id, &(class, score)): (usize, &(ClassId, Option<f64>))| Sample {
            id: id as SampleId,
            class: Some(class),
            score,
            content: format!("The answer is {class}."),
            answer: Some(Answer { text: class.to_string(), kind: AnswerKind::Literal }),
            status: SampleStatus::Done,
            ..Sample::default()
        };
        State { samples: samples.iter().enumerate().map(sample).collect(), verifiers: 1, ..State::default() }
    }

    fn machine(samples: u32, share: f64) -> BestOfMajority {
        let mut spec = StrategySpec { max_samples: samples, ..StrategySpec::for_effort(Effort::Low) };
        spec.settings.set("share", share);
        BestOfMajority::read(&mut Build::new(&spec, &ENTRY).unwrap()).unwrap()
    }

    fn chosen(machine: &mut BestOfMajority, state: &State) -> Option<SampleId> {
        // All verdicts were had, so the machine asks for them and is asked again.
        machine.step(state);
        match machine.step(state).steps[..] {
            [Step::Stop { sample, .. }] => Some(sample),
            _ => None,
        }
    }

    #[test]
    fn a_lucky_score_of_a_rare_answer_does_not_win() {
        let scored =
            state(&[(1, Some(0.4)), (1, Some(0.3)), (1, Some(0.5)), (2, Some(0.7)), (2, Some(0.8)), (3, Some(1.0))]);
        assert_eq!(chosen(&mut machine(6, 0.3), &scored), Some(4), "the best sample of the better frequent answer");
        assert_eq!(chosen(&mut machine(6, 0.0), &scored), Some(5), "without a threshold it is best-of-n");
        assert_eq!(chosen(&mut machine(6, 1.0), &scored), Some(2), "the most frequent one is always kept");
    }

    #[test]
    fn rare_answers_are_not_scored() {
        let drawn = state(&[(1, None), (1, None), (2, None), (2, None), (3, None)]);
        let decision = machine(5, 0.3).step(&drawn);
        let asked: Vec<SampleId> = decision
            .steps
            .iter()
            .filter_map(|s| if let Step::Score { sample, .. } = s { Some(*sample) } else { None })
            .collect();
        assert_eq!(asked, [0, 1, 2, 3]);
    }

    #[test]
    fn it_draws_first_and_votes_where_no_score_came() {
        assert!(matches!(machine(5, 0.3).step(&state(&[])).steps[..], [Step::Sample { count: 5, .. }]));
        let unscored = state(&[(1, None), (2, None), (2, None)]);
        assert_eq!(chosen(&mut machine(3, 0.3), &unscored), Some(1), "the first sample of the majority");
    }
}
