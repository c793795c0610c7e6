//! The panels of the laws that are read from files: loss against compute, accuracy against RL compute, and
//! effort curves that others measured. The files are read and fitted as `outthink fit` does.

use crate::commands::fit::{
    Errors, Group, Table, fresh_law, law_error, pretrain_columns, read_groups, rl_curves, rl_fall, rl_points, rl_run,
};
use crate::error::CliError;
use crate::plot::{Axis, Panel, Point, Series};
use outthink_law::choose::{Choice, choose};
use outthink_law::forms::{Curve, Form};
use outthink_law::noise::Noise;
use outthink_law::pretrain::PretrainOptions;
use outthink_law::rl;
use outthink_law::verdict::{Judgement, Question, Subject, judge};
use std::fmt::Write as _;

/// Points of a drawn law.
const STEPS: u32 = 60;
/// Curves in one panel at most: more cannot be told apart.
const MOST_CURVES: usize = 7;

/// Verdicts by the names of their curves.
pub(crate) type Judged = Vec<(String, Judgement)>;

/// A panel, what to say of it, and the verdicts on its curves.
pub(crate) struct Drawn {
    pub(crate) panel: Panel,
    pub(crate) note: String,
    pub(crate) judged: Judged,
}

/// Loss against compute, with the compute-optimal frontier of the fitted law.
pub(crate) fn pretrain_panel(table: &Table) -> Result<Drawn, CliError> {
    let columns = pretrain_columns(table)?;
    let options = PretrainOptions { bootstraps: 200, ..PretrainOptions::default() };
    let (columns, fit) = fresh_law(&columns, options)?;
    let points: Vec<Point> =
        columns.flops.iter().zip(&columns.loss).map(|(&x, &y)| Point { x, y, interval: None }).collect();
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
    let mut note = format!(
        "Pre-training: L(N, D) = E + A/N^α + B/D^β over {} runs: E {:.3}{range}, α {:.3}, β {:.3}. At 10x the compute of the most expensive run the law expects a loss of {:.3}.",
        fit.n,
        fit.law.floor,
        fit.law.alpha,
        fit.law.beta,
        fit.law.optimum(10.0 * high).loss
    );
    for more in &columns.notes {
        let _ = write!(note, " Note: {more}.");
    }
    let panel = Panel {
        title: "Loss against compute".into(),
        x: Axis::log("training compute, FLOP"),
        y: Axis::linear("loss"),
        series,
    };
    Ok(Drawn { panel, note, judged: Vec::new() })
}

/// Accuracy against steps or compute of reinforcement learning, a curve a model.
pub(crate) fn rl_panel(table: &Table, problems: Option<u64>, threshold: f64) -> Result<Drawn, CliError> {
    let mut groups = rl_curves(table, problems)?;
    let left = groups.len().saturating_sub(MOST_CURVES);
    groups.truncate(MOST_CURVES);
    // The joint law only rises: runs that fall are drawn by their own forms.
    let falls = groups.iter().map(rl_fall).collect::<Result<Vec<_>, _>>()?;
    let runs: Vec<rl::Run> =
        groups.iter().zip(&falls).filter(|(_, fall)| fall.is_none()).map(|(g, _)| rl_run(g)).collect();
    let fit = if runs.is_empty() { None } else { Some(rl::fit(&runs).map_err(|e| law_error(&e))?) };
    let backtest = rl::backtest(&runs, 0.25).ok();
    let mut laws = fit.iter().flat_map(|fit| fit.laws.iter().zip(&fit.rms));
    let (mut series, mut judged, mut ceilings) = (Vec::new(), Vec::new(), Vec::new());
    for (colour, (group, fall)) in groups.iter().zip(&falls).enumerate() {
        let law = if fall.is_none() { laws.next() } else { None };
        // Every few steps: hundreds of markers hide each other.
        let every = group.compute.len().div_ceil(40);
        let points = (group.compute.iter().zip(&group.accuracy))
            .filter(|p| *p.0 > 0.0)
            .step_by(every.max(1))
            .map(|(&x, &y)| Point { x, y, interval: None })
            .collect();
        let (low, high) = ends(group.compute.iter().copied().filter(|c| *c > 0.0));
        let (compute, accuracy, noise) = rl_points(group, law.map(|l| *l.1))?;
        let curve = Curve { compute: &compute, accuracy: &accuracy };
        let forms = Form::suited(&curve, Some(&noise)).map_err(|e| law_error(&e))?;
        let choice = choose(&curve, Some(&noise), forms, 0.9).map_err(|e| law_error(&e))?;
        let own = noise.own(compute.len() - 1);
        series.push(Series::band(colour, band(&choice, (high, 4.0 * high), own)));
        series.push(Series::points(group.name.clone(), colour, points));
        let at = |c: &f64| (*c, law.map_or_else(|| choice.at(*c), |(law, _)| law.at(*c)));
        series.push(Series::line("", colour, spread(low, high).iter().map(at).collect()));
        series.push(Series::dashed("", colour, spread(high, high * 4.0).iter().map(at).collect()));
        ceilings.push(match (law, fall) {
            (Some((law, _)), _) => format!("{} {:.3}", group.name, law.ceiling),
            (None, Some(f)) => format!("{} none (falls from {:.3} to {:.3})", group.name, f.top, f.low),
            (None, None) => format!("{} none", group.name),
        });
        let question = Question { threshold, subject: Subject::Training, ..Question::default() };
        judged.push((group.name.clone(), judge(&curve, &noise, question).map_err(|e| law_error(&e))?));
    }
    let error = backtest.map(|b| {
        format!(" The last quarter of each curve, forecast from the rest, is off by {:.3} on average.", b.error)
    });
    let more = if left > 0 { format!(" {left} further curves are not drawn.") } else { String::new() };
    let note = format!("Reinforcement learning: ceilings {}.{}{more}", ceilings.join(", "), error.unwrap_or_default());
    let panel = Panel {
        title: "Accuracy against RL compute".into(),
        x: Axis::log("steps of reinforcement learning"),
        y: Axis::share("accuracy"),
        series,
    };
    Ok(Drawn { panel, note, judged })
}

