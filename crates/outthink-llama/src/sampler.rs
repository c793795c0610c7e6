//! Drawing a token from logits, without sorting the vocabulary.

use crate::options::{DEFAULT_MIN_P, DEFAULT_TEMPERATURE, DEFAULT_TOP_K, DEFAULT_TOP_P};
use outthink_core::{Sampling, derive_seed};

/// Candidates so much less probable than the best one are never drawn: exp(-30) is 1e-13.
const NEGLIGIBLE: f32 = 30.0;
const LANES: usize = 16;

/// Draws the tokens of one sample.
#[derive(Debug)]
pub(crate) struct Sampler {
    temperature: f32,
    top_k: usize,
    top_p: f32,
    min_p: f32,
    seed: u64,
    drawn: u64,
    candidates: Vec<(f32, u32)>,
}

impl Sampler {
    pub(crate) fn new(sampling: &Sampling, seed: u64) -> Self {
        Self {
            temperature: sampling.temperature.unwrap_or(DEFAULT_TEMPERATURE).max(0.0) as f32,
            top_k: sampling.top_k.unwrap_or(DEFAULT_TOP_K) as usize,
            top_p: sampling.top_p.unwrap_or(DEFAULT_TOP_P) as f32,
            min_p: sampling.min_p.unwrap_or(DEFAULT_MIN_P) as f32,
            seed,
            drawn: 0,
            candidates: Vec::new(),
        }
    }

    /// The next token. `logits` has one value for each token of the vocabulary.
    pub(crate) fn draw(&mut self, logits: &[f32]) -> u32 {
        if self.temperature <= 0.0 || self.top_k == 1 {
            return argmax(logits);
        }
        self.select(logits);
        let best = self.candidates.first().map_or(0.0, |c| c.0);
        let mut total = 0.0;
        for candidate in &mut self.candidates {
            candidate.0 = ((candidate.0 - best) / self.temperature).exp();
            total += candidate.0;
        }
        // The candidates are sorted, so both limits cut off a tail.
        let mut kept = 0;
        let mut mass = 0.0;
        for &(weight, _) in &self.candidates {
            if kept > 0 && (mass >= self.top_p * total || weight < self.min_p) {
                break;
            }
            mass += weight;
            kept += 1;
        }
        let mut left = self.uniform() * mass;
        for &(weight, token) in &self.candidates[..kept] {
            left -= weight;
            if left < 0.0 {
                return token;
            }
        }
        self.candidates.get(kept.saturating_sub(1)).map_or(0, |c| c.1)
    }

    /// Fills `candidates` with the best tokens, best first.
    fn select(&mut self, logits: &[f32]) {
        self.candidates.clear();
        let floor = max(logits) - NEGLIGIBLE * self.temperature;
        let k = if self.top_k == 0 { logits.len() } else { self.top_k };
        let mut bar = floor;
        let room = k.saturating_mul(2).max(256);
        for (block, values) in logits.chunks(LANES).enumerate() {
            if max(values) < bar {
                continue;
            }
            for (lane, &value) in values.iter().enumerate() {
                if value >= bar {
                    self.candidates.push((value, (block * LANES + lane) as u32));
                }
            }
            if k < logits.len() && self.candidates.len() >= room {
                self.shrink(k);
                bar = self.candidates.iter().map(|c| c.0).fold(f32::INFINITY, f32::min);
            }
        }
        self.shrink(k);
        self.candidates.sort_unstable_by(order);
    }

    fn shrink(&mut self, k: usize) {
        if self.candidates.len() > k {
            self.candidates.select_nth_unstable_by(k - 1, order);
            self.candidates.truncate(k);
        }
    }

    fn uniform(&mut self) -> f32 {
        self.drawn += 1;
        (derive_seed(self.seed, self.drawn) >> 40) as f32 / (1_u64 << 24) as f32
    }
}

/// Best first; equal ones by token, so that the order is total.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape that sorting asks for")]
fn order(a: &(f32, u32), b: &(f32, u32)) -> std::cmp::Ordering {
    b.0.total_cmp(&a.0).then(a.1.cmp(&b.1))
}

/// The most probable token, the first one of equals.
pub(crate) fn argmax(logits: &[f32]) -> u32 {
    let best = max(logits);
    logits.iter().position(|&l| l >= best).unwrap_or(0) as u32
}

fn max(values: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let (chunks, rest) = values.as_chunks::<LANES>();
    for chunk in chunks {
        for (lane, &value) in lanes.iter_mut().zip(chunk) {
            *lane = if value > *lane { value } else { *lane };
        }
    }
    lanes.iter().chain(rest).copied().fold(f32::NEG_INFINITY, f32::max)
}

