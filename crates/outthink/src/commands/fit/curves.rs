//! Curves of accuracy against compute: one a group of rows, with the errors of their points.

use super::{Table, law_error};
use crate::error::CliError;
use outthink_law::noise::{Noise, USUAL_SHARED};
use std::collections::BTreeMap;

/// The rows of one curve.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    /// What the rows have in common, as `task / model`.
    pub(crate) name: String,
    /// Thinking tokens, or samples.
    pub(crate) compute: Vec<f64>,
    /// Accuracy.
    pub(crate) accuracy: Vec<f64>,
    /// Standard error of each, where stated or to be had from the number of problems.
    pub(crate) stderr: Option<Vec<f64>>,
    /// Share of each variance that the points have in common.
    pub(crate) shared: Vec<f64>,
    /// The covariance over problems, where each problem's results are known.
    pub(crate) paired: Option<Noise>,
}

impl Group {
    /// Errors of the points: paired by problem, stated, or (from five points on) their scatter.
    pub(crate) fn noise(&self) -> Result<Option<Noise>, CliError> {
        if let Some(noise) = &self.paired {
            return Ok(Some(noise.clone()));
        }
        match &self.stderr {
            Some(stderr) => Ok(Some(Noise::stated_each(stderr, &self.shared).map_err(|e| law_error(&e))?)),
            None => Ok(None),
        }
    }

    /// Leaves out the points before `compute`.
    pub(crate) fn cut_before(&mut self, compute: f64) {
        let keep: Vec<usize> = (0..self.compute.len()).filter(|&i| self.compute[i] >= compute).collect();
        let pick = |column: &[f64]| keep.iter().map(|&i| column[i]).collect::<Vec<f64>>();
        if keep.len() < self.compute.len() {
            self.accuracy = pick(&self.accuracy);
            self.stderr = self.stderr.as_ref().map(|s| pick(s));
            self.shared = if self.shared.is_empty() { Vec::new() } else { pick(&self.shared) };
            self.compute = pick(&self.compute);
        }
    }

    /// Different values of compute.
    pub(crate) fn settings(&self) -> usize {
        let mut values = self.compute.clone();
        values.sort_by(f64::total_cmp);
        values.dedup();
        values.len()
    }
}

/// What the user says of the errors.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Errors {
    /// Problems behind each accuracy, for files that state neither them nor standard errors.
    pub(crate) problems: Option<u64>,
    /// Share of a variance that is the problems' own.
    pub(crate) shared: Option<f64>,
}

/// The columns that make groups when `--by` names none.
const GROUPS: [&str; 3] = ["benchmark", "model", "size"];

