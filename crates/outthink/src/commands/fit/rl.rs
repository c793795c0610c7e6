//! `outthink fit rl`: accuracy against reinforcement-learning compute, jointly over sizes.

use super::curves::Errors;
use super::{DataArgs, Group, Table, brackets, figure, law_error, print_json, print_notes, read_groups};
use crate::error::CliError;
use clap::Args;
use outthink_law::choose::{Choice, CurveForecast, choose};
use outthink_law::fall::{Fall, Miss};
use outthink_law::forms::{Curve, Form};
use outthink_law::noise::Noise;
use outthink_law::rl::{
    Backtest, ErrorPower, PowerFit, RlFit, Run, Sigmoid, SigmoidIntervals, backtest, backtest_power, fit, fit_power,
};
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

/// Words in the name of a column that hold an accuracy on a validation set, as trainers log it, the surest first.
const LOGGED: [&[&str]; 3] = [
    &["val-core/"],
    &["val/test_score", "val_core", "eval_accuracy", "eval/accuracy", "val_accuracy", "val/accuracy"],
    &["accuracy", "/acc/", "_acc", "acc_", "pass@", "pass_at", "exact_match", "test_score", "mean@", "maj@"],
];

/// The columns that hold accuracies, where the table says so by their names; otherwise all but those of the trainer.
fn curve_columns(table: &Table, axis: &str) -> Vec<String> {
    let not_measured = ["run", "epoch", "epochs", "_timestamp", "_runtime", "timestamp"];
    let all: Vec<String> =
        (table.columns().into_iter()).filter(|c| c != axis && !not_measured.contains(&c.as_str())).collect();
    let named = |words: &&[&str]| -> Vec<String> {
        let found = all.iter().filter(|c| words.iter().any(|w| c.to_lowercase().contains(w)));
        found.filter(|c| !c.ends_with("/std") && !c.contains("std@")).cloned().collect()
    };
    LOGGED.iter().map(named).find(|found| !found.is_empty()).unwrap_or(all)
}

