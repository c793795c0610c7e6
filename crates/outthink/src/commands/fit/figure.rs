//! Pictures of the laws.

use super::Group;
use super::coverage::Counts;
use super::pretrain::Columns;
use crate::plot::{Axis, Figure, Panel, Point, Series};
use outthink_law::choose::Choice;
use outthink_law::coverage::CoverageFit;
use outthink_law::pretrain::PretrainFit;
use outthink_law::rl::Sigmoid;

/// Curves drawn in one panel at most.
const MOST: usize = 8;

fn plain(x: f64, y: f64) -> Point {
    Point { x, y, interval: None }
}

/// Points from `low` to `high`, evenly in the logarithm.
fn steps(low: f64, high: f64) -> impl Iterator<Item = f64> {
    (0..=80).map(move |i| low * (high / low).powf(f64::from(i) / 80.0))
}

fn ends(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    (values.clone().fold(f64::INFINITY, f64::min), values.fold(0.0, f64::max))
}

/// Loss against compute, with the best loss at each budget and its interval.
pub(super) fn pretrain(columns: &Columns, fit: &PretrainFit) -> Figure {
    let (low, high) = ends(columns.flops.iter().copied());
    let runs = columns.flops.iter().zip(&columns.loss).map(|(c, l)| plain(*c, *l)).collect();
    let best = steps(low, 100.0 * high).map(|c| (c, fit.law.optimum(c).loss)).collect();
    let mut series = Vec::new();
    if !fit.draws.is_empty() {
        let band = steps(low, 100.0 * high)
            .filter_map(|c| fit.interval(|l| l.optimum(c).loss).map(|i| (c, i.low, i.high)))
            .collect();
        series.push(Series::band(1, band));
    }
    series.push(Series::points("runs", 0, runs));
    series.push(Series::line("best split of the budget", 1, best));
    Figure::of(Panel {
        title: "Loss against training compute".to_owned(),
        x: Axis::log("training compute, FLOP"),
        y: Axis::linear("loss, nats a token"),
        series,
    })
}

/// Where forecasts between `from` and `to` lie at 90 %.
fn band(colour: usize, choice: &Choice, (from, to): (f64, f64), own: f64) -> Series {
    let at = |c: f64| choice.forecast(c, own, 0.9).ok().map(|f| (c, f.interval.low, f.interval.high));
    Series::band(colour, steps(from, to).filter_map(at).collect())
}

/// Accuracy against steps, each run with its sigmoid (the mixture of forms where it falls) and the band of its forecast.
pub(super) fn rl(runs: &[(&Group, Option<Sigmoid>, &Choice, f64)]) -> Figure {
    let mut series = Vec::new();
    for (colour, (group, law, choice, own)) in runs.iter().enumerate() {
        let (low, high) = ends(group.compute.iter().copied().filter(|c| *c > 0.0));
        series.push(band(colour, choice, (high, 4.0 * high), *own));
        let points = group.compute.iter().zip(&group.accuracy).filter(|p| *p.0 > 0.0).map(|(c, a)| plain(*c, *a));
        series.push(Series::points(group.name.clone(), colour, points.collect()));
        let at = |c: f64| (c, law.map_or_else(|| choice.at(c), |law| law.at(c)));
        series.push(Series::line("", colour, steps(low, high).map(at).collect()));
        series.push(Series::dashed("", colour, steps(high, 4.0 * high).map(at).collect()));
    }
    Figure::of(Panel {
        title: "Accuracy against reinforcement learning".to_owned(),
        x: Axis::log("steps, or compute"),
        y: Axis::share("accuracy"),
        series,
    })
}

/// What the names of all curves begin with, up to a ` / `: it stands in the title and not in each line.
fn common<'a>(names: &[&'a str]) -> &'a str {
    let Some(first) = names.first() else { return "" };
    let ends = first.match_indices(" / ").map(|(at, sep)| at + sep.len());
    let shared = ends.filter(|&end| names.len() > 1 && names.iter().all(|n| n.starts_with(&first[..end])));
    shared.last().map_or("", |end| &first[..end])
}

/// Accuracy against tokens, each curve with the mixture of its forms.
pub(super) fn curves(groups: &[(&Group, Option<&Choice>)]) -> Figure {
    let names: Vec<&str> = groups.iter().map(|(g, _)| g.name.as_str()).collect();
    let shared = common(&names);
    let panels = (groups.chunks(MOST))
        .map(|chunk| {
            let mut series = Vec::new();
            for (colour, (group, choice)) in chunk.iter().enumerate() {
                let points = (group.compute.iter().zip(&group.accuracy).enumerate())
                    .map(|(i, (x, y))| {
                        let error = group.stderr.as_ref().map(|s| s[i]).or(group.paired.as_ref().map(|n| n.stderr(i)));
                        Point { x: *x, y: *y, interval: error.map(|s| ((y - s).max(0.0), (y + s).min(1.0))) }
                    })
                    .collect();
                let (low, high) = ends(group.compute.iter().copied());
                if let Some(choice) = choice {
                    let last = group.compute.len().saturating_sub(1);
                    let own = group.stderr.as_ref().map(|s| s[last]).or(group.paired.as_ref().map(|n| n.stderr(last)));
                    series.push(band(colour, choice, (high, 2.0 * high), own.unwrap_or(0.0)));
                    series.push(Series::line("", colour, steps(low, high).map(|c| (c, choice.at(c))).collect()));
                    series.push(Series::dashed(
                        "",
                        colour,
                        steps(high, 2.0 * high).map(|c| (c, choice.at(c))).collect(),
                    ));
                }
                series.push(Series::points(&group.name[shared.len()..], colour, points));
            }
            let of = shared.trim_end_matches(" / ");
            Panel {
                title: if of.is_empty() { "Accuracy against thinking".to_owned() } else { of.to_owned() },
                x: Axis::log("tokens a question"),
                y: Axis::share("accuracy"),
                series,
            }
        })
        .collect();
    Figure { title: String::new(), panels }
}

/// Coverage against samples, with the interval of the forecast.
pub(super) fn coverage(models: &[(Counts, CoverageFit)]) -> Figure {
    let mut series = Vec::new();
    for (colour, (counts, fit)) in models.iter().take(MOST).enumerate() {
        let (_, most) = ends(counts.samples.iter().map(|s| *s as f64));
        let at = |k: f64| fit.forecast(k.round() as u64).ok();
        let line =
            |low: f64, high: f64| steps(low, high).filter_map(|k| at(k).map(|f| (k, f.coverage))).collect::<Vec<_>>();
        let band =
            steps(most, 100.0 * most).filter_map(|k| at(k).map(|f| (k, f.interval.low, f.interval.high))).collect();
        series.push(Series::band(colour, band));
        series.push(Series::line(counts.model.clone(), colour, line(1.0, most)));
        series.push(Series::dashed("", colour, line(most, 100.0 * most)));
    }
    Figure::of(Panel {
        title: "Coverage against samples".to_owned(),
        x: Axis::log("samples a problem"),
        y: Axis::share("problems solved"),
        series,
    })
}
