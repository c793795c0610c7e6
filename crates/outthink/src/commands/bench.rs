//! `outthink bench`: how right, and how fast.

use super::ask::DrawArgs;
use super::bench_allocator;
use super::bench_paired as paired;
use super::decode;
use super::engine::EngineArgs;
use super::replay::eval_error;
use super::runtime;
use crate::defaults;
use crate::error::CliError;
use crate::models;
use anyhow::Context;
use clap::{Args, Subcommand};
use futures_util::{StreamExt, stream};
use indicatif::{ProgressBar, ProgressStyle};
use outthink_core::{Effort, Needs, Outcome, Thinking, derive_seed};
use outthink_eval::{Interval, Question, QuestionSet, wilson};
use outthink_runner::Runner;
use outthink_strategy::{DriveRequest, Settings, StrategySpec, ThinkingPlan};
use outthink_verify::Grader;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    #[command(subcommand)]
    command: BenchCommand,
}

#[derive(Debug, Subcommand)]
enum BenchCommand {
    /// Accuracy and tokens over a set of questions with known answers, at several efforts.
    Accuracy(Box<AccuracyArgs>),
    /// Tokens per second over samples drawn at once.
    Decode(decode::DecodeArgs),
    /// The price controller over a stream of simulated problems of drifting difficulty.
    Stream(bench_allocator::StreamArgs),
    /// What stopping rules lose on two answers, computed exactly.
    TwoAnswers(bench_allocator::TwoAnswersArgs),
    /// The time that one decision takes.
    Decide(bench_allocator::DecideArgs),
}

#[derive(Debug, Args)]
struct AccuracyArgs {
    /// The set: JSON lines as in GSM8K, MATH, AIME or SVAMP.
    set: PathBuf,
    /// Efforts to compare.
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_value = "none,low,high")]
    efforts: Vec<Effort>,
    /// How samples are bought, in place of what the efforts stand for.
    #[arg(long, value_name = "NAME", value_parser = super::thinking::strategy)]
    strategy: Option<String>,
    /// A setting of the strategy, such as kinds=program:3,cot. May be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
    /// Samples at most, in place of what the efforts stand for.
    #[arg(long, value_name = "N")]
    samples: Option<u32>,
    /// Compare with the answers that an earlier run wrote by --out, question by question.
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// Questions at most.
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
    /// Questions to pass over at the beginning.
    #[arg(long, value_name = "N", default_value_t = 0)]
    offset: usize,
    /// Questions at a time.
    #[arg(long, value_name = "N", default_value_t = 1)]
    parallel: usize,
    /// Generated tokens of one sample at most [default: the effort's].
    #[arg(long, value_name = "N")]
    max_tokens: Option<u64>,
    /// Write one JSON line an answer to this file, as they come.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print JSON lines, one an effort.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    draw: DrawArgs,
}

/// Runs the subcommand.
pub(crate) fn run(args: &BenchArgs) -> Result<ExitCode, CliError> {
    match &args.command {
        BenchCommand::Accuracy(args) => accuracy(args),
        BenchCommand::Decode(args) => decode::run(args),
        BenchCommand::Stream(args) => args.run(),
        BenchCommand::TwoAnswers(args) => args.run(),
        BenchCommand::Decide(args) => args.run(),
    }
}

/// One answered question, with all that is needed to get it again.
#[derive(Debug, Serialize)]
struct Row {
    set: String,
    question: usize,
    effort: Effort,
    strategy: String,
    right: bool,
    answer: Option<String>,
    gold: String,
    samples: u32,
    tokens: u64,
    seconds: f64,
    stop: Option<outthink_core::StopReason>,
    vote_share: Option<f64>,
    posterior_leader: Option<f64>,
    error: Option<String>,
    model: String,
    seed: u64,
    prompt_sha256: String,
    version: &'static str,
}

/// What an effort reached.
#[derive(Debug, Serialize)]
struct Summary {
    set: String,
    effort: Effort,
    strategy: String,
    questions: u32,
    right: u32,
    failed: u32,
    accuracy: f64,
    /// 95 %, Wilson.
    interval: Interval,
    mean_samples: f64,
    mean_tokens: f64,
    mean_seconds: f64,
    model: String,
    seed: u64,
    version: &'static str,
}

