//! A sweep while it runs, and what a run holds.

use indicatif::{ProgressBar, ProgressStyle};
use outthink_core::Cost;
use outthink_eval::{Progress, RunSummary, wilson};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// How often a line is printed where stderr is no terminal.
const PAUSE: Duration = Duration::from_secs(10);

/// The line on stderr that shows how far a sweep has come: redrawn on a terminal, and else printed
/// anew every ten seconds.
pub(crate) struct Bar {
    line: Option<ProgressBar>,
    name: String,
    priced: bool,
    printed: Option<Instant>,
}

impl Bar {
    /// Starts the line.
    pub(crate) fn new(name: &str, priced: bool) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(0);
            if let Ok(style) = ProgressStyle::with_template("{bar:24} {pos}/{len} {wide_msg}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        Self { line: bar, name: name.to_owned(), priced, printed: None }
    }

    /// Shows how far it has come.
    pub(crate) fn show(&mut self, progress: &Progress) {
        if let Some(bar) = &self.line {
            bar.set_length(progress.wanted);
            bar.set_position(progress.done);
            bar.set_message(self.words(progress));
        } else if self.printed.is_none_or(|at| at.elapsed() >= PAUSE) {
            self.printed = Some(Instant::now());
            eprintln!("{}: {}/{} {}", self.name, progress.done, progress.wanted, self.words(progress));
        }
    }

    /// Takes the line away.
    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.line {
            bar.finish_and_clear();
        }
    }

    fn words(&self, progress: &Progress) -> String {
        let mut parts = Vec::new();
        if let Some(seconds) = progress.seconds_left().filter(|_| progress.done < progress.wanted) {
            parts.push(format!("{} left", time(seconds)));
        }
        parts.push(format!("{:.0} tokens/s", progress.speed()));
        if self.priced {
            parts.push(money(progress.spent));
        }
        if let Some(accuracy) = progress.accuracy {
            let interval = progress.interval;
            parts.push(format!("right {accuracy:.3} [{:.3}, {:.3}]", interval.low, interval.high));
        }
        if progress.failed > 0 {
            parts.push(format!("{} failed", progress.failed));
        }
        parts.join(", ")
    }
}

/// Prints what a run holds.
pub(crate) fn summary(run: &RunSummary, progress: Option<&Progress>) {
    let spec = &run.spec;
    println!("run         {}", spec.name);
    println!("of          {} ({} problems) by {} on {}", spec.dataset, run.problems, spec.model, spec.engine);
    let settings: Vec<String> = run.settings.iter().map(outthink_eval::Setting::label).collect();
    println!("settings    {}, seed {}", settings.join(" "), spec.seed);
    let added = progress.map(|p| format!(", {} of them new", p.added)).unwrap_or_default();
    println!("samples     {}{added}, {} tokens", run.samples, run.tokens);
    if let Some((accuracy, progress)) = progress.and_then(|p| p.accuracy.map(|a| (a, p))) {
        println!(
            "right       {accuracy:.3} [{:.3}, {:.3}] of a problem's samples, 95 % over {} problems",
            progress.interval.low, progress.interval.high, progress.problems
        );
    } else if run.samples > 0 {
        let interval = wilson(share_of(run) * f64::from(run.problems), run.problems);
        println!("right       {:.3} [{:.3}, {:.3}] of all samples", share_of(run), interval.low, interval.high);
    }
    if run.cost + run.lost > Cost::ZERO {
        println!(
            "cost        {}, {} of it for samples that never came to be",
            money(run.cost + run.lost),
            money(run.lost)
        );
    }
}

fn share_of(run: &RunSummary) -> f64 {
    run.correct as f64 / run.samples.max(1) as f64
}

/// The share of right samples.
pub(crate) fn share(run: &RunSummary) -> String {
    if run.samples == 0 { "-".into() } else { format!("{:.3}", share_of(run)) }
}

/// An amount of money.
pub(crate) fn money(cost: Cost) -> String {
    if cost == Cost::ZERO { "-".into() } else { cost.to_string() }
}

fn time(seconds: f64) -> String {
    let seconds = seconds.round() as u64;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_at_a_glance() {
        assert_eq!(time(5.4), "5 s");
        assert_eq!(time(125.0), "2 min 05 s");
        assert_eq!(time(7_260.0), "2 h 01 min");
    }
}
