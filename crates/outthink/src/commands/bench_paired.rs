//! Two runs over the same questions, question by question.

use crate::error::CliError;
use anyhow::Context;
use outthink_core::Effort;
use outthink_eval::Interval;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// What is read of a row that `--out` wrote.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Before {
    question: usize,
    right: bool,
    tokens: u64,
}

/// A run against an earlier one, over the questions that both have.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Paired {
    questions: u32,
    /// Right now and wrong before.
    gained: u32,
    /// Wrong now and right before.
    lost: u32,
    difference: f64,
    /// 95 %, for matched proportions, with half a question added to each of the four cells (Agresti and Min 2005).
    interval: Interval,
    mean_tokens_before: f64,
    mean_tokens: f64,
}

/// Reads the rows of an earlier run.
pub(super) fn read(path: &Path) -> Result<Vec<Before>, CliError> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut rows: BTreeMap<usize, Before> = BTreeMap::new();
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let row: Before = serde_json::from_str(line)
            .with_context(|| format!("{}, line {}: no row of --out", path.display(), at + 1))?;
        if rows.insert(row.question, row).is_some() {
            return Err(CliError::usage(format!("{} has question {} twice", path.display(), row.question))
                .hint("write one effort to a file: give --efforts one name where --out is given"));
        }
    }
    Ok(rows.into_values().collect())
}

/// Compares rows of (question, right, tokens) with those of before.
pub(super) fn compare(before: &[Before], now: &[(usize, bool, u64)]) -> Paired {
    let (mut questions, mut gained, mut lost, mut tokens) = (0u32, 0u32, 0u32, (0u64, 0u64));
    for &(question, right, spent) in now {
        let Some(old) = before.iter().find(|b| b.question == question) else { continue };
        questions += 1;
        gained += u32::from(right && !old.right);
        lost += u32::from(!right && old.right);
        tokens = (tokens.0 + old.tokens, tokens.1 + spent);
    }
    let n = f64::from(questions.max(1));
    let (b, c, m) = (f64::from(gained) + 0.5, f64::from(lost) + 0.5, n + 2.0);
    let centre = (b - c) / m;
    let half = 1.959_964 * ((b + c) - (b - c).powi(2) / m).sqrt() / m;
    Paired {
        questions,
        gained,
        lost,
        difference: (f64::from(gained) - f64::from(lost)) / n,
        interval: Interval { low: centre - half, high: centre + half },
        mean_tokens_before: tokens.0 as f64 / n,
        mean_tokens: tokens.1 as f64 / n,
    }
}

/// Prints it.
pub(super) fn print(effort: Effort, paired: &Paired, json: bool) -> Result<(), CliError> {
    if json {
        println!("{}", serde_json::to_string(paired).context("cannot write JSON")?);
        return Ok(());
    }
    println!(
        "{:<8} paired over {}: {} gained, {} lost, {:+.3} [{:+.3}, {:+.3}]  tokens {:.0} against {:.0}",
        effort.name(),
        paired.questions,
        paired.gained,
        paired.lost,
        paired.difference,
        paired.interval.low,
        paired.interval.high,
        paired.mean_tokens,
        paired.mean_tokens_before,
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_both_have_is_compared() {
        let before: Vec<Before> =
            (0..20).map(|question| Before { question, right: question % 2 == 0, tokens: 100 }).collect();
        // Questions 10 to 29, all right: of those that both have, the odd ones are gained.
        let now: Vec<_> = (10..30).map(|question| (question, true, 50)).collect();
        let paired = compare(&before, &now);
        assert_eq!((paired.questions, paired.gained, paired.lost), (10, 5, 0));
        assert!((paired.difference - 0.5).abs() < 1e-12);
        assert!(paired.interval.low > 0.0 && paired.interval.low < 0.5 && paired.interval.high > 0.5);
        assert!((paired.mean_tokens_before - 100.0).abs() < 1e-12 && (paired.mean_tokens - 50.0).abs() < 1e-12);
    }

    #[test]
    fn nothing_in_common_says_nothing() {
        let paired = compare(&[], &[(1, true, 5)]);
        assert_eq!((paired.questions, paired.difference), (0, 0.0));
        assert!(paired.interval.low < 0.0 && paired.interval.high > 0.0);
    }
}
