//! Coverage (pass@k over a set of problems) beyond the samples drawn.
//!
//! Each problem has its own chance p of a right sample. Over problems p follows a Beta law with
//! an atom at zero for those that the model never solves; success counts are then Beta-Binomial
//! with extra zeros (Kazdan et al. 2025, arXiv:2510.05197, fit the same family to forecast
//! pass@k; Schaeffer et al. 2025, arXiv:2502.17578, show that the lower tail of p is what shapes
//! coverage). Fitting the curve of pass@k itself uses the same samples many times over and gives
//! intervals that are far too narrow, so the counts are fitted and not the curve.
//!
//! The forecast mixes this law with the exponentiated power law of Brown et al. 2024 ([`power`]), whose
//! exponents several models of a benchmark share ([`pooled`]): with few right samples both err by much and in
//! opposite directions, and the Beta law by less, so it has 0.7 of the weight; with many the power law forecasts better
//! (measured in docs/laws.md), and the weight of the Beta law falls as their number grows. The interval is the Beta law's,
//! which draws the constants, the luck of the samples and the doubt about hopeless problems.
//!
//! Departures: the constants are not set at their maximum but integrated over a grid (from 100 samples
//! of each of 128 problems the maximum alone moves by ten points of coverage at 10,000 between one draw
//! of the samples and the next); counts above a twentieth of the samples enter as "more than", so that
//! the lower tail is what is fitted; and models measured on the same problems are fitted together.

mod pooled;
mod posterior;
mod power;

pub use power::{ExponentiatedPower, POWER, PowerIntervals, fit_power, power_intervals};

use crate::entry::LawEntry;
use outthink_core::{Entry, Paper};
use serde::{Deserialize, Serialize};

use crate::LawError;
use crate::error::{check, need_points, same_len};
use crate::estimate::{Resampling, mean_over_problems, pass_at_k, wilson};
use crate::interval::Interval;
use crate::rng::Rng;
use crate::special::ln_beta;

/// How it is described.
pub const ENTRY: LawEntry = LawEntry {
    entry: Entry {
        paper: Some(Paper::new("Kazdan et al. 2025", "https://arxiv.org/abs/2510.05197")),
        ..Entry::new("coverage", "pass@k far beyond the samples that were drawn")
    },
    formula: "pass@k = (1 − z) (1 − E[(1 − p)^k]), p ~ Beta(a, b)",
    fitted_to: "inference",
};

const FORM: &str = "the Beta-Binomial law of coverage with an atom at zero";
/// Right samples up to which the Beta law has its full weight, [`BETA_WEIGHT`]; its weight falls as their inverse beyond.
const FEW_RIGHT: f64 = 10.0;
/// Weight of the Beta law where right samples are few.
const BETA_WEIGHT: f64 = 0.7;
/// Prior chance of an atom behind the point forecast: hopeless problems need evidence.
const ATOM_CHANCE: f64 = 0.001;
/// Prior chance of an atom for the second reading that widens the interval.
const ATOM_CHANCE_SCEPTIC: f64 = 0.2;

/// Success counts: one entry a problem in each column.
#[derive(Debug, Clone, Copy)]
pub struct Successes<'a> {
    /// Samples drawn.
    pub samples: &'a [u64],
    /// How many were right.
    pub correct: &'a [u64],
}

/// How to fit and forecast.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CoverageOptions {
    /// Draws from the posterior behind each forecast.
    pub draws: usize,
    /// Seed of the draws.
    pub seed: u64,
    /// Level of the interval.
    pub level: f64,
}

impl Default for CoverageOptions {
    /// 4,000 draws, seed 0, level 0.9.
    fn default() -> Self {
        Self { draws: 4_000, seed: 0, level: 0.9 }
    }
}

/// The law of p over problems: zero with chance `atom`, else Beta(a, b).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SuccessLaw {
    /// First shape of the Beta law: the smaller, the more problems are nearly hopeless.
    pub a: f64,
    /// Second shape.
    pub b: f64,
    /// Share of problems that are never solved.
    pub atom: f64,
}

