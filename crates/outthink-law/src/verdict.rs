//! Is this curve at a wall? The gain of the next doubling, and a verdict in words.
//!
//! Accuracy has a ceiling somewhere at or below 1; the question is how near it is. So the curve is
//! taken for an S in the logarithm of compute, with floor, ceiling, midpoint and steepness unknown,
//! and its posterior is sampled (Neal 1993 for the reasoning, [`crate::forms`] for best fits). The
//! straight line in log compute is no rival here: it has no ceiling, and few points never refute it.
//!
//! - *at the wall*: the next doubling more likely than not gains less than the threshold.
//! - *slowing*: it more likely than not gains less than half of what a doubling gained so far.
//! - *still rising*: neither.
//! - *inconclusive*: too few settings, or the points neither rise nor stand still beyond their errors.
//!
//! The probability of the verdict stands beside it, in the words of the calibrated scale of the IPCC
//! (Mastrandrea et al. 2010): more likely than not, likely (2/3), very likely (9/10).

use serde::{Deserialize, Serialize};

use crate::LawError;
use crate::error::check;
use crate::forms::Curve;
use crate::interval::Interval;
use crate::noise::Noise;
use crate::rng::Rng;
use crate::smc::{Effort, sample};
use crate::special::{expit, logit, normal_cdf, normal_quantile};

/// Settings below which no verdict is given: an S has three constants or four.
const LEAST_SETTINGS: usize = 4;
/// Settings with which two questions can still be answered without the S: whether the last step gained
/// anything worth having, and whether accuracy falls.
const LEAST_STEPS: usize = 3;
/// No smooth law is exact: standard deviation of the points about it, beside their own errors.
const MISFIT: f64 = 0.01;
/// How much the misfit grows with each doubling beyond the largest setting: set so that intervals of plans hold made curves
/// of which the S is not the law.
const FARTHER: f64 = 1.8;
/// Scale of the prior of the logarithm of the steepness, whose centre is 1 a doubling: from a tenth
/// to nine tenths of its height the S then takes 4.4 doublings, give or take a factor of two.
const SPREAD: f64 = 0.7;

/// Of what the curve is the accuracy: a wall of voting is none of the model's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// Of one answer, after more thinking.
    #[default]
    Thinking,
    /// Of a vote over more samples.
    Voting,
    /// Of training for longer.
    Training,
}

impl Subject {
    /// The question in words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Thinking => "does more thinking still help on this benchmark?",
            Self::Voting => {
                "does a vote over more samples still help? (coverage, which a verifier could use, is another \
                             question)"
            }
            Self::Training => "does more training still help on this benchmark?",
        }
    }
}

/// Accuracy from which a benchmark has little room left to show a gain.
const SATURATED: f64 = 0.95;

/// How to judge.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Question {
    /// Gain of a doubling, as a share of questions, below which it is not worth having.
    pub threshold: f64,
    /// Level of the intervals.
    pub level: f64,
    /// Seed of the sampler.
    pub seed: u64,
    /// Draws from the posterior.
    pub draws: usize,
    /// Of what the curve is the accuracy.
    pub subject: Subject,
}

impl Default for Question {
    /// Two points a doubling, 90 % intervals, seed 0, 4,000 draws, of thinking.
    fn default() -> Self {
        Self { threshold: 0.02, level: 0.9, seed: 0, draws: 4_000, subject: Subject::default() }
    }
}

/// What became of the curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The next doubling keeps at least half of the pace and gains at least the threshold.
    StillRising,
    /// The next doubling gains less than half of the pace so far.
    Slowing,
    /// The next doubling gains less than the threshold.
    AtTheWall,
    /// The data do not carry a verdict. Files of earlier versions call it `cannot-be-told`.
    #[serde(alias = "cannot-be-told")]
    Inconclusive,
}

impl Verdict {
    /// The verdict in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::StillRising => "still rising",
            Self::Slowing => "slowing",
            Self::AtTheWall => "at the wall",
            Self::Inconclusive => "inconclusive",
        }
    }
}

/// A number with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Ranged {
    /// Posterior mean.
    pub value: f64,
    /// Central interval.
    pub interval: Interval,
}

