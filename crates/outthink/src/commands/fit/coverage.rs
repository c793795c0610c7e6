//! Coverage from a table of counts: right ones of samples, one row a model and problem.

use super::{DataArgs, Table, brackets, figure, law_error, print_json};
use crate::error::CliError;
use outthink_law::coverage::{
    CoverageFit, CoverageOptions, Forecast, Successes, fit_jointly, fit_power, power_intervals,
};
use outthink_law::estimate::pass_at_k;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The counts of one model on one benchmark.
#[derive(Debug, Clone, Default)]
pub(super) struct Counts {
    pub(super) benchmark: String,
    pub(super) model: String,
    pub(super) samples: Vec<u64>,
    pub(super) correct: Vec<u64>,
}

impl Counts {
    pub(super) fn successes(&self) -> Successes<'_> {
        Successes { samples: &self.samples, correct: &self.correct }
    }

    fn pass(&self, k: u64) -> Result<f64, CliError> {
        let mut sum = 0.0;
        for (&s, &c) in self.samples.iter().zip(&self.correct) {
            sum += pass_at_k(s, c, k.min(s)).map_err(|e| law_error(&e))?;
        }
        Ok(sum / self.samples.len() as f64)
    }
}

/// What is asked of the counts.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) ks: Vec<u64>,
    pub(super) subsample: Option<u64>,
    pub(super) seeds: u64,
}

/// Reads the counts.
pub(super) fn read(table: &Table) -> Result<Vec<Counts>, CliError> {
    let samples = table.full(&table.need("samples")?, "a whole number above 0", |x| x >= 1.0 && x.fract() == 0.0)?;
    let correct =
        table.full(&table.need("correct")?, "a whole number of 0 or above", |x| x >= 0.0 && x.fract() == 0.0)?;
    let texts = |name: &str| table.find(name).map_or_else(|| vec![String::new(); table.len()], |c| table.texts(&c));
    let (benchmarks, models) = (texts("benchmark"), texts("model"));
    let mut groups: BTreeMap<(String, String), Counts> = BTreeMap::new();
    for i in 0..table.len() {
        let key = (benchmarks[i].clone(), models[i].clone());
        let counts = groups.entry(key).or_insert_with_key(|(benchmark, model)| Counts {
            benchmark: benchmark.clone(),
            model: model.clone(),
            ..Counts::default()
        });
        counts.samples.push(samples[i] as u64);
        counts.correct.push(correct[i] as u64);
    }
    Ok(groups.into_values().collect())
}

/// A small generator for drawing some of the recorded samples: `SplitMix64` (Steele, Lea and Flood 2014).
struct Draws(u64);

impl Draws {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// How many of `k` of `n` samples, drawn without replacement, are among the `c` right ones.
    fn right(&mut self, n: u64, c: u64, k: u64) -> u64 {
        (0..k).fold(0, |hits, i| hits + u64::from(self.uniform() * ((n - i) as f64) < (c - hits) as f64))
    }
}

/// Fits models of one benchmark jointly.
fn joint(models: &[Counts], options: CoverageOptions) -> Result<Vec<CoverageFit>, CliError> {
    let data: Vec<Successes<'_>> = models.iter().map(Counts::successes).collect();
    fit_jointly(&data, options).map_err(|e| law_error(&e))
}

