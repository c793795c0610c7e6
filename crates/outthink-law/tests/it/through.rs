//! Drawn curves go through their points, whatever is common to their errors (Peelle's pertinent puzzle).

use std::collections::BTreeMap;

use outthink_law::choose::choose;
use outthink_law::forms::{Curve, Form, fit};
use outthink_law::noise::Noise;
use outthink_law::pretrain::{LossForm, PretrainOptions, fit_form};
use outthink_law::rl::{self, Run};
use outthink_law::verdict::{Outlook, Question};
use proptest::prelude::*;

/// The standard error of a share of `n` problems, never 0.
fn binomial(accuracy: f64, n: f64) -> f64 {
    let p = (accuracy * n + 1.0) / (n + 2.0);
    (p * (1.0 - p) / n).sqrt()
}

/// No form, no mixture and no S of the verdict to one side of all points by more than a standard error.
fn through(compute: &[f64], accuracy: &[f64], stderr: &[f64], shared: f64) {
    let noise = Noise::stated(stderr, shared).unwrap();
    let curve = Curve { compute, accuracy };
    let choice = choose(&curve, Some(&noise), Form::suited(&curve, Some(&noise)).unwrap(), 0.95).unwrap();
    assert!(choice.beside(&curve, &noise).is_none(), "{accuracy:?} {choice:?}");
    for c in &choice.candidates {
        assert!(c.fit.beside.is_none() || c.weight == 0.0, "{accuracy:?} {c:?}");
    }
    if compute.len() > 3 {
        let outlook = Outlook::new(&curve, &noise, Question { draws: 600, ..Question::default() }).unwrap();
        let gaps: Vec<f64> =
            (0..compute.len()).map(|i| (outlook.at(compute[i]).value - accuracy[i]) / stderr[i]).collect();
        let (low, high) = gaps.iter().fold((f64::MAX, f64::MIN), |(l, h), g| (l.min(*g), h.max(*g)));
        assert!(low <= 1.0 && high >= -1.0, "{accuracy:?} {gaps:?}");
    }
}

/// Four efforts on 45 problems, as measured of a strong model: least squares under the full covariance draws
/// .850 .977 .992 .999 here.
#[test]
fn four_efforts_near_the_ceiling() {
    let tokens = [2e3, 8e3, 16e3, 31e3];
    let accuracy = [0.789, 0.939, 0.961, 0.961];
    let stderr = accuracy.map(|a| binomial(a, 45.0));
    through(&tokens, &accuracy, &stderr, 0.5);
    through(&tokens, &accuracy, &stderr, 0.85);
    let noise = Noise::stated(&stderr, 0.5).unwrap();
    let curve = Curve { compute: &tokens, accuracy: &accuracy };
    for form in [Form::LogLinear, Form::PowerOfError, Form::Sigmoid] {
        let fitted = fit(form, &curve, Some(&noise), 0.95).unwrap();
        let gap = tokens.iter().zip(&accuracy).map(|(c, a)| fitted.at(*c) - a).sum::<f64>() / 4.0;
        assert!(gap.abs() < 0.01, "{form:?} {gap}");
    }
    let line = fit(Form::LogLinear, &curve, Some(&noise), 0.95).unwrap();
    assert!(line.constant("at_middle").unwrap() < 1.0, "{line:?}");
}

/// A plateau of .084 seen two hundred times: its ceiling is the plateau, not a value below all of it.
#[test]
fn a_plateau_of_reinforcement_is_its_ceiling() {
    let mut draws = super::made::Draws::mixed(3);
    let steps: Vec<f64> = (1..=200).map(|i| 4.0 * f64::from(i)).collect();
    let accuracy: Vec<f64> =
        steps.iter().map(|s| (0.084 - 0.05 * (-s / 60.0).exp() + 0.008 * draws.normal()).clamp(0.0, 1.0)).collect();
    let stderr: Vec<f64> = accuracy.iter().map(|&a| binomial(a, 1_319.0)).collect();
    let noise = Noise::stated(&stderr, 0.5).unwrap();
    let curve = Curve { compute: &steps, accuracy: &accuracy };
    let fitted = fit(Form::SigmoidWithFloor, &curve, Some(&noise), 0.95).unwrap();
    assert!((fitted.at(800.0) - 0.084).abs() < 0.004, "{fitted:?}");
    assert!((fitted.constant("ceiling").unwrap() - 0.084).abs() < 0.006, "{fitted:?}");
}

/// Tokens, accuracy and standard error of each setting, by task and model.
type EffortCurves = BTreeMap<(String, String), Vec<[f64; 3]>>;

