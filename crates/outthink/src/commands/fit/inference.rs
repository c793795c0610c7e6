//! `outthink fit inference`: accuracy against thinking, coverage against samples, and the wall.

use super::coverage::{self, Asked};
use super::curves::Errors;
use super::{DataArgs, Group, StoreArgs, brackets, figure, law_error, pools, print_json, print_notes, read_groups};
use crate::commands::recorded::is_recorded;
use crate::error::CliError;
use clap::Args;
use outthink_law::Interval;
use outthink_law::best_of::{self, BestOfFit};
use outthink_law::choose::{Choice, CurveForecast, choose};
use outthink_law::fall::Miss;
use outthink_law::forms::{Curve, Form};
use outthink_law::joint::{Pooled, Slope, pool_slopes};
use outthink_law::noise::Noise;
use outthink_law::verdict::{Judgement, Question, Subject, Verdict, judge, likelihood_words};
use rayon::prelude::*;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(super) struct InferenceArgs {
    #[command(flatten)]
    pub(super) data: DataArgs,
    /// Columns whose values make the curves [default: benchmark or task, model, size].
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    by: Vec<String>,
    /// Problems behind each accuracy, where the file states neither them nor standard errors.
    #[arg(long, value_name = "N")]
    problems: Option<u64>,
    /// Share of the variance of one answer that is the problem's own and common to all settings
    /// [default: from runs with several answers a problem, else 0.5].
    #[arg(long, value_name = "SHARE")]
    shared: Option<f64>,
    /// Gain of a doubling below which it is not worth having, as a share of questions.
    #[arg(long, value_name = "GAIN", default_value_t = 0.02)]
    threshold: f64,
    /// Tokens (or samples) a question at which accuracy is forecast.
    #[arg(long, value_name = "TOKENS", value_delimiter = ',')]
    at: Vec<f64>,
    /// Samples a problem at which coverage is forecast.
    #[arg(long, value_name = "K", value_delimiter = ',')]
    forecast: Vec<u64>,
    /// Test the forecast: draw so many of the recorded samples, and compare with all of them.
    #[arg(long, value_name = "N")]
    subsample: Option<u64>,
    /// Times that the samples are drawn again.
    #[arg(long, value_name = "N", default_value_t = 1, requires = "subsample")]
    seeds: u64,
    /// Write the allocation table that `--table` of ask, serve and replay reads; recordings only.
    #[arg(long, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
    /// Write the study of the recorded samples to this JSON file; `fit inference` and `plan` read it.
    #[arg(long, value_name = "FILE")]
    pub(super) study: Option<PathBuf>,
    #[command(flatten)]
    pub(super) store: StoreArgs,
}

impl InferenceArgs {
    pub(super) fn asked(&self) -> Result<Asked, CliError> {
        if self.forecast.contains(&0) {
            return Err(CliError::usage("coverage at 0 samples is 0").hint("give --forecast numbers of at least 1"));
        }
        Ok(Asked { ks: self.forecast.clone(), subsample: self.subsample, seeds: self.seeds })
    }

    pub(super) fn question(&self, subject: Subject) -> Question {
        let (level, seed) = (self.data.level, self.data.seed);
        Question { threshold: self.threshold, level, seed, subject, ..Question::default() }
    }
}