/// Fits, forecasts and prints.
pub(super) fn run(args: &DataArgs, models: &[Counts], asked: &Asked) -> Result<(), CliError> {
    let options = CoverageOptions { seed: args.seed, level: args.level, ..CoverageOptions::default() };
    let mut solved: Vec<Counts> = Vec::new();
    let mut unsolved = Vec::new();
    for model in models {
        if model.correct.iter().all(|&c| c == 0) { unsolved.push(model) } else { solved.push(model.clone()) }
    }
    if solved.is_empty() {
        return Err(CliError::usage("no sample is right, so nothing says how hard the problems are")
            .hint("draw more samples, or take easier problems"));
    }
    if asked.subsample.is_some() {
        return backtest(args, &solved, asked);
    }
    let mut report = Vec::new();
    let mut drawn = Vec::new();
    for group in solved.chunk_by(|x, y| x.benchmark == y.benchmark) {
        for (model, fit) in group.iter().zip(joint(group, options)?) {
            let least = model.samples.iter().copied().min().unwrap_or(1);
            let ks = if asked.ks.is_empty() { vec![1, least, 10 * least, 100 * least] } else { asked.ks.clone() };
            let forecasts: Vec<Forecast> =
                ks.iter().map(|&k| fit.forecast(k)).collect::<Result<_, _>>().map_err(|e| law_error(&e))?;
            let power = match fit_power(&model.successes()) {
                Ok(law) => Some((law, power_intervals(&model.successes(), POWER_DRAWS, options.seed).ok())),
                Err(_) => None,
            };
            drawn.push((model.clone(), fit.clone()));
            report.push((model, fit, forecasts, power));
        }
    }
    if let Some(path) = &args.svg {
        figure::coverage(&drawn).write(path)?;
    }
    if args.json {
        let rows: Vec<Value> = (report.iter())
            .map(|(model, fit, forecasts, power)| {
                json!({ "benchmark": model.benchmark, "model": model.model, "n": fit.n, "law": fit.law,
                    "intervals": fit.intervals(), "forecasts": forecasts, "exponentiated_power": power.map(|p| p.0),
                    "exponentiated_power_intervals": power.and_then(|p| p.1) })
            })
            .collect();
        let without_right: Vec<&str> = unsolved.iter().map(|m| m.model.as_str()).collect();
        print_json(&json!({ "schema": 1, "law": "coverage", "models": rows, "no_sample_right": without_right }));
        return Ok(());
    }
    for (model, fit, forecasts, power) in &report {
        let [a, b, atom] = fit.intervals();
        println!("{} {} ({} problems)", model.benchmark, model.model, fit.n);
        println!(
            "  chance of a right sample over problems: Beta({:.3} {}, {:.1} {}), never solved {:.3} {}",
            fit.law.a,
            brackets(a, 3),
            fit.law.b,
            brackets(b, 1),
            fit.law.atom,
            brackets(atom, 3)
        );
        for f in forecasts {
            let power =
                power.map(|p| format!("   exponentiated power law {:.3}", p.0.at(f.k as f64))).unwrap_or_default();
            let kind = if f.extrapolated { "forecast" } else { "measured" };
            println!("  coverage at {:>8}  {:.3} {}  {kind}{power}", f.k, f.coverage, brackets(f.interval, 3));
        }
    }
    for model in unsolved {
        println!("{} {}: no sample is right, so nothing can be fitted", model.benchmark, model.model);
    }
    Ok(())
}

/// Bootstrap draws for the intervals of the exponentiated power law.
const POWER_DRAWS: usize = 1_000;

/// A forecast beside what was measured: the truth, the error, that of the power law, whether the interval
/// held.
type Held = (f64, f64, f64, bool);