/// The curves of thinking, in the order of tokens; `None` where the data are absent.
pub(super) fn effort_curves() -> Option<EffortCurves> {
    let text = super::made::laws_file("epoch_effort_curves.csv")?;
    let mut lines = text.lines();
    let head: Vec<&str> = lines.next()?.split(',').collect();
    let column = |name: &str| head.iter().position(|h| *h == name).unwrap();
    let [task, model, accuracy, stderr, tokens, problems] =
        ["task", "model", "accuracy", "stderr", "mean_output_tokens", "problems"].map(column);
    let mut curves = EffortCurves::new();
    for line in lines {
        let cells: Vec<&str> = line.split(',').collect();
        let number = |at: usize| cells.get(at).and_then(|c| c.parse::<f64>().ok());
        let (Some(t), Some(a), Some(n)) = (number(tokens), number(accuracy), number(problems)) else { continue };
        let s = number(stderr).filter(|s| *s > 0.0).unwrap_or_else(|| binomial(a, n));
        curves.entry((cells[task].to_owned(), cells[model].to_owned())).or_default().push([t, a, s]);
    }
    for points in curves.values_mut() {
        points.sort_by(|x, y| x[0].total_cmp(&y[0]));
    }
    Some(curves)
}

#[test]
fn every_effort_curve_of_the_data() {
    let Some(curves) = effort_curves() else { return };
    let mut seen = 0;
    for points in curves.into_values().filter(|p| p.len() >= 3) {
        let of = |i: usize| points.iter().map(|p| p[i]).collect::<Vec<f64>>();
        if of(1).iter().any(|a| *a > 0.0) {
            through(&of(0), &of(1), &of(2), 0.5);
            seen += 1;
        }
    }
    println!("{seen} curves");
    assert!(seen >= 10, "{seen}");
}

/// The largest and the smallest residual in standard errors: a curve misses its points where both lie beyond one on the
/// same side.
fn both_sides(what: &str, gaps: impl Iterator<Item = f64>) {
    let (low, high) = gaps.fold((f64::MAX, f64::MIN), |(l, h), g| (l.min(g), h.max(g)));
    println!("  {what}: residuals from {low:.2} to {high:.2} standard errors");
    assert!(low <= 1.0 && high >= -1.0, "{what} lies to one side of all its points");
}