pub(super) fn run(args: &InferenceArgs) -> Result<(), CliError> {
    if args.data.data.iter().any(|given| is_recorded(given)) {
        return pools::run(args);
    }
    if args.study.is_some() {
        return Err(CliError::usage("a study is made of recorded samples, and this file holds none")
            .hint("give a recording, or a run of the store as store:RUN"));
    }
    let table = args.data.read()?;
    if args.out.is_some() {
        return Err(CliError::usage("an allocation table is learned from recorded samples, and this file holds none")
            .hint("give a recording, or a run of the store as store:RUN"));
    }
    let counts = table.find("correct").is_some() && table.find("samples").is_some() && table.find("accuracy").is_none();
    if counts && table.find("tokens").is_none() {
        return coverage::run(&args.data, &coverage::read(&table)?, &args.asked()?);
    }
    let errors = Errors { problems: args.problems, shared: args.shared };
    let table = table.without_repeats();
    let groups = read_groups(&table, &args.by, &["tokens", "samples", "compute", "flops"], errors)?;
    let points: usize = groups.iter().map(|g| g.compute.len()).sum();
    let mut notes = match table.len() - points {
        0 => Vec::new(),
        n => vec![format!("left out: {n} of {} rows without an accuracy or without tokens", table.len())],
    };
    notes.extend(table.notes().iter().cloned());
    notes.extend(table.counted_note());
    notes.extend(without_error(&table));
    notes.extend(lost_covariance(&table));
    // A vote over more samples is not more thinking, and its wall is another's.
    let votes = table.find("tokens").is_none() && table.find("samples").is_some();
    curves(args, (&table.name, &notes), groups, if votes { Subject::Voting } else { Subject::Thinking })
}

/// What is to be said of points without an error of their own.
fn without_error(table: &super::Table) -> Option<String> {
    let (stderr, accuracy) = (table.find("stderr")?, table.find("accuracy")?);
    let problems = table.find("problems").map_or_else(|| vec![String::new(); table.len()], |c| table.texts(&c));
    let cells = table.texts(&stderr).into_iter().zip(table.texts(&accuracy)).zip(problems);
    let n = cells.filter(|((s, a), n)| s.is_empty() && !a.is_empty() && n.is_empty()).count();
    (n > 0 && n < table.len()).then(|| format!("{n} points without a standard error get the largest of their curve"))
}

/// What is to be said of a table that a report wrote.
pub(crate) fn lost_covariance(table: &super::Table) -> Option<String> {
    let said = table.column_named("covariance").is_ok_and(|c| table.texts(&c).iter().any(|t| t.starts_with("lost")));
    said.then(|| {
        "the table has no covariance of its points, so verdict and intervals are wider than the recording's: give the \
         study.json that was written next to it"
            .to_owned()
    })
}

/// What is known of one curve.
pub(super) struct Row {
    group: Group,
    choice: Option<Choice>,
    judgement: Judgement,
    /// Forecasts at the tokens asked for.
    at: Vec<CurveForecast>,
    /// How far the curve lies to one side of its points, in standard errors, where it does.
    beside: Option<f64>,
    /// The point that the curve misses most, where its error does not explain it.
    misses: Option<Miss>,
}

/// Curves that were fitted and judged.
pub(super) struct Judged {
    rows: Vec<Row>,
    /// Curves of one or two settings.
    thin: Vec<String>,
    pooled: Option<Pooled>,
}

/// Fits and judges each curve, then all of them jointly.
fn judged(args: &InferenceArgs, name: &str, groups: Vec<Group>, subject: Subject) -> Result<Judged, CliError> {
    let alone = groups.len() == 1;
    let (thin, groups): (Vec<Group>, Vec<Group>) = groups.into_iter().partition(|g| g.settings() < 3 && !alone);
    if groups.is_empty() {
        return Err(CliError::usage(format!("none of the {} curves of {name} has three settings", thin.len())).hint(
            "the straight line has two constants and needs three points: give more settings, or join curves by --by",
        ));
    }
    let rows = groups.into_par_iter().map(|group| row(args, group, subject)).collect::<Result<Vec<Row>, CliError>>()?;
    let pooled = jointly(&rows);
    Ok(Judged { rows, thin: thin.into_iter().map(|g| g.name).collect(), pooled })
}

impl Judged {
    pub(super) fn to_json(&self) -> Value {
        let curves: Vec<Value> = (self.rows.iter())
            .map(|r| {
                json!({ "curve": r.group.name, "n": r.group.accuracy.len(), "choice": r.choice, "verdict": r.judgement,
                "at": r.at, "beside_its_points": r.beside, "misses": r.misses, "best_of_n": fallible(&r.group) })
            })
            .collect();
        json!({ "curves": curves, "jointly": self.pooled, "too_few_settings": self.thin })
    }

