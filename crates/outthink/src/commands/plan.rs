//! `outthink plan`: where the next dollar goes.

use super::fit::{Group, Table, law_error, pretrain_columns, read_groups, rl_curves};
use crate::error::CliError;
use clap::Args;
use outthink_law::forms::Curve;
use outthink_law::noise::Noise;
use outthink_law::plan::{
    Aim, Check, Hardware, LossLaw, PlanOption, Standing, cascade, crossover_queries, inference_flops, larger_model,
    more_data, more_rl, more_thinking, training_flops,
};
use outthink_law::pretrain::{PretrainFit, PretrainOptions, RepeatedFit, fit, fit_repeated};
use outthink_law::verdict::{Outlook, Question};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    /// Parameters of the model in use.
    #[arg(long, value_name = "N")]
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
    /// The accuracy wanted, for the least dollars.
    #[arg(long, value_name = "SHARE", conflicts_with = "budget_usd")]
    target_accuracy: Option<f64>,
    /// Dollars to spend beyond what serving costs today, for the most accuracy.
    #[arg(long, value_name = "USD")]
    budget_usd: Option<f64>,
    /// Dollars for a million generated tokens; otherwise 2 N operations a token on the hardware.
    #[arg(long, value_name = "USD")]
    price_output: Option<f64>,
    /// Peak operations a second of one accelerator.
    #[arg(long, value_name = "FLOPS", default_value_t = 989e12)]
    flops: f64,
    /// Share of the peak that is reached.
    #[arg(long, value_name = "SHARE", default_value_t = 0.4)]
    utilisation: f64,
    /// Dollars for an hour of one accelerator.
    #[arg(long, value_name = "USD", default_value_t = 2.0)]
    usd_per_hour: f64,
    /// Runs that the law of the loss is fitted to, as for `fit pretrain`.
    #[arg(long, value_name = "DATA")]
    pretrain: Option<PathBuf>,
    /// A training curve, as for `fit rl`.
    #[arg(long, value_name = "DATA", requires = "usd_per_step")]
    rl: Option<PathBuf>,
    /// Dollars for a step of reinforcement learning (or one unit of the curve's compute).
    #[arg(long, value_name = "USD")]
    usd_per_step: Option<f64>,
    /// An effort curve, as for `fit inference`.
    #[arg(long, value_name = "DATA")]
    inference: Option<PathBuf>,
    /// A column by another name, as `tokens=mean_output_tokens`; for the files that have it.
    #[arg(long = "map", value_name = "NAME=COLUMN")]
    maps: Vec<String>,
    /// Rows to keep, as `model=gpt-5`; for the files that have the column.
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
}

/// Refuses numbers that are no plan.
fn standing(args: &PlanArgs) -> Result<Standing, CliError> {
    let given = [
        ("--params", Some(args.params)),
        ("--train-tokens", args.train_tokens),
        ("--train-flops", args.train_flops),
        ("--tokens-per-query", args.tokens_per_query),
        ("--queries", Some(args.queries)),
        ("--budget-usd", args.budget_usd),
        ("--price-output", args.price_output),
        ("--usd-per-step", args.usd_per_step),
        ("--flops", Some(args.flops)),
        ("--usd-per-hour", Some(args.usd_per_hour)),
    ];
    for (flag, value) in given {
        if value.is_some_and(|x| !(x.is_finite() && x > 0.0)) {
            return Err(CliError::usage(format!("{flag} {} makes no plan", value.unwrap_or_default()))
                .hint("give a number above 0"));
        }
    }
    let shares = [
        ("--utilisation", Some(args.utilisation)),
        ("--target-accuracy", args.target_accuracy),
        ("--check-sensitivity", Some(args.check_sensitivity)),
        ("--check-specificity", Some(args.check_specificity)),
        ("--level", Some(args.level)),
    ];
    for (flag, value) in shares {
        if value.is_some_and(|x| !(x > 0.0 && x <= 1.0)) || (flag == "--level" && value == Some(1.0)) {
            return Err(CliError::usage(format!("{flag} {} is no share", value.unwrap_or_default()))
                .hint("give a number above 0, 1 at most"));
        }
    }
    Ok(Standing {
        params: args.params,
        trained_tokens: args.train_tokens,
        tokens_per_query: args.tokens_per_query.unwrap_or(1_000.0),
        queries: args.queries,
        usd_per_million_tokens: args.price_output,
        hardware: Hardware { flops: args.flops, utilisation: args.utilisation, usd_per_hour: args.usd_per_hour },
    })
}

/// The rows of a file, with the maps and filters that it knows.
fn table(args: &PlanArgs, path: &Path) -> Result<Table, CliError> {
    let bare = Table::read(path, &[], &[])?;
    let columns = bare.columns();
    let known =
        |pair: &&String, side: usize| pair.split('=').nth(side).is_some_and(|name| columns.iter().any(|c| c == name));
    let maps: Vec<String> = args.maps.iter().filter(|m| known(m, 1)).cloned().collect();
    let filters: Vec<String> = args.filters.iter().filter(|f| known(f, 0)).cloned().collect();
    Table::read(path, &maps, &filters)
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
    let Some(stderr) = &group.stderr else {
        return Err(CliError::usage(format!("nothing says how large the errors of `{}` are", group.name))
            .hint("give the number of problems by --problems, or a column `stderr`"));
    };
    let noise = Noise::stated_each(&pick(stderr), &pick(&group.shared)).map_err(|e| law_error(&e))?;
    let (compute, accuracy) = (pick(&group.compute), pick(&group.accuracy));
    let question = Question { level: args.level, seed: args.seed, ..Question::default() };
    Outlook::new(&Curve { compute: &compute, accuracy: &accuracy }, &noise, question).map_err(|e| law_error(&e))
}