/// A verdict with the numbers behind it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// The question, in words.
    pub question: String,
    /// The verdict.
    pub verdict: Verdict,
    /// Whether the benchmark itself has little room left: the last accuracy lies within its error of 0.95 or
    /// more, so that a small gain says little of the model.
    pub saturated: bool,
    /// Posterior probability of the verdict; `None` where it is inconclusive.
    pub probability: Option<f64>,
    /// Gain expected of doubling the largest compute.
    pub next_doubling: Option<Ranged>,
    /// Ceiling of the S.
    pub ceiling: Option<Ranged>,
    /// Mean gain of a doubling over the curve so far.
    pub pace: Option<Ranged>,
    /// Probability that the next doubling gains less than the threshold.
    pub less_than_threshold: Option<f64>,
    /// Probability that the next doubling gains less than half of the pace.
    pub less_than_half_pace: Option<f64>,
    /// The threshold asked about.
    pub threshold: f64,
    /// Settings judged.
    pub n: usize,
    /// Why, in words.
    pub because: String,
    /// What further runs would tell.
    pub next_runs: String,
}

impl Judgement {
    fn untold(n: usize, question: Question, because: String, next_runs: String) -> Self {
        Self {
            question: question.subject.words().to_owned(),
            saturated: false,
            verdict: Verdict::Inconclusive,
            probability: None,
            next_doubling: None,
            ceiling: None,
            pace: None,
            less_than_threshold: None,
            less_than_half_pace: None,
            threshold: question.threshold,
            n,
            because,
            next_runs,
        }
    }
}

/// How sure, in the words of the IPCC's scale.
///
/// # Examples
///
/// ```
/// assert_eq!(outthink_law::verdict::likelihood_words(0.95), "very likely");
/// ```
pub fn likelihood_words(probability: f64) -> &'static str {
    match probability {
        p if p >= 0.99 => "virtually certain",
        p if p >= 0.9 => "very likely",
        p if p >= 2.0 / 3.0 => "likely",
        p if p > 0.5 => "more likely than not",
        _ => "no more likely than not",
    }
}

/// Judges one curve.
///
/// # Errors
///
/// Columns of different length, no point at all, compute that is not positive, an accuracy outside
/// 0 to 1, or a threshold or level that is not between 0 and 1. Data that are good but too thin are
/// no error: they give [`Verdict::Inconclusive`].
///
/// # Examples
///
/// ```
/// use outthink_law::forms::Curve;
/// use outthink_law::noise::Noise;
/// use outthink_law::verdict::{Question, Verdict, judge};
///
/// let tokens = [1e3, 2e3, 4e3, 8e3, 16e3, 32e3];
/// let flat = Curve { compute: &tokens, accuracy: &[0.3, 0.5, 0.62, 0.64, 0.65, 0.645] };
/// let noise = Noise::stated(&[0.02; 6], 0.5)?;
/// assert_eq!(judge(&flat, &noise, Question::default())?.verdict, Verdict::AtTheWall);
/// # Ok::<(), outthink_law::LawError>(())
/// ```
pub fn judge(curve: &Curve<'_>, noise: &Noise, question: Question) -> Result<Judgement, LawError> {
    curve.check(Some(noise))?;
    for (what, x) in [("threshold", question.threshold), ("level", question.level)] {
        check(what, &[x], "a number between 0 and 1", |x| x > 0.0 && x < 1.0)?;
    }
    let n = curve.accuracy.len();
    let mut settings = curve.compute.to_vec();
    settings.sort_by(f64::total_cmp);
    settings.dedup();
    let flat = curve.accuracy.iter().all(|&a| a == 0.0) || curve.accuracy.iter().all(|&a| a == 1.0);
    if settings.len() == LEAST_STEPS
        && !flat
        && let Some(judged) = last_step(curve, noise, &settings, question)
    {
        return Ok(judged);
    }
    if let Some(refused) = too_thin(curve, settings.len(), question) {
        return Ok(refused);
    }
    let (first, last) = (settings[0], settings[settings.len() - 1]);
    let doublings = (last / first).log2();
    let trend = Trend::of(curve, noise);
    let Some(ess) = posterior(curve, noise, question) else {
        return Err(LawError::NoConvergence { form: "the S of the verdict", starts: question.draws });
    };
    let next: Vec<f64> = ess.iter().map(|s| s.at(2.0 * last) - s.at(last)).collect();
    let pace: Vec<f64> = ess.iter().map(|s| (s.at(last) - s.at(first)) / doublings).collect();
    let share = |f: &dyn Fn(usize) -> bool| (0..ess.len()).filter(|&i| f(i)).count() as f64 / ess.len() as f64;
    let wall = share(&|i| next[i] < question.threshold);
    let below = share(&|i| next[i] < pace[i] / 2.0);
    let either = share(&|i| next[i] < question.threshold || next[i] < pace[i] / 2.0);
    let ranged = |values: &[f64]| Ranged {
        value: values.iter().sum::<f64>() / values.len() as f64,
        interval: Interval::from_draws(values, question.level),
    };
    let ceilings: Vec<f64> = ess.iter().map(|s| s.ceiling).collect();
    let (verdict, probability, because) = if trend.z < -2.0 {
        let because =
            format!("accuracy falls by {:.1} points a doubling: more compute does harm", -100.0 * trend.slope);
        (Verdict::AtTheWall, normal_cdf(-trend.z), because)
    } else if trend.z < 2.0 && trend.contrast < 2.5 {
        // An S may always begin to rise beyond the last point, so here the straight line is asked.
        let still = normal_cdf((question.threshold - trend.slope) / trend.error);
        if still >= 0.9 {
            let because = "the points stand still, and their errors leave no room for a gain".to_owned();
            (Verdict::AtTheWall, still, because)
        } else {
            let because = format!(
                "no rise beyond the errors is seen (slope {:+.1} ± {:.1} points a doubling)",
                100.0 * trend.slope,
                100.0 * trend.error
            );
            return Ok(Judgement {
                next_doubling: Some(ranged(&next)),
                less_than_threshold: Some(wall),
                ..Judgement::untold(n, question, because, more_problems(curve, noise, last, question))
            });
        }
    } else if wall > 0.5 {
        let because = format!("the next doubling gains less than {:.1} points", 100.0 * question.threshold);
        (Verdict::AtTheWall, wall, because)
    } else if below > 0.5 {
        let because = "the next doubling gains less than half of what a doubling gained so far".to_owned();
        (Verdict::Slowing, below, because)
    } else {
        let because = "the next doubling keeps at least half of the pace so far".to_owned();
        (Verdict::StillRising, 1.0 - either, because)
    };
    let next_runs = what_a_doubling_tells(curve, noise, &ess, (last, verdict), question);
    let saturated = top_of(curve, last) >= SATURATED;
    let because = if saturated && verdict != Verdict::StillRising {
        format!(
            "{because}; but at {:.1} % this benchmark has little room left: harder problems may show more",
            100.0 * top_of(curve, last)
        )
    } else {
        because
    };
    Ok(Judgement {
        question: question.subject.words().to_owned(),
        verdict,
        saturated,
        probability: Some(probability),
        next_doubling: Some(ranged(&next)),
        ceiling: Some(ranged(&ceilings)),
        pace: Some(ranged(&pace)),
        less_than_threshold: Some(wall),
        less_than_half_pace: Some(below),
        threshold: question.threshold,
        n,
        because,
        next_runs,
    })
}

