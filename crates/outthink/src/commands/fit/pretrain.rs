//! `outthink fit pretrain`: loss against parameters and tokens.

use super::rl::size_of;
use super::{DataArgs, Table, brackets, brackets_e, figure, law_error, print_json, print_notes};
use crate::error::CliError;
use clap::Args;
use outthink_law::pretrain::{
    Backtest, FLOP_PER_PARAM_TOKEN, Forecast as Expected, Held, HeldOut, IsoflopFit, KaplanFit, LossFit, LossForm,
    PretrainFit, PretrainOptions, RepeatedFit, Runs, backtest, coverage_of_intervals, fit, fit_form, fit_isoflop,
    fit_kaplan, fit_repeated,
};
use serde_json::{Value, json};

#[derive(Debug, Args)]
pub(super) struct PretrainArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Leave out so many runs with the highest losses.
    #[arg(long, value_name = "N", default_value_t = 0)]
    drop_highest: usize,
    /// Columns whose values each get a law of their own.
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    by: Vec<String>,
    /// One exponent for parameters and tokens.
    #[arg(long)]
    tied: bool,
    /// A constant that is not fitted, such as E=1.69, alpha=0.34 or beta=0.28.
    #[arg(long = "hold", value_name = "NAME=VALUE", value_parser = constant)]
    hold: Vec<(String, f64)>,
    /// Test the forecast intervals: at several cuts, forecast the dearer runs from the cheaper ones.
    #[arg(long)]
    backtest: bool,
    /// Starts of the optimiser.
    #[arg(long, value_name = "N", default_value_t = 300)]
    starts: usize,
    /// Bootstrap draws over runs.
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    bootstraps: usize,
    /// Residual in log loss at which the Huber loss turns from square to linear.
    #[arg(long, value_name = "D", default_value_t = 1e-3)]
    huber_delta: f64,
    /// Budgets whose best split is printed.
    #[arg(long, value_name = "C", value_delimiter = ',', default_value = "1e20,1e22,1e24,5.76e23")]
    at_flops: Vec<f64>,
    /// A run whose loss both laws forecast, such as 100672,71000064; may be repeated.
    #[arg(long = "at", value_name = "PARAMS,TOKENS", value_parser = point)]
    at: Vec<(f64, f64)>,
    /// Budgets within this share of their neighbour make one IsoFLOP parabola.
    #[arg(long, value_name = "SHARE", default_value_t = 0.05)]
    isoflop_tolerance: f64,
}

fn constant(text: &str) -> Result<(String, f64), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| "write E=1.69".to_owned())?;
    let value = value.trim().parse::<f64>().ok().filter(|v| v.is_finite() && *v > 0.0);
    match (name.trim(), value) {
        (name @ ("E" | "alpha" | "beta"), Some(value)) => Ok((name.to_owned(), value)),
        (_, None) => Err("give a number above 0, as in E=1.69".to_owned()),
        (name, _) => Err(format!("no constant `{name}` can be held; E, alpha and beta can")),
    }
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

/// Parameters as a column, or read off the names of runs.
fn params_of(table: &Table, notes: &mut Vec<String>) -> Result<Vec<f64>, CliError> {
    if let Some(column) = table.find("params") {
        return table.positive(&column);
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
        let mut table = table.without_gaps(&used)?;
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

    pub(crate) fn runs(&self) -> Runs<'_> {
        Runs { params: &self.params, tokens: &self.tokens, loss: &self.loss }
    }
}

/// How a form did on the dearest quarter of the runs, fitted to the rest.
struct Forecast {
    name: &'static str,
    error: f64,
    score: f64,
    weight: f64,
}

/// All that was found of one group of runs.
struct Study {
    name: String,
    notes: Vec<String>,
    chinchilla: PretrainFit,
    kaplan: KaplanFit,
    isoflop: Option<IsoflopFit>,
    repeated: Option<RepeatedFit>,
    forecasts: Vec<Forecast>,
    /// Each form with its backtest, the one that forecast best first.
    forms: Vec<(LossFit, Backtest)>,
    /// Forecasts of each run asked for, in the order of `forms`.
    at: Vec<((f64, f64), Vec<Expected>)>,
    /// How the intervals did, where that was asked for.
    tested: Option<(LossForm, Vec<HeldOut>)>,
}

