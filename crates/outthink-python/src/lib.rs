//! `import outthink`: what counts as the same answer, where in a reply it stands, and estimators over samples.
//!
//! The one place with `PyO3`. Nothing here decides anything: each function hands its texts to `outthink-verify` or its
//! counts to `outthink-law`, without the interpreter's lock, over all cores where there are many.
//!
//! ```python
//! import outthink
//! assert outthink.equal(r"\frac{1}{2}", "0.5")
//! assert outthink.rewards([r"So it is \boxed{4}."], ["4"]) == [1.0]
//! ```

mod laws;
#[cfg(feature = "recordings")]
mod recording;
#[cfg(feature = "recordings")]
mod study;

use outthink_law::LawError;
use outthink_law::estimate;
use outthink_verify::{Equality, Grader, equivalent_by, find_answer as find};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use std::num::NonZero;
use std::thread;

/// Replies that a thread gets at least: below that a thread costs more than it saves.
const BATCH: usize = 64;

/// Whether two answers mean the same; `strict` where both are replies, and a unit is part of the answer.
#[pyfunction]
#[pyo3(signature = (a, b, *, strict = false))]
fn equal(py: Python<'_>, a: &str, b: &str, strict: bool) -> bool {
    let rule = if strict { Equality::Strict } else { Equality::Lenient };
    py.detach(|| equivalent_by(a, b, rule))
}

/// The final answer of a reply, or None where it states none. `marked_only` leaves out what a reply merely ends with.
#[pyfunction]
#[pyo3(signature = (reply, *, marked_only = false))]
fn find_answer(py: Python<'_>, reply: &str, marked_only: bool) -> Option<String> {
    py.detach(|| find(reply).filter(|answer| !(marked_only && answer.kind.is_weak())).map(|answer| answer.text))
}

/// Whether a reply's final answer is right where `gold` is the reference. With the text of a `question` that has options,
/// letters and texts of the options count as one.
#[pyfunction]
#[pyo3(signature = (reply, gold, question = None))]
fn grade(py: Python<'_>, reply: &str, gold: &str, question: Option<&str>) -> bool {
    py.detach(|| Grader::new(gold, question).grade(reply).correct)
}

/// 1.0 for each completion whose final answer is right, else 0.0.
///
/// Many are graded over all cores. `gold` has one reference for each completion, and `question`, where it is given, one
/// text or None.
#[pyfunction]
#[pyo3(signature = (completions, gold, question = None))]
#[expect(clippy::needless_pass_by_value, reason = "`PyO3` hands lists over by value")]
fn rewards(
    py: Python<'_>,
    completions: Vec<String>,
    gold: Vec<String>,
    question: Option<Vec<Option<String>>>,
) -> PyResult<Vec<f64>> {
    if completions.len() != gold.len() {
        let words = format!(
            "{} completions and {} references: give one reference for each completion",
            completions.len(),
            gold.len()
        );
        return Err(PyValueError::new_err(words));
    }
    let question = question.unwrap_or_else(|| vec![None; completions.len()]);
    if completions.len() != question.len() {
        let words = format!(
            "{} completions and {} questions: give one question, or None, for each completion",
            completions.len(),
            question.len()
        );
        return Err(PyValueError::new_err(words));
    }
    Ok(py.detach(|| graded(&completions, &gold, &question)))
}

/// The chance that at least one of `k` of `samples` samples is right, of which `correct` are (pass@k, unbiased).
#[pyfunction]
fn pass_at_k(samples: u64, correct: u64, k: u64) -> PyResult<f64> {
    estimate::pass_at_k(samples, correct, k).map_err(of_law)
}

/// The chance that all of `k` of `samples` samples are right, of which `correct` are (pass^k, unbiased).
#[pyfunction]
fn pass_hat_k(samples: u64, correct: u64, k: u64) -> PyResult<f64> {
    estimate::all_of_k(samples, correct, k).map_err(of_law)
}

fn graded(completions: &[String], gold: &[String], question: &[Option<String>]) -> Vec<f64> {
    let reward = |((reply, gold), question): ((&String, &String), &Option<String>)| {
        f64::from(u8::from(Grader::new(gold, question.as_deref()).grade(reply).correct))
    };
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(completions.len().div_ceil(BATCH)).max(1);
    let size = completions.len().div_ceil(threads).max(1);
    let mut all = vec![0.0; completions.len()];
    thread::scope(|scope| {
        let given = completions.chunks(size).zip(gold.chunks(size)).zip(question.chunks(size));
        for (((replies, gold), question), out) in given.zip(all.chunks_mut(size)) {
            scope.spawn(move || {
                let rows = replies.iter().zip(gold).zip(question);
                out.iter_mut().zip(rows).for_each(|(out, row)| *out = reward(row));
            });
        }
    });
    all
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err takes")]
fn of_law(error: LawError) -> PyErr {
    PyValueError::new_err(error.to_string())
}

/// The compiled half of the package `outthink`.
#[pymodule]
mod _outthink {
    #[pymodule_export]
    use super::{equal, find_answer, grade, pass_at_k, pass_hat_k, rewards};
    #[pymodule_export]
    use crate::laws::{fit_coverage, fit_pretrain, maj_at_k};
    #[cfg(feature = "recordings")]
    #[pymodule_export]
    use crate::recording::{Recording, ReplayRow, replay, strategies};
    #[cfg(feature = "recordings")]
    #[pymodule_export]
    use crate::study::{Arm, Study};

    /// The version of the crate.
    #[pymodule_export]
    const __VERSION__: &str = env!("CARGO_PKG_VERSION");
}
