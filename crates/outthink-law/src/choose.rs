//! Which form? Each is fitted on the cheaper part of a curve and must predict the dearer part.
//!
//! A form that follows the points it was fitted to proves little: with a wrong floor r² of .988 has
//! been reached on data whose floor is known. So forms are scored by the log density that they give
//! to each point of the dearer half before they have seen it (the prequential score of Dawid 1984),
//! and `AICc` stands beside it. Forms that the score does not tell apart are kept together, and the
//! forecast is their mixture.

use serde::{Deserialize, Serialize};

use crate::LawError;
use crate::error::{check, need_positive};
use crate::fall::{Miss, worst};
use crate::forms::{Curve, Form, FormFit, fit};
use crate::interval::{Interval, quantile};
use crate::noise::{MISFIT, Noise};
use crate::special::student_quantile;

/// Weight above which one form is taken to be told from the others.
const DECIDED: f64 = 0.9;

/// One form as a candidate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// The fit to all points.
    pub fit: FormFit,
    /// `AICc` weight among the candidates (Burnham and Anderson 2002, eq. 2.9).
    pub aicc_weight: f64,
    /// Sum of the log predictive densities of the dearer points; `None` where none could be forecast.
    pub score: Option<f64>,
    /// Mean absolute error of those forecasts.
    pub forecast_error: Option<f64>,
    /// Variance of those forecasts beyond the points' own errors.
    pub forecast_variance: Option<f64>,
    /// Weight in the mixture: by the score where there is one, else by `AICc`.
    pub weight: f64,
}

/// The candidates in order of weight.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// The forms fitted, the best first.
    pub candidates: Vec<Candidate>,
    /// Points that each form had to forecast.
    pub forecast_points: usize,
    /// Whether the data decide between the first and the others.
    #[serde(alias = "told_apart")]
    pub decided: bool,
    /// Forms left out for want of points.
    pub left_out: Vec<Form>,
    /// The largest compute fitted.
    pub most: f64,
    /// Median factor of compute between a forecast point and the last point it was forecast from.
    pub reach: f64,
}

/// What a setting that was not measured yet is expected to give.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CurveForecast {
    /// The compute.
    pub compute: f64,
    /// Accuracy expected.
    pub accuracy: f64,
    /// Where a measurement with errors such as those of the points is expected.
    pub interval: Interval,
    /// Compute over the largest fitted.
    pub factor: f64,
    /// Whether the forms were tested by forecasting; otherwise their spread and a misfit of two points stand in.
    pub tested: bool,
}

impl Choice {
    /// How far the mixture lies to one side of all points of its curve, as [`FormFit::beside`].
    pub fn beside(&self, curve: &Curve<'_>, noise: &Noise) -> Option<f64> {
        let points = curve.compute.iter().zip(curve.accuracy).enumerate();
        crate::forms::beside(points.map(|(i, (&c, a))| (self.at(c) - a) / noise.stderr(i)))
    }

    /// The point that the mixture misses by far more than its error, where there is one.
    pub fn misses(&self, curve: &Curve<'_>, noise: &Noise) -> Option<Miss> {
        worst(curve, noise, |c| self.at(c))
    }

    /// Forecasts a setting: the mixture, with an interval from how the forms' forecasts of the more expensive points
    /// erred, how far the forms differ there, and the error of a measurement, `own`. Beyond the factor that
    /// the tests reached, the error grows with the logarithm of the factor.
    ///
    /// # Errors
    ///
    /// Compute or level outside their ranges.
    pub fn forecast(&self, compute: f64, own: f64, level: f64) -> Result<CurveForecast, LawError> {
        need_positive("compute", &[compute])?;
        check("level", &[level], "a number between 0 and 1", |x| x > 0.0 && x < 1.0)?;
        let accuracy = self.at(compute);
        let factor = compute / self.most;
        let apart: f64 = self.candidates.iter().map(|c| c.weight * (c.fit.at(compute) - accuracy).powi(2)).sum();
        let tested = self.forecast_points > 0;
        let erred: f64 = (self.candidates.iter())
            .map(|c| c.weight * c.forecast_variance.unwrap_or(4.0 * MISFIT * MISFIT))
            .sum::<f64>()
            .max(MISFIT * MISFIT);
        let reach = self.reach.max(2.0);
        let wider = if factor > reach { factor.ln() / reach.ln() } else { 1.0 };
        let sd = (own * own + apart + erred * wider * wider).sqrt();
        // The variance of the forecasts is estimated from few of them.
        let half = sd * student_quantile(f64::midpoint(1.0, level), self.forecast_points as f64 + 3.0);
        let interval = Interval { low: (accuracy - half).max(0.0), high: (accuracy + half).min(1.0), level };
        Ok(CurveForecast { compute, accuracy, interval, factor, tested })
    }

    /// Accuracy at `compute` by the mixture.
    pub fn at(&self, compute: f64) -> f64 {
        self.candidates.iter().map(|c| c.weight * c.fit.at(compute)).sum()
    }
}

