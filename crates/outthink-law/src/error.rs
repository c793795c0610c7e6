//! The one error type of this crate: every fault is in what the caller gave.

/// Why an estimate or a fit was refused.
///
/// Nothing here is retryable: the same input is refused again.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LawError {
    /// A value is NaN, infinite or outside the range that the law allows.
    #[error("{what} at row {row} is {value}; need {need}")]
    BadValue {
        /// The column or parameter.
        what: &'static str,
        /// Row of the input, from 0.
        row: usize,
        /// What was given.
        value: f64,
        /// What is allowed.
        need: &'static str,
    },
    /// There are fewer points than the form has parameters, or just as many.
    #[error("{form} has {parameters} parameters and got {points} points; need at least {need}")]
    TooFewPoints {
        /// The law or estimator.
        form: &'static str,
        /// Free parameters.
        parameters: usize,
        /// Points given.
        points: usize,
        /// Points needed.
        need: usize,
    },
    /// A column that must vary holds one value only, so the law is not identified.
    #[error("all {points} points have the same {what}; need at least two values to fit a law")]
    OneValueOnly {
        /// The column.
        what: &'static str,
        /// Points given.
        points: usize,
    },
    /// Columns that must have one entry a row differ in length.
    #[error("{left} has {left_len} entries and {right} has {right_len}; need the same number")]
    LengthMismatch {
        /// First column.
        left: &'static str,
        /// Its length.
        left_len: usize,
        /// Second column.
        right: &'static str,
        /// Its length.
        right_len: usize,
    },
    /// No start of the optimiser ended at a finite objective.
    #[error("no fit of {form} converged from {starts} starts; check the units of the columns")]
    NoConvergence {
        /// The law.
        form: &'static str,
        /// Starts tried.
        starts: usize,
    },
}

pub(crate) fn need_points(form: &'static str, parameters: usize, points: usize) -> Result<(), LawError> {
    if points <= parameters {
        return Err(LawError::TooFewPoints { form, parameters, points, need: parameters + 1 });
    }
    Ok(())
}

pub(crate) fn need_positive(what: &'static str, xs: &[f64]) -> Result<(), LawError> {
    check(what, xs, "a finite number above 0", |x| x > 0.0)
}

pub(crate) fn check(
    what: &'static str,
    xs: &[f64],
    need: &'static str,
    ok: impl Fn(f64) -> bool,
) -> Result<(), LawError> {
    match xs.iter().position(|&x| !x.is_finite() || !ok(x)) {
        Some(row) => Err(LawError::BadValue { what, row, value: xs[row], need }),
        None => Ok(()),
    }
}

pub(crate) fn same_len(left: &'static str, a: usize, right: &'static str, b: usize) -> Result<(), LawError> {
    if a == b {
        return Ok(());
    }
    Err(LawError::LengthMismatch { left, left_len: a, right, right_len: b })
}
