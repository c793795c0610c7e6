//! How often forecast intervals hold runs that they have not seen.
//!
//! `cargo run --release -p outthink-law --example forecast_coverage -- FILE.csv ...`, each file with lines of
//! parameters, tokens and loss, without a head.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark prints, and stops at what it cannot read")]

use outthink_law::pretrain::{LossForm, PretrainOptions, Runs, coverage_of_intervals};

fn main() {
    let options = PretrainOptions { bootstraps: 200, starts: 60, ..PretrainOptions::default() };
    for path in std::env::args().skip(1) {
        let mut columns = [vec![], vec![], vec![]];
        for line in std::fs::read_to_string(&path).unwrap().lines() {
            for (column, cell) in columns.iter_mut().zip(line.split(',')) {
                column.push(cell.trim().parse::<f64>().unwrap());
            }
        }
        let [params, tokens, loss] = &columns;
        let runs = Runs { params, tokens, loss };
        for form in LossForm::ALL {
            match coverage_of_intervals(form, &runs, options, &[0.9, 0.95]) {
                Ok(rows) => {
                    for r in rows {
                        println!(
                            "{path} {:<10} {:.0} %: {} of {} ({:.1} %), by the mean's interval {} ({:.1} %); mean width {:.2} % of the loss, mean error {:.2} %",
                            form.name(),
                            100.0 * r.level,
                            r.held,
                            r.tried,
                            100.0 * r.held as f64 / r.tried as f64,
                            r.held_by_mean,
                            100.0 * r.held_by_mean as f64 / r.tried as f64,
                            100.0 * r.mean_width,
                            100.0 * r.error
                        );
                    }
                }
                Err(error) => println!("{path} {}: {error}", form.name()),
            }
        }
    }
}