pub(super) fn run(args: &PretrainArgs) -> Result<(), CliError> {
    if let Some(bad) = args.at_flops.iter().find(|c| !(c.is_finite() && **c > 0.0)) {
        return Err(CliError::usage(format!("--at-flops {bad} is no budget")).hint("give numbers above 0"));
    }
    let table = args.data.read()?;
    let groups = if args.by.is_empty() { vec![(String::new(), table)] } else { table.split(&args.by)? };
    let mut studies = Vec::new();
    for (_, table) in groups {
        studies.push(study(args, table)?);
    }
    if args.data.json {
        let all: Vec<Value> = studies.iter().map(|s| as_json(args, s)).collect();
        match &all[..] {
            [one] if args.by.is_empty() => print_json(one),
            _ => print_json(&json!({ "schema": 1, "law": "pretrain", "groups": all })),
        }
        return Ok(());
    }
    for (i, study) in studies.iter().enumerate() {
        if i > 0 {
            println!("\n---");
        }
        print(args, study);
    }
    Ok(())
}

fn options(args: &PretrainArgs) -> PretrainOptions {
    let held = |name: &str| args.hold.iter().find(|h| h.0 == name).map(|h| h.1);
    PretrainOptions {
        starts: args.starts,
        bootstraps: args.bootstraps,
        seed: args.data.seed,
        huber_delta: args.huber_delta,
        level: args.data.level,
        held: Held { tied: args.tied, floor: held("E"), alpha: held("alpha"), beta: held("beta") },
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
    let (columns, chinchilla) = fresh_law(columns, options)?;
    let runs = columns.runs();
    let kaplan = fit_kaplan(&runs, options).map_err(|e| law_error(&e))?;
    let isoflop = fit_isoflop(&runs, &columns.flops, args.isoflop_tolerance, options).ok();
    let forecasts = forecasts(&columns, options);
    let forms = by_backtest(&runs, options)?;
    let most = runs.params.iter().zip(runs.tokens).map(|(n, d)| FLOP_PER_PARAM_TOKEN * n * d).fold(0.0, f64::max);
    let mut at = Vec::new();
    for &point in &args.at {
        let expected = forms.iter().map(|(fit, test)| test.forecast(fit, most, point, args.data.level));
        at.push((point, expected.collect::<Result<Vec<_>, _>>().map_err(|e| law_error(&e))?));
    }
    let tested = if args.backtest {
        let form = forms[0].0.form;
        let few =
            PretrainOptions { bootstraps: options.bootstraps.min(200), starts: options.starts.min(60), ..options };
        Some((form, coverage_of_intervals(form, &runs, few, &[0.9, 0.95]).map_err(|e| law_error(&e))?))
    } else {
        None
    };
    if let Some(path) = &args.data.svg {
        figure::pretrain(&columns, &chinchilla).write(path)?;
    }
    Ok(Study { name, notes, chinchilla, kaplan, isoflop, repeated, forecasts, forms, at, tested })
}

/// The runs on fresh data and their law: what every command calls the law of a file.
pub(crate) fn fresh_law(columns: Columns, options: PretrainOptions) -> Result<(Columns, PretrainFit), CliError> {
    let fresh = |i: &usize| columns.unique.as_ref().is_none_or(|u| columns.tokens[*i] <= u[*i] * (1.0 + 1e-6));
    let keep: Vec<usize> = (0..columns.loss.len()).filter(fresh).collect();
    let columns = columns.rows(&keep);
    let found = fit(&columns.runs(), options).map_err(|e| law_error(&e))?;
    Ok((columns, found))
}

/// Each form fitted and backtested, the best forecaster first.
fn by_backtest(runs: &Runs<'_>, options: PretrainOptions) -> Result<Vec<(LossFit, Backtest)>, CliError> {
    let mut forms = Vec::new();
    for form in LossForm::ALL {
        if form == LossForm::Tied && options.held != Held::default() {
            continue;
        }
        let fitted = fit_form(form, runs, options).map_err(|e| law_error(&e))?;
        forms.push((fitted, backtest(form, runs, options).map_err(|e| law_error(&e))?));
    }
    forms.sort_by(|x, y| x.1.scale.total_cmp(&y.1.scale));
    Ok(forms)
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

fn as_json(args: &PretrainArgs, study: &Study) -> Value {
    let Study { chinchilla, kaplan, isoflop, repeated, forecasts, .. } = study;
    let optimum: Vec<Value> = (args.at_flops.iter())
        .map(|&c| {
            let o = chinchilla.law.optimum(c);
            json!({ "flops": c, "params": o.params, "tokens": o.tokens, "loss": o.loss,
                "tokens_per_param": o.tokens_per_param(), "intervals": chinchilla.optimum_intervals(c) })
        })
        .collect();
    let at: Vec<Value> = (study.at.iter())
        .map(|((params, tokens), expected)| {
            let mut row = json!({ "params": params, "tokens": tokens, "best": study.forms[0].0.form.name() });
            for ((fit, _), e) in study.forms.iter().zip(expected) {
                row[fit.form.name()] = json!({ "loss": e.loss, "interval": e.interval,
                    "interval_of_mean": e.mean_interval, "factor": e.factor, "beyond_backtests": e.beyond });
            }
            row
        })
        .collect();
    let backtests: Vec<Value> = (study.forms.iter())
        .map(|(fit, test)| {
            json!({ "form": fit.form.name(), "law": fit.law, "held_out": test.held.len(),
                "mean_absolute_error_ln_loss": test.scale, "scatter_ln_loss": test.scatter, "reach": test.reach,
                "tested": test.tested })
        })
        .collect();
    json!({
        "schema": 1,
        "law": "pretrain",
        "data": study.name,
        "notes": study.notes,
        "n": chinchilla.n,
        "backtests": backtests,
        "interval_coverage": study.tested.as_ref().map(|(form, rows)| json!({ "form": form.name(), "levels": rows })),
        "chinchilla": { "law": chinchilla.law, "objective": chinchilla.objective,
            "starts_agreeing": chinchilla.starts_agreeing, "intervals": chinchilla.intervals() },
        "kaplan": { "law": kaplan.law, "objective": kaplan.objective,
            "alpha_n": kaplan.interval(|l| l.alpha_n), "alpha_d": kaplan.interval(|l| l.alpha_d) },
        "isoflop": isoflop.as_ref().map(|f| json!({ "parabolas": f.parabolas, "left_out": f.left_out, "exponent": f.exponent,
            "exponent_interval": f.exponent_interval })),
        "repeated": repeated.as_ref().map(|f| json!({ "law": f.law, "n": f.n, "fresh": f.fresh,
            "data_decay": f.interval(|l| l.data_decay), "param_decay": f.interval(|l| l.param_decay) })),
        "forecasts": forecasts.iter().map(|f| json!({ "form": f.name, "mean_absolute_error_ln_loss": f.error,
            "score": f.score, "weight": f.weight })).collect::<Vec<_>>(),
        "optimum": optimum,
        "at": at,
    })
}

fn print(args: &PretrainArgs, study: &Study) {
    let Study { chinchilla, kaplan, isoflop, repeated, forecasts, .. } = study;
    let dropped = match args.drop_highest {
        0 => String::new(),
        n => format!(", the {n} highest losses left out"),
    };
    println!("{}: {} runs{dropped}", study.name, chinchilla.n);
    print_notes(&study.notes);
    println!();
    println!(
        "L = E + A/N^alpha + B/D^beta   Huber objective {:.7}, {} of {} starts agree",
        chinchilla.objective, chinchilla.starts_agreeing, args.starts
    );
    let l = chinchilla.law;
    let intervals = chinchilla.intervals();
    for (name, value, interval) in [
        ("E", l.floor, intervals.map(|i| i.floor)),
        ("alpha", l.alpha, intervals.map(|i| i.alpha)),
        ("beta", l.beta, intervals.map(|i| i.beta)),
    ] {
        println!("  {name:<8} {value:.4}  {}", interval.map(|i| brackets(i, 4)).unwrap_or_default());
    }
    for (name, value, interval) in [("A", l.a, intervals.map(|i| i.a)), ("B", l.b, intervals.map(|i| i.b))] {
        println!("  {name:<8} {value:.1}  {}", interval.map(|i| brackets(i, 1)).unwrap_or_default());
    }
    println!("\nL = ((Nc/N)^(alphaN/alphaD) + Dc/D)^alphaD   Huber objective {:.7}", kaplan.objective);
    let k = kaplan.law;
    for (name, value, interval) in
        [("alphaN", k.alpha_n, kaplan.interval(|l| l.alpha_n)), ("alphaD", k.alpha_d, kaplan.interval(|l| l.alpha_d))]
    {
        println!("  {name:<8} {value:.4}  {}", interval.map(|i| brackets(i, 4)).unwrap_or_default());
    }
    println!("  {:<8} {:.3e}\n  {:<8} {:.3e}", "Nc", k.n_c, "Dc", k.d_c);
    if !forecasts.is_empty() {
        println!("\nfitted on the cheaper three quarters, forecasting the dearest quarter of the runs");
        for f in forecasts {
            println!("  {:<12} mean absolute error of ln loss {:.4}   weight {:.3}", f.name, f.error, f.weight);
        }
    }
    match isoflop {
        Some(f) => {
            let interval = f.exponent_interval.map(|i| brackets(i, 3)).unwrap_or_default();
            println!(
                "\nIsoFLOP: {} parabolas ({} groups left out), N* goes as C^{:.3} {interval}",
                f.parabolas.len(),
                f.left_out,
                f.exponent
            );
            for p in &f.parabolas {
                println!(
                    "  C {:.2e}   N* {:.3e}   D* {:.3e}   loss {:.4}   {} runs",
                    p.flops, p.params, p.tokens, p.loss, p.n
                );
            }
        }
        None => println!("\nIsoFLOP: fewer than two budgets with four runs or more about a lowest point"),
    }
    if let Some(f) = repeated {
        println!("\nrepeated data ({} runs, {} of them fresh)", f.n, f.fresh);
        println!(
            "  R*_D     {}  {}",
            decay(f.law.data_decay),
            f.interval(|l| l.data_decay).map(|i| format!("[{}, {}]", decay(i.low), decay(i.high))).unwrap_or_default()
        );
        println!(
            "  R*_N     {}  {}",
            decay(f.law.param_decay),
            f.interval(|l| l.param_decay).map(|i| format!("[{}, {}]", decay(i.low), decay(i.high))).unwrap_or_default()
        );
        for epochs in [1.0, 4.0, 16.0, 40.0] {
            println!(
                "  after {epochs:>2} passes the next one is worth {:.2} of fresh data",
                f.law.worth_of_next_epoch(epochs)
            );
        }
    }
    print_forecasts(study);
    println!("\ncompute-optimal by the first law");
    for &c in &args.at_flops {
        let o = chinchilla.law.optimum(c);
        let i = chinchilla.optimum_intervals(c);
        println!(
            "  C {c:.2e}   N* {:.3e} {}   D* {:.3e} {}   tokens per parameter {:.1} {}   loss {:.3}",
            o.params,
            i.map(|i| brackets_e(i.params)).unwrap_or_default(),
            o.tokens,
            i.map(|i| brackets_e(i.tokens)).unwrap_or_default(),
            o.tokens_per_param(),
            i.map(|i| brackets(i.tokens_per_param, 1)).unwrap_or_default(),
            o.loss
        );
    }
}

/// A decay in few digits; one that the data do not bound is called that.
fn decay(value: f64) -> String {
    match value {
        v if !v.is_finite() || v > 1e4 => "no decay seen (above 10,000)".to_owned(),
        v if v < 1e-3 => "below 0.001".to_owned(),
        v => format!("{v:.2}"),
    }
}

fn print_forecasts(study: &Study) {
    println!("\nforecasts, each form backtested on the dearer runs (mean absolute error of ln loss)");
    for (fit, test) in &study.forms {
        let how = if test.tested {
            format!("{} held out, up to {:.1} times the compute fitted", test.held.len(), test.reach)
        } else {
            "too few runs to hold any out: twice their scatter".to_owned()
        };
        println!("  {:<10} {:.4}   {how}", fit.form.name(), test.scale);
    }
    for ((params, tokens), expected) in &study.at {
        println!("  N {params:.4e}   D {tokens:.4e}   {:.3} times the largest compute", expected[0].factor);
        for ((fit, _), e) in study.forms.iter().zip(expected) {
            let mean = e.mean_interval.map(|i| format!("   the mean alone {}", brackets(i, 4))).unwrap_or_default();
            let beyond = if e.beyond { "   widened: further than the backtests reached" } else { "" };
            println!("    {:<10} {:.4} {}{mean}{beyond}", fit.form.name(), e.loss, brackets(e.interval, 4));
        }
    }
    if let Some((form, rows)) = &study.tested {
        println!("\nintervals of forecasts, tested at four cuts ({})", form.name());
        for r in rows {
            println!(
                "  {:.0} %: held {} of {} runs ({:.1} %; the interval of the mean {:.1} %), mean width {:.2} % of the loss, \
                 mean error {:.2} %",
                100.0 * r.level,
                r.held,
                r.tried,
                100.0 * r.held as f64 / r.tried as f64,
                100.0 * r.held_by_mean as f64 / r.tried as f64,
                100.0 * r.mean_width,
                100.0 * r.error
            );
        }
    }
}
