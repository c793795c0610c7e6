//! Random numbers that a seed decides, for strategies that draw.

use outthink_core::derive_seed;

/// A stream of random numbers: the same seed gives the same ones.
#[derive(Debug, Clone)]
pub(super) struct Draws {
    seed: u64,
    count: u64,
}

impl Draws {
    pub(super) const fn new(seed: u64) -> Self {
        Self { seed, count: 0 }
    }

    /// Uniform in (0, 1).
    pub(super) fn unit(&mut self) -> f64 {
        self.count += 1;
        ((derive_seed(self.seed, self.count) >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    /// Standard normal (Box and Muller 1958).
    fn normal(&mut self) -> f64 {
        (-2.0 * self.unit().ln()).sqrt() * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// Gamma of this shape, which is above 0, and scale 1 (Marsaglia and Tsang 2000).
    fn gamma(&mut self, shape: f64) -> f64 {
        if shape < 1.0 {
            return self.gamma(shape + 1.0) * self.unit().powf(1.0 / shape);
        }
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        loop {
            let x = self.normal();
            let v = (1.0 + c * x).powi(3);
            if v > 0.0 && self.unit().ln() < 0.5 * x * x + d - d * v + d * v.ln() {
                return d * v;
            }
        }
    }

    /// Beta(a, b), both above 0.
    pub(super) fn beta(&mut self, a: f64, b: f64) -> f64 {
        let (x, y) = (self.gamma(a), self.gamma(b));
        if x + y > 0.0 { x / (x + y) } else { 0.5 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beta_has_its_mean_and_variance() {
        for (a, b) in [(0.5, 0.5), (3.5, 1.5), (40.0, 2.0)] {
            let mut draws = Draws::new(7);
            let drawn: Vec<f64> = (0..20_000).map(|_| draws.beta(a, b)).collect();
            let n = drawn.len() as f64;
            let mean = drawn.iter().sum::<f64>() / n;
            let variance = drawn.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
            let (exact, spread) = (a / (a + b), a * b / ((a + b).powi(2) * (a + b + 1.0)));
            // Five standard errors of the mean.
            assert!((mean - exact).abs() < 5.0 * (spread / n).sqrt(), "{a} {b}: {mean} and not {exact}");
            assert!((variance / spread - 1.0).abs() < 0.1, "{a} {b}: {variance} and not {spread}");
        }
    }

    #[test]
    fn a_seed_repeats_its_draws() {
        let of = |seed| Draws::new(seed).beta(0.5, 2.0).to_bits();
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
    }
}
