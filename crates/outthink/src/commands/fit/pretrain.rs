//! `outthink fit pretrain`: loss against parameters and tokens.

use super::rl::size_of;
use super::{DataArgs, Table, figure, law_error, pretrain_show, print_json};
use crate::commands::plan_saved::SavedLaw;
use crate::error::CliError;
use clap::Args;
use outthink_law::LawError;
use outthink_law::pretrain::{
    FLOP_PER_PARAM_TOKEN, Forecast as Expected, Held, HeldOut, IsoflopFit, KaplanFit, LineJudgement, LossForm, Mixture,
    Newest, PretrainFit, PretrainOptions, RepeatedFit, Runs, backtest_repeated, coverage_of_intervals, fit, fit_form,
    fit_isoflop, fit_kaplan, fit_repeated, judge_line,
};
use serde_json::{Value, json};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct PretrainArgs {
    #[command(flatten)]
    pub(super) data: DataArgs,
    /// Leave out so many runs with the highest losses.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) drop_highest: usize,
    /// Columns whose values each get a law of their own.
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    by: Vec<String>,
    /// One exponent for parameters and tokens.
    #[arg(long)]
    tied: bool,
    /// Constants that are not fitted, such as E=1.69 or alpha=0.34, or tied to each other by beta=alpha.
    #[arg(long = "hold", value_name = "NAME=VALUE", value_delimiter = ',', value_parser = constant)]
    hold: Vec<Hold>,
    /// Save the law with its bootstrap draws for `outthink plan --law FILE`.
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Test the forecast intervals: at several cuts, forecast the larger runs from the smaller ones.
    #[arg(long)]
    backtest: bool,
    /// Starts of the optimiser.
    #[arg(long, value_name = "N", default_value_t = 300)]
    pub(super) starts: usize,
    /// Bootstrap draws over runs.
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    bootstraps: usize,
    /// Residual in log loss at which the Huber loss turns from square to linear.
    #[arg(long, value_name = "D", default_value_t = 1e-3)]
    huber_delta: f64,
    /// Budgets whose best split is printed.
    #[arg(long, value_name = "C", value_delimiter = ',', default_value = "1e20,1e22,1e24,5.76e23")]
    pub(super) at_flops: Vec<f64>,
    /// A run whose loss is forecast, with the interval of a run, such as 100672,71000064; may be repeated.
    #[arg(long = "at", value_name = "PARAMS,TOKENS", value_parser = point)]
    at: Vec<(f64, f64)>,
    /// A newer model of the line, as PARAMS,TOKENS,LOSS: does the line slow? May be repeated.
    #[arg(long, value_name = "PARAMS,TOKENS,LOSS", value_parser = newest)]
    newest: Vec<Newest>,
    /// Budgets within this share of their neighbour make one IsoFLOP parabola.
    #[arg(long, value_name = "SHARE", default_value_t = 0.05)]
    isoflop_tolerance: f64,
}

fn newest(text: &str) -> Result<Newest, String> {
    let usual = "give parameters, tokens and loss above 0, as in 9e9,1.6e11,2.15";
    let (before, loss) = text.rsplit_once(',').ok_or_else(|| usual.to_owned())?;
    let (params, tokens) = point(before).map_err(|_| usual.to_owned())?;
    let loss = loss.trim().parse::<f64>().ok().filter(|l| l.is_finite() && *l > 0.0);
    Ok(Newest { params, tokens, loss: loss.ok_or_else(|| usual.to_owned())? })
}

/// One constant of `--hold`.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Hold {
    Floor(f64),
    Alpha(f64),
    Beta(f64),
    Tied,
}

fn constant(text: &str) -> Result<Hold, String> {
    let (name, value) = text.split_once('=').ok_or_else(|| "write E=1.69".to_owned())?;
    let (name, value) = (name.trim(), value.trim());
    if matches!((name, value), ("beta", "alpha") | ("alpha", "beta")) {
        return Ok(Hold::Tied);
    }
    let make = match name {
        "E" => Hold::Floor,
        "alpha" => Hold::Alpha,
        "beta" => Hold::Beta,
        _ => return Err(format!("cannot hold `{name}`; E, alpha and beta can be held")),
    };
    let value = value.parse::<f64>().ok().filter(|v| v.is_finite() && *v > 0.0);
    value.map(make).ok_or_else(|| "give a number above 0, as in E=1.69, or beta=alpha".to_owned())
}

