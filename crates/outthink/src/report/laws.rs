//! The panels of the laws that are read from files: loss against compute, accuracy against RL
//! compute, and effort curves that others measured.

use crate::commands::replay::eval_error;
use crate::error::CliError;
use crate::plot::{Axis, Panel, Point, Series};
use outthink_eval::each_row;
use outthink_law::pretrain::{self, PretrainOptions, Runs};
use outthink_law::rl::{self, Run};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::Path;

/// Operations of training a parameter on a token, for tables that give compute instead of tokens.
const FLOP_PER_PARAM_TOKEN: f64 = 6.0;
/// Points of a drawn law.
const STEPS: u32 = 60;
/// Curves in one panel at most: more cannot be told apart.
const MOST_CURVES: usize = 7;

/// Loss against compute, with the compute-optimal frontier of the fitted law; and what to say of it.
pub(crate) fn pretrain_panel(path: &Path) -> Result<(Panel, String), CliError> {
    let (mut params, mut tokens, mut loss) = (Vec::new(), Vec::new(), Vec::new());
    let read = each_row(path, |row| {
        let n = need(row, &["params", "N", "Model Size", "parameters"])?;
        let d = match number(row, &["tokens", "D"]) {
            Some(d) => d,
            None => need(row, &["flops", "compute", "C", "Training FLOP"])? / (FLOP_PER_PARAM_TOKEN * n),
        };
        params.push(n);
        tokens.push(d);
        loss.push(need(row, &["loss", "L"])?);
        Ok(())
    });
    read.map_err(|e| eval_error(&e))?;
    let runs = Runs { params: &params, tokens: &tokens, loss: &loss };
    let options = PretrainOptions { bootstraps: 200, ..PretrainOptions::default() };
    let fit = pretrain::fit(&runs, options).map_err(|e| law(path, &e))?;
    let compute = |(n, d): (&f64, &f64)| FLOP_PER_PARAM_TOKEN * n * d;
    let points: Vec<Point> =
        (params.iter().zip(&tokens).zip(&loss)).map(|(nd, &y)| Point { x: compute(nd), y, interval: None }).collect();
    let (low, high) = ends(points.iter().map(|p| p.x));
    // A hundredfold beyond the dearest run, where the question is.
    let at = spread(low, high * 100.0);
    let band: Vec<(f64, f64, f64)> =
        (at.iter()).filter_map(|&c| fit.optimum_intervals(c).map(|o| (c, o.loss.low, o.loss.high))).collect();
    let frontier = |from: f64, to: f64| {
        at.iter().filter(|c| (from..=to).contains(*c)).map(|&c| (c, fit.law.optimum(c).loss)).collect()
    };
    let floor = fit.interval(|l| l.floor);
    let series = vec![
        Series::points("runs", 0, points),
        Series::band(1, band),
        Series::line("compute-optimal", 1, frontier(0.0, high)),
        Series::dashed("forecast", 1, frontier(high, f64::INFINITY)),
        Series::dashed("floor E", 6, at.iter().map(|&c| (c, fit.law.floor)).collect()),
    ];
    let range = floor.map(|i| format!(" [{:.3}, {:.3}]", i.low, i.high)).unwrap_or_default();
    let note = format!(
        "Pre-training: L(N, D) = E + A/N^α + B/D^β over {} runs: E {:.3}{range}, α {:.3}, β {:.3}. At 10 times the dearest run's compute the law expects a loss of {:.3}.",
        fit.n,
        fit.law.floor,
        fit.law.alpha,
        fit.law.beta,
        fit.law.optimum(10.0 * high).loss
    );
    let panel = Panel {
        title: "Loss against compute".into(),
        x: Axis::log("training compute, FLOP"),
        y: Axis::linear("loss"),
        series,
    };
    Ok((panel, note))
}

/// Accuracy against steps or compute of reinforcement learning, a curve a model.
pub(crate) fn rl_panel(path: &Path) -> Result<(Panel, String), CliError> {
    let mut curves: BTreeMap<String, Vec<(f64, f64)>> = BTreeMap::new();
    let read = each_row(path, |row| {
        let x = need(row, &["step", "Step", "steps", "compute", "flops"])?;
        if let Some(y) = number(row, &["accuracy", "acc"]) {
            let name = ["model", "size", "run"].iter().find_map(|k| text(row, k)).unwrap_or_else(|| "accuracy".into());
            curves.entry(name).or_default().push((x, y));
            return Ok(());
        }
        // One column a model.
        for (name, value) in row.iter().skip(1) {
            if let Some(y) = value.as_f64() {
                curves.entry(name.clone()).or_default().push((x, y));
            }
        }
        Ok(())
    });
    read.map_err(|e| eval_error(&e))?;
    let mut runs: Vec<Run> = curves
        .into_iter()
        .map(|(name, mut points)| {
            points.retain(|p| p.0 > 0.0);
            points.sort_by(|a, b| a.0.total_cmp(&b.0));
            let (compute, accuracy) = points.into_iter().unzip();
            Run { size: size_of(&name), name, compute, accuracy }
        })
        .filter(|run| !run.compute.is_empty())
        .collect();
    runs.sort_by(|a, b| a.size.unwrap_or(0.0).total_cmp(&b.size.unwrap_or(0.0)));
    runs.truncate(MOST_CURVES);
    let fit = rl::fit(&runs).map_err(|e| law(path, &e))?;
    let backtest = rl::backtest(&runs, 0.25).ok();
    let mut series = Vec::new();
    for (colour, (run, law)) in runs.iter().zip(&fit.laws).enumerate() {
        // Every few steps: hundreds of markers hide each other.
        let every = run.compute.len().div_ceil(40);
        let points = (run.compute.iter().zip(&run.accuracy))
            .step_by(every.max(1))
            .map(|(&x, &y)| Point { x, y, interval: None })
            .collect();
        series.push(Series::points(run.name.clone(), colour, points));
        let (low, high) = ends(run.compute.iter().copied());
        series.push(Series::line("", colour, spread(low, high).iter().map(|&c| (c, law.at(c))).collect()));
        series.push(Series::dashed("", colour, spread(high, high * 4.0).iter().map(|&c| (c, law.at(c))).collect()));
    }
    let ceilings: Vec<String> =
        runs.iter().zip(&fit.laws).map(|(run, law)| format!("{} {:.3}", run.name, law.ceiling)).collect();
    let error = backtest.map(|b| {
        format!(" The last quarter of each curve, forecast from the rest, is off by {:.3} on average.", b.error)
    });
    let note = format!("Reinforcement learning: ceilings {}.{}", ceilings.join(", "), error.unwrap_or_default());
    let panel = Panel {
        title: "Accuracy against RL compute".into(),
        x: Axis::log("steps of reinforcement learning"),
        y: Axis::share("accuracy"),
        series,
    };
    Ok((panel, note))
}

