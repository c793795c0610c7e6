//! Accuracy against reinforcement-learning compute, jointly over model sizes.
//!
//! Each size follows a saturating sigmoid in log compute from the accuracy before training to a
//! ceiling: R = R0 + (A − R0) / (1 + (Cmid / C)^B) (Khatri et al. 2025, arXiv:2510.13786, eq. 1).
//! Ceiling, midpoint and steepness follow trends in the logarithm of the size, about which the sizes
//! scatter (see [`SCATTER`]): a curve that has not bent yet is read in the light of those that have.

mod interval;
mod power;

pub use interval::SigmoidIntervals;
pub use power::{ErrorPower, POWER, PowerFit, backtest_power, fit_power};

use crate::entry::LawEntry;
use outthink_core::{Entry, Paper};
use serde::{Deserialize, Serialize};

use crate::LawError;
use crate::error::{check, need_points, same_len};
use crate::optim::{Limits, minimise};
use crate::special::{expit, logit};

/// How it is described.
pub const ENTRY: LawEntry = LawEntry {
    entry: Entry {
        paper: Some(Paper::new("Khatri et al. 2025", "https://arxiv.org/abs/2510.13786")),
        ..Entry::new("rl", "accuracy against compute of reinforcement learning, jointly over sizes")
    },
    formula: "R = R0 + (A − R0) / (1 + (Cmid/C)^B)",
    fitted_to: "rl",
};

const FORM: &str = "the sigmoid of reinforcement learning";
/// Prior scatter of a size about the trend: logit of the ceiling, ln of the midpoint, ln of B.
pub const SCATTER: [f64; 3] = [0.35, 0.7, 0.35];
/// Standard deviation of an accuracy below which scatter is not believed.
const LEAST_ERROR: f64 = 0.003;

/// One model's training run: one entry an evaluation in each column.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Its name.
    pub name: String,
    /// Parameters, where known; without them all sizes share one level instead of a trend.
    pub size: Option<f64>,
    /// Compute or steps so far; 0 is the model before training.
    pub compute: Vec<f64>,
    /// Accuracy, 0 to 1.
    pub accuracy: Vec<f64>,
}

/// R = `start` + (`ceiling` − `start`) / (1 + (`midpoint` / C)^`slope`).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Sigmoid {
    /// Accuracy before training.
    pub start: f64,
    /// Accuracy that training approaches.
    pub ceiling: f64,
    /// Compute at which half of the way is done.
    pub midpoint: f64,
    /// Steepness B.
    pub slope: f64,
}

impl Sigmoid {
    /// Accuracy at `compute`.
    ///
    /// # Examples
    ///
    /// ```
    /// use outthink_law::rl::Sigmoid;
    /// let law = Sigmoid { start: 0.3, ceiling: 0.8, midpoint: 100.0, slope: 1.2 };
    /// assert!((law.at(100.0) - 0.55).abs() < 1e-9 && law.at(1e9) < 0.8);
    /// ```
    pub fn at(&self, compute: f64) -> f64 {
        if compute <= 0.0 {
            return self.start;
        }
        self.start + (self.ceiling - self.start) * expit(self.slope * (compute / self.midpoint).ln())
    }
}

/// The runs fitted jointly.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RlFit {
    /// One sigmoid a run, in the order of the runs.
    pub laws: Vec<Sigmoid>,
    /// Change of the ceiling's logit when the size doubles; `None` without two known sizes.
    pub ceiling_per_doubling: Option<f64>,
    /// Root mean square of the residuals of each run.
    pub rms: Vec<f64>,
    /// 95 % intervals of each run's constants, in the light of the others.
    pub intervals: Vec<SigmoidIntervals>,
}

/// How well the end of each curve was foreseen from its beginning.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Backtest {
    /// One entry a run.
    pub runs: Vec<BacktestRun>,
    /// Mean absolute error over all points held out.
    pub error: f64,
    /// The same for each run fitted by itself.
    pub error_apart: f64,
    /// The same for the last value seen, carried on.
    pub error_last_value: f64,
    /// Points held out.
    pub n: usize,
}