/// The curves: one row an evaluation, or a column for each size beside the column of steps. Of a trainer's log the columns
/// of accuracies are taken, and rows of several runs are told apart by the column `run`.
pub(crate) fn read(table: &Table, by: &[String], errors: Errors) -> Result<Vec<Group>, CliError> {
    let run = table.column_named("run").ok().filter(|c| {
        let mut names = table.texts(c);
        let rows = names.len();
        names.sort();
        names.dedup();
        names.len() < rows
    });
    if table.find("accuracy").is_some() || table.find("correct").is_some() {
        let known = ["benchmark", "model", "size"].into_iter().filter_map(|name| table.find(name));
        let usual: Vec<String> = known.chain(run).collect();
        let by = if by.is_empty() { &usual[..] } else { by };
        return read_groups(table, by, &["compute", "step", "flops"], errors);
    }
    let axis = table.find("compute").map_or_else(|| table.need("step"), Ok)?;
    let steps = table.full(&axis, "a number of 0 or above", |x| x >= 0.0)?;
    let columns = curve_columns(table, &axis);
    let runs = run.map_or_else(|| vec![String::new(); table.len()], |c| table.texts(&c));
    let mut names: Vec<&String> = Vec::new();
    for name in &runs {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let mut groups = Vec::new();
    for column in &columns {
        let cells = table.numbers(column)?;
        for &run in &names {
            let points: Vec<(f64, f64)> = (steps.iter().zip(&cells).zip(&runs))
                .filter(|(_, name)| *name == run)
                .filter_map(|((s, a), _)| a.map(|a| (*s, a)))
                .collect();
            if points.is_empty() {
                continue;
            }
            if let Some((_, a)) = points.iter().find(|p| !(0.0..=1.0).contains(&p.1)) {
                return Err(CliError::usage(format!("an accuracy is {a} in the column `{column}`"))
                    .hint("need numbers from 0 to 1, or name the column of accuracies by --map accuracy=COLUMN"));
            }
            let name = match (run.is_empty(), columns.len()) {
                (true, _) => column.clone(),
                (false, 1) => run.clone(),
                (false, _) => format!("{run} / {column}"),
            };
            groups.push(group(name, points, errors));
        }
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

/// One curve of a column.
fn group(name: String, points: Vec<(f64, f64)>, errors: Errors) -> Group {
    let (compute, accuracy): (Vec<f64>, Vec<f64>) = points.into_iter().unzip();
    let stderr = errors.problems.map(|n| {
        let n = n as f64;
        accuracy.iter().map(|a| (((a * n + 1.0) / (n + 2.0)) * (1.0 - (a * n + 1.0) / (n + 2.0)) / n).sqrt()).collect()
    });
    let shared = vec![errors.shared.unwrap_or(outthink_law::noise::USUAL_SHARED); accuracy.len()];
    Group { name, compute, accuracy, stderr, shared, paired: None }
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
/// stated, or `rms`, or as the points scatter about the lines between their neighbours.
pub(crate) fn begun(group: &Group, rms: Option<f64>) -> Result<(Vec<f64>, Vec<f64>, Noise), CliError> {
    let keep: Vec<usize> = (0..group.compute.len()).filter(|&i| group.compute[i] > 0.0).collect();
    let pick = |column: &[f64]| keep.iter().map(|&i| column[i]).collect::<Vec<f64>>();
    let (compute, accuracy) = (pick(&group.compute), pick(&group.accuracy));
    let (stderr, shared) = if let Some(stderr) = &group.stderr {
        (pick(stderr), pick(&group.shared))
    } else {
        let bends = || Noise::from_bends(&Curve { compute: &compute, accuracy: &accuracy }, 0.003);
        let scatter = if rms.is_none() { bends().map_err(|e| law_error(&e))? } else { None };
        let size = rms.or(scatter.map(|noise| noise.own(0))).unwrap_or_default();
        (vec![size.max(0.003); keep.len()], vec![0.0; keep.len()])
    };
    let noise = Noise::stated_each(&stderr, &shared).map_err(|e| law_error(&e))?;
    Ok((compute, accuracy, noise))
}

/// Where the accuracy of a run falls by more than its errors: the laws of reinforcement learning here only rise.
pub(crate) fn fall(group: &Group) -> Result<Option<Fall>, CliError> {
    let (compute, accuracy, noise) = begun(group, None)?;
    Ok(Fall::of(&Curve { compute: &compute, accuracy: &accuracy }, &noise))
}

/// The joint law of one run.
#[derive(Clone, Copy)]
struct Joint {
    law: Sigmoid,
    intervals: SigmoidIntervals,
    rms: f64,
    power: ErrorPower,
}

struct Row {
    group: Group,
    /// `None` where the run falls.
    joint: Option<Joint>,
    fall: Option<Fall>,
    choice: Choice,
    judgement: Judgement,
    at: Vec<CurveForecast>,
    /// Error of the last point without what the points have in common.
    own: f64,
    beside: Option<f64>,
    misses: Option<Miss>,
}

/// The laws of the runs that do not fall, fitted jointly, and how they forecast.
struct Whole {
    fit: RlFit,
    test: Backtest,
    power: PowerFit,
    power_error: f64,
}

impl Whole {
    fn of(runs: &[Run], hold_out: f64) -> Result<Option<Self>, CliError> {
        if runs.is_empty() {
            return Ok(None);
        }
        let fit = fit(runs).map_err(|e| law_error(&e))?;
        let test = backtest(runs, hold_out).map_err(|e| law_error(&e))?;
        let power = fit_power(runs).map_err(|e| law_error(&e))?;
        let power_error = backtest_power(runs, hold_out).map_err(|e| law_error(&e))?;
        Ok(Some(Self { fit, test, power, power_error }))
    }

    fn joint(&self, at: usize) -> Joint {
        let (fit, power) = (&self.fit, self.power.laws[at]);
        Joint { law: fit.laws[at], intervals: fit.intervals[at], rms: fit.rms[at], power }
    }

    fn better(&self) -> &'static str {
        if self.power_error < self.test.error { "power of the error" } else { "sigmoid" }
    }
}

pub(super) fn run(args: &RlArgs) -> Result<(), CliError> {
    let table = args.data.read()?.without_repeats();
    let mut groups = read(&table, &args.by, Errors { problems: args.problems, shared: None })?;
    for group in &mut groups {
        group.cut_before(args.from_step);
    }
    let mut notes = table.notes().to_vec();
    notes.extend(table.find("accuracy").and_then(|_| table.counted_note()));
    if table.find("accuracy").is_none() && groups.len() < table.columns().len().saturating_sub(1) {
        let names: Vec<&str> = groups.iter().map(|g| g.name.as_str()).collect();
        notes.push(format!("read as accuracies: {}; another column by --map accuracy=COLUMN", names.join(", ")));
    }
    let falls = groups.iter().map(fall).collect::<Result<Vec<_>, _>>()?;
    let runs: Vec<Run> = groups.iter().zip(&falls).filter(|(_, fall)| fall.is_none()).map(|(g, _)| as_run(g)).collect();
    let whole = Whole::of(&runs, args.hold_out)?;
    let question = Question {
        threshold: args.threshold,
        level: args.data.level,
        seed: args.data.seed,
        subject: Subject::Training,
        ..Question::default()
    };
    let mut rows = Vec::new();
    let mut risen = 0;
    for (group, fall) in groups.into_iter().zip(falls) {
        let joint = whole.as_ref().filter(|_| fall.is_none()).map(|whole| whole.joint(risen));
        risen += usize::from(joint.is_some());
        let (compute, accuracy, noise) = begun(&group, joint.map(|j| j.rms))?;
        let curve = Curve { compute: &compute, accuracy: &accuracy };
        let forms = Form::suited(&curve, Some(&noise)).map_err(|e| law_error(&e))?;
        let choice = choose(&curve, Some(&noise), forms, args.data.level).map_err(|e| law_error(&e))?;
        let judgement = judge(&curve, &noise, question).map_err(|e| law_error(&e))?;
        let (beside, misses) = (choice.beside(&curve, &noise), choice.misses(&curve, &noise));
        let own = noise.own(compute.len() - 1);
        let at = args.at.iter().map(|&c| choice.forecast(c, own, args.data.level));
        let at = at.collect::<Result<Vec<_>, _>>().map_err(|e| law_error(&e))?;
        rows.push(Row { group, joint, fall, choice, judgement, at, own, beside, misses });
    }
    if let Some(path) = &args.data.svg {
        let drawn: Vec<(&Group, Option<Sigmoid>, &Choice, f64)> =
            rows.iter().map(|r| (&r.group, r.joint.map(|j| j.law), &r.choice, r.own)).collect();
        figure::rl(&drawn).write(path)?;
    }
    if args.data.json {
        let runs: Vec<Value> = (rows.iter())
            .map(|r| {
                let at = |j: &Joint| -> Vec<Value> {
                    (args.at.iter())
                        .map(|&c| json!({ "compute": c, "accuracy": j.law.at(c), "by_power": j.power.at(c) }))
                        .collect()
                };
                json!({ "power": r.joint.map(|j| j.power), "run": r.group.name, "law": r.joint.map(|j| j.law),
                    "intervals": r.joint.map(|j| j.intervals), "rms": r.joint.map(|j| j.rms), "fall": r.fall,
                    "choice": r.choice, "verdict": r.judgement, "at": r.at, "beside_its_points": r.beside,
                    "misses": r.misses, "sigmoid_at": r.joint.as_ref().map(at) })
            })
            .collect();
        let whole = whole.as_ref();
        print_json(&json!({ "schema": 1, "law": "rl", "runs": runs, "backtest": whole.map(|w| &w.test),
            "power": whole.map(|w| json!({ "steepest": w.power.steepest, "half_size": w.power.half_size,
                "backtest_error": w.power_error })),
            "forecasts_best": whole.map(Whole::better), "notes": notes,
            "ceiling_logit_per_doubling_of_size": whole.map(|w| w.fit.ceiling_per_doubling) }));
        return Ok(());
    }
    print_notes(&notes);
    if let Some(whole) = &whole {
        print_joint(args, &table.name, whole, &rows);
    }
    for r in &rows {
        if let Some(f) = r.fall {
            println!(
                "{}: accuracy falls from {:.3} at {:.4e} to {:.3} at {:.4e}, and the joint laws only rise: no ceiling is \
                 fitted to it. For one, leave out what lies after the fall (--where 'STEP<={:.0}')",
                r.group.name, f.top, f.from, f.low, f.to, f.from
            );
        }
    }
    println!();
    for r in &rows {
        super::inference::print_curve(&r.group.name, &r.choice, "C", brackets);
        super::inference::print_beside(r.beside, r.misses);
        super::inference::print_forecasts(&r.at, "steps");
        for (&c, j) in args.at.iter().filter_map(|c| r.joint.map(|j| (c, j))) {
            println!(
                "  at {c:.4e} steps by the joint sigmoid: accuracy {:.3}; by the power of the error {:.3}",
                j.law.at(c),
                j.power.at(c)
            );
        }
        super::inference::print_judgement(&r.judgement);
    }
    Ok(())
}

/// Prints the laws of the runs that were fitted jointly.
fn print_joint(args: &RlArgs, name: &str, whole: &Whole, rows: &[Row]) {
    let (test, power) = (&whole.test, &whole.power);
    let risen: Vec<(&Row, Joint)> = rows.iter().filter_map(|r| r.joint.map(|j| (r, j))).collect();
    println!("{name}: {} curves fitted jointly, R = R0 + (A - R0) / (1 + (Cmid/C)^B)\n", risen.len());
    for (r, j) in &risen {
        let l = j.law;
        println!(
            "  {:<12} {:>3} points   R0 {:.3}   A {:.3} {}   Cmid {:>8.1}   B {:.2}   rms {:.4}",
            r.group.name,
            r.group.accuracy.len(),
            l.start,
            l.ceiling,
            brackets(j.intervals.ceiling, 3),
            l.midpoint,
            l.slope,
            j.rms
        );
    }
    if let Some(slope) = whole.fit.ceiling_per_doubling {
        println!("  each doubling of the size moves the ceiling's logit by {slope:+.2}");
    }
    println!("\nln(1 - R) = level - k(N) ln C, k(N) = K / (1 + N0/N)");
    for (r, j) in &risen {
        println!("  {:<12} level {:+.3}   k {:.4}", r.group.name, j.power.level, j.power.exponent);
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
    println!(
        "  {:<12} {:>3} points   {:.4}   forecasts best: {}\n",
        "power",
        test.n,
        whole.power_error,
        whole.better()
    );
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
