//! What a recording says, in numbers: the figures that `fit`, `report` and `plan` print.

#![expect(clippy::needless_pass_by_value, reason = "`PyO3` hands lists and paths over by value")]

use crate::laws::{check_level, ends, value_error};
use crate::recording::Recording;
use outthink_eval::ArmStudy;
use outthink_law::estimate::{Estimate, Resampling};
use outthink_law::verdict::Question;
use pyo3::exceptions::{PyIndexError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::path::PathBuf;
use std::sync::Arc;

/// The numbers of one recording, or of several, with the covariance of their points.
#[pyclass(frozen, module = "outthink")]
pub(crate) struct Study {
    study: Arc<outthink_eval::Study>,
}

/// One arm of a study: a model, run and setting.
#[pyclass(frozen, module = "outthink")]
pub(crate) struct Arm {
    study: Arc<outthink_eval::Study>,
    at: usize,
}

impl Study {
    fn new(study: outthink_eval::Study) -> Self {
        Self { study: Arc::new(study) }
    }
}

#[pymethods]
impl Study {
    /// Counts recordings.
    #[staticmethod]
    #[pyo3(signature = (*recordings))]
    fn of(py: Python<'_>, recordings: Vec<PyRef<'_, Recording>>) -> PyResult<Self> {
        if recordings.is_empty() {
            return Err(PyValueError::new_err("nothing to count: give one recording or more"));
        }
        let pools: Vec<_> = recordings.iter().map(|r| (*r.pool).clone()).collect();
        py.detach(|| outthink_eval::Study::of(&pools)).map(Self::new).map_err(value_error)
    }

    /// Reads a study that `save` or `outthink report` wrote.
    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        py.detach(|| outthink_eval::Study::load(&path)).map(Self::new).map_err(value_error)
    }

    /// Reads the text of `to_json`.
    #[staticmethod]
    fn from_json(text: &str) -> PyResult<Self> {
        outthink_eval::Study::from_json(text).map(Self::new).map_err(value_error)
    }

    /// The study as JSON, its covariance included.
    fn to_json(&self) -> String {
        self.study.to_json().to_string()
    }

    /// Writes it as JSON, for `outthink fit`, `report` and `plan`.
    fn save(&self, path: PathBuf) -> PyResult<()> {
        self.study.save(&path).map_err(value_error)
    }

    /// The recordings' names.
    #[getter]
    fn name(&self) -> &str {
        &self.study.name
    }

    /// The arms, in the order of the recordings.
    #[getter]
    fn arms(&self) -> Vec<Arm> {
        (0..self.study.arms.len()).map(|at| Arm { study: Arc::clone(&self.study), at }).collect()
    }

    /// How far the accuracy of one arm lies above that of another on the problems that both have, paired.
    #[pyo3(signature = (this, other, *, level = 0.95, seed = 0))]
    fn difference<'py>(
        &self,
        py: Python<'py>,
        this: usize,
        other: usize,
        level: f64,
        seed: u64,
    ) -> PyResult<Bound<'py, PyDict>> {
        let how = resampling(level, seed)?;
        let arm = |at: usize| {
            let few = || PyIndexError::new_err(format!("no arm {at}: this study has {}", self.study.arms.len()));
            self.study.arms.get(at).ok_or_else(few)
        };
        let (this, other) = (arm(this)?, arm(other)?);
        let found = py.detach(|| outthink_eval::Study::difference(this, other, how)).ok_or_else(|| {
            PyValueError::new_err("the two arms have no problem in common, so there is nothing to compare")
        })?;
        let result = estimated(py, &found.estimate.map_err(value_error)?)?;
        result.set_item("problems", found.problems)?;
        result.set_item("means", found.means)?;
        Ok(result)
    }

    fn __repr__(&self) -> String {
        format!("<Study {:?}: {} arms>", self.study.name, self.study.arms.len())
    }
}

impl Arm {
    fn of(&self) -> &ArmStudy {
        &self.study.arms[self.at]
    }
}

#[pymethods]
impl Arm {
    /// The recording's name, the model's and the run's, as far as there are any.
    #[getter]
    fn name(&self) -> &str {
        &self.of().name
    }

