//! `outthink plan`: where the next dollar goes.

use super::fit::{Group, Words, law_error, read_groups, recorded_groups, rl_curves};
use super::plan_board::{self, Board};
use super::plan_hardware::{self, HardwareArgs};
use super::plan_life::{self, IntervalOf, LifeArgs, Wish};
use super::recorded::is_recorded;
use super::store::StoreArgs;
use crate::error::CliError;
use clap::Args;
use outthink_law::forms::Curve;
use outthink_law::noise::Noise;
use outthink_law::plan::{
    Aim, Check, Hardware, PlanOption, Standing, as_measured, cascade, crossover_queries, inference_flops, more_rl,
    more_thinking, training_flops,
};
use outthink_law::verdict::{Outlook, Question};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    /// Recorded samples that the plan goes by: a run of the store as store:RUN, a file, or a study that `report --study`
    /// wrote.
    #[arg(value_name = "RECORDING", conflicts_with = "inference")]
    recording: Option<PathBuf>,
    /// Parameters of the model in use.
    #[arg(
        long,
        value_name = "N",
        required = false,
        required_unless_present = "print_hardware",
        default_value_if("print_hardware", "true", "1")
    )]
    params: f64,
    /// Tokens that it was trained on, or is to be.
    #[arg(long, value_name = "D")]
    train_tokens: Option<f64>,
    /// Operations that its training took, where known; otherwise 6 N D.
    #[arg(long, value_name = "C")]
    train_flops: Option<f64>,
    /// Tokens that are generated for a query today.
    #[arg(long, value_name = "N")]
    tokens_per_query: Option<f64>,
    /// Queries over the time planned for.
    #[arg(long, value_name = "N", default_value_t = 1e6)]
    queries: f64,
    /// The goal: accuracy=0.7 or loss=1.92 for the least dollars, or usd=5e6 beyond what serving costs today for the
    /// best model.
    #[arg(long, value_name = "GOAL", value_parser = goal, conflicts_with_all = ["target_accuracy", "budget_usd", "target_loss"])]
    goal: Option<Goal>,
    /// Write one page for people who decide: a sentence, a figure, a table (HTML, light, dark and in print).
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,
    /// Draw the frontier, what dollars buy, to a file that ends in .svg or .png.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// The target accuracy, for the least dollars.
    #[arg(long, value_name = "SHARE", conflicts_with = "budget_usd")]
    target_accuracy: Option<f64>,
    /// Dollars to spend beyond what serving costs today, for the most accuracy.
    #[arg(long, value_name = "USD")]
    budget_usd: Option<f64>,
    /// Dollars for a million generated tokens; otherwise 2 N operations a token on the hardware.
    #[arg(long, value_name = "USD")]
    price_output: Option<f64>,
    #[command(flatten)]
    hardware: HardwareArgs,
    /// Runs that the law of the loss is fitted to, as for `fit pretrain`.
    #[arg(long, value_name = "DATA", conflicts_with = "law")]
    pretrain: Option<PathBuf>,
    #[command(flatten)]
    life: LifeArgs,
    /// A training curve, as for `fit rl`.
    #[arg(long, value_name = "DATA", requires = "usd_per_step")]
    rl: Option<PathBuf>,
    /// Dollars for a step of reinforcement learning (or one unit of the curve's compute).
    #[arg(long, value_name = "USD")]
    usd_per_step: Option<f64>,
    /// An effort curve, as for `fit inference`: a table, recorded samples (store:RUN or a file), or a study of them.
    #[arg(long, value_name = "DATA")]
    inference: Option<PathBuf>,
    /// A column by another name, as `tokens=mean_output_tokens`; for the files that have it, or for one of them, as
    /// `rl:step=update`.
    #[arg(long = "map", value_name = "NAME=COLUMN")]
    maps: Vec<String>,
    /// Rows to keep, as `model=gpt-5` or `params>=1e8`; for the files that have the column, or for one of them, as
    /// `inference:model=gpt-5` (pretrain, rl, inference).
    #[arg(long = "where", value_name = "COLUMN=VALUE")]
    filters: Vec<String>,
    /// Problems behind each accuracy, where the files do not say.
    #[arg(long, value_name = "N")]
    problems: Option<u64>,
    /// Share of right answers that a cascade's check lets pass.
    #[arg(long, value_name = "SHARE", default_value_t = 0.9)]
    check_sensitivity: f64,
    /// Share of wrong answers that a cascade's check sends on.
    #[arg(long, value_name = "SHARE", default_value_t = 0.7)]
    check_specificity: f64,
    /// Level of the intervals.
    #[arg(long, value_name = "P", default_value_t = 0.9)]
    level: f64,
    /// Seed of all draws.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArgs,
}