/// Effort curves: accuracy against thinking tokens, a curve a model.
pub(crate) fn effort_series(path: &Path, first_colour: usize) -> Result<Vec<Series>, CliError> {
    let mut curves: BTreeMap<String, Vec<Point>> = BTreeMap::new();
    let read = each_row(path, |row| {
        let x = need(row, &["tokens", "mean_output_tokens", "avg_tokens_used", "samples"])?;
        let y = need(row, &["accuracy"])?;
        let interval = number(row, &["stderr"]).map(|s| ((y - 1.96 * s).max(0.0), (y + 1.96 * s).min(1.0)));
        let name: Vec<String> = ["model", "task"].iter().filter_map(|k| text(row, k)).map(|n| brief(&n)).collect();
        let name = if name.is_empty() { "measured".to_owned() } else { name.join(", ") };
        curves.entry(name).or_default().push(Point { x, y, interval });
        Ok(())
    });
    read.map_err(|e| eval_error(&e))?;
    if curves.len() > MOST_CURVES {
        return Err(CliError::usage(format!(
            "{} holds {} curves, and a panel shows {MOST_CURVES}",
            path.display(),
            curves.len()
        ))
        .hint("keep the rows of fewer models or tasks"));
    }
    Ok(curves
        .into_iter()
        .enumerate()
        .map(|(i, (name, points))| Series::points(name, first_colour + i, points))
        .collect())
}

/// A model's name without who serves it and when it was made.
fn brief(name: &str) -> String {
    let model = name.rsplit('/').next().unwrap_or(name);
    match model.rsplit_once('-') {
        Some((head, date)) if date.len() == 8 && date.bytes().all(|b| b.is_ascii_digit()) => head.to_owned(),
        _ => model.to_owned(),
    }
}

fn law(path: &Path, error: &outthink_law::LawError) -> CliError {
    CliError::failure(format!("{}: {error}", path.display()))
}

fn number(row: &Map<String, Value>, names: &[&str]) -> Option<f64> {
    let read = |value: &Value| value.as_f64().or_else(|| value.as_str()?.trim().parse().ok());
    names.iter().find_map(|name| read(row.get(*name)?)).filter(|n: &f64| n.is_finite())
}

fn need(row: &Map<String, Value>, names: &[&str]) -> Result<f64, String> {
    number(row, names).ok_or_else(|| {
        let known: Vec<&str> = row.keys().map(String::as_str).collect();
        format!("no number in {}: the columns are {}", names.join(", "), known.join(", "))
    })
}

fn text(row: &Map<String, Value>, name: &str) -> Option<String> {
    match row.get(name)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The parameters that a name such as `Qwen3-1.7b` tells.
fn size_of(name: &str) -> Option<f64> {
    let lower = name.to_lowercase();
    let digits = |c: char| c.is_ascii_digit() || c == '.';
    lower.split(|c: char| !digits(c) && c != 'b' && c != 'm').find_map(|word| {
        let (number, unit) = match (word.strip_suffix('b'), word.strip_suffix('m')) {
            (Some(number), _) => (number, 1e9),
            (_, Some(number)) => (number, 1e6),
            _ => return None,
        };
        number.parse::<f64>().ok().map(|n| n * unit)
    })
}

fn ends(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, 0.0), |(low, high), v| (low.min(v), high.max(v)))
}

/// Points between two ends, evenly on a logarithmic axis.
fn spread(low: f64, high: f64) -> Vec<f64> {
    (0..=STEPS).map(|i| low * (high / low).powf(f64::from(i) / f64::from(STEPS))).collect()
}

#[cfg(test)]
mod tests {
    use super::{brief, size_of};

    #[test]
    fn names_are_short() {
        assert_eq!(brief("anthropic/claude-3-7-sonnet-20250219"), "claude-3-7-sonnet");
        assert_eq!(brief("gpt-4"), "gpt-4");
    }

    #[test]
    fn sizes_are_read_off_names() {
        assert_eq!(size_of("0.6b"), Some(0.6e9));
        assert_eq!(size_of("Qwen3-14B"), Some(14e9));
        assert_eq!(size_of("SmolLM2-135M-Instruct"), Some(135e6));
        assert_eq!(size_of("gpt-4"), None);
    }
}