fn accuracy(args: &AccuracyArgs) -> Result<ExitCode, CliError> {
    args.draw.check()?;
    let set = QuestionSet::read(&args.set).map_err(|e| eval_error(&e))?;
    let chosen: Vec<_> = set.questions.iter().enumerate().skip(args.offset).take(args.limit).collect();
    if chosen.is_empty() {
        return Err(CliError::usage(format!("no question is left of the {} in {}", set.questions.len(), set.name))
            .hint("lower --offset or raise --limit"));
    }
    let mut out = match &args.out {
        Some(path) => Some(File::create(path).with_context(|| format!("cannot make {}", path.display()))?),
        None => None,
    };
    let specs =
        args.efforts.iter().map(|&effort| Ok((effort, args.spec(effort)?))).collect::<Result<Vec<_>, CliError>>()?;
    let before = args.against.as_deref().map(paired::read).transpose()?;
    let embedded = args.engine.is_embedded()?;
    let file = args.engine.locate()?;
    let runtime = runtime()?;
    runtime.block_on(async {
        let mut needs = Needs::default();
        for (_, spec) in &specs {
            let one = spec.build().map_err(|e| CliError::usage(e.to_string()))?.needs();
            needs.programs |= one.programs;
            needs.logprobs |= one.logprobs || one.values;
            needs.continuation |= one.continuation;
        }
        let programs = if needs.programs { Some(super::verifiers::programs().await?) } else { None };
        let mut runner = Runner::new(args.engine.connect(file, None, needs).await?);
        if let Some(programs) = programs {
            runner = runner.with_programs(programs);
        }
        for (effort, spec) in specs {
            let run = Run { args, set: &set, runner: &runner, effort, spec, embedded };
            let (summary, rows) = run.all(&chosen, out.as_mut()).await?;
            print_summary(&summary, args.json)?;
            if let Some(before) = &before {
                let now: Vec<_> = rows.iter().map(|r| (r.question, r.right, r.tokens)).collect();
                paired::print(effort, &paired::compare(before, &now), args.json)?;
            }
        }
        Ok::<_, CliError>(())
    })?;
    runtime.shutdown_background();
    Ok(ExitCode::SUCCESS)
}

impl AccuracyArgs {
    /// What an effort buys, given the flags.
    fn spec(&self, effort: Effort) -> Result<StrategySpec, CliError> {
        let mut settings = Settings::default();
        for pair in &self.settings {
            settings.set_pair(pair).map_err(|e| CliError::usage(e.to_string()))?;
        }
        let plan = ThinkingPlan {
            effort: Some(effort),
            strategy: self.strategy.clone(),
            settings,
            samples: self.samples,
            max_tokens: self.max_tokens,
            ..ThinkingPlan::default()
        };
        let (_, spec) = plan.resolve(effort, StrategySpec::for_effort).map_err(|e| CliError::usage(e.message))?;
        Ok(spec)
    }
}

/// One effort over the set.
struct Run<'a> {
    args: &'a AccuracyArgs,
    set: &'a QuestionSet,
    runner: &'a Runner,
    effort: Effort,
    spec: StrategySpec,
    embedded: bool,
}