pub(super) fn point(text: &str) -> Result<(f64, f64), String> {
    let number = |text: &str| text.trim().parse::<f64>().ok().filter(|n| n.is_finite() && *n > 0.0);
    let parse = || {
        let (params, tokens) = text.split_once(',')?;
        Some((number(params)?, number(tokens)?))
    };
    parse().ok_or_else(|| "give parameters and tokens above 0, as in 1e9,2e10".to_owned())
}

/// The columns of the runs.
pub(crate) struct Columns {
    pub(crate) params: Vec<f64>,
    pub(crate) tokens: Vec<f64>,
    pub(crate) flops: Vec<f64>,
    pub(crate) loss: Vec<f64>,
    pub(crate) unique: Option<Vec<f64>>,
    /// What was left out or taken for granted, in words.
    pub(crate) notes: Vec<String>,
}

/// Parameters and tokens below these are counted in another unit.
const LEAST_PARAMS: f64 = 1e4;
const LEAST_TOKENS: f64 = 1e5;

/// Refuses a column that holds billions and says so nowhere.
fn unit_check(what: &str, values: &[f64], least: f64) -> Result<(), CliError> {
    let largest = values.iter().copied().fold(0.0, f64::max);
    if largest >= least || values.is_empty() {
        return Ok(());
    }
    Err(CliError::usage(format!("{what} look like billions: the largest is {largest}")).hint(format!(
        "name the unit by --scale {}=1e9 (or 1e12 for trillions), or give single ones",
        if what == "parameters" { "params" } else { "tokens" }
    )))
}

/// What names a run whose steps are rows.
fn run_column(table: &Table) -> Option<String> {
    ["run", "run_id", "run_name", "file"].iter().find_map(|name| table.column_named(name).ok())
}

/// Parameters as a column, read off the names of runs, or what the compute leaves for them.
fn params_of(table: &Table, notes: &mut Vec<String>) -> Result<Vec<f64>, CliError> {
    if let Some(column) = table.find("params") {
        return table.positive(&column);
    }
    if let (Some(flops), Some(tokens)) = (table.find("flops"), table.find("tokens")) {
        notes.push(format!("parameters are `{flops}` over 6 times `{tokens}`"));
        let (flops, tokens) = (table.positive(&flops)?, table.positive(&tokens)?);
        return Ok(flops.iter().zip(&tokens).map(|(c, d)| c / FLOP_PER_PARAM_TOKEN / d).collect());
    }
    let names = ["model", "size", "run", "file"].iter().find_map(|n| table.find(n).or(table.column_named(n).ok()));
    if let Some(column) = names {
        let sizes: Option<Vec<f64>> = table.texts(&column).iter().map(|name| size_of(name)).collect();
        if let Some(sizes) = sizes {
            notes.push(format!("parameters are read off the names in `{column}`"));
            return Ok(sizes);
        }
    }
    Err(table.need("params").err().unwrap_or_else(|| CliError::usage("no params")))
}

