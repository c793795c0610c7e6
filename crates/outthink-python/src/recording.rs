//! Recorded samples, and what strategies would have reached on them.

#![expect(clippy::needless_pass_by_value, reason = "`PyO3` hands lists over by value")]

use crate::laws::value_error;
use outthink_core::Effort;
use outthink_eval::{Pool, ReplayOptions, ReplayVerifier};
use outthink_strategy::StrategySpec;
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use std::path::PathBuf;
use std::sync::Arc;

/// Recorded samples of a set of problems.
#[pyclass(frozen, module = "outthink")]
pub(crate) struct Recording {
    pub(crate) pool: Arc<Pool>,
}

#[pymethods]
impl Recording {
    /// Reads a recording: JSON lines or one JSON array, plain or compressed by gzip.
    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        if !path.is_file() {
            return Err(PyOSError::new_err(format!("no recording at {}: check the path", path.display())));
        }
        let pool = py.detach(|| Pool::read(&path)).map_err(value_error)?;
        Ok(Self { pool: Arc::new(pool) })
    }

    /// The file's name without its endings.
    #[getter]
    fn name(&self) -> &str {
        &self.pool.name
    }

    /// How many problems there are, each counted once.
    fn __len__(&self) -> usize {
        self.pool.distinct_problems()
    }

    fn __repr__(&self) -> String {
        let samples: usize = self.pool.problems.iter().map(|p| p.samples.len()).sum();
        format!("<Recording {:?}: {} problems, {samples} samples>", self.pool.name, self.pool.distinct_problems())
    }

    /// For each problem and arm: its id, how many samples were drawn, and how many of them are right.
    fn counts(&self) -> Vec<(String, u64, u64)> {
        let right = |p: &outthink_eval::PoolProblem| p.samples.iter().filter(|s| s.correct).count() as u64;
        self.pool.problems.iter().map(|p| (p.problem_id.clone(), p.samples.len() as u64, right(p))).collect()
    }

    /// The recorded answers of one problem, in the order of the recording.
    fn answers(&self, problem: &str) -> PyResult<Vec<Option<String>>> {
        let mut found = self.pool.problems.iter().filter(|p| p.problem_id == problem).peekable();
        if found.peek().is_none() {
            return Err(PyValueError::new_err(format!(
                "unknown problem `{problem}`: counts() lists the problems of this recording"
            )));
        }
        Ok(found.flat_map(|p| p.samples.iter().map(|s| s.answer.clone())).collect())
    }
}

/// What a strategy reached on a recording.
#[pyclass(frozen, get_all, module = "outthink")]
pub(crate) struct ReplayRow {
    /// The strategy.
    strategy: String,
    /// Problems, each counted once.
    problems: u32,
    /// Share of right answers.
    accuracy: f64,
    /// 95 % interval of the accuracy over problems.
    interval: (f64, f64),
    /// Samples a problem, on average.
    samples: f64,
    /// Generated tokens a problem, on average.
    tokens: f64,
}

#[pymethods]
impl ReplayRow {
    fn __repr__(&self) -> String {
        format!(
            "ReplayRow(strategy='{}', accuracy={:.3}, interval=({:.3}, {:.3}), samples={:.2}, tokens={:.0})",
            self.strategy, self.accuracy, self.interval.0, self.interval.1, self.samples, self.tokens
        )
    }
}

/// The names of all strategies.
#[pyfunction]
pub(crate) fn strategies() -> Vec<&'static str> {
    outthink_strategy::registry::names().collect()
}

/// Runs strategies over a recording.
#[pyfunction]
#[pyo3(signature = (recording, strategies, *, samples = 40, seeds = 20, target = 0.95, seed = 0, verifier = "recorded"))]
#[expect(clippy::too_many_arguments, reason = "they are keyword arguments in Python")]
pub(crate) fn replay(
    py: Python<'_>,
    recording: &Recording,
    strategies: Vec<String>,
    samples: u32,
    seeds: u32,
    target: f64,
    seed: u64,
    verifier: &str,
) -> PyResult<Vec<ReplayRow>> {
    if samples == 0 || seeds == 0 {
        return Err(PyValueError::new_err("0 samples or 0 seeds measure nothing: give at least 1 of each"));
    }
    let verifier = match verifier {
        "none" => ReplayVerifier::None,
        "recorded" => ReplayVerifier::Recorded,
        "exact" => ReplayVerifier::Exact,
        other => {
            return Err(PyValueError::new_err(format!(
                "unknown verifier `{other}`: give \"none\", \"recorded\" or \"exact\""
            )));
        }
    };
    let options = ReplayOptions { samples, seeds, first_seed: seed, verifier };
    let pool = Arc::clone(&recording.pool);
    let mut rows = Vec::with_capacity(strategies.len());
    for name in strategies {
        let spec = StrategySpec {
            name,
            max_samples: samples,
            target_confidence: target,
            ..StrategySpec::for_effort(Effort::Medium)
        };
        spec.build().map_err(value_error)?;
        // Between two strategies an interrupt is heard.
        py.check_signals()?;
        let row = py.detach(|| outthink_eval::replay(&pool, &spec, &options)).map_err(value_error)?;
        rows.push(ReplayRow {
            strategy: row.strategy,
            problems: row.problems,
            accuracy: row.accuracy,
            interval: (row.interval.low, row.interval.high),
            samples: row.samples,
            tokens: row.tokens,
        });
    }
    Ok(rows)
}
