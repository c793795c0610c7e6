//! Programs that answer, and replies of other kinds, in one vote.

use super::common::{all_failed, credibility, give_up, stop_with_leader, wait};
use crate::StrategyError;
use crate::kinds::revision;
use crate::registry::{Build, Draws, StrategyEntry, Takes};
use crate::stopping::posterior_of;
use outthink_core::{
    ArmId, ClassId, Decision, DefaultValue, Entry, Kind, KindPlan, Link, Needs, Paper, Sample, SampleId, SampleKind,
    Setting, Span, State, Step, StopReason, Strategy,
};
use std::collections::{BTreeMap, BTreeSet};

/// How it is described and made.
pub(super) const ENTRY: StrategyEntry = StrategyEntry {
    entry: Entry {
        paper: Some(Paper::new("Chen et al. 2022", "https://arxiv.org/abs/2211.12588")),
        settings: &[
            Setting::new(
                "kinds",
                Kind::Text,
                DefaultValue::Text("program:3,cot:1"),
                "kinds of samples drawn in turn, and how many of each: program, and cot for the request as it is",
            ),
            Setting::new(
                "temperature",
                Kind::number(0.0, 2.0),
                DefaultValue::Number(0.3),
                "temperature of programs, where the request's is not left to the server",
            ),
            Setting::new(
                "correlation",
                Kind::number(0.0, 1.0),
                DefaultValue::Number(0.1),
                "how far samples of one kind err together: 0 counts each in full, 1 counts a kind once",
            ),
            Setting::new(
                "revisions",
                Kind::count(0, 8),
                DefaultValue::Count(1),
                "times that a program without an outcome goes back to the model",
            ),
        ],
        needs: "a sandbox",
        also: &["pot", "pal", "program-of-thought", "program-of-thoughts", "tool-integrated", "code"],
        ..Entry::new("program", "short programs that are run, and chains of thought: their outcomes vote together")
    },
    stops: "the leader stays ahead with the target probability, or can no longer be overtaken",
    draws: Draws::Any,
    takes: &[Takes::Target],
    build: |from| Program::read(from).map(|s| Box::new(s) as Box<dyn Strategy>),
};

/// Program of thoughts (Chen et al. 2022; PAL, Gao et al. 2023) in a vote with other kinds of samples.
///
/// The model writes a short program, the host runs it, and its outcome is the sample's answer. A program that fails or
/// gives nothing goes back to the model `revisions` times with what Python reports. Samples of one kind err together,
/// so that `n` equal outcomes of a kind weigh `n / (1 + c (n - 1))` votes with `c` the `correlation` (the effective
/// number of equally correlated votes), and the kinds add up: two kinds that agree outweigh one that agrees with
/// itself. An outcome that can hardly be right (fewer than no apples, half a book, none of the options) weighs less.
///
/// It stops as Adaptive-Consistency does, over these weights. Departures from the papers: neither votes over kinds nor
/// sends errors back, and their prompts have worked examples.
#[derive(Debug, Clone)]
pub struct Program {
    samples: u32,
    max_tokens: Option<u64>,
    target: f64,
    /// In the order in which they are drawn, over and over.
    pattern: Vec<SampleKind>,
    temperature: f64,
    correlation: f64,
    revisions: u32,
    run: BTreeSet<SampleId>,
    revised: BTreeSet<SampleId>,
}

/// Samples of a kind after which no more of it are drawn if none had an answer.
const FRUITLESS: usize = 4;
/// Samples that failed after which the engine is taken for broken.
const FAILURES: usize = 3;

/// Kinds of samples, most of them so often in a turn.
const MOST_IN_TURN: u32 = 64;