/// Natural log-probability of `token` under the plain softmax of `logits`, before temperature and
/// the limits on candidates.
pub(crate) fn log_probability(logits: &[f32], token: u32) -> f32 {
    let best = max(logits);
    let mut lanes = [0.0_f32; LANES];
    let (chunks, rest) = logits.as_chunks::<LANES>();
    for chunk in chunks {
        for (lane, &value) in lanes.iter_mut().zip(chunk) {
            *lane += exp(value - best);
        }
    }
    let sum: f32 = lanes.iter().sum::<f32>() + rest.iter().map(|&v| exp(v - best)).sum::<f32>();
    (logits.get(token as usize).map_or(f32::NEG_INFINITY, |l| l - best) - sum.ln()).min(0.0)
}

/// Minus the mean log-probability of the `over` most probable tokens: the token confidence of
/// `DeepConf` (Fu et al. 2025, equation 2).
pub(crate) fn confidence(logits: &[f32], over: usize) -> f32 {
    let over = over.clamp(1, logits.len().max(1));
    let mut best: Vec<f32> = Vec::with_capacity(2 * over);
    let mut bar = f32::NEG_INFINITY;
    for &value in logits {
        if value > bar {
            best.push(value);
            if best.len() == 2 * over {
                best.select_nth_unstable_by(over - 1, |a, b| b.total_cmp(a));
                best.truncate(over);
                bar = best.iter().copied().fold(f32::INFINITY, f32::min);
            }
        }
    }
    best.sort_unstable_by(|a, b| b.total_cmp(a));
    best.truncate(over);
    let Some(&first) = best.first() else { return 0.0 };
    let top = log_probability(logits, argmax(logits));
    // Differences of logits are those of log-probabilities.
    let mean = best.iter().map(|&l| l - first + top).sum::<f32>() / best.len() as f32;
    -mean
}

/// `e^x` for `x <= 0` within 1e-6, in a form that compilers turn into vector instructions.
fn exp(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0; // 1.5 * 2^23: adding it rounds to an integer
    let x = x.max(-87.0);
    let z = x * std::f32::consts::LOG2_E + ROUND;
    let r = x - (z - ROUND) * std::f32::consts::LN_2;
    let p = 1.0 + r * (1.0 + r * (0.5 + r * (1.0 / 6.0 + r * (1.0 / 24.0 + r * (1.0 / 120.0 + r / 720.0)))));
    p * f32::from_bits(z.to_bits().wrapping_add(127) << 23)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logits() -> Vec<f32> {
        (0..5_003_u64).map(|i| (derive_seed(7, i) % 10_000) as f32 / 700.0).collect()
    }

    #[test]
    fn the_best_tokens_are_found() {
        let logits = logits();
        let mut sampler = Sampler::new(&Sampling { top_k: Some(40), ..Sampling::default() }, 1);
        sampler.select(&logits);
        let mut all: Vec<(f32, u32)> = logits.iter().copied().zip(0..).collect();
        all.sort_unstable_by(order);
        assert_eq!(sampler.candidates, all[..40]);
        assert_eq!(argmax(&logits), all[0].1);
    }

    #[test]
    fn log_probabilities_are_those_of_the_softmax() {
        let logits = logits();
        let sum: f64 = logits.iter().map(|&l| f64::from(l).exp()).sum();
        for token in [0, 17, 5_002] {
            let exact = f64::from(logits[token as usize]) - sum.ln();
            assert!((f64::from(log_probability(&logits, token)) - exact).abs() < 1e-4);
        }
    }

    #[test]
    fn confidence_is_that_of_the_best_candidates() {
        let logits = logits();
        let mut all: Vec<f32> = (0..logits.len() as u32).map(|t| log_probability(&logits, t)).collect();
        all.sort_unstable_by(|a, b| b.total_cmp(a));
        for over in [1, 20] {
            let exact = -all[..over].iter().sum::<f32>() / over as f32;
            assert!((confidence(&logits, over) - exact).abs() < 1e-4);
        }
    }

    #[test]
    fn draws_follow_the_probabilities() {
        let logits = [0.0, 1.0_f32.exp().ln(), 2.0_f32.ln() + 1.0];
        let sampling = Sampling { temperature: Some(1.0), top_p: Some(1.0), top_k: Some(0), ..Sampling::default() };
        let mut sampler = Sampler::new(&sampling, 3);
        let mut counts = [0_u32; 3];
        for _ in 0..20_000 {
            counts[sampler.draw(&logits) as usize] += 1;
        }
        let total: f32 = logits.iter().map(|l| l.exp()).sum();
        for (count, logit) in counts.iter().zip(logits) {
            assert!((*count as f32 / 20_000.0 - logit.exp() / total).abs() < 0.015);
        }
    }
}
