//! `outthink data sweep`: samples of a question set, recorded once.

use super::ask::DrawArgs;
use super::engine::EngineArgs;
use super::replay::eval_error;
use super::runtime;
use super::store::{StoreArgs, store_error};
use super::thinking::{PriceArgs, spend};
use crate::defaults;
use crate::error::{CliError, FAILURE, INTERRUPTED};
use crate::render::sweep::Bar;
use anyhow::Context;
use clap::Args;
use outthink_core::{Cost, Effort, Engine, Needs};
use outthink_eval::{
    Columns, PROMPT_HASH, Problem, Progress, QuestionSet, RunSpec, Setting, Store, SweepEnd, SweepError, SweepPlan,
    Task, prompt_sha256, sweep,
};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

#[derive(Debug, Args)]
pub(crate) struct SweepArgs {
    /// The set: JSON lines, JSON, CSV or Parquet, as GSM8K, MATH, AIME and SVAMP or with columns of
    /// its own.
    dataset: PathBuf,
    /// Samples of each question at each setting.
    #[arg(long, value_name = "N", default_value_t = 8)]
    samples: u32,
    /// Efforts to sample at. Each sets the length of a sample, and is sent to an upstream server as
    /// `reasoning_effort`.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    efforts: Vec<Effort>,
    /// Softmax temperatures to sample at.
    #[arg(long, value_name = "T", value_delimiter = ',', conflicts_with = "temperature")]
    temperatures: Vec<f64>,
    /// Generated tokens of one sample at most [default: the effort's, or 1024].
    #[arg(long, value_name = "N")]
    max_tokens: Option<u64>,
    /// Dollars at most over all that the run ever cost; needs a price.
    #[arg(long, value_name = "USD")]
    max_usd: Option<f64>,
    /// Questions at most.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Samples in flight at once.
    #[arg(long, value_name = "N", default_value_t = 8)]
    parallel: usize,
    /// The run's name; the same command takes up the same run [default: made of the set, the model
    /// and the settings].
    #[arg(long, value_name = "NAME")]
    run: Option<String>,
    /// The column of the question.
    #[arg(long, value_name = "COLUMN")]
    question: Option<String>,
    /// The column of the right answer.
    #[arg(long, value_name = "COLUMN")]
    gold: Option<String>,
    /// Print what the run holds at the end as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    price: PriceArgs,
    #[command(flatten)]
    draw: DrawArgs,
}

/// Runs the subcommand.
pub(crate) fn run(args: &SweepArgs) -> Result<ExitCode, CliError> {
    args.draw.check()?;
    let price = args.price.price()?;
    let max_cost = spend("--max-usd", args.max_usd, price)?;
    let settings = settings(args)?;
    let columns = Columns { question: args.question.clone(), gold: args.gold.clone() };
    let set = QuestionSet::read_columns(&args.dataset, &columns).map_err(|e| eval_error(&e))?;
    let tasks = tasks(args, &set);
    let file = args.engine.locate()?;
    let runtime = runtime()?;
    let end = runtime.block_on(async {
        let store = args.store.open().await?;
        let engine = args.engine.connect(file, price, Needs::default()).await?;
        let plan = plan(args, &set, settings, tasks, engine.as_ref(), max_cost)?;
        let end = draw(&store, &engine, &plan).await;
        let report = report(args, &store, &plan, end).await;
        store.close().await;
        report
    })?;
    // An engine's threads may still be at work on what was cancelled.
    runtime.shutdown_background();
    Ok(match end {
        SweepEnd::Complete | SweepEnd::CapReached => ExitCode::SUCCESS,
        SweepEnd::Incomplete => ExitCode::from(FAILURE),
        SweepEnd::Stopped => ExitCode::from(INTERRUPTED),
    })
}

/// Each effort at each temperature.
fn settings(args: &SweepArgs) -> Result<Vec<Setting>, CliError> {
    if args.samples == 0 || args.limit == Some(0) || args.max_tokens == Some(0) {
        return Err(CliError::usage("0 samples, questions or tokens record nothing").hint("give at least 1 of each"));
    }
    if let Some(t) = args.temperatures.iter().find(|t| !(0.0..=10.0).contains(*t)) {
        return Err(CliError::usage(format!("a temperature of {t} is not possible"))
            .hint("give numbers from 0, which is greedy, to 2"));
    }
    let temperature = defaults::sampling(args.engine.is_embedded()?, args.draw.temperature, true).temperature;
    let temperatures = match args.temperatures.as_slice() {
        [] => vec![temperature],
        given => given.iter().copied().map(Some).collect(),
    };
    let efforts = match args.efforts.as_slice() {
        [] => vec![None],
        given => given.iter().copied().map(Some).collect(),
    };
    let setting = |effort: Option<Effort>, temperature| Setting {
        effort: effort.map(|e| e.name().to_owned()),
        temperature,
        max_tokens: args.max_tokens.unwrap_or(0),
    };
    Ok(efforts.iter().flat_map(|&e| temperatures.iter().map(move |&t| setting(e, t))).collect())
}