    fn print(&self) {
        for r in &self.rows {
            println!();
            match &r.choice {
                Some(choice) => print_curve(&r.group.name, choice, "tokens", brackets),
                None => println!("{}", r.group.name),
            }
            print_beside(r.beside, r.misses);
            print_forecasts(&r.at, "tokens");
            print_judgement(&r.judgement);
            print_fallible(&r.group);
        }
        if let Some(p) = &self.pooled {
            println!(
                "\njointly: a doubling gains {:+.1} points {} over {} curves, which differ by {:.1} points beyond their errors",
                100.0 * p.mean,
                percent(p.interval),
                p.slopes.len(),
                100.0 * p.between
            );
            for s in &p.slopes {
                println!(
                    "  {:<60} {:+.1} points a doubling by itself, {:+.1} in the light of the others",
                    s.name,
                    100.0 * s.own,
                    100.0 * s.shrunken
                );
            }
        }
        if !self.thin.is_empty() {
            println!("\ninconclusive: {} curves with one or two settings", self.thin.len());
        }
    }

    fn draw(&self, path: &Path) -> Result<(), CliError> {
        let drawn: Vec<(&Group, Option<&Choice>)> = self.rows.iter().map(|r| (&r.group, r.choice.as_ref())).collect();
        figure::curves(&drawn).write(path)
    }
}

/// Fits, judges, draws and prints the curves of a table.
fn curves(
    args: &InferenceArgs,
    (name, notes): (&str, &[String]),
    groups: Vec<Group>,
    subject: Subject,
) -> Result<(), CliError> {
    let judged = judged(args, name, groups, subject)?;
    if let Some(path) = &args.data.svg {
        judged.draw(path)?;
    }
    if args.data.json {
        let mut value = json!({ "schema": 1, "law": "inference", "notes": notes });
        if let (Some(value), Value::Object(curves)) = (value.as_object_mut(), judged.to_json()) {
            value.extend(curves);
        }
        print_json(&value);
        return Ok(());
    }
    println!("{name}: {} curves", judged.rows.len());
    print_notes(notes);
    judged.print();
    Ok(())
}

/// Fits, judges and prints the curves of recorded samples under a heading; as JSON where that is asked for.
pub(super) fn of_recording(
    args: &InferenceArgs,
    heading: &str,
    groups: Vec<Group>,
    subject: Subject,
) -> Result<Option<Value>, CliError> {
    // A curve of fewer points carries no law, and is no fault of the recording.
    let groups: Vec<Group> = groups.into_iter().filter(|g| g.settings() >= 3).collect();
    if groups.is_empty() {
        return Ok(None);
    }
    let judged = judged(args, heading, groups, subject)?;
    if let Some(path) = &args.data.svg {
        judged.draw(path)?;
    }
    if !args.data.json {
        println!("\n{heading}");
        judged.print();
    }
    Ok(Some(judged.to_json()))
}

/// The law of a fallible verifier, of a curve over samples that falls after its highest point.
fn fallible(group: &Group) -> Option<BestOfFit> {
    let whole = group.compute.iter().all(|x| *x >= 1.0 && x.fract() == 0.0) && group.compute.contains(&1.0);
    let order = |i: &usize, j: &usize| group.compute[*i].total_cmp(&group.compute[*j]);
    let last = (0..group.compute.len()).max_by(order)?;
    let top = group.accuracy.iter().copied().fold(0.0, f64::max);
    let error = group.stderr.as_ref().map_or(0.0, |s| s[last]);
    if !whole || group.accuracy[last] >= top - error {
        return None;
    }
    best_of::fit(&group.compute, &group.accuracy).ok()
}

