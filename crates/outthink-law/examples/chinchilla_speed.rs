//! Times the Chinchilla fit: 300 starts, then 1,000 bootstrap draws; for `benches/scipy_chinchilla.py`.
//!
//! Usage: `chinchilla_speed FILE`, with one `params,tokens,loss` a line.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "an example prints and fails as tests do")]

use outthink_law::pretrain::{PretrainOptions, Runs, fit};
use std::time::Instant;

fn main() {
    let path = std::env::args().nth(1).unwrap();
    let text = std::fs::read_to_string(path).unwrap();
    let mut columns = [vec![], vec![], vec![]];
    for line in text.lines() {
        for (column, cell) in columns.iter_mut().zip(line.split(',')) {
            column.push(cell.parse::<f64>().unwrap());
        }
    }
    let runs = Runs { params: &columns[0], tokens: &columns[1], loss: &columns[2] };
    let clock = Instant::now();
    let starts = fit(&runs, PretrainOptions { bootstraps: 0, ..PretrainOptions::default() }).unwrap();
    let of_starts = clock.elapsed().as_secs_f64();
    let clock = Instant::now();
    let whole = fit(&runs, PretrainOptions::default()).unwrap();
    let in_all = clock.elapsed().as_secs_f64();
    assert_eq!(starts.law, whole.law);
    let l = whole.law;
    println!("{of_starts} {in_all} {} {} {} {}", whole.objective, l.floor, l.alpha, l.beta);
}