/// One run's part of a [`Backtest`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BacktestRun {
    /// The run.
    pub name: String,
    /// Points held out.
    pub n: usize,
    /// Mean absolute error.
    pub error: f64,
    /// Mean of forecast minus measured.
    pub bias: f64,
}

fn checked(runs: &[Run]) -> Result<(), LawError> {
    if runs.is_empty() {
        return Err(LawError::TooFewPoints { form: FORM, parameters: 4, points: 0, need: 5 });
    }
    for run in runs {
        same_len("compute", run.compute.len(), "accuracy", run.accuracy.len())?;
        check("compute", &run.compute, "a finite number, 0 or above", |x| x >= 0.0)?;
        check("accuracy", &run.accuracy, "a number from 0 to 1", |x| (0.0..=1.0).contains(&x))?;
        if let Some(size) = run.size {
            check("size", &[size], "a finite number above 0", |x| x > 0.0)?;
        }
        need_points(FORM, 4, run.accuracy.len())?;
        if run.compute.iter().all(|&c| c == run.compute[0]) {
            return Err(LawError::OneValueOnly { what: "compute", points: run.compute.len() });
        }
    }
    Ok(())
}

/// Unknowns of one run: logit of the ceiling, ln of the midpoint, ln of B, logit of the start.
type Unknowns = [f64; 4];

/// Where the trend expects a run, and how sure it is; entries of infinite scatter are free.
#[derive(Clone, Copy)]
struct Expected {
    at: [f64; 3],
    scatter: [f64; 3],
}

fn fit_one(run: &Run, sigma: f64, expected: Option<Expected>, from: &[Unknowns]) -> Option<Unknowns> {
    let logs: Vec<f64> = run.compute.iter().map(|c| c.ln()).collect();
    let weight = sigma.powi(-2);
    let objective = |p: &Unknowns| {
        let (ceiling, start, slope) = (expit(p[0]), expit(p[3]), p[2].exp());
        // A whisper of a prior keeps what the data leave free from running off.
        let mut value = p.iter().map(|v| 1e-3 * v * v).sum::<f64>();
        let mut g = p.map(|v| 2e-3 * v);
        for (x, y) in logs.iter().zip(&run.accuracy) {
            let (s, at) = if x.is_finite() { (expit(slope * (x - p[1])), x - p[1]) } else { (0.0, 0.0) };
            let r = start + (ceiling - start) * s - y;
            let bend = (ceiling - start) * s * (1.0 - s) * slope;
            value += weight * r * r;
            let w = 2.0 * weight * r;
            g[0] += w * s * ceiling * (1.0 - ceiling);
            g[1] -= w * bend;
            g[2] += w * bend * at;
            g[3] += w * (1.0 - s) * start * (1.0 - start);
        }
        if let Some(e) = expected {
            for i in 0..3 {
                let z = (p[i] - e.at[i]) / e.scatter[i];
                value += z * z;
                g[i] += 2.0 * z / e.scatter[i];
            }
        }
        (value, g)
    };
    let ends = from.iter().map(|start| minimise(objective, *start, Limits::default()));
    ends.filter(|e| e.value.is_finite()).min_by(|x, y| x.value.total_cmp(&y.value)).map(|e| e.at)
}

fn starts(run: &Run) -> Vec<Unknowns> {
    let top = run.accuracy.iter().copied().fold(0.05, f64::max);
    let low = run.accuracy.iter().copied().fold(0.95, f64::min);
    let positive: Vec<f64> = run.compute.iter().copied().filter(|c| *c > 0.0).map(f64::ln).collect();
    let first = positive.iter().copied().fold(f64::INFINITY, f64::min);
    let last = positive.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut all = Vec::new();
    for ceiling in [top, f64::midpoint(top, 1.0)] {
        for share in [0.2, 0.5, 0.8, 1.1] {
            for slope in [-0.2, 0.8] {
                let start = low.clamp(0.005, 0.98);
                all.push([logit(ceiling.clamp(0.02, 0.985)), first + share * (last - first), slope, logit(start)]);
            }
        }
    }
    all
}