    /// The model, where the recording names it.
    #[getter]
    fn model(&self) -> Option<&str> {
        self.of().model.as_deref()
    }

    /// Samples of all problems.
    #[getter]
    fn samples(&self) -> u64 {
        self.of().samples()
    }

    /// Generated tokens of a sample, a mean over problems; 0 where none are recorded.
    #[getter]
    fn tokens_a_sample(&self) -> f64 {
        self.of().tokens_a_sample()
    }

    /// Problems.
    fn __len__(&self) -> usize {
        self.of().problems.len()
    }

    /// For each problem its id, how many samples were drawn, and how many of them are right.
    fn counts(&self) -> Vec<(String, u64, u64)> {
        self.of().problems.iter().map(|p| (p.id.clone(), p.samples, p.right)).collect()
    }

    /// Accuracy, pass^k, maj@k plain and weighted, and its limit, with intervals over problems.
    #[pyo3(signature = (*, level = 0.95, seed = 0))]
    fn figures<'py>(&self, py: Python<'py>, level: f64, seed: u64) -> PyResult<Bound<'py, PyDict>> {
        let how = resampling(level, seed)?;
        let (found, rungs) = py
            .detach(|| Ok::<_, outthink_eval::EvalError>((self.of().estimates(how)?, self.of().rungs(how)?)))
            .map_err(value_error)?;
        let all = PyDict::new(py);
        all.set_item("accuracy", estimated(py, &found.accuracy)?)?;
        for (name, one) in [("credit", &found.credit), ("limit", &found.limit)] {
            all.set_item(name, one.as_ref().map(|e| estimated(py, e)).transpose()?)?;
        }
        let coverage: Vec<_> = rungs.into_iter().map(|rung| (rung.k, rung.coverage)).collect();
        for (name, by_k) in [
            ("pass_at", &coverage),
            ("pass_hat", &found.all_right),
            ("majority", &found.majority),
            ("weighted", &found.weighted),
        ] {
            let of_k = PyDict::new(py);
            for (k, estimate) in by_k {
                of_k.set_item(k, estimated(py, estimate)?)?;
            }
            all.set_item(name, of_k)?;
        }
        Ok(all)
    }

    /// Whether more samples still help a vote; `None` where answers cannot be compared.
    #[pyo3(signature = (*, threshold = 0.02, level = 0.9, seed = 0))]
    fn verdict<'py>(
        &self,
        py: Python<'py>,
        threshold: f64,
        level: f64,
        seed: u64,
    ) -> PyResult<Option<Bound<'py, PyDict>>> {
        check_level(level)?;
        let question = Question { threshold, level, seed, ..Question::default() };
        let Some((judged, _)) = py.detach(|| self.of().judge(question)).map_err(value_error)? else { return Ok(None) };
        let result = PyDict::new(py);
        result.set_item("verdict", judged.verdict.words())?;
        result.set_item("probability", judged.probability)?;
        result.set_item("question", judged.question)?;
        result.set_item("because", judged.because)?;
        result.set_item("next_runs", judged.next_runs)?;
        let ranged = |r: outthink_law::verdict::Ranged| (r.value, ends(r.interval));
        result.set_item("next_doubling", judged.next_doubling.map(ranged))?;
        Ok(Some(result))
    }

    fn __repr__(&self) -> String {
        format!("<Arm {:?}: {} problems, {} samples>", self.of().name, self.of().problems.len(), self.of().samples())
    }
}

fn resampling(level: f64, seed: u64) -> PyResult<Resampling> {
    check_level(level)?;
    Ok(Resampling { level, seed, ..Resampling::default() })
}

fn estimated<'py>(py: Python<'py>, estimate: &Estimate) -> PyResult<Bound<'py, PyDict>> {
    let result = PyDict::new(py);
    result.set_item("value", estimate.value)?;
    result.set_item("interval", ends(estimate.interval))?;
    result.set_item("n", estimate.n)?;
    result.set_item("warnings", &estimate.warnings)?;
    Ok(result)
}
