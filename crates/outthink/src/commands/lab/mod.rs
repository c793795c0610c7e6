//! `outthink train lab`: the three laws on one machine, with a report.

mod figure;
mod report;

use super::train::train_error;
use crate::error::CliError;
use anyhow::Context;
use clap::Args;
use outthink_law::pretrain::{PretrainOptions, Runs, fit};
use outthink_train::lab::{Learnt, Plan, Pretrained, Text, Thought, held_out, pretrain, reinforce, teach, think};
use outthink_train::tasks::{Task, task};
use outthink_train::{Corpus, CorpusOptions, Measured, Measuring, Vocabulary, measure};
use serde::Serialize;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

/// Text that every build has at hand: this project's own.
const OWN_TEXT: &[&str] = &[
    include_str!("../../../../../README.md"),
    include_str!("../../../../../ARCHITECTURE.md"),
    include_str!("../../../../../CONTRIBUTING.md"),
    include_str!("../../../../../CHANGELOG.md"),
    include_str!("../../../../../docs/LOG.md"),
    include_str!("../../../../../docs/allocator.md"),
    include_str!("../../../../../docs/gateway.md"),
    include_str!("../../../../../docs/laws.md"),
    include_str!("../../../../../docs/operations.md"),
    include_str!("../../../../../docs/reasoning-lab.md"),
    include_str!("../../../../../docs/records.md"),
    include_str!("../../../../../docs/strategies.md"),
    include_str!("../../../../../docs/training.md"),
    include_str!("../../../../../LICENSE-APACHE"),
];
/// Bytes of other text at most.
const MOST_TEXT: u64 = 16 << 20;

#[derive(Debug, Args)]
pub(crate) struct LabArgs {
    /// Size of everything: about this many minutes on two cores.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=600))]
    minutes: u32,
    /// Files and folders of text for pre-training, 16 MB at most [default: this project's own documents].
    #[arg(long, value_name = "PATH", num_args = 1..)]
    corpus: Vec<PathBuf>,
    /// The problems to reason about.
    #[arg(long, value_name = "TASK", default_value = "chain:5")]
    task: String,
    /// The folder for report.md, curves.svg and lab.json.
    #[arg(long, value_name = "DIR", default_value = "lab")]
    out: PathBuf,
    /// Seed.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Threads.
    #[arg(long, value_name = "N", default_value_t = 1)]
    threads: usize,
}

/// All that was measured.
#[derive(Debug, Serialize)]
struct Results {
    version: &'static str,
    plan: Plan,
    corpus_bytes: usize,
    grid: Vec<Pretrained>,
    forecast: Option<Forecast>,
    sft: Measured,
    sft_greedy: Measured,
    rl: Vec<Learnt>,
    finish: String,
    before: Thought,
    after: Thought,
    seconds: f64,
}

/// The law's word on a model that it has not seen.
#[derive(Debug, Serialize)]
struct Forecast {
    floor: f64,
    alpha: f64,
    beta: f64,
    expected: f64,
    measured: Pretrained,
}

/// Runs the subcommand.
pub(crate) fn run(args: &LabArgs) -> Result<ExitCode, CliError> {
    let began = Instant::now();
    let task = task(&args.task).map_err(|e| CliError::usage(e.to_string()))?;
    let text = corpus(&args.corpus)?;
    fs::create_dir_all(&args.out).with_context(|| format!("cannot make {}", args.out.display()))?;
    let plan = Plan::of_minutes(args.minutes, args.seed, args.threads.max(1));
    let (grid, forecast) = first_law(&plan, &text)?;
    let (sft, sft_greedy, rl, finish, before, after) = other_laws(&plan, &*task)?;
    let results = Results {
        version: env!("CARGO_PKG_VERSION"),
        plan,
        corpus_bytes: text.len(),
        grid,
        forecast,
        sft,
        sft_greedy,
        rl,
        finish,
        before,
        after,
        seconds: began.elapsed().as_secs_f64(),
    };
    let report = report::report(&results, &args.task)?;
    write(&args.out.join("lab.json"), &serde_json::to_string_pretty(&results).context("cannot write JSON")?)?;
    write(&args.out.join("report.md"), &report)?;
    figure::all(&results).write(&args.out.join("curves.svg"))?;
    print!("{report}");
    eprintln!("written to {}", args.out.display());
    Ok(ExitCode::SUCCESS)
}

fn write(path: &Path, text: &str) -> Result<(), CliError> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(())
}