fn law(p: &Unknowns) -> Sigmoid {
    Sigmoid { start: expit(p[3]), ceiling: expit(p[0]), midpoint: p[1].exp(), slope: p[2].exp() }
}

fn rms(run: &Run, p: &Unknowns) -> f64 {
    let law = law(p);
    let sum: f64 = run.compute.iter().zip(&run.accuracy).map(|(c, a)| (law.at(*c) - a).powi(2)).sum();
    (sum / run.accuracy.len() as f64).sqrt()
}

/// All runs fitted, one entry a run in each column.
struct Fitted {
    at: Vec<Unknowns>,
    /// Standard deviations of the accuracies.
    sigmas: Vec<f64>,
    /// What the others say; empty where each run stands by itself.
    expected: Vec<Expected>,
    slope: Option<f64>,
}

/// Fits all runs: each by itself for the size of its errors, then in turns with the trend.
fn fit_unknowns(runs: &[Run], joint: bool) -> Result<Fitted, LawError> {
    let lost = LawError::NoConvergence { form: FORM, starts: 16 };
    let mut alone = Vec::with_capacity(runs.len());
    let mut sigmas = Vec::with_capacity(runs.len());
    for run in runs {
        let first = fit_one(run, 0.01, None, &starts(run)).ok_or_else(|| lost.clone())?;
        let n = run.accuracy.len() as f64;
        let sigma = (rms(run, &first) * (n / (n - 4.0).max(1.0)).sqrt()).max(LEAST_ERROR);
        alone.push(fit_one(run, sigma, None, &[first]).ok_or_else(|| lost.clone())?);
        sigmas.push(sigma);
    }
    if !joint || runs.len() < 2 {
        return Ok(Fitted { at: alone, sigmas, expected: Vec::new(), slope: None });
    }
    let mut now = alone;
    let mut slope = None;
    for _ in 0..30 {
        let mut moved = 0.0_f64;
        for i in 0..runs.len() {
            // The trend of the others: a run must not be its own witness.
            let (expected, _) = trend(runs, &now, Some(i));
            let mut from = starts(&runs[i]);
            from.push(now[i]);
            let next = fit_one(&runs[i], sigmas[i], Some(expected), &from).ok_or_else(|| lost.clone())?;
            moved = moved.max(next.iter().zip(&now[i]).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max));
            now[i] = next;
        }
        slope = trend(runs, &now, None).1;
        if moved < 1e-4 {
            break;
        }
    }
    let expected = (0..runs.len()).map(|i| trend(runs, &now, Some(i)).0).collect();
    Ok(Fitted { at: now, sigmas, expected, slope })
}

/// Where a run is expected by the other runs: a line in ln size through their unknowns, or their mean
/// where sizes are not known or too few; the scatter grows with the doubt about the line.
fn trend(runs: &[Run], now: &[Unknowns], leave_out: Option<usize>) -> (Expected, Option<f64>) {
    let with: Vec<usize> = (0..runs.len()).filter(|i| Some(*i) != leave_out).collect();
    let size = |i: usize| runs[i].size.map(f64::ln);
    let sizes: Vec<f64> = with.iter().filter_map(|&i| size(i)).collect();
    let here = leave_out.and_then(size);
    let n = with.len() as f64;
    let mean_x = if sizes.is_empty() { 0.0 } else { sizes.iter().sum::<f64>() / sizes.len() as f64 };
    let spread: f64 = sizes.iter().map(|x| (x - mean_x).powi(2)).sum();
    let lined = sizes.len() == with.len() && sizes.len() >= 2 && spread > 0.01;
    let mut per_size = [0.0; 3];
    let mut at = [0.0; 3];
    let mut scatter = [0.0; 3];
    for k in 0..3 {
        let mean = with.iter().map(|&i| now[i][k]).sum::<f64>() / n;
        let slope = if lined {
            let sxy: f64 = with.iter().zip(&sizes).map(|(&i, x)| (x - mean_x) * (now[i][k] - mean)).sum();
            // A ridge: two sizes do not make a trend that one may extrapolate at full length.
            sxy / (spread + 0.5)
        } else {
            0.0
        };
        per_size[k] = slope;
        let off = here.map_or(0.0, |x| x - mean_x);
        at[k] = mean + if lined { slope * off } else { 0.0 };
        let doubt = 1.0 + 1.0 / n + if lined { off * off / spread } else { 1.0 };
        scatter[k] = SCATTER[k] * doubt.sqrt();
    }
    (Expected { at, scatter }, lined.then_some(per_size[0] * std::f64::consts::LN_2))
}

