//! `outthink train sft` and `outthink train rl`: small models that reason.

mod run;

use super::curves::{CurveOf, CurveWriter, point};
use super::store::StoreArgs;
use super::train::{CHECKPOINT, train_error};
use crate::error::CliError;
use anyhow::Context;
use clap::{Args, ValueEnum};
use outthink_train::rl::{Clip, Divisor, Order, Overlong, Rl, RlConfig, RlStep, Scaling};
use outthink_train::sft::{Examples, Excerpts, Given, Sft, SftConfig, Worked};
use outthink_train::tasks::{CharTokenizer, Split, Task, Teacher, VOCABULARY, problems, task};
use outthink_train::{AdamWConfig, Checkpoint, CheckpointRef, Decay, Model, ModelConfig, Schedule, read_gguf};
use run::{Run, write_curve};
use serde_json::json;
use std::fs::{self, File};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

/// What both kinds of training need.
#[derive(Debug, Args)]
struct Common {
    /// Problems: chain, chain:MODULUS, recheck, recheck:MODULUS, recheck:MODULUS:PASSES, countdown, countdown:LINES,
    /// add or multiply.
    #[arg(long, value_name = "TASK", default_value = "chain:11")]
    task: String,
    /// Levels of the problems, such as 1-3: operations, numbers or digits.
    #[arg(long, value_name = "LOW-HIGH", value_parser = levels)]
    levels: Option<Levels>,
    /// Held-out problems of an evaluation.
    #[arg(long, value_name = "N", default_value_t = 200)]
    problems: usize,
    /// Steps between evaluations.
    #[arg(long, value_name = "N", default_value_t = 25)]
    every: u64,
    /// Seed.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Threads; on one thread the same seed gives the same model to the last bit.
    #[arg(long, value_name = "N", default_value_t = 1)]
    threads: usize,
    /// The folder for checkpoint.safetensors and log.jsonl.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The curve goes there, too; see `outthink data curves`.
    #[command(flatten)]
    store: StoreArgs,
}

