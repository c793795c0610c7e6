//! Operations on the rows of an activation: RMSNorm, SwiGLU, rotary positions, the softmax of the
//! loss. Each is one pass over memory.

use super::math::{exp_sum, max, sigmoid, sum2};
use pulp::Arch;

/// RMSNorm (Zhang and Sennrich 2019, eq. 4): y = gain · x / sqrt(mean(x²) + eps), row by row.
/// `inverse` gets 1 / sqrt(mean(x²) + eps) of each row.
pub(crate) fn rms_norm(x: &[f32], gain: &[f32], eps: f32, y: &mut [f32], inverse: &mut [f32]) {
    let d = gain.len();
    Arch::new().dispatch(
        #[inline(always)]
        || {
            for ((x, y), inverse) in x.chunks_exact(d).zip(y.chunks_exact_mut(d)).zip(inverse) {
                *inverse = (sum2(x, x, |a, b| a * b) / d as f32 + eps).sqrt().recip();
                for ((y, x), gain) in y.iter_mut().zip(x).zip(gain) {
                    *y = *x * *inverse * *gain;
                }
            }
        },
    );
}

/// What the gradient of a norm needs from the forward pass.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Normed<'a> {
    /// Its input, `[rows, d]`.
    pub(crate) x: &'a [f32],
    /// Its gain, `[d]`.
    pub(crate) gain: &'a [f32],
    /// 1 / sqrt(mean(x²) + eps), `[rows]`.
    pub(crate) inverse: &'a [f32],
}

/// Adds the gradient of [`rms_norm`] to `dx` and `dgain`, given `dy`.
pub(crate) fn rms_norm_back(of: Normed<'_>, dy: &[f32], dx: &mut [f32], dgain: &mut [f32]) {
    let d = of.gain.len();
    Arch::new().dispatch(
        #[inline(always)]
        || {
            let rows = of.x.chunks_exact(d).zip(dy.chunks_exact(d)).zip(dx.chunks_exact_mut(d));
            for (((x, dy), dx), &inverse) in rows.zip(of.inverse) {
                let mut dot = [0.0_f32; 16];
                let mut rest = 0.0;
                for i in 0..d / 16 {
                    for lane in 0..16 {
                        let at = i * 16 + lane;
                        dot[lane] += dy[at] * of.gain[at] * x[at];
                    }
                }
                for at in d / 16 * 16..d {
                    rest += dy[at] * of.gain[at] * x[at];
                }
                let along = (dot.iter().sum::<f32>() + rest) * inverse * inverse * inverse / d as f32;
                for i in 0..d {
                    dx[i] += inverse * of.gain[i] * dy[i] - along * x[i];
                    dgain[i] += dy[i] * x[i] * inverse;
                }
            }
        },
    );
}

/// SwiGLU (Shazeer 2020, eq. 5): y = silu(gate) · up; a row of `gate_up` holds the gates, then the
/// ups, `width` each.
pub(crate) fn swiglu(gate_up: &[f32], width: usize, y: &mut [f32]) {
    Arch::new().dispatch(
        #[inline(always)]
        || {
            for (row, y) in gate_up.chunks_exact(2 * width).zip(y.chunks_exact_mut(width)) {
                let (gate, up) = row.split_at(width);
                for i in 0..width {
                    y[i] = gate[i] * sigmoid(gate[i]) * up[i];
                }
            }
        },
    );
}

/// The gradient of [`swiglu`]: replaces `gate_up` by its gradient, given `dy`.
pub(crate) fn swiglu_back(gate_up: &mut [f32], width: usize, dy: &[f32]) {
    Arch::new().dispatch(
        #[inline(always)]
        || {
            for (row, dy) in gate_up.chunks_exact_mut(2 * width).zip(dy.chunks_exact(width)) {
                let (gate, up) = row.split_at_mut(width);
                for i in 0..width {
                    let s = sigmoid(gate[i]);
                    let silu = gate[i] * s;
                    gate[i] = dy[i] * up[i] * (s + silu * (1.0 - s));
                    up[i] = dy[i] * silu;
                }
            }
        },
    );
}

/// Cosines and sines of rotary positions (Su et al. 2021, eq. 34), pairs of neighbours, as
/// llama.cpp has it for the architecture `llama`.
#[derive(Debug, Clone)]
pub(crate) struct Rotary {
    /// `[positions, pairs]` of (cosine, sine).
    table: Vec<[f32; 2]>,
    pairs: usize,
}

impl Rotary {
    /// For positions below `positions` and heads of `width` dimensions.
    pub(crate) fn new(positions: usize, width: usize, theta: f64) -> Self {
        let pairs = width / 2;
        let table = (0..positions)
            .flat_map(|position| {
                (0..pairs).map(move |pair| {
                    let angle = position as f64 * theta.powf(-2.0 * pair as f64 / width as f64);
                    [angle.cos() as f32, angle.sin() as f32]
                })
            })
            .collect();
        Self { table, pairs }
    }

