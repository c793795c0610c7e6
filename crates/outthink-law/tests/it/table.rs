//! One table of what forecasts and their intervals were worth on measurements that they had not seen.
//!
//! `cargo test -p outthink-law --test it table_of_forecasts -- --include-ignored --nocapture` prints it. With `OUTTHINK_RUNS`
//! naming a CSV with the columns experiment, params, tokens, loss and, where known, outlier, its runs are added,
//! each experiment once with and once without its outliers.

use std::collections::BTreeMap;

use outthink_law::pretrain::{HeldOut, PretrainOptions, coverage_of_intervals};

use super::ahead::{Count, made_curves, reinforcement, thinking};
use super::pretrain::{Table, published};

/// Runs by experiment, whole and without those that are marked as outliers.
fn experiments(text: &str) -> BTreeMap<String, [Table; 2]> {
    let mut lines = text.lines();
    let head: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
    let find = |name: &str| head.iter().position(|h| *h == name);
    let column = |name: &str| find(name).unwrap();
    let [experiment, params, tokens, loss] = ["experiment", "params", "tokens", "loss"].map(column);
    let outlier = find("outlier");
    let mut all: BTreeMap<String, [Table; 2]> = BTreeMap::new();
    for line in lines {
        let cells: Vec<&str> = line.split(',').collect();
        let number = |at: usize| cells.get(at).and_then(|c| c.parse::<f64>().ok());
        let (Some(n), Some(d), Some(l)) = (number(params), number(tokens), number(loss)) else { continue };
        let tables = all.entry(cells[experiment].to_owned()).or_default();
        let kept = outlier.is_none_or(|at| !cells[at].eq_ignore_ascii_case("true"));
        for table in tables.iter_mut().take(if kept { 2 } else { 1 }) {
            table.params.push(n);
            table.tokens.push(d);
            table.loss.push(l);
        }
    }
    all
}

/// Sums over sets, run for run.
#[derive(Default)]
struct Total {
    tried: f64,
    held: [f64; 2],
    of_mean: f64,
    width: f64,
    error: f64,
}

impl Total {
    fn line(&self, what: &str) {
        let n = self.tried;
        println!(
            "{what:<52} {n:>6} {:>7.1} {:>7.1} {:>8.2} {:>7.2} {:>8.1}",
            100.0 * self.held[0] / n,
            100.0 * self.held[1] / n,
            100.0 * self.width / n,
            100.0 * self.error / n,
            100.0 * self.of_mean / n
        );
    }

    fn and(&self, other: &Self) -> Self {
        Self {
            tried: self.tried + other.tried,
            held: [self.held[0] + other.held[0], self.held[1] + other.held[1]],
            of_mean: self.of_mean + other.of_mean,
            width: self.width + other.width,
            error: self.error + other.error,
        }
    }

    fn add(&mut self, rows: &[HeldOut]) {
        let n = rows[0].tried as f64;
        self.tried += n;
        self.held[0] += rows[0].held as f64;
        self.held[1] += rows[1].held as f64;
        self.of_mean += rows[1].held_by_mean as f64;
        self.width += rows[1].mean_width * n;
        self.error += rows[1].error * n;
    }
}

/// Tests the intervals of one set and adds them to a total.
fn tested(name: &str, table: &Table, total: &mut Total) {
    let options = PretrainOptions { bootstraps: 100, starts: 60, ..PretrainOptions::default() };
    match coverage_of_intervals(None, &table.runs(), options, &[0.9, 0.95]) {
        Ok(rows) => {
            let mut one = Total::default();
            one.add(&rows);
            one.line(&format!("{name} ({} runs)", table.loss.len()));
            total.add(&rows);
        }
        Err(error) => println!("{name}: {error}"),
    }
}

fn of_curves(name: &str, count: Option<Count>) {
    let Some(c) = count else { return };
    let both = |held: [usize; 2]| held.map(|h| h as f64);
    let n = c.tried as f64;
    Total { tried: n, held: both(c.held), of_mean: f64::NAN, width: c.width, error: c.error }
        .line(&format!("{name}, by fit --at"));
    let (of_mean, n) = (c.outlook_mean as f64, c.outlook_tried as f64);
    if n == 0.0 {
        return;
    }
    Total { tried: n, held: both(c.outlook), of_mean, width: c.outlook_width, error: c.outlook_error }
        .line(&format!("{name}, by plan"));
}

#[test]
#[ignore = "minutes"]
fn table_of_forecasts() {
    println!(
        "{:<52} {:>6} {:>7} {:>7} {:>8} {:>7} {:>8}",
        "held out", "tried", "90 %", "95 %", "width", "error", "mean's"
    );
    let (mut all, mut whole, mut clean) = (Total::default(), Total::default(), Total::default());
    for leave_out in [0, 5] {
        if let Some(table) = published(leave_out) {
            tested(&format!("chinchilla_epoch, {leave_out} highest left out"), &table, &mut all);
        }
    }
    if all.tried > 0.0 {
        all.line("all of chinchilla_epoch");
        let share = |i: usize| all.held[i] / all.tried;
        assert!((0.88..=0.99).contains(&share(0)) && (0.93..=1.0).contains(&share(1)));
    }
    if let Ok(path) = std::env::var("OUTTHINK_RUNS") {
        let sets = experiments(&std::fs::read_to_string(path).unwrap());
        for (name, [with, without]) in &sets {
            tested(name, with, &mut whole);
            tested(&format!("{name}, no outliers"), without, &mut clean);
        }
        whole.line("all added sets");
        clean.line("all added sets, no outliers");
        let every = all.and(&whole).and(&clean);
        every.line("all of these losses");
        let share = |i: usize| every.held[i] / every.tried;
        assert!((0.88..=0.96).contains(&share(0)) && (0.93..=0.99).contains(&share(1)));
    }
    of_curves("last quarter of RL curves", reinforcement());
    of_curves("last setting of curves of thinking", thinking());
    of_curves("last 3 of 10 points of made curves", Some(made_curves(0..120)));
    println!("(width at 95 %, error: per cent of the loss, or points of accuracy)");
}