fn print_fallible(group: &Group) {
    let Some(fit) = fallible(group) else { return };
    let l = fit.law;
    println!(
        "  accuracy falls with more samples: what picks the answer is deceived. exp(-a N^-b) (1 + h (N-1))^-r with a {:.3} b \
         {:.3} h {:.3} r {:.3}, rms {:.4}",
        l.a, l.b, l.h, l.r, fit.rms
    );
    let n = l.best();
    println!(
        "  the best number of samples is about {n}: accuracy {:.3}; a perfect verifier {:.3}",
        l.at(n as f64),
        l.coverage(n as f64)
    );
    if let (Some(error), Some(honest)) = (fit.backtest, fit.backtest_honest) {
        println!(
            "  the last quarter of the points, forecast from the rest: off by {error:.3}; by a law that cannot fall {honest:.3}"
        );
    }
}

fn row(args: &InferenceArgs, group: Group, subject: Subject) -> Result<Row, CliError> {
    let noise = group.noise()?;
    let curve = Curve { compute: &group.compute, accuracy: &group.accuracy };
    let flat = group.accuracy.iter().all(|&a| a == 0.0) || group.accuracy.iter().all(|&a| a == 1.0);
    let choice = if flat {
        None
    } else {
        let forms = Form::suited(&curve, noise.as_ref()).map_err(|e| law_error(&e))?;
        Some(choose(&curve, noise.as_ref(), forms, args.data.level).map_err(|e| law_error(&e))?)
    };
    let noise = match (noise, &choice) {
        (Some(noise), _) => noise,
        // Without stated errors the scatter about the best form stands in for them.
        (None, Some(choice)) => {
            let best = &choice.candidates[0].fit;
            let degrees = best.n.saturating_sub(best.constants.len()).max(1) as f64;
            let size = (best.rms * (best.n as f64 / degrees).sqrt()).max(0.003);
            Noise::stated(&vec![size; best.n], 0.0).map_err(|e| law_error(&e))?
        }
        (None, None) => Noise::stated(&vec![0.05; group.accuracy.len()], 0.0).map_err(|e| law_error(&e))?,
    };
    let judgement = judge(&curve, &noise, args.question(subject)).map_err(|e| law_error(&e))?;
    let beside = choice.as_ref().and_then(|c| c.beside(&curve, &noise));
    let misses = choice.as_ref().and_then(|c| c.misses(&curve, &noise));
    let last = (0..curve.compute.len()).max_by(|&i, &j| curve.compute[i].total_cmp(&curve.compute[j])).unwrap_or(0);
    let mut at = Vec::new();
    if let Some(choice) = &choice {
        for &tokens in &args.at {
            at.push(choice.forecast(tokens, noise.stderr(last), args.data.level).map_err(|e| law_error(&e))?);
        }
    }
    Ok(Row { group, choice, judgement, at, beside, misses })
}

/// The gains of a doubling of all curves that rise or fall, pooled.
fn jointly(rows: &[Row]) -> Option<Pooled> {
    let slopes: Vec<Slope> = (rows.iter())
        .filter_map(|r| {
            let fit = r.choice.as_ref()?.candidates.iter().find(|c| c.fit.form == Form::LogLinear)?;
            let (value, interval) = (fit.fit.constant("per_doubling")?, fit.fit.interval("per_doubling")?);
            Some(Slope { name: r.group.name.clone(), value, interval })
        })
        .collect();
    pool_slopes(&slopes).ok()
}

/// An interval of shares in points.
fn percent(interval: Interval) -> String {
    format!("[{:+.1}, {:+.1}]", 100.0 * interval.low, 100.0 * interval.high)
}