/// The refusals that need no fit.
fn too_thin(curve: &Curve<'_>, settings: usize, question: Question) -> Option<Judgement> {
    let n = curve.accuracy.len();
    let all = |value: f64| curve.accuracy.iter().all(|&a| a == value);
    let (because, next_runs) = if n > 0 && all(0.0) {
        (
            "every setting is at the floor, 0: where it would rise lies beyond the compute tried",
            "problems that are easier, or far more compute; coverage (pass@k) shows a rise earlier than accuracy does",
        )
    } else if n > 0 && all(1.0) {
        ("every setting is at 1: these problems have no room left to show a gain", "harder problems")
    } else if settings < LEAST_SETTINGS {
        (
            "fewer than four settings: a bend and noise look the same",
            "more settings between the smallest and the largest, and one at twice the largest",
        )
    } else {
        return None;
    };
    let because =
        if settings < LEAST_SETTINGS { format!("{settings} settings; {because}") } else { because.to_owned() };
    Some(Judgement::untold(n, question, because, next_runs.to_owned()))
}

/// Mean accuracy at one setting.
fn top_of(curve: &Curve<'_>, setting: f64) -> f64 {
    let at: Vec<f64> = curve.compute.iter().zip(curve.accuracy).filter(|p| *p.0 == setting).map(|(_, a)| *a).collect();
    at.iter().sum::<f64>() / at.len().max(1) as f64
}

