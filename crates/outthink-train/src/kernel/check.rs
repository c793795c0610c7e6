//! Gradients against finite differences.

use crate::rng::Rng;

/// `n` normal draws.
pub(crate) fn numbers(n: usize, seed: u64) -> Vec<f32> {
    let mut rng = Rng::stream(seed, 77);
    (0..n).map(|_| rng.normal() as f32).collect()
}

/// Compares `gradient`, the gradient of Σ `weights`·f(x) at `x`, with central differences in every
/// element.
pub(crate) fn check_gradient(x: &[f32], weights: &[f32], gradient: &[f32], f: impl Fn(&[f32]) -> Vec<f32>) {
    const H: f32 = 1e-2;
    let value = |x: &[f32]| -> f64 {
        let y = f(x);
        assert_eq!(y.len(), weights.len());
        y.iter().zip(weights).map(|(y, w)| f64::from(*y) * f64::from(*w)).sum()
    };
    assert_eq!(x.len(), gradient.len());
    let scale = gradient.iter().fold(0.1_f32, |a, g| a.max(g.abs()));
    for i in 0..x.len() {
        let at = |step: f32| {
            let mut moved = x.to_vec();
            moved[i] += step;
            value(&moved)
        };
        // Four points: the error is of the order of H⁴.
        let slope = (8.0 * (at(H) - at(-H)) - (at(2.0 * H) - at(-2.0 * H))) / (12.0 * f64::from(H));
        let error = (slope - f64::from(gradient[i])).abs() as f32;
        assert!(error < 1e-3 * scale, "element {i}: {} by hand, {slope} by differences", gradient[i]);
    }
}
