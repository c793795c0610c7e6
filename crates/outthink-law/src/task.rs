//! From loss to the accuracy of a task, in two steps, so that a larger model stands in the same unit as more
//! thinking: points of accuracy.
//!
//! Step one forecasts the loss (of the task's own answers, or of text) from parameters and tokens; step two
//! reads accuracy off it by an S (Bhagia et al. 2024, arXiv:2412.04403). The uncertainty of both is carried
//! through by draws: of the constants of both steps, of the error of the forecast of the loss, and of the
//! scatter of the measured accuracies about the S.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::LawError;
use crate::error::{check, need_points, need_positive, same_len};
use crate::estimate::Resampling;
use crate::forms::{Curve, Form, FormFit, fit};
use crate::interval::Interval;
use crate::pretrain::{Backtest, LossFit};
use crate::rng::Rng;
use crate::verdict::Ranged;

const FORM: &str = "the S of accuracy over loss";

/// Models measured: one entry a model in each column.
#[derive(Debug, Clone, Copy)]
pub struct Measured<'a> {
    /// Loss: the lower, the better.
    pub loss: &'a [f64],
    /// Accuracy, 0 to 1.
    pub accuracy: &'a [f64],
}

/// Accuracy as an S of the loss, with its bootstrap draws.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskFit {
    /// The S, over exp(−loss).
    pub law: FormFit,
    /// One fit for each bootstrap draw of the models.
    pub draws: Vec<FormFit>,
    /// Standard deviation of an accuracy about the S, the constants accounted for.
    pub scatter: f64,
    /// Models fitted.
    pub n: usize,
}

/// Fits accuracy = floor + (ceiling − floor) / (1 + exp(k (loss − midpoint))).
///
/// # Errors
///
/// Columns of different length, fewer than six models, a loss that is not positive, or an accuracy
/// outside 0 to 1.
pub fn fit_task(data: &Measured<'_>, how: Resampling) -> Result<TaskFit, LawError> {
    same_len("loss", data.loss.len(), "accuracy", data.accuracy.len())?;
    need_positive("loss", data.loss)?;
    check("accuracy", data.accuracy, "a number from 0 to 1", |a| (0.0..=1.0).contains(&a))?;
    let n = data.loss.len();
    need_points(FORM, 5, n)?;
    let of = |rows: &[usize]| {
        let compute: Vec<f64> = rows.iter().map(|&i| (-data.loss[i]).exp()).collect();
        let accuracy: Vec<f64> = rows.iter().map(|&i| data.accuracy[i]).collect();
        fit(Form::SigmoidWithFloor, &Curve { compute: &compute, accuracy: &accuracy }, None, how.level)
    };
    let law = of(&(0..n).collect::<Vec<_>>())?;
    let draws: Vec<FormFit> = (0..how.draws as u64)
        .into_par_iter()
        .filter_map(|draw| {
            let mut rng = Rng::stream(how.seed ^ 0x7a5c, draw);
            let rows: Vec<usize> = (0..n).map(|_| rng.below(n)).collect();
            of(&rows).ok()
        })
        .collect();
    let scatter = law.rms * (n as f64 / (n as f64 - 4.0)).sqrt();
    Ok(TaskFit { law, draws, scatter, n })
}

impl TaskFit {
    /// Accuracy at `loss`.
    pub fn at(&self, loss: f64) -> f64 {
        self.law.at((-loss).exp())
    }

    /// Accuracy where the loss itself is uncertain: `loss` is its forecast, `draws` are draws of it.
    pub fn through(&self, loss: f64, draws: &[f64], level: f64, seed: u64) -> Ranged {
        let mut rng = Rng::stream(seed ^ 0x7150, 0);
        let values: Vec<f64> = (draws.iter().enumerate())
            .map(|(i, &loss)| {
                let law = if self.draws.is_empty() { &self.law } else { &self.draws[i % self.draws.len()] };
                (law.at((-loss).exp()) + self.scatter * rng.normal()).clamp(0.0, 1.0)
            })
            .collect();
        Ranged { value: self.at(loss), interval: Interval::from_draws(&values, level) }
    }
}

/// Draws of the loss of one run: of the law's constants, and of Laplace's errors of the size that the
/// backtests found.
pub fn loss_draws(
    backtest: &Backtest,
    fit: &LossFit,
    most: f64,
    (params, tokens): (f64, f64),
    (draws, seed): (usize, u64),
) -> Vec<f64> {
    let errors = backtest.errors(most);
    let scale = errors.scale_at(errors.factor(params, tokens));
    let mut rng = Rng::stream(seed ^ 0x10c5, 0);
    (0..draws)
        .map(|i| {
            let law = if fit.draws.is_empty() { &fit.law } else { &fit.draws[i % fit.draws.len()] };
            let u = rng.uniform() - 0.5;
            let error = -scale * u.signum() * (1.0 - 2.0 * u.abs()).max(1e-12).ln();
            law.loss(params, tokens) * error.exp()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn truth(loss: f64) -> f64 {
        0.25 + 0.6 / (1.0 + (4.0 * (loss - 0.9)).exp())
    }

    #[test]
    fn an_s_is_found_and_read_beyond_the_models() {
        let loss: Vec<f64> = (0..16).map(|i| 1.6 - 0.06 * f64::from(i)).collect();
        let mut rng = Rng::stream(1, 0);
        let accuracy: Vec<f64> = loss.iter().map(|&l| truth(l) + 0.004 * rng.normal()).collect();
        let how = Resampling { draws: 100, ..Resampling::default() };
        let fitted = fit_task(&Measured { loss: &loss, accuracy: &accuracy }, how).unwrap();
        assert!((fitted.at(0.9) - truth(0.9)).abs() < 0.01, "{fitted:?}");
        assert!((fitted.at(0.6) - truth(0.6)).abs() < 0.03);
        let sure = fitted.through(0.7, &[0.7; 400], 0.9, 0);
        let doubt: Vec<f64> = (0..400).map(|i| 0.6 + 0.0005 * f64::from(i)).collect();
        let unsure = fitted.through(0.7, &doubt, 0.9, 0);
        assert!(sure.interval.contains(truth(0.7)) && unsure.interval.width() > sure.interval.width());
        assert!(fit_task(&Measured { loss: &loss[..4], accuracy: &accuracy[..4] }, how).is_err());
    }
}