/// Draws some of the samples, forecasts, and compares with all of them.
fn backtest(args: &DataArgs, models: &[Counts], asked: &Asked) -> Result<(), CliError> {
    let some = asked.subsample.unwrap_or(1);
    let least = models.iter().flat_map(|m| &m.samples).copied().min().unwrap_or(0);
    if some == 0 || some >= least || asked.seeds == 0 {
        return Err(CliError::usage(format!(
            "cannot draw {some} of {least} samples {} times and forecast the rest",
            asked.seeds
        ))
        .hint("give --subsample a number from 1 to below the samples recorded, and --seeds at least 1"));
    }
    let ks = if asked.ks.is_empty() { vec![least] } else { asked.ks.clone() };
    if let Some(k) = ks.iter().find(|k| **k > least) {
        return Err(CliError::usage(format!("{least} samples do not say what coverage at {k} is"))
            .hint("forecast no further than the samples recorded when --subsample is given"));
    }
    let mut rows: BTreeMap<(String, String, u64), Vec<Held>> = BTreeMap::new();
    for seed in args.seed..args.seed + asked.seeds {
        // A stream for each seed, far from those of its neighbours.
        let mut draws = Draws(seed.wrapping_mul(0xd134_2543_de82_ef95) ^ 0x5eed);
        for group in models.chunk_by(|x, y| x.benchmark == y.benchmark) {
            let subsets: Vec<Counts> = (group.iter())
                .map(|m| Counts {
                    samples: vec![some; m.samples.len()],
                    correct: m.samples.iter().zip(&m.correct).map(|(&s, &c)| draws.right(s, c, some)).collect(),
                    ..m.clone()
                })
                .collect();
            let told: Vec<usize> = (0..group.len()).filter(|&i| subsets[i].correct.iter().any(|c| *c > 0)).collect();
            let kept: Vec<Counts> = told.iter().map(|&i| subsets[i].clone()).collect();
            let options = CoverageOptions { seed, level: args.level, ..CoverageOptions::default() };
            for (&i, fit) in told.iter().zip(joint(&kept, options)?) {
                for &k in &ks {
                    let f = fit.forecast(k).map_err(|e| law_error(&e))?;
                    let truth = group[i].pass(k)?;
                    let power = fit_power(&kept[told.iter().position(|t| *t == i).unwrap_or(0)].successes());
                    let power = power.map_or(f64::NAN, |p| (p.at(k as f64) - truth).abs());
                    rows.entry((group[i].benchmark.clone(), group[i].model.clone(), k)).or_default().push((
                        truth,
                        f.coverage - truth,
                        power,
                        f.interval.contains(truth),
                    ));
                }
            }
        }
    }
    let mut report = Vec::new();
    for ((benchmark, model, k), all) in &rows {
        let n = all.len() as f64;
        let mean = |f: fn(&Held) -> f64| all.iter().map(f).sum::<f64>() / n;
        report.push(json!({
            "benchmark": benchmark, "model": model, "k": k, "draws": all.len(), "measured": all[0].0,
            "forecast": all[0].0 + mean(|r| r.1), "mean_absolute_error": mean(|r| r.1.abs()),
            "exponentiated_power_error": mean(|r| r.2), "held": all.iter().filter(|r| r.3).count(),
        }));
    }
    let flat: Vec<&Held> = rows.values().flatten().collect();
    let error = flat.iter().map(|r| r.1.abs()).sum::<f64>() / flat.len() as f64;
    let power = flat.iter().map(|r| r.2).sum::<f64>() / flat.len() as f64;
    let held = flat.iter().filter(|r| r.3).count();
    if args.json {
        print_json(&json!({ "schema": 1, "law": "coverage-backtest", "subsample": some, "level": args.level,
            "rows": report, "mean_absolute_error": error, "held": held, "tried": flat.len(),
            "exponentiated_power_error": power }));
        return Ok(());
    }
    println!(
        "{some} samples of each problem drawn {} times, fitted jointly over the models, against all samples\n",
        asked.seeds
    );
    for row in &report {
        println!(
            "  {:<14} {:<16} k {:>6}   measured {:.3}   forecast {:.3} on average   mean absolute error {:.3}   interval held {} of {}",
            row["benchmark"].as_str().unwrap_or_default(),
            row["model"].as_str().unwrap_or_default(),
            row["k"],
            row["measured"].as_f64().unwrap_or_default(),
            row["forecast"].as_f64().unwrap_or_default(),
            row["mean_absolute_error"].as_f64().unwrap_or_default(),
            row["held"],
            row["draws"],
        );
    }
    println!(
        "\nmean absolute error {error:.4}; the {:.0} % interval held {held} of {}; the exponentiated power law's error {power:.4}",
        100.0 * args.level,
        flat.len()
    );
    Ok(())
}