/// What `--goal` names.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Goal {
    Accuracy(f64),
    Loss(f64),
    Usd(f64),
}

fn goal(text: &str) -> Result<Goal, String> {
    let usual = "write accuracy=0.7, loss=1.92 or usd=5e6";
    let (name, value) = text.split_once('=').ok_or_else(|| usual.to_owned())?;
    let value = value.trim().parse::<f64>().ok().filter(|v| v.is_finite() && *v > 0.0);
    let value = value.ok_or_else(|| format!("give a number above 0: {usual}"))?;
    match name.trim() {
        "accuracy" if value <= 1.0 => Ok(Goal::Accuracy(value)),
        "accuracy" => Err("an accuracy is 1 at most".to_owned()),
        "loss" => Ok(Goal::Loss(value)),
        "usd" => Ok(Goal::Usd(value)),
        other => Err(format!("unknown goal `{other}`; {usual}")),
    }
}

impl PlanArgs {
    fn target_accuracy(&self) -> Option<f64> {
        if let Some(Goal::Accuracy(a)) = self.goal { Some(a) } else { self.target_accuracy }
    }

    fn budget_usd(&self) -> Option<f64> {
        if let Some(Goal::Usd(usd)) = self.goal { Some(usd) } else { self.budget_usd }
    }

    fn target_loss(&self) -> Option<f64> {
        if let Some(Goal::Loss(loss)) = self.goal { Some(loss) } else { self.life.target_loss }
    }
}

/// Refuses numbers that are no plan.
fn standing(args: &PlanArgs, hardware: Hardware) -> Result<Standing, CliError> {
    let given = [
        ("--params", Some(args.params)),
        ("--train-tokens", args.train_tokens),
        ("--train-flops", args.train_flops),
        ("--tokens-per-query", args.tokens_per_query),
        ("--queries", Some(args.queries)),
        ("--budget-usd", args.budget_usd),
        ("--price-output", args.price_output),
        ("--usd-per-step", args.usd_per_step),
    ];
    for (flag, value) in given {
        if value.is_some_and(|x| !(x.is_finite() && x > 0.0)) {
            return Err(CliError::usage(format!("{flag} {} makes no plan", value.unwrap_or_default()))
                .hint("give a number above 0"));
        }
    }
    let shares = [
        ("--target-accuracy", args.target_accuracy),
        ("--check-sensitivity", Some(args.check_sensitivity)),
        ("--check-specificity", Some(args.check_specificity)),
        ("--level", Some(args.level)),
    ];
    for (flag, value) in shares {
        if value.is_some_and(|x| !(x > 0.0 && x <= 1.0)) || (flag == "--level" && value == Some(1.0)) {
            return Err(CliError::usage(format!("{flag} {} is not a share", value.unwrap_or_default()))
                .hint("give a number above 0, 1 at most"));
        }
    }
    Ok(Standing {
        params: args.params,
        trained_tokens: args.train_tokens,
        tokens_per_query: args.tokens_per_query.unwrap_or(1_000.0),
        queries: args.queries,
        usd_per_million_tokens: args.price_output,
        hardware,
    })
}

/// The one curve that a plan goes by.
fn only(groups: Vec<Group>, path: &std::path::Path) -> Result<Group, CliError> {
    let names: Vec<String> = groups.iter().take(6).map(|g| format!("`{}`", g.name)).collect();
    let count = groups.len();
    let mut groups = groups.into_iter();
    match (groups.next(), groups.next()) {
        (Some(group), None) => Ok(group),
        _ => Err(CliError::usage(format!("{} holds {count} curves, and a plan goes by one", path.display()))
            .hint(format!("choose one by --where COLUMN=VALUE: {}", names.join(", ")))),
    }
}