fn tasks(args: &SweepArgs, set: &QuestionSet) -> Vec<Task> {
    let chosen = &set.questions[..set.questions.len().min(args.limit.unwrap_or(usize::MAX))];
    let names: HashSet<_> = set.questions.iter().filter_map(|q| q.id.as_deref()).collect();
    // Names that are not there for all, or not of one each, are no names.
    let named = names.len() == set.questions.len();
    let task = |(number, question): (usize, &outthink_eval::Question)| {
        let prompt = args.draw.prompt(&question.text);
        let id = question.id.clone().filter(|_| named).unwrap_or_else(|| number.to_string());
        let problem = Problem {
            id,
            question: Some(question.text.clone()),
            gold: Some(question.gold.clone()),
            prompt_sha256: Some(prompt_sha256(&prompt)),
            vote_ok: true,
        };
        Task { problem, prompt }
    };
    chosen.iter().enumerate().map(task).collect()
}

fn plan(
    args: &SweepArgs,
    set: &QuestionSet,
    settings: Vec<Setting>,
    tasks: Vec<Task>,
    engine: &dyn Engine,
    max_cost: Option<Cost>,
) -> Result<SweepPlan, CliError> {
    let embedded = args.engine.is_embedded()?;
    let sampling = defaults::sampling(embedded, None, true);
    let system = args.draw.system.as_deref().unwrap_or(defaults::SYSTEM_PROMPT);
    let spec = RunSpec {
        name: String::new(),
        dataset: set.name.clone(),
        dataset_sha256: set.sha256.clone(),
        model: engine.model().id.clone(),
        engine: if embedded { "llama".into() } else { host(args.engine.upstream.first().map_or("", String::as_str)) },
        sampling: json!({"system": system, "top_p": sampling.top_p, "question": args.question, "gold": args.gold})
            .to_string(),
        seed: args.draw.seed(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        prompt_hash: PROMPT_HASH.to_owned(),
        source: "sweep".to_owned(),
    };
    let name = args.run.clone().unwrap_or_else(|| default_name(&spec, &settings));
    Ok(SweepPlan {
        spec: RunSpec { name, ..spec },
        settings,
        tasks,
        samples: args.samples,
        sampling,
        send_effort: true,
        seeded: args.draw.seed.is_some(),
        parallel: args.parallel.max(1),
        max_cost,
    })
}

/// A server's host and port, without a user, a key or a path.
fn host(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority.rsplit('@').next().unwrap_or_default().to_owned()
}

/// The set, the model and a few digits that stand for everything else, so that the same command
/// finds its run again.
fn default_name(spec: &RunSpec, settings: &[Setting]) -> String {
    let settings = serde_json::to_string(settings).unwrap_or_default();
    let all = [&*spec.dataset_sha256, &*spec.model, &*spec.engine, &*spec.sampling, &*settings].join("\n");
    let digest = Sha256::digest(format!("{all}\n{}", spec.seed));
    let model = spec.model.rsplit('/').next().unwrap_or(&spec.model);
    let word: String = format!("{}-{model}", spec.dataset)
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' })
        .collect();
    format!("{word}-{}", crate::models::hex(&digest[..3]))
}

async fn draw(
    store: &Store,
    engine: &Arc<dyn Engine>,
    plan: &SweepPlan,
) -> Result<(SweepEnd, Option<Progress>), CliError> {
    let mut bar = Bar::new(&plan.spec.name, !engine.model().price.is_free());
    let mut last = None;
    let stop = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    let watch = |progress: &Progress| {
        bar.show(progress);
        last = Some(progress.clone());
    };
    let end = Box::pin(sweep(store, engine, plan, watch, stop)).await;
    bar.finish();
    match end {
        Ok(end) => Ok((end, last)),
        Err(SweepError::Store(error)) => Err(store_error(&error)),
        Err(SweepError::Engine(error)) => {
            Err(CliError::from(error).hint("what was recorded is kept: the same command goes on"))
        }
    }
}

async fn report(
    args: &SweepArgs,
    store: &Store,
    plan: &SweepPlan,
    end: Result<(SweepEnd, Option<Progress>), CliError>,
) -> Result<SweepEnd, CliError> {
    let (end, progress) = end?;
    let run = store.run(&plan.spec.name).await.map_err(|e| store_error(&e))?;
    if args.json {
        let mut value = serde_json::to_value(&run).context("cannot write JSON")?;
        value["end"] = word(end).into();
        if let Some(p) = &progress {
            value["accuracy"] = json!(p.accuracy);
            value["interval"] = json!(p.interval);
            value["added"] = p.added.into();
            value["failed"] = p.failed.into();
            value["seconds"] = json!(p.seconds);
        }
        println!("{value}");
        return Ok(end);
    }
    crate::render::sweep::summary(&run, progress.as_ref());
    match end {
        SweepEnd::Complete => {
            println!("next        outthink fit inference store:{0}   outthink report store:{0}", plan.spec.name);
        }
        SweepEnd::CapReached => {
            println!("stopped     the next sample may cost more than is left of --max-usd; a higher cap goes on");
        }
        SweepEnd::Incomplete => {
            println!("stopped     some samples failed again and again; the same command tries them again");
        }
        SweepEnd::Stopped => println!("stopped     by Ctrl-C; the same command goes on"),
    }
    Ok(end)
}

fn word(end: SweepEnd) -> &'static str {
    match end {
        SweepEnd::Complete => "complete",
        SweepEnd::CapReached => "cap_reached",
        SweepEnd::Incomplete => "incomplete",
        SweepEnd::Stopped => "stopped",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_holds_no_secrets() {
        assert_eq!(host("https://user:key@host:8000/v1?token=x"), "host:8000");
        assert_eq!(host("http://127.0.0.1:1/v1"), "127.0.0.1:1");
    }
}