/// Prints the forms of one curve.
pub(super) fn print_curve(name: &str, choice: &Choice, unit: &str, brackets: fn(Interval, usize) -> String) {
    let n = choice.candidates.first().map_or(0, |c| c.fit.n);
    println!("{name} ({n} points)");
    for c in &choice.candidates {
        let constants: Vec<String> = (c.fit.form.constants().iter().zip(&c.fit.constants).zip(&c.fit.intervals))
            .map(|((name, value), interval)| format!("{name} {value:.3} {}", brackets(*interval, 3)))
            .collect();
        let forecast = c.forecast_error.map_or_else(|| "forecast -".to_owned(), |e| format!("forecast error {e:.3}"));
        println!(
            "  {:<19} weight {:.2}   AICc weight {:.2}   {forecast}   {}",
            c.fit.form.name(),
            c.weight,
            c.aicc_weight,
            constants.join("   ")
        );
    }
    if !choice.left_out.is_empty() {
        let names: Vec<&str> = choice.left_out.iter().map(|f| f.name()).collect();
        println!("  left out for want of points: {}", names.join(", "));
    }
    if choice.candidates.len() > 1 {
        let by = if choice.forecast_points > 0 {
            format!("by forecasting the {} most expensive points from the cheaper ones", choice.forecast_points)
        } else {
            "by AICc alone: too few points to forecast".to_owned()
        };
        let decided = if choice.decided { "decided" } else { "undecided, the forecast is their mixture" };
        let middle = choice.candidates[0].fit.middle;
        println!("  {decided} ({by}); constants hold at {unit} about {middle:.3e}");
    }
}

/// Says that a curve does not describe its points.
pub(super) fn print_beside(beside: Option<f64>, misses: Option<Miss>) {
    if let (None, Some(m)) = (beside, misses) {
        println!(
            "  no form goes through these points: the best draws {:.3} at {:.4e} where {:.3} is measured, {:.1} standard \
             errors apart; do not read its constants or its forecasts",
            m.drawn,
            m.compute,
            m.measured,
            m.errors.abs()
        );
    }
    if let Some(gap) = beside {
        println!(
            "  no form describes these points: the best lies {:.1} standard errors or more {} all of them; do not read \
             its constants",
            gap.abs(),
            if gap > 0.0 { "above" } else { "below" }
        );
    }
}

/// Prints forecasts of settings that were not measured.
pub(super) fn print_forecasts(at: &[CurveForecast], unit: &str) {
    for f in at {
        let tested = if f.tested { "" } else { "   (too few points to test a forecast)" };
        println!(
            "  at {:.4e} {unit}, {:.2}x the largest: accuracy {:.3} {}{tested}",
            f.compute,
            f.factor,
            f.accuracy,
            brackets(f.interval, 3)
        );
    }
}

/// Prints the verdict of one curve.
pub(super) fn print_judgement(j: &Judgement) {
    let sure = match (j.verdict, j.probability) {
        (Verdict::Inconclusive, _) | (_, None) => String::new(),
        (_, Some(p)) => format!(" ({}, {p:.2})", likelihood_words(p)),
    };
    println!("  {}", j.question);
    println!("  verdict: {}{sure}: {}", j.verdict.words(), j.because);
    if let Some(g) = j.next_doubling {
        let less = j.less_than_threshold.map_or_else(String::new, |p| {
            format!("; less than {:.1} points with probability {p:.2}", 100.0 * j.threshold)
        });
        println!("  the next doubling gains {:+.1} points {}{less}", 100.0 * g.value, percent(g.interval));
    }
    if let Some(f) = j.fall {
        println!("  the highest accuracy measured is {:.3} at {:.4e}; {:.3} at {:.4e}", f.top, f.from, f.low, f.to);
    }
    if let (Some(c), Some(p)) = (j.ceiling, j.pace) {
        println!(
            "  ceiling {:.3} {}; a doubling gained {:+.1} points so far; less than half of that now with probability {:.2}",
            c.value,
            brackets(c.interval, 3),
            100.0 * p.value,
            j.less_than_half_pace.unwrap_or_default()
        );
    }
    println!("  further runs: {}", j.next_runs);
}