/// Reads curves: accuracy (or right ones of samples) against tokens (or samples, steps, compute).
pub(crate) fn read_groups(table: &Table, by: &[String], axis: &[&str], errors: Errors) -> Result<Vec<Group>, CliError> {
    let by: Vec<String> = if by.is_empty() {
        GROUPS.iter().filter_map(|name| table.find(name)).collect()
    } else {
        by.iter().map(|name| table.find(name).map_or_else(|| table.column_named(name), Ok)).collect::<Result<_, _>>()?
    };
    let Some(axis) = axis.iter().find_map(|name| table.find(name)) else {
        return Err(table.need(axis[0]).err().unwrap_or_else(|| CliError::usage("no compute")));
    };
    let compute = table.numbers(&axis)?;
    let accuracy = if let Some(column) = table.find("accuracy") {
        table.numbers(&column)?
    } else {
        let correct = table.need("correct")?;
        let samples =
            table.find("samples").or_else(|| table.find("problems")).map_or_else(|| table.need("samples"), Ok)?;
        let right = table.numbers(&correct)?;
        right.iter().zip(table.positive(&samples)?).map(|(c, s)| c.map(|c| c / s)).collect()
    };
    let optional = |name: &str| table.find(name).map(|c| table.numbers(&c)).transpose();
    let (stderr, problems, epochs) = (optional("stderr")?, optional("problems")?, optional("epochs")?);
    let keys: Vec<Vec<String>> = by.iter().map(|column| table.texts(column)).collect();
    let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for row in 0..table.len() {
        // Rows without compute or accuracy are no points; the file says so by an empty cell.
        if compute[row].is_some() && accuracy[row].is_some() {
            let name: Vec<&str> = keys.iter().map(|k| k[row].as_str()).collect();
            let name = if name.is_empty() { table.name.clone() } else { name.join(" / ") };
            groups.entry(name).or_default().push(row);
        }
    }
    let mut all = Vec::with_capacity(groups.len());
    for (name, mut rows) in groups {
        rows.sort_by(|&i, &j| compute[i].unwrap_or(0.0).total_cmp(&compute[j].unwrap_or(0.0)));
        let pick = |column: &[Option<f64>]| rows.iter().filter_map(|&i| column[i]).collect::<Vec<f64>>();
        let (compute, accuracy) = (pick(&compute), pick(&accuracy));
        for (x, what) in compute.iter().map(|x| (x, axis.as_str())) {
            if *x < 0.0 {
                return Err(CliError::usage(format!("`{what}` is {x} in {name}")).hint("need a number of 0 or above"));
            }
        }
        if let Some(a) = accuracy.iter().find(|a| !(0.0..=1.0).contains(*a)) {
            return Err(CliError::usage(format!(
                "an accuracy is {a} in {}",
                if name.is_empty() { &table.name } else { &name }
            ))
            .hint("need a number from 0 to 1; per cents are read by --scale accuracy=0.01, or from a name such as `acc (%)`"));
        }
        let cell = |column: &Option<Vec<Option<f64>>>, row: usize| column.as_ref().and_then(|c| c[row]);
        let counted: Vec<Option<f64>> =
            rows.iter().map(|&i| cell(&problems, i).or(errors.problems.map(|p| p as f64))).collect();
        let mut stated: Vec<Option<f64>> = rows.iter().map(|&i| cell(&stderr, i)).collect();
        if let Some(s) = stated.iter().flatten().find(|s| **s < 0.0) {
            return Err(CliError::usage(format!("a standard error is {s} in {name}")).hint("need a number above 0"));
        }
        // A point without a standard error or a number of problems gets the largest of its curve.
        let largest = stated.iter().flatten().copied().fold(0.0, f64::max);
        for (stated, counted) in stated.iter_mut().zip(&counted) {
            if stated.is_none() && counted.is_none() && largest > 0.0 {
                *stated = Some(largest);
            }
        }
        let repeats: Vec<f64> = rows.iter().map(|&i| cell(&epochs, i).filter(|e| *e >= 1.0).unwrap_or(1.0)).collect();
        let sizes: Option<Vec<f64>> =
            (accuracy.iter().zip(&stated).zip(&counted)).map(|((a, s), n)| error_of(*a, *s, *n)).collect();
        if sizes.is_none() && stated.iter().any(Option::is_some) {
            return Err(CliError::usage(format!("standard errors are missing or 0 for some points of {name}"))
                .hint("give them all, or the number of problems by a column `problems` or by --problems"));
        }
        let own = errors.shared.unwrap_or_else(|| problems_share(&accuracy, &stated, &counted, &repeats));
        // A mean over k answers a problem has less noise of its own, and so a larger common share.
        let shared = repeats.iter().map(|k| (own / (own + (1.0 - own) / k)).min(0.99)).collect();
        all.push(Group { name, compute, accuracy, stderr: sizes, shared, paired: None });
    }
    // Sizes in the order of their numbers, not of their letters.
    let size = |g: &Group| super::rl::size_of(g.name.rsplit(" / ").next().unwrap_or_default());
    if all.iter().all(|g| size(g).is_some()) {
        all.sort_by(|x, y| size(x).unwrap_or(0.0).total_cmp(&size(y).unwrap_or(0.0)));
    }
    Ok(all)
}

/// The standard error stated, or else that of a share of `problems` problems; one that is 0 says only
/// that all problems agreed, and is replaced by that of one success and one failure more.
fn error_of(accuracy: f64, stated: Option<f64>, problems: Option<f64>) -> Option<f64> {
    match (stated, problems) {
        (Some(s), _) if s > 0.0 => Some(s),
        (_, Some(n)) if n >= 1.0 => {
            let p = (accuracy * n + 1.0) / (n + 2.0);
            Some((p * (1.0 - p) / n).sqrt())
        }
        _ => None,
    }
}

/// The problems' own share of the variance of a single answer, from points with several answers a
/// problem: n SE² = b + w/k and b + w = p (1 − p) give b and w. The usual share where none tells.
fn problems_share(accuracy: &[f64], stderr: &[Option<f64>], problems: &[Option<f64>], repeats: &[f64]) -> f64 {
    let mut shares = Vec::new();
    for i in 0..accuracy.len() {
        let (Some(s), Some(n), k) = (stderr[i], problems[i], repeats[i]) else { continue };
        let whole = accuracy[i] * (1.0 - accuracy[i]);
        if k > 1.0 && s > 0.0 && whole > 0.02 {
            let within = (whole - n * s * s) * k / (k - 1.0);
            shares.push((1.0 - within / whole).clamp(0.05, 0.95));
        }
    }
    if shares.is_empty() { USUAL_SHARED } else { shares.iter().sum::<f64>() / shares.len() as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_problems_share_from_repeated_answers() {
        // 45 problems, 16 answers each: b = .1, w = .0715.
        let p = 0.2194;
        let whole: f64 = p * (1.0 - p);
        let s = ((0.1 + (whole - 0.1) / 16.0) / 45.0_f64).sqrt();
        let got = problems_share(&[p], &[Some(s)], &[Some(45.0)], &[16.0]);
        assert!((got - 0.1 / whole).abs() < 1e-9, "{got}");
        assert_eq!(problems_share(&[p], &[Some(s)], &[Some(45.0)], &[1.0]), USUAL_SHARED);
    }

    #[test]
    fn an_error_of_0_is_not_believed() {
        assert_eq!(error_of(0.5, Some(0.1), None), Some(0.1));
        assert!(error_of(0.0, Some(0.0), Some(10.0)).unwrap() > 0.05);
        assert_eq!(error_of(0.0, Some(0.0), None), None);
    }
}
