//! AdamW with clipping of the gradient.

use crate::weights::Tensor;

/// Settings of [`AdamW`].
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdamWConfig {
    /// Decay of the mean of gradients.
    pub beta1: f32,
    /// Decay of the mean of their squares.
    pub beta2: f32,
    /// What is added to the root of the mean square.
    pub eps: f32,
    /// Decay of matrices, times the learning rate at each step; gains of norms do not decay.
    pub weight_decay: f32,
    /// Largest norm of the gradient; 0 does not clip.
    pub clip: f32,
}

impl Default for AdamWConfig {
    /// 0.9, 0.95, 1e-8, decay 0.1, clipped at 1 (Touvron et al. 2023, section 2.3).
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.95, eps: 1e-8, weight_decay: 0.1, clip: 1.0 }
    }
}

/// The state of `AdamW` (Loshchilov and Hutter 2019, algorithm 2).
#[derive(Debug, Clone, PartialEq)]
pub struct AdamW {
    /// The settings.
    pub config: AdamWConfig,
    /// Steps made.
    pub(crate) steps: u64,
    /// Mean of gradients.
    pub(crate) mean: Vec<f32>,
    /// Mean of their squares.
    pub(crate) square: Vec<f32>,
}

impl AdamW {
    /// For `len` parameters.
    pub fn new(config: AdamWConfig, len: usize) -> Self {
        Self { config, steps: 0, mean: vec![0.0; len], square: vec![0.0; len] }
    }

    /// Moves `weights` against `gradient` with learning rate `rate`. Returns the norm of the gradient
    /// before clipping; where that is not finite, nothing is moved.
    pub fn step(&mut self, weights: &mut [f32], gradient: &[f32], tensors: &[Tensor], rate: f32) -> f64 {
        let norm = gradient.chunks(1024).map(|c| f64::from(c.iter().map(|g| g * g).sum::<f32>())).sum::<f64>().sqrt();
        if !norm.is_finite() {
            return norm;
        }
        self.steps += 1;
        let AdamWConfig { beta1, beta2, eps, weight_decay, clip } = self.config;
        let scale = if clip > 0.0 && norm > f64::from(clip) { (f64::from(clip) / norm) as f32 } else { 1.0 };
        let steps = i32::try_from(self.steps).unwrap_or(i32::MAX);
        let size = rate / (1.0 - f64::from(beta1).powi(steps)) as f32;
        let unbias = (1.0 - f64::from(beta2).powi(steps)).sqrt().recip() as f32;
        for tensor in tensors {
            let at = tensor.range.clone();
            let keep = 1.0 - if tensor.shape.len() > 1 { rate * weight_decay } else { 0.0 };
            let means = self.mean[at.clone()].iter_mut().zip(&mut self.square[at.clone()]);
            for ((w, g), (m, v)) in weights[at.clone()].iter_mut().zip(&gradient[at]).zip(means) {
                let g = g * scale;
                *m = beta1 * *m + (1.0 - beta1) * g;
                *v = beta2 * *v + (1.0 - beta2) * g * g;
                *w = *w * keep - size * *m / (v.sqrt() * unbias + eps);
            }
        }
        norm
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_walks_down_a_bowl_and_decays_matrices_only() {
        let tensors = [
            Tensor { name: "w".into(), shape: vec![1, 2], range: 0..2 },
            Tensor { name: "g".into(), shape: vec![2], range: 2..4 },
        ];
        let mut weights = vec![3.0, -2.0, 3.0, -2.0];
        let mut adam = AdamW::new(AdamWConfig { weight_decay: 0.0, ..AdamWConfig::default() }, 4);
        for _ in 0..500 {
            let gradient: Vec<f32> = weights.iter().map(|w| 2.0 * (w - 1.0)).collect();
            adam.step(&mut weights, &gradient, &tensors, 0.05);
        }
        assert!(weights.iter().all(|w| (w - 1.0).abs() < 0.02), "{weights:?}");
        let mut adam = AdamW::new(AdamWConfig { weight_decay: 0.5, ..AdamWConfig::default() }, 4);
        let mut weights = vec![1.0; 4];
        adam.step(&mut weights, &[0.0; 4], &tensors, 0.1);
        assert_eq!(weights, [0.95, 0.95, 1.0, 1.0]);
    }

    #[test]
    fn the_first_step_is_the_learning_rate_and_clipping_keeps_the_direction() {
        let tensors = [Tensor { name: "g".into(), shape: vec![2], range: 0..2 }];
        let mut adam = AdamW::new(AdamWConfig::default(), 2);
        let mut weights = vec![0.0; 2];
        let norm = adam.step(&mut weights, &[30.0, -40.0], &tensors, 0.1);
        assert_eq!(norm, 50.0);
        assert!((weights[0] + 0.1).abs() < 1e-6 && (weights[1] - 0.1).abs() < 1e-6, "{weights:?}");
        assert!((adam.mean[0] - 0.06).abs() < 1e-6 && (adam.mean[1] + 0.08).abs() < 1e-6);
    }

    #[test]
    fn a_gradient_that_is_no_number_moves_nothing() {
        let tensors = [Tensor { name: "g".into(), shape: vec![2], range: 0..2 }];
        let mut adam = AdamW::new(AdamWConfig::default(), 2);
        let (mut weights, before) = (vec![1.0; 2], adam.clone());
        assert!(!adam.step(&mut weights, &[f32::NAN, 1.0], &tensors, 0.1).is_finite());
        assert_eq!((weights, adam), (vec![1.0; 2], before));
    }
}
