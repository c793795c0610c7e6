//! `outthink fit rl`: accuracy against reinforcement-learning compute, jointly over sizes.

use super::curves::Errors;
use super::{DataArgs, Group, Table, brackets, figure, law_error, print_json, read_groups};
use crate::error::CliError;
use clap::Args;
use outthink_law::choose::{Choice, CurveForecast, choose};
use outthink_law::forms::{Curve, Form};
use outthink_law::noise::Noise;
use outthink_law::rl::{Run, Sigmoid, SigmoidIntervals, backtest, backtest_power, fit, fit_power};
use outthink_law::verdict::{Judgement, Question, Subject, judge};
use serde_json::{Value, json};

#[derive(Debug, Args)]
pub(super) struct RlArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Columns whose values make the curves [default: benchmark or task, model, size].
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    by: Vec<String>,
    /// Problems behind each accuracy, where the file does not say.
    #[arg(long, value_name = "N")]
    problems: Option<u64>,
    /// Share of each curve, from its end, that is forecast from the rest.
    #[arg(long, value_name = "SHARE", default_value_t = 0.25)]
    hold_out: f64,
    /// Steps (or compute) at which accuracy is forecast.
    #[arg(long, value_name = "STEPS", value_delimiter = ',')]
    at: Vec<f64>,
    /// Leave out evaluations before this step: the first phase of training follows no law of its later course.
    #[arg(long, value_name = "STEPS", default_value_t = 0.0)]
    from_step: f64,
    /// Gain of a doubling below which it is not worth having, as a share of questions.
    #[arg(long, value_name = "GAIN", default_value_t = 0.02)]
    threshold: f64,
}

/// A size in parameters from a name such as `0.6b` or `Qwen3-14B`.
pub(crate) fn size_of(name: &str) -> Option<f64> {
    if let Ok(size) = name.trim().parse::<f64>() {
        return (size > 0.0).then_some(size);
    }
    let words = name.split(|c: char| !(c.is_ascii_alphanumeric() || c == '.'));
    words.rev().find_map(|word| {
        let lower = word.to_lowercase();
        let (digits, scale) = match lower.strip_suffix('b') {
            Some(digits) => (digits.to_owned(), 1e9),
            None => (lower.strip_suffix('m')?.to_owned(), 1e6),
        };
        digits.parse::<f64>().ok().filter(|x| *x > 0.0).map(|x| x * scale)
    })
}

/// The curves: one row an evaluation, or a column for each size beside the column of steps.
pub(crate) fn read(table: &Table, by: &[String], errors: Errors) -> Result<Vec<Group>, CliError> {
    if table.find("accuracy").is_some() || table.find("correct").is_some() {
        return read_groups(table, by, &["compute", "step", "flops"], errors);
    }
    let axis = table.find("compute").map_or_else(|| table.need("step"), Ok)?;
    let steps = table.full(&axis, "a number of 0 or above", |x| x >= 0.0)?;
    let mut groups = Vec::new();
    for column in table.columns().into_iter().filter(|c| *c != axis) {
        let cells = table.numbers(&column)?;
        let points: Vec<(f64, f64)> = steps.iter().zip(cells).filter_map(|(s, a)| a.map(|a| (*s, a))).collect();
        if let Some((_, a)) = points.iter().find(|p| !(0.0..=1.0).contains(&p.1)) {
            return Err(CliError::usage(format!("an accuracy is {a} in the column `{column}`"))
                .hint("need numbers from 0 to 1, or name the columns by --map accuracy=COLUMN"));
        }
        let (compute, accuracy): (Vec<f64>, Vec<f64>) = points.into_iter().unzip();
        let stderr = errors.problems.map(|n| {
            let n = n as f64;
            accuracy
                .iter()
                .map(|a| (((a * n + 1.0) / (n + 2.0)) * (1.0 - (a * n + 1.0) / (n + 2.0)) / n).sqrt())
                .collect()
        });
        let shared = vec![errors.shared.unwrap_or(outthink_law::noise::USUAL_SHARED); accuracy.len()];
        groups.push(Group { name: column, compute, accuracy, stderr, shared, paired: None });
    }
    // Sizes in the order of their numbers, not of the columns.
    if groups.iter().all(|g| size_of(&g.name).is_some()) {
        groups.sort_by(|x, y| size_of(&x.name).unwrap_or(0.0).total_cmp(&size_of(&y.name).unwrap_or(0.0)));
    }
    if groups.is_empty() {
        return Err(table.need("accuracy").err().unwrap_or_else(|| CliError::usage("no accuracy")));
    }
    Ok(groups)
}

