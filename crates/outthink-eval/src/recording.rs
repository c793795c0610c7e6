//! A recording in memory: what a store or a file holds, with all texts.

use crate::alike::in_one_wording;
use crate::import::{ImportFormat, ImportOptions, format_of, read_import};
use crate::store::{Problem, RunSpec, SampleRecord, Setting, Store, StoreError};
use crate::{EvalError, Import, Pool, PoolProblem, PoolSample};
use outthink_core::{Answer, AnswerKind};
use outthink_verify::Grouper;
use std::path::Path;

/// One run: problems, settings and samples.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// What it is of.
    pub spec: RunSpec,
    /// How each problem was sampled.
    pub settings: Vec<Setting>,
    /// The problems.
    pub problems: Vec<Problem>,
    /// All samples, by problem, setting and number.
    samples: Vec<SampleRecord>,
}

impl From<Import> for Recording {
    fn from(import: Import) -> Self {
        Self::new(import.spec, vec![import.setting], import.problems, import.samples)
    }
}

impl Recording {
    /// A recording of samples in any order.
    pub fn new(spec: RunSpec, settings: Vec<Setting>, problems: Vec<Problem>, mut samples: Vec<SampleRecord>) -> Self {
        samples.sort_by_key(|s| s.cell);
        Self { spec, settings, problems, samples }
    }

    /// Reads a file in any of the formats; one recording for each arm of it.
    ///
    /// # Errors
    /// As [`read_import`].
    pub fn read(path: &Path, options: &ImportOptions) -> Result<Vec<Self>, EvalError> {
        Ok(read_import(path, options)?.into_iter().map(Self::from).collect())
    }

    /// All samples, by problem, setting and number.
    pub fn samples(&self) -> &[SampleRecord] {
        &self.samples
    }

    /// The model, with the setting where there are several.
    pub fn label(&self, setting: usize) -> String {
        match self.settings.get(setting) {
            Some(s) if self.settings.len() > 1 => format!("{} {}", self.spec.model, s.label()),
            _ => self.spec.model.clone(),
        }
    }

    /// The samples of a problem at all settings.
    pub fn of_problem(&self, problem: usize) -> &[SampleRecord] {
        let from = self.samples.partition_point(|s| (s.cell.problem as usize) < problem);
        let to = self.samples.partition_point(|s| s.cell.problem as usize <= problem);
        &self.samples[from..to]
    }

    /// The samples of one setting, for replay and study; empty where nothing was drawn at it.
    pub fn pool(&self, setting: usize) -> Pool {
        let problem = |(number, problem): (usize, &Problem)| {
            let mut grouper = Grouper::default();
            let at = |s: &&SampleRecord| s.cell.setting as usize == setting;
            let samples: Vec<PoolSample> =
                self.of_problem(number).iter().filter(at).map(|s| pool_sample(s, &mut grouper)).collect();
            let exact = self.of_problem(number).iter().filter(at).all(|s| !s.usage.estimated);
            (!samples.is_empty()).then(|| pool_problem(problem, &self.spec.model, samples, exact))
        };
        let problems = self.problems.iter().enumerate().filter_map(problem).collect();
        Pool { name: pool_name(&self.spec.name, &self.settings, setting), problems }
    }
}

impl Store {
    /// A run with all its texts.
    ///
    /// # Errors
    /// If there is no such run, it has no samples, or the database fails.
    pub async fn recording(&self, run: &str) -> Result<Recording, StoreError> {
        let summary = self.run(run).await?;
        let problems = self.problems(run).await?;
        let mut samples = Vec::new();
        self.each_sample::<StoreError>(run, |sample| {
            samples.push(sample);
            Ok(())
        })
        .await?;
        if samples.is_empty() {
            return Err(no_samples(run));
        }
        Ok(Recording::new(summary.spec, summary.settings, problems, samples))
    }
}

impl Pool {
    /// Reads recorded samples in any of the formats of [`read_import`]; several arms of a file are arms of the pool.
    ///
    /// # Errors
    /// If the file cannot be read or is in none of the formats.
    pub fn read_any(path: &Path, options: &ImportOptions) -> Result<Self, EvalError> {
        let format = options.format.map_or_else(|| format_of(path), Ok)?;
        if format == ImportFormat::Pool {
            return Self::read(path);
        }
        let recordings = Recording::read(path, options)?;
        let several = recordings.len() > 1;
        let mut all = Self { name: crate::set::stem(path, "recording"), problems: Vec::new() };
        for recording in recordings {
            let config = serde_json::from_str(&recording.spec.sampling).unwrap_or_default();
            let run = several.then(|| recording.spec.name.clone());
            all.problems.extend(recording.pool(0).problems.into_iter().map(|problem| PoolProblem {
                run: run.clone(),
                config: serde_json::Value::clone(&config),
                ..problem
            }));
        }
        Ok(all)
    }
}

/// The name of the pool of one setting.
pub(crate) fn pool_name(run: &str, settings: &[Setting], setting: usize) -> String {
    match settings.get(setting) {
        Some(s) if settings.len() > 1 => format!("{run}@{}", s.label()),
        _ => run.to_owned(),
    }
}

/// A problem of a run as one of a pool.
pub(crate) fn pool_problem(problem: &Problem, model: &str, mut samples: Vec<PoolSample>, exact: bool) -> PoolProblem {
    if problem.vote_ok {
        in_one_wording(&mut samples);
    }
    PoolProblem {
        problem_id: problem.id.clone(),
        question: problem.question.clone(),
        gold: problem.gold.clone(),
        model: Some(model.to_owned()),
        counts_tokens: exact,
        vote_ok: problem.vote_ok,
        samples,
        ..PoolProblem::default()
    }
}

/// A stored sample as one of a pool, without its text. Its answer is in the words of the first one of the problem that
/// means the same, since pools are compared by the letter; answers that others judged get theirs in [`pool_problem`].
pub(crate) fn pool_sample(record: &SampleRecord, grouper: &mut Grouper) -> PoolSample {
    let common = |text: &String| {
        if !record.is_own() {
            return text.clone();
        }
        let class = grouper.class_of(&Answer { text: text.clone(), kind: AnswerKind::Boxed });
        grouper.text_of(class).map_or_else(|| text.clone(), str::to_owned)
    };
    PoolSample {
        answer: record.answer.as_ref().map(common),
        correct: record.correct,
        credit: record.credit,
        tokens: record.usage.completion as f64,
        reasoning_tokens: record.usage.reasoning as f64,
        prompt_tokens: record.usage.prompt as f64,
        usd: record.cost.usd(),
        seconds: record.seconds,
        verifier_score: record.score,
        ..PoolSample::default()
    }
}

pub(crate) fn no_samples(run: &str) -> StoreError {
    StoreError::Caller(format!("the run `{run}` holds no samples yet: go on with `outthink sweep`"))
}