fn corpus(paths: &[PathBuf]) -> Result<Text, CliError> {
    let bytes = if paths.is_empty() {
        OWN_TEXT.concat().into_bytes()
    } else {
        let options = CorpusOptions { max_bytes: MOST_TEXT, ..CorpusOptions::default() };
        let vocabulary = Vocabulary::bytes();
        let read = Corpus::read(paths, &options, &vocabulary).map_err(|e| train_error(&e))?;
        // Cut into what is read and what is measured on by the laboratory itself.
        [read.train, read.validation].concat().into_iter().filter_map(|t| u8::try_from(t).ok()).collect()
    };
    Text::new(&bytes).map_err(|e| train_error(&e))
}

/// Pre-training: a grid, its law, and a larger model that the law has not seen.
fn first_law(plan: &Plan, text: &Text) -> Result<(Vec<Pretrained>, Option<Forecast>), CliError> {
    let how = (plan.seed, plan.threads);
    let mut grid = Vec::new();
    for &size in &plan.sizes {
        for &tokens in &plan.data {
            let run = pretrain(text, size, tokens, how).map_err(|e| train_error(&e))?;
            eprintln!("pretrain  {:>8} parameters {:>9} tokens  loss {:.4}", run.params, run.tokens, run.loss);
            grid.push(run);
        }
    }
    let column = |f: fn(&Pretrained) -> f64| grid.iter().map(f).collect::<Vec<_>>();
    let (params, tokens, loss) = (column(|r| r.params as f64), column(|r| r.tokens as f64), column(|r| r.loss));
    let runs = Runs { params: &params, tokens: &tokens, loss: &loss };
    let options = PretrainOptions { bootstraps: 0, starts: 60, ..PretrainOptions::default() };
    let law = match fit(&runs, options) {
        Ok(fitted) => fitted.law,
        Err(error) => {
            eprintln!("pretrain  no law: {error}");
            return Ok((grid, None));
        }
    };
    let (width, layers, tokens) = plan.forecast;
    let measured = pretrain(text, (width, layers), tokens, how).map_err(|e| train_error(&e))?;
    let expected = law.loss(measured.params as f64, measured.tokens as f64);
    eprintln!(
        "forecast  {:>8} parameters {:>9} tokens  loss {:.4}, the law said {expected:.4}",
        measured.params, measured.tokens, measured.loss
    );
    Ok((grid, Some(Forecast { floor: law.floor, alpha: law.alpha, beta: law.beta, expected, measured })))
}

type Others = (Measured, Measured, Vec<Learnt>, String, Thought, Thought);

/// Fine-tuning, reinforcement learning, and thinking before and after it.
fn other_laws(plan: &Plan, task: &dyn Task) -> Result<Others, CliError> {
    let held_out = held_out(task, plan);
    let tenth = (plan.sft.0 / 10).max(1);
    let model = teach(task, plan, &mut |step, loss| {
        if step.is_multiple_of(tenth) {
            eprintln!("sft       step {step:>5}  loss {loss:.4}");
        }
    })
    .map_err(|e| train_error(&e))?;
    let most = plan.rl.reply_tokens(task);
    let sampling = Measuring { samples: 16, temperature: 1.0, max_tokens: most, seed: 3, threads: plan.threads };
    let sft = measure(&model, task, &held_out, &sampling).map_err(|e| train_error(&e))?;
    let greedy = Measuring::greedy(most, plan.threads);
    let sft_greedy = measure(&model, task, &held_out, &greedy).map_err(|e| train_error(&e))?;
    eprintln!("sft       held-out accuracy {:.3} sampled, {:.3} greedy", sft.accuracy, sft_greedy.accuracy);
    let before = think(&model, task, (plan, &held_out)).map_err(|e| train_error(&e))?;
    let (model, rl, finish) = reinforce(model, task, (plan, &held_out), &mut |at| {
        eprintln!(
            "rl        step {:>5}  held-out accuracy {:.3} sampled, {:.3} greedy, {:.0} tokens a reply",
            at.step, at.sampled.accuracy, at.greedy.accuracy, at.sampled.tokens
        );
    })
    .map_err(|e| train_error(&e))?;
    eprintln!("rl        {finish}");
    let after = think(&model, task, (plan, &held_out)).map_err(|e| train_error(&e))?;
    Ok((sft, sft_greedy, rl, finish.to_string(), before, after))
}