impl SuccessLaw {
    /// Expected pass@k of a new problem: (1 − atom) (1 − B(a, b+k) / B(a, b)).
    ///
    /// # Examples
    ///
    /// ```
    /// use outthink_law::coverage::SuccessLaw;
    /// let law = SuccessLaw { a: 0.5, b: 2.0, atom: 0.1 };
    /// // The mean of a Beta law at one sample, and never more than the share that is not hopeless.
    /// assert!((law.pass_at_k(1.0) - 0.9 * 0.2).abs() < 1e-9 && law.pass_at_k(1e9) < 0.9);
    /// ```
    pub fn pass_at_k(&self, k: f64) -> f64 {
        let ln_miss = ln_beta(self.a, self.b + k) - ln_beta(self.a, self.b);
        -(1.0 - self.atom) * ln_miss.exp_m1()
    }

    /// The chance that a problem with `samples` wrong samples and no right one is solved by
    /// `more` further ones.
    fn rescued(&self, samples: f64, more: f64) -> f64 {
        let all_wrong = (ln_beta(self.a, self.b + samples) - ln_beta(self.a, self.b)).exp();
        let alive = (1.0 - self.atom) * all_wrong;
        let ln_miss = ln_beta(self.a, self.b + samples + more) - ln_beta(self.a, self.b + samples);
        -alive / (alive + self.atom) * ln_miss.exp_m1()
    }
}

/// Coverage of the recorded problems once each has `k` samples in all.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Forecast {
    /// Samples a problem.
    pub k: u64,
    /// Expected share of problems solved.
    pub coverage: f64,
    /// The same by the Beta law alone.
    pub by_beta: f64,
    /// The same by the exponentiated power law alone; `None` where it cannot be fitted.
    pub by_power: Option<f64>,
    /// Interval of that share: the constants, the luck of the draw and the doubt about an atom.
    pub interval: Interval,
    /// Whether it reaches beyond the samples drawn, and so rests on the law.
    pub extrapolated: bool,
}

/// A fitted law of success counts.
#[derive(Debug, Clone, PartialEq)]
pub struct CoverageFit {
    /// Posterior mean of the constants.
    pub law: SuccessLaw,
    /// Problems fitted.
    pub n: usize,
    /// The exponentiated power law, its exponent read in the light of the other models; `None` where the
    /// samples give no curve.
    pub power: Option<ExponentiatedPower>,
    /// Weight of the Beta law in forecasts, 0 to 1; the power law has the rest.
    pub beta_weight: f64,
    draws: Vec<SuccessLaw>,
    sceptic: Vec<SuccessLaw>,
    counts: Vec<(u64, u64)>,
    options: CoverageOptions,
}

/// Equal count pairs are met once, with their number.
fn tally(counts: &[(u64, u64)]) -> Vec<(f64, f64, f64)> {
    let mut sorted = counts.to_vec();
    sorted.sort_unstable();
    sorted.chunk_by(|x, y| x == y).map(|same| (same[0].0 as f64, same[0].1 as f64, same.len() as f64)).collect()
}

/// Fits the law of p to the success counts of one model: [`fit_jointly`] with one.
///
/// # Errors
///
/// Columns of different length, fewer than four problems, a problem without samples or with more
/// right than drawn, or no right sample at all: then nothing says how hard the problems are.
///
/// # Examples
///
/// ```
/// use outthink_law::coverage::{fit, CoverageOptions, Successes};
///
/// let samples = [100; 8];
/// let correct = [0, 0, 1, 3, 7, 20, 60, 95];
/// let fit = fit(&Successes { samples: &samples, correct: &correct }, CoverageOptions::default())?;
/// let at_1000 = fit.forecast(1_000)?;
/// assert!(at_1000.coverage > 0.75 && at_1000.interval.high <= 1.0);
/// # Ok::<(), outthink_law::LawError>(())
/// ```
pub fn fit(data: &Successes<'_>, options: CoverageOptions) -> Result<CoverageFit, LawError> {
    let mut fits = fit_jointly(&[*data], options)?;
    fits.pop().ok_or(LawError::TooFewPoints { form: FORM, parameters: 3, points: 0, need: 4 })
}

