//! The figures of a report.

use super::Study;
use crate::plot::{Axis, Figure, Panel, Point, Series};

/// Accuracy against thinking tokens: the vote with its band, coverage with its forecast.
pub(crate) fn thinking_panel(studies: &[Study]) -> Panel {
    let mut series = Vec::new();
    let several = studies.len() > 1;
    for (number, study) in studies.iter().enumerate() {
        let name = |what: &str| if several { format!("{}: {what}", study.label) } else { what.to_owned() };
        let (vote_colour, cover_colour) = if several { (number, number) } else { (0, 1) };
        let votes = study.rungs.iter().map(|r| (r.tokens, r.vote.interval.low, r.vote.interval.high)).collect();
        series.push(Series::band(vote_colour, votes));
        let points = |of: fn(&super::study::Rung) -> f64| study.rungs.iter().map(|r| (r.tokens, of(r))).collect();
        series.push(Series::line("", vote_colour, points(|r| r.vote.value)));
        let marked = study.rungs.iter().map(|r| Point { x: r.tokens, y: r.vote.value, interval: None }).collect();
        series.push(Series::points(name("vote"), vote_colour, marked));
        if several {
            continue;
        }
        series.push(Series::line(name("one of them right"), cover_colour, points(|r| r.coverage.value)));
        let tokens = |k: u64| study.mean_tokens * k as f64;
        let ahead: Vec<_> = study.forecasts.iter().map(|f| (tokens(f.k), f.interval.low, f.interval.high)).collect();
        series.push(Series::band(cover_colour, ahead));
        let line = study.forecasts.iter().map(|f| (tokens(f.k), f.coverage)).collect();
        series.push(Series::dashed(name("forecast"), cover_colour, line));
    }
    Panel {
        title: "Accuracy against thinking".into(),
        x: Axis::log("generated tokens a question"),
        y: Axis::share("accuracy"),
        series,
    }
}

/// The three laws side by side; laws without data are left out.
pub(crate) fn laws_figure(panels: Vec<Panel>) -> Figure {
    Figure { title: String::new(), panels }
}

/// What strategies reach for their tokens, by replay.
pub(crate) fn frontier_figure(study: &Study) -> Figure {
    let mut series: Vec<Series> = Vec::new();
    for (colour, family) in ["single", "self-consistency", "adaptive"].into_iter().enumerate() {
        let rows: Vec<_> = study.strategies.iter().filter(|s| s.family == family).collect();
        let points = rows.iter().map(|s| Point { x: s.row.tokens, y: s.row.accuracy, interval: None }).collect();
        let mut line: Vec<(f64, f64)> = rows.iter().map(|s| (s.row.tokens, s.row.accuracy)).collect();
        line.sort_by(|a, b| a.0.total_cmp(&b.0));
        if line.len() > 1 {
            series.push(Series::line("", colour, line));
        }
        series.push(Series::points(family, colour, points));
    }
    Figure::of(Panel {
        title: "Strategies".into(),
        x: Axis::log("generated tokens a question"),
        y: Axis::share("accuracy"),
        series,
    })
}