impl Columns {
    /// Takes parameters, loss, and tokens or the budget that they follow from; of runs whose steps are rows,
    /// the last step.
    pub(crate) fn of(table: Table, drop_highest: usize) -> Result<Self, CliError> {
        let loss = table.need("loss")?;
        let batch = ["batch_size_in_tokens", "tokens_per_step", "global_batch_tokens"]
            .iter()
            .find_map(|n| table.column_named(n).ok());
        let step = table.find("step");
        let mut used = vec![loss.clone()];
        used.extend(["params", "tokens", "flops"].iter().filter_map(|n| table.find(n)));
        let mut table = table.without_gaps(&used)?.without_repeats();
        if let (Some(step), Some(run)) = (&step, run_column(&table)) {
            let mut names = table.texts(&run);
            names.sort();
            names.dedup();
            if names.len() > 1 && names.len() < table.len() {
                table = table.last_of(&run, step)?;
            }
        }
        let mut notes = table.notes().to_vec();
        let params = params_of(&table, &mut notes)?;
        unit_check("parameters", &params, LEAST_PARAMS)?;
        let loss = table.positive(&loss)?;
        let given = table.find("flops").map(|c| table.positive(&c)).transpose()?;
        let tokens = if let Some(column) = table.find("tokens") {
            table.positive(&column)?
        } else if let Some(flops) = &given {
            flops.iter().zip(&params).map(|(c, n)| c / FLOP_PER_PARAM_TOKEN / n).collect()
        } else if let (Some(step), Some(batch)) = (&step, &batch) {
            notes.push(format!("tokens are `{step}` times `{batch}`"));
            table.positive(step)?.iter().zip(table.positive(batch)?).map(|(s, b)| s * b).collect()
        } else {
            return Err(table.need("tokens").err().unwrap_or_else(|| CliError::usage("no tokens")));
        };
        unit_check("tokens", &tokens, LEAST_TOKENS)?;
        // Budgets that the file gives stand; otherwise they are 6 N D.
        let flops = match given {
            Some(flops) => flops,
            None => params.iter().zip(&tokens).map(|(n, d)| FLOP_PER_PARAM_TOKEN * n * d).collect(),
        };
        let unique = table.find("unique_tokens").map(|c| table.positive(&c)).transpose()?;
        let mut all = Self { params, tokens, flops, loss, unique, notes };
        if drop_highest > 0 {
            let mut order: Vec<usize> = (0..all.loss.len()).collect();
            order.sort_by(|&i, &j| all.loss[i].total_cmp(&all.loss[j]));
            order.truncate(all.loss.len().saturating_sub(drop_highest));
            order.sort_unstable();
            all = all.rows(&order);
        }
        Ok(all)
    }

    fn rows(&self, keep: &[usize]) -> Self {
        let pick = |column: &[f64]| keep.iter().map(|&i| column[i]).collect::<Vec<_>>();
        Self {
            params: pick(&self.params),
            tokens: pick(&self.tokens),
            flops: pick(&self.flops),
            loss: pick(&self.loss),
            unique: self.unique.as_ref().map(|u| pick(u)),
            notes: self.notes.clone(),
        }
    }

    /// The largest 6 N D of the runs.
    pub(crate) fn largest_compute(&self) -> f64 {
        self.params.iter().zip(&self.tokens).map(|(n, d)| FLOP_PER_PARAM_TOKEN * n * d).fold(0.0, f64::max)
    }

    pub(crate) fn runs(&self) -> Runs<'_> {
        Runs { params: &self.params, tokens: &self.tokens, loss: &self.loss }
    }
}

/// How a form did on the dearest quarter of the runs, fitted to the rest.
pub(super) struct Forecast {
    pub(super) name: &'static str,
    pub(super) error: f64,
    pub(super) score: f64,
    pub(super) weight: f64,
}

/// All that was found of one group of runs.
pub(super) struct Study {
    pub(super) name: String,
    pub(super) notes: Vec<String>,
    pub(super) chinchilla: PretrainFit,
    pub(super) kaplan: KaplanFit,
    pub(super) isoflop: Option<IsoflopFit>,
    pub(super) repeated: Option<RepeatedFit>,
    pub(super) forecasts: Vec<Forecast>,
    /// All forms with their backtests, the one of most weight first.
    pub(super) mixture: Mixture,
    /// Each run asked for: the forecast of all forms together, and of each in the order of the mixture.
    pub(super) at: Vec<(Expected, Vec<Expected>)>,
    /// Newer models against the line, by all forms together.
    pub(super) line: Vec<LineJudgement>,
    /// How the intervals did, where that was asked for.
    pub(super) tested: Option<Vec<HeldOut>>,
}