/// Fits the laws of several models that were measured on the same problems, or on one benchmark.
///
/// The prior of one model is weak: a about 0.25 give or take a factor of three, where published
/// exponents of coverage lie, and hardly anything of b. Several models share an unknown line in
/// (ln a, ln b), so that a model which has solved next to nothing is read in the light of its
/// siblings. The atom is absent with chance 0.999, else flat: samples that are few hardly tell an atom
/// from small a. A second reading with chance 0.2 is kept, and the interval spans both.
///
/// # Errors
///
/// No model; for any of them: columns of different length, fewer than four problems, a problem
/// without samples or with more right than drawn, or no right sample at all: then nothing says how
/// hard the problems are.
///
/// # Examples
///
/// ```
/// use outthink_law::coverage::{fit_jointly, CoverageOptions, Successes};
/// let samples = [100; 8];
/// let strong = Successes { samples: &samples, correct: &[0, 2, 5, 9, 20, 40, 70, 95] };
/// let weak = Successes { samples: &samples, correct: &[0, 0, 0, 0, 1, 2, 4, 9] };
/// let fits = fit_jointly(&[strong, weak], CoverageOptions::default())?;
/// assert!(fits[0].forecast(1_000)?.coverage > fits[1].forecast(1_000)?.coverage);
/// # Ok::<(), outthink_law::LawError>(())
/// ```
pub fn fit_jointly(models: &[Successes<'_>], options: CoverageOptions) -> Result<Vec<CoverageFit>, LawError> {
    if options.draws == 0 {
        return Err(LawError::BadValue { what: "draws", row: 0, value: 0.0, need: "at least 1" });
    }
    check("level", &[options.level], "a number between 0 and 1", |x| x > 0.0 && x < 1.0)?;
    let counts = models.iter().map(checked).collect::<Result<Vec<_>, _>>()?;
    let evidence = posterior::Evidence::new(&counts);
    let plain = posterior::posteriors(&evidence, ATOM_CHANCE);
    let sceptic = posterior::posteriors(&evidence, ATOM_CHANCE_SCEPTIC);
    let powers = pooled::fit_pooled(&counts, options.seed);
    let fits =
        counts.into_iter().zip(plain.iter().zip(&sceptic)).zip(powers).map(|((counts, (cells, sceptic)), power)| {
            let right: u64 = counts.iter().map(|c| c.1).sum();
            let beta_weight = if power.is_some() { BETA_WEIGHT * (FEW_RIGHT / right as f64).min(1.0) } else { 1.0 };
            let mean = |f: fn(&SuccessLaw) -> f64| cells.iter().map(|(l, w)| w * f(l)).sum::<f64>();
            let law = SuccessLaw { a: mean(|l| l.a.ln()).exp(), b: mean(|l| l.b.ln()).exp(), atom: mean(|l| l.atom) };
            let (n, draws, sceptic) = (counts.len(), draw(cells, options), draw(sceptic, options));
            CoverageFit { law, n, power, beta_weight, draws, sceptic, counts, options }
        });
    Ok(fits.collect())
}

/// The counts of one model as pairs of samples and right ones.
fn checked(data: &Successes<'_>) -> Result<Vec<(u64, u64)>, LawError> {
    let n = data.correct.len();
    same_len("samples", data.samples.len(), "correct", n)?;
    need_points(FORM, 3, n)?;
    for (row, (&s, &c)) in data.samples.iter().zip(data.correct).enumerate() {
        if s == 0 || c > s {
            return Err(LawError::BadValue {
                what: if s == 0 { "samples" } else { "correct" },
                row,
                value: if s == 0 { 0.0 } else { c as f64 },
                need: "at least one sample, and no more right than drawn",
            });
        }
    }
    if data.correct.iter().all(|&c| c == 0) {
        return Err(LawError::OneValueOnly { what: "number of right samples, 0", points: n });
    }
    Ok(data.samples.iter().copied().zip(data.correct.iter().copied()).collect())
}

/// Systematic draws from the weighted cells.
fn draw(cells: &[(SuccessLaw, f64)], options: CoverageOptions) -> Vec<SuccessLaw> {
    let mut rng = Rng::stream(options.seed, 0);
    let offset = rng.uniform();
    let mut drawn = Vec::with_capacity(options.draws);
    let mut reached = 0.0;
    for &(law, weight) in cells {
        reached += weight * options.draws as f64;
        while drawn.len() < options.draws && (drawn.len() as f64 + offset) < reached {
            drawn.push(law);
        }
    }
    drawn
}

impl CoverageFit {
    /// Intervals of a, b and the atom, at the level of the options.
    ///
    /// That of the atom spans both readings, and is never narrower than the problems allow: of n problems of which one
    /// or more were not solved, one may be hopeless, and n that were all solved do not say that a further one will be.
    pub fn intervals(&self) -> [Interval; 3] {
        let of = |laws: &[SuccessLaw], f: fn(&SuccessLaw) -> f64| {
            let values: Vec<f64> = laws.iter().map(f).collect();
            Interval::from_draws(&values, self.options.level)
        };
        let atom = |l: &SuccessLaw| l.atom;
        let (plain, sceptic) = (of(&self.draws, atom), of(&self.sceptic, atom));
        let unsolved = u64::from(self.counts.iter().any(|c| c.1 == 0));
        let allowed = wilson(unsolved, self.n as u64, self.options.level).map_or(1.0, |e| e.interval.high);
        let spanned = Interval {
            low: plain.low.min(sceptic.low),
            high: plain.high.max(sceptic.high).max(allowed),
            level: self.options.level,
        };
        [of(&self.draws, |l| l.a), of(&self.draws, |l| l.b), spanned]
    }

    /// Forecasts the coverage of these problems once each has `k` samples in all, those already
    /// drawn included.
    ///
    /// A problem with at least `k` samples counts with its unbiased pass@k; one that is solved
    /// counts 1; the others are carried on by the law. The interval draws the constants and, for
    /// each problem not yet solved, whether it will be; it never claims that all of them will, which no number of
    /// wrong samples shows. Where every problem has `k` samples it is that of the mean over problems, as of any
    /// measured pass@k.
    ///
    /// # Errors
    ///
    /// `k == 0`.
    ///
    /// # Examples
    ///
    /// ```
    /// use outthink_law::coverage::{fit, CoverageOptions, Successes};
    /// let data = Successes { samples: &[50; 6], correct: &[0, 1, 2, 10, 30, 45] };
    /// let fit = fit(&data, CoverageOptions::default())?;
    /// // Within the samples it is the unbiased pass@k; beyond them it rests on the law.
    /// assert!(!fit.forecast(10)?.extrapolated && fit.forecast(500)?.extrapolated);
    /// # Ok::<(), outthink_law::LawError>(())
    /// ```
    pub fn forecast(&self, k: u64) -> Result<Forecast, LawError> {
        let mut known = 0.0;
        let mut open: Vec<(u64, u64)> = Vec::new();
        for &(samples, correct) in &self.counts {
            if k <= samples {
                known += pass_at_k(samples, correct, k)?;
            } else if correct > 0 {
                known += 1.0;
            } else {
                open.push((samples, correct));
            }
        }
        let n = self.n as f64;
        let (by_beta, ours) = self.carry_on(&self.draws, k, known, &open);
        let (_, other) = self.carry_on(&self.sceptic, k, known, &open);
        let by_beta = by_beta / n;
        // What is solved stays solved, whatever the power law's line says of it.
        let by_power = self.power.map(|law| if open.is_empty() { by_beta } else { law.at(k as f64).max(known / n) });
        let coverage = by_power.map_or(by_beta, |p| self.beta_weight * by_beta + (1.0 - self.beta_weight) * p);
        let measured = self.counts.iter().all(|&(samples, _)| k <= samples);
        let interval = if measured {
            let each = self.counts.iter().map(|&(s, c)| pass_at_k(s, c, k)).collect::<Result<Vec<f64>, _>>()?;
            let how = Resampling { seed: self.options.seed, level: self.options.level, ..Resampling::default() };
            mean_over_problems(&each, how)?.interval
        } else {
            let one_open = if open.is_empty() { f64::INFINITY } else { known + open.len() as f64 - 1.0 };
            Interval {
                low: (ours.low.min(other.low).min(one_open) / n).min(coverage),
                high: (ours.high.max(other.high) / n).max(coverage),
                level: self.options.level,
            }
        };
        Ok(Forecast { k, coverage, by_beta, by_power, interval, extrapolated: !open.is_empty() })
    }

    /// Mean and interval of the number of problems solved, over `laws`.
    fn carry_on(&self, laws: &[SuccessLaw], k: u64, known: f64, open: &[(u64, u64)]) -> (f64, Interval) {
        let open = tally(open);
        let mut mean = 0.0;
        let mut totals = Vec::with_capacity(laws.len());
        for (i, law) in laws.iter().enumerate() {
            let mut rng = Rng::stream(self.options.seed, 1 + i as u64);
            let mut solved = 0_u32;
            for &(samples, _, times) in &open {
                let p = law.rescued(samples, k as f64 - samples);
                mean += times * p;
                solved += (0..times as u64).map(|_| u32::from(rng.uniform() < p)).sum::<u32>();
            }
            totals.push(known + f64::from(solved));
        }
        let interval = Interval::from_draws(&totals, self.options.level);
        (known + mean / laws.len() as f64, interval)
    }
}
