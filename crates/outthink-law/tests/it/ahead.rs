//! Do forecasts of curves hold what was measured later?

use outthink_law::choose::choose;
use outthink_law::forms::{Curve, Form};
use outthink_law::noise::Noise;
use outthink_law::verdict::{Outlook, Question};

use super::made::Draws;

/// Points held out: those within their 90 and 95 % intervals, the sum of the widths at 95 %, and that of the errors.
#[derive(Debug, Default)]
pub(super) struct Count {
    pub(super) tried: usize,
    pub(super) held: [usize; 2],
    pub(super) width: f64,
    pub(super) error: f64,
    /// The same by the outlook that plans go by, which needs four settings.
    pub(super) outlook_tried: usize,
    pub(super) outlook: [usize; 2],
    pub(super) outlook_width: f64,
    pub(super) outlook_error: f64,
    /// Held at 95 % by the outlook's mean curve alone.
    pub(super) outlook_mean: usize,
}

impl Count {
    /// Fits the first `early` points and forecasts the others.
    pub(super) fn add(&mut self, compute: &[f64], accuracy: &[f64], stderr: &[f64], shared: f64, early: usize) {
        let noise = Noise::stated(&stderr[..early], shared).unwrap();
        let curve = Curve { compute: &compute[..early], accuracy: &accuracy[..early] };
        let choice = choose(&curve, Some(&noise), Form::suited(&curve, Some(&noise)).unwrap(), 0.95).unwrap();
        let plans = [0.9, 0.95].map(|level| {
            let question = Question { level, draws: 1_000, ..Question::default() };
            Outlook::new(&curve, &noise, question).ok()
        });
        for i in early..compute.len() {
            if let [Some(of_90), Some(of_95)] = &plans {
                let both = [of_90, of_95].map(|plan| plan.measured(compute[i]));
                for (held, planned) in self.outlook.iter_mut().zip(&both) {
                    *held += usize::from(planned.interval.contains(accuracy[i]));
                }
                self.outlook_tried += 1;
                self.outlook_width += both[1].interval.width();
                self.outlook_error += (both[0].value - accuracy[i]).abs();
                self.outlook_mean += usize::from(of_95.at(compute[i]).interval.contains(accuracy[i]));
            }
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
        let n = self.outlook_tried as f64;
        let [a, b] = self.outlook.map(|h| 100.0 * h as f64 / n);
        let (width, error) = (100.0 * self.outlook_width / n, 100.0 * self.outlook_error / n);
        let of_mean = 100.0 * self.outlook_mean as f64 / n;
        println!(
            "  by the outlook of plans: {a:.1} and {b:.1} %; width {width:.1}, error {error:.2} points; its mean curve alone \
             {of_mean:.1} % at 95 %"
        );
    }
}

/// The last quarter of each curve of reinforcement learning from the rest; `None` where the data are absent.
pub(super) fn reinforcement() -> Option<Count> {
    let text = super::made::laws_file("rl_qwen3_gsm8k.csv")?;
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
    Some(count)
}

/// The last setting of each curve of thinking from the others, where there are four or more; `None` where the data are
/// absent.
pub(super) fn thinking() -> Option<Count> {
    let mut count = Count::default();
    for points in super::through::effort_curves()?.into_values().filter(|p| p.len() >= 4) {
        let of = |i: usize| points.iter().map(|p| p[i]).collect::<Vec<f64>>();
        let (compute, accuracy) = (of(0), of(1));
        let rises = compute[compute.len() - 1] > compute[compute.len() - 2];
        if rises && accuracy[..accuracy.len() - 1].iter().any(|a| *a > 0.0) {
            count.add(&compute, &accuracy, &of(2), 0.5, compute.len() - 1);
        }
    }
    Some(count)
}

/// The last three of ten points of made curves of three kinds, of which the forms know two.
pub(super) fn made_curves(seeds: std::ops::Range<u64>) -> Count {
    let mut count = Count::default();
    for seed in seeds {
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
    count
}

#[test]
fn the_end_of_reinforcement_lies_within_its_forecast() {
    let Some(count) = reinforcement() else { return };
    count.print("reinforcement");
    let n = count.tried as f64;
    assert!(count.tried > 20 && count.held[1] as f64 >= 0.85 * n && count.outlook[1] as f64 >= 0.85 * n, "{count:?}");
}

#[test]
fn the_end_of_made_curves_lies_within_its_forecast() {
    let count = made_curves(0..120);
    count.print("made curves");
    let share = |held: &[usize; 2], i: usize| held[i] as f64 / count.tried as f64;
    assert!(share(&count.held, 0) > 0.8 && share(&count.held, 1) > 0.88, "{count:?}");
    assert!(share(&count.outlook, 0) > 0.86 && share(&count.outlook, 1) > 0.92, "{count:?}");
}
