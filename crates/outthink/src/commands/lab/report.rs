//! What the laboratory says at its end.

use super::Results;
use crate::error::CliError;
use anyhow::Context;
use outthink_train::thinking::Point;
use std::fmt::Write;

fn points(text: &mut String, name: &str, points: &[Point]) -> std::fmt::Result {
    for p in points {
        writeln!(
            text,
            "| {name} | {:.0} | {:.1} | {:.3} [{:.3}, {:.3}] | {} |",
            p.setting, p.tokens, p.accuracy, p.low, p.high, p.n
        )?;
    }
    Ok(())
}

/// The report as Markdown.
pub(super) fn report(results: &Results, task: &str) -> Result<String, CliError> {
    let mut text = String::new();
    compose(&mut text, results, task).context("cannot write the report")?;
    Ok(text)
}

fn compose(text: &mut String, r: &Results, task: &str) -> std::fmt::Result {
    writeln!(text, "# Three laws on one machine\n")?;
    writeln!(
        text,
        "outthink {}, seed {}, {} threads, {:.0} s. `lab.json` has all figures.\n",
        r.version, r.plan.seed, r.plan.threads, r.seconds
    )?;
    writeln!(text, "## Pre-training: loss against size and data\n")?;
    writeln!(text, "{} bytes of text; loss in nats a byte on text that was not read.\n", r.corpus_bytes)?;
    writeln!(text, "| parameters | tokens | loss |\n|---|---|---|")?;
    for run in &r.grid {
        writeln!(text, "| {} | {} | {:.4} |", run.params, run.tokens, run.loss)?;
    }
    match &r.forecast {
        Some(f) => writeln!(
            text,
            "\nFitted: L = {:.3} + A/N^{:.3} + B/D^{:.3}. Forecast for {} parameters and {} tokens: {:.4}; measured: {:.4} \
             ({:+.1} %).\n",
            f.floor,
            f.alpha,
            f.beta,
            f.measured.params,
            f.measured.tokens,
            f.expected,
            f.measured.loss,
            100.0 * (f.measured.loss / f.expected - 1.0)
        )?,
        None => writeln!(text, "\nThe grid could not be fitted.\n")?,
    }
    writeln!(text, "## Reinforcement learning: accuracy against steps\n")?;
    writeln!(
        text,
        "Task {task}, {} held-out problems of levels {} to {}. After fine-tuning: {:.3} sampled, {:.3} greedy.\n",
        r.sft.problems,
        r.plan.rl.levels.start(),
        r.plan.rl.levels.end(),
        r.sft.accuracy,
        r.sft_greedy.accuracy
    )?;
    writeln!(text, "| step | tokens generated | sampled | greedy | tokens a reply |\n|---|---|---|---|---|")?;
    for at in &r.rl {
        writeln!(
            text,
            "| {} | {} | {:.3} | {:.3} | {:.1} |",
            at.step, at.tokens, at.sampled.accuracy, at.greedy.accuracy, at.sampled.tokens
        )?;
    }
    writeln!(text, "\n{}.\n", r.finish)?;
    for (title, thought) in [("before", &r.before), ("after", &r.after)] {
        writeln!(text, "## Thinking {title} reinforcement learning: accuracy against samples and tokens\n")?;
        writeln!(text, "| thinking | setting | tokens a problem | accuracy [95 %] | n |\n|---|---|---|---|---|")?;
        points(text, "vote of samples", &thought.vote)?;
        points(text, "surest of samples", &thought.log_prob)?;
        points(text, "any right of samples", &thought.check)?;
        points(text, "thought of tokens", &thought.length)?;
        writeln!(text)?;
    }
    Ok(())
}