#[derive(Debug, Args)]
pub(crate) struct SftArgs {
    /// Begin with the model of this folder, or of a GGUF file that `train export` wrote, instead of a fresh one.
    #[arg(long, value_name = "PATH")]
    from: Option<PathBuf>,
    /// Learn from these JSON lines of `prompt` and `completion` instead of the task's teacher.
    #[arg(long, value_name = "FILE")]
    examples: Option<PathBuf>,
    /// Width and layers of a fresh model.
    #[arg(long, value_name = "WIDTH,LAYERS", value_parser = size, default_value = "64,2")]
    size: Size,
    /// Steps.
    #[arg(long, value_name = "N", default_value_t = 2400)]
    steps: u64,
    /// Solutions of a step.
    #[arg(long, value_name = "N", default_value_t = 32)]
    batch: usize,
    /// Highest learning rate.
    #[arg(long, value_name = "X", default_value_t = 4e-3)]
    rate: f32,
    /// Share of the teacher's solutions that state the answer without reasoning.
    #[arg(long, alias = "hurry", value_name = "SHARE", default_value_t = 0.0)]
    answer_only: f64,
    /// Probability that a step of the teacher's solution is wrong.
    #[arg(long, alias = "slip", value_name = "P", default_value_t = 0.0)]
    label_noise: f64,
    /// Probability that the teacher's solution ends after a line of search (countdown) or a pass (recheck): searches are
    /// given up, and few passes are made.
    #[arg(long, value_name = "P", default_value_t = 0.0)]
    stop: f64,
    /// Share of solutions whose reasoning is cut at a random token before the answer: the model learns to answer from
    /// unfinished reasoning, not to leave reasoning unfinished.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    interrupt: f64,
    /// Learn solutions up to a length that is drawn for each, this many tokens with the prompt at most; replies of
    /// evaluations are cut there, too.
    #[arg(long, value_name = "TOKENS", value_parser = clap::value_parser!(u64).range(2..))]
    clip: Option<u64>,
    /// Share of solutions of which a piece out of the middle or the end is learnt, up to --clip tokens of it: so a model
    /// whose attention has a window learns solutions far longer than its training texts.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, requires = "clip")]
    excerpts: f64,
    /// Tokens that a position sees at most, itself included, in every layer (sliding-window attention) [default: that
    /// of --from, or all].
    #[arg(long, value_name = "TOKENS")]
    window: Option<usize>,
    /// Base of a fresh model's rotary positions; with a small one, such as 100, short texts show all angles that
    /// long ones have.
    #[arg(long, value_name = "X", default_value_t = 10_000.0)]
    rope_base: f64,
    /// Context of a fresh model, in tokens [default: twice the longest solution].
    #[arg(long, value_name = "TOKENS")]
    context: Option<usize>,
    /// Width of a fresh model's heads.
    #[arg(long, value_name = "N", default_value_t = 16)]
    head_width: usize,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
pub(crate) struct RlArgs {
    /// The folder of the model to begin with.
    #[arg(value_name = "DIR")]
    from: PathBuf,
    /// Steps.
    #[arg(long, value_name = "N", default_value_t = 100)]
    steps: u64,
    /// Prompts of a step that teach.
    #[arg(long, value_name = "N", default_value_t = 24)]
    prompts: usize,
    /// Replies to each prompt.
    #[arg(long, value_name = "N", default_value_t = 8)]
    group: usize,
    /// Learning rate.
    #[arg(long, value_name = "X", default_value_t = 5e-4)]
    rate: f32,
    /// Tokens of a reply at most [default: half as much again as the longest worked solution].
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    max_tokens: usize,
    /// Leave replies that reach the limit out of the loss instead of calling them wrong.
    #[arg(long)]
    mask_overlong: bool,
    /// Divide advantages by the group's standard deviation, as GRPO does and Dr. GRPO does not.
    #[arg(long)]
    std: bool,
    /// Over what a reply's loss is divided: its own length, the batch's tokens, or a constant.
    #[arg(long, value_name = "NAME", default_value = "batch")]
    divisor: DivisorName,
    /// Steps of the optimizer for one batch of replies; above 1 the ratio is clipped.
    #[arg(long, value_name = "N", default_value_t = 1)]
    updates: usize,
    /// Weight of the divergence from the model that the run began with.
    #[arg(long, value_name = "X", default_value_t = 0.0)]
    kl: f32,
    /// Draw levels more often where replies are now right and now wrong.
    #[arg(long)]
    curriculum: bool,
    /// Taken from the reward of an answer that claims what is not so.
    #[arg(long, value_name = "X", default_value_t = 0.0)]
    claim_cost: f64,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum DivisorName {
    Reply,
    Batch,
    Constant,
}

/// A range of levels on the command line.
#[derive(Debug, Clone)]
struct Levels(RangeInclusive<u32>);

fn levels(text: &str) -> Result<Levels, String> {
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    match (low.parse(), high.parse()) {
        (Ok(low), Ok(high)) if low <= high => Ok(Levels(low..=high)),
        _ => Err("give a level such as 3, or a range such as 1-3".to_owned()),
    }
}

/// Width and layers on the command line.
#[derive(Debug, Clone, Copy)]
struct Size(usize, usize);

fn size(text: &str) -> Result<Size, String> {
    let parts = text.split_once(',').and_then(|(w, l)| Some(Size(w.trim().parse().ok()?, l.trim().parse().ok()?)));
    parts.ok_or_else(|| "give width and layers, such as 64,2".to_owned())
}

fn find_task(common: &Common) -> Result<(Box<dyn Task>, RangeInclusive<u32>), CliError> {
    let task = task(&common.task).map_err(|e| CliError::usage(e.to_string()))?;
    let all = task.levels();
    let levels = common.levels.as_ref().map_or(*all.start()..=(*all.start() + 2).min(*all.end()), |l| l.0.clone());
    if !all.contains(levels.start()) || !all.contains(levels.end()) {
        return Err(CliError::usage(format!("{} has levels {} to {}", task.name(), all.start(), all.end()))
            .hint("give --levels within them"));
    }
    Ok((task, levels))
}

/// Makes the folder and the log of a run.
fn begin<'a>(
    common: &Common,
    task: &'a dyn Task,
    levels: &RangeInclusive<u32>,
    (parameters, settings): (u64, &serde_json::Value),
) -> Result<Run<'a>, CliError> {
    if common.every == 0 || common.problems < 2 {
        return Err(CliError::usage("--every 0 or fewer than 2 --problems measure nothing"));
    }
    let model = model_in(&common.out);
    if model.exists() {
        return Err(CliError::usage(format!("{} is there already", model.display()))
            .hint("give another folder with --out, or take the old model away"));
    }
    fs::create_dir_all(&common.out).with_context(|| format!("cannot make {}", common.out.display()))?;
    let path = common.out.join("log.jsonl");
    let log = File::create(&path).with_context(|| format!("cannot make {}", path.display()))?;
    let kind = settings["kind"].as_str().unwrap_or_default();
    let curve = CurveOf { folder: &common.out, kind, parameters, settings, resume: false };
    Ok(Run {
        curve: CurveWriter::begin(&common.store, curve),
        points: Vec::new(),
        task,
        held_out: problems(task, levels, Split::HeldOut, (common.problems, common.seed ^ 0x5eed)),
        most: task.longest(*levels.end()) * 3 / 2,
        threads: common.threads.max(1),
        log,
        began: Instant::now(),
    })
}