pub(super) fn run(args: &PretrainArgs) -> Result<(), CliError> {
    if let Some(bad) = args.at_flops.iter().find(|c| !(c.is_finite() && **c > 0.0)) {
        return Err(CliError::usage(format!("--at-flops {bad} is not a budget")).hint("give numbers above 0"));
    }
    let table = args.data.read()?;
    if args.data.svg.is_some() && !args.by.is_empty() {
        return Err(CliError::usage("one figure shows one law").hint("keep one group by --where, or leave out --svg"));
    }
    if args.save.is_some() && !args.by.is_empty() {
        return Err(CliError::usage("one file holds one law").hint("keep one group by --where, or leave out --save"));
    }
    let groups = if args.by.is_empty() { vec![(String::new(), table)] } else { table.split(&args.by)? };
    let mut studies = Vec::new();
    for (_, table) in groups {
        studies.push(study(args, table)?);
    }
    if args.data.json {
        let all: Vec<Value> = studies.iter().map(|s| pretrain_show::as_json(args, s)).collect();
        match &all[..] {
            [one] if args.by.is_empty() => print_json(one),
            _ => print_json(&json!({ "schema": 1, "law": "pretrain", "groups": all,
                "interval_coverage": pretrain_show::pooled(&studies) })),
        }
        return Ok(());
    }
    for (i, study) in studies.iter().enumerate() {
        if i > 0 {
            println!("\n---");
        }
        pretrain_show::print(args, study);
    }
    pretrain_show::print_pooled(&studies);
    Ok(())
}

fn options(args: &PretrainArgs) -> PretrainOptions {
    let mut held = Held { tied: args.tied, ..Held::default() };
    for hold in &args.hold {
        match *hold {
            Hold::Floor(x) => held.floor = Some(x),
            Hold::Alpha(x) => held.alpha = Some(x),
            Hold::Beta(x) => held.beta = Some(x),
            Hold::Tied => held.tied = true,
        }
    }
    PretrainOptions {
        starts: args.starts,
        bootstraps: args.bootstraps,
        seed: args.data.seed,
        huber_delta: args.huber_delta,
        level: args.data.level,
        held,
    }
}

fn study(args: &PretrainArgs, table: Table) -> Result<Study, CliError> {
    let name = table.name.clone();
    let pooled = table.experiments().filter(|(column, _)| !args.by.contains(column));
    let columns = Columns::of(table, args.drop_highest)?;
    let mut notes = columns.notes.clone();
    if let Some((column, count)) = pooled {
        notes.push(format!(
            "{count} experiments by `{column}` are pooled into one law; --by {column} gives each its own, --where \
             {column}=NAME keeps one"
        ));
    }
    let options = options(args);
    let runs = columns.runs();
    // Repeated data are no fresh data: with them the law of fresh data is a part of the larger one.
    let repeats =
        columns.unique.as_ref().is_some_and(|u| u.iter().zip(&columns.tokens).any(|(u, d)| d > &(u * (1.0 + 1e-6))));
    let repeated = match (&columns.unique, repeats) {
        (Some(unique), true) => Some(fit_repeated(&runs, unique, options).map_err(|e| law_error(&e))?),
        _ => None,
    };
    let repeats_err = match (&columns.unique, &repeated, &args.save) {
        (Some(unique), Some(_), Some(_)) => Some(backtest_repeated(&runs, unique, options).map_err(|e| law_error(&e))?),
        _ => None,
    };
    let (columns, chinchilla) = fresh_law(&columns, options)?;
    let runs = columns.runs();
    let kaplan = fit_kaplan(&runs, options).map_err(|e| law_error(&e))?;
    let isoflop = fit_isoflop(&runs, &columns.flops, args.isoflop_tolerance, options).ok();
    let forecasts = forecasts(&columns, options);
    let mixture = Mixture::new(&runs, options).map_err(|e| law_error(&e))?;
    let (most, level) = (columns.largest_compute(), args.data.level);
    let expected = |&point: &(f64, f64)| {
        let each = mixture.parts.iter().map(|p| p.backtest.forecast(&p.fit, most, point, level));
        Ok((mixture.forecast(point, level)?, each.collect::<Result<Vec<_>, LawError>>()?))
    };
    let at = args.at.iter().map(expected).collect::<Result<Vec<_>, LawError>>().map_err(|e| law_error(&e))?;
    let line = args.newest.iter().map(|&n| judge_line(&mixture, n, level));
    let line = line.collect::<Result<Vec<_>, _>>().map_err(|e| law_error(&e))?;
    let tested = if args.backtest {
        let few =
            PretrainOptions { bootstraps: options.bootstraps.min(200), starts: options.starts.min(60), ..options };
        Some(coverage_of_intervals(None, &runs, few, &[0.9, 0.95]).map_err(|e| law_error(&e))?)
    } else {
        None
    };
    if let Some(path) = &args.save {
        let fresh_err =
            (mixture.parts.iter()).find(|p| p.fit.form == LossForm::Chinchilla).map(|p| p.backtest.errors(most));
        let errors = repeats_err.or(fresh_err).ok_or_else(|| CliError::usage("the law was not backtested"))?;
        SavedLaw::of(&name, errors, &chinchilla, repeated.as_ref()).write(path)?;
    }
    if let Some(path) = &args.data.svg {
        figure::pretrain(&columns, &chinchilla).write(path)?;
    }
    Ok(Study { name, notes, chinchilla, kaplan, isoflop, repeated, forecasts, mixture, at, line, tested })
}