/// Where the forecasts of a curve lie at 90 %.
fn band(choice: &Choice, (from, to): (f64, f64), own: f64) -> Vec<(f64, f64, f64)> {
    let at = |c: f64| choice.forecast(c, own, 0.9).ok().map(|f| (c, f.interval.low, f.interval.high));
    spread(from, to).into_iter().filter_map(at).collect()
}

/// Effort curves: accuracy against thinking tokens, a curve a model, each with its law, band and verdict.
pub(crate) fn effort_series(
    table: &Table,
    problems: Option<u64>,
    threshold: f64,
    first_colour: usize,
) -> Result<(Vec<Series>, Judged), CliError> {
    let errors = Errors { problems, shared: None };
    let groups = read_groups(table, &[], &["tokens", "samples", "compute", "flops"], errors)?;
    if groups.len() > MOST_CURVES {
        return Err(CliError::usage(format!(
            "{} holds {} curves, and a panel shows {MOST_CURVES}",
            table.name,
            groups.len()
        ))
        .hint("keep fewer models or tasks by --where inference:model=NAME"));
    }
    let (mut series, mut judged) = (Vec::new(), Vec::new());
    for (i, group) in groups.iter().enumerate() {
        let colour = first_colour + i;
        let noise = group.noise()?;
        let points = (group.compute.iter().zip(&group.accuracy).enumerate())
            .map(|(i, (&x, &y))| {
                let error = noise.as_ref().map(|n| 1.96 * n.stderr(i));
                Point { x, y, interval: error.map(|s| ((y - s).max(0.0), (y + s).min(1.0))) }
            })
            .collect();
        series.push(Series::points(brief(&group.name), colour, points));
        series.extend(effort_law(group, noise.as_ref(), colour)?);
        if let Some(noise) = &noise {
            let curve = Curve { compute: &group.compute, accuracy: &group.accuracy };
            let question = Question { threshold, ..Question::default() };
            judged.push((brief(&group.name), judge(&curve, noise, question).map_err(|e| law_error(&e))?));
        }
    }
    Ok((series, judged))
}

/// The law of one effort curve and its forecast to four times the tokens, where there are points enough.
fn effort_law(group: &Group, noise: Option<&Noise>, colour: usize) -> Result<Vec<Series>, CliError> {
    let flat = group.accuracy.iter().all(|&a| a == 0.0) || group.accuracy.iter().all(|&a| a == 1.0);
    if group.settings() < 3 || flat {
        return Ok(Vec::new());
    }
    let curve = Curve { compute: &group.compute, accuracy: &group.accuracy };
    let forms = Form::suited(&curve, noise).map_err(|e| law_error(&e))?;
    let choice = choose(&curve, noise, forms, 0.9).map_err(|e| law_error(&e))?;
    let (low, high) = ends(group.compute.iter().copied());
    let own = noise.map_or(0.0, |n| n.stderr(group.compute.len() - 1));
    let line = |from: f64, to: f64| spread(from, to).iter().map(|&c| (c, choice.at(c))).collect();
    Ok(vec![
        Series::band(colour, band(&choice, (high, 4.0 * high), own)),
        Series::line("", colour, line(low, high)),
        Series::dashed("", colour, line(high, 4.0 * high)),
    ])
}

/// Names without who serves the model and when it was made.
fn brief(name: &str) -> String {
    let one = |part: &str| {
        let model = part.rsplit('/').next().unwrap_or(part);
        match model.rsplit_once('-') {
            Some((head, date)) if date.len() == 8 && date.bytes().all(|b| b.is_ascii_digit()) => head.to_owned(),
            _ => model.to_owned(),
        }
    };
    name.split(" / ").map(one).collect::<Vec<_>>().join(", ")
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
    use super::brief;

    #[test]
    fn names_are_short() {
        assert_eq!(brief("anthropic/claude-3-7-sonnet-20250219"), "claude-3-7-sonnet");
        assert_eq!(brief("OTIS / anthropic/claude-3-7-sonnet-20250219"), "OTIS, claude-3-7-sonnet");
        assert_eq!(brief("gpt-4"), "gpt-4");
    }
}
