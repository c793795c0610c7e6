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
//! - *saturated*: a small gain, on a benchmark that has no room left to show a larger one: it says nothing of the model.
//! - *inconclusive*: too few settings, settings less than a doubling apart, or points that neither rise nor stand still
//!   beyond their errors.
//!
//! Where the points fall by more than their errors ([`crate::fall`]) the next doubling may lose.
//!
//! The probability of the verdict stands beside it, in the words of the calibrated scale of the IPCC
//! (Mastrandrea et al. 2010): more likely than not, likely (2/3), very likely (9/10).

use serde::{Deserialize, Serialize};

use crate::LawError;
use crate::error::check;
use crate::fall::Fall;
use crate::forms::Curve;
use crate::interval::Interval;
use crate::noise::Noise;
use crate::outlook::{Ess, posterior};
use crate::rng::Rng;
use crate::special::{normal_cdf, normal_quantile};

pub use crate::outlook::{Outlook, Reach};

/// Settings below which no verdict is given: an S has three constants or four.
const LEAST_SETTINGS: usize = 4;
/// Settings with which two questions can still be answered without the S: whether the last step gained
/// anything worth having, and whether accuracy falls.
const LEAST_STEPS: usize = 3;
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
/// Doublings of compute below which nothing is said of a doubling.
const LEAST_DOUBLINGS: f64 = 1.0;

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
    /// The next doubling gains little, and the benchmark has no room left to show more: another one can say.
    Saturated,
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
            Self::Saturated => "saturated",
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
    /// Whether the benchmark itself has little room left: the last accuracy is 0.95 or more, so that a small gain says
    /// little of the model.
    pub saturated: bool,
    /// Posterior probability of the verdict; `None` where it is inconclusive or the benchmark saturated.
    pub probability: Option<f64>,
    /// Gain expected of doubling the largest compute.
    pub next_doubling: Option<Ranged>,
    /// Where accuracy falls after its highest point by more than the errors explain.
    #[serde(default)]
    pub fall: Option<Fall>,
    /// Ceiling of the S; `None` where the curve falls, for then nothing approaches it.
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
            fall: None,
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
    let (first, last) = (settings[0], settings[settings.len() - 1]);
    let doublings = (last / first).log2();
    if settings.len() == LEAST_STEPS
        && doublings >= LEAST_DOUBLINGS
        && !flat
        && let Some(judged) = last_step(curve, noise, &settings, question)
    {
        return Ok(judged);
    }
    if let Some(refused) = too_thin(curve, (settings.len(), doublings), question) {
        return Ok(refused);
    }
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
    let fall = Fall::of(curve, noise);
    let (verdict, probability, because) = if trend.z < -2.0 && fall.is_none_or(|f| f.from == first) {
        let because =
            format!("accuracy falls by {:.1} points a doubling: more compute does harm", -100.0 * trend.slope);
        (Verdict::AtTheWall, normal_cdf(-trend.z), because)
    } else if let Some(f) = fall {
        let because = format!(
            "accuracy falls from {:.3} at {} to {:.3} at {}: more compute does harm",
            f.top,
            plainly(f.from),
            f.low,
            plainly(f.to)
        );
        (Verdict::AtTheWall, wall, because)
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
    let falls = fall.is_some() || trend.z < -2.0;
    let full = saturated && !falls && verdict != Verdict::StillRising;
    let next_runs = if full { "harder problems".to_owned() } else { next_runs };
    Ok(Judgement {
        question: question.subject.words().to_owned(),
        verdict: if full { Verdict::Saturated } else { verdict },
        saturated,
        probability: (!full).then_some(probability),
        next_doubling: Some(ranged(&next)),
        fall,
        ceiling: (!falls).then(|| ranged(&ceilings)),
        pace: Some(ranged(&pace)),
        less_than_threshold: Some(wall),
        less_than_half_pace: Some(below),
        threshold: question.threshold,
        n,
        because: if full { room_left(top_of(curve, last), &because) } else { because },
        next_runs,
    })
}

/// Why a small gain says little of the model.
fn room_left(top: f64, because: &str) -> String {
    format!(
        "at {:.1} % this benchmark has little room left to show a gain ({because}): harder problems may",
        100.0 * top
    )
}

/// Compute in few digits: whole numbers as they are, others as powers of ten.
fn plainly(compute: f64) -> String {
    if (1.0..1e7).contains(&compute) { format!("{compute:.0}") } else { format!("{compute:.3e}") }
}

/// The refusals that need no fit.
fn too_thin(curve: &Curve<'_>, (settings, doublings): (usize, f64), question: Question) -> Option<Judgement> {
    let n = curve.accuracy.len();
    let all = |value: f64| curve.accuracy.iter().all(|&a| a == value);
    let (because, next_runs) = if n > 0 && all(0.0) {
        (
            "every setting is at the floor, 0: where it would rise lies beyond the compute tried",
            "problems that are easier, or far more compute; coverage (pass@k) shows a rise earlier than accuracy does",
        )
    } else if n > 0 && all(1.0) {
        let because = "every setting is at 1: these problems have no room left to show a gain".to_owned();
        let untold = Judgement::untold(n, question, because, "harder problems".to_owned());
        return Some(Judgement { verdict: Verdict::Saturated, saturated: true, ..untold });
    } else if doublings < LEAST_DOUBLINGS {
        let because = format!(
            "the settings span {doublings:.2} doublings: what less than a doubling gained says nothing of the next one"
        );
        let next_runs = "settings further apart: at least one at twice the smallest, better at four and eight times";
        return Some(Judgement::untold(n, question, because, next_runs.to_owned()));
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
    let trend = Trend::of(curve, noise);
    let falls = trend.z <= -2.0;
    // Less than a doubling says nothing of a doubling; the fall over all three settings still does.
    let (gain, error) = if doublings >= LEAST_DOUBLINGS {
        let gain = (curve.accuracy[j] - curve.accuracy[i]) / doublings;
        (gain, noise.stderr_of_difference(i, j).max(1e-6) / doublings)
    } else if falls {
        (trend.slope, trend.error)
    } else {
        return None;
    };
    let less = normal_cdf((question.threshold - gain) / error);
    if less < 0.9 && !falls {
        return None;
    }
    let z = normal_quantile(f64::midpoint(1.0, question.level));
    let interval = Interval { low: gain - z * error, high: gain + z * error, level: question.level };
    let top = top_of(curve, last);
    let saturated = top >= SATURATED;
    let full = saturated && !falls;
    let because = if falls {
        format!("accuracy falls by {:.1} points a doubling", -100.0 * trend.slope)
    } else {
        format!(
            "three settings, and the last step gained {:+.1} points a doubling, below {:.1}",
            100.0 * gain,
            100.0 * question.threshold
        )
    };
    let because = if full { room_left(top, &because) } else { because };
    let probability = if falls { normal_cdf(-trend.z) } else { less };
    Some(Judgement {
        question: question.subject.words().to_owned(),
        verdict: if full { Verdict::Saturated } else { Verdict::AtTheWall },
        saturated,
        probability: (!full).then_some(probability),
        next_doubling: Some(Ranged { value: gain, interval }),
        fall: Fall::of(curve, noise),
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