/// Three settings, such as low, medium and high: no S is fitted to them, but where the errors allow, the last
/// step itself says whether it gained anything worth having. A doubling gains what the step did, spread over its
/// doublings; that the next one gains no more is taken from the shape of all measured curves, which bend
/// down. `None` where the errors do not allow an answer.
fn last_step(curve: &Curve<'_>, noise: &Noise, settings: &[f64], question: Question) -> Option<Judgement> {
    let index = |setting: f64| curve.compute.iter().position(|&c| c == setting);
    let (before, last) = (settings[settings.len() - 2], settings[settings.len() - 1]);
    let (i, j) = (index(before)?, index(last)?);
    let doublings = (last / before).log2();
    // Steps of less than a third of a doubling blow any error up.
    if doublings < 1.0 / 3.0 {
        return None;
    }
    let gain = (curve.accuracy[j] - curve.accuracy[i]) / doublings;
    let error = noise.stderr_of_difference(i, j).max(1e-6) / doublings;
    let less = normal_cdf((question.threshold - gain) / error);
    let trend = Trend::of(curve, noise);
    if less < 0.9 && trend.z > -2.0 {
        return None;
    }
    let z = normal_quantile(f64::midpoint(1.0, question.level));
    let interval = Interval { low: gain - z * error, high: gain + z * error, level: question.level };
    let saturated = top_of(curve, last) >= SATURATED;
    let (probability, mut because) = if trend.z <= -2.0 {
        (normal_cdf(-trend.z), format!("accuracy falls by {:.1} points a doubling", -100.0 * trend.slope))
    } else {
        let words = format!(
            "three settings, and the last step gained {:+.1} points a doubling, below {:.1}",
            100.0 * gain,
            100.0 * question.threshold
        );
        (less, words)
    };
    if saturated {
        because += "; but this benchmark has little room left: harder problems may show more";
    }
    Some(Judgement {
        question: question.subject.words().to_owned(),
        verdict: Verdict::AtTheWall,
        saturated,
        probability: Some(probability),
        next_doubling: Some(Ranged { value: gain, interval }),
        ceiling: None,
        pace: None,
        less_than_threshold: Some(less),
        less_than_half_pace: None,
        threshold: question.threshold,
        n: curve.accuracy.len(),
        because,
        next_runs: "one more setting at twice the largest would show whether the curve bends or stands".to_owned(),
    })
}

/// The straight line through the points, to see whether anything moves at all.
struct Trend {
    slope: f64,
    error: f64,
    /// The slope in its standard errors.
    z: f64,
    /// The largest rise between any earlier and later point, in its standard errors.
    contrast: f64,
}

impl Trend {
    fn of(curve: &Curve<'_>, noise: &Noise) -> Self {
        let xs: Vec<f64> = curve.compute.iter().map(|c| c.log2()).collect();
        // The line by the points' own errors; what they have in common enters the error of its slope.
        let weights: Vec<f64> = (0..xs.len()).map(|i| noise.own(i).powi(-2)).collect();
        let all: f64 = weights.iter().sum();
        let middle = weights.iter().zip(&xs).map(|(w, x)| w * x).sum::<f64>() / all;
        let spread = weights.iter().zip(&xs).map(|(w, x)| w * (x - middle).powi(2)).sum::<f64>().max(1e-300);
        let pull: Vec<f64> = weights.iter().zip(&xs).map(|(w, x)| w * (x - middle) / spread).collect();
        let slope: f64 = pull.iter().zip(curve.accuracy).map(|(p, a)| p * a).sum();
        let error = noise.variance_of(&pull).sqrt().max(1e-12);
        let mut contrast = 0.0_f64;
        for i in 0..xs.len() {
            for j in 0..xs.len() {
                if xs[j] > xs[i] {
                    let rise = curve.accuracy[j] - curve.accuracy[i];
                    contrast = contrast.max(rise / noise.stderr_of_difference(i, j).max(1e-9));
                }
            }
        }
        Self { slope, error, z: slope / error, contrast }
    }
}

/// One S.
#[derive(Debug, Clone, Copy)]
struct Ess {
    floor: f64,
    ceiling: f64,
    midpoint: f64,
    steep: f64,
}

impl Ess {
    fn at(&self, compute: f64) -> f64 {
        self.floor + (self.ceiling - self.floor) * expit(self.steep * (compute.log2() - self.midpoint))
    }

    /// Compute at which `accuracy` is reached; infinite where it never is.
    fn reaches(&self, accuracy: f64) -> f64 {
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
    most: f64,
}

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
    /// As [`judge`]; also where there are fewer than four settings.
    pub fn new(curve: &Curve<'_>, noise: &Noise, question: Question) -> Result<Self, LawError> {
        curve.check(Some(noise))?;
        crate::error::need_points("the outlook of a curve", LEAST_SETTINGS - 1, curve.accuracy.len())?;
        let draws = posterior(curve, noise, question);
        let lost = LawError::NoConvergence { form: "the S of the outlook", starts: question.draws };
        let last = (0..curve.compute.len()).max_by(|&i, &j| curve.compute[i].total_cmp(&curve.compute[j])).unwrap_or(0);
        let (own, most) = (noise.own(last), curve.compute[last]);
        Ok(Self { draws: draws.ok_or(lost)?, level: question.level, seed: question.seed, own, most })
    }

