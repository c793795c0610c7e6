//! One arm of a recording: a run of a model at a setting.

use super::curve::{self, VoteCurve};
use super::{Rung, StudyProblem};
use crate::{EvalError, Pool, PoolProblem};
use outthink_law::coverage::Successes;
use outthink_law::estimate::{Resampling, mean_over_problems};
use outthink_law::forms::Curve;
use outthink_law::verdict::{self, Judgement, Outlook, Question, Subject};
use serde_json::Value;
use std::collections::HashMap;

/// What the samples of one arm say.
#[derive(Debug, Clone, PartialEq)]
pub struct ArmStudy {
    /// The recording's name, the model's and the run's, as far as there are any.
    pub name: String,
    /// The model.
    pub model: Option<String>,
    /// The run, where the recording names it.
    pub run: Option<String>,
    /// How the samples were drawn, where recorded.
    pub config: Value,
    /// Whether all counts of tokens are the engine's own.
    pub exact_tokens: bool,
    /// Whether the answers of all problems can be compared.
    pub vote_ok: bool,
    /// The problems, each once.
    pub problems: Vec<StudyProblem>,
    /// The vote over more samples.
    pub curve: VoteCurve,
    /// Right samples of each problem and all, for the laws of coverage.
    pub(super) counts: (Vec<u64>, Vec<u64>),
}

/// The arms of a recording in the order in which they first come.
pub(super) fn of_pool(pool: &Pool) -> Result<Vec<ArmStudy>, EvalError> {
    let mut at: HashMap<(Option<&str>, Option<&str>, String), usize> = HashMap::new();
    let mut arms: Vec<(&PoolProblem, bool, bool, Vec<StudyProblem>)> = Vec::new();
    for problem in &pool.problems {
        let number = *at.entry(problem.arm()).or_insert_with(|| {
            arms.push((problem, true, true, Vec::new()));
            arms.len() - 1
        });
        let arm = &mut arms[number];
        arm.1 &= problem.counts_tokens;
        arm.2 &= problem.vote_ok;
        arm.3.push(StudyProblem::of(problem));
    }
    let several = arms.len() > 1;
    let mut studies = Vec::with_capacity(arms.len());
    let mut names: HashMap<String, u32> = HashMap::new();
    for (first, exact_tokens, vote_ok, problems) in arms {
        let (model, run) = (first.model.clone(), first.run.clone());
        let parts =
            [Some(pool.name.as_str()), model.as_deref(), run.as_deref().filter(|run| model.as_deref() != Some(run))];
        let mut name = parts.into_iter().flatten().filter(|s| !s.is_empty()).collect::<Vec<_>>().join(" / ");
        let times = names.entry(name.clone()).or_default();
        *times += 1;
        if several && *times > 1 {
            // Arms that differ in their setting alone.
            name = format!("{name} / {}", first.config);
        }
        studies.push(ArmStudy::new((name, model, run), first.config.clone(), (exact_tokens, vote_ok), problems)?);
    }
    Ok(studies)
}

impl ArmStudy {
    /// An arm by its counts; its curve is computed from them.
    pub(super) fn new(
        (name, model, run): (String, Option<String>, Option<String>),
        config: Value,
        (exact_tokens, vote_ok): (bool, bool),
        problems: Vec<StudyProblem>,
    ) -> Result<Self, EvalError> {
        let curve = VoteCurve::of(&problems, vote_ok)?;
        let counts = (problems.iter().map(|p| p.samples).collect(), problems.iter().map(|p| p.right).collect());
        Ok(Self { name, model, run, config, exact_tokens, vote_ok, problems, curve, counts })
    }

    /// Samples that every problem has at least.
    pub fn least_samples(&self) -> u64 {
        self.counts.0.iter().copied().min().unwrap_or(0)
    }

    /// Samples of all problems.
    pub fn samples(&self) -> u64 {
        self.counts.0.iter().sum()
    }

    /// Generated tokens of a sample, a mean over problems.
    pub fn tokens_a_sample(&self) -> f64 {
        self.problems.iter().map(StudyProblem::tokens_a_sample).sum::<f64>() / self.problems.len().max(1) as f64
    }

    /// Dollars of a sample, a mean over problems; 0 where none are recorded.
    pub fn usd_a_sample(&self) -> f64 {
        let of = |p: &StudyProblem| p.nano_usd as f64 / 1e9 / p.samples.max(1) as f64;
        self.problems.iter().map(of).sum::<f64>() / self.problems.len().max(1) as f64
    }

    /// Right samples of all samples of each problem.
    pub fn successes(&self) -> Successes<'_> {
        Successes { samples: &self.counts.0, correct: &self.counts.1 }
    }

    /// The points of the curve with their intervals.
    ///
    /// # Errors
    /// Fewer than two problems.
    pub fn rungs(&self, how: Resampling) -> Result<Vec<Rung>, EvalError> {
        let mut rungs = Vec::with_capacity(self.curve.ks.len());
        for (at, &k) in self.curve.ks.iter().enumerate() {
            let covered: Vec<f64> = self.problems.iter().map(|p| p.coverage(k)).collect::<Result<_, _>>()?;
            let vote = self.curve.votes.get(at).map(|votes| mean_over_problems(votes, how)).transpose()?;
            rungs.push(Rung { k, tokens: self.curve.tokens[at], vote, coverage: mean_over_problems(&covered, how)? });
        }
        Ok(rungs)
    }

    /// Whether more samples still help a vote, and what more would bring where the points carry a curve; `None` where
    /// answers cannot be compared.
    ///
    /// # Errors
    /// Fewer than two problems.
    pub fn judge(&self, question: Question) -> Result<Option<(Judgement, Option<Outlook>)>, EvalError> {
        let Some(noise) = curve::noise(&self.curve)? else { return Ok(None) };
        let question = Question { subject: Subject::Voting, ..question };
        let curve = Curve { compute: &self.curve.axis(), accuracy: &self.curve.accuracy };
        let judgement = verdict::judge(&curve, &noise, question)?;
        // Points that carry no verdict carry no outlook either.
        let told = judgement.verdict != verdict::Verdict::Inconclusive;
        let outlook = told.then(|| Outlook::new(&curve, &noise, question).ok()).flatten();
        Ok(Some((judgement, outlook)))
    }
}