/// Reads `program:2,cot:1`.
fn pattern(text: &str) -> Result<Vec<SampleKind>, StrategyError> {
    let known = || SampleKind::ALL.map(SampleKind::name).join(", ");
    let mut pattern = Vec::new();
    for part in text.split(',') {
        let (name, count) = part.split_once(':').unwrap_or((part, "1"));
        let kind = SampleKind::parse(name.trim()).ok_or_else(|| {
            StrategyError(format!("the setting `kinds` of program names the kind `{}`: use {}", name.trim(), known()))
        })?;
        let count = count.trim().parse::<u32>().ok().filter(|n| (1..=MOST_IN_TURN).contains(n)).ok_or_else(|| {
            let words = format!(
                "how many of {name} in a turn is `{}`: give a whole number from 1 to {MOST_IN_TURN}",
                count.trim()
            );
            StrategyError(format!("the setting `kinds` of program: {words}"))
        })?;
        pattern.extend(std::iter::repeat_n(kind, count as usize));
    }
    Ok(pattern)
}

/// Votes of one class by kind.
type ByKind = BTreeMap<&'static str, f64>;

impl Program {
    fn read(from: &mut Build<'_>) -> Result<Self, StrategyError> {
        Ok(Self {
            samples: from.samples(),
            max_tokens: from.max_tokens(),
            target: from.target(),
            pattern: pattern(&from.text("kinds")?)?,
            temperature: from.number("temperature")?,
            correlation: from.number("correlation")?,
            revisions: from.count("revisions")?,
            run: BTreeSet::new(),
            revised: BTreeSet::new(),
        })
    }