    /// Accuracy at `compute` as it would be measured there, with errors such as those of the largest setting: the S, its
    /// misfit, which grows with the logarithm of the factor beyond the largest setting, and the luck of the answers.
    pub fn measured(&self, compute: f64) -> Ranged {
        let beyond = (compute / self.most).log2().max(0.0);
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
        let mut values: Vec<f64> = self.draws.iter().map(|s| s.reaches(accuracy)).collect();
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
fn posterior(curve: &Curve<'_>, noise: &Noise, question: Question) -> Option<Vec<Ess>> {
    let noise = noise.with_misfit(MISFIT);
    let xs: Vec<f64> = curve.compute.iter().map(|c| c.log2()).collect();
    let low = xs.iter().copied().fold(f64::INFINITY, f64::min) - 2.0;
    let high = xs.iter().copied().fold(f64::NEG_INFINITY, f64::max) + 2.0;
    // Unknowns: ceiling, midpoint, ln steepness, floor as a share of the ceiling.
    let ln_prior = |p: &[f64; 4]| {
        let inside = (0.0..=1.0).contains(&p[0]) && (low..=high).contains(&p[1]) && (0.0..=1.0).contains(&p[3]);
        if inside { -0.5 * (p[2] / SPREAD).powi(2) } else { f64::NEG_INFINITY }
    };
    let ess = |p: &[f64; 4], with_floor: bool| Ess {
        floor: if with_floor { p[0] * p[3] } else { 0.0 },
        ceiling: p[0],
        midpoint: p[1],
        steep: p[2].exp(),
    };
    let run = |with_floor: bool, seed: u64| {
        let mut rest = vec![0.0; xs.len()];
        let ln_likelihood = |p: &[f64; 4]| {
            let s = ess(p, with_floor);
            for ((rest, x), a) in rest.iter_mut().zip(&xs).zip(curve.accuracy) {
                *rest = s.floor + (s.ceiling - s.floor) * expit(s.steep * (x - s.midpoint)) - a;
            }
            -0.5 * noise.square(&rest)
        };
        let draw = |rng: &mut Rng| [rng.uniform(), rng.between(low, high), SPREAD * rng.normal(), rng.uniform()];
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

/// How many times the problems are needed to see a gain of the threshold.
fn more_problems(curve: &Curve<'_>, noise: &Noise, last: f64, question: Question) -> String {
    let at = curve.compute.iter().position(|&c| c == last).unwrap_or(0);
    let apart = noise.own(at) * std::f64::consts::SQRT_2;
    let times = (1.96 * apart / question.threshold).powi(2);
    format!(
        "about {:.0}x the problems at each setting: a gain of {:.1} points between two settings has a standard \
         error of {:.1} points now",
        times.max(2.0).ceil(),
        100.0 * question.threshold,
        100.0 * apart
    )
}

/// The chance that one more setting at twice the compute settles the question, by the posterior.
fn what_a_doubling_tells(
    curve: &Curve<'_>,
    noise: &Noise,
    ess: &[Ess],
    (last, verdict): (f64, Verdict),
    question: Question,
) -> String {
    let at = curve.compute.iter().position(|&c| c == last).unwrap_or(0);
    let apart = noise.own(at) * std::f64::consts::SQRT_2;
    let mut rng = Rng::stream(question.seed, 0x7e11);
    let settles = |times: f64, rng: &mut Rng| {
        let error = apart / times.sqrt();
        let told = ess.iter().filter(|s| {
            let seen = s.at(2.0 * last) - s.at(last) + error * rng.normal();
            (seen - question.threshold).abs() > 1.645 * error
        });
        told.count() as f64 / ess.len() as f64
    };
    let once = settles(1.0, &mut rng);
    let plain = format!(
        "a setting at twice the compute ({:.3e}) with as many problems would show with 90 % confidence on which side \
         of {:.1} points the doubling lies with probability {once:.2}",
        2.0 * last,
        100.0 * question.threshold
    );
    let enough = [2.0, 4.0, 8.0, 16.0, 32.0].into_iter().find(|&t| settles(t, &mut rng) >= 0.8);
    match (once >= 0.8, enough) {
        (true, _) => plain,
        (false, Some(times)) => format!("{plain}; with {times:.0}x the problems, 0.8 or more"),
        (false, None) if verdict == Verdict::AtTheWall => {
            format!("{plain}; the gain lies too near the threshold for more problems to tell")
        }
        (false, None) => format!("{plain}; even 32x the problems would not bring it to 0.8"),
    }
}
