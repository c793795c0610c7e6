//! The figures of a report.

use super::Chapter;
use crate::plot::{Axis, Figure, Panel, Point, Series};

/// Accuracy against thinking tokens: the vote with its band, coverage with its forecast.
pub(crate) fn thinking_panel(chapters: &[Chapter]) -> Panel {
    let mut series = Vec::new();
    let several = chapters.len() > 1;
    for (number, chapter) in chapters.iter().enumerate() {
        let name = |what: &str| if several { format!("{}: {what}", chapter.label) } else { what.to_owned() };
        let (vote_colour, cover_colour) = if several { (number, number) } else { (0, 1) };
        let voted = || chapter.rungs.iter().filter_map(|r| r.vote.as_ref().map(|vote| (r.tokens, vote)));
        let votes = voted().map(|(tokens, vote)| (tokens, vote.interval.low, vote.interval.high)).collect();
        series.push(Series::band(vote_colour, votes));
        series.push(Series::line("", vote_colour, voted().map(|(tokens, vote)| (tokens, vote.value)).collect()));
        let marked = voted().map(|(x, vote)| Point { x, y: vote.value, interval: None }).collect();
        series.push(Series::points(name("vote"), vote_colour, marked));
        if several {
            continue;
        }
        let covered = chapter.rungs.iter().map(|r| (r.tokens, r.coverage.value)).collect();
        series.push(Series::line(name("one of them right"), cover_colour, covered));
        let tokens = |k: u64| chapter.mean_tokens * k as f64;
        let ahead: Vec<_> = chapter.forecasts.iter().map(|f| (tokens(f.k), f.interval.low, f.interval.high)).collect();
        series.push(Series::band(cover_colour, ahead));
        let line = chapter.forecasts.iter().map(|f| (tokens(f.k), f.coverage)).collect();
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
pub(crate) fn frontier_figure(chapter: &Chapter) -> Figure {
    let mut series: Vec<Series> = Vec::new();
    for (colour, family) in ["single", "self-consistency", "adaptive"].into_iter().enumerate() {
        let rows: Vec<_> = chapter.strategies.iter().filter(|s| s.family == family).collect();
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