fn outlook(args: &PlanArgs, group: &Group) -> Result<Outlook, CliError> {
    let keep: Vec<usize> = (0..group.compute.len()).filter(|&i| group.compute[i] > 0.0).collect();
    let pick = |column: &[f64]| keep.iter().map(|&i| column[i]).collect::<Vec<f64>>();
    let noise = match (&group.paired, &group.stderr) {
        // Recorded samples: all points are of the same problems, and all have tokens.
        (Some(noise), _) => noise.clone(),
        (None, Some(stderr)) => Noise::stated_each(&pick(stderr), &pick(&group.shared)).map_err(|e| law_error(&e))?,
        (None, None) => {
            return Err(CliError::usage(format!("nothing says how large the errors of `{}` are", group.name))
                .hint("give the number of problems by --problems, or a column `stderr`"));
        }
    };
    if group.settings() < 3 {
        return Err(CliError::usage(format!(
            "`{}` has {} settings, and a plan goes by three or more",
            group.name,
            group.settings()
        ))
        .hint("measure one more setting, or join curves of one model by --where"));
    }
    let (compute, accuracy) = (pick(&group.compute), pick(&group.accuracy));
    let question = Question { level: args.level, seed: args.seed, ..Question::default() };
    Outlook::new(&Curve { compute: &compute, accuracy: &accuracy }, &noise, question).map_err(|e| law_error(&e))
}

