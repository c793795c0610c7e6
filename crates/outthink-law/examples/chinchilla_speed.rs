//! Times the Chinchilla fit for `benches/scipy_chinchilla.py`: 300 starts, with 1,000 bootstrap draws or without.
//!
//! Usage: `chinchilla_speed FILE DRAWS`, with one `params,tokens,loss` a line.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "an example prints and fails as tests do")]

use outthink_law::pretrain::{PretrainOptions, Runs, fit};
use std::time::Instant;

fn main() {
    let mut args = std::env::args().skip(1);
    let text = std::fs::read_to_string(args.next().unwrap()).unwrap();
    let bootstraps = args.next().unwrap().parse().unwrap();
    let mut columns = [vec![], vec![], vec![]];
    for line in text.lines() {
        for (column, cell) in columns.iter_mut().zip(line.split(',')) {
            column.push(cell.parse::<f64>().unwrap());
        }
    }
    let runs = Runs { params: &columns[0], tokens: &columns[1], loss: &columns[2] };
    let clock = Instant::now();
    let found = fit(&runs, PretrainOptions { bootstraps, ..PretrainOptions::default() }).unwrap();
    let l = found.law;
    println!("{} {} {} {} {}", clock.elapsed().as_secs_f64(), found.objective, l.floor, l.alpha, l.beta);
}