/// The group as a run of training.
pub(crate) fn as_run(group: &Group) -> Run {
    let last = group.name.rsplit(" / ").next().unwrap_or_default();
    Run {
        name: group.name.clone(),
        size: size_of(last),
        compute: group.compute.clone(),
        accuracy: group.accuracy.clone(),
    }
}

/// The points at which training had begun, for laws in the logarithm of compute, with their errors: as
/// stated, or as they scatter about the sigmoid.
pub(crate) fn begun(group: &Group, rms: f64) -> Result<(Vec<f64>, Vec<f64>, Noise), CliError> {
    let keep: Vec<usize> = (0..group.compute.len()).filter(|&i| group.compute[i] > 0.0).collect();
    let pick = |column: &[f64]| keep.iter().map(|&i| column[i]).collect::<Vec<f64>>();
    let (stderr, shared) = match &group.stderr {
        Some(stderr) => (pick(stderr), pick(&group.shared)),
        None => (vec![rms.max(0.003); keep.len()], vec![0.0; keep.len()]),
    };
    let noise = Noise::stated_each(&stderr, &shared).map_err(|e| law_error(&e))?;
    Ok((pick(&group.compute), pick(&group.accuracy), noise))
}

struct Row {
    group: Group,
    law: Sigmoid,
    intervals: SigmoidIntervals,
    rms: f64,
    choice: Choice,
    judgement: Judgement,
    at: Vec<CurveForecast>,
    /// Error of the last point without what the points have in common.
    own: f64,
    beside: Option<f64>,
}