impl Run<'_> {
    async fn all(
        &self,
        chosen: &[(usize, &Question)],
        mut out: Option<&mut File>,
    ) -> Result<(Summary, Vec<Row>), CliError> {
        let bar = ProgressBar::new(chosen.len() as u64);
        if let Ok(style) = ProgressStyle::with_template("{msg} {bar:24} {pos}/{len} {elapsed} of about {duration}") {
            bar.set_style(style);
        }
        let mut rows = Vec::with_capacity(chosen.len());
        let mut answers = stream::iter(chosen.iter().map(|(index, question)| self.one(*index, question)))
            .buffer_unordered(self.args.parallel.max(1));
        while let Some(row) = answers.next().await {
            let row = row?;
            if let Some(out) = out.as_mut() {
                let line = serde_json::to_string(&row).context("cannot write JSON")?;
                writeln!(out, "{line}").context("cannot write the results")?;
            }
            rows.push(row);
            let right = rows.iter().filter(|r| r.right).count();
            bar.set_message(format!("{} {right} right", self.effort));
            bar.inc(1);
        }
        bar.finish_and_clear();
        Ok((self.summary(&rows), rows))
    }

    async fn one(&self, index: usize, question: &Question) -> Result<Row, CliError> {
        let request = DriveRequest {
            prompt: self.args.draw.prompt(&question.text).into(),
            sampling: defaults::sampling(self.embedded, self.args.draw.temperature, self.spec.draws_several()),
            seed: derive_seed(self.args.draw.seed(), index as u64),
            seeded: self.args.draw.seed.is_some(),
            thinking: Thinking { effort: Some(self.effort).filter(|e| *e != Effort::Auto), budget: None },
            trace_id: format!("bench-{}-{index}", self.effort),
            ..DriveRequest::default()
        };
        let prompt = serde_json::to_string(&request.prompt.messages).context("cannot write JSON")?;
        let (outcome, error) = answer(self.runner, request, &self.spec).await?;
        Ok(self.row(index, question, &outcome, error, &prompt))
    }

    fn row(&self, index: usize, question: &Question, outcome: &Outcome, error: Option<String>, prompt: &str) -> Row {
        let answer = outcome.answer.as_ref().map(|a| a.text.clone());
        Row {
            set: self.set.name.clone(),
            question: index,
            effort: self.effort,
            strategy: self.spec.name.clone(),
            right: answer.as_deref().is_some_and(|a| Grader::new(&question.gold, Some(&question.text)).is_right(a)),
            answer,
            gold: question.gold.clone(),
            samples: outcome.samples_drawn,
            tokens: outcome.usage.generated(),
            seconds: outcome.seconds,
            stop: error.is_none().then_some(outcome.stop),
            vote_share: outcome.confidence.vote_share,
            posterior_leader: outcome.confidence.posterior_leader,
            error,
            model: self.runner.engine().model().id.clone(),
            seed: derive_seed(self.args.draw.seed(), index as u64),
            prompt_sha256: models::hex(&Sha256::digest(prompt)),
            version: env!("CARGO_PKG_VERSION"),
        }
    }

    fn summary(&self, rows: &[Row]) -> Summary {
        let n = rows.len().max(1) as f64;
        let right = rows.iter().filter(|r| r.right).count() as u32;
        let mean = |of: fn(&Row) -> f64| rows.iter().map(of).sum::<f64>() / n;
        Summary {
            set: self.set.name.clone(),
            effort: self.effort,
            strategy: self.spec.name.clone(),
            questions: rows.len() as u32,
            right,
            failed: rows.iter().filter(|r| r.error.is_some()).count() as u32,
            accuracy: f64::from(right) / n,
            interval: wilson(f64::from(right), rows.len() as u32),
            mean_samples: mean(|r| f64::from(r.samples)),
            mean_tokens: mean(|r| r.tokens as f64),
            mean_seconds: mean(|r| r.seconds),
            model: self.runner.engine().model().id.clone(),
            seed: self.args.draw.seed(),
            version: env!("CARGO_PKG_VERSION"),
        }
    }
}

/// What came of a question, and the error that ended it, if one did.
pub(super) async fn answer(
    runner: &Runner,
    request: DriveRequest,
    spec: &StrategySpec,
) -> Result<(Outcome, Option<String>), CliError> {
    let strategy = spec.build().map_err(|e| CliError::usage(e.to_string()))?;
    let result = Box::pin(runner.run(request, strategy, |_| ())).await;
    Ok(match result {
        Ok(outcome) => (outcome, None),
        Err(failure) => (*failure.outcome, Some(failure.error.to_string())),
    })
}

fn print_summary(summary: &Summary, json: bool) -> Result<(), CliError> {
    if json {
        println!("{}", serde_json::to_string(summary).context("cannot write JSON")?);
        return Ok(());
    }
    println!(
        "{:<8} {:>3} of {} right: {:.3} [{:.3}, {:.3}]  samples {:.2}  tokens {:.0}  seconds {:.1} a question{}",
        summary.effort.name(),
        summary.right,
        summary.questions,
        summary.accuracy,
        summary.interval.low,
        summary.interval.high,
        summary.mean_samples,
        summary.mean_tokens,
        summary.mean_seconds,
        if summary.failed > 0 { format!("  ({} failed)", summary.failed) } else { String::new() }
    );
    Ok(())
}