/// Every law over the other published sets: the loss by each form, reinforcement learning alone and jointly, thinking of
/// one more model.
#[test]
fn every_other_curve_of_the_data() {
    let options = PretrainOptions { bootstraps: 0, starts: 40, ..PretrainOptions::default() };
    for leave_out in [0, 5] {
        let Some(table) = super::pretrain::published(leave_out) else { return };
        let runs = table.runs();
        for form in LossForm::ALL {
            let law = fit_form(form, &runs, options).unwrap().law;
            let gap = |i: usize| (runs.loss[i] / law.loss(runs.params[i], runs.tokens[i])).ln();
            let scatter = ((0..runs.loss.len()).map(|i| gap(i).powi(2)).sum::<f64>() / runs.loss.len() as f64).sqrt();
            both_sides(form.name(), (0..runs.loss.len()).map(|i| gap(i) / scatter));
        }
    }
    if let Some(text) = super::made::laws_file("rl_qwen3_gsm8k.csv") {
        let names: Vec<&str> = text.lines().next().unwrap().split(',').skip(1).collect();
        let mut runs = Vec::new();
        for (column, name) in names.iter().enumerate() {
            let points: Vec<(f64, f64)> = (text.lines().skip(1))
                .filter_map(|line| {
                    let cells: Vec<&str> = line.split(',').collect();
                    Some((cells[0].parse().ok()?, cells.get(column + 1)?.parse().ok()?))
                })
                .collect();
            let (compute, accuracy): (Vec<f64>, Vec<f64>) = points.into_iter().unzip();
            let size = name.trim_end_matches('b').parse::<f64>().ok().map(|b| b * 1e9);
            runs.push(Run { name: (*name).to_owned(), size, compute, accuracy });
        }
        let (joint, power) = (rl::fit(&runs).unwrap(), rl::fit_power(&runs).unwrap());
        for (i, run) in runs.iter().enumerate() {
            let begun = || run.compute.iter().zip(&run.accuracy).filter(|p| *p.0 > 0.0);
            let gaps = |at: &dyn Fn(f64) -> f64| begun().map(|(c, a)| (at(*c) - a) / binomial(*a, 1_319.0)).collect();
            let (sigmoid, error): (Vec<f64>, Vec<f64>) =
                (gaps(&|c| joint.laws[i].at(c)), gaps(&|c| power.laws[i].at(c)));
            both_sides(&format!("{} by the sigmoid", run.name), sigmoid.into_iter());
            both_sides(&format!("{} by the power of the error", run.name), error.into_iter());
        }
    }
    if let Some(text) = super::made::laws_file("o1_mini_aime24.json") {
        let of = |key: &str| -> Vec<f64> {
            let key = format!("\"{key}\":");
            let cells = text.split(key.as_str()).skip(1);
            cells.map(|c| c.split([',', '}']).next().unwrap().trim().parse().unwrap()).collect()
        };
        let (tokens, accuracy) = (of("avg_tokens_used"), of("accuracy"));
        assert_eq!(tokens.len(), accuracy.len());
        let stderr: Vec<f64> = accuracy.iter().map(|&a| binomial(a, 30.0)).collect();
        through(&tokens, &accuracy, &stderr, 0.5);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Curves that rise to a ceiling, with errors of which much or little is common.
    #[test]
    fn made_curves(ceiling in 0.2..0.99_f64, steep in 0.3..2.0_f64, n in 30.0..600.0_f64, shared in 0.0..0.9_f64, seed in 0..1_000_u64) {
        let mut draws = super::made::Draws::mixed(seed);
        let compute: Vec<f64> = (0..6).map(|i| 1e3 * 2_f64.powi(i)).collect();
        let common = draws.normal();
        let accuracy: Vec<f64> = (0..6).map(|i| {
            let clean = ceiling / (1.0 + (-steep * (f64::from(i) - 1.5)).exp());
            let sd = binomial(clean, n);
            (clean + sd * (shared.sqrt() * common + (1.0 - shared).sqrt() * draws.normal())).clamp(0.0, 1.0)
        }).collect();
        let stderr: Vec<f64> = accuracy.iter().map(|&a| binomial(a, n)).collect();
        through(&compute, &accuracy, &stderr, shared);
    }
}

/// Curves that fall or have a hump: the forms and the outlook go through their points, and may go on falling.
#[test]
fn curves_that_fall() {
    let tokens = [1e3, 2e3, 4e3, 8e3, 16e3, 32e3, 64e3];
    let curves: [&[f64]; 5] = [
        &[0.40, 0.55, 0.66, 0.70, 0.66, 0.60, 0.52],
        &[0.70, 0.66, 0.60, 0.50],
        &[0.70, 0.66, 0.60],
        &[0.50, 0.62, 0.70, 0.71, 0.70, 0.65, 0.55],
        &[0.90, 0.80, 0.70, 0.60, 0.50, 0.40, 0.30],
    ];
    for accuracy in curves {
        let tokens = &tokens[..accuracy.len()];
        let stderr: Vec<f64> = accuracy.iter().map(|&a| binomial(a, 1_000.0)).collect();
        through(tokens, accuracy, &stderr, 0.5);
        let noise = Noise::stated(&stderr, 0.5).unwrap();
        let curve = Curve { compute: tokens, accuracy };
        let choice = choose(&curve, Some(&noise), Form::suited(&curve, Some(&noise)).unwrap(), 0.95).unwrap();
        let outlook = Outlook::new(&curve, &noise, Question::default()).unwrap();
        let drawn: Vec<String> =
            tokens.iter().map(|&t| format!("{:.3} {:.3}", choice.at(t), outlook.at(t).value)).collect();
        println!("{accuracy:?} {drawn:?} {:?}", outlook.gain(*tokens.last().unwrap(), 2.0 * tokens.last().unwrap()));
        assert!(choice.misses(&curve, &noise).is_none() && outlook.misses().is_none(), "{accuracy:?} {drawn:?}");
        let last = *tokens.last().unwrap();
        let next = outlook.gain(last, 2.0 * last);
        assert!(next.value < 0.0 && next.interval.low < -0.01, "{accuracy:?} {next:?}");
        // Today is what was measured, and a target that was measured is known to be reached.
        let top = accuracy.iter().copied().fold(0.0, f64::max);
        assert!((outlook.today(tokens[0]).value - accuracy[0]).abs() < 1e-12);
        assert_eq!(outlook.reached(top - 0.01).first().map(|r| r.1.value >= top - 0.01), Some(true));
        assert!(outlook.reach(top - 0.04, last).probability > 0.5, "{accuracy:?}");
    }
}

/// Points that no smooth curve goes through are said to be missed.
#[test]
fn a_curve_that_no_form_follows() {
    let tokens = [1e3, 2e3, 4e3, 8e3, 16e3, 32e3];
    let accuracy = [0.40, 0.70, 0.35, 0.72, 0.38, 0.74];
    let noise = Noise::stated(&[0.015; 6], 0.5).unwrap();
    let curve = Curve { compute: &tokens, accuracy: &accuracy };
    let choice = choose(&curve, Some(&noise), Form::suited(&curve, Some(&noise)).unwrap(), 0.95).unwrap();
    assert!(choice.misses(&curve, &noise).is_some_and(|m| m.errors.abs() > 3.0), "{choice:?}");
    assert!(Outlook::new(&curve, &noise, Question::default()).unwrap().misses().is_some());
    // A fall that levels out is none of the forms', and is said to be missed; the outlook goes through it.
    let tokens = [1e3, 2e3, 4e3, 8e3, 16e3, 32e3, 64e3];
    let noise = Noise::stated(&[0.015; 7], 0.5).unwrap();
    let curve = Curve { compute: &tokens, accuracy: &[0.30, 0.50, 0.60, 0.60, 0.50, 0.40, 0.38] };
    let choice = choose(&curve, Some(&noise), Form::suited(&curve, Some(&noise)).unwrap(), 0.95).unwrap();
    assert!(choice.misses(&curve, &noise).is_some(), "{choice:?}");
    assert!(Outlook::new(&curve, &noise, Question::default()).unwrap().misses().is_none());
}
