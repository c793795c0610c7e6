//! The three curves.

use super::Results;
use crate::plot::{Axis, Figure, Panel, Point, Series};
use outthink_train::Measured;
use outthink_train::thinking;

/// All of them side by side.
pub(super) fn all(results: &Results) -> Figure {
    Figure { title: String::new(), panels: vec![pretraining(results), reinforcement(results), thought(results)] }
}

fn plain(x: f64, y: f64) -> Point {
    Point { x, y, interval: None }
}

fn pretraining(results: &Results) -> Panel {
    let mut series: Vec<Series> = Vec::new();
    for (colour, runs) in results.grid.chunk_by(|a, b| a.params == b.params).enumerate() {
        let at = || runs.iter().map(|run| (run.tokens as f64, run.loss));
        series.push(Series::line("", colour, at().collect()));
        let name = runs.first().map_or_else(String::new, |run| format!("{} parameters", run.params));
        series.push(Series::points(name, colour, at().map(|(x, y)| plain(x, y)).collect()));
    }
    if let Some(forecast) = &results.forecast {
        let (tokens, colour) = (forecast.measured.tokens as f64, series.len() / 2);
        let name = format!("{} parameters", forecast.measured.params);
        series.push(Series::points(name, colour, vec![plain(tokens, forecast.measured.loss)]));
        series.push(Series::points("its forecast", colour + 1, vec![plain(tokens, forecast.expected)]));
    }
    Panel {
        title: "Pre-training".to_owned(),
        x: Axis::log("tokens read"),
        y: Axis::linear("loss, nats a byte"),
        series,
    }
}

fn reinforcement(results: &Results) -> Panel {
    let curve = |name: &str, colour, of: fn(&super::Learnt) -> &Measured| {
        let at = results.rl.iter().map(|learnt| (learnt.step as f64, of(learnt).accuracy));
        Series::line(name, colour, at.collect())
    };
    Panel {
        title: "Reinforcement learning".to_owned(),
        x: Axis::linear("steps"),
        y: Axis::share("accuracy on held-out problems"),
        series: vec![curve("sampled", 0, |l| &l.sampled), curve("greedy", 1, |l| &l.greedy)],
    }
}

fn thought(results: &Results) -> Panel {
    let mut series = Vec::new();
    let mut add = |name: &str, colour, points: &[thinking::Point]| {
        let mut points = points.to_vec();
        points.sort_by(|a, b| a.tokens.total_cmp(&b.tokens));
        series.push(Series::line("", colour, points.iter().map(|p| (p.tokens, p.accuracy)).collect()));
        let shown = points.iter().map(|p| Point { x: p.tokens, y: p.accuracy, interval: Some((p.low, p.high)) });
        series.push(Series::points(name, colour, shown.collect()));
    };
    add("vote", 0, &results.before.vote);
    add("vote after reinforcement", 1, &results.after.vote);
    add("exact check", 2, &results.before.check);
    add("one greedy thought", 3, &results.before.length);
    Panel {
        title: "Thinking".to_owned(),
        x: Axis::log("tokens a problem"),
        y: Axis::share("accuracy on held-out problems"),
        series,
    }
}
