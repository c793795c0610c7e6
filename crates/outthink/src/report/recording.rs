//! What was drawn: a run of the store, or a file of recorded samples.

use crate::commands::replay::eval_error;
use crate::commands::runtime;
use crate::commands::store::{StoreArgs, store_error};
use crate::error::CliError;
use outthink_eval::{
    ImportOptions, Pool, PoolProblem, PoolSample, Problem, RunSpec, SampleRecord, Setting, StoreError, read_import,
};
use std::path::Path;

/// Problems, settings and samples, in memory.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Recording {
    /// What it is of.
    pub(crate) spec: RunSpec,
    /// How each problem was sampled.
    pub(crate) settings: Vec<Setting>,
    /// The problems.
    pub(crate) problems: Vec<Problem>,
    /// All samples, by problem, setting and number.
    pub(crate) samples: Vec<SampleRecord>,
}

impl Recording {
    /// Reads what an argument names: `store:RUN` or a file.
    pub(crate) fn read(given: &Path, store: &StoreArgs) -> Result<Vec<Self>, CliError> {
        let Some(run) = given.to_str().and_then(|g| g.strip_prefix("store:")) else {
            let imports = read_import(given, &ImportOptions::default()).map_err(|e| eval_error(&e))?;
            let recording = |import: outthink_eval::Import| Self {
                spec: import.spec,
                settings: vec![import.setting],
                problems: import.problems,
                samples: import.samples,
            };
            return Ok(imports.into_iter().map(recording).collect());
        };
        runtime()?.block_on(async {
            let store = store.open().await?;
            let failed = |e: StoreError| store_error(&e);
            let summary = store.run(run).await.map_err(failed)?;
            let problems = store.problems(run).await.map_err(failed)?;
            let mut samples = Vec::new();
            let read = store.each_sample::<StoreError>(run, |sample| {
                samples.push(sample);
                Ok(())
            });
            read.await.map_err(failed)?;
            store.close().await;
            if samples.is_empty() {
                return Err(CliError::usage(format!("the run `{run}` holds no samples yet"))
                    .hint("go on with `outthink data sweep`"));
            }
            Ok(vec![Self { spec: summary.spec, settings: summary.settings, problems, samples }])
        })
    }

    /// Its name, with the setting's where it has several.
    pub(crate) fn label(&self, setting: usize) -> String {
        match self.settings.get(setting) {
            Some(s) if self.settings.len() > 1 => format!("{} {}", self.spec.model, s.label()),
            _ => self.spec.model.clone(),
        }
    }

    /// The samples of a problem at a setting.
    pub(crate) fn of(&self, problem: usize, setting: usize) -> impl Iterator<Item = &SampleRecord> {
        self.samples.iter().filter(move |s| s.cell.problem as usize == problem && s.cell.setting as usize == setting)
    }

    /// The samples of one setting as a pool, for replay.
    pub(crate) fn pool(&self, setting: usize, classes: &[Vec<Option<String>>]) -> Pool {
        let problem = |number: usize| {
            let samples: Vec<PoolSample> = (self.of(number, setting).zip(&classes[number]))
                .map(|(s, answer)| PoolSample {
                    answer: answer.clone(),
                    correct: s.correct,
                    credit: s.credit,
                    tokens: s.usage.completion as f64,
                    verifier_score: s.score,
                    ..PoolSample::default()
                })
                .collect();
            PoolProblem { problem_id: self.problems[number].id.clone(), samples, ..PoolProblem::default() }
        };
        let problems = (0..self.problems.len()).map(problem).filter(|p| !p.samples.is_empty()).collect();
        Pool { name: self.label(setting), problems }
    }
}
