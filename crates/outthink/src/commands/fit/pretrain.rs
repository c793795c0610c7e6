//! `outthink fit pretrain`: loss against parameters and tokens.

use super::{DataArgs, Table, brackets, brackets_e, figure, law_error, print_json};
use crate::error::CliError;
use clap::Args;
use outthink_law::pretrain::{
    FLOP_PER_PARAM_TOKEN, Held, IsoflopFit, KaplanFit, PretrainFit, PretrainOptions, RepeatedFit, Runs, fit, fit_isoflop,
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
    #[arg(long = "at", value_name = "PARAMS,TOKENS", value_parser = size)]
    at: Vec<(f64, f64)>,
    /// Budgets within this share of their neighbour make one IsoFLOP parabola.
    #[arg(long, value_name = "SHARE", default_value_t = 0.05)]
    isoflop_tolerance: f64,
}

fn size(text: &str) -> Result<(f64, f64), String> {
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
}

impl Columns {
    /// Takes parameters, loss, and tokens or the budget that they follow from.
    pub(crate) fn of(table: &Table, drop_highest: usize) -> Result<Self, CliError> {
        let params = table.positive(&table.need("params")?)?;
        let loss = table.positive(&table.need("loss")?)?;
        let tokens = if let Some(column) = table.find("tokens") {
            table.positive(&column)?
        } else {
            let Some(column) = table.find("flops") else {
                return Err(table.need("tokens").err().unwrap_or_else(|| CliError::usage("no tokens")));
            };
            let flops = table.positive(&column)?;
            flops.iter().zip(&params).map(|(c, n)| c / FLOP_PER_PARAM_TOKEN / n).collect()
        };
        let flops = params.iter().zip(&tokens).map(|(n, d)| FLOP_PER_PARAM_TOKEN * n * d).collect();
        let unique = table.find("unique_tokens").map(|c| table.positive(&c)).transpose()?;
        let mut all = Self { params, tokens, flops, loss, unique };
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

pub(super) fn run(args: &PretrainArgs) -> Result<(), CliError> {
    let table = args.data.read()?;
    let columns = Columns::of(&table, args.drop_highest)?;
    if let Some(bad) = args.at_flops.iter().find(|c| !(c.is_finite() && **c > 0.0)) {
        return Err(CliError::usage(format!("--at-flops {bad} is no budget")).hint("give numbers above 0"));
    }
    let options = PretrainOptions {
        starts: args.starts,
        bootstraps: args.bootstraps,
        seed: args.data.seed,
        huber_delta: args.huber_delta,
        level: args.data.level,
        held: Held::default(),
    };
    let runs = columns.runs();
    // Repeated data are no fresh data: with them the law of fresh data is a part of the larger one.
    let repeats =
        columns.unique.as_ref().is_some_and(|u| u.iter().zip(&columns.tokens).any(|(u, d)| d > &(u * (1.0 + 1e-6))));
    let repeated = match (&columns.unique, repeats) {
        (Some(unique), true) => Some(fit_repeated(&runs, unique, options).map_err(|e| law_error(&e))?),
        _ => None,
    };
    let fresh: Vec<usize> = match &columns.unique {
        Some(u) if repeats => (0..u.len()).filter(|&i| columns.tokens[i] <= u[i] * (1.0 + 1e-6)).collect(),
        _ => (0..columns.loss.len()).collect(),
    };
    let columns = columns.rows(&fresh);
    let runs = columns.runs();
    let chinchilla = fit(&runs, options).map_err(|e| law_error(&e))?;
    let kaplan = fit_kaplan(&runs, options).map_err(|e| law_error(&e))?;
    let isoflop = fit_isoflop(&runs, &columns.flops, args.isoflop_tolerance, options).ok();
    let forecasts = forecasts(&columns, options);
    if let Some(path) = &args.data.svg {
        figure::pretrain(&columns, &chinchilla).write(path)?;
    }
    if args.data.json {
        print_json(&as_json(args, &chinchilla, &kaplan, isoflop.as_ref(), repeated.as_ref(), &forecasts));
        return Ok(());
    }
    print(args, &table, (&chinchilla, &kaplan), isoflop.as_ref(), repeated.as_ref(), &forecasts);
    Ok(())
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

fn as_json(
    args: &PretrainArgs,
    chinchilla: &PretrainFit,
    kaplan: &KaplanFit,
    isoflop: Option<&IsoflopFit>,
    repeated: Option<&RepeatedFit>,
    forecasts: &[Forecast],
) -> Value {
    let optimum: Vec<Value> = (args.at_flops.iter())
        .map(|&c| {
            let o = chinchilla.law.optimum(c);
            json!({ "flops": c, "params": o.params, "tokens": o.tokens, "loss": o.loss,
                "tokens_per_param": o.tokens_per_param(), "intervals": chinchilla.optimum_intervals(c) })
        })
        .collect();
    let at: Vec<Value> = (args.at.iter())
        .map(|&(params, tokens)| {
            json!({ "params": params, "tokens": tokens,
                "chinchilla": { "loss": chinchilla.law.loss(params, tokens),
                    "interval": chinchilla.interval(|l| l.loss(params, tokens)) },
                "kaplan": { "loss": kaplan.law.loss(params, tokens),
                    "interval": kaplan.interval(|l| l.loss(params, tokens)) } })
        })
        .collect();
    json!({
        "schema": 1,
        "law": "pretrain",
        "n": chinchilla.n,
        "chinchilla": { "law": chinchilla.law, "objective": chinchilla.objective,
            "starts_agreeing": chinchilla.starts_agreeing, "intervals": chinchilla.intervals() },
        "kaplan": { "law": kaplan.law, "objective": kaplan.objective,
            "alpha_n": kaplan.interval(|l| l.alpha_n), "alpha_d": kaplan.interval(|l| l.alpha_d) },
        "isoflop": isoflop.map(|f| json!({ "parabolas": f.parabolas, "left_out": f.left_out, "exponent": f.exponent,
            "exponent_interval": f.exponent_interval })),
        "repeated": repeated.map(|f| json!({ "law": f.law, "n": f.n, "fresh": f.fresh,
            "data_decay": f.interval(|l| l.data_decay), "param_decay": f.interval(|l| l.param_decay) })),
        "forecasts": forecasts.iter().map(|f| json!({ "form": f.name, "mean_absolute_error_ln_loss": f.error,
            "score": f.score, "weight": f.weight })).collect::<Vec<_>>(),
        "optimum": optimum,
        "at": at,
    })
}

fn print(
    args: &PretrainArgs,
    table: &Table,
    (chinchilla, kaplan): (&PretrainFit, &KaplanFit),
    isoflop: Option<&IsoflopFit>,
    repeated: Option<&RepeatedFit>,
    forecasts: &[Forecast],
) {
    let dropped = match args.drop_highest {
        0 => String::new(),
        n => format!(", the {n} highest losses left out"),
    };
    println!("{}: {} runs{dropped}\n", table.name, chinchilla.n);
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
            "  R*_D     {:.2}  {}",
            f.law.data_decay,
            f.interval(|l| l.data_decay).map(|i| brackets(i, 2)).unwrap_or_default()
        );
        println!(
            "  R*_N     {:.2}  {}",
            f.law.param_decay,
            f.interval(|l| l.param_decay).map(|i| brackets(i, 2)).unwrap_or_default()
        );
        for epochs in [1.0, 4.0, 16.0, 40.0] {
            println!(
                "  after {epochs:>2} passes the next one is worth {:.2} of fresh data",
                f.law.worth_of_next_epoch(epochs)
            );
        }
    }
    if !args.at.is_empty() {
        println!("\nforecast loss");
    }
    for &(params, tokens) in &args.at {
        let words = |value: f64, interval: Option<_>| {
            format!("{value:.4} {}", interval.map(|i| brackets(i, 4)).unwrap_or_default())
        };
        println!(
            "  N {params:.0}   D {tokens:.0}   by the first law {}   by the second {}",
            words(l.loss(params, tokens), chinchilla.interval(|l| l.loss(params, tokens))),
            words(k.loss(params, tokens), kaplan.interval(|k| k.loss(params, tokens)))
        );
    }
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