/// Fits the runs jointly.
///
/// # Errors
///
/// No run; a run with columns of different length, fewer than five evaluations, compute that is
/// negative, one value of compute only, or an accuracy outside 0 to 1.
pub fn fit(runs: &[Run]) -> Result<RlFit, LawError> {
    checked(runs)?;
    let Fitted { at, sigmas, expected, slope } = fit_unknowns(runs, true)?;
    Ok(RlFit {
        laws: at.iter().map(law).collect(),
        ceiling_per_doubling: slope,
        rms: runs.iter().zip(&at).map(|(r, p)| rms(r, p)).collect(),
        intervals: (0..runs.len())
            .map(|i| interval::intervals(&runs[i], &at[i], sigmas[i], expected.get(i).copied()))
            .collect(),
    })
}

/// Points held out of each run: compute and accuracy.
type Late = Vec<Vec<(f64, f64)>>;

/// The runs without the last `share` of their points, and those points.
fn split(runs: &[Run], share: f64) -> Result<(Vec<Run>, Late), LawError> {
    check("share", &[share], "a number between 0 and 1", |x| x > 0.0 && x < 1.0)?;
    checked(runs)?;
    let mut early = Vec::with_capacity(runs.len());
    let mut late = Vec::with_capacity(runs.len());
    for run in runs {
        let mut points: Vec<(f64, f64)> = run.compute.iter().copied().zip(run.accuracy.iter().copied()).collect();
        points.sort_by(|x, y| x.0.total_cmp(&y.0));
        let held = ((points.len() as f64 * share).round() as usize).max(1);
        let rest = points.split_off(points.len() - held);
        let (compute, accuracy) = points.into_iter().unzip();
        early.push(Run { compute, accuracy, ..run.clone() });
        late.push(rest);
    }
    checked(&early)?;
    Ok((early, late))
}

/// Forecasts the last `share` of each curve (by points in order of compute) from the rest, jointly.
///
/// # Errors
///
/// As [`fit`], for what is left of the curves; a share outside 0 to 1.
pub fn backtest(runs: &[Run], share: f64) -> Result<Backtest, LawError> {
    let (early, late) = split(runs, share)?;
    let joint = fit_unknowns(&early, true)?.at;
    let apart = fit_unknowns(&early, false)?.at;
    let mut sums = [0.0; 3];
    let mut all = 0;
    let mut rows = Vec::with_capacity(runs.len());
    for (i, rest) in late.iter().enumerate() {
        let (together, alone) = (law(&joint[i]), law(&apart[i]));
        let last = early[i].accuracy.last().copied().unwrap_or(0.0);
        let gaps: Vec<f64> = rest.iter().map(|(c, a)| together.at(*c) - a).collect();
        let n = rest.len();
        let error: f64 = gaps.iter().map(|g| g.abs()).sum();
        sums[0] += error;
        sums[1] += rest.iter().map(|(c, a)| (alone.at(*c) - a).abs()).sum::<f64>();
        sums[2] += rest.iter().map(|(_, a)| (last - a).abs()).sum::<f64>();
        all += n;
        let bias = gaps.iter().sum::<f64>() / n as f64;
        rows.push(BacktestRun { name: runs[i].name.clone(), n, error: error / n as f64, bias });
    }
    let [error, error_apart, error_last_value] = sums.map(|s| s / all as f64);
    Ok(Backtest { runs: rows, error, error_apart, error_last_value, n: all })
}
