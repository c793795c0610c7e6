//! The estimate of maj@k, and two of the fits.

#![expect(clippy::needless_pass_by_value, reason = "`PyO3` hands lists over by value")]

use outthink_law::coverage::{self, CoverageOptions, Successes};
use outthink_law::estimate::{self, Ballots};
use outthink_law::pretrain::{self, PretrainOptions, Runs};
use outthink_law::{Interval, LawError};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// What Python sees of an error: its words.
pub(crate) fn value_error(error: impl std::fmt::Display) -> PyErr {
    PyValueError::new_err(error.to_string())
}

/// An interval as Python's pair.
pub(crate) fn ends(interval: Interval) -> (f64, f64) {
    (interval.low, interval.high)
}

/// The chance that a vote among k samples is right.
#[pyfunction]
#[pyo3(signature = (counts, correct, k, *, blank = 0))]
pub(crate) fn maj_at_k(py: Python<'_>, counts: Vec<u64>, correct: Option<usize>, k: u64, blank: u64) -> PyResult<f64> {
    let ballots = Ballots { counts: &counts, correct, blank };
    py.detach(|| estimate::maj_at_k(&ballots, k)).map_err(value_error)
}

/// Fits the law of success counts and forecasts coverage.
#[pyfunction]
#[pyo3(signature = (samples, correct, at, *, level = 0.9, seed = 0))]
pub(crate) fn fit_coverage(
    py: Python<'_>,
    samples: Vec<u64>,
    correct: Vec<u64>,
    at: Vec<u64>,
    level: f64,
    seed: u64,
) -> PyResult<Bound<'_, PyDict>> {
    check_level(level)?;
    let fitted = py.detach(|| {
        let options = CoverageOptions { level, seed, ..CoverageOptions::default() };
        let fit = coverage::fit(&Successes { samples: &samples, correct: &correct }, options)?;
        let forecasts: Result<Vec<_>, LawError> = at.iter().map(|&k| fit.forecast(k)).collect();
        Ok::<_, LawError>((fit.law, fit.n, forecasts?))
    });
    let (law, n, forecasts) = fitted.map_err(value_error)?;
    let result = PyDict::new(py);
    result.set_item("n", n)?;
    result.set_item("a", law.a)?;
    result.set_item("b", law.b)?;
    result.set_item("atom", law.atom)?;
    let mut rows = Vec::with_capacity(forecasts.len());
    for forecast in forecasts {
        let row = PyDict::new(py);
        row.set_item("k", forecast.k)?;
        row.set_item("coverage", forecast.coverage)?;
        row.set_item("interval", ends(forecast.interval))?;
        row.set_item("extrapolated", forecast.extrapolated)?;
        rows.push(row);
    }
    result.set_item("forecasts", rows)?;
    Ok(result)
}

/// Fits L(N, D) = E + A/N^alpha + B/D^beta.
#[pyfunction]
#[pyo3(signature = (params, tokens, loss, *, bootstraps = 1_000, level = 0.95, seed = 0))]
pub(crate) fn fit_pretrain(
    py: Python<'_>,
    params: Vec<f64>,
    tokens: Vec<f64>,
    loss: Vec<f64>,
    bootstraps: usize,
    level: f64,
    seed: u64,
) -> PyResult<Bound<'_, PyDict>> {
    check_level(level)?;
    let fit = py
        .detach(|| {
            let options = PretrainOptions { bootstraps, level, seed, ..PretrainOptions::default() };
            pretrain::fit(&Runs { params: &params, tokens: &tokens, loss: &loss }, options)
        })
        .map_err(value_error)?;
    let result = PyDict::new(py);
    result.set_item("n", fit.n)?;
    result.set_item("objective", fit.objective)?;
    for (name, value) in
        [("floor", fit.law.floor), ("a", fit.law.a), ("alpha", fit.law.alpha), ("b", fit.law.b), ("beta", fit.law.beta)]
    {
        result.set_item(name, value)?;
    }
    let intervals = match fit.intervals() {
        None => None,
        Some(of) => {
            let dict = PyDict::new(py);
            for (name, interval) in
                [("floor", of.floor), ("a", of.a), ("alpha", of.alpha), ("b", of.b), ("beta", of.beta)]
            {
                dict.set_item(name, ends(interval))?;
            }
            Some(dict)
        }
    };
    result.set_item("intervals", intervals)?;
    Ok(result)
}

/// Whether a level is a probability.
pub(crate) fn check_level(level: f64) -> PyResult<()> {
    if level > 0.0 && level < 1.0 {
        return Ok(());
    }
    Err(PyValueError::new_err(format!("level is {level}: give a probability between 0 and 1, for example 0.95")))
}
