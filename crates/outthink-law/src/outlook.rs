//! What more compute would bring: the posterior of a smooth curve, for the verdict and for plans.
//!
//! The curve is an S in the logarithm of compute, which can only rise. Where the points fall ([`Fall`]) a
//! second S is taken from it, so that the outlook goes through what was measured, and may go on falling.

use serde::{Deserialize, Serialize};

use crate::LawError;
use crate::error::need_points;
use crate::fall::{Fall, Miss, worst};
use crate::forms::Curve;
use crate::interval::Interval;
use crate::noise::{MISFIT, Noise};
use crate::rng::Rng;
use crate::smc::{Effort, sample};
use crate::special::{expit, logit, normal_cdf, normal_quantile};
use crate::verdict::{Question, Ranged};

/// Settings below which there is no outlook: with two the prior alone would say where the curve bends.
const LEAST_SETTINGS: usize = 3;

/// How much the misfit grows with each doubling beyond the largest setting: set so that intervals of plans hold made curves
/// of which the S is not the law.
const FARTHER: f64 = 1.8;
/// Scale of the prior of the logarithm of the steepness, whose centre is 1 a doubling: from a tenth
/// to nine tenths of its height the S then takes 4.4 doublings, give or take a factor of two.
const SPREAD: f64 = 0.7;
/// Steps on a doubling at which a curve that falls is searched for a target, and doublings beyond the largest setting.
const SEARCH: (f64, f64) = (8.0, 10.0);

/// One S, and what is lost after it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ess {
    floor: f64,
    pub(crate) ceiling: f64,
    midpoint: f64,
    steep: f64,
    loss: Option<Loss>,
}

/// What a curve that falls loses, as an S of its own.
#[derive(Debug, Clone, Copy)]
struct Loss {
    depth: f64,
    midpoint: f64,
    steep: f64,
}

impl Ess {
    pub(crate) fn at(&self, compute: f64) -> f64 {
        self.at_log(compute.log2())
    }

    fn at_log(&self, x: f64) -> f64 {
        let risen = self.floor + (self.ceiling - self.floor) * expit(self.steep * (x - self.midpoint));
        match self.loss {
            None => risen,
            Some(l) => (risen - l.depth * expit(l.steep * (x - l.midpoint))).max(0.0),
        }
    }

    /// Compute at which `accuracy` is reached; infinite where it never is. A curve that falls is followed from
    /// the smallest of the settings on.
    fn reaches(&self, accuracy: f64, settings: (f64, f64)) -> f64 {
        if self.loss.is_some() {
            let (from, to) = (settings.0.log2(), settings.1.log2() + SEARCH.1);
            let steps = ((to - from) * SEARCH.0).ceil();
            let at = |i: usize| from + (to - from) * i as f64 / steps;
            let found = (0..=steps as usize).find(|&i| self.at_log(at(i)) >= accuracy);
            return found.map_or(f64::INFINITY, |i| {
                if i == 0 {
                    return settings.0;
                }
                let (below, above) = (self.at_log(at(i - 1)), self.at_log(at(i)));
                (at(i - 1) + (at(i) - at(i - 1)) * (accuracy - below) / (above - below)).exp2()
            });
        }
        if accuracy >= self.ceiling {
            return f64::INFINITY;
        }
        let share = ((accuracy - self.floor) / (self.ceiling - self.floor)).clamp(1e-12, 1.0 - 1e-12);
        (self.midpoint + logit(share) / self.steep).exp2()
    }
}

/// Draws of the S behind one curve, for questions beyond the verdict's.
#[derive(Debug, Clone)]
pub struct Outlook {
    draws: Vec<Ess>,
    level: f64,
    seed: u64,
    /// Error of a measurement as that of the largest setting.
    own: f64,
    /// The smallest and the largest setting.
    settings: (f64, f64),
    /// What was measured: compute, accuracy, standard error.
    points: Vec<(f64, f64, f64)>,
    misses: Option<Miss>,
}

/// How near a setting must be to one that was measured to be the same.
const SAME: f64 = 0.005;

/// Compute that a target takes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Reach {
    /// Probability that the target is reached by compute within `most`.
    pub probability: f64,
    /// Median compute; infinite where more than half of the draws never reach it.
    pub median: f64,
    /// Interval of the compute; its ends may be infinite.
    pub interval: Interval,
}