fn model_in(folder: &Path) -> PathBuf {
    folder.join(CHECKPOINT)
}

/// Runs `train sft`.
pub(crate) fn sft(args: &SftArgs) -> Result<ExitCode, CliError> {
    for (name, share) in [
        ("answer-only", args.answer_only),
        ("label-noise", args.label_noise),
        ("stop", args.stop),
        ("interrupt", args.interrupt),
        ("excerpts", args.excerpts),
    ] {
        if !(0.0..=1.0).contains(&share) {
            return Err(CliError::usage(format!("--{name} {share} is not a share")).hint("give a number from 0 to 1"));
        }
    }
    let (task, levels) = find_task(&args.common)?;
    let model = if let Some(folder) = &args.from {
        let model = read(folder)?;
        if args.window.is_some_and(|window| model.config().window != Some(window)) {
            let shape = ModelConfig { window: args.window, ..*model.config() };
            Model::from_weights(shape, model.weights().to_vec()).map_err(|e| train_error(&e))?
        } else {
            model
        }
    } else {
        // More than twice the longest solution, so that reinforcement may think longer.
        let context = args.context.unwrap_or((task.longest(*levels.end()) * 2 + 64).next_multiple_of(32));
        let sized = ModelConfig::sized(VOCABULARY, context, args.size.0, args.size.1);
        let width = args.head_width.min(args.size.0);
        let shape = ModelConfig {
            tied: false,
            window: args.window,
            rope_theta: args.rope_base,
            ..sized.with_heads_of(width).map_err(|e| train_error(&e))?
        };
        Model::new(shape, args.common.seed).map_err(|e| train_error(&e))?
    };
    let teacher = Teacher { answer_only: args.answer_only, label_noise: args.label_noise, stop: args.stop };
    let mut given;
    let clip = args.clip.map(|clip| usize::try_from(clip).unwrap_or(usize::MAX));
    let excerpts = match (args.excerpts, model.config().window) {
        (share, Some(lead)) if share > 0.0 => Some(Excerpts { share, lead }),
        (share, None) if share > 0.0 => {
            return Err(CliError::usage(
                "--excerpts needs a model whose attention has a window: without one what stands before a piece matters",
            )
            .hint("give --window, such as 96"));
        }
        _ => None,
    };
    let interrupt = args.interrupt;
    let mut worked = Worked { task: &*task, levels: levels.clone(), teacher, interrupt, clip, excerpts };
    let examples: &mut dyn Examples = match &args.examples {
        Some(path) => {
            let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            given = Given::parse(&text, model.config().context).map_err(|e| train_error(&e))?;
            &mut given
        }
        None => &mut worked,
    };
    let config = SftConfig {
        batch: args.batch,
        schedule: Schedule {
            peak: args.rate,
            warmup: (args.steps / 20).min(20),
            steps: args.steps,
            decay: Decay::Cosine,
        },
        adam: AdamWConfig { beta2: 0.99, weight_decay: 0.01, ..AdamWConfig::default() },
        seed: args.common.seed,
        threads: args.common.threads.max(1),
    };
    let model_window = model.config().window;
    let habits = json!({
        "kind": "sft", "task": args.common.task, "teacher": teacher, "interrupt": args.interrupt, "clip": clip,
        "excerpts": excerpts, "window": model_window, "sft": config,
    });
    let mut sft = Sft::new(model, examples, config).map_err(|e| train_error(&e))?;
    let mut run = begin(&args.common, &*task, &levels, (sft.model().config().parameters(), &habits))?;
    run.most = run.most.min(clip.unwrap_or(usize::MAX));
    while !sft.is_done() {
        let row = sft.step().map_err(|e| train_error(&e))?;
        run.write(&row)?;
        if row.step.is_multiple_of(args.common.every) {
            run.points.push(point("loss", (row.step, row.tokens), row.loss));
        }
        if row.step.is_multiple_of(args.common.every.saturating_mul(10)) || sft.is_done() {
            let speed = row.tokens as f64 / run.began.elapsed().as_secs_f64().max(1e-9);
            eprintln!("step {:>6} of {}  loss {:.4}  {speed:.0} tokens/s", row.step, args.steps, row.loss);
            run.evaluate(sft.model(), row.step, row.tokens)?;
        }
    }
    finish(&args.common.out, &sft.into_model(), &habits)
}

