//! A run of teaching or reinforcement as it goes on: its evaluations, its log and its curve.

use crate::commands::curves::{CurveWriter, point};
use crate::commands::train::train_error;
use crate::error::CliError;
use anyhow::Context;
use outthink_eval::CurvePoint;
use outthink_train::tasks::{Problem, Task};
use outthink_train::{Measured, Measuring, Model, measure};
use serde::Serialize;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::time::Instant;

/// One evaluation in the log.
#[derive(Debug, Serialize)]
pub(super) struct Evaluation {
    pub(super) kind: &'static str,
    pub(super) step: u64,
    pub(super) tokens: u64,
    pub(super) seconds: f64,
    pub(super) sampled: Measured,
    pub(super) greedy: Measured,
}

/// What a run needs beside its model.
pub(super) struct Run<'a> {
    pub(super) task: &'a dyn Task,
    pub(super) held_out: Vec<Problem>,
    pub(super) most: usize,
    pub(super) threads: usize,
    pub(super) log: File,
    pub(super) curve: CurveWriter,
    /// Points that are written with the next evaluation.
    pub(super) points: Vec<CurvePoint>,
    pub(super) began: Instant,
}

impl Run<'_> {
    pub(super) fn write(&mut self, row: &impl Serialize) -> Result<(), CliError> {
        let line = serde_json::to_string(row).context("cannot write JSON")?;
        writeln!(self.log, "{line}").context("cannot write the log")?;
        Ok(())
    }

    /// Measures a model, and says and logs what it did.
    pub(super) fn evaluate(&mut self, model: &Model, step: u64, tokens: u64) -> Result<Evaluation, CliError> {
        let greedy = Measuring::greedy(self.most, self.threads);
        let sampling = Measuring { samples: 4, temperature: 1.0, seed: 9, ..greedy };
        let row = Evaluation {
            kind: "evaluation",
            step,
            tokens,
            seconds: self.began.elapsed().as_secs_f64(),
            sampled: measure(model, self.task, &self.held_out, &sampling).map_err(|e| train_error(&e))?,
            greedy: measure(model, self.task, &self.held_out, &greedy).map_err(|e| train_error(&e))?,
        };
        println!(
            "step {step:>6}  held-out: sampled {:.3}, greedy {:.3}, {:.1} tokens a reply, no answer {:.3}, false claims \
             {:.3}  ({} problems, {:.0} s)",
            row.sampled.accuracy,
            row.greedy.accuracy,
            row.sampled.tokens,
            row.sampled.unanswered,
            row.sampled.false_claims,
            row.greedy.problems,
            row.seconds
        );
        self.write(&row)?;
        let shares = [("sampled", row.sampled.accuracy), ("greedy", row.greedy.accuracy)];
        self.points.extend(shares.map(|(series, share)| point(series, (step, tokens), share)));
        self.curve.add(&std::mem::take(&mut self.points));
        Ok(row)
    }
}

/// Accuracy against steps as a table.
pub(super) fn write_curve(path: &Path, (name, size): (&str, u64), curve: &[Evaluation]) -> Result<(), CliError> {
    let mut text = String::from("model,size,step,tokens,problems,accuracy,greedy\n");
    for at in curve {
        let (accuracy, greedy) = (at.sampled.accuracy, at.greedy.accuracy);
        let problems = at.greedy.problems;
        // Writing to a text cannot fail.
        let _ = writeln!(text, "{name},{size},{},{},{problems},{accuracy},{greedy}", at.step, at.tokens);
    }
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(())
}
