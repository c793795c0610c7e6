//! Reinforcement-learning curves: the published ones, made ones, and refusals.

use std::path::PathBuf;

use outthink_law::LawError;
use outthink_law::rl::{Run, Sigmoid, backtest, fit};

use super::made::Draws;

fn published() -> Option<Vec<Run>> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/laws/rl_qwen3_gsm8k.csv");
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("skipped: {} is absent", path.display());
        return None;
    };
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next()?.split(',').skip(1).collect();
    let mut runs: Vec<Run> = (names.iter())
        .map(|name| Run {
            name: (*name).to_owned(),
            size: name.trim_end_matches('b').parse::<f64>().ok().map(|b| b * 1e9),
            compute: vec![],
            accuracy: vec![],
        })
        .collect();
    for line in lines {
        let cells: Vec<&str> = line.split(',').collect();
        for (run, cell) in runs.iter_mut().zip(&cells[1..]) {
            if let Ok(accuracy) = cell.parse() {
                run.compute.push(cells[0].parse().unwrap());
                run.accuracy.push(accuracy);
            }
        }
    }
    Some(runs)
}

#[test]
fn the_last_quarter_of_five_sizes() {
    let Some(runs) = published() else { return };
    let test = backtest(&runs, 0.25).unwrap();
    println!("{test:#?}");
    let whole = fit(&runs).unwrap();
    println!("{whole:#?}");
    assert!(test.error < 0.015, "{test:?}");
    assert!(test.error < test.error_last_value, "{test:?}");
    // The larger model has the higher ceiling.
    assert!(whole.ceiling_per_doubling.unwrap() > 0.0);
}

#[test]
fn a_short_curve_learns_from_its_siblings() {
    let of = |size: f64| Sigmoid {
        start: 0.1,
        ceiling: 1.0 / (1.0 + (-0.4 * (size / 1e9).ln() - 0.5_f64).exp()),
        midpoint: 20.0,
        slope: 1.8,
    };
    let mut draws = Draws::seeded(4);
    let mut runs = Vec::new();
    for (i, size) in [1e9, 2e9, 4e9, 8e9, 16e9].into_iter().enumerate() {
        let last = if i == 4 { 18 } else { 100 };
        let compute: Vec<f64> = (0..=last).step_by(2).map(f64::from).collect();
        let accuracy = compute.iter().map(|c| of(size).at(*c) + 0.006 * draws.normal()).collect();
        runs.push(Run { name: format!("{size}"), size: Some(size), compute, accuracy });
    }
    let joint = fit(&runs).unwrap().laws[4];
    let alone = fit(&runs[4..]).unwrap().laws[0];
    let truth = of(16e9).at(100.0);
    println!("at 100 steps: {truth:.3}, jointly {:.3}, alone {:.3}", joint.at(100.0), alone.at(100.0));
    assert!((joint.at(100.0) - truth).abs() < 0.06, "{joint:?}");
}

#[test]
fn refuses_what_it_cannot_fit() {
    let run = |compute: &[f64], accuracy: &[f64]| {
        let run = Run { name: "x".into(), size: None, compute: compute.to_vec(), accuracy: accuracy.to_vec() };
        fit(&[run]).unwrap_err()
    };
    let (c, a) = ([0.0, 1.0, 2.0, 3.0, 4.0], [0.1, 0.2, 0.3, 0.4, 0.5]);
    assert!(matches!(fit(&[]).unwrap_err(), LawError::TooFewPoints { .. }));
    assert!(matches!(run(&c[..4], &a[..4]), LawError::TooFewPoints { .. }));
    assert!(matches!(run(&[2.0; 5], &a), LawError::OneValueOnly { .. }));
    assert!(matches!(run(&[-1.0, 1.0, 2.0, 3.0, 4.0], &a), LawError::BadValue { what: "compute", .. }));
    assert!(matches!(run(&c, &[0.1, 0.2, f64::NAN, 0.3, 0.4]), LawError::BadValue { row: 2, .. }));
}