fn read(folder: &Path) -> Result<Model, CliError> {
    let gguf = folder.extension().is_some_and(|ending| ending == "gguf");
    let checkpoint = if gguf { read_gguf(folder) } else { Checkpoint::read(&model_in(folder)) };
    let checkpoint = checkpoint.map_err(|e| train_error(&e))?;
    if checkpoint.vocabulary != CharTokenizer.vocabulary() {
        return Err(CliError::usage(format!("{} has other tokens than those of generated tasks", folder.display()))
            .hint("begin with a model of `outthink train sft`"));
    }
    Ok(checkpoint.model)
}

fn finish(folder: &Path, model: &Model, run: &serde_json::Value) -> Result<ExitCode, CliError> {
    let vocabulary = CharTokenizer.vocabulary();
    let checkpoint = CheckpointRef { model, optimizer: None, vocabulary: &vocabulary, run };
    checkpoint.write(&model_in(folder)).map_err(|e| train_error(&e))?;
    eprintln!("written to {}", model_in(folder).display());
    Ok(ExitCode::SUCCESS)
}

/// Runs `train rl`.
pub(crate) fn rl(args: &RlArgs) -> Result<ExitCode, CliError> {
    let (task, levels) = find_task(&args.common)?;
    let model = read(&args.from)?;
    let config = RlConfig {
        levels: levels.clone(),
        order: if args.curriculum { Order::Learnable } else { Order::Even },
        prompts: args.prompts,
        group: args.group,
        max_tokens: args.max_tokens,
        overlong: if args.mask_overlong { Overlong::Mask } else { Overlong::Wrong },
        steps: args.steps,
        rate: args.rate,
        updates: args.updates,
        scaling: if args.std { Scaling::Std } else { Scaling::None },
        divisor: match args.divisor {
            DivisorName::Reply => Divisor::Reply,
            DivisorName::Batch => Divisor::Batch,
            DivisorName::Constant => Divisor::Constant,
        },
        clip: Clip { kl: args.kl, ..Clip::default() },
        claim_cost: args.claim_cost,
        seed: args.common.seed,
        threads: args.common.threads.max(1),
        ..RlConfig::default()
    };
    let mut rl = Rl::new(model, &*task, config).map_err(|e| train_error(&e))?;
    let settings = json!({ "kind": "rl", "task": args.common.task, "rl": rl.config() });
    let size = rl.model().config().parameters();
    let mut run = begin(&args.common, &*task, &levels, (size, &settings))?;
    run.most = rl.config().reply_tokens(&*task);
    let mut curve = vec![run.evaluate(rl.model(), 0, 0)?];
    let end = loop {
        let (row, end): (RlStep, _) = rl.step().map_err(|e| train_error(&e))?;
        run.write(&row)?;
        run.points.push(point("reward", (row.step, row.tokens), row.reward));
        if row.step.is_multiple_of(args.common.every) || end.is_some() {
            curve.push(run.evaluate(rl.model(), row.step, row.tokens)?);
        }
        if let Some(end) = end {
            break end;
        }
    };
    println!("{end}");
    write_curve(&args.common.out.join("curve.csv"), (&args.common.task, size), &curve)?;
    finish(&args.common.out, &rl.into_model(&end), &settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_one_number_or_a_range() {
        assert_eq!(levels("3").unwrap().0, 3..=3);
        assert_eq!(levels("1-4").unwrap().0, 1..=4);
        for bad in ["", "4-1", "a", "1-", "-2"] {
            assert!(levels(bad).is_err(), "{bad}");
        }
    }
}