impl Outlook {
    /// The outlook of one curve.
    ///
    /// # Errors
    ///
    /// As [`crate::verdict::judge`]; also where there are fewer than three settings.
    pub fn new(curve: &Curve<'_>, noise: &Noise, question: Question) -> Result<Self, LawError> {
        curve.check(Some(noise))?;
        let mut settings = curve.compute.to_vec();
        settings.sort_by(f64::total_cmp);
        settings.dedup();
        need_points("the outlook of a curve", LEAST_SETTINGS - 1, settings.len())?;
        let lost = LawError::NoConvergence { form: "the S of the outlook", starts: question.draws };
        let draws = posterior(curve, noise, question).ok_or(lost)?;
        let last = (0..curve.compute.len()).max_by(|&i, &j| curve.compute[i].total_cmp(&curve.compute[j])).unwrap_or(0);
        let (own, most) = (noise.own(last), curve.compute[last]);
        let least = curve.compute.iter().copied().fold(f64::INFINITY, f64::min);
        let points = (0..curve.compute.len()).map(|i| (curve.compute[i], curve.accuracy[i], noise.stderr(i))).collect();
        let mut outlook = Self {
            draws,
            level: question.level,
            seed: question.seed,
            own,
            settings: (least, most),
            points,
            misses: None,
        };
        outlook.misses = worst(curve, noise, |c| outlook.at(c).value);
        Ok(outlook)
    }

    /// The point that the outlook misses by far more than its error, where there is one: then no smooth curve
    /// goes through the points, and what it says of other settings is not to be relied on.
    pub fn misses(&self) -> Option<Miss> {
        self.misses
    }

    /// Whether the points fall after their highest by more than their errors.
    pub fn falls(&self) -> bool {
        self.draws.iter().any(|s| s.loss.is_some())
    }

    /// The accuracy measured at `compute`, where that is one of the settings (within half a per cent), with the interval
    /// of its standard error.
    pub fn known(&self, compute: f64) -> Option<Ranged> {
        let here: Vec<&(f64, f64, f64)> = self.points.iter().filter(|p| (p.0 / compute).ln().abs() < SAME).collect();
        let n = here.len() as f64;
        let value = here.iter().map(|p| p.1).sum::<f64>() / n;
        let error = here.iter().map(|p| p.2).sum::<f64>() / n;
        let half = normal_quantile(f64::midpoint(1.0, self.level)) * error;
        (n > 0.0).then(|| Ranged {
            value,
            interval: Interval { low: (value - half).max(0.0), high: (value + half).min(1.0), level: self.level },
        })
    }

    /// The measured settings that reach `accuracy`: compute, what was measured, and the chance that its true accuracy
    /// is as high, by its standard error alone.
    pub fn reached(&self, accuracy: f64) -> Vec<(f64, Ranged, f64)> {
        let mut settings: Vec<f64> = self.points.iter().map(|p| p.0).collect();
        settings.sort_by(f64::total_cmp);
        settings.dedup();
        let sure = |value: f64, error: f64| normal_cdf((value - accuracy) / error.max(1e-12));
        let error = |c: f64| self.points.iter().find(|p| p.0 == c).map_or(self.own, |p| p.2);
        let known = settings.into_iter().filter_map(|c| Some((c, self.known(c)?)));
        known.filter(|(_, k)| k.value >= accuracy).map(|(c, k)| (c, k, sure(k.value, error(c)))).collect()
    }

    /// Accuracy at `compute`: what was measured there, else what is expected of a measurement.
    pub fn today(&self, compute: f64) -> Ranged {
        self.known(compute).unwrap_or_else(|| self.measured(compute))
    }

    /// Accuracy at `compute` as it would be measured there, with errors such as those of the largest setting: the S, its
    /// misfit, which grows with the logarithm of the factor beyond the largest setting, and the luck of the answers.
    pub fn measured(&self, compute: f64) -> Ranged {
        let beyond = (compute / self.settings.1).log2().max(0.0);
        let sd = self.own.hypot(MISFIT * (1.0 + FARTHER * beyond));
        let mut rng = Rng::stream(self.seed, 0x0b5e);
        let values: Vec<f64> = self.draws.iter().map(|s| (s.at(compute) + sd * rng.normal()).clamp(0.0, 1.0)).collect();
        Ranged { value: self.at(compute).value, interval: Interval::from_draws(&values, self.level) }
    }

    /// Mean accuracy at `compute`: of the S, without the error of a measurement.
    pub fn at(&self, compute: f64) -> Ranged {
        let values: Vec<f64> = self.draws.iter().map(|s| s.at(compute)).collect();
        let value = values.iter().sum::<f64>() / values.len() as f64;
        Ranged { value, interval: Interval::from_draws(&values, self.level) }
    }

    /// Gain from `from` to `to`.
    pub fn gain(&self, from: f64, to: f64) -> Ranged {
        let values: Vec<f64> = self.draws.iter().map(|s| s.at(to) - s.at(from)).collect();
        let value = values.iter().sum::<f64>() / values.len() as f64;
        Ranged { value, interval: Interval::from_draws(&values, self.level) }
    }