    /// Kinds in the order in which they first come.
    fn kinds_in_order(&self) -> Vec<SampleKind> {
        let mut kinds = Vec::new();
        for &kind in &self.pattern {
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
        kinds
    }

    fn kind_of(state: &State, sample: &Sample) -> SampleKind {
        state.arms.get(sample.arm as usize).map(|a| a.kind).unwrap_or_default()
    }

    /// What `n` votes of one kind weigh.
    fn effective(&self, n: f64) -> f64 {
        n / (1.0 + self.correlation * (n - 1.0).max(0.0))
    }

    fn weight(&self, votes: &ByKind) -> f64 {
        votes.values().map(|&n| self.effective(n)).sum()
    }

    /// Classes by what their votes weigh, the heaviest first; equal ones in order of first sight.
    fn classes(&self, state: &State) -> Vec<(ClassId, ByKind, f64)> {
        let fallback = state.fallback_classes();
        let mut classes: BTreeMap<ClassId, ByKind> = BTreeMap::new();
        for sample in state.voters() {
            if let Some(class) = sample.class.filter(|class| !fallback.contains(class)) {
                let kind = Self::kind_of(state, sample).name();
                *classes.entry(class).or_default().entry(kind).or_default() += credibility(sample);
            }
        }
        let mut classes: Vec<(ClassId, ByKind, f64)> = classes
            .into_iter()
            .map(|(class, votes)| (class, self.weight(&votes), votes))
            .map(|(c, w, v)| (c, v, w))
            .collect();
        classes.sort_by(|a, b| b.2.total_cmp(&a.2).then(a.0.cmp(&b.0)));
        classes
    }

    /// The sample to show for the leading class: one that explains itself before a program, in good form.
    fn chosen(&self, state: &State) -> Option<SampleId> {
        let leader = self.classes(state).first().map(|c| c.0)?;
        let of_class = || state.voters().filter(|s| s.class == Some(leader));
        let explains = of_class().find(|s| !s.malformed && Self::kind_of(state, s) == SampleKind::Text);
        explains.map(|s| s.id).or_else(|| state.representative(leader)).or_else(|| of_class().next().map(|s| s.id))
    }

    fn stop(&self, state: &State, reason: StopReason, why: String) -> Decision {
        match self.chosen(state) {
            Some(sample) => Decision::new(Step::Stop { sample, reason }, why),
            // Words say more than a program that gave nothing.
            None => match state.voters().find(|s| Self::kind_of(state, s) == SampleKind::Text) {
                Some(text) => Decision::new(Step::Stop { sample: text.id, reason }, why),
                None => stop_with_leader(state, reason, why),
            },
        }
    }

    /// The arm of a kind that can still bring something.
    fn arm_of(state: &State, kind: SampleKind) -> Option<ArmId> {
        let arm = (0..).zip(&state.arms).find(|(_, arm)| arm.kind == kind).map(|(id, _)| id)?;
        let ended = || state.done().filter(|s| s.arm == arm && s.role.is_reply());
        (ended().count() < FRUITLESS || ended().any(|s| s.class.is_some())).then_some(arm)
    }

    /// Programs that ended and were not run.
    fn unrun(&mut self, state: &State) -> Vec<Step> {
        let programs = state.done().filter(|s| {
            Self::kind_of(state, s) == SampleKind::Program
                && s.is_complete()
                && s.program.is_none()
                && s.answer.is_none()
        });
        // A recorded sample has no text, and its outcome is known.
        let fresh = programs.filter(|s| !s.content.is_empty() && self.run.insert(s.id));
        fresh.map(|s| Step::Run { sample: s.id }).collect()
    }

    /// Programs without an outcome that go back to the model.
    fn revise(&mut self, state: &State, left: u32) -> Vec<Step> {
        let mut steps = Vec::new();
        for sample in state.done() {
            let Some(turn) = sample.program.as_ref().filter(|_| sample.answer.is_none()).and_then(revision) else {
                continue;
            };
            let depth = state.path(sample.id).len() as u32;
            let affordable = state.room(sample.arm).affordable(self.max_tokens).min(left) as usize;
            if depth > self.revisions || steps.len() >= affordable || !self.revised.insert(sample.id) {
                continue;
            }
            let (link, span) = (Link::Turn(turn), Span::whole(self.max_tokens));
            steps.push(Step::Continue { sample: sample.id, link, count: 1, span });
        }
        steps
    }

    /// The next samples in turn: as many as could decide if all of them went to the leader.
    fn draw(&self, state: &State, classes: &[(ClassId, ByKind, f64)], left: u32) -> Vec<(ArmId, u32)> {
        let (mut leader, runner_up) =
            (classes.first().map(|c| c.1.clone()).unwrap_or_default(), classes.get(1).map_or(0.0, |c| c.2));
        let roots = state.samples.iter().filter(|s| s.is_root()).count();
        let mut drawn: Vec<(ArmId, u32)> = Vec::new();
        let mut missed = 0;
        for place in roots.. {
            let count: u32 = drawn.iter().map(|d| d.1).sum();
            if count >= left || missed >= self.pattern.len() {
                break;
            }
            let kind = self.pattern[place % self.pattern.len()];
            let arm = Self::arm_of(state, kind);
            let so_far = |arm| drawn.iter().find(|d| d.0 == arm).map_or(0, |d| d.1);
            let Some(arm) = arm.filter(|&arm| so_far(arm) < state.room(arm).affordable(self.max_tokens)) else {
                missed += 1;
                continue;
            };
            missed = 0;
            match drawn.iter_mut().find(|d| d.0 == arm) {
                Some(entry) => entry.1 += 1,
                None => drawn.push((arm, 1)),
            }
            *leader.entry(kind.name()).or_default() += 1.0;
            if posterior_of(self.weight(&leader), runner_up) >= self.target {
                break;
            }
        }
        // The budget is one for all arms.
        let mut affordable = drawn.iter().map(|d| state.room(d.0).affordable(self.max_tokens)).min().unwrap_or(0);
        for (_, count) in &mut drawn {
            *count = (*count).min(affordable);
            affordable -= *count;
        }
        drawn.retain(|d| d.1 > 0);
        drawn
    }
}

impl Strategy for Program {
    fn name(&self) -> &'static str {
        ENTRY.name()
    }

    fn needs(&self) -> Needs {
        Needs { programs: self.pattern.contains(&SampleKind::Program), ..Needs::default() }
    }

    fn kinds(&self) -> Vec<KindPlan> {
        let plan = |kind| KindPlan { kind, temperature: (kind == SampleKind::Program).then_some(self.temperature) };
        self.kinds_in_order().into_iter().map(plan).collect()
    }

