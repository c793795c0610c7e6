//! Do forecasts of curves hold what was measured later?

use std::path::PathBuf;

use outthink_law::choose::choose;
use outthink_law::forms::{Curve, Form};
use outthink_law::noise::Noise;

use super::made::Draws;

/// Points held out, those within their 90 and 95 % intervals, and the mean width at 95 %.
#[derive(Debug, Default)]
struct Count {
    tried: usize,
    held: [usize; 2],
    width: f64,
    error: f64,
}

impl Count {
    /// Fits the first `early` points and forecasts the others.
    fn add(&mut self, compute: &[f64], accuracy: &[f64], stderr: &[f64], shared: f64, early: usize) {
        let noise = Noise::stated(&stderr[..early], shared).unwrap();
        let curve = Curve { compute: &compute[..early], accuracy: &accuracy[..early] };
        let choice = choose(&curve, Some(&noise), &Form::ALL, 0.95).unwrap();
        for i in early..compute.len() {
            let at = |level: f64| choice.forecast(compute[i], noise.own(early - 1), level).unwrap();
            let both = [at(0.9), at(0.95)];
            for (held, f) in self.held.iter_mut().zip(&both) {
                *held += usize::from(f.interval.contains(accuracy[i]));
            }
            self.tried += 1;
            self.width += both[1].interval.width();
            self.error += (both[0].accuracy - accuracy[i]).abs();
        }
    }

    fn print(&self, what: &str) {
        let n = self.tried as f64;
        let [a, b] = self.held.map(|h| 100.0 * h as f64 / n);
        let (width, error) = (100.0 * self.width / n, 100.0 * self.error / n);
        println!(
            "{what}: 90 % held {a:.1} %, 95 % held {b:.1} % of {n}; width {width:.1} points, error {error:.2} points"
        );
    }
}

/// The last quarter of each curve of reinforcement learning from the rest.
#[test]
fn the_end_of_reinforcement_lies_within_its_forecast() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/laws/rl_qwen3_gsm8k.csv");
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("skipped: {} is absent", path.display());
        return;
    };
    let rows: Vec<Vec<Option<f64>>> =
        text.lines().skip(1).map(|l| l.split(',').map(|c| c.parse().ok()).collect()).collect();
    let mut count = Count::default();
    for column in 1..6 {
        let points: Vec<(f64, f64)> =
            rows.iter().filter_map(|r| Some((r[0]?, r[column]?))).filter(|p| p.0 > 0.0).collect();
        let (compute, accuracy): (Vec<f64>, Vec<f64>) = points.into_iter().unzip();
        let stderr: Vec<f64> = accuracy.iter().map(|a| (a * (1.0 - a) / 1_319.0).sqrt()).collect();
        let early = compute.len() - compute.len().div_ceil(4);
        count.add(&compute, &accuracy, &stderr, 0.5, early);
    }
    count.print("reinforcement");
    assert!(count.tried > 20 && count.held[1] as f64 >= 0.85 * count.tried as f64, "{count:?}");
}

/// Made curves of three kinds, of which the forms know two.
#[test]
fn the_end_of_made_curves_lies_within_its_forecast() {
    let mut count = Count::default();
    for seed in 0..120 {
        let mut draws = Draws::mixed(seed);
        let (ceiling, steep, n) = (0.3 + 0.65 * draws.uniform(), 0.4 + draws.uniform(), 50.0 + 500.0 * draws.uniform());
        let common = draws.normal();
        let compute: Vec<f64> = (0..10).map(|i| 1e3 * 1.8_f64.powi(i)).collect();
        let clean = |i: usize| {
            let x = i as f64;
            match seed % 3 {
                0 => ceiling / (1.0 + (-steep * (x - 3.0)).exp()),
                1 => 1.0 - 0.9 * compute[i].powf(-0.1 - 0.1 * steep) * 1e3_f64.powf(0.1 + 0.1 * steep),
                _ => ceiling * (1.0 - (-0.25 * steep * (x + 0.5)).exp()),
            }
        };
        let stderr: Vec<f64> = (0..10).map(|i| (clean(i) * (1.0 - clean(i)) / n).sqrt().max(0.004)).collect();
        let accuracy: Vec<f64> = (0..10)
            .map(|i| (clean(i) + stderr[i] * 0.5_f64.sqrt() * (common + draws.normal())).clamp(0.0, 1.0))
            .collect();
        count.add(&compute, &accuracy, &stderr, 0.5, 7);
    }
    count.print("made curves");
    let share = |i: usize| count.held[i] as f64 / count.tried as f64;
    assert!(share(0) > 0.8 && share(1) > 0.88, "{count:?}");
}