    /// Compute at which `accuracy` is reached, with the probability that `most` is enough.
    ///
    /// # Examples
    ///
    /// ```
    /// use outthink_law::forms::Curve;
    /// use outthink_law::noise::Noise;
    /// use outthink_law::verdict::{Outlook, Question};
    /// let tokens = [1e3, 2e3, 4e3, 8e3, 16e3];
    /// let curve = Curve { compute: &tokens, accuracy: &[0.2, 0.3, 0.4, 0.48, 0.55] };
    /// let question = Question { draws: 500, ..Question::default() };
    /// let outlook = Outlook::new(&curve, &Noise::stated(&[0.02; 5], 0.5)?, question)?;
    /// let reach = outlook.reach(0.6, 1e6);
    /// assert!(reach.median > 16e3 && reach.probability > 0.5);
    /// // A measurement scatters more than the curve.
    /// assert!(outlook.measured(32e3).interval.width() > outlook.at(32e3).interval.width());
    /// # Ok::<(), outthink_law::LawError>(())
    /// ```
    pub fn reach(&self, accuracy: f64, most: f64) -> Reach {
        let mut values: Vec<f64> = self.draws.iter().map(|s| s.reaches(accuracy, self.settings)).collect();
        values.sort_by(f64::total_cmp);
        let n = values.len();
        let pick = |q: f64| values[((n - 1) as f64 * q).round() as usize];
        let tail = (1.0 - self.level) / 2.0;
        Reach {
            probability: values.iter().filter(|v| **v <= most).count() as f64 / n as f64,
            median: pick(0.5),
            interval: Interval { low: pick(tail), high: pick(1.0 - tail), level: self.level },
        }
    }
}

/// Draws of the S: half of the prior has its floor at 0, half anywhere below the ceiling.
pub(crate) fn posterior(curve: &Curve<'_>, noise: &Noise, question: Question) -> Option<Vec<Ess>> {
    // The S of the loss is asked for where the points show one, and only there.
    match Fall::of(curve, noise) {
        None => posterior_of::<4>(curve, noise, question),
        Some(_) => posterior_of::<7>(curve, noise, question),
    }
}

/// Unknowns: ceiling, midpoint, ln steepness, floor as a share of the ceiling; with seven of them also depth, midpoint and
/// ln steepness of the loss.
fn posterior_of<const P: usize>(curve: &Curve<'_>, noise: &Noise, question: Question) -> Option<Vec<Ess>> {
    let noise = noise.with_misfit(MISFIT);
    let xs: Vec<f64> = curve.compute.iter().map(|c| c.log2()).collect();
    let low = xs.iter().copied().fold(f64::INFINITY, f64::min) - 2.0;
    let high = xs.iter().copied().fold(f64::NEG_INFINITY, f64::max) + 2.0;
    let ln_prior = |p: &[f64; P]| {
        let inside = (0.0..=1.0).contains(&p[0]) && (low..=high).contains(&p[1]) && (0.0..=1.0).contains(&p[3]);
        let lost =
            p.get(4..).is_none_or(|l| l.is_empty() || ((0.0..=1.0).contains(&l[0]) && (low..=high).contains(&l[1])));
        let bend = |at: usize| p.get(at).map_or(0.0, |ln| (ln / SPREAD).powi(2));
        if inside && lost { -0.5 * (bend(2) + bend(6)) } else { f64::NEG_INFINITY }
    };
    let ess = |p: &[f64; P], with_floor: bool| Ess {
        floor: if with_floor { p[0] * p[3] } else { 0.0 },
        ceiling: p[0],
        midpoint: p[1],
        steep: p[2].exp(),
        loss: p.get(4..7).map(|l| Loss { depth: l[0], midpoint: l[1], steep: l[2].exp() }),
    };
    let run = |with_floor: bool, seed: u64| {
        let mut rest = vec![0.0; xs.len()];
        let ln_likelihood = |p: &[f64; P]| {
            let s = ess(p, with_floor);
            for ((rest, x), a) in rest.iter_mut().zip(&xs).zip(curve.accuracy) {
                *rest = s.at_log(*x) - a;
            }
            -0.5 * noise.square(&rest)
        };
        let draw = |rng: &mut Rng| -> [f64; P] {
            std::array::from_fn(|i| match i {
                1 | 5 => rng.between(low, high),
                2 | 6 => SPREAD * rng.normal(),
                _ => rng.uniform(),
            })
        };
        let effort = Effort { particles: question.draws.max(200), moves: 5, seed };
        sample(draw, ln_prior, ln_likelihood, effort)
    };
    let runs = [false, true].map(|f| run(f, question.seed.wrapping_mul(2).wrapping_add(u64::from(f))).map(|p| (f, p)));
    let found: Vec<_> = runs.into_iter().flatten().collect();
    let top = found.iter().map(|r| r.1.ln_evidence).fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = found.iter().map(|r| (r.1.ln_evidence - top).exp()).sum();
    if found.is_empty() || !sum.is_finite() {
        return None;
    }
    let mut all = Vec::with_capacity(question.draws);
    for (with_floor, posterior) in &found {
        let share = (posterior.ln_evidence - top).exp() / sum;
        let take = (share * posterior.draws.len() as f64).round() as usize;
        all.extend(posterior.draws.iter().take(take).map(|p| ess(p, *with_floor)));
    }
    Some(all)
}