    fn step(&mut self, state: &State) -> Decision {
        let failed = state.samples.iter().filter(|s| s.error.is_some()).count();
        if state.is_idle() && failed >= FAILURES && all_failed(state) {
            return give_up(state);
        }
        let runs = self.unrun(state);
        if !runs.is_empty() {
            let why = format!("{} programs to run", runs.len());
            return Decision::all(runs, why);
        }
        let replies = state.samples.iter().filter(|s| s.role.is_reply()).count() as u32;
        let left = self.samples.saturating_sub(replies);
        let classes = self.classes(state);
        let weight = |rank: usize| classes.get(rank).map_or(0.0, |c| c.2);
        let (v1, v2) = (weight(0), weight(1));
        let posterior = posterior_of(v1, v2);
        let belief = format!("votes {v1:.2}:{v2:.2} by kind, posterior {posterior:.3}");
        if v1 > 0.0 && posterior >= self.target {
            let why = format!("{belief} reaches {:.3}", self.target);
            return self.stop(state, StopReason::TargetReached, why).with_posterior(posterior);
        }
        if v1 > 0.0 && v1 > v2 + f64::from(left + state.running() + state.judging) {
            let why = format!("{belief}, {left} left");
            return self.stop(state, StopReason::CannotBeOvertaken, why).with_posterior(posterior);
        }
        if !state.is_idle() {
            return wait(state).with_posterior(posterior);
        }
        let revisions = self.revise(state, left);
        if !revisions.is_empty() {
            let why = format!("{belief}; {} programs without an outcome go back", revisions.len());
            return Decision::all(revisions, why).with_posterior(posterior);
        }
        let draws = self.draw(state, &classes, left);
        if draws.is_empty() {
            if state.samples.is_empty() {
                return give_up(state);
            }
            let reason = if left == 0 { StopReason::SamplesDrawn } else { StopReason::BudgetSpent };
            return self.stop(state, reason, format!("{belief}, nothing more can be bought")).with_posterior(posterior);
        }
        let name = |arm: ArmId| state.arms.get(arm as usize).map(|a| a.kind).unwrap_or_default().name();
        let shown: Vec<String> = draws.iter().map(|d| format!("{} {}", d.1, name(d.0))).collect();
        let span = Span::whole(self.max_tokens);
        let steps = draws.into_iter().map(|(arm, count)| Step::Sample { arm, count, span: span.clone() }).collect();
        Decision::all(steps, format!("{belief}: {}", shown.join(" and "))).with_posterior(posterior)
    }

    fn best(&self, state: &State) -> Option<SampleId> {
        self.chosen(state).or_else(|| state.best_so_far())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_read_in_their_turns_and_what_is_no_kind_is_refused() {
        use SampleKind::{Program as P, Text as T};
        assert_eq!(pattern("program:2, cot").unwrap(), [P, P, T]);
        assert_eq!(pattern("cot").unwrap(), [T]);
        for (text, words) in
            [("prog", "names the kind `prog`: use program, cot"), ("cot:0", "give a whole number"), ("", "names")]
        {
            assert!(pattern(text).unwrap_err().0.contains(words), "{text}");
        }
    }

    #[test]
    fn agreement_between_kinds_weighs_more_than_within() {
        let mut spec = crate::StrategySpec::for_effort(outthink_core::Effort::Low);
        spec.name = "program".into();
        let entry = spec.entry().unwrap();
        let program = Program::read(&mut Build::new(&spec, entry).unwrap()).unwrap();
        let votes = |p: f64, c: f64| ByKind::from([("program", p), ("cot", c)]);
        assert!(program.weight(&votes(1.0, 1.0)) > program.weight(&votes(2.0, 0.0)));
        assert!((program.weight(&votes(1.0, 0.0)) - 1.0).abs() < 1e-12);
        assert!(program.weight(&votes(50.0, 0.0)) < 1.0 / program.correlation);
    }
}