    /// Turns all heads in `row` by `position`; `back` turns the other way, which is the gradient.
    pub(crate) fn turn(&self, row: &mut [f32], position: usize, back: bool) {
        let angles = &self.table[position * self.pairs..][..self.pairs];
        let sign = if back { -1.0 } else { 1.0 };
        Arch::new().dispatch(
            #[inline(always)]
            || {
                for head in row.chunks_exact_mut(2 * self.pairs) {
                    for ([x, y], [cos, sin]) in head.as_chunks_mut::<2>().0.iter_mut().zip(angles) {
                        let sin = sin * sign;
                        (*x, *y) = (*x * cos - *y * sin, *x * sin + *y * cos);
                    }
                }
            },
        );
    }
}

/// Replaces a row of logits by its probabilities and returns the log-probability of `target`.
pub(crate) fn softmax_log_prob(logits: &mut [f32], target: usize) -> f32 {
    Arch::new().dispatch(
        #[inline(always)]
        || {
            let most = max(logits);
            let at = logits[target];
            let sum = exp_sum(logits, 1.0, most);
            let scale = sum.recip();
            for p in logits.iter_mut() {
                *p *= scale;
            }
            at - most - sum.ln()
        },
    )
}

/// The gradient of a loss of slope `slope` in the log-probability of `target`: replaces a row of
/// probabilities by the gradient in its logits, slope · (onehot − p).
pub(crate) fn softmax_back(probabilities: &mut [f32], target: usize, slope: f32) {
    Arch::new().dispatch(
        #[inline(always)]
        || probabilities.iter_mut().for_each(|p| *p *= -slope),
    );
    probabilities[target] += slope;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::check::{check_gradient, numbers};

    const ROWS: usize = 3;

    #[test]
    fn gradient_of_rms_norm() {
        for d in [8, 16, 40] {
            let (x, gain, dy) = (numbers(ROWS * d, 1), numbers(d, 2), numbers(ROWS * d, 3));
            let norm = |x: &[f32], gain: &[f32]| {
                let (mut y, mut inverse) = (vec![0.0; ROWS * d], vec![0.0; ROWS]);
                rms_norm(x, gain, 1e-5, &mut y, &mut inverse);
                (y, inverse)
            };
            let inverse = norm(&x, &gain).1;
            // Both gradients are added to what is there.
            let (mut dx, mut dgain) = (vec![1.0; ROWS * d], vec![2.0; d]);
            rms_norm_back(Normed { x: &x, gain: &gain, inverse: &inverse }, &dy, &mut dx, &mut dgain);
            let dx: Vec<f32> = dx.iter().map(|v| v - 1.0).collect();
            let dgain: Vec<f32> = dgain.iter().map(|v| v - 2.0).collect();
            check_gradient(&x, &dy, &dx, |x| norm(x, &gain).0);
            check_gradient(&gain, &dy, &dgain, |gain| norm(&x, gain).0);
        }
    }

    #[test]
    fn gradient_of_swiglu() {
        for width in [5, 16, 33] {
            let (x, dy) = (numbers(ROWS * 2 * width, 4), numbers(ROWS * width, 5));
            let mut dx = x.clone();
            swiglu_back(&mut dx, width, &dy);
            check_gradient(&x, &dy, &dx, |x| {
                let mut y = vec![0.0; ROWS * width];
                swiglu(x, width, &mut y);
                y
            });
        }
    }

    #[test]
    fn gradient_of_rotary_positions_and_their_length() {
        let rotary = Rotary::new(8, 16, 10_000.0);
        let (x, dy) = (numbers(32, 6), numbers(32, 7));
        for position in [0, 1, 7] {
            let mut dx = dy.clone();
            rotary.turn(&mut dx, position, true);
            check_gradient(&x, &dy, &dx, |x| {
                let mut y = x.to_vec();
                rotary.turn(&mut y, position, false);
                y
            });
            let mut there_and_back = x.clone();
            rotary.turn(&mut there_and_back, position, false);
            assert_eq!(position == 0, there_and_back == x);
            rotary.turn(&mut there_and_back, position, true);
            assert!(there_and_back.iter().zip(&x).all(|(a, b)| (a - b).abs() < 1e-6));
        }
    }

    #[test]
    fn gradient_of_the_loss() {
        for vocab in [7, 64, 259] {
            let logits = numbers(vocab, 8);
            let mut gradient = logits.clone();
            softmax_log_prob(&mut gradient, 3);
            assert!((gradient.iter().sum::<f32>() - 1.0).abs() < 1e-5);
            softmax_back(&mut gradient, 3, -1.5);
            check_gradient(&logits, &[-1.5], &gradient, |x| vec![softmax_log_prob(&mut x.to_vec(), 3)]);
        }
    }

    #[test]
    fn large_logits_do_not_overflow() {
        let mut logits = vec![1e4, -1e4, 0.0];
        assert_eq!(softmax_log_prob(&mut logits, 0), 0.0);
        let mut logits = vec![1e4, -1e4, 0.0];
        assert_eq!(softmax_log_prob(&mut logits, 1), -2e4);
    }
}
