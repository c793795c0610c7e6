//! Accuracy against tokens: made curves with known ceilings, published ones, and refusals.

use outthink_law::LawError;
use outthink_law::curve::{Curve, CurveOptions, Logistic, fit};

const TOKENS: [f64; 8] = [5e2, 1e3, 2e3, 4e3, 8e3, 16e3, 32e3, 64e3];

#[test]
fn a_saturated_curve_gives_its_ceiling_back() {
    let truth = Logistic { ceiling: 0.7, midpoint: 7.5, slope: 1.4 };
    let accuracy = TOKENS.map(|t| truth.at(t));
    let curve = Curve { tokens: &TOKENS, accuracy: &accuracy, stderr: &[0.01; 8] };
    let got = fit(&curve, CurveOptions::default()).unwrap();
    assert!((got.logistic.ceiling - 0.7).abs() < 0.005, "{got:?}");
    assert!((got.logistic.midpoint - 7.5).abs() < 0.05, "{got:?}");
    assert!(got.logistic_weight > 0.99, "{got:?}");
    assert!(got.ceiling.unwrap().contains(0.7), "{got:?}");
    assert!(got.next_doubling.abs() < 0.01, "{got:?}");
    assert!((got.at(1e9) - 0.7).abs() < 0.01);
}

#[test]
fn a_straight_curve_goes_on_rising() {
    let accuracy = TOKENS.map(|t| 0.06 * (t / 250.0).log2());
    let curve = Curve { tokens: &TOKENS, accuracy: &accuracy, stderr: &[0.01; 8] };
    let got = fit(&curve, CurveOptions::default()).unwrap();
    assert!((got.log_linear.per_doubling - 0.06).abs() < 1e-9);
    assert!(got.logistic_weight < 0.5, "{got:?}");
    assert!(got.next_doubling_interval.unwrap().contains(0.06), "{got:?}");
}

/// Claude 3.7 Sonnet on OTIS mock AIME by token budget (Epoch AI, CC BY 4.0).
#[test]
fn a_published_effort_curve() {
    let curve = Curve {
        tokens: &[1_458.9, 14_781.9, 23_838.9, 26_987.3],
        accuracy: &[0.2194, 0.4667, 0.5333, 0.5778],
        stderr: &[0.0482, 0.0752, 0.0752, 0.0745],
    };
    let got = fit(&curve, CurveOptions::default()).unwrap();
    println!("{got:?}");
    assert!(got.log_linear_chi2 < 1.0 && got.logistic_chi2 < 1.0, "{got:?}");
    assert!(got.next_doubling > 0.02, "{got:?}");
    // Four points with errors of 7 points do not settle where the ceiling is.
    assert!(got.ceiling.unwrap().width() > 0.2, "{got:?}");
}

#[test]
fn intervals_of_the_slope_hold_made_truth() {
    let mut held = 0;
    let mut state = 11_u64;
    let mut uniform = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    for seed in 0..60 {
        let accuracy = TOKENS.map(|t| {
            let noise = (0..12).map(|_| uniform()).sum::<f64>() - 6.0;
            (0.1 + 0.05 * (t / 250.0).log2() + 0.015 * noise).clamp(0.0, 1.0)
        });
        let curve = Curve { tokens: &TOKENS, accuracy: &accuracy, stderr: &[0.015; 8] };
        let options = CurveOptions { draws: 200, seed, ..CurveOptions::default() };
        let got = fit(&curve, options).unwrap();
        held += u32::from(got.next_doubling_interval.unwrap().contains(0.05));
    }
    println!("next doubling: held {held} of 60");
    assert!(held >= 51, "{held}");
}

#[test]
fn refuses_what_it_cannot_fit() {
    let of = |tokens: &[f64], accuracy: &[f64], stderr: &[f64]| {
        let curve = Curve { tokens, accuracy, stderr };
        fit(&curve, CurveOptions::default()).unwrap_err()
    };
    let (t, a, s) = ([1.0, 2.0, 3.0, 4.0], [0.1, 0.2, 0.3, 0.4], [0.1; 4]);
    assert!(matches!(of(&t[..3], &a[..3], &s[..3]), LawError::TooFewPoints { .. }));
    assert!(matches!(of(&t, &[0.0; 4], &s), LawError::OneValueOnly { .. }));
    assert!(matches!(of(&[5.0; 4], &a, &s), LawError::OneValueOnly { .. }));
    assert!(matches!(of(&t, &a, &[0.0; 4]), LawError::BadValue { what: "stderr", .. }));
    assert!(matches!(of(&t, &[0.1, f64::NAN, 0.2, 0.3], &s), LawError::BadValue { row: 1, .. }));
    assert!(matches!(of(&t, &a[..3], &s), LawError::LengthMismatch { .. }));
}