/// The runs on fresh data and their law: what every command calls the law of a file.
pub(crate) fn fresh_law(columns: &Columns, options: PretrainOptions) -> Result<(Columns, PretrainFit), CliError> {
    let fresh = |i: &usize| columns.unique.as_ref().is_none_or(|u| columns.tokens[*i] <= u[*i] * (1.0 + 1e-6));
    let keep: Vec<usize> = (0..columns.loss.len()).filter(fresh).collect();
    let columns = columns.rows(&keep);
    let found = fit(&columns.runs(), options).map_err(|e| law_error(&e))?;
    Ok((columns, found))
}

/// Chinchilla and Kaplan on the cheaper three quarters, scored on the rest; empty where those are too few.
fn forecasts(columns: &Columns, options: PretrainOptions) -> Vec<Forecast> {
    let n = columns.loss.len();
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&i, &j| columns.flops[i].total_cmp(&columns.flops[j]));
    let (cheap, dear) = order.split_at(n - n / 4);
    if dear.is_empty() {
        return Vec::new();
    }
    let early = columns.rows(cheap);
    let options = PretrainOptions { bootstraps: 0, starts: options.starts.min(60), ..options };
    let mut all = Vec::new();
    let mut add = |name: &'static str, predict: &dyn Fn(f64, f64) -> f64| {
        let gap = |i: usize| columns.loss[i].ln() - predict(columns.params[i], columns.tokens[i]).ln();
        // Laplace's density with the scale of the residuals seen: the Huber loss is its kin.
        let scale = (cheap.iter().map(|&i| gap(i).abs()).sum::<f64>() / cheap.len() as f64).max(1e-6);
        let errors: Vec<f64> = dear.iter().map(|&i| gap(i).abs()).collect();
        let score = errors.iter().map(|e| -e / scale - scale.ln()).sum();
        all.push(Forecast { name, error: errors.iter().sum::<f64>() / errors.len() as f64, score, weight: 0.0 });
    };
    if let Ok(f) = fit(&early.runs(), options) {
        add("Chinchilla", &|n, d| f.law.loss(n, d));
    }
    if options.held == Held::default()
        && let Ok(f) = fit_form(LossForm::Tied, &early.runs(), options)
    {
        add("Tied", &|n, d| f.law.loss(n, d));
    }
    if let Ok(f) = fit_kaplan(&early.runs(), options) {
        add("Kaplan", &|n, d| f.law.loss(n, d));
    }
    let top = all.iter().map(|f| f.score).fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = all.iter().map(|f| (f.score - top).exp()).sum();
    for f in &mut all {
        f.weight = (f.score - top).exp() / sum;
    }
    all
}