/// The law of the loss, and of repeats where the file has them.
fn loss_law(args: &PlanArgs, path: &Path) -> Result<(PretrainFit, Option<(RepeatedFit, f64)>), CliError> {
    let columns = pretrain_columns(&table(args, path)?)?;
    let options = PretrainOptions { seed: args.seed, level: args.level, bootstraps: 300, ..PretrainOptions::default() };
    let repeats = match &columns.unique {
        Some(unique) => {
            fit_repeated(&columns.runs(), unique, options).ok().map(|f| (f, unique.iter().copied().fold(0.0, f64::max)))
        }
        None => None,
    };
    Ok((fit(&columns.runs(), options).map_err(|e| law_error(&e))?, repeats))
}

pub(crate) fn run(args: &PlanArgs) -> Result<ExitCode, CliError> {
    let mut standing = standing(args)?;
    let effort = match &args.inference {
        Some(path) => {
            let errors = super::fit::Errors { problems: args.problems, shared: None };
            let group = only(read_groups(&table(args, path)?, &[], &["tokens", "samples", "compute"], errors)?, path)?;
            let outlook = outlook(args, &group)?;
            if args.tokens_per_query.is_none() {
                // Without word of today's length, the longest measured is today's.
                standing.tokens_per_query = group.compute.iter().copied().fold(0.0, f64::max);
            }
            Some((group, outlook))
        }
        None => None,
    };
    let aim = match (args.target_accuracy, args.budget_usd) {
        (Some(target), _) => Some(Aim::Accuracy(target)),
        (None, Some(usd)) => Some(Aim::Usd(usd)),
        (None, None) => None,
    };
    let mut options = Vec::new();
    if let Some(aim) = aim {
        if args.inference.is_none() && args.rl.is_none() && args.pretrain.is_none() {
            return Err(CliError::usage("a plan towards an aim needs a law to go by")
                .hint("give data by --inference, --rl or --pretrain; without an aim, plan prints the bills"));
        }
        if let Some((group, outlook)) = &effort {
            options.push(more_thinking(&standing, outlook, aim));
            let check = Check { sensitivity: args.check_sensitivity, specificity: args.check_specificity };
            options.push(best_cascade(&standing, outlook, check, group, aim));
        }
        if let (Some(path), Some(usd)) = (&args.rl, args.usd_per_step) {
            let group = only(rl_curves(&table(args, path)?, args.problems)?, path)?;
            let done = group.compute.iter().copied().fold(0.0, f64::max);
            options.push(more_rl(&standing, &outlook(args, &group)?, (done, usd), aim));
        }
        if let Some(path) = &args.pretrain {
            let (fit, repeats) = loss_law(args, path)?;
            let law = LossLaw { law: &fit.law, draws: &fit.draws, level: args.level };
            // Towards an accuracy no law of the loss leads: it is shown for what today's training cost.
            let usd = args.budget_usd.unwrap_or_else(|| standing.hardware.usd(training_cost(args)));
            if usd > 0.0 {
                options.push(larger_model(&standing, &law, usd));
                options.extend(more_data(&standing, &law, usd, None));
                if let Some((repeated, unique)) = &repeats {
                    options.extend(more_data(&standing, &law, usd, Some((&repeated.law, *unique))));
                }
            }
        }
    }
    if args.json {
        println!("{:#}", as_json(args, &standing, &options));
    } else {
        print(args, &standing, &options);
    }
    Ok(ExitCode::SUCCESS)
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

fn dollars(usd: f64) -> String {
    match usd.abs() {
        x if !x.is_finite() => "no amount".to_owned(),
        x if x >= 1e6 => format!("${:.2} million", usd / 1e6),
        x if x >= 1_000.0 => format!("${usd:.0}"),
        _ => format!("${usd:.4}"),
    }
}

fn print(args: &PlanArgs, standing: &Standing, options: &[PlanOption]) {
    let hw = &standing.hardware;
    println!(
        "hardware: {:.3e} FLOP/s at {:.0} % for {} an hour",
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
            println!(
                "  loss {:.4} [{:.4}, {:.4}]; what that is in accuracy the law of the loss does not say",
                l.value, l.interval.low, l.interval.high
            );
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

fn as_json(args: &PlanArgs, standing: &Standing, options: &[PlanOption]) -> Value {
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
        "hardware": hw,
        "training": (trained > 0.0).then(|| json!({ "flops": trained, "hours": hw.hours(trained), "usd": hw.usd(trained) })),
        "serving": { "tokens_per_query": standing.tokens_per_query, "usd_per_query": query, "queries": standing.queries,
            "usd": query * standing.queries },
        "crossover_queries": (trained > 0.0).then(|| crossover_queries(hw.usd(trained), query)).flatten(),
        "options": rows,
    })
}