pub(crate) fn run(args: &PlanArgs) -> Result<ExitCode, CliError> {
    if args.hardware.print_hardware {
        print!("{}", plan_hardware::TABLE);
        return Ok(ExitCode::SUCCESS);
    }
    let chosen = args.hardware.choose()?;
    let mut standing = standing(args, chosen.hardware)?;
    let words = Words { maps: &args.maps, filters: &args.filters };
    let table = args.inference.clone().filter(|path| !is_recorded(path));
    let given = [("pretrain", &args.pretrain), ("rl", &args.rl), ("inference", &table)];
    let given: Vec<(&str, &Path)> = given.iter().filter_map(|(f, p)| p.as_deref().map(|p| (*f, p))).collect();
    words.check(&given)?;
    let effort = match args.recording.as_ref().or(args.inference.as_ref()) {
        Some(path) => {
            let errors = super::fit::Errors { problems: args.problems, shared: None };
            let group = if is_recorded(path) {
                only(recorded_groups(path, &args.store)?, path)?
            } else {
                let axis = ["tokens", "samples", "compute"];
                only(read_groups(&words.table(path, "inference")?, &[], &axis, errors)?, path)?
            };
            let outlook = outlook(args, &group)?;
            if args.tokens_per_query.is_none() {
                // Without word of today's length, the longest measured is today's.
                standing.tokens_per_query = group.compute.iter().copied().fold(0.0, f64::max);
            }
            Some((group, outlook))
        }
        None => None,
    };
    let aim = match (args.target_accuracy(), args.budget_usd()) {
        (Some(target), _) => Some(Aim::Accuracy(target)),
        (None, Some(usd)) => Some(Aim::Usd(usd)),
        (None, None) => None,
    };
    let of_loss = args.pretrain.is_some() || args.life.published();
    let mut options = Vec::new();
    if let Some(aim) = aim {
        served(aim, effort.is_some() || args.rl.is_some(), of_loss)?;
        if let Some((group, outlook)) = &effort {
            options.push(more_thinking(&standing, outlook, aim));
            options.extend(as_measured(&standing, outlook, aim));
            let check = Check { sensitivity: args.check_sensitivity, specificity: args.check_specificity };
            options.push(best_cascade(&standing, outlook, check, group, aim));
        }
        if let (Some(path), Some(usd)) = (&args.rl, args.usd_per_step) {
            let group = only(rl_curves(&words.table(path, "rl")?, args.problems)?, path)?;
            let done = group.compute.iter().copied().fold(0.0, f64::max);
            options.push(more_rl(&standing, &outlook(args, &group)?, (done, usd), aim));
        }
    }
    // Towards an accuracy no law of the loss leads: it is shown for what today's training cost.
    let today = standing.hardware.usd(training_cost(args));
    let wish = match (args.target_loss(), aim) {
        (Some(loss), _) => Some(Wish::Loss(loss)),
        (None, Some(Aim::Usd(usd))) => Some(Wish::Beyond(usd)),
        (None, Some(Aim::Accuracy(_))) => (today > 0.0).then_some(Wish::AsGoodAs(today)),
        (None, None) => None,
    };
    if args.target_loss().is_some() && !of_loss {
        return Err(CliError::usage("a loss needs a law of the loss").hint("give --pretrain or --law"));
    }
    let mut board = Board::default();
    if let (true, Some(wish)) = (of_loss, wish) {
        let table = args.pretrain.as_ref().map(|path| words.table(path, "pretrain")).transpose()?;
        let law = plan_life::Law::read(&args.life, table, args.level, args.seed)?;
        let of_life = plan_life::options(&args.life, &law, &standing, wish)?;
        board = plan_board::of_life(&args.life, &law, &standing, &of_life)?;
        options.extend(of_life);
    }
    if let (Some(aim), Some((_, outlook))) = (aim, &effort) {
        let thinking = plan_board::of_thinking(&standing, outlook, aim, &options);
        let of = board.interval_of;
        // What serves the aim leads: a law of the loss says nothing of an accuracy.
        board = match aim {
            _ if board.headline.is_empty() => thinking,
            Aim::Accuracy(_) => thinking.after(&board),
            Aim::Usd(_) => board.after(&thinking),
        };
        board.interval_of = of;
    }
    if let Some(path) = &args.svg {
        board.figure()?.write(path)?;
    }
    if let Some(path) = &args.page {
        plan_board::write_page(path, &board, &options, &chosen.note)?;
    }
    if args.json {
        println!("{:#}", as_json(args, &standing, &options, (&board, &chosen.note)));
    } else {
        print(args, &standing, &options, (&board, &chosen.note));
        if let Some(path) = &args.page {
            println!("\npage: {}", path.display());
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Refuses an aim that none of the laws given serves.
fn served(aim: Aim, by_accuracy: bool, by_loss: bool) -> Result<(), CliError> {
    match aim {
        Aim::Accuracy(target) if by_loss && !by_accuracy => Err(CliError::usage(format!(
            "a law of the loss does not say what reaches an accuracy of {target}"
        ))
        .hint(
            "give a goal that it serves (--goal loss=1.92 or usd=5e6), or an accuracy curve by --inference or --rl; \
                 `outthink fit task` leads from a loss to the accuracy of a task",
        )),
        _ if !by_accuracy && !by_loss => Err(CliError::usage("a plan towards an aim needs a law to go by").hint(
            "give data by --inference, --rl or --pretrain, or a recording; without an aim, plan prints the bills",
        )),
        _ => Ok(()),
    }
}

/// Operations of training the model in use.
fn training_cost(args: &PlanArgs) -> f64 {
    args.train_flops.or(args.train_tokens.map(|d| training_flops(args.params, d))).unwrap_or(0.0)
}

/// The cascade over the measured lengths that serves the aim best.
fn best_cascade(standing: &Standing, outlook: &Outlook, check: Check, group: &Group, aim: Aim) -> PlanOption {
    let mut lengths = group.compute.clone();
    lengths.sort_by(f64::total_cmp);
    let last = lengths.last().copied().unwrap_or(standing.tokens_per_query);
    lengths.extend([2.0 * last, 4.0 * last]);
    let today = standing.queries * standing.serving_usd(standing.params, standing.tokens_per_query);
    let mut all = Vec::new();
    for (i, &short) in lengths.iter().enumerate() {
        all.extend(lengths[i + 1..].iter().map(|&long| cascade(standing, outlook, check, (short, long))));
    }
    let accuracy = |o: &PlanOption| o.accuracy.map_or(0.0, |a| a.value);
    let fits = |o: &&PlanOption| match aim {
        Aim::Accuracy(target) => accuracy(o) >= target,
        Aim::Usd(extra) => o.usd() <= today + extra,
    };
    let cheapest = all.iter().filter(fits).min_by(|x, y| x.usd().total_cmp(&y.usd()));
    let best = all.iter().filter(fits).max_by(|x, y| accuracy(x).total_cmp(&accuracy(y)));
    let chosen = if matches!(aim, Aim::Accuracy(_)) { cheapest } else { best };
    let fallback = || all.iter().max_by(|x, y| accuracy(x).total_cmp(&accuracy(y)));
    match chosen.or_else(fallback) {
        Some(option) => option.clone(),
        None => cascade(standing, outlook, check, (standing.tokens_per_query, 2.0 * standing.tokens_per_query)),
    }
}

/// Dollars as people write them: cents below a thousand, four digits below a dollar.
pub(super) fn dollars(usd: f64) -> String {
    match usd.abs() {
        x if !x.is_finite() => "no amount".to_owned(),
        x if x >= 1e12 => format!("${:.2} trillion", usd / 1e12),
        x if x >= 1e9 => format!("${:.2} billion", usd / 1e9),
        x if x >= 1e6 => format!("${:.2} million", usd / 1e6),
        x if x >= 1_000.0 => format!("${usd:.0}"),
        x if x >= 1.0 || x == 0.0 => format!("${usd:.2}"),
        _ => format!("${usd:.4}"),
    }
}

fn print(args: &PlanArgs, standing: &Standing, options: &[PlanOption], (board, hardware): (&Board, &str)) {
    let hw = &standing.hardware;
    board.print();
    println!(
        "hardware: {hardware}; {:.3e} FLOP/s at {:.0} % for {} an hour",
        hw.flops,
        100.0 * hw.utilisation,
        dollars(hw.usd_per_hour)
    );
    let trained = training_cost(args);
    if trained > 0.0 {
        println!(
            "training: {trained:.3e} FLOP, {:.2} million accelerator hours, {}",
            hw.hours(trained) / 1e6,
            dollars(hw.usd(trained))
        );
    }
    let query = standing.serving_usd(standing.params, standing.tokens_per_query);
    println!(
        "serving: {:.0} tokens a query, {:.3e} FLOP, ${query:.6}; {:.3e} queries {}",
        standing.tokens_per_query,
        inference_flops(standing.params, standing.tokens_per_query),
        standing.queries,
        dollars(query * standing.queries)
    );
    if let Some(crossover) = (trained > 0.0).then(|| crossover_queries(hw.usd(trained), query)).flatten() {
        println!("serving costs as much as the training did after {crossover:.3e} queries");
    }
    if options.is_empty() {
        return;
    }
    println!();
    for o in options {
        println!("{}", o.name);
        if let Some(a) = o.accuracy {
            let p = o.probability.map_or_else(String::new, |p| format!("   aim met with probability {p:.2}"));
            println!("  accuracy {:.3} [{:.3}, {:.3}]{p}", a.value, a.interval.low, a.interval.high);
        }
        if let Some(l) = o.loss {
            let brackets = format!("[{:.4}, {:.4}]", l.interval.low, l.interval.high);
            let interval = match board.interval_of {
                IntervalOf::Run => format!("{brackets}, where {:.0} % of runs end", 100.0 * l.interval.level),
                IntervalOf::Mean => {
                    format!("{brackets} of the fitted mean; runs scatter far more (save the law again)")
                }
                // Constants without the runs behind them have no interval.
                IntervalOf::Nothing => "(constants as given, without an interval)".to_owned(),
            };
            println!("  loss {:.4} {interval}; for accuracy see `outthink fit task`", l.value);
        }
        let interval =
            o.usd_interval.map_or_else(String::new, |i| format!("   [{}, {}]", dollars(i.low), dollars(i.high)));
        println!(
            "  {} once, {} serving, {} in all{interval}",
            dollars(o.once_usd),
            dollars(o.serving_usd),
            dollars(o.usd())
        );
        println!("  {}", o.note);
    }
}

/// A number for JSON; what has no amount is null.
fn amount(usd: f64) -> Value {
    if usd.is_finite() { json!(usd) } else { Value::Null }
}

fn as_json(args: &PlanArgs, standing: &Standing, options: &[PlanOption], (board, hardware): (&Board, &str)) -> Value {
    let hw = &standing.hardware;
    let trained = training_cost(args);
    let query = standing.serving_usd(standing.params, standing.tokens_per_query);
    let rows: Vec<Value> = (options.iter())
        .map(|o| {
            json!({ "name": o.name, "accuracy": o.accuracy, "loss": o.loss, "once_usd": amount(o.once_usd),
                "serving_usd": amount(o.serving_usd), "usd": amount(o.usd()),
                "usd_interval": o.usd_interval.map(|i| json!({ "low": amount(i.low), "high": amount(i.high), "level": i.level })),
                "probability": o.probability, "note": o.note })
        })
        .collect();
    json!({
        "schema": 1,
        "headline": board.headline,
        "recommendation": board.recommendation,
        "loss_interval_of": board.interval_of.name(),
        "margin": board.margin_json(),
        "tornado": board.swings,
        "frontier": board.frontier_json(),
        "hardware": hw,
        "hardware_note": hardware,
        "training": (trained > 0.0).then(|| json!({ "flops": trained, "hours": hw.hours(trained), "usd": hw.usd(trained) })),
        "serving": { "tokens_per_query": standing.tokens_per_query, "usd_per_query": query, "queries": standing.queries,
            "usd": query * standing.queries },
        "crossover_queries": (trained > 0.0).then(|| crossover_queries(hw.usd(trained), query)).flatten(),
        "options": rows,
    })
}