/// Fits `forms` and weighs them.
///
/// # Errors
///
/// What the fit of the stiffest form refuses; forms with more constants than the points allow are
/// left out and named.
///
/// # Examples
///
/// ```
/// use outthink_law::{choose::choose, forms::{Curve, Form}, noise::Noise};
/// let tokens = [1e3, 2e3, 4e3, 8e3, 16e3, 32e3, 64e3, 128e3];
/// let curve = Curve { compute: &tokens, accuracy: &[0.22, 0.35, 0.47, 0.55, 0.60, 0.62, 0.63, 0.635] };
/// let choice = choose(&curve, Some(&Noise::stated(&[0.01; 8], 0.5)?), &Form::ALL, 0.95)?;
/// let next = choice.forecast(256e3, 0.01, 0.9)?;
/// assert!(next.interval.contains(0.64) && next.tested);
/// # Ok::<(), outthink_law::LawError>(())
/// ```
pub fn choose(curve: &Curve<'_>, noise: Option<&Noise>, forms: &[Form], level: f64) -> Result<Choice, LawError> {
    let mut fits = Vec::new();
    let mut left_out = Vec::new();
    let mut refusal = None;
    for &form in forms {
        match fit(form, curve, noise, level) {
            Ok(fitted) => fits.push(fitted),
            Err(error @ LawError::TooFewPoints { .. }) => {
                left_out.push(form);
                refusal.get_or_insert(error);
            }
            Err(error) => return Err(error),
        }
    }
    if fits.is_empty() {
        return Err(refusal.unwrap_or(LawError::TooFewPoints { form: "any form", parameters: 1, points: 0, need: 2 }));
    }
    let all_miss = fits.iter().all(|f| f.beside.is_some());
    let (scores, forecast_points) = prequential(curve, noise, &fits);
    let best_aicc = fits.iter().map(|f| f.aicc).fold(f64::INFINITY, f64::min);
    let aicc: Vec<f64> =
        fits.iter().map(|f| if best_aicc.is_finite() { (-0.5 * (f.aicc - best_aicc)).exp() } else { 1.0 }).collect();
    let aicc_sum: f64 = aicc.iter().sum();
    let top = scores.iter().flatten().map(|s| s.0).fold(f64::NEG_INFINITY, f64::max);
    let by_score: Vec<f64> = scores.iter().map(|s| s.map_or(0.0, |s| (s.0 - top).exp())).collect();
    let score_sum: f64 = by_score.iter().sum();
    let mut candidates: Vec<Candidate> = (fits.into_iter().enumerate())
        .map(|(i, fit)| Candidate {
            fit,
            aicc_weight: aicc[i] / aicc_sum,
            score: scores[i].map(|s| s.0),
            forecast_error: scores[i].map(|s| s.1),
            forecast_variance: scores[i].map(|s| s.2),
            weight: if score_sum > 0.0 { by_score[i] / score_sum } else { aicc[i] / aicc_sum },
        })
        .collect();
    // A curve that misses all its points on one side is no candidate as long as another does not.
    for c in &mut candidates {
        if c.fit.beside.is_some() && !all_miss {
            c.weight = 0.0;
        }
    }
    let left: f64 = candidates.iter().map(|c| c.weight).sum();
    let even = 1.0 / candidates.iter().filter(|c| all_miss || c.fit.beside.is_none()).count() as f64;
    for c in &mut candidates {
        let stands = all_miss || c.fit.beside.is_none();
        c.weight = if left > 0.0 { c.weight / left } else { even * f64::from(u8::from(stands)) };
    }
    candidates.sort_by(|x, y| y.weight.total_cmp(&x.weight));
    let decided = candidates.len() > 1 && candidates[0].weight >= DECIDED;
    let most = curve.compute.iter().copied().fold(0.0, f64::max);
    let reach = reach(curve, forecast_points);
    Ok(Choice { candidates, forecast_points, decided, left_out, most, reach })
}

/// Median factor between each forecast point and the last one before it.
fn reach(curve: &Curve<'_>, targets: usize) -> f64 {
    let mut compute = curve.compute.to_vec();
    compute.sort_by(f64::total_cmp);
    let from = compute.len() - targets;
    let mut factors: Vec<f64> = (from.max(1)..compute.len()).map(|i| compute[i] / compute[i - 1]).collect();
    factors.sort_by(f64::total_cmp);
    if factors.is_empty() { 1.0 } else { quantile(&factors, 0.5) }
}

/// Of one form: score, mean absolute error, and variance beyond the points' own errors.
type Scored = Option<(f64, f64, f64)>;

/// Score and errors of each form, over the points of the more expensive half that all forms can
/// forecast from the cheaper ones.
fn prequential(curve: &Curve<'_>, noise: Option<&Noise>, fits: &[FormFit]) -> (Vec<Scored>, usize) {
    let n = curve.accuracy.len();
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&i, &j| curve.compute[i].total_cmp(&curve.compute[j]));
    let most = fits.iter().map(|f| f.form.constants().len()).max().unwrap_or(0);
    let first = (n / 2).max(most + 1);
    let targets = n.saturating_sub(first);
    if targets == 0 {
        return (vec![None; fits.len()], 0);
    }
    let scores = fits
        .iter()
        .map(|whole| {
            let (mut score, mut error, mut beyond) = (0.0, 0.0, 0.0);
            for at in first..n {
                let (cheap, dear) = (&order[..at], order[at]);
                let (compute, accuracy) = curve.subset(cheap);
                let part = noise.map(|n| n.subset(cheap));
                let early =
                    fit(whole.form, &Curve { compute: &compute, accuracy: &accuracy }, part.as_ref(), 0.5).ok()?;
                let gap = curve.accuracy[dear] - early.at(curve.compute[dear]);
                let own = match noise {
                    Some(noise) => noise.own(dear),
                    None => early.rms * (at as f64 / (at as f64 - whole.constants.len() as f64)).sqrt(),
                };
                let sd = own.hypot(MISFIT);
                score -= 0.5 * (gap / sd).powi(2) + sd.ln();
                error += gap.abs();
                beyond += gap * gap - own * own;
            }
            Some((score, error / targets as f64, (beyond / targets as f64).max(0.0)))
        })
        .collect();
    (scores, targets)
}