pub(super) fn run(args: &RlArgs) -> Result<(), CliError> {
    let table = args.data.read()?;
    let mut groups = read(&table, &args.by, Errors { problems: args.problems, shared: None })?;
    for group in &mut groups {
        group.cut_before(args.from_step);
    }
    let runs: Vec<Run> = groups.iter().map(as_run).collect();
    let whole = fit(&runs).map_err(|e| law_error(&e))?;
    let test = backtest(&runs, args.hold_out).map_err(|e| law_error(&e))?;
    let power = fit_power(&runs).map_err(|e| law_error(&e))?;
    let power_error = backtest_power(&runs, args.hold_out).map_err(|e| law_error(&e))?;
    let better = if power_error < test.error { "power of the error" } else { "sigmoid" };
    let question = Question {
        threshold: args.threshold,
        level: args.data.level,
        seed: args.data.seed,
        subject: Subject::Training,
        ..Question::default()
    };
    let mut rows = Vec::new();
    for (i, group) in groups.into_iter().enumerate() {
        let (law, intervals, rms) = (whole.laws[i], whole.intervals[i], whole.rms[i]);
        let (compute, accuracy, noise) = begun(&group, rms)?;
        let curve = Curve { compute: &compute, accuracy: &accuracy };
        let choice = choose(&curve, Some(&noise), &Form::ALL, args.data.level).map_err(|e| law_error(&e))?;
        let judgement = judge(&curve, &noise, question).map_err(|e| law_error(&e))?;
        let beside = choice.beside(&curve, &noise);
        let own = noise.own(compute.len() - 1);
        let at = args.at.iter().map(|&c| choice.forecast(c, own, args.data.level));
        let at = at.collect::<Result<Vec<_>, _>>().map_err(|e| law_error(&e))?;
        rows.push(Row { group, law, intervals, rms, choice, judgement, at, own, beside });
    }
    if let Some(path) = &args.data.svg {
        let drawn: Vec<(&Group, Sigmoid, &Choice, f64)> =
            rows.iter().map(|r| (&r.group, r.law, &r.choice, r.own)).collect();
        figure::rl(&drawn).write(path)?;
    }
    if args.data.json {
        let runs: Vec<Value> = (rows.iter().zip(&power.laws))
            .map(|(r, error)| json!({ "power": error, "run": r.group.name, "law": r.law, "intervals": r.intervals, "rms": r.rms, "choice": r.choice,
                "verdict": r.judgement, "at": r.at, "beside_its_points": r.beside,
                "sigmoid_at": args.at.iter().map(|&c| json!({ "compute": c, "accuracy": r.law.at(c),
                    "by_power": error.at(c) })).collect::<Vec<_>>() }))
            .collect();
        print_json(&json!({ "schema": 1, "law": "rl", "runs": runs, "backtest": test,
            "power": { "steepest": power.steepest, "half_size": power.half_size, "backtest_error": power_error },
            "forecasts_best": better,
            "ceiling_logit_per_doubling_of_size": whole.ceiling_per_doubling }));
        return Ok(());
    }
    println!("{}: {} curves fitted jointly, R = R0 + (A - R0) / (1 + (Cmid/C)^B)\n", table.name, rows.len());
    for r in &rows {
        let l = r.law;
        println!(
            "  {:<12} {:>3} points   R0 {:.3}   A {:.3} {}   Cmid {:>8.1}   B {:.2}   rms {:.4}",
            r.group.name,
            r.group.accuracy.len(),
            l.start,
            l.ceiling,
            brackets(r.intervals.ceiling, 3),
            l.midpoint,
            l.slope,
            r.rms
        );
    }
    if let Some(slope) = whole.ceiling_per_doubling {
        println!("  each doubling of the size moves the ceiling's logit by {slope:+.2}");
    }
    println!("\nln(1 - R) = level - k(N) ln C, k(N) = K / (1 + N0/N)");
    for (r, law) in rows.iter().zip(&power.laws) {
        println!("  {:<12} level {:+.3}   k {:.4}", r.group.name, law.level, law.exponent);
    }
    let half = power
        .half_size
        .map_or_else(|| "   one exponent: no rise with the size is seen".to_owned(), |n| format!("   N0 {n:.2e}"));
    println!("  K {:.4}{half}", power.steepest);
    println!("\nthe last {:.0} % of each curve, forecast from the rest (mean absolute error)", 100.0 * args.hold_out);
    for r in &test.runs {
        println!("  {:<12} {:>3} points   {:.4}   bias {:+.4}", r.name, r.n, r.error, r.bias);
    }
    println!(
        "  {:<12} {:>3} points   {:.4}   each curve by itself {:.4}   the last value carried on {:.4}",
        "all", test.n, test.error, test.error_apart, test.error_last_value
    );
    println!("  {:<12} {:>3} points   {power_error:.4}   forecasts best: {better}", "power", test.n);
    println!();
    for (r, error) in rows.iter().zip(&power.laws) {
        super::inference::print_curve(&r.group.name, &r.choice, "C", brackets);
        super::inference::print_beside(r.beside);
        super::inference::print_forecasts(&r.at, "steps");
        for &c in &args.at {
            println!(
                "  at {c:.4e} steps by the joint sigmoid: accuracy {:.3}; by the power of the error {:.3}",
                r.law.at(c),
                error.at(c)
            );
        }
        super::inference::print_judgement(&r.judgement);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_in_names() {
        assert_eq!(size_of("0.6b"), Some(0.6e9));
        assert_eq!(size_of("Qwen3-14B"), Some(14e9));
        assert_eq!(size_of("smollm-135m"), Some(135e6));
        assert_eq!(size_of("7000000000"), Some(7e9));
        assert_eq!(size_of("large"), None);
    }
}
