//! A soft target on what requests cost on average, held by moving the price of compute.

/// Moves the price of a sample so that a stream of problems spends a target on average.
///
/// Two loops. The slow one moves the base price by each problem's relative error (stochastic
/// approximation of the Lagrange multiplier of an average budget; Robbins and Monro 1951), so that
/// it follows the difficulty of the stream. The fast one raises the price by what was overspent so
/// far, so that the sum stays near its target however single problems scatter: the debt over any
/// window stays bounded, and so does the error of every window's average.
#[derive(Debug, Clone, PartialEq)]
pub struct PriceController {
    target: f64,
    log_base: f64,
    /// What was spent above the target so far, in problems' worth of the target.
    debt: f64,
    seen: f64,
}

impl PriceController {
    /// How far one problem's relative error moves the logarithm of the base price, at first and in
    /// the long run.
    const GAINS: (f64, f64) = (0.3, 0.02);
    /// Problems over which the first gain gives way.
    const WARM_UP: f64 = 10.0;
    /// Problems' worth of debt that raise the price by the factor e.
    const PATIENCE: f64 = 5.0;
    /// The debt acts up to this many times [`Self::PATIENCE`] either way.
    const MOST: f64 = 6.0;

    /// A controller of a positive `target` (samples, tokens or dollars a problem) that begins at
    /// `price`.
    pub fn new(target: f64, price: f64) -> Self {
        Self { target: target.max(f64::MIN_POSITIVE), log_base: price.max(1e-9).ln(), debt: 0.0, seen: 0.0 }
    }

    /// The price of a sample for the next problem, on a grid of eighths of an octave, so that plans
    /// can be kept.
    pub fn price(&self) -> f64 {
        let push = (self.debt / Self::PATIENCE).clamp(-Self::MOST, Self::MOST);
        let log = (self.log_base + push).clamp((1e-7f64).ln(), 1f64.ln());
        ((log / std::f64::consts::LN_2 * 8.0).round() / 8.0).exp2()
    }

    /// Takes in what a problem spent.
    pub fn observe(&mut self, spent: f64) {
        let error = spent / self.target - 1.0;
        if error.is_finite() {
            self.debt += error;
            // One huge problem is paid off by the fast loop and says little about the others.
            let gain = (Self::GAINS.0 / (1.0 + self.seen / Self::WARM_UP)).max(Self::GAINS.1);
            self.log_base = (self.log_base + gain * error.clamp(-1.0, 3.0)).clamp((1e-7f64).ln(), 0.0);
            self.seen += 1.0;
        }
    }

    /// What was spent above the target so far, in problems' worth of the target.
    pub fn debt(&self) -> f64 {
        self.debt
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Spending falls with the price as `level * (1 - ln price)`.
    fn spend(level: f64, price: f64) -> f64 {
        (level * (1.0 - price.ln())).clamp(1.0, 40.0)
    }

    proptest! {
        #[test]
        fn the_average_comes_to_the_target(level in 0.8f64..2.0, target in 4.0f64..9.0) {
            let mut controller = PriceController::new(target, 1e-3);
            let mut sum = 0.0;
            for _ in 0..1_000 {
                let spent = spend(level, controller.price());
                controller.observe(spent);
                sum += spent;
            }
            prop_assert!((sum / 1_000.0 / target - 1.0).abs() < 0.02, "{sum}");
        }

        #[test]
        fn the_price_stays_within_reason(spent in proptest::collection::vec(0.0f64..1e6, 0..50)) {
            let mut controller = PriceController::new(5.0, 1e-3);
            for s in spent {
                controller.observe(s);
            }
            prop_assert!((5e-8..=1.1).contains(&controller.price()));
        }
    }
}
